/* Numbers, times, casts. */
#include "ref_fns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers ---- */

static bool is_int(ref_kind kind)
{
    return kind >= REF_TINY && kind <= REF_LONG;
}

static ref_val as_decimal(ref_type *type, const ref_val *v)
{
    static const int digits[] = {0, 3, 5, 10, 19};
    ref_val out = *v;
    if (is_int(type->kind)) {
        out.wide = v->i;
        *type = (ref_type){REF_DEC, digits[type->kind], 0};
    }
    return out;
}

static ref_val int_arith(char op, ref_kind kind, int64_t a, int64_t b)
{
    uint64_t x = (uint64_t)a, y = (uint64_t)b;
    if ((op == '/' || op == '%') && b == 0) {
        return ref_fail();
    }
    uint64_t out = op == '+'   ? x + y
                   : op == '-' ? x - y
                   : op == '*' ? x * y
                   : b == -1   ? (op == '/' ? 0 - x : 0)
                   : op == '/' ? (uint64_t)(a / b)
                               : (uint64_t)(a % b);
    return ref_int(ref_wrap(kind, (int64_t)out));
}

ref_val ref_arith(const ref_node *node, const ref_val *args)
{
    char op = (char)node->extra;
    ref_type at = node->args[0]->type, bt = node->args[1]->type;
    if (at.kind == REF_DOUBLE || bt.kind == REF_DOUBLE) {
        double x = args[0].d, y = args[1].d;
        ref_val out = {0};
        out.d = op == '+' ? x + y : op == '-' ? x - y : op == '*' ? x * y : x / y;
        return out;
    }
    if (at.kind == REF_DEC || bt.kind == REF_DEC) {
        ref_val a = as_decimal(&at, &args[0]), b = as_decimal(&bt, &args[1]);
        return ref_dec_arith(op, at, &a, bt, &b, node->type);
    }
    return int_arith(op, node->type.kind, args[0].i, args[1].i);
}

/* extra: 0 =, 1 <>, 2 <, 3 <=, 4 >, 5 >= */
static bool compares(int64_t op, int order)
{
    if (order == 2) {
        return op == 1;
    }
    return op == 0   ? order == 0
           : op == 1 ? order != 0
           : op == 2 ? order < 0
           : op == 3 ? order <= 0
           : op == 4 ? order > 0
                     : order >= 0;
}

ref_val ref_compare_op(const ref_node *node, const ref_val *args)
{
    return ref_bool(compares(
        node->extra, ref_compare(node->args[0]->type, &args[0], node->args[1]->type, &args[1])));
}

ref_val ref_extreme(const ref_node *node, const ref_val *args)
{
    int best = 0;
    for (int i = 1; i < node->count; i++) {
        int order = ref_compare(node->type, &args[i], node->type, &args[best]);
        best = (node->extra == 0 ? order > 0 : order < 0) ? i : best;
    }
    return args[best];
}

static ref_val f_negate(const ref_node *node, const ref_val *a)
{
    ref_val out = *a;
    out.i = ref_wrap(node->type.kind, (int64_t)(0 - (uint64_t)a->i));
    out.d = -a->d;
    out.wide = -a->wide;
    return out;
}

static ref_val f_abs(const ref_node *node, const ref_val *a)
{
    ref_kind kind = node->type.kind;
    if (kind == REF_DOUBLE) {
        ref_val out = *a;
        out.d = fabs(a->d); /* of -0, too */
        return out;
    }
    bool negative = kind == REF_DEC ? a->wide < 0 : a->i < 0;
    return negative ? f_negate(node, a) : *a;
}

static ref_val f_sign(const ref_node *node, const ref_val *a)
{
    (void)node;
    return ref_int((a->i > 0) - (a->i < 0));
}

static ref_val f_floor_double(const ref_node *node, const ref_val *a)
{
    ref_val out = *a;
    out.d = node->extra == 0 ? floor(a->d) : ceil(a->d);
    return out;
}

