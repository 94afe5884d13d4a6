/* CREATE, ALTER, DROP, SHOW, DESCRIBE, SET: the catalog as statements see it. */
#include "bind_fixture.h"

#include <stdio.h>

static const char *show_create(fixture *f, const char *name)
{
    char sql[200];
    snprintf(sql, sizeof sql, "SHOW CREATE TABLE %s", name);
    ok(f, sql);
    assert_int_equal(f->out.kind, LT_BOUND_TABLE);
    return cell(f, 0, 0);
}

static void create_round_trip(void **state)
{
    fixture *f = *state;
    static const char ddl[] = "CREATE TABLE `default_catalog`.`default_database`.`orders` (\n"
                              "  `user` BIGINT NOT NULL COMMENT 'named ''user''.',\n"
                              "  `product` VARCHAR(32),\n"
                              "  `note` VARCHAR(2147483647),\n"
                              "  `ts` TIMESTAMP(3),\n"
                              "  `ltz` TIMESTAMP(6) WITH LOCAL TIME ZONE,\n"
                              "  `r` ROW<`a` INT, `b` ARRAY<DECIMAL(10, 2)>>,\n"
                              "  `size` BIGINT METADATA FROM 'file.size' VIRTUAL,\n"
                              "  `double_user` AS `user` * 2,\n"
                              "  `ptime` AS PROCTIME(),\n"
                              "  WATERMARK FOR `ts` AS `ts` - INTERVAL '1' SECOND,\n"
                              "  CONSTRAINT `PK_user` PRIMARY KEY (`user`) NOT ENFORCED\n"
                              ")\n"
                              "COMMENT 'all of it'\n"
                              "PARTITIONED BY (`product`)\n"
                              "WITH (\n"
                              "  'connector' = 'filesystem',\n"
                              "  'format' = 'json',\n"
                              "  'path' = '/tmp/x'\n"
                              ")\n";
    ok(f, "CREATE TABLE orders (`user` BIGINT COMMENT 'named ''user''.', product VARCHAR(32), note "
          "STRING, ts TIMESTAMP(3), ltz TIMESTAMP_LTZ, "
          "r ROW<a INT, b ARRAY<DECIMAL(10, 2)>>, size BIGINT METADATA FROM 'file.size' VIRTUAL, "
          "double_user AS `user` * 2, ptime AS PROCTIME(), "
          "PRIMARY KEY (`user`) NOT ENFORCED, WATERMARK FOR ts AS ts - INTERVAL '1' SECONDS) "
          "COMMENT 'all of it' PARTITIONED BY (product) "
          "WITH ('path' = '/tmp/x', 'connector' = 'filesystem', 'format' = 'json')");
    assert_string_equal(show_create(f, "orders"), ddl);
    ok(f, "DROP TABLE orders");
    ok(f, ddl);
    assert_string_equal(show_create(f, "orders"), ddl);
}

static void describe(void **state)
{
    fixture *f = *state;
    ok(f,
       "CREATE TABLE t (a BIGINT, b STRING NOT NULL, ts TIMESTAMP(3), p AS PROCTIME(), m STRING "
       "METADATA VIRTUAL, "
       "WATERMARK FOR ts AS ts, PRIMARY KEY (a, b) NOT ENFORCED) WITH ('connector' = 'datagen')");
    ok(f, "DESCRIBE t");
    assert_int_equal(f->out.listing.column_count, 6);
    assert_string_equal(f->out.listing.headers[5], "watermark");
    assert_string_equal(cell(f, 0, 1), "BIGINT");
    assert_string_equal(cell(f, 0, 2), "FALSE");
    assert_string_equal(cell(f, 0, 3), "PRI(a, b)");
    assert_string_equal(cell(f, 2, 1), "TIMESTAMP(3) *ROWTIME*");
    assert_string_equal(cell(f, 2, 5), "`ts`");
    assert_string_equal(cell(f, 3, 1), "TIMESTAMP_LTZ(3) *PROCTIME*");
    assert_string_equal(cell(f, 3, 4), "AS PROCTIME()");
    assert_string_equal(cell(f, 4, 4), "METADATA VIRTUAL");
    ok(f, "SHOW COLUMNS FROM t LIKE '_'");
    assert_int_equal(f->out.listing.row_count, 4);
    fails(f, "DESCRIBE tt", LT_ERR_SQL, "doesn't exist", "tt");
    hinted(f, "tables here: t");
}

