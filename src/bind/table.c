/* Finding tables and reading them: paths, OPTIONS hints, and the tree of a scan:
 *
 *   SCAN (physical and metadata columns) -> PROJECT (all columns as declared, metadata cast,
 * computed ones) -> WATERMARK
 *
 * where the two upper nodes stand only if the table has something for them. */
#include "bind/bind_int.h"

#define NAMES_MAX 256

/* ---- names ---- */

lt_status lt_bind_object_path(lt_binder *b, const lt_ast_path *path, lt_object_path *out,
                              lt_error *err)
{
    if (path->count > 3) {
        return lt_error_set_at(err, LT_ERR_SQL, path->items[0].pos,
                               "a name has at most three parts: catalog.database.object");
    }
    out->name = path->items[path->count - 1].text;
    out->database = path->count >= 2 ? path->items[path->count - 2].text : b->current_database;
    out->catalog = path->count == 3 ? path->items[0].text : b->current_catalog;
    if (!lt_catalog_entry_find(b->catalog, out->catalog)) {
        return lt_error_set_at(err, LT_ERR_SQL, path->items[0].pos,
                               "Catalog " LT_STR_FMT " does not exist", LT_STR_ARG(out->catalog));
    }
    if (!lt_database_find(b->catalog, out->catalog, out->database)) {
        return lt_error_set_at(err, LT_ERR_SQL, path->items[0].pos,
                               "Database " LT_STR_FMT " does not exist in catalog " LT_STR_FMT,
                               LT_STR_ARG(out->database), LT_STR_ARG(out->catalog));
    }
    return LT_OK;
}

const char *lt_object_text(lt_arena *arena, const lt_object_path *path)
{
    const char *text =
        lt_arena_printf(arena, LT_STR_FMT "." LT_STR_FMT "." LT_STR_FMT, LT_STR_ARG(path->catalog),
                        LT_STR_ARG(path->database), LT_STR_ARG(path->name));
    return text ? text : "";
}

typedef struct {
    lt_arena *arena;
    const char *names[NAMES_MAX];
    size_t count;
} name_list;

static void collect_name(void *arg, lt_table_def *def)
{
    name_list *list = arg;
    if (list->count < NAMES_MAX) {
        list->names[list->count] = lt_arena_strndup(list->arena, def->name.ptr, def->name.len);
        list->count += list->names[list->count] != NULL;
    }
}

static void hint_tables(lt_binder *b, const lt_object_path *path, lt_error *err)
{
    name_list list = {.arena = b->arena};
    for (const lt_cte *cte = b->ctes; cte && list.count < NAMES_MAX; cte = cte->outer) {
        list.names[list.count] =
            lt_arena_strndup(b->arena, cte->ast->name.text.ptr, cte->ast->name.text.len);
        list.count += list.names[list.count] != NULL;
    }
    lt_catalog_each(b->catalog, path->catalog, path->database, collect_name, &list);
    const char *near = lt_str_nearest(path->name, list.names, list.count);
    const char *all = "";
    if (near) {
        lt_error_hint(err, "did you mean '%s'?", near);
        return;
    }
    for (size_t i = 0; i < list.count && i < 10 && all; i++) {
        all = lt_arena_printf(b->arena, "%s%s%s", all, i ? ", " : "", list.names[i]);
    }
    if (all && list.count > 0) {
        lt_error_hint(err, "tables here: %s%s", all, list.count > 10 ? ", .." : "");
    } else {
        lt_error_hint(err, "there are no tables in " LT_STR_FMT "." LT_STR_FMT " yet",
                      LT_STR_ARG(path->catalog), LT_STR_ARG(path->database));
    }
}

/* `x.jsonl` in quotes, stdin, datagen: the hook makes a table of them. */
static bool looks_inferable(const lt_ast_path *path)
{
    const lt_ast_name *name = &path->items[0];
    if (path->count != 1) {
        return false;
    }
    if (lt_str_eq(name->text, LT_STR("stdin")) || lt_str_eq(name->text, LT_STR("datagen"))) {
        return true;
    }
    return name->quoted && name->text.len > 0 &&
           (memchr(name->text.ptr, '.', name->text.len) ||
            memchr(name->text.ptr, '/', name->text.len));
}

