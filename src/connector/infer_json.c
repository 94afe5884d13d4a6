/* Inference from JSON lines. A line is read twice: once to see that it is whole, once to note its
 * members, so that a broken line leaves no trace. */
#include <string.h>

#include "connector/infer_int.h"

typedef struct {
    const char *at;
    const char *end;
    lt_arena *arena;
    bool failed; /* out of memory */
} reader;

static void skip_blanks(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\r')) {
        r->at++;
    }
}

static bool take(reader *r, char ch)
{
    skip_blanks(r);
    if (r->at < r->end && *r->at == ch) {
        r->at++;
        return true;
    }
    return false;
}

/* The text between the quotes, escapes untouched. */
static bool read_string(reader *r, lt_str *out)
{
    if (!take(r, '"')) {
        return false;
    }
    const char *start = r->at;
    while (r->at < r->end && *r->at != '"') {
        if ((unsigned char)*r->at < 0x20) {
            return false;
        }
        r->at += *r->at == '\\' && r->at + 1 < r->end ? 2 : 1;
    }
    if (r->at >= r->end) {
        return false;
    }
    *out = (lt_str){start, (size_t)(r->at - start)};
    r->at++;
    return true;
}

static size_t put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    to[0] = (char)(0xe0 | code >> 12);
    to[1] = (char)(0x80 | (code >> 6 & 63));
    to[2] = (char)(0x80 | (code & 63));
    return 3;
}

static bool read_hex4(const char *at, const char *end, unsigned *out)
{
    *out = 0;
    if (end - at < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        char lower = (char)(at[i] | 0x20);
        bool digit = at[i] >= '0' && at[i] <= '9';
        if (!digit && (lower < 'a' || lower > 'f')) {
            return false;
        }
        *out = *out * 16 + (unsigned)(digit ? at[i] - '0' : lower - 'a' + 10);
    }
    return true;
}

/* A member's name with its escapes resolved; surrogate pairs are not worth the trouble here and
 * refuse the line. */
static bool unescape(reader *r, lt_str raw, lt_str *out)
{
    *out = raw;
    if (raw.len == 0 || memchr(raw.ptr, '\\', raw.len) == NULL) {
        return true;
    }
    char *text = lt_arena_alloc(r->arena, raw.len,
                                1); /* an escape is never shorter than what it stands for */
    if (text == NULL) {
        r->failed = true;
        return false;
    }
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    size_t len = 0;
    const char *end = raw.ptr + raw.len;
    for (const char *at = raw.ptr; at < end; at++) {
        if (*at != '\\') {
            text[len++] = *at;
            continue;
        }
        at++;
        const char *simple = at < end ? memchr(from, *at, sizeof from - 1) : NULL;
        unsigned code;
        if (simple != NULL) {
            text[len++] = to[simple - from];
        } else if (at < end && *at == 'u' && read_hex4(at + 1, end, &code) &&
                   (code < 0xd800 || code > 0xdfff)) {
            len += put_utf8(text + len, code);
            at += 4;
        } else {
            return false;
        }
    }
    *out = (lt_str){text, len};
    return true;
}

static bool read_value(reader *r, lt_seen *seen, unsigned depth);

static bool read_member(reader *r, lt_seen *seen, unsigned depth)
{
    lt_str raw;
    lt_str name;
    if (!read_string(r, &raw) || !unescape(r, raw, &name) || !take(r, ':')) {
        return false;
    }
    lt_seen_field *field =
        seen != NULL && name.len > 0 ? lt_seen_member(seen, name, r->arena, &r->failed) : NULL;
    return read_value(r, field != NULL ? &field->value : NULL, depth);
}

static bool read_object(reader *r, lt_seen *seen, unsigned depth)
{
    if (seen != NULL) {
        seen->kinds |= LT_SEEN_OBJECT;
    }
    if (take(r, '}')) {
        return true;
    }
    do {
        if (!read_member(r, seen, depth + 1)) {
            return false;
        }
    } while (take(r, ','));
    return take(r, '}');
}

