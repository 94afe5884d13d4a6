/* Casts: what is refused, what needs no work, and which family's kernel does the rest. */
#include "expr/cast.h"

#include <stdio.h>

#include "expr/cast_int.h"
#include "expr/families.h"
#include "expr/temporal.h"

static bool sized_noop(const lt_type *from, const lt_type *to, lt_type_kind fixed)
{
    if (to->kind == fixed) {
        return from->kind == fixed && from->length == to->length;
    }
    return to->length >= from->length;
}

bool lt_cast_is_noop(const lt_type *from, const lt_type *to)
{
    if (lt_type_is_string(from) && lt_type_is_string(to)) {
        return sized_noop(from, to, LT_TYPE_CHAR);
    }
    if (lt_type_is_binary(from) && lt_type_is_binary(to)) {
        return sized_noop(from, to, LT_TYPE_BINARY);
    }
    if (from->kind != to->kind) {
        return (from->kind == LT_TYPE_INT && to->kind == LT_TYPE_INTERVAL_MONTH) ||
               (from->kind == LT_TYPE_INTERVAL_MONTH && to->kind == LT_TYPE_INT) ||
               (from->kind == LT_TYPE_BIGINT && to->kind == LT_TYPE_INTERVAL_SECOND) ||
               (from->kind == LT_TYPE_INTERVAL_SECOND && to->kind == LT_TYPE_BIGINT);
    }
    switch ((int)from->kind) {
    case LT_TYPE_DECIMAL:
        return from->scale == to->scale && from->precision <= to->precision &&
               lt_type_phys(from) == lt_type_phys(to);
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMP_LTZ:
        return lt_ts_form(from) == lt_ts_form(to) && from->precision <= to->precision;
    case LT_TYPE_TIME:
        return LT_MIN(from->precision, 3) <= to->precision;
    default:
        break;
    }
    if (from->field_count != to->field_count) {
        return false;
    }
    for (uint32_t i = 0; i < from->field_count; i++) {
        if (!lt_cast_is_noop(from->fields[i].type, to->fields[i].type)) {
            return false;
        }
    }
    return true;
}

void lt_cast_fail(lt_kctx *k, uint32_t row, lt_str text)
{
    const lt_cast *cast = lt_k_cast(k);
    if (cast->try_cast) {
        lt_k_null(k, row);
        return;
    }
    if (k->fail != NULL) { /* the first one's message is kept */
        lt_k_fail(k, row, "bad-cast", "bad cast");
        return;
    }
    lt_text type;
    lt_text_init(&type, k->mem);
    lt_type_print(cast->to, &type);
    lt_str name = lt_text_str(&type);
    lt_k_fail(k, row, "bad-cast", "cannot cast '%.*s'%s to " LT_STR_FMT,
              (int)LT_MIN(text.len, (size_t)100), text.ptr, text.len > 100 ? ".." : "",
              LT_STR_ARG(name));
    lt_text_deinit(&type);
}

/* Shares the argument's memory. */
static lt_status noop_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    *k->out = *k->args[0].col;
    k->out->type = lt_k_cast(k)->to;
    return LT_OK;
}

bool lt_cast_prepare(lt_cast *cast, lt_arena *arena)
{
    if (lt_cast_is_noop(cast->from, cast->to)) {
        cast->kernel = noop_kernel;
        cast->flags = LT_FUNC_DENSE | LT_FUNC_ALIAS | LT_FUNC_NULLS;
        return true;
    }
    lt_cast_pick_number(cast);
    if (cast->kernel == NULL) {
        lt_cast_pick_time(cast);
    }
    if (cast->kernel == NULL) {
        lt_cast_pick_text(cast);
    }
    if (cast->kernel == NULL) {
        lt_cast_pick_variant(cast);
    }
    if (cast->kernel != NULL || cast->from->field_count == 0) {
        return true;
    }
    uint32_t count = cast->from->field_count;
    lt_cast *children = LT_NEW_ARRAY(arena, lt_cast, count);
    if (children == NULL) {
        return false;
    }
    bool complete = cast->from->kind == cast->to->kind && cast->to->field_count == count;
    for (uint32_t i = 0; complete && i < count; i++) {
        children[i].from = cast->from->fields[i].type;
        children[i].to = cast->to->fields[i].type;
        if (!lt_cast_prepare(&children[i], arena)) {
            return false;
        }
        complete = children[i].kernel != NULL;
    }
    cast->children = children;
    if (complete) {
        lt_cast_pick_nested(cast);
    }
    return true;
}

/* The same node under another type with the same physical values. */
static lt_status retype(lt_expr_builder *b, const lt_expr *expr, const lt_type *to, lt_expr **out,
                        lt_error *err)
{
    lt_expr *copy = LT_NEW(b->arena, lt_expr);
    if (copy == NULL) {
        return lt_error_nomem(err, "expression");
    }
    *copy = *expr;
    copy->type = to;
    if (copy->kind == LT_NODE_LITERAL) {
        copy->u.literal.type = to;
    }
    *out = copy;
    return LT_OK;
}

