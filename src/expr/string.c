/* Strings: joining, cutting, trimming, case, padding. Strings are UTF-8 and count in code points;
 * ASCII strings take the byte path. */
#include "expr/bytes.h"
#include "expr/families.h"
#include "expr/javafmt.h"
#include "expr/simple.h"
#include "expr/utf8.h"

#define RESULT_MAX ((size_t)256 << 20) /* bytes of one computed string */

static void put_int(lt_kctx *k, uint32_t row, int64_t value)
{
    LT_OUT(k, int32_t)[row] = (int32_t)value;
}

static void fail_long(lt_kctx *k, uint32_t row)
{
    lt_k_fail(k, row, "string-too-long", "the resulting string would be longer than 256 MiB");
}

/* ---- joining ---- */

static lt_status concat_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        size_t len = 0;
        for (uint32_t a = 0; a < k->arg_count; a++) {
            len += lt_k_str(k, a, row).len;
        }
        if (len > RESULT_MAX) {
            fail_long(k, row);
            continue;
        }
        char small[LT_STRV_INLINE_MAX];
        char *to = len <= sizeof small ? small : lt_k_bytes(k, len);
        if (to == NULL) {
            break;
        }
        size_t used = 0;
        for (uint32_t a = 0; a < k->arg_count; a++) {
            lt_str s = lt_k_str(k, a, row);
            if (s.len > 0) {
                memcpy(to + used, s.ptr, s.len);
            }
            used += s.len;
        }
        lt_k_put_view(k, row, to, len);
    }
    return LT_OK;
}

static lt_status concat_ws_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        if (lt_k_is_null(k, 0, row)) {
            lt_k_null(k, row);
            continue;
        }
        lt_str sep = lt_k_str(k, 0, row);
        size_t len = 0, parts = 0;
        for (uint32_t a = 1; a < k->arg_count; a++) {
            if (!lt_k_is_null(k, a, row)) {
                len += lt_k_str(k, a, row).len + (parts++ > 0 ? sep.len : 0);
            }
        }
        if (len > RESULT_MAX) {
            fail_long(k, row);
            continue;
        }
        char *to = lt_k_bytes(k, len);
        if (to == NULL) {
            break;
        }
        size_t used = 0;
        parts = 0;
        for (uint32_t a = 1; a < k->arg_count; a++) {
            if (lt_k_is_null(k, a, row)) {
                continue;
            }
            if (parts++ > 0) {
                memcpy(to + used, sep.ptr, sep.len);
                used += sep.len;
            }
            lt_str s = lt_k_str(k, a, row);
            memcpy(to + used, s.ptr, s.len);
            used += s.len;
        }
        lt_k_put_view(k, row, to, len);
    }
    return LT_OK;
}

/* ---- cutting ---- */

static lt_str slice(lt_str s, size_t from, size_t count)
{
    if (lt_is_ascii(s)) {
        from = LT_MIN(from, s.len);
        return (lt_str){s.ptr + from, LT_MIN(count, s.len - from)};
    }
    size_t start = lt_utf8_offset(s, from);
    lt_str rest = {s.ptr + start, s.len - start};
    rest.len = lt_utf8_offset(rest, count);
    return rest;
}

/* Positions count from 1, from the end when negative; 0 means 1. false: NULL. */
static bool substring(lt_str s, int32_t pos, int32_t len, lt_str *out)
{
    if (len < 0) {
        return false;
    }
    *out = (lt_str){s.ptr, 0};
    if (s.len == 0) {
        return true;
    }
    int64_t start = pos > 0 ? pos - 1 : 0;
    if (pos < 0) {
        start = (int64_t)lt_utf8_count(s) + pos;
        if (start < 0) {
            return true;
        }
    }
    *out = slice(s, (size_t)start, (size_t)len);
    return true;
}

static lt_status substring_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    bool has_len = k->arg_count == 3;
    LT_EACH(k, row)
    {
        lt_str part;
        if (!substring(lt_k_str(k, 0, row), lt_k_i32(k, 1, row),
                       has_len ? lt_k_i32(k, 2, row) : INT32_MAX, &part)) {
            lt_k_null(k, row);
            continue;
        }
        lt_k_put_view(k, row, part.ptr, part.len);
    }
    return LT_OK;
}

