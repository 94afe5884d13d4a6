/* Queries: names, types, shapes of trees, windows, time attributes, refusals. */
#include "bind_fixture.h"

static void names(void **state)
{
    fixture *f = *state;
    ok(f, CLICKS);
    gives(f, "SELECT id, id, id + 1, clicks.page AS p, r.x, 'a' FROM clicks",
          "id BIGINT, id0 BIGINT, EXPR$2 BIGINT, p STRING, x INT, EXPR$5 CHAR(1) NOT NULL");
    gives(
        f, "SELECT c.*, c.r.y FROM default_database.clicks AS c",
        "id BIGINT, page STRING, r ROW<`x` INT, `y` STRING>, ts TIMESTAMP(3) *ROWTIME*, y STRING");
    gives(f, "SELECT r.* FROM clicks", "x INT, y STRING");
    gives(f, "SELECT default_catalog.default_database.clicks.id FROM clicks", "id BIGINT");
    gives(f, "SELECT a FROM (SELECT id, page FROM clicks) AS t (a, b)", "a BIGINT");
    gives(f, "WITH x AS (SELECT id FROM clicks), y (n) AS (SELECT id FROM x) SELECT n FROM y",
          "n BIGINT");
    fails(f, "SELECT pag FROM clicks", LT_ERR_SQL, "Column 'pag' not found", "pag");
    hinted(f, "did you mean 'page'");
    fails(f, "SELECT ID FROM clicks", LT_ERR_SQL, "Column 'ID' not found", "ID");
    fails(f, "SELECT c.id FROM clicks", LT_ERR_SQL, "'c' not found", "c.id");
    fails(f, "SELECT r.z FROM clicks", LT_ERR_SQL, "no such field", "z FROM");
    fails(f, "SELECT * FROM clics", LT_ERR_SQL, "Table 'clics' not found", "clics");
    hinted(f, "did you mean 'clicks'");
    fails(f, "WITH x AS (SELECT nope FROM clicks) SELECT id FROM clicks", LT_ERR_SQL,
          "'nope' not found", "nope");
    fails(f, "SELECT a FROM clicks AS t (a, b)", LT_ERR_SQL, "same degree", "a, b");
    fails(f, "SELECT *", LT_ERR_SQL, "FROM", "*");
    fails(f, "SELECT x", LT_ERR_SQL, "not found", "x");
    fails(f, "SELECT NOSUCH(id) FROM clicks", LT_ERR_SQL, "NOSUCH", "NOSUCH");
}

static void shapes(void **state)
{
    fixture *f = *state;
    ok(f, CLICKS);
    ok(f, PROC);
    shaped(f, "SELECT * FROM clicks", "watermark(scan)");
    shaped(f, "SELECT * FROM proc", "project(scan)");
    shaped(f, "SELECT id FROM clicks WHERE id > 1", "project(filter(watermark(scan)))");
    shaped(f, "SELECT 1, 'a'", "values");
    shaped(f, "SELECT 1 WHERE 1 > 2", "project(filter(values))");
    shaped(f, "VALUES (1, 'a'), (2, 'bc')", "values");
    shaped(f, "SELECT v, COUNT(*) FROM proc GROUP BY v", "aggregate(project(scan))");
    shaped(f, "SELECT v + 1, COUNT(*) FROM proc GROUP BY v + 1 HAVING COUNT(*) > 1",
           "project(filter(aggregate(project(project(scan)))))");
    shaped(f, "SELECT DISTINCT v FROM proc", "aggregate(project(project(scan)))");
    shaped(f, "SELECT v FROM proc UNION ALL SELECT v FROM proc",
           "union(project(project(scan)),project(project(scan)))");
    shaped(f, "SELECT 1 UNION SELECT 2", "aggregate(union(values,values))");
    shaped(f, "SELECT 1 LIMIT 3", "limit(values)");
    shaped(f, "SELECT 'x' FROM clicks GROUP BY ()", "project(aggregate(watermark(scan)))");
    shaped(f, "SELECT id FROM clicks ORDER BY ts LIMIT 3 OFFSET 1",
           "project(sort(project(watermark(scan))))");
    shaped(f, "SELECT id FROM (SELECT id FROM clicks ORDER BY page) ORDER BY 1",
           "sort(project(watermark(scan)))");
    shaped(f,
           "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY page ORDER BY id DESC) AS rn "
           "FROM clicks) WHERE rn <= 3",
           "filter(project(rank(watermark(scan))))");
    shaped(f, "SELECT id FROM clicks QUALIFY ROW_NUMBER() OVER (PARTITION BY page ORDER BY id) = 1",
           "project(filter(rank(watermark(scan))))");
    shaped(f,
           "SELECT page, COUNT(*) AS n FROM clicks GROUP BY page QUALIFY ROW_NUMBER() OVER (ORDER "
           "BY COUNT(*) DESC) <= 2",
           "project(filter(rank(aggregate(watermark(scan)))))");
    ok(f, "EXPLAIN SELECT * FROM clicks");
    assert_int_equal(f->out.kind, LT_BOUND_EXPLAIN);
    assert_true(f->out.explain_is_query);
}

