/* JSON functions on strings: JSON_VALUE, JSON_QUERY, JSON_EXISTS, IS JSON; and those that build
 * JSON: JSON_STRING, JSON_OBJECT, JSON_ARRAY. */
#include "expr/cast.h"
#include "expr/decimal.h"
#include "expr/families.h"
#include "expr/javafmt.h"
#include "expr/jsonpath.h"
#include "expr/jsontree.h"
#include "expr/kernel.h"
#include "expr/simple.h"
#include "expr/temporal.h"
#include "expr/totext.h"

#include <math.h>

typedef enum {
    ON_NULL,
    ON_ERROR,
    ON_DEFAULT,
    ON_EMPTY_ARRAY,
    ON_EMPTY_OBJECT,
    ON_TRUE,
    ON_FALSE,
    ON_UNKNOWN,
    ON_COUNT
} json_on;

static const char *const on_names[] = {"NULL",         "ERROR", "DEFAULT", "EMPTY ARRAY",
                                       "EMPTY OBJECT", "TRUE",  "FALSE",   "UNKNOWN"};
_Static_assert(LT_COUNT_OF(on_names) == ON_COUNT, "every behaviour has a name");

typedef enum { WITHOUT, CONDITIONAL, UNCONDITIONAL } json_wrapper;

typedef struct {
    lt_json_path path;
    bool bound; /* path is of a literal */
    bool scans; /* and needs no tree */
    json_on on_empty, on_error;
    json_wrapper wrapper;
    bool array; /* JSON_QUERY .. RETURNING ARRAY<STRING> */
} json_call;

/* What serves all rows of a batch. */
typedef struct {
    lt_arena *arena;
    lt_text text;
    lt_json_walk walk;
} json_work;

/* ---- evaluating a path ---- */

typedef enum { PATH_OK, PATH_ERROR, PATH_NOMEM } path_result;

/* What stands at the path of a call that scans; hit->ptr NULL: nothing. */
static path_result find(const lt_kctx *k, uint32_t row, lt_str *hit)
{
    const json_call *call = (const json_call *)k->data;
    if (!lt_json_scan(lt_k_str(k, 0, row), &call->path, hit)) {
        *hit = (lt_str){NULL, 0};
    }
    return hit->ptr == NULL && call->path.strict ? PATH_ERROR : PATH_OK;
}

/* In lax mode what is not there, and what is not JSON, is an empty result instead of an error. */
static path_result follow(lt_kctx *k, uint32_t row, json_work *work, lt_json **out, bool *strict)
{
    const json_call *call = (const json_call *)k->data;
    lt_json_path own;
    const lt_json_path *path = &call->path;
    const char *why;
    bool nomem = false;
    *out = NULL;
    lt_arena_reset(work->arena, (size_t)1 << 20);
    if (!call->bound) {
        lt_json_walk_deinit(&work->walk);
        if (!lt_json_path_parse(lt_k_str(k, 1, row), work->arena, &own, &why)) {
            return why == NULL ? PATH_NOMEM : PATH_ERROR;
        }
        path = &own;
    }
    *strict = path->strict;
    if (call->scans) { /* what is not asked for is never built */
        lt_str hit;
        path_result result = find(k, row, &hit);
        if (hit.ptr != NULL) {
            *out = lt_json_parse(hit, work->arena, &nomem);
        }
        return nomem ? PATH_NOMEM : result;
    }
    lt_json *root = lt_json_parse(lt_k_str(k, 0, row), work->arena, &nomem);
    if (root == NULL) {
        return nomem ? PATH_NOMEM : path->strict ? PATH_ERROR : PATH_OK;
    }
    *out = lt_json_path_walk(&work->walk, path, root);
    if (work->walk.nomem) {
        return PATH_NOMEM;
    }
    return path->strict && (*out == NULL || work->walk.missing) ? PATH_ERROR : PATH_OK;
}

static bool is_scalar(const lt_json *value)
{
    return value->kind != LT_JSON_ARRAY && value->kind != LT_JSON_OBJECT;
}

static void fail_json(lt_kctx *k, uint32_t row, const char *what)
{
    lt_k_fail(k, row, "json", "%s of %s", what, k->call->u.call.func->name);
}

