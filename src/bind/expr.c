/* Expressions of the syntax tree -> typed trees. Types, overloads, coercions and folding are
 * lt_expr_call's; here names are resolved, syntax becomes calls, and the rules of grouped selects
 * hold: above an aggregation a column may be used only as (part of) a grouping key or inside an
 * aggregate. */
#include "bind/decorrelate.h"

lt_status lt_unsupported_at(lt_error *err, uint32_t pos, const char *what)
{
    return lt_error_set_at(err, LT_ERR_UNSUPPORTED, pos, "%s: not supported yet", what);
}

/* ---- walking the syntax ---- */

/* Does any part outside sub-queries satisfy the test? part: 'a' an aggregate call (of the user's,
 * too, if there is a binder), 'o' an OVER call, 'q' a sub-query. */
typedef struct {
    char part;
    lt_binder *b;
} seek;

static bool has_part(const lt_ast_expr *ast, const seek *what);

static bool list_has_part(const lt_ast_exprs *list, const seek *what)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (has_part(list->items[i], what)) {
            return true;
        }
    }
    return false;
}

static bool is_aggregate_call(const lt_ast_call *call, lt_binder *b)
{
    const lt_function_def *def = b && !call->over ? lt_bind_find_function(b, call) : NULL;
    if (def) {
        return lt_function_is_aggregate(def);
    }
    return call->name.count == 1 && !call->over && lt_func_exists_aggregate(call->func);
}

static bool call_has_part(const lt_ast_call *call, const seek *what)
{
    if (what->part == 'o' && call->over) {
        return true;
    }
    if (what->part == 'a' && is_aggregate_call(call, what->b)) {
        return true;
    }
    if (list_has_part(&call->args, what) || has_part(call->filter, what)) {
        return true;
    }
    if (!call->over) {
        return false;
    }
    for (uint32_t i = 0; i < call->over->order_by.count; i++) {
        if (has_part(call->over->order_by.items[i].expr, what)) {
            return true;
        }
    }
    return list_has_part(&call->over->partition_by, what);
}

static bool has_part(const lt_ast_expr *ast, const seek *what)
{
    if (!ast) {
        return false;
    }
    switch (ast->kind) {
    case LT_EXPR_CALL:
        return call_has_part(ast->call, what);
    case LT_EXPR_UNARY:
        return has_part(ast->unary.operand, what);
    case LT_EXPR_BINARY:
        return has_part(ast->binary.left, what) || has_part(ast->binary.right, what);
    case LT_EXPR_LOGICAL:
        return list_has_part(&ast->logical.operands, what);
    case LT_EXPR_IS:
        return has_part(ast->is.operand, what);
    case LT_EXPR_BETWEEN:
        return has_part(ast->between.operand, what) || has_part(ast->between.low, what) ||
               has_part(ast->between.high, what);
    case LT_EXPR_LIKE:
        return has_part(ast->like.operand, what) || has_part(ast->like.pattern, what) ||
               has_part(ast->like.escape, what);
    case LT_EXPR_IN:
        return (what->part == 'q' && ast->in.query) || has_part(ast->in.operand, what) ||
               list_has_part(&ast->in.list, what);
    case LT_EXPR_QUANTIFIED:
        return (what->part == 'q' && ast->quantified.query) ||
               has_part(ast->quantified.operand, what) ||
               list_has_part(&ast->quantified.list, what);
    case LT_EXPR_CASE:
        return has_part(ast->kase.operand, what) || list_has_part(&ast->kase.whens, what) ||
               list_has_part(&ast->kase.thens, what) || has_part(ast->kase.otherwise, what);
    case LT_EXPR_CAST:
        return has_part(ast->cast.operand, what);
    case LT_EXPR_FIELD:
        return has_part(ast->field.operand, what);
    case LT_EXPR_ITEM:
        return has_part(ast->item.operand, what) || has_part(ast->item.index, what);
    case LT_EXPR_ROW:
    case LT_EXPR_ARRAY:
    case LT_EXPR_MAP:
    case LT_EXPR_MULTISET:
        return list_has_part(&ast->list, what);
    case LT_EXPR_INTERVAL:
        return has_part(ast->interval.value, what);
    case LT_EXPR_DATETIME_MINUS:
        return has_part(ast->minus.left, what) || has_part(ast->minus.right, what);
    case LT_EXPR_EXISTS:
    case LT_EXPR_SUBQUERY:
    case LT_EXPR_UNIQUE:
    case LT_EXPR_COLLECTION_QUERY:
        return what->part == 'q';
    case LT_EXPR_LITERAL:
    case LT_EXPR_IDENT:
    case LT_EXPR_STAR:
    case LT_EXPR_UNIT:
    case LT_EXPR_SYMBOL:
    case LT_EXPR_TABLE_ARG:
    case LT_EXPR_MODEL_ARG:
    case LT_EXPR_DESCRIPTOR:
    case LT_EXPR_DEFAULT:
        return false;
    }
    return false;
}

