/* Shortest decimal text of floating-point numbers after R. Giulietti, "The Schubfach way to render
 * doubles": the candidates with the fewest digits inside the rounding interval are found with one
 * multiplication by a 128-bit power of ten for each interval bound. Written from the paper; laid
 * out as Java does. */
#include "expr/javafmt.h"

#include <math.h>

#include "expr/pow10_table.h"

static int floor_log10_pow2(int e)
{
    return (int)(((int64_t)e * 1262611) >> 22);
}
static int floor_log10_three_quarters_pow2(int e)
{
    return (int)(((int64_t)e * 1262611 - 524031) >> 22);
}
static int floor_log2_pow10(int e)
{
    return (int)(((int64_t)e * 1741647) >> 19);
}

static uint64_t round_to_odd(const uint64_t g[2], uint64_t cp)
{
    lt_u128 x = (lt_u128)g[1] * cp;
    lt_u128 y = (lt_u128)g[0] * cp + (uint64_t)(x >> 64);
    return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

static uint64_t round_to_odd_32(uint64_t g, uint64_t cp)
{
    lt_u128 p = (lt_u128)g * cp;
    return (uint64_t)(p >> 64) | ((uint32_t)(p >> 32) > 1);
}

typedef struct {
    uint64_t below, value,
        above; /* interval bounds and value, scaled by 4 * 10^-k, rounded to odd */
    int k;
    bool even;
} scaled;

static void pick_digits(const scaled *s, uint64_t *digits, int *exponent)
{
    uint64_t lower = s->below + !s->even;
    uint64_t upper = s->above - !s->even;
    uint64_t whole = s->value / 4;
    if (whole >= 10) {
        uint64_t tenth = whole / 10;
        bool down = lower <= 40 * tenth;
        bool up = 40 * tenth + 40 <= upper;
        if (down != up) {
            *digits = tenth + up;
            *exponent = s->k + 1;
            return;
        }
    }
    bool down = lower <= 4 * whole;
    bool up = 4 * whole + 4 <= upper;
    *exponent = s->k;
    if (down != up) {
        *digits = whole + up;
        return;
    }
    uint64_t mid = 4 * whole + 2;
    bool round_up = s->value > mid || (s->value == mid && (whole & 1) != 0);
    *digits = whole + round_up;
}

static void strip_zeros(uint64_t *digits, int *exponent)
{
    while (*digits % 10 == 0) {
        *digits /= 10;
        ++*exponent;
    }
}

void lt_shortest_f64(double value, uint64_t *digits, int *exponent)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t fraction = bits & 0xfffffffffffffULL;
    int biased = (int)((bits >> 52) & 0x7ff);
    uint64_t c = biased ? fraction | (1ULL << 52) : fraction;
    int q = (biased ? biased : 1) - 1075;
    if (biased == 0 && fraction == 1) {
        *digits = 49; /* Java asks for two digits */
        *exponent = -325;
        return;
    }
    bool closer = fraction == 0 && biased > 1; /* the neighbour below is nearer */
    scaled s = {.even = (c & 1) == 0};
    s.k = closer ? floor_log10_three_quarters_pow2(q) : floor_log10_pow2(q);
    int h = q + floor_log2_pow10(-s.k) + 1;
    const uint64_t *g = lt_pow10_sig[-s.k - LT_POW10_MIN];
    s.below = round_to_odd(g, (4 * c - 2 + closer) << h);
    s.value = round_to_odd(g, (4 * c) << h);
    s.above = round_to_odd(g, (4 * c + 2) << h);
    pick_digits(&s, digits, exponent);
    strip_zeros(digits, exponent);
}

void lt_shortest_f32(float value, uint64_t *digits, int *exponent)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t fraction = bits & 0x7fffffU;
    int biased = (int)((bits >> 23) & 0xff);
    uint64_t c = biased ? fraction | (1U << 23) : fraction;
    int q = (biased ? biased : 1) - 150;
    if (biased == 0 && fraction == 1) {
        *digits = 14;
        *exponent = -46;
        return;
    }
    bool closer = fraction == 0 && biased > 1;
    scaled s = {.even = (c & 1) == 0};
    s.k = closer ? floor_log10_three_quarters_pow2(q) : floor_log10_pow2(q);
    int h = q + floor_log2_pow10(-s.k) + 1;
    uint64_t g = lt_pow10_sig[-s.k - LT_POW10_MIN][0] + 1;
    s.below = round_to_odd_32(g, (4 * c - 2 + closer) << h);
    s.value = round_to_odd_32(g, (4 * c) << h);
    s.above = round_to_odd_32(g, (4 * c + 2) << h);
    pick_digits(&s, digits, exponent);
    strip_zeros(digits, exponent);
}

size_t lt_format_i64(int64_t value, char *to)
{
    return lt_format_decimal(value, 0, to);
}

