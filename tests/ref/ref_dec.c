/* Decimals as strings of digits: addition and multiplication as on paper, long division by repeated
 * subtraction. */
#include "ref.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void trim(ref_big *a)
{
    while (a->count > 0 && a->d[a->count - 1] == 0) {
        a->count--;
    }
    if (a->count == 0) {
        a->negative = false;
    }
}

ref_big ref_big_of(ref_i128 value)
{
    ref_big out;
    memset(&out, 0, sizeof out);
    out.negative = value < 0;
    for (; value != 0; value /= 10) {
        int digit = (int)(value % 10);
        out.d[out.count++] = (unsigned char)(digit < 0 ? -digit : digit);
    }
    return out;
}

bool ref_big_zero(const ref_big *a)
{
    return a->count == 0;
}

static int compare_size(const ref_big *a, const ref_big *b)
{
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (int i = a->count - 1; i >= 0; i--) {
        if (a->d[i] != b->d[i]) {
            return a->d[i] < b->d[i] ? -1 : 1;
        }
    }
    return 0;
}

int ref_big_compare(const ref_big *a, const ref_big *b)
{
    if (a->negative != b->negative) {
        return a->negative ? -1 : 1;
    }
    return a->negative ? compare_size(b, a) : compare_size(a, b);
}

static ref_big add_size(const ref_big *a, const ref_big *b)
{
    ref_big out;
    int carry = 0, count = a->count > b->count ? a->count : b->count;
    memset(&out, 0, sizeof out);
    for (int i = 0; i < count; i++) {
        int sum = a->d[i] + b->d[i] + carry;
        out.d[i] = (unsigned char)(sum % 10);
        carry = sum / 10;
    }
    out.count = count;
    if (carry > 0) {
        out.d[out.count++] = 1;
    }
    return out;
}

/* a must not be smaller. */
static ref_big subtract_size(const ref_big *a, const ref_big *b)
{
    ref_big out;
    int borrow = 0;
    memset(&out, 0, sizeof out);
    for (int i = 0; i < a->count; i++) {
        int rest = a->d[i] - b->d[i] - borrow;
        borrow = rest < 0;
        out.d[i] = (unsigned char)(rest + (borrow ? 10 : 0));
    }
    out.count = a->count;
    trim(&out);
    return out;
}

static ref_big add(const ref_big *a, const ref_big *b)
{
    ref_big out;
    if (a->negative == b->negative) {
        out = add_size(a, b);
        out.negative = a->negative;
    } else if (compare_size(a, b) >= 0) {
        out = subtract_size(a, b);
        out.negative = a->negative;
    } else {
        out = subtract_size(b, a);
        out.negative = b->negative;
    }
    trim(&out);
    return out;
}

static ref_big multiply(const ref_big *a, const ref_big *b)
{
    ref_big out;
    memset(&out, 0, sizeof out);
    for (int i = 0; i < a->count; i++) {
        int carry = 0;
        for (int j = 0; j < b->count || carry > 0; j++) {
            int cell = out.d[i + j] + carry + (j < b->count ? a->d[i] * b->d[j] : 0);
            out.d[i + j] = (unsigned char)(cell % 10);
            carry = cell / 10;
        }
    }
    out.count = a->count + b->count;
    out.negative = a->negative != b->negative;
    trim(&out);
    return out;
}

static ref_big shift(const ref_big *a, int places)
{
    ref_big out;
    memset(&out, 0, sizeof out);
    if (a->count > 0) {
        memcpy(out.d + places, a->d, (size_t)a->count);
        out.count = a->count + places;
    }
    out.negative = a->negative;
    return out;
}

/* Truncating division; *rest has the sign of a. */
static ref_big divide(const ref_big *a, const ref_big *b, ref_big *rest)
{
    ref_big out, size = *b;
    memset(&out, 0, sizeof out);
    memset(rest, 0, sizeof *rest);
    size.negative = false;
    for (int i = a->count - 1; i >= 0; i--) {
        *rest = shift(rest, 1);
        rest->d[0] = a->d[i];
        if (rest->count == 0 && rest->d[0] > 0) {
            rest->count = 1;
        }
        while (compare_size(rest, &size) >= 0) {
            *rest = subtract_size(rest, &size);
            out.d[i]++;
        }
    }
    out.count = a->count;
    out.negative = a->negative != b->negative;
    rest->negative = a->negative;
    trim(&out);
    trim(rest);
    return out;
}

ref_big ref_big_rescale(const ref_big *a, int scale, int to)
{
    if (to >= scale) {
        return shift(a, to - scale);
    }
    int drop = scale - to;
    ref_big out, one = ref_big_of(1);
    memset(&out, 0, sizeof out);
    bool up = drop <= a->count && a->d[drop - 1] >= 5;
    for (int i = drop; i < a->count; i++) {
        out.d[out.count++] = a->d[i];
    }
    if (up) {
        out = add_size(&out, &one);
    }
    out.negative = a->negative;
    trim(&out);
    return out;
}

ref_val ref_big_value(const ref_big *a, int precision)
{
    ref_val out = {0};
    if (a->count > precision) {
        return ref_null();
    }
    for (int i = a->count - 1; i >= 0; i--) {
        out.wide = out.wide * 10 + a->d[i];
    }
    out.wide = a->negative ? -out.wide : out.wide;
    return out;
}

static int max_of(int a, int b)
{
    return a > b ? a : b;
}

static int min_of(int a, int b)
{
    return a < b ? a : b;
}

