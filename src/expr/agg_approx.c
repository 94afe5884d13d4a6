/* APPROX_COUNT_DISTINCT.
 *
 * Over inserted rows: HyperLogLog with P = 14, as P. Flajolet, E. Fusy, O. Gandouet and F. Meunier
 * describe it ("HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm",
 * AofA 2007): 2^14 registers, standard error 1.04 / sqrt(2^14) = 0.8 %. Hashes have 64 bits, and
 * the estimate is O. Ertl's improved raw estimator ("New cardinality estimation algorithms for
 * HyperLogLog sketches", arXiv:1702.01284, algorithm 6), which needs no tables of corrections and
 * no switch to linear counting. As long as there are few values, their hashes are kept instead and
 * counted exactly.
 *
 *   state    i64 hashes kept, -1 = registers; cell                                     24 bytes
 *   hashes   u64 slots, a power of two of 8 to 2048, by linear probing with the low bits; 0 = empty
 *   registers  16384 bytes: greatest rank seen of the hashes whose top 14 bits say so
 *
 * Over rows that are taken away: COUNT(DISTINCT a), exactly; state as COUNT's. */
#include <math.h>
#include <stddef.h>

#include "base/hash.h"
#include "expr/agg_codec.h"

#define P         14u
#define Q         (64u - P)
#define REGISTERS (1u << P)
#define SLOTS_MIN 8u
#define SLOTS_MAX (REGISTERS / 8u)

typedef struct {
    int64_t kept;
    lt_cell cell;
} sketch;

_Static_assert(sizeof(sketch) == 24, "states are packed");

static uint64_t *slots_of(const sketch *s)
{
    return (uint64_t *)(void *)s->cell.ptr;
}

static uint32_t slot_count(const sketch *s)
{
    return s->cell.len / 8;
}

static void add_register(sketch *s, uint64_t hash)
{
    /* A bit below the rank's bits ends the zeros. */
    uint64_t rest = hash << P | (uint64_t)1 << (P - 1);
    uint8_t rank = (uint8_t)(LT_CLZ64(rest) + 1);
    uint8_t *at = &s->cell.ptr[hash >> Q];
    *at = LT_MAX(*at, rank);
}

/* The slot of a hash that is not 0, or the empty one where it would be. */
static uint64_t *find_hash(uint64_t *slots, uint32_t count, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & (count - 1);
    while (slots[at] != 0 && slots[at] != hash) {
        at = (at + 1) & (count - 1);
    }
    return &slots[at];
}

/* Twice the slots, or registers instead. */
static bool grow(sketch *s, lt_cells *cells)
{
    uint32_t old = slot_count(s);
    uint32_t slots = old == 0 ? SLOTS_MIN : old * 2;
    lt_cell was = s->cell;
    s->cell = (lt_cell){0};
    if (!lt_cells_resize(cells, &s->cell, slots > SLOTS_MAX ? REGISTERS : slots * 8)) {
        s->cell = was;
        return false;
    }
    memset(s->cell.ptr, 0, s->cell.len);
    if (slots > SLOTS_MAX) {
        s->kept = -1;
    }
    const uint64_t *from = (const uint64_t *)(const void *)was.ptr;
    for (uint32_t i = 0; i < old; i++) {
        if (from[i] != 0 && s->kept < 0) {
            add_register(s, from[i]);
        } else if (from[i] != 0) {
            *find_hash(slots_of(s), slots, from[i]) = from[i];
        }
    }
    lt_cells_clear(cells, &was);
    return true;
}

static bool add_hash(sketch *s, uint64_t hash, lt_cells *cells)
{
    hash = hash == 0 ? 1 : hash;
    if (s->kept >= 0) {
        uint32_t slots = slot_count(s);
        if (slots > 0 && *find_hash(slots_of(s), slots, hash) == hash) {
            return true;
        }
        /* Only a new value makes room, so that the form follows from the values alone. */
        if (s->kept >= (int64_t)slots / 4 * 3 && !grow(s, cells)) {
            return false;
        }
    }
    if (s->kept < 0) {
        add_register(s, hash);
        return true;
    }
    *find_hash(slots_of(s), slot_count(s), hash) = hash;
    s->kept++;
    return true;
}

/* ---- hashes of values: equal for equal values, 0 and -0 included ---- */

static uint64_t hash_number(uint64_t x)
{
    return lt_hash_u64(x ^ 0x9e3779b97f4a7c15ULL);
}

static uint64_t hash_double(double x)
{
    uint64_t bits;
    x = x != x ? (double)NAN : x == 0 ? 0.0 : x;
    memcpy(&bits, &x, sizeof bits);
    return hash_number(bits);
}

