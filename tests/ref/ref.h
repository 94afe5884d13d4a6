/* A second evaluator of SQL expressions, one row at a time, for the differential fuzzer. It shares
 * no code and no header with src/expr and works by other means: decimals are strings of digits,
 * dates are counted year by year, strings are arrays of code points, LIKE is recursive. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    REF_BOOL,
    REF_TINY,
    REF_SMALL,
    REF_INT,
    REF_LONG,
    REF_DOUBLE,
    REF_DEC,
    REF_STR,
    REF_DATE,
    REF_TS
} ref_kind;

__extension__ typedef __int128 ref_i128;

typedef struct {
    ref_kind kind;
    int precision, scale; /* DEC; TS: fraction digits in `precision` */
} ref_type;

/* A value. DEC: `i128` is the unscaled value. TS: ms in `i`, nanoseconds of the millisecond in
 * `nanos`. STR: UTF-8. */
typedef struct {
    bool null, failed;
    int64_t i;
    int32_t nanos;
    double d;
    ref_i128 wide;
    const char *s;
    size_t len;
} ref_val;

typedef struct ref_node ref_node;
typedef ref_val (*ref_fn)(const ref_node *node, const ref_val *args);

struct ref_node {
    const char *sql; /* template: % stands for the next argument; NULL: column or literal */
    ref_fn fn;       /* strict: called with arguments that are neither NULL nor failed */
    int lazy;        /* one of REF_LAZY_*, instead of fn */
    ref_type type;
    int column; /* >= 0 */
    ref_val literal;
    const char *literal_sql;
    ref_node *args[6];
    int count;
    int64_t extra; /* what the template has written in it */
    const char *text;
};

enum {
    REF_STRICT,
    REF_AND,
    REF_OR,
    REF_CASE,     /* condition, value, condition, value, .., else */
    REF_COALESCE, /* also IFNULL */
    REF_IS,       /* extra: 0 NULL, 1 TRUE, 2 FALSE, 3 UNKNOWN; +4: NOT */
    REF_NULLIF,
    REF_DISTINCT, /* extra: 1 = NOT */
    REF_IN,       /* extra: 1 = NOT */
    REF_TRY,      /* TRY_CAST: a failure is NULL */
    REF_CONCAT_WS,
    REF_BETWEEN /* extra: 1 = NOT */
};

/* The row's columns. */
ref_val ref_eval(const ref_node *node, const ref_val *row);

/* Memory of one expression or of one row; never given back one by one. */
void *ref_alloc(size_t size);
size_t ref_mark(void);
void ref_release(size_t mark);

/* -1, 0, 1 of two values of one kind, or of numbers of two kinds. */
int ref_compare(ref_type a_type, const ref_val *a, ref_type b_type, const ref_val *b);
ref_val ref_fail(void);
ref_val ref_null(void);
ref_val ref_bool(bool value);
ref_val ref_int(int64_t value);
ref_val ref_str(const char *s, size_t len);
/* The number cut to the width of an integer type. */
int64_t ref_wrap(ref_kind kind, int64_t value);

/* ---- decimals: ref_dec.c ---- */
typedef struct {
    bool negative;
    int count;            /* digits used */
    unsigned char d[160]; /* lowest first, 0 to 9 */
} ref_big;

ref_big ref_big_of(ref_i128 value);
bool ref_big_zero(const ref_big *a);
int ref_big_compare(const ref_big *a, const ref_big *b);
/* value * 10^-scale with another scale, halves away from zero. */
ref_big ref_big_rescale(const ref_big *a, int scale, int to);
/* NULL when it has more than `precision` digits. */
ref_val ref_big_value(const ref_big *a, int precision);
/* op: + - * / %; `type` is the result's. */
ref_val ref_dec_arith(char op, ref_type at, const ref_val *a, ref_type bt, const ref_val *b,
                      ref_type type);
ref_type ref_dec_type(char op, ref_type a, ref_type b);
/* Text of a decimal, with all of its fraction digits. */
size_t ref_dec_text(const ref_val *v, int scale, char *to);
/* Reads `digits[.digits][e..]` into a decimal type. false: no number. */
bool ref_dec_parse(const char *s, size_t len, ref_type type, ref_val *out);
/* The shortest decimal text that reads back as the number, as digits * 10^exponent. */
void ref_shortest(double value, ref_big *digits, int *exponent);
double ref_dec_double(const ref_val *v, int scale);

/* ---- calendar: ref_time.c ---- */
typedef struct {
    int64_t year;
    int month, day, hour, minute, second, milli, nanos;
} ref_civil;

int64_t ref_days_of(int64_t year, int month, int day);
ref_civil ref_civil_of(int64_t ms, int32_t nanos);
int64_t ref_ms_of(const ref_civil *c);
int ref_month_length(int64_t year, int month);
