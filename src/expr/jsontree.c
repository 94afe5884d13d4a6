/* Parsing by recursive descent with a bound on depth, and writing. */
#include "expr/jsontree.h"

#include "expr/javafmt.h"
#include "expr/utf8.h"

typedef struct {
    const char *p, *end;
    lt_arena *arena;
    bool nomem;
    int depth;
} parser;

static void skip_blanks(parser *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r')) {
        s->p++;
    }
}

static bool four_hex(const char *p, const char *end, uint32_t *out)
{
    *out = 0;
    if (end - p < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'                     ? c - '0'
                    : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                             : -1;
        if (digit < 0) {
            return false;
        }
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

static size_t put_escape(parser *s, char *to)
{
    static const char escaped[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
    if (s->p == s->end || *s->p == '\0') {
        return 0;
    }
    char c = *s->p++;
    const char *hit = strchr(escaped, c);
    if (hit != NULL) {
        *to = plain[hit - escaped];
        return 1;
    }
    uint32_t code, low;
    if (c != 'u' || !four_hex(s->p, s->end, &code)) {
        return 0;
    }
    s->p += 4;
    if (code >= 0xd800 && code < 0xdc00 && s->end - s->p >= 6 && s->p[0] == '\\' &&
        s->p[1] == 'u' && four_hex(s->p + 2, s->end, &low) && low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        s->p += 6;
    }
    return lt_utf8_put(code >= 0xd800 && code < 0xe000 ? 0xfffd : code, to);
}

/* One character of a string's content. */
static size_t take_piece(parser *s, char piece[4])
{
    if (*s->p == '\\') {
        s->p++;
        return put_escape(s, piece);
    }
    piece[0] = *s->p++;
    return 1;
}

bool lt_json_name_is(lt_str name, lt_str key)
{
    parser s = {.p = name.ptr, .end = name.ptr + name.len};
    size_t at = 0;
    while (s.p < s.end) {
        char piece[4];
        size_t len = take_piece(&s, piece);
        if (key.len - at < len || memcmp(key.ptr + at, piece, len) != 0) {
            return false;
        }
        at += len;
    }
    return at == key.len;
}

size_t lt_json_unescape(lt_str raw, char *to)
{
    parser s = {.p = raw.ptr, .end = raw.ptr + raw.len};
    size_t len = 0;
    while (s.p < s.end) {
        char piece[4];
        size_t step = take_piece(&s, piece);
        memcpy(to + len, piece, step);
        len += step;
    }
    return len;
}

/* Behind the opening quote. Text without escapes is borrowed. */
static bool parse_string(parser *s, lt_str *out)
{
    const char *from = s->p;
    while (s->p < s->end && *s->p != '"' && *s->p != '\\') {
        if ((unsigned char)*s->p < 0x20) {
            return false;
        }
        s->p++;
    }
    if (s->p < s->end && *s->p == '"') {
        *out = (lt_str){from, (size_t)(s->p - from)};
        s->p++;
        return true;
    }
    const char *close = s->p;
    while (close < s->end && *close != '"') {
        close += *close == '\\' ? 2 : 1;
    }
    if (close >= s->end) {
        return false;
    }
    char *to = lt_arena_alloc(s->arena, (size_t)(close - from) + 4, 1);
    if (to == NULL) {
        s->nomem = true;
        return false;
    }
    size_t len = (size_t)(s->p - from);
    memcpy(to, from, len);
    while (*s->p != '"') {
        if (*s->p != '\\') {
            if ((unsigned char)*s->p < 0x20) {
                return false;
            }
            to[len++] = *s->p++;
            continue;
        }
        s->p++;
        size_t step = put_escape(s, to + len);
        if (step == 0) {
            return false;
        }
        len += step;
    }
    s->p++;
    *out = (lt_str){to, len};
    return true;
}

static bool parse_number(parser *s, lt_json *value)
{
    const char *from = s->p;
    s->p += *s->p == '-';
    const char *digits = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9') {
        s->p++;
    }
    if (s->p == digits || (*digits == '0' && s->p - digits > 1)) {
        return false;
    }
    if (s->p < s->end && *s->p == '.') {
        digits = ++s->p;
        while (s->p < s->end && *s->p >= '0' && *s->p <= '9') {
            s->p++;
        }
        if (s->p == digits) {
            return false;
        }
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        s->p += s->p < s->end && (*s->p == '+' || *s->p == '-');
        digits = s->p;
        while (s->p < s->end && *s->p >= '0' && *s->p <= '9') {
            s->p++;
        }
        if (s->p == digits) {
            return false;
        }
    }
    value->kind = LT_JSON_NUMBER;
    value->text = (lt_str){from, (size_t)(s->p - from)};
    return true;
}

static lt_json *parse_value(parser *s);

static bool parse_items(parser *s, lt_json *list, char close)
{
    lt_json **link = &list->first;
    skip_blanks(s);
    if (s->p < s->end && *s->p == close) {
        s->p++;
        return true;
    }
    while (true) {
        lt_str key = {NULL, 0};
        skip_blanks(s);
        if (close == '}') {
            if (s->p == s->end || *s->p++ != '"' || !parse_string(s, &key)) {
                return false;
            }
            skip_blanks(s);
            if (s->p == s->end || *s->p++ != ':') {
                return false;
            }
        }
        lt_json *item = parse_value(s);
        if (item == NULL) {
            return false;
        }
        item->key = key;
        *link = item;
        link = &item->next;
        list->count++;
        skip_blanks(s);
        if (s->p == s->end || (*s->p != ',' && *s->p != close)) {
            return false;
        }
        if (*s->p++ == close) {
            return true;
        }
    }
}

static bool parse_word(parser *s, const char *word, lt_json *value, lt_json_kind kind)
{
    size_t len = strlen(word);
    if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0) {
        return false;
    }
    s->p += len;
    value->kind = kind;
    return true;
}

static lt_json *parse_value(parser *s)
{
    skip_blanks(s);
    if (s->p == s->end || s->depth >= LT_JSON_DEPTH_MAX) {
        return NULL;
    }
    lt_json *value = LT_NEW(s->arena, lt_json);
    if (value == NULL) {
        s->nomem = true;
        return NULL;
    }
    bool good;
    s->depth++;
    switch (*s->p) {
    case '{':
    case '[':
        value->kind = *s->p == '{' ? LT_JSON_OBJECT : LT_JSON_ARRAY;
        good = parse_items(s, value, *s->p++ == '{' ? '}' : ']');
        break;
    case '"':
        s->p++;
        value->kind = LT_JSON_STRING;
        good = parse_string(s, &value->text);
        break;
    case 't':
        good = parse_word(s, "true", value, LT_JSON_TRUE);
        break;
    case 'f':
        good = parse_word(s, "false", value, LT_JSON_FALSE);
        break;
    case 'n':
        good = parse_word(s, "null", value, LT_JSON_NULL);
        break;
    default:
        good = parse_number(s, value);
        break;
    }
    s->depth--;
    return good ? value : NULL;
}

lt_json *lt_json_parse(lt_str text, lt_arena *arena, bool *nomem)
{
    parser s = {.p = text.ptr, .end = text.ptr + text.len, .arena = arena};
    lt_json *value = text.len > 0 ? parse_value(&s) : NULL;
    *nomem = s.nomem;
    bool word = value != NULL && value->kind <= LT_JSON_NUMBER;
    if (word && s.p < s.end && strchr(" \t\r\n", *s.p) == NULL) {
        return NULL; /* `1-2`, `true1`: a number or a word ends at a blank */
    }
    return value;
}

/* ---- writing ---- */

void lt_json_put_number(lt_str s, lt_text *to)
{
    char digits[64];
    size_t count = 0, i = 0;
    int64_t scale = 0, exponent = 0;
    bool point = false, negative = s.len > 0 && s.ptr[0] == '-';
    for (i = negative; i < s.len && s.ptr[i] != 'e' && s.ptr[i] != 'E'; i++) {
        if (s.ptr[i] == '.') {
            point = true;
            continue;
        }
        scale += point;
        if ((count > 0 || s.ptr[i] != '0') && count < sizeof digits) {
            digits[count++] = s.ptr[i];
        }
    }
    if (i == s.len || count == sizeof digits ||
        !lt_str_to_i64((lt_str){s.ptr + i + 1, s.len - i - 1}, &exponent) || exponent > 100000 ||
        exponent < -100000) {
        lt_text_append(to, s.ptr, s.len);
        return;
    }
    if (count == 0) {
        digits[count++] = '0';
    }
    scale -= exponent;
    int64_t adjusted = -scale + (int64_t)count - 1;
    if (negative) {
        lt_text_putc(to, '-');
    }
    if (scale >= 0 && adjusted >= -6) {
        int64_t whole = (int64_t)count - scale;
        if (whole <= 0) {
            lt_text_puts(to, "0");
        }
        for (int64_t d = LT_MIN(whole, (int64_t)0); d < (int64_t)count; d++) {
            if (d == whole || (whole <= 0 && d == LT_MIN(whole, (int64_t)0))) {
                lt_text_putc(to, '.');
            }
            lt_text_putc(to, d < 0 ? '0' : digits[d]);
        }
        return;
    }
    lt_text_putc(to, digits[0]);
    if (count > 1) {
        lt_text_putc(to, '.');
        lt_text_append(to, digits + 1, count - 1);
    }
    if (adjusted != 0) {
        lt_text_printf(to, "E%+lld", (long long)adjusted);
    }
}

/* The member with the smallest key above `after`, the last of equal ones; NULL at the end. */
static const lt_json *next_member(const lt_json *object, const lt_str *after)
{
    const lt_json *best = NULL;
    for (const lt_json *m = object->first; m != NULL; m = m->next) {
        if (after != NULL && lt_str_cmp(m->key, *after) <= 0) {
            continue;
        }
        if (best == NULL || lt_str_cmp(m->key, best->key) <= 0) {
            best = m;
        }
    }
    return best;
}

void lt_json_write(const lt_json *value, lt_text *to)
{
    switch (value->kind) {
    case LT_JSON_NULL:
        lt_text_puts(to, "null");
        break;
    case LT_JSON_STRING:
        lt_text_json(to, value->text);
        break;
    case LT_JSON_ARRAY:
        lt_text_putc(to, '[');
        for (const lt_json *item = value->first; item != NULL; item = item->next) {
            lt_json_write(item, to);
            if (item->next != NULL) {
                lt_text_putc(to, ',');
            }
        }
        lt_text_putc(to, ']');
        break;
    case LT_JSON_OBJECT: {
        const lt_json *member = next_member(value, NULL);
        lt_text_putc(to, '{');
        while (member != NULL) {
            lt_text_json(to, member->key);
            lt_text_putc(to, ':');
            lt_json_write(member, to);
            member = next_member(value, &member->key);
            if (member != NULL) {
                lt_text_putc(to, ',');
            }
        }
        lt_text_putc(to, '}');
        break;
    }
    case LT_JSON_TRUE:
    case LT_JSON_FALSE:
    case LT_JSON_NUMBER:
        lt_json_scalar(value, to);
        break;
    }
}

void lt_json_scalar(const lt_json *value, lt_text *to)
{
    if (value->kind == LT_JSON_NUMBER) {
        lt_json_put_number(value->text, to);
    } else if (value->kind == LT_JSON_STRING) {
        lt_text_append(to, value->text.ptr, value->text.len);
    } else {
        lt_text_puts(to, value->kind == LT_JSON_TRUE ? "true" : "false");
    }
}
