/* Calls: aggregates go to the grouping of their SELECT, those with OVER to its windows (over.c),
 * all else to the function registry. */
#include "bind/bind_int.h"
#include "expr/native.h"

/* ---- JSON clauses ---- */

static const char *json_on_symbol(lt_ast_json_on on)
{
    static const char *const names[] = {
        "", "NULL", "ERROR", "DEFAULT", "EMPTY ARRAY", "EMPTY OBJECT", "TRUE", "FALSE", "UNKNOWN"};
    return names[on];
}

static const char *json_wrapper_symbol(lt_ast_json_wrapper wrapper)
{
    static const char *const names[] = {"", "WITHOUT", "CONDITIONAL", "UNCONDITIONAL"};
    return names[wrapper];
}

/* The clauses become further arguments, symbols (empty text: not written) and defaults, always all
 * of them: JSON_EXISTS(j, path, on error)                 JSON_QUERY(j, path, wrapper, on empty, on
 * error) JSON_VALUE(j, path, on empty, default or NULL, on error, default or NULL), then cast to
 * the RETURNING type JSON_OBJECT, JSON_ARRAY, JSON_OBJECTAGG, JSON_ARRAYAGG: NULL or ABSENT first
 */
static lt_status json_default(const lt_expr_env *env, const lt_ast_expr *ast, uint32_t pos,
                              lt_expr **out, lt_error *err)
{
    if (ast) {
        return lt_bind_expr(env, ast, out, err);
    }
    lt_value null = {0};
    null.is_null = true;
    null.type = lt_type_new(env->b->arena, LT_TYPE_NULL, true);
    return null.type ? lt_expr_literal(&env->b->eb, &null, pos, out, err)
                     : lt_error_nomem(err, "type");
}

static lt_status bind_json(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **given,
                           lt_expr **out, lt_error *err)
{
    const lt_ast_call *call = ast->call;
    const lt_ast_json *json = call->json;
    lt_expr_builder *eb = &env->b->eb;
    uint32_t count = call->args.count;
    lt_expr **args = LT_NEW_ARRAY(env->b->arena, lt_expr *, count + 5);
    if (!args) {
        return lt_error_nomem(err, "arguments");
    }
    if (json->nulls != LT_JSON_NULLS_NONE) {
        LT_TRY(lt_bind_symbol(eb, json->nulls == LT_JSON_NULL_ON_NULL ? "NULL" : "ABSENT", ast->pos,
                              &args[0], err));
        memcpy(args + 1, given, count * sizeof *given);
        return lt_expr_call(eb, call->func, args, count + 1, ast->pos, out, err);
    }
    memcpy(args, given, count * sizeof *given);
    if (lt_str_eq(call->func, LT_STR("JSON_EXISTS"))) {
        LT_TRY(lt_bind_symbol(eb, json_on_symbol(json->on_error), ast->pos, &args[count++], err));
    } else if (lt_str_eq(call->func, LT_STR("JSON_QUERY"))) {
        LT_TRY(
            lt_bind_symbol(eb, json_wrapper_symbol(json->wrapper), ast->pos, &args[count++], err));
        LT_TRY(lt_bind_symbol(eb, json_on_symbol(json->on_empty), ast->pos, &args[count++], err));
        LT_TRY(lt_bind_symbol(eb, json_on_symbol(json->on_error), ast->pos, &args[count++], err));
        if (json->returning && json->returning->kind == LT_ASTT_ARRAY) {
            LT_TRY(lt_bind_symbol(eb, "ARRAY", ast->pos, &args[count++], err));
        }
    } else if (lt_str_eq(call->func, LT_STR("JSON_VALUE"))) {
        LT_TRY(lt_bind_symbol(eb, json_on_symbol(json->on_empty), ast->pos, &args[count++], err));
        LT_TRY(json_default(env, json->on_empty_default, ast->pos, &args[count++], err));
        LT_TRY(lt_bind_symbol(eb, json_on_symbol(json->on_error), ast->pos, &args[count++], err));
        LT_TRY(json_default(env, json->on_error_default, ast->pos, &args[count++], err));
    }
    LT_TRY(lt_expr_call(eb, call->func, args, count, ast->pos, out, err));
    if (json->returning) {
        const lt_type *type;
        LT_TRY(lt_bind_type(env->b->arena, json->returning, &type, err));
        if (type->kind == LT_TYPE_ARRAY && !lt_type_is_string(type->fields[0].type)) {
            return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                                   "JSON_QUERY returns STRING or ARRAY<STRING>");
        }
        return lt_expr_cast(eb, *out, type, json->on_error != LT_JSON_ON_ERROR, ast->pos, out, err);
    }
    return LT_OK;
}