bool lt_ast_has_aggregate(lt_binder *b, const lt_ast_expr *ast)
{
    return has_part(ast, &(seek){'a', b});
}

bool lt_ast_has_over(lt_binder *b, const lt_ast_expr *ast)
{
    return has_part(ast, &(seek){'o', b});
}

bool lt_ast_has_query(lt_binder *b, const lt_ast_expr *ast)
{
    return has_part(ast, &(seek){'q', b});
}

bool lt_ast_is_proctime(const lt_ast_expr *ast)
{
    return ast && ast->kind == LT_EXPR_CALL && lt_str_eq(ast->call->func, LT_STR("PROCTIME")) &&
           ast->call->args.count == 0;
}

const lt_type *lt_projected_type(lt_arena *arena, const lt_ast_expr *ast, const lt_expr *expr)
{
    if (lt_ast_is_proctime(ast)) {
        return lt_type_with_attr(arena, expr->type, LT_TIME_PROCTIME);
    }
    bool kept = ast && ast->kind == LT_EXPR_IDENT && expr->kind == LT_NODE_COLUMN;
    if (kept || lt_ast_is_window_time(ast)) {
        return expr->type;
    }
    return lt_type_with_attr(arena, expr->type, LT_TIME_NONE);
}

/* ---- small pieces ---- */

static lt_status call1(const lt_expr_env *env, const char *name, lt_expr *arg, uint32_t pos,
                       lt_expr **out, lt_error *err)
{
    return lt_expr_call(&env->b->eb, lt_str_of(name), &arg, 1, pos, out, err);
}

static lt_status call2(const lt_expr_env *env, const char *name, lt_expr *left, lt_expr *right,
                       uint32_t pos, lt_expr **out, lt_error *err)
{
    lt_expr *args[2];
    args[0] = left;
    args[1] = right;
    return lt_expr_call(&env->b->eb, lt_str_of(name), args, 2, pos, out, err);
}

lt_status lt_bind_symbol(lt_expr_builder *eb, const char *text, uint32_t pos, lt_expr **out,
                         lt_error *err)
{
    lt_value value = {0};
    value.type = lt_type_new(eb->arena, LT_TYPE_SYMBOL, false);
    value.u.s = lt_str_of(text);
    if (!value.type) {
        return lt_error_nomem(err, "expression");
    }
    return lt_expr_literal(eb, &value, pos, out, err);
}

static lt_status int_literal(lt_expr_builder *eb, int64_t number, uint32_t pos, lt_expr **out,
                             lt_error *err)
{
    lt_value value = {0};
    value.type = lt_type_new(eb->arena, LT_TYPE_INT, false);
    value.u.i = number;
    if (!value.type) {
        return lt_error_nomem(err, "expression");
    }
    return lt_expr_literal(eb, &value, pos, out, err);
}

lt_status lt_bind_exprs(const lt_expr_env *env, const lt_ast_exprs *list, lt_expr ***out,
                        lt_error *err)
{
    lt_expr **exprs = LT_NEW_ARRAY(env->b->arena, lt_expr *, list->count + 1);
    if (!exprs) {
        return lt_error_nomem(err, "expressions");
    }
    for (uint32_t i = 0; i < list->count; i++) {
        LT_TRY(lt_bind_expr(env, list->items[i], &exprs[i], err));
    }
    *out = exprs;
    return LT_OK;
}

lt_status lt_bind_condition(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                            lt_error *err)
{
    LT_TRY(lt_bind_expr(env, ast, out, err));
    const lt_type *type = (*out)->type;
    if (type->kind == LT_TYPE_NULL) {
        const lt_type *boolean = lt_type_new(env->b->arena, LT_TYPE_BOOLEAN, true);
        if (!boolean) {
            return lt_error_nomem(err, "type");
        }
        return lt_expr_cast(&env->b->eb, *out, boolean, false, ast->pos, out, err);
    }
    if (type->kind != LT_TYPE_BOOLEAN) {
        lt_text text;
        lt_text_init(&text, lt_catalog_session(env->b->catalog)->mem);
        lt_type_print(type, &text);
        lt_status st = lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                                       "the condition of %s must be BOOLEAN, but is %s",
                                       env->clause, text.ptr ? text.ptr : "of another type");
        lt_text_deinit(&text);
        return st;
    }
    return LT_OK;
}

/* ---- columns ---- */

