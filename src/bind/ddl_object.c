/* CREATE, ALTER and DROP of catalogs and databases, DROP of tables and views, USE. */
#include "bind/bind_int.h"

static lt_status keep_options(lt_catalog *catalog, const lt_options *base,
                              const lt_ast_options *ast, lt_options *out, lt_error *err)
{
    lt_option *items = LT_NEW_ARRAY(catalog->arena, lt_option, base->count + ast->count + 1);
    uint32_t count = base->count;
    if (!items) {
        return lt_error_nomem(err, "options");
    }
    if (count) {
        memcpy(items, base->items, count * sizeof *items);
    }
    for (uint32_t i = 0; i < ast->count; i++) {
        lt_option option = {lt_arena_str(catalog->arena, ast->items[i].key.text),
                            lt_arena_str(catalog->arena, ast->items[i].value.text), 0};
        uint32_t at = 0;
        if (!option.key.ptr || !option.value.ptr) {
            return lt_error_nomem(err, "options");
        }
        while (at < count && !lt_str_eq(items[at].key, option.key)) {
            at++;
        }
        items[at] = option;
        count = LT_MAX(count, at + 1);
    }
    *out = (lt_options){items, count};
    return LT_OK;
}

static lt_str option_value(const lt_options *options, const char *key)
{
    for (uint32_t i = 0; i < options->count; i++) {
        if (lt_str_eq(options->items[i].key, lt_str_of(key))) {
            return options->items[i].value;
        }
    }
    return (lt_str){NULL, 0};
}

static lt_status at_name(lt_status st, const lt_ast_path *path, lt_error *err)
{
    if (st != LT_OK && !err->has_sql_pos && path->count > 0) {
        err->has_sql_pos = true;
        err->sql_pos = path->items[0].pos;
    }
    return st;
}

static lt_status create_catalog(lt_binder *b, const lt_ast_create_object *ast, lt_error *err)
{
    lt_catalog *catalog = b->catalog;
    const lt_options none = {NULL, 0};
    lt_catalog_entry entry = {0};
    if (ast->path.count != 1) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                               "the name of a catalog has one part");
    }
    if (ast->if_not_exists && lt_catalog_entry_find(catalog, ast->path.items[0].text)) {
        return LT_OK;
    }
    entry.name = lt_arena_str(catalog->arena, ast->path.items[0].text);
    entry.comment =
        ast->comment.text.ptr ? lt_arena_str(catalog->arena, ast->comment.text) : ast->comment.text;
    if (!entry.name.ptr) {
        return lt_error_nomem(err, "catalog");
    }
    LT_TRY(keep_options(catalog, &none, &ast->options, &entry.options, err));
    entry.type = option_value(&entry.options, "type");
    entry.default_database = option_value(&entry.options, "default-database");
    if (!entry.type.ptr) {
        lt_status st = lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                                       "a catalog needs the option 'type'");
        lt_error_hint(err, "WITH ('type' = 'generic_in_memory')");
        return st;
    }
    if (!lt_str_eq(entry.type, LT_STR("generic_in_memory"))) {
        return lt_error_set_at(err, LT_ERR_UNSUPPORTED, ast->path.items[0].pos,
                               "catalogs of type '" LT_STR_FMT
                               "' are not supported; 'generic_in_memory' is",
                               LT_STR_ARG(entry.type));
    }
    for (uint32_t i = 0; i < entry.options.count; i++) {
        lt_str key = entry.options.items[i].key;
        if (!lt_str_eq(key, LT_STR("type")) && !lt_str_eq(key, LT_STR("default-database"))) {
            return lt_error_set_at(err, LT_ERR_SQL, ast->options.items[i].key.pos,
                                   "unknown catalog option '" LT_STR_FMT "'", LT_STR_ARG(key));
        }
    }
    if (!entry.default_database.ptr) {
        entry.default_database = LT_STR("default");
    }
    return at_name(lt_catalog_entry_add(catalog, entry, err), &ast->path, err);
}

