/* One SELECT: FROM, WHERE, aggregation, HAVING, ROW_NUMBER windows, QUALIFY, the select list,
 * DISTINCT, ORDER BY, LIMIT, in this order:
 *
 *   input -> FILTER -> [PROJECT keys] -> [EXPAND] -> AGGREGATE -> FILTER -> RANK.. -> FILTER ->
 * PROJECT -> AGGREGATE (distinct) -> SORT | LIMIT
 *
 * The list, HAVING, QUALIFY and ORDER BY are bound in one pass, which collects aggregates and
 * ROW_NUMBER windows; the nodes are built when all are known. With both in one SELECT the pass runs
 * twice, because the windows' numbers stand behind the aggregates' columns. */
#include "bind/bind_int.h"

typedef struct {
    lt_expr *expr;
    lt_str name;
    const lt_type *type;
} out_column;

typedef struct {
    lt_binder *b;
    const lt_ast_query *query;
    const lt_ast_select *ast;
    lt_rel *rel;
    lt_scope scope;
    lt_expr_env env; /* of list, QUALIFY and ORDER BY */
    bool grouped, has_overs, has_subs, dummy_input, sorted;
    lt_grouping grouping;
    lt_overs overs;
    lt_subqueries subs;
    out_column *columns;
    uint32_t count, cap, visible;
    lt_expr *having, *qualify;
    lt_sort_key *order; /* col = output column */
} select_state;

/* ---- the list ---- */

