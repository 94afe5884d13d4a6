/* Timestamps in their three physical forms (milliseconds, microseconds, milliseconds and
 * nanoseconds) read and written alike. Loops are instantiated per form by passing it as a constant
 * to an always-inline body. */
#pragma once

#include "expr/civil.h"
#include "expr/kernel.h"
#include "expr/timezone.h"

enum { LT_TS_MS, LT_TS_US, LT_TS_NS };

LT_INLINE int lt_ts_form(const lt_type *type)
{
    return type->precision <= 3 ? LT_TS_MS : type->precision <= 6 ? LT_TS_US : LT_TS_NS;
}

LT_INLINE lt_ts9 lt_ts_load(const void *data, int form, uint32_t row)
{
    lt_ts9 ts = {0, 0, 0};
    if (form == LT_TS_MS) {
        ts.ms = ((const int64_t *)data)[row];
    } else if (form == LT_TS_US) {
        int64_t us = ((const int64_t *)data)[row];
        ts.ms = lt_floor_div(us, 1000);
        ts.ns_of_ms = (int32_t)(us - ts.ms * 1000) * 1000;
    } else {
        ts = ((const lt_ts9 *)data)[row];
    }
    return ts;
}

LT_INLINE int64_t lt_ts_load_ms(const void *data, int form, uint32_t row)
{
    if (form == LT_TS_NS) {
        return ((const lt_ts9 *)data)[row].ms;
    }
    int64_t value = ((const int64_t *)data)[row];
    return form == LT_TS_MS ? value : lt_floor_div(value, 1000);
}

/* Digits beyond the form are cut. */
LT_INLINE void lt_ts_store(void *data, int form, uint32_t row, lt_ts9 ts)
{
    if (form == LT_TS_MS) {
        ((int64_t *)data)[row] = ts.ms;
    } else if (form == LT_TS_US) {
        /* years beyond 290,000 wrap */
        uint64_t us = (uint64_t)ts.ms * 1000 + (uint64_t)(ts.ns_of_ms / 1000);
        ((int64_t *)data)[row] = (int64_t)us;
    } else {
        ts.unused = 0;
        ((lt_ts9 *)data)[row] = ts;
    }
}

/* Cuts to `precision` fraction digits. */
LT_INLINE lt_ts9 lt_ts_cut(lt_ts9 ts, int precision)
{
    static const int32_t units[] = {1000, 100, 10, 1, 100000, 10000, 1000, 100, 10, 1};
    if (precision <= 3) {
        ts.ms -= precision == 3 ? 0 : lt_floor_mod(ts.ms, units[precision]);
        ts.ns_of_ms = 0;
    } else {
        ts.ns_of_ms -= ts.ns_of_ms % units[precision];
    }
    return ts;
}

/* ---- text ---- */

/* Decimal digits with a sign, zeros before them up to `width` digits; at most 24 bytes. Gives the
 * length. */
size_t lt_put_padded(int64_t value, int width, char *to);
size_t lt_format_date(int64_t days, char *to);
size_t lt_format_time(int32_t ms, int precision, char *to);
size_t lt_format_timestamp(lt_ts9 ts, int precision,
                           char *to); /* exactly `precision` fraction digits */
size_t lt_format_interval_month(int32_t months, char *to);
size_t lt_format_interval_second(int64_t ms, char *to);

/* As Flink's CAST reads them; blanks around were removed by the caller. */
bool lt_text_to_date(lt_str s, int32_t *days);
bool lt_text_to_time(lt_str s, int32_t *ms);
/* 30 February is the last of February, as for Java's "smart" parser. */
bool lt_text_to_timestamp(lt_str s, lt_ts9 *ts);

/* The date of a text that was read, for the next ones of the same day. Starts zeroed. */
typedef struct {
    char text[10];
    int64_t ms;
} lt_stamp_day;
/* The same for many texts, one after the other. */
bool lt_text_to_timestamp_near(lt_str s, lt_stamp_day *last, lt_ts9 *ts);
/* The same, but 30 February is 1 or 2 March: java.sql.Timestamp.valueOf. */
bool lt_text_to_timestamp_rolling(lt_str s, lt_ts9 *ts);
