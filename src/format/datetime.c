/* Dates and times. The calendar functions count in eras of 400 years from 0000-03-01, so that the
 * leap day is the last of its year. */
#include "format/datetime.h"

#define MS_PER_DAY 86400000LL
#define YEAR_MAX   999999999LL

int64_t lt_days_from_civil(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year =
        (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void lt_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    *day = (unsigned)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (unsigned)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

static unsigned month_days(int64_t year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

typedef struct {
    const char *at;
    const char *end;
} cursor;

static bool take_char(cursor *in, char ch)
{
    if (in->at < in->end && *in->at == ch) {
        in->at++;
        return true;
    }
    return false;
}

static bool take_two(cursor *in, unsigned *out)
{
    if (in->end - in->at < 2) {
        return false;
    }
    unsigned tens = (unsigned)(in->at[0] - '0');
    unsigned ones = (unsigned)(in->at[1] - '0');
    if (tens > 9 || ones > 9) {
        return false;
    }
    in->at += 2;
    *out = tens * 10 + ones;
    return true;
}

/* Four digits; more only with a sign, as java.time has it. */
static bool take_year(cursor *in, int64_t *out)
{
    bool plus = take_char(in, '+');
    bool minus = !plus && take_char(in, '-');
    const char *from = in->at;
    int64_t value = 0;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9' && in->at - from < 9) {
        value = value * 10 + (*in->at++ - '0');
    }
    int64_t digits = in->at - from;
    if (digits < 4 || (digits == 4 && plus) || (digits > 4 && !plus && !minus) ||
        value > YEAR_MAX) {
        return false;
    }
    *out = minus ? -value : value;
    return true;
}

static bool take_date(cursor *in, bool clamp, int64_t *days)
{
    int64_t year;
    unsigned month, day;
    if (!take_year(in, &year) || !take_char(in, '-') || !take_two(in, &month) ||
        !take_char(in, '-') || !take_two(in, &day)) {
        return false;
    }
    if (month < 1 || month > 12 || day < 1 || day > 31) {
        return false;
    }
    unsigned last = month_days(year, month);
    if (day > last && !clamp) {
        return false;
    }
    *days = lt_days_from_civil(year, month, LT_MIN(day, last));
    return true;
}

static bool take_fraction(cursor *in, int32_t *nanos)
{
    int32_t value = 0;
    int32_t unit = 100000000;
    for (; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++) {
        if (unit == 0) {
            return false; /* more than nine digits */
        }
        value += (*in->at - '0') * unit;
        unit /= 10;
    }
    *nanos = value;
    return true;
}

/* HH:mm[:ss[.fraction]]; 24:00:00 gives a whole day when clamped. */
static bool take_time(cursor *in, bool seconds_needed, bool clamp, int64_t *ms, int32_t *ns_of_ms)
{
    unsigned hour, minute, second = 0;
    int32_t nanos = 0;
    if (!take_two(in, &hour) || !take_char(in, ':') || !take_two(in, &minute)) {
        return false;
    }
    if (take_char(in, ':')) {
        if (!take_two(in, &second)) {
            return false;
        }
        if (take_char(in, '.') && !take_fraction(in, &nanos)) {
            return false;
        }
    } else if (seconds_needed) {
        return false;
    }
    bool midnight = clamp && hour == 24 && minute == 0 && second == 0 && nanos == 0;
    if ((hour > 23 && !midnight) || minute > 59 || second > 59) {
        return false;
    }
    *ms = ((int64_t)hour * 3600 + minute * 60 + second) * 1000 + nanos / 1000000;
    *ns_of_ms = nanos % 1000000;
    return true;
}

/* Z, +hh, +hhmm or +hh:mm; minutes east. */
static bool take_zone(cursor *in, int64_t *minutes)
{
    *minutes = 0;
    if (take_char(in, 'Z')) {
        return true;
    }
    bool west = in->at < in->end && *in->at == '-';
    if (!west && !(in->at < in->end && *in->at == '+')) {
        return false;
    }
    in->at++;
    unsigned hour, minute = 0;
    if (!take_two(in, &hour)) {
        return false;
    }
    if ((take_char(in, ':') || in->at < in->end) && !take_two(in, &minute)) {
        return false;
    }
    if (hour > 18 || minute > 59) {
        return false;
    }
    *minutes = ((int64_t)hour * 60 + minute) * (west ? -1 : 1);
    return true;
}

bool lt_parse_timestamp(lt_str text, const lt_time_form *form, lt_instant *out)
{
    cursor in = {text.ptr, text.ptr + text.len};
    int64_t days, ms;
    int64_t east = 0;
    if (!take_date(&in, form->clamp, &days)) {
        return false;
    }
    bool t = form->t && take_char(&in, 'T');
    if (!t && !(form->space && take_char(&in, ' '))) {
        return false;
    }
    if (!take_time(&in, !t, form->clamp, &ms, &out->ns_of_ms)) {
        return false;
    }
    if (form->zone_any) {
        if (in.at < in.end && !take_zone(&in, &east)) {
            return false;
        }
    } else if (form->zone_needed && !take_char(&in, 'Z')) {
        return false;
    }
    out->ms = days * MS_PER_DAY + ms - east * 60000;
    return in.at == in.end;
}

bool lt_parse_date(lt_str text, bool clamp, int32_t *days)
{
    cursor in = {text.ptr, text.ptr + text.len};
    int64_t value;
    if (!take_date(&in, clamp, &value) || in.at != in.end || value < INT32_MIN ||
        value > INT32_MAX) {
        return false;
    }
    *days = (int32_t)value;
    return true;
}

bool lt_parse_time(lt_str text, bool seconds_needed, bool clamp, int32_t *ms_of_day,
                   int32_t *ns_of_ms)
{
    cursor in = {text.ptr, text.ptr + text.len};
    int64_t ms;
    if (!take_time(&in, seconds_needed, clamp, &ms, ns_of_ms) || in.at != in.end) {
        return false;
    }
    *ms_of_day = (int32_t)(ms % MS_PER_DAY);
    return true;
}

static int64_t floor_to(int64_t value, int64_t unit)
{
    int64_t rest = value % unit;
    return value - (rest < 0 ? rest + unit : rest);
}

bool lt_store_instant(lt_col *col, uint32_t row, lt_instant at)
{
    static const int32_t units[] = {1000000000, 100000000, 10000000, 1000000, 100000,
                                    10000,      1000,      100,      10,      1};
    int32_t unit = units[LT_MIN(col->type->precision, 9)]; /* nanoseconds */
    if (unit >= 1000000) {
        LT_COL_DATA(col, int64_t)[row] = floor_to(at.ms, unit / 1000000);
        return true;
    }
    int32_t nanos = at.ns_of_ms - at.ns_of_ms % unit;
    if (col->phys == LT_PHYS_TS9) {
        LT_COL_DATA(col, lt_ts9)[row] = (lt_ts9){.ms = at.ms, .ns_of_ms = nanos};
        return true;
    }
    int64_t us;
    if (LT_MUL_OVERFLOW(at.ms, (int64_t)1000, &us) ||
        LT_ADD_OVERFLOW(us, (int64_t)(nanos / 1000), &us)) {
        return false;
    }
    LT_COL_DATA(col, int64_t)[row] = us;
    return true;
}

lt_instant lt_load_instant(const lt_col *col, uint32_t row)
{
    if (col->phys == LT_PHYS_TS9) {
        lt_ts9 ts = LT_COL_DATA(col, lt_ts9)[row];
        return (lt_instant){ts.ms, ts.ns_of_ms};
    }
    int64_t value = LT_COL_DATA(col, int64_t)[row];
    if (col->type->precision <= 3) {
        return (lt_instant){value, 0};
    }
    int64_t ms = floor_to(value, 1000) / 1000;
    return (lt_instant){ms, (int32_t)((value - ms * 1000) * 1000)};
}

static void put_two(char *at, unsigned value)
{
    at[0] = (char)('0' + value / 10);
    at[1] = (char)('0' + value % 10);
}

void lt_put_date(lt_text *to, int64_t days)
{
    int64_t year;
    unsigned month, day;
    lt_civil_from_days(days, &year, &month, &day);
    char text[10];
    if (year < 0 || year > 9999) {
        /* java.time: a sign where there are more than four digits or the year is negative */
        lt_text_printf(to, year > 9999 ? "+%lld-%02u-%02u" : "%05lld-%02u-%02u", (long long)year,
                       month, day);
        return;
    }
    put_two(text, (unsigned)year / 100);
    put_two(text + 2, (unsigned)year % 100);
    text[4] = '-';
    put_two(text + 5, month);
    text[7] = '-';
    put_two(text + 8, day);
    lt_text_append(to, text, sizeof text);
}

void lt_put_time(lt_text *to, int64_t second_of_day)
{
    char text[8];
    unsigned second = (unsigned)second_of_day;
    put_two(text, second / 3600);
    text[2] = ':';
    put_two(text + 3, second / 60 % 60);
    text[5] = ':';
    put_two(text + 6, second % 60);
    lt_text_append(to, text, sizeof text);
}

void lt_put_fraction(lt_text *to, int32_t nanos)
{
    char text[10];
    size_t len = sizeof text;
    if (nanos == 0) {
        return;
    }
    text[0] = '.';
    for (size_t i = 9; i > 0; i--) {
        text[i] = (char)('0' + nanos % 10);
        nanos /= 10;
    }
    while (text[len - 1] == '0') {
        len--;
    }
    lt_text_append(to, text, len);
}

void lt_split_ms(int64_t ms, int64_t *days, int32_t *ms_of_day)
{
    int64_t midnight = floor_to(ms, MS_PER_DAY);
    *days = midnight / MS_PER_DAY;
    *ms_of_day = (int32_t)(ms - midnight);
}

void lt_put_timestamp(lt_text *to, lt_instant at, char separator)
{
    int64_t days;
    int32_t ms;
    lt_split_ms(at.ms, &days, &ms);
    lt_put_date(to, days);
    lt_text_putc(to, separator);
    lt_put_time(to, ms / 1000);
    lt_put_fraction(to, ms % 1000 * 1000000 + at.ns_of_ms);
}
