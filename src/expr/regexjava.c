/* One pass over the pattern. Most of it is copied; PCRE2's own constructs that Java does not know
 * are refused, because they would mean something else there.
 *
 * A character class becomes one PCRE2 class where it has no nested class and no `&&`. Else it
 * becomes a group that matches one character:
 *   [a[bc]]      (?:[a]|[bc])
 *   [a-z&&[^b]]  (?:(?=[a-z])[^b])
 *   [^a[bc]]     (?:(?!(?:[a]|[bc]))(?s:.))
 *
 * Known to differ: (?i) folds all of Unicode, not only ASCII; line ends are CR, LF and CRLF. */
#include "expr/regexjava.h"

#include <stdio.h>

#define DEPTH_MAX 50

typedef struct {
    lt_str s;
    size_t at;
    lt_text *to;
    char *why;
    int groups; /* capturing groups opened so far */
    int depth;
    bool unsupported;
} rewriter;

static bool refuse(rewriter *r, const char *what, lt_str part)
{
    if (r->why != NULL) {
        (void)snprintf(r->why, 128, "%s %.*s", what, (int)LT_MIN(part.len, (size_t)60),
                       part.len > 0 ? part.ptr : "");
    }
    return false;
}

static bool unsupported(rewriter *r, const char *what, lt_str part)
{
    r->unsupported = true;
    return refuse(r, what, part);
}

static char peek(const rewriter *r, size_t ahead)
{
    return r->at + ahead < r->s.len ? r->s.ptr[r->at + ahead] : '\0';
}

static bool more(const rewriter *r)
{
    return r->at < r->s.len;
}

