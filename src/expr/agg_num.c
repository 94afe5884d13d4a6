/* COUNT, SUM, AVG. States (little-endian):
 *
 *   COUNT            i64 count
 *   SUM, AVG int     i64 sum (wraps), i64 count
 *   SUM, AVG float   f64 sum, i64 count       SUM(FLOAT) is rounded to float at every step, as
 *                                             Flink adds floats
 *   SUM, AVG decimal up to 18 digits          u64 low, i64 high of the sum, i64 count
 *   SUM, AVG decimal above                    lt_agg_wide_sum, i64 count
 *
 * The count tells NULL (no value left) from 0, and makes the same record serve retraction. */
#include "expr/agg_int.h"
#include "expr/decimal.h"
#include "expr/families.h"

typedef lt_agg_int_state int_state;
typedef lt_agg_float_state float_state;

typedef struct {
    uint64_t low;
    int64_t high;
    int64_t count;
} dec_state;

typedef struct {
    lt_agg_wide_sum sum;
    int64_t count;
} wide_state;

_Static_assert(sizeof(wide_state) == 32, "states are packed");
_Static_assert(sizeof(int_state) == 16 && sizeof(float_state) == 16, "states are packed");
_Static_assert(sizeof(dec_state) == 24, "states are packed");

/* ---- COUNT ---- */

lt_status lt_agg_count_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                              const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                              lt_error *err)
{
    (void)cells;
    (void)err;
    bool nullable = false;
    for (uint32_t a = 0; a < agg->arg_count; a++) {
        nullable = nullable || args[a].valid != NULL;
    }
    if (!nullable) {
        for (uint32_t i = 0; i < count; i++) {
            *(int64_t *)(void *)states[i] += sign;
        }
        return LT_OK;
    }
    if (agg->arg_count == 1) {
        const uint64_t *valid = args[0].valid;
        for (uint32_t i = 0; i < count; i++) {
            *(int64_t *)(void *)states[i] += lt_bit_get(valid, rows[i]) ? sign : 0;
        }
        return LT_OK;
    }
    for (uint32_t i = 0; i < count; i++) {
        bool all = true;
        for (uint32_t a = 0; a < agg->arg_count; a++) {
            all = all && !lt_col_is_null(&args[a], rows[i]);
        }
        *(int64_t *)(void *)states[i] += all ? sign : 0;
    }
    return LT_OK;
}

lt_status lt_agg_count_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                             uint32_t count, lt_cells *cells, lt_error *err)
{
    (void)agg;
    (void)cells;
    (void)err;
    for (uint32_t i = 0; i < count; i++) {
        *(int64_t *)(void *)dst[i] += *(const int64_t *)(const void *)src[i];
    }
    return LT_OK;
}

lt_status lt_agg_count_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                              lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    (void)agg;
    (void)out_cap;
    (void)arena;
    (void)err;
    int64_t *to = LT_COL_DATA(out, int64_t);
    for (uint32_t i = 0; i < count; i++) {
        to[i] = *(const int64_t *)(const void *)states[i];
    }
    return LT_OK;
}

static const lt_agg_class count_class = {.name = "COUNT",
                                         .update = lt_agg_count_update,
                                         .merge = lt_agg_count_merge,
                                         .finish = lt_agg_count_finish};

lt_status lt_agg_bind_count(lt_agg_bind_ctx *c, lt_error *err)
{
    (void)err;
    c->agg->cls = &count_class;
    c->agg->result = lt_type_new(c->b->arena, LT_TYPE_BIGINT, false);
    c->agg->state_size = 8;
    return LT_OK;
}

/* ---- sums ---- */

#define SUM_UPDATE(NAME, T, STATE, ADD)                                                    \
    static lt_status NAME(const lt_agg *agg, uint8_t *const *states, const lt_col *args,   \
                          const uint32_t *rows, uint32_t count, int sign, lt_cells *cells, \
                          lt_error *err)                                                   \
    {                                                                                      \
        (void)agg;                                                                         \
        (void)cells;                                                                       \
        (void)err;                                                                         \
        const T *restrict val = LT_COL_DATA(&args[0], const T);                            \
        const uint64_t *restrict valid = args[0].valid;                                    \
        for (uint32_t i = 0; i < count; i++) {                                             \
            STATE *s = (STATE *)(void *)states[i];                                         \
            uint32_t row = rows[i];                                                        \
            if (valid != NULL && !lt_bit_get(valid, row)) {                                \
                continue;                                                                  \
            }                                                                              \
            const T x = val[row];                                                          \
            ADD;                                                                           \
            s->count += sign;                                                              \
        }                                                                                  \
        return LT_OK;                                                                      \
    }

