/* Casts to and from character strings and bytes. */
#include <stdio.h>

#include "expr/bytes.h"
#include "expr/cast_int.h"
#include "expr/datefmt.h"
#include "expr/decimal.h"
#include "expr/javafmt.h"
#include "expr/temporal.h"
#include "expr/totext.h"
#include "expr/utf8.h"

/* ---- to strings ---- */

/* Cuts to VARCHAR(n) and CHAR(n); pads CHAR(n) with blanks. */
static void put_fitted(lt_kctx *k, uint32_t row, lt_str s, bool borrowed)
{
    const lt_type *to = lt_k_cast(k)->to;
    size_t want = (size_t)to->length;
    if (s.len > want) {
        s.len = lt_utf8_offset(s, want);
    }
    if (to->kind == LT_TYPE_CHAR) {
        size_t have = lt_utf8_count(s);
        if (have < want) {
            size_t len = s.len + want - have;
            char *padded = lt_k_bytes(k, len);
            if (padded == NULL) {
                return;
            }
            memcpy(padded, s.ptr, s.len);
            memset(padded + s.len, ' ', want - have);
            lt_k_put_view(k, row, padded, len);
            return;
        }
    }
    if (borrowed) {
        lt_k_put_view(k, row, s.ptr, s.len);
    } else {
        lt_k_put_copy(k, row, s.ptr, s.len);
    }
}

static lt_status string_to_string(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        put_fitted(k, row, lt_k_str(k, 0, row), true);
    }
    return LT_OK;
}

/* Malformed bytes become U+FFFD. */
static lt_status binary_to_string(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        if (lt_utf8_is_valid(s)) {
            put_fitted(k, row, s, true);
            continue;
        }
        char *fixed = lt_k_bytes(k, s.len * 3);
        if (fixed == NULL) {
            break;
        }
        size_t len = 0;
        for (const char *p = s.ptr, *end = s.ptr + s.len; p < end;) {
            len += lt_utf8_put(lt_utf8_next(&p, end), fixed + len);
        }
        put_fitted(k, row, (lt_str){fixed, len}, true);
    }
    return LT_OK;
}

static lt_status string_to_binary(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_type *to = lt_k_cast(k)->to;
    size_t want = (size_t)to->length;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        s.len = LT_MIN(s.len, want);
        if (to->kind == LT_TYPE_BINARY && s.len < want) {
            char *padded = lt_k_bytes(k, want);
            if (padded == NULL) {
                break;
            }
            memcpy(padded, s.ptr, s.len);
            memset(padded + s.len, 0, want - s.len);
            s = (lt_str){padded, want};
        }
        lt_k_put_view(k, row, s.ptr, s.len);
    }
    return LT_OK;
}

static lt_status scalar_to_string(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_type *from = lt_k_cast(k)->from;
    const lt_col *col = k->args[0].col;
    char buf[96];
    LT_EACH(k, row)
    {
        int len = lt_scalar_to_text(k->session->zone, from, col, row, buf);
        put_fitted(k, row, (lt_str){buf, (size_t)len}, false);
    }
    return LT_OK;
}

/* Decimal digits from behind, two at a time; `end` is behind the last one. */
static char *put_digits(char *end, uint64_t rest)
{
    while (rest >= 100) {
        end -= 2;
        lt_bytes_put2(end, (uint32_t)(rest % 100));
        rest /= 100;
    }
    if (rest >= 10) {
        end -= 2;
        lt_bytes_put2(end, (uint32_t)rest);
    } else {
        *--end = (char)('0' + rest);
    }
    return end;
}

/* Eight digits of a number below 100,000,000, the leading one in the lowest byte: halves, then
 * quarters, then eighths of it side by side, divided by multiplying. */
LT_INLINE uint64_t eight_digits(uint32_t number)
{
    uint64_t x = number / 10000 | (uint64_t)(number % 10000) << 32;
    uint64_t high = ((x * 10486) >> 20) & UINT64_C(0x0000007f0000007f);
    x = high | (x - high * 100) << 16;
    high = ((x * 103) >> 10) & UINT64_C(0x000f000f000f000f);
    return high | (x - high * 10) << 8;
}