static size_t put_digits(uint64_t value, char *to)
{
    char reversed[20];
    size_t len = 0;
    do {
        reversed[len++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < len; i++) {
        to[i] = reversed[len - 1 - i];
    }
    return len;
}

size_t lt_format_decimal(lt_i128 unscaled, int scale, char *to)
{
    char reversed[48];
    size_t used = 0, len = 0;
    lt_u128 rest = unscaled < 0 ? -(lt_u128)unscaled : (lt_u128)unscaled;
    while (rest >> 64) {
        reversed[used++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    for (uint64_t low = (uint64_t)rest; low > 0; low /= 10) {
        reversed[used++] = (char)('0' + low % 10);
    }
    while (used < (size_t)scale + 1) {
        reversed[used++] = '0';
    }
    if (unscaled < 0) {
        to[len++] = '-';
    }
    while (used > 0) {
        if (used == (size_t)scale) {
            to[len++] = '.';
        }
        to[len++] = reversed[--used];
    }
    return len;
}

static size_t layout(uint64_t digits, int exponent, char *to)
{
    char text[20];
    int count = (int)put_digits(digits, text);
    int point = count + exponent; /* digits before the decimal point */
    size_t len = 0;
    if (point > 0 && point <= 7) {
        for (int i = 0; i < point; i++) {
            to[len++] = i < count ? text[i] : '0';
        }
        to[len++] = '.';
        for (int i = point; i < count; i++) {
            to[len++] = text[i];
        }
        if (point >= count) {
            to[len++] = '0';
        }
        return len;
    }
    if (point <= 0 && point > -3) {
        to[len++] = '0';
        to[len++] = '.';
        for (int i = point; i < 0; i++) {
            to[len++] = '0';
        }
        memcpy(to + len, text, (size_t)count);
        return len + (size_t)count;
    }
    to[len++] = text[0];
    to[len++] = '.';
    if (count == 1) {
        to[len++] = '0';
    }
    memcpy(to + len, text + 1, (size_t)count - 1);
    len += (size_t)count - 1;
    to[len++] = 'E';
    return len + lt_format_i64(point - 1, to + len);
}

static size_t format_special(double value, char *to)
{
    const char *text = isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
    size_t len = strlen(text);
    memcpy(to, text, len);
    return len;
}

size_t lt_format_f64(double value, char *to)
{
    if (!isfinite(value)) {
        return format_special(value, to);
    }
    size_t len = 0;
    if (signbit(value)) {
        to[len++] = '-';
        value = -value;
    }
    uint64_t digits = 0;
    int exponent = 0;
    if (value > 0) {
        lt_shortest_f64(value, &digits, &exponent);
    }
    return len + layout(digits, exponent, to + len);
}

size_t lt_format_f32(float value, char *to)
{
    if (!isfinite(value)) {
        return format_special((double)value, to);
    }
    size_t len = 0;
    if (signbit(value)) {
        to[len++] = '-';
        value = -value;
    }
    uint64_t digits = 0;
    int exponent = 0;
    if (value > 0) {
        lt_shortest_f32(value, &digits, &exponent);
    }
    return len + layout(digits, exponent, to + len);
}

/* Java's grammar is checked here, so that what strtod accepts besides (hexadecimal, "inf") is not.
 */
static bool number_body(lt_str *s, bool *special, double *value)
{
    size_t i = 0, digits = 0;
    *special = false;
    bool negative = false;
    while (s->len > 0 && (unsigned char)s->ptr[0] <= ' ') {
        s->ptr++;
        s->len--;
    }
    while (s->len > 0 && (unsigned char)s->ptr[s->len - 1] <= ' ') {
        s->len--;
    }
    if (i < s->len && (s->ptr[i] == '+' || s->ptr[i] == '-')) {
        negative = s->ptr[i] == '-';
        i++;
    }
    lt_str rest = {s->ptr + i, s->len - i};
    if (lt_str_eq(rest, LT_STR("NaN")) || lt_str_eq(rest, LT_STR("Infinity"))) {
        *special = true;
        *value = rest.ptr[0] == 'N' ? (double)NAN : negative ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    for (; i < s->len && s->ptr[i] >= '0' && s->ptr[i] <= '9'; i++) {
        digits++;
    }
    if (i < s->len && s->ptr[i] == '.') {
        i++;
        for (; i < s->len && s->ptr[i] >= '0' && s->ptr[i] <= '9'; i++) {
            digits++;
        }
    }
    if (digits == 0) {
        return false;
    }
    if (i < s->len && (s->ptr[i] == 'e' || s->ptr[i] == 'E')) {
        i++;
        if (i < s->len && (s->ptr[i] == '+' || s->ptr[i] == '-')) {
            i++;
        }
        size_t from = i;
        for (; i < s->len && s->ptr[i] >= '0' && s->ptr[i] <= '9'; i++) {
        }
        if (i == from) {
            return false;
        }
    }
    if (i + 1 == s->len && strchr("dDfF", s->ptr[i]) != NULL) {
        s->len--;
        return true;
    }
    return i == s->len;
}

bool lt_parse_f64(lt_str s, double *out)
{
    bool special;
    if (!number_body(&s, &special, out)) {
        return false;
    }
    if (special) {
        return true;
    }
    if (s.ptr[0] == '+') {
        s.ptr++;
        s.len--;
    }
    return lt_str_to_f64(s, out);
}

bool lt_parse_f32(lt_str s, float *out)
{
    double wide;
    if (!lt_parse_f64(s, &wide)) {
        return false;
    }
    /* Double rounding errs only when the double lies exactly between two floats; the neighbour is
     * then decided by the text's further digits, which 17 significant digits of a double have used
     * up. */
    *out = (float)wide;
    return true;
}
