/* A strict walk over JSON text; nothing is kept. */
#include "cli/flat.h"

#define DEPTH_MAX 32

typedef struct {
    lt_str text;
    size_t at;
} cursor;

static bool skip_value(cursor *c, unsigned depth);

static void skip_blanks(cursor *c)
{
    while (c->at < c->text.len && memchr(" \t\r\n", c->text.ptr[c->at], 4) != NULL) {
        c->at++;
    }
}

static bool accept(cursor *c, char ch)
{
    skip_blanks(c);
    if (c->at < c->text.len && c->text.ptr[c->at] == ch) {
        c->at++;
        return true;
    }
    return false;
}

/* The string without its quotes, escapes as they are. */
static bool take_string(cursor *c, lt_str *out)
{
    if (!accept(c, '"')) {
        return false;
    }
    size_t start = c->at;
    while (c->at < c->text.len && c->text.ptr[c->at] != '"') {
        if ((unsigned char)c->text.ptr[c->at] < 0x20) {
            return false;
        }
        c->at += c->text.ptr[c->at] == '\\' ? 2 : 1;
    }
    if (c->at >= c->text.len) {
        return false;
    }
    *out = (lt_str){c->text.ptr + start, c->at - start};
    c->at++;
    return true;
}

static bool skip_members(cursor *c, bool named, unsigned depth)
{
    char end = named ? '}' : ']';
    lt_str key;
    if (accept(c, end)) {
        return true;
    }
    do {
        if (named && (!take_string(c, &key) || !accept(c, ':'))) {
            return false;
        }
        if (!skip_value(c, depth)) {
            return false;
        }
    } while (accept(c, ','));
    return accept(c, end);
}

static bool skip_plain(cursor *c)
{
    size_t start = c->at;
    while (c->at < c->text.len) {
        char ch = c->text.ptr[c->at];
        bool fits = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || ch == 'E' ||
                    ch == '+' || ch == '-' || ch == '.';
        if (!fits) {
            break;
        }
        c->at++;
    }
    return c->at > start;
}

static bool skip_value(cursor *c, unsigned depth)
{
    lt_str ignored;
    skip_blanks(c);
    if (c->at >= c->text.len || depth == 0) {
        return false;
    }
    switch (c->text.ptr[c->at]) {
    case '"':
        return take_string(c, &ignored);
    case '{':
        c->at++;
        return skip_members(c, true, depth - 1);
    case '[':
        c->at++;
        return skip_members(c, false, depth - 1);
    default:
        return skip_plain(c);
    }
}

bool lt_flat_is_object(lt_str text)
{
    cursor c = {text, 0};
    if (!accept(&c, '{') || !skip_members(&c, true, DEPTH_MAX)) {
        return false;
    }
    skip_blanks(&c);
    return c.at == text.len;
}

bool lt_flat_raw(lt_str object, const char *key, lt_str *out)
{
    cursor c = {object, 0};
    lt_str name;
    if (!accept(&c, '{')) {
        return false;
    }
    while (take_string(&c, &name) && accept(&c, ':')) {
        skip_blanks(&c);
        size_t start = c.at;
        if (!skip_value(&c, DEPTH_MAX)) {
            return false;
        }
        if (lt_str_eq(name, lt_str_of(key))) {
            *out = (lt_str){object.ptr + start, c.at - start};
            return true;
        }
        if (!accept(&c, ',')) {
            return false;
        }
    }
    return false;
}

static bool hex4(lt_str text, size_t at, uint32_t *out)
{
    *out = 0;
    if (at + 4 > text.len) {
        return false;
    }
    for (size_t i = 0; i < 4; i++) {
        char ch = text.ptr[at + i];
        uint32_t digit = ch >= '0' && ch <= '9'   ? (uint32_t)(ch - '0')
                         : ch >= 'a' && ch <= 'f' ? (uint32_t)(ch - 'a' + 10)
                         : ch >= 'A' && ch <= 'F' ? (uint32_t)(ch - 'A' + 10)
                                                  : 16;
        if (digit == 16) {
            return false;
        }
        *out = *out << 4 | digit;
    }
    return true;
}

static void put_utf8(lt_text *to, uint32_t code)
{
    if (code < 0x80) {
        lt_text_putc(to, (char)code);
    } else if (code < 0x800) {
        lt_text_putc(to, (char)(0xc0 | code >> 6));
        lt_text_putc(to, (char)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        lt_text_putc(to, (char)(0xe0 | code >> 12));
        lt_text_putc(to, (char)(0x80 | (code >> 6 & 0x3f)));
        lt_text_putc(to, (char)(0x80 | (code & 0x3f)));
    } else {
        lt_text_putc(to, (char)(0xf0 | code >> 18));
        lt_text_putc(to, (char)(0x80 | (code >> 12 & 0x3f)));
        lt_text_putc(to, (char)(0x80 | (code >> 6 & 0x3f)));
        lt_text_putc(to, (char)(0x80 | (code & 0x3f)));
    }
}

/* \uXXXX at text[*at] behind the u, a pair of surrogates together. */
static bool put_unicode(lt_text *to, lt_str text, size_t *at)
{
    uint32_t code, low;
    if (!hex4(text, *at, &code)) {
        return false;
    }
    *at += 4;
    if (code >= 0xd800 && code < 0xdc00 && *at + 6 <= text.len && text.ptr[*at] == '\\' &&
        text.ptr[*at + 1] == 'u' && hex4(text, *at + 2, &low) && low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        *at += 6;
    }
    if (code == 0 || (code >= 0xd800 && code < 0xe000)) {
        return false;
    }
    put_utf8(to, code);
    return true;
}

bool lt_flat_text(lt_str object, const char *key, lt_text *to)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    lt_str raw;
    if (!lt_flat_raw(object, key, &raw) || raw.ptr[0] != '"') {
        return false;
    }
    lt_str text = {raw.ptr + 1, raw.len - 2};
    for (size_t at = 0; at < text.len;) {
        char ch = text.ptr[at++];
        if (ch != '\\') {
            lt_text_putc(to, ch);
            continue;
        }
        const char *found =
            at < text.len ? memchr(letters, text.ptr[at], sizeof letters - 1) : NULL;
        bool is_unicode = at < text.len && text.ptr[at] == 'u';
        at++;
        if (found != NULL) {
            lt_text_putc(to, meant[found - letters]);
        } else if (!is_unicode || !put_unicode(to, text, &at)) {
            return false;
        }
    }
    return !to->failed;
}

bool lt_flat_int(lt_str object, const char *key, int64_t *out)
{
    lt_str raw;
    return lt_flat_raw(object, key, &raw) && lt_str_to_i64(raw, out);
}

bool lt_flat_is_true(lt_str object, const char *key)
{
    lt_str raw;
    return lt_flat_raw(object, key, &raw) && lt_str_eq(raw, LT_STR("true"));
}