/* NULL, ERROR, DEFAULT, EMPTY ARRAY, EMPTY OBJECT for one row. */
static void behave(lt_kctx *k, uint32_t row, json_on on, uint32_t default_arg, const char *what)
{
    switch ((int)on) {
    case ON_ERROR:
        fail_json(k, row, what);
        break;
    case ON_DEFAULT:
        if (lt_k_is_null(k, default_arg, row)) {
            lt_k_null(k, row);
        } else {
            LT_OUT(k, lt_strv)
            [row] = LT_ARG(k, default_arg, lt_strv)[row & k->args[default_arg].mask];
        }
        break;
    case ON_EMPTY_ARRAY:
        lt_k_put_view(k, row, "[]", 2);
        break;
    case ON_EMPTY_OBJECT:
        lt_k_put_view(k, row, "{}", 2);
        break;
    default:
        lt_k_null(k, row);
        break;
    }
}

static void put_scalar(lt_kctx *k, uint32_t row, lt_str hit, lt_text *text)
{
    if (hit.ptr[0] == '"') {
        lt_str raw = {hit.ptr + 1, hit.len - 2};
        if (memchr(raw.ptr, '\\', raw.len) == NULL) {
            lt_k_put_view(k, row, raw.ptr, raw.len);
            return;
        }
        char *to = lt_k_bytes(k, raw.len);
        if (to != NULL) {
            size_t len = lt_json_unescape(raw, to);
            lt_k_put_view(k, row, to, len);
            lt_k_bytes_unused(k, to + raw.len, raw.len - len);
        }
        return;
    }
    bool number = hit.ptr[0] == '-' || (hit.ptr[0] >= '0' && hit.ptr[0] <= '9');
    if (!number ||
        (memchr(hit.ptr, 'e', hit.len) == NULL && memchr(hit.ptr, 'E', hit.len) == NULL)) {
        lt_k_put_view(k, row, hit.ptr, hit.len);
        return;
    }
    lt_json value = {.kind = LT_JSON_NUMBER, .text = hit};
    lt_text_clear(text);
    lt_json_scalar(&value, text);
    lt_str s = lt_text_str(text);
    lt_k_put_copy(k, row, s.ptr, s.len);
}

static void value_scan_row(lt_kctx *k, uint32_t row, lt_text *text)
{
    const json_call *call = (const json_call *)k->data;
    lt_str hit;
    path_result result = find(k, row, &hit);
    bool none = hit.ptr == NULL || hit.ptr[0] == 'n' || hit.ptr[0] == '{' || hit.ptr[0] == '[';
    if (result == PATH_ERROR || (call->path.strict && none)) {
        behave(k, row, call->on_error, 5, "error");
    } else if (none) {
        behave(k, row, call->on_empty, 3, "empty result");
    } else {
        put_scalar(k, row, hit, text);
    }
}

static bool is_null(const lt_json *value)
{
    return value == NULL || value->kind == LT_JSON_NULL;
}

static void value_row(lt_kctx *k, uint32_t row, json_work *work)
{
    const json_call *call = (const json_call *)k->data;
    lt_json *value;
    bool strict = false;
    path_result result = follow(k, row, work, &value, &strict);
    bool none = is_null(value) || !is_scalar(value);
    if (result == PATH_NOMEM) {
        k->nomem = true;
    } else if (result == PATH_ERROR || (strict && none)) {
        behave(k, row, call->on_error, 5, "error");
    } else if (none) {
        behave(k, row, call->on_empty, 3, "empty result");
    } else {
        lt_text_clear(&work->text);
        lt_json_scalar(value, &work->text);
        lt_str s = lt_text_str(&work->text);
        lt_k_put_copy(k, row, s.ptr, s.len);
    }
}

