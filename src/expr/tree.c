/* Walking expression trees: equality, column references, remapping, printing. */
#include <inttypes.h>

#include "expr/cast.h"
#include "expr/native.h"
#include "expr/registry.h"
#include "expr/totext.h"

static bool value_eq(const lt_value *a, const lt_value *b)
{
    if (a->is_null || b->is_null) {
        return a->is_null == b->is_null;
    }
    switch (a->type->kind == LT_TYPE_SYMBOL ? LT_PHYS_STR : lt_type_phys(a->type)) {
    case LT_PHYS_NONE:
        return true;
    case LT_PHYS_BOOL:
        return a->u.b == b->u.b;
    case LT_PHYS_I8:
    case LT_PHYS_I16:
    case LT_PHYS_I32:
    case LT_PHYS_I64:
        return a->u.i == b->u.i;
    case LT_PHYS_I128:
        return a->u.wide == b->u.wide;
    case LT_PHYS_F32:
    case LT_PHYS_F64:
        return memcmp(&a->u.f, &b->u.f, sizeof a->u.f) == 0;
    case LT_PHYS_STR:
        return lt_str_eq(a->u.s, b->u.s);
    case LT_PHYS_TS9:
        return a->u.ts.ms == b->u.ts.ms && a->u.ts.ns_of_ms == b->u.ts.ns_of_ms;
    case LT_PHYS_LIST:
    case LT_PHYS_STRUCT:
        if (a->u.list.count != b->u.list.count) {
            return false;
        }
        for (uint32_t i = 0; i < a->u.list.count; i++) {
            if (!value_eq(&a->u.list.items[i], &b->u.list.items[i])) {
                return false;
            }
        }
        return true;
    }
    return false;
}

bool lt_expr_eq(const lt_expr *a, const lt_expr *b)
{
    if (a == b) {
        return true;
    }
    if (a->kind != b->kind || !lt_type_eq(a->type, b->type)) {
        return false;
    }
    switch (a->kind) {
    case LT_NODE_COLUMN:
        return a->u.column == b->u.column;
    case LT_NODE_LITERAL:
        return value_eq(&a->u.literal, &b->u.literal);
    case LT_NODE_CALL:
        break;
    }
    if (a->u.call.func != b->u.call.func || a->u.call.arg_count != b->u.call.arg_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->u.call.arg_count; i++) {
        if (!lt_expr_eq(a->u.call.args[i], b->u.call.args[i])) {
            return false;
        }
    }
    return true;
}

void lt_expr_columns(const lt_expr *expr, void (*fn)(void *arg, uint32_t index), void *arg)
{
    if (expr->kind == LT_NODE_COLUMN) {
        fn(arg, expr->u.column);
    } else if (expr->kind == LT_NODE_CALL) {
        for (uint32_t i = 0; i < expr->u.call.arg_count; i++) {
            lt_expr_columns(expr->u.call.args[i], fn, arg);
        }
    }
}

/* A call with another value in every row whose copy is known: where the very same node stands
 * twice (an argument that a function's body uses twice), so does the copy, or it would be another
 * value. */
typedef struct copied {
    struct copied *next;
    const lt_expr *from;
    lt_expr *to;
} copied;

typedef struct {
    lt_expr_builder *b;
    const uint32_t *map;
    lt_expr *const *exprs;
    copied *calls;
} remapping;

static bool is_per_row(const lt_expr *expr)
{
    return expr->kind == LT_NODE_CALL && (lt_expr_bound(expr)->flags & LT_FUNC_PER_ROW) != 0;
}

static lt_status remap(remapping *r, const lt_expr *expr, lt_expr **out, lt_error *err)
{
    if (expr->kind == LT_NODE_COLUMN && r->exprs != NULL) {
        *out = r->exprs[expr->u.column];
        return LT_OK;
    }
    bool per_row = is_per_row(expr);
    for (const copied *at = r->calls; per_row && at != NULL; at = at->next) {
        if (at->from == expr) {
            *out = at->to;
            return LT_OK;
        }
    }
    lt_expr *copy = LT_NEW(r->b->arena, lt_expr);
    copied *note = per_row ? LT_NEW(r->b->arena, copied) : NULL;
    if (copy == NULL || (per_row && note == NULL)) {
        return lt_error_nomem(err, "expression");
    }
    *copy = *expr;
    *out = copy;
    if (per_row) {
        *note = (copied){r->calls, expr, copy};
        r->calls = note;
    }
    if (expr->kind == LT_NODE_COLUMN) {
        copy->u.column = r->map[expr->u.column];
    } else if (expr->kind == LT_NODE_CALL) {
        uint32_t count = expr->u.call.arg_count;
        copy->u.call.args = LT_NEW_ARRAY(r->b->arena, lt_expr *, count + 1);
        if (copy->u.call.args == NULL) {
            return lt_error_nomem(err, "expression");
        }
        for (uint32_t i = 0; i < count; i++) {
            LT_TRY(remap(r, expr->u.call.args[i], &copy->u.call.args[i], err));
        }
    }
    return LT_OK;
}