#define ADD_INT s->sum = (int64_t)((uint64_t)s->sum + (uint64_t)((int64_t)x * sign))
SUM_UPDATE(sum_i8, int8_t, int_state, ADD_INT)
SUM_UPDATE(sum_i16, int16_t, int_state, ADD_INT)
SUM_UPDATE(sum_i32, int32_t, int_state, ADD_INT)
SUM_UPDATE(sum_i64, int64_t, int_state,
           s->sum = (int64_t)((uint64_t)s->sum + (uint64_t)x * (uint64_t)(int64_t)sign))
SUM_UPDATE(sum_f32, float, float_state, s->sum = (double)((float)s->sum + x * (float)sign))
SUM_UPDATE(avg_f32, float, float_state, s->sum += (double)x * sign)
SUM_UPDATE(sum_f64, double, float_state, s->sum += x * sign)

LT_INLINE lt_i128 dec_sum(const dec_state *s)
{
    return (lt_i128)((lt_u128)(uint64_t)s->high << 64 | s->low);
}
LT_INLINE void dec_set(dec_state *s, lt_i128 value)
{
    s->low = (uint64_t)value;
    s->high = (int64_t)(value >> 64);
}

#define ADD_DEC \
    dec_set(s, (lt_i128)((lt_u128)dec_sum(s) + (lt_u128)(lt_i128)x * (lt_u128)(lt_i128)sign))
SUM_UPDATE(sum_d64, int64_t, dec_state, ADD_DEC)
SUM_UPDATE(sum_d128, lt_i128, wide_state, lt_agg_wide_add(&s->sum, x *sign))

static lt_status int_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                           uint32_t count, lt_cells *cells, lt_error *err)
{
    (void)agg;
    (void)cells;
    (void)err;
    for (uint32_t i = 0; i < count; i++) {
        int_state *d = (int_state *)(void *)dst[i];
        const int_state *s = (const int_state *)(const void *)src[i];
        d->sum = (int64_t)((uint64_t)d->sum + (uint64_t)s->sum);
        d->count += s->count;
    }
    return LT_OK;
}

#define FLOAT_MERGE(NAME, ADD)                                                               \
    static lt_status NAME(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src, \
                          uint32_t count, lt_cells *cells, lt_error *err)                    \
    {                                                                                        \
        (void)agg;                                                                           \
        (void)cells;                                                                         \
        (void)err;                                                                           \
        for (uint32_t i = 0; i < count; i++) {                                               \
            float_state *d = (float_state *)(void *)dst[i];                                  \
            const float_state *s = (const float_state *)(const void *)src[i];                \
            d->sum = (ADD);                                                                  \
            d->count += s->count;                                                            \
        }                                                                                    \
        return LT_OK;                                                                        \
    }

FLOAT_MERGE(float_merge, d->sum + s->sum)
FLOAT_MERGE(f32_merge, (double)((float)d->sum + (float)s->sum))

static lt_status dec_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                           uint32_t count, lt_cells *cells, lt_error *err)
{
    (void)agg;
    (void)cells;
    (void)err;
    for (uint32_t i = 0; i < count; i++) {
        dec_state *d = (dec_state *)(void *)dst[i];
        const dec_state *s = (const dec_state *)(const void *)src[i];
        dec_set(d, (lt_i128)((lt_u128)dec_sum(d) + (lt_u128)dec_sum(s)));
        d->count += s->count;
    }
    return LT_OK;
}

static lt_status wide_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                            uint32_t count, lt_cells *cells, lt_error *err)
{
    (void)agg;
    (void)cells;
    (void)err;
    for (uint32_t i = 0; i < count; i++) {
        wide_state *d = (wide_state *)(void *)dst[i];
        const wide_state *s = (const wide_state *)(const void *)src[i];
        lt_agg_wide_merge(&d->sum, &s->sum);
        d->count += s->count;
    }
    return LT_OK;
}

