/* JSON values into columns: the general path. Strings borrow from the input when they have no
 * escape; a nested value goes to the children of its column directly. Every check is made here, for
 * wanted values and for skipped ones. Recursion is bounded by JSON_DEPTH_MAX. */
#include "format/json_int.h"

#include "base/hash.h"
#include "format/number.h"
#include "format/text.h"

#define ONES  0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL

json_result json_broken(json_reader *r, const char *code, const char *what)
{
    if (r->why.code == NULL) {
        lt_refuse(&r->why, code, "%s", what);
    }
    return JSON_BROKEN;
}

static json_result bad_field(json_reader *r, const json_node *node, lt_str text)
{
    if (r->why.code == NULL) {
        lt_refuse(&r->why, "bad-field", "field '%.*s': no such value: %.*s",
                  (int)LT_MIN(node->name.len, 60), node->name.ptr, (int)LT_MIN(text.len, 60),
                  text.ptr);
    }
    return JSON_FIELD;
}

static json_result null_field(json_reader *r, const json_node *node)
{
    if (r->why.code == NULL) {
        lt_refuse(&r->why, "null-value", "field '%.*s' is NOT NULL",
                  (int)LT_MIN(node->name.len, 100), node->name.ptr);
        r->why.stage = LT_STAGE_CONSTRAINT;
    }
    return JSON_BROKEN;
}

/* No newline: that is a record's end, whatever surrounds it. */
const char *json_skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r')) {
        at++;
    }
    return at;
}

uint32_t json_name_hash(lt_str name)
{
    return (uint32_t)lt_hash_bytes(name.ptr, name.len, 0);
}

/* ---- strings ---- */

/* First byte from `at` that is a quote, a backslash or a control character, or something at or
 * behind `end`. */
static const char *string_event(const char *at, const char *end)
{
    while (at < end) {
        uint64_t word = lt_load64(at);
        uint64_t quote = word ^ (ONES * '"');
        uint64_t slash = word ^ (ONES * '\\');
        uint64_t hit =
            ((word - ONES * 0x20) & ~word) | ((quote - ONES) & ~quote) | ((slash - ONES) & ~slash);
        hit &= HIGHS;
        if (hit != 0) {
            return at + (LT_CTZ64(hit) >> 3);
        }
        at += 8;
    }
    return at;
}

static int hex_value(char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }
    char low = (char)(ch | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* The four digits of \uXXXX, -1 when they are not. */
static int32_t hex_four(const char *at, const char *end)
{
    int32_t value = 0;
    if (end - at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(at[i]);
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* `at` is behind a backslash: the end of the escape, NULL when it is none. */
static const char *escape_end(json_reader *r, const char *at)
{
    char ch = at < r->end ? *at : '\0';
    switch (ch) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return at + 1;
    case 'u':
        break;
    default:
        (void)json_broken(r, "bad-json", "unknown escape in a string");
        return NULL;
    }
    int32_t unit = hex_four(at + 1, r->end);
    if (unit < 0) {
        (void)json_broken(r, "bad-json", "\\u needs four hexadecimal digits");
        return NULL;
    }
    at += 5;
    if (unit >= 0xD800 && unit < 0xDC00) {
        if (r->end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
            int32_t second = hex_four(at + 2, r->end);
            if (second >= 0xDC00 && second < 0xE000) {
                return at + 6;
            }
        }
        unit = 0xDC00;
    }
    if (unit >= 0xDC00 && unit < 0xE000) {
        (void)json_broken(r, "bad-surrogate", "a surrogate without its other half");
        return NULL;
    }
    return at;
}

const char *json_string_end(json_reader *r, const char *at, bool *escaped)
{
    *escaped = false;
    for (;;) {
        at = string_event(at, r->end);
        if (at >= r->end) {
            (void)json_broken(r, "bad-json", "a string without end");
            return NULL;
        }
        if (*at == '"') {
            return at;
        }
        if (*at != '\\') {
            (void)json_broken(r, "bad-json", "a control character within a string");
            return NULL;
        }
        *escaped = true;
        at = escape_end(r, at + 1);
        if (at == NULL) {
            return NULL;
        }
    }
}

static char *put_code_point(char *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xC0 | code >> 6);
        *out++ = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        *out++ = (char)(0xE0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 63));
        *out++ = (char)(0x80 | (code & 63));
    } else {
        *out++ = (char)(0xF0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 63));
        *out++ = (char)(0x80 | (code >> 6 & 63));
        *out++ = (char)(0x80 | (code & 63));
    }
    return out;
}