static ref_val f_math(const ref_node *node, const ref_val *a)
{
    ref_val out = *a;
    out.d = node->extra == 0   ? sqrt(a->d)
            : node->extra == 1 ? log10(a->d)
                               : a->d * (180.0 / 3.141592653589793);
    return out;
}

/* ---- times ---- */

enum { U_YEAR, U_QUARTER, U_MONTH, U_WEEK, U_DAY, U_DOY, U_DOW, U_HOUR, U_MINUTE, U_SECOND };
static const char *const units[] = {"YEAR", "QUARTER", "MONTH", "WEEK",   "DAY",
                                    "DOY",  "DOW",     "HOUR",  "MINUTE", "SECOND"};

static ref_civil civil(const ref_node *node, const ref_val *a)
{
    return ref_civil_of(node->args[0]->type.kind == REF_DATE ? a->i * 86400000 : a->i, a->nanos);
}

/* 0 Monday .. 6 Sunday; 1970-01-01 was a Thursday. */
static int weekday(const ref_civil *c)
{
    int64_t days = ref_days_of(c->year, c->month, c->day);
    return (int)(((days + 3) % 7 + 7) % 7);
}

static int day_of_year(const ref_civil *c)
{
    return (int)(ref_days_of(c->year, c->month, c->day) - ref_days_of(c->year, 1, 1)) + 1;
}

/* ISO: the week belongs to the year of its Thursday. */
static int iso_week(const ref_civil *c)
{
    int64_t thursday = ref_days_of(c->year, c->month, c->day) - weekday(c) + 3;
    ref_civil t = ref_civil_of(thursday * 86400000, 0);
    return (day_of_year(&t) - 1) / 7 + 1;
}

static ref_val f_extract(const ref_node *node, const ref_val *a)
{
    ref_civil c = civil(node, a);
    switch (node->extra) {
    case U_YEAR:
        return ref_int(c.year);
    case U_QUARTER:
        return ref_int((c.month + 2) / 3);
    case U_MONTH:
        return ref_int(c.month);
    case U_WEEK:
        return ref_int(iso_week(&c));
    case U_DAY:
        return ref_int(c.day);
    case U_DOY:
        return ref_int(day_of_year(&c));
    case U_DOW:
        return ref_int((weekday(&c) + 1) % 7 + 1);
    case U_HOUR:
        return ref_int(c.hour);
    case U_MINUTE:
        return ref_int(c.minute);
    default:
        return ref_int(c.second);
    }
}

static const char *const day_units[] = {"YEAR",      "QUARTER",   "MONTH", "WEEK",   "DAYOFMONTH",
                                        "DAYOFYEAR", "DAYOFWEEK", "HOUR",  "MINUTE", "SECOND"};

static void add_months(ref_civil *c, int64_t months)
{
    int64_t all = c->year * 12 + c->month - 1 + months;
    c->year = all >= 0 ? all / 12 : -((11 - all) / 12);
    c->month = (int)(all - c->year * 12) + 1;
    int length = ref_month_length(c->year, c->month);
    c->day = c->day > length ? length : c->day;
}

static const char *const steps[] = {"INTERVAL '1' MONTH", "INTERVAL '25' MONTH",
                                    "INTERVAL '3' YEAR", "INTERVAL -'7' MONTH"};

static ref_val f_plus_months(const ref_node *node, const ref_val *a)
{
    static const int months[] = {1, 25, 36, -7};
    ref_civil c = civil(node, a);
    ref_val out = *a;
    add_months(&c, months[node->extra]);
    out.i = node->type.kind == REF_DATE ? ref_days_of(c.year, c.month, c.day) : ref_ms_of(&c);
    return out;
}

static const char *const spans[] = {"INTERVAL '1' DAY", "INTERVAL '36' HOUR",
                                    "INTERVAL '0.001' SECOND", "INTERVAL -'90' MINUTE",
                                    "INTERVAL '40 05:06:07.089' DAY TO SECOND"};
