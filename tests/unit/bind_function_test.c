/* Functions of libraries in a simulated world: which files are loaded, what their descriptors may
 * say, and that running out of memory anywhere is a status. */
#include <stdio.h>

#include "bind_fixture.h"

#include "leat/udf.h"
#include "os/env_sim.h"

static int32_t add(leat_udf_ctx *ctx, const leat_udf_rows *rows, const leat_udf_column *args,
                   void *out)
{
    (void)ctx;
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t row = leat_udf_row(rows, i);
        ((int64_t *)out)[row] = leat_udf_get_i64(&args[0], row) + leat_udf_get_i64(&args[1], row);
    }
    return 0;
}

static const char *const add_args[] = {"BIGINT", "BIGINT"};
static const leat_udf add_udf = {LEAT_UDF_HEAD,           .flags = LEAT_UDF_DETERMINISTIC,
                                 .arg_count = 2,          .arg_types = add_args,
                                 .result_type = "BIGINT", .eval = add};
static const char *const nullless_args[] = {"BIGINT NOT NULL"};
static const leat_udf nullless_udf = {LEAT_UDF_HEAD, .arg_count = 1, .arg_types = nullless_args,
                                      .result_type = "BIGINT", .eval = add};

static void open_sim(fixture *f, const char *dirs)
{
    const lt_sim_options options = {.seed = 1, .start_wall_us = INT64_C(1700000000000000)};
    lt_mem_init(&f->mem, NULL, "test", 0);
    f->env = lt_env_sim_new(&f->mem, &options);
    assert_non_null(f->env);
    assert_int_equal(lt_sim_library(f->env, "/lib/math.so", "add_udf", &add_udf, &f->err), LT_OK);
    assert_int_equal(
        lt_sim_library(f->env, "/more/deep/math.so", "nullless_udf", &nullless_udf, &f->err),
        LT_OK);
    assert_int_equal(lt_sim_library(f->env, "/library/math.so", "add_udf", &add_udf, &f->err),
                     LT_OK);
    assert_int_equal(lt_sim_put(f->env, "/lib/text.so", "text", 4, &f->err), LT_OK);
    f->catalog = lt_catalog_new(&f->mem, f->env);
    f->arena = lt_arena_new(&f->mem, (size_t)64 << 20);
    lt_text_init(&f->text, &f->mem);
    assert_non_null(f->catalog);
    lt_catalog_allow_native(f->catalog, dirs);
}

static void close_sim(fixture *f)
{
    lt_text_deinit(&f->text);
    lt_arena_free(f->arena);
    lt_catalog_free(f->catalog);
    lt_env_sim_free(f->env);
    assert_int_equal(f->mem.bytes, 0);
    lt_mem_deinit(&f->mem);
}

static void only_allowed_files(void **state)
{
    fixture f;
    (void)state;
    open_sim(&f, NULL);
    fails(&f, "CREATE FUNCTION a AS 'math.so#add_udf' LANGUAGE C", LT_ERR_PERMISSION,
          "functions in C are not allowed", "'math.so");
    hinted(&f, "--allow-native-functions DIR");
    close_sim(&f);

    open_sim(&f, "");
    fails(&f, "CREATE FUNCTION a AS 'math.so#add_udf' LANGUAGE C", LT_ERR_PERMISSION,
          "functions in C are not allowed", NULL);
    close_sim(&f);

    open_sim(&f, "/nowhere::/lib/:/more");
    ok(&f, "CREATE FUNCTION a AS 'math.so#add_udf' LANGUAGE C");
    ok(&f, "CREATE FUNCTION b AS '/lib/math.so#add_udf' LANGUAGE C");
    ok(&f, "CREATE FUNCTION c AS './math.so#add_udf' LANGUAGE C");
    fails(&f, "CREATE FUNCTION d AS '/library/math.so#add_udf' LANGUAGE C", LT_ERR_SQL,
          "there is no library '/library/math.so'", "'/library");
    fails(&f, "CREATE FUNCTION d AS '../library/math.so#add_udf' LANGUAGE C", LT_ERR_PERMISSION,
          "'..' is not allowed", NULL);
    fails(&f, "CREATE FUNCTION d AS 'x/../../library/math.so#add_udf' LANGUAGE C",
          LT_ERR_PERMISSION, "'..' is not allowed", NULL);
    fails(&f, "CREATE FUNCTION d AS '/lib/../library/math.so#add_udf' LANGUAGE C",
          LT_ERR_PERMISSION, "'..' is not allowed", NULL);
    fails(&f, "CREATE FUNCTION d AS '/lib#add_udf' LANGUAGE C", LT_ERR_SQL,
          "there is no library '/lib'", NULL);
    fails(&f, "CREATE FUNCTION d AS 'text.so#add_udf' LANGUAGE C", LT_ERR_IO, "it is no library",
          NULL);
    fails(&f, "CREATE FUNCTION d AS 'math.so#nothing' LANGUAGE C", LT_ERR_SQL,
          "'/lib/math.so' has no symbol 'nothing'", NULL);
    fails(&f, "CREATE FUNCTION d AS '#add_udf' LANGUAGE C", LT_ERR_SQL, "is written AS", NULL);
    fails(&f, "CREATE FUNCTION d AS 'math.so#' LANGUAGE C", LT_ERR_SQL, "is written AS", NULL);
    fails(&f, "CREATE FUNCTION d AS 'deep/math.so#nullless_udf' LANGUAGE C", LT_ERR_SQL,
          "the function d cannot have an argument of type 'BIGINT NOT NULL'", NULL);
    hinted(&f, "leave out NOT NULL");
    gives(&f, "SELECT a(1, 2) AS x, B(CAST(NULL AS INT), 2) AS y, c(1, NULL) AS z",
          "x BIGINT, y BIGINT, z BIGINT");
    fails(&f, "SELECT 1, a(1)", LT_ERR_SQL, "cannot apply a to (INT NOT NULL)", "a(1)");
    hinted(&f, "a(BIGINT, BIGINT) -> BIGINT");
    fails(&f, "SELECT a(1, 'x')", LT_ERR_SQL, "cannot apply a to", "a(1");
    close_sim(&f);
}

