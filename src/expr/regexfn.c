/* Functions on regular expressions. A literal pattern is checked when the call is typed and
 * compiled when the program first runs; other patterns are compiled when they first come up. */
#include "base/hash.h"
#include "expr/families.h"
#include "expr/regex.h"
#include "expr/simple.h"
#include "expr/utf8.h"

#define RESULT_MAX ((size_t)256 << 20)

typedef struct {
    lt_mem *mem;
    lt_regex *regex; /* NULL: the pattern is bad */
    char *pattern;
    size_t len;
    lt_regex_verdict verdict;
    char why[128];
} cached;

static void cached_free(void *ptr)
{
    cached *c = (cached *)ptr;
    lt_regex_free(c->regex);
    lt_mem_free(c->mem, c->pattern, c->len + 1);
    lt_mem_free(c->mem, c, sizeof *c);
}

static cached *cache_new(lt_kctx *k, lt_str pattern)
{
    cached *c = lt_mem_zalloc(k->mem, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->mem = k->mem;
    c->len = pattern.len;
    c->pattern = lt_mem_alloc(k->mem, pattern.len + 1);
    c->verdict = LT_REGEX_NOMEM;
    if (c->pattern != NULL) {
        memcpy(c->pattern, pattern.ptr, pattern.len);
        c->regex = lt_regex_new_java(k->mem, pattern, &c->verdict, c->why);
    } else {
        c->len = 0;
    }
    if (c->verdict == LT_REGEX_NOMEM) {
        if (c->pattern == NULL) {
            lt_mem_free(k->mem, c, sizeof *c);
        } else {
            cached_free(c);
        }
        return NULL;
    }
    return c;
}

/* Patterns of a call: the last one, and where they vary from row to row the ones before it, found
 * by hash. When there are many, all are forgotten. */
#define PATTERNS_MAX  256
#define PATTERN_SLOTS 512

typedef struct {
    lt_mem *mem;
    cached *last;
    cached **slots; /* NULL while there was one pattern only */
    uint32_t count;
} patterns;

static void patterns_clear(patterns *p)
{
    for (uint32_t i = 0; p->slots != NULL && i < PATTERN_SLOTS; i++) {
        if (p->slots[i] != NULL) {
            cached_free(p->slots[i]);
            p->slots[i] = NULL;
        }
    }
    if (p->slots == NULL && p->last != NULL) {
        cached_free(p->last);
    }
    p->last = NULL;
    p->count = 0;
}

static void patterns_deinit(patterns *p)
{
    patterns_clear(p);
    lt_mem_free(p->mem, p->slots, PATTERN_SLOTS * sizeof *p->slots);
}

static void patterns_free(void *ptr)
{
    patterns *p = (patterns *)ptr;
    patterns_deinit(p);
    lt_mem_free(p->mem, p, sizeof *p);
}

static bool is_pattern(const cached *c, lt_str pattern)
{
    return c->len == pattern.len && memcmp(c->pattern, pattern.ptr, pattern.len) == 0;
}

static cached **slot_of(const patterns *p, lt_str pattern)
{
    uint32_t at = (uint32_t)lt_hash_bytes(pattern.ptr, pattern.len, 0) % PATTERN_SLOTS;
    while (p->slots[at] != NULL && !is_pattern(p->slots[at], pattern)) {
        at = (at + 1) % PATTERN_SLOTS;
    }
    return &p->slots[at];
}

static patterns *patterns_of(lt_kctx *k)
{
    patterns *p = (patterns *)lt_k_kept(k);
    if (p == NULL) {
        p = lt_mem_zalloc(k->mem, sizeof *p);
        if (p != NULL) {
            p->mem = k->mem;
            lt_k_keep(k, p, patterns_free);
        }
    }
    return p;
}

/* A pattern that is not the last one. */
static cached *find_pattern(lt_kctx *k, patterns *p, lt_str pattern)
{
    if (p->last == NULL && p->slots == NULL) {
        p->last = cache_new(k, pattern);
        return p->last;
    }
    if (p->slots == NULL) {
        cached **slots = lt_mem_zalloc(p->mem, PATTERN_SLOTS * sizeof *slots);
        if (slots == NULL) {
            return NULL;
        }
        p->slots = slots;
        *slot_of(p, (lt_str){p->last->pattern, p->last->len}) = p->last;
        p->count = 1;
    }
    cached *found = *slot_of(p, pattern);
    if (found == NULL) {
        if (p->count == PATTERNS_MAX) {
            patterns_clear(p);
        }
        found = cache_new(k, pattern);
        if (found == NULL) {
            return NULL;
        }
        *slot_of(p, pattern) = found;
        p->count++;
    }
    p->last = found;
    return found;
}

/* The compiled form of the pattern; NULL when it is bad, or k->nomem. What Java knows and this
 * build does not fails the row. */
static lt_regex *compiled(lt_kctx *k, uint32_t row, patterns *p, lt_str pattern)
{
    cached *c = p->last;
    if (c == NULL || !is_pattern(c, pattern)) {
        c = find_pattern(k, p, pattern);
        if (c == NULL) {
            k->nomem = true;
            return NULL;
        }
    }
    if (c->verdict == LT_REGEX_UNSUPPORTED) {
        lt_k_fail(k, row, "bad-pattern", "the regular expression '%.*s' is not supported: %s",
                  (int)LT_MIN(pattern.len, (size_t)60), pattern.ptr, c->why);
    }
    return c->regex;
}

static lt_regex *regex_of(lt_kctx *k, uint32_t row, lt_str pattern)
{
    patterns *p = patterns_of(k);
    if (p == NULL) {
        k->nomem = true;
        return NULL;
    }
    return compiled(k, row, p, pattern);
}

static void fail_limit(lt_kctx *k, uint32_t row)
{
    lt_k_fail(k, row, "regex-limit", "the regular expression takes too long on this value");
}

/* true: a hit. Over the limit the row fails. */
static bool find_in(lt_kctx *k, uint32_t row, lt_regex *regex, lt_str s, size_t from)
{
    lt_regex_result result = lt_regex_find(regex, s, from);
    if (result == LT_REGEX_LIMIT) {
        fail_limit(k, row);
    }
    return result == LT_REGEX_HIT;
}

static lt_status regexp_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str pattern = lt_k_str(k, 1, row);
        lt_regex *regex = pattern.len > 0 ? regex_of(k, row, pattern) : NULL;
        LT_OUT(k, uint8_t)
        [row] = regex != NULL && find_in(k, row, regex, lt_k_str(k, 0, row), 0);
    }
    return LT_OK;
}