static void types(void **state)
{
    fixture *f = *state;
    ok(f, CLICKS);
    gives(
        f,
        "SELECT 1, 3000000000, 1.50, 0.908, 1e3, TRUE, NULL, x'4865', DATE '2024-02-29', TIME "
        "'1:02:03', "
        "TIMESTAMP '2024-01-01 00:00:00.123', INTERVAL '1' DAY, INTERVAL '2-3' YEAR TO MONTH",
        "EXPR$0 INT NOT NULL, EXPR$1 BIGINT NOT NULL, EXPR$2 DECIMAL(3, 2) NOT NULL, EXPR$3 "
        "DECIMAL(4, 3) NOT NULL, EXPR$4 DOUBLE NOT NULL, "
        "EXPR$5 BOOLEAN NOT NULL, EXPR$6 BOOLEAN, EXPR$7 BINARY(2) NOT NULL, EXPR$8 DATE NOT NULL, "
        "EXPR$9 TIME(0) NOT NULL, "
        "EXPR$10 TIMESTAMP(3) NOT NULL, EXPR$11 INTERVAL SECOND(3) NOT NULL, EXPR$12 INTERVAL "
        "MONTH NOT NULL");
    gives(f, "VALUES (1, 'a'), (3000000000, 'bcd')",
          "EXPR$0 BIGINT NOT NULL, EXPR$1 VARCHAR(3) NOT NULL");
    gives(f,
          "SELECT page, SUM(id), MAX(ts), COUNT(DISTINCT page), COUNT(*) FILTER (WHERE id > 3) "
          "FROM clicks GROUP BY page",
          "page STRING, EXPR$1 BIGINT, EXPR$2 TIMESTAMP(3), EXPR$3 BIGINT NOT NULL, EXPR$4 BIGINT "
          "NOT NULL");
    gives(f, "SELECT CAST(id AS VARCHAR), TRY_CAST(page AS INT) FROM clicks",
          "EXPR$0 STRING, EXPR$1 INT");
    fails(f, "SELECT DATE '2023-02-29'", LT_ERR_SQL, "Illegal DATE literal", "DATE");
    fails(f, "SELECT TIMESTAMP '2023-02-28 10:00'", LT_ERR_SQL, "Illegal TIMESTAMP literal",
          "TIMESTAMP");
    fails(f, "SELECT INTERVAL '1:60' MINUTE TO SECOND", LT_ERR_SQL, "Illegal interval literal",
          "INTERVAL");
    fails(f, "SELECT id FROM clicks WHERE id + 1", LT_ERR_SQL, "must be BOOLEAN, but is BIGINT",
          "id + 1");
    fails(f, "VALUES (1, 2), (3)", LT_ERR_SQL, "columns", "3)");
    fails(f, "SELECT id FROM clicks UNION ALL SELECT id, page FROM clicks", LT_ERR_SQL,
          "Column count mismatch", NULL);
    fails(f, "SELECT id FROM clicks LIMIT 'a'", LT_ERR_SQL, "", NULL);
}