static bool name_taken(const select_state *s, lt_str name)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (lt_str_eq(s->columns[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* Adds an output column; its name gets a number behind it while it is taken. name.ptr NULL: EXPR$n.
 */
static lt_status add_column(select_state *s, lt_expr *expr, lt_str name, const lt_type *type,
                            lt_error *err)
{
    lt_arena *arena = s->b->arena;
    if (!type) {
        return lt_error_nomem(err, "type");
    }
    if (s->count == s->cap) {
        uint32_t cap = s->cap ? 2 * s->cap : 16;
        out_column *grown = LT_NEW_ARRAY(arena, out_column, cap);
        if (!grown) {
            return lt_error_nomem(err, "select list");
        }
        if (s->count) {
            memcpy(grown, s->columns, s->count * sizeof *grown);
        }
        s->columns = grown;
        s->cap = cap;
    }
    lt_str unique = name;
    if (!name.ptr) {
        const char *text = lt_arena_printf(arena, "EXPR$%u", s->count);
        unique = name = lt_str_of(text);
    }
    for (uint32_t attempt = 0; unique.ptr && name_taken(s, unique); attempt++) {
        unique = lt_str_of(lt_arena_printf(arena, LT_STR_FMT "%u", LT_STR_ARG(name), attempt));
    }
    if (!unique.ptr) {
        return lt_error_nomem(err, "name");
    }
    s->columns[s->count++] = (out_column){expr, unique, type};
    return LT_OK;
}

/* An input column of a star; in a grouped select it must be a key. */
static lt_status add_star_column(select_state *s, uint32_t column, uint32_t pos, lt_error *err)
{
    const lt_field *field = &s->scope.schema->fields[column];
    lt_expr *expr;
    LT_TRY(lt_expr_column(&s->b->eb, column, field->type, pos, &expr, err));
    if (!s->grouped) {
        return add_column(s, expr, field->name, field->type, err);
    }
    for (uint32_t key = 0; key < s->grouping.key_count; key++) {
        if (lt_expr_eq(s->grouping.keys[key], expr)) {
            LT_TRY(lt_expr_column(&s->b->eb, key, s->grouping.key_types[key], pos, &expr, err));
            return add_column(s, expr, field->name, expr->type, err);
        }
    }
    return lt_error_set_at(err, LT_ERR_SQL, pos,
                           "Expression '" LT_STR_FMT "' is not being grouped (it comes from *)",
                           LT_STR_ARG(field->name));
}

/* row.*: one column per field. */
static lt_status add_row_fields(select_state *s, lt_expr *row, uint32_t pos, lt_error *err)
{
    if (row->type->kind != LT_TYPE_ROW) {
        return lt_error_set_at(err, LT_ERR_SQL, pos,
                               ".* needs a table or a value of type ROW before it");
    }
    for (uint32_t i = 0; i < row->type->field_count; i++) {
        lt_value value = {0};
        lt_expr *args[2], *expr;
        value.type = lt_type_new(s->b->arena, LT_TYPE_INT, false);
        value.u.i = i;
        if (!value.type) {
            return lt_error_nomem(err, "type");
        }
        args[0] = row;
        LT_TRY(lt_expr_literal(&s->b->eb, &value, pos, &args[1], err));
        LT_TRY(lt_expr_call(&s->b->eb, LT_STR("FIELD"), args, 2, pos, &expr, err));
        LT_TRY(add_column(s, expr, row->type->fields[i].name, expr->type, err));
    }
    return LT_OK;
}

static lt_status add_star(select_state *s, const lt_ast_expr *ast, lt_error *err)
{
    const lt_ast_path *path = &ast->path;
    if (s->dummy_input) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos, "SELECT * needs a FROM clause");
    }
    if (path->count == 0) {
        for (uint32_t i = 0; i < lt_scope_star_count(&s->scope); i++) {
            LT_TRY(add_star_column(s, lt_scope_star(&s->scope, i), ast->pos, err));
        }
        return LT_OK;
    }
    const lt_scope_table *table =
        path->count <= 3 ? lt_scope_find_table(&s->scope, path, path->count) : NULL;
    if (table) {
        for (uint32_t i = table->first; i < table->first + table->count; i++) {
            LT_TRY(add_star_column(s, i, ast->pos, err));
        }
        return LT_OK;
    }
    const lt_ast_expr ident = {.kind = LT_EXPR_IDENT, .pos = ast->pos, .path = *path};
    lt_expr *row;
    LT_TRY(lt_bind_expr(&s->env, &ident, &row, err));
    return add_row_fields(s, row, ast->pos, err);
}

static lt_str item_name(const lt_ast_item *item)
{
    if (item->alias.text.ptr) {
        return item->alias.text;
    }
    if (item->expr->kind == LT_EXPR_IDENT) {
        return item->expr->path.items[item->expr->path.count - 1].text;
    }
    if (lt_ast_is_plain_word(item->expr)) {
        return item->expr->call->name.items[0].text;
    }
    return (lt_str){NULL, 0};
}

static lt_status bind_items(select_state *s, lt_error *err)
{
    s->count = 0;
    for (uint32_t i = 0; i < s->ast->item_count; i++) {
        const lt_ast_item *item = &s->ast->items[i];
        lt_expr *expr;
        if (item->expr->kind == LT_EXPR_STAR) {
            LT_TRY(add_star(s, item->expr, err));
            continue;
        }
        if (item->expr->kind == LT_EXPR_FIELD && !item->expr->field.name.text.ptr) {
            LT_TRY(lt_bind_expr(&s->env, item->expr->field.operand, &expr, err));
            LT_TRY(add_row_fields(s, expr, item->expr->pos, err));
            continue;
        }
        LT_TRY(lt_bind_expr(&s->env, item->expr, &expr, err));
        LT_TRY(add_column(s, expr, item_name(item),
                          lt_projected_type(s->b->arena, item->expr, expr), err));
    }
    s->visible = s->count;
    return LT_OK;
}

/* ---- ORDER BY ---- */

static lt_status order_column(select_state *s, const lt_ast_expr *ast, uint32_t *out, lt_error *err)
{
    lt_expr *expr;
    int64_t ordinal;
    if (ast->kind == LT_EXPR_LITERAL && ast->lit.kind == LT_LIT_INTEGER) {
        if (!lt_str_to_i64(ast->lit.text, &ordinal) || ordinal < 1 || ordinal > s->visible) {
            return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                                   "Ordinal out of range: the select list has %u columns",
                                   s->visible);
        }
        *out = (uint32_t)ordinal - 1;
        return LT_OK;
    }
    for (uint32_t i = 0; ast->kind == LT_EXPR_IDENT && ast->path.count == 1 && i < s->visible;
         i++) {
        if (lt_str_eq(s->columns[i].name, ast->path.items[0].text)) {
            *out = i;
            return LT_OK;
        }
    }
    lt_expr_env env = s->env;
    env.clause = "ORDER BY";
    LT_TRY(lt_bind_expr(&env, ast, &expr, err));
    for (uint32_t i = 0; i < s->count; i++) {
        if (lt_expr_eq(s->columns[i].expr, expr)) {
            *out = i;
            return LT_OK;
        }
    }
    if (s->ast->quantifier == LT_QUANT_DISTINCT) {
        return lt_error_set_at(
            err, LT_ERR_SQL, ast->pos,
            "with SELECT DISTINCT, ORDER BY takes only what is in the select list");
    }
    *out = s->count;
    return add_column(s, expr, (lt_str){NULL, 0}, lt_projected_type(s->b->arena, ast, expr), err);
}

