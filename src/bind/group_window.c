/* The older windows of GROUP BY:
 *
 *   SELECT k, TUMBLE_START(ts, INTERVAL '1' HOUR), COUNT(*) FROM t
 *   GROUP BY k, TUMBLE(ts, INTERVAL '1' HOUR)
 *
 * They become the windowing function over the rows, SESSION partitioned by the other keys, and a
 * GROUP BY of its bounds: three key columns behind the others. TUMBLE_START and its kin are
 * references to these; they must be written with the very arguments of the window. What comes out
 * is no windowed table: Flink recognises the bounds of the table functions alone. */
#include "bind/bind_int.h"

typedef enum { AUX_START, AUX_END, AUX_ROWTIME, AUX_PROCTIME } aux_part;

typedef struct {
    const char *name;
    lt_window_kind kind;
    aux_part part;
} aux_function;

static const aux_function aux_functions[] = {
    {"TUMBLE_START", LT_WINDOW_TUMBLE, AUX_START},
    {"TUMBLE_END", LT_WINDOW_TUMBLE, AUX_END},
    {"TUMBLE_ROWTIME", LT_WINDOW_TUMBLE, AUX_ROWTIME},
    {"TUMBLE_PROCTIME", LT_WINDOW_TUMBLE, AUX_PROCTIME},
    {"HOP_START", LT_WINDOW_HOP, AUX_START},
    {"HOP_END", LT_WINDOW_HOP, AUX_END},
    {"HOP_ROWTIME", LT_WINDOW_HOP, AUX_ROWTIME},
    {"HOP_PROCTIME", LT_WINDOW_HOP, AUX_PROCTIME},
    {"SESSION_START", LT_WINDOW_SESSION, AUX_START},
    {"SESSION_END", LT_WINDOW_SESSION, AUX_END},
    {"SESSION_ROWTIME", LT_WINDOW_SESSION, AUX_ROWTIME},
    {"SESSION_PROCTIME", LT_WINDOW_SESSION, AUX_PROCTIME},
};

static const aux_function *find_aux(lt_str func)
{
    for (size_t i = 0; i < LT_COUNT_OF(aux_functions); i++) {
        if (lt_str_eq(func, lt_str_of(aux_functions[i].name))) {
            return &aux_functions[i];
        }
    }
    return NULL;
}

static const char *kind_name(lt_window_kind kind)
{
    return kind == LT_WINDOW_TUMBLE ? "TUMBLE" : kind == LT_WINDOW_HOP ? "HOP" : "SESSION";
}

static bool kind_of(lt_str func, lt_window_kind *kind)
{
    static const lt_window_kind kinds[] = {LT_WINDOW_TUMBLE, LT_WINDOW_HOP, LT_WINDOW_SESSION};
    for (size_t i = 0; i < LT_COUNT_OF(kinds); i++) {
        if (lt_str_eq(func, lt_str_of(kind_name(kinds[i])))) {
            *kind = kinds[i];
            return true;
        }
    }
    return false;
}

bool lt_is_group_window_call(lt_str func)
{
    lt_window_kind kind;
    return find_aux(func) != NULL || kind_of(func, &kind);
}

bool lt_ast_is_group_window(const lt_ast_expr *ast)
{
    lt_window_kind kind;
    return ast->kind == LT_EXPR_CALL && ast->call->name.count == 1 && !ast->call->over &&
           kind_of(ast->call->func, &kind);
}

bool lt_ast_is_window_time(const lt_ast_expr *ast)
{
    if (!ast || ast->kind != LT_EXPR_CALL || ast->call->name.count != 1) {
        return false;
    }
    const aux_function *aux = find_aux(ast->call->func);
    return aux && (aux->part == AUX_ROWTIME || aux->part == AUX_PROCTIME);
}

/* ---- arguments ---- */

