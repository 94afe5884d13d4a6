/* ALTER TABLE: the definition becomes a draft again, is changed, and is resolved anew as a whole.
 * Jobs that run keep the definition they were bound with. */
#include "bind/draft.h"

static lt_status fail(uint32_t pos, lt_error *err, const char *what, lt_str name)
{
    return lt_error_set_at(err, LT_ERR_SQL, pos,
                           "Failed to execute ALTER TABLE statement. %s `" LT_STR_FMT "`", what,
                           LT_STR_ARG(name));
}

static lt_status place(const lt_table_draft *draft, const lt_ast_column *ast, uint32_t fallback,
                       uint32_t *at, lt_error *err)
{
    *at = fallback;
    if (ast->first) {
        *at = 0;
    } else if (ast->after.count > 0) {
        int found = lt_draft_find(draft, ast->after.items[0].text);
        if (found < 0) {
            return fail(ast->after.items[0].pos, err,
                        "Column referenced by AFTER does not exist:", ast->after.items[0].text);
        }
        *at = (uint32_t)found + 1;
    }
    return LT_OK;
}

static lt_status add_column(lt_binder *b, lt_table_draft *draft, const lt_ast_column *ast,
                            lt_error *err)
{
    lt_draft_column column;
    uint32_t at;
    LT_TRY(lt_draft_column_from_ast(b, ast, &column, err));
    if (lt_draft_find(draft, column.name) >= 0) {
        return fail(column.pos, err, "Column already exists:", column.name);
    }
    LT_TRY(place(draft, ast, UINT32_MAX, &at, err));
    return lt_draft_add(b, draft, &column, at, err);
}

static lt_status modify_column(lt_binder *b, lt_table_draft *draft, const lt_ast_column *ast,
                               lt_error *err)
{
    lt_draft_column column;
    uint32_t at;
    LT_TRY(lt_draft_column_from_ast(b, ast, &column, err));
    int old = lt_draft_find(draft, column.name);
    if (old < 0) {
        return fail(column.pos, err, "Column does not exist:", column.name);
    }
    lt_draft_remove(draft, (uint32_t)old);
    LT_TRY(place(draft, ast, (uint32_t)old, &at, err));
    return lt_draft_add(b, draft, &column, at, err);
}

static lt_status change_key(lt_binder *b, lt_table_draft *draft, const lt_ast_alter *ast, bool add,
                            lt_error *err)
{
    for (uint32_t i = 0; i < ast->schema.column_count; i++) {
        if (ast->schema.columns[i].primary_key) {
            if (add == draft->has_key) {
                return lt_error_set_at(
                    err, LT_ERR_SQL, ast->schema.columns[i].name.items[0].pos, "the table %s",
                    add ? "has a primary key already; use MODIFY" : "has no primary key; use ADD");
            }
            LT_TRY(lt_draft_set_column_key(b, draft, &ast->schema.columns[i], err));
        }
    }
    for (uint32_t i = 0; i < ast->schema.constraint_count; i++) {
        if (add == draft->has_key) {
            return lt_error_set_at(err, LT_ERR_SQL, ast->schema.constraints[i].pos, "the table %s",
                                   add ? "has a primary key already; use MODIFY"
                                       : "has no primary key; use ADD");
        }
        LT_TRY(lt_draft_set_key(b, draft, &ast->schema.constraints[i], err));
    }
    return LT_OK;
}

static lt_status change_schema(lt_binder *b, lt_table_draft *draft, const lt_ast_alter *ast,
                               lt_error *err)
{
    bool add = ast->action == LT_ALTER_ADD;
    const lt_ast_watermark *watermark = &ast->schema.watermark;
    for (uint32_t i = 0; i < ast->schema.column_count; i++) {
        if (add) {
            LT_TRY(add_column(b, draft, &ast->schema.columns[i], err));
        } else {
            LT_TRY(modify_column(b, draft, &ast->schema.columns[i], err));
        }
    }
    LT_TRY(change_key(b, draft, ast, add, err));
    if (watermark->present) {
        if (add == draft->has_watermark) {
            return lt_error_set_at(err, LT_ERR_SQL, watermark->pos, "the table %s",
                                   add ? "has a watermark already; use MODIFY"
                                       : "has no watermark; use ADD");
        }
        if (watermark->column.count > 1) {
            return lt_error_set_at(err, LT_ERR_SQL, watermark->pos,
                                   "the rowtime column must be a column of the table itself");
        }
        lt_draft_set_watermark(draft, watermark);
    }
    return LT_OK;
}

static bool key_has(const lt_str *names, uint32_t count, lt_str name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (lt_str_eq(names[i], name)) {
            return true;
        }
    }
    return false;
}

