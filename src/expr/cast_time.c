/* Casts among DATE, TIME, TIMESTAMP and TIMESTAMP_LTZ. A TIMESTAMP_LTZ is an instant; its fields
 * are those of the session's zone. */
#include "expr/cast_int.h"
#include "expr/temporal.h"

static const lt_zone *zone_of(const lt_kctx *k)
{
    return k->session->zone != NULL && !lt_zone_is_utc(k->session->zone) ? k->session->zone : NULL;
}

LT_INLINE void each_stamp(lt_kctx *k, const int from_form, const int to_form)
{
    const lt_cast *cast = lt_k_cast(k);
    const void *data = k->args[0].col->data;
    bool from_local = cast->from->kind == LT_TYPE_TIMESTAMP;
    bool to_local = cast->to->kind == LT_TYPE_TIMESTAMP;
    const lt_zone *zone = from_local == to_local ? NULL : zone_of(k);
    int precision = cast->to->precision;
    bool cuts = precision < cast->from->precision;
    LT_EACH(k, row)
    {
        lt_ts9 ts = lt_ts_load(data, from_form, row);
        if (cuts) {
            ts = lt_ts_cut(ts, precision);
        }
        if (zone != NULL && from_local) {
            ts.ms = lt_zone_to_utc_ms(zone, ts.ms);
        } else if (zone != NULL) {
            ts.ms += lt_zone_offset_ms(zone, ts.ms);
        }
        lt_ts_store(k->out->data, to_form, row, ts);
    }
}

#define STAMP_KERNEL(NAME, FROM, TO)                 \
    static lt_status NAME(lt_kctx *k, lt_error *err) \
    {                                                \
        (void)err;                                   \
        each_stamp(k, FROM, TO);                     \
        return LT_OK;                                \
    }

STAMP_KERNEL(ms_to_ms, LT_TS_MS, LT_TS_MS)
STAMP_KERNEL(ms_to_us, LT_TS_MS, LT_TS_US)
STAMP_KERNEL(ms_to_ns, LT_TS_MS, LT_TS_NS)
STAMP_KERNEL(us_to_ms, LT_TS_US, LT_TS_MS)
STAMP_KERNEL(us_to_us, LT_TS_US, LT_TS_US)
STAMP_KERNEL(us_to_ns, LT_TS_US, LT_TS_NS)
STAMP_KERNEL(ns_to_ms, LT_TS_NS, LT_TS_MS)
STAMP_KERNEL(ns_to_us, LT_TS_NS, LT_TS_US)
STAMP_KERNEL(ns_to_ns, LT_TS_NS, LT_TS_NS)

static const lt_kernel stamp_kernels[3][3] = {
    {ms_to_ms, ms_to_us, ms_to_ns},
    {us_to_ms, us_to_us, us_to_ns},
    {ns_to_ms, ns_to_us, ns_to_ns},
};

static lt_status date_to_stamp(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_type *to = lt_k_cast(k)->to;
    const lt_zone *zone = to->kind == LT_TYPE_TIMESTAMP_LTZ ? zone_of(k) : NULL;
    int form = lt_ts_form(to);
    LT_EACH(k, row)
    {
        lt_ts9 ts = {LT_ARG(k, 0, int32_t)[row] * LT_MS_PER_DAY, 0, 0};
        if (zone != NULL) {
            ts.ms = lt_zone_to_utc_ms(zone, ts.ms);
        }
        lt_ts_store(k->out->data, form, row, ts);
    }
    return LT_OK;
}

static lt_status time_to_stamp(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_type *to = lt_k_cast(k)->to;
    const lt_zone *zone = to->kind == LT_TYPE_TIMESTAMP_LTZ ? zone_of(k) : NULL;
    int form = lt_ts_form(to);
    LT_EACH(k, row)
    {
        lt_ts9 ts = {LT_ARG(k, 0, int32_t)[row], 0, 0};
        ts = lt_ts_cut(ts, to->precision);
        if (zone != NULL) {
            ts.ms = lt_zone_to_utc_ms(zone, ts.ms);
        }
        lt_ts_store(k->out->data, form, row, ts);
    }
    return LT_OK;
}

static lt_status stamp_to_day_part(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_cast *cast = lt_k_cast(k);
    const lt_zone *zone = cast->from->kind == LT_TYPE_TIMESTAMP_LTZ ? zone_of(k) : NULL;
    int form = lt_ts_form(cast->from);
    bool date = cast->to->kind == LT_TYPE_DATE;
    LT_EACH(k, row)
    {
        int64_t ms = lt_ts_load_ms(k->args[0].col->data, form, row);
        if (zone != NULL) {
            ms += lt_zone_offset_ms(zone, ms);
        }
        int64_t days = lt_floor_div(ms, LT_MS_PER_DAY);
        int64_t rest = ms - days * LT_MS_PER_DAY;
        if (!date) {
            lt_ts9 cut = lt_ts_cut((lt_ts9){rest, 0, 0}, LT_MIN(cast->to->precision, 3));
            rest = cut.ms;
        }
        LT_OUT(k, int32_t)[row] = (int32_t)(date ? days : rest);
    }
    return LT_OK;
}

static lt_status time_to_time(lt_kctx *k, lt_error *err)
{
    (void)err;
    int precision = LT_MIN(lt_k_cast(k)->to->precision, 3);
    LT_EACH(k, row)
    {
        lt_ts9 ts = {LT_ARG(k, 0, int32_t)[row], 0, 0};
        LT_OUT(k, int32_t)[row] = (int32_t)lt_ts_cut(ts, precision).ms;
    }
    return LT_OK;
}

void lt_cast_pick_time(lt_cast *cast)
{
    const lt_type *from = cast->from, *to = cast->to;
    bool from_stamp = lt_type_is_timestamp(from), to_stamp = lt_type_is_timestamp(to);
    if (from_stamp && to_stamp) {
        cast->kernel = stamp_kernels[lt_ts_form(from)][lt_ts_form(to)];
    } else if (from_stamp && (to->kind == LT_TYPE_DATE || to->kind == LT_TYPE_TIME)) {
        cast->kernel = stamp_to_day_part;
    } else if (from->kind == LT_TYPE_DATE && to_stamp) {
        cast->kernel = date_to_stamp;
    } else if (from->kind == LT_TYPE_TIME && to_stamp) {
        cast->kernel = time_to_stamp;
    } else if (from->kind == LT_TYPE_TIME && to->kind == LT_TYPE_TIME) {
        cast->kernel = time_to_time;
    }
}