/* The items as text: what is no scalar as JSON. */
static void put_items(lt_kctx *k, uint32_t row, const lt_json *array, lt_text *text)
{
    lt_col *out = k->out;
    if (!lt_col_reserve_children(out, array->count, k->arena)) {
        k->nomem = true;
        return;
    }
    lt_span span = {out->child_len, array->count};
    uint32_t at = span.start;
    for (const lt_json *item = array->first; item != NULL; item = item->next, at++) {
        if (item->kind == LT_JSON_NULL) {
            if (!lt_col_need_valid(&out->children[0], out->child_cap, k->arena)) {
                k->nomem = true;
                return;
            }
            lt_bit_clear(out->children[0].valid, at);
            continue;
        }
        lt_text_clear(text);
        if (is_scalar(item)) {
            lt_json_scalar(item, text);
        } else {
            lt_json_write(item, text);
        }
        lt_str s = lt_text_str(text);
        char *bytes = lt_k_bytes(k, s.len);
        if (bytes == NULL) {
            return;
        }
        memcpy(bytes, s.ptr, s.len);
        LT_COL_DATA(&out->children[0], lt_strv)[at] = lt_strv_make(bytes, s.len);
        if (out->children[0].valid != NULL) {
            lt_bit_set(out->children[0].valid, at);
        }
    }
    out->child_len += span.count;
    LT_OUT(k, lt_span)[row] = span;
}

/* As behave(), for an array. */
static void behave_array(lt_kctx *k, uint32_t row, json_on on, const char *what)
{
    if (on == ON_EMPTY_ARRAY) {
        LT_OUT(k, lt_span)[row] = (lt_span){k->out->child_len, 0};
    } else {
        behave(k, row, on == ON_ERROR ? ON_ERROR : ON_NULL, 0, what);
    }
}

static void query_row(lt_kctx *k, uint32_t row, json_work *work)
{
    const json_call *call = (const json_call *)k->data;
    lt_json *value;
    bool strict = false;
    path_result result = follow(k, row, work, &value, &strict);
    if (result == PATH_NOMEM) {
        k->nomem = true;
        return;
    }
    if (is_null(value)) {
        value = NULL;
    }
    lt_json list = {.kind = LT_JSON_ARRAY, .count = 1, .first = value};
    bool wraps = value != NULL && (call->wrapper == UNCONDITIONAL ||
                                   (call->wrapper == CONDITIONAL && value->kind != LT_JSON_ARRAY));
    if (wraps) {
        value->next = NULL;
        value = &list;
    }
    bool none = value == NULL || is_scalar(value);
    bool wrong = result == PATH_ERROR || (strict && none) ||
                 (call->array && !none && value->kind != LT_JSON_ARRAY);
    if (wrong || none) {
        json_on on = wrong ? call->on_error : call->on_empty;
        const char *what = wrong ? "error" : "empty result";
        if (call->array) {
            behave_array(k, row, on, what);
        } else {
            behave(k, row, on, 0, what);
        }
    } else if (call->array) {
        put_items(k, row, value, &work->text);
    } else {
        lt_text_clear(&work->text);
        lt_json_write(value, &work->text);
        lt_str s = lt_text_str(&work->text);
        lt_k_put_copy(k, row, s.ptr, s.len);
    }
}

static void exists_row(lt_kctx *k, uint32_t row, json_work *work)
{
    const json_call *call = (const json_call *)k->data;
    lt_json *value = NULL;
    lt_str hit;
    bool strict = false;
    path_result result = call->scans ? find(k, row, &hit) : follow(k, row, work, &value, &strict);
    if (result == PATH_NOMEM) {
        k->nomem = true;
    } else if (result == PATH_OK) {
        LT_OUT(k, uint8_t)
        [row] = call->scans ? hit.ptr != NULL && hit.ptr[0] != 'n' : !is_null(value);
    } else if (call->on_error == ON_ERROR) {
        fail_json(k, row, "error");
    } else if (call->on_error == ON_UNKNOWN) {
        lt_k_null(k, row);
    } else {
        LT_OUT(k, uint8_t)[row] = call->on_error == ON_TRUE;
    }
}

LT_INLINE lt_status each_row(lt_kctx *k, void (*body)(lt_kctx *, uint32_t, json_work *),
                             lt_error *err)
{
    json_work work = {.arena = lt_arena_new(k->mem, (size_t)1 << 30)};
    if (work.arena == NULL) {
        return lt_error_nomem(err, "JSON");
    }
    lt_text_init(&work.text, k->mem);
    work.walk.mem = k->mem;
    work.walk.arena = work.arena;
    LT_EACH(k, row)
    {
        body(k, row, &work);
    }
    bool failed = work.text.failed;
    lt_text_deinit(&work.text);
    lt_json_walk_deinit(&work.walk);
    lt_arena_free(work.arena);
    return failed ? lt_error_nomem(err, "JSON") : LT_OK;
}

