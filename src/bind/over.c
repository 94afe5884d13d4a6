/* Calls with OVER, and the nodes that their windows become. ROW_NUMBER() alone is a RANK node per
 * window, so that a condition on it is seen as a Top-N; with aggregates all calls of a SELECT are
 * one OVER node, over one window, as in Flink's streaming mode.
 *
 * Arguments that are more than columns are computed below the node: a sliding frame takes rows away
 * by the values with which they came. */
#include "bind/bind_int.h"

/* ---- windows ---- */

void lt_bind_direction(const lt_ast_order *order, lt_sort_key *key)
{
    key->descending = order->dir == LT_DESC;
    /* NULL counts as the smallest value. */
    key->nulls_first =
        order->nulls == LT_NULLS_NONE ? !key->descending : order->nulls == LT_NULLS_FIRST;
}

static bool same_window(const lt_over *a, const lt_over *b)
{
    if (a->partition_count != b->partition_count || a->order_count != b->order_count ||
        a->frame.rows != b->frame.rows || a->frame.bounded != b->frame.bounded ||
        a->frame.preceding != b->frame.preceding) {
        return false;
    }
    for (uint32_t i = 0; i < a->partition_count; i++) {
        if (!lt_expr_eq(a->partition[i], b->partition[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < a->order_count; i++) {
        if (!lt_expr_eq(a->order[i], b->order[i]) ||
            a->directions[i].descending != b->directions[i].descending ||
            a->directions[i].nulls_first != b->directions[i].nulls_first) {
            return false;
        }
    }
    return true;
}

static lt_status named_window(const lt_expr_env *env, const lt_ast_window **window, uint32_t pos,
                              lt_error *err)
{
    const lt_ast_name *ref = &(*window)->ref;
    for (uint32_t depth = 0; (*window)->ref.text.ptr && depth < 16; depth++) {
        const lt_ast_window *found = NULL;
        ref = &(*window)->ref;
        for (uint32_t i = 0; i < env->overs->window_count; i++) {
            if (lt_str_eq(env->overs->windows[i].name.text, ref->text)) {
                found = env->overs->windows[i].window;
            }
        }
        if (!found) {
            return lt_error_set_at(err, LT_ERR_SQL, ref->pos, "Window '" LT_STR_FMT "' not found",
                                   LT_STR_ARG(ref->text));
        }
        if (!(*window)->bare) {
            return lt_unsupported_at(err, pos, "a window that refines a named one");
        }
        *window = found;
    }
    return LT_OK;
}

static lt_status bind_over_parts(const lt_expr_env *env, const lt_ast_window *window, lt_over *over,
                                 lt_error *err)
{
    lt_arena *arena = env->b->arena;
    over->partition_count = window->partition_by.count;
    over->order_count = window->order_by.count;
    over->order = LT_NEW_ARRAY(arena, lt_expr *, over->order_count + 1);
    over->directions = LT_NEW_ARRAY(arena, lt_sort_key, over->order_count + 1);
    if (!over->order || !over->directions) {
        return lt_error_nomem(err, "window");
    }
    LT_TRY(lt_bind_exprs(env, &window->partition_by, &over->partition, err));
    for (uint32_t i = 0; i < over->order_count; i++) {
        LT_TRY(lt_bind_expr(env, window->order_by.items[i].expr, &over->order[i], err));
        lt_bind_direction(&window->order_by.items[i], &over->directions[i]);
    }
    return LT_OK;
}

/* A constant of this type, or NULL. */
static const lt_value *constant(const lt_expr *expr)
{
    return expr->kind == LT_NODE_LITERAL && !expr->u.literal.is_null ? &expr->u.literal : NULL;
}

static lt_status row_bound(const lt_expr *expr, uint32_t pos, lt_frame *frame, lt_error *err)
{
    const lt_value *value = lt_type_is_integer(expr->type) ? constant(expr) : NULL;
    if (!value || value->u.i < 0) {
        return lt_error_set_at(err, LT_ERR_SQL, pos,
                               "ROWS value must be a non-negative integral constant");
    }
    frame->preceding = value->u.i;
    return LT_OK;
}

static lt_status range_bound(const lt_over *over, const lt_expr *expr, uint32_t pos,
                             lt_frame *frame, lt_error *err)
{
    const lt_type *type = over->order[0]->type;
    if (expr->type->kind == LT_TYPE_INTERVAL_MONTH) {
        return lt_error_set_at(err, LT_ERR_SQL, pos,
                               "INTERVAL_YEAR_MONTH type is not allowed for window boundary");
    }
    if (type->attr == LT_TIME_NONE) {
        return lt_unsupported_at(err, pos,
                                 "a bounded OVER window in the order of a column that is not a "
                                 "time attribute");
    }
    const lt_value *value = expr->type->kind == LT_TYPE_INTERVAL_SECOND ? constant(expr) : NULL;
    if (!value) {
        lt_status st = lt_error_set_at(err, LT_ERR_SQL, pos,
                                       "Data Type mismatch between ORDER BY and RANGE clause");
        lt_error_hint(err, "RANGE over a time takes a constant such as INTERVAL '10' SECOND");
        return st;
    }
    if (value->u.i < 0) {
        return lt_error_set_at(err, LT_ERR_SQL, pos, "RANGE takes no negative interval");
    }
    frame->preceding = value->u.i;
    return LT_OK;
}

static lt_status bind_frame(const lt_expr_env *env, const lt_ast_window *window, lt_over *over,
                            lt_error *err)
{
    lt_expr *expr;
    if (window->disallow_partial) {
        return lt_unsupported_at(err, window->pos, "DISALLOW PARTIAL");
    }
    if (window->frame == LT_FRAME_NONE) {
        return LT_OK;
    }
    over->frame.rows = window->frame == LT_FRAME_ROWS;
    if ((window->has_high && window->high.kind != LT_BOUND_CURRENT_ROW) ||
        (window->low.kind != LT_BOUND_PRECEDING &&
         window->low.kind != LT_BOUND_UNBOUNDED_PRECEDING)) {
        lt_status st = lt_unsupported_at(
            err, window->pos,
            "a window that does not reach from PRECEDING to CURRENT ROW in streaming mode");
        lt_error_hint(err, "rows that have not come yet cannot be looked at: write ROWS or RANGE "
                           "BETWEEN .. PRECEDING AND CURRENT ROW");
        return st;
    }
    if (window->low.kind == LT_BOUND_UNBOUNDED_PRECEDING) {
        return LT_OK;
    }
    over->frame.bounded = true;
    LT_TRY(lt_bind_expr(env, window->low.expr, &expr, err));
    uint32_t pos = window->low.expr->pos;
    return over->frame.rows ? row_bound(expr, pos, &over->frame, err)
                            : range_bound(over, expr, pos, &over->frame, err);
}

/* What streaming can put into an order: one column, ascending. */
static lt_status check_order(const lt_over *over, const lt_ast_window *window, lt_error *err)
{
    if (over->order_count != 1) {
        lt_status st = lt_unsupported_at(
            err, over->pos,
            over->order_count == 0
                ? "an OVER window without ORDER BY in streaming mode"
                : "an OVER window that is ordered by more than one column in streaming mode");
        lt_error_hint(err, "The window can only be ordered by a single time column");
        return st;
    }
    if (over->directions[0].descending) {
        return lt_unsupported_at(err, window->order_by.items[0].expr->pos,
                                 "an OVER window in descending order in streaming mode (The window "
                                 "can only be ordered in ASCENDING mode)");
    }
    if (over->frame.bounded && over->order[0]->type->attr == LT_TIME_NONE) {
        return lt_unsupported_at(err, over->pos,
                                 "a bounded OVER window in the order of a column that is not a "
                                 "time attribute");
    }
    return LT_OK;
}

/* ---- functions ---- */

static bool is_named(const lt_ast_call *call, const char *name)
{
    return call->name.count == 1 && lt_str_eq(call->func, lt_str_of(name));
}

/* Functions that have a window of their own; false: another one. */
static bool is_ranking(const lt_ast_call *call)
{
    return is_named(call, "ROW_NUMBER") || is_named(call, "RANK") || is_named(call, "DENSE_RANK");
}

static lt_status check_function(const lt_ast_expr *ast, const lt_function_def *def, lt_error *err)
{
    static const char *const batch_only[] = {"LEAD", "NTILE", "PERCENT_RANK", "CUME_DIST"};
    const lt_ast_call *call = ast->call;
    for (size_t i = 0; i < LT_COUNT_OF(batch_only); i++) {
        if (is_named(call, batch_only[i])) {
            return lt_error_set_at(err, LT_ERR_UNSUPPORTED, ast->pos,
                                   "%s Function is not supported in stream mode", batch_only[i]);
        }
    }
    bool known = def || is_ranking(call) || is_named(call, "LAG") ||
                 (call->name.count == 1 && lt_func_exists_aggregate(call->func));
    if (!known) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               "OVER must be applied to aggregate function");
    }
    if (call->order_by.count || call->within_group.count) {
        return lt_unsupported_at(err, ast->pos, "ORDER BY inside an aggregate");
    }
    return LT_OK;
}

/* COUNT(*) under another name: RANK and DENSE_RANK count the rows up to the last peer, as Flink's
 * do in streaming. */
static lt_status bind_counter(const lt_expr_env *env, const lt_ast_expr *ast, const char *shown,
                              lt_agg **out, lt_error *err)
{
    if (ast->call->args.count > 0) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos, "%s takes no arguments", shown);
    }
    LT_TRY(
        lt_agg_bind(&env->b->eb, LT_STR("COUNT"), NULL, 0, false, NULL, false, ast->pos, out, err));
    (*out)->shown = shown;
    return LT_OK;
}

