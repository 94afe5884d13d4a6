/* SHOW and DESCRIBE: small tables of text with the headers that Flink prints. */
#include "bind/bind_int.h"
#include "bind/functions.h"

#define LIST_MAX 100000

/* A listing that grows; cells in one array, `width` per row. */
typedef struct {
    lt_binder *b;
    const lt_ast_show *filter; /* LIKE on the first cell; NULL = none */
    lt_str *cells;
    uint32_t width, rows, cap;
    bool failed;
} table;

static char lower(char ch)
{
    return ch >= 'A' && ch <= 'Z' ? (char)(ch + 32) : ch;
}

/* SQL LIKE with % and _ and backslash as escape. Backtracks to the last % only: linear times the
 * pattern. */
static bool like(lt_str s, lt_str pattern, bool fold)
{
    size_t at = 0, p = 0, star = SIZE_MAX, from = 0;
    while (at < s.len) {
        bool escaped = p + 1 < pattern.len && pattern.ptr[p] == '\\';
        char want = escaped ? pattern.ptr[p + 1] : p < pattern.len ? pattern.ptr[p] : 0;
        bool same = p < pattern.len && (fold ? lower(want) == lower(s.ptr[at]) : want == s.ptr[at]);
        if (!escaped && p < pattern.len && want == '%') {
            star = p++;
            from = at;
        } else if (same || (!escaped && p < pattern.len && want == '_')) {
            p += escaped ? 2 : 1;
            at++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            at = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '%') {
        p++;
    }
    return p == pattern.len;
}

static bool passes(const lt_ast_show *filter, lt_str name)
{
    if (!filter || !filter->like.text.ptr) {
        return true;
    }
    return like(name, filter->like.text, filter->ilike) != filter->not_like;
}

static void add_row(table *t, const lt_str *cells)
{
    if (t->failed || t->rows >= LIST_MAX || !passes(t->filter, cells[0])) {
        return;
    }
    if (t->rows == t->cap) {
        uint32_t cap = t->cap ? 2 * t->cap : 16;
        lt_str *grown = LT_NEW_ARRAY(t->b->arena, lt_str, cap * t->width);
        if (!grown) {
            t->failed = true;
            return;
        }
        if (t->rows) {
            memcpy(grown, t->cells, (size_t)t->rows * t->width * sizeof *grown);
        }
        t->cells = grown;
        t->cap = cap;
    }
    memcpy(t->cells + (size_t)t->rows * t->width, cells, t->width * sizeof *cells);
    t->rows++;
}

static void add_cell(table *t, lt_str cell)
{
    LT_ASSERT(t->width == 1);
    add_row(t, &cell);
}

/* By the first cell; insertion, as these lists are short. */
static void sort_rows(table *t)
{
    for (uint32_t i = 1; i < t->rows; i++) {
        for (uint32_t j = i; j > 0; j--) {
            lt_str *above = t->cells + (size_t)(j - 1) * t->width,
                   *here = t->cells + (size_t)j * t->width;
            if (lt_str_cmp(above[0], here[0]) <= 0) {
                break;
            }
            for (uint32_t c = 0; c < t->width; c++) {
                lt_str swap = above[c];
                above[c] = here[c];
                here[c] = swap;
            }
        }
    }
}

static lt_status give(table *t, const char *const *headers, lt_bound *out, lt_error *err)
{
    if (t->failed) {
        return lt_error_nomem(err, "listing");
    }
    out->kind = LT_BOUND_TABLE;
    out->listing = (lt_listing){headers, t->width, t->cells, t->rows};
    return LT_OK;
}

/* The text as a string of the arena; ptr NULL without memory. */
static lt_str take_text(lt_arena *arena, lt_text *text)
{
    lt_str out = text->failed ? (lt_str){NULL, 0} : lt_arena_str(arena, lt_text_str(text));
    lt_text_deinit(text);
    return out;
}

/* ---- plain lists ---- */

typedef struct {
    table *t;
    bool views_only;
} table_filter;

static void add_table(void *arg, lt_table_def *def)
{
    table_filter *filter = arg;
    if (!filter->views_only || def->is_view) {
        add_cell(filter->t, def->name);
    }
}

/* FROM [catalog.]database, else the current one. */
static lt_status listed_database(lt_binder *b, const lt_ast_show *ast, lt_str *catalog_out,
                                 lt_str *database_out, lt_error *err)
{
    lt_str database = b->current_database, catalog = b->current_catalog;
    if (ast->path.count > 2) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                               "a database is written [catalog.]database");
    }
    if (ast->path.count > 0) {
        database = ast->path.items[ast->path.count - 1].text;
        catalog = ast->path.count == 2 ? ast->path.items[0].text : catalog;
    }
    if (!lt_database_find(b->catalog, catalog, database)) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->path.count ? ast->path.items[0].pos : 0,
                               "Database '" LT_STR_FMT "'.'" LT_STR_FMT "' doesn't exist.",
                               LT_STR_ARG(catalog), LT_STR_ARG(database));
    }
    *catalog_out = catalog;
    *database_out = database;
    return LT_OK;
}