/* The view of a number of at most 12 characters. */
LT_INLINE lt_strv number_view(uint64_t number, bool negative)
{
    uint32_t over = (uint32_t)(number / 100000000), below = (uint32_t)(number % 100000000);
    uint64_t digits = eight_digits(over > 0 ? over : below);
    unsigned zeros = digits == 0 ? 7 : LT_CTZ64(digits) / 8, len = 8 - zeros;
    lt_u128 text = (digits | LT_BYTES_EACH('0')) >> (8 * zeros);
    if (over > 0) {
        text |= (lt_u128)(eight_digits(below) | LT_BYTES_EACH('0')) << (8 * len);
        len += 8;
    }
    if (negative) {
        text = text << 8 | '-';
        len++;
    }
    lt_u128 bits = text << 32 | len;
    lt_strv view;
    memcpy(&view, &bits, sizeof view);
    return view;
}

LT_INLINE void put_number(lt_kctx *k, uint32_t row, int64_t value, const bool plain)
{
    uint64_t u = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    if (LT_LITTLE_ENDIAN && plain && u < UINT64_C(100000000000)) {
        LT_OUT(k, lt_strv)[row] = number_view(u, value < 0);
        return;
    }
    char buf[24], *end = buf + sizeof buf, *at = put_digits(end, u);
    if (value < 0) {
        *--at = '-';
    }
    put_fitted(k, row, (lt_str){at, (size_t)(end - at)}, false);
}

#define INT_TO_STRING(NAME, T)                                                              \
    static lt_status NAME(lt_kctx *k, lt_error *err)                                        \
    {                                                                                       \
        (void)err;                                                                          \
        const T *values = LT_ARG(k, 0, T);                                                  \
        const lt_type *to = lt_k_cast(k)->to;                                               \
        const bool plain = to->kind == LT_TYPE_VARCHAR && to->length >= LT_STRV_INLINE_MAX; \
        LT_EACH(k, row)                                                                     \
        {                                                                                   \
            put_number(k, row, values[row & k->args[0].mask], plain);                       \
        }                                                                                   \
        return LT_OK;                                                                       \
    }

INT_TO_STRING(i8_to_string, int8_t)
INT_TO_STRING(i16_to_string, int16_t)
INT_TO_STRING(i32_to_string, int32_t)
INT_TO_STRING(i64_to_string, int64_t)

/* What all rows of a day have in common is written once. */
static lt_status timestamp_to_string(lt_kctx *k, lt_error *err)
{
    (void)err;
    static const char pattern[] = "yyyy-MM-dd HH:mm:ss.SSSSSSSSS";
    const lt_type *from = lt_k_cast(k)->from;
    size_t used = from->precision > 0 ? 20 + (size_t)from->precision : 19;
    lt_datefmt fmt;
    bool good = lt_datefmt_compile((lt_str){pattern, used}, false, &fmt);
    LT_ASSERT(good);
    int form = lt_ts_form(from);
    const lt_zone *zone = from->kind == LT_TYPE_TIMESTAMP_LTZ ? k->session->zone : NULL;
    lt_datefmt_day day = {0};
    const lt_type *to = lt_k_cast(k)->to;
    bool plain = to->kind == LT_TYPE_VARCHAR && (size_t)to->length >= used;
    LT_EACH(k, row)
    {
        lt_ts9 ts = lt_ts_load(k->args[0].col->data, form, row & k->args[0].mask);
        ts.ms += zone != NULL ? lt_zone_offset_ms(zone, ts.ms) : 0;
        if (!plain || !lt_datefmt_near(&fmt, &day, ts) || day.len != used) {
            char buf[96];
            size_t len = lt_format_timestamp(ts, from->precision, buf);
            put_fitted(k, row, (lt_str){buf, len}, false);
            continue;
        }
        char *text = lt_k_bytes(k, used);
        if (text == NULL) {
            break;
        }
        lt_datefmt_put(&day, ts, text);
        lt_k_put_view(k, row, text, used);
    }
    return LT_OK;
}

static lt_kernel to_string(lt_type_kind kind)
{
    switch ((int)kind) {
    case LT_TYPE_TINYINT:
        return i8_to_string;
    case LT_TYPE_SMALLINT:
        return i16_to_string;
    case LT_TYPE_INT:
        return i32_to_string;
    case LT_TYPE_BIGINT:
        return i64_to_string;
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMP_LTZ:
        return timestamp_to_string;
    default:
        return scalar_to_string;
    }
}