static lt_status bind_order(select_state *s, lt_error *err)
{
    const lt_ast_orders *orders = &s->query->order_by;
    s->order = LT_NEW_ARRAY(s->b->arena, lt_sort_key, orders->count + 1);
    if (!s->order) {
        return lt_error_nomem(err, "ORDER BY");
    }
    for (uint32_t i = 0; s->sorted && i < orders->count; i++) {
        lt_bind_direction(&orders->items[i], &s->order[i]);
        LT_TRY(order_column(s, orders->items[i].expr, &s->order[i].col, err));
    }
    return LT_OK;
}

/* ---- putting it together ---- */

static bool any_part(lt_binder *b, const lt_ast_query *query,
                     bool (*test)(lt_binder *b, const lt_ast_expr *))
{
    const lt_ast_select *ast = query->select;
    for (uint32_t i = 0; i < ast->item_count; i++) {
        if (test(b, ast->items[i].expr)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < query->order_by.count; i++) {
        if (test(b, query->order_by.items[i].expr)) {
            return true;
        }
    }
    return test(b, ast->having) || test(b, ast->qualify);
}

/* ---- hints ---- */

static bool is_ttl_hint(const lt_ast_hint *hint)
{
    return lt_str_eq_ci(hint->name.text, LT_STR("STATE_TTL"));
}

lt_status lt_hint_ttl(const lt_binder *b, lt_str table, int64_t *ttl_ms, lt_error *err)
{
    *ttl_ms = -1;
    for (uint32_t h = 0; b->hints && h < b->hints->count; h++) {
        const lt_ast_hint *hint = &b->hints->items[h];
        for (uint32_t i = 0; is_ttl_hint(hint) && i < hint->arg_count; i++) {
            const lt_ast_hint_arg *arg = &hint->args[i];
            if (!arg->key.ptr || !lt_str_eq(arg->key, table)) {
                continue;
            }
            if (!lt_parse_duration_ms(arg->value, ttl_ms) || *ttl_ms < 0) {
                return lt_error_set_at(err, LT_ERR_SQL, arg->pos,
                                       "STATE_TTL of '" LT_STR_FMT "': '" LT_STR_FMT
                                       "' is not a duration such as '1 h'",
                                       LT_STR_ARG(table), LT_STR_ARG(arg->value));
            }
        }
    }
    return LT_OK;
}

/* Every name in a STATE_TTL hint must be one of the FROM clause's, and must mean something there.
 */
static lt_status check_hints(const select_state *s, lt_error *err)
{
    const lt_ast_hints *hints = &s->ast->hints;
    LT_TRY(lt_hint_lookup_check(hints, err));
    for (uint32_t h = 0; h < hints->count; h++) {
        const lt_ast_hint *hint = &hints->items[h];
        for (uint32_t i = 0; is_ttl_hint(hint) && i < hint->arg_count; i++) {
            const lt_ast_hint_arg *arg = &hint->args[i];
            bool found = false;
            for (uint32_t t = 0; arg->key.ptr && t < s->scope.table_count; t++) {
                lt_str alias = s->scope.tables[t].alias;
                found = found || (alias.ptr && lt_str_eq(alias, arg->key));
            }
            if (!found) {
                lt_status st = lt_error_set_at(err, LT_ERR_SQL, arg->pos,
                                               "the STATE_TTL hint names no table of this FROM");
                lt_error_hint(err, "STATE_TTL('name or alias' = '1 h', ..)");
                return st;
            }
        }
    }
    return LT_OK;
}

static lt_status hint_aggregate(select_state *s, lt_error *err)
{
    int64_t ttl_ms = -1;
    if (s->scope.table_count == 1 && s->scope.tables[0].alias.ptr) {
        LT_TRY(lt_hint_ttl(s->b, s->scope.tables[0].alias, &ttl_ms, err));
    }
    s->rel->u.aggregate.has_ttl = ttl_ms >= 0;
    s->rel->u.aggregate.ttl_ms = LT_MAX(ttl_ms, (int64_t)0);
    return LT_OK;
}

static lt_status bind_input(select_state *s, lt_error *err)
{
    if (!s->ast->from) {
        /* WHERE and aggregates need something to run on. */
        LT_TRY(lt_rel_dummy(s->b, s->query->pos, &s->rel, err));
        s->dummy_input = true;
        s->scope = (lt_scope){.schema = s->rel->schema};
    } else {
        lt_bound_from from;
        LT_TRY(lt_bind_from(s->b, s->ast->from, &from, err));
        s->rel = from.rel;
        s->scope = from.scope;
        s->scope.schema = from.rel->schema;
    }
    if (s->ast->where) {
        lt_expr_env env = {.b = s->b, .scope = &s->scope, .clause = "WHERE"};
        LT_TRY(lt_bind_where(&env, s->ast->where, &s->rel, err));
    }
    LT_TRY(lt_settle_joins(s->b, s->rel, err));
    s->scope.schema = s->rel->schema;
    return LT_OK;
}

static lt_status bind_parts(select_state *s, lt_error *err)
{
    lt_expr_env env = s->env;
    LT_TRY(bind_items(s, err));
    if (s->ast->having) {
        env.overs = NULL;
        env.clause = "HAVING";
        LT_TRY(lt_bind_condition(&env, s->ast->having, &s->having, err));
    }
    if (s->ast->qualify) {
        env = s->env;
        env.clause = "QUALIFY";
        env.aliases = s->ast->items;
        env.alias_count = s->ast->item_count;
        LT_TRY(lt_bind_condition(&env, s->ast->qualify, &s->qualify, err));
    }
    return bind_order(s, err);
}

/* GROUP BY () with nothing aggregated: a row must have a column. */
static lt_status ensure_aggregate(select_state *s, lt_error *err)
{
    lt_grouping *g = &s->grouping;
    if (lt_grouping_width(g) + g->agg_count > 0) {
        return LT_OK;
    }
    g->aggs = LT_NEW(s->b->arena, lt_agg *);
    if (!g->aggs) {
        return lt_error_nomem(err, "aggregate");
    }
    g->agg_count = g->agg_cap = 1;
    return lt_agg_bind(&s->b->eb, LT_STR("COUNT"), NULL, 0, false, NULL, false, s->query->pos,
                       &g->aggs[0], err);
}

static void collect_subqueries(select_state *s, uint32_t base)
{
    s->subs = (lt_subqueries){.b = s->b, .base = base, .width = base};
}

static lt_status bind_all(select_state *s, lt_error *err)
{
    s->env = (lt_expr_env){.b = s->b, .scope = &s->scope, .clause = "SELECT"};
    s->overs.windows = s->ast->windows;
    s->overs.window_count = s->ast->window_count;
    s->overs.base = s->scope.schema->count;
    s->env.overs = &s->overs;
    collect_subqueries(s, s->scope.schema->count);
    s->env.subs = &s->subs;
    if (s->grouped) {
        LT_TRY(lt_grouping_bind(s->b, s->ast, &s->scope, &s->grouping, err));
        LT_TRY(lt_grouping_types(s->b, &s->rel->window, &s->grouping, err));
        s->env.grouping = &s->grouping;
    }
    if (s->has_subs ? s->grouped || s->has_overs : s->grouped && s->has_overs) {
        /* A first pass, to know how many columns stand before the sub-queries' and the numbers. */
        uint32_t base = s->scope.schema->count;
        LT_TRY(bind_parts(s, err));
        if (s->grouped) {
            LT_TRY(ensure_aggregate(s, err));
            base = lt_grouping_width(&s->grouping) + s->grouping.agg_count;
        }
        s->overs.count = 0;
        s->overs.base = base + (s->subs.width - s->subs.base);
        collect_subqueries(s, base);
    }
    return bind_parts(s, err);
}

static lt_status project(select_state *s, lt_error *err)
{
    lt_expr **exprs = LT_NEW_ARRAY(s->b->arena, lt_expr *, s->count + 1);
    lt_field *fields = LT_NEW_ARRAY(s->b->arena, lt_field, s->count + 1);
    if (!exprs || !fields) {
        return lt_error_nomem(err, "select list");
    }
    bool identity = s->count == s->rel->schema->count;
    for (uint32_t i = 0; i < s->count; i++) {
        exprs[i] = s->columns[i].expr;
        fields[i] = (lt_field){s->columns[i].name, s->columns[i].type};
        identity = identity && exprs[i]->kind == LT_NODE_COLUMN && exprs[i]->u.column == i &&
                   lt_str_eq(fields[i].name, s->rel->schema->fields[i].name) &&
                   fields[i].type->attr == s->rel->schema->fields[i].type->attr;
    }
    if (identity) {
        return LT_OK;
    }
    if (s->dummy_input && s->rel->kind == LT_REL_VALUES) {
        /* SELECT without FROM and conditions is one row of VALUES. */
        s->rel->u.values.rows[0] = exprs;
        s->rel->schema = lt_schema_new(s->b->arena, fields, s->count);
        return s->rel->schema ? LT_OK : lt_error_nomem(err, "schema");
    }
    return lt_rel_project(s->b, s->rel, exprs, fields, s->count, &s->rel, err);
}

static lt_status sort_and_limit(select_state *s, lt_error *err)
{
    int64_t offset, count;
    LT_TRY(lt_bind_limits(s->b, s->query, &offset, &count, err));
    if (!s->sorted) {
        return offset > 0 || count >= 0 ? lt_rel_limit(s->b, s->rel, offset, count, &s->rel, err)
                                        : LT_OK;
    }
    lt_rel *rel =
        lt_rel_make(s->b, LT_REL_SORT, s->query->order_by.items[0].expr->pos, s->rel, err);
    if (!rel) {
        return err->code;
    }
    rel->u.sort.keys = s->order;
    rel->u.sort.key_count = s->query->order_by.count;
    rel->u.sort.offset = offset;
    rel->u.sort.count = count;
    s->rel = rel;
    if (s->count == s->visible) {
        return LT_OK;
    }
    lt_expr **exprs = LT_NEW_ARRAY(s->b->arena, lt_expr *, s->visible + 1);
    if (!exprs) {
        return lt_error_nomem(err, "select list");
    }
    for (uint32_t i = 0; i < s->visible; i++) {
        LT_TRY(lt_expr_column(&s->b->eb, i, rel->schema->fields[i].type, rel->pos, &exprs[i], err));
    }
    return lt_rel_project(s->b, rel, exprs, rel->schema->fields, s->visible, &s->rel, err);
}

static lt_status build(select_state *s, lt_error *err)
{
    if (s->grouped) {
        uint32_t *keys = NULL;
        LT_TRY(ensure_aggregate(s, err));
        LT_TRY(lt_grouping_place(s->b, &s->grouping, &s->rel, &keys, err));
        LT_TRY(lt_rel_aggregate(s->b, s->rel, keys, s->grouping.key_names,
                                lt_grouping_width(&s->grouping), s->grouping.aggs,
                                s->grouping.agg_count, &s->rel, err));
        s->rel->pos = s->query->pos;
        if (s->grouping.window.present) { /* no windowed table comes of it */
            s->rel->window = (lt_window_props){.start_col = -1, .end_col = -1, .time_col = -1};
        }
        LT_TRY(hint_aggregate(s, err));
    }
    if (s->subs.joins) {
        LT_TRY(lt_subqueries_attach(&s->subs, &s->rel, err));
    }
    if (s->having) {
        LT_TRY(lt_rel_filter(s->b, s->rel, s->having, s->ast->having->pos, &s->rel, err));
    }
    if (s->overs.count > 0) {
        LT_TRY(lt_bind_build_overs(s->b, &s->overs, &s->rel, err));
    }
    if (s->qualify) {
        LT_TRY(lt_rel_filter(s->b, s->rel, s->qualify, s->ast->qualify->pos, &s->rel, err));
    }
    LT_TRY(project(s, err));
    if (s->ast->quantifier == LT_QUANT_DISTINCT) {
        LT_TRY(lt_rel_distinct(s->b, s->rel, &s->rel, err));
    }
    return sort_and_limit(s, err);
}

static lt_status bind_select(select_state *s, bool top, lt_error *err)
{
    const lt_ast_query *query = s->query;
    LT_TRY(bind_input(s, err));
    LT_TRY(check_hints(s, err));
    s->sorted = query->order_by.count > 0 && (top || query->limit || query->offset);
    s->grouped =
        s->ast->has_group_by || s->ast->having || any_part(s->b, query, lt_ast_has_aggregate);
    s->has_overs = any_part(s->b, query, lt_ast_has_over);
    s->has_subs = any_part(s->b, query, lt_ast_has_query);
    if (s->ast->qualify && !s->has_overs) {
        return lt_error_set_at(
            err, LT_ERR_SQL, s->ast->qualify->pos,
            "QUALIFY needs a window function: in its condition or in the select list");
    }
    LT_TRY(bind_all(s, err));
    return build(s, err);
}

lt_status lt_bind_select(lt_binder *b, const lt_ast_query *query, bool top, lt_rel **out,
                         lt_error *err)
{
    select_state s = {.b = b, .query = query, .ast = query->select};
    const lt_ast_hints *outer = b->hints;
    b->hints = &s.ast->hints;
    lt_status st = bind_select(&s, top, err);
    b->hints = outer;
    if (st == LT_OK) {
        *out = s.rel;
    }
    return st;
}
