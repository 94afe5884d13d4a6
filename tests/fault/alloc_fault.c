/* Runs pipelines over and over, failing one allocation later each time, until a run needs no
 * failing one any more. Every failed run must end with a clean status (out of memory, never a
 * crash), and every byte must be given back (the accounts check that). A run in which the failure
 * was survived must give the same rows as the one without.
 *
 * This is the one test that reaches behind leat.h, to the engine's memory account. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_int.h"
#include "base/hash.h"
#include "leat/leat.h"

#define FEED "'connector' = 'feed', 'bounded' = 'true', 'format' = "

typedef struct {
    const char *name;
    const char *ddl[4];
    const char *query;
    const char *rows; /* pushed to table t */
} pipeline;

static const char clicks[] =
    "{\"ts\":\"2026-01-01 00:00:01\",\"k\":\"a key longer than twelve bytes\",\"v\":1}\n"
    "{\"ts\":\"2026-01-01 00:00:04\",\"k\":\"b\",\"v\":2}\n"
    "{\"ts\":\"2026-01-01 00:00:09\",\"k\":\"a key longer than twelve bytes\",\"v\":3}\n"
    "{\"ts\":\"2026-01-01 00:00:31\",\"k\":\"c\",\"v\":null}\n"
    "{\"ts\":\"2026-01-01 00:00:02\",\"k\":\"late\",\"v\":5}\n";

#define CLICKS                                                                                 \
    "CREATE TABLE t (ts TIMESTAMP(3), k STRING, v BIGINT, WATERMARK FOR ts AS ts) WITH (" FEED \
    "'json')"

static const pipeline pipelines[] = {
    {"filter",
     {CLICKS},
     "SELECT UPPER(k) || '!', v * 2 + 1, CASE WHEN v > 1 THEN 'x' ELSE k END FROM t WHERE v IS NOT "
     "NULL",
     clicks},
    {"tumble",
     {CLICKS},
     "SELECT window_start, k, COUNT(*), SUM(v), MAX(k), COUNT(DISTINCT v) FROM TUMBLE(TABLE t, "
     "DESCRIPTOR(ts), INTERVAL '10' SECOND) "
     "GROUP BY window_start, window_end, k",
     clicks},
    {"hop",
     {CLICKS},
     "SELECT window_end, AVG(v) FROM HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL "
     "'10' SECOND) GROUP BY window_start, window_end",
     clicks},
    {"session",
     {CLICKS},
     "SELECT k, window_start, COUNT(*) FROM SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), "
     "INTERVAL '5' SECOND) GROUP BY k, window_start, window_end",
     clicks},
    {"group",
     {CLICKS},
     "SELECT k, COUNT(*), SUM(v) FILTER (WHERE v > 1), MIN(k) FROM t GROUP BY k HAVING COUNT(*) > "
     "0",
     clicks},
    {"distinct",
     {CLICKS, "CREATE VIEW d AS SELECT DISTINCT k FROM t"},
     "SELECT COUNT(*) FROM d",
     clicks},
    {"join",
     {CLICKS, "CREATE VIEW n AS SELECT k, COUNT(*) AS n FROM t GROUP BY k"},
     "SELECT k, UPPER(b.k) AS u, n FROM t AS a JOIN t AS b USING (k) JOIN n USING (k) WHERE a.v + "
     "b.v > 2",
     clicks},
    {"union", {CLICKS}, "SELECT k FROM t UNION ALL SELECT CAST(v AS STRING) FROM t", clicks},
    {"topn",
     {CLICKS, "CREATE VIEW w AS SELECT window_start, window_end, k, COUNT(*) AS n FROM "
              "TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND) "
              "GROUP BY window_start, window_end, k"},
     "SELECT k, n, r FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end "
     "ORDER BY n DESC) AS r FROM w) WHERE r <= 2",
     clicks},
    {"ranks",
     {CLICKS, "CREATE VIEW n AS SELECT k, SUM(v) AS n FROM t GROUP BY k"},
     "SELECT k, n, r FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY n DESC) AS r FROM n) WHERE r <= 2",
     clicks},
    {"firsts",
     {CLICKS, "CREATE VIEW f AS SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER "
              "BY ts) AS r FROM t) WHERE r = 1"},
     "SELECT k, v, ts FROM f ORDER BY ts, k",
     clicks},
    {"limit", {CLICKS}, "SELECT * FROM t LIMIT 2", clicks},
    {"csv",
     {"CREATE TABLE t (a INT, b STRING, c DOUBLE) WITH (" FEED "'csv')"},
     "SELECT a + 1, b, c FROM t",
     "1,\"x, y and something long\",1.5\n2,,3e10\n"},
    {"raw",
     {"CREATE TABLE t (line STRING) WITH (" FEED "'raw')"},
     "SELECT REGEXP_EXTRACT(line, '([a-z]+)', 1), CHAR_LENGTH(line) FROM t",
     "one 1\ntwo 2\n"},
    {"functions",
     {CLICKS, "CREATE FUNCTION count_char AS 'libtext_functions.so#count_char_udf' LANGUAGE C",
      "CREATE FUNCTION longest AS 'libtext_functions.so#longest_udf' LANGUAGE C",
      "CREATE FUNCTION twice(s STRING) RETURNS STRING AS 's || CAST(count_char(s, ''e'') AS "
      "STRING) || s' LANGUAGE SQL"},
     "SELECT k, longest(twice(k)), SUM(count_char(k, 'e')), longest(CAST(v AS STRING)) FROM t "
     "GROUP "
     "BY k",
     clicks},
    {"catalog",
     {"CREATE TABLE t (a INT, b ROW<x INT, y ARRAY<STRING>>, c AS a + 1) WITH (" FEED "'json')"},
     "SHOW CREATE TABLE t",
     ""},
};

