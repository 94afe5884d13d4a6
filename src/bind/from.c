/* Table references: names (WITH queries, views, tables), sub-queries, window table functions. Joins
 * are in join.c; what is not there yet is refused by name. */
#include "bind/bind_int.h"

/* Gives the columns of a table reference other names: t (a, b). */
static lt_status rename_columns(lt_binder *b, lt_rel *input, const lt_ast_names *names,
                                lt_rel **out, lt_error *err)
{
    const lt_schema *schema = input->schema;
    lt_field *fields = LT_NEW_ARRAY(b->arena, lt_field, schema->count + 1);
    lt_expr **exprs = LT_NEW_ARRAY(b->arena, lt_expr *, schema->count + 1);
    if (names->count == 0) {
        *out = input;
        return LT_OK;
    }
    if (names->count != schema->count) {
        return lt_error_set_at(err, LT_ERR_SQL, names->items[0].pos,
                               "List of column aliases must have same degree as table; table has "
                               "%u columns, list has %u",
                               schema->count, names->count);
    }
    if (!fields || !exprs) {
        return lt_error_nomem(err, "schema");
    }
    for (uint32_t i = 0; i < schema->count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (lt_str_eq(names->items[i].text, names->items[j].text)) {
                return lt_error_set_at(err, LT_ERR_SQL, names->items[i].pos,
                                       "Duplicate name '" LT_STR_FMT "' in column alias list",
                                       LT_STR_ARG(names->items[i].text));
            }
        }
        fields[i] = (lt_field){names->items[i].text, schema->fields[i].type};
        LT_TRY(lt_expr_column(&b->eb, i, fields[i].type, input->pos, &exprs[i], err));
    }
    return lt_rel_project(b, input, exprs, fields, schema->count, out, err);
}

static lt_cte *find_cte(lt_binder *b, const lt_ast_path *path)
{
    for (lt_cte *cte = b->ctes; path->count == 1 && cte; cte = cte->outer) {
        if (lt_str_eq(cte->ast->name.text, path->items[0].text)) {
            return cte;
        }
    }
    return NULL;
}

bool lt_bind_is_cte(lt_binder *b, const lt_ast_path *path)
{
    return find_cte(b, path) != NULL;
}

static lt_status bind_cte(lt_binder *b, lt_cte *cte, lt_rel **out, lt_error *err)
{
    lt_binder inner = *b;
    inner.ctes = cte->outer;
    inner.around = cte->around;
    cte->used = true;
    LT_TRY(lt_bind_query(&inner, cte->ast->query, false, out, err));
    return rename_columns(b, *out, &cte->ast->columns, out, err);
}

/* A view's text is bound as it was written: against the catalog and database current then. Its
 * errors are shown where the view is used. */
