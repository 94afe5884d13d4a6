/* Whatever text comes in: the engine parses, binds and plans it, or refuses it with a message, and
 * gives all memory back. Through the public API alone, over a fixed set of tables; nothing is
 * opened and nothing runs. The input is checked twice in one engine, as what one script leaves in
 * the catalog (tables, views, settings) is the ground the next one stands on. */
#include <leat/leat.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char prelude[] =
    "CREATE TABLE clicks (ts TIMESTAMP(3), page STRING, usr BIGINT, price DECIMAL(10, 2),\n"
    "  ok BOOLEAN, tags ARRAY<STRING>, attrs MAP<STRING, STRING>,\n"
    "  geo ROW<lat DOUBLE, lon DOUBLE>, bin BYTES, d DATE, tm TIME(3),\n"
    "  later AS ts + INTERVAL '1' SECOND, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)\n"
    "  WITH ('connector' = 'feed', 'format' = 'json');\n"
    "CREATE TABLE users (id BIGINT NOT NULL, name VARCHAR(20), age TINYINT, score FLOAT,\n"
    "  born TIMESTAMP_LTZ(3), PRIMARY KEY (id) NOT ENFORCED)\n"
    "  WITH ('connector' = 'feed', 'format' = 'csv');\n"
    "CREATE TABLE sink (page STRING, n BIGINT) WITH ('connector' = 'blackhole');\n"
    "CREATE VIEW busy AS SELECT page, COUNT(*) AS n FROM clicks GROUP BY page;\n";

static leat *open_engine(void)
{
    static const leat_config config = {
        .struct_size = sizeof config,
        .no_files = true,
        .virtual_clock = true,
        .final_rows = true,
        .memory_bytes_max = (int64_t)1 << 30,
    };
    leat *db = NULL;
    size_t offset = 0;
    leat_status st = leat_open(&config, &db);
    LT_ASSERT(st == LEAT_OK);
    do {
        st = leat_execute(db, prelude, &offset, NULL);
    } while (st == LEAT_OK);
    if (st != LEAT_END) {
        (void)fprintf(stderr, "%s\n", leat_error(db));
    }
    LT_ASSERT(st == LEAT_END);
    return db;
}

/* Refusals are the user's to mend, so they say something; an internal error is a bug of ours. */
static void check_status(const leat *db, leat_status st)
{
    LT_ASSERT(st == LEAT_OK || st == LEAT_SQL || st == LEAT_USAGE || st == LEAT_DATA ||
              st == LEAT_PERMISSION || st == LEAT_CONNECT);
    LT_ASSERT(st == LEAT_OK || leat_error(db)[0] != '\0');
}

static void drop_text(void *arg, const char *bytes, size_t size)
{
    (void)bytes;
    *(size_t *)arg += size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *sql = malloc(size + 1); /* exactly as long as the text, so that reading past it is seen */
    if (sql == NULL) {
        return 0;
    }
    memcpy(sql, data, size);
    sql[size] = '\0';
    size_t shown = 0;
    leat *db = open_engine();
    check_status(db, leat_explain(db, sql, NULL, NULL));
    check_status(db, leat_explain(db, sql, drop_text, &shown));
    leat_close(db);
    free(sql);
    return 0;
}
