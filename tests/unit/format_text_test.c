/* Values as text in the three styles, and the shortest form of floating numbers. */
#include <stdlib.h>

#include "format_fixture.h"

/* The one row that the JSON record gives, each column in the style, joined by '|'. */
static void expect_text(const char *schema_text, const char *json, lt_text_style style,
                        const char *want)
{
    fixture fx;
    fixture_open(&fx);
    const lt_format *format = lt_format_find(LT_STR("json"));
    const lt_schema *schema = schema_of(&fx, schema_text);
    lt_format_ctx ctx = {.mem = &fx.mem, .schema = schema, .prefix = "json.", .rejects = &fx.sink};
    lt_batch_pool *pool = lt_batch_pool_new(&fx.mem, 1);
    lt_batch *batch = lt_batch_new(pool, schema, 1);
    lt_buf *buf = buffer_of(&fx, json, strlen(json));
    lt_decoder *decoder = NULL;
    lt_decode_in in = {.buf = buf, .end = strlen(json), .last = true};
    assert_int_equal(format->decoder_new(&ctx, &decoder, &fx.err), LT_OK);
    assert_int_equal(format->decode(decoder, &in, batch, &fx.err), LT_OK);
    assert_int_equal(batch->row_count, 1);
    for (uint32_t i = 0; i < batch->col_count; i++) {
        lt_text_puts(&fx.rows, i > 0 ? "|" : "");
        lt_text_value(&fx.rows, &batch->cols[i], 0, style);
    }
    assert_string_equal(fx.rows.ptr, want);
    format->decoder_free(decoder);
    lt_buf_unref(buf);
    lt_batch_unref(batch);
    lt_batch_pool_free(pool);
    fixture_close(&fx);
}

static void test_styles(void **state)
{
    static const char schema[] = "b BOOLEAN, i INT, d DOUBLE, e DECIMAL(6,3), s STRING, y BYTES, "
                                 "dt DATE, tm TIME(0), ts TIMESTAMP(3), lz TIMESTAMP_LTZ(3), "
                                 "m INTERVAL MONTH, q INTERVAL SECOND, a ARRAY<BOOLEAN>, k "
                                 "MAP<STRING, INT>, r ROW<x INT, y STRING>, n INT";
    static const char json[] =
        "{\"b\":true,\"i\":-5,\"d\":1e10,\"e\":1.5,\"s\":\"x\",\"y\":\"Cv8=\",\"dt\":\"2024-01-"
        "01\",\"tm\":\"10:08:00\",\"ts\":\"2024-01-01 00:00:00\","
        "\"lz\":\"2024-01-01 "
        "00:00:00Z\",\"m\":123,\"q\":123456789,\"a\":[true,null],\"k\":{\"k\":1,\"j\":null},\"r\":{"
        "\"x\":1,\"y\":\"a\"}}";
    (void)state;
    expect_text(schema, json, LT_TEXT_SQL,
                "TRUE|-5|1.0E10|1.500|x|\n\xEF\xBF\xBD|2024-01-01|10:08:00|2024-01-01 "
                "00:00:00.000|2024-01-01 00:00:00.000|+10-03|+1 10:17:36.789|[TRUE, NULL]|"
                "{k=1, j=NULL}|(1, a)|NULL");
    expect_text(schema, json, LT_TEXT_JAVA,
                "true|-5|1.0E10|1.500|x|[10, "
                "-1]|2024-01-01|10:08|2024-01-01T00:00|2024-01-01T00:00:00Z|P10Y3M|PT34H17M36.789S|"
                "[true, null]|{k=1, j=null}|+I[1, a]|null");
    expect_text(schema, json, LT_TEXT_SHELL,
                "TRUE|-5|1.0E10|1.500|x|x'0aff'|2024-01-01|10:08:00|2024-01-01 "
                "00:00:00.000|2024-01-01 00:00:00.000|+10-03|+1 10:17:36.789|[TRUE, NULL]|"
                "{k=1, j=NULL}|(1, a)|<NULL>");
}