static lt_status refuse_kernel(const lt_expr *arg, const lt_type *to, lt_expr_builder *b,
                               uint32_t pos, lt_error *err)
{
    lt_text text;
    lt_text_init(&text, b->session->mem);
    lt_type_print(arg->type, &text);
    lt_text_puts(&text, " to ");
    lt_type_print(to, &text);
    lt_str types = lt_text_str(&text);
    lt_status st =
        lt_error_set_at(err, LT_ERR_UNSUPPORTED, pos,
                        "the cast from " LT_STR_FMT " is not supported yet", LT_STR_ARG(types));
    lt_text_deinit(&text);
    return st;
}

/* A renamed column keeps the type its batches carry, which is the one it is printed by. */
static bool same_text(const lt_type *from, const lt_type *to)
{
    if (from->field_count > 0) {
        return false;
    }
    bool stamp = from->kind == LT_TYPE_TIME || lt_type_is_timestamp(from);
    bool bytes = lt_type_is_string(from) || lt_type_is_binary(from);
    return bytes || (from->kind == to->kind && (!stamp || from->precision == to->precision));
}

static lt_status build_cast(lt_expr_builder *b, lt_expr *arg, const lt_type *to, bool try_cast,
                            uint32_t pos, lt_expr **out, lt_error *err)
{
    if (arg->type->kind == LT_TYPE_NULL || lt_expr_is_null_literal(arg)) {
        return lt_expr_null(b, to, pos, out, err);
    }
    bool flat = to->field_count == 0;
    bool value_only = (arg->kind == LT_NODE_COLUMN && same_text(arg->type, to)) ||
                      (arg->kind == LT_NODE_LITERAL && flat);
    if (lt_cast_is_noop(arg->type, to) &&
        (value_only ||
         lt_type_eq_unnull(lt_type_with_attr(b->arena, arg->type, LT_TIME_NONE), to))) {
        return retype(b, arg, to, out, err);
    }
    lt_cast *cast = LT_NEW(b->arena, lt_cast);
    if (cast == NULL) {
        return lt_error_nomem(err, "cast");
    }
    cast->from = arg->type;
    cast->to = to;
    cast->try_cast = try_cast;
    if (!lt_cast_prepare(cast, b->arena)) {
        return lt_error_nomem(err, "cast");
    }
    if (cast->kernel == NULL) {
        return refuse_kernel(arg, to, b, pos, err);
    }
    lt_infer in = {.b = b, .pos = pos, .count = 1, .type = to, .kernel = cast->kernel};
    in.func = lt_func_find(try_cast ? LT_STR("TRY_CAST") : LT_STR("CAST"));
    in.args = LT_NEW_ARRAY(b->arena, lt_expr *, 1);
    if (in.args == NULL) {
        return lt_error_nomem(err, "cast");
    }
    in.args[0] = arg;
    in.data = cast;
    in.flags = cast->flags;
    return lt_expr_finish(&in, out, err);
}

lt_status lt_expr_convert(lt_expr_builder *b, lt_expr *arg, const lt_type *to, lt_expr **out,
                          lt_error *err)
{
    if (lt_type_eq(arg->type, to)) {
        *out = arg;
        return LT_OK;
    }
    return build_cast(b, arg, to, false, arg->pos, out, err);
}

static bool has_length(const lt_type *type, const lt_length_rule *rule)
{
    if (lt_type_is_string(type) || lt_type_is_binary(type)) {
        return type->kind == LT_TYPE_CHAR || type->kind == LT_TYPE_BINARY ||
               type->length < LT_LENGTH_MAX;
    }
    bool reaches = type->kind == LT_TYPE_ROW ? rule->rows : rule->collections;
    for (uint32_t i = 0; reaches && i < type->field_count; i++) {
        if (has_length(type->fields[i].type, rule)) {
            return true;
        }
    }
    return false;
}

static bool prepare_lengths(lt_cast *cast, const lt_length_rule *rule, lt_arena *arena)
{
    if (!has_length(cast->to, rule)) {
        cast->kernel = noop_kernel;
        cast->flags = LT_FUNC_DENSE | LT_FUNC_ALIAS | LT_FUNC_NULLS;
        return true;
    }
    uint32_t count = cast->to->field_count;
    if (count == 0) {
        if (rule->fails) {
            lt_cast_pick_length(cast);
        } else {
            lt_cast_pick_text(cast);
        }
        return true;
    }
    lt_cast *children = LT_NEW_ARRAY(arena, lt_cast, count);
    for (uint32_t i = 0; children != NULL && i < count; i++) {
        children[i].from = cast->from->fields[i].type;
        children[i].to = cast->to->fields[i].type;
        if (!prepare_lengths(&children[i], rule, arena)) {
            return false;
        }
    }
    cast->children = children;
    lt_cast_pick_nested(cast);
    return children != NULL;
}

