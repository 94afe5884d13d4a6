/* Java's pattern letters. Formatting follows DateTimeFormatter in the US locale; parsing its strict
 * widths with smart resolution (a day beyond the month's end becomes its last day), or
 * SimpleDateFormat's lenience when `legacy`. */
#include "expr/datefmt.h"

#include "expr/bytes.h"
#include "expr/civil.h"
#include "expr/temporal.h"

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday"};

#define LETTERS "GuyDMLQqYwWdEecFahKkHmsSAnNVzOXxZ"

static bool is_number(const lt_datefmt_item *item)
{
    switch (item->letter) {
    case 'M':
    case 'L':
        return item->count <= 2;
    case 'y':
    case 'u':
    case 'd':
    case 'D':
    case 'H':
    case 'h':
    case 'K':
    case 'k':
    case 'm':
    case 's':
    case 'S':
    case 'A':
    case 'n':
    case 'N':
        return true;
    default:
        return false;
    }
}

static bool add_text(lt_datefmt *out, char ch, bool optional)
{
    lt_datefmt_item *last = out->count > 0 ? &out->items[out->count - 1] : NULL;
    if (last == NULL || last->letter != 0 || last->count == sizeof last->text ||
        last->optional != optional) {
        if (out->count == LT_DATEFMT_ITEMS_MAX) {
            return false;
        }
        last = &out->items[out->count++];
        memset(last, 0, sizeof *last);
        last->optional = optional;
    }
    last->text[last->count++] = ch;
    return true;
}

static bool is_daily(const lt_datefmt *fmt)
{
    static const char of_day[] = "GuyDMLQqYwWdEecF", of_clock[] = "HmsS";
    uint32_t seen = 0;
    for (uint32_t i = 0; i < fmt->count; i++) {
        const lt_datefmt_item *item = &fmt->items[i];
        if (item->letter == 0 || strchr(of_day, item->letter) != NULL) {
            continue;
        }
        const char *at = strchr(of_clock, item->letter);
        if (at == NULL || (seen >> (at - of_clock) & 1) != 0) {
            return false;
        }
        seen |= 1u << (at - of_clock);
        bool fraction = item->letter == 'S';
        if (fraction ? item->count > 9 || (fmt->legacy && item->count != 3) : item->count != 2) {
            return false;
        }
    }
    return true;
}

bool lt_datefmt_compile(lt_str pattern, bool legacy, lt_datefmt *out)
{
    out->count = 0;
    out->legacy = legacy;
    bool optional = false;
    for (size_t i = 0; i < pattern.len; i++) {
        char ch = pattern.ptr[i];
        if (ch == '\'') {
            if (i + 1 < pattern.len && pattern.ptr[i + 1] == '\'') {
                i++;
                if (!add_text(out, '\'', optional)) {
                    return false;
                }
                continue;
            }
            for (i++;; i++) {
                if (i >= pattern.len) {
                    return false;
                }
                if (pattern.ptr[i] == '\'') {
                    if (i + 1 < pattern.len && pattern.ptr[i + 1] == '\'') {
                        i++;
                    } else {
                        break;
                    }
                }
                if (!add_text(out, pattern.ptr[i], optional)) {
                    return false;
                }
            }
            continue;
        }
        if ((ch == '[' || ch == ']') && !legacy) {
            optional = ch == '[';
            continue;
        }
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
        if (!letter) {
            if (!add_text(out, ch, optional)) {
                return false;
            }
            continue;
        }
        if (strchr(LETTERS, ch) == NULL || out->count == LT_DATEFMT_ITEMS_MAX) {
            return false;
        }
        lt_datefmt_item *item = &out->items[out->count++];
        memset(item, 0, sizeof *item);
        item->letter = ch;
        item->optional = optional;
        size_t count = 1;
        while (i + 1 < pattern.len && pattern.ptr[i + 1] == ch) {
            i++;
            count++;
        }
        if (count > 19) {
            return false;
        }
        item->count = (uint8_t)count;
    }
    for (uint32_t i = out->count; i-- > 0;) {
        lt_datefmt_item *item = &out->items[i];
        const lt_datefmt_item *next = i + 1 < out->count ? &out->items[i + 1] : NULL;
        if (next != NULL && is_number(item) && is_number(next)) {
            item->reserve = (uint8_t)(next->count + next->reserve);
        }
    }
    out->daily = is_daily(out);
    return true;
}

