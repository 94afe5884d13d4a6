/* Calls of the user's functions.
 *
 * One in C becomes a call node like any other. One in SQL is replaced by its body, parsed and bound
 * anew at each call with the arguments, cast to the parameters' types, in the place of the
 * parameters: constants fold, and the planner sees through it. An argument that the body uses twice
 * is one node of the tree with two users, which a program evaluates once for each row; so
 * f(RAND()) is the same random number at both places. One that the body does not use is not
 * computed.
 *
 * What is wrong in a body is said at the call, with the function's name before it. */
#include "bind/bind_int.h"
#include "expr/native.h"

/* ---- names ---- */

static lt_str lower_name(lt_arena *arena, lt_str name)
{
    char *copy = lt_arena_strndup(arena, name.ptr, name.len);
    for (char *at = copy; at && *at; at++) {
        *at = *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at;
    }
    return (lt_str){copy, copy ? name.len : 0};
}

const lt_function_def *lt_bind_find_function(lt_binder *b, const lt_ast_call *call)
{
    const lt_ast_path *path = &call->name;
    const lt_str none = {NULL, 0};
    if (path->count == 0 || path->count > 3 || call->niladic) {
        return NULL;
    }
    lt_str name = lower_name(b->arena, path->items[path->count - 1].text);
    if (!name.ptr) {
        return NULL; /* the next allocation says so */
    }
    if (path->count == 1) {
        const lt_function_def *def = lt_catalog_function(b->catalog, true, none, none, name);
        if (def || lt_func_exists_scalar(name) || lt_func_exists_aggregate(name) ||
            lt_bind_is_known_call(call->func)) {
            return def;
        }
    }
    lt_str database = path->count >= 2 ? path->items[path->count - 2].text : b->current_database;
    lt_str catalog = path->count == 3 ? path->items[0].text : b->current_catalog;
    const lt_function_def *def = lt_catalog_function(b->catalog, true, catalog, database, name);
    return def ? def : lt_catalog_function(b->catalog, false, catalog, database, name);
}

bool lt_function_is_aggregate(const lt_function_def *def)
{
    return def->native && lt_native_is_aggregate(def->native);
}

#define NAMES_MAX 256

typedef struct {
    const char *names[NAMES_MAX];
    size_t count;
} name_list;

static void collect_name(void *arg, lt_function_def *def)
{
    name_list *list = arg;
    if (list->count < NAMES_MAX) {
        list->names[list->count++] = def->name.ptr; /* ends with NUL: an arena's string */
    }
}

void lt_bind_hint_function(lt_binder *b, const lt_ast_call *call, lt_error *err)
{
    name_list list = {.count = 0};
    lt_catalog_each_function(b->catalog, b->current_catalog, b->current_database, collect_name,
                             &list);
    const char *near = lt_str_nearest(call->func, list.names, list.count);
    if (near) {
        lt_error_hint(err, "did you mean %s?", near);
    }
}

/* ---- bodies ---- */

/* Says at the call what is wrong in the body. */
static lt_status blame(lt_arena *arena, const lt_function_def *def, uint32_t pos, lt_status st,
                       lt_error *err)
{
    if (st != LT_ERR_SQL && st != LT_ERR_UNSUPPORTED && st != LT_ERR_LIMIT && st != LT_ERR_DATA) {
        return st;
    }
    lt_error inner = *err;
    const char *prefix =
        lt_arena_printf(arena, "in the function " LT_STR_FMT ": ", LT_STR_ARG(def->name));
    if (!prefix) {
        return lt_error_nomem(err, "an error");
    }
    /* A constant that could not be computed says so itself; and what is wrong must not be pushed
     * out by who says so. */
    if (lt_str_starts(lt_str_of(inner.text), lt_str_of(prefix)) ||
        strlen(prefix) + strlen(inner.text) >= sizeof inner.text) {
        err->has_sql_pos = true;
        err->sql_pos = pos;
        return st;
    }
    (void)lt_error_set_at(err, st, pos, "in the function " LT_STR_FMT ": %s", LT_STR_ARG(def->name),
                          inner.text);
    if (inner.hint[0]) {
        lt_error_hint(err, "%s", inner.hint);
    }
    return st;
}

