/* Running results: what a call's result is after each row, in one pass over the rows. An operator
 * that shows every change of a group needs that; without it, it must deal rows into parts in which
 * each group stands once.
 *
 * Only for calls over inserted rows whose state is a few numbers; the others have no such form. */
#include "expr/agg_int.h"

static lt_status run_count(const lt_agg *agg, const lt_agg_run *r, lt_col *out, lt_error *err)
{
    (void)err;
    int64_t *to = LT_COL_DATA(out, int64_t);
    const uint64_t *valid = agg->arg_count > 0 ? r->args[0].valid : NULL;
    for (uint32_t i = 0; i < r->count; i++) {
        int64_t *s = (int64_t *)(void *)(r->records[i] + r->offset);
        *s += valid == NULL || lt_bit_get(valid, r->rows[i]);
        to[i] = *s;
    }
    return LT_OK;
}

/* One row after the other: add what is not NULL, put the result or NULL. */
#define RUN(NAME, T, STATE, R, HELD, ADD, RESULT)                                             \
    static lt_status NAME(const lt_agg *agg, const lt_agg_run *r, lt_col *out, lt_error *err) \
    {                                                                                         \
        const bool zero = !agg->result->nullable;                                             \
        const T *restrict val = LT_COL_DATA(&r->args[0], const T);                            \
        const uint64_t *restrict valid = r->args[0].valid;                                    \
        R *restrict to = LT_COL_DATA(out, R);                                                 \
        for (uint32_t i = 0; i < r->count; i++) {                                             \
            STATE *s = (STATE *)(void *)(r->records[i] + r->offset);                          \
            uint32_t row = r->rows[i];                                                        \
            if (valid == NULL || lt_bit_get(valid, row)) {                                    \
                const T x = val[row];                                                         \
                ADD;                                                                          \
            } else if ((HELD) == 0 && !zero) {                                                \
                to[i] = 0;                                                                    \
                if (!lt_agg_set_null(out, i, r->cap, r->arena)) {                             \
                    return lt_error_nomem(err, "aggregate");                                  \
                }                                                                             \
                continue;                                                                     \
            }                                                                                 \
            to[i] = (RESULT);                                                                 \
        }                                                                                     \
        return LT_OK;                                                                         \
    }

#define RUN_SUM(SUFFIX, T)                                  \
    RUN(run_sum_##SUFFIX, T, lt_agg_int_state, T, s->count, \
        (s->sum = (int64_t)((uint64_t)s->sum + (uint64_t)(int64_t)x), s->count++), (T)s->sum)
RUN_SUM(i8, int8_t)
RUN_SUM(i16, int16_t)
RUN_SUM(i32, int32_t)
RUN_SUM(i64, int64_t)
RUN(run_sum_f64, double, lt_agg_float_state, double, s->count, (s->sum += x, s->count++), s->sum)

#define RUN_AVG(SUFFIX, T)                                                         \
    RUN(run_avg_##SUFFIX, T, lt_agg_int_state, T, s->count,                        \
        (s->sum = (int64_t)((uint64_t)s->sum + (uint64_t)(int64_t)x), s->count++), \
        (T)(s->sum / s->count))
RUN_AVG(i8, int8_t)
RUN_AVG(i16, int16_t)
RUN_AVG(i32, int32_t)
RUN_AVG(i64, int64_t)
RUN(run_avg_f64, double, lt_agg_float_state, double, s->count, (s->sum += x, s->count++),
    s->sum / (double)s->count)

#define RUN_EXTREME(SUFFIX, T, STATE)                                                       \
    RUN(run_min_##SUFFIX, T, STATE, T, s->seen,                                             \
        (s->value = s->seen == 0 || x < s->value ? x : s->value, s->seen = 1), (T)s->value) \
    RUN(run_max_##SUFFIX, T, STATE, T, s->seen,                                             \
        (s->value = s->seen == 0 || x > s->value ? x : s->value, s->seen = 1), (T)s->value)
RUN_EXTREME(i8, int8_t, lt_agg_extreme_int)
RUN_EXTREME(i16, int16_t, lt_agg_extreme_int)
RUN_EXTREME(i32, int32_t, lt_agg_extreme_int)
RUN_EXTREME(i64, int64_t, lt_agg_extreme_int)
RUN_EXTREME(f64, double, lt_agg_extreme_float)

typedef struct {
    const char *name;
    lt_agg_run_fn i8, i16, i32, i64, f64;
} run_row;

static const run_row run_rows[] = {
    {"SUM", run_sum_i8, run_sum_i16, run_sum_i32, run_sum_i64, run_sum_f64},
    {"$SUM0", run_sum_i8, run_sum_i16, run_sum_i32, run_sum_i64, run_sum_f64},
    {"AVG", run_avg_i8, run_avg_i16, run_avg_i32, run_avg_i64, run_avg_f64},
    {"MIN", run_min_i8, run_min_i16, run_min_i32, run_min_i64, run_min_f64},
    {"MAX", run_max_i8, run_max_i16, run_max_i32, run_max_i64, run_max_f64},
};

lt_agg_run_fn lt_agg_running(const lt_agg *agg)
{
    if (agg->native != NULL || agg->distinct || agg->filter != NULL || agg->retracts ||
        agg->arg_count > 1) {
        return NULL;
    }
    if (strcmp(agg->cls->name, "COUNT") == 0) {
        return run_count;
    }
    if (agg->arg_count == 0 || agg->args[0]->type->kind == LT_TYPE_DECIMAL) {
        return NULL;
    }
    for (size_t i = 0; i < LT_COUNT_OF(run_rows); i++) {
        const run_row *row = &run_rows[i];
        if (strcmp(agg->cls->name, row->name) == 0) {
            lt_phys phys = lt_type_phys(agg->args[0]->type);
            return phys == LT_PHYS_I8    ? row->i8
                   : phys == LT_PHYS_I16 ? row->i16
                   : phys == LT_PHYS_I32 ? row->i32
                   : phys == LT_PHYS_I64 ? row->i64
                   : phys == LT_PHYS_F64 ? row->f64
                                         : NULL;
        }
    }
    return NULL;
}
