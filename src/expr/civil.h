/* Calendar arithmetic on the proleptic Gregorian calendar, days since 1970-01-01. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#define LT_MS_PER_DAY    86400000LL
#define LT_MS_PER_HOUR   3600000LL
#define LT_MS_PER_MINUTE 60000LL
#define LT_MS_PER_SECOND 1000LL

LT_INLINE int64_t lt_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}
LT_INLINE int64_t lt_floor_mod(int64_t a, int64_t b)
{
    int64_t r = a % b;
    return r < 0 ? r + b : r;
}

/* Months counted from March put the leap day last: the day of the year is then a linear formula. */
LT_INLINE int64_t lt_days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = lt_floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

LT_INLINE void lt_civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = lt_floor_div(days, 146097);
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t m = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

LT_INLINE bool lt_is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

LT_INLINE int lt_days_in_month(int64_t year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && lt_is_leap(year));
}

/* Adds months, clamping to the month's end. */
LT_INLINE int64_t lt_add_months(int64_t days, int64_t months)
{
    int64_t year;
    int month, day;
    lt_civil_from_days(days, &year, &month, &day);
    int64_t total = year * 12 + month - 1 + months;
    year = lt_floor_div(total, 12);
    month = (int)lt_floor_mod(total, 12) + 1;
    int last = lt_days_in_month(year, month);
    return lt_days_from_civil(year, month, day < last ? day : last);
}
