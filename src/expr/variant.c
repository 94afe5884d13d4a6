/* PARSE_JSON, reaching into VARIANT values, and casts out of them. */
#include "expr/variant.h"

#include <math.h>

#include "expr/cast_int.h"
#include "expr/decimal.h"
#include "expr/families.h"
#include "expr/javafmt.h"
#include "expr/kernel.h"

/* ---- the canonical form ---- */

static void put_double(lt_str text, lt_text *to)
{
    double value = 0;
    char buf[LT_NUMBER_TEXT_MAX];
    if (!lt_parse_f64(text, &value)) {
        value = text.len > 0 && text.ptr[0] == '-' ? -INFINITY : INFINITY;
    }
    lt_text_append(to, buf, lt_format_f64(value, buf));
}

static void put_number(lt_str text, lt_text *to)
{
    size_t point = text.len, digits = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == 'e' || text.ptr[i] == 'E') {
            put_double(text, to);
            return;
        }
        point = text.ptr[i] == '.' ? i : point;
        digits += text.ptr[i] >= '0' && text.ptr[i] <= '9';
    }
    if (digits > LT_DECIMAL_DIGITS_MAX) {
        put_double(text, to);
        return;
    }
    size_t end = text.len;
    while (point < text.len && end > point + 1 && text.ptr[end - 1] == '0') {
        end--;
    }
    end -= end == point + 1 && point < text.len;
    bool zero = true;
    for (size_t i = 0; i < end; i++) {
        zero = zero && strchr("-0.", text.ptr[i]) != NULL;
    }
    lt_text_append(to, zero ? "0" : text.ptr, zero ? 1 : end);
}

static bool put_value(const lt_json *value, bool doubles, lt_text *to);

/* Members in the order of their keys; of equal keys the last one. */
static bool put_object(const lt_json *object, bool doubles, lt_text *to)
{
    const lt_json *last = NULL;
    uint32_t written = 0;
    lt_text_putc(to, '{');
    while (true) {
        const lt_json *best = NULL;
        for (const lt_json *m = object->first; m != NULL; m = m->next) {
            if ((last == NULL || lt_str_cmp(m->key, last->key) > 0) &&
                (best == NULL || lt_str_cmp(m->key, best->key) <= 0)) {
                best = m;
            }
        }
        if (best == NULL) {
            break;
        }
        if (written++ > 0) {
            lt_text_putc(to, ',');
        }
        lt_text_json(to, best->key);
        lt_text_putc(to, ':');
        if (!put_value(best, doubles, to)) {
            return false;
        }
        last = best;
    }
    lt_text_putc(to, '}');
    return doubles || written == object->count;
}

static bool put_value(const lt_json *value, bool doubles, lt_text *to)
{
    switch (value->kind) {
    case LT_JSON_NUMBER:
        put_number(value->text, to);
        return true;
    case LT_JSON_ARRAY:
        lt_text_putc(to, '[');
        for (const lt_json *item = value->first; item != NULL; item = item->next) {
            if (!put_value(item, doubles, to)) {
                return false;
            }
            if (item->next != NULL) {
                lt_text_putc(to, ',');
            }
        }
        lt_text_putc(to, ']');
        return true;
    case LT_JSON_OBJECT:
        return put_object(value, doubles, to);
    case LT_JSON_NULL:
    case LT_JSON_TRUE:
    case LT_JSON_FALSE:
    case LT_JSON_STRING:
        lt_json_write(value, to);
        return true;
    }
    return true;
}

bool lt_variant_write(const lt_json *value, bool doubles, lt_text *to)
{
    return put_value(value, doubles, to);
}

/* ---- reaching in ---- */