static char plain_escape(char ch)
{
    switch (ch) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return ch;
    }
}

char *json_unescape(const char *from, const char *to, char *out)
{
    while (from < to) {
        if (*from != '\\') {
            *out++ = *from++;
            continue;
        }
        if (from[1] != 'u') {
            *out++ = plain_escape(from[1]);
            from += 2;
            continue;
        }
        uint32_t code = (uint32_t)hex_four(from + 2, to);
        from += 6;
        if (code >= 0xD800 && code < 0xDC00) {
            uint32_t low = (uint32_t)hex_four(from + 2, to);
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            from += 6;
        }
        out = put_code_point(out, code);
    }
    return out;
}

/* The string behind an opening quote, unescaped into the arena if need be. */
static json_result take_string(json_reader *r, const char **at, lt_str *out)
{
    bool escaped;
    const char *from = *at + 1;
    const char *end = json_string_end(r, from, &escaped);
    if (end == NULL) {
        return JSON_BROKEN;
    }
    *at = end + 1;
    *out = (lt_str){from, (size_t)(end - from)};
    if (escaped) {
        char *bytes = lt_arena_alloc(r->arena, out->len, 1);
        if (bytes == NULL) {
            return JSON_NOMEM;
        }
        *out = (lt_str){bytes, (size_t)(json_unescape(from, end, bytes) - bytes)};
    }
    return JSON_OK;
}

/* As take_string for keys, which are not kept: into the scratch. */
static json_result take_key(json_reader *r, const char **at, lt_str *out)
{
    bool escaped;
    const char *from = *at + 1;
    const char *end = json_string_end(r, from, &escaped);
    if (end == NULL) {
        return JSON_BROKEN;
    }
    *at = end + 1;
    *out = (lt_str){from, (size_t)(end - from)};
    if (escaped) {
        lt_text *scratch = &r->dec->scratch;
        lt_text_clear(scratch);
        if (!lt_text_reserve(scratch, out->len)) {
            return JSON_NOMEM;
        }
        *out =
            (lt_str){scratch->ptr, (size_t)(json_unescape(from, end, scratch->ptr) - scratch->ptr)};
    }
    return JSON_OK;
}

/* ---- skipping ---- */

static bool is_digit(char ch)
{
    return ch >= '0' && ch <= '9';
}

static const char *digits_end(const char *at, const char *end)
{
    while (at < end && is_digit(*at)) {
        at++;
    }
    return at;
}

/* -?(0|[1-9]d*)(.d+)?([eE][+-]?d+)? ; NULL with r->why. */
static const char *number_end(json_reader *r, const char *at, bool *integer)
{
    const char *from = at;
    const char *end = r->end;
    at += at < end && *at == '-';
    const char *digits = at;
    at = digits_end(at, end);
    bool good = at > digits && (at == digits + 1 || *digits != '0');
    *integer = true;
    if (good && at < end && *at == '.') {
        *integer = false;
        const char *fraction = at + 1;
        at = digits_end(fraction, end);
        good = at > fraction;
    }
    if (good && at < end && (*at == 'e' || *at == 'E')) {
        *integer = false;
        at++;
        at += at < end && (*at == '+' || *at == '-');
        const char *exponent = at;
        at = digits_end(exponent, end);
        good = at > exponent;
    }
    if (!good) {
        (void)json_broken(r, "bad-json", "a malformed number");
        return NULL;
    }
    if (at - from > JSON_NUMBER_MAX) {
        (void)json_broken(r, "number-too-long", "a number of more than 1000 digits");
        return NULL;
    }
    return at;
}

/* The word at `at`, when it is one of JSON's three. */
static const char *word_end(json_reader *r, const char *at)
{
    static const lt_str words[] = {{"true", 4}, {"null", 4}, {"false", 5}};
    for (size_t i = 0; i < LT_COUNT_OF(words); i++) {
        if ((size_t)(r->end - at) >= words[i].len && memcmp(at, words[i].ptr, words[i].len) == 0) {
            return at + words[i].len;
        }
    }
    (void)json_broken(r, "bad-json",
                      at < r->end ? "no value where one must stand" : "the record ends early");
    return NULL;
}

