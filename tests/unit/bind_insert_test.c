/* INSERT, statement sets, CREATE TABLE AS: what is written where, and what is refused. */
#include "bind_fixture.h"

static void plain(void **state)
{
    fixture *f = *state;
    ok(f, CLICKS);
    ok(f, SINK);
    shaped(f, "INSERT INTO hole SELECT id, page FROM clicks", "sink(project(watermark(scan)))");
    assert_int_equal(f->out.kind, LT_BOUND_INSERT);
    shaped(f, "INSERT INTO hole VALUES (1, 'a')", "sink(project(values))");
    assert_string_equal(schema_text(f, f->out.rels[0]->inputs[0]->schema),
                        "id BIGINT NOT NULL, page STRING NOT NULL");
    ok(f, "INSERT INTO hole (page) SELECT page FROM clicks");
    assert_int_equal(f->out.rels[0]->inputs[0]->u.project.exprs[0]->kind, LT_NODE_LITERAL);
    ok(f, "INSERT INTO hole (page, id) SELECT page, id FROM clicks");
    assert_int_equal(f->out.rels[0]->inputs[0]->u.project.exprs[0]->u.column, 1);
    ok(f, "EXECUTE STATEMENT SET BEGIN INSERT INTO hole SELECT id, page FROM clicks; INSERT INTO "
          "hole VALUES (1, 'a'); END");
    assert_int_equal(f->out.rel_count, 2);
}

static void mismatches(void **state)
{
    fixture *f = *state;
    ok(f, CLICKS);
    ok(f, SINK);
    fails(f, "INSERT INTO hole SELECT page, page FROM clicks", LT_ERR_SQL,
          "Column types of query result and sink for 'default_catalog.default_database.hole' do "
          "not match. Cause: Incompatible types for sink "
          "column 'id' at position 0. Query schema: [page: STRING, page0: STRING] Sink schema: "
          "[id: BIGINT, page: STRING]",
          "page, page");
    fails(f, "INSERT INTO hole SELECT id FROM clicks", LT_ERR_SQL, "Different number of columns",
          NULL);
    fails(f, "INSERT INTO hole (id, pag) SELECT id, page FROM clicks", LT_ERR_SQL,
          "Unknown target column 'pag'", "pag");
    hinted(f, "page");
    fails(f, "INSERT INTO hole (id, id) SELECT id, id FROM clicks", LT_ERR_SQL, "more than once",
          NULL);
    fails(f, "INSERT INTO clicks SELECT * FROM clicks", LT_ERR_SQL, "only a source", "clicks");
    ok(f, "CREATE TABLE nn (a INT NOT NULL, b INT) WITH ('connector' = 'blackhole')");
    fails(f, "INSERT INTO nn (b) VALUES (1)", LT_ERR_SQL, "'a' of table 'nn' is NOT NULL", NULL);
    ok(f, "CREATE VIEW v AS SELECT 1 AS x");
    fails(f, "INSERT INTO v VALUES (1)", LT_ERR_SQL, "is a view", "v");
    fails(f, "INSERT INTO hole SELECT id, page FROM clicks ON CONFLICT DO NOTHING",
          LT_ERR_UNSUPPORTED, "ON CONFLICT", NULL);
}

static void written_columns(void **state)
{
    fixture *f = *state;
    ok(f, "CREATE TABLE s (a INT, c AS a + 1, b STRING, dt STRING) PARTITIONED BY (dt) WITH "
          "('connector' = 'blackhole')");
    gives(f, "INSERT INTO s VALUES (1, 'x', 'y')", "a INT, b STRING, dt STRING");
    assert_int_equal(f->out.rels[0]->u.sink.columns[1], 2);
    gives(f, "INSERT INTO s PARTITION (dt = '2024-01-01') SELECT 1, 'x'",
          "a INT, b STRING, dt STRING");
    fails(f, "INSERT INTO s PARTITION (b = 'x') SELECT 1, 'x'", LT_ERR_SQL,
          "not a partition column", "b = ");
    fails(f, "INSERT INTO s (a, c) VALUES (1, 2)", LT_ERR_SQL, "computed", "c)");
}

static void nulls(void **state)
{
    fixture *f = *state;
    ok(f, SINK);
    ok(f, "INSERT INTO hole VALUES (1, NULL), (2, NULL)");
    assert_string_equal(schema_text(f, f->out.rels[0]->inputs[0]->schema),
                        "id BIGINT NOT NULL, page STRING");
    assert_string_equal(schema_text(f, f->out.rels[0]->inputs[0]->inputs[0]->schema),
                        "EXPR$0 INT NOT NULL, EXPR$1 BOOLEAN");
    ok(f, "INSERT INTO hole SELECT n, s FROM (SELECT NULL AS n, 'x' AS s)");
    gives(f, "SELECT NULL AS x, 1 AS y UNION ALL SELECT 2, NULL", "x INT, y INT");
    gives(f, "SELECT NULL AS x", "x BOOLEAN");
    ok(f, "CREATE TABLE nn (a INT NOT NULL) WITH ('connector' = 'blackhole')");
    fails(f, "INSERT INTO nn VALUES (NULL)", LT_ERR_SQL, "", NULL);
}

static void create_as(void **state)
{
    fixture *f = *state;
    ok(f, CLICKS);
    ok(f, "CREATE TABLE copy WITH ('connector' = 'blackhole') AS SELECT id, page AS p FROM clicks");
    assert_int_equal(f->out.kind, LT_BOUND_INSERT);
    ok(f, "DESCRIBE copy");
    assert_string_equal(cell(f, 1, 0), "p");
    ok(f, "CREATE TABLE copy2 (extra INT, p VARCHAR(10)) WITH ('connector' = 'blackhole') AS "
          "SELECT id, page AS p FROM clicks");
    ok(f, "DESCRIBE copy2");
    assert_string_equal(cell(f, 0, 0), "extra");
    assert_string_equal(cell(f, 2, 1), "VARCHAR(10)");
    fails(f, "CREATE TABLE copy3 AS SELECT id FROM clicks", LT_ERR_SQL, "'connector'", NULL);
    fails(f, "SELECT * FROM copy3", LT_ERR_SQL, "not found", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain, setup, teardown),
        cmocka_unit_test_setup_teardown(mismatches, setup, teardown),
        cmocka_unit_test_setup_teardown(written_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(nulls, setup, teardown),
        cmocka_unit_test_setup_teardown(create_as, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