char lt_datefmt_bad_letter(lt_str pattern)
{
    bool quoted = false;
    for (size_t i = 0; i < pattern.len; i++) {
        char ch = pattern.ptr[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
        quoted = quoted != (ch == '\'');
        if (letter && !quoted && strchr(LETTERS, ch) == NULL) {
            return ch;
        }
    }
    return 0;
}

/* ---- formatting ---- */

typedef struct {
    int64_t year, days;
    int month, day, hour, minute, second, day_of_year, weekday; /* weekday: Monday 1 .. Sunday 7 */
    int64_t nano;
    int64_t ms_of_day;
} fields;

static void split(lt_ts9 local, fields *f)
{
    f->days = lt_floor_div(local.ms, LT_MS_PER_DAY);
    f->ms_of_day = local.ms - f->days * LT_MS_PER_DAY;
    lt_civil_from_days(f->days, &f->year, &f->month, &f->day);
    f->hour = (int)(f->ms_of_day / LT_MS_PER_HOUR);
    f->minute = (int)(f->ms_of_day / LT_MS_PER_MINUTE % 60);
    f->second = (int)(f->ms_of_day / LT_MS_PER_SECOND % 60);
    f->nano = f->ms_of_day % 1000 * 1000000 + local.ns_of_ms;
    f->day_of_year = (int)(f->days - lt_days_from_civil(f->year, 1, 1)) + 1;
    f->weekday = (int)lt_floor_mod(f->days + 3, 7) + 1;
}

static size_t put_name(const char *name, int count, char *to)
{
    size_t len = count == 4 ? strlen(name) : count == 5 ? 1 : 3;
    memcpy(to, name, len);
    return len;
}

static size_t put_offset(int64_t offset_ms, const lt_datefmt_item *item, char *to)
{
    int64_t seconds = offset_ms / 1000;
    int64_t a = seconds < 0 ? -seconds : seconds;
    size_t len = 0;
    bool zulu = item->letter == 'X';
    int count = item->count;
    if (seconds == 0 && zulu) {
        to[0] = 'Z';
        return 1;
    }
    if (item->letter == 'Z' && count == 4) {
        memcpy(to, "GMT", 3);
        len = 3;
        if (seconds == 0) {
            return len;
        }
    }
    if (item->letter == 'O') {
        memcpy(to, "GMT", 3);
        len = 3;
        if (seconds == 0) {
            return len;
        }
        to[len++] = seconds < 0 ? '-' : '+';
        len += lt_put_padded(a / 3600, count == 4 ? 2 : 1, to + len);
        if (count == 4 || a % 3600 != 0) {
            to[len++] = ':';
            len += lt_put_padded(a / 60 % 60, 2, to + len);
        }
        return len;
    }
    bool colon = item->letter == 'Z' ? count >= 4 : (count == 3 || count == 5);
    if (item->letter == 'Z' && count == 5 && seconds == 0) {
        to[0] = 'Z';
        return 1;
    }
    to[len++] = seconds < 0 ? '-' : '+';
    len += lt_put_padded(a / 3600, 2, to + len);
    if (item->letter != 'Z' && count == 1 && a % 3600 == 0) {
        return len;
    }
    if (colon) {
        to[len++] = ':';
    }
    return len + lt_put_padded(a / 60 % 60, 2, to + len);
}

/* Week of the year; first_day 1 = Monday. ISO: weeks start on Monday and the first has 4 days; US:
 * on Sunday, 1 day. */
static int week_of_year(const fields *f, bool iso, int64_t *week_year)
{
    int weekday = iso ? f->weekday : f->weekday % 7 + 1;
    int least = iso ? 4 : 1;
    /* The day of this week that decides which year it belongs to. */
    int64_t pivot = f->days - weekday + (iso ? 4 : 7);
    int64_t year;
    int month, day;
    lt_civil_from_days(pivot, &year, &month, &day);
    (void)least;
    *week_year = year;
    return (int)((pivot - lt_days_from_civil(year, 1, 1)) / 7) + 1;
}

static size_t put_item(const lt_datefmt_item *item, const fields *f, int64_t offset_ms, lt_str zone,
                       char *to)
{
    int n = item->count;
    int64_t week_year;
    switch (item->letter) {
    case 'y':
    case 'u':
    case 'Y': {
        int64_t year = f->year;
        if (item->letter == 'Y') {
            (void)week_of_year(f, false, &year);
        }
        return n == 2 ? lt_put_padded(lt_floor_mod(year, 100), 2, to) : lt_put_padded(year, n, to);
    }
    case 'M':
    case 'L':
        return n <= 2 ? lt_put_padded(f->month, n, to) : put_name(month_names[f->month - 1], n, to);
    case 'd':
        return lt_put_padded(f->day, n, to);
    case 'D':
        return lt_put_padded(f->day_of_year, n, to);
    case 'E':
        return put_name(day_names[f->weekday - 1], n, to);
    case 'e':
    case 'c':
        return n <= 2 ? lt_put_padded(f->weekday % 7 + 1, n, to)
                      : put_name(day_names[f->weekday - 1], n, to);
    case 'Q':
    case 'q':
        if (n <= 2) {
            return lt_put_padded((f->month + 2) / 3, n, to);
        }
        if (n == 4) {
            static const char *const ordinals[] = {"1st", "2nd", "3rd", "4th"};
            memcpy(to, ordinals[(f->month - 1) / 3], 3);
            memcpy(to + 3, " quarter", 8);
            return 11;
        }
        to[0] = 'Q';
        to[1] = (char)('0' + (f->month + 2) / 3);
        return 2;
    case 'w':
        return lt_put_padded(week_of_year(f, false, &week_year), n, to);
    case 'W':
        return lt_put_padded((f->day + 6 + (int)lt_floor_mod(f->weekday - f->day, 7)) / 7, n, to);
    case 'F':
        return lt_put_padded((f->day - 1) % 7 + 1, n, to);
    case 'H':
        return lt_put_padded(f->hour, n, to);
    case 'k':
        return lt_put_padded(f->hour == 0 ? 24 : f->hour, n, to);
    case 'K':
        return lt_put_padded(f->hour % 12, n, to);
    case 'h':
        return lt_put_padded(f->hour % 12 == 0 ? 12 : f->hour % 12, n, to);
    case 'a':
        memcpy(to, f->hour < 12 ? "AM" : "PM", 2);
        return 2;
    case 'm':
        return lt_put_padded(f->minute, n, to);
    case 's':
        return lt_put_padded(f->second, n, to);
    case 'A':
        return lt_put_padded(f->ms_of_day, n, to);
    case 'n':
        return lt_put_padded(f->nano, n, to);
    case 'N':
        return lt_put_padded(f->ms_of_day / 1000 * 1000000000 + f->nano, n, to);
    case 'G': {
        const char *full = f->year > 0 ? "Anno Domini" : "Before Christ";
        const char *era = n == 4   ? full
                          : n == 5 ? (f->year > 0 ? "A" : "B")
                                   : (f->year > 0 ? "AD" : "BC");
        memcpy(to, era, strlen(era));
        return strlen(era);
    }
    case 'V':
    case 'z': {
        size_t len = LT_MIN(zone.len, (size_t)40);
        memcpy(to, zone.ptr, len);
        return len;
    }
    default:
        return put_offset(offset_ms, item, to);
    }
}

/* One item; S and the weekday of SimpleDateFormat apart. */
static size_t format_item(const lt_datefmt *fmt, const lt_datefmt_item *item, const fields *f,
                          int64_t offset_ms, lt_str zone, char *to)
{
    if (item->letter == 0) {
        memcpy(to, item->text, item->count);
        return item->count;
    }
    if (item->letter == 'S' && fmt->legacy) { /* milliseconds as a number */
        return lt_put_padded(f->nano / 1000000, item->count, to);
    }
    if (item->letter == 'S') {
        char digits[24];
        (void)lt_put_padded(f->nano, 9, digits);
        for (int d = 0; d < item->count; d++) {
            to[d] = d < 9 ? digits[d] : '0';
        }
        return item->count;
    }
    if (item->letter == 'u' && fmt->legacy) {
        return lt_put_padded(f->weekday, item->count, to);
    }
    if (item->letter == 'F' && fmt->legacy) { /* which week of the month */
        return lt_put_padded((f->day - 1) / 7 + 1, item->count, to);
    }
    return put_item(item, f, offset_ms, zone, to);
}

size_t lt_datefmt_format(const lt_datefmt *fmt, lt_ts9 local, int64_t offset_ms, lt_str zone,
                         char *to)
{
    fields f;
    split(local, &f);
    size_t len = 0;
    for (uint32_t i = 0; i < fmt->count && len + 64 <= LT_DATEFMT_TEXT_MAX; i++) {
        len += format_item(fmt, &fmt->items[i], &f, offset_ms, zone, to + len);
    }
    return len;
}

/* ---- formatting values of one day ---- */

/* false: the text is too long to be kept. */
static bool begin_day(const lt_datefmt *fmt, lt_datefmt_day *day, int64_t ms)
{
    fields f;
    char text[LT_DATEFMT_DAY_MAX + 64];
    day->ready = false;
    day->hour = day->minute = day->second = day->fraction = -1;
    day->start_ms = lt_floor_div(ms, LT_MS_PER_DAY) * LT_MS_PER_DAY;
    split((lt_ts9){day->start_ms, 0, 0}, &f);
    size_t len = 0;
    for (uint32_t i = 0; i < fmt->count; i++) {
        const lt_datefmt_item *item = &fmt->items[i];
        switch (item->letter) {
        case 'H':
            day->hour = (int)len;
            break;
        case 'm':
            day->minute = (int)len;
            break;
        case 's':
            day->second = (int)len;
            break;
        case 'S':
            day->fraction = (int)len;
            day->digits = item->count;
            break;
        default:
            break;
        }
        len += format_item(fmt, item, &f, 0, LT_STR(""), text + len);
        if (len > LT_DATEFMT_DAY_MAX) {
            return false;
        }
    }
    memcpy(day->text, text, len);
    day->len = len;
    day->ready = true;
    return true;
}

static void put_fraction(const lt_datefmt_day *day, uint32_t ms, int32_t ns_of_ms, char *to)
{
    char digits[24];
    digits[0] = (char)('0' + ms / 100);
    lt_bytes_put2(digits + 1, ms % 100);
    if (day->digits == 3) {
        memcpy(to, digits, 3);
        return;
    }
    if (day->digits > 3) {
        (void)lt_put_padded(ns_of_ms, 6, digits + 3);
    }
    memcpy(to, digits, (size_t)day->digits);
}

bool lt_datefmt_find_day(const lt_datefmt *fmt, lt_datefmt_day *day, lt_ts9 local)
{
    /* Beyond some 570,000 years rows go the long way. */
    const int64_t far = INT64_C(1) << 54;
    return fmt->daily && local.ms < far && local.ms > -far && begin_day(fmt, day, local.ms);
}

/* The day is copied and the clock written over the copy: reading what was just written piecewise
 * would wait for it. */
void lt_datefmt_put(const lt_datefmt_day *day, lt_ts9 local, char *to)
{
    lt_bytes_copy(to, day->text, day->len);
    uint32_t of_day = (uint32_t)(local.ms - day->start_ms), seconds = of_day / 1000;
    uint32_t minutes = seconds / 60, hour = minutes / 60;
    if (day->hour >= 0) {
        lt_bytes_put2(to + day->hour, hour);
    }
    if (day->minute >= 0) {
        lt_bytes_put2(to + day->minute, minutes - hour * 60);
    }
    if (day->second >= 0) {
        lt_bytes_put2(to + day->second, seconds - minutes * 60);
    }
    if (day->fraction >= 0) {
        put_fraction(day, of_day - seconds * 1000, local.ns_of_ms, to + day->fraction);
    }
}

/* ---- parsing ---- */

typedef struct {
    int64_t year, month, day, hour, minute, second, nano;
    int64_t hour12, half, day_of_year, ms_of_day;
    bool has_hour12, has_offset, bc;
    int64_t offset_ms;
} parsed;

static size_t digit_run(lt_str s, size_t at)
{
    size_t i = at;
    while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9') {
        i++;
    }
    return i - at;
}