static lt_status create_database(lt_binder *b, const lt_ast_create_object *ast, lt_error *err)
{
    lt_catalog *catalog = b->catalog;
    const lt_options none = {NULL, 0};
    lt_database database = {0};
    if (ast->path.count > 2) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                               "a database is written [catalog.]database");
    }
    lt_str where = ast->path.count == 2 ? ast->path.items[0].text : b->current_catalog;
    lt_str name = ast->path.items[ast->path.count - 1].text;
    if (ast->if_not_exists && lt_database_find(catalog, where, name)) {
        return LT_OK;
    }
    database.name = lt_arena_str(catalog->arena, name);
    database.comment =
        ast->comment.text.ptr ? lt_arena_str(catalog->arena, ast->comment.text) : ast->comment.text;
    if (!database.name.ptr) {
        return lt_error_nomem(err, "database");
    }
    LT_TRY(keep_options(catalog, &none, &ast->options, &database.options, err));
    return at_name(lt_database_add(catalog, where, database, err), &ast->path, err);
}

lt_status lt_ddl_create_object(lt_binder *b, const lt_ast_stmt *stmt, lt_error *err)
{
    return stmt->kind == LT_STMT_CREATE_CATALOG ? create_catalog(b, stmt->create_object, err)
                                                : create_database(b, stmt->create_object, err);
}

/* ---- ALTER ---- */

static lt_status reset_options(lt_catalog *catalog, lt_options *options, const lt_ast_alter *ast,
                               uint32_t pos, lt_error *err)
{
    lt_option *items = LT_NEW_ARRAY(catalog->arena, lt_option, options->count + 1);
    uint32_t count = 0;
    if (!items) {
        return lt_error_nomem(err, "options");
    }
    if (ast->options.count == 0) {
        return lt_error_set_at(err, LT_ERR_SQL, pos,
                               "ALTER CATALOG RESET does not support empty key");
    }
    for (uint32_t i = 0; i < options->count; i++) {
        bool keep = true;
        for (uint32_t j = 0; j < ast->options.count; j++) {
            if (lt_str_eq(ast->options.items[j].key.text, LT_STR("type"))) {
                return lt_error_set_at(err, LT_ERR_SQL, ast->options.items[j].key.pos,
                                       "ALTER CATALOG RESET does not support changing 'type'");
            }
            keep = keep && !lt_str_eq(options->items[i].key, ast->options.items[j].key.text);
        }
        if (keep) {
            items[count++] = options->items[i];
        }
    }
    *options = (lt_options){items, count};
    return LT_OK;
}

static lt_status alter_catalog(lt_binder *b, const lt_ast_alter *ast, uint32_t pos, lt_error *err)
{
    lt_catalog_entry *entry =
        ast->path.count == 1 ? lt_catalog_entry_find(b->catalog, ast->path.items[0].text) : NULL;
    if (!entry) {
        return ast->if_exists ? LT_OK
                              : lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                                                "Catalog %s does not exist",
                                                lt_path_text(b->arena, &ast->path));
    }
    if (ast->action == LT_ALTER_RESET) {
        return reset_options(b->catalog, &entry->options, ast, pos, err);
    }
    if (ast->action == LT_ALTER_COMMENT) {
        entry->comment = lt_arena_str(b->catalog->arena, ast->comment.text);
        return entry->comment.ptr ? LT_OK : lt_error_nomem(err, "comment");
    }
    for (uint32_t i = 0; i < ast->options.count; i++) {
        if (lt_str_eq(ast->options.items[i].key.text, LT_STR("type"))) {
            return lt_error_set_at(err, LT_ERR_SQL, ast->options.items[i].key.pos,
                                   "ALTER CATALOG SET does not support changing 'type'");
        }
    }
    return keep_options(b->catalog, &entry->options, &ast->options, &entry->options, err);
}