static lt_status bind_view(lt_binder *b, const lt_table_def *def, uint32_t pos, lt_rel **out,
                           lt_error *err)
{
    lt_binder inner = *b;
    lt_field *fields;
    lt_expr **exprs;
    lt_rel *rel;
    if (b->view_depth >= LT_VIEW_DEPTH_MAX) {
        return lt_error_set_at(err, LT_ERR_SQL, pos,
                               "view '" LT_STR_FMT
                               "' is defined by itself, or nests more than %d views",
                               LT_STR_ARG(def->name), LT_VIEW_DEPTH_MAX);
    }
    inner.view_depth++;
    inner.ctes = NULL;
    inner.around = NULL;
    inner.current_catalog = def->view_catalog;
    inner.current_database = def->view_database;
    lt_status st = lt_bind_query(&inner, def->query, true, &rel, err);
    if (st == LT_OK && rel->schema->count != def->column_count) {
        st = lt_error_set(err, LT_ERR_SQL, "its query gives %u columns, but it was made with %u",
                          rel->schema->count, def->column_count);
    }
    if (st != LT_OK) {
        if (st == LT_ERR_SQL || st == LT_ERR_UNSUPPORTED) {
            bool inner_view = strncmp(err->text, "in view ", 8) == 0; /* the innermost says most */
            const char *text = inner_view
                                   ? lt_arena_printf(b->arena, "%s", err->text)
                                   : lt_arena_printf(b->arena, "in view '" LT_STR_FMT "': %s",
                                                     LT_STR_ARG(def->name), err->text);
            const char *hint = lt_arena_printf(b->arena, "%s", err->hint);
            st = lt_error_set_at(err, st, pos, "%s", text ? text : "");
            lt_error_hint(err, "%s", hint ? hint : "");
        }
        return st;
    }
    fields = LT_NEW_ARRAY(b->arena, lt_field, def->column_count + 1);
    exprs = LT_NEW_ARRAY(b->arena, lt_expr *, def->column_count + 1);
    if (!fields || !exprs) {
        return lt_error_nomem(err, "view");
    }
    bool same = true;
    for (uint32_t i = 0; i < def->column_count; i++) {
        fields[i] = (lt_field){def->columns[i].name, rel->schema->fields[i].type};
        same = same && lt_str_eq(fields[i].name, rel->schema->fields[i].name);
        LT_TRY(lt_expr_column(&b->eb, i, fields[i].type, pos, &exprs[i], err));
    }
    if (same) {
        *out = rel;
        return LT_OK;
    }
    return lt_rel_project(b, rel, exprs, fields, def->column_count, out, err);
}

static lt_status check_hints(const lt_table_def *def, const lt_ast_hints *hints, lt_error *err)
{
    for (uint32_t i = 0; hints && i < hints->count; i++) {
        if (def->is_view && lt_str_eq_ci(hints->items[i].name.text, LT_STR("OPTIONS"))) {
            return lt_error_set_at(
                err, LT_ERR_SQL, hints->items[i].name.pos,
                "View '" LT_STR_FMT
                "' cannot be enriched with new options. Hints can only be applied to tables.",
                LT_STR_ARG(def->name));
        }
    }
    return LT_OK;
}

lt_status lt_bind_table_path(lt_binder *b, const lt_ast_path *path, const lt_ast_hints *hints,
                             lt_bound_from *out, lt_error *err)
{
    uint32_t pos = path->items[0].pos;
    lt_cte *cte = find_cte(b, path);
    lt_table_def *def = NULL;
    if (cte) {
        LT_TRY(bind_cte(b, cte, &out->rel, err));
    } else {
        LT_TRY(lt_bind_find_table(b, path, "Table", &def, err));
        LT_TRY(check_hints(def, hints, err));
        if (def->is_view) {
            LT_TRY(bind_view(b, def, pos, &out->rel, err));
        } else {
            LT_TRY(lt_bind_scan(b, def, hints, pos, &out->rel, err));
        }
    }
    LT_TRY(
        lt_scope_single(b, out->rel->schema, path->items[path->count - 1].text, &out->scope, err));
    if (def) {
        lt_scope_table *table = &out->scope.tables[0];
        table->path[0] = def->catalog;
        table->path[1] = def->database;
        table->path[2] = def->name;
        table->path_count = 3;
    }
    return LT_OK;
}