/* Widths of a number as DateTimeFormatter reads them. */
static bool take_number(const lt_datefmt_item *item, bool legacy, lt_str s, size_t *at,
                        int64_t *out)
{
    size_t run = digit_run(s, *at), least = item->count, most = item->count;
    bool year = item->letter == 'y' || item->letter == 'u';
    if (item->count == 1) {
        most = 18;
    }
    if (year && item->count == 2 && legacy) {
        most = 18;
    }
    if (legacy) {
        least = 1;
        most = item->reserve > 0 ? item->count : 18;
    }
    if (item->reserve > 0 && most > run - LT_MIN(run, (size_t)item->reserve) && item->count == 1) {
        most = LT_MAX(run - LT_MIN(run, (size_t)item->reserve), (size_t)1);
    }
    size_t take = LT_MIN(run, most);
    if (take < least) {
        return false;
    }
    if (year && !legacy && item->count >= 3 && item->reserve == 0 && run > item->count) {
        return false; /* more digits need a sign */
    }
    int64_t value = 0;
    for (size_t i = 0; i < take; i++) {
        value = value * 10 + (s.ptr[*at + i] - '0');
    }
    if (year && item->count == 2 && take == 2) {
        value += 2000;
        if (legacy && value > 2045) {
            value -= 100;
        }
    }
    *at += take;
    *out = value;
    return true;
}