static const int64_t span_ms[] = {86400000, 129600000, 1, -5400000,
                                  40 * (int64_t)86400000 + 18367089};

static ref_val f_plus_span(const ref_node *node, const ref_val *a)
{
    ref_val out = *a;
    out.i += node->type.kind == REF_DATE ? span_ms[node->extra] / 86400000 : span_ms[node->extra];
    return out;
}

static ref_val f_minus_span(const ref_node *node, const ref_val *a)
{
    ref_val out = *a;
    out.i -= node->type.kind == REF_DATE ? span_ms[node->extra] / 86400000 : span_ms[node->extra];
    return out;
}

static const char *const diffs[] = {"DAY", "HOUR", "SECOND", "MINUTE"};

static ref_val f_diff(const ref_node *node, const ref_val *a)
{
    static const int64_t sizes[] = {86400000, 3600000, 1000, 60000};
    int64_t x = a[0].i * (node->args[0]->type.kind == REF_DATE ? 86400000 : 1);
    int64_t y = a[1].i * (node->args[1]->type.kind == REF_DATE ? 86400000 : 1);
    return ref_int(ref_wrap(REF_INT, (y - x) / sizes[node->extra]));
}

static const char *const floors[] = {"YEAR",   "MONTH",  "DAY",     "HOUR",
                                     "MINUTE", "SECOND", "QUARTER", "WEEK"};

static ref_val f_floor_time(const ref_node *node, const ref_val *a)
{
    ref_civil c = civil(node, a);
    ref_val out = *a;
    out.nanos = 0;
    if (node->extra == 7) {
        out.i = (ref_days_of(c.year, c.month, c.day) - (weekday(&c) + 1) % 7) * 86400000;
    } else {
        int64_t unit = node->extra;
        c.month = unit == 0 ? 1 : unit == 6 ? (c.month - 1) / 3 * 3 + 1 : c.month;
        c.day = unit < 2 || unit == 6 ? 1 : c.day;
        c.hour = unit < 3 || unit == 6 ? 0 : c.hour;
        c.minute = unit < 4 || unit == 6 ? 0 : c.minute;
        c.second = unit < 5 || unit == 6 ? 0 : c.second;
        c.milli = 0;
        out.i = ref_ms_of(&c);
    }
    if (node->type.kind == REF_DATE) {
        out.i /= 86400000;
    }
    return out;
}

static ref_val f_format(const ref_node *node, const ref_val *a)
{
    ref_civil c = civil(node, a);
    char *out = ref_alloc(64);
    int len =
        node->extra == 0
            ? snprintf(out, 64, "%s%04d-%02d-%02d %02d:%02d:%02d", c.year < 0 ? "-" : "",
                       (int)(c.year < 0 ? -c.year : c.year), c.month, c.day, c.hour, c.minute,
                       c.second)
            : snprintf(out, 64, "%02d/%02d %03d.%03d", c.day, c.month, day_of_year(&c), c.milli);
    return ref_str(out, (size_t)len);
}

static const char *const added[] = {"DAY", "HOUR", "SECOND", "MINUTE", "WEEK"};

/* TIMESTAMPADD(unit, n, t) */
static ref_val f_add(const ref_node *node, const ref_val *a)
{
    static const int64_t sizes[] = {86400000, 3600000, 1000, 60000, 604800000};
    ref_val out = a[1];
    out.i += a[0].i * sizes[node->extra];
    return out;
}

static ref_val f_add_months(const ref_node *node, const ref_val *a)
{
    static const int months[] = {12, 3, 1};
    ref_civil c = ref_civil_of(a[1].i, a[1].nanos);
    ref_val out = a[1];
    add_months(&c, a[0].i * months[node->extra]);
    out.i = ref_ms_of(&c);
    return out;
}

static const char *const month_units[] = {"YEAR", "QUARTER", "MONTH"};

