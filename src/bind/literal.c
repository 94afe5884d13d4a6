/* Literals -> typed constants. The types are Flink's: integers are INT, BIGINT or DECIMAL by size,
 * text is CHAR(n) NOT NULL with n in UTF-16 units, a TIMESTAMP has the precision that was written.
 * Dates are proleptic Gregorian. */
#include "bind/bind_int.h"

#define DAY_MS INT64_C(86400000)

const char *lt_bind_unit_name(lt_ast_unit unit)
{
    static const char *const names[] = {
        "",       "YEAR",   "QUARTER",     "MONTH",       "WEEK",       "DAY",       "HOUR",
        "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND", "EPOCH",     "DOW",
        "ISODOW", "DOY",    "ISOYEAR",     "DECADE",      "CENTURY",    "MILLENNIUM"};
    return names[unit];
}

int64_t lt_bind_unit_ms(lt_ast_unit unit)
{
    if (unit == LT_UNIT_WEEK) {
        return 7 * DAY_MS;
    }
    if (unit == LT_UNIT_DAY) {
        return DAY_MS;
    }
    if (unit == LT_UNIT_HOUR) {
        return 3600000;
    }
    if (unit == LT_UNIT_MINUTE) {
        return 60000;
    }
    return unit == LT_UNIT_SECOND ? 1000 : unit == LT_UNIT_MILLISECOND ? 1 : 0;
}

int32_t lt_bind_unit_months(lt_ast_unit unit)
{
    return unit == LT_UNIT_YEAR ? 12 : unit == LT_UNIT_QUARTER ? 3 : unit == LT_UNIT_MONTH ? 1 : 0;
}

/* ---- a cursor over the text ---- */

typedef struct {
    lt_str text;
    size_t at;
} cursor;

static bool take(cursor *c, char ch)
{
    if (c->at < c->text.len && c->text.ptr[c->at] == ch) {
        c->at++;
        return true;
    }
    return false;
}

/* Between low and high digits. */
static bool digits(cursor *c, unsigned low, unsigned high, int64_t *out)
{
    int64_t value = 0;
    unsigned count = 0;
    while (count < high && c->at < c->text.len && c->text.ptr[c->at] >= '0' &&
           c->text.ptr[c->at] <= '9') {
        value = value * 10 + (c->text.ptr[c->at] - '0');
        c->at++;
        count++;
    }
    *out = value;
    return count >= low;
}

/* `.fraction` of at most 9 digits as nanoseconds. */
static bool fraction(cursor *c, int64_t *nanos, uint8_t *precision)
{
    *nanos = 0;
    *precision = 0;
    if (!take(c, '.')) {
        return true;
    }
    size_t start = c->at;
    if (!digits(c, 1, 9, nanos)) {
        return false;
    }
    *precision = (uint8_t)(c->at - start);
    for (unsigned i = *precision; i < 9; i++) {
        *nanos *= 10;
    }
    return true;
}

static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static bool date(cursor *c, int64_t *days)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year, month, day;
    if (!digits(c, 4, 4, &year) || !take(c, '-') || !digits(c, 1, 2, &month) || !take(c, '-') ||
        !digits(c, 1, 2, &day)) {
        return false;
    }
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month < 1 || month > 12 || day < 1 ||
        day > lengths[month - 1] + (leap && month == 2 ? 1 : 0)) {
        return false;
    }
    *days = days_from_civil(year, month, day);
    return true;
}

static bool time_of_day(cursor *c, int64_t *ms, int64_t *nanos, uint8_t *precision)
{
    int64_t hour, minute, second;
    if (!digits(c, 1, 2, &hour) || !take(c, ':') || !digits(c, 1, 2, &minute) || !take(c, ':') ||
        !digits(c, 1, 2, &second) || hour > 23 || minute > 59 || second > 59 ||
        !fraction(c, nanos, precision)) {
        return false;
    }
    *ms = ((hour * 60 + minute) * 60 + second) * 1000;
    return true;
}

/* ---- kinds ---- */

static lt_status finish(lt_expr_builder *eb, lt_value *value, const lt_ast_expr *ast, lt_expr **out,
                        lt_error *err)
{
    if (!value->type) {
        return lt_error_nomem(err, "literal");
    }
    return lt_expr_literal(eb, value, ast->pos, out, err);
}

static lt_status bad(const lt_ast_expr *ast, const char *kind, const char *form, lt_error *err)
{
    return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                           "Illegal %s literal '" LT_STR_FMT "': not in format '%s'", kind,
                           LT_STR_ARG(ast->lit.text), form);
}