static lt_status bind_lag(const lt_expr_env *env, const lt_ast_expr *ast, lt_agg **out,
                          lt_error *err)
{
    const lt_ast_call *call = ast->call;
    lt_expr **args;
    if (call->treatment == LT_TREAT_IGNORE_NULLS) {
        return lt_unsupported_at(err, ast->pos, "IGNORE NULLS of LAG");
    }
    if (call->quantifier == LT_QUANT_DISTINCT || call->filter) {
        return lt_unsupported_at(err, ast->pos, "DISTINCT and FILTER of LAG");
    }
    LT_TRY(lt_bind_exprs(env, &call->args, &args, err));
    return lt_agg_bind(&env->b->eb, LT_STR("$LAG"), args, call->args.count, false, NULL, false,
                       ast->pos, out, err);
}

/* NULL for ROW_NUMBER, which is a Top-N where a condition says so. */
static lt_status bind_function(const lt_expr_env *env, const lt_ast_expr *ast,
                               const lt_function_def *def, lt_agg **out, lt_error *err)
{
    *out = NULL;
    if (def) {
        return lt_bind_agg_call(env, ast, def, true, out, err);
    }
    if (is_named(ast->call, "ROW_NUMBER")) {
        return ast->call->args.count > 0
                   ? lt_error_set_at(err, LT_ERR_SQL, ast->pos, "ROW_NUMBER takes no arguments")
                   : LT_OK;
    }
    if (is_named(ast->call, "RANK")) {
        return bind_counter(env, ast, "RANK", out, err);
    }
    if (is_named(ast->call, "DENSE_RANK")) {
        return bind_counter(env, ast, "DENSE_RANK", out, err);
    }
    return is_named(ast->call, "LAG") ? bind_lag(env, ast, out, err)
                                      : lt_bind_agg_call(env, ast, NULL, true, out, err);
}