/* The defaults of JSON_VALUE may be NULL, the JSON and the path not. */
static lt_status narrow_inputs(lt_kctx *k, lt_error *err)
{
    if (k->args[0].col->valid == NULL && k->args[1].col->valid == NULL) {
        return LT_OK;
    }
    uint32_t *sel = lt_k_sel(k);
    if (sel == NULL) {
        return lt_error_nomem(err, "selection");
    }
    uint32_t used = 0;
    LT_EACH(k, row)
    {
        bool null = lt_k_is_null(k, 0, row) || lt_k_is_null(k, 1, row);
        if (null) {
            lt_k_null(k, row);
        }
        sel[used] = row;
        used += !null;
    }
    k->sel = sel;
    k->count = used;
    return LT_OK;
}

static lt_status value_kernel(lt_kctx *k, lt_error *err)
{
    const json_call *call = (const json_call *)k->data;
    LT_TRY(narrow_inputs(k, err));
    if (!call->scans) {
        return each_row(k, value_row, err);
    }
    lt_text text;
    lt_text_init(&text, k->mem);
    LT_EACH(k, row)
    {
        value_scan_row(k, row, &text);
    }
    bool failed = text.failed;
    lt_text_deinit(&text);
    return failed ? lt_error_nomem(err, "JSON") : LT_OK;
}

static lt_status query_kernel(lt_kctx *k, lt_error *err)
{
    return each_row(k, query_row, err);
}

static lt_status exists_kernel(lt_kctx *k, lt_error *err)
{
    return each_row(k, exists_row, err);
}

static json_on on_of(const lt_infer *in, uint32_t arg, json_on otherwise)
{
    const lt_value *symbol = arg < in->count ? lt_in_literal(in, arg) : NULL;
    for (int i = 0; symbol != NULL && i < ON_COUNT; i++) {
        if (lt_str_eq(symbol->u.s, lt_str_of(on_names[i]))) {
            return (json_on)i;
        }
    }
    return otherwise;
}

static json_wrapper wrapper_of(const lt_infer *in, uint32_t arg)
{
    const lt_value *symbol = arg < in->count ? lt_in_literal(in, arg) : NULL;
    if (symbol == NULL) {
        return WITHOUT;
    }
    return lt_str_eq(symbol->u.s, LT_STR("CONDITIONAL"))     ? CONDITIONAL
           : lt_str_eq(symbol->u.s, LT_STR("UNCONDITIONAL")) ? UNCONDITIONAL
                                                             : WITHOUT;
}

static lt_status bind_path(lt_infer *in, json_call *call, lt_error *err)
{
    const lt_value *path = lt_in_literal(in, 1);
    const char *why;
    if (path == NULL) {
        return LT_OK;
    }
    call->bound = lt_json_path_parse(path->u.s, in->b->arena, &call->path, &why);
    if (call->bound) {
        call->scans = lt_json_path_scans(&call->path);
        return LT_OK;
    }
    if (why == NULL) {
        return lt_error_nomem(err, "path");
    }
    lt_status st = lt_error_set_at(err, LT_ERR_UNSUPPORTED, in->pos,
                                   "the JSON path '%.*s' is not understood: %s",
                                   (int)LT_MIN(path->u.s.len, (size_t)60), path->u.s.ptr, why);
    lt_error_hint(err, "supported: $.a ['a','b'] [0,-1] [1:3] [*] ..a [?(@.a > 1)] .length()");
    return st;
}

/* JSON_QUERY gives STRING, or with a sixth argument ARRAY<STRING>. */
static lt_status type_query(lt_infer *in, json_call *call, lt_error *err)
{
    call->wrapper = wrapper_of(in, 2);
    call->on_empty = on_of(in, 3, ON_NULL);
    call->on_error = on_of(in, 4, ON_NULL);
    call->array = in->count > 5;
    in->type = lt_in_string_type(in, true);
    if (call->array && in->type != NULL) {
        in->type = lt_type_array(in->b->arena, in->type, true);
        if (call->on_empty == ON_EMPTY_OBJECT || call->on_error == ON_EMPTY_OBJECT) {
            return lt_error_set_at(err, LT_ERR_SQL, in->pos,
                                   "EMPTY OBJECT does not go with RETURNING ARRAY<STRING>");
        }
    }
    in->kernel = query_kernel;
    return LT_OK;
}