lt_status lt_ddl_alter_object(lt_binder *b, const lt_ast_stmt *stmt, lt_error *err)
{
    const lt_ast_alter *ast = stmt->alter;
    if (stmt->kind == LT_STMT_ALTER_CATALOG) {
        return alter_catalog(b, ast, stmt->pos, err);
    }
    lt_str where = ast->path.count == 2 ? ast->path.items[0].text : b->current_catalog;
    lt_database *database =
        lt_database_find(b->catalog, where, ast->path.items[ast->path.count - 1].text);
    if (!database) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                               "Database %s does not exist", lt_path_text(b->arena, &ast->path));
    }
    return keep_options(b->catalog, &database->options, &ast->options, &database->options, err);
}

/* ---- DROP ---- */

static lt_status drop_table(lt_binder *b, const lt_ast_drop *ast, lt_error *err)
{
    bool view = ast->what == LT_OBJ_VIEW;
    const char *what = view ? "View" : "Table";
    uint32_t pos = ast->path.items[0].pos;
    lt_object_path path;
    lt_status st = lt_bind_object_path(b, &ast->path, &path, err);
    if (st == LT_ERR_SQL && ast->if_exists) {
        lt_error_clear(err);
        return LT_OK;
    }
    LT_TRY(st);
    const char *text = lt_object_text(b->arena, &path);
    lt_table_def *temporary =
        lt_catalog_temporary(b->catalog, path.catalog, path.database, path.name);
    lt_table_def *def =
        ast->temporary ? temporary
                       : lt_catalog_permanent(b->catalog, path.catalog, path.database, path.name);
    if (!ast->temporary && temporary && temporary->is_view == view) {
        return lt_error_set_at(err, LT_ERR_SQL, pos,
                               "Temporary %s with identifier '%s' exists. Drop it first before "
                               "removing the permanent %s.",
                               view ? "view" : "table", text, view ? "view" : "table");
    }
    if (!def || def->is_view != view) {
        if (ast->if_exists) {
            return LT_OK;
        }
        st = lt_error_set_at(err, LT_ERR_SQL, pos, "%s%s with identifier '%s' does not exist.",
                             ast->temporary ? "Temporary " : "", what, text);
        if (def) {
            lt_error_hint(err, "it is a %s: use DROP %s", view ? "table" : "view",
                          view ? "TABLE" : "VIEW");
        }
        return st;
    }
    lt_catalog_remove(b->catalog, def);
    return LT_OK;
}

static lt_status drop_database(lt_binder *b, const lt_ast_drop *ast, lt_error *err)
{
    uint32_t pos = ast->path.items[0].pos;
    lt_str where = ast->path.count == 2 ? ast->path.items[0].text : b->current_catalog;
    lt_str name = ast->path.items[ast->path.count - 1].text;
    lt_catalog_entry *entry = lt_catalog_entry_find(b->catalog, where);
    lt_database *database = lt_database_find(b->catalog, where, name);
    if (!database) {
        return ast->if_exists ? LT_OK
                              : lt_error_set_at(err, LT_ERR_SQL, pos, "Database %s does not exist",
                                                lt_path_text(b->arena, &ast->path));
    }
    if (lt_str_eq(where, b->catalog->current_catalog) &&
        lt_str_eq(name, b->catalog->current_database)) {
        return lt_error_set_at(err, LT_ERR_SQL, pos,
                               "Cannot drop a database which is currently in use.");
    }
    if (!ast->cascade && lt_map_count(database->tables) + lt_map_count(database->functions) > 0) {
        lt_status st = lt_error_set_at(
            err, LT_ERR_SQL, pos, "Database " LT_STR_FMT " in catalog " LT_STR_FMT " is not empty.",
            LT_STR_ARG(name), LT_STR_ARG(where));
        lt_error_hint(err, "DROP DATABASE .. CASCADE drops what is in it too");
        return st;
    }
    lt_database_drop(b->catalog, entry, name);
    return LT_OK;
}

