/* The hash table of the local aggregate; see local_groups.h.
 *
 * Keys are hashed column by column and compared with those of the group's first row, bit by bit:
 * values that are equal but do not look it (0.0 and -0.0) give two groups, which is no more than
 * work for whoever merges them. Only nested keys are encoded first. The table is sparse, because a
 * collision costs a branch nobody can foresee, and it grows with the groups, so that few of them
 * stay in the nearest cache. */
#include "op/local_groups.h"

#include <string.h>

#define SLOT_BITS_MIN 10

typedef struct {
    const lt_local_rows *in;
    lt_local_group *groups;
    uint32_t *of_row;
    uint32_t *slots; /* group number + 1; 0 = empty */
    uint32_t shift;  /* 64 - log2 of their number */
    uint32_t from;   /* first group in the table: those before it belong to an earlier cut */
    uint32_t count;
    uint64_t *hashes; /* of the rows' keys and slices */
    lt_rows encoded;  /* nested keys */
} group_table;

/* How keys are compared. */
typedef enum { KEYS_NONE, KEYS_I64, KEYS_STR, KEYS_COLS, KEYS_ENCODED } key_form;

#define SEED 0x9e3779b97f4a7c15ULL

LT_INLINE uint64_t mix(uint64_t hash, uint64_t value)
{
    uint64_t mixed = (hash ^ value) * 0xff51afd7ed558ccdULL;
    return mixed ^ mixed >> 32;
}

LT_INLINE uint64_t load_word(const void *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

/* A string's first and last eight bytes, which overlap below sixteen. Short strings end in zeros.
 * Whether a string is inline cannot be foreseen: the choice is made without a branch. */
typedef struct {
    const char *ptr;
    uint64_t first;
    uint64_t last;
} str_words;

LT_INLINE str_words words_of(const lt_strv *view)
{
    uintptr_t inlined = (uintptr_t)view->u.inlined;
    uintptr_t mask = (uintptr_t)0 - (uintptr_t)(view->len <= LT_STRV_INLINE_MAX);
    uintptr_t far = (uintptr_t)load_word(view->u.ref.ptr_bytes);
    str_words words;
    words.ptr = (const char *)((inlined & mask) | (far & ~mask));
    uint32_t len = LT_MAX(view->len, 8U);
    words.first = load_word(words.ptr);
    words.last = load_word(words.ptr + len - 8);
    return words;
}

LT_INLINE uint64_t mix_strv(uint64_t hash, const lt_strv *view)
{
    str_words words = words_of(view);
    for (uint32_t at = 8; LT_UNLIKELY(at + 8 < view->len); at += 8) {
        hash = mix(hash, load_word(words.ptr + at));
    }
    return mix(mix(hash ^ view->len, words.first), words.last);
}

LT_INLINE bool same_strv(const lt_strv *a, const lt_strv *b)
{
    str_words x = words_of(a);
    str_words y = words_of(b);
    bool same = (a->len == b->len) & (x.first == y.first) & (x.last == y.last);
    return same && (a->len <= 16 || memcmp(x.ptr + 8, y.ptr + 8, a->len - 16) == 0);
}

LT_INLINE uint64_t slice_hash(int64_t end)
{
    return (uint64_t)end * SEED;
}

#define HASH_COL(NAME, T)                                                                   \
    static void NAME(const lt_col *col, const uint32_t *rows, uint32_t count, uint64_t *to) \
    {                                                                                       \
        const T *val = LT_COL_DATA(col, const T);                                           \
        for (uint32_t i = 0; i < count; i++) {                                              \
            to[i] = mix(to[i], (uint64_t)val[rows[i]]);                                     \
        }                                                                                   \
    }
HASH_COL(hash_8, uint8_t)
HASH_COL(hash_16, uint16_t)
HASH_COL(hash_32, uint32_t)
HASH_COL(hash_64, uint64_t)

static void hash_128(const lt_col *col, const uint32_t *rows, uint32_t count, uint64_t *to)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *value = (const char *)col->data + (size_t)rows[i] * 16;
        to[i] = mix(mix(to[i], load_word(value)), load_word(value + 8));
    }
}

static void hash_str(const lt_col *col, const uint32_t *rows, uint32_t count, uint64_t *to)
{
    const lt_strv *val = LT_COL_DATA(col, const lt_strv);
    for (uint32_t i = 0; i < count; i++) {
        to[i] = mix_strv(to[i], &val[rows[i]]);
    }
}

