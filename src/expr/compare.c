/* Comparison: = <> < <= > >=, IS DISTINCT FROM, BETWEEN, IN, GREATEST, LEAST. A literal always
 * stands on the right: operators are mirrored. */
#include "base/compiler.h"

#if LT_HAVE_X86_64
#include <immintrin.h>
#endif

#include "expr/bytes.h"
#include "expr/cast.h"
#include "expr/families.h"
#include "expr/kernel.h"

#define CMP_BODY(T, TEST)                                                                        \
    do {                                                                                         \
        const T *restrict a = LT_ARG(k, 0, T);                                                   \
        const T *restrict b = LT_ARG(k, 1, T);                                                   \
        uint8_t *restrict out = LT_OUT(k, uint8_t);                                              \
        uint32_t rows = k->rows;                                                                 \
        if (k->args[1].mask == 0) {                                                              \
            const T y = b[0];                                                                    \
            for (uint32_t i = 0; i < rows; i++) {                                                \
                const T x = a[i];                                                                \
                out[i] = (uint8_t)(TEST);                                                        \
            }                                                                                    \
        } else if (k->args[0].mask == 0) { /* the current time, say: no literal, but constant */ \
            const T x = a[0];                                                                    \
            for (uint32_t i = 0; i < rows; i++) {                                                \
                const T y = b[i];                                                                \
                out[i] = (uint8_t)(TEST);                                                        \
            }                                                                                    \
        } else {                                                                                 \
            for (uint32_t i = 0; i < rows; i++) {                                                \
                const T x = a[i];                                                                \
                const T y = b[i];                                                                \
                out[i] = (uint8_t)(TEST);                                                        \
            }                                                                                    \
        }                                                                                        \
    } while (0)

#define CMP_KERNEL(NAME, T, TEST) LT_WIDE_KERNEL(NAME, CMP_BODY(T, TEST))