static void grouping(void **state)
{
    fixture *f = *state;
    ok(f, CLICKS);
    fails(f, "SELECT page, id, COUNT(*) FROM clicks GROUP BY page", LT_ERR_SQL,
          "Expression 'id' is not being grouped", "id, C");
    hinted(f, "GROUP BY");
    fails(f, "SELECT UPPER(page) AS u, COUNT(*) FROM clicks GROUP BY u", LT_ERR_SQL,
          "Column 'u' not found", NULL);
    hinted(f, "aliases");
    fails(f, "SELECT page FROM clicks WHERE COUNT(*) > 1", LT_ERR_SQL, "illegal in WHERE", "COUNT");
    hinted(f, "HAVING");
    fails(f, "SELECT SUM(COUNT(*)) FROM clicks", LT_ERR_SQL, "nested", "COUNT");
    fails(f, "SELECT * FROM clicks GROUP BY page", LT_ERR_SQL, "not being grouped", "*");
    gives(f, "SELECT UPPER(page) || 'x', COUNT(*) + MAX(id) FROM clicks GROUP BY UPPER(page)",
          "EXPR$0 STRING, EXPR$1 BIGINT");
    gives(f, "SELECT r.x + 1, clicks.page FROM clicks GROUP BY r, page", "EXPR$0 INT, page STRING");
    gives(f, "SELECT COUNT(*) FROM clicks GROUP BY ()", "EXPR$0 BIGINT NOT NULL");
    gives(f, "SELECT 1 FROM clicks GROUP BY GROUPING SETS (())", "EXPR$0 INT NOT NULL");
    gives(f,
          "SELECT page, x, GROUPING(page), COUNT(*) FROM (SELECT page, 1 AS x FROM clicks) GROUP "
          "BY CUBE (page, x)",
          "page STRING, x INT, EXPR$2 BIGINT NOT NULL, EXPR$3 BIGINT NOT NULL");
    gives(f, "SELECT x FROM (SELECT page, 1 AS x FROM clicks) GROUP BY x, ROLLUP (page)",
          "x INT NOT NULL");
    ok(f, "SELECT COUNT(*), COUNT(*) + 1, SUM(id), SUM(id) FROM clicks");
    assert_int_equal(f->out.rels[0]->inputs[0]->u.aggregate.agg_count, 2);
}