static void test_times(void **state)
{
    static const char schema[] = "a TIMESTAMP(0), b TIMESTAMP(6), c TIMESTAMP(9), d TIMESTAMP(3), "
                                 "m INTERVAL MONTH, q INTERVAL SECOND";
    static const char json[] =
        "{\"a\":\"2020-01-31 10:08:09.9\",\"b\":\"2020-01-31 10:08:09.12\",\"c\":\"1969-12-31 "
        "23:59:59.000000001\",\"d\":\"2020-01-31 10:00:00.5\","
        "\"m\":-15,\"q\":-90061001}";
    (void)state;
    expect_text(schema, json, LT_TEXT_SQL,
                "2020-01-31 10:08:09|2020-01-31 10:08:09.120000|1969-12-31 "
                "23:59:59.000000001|2020-01-31 10:00:00.500|-1-03|-1 01:01:01.001");
    expect_text(schema, json, LT_TEXT_JAVA,
                "2020-01-31T10:08:09|2020-01-31T10:08:09.120|1969-12-31T23:59:59.000000001|2020-01-"
                "31T10:00:00.500|P-1Y-3M|PT-25H-1M-1.001S");
    expect_text("m INTERVAL MONTH, q INTERVAL SECOND, r INTERVAL SECOND",
                "{\"m\":0,\"q\":0,\"r\":-500}", LT_TEXT_JAVA, "P0D|PT0S|PT-0.5S");
}

static void test_rows(void **state)
{
    fixture fx;
    (void)state;
    fixture_open(&fx);
    assert_string_equal(lt_kind_text(LT_INSERT), "+I");
    assert_string_equal(lt_kind_text(LT_UPDATE_BEFORE), "-U");
    assert_string_equal(lt_kind_text(LT_UPDATE_AFTER), "+U");
    assert_string_equal(lt_kind_text(LT_DELETE), "-D");
    fixture_close(&fx);
}

static void test_decimals(void **state)
{
    lt_mem mem;
    lt_text text;
    (void)state;
    lt_mem_init(&mem, NULL, "test", 0);
    lt_text_init(&text, &mem);
    lt_text_decimal(&text, 12345, 2);
    lt_text_putc(&text, ' ');
    lt_text_decimal(&text, -5, 3);
    lt_text_putc(&text, ' ');
    lt_text_decimal(&text, 0, 0);
    lt_text_putc(&text, ' ');
    lt_text_decimal(&text, (lt_i128)1000000000000000000LL * 1000000000000000000LL * 99 + 1, 38);
    assert_string_equal(text.ptr, "123.45 -0.005 0 0.99000000000000000000000000000000000001");
    lt_text_deinit(&text);
    lt_mem_deinit(&mem);
}

static void test_doubles(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.001, "0.001"},
        {1e-4, "1.0E-4"},
        {100, "100.0"},
        {1e7, "1.0E7"},
        {9999999, "9999999.0"},
        {123.456, "123.456"},
        {2e-3, "0.002"},
        {5e-324, "4.9E-324"},
        {1e-323, "9.9E-324"},
        {5e-323, "4.9E-323"},
        {1e23, "1.0E23"},
        {2e23, "2.0E23"},
        {8.41e21, "8.41E21"},
        {-0.0, "-0.0"},
        {1 / 3.0, "0.3333333333333333"},
        {9007199254740993.0, "9.007199254740992E15"},
        {2.2250738585072014E-308, "2.2250738585072014E-308"},
        {1.7976931348623157e308, "1.7976931348623157E308"},
        {1.0 / 0.0, "Infinity"},
        {-1.0 / 0.0, "-Infinity"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e21, "1.0E21"},
        {12345678.9, "1.23456789E7"},
        {9.5367431640625E-7, "9.5367431640625E-7"},
    };
    lt_mem mem;
    lt_text text;
    uint64_t rng = 1;
    (void)state;
    lt_mem_init(&mem, NULL, "test", 0);
    lt_text_init(&text, &mem);
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        lt_text_clear(&text);
        lt_text_double(&text, cases[i].value);
        assert_string_equal(text.ptr, cases[i].text);
    }
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = test_random(&rng);
        double value;
        float single;
        uint32_t half = (uint32_t)(bits >> 7);
        memcpy(&value, &bits, sizeof value);
        memcpy(&single, &half, sizeof single);
        lt_text_clear(&text);
        lt_text_double(&text, value);
        double back = strtod(text.ptr, NULL);
        assert_true(back == value || value != value);
        lt_text_clear(&text);
        lt_text_float(&text, single);
        float single_back = strtof(text.ptr, NULL);
        assert_true(single_back == single || single != single);
    }
    lt_text_clear(&text);
    lt_text_float(&text, 0.1F);
    lt_text_putc(&text, ' ');
    lt_text_float(&text, 1.4e-45F);
    lt_text_putc(&text, ' ');
    lt_text_float(&text, 3.4028235e38F);
    assert_string_equal(text.ptr, "0.1 1.4E-45 3.4028235E38");
    lt_text_deinit(&text);
    lt_mem_deinit(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_styles),  cmocka_unit_test(test_times),
        cmocka_unit_test(test_rows),    cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