static lt_status enter(lt_binder *b, const lt_function_def *def, lt_inlining *frame, lt_error *err)
{
    for (const lt_inlining *at = b->inlining; at; at = at->outer) {
        /* By name: ALTER FUNCTION makes another definition. */
        if (at->def == def ||
            (lt_str_eq(at->def->name, def->name) && lt_str_eq(at->def->catalog, def->catalog) &&
             lt_str_eq(at->def->database, def->database) && at->def->temporary == def->temporary)) {
            return lt_error_set(err, LT_ERR_SQL, "it calls itself");
        }
    }
    *frame = (lt_inlining){def, b->inlining, b->inlining ? b->inlining->depth + 1 : 1};
    if (frame->depth > LT_FUNCTION_DEPTH_MAX) {
        return lt_error_set(err, LT_ERR_LIMIT, "functions call functions more than %d deep",
                            LT_FUNCTION_DEPTH_MAX);
    }
    if (++*b->call_count > LT_FUNCTION_CALLS_MAX) {
        return lt_error_set(err, LT_ERR_LIMIT,
                            "the statement stands for more than %d calls of functions",
                            LT_FUNCTION_CALLS_MAX);
    }
    return LT_OK;
}

static bool is_arg(const lt_expr *expr, lt_expr *const *args, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (args[i] == expr) {
            return true;
        }
    }
    return false;
}

/* Positions in the body mean nothing to the statement. Only fresh nodes are touched. */
static void move_to_call(lt_expr *expr, lt_expr *const *args, uint32_t count, uint32_t pos)
{
    if (is_arg(expr, args, count)) {
        return;
    }
    expr->pos = pos;
    for (uint32_t i = 0; expr->kind == LT_NODE_CALL && i < expr->u.call.arg_count; i++) {
        move_to_call(expr->u.call.args[i], args, count, pos);
    }
}

static lt_status bind_body(lt_binder *b, const lt_function_def *def, lt_expr *const *args,
                           lt_expr **out, lt_error *err)
{
    lt_inlining frame;
    lt_binder inner = *b;
    lt_ast_expr *body;
    lt_scope scope;
    LT_TRY(enter(b, def, &frame, err));
    inner.inlining = &frame;
    inner.ctes = NULL;
    inner.current_catalog = def->body_catalog;
    inner.current_database = def->body_database;
    inner.eb.origin = &def->origin;
    LT_TRY(lt_sql_parse_expression(&body, b->arena, def->text, err));
    if (lt_ast_has_query(&inner, body)) {
        return lt_error_set(err, LT_ERR_SQL, "a sub-query cannot stand in a function's body");
    }
    LT_TRY(lt_scope_single(&inner, def->params, (lt_str){NULL, 0}, &scope, err));
    const lt_expr_env env = {.b = &inner,
                             .scope = &scope,
                             .clause = "the body of a function",
                             .params = args,
                             .missing_hint =
                                 def->params->count == 0 ? "the function has no parameters" : NULL};
    LT_TRY(lt_bind_expr(&env, body, out, err));
    LT_TRY(lt_expr_cast(&inner.eb, *out, def->returns, false, 0, out, err));
    if (lt_expr_size(*out, LT_FUNCTION_NODES_MAX) > LT_FUNCTION_NODES_MAX) {
        return lt_error_set(err, LT_ERR_LIMIT,
                            "the call stands for an expression of more than %d parts",
                            LT_FUNCTION_NODES_MAX);
    }
    return LT_OK;
}

lt_status lt_bind_function_body(lt_binder *b, const lt_function_def *def, lt_expr **out,
                                lt_error *err)
{
    lt_expr **args = LT_NEW_ARRAY(b->arena, lt_expr *, def->params->count + 1);
    if (!args) {
        return lt_error_nomem(err, "a function");
    }
    for (uint32_t i = 0; i < def->params->count; i++) {
        LT_TRY(lt_expr_column(&b->eb, i, def->params->fields[i].type, 0, &args[i], err));
    }
    return bind_body(b, def, args, out, err);
}

/* ---- arguments ---- */

static lt_status refuse_args(const lt_expr_env *env, const lt_function_def *def,
                             lt_expr *const *args, uint32_t count, uint32_t pos, lt_error *err)
{
    lt_text text;
    lt_text_init(&text, lt_catalog_session(env->b->catalog)->mem);
    for (uint32_t i = 0; i < count; i++) {
        lt_text_puts(&text, i > 0 ? ", " : "");
        if (args[i]->type->kind == LT_TYPE_NULL) {
            lt_text_puts(&text, "NULL");
        } else {
            lt_type_print(args[i]->type, &text);
        }
    }
    lt_str types = lt_text_str(&text);
    lt_status st =
        lt_error_set_at(err, LT_ERR_SQL, pos, "cannot apply " LT_STR_FMT " to (" LT_STR_FMT ")",
                        LT_STR_ARG(def->name), LT_STR_ARG(types));
    lt_error_hint(err, "supported: %s", def->signature);
    lt_text_deinit(&text);
    return st;
}

