/* Arithmetic of dates, times, timestamps and intervals: day-time intervals are milliseconds,
 * year-month intervals months. */
#include "expr/cast.h"
#include "expr/families.h"
#include "expr/temporal.h"

#define WRAP_ADD(a, b) ((int64_t)((uint64_t)(a) + (uint64_t)(b)))

/* temporal +- ms: args[0] temporal, args[1] interval; data: the sign. */
static const int64_t plus = 1, minus = -1;

static int64_t sign_of(const lt_kctx *k)
{
    return *(const int64_t *)k->data;
}

#define SHIFT_KERNEL(NAME, UNIT)                                               \
    static lt_status NAME(lt_kctx *k, lt_error *err)                           \
    {                                                                          \
        (void)err;                                                             \
        const int64_t *restrict a = LT_ARG(k, 0, int64_t);                     \
        const int64_t *restrict b = LT_ARG(k, 1, int64_t);                     \
        int64_t *restrict out = LT_OUT(k, int64_t);                            \
        const uint64_t unit = (uint64_t)sign_of(k) * UNIT;                     \
        if (k->args[1].mask == 0) {                                            \
            const uint64_t by = (uint64_t)b[0] * unit;                         \
            for (uint32_t i = 0; i < k->rows; i++) {                           \
                out[i] = (int64_t)((uint64_t)a[i] + by);                       \
            }                                                                  \
            return LT_OK;                                                      \
        }                                                                      \
        uint32_t mask = k->args[0].mask;                                       \
        for (uint32_t i = 0; i < k->rows; i++) {                               \
            out[i] = (int64_t)((uint64_t)a[i & mask] + (uint64_t)b[i] * unit); \
        }                                                                      \
        return LT_OK;                                                          \
    }

SHIFT_KERNEL(shift_ms, 1)
SHIFT_KERNEL(shift_us, 1000)

static lt_status shift_ns(lt_kctx *k, lt_error *err)
{
    (void)err;
    int64_t sign = sign_of(k);
    for (uint32_t i = 0; i < k->rows; i++) {
        lt_ts9 ts = LT_ARG(k, 0, lt_ts9)[i & k->args[0].mask];
        ts.ms =
            WRAP_ADD(ts.ms, (uint64_t)sign * (uint64_t)LT_ARG(k, 1, int64_t)[i & k->args[1].mask]);
        LT_OUT(k, lt_ts9)[i] = ts;
    }
    return LT_OK;
}

static lt_status shift_date(lt_kctx *k, lt_error *err)
{
    (void)err;
    int64_t sign = sign_of(k);
    for (uint32_t i = 0; i < k->rows; i++) {
        int64_t days = LT_ARG(k, 1, int64_t)[i & k->args[1].mask] / LT_MS_PER_DAY;
        LT_OUT(k, int32_t)
        [i] = (int32_t)(LT_ARG(k, 0, int32_t)[i & k->args[0].mask] + sign * days);
    }
    return LT_OK;
}

static lt_status shift_time(lt_kctx *k, lt_error *err)
{
    (void)err;
    int64_t sign = sign_of(k);
    for (uint32_t i = 0; i < k->rows; i++) {
        int64_t by = LT_ARG(k, 1, int64_t)[i & k->args[1].mask] % LT_MS_PER_DAY;
        int64_t ms = LT_ARG(k, 0, int32_t)[i & k->args[0].mask] + sign * by;
        LT_OUT(k, int32_t)[i] = (int32_t)lt_floor_mod(ms, LT_MS_PER_DAY);
    }
    return LT_OK;
}

LT_INLINE int64_t months_by(const lt_kctx *k, uint32_t row)
{
    return sign_of(k) * LT_ARG(k, 1, int32_t)[row & k->args[1].mask];
}

static lt_status months_date(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        int32_t days = LT_ARG(k, 0, int32_t)[row & k->args[0].mask];
        LT_OUT(k, int32_t)[row] = (int32_t)lt_add_months(days, months_by(k, row));
    }
    return LT_OK;
}

LT_INLINE void months_stamp(lt_kctx *k, const int form)
{
    LT_EACH(k, row)
    {
        lt_ts9 ts = lt_ts_load(k->args[0].col->data, form, row & k->args[0].mask);
        int64_t days = lt_floor_div(ts.ms, LT_MS_PER_DAY);
        int64_t rest = ts.ms - days * LT_MS_PER_DAY;
        ts.ms = lt_add_months(days, months_by(k, row)) * LT_MS_PER_DAY + rest;
        lt_ts_store(k->out->data, form, row, ts);
    }
}

