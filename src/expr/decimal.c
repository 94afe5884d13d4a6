/* 256-bit intermediates are four 64-bit limbs, least significant first; division is by one limb at
 * a time where the divisor fits, else bit by bit: divisors beyond 64 bits are rare. Signs are
 * handled apart from magnitudes. */
#include "expr/decimal.h"

#include <math.h>

#include "expr/javafmt.h"

static const uint64_t pow10_parts[LT_DECIMAL_DIGITS_MAX + 1][2] = {
    {0x0ULL, 0x1ULL},
    {0x0ULL, 0xaULL},
    {0x0ULL, 0x64ULL},
    {0x0ULL, 0x3e8ULL},
    {0x0ULL, 0x2710ULL},
    {0x0ULL, 0x186a0ULL},
    {0x0ULL, 0xf4240ULL},
    {0x0ULL, 0x989680ULL},
    {0x0ULL, 0x5f5e100ULL},
    {0x0ULL, 0x3b9aca00ULL},
    {0x0ULL, 0x2540be400ULL},
    {0x0ULL, 0x174876e800ULL},
    {0x0ULL, 0xe8d4a51000ULL},
    {0x0ULL, 0x9184e72a000ULL},
    {0x0ULL, 0x5af3107a4000ULL},
    {0x0ULL, 0x38d7ea4c68000ULL},
    {0x0ULL, 0x2386f26fc10000ULL},
    {0x0ULL, 0x16345785d8a0000ULL},
    {0x0ULL, 0xde0b6b3a7640000ULL},
    {0x0ULL, 0x8ac7230489e80000ULL},
    {0x5ULL, 0x6bc75e2d63100000ULL},
    {0x36ULL, 0x35c9adc5dea00000ULL},
    {0x21eULL, 0x19e0c9bab2400000ULL},
    {0x152dULL, 0x2c7e14af6800000ULL},
    {0xd3c2ULL, 0x1bcecceda1000000ULL},
    {0x84595ULL, 0x161401484a000000ULL},
    {0x52b7d2ULL, 0xdcc80cd2e4000000ULL},
    {0x33b2e3cULL, 0x9fd0803ce8000000ULL},
    {0x204fce5eULL, 0x3e25026110000000ULL},
    {0x1431e0faeULL, 0x6d7217caa0000000ULL},
    {0xc9f2c9cd0ULL, 0x4674edea40000000ULL},
    {0x7e37be2022ULL, 0xc0914b2680000000ULL},
    {0x4ee2d6d415bULL, 0x85acef8100000000ULL},
    {0x314dc6448d93ULL, 0x38c15b0a00000000ULL},
    {0x1ed09bead87c0ULL, 0x378d8e6400000000ULL},
    {0x13426172c74d82ULL, 0x2b878fe800000000ULL},
    {0xc097ce7bc90715ULL, 0xb34b9f1000000000ULL},
    {0x785ee10d5da46d9ULL, 0xf436a000000000ULL},
    {0x4b3b4ca85a86c47aULL, 0x98a224000000000ULL},
};

lt_i128 lt_pow10(int exponent)
{
    LT_ASSERT(exponent >= 0 && exponent <= LT_DECIMAL_DIGITS_MAX);
    return (lt_i128)((lt_u128)pow10_parts[exponent][0] << 64 | pow10_parts[exponent][1]);
}

static lt_u128 magnitude(lt_i128 value)
{
    return value < 0 ? -(lt_u128)value : (lt_u128)value;
}

bool lt_decimal_fits(lt_i128 value, int precision)
{
    return magnitude(value) < (lt_u128)lt_pow10(precision);
}

typedef struct {
    uint64_t w[4];
} u256;

static u256 wide_mul(lt_u128 a, lt_u128 b)
{
    uint64_t a0 = (uint64_t)a, a1 = (uint64_t)(a >> 64);
    uint64_t b0 = (uint64_t)b, b1 = (uint64_t)(b >> 64);
    lt_u128 p00 = (lt_u128)a0 * b0, p01 = (lt_u128)a0 * b1;
    lt_u128 p10 = (lt_u128)a1 * b0, p11 = (lt_u128)a1 * b1;
    lt_u128 mid = (p00 >> 64) + (uint64_t)p01 + (uint64_t)p10;
    lt_u128 high = p11 + (p01 >> 64) + (p10 >> 64) + (mid >> 64);
    u256 r = {{(uint64_t)p00, (uint64_t)mid, (uint64_t)high, (uint64_t)(high >> 64)}};
    return r;
}

/* x *= m; false when it does not fit. */
static bool wide_mul_small(u256 *x, uint64_t m)
{
    lt_u128 carry = 0;
    for (int i = 0; i < 4; i++) {
        carry += (lt_u128)x->w[i] * m;
        x->w[i] = (uint64_t)carry;
        carry >>= 64;
    }
    return carry == 0;
}

static bool wide_add(u256 *x, const u256 *y)
{
    lt_u128 carry = 0;
    for (int i = 0; i < 4; i++) {
        carry += (lt_u128)x->w[i] + y->w[i];
        x->w[i] = (uint64_t)carry;
        carry >>= 64;
    }
    return carry == 0;
}

