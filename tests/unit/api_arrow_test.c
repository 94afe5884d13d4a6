/* Rows as Arrow structures, out of a query and into a table: every type with NULLs, selections,
 * slices, nesting; who releases what and when; what is refused; memory that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/api_int.h"

#define TEXT_MAX 65536
#define COLUMNS                                                                             \
    "id INT NOT NULL, b BOOLEAN, i8 TINYINT, i16 SMALLINT, i64 BIGINT, f FLOAT, d DOUBLE, " \
    "d9 DECIMAL(9, 2), d38 DECIMAL(38, 10), c CHAR(3), s STRING, bin BYTES, dt DATE, "      \
    "tm TIME(0), t3 TIMESTAMP(3), t6 TIMESTAMP(6), t9 TIMESTAMP(9), l3 TIMESTAMP_LTZ(3), "  \
    "l9 TIMESTAMP_LTZ(9), a ARRAY<STRING>, aa ARRAY<ARRAY<INT>>, m MAP<STRING, BIGINT>, "   \
    "ms MULTISET<STRING>, r ROW<x INT, y ARRAY<ROW<z STRING>>>"
#define COLUMN_COUNT 24

static const char rows_json[] =
    "{\"id\":1,\"b\":true,\"i8\":-128,\"i16\":32767,\"i64\":-9223372036854775808,\"f\":1.5,"
    "\"d\":-2.25,\"d9\":-1234567.89,\"d38\":1234567890123456789012345678.0123456789,"
    "\"c\":\"abc\",\"s\":\"short\",\"bin\":\"AAEC\",\"dt\":\"1969-12-31\",\"tm\":\"23:59:59\","
    "\"t3\":\"1960-01-02 03:04:05.678\",\"t6\":\"2020-01-02 03:04:05.678901\","
    "\"t9\":\"1960-01-02 03:04:05.678901234\",\"l3\":\"2020-01-02 03:04:05.678Z\","
    "\"l9\":\"2020-01-02 03:04:05.000000001Z\",\"a\":[\"x\",null,\"longer than twelve bytes\"],"
    "\"aa\":[[1,2],[],null,[3]],\"m\":{\"k\":1,\"another key of some length\":null},"
    "\"ms\":{\"v\":2},\"r\":{\"x\":7,\"y\":[{\"z\":\"one\"},{\"z\":null},null]}}\n"
    "{\"id\":2}\n"
    "{\"id\":3,\"b\":false,\"s\":\"a string that is longer than twelve bytes\",\"a\":[],\"aa\":[],"
    "\"m\":{},\"r\":{\"y\":[]},\"d38\":-0.5,\"bin\":\"AAECAwQFBgcICQoLDA0ODw==\"}\n"
    "{\"id\":4,\"b\":true,\"i8\":4,\"s\":\"\",\"r\":{\"x\":1},\"a\":[\"last\"],\"d9\":0.01}\n"
    "{\"id\":5,\"s\":\"\xc3\xa4\",\"dt\":\"9999-12-31\",\"aa\":[[9]],\"m\":{\"z\":26}}\n";

static leat *engine(uint32_t batch_rows)
{
    leat_config config = {
        .struct_size = sizeof config, .virtual_clock = true, .batch_rows = batch_rows};
    leat *db;
    assert_int_equal(leat_open(&config, &db), LEAT_OK);
    return db;
}

static void ok(leat *db, leat_status status)
{
    if (status != LEAT_OK) {
        fail_msg("status %d: %s", (int)status, leat_error(db));
    }
}

static void table(leat *db, const char *name, const char *columns)
{
    char sql[4096];
    snprintf(sql, sizeof sql,
             "CREATE TABLE %s (%s) WITH ('connector' = 'feed', 'bounded' = 'true', 'changelog' = "
             "'I,UB,UA,D', 'format' = 'json')",
             name, columns);
    ok(db, leat_execute(db, sql, NULL, NULL));
}

static void push_text(leat *db, const char *name, const char *text)
{
    ok(db, leat_push(db, name, LEAT_INSERT, text, strlen(text)));
    ok(db, leat_push(db, name, LEAT_INSERT, NULL, 0));
}

static leat_job *start(leat *db, const char *sql)
{
    leat_job *job;
    ok(db, leat_execute(db, sql, NULL, &job));
    return job;
}

static void step(leat *db, leat_job *job)
{
    leat_state state;
    do {
        state = leat_step(job, 100);
        if (state == LEAT_FAILED) {
            fail_msg("%s", leat_error(db));
        }
    } while (state == LEAT_RUNNING);
}

/* Every row as `kind|value|..` lines. */
static void query_text(leat *db, const char *sql, char *out)
{
    leat_job *job = start(db, sql);
    size_t len = 0;
    out[0] = '\0';
    leat_state state;
    do {
        state = leat_step(job, 10);
        if (state == LEAT_FAILED) {
            fail_msg("%s", leat_error(db));
        }
        uint32_t count;
        for (leat_rows *rows; (rows = leat_take(job, &count)) != NULL; leat_rows_free(rows)) {
            for (uint32_t r = 0; r < count; r++) {
                len +=
                    (size_t)snprintf(out + len, TEXT_MAX - len, "%d", (int)leat_rows_kind(rows, r));
                leat_column column;
                for (uint32_t c = 0; leat_job_column(job, c, &column); c++) {
                    const char *text = leat_rows_text(rows, r, c, LEAT_TEXT_JAVA, NULL);
                    len += (size_t)snprintf(out + len, TEXT_MAX - len, "|%s",
                                            text != NULL ? text : "NULL");
                }
                len += (size_t)snprintf(out + len, TEXT_MAX - len, "\n");
            }
        }
    } while (state == LEAT_RUNNING);
    assert_int_equal(state, LEAT_DONE);
    leat_job_free(job);
}