/* f(b => 1, a => 2): puts the arguments where their parameters stand. */
static lt_status order_args(const lt_expr_env *env, const lt_ast_call *call,
                            const lt_function_def *def, lt_expr **args, lt_error *err)
{
    uint32_t count = call->args.count;
    lt_expr **ordered = LT_NEW_ARRAY(env->b->arena, lt_expr *, count + 1);
    if (!ordered) {
        return lt_error_nomem(err, "arguments");
    }
    for (uint32_t i = 0; i < count; i++) {
        const lt_ast_name *name = &call->arg_names[i];
        int at = name->text.ptr ? lt_schema_find(def->params, name->text) : -1;
        if (!name->text.ptr) {
            return lt_error_set_at(err, LT_ERR_SQL, call->args.items[i]->pos,
                                   "either all arguments are named or none is");
        }
        if (at < 0 || ordered[at]) {
            lt_status st = lt_error_set_at(err, LT_ERR_SQL, name->pos,
                                           at < 0 ? LT_STR_FMT " has no parameter '" LT_STR_FMT "'"
                                                  : LT_STR_FMT " is given '" LT_STR_FMT "' twice",
                                           LT_STR_ARG(def->name), LT_STR_ARG(name->text));
            lt_error_hint(err, "supported: %s", def->signature);
            return st;
        }
        ordered[at] = args[i];
    }
    memcpy(args, ordered, count * sizeof *args);
    return LT_OK;
}

static lt_status inline_call(const lt_expr_env *env, const lt_ast_expr *ast,
                             const lt_function_def *def, lt_expr **out, lt_error *err)
{
    const lt_ast_call *call = ast->call;
    uint32_t count = call->args.count;
    lt_binder *b = env->b;
    lt_expr **args;
    LT_TRY(lt_bind_exprs(env, &call->args, &args, err));
    bool fits = count == def->params->count;
    if (fits && call->arg_names) {
        LT_TRY(order_args(env, call, def, args, err));
    }
    for (uint32_t i = 0; i < count && fits; i++) {
        const lt_type *type = args[i]->type;
        fits =
            type->kind != LT_TYPE_SYMBOL &&
            (type->kind == LT_TYPE_NULL || lt_type_can_coerce(type, def->params->fields[i].type));
    }
    if (!fits) {
        return refuse_args(env, def, args, count, ast->pos, err);
    }
    for (uint32_t i = 0; i < count; i++) {
        LT_TRY(lt_expr_coerce(&b->eb, args[i], def->params->fields[i].type, &args[i], err));
    }
    lt_status st = bind_body(b, def, args, out, err);
    if (st != LT_OK) {
        return blame(b->arena, def, ast->pos, st, err);
    }
    move_to_call(*out, args, count, ast->pos);
    return LT_OK;
}

static lt_status check_call(const lt_ast_expr *ast, const lt_function_def *def, lt_error *err)
{
    const lt_ast_call *call = ast->call;
    if (call->filter || call->within_group.count || call->order_by.count ||
        call->quantifier == LT_QUANT_DISTINCT || call->treatment != LT_TREAT_NONE) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               LT_STR_FMT " is not an aggregate function", LT_STR_ARG(def->name));
    }
    for (uint32_t i = 0; def->native && call->arg_names && i < call->args.count; i++) {
        if (call->arg_names[i].text.ptr) {
            return lt_error_set_at(err, LT_ERR_SQL, call->arg_names[i].pos,
                                   "the arguments of a function in C have no names");
        }
    }
    for (uint32_t i = 0; i < call->args.count; i++) {
        if (call->args.items[i]->kind == LT_EXPR_STAR) {
            return lt_error_set_at(err, LT_ERR_SQL, call->args.items[i]->pos, "only COUNT takes *");
        }
    }
    return LT_OK;
}

lt_status lt_bind_user_call(const lt_expr_env *env, const lt_ast_expr *ast,
                            const lt_function_def *def, lt_expr **out, lt_error *err)
{
    lt_expr **args;
    LT_ASSERT(!lt_function_is_aggregate(def));
    LT_TRY(check_call(ast, def, err));
    if (!def->native) {
        return inline_call(env, ast, def, out, err);
    }
    LT_TRY(lt_bind_exprs(env, &ast->call->args, &args, err));
    return lt_native_call(&env->b->eb, def->native, args, ast->call->args.count, ast->pos, out,
                          err);
}