static lt_status months_ms(lt_kctx *k, lt_error *err)
{
    (void)err;
    months_stamp(k, LT_TS_MS);
    return LT_OK;
}

static lt_status months_us(lt_kctx *k, lt_error *err)
{
    (void)err;
    months_stamp(k, LT_TS_US);
    return LT_OK;
}

static lt_status months_ns(lt_kctx *k, lt_error *err)
{
    (void)err;
    months_stamp(k, LT_TS_NS);
    return LT_OK;
}

static lt_status add_months32(lt_kctx *k, lt_error *err)
{
    (void)err;
    for (uint32_t i = 0; i < k->rows; i++) {
        int64_t a = LT_ARG(k, 0, int32_t)[i & k->args[0].mask];
        LT_OUT(k, int32_t)[i] = (int32_t)(a + months_by(k, i));
    }
    return LT_OK;
}

/* difference of two timestamps in ms, of two dates in days of ms */
static lt_status minus_stamp(lt_kctx *k, lt_error *err)
{
    (void)err;
    int form_a = lt_ts_form(k->call->u.call.args[0]->type);
    int form_b = lt_ts_form(k->call->u.call.args[1]->type);
    LT_EACH(k, row)
    {
        LT_OUT(k, int64_t)
        [row] = lt_ts_load_ms(k->args[0].col->data, form_a, row & k->args[0].mask) -
                lt_ts_load_ms(k->args[1].col->data, form_b, row & k->args[1].mask);
    }
    return LT_OK;
}

static lt_status minus_date(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        int64_t a = LT_ARG(k, 0, int32_t)[row & k->args[0].mask];
        int64_t b = LT_ARG(k, 1, int32_t)[row & k->args[1].mask];
        LT_OUT(k, int64_t)[row] = (a - b) * LT_MS_PER_DAY;
    }
    return LT_OK;
}

static lt_status minus_time(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        int64_t a = LT_ARG(k, 0, int32_t)[row & k->args[0].mask];
        int64_t b = LT_ARG(k, 1, int32_t)[row & k->args[1].mask];
        LT_OUT(k, int64_t)[row] = a - b;
    }
    return LT_OK;
}

/* interval * number, interval / number: the number as DOUBLE or BIGINT */
static lt_status scale_interval(lt_kctx *k, lt_error *err)
{
    (void)err;
    bool months = k->out->phys == LT_PHYS_I32;
    bool integer = k->args[1].col->phys == LT_PHYS_I64;
    bool divides = k->call->u.call.func->op == LT_OP_DIV;
    LT_EACH(k, row)
    {
        uint32_t a = row & k->args[0].mask, b = row & k->args[1].mask;
        int64_t x = months ? LT_ARG(k, 0, int32_t)[a] : LT_ARG(k, 0, int64_t)[a];
        int64_t result;
        if (integer) {
            int64_t y = LT_ARG(k, 1, int64_t)[b];
            if (divides && y == 0) {
                lt_k_fail(k, row, "division-by-zero", "division by zero");
                continue;
            }
            result = divides ? (y == -1 ? (int64_t)(0 - (uint64_t)x) : x / y)
                             : (int64_t)((uint64_t)x * (uint64_t)y);
        } else {
            double y = LT_ARG(k, 1, double)[b];
            double r = divides ? (double)x / y : (double)x * y;
            result = r >= -9.2e18 && r <= 9.2e18 ? (int64_t)r : 0;
        }
        if (months) {
            LT_OUT(k, int32_t)[row] = (int32_t)result;
        } else {
            LT_OUT(k, int64_t)[row] = result;
        }
    }
    return LT_OK;
}

static bool is_interval(const lt_type *type)
{
    return type->kind == LT_TYPE_INTERVAL_MONTH || type->kind == LT_TYPE_INTERVAL_SECOND;
}

static void swap_args(lt_infer *in)
{
    lt_expr *first = in->args[0];
    in->args[0] = in->args[1];
    in->args[1] = first;
}

