/* Building expression trees: nodes, call resolution, constant folding. Everything about types is
 * decided here, once. */
#include <stdio.h>

#include "expr/cast.h"
#include "expr/program.h"
#include "expr/registry.h"

const lt_type *lt_type_string(lt_arena *arena, bool nullable)
{
    return lt_type_sized(arena, LT_TYPE_VARCHAR, LT_LENGTH_MAX, nullable);
}

const lt_type *lt_type_bytes(lt_arena *arena, bool nullable)
{
    return lt_type_sized(arena, LT_TYPE_VARBINARY, LT_LENGTH_MAX, nullable);
}

lt_status lt_expr_column(lt_expr_builder *b, uint32_t index, const lt_type *type, uint32_t pos,
                         lt_expr **out, lt_error *err)
{
    lt_expr *expr = LT_NEW(b->arena, lt_expr);
    if (expr == NULL) {
        return lt_error_nomem(err, "expression");
    }
    expr->kind = LT_NODE_COLUMN;
    expr->pos = pos;
    expr->type = type;
    expr->u.column = index;
    *out = expr;
    return LT_OK;
}

lt_status lt_expr_literal(lt_expr_builder *b, const lt_value *value, uint32_t pos, lt_expr **out,
                          lt_error *err)
{
    lt_expr *expr = LT_NEW(b->arena, lt_expr);
    if (expr == NULL) {
        return lt_error_nomem(err, "expression");
    }
    expr->kind = LT_NODE_LITERAL;
    expr->pos = pos;
    expr->type = value->type;
    expr->u.literal = *value;
    *out = expr;
    return LT_OK;
}

lt_status lt_expr_null(lt_expr_builder *b, const lt_type *type, uint32_t pos, lt_expr **out,
                       lt_error *err)
{
    lt_value value;
    memset(&value, 0, sizeof value);
    value.type = lt_type_with_nullable(b->arena, type, true);
    value.is_null = true;
    if (value.type == NULL) {
        return lt_error_nomem(err, "type");
    }
    return lt_expr_literal(b, &value, pos, out, err);
}

lt_status lt_expr_bool(lt_expr_builder *b, bool truth, uint32_t pos, lt_expr **out, lt_error *err)
{
    lt_value value;
    memset(&value, 0, sizeof value);
    value.type = lt_type_new(b->arena, LT_TYPE_BOOLEAN, false);
    value.u.b = truth;
    if (value.type == NULL) {
        return lt_error_nomem(err, "type");
    }
    return lt_expr_literal(b, &value, pos, out, err);
}

bool lt_expr_is_null_literal(const lt_expr *expr)
{
    return expr->kind == LT_NODE_LITERAL && expr->u.literal.is_null;
}

bool lt_expr_is_const(const lt_expr *expr)
{
    return expr->kind == LT_NODE_LITERAL;
}

bool lt_expr_is_deterministic(const lt_expr *expr)
{
    if (expr->kind != LT_NODE_CALL) {
        return true;
    }
    if (lt_expr_bound(expr)->flags & LT_FUNC_NONDET) {
        return false;
    }
    for (uint32_t i = 0; i < expr->u.call.arg_count; i++) {
        if (!lt_expr_is_deterministic(expr->u.call.args[i])) {
            return false;
        }
    }
    return true;
}

/* ---- helpers for infer() ---- */

lt_status lt_in_cast(lt_infer *in, uint32_t arg, const lt_type *type, lt_error *err)
{
    lt_expr *expr = in->args[arg];
    if (type == NULL) {
        return lt_error_nomem(err, "type");
    }
    const lt_type *to = lt_type_with_nullable(
        in->b->arena, type, expr->type->nullable || lt_expr_is_null_literal(expr));
    if (to == NULL) {
        return lt_error_nomem(err, "type");
    }
    return lt_expr_convert(in->b, expr, to, &in->args[arg], err);
}

lt_status lt_in_cast_kind(lt_infer *in, uint32_t arg, lt_type_kind kind, lt_error *err)
{
    if (in->args[arg]->type->kind == kind) {
        return LT_OK;
    }
    return lt_in_cast(in, arg, lt_type_new(in->b->arena, kind, true), err);
}

lt_status lt_in_string(lt_infer *in, uint32_t arg, lt_error *err)
{
    const lt_type *type = in->args[arg]->type;
    if (type->kind == LT_TYPE_NULL) {
        return lt_in_cast(in, arg, lt_type_string(in->b->arena, true), err);
    }
    return lt_type_is_string(type) ? LT_OK : lt_in_refuse(in, err);
}

lt_status lt_in_int(lt_infer *in, uint32_t arg, lt_error *err)
{
    const lt_type *type = in->args[arg]->type;
    if (type->kind == LT_TYPE_NULL || type->kind == LT_TYPE_TINYINT ||
        type->kind == LT_TYPE_SMALLINT) {
        return lt_in_cast_kind(in, arg, LT_TYPE_INT, err);
    }
    return type->kind == LT_TYPE_INT ? LT_OK : lt_in_refuse(in, err);
}