static void store_int(lt_col *out, uint32_t row, int64_t value)
{
    switch ((int)out->phys) {
    case LT_PHYS_I8:
        LT_COL_DATA(out, int8_t)[row] = (int8_t)value;
        break;
    case LT_PHYS_I16:
        LT_COL_DATA(out, int16_t)[row] = (int16_t)value;
        break;
    case LT_PHYS_I32:
        LT_COL_DATA(out, int32_t)[row] = (int32_t)value;
        break;
    default:
        LT_COL_DATA(out, int64_t)[row] = value;
        break;
    }
}

/* bound: NULL for SUM; else tells AVG and $SUM0. */
typedef struct {
    bool average;
    bool zero; /* 0 instead of NULL */
} sum_kind;

static const sum_kind kind_sum = {false, false}, kind_sum0 = {false, true},
                      kind_avg = {true, false};

static const sum_kind *kind_of(const lt_agg *agg)
{
    return (const sum_kind *)agg->bound;
}

static lt_status int_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                            lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    const sum_kind *kind = kind_of(agg);
    uint32_t i = 0;
    if (out->phys == LT_PHYS_I64 && !kind->average) {
        /* As far as all are there, which is mostly all the way. */
        int64_t *restrict to = LT_COL_DATA(out, int64_t);
        for (; i < count; i++) {
            const int_state *s = (const int_state *)(const void *)states[i];
            if (s->count == 0) {
                break;
            }
            to[i] = s->sum;
        }
    }
    for (; i < count; i++) {
        const int_state *s = (const int_state *)(const void *)states[i];
        if (s->count == 0 && !kind->zero) {
            store_int(out, i, 0);
            if (!lt_agg_set_null(out, i, out_cap, arena)) {
                return lt_error_nomem(err, "aggregate");
            }
            continue;
        }
        store_int(out, i, kind->average ? s->sum / s->count : s->sum);
    }
    return LT_OK;
}

static lt_status float_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                              lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    const sum_kind *kind = kind_of(agg);
    for (uint32_t i = 0; i < count; i++) {
        const float_state *s = (const float_state *)(const void *)states[i];
        bool null = s->count == 0 && !kind->zero;
        double value = null ? 0 : kind->average ? s->sum / (double)s->count : s->sum;
        if (out->phys == LT_PHYS_F32) {
            LT_COL_DATA(out, float)[i] = (float)value;
        } else {
            LT_COL_DATA(out, double)[i] = value;
        }
        if (null && !lt_agg_set_null(out, i, out_cap, arena)) {
            return lt_error_nomem(err, "aggregate");
        }
    }
    return LT_OK;
}

/* The result of one record; false: it has none. */
static bool dec_result(const lt_agg *agg, int64_t count, lt_i128 sum, lt_i128 *out)
{
    const sum_kind *kind = kind_of(agg);
    const lt_type *type = agg->result;
    *out = sum;
    if (count == 0) {
        return kind->zero;
    }
    return !kind->average || lt_decimal_div(sum, count, type->scale - agg->args[0]->type->scale,
                                            type->precision, out);
}

static lt_status dec_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                            lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    bool wide = lt_decimal_wide(agg->result);
    for (uint32_t i = 0; i < count; i++) {
        const dec_state *s = (const dec_state *)(const void *)states[i];
        lt_i128 value;
        bool there = dec_result(agg, s->count, dec_sum(s), &value);
        lt_decimal_store(out->data, wide, i, there ? value : 0);
        if (!there && !lt_agg_set_null(out, i, out_cap, arena)) {
            return lt_error_nomem(err, "aggregate");
        }
    }
    return LT_OK;
}

static lt_status wide_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                             lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    bool wide = lt_decimal_wide(agg->result);
    for (uint32_t i = 0; i < count; i++) {
        const wide_state *s = (const wide_state *)(const void *)states[i];
        lt_i128 value;
        bool there = lt_agg_wide_get(&s->sum, &value) && dec_result(agg, s->count, value, &value);
        lt_decimal_store(out->data, wide, i, there ? value : 0);
        if (!there && !lt_agg_set_null(out, i, out_cap, arena)) {
            return lt_error_nomem(err, "aggregate");
        }
    }
    return LT_OK;
}