static const char *skip_scalar(json_reader *r, const char *at)
{
    bool flag;
    if (at < r->end && *at == '"') {
        at = json_string_end(r, at + 1, &flag);
        return at ? at + 1 : NULL;
    }
    if (at < r->end && (*at == '-' || is_digit(*at))) {
        return number_end(r, at, &flag);
    }
    return word_end(r, at);
}

/* `"key" :` and blanks; gives the value's first character. */
static const char *skip_key(json_reader *r, const char *at)
{
    bool escaped;
    if (at >= r->end || *at != '"') {
        (void)json_broken(r, "bad-json", "an object's key must be a string");
        return NULL;
    }
    at = json_string_end(r, at + 1, &escaped);
    if (at == NULL) {
        return NULL;
    }
    at = json_skip_blanks(at + 1, r->end);
    if (at >= r->end || *at != ':') {
        (void)json_broken(r, "bad-json", "no ':' behind a key");
        return NULL;
    }
    return json_skip_blanks(at + 1, r->end);
}

/* Goes by a loop and a bit a level (set: object) instead of recursion. */
const char *json_skip_value(json_reader *r, const char *at)
{
    uint64_t kinds[JSON_DEPTH_MAX / 64] = {0};
    unsigned depth = 0;
    unsigned room = JSON_DEPTH_MAX - r->depth;
    for (;;) {
        bool open = at < r->end && (*at == '{' || *at == '[');
        if (open) {
            bool object = *at == '{';
            if (depth >= room) {
                (void)json_broken(r, "too-deep", "nested deeper than 128 levels");
                return NULL;
            }
            kinds[depth / 64] = (kinds[depth / 64] & ~(1ULL << (depth % 64))) | (uint64_t)object
                                                                                    << (depth % 64);
            depth++;
            at = json_skip_blanks(at + 1, r->end);
            if (!(at < r->end && *at == (object ? '}' : ']'))) {
                if (object && (at = skip_key(r, at)) == NULL) {
                    return NULL;
                }
                continue;
            }
        } else if ((at = skip_scalar(r, at)) == NULL) {
            return NULL;
        }
        /* A value has ended, or `at` is the closing bracket of an empty container. */
        for (bool closed = open; depth > 0; closed = false) {
            bool object = kinds[(depth - 1) / 64] >> ((depth - 1) % 64) & 1;
            at = closed ? at : json_skip_blanks(at, r->end);
            if (at < r->end && *at == ',' && !closed) {
                at = json_skip_blanks(at + 1, r->end);
                if (object && (at = skip_key(r, at)) == NULL) {
                    return NULL;
                }
                break;
            }
            if (at >= r->end || *at != (object ? '}' : ']')) {
                (void)json_broken(r, "bad-json", "',' or a closing bracket is missing");
                return NULL;
            }
            at++;
            depth--;
        }
        if (depth == 0) {
            return at;
        }
    }
}

/* ---- trees as text ---- */

static json_result tree_members(json_reader *r, lt_text *to, const char **at, bool object)
{
    char close = object ? '}' : ']';
    json_result got;
    if (++r->depth > JSON_DEPTH_MAX) {
        return json_broken(r, "too-deep", "nested deeper than 128 levels");
    }
    lt_text_putc(to, **at);
    *at = json_skip_blanks(*at + 1, r->end);
    bool first = true;
    while (!(*at < r->end && **at == close && first)) {
        if (object) {
            lt_str key;
            if (*at >= r->end || **at != '"') {
                return json_broken(r, "bad-json", "an object's key must be a string");
            }
            if ((got = take_string(r, at, &key)) != JSON_OK) {
                return got;
            }
            json_put_string(to, key.ptr, key.len);
            *at = json_skip_blanks(*at, r->end);
            if (*at >= r->end || **at != ':') {
                return json_broken(r, "bad-json", "no ':' behind a key");
            }
            *at = json_skip_blanks(*at + 1, r->end);
            lt_text_putc(to, ':');
        }
        if ((got = json_tree_text(r, to, at)) != JSON_OK) {
            return got;
        }
        first = false;
        *at = json_skip_blanks(*at, r->end);
        if (*at < r->end && **at == close) {
            break;
        }
        if (*at >= r->end || **at != ',') {
            return json_broken(r, "bad-json", "',' or a closing bracket is missing");
        }
        lt_text_putc(to, ',');
        *at = json_skip_blanks(*at + 1, r->end);
    }
    (*at)++;
    lt_text_putc(to, close);
    r->depth--;
    return JSON_OK;
}