static lt_status add_over(lt_arena *arena, lt_overs *overs, const lt_over *over, uint32_t *at,
                          lt_error *err)
{
    for (*at = 0; *at < overs->count; ++*at) {
        const lt_over *other = &overs->items[*at];
        bool same_call = (over->agg == NULL) == (other->agg == NULL) &&
                         (!over->agg || (lt_agg_eq(over->agg, other->agg) &&
                                         over->agg->shown == other->agg->shown));
        if (same_call && same_window(other, over)) {
            return LT_OK;
        }
    }
    if (overs->count == overs->cap) {
        lt_over *grown = LT_NEW_ARRAY(arena, lt_over, overs->cap + 4);
        if (!grown) {
            return lt_error_nomem(err, "windows");
        }
        if (overs->count) {
            memcpy(grown, overs->items, overs->count * sizeof *grown);
        }
        overs->items = grown;
        overs->cap += 4;
    }
    overs->items[overs->count++] = *over;
    return LT_OK;
}

/* Fills in the window of a call. */
static lt_status bind_window(const lt_expr_env *env, const lt_ast_expr *ast,
                             const lt_ast_window *window, lt_over *over, lt_error *err)
{
    const lt_ast_call *call = ast->call;
    bool own_frame = is_ranking(call) || is_named(call, "LAG");
    if (own_frame && window->frame != LT_FRAME_NONE) {
        return lt_error_set_at(err, LT_ERR_SQL, window->pos, "ROW/RANGE not allowed with %.*s",
                               (int)call->func.len, call->func.ptr);
    }
    if (own_frame && window->order_by.count == 0) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               LT_STR_FMT "() needs ORDER BY in its OVER clause",
                               LT_STR_ARG(call->func));
    }
    LT_TRY(bind_over_parts(env, window, over, err));
    if (is_named(call, "ROW_NUMBER")) {
        over->frame.rows = true;
        return LT_OK;
    }
    if (window->order_by.count > 0) {
        LT_TRY(bind_frame(env, window, over, err));
    }
    return check_order(over, window, err);
}