#define SUM_CLASSES(NAME, TEXT)                                                        \
    static const lt_agg_class NAME##_i8 = {TEXT, sum_i8, int_merge, int_finish};       \
    static const lt_agg_class NAME##_i16 = {TEXT, sum_i16, int_merge, int_finish};     \
    static const lt_agg_class NAME##_i32 = {TEXT, sum_i32, int_merge, int_finish};     \
    static const lt_agg_class NAME##_i64 = {TEXT, sum_i64, int_merge, int_finish};     \
    static const lt_agg_class NAME##_f64 = {TEXT, sum_f64, float_merge, float_finish}; \
    static const lt_agg_class NAME##_d64 = {TEXT, sum_d64, dec_merge, dec_finish};     \
    static const lt_agg_class NAME##_d128 = {TEXT, sum_d128, wide_merge, wide_finish};

SUM_CLASSES(class_sum, "SUM")
SUM_CLASSES(class_sum0, "$SUM0")
SUM_CLASSES(class_avg, "AVG")
static const lt_agg_class class_sum_f32 = {"SUM", sum_f32, f32_merge, float_finish};
static const lt_agg_class class_sum0_f32 = {"$SUM0", sum_f32, f32_merge, float_finish};
static const lt_agg_class class_avg_f32 = {"AVG", avg_f32, float_merge, float_finish};

/* By physical form; decimals have forms of their own. */
enum { C_I8, C_I16, C_I32, C_I64, C_F32, C_F64, C_D64, C_D128, C_COUNT };
#define CLASS_LIST(NAME)                                                                          \
    {                                                                                             \
        &NAME##_i8, &NAME##_i16, &NAME##_i32, &NAME##_i64, &NAME##_f32, &NAME##_f64, &NAME##_d64, \
            &NAME##_d128                                                                          \
    }
static const lt_agg_class *const sum_classes[][C_COUNT] = {
    CLASS_LIST(class_sum), CLASS_LIST(class_sum0), CLASS_LIST(class_avg)};

static int class_index(const lt_type *type)
{
    switch ((int)type->kind) {
    case LT_TYPE_TINYINT:
        return C_I8;
    case LT_TYPE_SMALLINT:
        return C_I16;
    case LT_TYPE_INT:
        return C_I32;
    case LT_TYPE_BIGINT:
        return C_I64;
    case LT_TYPE_FLOAT:
        return C_F32;
    case LT_TYPE_DOUBLE:
        return C_F64;
    case LT_TYPE_DECIMAL:
        return lt_decimal_wide(type) ? C_D128 : C_D64;
    default:
        return -1;
    }
}

static lt_status bind_sum(lt_agg_bind_ctx *c, int family, const sum_kind *kind, lt_error *err)
{
    const lt_type *arg = c->agg->args[0]->type;
    int index = class_index(arg);
    if (index < 0) {
        return lt_agg_refuse(c, err);
    }
    c->agg->cls = sum_classes[family][index];
    c->agg->bound = kind;
    c->agg->state_size = index == C_D128  ? sizeof(wide_state)
                         : index == C_D64 ? sizeof(dec_state)
                                          : sizeof(int_state);
    if (arg->kind == LT_TYPE_DECIMAL) {
        uint8_t scale = kind->average ? (uint8_t)LT_MAX(6, arg->scale) : arg->scale;
        c->agg->result = lt_type_decimal(c->b->arena, 38, scale, !kind->zero);
    } else {
        c->agg->result = lt_type_new(c->b->arena, arg->kind, !kind->zero);
    }
    return LT_OK;
}

lt_status lt_agg_bind_sum(lt_agg_bind_ctx *c, lt_error *err)
{
    return c->func->op == 0 ? bind_sum(c, 0, &kind_sum, err) : bind_sum(c, 1, &kind_sum0, err);
}

lt_status lt_agg_bind_avg(lt_agg_bind_ctx *c, lt_error *err)
{
    return bind_sum(c, 2, &kind_avg, err);
}