static lt_status field_of(const lt_expr_env *env, lt_expr *base, lt_str name, uint32_t pos,
                          lt_expr **out, lt_error *err)
{
    const lt_type *type = base->type;
    if (type->kind != LT_TYPE_ROW) {
        return lt_error_set_at(err, LT_ERR_SQL, pos,
                               "'" LT_STR_FMT "' is asked of a value that is not a ROW",
                               LT_STR_ARG(name));
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (lt_str_eq(type->fields[i].name, name)) {
            lt_expr *index;
            LT_TRY(int_literal(&env->b->eb, i, pos, &index, err));
            return call2(env, "FIELD", base, index, pos, out, err);
        }
    }
    lt_status st = lt_error_set_at(err, LT_ERR_SQL, pos,
                                   "Column '" LT_STR_FMT "' not found: the ROW has no such field",
                                   LT_STR_ARG(name));
    const lt_schema fields = {type->field_count, type->fields};
    lt_hint_columns(&fields, name, env->b->arena, err);
    return st;
}

lt_status lt_bind_fields(const lt_expr_env *env, lt_expr *base, const lt_ast_path *path,
                         uint32_t from, lt_expr **out, lt_error *err)
{
    for (uint32_t i = from; i < path->count; i++) {
        LT_TRY(field_of(env, base, path->items[i].text, path->items[i].pos, &base, err));
    }
    *out = base;
    return LT_OK;
}

/* A key column of the aggregation's output. */
static lt_status key_column(const lt_expr_env *env, uint32_t key, uint32_t pos, lt_expr **out,
                            lt_error *err)
{
    return lt_expr_column(&env->b->eb, key, env->grouping->key_types[key], pos, out, err);
}

static int grouping_key(const lt_grouping *grouping, const lt_expr *expr)
{
    for (uint32_t i = 0; i < grouping->key_count; i++) {
        if (lt_expr_eq(grouping->keys[i], expr)) {
            return (int)i;
        }
    }
    return -1;
}

/* A name that this query does not have: of the query around it. */
static bool is_outer_name(const lt_expr_env *env, const lt_scope *scope, const lt_ast_path *path)
{
    return env->b->around && !lt_scope_knows(scope, path);
}

static lt_status bind_outer_ident(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                                  lt_error *err)
{
    lt_expr_env around = *env->b->around;
    lt_expr *expr;
    around.overs = NULL;
    around.subs = NULL;
    LT_TRY(lt_bind_expr(&around, ast, &expr, err));
    return lt_outer_wrap(env->b, expr, out, err);
}

static lt_status bind_grouped_ident(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                                    lt_error *err)
{
    lt_expr_env below = *env;
    uint32_t column, used;
    lt_expr *expr;
    below.scope = env->grouping->input;
    below.grouping = NULL;
    below.overs = NULL;
    below.subs = NULL;
    LT_TRY(lt_scope_column(&below, &ast->path, &column, &used, err));
    LT_TRY(lt_expr_column(&env->b->eb, column, below.scope->schema->fields[column].type, ast->pos,
                          &expr, err));
    for (uint32_t part = used;; part++) {
        int key = grouping_key(env->grouping, expr);
        if (key >= 0) {
            LT_TRY(key_column(env, (uint32_t)key, ast->pos, &expr, err));
            return lt_bind_fields(env, expr, &ast->path, part, out, err);
        }
        if (part == ast->path.count) {
            break;
        }
        LT_TRY(field_of(&below, expr, ast->path.items[part].text, ast->path.items[part].pos, &expr,
                        err));
    }
    const char *name = lt_path_text(env->b->arena, &ast->path);
    lt_status st =
        lt_error_set_at(err, LT_ERR_SQL, ast->pos, "Expression '%s' is not being grouped", name);
    lt_error_hint(err, "add '%s' to GROUP BY, or use it in an aggregate such as MAX(%s)", name,
                  name);
    return st;
}

static lt_status bind_ident(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                            lt_error *err)
{
    uint32_t column, used;
    bool grouped = env->grouping && !env->in_aggregate;
    const lt_scope *scope = env->grouping ? env->grouping->input : env->scope;
    if (ast->path.count == 1 && env->aliases &&
        !lt_scope_has_column(scope, ast->path.items[0].text)) {
        for (uint32_t i = 0; i < env->alias_count; i++) {
            if (env->aliases[i].alias.text.ptr &&
                lt_str_eq(env->aliases[i].alias.text, ast->path.items[0].text)) {
                lt_expr_env inner = *env;
                inner.aliases = NULL; /* an alias is not seen inside the item it names */
                return lt_bind_expr(&inner, env->aliases[i].expr, out, err);
            }
        }
    }
    if (is_outer_name(env, scope, &ast->path)) {
        return bind_outer_ident(env, ast, out, err);
    }
    if (grouped) {
        return bind_grouped_ident(env, ast, out, err);
    }
    LT_TRY(lt_scope_column(env, &ast->path, &column, &used, err));
    lt_expr *expr;
    if (env->params) {
        expr = env->params[column];
    } else {
        LT_TRY(lt_expr_column(&env->b->eb, column, env->scope->schema->fields[column].type,
                              ast->pos, &expr, err));
    }
    return lt_bind_fields(env, expr, &ast->path, used, out, err);
}