static lt_status list_tables(lt_binder *b, const lt_ast_show *ast, table *t, lt_error *err)
{
    table_filter filter = {t, ast->what == LT_OBJ_VIEW};
    lt_str catalog, database;
    LT_TRY(listed_database(b, ast, &catalog, &database, err));
    lt_catalog_each(b->catalog, catalog, database, add_table, &filter);
    return LT_OK;
}

static lt_status list_databases(lt_binder *b, const lt_ast_show *ast, table *t, lt_error *err)
{
    lt_str catalog = ast->path.count ? ast->path.items[0].text : b->current_catalog, key;
    lt_catalog_entry *entry = lt_catalog_entry_find(b->catalog, catalog);
    void *value;
    if (!entry) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->path.count ? ast->path.items[0].pos : 0,
                               "Catalog " LT_STR_FMT " does not exist", LT_STR_ARG(catalog));
    }
    for (size_t i = 0; lt_map_at(entry->databases, i, &key, &value); i++) {
        add_cell(t, ((lt_database *)value)->name);
    }
    return LT_OK;
}

static void add_function(void *arg, lt_function_def *def)
{
    add_cell(arg, def->name);
}

/* A name that several functions have is listed once. */
static void drop_doubles(table *t)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < t->rows; i++) {
        if (kept == 0 || !lt_str_eq(t->cells[kept - 1], t->cells[i])) {
            t->cells[kept++] = t->cells[i];
        }
    }
    t->rows = kept;
}

static lt_status list_functions(lt_binder *b, const lt_ast_show *ast, table *t, lt_error *err)
{
    uint32_t cursor = 0;
    lt_str catalog, database;
    LT_TRY(listed_database(b, ast, &catalog, &database, err));
    lt_catalog_each_function(b->catalog, catalog, database, add_function, t);
    const char *name;
    while (!ast->user && (name = lt_function_name(&cursor)) != NULL) {
        char *copy = lt_arena_strndup(b->arena, name, strlen(name));
        for (char *at = copy; at && *at; at++) {
            *at = lower(*at);
        }
        if (copy) {
            add_cell(t, lt_str_of(copy));
        }
    }
    return LT_OK;
}

static lt_status show_modules(lt_binder *b, const lt_ast_show *ast, lt_bound *out, lt_error *err)
{
    static const char *const headers[] = {"module name", "used"};
    const lt_str cells[] = {LT_STR("core"), LT_STR("TRUE")};
    table t = {.b = b, .width = ast->full ? 2 : 1};
    add_row(&t, cells);
    return give(&t, headers, out, err);
}

/* ---- columns ---- */

static lt_str key_text(lt_binder *b, const lt_table_def *def, uint32_t column)
{
    bool in_key = false;
    const char *text = "PRI(";
    for (uint32_t i = 0; i < def->primary_key_count && text; i++) {
        in_key = in_key || def->primary_key[i] == column;
        text = lt_arena_printf(b->arena, "%s%s" LT_STR_FMT, text, i ? ", " : "",
                               LT_STR_ARG(def->columns[def->primary_key[i]].name));
    }
    return in_key && text ? lt_str_of(lt_arena_printf(b->arena, "%s)", text)) : (lt_str){NULL, 0};
}