typedef struct {
    struct ArrowSchema schema;
    struct ArrowArray array;
} arrow;

static arrow take(leat *db, leat_job *job)
{
    arrow out;
    step(db, job);
    ok(db, leat_take_arrow(job, &out.schema, &out.array));
    return out;
}

static void drop(arrow *rows)
{
    rows->array.release(&rows->array);
    rows->schema.release(&rows->schema);
    assert_null(rows->array.release);
    assert_null(rows->schema.release);
}

/* The rows of table t with all types. */
static arrow take_all_types(leat *db, const char *where)
{
    char sql[256];
    table(db, "t", COLUMNS);
    push_text(db, "t", rows_json);
    snprintf(sql, sizeof sql, "SELECT * FROM t %s", where);
    leat_job *job = start(db, sql);
    arrow rows = take(db, job);
    assert_int_equal(leat_take_arrow(job, NULL, &(struct ArrowArray){.length = 0}), LEAT_END);
    leat_job_free(job);
    return rows;
}

static void expected_text(const char *where, char *out)
{
    leat *db = engine(0);
    char sql[256];
    table(db, "t", COLUMNS);
    push_text(db, "t", rows_json);
    snprintf(sql, sizeof sql, "SELECT * FROM t %s", where);
    query_text(db, sql, out);
    leat_close(db);
}

static void push_rows(leat *db, const char *name, arrow *rows)
{
    ok(db, leat_push_arrow(db, name, LEAT_INSERT, &rows->schema, &rows->array));
    assert_null(rows->schema.release);
    assert_null(rows->array.release);
    ok(db, leat_push(db, name, LEAT_INSERT, NULL, 0));
}

static void expect_pushed(uint32_t batch_rows, arrow *rows, const char *want)
{
    static char got[TEXT_MAX];
    leat *db = engine(batch_rows);
    table(db, "u", COLUMNS);
    push_rows(db, "u", rows);
    query_text(db, "SELECT * FROM u", got);
    assert_string_equal(got, want);
    leat_close(db);
}

