/* Decoding and encoding of single code points. */
#include "expr/utf8.h"

uint32_t lt_utf8_next(const char **p, const char *end)
{
    const unsigned char *s = (const unsigned char *)*p;
    size_t left = (size_t)(end - *p);
    uint32_t c = s[0];
    if (c < 0x80) {
        *p += 1;
        return c;
    }
    size_t len = c >= 0xc2 && c < 0xe0   ? 2
                 : c >= 0xe0 && c < 0xf0 ? 3
                 : c >= 0xf0 && c < 0xf5 ? 4
                                         : 0;
    if (len == 0 || len > left) {
        *p += 1;
        return 0xfffd;
    }
    c &= 0xffU >> (len + 1);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            *p += 1;
            return 0xfffd;
        }
        c = c << 6 | (s[i] & 0x3fU);
    }
    if ((len == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
        (len == 4 && (c < 0x10000 || c > 0x10ffff))) {
        *p += 1;
        return 0xfffd;
    }
    *p += len;
    return c;
}

size_t lt_utf8_put(uint32_t code, char *to)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xe0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3f));
        to[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3f));
    to[2] = (char)(0x80 | (code >> 6 & 0x3f));
    to[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

bool lt_utf8_is_valid(lt_str s)
{
    if (lt_is_ascii(s)) {
        return true;
    }
    const char *p = s.ptr, *end = s.ptr + s.len;
    while (p < end) {
        const char *before = p;
        if (lt_utf8_next(&p, end) == 0xfffd && p - before != 3) {
            return false;
        }
    }
    return true;
}

/* Blocks where upper and lower letters alternate, upper first. */
static bool alternates(uint32_t code, bool *upper_even)
{
    *upper_even = true;
    if ((code >= 0x139 && code <= 0x148) || (code >= 0x179 && code <= 0x17e)) {
        *upper_even = false;
        return true;
    }
    return (code >= 0x100 && code <= 0x137 && code != 0x130 && code != 0x131) ||
           (code >= 0x14a && code <= 0x177) || (code >= 0x1de && code <= 0x1ef) ||
           (code >= 0x1f8 && code <= 0x21f) || (code >= 0x222 && code <= 0x233) ||
           (code >= 0x3d8 && code <= 0x3ef) || (code >= 0x460 && code <= 0x481) ||
           (code >= 0x48a && code <= 0x4bf) || (code >= 0x4d0 && code <= 0x52f) ||
           (code >= 0x1e00 && code <= 0x1e95) || (code >= 0x1ea0 && code <= 0x1eff);
}

typedef struct {
    uint32_t from; /* lower case */
    uint32_t to;
    int32_t shift; /* to upper case */
} case_range;

static const case_range case_ranges[] = {
    {0x61, 0x7a, -32},   {0xe0, 0xf6, -32},     {0xf8, 0xfe, -32},     {0xff, 0xff, 121},
    {0x3ac, 0x3ac, -38}, {0x3ad, 0x3af, -37},   {0x3b1, 0x3c1, -32},   {0x3c3, 0x3cb, -32},
    {0x3cc, 0x3cc, -64}, {0x3cd, 0x3ce, -63},   {0x430, 0x44f, -32},   {0x450, 0x45f, -80},
    {0x561, 0x586, -48}, {0x24d0, 0x24e9, -26}, {0xff41, 0xff5a, -32},
};

uint32_t lt_code_upper(uint32_t code)
{
    bool even;
    if (alternates(code, &even)) {
        return (code % 2 == 0) == even ? code : code - 1;
    }
    if (code == 0xb5) {
        return 0x39c;
    }
    if (code == 0x131 || code == 0x17f) {
        return code == 0x131 ? 'I' : 'S';
    }
    if (code == 0x3c2) {
        return 0x3a3;
    }
    for (size_t i = 0; i < LT_COUNT_OF(case_ranges); i++) {
        if (code >= case_ranges[i].from && code <= case_ranges[i].to) {
            return (uint32_t)((int32_t)code + case_ranges[i].shift);
        }
    }
    return code;
}

uint32_t lt_code_lower(uint32_t code)
{
    bool even;
    if (alternates(code, &even)) {
        return (code % 2 == 0) == even ? code + 1 : code;
    }
    if (code == 0x130) {
        return 'i';
    }
    for (size_t i = 0; i < LT_COUNT_OF(case_ranges); i++) {
        uint32_t lower = (uint32_t)((int32_t)code - case_ranges[i].shift);
        if (lower >= case_ranges[i].from && lower <= case_ranges[i].to) {
            return lower;
        }
    }
    return code;
}