static lt_status bind_function(lt_binder *b, const lt_ast_from *from, lt_bound_from *out,
                               lt_error *err)
{
    const lt_ast_expr *call = from->function.call;
    lt_str func = call->kind == LT_EXPR_CALL ? call->call->func : LT_STR("");
    if (from->function.lateral) {
        return lt_unsupported_at(err, from->pos, "LATERAL TABLE(..)");
    }
    if (call->kind == LT_EXPR_CALL && call->call->name.count == 1 && lt_is_window_tvf(func)) {
        LT_TRY(lt_bind_window_tvf(b, call, &out->rel, err));
        return lt_scope_single(b, out->rel->schema, (lt_str){NULL, 0}, &out->scope, err);
    }
    if (lt_str_eq(func, LT_STR("ML_PREDICT")) || lt_str_eq(func, LT_STR("VECTOR_SEARCH")) ||
        lt_str_eq(func, LT_STR("ML_EVALUATE"))) {
        return lt_unsupported_at(err, from->pos, "models");
    }
    if (lt_str_eq(func, LT_STR("TO_CHANGELOG")) || lt_str_eq(func, LT_STR("FROM_CHANGELOG")) ||
        lt_str_eq(func, LT_STR("SNAPSHOT"))) {
        return lt_unsupported_at(err, from->pos, "process table functions");
    }
    lt_status st =
        lt_error_set_at(err, LT_ERR_SQL, call->pos, "No match found for table function " LT_STR_FMT,
                        LT_STR_ARG(func));
    lt_error_hint(err, "table functions here: TUMBLE, HOP, CUMULATE, SESSION");
    return st;
}

/* Alias and column names written after a reference. */
static lt_status apply_alias(lt_binder *b, const lt_ast_from *from, lt_bound_from *out,
                             lt_error *err)
{
    if (!from->alias.text.ptr) {
        return LT_OK;
    }
    LT_TRY(rename_columns(b, out->rel, &from->columns, &out->rel, err));
    return lt_scope_single(b, out->rel->schema, from->alias.text, &out->scope, err);
}

/* UNNEST with no reference before it: over one row, whose column goes. */
static lt_status bind_lone_unnest(lt_binder *b, const lt_ast_from *from, lt_bound_from *out,
                                  lt_error *err)
{
    lt_bound_from left = {0};
    lt_rel *rel;
    LT_TRY(lt_rel_dummy(b, from->pos, &left.rel, err));
    LT_TRY(lt_bind_unnest(b, from, &left, false, out, &rel, err));
    const lt_schema *schema = out->scope.schema;
    lt_expr **exprs = LT_NEW_ARRAY(b->arena, lt_expr *, schema->count + 1);
    if (!exprs) {
        return lt_error_nomem(err, "UNNEST");
    }
    for (uint32_t i = 0; i < schema->count; i++) {
        LT_TRY(lt_expr_column(&b->eb, i + 1, schema->fields[i].type, from->pos, &exprs[i], err));
    }
    return lt_rel_project(b, rel, exprs, schema->fields, schema->count, &out->rel, err);
}

lt_status lt_bind_snapshot(lt_binder *b, const lt_ast_from *from, lt_bound_from *out, lt_error *err)
{
    LT_TRY(lt_bind_table_path(b, &from->table.path, &from->table.hints, out, err));
    return apply_alias(b, from, out, err);
}

lt_status lt_bind_from(lt_binder *b, const lt_ast_from *from, lt_bound_from *out, lt_error *err)
{
    switch (from->kind) {
    case LT_FROM_TABLE:
        if (from->table.as_of) {
            return lt_unsupported_at(err, from->pos,
                                     "FOR SYSTEM_TIME AS OF other than behind JOIN (time travel)");
        }
        return lt_bind_snapshot(b, from, out, err);
    case LT_FROM_SUBQUERY:
        LT_TRY(lt_bind_query(b, from->subquery.query, false, &out->rel, err));
        LT_TRY(lt_scope_single(b, out->rel->schema, (lt_str){NULL, 0}, &out->scope, err));
        return apply_alias(b, from, out, err);
    case LT_FROM_FUNCTION:
        LT_TRY(bind_function(b, from, out, err));
        return apply_alias(b, from, out, err);
    case LT_FROM_UNNEST:
        return bind_lone_unnest(b, from, out, err);
    case LT_FROM_JOIN:
        return lt_bind_join(b, from, out, err);
    case LT_FROM_MATCH:
        return lt_unsupported_at(err, from->pos, "MATCH_RECOGNIZE");
    }
    return lt_error_set_at(err, LT_ERR_INTERNAL, from->pos, "unknown table reference");
}
