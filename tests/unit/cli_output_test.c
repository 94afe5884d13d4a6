/* Result formats, alignment, sparklines and numbers for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/grid.h"
#include "cli/human.h"
#include "cli/spark.h"
#include "cli/writer.h"
#include "cli_fake.h"

static lt_mem mem;

static int open_mem(void **state)
{
    (void)state;
    lt_mem_init(&mem, NULL, "test", 0);
    return 0;
}

static int close_mem(void **state)
{
    (void)state;
    assert_int_equal(mem.bytes, 0);
    lt_mem_deinit(&mem);
    return 0;
}

/* The result of a fake statement in one format. */
static void check_output(const char *sql, lt_writer_options options, const char *want)
{
    leat_config config = {0};
    leat *db;
    leat_job *job = NULL;
    size_t offset = 0;
    lt_writer *writer;
    lt_error err;
    assert_int_equal(leat_open(&config, &db), LEAT_OK);
    assert_int_equal(leat_execute(db, sql, &offset, &job), LEAT_OK);
    assert_int_equal(lt_writer_new(&mem, job, &options, &writer, &err), LT_OK);
    leat_rows *rows;
    uint32_t count;
    while ((rows = leat_take(job, &count)) != NULL) {
        assert_int_equal(lt_writer_rows(writer, rows, count, &err), LT_OK);
        leat_rows_free(rows);
    }
    assert_int_equal(lt_writer_finish(writer, &err), LT_OK);
    assert_string_equal(lt_writer_text(writer)->ptr != NULL ? lt_writer_text(writer)->ptr : "",
                        want);
    lt_writer_free(writer);
    leat_job_free(job);
    leat_close(db);
}

static void formats(void **state)
{
    (void)state;
    check_output("ROWS 3", (lt_writer_options){.format = LT_OUTPUT_CSV},
                 "id,name\n1,row 1\n2,row 2\n3,\n");
    check_output("ROWS 3", (lt_writer_options){.format = LT_OUTPUT_TSV},
                 "id\tname\n1\trow 1\n2\trow 2\n3\t\\N\n");
    check_output(
        "ROWS 3", (lt_writer_options){.format = LT_OUTPUT_JSONL},
        "{\"id\":1,\"name\":\"row 1\"}\n{\"id\":2,\"name\":\"row 2\"}\n{\"id\":3,\"name\":null}\n");
    check_output("ROWS 2", (lt_writer_options){.format = LT_OUTPUT_JSON},
                 "[\n{\"id\":1,\"name\":\"row 1\"},\n{\"id\":2,\"name\":\"row 2\"}\n]\n");
    check_output("ROWS 0", (lt_writer_options){.format = LT_OUTPUT_JSON}, "[]\n");
    check_output("ROWS 0", (lt_writer_options){.format = LT_OUTPUT_CSV}, "id,name\n");
    check_output("ROWS 0", (lt_writer_options){.format = LT_OUTPUT_JSONL}, "");
    check_output("ROWS 3", (lt_writer_options){.format = LT_OUTPUT_TABLE},
                 "id  name\n--  ------\n 1  row 1\n 2  row 2\n 3  <NULL>\n(3 rows)\n");
    check_output("ROWS 0", (lt_writer_options){.format = LT_OUTPUT_TABLE},
                 "id  name\n--  ----\n(0 rows)\n");
    check_output("EXPLAIN", (lt_writer_options){.format = LT_OUTPUT_PLAIN}, "plan\n  scan\n");
}

static void changes(void **state)
{
    (void)state;
    check_output("CHANGES", (lt_writer_options){.format = LT_OUTPUT_CHANGELOG},
                 "+I[1, row 1]\n-U[2, row 2]\n+U[3, null]\n-D[4, row 4]\n");
    check_output("CHANGES", (lt_writer_options){.format = LT_OUTPUT_CSV, .op = true},
                 "op,id,name\n+I,1,row 1\n-U,2,row 2\n+U,3,\n-D,4,row 4\n");
    check_output(
        "CHANGES", (lt_writer_options){.format = LT_OUTPUT_JSONL, .op = true},
        "{\"op\":\"+I\",\"id\":1,\"name\":\"row 1\"}\n{\"op\":\"-U\",\"id\":2,\"name\":\"row 2\"}\n"
        "{\"op\":\"+U\",\"id\":3,\"name\":null}\n{\"op\":\"-D\",\"id\":4,\"name\":\"row 4\"}\n");
}

