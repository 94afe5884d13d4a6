/* CREATE VIEW and ALTER VIEW. A view is kept as text that no later change of the session or of
 * other tables gives another meaning: tables by their full path, `*` as the columns that it stood
 * for. */
#include "bind/bind_int.h"

/* ---- stars and paths ---- */

static lt_status expand_query(lt_binder *b, const lt_ast_query *query, lt_ast_query **out,
                              lt_error *err);

/* The reference with full paths. Names of WITH queries stay. */
static lt_status expand_from(lt_binder *b, const lt_ast_from *from, lt_ast_from **out,
                             lt_error *err)
{
    lt_ast_from *copy = LT_NEW(b->arena, lt_ast_from);
    lt_table_def *def;
    if (!copy) {
        return lt_error_nomem(err, "view");
    }
    *copy = *from;
    *out = copy;
    if (from->kind == LT_FROM_SUBQUERY) {
        return expand_query(b, from->subquery.query, &copy->subquery.query, err);
    }
    if (from->kind == LT_FROM_JOIN) {
        LT_TRY(expand_from(b, from->join.left, &copy->join.left, err));
        return expand_from(b, from->join.right, &copy->join.right, err);
    }
    if (from->kind != LT_FROM_TABLE || lt_bind_is_cte(b, &from->table.path)) {
        return LT_OK;
    }
    LT_TRY(lt_bind_find_table(b, &from->table.path, "Table", &def, err));
    lt_ast_name *parts = LT_NEW_ARRAY(b->arena, lt_ast_name, 3);
    if (!parts) {
        return lt_error_nomem(err, "view");
    }
    parts[0].text = def->catalog;
    parts[1].text = def->database;
    parts[2].text = def->name;
    copy->table.path = (lt_ast_path){parts, 3};
    if (!copy->alias.text.ptr) {
        copy->alias = from->table.path.items[from->table.path.count - 1];
    }
    return LT_OK;
}

static lt_status column_item(lt_binder *b, lt_str alias, lt_str name, uint32_t pos,
                             lt_ast_item *out, lt_error *err)
{
    lt_ast_name *parts = LT_NEW_ARRAY(b->arena, lt_ast_name, 2);
    lt_ast_expr *expr = LT_NEW(b->arena, lt_ast_expr);
    uint32_t count = 0;
    if (!parts || !expr) {
        return lt_error_nomem(err, "view");
    }
    if (alias.ptr) {
        parts[count++] = (lt_ast_name){alias, pos, true};
    }
    parts[count++] = (lt_ast_name){name, pos, true};
    expr->kind = LT_EXPR_IDENT;
    expr->pos = pos;
    expr->path = (lt_ast_path){parts, count};
    *out = (lt_ast_item){.expr = expr};
    return LT_OK;
}

/* The table of a column; NULL: one that JOIN .. USING made. */
static const lt_scope_table *table_of(const lt_scope *scope, uint32_t column)
{
    for (uint32_t t = 0; t < scope->table_count; t++) {
        const lt_scope_table *table = &scope->tables[t];
        if (column >= table->first && column - table->first < table->count) {
            return table;
        }
    }
    return NULL;
}

/* A column whose name comes twice in its table can only be reached by `*`; a join's table must have
 * a name as well. */
static bool has_unnamed(const lt_scope *scope)
{
    const lt_field *fields = scope->schema->fields;
    for (uint32_t i = 0; i < scope->schema->count; i++) {
        const lt_scope_table *table = table_of(scope, i);
        if (table && !table->alias.ptr && scope->table_count > 1) {
            return true;
        }
        for (uint32_t j = table ? table->first : i; j < i; j++) {
            if (lt_str_eq(fields[i].name, fields[j].name)) {
                return true;
            }
        }
    }
    return false;
}

/* Does the column stand for those of both sides of a JOIN .. USING? Another one has its name then,
 * which `*` leaves out. */
static bool is_merged(const lt_scope *scope, uint32_t column)
{
    uint32_t all = 0, shown = 0;
    for (uint32_t i = 0; i < scope->schema->count; i++) {
        all += lt_str_eq(scope->schema->fields[i].name, scope->schema->fields[column].name);
    }
    for (uint32_t i = 0; i < lt_scope_star_count(scope); i++) {
        shown += lt_str_eq(scope->schema->fields[lt_scope_star(scope, i)].name,
                           scope->schema->fields[column].name);
    }
    return shown == 1 && all > 1;
}

static bool is_star(const lt_ast_expr *expr, const lt_scope *scope)
{
    return expr->kind == LT_EXPR_STAR &&
           (expr->path.count == 0 ||
            (expr->path.count <= 3 && lt_scope_find_table(scope, &expr->path, expr->path.count)));
}

