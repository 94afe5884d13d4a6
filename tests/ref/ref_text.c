/* Strings as arrays of code points. */
#include "ref_fns.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    uint32_t *c;
    int n;
} points;

static points decode(const ref_val *v)
{
    points out = {ref_alloc((v->len + 1) * sizeof(uint32_t)), 0};
    for (size_t i = 0; i < v->len;) {
        unsigned char b = (unsigned char)v->s[i];
        int more = b >= 0xf0 ? 3 : b >= 0xe0 ? 2 : b >= 0xc0 ? 1 : 0;
        uint32_t code = more == 3 ? b & 7u : more == 2 ? b & 15u : more == 1 ? b & 31u : b;
        for (i++; more > 0; more--, i++) {
            code = code << 6 | ((unsigned char)v->s[i] & 63u);
        }
        out.c[out.n++] = code;
    }
    return out;
}

static ref_val encode(const uint32_t *c, int from, int to)
{
    char *out = ref_alloc((size_t)(to > from ? to - from : 0) * 4 + 1);
    size_t n = 0;
    for (int i = from; i < to; i++) {
        if (c[i] < 0x80) {
            out[n++] = (char)c[i];
        } else if (c[i] < 0x800) {
            out[n++] = (char)(0xc0 | c[i] >> 6);
            out[n++] = (char)(0x80 | (c[i] & 63));
        } else if (c[i] < 0x10000) {
            out[n++] = (char)(0xe0 | c[i] >> 12);
            out[n++] = (char)(0x80 | (c[i] >> 6 & 63));
            out[n++] = (char)(0x80 | (c[i] & 63));
        } else {
            out[n++] = (char)(0xf0 | c[i] >> 18);
            out[n++] = (char)(0x80 | (c[i] >> 12 & 63));
            out[n++] = (char)(0x80 | (c[i] >> 6 & 63));
            out[n++] = (char)(0x80 | (c[i] & 63));
        }
    }
    return ref_str(out, n);
}

static bool has(const points *set, uint32_t c)
{
    for (int i = 0; i < set->n; i++) {
        if (set->c[i] == c) {
            return true;
        }
    }
    return false;
}

static bool at(const points *s, int from, const points *part)
{
    if (from < 0 || from + part->n > s->n) {
        return false;
    }
    for (int i = 0; i < part->n; i++) {
        if (s->c[from + i] != part->c[i]) {
            return false;
        }
    }
    return true;
}

static int find(const points *s, const points *part, int from)
{
    for (int i = from; i + part->n <= s->n; i++) {
        if (at(s, i, part)) {
            return i;
        }
    }
    return -1;
}

static ref_val f_length(const ref_node *node, const ref_val *a)
{
    (void)node;
    return ref_int(decode(a).n);
}

static ref_val f_case(const ref_node *node, const ref_val *a)
{
    char *out = ref_alloc(a->len + 1);
    bool word = false;
    for (size_t i = 0; i < a->len; i++) {
        char c = a->s[i];
        bool low = c >= 'a' && c <= 'z', high = c >= 'A' && c <= 'Z';
        bool up = node->extra == 0 || (node->extra == 2 && !word);
        out[i] = up && low ? (char)(c - 32) : !up && high ? (char)(c + 32) : c;
        word = low || high || (c >= '0' && c <= '9');
    }
    return ref_str(out, a->len);
}

static ref_val part_of(const points *s, int64_t from, int64_t length)
{
    /* from counts from 1, or from the end when negative; 0 is 1 */
    int64_t start = from > 0 ? from - 1 : from < 0 ? s->n + from : 0;
    if (start < 0 || start >= s->n) {
        return ref_str("", 0);
    }
    int64_t end = start + length > s->n ? s->n : start + length;
    return encode(s->c, (int)start, (int)end);
}

static ref_val f_substring(const ref_node *node, const ref_val *a)
{
    points s = decode(a);
    if (node->count == 3 && a[2].i < 0) {
        return ref_null();
    }
    return part_of(&s, a[1].i, node->count == 3 ? a[2].i : INT32_MAX);
}

static ref_val f_ends(const ref_node *node, const ref_val *a)
{
    points s = decode(a);
    int n = a[1].i < 0 ? 0 : a[1].i > s.n ? s.n : (int)a[1].i;
    return node->extra == 0 ? encode(s.c, 0, n) : encode(s.c, s.n - n, s.n);
}

static ref_val f_trim(const ref_node *node, const ref_val *a)
{
    points s = decode(a), set = {0};
    uint32_t blank = ' ';
    int from = 0, to = s.n;
    set = (points){&blank, 1};
    if (node->count == 2) {
        set = decode(&a[1]);
    }
    while (node->extra != 1 && from < to && has(&set, s.c[from])) {
        from++;
    }
    while (node->extra != 0 && to > from && has(&set, s.c[to - 1])) {
        to--;
    }
    return encode(s.c, from, to);
}

