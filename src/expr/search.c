/* Searching and replacing in strings: POSITION, REPLACE, SPLIT_INDEX, STARTSWITH .. */
#include "expr/families.h"
#include "expr/simple.h"
#include "expr/utf8.h"

#define RESULT_MAX ((size_t)256 << 20)

/* Byte offset of needle at or after `from`, or -1. */
static int64_t find_bytes(lt_str s, lt_str needle, size_t from)
{
    if (needle.len == 0) {
        return from <= s.len ? (int64_t)from : -1;
    }
    while (from + needle.len <= s.len) {
        const char *hit = memchr(s.ptr + from, needle.ptr[0], s.len - needle.len - from + 1);
        if (hit == NULL) {
            return -1;
        }
        from = (size_t)(hit - s.ptr);
        if (memcmp(hit, needle.ptr, needle.len) == 0) {
            return (int64_t)from;
        }
        from++;
    }
    return -1;
}

/* 1-based code point position, 0 if absent. */
static int32_t position(lt_str s, lt_str needle, int32_t start)
{
    if (needle.len == 0) {
        return 1;
    }
    size_t skip = start > 1 ? lt_utf8_offset(s, (size_t)start - 1) : 0;
    int64_t at = find_bytes(s, needle, skip);
    return at < 0 ? 0 : (int32_t)lt_utf8_count((lt_str){s.ptr, (size_t)at}) + 1;
}

/* (needle, s[, start]) */
static lt_status position_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        int32_t start = k->arg_count > 2 ? lt_k_i32(k, 2, row) : 1;
        LT_OUT(k, int32_t)[row] = position(lt_k_str(k, 1, row), lt_k_str(k, 0, row), start);
    }
    return LT_OK;
}

/* Byte offset of the last needle that starts at or before `from`, or -1. */
static int64_t find_back(lt_str s, lt_str needle, int64_t from)
{
    for (int64_t at = LT_MIN(from, (int64_t)s.len - (int64_t)needle.len); at >= 0; at--) {
        if (memcmp(s.ptr + at, needle.ptr, needle.len) == 0) {
            return at;
        }
    }
    return -1;
}

/* The nth needle from character `start` on; a negative start counts from the end and searches
 * backwards. */
static int32_t nth_position(lt_str s, lt_str needle, int32_t start, int32_t nth)
{
    if (start == 0 || nth <= 0) {
        return 0;
    }
    int64_t at = 0, count = (int64_t)lt_utf8_count(s);
    if (needle.len == 0) {
        return start > 0 ? 1 : (int32_t)LT_MAX(count + start + 2, (int64_t)0);
    }
    if (start > 0) {
        at = (int64_t)lt_utf8_offset(s, (size_t)start - 1) - 1;
        for (int32_t i = 0; i < nth; i++) {
            at = at + 1 > (int64_t)s.len ? -1 : find_bytes(s, needle, (size_t)(at + 1));
            if (at < 0) {
                return 0;
            }
        }
    } else {
        if (start + count < 0) {
            return 0;
        }
        at = (int64_t)lt_utf8_offset(s, (size_t)(start + count)) + 1;
        for (int32_t i = 0; i < nth; i++) {
            at = find_back(s, needle, at - 1);
            if (at < 0) {
                return 0;
            }
        }
    }
    return (int32_t)lt_utf8_count((lt_str){s.ptr, (size_t)at}) + 1;
}

/* (s, needle[, start[, nth]]) */
static lt_status instr_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        int32_t start = k->arg_count > 2 ? lt_k_i32(k, 2, row) : 1;
        int32_t nth = k->arg_count > 3 ? lt_k_i32(k, 3, row) : 1;
        if (nth <= 0) {
            lt_k_fail(k, row, "bad-argument", "INSTR looks for occurrence 1 or later, not %d", nth);
            continue;
        }
        LT_OUT(k, int32_t)
        [row] = nth_position(lt_k_str(k, 0, row), lt_k_str(k, 1, row), start, nth);
    }
    return LT_OK;
}