static bool take_name(const char *const *names, int count, int letters, bool legacy, lt_str s,
                      size_t *at, int64_t *index)
{
    lt_str rest = {s.ptr + *at, s.len - *at};
    if (!legacy && letters != 4) { /* by far the most frequent form */
        for (int i = 0; rest.len >= 3 && i < count; i++) {
            if (rest.ptr[0] == names[i][0] && rest.ptr[1] == names[i][1] &&
                rest.ptr[2] == names[i][2]) {
                *at += 3;
                *index = i + 1;
                return true;
            }
        }
        return false;
    }
    for (int full = 1; full >= 0; full--) {
        if (!legacy && (full == 1) != (letters == 4)) {
            continue;
        }
        for (int i = 0; i < count; i++) {
            size_t len = full ? strlen(names[i]) : 3;
            lt_str head = {rest.ptr, LT_MIN(rest.len, len)};
            lt_str name = {names[i], len};
            if (legacy ? lt_str_eq_ci(head, name) : lt_str_eq(head, name)) {
                *at += len;
                *index = i + 1;
                return true;
            }
        }
    }
    return false;
}

static bool two_digits(lt_str s, size_t *at, int64_t *out)
{
    if (digit_run(s, *at) < 2) {
        return false;
    }
    *out = (s.ptr[*at] - '0') * 10 + (s.ptr[*at + 1] - '0');
    *at += 2;
    return true;
}