/* ---- aggregates ---- */

/* Over a group or a frame there is always a row: of arguments that are NOT NULL these give a result
 * that is NOT NULL. */
static bool keeps_not_null(const lt_ast_call *call, lt_expr *const *args, uint32_t count)
{
    static const char *const names[] = {"MIN",         "MAX",        "SUM",
                                        "AVG",         "STDDEV_POP", "VAR_POP",
                                        "FIRST_VALUE", "LAST_VALUE", "ARRAY_AGG"};
    bool named = false;
    for (size_t i = 0; i < LT_COUNT_OF(names); i++) {
        named = named || lt_str_eq(call->func, lt_str_of(names[i]));
    }
    return named && count == 1 && !call->filter && !args[0]->type->nullable;
}

static lt_status add_agg(const lt_expr_env *env, lt_agg *agg, uint32_t pos, lt_expr **out,
                         lt_error *err)
{
    lt_grouping *grouping = env->grouping;
    uint32_t at = 0;
    while (at < grouping->agg_count && !lt_agg_eq(grouping->aggs[at], agg)) {
        at++;
    }
    if (at == grouping->agg_count) {
        if (grouping->agg_count == grouping->agg_cap) {
            uint32_t cap = grouping->agg_cap ? 2 * grouping->agg_cap : 8;
            lt_agg **grown = LT_NEW_ARRAY(env->b->arena, lt_agg *, cap);
            if (!grown) {
                return lt_error_nomem(err, "aggregates");
            }
            if (grouping->agg_count) {
                memcpy(grown, grouping->aggs, grouping->agg_count * sizeof *grown);
            }
            grouping->aggs = grown;
            grouping->agg_cap = cap;
        }
        grouping->aggs[grouping->agg_count++] = agg;
    }
    return lt_expr_column(&env->b->eb, grouping->agg_base + at, agg->result, pos, out, err);
}

static lt_status check_aggregate(const lt_expr_env *env, const lt_ast_expr *ast, lt_error *err)
{
    const lt_ast_call *call = ast->call;
    if (env->in_aggregate) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos, "Aggregate expressions cannot be nested");
    }
    if (!env->grouping) {
        lt_status st = lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                                       "Aggregate expression " LT_STR_FMT "(..) is illegal in %s",
                                       LT_STR_ARG(call->func), env->clause);
        if (strcmp(env->clause, "WHERE") == 0) {
            lt_error_hint(err, "conditions on aggregates go to HAVING");
        }
        return st;
    }
    if (call->order_by.count || call->within_group.count) {
        return lt_unsupported_at(err, ast->pos, "ORDER BY inside an aggregate");
    }
    return LT_OK;
}

/* JSON_OBJECTAGG and JSON_ARRAYAGG with the clause that is not their default have names of their
 * own. */
static lt_str aggregate_name(const lt_ast_call *call)
{
    if (call->json && call->json->nulls == LT_JSON_ABSENT_ON_NULL &&
        lt_str_eq(call->func, LT_STR("JSON_OBJECTAGG"))) {
        return LT_STR("$JSON_OBJECTAGG_ABSENT");
    }
    if (call->json && call->json->nulls == LT_JSON_NULL_ON_NULL &&
        lt_str_eq(call->func, LT_STR("JSON_ARRAYAGG"))) {
        return LT_STR("$JSON_ARRAYAGG_NULL");
    }
    return call->func;
}

/* IGNORE NULLS of ARRAY_AGG is a filter; the other aggregates that take the words ignore NULLs
 * already. */
static lt_status treat_nulls(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr *arg,
                             lt_expr **filter, lt_error *err)
{
    const lt_ast_call *call = ast->call;
    bool keeps = lt_str_eq(call->func, LT_STR("ARRAY_AGG"));
    lt_expr *args[2];
    if (call->treatment == LT_TREAT_NONE || keeps == (call->treatment == LT_TREAT_RESPECT_NULLS)) {
        return LT_OK;
    }
    if (!keeps) {
        return lt_unsupported_at(err, ast->pos, "RESPECT NULLS for this aggregate");
    }
    LT_TRY(lt_expr_call(&env->b->eb, LT_STR("IS NOT NULL"), &arg, 1, ast->pos, &args[0], err));
    if (!*filter) {
        *filter = args[0];
        return LT_OK;
    }
    args[1] = *filter;
    return lt_expr_call(&env->b->eb, LT_STR("AND"), args, 2, ast->pos, filter, err);
}