static lt_status nested_to_string(lt_kctx *k, lt_error *err)
{
    lt_text text;
    lt_text_init(&text, k->mem);
    LT_EACH(k, row)
    {
        lt_text_clear(&text);
        lt_col_value_to_text(k->session->zone, lt_k_cast(k)->from, k->args[0].col, row, &text);
        put_fitted(k, row, lt_text_str(&text), false);
    }
    bool failed = text.failed;
    lt_text_deinit(&text);
    return failed ? lt_error_nomem(err, "text") : LT_OK;
}

/* ---- from strings ---- */

static lt_str trim_blanks(lt_str s)
{
    while (s.len > 0 && s.ptr[0] == ' ') {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && s.ptr[s.len - 1] == ' ') {
        s.len--;
    }
    return s;
}

/* Digits with a sign; a fraction may follow and is dropped, but must be digits. */
static bool parse_integer(lt_str s, int64_t min, int64_t max, int64_t *out)
{
    size_t i = 0;
    bool negative = false;
    if (s.len == 0) {
        return false;
    }
    if (s.ptr[0] == '-' || s.ptr[0] == '+') {
        negative = s.ptr[0] == '-';
        i = 1;
        if (s.len == 1) {
            return false;
        }
    }
    int64_t value = 0; /* negated, so that the smallest number fits */
    for (; i < s.len && s.ptr[i] != '.'; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
        if (LT_MUL_OVERFLOW(value, (int64_t)10, &value) ||
            LT_SUB_OVERFLOW(value, (int64_t)(s.ptr[i] - '0'), &value)) {
            return false;
        }
    }
    for (i++; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
    }
    if (!negative) {
        if (value == INT64_MIN) {
            return false;
        }
        value = -value;
    }
    *out = value;
    return value >= min && value <= max;
}

#define STRING_TO_INT(NAME, T, MIN, MAX)                                    \
    static lt_status NAME(lt_kctx *k, lt_error *err)                        \
    {                                                                       \
        (void)err;                                                          \
        const lt_strv *views = LT_ARG(k, 0, lt_strv);                       \
        T *restrict out = LT_OUT(k, T);                                     \
        LT_EACH(k, row)                                                     \
        {                                                                   \
            const lt_strv *view = &views[row & k->args[0].mask];            \
            int64_t value;                                                  \
            uint64_t whole;                                                 \
            if (lt_bytes_whole(view, &whole) && whole <= (uint64_t)(MAX)) { \
                out[row] = (T)whole;                                        \
                continue;                                                   \
            }                                                               \
            lt_str s = lt_strv_str(view);                                   \
            if (parse_integer(trim_blanks(s), MIN, MAX, &value)) {          \
                out[row] = (T)value;                                        \
            } else {                                                        \
                lt_cast_fail(k, row, s);                                    \
            }                                                               \
        }                                                                   \
        return LT_OK;                                                       \
    }

STRING_TO_INT(string_to_i8, int8_t, INT8_MIN, INT8_MAX)
STRING_TO_INT(string_to_i16, int16_t, INT16_MIN, INT16_MAX)
STRING_TO_INT(string_to_i32, int32_t, INT32_MIN, INT32_MAX)
STRING_TO_INT(string_to_i64, int64_t, INT64_MIN, INT64_MAX)

static lt_status string_to_f64(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        if (!lt_parse_f64(s, &LT_OUT(k, double)[row])) {
            lt_cast_fail(k, row, s);
        }
    }
    return LT_OK;
}

static lt_status string_to_f32(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        if (!lt_parse_f32(s, &LT_OUT(k, float)[row])) {
            lt_cast_fail(k, row, s);
        }
    }
    return LT_OK;
}

static lt_status string_to_decimal(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_type *to = lt_k_cast(k)->to;
    bool wide = lt_decimal_wide(to);
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        lt_i128 value = 0;
        bool bad = false; /* text that does not fit fails too, unlike a number */
        if (lt_decimal_parse(s.ptr, s.len, to->precision, to->scale, &value, &bad)) {
            lt_decimal_store(k->out->data, wide, row, value);
        } else {
            lt_cast_fail(k, row, s);
        }
    }
    return LT_OK;
}