/* A group of the first hit. */
static lt_status extract_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        int32_t group = k->arg_count > 2 ? lt_k_i32(k, 2, row) : 0;
        lt_regex *regex = regex_of(k, row, lt_k_str(k, 1, row));
        size_t start, end;
        if (regex == NULL || group < 0 || !find_in(k, row, regex, s, 0) ||
            !lt_regex_group(regex, (uint32_t)group, &start, &end)) {
            lt_k_null(k, row);
            continue;
        }
        lt_k_put_view(k, row, s.ptr + start, end - start);
    }
    return LT_OK;
}

/* Where to look next: behind the hit, a character on when it was empty. */
static size_t after_hit(lt_str s, size_t start, size_t end)
{
    if (end > start || end >= s.len) {
        return end > start ? end : end + 1;
    }
    return end + lt_utf8_step(s.ptr + end, s.ptr + s.len);
}

static void replace_all(lt_kctx *k, uint32_t row, lt_regex *regex, lt_text *text)
{
    lt_str s = lt_k_str(k, 0, row), to = lt_k_str(k, 2, row);
    size_t done = 0, at = 0, start, end;
    lt_text_clear(text);
    while (at <= s.len && find_in(k, row, regex, s, at) && lt_regex_group(regex, 0, &start, &end)) {
        lt_text_append(text, s.ptr + done, start - done);
        lt_text_append(text, to.ptr, to.len);
        done = end;
        at = after_hit(s, start, end);
    }
    if (done == 0 && text->len == 0) {
        lt_k_put_view(k, row, s.ptr, s.len);
        return;
    }
    lt_text_append(text, s.ptr + done, s.len - done);
    if (text->len > RESULT_MAX) {
        lt_k_fail(k, row, "string-too-long", "the resulting string would be longer than 256 MiB");
        return;
    }
    lt_k_put_copy(k, row, text->len > 0 ? text->ptr : "", text->len);
}