static lt_status bind_temporal(lt_expr_builder *eb, const lt_ast_expr *ast, lt_expr **out,
                               lt_error *err)
{
    cursor c = {lt_str_trim(ast->lit.text), 0};
    lt_value value = {0};
    int64_t days = 0, ms = 0, nanos = 0;
    uint8_t precision = 0;
    if (ast->lit.kind == LT_LIT_DATE) {
        if (!date(&c, &value.u.i) || c.at != c.text.len) {
            return bad(ast, "DATE", "yyyy-MM-dd", err);
        }
        value.type = lt_type_new(eb->arena, LT_TYPE_DATE, false);
        return finish(eb, &value, ast, out, err);
    }
    if (ast->lit.kind == LT_LIT_TIME) {
        if (!time_of_day(&c, &ms, &nanos, &precision) || c.at != c.text.len) {
            return bad(ast, "TIME", "HH:mm:ss", err);
        }
        /* The type of a TIME literal has no fraction, its value keeps milliseconds. */
        value.u.i = ms + nanos / 1000000;
        value.type = lt_type_time(eb->arena, LT_TYPE_TIME, 0, false);
        return finish(eb, &value, ast, out, err);
    }
    /* A date alone is its midnight. */
    if (!date(&c, &days) ||
        (c.at != c.text.len &&
         (!take(&c, ' ') || !time_of_day(&c, &ms, &nanos, &precision) || c.at != c.text.len))) {
        return bad(ast, "TIMESTAMP", "yyyy-MM-dd HH:mm:ss", err);
    }
    ms += days * DAY_MS;
    if (precision <= 3) {
        value.u.i = ms + nanos / 1000000;
    } else if (precision <= 6) {
        value.u.i = ms * 1000 + nanos / 1000;
    } else {
        value.u.ts.ms = ms + nanos / 1000000;
        value.u.ts.ns_of_ms = (int32_t)(nanos % 1000000);
    }
    value.type = lt_type_time(eb->arena, LT_TYPE_TIMESTAMP, precision, false);
    return finish(eb, &value, ast, out, err);
}

/* One field of an interval and what separates it from the one before. */
static const struct {
    lt_ast_unit unit;
    char before;
} interval_fields[] = {
    {LT_UNIT_DAY, 0},
    {LT_UNIT_HOUR, ' '},
    {LT_UNIT_MINUTE, ':'},
    {LT_UNIT_SECOND, ':'},
};

static bool day_time(cursor *c, const lt_ast_interval *interval, int64_t *out)
{
    lt_ast_unit to = interval->to == LT_UNIT_NONE ? interval->from : interval->to;
    bool started = false;
    int64_t total = 0;
    for (size_t i = 0; i < LT_COUNT_OF(interval_fields); i++) {
        lt_ast_unit unit = interval_fields[i].unit;
        int64_t value, nanos;
        uint8_t precision;
        if (!started && unit != interval->from) {
            continue;
        }
        if (started && !take(c, interval_fields[i].before)) {
            return false;
        }
        if (!digits(c, 1, started ? 2 : 10, &value)) {
            return false;
        }
        if (started && value > (unit == LT_UNIT_HOUR ? 23 : 59)) {
            return false;
        }
        total += value * lt_bind_unit_ms(unit);
        started = true;
        if (unit == LT_UNIT_SECOND) {
            if (!fraction(c, &nanos, &precision)) {
                return false;
            }
            total += nanos / 1000000;
        }
        if (unit == to) {
            break;
        }
    }
    *out = total;
    return started;
}

static bool year_month(cursor *c, const lt_ast_interval *interval, int64_t *out)
{
    int64_t value, months = 0;
    if (!digits(c, 1, 9, &value)) {
        return false;
    }
    if (interval->from == LT_UNIT_YEAR && interval->to == LT_UNIT_MONTH) {
        if (!take(c, '-') || !digits(c, 1, 2, &months) || months > 11) {
            return false;
        }
    }
    *out = value * lt_bind_unit_months(interval->from) + months;
    return *out <= INT32_MAX;
}

static lt_status bind_interval(lt_expr_builder *eb, const lt_ast_expr *ast, lt_expr **out,
                               lt_error *err)
{
    const lt_ast_interval *interval = &ast->lit.interval;
    cursor c = {lt_str_trim(ast->lit.text), 0};
    lt_value value = {0};
    bool negative = take(&c, '-');
    bool months = lt_bind_unit_months(interval->from) != 0;
    bool ok;
    if (!negative) {
        (void)take(&c, '+');
    }
    if (months) {
        ok = year_month(&c, interval, &value.u.i);
    } else if (interval->from == LT_UNIT_WEEK || interval->from == LT_UNIT_MILLISECOND) {
        ok = digits(&c, 1, 9, &value.u.i);
        value.u.i *= lt_bind_unit_ms(interval->from);
    } else {
        ok = day_time(&c, interval, &value.u.i);
    }
    if (!ok || c.at != c.text.len) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               "Illegal interval literal format '" LT_STR_FMT
                               "' for INTERVAL %s%s%s",
                               LT_STR_ARG(ast->lit.text), lt_bind_unit_name(interval->from),
                               interval->to == LT_UNIT_NONE ? "" : " TO ",
                               interval->to == LT_UNIT_NONE ? "" : lt_bind_unit_name(interval->to));
    }
    if (negative != ast->lit.negative) {
        value.u.i = -value.u.i;
    }
    value.type =
        lt_type_new(eb->arena, months ? LT_TYPE_INTERVAL_MONTH : LT_TYPE_INTERVAL_SECOND, false);
    return finish(eb, &value, ast, out, err);
}