static ref_val f_pad(const ref_node *node, const ref_val *a)
{
    points s = decode(a), fill = decode(&a[2]);
    int64_t want = a[1].i;
    if (want < 0 || fill.n == 0) {
        return ref_null();
    }
    points out = {ref_alloc(((size_t)want + 1) * 4), 0};
    int64_t extra = want - s.n;
    for (int64_t i = 0; node->extra == 0 && i < extra; i++) {
        out.c[out.n++] = fill.c[i % fill.n];
    }
    for (int i = 0; i < s.n && out.n < want; i++) {
        out.c[out.n++] = s.c[i];
    }
    for (int64_t i = 0; node->extra == 1 && i < extra; i++) {
        out.c[out.n++] = fill.c[i % fill.n];
    }
    return encode(out.c, 0, out.n);
}

static ref_val f_repeat(const ref_node *node, const ref_val *a)
{
    (void)node;
    int64_t n = a[1].i < 0 ? 0 : a[1].i;
    char *out = ref_alloc(a->len * (size_t)n + 1);
    for (int64_t i = 0; i < n && a->len > 0; i++) {
        memcpy(out + (size_t)i * a->len, a->s, a->len);
    }
    return ref_str(out, a->len * (size_t)n);
}

static ref_val f_reverse(const ref_node *node, const ref_val *a)
{
    (void)node;
    points s = decode(a);
    for (int i = 0; i < s.n / 2; i++) {
        uint32_t c = s.c[i];
        s.c[i] = s.c[s.n - 1 - i];
        s.c[s.n - 1 - i] = c;
    }
    return encode(s.c, 0, s.n);
}

static ref_val f_concat(const ref_node *node, const ref_val *a)
{
    size_t total = 0, n = 0;
    for (int i = 0; i < node->count; i++) {
        total += a[i].len;
    }
    char *out = ref_alloc(total + 1);
    for (int i = 0; i < node->count; i++) {
        if (a[i].len > 0) {
            memcpy(out + n, a[i].s, a[i].len);
        }
        n += a[i].len;
    }
    return ref_str(out, n);
}

static ref_val f_replace(const ref_node *node, const ref_val *a)
{
    (void)node;
    points s = decode(a), old = decode(&a[1]), text = decode(&a[2]);
    points out = {ref_alloc(((size_t)(s.n + 1) * (size_t)(text.n + 1) + 1) * 4), 0};
    for (int i = 0; i <= s.n;) {
        bool hit = at(&s, i, &old);
        for (int j = 0; hit && j < text.n; j++) {
            out.c[out.n++] = text.c[j];
        }
        if (hit && old.n > 0) {
            i += old.n;
        } else {
            if (i < s.n) {
                out.c[out.n++] = s.c[i];
            }
            i++;
        }
    }
    return encode(out.c, 0, out.n);
}

/* (needle, s[, from]) */
static ref_val f_locate(const ref_node *node, const ref_val *a)
{
    points part = decode(a), s = decode(&a[1]);
    int64_t from = node->count == 3 ? a[2].i : 1;
    if (part.n == 0) {
        return ref_int(1);
    }
    if (from - 1 > s.n) {
        return ref_int(0);
    }
    return ref_int(find(&s, &part, from > 1 ? (int)from - 1 : 0) + 1);
}

static ref_val f_instr(const ref_node *node, const ref_val *a)
{
    ref_val swapped[2] = {a[1], a[0]};
    return f_locate(node, swapped);
}

static ref_val f_starts(const ref_node *node, const ref_val *a)
{
    points s = decode(a), part = decode(&a[1]);
    return ref_bool(at(&s, node->extra == 0 ? 0 : s.n - part.n, &part));
}

static ref_val f_ascii(const ref_node *node, const ref_val *a)
{
    (void)node;
    return ref_int(a->len == 0 ? 0 : (signed char)a->s[0]);
}

static ref_val f_split_index(const ref_node *node, const ref_val *a)
{
    (void)node;
    points s = decode(a), by = decode(&a[1]);
    int from = 0;
    if (a[2].i < 0 || s.n == 0 || by.n == 0) {
        return ref_null();
    }
    for (int64_t i = 0;; i++) {
        int hit = find(&s, &by, from);
        if (i == a[2].i) {
            return encode(s.c, from, hit < 0 ? s.n : hit);
        }
        if (hit < 0) {
            return ref_null();
        }
        from = hit + by.n;
    }
}

static ref_val f_translate(const ref_node *node, const ref_val *a)
{
    (void)node;
    points s = decode(a), from = decode(&a[1]), to = decode(&a[2]);
    points out = {ref_alloc(((size_t)s.n + 1) * 4), 0};
    for (int i = 0; i < s.n; i++) {
        int k = 0;
        while (k < from.n && from.c[k] != s.c[i]) {
            k++;
        }
        if (k == from.n) {
            out.c[out.n++] = s.c[i];
        } else if (k < to.n) {
            out.c[out.n++] = to.c[k];
        }
    }
    return encode(out.c, 0, out.n);
}

static bool like(const uint32_t *s, int n, const uint32_t *p, int m)
{
    if (m == 0) {
        return n == 0;
    }
    if (p[0] == '%') {
        return like(s, n, p + 1, m - 1) || (n > 0 && like(s + 1, n - 1, p, m));
    }
    return n > 0 && (p[0] == '_' || p[0] == s[0]) && like(s + 1, n - 1, p + 1, m - 1);
}