/* Integers as they are, others as a Java double. */
static void tree_number(lt_text *to, lt_str text, bool integer)
{
    double value;
    if (integer) {
        bool zero = lt_str_eq(text, LT_STR("-0"));
        lt_text_append(to, zero ? "0" : text.ptr, zero ? 1 : text.len);
    } else if (lt_str_to_f64(text, &value)) {
        bool finite = value - value == 0;
        lt_text_puts(to, finite ? "" : "\"");
        lt_text_double(to, value);
        lt_text_puts(to, finite ? "" : "\"");
    }
}

json_result json_tree_text(json_reader *r, lt_text *to, const char **at)
{
    char ch = *at < r->end ? **at : '\0';
    if (ch == '{' || ch == '[') {
        return tree_members(r, to, at, ch == '{');
    }
    if (ch == '"') {
        lt_str text;
        json_result got = take_string(r, at, &text);
        if (got == JSON_OK) {
            json_put_string(to, text.ptr, text.len);
        }
        return got;
    }
    bool integer = false;
    bool number = ch == '-' || is_digit(ch);
    const char *end = number ? number_end(r, *at, &integer) : word_end(r, *at);
    if (end == NULL) {
        return JSON_BROKEN;
    }
    lt_str text = {*at, (size_t)(end - *at)};
    if (number) {
        tree_number(to, text, integer);
    } else {
        lt_text_append(to, text.ptr, text.len);
    }
    *at = end;
    return JSON_OK;
}

static json_result read_tree(json_reader *r, json_slot to, const char **at)
{
    lt_text text;
    unsigned depth = r->depth;
    lt_text_init(&text, r->dec->base.ctx.mem);
    json_result got = json_tree_text(r, &text, at);
    r->depth = depth;
    if (got == JSON_OK) {
        lt_str kept = lt_arena_str(r->arena, lt_text_str(&text));
        got = text.failed || kept.ptr == NULL ? JSON_NOMEM : JSON_OK;
        if (got == JSON_OK) {
            LT_COL_DATA(to.col, lt_strv)[to.row] = lt_strv_make(kept.ptr, kept.len);
        }
    }
    lt_text_deinit(&text);
    return got;
}

/* ---- scalars ---- */

static json_result put_null(json_reader *r, json_slot to)
{
    return lt_col_put_null(to.col, to.row, to.cap, r->arena) ? JSON_OK : JSON_NOMEM;
}

static json_result convert(json_reader *r, const json_node *node, json_slot to, lt_str text)
{
    switch (lt_conv_text(&r->dec->rules, to.col, to.row, text, r->arena)) {
    case LT_CONV_OK:
        return JSON_OK;
    case LT_CONV_NOMEM:
        return JSON_NOMEM;
    case LT_CONV_NULL:
        if (!node->type->nullable) {
            return null_field(r, node);
        }
        return put_null(r, to);
    case LT_CONV_BAD:
        break;
    }
    return bad_field(r, node, text);
}

/* Numbers with a fraction go into INT and BIGINT cut to integers, into TINYINT and SMALLINT not at
 * all: Flink's ways. */
static json_result read_number(json_reader *r, const json_node *node, json_slot to, const char **at)
{
    bool integer;
    const char *end = number_end(r, *at, &integer);
    if (end == NULL) {
        return JSON_BROKEN;
    }
    lt_str text = {*at, (size_t)(end - *at)};
    *at = end;
    bool cut = node->type->kind == LT_TYPE_INT || node->type->kind == LT_TYPE_BIGINT;
    int64_t value;
    if (!integer && cut) {
        return lt_num_trunc_i64(text, &value) && lt_conv_store_i64(to.col, to.row, value)
                   ? JSON_OK
                   : bad_field(r, node, text);
    }
    if (lt_type_is_binary(node->type)) {
        return bad_field(r, node, text);
    }
    return convert(r, node, to, text);
}

static json_result read_word(json_reader *r, const json_node *node, json_slot to, const char **at)
{
    const char *end = word_end(r, *at);
    if (end == NULL) {
        return JSON_BROKEN;
    }
    lt_str text = {*at, (size_t)(end - *at)};
    *at = end;
    if (lt_type_is_binary(node->type)) {
        return bad_field(r, node, text);
    }
    return convert(r, node, to, text);
}

