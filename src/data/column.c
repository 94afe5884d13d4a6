/* Column memory, copying and comparing. Loops over rows are written per physical form, outside of
 * the switch on it: the type is looked at once per column and call, not once per value. Only the
 * row-at-a-time functions (lt_col_copy_value, _value_eq, _value_cmp) switch per value; they serve
 * nested types and cold paths.
 *
 * Growing the children of a LIST allocates new arrays in the arena and copies: spans are indices,
 * so they stay right. */
#include "data/column.h"

#define COL_ALIGN 64
/* A gathered column gets a bitmap that covers a whole batch, so that it can be written to up to
 * there. */
#define VALID_ROWS_MIN 4096

/* MULTISET counts are columns of their own, though the type does not name them. */
static const lt_type count_type = {.kind = LT_TYPE_INT, .nullable = false};

static uint32_t child_count_of(const lt_type *type)
{
    return type->kind == LT_TYPE_MULTISET ? 2 : type->field_count;
}

static const lt_type *child_type_of(const lt_type *type, uint32_t i)
{
    return i < type->field_count ? type->fields[i].type : &count_type;
}

static void *alloc_data(lt_phys phys, uint32_t capacity, lt_arena *arena)
{
    /* A few bytes even for no rows: kernels may read data[0] of an empty column. */
    size_t size = lt_phys_size(phys) * ((size_t)capacity + 1);
    if (phys == LT_PHYS_STR || phys == LT_PHYS_LIST) {
        return lt_arena_zalloc(arena, size, COL_ALIGN);
    }
    return lt_arena_alloc(arena, size, COL_ALIGN);
}

bool lt_col_init(lt_col *col, const lt_type *type, uint32_t capacity, lt_arena *arena)
{
    memset(col, 0, sizeof *col);
    col->type = type;
    col->phys = lt_type_phys(type);
    if (lt_phys_size(col->phys) > 0) {
        col->data = alloc_data(col->phys, capacity, arena);
        if (!col->data) {
            return false;
        }
    }
    col->child_count = child_count_of(type);
    if (col->child_count == 0) {
        return true;
    }
    col->children = LT_NEW_ARRAY(arena, lt_col, col->child_count);
    if (!col->children) {
        return false;
    }
    for (uint32_t i = 0; i < col->child_count; i++) {
        if (!lt_col_init(&col->children[i], child_type_of(type, i), capacity, arena)) {
            return false;
        }
    }
    col->child_cap = col->phys == LT_PHYS_LIST ? capacity : 0;
    return true;
}

uint64_t *lt_col_need_valid(lt_col *col, uint32_t capacity, lt_arena *arena)
{
    if (!col->valid) {
        size_t size = lt_bits_bytes(capacity > 0 ? capacity : 1);
        col->valid = lt_arena_alloc(arena, size, 8);
        if (col->valid) {
            memset(col->valid, 0xff, size);
        }
    }
    return col->valid;
}

/* Moves a column's first `used` values to arrays for new_cap values. On failure the column is
 * unchanged or its children are partly moved, which is consistent all the same. */
static bool col_grow(lt_col *col, uint32_t used, uint32_t new_cap, lt_arena *arena)
{
    for (uint32_t i = 0; col->phys == LT_PHYS_STRUCT && i < col->child_count; i++) {
        if (!col_grow(&col->children[i], used, new_cap, arena)) {
            return false;
        }
    }
    size_t size = lt_phys_size(col->phys);
    void *data = NULL;
    if (size > 0) {
        data = alloc_data(col->phys, new_cap, arena);
        if (!data) {
            return false;
        }
        if (used > 0) {
            memcpy(data, col->data, size * used);
        }
    }
    if (col->valid) {
        uint64_t *old = col->valid;
        col->valid = NULL;
        if (!lt_col_need_valid(col, new_cap, arena)) {
            col->valid = old;
            return false;
        }
        memcpy(col->valid, old, lt_bits_bytes(used));
        if (used & 63) {
            col->valid[used >> 6] |= ~0ULL << (used & 63);
        }
    }
    col->data = data;
    return true;
}

bool lt_col_reserve_children(lt_col *col, uint32_t more, lt_arena *arena)
{
    LT_ASSERT(col->phys == LT_PHYS_LIST);
    if (more <= col->child_cap - col->child_len) {
        return true;
    }
    uint64_t need = (uint64_t)col->child_len + more;
    uint64_t cap = LT_MAX(LT_MAX(need, (uint64_t)col->child_cap * 2), 16);
    if (need > INT32_MAX) {
        return false;
    }
    cap = LT_MIN(cap, (uint64_t)INT32_MAX);
    for (uint32_t i = 0; i < col->child_count; i++) {
        if (!col_grow(&col->children[i], col->child_len, (uint32_t)cap, arena)) {
            return false;
        }
    }
    col->child_cap = (uint32_t)cap;
    return true;
}