lt_status lt_infer_json_path(lt_infer *in, lt_error *err)
{
    int op = in->func->op;
    json_call *call = LT_NEW(in->b->arena, json_call);
    if (call == NULL) {
        return lt_error_nomem(err, "path");
    }
    in->data = call;
    LT_TRY(lt_in_string(in, 0, err));
    LT_TRY(lt_in_string(in, 1, err));
    LT_TRY(bind_path(in, call, err));
    if (op == LT_OP_JSON_EXISTS) {
        call->on_error = on_of(in, 2, ON_FALSE);
        in->type = lt_in_type(in, LT_TYPE_BOOLEAN, true);
        in->kernel = exists_kernel;
    } else if (op == LT_OP_JSON_QUERY) {
        LT_TRY(type_query(in, call, err));
    } else {
        call->on_empty = on_of(in, 2, ON_NULL);
        call->on_error = on_of(in, 4, ON_NULL);
        for (uint32_t i = 3; i < in->count; i += 2) {
            LT_TRY(lt_in_cast(in, i, lt_type_string(in->b->arena, true), err));
        }
        in->type = lt_in_string_type(in, true);
        in->kernel = value_kernel;
        in->flags |= LT_FUNC_NULLS;
    }
    return LT_OK;
}

/* ---- IS [NOT] JSON [VALUE|SCALAR|ARRAY|OBJECT] ---- */

static bool is_json(lt_str s, int op)
{
    static const lt_json_path root = {.definite = true};
    lt_str value;
    if (!lt_json_scan(s, &root, &value)) {
        return false;
    }
    char c = value.ptr[0];
    return op == LT_OP_IS_JSON_VALUE || (op == LT_OP_IS_JSON_SCALAR && c != '[' && c != '{') ||
           (op == LT_OP_IS_JSON_ARRAY && c == '[') || (op == LT_OP_IS_JSON_OBJECT && c == '{');
}

static lt_status is_json_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    int op = k->call->u.call.func->op;
    LT_EACH(k, row)
    {
        LT_OUT(k, uint8_t)[row] = !lt_k_is_null(k, 0, row) && is_json(lt_k_str(k, 0, row), op);
    }
    return LT_OK;
}

lt_status lt_infer_is_json(lt_infer *in, lt_error *err)
{
    LT_TRY(lt_in_string(in, 0, err));
    in->type = lt_type_new(in->b->arena, LT_TYPE_BOOLEAN, false);
    in->kernel = is_json_kernel;
    return LT_OK;
}

/* ---- values as JSON ---- */

static void put_json(const lt_type *type, const lt_col *col, uint32_t row, lt_text *to);

static void put_key(const lt_type *type, const lt_col *col, uint32_t row, lt_text *to)
{
    if (lt_type_is_string(type)) {
        lt_text_json(to, lt_strv_str(&LT_COL_DATA(col, const lt_strv)[row]));
        return;
    }
    lt_text_putc(to, '"');
    lt_col_value_to_text(NULL, type, col, row, to);
    lt_text_putc(to, '"');
}

/* Fields in the order of their names. */
static void put_row(const lt_type *type, const lt_col *col, uint32_t row, lt_text *to)
{
    const lt_field *last = NULL;
    lt_text_putc(to, '{');
    for (uint32_t n = 0; n < type->field_count; n++) {
        const lt_field *best = NULL;
        for (uint32_t i = 0; i < type->field_count; i++) {
            const lt_field *f = &type->fields[i];
            bool later = last == NULL || lt_str_cmp(f->name, last->name) > 0;
            if (later && (best == NULL || lt_str_cmp(f->name, best->name) < 0)) {
                best = f;
            }
        }
        if (best == NULL) {
            break;
        }
        if (last != NULL) {
            lt_text_putc(to, ',');
        }
        lt_text_json(to, best->name);
        lt_text_putc(to, ':');
        put_json(best->type, &col->children[best - type->fields], row, to);
        last = best;
    }
    lt_text_putc(to, '}');
}