static void windows(void **state)
{
    fixture *f = *state;
    ok(f, CLICKS);
    ok(f, PROC);
    gives(f, "SELECT * FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '10' MINUTE)",
          "id BIGINT, page STRING, r ROW<`x` INT, `y` STRING>, ts TIMESTAMP(3), window_start "
          "TIMESTAMP(3) NOT NULL, "
          "window_end TIMESTAMP(3) NOT NULL, window_time TIMESTAMP(3) NOT NULL *ROWTIME*");
    const lt_rel *rel = f->out.rels[0];
    assert_int_equal(rel->kind, LT_REL_WINDOW);
    assert_int_equal(rel->u.window_tvf.window.size_ms, 600000);
    assert_int_equal(rel->u.window_tvf.window.time_col, 3);
    assert_int_equal(rel->window.start_col, 4);
    ok(f, "SELECT window_end, w, page, window_time AS rt FROM (SELECT window_start AS w, page, "
          "window_end, window_time FROM "
          "TABLE(HOP(DATA => TABLE clicks, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '5' "
          "MINUTE, SIZE => INTERVAL '10' MINUTE, "
          "`OFFSET` => INTERVAL '1' MINUTE)) WHERE id > 3)");
    rel = f->out.rels[0];
    assert_true(rel->window.present);
    assert_int_equal(rel->window.kind, LT_WINDOW_HOP);
    assert_int_equal(rel->window.start_col, 1);
    assert_int_equal(rel->window.end_col, 0);
    assert_int_equal(rel->window.time_col, 3);
    assert_int_equal(rel->window.window.offset_ms, 60000);
    gives(f,
          "SELECT window_start, window_end, window_time, COUNT(*) AS n FROM TUMBLE(TABLE clicks, "
          "DESCRIPTOR(ts), INTERVAL '1' MINUTE) "
          "GROUP BY window_start, window_end, window_time",
          "window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL, window_time "
          "TIMESTAMP(3) NOT NULL *ROWTIME*, n BIGINT NOT NULL");
    assert_true(f->out.rels[0]->window.present);
    gives(f,
          "SELECT window_time, COUNT(*) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL "
          "'1' MINUTE) GROUP BY window_time",
          "window_time TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL");
    assert_false(f->out.rels[0]->window.present);
    ok(f, "SELECT window_start, COUNT(*) FROM TUMBLE((SELECT rt, n FROM (SELECT window_time "
          "AS rt, COUNT(*) AS n FROM TUMBLE(TABLE clicks, "
          "DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end, window_time)), "
          "DESCRIPTOR(rt), INTERVAL '1' HOUR) "
          "GROUP BY window_start, window_end");
    ok(f, "SELECT id, COUNT(*) FROM SESSION(TABLE clicks PARTITION BY id, DESCRIPTOR(ts), INTERVAL "
          "'5' MINUTE) GROUP BY id, window_start, window_end");
    gives(f,
          "SELECT window_time FROM CUMULATE(TABLE proc, DESCRIPTOR(p), INTERVAL '1' MINUTE, "
          "INTERVAL '1' HOUR)",
          "window_time TIMESTAMP_LTZ(3) NOT NULL *PROCTIME*");
}

static void window_errors(void **state)
{
    fixture *f = *state;
    ok(f, CLICKS);
    fails(f, "SELECT * FROM TUMBLE(TABLE clicks, DESCRIPTOR(page), INTERVAL '1' MINUTE)",
          LT_ERR_SQL, "'page' is STRING", "page");
    fails(f, "SELECT * FROM TUMBLE(TABLE clicks, DESCRIPTOR(tz), INTERVAL '1' MINUTE)", LT_ERR_SQL,
          "'tz' does not exist", "tz");
    hinted(f, "columns here: id, page, r, ts");
    fails(f,
          "SELECT * FROM TUMBLE((SELECT CAST(ts AS TIMESTAMP(3)) AS ts FROM clicks), "
          "DESCRIPTOR(ts), INTERVAL '1' MINUTE)",
          LT_ERR_SQL, "time attribute", NULL);
    fails(
        f,
        "SELECT * FROM HOP(TABLE clicks, DESCRIPTOR(ts), INTERVAL '2' MINUTE, INTERVAL '5' MINUTE)",
        LT_ERR_SQL, "integral multiple", "INTERVAL '5'");
    fails(f, "SELECT * FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), 10)", LT_ERR_SQL, "interval",
          "10");
    fails(f, "SELECT * FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts))", LT_ERR_SQL, "arguments",
          "TUMBLE");
    hinted(f, "TUMBLE(TABLE t");
    fails(f, "SELECT * FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MONTH)", LT_ERR_SQL,
          "interval", NULL);
    fails(f, "SELECT COUNT(*) FROM clicks GROUP BY TUMBLE(id, INTERVAL '1' MINUTE)", LT_ERR_SQL,
          "time attribute", "id, INTERVAL '1' MINUTE)");
}

