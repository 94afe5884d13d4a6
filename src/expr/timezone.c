/* Time zones. A zone is a sorted list of transitions with the offset that holds from each on, read
 * from a TZif file (versions 2 and up, 64-bit data), and the POSIX rule of the file's footer for
 * the time behind the last transition. The rule is unrolled to the end of year 2500 when the zone
 * is loaded, so that look-ups are one binary search. */
#include "expr/timezone.h"

#include <stdio.h>

#include "expr/civil.h"

#define RULE_LAST_YEAR 2500
#define TZIF_MAX       ((size_t)1 << 20)
#define ZONE_DIR       "/usr/share/zoneinfo"

struct lt_zone {
    bool utc;
    uint32_t count;       /* transitions */
    int64_t *at;          /* UTC seconds, ascending */
    int32_t *offset;      /* seconds east from at[i] on */
    int32_t first_offset; /* before at[0] */
};

bool lt_zone_is_utc(const lt_zone *zone)
{
    return zone->utc;
}

static int32_t offset_at(const lt_zone *zone, int64_t second)
{
    uint32_t low = 0, high = zone->count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (zone->at[mid] <= second) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low == 0 ? zone->first_offset : zone->offset[low - 1];
}

int64_t lt_zone_offset_ms(const lt_zone *zone, int64_t utc_ms)
{
    if (zone->utc) {
        return 0;
    }
    return (int64_t)offset_at(zone, lt_floor_div(utc_ms, 1000)) * 1000;
}

static int64_t to_utc(const lt_zone *zone, int64_t local_ms, bool late)
{
    if (zone->utc) {
        return local_ms;
    }
    /* The offsets a day before and after bracket any transition near this local time. */
    int64_t second = lt_floor_div(local_ms, 1000);
    int32_t before = offset_at(zone, second - 86400);
    int32_t after = offset_at(zone, second + 86400);
    if (before == after) {
        int32_t here = offset_at(zone, second - before);
        return local_ms - (int64_t)here * 1000;
    }
    bool before_fits = offset_at(zone, second - before) == before;
    bool after_fits = offset_at(zone, second - after) == after;
    if (before_fits && !(late && after_fits)) {
        return local_ms - (int64_t)before * 1000; /* overlap: the earlier offset */
    }
    if (after_fits) {
        return local_ms - (int64_t)after * 1000;
    }
    /* Gap: the local time is moved later by its length, which reading it with the offset before the
     * gap does. */
    return local_ms - (int64_t)before * 1000;
}

int64_t lt_zone_to_utc_ms(const lt_zone *zone, int64_t local_ms)
{
    return to_utc(zone, local_ms, false);
}

int64_t lt_zone_to_utc_late_ms(const lt_zone *zone, int64_t local_ms)
{
    return to_utc(zone, local_ms, true);
}

/* ---- fixed offsets ---- */

static bool digits(lt_str s, size_t *at, size_t most, int *out)
{
    size_t from = *at;
    int value = 0;
    while (*at < s.len && *at - from < most && s.ptr[*at] >= '0' && s.ptr[*at] <= '9') {
        value = value * 10 + (s.ptr[(*at)++] - '0');
    }
    *out = value;
    return *at > from;
}