static lt_str extras_text(lt_binder *b, const lt_column_def *column)
{
    if (column->role == LT_COLUMN_IS_COMPUTED) {
        return lt_str_of(
            lt_arena_printf(b->arena, "AS " LT_STR_FMT, LT_STR_ARG(column->expr_text)));
    }
    if (column->role != LT_COLUMN_IS_METADATA) {
        return (lt_str){NULL, 0};
    }
    bool renamed = !lt_str_eq(column->metadata_key, column->name);
    return lt_str_of(
        lt_arena_printf(b->arena, "METADATA%s" LT_STR_FMT "%s%s", renamed ? " FROM '" : "",
                        renamed ? (int)column->metadata_key.len : 0, column->metadata_key.ptr,
                        renamed ? "'" : "", column->is_virtual ? " VIRTUAL" : ""));
}

static lt_status describe_table(lt_binder *b, const lt_table_def *def, const lt_ast_show *filter,
                                lt_bound *out, lt_error *err)
{
    static const char *const headers[] = {"name",   "type",      "null",   "key",
                                          "extras", "watermark", "comment"};
    bool comments = false;
    for (uint32_t i = 0; i < def->column_count; i++) {
        comments = comments || def->columns[i].comment.len > 0;
    }
    table t = {.b = b, .filter = filter, .width = comments ? 7 : 6};
    for (uint32_t i = 0; i < def->column_count; i++) {
        const lt_column_def *column = &def->columns[i];
        lt_type plain = *column->type;
        lt_text text;
        lt_text_init(&text, lt_catalog_session(b->catalog)->mem);
        plain.nullable = true;
        lt_type_print(&plain, &text);
        lt_str cells[7] = {column->name,
                           take_text(b->arena, &text),
                           column->type->nullable ? LT_STR("TRUE") : LT_STR("FALSE"),
                           key_text(b, def, i),
                           extras_text(b, column),
                           {NULL, 0},
                           column->comment};
        if ((int)i == def->watermark_col) {
            cells[5] = def->watermark_text;
        }
        for (uint32_t c = 3; c < 7; c++) {
            cells[c] = cells[c].ptr ? cells[c] : LT_STR("");
        }
        t.failed = t.failed || !cells[1].ptr;
        add_row(&t, cells);
    }
    return give(&t, headers, out, err);
}

static lt_status find_described(lt_binder *b, const lt_ast_path *path, lt_table_def **out,
                                lt_error *err)
{
    lt_object_path full;
    LT_TRY(lt_bind_object_path(b, path, &full, err));
    *out = lt_catalog_object(b->catalog, full.catalog, full.database, full.name);
    if (*out) {
        return LT_OK;
    }
    lt_status st = lt_bind_find_table(b, path, "Table", out, err); /* for its hint */
    if (st == LT_ERR_SQL) {
        const char *hint = lt_arena_printf(b->arena, "%s", err->hint);
        st = lt_error_set_at(err, LT_ERR_SQL, path->items[0].pos,
                             "Tables or views with the identifier '%s' doesn't exist.",
                             lt_object_text(b->arena, &full));
        lt_error_hint(err, "%s", hint ? hint : "");
    }
    return st;
}

/* ---- SHOW CREATE ---- */

static lt_str catalog_ddl(lt_binder *b, const lt_catalog_entry *entry)
{
    lt_text text;
    lt_text_init(&text, lt_catalog_session(b->catalog)->mem);
    lt_text_puts(&text, "CREATE CATALOG ");
    lt_sql_print_name(entry->name, &text);
    lt_text_putc(&text, '\n');
    if (entry->comment.len > 0) {
        lt_text_puts(&text, "COMMENT '");
        for (size_t i = 0; i < entry->comment.len; i++) {
            lt_text_printf(&text, "%s%c", entry->comment.ptr[i] == '\'' ? "'" : "",
                           entry->comment.ptr[i]);
        }
        lt_text_puts(&text, "'\n");
    }
    lt_text_puts(&text, "WITH (\n");
    bool has_default = false;
    for (uint32_t i = 0; i < entry->options.count; i++) {
        if (lt_str_eq(entry->options.items[i].key, LT_STR("default-database"))) {
            lt_text_printf(&text, "  'default-database' = '" LT_STR_FMT "'",
                           LT_STR_ARG(entry->options.items[i].value));
            has_default = true;
        }
    }
    lt_text_printf(&text, "%s  'type' = '" LT_STR_FMT "'\n)\n", has_default ? ",\n" : "",
                   LT_STR_ARG(entry->type));
    return take_text(b->arena, &text);
}