/* digits with or without a point -> INT, BIGINT or DECIMAL. */
static lt_status bind_number(lt_expr_builder *eb, const lt_ast_expr *ast, lt_expr **out,
                             lt_error *err)
{
    lt_i128 unscaled = 0;
    unsigned precision = 0, scale = 0;
    bool point = false;
    lt_value value = {0};
    for (size_t i = 0; i < ast->lit.text.len; i++) {
        char ch = ast->lit.text.ptr[i];
        if (ch == '.') {
            point = true;
            continue;
        }
        scale += point;
        precision++;
        unscaled = unscaled * 10 + (ch - '0');
        if (unscaled > (lt_i128)INT64_MAX + 1 || precision > 38) {
            lt_status st =
                lt_error_set_at(err, LT_ERR_SQL, ast->pos, "number " LT_STR_FMT " is out of range",
                                LT_STR_ARG(ast->lit.text));
            lt_error_hint(err, "longer ones are written as text: CAST('..' AS DECIMAL(38, 10))");
            return st;
        }
    }
    if (scale == 0 && unscaled <= INT64_MAX) {
        value.u.i = (int64_t)unscaled;
        value.type =
            lt_type_new(eb->arena, unscaled <= INT32_MAX ? LT_TYPE_INT : LT_TYPE_BIGINT, false);
        return finish(eb, &value, ast, out, err);
    }
    /* As many digits as were written: 0.50 is DECIMAL(3, 2). */
    value.type = lt_type_decimal(eb->arena, (uint8_t)precision, (uint8_t)scale, false);
    if (precision <= 18) {
        value.u.i = (int64_t)unscaled;
    } else {
        value.u.wide = unscaled;
    }
    return finish(eb, &value, ast, out, err);
}

/* UTF-16 units, by which Flink counts the length of a literal: two for what lies beyond U+FFFF. */
static uint32_t utf16_units(lt_str s)
{
    uint32_t count = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char byte = (unsigned char)s.ptr[i];
        count += (byte & 0xc0) != 0x80;
        count += byte >= 0xf0;
    }
    return count;
}

/* Bound trees of the catalog outlive the statement whose text a literal points into. */
static lt_status copy_text(lt_expr_builder *eb, const lt_ast_expr *ast, lt_str *out, lt_error *err)
{
    *out = lt_arena_str(eb->arena, ast->lit.text);
    return out->ptr != NULL ? LT_OK : lt_error_nomem(err, "literal");
}

lt_status lt_bind_literal(lt_expr_builder *eb, const lt_ast_expr *ast, lt_expr **out, lt_error *err)
{
    lt_value value = {0};
    switch (ast->lit.kind) {
    case LT_LIT_NULL:
        value.is_null = true;
        value.type = lt_type_new(eb->arena, LT_TYPE_NULL, true);
        return finish(eb, &value, ast, out, err);
    case LT_LIT_UNKNOWN:
        value.is_null = true;
        value.type = lt_type_new(eb->arena, LT_TYPE_BOOLEAN, true);
        return finish(eb, &value, ast, out, err);
    case LT_LIT_BOOL:
        value.u.b = ast->lit.value;
        value.type = lt_type_new(eb->arena, LT_TYPE_BOOLEAN, false);
        return finish(eb, &value, ast, out, err);
    case LT_LIT_INTEGER:
    case LT_LIT_DECIMAL:
        return bind_number(eb, ast, out, err);
    case LT_LIT_DOUBLE:
        if (!lt_str_to_f64(ast->lit.text, &value.u.f)) {
            return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                                   "number " LT_STR_FMT " is out of range",
                                   LT_STR_ARG(ast->lit.text));
        }
        value.type = lt_type_new(eb->arena, LT_TYPE_DOUBLE, false);
        return finish(eb, &value, ast, out, err);
    case LT_LIT_STRING:
        LT_TRY(copy_text(eb, ast, &value.u.s, err));
        value.type =
            lt_type_sized(eb->arena, LT_TYPE_CHAR, (int32_t)utf16_units(ast->lit.text), false);
        return finish(eb, &value, ast, out, err);
    case LT_LIT_BINARY:
        LT_TRY(copy_text(eb, ast, &value.u.s, err));
        value.type = lt_type_sized(eb->arena, LT_TYPE_BINARY, (int32_t)ast->lit.text.len, false);
        return finish(eb, &value, ast, out, err);
    case LT_LIT_DATE:
    case LT_LIT_TIME:
    case LT_LIT_TIMESTAMP:
        return bind_temporal(eb, ast, out, err);
    case LT_LIT_INTERVAL:
        return bind_interval(eb, ast, out, err);
    }
    return lt_error_set_at(err, LT_ERR_INTERNAL, ast->pos, "unknown literal");
}