static lt_status usage(lt_window_kind kind, lt_str func, uint32_t pos, lt_error *err)
{
    lt_status st = lt_error_set_at(err, LT_ERR_SQL, pos,
                                   LT_STR_FMT " does not take these arguments", LT_STR_ARG(func));
    lt_error_hint(err, "it is written " LT_STR_FMT "(time_column, %s)", LT_STR_ARG(func),
                  kind == LT_WINDOW_HOP       ? "slide, size"
                  : kind == LT_WINDOW_SESSION ? "gap"
                                              : "size");
    return st;
}

static lt_status bind_arguments(lt_binder *b, const lt_scope *scope, const lt_ast_expr *ast,
                                lt_group_window *out, lt_error *err)
{
    const lt_ast_exprs *args = &ast->call->args;
    const char *name = kind_name(out->window.kind);
    bool hop = out->window.kind == LT_WINDOW_HOP;
    lt_expr_env env = {.b = b, .scope = scope, .clause = "GROUP BY"};
    if (args->count != (hop ? 3U : 2U)) {
        return usage(out->window.kind, ast->call->func, ast->pos, err);
    }
    LT_TRY(lt_bind_expr(&env, args->items[0], &out->time, err));
    if (hop) {
        LT_TRY(lt_bind_window_duration(b, name, args->items[1], &out->window.step_ms, err));
    }
    return lt_bind_window_duration(b, name, args->items[hop ? 2 : 1], &out->window.size_ms, err);
}

static lt_status check_lengths(const lt_ast_expr *ast, const lt_window *window, lt_error *err)
{
    const char *name = kind_name(window->kind);
    if (window->size_ms <= 0 || (window->kind == LT_WINDOW_HOP && window->step_ms <= 0)) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos, "%s needs lengths above 0", name);
    }
    if (window->kind == LT_WINDOW_HOP && window->size_ms % window->step_ms != 0) {
        return lt_unsupported_at(err, ast->pos,
                                 "HOP whose size is no multiple of its slide in GROUP BY");
    }
    return LT_OK;
}

/* Windows that give out results before they close, or go on after it, are not there yet. */
static lt_status check_firing(lt_binder *b, uint32_t pos, lt_error *err)
{
    static const char *const settings[] = {"table.exec.emit.early-fire.enabled",
                                           "table.exec.emit.late-fire.enabled"};
    for (size_t i = 0; i < LT_COUNT_OF(settings); i++) {
        lt_str value = lt_catalog_option(b->catalog, settings[i]);
        if (value.ptr && lt_str_eq_ci(value, LT_STR("true"))) {
            return lt_unsupported_at(err, pos,
                                     i == 0 ? "'table.exec.emit.early-fire.enabled' = 'true'"
                                            : "'table.exec.emit.late-fire.enabled' = 'true'");
        }
    }
    int64_t lateness_ms = 0;
    lt_str lateness = lt_catalog_option(b->catalog, "table.exec.emit.allow-lateness");
    if (lateness.ptr && (!lt_parse_duration_ms(lateness, &lateness_ms) || lateness_ms > 0)) {
        return lt_unsupported_at(err, pos, "'table.exec.emit.allow-lateness'");
    }
    return LT_OK;
}

lt_status lt_group_window_bind(lt_binder *b, const lt_scope *scope, const lt_ast_expr *ast,
                               lt_group_window *out, lt_error *err)
{
    if (out->present) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos, "GROUP BY takes one window at most");
    }
    *out = (lt_group_window){.present = true};
    bool known = kind_of(ast->call->func, &out->window.kind);
    LT_ASSERT(known);
    LT_TRY(bind_arguments(b, scope, ast, out, err));
    LT_TRY(check_lengths(ast, &out->window, err));
    LT_TRY(check_firing(b, ast->pos, err));
    const lt_type *type = out->time->type;
    bool now = lt_ast_is_proctime(ast->call->args.items[0]);
    if (!now && (out->time->kind != LT_NODE_COLUMN || type->attr == LT_TIME_NONE)) {
        lt_status st =
            lt_error_set_at(err, LT_ERR_SQL, ast->call->args.items[0]->pos,
                            "Window aggregate can only be defined over a time attribute column");
        lt_error_hint(err, "declare WATERMARK FOR the column in its CREATE TABLE; an expression on "
                           "a time attribute makes a plain timestamp");
        return st;
    }
    out->window.ltz = type->kind == LT_TYPE_TIMESTAMP_LTZ;
    out->window.proctime = now || type->attr == LT_TIME_PROCTIME;
    return LT_OK;
}