static lt_status left_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        int32_t n = lt_k_i32(k, 1, row);
        lt_str s = lt_k_str(k, 0, row);
        s = slice(s, 0, n > 0 ? (size_t)n : 0);
        lt_k_put_view(k, row, s.ptr, s.len);
    }
    return LT_OK;
}

static lt_status right_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        int32_t n = lt_k_i32(k, 1, row);
        lt_str s = lt_k_str(k, 0, row);
        size_t have = lt_utf8_count(s), want = n > 0 ? (size_t)n : 0;
        s = slice(s, have > want ? have - want : 0, want);
        lt_k_put_view(k, row, s.ptr, s.len);
    }
    return LT_OK;
}

/* ---- trimming ---- */

enum { TRIM_LEFT = 1, TRIM_RIGHT = 2 };

static bool in_set(lt_str set, const char *p, size_t len)
{
    const char *q = set.ptr, *end = set.ptr + set.len;
    while (q < end) {
        size_t step = lt_utf8_step(q, end);
        if (step == len && memcmp(p, q, len) == 0) {
            return true;
        }
        q += step;
    }
    return false;
}

static lt_str trim(lt_str s, lt_str set, int sides)
{
    const char *p = s.ptr, *end = s.ptr + s.len;
    while ((sides & TRIM_LEFT) != 0 && p < end) {
        size_t step = lt_utf8_step(p, end);
        if (!in_set(set, p, step)) {
            break;
        }
        p += step;
    }
    while ((sides & TRIM_RIGHT) != 0 && p < end) {
        const char *q = end - 1;
        while (q > p && ((unsigned char)*q & 0xc0) == 0x80) {
            q--;
        }
        if (!in_set(set, q, (size_t)(end - q))) {
            break;
        }
        end = q;
    }
    return (lt_str){p, (size_t)(end - p)};
}

static const int trim_both = TRIM_LEFT | TRIM_RIGHT, trim_left = TRIM_LEFT, trim_right = TRIM_RIGHT;

/* s[, set] */
static lt_status trim_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    int sides = *(const int *)k->data;
    LT_EACH(k, row)
    {
        lt_str set = k->arg_count > 1 ? lt_k_str(k, 1, row) : LT_STR(" ");
        lt_str s = trim(lt_k_str(k, 0, row), set, sides);
        lt_k_put_view(k, row, s.ptr, s.len);
    }
    return LT_OK;
}

/* ---- case ---- */

static size_t map_case(lt_str s, bool upper, char *to)
{
    const char *p = s.ptr, *end = s.ptr + s.len;
    size_t len = 0;
    while (p < end) {
        uint32_t code = lt_utf8_next(&p, end);
        if (upper && code == 0xdf) {
            to[len++] = 'S';
            to[len++] = 'S';
            continue;
        }
        len += lt_utf8_put(upper ? lt_code_upper(code) : lt_code_lower(code), to + len);
    }
    return len;
}

static void change_case(lt_kctx *k, bool upper)
{
    const lt_strv *from = LT_ARG(k, 0, lt_strv);
    const uint32_t mask = k->args[0].mask;
    const char low = upper ? 'a' : 'A';
    LT_EACH(k, row)
    {
        const lt_strv *view = &from[row & mask];
        lt_str s = lt_strv_str(view);
        if (s.len <= LT_STRV_INLINE_MAX) {
            if (lt_bytes_change_view(view, low, &LT_OUT(k, lt_strv)[row])) {
                continue;
            }
        } else {
            char *to = lt_k_bytes(k, s.len);
            if (to == NULL) {
                return;
            }
            if (lt_bytes_change_case(s.ptr, s.len, low, to)) {
                lt_k_put_view(k, row, to, s.len);
                continue;
            }
            lt_k_bytes_unused(k, to + s.len, s.len);
        }
        char *to = lt_k_bytes(k, s.len * 3); /* no mapping grows more */
        if (to == NULL) {
            return;
        }
        size_t len = map_case(s, upper, to);
        lt_k_bytes_unused(k, to + s.len * 3, s.len * 3 - len);
        lt_k_put_view(k, row, to, len);
    }
}