static bool take_offset(const lt_datefmt_item *item, lt_str s, size_t *at, int64_t *ms)
{
    lt_str rest = {s.ptr + *at, s.len - *at};
    *ms = 0;
    bool names = item->letter == 'z' || item->letter == 'O' || item->letter == 'V' ||
                 (item->letter == 'Z' && item->count == 4);
    if (rest.len > 0 && rest.ptr[0] == 'Z' && item->letter != 'x' &&
        (item->letter != 'Z' || item->count == 5)) {
        *at += 1;
        return true;
    }
    if (names && (lt_str_starts(rest, LT_STR("GMT")) || lt_str_starts(rest, LT_STR("UTC")))) {
        *at += 3;
        if (*at == s.len || (s.ptr[*at] != '+' && s.ptr[*at] != '-')) {
            return true;
        }
    }
    if (*at >= s.len || (s.ptr[*at] != '+' && s.ptr[*at] != '-')) {
        return false;
    }
    int64_t sign = s.ptr[*at] == '-' ? -1 : 1, hours, minutes = 0;
    ++*at;
    if (!two_digits(s, at, &hours)) {
        return false;
    }
    if (*at < s.len && s.ptr[*at] == ':') {
        size_t mark = (*at)++;
        if (!two_digits(s, at, &minutes)) {
            *at = mark;
        }
    } else if (digit_run(s, *at) >= 2) {
        (void)two_digits(s, at, &minutes);
    } else if (item->letter == 'Z') {
        return false;
    }
    if (hours > 18 || minutes > 59) {
        return false;
    }
    *ms = sign * (hours * 60 + minutes) * LT_MS_PER_MINUTE;
    return true;
}