/* The replacement is taken literally. */
static lt_status replace_kernel(lt_kctx *k, lt_error *err)
{
    lt_text text;
    lt_text_init(&text, k->mem);
    LT_EACH(k, row)
    {
        lt_regex *regex = regex_of(k, row, lt_k_str(k, 1, row));
        if (regex == NULL) {
            lt_k_null(k, row);
            continue;
        }
        replace_all(k, row, regex, &text);
    }
    bool failed = text.failed;
    lt_text_deinit(&text);
    return failed ? lt_error_nomem(err, "string") : LT_OK;
}

static lt_status count_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        lt_regex *regex = regex_of(k, row, lt_k_str(k, 1, row));
        if (regex == NULL) {
            lt_k_null(k, row);
            continue;
        }
        int32_t count = 0;
        size_t at = 0, start, end;
        while (at <= s.len && find_in(k, row, regex, s, at) &&
               lt_regex_group(regex, 0, &start, &end)) {
            count++;
            at = after_hit(s, start, end);
        }
        LT_OUT(k, int32_t)[row] = count;
    }
    return LT_OK;
}

static lt_status instr_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        lt_regex *regex = regex_of(k, row, lt_k_str(k, 1, row));
        size_t start = 0, end;
        if (regex == NULL) {
            lt_k_null(k, row);
            continue;
        }
        bool hit = find_in(k, row, regex, s, 0) && lt_regex_group(regex, 0, &start, &end);
        LT_OUT(k, int32_t)[row] = hit ? (int32_t)lt_utf8_count((lt_str){s.ptr, start}) + 1 : 0;
    }
    return LT_OK;
}

/* ---- SIMILAR TO: SQL's own wildcards and a few of regular expressions, over the whole string ----
 */

/* [:ALPHA:] inside brackets; the length of what was read, 0 for something else. */
static size_t similar_class(lt_str rest, lt_text *to)
{
    static const char *const classes[][2] = {
        {"[:ALPHA:]", "\\p{Alpha}"}, {"[:UPPER:]", "\\p{Upper}"}, {"[:LOWER:]", "\\p{Lower}"},
        {"[:DIGIT:]", "\\d"},        {"[:SPACE:]", " "},          {"[:WHITESPACE:]", "\\s"},
        {"[:ALNUM:]", "\\p{Alnum}"},
    };
    for (size_t i = 0; i < LT_COUNT_OF(classes); i++) {
        size_t len = strlen(classes[i][0]);
        if (rest.len >= len && lt_str_eq_ci((lt_str){rest.ptr, len}, lt_str_of(classes[i][0]))) {
            lt_text_puts(to, classes[i][1]);
            return len;
        }
    }
    return 0;
}

static bool similar_to_regex(lt_str pattern, lt_str escape, lt_text *to)
{
    lt_text_puts(to, "(?s)\\A(?:");
    bool in_class = false;
    for (size_t i = 0; i < pattern.len; i++) {
        char ch = pattern.ptr[i];
        if (escape.len == 1 && ch == escape.ptr[0]) {
            if (++i >= pattern.len) {
                return false;
            }
            if (strchr("[]()|^-+*%_?{}", pattern.ptr[i]) == NULL &&
                pattern.ptr[i] != escape.ptr[0]) {
                return false;
            }
            lt_text_putc(to, '\\');
            lt_text_putc(to, pattern.ptr[i]);
        } else if (in_class) {
            size_t named = similar_class((lt_str){pattern.ptr + i, pattern.len - i}, to);
            if (named > 0) {
                i += named - 1;
                continue;
            }
            in_class = ch != ']';
            lt_text_putc(to, ch);
        } else if (ch == '[') {
            in_class = true;
            lt_text_putc(to, ch);
        } else if (ch == '%') {
            lt_text_puts(to, ".*");
        } else if (ch == '_') {
            lt_text_putc(to, '.');
        } else {
            lt_text_putc(to, ch); /* `.` and the like keep their meaning, as in Flink */
        }
    }
    lt_text_puts(to, ")\\z");
    return !in_class;
}