static lt_status drop_columns(lt_table_draft *draft, const lt_ast_alter *ast, lt_error *err)
{
    for (uint32_t i = 0; i < ast->columns.count; i++) {
        const lt_ast_path *path = &ast->columns.items[i];
        lt_str name = path->items[0].text;
        int at = lt_draft_find(draft, name);
        if (path->count > 1) {
            return lt_unsupported_at(err, path->items[0].pos, "changing a nested field");
        }
        if (at < 0) {
            return fail(path->items[0].pos, err, "Column does not exist:", name);
        }
        if (key_has(draft->key, draft->key_count, name)) {
            return fail(path->items[0].pos, err, "The primary key uses column", name);
        }
        if (key_has(draft->partition, draft->partition_count, name)) {
            return fail(path->items[0].pos, err, "PARTITIONED BY uses column", name);
        }
        if (draft->has_watermark && lt_str_eq(draft->watermark_column, name)) {
            return fail(path->items[0].pos, err, "The watermark uses column", name);
        }
        lt_draft_remove(draft, (uint32_t)at);
    }
    return LT_OK;
}

static lt_status rename_in(lt_binder *b, const lt_str **names, uint32_t count, lt_str old,
                           lt_str fresh, lt_error *err)
{
    lt_str *copy = LT_NEW_ARRAY(b->arena, lt_str, count + 1);
    if (!copy) {
        return lt_error_nomem(err, "columns");
    }
    for (uint32_t i = 0; i < count; i++) {
        copy[i] = lt_str_eq((*names)[i], old) ? fresh : (*names)[i];
    }
    *names = copy;
    return LT_OK;
}

static lt_status rename_column(lt_binder *b, lt_table_draft *draft, const lt_ast_alter *ast,
                               lt_error *err)
{
    if (ast->column.count > 1 || ast->to.count > 1) {
        return lt_unsupported_at(err, ast->column.items[0].pos, "changing a nested field");
    }
    lt_str old = ast->column.items[0].text;
    lt_str fresh = lt_arena_str(b->arena, ast->to.items[0].text);
    int at = lt_draft_find(draft, old);
    if (!fresh.ptr) {
        return lt_error_nomem(err, "column");
    }
    if (at < 0) {
        return fail(ast->column.items[0].pos, err, "Column does not exist:", old);
    }
    if (lt_draft_find(draft, fresh) >= 0) {
        return fail(ast->to.items[0].pos, err, "Column already exists:", fresh);
    }
    if (draft->has_watermark && lt_str_eq(draft->watermark_column, old)) {
        return fail(ast->column.items[0].pos, err, "The watermark uses column", old);
    }
    LT_TRY(rename_in(b, &draft->key, draft->key_count, old, fresh, err));
    LT_TRY(rename_in(b, &draft->partition, draft->partition_count, old, fresh, err));
    draft->columns[at].name = fresh;
    return LT_OK;
}

static lt_status reset_options(lt_binder *b, lt_table_draft *draft, const lt_ast_alter *ast,
                               uint32_t pos, lt_error *err)
{
    lt_option *items = LT_NEW_ARRAY(b->arena, lt_option, draft->options.count + 1);
    uint32_t count = 0;
    if (!items) {
        return lt_error_nomem(err, "options");
    }
    if (ast->options.count == 0) {
        return lt_error_set_at(err, LT_ERR_SQL, pos,
                               "ALTER TABLE RESET does not support empty key");
    }
    for (uint32_t i = 0; i < ast->options.count; i++) {
        if (lt_str_eq(ast->options.items[i].key.text, LT_STR("connector"))) {
            return lt_error_set_at(err, LT_ERR_SQL, ast->options.items[i].key.pos,
                                   "ALTER TABLE RESET does not support changing 'connector'");
        }
    }
    for (uint32_t i = 0; i < draft->options.count; i++) {
        bool keep = true;
        for (uint32_t j = 0; j < ast->options.count; j++) {
            keep = keep && !lt_str_eq(draft->options.items[i].key, ast->options.items[j].key.text);
        }
        if (keep) {
            items[count++] = draft->options.items[i];
        }
    }
    draft->options = (lt_options){items, count};
    return LT_OK;
}

static lt_status drop_key(lt_table_draft *draft, const lt_ast_alter *ast, uint32_t pos,
                          lt_error *err)
{
    if (!draft->has_key) {
        return lt_error_set_at(err, LT_ERR_SQL, pos, "the table has no primary key");
    }
    if (ast->action == LT_ALTER_DROP_CONSTRAINT &&
        !lt_str_eq(ast->constraint.text, draft->key_name)) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->constraint.pos,
                               "the table has no constraint '" LT_STR_FMT
                               "'; its primary key is '" LT_STR_FMT "'",
                               LT_STR_ARG(ast->constraint.text), LT_STR_ARG(draft->key_name));
    }
    draft->has_key = false;
    draft->key_count = 0;
    draft->key_name = (lt_str){NULL, 0};
    return LT_OK;
}