/* Behind the value that starts at `at`: canonical text has no blanks. */
static size_t skip_value(lt_str s, size_t at)
{
    size_t depth = 0;
    while (at < s.len) {
        char c = s.ptr[at];
        if (c == '"') {
            for (at++; at < s.len && s.ptr[at] != '"'; at++) {
                at += s.ptr[at] == '\\';
            }
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (depth == 0 && (c == ',' || c == ':')) {
            return at;
        } else if (c == '}' || c == ']') {
            if (depth == 0) {
                return at;
            }
            depth--;
        }
        at++;
    }
    return LT_MIN(at, s.len);
}

bool lt_variant_element(lt_str value, int64_t index, lt_str *out)
{
    if (value.len < 3 || value.ptr[0] != '[' || index < 1) {
        return false;
    }
    for (size_t at = 1; at < value.len;) {
        size_t end = skip_value(value, at);
        if (--index == 0) {
            *out = (lt_str){value.ptr + at, end - at};
            return true;
        }
        at = end + 1;
    }
    return false;
}

bool lt_variant_member(lt_str value, lt_str key, lt_text *scratch, lt_str *out)
{
    if (value.len < 3 || value.ptr[0] != '{') {
        return false;
    }
    lt_text_clear(scratch);
    lt_text_json(scratch, key);
    lt_str wanted = lt_text_str(scratch);
    for (size_t at = 1; at < value.len;) {
        size_t colon = skip_value(value, at);
        size_t end = skip_value(value, colon + 1);
        if (lt_str_eq((lt_str){value.ptr + at, colon - at}, wanted)) {
            *out = (lt_str){value.ptr + colon + 1, end - colon - 1};
            return true;
        }
        at = end + 1;
    }
    return false;
}

static lt_status element_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str found;
        if (lt_variant_element(lt_k_str(k, 0, row), lt_k_i32(k, 1, row), &found)) {
            lt_k_put_copy(k, row, found.ptr, found.len);
        } else {
            lt_k_null(k, row);
        }
    }
    return LT_OK;
}

static lt_status member_kernel(lt_kctx *k, lt_error *err)
{
    lt_text scratch;
    lt_text_init(&scratch, k->mem);
    LT_EACH(k, row)
    {
        lt_str found;
        if (lt_variant_member(lt_k_str(k, 0, row), lt_k_str(k, 1, row), &scratch, &found)) {
            lt_k_put_copy(k, row, found.ptr, found.len);
        } else {
            lt_k_null(k, row);
        }
    }
    bool failed = scratch.failed;
    lt_text_deinit(&scratch);
    return failed ? lt_error_nomem(err, "VARIANT") : LT_OK;
}

lt_status lt_infer_variant_item(lt_infer *in, lt_error *err)
{
    in->type = lt_type_new(in->b->arena, LT_TYPE_VARIANT, true);
    if (lt_type_is_string(in->args[1]->type)) {
        in->kernel = member_kernel;
        return LT_OK;
    }
    LT_TRY(lt_in_int(in, 1, err));
    const lt_value *index = lt_in_literal(in, 1);
    if (index != NULL && index->u.i < 1) {
        return lt_error_set_at(err, LT_ERR_SQL, in->pos, "elements of a VARIANT count from 1");
    }
    in->kernel = element_kernel;
    return LT_OK;
}

/* ---- PARSE_JSON(s[, duplicate keys]), TRY_PARSE_JSON ---- */

static lt_status parse_kernel(lt_kctx *k, lt_error *err)
{
    bool gentle = k->call->u.call.func->op != 0;
    lt_arena *arena = lt_arena_new(k->mem, (size_t)1 << 30);
    if (arena == NULL) {
        return lt_error_nomem(err, "JSON");
    }
    lt_text text;
    lt_text_init(&text, k->mem);
    LT_EACH(k, row)
    {
        bool nomem = false;
        bool doubles = k->arg_count > 1 && LT_ARG(k, 1, uint8_t)[row & k->args[1].mask] != 0;
        lt_str source = lt_k_str(k, 0, row);
        lt_arena_reset(arena, (size_t)1 << 20);
        lt_text_clear(&text);
        lt_json *value = lt_json_parse(source, arena, &nomem);
        k->nomem = k->nomem || nomem;
        bool good = value != NULL && lt_variant_write(value, doubles, &text);
        if (good) {
            lt_str s = lt_text_str(&text);
            lt_k_put_copy(k, row, s.ptr, s.len);
        } else if (gentle) {
            lt_k_null(k, row);
        } else {
            lt_k_fail(k, row, "json", "PARSE_JSON: '%.*s' %s", (int)LT_MIN(source.len, (size_t)100),
                      source.ptr, value == NULL ? "is not JSON" : "has a key twice");
        }
    }
    bool failed = text.failed;
    lt_text_deinit(&text);
    lt_arena_free(arena);
    return failed ? lt_error_nomem(err, "JSON") : LT_OK;
}