static lt_status similar_kernel(lt_kctx *k, lt_error *err)
{
    bool negate = k->call->u.call.func->op == LT_OP_NOT_SIMILAR;
    lt_text text;
    lt_text_init(&text, k->mem);
    LT_EACH(k, row)
    {
        lt_str pattern = lt_k_str(k, 1, row);
        lt_str escape = k->arg_count > 2 ? lt_k_str(k, 2, row) : LT_STR("");
        lt_text_clear(&text);
        lt_regex *regex = NULL;
        if (similar_to_regex(pattern, escape, &text)) {
            regex = regex_of(k, row, lt_text_str(&text));
        }
        if (regex == NULL) {
            lt_k_fail(k, row, "bad-pattern", "invalid SIMILAR TO pattern '%.*s'",
                      (int)LT_MIN(pattern.len, (size_t)100), pattern.ptr);
            continue;
        }
        LT_OUT(k, uint8_t)[row] = find_in(k, row, regex, lt_k_str(k, 0, row), 0) != negate;
    }
    bool failed = text.failed;
    lt_text_deinit(&text);
    return failed ? lt_error_nomem(err, "pattern") : LT_OK;
}

/* ---- lists ---- */

/* Appends a string to the child of a list column. */
static bool push_text(lt_kctx *k, lt_col *child, lt_str s)
{
    if (!lt_col_reserve_children(k->out, 1, k->arena)) {
        k->nomem = true;
        return false;
    }
    LT_COL_DATA(child, lt_strv)[k->out->child_len] = lt_strv_make(s.ptr, s.len);
    return true;
}

/* Makes the element that was just pushed NULL. */
static bool push_null(lt_kctx *k)
{
    uint64_t *valid = lt_col_need_valid(&k->out->children[0], k->out->child_cap, k->arena);
    if (valid == NULL) {
        k->nomem = true;
        return false;
    }
    lt_bit_clear(valid, k->out->child_len);
    return true;
}

/* All hits' groups; default group 1. */
static lt_status extract_all_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        lt_regex *regex = regex_of(k, row, lt_k_str(k, 1, row));
        int64_t group = k->arg_count > 2 ? lt_k_i64(k, 2, row) : 1;
        lt_span span = {k->out->child_len, 0};
        if (regex == NULL || group < 0 || group > (int64_t)lt_regex_group_count(regex)) {
            lt_k_null(k, row);
            continue;
        }
        size_t at = 0, start, end, from, to;
        while (at <= s.len && find_in(k, row, regex, s, at) &&
               lt_regex_group(regex, 0, &start, &end)) {
            bool took_part = lt_regex_group(regex, (uint32_t)group, &from, &to);
            lt_str part = took_part ? (lt_str){s.ptr + from, to - from} : LT_STR("");
            if (!push_text(k, &k->out->children[0], part) || (!took_part && !push_null(k))) {
                return LT_OK;
            }
            k->out->child_len++;
            span.count++;
            at = after_hit(s, start, end);
        }
        LT_OUT(k, lt_span)[row] = span;
    }
    return LT_OK;
}

static int64_t find_plain(lt_str s, lt_str sep, size_t from)
{
    for (size_t i = from; i + sep.len <= s.len; i++) {
        if (memcmp(s.ptr + i, sep.ptr, sep.len) == 0) {
            return (int64_t)i;
        }
    }
    return -1;
}