/* ---- operators ---- */

static const char *op_name(lt_ast_op op)
{
    switch (op) {
    case LT_OP_NOT:
        return "NOT";
    case LT_OP_NEG:
    case LT_OP_SUB:
        return "-";
    case LT_OP_POS:
    case LT_OP_ADD:
        return "+";
    case LT_OP_MUL:
        return "*";
    case LT_OP_DIV:
        return "/";
    case LT_OP_MOD:
        return "%";
    case LT_OP_CONCAT:
        return "||";
    case LT_OP_EQ:
        return "=";
    case LT_OP_NE:
        return "<>";
    case LT_OP_LT:
        return "<";
    case LT_OP_LE:
        return "<=";
    case LT_OP_GT:
        return ">";
    case LT_OP_GE:
        return ">=";
    case LT_OP_IS_DISTINCT:
        return "IS DISTINCT FROM";
    case LT_OP_IS_NOT_DISTINCT:
        return "IS NOT DISTINCT FROM";
    case LT_OP_AND:
        return "AND";
    case LT_OP_OR:
        return "OR";
    case LT_OP_OVERLAPS:
    case LT_OP_CONTAINS:
    case LT_OP_PERIOD_EQUALS:
    case LT_OP_PRECEDES:
    case LT_OP_SUCCEEDS:
    case LT_OP_IMMEDIATELY_PRECEDES:
    case LT_OP_IMMEDIATELY_SUCCEEDS:
    case LT_OP_MEMBER_OF:
    case LT_OP_NOT_MEMBER_OF:
    case LT_OP_SUBMULTISET_OF:
    case LT_OP_NOT_SUBMULTISET_OF:
    case LT_OP_MULTISET_UNION:
    case LT_OP_MULTISET_UNION_ALL:
    case LT_OP_MULTISET_INTERSECT:
    case LT_OP_MULTISET_INTERSECT_ALL:
    case LT_OP_MULTISET_EXCEPT:
    case LT_OP_MULTISET_EXCEPT_ALL:
        break;
    }
    return NULL;
}

/* One side of OVERLAPS as (start, end), the smaller first. */
static lt_status bind_period(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr *bounds[2],
                             lt_error *err)
{
    lt_expr *less, *low[3], *high[3];
    if (ast->kind != LT_EXPR_ROW || ast->list.count != 2) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               "OVERLAPS compares (start, end) or (start, interval) pairs");
    }
    LT_TRY(lt_bind_expr(env, ast->list.items[0], &bounds[0], err));
    LT_TRY(lt_bind_expr(env, ast->list.items[1], &bounds[1], err));
    lt_type_kind kind = bounds[1]->type->kind;
    if (kind == LT_TYPE_INTERVAL_MONTH || kind == LT_TYPE_INTERVAL_SECOND) {
        LT_TRY(call2(env, "+", bounds[0], bounds[1], ast->pos, &bounds[1], err));
    }
    LT_TRY(call2(env, "<=", bounds[0], bounds[1], ast->pos, &less, err));
    low[0] = high[0] = less;
    low[1] = high[2] = bounds[0];
    low[2] = high[1] = bounds[1];
    LT_TRY(lt_expr_call(&env->b->eb, LT_STR("CASE"), low, 3, ast->pos, &bounds[0], err));
    return lt_expr_call(&env->b->eb, LT_STR("CASE"), high, 3, ast->pos, &bounds[1], err);
}

static lt_status bind_overlaps(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                               lt_error *err)
{
    lt_expr *left[2], *right[2], *a, *b;
    LT_TRY(bind_period(env, ast->binary.left, left, err));
    LT_TRY(bind_period(env, ast->binary.right, right, err));
    LT_TRY(call2(env, ">=", left[1], right[0], ast->pos, &a, err));
    LT_TRY(call2(env, ">=", right[1], left[0], ast->pos, &b, err));
    return call2(env, "AND", a, b, ast->pos, out, err);
}