/* Values of NULL rows may be anything. */
static void hash_nullable(const lt_col *col, const uint32_t *rows, uint32_t count, uint64_t *to)
{
    size_t size = lt_phys_size(col->phys);
    for (uint32_t i = 0; i < count; i++) {
        const char *value = (const char *)col->data + (size_t)rows[i] * size;
        uint64_t word = 0;
        if (lt_col_is_null(col, rows[i])) {
            to[i] = mix(to[i], SEED);
        } else if (col->phys == LT_PHYS_STR) {
            to[i] = mix_strv(to[i], (const lt_strv *)(const void *)value);
        } else if (size == 16) {
            to[i] = mix(mix(to[i], load_word(value)), load_word(value + 8));
        } else {
            memcpy(&word, value, size);
            to[i] = mix(to[i], word);
        }
    }
}

static void hash_key(const lt_col *col, const uint32_t *rows, uint32_t count, uint64_t *to)
{
    if (col->valid) {
        hash_nullable(col, rows, count, to);
        return;
    }
    if (col->phys == LT_PHYS_STR) {
        hash_str(col, rows, count, to);
        return;
    }
    switch (lt_phys_size(col->phys)) {
    case 1:
        hash_8(col, rows, count, to);
        break;
    case 2:
        hash_16(col, rows, count, to);
        break;
    case 4:
        hash_32(col, rows, count, to);
        break;
    case 8:
        hash_64(col, rows, count, to);
        break;
    default:
        hash_128(col, rows, count, to);
        break;
    }
}

static bool same_value(const lt_col *col, uint32_t a, uint32_t b)
{
    bool null = lt_col_is_null(col, a);
    if (null || lt_col_is_null(col, b)) {
        return null && lt_col_is_null(col, b);
    }
    if (col->phys == LT_PHYS_STR) {
        const lt_strv *val = LT_COL_DATA(col, const lt_strv);
        return lt_strv_eq(&val[a], &val[b]);
    }
    size_t size = lt_phys_size(col->phys);
    const char *data = col->data;
    return memcmp(data + size * a, data + size * b, size) == 0;
}

static bool same_encoded(const lt_rows *rows, uint32_t a, uint32_t b)
{
    uint32_t len = lt_rows_len(rows, a);
    return len == lt_rows_len(rows, b) &&
           memcmp(lt_rows_ptr(rows, a), lt_rows_ptr(rows, b), len) == 0;
}

/* Row number i against a group's first. */
LT_INLINE bool same_key(const group_table *g, key_form form, const lt_local_group *group,
                        uint32_t i)
{
    const lt_local_rows *in = g->in;
    uint32_t row = in->rows[i];
    switch (form) {
    case KEYS_NONE:
    case KEYS_I64: /* mix() is a bijection of either argument: equal slices, equal hashes */
        return true;
    case KEYS_STR: {
        const lt_strv *val = LT_COL_DATA(in->keys[0], const lt_strv);
        return same_strv(&val[group->first], &val[row]);
    }
    case KEYS_ENCODED:
        return same_encoded(&g->encoded, group->at, i);
    case KEYS_COLS:
        break;
    }
    for (uint32_t k = 0; k < in->key_count; k++) {
        if (!same_value(in->keys[k], group->first, row)) {
            return false;
        }
    }
    return true;
}

static bool slots_new(group_table *g, uint32_t bits)
{
    g->slots = lt_arena_zalloc(g->in->arena, sizeof *g->slots << bits, 64);
    g->shift = 64 - bits;
    return g->slots != NULL;
}

static bool slots_grow(group_table *g)
{
    uint32_t bits = 65 - g->shift;
    uint32_t mask = (1U << bits) - 1;
    if (!slots_new(g, bits)) {
        return false;
    }
    for (uint32_t i = g->from; i < g->count; i++) {
        uint32_t at = (uint32_t)(g->groups[i].hash >> g->shift);
        while (g->slots[at] != 0) {
            at = (at + 1) & mask;
        }
        g->slots[at] = i + 1;
    }
    return true;
}