static uint64_t hash_value(const lt_col *col, uint32_t row)
{
    uint64_t parts[2];
    switch ((int)col->phys) {
    case LT_PHYS_BOOL:
        return hash_number(LT_COL_DATA(col, const uint8_t)[row]);
    case LT_PHYS_I8:
        return hash_number((uint64_t)LT_COL_DATA(col, const int8_t)[row]);
    case LT_PHYS_I16:
        return hash_number((uint64_t)LT_COL_DATA(col, const int16_t)[row]);
    case LT_PHYS_I32:
        return hash_number((uint64_t)LT_COL_DATA(col, const int32_t)[row]);
    case LT_PHYS_F32:
        return hash_double((double)LT_COL_DATA(col, const float)[row]);
    case LT_PHYS_F64:
        return hash_double(LT_COL_DATA(col, const double)[row]);
    case LT_PHYS_I128:
    case LT_PHYS_TS9:
        memcpy(parts, (const char *)col->data + (size_t)row * 16, 16);
        return lt_hash_combine(hash_number(parts[0]), parts[1]);
    case LT_PHYS_STR: {
        lt_str s = lt_strv_str(&LT_COL_DATA(col, const lt_strv)[row]);
        return lt_hash_bytes(s.ptr, s.len, 0);
    }
    default:
        return hash_number((uint64_t)LT_COL_DATA(col, const int64_t)[row]);
    }
}

static bool is_nested(const lt_col *col)
{
    return col->phys == LT_PHYS_LIST || col->phys == LT_PHYS_STRUCT;
}

/* ---- the accumulator ---- */

static lt_status approx_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                               const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                               lt_error *err)
{
    lt_rows encoded = {0};
    lt_status st = LT_OK;
    bool ok = true, nested = is_nested(&args[0]);
    LT_ASSERT(sign > 0);
    if (nested) {
        st = lt_agg_encode(agg->bound, &args[0], rows, count, cells, &encoded, err);
    }
    for (uint32_t i = 0; ok && st == LT_OK && i < count; i++) {
        if (!lt_col_is_null(&args[0], rows[i])) {
            uint64_t hash = nested ? encoded.hashes[i] : hash_value(&args[0], rows[i]);
            ok = add_hash((sketch *)(void *)states[i], hash, cells);
        }
    }
    return ok ? st : lt_error_nomem(err, "aggregate");
}

static bool merge_one(sketch *d, const sketch *s, lt_cells *cells)
{
    if (s->kept >= 0) {
        const uint64_t *slots = slots_of(s);
        for (uint32_t i = 0; i < slot_count(s); i++) {
            if (slots[i] != 0 && !add_hash(d, slots[i], cells)) {
                return false;
            }
        }
        return true;
    }
    while (d->kept >= 0) {
        if (!grow(d, cells)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < REGISTERS; i++) {
        d->cell.ptr[i] = LT_MAX(d->cell.ptr[i], s->cell.ptr[i]);
    }
    return true;
}

static lt_status approx_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                              uint32_t count, lt_cells *cells, lt_error *err)
{
    (void)agg;
    for (uint32_t i = 0; i < count; i++) {
        if (!merge_one((sketch *)(void *)dst[i], (const sketch *)(const void *)src[i], cells)) {
            return lt_error_nomem(err, "aggregate");
        }
    }
    return LT_OK;
}

/* Ertl's sigma and tau: the contributions of registers that are 0, and that are full. */
static double sigma(double x)
{
    double y = 1, z = x, before;
    if (x >= 1) {
        return INFINITY;
    }
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z != before);
    return z;
}

static double tau(double x)
{
    double y = 1, z = 1 - x, before;
    if (x <= 0 || x >= 1) {
        return 0;
    }
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z != before);
    return z / 3;
}

static int64_t estimate(const sketch *s)
{
    const double m = REGISTERS;
    const double alpha = 0.721347520444481703680; /* 1 / (2 ln 2) */
    uint32_t histogram[Q + 2] = {0};
    if (s->kept >= 0) {
        return s->kept;
    }
    for (uint32_t i = 0; i < REGISTERS; i++) {
        LT_ASSERT(s->cell.ptr[i] < LT_COUNT_OF(histogram));
        histogram[s->cell.ptr[i]]++;
    }
    double z = m * tau(1 - histogram[Q + 1] / m);
    for (uint32_t k = Q; k >= 1; k--) {
        z = 0.5 * (z + histogram[k]);
    }
    z += m * sigma(histogram[0] / m);
    return (int64_t)llround(alpha * m * m / z);
}

static lt_status approx_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                               lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    (void)agg;
    (void)out_cap;
    (void)arena;
    (void)err;
    for (uint32_t i = 0; i < count; i++) {
        LT_COL_DATA(out, int64_t)[i] = estimate((const sketch *)(const void *)states[i]);
    }
    return LT_OK;
}

static const lt_agg_class approx_class = {"APPROX_COUNT_DISTINCT", approx_update, approx_merge,
                                          approx_finish};
static const lt_agg_class exact_class = {"APPROX_COUNT_DISTINCT", lt_agg_count_update,
                                         lt_agg_count_merge, lt_agg_count_finish};

lt_status lt_agg_bind_approx(lt_agg_bind_ctx *c, lt_error *err)
{
    lt_agg *agg = c->agg;
    lt_agg_value *bound;
    LT_TRY(lt_agg_value_bind(c, &bound, err));
    agg->result = lt_type_new(c->b->arena, LT_TYPE_BIGINT, false);
    if (agg->retracts) {
        agg->cls = &exact_class;
        agg->distinct = true;
        agg->state_size = 8;
        return LT_OK;
    }
    agg->cls = &approx_class;
    agg->state_size = sizeof(sketch);
    agg->cell_count = 1;
    agg->cell_offsets[0] = (uint32_t)offsetof(sketch, cell);
    return LT_OK;
}