typedef struct {
    leat_status status;
    uint64_t allocations;
    uint64_t rows;
    uint64_t digest; /* order-independent */
} outcome;

static void take_rows(leat_job *job, outcome *o)
{
    leat_rows *rows;
    uint32_t count;
    while ((rows = leat_take(job, &count)) != NULL) {
        for (uint32_t r = 0; r < count; r++) {
            uint64_t hash = (uint64_t)leat_rows_kind(rows, r) + 1;
            leat_column column;
            for (uint32_t c = 0; leat_job_column(job, c, &column); c++) {
                size_t size = 0;
                const char *text = leat_rows_text(rows, r, c, LEAT_TEXT_SQL, &size);
                if (text == NULL && size == SIZE_MAX) {
                    o->status = LEAT_NOMEM;
                }
                hash = hash * 31 + (text != NULL ? lt_hash_bytes(text, size, c + 1) : 7);
            }
            o->rows++;
            o->digest += hash;
        }
        leat_rows_free(rows);
    }
}

static void run_query(leat *db, const pipeline *p, outcome *o)
{
    leat_job *job;
    o->status = leat_execute(db, p->query, NULL, &job);
    if (o->status != LEAT_OK) {
        return;
    }
    if (p->rows[0] != '\0') {
        o->status = leat_push(db, "t", LEAT_INSERT, p->rows, strlen(p->rows));
        if (o->status == LEAT_OK) {
            o->status = leat_push(db, "t", LEAT_INSERT, NULL, 0);
        }
    }
    while (o->status == LEAT_OK) {
        leat_state state = leat_step(job, 100);
        if (state == LEAT_FAILED) {
            o->status = db->error.code == LT_ERR_NOMEM ? LEAT_NOMEM : LEAT_INTERNAL;
            fprintf(stderr, "%s", o->status == LEAT_NOMEM ? "" : leat_error(db));
            break;
        }
        take_rows(job, o);
        if (state == LEAT_DONE && o->status == LEAT_OK) {
            /* Rows that could not be handed out are reported by the next step. */
            o->status = leat_step(job, 1) == LEAT_FAILED ? LEAT_NOMEM : LEAT_OK;
            break;
        }
    }
}

/* fail_at: number of the allocation to fail after the engine is open; < 0 = none. */
static outcome run(const pipeline *p, int64_t fail_at)
{
    outcome o = {.status = LEAT_OK};
    leat_config config = {
        .struct_size = sizeof config, .virtual_clock = true, .native_functions = LEAT_FUNCTIONS};
    leat *db;
    if (leat_open(&config, &db) != LEAT_OK) {
        fprintf(stderr, "%s: no engine\n", p->name);
        exit(1);
    }
    uint64_t before = (uint64_t)atomic_load(&db->mem.alloc_count);
    if (fail_at >= 0) {
        atomic_store(&db->mem.fail_at, (int64_t)before + fail_at);
    }
    for (size_t i = 0; i < LT_COUNT_OF(p->ddl) && p->ddl[i] != NULL && o.status == LEAT_OK; i++) {
        o.status = leat_execute(db, p->ddl[i], NULL, NULL);
    }
    if (o.status == LEAT_OK) {
        run_query(db, p, &o);
    }
    if (fail_at < 0 && o.status != LEAT_OK) {
        fprintf(stderr, "%s: %s\n", p->name, leat_error(db));
        exit(1);
    }
    o.allocations = (uint64_t)atomic_load(&db->mem.alloc_count) - before;
    leat_close(db);
    return o;
}

int main(int argc, char **argv)
{
    int64_t stride = argc > 1 ? strtoll(argv[1], NULL, 10) : 1;
    uint64_t runs = 0;
    for (size_t i = 0; i < LT_COUNT_OF(pipelines); i++) {
        const pipeline *p = &pipelines[i];
        outcome good = run(p, -1);
        for (int64_t n = 0; n < (int64_t)good.allocations; n += stride) {
            outcome o = run(p, n);
            runs++;
            bool same = o.status == LEAT_OK && o.rows == good.rows && o.digest == good.digest;
            if (o.status != LEAT_NOMEM && !same) {
                fprintf(stderr,
                        "%s: failing allocation %" PRId64 " of %" PRIu64
                        " gives status %d and %" PRIu64 " rows\n",
                        p->name, n, good.allocations, (int)o.status, o.rows);
                return 1;
            }
        }
        printf("%-10s %5" PRIu64 " allocations, %3" PRIu64 " rows\n", p->name, good.allocations,
               good.rows);
    }
    printf("%" PRIu64 " runs with a failed allocation, all clean\n", runs);
    return 0;
}
