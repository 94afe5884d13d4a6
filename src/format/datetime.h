/* Dates and times from text and to text: the forms that the formats need, in the proleptic
 * Gregorian calendar. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "data/column.h"

int64_t lt_days_from_civil(int64_t year, unsigned month, unsigned day);
void lt_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day);

/* A point in time with nanoseconds; ms since 1970 (rounded down), ns_of_ms 0 .. 999,999. */
typedef struct {
    int64_t ms;
    int32_t ns_of_ms;
} lt_instant;

/* How strictly a timestamp is read. */
typedef struct {
    bool space;       /* `2020-01-31 12:34:56` is accepted (SQL form: seconds needed) */
    bool t;           /* `2020-01-31T12:34:56` is accepted (ISO form: seconds may be absent) */
    bool zone_needed; /* a `Z` must follow */
    bool zone_any;    /* a `Z` or an offset such as +02:00 may follow; the result is in UTC */
    bool clamp;       /* day 29 .. 31 of a shorter month is its last; 24:00:00 the next midnight */
} lt_time_form;

bool lt_parse_timestamp(lt_str text, const lt_time_form *form, lt_instant *out);
bool lt_parse_date(lt_str text, bool clamp,
                   int32_t *days); /* yyyy-MM-dd, more digits with a sign */
bool lt_parse_time(lt_str text, bool seconds_needed, bool clamp, int32_t *ms_of_day,
                   int32_t *ns_of_ms);

/* Stores an instant in a timestamp column's physical form, cut to its precision. False when out of
 * the type's range. */
bool lt_store_instant(lt_col *col, uint32_t row, lt_instant at);
lt_instant lt_load_instant(const lt_col *col, uint32_t row);

/* Text. Dates beyond year 9999 carry a sign, as in java.time. */
void lt_put_date(lt_text *to, int64_t days);
void lt_put_time(lt_text *to, int64_t second_of_day); /* `12:34:56` */
void lt_put_fraction(lt_text *to, int32_t nanos); /* `.12`: without trailing zeros; nothing for 0 */
void lt_put_timestamp(lt_text *to, lt_instant at, char separator); /* `2020-01-31 12:34:56.12` */
/* Days and ms of the day, both for times before 1970 too. */
void lt_split_ms(int64_t ms, int64_t *days, int32_t *ms_of_day);