/* Adds the columns that a star stands for. */
static lt_status expand_star(lt_binder *b, const lt_scope *scope, const lt_ast_expr *star,
                             lt_ast_item *items, uint32_t *count, lt_error *err)
{
    const lt_scope_table *only =
        star->path.count > 0 ? lt_scope_find_table(scope, &star->path, star->path.count) : NULL;
    uint32_t columns = only ? only->count : lt_scope_star_count(scope);
    for (uint32_t i = 0; i < columns; i++) {
        uint32_t column = only ? only->first + i : lt_scope_star(scope, i);
        const lt_scope_table *table = table_of(scope, column);
        bool bare = !table || (!only && is_merged(scope, column));
        LT_TRY(column_item(b, bare ? (lt_str){NULL, 0} : table->alias,
                           scope->schema->fields[column].name, star->pos, &items[(*count)++], err));
    }
    return LT_OK;
}

static lt_status expand_items(lt_binder *b, lt_ast_select *select, const lt_scope *scope,
                              lt_error *err)
{
    uint32_t stars = 0, count = 0;
    for (uint32_t i = 0; i < select->item_count; i++) {
        stars += is_star(select->items[i].expr, scope);
    }
    if (stars == 0 || has_unnamed(scope)) {
        return LT_OK;
    }
    lt_ast_item *items =
        LT_NEW_ARRAY(b->arena, lt_ast_item, select->item_count + stars * scope->schema->count);
    if (!items) {
        return lt_error_nomem(err, "view");
    }
    for (uint32_t i = 0; i < select->item_count; i++) {
        const lt_ast_expr *expr = select->items[i].expr;
        if (!is_star(expr, scope)) {
            items[count++] = select->items[i];
            continue;
        }
        LT_TRY(expand_star(b, scope, expr, items, &count, err));
    }
    select->items = items;
    select->item_count = count;
    return LT_OK;
}

static lt_status expand_select(lt_binder *b, lt_ast_query *query, lt_error *err)
{
    lt_ast_select *select = LT_NEW(b->arena, lt_ast_select);
    lt_bound_from from;
    if (!select) {
        return lt_error_nomem(err, "view");
    }
    *select = *query->select;
    query->select = select;
    if (!select->from) {
        return LT_OK;
    }
    LT_TRY(lt_bind_from(b, select->from, &from, err));
    from.scope.schema = from.rel->schema;
    LT_TRY(expand_items(b, select, &from.scope, err));
    return expand_from(b, select->from, &select->from, err);
}

static lt_status expand_setop(lt_binder *b, lt_ast_query *query, lt_error *err)
{
    lt_ast_query **operands = LT_NEW_ARRAY(b->arena, lt_ast_query *, query->setop.count);
    if (!operands) {
        return lt_error_nomem(err, "view");
    }
    for (uint32_t i = 0; i < query->setop.count; i++) {
        LT_TRY(expand_query(b, query->setop.operands[i], &operands[i], err));
    }
    query->setop.operands = operands;
    return LT_OK;
}

static lt_status expand_query(lt_binder *b, const lt_ast_query *query, lt_ast_query **out,
                              lt_error *err)
{
    lt_ast_query *copy = LT_NEW(b->arena, lt_ast_query);
    lt_binder inner = *b;
    if (!copy) {
        return lt_error_nomem(err, "view");
    }
    *copy = *query;
    *out = copy;
    LT_TRY(lt_bind_push_ctes(&inner, query, err));
    switch (query->kind) {
    case LT_QUERY_SELECT:
        return expand_select(&inner, copy, err);
    case LT_QUERY_SETOP:
        return expand_setop(&inner, copy, err);
    case LT_QUERY_NESTED:
        return expand_query(&inner, query->nested, &copy->nested, err);
    case LT_QUERY_VALUES:
    case LT_QUERY_TABLE:
        break;
    }
    return LT_OK;
}

/* ---- definitions ---- */