static lt_status show_create(lt_binder *b, const lt_ast_show *ast, uint32_t pos, lt_bound *out,
                             lt_error *err)
{
    static const char *const headers[] = {"result"};
    table t = {.b = b, .width = 1};
    lt_str result;
    if (ast->what == LT_OBJ_CATALOG) {
        lt_catalog_entry *entry = lt_catalog_entry_find(b->catalog, ast->path.items[0].text);
        if (!entry) {
            return lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                                   "Catalog '" LT_STR_FMT "' does not exist",
                                   LT_STR_ARG(ast->path.items[0].text));
        }
        result = catalog_ddl(b, entry);
    } else if (ast->what == LT_OBJ_TABLE || ast->what == LT_OBJ_VIEW) {
        lt_table_def *def;
        lt_text text;
        LT_TRY(lt_bind_find_table(b, &ast->path, ast->what == LT_OBJ_VIEW ? "View" : "Table", &def,
                                  err));
        if (def->is_view != (ast->what == LT_OBJ_VIEW)) {
            return lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                                   "SHOW CREATE %s is only supported for %ss, but '" LT_STR_FMT
                                   "' is a %s. Please use SHOW CREATE %s instead.",
                                   def->is_view ? "TABLE" : "VIEW", def->is_view ? "table" : "view",
                                   LT_STR_ARG(def->name), def->is_view ? "view" : "table",
                                   def->is_view ? "VIEW" : "TABLE");
        }
        lt_text_init(&text, lt_catalog_session(b->catalog)->mem);
        lt_table_print_ddl(def, &text);
        result = take_text(b->arena, &text);
    } else {
        return lt_unsupported_at(err, pos,
                                 ast->what == LT_OBJ_MODEL ? "models" : "materialized tables");
    }
    if (!result.ptr) {
        return lt_error_nomem(err, "listing");
    }
    add_cell(&t, result);
    return give(&t, headers, out, err);
}

static lt_status show_current(lt_binder *b, const lt_ast_show *ast, lt_bound *out, lt_error *err)
{
    static const char *const catalog[] = {"current catalog name"}, *const database[] = {
                                                                       "current database name"};
    table t = {.b = b, .width = 1};
    bool of_catalog = ast->what == LT_OBJ_CATALOG;
    add_cell(&t, of_catalog ? b->current_catalog : b->current_database);
    return give(&t, of_catalog ? catalog : database, out, err);
}

static lt_status list_catalogs(lt_binder *b, table *t)
{
    lt_str key;
    void *value;
    for (size_t i = 0; lt_map_at(b->catalog->catalogs, i, &key, &value); i++) {
        add_cell(t, ((lt_catalog_entry *)value)->name);
    }
    return LT_OK;
}