static void test_schema(void **state)
{
    (void)state;
    static const char *const formats[COLUMN_COUNT] = {
        "i",       "b",       "c",       "s",  "l",   "f",   "g",    "d:9,2",
        "d:38,10", "vu",      "vu",      "vz", "tdD", "ttm", "tsm:", "tsu:",
        "tsn:",    "tsm:UTC", "tsn:UTC", "+l", "+l",  "+m",  "+m",   "+s"};
    leat *db = engine(0);
    table(db, "t", COLUMNS);
    leat_job *job = start(db, "SELECT * FROM t");
    struct ArrowSchema s;
    ok(db, leat_take_arrow(job, &s, NULL));
    leat_close(db);
    assert_string_equal(s.format, "+s");
    assert_int_equal(s.n_children, COLUMN_COUNT + 1);
    for (int i = 0; i < COLUMN_COUNT; i++) {
        assert_string_equal(s.children[i]->format, formats[i]);
        assert_int_equal(s.children[i]->flags, i == 0 ? 0 : ARROW_FLAG_NULLABLE);
    }
    assert_string_equal(s.children[0]->name, "id");
    assert_string_equal(s.children[COLUMN_COUNT]->name, "op");
    assert_string_equal(s.children[COLUMN_COUNT]->format, "c");
    const struct ArrowSchema *entries = s.children[21]->children[0];
    assert_string_equal(entries->format, "+s");
    assert_string_equal(entries->children[0]->format, "vu");
    assert_int_equal(entries->children[0]->flags, 0);
    assert_string_equal(entries->children[1]->format, "l");
    assert_string_equal(s.children[22]->children[0]->children[1]->format, "i");
    assert_string_equal(s.children[23]->children[1]->name, "y");
    s.release(&s);
}

static void test_round_trip(void **state)
{
    (void)state;
    static char want[TEXT_MAX];
    static const uint32_t sizes[] = {0, 1, 2, 7};
    expected_text("", want);
    assert_non_null(strstr(want, "1960-01-02T03:04:05.678901234"));
    for (size_t i = 0; i < LT_COUNT_OF(sizes); i++) {
        leat *db = engine(0);
        arrow rows = take_all_types(db, "");
        assert_int_equal(rows.array.length, 5);
        leat_close(db);
        expect_pushed(sizes[i], &rows, want);
    }
}

static void test_export_import_export(void **state)
{
    (void)state;
    static char want[TEXT_MAX];
    expected_text("", want);
    leat *db = engine(0);
    arrow rows = take_all_types(db, "");
    table(db, "u", COLUMNS);
    push_rows(db, "u", &rows);
    leat_job *job = start(db, "SELECT * FROM u");
    rows = take(db, job);
    leat_close(db);
    expect_pushed(0, &rows, want);
}

static void test_selection(void **state)
{
    (void)state;
    static char want[TEXT_MAX];
    expected_text("WHERE id IN (2, 3, 5)", want);
    leat *db = engine(0);
    arrow rows = take_all_types(db, "WHERE id IN (2, 3, 5)");
    assert_int_equal(rows.array.length, 3);
    const int32_t *ids = rows.array.children[0]->buffers[1];
    assert_int_equal(ids[0] * 100 + ids[1] * 10 + ids[2], 235);
    assert_int_equal(rows.array.children[0]->null_count, 0);
    assert_null(rows.array.children[0]->buffers[0]);
    assert_int_equal(rows.array.children[1]->null_count, 2);
    leat_close(db);
    expect_pushed(2, &rows, want);
}

/* Slices by the struct's own offset, and by those of its children. */
static void test_slices(void **state)
{
    (void)state;
    static char want[TEXT_MAX];
    expected_text("WHERE id > 1 AND id < 5", want);
    for (int way = 0; way < 2; way++) {
        leat *db = engine(0);
        arrow rows = take_all_types(db, "");
        leat_close(db);
        rows.array.length = 3;
        rows.array.offset = way == 0 ? 1 : 0;
        for (int i = 0; way == 1 && i <= COLUMN_COUNT; i++) {
            rows.array.children[i]->offset = 1;
            rows.array.children[i]->length = 3;
            rows.array.children[i]->null_count = -1;
        }
        expect_pushed(0, &rows, want);
    }
}