static lt_status view_columns(lt_binder *keeper, lt_table_def *def, const lt_rel *query,
                              const lt_ast_names *names, lt_error *err)
{
    uint32_t count = query->schema->count;
    lt_field *fields = LT_NEW_ARRAY(keeper->arena, lt_field, count + 1);
    def->columns = LT_NEW_ARRAY(keeper->arena, lt_column_def, count + 1);
    def->column_count = count;
    if (!def->columns || !fields) {
        return lt_error_nomem(err, "view");
    }
    if (names->count > 0 && names->count != count) {
        return lt_error_set_at(err, LT_ERR_SQL, names->items[0].pos,
                               "VIEW definition and input fields not match: the view names %u "
                               "columns, its query has %u",
                               names->count, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        fields[i] =
            (lt_field){names->count > 0 ? names->items[i].text : query->schema->fields[i].name,
                       query->schema->fields[i].type};
        for (uint32_t j = 0; j < i; j++) {
            if (lt_str_eq(fields[i].name, fields[j].name)) {
                return lt_error_set_at(
                    err, LT_ERR_SQL, names->count > 0 ? names->items[i].pos : query->pos,
                    "column '" LT_STR_FMT "' stands twice in the view", LT_STR_ARG(fields[i].name));
            }
        }
    }
    def->schema = lt_schema_new(keeper->arena, fields, count);
    for (uint32_t i = 0; def->schema && i < count; i++) {
        def->columns[i] = (lt_column_def){.name = def->schema->fields[i].name,
                                          .type = def->schema->fields[i].type};
    }
    return def->schema ? LT_OK : lt_error_nomem(err, "schema");
}

/* Types live in the statement's arena; a view's must outlive it: its text is bound once more in the
 * catalog's. */
static lt_status view_def(lt_binder *b, const lt_object_path *path, const lt_ast_query *ast,
                          const lt_ast_names *names, lt_str comment, bool temporary,
                          lt_table_def **out, lt_error *err)
{
    lt_binder keeper = lt_binder_lasting(b);
    lt_arena *arena = keeper.arena;
    lt_table_def *def = LT_NEW(arena, lt_table_def);
    lt_ast_query *parsed, *expanded;
    lt_rel *rel;
    lt_text text;
    if (!def) {
        return lt_error_nomem(err, "view");
    }
    LT_TRY(lt_bind_query(b, ast, true, &rel, err));
    LT_TRY(expand_query(b, ast, &expanded, err));
    lt_text_init(&text, lt_catalog_session(b->catalog)->mem);
    lt_sql_print_query(expanded, 0, &text);
    def->query_text =
        lt_bind_plain_text(arena, lt_catalog_session(b->catalog)->mem, lt_text_str(&text));
    bool failed = text.failed;
    lt_text_deinit(&text);
    def->catalog = lt_arena_str(arena, path->catalog);
    def->database = lt_arena_str(arena, path->database);
    def->name = lt_arena_str(arena, path->name);
    def->view_catalog = lt_arena_str(arena, b->current_catalog);
    def->view_database = lt_arena_str(arena, b->current_database);
    def->comment = comment.ptr ? lt_arena_str(arena, comment) : comment;
    def->is_view = true;
    def->temporary = temporary;
    def->watermark_col = -1;
    if (failed || !def->query_text.ptr || !def->catalog.ptr || !def->database.ptr ||
        !def->name.ptr || !def->view_catalog.ptr || !def->view_database.ptr) {
        return lt_error_nomem(err, "view");
    }
    LT_TRY(lt_sql_parse_query(&parsed, arena, def->query_text, err));
    def->query = parsed;
    LT_TRY(lt_bind_query(&keeper, parsed, true, &rel, err));
    def->view_rel = rel;
    LT_TRY(view_columns(&keeper, def, rel, names, err));
    *out = def;
    return LT_OK;
}

lt_status lt_ddl_create_view(lt_binder *b, const lt_ast_create_view *ast, uint32_t pos,
                             lt_bound *out, lt_error *err)
{
    lt_object_path path;
    lt_table_def *def;
    bool skip;
    (void)out;
    if (ast->replace) {
        return lt_error_set_at(err, LT_ERR_SQL, pos,
                               "CREATE OR REPLACE VIEW is not part of Flink SQL; use ALTER VIEW .. "
                               "AS, or DROP VIEW first");
    }
    LT_TRY(lt_bind_object_path(b, &ast->path, &path, err));
    LT_TRY(lt_ddl_check_free(b, &path, ast->temporary, ast->if_not_exists, ast->path.items[0].pos,
                             &skip, err));
    if (skip) {
        return LT_OK;
    }
    LT_TRY(view_def(b, &path, ast->query, &ast->columns, ast->comment.text, ast->temporary, &def,
                    err));
    return lt_catalog_store(b->catalog, def, err);
}

lt_status lt_ddl_alter_view(lt_binder *b, const lt_ast_alter *ast, uint32_t pos, lt_error *err)
{
    const lt_ast_names none = {NULL, 0};
    lt_object_path path, to;
    lt_table_def *def;
    LT_TRY(lt_bind_object_path(b, &ast->path, &path, err));
    lt_table_def *old = lt_catalog_object(b->catalog, path.catalog, path.database, path.name);
    if (!old || !old->is_view) {
        if (ast->if_exists && !old) {
            return LT_OK;
        }
        return lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos, "View '%s' %s",
                               lt_object_text(b->arena, &path),
                               old ? "is a table" : "does not exist");
    }
    if (ast->action == LT_ALTER_AS_QUERY) {
        LT_TRY(view_def(b, &path, ast->query, &none, old->comment, old->temporary, &def, err));
        return lt_catalog_store(b->catalog, def, err);
    }
    if (ast->action != LT_ALTER_RENAME) {
        return lt_unsupported_at(err, pos, "this ALTER VIEW");
    }
    LT_TRY(lt_bind_object_path(b, &ast->to, &to, err));
    if (lt_catalog_object(b->catalog, to.catalog, to.database, to.name)) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->to.items[0].pos, "'%s' already exists",
                               lt_object_text(b->arena, &to));
    }
    def = LT_NEW(b->catalog->arena, lt_table_def);
    if (!def) {
        return lt_error_nomem(err, "view");
    }
    *def = *old;
    def->name = lt_arena_str(b->catalog->arena, to.name);
    def->catalog = lt_arena_str(b->catalog->arena, to.catalog);
    def->database = lt_arena_str(b->catalog->arena, to.database);
    if (!def->name.ptr || !def->catalog.ptr || !def->database.ptr) {
        return lt_error_nomem(err, "view");
    }
    LT_TRY(lt_catalog_store(b->catalog, def, err));
    lt_catalog_remove(b->catalog, old);
    return LT_OK;
}