lt_status lt_expr_remap(lt_expr_builder *b, const lt_expr *expr, const uint32_t *map,
                        lt_expr *const *exprs, lt_expr **out, lt_error *err)
{
    LT_ASSERT((map == NULL) != (exprs == NULL));
    remapping r = {b, map, exprs, NULL};
    return remap(&r, expr, out, err);
}

uint32_t lt_expr_size(const lt_expr *expr, uint32_t max)
{
    uint32_t size = 1;
    for (uint32_t i = 0; expr->kind == LT_NODE_CALL && i < expr->u.call.arg_count && size <= max;
         i++) {
        size += lt_expr_size(expr->u.call.args[i], max - size);
    }
    return size;
}

void lt_expr_functions(const lt_expr *expr, void (*fn)(void *arg, const char *name, uint64_t hash),
                       void *arg)
{
    if (expr->kind != LT_NODE_CALL) {
        return;
    }
    const lt_native *native = lt_native_of(expr);
    if (native != NULL) {
        fn(arg, expr->u.call.func->name, lt_native_version(native));
    }
    if (lt_expr_bound(expr)->origin != NULL) {
        fn(arg, lt_expr_bound(expr)->origin->name, lt_expr_bound(expr)->origin->hash);
    }
    for (uint32_t i = 0; i < expr->u.call.arg_count; i++) {
        lt_expr_functions(expr->u.call.args[i], fn, arg);
    }
}

lt_status lt_expr_substitute(lt_expr_builder *b, const lt_expr *expr, lt_expr_column_fn fn,
                             void *arg, lt_expr **out, lt_error *err)
{
    if (expr->kind == LT_NODE_COLUMN) {
        return fn(arg, expr, out, err);
    }
    lt_expr *copy = LT_NEW(b->arena, lt_expr);
    if (copy == NULL) {
        return lt_error_nomem(err, "expression");
    }
    *copy = *expr;
    *out = copy;
    if (expr->kind != LT_NODE_CALL) {
        return LT_OK;
    }
    uint32_t count = expr->u.call.arg_count;
    copy->u.call.args = LT_NEW_ARRAY(b->arena, lt_expr *, count + 1);
    if (copy->u.call.args == NULL) {
        return lt_error_nomem(err, "expression");
    }
    for (uint32_t i = 0; i < count; i++) {
        LT_TRY(lt_expr_substitute(b, expr->u.call.args[i], fn, arg, &copy->u.call.args[i], err));
    }
    return LT_OK;
}

/* ---- printing ---- */

static void print_quoted(lt_str s, lt_text *to)
{
    lt_text_putc(to, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\'') {
            lt_text_putc(to, '\'');
        }
        lt_text_putc(to, s.ptr[i]);
    }
    lt_text_putc(to, '\'');
}

static void print_literal(const lt_value *value, lt_text *to)
{
    const lt_type *type = value->type;
    if (value->is_null) {
        lt_text_puts(to, "NULL");
        return;
    }
    if (type->kind == LT_TYPE_SYMBOL) {
        lt_text_append(to, value->u.s.ptr, value->u.s.len);
        return;
    }
    if (lt_type_is_string(type)) {
        print_quoted(value->u.s, to);
        return;
    }
    if (lt_type_is_binary(type)) {
        lt_text_puts(to, "x'");
        for (size_t i = 0; i < value->u.s.len; i++) {
            lt_text_printf(to, "%02X", (unsigned)(unsigned char)value->u.s.ptr[i]);
        }
        lt_text_putc(to, '\'');
        return;
    }
    const char *prefix =
        type->kind == LT_TYPE_DATE   ? "DATE '"
        : type->kind == LT_TYPE_TIME ? "TIME '"
        : lt_type_is_timestamp(type) ? "TIMESTAMP '"
        : type->kind == LT_TYPE_INTERVAL_MONTH || type->kind == LT_TYPE_INTERVAL_SECOND
            ? "INTERVAL '"
            : NULL;
    if (prefix != NULL) {
        lt_text_puts(to, prefix);
    }
    lt_value_to_text(value, to);
    if (prefix != NULL) {
        lt_text_putc(to, '\'');
    }
}