/* The rules of Calcite and Flink for DECIMAL. */
ref_type ref_dec_type(char op, ref_type a, ref_type b)
{
    int p1 = a.precision, s1 = a.scale, p2 = b.precision, s2 = b.scale, p, s;
    if (op == '+' || op == '-') {
        s = max_of(s1, s2);
        p = max_of(p1 - s1, p2 - s2) + s + 1;
    } else if (op == '*') {
        s = s1 + s2;
        p = p1 + p2 + 1;
    } else if (op == '/') {
        s = max_of(6, s1 + p2 + 1);
        p = p1 - s1 + s2 + s;
    } else {
        s = max_of(s1, s2);
        p = min_of(p1 - s1, p2 - s2) + s;
    }
    if (p > 38) {
        int whole = p - s;
        s = max_of(38 - whole, min_of(s, 6));
        p = 38;
    }
    return (ref_type){REF_DEC, p, s};
}

static ref_val quotient(const ref_big *a, int sa, const ref_big *b, int sb, ref_type type)
{
    /* 38 significant digits, then the scale. */
    int extra = 38 + b->count - a->count + 2;
    extra = extra < 0 ? 0 : extra;
    ref_big rest, wide = shift(a, extra), out = divide(&wide, b, &rest);
    int scale = sa - sb + extra;
    int over = out.count - 38;
    if (over > 0) {
        out = ref_big_rescale(&out, scale, scale - over);
        scale -= over;
    }
    if (scale < 0) {
        out = shift(&out, -scale);
        scale = 0;
    }
    out = ref_big_rescale(&out, scale, type.scale);
    return ref_big_value(&out, type.precision);
}

ref_val ref_dec_arith(char op, ref_type at, const ref_val *a, ref_type bt, const ref_val *b,
                      ref_type type)
{
    ref_big x = ref_big_of(a->wide), y = ref_big_of(b->wide), out, rest;
    int scale = max_of(at.scale, bt.scale);
    if ((op == '/' || op == '%') && ref_big_zero(&y)) {
        return ref_fail();
    }
    if (op == '/') {
        return quotient(&x, at.scale, &y, bt.scale, type);
    }
    if (op == '*') {
        out = multiply(&x, &y);
        scale = at.scale + bt.scale;
    } else {
        x = ref_big_rescale(&x, at.scale, scale);
        y = ref_big_rescale(&y, bt.scale, scale);
        if (op == '%') {
            (void)divide(&x, &y, &rest);
            out = rest;
        } else {
            y.negative = op == '-' && y.count > 0 ? !y.negative : y.negative;
            out = add(&x, &y);
        }
    }
    out = ref_big_rescale(&out, scale, type.scale);
    return ref_big_value(&out, type.precision);
}

size_t ref_dec_text(const ref_val *v, int scale, char *to)
{
    ref_big a = ref_big_of(v->wide);
    size_t len = 0;
    if (a.negative) {
        to[len++] = '-';
    }
    int top = max_of(a.count, scale + 1);
    for (int i = top - 1; i >= 0; i--) {
        if (i == scale - 1) {
            to[len++] = '.';
        }
        to[len++] = (char)('0' + (i < a.count ? a.d[i] : 0));
    }
    return len;
}

bool ref_dec_parse(const char *s, size_t len, ref_type type, ref_val *out)
{
    ref_big all;
    int scale = 0, digits = 0;
    bool point = false;
    size_t i = 0;
    memset(&all, 0, sizeof all);
    bool negative = len > 0 && s[0] == '-';
    i += len > 0 && (s[0] == '-' || s[0] == '+');
    for (; i < len; i++) {
        if (s[i] == '.' && !point) {
            point = true;
        } else if (s[i] >= '0' && s[i] <= '9' && all.count < 60) {
            ref_big digit = ref_big_of(s[i] - '0');
            all = shift(&all, 1);
            all = add_size(&all, &digit);
            scale += point;
            digits++;
        } else if ((s[i] == 'e' || s[i] == 'E') && digits > 0 && i + 1 < len) {
            char text[12] = {0};
            char *end;
            if (len - i - 1 >= sizeof text) {
                return false;
            }
            memcpy(text, s + i + 1, len - i - 1);
            scale -= (int)strtol(text, &end, 10);
            if (*end != '\0' || scale < -60 || scale > 120) {
                return false;
            }
            break;
        } else {
            return false;
        }
    }
    if (digits == 0) {
        return false;
    }
    all.negative = negative;
    trim(&all);
    if (scale < 0) {
        all = shift(&all, -scale);
        scale = 0;
    }
    all = ref_big_rescale(&all, scale, type.scale);
    *out = ref_big_value(&all, type.precision);
    return true;
}

void ref_shortest(double value, ref_big *digits, int *exponent)
{
    char text[64];
    memset(digits, 0, sizeof *digits);
    *exponent = 0;
    for (int places = 0; places < 18; places++) {
        snprintf(text, sizeof text, "%.*e", places, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    char *e = strchr(text, 'e');
    *exponent = (int)strtol(e + 1, NULL, 10);
    bool point = false;
    for (const char *p = text; p < e; p++) {
        if (*p == '-') {
            digits->negative = true;
        } else if (*p == '.') {
            point = true;
        } else {
            ref_big digit = ref_big_of(*p - '0');
            bool negative = digits->negative;
            *digits = shift(digits, 1);
            *digits = add_size(digits, &digit);
            digits->negative = negative;
            *exponent -= point;
        }
    }
    trim(digits);
}

double ref_dec_double(const ref_val *v, int scale)
{
    char text[64];
    text[ref_dec_text(v, scale, text)] = '\0';
    return strtod(text, NULL);
}
