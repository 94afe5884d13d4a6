/* LIKE. A literal pattern is classified once: equal, prefix, suffix, contains; all else runs the
 * general matcher, which backtracks to the last % only and so takes at most length x pattern steps.
 */
#include "base/compiler.h"

#if LT_HAVE_X86_64
#include <immintrin.h>
#endif

#include "expr/bytes.h"
#include "expr/families.h"
#include "expr/kernel.h"
#include "expr/utf8.h"

typedef enum { LIKE_EQUAL, LIKE_PREFIX, LIKE_SUFFIX, LIKE_CONTAINS, LIKE_GENERAL } like_form;

typedef struct {
    like_form form;
    bool negate;
    lt_str text;    /* without wildcards */
    char escape[5]; /* one character; empty = none */
} like_plan;

/* One step of a pattern. */
typedef struct {
    enum { STEP_END, STEP_MANY, STEP_ONE, STEP_CHAR } kind;
    const char *ptr; /* STEP_CHAR */
    size_t len;
} like_step;

/* Reads a step and moves *p on; false when an escape stands before something else than %, _ or
 * itself. */
static bool next_step(const char **p, const char *end, lt_str escape, like_step *step)
{
    if (*p == end) {
        step->kind = STEP_END;
        return true;
    }
    size_t len = lt_utf8_step(*p, end);
    if (escape.len > 0 && len == escape.len && memcmp(*p, escape.ptr, len) == 0) {
        *p += len;
        if (*p == end) {
            return false;
        }
        len = lt_utf8_step(*p, end);
        bool again = len == escape.len && memcmp(*p, escape.ptr, len) == 0;
        if (**p != '%' && **p != '_' && !again) {
            return false;
        }
        *step = (like_step){STEP_CHAR, *p, len};
    } else {
        step->kind = **p == '%' ? STEP_MANY : **p == '_' ? STEP_ONE : STEP_CHAR;
        step->ptr = *p;
        step->len = len;
    }
    *p += len;
    return true;
}

static bool valid_pattern(lt_str pattern, lt_str escape)
{
    const char *p = pattern.ptr, *end = pattern.ptr + pattern.len;
    like_step step = {STEP_ONE, NULL, 0};
    while (step.kind != STEP_END) {
        if (!next_step(&p, end, escape, &step)) {
            return false;
        }
    }
    return true;
}

/* The pattern is valid. */
static bool like_match(lt_str s, lt_str pattern, lt_str escape)
{
    const char *p = pattern.ptr, *p_end = pattern.ptr + pattern.len;
    const char *t = s.ptr, *t_end = s.ptr + s.len;
    const char *retry_p = NULL, *retry_t = NULL;
    while (true) {
        like_step step = {STEP_END, NULL, 0};
        const char *after = p;
        (void)next_step(&after, p_end, escape, &step);
        if (step.kind == STEP_MANY) {
            p = after;
            retry_p = p;
            retry_t = t;
            continue;
        }
        bool hit = false;
        if (step.kind == STEP_END) {
            if (t == t_end) {
                return true;
            }
        } else if (step.kind == STEP_ONE && t < t_end) {
            t += lt_utf8_step(t, t_end);
            hit = true;
        } else if (step.kind == STEP_CHAR && (size_t)(t_end - t) >= step.len &&
                   memcmp(t, step.ptr, step.len) == 0) {
            t += step.len;
            hit = true;
        }
        if (hit) {
            p = after;
            continue;
        }
        if (retry_p == NULL || retry_t == t_end) {
            return false;
        }
        retry_t += lt_utf8_step(retry_t, t_end);
        t = retry_t;
        p = retry_p;
    }
}

static bool contains(lt_str s, lt_str part)
{
    if (part.len == 0) {
        return true;
    }
    size_t at = 0;
    while (at + part.len <= s.len) {
        const char *hit = memchr(s.ptr + at, part.ptr[0], s.len - part.len - at + 1);
        if (hit == NULL) {
            return false;
        }
        if (memcmp(hit, part.ptr, part.len) == 0) {
            return true;
        }
        at = (size_t)(hit - s.ptr) + 1;
    }
    return false;
}

#if LT_HAVE_X86_64

#define FAR_MAX 1024 /* longer strings are left to libc */