/* ---- copying ---- */

static bool strv_copy(lt_strv *to, const lt_strv *from, lt_arena *arena)
{
    if (from->len <= LT_STRV_INLINE_MAX) {
        *to = *from;
        return true;
    }
    char *bytes = lt_arena_alloc(arena, from->len, 1);
    if (!bytes) {
        return false;
    }
    memcpy(bytes, lt_strv_ptr(from), from->len);
    *to = lt_strv_make(bytes, from->len);
    return true;
}

static bool copy_null(lt_col *dst, uint32_t row, uint32_t capacity, lt_arena *arena)
{
    uint64_t *valid = lt_col_need_valid(dst, capacity, arena);
    if (!valid) {
        return false;
    }
    lt_bit_clear(valid, row);
    size_t size = lt_phys_size(dst->phys);
    if (size > 0) {
        memset((char *)dst->data + size * row, 0, size);
    }
    for (uint32_t i = 0; dst->phys == LT_PHYS_STRUCT && i < dst->child_count; i++) {
        if (!copy_null(&dst->children[i], row, capacity, arena)) {
            return false;
        }
    }
    return true;
}

static bool copy_span(lt_col *dst, uint32_t row, const lt_col *src, uint32_t src_row,
                      bool copy_bytes, lt_arena *arena)
{
    lt_span span = LT_COL_DATA(src, lt_span)[src_row];
    if (!lt_col_reserve_children(dst, span.count, arena)) {
        return false;
    }
    uint32_t start = dst->child_len;
    for (uint32_t i = 0; i < dst->child_count; i++) {
        for (uint32_t k = 0; k < span.count; k++) {
            if (!lt_col_copy_value(&dst->children[i], start + k, dst->child_cap, &src->children[i],
                                   span.start + k, copy_bytes, arena)) {
                return false;
            }
        }
    }
    dst->child_len = start + span.count;
    LT_COL_DATA(dst, lt_span)[row] = (lt_span){start, span.count};
    return true;
}

bool lt_col_copy_value(lt_col *dst, uint32_t dst_row, uint32_t dst_capacity, const lt_col *src,
                       uint32_t src_row, bool copy_bytes, lt_arena *arena)
{
    LT_DCHECK(dst->phys == src->phys && dst->child_count == src->child_count);
    LT_DCHECK(dst_row < dst_capacity);
    if (lt_col_is_null(src, src_row)) {
        return copy_null(dst, dst_row, dst_capacity, arena);
    }
    if (dst->valid) {
        lt_bit_set(dst->valid, dst_row);
    }
    switch (dst->phys) {
    case LT_PHYS_STR: {
        const lt_strv *from = &LT_COL_DATA(src, lt_strv)[src_row];
        lt_strv *to = &LT_COL_DATA(dst, lt_strv)[dst_row];
        if (copy_bytes) {
            return strv_copy(to, from, arena);
        }
        *to = *from;
        return true;
    }
    case LT_PHYS_LIST:
        return copy_span(dst, dst_row, src, src_row, copy_bytes, arena);
    case LT_PHYS_STRUCT:
        for (uint32_t i = 0; i < dst->child_count; i++) {
            if (!lt_col_copy_value(&dst->children[i], dst_row, dst_capacity, &src->children[i],
                                   src_row, copy_bytes, arena)) {
                return false;
            }
        }
        return true;
    case LT_PHYS_NONE:
    case LT_PHYS_BOOL:
    case LT_PHYS_I8:
    case LT_PHYS_I16:
    case LT_PHYS_I32:
    case LT_PHYS_I64:
    case LT_PHYS_I128:
    case LT_PHYS_F32:
    case LT_PHYS_F64:
    case LT_PHYS_TS9:
        break;
    }
    size_t size = lt_phys_size(dst->phys);
    if (size > 0) {
        memcpy((char *)dst->data + size * dst_row, (const char *)src->data + size * src_row, size);
    }
    return true;
}

#define LT_DEFINE_GATHER(NAME, T)                                                                 \
    static void NAME(void *restrict dst, const void *restrict src, const uint32_t *restrict rows, \
                     uint32_t count)                                                              \
    {                                                                                             \
        T *to = dst;                                                                              \
        const T *from = src;                                                                      \
        for (uint32_t i = 0; i < count; i++) {                                                    \
            to[i] = from[rows[i]];                                                                \
        }                                                                                         \
    }
LT_DEFINE_GATHER(gather_8, uint8_t)
LT_DEFINE_GATHER(gather_16, uint16_t)
LT_DEFINE_GATHER(gather_32, uint32_t)
LT_DEFINE_GATHER(gather_64, uint64_t)
LT_DEFINE_GATHER(gather_128, lt_strv) /* 16 bytes without an alignment of 16 */