static lt_status bind_binary(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                             lt_error *err)
{
    lt_expr *left, *right;
    const char *name = op_name(ast->binary.op);
    if (ast->binary.op == LT_OP_OVERLAPS) {
        return bind_overlaps(env, ast, out, err);
    }
    if (!name) {
        return lt_unsupported_at(err, ast->pos,
                                 ast->binary.op < LT_OP_MEMBER_OF ? "this period predicate"
                                                                  : "operators on MULTISET");
    }
    LT_TRY(lt_bind_expr(env, ast->binary.left, &left, err));
    LT_TRY(lt_bind_expr(env, ast->binary.right, &right, err));
    return call2(env, name, left, right, ast->pos, out, err);
}

static lt_status bind_unary(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                            lt_error *err)
{
    lt_expr *operand;
    LT_TRY(lt_bind_expr(env, ast->unary.operand, &operand, err));
    if (ast->unary.op == LT_OP_POS) {
        if (!lt_type_is_numeric(operand->type) && operand->type->kind != LT_TYPE_INTERVAL_MONTH &&
            operand->type->kind != LT_TYPE_INTERVAL_SECOND) {
            return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                                   "unary + needs a number or an interval");
        }
        *out = operand;
        return LT_OK;
    }
    return call1(env, op_name(ast->unary.op), operand, ast->pos, out, err);
}

static lt_status bind_is(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                         lt_error *err)
{
    static const char *const names[][2] = {
        {"IS NULL", "IS NOT NULL"},
        {"IS TRUE", "IS NOT TRUE"},
        {"IS FALSE", "IS NOT FALSE"},
        {"IS UNKNOWN", "IS NOT UNKNOWN"},
        {"IS JSON", NULL},
        {"IS JSON OBJECT", NULL},
        {"IS JSON ARRAY", NULL},
        {"IS JSON SCALAR", NULL},
        {NULL, NULL},
        {NULL, NULL},
    };
    lt_expr *operand;
    const char *name = names[ast->is.test][ast->is.negated ? 1 : 0];
    if (!names[ast->is.test][0]) {
        return lt_unsupported_at(err, ast->pos,
                                 ast->is.test == LT_IS_A_SET ? "IS A SET" : "IS EMPTY");
    }
    LT_TRY(lt_bind_expr(env, ast->is.operand, &operand, err));
    if (name) {
        return call1(env, name, operand, ast->pos, out, err);
    }
    LT_TRY(call1(env, names[ast->is.test][0], operand, ast->pos, &operand, err));
    return call1(env, "NOT", operand, ast->pos, out, err);
}

static lt_status bind_between(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                              lt_error *err)
{
    static const char *const names[] = {"BETWEEN", "NOT BETWEEN", "BETWEEN SYMMETRIC",
                                        "NOT BETWEEN SYMMETRIC"};
    lt_expr *args[3];
    LT_TRY(lt_bind_expr(env, ast->between.operand, &args[0], err));
    LT_TRY(lt_bind_expr(env, ast->between.low, &args[1], err));
    LT_TRY(lt_bind_expr(env, ast->between.high, &args[2], err));
    const char *name = names[(ast->between.symmetric ? 2 : 0) + (ast->between.negated ? 1 : 0)];
    return lt_expr_call(&env->b->eb, lt_str_of(name), args, 3, ast->pos, out, err);
}

static lt_status bind_like(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                           lt_error *err)
{
    lt_expr *args[3];
    uint32_t count = 2;
    const char *name = ast->like.negated ? "NOT LIKE" : "LIKE";
    if (ast->like.how == LT_SIMILAR) {
        name = ast->like.negated ? "NOT SIMILAR TO" : "SIMILAR TO";
    } else if (ast->like.how != LT_LIKE) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               "%s is no operator of Flink SQL; use LIKE or REGEXP(..)",
                               ast->like.how == LT_ILIKE ? "ILIKE" : "RLIKE");
    }
    LT_TRY(lt_bind_expr(env, ast->like.operand, &args[0], err));
    LT_TRY(lt_bind_expr(env, ast->like.pattern, &args[1], err));
    if (ast->like.escape) {
        LT_TRY(lt_bind_expr(env, ast->like.escape, &args[2], err));
        count = 3;
    }
    return lt_expr_call(&env->b->eb, lt_str_of(name), args, count, ast->pos, out, err);
}

static lt_status bind_in(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                         lt_error *err)
{
    if (ast->in.query) {
        return lt_bind_subquery(env, ast, out, err);
    }
    lt_expr **args = LT_NEW_ARRAY(env->b->arena, lt_expr *, ast->in.list.count + 1);
    if (!args) {
        return lt_error_nomem(err, "expressions");
    }
    LT_TRY(lt_bind_expr(env, ast->in.operand, &args[0], err));
    for (uint32_t i = 0; i < ast->in.list.count; i++) {
        LT_TRY(lt_bind_expr(env, ast->in.list.items[i], &args[i + 1], err));
    }
    return lt_expr_call(&env->b->eb, ast->in.negated ? LT_STR("NOT IN") : LT_STR("IN"), args,
                        ast->in.list.count + 1, ast->pos, out, err);
}

