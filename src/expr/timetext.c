/* Temporal values as SQL text and back, as CAST does it. */
#include "expr/bytes.h"
#include "expr/temporal.h"

const char lt_bytes_pairs[200] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

size_t lt_put_padded(int64_t value, int width, char *to)
{
    char reversed[24];
    size_t len = 0, used = 0;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        reversed[used++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    while (used < (size_t)width) {
        reversed[used++] = '0';
    }
    if (value < 0) {
        to[len++] = '-';
    }
    while (used > 0) {
        to[len++] = reversed[--used];
    }
    return len;
}

size_t lt_format_date(int64_t days, char *to)
{
    int64_t year;
    int month, day;
    lt_civil_from_days(days, &year, &month, &day);
    size_t len = lt_put_padded(year, 4, to);
    to[len++] = '-';
    len += lt_put_padded(month, 2, to + len);
    to[len++] = '-';
    return len + lt_put_padded(day, 2, to + len);
}

static size_t put_clock(int64_t seconds, char *to)
{
    size_t len = lt_put_padded(seconds / 3600, 2, to);
    to[len++] = ':';
    len += lt_put_padded(seconds / 60 % 60, 2, to + len);
    to[len++] = ':';
    return len + lt_put_padded(seconds % 60, 2, to + len);
}

size_t lt_format_time(int32_t ms, int precision, char *to)
{
    ms = (int32_t)lt_floor_mod(ms, LT_MS_PER_DAY);
    size_t len = put_clock(ms / 1000, to);
    int fraction = ms % 1000;
    if (precision > 0 && fraction > 0) {
        to[len++] = '.';
        for (int i = 0; i < precision && fraction > 0; i++) { /* trailing zeros are left out */
            to[len++] = (char)('0' + fraction / 100);
            fraction = fraction % 100 * 10;
        }
    }
    return len;
}

size_t lt_format_timestamp(lt_ts9 ts, int precision, char *to)
{
    int64_t days = lt_floor_div(ts.ms, LT_MS_PER_DAY);
    int64_t ms = ts.ms - days * LT_MS_PER_DAY;
    size_t len = lt_format_date(days, to);
    to[len++] = ' ';
    len += put_clock(ms / 1000, to + len);
    if (precision > 0) {
        char digits[16];
        to[len++] = '.';
        (void)lt_put_padded(ms % 1000 * 1000000 + ts.ns_of_ms, 9, digits);
        memcpy(to + len, digits, (size_t)precision);
        len += (size_t)precision;
    }
    return len;
}

size_t lt_format_interval_month(int32_t months, char *to)
{
    int64_t value = months;
    size_t len = 0;
    to[len++] = value < 0 ? '-' : '+';
    value = value < 0 ? -value : value;
    len += lt_put_padded(value / 12, 1, to + len);
    to[len++] = '-';
    return len + lt_put_padded(value % 12, 2, to + len);
}

size_t lt_format_interval_second(int64_t ms, char *to)
{
    size_t len = 0;
    to[len++] = ms < 0 ? '-' : '+';
    uint64_t value = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    len += lt_put_padded((int64_t)(value / 86400000), 1, to + len);
    to[len++] = ' ';
    len += put_clock((int64_t)(value / 1000 % 86400), to + len);
    to[len++] = '.';
    return len + lt_put_padded((int64_t)(value % 1000), 3, to + len);
}

/* ---- reading ---- */

static int find_char(lt_str s, char ch, size_t from)
{
    for (size_t i = from; i < s.len; i++) {
        if (s.ptr[i] == ch) {
            return (int)i;
        }
    }
    return -1;
}

/* Digits only, blanks around allowed. */
static bool whole_number(lt_str s, size_t from, size_t to, int32_t *out)
{
    while (from < to && s.ptr[from] == ' ') {
        from++;
    }
    while (to > from && s.ptr[to - 1] == ' ') {
        to--;
    }
    if (from == to || to - from > 9) {
        return false;
    }
    int32_t value = 0;
    for (; from < to; from++) {
        if (s.ptr[from] < '0' || s.ptr[from] > '9') {
            return false;
        }
        value = value * 10 + (s.ptr[from] - '0');
    }
    *out = value;
    return true;
}

static bool valid_date(int32_t year, int32_t month, int32_t day)
{
    return year >= 0 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
           day <= lt_days_in_month(year, month);
}

bool lt_text_to_date(lt_str s, int32_t *days)
{
    int blank = find_char(s, ' ', 0);
    if (blank > 0) {
        s.len = (size_t)blank;
    }
    int32_t year, month = 1, day = 1;
    int first = find_char(s, '-', 0);
    if (first < 0) {
        if (!whole_number(s, 0, s.len, &year)) {
            return false;
        }
    } else {
        int second = find_char(s, '-', (size_t)first + 1);
        size_t month_end = second < 0 ? s.len : (size_t)second;
        if (!whole_number(s, 0, (size_t)first, &year) ||
            !whole_number(s, (size_t)first + 1, month_end, &month)) {
            return false;
        }
        if (second >= 0 && !whole_number(s, (size_t)second + 1, s.len, &day)) {
            return false;
        }
    }
    if (!valid_date(year, month, day)) {
        return false;
    }
    *days = (int32_t)lt_days_from_civil(year, month, day);
    return true;
}

static bool fraction_ms(lt_str s, size_t from, int32_t *ms)
{
    int32_t value = 0, unit = 100;
    if (from == s.len) {
        return false;
    }
    for (size_t i = from; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
        value += unit * (s.ptr[i] - '0');
        unit /= 10;
    }
    *ms = value;
    return true;
}

bool lt_text_to_time(lt_str s, int32_t *ms)
{
    int first = find_char(s, ':', 0);
    int32_t hour, minute = 0, second = 0, fraction = 0;
    if (first < 0) {
        if (!whole_number(s, 0, s.len, &hour)) {
            return false;
        }
    } else {
        int next = find_char(s, ':', (size_t)first + 1);
        size_t minute_end = next < 0 ? s.len : (size_t)next;
        if (!whole_number(s, 0, (size_t)first, &hour) ||
            !whole_number(s, (size_t)first + 1, minute_end, &minute)) {
            return false;
        }
        if (next >= 0) {
            int point = find_char(s, '.', (size_t)next + 1);
            size_t second_end = point < 0 ? s.len : (size_t)point;
            if (!whole_number(s, (size_t)next + 1, second_end, &second)) {
                return false;
            }
            if (point >= 0 && !fraction_ms(s, (size_t)point + 1, &fraction)) {
                return false;
            }
        }
    }
    if (hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    *ms = ((hour * 60 + minute) * 60 + second) * 1000 + fraction;
    return true;
}

/* One or two digits at *at. */
static bool short_number(lt_str s, size_t *at, int32_t *out)
{
    size_t i = *at;
    if (i >= s.len || s.ptr[i] < '0' || s.ptr[i] > '9') {
        return false;
    }
    int32_t value = s.ptr[i++] - '0';
    if (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9') {
        value = value * 10 + (s.ptr[i++] - '0');
    }
    *at = i;
    *out = value;
    return true;
}

static bool expect(lt_str s, size_t *at, char ch)
{
    if (*at >= s.len || s.ptr[*at] != ch) {
        return false;
    }
    ++*at;
    return true;
}

/* An optional point with up to nine digits. */
static bool parse_fraction(lt_str s, size_t *at, int64_t *nanos)
{
    int64_t unit = 100000000;
    *nanos = 0;
    if (*at < s.len && s.ptr[*at] == '.') {
        ++*at;
        for (; *at < s.len && s.ptr[*at] >= '0' && s.ptr[*at] <= '9'; ++*at) {
            if (unit == 0) {
                return false;
            }
            *nanos += unit * (s.ptr[*at] - '0');
            unit /= 10;
        }
    }
    return true;
}

static bool parse_clock(lt_str s, size_t *at, int64_t *ms, int32_t *ns_of_ms)
{
    int32_t hour, minute, second;
    if (!short_number(s, at, &hour) || !expect(s, at, ':') || !short_number(s, at, &minute) ||
        !expect(s, at, ':') || !short_number(s, at, &second)) {
        return false;
    }
    int64_t nanos;
    if (minute > 59 || second > 59 || !parse_fraction(s, at, &nanos)) {
        return false;
    }
    /* 24:00:00 is the midnight at the end of the day. */
    if (hour > 24 || (hour == 24 && (minute > 0 || second > 0 || nanos > 0))) {
        return false;
    }
    *ms = ((hour * 60LL + minute) * 60 + second) * 1000 + nanos / 1000000;
    *ns_of_ms = (int32_t)(nanos % 1000000);
    return true;
}

/* "yyyy-MM-dd". Here and below: texts are taken away by exclusive or, lowest byte first, so that
 * separators become 0 and digits 0 to 9; then the value of two digits stands in the first one's
 * byte. */
static bool plain_date(const char *ptr, int64_t *ms)
{
    uint64_t x = lt_bytes_load8(ptr) ^ UINT64_C(0x2d30302d30303030);
    uint32_t tens = (uint32_t)ptr[8] - '0', ones = (uint32_t)ptr[9] - '0';
    if (lt_bytes_no_digits(x) || (x & UINT64_C(0xff0000ff00000000)) != 0 || tens > 9 || ones > 9) {
        return false;
    }
    x = x * 10 + (x >> 8);
    int year = (int)(x & 0xff) * 100 + (int)(x >> 16 & 0xff);
    int month = (int)(x >> 40 & 0xff), day = (int)(tens * 10 + ones);
    if (year == 0 || !valid_date(year, month, day)) {
        return false;
    }
    *ms = lt_days_from_civil(year, month, day) * LT_MS_PER_DAY;
    return true;
}

/* "HH:mm:ss" */
LT_INLINE bool plain_clock(const char *ptr, int32_t *ms)
{
    uint64_t x = lt_bytes_load8(ptr) ^ UINT64_C(0x30303a30303a3030);
    if (lt_bytes_no_digits(x) || (x & UINT64_C(0x0000ff0000ff0000)) != 0) {
        return false;
    }
    x = x * 10 + (x >> 8);
    int32_t hour = (int32_t)(x & 0xff), minute = (int32_t)(x >> 24 & 0xff);
    int32_t second = (int32_t)(x >> 48 & 0xff);
    *ms = ((hour * 60 + minute) * 60 + second) * 1000;
    return hour <= 23 && minute <= 59 && second <= 59;
}

bool lt_text_to_timestamp_near(lt_str s, lt_stamp_day *last, lt_ts9 *ts)
{
    int32_t clock;
    if (!LT_LITTLE_ENDIAN || s.len < 19 || s.ptr[0] == '\0' || s.ptr[10] != ' ' ||
        !plain_clock(s.ptr + 11, &clock)) {
        return lt_text_to_timestamp(s, ts);
    }
    if (memcmp(s.ptr, last->text, 8) != 0 || memcmp(s.ptr + 8, last->text + 8, 2) != 0) {
        last->text[0] = '\0';
        if (!plain_date(s.ptr, &last->ms)) {
            return lt_text_to_timestamp(s, ts);
        }
        memcpy(last->text, s.ptr, sizeof last->text);
    }
    *ts = (lt_ts9){last->ms + clock, 0, 0};
    if (s.len == 19) {
        return true;
    }
    if (s.len == 23 && s.ptr[19] == '.') {
        uint32_t a = (uint32_t)s.ptr[20] - '0', b = (uint32_t)s.ptr[21] - '0';
        uint32_t c = (uint32_t)s.ptr[22] - '0';
        ts->ms += a * 100 + b * 10 + c;
        return a <= 9 && b <= 9 && c <= 9;
    }
    size_t at = 19;
    int64_t nanos = 0;
    if (!parse_fraction(s, &at, &nanos) || at != s.len) {
        return false;
    }
    ts->ms += nanos / 1000000;
    ts->ns_of_ms = (int32_t)(nanos % 1000000);
    return true;
}

static bool parse_timestamp(lt_str s, bool roll, lt_ts9 *ts)
{
    size_t at = 0;
    int32_t year = 0, month, day, ns = 0;
    int64_t ms = 0;
    for (; at < s.len && at < 4 && s.ptr[at] >= '0' && s.ptr[at] <= '9'; at++) {
        year = year * 10 + (s.ptr[at] - '0');
    }
    if (at != 4 || !expect(s, &at, '-') || !short_number(s, &at, &month) || !expect(s, &at, '-') ||
        !short_number(s, &at, &day) || year == 0 || month < 1 || month > 12 || day < 1 ||
        day > 31) {
        return false;
    }
    int32_t length = lt_days_in_month(year, month),
            beyond = roll && day > length ? day - length : 0;
    day = LT_MIN(day, length);
    if (at < s.len) {
        if (!expect(s, &at, ' ') || !parse_clock(s, &at, &ms, &ns) || at != s.len) {
            return false;
        }
    }
    ts->ms = (lt_days_from_civil(year, month, day) + beyond) * LT_MS_PER_DAY + ms;
    ts->ns_of_ms = ns;
    ts->unused = 0;
    return true;
}

bool lt_text_to_timestamp(lt_str s, lt_ts9 *ts)
{
    return parse_timestamp(s, false, ts);
}

bool lt_text_to_timestamp_rolling(lt_str s, lt_ts9 *ts)
{
    return parse_timestamp(s, true, ts);
}