static const char *const formats[] = {"'yyyy-MM-dd HH:mm:ss'", "'dd/MM DDD.SSS'"};

/* ---- casts ---- */

static ref_val trimmed(const ref_val *a)
{
    ref_val out = *a;
    while (out.len > 0 && out.s[0] == ' ') {
        out.s++;
        out.len--;
    }
    while (out.len > 0 && out.s[out.len - 1] == ' ') {
        out.len--;
    }
    return out;
}

static ref_val c_int_int(const ref_node *node, const ref_val *a)
{
    return ref_int(ref_wrap(node->type.kind, a->i));
}

static ref_val c_int_double(const ref_node *node, const ref_val *a)
{
    ref_val out = {0};
    (void)node;
    out.d = (double)a->i;
    return out;
}

static ref_val c_int_dec(const ref_node *node, const ref_val *a)
{
    ref_big x = ref_big_of(a->i);
    x = ref_big_rescale(&x, 0, node->type.scale);
    return ref_big_value(&x, node->type.precision);
}

static ref_val c_dec_dec(const ref_node *node, const ref_val *a)
{
    ref_big x = ref_big_of(a->wide);
    x = ref_big_rescale(&x, node->args[0]->type.scale, node->type.scale);
    return ref_big_value(&x, node->type.precision);
}

static ref_val c_dec_int(const ref_node *node, const ref_val *a)
{
    ref_i128 x = a->wide;
    for (int i = 0; i < node->args[0]->type.scale; i++) {
        x /= 10;
    }
    return ref_int(ref_wrap(node->type.kind, (int64_t)(uint64_t)x));
}

static ref_val c_dec_double(const ref_node *node, const ref_val *a)
{
    ref_val out = {0};
    out.d = ref_dec_double(a, node->args[0]->type.scale);
    return out;
}

static ref_val c_double_int(const ref_node *node, const ref_val *a)
{
    double x = a->d;
    bool wide = node->type.kind == REF_LONG;
    double limit = wide ? 9223372036854775808.0 : 2147483648.0;
    int64_t cut = isnan(x)      ? 0
                  : x >= limit  ? (wide ? INT64_MAX : INT32_MAX)
                  : x <= -limit ? (wide ? INT64_MIN : INT32_MIN)
                                : (int64_t)x;
    return ref_int(ref_wrap(node->type.kind, cut));
}

static ref_val c_double_dec(const ref_node *node, const ref_val *a)
{
    ref_big digits;
    int exponent;
    if (!isfinite(a->d)) {
        return ref_fail();
    }
    ref_shortest(a->d, &digits, &exponent);
    if (exponent > 60 || exponent < -90) {
        return exponent > 60 && !ref_big_zero(&digits) ? ref_null() : ref_int(0);
    }
    digits =
        ref_big_rescale(&digits, exponent > 0 ? 0 : -exponent, exponent > 0 ? exponent : -exponent);
    digits = ref_big_rescale(&digits, exponent > 0 ? 0 : -exponent, node->type.scale);
    return ref_big_value(&digits, node->type.precision);
}

static ref_val c_int_text(const ref_node *node, const ref_val *a)
{
    (void)node;
    char *out = ref_alloc(32);
    return ref_str(out, (size_t)snprintf(out, 32, "%lld", (long long)a->i));
}

static ref_val c_dec_text(const ref_node *node, const ref_val *a)
{
    char *out = ref_alloc(64);
    return ref_str(out, ref_dec_text(a, node->args[0]->type.scale, out));
}

static ref_val c_bool_text(const ref_node *node, const ref_val *a)
{
    (void)node;
    return a->i ? ref_str("TRUE", 4) : ref_str("FALSE", 5);
}

static ref_val c_num_bool(const ref_node *node, const ref_val *a)
{
    ref_kind kind = node->args[0]->type.kind;
    return ref_bool(kind == REF_DEC ? a->wide != 0 : kind == REF_DOUBLE ? a->d != 0 : a->i != 0);
}