/* A bit for each of the 32 positions at p where the part's first and last byte stand. */
LT_TARGET("avx2")
LT_INLINE uint32_t candidates(const char *p, size_t last, __m256i first_byte, __m256i last_byte)
{
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + last));
    return (uint32_t)_mm256_movemask_epi8(
        _mm256_and_si256(_mm256_cmpeq_epi8(a, first_byte), _mm256_cmpeq_epi8(b, last_byte)));
}

/* The last block of positions overlaps the one before it. */
LT_TARGET("avx2")
LT_INLINE bool contains_avx2(lt_str s, lt_str part, __m256i first_byte, __m256i last_byte)
{
    if (s.len < part.len + 31 || s.len > FAR_MAX) {
        return contains(s, part);
    }
    size_t last = part.len - 1, end = s.len - last - 32;
    for (size_t i = 0;; i = LT_MIN(i + 32, end)) {
        uint32_t bits = candidates(s.ptr + i, last, first_byte, last_byte);
        for (; bits != 0; bits &= bits - 1) {
            if (lt_bytes_equal(s.ptr + i + LT_CTZ64(bits), part.ptr, part.len)) {
                return true;
            }
        }
        if (i == end) {
            return false;
        }
    }
}

LT_TARGET("avx2")
static void each_containing_avx2(const lt_kctx *k, lt_str part, bool negate)
{
    const lt_strv *views = LT_ARG(k, 0, lt_strv);
    const __m256i first_byte = _mm256_set1_epi8(part.ptr[0]);
    const __m256i last_byte = _mm256_set1_epi8(part.ptr[part.len - 1]);
    LT_EACH(k, row)
    {
        lt_str s = lt_strv_str(&views[row & k->args[0].mask]);
        LT_OUT(k, uint8_t)[row] = contains_avx2(s, part, first_byte, last_byte) != negate;
    }
}
#endif

static void each_containing(const lt_kctx *k, lt_str part, bool negate)
{
#if LT_HAVE_X86_64
    if (k->cpu >= LT_CPU_AVX2 && part.len > 0) {
        each_containing_avx2(k, part, negate);
        return;
    }
#endif
    LT_EACH(k, row)
    {
        LT_OUT(k, uint8_t)[row] = contains(lt_k_str(k, 0, row), part) != negate;
    }
}

/* The prefix in the view decides most rows without following the string. */
static void each_starting(const lt_kctx *k, lt_str part, bool negate)
{
    const lt_strv *views = LT_ARG(k, 0, lt_strv);
    uint32_t want = 0;
    size_t head = LT_MIN(part.len, sizeof want);
    memcpy(&want, part.ptr, head);
    uint32_t keep = 0;
    memset(&keep, 0xff, head);
    LT_EACH(k, row)
    {
        const lt_strv *view = &views[row & k->args[0].mask];
        uint32_t prefix;
        memcpy(&prefix, view->u.inlined, sizeof prefix);
        bool hit =
            (prefix & keep) == want && view->len >= part.len &&
            (part.len <= sizeof want || lt_bytes_equal(lt_strv_ptr(view), part.ptr, part.len));
        LT_OUT(k, uint8_t)[row] = hit != negate;
    }
}

static void each_ending(const lt_kctx *k, lt_str part, bool negate)
{
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        bool hit =
            s.len >= part.len && lt_bytes_equal(s.ptr + s.len - part.len, part.ptr, part.len);
        LT_OUT(k, uint8_t)[row] = hit != negate;
    }
}

static lt_status like_literal(lt_kctx *k, lt_error *err)
{
    (void)err;
    const like_plan *plan = (const like_plan *)k->data;
    lt_str part = plan->text, escape = lt_str_of(plan->escape);
    switch (plan->form) {
    case LIKE_EQUAL: {
        lt_strv want = lt_strv_make(part.ptr, part.len);
        LT_EACH(k, row)
        {
            const lt_strv *view = &LT_ARG(k, 0, lt_strv)[row & k->args[0].mask];
            LT_OUT(k, uint8_t)[row] = lt_bytes_eq_view(view, &want) != plan->negate;
        }
        break;
    }
    case LIKE_PREFIX:
        each_starting(k, part, plan->negate);
        break;
    case LIKE_SUFFIX:
        each_ending(k, part, plan->negate);
        break;
    case LIKE_CONTAINS:
        each_containing(k, part, plan->negate);
        break;
    case LIKE_GENERAL:
        LT_EACH(k, row)
        {
            bool hit = like_match(lt_k_str(k, 0, row), lt_k_str(k, 1, row), escape);
            LT_OUT(k, uint8_t)[row] = hit != plan->negate;
        }
        break;
    }
    return LT_OK;
}