static lt_status string_to_bool(lt_kctx *k, lt_error *err)
{
    (void)err;
    static const char *const words[] = {"f", "false", "n", "no", "0", "t", "true", "y", "yes", "1"};
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        size_t i = 0;
        while (i < LT_COUNT_OF(words) && !lt_str_eq_ci(s, lt_str_of(words[i]))) {
            i++;
        }
        if (i == LT_COUNT_OF(words)) {
            lt_cast_fail(k, row, s);
        } else {
            LT_OUT(k, uint8_t)[row] = i >= 5;
        }
    }
    return LT_OK;
}

static lt_status string_to_date(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        if (!lt_text_to_date(trim_blanks(s), &LT_OUT(k, int32_t)[row])) {
            lt_cast_fail(k, row, s);
        }
    }
    return LT_OK;
}

static lt_status string_to_time(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        if (!lt_text_to_time(trim_blanks(s), &LT_OUT(k, int32_t)[row])) {
            lt_cast_fail(k, row, s);
        }
    }
    return LT_OK;
}

static lt_status string_to_timestamp(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_type *to = lt_k_cast(k)->to;
    int form = lt_ts_form(to);
    const lt_zone *zone = to->kind == LT_TYPE_TIMESTAMP_LTZ ? k->session->zone : NULL;
    lt_stamp_day last = {0};
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        lt_ts9 ts;
        if (!lt_text_to_timestamp_near(trim_blanks(s), &last, &ts)) {
            lt_cast_fail(k, row, s);
            continue;
        }
        ts = lt_ts_cut(ts, to->precision);
        if (zone != NULL) {
            ts.ms = lt_zone_to_utc_ms(zone, ts.ms);
        }
        lt_ts_store(k->out->data, form, row, ts);
    }
    return LT_OK;
}

static lt_kernel from_string(lt_type_kind kind)
{
    switch ((int)kind) {
    case LT_TYPE_BOOLEAN:
        return string_to_bool;
    case LT_TYPE_TINYINT:
        return string_to_i8;
    case LT_TYPE_SMALLINT:
        return string_to_i16;
    case LT_TYPE_INT:
        return string_to_i32;
    case LT_TYPE_BIGINT:
        return string_to_i64;
    case LT_TYPE_FLOAT:
        return string_to_f32;
    case LT_TYPE_DOUBLE:
        return string_to_f64;
    case LT_TYPE_DECIMAL:
        return string_to_decimal;
    case LT_TYPE_DATE:
        return string_to_date;
    case LT_TYPE_TIME:
        return string_to_time;
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMP_LTZ:
        return string_to_timestamp;
    case LT_TYPE_BINARY:
    case LT_TYPE_VARBINARY:
        return string_to_binary;
    default:
        return NULL;
    }
}

/* ---- lengths that sinks demand ---- */

static lt_status check_length(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_type *to = lt_k_cast(k)->to;
    bool text = lt_type_is_string(to);
    bool fixed = to->kind == LT_TYPE_CHAR || to->kind == LT_TYPE_BINARY;
    size_t want = (size_t)to->length;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        size_t have = text ? lt_utf8_count(s) : s.len;
        if (have > want || (fixed && have < want)) {
            lt_text name;
            lt_text_init(&name, k->mem);
            lt_type_print(to, &name);
            lt_str type = lt_text_str(&name);
            lt_k_fail(k, row, "bad-length", "a value of length %zu is to be written to " LT_STR_FMT,
                      have, LT_STR_ARG(type));
            lt_text_deinit(&name);
            continue;
        }
        lt_k_put_view(k, row, s.ptr, s.len);
    }
    return LT_OK;
}

void lt_cast_pick_length(lt_cast *cast)
{
    cast->kernel = check_length;
}

void lt_cast_pick_text(lt_cast *cast)
{
    bool from_text = lt_type_is_string(cast->from), to_text = lt_type_is_string(cast->to);
    if (from_text && to_text) {
        cast->kernel = string_to_string;
    } else if (to_text && lt_type_is_binary(cast->from)) {
        cast->kernel = binary_to_string;
    } else if (to_text && cast->from->field_count > 0) {
        cast->kernel = nested_to_string;
    } else if (to_text && cast->from->kind != LT_TYPE_VARIANT) {
        cast->kernel = to_string(cast->from->kind);
    } else if (from_text) {
        cast->kernel = from_string(cast->to->kind);
    } else if (lt_type_is_binary(cast->from) && lt_type_is_binary(cast->to)) {
        cast->kernel = string_to_binary;
    }
}