static lt_status change(lt_binder *b, lt_table_draft *draft, const lt_ast_alter *ast, uint32_t pos,
                        lt_error *err)
{
    switch (ast->action) {
    case LT_ALTER_ADD:
    case LT_ALTER_MODIFY:
        return change_schema(b, draft, ast, err);
    case LT_ALTER_DROP_COLUMNS:
        return drop_columns(draft, ast, err);
    case LT_ALTER_RENAME_COLUMN:
        return rename_column(b, draft, ast, err);
    case LT_ALTER_SET:
        return lt_draft_set_options(b, draft, &ast->options, err);
    case LT_ALTER_RESET:
        return reset_options(b, draft, ast, pos, err);
    case LT_ALTER_COMMENT:
        draft->comment = ast->comment.text;
        return LT_OK;
    case LT_ALTER_DROP_PRIMARY_KEY:
    case LT_ALTER_DROP_CONSTRAINT:
        return drop_key(draft, ast, pos, err);
    case LT_ALTER_DROP_WATERMARK:
        if (!draft->has_watermark) {
            return lt_error_set_at(err, LT_ERR_SQL, pos, "the table has no watermark");
        }
        draft->has_watermark = false;
        return LT_OK;
    case LT_ALTER_ADD_DISTRIBUTION:
    case LT_ALTER_MODIFY_DISTRIBUTION:
    case LT_ALTER_DROP_DISTRIBUTION:
        return lt_unsupported_at(err, pos, "DISTRIBUTION");
    case LT_ALTER_ADD_PARTITIONS:
    case LT_ALTER_DROP_PARTITIONS:
        return lt_unsupported_at(err, pos, "ALTER TABLE .. PARTITION");
    case LT_ALTER_RENAME:
    case LT_ALTER_AS_QUERY:
    case LT_ALTER_SUSPEND:
    case LT_ALTER_RESUME:
    case LT_ALTER_REFRESH:
    case LT_ALTER_FRESHNESS:
    case LT_ALTER_REFRESH_MODE:
        break;
    }
    return lt_unsupported_at(err, pos, "this ALTER TABLE");
}

static lt_status rename_table(lt_binder *b, const lt_table_def *old, const lt_ast_alter *ast,
                              lt_error *err)
{
    lt_object_path to;
    lt_table_def *def = LT_NEW(b->arena, lt_table_def);
    LT_TRY(lt_bind_object_path(b, &ast->to, &to, err));
    if (!def) {
        return lt_error_nomem(err, "table");
    }
    if (ast->to.count == 1) {
        to.catalog = old->catalog;
        to.database = old->database;
    }
    if (lt_catalog_object(b->catalog, to.catalog, to.database, to.name)) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->to.items[0].pos,
                               "Table (or view) '%s' already exists",
                               lt_object_text(b->arena, &to));
    }
    *def = *old;
    def->catalog = lt_arena_str(b->arena, to.catalog);
    def->database = lt_arena_str(b->arena, to.database);
    def->name = lt_arena_str(b->arena, to.name);
    if (!def->catalog.ptr || !def->database.ptr || !def->name.ptr) {
        return lt_error_nomem(err, "table");
    }
    LT_TRY(lt_catalog_store(b->catalog, def, err));
    lt_catalog_remove(b->catalog, old);
    return LT_OK;
}

lt_status lt_ddl_alter_table(lt_binder *b, const lt_ast_alter *ast, uint32_t pos, lt_error *err)
{
    lt_binder keeper = lt_binder_lasting(b);
    lt_object_path path;
    lt_table_draft draft;
    lt_table_def *def;
    LT_TRY(lt_bind_object_path(b, &ast->path, &path, err));
    lt_table_def *old = lt_catalog_permanent(b->catalog, path.catalog, path.database, path.name);
    if (!old) {
        if (ast->if_exists) {
            return LT_OK;
        }
        return lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                               "Table '%s' doesn't exist or is a temporary table",
                               lt_object_text(b->arena, &path));
    }
    if (old->is_view) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                               "ALTER TABLE for a view is not allowed; '%s' is a view",
                               lt_object_text(b->arena, &path));
    }
    if (ast->action == LT_ALTER_RENAME) {
        return rename_table(&keeper, old, ast, err);
    }
    LT_TRY(lt_draft_from_def(&keeper, old, &draft, err));
    draft.pos = pos;
    draft.key_pos = draft.partition_pos = draft.watermark_pos = pos;
    LT_TRY(change(&keeper, &draft, ast, pos, err));
    LT_TRY(lt_draft_finish(&keeper, &draft, &path, false, &def, err));
    def->inferred = old->inferred;
    def->has_header = old->has_header;
    return lt_catalog_store(b->catalog, def, err);
}