lt_status lt_in_double(lt_infer *in, uint32_t arg, lt_error *err)
{
    const lt_type *type = in->args[arg]->type;
    if (type->kind == LT_TYPE_NULL || lt_type_is_numeric(type)) {
        return lt_in_cast_kind(in, arg, LT_TYPE_DOUBLE, err);
    }
    return lt_in_refuse(in, err);
}

lt_status lt_in_bool(lt_infer *in, uint32_t arg, lt_error *err)
{
    const lt_type *type = in->args[arg]->type;
    if (type->kind == LT_TYPE_NULL) {
        return lt_in_cast_kind(in, arg, LT_TYPE_BOOLEAN, err);
    }
    return type->kind == LT_TYPE_BOOLEAN ? LT_OK : lt_in_refuse(in, err);
}

bool lt_in_nullable(const lt_infer *in)
{
    for (uint32_t i = 0; i < in->count; i++) {
        if (in->args[i]->type->nullable) {
            return true;
        }
    }
    return false;
}

const lt_type *lt_in_type(const lt_infer *in, lt_type_kind kind, bool always_null)
{
    return lt_type_new(in->b->arena, kind, always_null || lt_in_nullable(in));
}

const lt_type *lt_in_string_type(const lt_infer *in, bool always_null)
{
    return lt_type_string(in->b->arena, always_null || lt_in_nullable(in));
}

const lt_value *lt_in_literal(const lt_infer *in, uint32_t arg)
{
    const lt_expr *expr = in->args[arg];
    return expr->kind == LT_NODE_LITERAL && !expr->u.literal.is_null ? &expr->u.literal : NULL;
}

lt_status lt_in_refuse(const lt_infer *in, lt_error *err)
{
    lt_text text;
    lt_text_init(&text, in->b->session->mem);
    for (uint32_t i = 0; i < in->count; i++) {
        if (i > 0) {
            lt_text_puts(&text, ", ");
        }
        if (in->args[i]->type->kind == LT_TYPE_NULL) {
            lt_text_puts(&text, "NULL");
        } else if (in->args[i]->type->kind == LT_TYPE_SYMBOL) {
            lt_str s = in->args[i]->u.literal.u.s;
            lt_text_append(&text, s.ptr, s.len);
        } else {
            lt_type_print(in->args[i]->type, &text);
        }
    }
    lt_str types = lt_text_str(&text);
    lt_status st = lt_error_set_at(err, LT_ERR_SQL, in->pos, "cannot apply %s to (" LT_STR_FMT ")",
                                   in->func->name, LT_STR_ARG(types));
    lt_error_hint(err, "supported: %s", in->func->signature);
    lt_text_deinit(&text);
    return st;
}

/* ---- calls ---- */

static bool is_foldable(const lt_infer *in)
{
    if (!in->b->fold || (in->flags & (LT_FUNC_NONDET | LT_FUNC_PER_ROW | LT_FUNC_KEEP)) != 0) {
        return false;
    }
    if (in->type->kind == LT_TYPE_SYMBOL || in->type->kind == LT_TYPE_NULL) {
        return false;
    }
    for (uint32_t i = 0; i < in->count; i++) {
        if (in->args[i]->kind != LT_NODE_LITERAL) {
            return false;
        }
    }
    return true;
}

/* `a + NULL` and `a < NULL` are NULL, whatever a does: Flink's planner puts NULL for them. */
static bool is_null_operator(const lt_infer *in)
{
    const char *name = in->func->name;
    /* Of % it does not. */
    if (!in->b->fold || name[0] == '%' || (name[0] >= 'A' && name[0] <= 'Z') ||
        (in->flags & LT_FUNC_NULLS) != 0) {
        return false;
    }
    for (uint32_t i = 0; i < in->count; i++) {
        if (lt_expr_is_null_literal(in->args[i])) {
            return true;
        }
    }
    return false;
}

lt_status lt_expr_finish(lt_infer *in, lt_expr **out, lt_error *err)
{
    if (in->replace != NULL) {
        *out = in->replace;
        return LT_OK;
    }
    if (in->type != NULL && is_null_operator(in)) {
        return lt_expr_null(in->b, in->type, in->pos, out, err);
    }
    lt_bound_call *bound = LT_NEW(in->b->arena, lt_bound_call);
    lt_expr *expr = LT_NEW(in->b->arena, lt_expr);
    if (expr == NULL || bound == NULL || in->type == NULL) {
        return lt_error_nomem(err, "expression");
    }
    LT_ASSERT(in->kernel != NULL);
    bound->kernel = in->kernel;
    bound->data = in->data;
    bound->flags = in->flags;
    bound->origin = in->b->origin;
    expr->kind = LT_NODE_CALL;
    expr->pos = in->pos;
    expr->type = in->type;
    expr->u.call.func = in->func;
    expr->u.call.args = in->args;
    expr->u.call.arg_count = in->count;
    expr->u.call.bound = bound;
    *out = expr;
    if (!is_foldable(in)) {
        return LT_OK;
    }
    lt_value value;
    lt_error folding;
    lt_error_clear(&folding);
    lt_status st = lt_expr_eval_const(in->b->session, expr, in->b->arena, &value, &folding);
    if (st == LT_ERR_DATA) {
        /* Division by zero is refused when the statement is planned. Other failures may be in a
         * branch that is never taken: they stay calls and fail when a row needs them. */
        if (in->func->category == LT_CAT_ARITHMETIC) {
            return lt_error_set_at(err, LT_ERR_SQL, in->pos, "%s", folding.text);
        }
        return LT_OK;
    }
    if (st != LT_OK) {
        if (err != NULL) {
            *err = folding;
        }
        return st;
    }
    if (value.is_null && !expr->type->nullable) {
        value.type = lt_type_with_nullable(in->b->arena, expr->type, true);
    } else {
        value.type = expr->type;
    }
    if (value.type == NULL) {
        return lt_error_nomem(err, "type");
    }
    return lt_expr_literal(in->b, &value, in->pos, out, err);
}

