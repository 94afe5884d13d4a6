/* VAR_* and STDDEV_*, from the sums of x and of x * x, in the arithmetic of the argument's type:
 * Flink rewrites them to
 *
 *   (SUM(x * x) - SUM(x) * SUM(x) / COUNT(x)) / n       n = COUNT(x), or COUNT(x) - 1 for samples
 *
 * where integers wrap and truncate at every step.
 *
 *   integers   i64 sum, i64 sum of squares, i64 count
 *   floats     f64 sum, f64 sum of squares, i64 count
 *   decimals   lt_agg_wide_sum of x and of x * x, i64 count, i64 rows whose square has more than 38
 *              digits: the result is NULL while there are such */
#include <math.h>

#include "expr/agg_int.h"
#include "expr/decimal.h"
#include "expr/families.h"

typedef struct {
    union {
        int64_t i;
        double f;
    } sum, squares;
    int64_t count;
} var_state;

typedef struct {
    lt_agg_wide_sum sum;
    lt_agg_wide_sum squares;
    int64_t count;
    int64_t lost;
} dec_state;

_Static_assert(sizeof(var_state) == 24 && sizeof(dec_state) == 64, "states are packed");

typedef struct {
    int op;
    uint8_t scale;        /* decimals: of x as it is summed up */
    uint8_t square_scale; /* of x * x */
    uint8_t square_precision;
} var_bound;

#define VAR_UPDATE(NAME, T, ADD)                                                           \
    static lt_status NAME(const lt_agg *agg, uint8_t *const *states, const lt_col *args,   \
                          const uint32_t *rows, uint32_t count, int sign, lt_cells *cells, \
                          lt_error *err)                                                   \
    {                                                                                      \
        (void)agg;                                                                         \
        (void)cells;                                                                       \
        (void)err;                                                                         \
        const T *restrict val = LT_COL_DATA(&args[0], const T);                            \
        for (uint32_t i = 0; i < count; i++) {                                             \
            var_state *s = (var_state *)(void *)states[i];                                 \
            if (lt_col_is_null(&args[0], rows[i])) {                                       \
                continue;                                                                  \
            }                                                                              \
            const T x = val[rows[i]];                                                      \
            ADD(x);                                                                        \
            s->count += sign;                                                              \
        }                                                                                  \
        return LT_OK;                                                                      \
    }

/* Wrapping sums in 64 bits agree with those of narrower types in their low bits. */
#define ADD_INT(x)                                                         \
    do {                                                                   \
        uint64_t u = (uint64_t)(int64_t)(x), by = (uint64_t)(int64_t)sign; \
        s->sum.i = (int64_t)((uint64_t)s->sum.i + u * by);                 \
        s->squares.i = (int64_t)((uint64_t)s->squares.i + u * u * by);     \
    } while (0)
#define ADD_F64(x)                      \
    do {                                \
        s->sum.f += (x)*sign;           \
        s->squares.f += (x) * (x)*sign; \
    } while (0)
#define ADD_F32(x)                                                              \
    do {                                                                        \
        s->sum.f = (double)((float)s->sum.f + (x) * (float)sign);               \
        s->squares.f = (double)((float)s->squares.f + (x) * (x) * (float)sign); \
    } while (0)

VAR_UPDATE(var_i8, int8_t, ADD_INT)
VAR_UPDATE(var_i16, int16_t, ADD_INT)
VAR_UPDATE(var_i32, int32_t, ADD_INT)
VAR_UPDATE(var_i64, int64_t, ADD_INT)
VAR_UPDATE(var_f32, float, ADD_F32)
VAR_UPDATE(var_f64, double, ADD_F64)

static lt_status var_dec(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                         const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                         lt_error *err)
{
    (void)cells;
    (void)err;
    const var_bound *bound = (const var_bound *)agg->bound;
    const lt_type *type = agg->args[0]->type;
    bool wide = lt_decimal_wide(type);
    for (uint32_t i = 0; i < count; i++) {
        dec_state *s = (dec_state *)(void *)states[i];
        lt_i128 x, square;
        if (lt_col_is_null(&args[0], rows[i])) {
            continue;
        }
        x = lt_decimal_load(args[0].data, wide, rows[i]);
        s->count += sign;
        if (!lt_decimal_rescale(x, type->scale, bound->scale, 38, &x) ||
            !lt_decimal_mul(x, x, 2 * bound->scale - bound->square_scale, bound->square_precision,
                            &square)) {
            s->lost += sign;
            continue;
        }
        lt_agg_wide_add(&s->sum, x * sign);
        lt_agg_wide_add(&s->squares, square * sign);
    }
    return LT_OK;
}