static ref_val f_like(const ref_node *node, const ref_val *a)
{
    points s = decode(a), p = decode(&a[1]);
    return ref_bool(like(s.c, s.n, p.c, p.n) == (node->extra == 0));
}

static ref_val f_digits(const ref_node *node, const ref_val *a)
{
    char *out = ref_alloc(80);
    uint64_t x = (uint64_t)a->i;
    int base = node->extra == 0 ? 2 : 16, n = 0;
    char reversed[70];
    do {
        reversed[n++] = "0123456789ABCDEF"[x % (unsigned)base];
        x /= (unsigned)base;
    } while (x > 0);
    for (int i = 0; i < n; i++) {
        out[i] = reversed[n - 1 - i];
    }
    return ref_str(out, (size_t)n);
}

static ref_val f_hex(const ref_node *node, const ref_val *a)
{
    (void)node;
    char *out = ref_alloc(a->len * 2 + 1);
    for (size_t i = 0; i < a->len; i++) {
        out[2 * i] = "0123456789ABCDEF"[(unsigned char)a->s[i] / 16];
        out[2 * i + 1] = "0123456789ABCDEF"[(unsigned char)a->s[i] % 16];
    }
    return ref_str(out, a->len * 2);
}

/* (s, r, from, length) */
static ref_val f_overlay(const ref_node *node, const ref_val *a)
{
    points s = decode(a), r = decode(&a[1]);
    int64_t from = a[2].i, length = node->count == 4 ? a[3].i : r.n;
    if (from < 1 || from > s.n) {
        return *a;
    }
    points out = {ref_alloc(((size_t)(s.n + r.n) + 1) * 4), 0};
    for (int i = 0; i < from - 1; i++) {
        out.c[out.n++] = s.c[i];
    }
    for (int i = 0; i < r.n; i++) {
        out.c[out.n++] = r.c[i];
    }
    int64_t rest = length < 0 || from - 1 + length > s.n ? s.n : from - 1 + length;
    for (int64_t i = rest; i < s.n; i++) {
        out.c[out.n++] = s.c[i];
    }
    return encode(out.c, 0, out.n);
}

static const char *const cases[] = {"UPPER", "LOWER", "INITCAP"};
static const char *const sides[] = {"LEFT", "RIGHT"};
static const char *const trims[] = {"LTRIM", "RTRIM", "BTRIM"};
static const char *const pads[] = {"LPAD", "RPAD"};
static const char *const withs[] = {"STARTSWITH", "ENDSWITH"};
static const char *const likes[] = {"LIKE", "NOT LIKE"};
static const char *const bases[] = {"BIN", "HEX"};

const ref_function ref_text_functions[] = {
    {"CHAR_LENGTH(%)", 'i', "s", f_length, 0, NULL},
    {"#(%)", 's', "x", f_case, 3, cases},
    {"SUBSTRING(%, %)", 's', "sn", f_substring, 0, NULL},
    {"SUBSTRING(%, %, %)", 's', "snn", f_substring, 0, NULL},
    {"SUBSTR(%, %, %)", 's', "sin", f_substring, 0, NULL},
    {"#(%, %)", 's', "sn", f_ends, 2, sides},
    {"#(%)", 's', "s", f_trim, 3, trims},
    {"#(%, %)", 's', "sy", f_trim, 3, trims},
    {"#(%, %, %)", 's', "sns", f_pad, 2, pads},
    {"REPEAT(%, %)", 's', "xm", f_repeat, 0, NULL},
    {"REVERSE(%)", 's', "s", f_reverse, 0, NULL},
    {"% || %", 's', "ss", f_concat, 0, NULL},
    {"CONCAT(%, %, %)", 's', "sss", f_concat, 0, NULL},
    {"REPLACE(%, %, %)", 's', "sxx", f_replace, 0, NULL},
    {"LOCATE(%, %)", 'i', "xs", f_locate, 0, NULL},
    {"LOCATE(%, %, %)", 'i', "xsn", f_locate, 0, NULL},
    {"INSTR(%, %)", 'i', "sx", f_instr, 0, NULL},
    {"#(%, %)", 'b', "sx", f_starts, 2, withs},
    {"ASCII(%)", 'i', "s", f_ascii, 0, NULL},
    {"SPLIT_INDEX(%, %, %)", 's', "syn", f_split_index, 0, NULL},
    {"TRANSLATE(%, %, %)", 's', "syy", f_translate, 0, NULL},
    {"% # %", 'b', "sq", f_like, 2, likes},
    {"#(%)", 's', "l", f_digits, 2, bases},
    {"OVERLAY(% PLACING % FROM % FOR %)", 's', "sxmm", f_overlay, 0, NULL},
    {"HEX(%)", 's', "x", f_hex, 0, NULL},
};
const int ref_text_count = (int)(sizeof ref_text_functions / sizeof ref_text_functions[0]);