static const char *const script[] = {
    "CREATE FUNCTION a AS 'math.so#add_udf' LANGUAGE C",
    "CREATE TEMPORARY FUNCTION f(x BIGINT, y BIGINT) RETURNS BIGINT AS 'a(x, y) + a(y, x)' "
    "LANGUAGE SQL",
    "CREATE TEMPORARY SYSTEM FUNCTION g(x BIGINT) RETURNS STRING AS "
    "'CASE WHEN x > 3 THEN CAST(f(x, x) AS STRING) ELSE ''no'' END' LANGUAGE SQL",
    "ALTER FUNCTION a AS '/lib/math.so#add_udf' LANGUAGE C",
    "SELECT g(a(f(1, 2), 3)), f(y => 1, x => 2)",
    "SHOW USER FUNCTIONS",
    "DESCRIBE FUNCTION EXTENDED f",
    "DESCRIBE FUNCTION EXTENDED a",
    "DROP TEMPORARY SYSTEM FUNCTION g",
    "DROP TEMPORARY FUNCTION f",
    "DROP FUNCTION a",
};

static void failing_allocations(void **state)
{
    fixture f;
    (void)state;
    open_sim(&f, "/lib");
    bool done = false;
    for (int64_t nth = 0; !done && nth < 4000; nth++) {
        lt_catalog *outer = f.catalog;
        f.mem.fail_at = f.mem.alloc_count + nth;
        f.catalog = lt_catalog_new(&f.mem, f.env);
        lt_arena *arena = f.arena;
        f.arena = f.catalog ? lt_arena_new(&f.mem, (size_t)1 << 22) : NULL;
        done = f.arena != NULL;
        if (f.catalog) {
            lt_catalog_allow_native(f.catalog, "/lib");
        }
        for (size_t i = 0; done && i < LT_COUNT_OF(script); i++) {
            lt_status st = run(&f, script[i]);
            done = st == LT_OK;
            if (!done && st != LT_ERR_NOMEM) {
                print_error("%s\n  -> %s: %s\n", script[i], lt_status_name(st), f.err.text);
                fail();
            }
        }
        f.mem.fail_at = -1;
        lt_arena_free(f.arena);
        lt_catalog_free(f.catalog);
        f.arena = arena;
        f.catalog = outer;
    }
    assert_true(done);
    close_sim(&f);
}

static void bombs(void **state)
{
    fixture *f = *state;
    char sql[400];
    ok(f, "CREATE FUNCTION f0(x INT) RETURNS INT AS 'x + x' LANGUAGE SQL");
    lt_status st = LT_OK;
    for (int i = 1; i < 40 && st == LT_OK; i++) {
        (void)snprintf(sql, sizeof sql,
                       "CREATE FUNCTION f%d(x INT) RETURNS INT AS 'f%d(x) + f%d(x)' LANGUAGE SQL",
                       i, i - 1, i - 1);
        lt_arena_reset(f->arena, 0);
        st = run(f, sql);
    }
    assert_int_equal(st, LT_ERR_LIMIT);
    assert_non_null(strstr(f->err.text, "more than 10000 parts"));
    /* With constants nothing grows but the work. */
    ok(f, "CREATE FUNCTION g0() RETURNS INT AS '1' LANGUAGE SQL");
    st = LT_OK;
    for (int i = 1; i < 40 && st == LT_OK; i++) {
        (void)snprintf(sql, sizeof sql,
                       "CREATE FUNCTION g%d() RETURNS INT AS 'g%d() + g%d() - 1' LANGUAGE SQL", i,
                       i - 1, i - 1);
        lt_arena_reset(f->arena, 0);
        st = run(f, sql);
    }
    if (st != LT_ERR_LIMIT) {
        print_error("%s: %s\n", sql, f->err.text);
    }
    assert_int_equal(st, LT_ERR_LIMIT);
    assert_non_null(strstr(f->err.text, "calls of functions"));
    /* And deep ones. */
    ok(f, "CREATE FUNCTION h0() RETURNS INT AS '1' LANGUAGE SQL");
    st = LT_OK;
    for (int i = 1; i < 40 && st == LT_OK; i++) {
        (void)snprintf(sql, sizeof sql, "CREATE FUNCTION h%d() RETURNS INT AS 'h%d()' LANGUAGE SQL",
                       i, i - 1);
        lt_arena_reset(f->arena, 0);
        st = run(f, sql);
    }
    assert_int_equal(st, LT_ERR_LIMIT);
    assert_non_null(strstr(f->err.text, "more than 32 deep"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_allowed_files),
        cmocka_unit_test(failing_allocations),
        cmocka_unit_test_setup_teardown(bombs, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