static void like_options(void **state)
{
    fixture *f = *state;
    ok(f, "CREATE TABLE base (id BIGINT, g AS id + 1, m STRING METADATA VIRTUAL, ts TIMESTAMP(3), "
          "WATERMARK FOR ts AS ts, "
          "PRIMARY KEY (id) NOT ENFORCED) PARTITIONED BY (id) WITH ('connector' = 'datagen', "
          "'number-of-rows' = '3')");
    ok(f, "CREATE TABLE a (extra INT) WITH ('number-of-rows' = '5') LIKE base");
    assert_string_equal(
        show_create(f, "a"),
        "CREATE TABLE `default_catalog`.`default_database`.`a` (\n"
        "  `id` BIGINT NOT NULL,\n  `g` AS `id` + 1,\n  `m` VARCHAR(2147483647) METADATA "
        "VIRTUAL,\n  `ts` TIMESTAMP(3),\n"
        "  `extra` INT,\n  WATERMARK FOR `ts` AS `ts`,\n  CONSTRAINT `PK_id` PRIMARY KEY (`id`) "
        "NOT ENFORCED\n)\n"
        "PARTITIONED BY (`id`)\nWITH (\n  'connector' = 'datagen',\n  'number-of-rows' = '5'\n)\n");
    ok(f, "CREATE TABLE b (g STRING) WITH ('connector' = 'blackhole') LIKE base (EXCLUDING ALL)");
    assert_string_equal(
        show_create(f, "b"),
        "CREATE TABLE `default_catalog`.`default_database`.`b` (\n  `id` BIGINT NOT NULL,\n"
        "  `ts` TIMESTAMP(3),\n  `g` VARCHAR(2147483647)\n)\nWITH (\n  'connector' = "
        "'blackhole'\n)\n");
    ok(f, "CREATE TABLE c (g AS id * 2, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) LIKE base "
          "(OVERWRITING GENERATED OVERWRITING WATERMARKS)");
    assert_non_null(strstr(show_create(f, "c"), "`g` AS `id` * 2"));
    fails(f, "CREATE TABLE d (g AS id * 2) LIKE base", LT_ERR_SQL,
          "A column named 'g' already exists in the base table", "g AS");
    fails(f, "CREATE TABLE d (id INT) LIKE base (OVERWRITING GENERATED)", LT_ERR_SQL,
          "already exists in the base table", "id INT");
    fails(f, "CREATE TABLE d (WATERMARK FOR ts AS ts) LIKE base", LT_ERR_SQL, "watermark spec",
          NULL);
    fails(f, "CREATE TABLE d (x INT, PRIMARY KEY (x) NOT ENFORCED) LIKE base", LT_ERR_SQL,
          "primary key in the base table", NULL);
    fails(f, "CREATE TABLE d WITH ('connector' = 'x') LIKE base (INCLUDING OPTIONS)", LT_ERR_SQL,
          "already exists an option", "'connector'");
    fails(f, "CREATE TABLE d LIKE basse", LT_ERR_SQL, "'basse' not found", "basse");
    hinted(f, "did you mean 'base'");
}