static void put_list(const lt_type *type, const lt_col *col, uint32_t row, lt_text *to)
{
    static const lt_type count_type = {.kind = LT_TYPE_INT};
    lt_span span = LT_COL_DATA(col, const lt_span)[row];
    bool array = type->kind == LT_TYPE_ARRAY;
    lt_text_putc(to, array ? '[' : '{');
    for (uint32_t i = span.start; i < span.start + span.count; i++) {
        if (i > span.start) {
            lt_text_putc(to, ',');
        }
        if (array) {
            put_json(type->fields[0].type, &col->children[0], i, to);
            continue;
        }
        put_key(type->fields[0].type, &col->children[0], i, to);
        lt_text_putc(to, ':');
        put_json(type->kind == LT_TYPE_MAP ? type->fields[1].type : &count_type, &col->children[1],
                 i, to);
    }
    lt_text_putc(to, array ? ']' : '}');
}

static void put_base64(lt_str s, lt_text *to)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    lt_text_putc(to, '"');
    for (size_t i = 0; i < s.len; i += 3) {
        size_t left = LT_MIN(s.len - i, (size_t)3);
        uint32_t x = 0;
        for (size_t b = 0; b < 3; b++) {
            x = x << 8 | (b < left ? (unsigned char)s.ptr[i + b] : 0u);
        }
        for (size_t c = 0; c < 4; c++) {
            lt_text_putc(to, c <= left ? digits[x >> (18 - 6 * c) & 63] : '=');
        }
    }
    lt_text_putc(to, '"');
}

/* NaN and the infinities have no JSON form and become strings. */
static void put_real(double value, lt_text *to)
{
    char text[LT_NUMBER_TEXT_MAX];
    lt_str s = {text, lt_format_f64(value, text)};
    if (value == 0) {
        lt_text_puts(to, "0.0"); /* BigDecimal has no negative zero */
    } else if (isfinite(value)) {
        lt_json_put_number(s, to);
    } else {
        lt_text_json(to, s);
    }
}

static void put_json(const lt_type *type, const lt_col *col, uint32_t row, lt_text *to)
{
    char buf[96];
    if (type->kind == LT_TYPE_NULL || lt_col_is_null(col, row)) {
        lt_text_puts(to, "null");
        return;
    }
    switch ((int)type->kind) {
    case LT_TYPE_BOOLEAN:
        lt_text_puts(to, LT_COL_DATA(col, const uint8_t)[row] ? "true" : "false");
        break;
    case LT_TYPE_FLOAT:
        put_real((double)LT_COL_DATA(col, const float)[row], to);
        break;
    case LT_TYPE_DECIMAL: {
        size_t len = (size_t)lt_scalar_to_text(NULL, type, col, row, buf);
        memcpy(buf + len, "E0", 2); /* so that 0.0000001 becomes 1E-7, as Java writes it */
        lt_json_put_number((lt_str){buf, len + 2}, to);
        break;
    }
    case LT_TYPE_DOUBLE:
        put_real(LT_COL_DATA(col, const double)[row], to);
        break;
    case LT_TYPE_CHAR:
    case LT_TYPE_VARCHAR:
        lt_text_json(to, lt_strv_str(&LT_COL_DATA(col, const lt_strv)[row]));
        break;
    case LT_TYPE_BINARY:
    case LT_TYPE_VARBINARY:
        put_base64(lt_strv_str(&LT_COL_DATA(col, const lt_strv)[row]), to);
        break;
    case LT_TYPE_VARIANT: {
        lt_str s = lt_strv_str(&LT_COL_DATA(col, const lt_strv)[row]);
        lt_text_append(to, s.ptr, s.len);
        break;
    }
    case LT_TYPE_ARRAY:
    case LT_TYPE_MAP:
    case LT_TYPE_MULTISET:
        put_list(type, col, row, to);
        break;
    case LT_TYPE_ROW:
        put_row(type, col, row, to);
        break;
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMP_LTZ: {
        int len = lt_scalar_to_text(NULL, type, col, row, buf);
        buf[len - (type->precision > 0 ? type->precision + 1 : 0) - 9] = 'T';
        while (type->precision > 0 && (buf[len - 1] == '0')) {
            len--;
        }
        len -= buf[len - 1] == '.';
        lt_text_putc(to, '"');
        lt_text_append(to, buf, (size_t)len);
        lt_text_puts(to, type->kind == LT_TYPE_TIMESTAMP ? "\"" : "Z\"");
        break;
    }
    default:
        lt_text_append(to, buf, (size_t)lt_scalar_to_text(NULL, type, col, row, buf));
        break;
    }
}