static bool take_fraction(const lt_datefmt_item *item, bool legacy, lt_str s, size_t *at,
                          int64_t *nano)
{
    size_t run = digit_run(s, *at);
    int64_t value = 0;
    if (legacy) {
        size_t take =
            item->reserve > 0 ? LT_MIN(run, (size_t)item->count) : LT_MIN(run, (size_t)12);
        for (size_t i = 0; i < take; i++) {
            value = value * 10 + (s.ptr[*at + i] - '0');
        }
        *at += take;
        *nano = value * 1000000;
        return take > 0;
    }
    if (run < item->count || item->count > 9) {
        return false;
    }
    for (int i = 0; i < 9; i++) {
        value = value * 10 + (i < item->count ? s.ptr[*at + (size_t)i] - '0' : 0);
    }
    *at += item->count;
    *nano = value;
    return true;
}

static bool take_item(const lt_datefmt_item *item, bool legacy, lt_str s, size_t *at, parsed *p)
{
    int64_t ignored;
    switch (item->letter) {
    case 0:
        if (item->count == 1) {
            if (*at >= s.len || s.ptr[*at] != item->text[0]) {
                return false;
            }
            ++*at;
            return true;
        }
        if (s.len - *at < item->count || memcmp(s.ptr + *at, item->text, item->count) != 0) {
            return false;
        }
        *at += item->count;
        return true;
    case 'y':
        return take_number(item, legacy, s, at, &p->year);
    case 'u':
        return take_number(item, legacy, s, at, legacy ? &ignored : &p->year);
    case 'M':
    case 'L':
        return item->count <= 2 ? take_number(item, legacy, s, at, &p->month)
                                : take_name(month_names, 12, item->count, legacy, s, at, &p->month);
    case 'd':
        return take_number(item, legacy, s, at, &p->day);
    case 'D':
        return take_number(item, legacy, s, at, &p->day_of_year);
    case 'E':
        return take_name(day_names, 7, item->count, legacy, s, at, &ignored);
    case 'H':
        return take_number(item, legacy, s, at, &p->hour);
    case 'k':
        if (!take_number(item, legacy, s, at, &p->hour)) {
            return false;
        }
        p->hour = p->hour == 24 ? 0 : p->hour;
        return true;
    case 'K':
    case 'h':
        p->has_hour12 = true;
        if (!take_number(item, legacy, s, at, &p->hour12)) {
            return false;
        }
        p->hour12 = p->hour12 == 12 ? 0 : p->hour12;
        return true;
    case 'a': {
        lt_str head = {s.ptr + *at, LT_MIN(s.len - *at, (size_t)2)};
        bool pm = legacy ? lt_str_eq_ci(head, LT_STR("PM")) : lt_str_eq(head, LT_STR("PM"));
        bool am = legacy ? lt_str_eq_ci(head, LT_STR("AM")) : lt_str_eq(head, LT_STR("AM"));
        p->half = pm;
        *at += 2;
        return am || pm;
    }
    case 'm':
        return take_number(item, legacy, s, at, &p->minute);
    case 's':
        return take_number(item, legacy, s, at, &p->second);
    case 'S':
        return take_fraction(item, legacy, s, at, &p->nano);
    case 'n':
        return take_number(item, legacy, s, at, &p->nano);
    case 'A':
        return take_number(item, legacy, s, at, &p->ms_of_day);
    case 'G': {
        lt_str head = {s.ptr + *at, LT_MIN(s.len - *at, (size_t)2)};
        p->bc = lt_str_eq(head, LT_STR("BC"));
        *at += 2;
        return p->bc || lt_str_eq(head, LT_STR("AD"));
    }
    case 'Z':
    case 'X':
    case 'x':
    case 'z':
    case 'O':
    case 'V':
        p->has_offset = true;
        return take_offset(item, s, at, &p->offset_ms);
    default:
        return false;
    }
}