static lt_status upper_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    change_case(k, true);
    return LT_OK;
}

static lt_status lower_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    change_case(k, false);
    return LT_OK;
}

/* Words are runs of ASCII letters and digits, as in Calcite. */
static lt_status initcap_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        char *to = lt_k_bytes(k, s.len);
        if (to == NULL) {
            break;
        }
        bool start = true;
        for (size_t i = 0; i < s.len; i++) {
            char c = s.ptr[i];
            bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
            to[i] = (start && lower) || (!start && upper) ? (char)(c ^ 0x20) : c;
            start = !(lower || upper || (c >= '0' && c <= '9'));
        }
        lt_k_put_view(k, row, to, s.len);
    }
    return LT_OK;
}

/* ---- padding, repeating, reversing ---- */

static void pad(lt_kctx *k, bool left)
{
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row), fill = lt_k_str(k, 2, row);
        int32_t want = lt_k_i32(k, 1, row);
        if (want < 0 || fill.len == 0) {
            lt_k_null(k, row);
            continue;
        }
        size_t have = lt_utf8_count(s);
        if (have >= (size_t)want) {
            s = slice(s, 0, (size_t)want);
            lt_k_put_view(k, row, s.ptr, s.len);
            continue;
        }
        size_t missing = (size_t)want - have, unit = lt_utf8_count(fill);
        size_t whole = missing / unit, rest = lt_utf8_offset(fill, missing % unit);
        size_t extra = whole * fill.len + rest;
        if (extra > RESULT_MAX) {
            fail_long(k, row);
            continue;
        }
        char *to = lt_k_bytes(k, s.len + extra);
        if (to == NULL) {
            return;
        }
        char *at = left ? to : to + s.len;
        for (size_t i = 0; i < whole; i++) {
            memcpy(at, fill.ptr, fill.len);
            at += fill.len;
        }
        memcpy(at, fill.ptr, rest);
        memcpy(left ? to + extra : to, s.ptr, s.len);
        lt_k_put_view(k, row, to, s.len + extra);
    }
}

static lt_status lpad_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    pad(k, true);
    return LT_OK;
}

static lt_status rpad_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    pad(k, false);
    return LT_OK;
}

static lt_status repeat_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        int32_t times = lt_k_i32(k, 1, row);
        size_t len = times > 0 ? s.len * (size_t)times : 0;
        if (len > RESULT_MAX) {
            fail_long(k, row);
            continue;
        }
        char *to = lt_k_bytes(k, len);
        if (to == NULL) {
            break;
        }
        for (size_t at = 0; at < len; at += s.len) {
            memcpy(to + at, s.ptr, s.len);
        }
        lt_k_put_view(k, row, to, len);
    }
    return LT_OK;
}

static lt_status reverse_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        char *to = lt_k_bytes(k, s.len);
        if (to == NULL) {
            break;
        }
        const char *p = s.ptr, *end = s.ptr + s.len;
        char *at = to + s.len;
        while (p < end) {
            size_t step = lt_utf8_step(p, end);
            at -= step;
            memcpy(at, p, step);
            p += step;
        }
        lt_k_put_view(k, row, to, s.len);
    }
    return LT_OK;
}

/* ---- numbers of strings ---- */

static lt_status length_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        put_int(k, row, (int64_t)lt_utf8_count(lt_k_str(k, 0, row)));
    }
    return LT_OK;
}

static lt_status ascii_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        put_int(k, row, s.len > 0 ? (signed char)s.ptr[0] : 0);
    }
    return LT_OK;
}

static lt_status chr_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        int64_t code = lt_k_i64(k, 0, row);
        char text[LT_STRV_INLINE_MAX];
        size_t len = code < 0 ? 0 : lt_utf8_put((uint32_t)(code & 0xff), text);
        lt_k_put_view(k, row, text, len);
    }
    return LT_OK;
}

/* ---- tests ---- */

enum { TEST_ALPHA, TEST_DIGIT, TEST_DECIMAL };