static size_t replace_into(lt_str s, lt_str old, lt_str new_text, char *to)
{
    size_t at = 0, len = 0;
    while (true) {
        int64_t hit = find_bytes(s, old, at);
        if (hit < 0) {
            break;
        }
        memcpy(to + len, s.ptr + at, (size_t)hit - at);
        len += (size_t)hit - at;
        memcpy(to + len, new_text.ptr, new_text.len);
        len += new_text.len;
        at = (size_t)hit + old.len;
        if (old.len == 0) { /* before every character and at the end, as Java does */
            if (at == s.len) {
                return len;
            }
            size_t step = lt_utf8_step(s.ptr + at, s.ptr + s.len);
            memcpy(to + len, s.ptr + at, step);
            len += step;
            at += step;
        }
    }
    memcpy(to + len, s.ptr + at, s.len - at);
    return len + s.len - at;
}

static lt_status replace_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row), old = lt_k_str(k, 1, row), new_text = lt_k_str(k, 2, row);
        size_t hits = 0;
        if (old.len == 0) {
            hits = s.len + 1;
        }
        for (int64_t at = 0; old.len > 0 && (at = find_bytes(s, old, (size_t)at)) >= 0;) {
            hits++;
            at += (int64_t)old.len;
        }
        if (hits == 0) {
            lt_k_put_view(k, row, s.ptr, s.len);
            continue;
        }
        size_t room = s.len + hits * new_text.len;
        if (room > RESULT_MAX) {
            lt_k_fail(k, row, "string-too-long",
                      "the resulting string would be longer than 256 MiB");
            continue;
        }
        char *to = lt_k_bytes(k, room);
        if (to == NULL) {
            break;
        }
        lt_k_put_view(k, row, to, replace_into(s, old, new_text, to));
    }
    return LT_OK;
}

/* Characters of `from` become those at the same place in `to`, or vanish. */
static lt_status translate_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row), from = {"", 0}, to = {"", 0};
        if (lt_k_is_null(k, 0, row)) {
            lt_k_null(k, row);
            continue;
        }
        if (!lt_k_is_null(k, 1, row)) {
            from = lt_k_str(k, 1, row);
        }
        if (!lt_k_is_null(k, 2, row)) {
            to = lt_k_str(k, 2, row);
        }
        char *out = lt_k_bytes(k, s.len * 4);
        if (out == NULL) {
            break;
        }
        size_t len = 0;
        const char *p = s.ptr, *end = s.ptr + s.len;
        while (p < end) {
            size_t step = lt_utf8_step(p, end);
            const char *f = from.ptr, *f_end = from.ptr + from.len;
            const char *t = to.ptr, *t_end = to.ptr + to.len;
            bool found = false;
            while (f < f_end && !found) {
                size_t f_step = lt_utf8_step(f, f_end);
                found = f_step == step && memcmp(f, p, step) == 0;
                if (!found) {
                    f += f_step;
                    t += t < t_end ? lt_utf8_step(t, t_end) : 0;
                }
            }
            if (!found) {
                memcpy(out + len, p, step);
                len += step;
            } else if (t < t_end) {
                size_t t_step = lt_utf8_step(t, t_end);
                memcpy(out + len, t, t_step);
                len += t_step;
            }
            p += step;
        }
        lt_k_put_view(k, row, out, len);
    }
    return LT_OK;
}

/* (s, r, start[, length]); positions outside leave s as it is. */
static lt_status overlay_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row), r = lt_k_str(k, 1, row);
        int64_t count = (int64_t)lt_utf8_count(s), start = lt_k_i64(k, 2, row);
        int64_t length = k->arg_count > 3 ? lt_k_i64(k, 3, row) : (int64_t)lt_utf8_count(r);
        if (start <= 0 || start > count) {
            lt_k_put_view(k, row, s.ptr, s.len);
            continue;
        }
        size_t head = lt_utf8_offset(s, (size_t)start - 1), tail = s.len;
        if (length > 0 && start + length <= count) {
            tail = lt_utf8_offset(s, (size_t)(start - 1 + length));
        }
        char *to = lt_k_bytes(k, head + r.len + s.len - tail);
        if (to == NULL) {
            break;
        }
        memcpy(to, s.ptr, head);
        memcpy(to + head, r.ptr, r.len);
        memcpy(to + head + r.len, s.ptr + tail, s.len - tail);
        lt_k_put_view(k, row, to, head + r.len + s.len - tail);
    }
    return LT_OK;
}