lt_status lt_bind_find_table(lt_binder *b, const lt_ast_path *path, const char *what,
                             lt_table_def **out, lt_error *err)
{
    lt_object_path full;
    if (looks_inferable(path) && b->hook) {
        *out = lt_catalog_object(b->catalog, b->current_catalog, b->current_database,
                                 path->items[0].text);
        if (*out) {
            return LT_OK;
        }
        lt_status st = b->hook->table(b->hook, b->catalog, path->items[0].text, out, err);
        if (st != LT_OK && !err->has_sql_pos) {
            err->has_sql_pos = true;
            err->sql_pos = path->items[0].pos;
        }
        return st;
    }
    LT_TRY(lt_bind_object_path(b, path, &full, err));
    *out = lt_catalog_object(b->catalog, full.catalog, full.database, full.name);
    if (*out) {
        return LT_OK;
    }
    lt_status st = lt_error_set_at(err, LT_ERR_SQL, path->items[0].pos, "%s '%s' not found", what,
                                   lt_path_text(b->arena, path));
    hint_tables(b, &full, err);
    return st;
}

/* ---- options ---- */

static lt_status hinted(lt_binder *b, const lt_options *base, const lt_ast_hint *hint, uint32_t pos,
                        lt_options *out, lt_error *err)
{
    lt_option *items = LT_NEW_ARRAY(b->arena, lt_option, base->count + hint->arg_count + 1);
    uint32_t count = 0;
    if (!items) {
        return lt_error_nomem(err, "options");
    }
    for (uint32_t i = 0; i < base->count; i++) {
        items[count] = base->items[i];
        items[count++].pos = pos; /* positions of another statement mean nothing here */
    }
    for (uint32_t i = 0; i < hint->arg_count; i++) {
        const lt_ast_hint_arg *arg = &hint->args[i];
        uint32_t at = 0;
        if (!arg->key.ptr || !arg->key_is_string || !arg->value_is_string) {
            return lt_error_set_at(err, LT_ERR_SQL, arg->pos,
                                   "the OPTIONS hint takes 'key' = 'value' pairs");
        }
        if (lt_str_eq(arg->key, LT_STR("connector"))) {
            return lt_error_set_at(err, LT_ERR_SQL, arg->pos,
                                   "the OPTIONS hint cannot change 'connector'");
        }
        while (at < count && !lt_str_eq(items[at].key, arg->key)) {
            at++;
        }
        items[at] = (lt_option){arg->key, arg->value, arg->pos};
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

static lt_status unknown_connector(lt_binder *b, const lt_table_def *def, uint32_t pos,
                                   lt_error *err)
{
    static const char *const elsewhere[] = {
        "kafka",
        "upsert-kafka",
        "jdbc",
        "elasticsearch-6",
        "elasticsearch-7",
        "elasticsearch-8",
        "opensearch",
        "kinesis",
        "firehose",
        "dynamodb",
        "mongodb",
        "hbase-1.4",
        "hbase-2.2",
        "hbase-2.6",
        "mysql-cdc",
        "postgres-cdc",
        "oracle-cdc",
        "mongodb-cdc",
        "sqlserver-cdc",
        "faker",
        "pulsar",
        "rabbitmq",
        "redis",
        "paimon",
        "iceberg",
        "hudi",
        "http",
        "rest-lookup",
        "socket",
        "aws-kinesis",
        "hive",
    };
    lt_str name = option_value(&def->options, "connector");
    if (!name.ptr) {
        lt_status st = lt_error_set_at(err, LT_ERR_SQL, pos,
                                       "Table '" LT_STR_FMT
                                       "' has no 'connector' option and cannot be read or written",
                                       LT_STR_ARG(def->name));
        lt_error_hint(err, "add WITH ('connector' = '..') to its CREATE TABLE");
        return st;
    }
    for (size_t i = 0; i < LT_COUNT_OF(elsewhere); i++) {
        if (lt_str_eq(name, lt_str_of(elsewhere[i]))) {
            return lt_error_set_at(err, LT_ERR_UNSUPPORTED, pos,
                                   "connector '" LT_STR_FMT "' (table '" LT_STR_FMT
                                   "') is not part of this build",
                                   LT_STR_ARG(name), LT_STR_ARG(def->name));
        }
    }
    lt_status st = lt_error_set_at(err, LT_ERR_SQL, pos,
                                   "unknown connector '" LT_STR_FMT "' (table '" LT_STR_FMT "')",
                                   LT_STR_ARG(name), LT_STR_ARG(def->name));
    const char *names[64], *all = "";
    size_t count = 0;
    for (const lt_connector *c; count < 64 && (c = lt_connector_at((uint32_t)count)) != NULL;) {
        names[count++] = c->name;
    }
    const char *near = lt_str_nearest(name, names, count);
    for (size_t i = 0; i < count && all; i++) {
        all = lt_arena_printf(b->arena, "%s%s%s", all, i ? ", " : "", names[i]);
    }
    if (near) {
        lt_error_hint(err, "did you mean '%s'?", near);
    } else if (all) {
        lt_error_hint(err, "connectors: %s", all);
    }
    return st;
}

static lt_status find_format(const lt_options *options, const lt_table_def *def, uint32_t pos,
                             const lt_format **out, lt_error *err)
{
    lt_str name = option_value(options, "format");
    *out = NULL;
    if (!name.ptr) {
        name = option_value(options, "value.format");
    }
    if (!name.ptr) {
        if (!def->connector->needs_format) {
            return LT_OK;
        }
        lt_status st =
            lt_error_set_at(err, LT_ERR_SQL, pos,
                            "Table '" LT_STR_FMT "': connector '%s' needs the option 'format'",
                            LT_STR_ARG(def->name), def->connector->name);
        lt_error_hint(err, "add 'format' = 'json' or another one to its options");
        return st;
    }
    *out = lt_format_find(name);
    if (*out) {
        return LT_OK;
    }
    lt_status st = lt_error_set_at(err, LT_ERR_SQL, pos,
                                   "unknown format '" LT_STR_FMT "' (table '" LT_STR_FMT "')",
                                   LT_STR_ARG(name), LT_STR_ARG(def->name));
    const char *names[64];
    size_t count = 0;
    for (const lt_format *f; count < 64 && (f = lt_format_at((uint32_t)count)) != NULL;) {
        names[count++] = f->name;
    }
    const char *near = lt_str_nearest(name, names, count);
    if (near) {
        lt_error_hint(err, "did you mean '%s'?", near);
    }
    return st;
}

lt_status lt_bind_table_options(lt_binder *b, const lt_table_def *def, const lt_ast_hints *hints,
                                uint32_t pos, lt_options *out, lt_error *err)
{
    const lt_format *format;
    const lt_ast_hint none = {0};
    lt_options merged;
    LT_TRY(hinted(b, &def->options, &none, pos, &merged, err));
    for (uint32_t i = 0; hints && i < hints->count; i++) {
        if (lt_str_eq_ci(hints->items[i].name.text, LT_STR("OPTIONS"))) {
            if (!lt_str_eq_ci(lt_catalog_option(b->catalog, "table.dynamic-table-options.enabled"),
                              LT_STR("true"))) {
                return lt_error_set_at(
                    err, LT_ERR_SQL, hints->items[i].name.pos,
                    "OPTIONS hints are switched off ('table.dynamic-table-options.enabled')");
            }
            LT_TRY(hinted(b, &merged, &hints->items[i], pos, &merged, err));
        }
    }
    *out = merged;
    if (!def->connector) {
        return unknown_connector(b, def, pos, err);
    }
    LT_TRY(find_format(&merged, def, pos, &format, err));
    lt_status st = lt_connector_check_options(def->connector, format, &merged, err);
    if (st != LT_OK && !err->has_sql_pos) {
        err->has_sql_pos = true;
        err->sql_pos = pos;
    }
    return st;
}

/* ---- scans ---- */

/* The connector must know every metadata key that is read. */
static lt_status check_metadata(lt_binder *b, const lt_table_def *def, uint32_t pos, lt_error *err)
{
    for (uint32_t i = 0; i < def->column_count; i++) {
        const lt_column_def *column = &def->columns[i];
        const char *names[64], *all = "";
        uint32_t count = LT_MIN(def->connector->metadata_count, 64u);
        bool found = false;
        if (column->role != LT_COLUMN_IS_METADATA) {
            continue;
        }
        for (uint32_t m = 0; m < count; m++) {
            names[m] = def->connector->metadata[m].key;
            found = found || lt_str_eq(column->metadata_key, lt_str_of(names[m]));
        }
        if (found) {
            continue;
        }
        lt_status st =
            lt_error_set_at(err, LT_ERR_SQL, pos,
                            "Invalid metadata key '" LT_STR_FMT "' in column '" LT_STR_FMT
                            "' of table '" LT_STR_FMT "': connector '%s' does not offer it",
                            LT_STR_ARG(column->metadata_key), LT_STR_ARG(column->name),
                            LT_STR_ARG(def->name), def->connector->name);
        for (uint32_t m = 0; m < count && all; m++) {
            all = lt_arena_printf(b->arena, "%s%s%s", all, m ? ", " : "", names[m]);
        }
        lt_error_hint(err, "%s%s", count ? "it offers: " : "it offers no metadata", all ? all : "");
        return st;
    }
    return LT_OK;
}

static lt_status make_scan(lt_binder *b, lt_table_def *def, uint32_t pos, lt_rel **out,
                           lt_error *err)
{
    lt_rel *rel = lt_rel_make(b, LT_REL_SCAN, pos, NULL, err);
    lt_field *fields = LT_NEW_ARRAY(b->arena, lt_field, def->column_count + 1);
    uint32_t *columns = LT_NEW_ARRAY(b->arena, uint32_t, def->column_count + 1);
    uint32_t count = 0;
    if (!rel || !fields || !columns) {
        return rel ? lt_error_nomem(err, "scan") : err->code;
    }
    for (uint32_t i = 0; i < def->column_count; i++) {
        const lt_column_def *column = &def->columns[i];
        const lt_type *type =
            column->role == LT_COLUMN_IS_METADATA ? column->metadata_type : column->type;
        if (column->role == LT_COLUMN_IS_COMPUTED) {
            continue;
        }
        type = lt_type_with_attr(b->arena, type, LT_TIME_NONE);
        if (!type) {
            return lt_error_nomem(err, "type");
        }
        fields[count] = (lt_field){column->name, type};
        columns[count++] = i;
    }
    rel->u.scan.table = def;
    rel->u.scan.columns = columns;
    rel->schema = lt_schema_new(b->arena, fields, count);
    *out = rel;
    return rel->schema ? LT_OK : lt_error_nomem(err, "schema");
}

/* All columns as declared, over the scan. *plain: they are the scan's already. */
static lt_status declared_columns(lt_binder *b, const lt_table_def *def, const lt_rel *scan,
                                  lt_expr ***out, bool *plain, lt_error *err)
{
    lt_expr **exprs = LT_NEW_ARRAY(b->arena, lt_expr *, def->column_count + 1);
    if (!exprs) {
        return lt_error_nomem(err, "projection");
    }
    *plain = true;
    for (uint32_t i = 0; i < scan->schema->count; i++) {
        uint32_t column = scan->u.scan.columns[i];
        const lt_column_def *declared = &def->columns[column];
        LT_TRY(lt_expr_column(&b->eb, i, scan->schema->fields[i].type, scan->pos, &exprs[column],
                              err));
        if (declared->role == LT_COLUMN_IS_METADATA &&
            !lt_type_eq(declared->metadata_type, declared->type)) {
            *plain = false;
            LT_TRY(lt_expr_cast(&b->eb, exprs[column], declared->type, false, scan->pos,
                                &exprs[column], err));
        }
    }
    for (uint32_t i = 0; i < def->column_count; i++) {
        if (def->columns[i].role == LT_COLUMN_IS_COMPUTED) {
            *plain = false;
            LT_TRY(lt_expr_remap(&b->eb, def->columns[i].expr, NULL, exprs, &exprs[i], err));
        }
    }
    *out = exprs;
    return LT_OK;
}

static lt_status add_watermark(lt_binder *b, lt_table_def *def, lt_rel *input,
                               const lt_options *options, lt_rel **out, lt_error *err)
{
    lt_rel *rel = lt_rel_make(b, LT_REL_WATERMARK, input->pos, input, err);
    if (!rel) {
        return err->code;
    }
    rel->u.watermark.time_col = (uint32_t)def->watermark_col;
    rel->u.watermark.expr = def->watermark;
    rel->u.watermark.table = def;
    rel->u.watermark.options = *options;
    rel->schema = def->schema;
    *out = rel;
    return LT_OK;
}

lt_status lt_bind_scan(lt_binder *b, lt_table_def *def, const lt_ast_hints *hints, uint32_t pos,
                       lt_rel **out, lt_error *err)
{
    lt_rel *rel;
    lt_expr **exprs = NULL;
    lt_options options;
    bool plain = true;
    LT_TRY(lt_bind_table_options(b, def, hints, pos, &options, err));
    if (!def->connector->source) {
        return lt_error_set_at(err, LT_ERR_SQL, pos,
                               "Table '" LT_STR_FMT
                               "' cannot be read: connector '%s' is only a sink",
                               LT_STR_ARG(def->name), def->connector->name);
    }
    LT_TRY(check_metadata(b, def, pos, err));
    LT_TRY(make_scan(b, def, pos, &rel, err));
    rel->u.scan.options = options;
    rel->u.scan.alias = def->name;
    LT_TRY(declared_columns(b, def, rel, &exprs, &plain, err));
    if (!plain) {
        lt_field *fields = LT_NEW_ARRAY(b->arena, lt_field, def->column_count + 1);
        if (!fields) {
            return lt_error_nomem(err, "schema");
        }
        for (uint32_t i = 0; i < def->column_count; i++) {
            bool rowtime = (int)i == def->watermark_col;
            fields[i] = def->schema->fields[i];
            if (rowtime) {
                fields[i].type = lt_type_with_attr(b->arena, fields[i].type, LT_TIME_NONE);
            }
            if (!fields[i].type) {
                return lt_error_nomem(err, "type");
            }
        }
        LT_TRY(lt_rel_project(b, rel, exprs, fields, def->column_count, &rel, err));
    }
    if (def->watermark_col >= 0) {
        LT_TRY(add_watermark(b, def, rel, &options, &rel, err));
    }
    *out = rel;
    return LT_OK;
}