static lt_status like_dynamic(lt_kctx *k, lt_error *err)
{
    (void)err;
    bool negate = ((const like_plan *)k->data)->negate;
    LT_EACH(k, row)
    {
        lt_str pattern = lt_k_str(k, 1, row);
        lt_str escape = k->arg_count > 2 ? lt_k_str(k, 2, row) : LT_STR("");
        if (lt_utf8_count(escape) > 1 || !valid_pattern(pattern, escape)) {
            lt_k_fail(k, row, "bad-pattern", "invalid escape in the LIKE pattern '%.*s'",
                      (int)LT_MIN(pattern.len, (size_t)100), pattern.ptr);
            continue;
        }
        LT_OUT(k, uint8_t)[row] = like_match(lt_k_str(k, 0, row), pattern, escape) != negate;
    }
    return LT_OK;
}

static lt_status classify(lt_infer *in, like_plan *plan, lt_str pattern, lt_error *err)
{
    lt_str escape = lt_str_of(plan->escape);
    if (!valid_pattern(pattern, escape)) {
        return lt_error_set_at(err, LT_ERR_SQL, in->pos,
                               "invalid escape in the LIKE pattern '" LT_STR_FMT "'",
                               LT_STR_ARG(pattern));
    }
    char *text = lt_arena_alloc(in->b->arena, pattern.len + 1, 1);
    if (text == NULL) {
        return lt_error_nomem(err, "pattern");
    }
    const char *p = pattern.ptr, *end = pattern.ptr + pattern.len;
    size_t len = 0;
    bool first = false, last = false, simple = true;
    for (size_t index = 0;; index++) {
        like_step step = {STEP_END, NULL, 0};
        (void)next_step(&p, end, escape, &step);
        if (step.kind == STEP_END) {
            break;
        }
        if (step.kind == STEP_MANY && len == 0 && !last) {
            first = true;
        } else if (step.kind == STEP_MANY) {
            last = true;
        } else if (step.kind == STEP_ONE || last) {
            simple = false;
        } else {
            memcpy(text + len, step.ptr, step.len);
            len += step.len;
        }
    }
    plan->text = (lt_str){text, len};
    plan->form = !simple         ? LIKE_GENERAL
                 : first && last ? LIKE_CONTAINS
                 : first         ? (len == 0 ? LIKE_CONTAINS : LIKE_SUFFIX)
                 : last          ? LIKE_PREFIX
                                 : LIKE_EQUAL;
    return LT_OK;
}

lt_status lt_infer_like(lt_infer *in, lt_error *err)
{
    for (uint32_t i = 0; i < in->count; i++) {
        LT_TRY(lt_in_string(in, i, err));
    }
    like_plan *plan = LT_NEW(in->b->arena, like_plan);
    if (plan == NULL) {
        return lt_error_nomem(err, "pattern");
    }
    plan->negate = in->func->op == LT_OP_NOT_LIKE;
    in->data = plan;
    in->type = lt_in_type(in, LT_TYPE_BOOLEAN, false);
    in->kernel = like_dynamic;
    const lt_value *pattern = lt_in_literal(in, 1);
    const lt_value *escape = in->count > 2 ? lt_in_literal(in, 2) : NULL;
    if (escape != NULL) {
        if (lt_utf8_count(escape->u.s) > 1) {
            return lt_error_set_at(err, LT_ERR_SQL, in->pos, "ESCAPE takes one character");
        }
        if (escape->u.s.len > 0 && escape->u.s.ptr[0] == '\0') {
            return lt_error_set_at(err, LT_ERR_SQL, in->pos,
                                   "the character U+0000 cannot be the ESCAPE of LIKE");
        }
        memcpy(plan->escape, escape->u.s.ptr, LT_MIN(escape->u.s.len, sizeof plan->escape - 1));
    }
    if (pattern == NULL || (in->count > 2 && escape == NULL)) {
        return LT_OK;
    }
    LT_TRY(classify(in, plan, pattern->u.s, err));
    in->kernel = like_literal;
    return LT_OK;
}