static ref_val c_date_text(const ref_node *node, const ref_val *a)
{
    char *out = ref_alloc(32);
    ref_civil c = civil(node, a);
    return ref_str(out, (size_t)snprintf(out, 32, "%s%04d-%02d-%02d", c.year < 0 ? "-" : "",
                                         (int)(c.year < 0 ? -c.year : c.year), c.month, c.day));
}

static ref_val c_ts_text(const ref_node *node, const ref_val *a)
{
    char *out = ref_alloc(48);
    ref_civil c = civil(node, a);
    int len = snprintf(out, 48, "%s%04d-%02d-%02d %02d:%02d:%02d.%03d%06d", c.year < 0 ? "-" : "",
                       (int)(c.year < 0 ? -c.year : c.year), c.month, c.day, c.hour, c.minute,
                       c.second, c.milli, c.nanos);
    int cut = 9 - node->args[0]->type.precision;
    return ref_str(out, (size_t)(len - cut));
}

static ref_val c_text_int(const ref_node *node, const ref_val *a)
{
    static const int64_t most[] = {0, 127, 32767, INT32_MAX, INT64_MAX};
    ref_val t = trimmed(a);
    ref_i128 x = 0;
    size_t i = 0;
    bool negative = t.len > 0 && t.s[0] == '-';
    i += t.len > 0 && (t.s[0] == '-' || t.s[0] == '+');
    size_t digits = i;
    for (; i < t.len && t.s[i] >= '0' && t.s[i] <= '9' && i < 40; i++) {
        x = x * 10 + (t.s[i] - '0');
        x = x > ((ref_i128)1 << 100) ? (ref_i128)1 << 100 : x;
    }
    bool good = i > digits || (i < t.len && t.s[i] == '.'); /* '.5' is 0 */
    if (i < t.len && t.s[i] == '.') {
        for (i++; i < t.len && t.s[i] >= '0' && t.s[i] <= '9'; i++) {
        }
    }
    x = negative ? -x : x;
    ref_i128 top = most[node->type.kind];
    return good && i == t.len && x <= top && x >= -top - 1 ? ref_int((int64_t)x) : ref_fail();
}

static ref_val c_text_dec(const ref_node *node, const ref_val *a)
{
    ref_val t = trimmed(a), out;
    /* what overflows the type fails here, where a cast of a number would be NULL */
    return ref_dec_parse(t.s, t.len, node->type, &out) && !out.null ? out : ref_fail();
}

static ref_val c_text_bool(const ref_node *node, const ref_val *a)
{
    static const char *const words[] = {"t", "true", "y", "yes", "1", "f", "false", "n", "no", "0"};
    (void)node;
    ref_val t = trimmed(a);
    for (int i = 0; i < 10; i++) {
        size_t k = 0;
        while (k < t.len && words[i][k] != '\0' && (t.s[k] | 32) == (words[i][k] | 32)) {
            k++;
        }
        if (k == t.len && words[i][k] == '\0') {
            return ref_bool(i < 5);
        }
    }
    return ref_fail();
}

static bool number_at(const ref_val *t, size_t *i, int least, int most, int *out)
{
    int count = 0;
    *out = 0;
    for (; *i < t->len && count < most && t->s[*i] >= '0' && t->s[*i] <= '9'; ++*i, count++) {
        *out = *out * 10 + (t->s[*i] - '0');
    }
    return count >= least;
}

static bool date_at(const ref_val *t, size_t *i, ref_civil *c)
{
    int year;
    if (!number_at(t, i, 4, 4, &year) || *i >= t->len || t->s[(*i)++] != '-' ||
        !number_at(t, i, 1, 2, &c->month) || *i >= t->len || t->s[(*i)++] != '-' ||
        !number_at(t, i, 1, 2, &c->day)) {
        return false;
    }
    c->year = year;
    return year >= 1 && c->month >= 1 && c->month <= 12 && c->day >= 1 && c->day <= 31;
}