static int wide_cmp(const u256 *x, const u256 *y)
{
    for (int i = 3; i >= 0; i--) {
        if (x->w[i] != y->w[i]) {
            return x->w[i] < y->w[i] ? -1 : 1;
        }
    }
    return 0;
}

static void wide_sub(u256 *x, const u256 *y) /* x >= y */
{
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        lt_u128 d = (lt_u128)x->w[i] - y->w[i] - borrow;
        x->w[i] = (uint64_t)d;
        borrow = (uint64_t)(d >> 64) & 1;
    }
}

static uint64_t wide_div_small(u256 *x, uint64_t d)
{
    lt_u128 rest = 0;
    for (int i = 3; i >= 0; i--) {
        lt_u128 part = rest << 64 | x->w[i];
        x->w[i] = (uint64_t)(part / d);
        rest = part % d;
    }
    return (uint64_t)rest;
}

/* x /= d, *rest = x % d */
static void wide_div(u256 *x, lt_u128 d, lt_u128 *rest)
{
    if (d >> 64 == 0) {
        *rest = wide_div_small(x, (uint64_t)d);
        return;
    }
    lt_u128 r = 0;
    for (int bit = 255; bit >= 0; bit--) {
        bool top = (r >> 127) != 0;
        r = r << 1 | ((x->w[bit / 64] >> (bit % 64)) & 1);
        x->w[bit / 64] &= ~(1ULL << (bit % 64));
        if (top || r >= d) {
            r -= d;
            x->w[bit / 64] |= 1ULL << (bit % 64);
        }
    }
    *rest = r;
}

static bool wide_shift_up(u256 *x, int digits)
{
    for (; digits >= 19; digits -= 19) {
        if (!wide_mul_small(x, pow10_parts[19][1])) {
            return false;
        }
    }
    return wide_mul_small(x, pow10_parts[digits][1]);
}

/* Divides by 10^digits with HALF_UP: cut to one digit more, then look at that digit. */
static void wide_shift_down(u256 *x, int digits)
{
    if (digits == 0) {
        return;
    }
    int cut = digits - 1;
    for (; cut >= 19; cut -= 19) {
        (void)wide_div_small(x, pow10_parts[19][1]);
    }
    (void)wide_div_small(x, pow10_parts[cut][1]);
    uint64_t last = wide_div_small(x, 10);
    if (last >= 5) {
        u256 one = {{1, 0, 0, 0}};
        (void)wide_add(x, &one);
    }
}

static bool narrow(const u256 *x, bool negative, int precision, lt_i128 *out)
{
    lt_u128 value = (lt_u128)x->w[1] << 64 | x->w[0];
    if (x->w[2] != 0 || x->w[3] != 0 || value >= (lt_u128)lt_pow10(precision)) {
        return false;
    }
    *out = negative ? -(lt_i128)value : (lt_i128)value;
    return true;
}

static u256 widen(lt_u128 value)
{
    u256 r = {{(uint64_t)value, (uint64_t)(value >> 64), 0, 0}};
    return r;
}

bool lt_decimal_rescale(lt_i128 value, int from_scale, int to_scale, int precision, lt_i128 *out)
{
    int shift = to_scale - from_scale;
    if (shift == 0) {
        *out = value;
        return lt_decimal_fits(value, precision);
    }
    /* Small numbers need no wide arithmetic. */
    if (shift > 0 && shift <= 18 && value <= INT64_MAX && value >= INT64_MIN) {
        *out = value * (lt_i128)pow10_parts[shift][1];
        return lt_decimal_fits(*out, precision);
    }
    u256 x = widen(magnitude(value));
    if (shift > 0) {
        if (!wide_shift_up(&x, shift)) {
            return false;
        }
    } else {
        wide_shift_down(&x, -shift);
    }
    return narrow(&x, value < 0, precision, out);
}

bool lt_decimal_mul(lt_i128 a, lt_i128 b, int drop, int precision, lt_i128 *out)
{
    u256 x = wide_mul(magnitude(a), magnitude(b));
    wide_shift_down(&x, drop);
    return narrow(&x, (a < 0) != (b < 0), precision, out);
}

bool lt_decimal_div(lt_i128 a, lt_i128 b, int shift, int precision, lt_i128 *out)
{
    LT_ASSERT(b != 0);
    u256 x = widen(magnitude(a));
    lt_u128 divisor = magnitude(b), rest;
    if (shift > 0 && !wide_shift_up(&x, shift)) {
        return false;
    }
    wide_div(&x, divisor, &rest);
    if (shift < 0) {
        wide_shift_down(&x, -shift);
    } else if (rest >= divisor - rest) {
        u256 one = {{1, 0, 0, 0}};
        (void)wide_add(&x, &one);
    }
    return narrow(&x, (a < 0) != (b < 0), precision, out);
}