static bool has_json_form(const lt_type *type)
{
    switch ((int)type->kind) {
    case LT_TYPE_DATE:
    case LT_TYPE_TIME:
    case LT_TYPE_INTERVAL_MONTH:
    case LT_TYPE_INTERVAL_SECOND:
    case LT_TYPE_SYMBOL:
        return false;
    default:
        break;
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (!has_json_form(type->fields[i].type)) {
            return false;
        }
    }
    return true;
}

/* JSON_OBJECT, JSON_ARRAY and JSON_QUERY results inside the two stay JSON instead of becoming
 * strings. */
bool lt_expr_is_json(const lt_expr *expr)
{
    if (expr->kind != LT_NODE_CALL) {
        return false;
    }
    lt_str name = lt_str_of(expr->u.call.func->name);
    return lt_str_eq(name, LT_STR("JSON_OBJECT")) || lt_str_eq(name, LT_STR("JSON_ARRAY")) ||
           lt_str_eq(name, LT_STR("JSON"));
}

/* JSON(text): the text, written anew. */
static lt_status json_kernel(lt_kctx *k, lt_error *err)
{
    lt_arena *arena = lt_arena_new(k->mem, (size_t)1 << 30);
    lt_text text;
    if (arena == NULL) {
        return lt_error_nomem(err, "JSON");
    }
    lt_text_init(&text, k->mem);
    LT_EACH(k, row)
    {
        bool nomem = false;
        lt_arena_reset(arena, (size_t)1 << 20);
        lt_text_clear(&text);
        lt_str source = lt_k_str(k, 0, row);
        lt_json *value = lt_json_parse(source, arena, &nomem);
        k->nomem = k->nomem || nomem;
        if (value == NULL) {
            lt_k_fail(k, row, "json", "JSON('%.*s') is not JSON",
                      (int)LT_MIN(source.len, (size_t)100), source.ptr);
            continue;
        }
        lt_json_write(value, &text);
        lt_str s = lt_text_str(&text);
        lt_k_put_copy(k, row, s.ptr, s.len);
    }
    bool failed = text.failed;
    lt_text_deinit(&text);
    lt_arena_free(arena);
    return failed ? lt_error_nomem(err, "JSON") : LT_OK;
}

lt_status lt_infer_json_raw(lt_infer *in, lt_error *err)
{
    LT_TRY(lt_in_string(in, 0, err));
    in->type = lt_in_string_type(in, false);
    in->kernel = json_kernel;
    in->flags |= LT_FUNC_KEEP; /* a literal would no longer tell that it is JSON */
    return LT_OK;
}

typedef struct {
    uint32_t first;  /* argument of the first value (or key) */
    bool absent;     /* ABSENT ON NULL */
    const bool *raw; /* per argument */
} json_build;

static void put_member(lt_kctx *k, uint32_t arg, uint32_t row, lt_text *to)
{
    const json_build *build = (const json_build *)k->data;
    const lt_type *type = k->call->u.call.args[arg]->type;
    uint32_t at = row & k->args[arg].mask;
    if (build->raw[arg] && !lt_k_is_null(k, arg, row)) {
        lt_str s = lt_k_str(k, arg, row);
        lt_text_append(to, s.ptr, s.len);
        return;
    }
    put_json(type, k->args[arg].col, at, to);
}

static void array_row(lt_kctx *k, uint32_t row, lt_text *to)
{
    const json_build *build = (const json_build *)k->data;
    bool first = true;
    lt_text_putc(to, '[');
    for (uint32_t a = build->first; a < k->arg_count; a++) {
        if (build->absent && lt_k_is_null(k, a, row)) {
            continue;
        }
        if (!first) {
            lt_text_putc(to, ',');
        }
        first = false;
        put_member(k, a, row, to);
    }
    lt_text_putc(to, ']');
}