/* What may be written around a built-in aggregate, but not around one of the user's. */
static lt_status check_user_aggregate(const lt_ast_expr *ast, lt_error *err)
{
    const lt_ast_call *call = ast->call;
    for (uint32_t i = 0; call->arg_names && i < call->args.count; i++) {
        if (call->arg_names[i].text.ptr) {
            return lt_error_set_at(err, LT_ERR_SQL, call->arg_names[i].pos,
                                   "the arguments of a function in C have no names");
        }
    }
    return call->treatment == LT_TREAT_NONE
               ? LT_OK
               : lt_unsupported_at(err, ast->pos,
                                   "RESPECT NULLS and IGNORE NULLS for this aggregate");
}

lt_status lt_bind_agg_call(const lt_expr_env *inner, const lt_ast_expr *ast,
                           const lt_function_def *def, bool never_empty, lt_agg **out,
                           lt_error *err)
{
    const lt_ast_call *call = ast->call;
    lt_expr_env env = *inner;
    lt_expr **args = NULL, *filter = NULL;
    uint32_t count = call->args.count;
    if (def) {
        LT_TRY(check_user_aggregate(ast, err));
    }
    if (count == 1 && call->args.items[0]->kind == LT_EXPR_STAR &&
        call->args.items[0]->path.count == 0) {
        if (!lt_str_eq(call->func, LT_STR("COUNT"))) {
            return lt_error_set_at(err, LT_ERR_SQL, call->args.items[0]->pos, "only COUNT takes *");
        }
        count = 0;
    } else if (count == 0) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos, LT_STR_FMT "() needs an argument",
                               LT_STR_ARG(call->func));
    } else {
        LT_TRY(lt_bind_exprs(&env, &call->args, &args, err));
    }
    if (call->filter) {
        env.clause = "FILTER";
        LT_TRY(lt_bind_condition(&env, call->filter, &filter, err));
    }
    if (count > 0) {
        LT_TRY(treat_nulls(inner, ast, args[0], &filter, err));
    }
    bool distinct = call->quantifier == LT_QUANT_DISTINCT;
    if (def) {
        const lt_native_agg_call bound = {args, count, distinct, filter, false, ast->pos};
        return lt_native_agg_bind(&env.b->eb, def->native, &bound, out, err);
    }
    LT_TRY(lt_agg_bind(&env.b->eb, aggregate_name(call), args, count, distinct, filter, false,
                       ast->pos, out, err));
    if (never_empty && keeps_not_null(call, args, count) && (*out)->result->nullable) {
        (*out)->result = lt_type_with_nullable(env.b->arena, (*out)->result, false);
        if (!(*out)->result) {
            return lt_error_nomem(err, "type");
        }
    }
    return LT_OK;
}

/* def: the user's function; NULL: a built-in one. */
static lt_status bind_aggregate(const lt_expr_env *env, const lt_ast_expr *ast,
                                const lt_function_def *def, lt_expr **out, lt_error *err)
{
    lt_expr_env inner = *env;
    lt_agg *agg;
    LT_TRY(check_aggregate(env, ast, err));
    inner.in_aggregate = true;
    inner.scope = env->grouping->input;
    inner.overs = NULL;
    inner.subs = NULL;
    inner.aliases = NULL;
    inner.clause = "an aggregate";
    LT_TRY(lt_bind_agg_call(&inner, ast, def, lt_grouping_width(env->grouping) > 0, &agg, err));
    return add_agg(env, agg, ast->pos, out, err);
}

/* ---- all calls ---- */

/* Names that are part of the dialect but not of this release, told apart from unknown ones. */
static const char *known_elsewhere(lt_str func)
{
    static const struct {
        const char *name, *what;
    } table[] = {
        {"MATCH_ROWTIME", "MATCH_RECOGNIZE"},
        {"MATCH_PROCTIME", "MATCH_RECOGNIZE"},
    };
    if (lt_str_eq(func, LT_STR("CUMULATE"))) {
        return "CUMULATE outside of FROM";
    }
    for (size_t i = 0; i < LT_COUNT_OF(table); i++) {
        if (lt_str_eq(func, lt_str_of(table[i].name))) {
            return table[i].what;
        }
    }
    return NULL;
}

bool lt_bind_is_known_call(lt_str func)
{
    return known_elsewhere(func) != NULL || lt_is_grouping_call(func) ||
           lt_is_group_window_call(func);
}