/* x = ANY (a, b) is (x = a OR x = b); ALL joins by AND. */
static lt_status bind_quantified(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                                 lt_error *err)
{
    if (ast->quantified.query) {
        return lt_bind_subquery(env, ast, out, err);
    }
    uint32_t count = ast->quantified.list.count;
    lt_expr *operand, **tests = LT_NEW_ARRAY(env->b->arena, lt_expr *, count + 1);
    if (!tests) {
        return lt_error_nomem(err, "expressions");
    }
    LT_TRY(lt_bind_expr(env, ast->quantified.operand, &operand, err));
    for (uint32_t i = 0; i < count; i++) {
        lt_expr *item;
        LT_TRY(lt_bind_expr(env, ast->quantified.list.items[i], &item, err));
        LT_TRY(call2(env, op_name(ast->quantified.op), operand, item, ast->pos, &tests[i], err));
    }
    if (count == 1) {
        *out = tests[0];
        return LT_OK;
    }
    return lt_expr_call(&env->b->eb, ast->quantified.all ? LT_STR("AND") : LT_STR("OR"), tests,
                        count, ast->pos, out, err);
}

/* One condition: `x = when`, or the when itself. */
static lt_status bind_when(const lt_expr_env *env, lt_expr *operand, const lt_ast_expr *ast,
                           lt_expr **out, lt_error *err)
{
    lt_expr_env inner = *env;
    inner.clause = "CASE WHEN";
    if (!operand) {
        return lt_bind_condition(&inner, ast, out, err);
    }
    LT_TRY(lt_bind_expr(env, ast, out, err));
    return call2(env, "=", operand, *out, ast->pos, out, err);
}

static lt_status bind_else(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                           lt_error *err)
{
    lt_value null = {0};
    if (ast->kase.otherwise) {
        return lt_bind_expr(env, ast->kase.otherwise, out, err);
    }
    null.is_null = true;
    null.type = lt_type_new(env->b->arena, LT_TYPE_NULL, true);
    return null.type ? lt_expr_literal(&env->b->eb, &null, ast->pos, out, err)
                     : lt_error_nomem(err, "type");
}

static lt_status bind_case(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                           lt_error *err)
{
    uint32_t count = ast->kase.whens.count, used = 0;
    lt_expr **args = LT_NEW_ARRAY(env->b->arena, lt_expr *, 2 * count + 1);
    lt_expr *operand = NULL, *when, *either = NULL;
    if (!args) {
        return lt_error_nomem(err, "expressions");
    }
    if (ast->kase.operand) {
        LT_TRY(lt_bind_expr(env, ast->kase.operand, &operand, err));
    }
    for (uint32_t i = 0; i < count; i++) {
        LT_TRY(bind_when(env, operand, ast->kase.whens.items[i], &when, err));
        if (either) {
            LT_TRY(call2(env, "OR", either, when, ast->kase.whens.items[i]->pos, &when, err));
        }
        either = when;
        if (!ast->kase.thens.items[i]) {
            continue; /* WHEN a, b THEN c: c stands with the last of them */
        }
        args[used++] = when;
        LT_TRY(lt_bind_expr(env, ast->kase.thens.items[i], &args[used++], err));
        either = NULL;
    }
    LT_TRY(bind_else(env, ast, &args[used++], err));
    return lt_expr_call(&env->b->eb, LT_STR("CASE"), args, used, ast->pos, out, err);
}

static lt_status bind_item(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                           lt_error *err)
{
    lt_expr *operand, *index;
    LT_TRY(lt_bind_expr(env, ast->item.operand, &operand, err));
    LT_TRY(lt_bind_expr(env, ast->item.index, &index, err));
    if (operand->type->kind == LT_TYPE_ROW) {
        /* r[1] and r['name'] with constants are fields. */
        if (index->kind == LT_NODE_LITERAL && lt_type_is_string(index->type) &&
            !index->u.literal.is_null) {
            return field_of(env, operand, index->u.literal.u.s, ast->item.index->pos, out, err);
        }
        if (index->kind != LT_NODE_LITERAL || index->type->kind != LT_TYPE_INT ||
            index->u.literal.u.i < 1 ||
            index->u.literal.u.i > (int64_t)operand->type->field_count) {
            return lt_error_set_at(err, LT_ERR_SQL, ast->item.index->pos,
                                   "the field of a ROW is chosen by a constant between 1 and %u",
                                   operand->type->field_count);
        }
        LT_TRY(int_literal(&env->b->eb, index->u.literal.u.i - 1, ast->pos, &index, err));
        return call2(env, "FIELD", operand, index, ast->pos, out, err);
    }
    return call2(env, "ITEM", operand, index, ast->pos, out, err);
}