static void create_errors(void **state)
{
    fixture *f = *state;
    fails(f, "CREATE TABLE t (a INT, a STRING)", LT_ERR_SQL, "'a' is declared twice", "a STRING");
    fails(f, "CREATE TABLE t (a INT, b AS c + 1)", LT_ERR_SQL, "Column 'c' not found", "c + 1");
    fails(f, "CREATE TABLE t (a INT, b AS a + 1, c AS b)", LT_ERR_SQL, "Column 'b' not found",
          "b)");
    hinted(f, "cannot use another computed column");
    fails(f, "CREATE TABLE t (ts STRING, WATERMARK FOR ts AS ts)", LT_ERR_SQL, "Invalid data type",
          "ts AS ts");
    fails(f, "CREATE TABLE t (ts TIMESTAMP(6), WATERMARK FOR ts AS ts)", LT_ERR_SQL, "TIMESTAMP(6)",
          NULL);
    hinted(f, "TIMESTAMP(3)");
    fails(f, "CREATE TABLE t (stamp TIMESTAMP(3), WATERMARK FOR stam AS stamp)", LT_ERR_SQL,
          "'stam' is not defined", "stam AS");
    hinted(f, "did you mean 'stamp'");
    fails(f, "CREATE TABLE t (a INT, PRIMARY KEY (b) NOT ENFORCED)", LT_ERR_SQL,
          "Primary key column 'b'", NULL);
    fails(f, "CREATE TABLE t (a INT, c AS a, PRIMARY KEY (c) NOT ENFORCED)", LT_ERR_SQL,
          "physical columns only", NULL);
    fails(f, "CREATE TABLE t (a INT) PARTITIONED BY (b)", LT_ERR_SQL, "Partition column 'b'", "b)");
    fails(f, "CREATE TABLE t (a DECIMAL(39, 2))", LT_ERR_SQL, "between 1 and 38", "DECIMAL");
    fails(f, "CREATE TABLE nodb.t (a INT)", LT_ERR_SQL, "Database nodb does not exist", "nodb");
    ok(f, "CREATE TABLE t (a INT)");
    fails(f, "CREATE TABLE t (a INT)", LT_ERR_SQL, "already exists", "t (");
    ok(f, "CREATE TABLE IF NOT EXISTS t (b INT)");
    fails(f, "SELECT * FROM t", LT_ERR_SQL, "has no 'connector' option", "t");
}

static void alter_table(void **state)
{
    fixture *f = *state;
    ok(f, "CREATE TABLE o (`user` BIGINT NOT NULL, product VARCHAR(32), amount INT, ts "
          "TIMESTAMP(3), ptime AS PROCTIME(), "
          "PRIMARY KEY (`user`) NOT ENFORCED, WATERMARK FOR ts AS ts - INTERVAL '1' SECONDS) WITH "
          "('connector' = 'datagen')");
    ok(f, "ALTER TABLE o RENAME amount TO amount1");
    ok(f, "ALTER TABLE o ADD (user_email STRING NOT NULL AFTER `user`, cleaned AS "
          "COALESCE(product, 'none') AFTER product, trade BIGINT NOT NULL FIRST)");
    ok(f, "ALTER TABLE o MODIFY CONSTRAINT oc PRIMARY KEY (trade) NOT ENFORCED");
    ok(f, "ALTER TABLE o MODIFY (WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE, ts TIMESTAMP(3) NOT "
          "NULL AFTER trade, `user` STRING)");
    ok(f, "ALTER TABLE o SET ('number-of-rows' = '5')");
    assert_string_equal(
        show_create(f, "o"),
        "CREATE TABLE `default_catalog`.`default_database`.`o` (\n  `trade` BIGINT NOT NULL,\n  "
        "`ts` TIMESTAMP(3) NOT NULL,\n"
        "  `user` VARCHAR(2147483647),\n  `user_email` VARCHAR(2147483647) NOT NULL,\n  `product` "
        "VARCHAR(32),\n"
        "  `cleaned` AS COALESCE(`product`, 'none'),\n  `amount1` INT,\n  `ptime` AS PROCTIME(),\n"
        "  WATERMARK FOR `ts` AS `ts` - INTERVAL '1' MINUTE,\n  CONSTRAINT `oc` PRIMARY KEY "
        "(`trade`) NOT ENFORCED\n)\n"
        "WITH (\n  'connector' = 'datagen',\n  'number-of-rows' = '5'\n)\n");
    fails(f, "ALTER TABLE o DROP product", LT_ERR_SQL, "Column 'product' not found", NULL);
    ok(f, "ALTER TABLE o DROP (amount1, product, cleaned)");
    ok(f, "ALTER TABLE o DROP PRIMARY KEY");
    ok(f, "ALTER TABLE o DROP WATERMARK");
    ok(f, "ALTER TABLE o RESET ('number-of-rows', 'unknown')");
    assert_string_equal(
        show_create(f, "o"),
        "CREATE TABLE `default_catalog`.`default_database`.`o` (\n  `trade` BIGINT NOT NULL,\n"
        "  `ts` TIMESTAMP(3) NOT NULL,\n  `user` VARCHAR(2147483647),\n"
        "  `user_email` VARCHAR(2147483647) NOT NULL,\n  `ptime` AS PROCTIME()\n)\nWITH (\n  "
        "'connector' = 'datagen'\n)\n");
    fails(f, "ALTER TABLE o RESET ()", LT_ERR_SQL, "empty key", NULL);
    fails(f, "ALTER TABLE o RESET ('connector')", LT_ERR_SQL, "'connector'", "'connector'");
    fails(f, "ALTER TABLE o ADD ts INT", LT_ERR_SQL, "already exists", "ts INT");
    fails(f, "ALTER TABLE o ADD x INT AFTER nope", LT_ERR_SQL, "AFTER", "nope");
    fails(f, "ALTER TABLE o DROP WATERMARK", LT_ERR_SQL, "no watermark", NULL);
    ok(f, "ALTER TABLE o RENAME TO o2");
    fails(f, "ALTER TABLE o SET ('a' = 'b')", LT_ERR_SQL, "doesn't exist", "o SET");
    ok(f, "ALTER TABLE IF EXISTS o SET ('a' = 'b')");
}

