/* A catalog in a real environment, and short ways to run statements and look at what they became.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bind/bind.h"
#include "sql/parse.h"

typedef struct {
    lt_mem mem;
    lt_env *env;
    lt_catalog *catalog;
    lt_arena *arena;
    lt_text text;
    lt_error err;
    lt_bound out;
} fixture;

static int setup(void **state)
{
    fixture *f = test_calloc(1, sizeof *f);
    lt_mem_init(&f->mem, NULL, "test", 0);
    f->env = lt_env_real_new(&f->mem);
    f->catalog = lt_catalog_new(&f->mem, f->env);
    f->arena = lt_arena_new(&f->mem, (size_t)64 << 20);
    lt_text_init(&f->text, &f->mem);
    assert_non_null(f->catalog);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    lt_text_deinit(&f->text);
    lt_arena_free(f->arena);
    lt_catalog_free(f->catalog);
    lt_env_real_free(f->env);
    lt_mem_deinit(&f->mem);
    test_free(f);
    return 0;
}

LT_UNUSED static lt_status run(fixture *f, const char *sql)
{
    lt_ast_stmt *stmt;
    lt_status st = lt_sql_parse_statement(&stmt, f->arena, lt_str_of(sql), &f->err);
    return st == LT_OK ? lt_bind_statement(f->catalog, stmt, lt_str_of(sql), NULL, f->arena,
                                           &f->out, &f->err)
                       : st;
}

LT_UNUSED static void ok(fixture *f, const char *sql)
{
    if (run(f, sql) != LT_OK) {
        print_error("%s\n  -> %s\n", sql, f->err.text);
        fail();
    }
}

/* The statement fails so, its message has `part`, and its position is that of `at` in the text
 * (NULL: not looked at). */
LT_UNUSED static void fails(fixture *f, const char *sql, lt_status code, const char *part,
                            const char *at)
{
    lt_status st = run(f, sql);
    if (st != code || !strstr(f->err.text, part)) {
        print_error("%s\n  -> %s: %s\n", sql, lt_status_name(st), st == LT_OK ? "" : f->err.text);
        fail();
    }
    if (at) {
        assert_true(f->err.has_sql_pos);
        if (f->err.sql_pos != (uint32_t)(strstr(sql, at) - sql)) {
            print_error("%s\n  -> %s, at: %s\n", sql, f->err.text, sql + f->err.sql_pos);
            fail();
        }
    }
}

LT_UNUSED static void hinted(const fixture *f, const char *part)
{
    if (!strstr(f->err.hint, part)) {
        print_error("hint: %s\n", f->err.hint);
        fail();
    }
}

/* `name TYPE, ..` of a schema. */
LT_UNUSED static const char *schema_text(fixture *f, const lt_schema *schema)
{
    lt_text_clear(&f->text);
    for (uint32_t i = 0; i < schema->count; i++) {
        lt_text_printf(&f->text, "%s" LT_STR_FMT " ", i ? ", " : "",
                       LT_STR_ARG(schema->fields[i].name));
        lt_type_print(schema->fields[i].type, &f->text);
    }
    return f->text.ptr ? f->text.ptr : "";
}

LT_UNUSED static void gives(fixture *f, const char *sql, const char *schema)
{
    ok(f, sql);
    assert_true(f->out.kind == LT_BOUND_QUERY || f->out.kind == LT_BOUND_INSERT);
    assert_string_equal(schema_text(f, f->out.rels[0]->schema), schema);
}

/* `KIND(KIND(..))` of a tree. */
LT_UNUSED static void rel_shape(const lt_rel *rel, lt_text *to)
{
    static const char *const names[] = {
        [LT_REL_SCAN] = "scan",           [LT_REL_VALUES] = "values",
        [LT_REL_FILTER] = "filter",       [LT_REL_PROJECT] = "project",
        [LT_REL_WATERMARK] = "watermark", [LT_REL_WINDOW] = "window",
        [LT_REL_AGGREGATE] = "aggregate", [LT_REL_UNION] = "union",
        [LT_REL_LIMIT] = "limit",         [LT_REL_SORT] = "sort",
        [LT_REL_RANK] = "rank",           [LT_REL_JOIN] = "join",
        [LT_REL_EXPAND] = "expand",       [LT_REL_UNNEST] = "unnest",
        [LT_REL_OVER] = "over",           [LT_REL_SINK] = "sink",
    };
    lt_text_puts(to, names[rel->kind]);
    for (uint32_t i = 0; i < rel->input_count; i++) {
        lt_text_puts(to, i ? "," : "(");
        rel_shape(rel->inputs[i], to);
    }
    lt_text_puts(to, rel->input_count ? ")" : "");
}

LT_UNUSED static void shaped(fixture *f, const char *sql, const char *shape)
{
    ok(f, sql);
    lt_text_clear(&f->text);
    rel_shape(f->out.rels[0], &f->text);
    assert_string_equal(f->text.ptr, shape);
}

LT_UNUSED static const char *cell(const fixture *f, uint32_t row, uint32_t column)
{
    static char buf[4096];
    lt_str s = f->out.listing.cells[row * f->out.listing.column_count + column];
    size_t len = LT_MIN(s.len, sizeof buf - 1);
    memcpy(buf, s.ptr ? s.ptr : "", len);
    buf[len] = 0;
    return buf;
}

#define CLICKS                                                                               \
    "CREATE TABLE clicks (id BIGINT, page STRING, r ROW<x INT, y STRING>, ts TIMESTAMP(3), " \
    "WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'datagen')"
#define PROC "CREATE TABLE proc (id BIGINT, v INT, p AS PROCTIME()) WITH ('connector' = 'datagen')"
#define SINK "CREATE TABLE hole (id BIGINT, page STRING) WITH ('connector' = 'blackhole')"