static lt_status dec_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                           uint32_t count, lt_cells *cells, lt_error *err)
{
    (void)agg;
    (void)cells;
    (void)err;
    for (uint32_t i = 0; i < count; i++) {
        dec_state *d = (dec_state *)(void *)dst[i];
        const dec_state *s = (const dec_state *)(const void *)src[i];
        lt_agg_wide_merge(&d->sum, &s->sum);
        lt_agg_wide_merge(&d->squares, &s->squares);
        d->count += s->count;
        d->lost += s->lost;
    }
    return LT_OK;
}

static bool is_float(const lt_agg *agg)
{
    return agg->result->kind == LT_TYPE_FLOAT || agg->result->kind == LT_TYPE_DOUBLE;
}

static lt_status var_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                           uint32_t count, lt_cells *cells, lt_error *err)
{
    (void)cells;
    (void)err;
    for (uint32_t i = 0; i < count; i++) {
        var_state *d = (var_state *)(void *)dst[i];
        const var_state *s = (const var_state *)(const void *)src[i];
        if (agg->result->kind == LT_TYPE_FLOAT) {
            d->sum.f = (double)((float)d->sum.f + (float)s->sum.f);
            d->squares.f = (double)((float)d->squares.f + (float)s->squares.f);
        } else if (is_float(agg)) {
            d->sum.f += s->sum.f;
            d->squares.f += s->squares.f;
        } else {
            d->sum.i = (int64_t)((uint64_t)d->sum.i + (uint64_t)s->sum.i);
            d->squares.i = (int64_t)((uint64_t)d->squares.i + (uint64_t)s->squares.i);
        }
        d->count += s->count;
    }
    return LT_OK;
}

static int64_t wrap_to(lt_type_kind kind, int64_t x)
{
    switch ((int)kind) {
    case LT_TYPE_TINYINT:
        return (int8_t)x;
    case LT_TYPE_SMALLINT:
        return (int16_t)x;
    case LT_TYPE_INT:
        return (int32_t)x;
    default:
        return x;
    }
}

static int64_t root_i64(int64_t x)
{
    double root = sqrt((double)x);
    return isnan(root) ? 0 : (int64_t)root;
}

static void put_int(const lt_agg *agg, const var_state *s, bool root, int64_t n, lt_col *out,
                    uint32_t row)
{
    lt_type_kind kind = agg->result->kind;
    int64_t sum = wrap_to(kind, s->sum.i);
    int64_t squares = wrap_to(kind, s->squares.i);
    int64_t sum_squared = wrap_to(kind, (int64_t)((uint64_t)sum * (uint64_t)sum));
    int64_t diff = (int64_t)((uint64_t)squares - (uint64_t)(sum_squared / s->count));
    int64_t result = diff / n;
    result = wrap_to(kind, root ? root_i64(result) : result);
    switch ((int)out->phys) {
    case LT_PHYS_I8:
        LT_COL_DATA(out, int8_t)[row] = (int8_t)result;
        break;
    case LT_PHYS_I16:
        LT_COL_DATA(out, int16_t)[row] = (int16_t)result;
        break;
    case LT_PHYS_I32:
        LT_COL_DATA(out, int32_t)[row] = (int32_t)result;
        break;
    default:
        LT_COL_DATA(out, int64_t)[row] = result;
        break;
    }
}

static void put_float(const var_state *s, bool root, int64_t n, lt_col *out, uint32_t row)
{
    double result;
    if (out->phys == LT_PHYS_F32) {
        float sum = (float)s->sum.f;
        float mean = sum * sum / (float)s->count;
        result = (double)(((float)s->squares.f - mean) / (float)n);
        result = root ? pow(result, 0.5) : result;
        LT_COL_DATA(out, float)[row] = (float)result;
        return;
    }
    result = (s->squares.f - s->sum.f * s->sum.f / (double)s->count) / (double)n;
    LT_COL_DATA(out, double)[row] = root ? pow(result, 0.5) : result;
}

/* false: does not fit. */
static bool put_decimal(const lt_agg *agg, const dec_state *s, bool root, int64_t n, lt_col *out,
                        uint32_t row)
{
    const var_bound *bound = (const var_bound *)agg->bound;
    int scale = agg->result->scale;
    lt_i128 sum, squares, part, diff;
    LT_COL_DATA(out, lt_i128)[row] = 0;
    if (s->lost != 0 || !lt_agg_wide_get(&s->sum, &sum) ||
        !lt_agg_wide_get(&s->squares, &squares) ||
        !lt_decimal_mul(sum, sum, 2 * bound->scale - bound->square_scale, 38, &part) ||
        !lt_decimal_div(part, s->count, 0, 38, &part)) {
        return false;
    }
    if (!lt_decimal_div(squares - part, n, 0, 38, &diff)) {
        return false;
    }
    if (root) {
        double value = pow(lt_decimal_to_f64(diff, bound->square_scale), 0.5);
        return lt_decimal_from_f64(value, 38, scale, &LT_COL_DATA(out, lt_i128)[row]);
    }
    return lt_decimal_rescale(diff, bound->square_scale, scale, 38,
                              &LT_COL_DATA(out, lt_i128)[row]);
}