static void catalogs(void **state)
{
    fixture *f = *state;
    fails(f, "USE nope", LT_ERR_SQL, "does not exist in the catalog", "nope");
    ok(f, "CREATE CATALOG c1 WITH ('type' = 'generic_in_memory')");
    ok(f, "SHOW CATALOGS");
    assert_string_equal(cell(f, 0, 0), "c1");
    assert_string_equal(cell(f, 1, 0), "default_catalog");
    ok(f, "USE CATALOG c1");
    ok(f, "SHOW CURRENT DATABASE");
    assert_string_equal(cell(f, 0, 0), "default");
    ok(f, "CREATE DATABASE db1");
    fails(f, "CREATE DATABASE db1", LT_ERR_SQL, "already exists", "db1");
    ok(f, "CREATE TABLE db1.t (a INT)");
    fails(f, "DROP DATABASE db1", LT_ERR_SQL, "not empty", "db1");
    ok(f, "SHOW TABLES FROM c1.db1 LIKE 't%'");
    assert_int_equal(f->out.listing.row_count, 1);
    ok(f, "DROP DATABASE db1 CASCADE");
    fails(f, "DROP CATALOG c1", LT_ERR_SQL, "currently in use", "c1");
    ok(f, "USE CATALOG default_catalog");
    ok(f, "DROP CATALOG c1");
    fails(f, "CREATE CATALOG h WITH ('type' = 'hive')", LT_ERR_UNSUPPORTED, "hive", "h WITH");
    fails(f, "DROP TABLE nope", LT_ERR_SQL, "does not exist", "nope");
    ok(f, "DROP TABLE IF EXISTS nope");
}

static void views(void **state)
{
    fixture *f = *state;
    ok(f, CLICKS);
    ok(f, "CREATE VIEW v AS SELECT id, UPPER(page) AS page, ts FROM clicks WHERE id > 3");
    gives(f, "SELECT * FROM v", "id BIGINT, page STRING, ts TIMESTAMP(3) *ROWTIME*");
    ok(f, "CREATE TEMPORARY VIEW v (a, b) AS SELECT id, ts FROM clicks");
    gives(f, "SELECT * FROM v", "a BIGINT, b TIMESTAMP(3) *ROWTIME*");
    fails(f, "DROP VIEW v", LT_ERR_SQL, "Drop it first", "v");
    ok(f, "DROP TEMPORARY VIEW v");
    gives(f, "SELECT x.page FROM v AS x", "page STRING");
    fails(f, "CREATE VIEW w (a) AS SELECT id, ts FROM clicks", LT_ERR_SQL, "not match", "a) AS");
    fails(f, "CREATE VIEW w AS SELECT nope FROM clicks", LT_ERR_SQL, "'nope' not found", "nope");
    fails(f, "SELECT * FROM v /*+ OPTIONS('number-of-rows' = '1') */", LT_ERR_SQL,
          "cannot be enriched", "OPTIONS");
    fails(f, "SHOW CREATE TABLE v", LT_ERR_SQL, "is a view", "v");
    ok(f, "SHOW CREATE VIEW v");
    assert_non_null(strstr(cell(f, 0, 0), "CREATE VIEW `default_catalog`.`default_database`.`v` "
                                          "(\n  `id`,\n  `page`,\n  `ts`\n)\nAS SELECT"));
    ok(f, "ALTER VIEW v AS SELECT page FROM clicks");
    gives(f, "SELECT * FROM v", "page STRING");
    /* What * stood for stays. */
    ok(f, "CREATE TABLE grows (a INT, b INT) WITH ('connector' = 'datagen')");
    ok(f, "CREATE VIEW steady AS SELECT * FROM (SELECT * FROM grows) WHERE a > 1 UNION ALL SELECT "
          "g.* FROM grows AS g");
    ok(f, "ALTER TABLE grows ADD c INT FIRST");
    gives(f, "SELECT * FROM steady", "a INT, b INT");
    /* A view that names itself ends. */
    ok(f, "CREATE VIEW loop AS SELECT * FROM v");
    ok(f, "ALTER VIEW v AS SELECT page FROM clicks");
    fails(f, "ALTER VIEW v AS SELECT * FROM v", LT_OK, "", NULL);
    fails(f, "SELECT * FROM v", LT_ERR_SQL, "defined by itself", NULL);
    ok(f, "DROP TABLE clicks");
    fails(f, "SELECT * FROM loop", LT_ERR_SQL, "in view", "loop");
}