/* Keys in their order; a later equal key wins. */
static void object_row(lt_kctx *k, uint32_t row, lt_text *to)
{
    const json_build *build = (const json_build *)k->data;
    lt_str last = {NULL, 0};
    lt_text_putc(to, '{');
    while (true) {
        uint32_t best = UINT32_MAX;
        lt_str best_key = {NULL, 0};
        for (uint32_t a = build->first; a + 1 < k->arg_count; a += 2) {
            lt_str key = lt_k_str(k, a, row);
            bool later = last.ptr == NULL || lt_str_cmp(key, last) > 0;
            if (later && (best == UINT32_MAX || lt_str_cmp(key, best_key) <= 0)) {
                best = a;
                best_key = key;
            }
        }
        if (best == UINT32_MAX) {
            break;
        }
        last = best_key;
        if (build->absent && lt_k_is_null(k, best + 1, row)) {
            continue;
        }
        if (to->ptr[to->len - 1] != '{') {
            lt_text_putc(to, ',');
        }
        lt_text_json(to, best_key);
        lt_text_putc(to, ':');
        put_member(k, best + 1, row, to);
        if (to->failed) {
            break;
        }
    }
    lt_text_putc(to, '}');
}

static lt_status build_kernel(lt_kctx *k, lt_error *err)
{
    int op = k->call->u.call.func->op;
    lt_text text;
    lt_text_init(&text, k->mem);
    LT_EACH(k, row)
    {
        lt_text_clear(&text);
        if (op == LT_OP_JSON_STRING) {
            put_json(k->call->u.call.args[0]->type, k->args[0].col, row & k->args[0].mask, &text);
        } else if (op == LT_OP_JSON_ARRAY) {
            array_row(k, row, &text);
        } else if (lt_text_reserve(&text, 2)) {
            object_row(k, row, &text);
        }
        lt_str s = lt_text_str(&text);
        lt_k_put_copy(k, row, s.ptr, s.len);
    }
    bool failed = text.failed;
    lt_text_deinit(&text);
    return failed ? lt_error_nomem(err, "JSON") : LT_OK;
}

lt_status lt_infer_json_build(lt_infer *in, lt_error *err)
{
    int op = in->func->op;
    json_build *build = LT_NEW(in->b->arena, json_build);
    bool *raw = LT_NEW_ARRAY(in->b->arena, bool, in->count + 1);
    if (build == NULL || raw == NULL) {
        return lt_error_nomem(err, "JSON");
    }
    build->raw = raw;
    build->absent = op == LT_OP_JSON_ARRAY;
    if (in->count > 0 && lt_kind_is(in->args[0], LT_TYPE_SYMBOL)) {
        build->absent = lt_str_eq(in->args[0]->u.literal.u.s, LT_STR("ABSENT"));
        build->first = 1;
    }
    for (uint32_t i = build->first; i < in->count; i++) {
        bool key = op == LT_OP_JSON_OBJECT && (i - build->first) % 2 == 0;
        const lt_type *type = in->args[i]->type;
        if (key && (!lt_type_is_string(type) || lt_expr_is_null_literal(in->args[i]))) {
            return lt_in_refuse(in, err);
        }
        if (type->kind == LT_TYPE_NULL || !has_json_form(type)) {
            lt_status st = lt_in_refuse(in, err);
            lt_error_hint(err, "cast it to STRING: values of this type have no JSON form");
            return st;
        }
        raw[i] = lt_expr_is_json(in->args[i]);
    }
    if (op == LT_OP_JSON_OBJECT && (in->count - build->first) % 2 != 0) {
        return lt_in_refuse(in, err);
    }
    in->data = build;
    in->kernel = build_kernel;
    in->type = lt_type_string(in->b->arena, op == LT_OP_JSON_STRING && lt_in_nullable(in));
    /* Not folded: a literal would no longer tell that it is JSON. */
    in->flags |= op == LT_OP_JSON_STRING ? 0u : (uint32_t)LT_FUNC_KEEP;
    return LT_OK;
}