static lt_status bind_constructor(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                                  lt_error *err)
{
    lt_expr **args;
    lt_str name = ast->kind == LT_EXPR_ROW     ? LT_STR("ROW")
                  : ast->kind == LT_EXPR_ARRAY ? LT_STR("ARRAY")
                                               : LT_STR("MAP");
    LT_TRY(lt_bind_exprs(env, &ast->list, &args, err));
    return lt_expr_call(&env->b->eb, name, args, ast->list.count, ast->pos, out, err);
}

/* INTERVAL e DAY is e * INTERVAL '1' DAY. */
static lt_status bind_interval(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                               lt_error *err)
{
    lt_expr *number, *unit;
    lt_value one = {0};
    int32_t months = lt_bind_unit_months(ast->interval.interval.from);
    if (ast->interval.interval.to != LT_UNIT_NONE) {
        return lt_error_set_at(
            err, LT_ERR_SQL, ast->pos,
            "an interval of two units is written as text: INTERVAL '1-2' YEAR TO MONTH");
    }
    one.type = lt_type_new(env->b->arena, months ? LT_TYPE_INTERVAL_MONTH : LT_TYPE_INTERVAL_SECOND,
                           false);
    one.u.i = months ? months : lt_bind_unit_ms(ast->interval.interval.from);
    if (!one.type) {
        return lt_error_nomem(err, "type");
    }
    LT_TRY(lt_bind_expr(env, ast->interval.value, &number, err));
    LT_TRY(lt_expr_literal(&env->b->eb, &one, ast->pos, &unit, err));
    return call2(env, "*", number, unit, ast->pos, out, err);
}

/* (a - b) unit: whole months for YEAR .. MONTH, else milliseconds, whatever the unit. */
static lt_status bind_difference(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                                 lt_error *err)
{
    lt_expr *args[3], *months;
    LT_TRY(lt_bind_expr(env, ast->minus.left, &args[2], err));
    LT_TRY(lt_bind_expr(env, ast->minus.right, &args[1], err));
    if (args[1]->type->kind != args[2]->type->kind && args[1]->type->kind != LT_TYPE_NULL &&
        args[2]->type->kind != LT_TYPE_NULL) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               "the two times of a difference must have the same type");
    }
    if (lt_bind_unit_months(ast->minus.interval.from) == 0) {
        LT_TRY(call2(env, "-", args[2], args[1], ast->pos, out, err));
        if ((*out)->type->kind == LT_TYPE_INTERVAL_SECOND &&
            args[1]->type->kind != LT_TYPE_INTERVAL_SECOND) {
            return LT_OK;
        }
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               "(a - b) DAY and the like take dates, times or timestamps");
    }
    const lt_type *type = lt_type_new(env->b->arena, LT_TYPE_INTERVAL_MONTH,
                                      args[1]->type->nullable || args[2]->type->nullable);
    LT_TRY(lt_bind_symbol(&env->b->eb, "MONTH", ast->pos, &args[0], err));
    LT_TRY(lt_expr_call(&env->b->eb, LT_STR("TIMESTAMPDIFF"), args, 3, ast->pos, &months, err));
    if (type == NULL) {
        return lt_error_nomem(err, "type");
    }
    return lt_expr_cast(&env->b->eb, months, type, false, ast->pos, out, err);
}

static lt_status bind_cast(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                           lt_error *err)
{
    lt_expr *operand;
    const lt_type *type;
    LT_TRY(lt_bind_expr(env, ast->cast.operand, &operand, err));
    LT_TRY(lt_bind_type(env->b->arena, ast->cast.type, &type, err));
    if (type->kind == LT_TYPE_TIME && type->precision > 0) {
        /* The precision of a TIME in a cast is not kept: so it is in Flink's SQL. */
        type = lt_type_time(env->b->arena, LT_TYPE_TIME, 0, type->nullable);
        if (type == NULL) {
            return lt_error_nomem(err, "type");
        }
    }
    if (ast->cast.type->kind == LT_ASTT_INTERVAL && ast->cast.type->interval.to != LT_UNIT_NONE &&
        lt_type_is_numeric(operand->type)) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               "a number is cast to an interval of one unit");
    }
    return lt_expr_cast(&env->b->eb, operand, type, ast->cast.try_cast, ast->pos, out, err);
}

static lt_status bind_logical(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                              lt_error *err)
{
    lt_expr **args;
    LT_TRY(lt_bind_exprs(env, &ast->logical.operands, &args, err));
    return lt_expr_call(&env->b->eb, lt_str_of(op_name(ast->logical.op)), args,
                        ast->logical.operands.count, ast->pos, out, err);
}