lt_status lt_expr_enforce_length(lt_expr_builder *b, lt_expr *arg, const lt_type *type,
                                 const lt_length_rule *rule, lt_expr **out, lt_error *err)
{
    *out = arg;
    if (!has_length(type, rule)) {
        return LT_OK;
    }
    lt_cast *cast = LT_NEW(b->arena, lt_cast);
    lt_infer in = {.b = b, .pos = arg->pos, .count = 1, .func = lt_func_find(LT_STR("CAST"))};
    in.args = LT_NEW_ARRAY(b->arena, lt_expr *, 1);
    in.type = lt_type_with_nullable(b->arena, type, arg->type->nullable);
    if (cast == NULL || in.args == NULL || in.type == NULL) {
        return lt_error_nomem(err, "cast");
    }
    cast->from = arg->type;
    cast->to = in.type;
    if (!prepare_lengths(cast, rule, b->arena)) {
        return lt_error_nomem(err, "cast");
    }
    in.args[0] = arg;
    in.kernel = cast->kernel;
    in.data = cast;
    in.flags = cast->flags;
    return lt_expr_finish(&in, out, err);
}

static lt_status refuse_cast(lt_expr_builder *b, const lt_expr *arg, const lt_type *to,
                             const char *verb, uint32_t pos, lt_error *err)
{
    lt_text text;
    lt_text_init(&text, b->session->mem);
    if (arg->type->kind == LT_TYPE_NULL) {
        lt_text_puts(&text, "NULL");
    } else {
        lt_type_print(arg->type, &text);
    }
    lt_text_puts(&text, " to ");
    lt_type_print(to, &text);
    lt_str types = lt_text_str(&text);
    lt_status st =
        lt_error_set_at(err, LT_ERR_SQL, pos, "cannot %s " LT_STR_FMT, verb, LT_STR_ARG(types));
    lt_text_deinit(&text);
    bool number = lt_type_is_numeric(arg->type), stamp = lt_type_is_timestamp(to);
    if (number && stamp) {
        lt_error_hint(err, "use TO_TIMESTAMP_LTZ(number, 0 or 3)");
    } else if (lt_type_is_numeric(to) && lt_type_is_timestamp(arg->type)) {
        lt_error_hint(err, "use UNIX_TIMESTAMP or TIMESTAMPDIFF");
    } else if (arg->type->kind == LT_TYPE_VARIANT && lt_type_is_string(to)) {
        lt_error_hint(err, "use JSON_STRING, and JSON_UNQUOTE for the text of a string");
    } else if (to->kind == LT_TYPE_VARIANT) {
        lt_error_hint(err, "use PARSE_JSON");
    }
    return st;
}

/* A NULL of a type that Flink's validator lets become the other, though no value could: the cast is
 * folded to NULL before anything refuses it. */
static bool is_folded_null(const lt_expr *arg, const lt_type *to)
{
    const lt_type *from = arg->type;
    bool stamp = lt_type_is_timestamp(to);
    return lt_expr_is_null_literal(arg) &&
           (lt_type_is_string(from) ||
            (stamp && (lt_type_is_numeric(from) || lt_type_is_binary(from))) ||
            (to->kind == LT_TYPE_TIME && lt_type_is_binary(from)) ||
            (lt_type_is_numeric(to) && lt_type_is_timestamp(from)));
}

lt_status lt_expr_cast(lt_expr_builder *b, lt_expr *arg, const lt_type *type, bool try_cast,
                       uint32_t pos, lt_expr **out, lt_error *err)
{
    if (!lt_type_can_cast(arg->type, type) && (try_cast || !is_folded_null(arg, type))) {
        return refuse_cast(b, arg, type, "cast", pos, err);
    }
    bool nullable = arg->type->nullable || arg->type->kind == LT_TYPE_NULL || try_cast;
    const lt_type *to = lt_type_with_nullable(b->arena, type, nullable);
    if (to == NULL) {
        return lt_error_nomem(err, "type");
    }
    if (lt_type_eq(arg->type, to)) {
        *out = arg;
        return LT_OK;
    }
    return build_cast(b, arg, to, try_cast, pos, out, err);
}

lt_status lt_expr_coerce(lt_expr_builder *b, lt_expr *arg, const lt_type *type, lt_expr **out,
                         lt_error *err)
{
    if (!lt_type_can_coerce(arg->type, type)) {
        lt_status st = refuse_cast(b, arg, type, "implicitly convert", arg->pos, err);
        if (err != NULL && err->hint[0] == '\0') {
            lt_error_hint(err, "write a CAST");
        }
        return st;
    }
    const lt_type *to = lt_type_with_nullable(
        b->arena, type, arg->type->nullable || arg->type->kind == LT_TYPE_NULL);
    if (to == NULL) {
        return lt_error_nomem(err, "type");
    }
    return lt_expr_convert(b, arg, to, out, err);
}

lt_status lt_infer_cast(lt_infer *in, lt_error *err)
{
    return lt_error_set_at(err, LT_ERR_SQL, in->pos, "write %s(value AS type)", in->func->name);
}