static bool is_container(const lt_type *type)
{
    return type->kind == LT_TYPE_ARRAY || type->kind == LT_TYPE_MAP ||
           type->kind == LT_TYPE_MULTISET || type->kind == LT_TYPE_ROW;
}

/* ---- containers ---- */

/* Stores what read_value could not: NULL when errors are ignored, as Flink does field by field. */
static json_result settle(json_reader *r, const json_node *node, json_slot to, json_result got)
{
    if (got != JSON_FIELD || !r->dec->ignore_errors) {
        return got;
    }
    r->why.code = NULL;
    if (!node->type->nullable) {
        return null_field(r, node);
    }
    return put_null(r, to);
}

static json_result read_settled(json_reader *r, const json_node *node, json_slot to,
                                const char **at)
{
    return settle(r, node, to, json_read_value(r, node, to, at));
}

/* Steps over a `,` or a closing bracket. False with *at at neither. */
static bool next_member(json_reader *r, const char **at, char close, bool *more)
{
    *at = json_skip_blanks(*at, r->end);
    if (*at >= r->end || (**at != ',' && **at != close)) {
        (void)json_broken(r, "bad-json", "',' or a closing bracket is missing");
        return false;
    }
    *more = **at == ',';
    (*at)++;
    if (*more) {
        *at = json_skip_blanks(*at, r->end);
    }
    return true;
}

static json_result read_array(json_reader *r, const json_node *node, json_slot to, const char **at)
{
    lt_col *col = to.col;
    lt_span span = {col->child_len, 0};
    *at = json_skip_blanks(*at + 1, r->end);
    bool more = !(*at < r->end && **at == ']');
    *at += !more;
    while (more) {
        uint32_t child = span.start + span.count;
        if (!lt_col_reserve_children(col, 1, r->arena)) {
            return JSON_NOMEM;
        }
        json_result got =
            read_settled(r, node->children, (json_slot){col->children, child, col->child_cap}, at);
        if (got != JSON_OK) {
            return got;
        }
        span.count++;
        col->child_len++;
        if (!next_member(r, at, ']', &more)) {
            return JSON_BROKEN;
        }
    }
    LT_COL_DATA(col, lt_span)[to.row] = span;
    return JSON_OK;
}

/* Duplicate keys: the last value wins, in the first one's place. A few keys are compared one by
 * one, more by a hash table. */
#define MAP_LINEAR_MAX 16

static bool map_rehash(json_reader *r, json_map_table *table, const lt_strv *keys, lt_span span)
{
    lt_mem *mem = r->dec->base.ctx.mem;
    uint32_t cap = 64;
    while (cap < span.count * 4) {
        cap *= 2;
    }
    if (cap > table->slot_cap) {
        lt_mem_free(mem, table->slots, table->slot_cap * sizeof *table->slots);
        table->slot_cap = 0;
        table->slots = lt_mem_alloc(mem, cap * sizeof *table->slots);
        if (table->slots == NULL) {
            return false;
        }
        table->slot_cap = cap;
    }
    table->mask = cap - 1;
    table->rows = span.count;
    memset(table->slots, 0xff, cap * sizeof *table->slots);
    for (uint32_t i = 0; i < span.count; i++) {
        uint32_t at = json_name_hash(lt_strv_str(&keys[span.start + i]));
        while (table->slots[at & table->mask] != UINT32_MAX) {
            at++;
        }
        table->slots[at & table->mask] = i;
    }
    return true;
}

typedef struct {
    json_map_table *table;
    const lt_strv *views;
    lt_span span; /* the keys so far */
} map_keys;

/* The position of the key in the span, or span.count, where the caller puts it then. The table is
 * rebuilt whenever the map has doubled. */
