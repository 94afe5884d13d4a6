/* Inside the aggregates: the table of functions and what its rows bind with. */
#pragma once

#include "expr/aggregate.h"
#include "expr/decimal.h"
#include "expr/registry.h"

typedef struct lt_agg_func lt_agg_func;

typedef struct {
    lt_expr_builder *b;
    const lt_agg_func *func;
    uint32_t pos;
    bool again;  /* the arguments were coerced by an earlier bind */
    lt_agg *agg; /* args, retracts set; cls, result, state_size, cells, bound to fill in */
} lt_agg_bind_ctx;

struct lt_agg_func {
    const char *name;
    uint16_t min_args;
    uint16_t max_args;
    lt_status (*bind)(lt_agg_bind_ctx *c, lt_error *err); /* NULL: not supported yet */
    int op;
    const char *signature;
    const char *doc;
};

/* States that more than one file works on; agg_num.c and agg_minmax.c say what they mean. */
typedef struct {
    int64_t sum;
    int64_t count;
} lt_agg_int_state;

typedef struct {
    double sum;
    int64_t count;
} lt_agg_float_state;

typedef struct {
    int64_t seen;
    int64_t value;
} lt_agg_extreme_int;

typedef struct {
    int64_t seen;
    double value;
} lt_agg_extreme_float;

/* A sum of decimals that never wraps: 192 bits. It is NULL while it has more than 38 digits. */
typedef struct {
    uint64_t low;
    uint64_t mid;
    int64_t high;
} lt_agg_wide_sum;

LT_INLINE lt_u128 lt_agg_wide_low(const lt_agg_wide_sum *s)
{
    return (lt_u128)s->mid << 64 | s->low;
}
LT_INLINE void lt_agg_wide_set(lt_agg_wide_sum *s, lt_u128 low, int64_t carry)
{
    bool over = low < lt_agg_wide_low(s);
    s->low = (uint64_t)low;
    s->mid = (uint64_t)(low >> 64);
    s->high += carry + over;
}
LT_INLINE void lt_agg_wide_add(lt_agg_wide_sum *s, lt_i128 x)
{
    lt_agg_wide_set(s, lt_agg_wide_low(s) + (lt_u128)x, x < 0 ? -1 : 0);
}
LT_INLINE void lt_agg_wide_merge(lt_agg_wide_sum *s, const lt_agg_wide_sum *other)
{
    lt_agg_wide_set(s, lt_agg_wide_low(s) + lt_agg_wide_low(other), other->high);
}
/* false: it does not fit. */
LT_INLINE bool lt_agg_wide_get(const lt_agg_wide_sum *s, lt_i128 *out)
{
    *out = (lt_i128)lt_agg_wide_low(s);
    return s->high == (*out < 0 ? -1 : 0) && lt_decimal_fits(*out, 38);
}

lt_status lt_agg_refuse(const lt_agg_bind_ctx *c, lt_error *err);
/* Makes row NULL in a result column. false = out of memory. */
bool lt_agg_set_null(lt_col *out, uint32_t row, uint32_t cap, lt_arena *arena);

/* Puts a string into a result column, copied unless it is short. false = out of memory. */
bool lt_agg_put_text(lt_col *out, uint32_t row, lt_str text, lt_arena *arena);

/* agg_num.c */
enum { LT_AGG_MIN, LT_AGG_MAX };
lt_status lt_agg_bind_count(lt_agg_bind_ctx *c, lt_error *err);
lt_status lt_agg_count_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                              const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                              lt_error *err);
lt_status lt_agg_count_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                             uint32_t count, lt_cells *cells, lt_error *err);
lt_status lt_agg_count_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                              lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err);
lt_status lt_agg_bind_sum(lt_agg_bind_ctx *c, lt_error *err);
lt_status lt_agg_bind_avg(lt_agg_bind_ctx *c, lt_error *err);
/* agg_minmax.c */
lt_status lt_agg_bind_extreme(lt_agg_bind_ctx *c, lt_error *err);
/* agg_minmax_set.c: everything but the result's type. */
lt_status lt_agg_bind_extreme_set(lt_agg_bind_ctx *c, lt_error *err);
/* agg_var.c */
enum { LT_AGG_VAR_POP, LT_AGG_VAR_SAMP, LT_AGG_STDDEV_POP, LT_AGG_STDDEV_SAMP };
lt_status lt_agg_bind_var(lt_agg_bind_ctx *c, lt_error *err);
/* agg_value.c */
enum { LT_AGG_FIRST, LT_AGG_LAST };
lt_status lt_agg_bind_value(lt_agg_bind_ctx *c, lt_error *err);
lt_status lt_agg_bind_single(lt_agg_bind_ctx *c, lt_error *err);
/* agg_lag.c */
lt_status lt_agg_bind_lag(lt_agg_bind_ctx *c, lt_error *err);
/* agg_listagg.c */
lt_status lt_agg_bind_listagg(lt_agg_bind_ctx *c, lt_error *err);
/* agg_collect.c */
lt_status lt_agg_bind_array_agg(lt_agg_bind_ctx *c, lt_error *err);
lt_status lt_agg_bind_collect(lt_agg_bind_ctx *c, lt_error *err);
/* agg_json.c */
enum { LT_AGG_JSON_ABSENT, LT_AGG_JSON_NULL };
lt_status lt_agg_bind_json_array(lt_agg_bind_ctx *c, lt_error *err);
lt_status lt_agg_bind_json_object(lt_agg_bind_ctx *c, lt_error *err);
/* agg_percentile.c */
lt_status lt_agg_bind_percentile(lt_agg_bind_ctx *c, lt_error *err);
/* agg_approx.c */
lt_status lt_agg_bind_approx(lt_agg_bind_ctx *c, lt_error *err);