static void settings(void **state)
{
    fixture *f = *state;
    ok(f, "SET 'table.exec.state.ttl' = '1 h'");
    ok(f, "SET 'table.local-time-zone' = 'Asia/Shanghai'");
    ok(f, "SET 'table.optimizer.join-reorder-enabled' = 'true'");
    ok(f, "SET");
    assert_int_equal(f->out.listing.row_count, 3);
    assert_string_equal(cell(f, 0, 0), "table.exec.state.ttl");
    assert_string_equal(cell(f, 0, 1), "1 h");
    assert_true(lt_str_eq(lt_catalog_session(f->catalog)->time_zone, LT_STR("Asia/Shanghai")));
    assert_int_equal(lt_catalog_option(f->catalog, "parallelism.default").len, 0);
    fails(f, "SET 'table.exec.state.tll' = '1 h'", LT_ERR_SQL, "unknown option",
          "'table.exec.state.tll'");
    hinted(f, "table.exec.state.ttl");
    fails(f, "SET 'table.exec.state.ttl' = 'soon'", LT_ERR_SQL, "soon", NULL);
    fails(f, "SET 'execution.runtime-mode' = 'batch'", LT_ERR_UNSUPPORTED, "batch", NULL);
    fails(f, "SET 'table.local-time-zone' = 'Mars/Olympus'", LT_ERR_SQL, "Mars/Olympus", NULL);
    ok(f, "SET 'execution.runtime-mode' = 'streaming'");
    ok(f, "RESET 'table.local-time-zone'");
    assert_true(lt_str_eq(lt_catalog_session(f->catalog)->time_zone, LT_STR("UTC")));
    ok(f, "RESET");
    ok(f, "SET");
    assert_int_equal(f->out.listing.row_count, 0);
}

static void secrets(void **state)
{
    fixture *f = *state;
    ok(f, "CREATE TABLE s (a INT) WITH ('connector' = 'x', 'password' = 'hunter2')");
    const char *text = show_create(f, "s");
    assert_null(strstr(text, "hunter2"));
    assert_non_null(strstr(text, "'password' = '******'"));
}

static void refusals(void **state)
{
    fixture *f = *state;
    fails(f, "CREATE FUNCTION f AS 'a.b.C'", LT_ERR_UNSUPPORTED, "functions in JAVA", NULL);
    fails(f, "ADD JAR 'x.jar'", LT_ERR_UNSUPPORTED, "jars", NULL);
    fails(f, "DELETE FROM t", LT_ERR_UNSUPPORTED, "DELETE", NULL);
    fails(f, "TRUNCATE TABLE t", LT_ERR_UNSUPPORTED, "TRUNCATE", NULL);
    fails(f, "SHOW JOBS", LT_ERR_UNSUPPORTED, "SHOW JOBS", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(create_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(describe, setup, teardown),
        cmocka_unit_test_setup_teardown(like_options, setup, teardown),
        cmocka_unit_test_setup_teardown(create_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(alter_table, setup, teardown),
        cmocka_unit_test_setup_teardown(catalogs, setup, teardown),
        cmocka_unit_test_setup_teardown(views, setup, teardown),
        cmocka_unit_test_setup_teardown(settings, setup, teardown),
        cmocka_unit_test_setup_teardown(secrets, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