/* SPLIT(s, separator): a literal separator; an empty one splits characters. */
static lt_status split_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row), sep = lt_k_str(k, 1, row);
        lt_span span = {k->out->child_len, 0};
        size_t at = 0;
        bool more = true;
        while (more) {
            size_t end, next;
            if (sep.len == 0) {
                end = at + (at < s.len ? lt_utf8_step(s.ptr + at, s.ptr + s.len) : 0);
                next = end;
                more = next < s.len;
            } else {
                int64_t hit = find_plain(s, sep, at);
                end = hit < 0 ? s.len : (size_t)hit;
                next = end + sep.len;
                more = hit >= 0;
            }
            if (!push_text(k, &k->out->children[0], (lt_str){s.ptr + at, end - at})) {
                return LT_OK;
            }
            k->out->child_len++;
            span.count++;
            at = next;
        }
        LT_OUT(k, lt_span)[row] = span;
    }
    return LT_OK;
}

/* ---- STR_TO_MAP(s[, pairs, keys]): both delimiters are regular expressions ---- */

typedef struct {
    lt_mem *mem;
    patterns all_pairs, all_keys;
    lt_regex *pairs, *keys; /* of the row */
} map_delims;

static void map_delims_free(void *ptr)
{
    map_delims *d = (map_delims *)ptr;
    patterns_deinit(&d->all_pairs);
    patterns_deinit(&d->all_keys);
    lt_mem_free(d->mem, d, sizeof *d);
}

/* NULL: k->nomem. */
static map_delims *delims_of(lt_kctx *k, uint32_t row, lt_str pairs, lt_str keys)
{
    map_delims *d = (map_delims *)lt_k_kept(k);
    if (d == NULL) {
        d = lt_mem_zalloc(k->mem, sizeof *d);
        if (d == NULL) {
            k->nomem = true;
            return NULL;
        }
        d->mem = d->all_pairs.mem = d->all_keys.mem = k->mem;
        lt_k_keep(k, d, map_delims_free);
    }
    d->pairs = compiled(k, row, &d->all_pairs, pairs);
    d->keys = compiled(k, row, &d->all_keys, keys);
    return k->nomem ? NULL : d;
}

static bool put_pair(lt_kctx *k, map_delims *d, uint32_t row, lt_str part, lt_span *span)
{
    size_t start, end;
    lt_str key = part;
    bool has_value = find_in(k, row, d->keys, part, 0) && lt_regex_group(d->keys, 0, &start, &end);
    if (has_value) {
        key.len = start;
    }
    if (!lt_col_reserve_children(k->out, 1, k->arena)) {
        k->nomem = true;
        return false;
    }
    lt_col *keys = &k->out->children[0], *values = &k->out->children[1];
    uint32_t at = k->out->child_len;
    for (uint32_t i = 0; i < span->count; i++) { /* a later equal key replaces */
        lt_str other = lt_strv_str(&LT_COL_DATA(keys, lt_strv)[span->start + i]);
        if (lt_str_eq(other, key)) {
            at = span->start + i;
        }
    }
    LT_COL_DATA(keys, lt_strv)[at] = lt_strv_make(key.ptr, key.len);
    if (has_value) {
        LT_COL_DATA(values, lt_strv)[at] = lt_strv_make(part.ptr + end, part.len - end);
    } else {
        LT_COL_DATA(values, lt_strv)[at] = lt_strv_make("", 0);
        uint64_t *valid = lt_col_need_valid(values, k->out->child_cap, k->arena);
        if (valid == NULL) {
            k->nomem = true;
            return false;
        }
        lt_bit_clear(valid, at);
    }
    if (at == k->out->child_len) {
        k->out->child_len++;
        span->count++;
    }
    return true;
}