static const lt_type *plain_type(const lt_infer *in, const lt_type *type)
{
    const lt_type *plain = lt_type_with_attr(in->b->arena, type, LT_TIME_NONE);
    return plain == NULL ? NULL : lt_type_with_nullable(in->b->arena, plain, lt_in_nullable(in));
}

static lt_status infer_scaled(lt_infer *in, lt_error *err)
{
    int op = in->func->op;
    if (is_interval(in->args[1]->type)) {
        if (op == LT_OP_DIV || is_interval(in->args[0]->type)) {
            return lt_in_refuse(in, err);
        }
        swap_args(in);
    }
    const lt_type *number = in->args[1]->type;
    if (number->kind == LT_TYPE_NULL || lt_type_is_integer(number)) {
        LT_TRY(lt_in_cast_kind(in, 1, LT_TYPE_BIGINT, err));
    } else if (lt_type_is_numeric(number)) {
        LT_TRY(lt_in_cast_kind(in, 1, LT_TYPE_DOUBLE, err));
    } else {
        return lt_in_refuse(in, err);
    }
    in->type = plain_type(in, in->args[0]->type);
    in->kernel = scale_interval;
    return LT_OK;
}

static lt_status infer_difference(lt_infer *in, lt_error *err)
{
    const lt_type *a = in->args[0]->type, *b = in->args[1]->type;
    if (in->func->op != LT_OP_SUB) {
        return lt_in_refuse(in, err);
    }
    if (a->kind == LT_TYPE_DATE && b->kind == LT_TYPE_DATE) {
        in->kernel = minus_date;
    } else if (a->kind == LT_TYPE_TIME && b->kind == LT_TYPE_TIME) {
        in->kernel = minus_time;
    } else if (lt_type_is_timestamp(a) && a->kind == b->kind) {
        in->kernel = minus_stamp;
    } else {
        return lt_in_refuse(in, err);
    }
    in->type = lt_in_type(in, LT_TYPE_INTERVAL_SECOND, false);
    return LT_OK;
}

static lt_status pick_shift(lt_infer *in, lt_error *err)
{
    const lt_type *type = in->args[0]->type;
    bool months = in->args[1]->type->kind == LT_TYPE_INTERVAL_MONTH;
    in->type = plain_type(in, type);
    in->data = in->func->op == LT_OP_SUB ? &minus : &plus;
    if (!months) {
        in->flags |= LT_FUNC_DENSE;
    }
    if (lt_type_is_timestamp(type)) {
        static const lt_kernel by_ms[] = {shift_ms, shift_us, shift_ns};
        static const lt_kernel by_months[] = {months_ms, months_us, months_ns};
        in->kernel = months ? by_months[lt_ts_form(type)] : by_ms[lt_ts_form(type)];
    } else if (type->kind == LT_TYPE_DATE) {
        in->kernel = months ? months_date : shift_date;
    } else if (type->kind == LT_TYPE_TIME && !months) {
        in->kernel = shift_time;
    } else if (type->kind == in->args[1]->type->kind) {
        in->kernel = months ? add_months32 : shift_ms;
    } else {
        return lt_in_refuse(in, err);
    }
    return LT_OK;
}

lt_status lt_infer_interval_arith(lt_infer *in, lt_error *err)
{
    int op = in->func->op;
    if (op == LT_OP_MUL || op == LT_OP_DIV) {
        bool any =
            op == LT_OP_MUL && (is_interval(in->args[0]->type) || is_interval(in->args[1]->type));
        return any ? infer_scaled(in, err) : lt_in_refuse(in, err);
    }
    if (op == LT_OP_MOD) {
        return lt_in_refuse(in, err);
    }
    /* A bare NULL beside a temporal value is taken for an interval, beside an interval for another
     * one. */
    for (uint32_t i = 0; i < 2; i++) {
        if (in->args[i]->type->kind == LT_TYPE_NULL) {
            const lt_type *other = in->args[1 - i]->type;
            LT_TRY(is_interval(other) ? lt_in_cast(in, i, other, err)
                                      : lt_in_cast_kind(in, i, LT_TYPE_INTERVAL_SECOND, err));
        }
    }
    bool first = is_interval(in->args[0]->type), second = is_interval(in->args[1]->type);
    if (!first && !second) {
        return infer_difference(in, err);
    }
    if (first && !second) {
        if (op == LT_OP_SUB) {
            return lt_in_refuse(in, err);
        }
        swap_args(in);
    }
    return pick_shift(in, err);
}