/* The layouts that Flink's client prints. */
static void tableau(void **state)
{
    (void)state;
    lt_writer_options streaming = {.format = LT_OUTPUT_TABLEAU, .op = true};
    lt_writer_options batch = {.format = LT_OUTPUT_TABLEAU};
    check_output("ROWS 1", streaming,
                 "+----+----------------------+--------------------------------+\n"
                 "| op |                   id |                           name |\n"
                 "+----+----------------------+--------------------------------+\n"
                 "| +I |                    1 |                          row 1 |\n"
                 "+----+----------------------+--------------------------------+\n"
                 "Received a total of 1 row\n");
    check_output("ROWS 0", streaming,
                 "+----+----------------------+--------------------------------+\n"
                 "| op |                   id |                           name |\n"
                 "+----+----------------------+--------------------------------+\n"
                 "Received a total of 0 row\n");
    check_output("ROWS 3", batch,
                 "+----+--------+\n| id |   name |\n+----+--------+\n|  1 |  row 1 |\n|  2 |  row "
                 "2 |\n|  3 | <NULL> |\n"
                 "+----+--------+\n3 rows in set\n");
    check_output("ROWS 0", batch, "Empty set\n");
    check_output("SHOW 1", batch,
                 "+--------+\n| result |\n+--------+\n|     t1 |\n+--------+\n1 row in set\n");
    batch.width_max = 5;
    check_output("ROWS 3", batch,
                 "+----+-------+\n| id |  name |\n+----+-------+\n|  1 | row 1 |\n|  2 | row 2 "
                 "|\n|  3 | <N... |\n"
                 "+----+-------+\n3 rows in set\n");
}

/* Widths come from the first thousand rows; a large result does not wait for its end. */
static void large_results_stream(void **state)
{
    (void)state;
    leat_config config = {0};
    leat *db;
    leat_job *job = NULL;
    size_t offset = 0;
    lt_writer *writer;
    lt_error err;
    lt_writer_options options = {.format = LT_OUTPUT_TABLE};
    assert_int_equal(leat_open(&config, &db), LEAT_OK);
    assert_int_equal(leat_execute(db, "ROWS 100000", &offset, &job), LEAT_OK);
    assert_int_equal(lt_writer_new(&mem, job, &options, &writer, &err), LT_OK);
    leat_rows *rows;
    uint32_t count;
    while ((rows = leat_take(job, &count)) != NULL) {
        assert_int_equal(lt_writer_rows(writer, rows, count, &err), LT_OK);
        leat_rows_free(rows);
        if (lt_writer_count(writer) >= 1000) {
            assert_true(lt_writer_text(writer)->len > 0);
        }
        lt_text_clear(lt_writer_text(writer));
    }
    assert_true(mem.bytes_peak < 300000);
    lt_writer_free(writer);
    leat_job_free(job);
    leat_close(db);
}

static void hidden_changes_are_refused(void **state)
{
    (void)state;
    leat_config config = {0};
    leat *db;
    leat_job *job = NULL;
    size_t offset = 0;
    lt_writer *writer;
    lt_error err;
    lt_writer_options options = {.format = LT_OUTPUT_CSV};
    assert_int_equal(leat_open(&config, &db), LEAT_OK);
    assert_int_equal(leat_execute(db, "CHANGES", &offset, &job), LEAT_OK);
    assert_int_equal(lt_writer_new(&mem, job, &options, &writer, &err), LT_OK);
    uint32_t count = 0;
    leat_rows *rows = leat_take(job, &count);
    assert_int_equal(lt_writer_rows(writer, rows, count, &err), LT_ERR_INTERNAL);
    leat_rows_free(rows);
    lt_writer_free(writer);
    leat_job_free(job);
    leat_close(db);
}

static void widths(void **state)
{
    (void)state;
    assert_int_equal(lt_text_width(LT_STR("abc")), 3);
    assert_int_equal(lt_text_width(LT_STR("\xe6\x97\xa5\xe6\x9c\xac")), 4); /* two ideographs */
    assert_int_equal(lt_text_width(LT_STR("e\xcc\x81")), 1);                /* combining accent */
    assert_int_equal(lt_text_width(LT_STR("\xf0\x9f\x98\x80")), 2);         /* emoji */
    assert_int_equal(lt_text_width(LT_STR("\xff\xe6\x97")), 3);             /* not UTF-8 */
    assert_int_equal(lt_text_fit(LT_STR("\xe6\x97\xa5\xe6\x9c\xac"), 3), 3);
    assert_int_equal(lt_text_fit(LT_STR("\033[1mab\033[0mc"), 2), 10);
}

static void wide_and_control_characters(void **state)
{
    (void)state;
    lt_grid grid;
    lt_text text;
    lt_text_init(&text, &mem);
    lt_grid_init(&grid, &mem, LT_GRID_PLAIN);
    lt_grid_column_add(&grid, "a", false, 0);
    lt_grid_column_add(&grid, "b", true, 0);
    lt_grid_cell(&grid, LT_STR("\xe6\x97\xa5"));
    lt_grid_cell(&grid, LT_STR("1"));
    lt_grid_cell(&grid, LT_STR("x\n\033[2J"));
    lt_grid_cell(&grid, LT_STR("22"));
    assert_true(lt_grid_print(&grid, &text));
    lt_grid_cell(&grid, LT_STR("longer than before"));
    lt_grid_cell(&grid, LT_STR("3"));
    assert_true(lt_grid_print(&grid, &text));
    assert_string_equal(
        text.ptr, "a            b\n----------  --\n\xe6\x97\xa5           1\nx\\n\\x1b[2J  22\n"
                  "longer than before   3\n");
    lt_grid_deinit(&grid);
    lt_text_deinit(&text);
}