static void test_pruned_and_watermark(void **state)
{
    (void)state;
    static char got[TEXT_MAX];
    leat *db = engine(0);
    arrow rows = take_all_types(db, "WHERE i8 IS NOT NULL OR id = 3");
    int64_t *times = (int64_t *)(uintptr_t)rows.array.children[14]->buffers[1];
    times[1] = times[2] = times[0] + 60000;
    rows.array.children[14]->buffers[0] = NULL; /* no NULLs any more */
    table(db, "u", COLUMNS ", twice AS id * 2, WATERMARK FOR t3 AS t3");
    push_rows(db, "u", &rows);
    query_text(db, "SELECT twice, s FROM u WHERE t3 IS NOT NULL", got);
    assert_string_equal(got, "0|2|short\n0|6|a string that is longer than twelve bytes\n0|8|\n");
    leat_close(db);
}

static void test_kinds(void **state)
{
    (void)state;
    static char got[TEXT_MAX];
    leat *db = engine(0);
    table(db, "t", "k STRING");
    push_text(db, "t", "{\"k\":\"a\"}\n{\"k\":\"b\"}\n{\"k\":\"a\"}\n");
    leat_job *job = start(db, "SELECT k, COUNT(*) AS n FROM t GROUP BY k");
    table(db, "u", "k STRING, n BIGINT NOT NULL");
    step(db, job);
    arrow rows;
    while (leat_take_arrow(job, &rows.schema, &rows.array) == LEAT_OK) {
        ok(db, leat_push_arrow(db, "u", LEAT_INSERT, &rows.schema, &rows.array));
    }
    ok(db, leat_push(db, "u", LEAT_INSERT, NULL, 0));
    query_text(db, "SELECT k, n FROM u WHERE k = 'a'", got);
    assert_non_null(strstr(got, "1|a|1\n2|a|2\n"));
    leat_close(db);
}

/* A structure outlives job and engine, and its children each other. */
static void test_release(void **state)
{
    (void)state;
    leat *db = engine(0);
    arrow rows = take_all_types(db, "");
    leat_close(db);
    struct ArrowArray moved = *rows.array.children[23];
    rows.array.children[23]->release = NULL;
    struct ArrowSchema moved_schema = *rows.schema.children[23];
    rows.schema.children[23]->release = NULL;
    drop(&rows);
    const int32_t *x = moved.children[0]->buffers[1];
    assert_int_equal(x[0], 7);
    assert_string_equal(moved_schema.children[0]->name, "x");
    moved.release(&moved);
    moved_schema.release(&moved_schema);
}

static void test_listing(void **state)
{
    (void)state;
    leat *db = engine(0);
    table(db, "a_table_with_a_long_name", "a INT");
    leat_job *job = start(db, "SHOW TABLES");
    arrow rows = take(db, job);
    assert_int_equal(rows.array.length, 1);
    assert_int_equal(rows.array.n_children, 2);
    assert_memory_equal(rows.array.children[0]->buffers[2], "a_table_with_a_long_name", 24);
    assert_int_equal(leat_take_arrow(job, NULL, &rows.array), LEAT_END);
    drop(&rows);
    leat_close(db);
}

/* Rows that have no Arrow form stay, and can be taken as text. */
static void test_unrepresentable(void **state)
{
    (void)state;
    leat *db = engine(0);
    leat_job *job =
        start(db, "SELECT CAST(x AS TIMESTAMP(9)) FROM (VALUES TIMESTAMP '0001-01-01 00:00:00') "
                  "AS v (x)");
    struct ArrowArray array;
    step(db, job);
    assert_int_equal(leat_take_arrow(job, NULL, &array), LEAT_DATA);
    assert_non_null(strstr(leat_error(db), "1677"));
    uint32_t count = 0;
    leat_rows *rows = leat_take(job, &count);
    assert_non_null(rows);
    assert_int_equal(count, 1);
    leat_rows_free(rows);
    job = start(db, "SELECT INTERVAL '3' MONTH, INTERVAL '2' SECOND");
    arrow out = take(db, job);
    assert_string_equal(out.schema.children[0]->format, "tiM");
    assert_string_equal(out.schema.children[1]->format, "tDm");
    assert_int_equal(*(const int32_t *)out.array.children[0]->buffers[1], 3);
    assert_int_equal(*(const int64_t *)out.array.children[1]->buffers[1], 2000);
    drop(&out);
    leat_close(db);
}