lt_status lt_bind_over(const lt_expr_env *env, const lt_ast_expr *ast, const lt_function_def *def,
                       lt_expr **out, lt_error *err)
{
    const lt_ast_window *window = ast->call->over;
    lt_expr_env inner = *env;
    lt_over over = {.pos = ast->pos};
    uint32_t at;
    LT_TRY(check_function(ast, def, err));
    if (!env->overs) {
        return lt_error_set_at(
            err, LT_ERR_SQL, ast->pos,
            LT_STR_FMT "(..) OVER (..) stands only in SELECT, QUALIFY and ORDER BY, not in %s",
            LT_STR_ARG(ast->call->func), env->clause);
    }
    LT_TRY(named_window(env, &window, ast->pos, err));
    inner.overs = NULL;
    inner.aliases = NULL;
    inner.clause = "OVER";
    LT_TRY(bind_window(&inner, ast, window, &over, err));
    LT_TRY(bind_function(&inner, ast, def, &over.agg, err));
    LT_TRY(add_over(env->b->arena, env->overs, &over, &at, err));
    const lt_type *type =
        over.agg ? over.agg->result : lt_type_new(env->b->arena, LT_TYPE_BIGINT, false);
    if (!type) {
        return lt_error_nomem(err, "type");
    }
    return lt_expr_column(&env->b->eb, env->overs->base + at, type, ast->pos, out, err);
}

/* ---- nodes ---- */

typedef struct {
    lt_binder *b;
    const lt_overs *overs;
    lt_rel *rel;
    uint32_t base; /* of the columns that are computed for the windows */
    lt_expr **extra;
    uint32_t extra_count;
} over_build;

static uint32_t place_expr(over_build *s, lt_expr *expr)
{
    if (expr->kind == LT_NODE_COLUMN) {
        return expr->u.column;
    }
    for (uint32_t i = 0; i < s->extra_count; i++) {
        if (lt_expr_eq(s->extra[i], expr)) {
            return s->base + i;
        }
    }
    s->extra[s->extra_count] = expr;
    return s->base + s->extra_count++;
}

static bool is_column_of(const uint32_t *columns, uint32_t count, int column)
{
    for (uint32_t i = 0; column >= 0 && i < count; i++) {
        if (columns[i] == (uint32_t)column) {
            return true;
        }
    }
    return false;
}