static lt_status bind_field(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                            lt_error *err)
{
    lt_expr *operand;
    if (!ast->field.name.text.ptr) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos, ".* stands only in the list of SELECT");
    }
    LT_TRY(lt_bind_expr(env, ast->field.operand, &operand, err));
    return field_of(env, operand, ast->field.name.text, ast->field.name.pos, out, err);
}

/* Is the whole expression a grouping key that is more than a column? */
static bool bind_as_key(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out)
{
    lt_expr_env below = *env;
    lt_expr *expr;
    lt_error ignored;
    bool any = false;
    for (uint32_t i = 0; i < env->grouping->key_count; i++) {
        any = any || env->grouping->keys[i]->kind != LT_NODE_COLUMN;
    }
    if (!any || ast->kind == LT_EXPR_LITERAL || lt_ast_has_aggregate(env->b, ast) ||
        lt_ast_has_over(env->b, ast)) {
        return false;
    }
    below.scope = env->grouping->input;
    below.grouping = NULL;
    below.overs = NULL;
    below.subs = NULL;
    if (lt_bind_expr(&below, ast, &expr, &ignored) != LT_OK) {
        return false;
    }
    int key = grouping_key(env->grouping, expr);
    return key >= 0 && key_column(env, (uint32_t)key, ast->pos, out, &ignored) == LT_OK;
}

lt_status lt_bind_expr(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out, lt_error *err)
{
    if (env->grouping && !env->in_aggregate && ast->kind != LT_EXPR_IDENT &&
        bind_as_key(env, ast, out)) {
        return LT_OK;
    }
    switch (ast->kind) {
    case LT_EXPR_LITERAL:
        return lt_bind_literal(&env->b->eb, ast, out, err);
    case LT_EXPR_IDENT:
        return bind_ident(env, ast, out, err);
    case LT_EXPR_CALL:
        return lt_bind_call(env, ast, out, err);
    case LT_EXPR_UNARY:
        return bind_unary(env, ast, out, err);
    case LT_EXPR_BINARY:
        return bind_binary(env, ast, out, err);
    case LT_EXPR_LOGICAL:
        return bind_logical(env, ast, out, err);
    case LT_EXPR_IS:
        return bind_is(env, ast, out, err);
    case LT_EXPR_BETWEEN:
        return bind_between(env, ast, out, err);
    case LT_EXPR_LIKE:
        return bind_like(env, ast, out, err);
    case LT_EXPR_IN:
        return bind_in(env, ast, out, err);
    case LT_EXPR_QUANTIFIED:
        return bind_quantified(env, ast, out, err);
    case LT_EXPR_CASE:
        return bind_case(env, ast, out, err);
    case LT_EXPR_CAST:
        return bind_cast(env, ast, out, err);
    case LT_EXPR_FIELD:
        return bind_field(env, ast, out, err);
    case LT_EXPR_ITEM:
        return bind_item(env, ast, out, err);
    case LT_EXPR_ROW:
    case LT_EXPR_ARRAY:
    case LT_EXPR_MAP:
        return bind_constructor(env, ast, out, err);
    case LT_EXPR_INTERVAL:
        return bind_interval(env, ast, out, err);
    case LT_EXPR_UNIT:
        return lt_bind_symbol(&env->b->eb, lt_bind_unit_name(ast->unit), ast->pos, out, err);
    case LT_EXPR_SYMBOL: {
        const char *symbol = lt_arena_strndup(env->b->arena, ast->symbol.ptr, ast->symbol.len);
        return symbol ? lt_bind_symbol(&env->b->eb, symbol, ast->pos, out, err)
                      : lt_error_nomem(err, "expression");
    }
    case LT_EXPR_EXISTS:
    case LT_EXPR_SUBQUERY:
        return lt_bind_subquery(env, ast, out, err);
    case LT_EXPR_UNIQUE:
        return lt_unsupported_at(err, ast->pos, "UNIQUE (SELECT ..)");
    case LT_EXPR_COLLECTION_QUERY:
        return lt_unsupported_at(err, ast->pos, "a collection made from a query");
    case LT_EXPR_MULTISET:
        return lt_unsupported_at(err, ast->pos, "the MULTISET constructor");
    case LT_EXPR_DATETIME_MINUS:
        return bind_difference(env, ast, out, err);
    case LT_EXPR_STAR:
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               "* stands only in the list of SELECT and in COUNT(*)");
    case LT_EXPR_TABLE_ARG:
    case LT_EXPR_MODEL_ARG:
    case LT_EXPR_DESCRIPTOR:
    case LT_EXPR_DEFAULT:
        break;
    }
    return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                           "this argument stands only in calls of table functions");
}