/* ---- TUMBLE_START and its kin ---- */

static bool same_window(const lt_group_window *a, const lt_group_window *b)
{
    return a->window.kind == b->window.kind && a->window.size_ms == b->window.size_ms &&
           a->window.step_ms == b->window.step_ms && lt_expr_eq(a->time, b->time);
}

static lt_status no_window(const lt_ast_expr *ast, lt_window_kind kind, lt_error *err)
{
    return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                           "Call to auxiliary group function '" LT_STR_FMT
                           "' must have matching call to group function '%s' in GROUP BY clause",
                           LT_STR_ARG(ast->call->func), kind_name(kind));
}

static lt_status bound_column(const lt_expr_env *env, aux_part part, uint32_t pos, lt_expr **out,
                              lt_error *err)
{
    const lt_grouping *g = env->grouping;
    lt_arena *arena = env->b->arena;
    const lt_type *type = lt_type_time(arena, LT_TYPE_TIMESTAMP, 3, false);
    if (part == AUX_ROWTIME) {
        const lt_type *time = g->window.time->type;
        type = lt_type_time(arena, time->kind, 3, time->nullable);
        type = type ? lt_type_with_attr(arena, type, LT_TIME_ROWTIME) : NULL;
    }
    if (!type) {
        return lt_error_nomem(err, "type");
    }
    return lt_expr_column(&env->b->eb, g->key_count + (uint32_t)part, type, pos, out, err);
}

lt_status lt_bind_group_window_call(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                                    lt_error *err)
{
    const lt_ast_call *call = ast->call;
    const aux_function *aux = find_aux(call->func);
    const lt_grouping *g = env->grouping;
    if (!aux) {
        lt_status st =
            lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                            "Group function '" LT_STR_FMT "' can only appear in GROUP BY clause",
                            LT_STR_ARG(call->func));
        lt_error_hint(err, LT_STR_FMT "_START and _END give the bounds", LT_STR_ARG(call->func));
        return st;
    }
    if (!g || !g->window.present || env->in_aggregate) {
        return no_window(ast, aux->kind, err);
    }
    lt_group_window asked = {.window = {.kind = aux->kind}};
    LT_TRY(bind_arguments(env->b, g->input, ast, &asked, err));
    if (!same_window(&asked, &g->window)) {
        return no_window(ast, aux->kind, err);
    }
    if (aux->part == AUX_PROCTIME) {
        return lt_expr_call(&env->b->eb, LT_STR("PROCTIME"), NULL, 0, ast->pos, out, err);
    }
    if (aux->part == AUX_ROWTIME && g->window.window.proctime) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               "A proctime window cannot provide a rowtime attribute.");
    }
    return bound_column(env, aux->part, ast->pos, out, err);
}

/* ---- the window below the aggregation ---- */

lt_status lt_group_window_place(lt_binder *b, const lt_group_window *window, const uint32_t *keys,
                                uint32_t key_count, lt_rel **rel, lt_error *err)
{
    lt_window placed = window->window;
    lt_rel *input = *rel;
    if (window->time->kind == LT_NODE_COLUMN) {
        placed.time_col = window->time->u.column;
    } else {
        lt_expr *time = window->time;
        placed.time_col = input->schema->count;
        LT_TRY(lt_rel_extend(b, input, &time, 1, &input, err));
    }
    LT_TRY(lt_rel_window(b, input, &placed, rel, err));
    if (placed.kind == LT_WINDOW_SESSION) {
        (*rel)->u.window_tvf.session_keys = keys;
        (*rel)->u.window_tvf.session_key_count = key_count;
    }
    return LT_OK;
}