static bool takes_sample(const lt_agg *agg)
{
    int op = ((const var_bound *)agg->bound)->op;
    return op == LT_AGG_VAR_SAMP || op == LT_AGG_STDDEV_SAMP;
}

static bool takes_root(const lt_agg *agg)
{
    int op = ((const var_bound *)agg->bound)->op;
    return op == LT_AGG_STDDEV_POP || op == LT_AGG_STDDEV_SAMP;
}

static lt_status var_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                            lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    bool sample = takes_sample(agg), root = takes_root(agg);
    for (uint32_t i = 0; i < count; i++) {
        const var_state *s = (const var_state *)(const void *)states[i];
        int64_t n = s->count - (sample ? 1 : 0);
        if (n <= 0) {
            if (!lt_agg_set_null(out, i, out_cap, arena)) {
                return lt_error_nomem(err, "aggregate");
            }
        } else if (is_float(agg)) {
            put_float(s, root, n, out, i);
        } else {
            put_int(agg, s, root, n, out, i);
        }
    }
    return LT_OK;
}

static lt_status dec_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                            lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    bool sample = takes_sample(agg), root = takes_root(agg);
    for (uint32_t i = 0; i < count; i++) {
        const dec_state *s = (const dec_state *)(const void *)states[i];
        int64_t n = s->count - (sample ? 1 : 0);
        if ((n <= 0 || !put_decimal(agg, s, root, n, out, i)) &&
            !lt_agg_set_null(out, i, out_cap, arena)) {
            return lt_error_nomem(err, "aggregate");
        }
    }
    return LT_OK;
}

#define VAR_CLASSES(NAME, TEXT)                                                         \
    static const lt_agg_class NAME[] = {                                                \
        {TEXT, var_i8, var_merge, var_finish},  {TEXT, var_i16, var_merge, var_finish}, \
        {TEXT, var_i32, var_merge, var_finish}, {TEXT, var_i64, var_merge, var_finish}, \
        {TEXT, var_f32, var_merge, var_finish}, {TEXT, var_f64, var_merge, var_finish}, \
        {TEXT, var_dec, dec_merge, dec_finish},                                         \
    };

VAR_CLASSES(var_pop, "VAR_POP")
VAR_CLASSES(var_samp, "VAR_SAMP")
VAR_CLASSES(stddev_pop, "STDDEV_POP")
VAR_CLASSES(stddev_samp, "STDDEV_SAMP")

lt_status lt_agg_bind_var(lt_agg_bind_ctx *c, lt_error *err)
{
    static const lt_agg_class *const classes[] = {var_pop, var_samp, stddev_pop, stddev_samp};
    const lt_type *arg = c->agg->args[0]->type;
    int index;
    switch ((int)arg->kind) {
    case LT_TYPE_TINYINT:
    case LT_TYPE_SMALLINT:
    case LT_TYPE_INT:
    case LT_TYPE_BIGINT:
        index = (int)arg->kind - (int)LT_TYPE_TINYINT;
        break;
    case LT_TYPE_FLOAT:
        index = 4;
        break;
    case LT_TYPE_DOUBLE:
        index = 5;
        break;
    case LT_TYPE_DECIMAL:
        index = 6;
        break;
    default:
        return lt_agg_refuse(c, err);
    }
    var_bound *bound = LT_NEW(c->b->arena, var_bound);
    if (bound == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    bound->op = c->func->op;
    c->agg->cls = &classes[c->func->op][index];
    c->agg->bound = bound;
    c->agg->state_size = sizeof(var_state);
    if (index < 6) {
        c->agg->result = lt_type_new(c->b->arena, arg->kind, true);
        return LT_OK;
    }
    c->agg->state_size = sizeof(dec_state);
    bound->scale = (uint8_t)LT_MAX(6, arg->scale);
    c->agg->result = lt_type_decimal(c->b->arena, 38, bound->scale, true);
    if (c->agg->result == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    int precision, scale;
    lt_decimal_result(LT_OP_MUL, c->agg->result, c->agg->result, &precision, &scale);
    bound->square_precision = (uint8_t)precision;
    bound->square_scale = (uint8_t)scale;
    return LT_OK;
}
