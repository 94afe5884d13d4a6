/* Out of memory anywhere is a status: statements run with every arena size up to what they need,
 * and with every allocation failing in turn. */
#include "bind_fixture.h"

static const char *const script[] = {
    CLICKS,
    PROC,
    SINK,
    "CREATE VIEW v AS SELECT *, id * 2 AS twice FROM clicks WHERE id > 3",
    "CREATE TABLE t2 (x INT, PRIMARY KEY (x) NOT ENFORCED) LIKE clicks (EXCLUDING GENERATED)",
    "ALTER TABLE t2 ADD (y AS x + 1, z STRING COMMENT 'c' FIRST)",
    "SHOW CREATE TABLE t2",
    "DESCRIBE t2",
    "SHOW TABLES LIKE '%c%'",
    "SET 'table.exec.state.ttl' = '1 h'",
    "SET",
    "WITH c AS (SELECT page, id FROM v) SELECT page, COUNT(*) AS n, SUM(id) FROM c GROUP BY page "
    "HAVING COUNT(*) > 1 ORDER BY n LIMIT 3",
    "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY page ORDER BY id + 1 DESC) AS rn "
    "FROM clicks) WHERE rn < 3",
    "SELECT window_start, window_end, COUNT(DISTINCT id) FROM HOP(TABLE clicks, DESCRIPTOR(ts), "
    "INTERVAL '1' MINUTE, INTERVAL '5' MINUTE) "
    "GROUP BY window_start, window_end",
    "SELECT DISTINCT v FROM proc UNION ALL SELECT NULL",
    "INSERT INTO hole (page) SELECT page FROM clicks",
    "SELECT nope FROM clicks",
    "INSERT INTO hole SELECT page, page FROM clicks",
};

/* What the statement says with room for everything. */
static lt_status expected(const char *sql)
{
    return strstr(sql, "nope") || strstr(sql, "page, page") ? LT_ERR_SQL : LT_OK;
}

static lt_status run_in(fixture *f, size_t bytes, const char *sql)
{
    lt_ast_stmt *stmt;
    lt_arena *arena = lt_arena_new(&f->mem, bytes);
    lt_status st =
        arena ? lt_sql_parse_statement(&stmt, arena, lt_str_of(sql), &f->err) : LT_ERR_NOMEM;
    if (st == LT_OK) {
        st = lt_bind_statement(f->catalog, stmt, lt_str_of(sql), NULL, arena, &f->out, &f->err);
    }
    lt_arena_free(arena);
    return st;
}

static void small_arenas(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < LT_COUNT_OF(script); i++) {
        lt_status st = LT_ERR_NOMEM;
        for (size_t bytes = 64; st != expected(script[i]) && bytes < 1 << 20; bytes += 48) {
            st = run_in(f, bytes, script[i]);
            /* Where types find no room, operands may be said not to fit each other. */
            assert_true(st == LT_OK || st == LT_ERR_NOMEM || st == LT_ERR_SQL);
        }
        if (st != expected(script[i])) {
            print_error("%s\n  -> %s\n", script[i], f->err.text);
            fail();
        }
    }
}

static void failing_allocations(void **state)
{
    fixture *f = *state;
    for (int64_t n = 0; n < 4000; n++) {
        bool failed = false;
        f->mem.fail_at = f->mem.alloc_count + n;
        lt_catalog *outer = f->catalog;
        f->catalog = lt_catalog_new(&f->mem, f->env);
        for (size_t i = 0; f->catalog && i < LT_COUNT_OF(script); i++) {
            lt_status st = run_in(f, (size_t)1 << 22, script[i]);
            if (st != expected(script[i])) {
                failed = true;
                assert_int_equal(st, LT_ERR_NOMEM);
                break;
            }
        }
        failed = failed || !f->catalog;
        lt_catalog_free(f->catalog);
        f->catalog = outer;
        f->mem.fail_at = -1;
        if (!failed) {
            return;
        }
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(small_arenas, setup, teardown),
        cmocka_unit_test_setup_teardown(failing_allocations, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