static void gather_fixed(lt_col *dst, const lt_col *src, const uint32_t *rows, uint32_t count)
{
    size_t size = lt_phys_size(dst->phys);
    if (size == 0 || count == 0) {
        return;
    }
    if (!rows) {
        memcpy(dst->data, src->data, size * count);
    } else if (size == 1) {
        gather_8(dst->data, src->data, rows, count);
    } else if (size == 2) {
        gather_16(dst->data, src->data, rows, count);
    } else if (size == 4) {
        gather_32(dst->data, src->data, rows, count);
    } else if (size == 8) {
        gather_64(dst->data, src->data, rows, count);
    } else {
        LT_ASSERT(size == 16);
        gather_128(dst->data, src->data, rows, count);
    }
}

static bool gather_valid(lt_col *dst, const lt_col *src, const uint32_t *rows, uint32_t count,
                         lt_arena *arena)
{
    if (!src->valid) {
        if (dst->valid) {
            memset(dst->valid, 0xff, lt_bits_bytes(count));
        }
        return true;
    }
    uint64_t *valid = lt_col_need_valid(dst, LT_MAX(count, (uint32_t)VALID_ROWS_MIN), arena);
    if (!valid) {
        return false;
    }
    if (!rows) {
        memcpy(valid, src->valid, lt_bits_bytes(count));
        return true;
    }
    for (uint32_t i = 0; i < count; i += 64) {
        uint64_t word = 0;
        uint32_t end = LT_MIN(count - i, 64U);
        for (uint32_t k = 0; k < end; k++) {
            word |= (uint64_t)lt_bit_get(src->valid, rows[i + k]) << k;
        }
        valid[i >> 6] = word;
    }
    return true;
}

/* Gives the long strings of a gathered column bytes of their own, in one allocation. */
static bool own_strings(lt_col *col, uint32_t count, lt_arena *arena)
{
    lt_strv *views = col->data;
    size_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (lt_col_is_null(col, i)) {
            memset(&views[i], 0, sizeof views[i]); /* may point anywhere */
        }
        total += views[i].len > LT_STRV_INLINE_MAX ? views[i].len : 0;
    }
    if (total == 0) {
        return true;
    }
    char *at = lt_arena_alloc(arena, total, 1);
    if (!at) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t len = views[i].len;
        if (len > LT_STRV_INLINE_MAX) {
            memcpy(at, lt_strv_ptr(&views[i]), len);
            views[i] = lt_strv_make(at, len);
            at += len;
        }
    }
    return true;
}

static bool gather_lists(lt_col *dst, const lt_col *src, const uint32_t *rows, uint32_t count,
                         bool copy_bytes, lt_arena *arena)
{
    dst->child_len = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = rows ? rows[i] : i;
        if (lt_col_is_null(src, row)) {
            LT_COL_DATA(dst, lt_span)[i] = (lt_span){0, 0};
        } else if (!copy_span(dst, i, src, row, copy_bytes, arena)) {
            return false;
        }
    }
    return true;
}

bool lt_col_gather(lt_col *dst, const lt_col *src, const uint32_t *rows, uint32_t count,
                   bool copy_bytes, lt_arena *arena)
{
    LT_ASSERT(dst->phys == src->phys && dst->child_count == src->child_count);
    if (!gather_valid(dst, src, rows, count, arena)) {
        return false;
    }
    if (dst->phys == LT_PHYS_LIST) {
        return gather_lists(dst, src, rows, count, copy_bytes, arena);
    }
    for (uint32_t i = 0; i < dst->child_count; i++) {
        if (!lt_col_gather(&dst->children[i], &src->children[i], rows, count, copy_bytes, arena)) {
            return false;
        }
    }
    gather_fixed(dst, src, rows, count);
    return dst->phys != LT_PHYS_STR || !copy_bytes || own_strings(dst, count, arena);
}

/* ---- comparing ---- */