/* Decimal digits of other scripts: the zeros that nine digits follow. */
static bool is_digit(uint32_t c)
{
    static const uint16_t zeros[] = {0x660, 0x6f0, 0x7c0,  0x966,  0x9e6,  0xa66,  0xae6,
                                     0xb66, 0xbe6, 0xc66,  0xce6,  0xd66,  0xde6,  0xe50,
                                     0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0xff10};
    for (size_t i = 0; i < LT_COUNT_OF(zeros); i++) {
        if (c >= zeros[i] && c < zeros[i] + 10u) {
            return true;
        }
    }
    return c >= '0' && c <= '9';
}

/* Letters, without tables: what is beyond Latin 1 and neither digit, punctuation nor symbol. */
static bool is_alpha(uint32_t c)
{
    if (c < 0xaa) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    }
    bool symbol = c == 0xd7 || c == 0xf7 || c == 0xfffd || (c >= 0x2000 && c < 0x2c00) ||
                  (c >= 0x3000 && c < 0x3040) || (c >= 0xe000 && c < 0xf900) ||
                  (c >= 0x1f000 && c < 0x20000) || (c >= 0xfe00 && c < 0xfe70);
    return !symbol && !is_digit(c);
}

static bool all_of(lt_str s, int test)
{
    if (s.len == 0) {
        return false;
    }
    const char *p = s.ptr, *end = s.ptr + s.len;
    while (p < end) {
        uint32_t c = lt_utf8_next(&p, end);
        if (test == TEST_DIGIT ? !is_digit(c) : !is_alpha(c)) {
            return false;
        }
    }
    return true;
}

/* NULL is not alpha: FALSE. */
static lt_status test_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    int test = k->call->u.call.func->op - LT_OP_IS_ALPHA;
    LT_EACH(k, row)
    {
        bool yes = false;
        if (!lt_k_is_null(k, 0, row)) {
            lt_str s = lt_k_str(k, 0, row);
            double ignored;
            yes = test == TEST_DECIMAL ? lt_parse_f64(s, &ignored) || all_of(s, TEST_DIGIT)
                                       : all_of(s, test);
        }
        LT_OUT(k, uint8_t)[row] = yes;
    }
    return LT_OK;
}

/* ---- typing ---- */

static const lt_simple strings[] = {
    [LT_OP_CONCAT] = {"s+", 'S', false, concat_kernel},
    [LT_OP_CONCAT_WS] = {"s+", 'S', false, concat_ws_kernel},
    [LT_OP_SUBSTRING] = {"sii", 'S', false, substring_kernel},
    [LT_OP_LEFT] = {"si", 'S', false, left_kernel},
    [LT_OP_RIGHT] = {"si", 'S', false, right_kernel},
    [LT_OP_LTRIM] = {"ss", 'S', false, trim_kernel},
    [LT_OP_RTRIM] = {"ss", 'S', false, trim_kernel},
    [LT_OP_BTRIM] = {"ss", 'S', false, trim_kernel},
    [LT_OP_UPPER] = {"s", 'S', false, upper_kernel},
    [LT_OP_LOWER] = {"s", 'S', false, lower_kernel},
    [LT_OP_INITCAP] = {"s", 'S', false, initcap_kernel},
    [LT_OP_LPAD] = {"sis", 'S', false, lpad_kernel},
    [LT_OP_RPAD] = {"sis", 'S', false, rpad_kernel},
    [LT_OP_REPEAT] = {"si", 'S', false, repeat_kernel},
    [LT_OP_REVERSE] = {"s", 'S', true, reverse_kernel},
    [LT_OP_CHAR_LENGTH] = {"s", 'I', false, length_kernel},
    [LT_OP_ASCII] = {"s", 'I', false, ascii_kernel},
    [LT_OP_CHR] = {"l", 'S', true, chr_kernel},
    [LT_OP_IS_ALPHA] = {"s", 'B', false, test_kernel},
    [LT_OP_IS_DIGIT] = {"s", 'B', false, test_kernel},
    [LT_OP_IS_DECIMAL] = {"s", 'B', false, test_kernel},
};

/* Padding gives NULL for a negative length and for an empty fill. */
static bool may_pad_to_null(const lt_infer *in)
{
    const lt_value *length = lt_in_literal(in, 1), *fill = lt_in_literal(in, 2);
    return length == NULL || length->u.i < 0 || fill == NULL || fill->u.s.len == 0;
}