static lt_status drop_catalog(lt_binder *b, const lt_ast_drop *ast, lt_error *err)
{
    lt_str name = ast->path.items[0].text;
    if (ast->path.count != 1 || !lt_catalog_entry_find(b->catalog, name)) {
        return ast->if_exists ? LT_OK
                              : lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                                                "Catalog %s does not exist.",
                                                lt_path_text(b->arena, &ast->path));
    }
    if (lt_str_eq(name, b->catalog->current_catalog)) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                               "Cannot drop a catalog which is currently in use.");
    }
    lt_catalog_entry_drop(b->catalog, name);
    return LT_OK;
}

lt_status lt_ddl_drop(lt_binder *b, const lt_ast_drop *ast, uint32_t pos, lt_error *err)
{
    switch (ast->what) {
    case LT_OBJ_TABLE:
    case LT_OBJ_VIEW:
        return drop_table(b, ast, err);
    case LT_OBJ_DATABASE:
        return drop_database(b, ast, err);
    case LT_OBJ_CATALOG:
        return drop_catalog(b, ast, err);
    case LT_OBJ_FUNCTION:
        return lt_ddl_drop_function(b, ast, err);
    case LT_OBJ_MODEL:
        return lt_unsupported_at(err, pos, "models");
    case LT_OBJ_MATERIALIZED_TABLE:
        return lt_unsupported_at(err, pos, "materialized tables");
    case LT_OBJ_MODULES:
    case LT_OBJ_PROCEDURE:
    case LT_OBJ_JOB:
    case LT_OBJ_JAR:
    case LT_OBJ_COLUMNS:
    case LT_OBJ_PARTITIONS:
        break;
    }
    return lt_unsupported_at(err, pos, "this DROP");
}

/* ---- USE ---- */

static lt_status use_modules(const lt_ast_use *ast, lt_error *err)
{
    for (uint32_t i = 0; i < ast->modules.count; i++) {
        const lt_ast_name *name = &ast->modules.items[i];
        if (!lt_str_eq(name->text, LT_STR("core"))) {
            return lt_error_set_at(err, LT_ERR_SQL, name->pos,
                                   "No module with name '" LT_STR_FMT "' exists",
                                   LT_STR_ARG(name->text));
        }
        if (i > 0) {
            return lt_error_set_at(err, LT_ERR_SQL, name->pos,
                                   "Module 'core' appears more than once");
        }
    }
    return LT_OK;
}

lt_status lt_ddl_use(lt_binder *b, const lt_ast_use *ast, uint32_t pos, lt_error *err)
{
    lt_catalog *catalog = b->catalog;
    if (ast->what == LT_OBJ_MODULES) {
        return use_modules(ast, err);
    }
    if (ast->what == LT_OBJ_CATALOG) {
        lt_catalog_entry *entry =
            ast->path.count == 1 ? lt_catalog_entry_find(catalog, ast->path.items[0].text) : NULL;
        if (!entry) {
            return lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                                   "A catalog with name [%s] does not exist.",
                                   lt_path_text(b->arena, &ast->path));
        }
        catalog->current_catalog = entry->name;
        catalog->current_database = entry->default_database;
        return LT_OK;
    }
    if (ast->path.count > 2) {
        return lt_error_set_at(err, LT_ERR_SQL, pos, "a database is written [catalog.]database");
    }
    lt_str where = ast->path.count == 2 ? ast->path.items[0].text : catalog->current_catalog;
    lt_catalog_entry *entry = lt_catalog_entry_find(catalog, where);
    if (!entry) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                               "A catalog with name [" LT_STR_FMT "] does not exist.",
                               LT_STR_ARG(where));
    }
    lt_database *database = lt_map_get(entry->databases, ast->path.items[ast->path.count - 1].text);
    if (!database) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                               "A database with name [" LT_STR_FMT
                               "] does not exist in the catalog: [" LT_STR_FMT "].",
                               LT_STR_ARG(ast->path.items[ast->path.count - 1].text),
                               LT_STR_ARG(where));
    }
    catalog->current_catalog = entry->name;
    catalog->current_database = database->name;
    return LT_OK;
}