/* ---- what is refused ---- */

static void refused(leat *db, arrow *rows, leat_status status, const char *text)
{
    leat_status got = leat_push_arrow(db, "u", LEAT_INSERT, &rows->schema, &rows->array);
    if (got != status || strstr(leat_error(db), text) == NULL) {
        fail_msg("status %d, wanted %d '%s': %s", (int)got, (int)status, text, leat_error(db));
    }
    assert_non_null(rows->array.release); /* still the caller's */
    assert_non_null(rows->schema.release);
}

static void test_wrong_types(void **state)
{
    (void)state;
    leat *db = engine(0);
    arrow rows = take_all_types(db, "");
    table(db, "u", COLUMNS);
    for (int i = 0; i < COLUMN_COUNT; i++) {
        const char *format = rows.schema.children[i]->format;
        rows.schema.children[i]->format = i == 3 ? "S" : "s";
        refused(db, &rows, LEAT_USAGE, "is given as Arrow type");
        assert_non_null(strstr(leat_error(db), rows.schema.children[i]->name));
        rows.schema.children[i]->format = format;
    }
    const char *name = rows.schema.children[4]->name;
    rows.schema.children[4]->name = "other";
    refused(db, &rows, LEAT_USAGE, "no column 'i64'");
    rows.schema.children[4]->name = "i16";
    refused(db, &rows, LEAT_USAGE, "more than one column 'i16'");
    rows.schema.children[4]->name = name;
    rows.schema.children[COLUMN_COUNT]->name = "more";
    refused(db, &rows, LEAT_USAGE, "no physical column 'more'");
    rows.schema.children[COLUMN_COUNT]->name = "op";
    rows.schema.children[5]->dictionary = rows.schema.children[4];
    refused(db, &rows, LEAT_USAGE, "dictionaries");
    rows.schema.children[5]->dictionary = NULL;
    rows.array.children[5]->n_buffers = 1;
    refused(db, &rows, LEAT_USAGE, "number of buffers");
    rows.array.children[5]->n_buffers = 2;
    rows.array.children[5]->length = 4;
    refused(db, &rows, LEAT_USAGE, "shorter than its struct");
    rows.array.children[5]->length = 5;
    rows.schema.format = "i";
    refused(db, &rows, LEAT_USAGE, "'+s'");
    rows.schema.format = "+s";
    assert_int_equal(leat_push_arrow(db, "nowhere", LEAT_INSERT, &rows.schema, &rows.array),
                     LEAT_USAGE);
    drop(&rows);
    refused(
        db,
        &(arrow){.schema = {.release = (void (*)(struct ArrowSchema *))(uintptr_t)1, .format = "i"},
                 .array = {.release = (void (*)(struct ArrowArray *))(uintptr_t)1}},
        LEAT_USAGE, "'+s'");
    leat_close(db);
}

#define BUFFER(rows, child, n, T) ((T *)(uintptr_t)(rows).array.children[child]->buffers[n])