lt_status lt_infer_string(lt_infer *in, lt_error *err)
{
    int op = in->func->op;
    if (op == LT_OP_IS_ALPHA && lt_type_is_numeric(in->args[0]->type)) {
        return lt_expr_bool(in->b, false, in->pos, &in->replace, err);
    }
    LT_TRY(lt_in_simple(in, &strings[op], err));
    switch (op) {
    case LT_OP_LTRIM:
        in->data = &trim_left;
        break;
    case LT_OP_RTRIM:
        in->data = &trim_right;
        break;
    case LT_OP_BTRIM:
        in->data = &trim_both;
        break;
    case LT_OP_CONCAT_WS:
        in->type = lt_in_string_type(in, false);
        break;
    case LT_OP_LPAD:
    case LT_OP_RPAD:
        in->type = lt_in_string_type(in, may_pad_to_null(in));
        break;
    case LT_OP_IS_ALPHA:
    case LT_OP_IS_DIGIT:
    case LT_OP_IS_DECIMAL:
        in->type = lt_type_new(in->b->arena, LT_TYPE_BOOLEAN, false);
        break;
    case LT_OP_UPPER:
    case LT_OP_LOWER:
    case LT_OP_INITCAP:
        in->type = in->args[0]->type;
        break;
    default:
        break;
    }
    bool cuts = op == LT_OP_SUBSTRING || op == LT_OP_LEFT || op == LT_OP_RIGHT;
    if (cuts || op == LT_OP_LTRIM || op == LT_OP_RTRIM) {
        in->type = lt_type_sized(in->b->arena, LT_TYPE_VARCHAR, in->args[0]->type->length,
                                 cuts || lt_in_nullable(in));
    }
    return LT_OK;
}

/* a || b keeps lengths: CHAR only if both are. */
lt_status lt_infer_concat_op(lt_infer *in, lt_error *err)
{
    bool binary = lt_type_is_binary(in->args[0]->type) && lt_type_is_binary(in->args[1]->type);
    const lt_simple simple = {binary ? "yy" : "ss", binary ? 'Y' : 'S', false, concat_kernel};
    LT_TRY(lt_in_simple(in, &simple, err));
    const lt_type *a = in->args[0]->type, *b = in->args[1]->type;
    lt_type_kind fixed = binary ? LT_TYPE_BINARY : LT_TYPE_CHAR;
    lt_type_kind variable = binary ? LT_TYPE_VARBINARY : LT_TYPE_VARCHAR;
    int64_t length = LT_MIN((int64_t)a->length + b->length, (int64_t)LT_LENGTH_MAX);
    bool both = a->kind == fixed && b->kind == fixed;
    in->type =
        lt_type_sized(in->b->arena, both ? fixed : variable, (int32_t)length, lt_in_nullable(in));
    return LT_OK;
}

/* (BOTH|LEADING|TRAILING, characters, string) */
lt_status lt_infer_trim(lt_infer *in, lt_error *err)
{
    const lt_value *side = lt_in_literal(in, 0);
    if (side == NULL || side->type->kind != LT_TYPE_SYMBOL) {
        return lt_in_refuse(in, err);
    }
    in->data = lt_str_eq(side->u.s, LT_STR("LEADING"))    ? &trim_left
               : lt_str_eq(side->u.s, LT_STR("TRAILING")) ? &trim_right
                                                          : &trim_both;
    LT_TRY(lt_in_string(in, 1, err));
    LT_TRY(lt_in_string(in, 2, err));
    /* The kernel takes the string first, then the set. */
    in->args[0] = in->args[2];
    in->count = 2;
    in->kernel = trim_kernel;
    in->type =
        lt_type_sized(in->b->arena, LT_TYPE_VARCHAR, in->args[0]->type->length, lt_in_nullable(in));
    in->func = lt_func_find(trim_both == *(const int *)in->data   ? LT_STR("BTRIM")
                            : trim_left == *(const int *)in->data ? LT_STR("LTRIM")
                                                                  : LT_STR("RTRIM"));
    return LT_OK;
}