int lt_strv_cmp(const lt_strv *a, const lt_strv *b)
{
    uint32_t len = LT_MIN(a->len, b->len);
    int order = memcmp(lt_strv_ptr(a), lt_strv_ptr(b), len);
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

/* Not a number sorts above everything and equals itself; the zeros are equal. */
static int cmp_f64(double a, double b)
{
    bool a_nan = a != a;
    bool b_nan = b != b;
    if (a_nan || b_nan) {
        return a_nan - b_nan;
    }
    return (a > b) - (a < b);
}

static int cmp_span(const lt_col *a, uint32_t a_row, const lt_col *b, uint32_t b_row)
{
    lt_span left = LT_COL_DATA(a, lt_span)[a_row];
    lt_span right = LT_COL_DATA(b, lt_span)[b_row];
    uint32_t count = LT_MIN(left.count, right.count);
    for (uint32_t k = 0; k < count; k++) {
        for (uint32_t i = 0; i < a->child_count; i++) {
            int order =
                lt_col_value_cmp(&a->children[i], left.start + k, &b->children[i], right.start + k);
            if (order) {
                return order;
            }
        }
    }
    return (left.count > right.count) - (left.count < right.count);
}

#define CMP_AS(T)                               \
    do {                                        \
        T left = LT_COL_DATA(a, T)[a_row];      \
        T right = LT_COL_DATA(b, T)[b_row];     \
        return (left > right) - (left < right); \
    } while (0)

int lt_col_value_cmp(const lt_col *a, uint32_t a_row, const lt_col *b, uint32_t b_row)
{
    LT_DCHECK(a->phys == b->phys);
    bool a_null = lt_col_is_null(a, a_row);
    bool b_null = lt_col_is_null(b, b_row);
    if (a_null || b_null) {
        return b_null - a_null;
    }
    switch (a->phys) {
    case LT_PHYS_NONE:
        return 0;
    case LT_PHYS_BOOL:
        CMP_AS(uint8_t);
    case LT_PHYS_I8:
        CMP_AS(int8_t);
    case LT_PHYS_I16:
        CMP_AS(int16_t);
    case LT_PHYS_I32:
        CMP_AS(int32_t);
    case LT_PHYS_I64:
        CMP_AS(int64_t);
    case LT_PHYS_I128:
        CMP_AS(lt_i128);
    case LT_PHYS_F32:
        return cmp_f64((double)LT_COL_DATA(a, float)[a_row], (double)LT_COL_DATA(b, float)[b_row]);
    case LT_PHYS_F64:
        return cmp_f64(LT_COL_DATA(a, double)[a_row], LT_COL_DATA(b, double)[b_row]);
    case LT_PHYS_STR:
        return lt_strv_cmp(&LT_COL_DATA(a, lt_strv)[a_row], &LT_COL_DATA(b, lt_strv)[b_row]);
    case LT_PHYS_TS9: {
        lt_ts9 left = LT_COL_DATA(a, lt_ts9)[a_row];
        lt_ts9 right = LT_COL_DATA(b, lt_ts9)[b_row];
        int order = (left.ms > right.ms) - (left.ms < right.ms);
        return order ? order : (left.ns_of_ms > right.ns_of_ms) - (left.ns_of_ms < right.ns_of_ms);
    }
    case LT_PHYS_LIST:
        return cmp_span(a, a_row, b, b_row);
    case LT_PHYS_STRUCT:
        for (uint32_t i = 0; i < a->child_count; i++) {
            int order = lt_col_value_cmp(&a->children[i], a_row, &b->children[i], b_row);
            if (order) {
                return order;
            }
        }
        return 0;
    }
    return 0;
}

static bool children_eq(const lt_col *a, uint32_t a_row, const lt_col *b, uint32_t b_row)
{
    for (uint32_t i = 0; i < a->child_count; i++) {
        if (!lt_col_value_eq(&a->children[i], a_row, &b->children[i], b_row)) {
            return false;
        }
    }
    return true;
}

/* Arrays item by item; the entries of MAP and MULTISET, whose keys differ, in any order. */
static bool spans_eq(const lt_col *a, lt_span left, const lt_col *b, lt_span right)
{
    if (left.count != right.count) {
        return false;
    }
    bool ordered = a->type->kind == LT_TYPE_ARRAY;
    for (uint32_t i = 0; i < left.count; i++) {
        if (children_eq(a, left.start + i, b, right.start + i)) {
            continue;
        }
        uint32_t k = ordered ? right.count : 0;
        while (k < right.count && !children_eq(a, left.start + i, b, right.start + k)) {
            k++;
        }
        if (k == right.count) {
            return false;
        }
    }
    return true;
}

bool lt_col_value_eq(const lt_col *a, uint32_t a_row, const lt_col *b, uint32_t b_row)
{
    bool a_null = lt_col_is_null(a, a_row), b_null = lt_col_is_null(b, b_row);
    if (a_null || b_null) {
        return a_null && b_null;
    }
    if (a->phys == LT_PHYS_STR) {
        return lt_strv_eq(&LT_COL_DATA(a, lt_strv)[a_row], &LT_COL_DATA(b, lt_strv)[b_row]);
    }
    if (a->phys == LT_PHYS_STRUCT) {
        return children_eq(a, a_row, b, b_row);
    }
    if (a->phys == LT_PHYS_LIST) {
        return spans_eq(a, LT_COL_DATA(a, lt_span)[a_row], b, LT_COL_DATA(b, lt_span)[b_row]);
    }
    return lt_col_value_cmp(a, a_row, b, b_row) == 0;
}