static void copy(rewriter *r, size_t count)
{
    count = LT_MIN(count, r->s.len - r->at);
    lt_text_append(r->to, r->s.ptr + r->at, count);
    r->at += count;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

static bool four_hex(const rewriter *r, size_t from, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(peek(r, from + i));
        if (digit < 0) {
            return false;
        }
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

/* ---- properties ---- */

static const struct {
    const char *java;
    const char *posix;
} posix_classes[] = {
    {"Lower", "lower"}, {"Upper", "upper"}, {"ASCII", "ascii"}, {"Alpha", "alpha"},
    {"Digit", "digit"}, {"Alnum", "alnum"}, {"Punct", "punct"}, {"Graph", "graph"},
    {"Print", "print"}, {"Blank", "blank"}, {"Cntrl", "cntrl"}, {"XDigit", "xdigit"},
    {"Space", "space"},
};

static const struct {
    const char *java;
    const char *pcre;
} properties[] = {
    {"IsAlphabetic", "Alphabetic"},
    {"IsIdeographic", "Ideographic"},
    {"IsLetter", "L"},
    {"IsLowercase", "Lowercase"},
    {"IsUppercase", "Uppercase"},
    {"IsTitlecase", "Lt"},
    {"IsPunctuation", "P"},
    {"IsControl", "Cc"},
    {"IsWhite_Space", "White_Space"},
    {"IsDigit", "Nd"},
    {"IsHex_Digit", "Hex_Digit"},
    {"IsJoin_Control", "Join_Control"},
    {"IsNoncharacter_Code_Point", "Noncharacter_Code_Point"},
    {"IsEmoji", "Emoji"},
    {"javaLowerCase", "Lowercase"},
    {"javaUpperCase", "Uppercase"},
    {"javaLetter", "L"},
    {"javaDigit", "Nd"},
    {"javaAlphabetic", "Alphabetic"},
    {"LC", "L&"},
};

static bool is_category(lt_str name)
{
    return name.len <= 2 && name.len > 0 && strchr("LMNPSZC", name.ptr[0]) != NULL;
}

static bool property_value(rewriter *r, char escape, lt_str name, lt_str whole)
{
    for (size_t i = 0; i < LT_COUNT_OF(properties); i++) {
        if (lt_str_eq(name, lt_str_of(properties[i].java))) {
            lt_text_printf(r->to, "\\%c{%s}", escape, properties[i].pcre);
            return true;
        }
    }
    size_t equals = 0;
    while (equals < name.len && name.ptr[equals] != '=') {
        equals++;
    }
    lt_str key = {name.ptr, equals};
    lt_str value =
        equals < name.len ? (lt_str){name.ptr + equals + 1, name.len - equals - 1} : name;
    if (equals < name.len) {
        bool script = lt_str_eq_ci(key, LT_STR("script")) || lt_str_eq_ci(key, LT_STR("sc"));
        bool category =
            lt_str_eq_ci(key, LT_STR("general_category")) || lt_str_eq_ci(key, LT_STR("gc"));
        if (script || category) {
            lt_text_printf(r->to, script ? "\\%c{sc:%.*s}" : "\\%c{%.*s}", escape, (int)value.len,
                           value.ptr);
            return true;
        }
        return unsupported(r, "there is no counterpart of the property", whole);
    }
    if (lt_str_starts(name, LT_STR("In"))) {
        return unsupported(r, "blocks of Unicode are not supported:", whole);
    }
    if (lt_str_starts(name, LT_STR("java"))) {
        return unsupported(r, "there is no counterpart of the property", whole);
    }
    if (lt_str_starts(name, LT_STR("Is"))) {
        lt_str rest = {name.ptr + 2, name.len - 2};
        lt_text_printf(r->to, is_category(rest) ? "\\%c{%.*s}" : "\\%c{sc:%.*s}", escape,
                       (int)rest.len, rest.ptr);
        return true;
    }
    if (!is_category(name)) {
        return refuse(r, "unknown property", whole);
    }
    lt_text_printf(r->to, "\\%c{%.*s}", escape, (int)name.len, name.ptr);
    return true;
}

/* \p{..} and \P{..}; the backslash is the current character. */
static bool property(rewriter *r, bool in_class)
{
    char escape = peek(r, 1);
    if (peek(r, 2) != '{') {
        copy(r, 3);
        return true;
    }
    size_t from = r->at + 3, end = from;
    while (end < r->s.len && r->s.ptr[end] != '}') {
        end++;
    }
    lt_str whole = {r->s.ptr + r->at, LT_MIN(end + 1, r->s.len) - r->at};
    if (end == r->s.len) {
        return refuse(r, "a property is not closed:", whole);
    }
    lt_str name = {r->s.ptr + from, end - from};
    r->at = end + 1;
    for (size_t i = 0; i < LT_COUNT_OF(posix_classes); i++) {
        if (lt_str_eq(name, lt_str_of(posix_classes[i].java))) {
            lt_text_printf(r->to, in_class ? "[:%s%s:]" : "[[:%s%s:]]", escape == 'P' ? "^" : "",
                           posix_classes[i].posix);
            return true;
        }
    }
    return property_value(r, escape, name, whole);
}

/* ---- escapes ---- */

/* \uXXXX, two of them when they are the halves of one character. */
static bool unicode_escape(rewriter *r)
{
    uint32_t code, low;
    lt_str whole = {r->s.ptr + r->at, LT_MIN((size_t)6, r->s.len - r->at)};
    if (!four_hex(r, 2, &code)) {
        return refuse(r, "illegal escape", whole);
    }
    r->at += 6;
    if (code >= 0xd800 && code < 0xdc00 && peek(r, 0) == '\\' && peek(r, 1) == 'u' &&
        four_hex(r, 2, &low) && low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        r->at += 6;
    }
    if (code >= 0xd800 && code < 0xe000) {
        return unsupported(r, "half a character:", whole);
    }
    lt_text_printf(r->to, "\\x{%x}", (unsigned)code);
    return true;
}

/* \0 and up to three octal digits */
static bool octal_escape(rewriter *r)
{
    size_t digits = 0;
    unsigned code = 0;
    r->at += 2;
    while (digits < 3 && peek(r, 0) >= '0' && peek(r, 0) <= '7' &&
           code * 8 + (unsigned)(peek(r, 0) - '0') <= 0377) {
        code = code * 8 + (unsigned)(peek(r, 0) - '0');
        r->at++;
        digits++;
    }
    if (digits == 0) {
        return refuse(r, "illegal octal escape", LT_STR("\\0"));
    }
    lt_text_printf(r->to, "\\x{%x}", code);
    return true;
}

/* \12 is group 12 if there are so many, else group 1 and a 2. */
static bool back_reference(rewriter *r)
{
    int group = peek(r, 1) - '0';
    r->at += 2;
    while (peek(r, 0) >= '0' && peek(r, 0) <= '9' && group * 10 + peek(r, 0) - '0' <= r->groups) {
        group = group * 10 + peek(r, 0) - '0';
        r->at++;
    }
    if (group > r->groups) {
        /* Java: it matches nothing. */
        lt_text_puts(r->to, "(?!)");
        return true;
    }
    lt_text_printf(r->to, "\\g{%d}", group);
    return true;
}

static bool quoted_part(rewriter *r)
{
    size_t end = r->at + 2;
    while (end < r->s.len &&
           !(r->s.ptr[end] == '\\' && end + 1 < r->s.len && r->s.ptr[end + 1] == 'E')) {
        end++;
    }
    copy(r, end - r->at);
    lt_text_puts(r->to, "\\E");
    r->at = LT_MIN(end + 2, r->s.len);
    return true;
}

static bool escape(rewriter *r, bool in_class)
{
    char c = peek(r, 1);
    lt_str whole = {r->s.ptr + r->at, LT_MIN((size_t)2, r->s.len - r->at)};
    if (c == '\0') {
        return refuse(r, "a backslash stands at the end", LT_STR(""));
    }
    if (c == 'p' || c == 'P') {
        return property(r, in_class);
    }
    if (c == 'u') {
        return unicode_escape(r);
    }
    if (c == '0') {
        return octal_escape(r);
    }
    if (c >= '1' && c <= '9') {
        return in_class ? refuse(r, "illegal escape", whole) : back_reference(r);
    }
    if (c == 'Q') {
        return quoted_part(r);
    }
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const char *known = in_class ? "tnrfaecdDhHsSvVwWx" : "tnrfaecdDhHsSvVwWxbBAGZzRXk";
    if (letter && strchr(known, c) == NULL) {
        return c == 'N' ? unsupported(r, "unsupported escape", whole)
                        : refuse(r, "illegal escape", whole);
    }
    if (c == 'b' && peek(r, 2) == '{') {
        return unsupported(r, "unsupported escape", LT_STR("\\b{g}"));
    }
    copy(r, c == 'c' ? 3 : 2);
    return true;
}

/* ---- classes ---- */

static bool char_class(rewriter *r);

/* One operand of `&&`: a union of plain items and nested classes, ended by `&&` or `]`. */
static bool class_union(rewriter *r, lt_text *out, bool first, bool *nested)
{
    lt_text plain, groups;
    lt_text *to = r->to;
    bool good = true;
    lt_text_init(&plain, out->mem);
    lt_text_init(&groups, out->mem);
    r->to = &plain;
    while (good && more(r) && (peek(r, 0) != ']' || first) &&
           !(peek(r, 0) == '&' && peek(r, 1) == '&')) {
        first = false;
        if (peek(r, 0) == '[') {
            *nested = true;
            r->to = &groups;
            if (groups.len > 0) {
                lt_text_putc(&groups, '|');
            }
            good = char_class(r);
            r->to = &plain;
        } else if (peek(r, 0) == '\\') {
            good = escape(r, true);
        } else {
            /* `^` was looked at; `[:` would begin a class of PCRE2. */
            if (strchr("^:.=", peek(r, 0)) != NULL && plain.len == 0) {
                lt_text_putc(&plain, '\\');
            }
            copy(r, 1);
        }
    }
    r->to = to;
    lt_str p = lt_text_str(&plain), g = lt_text_str(&groups);
    if (g.len == 0) {
        lt_text_printf(out, "[" LT_STR_FMT "]", LT_STR_ARG(p));
    } else if (p.len == 0) {
        lt_text_printf(out, "(?:" LT_STR_FMT ")", LT_STR_ARG(g));
    } else {
        lt_text_printf(out, "(?:[" LT_STR_FMT "]|" LT_STR_FMT ")", LT_STR_ARG(p), LT_STR_ARG(g));
    }
    out->failed = out->failed || plain.failed || groups.failed;
    lt_text_deinit(&plain);
    lt_text_deinit(&groups);
    return good;
}

/* The current character is the opening bracket. */
static bool char_class(rewriter *r)
{
    lt_text all, part;
    bool nested = false, good = true, first = true;
    lt_str whole = {r->s.ptr + r->at, r->s.len - r->at};
    if (++r->depth > DEPTH_MAX) {
        return unsupported(r, "classes are nested too deeply:", whole);
    }
    r->at++;
    bool negated = peek(r, 0) == '^';
    r->at += negated;
    lt_text_init(&all, r->to->mem);
    lt_text_init(&part, r->to->mem);
    while (good && more(r)) {
        lt_text_clear(&part);
        good = class_union(r, &part, first, &nested);
        first = false;
        lt_str p = lt_text_str(&part);
        bool goes_on = peek(r, 0) == '&';
        bool empty = p.len == 2; /* `[a&&]`: nothing stands behind */
        if (goes_on) {
            r->at += 2;
            nested = true;
        }
        if (!empty && goes_on) {
            lt_text_printf(&all, "(?=" LT_STR_FMT ")", LT_STR_ARG(p));
        } else if (!empty) {
            lt_text_append(&all, p.ptr, p.len);
        } else if (!goes_on) {
            lt_text_puts(&all, "(?s:.)");
        }
        if (!goes_on) {
            break;
        }
    }
    if (good && peek(r, 0) != ']') {
        good = refuse(r, "a class is not closed:", whole);
    }
    r->at++;
    lt_str a = lt_text_str(&all);
    if (!nested && a.len > 1) {
        lt_text_printf(r->to, "[%s%.*s", negated ? "^" : "", (int)(a.len - 1), a.ptr + 1);
    } else {
        lt_text_printf(r->to, negated ? "(?:(?!" LT_STR_FMT ")(?s:.))" : "(?:" LT_STR_FMT ")",
                       LT_STR_ARG(a));
    }
    r->to->failed = r->to->failed || all.failed || part.failed;
    lt_text_deinit(&all);
    lt_text_deinit(&part);
    r->depth--;
    return good;
}

/* ---- groups ---- */

/* (?imsx-imsx) and (?imsx-imsx:..): `u` and `d` change nothing here and are left out. */
static bool flags(rewriter *r)
{
    size_t end = r->at + 2;
    while (end < r->s.len && r->s.ptr[end] != ')' && r->s.ptr[end] != ':') {
        end++;
    }
    lt_str whole = {r->s.ptr + r->at, LT_MIN(end + 1, r->s.len) - r->at};
    if (end == r->s.len) {
        return refuse(r, "a group is not closed:", whole);
    }
    lt_text_puts(r->to, "(?");
    for (size_t i = r->at + 2; i < end; i++) {
        char c = r->s.ptr[i];
        if (strchr("imsx-", c) != NULL) {
            lt_text_putc(r->to, c);
        } else if (c != 'u' && c != 'd') {
            return c == 'U' ? unsupported(r, "the flag U of", whole)
                            : refuse(r, "unknown group", whole);
        }
    }
    lt_text_putc(r->to, r->s.ptr[end]);
    r->at = end + 1;
    return true;
}

static bool group(rewriter *r)
{
    lt_str whole = {r->s.ptr + r->at, LT_MIN((size_t)8, r->s.len - r->at)};
    if (peek(r, 1) == '*') {
        return refuse(r, "a quantifier has nothing to repeat:", whole);
    }
    if (peek(r, 1) != '?') {
        r->groups++;
        copy(r, 1);
        return true;
    }
    char c = peek(r, 2);
    if (c == ':' || c == '=' || c == '!' || c == '>') {
        copy(r, 3);
        return true;
    }
    if (c == '<') {
        bool behind = peek(r, 3) == '=' || peek(r, 3) == '!';
        r->groups += !behind;
        copy(r, behind ? 4 : 3);
        return true;
    }
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-') {
        return c == 'P' || c == 'R' ? refuse(r, "unknown group", whole) : flags(r);
    }
    return refuse(r, "unknown group", whole);
}

lt_regex_verdict lt_regex_from_java(lt_str pattern, lt_text *to, char why[128])
{
    rewriter r = {.s = pattern, .to = to, .why = why};
    bool good = true;
    while (good && more(&r)) {
        switch (peek(&r, 0)) {
        case '\\':
            good = escape(&r, false);
            break;
        case '[':
            good = char_class(&r);
            break;
        case '(':
            good = group(&r);
            break;
        default:
            copy(&r, 1);
            break;
        }
    }
    if (to->failed) {
        return LT_REGEX_NOMEM;
    }
    return good ? LT_REGEX_FINE : r.unsupported ? LT_REGEX_UNSUPPORTED : LT_REGEX_BAD;
}
