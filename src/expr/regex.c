/* Wrapping PCRE2: accounted memory, JIT where there is one, limits instead of runaway backtracking.
 */
#include "expr/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 5000000
#define HEAP_LIMIT  65536 /* KiB */
#define HEADER      16

struct lt_regex {
    lt_mem *mem;
    pcre2_general_context *general;
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    uint32_t groups;
};

/* PCRE2 frees without telling the size: it is kept in front. */
static void *take(PCRE2_SIZE size, void *arg)
{
    char *block = lt_mem_alloc((lt_mem *)arg, size + HEADER);
    if (block == NULL) {
        return NULL;
    }
    memcpy(block, &size, sizeof size);
    return block + HEADER;
}

static void give(void *ptr, void *arg)
{
    if (ptr == NULL) {
        return;
    }
    PCRE2_SIZE size;
    char *block = (char *)ptr - HEADER;
    memcpy(&size, block, sizeof size);
    lt_mem_free((lt_mem *)arg, block, size + HEADER);
}

lt_regex *lt_regex_new(lt_mem *mem, lt_str pattern, bool *nomem, char text[128])
{
    *nomem = true;
    lt_regex *regex = lt_mem_zalloc(mem, sizeof *regex);
    if (regex == NULL) {
        return NULL;
    }
    regex->mem = mem;
    regex->general = pcre2_general_context_create(take, give, mem);
    if (regex->general == NULL) {
        lt_regex_free(regex);
        return NULL;
    }
    pcre2_compile_context *compile = pcre2_compile_context_create(regex->general);
    if (compile == NULL) {
        lt_regex_free(regex);
        return NULL;
    }
    (void)pcre2_set_newline(compile, PCRE2_NEWLINE_ANYCRLF);
    int code;
    PCRE2_SIZE at;
    regex->code = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len,
                                PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &code, &at, compile);
    pcre2_compile_context_free(compile);
    if (regex->code == NULL) {
        *nomem = code == PCRE2_ERROR_HEAP_FAILED;
        if (text != NULL) {
            (void)pcre2_get_error_message(code, (PCRE2_UCHAR *)text, 128);
        }
        lt_regex_free(regex);
        return NULL;
    }
    (void)pcre2_jit_compile(regex->code,
                            PCRE2_JIT_COMPLETE); /* without it matching is slower, not wrong */
    regex->match = pcre2_match_data_create_from_pattern(regex->code, regex->general);
    regex->limits = pcre2_match_context_create(regex->general);
    if (regex->match == NULL || regex->limits == NULL) {
        lt_regex_free(regex);
        return NULL;
    }
    pcre2_set_match_limit(regex->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(regex->limits, HEAP_LIMIT);
    (void)pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &regex->groups);
    *nomem = false;
    return regex;
}

lt_regex *lt_regex_new_java(lt_mem *mem, lt_str pattern, lt_regex_verdict *verdict, char text[128])
{
    static const char *const limits[] = {"lookbehind assertion", "too large", "too complicated"};
    char why[128] = "";
    lt_text rewritten;
    lt_text_init(&rewritten, mem);
    lt_regex *regex = NULL;
    *verdict = lt_regex_from_java(pattern, &rewritten, why);
    if (*verdict == LT_REGEX_FINE) {
        bool nomem;
        regex = lt_regex_new(mem, lt_text_str(&rewritten), &nomem, why);
        *verdict = regex != NULL ? LT_REGEX_FINE : nomem ? LT_REGEX_NOMEM : LT_REGEX_BAD;
        /* Java has no such limits, or other ones. */
        for (size_t i = 0; *verdict == LT_REGEX_BAD && i < LT_COUNT_OF(limits); i++) {
            *verdict = strstr(why, limits[i]) != NULL ? LT_REGEX_UNSUPPORTED : LT_REGEX_BAD;
        }
    }
    lt_text_deinit(&rewritten);
    if (text != NULL) {
        memcpy(text, why, sizeof why);
    }
    return regex;
}

void lt_regex_free(lt_regex *regex)
{
    if (regex == NULL) {
        return;
    }
    pcre2_match_context_free(regex->limits);
    pcre2_match_data_free(regex->match);
    pcre2_code_free(regex->code);
    pcre2_general_context_free(regex->general);
    lt_mem_free(regex->mem, regex, sizeof *regex);
}

lt_regex_result lt_regex_find(lt_regex *regex, lt_str s, size_t from)
{
    PCRE2_SPTR subject = (PCRE2_SPTR)(s.ptr != NULL ? s.ptr : "");
    int rc = pcre2_match(regex->code, subject, s.len, from, 0, regex->match, regex->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
        rc = pcre2_match(regex->code, subject, s.len, from, PCRE2_NO_JIT, regex->match,
                         regex->limits);
    }
    return rc > 0 ? LT_REGEX_HIT : rc == PCRE2_ERROR_NOMATCH ? LT_REGEX_NO : LT_REGEX_LIMIT;
}

uint32_t lt_regex_group_count(const lt_regex *regex)
{
    return regex->groups;
}

bool lt_regex_group(const lt_regex *regex, uint32_t group, size_t *start, size_t *end)
{
    const PCRE2_SIZE *spans = pcre2_get_ovector_pointer(regex->match);
    if (group > regex->groups || spans[2 * group] == PCRE2_UNSET) {
        return false;
    }
    *start = spans[2 * group];
    *end = spans[2 * group + 1];
    return *start <= *end;
}