static lt_status check_plain(const lt_expr_env *env, const lt_ast_expr *ast, lt_error *err)
{
    const lt_ast_call *call = ast->call;
    const char *elsewhere = known_elsewhere(call->func);
    if (elsewhere) {
        return lt_unsupported_at(err, ast->pos, elsewhere);
    }
    if (call->name.count > 1) {
        lt_status st = lt_error_set_at(err, LT_ERR_SQL, ast->pos, "No match found for function %s",
                                       lt_path_text(env->b->arena, &call->name));
        lt_error_hint(err, "SHOW USER FUNCTIONS lists what there is; built-in functions are "
                           "written without a catalog");
        return st;
    }
    if (call->arg_names) {
        for (uint32_t i = 0; i < call->args.count; i++) {
            if (call->arg_names[i].text.ptr) {
                return lt_unsupported_at(err, call->arg_names[i].pos,
                                         "named arguments of scalar functions");
            }
        }
    }
    if (call->filter || call->within_group.count || call->order_by.count ||
        call->quantifier == LT_QUANT_DISTINCT) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               LT_STR_FMT " is not an aggregate function", LT_STR_ARG(call->func));
    }
    return LT_OK;
}

/* USER, SESSION_USER .. without parentheses are no functions here, but names that columns have. */
bool lt_ast_is_plain_word(const lt_ast_expr *ast)
{
    return ast->kind == LT_EXPR_CALL && ast->call->niladic &&
           !lt_func_exists_scalar(ast->call->func);
}

/* Expressions know no catalog: the function gets the name as its argument. Inside a view it is the
 * database of the session as well, not that of the view. */
static lt_status bind_current_database(const lt_expr_env *env, const lt_ast_expr *ast,
                                       lt_expr **out, lt_error *err)
{
    if (ast->call->args.count > 0) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos, "CURRENT_DATABASE takes no arguments");
    }
    lt_expr_builder *eb = &env->b->eb;
    lt_value value = {0};
    value.u.s = lt_arena_str(eb->arena, env->b->catalog->current_database);
    value.type = lt_type_sized(eb->arena, LT_TYPE_VARCHAR, LT_LENGTH_MAX, false);
    if (!value.u.s.ptr || !value.type) {
        return lt_error_nomem(err, "expression");
    }
    lt_expr *name;
    LT_TRY(lt_expr_literal(eb, &value, ast->pos, &name, err));
    return lt_expr_call(eb, ast->call->func, &name, 1, ast->pos, out, err);
}

lt_status lt_bind_call(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out, lt_error *err)
{
    const lt_ast_call *call = ast->call;
    lt_expr **args;
    if (lt_ast_is_plain_word(ast)) {
        const lt_ast_expr ident = {.kind = LT_EXPR_IDENT, .pos = ast->pos, .path = call->name};
        return lt_bind_expr(env, &ident, out, err);
    }
    const lt_function_def *def = lt_bind_find_function(env->b, call);
    if (def && call->over && lt_function_is_aggregate(def)) {
        return lt_bind_over(env, ast, def, out, err);
    }
    if (def && call->over) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               "OVER must be applied to aggregate function");
    }
    if (def) {
        return lt_function_is_aggregate(def) ? bind_aggregate(env, ast, def, out, err)
                                             : lt_bind_user_call(env, ast, def, out, err);
    }
    if (call->over) {
        return lt_bind_over(env, ast, NULL, out, err);
    }
    if (call->name.count == 1 && lt_func_exists_aggregate(call->func)) {
        return bind_aggregate(env, ast, NULL, out, err);
    }
    LT_TRY(check_plain(env, ast, err));
    if (call->name.count == 1 && lt_is_grouping_call(call->func)) {
        return lt_bind_grouping_call(env, ast, out, err);
    }
    if (call->name.count == 1 && lt_is_group_window_call(call->func)) {
        return lt_bind_group_window_call(env, ast, out, err);
    }
    lt_expr_env inside = *env;
    inside.in_json = lt_str_eq_ci(call->func, LT_STR("JSON_OBJECT")) ||
                     lt_str_eq_ci(call->func, LT_STR("JSON_ARRAY"));
    if (lt_str_eq_ci(call->func, LT_STR("JSON")) && !env->in_json) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               "JSON(..) stands only inside JSON_OBJECT and JSON_ARRAY");
    }
    LT_TRY(lt_bind_exprs(&inside, &call->args, &args, err));
    if (lt_str_eq_ci(call->func, LT_STR("CURRENT_DATABASE"))) {
        return bind_current_database(env, ast, out, err);
    }
    if (call->json) {
        return bind_json(env, ast, args, out, err);
    }
    lt_status st =
        lt_expr_call(&env->b->eb, call->func, args, call->args.count, ast->pos, out, err);
    if (st == LT_ERR_SQL && !lt_func_exists_scalar(call->func)) {
        lt_bind_hint_function(env->b, call, err);
    }
    return st;
}