static lt_status add_rank(over_build *s, const lt_over *over, const uint32_t *partition,
                          const lt_sort_key *order, uint32_t index, lt_error *err)
{
    lt_window_prefer(&s->rel->window, partition, over->partition_count);
    lt_rel *rel = lt_rel_make(s->b, LT_REL_RANK, over->pos, s->rel, err);
    if (!rel) {
        return err->code;
    }
    const lt_schema *input = s->rel->schema;
    lt_field *fields = LT_NEW_ARRAY(s->b->arena, lt_field, input->count + 1);
    const char *name = lt_arena_printf(s->b->arena, "w%u$o0", index);
    const lt_type *type = lt_type_new(s->b->arena, LT_TYPE_BIGINT, false);
    if (!fields || !name || !type) {
        return lt_error_nomem(err, "window");
    }
    memcpy(fields, input->fields, input->count * sizeof *fields);
    fields[input->count] = (lt_field){lt_str_of(name), type};
    rel->schema = lt_schema_new(s->b->arena, fields, input->count + 1);
    rel->u.rank.partition = partition;
    rel->u.rank.partition_count = over->partition_count;
    rel->u.rank.order = order;
    rel->u.rank.order_count = over->order_count;
    /* Rows of a Top-N that is not one per window come before their window closes: GROUP BY above it
     * has no windows to wait for. */
    rel->window.present = rel->window.present &&
                          is_column_of(partition, over->partition_count, rel->window.start_col) &&
                          is_column_of(partition, over->partition_count, rel->window.end_col);
    s->rel = rel;
    return rel->schema ? LT_OK : lt_error_nomem(err, "schema");
}

/* Where the windows' parts stand in the nodes' input, one array for all calls. */
typedef struct {
    uint32_t *partition;
    lt_sort_key *order;
} over_places;

static lt_status place_windows(over_build *s, over_places *to, lt_error *err)
{
    lt_arena *arena = s->b->arena;
    uint32_t total = 0;
    for (uint32_t i = 0; i < s->overs->count; i++) {
        const lt_over *over = &s->overs->items[i];
        total +=
            over->partition_count + over->order_count + (over->agg ? over->agg->arg_count + 1 : 0);
    }
    s->extra = LT_NEW_ARRAY(arena, lt_expr *, total + 1);
    to->partition = LT_NEW_ARRAY(arena, uint32_t, total + 1);
    to->order = LT_NEW_ARRAY(arena, lt_sort_key, total + 1);
    if (!s->extra || !to->partition || !to->order) {
        return lt_error_nomem(err, "windows");
    }
    uint32_t p = 0, o = 0;
    for (uint32_t i = 0; i < s->overs->count; i++) {
        const lt_over *over = &s->overs->items[i];
        for (uint32_t j = 0; j < over->partition_count; j++) {
            to->partition[p++] = place_expr(s, over->partition[j]);
        }
        for (uint32_t j = 0; j < over->order_count; j++) {
            to->order[o] = over->directions[j];
            to->order[o++].col = place_expr(s, over->order[j]);
        }
    }
    return LT_OK;
}

static lt_status build_ranks(over_build *s, const over_places *at, lt_error *err)
{
    uint32_t p = 0, o = 0;
    for (uint32_t i = 0; i < s->overs->count; i++) {
        const lt_over *over = &s->overs->items[i];
        LT_TRY(add_rank(s, over, at->partition + p, at->order + o, i, err));
        p += over->partition_count;
        o += over->order_count;
    }
    return LT_OK;
}

static lt_status place_column(over_build *s, lt_expr **expr, lt_error *err)
{
    if ((*expr)->kind == LT_NODE_COLUMN || (*expr)->kind == LT_NODE_LITERAL) {
        return LT_OK;
    }
    return lt_expr_column(&s->b->eb, place_expr(s, *expr), (*expr)->type, (*expr)->pos, expr, err);
}

/* The calls' aggregates, over columns alone. */
static lt_status place_aggs(over_build *s, lt_agg ***out, lt_error *err)
{
    uint32_t count = s->overs->count;
    lt_agg **aggs = LT_NEW_ARRAY(s->b->arena, lt_agg *, count + 1);
    if (!aggs) {
        return lt_error_nomem(err, "windows");
    }
    for (uint32_t i = 0; i < count; i++) {
        const lt_over *over = &s->overs->items[i];
        if (!same_window(over, &s->overs->items[0])) {
            lt_status st = lt_unsupported_at(
                err, over->pos, "a second, different OVER window in one SELECT in streaming mode");
            lt_error_hint(err, "All aggregates must be computed on the same window: put one of "
                               "them into a sub-query");
            return st;
        }
        if (!over->agg) {
            LT_TRY(lt_agg_bind(&s->b->eb, LT_STR("COUNT"), NULL, 0, false, NULL, false, over->pos,
                               &aggs[i], err));
            aggs[i]->shown = "ROW_NUMBER";
            continue;
        }
        aggs[i] = over->agg;
        for (uint32_t a = 0; a < aggs[i]->arg_count; a++) {
            LT_TRY(place_column(s, &aggs[i]->args[a], err));
        }
        if (aggs[i]->filter) {
            LT_TRY(place_column(s, &aggs[i]->filter, err));
        }
    }
    *out = aggs;
    return LT_OK;
}

