/* The calendar, counted year by year and month by month. */
#include "ref.h"

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int ref_month_length(int64_t year, int month)
{
    if (month == 2) {
        return is_leap(year) ? 29 : 28;
    }
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Whole cycles of 400 years have 146,097 days. */
int64_t ref_days_of(int64_t year, int month, int day)
{
    int64_t days = 0, y = 1970;
    while (year - y >= 400) {
        days += 146097;
        y += 400;
    }
    while (y - year >= 400) {
        days -= 146097;
        y -= 400;
    }
    for (; y < year; y++) {
        days += is_leap(y) ? 366 : 365;
    }
    for (; y > year; y--) {
        days -= is_leap(y - 1) ? 366 : 365;
    }
    for (int m = 1; m < month; m++) {
        days += ref_month_length(year, m);
    }
    return days + day - 1;
}

ref_civil ref_civil_of(int64_t ms, int32_t nanos)
{
    ref_civil c = {.year = 1970, .month = 1, .day = 1};
    int64_t days = ms / 86400000, rest = ms % 86400000;
    if (rest < 0) {
        rest += 86400000;
        days--;
    }
    while (days >= 146097) {
        days -= 146097;
        c.year += 400;
    }
    while (days < 0) {
        days += 146097;
        c.year -= 400;
    }
    while (days >= (is_leap(c.year) ? 366 : 365)) {
        days -= is_leap(c.year) ? 366 : 365;
        c.year++;
    }
    while (days >= ref_month_length(c.year, c.month)) {
        days -= ref_month_length(c.year, c.month);
        c.month++;
    }
    c.day = (int)days + 1;
    c.hour = (int)(rest / 3600000);
    c.minute = (int)(rest / 60000 % 60);
    c.second = (int)(rest / 1000 % 60);
    c.milli = (int)(rest % 1000);
    c.nanos = nanos;
    return c;
}

int64_t ref_ms_of(const ref_civil *c)
{
    int64_t days = ref_days_of(c->year, c->month, c->day);
    return (((days * 24 + c->hour) * 60 + c->minute) * 60 + c->second) * 1000 + c->milli;
}