static lt_status str_to_map_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        lt_str pairs = k->arg_count > 1 ? lt_k_str(k, 1, row) : LT_STR(",");
        lt_str keys = k->arg_count > 2 ? lt_k_str(k, 2, row) : LT_STR("=");
        map_delims *d = delims_of(k, row, pairs, keys);
        if (d == NULL) {
            return LT_OK;
        }
        if (d->pairs == NULL || d->keys == NULL) {
            lt_k_null(k, row);
            continue;
        }
        lt_span span = {k->out->child_len, 0};
        size_t at = 0, from = 0, start, end;
        if (s.len == 0) {
            LT_OUT(k, lt_span)[row] = span;
            continue;
        }
        bool empties = false; /* seen, and none behind them so far: Java drops those at the end */
        while (from <= s.len && find_in(k, row, d->pairs, s, from) &&
               lt_regex_group(d->pairs, 0, &start, &end)) {
            lt_str part = {s.ptr + at, start - at};
            if (part.len > 0 && empties && !put_pair(k, d, row, LT_STR(""), &span)) {
                return LT_OK;
            }
            empties = part.len == 0 && end > 0; /* no empty piece before an empty match */
            if (part.len > 0 && !put_pair(k, d, row, part, &span)) {
                return LT_OK;
            }
            at = end;
            from = after_hit(s, start, end);
        }
        if (at < s.len && ((empties && !put_pair(k, d, row, LT_STR(""), &span)) ||
                           !put_pair(k, d, row, (lt_str){s.ptr + at, s.len - at}, &span))) {
            return LT_OK;
        }
        LT_OUT(k, lt_span)[row] = span;
    }
    return LT_OK;
}

/* ---- typing ---- */

static const lt_simple regexes[] = {
    [LT_OP_REGEXP] = {"ss", 'B', false, regexp_kernel},
    [LT_OP_REGEXP_EXTRACT] = {"ssi", 'S', true, extract_kernel},
    [LT_OP_REGEXP_REPLACE] = {"sss", 'S', false, replace_kernel},
    [LT_OP_REGEXP_COUNT] = {"ss", 'I', true, count_kernel},
    [LT_OP_REGEXP_INSTR] = {"ss", 'I', true, instr_kernel},
    [LT_OP_REGEXP_SUBSTR] = {"ss", 'S', true, extract_kernel},
    [LT_OP_REGEXP_EXTRACT_ALL] = {"ssl", 'N', true, extract_all_kernel},
    [LT_OP_SIMILAR] = {"sss", 'B', false, similar_kernel},
    [LT_OP_NOT_SIMILAR] = {"sss", 'B', false, similar_kernel},
    [LT_OP_SPLIT] = {"ss", 'N', false, split_kernel},
    [LT_OP_STR_TO_MAP] = {"sss", 'M', true, str_to_map_kernel},
};

/* A literal pattern that Java takes and this build does not is refused when it is planned. */
static lt_status check_literal(const lt_infer *in, uint32_t arg, lt_error *err)
{
    const lt_value *literal = arg < in->count ? lt_in_literal(in, arg) : NULL;
    if (literal == NULL || !lt_type_is_string(literal->type)) {
        return LT_OK;
    }
    lt_regex_verdict verdict;
    char why[128] = "";
    lt_regex_free(lt_regex_new_java(in->b->session->mem, literal->u.s, &verdict, why));
    if (verdict == LT_REGEX_NOMEM) {
        return lt_error_nomem(err, "regular expression");
    }
    if (verdict != LT_REGEX_UNSUPPORTED) {
        return LT_OK;
    }
    return lt_error_set_at(err, LT_ERR_UNSUPPORTED, in->args[arg]->pos,
                           "the regular expression '%.*s' is not supported: %s",
                           (int)LT_MIN(literal->u.s.len, (size_t)60), literal->u.s.ptr, why);
}

lt_status lt_infer_regex(lt_infer *in, lt_error *err)
{
    int op = in->func->op;
    if (op == LT_OP_STR_TO_MAP && in->count == 2) {
        return lt_in_refuse(in, err);
    }
    if (op != LT_OP_SIMILAR && op != LT_OP_NOT_SIMILAR && op != LT_OP_SPLIT) {
        LT_TRY(check_literal(in, 1, err));
    }
    if (op == LT_OP_STR_TO_MAP) {
        LT_TRY(check_literal(in, 2, err));
    }
    return lt_in_simple(in, &regexes[op], err);
}