static void time_attributes(void **state)
{
    fixture *f = *state;
    ok(f, CLICKS);
    ok(f, PROC);
    gives(f,
          "SELECT ts, ts AS t2, ts + INTERVAL '1' SECOND AS t3, CAST(ts AS TIMESTAMP(3)) AS t4 "
          "FROM clicks",
          "ts TIMESTAMP(3) *ROWTIME*, t2 TIMESTAMP(3) *ROWTIME*, t3 TIMESTAMP(3), t4 TIMESTAMP(3)");
    gives(f, "SELECT p, PROCTIME() AS q FROM proc",
          "p TIMESTAMP_LTZ(3) NOT NULL *PROCTIME*, q TIMESTAMP_LTZ(3) NOT NULL *PROCTIME*");
    gives(f, "SELECT ts FROM clicks UNION ALL SELECT ts FROM clicks", "ts TIMESTAMP(3) *ROWTIME*");
    gives(f, "SELECT ts FROM clicks UNION ALL SELECT CAST(ts AS TIMESTAMP(3)) FROM clicks",
          "ts TIMESTAMP(3)");
    gives(f, "SELECT DISTINCT ts FROM clicks", "ts TIMESTAMP(3)");
    gives(f, "SELECT ts, COUNT(*) AS n FROM clicks GROUP BY ts",
          "ts TIMESTAMP(3), n BIGINT NOT NULL");
    gives(f, "SELECT ts FROM clicks LIMIT 3", "ts TIMESTAMP(3) *ROWTIME*");
    gives(f,
          "SELECT a.ts, b.ts FROM clicks a JOIN clicks FOR SYSTEM_TIME AS OF a.ts AS b ON a.id = "
          "b.id",
          "ts TIMESTAMP(3) *ROWTIME*, ts0 TIMESTAMP(3)");
}

static void refusals(void **state)
{
    fixture *f = *state;
    ok(f, CLICKS);
    ok(f, PROC);
    fails(f, "SELECT * FROM clicks FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01 00:00:00'",
          LT_ERR_UNSUPPORTED, "time travel", NULL);
    fails(f, "SELECT SUM(id) OVER (ORDER BY ts DESC) FROM clicks", LT_ERR_UNSUPPORTED, "ASCENDING",
          "ts DESC");
    fails(f, "SELECT NTILE(2) OVER (ORDER BY id) FROM clicks", LT_ERR_UNSUPPORTED, "NTILE",
          "NTILE");
}

static void options(void **state)
{
    fixture *f = *state;
    ok(f, CLICKS);
    ok(f, "SELECT * FROM clicks /*+ OPTIONS('number-of-rows' = '5') */ AS c");
    assert_int_equal(f->out.rels[0]->inputs[0]->u.scan.options.count, 2);
    fails(f, "SELECT * FROM clicks /*+ OPTIONS('number-of-row' = '5') */", LT_ERR_SQL,
          "number-of-row", "'number-of-row'");
    hinted(f, "number-of-rows");
    fails(f, "SELECT * FROM clicks /*+ OPTIONS('connector' = 'print') */", LT_ERR_SQL,
          "'connector'", "'connector'");
    ok(f, "CREATE TABLE k (a INT) WITH ('connector' = 'kafka')");
    fails(f, "SELECT * FROM k", LT_ERR_UNSUPPORTED, "kafka", "k");
    ok(f, "CREATE TABLE d (a INT) WITH ('connector' = 'datagn')");
    fails(f, "SELECT * FROM d", LT_ERR_SQL, "unknown connector", "d");
    hinted(f, "datagen");
    ok(f, "CREATE TABLE m (a INT, x STRING METADATA FROM 'nope' VIRTUAL) WITH ('connector' = "
          "'datagen')");
    fails(f, "SELECT * FROM m", LT_ERR_SQL, "Invalid metadata key 'nope'", "m");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names, setup, teardown),
        cmocka_unit_test_setup_teardown(shapes, setup, teardown),
        cmocka_unit_test_setup_teardown(types, setup, teardown),
        cmocka_unit_test_setup_teardown(grouping, setup, teardown),
        cmocka_unit_test_setup_teardown(windows, setup, teardown),
        cmocka_unit_test_setup_teardown(window_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(time_attributes, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(options, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