static lt_status refuse_count(const lt_func *func, uint32_t count, uint32_t pos, lt_error *err)
{
    lt_status st;
    if (func->max_args == func->min_args) {
        st = lt_error_set_at(err, LT_ERR_SQL, pos, "%s takes %u argument%s, not %u", func->name,
                             func->min_args, func->min_args == 1 ? "" : "s", count);
    } else if (func->max_args == LT_ARGS_ANY) {
        st = lt_error_set_at(err, LT_ERR_SQL, pos, "%s takes at least %u argument%s, not %u",
                             func->name, func->min_args, func->min_args == 1 ? "" : "s", count);
    } else {
        st = lt_error_set_at(err, LT_ERR_SQL, pos, "%s takes %u to %u arguments, not %u",
                             func->name, func->min_args, func->max_args, count);
    }
    lt_error_hint(err, "supported: %s", func->signature);
    return st;
}

/* Functions that came after the version of the dialect. */
static const struct {
    const char *name;
    const char *version;
} future_names[] = {
    {"INET_ATON", "2.3"},
    {"INET_NTOA", "2.3"},
    {"IS_VALID_UTF8", "2.4"},
    {"MAKE_VALID_UTF8", "2.4"},
};

static lt_status refuse_name(lt_expr_builder *b, lt_str name, uint32_t pos, lt_error *err)
{
    bool bitmap = name.len > 7 && lt_str_eq_ci((lt_str){name.ptr, 7}, LT_STR("BITMAP_"));
    const char *version = bitmap ? "2.3" : NULL;
    for (size_t i = 0; i < LT_COUNT_OF(future_names); i++) {
        if (lt_str_eq_ci(name, lt_str_of(future_names[i].name))) {
            version = future_names[i].version;
        }
    }
    if (version != NULL) {
        return lt_error_set_at(err, LT_ERR_UNSUPPORTED, pos,
                               "the function " LT_STR_FMT " belongs to Flink %s", LT_STR_ARG(name),
                               version);
    }
    lt_status st =
        lt_error_set_at(err, LT_ERR_SQL, pos, "there is no function " LT_STR_FMT, LT_STR_ARG(name));
    uint32_t count = lt_func_count();
    const char **names = LT_NEW_ARRAY(b->arena, const char *, count);
    if (names != NULL) {
        uint32_t used = 0;
        for (uint32_t i = 0; i < count; i++) {
            const char *candidate = lt_func_at(i)->name;
            if ((candidate[0] >= 'A' && candidate[0] <= 'Z')) {
                names[used++] = candidate;
            }
        }
        const char *near = lt_str_nearest(name, names, used);
        if (near != NULL) {
            lt_error_hint(err, "did you mean %s?", near);
        }
    }
    return st;
}

lt_status lt_expr_call(lt_expr_builder *b, lt_str name, lt_expr *const *args, uint32_t arg_count,
                       uint32_t pos, lt_expr **out, lt_error *err)
{
    const lt_func *func = lt_func_find(name);
    if (func == NULL) {
        return refuse_name(b, name, pos, err);
    }
    if (func->infer == NULL) {
        return lt_error_set_at(err, LT_ERR_UNSUPPORTED, pos, "the function %s is not supported yet",
                               func->name);
    }
    if (arg_count < func->min_args ||
        (func->max_args != LT_ARGS_ANY && arg_count > func->max_args)) {
        return refuse_count(func, arg_count, pos, err);
    }
    lt_infer in = {.b = b, .func = func, .pos = pos, .count = arg_count, .flags = func->flags};
    in.args = LT_NEW_ARRAY(b->arena, lt_expr *, arg_count + 1);
    if (in.args == NULL) {
        return lt_error_nomem(err, "expression");
    }
    for (uint32_t i = 0; i < arg_count; i++) {
        in.args[i] = args[i];
    }
    lt_status st = func->infer(&in, err);
    if (st != LT_OK) {
        if (err != NULL && !err->has_sql_pos && (st == LT_ERR_SQL || st == LT_ERR_UNSUPPORTED)) {
            err->has_sql_pos = true;
            err->sql_pos = pos;
        }
        return st;
    }
    return lt_expr_finish(&in, out, err);
}

bool lt_func_exists_scalar(lt_str name)
{
    return lt_func_find(name) != NULL;
}
