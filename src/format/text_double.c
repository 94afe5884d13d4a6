/* Java's Double.toString and Float.toString: the shortest decimal that reads back as the same
 * number, the nearest to it among those, of at least two digits (the rule of JDK 19 and later).
 * Found by Giulietti's method ("The Schubfach way to render doubles", 2020): the number and the
 * ends of its rounding interval are multiplied by a power of ten from a table, rounded to odd so
 * that comparisons stay exact, and one of at most four candidates is the answer. */
#include <string.h>

#include "format/pow10_table.h"
#include "format/text.h"

/* value = digits * 10^exponent */
typedef struct {
    uint64_t digits;
    int exponent;
} decimal;

static int floor_log2_pow10(int e)
{
    return (e * 1741647) >> 19;
}

/* The high 64 bits of the product with a 128-bit power, and 1 in the lowest bit if what is cut off
 * was not zero. */
static uint64_t round_to_odd(const uint64_t power[2], uint64_t factor)
{
    lt_u128 low = (lt_u128)power[1] * factor;
    lt_u128 high = (lt_u128)power[0] * factor + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* The number c * 2^q, whose lower neighbour is half as far away as the upper one if `uneven`. */
static decimal shortest(uint64_t c, int q, bool uneven)
{
    int k = (int)(((int64_t)q * 1262611 - (uneven ? 524031 : 0)) >> 22);
    int shift = q + floor_log2_pow10(-k) + 1;
    const uint64_t *power = pow10_table[-k - LT_POW10_MIN];
    uint64_t odd = c & 1;
    uint64_t lower = round_to_odd(power, (4 * c - 2 + uneven) << shift) + odd;
    uint64_t middle = round_to_odd(power, (4 * c) << shift);
    uint64_t upper = round_to_odd(power, (4 * c + 2) << shift) - odd;
    uint64_t s = middle / 4;
    if (s >= 100) {
        uint64_t tens = s / 10;
        bool down = lower <= 40 * tens;
        bool up = 40 * tens + 40 <= upper;
        if (down != up) {
            return (decimal){tens + up, k + 1};
        }
    }
    bool down = lower <= 4 * s;
    bool up = 4 * s + 4 <= upper;
    if (down == up) {
        uint64_t half = 4 * s + 2;
        up = middle > half || (middle == half && (s & 1) != 0);
    }
    return (decimal){s + up, k};
}

static void put_decimal(lt_text *to, bool negative, decimal value)
{
    char digits[24];
    char out[48];
    size_t len = 0;
    int count = 0;
    while (value.digits % 10 == 0) {
        value.digits /= 10;
        value.exponent++;
    }
    char *at = digits + sizeof digits;
    for (uint64_t left = value.digits; left > 0; left /= 10) {
        *--at = (char)('0' + left % 10);
        count++;
    }
    int first = value.exponent + count - 1; /* exponent of the first digit */
    if (negative) {
        out[len++] = '-';
    }
    bool plain = first >= -3 && first < 7;
    int before = plain ? first + 1 : 1; /* digits in front of the point; <= 0: zeros behind it */
    if (before <= 0) {
        out[len++] = '0';
        out[len++] = '.';
        for (int i = before; i < 0; i++) {
            out[len++] = '0';
        }
    }
    for (int i = 0; i < count || i < before; i++) {
        if (i == before && before > 0) {
            out[len++] = '.';
        }
        out[len++] = i < count ? at[i] : '0';
    }
    if (count <= before) {
        out[len++] = '.';
        out[len++] = '0';
    }
    if (!plain) {
        unsigned size = (unsigned)(first < 0 ? -first : first);
        out[len++] = 'E';
        if (first < 0) {
            out[len++] = '-';
        }
        if (size >= 100) {
            out[len++] = (char)('0' + size / 100);
        }
        if (size >= 10) {
            out[len++] = (char)('0' + size / 10 % 10);
        }
        out[len++] = (char)('0' + size % 10);
    }
    lt_text_append(to, out, len);
}

/* An IEEE number taken apart. */
typedef struct {
    bool negative;
    uint64_t mantissa;
    int exponent;     /* biased */
    int exponent_max; /* infinities and NaN */
    int mantissa_bits;
    uint64_t tiny; /* subnormals below it have one digit and are looked at ten times as large */
} ieee;

static void put_ieee(lt_text *to, const ieee *x)
{
    if (x->exponent == x->exponent_max) {
        lt_text_puts(to, x->mantissa != 0 ? "NaN" : x->negative ? "-Infinity" : "Infinity");
        return;
    }
    int bias = x->exponent_max / 2 + x->mantissa_bits;
    if (x->exponent == 0) {
        if (x->mantissa == 0) {
            lt_text_puts(to, x->negative ? "-0.0" : "0.0");
            return;
        }
        bool tiny = x->mantissa < x->tiny;
        decimal value = shortest(tiny ? x->mantissa * 10 : x->mantissa, 1 - bias, false);
        value.exponent -= tiny;
        put_decimal(to, x->negative, value);
        return;
    }
    uint64_t c = x->mantissa | 1ULL << x->mantissa_bits;
    int q = x->exponent - bias;
    if (q <= 0 && q > -x->mantissa_bits - 1 && (c & ((1ULL << -q) - 1)) == 0) {
        put_decimal(to, x->negative, (decimal){c >> -q, 0});
        return;
    }
    put_decimal(to, x->negative, shortest(c, q, x->mantissa == 0 && x->exponent > 1));
}

void lt_text_double(lt_text *to, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    ieee x = {
        .negative = bits >> 63,
        .mantissa = bits & ((1ULL << 52) - 1),
        .exponent = (int)(bits >> 52 & 0x7ff),
        .exponent_max = 0x7ff,
        .mantissa_bits = 52,
        .tiny = 3,
    };
    put_ieee(to, &x);
}

void lt_text_float(lt_text *to, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    ieee x = {
        .negative = bits >> 31,
        .mantissa = bits & ((1U << 23) - 1),
        .exponent = (int)(bits >> 23 & 0xff),
        .exponent_max = 0xff,
        .mantissa_bits = 23,
        .tiny = 8,
    };
    put_ieee(to, &x);
}