static bool read_array(reader *r, lt_seen *seen, unsigned depth)
{
    if (seen != NULL) {
        seen->kinds |= LT_SEEN_ARRAY;
        if (seen->element == NULL) {
            seen->element = LT_NEW(r->arena, lt_seen);
            r->failed = r->failed || seen->element == NULL;
        }
    }
    if (take(r, ']')) {
        return true;
    }
    do {
        if (!read_value(r, seen != NULL ? seen->element : NULL, depth + 1)) {
            return false;
        }
    } while (take(r, ','));
    return take(r, ']');
}

static bool read_word(reader *r, lt_seen *seen)
{
    const char *start = r->at;
    while (r->at < r->end && strchr(",]} \t\r", *r->at) == NULL) {
        r->at++;
    }
    lt_str word = {start, (size_t)(r->at - start)};
    if (lt_str_eq(word, LT_STR("null"))) {
        return true;
    }
    unsigned kind = lt_str_eq(word, LT_STR("true")) || lt_str_eq(word, LT_STR("false"))
                        ? LT_SEEN_BOOL
                        : lt_seen_number(word);
    if (kind == LT_SEEN_TEXT) {
        /* Valid JSON numbers that no column type but STRING holds: too many digits. */
        for (size_t i = 0; i < word.len; i++) {
            if (strchr("0123456789-+.eE", word.ptr[i]) == NULL) {
                return false;
            }
        }
        if (word.len == 0) {
            return false;
        }
    }
    if (seen != NULL) {
        seen->kinds |= kind;
    }
    return true;
}

static bool read_value(reader *r, lt_seen *seen, unsigned depth)
{
    if (depth > LT_INFER_DEPTH) {
        return false;
    }
    skip_blanks(r);
    if (r->at >= r->end || r->failed) {
        return false;
    }
    if (*r->at == '"') {
        lt_str text;
        if (!read_string(r, &text)) {
            return false;
        }
        if (seen != NULL) {
            seen->kinds |= lt_seen_text(text);
        }
        return true;
    }
    if (take(r, '{')) {
        return read_object(r, seen, depth);
    }
    if (take(r, '[')) {
        return read_array(r, seen, depth);
    }
    return read_word(r, seen);
}

static bool read_line(reader *r, lt_str line, lt_seen *seen)
{
    r->at = line.ptr;
    r->end = line.ptr + line.len;
    if (!take(r, '{') || !read_object(r, seen, 0)) {
        return false;
    }
    skip_blanks(r);
    return r->at == r->end;
}

lt_status lt_infer_json(lt_str sample, bool whole, lt_arena *arena, lt_inferred *out, lt_error *err)
{
    lt_seen top = {0};
    reader r = {.arena = arena};
    lt_str rest = sample;
    for (uint32_t records = 0; rest.len > 0 && records < LT_INFER_RECORDS && !r.failed;) {
        const char *line_end = memchr(rest.ptr, '\n', rest.len);
        if (line_end == NULL && !whole) {
            break; /* cut off by the sample's end */
        }
        size_t len = line_end != NULL ? (size_t)(line_end - rest.ptr) : rest.len;
        lt_str line = {rest.ptr, len};
        if (read_line(&r, line, NULL)) {
            (void)read_line(&r, line, &top);
            records++;
        }
        size_t used = len + (line_end != NULL);
        rest = (lt_str){rest.ptr + used, rest.len - used};
    }
    if (!r.failed && top.field_count == 0) {
        lt_status st =
            lt_error_set(err, LT_ERR_DATA, "no line of the sample is a JSON object with members");
        lt_error_hint(err, "JSON is read as one object a line; declare the table with CREATE TABLE "
                           "for anything else");
        return st;
    }
    const lt_type *type = r.failed ? NULL
                                   : lt_seen_type(&(lt_seen){.kinds = LT_SEEN_OBJECT,
                                                             .fields = top.fields,
                                                             .field_count = top.field_count},
                                                  (lt_str){"", 0}, arena);
    const lt_schema *schema =
        type != NULL ? lt_schema_new(arena, type->fields, type->field_count) : NULL;
    if (schema == NULL) {
        return lt_error_nomem(err, "an inferred schema");
    }
    *out = (lt_inferred){.format = "json", .schema = schema};
    return LT_OK;
}