#define CMP_FAMILY(SUFFIX, T)           \
    CMP_KERNEL(eq_##SUFFIX, T, x == y)  \
    CMP_KERNEL(ne_##SUFFIX, T, x != y)  \
    CMP_KERNEL(less_##SUFFIX, T, x < y) \
    CMP_KERNEL(le_##SUFFIX, T, x <= y)  \
    CMP_KERNEL(gt_##SUFFIX, T, x > y)   \
    CMP_KERNEL(ge_##SUFFIX, T, x >= y)

#define TS9_LT(x, y) ((x).ms < (y).ms || ((x).ms == (y).ms && (x).ns_of_ms < (y).ns_of_ms))
#define TS9_EQ(x, y) ((x).ms == (y).ms && (x).ns_of_ms == (y).ns_of_ms)

CMP_FAMILY(bool, uint8_t)
CMP_FAMILY(i8, int8_t)
CMP_FAMILY(i16, int16_t)
CMP_FAMILY(i32, int32_t)
CMP_FAMILY(i64, int64_t)
CMP_KERNEL(eq_i128, lt_i128, x == y)
CMP_KERNEL(ne_i128, lt_i128, x != y)
CMP_KERNEL(less_i128, lt_i128, x < y)
CMP_KERNEL(le_i128, lt_i128, x <= y)
CMP_KERNEL(gt_i128, lt_i128, x > y)
CMP_KERNEL(ge_i128, lt_i128, x >= y)
CMP_FAMILY(f32, float)
CMP_FAMILY(f64, double)
CMP_KERNEL(eq_ts9, lt_ts9, TS9_EQ(x, y))
CMP_KERNEL(ne_ts9, lt_ts9, !TS9_EQ(x, y))
CMP_KERNEL(less_ts9, lt_ts9, TS9_LT(x, y))
CMP_KERNEL(le_ts9, lt_ts9, !TS9_LT(y, x))
CMP_KERNEL(gt_ts9, lt_ts9, TS9_LT(y, x))
CMP_KERNEL(ge_ts9, lt_ts9, !TS9_LT(x, y))

#define STR_ORDER(NAME, TEST)                                                  \
    static lt_status NAME(lt_kctx *k, lt_error *err)                           \
    {                                                                          \
        (void)err;                                                             \
        const lt_strv *a = LT_ARG(k, 0, lt_strv);                              \
        const lt_strv *b = LT_ARG(k, 1, lt_strv);                              \
        uint8_t *out = LT_OUT(k, uint8_t);                                     \
        uint32_t mask_a = k->args[0].mask, mask_b = k->args[1].mask;           \
        LT_EACH(k, row)                                                        \
        {                                                                      \
            int order = lt_bytes_cmp_view(&a[row & mask_a], &b[row & mask_b]); \
            out[row] = (uint8_t)(order TEST 0);                                \
        }                                                                      \
        return LT_OK;                                                          \
    }

STR_ORDER(less_str, <)
STR_ORDER(le_str, <=)
STR_ORDER(gt_str, >)
STR_ORDER(ge_str, >=)

/* With a constant in the view itself, no string is followed: rows that hold none may be among them.
 */
LT_INLINE void equal_short(const lt_strv *restrict a, const lt_strv *b, uint8_t *restrict out,
                           uint32_t rows, const bool want)
{
    const uint64_t head = lt_bytes_load8((const char *)b);
    const uint64_t tail = lt_bytes_load8((const char *)b + 8);
    for (uint32_t i = 0; i < rows; i++) {
        uint64_t x = lt_bytes_load8((const char *)&a[i]);
        uint64_t y = lt_bytes_load8((const char *)&a[i] + 8);
        out[i] = (uint8_t)(((x == head) & (y == tail)) == want);
    }
}

/* With a longer constant: length and prefix decide most rows. */
LT_INLINE void equal_long(const lt_strv *restrict a, const lt_strv *b, uint8_t *restrict out,
                          uint32_t rows, const bool want)
{
    const uint64_t head = lt_bytes_load8((const char *)b);
    const char *text = lt_strv_ptr(b);
    const size_t len = b->len;
    for (uint32_t i = 0; i < rows; i++) {
        bool same = lt_bytes_load8((const char *)&a[i]) == head;
        out[i] = (uint8_t)((same && lt_bytes_equal(lt_strv_ptr(&a[i]), text, len)) == want);
    }
}

#if LT_HAVE_X86_64
/* lt_bytes_eq_view with two loads of each string for most lengths. */
LT_TARGET("avx2")
LT_INLINE bool view_equal_avx2(const lt_strv *a, const lt_strv *b)
{
    if (a->len <= 32 || a->len > 64) {
        return lt_bytes_eq_view(a, b);
    }
    if (lt_bytes_load8((const char *)a) != lt_bytes_load8((const char *)b)) {
        return false;
    }
    const __m256i *x = (const void *)lt_strv_ptr(a), *y = (const void *)lt_strv_ptr(b);
    const __m256i *x_end = (const void *)((const char *)x + a->len - 32);
    const __m256i *y_end = (const void *)((const char *)y + a->len - 32);
    __m256i head = _mm256_xor_si256(_mm256_loadu_si256(x), _mm256_loadu_si256(y));
    __m256i tail = _mm256_xor_si256(_mm256_loadu_si256(x_end), _mm256_loadu_si256(y_end));
    __m256i any = _mm256_or_si256(head, tail);
    return _mm256_testz_si256(any, any) != 0;
}

LT_TARGET("avx2")
LT_INLINE void equal_views_avx2(const lt_strv *restrict a, const lt_strv *restrict b,
                                uint8_t *restrict out, uint32_t rows, const bool want)
{
    for (uint32_t i = 0; i < rows; i++) {
        out[i] = (uint8_t)(view_equal_avx2(&a[i], &b[i]) == want);
    }
}

LT_TARGET("avx2")
static void equal_avx2(const lt_strv *a, const lt_strv *b, uint8_t *out, uint32_t rows)
{
    equal_views_avx2(a, b, out, rows, true);
}

LT_TARGET("avx2")
static void differ_avx2(const lt_strv *a, const lt_strv *b, uint8_t *out, uint32_t rows)
{
    equal_views_avx2(a, b, out, rows, false);
}
#endif

LT_INLINE void str_equal(lt_kctx *k, const bool want)
{
    const lt_strv *restrict a = LT_ARG(k, 0, lt_strv);
    const lt_strv *restrict b = LT_ARG(k, 1, lt_strv);
    uint8_t *restrict out = LT_OUT(k, uint8_t);
    uint32_t mask_a = k->args[0].mask, mask_b = k->args[1].mask;
    if (mask_b == 0 && b[0].len <= LT_STRV_INLINE_MAX) {
        equal_short(a, b, out, k->rows, want);
    } else if (mask_b == 0 && mask_a != 0 && k->sel == NULL) {
        equal_long(a, b, out, k->count, want);
    } else if (mask_b != 0 && mask_a != 0 && k->sel == NULL) {
#if LT_HAVE_X86_64
        if (k->cpu >= LT_CPU_AVX2) {
            (want ? equal_avx2 : differ_avx2)(a, b, out, k->count);
            return;
        }
#endif
        for (uint32_t i = 0; i < k->count; i++) {
            out[i] = (uint8_t)(lt_bytes_eq_view(&a[i], &b[i]) == want);
        }
    } else {
        LT_EACH(k, row)
        {
            out[row] = (uint8_t)(lt_bytes_eq_view(&a[row & mask_a], &b[row & mask_b]) == want);
        }
    }
}

static lt_status eq_str(lt_kctx *k, lt_error *err)
{
    (void)err;
    str_equal(k, true);
    return LT_OK;
}

static lt_status ne_str(lt_kctx *k, lt_error *err)
{
    (void)err;
    str_equal(k, false);
    return LT_OK;
}

static lt_status eq_nested(lt_kctx *k, lt_error *err)
{
    (void)err;
    bool want = k->data == NULL;
    LT_EACH(k, row)
    {
        bool same = lt_col_value_eq(k->args[0].col, row & k->args[0].mask, k->args[1].col,
                                    row & k->args[1].mask);
        LT_OUT(k, uint8_t)[row] = (uint8_t)(same == want);
    }
    return LT_OK;
}

static const lt_kernel cmp_kernels[][6] = {
    [LT_PHYS_BOOL] = {eq_bool, ne_bool, less_bool, le_bool, gt_bool, ge_bool},
    [LT_PHYS_I8] = {eq_i8, ne_i8, less_i8, le_i8, gt_i8, ge_i8},
    [LT_PHYS_I16] = {eq_i16, ne_i16, less_i16, le_i16, gt_i16, ge_i16},
    [LT_PHYS_I32] = {eq_i32, ne_i32, less_i32, le_i32, gt_i32, ge_i32},
    [LT_PHYS_I64] = {eq_i64, ne_i64, less_i64, le_i64, gt_i64, ge_i64},
    [LT_PHYS_I128] = {eq_i128, ne_i128, less_i128, le_i128, gt_i128, ge_i128},
    [LT_PHYS_F32] = {eq_f32, ne_f32, less_f32, le_f32, gt_f32, ge_f32},
    [LT_PHYS_F64] = {eq_f64, ne_f64, less_f64, le_f64, gt_f64, ge_f64},
    [LT_PHYS_STR] = {eq_str, ne_str, less_str, le_str, gt_str, ge_str},
    [LT_PHYS_TS9] = {eq_ts9, ne_ts9, less_ts9, le_ts9, gt_ts9, ge_ts9},
};

/* ---- typing ---- */

static bool is_temporal(const lt_type *type)
{
    return type->kind == LT_TYPE_DATE || type->kind == LT_TYPE_TIME || lt_type_is_timestamp(type);
}

/* Text beside a time is read as one. An equality with a literal that cannot be is refused when it
 * is planned, as Flink does; the other comparisons fail with the first row. */
static lt_status text_as_time(lt_infer *in, uint32_t arg, const lt_type *type, lt_error *err)
{
    const lt_value *text = lt_in_literal(in, arg);
    uint32_t pos = in->args[arg]->pos;
    if (type->kind == LT_TYPE_DATE && text == NULL) {
        /* Beside a DATE, text that is none is NULL; beside other times it fails. */
        return lt_expr_cast(in->b, in->args[arg], type, true, pos, &in->args[arg], err);
    }
    LT_TRY(lt_in_cast(in, arg, type, err));
    bool valid = text == NULL || in->args[arg]->kind == LT_NODE_LITERAL;
    if (valid || !in->b->fold || in->func->op != LT_OP_EQ) {
        return LT_OK;
    }
    lt_text name;
    lt_text_init(&name, in->b->session->mem);
    lt_type_print(in->args[arg]->type, &name);
    lt_str printed = lt_text_str(&name);
    lt_status st = lt_error_set_at(err, LT_ERR_SQL, pos, "cannot cast '%.*s' to " LT_STR_FMT,
                                   (int)LT_MIN(text->u.s.len, (size_t)100), text->u.s.ptr,
                                   LT_STR_ARG(printed));
    lt_text_deinit(&name);
    return st;
}

static lt_status unify_operands(lt_infer *in, lt_error *err)
{
    const lt_type *a = in->args[0]->type, *b = in->args[1]->type;
    if (a->kind == LT_TYPE_NULL && b->kind == LT_TYPE_NULL) {
        LT_TRY(lt_in_cast_kind(in, 0, LT_TYPE_BOOLEAN, err));
        return lt_in_cast_kind(in, 1, LT_TYPE_BOOLEAN, err);
    }
    if (a->kind == LT_TYPE_NULL) {
        return lt_in_cast(in, 0, b, err);
    }
    if (b->kind == LT_TYPE_NULL) {
        return lt_in_cast(in, 1, a, err);
    }
    if (is_temporal(a) && lt_type_is_string(b)) {
        return text_as_time(in, 1, a, err);
    }
    if (is_temporal(b) && lt_type_is_string(a)) {
        return text_as_time(in, 0, b, err);
    }
    if ((a->kind == LT_TYPE_DATE) != (b->kind == LT_TYPE_DATE)) {
        return lt_in_refuse(in, err);
    }
    const lt_type *types[2] = {a, b}, *common;
    lt_error ignored;
    lt_status st = lt_type_common_first(in->b->arena, types, 2, &common, &ignored);
    if (st != LT_OK) {
        if (st == LT_ERR_NOMEM) {
            return lt_error_nomem(err, "type");
        }
        st = lt_in_refuse(in, err);
        if (lt_type_is_numeric(a) != lt_type_is_numeric(b)) {
            lt_error_hint(err, "cast one side: numbers and strings are not compared");
        }
        return st;
    }
    if (lt_type_is_string(a) || lt_type_is_binary(a)) {
        return LT_OK; /* same form, no padding */
    }
    LT_TRY(lt_in_cast(in, 0, common, err));
    return lt_in_cast(in, 1, common, err);
}

/* = <> < <= > >= in this order, and what each becomes when the operands change sides. */
static const int mirrored[] = {LT_OP_EQ, LT_OP_NE, LT_OP_GT, LT_OP_GE, LT_OP_LT, LT_OP_LE};

lt_status lt_infer_compare(lt_infer *in, lt_error *err)
{
    LT_TRY(unify_operands(in, err));
    int op = in->func->op;
    lt_type_kind kind = in->args[0]->type->kind;
    bool equality = op == LT_OP_EQ || op == LT_OP_NE;
    if ((kind == LT_TYPE_VARIANT && !equality) || kind == LT_TYPE_SYMBOL) {
        return lt_in_refuse(in, err);
    }
    in->type = lt_in_type(in, LT_TYPE_BOOLEAN, false);
    lt_phys phys = lt_type_phys(in->args[0]->type);
    if (phys == LT_PHYS_LIST || phys == LT_PHYS_STRUCT) {
        if (op != LT_OP_EQ && op != LT_OP_NE) {
            return lt_in_refuse(in, err);
        }
        in->kernel = eq_nested;
        static const bool negated = true;
        in->data = op == LT_OP_EQ ? NULL : &negated;
        return LT_OK;
    }
    if (in->args[0]->kind == LT_NODE_LITERAL && in->args[1]->kind != LT_NODE_LITERAL) {
        lt_expr *left = in->args[0];
        in->args[0] = in->args[1];
        in->args[1] = left;
        op = mirrored[op];
        static const char *const names[] = {"=", "<>", "<", "<=", ">", ">="};
        in->func = lt_func_find(lt_str_of(names[op]));
    }
    in->kernel = cmp_kernels[phys][op];
    /* String order follows pointers: live rows only. Equality with a short constant never does. */
    bool short_const = false;
    if (phys == LT_PHYS_STR && op <= LT_OP_NE) {
        const lt_value *literal = lt_in_literal(in, 1);
        short_const = literal != NULL && literal->u.s.len <= LT_STRV_INLINE_MAX;
    }
    if (phys != LT_PHYS_STR || short_const) {
        in->flags |= LT_FUNC_DENSE;
    }
    return LT_OK;
}

static lt_status call2(lt_infer *in, const char *name, lt_expr *a, lt_expr *b, lt_expr **out,
                       lt_error *err)
{
    lt_expr *args[2] = {a, b};
    return lt_expr_call(in->b, lt_str_of(name), args, 2, in->pos, out, err);
}

static lt_status call1(lt_infer *in, const char *name, lt_expr *a, lt_expr **out, lt_error *err)
{
    return lt_expr_call(in->b, lt_str_of(name), &a, 1, in->pos, out, err);
}

/* (a = b) IS TRUE OR (a IS NULL AND b IS NULL) */
lt_status lt_infer_distinct(lt_infer *in, lt_error *err)
{
    lt_expr *equal, *a_null, *b_null, *both, *same;
    LT_TRY(call2(in, "=", in->args[0], in->args[1], &equal, err));
    LT_TRY(call1(in, "IS TRUE", equal, &equal, err));
    LT_TRY(call1(in, "IS NULL", in->args[0], &a_null, err));
    LT_TRY(call1(in, "IS NULL", in->args[1], &b_null, err));
    LT_TRY(call2(in, "AND", a_null, b_null, &both, err));
    LT_TRY(call2(in, "OR", equal, both, &same, err));
    if (in->func->op == LT_OP_NOT_DISTINCT) {
        in->replace = same;
        return LT_OK;
    }
    return call1(in, "NOT", same, &in->replace, err);
}

static lt_status build_range(lt_infer *in, lt_expr *low, lt_expr *high, lt_expr **out,
                             lt_error *err)
{
    lt_expr *from, *to;
    LT_TRY(call2(in, ">=", in->args[0], low, &from, err));
    LT_TRY(call2(in, "<=", in->args[0], high, &to, err));
    return call2(in, "AND", from, to, out, err);
}

lt_status lt_infer_between(lt_infer *in, lt_error *err)
{
    int op = in->func->op;
    lt_expr *range;
    LT_TRY(build_range(in, in->args[1], in->args[2], &range, err));
    if (op & LT_OP_BETWEEN_SYMMETRIC) {
        lt_expr *other;
        LT_TRY(build_range(in, in->args[2], in->args[1], &other, err));
        LT_TRY(call2(in, "OR", range, other, &range, err));
    }
    if (op & LT_OP_BETWEEN_NOT) {
        return call1(in, "NOT", range, &in->replace, err);
    }
    in->replace = range;
    return LT_OK;
}

/* ---- IN over a list of literals: sorted, searched ---- */

typedef struct {
    uint32_t count;
    bool has_null;
    int64_t *numbers; /* sorted */
    lt_str *strings;  /* sorted */
} in_list;

static bool find_number(const in_list *list, int64_t x)
{
    uint32_t low = 0, high = list->count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (list->numbers[mid] < x) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < list->count && list->numbers[low] == x;
}

static bool find_string(const in_list *list, lt_str x)
{
    uint32_t low = 0, high = list->count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (lt_str_cmp(list->strings[mid], x) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < list->count && lt_str_eq(list->strings[low], x);
}

#define IN_NUMBERS(NAME, T)                                                         \
    static lt_status NAME(lt_kctx *k, lt_error *err)                                \
    {                                                                               \
        (void)err;                                                                  \
        const in_list *list = (const in_list *)k->data;                             \
        LT_EACH(k, row)                                                             \
        {                                                                           \
            if (list->has_null && lt_k_is_null(k, 0, row)) {                        \
                lt_k_null(k, row);                                                  \
                continue;                                                           \
            }                                                                       \
            bool found = find_number(list, LT_ARG(k, 0, T)[row & k->args[0].mask]); \
            LT_OUT(k, uint8_t)[row] = found;                                        \
            if (!found && list->has_null) {                                         \
                lt_k_null(k, row);                                                  \
            }                                                                       \
        }                                                                           \
        return LT_OK;                                                               \
    }

IN_NUMBERS(in_i8, int8_t)
IN_NUMBERS(in_i16, int16_t)
IN_NUMBERS(in_i32, int32_t)
IN_NUMBERS(in_i64, int64_t)

static lt_status in_str(lt_kctx *k, lt_error *err)
{
    (void)err;
    const in_list *list = (const in_list *)k->data;
    LT_EACH(k, row)
    {
        if (list->has_null && lt_k_is_null(k, 0, row)) {
            lt_k_null(k, row);
            continue;
        }
        bool found = find_string(list, lt_k_str(k, 0, row));
        LT_OUT(k, uint8_t)[row] = found;
        if (!found && list->has_null) {
            lt_k_null(k, row);
        }
    }
    return LT_OK;
}

static void sort_list(in_list *list)
{
    /* Insertion sort by binary gaps: lists are short, and this runs once a statement. */
    for (uint32_t gap = list->count / 2; gap > 0; gap /= 2) {
        for (uint32_t i = gap; i < list->count; i++) {
            for (uint32_t j = i; j >= gap; j -= gap) {
                bool swap = list->numbers
                                ? list->numbers[j] < list->numbers[j - gap]
                                : lt_str_cmp(list->strings[j], list->strings[j - gap]) < 0;
                if (!swap) {
                    break;
                }
                if (list->numbers) {
                    int64_t x = list->numbers[j];
                    list->numbers[j] = list->numbers[j - gap];
                    list->numbers[j - gap] = x;
                } else {
                    lt_str x = list->strings[j];
                    list->strings[j] = list->strings[j - gap];
                    list->strings[j - gap] = x;
                }
            }
        }
    }
}

static lt_kernel in_kernel(lt_phys phys)
{
    switch ((int)phys) {
    case LT_PHYS_I8:
        return in_i8;
    case LT_PHYS_I16:
        return in_i16;
    case LT_PHYS_I32:
        return in_i32;
    case LT_PHYS_I64:
        return in_i64;
    case LT_PHYS_STR:
        return in_str;
    default:
        return NULL;
    }
}

/* Can all items be searched as literals of the first argument's own type? Fills the list if so. */
static lt_status try_list(lt_infer *in, bool *done, lt_error *err)
{
    *done = false;
    const lt_type *type = in->args[0]->type;
    lt_kernel kernel = type->kind == LT_TYPE_NULL ? NULL : in_kernel(lt_type_phys(type));
    if (in->count < 5 || kernel == NULL || in->args[0]->kind == LT_NODE_LITERAL || !in->b->fold) {
        return LT_OK;
    }
    for (uint32_t i = 1; i < in->count; i++) {
        const lt_type *item = in->args[i]->type;
        bool same = lt_type_eq_unnull(item, type) || item->kind == LT_TYPE_NULL ||
                    (lt_type_is_string(item) && lt_type_is_string(type)) ||
                    (lt_type_is_integer(item) && type->kind == LT_TYPE_BIGINT);
        if (!same || in->args[i]->kind != LT_NODE_LITERAL) {
            return LT_OK;
        }
    }
    in_list *list = LT_NEW(in->b->arena, in_list);
    if (list == NULL) {
        return lt_error_nomem(err, "IN list");
    }
    bool text = lt_type_phys(type) == LT_PHYS_STR;
    if (text) {
        list->strings = LT_NEW_ARRAY(in->b->arena, lt_str, in->count);
    } else {
        list->numbers = LT_NEW_ARRAY(in->b->arena, int64_t, in->count);
    }
    if (list->strings == NULL && list->numbers == NULL) {
        return lt_error_nomem(err, "IN list");
    }
    for (uint32_t i = 1; i < in->count; i++) {
        const lt_value *item = &in->args[i]->u.literal;
        if (item->is_null) {
            list->has_null = true;
        } else if (text) {
            list->strings[list->count++] = item->u.s;
        } else {
            list->numbers[list->count++] = item->u.i;
        }
    }
    sort_list(list);
    in->data = list;
    in->kernel = kernel;
    if (list->has_null) {
        in->flags |= LT_FUNC_NULLS; /* a NULL in the list does not make every row NULL */
    }
    in->type = lt_in_type(in, LT_TYPE_BOOLEAN, list->has_null);
    *done = true;
    return LT_OK;
}

lt_status lt_infer_in(lt_infer *in, lt_error *err)
{
    if (in->func->op == LT_OP_NOT_IN) {
        lt_expr *inner;
        LT_TRY(lt_expr_call(in->b, LT_STR("IN"), in->args, in->count, in->pos, &inner, err));
        return call1(in, "NOT", inner, &in->replace, err);
    }
    bool done;
    LT_TRY(try_list(in, &done, err));
    if (done) {
        return LT_OK;
    }
    uint32_t items = in->count - 1;
    lt_expr **tests = LT_NEW_ARRAY(in->b->arena, lt_expr *, items + 1);
    if (tests == NULL) {
        return lt_error_nomem(err, "IN list");
    }
    for (uint32_t i = 0; i < items; i++) {
        LT_TRY(call2(in, "=", in->args[0], in->args[i + 1], &tests[i], err));
    }
    if (items == 1) {
        in->replace = tests[0];
        return LT_OK;
    }
    return lt_expr_call(in->b, LT_STR("OR"), tests, items, in->pos, &in->replace, err);
}

/* ---- GREATEST, LEAST ---- */

static lt_status extreme_kernel(lt_kctx *k, lt_error *err)
{
    int sign = k->call->u.call.func->op == LT_OP_GREATEST ? 1 : -1;
    uint32_t *winner = lt_k_sel(k);
    uint32_t *rows = lt_k_sel(k);
    if (k->nomem) {
        return lt_error_nomem(err, "selection");
    }
    LT_EACH(k, row)
    {
        uint32_t best = 0;
        for (uint32_t arg = 1; arg < k->arg_count; arg++) {
            int order = lt_col_value_cmp(k->args[arg].col, row & k->args[arg].mask,
                                         k->args[best].col, row & k->args[best].mask);
            best = order * sign > 0 ? arg : best;
        }
        winner[row] = best;
    }
    for (uint32_t arg = 0; arg < k->arg_count; arg++) {
        uint32_t used = 0;
        LT_EACH(k, row)
        {
            rows[used] = row;
            used += winner[row] == arg;
        }
        LT_TRY(lt_k_scatter(k, &k->args[arg], rows, used, err));
    }
    return LT_OK;
}

lt_status lt_infer_extreme(lt_infer *in, lt_error *err)
{
    const lt_type **types = LT_NEW_ARRAY(in->b->arena, const lt_type *, in->count + 1);
    if (types == NULL) {
        return lt_error_nomem(err, "types");
    }
    for (uint32_t i = 0; i < in->count; i++) {
        types[i] = in->args[i]->type;
        if (types[i]->field_count > 0) {
            return lt_in_refuse(in, err);
        }
    }
    lt_error ignored;
    lt_status st = lt_type_common(in->b->arena, types, in->count, &in->type, &ignored);
    if (st != LT_OK) {
        return st == LT_ERR_NOMEM ? lt_error_nomem(err, "types") : lt_in_refuse(in, err);
    }
    for (uint32_t i = 0; i < in->count; i++) {
        LT_TRY(lt_in_cast(in, i, in->type, err));
    }
    in->kernel = extreme_kernel;
    return LT_OK;
}