static lt_status show_list(lt_binder *b, const lt_ast_show *ast, uint32_t pos, lt_bound *out,
                           lt_error *err)
{
    static const char *const headers[][1] = {
        [LT_OBJ_TABLE] = {"table name"},
        [LT_OBJ_VIEW] = {"view name"},
        [LT_OBJ_MATERIALIZED_TABLE] = {"materialized table name"},
        [LT_OBJ_CATALOG] = {"catalog name"},
        [LT_OBJ_DATABASE] = {"database name"},
        [LT_OBJ_FUNCTION] = {"function name"},
        [LT_OBJ_MODEL] = {"model name"},
        [LT_OBJ_MODULES] = {"module name"},
        [LT_OBJ_PROCEDURE] = {"procedure name"},
        [LT_OBJ_JOB] = {"job id"},
        [LT_OBJ_JAR] = {"jars"},
        [LT_OBJ_COLUMNS] = {"name"},
        [LT_OBJ_PARTITIONS] = {"partition name"},
    };
    table t = {.b = b, .filter = ast, .width = 1};
    lt_status st = LT_OK;
    lt_table_def *def;
    switch (ast->what) {
    case LT_OBJ_TABLE:
    case LT_OBJ_VIEW:
        st = list_tables(b, ast, &t, err);
        break;
    case LT_OBJ_CATALOG:
        st = list_catalogs(b, &t);
        break;
    case LT_OBJ_DATABASE:
        st = list_databases(b, ast, &t, err);
        break;
    case LT_OBJ_FUNCTION:
        st = list_functions(b, ast, &t, err);
        break;
    case LT_OBJ_COLUMNS:
        LT_TRY(find_described(b, &ast->path, &def, err));
        return describe_table(b, def, ast, out, err);
    case LT_OBJ_MODULES:
        return show_modules(b, ast, out, err);
    case LT_OBJ_PARTITIONS:
        return lt_unsupported_at(err, pos, "SHOW PARTITIONS");
    case LT_OBJ_JOB:
        return lt_unsupported_at(err, pos, "SHOW JOBS");
    case LT_OBJ_MATERIALIZED_TABLE:
    case LT_OBJ_MODEL:
    case LT_OBJ_PROCEDURE:
    case LT_OBJ_JAR:
        break; /* there are none */
    }
    LT_TRY(st);
    sort_rows(&t);
    if (ast->what == LT_OBJ_FUNCTION) {
        drop_doubles(&t);
    }
    return give(&t, headers[ast->what], out, err);
}

lt_status lt_ddl_show(lt_binder *b, const lt_ast_show *ast, uint32_t pos, lt_bound *out,
                      lt_error *err)
{
    switch (ast->how) {
    case LT_SHOW_CURRENT:
        return show_current(b, ast, out, err);
    case LT_SHOW_CREATE:
        return show_create(b, ast, pos, out, err);
    case LT_SHOW_LIST:
        break;
    }
    return show_list(b, ast, pos, out, err);
}

/* ---- DESCRIBE ---- */

static lt_status describe_catalog(lt_binder *b, const lt_ast_describe *ast, lt_bound *out,
                                  lt_error *err)
{
    static const char *const headers[] = {"info name", "info value"};
    lt_catalog_entry *entry =
        ast->path.count == 1 ? lt_catalog_entry_find(b->catalog, ast->path.items[0].text) : NULL;
    table t = {.b = b, .width = 2};
    if (!entry) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos, "Catalog %s does not exist",
                               lt_path_text(b->arena, &ast->path));
    }
    add_row(&t, (const lt_str[]){LT_STR("name"), entry->name});
    add_row(&t, (const lt_str[]){LT_STR("type"), entry->type});
    add_row(&t,
            (const lt_str[]){LT_STR("comment"), entry->comment.ptr ? entry->comment : LT_STR("")});
    for (uint32_t i = 0; ast->extended && i < entry->options.count; i++) {
        const lt_option *option = &entry->options.items[i];
        lt_str name =
            lt_str_of(lt_arena_printf(b->arena, "option:" LT_STR_FMT, LT_STR_ARG(option->key)));
        if (!lt_str_eq(option->key, LT_STR("type")) && name.ptr) {
            add_row(&t,
                    (const lt_str[]){name, lt_option_is_secret(option->key, NULL) ? LT_STR("******")
                                                                                  : option->value});
        }
    }
    return give(&t, headers, out, err);
}

static lt_str truth(bool value)
{
    return value ? LT_STR("true") : LT_STR("false");
}

static void add_fact(table *t, const char *name, lt_str value)
{
    const lt_str cells[] = {lt_str_of(name), value};
    t->failed = t->failed || !value.ptr;
    add_row(t, cells);
}