/* Z, [UTC|GMT|UT](+|-)h[h][:mm[:ss]] or +hhmm. */
static bool fixed_offset(lt_str name, int32_t *seconds)
{
    static const char *const prefixes[] = {"UTC", "GMT", "UT"};
    *seconds = 0;
    if (lt_str_eq(name, LT_STR("Z"))) {
        return true;
    }
    for (size_t i = 0; i < LT_COUNT_OF(prefixes); i++) {
        if (lt_str_starts(name, lt_str_of(prefixes[i]))) {
            name.ptr += strlen(prefixes[i]);
            name.len -= strlen(prefixes[i]);
            break;
        }
    }
    if (name.len == 0) {
        return true;
    }
    if (name.ptr[0] != '+' && name.ptr[0] != '-') {
        return false;
    }
    size_t at = 1;
    int hour, minute = 0, second = 0;
    if (!digits(name, &at, 2, &hour)) {
        return false;
    }
    if (at < name.len) {
        at += name.ptr[at] == ':';
        if (!digits(name, &at, 2, &minute)) {
            return false;
        }
    }
    if (at < name.len) {
        at += name.ptr[at] == ':';
        if (!digits(name, &at, 2, &second)) {
            return false;
        }
    }
    if (at != name.len || hour > 18 || minute > 59 || second > 59) {
        return false;
    }
    int32_t total = (hour * 60 + minute) * 60 + second;
    *seconds = name.ptr[0] == '-' ? -total : total;
    return true;
}

/* ---- the footer's rule: std offset [dst [offset] , start [/time] , end [/time]] ---- */

typedef struct {
    int kind; /* 'M' month.week.day, 'J' day without leap day, 'N' day of year from 0 */
    int month, week, day;
    int32_t time;
} rule_date;

typedef struct {
    bool has_dst;
    int32_t std, dst;
    rule_date start, end;
} posix_rule;

static bool rule_name(const char **p)
{
    if (**p == '<') {
        while (**p != '\0' && **p != '>') {
            ++*p;
        }
        if (**p == '\0') {
            return false;
        }
        ++*p;
        return true;
    }
    const char *from = *p;
    while ((**p >= 'A' && **p <= 'Z') || (**p >= 'a' && **p <= 'z')) {
        ++*p;
    }
    return *p > from;
}

static bool rule_number(const char **p, int *out)
{
    const char *from = *p;
    int value = 0;
    while (**p >= '0' && **p <= '9' && *p - from < 4) {
        value = value * 10 + (**p - '0');
        ++*p;
    }
    *out = value;
    return *p > from;
}

static bool rule_time(const char **p, int32_t *seconds)
{
    int sign = 1, part, total = 0;
    if (**p == '+' || **p == '-') {
        sign = **p == '-' ? -1 : 1;
        ++*p;
    }
    for (int unit = 3600; unit > 0; unit /= 60) {
        if (!rule_number(p, &part)) {
            return false;
        }
        total += part * unit;
        if (**p != ':') {
            break;
        }
        ++*p;
    }
    *seconds = sign * total;
    return true;
}

static bool rule_point(const char **p, rule_date *date)
{
    memset(date, 0, sizeof *date);
    date->time = 7200;
    if (**p == 'M') {
        date->kind = 'M';
        ++*p;
        if (!rule_number(p, &date->month) || *(*p)++ != '.' || !rule_number(p, &date->week) ||
            *(*p)++ != '.' || !rule_number(p, &date->day)) {
            return false;
        }
        if (date->month < 1 || date->month > 12 || date->week < 1 || date->week > 5 ||
            date->day > 6) {
            return false;
        }
    } else {
        date->kind = **p == 'J' ? 'J' : 'N';
        *p += **p == 'J';
        if (!rule_number(p, &date->day)) {
            return false;
        }
    }
    if (**p == '/') {
        ++*p;
        return rule_time(p, &date->time);
    }
    return true;
}

static bool parse_rule(const char *p, posix_rule *rule)
{
    memset(rule, 0, sizeof *rule);
    if (!rule_name(&p) || !rule_time(&p, &rule->std)) {
        return false;
    }
    rule->std = -rule->std; /* POSIX counts west */
    if (*p == '\0') {
        return true;
    }
    if (!rule_name(&p)) {
        return false;
    }
    rule->has_dst = true;
    rule->dst = rule->std + 3600;
    if (*p != ',') {
        if (!rule_time(&p, &rule->dst)) {
            return false;
        }
        rule->dst = -rule->dst;
    }
    if (*p++ != ',' || !rule_point(&p, &rule->start) || *p++ != ',') {
        return false;
    }
    return rule_point(&p, &rule->end);
}