static lt_status add_over_node(over_build *s, const over_places *at, lt_agg **aggs, lt_error *err)
{
    const lt_over *over = &s->overs->items[0];
    const lt_schema *input = s->rel->schema;
    uint32_t count = input->count + s->overs->count;
    lt_rel *rel = lt_rel_make(s->b, LT_REL_OVER, over->pos, s->rel, err);
    if (!rel) {
        return err->code;
    }
    lt_field *fields = LT_NEW_ARRAY(s->b->arena, lt_field, count + 1);
    if (!fields) {
        return lt_error_nomem(err, "window");
    }
    memcpy(fields, input->fields, input->count * sizeof *fields);
    for (uint32_t i = 0; i < s->overs->count; i++) {
        const char *name = lt_arena_printf(s->b->arena, "w0$o%u", i);
        if (!name) {
            return lt_error_nomem(err, "window");
        }
        fields[input->count + i] = (lt_field){lt_str_of(name), aggs[i]->result};
    }
    rel->schema = lt_schema_new(s->b->arena, fields, count);
    rel->u.over.partition = at->partition;
    rel->u.over.partition_count = over->partition_count;
    rel->u.over.order = at->order[0];
    rel->u.over.frame = over->frame;
    rel->u.over.aggs = aggs;
    rel->u.over.agg_count = s->overs->count;
    rel->window = s->rel->window;
    s->rel = rel;
    return rel->schema ? LT_OK : lt_error_nomem(err, "schema");
}

static bool has_aggs(const lt_overs *overs)
{
    for (uint32_t i = 0; i < overs->count; i++) {
        if (overs->items[i].agg) {
            return true;
        }
    }
    return false;
}

/* Takes the columns of computed sort and partition keys away again: what is above counts on input
 * columns, then results. */
static lt_status drop_extras(over_build *s, lt_error *err)
{
    uint32_t count = s->rel->schema->count - s->extra_count, at = 0;
    lt_expr **exprs = LT_NEW_ARRAY(s->b->arena, lt_expr *, count + 1);
    lt_field *fields = LT_NEW_ARRAY(s->b->arena, lt_field, count + 1);
    if (!exprs || !fields) {
        return lt_error_nomem(err, "projection");
    }
    for (uint32_t i = 0; i < s->rel->schema->count; i++) {
        if (i >= s->base && i < s->base + s->extra_count) {
            continue;
        }
        fields[at] = s->rel->schema->fields[i];
        LT_TRY(lt_expr_column(&s->b->eb, i, fields[at].type, s->rel->pos, &exprs[at], err));
        at++;
    }
    return lt_rel_project(s->b, s->rel, exprs, fields, count, &s->rel, err);
}

lt_status lt_bind_build_overs(lt_binder *b, const lt_overs *overs, lt_rel **rel, lt_error *err)
{
    over_build s = {.b = b, .overs = overs, .rel = *rel, .base = (*rel)->schema->count};
    over_places at;
    lt_agg **aggs = NULL;
    LT_ASSERT(s.base == overs->base);
    LT_TRY(place_windows(&s, &at, err));
    if (has_aggs(overs)) {
        LT_TRY(place_aggs(&s, &aggs, err));
    }
    if (s.extra_count > 0) {
        LT_TRY(lt_rel_extend(b, s.rel, s.extra, s.extra_count, &s.rel, err));
    }
    LT_TRY(aggs ? add_over_node(&s, &at, aggs, err) : build_ranks(&s, &at, err));
    if (s.extra_count > 0) {
        LT_TRY(drop_extras(&s, err));
    }
    *rel = s.rel;
    return LT_OK;
}
