/* Tables without DDL: FROM 'file.jsonl', FROM stdin, FROM datagen. The schema is inferred from the
 * first lines, written as a CREATE TABLE statement, and executed like any other, so that --show-ddl
 * shows exactly what runs. */
#include "api/api_int.h"
#include "sql/parse.h"

static void put_literal(lt_text *to, lt_str value)
{
    lt_text_putc(to, '\'');
    for (size_t i = 0; i < value.len; i++) {
        lt_text_puts(to, value.ptr[i] == '\'' ? "''" : "");
        if (value.ptr[i] != '\'') {
            lt_text_putc(to, value.ptr[i]);
        }
    }
    lt_text_putc(to, '\'');
}

static void put_column(lt_text *to, const lt_field *field, bool is_time)
{
    lt_text_puts(to, "  ");
    lt_sql_print_name(field->name, to);
    lt_text_putc(to, ' ');
    if (is_time && (field->type->kind == LT_TYPE_BIGINT || field->type->kind == LT_TYPE_INT ||
                    field->type->kind == LT_TYPE_DOUBLE)) {
        lt_text_puts(to, "TIMESTAMP_LTZ(3)"); /* epoch seconds, milliseconds or microseconds */
    } else {
        lt_type_print(field->type, to);
    }
}

static void put_watermark(lt_text *to, lt_str column, int64_t delay_ms)
{
    lt_text_puts(to, ",\n  WATERMARK FOR ");
    lt_sql_print_name(column, to);
    lt_text_puts(to, " AS ");
    lt_sql_print_name(column, to);
    lt_text_printf(to, " - INTERVAL '%lld %02d:%02d:%02d.%03d' DAY(6) TO SECOND(3)",
                   (long long)(delay_ms / 86400000), (int)(delay_ms / 3600000 % 24),
                   (int)(delay_ms / 60000 % 60), (int)(delay_ms / 1000 % 60),
                   (int)(delay_ms % 1000));
}

static lt_status make_ddl(leat *db, lt_str name, const lt_inferred *inferred, lt_text *to,
                          lt_error *err)
{
    const char *event_time = db->config.event_time;
    bool found = event_time == NULL;
    lt_text_puts(to, "CREATE TEMPORARY TABLE ");
    lt_sql_print_name(name, to);
    lt_text_puts(to, " (\n");
    for (uint32_t i = 0; i < inferred->schema->count; i++) {
        const lt_field *field = &inferred->schema->fields[i];
        bool is_time = event_time != NULL && lt_str_eq(field->name, lt_str_of(event_time));
        found = found || is_time;
        lt_text_puts(to, i > 0 ? ",\n" : "");
        put_column(to, field, is_time);
    }
    if (!found) {
        lt_error_set(err, LT_ERR_SQL, "--event-time: table '" LT_STR_FMT "' has no column '%s'",
                     LT_STR_ARG(name), event_time);
        lt_error_hint(err, "--show-ddl shows the columns that were found");
        return LT_ERR_SQL;
    }
    if (event_time != NULL) {
        put_watermark(to, lt_str_of(event_time), db->config.event_delay_ms);
    }
    bool is_stdin = lt_str_eq(name, LT_STR("stdin"));
    lt_text_printf(to, "\n) WITH (\n  'connector' = '%s',\n", is_stdin ? "stdin" : "filesystem");
    if (is_stdin) {
        lt_text_puts(
            to, "  'bounded' = 'true',\n"); /* a pipe ends: a query wants its final rows then */
    } else {
        lt_text_puts(to, "  'path' = ");
        put_literal(to, name);
        lt_text_puts(to, ",\n");
    }
    lt_text_printf(to, "  'format' = '%s'", inferred->format);
    if (inferred->delimiter.len > 0 && !lt_str_eq(inferred->delimiter, LT_STR(","))) {
        lt_text_puts(to, ",\n  'csv.field-delimiter' = ");
        put_literal(to, inferred->delimiter);
    }
    lt_text_puts(to, "\n)");
    return to->failed ? lt_error_nomem(err, "an inferred table") : LT_OK;
}

static lt_status run_ddl(lt_catalog *catalog, lt_str text, lt_str name, lt_table_def **out,
                         lt_error *err)
{
    lt_arena *arena = lt_catalog_arena(catalog);
    lt_str copy = lt_arena_str(arena, text); /* computed columns and views keep pointing into it */
    if (copy.ptr == NULL) {
        return lt_error_nomem(err, "an inferred table");
    }
    lt_ast_stmt *stmt;
    lt_bound bound;
    LT_TRY(lt_sql_parse_statement(&stmt, arena, copy, err));
    LT_TRY(lt_bind_statement(catalog, stmt, copy, NULL, arena, &bound, err));
    *out = lt_catalog_find(catalog, &name, 1);
    LT_ASSERT(*out != NULL);
    return LT_OK;
}

lt_status lt_api_infer(lt_infer_hook *hook, lt_catalog *catalog, lt_str name, lt_table_def **out,
                       lt_error *err)
{
    leat *db = (leat *)((char *)hook - offsetof(leat, hook));
    *out = NULL;
    if (!db->config.inferred_tables) {
        return LT_OK;
    }
    if (lt_str_eq(name, LT_STR("datagen"))) {
        return run_ddl(catalog, lt_str_of(lt_datagen_default_ddl), name, out, err);
    }
    if (db->config.no_files) {
        return LT_OK;
    }
    bool is_stdin = lt_str_eq(name, LT_STR("stdin"));
    char *path = lt_arena_strndup(lt_catalog_arena(catalog), name.ptr, name.len);
    if (path == NULL) {
        return lt_error_nomem(err, "an inferred table");
    }
    lt_inferred inferred = {0};
    LT_TRY(lt_infer_file(db->env, &db->mem, is_stdin ? "-" : path, lt_catalog_arena(catalog),
                         &inferred, err));
    lt_text ddl;
    lt_text_init(&ddl, &db->mem);
    lt_status st = make_ddl(db, name, &inferred, &ddl, err);
    if (st == LT_OK) {
        st = run_ddl(catalog, lt_text_str(&ddl), name, out, err);
    }
    lt_text_deinit(&ddl);
    if (st == LT_OK) {
        (*out)->inferred = true;
        (*out)->has_header = inferred.has_header;
    }
    return st;
}

const char *leat_ddl(leat *db, const char *table)
{
    lt_error err;
    lt_error_clear(&err);
    lt_str name = lt_str_of(table);
    lt_table_def *def = lt_catalog_find(db->catalog, &name, 1);
    if (def == NULL) {
        lt_status st = lt_api_infer(&db->hook, db->catalog, name, &def, &err);
        if (st == LT_OK && def == NULL) {
            lt_error_set(&err, LT_ERR_SQL, "there is no table '%s'", table);
        }
        if (def == NULL) {
            lt_api_fail(db, &err, (lt_str){NULL, 0}, 0);
            return NULL;
        }
    }
    lt_text_clear(&db->ddl_text);
    lt_table_print_ddl(def, &db->ddl_text);
    return db->ddl_text.failed ? NULL : db->ddl_text.ptr;
}