/* Local second at which the rule's date falls in a year. */
static int64_t rule_second(const rule_date *date, int64_t year)
{
    int64_t day;
    if (date->kind == 'M') {
        int64_t first = lt_days_from_civil(year, date->month, 1);
        int weekday = (int)lt_floor_mod(first + 4, 7); /* 1970-01-01 was a Thursday */
        int shift = (date->day - weekday + 7) % 7 + (date->week - 1) * 7;
        if (shift >= lt_days_in_month(year, date->month)) {
            shift -= 7;
        }
        day = first + shift;
    } else {
        day = lt_days_from_civil(year, 1, 1) + date->day;
        if (date->kind == 'J') {
            day -= !(lt_is_leap(year) && date->day >= 60);
        }
    }
    return day * 86400 + date->time;
}

/* ---- TZif ---- */

static int64_t big_endian(const unsigned char *p, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) {
        value = value << 8 | p[i];
    }
    return bytes == 4 ? (int64_t)(int32_t)(uint32_t)value : (int64_t)value;
}

typedef struct {
    uint32_t isut, isstd, leap, time, type, chars;
} tzif_counts;

static bool read_header(lt_str file, size_t at, tzif_counts *counts)
{
    if (file.len < at + 44 || memcmp(file.ptr + at, "TZif", 4) != 0 || file.ptr[at + 4] < '2') {
        return false;
    }
    const unsigned char *p = (const unsigned char *)file.ptr + at + 20;
    counts->isut = (uint32_t)big_endian(p, 4);
    counts->isstd = (uint32_t)big_endian(p + 4, 4);
    counts->leap = (uint32_t)big_endian(p + 8, 4);
    counts->time = (uint32_t)big_endian(p + 12, 4);
    counts->type = (uint32_t)big_endian(p + 16, 4);
    counts->chars = (uint32_t)big_endian(p + 20, 4);
    const uint32_t most = 100000;
    return counts->isut <= most && counts->isstd <= most && counts->leap <= most &&
           counts->time <= most && counts->type <= 256 && counts->type > 0 && counts->chars <= most;
}

static size_t block_size(const tzif_counts *c, size_t time_size)
{
    return c->time * time_size + c->time + c->type * 6 + c->chars + c->leap * (time_size + 4) +
           c->isstd + c->isut;
}

static bool unroll_rule(lt_zone *zone, const posix_rule *rule)
{
    int64_t last = zone->count > 0 ? zone->at[zone->count - 1] : INT64_MIN / 4;
    int64_t year = 1970;
    int month, day;
    if (zone->count > 0) {
        lt_civil_from_days(lt_floor_div(last, 86400), &year, &month, &day);
    }
    if (!rule->has_dst) {
        return true;
    }
    for (; year <= RULE_LAST_YEAR; year++) {
        int64_t on = rule_second(&rule->start, year) - rule->std;
        int64_t off = rule_second(&rule->end, year) - rule->dst;
        for (int i = 0; i < 2; i++) {
            bool summer = (i == 0) == (on < off);
            int64_t at = summer ? on : off;
            if (at > last) {
                zone->at[zone->count] = at;
                zone->offset[zone->count++] = summer ? rule->dst : rule->std;
                last = at;
            }
        }
    }
    return true;
}