static void print_args(const lt_expr *expr, uint32_t from, const char *between,
                       const lt_schema *input, lt_text *to)
{
    for (uint32_t i = from; i < expr->u.call.arg_count; i++) {
        if (i > from) {
            lt_text_puts(to, between);
        }
        lt_expr_print(expr->u.call.args[i], input, to);
    }
}

static bool is_infix(const lt_func *func)
{
    return (func->name[0] < 'A' || lt_str_eq(lt_str_of(func->name), LT_STR("AND")) ||
            lt_str_eq(lt_str_of(func->name), LT_STR("OR")) ||
            lt_str_eq(lt_str_of(func->name), LT_STR("LIKE")) ||
            lt_str_eq(lt_str_of(func->name), LT_STR("NOT LIKE")) ||
            lt_str_starts(lt_str_of(func->name), LT_STR("IS DISTINCT")) ||
            lt_str_starts(lt_str_of(func->name), LT_STR("IS NOT DISTINCT")));
}

static void print_case(const lt_expr *expr, const lt_schema *input, lt_text *to)
{
    uint32_t count = expr->u.call.arg_count;
    lt_text_puts(to, "CASE");
    for (uint32_t i = 0; i + 1 < count; i += 2) {
        lt_text_puts(to, " WHEN ");
        lt_expr_print(expr->u.call.args[i], input, to);
        lt_text_puts(to, " THEN ");
        lt_expr_print(expr->u.call.args[i + 1], input, to);
    }
    lt_text_puts(to, " ELSE ");
    lt_expr_print(expr->u.call.args[count - 1], input, to);
    lt_text_puts(to, " END");
}

static void print_call(const lt_expr *expr, const lt_schema *input, lt_text *to)
{
    const lt_func *func = expr->u.call.func;
    lt_str name = lt_str_of(func->name);
    uint32_t count = expr->u.call.arg_count;
    if (lt_str_eq(name, LT_STR("CAST")) || lt_str_eq(name, LT_STR("TRY_CAST"))) {
        lt_text_puts(to, func->name);
        lt_text_putc(to, '(');
        print_args(expr, 0, "", input, to);
        lt_text_puts(to, " AS ");
        lt_type_print(expr->type, to);
        lt_text_putc(to, ')');
    } else if (lt_str_eq(name, LT_STR("CASE"))) {
        print_case(expr, input, to);
    } else if (lt_str_eq(name, LT_STR("ITEM"))) {
        lt_expr_print(expr->u.call.args[0], input, to);
        lt_text_putc(to, '[');
        lt_expr_print(expr->u.call.args[1], input, to);
        lt_text_putc(to, ']');
    } else if (lt_str_eq(name, LT_STR("FIELD"))) {
        const lt_expr *row = expr->u.call.args[0];
        lt_expr_print(row, input, to);
        int64_t index = expr->u.call.args[1]->u.literal.u.i;
        lt_str field = row->type->fields[index].name;
        if (field.len > 0) {
            lt_text_putc(to, '.');
            lt_text_append(to, field.ptr, field.len);
        } else {
            lt_text_printf(to, ".$%" PRId64, index);
        }
    } else if (count >= 2 && is_infix(func)) {
        lt_text_putc(to, '(');
        for (uint32_t i = 0; i < count; i++) {
            if (i > 0) {
                lt_text_printf(to, " %s ", func->name);
            }
            lt_expr_print(expr->u.call.args[i], input, to);
        }
        lt_text_putc(to, ')');
    } else if (count == 1 && lt_str_starts(name, LT_STR("IS "))) {
        lt_expr_print(expr->u.call.args[0], input, to);
        lt_text_printf(to, " %s", func->name);
    } else {
        lt_text_puts(to, func->name);
        lt_text_putc(to, '(');
        print_args(expr, 0, ", ", input, to);
        lt_text_putc(to, ')');
    }
}

void lt_expr_print(const lt_expr *expr, const lt_schema *input, lt_text *to)
{
    switch (expr->kind) {
    case LT_NODE_COLUMN:
        if (input != NULL && expr->u.column < input->count) {
            lt_str name = input->fields[expr->u.column].name;
            lt_text_append(to, name.ptr, name.len);
        } else {
            lt_text_printf(to, "$%u", expr->u.column);
        }
        break;
    case LT_NODE_LITERAL:
        print_literal(&expr->u.literal, to);
        break;
    case LT_NODE_CALL:
        print_call(expr, input, to);
        break;
    }
}