static void test_wrong_values(void **state)
{
    (void)state;
    leat *db = engine(0);
    arrow rows = take_all_types(db, "");
    table(db, "u", COLUMNS);
    uint8_t none = 0x1e;
    rows.array.children[0]->buffers[0] = &none;
    refused(db, &rows, LEAT_DATA, "NOT NULL");
    rows.array.children[0]->buffers[0] = NULL;
    rows.array.buffers[0] = &none;
    refused(db, &rows, LEAT_DATA, "row 0");
    rows.array.buffers[0] = NULL;
    BUFFER(rows, 7, 1, lt_i128)[0] *= 1000;
    refused(db, &rows, LEAT_DATA, "more digits");
    BUFFER(rows, 7, 1, lt_i128)[0] /= 1000;
    BUFFER(rows, 12, 1, int32_t)[0] = 3000000;
    refused(db, &rows, LEAT_DATA, "years 1 to 9999");
    BUFFER(rows, 12, 1, int32_t)[0] = 0;
    BUFFER(rows, 13, 1, int32_t)[0] = -1;
    refused(db, &rows, LEAT_DATA, "within a day");
    BUFFER(rows, 13, 1, int32_t)[0] = 0;
    BUFFER(rows, 14, 1, int64_t)[0] = INT64_MIN;
    refused(db, &rows, LEAT_DATA, "years 1 to 9999");
    BUFFER(rows, 14, 1, int64_t)[0] = 0;
    BUFFER(rows, 10, 1, lt_strv)[0].u.inlined[0] = (char)0xff;
    refused(db, &rows, LEAT_DATA, "not UTF-8");
    BUFFER(rows, 10, 1, lt_strv)[0].u.inlined[0] = 's';
    lt_strv view = BUFFER(rows, 10, 1, lt_strv)[2];
    BUFFER(rows, 10, 1, lt_strv)[2].len += 1;
    refused(db, &rows, LEAT_USAGE, "outside of its buffer");
    BUFFER(rows, 10, 1, lt_strv)[2] = view;
    BUFFER(rows, 19, 1, int32_t)[1] = 99;
    refused(db, &rows, LEAT_USAGE, "past the elements");
    BUFFER(rows, 19, 1, int32_t)[1] = -1;
    refused(db, &rows, LEAT_USAGE, "ascend");
    BUFFER(rows, 19, 1, int32_t)[1] = 3;
    rows.array.children[21]->children[0]->children[0]->buffers[0] = &none;
    refused(db, &rows, LEAT_DATA, "NULL key");
    rows.array.children[21]->children[0]->children[0]->buffers[0] = NULL;
    BUFFER(rows, COLUMN_COUNT, 1, int8_t)[4] = 4;
    refused(db, &rows, LEAT_DATA, "row kind");
    BUFFER(rows, COLUMN_COUNT, 1, int8_t)[4] = 0;
    push_rows(db, "u", &rows);
    leat_close(db);
}

/* ---- structures that others make ---- */

static int released;

static void count_array(struct ArrowArray *array)
{
    array->release = NULL;
    released++;
}

static void count_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
    released++;
}

static void test_other_forms(void **state)
{
    (void)state;
    static char got[TEXT_MAX];
    const int32_t small[] = {0, 3, 3, 20};
    const int64_t large[] = {0, 1, 1, 20};
    const uint8_t valid = 0x05;
    const char bytes[] = "abcdefghijklmnopqrst";
    const int64_t list[] = {0, 2, 2, 3};
    const int16_t shorts[] = {1, 2, 3};
    const void *u[] = {&valid, small, bytes}, *z[] = {&valid, large, bytes}, *l[] = {NULL, list};
    const void *h[] = {NULL, shorts}, *top[] = {NULL};
    struct ArrowArray element = {.length = 3, .n_buffers = 2, .buffers = h};
    struct ArrowArray *elements[] = {&element};
    struct ArrowArray a[] = {
        {.length = 3, .n_buffers = 3, .buffers = u},
        {.length = 3, .n_buffers = 3, .buffers = z},
        {.length = 3, .n_buffers = 2, .buffers = l, .n_children = 1, .children = elements}};
    struct ArrowSchema item = {.format = "s", .name = "element"}, *items[] = {&item};
    struct ArrowSchema s[] = {{.format = "u", .name = "b"},
                              {.format = "Z", .name = "a"},
                              {.format = "+L", .name = "c", .n_children = 1, .children = items}};
    struct ArrowArray *arrays[] = {&a[0], &a[1], &a[2]};
    struct ArrowSchema *schemas[] = {&s[0], &s[1], &s[2]};
    arrow rows = {
        .schema = {.format = "+s", .n_children = 3, .children = schemas, .release = count_schema},
        .array = {.length = 3,
                  .n_buffers = 1,
                  .buffers = top,
                  .n_children = 3,
                  .children = arrays,
                  .release = count_array}};
    leat *db = engine(0);
    table(db, "u", "a BYTES, b STRING, c ARRAY<SMALLINT>");
    released = 0;
    ok(db, leat_push_arrow(db, "u", LEAT_DELETE, &rows.schema, &rows.array));
    assert_int_equal(released, 2);
    assert_int_equal(leat_push_arrow(db, "u", LEAT_INSERT, &rows.schema, &rows.array), LEAT_USAGE);
    rows.array.release = count_array;
    rows.schema.release = count_schema;
    rows.array.length = 0; /* no rows are no error */
    push_rows(db, "u", &rows);
    query_text(db, "SELECT b, CAST(a AS STRING), c FROM u", got);
    assert_string_equal(got, "3|abc|a|[1, 2]\n3|NULL|NULL|[]\n"
                             "3|defghijklmnopqrst|bcdefghijklmnopqrst|[3]\n");
    leat_close(db);
}