lt_status lt_infer_parse_json(lt_infer *in, lt_error *err)
{
    LT_TRY(lt_in_string(in, 0, err));
    if (in->count > 1) {
        LT_TRY(lt_in_bool(in, 1, err));
    }
    in->type = lt_in_type(in, LT_TYPE_VARIANT, in->func->op != 0);
    in->kernel = parse_kernel;
    return LT_OK;
}

/* ---- casts ---- */

/* Numbers go by way of the widest type that holds them: to integers as BIGINT (wrapping), DECIMAL
 * (cut) or DOUBLE (saturating) do. */
static bool store_number(lt_kctx *k, uint32_t row, lt_str text)
{
    const lt_type *to = lt_k_cast(k)->to;
    double approx;
    int64_t whole;
    bool exact = lt_str_to_i64(text, &whole);
    if (!lt_parse_f64(text, &approx)) {
        return false;
    }
    if (!exact) {
        whole = approx >= 9223372036854775807.0    ? INT64_MAX
                : approx <= -9223372036854775808.0 ? INT64_MIN
                                                   : (int64_t)approx;
    }
    switch ((int)to->kind) {
    case LT_TYPE_TINYINT:
        LT_OUT(k, int8_t)[row] = (int8_t)whole;
        return true;
    case LT_TYPE_SMALLINT:
        LT_OUT(k, int16_t)[row] = (int16_t)whole;
        return true;
    case LT_TYPE_INT:
        LT_OUT(k, int32_t)[row] = (int32_t)whole;
        return true;
    case LT_TYPE_BIGINT:
        LT_OUT(k, int64_t)[row] = whole;
        return true;
    case LT_TYPE_FLOAT:
        LT_OUT(k, float)[row] = (float)approx;
        return true;
    case LT_TYPE_DOUBLE:
        LT_OUT(k, double)[row] = approx;
        return true;
    default: {
        lt_i128 value;
        bool bad = false;
        if (lt_decimal_parse(text.ptr, text.len, to->precision, to->scale, &value, &bad)) {
            lt_decimal_store(k->out->data, lt_decimal_wide(to), row, value);
        } else {
            lt_k_null(k, row);
        }
        return true;
    }
    }
}

static lt_status variant_to_scalar(lt_kctx *k, lt_error *err)
{
    (void)err;
    bool boolean = lt_k_cast(k)->to->kind == LT_TYPE_BOOLEAN;
    LT_EACH(k, row)
    {
        lt_str text = lt_k_str(k, 0, row);
        if (lt_str_eq(text, LT_STR("null"))) {
            lt_k_null(k, row);
        } else if (boolean && (text.ptr[0] == 't' || text.ptr[0] == 'f')) {
            LT_OUT(k, uint8_t)[row] = text.ptr[0] == 't';
        } else if (boolean || strchr("\"[{tf", text.ptr[0]) != NULL ||
                   !store_number(k, row, text)) {
            lt_cast_fail(k, row, text);
        }
    }
    return LT_OK;
}

void lt_cast_pick_variant(lt_cast *cast)
{
    if (cast->from->kind == LT_TYPE_VARIANT &&
        (lt_type_is_numeric(cast->to) || cast->to->kind == LT_TYPE_BOOLEAN)) {
        cast->kernel = variant_to_scalar;
    }
}