static json_result map_find(json_reader *r, const map_keys *keys, lt_str key, uint32_t *out)
{
    json_map_table *table = keys->table;
    const lt_strv *views = keys->views;
    lt_span span = keys->span;
    if (span.count <= MAP_LINEAR_MAX) {
        table->rows = 0;
        uint32_t at = 0;
        while (at < span.count && !lt_str_eq(lt_strv_str(&views[span.start + at]), key)) {
            at++;
        }
        *out = at;
        return JSON_OK;
    }
    if ((table->rows == 0 || span.count > table->rows * 2) && !map_rehash(r, table, views, span)) {
        return JSON_NOMEM;
    }
    for (uint32_t at = json_name_hash(key);; at++) {
        uint32_t *slot = &table->slots[at & table->mask];
        if (*slot == UINT32_MAX) {
            *slot = span.count;
            *out = span.count;
            return JSON_OK;
        }
        if (lt_str_eq(lt_strv_str(&views[span.start + *slot]), key)) {
            *out = *slot;
            return JSON_OK;
        }
    }
}

static json_result read_map(json_reader *r, const json_node *node, json_slot to, const char **at)
{
    lt_col *col = to.col;
    lt_span span = {col->child_len, 0};
    *at = json_skip_blanks(*at + 1, r->end);
    bool more = !(*at < r->end && **at == '}');
    *at += !more;
    while (more) {
        lt_str key;
        uint32_t place;
        if (*at >= r->end || **at != '"') {
            return json_broken(r, "bad-json", "an object's key must be a string");
        }
        json_result got = take_string(r, at, &key);
        if (got != JSON_OK) {
            return got;
        }
        *at = json_skip_blanks(*at, r->end);
        if (*at >= r->end || **at != ':') {
            return json_broken(r, "bad-json", "no ':' behind a key");
        }
        *at = json_skip_blanks(*at + 1, r->end);
        if (!lt_col_reserve_children(col, 1, r->arena)) {
            return JSON_NOMEM;
        }
        map_keys keys = {node->table, LT_COL_DATA(&col->children[0], lt_strv), span};
        got = map_find(r, &keys, key, &place);
        if (got != JSON_OK) {
            return got;
        }
        if (place == span.count) {
            LT_COL_DATA(&col->children[0], lt_strv)
            [span.start + place] = lt_strv_make(key.ptr, key.len);
            lt_col_put_valid(&col->children[0], span.start + place);
            span.count++;
            col->child_len++;
        }
        got = read_settled(r, &node->children[1],
                           (json_slot){&col->children[1], span.start + place, col->child_cap}, at);
        if (got != JSON_OK) {
            return got;
        }
        if (!next_member(r, at, '}', &more)) {
            return JSON_BROKEN;
        }
    }
    LT_COL_DATA(col, lt_span)[to.row] = span;
    return JSON_OK;
}

static json_result read_container(json_reader *r, const json_node *node, json_slot to,
                                  const char **at)
{
    bool object = **at == '{';
    if (object != (node->type->kind != LT_TYPE_ARRAY)) {
        const char *from = *at;
        *at = json_skip_value(r, from);
        return *at ? bad_field(r, node, (lt_str){from, (size_t)(*at - from)}) : JSON_BROKEN;
    }
    if (++r->depth > JSON_DEPTH_MAX) {
        return json_broken(r, "too-deep", "nested deeper than 128 levels");
    }
    json_result got =
        node->type->kind == LT_TYPE_ROW
            ? json_read_object(r, node->object, (json_slot){to.col->children, to.row, to.cap}, at)
        : object ? read_map(r, node, to, at)
                 : read_array(r, node, to, at);
    r->depth--;
    return got;
}

static json_result read_any(json_reader *r, const json_node *node, json_slot to, const char **at)
{
    const char *from = *at;
    char ch = from < r->end ? *from : '\0';
    bool open = ch == '{' || ch == '[';
    if (open && lt_type_is_string(node->type)) {
        return read_tree(r, to, at);
    }
    if (open && is_container(node->type)) {
        return read_container(r, node, to, at);
    }
    if (open || is_container(node->type)) {
        *at = json_skip_value(r, from);
        if (*at == NULL) {
            return JSON_BROKEN;
        }
        if (open && node->type->kind == LT_TYPE_BOOLEAN && !r->dec->rules.bool_strict) {
            LT_COL_DATA(to.col, uint8_t)[to.row] = 0; /* Boolean.parseBoolean("{") */
            return JSON_OK;
        }
        return bad_field(r, node, (lt_str){from, (size_t)(*at - from)});
    }
    if (ch == '"') {
        lt_str text;
        json_result got = take_string(r, at, &text);
        return got == JSON_OK ? convert(r, node, to, text) : got;
    }
    if (ch == '-' || is_digit(ch)) {
        return read_number(r, node, to, at);
    }
    return read_word(r, node, to, at);
}