static ref_val c_text_ts(const ref_node *node, const ref_val *a)
{
    ref_val t = trimmed(a), out = {0};
    ref_civil c = {0};
    size_t i = 0;
    if (!date_at(&t, &i, &c)) {
        return ref_fail();
    }
    int length = ref_month_length(c.year, c.month), fraction = 0, digits = 0;
    c.day = c.day > length ? length : c.day;
    if (i < t.len) {
        if (t.s[i] != ' ' || (i++, false) || !number_at(&t, &i, 1, 2, &c.hour) || i >= t.len ||
            t.s[i++] != ':' || !number_at(&t, &i, 1, 2, &c.minute) || i >= t.len ||
            t.s[i++] != ':' || !number_at(&t, &i, 1, 2, &c.second)) {
            return ref_fail();
        }
        if (i < t.len && t.s[i] == '.') {
            size_t start = ++i;
            (void)number_at(&t, &i, 0, 9, &fraction);
            digits = (int)(i - start);
        }
        bool midnight = c.hour == 24 && c.minute == 0 && c.second == 0 && fraction == 0;
        if (i != t.len || (c.hour > 23 && !midnight) || c.minute > 59 || c.second > 59) {
            return ref_fail();
        }
    }
    for (; digits < 9; digits++) {
        fraction *= 10;
    }
    for (int unit = 1, p = 9; p > node->type.precision; p--) {
        unit *= 10;
        fraction = fraction / unit * unit;
    }
    c.milli = fraction / 1000000;
    out.i = ref_ms_of(&c);
    out.nanos = fraction % 1000000;
    return out;
}

static ref_val c_date_ts(const ref_node *node, const ref_val *a)
{
    (void)node;
    return ref_int(a->i * 86400000);
}

static ref_val c_ts_date(const ref_node *node, const ref_val *a)
{
    ref_civil c = civil(node, a);
    return ref_int(ref_days_of(c.year, c.month, c.day));
}

static ref_val c_ts_ts(const ref_node *node, const ref_val *a)
{
    ref_val out = *a;
    int unit = 1;
    for (int p = node->type.precision; p < 9; p++) {
        unit *= 10;
    }
    int64_t second = a->i / 1000 * 1000 - (a->i % 1000 < 0 ? 1000 : 0);
    int64_t fraction = (a->i - second) * 1000000 + a->nanos;
    fraction = fraction / unit * unit;
    out.i = second + fraction / 1000000;
    out.nanos = (int32_t)(fraction % 1000000);
    return out;
}

static ref_val c_same(const ref_node *node, const ref_val *a)
{
    (void)node;
    return *a;
}

ref_fn ref_cast(ref_kind from, ref_kind to)
{
    bool a = is_int(from), b = is_int(to);
    if (from == to) {
        return from == REF_DEC ? c_dec_dec : from == REF_TS ? c_ts_ts : c_same;
    }
    switch ((int)to) {
    case REF_BOOL:
        return from == REF_STR ? c_text_bool : from <= REF_DEC ? c_num_bool : NULL;
    case REF_DOUBLE:
        return a ? c_int_double : from == REF_DEC ? c_dec_double : NULL;
    case REF_DEC:
        return a                    ? c_int_dec
               : from == REF_DOUBLE ? c_double_dec
               : from == REF_STR    ? c_text_dec
                                    : NULL;
    case REF_STR:
        return from == REF_BOOL   ? c_bool_text
               : a                ? c_int_text
               : from == REF_DEC  ? c_dec_text
               : from == REF_DATE ? c_date_text
               : from == REF_TS   ? c_ts_text
                                  : NULL;
    case REF_DATE:
        return from == REF_TS ? c_ts_date : NULL;
    case REF_TS:
        return from == REF_DATE ? c_date_ts : from == REF_STR ? c_text_ts : NULL;
    default:
        break;
    }
    return !b                   ? NULL
           : a                  ? c_int_int
           : from == REF_DEC    ? c_dec_int
           : from == REF_DOUBLE ? c_double_int
           : from == REF_STR    ? c_text_int
           : from == REF_BOOL   ? c_same
                                : NULL;
}

