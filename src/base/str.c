/* Borrowed strings: comparison, trimming, numbers, did-you-mean. ASCII rules throughout and no
 * dependence on the process's locale, which belongs to the host program. */
#include "base/str.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>

#include "base/assert.h"

/* Longest number accepted by lt_str_to_f64. */
#define NUMBER_CHARS_MAX 1535
/* Longest name for which a neighbour is looked for. */
#define NAME_CHARS_MAX 64

static unsigned char ascii_lower(char ch)
{
    unsigned char byte = (unsigned char)ch;
    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte + ('a' - 'A')) : byte;
}

static bool is_blank(char ch)
{
    return ch == ' ' || (ch >= '\t' && ch <= '\r');
}

static bool is_digit(char ch)
{
    return ch >= '0' && ch <= '9';
}

bool lt_str_eq(lt_str a, lt_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool lt_str_eq_ci(lt_str a, lt_str b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool lt_str_starts(lt_str s, lt_str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

int lt_str_cmp(lt_str a, lt_str b)
{
    size_t common = LT_MIN(a.len, b.len);
    int order = common > 0 ? memcmp(a.ptr, b.ptr, common) : 0;
    if (order != 0) {
        return order;
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

lt_str lt_str_trim(lt_str s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

bool lt_str_to_i64(lt_str s, int64_t *out)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    size_t at = s.len > 0 && (negative || s.ptr[0] == '+') ? 1 : 0;
    if (at == s.len) {
        return false;
    }
    /* Counted downwards, because the negative range is the larger one. */
    int64_t value = 0;
    for (; at < s.len; at++) {
        if (!is_digit(s.ptr[at]) || LT_MUL_OVERFLOW(value, (int64_t)10, &value) ||
            LT_SUB_OVERFLOW(value, (int64_t)(s.ptr[at] - '0'), &value)) {
            return false;
        }
    }
    if (!negative && LT_SUB_OVERFLOW((int64_t)0, value, &value)) {
        return false;
    }
    *out = value;
    return true;
}

/* The shape of a decimal number: [sign] digits [. digits] [e [sign] digits], one digit at least. */
typedef struct {
    uint64_t digits;  /* the first 19 significant digits as an integer */
    int64_t exponent; /* decimal, of the last digit in `digits` */
    bool negative;
    bool exact; /* no digit was left out */
} decimal_parts;

static void add_digit(decimal_parts *parts, char ch, bool after_point)
{
    if (parts->digits < 100000000000000000ULL) {
        parts->digits = parts->digits * 10 + (uint64_t)(ch - '0');
        parts->exponent -= after_point ? 1 : 0;
    } else {
        parts->exact = parts->exact && ch == '0';
        parts->exponent += after_point ? 0 : 1;
    }
}

static bool scan_exponent(lt_str s, size_t at, decimal_parts *parts)
{
    bool negative = at < s.len && s.ptr[at] == '-';
    at += at < s.len && (negative || s.ptr[at] == '+') ? 1 : 0;
    if (at == s.len) {
        return false;
    }
    int64_t value = 0;
    for (; at < s.len; at++) {
        if (!is_digit(s.ptr[at])) {
            return false;
        }
        value = LT_MIN(value * 10 + (s.ptr[at] - '0'), 1000000);
    }
    parts->exponent += negative ? -value : value;
    return true;
}

static bool scan_decimal(lt_str s, decimal_parts *parts)
{
    *parts = (decimal_parts){.exact = true};
    parts->negative = s.len > 0 && s.ptr[0] == '-';
    size_t at = s.len > 0 && (parts->negative || s.ptr[0] == '+') ? 1 : 0;
    bool point = false;
    bool any = false;
    for (; at < s.len; at++) {
        if (is_digit(s.ptr[at])) {
            any = true;
            add_digit(parts, s.ptr[at], point);
        } else if (s.ptr[at] == '.' && !point) {
            point = true;
        } else {
            break;
        }
    }
    if (!any) {
        return false;
    }
    if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
        return scan_exponent(s, at + 1, parts);
    }
    return at == s.len;
}

/* "inf", "infinity" and "nan" in any case, with a sign. */
static bool is_special(lt_str s)
{
    if (s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
        s.ptr++;
        s.len--;
    }
    return lt_str_eq_ci(s, LT_STR("inf")) || lt_str_eq_ci(s, LT_STR("infinity")) ||
           lt_str_eq_ci(s, LT_STR("nan"));
}

/* The C library's conversion, which is correctly rounded, in the C locale. */
static bool convert_slowly(lt_str s, double *out)
{
    char text[NUMBER_CHARS_MAX + 1];
    if (s.len > NUMBER_CHARS_MAX) {
        return false;
    }
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0) {
        return false;
    }
    char *end = NULL;
    int errno_before = errno;
    double value = strtod_l(text, &end, plain);
    errno = errno_before;
    freelocale(plain);
    if (end != text + s.len) {
        return false;
    }
    *out = value;
    return true;
}

bool lt_str_to_f64(lt_str s, double *out)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    decimal_parts parts;
    if (!scan_decimal(s, &parts)) {
        return is_special(s) && convert_slowly(s, out);
    }
    /* Both operands are exact, so the one rounding of the division or product is the right one. */
    if (parts.exact && parts.digits <= ((uint64_t)1 << 53) && parts.exponent >= -22 &&
        parts.exponent <= 22) {
        double value = (double)parts.digits;
        value =
            parts.exponent < 0 ? value / powers[-parts.exponent] : value * powers[parts.exponent];
        *out = parts.negative ? -value : value;
        return true;
    }
    return convert_slowly(s, out);
}

static uint8_t least(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance; both at most NAME_CHARS_MAX long. Three rows are enough,
 * because a swap looks back two. */
static unsigned edit_distance(lt_str a, lt_str b)
{
    uint8_t rows[3][NAME_CHARS_MAX + 1];
    for (size_t j = 0; j <= b.len; j++) {
        rows[0][j] = (uint8_t)j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        uint8_t *now = rows[i % 3];
        const uint8_t *up = rows[(i + 2) % 3];
        const uint8_t *up2 = rows[(i + 1) % 3];
        now[0] = (uint8_t)i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned char x = ascii_lower(a.ptr[i - 1]);
            unsigned char y = ascii_lower(b.ptr[j - 1]);
            uint8_t best = (uint8_t)(up[j - 1] + (x != y));
            best = least(best, (uint8_t)(up[j] + 1));
            best = least(best, (uint8_t)(now[j - 1] + 1));
            if (i > 1 && j > 1 && x == ascii_lower(b.ptr[j - 2]) &&
                y == ascii_lower(a.ptr[i - 2])) {
                best = least(best, (uint8_t)(up2[j - 2] + 1));
            }
            now[j] = best;
        }
    }
    return rows[a.len % 3][b.len];
}

const char *lt_str_nearest(lt_str name, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    unsigned distance_best = NAME_CHARS_MAX + 1;
    if (name.len == 0 || name.len > NAME_CHARS_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        lt_str other = lt_str_of(names[i]);
        if (other.len == 0 || other.len > NAME_CHARS_MAX) {
            continue;
        }
        unsigned distance = edit_distance(name, other);
        if (distance < distance_best && distance * 3 <= LT_MAX(name.len, other.len)) {
            nearest = names[i];
            distance_best = distance;
        }
    }
    return nearest;
}