/* The index-th part between whole separators; false: none. */
static bool split_part(lt_str s, lt_str sep, int32_t index, lt_str *out)
{
    if (index < 0 || s.len == 0) {
        return false;
    }
    size_t at = 0;
    while (true) {
        int64_t hit = sep.len > 0 ? find_bytes(s, sep, at) : -1;
        size_t end = hit < 0 ? s.len : (size_t)hit;
        if (index-- == 0) {
            *out = (lt_str){s.ptr + at, end - at};
            return true;
        }
        if (hit < 0) {
            return false;
        }
        at = end + sep.len;
    }
}

static lt_status split_index_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str part;
        if (!split_part(lt_k_str(k, 0, row), lt_k_str(k, 1, row), lt_k_i32(k, 2, row), &part)) {
            lt_k_null(k, row);
            continue;
        }
        lt_k_put_view(k, row, part.ptr, part.len);
    }
    return LT_OK;
}

/* The separator as a character code from 1 to 255. */
static lt_status split_code_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        char sep[4];
        int32_t code = lt_k_i32(k, 1, row);
        lt_str part;
        size_t len = code > 0 && code <= 255 ? lt_utf8_put((uint32_t)code, sep) : 0;
        if (len == 0 ||
            !split_part(lt_k_str(k, 0, row), (lt_str){sep, len}, lt_k_i32(k, 2, row), &part)) {
            lt_k_null(k, row);
            continue;
        }
        lt_k_put_view(k, row, part.ptr, part.len);
    }
    return LT_OK;
}

static lt_status starts_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row), part = lt_k_str(k, 1, row);
        LT_OUT(k, uint8_t)
        [row] = part.len <= s.len && (part.len == 0 || memcmp(s.ptr, part.ptr, part.len) == 0);
    }
    return LT_OK;
}

static lt_status ends_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row), part = lt_k_str(k, 1, row);
        LT_OUT(k, uint8_t)
        [row] = part.len <= s.len &&
                (part.len == 0 || memcmp(s.ptr + s.len - part.len, part.ptr, part.len) == 0);
    }
    return LT_OK;
}

/* ---- typing ---- */

static const lt_simple searches[] = {
    [LT_OP_POSITION] = {"ssi", 'I', false, position_kernel},
    [LT_OP_LOCATE] = {"ssi", 'I', false, position_kernel},
    [LT_OP_INSTR] = {"ssii", 'I', false, instr_kernel},
    [LT_OP_REPLACE] = {"sss", 'S', false, replace_kernel},
    [LT_OP_TRANSLATE] = {"sss", 'S', false, translate_kernel},
    [LT_OP_OVERLAY] = {"ssll", 'S', false, overlay_kernel},
    [LT_OP_SPLIT_INDEX] = {"ssi", 'S', true, split_index_kernel},
    [LT_OP_STARTSWITH] = {"xx", 'B', false, starts_kernel},
    [LT_OP_ENDSWITH] = {"xx", 'B', false, ends_kernel},
};

lt_status lt_infer_search(lt_infer *in, lt_error *err)
{
    int op = in->func->op;
    if (op == LT_OP_SPLIT_INDEX && lt_type_is_integer(in->args[1]->type)) {
        static const lt_simple by_code = {"sii", 'S', true, split_code_kernel};
        return lt_in_simple(in, &by_code, err);
    }
    if ((op == LT_OP_STARTSWITH || op == LT_OP_ENDSWITH) &&
        in->args[0]->type->kind != LT_TYPE_NULL && in->args[1]->type->kind != LT_TYPE_NULL &&
        lt_type_is_binary(in->args[0]->type) != lt_type_is_binary(in->args[1]->type)) {
        return lt_in_refuse(in, err);
    }
    LT_TRY(lt_in_simple(in, &searches[op], err));
    if (op == LT_OP_OVERLAY) {
        int64_t length = (int64_t)in->args[0]->type->length + in->args[1]->type->length;
        in->type =
            lt_type_sized(in->b->arena, LT_TYPE_VARCHAR,
                          (int32_t)LT_MIN(length, (int64_t)LT_LENGTH_MAX), lt_in_nullable(in));
    }
    if (op == LT_OP_TRANSLATE) {
        in->flags |= LT_FUNC_NULLS;
        in->type = lt_type_string(in->b->arena, in->args[0]->type->nullable);
    }
    return LT_OK;
}