json_result json_read_value(json_reader *r, const json_node *node, json_slot to, const char **at)
{
    if (r->end - *at >= 4 && memcmp(*at, "null", 4) == 0) {
        *at += 4;
        if (!node->type->nullable) {
            return null_field(r, node);
        }
        return put_null(r, to);
    }
    /* Before the value: a decimal that does not fit puts a NULL of its own. */
    lt_col_put_valid(to.col, to.row);
    return read_any(r, node, to, at);
}

/* ---- objects ---- */

static int32_t find_field(json_object *object, lt_str key)
{
    if (object->count == 0) {
        return -1;
    }
    const json_node *guess = &object->nodes[object->expect];
    if (lt_str_eq(guess->name, key)) {
        int32_t found = (int32_t)object->expect;
        object->expect = object->expect + 1 < object->count ? object->expect + 1 : 0;
        return found;
    }
    if (!(object->lengths >> LT_MIN(key.len, (size_t)63) & 1)) {
        return -1;
    }
    for (uint32_t at = json_name_hash(key);; at++) {
        int32_t i = object->slots[at & object->slot_mask];
        if (i < 0) {
            return -1;
        }
        if (lt_str_eq(object->nodes[i].name, key)) {
            object->expect = (uint32_t)i + 1 < object->count ? (uint32_t)i + 1 : 0;
            return i;
        }
    }
}

static void trace_member(json_decoder *dec, const json_reader *r, const char *before,
                         const char *value, int32_t field)
{
    if (dec->trace_count == JSON_STEPS_MAX) {
        dec->trace_full = true;
        return;
    }
    dec->trace[dec->trace_count++] = (json_trace){
        .lit_from = (uint32_t)(before - r->record),
        .value = (uint32_t)(value - r->record),
        .field = field,
    };
}

static json_result finish_object(json_reader *r, json_object *object, json_slot to)
{
    for (uint32_t i = 0; i < object->count; i++) {
        if (lt_bit_get(object->seen, i)) {
            continue;
        }
        const json_node *node = &object->nodes[i];
        if (r->dec->fail_on_missing && !r->dec->ignore_errors) {
            lt_refuse(&r->why, "missing-field", "field '%.*s' is missing",
                      (int)LT_MIN(node->name.len, 100), node->name.ptr);
            return JSON_BROKEN;
        }
        if (!node->type->nullable) {
            return null_field(r, node);
        }
        if (!lt_col_put_null(&to.col[i], to.row, to.cap, r->arena)) {
            return JSON_NOMEM;
        }
    }
    return JSON_OK;
}

json_result json_read_object(json_reader *r, json_object *object, json_slot to, const char **at)
{
    bool tracing = r->tracing;
    r->tracing = false;
    memset(object->seen, 0, lt_bits_bytes(LT_MAX(object->count, 1)));
    object->expect = 0;
    const char *before = *at;
    *at = json_skip_blanks(*at + 1, r->end);
    bool more = !(*at < r->end && **at == '}');
    *at += !more;
    while (more) {
        lt_str key;
        if (*at >= r->end || **at != '"') {
            return json_broken(r, "bad-json", "an object's key must be a string");
        }
        json_result got = take_key(r, at, &key);
        if (got != JSON_OK) {
            return got;
        }
        int32_t field = find_field(object, key);
        *at = json_skip_blanks(*at, r->end);
        if (*at >= r->end || **at != ':') {
            return json_broken(r, "bad-json", "no ':' behind a key");
        }
        *at = json_skip_blanks(*at + 1, r->end);
        if (tracing) {
            trace_member(r->dec, r, before, *at, field);
        }
        if (field < 0) {
            *at = json_skip_value(r, *at);
            if (*at == NULL) {
                return JSON_BROKEN;
            }
        } else {
            got = read_settled(r, &object->nodes[field],
                               (json_slot){&to.col[field], to.row, to.cap}, at);
            if (got != JSON_OK) {
                return got;
            }
            lt_bit_set(object->seen, (uint32_t)field);
        }
        before = *at;
        if (tracing) {
            r->dec->trace_end = (uint32_t)(before - r->record);
        }
        if (!next_member(r, at, '}', &more)) {
            return JSON_BROKEN;
        }
    }
    return finish_object(r, object, to);
}