ref_val ref_dec_function(const ref_node *node, const ref_val *args)
{
    int scale = node->args[0]->type.scale;
    ref_val out = args[0];
    ref_big x = ref_big_of(out.wide);
    if (node->extra == 4) {
        x = ref_big_rescale(&x, scale, node->type.scale);
        return ref_big_value(&x, node->type.precision);
    }
    if (node->extra >= 2) {
        bool turn = node->extra == 3 || out.wide < 0;
        out.wide = turn ? -out.wide : out.wide;
        return out;
    }
    ref_i128 rest = 0, unit = 1;
    for (int i = 0; i < scale; i++) {
        rest += out.wide % 10 * unit;
        out.wide /= 10;
        unit *= 10;
    }
    out.wide += node->extra == 1 && rest > 0;
    out.wide -= node->extra == 0 && rest < 0;
    return out;
}

static const char *const rounds[] = {"FLOOR", "CEIL"};
static const char *const maths[] = {"SQRT", "LOG10", "DEGREES"};

const ref_function ref_functions[] = {
    {"-%", 'i', "i", f_negate, 0, NULL},
    {"-%", 'l', "l", f_negate, 0, NULL},
    {"-%", 'd', "d", f_negate, 0, NULL},
    {"ABS(%)", 'i', "i", f_abs, 0, NULL},
    {"ABS(%)", 'l', "l", f_abs, 0, NULL},
    {"ABS(%)", 't', "t", f_abs, 0, NULL},
    {"ABS(%)", 'd', "d", f_abs, 0, NULL},
    {"SIGN(%)", 'i', "i", f_sign, 0, NULL},
    {"#(%)", 'd', "d", f_floor_double, 2, rounds},
    {"#(%)", 'd', "d", f_math, 3, maths},
    {"EXTRACT(# FROM %)", 'l', "a", f_extract, 7, units},
    {"EXTRACT(# FROM %)", 'l', "k", f_extract, 10, units},
    {"EXTRACT(# FROM %)", 'l', "z", f_extract, 10, units},
    {"#(%)", 'l', "a", f_extract, 7, day_units},
    {"#(%)", 'l', "k", f_extract, 10, day_units},
    {"% + #", 'a', "a", f_plus_months, 4, steps},
    {"% + #", 'k', "k", f_plus_months, 4, steps},
    {"% + #", 'z', "z", f_plus_months, 4, steps},
    {"% + #", 'a', "a", f_plus_span, 5, spans},
    {"% + #", 'k', "k", f_plus_span, 5, spans},
    {"% - #", 'a', "a", f_minus_span, 5, spans},
    {"% - #", 'z', "z", f_minus_span, 5, spans},
    {"TIMESTAMPDIFF(#, %, %)", 'i', "kk", f_diff, 4, diffs},
    {"TIMESTAMPDIFF(#, %, %)", 'i', "aa", f_diff, 1, diffs},
    {"TIMESTAMPDIFF(#, %, %)", 'i', "ka", f_diff, 4, diffs},
    {"FLOOR(% TO #)", 'k', "k", f_floor_time, 8, floors},
    {"FLOOR(% TO #)", 'z', "z", f_floor_time, 8, floors},
    {"FLOOR(% TO #)", 'a', "a", f_floor_time, 3, floors},
    {"TIMESTAMPADD(#, %, %)", 'k', "nk", f_add, 5, added},
    {"TIMESTAMPADD(#, %, %)", 'k', "nk", f_add_months, 3, month_units},
    {"TIMESTAMPADD(#, %, %)", 'z', "nz", f_add_months, 3, month_units},
    {"DATE_FORMAT(%, #)", 's', "k", f_format, 2, formats},
};
const int ref_function_count = (int)(sizeof ref_functions / sizeof ref_functions[0]);