bool lt_decimal_mod(lt_i128 a, int a_scale, lt_i128 b, int b_scale, lt_i128 *out)
{
    LT_ASSERT(b != 0);
    u256 x = widen(magnitude(a));
    u256 y = widen(magnitude(b));
    int scale = LT_MAX(a_scale, b_scale);
    if (!wide_shift_up(&x, scale - a_scale) || !wide_shift_up(&y, scale - b_scale)) {
        return false;
    }
    if (y.w[2] != 0 || y.w[3] != 0) {
        /* The divisor was scaled up beyond 128 bits, so the dividend was not: it is smaller. */
        return narrow(&x, a < 0, LT_DECIMAL_DIGITS_MAX, out);
    }
    lt_u128 rest;
    wide_div(&x, (lt_u128)y.w[1] << 64 | y.w[0], &rest);
    u256 r = widen(rest);
    return narrow(&r, a < 0, LT_DECIMAL_DIGITS_MAX, out);
}

bool lt_decimal_add(lt_i128 a, int x, lt_i128 b, int y, int drop, int precision, lt_i128 *out)
{
    u256 p = widen(magnitude(a)), q = widen(magnitude(b));
    if (!wide_shift_up(&p, x) || !wide_shift_up(&q, y)) {
        return false;
    }
    bool negative = a < 0;
    if ((a < 0) == (b < 0)) {
        if (!wide_add(&p, &q)) {
            return false;
        }
    } else if (wide_cmp(&p, &q) >= 0) {
        wide_sub(&p, &q);
    } else {
        wide_sub(&q, &p);
        p = q;
        negative = b < 0;
    }
    wide_shift_down(&p, drop);
    return narrow(&p, negative, precision, out);
}

double lt_decimal_to_f64(lt_i128 value, int scale)
{
    static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (magnitude(value) <= (1ULL << 53) && scale <= 22) {
        return (double)(int64_t)value / exact[scale];
    }
    char text[LT_NUMBER_TEXT_MAX];
    size_t len = lt_format_decimal(value, scale, text);
    double result = 0;
    (void)lt_str_to_f64((lt_str){text, len}, &result);
    return result;
}

bool lt_decimal_from_f64(double value, int precision, int scale, lt_i128 *out)
{
    if (!isfinite(value)) {
        return false;
    }
    if (value == 0) {
        *out = 0;
        return true;
    }
    uint64_t digits;
    int exponent;
    lt_shortest_f64(fabs(value), &digits, &exponent);
    int shift = exponent + scale;
    u256 x = widen(digits);
    if (shift > 0) {
        if (shift > 38 || !wide_shift_up(&x, shift)) {
            return false;
        }
    } else if (shift < -20) {
        x = widen(0);
    } else {
        wide_shift_down(&x, -shift);
    }
    return narrow(&x, value < 0, precision, out);
}

bool lt_decimal_parse(const char *ptr, size_t len, int precision, int scale, lt_i128 *out,
                      bool *bad)
{
    *bad = true;
    while (len > 0 && (unsigned char)ptr[0] <= ' ') {
        ptr++;
        len--;
    }
    while (len > 0 && (unsigned char)ptr[len - 1] <= ' ') {
        len--;
    }
    size_t i = 0;
    bool negative = false, point = false;
    if (i < len && (ptr[i] == '-' || ptr[i] == '+')) {
        negative = ptr[i++] == '-';
    }
    u256 x = widen(0);
    int places = 0, taken = 0, dropped = 0;
    size_t seen = 0;
    for (; i < len; i++) {
        if (ptr[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (ptr[i] < '0' || ptr[i] > '9') {
            break;
        }
        seen++;
        if (taken < 70) {
            (void)wide_mul_small(&x, 10);
            u256 digit = widen((lt_u128)(ptr[i] - '0'));
            (void)wide_add(&x, &digit);
            taken += taken > 0 || ptr[i] != '0';
            places += point;
        } else if (!point) {
            dropped++;
        }
    }
    if (seen == 0) {
        return false;
    }
    int exponent = 0;
    if (i < len && (ptr[i] == 'e' || ptr[i] == 'E')) {
        i++;
        bool minus = false;
        if (i < len && (ptr[i] == '-' || ptr[i] == '+')) {
            minus = ptr[i++] == '-';
        }
        if (i == len) {
            return false;
        }
        for (; i < len && ptr[i] >= '0' && ptr[i] <= '9'; i++) {
            exponent = exponent < 100000 ? exponent * 10 + (ptr[i] - '0') : exponent;
        }
        exponent = minus ? -exponent : exponent;
    }
    if (i != len) {
        return false;
    }
    *bad = false;
    bool inexact_big = dropped > 0 && exponent > -dropped;
    if (inexact_big) {
        return false;
    }
    int shift = scale - places + dropped + exponent;
    if (taken == 0) {
        *out = 0;
        return true;
    }
    if (shift > 0) {
        if (shift > 76 || !wide_shift_up(&x, shift)) {
            return false;
        }
    } else if (shift < -76) {
        x = widen(0);
    } else {
        wide_shift_down(&x, -shift);
    }
    return narrow(&x, negative, precision, out);
}