static bool resolve(parsed *p, bool legacy, lt_ts9 *local)
{
    if (p->has_hour12) {
        p->hour = p->hour12 + p->half * 12;
    }
    if (p->bc) {
        p->year = 1 - p->year;
    }
    if (legacy) { /* fields roll over */
        int64_t months = p->year * 12 + p->month - 1;
        int64_t days =
            lt_days_from_civil(lt_floor_div(months, 12), (int)lt_floor_mod(months, 12) + 1, 1) +
            p->day - 1;
        local->ms = days * LT_MS_PER_DAY + p->hour * LT_MS_PER_HOUR + p->minute * LT_MS_PER_MINUTE +
                    p->second * 1000 + p->nano / 1000000;
        local->ns_of_ms = 0;
        return p->year < 1000000 && p->month < 1000000 && p->day < 100000000;
    }
    if (p->month < 1 || p->month > 12 || p->day < 1 || p->day > 31 || p->hour > 23 ||
        p->minute > 59 || p->second > 59 || p->year > 999999 || p->nano > 999999999) {
        return false;
    }
    int last = lt_days_in_month(p->year, (int)p->month);
    int64_t days = lt_days_from_civil(p->year, (int)p->month, (int)LT_MIN(p->day, (int64_t)last));
    if (p->day_of_year > 0) {
        if (p->day_of_year > 365 + lt_is_leap(p->year)) {
            return false;
        }
        days = lt_days_from_civil(p->year, 1, 1) + p->day_of_year - 1;
    }
    int64_t ms = p->hour * LT_MS_PER_HOUR + p->minute * LT_MS_PER_MINUTE + p->second * 1000 +
                 p->nano / 1000000;
    if (p->ms_of_day >= 0) {
        ms = p->ms_of_day;
    }
    local->ms = days * LT_MS_PER_DAY + ms;
    local->ns_of_ms = (int32_t)(p->nano % 1000000);
    return true;
}

bool lt_datefmt_parse(const lt_datefmt *fmt, lt_str s, lt_ts9 *local, bool *has_offset,
                      int64_t *offset_ms)
{
    parsed p = {.year = 1970, .month = 1, .day = 1, .ms_of_day = -1};
    size_t at = 0;
    local->unused = 0;
    for (uint32_t i = 0; i < fmt->count; i++) {
        const lt_datefmt_item *item = &fmt->items[i];
        if (!item->optional) {
            if (!take_item(item, fmt->legacy, s, &at, &p)) {
                return false;
            }
            continue;
        }
        /* A run of optional items is taken whole or not at all. */
        size_t mark = at;
        parsed before = p;
        uint32_t end = i;
        while (end < fmt->count && fmt->items[end].optional) {
            end++;
        }
        for (; i < end; i++) {
            if (at > s.len || !take_item(&fmt->items[i], fmt->legacy, s, &at, &p)) {
                at = mark;
                p = before;
                break;
            }
        }
        i = end - 1;
    }
    if (at > s.len || (at != s.len && !fmt->legacy)) {
        return false;
    }
    *has_offset = p.has_offset;
    *offset_ms = p.offset_ms;
    return resolve(&p, fmt->legacy, local);
}