static void failed_allocations(void **state)
{
    (void)state;
    for (int64_t at = 0; at < 40; at++) {
        leat_config config = {0};
        leat *db;
        leat_job *job = NULL;
        size_t offset = 0;
        lt_writer *writer = NULL;
        lt_error err;
        lt_writer_options options = {.format = LT_OUTPUT_TABLE};
        leat_open(&config, &db);
        leat_execute(db, "ROWS 1500", &offset, &job);
        mem.alloc_count = 0;
        mem.fail_at = at;
        lt_status st = lt_writer_new(&mem, job, &options, &writer, &err);
        leat_rows *rows;
        uint32_t count;
        while (st == LT_OK && (rows = leat_take(job, &count)) != NULL) {
            st = lt_writer_rows(writer, rows, count, &err);
            leat_rows_free(rows);
        }
        assert_true(st == LT_OK || st == LT_ERR_NOMEM);
        mem.fail_at = -1;
        lt_writer_free(writer);
        leat_job_free(job);
        leat_close(db);
    }
}

static void check_human(void (*put)(lt_text *, double), double value, const char *want)
{
    lt_text text;
    lt_text_init(&text, &mem);
    put(&text, value);
    assert_string_equal(text.ptr, want);
    lt_text_deinit(&text);
}

static void check_time(int64_t ms, const char *want)
{
    lt_text text;
    lt_text_init(&text, &mem);
    lt_human_time(&text, ms);
    assert_string_equal(text.ptr, want);
    lt_text_deinit(&text);
}

static void numbers_for_people(void **state)
{
    (void)state;
    check_human(lt_human_short, 0, "0");
    check_human(lt_human_short, 999, "999");
    check_human(lt_human_short, 1000, "1.00K");
    check_human(lt_human_short, 123456, "123K");
    check_human(lt_human_short, 45678901, "45.7M");
    check_human(lt_human_bytes, 12345, "12.3 KB");
    check_time(0, "1970-01-01 00:00:00");
    check_time(-1, "1969-12-31 23:59:59");
    check_time(INT64_C(951827696789), "2000-02-29 12:34:56");
    check_time(INT64_C(253402300799999), "9999-12-31 23:59:59");
    check_time(INT64_C(-62135596800000), "0001-01-01 00:00:00");
    lt_text text;
    lt_text_init(&text, &mem);
    lt_human_count(&text, 1234567);
    lt_text_putc(&text, ' ');
    lt_human_count(&text, 123);
    lt_text_putc(&text, ' ');
    lt_human_elapsed(&text, INT64_C(3723000000000));
    assert_string_equal(text.ptr, "1,234,567 123 1:02:03");
    lt_text_deinit(&text);
}

static void sparklines(void **state)
{
    (void)state;
    lt_spark spark = {0};
    lt_text text;
    lt_text_init(&text, &mem);
    lt_spark_draw(&spark, &text, 10, false);
    assert_int_equal(text.len, 0);
    for (int minute = 0; minute < 5; minute++) {
        lt_spark_add(&spark, minute * 60000, 0, (uint64_t)((minute + 1) * (minute + 1)));
    }
    lt_spark_draw(&spark, &text, 10, false);
    assert_string_equal(text.ptr, ".::+#");
    assert_string_equal(lt_spark_unit(&spark), "min");
    /* Days pass in one sample: the unit grows until the past still fits, and nothing is lost. */
    lt_spark_add(&spark, INT64_C(20) * 86400000, 0, 100);
    assert_string_equal(lt_spark_unit(&spark), "week");
    double sum = 0;
    for (size_t i = 0; i < LT_SPARK_CELLS; i++) {
        sum += spark.counts[i];
    }
    assert_true(sum > 99.99 && sum < 100.01);
    lt_spark wall = {0};
    lt_spark_add(&wall, LEAT_TIME_MIN, 5000, 7);
    lt_spark_add(&wall, LEAT_TIME_MIN, 500000, 8);
    assert_string_equal(lt_spark_unit(&wall), "s");
    lt_spark_add(&wall, 60000, 500000, 9);
    assert_string_equal(lt_spark_unit(&wall), "min");
    lt_text_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(formats, open_mem, close_mem),
        cmocka_unit_test_setup_teardown(changes, open_mem, close_mem),
        cmocka_unit_test_setup_teardown(tableau, open_mem, close_mem),
        cmocka_unit_test_setup_teardown(large_results_stream, open_mem, close_mem),
        cmocka_unit_test_setup_teardown(hidden_changes_are_refused, open_mem, close_mem),
        cmocka_unit_test_setup_teardown(widths, open_mem, close_mem),
        cmocka_unit_test_setup_teardown(wide_and_control_characters, open_mem, close_mem),
        cmocka_unit_test_setup_teardown(failed_allocations, open_mem, close_mem),
        cmocka_unit_test_setup_teardown(numbers_for_people, open_mem, close_mem),
        cmocka_unit_test_setup_teardown(sparklines, open_mem, close_mem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