/* Rows from .. to-1. */
LT_INLINE bool number_rows(group_table *g, key_form form, uint32_t from, uint32_t to)
{
    const group_table look = *g; /* copies, which the stores of the loop cannot touch */
    const uint32_t *rows = look.in->rows;
    const int64_t *ends = look.in->ends;
    const uint64_t *words = form == KEYS_I64 ? LT_COL_DATA(look.in->keys[0], const uint64_t) : NULL;
    lt_local_group *groups = g->groups;
    uint32_t *slots = g->slots;
    uint32_t shift = g->shift;
    uint32_t count = g->count;
    for (uint32_t i = from; i < to; i++) {
        int64_t end = ends ? ends[i] : 0;
        uint64_t hash = form == KEYS_I64 ? mix(slice_hash(end), words[rows[i]]) : look.hashes[i];
        uint32_t at = (uint32_t)(hash >> shift);
        uint32_t slot;
        while ((slot = slots[at]) != 0) {
            const lt_local_group *group = &groups[slot - 1];
            if (LT_LIKELY(group->hash == hash && group->end == end &&
                          same_key(&look, form, group, i))) {
                break;
            }
            at = (at + 1) & ((1U << (64 - shift)) - 1);
        }
        if (LT_UNLIKELY(slot == 0)) {
            groups[count] = (lt_local_group){hash, end, 0, rows[i], i};
            slot = slots[at] = ++count;
            if ((count - look.from) >> (63 - shift) != 0) { /* half full */
                g->count = count;
                if (!slots_grow(g)) {
                    return false;
                }
                slots = g->slots;
                shift = g->shift;
            }
        }
        groups[slot - 1].rows++;
        look.of_row[i] = slot - 1;
    }
    g->count = count;
    return true;
}

static bool number_range(group_table *g, key_form form, uint32_t from, uint32_t to)
{
    switch (form) {
    case KEYS_NONE:
        return number_rows(g, KEYS_NONE, from, to);
    case KEYS_I64:
        return number_rows(g, KEYS_I64, from, to);
    case KEYS_STR:
        return number_rows(g, KEYS_STR, from, to);
    case KEYS_COLS:
        return number_rows(g, KEYS_COLS, from, to);
    case KEYS_ENCODED:
        break;
    }
    return number_rows(g, KEYS_ENCODED, from, to);
}

/* Hashes of the keys; tells how they are compared. */
static lt_status hash_keys(group_table *g, key_form *form, lt_error *err)
{
    const lt_local_rows *in = g->in;
    bool plain = in->key_count == 1 && !in->keys[0]->valid;
    if (plain && in->keys[0]->phys == LT_PHYS_I64) {
        *form = KEYS_I64;
        return LT_OK; /* hashed on the way */
    }
    for (uint32_t i = 0; i < in->count; i++) {
        g->hashes[i] = in->ends ? slice_hash(in->ends[i]) : 0;
    }
    if (in->codec) {
        *form = KEYS_ENCODED;
        LT_TRY(lt_rowcodec_encode(in->codec, in->keys, in->rows, in->count, in->arena, &g->encoded,
                                  err));
        for (uint32_t i = 0; i < in->count; i++) {
            g->hashes[i] = mix(g->hashes[i], g->encoded.hashes[i]);
        }
        return LT_OK;
    }
    for (uint32_t k = 0; k < in->key_count; k++) {
        hash_key(in->keys[k], in->rows, in->count, g->hashes);
    }
    *form = in->key_count == 0                          ? KEYS_NONE
            : plain && in->keys[0]->phys == LT_PHYS_STR ? KEYS_STR
                                                        : KEYS_COLS;
    return LT_OK;
}

static bool table_init(group_table *g)
{
    lt_arena *arena = g->in->arena;
    size_t count = (size_t)g->in->count + 1;
    uint32_t bits = SLOT_BITS_MIN;
    while (1U << bits < g->in->expected * 8) {
        bits++;
    }
    g->groups = lt_arena_alloc(arena, sizeof *g->groups * count, 64);
    g->of_row = lt_arena_alloc(arena, sizeof *g->of_row * count, 64);
    g->hashes = lt_arena_alloc(arena, sizeof *g->hashes * count, 64);
    return g->groups && g->of_row && g->hashes && slots_new(g, bits);
}

lt_status lt_local_groups_find(const lt_local_rows *rows, lt_local_groups *out, lt_error *err)
{
    group_table g = {.in = rows};
    key_form form = KEYS_COLS;
    if (!table_init(&g)) {
        return lt_error_nomem(err, "local aggregate groups");
    }
    LT_TRY(hash_keys(&g, &form, err));
    uint32_t from = 0;
    for (uint32_t c = 0; c <= rows->cut_count && from < rows->count; c++) {
        uint32_t to = c == rows->cut_count ? rows->count : from;
        while (to < rows->count && rows->rows[to] < rows->cuts[c]) {
            to++;
        }
        if (to == from) {
            continue;
        }
        if (from > 0) {
            memset(g.slots, 0, sizeof *g.slots << (64 - g.shift));
            g.from = g.count;
        }
        if (!number_range(&g, form, from, to)) {
            return lt_error_nomem(err, "local aggregate groups");
        }
        from = to;
    }
    *out = (lt_local_groups){.groups = g.groups, .count = g.count, .of_row = g.of_row};
    return LT_OK;
}
