/* Numbers from text. Decimals are read digit by digit into a buffer of the digits that will be
 * kept, so that a text of a thousand digits or an exponent of a million costs no more than its
 * length; rounding looks at one digit more (half up, away from zero, as BigDecimal's HALF_UP). */
#include "format/number.h"

#include <stdlib.h>

#define DECIMAL_DIGITS_MAX 38
#define EXPONENT_MAX       100000000

lt_str lt_num_trim(lt_str text)
{
    while (text.len > 0 && (unsigned char)text.ptr[0] <= ' ') {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && (unsigned char)text.ptr[text.len - 1] <= ' ') {
        text.len--;
    }
    return text;
}

/* Strips a type suffix; false when what is left cannot be a Java floating literal. */
static bool java_float_text(lt_str *text)
{
    if (text->len == 0) {
        return false;
    }
    char first = text->ptr[0];
    lt_str body = *text;
    if (first == '+' || first == '-') {
        body.ptr++;
        body.len--;
    }
    if (lt_str_eq(body, LT_STR("NaN")) || lt_str_eq(body, LT_STR("Infinity"))) {
        return true;
    }
    if (body.len == 0 || !((body.ptr[0] >= '0' && body.ptr[0] <= '9') || body.ptr[0] == '.')) {
        return false;
    }
    if (body.len > 1 && body.ptr[0] == '0' && (body.ptr[1] | 0x20) == 'x') {
        return false;
    }
    char last = (char)(text->ptr[text->len - 1] | 0x20);
    if (last == 'd' || last == 'f') {
        text->len--;
    }
    return true;
}

bool lt_num_f64(lt_str text, double *out)
{
    return java_float_text(&text) && lt_str_to_f64(text, out);
}

bool lt_num_f32(lt_str text, float *out)
{
    double value;
    if (!java_float_text(&text) || !lt_str_to_f64(text, &value)) {
        return false;
    }
    *out = (float)value;
    return true;
}

/* [sign] digits [. digits] [e [sign] digits] */
typedef struct {
    const char *digits; /* first character behind the sign */
    const char *end;    /* behind the last digit or point */
    bool negative;
    int64_t exponent;
} number_shape;

static bool shape_exponent(const char *at, const char *end, int64_t *out)
{
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    if (at == end) {
        return false;
    }
    int64_t value = 0;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9') {
            return false;
        }
        value = value * 10 + (*at - '0');
        value = LT_MIN(value, EXPONENT_MAX);
    }
    *out = negative ? -value : value;
    return true;
}

static bool shape_of(lt_str text, number_shape *shape)
{
    const char *at = text.ptr;
    const char *end = text.ptr + text.len;
    *shape = (number_shape){.negative = text.len > 0 && *at == '-'};
    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    shape->digits = at;
    bool any = false;
    bool point = false;
    for (; at < end && ((*at >= '0' && *at <= '9') || (*at == '.' && !point)); at++) {
        any = any || *at != '.';
        point = point || *at == '.';
    }
    shape->end = at;
    if (!any) {
        return false;
    }
    if (at == end) {
        return true;
    }
    return (*at == 'e' || *at == 'E') && shape_exponent(at + 1, end, &shape->exponent);
}

/* The digits in front of the point, once it is moved by exponent + shift: at most
 * DECIMAL_DIGITS_MAX of them, and the digit behind them. */
typedef struct {
    lt_u128 value;
    unsigned next;
    bool too_long;
} kept_digits;

/* What may be multiplied by ten, and get a digit. */
#define DIGITS_LIMIT ((~(lt_u128)0 - 9) / 10)

static void keep_digits(const number_shape *shape, int64_t shift, kept_digits *kept)
{
    const char *point = shape->digits;
    while (point < shape->end && *point != '.') {
        point++;
    }
    int64_t place =
        (point - shape->digits) + shape->exponent + shift; /* digits to keep from here */
    *kept = (kept_digits){0};
    const char *at = shape->digits;
    for (; at < shape->end && place > 0; at++) {
        if (*at == '.') {
            continue;
        }
        if (kept->value > DIGITS_LIMIT) {
            kept->too_long = true;
            return;
        }
        kept->value = kept->value * 10 + (unsigned)(*at - '0');
        place--;
    }
    if (at < shape->end && *at == '.') {
        at++;
    }
    if (place == 0 && at < shape->end) {
        kept->next = (unsigned)(*at - '0');
    }
    for (; place > 0 && kept->value > 0; place--) {
        if (kept->value > DIGITS_LIMIT) {
            kept->too_long = true;
            return;
        }
        kept->value *= 10;
    }
}

lt_num_result lt_num_decimal(lt_str text, unsigned precision, unsigned scale, lt_i128 *out)
{
    number_shape shape;
    kept_digits kept;
    if (!shape_of(text, &shape)) {
        return LT_NUM_BAD;
    }
    keep_digits(&shape, scale, &kept);
    if (kept.too_long) {
        return LT_NUM_RANGE;
    }
    lt_u128 value = kept.value + (kept.next >= 5 ? 1 : 0);
    lt_u128 limit = 1;
    for (unsigned i = 0; i < LT_MIN(precision, (unsigned)DECIMAL_DIGITS_MAX); i++) {
        limit *= 10;
    }
    if (value >= limit) {
        return LT_NUM_RANGE;
    }
    *out = shape.negative ? -(lt_i128)value : (lt_i128)value;
    return LT_NUM_OK;
}

bool lt_num_trunc_i64(lt_str text, int64_t *out)
{
    number_shape shape;
    kept_digits kept;
    if (!shape_of(text, &shape)) {
        return false;
    }
    keep_digits(&shape, 0, &kept);
    lt_u128 limit = (lt_u128)INT64_MAX + (shape.negative ? 1 : 0);
    if (kept.too_long || kept.value > limit) {
        return false;
    }
    *out = shape.negative ? (int64_t)(0 - (uint64_t)kept.value) : (int64_t)kept.value;
    return true;
}

void lt_num_put_stripped(lt_text *to, lt_i128 unscaled, unsigned scale)
{
    char digits[40];
    char *at = digits + sizeof digits;
    int places = (int)scale;
    lt_u128 left = unscaled < 0 ? 0 - (lt_u128)unscaled : (lt_u128)unscaled;
    if (left == 0) {
        lt_text_putc(to, '0');
        return;
    }
    for (; left % 10 == 0; left /= 10) {
        places--;
    }
    for (; left > 0; left /= 10) {
        *--at = (char)('0' + (unsigned)(left % 10));
    }
    int count = (int)(digits + sizeof digits - at);
    int exponent = count - 1 - places; /* of the first digit */
    if (unscaled < 0) {
        lt_text_putc(to, '-');
    }
    if (places >= 0 && exponent >= -6) {
        if (count <= places) {
            lt_text_append(to, "0.00000", (size_t)(2 + places - count));
            lt_text_append(to, at, (size_t)count);
            return;
        }
        lt_text_append(to, at, (size_t)(count - places));
        if (places > 0) {
            lt_text_putc(to, '.');
            lt_text_append(to, at + count - places, (size_t)places);
        }
        return;
    }
    lt_text_putc(to, *at);
    if (count > 1) {
        lt_text_putc(to, '.');
        lt_text_append(to, at + 1, (size_t)count - 1);
    }
    lt_text_printf(to, "E%+d", exponent);
}

void lt_num_put_i64(lt_text *to, int64_t value)
{
    char digits[24];
    char *at = digits + sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0) {
        *--at = '-';
    }
    lt_text_append(to, at, (size_t)(digits + sizeof digits - at));
}