static lt_status parse_tzif(lt_str file, lt_arena *arena, lt_zone *zone, bool *valid, lt_error *err)
{
    tzif_counts first, c;
    *valid = false;
    if (!read_header(file, 0, &first)) {
        return LT_OK;
    }
    size_t at = 44 + block_size(&first, 4);
    if (!read_header(file, at, &c)) {
        return LT_OK;
    }
    at += 44;
    if (file.len < at + block_size(&c, 8)) {
        return LT_OK;
    }
    const unsigned char *times = (const unsigned char *)file.ptr + at;
    const unsigned char *indexes = times + (size_t)c.time * 8;
    const unsigned char *types = indexes + c.time;
    size_t room = (size_t)c.time + 2 * (RULE_LAST_YEAR - 1800);
    zone->at = LT_NEW_ARRAY(arena, int64_t, room);
    zone->offset = LT_NEW_ARRAY(arena, int32_t, room);
    if (zone->at == NULL || zone->offset == NULL) {
        return lt_error_nomem(err, "time zone");
    }
    zone->first_offset = (int32_t)big_endian(types, 4);
    for (uint32_t i = 0; i < c.time; i++) {
        if (indexes[i] >= c.type) {
            return LT_OK;
        }
        zone->at[i] = big_endian(times + (size_t)i * 8, 8);
        zone->offset[i] = (int32_t)big_endian(types + (size_t)indexes[i] * 6, 4);
    }
    zone->count = c.time;
    *valid = true;
    size_t footer = at + block_size(&c, 8);
    char text[128];
    if (footer + 2 < file.len && file.ptr[footer] == '\n') {
        size_t len = 0;
        for (footer++; footer < file.len && file.ptr[footer] != '\n' && len + 1 < sizeof text;) {
            text[len++] = file.ptr[footer++];
        }
        text[len] = '\0';
        posix_rule rule;
        if (len > 0 && parse_rule(text, &rule)) {
            (void)unroll_rule(zone, &rule);
            if (zone->count == 0) {
                zone->first_offset = rule.std;
            }
        }
    }
    return LT_OK;
}

static bool name_is_safe(lt_str name)
{
    if (name.len == 0 || name.len > 64 || name.ptr[0] == '/' || name.ptr[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        char ch = name.ptr[i];
        bool ok = (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') ||
                  (ch >= '0' && ch <= '9') || ch == '_' || ch == '-' || ch == '+' || ch == '/';
        if (!ok) {
            return false;
        }
    }
    return true;
}

static lt_status unknown_zone(lt_str name, lt_error *err)
{
    lt_status st =
        lt_error_set(err, LT_ERR_SQL, "unknown time zone '" LT_STR_FMT "'", LT_STR_ARG(name));
    lt_error_hint(err, "use a name such as Europe/Berlin or an offset such as GMT+02:00");
    return st;
}

lt_status lt_zone_load(lt_env *env, lt_str name, lt_arena *arena, const lt_zone **out,
                       lt_error *err)
{
    lt_zone *zone = LT_NEW(arena, lt_zone);
    if (zone == NULL) {
        return lt_error_nomem(err, "time zone");
    }
    int32_t seconds;
    if (fixed_offset(name, &seconds)) {
        zone->first_offset = seconds;
        zone->utc = seconds == 0;
        *out = zone;
        return LT_OK;
    }
    if (!name_is_safe(name)) {
        return unknown_zone(name, err);
    }
    const char *dir = env->getenv(env, "TZDIR");
    const char *path =
        lt_arena_printf(arena, "%s/" LT_STR_FMT, dir != NULL ? dir : ZONE_DIR, LT_STR_ARG(name));
    if (path == NULL) {
        return lt_error_nomem(err, "time zone");
    }
    lt_text file;
    lt_text_init(&file, env->mem);
    lt_error reading;
    lt_status st = lt_env_read_file(env, path, TZIF_MAX, &file, &reading);
    if (st == LT_ERR_NOMEM) {
        lt_text_deinit(&file);
        return lt_error_nomem(err, "time zone");
    }
    bool valid = false;
    if (st == LT_OK) {
        st = parse_tzif(lt_text_str(&file), arena, zone, &valid, err);
    } else {
        st = LT_OK;
    }
    lt_text_deinit(&file);
    if (st != LT_OK) {
        return st;
    }
    if (!valid) {
        return unknown_zone(name, err);
    }
    zone->utc = zone->count == 0 && zone->first_offset == 0;
    *out = zone;
    return LT_OK;
}