static void test_full_and_altered(void **state)
{
    (void)state;
    leat *db = engine(0);
    arrow rows = take_all_types(db, "");
    table(db, "u", COLUMNS);
    char *big = calloc(1, (16 << 20) + 1);
    memset(big, ' ', 16 << 20);
    ok(db, leat_push(db, "u", LEAT_INSERT, big, 16 << 20));
    free(big);
    assert_int_equal(leat_push_arrow(db, "u", LEAT_INSERT, &rows.schema, &rows.array), LEAT_FULL);
    table(db, "v", COLUMNS);
    push_rows(db, "v", &rows);
    ok(db, leat_execute(db, "DROP TABLE v", NULL, NULL));
    table(db, "v", "id BIGINT");
    leat_job *job = start(db, "SELECT * FROM v");
    assert_int_equal(leat_step(job, 10), LEAT_FAILED);
    assert_non_null(strstr(leat_error(db), "other columns"));
    leat_close(db);
}

/* ---- memory runs out ---- */

/* Takes all rows of t as Arrow and pushes them to u; true when everything went well. */
static bool pass_on(leat *db, leat_job *job)
{
    arrow rows;
    leat_status status = leat_take_arrow(job, &rows.schema, &rows.array);
    if (status == LEAT_OK) {
        status = leat_push_arrow(db, "u", LEAT_INSERT, &rows.schema, &rows.array);
        if (status != LEAT_OK) {
            drop(&rows);
        }
    }
    assert_true(status == LEAT_OK || status == LEAT_NOMEM);
    return status == LEAT_OK;
}

static void test_no_memory(void **state)
{
    (void)state;
    bool done = false;
    unsigned failures = 0;
    for (int64_t n = 0; !done; n++) {
        leat *db = engine(0);
        table(db, "t", COLUMNS);
        table(db, "u", COLUMNS);
        push_text(db, "t", rows_json);
        leat_job *job = start(db, "SELECT * FROM t");
        step(db, job);
        int64_t fail_at = atomic_load(&db->mem.alloc_count) + n;
        atomic_store(&db->mem.fail_at, fail_at);
        bool passed = pass_on(db, job);
        done = atomic_load(&db->mem.alloc_count) <= fail_at;
        atomic_store(&db->mem.fail_at, -1);
        assert_true(passed || !done);
        failures += !passed;
        leat_close(db); /* every byte was given back */
    }
    assert_true(failures > 5);
}

/* What could not be exported for want of memory is still there. */
static void test_no_memory_keeps_rows(void **state)
{
    (void)state;
    leat *db = engine(0);
    table(db, "t", COLUMNS);
    push_text(db, "t", rows_json);
    leat_job *job = start(db, "SELECT * FROM t");
    step(db, job);
    arrow rows;
    atomic_store(&db->mem.fail_at, atomic_load(&db->mem.alloc_count));
    assert_int_equal(leat_take_arrow(job, &rows.schema, &rows.array), LEAT_NOMEM);
    atomic_store(&db->mem.fail_at, -1);
    ok(db, leat_take_arrow(job, &rows.schema, &rows.array));
    assert_int_equal(rows.array.length, 5);
    drop(&rows);
    leat_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_export_import_export),
        cmocka_unit_test(test_selection),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_pruned_and_watermark),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_release),
        cmocka_unit_test(test_listing),
        cmocka_unit_test(test_unrepresentable),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_wrong_values),
        cmocka_unit_test(test_other_forms),
        cmocka_unit_test(test_full_and_altered),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_memory_keeps_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