static void describe_user(table *t, const lt_function_def *def, bool extended)
{
    add_fact(t, "is system function", truth(!def->catalog.ptr));
    add_fact(t, "is temporary", truth(def->temporary));
    add_fact(t, "class name", def->text);
    add_fact(t, "function language", def->native ? LT_STR("C") : LT_STR("SQL"));
    add_fact(t, "resource uris",
             def->native ? lt_str_of(lt_arena_printf(t->b->arena, "[%s]", def->library))
                         : LT_STR("[]"));
    if (extended) {
        add_fact(t, "kind", lt_function_is_aggregate(def) ? LT_STR("AGGREGATE") : LT_STR("SCALAR"));
        add_fact(t, "requirements", LT_STR("[]"));
        add_fact(t, "is deterministic", truth(def->deterministic));
        add_fact(t, "supports constant folding", truth(!def->native && def->deterministic));
        add_fact(t, "signature", lt_str_of(def->signature));
    }
}

static lt_status describe_builtin(table *t, lt_str name, bool extended)
{
    lt_function_info info;
    if (!lt_function_builtin(name, &info)) {
        return LT_ERR_SQL;
    }
    add_fact(t, "is system function", truth(true));
    add_fact(t, "is temporary", truth(false));
    if (extended) {
        add_fact(t, "kind", info.aggregate ? LT_STR("AGGREGATE") : LT_STR("SCALAR"));
        add_fact(t, "requirements", LT_STR("[]"));
        add_fact(t, "is deterministic", truth(info.deterministic));
        add_fact(t, "supports constant folding", truth(info.folds));
        add_fact(t, "signature", lt_str_of(info.signature));
        add_fact(t, "description", lt_str_of(info.doc));
    }
    return LT_OK;
}

static lt_status describe_function(lt_binder *b, const lt_ast_describe *ast, lt_bound *out,
                                   lt_error *err)
{
    static const char *const headers[] = {"info name", "info value"};
    const lt_ast_name *last = &ast->path.items[ast->path.count - 1];
    const lt_ast_call call = {.name = ast->path, .func = last->text};
    table t = {.b = b, .width = 2};
    const lt_function_def *def = lt_bind_find_function(b, &call);
    if (def) {
        describe_user(&t, def, ast->extended);
        return give(&t, headers, out, err);
    }
    if (ast->path.count == 1 && describe_builtin(&t, last->text, ast->extended) == LT_OK) {
        return give(&t, headers, out, err);
    }
    return lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                           "Function with the identifier '%s' doesn't exist.",
                           lt_path_text(b->arena, &ast->path));
}

lt_status lt_ddl_describe(lt_binder *b, const lt_ast_describe *ast, uint32_t pos, lt_bound *out,
                          lt_error *err)
{
    lt_table_def *def;
    switch (ast->what) {
    case LT_OBJ_TABLE:
    case LT_OBJ_VIEW:
        LT_TRY(find_described(b, &ast->path, &def, err));
        return describe_table(b, def, NULL, out, err);
    case LT_OBJ_CATALOG:
        return describe_catalog(b, ast, out, err);
    case LT_OBJ_DATABASE:
        return lt_unsupported_at(err, pos, "DESCRIBE DATABASE");
    case LT_OBJ_FUNCTION:
        return describe_function(b, ast, out, err);
    case LT_OBJ_MODEL:
        return lt_unsupported_at(err, pos, "models");
    case LT_OBJ_JOB:
        return lt_unsupported_at(err, pos, "DESCRIBE JOB");
    case LT_OBJ_MATERIALIZED_TABLE:
    case LT_OBJ_MODULES:
    case LT_OBJ_PROCEDURE:
    case LT_OBJ_JAR:
    case LT_OBJ_COLUMNS:
    case LT_OBJ_PARTITIONS:
        break;
    }
    return lt_unsupported_at(err, pos, "this DESCRIBE");
}

lt_status lt_ddl_list_settings(lt_binder *b, lt_bound *out, lt_error *err)
{
    static const char *const headers[] = {"key", "value"};
    table t = {.b = b, .width = 2};
    lt_str key;
    void *value;
    for (size_t i = 0; lt_map_at(b->catalog->settings, i, &key, &value); i++) {
        const lt_str cells[] = {lt_arena_str(b->arena, key), lt_option_is_secret(key, NULL)
                                                                 ? LT_STR("******")
                                                                 : *(const lt_str *)value};
        t.failed = t.failed || !cells[0].ptr;
        add_row(&t, cells);
    }
    sort_rows(&t);
    return give(&t, headers, out, err);
}
