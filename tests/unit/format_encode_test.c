/* The encoders, against lines recorded from Flink 2.2.1, and back again through the decoders; the
 * raw format both ways. Batches are made from JSON. */
#include "format_fixture.h"

/* Encodes the JSON records with another format (or json) into fx->rows. */
static lt_status encode_json(fixture *fx, const char *schema_text, const char *json,
                             const char *name, const char *options)
{
    const lt_format *in_format = lt_format_find(LT_STR("json"));
    const lt_format *format = lt_format_find(lt_str_of(name));
    const lt_schema *schema = schema_of(fx, schema_text);
    char prefix[32];
    (void)snprintf(prefix, sizeof prefix, "%s.", name);
    lt_format_ctx in_ctx = {
        .mem = &fx->side, .schema = schema, .prefix = "json.", .rejects = &fx->sink};
    lt_format_ctx ctx = {.mem = &fx->mem,
                         .schema = schema,
                         .prefix = prefix,
                         .options = options_of(fx, options),
                         .rejects = &fx->sink};
    lt_batch_pool *pool = lt_batch_pool_new(&fx->side, 1);
    lt_batch *batch = lt_batch_new(pool, schema, 64);
    lt_buf *buf = lt_buf_new(&fx->side, strlen(json));
    lt_decoder *decoder = NULL;
    lt_encoder *encoder = NULL;
    uint32_t rows[64];
    assert_true(batch != NULL && buf != NULL);
    memcpy(buf->ptr, json, strlen(json));
    lt_decode_in in = {.buf = buf, .end = strlen(json), .last = true};
    assert_int_equal(in_format->decoder_new(&in_ctx, &decoder, &fx->err), LT_OK);
    lt_text_clear(&fx->rejects);
    assert_int_equal(in_format->decode(decoder, &in, batch, &fx->err), LT_OK);
    assert_int_equal(fx->rejects.len, 0);
    for (uint32_t i = 0; i < 64; i++) {
        rows[i] = i;
    }
    lt_text_clear(&fx->rows);
    lt_status st = format->check ? format->check(&ctx, false, &fx->err) : LT_OK;
    st = st == LT_OK ? format->encoder_new(&ctx, &encoder, &fx->err) : st;
    st = st == LT_OK ? format->encode(encoder, batch, rows, batch->row_count, &fx->rows, &fx->err)
                     : st;
    format->encoder_free(encoder);
    in_format->decoder_free(decoder);
    lt_buf_unref(buf);
    lt_batch_unref(batch);
    lt_batch_pool_free(pool);
    return st;
}

static void expect_encode(const char *schema, const char *json, const char *name,
                          const char *options, const char *want)
{
    fixture fx;
    fixture_open(&fx);
    if (encode_json(&fx, schema, json, name, options) != LT_OK) {
        fail_msg("%s", fx.err.text);
    }
    assert_string_equal(fx.rows.ptr, want);
    fixture_close(&fx);
}

static const char all_types[] =
    "b BOOLEAN, t TINYINT, s SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, dec DECIMAL(10,3), c "
    "STRING, by BYTES, dt DATE, tm TIME(3), "
    "ts TIMESTAMP(3), ts6 TIMESTAMP(6), ts9 TIMESTAMP(9), lz TIMESTAMP_LTZ(3), ar ARRAY<INT>, ro "
    "ROW<x INT, y STRING>";

static const char all_rows[] =
    "{\"b\":true,\"t\":1,\"s\":2,\"i\":3,\"l\":4,\"f\":1.5,\"d\":1.0E10,\"dec\":1.5,\"c\":\"abc\","
    "\"by\":\"aGk=\",\"dt\":\"2020-01-31\",\"tm\":\"12:34:56\","
    "\"ts\":\"2020-01-31 12:34:56.1\",\"ts6\":\"2020-01-31 12:34:56.123456\",\"ts9\":\"2020-01-31 "
    "12:34:00\",\"lz\":\"2020-01-31 12:34:00Z\","
    "\"ar\":[1,2],\"ro\":{\"x\":1,\"y\":\"q\"}}\n"
    "{\"b\":null,\"t\":null,\"s\":null,\"i\":null,\"l\":null,\"f\":null,\"d\":null,\"dec\":null,"
    "\"c\":null,\"by\":null,\"dt\":null,\"tm\":null,"
    "\"ts\":null,\"ts6\":null,\"ts9\":null,\"lz\":null,\"ar\":null,\"ro\":null}\n"
    "{\"b\":false,\"t\":-1,\"s\":-2,\"i\":-3,\"l\":-4,\"f\":0.1,\"d\":0.001,\"dec\":1E+5,\"c\":"
    "\"a\",\"by\":\"\",\"dt\":\"0001-01-01\",\"tm\":\"00:00:00\","
    "\"ts\":\"1969-12-31 23:59:59.999\",\"ts6\":\"2020-01-31 00:00:00\",\"ts9\":\"2020-01-31 "
    "12:34:00.123456789\","
    "\"lz\":\"2020-01-31 12:34:56.12Z\",\"ar\":[1,null],\"ro\":{\"x\":null,\"y\":\"q;r,s\"}}\n"
    "{\"b\":false,\"t\":-1,\"s\":-2,\"i\":-3,\"l\":-4,\"f\":1.0E10,\"d\":1.23456789125E8,\"dec\":0."
    "001,\"c\":\"a b\",\"by\":\"/wA=\",\"dt\":\"9999-12-31\","
    "\"tm\":\"23:59:59\",\"ts\":\"1969-12-31 23:59:59.01\",\"ts6\":\"2020-01-31 "
    "00:00:00.000001\",\"ts9\":\"2020-01-31 12:34:00.1\","
    "\"lz\":\"1969-12-31 23:59:59.12Z\",\"ar\":[7],\"ro\":{\"x\":5,\"y\":null}}\n";

static void test_json_all_types(void **state)
{
    (void)state;
    expect_encode(all_types, all_rows, "json", NULL, all_rows); /* Flink wrote these lines */
    expect_encode(all_types, all_rows, "json",
                  "json.timestamp-format.standard=ISO-8601\x01"
                  "json.encode.ignore-null-fields=true\x01"
                  "json.encode.decimal-as-plain-number=true",
                  "{\"b\":true,\"t\":1,\"s\":2,\"i\":3,\"l\":4,\"f\":1.5,\"d\":1.0E10,\"dec\":1."
                  "500,\"c\":\"abc\",\"by\":\"aGk=\",\"dt\":\"2020-01-31\",\"tm\":\"12:34:56\","
                  "\"ts\":\"2020-01-31T12:34:56.1\",\"ts6\":\"2020-01-31T12:34:56.123456\",\"ts9\":"
                  "\"2020-01-31T12:34:00\",\"lz\":\"2020-01-31T12:34:00Z\","
                  "\"ar\":[1,2],\"ro\":{\"x\":1,\"y\":\"q\"}}\n"
                  "{}\n"
                  "{\"b\":false,\"t\":-1,\"s\":-2,\"i\":-3,\"l\":-4,\"f\":0.1,\"d\":0.001,\"dec\":"
                  "100000.000,\"c\":\"a\",\"by\":\"\",\"dt\":\"0001-01-01\",\"tm\":\"00:00:00\","
                  "\"ts\":\"1969-12-31T23:59:59.999\",\"ts6\":\"2020-01-31T00:00:00\",\"ts9\":"
                  "\"2020-01-31T12:34:00.123456789\","
                  "\"lz\":\"2020-01-31T12:34:56.12Z\",\"ar\":[1,null],\"ro\":{\"y\":\"q;r,s\"}}\n"
                  "{\"b\":false,\"t\":-1,\"s\":-2,\"i\":-3,\"l\":-4,\"f\":1.0E10,\"d\":1."
                  "23456789125E8,\"dec\":0.001,\"c\":\"a b\",\"by\":\"/wA=\",\"dt\":\"9999-12-31\","
                  "\"tm\":\"23:59:59\",\"ts\":\"1969-12-31T23:59:59.01\",\"ts6\":\"2020-01-31T00:"
                  "00:00.000001\",\"ts9\":\"2020-01-31T12:34:00.1\","
                  "\"lz\":\"1969-12-31T23:59:59.12Z\",\"ar\":[7],\"ro\":{\"x\":5}}\n");
}

static void test_json_texts(void **state)
{
    (void)state;
    expect_encode("a STRING",
                  "{\"a\":\"\\u0001\\b\\f\\n\\r\\t\\u001f\\u007f/"
                  "\\u2028<>&\"}\n{\"a\":\"0123456\\\"89 \\\\ 0123456789\"}\n",
                  "json", NULL,
                  "{\"a\":\"\\u0001\\b\\f\\n\\r\\t\\u001F\x7f/"
                  "\xE2\x80\xA8<>&\"}\n{\"a\":\"0123456\\\"89 \\\\ 0123456789\"}\n");
    expect_encode(
        "a DOUBLE, b FLOAT",
        "{\"a\":\"NaN\",\"b\":\"Infinity\"}\n{\"a\":-0.0,\"b\":3.4E38}\n{\"a\":1E-5,\"b\":1E7}\n",
        "json", NULL,
        "{\"a\":\"NaN\",\"b\":\"Infinity\"}\n{\"a\":-0.0,\"b\":3.4E38}\n{\"a\":1.0E-5,\"b\":1.0E7}"
        "\n");
    static const char decimals[] = "{\"a\":1.5,\"b\":1000000000000000000000}\n{\"a\":1E-10,\"b\":0}"
                                   "\n{\"a\":100,\"b\":1200}\n{\"a\":0,\"b\":-5}\n";
    expect_encode("a DECIMAL(38,10), b DECIMAL(38,0)", decimals, "json", NULL,
                  "{\"a\":1.5,\"b\":1E+21}\n{\"a\":1E-10,\"b\":0}\n{\"a\":1E+2,\"b\":1.2E+3}\n{"
                  "\"a\":0,\"b\":-5}\n");
    expect_encode("a DECIMAL(38,10), b DECIMAL(38,0)", decimals, "csv", NULL,
                  "1.5,1E+21\n1E-10,0\n1E+2,1.2E+3\n0,-5\n");
    expect_encode("a DECIMAL(38,10), b DECIMAL(38,0)", decimals, "csv",
                  "csv.write-bigdecimal-in-scientific-notation=false",
                  "1.5000000000,1000000000000000000000\n0.0000000001,0\n100.0000000000,1200\n0."
                  "0000000000,-5\n");
    expect_encode("m MULTISET<STRING>, `q\"` INT, p INTERVAL MONTH, q INTERVAL SECOND",
                  "{\"m\":{\"x\":2},\"p\":3,\"q\":4}\n", "json", NULL,
                  "{\"m\":{\"x\":2},\"`q\\\"`\":null,\"p\":3,\"q\":4}\n");
    expect_encode("a ARRAY<ROW<m MAP<STRING,ARRAY<INT>>>>",
                  "{\"a\":[{\"m\":{\"k\":[1],\"l\":[]}},null]}\n", "json", NULL,
                  "{\"a\":[{\"m\":{\"k\":[1],\"l\":[]}},null]}\n");
}

/* A NULL key does not come in by JSON: it is made by hand. */
static void test_json_null_keys(void **state)
{
    static const struct {
        const char *options;
        const char *want;
    } cases[] = {
        {NULL, NULL},
        {"json.map-null-key.mode=DROP", "{\"m\":{\"a\":2}}\n"},
        {"json.map-null-key.mode=LITERAL", "{\"m\":{\"null\":1,\"a\":2}}\n"},
        {"json.map-null-key.mode=LITERAL\x01"
         "json.map-null-key.literal=NUL",
         "{\"m\":{\"NUL\":1,\"a\":2}}\n"},
    };
    (void)state;
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        fixture fx;
        fixture_open(&fx);
        const lt_format *json = lt_format_find(LT_STR("json"));
        const lt_schema *schema = schema_of(&fx, "m MAP<STRING, INT>");
        lt_batch_pool *pool = lt_batch_pool_new(&fx.mem, 1);
        lt_batch *batch = lt_batch_new(pool, schema, 1);
        lt_col *map = &batch->cols[0];
        assert_true(lt_col_reserve_children(map, 2, batch->arena));
        LT_COL_DATA(map, lt_span)[0] = (lt_span){0, 2};
        LT_COL_DATA(&map->children[0], lt_strv)[1] = lt_strv_make("a", 1);
        lt_bit_clear(lt_col_need_valid(&map->children[0], map->child_cap, batch->arena), 0);
        LT_COL_DATA(&map->children[1], int32_t)[0] = 1;
        LT_COL_DATA(&map->children[1], int32_t)[1] = 2;
        lt_format_ctx ctx = {.mem = &fx.mem,
                             .schema = schema,
                             .prefix = "json.",
                             .options = options_of(&fx, cases[i].options)};
        lt_encoder *encoder = NULL;
        uint32_t row = 0;
        assert_int_equal(json->encoder_new(&ctx, &encoder, &fx.err), LT_OK);
        lt_text_puts(&fx.rows, "");
        lt_status st = json->encode(encoder, batch, &row, 1, &fx.rows, &fx.err);
        assert_int_equal(st, cases[i].want ? LT_OK : LT_ERR_DATA);
        assert_int_equal(fx.rows.len,
                         cases[i].want ? strlen(cases[i].want) : 0); /* nothing of a refused row */
        if (cases[i].want) {
            assert_memory_equal(fx.rows.ptr, cases[i].want, fx.rows.len);
        }
        json->encoder_free(encoder);
        lt_batch_unref(batch);
        lt_batch_pool_free(pool);
        fixture_close(&fx);
    }
}

static void test_csv_all_types(void **state)
{
    (void)state;
    /* As Flink, but for the fraction of a TIME, which the JSON input does not bring in. */
    expect_encode(
        all_types, all_rows, "csv", NULL,
        "true,1,2,3,4,1.5,1.0E10,1.5,abc,aGk=,2020-01-31,12:34:56,\"2020-01-31 "
        "12:34:56.1\",\"2020-01-31 12:34:56.123456\",\"2020-01-31 12:34:00\","
        "\"2020-01-31 12:34:00Z\",1;2,1;q\n"
        ",,,,,,,,,,,,,,,,,\n"
        "false,-1,-2,-3,-4,0.1,0.001,1E+5,a,,0001-01-01,00:00:00,\"1969-12-31 "
        "23:59:59.999\",\"2020-01-31 00:00:00\","
        "\"2020-01-31 12:34:00.123456789\",\"2020-01-31 12:34:56.12Z\",1;,\";q;r,s\"\n"
        "false,-1,-2,-3,-4,1.0E10,1.23456789125E8,0.001,\"a "
        "b\",/wA=,9999-12-31,23:59:59,\"1969-12-31 23:59:59.01\",\"2020-01-31 00:00:00.000001\","
        "\"2020-01-31 12:34:00.1\",\"1969-12-31 23:59:59.12Z\",7,5;\n");
    expect_encode(
        "a STRING, b BYTES, c ARRAY<STRING>, d ROW<x STRING, y TIMESTAMP(3)>",
        "{\"a\":\"x\",\"b\":\"aGk=\",\"c\":[\"a b\",\"c,d\",\"e;f\",null],\"d\":{\"x\":\"p "
        "q\",\"y\":\"2020-01-01 00:00:00\"}}\n",
        "csv", "csv.null-literal=N", "x,aGk=,\"a b;c,d;e;f;N\",\"p q;2020-01-01 00:00:00\"\n");
}

static void test_csv_quoting(void **state)
{
    static const char strings[] =
        "{\"a\":\"plain\",\"b\":1}\n{\"a\":\"with "
        "blank\",\"b\":2}\n{\"a\":\"a,b\",\"b\":3}\n{\"a\":\"a\\\"b\",\"b\":4}\n{\"a\":\"a\\nb\","
        "\"b\":5}\n"
        "{\"a\":\"\",\"b\":6}\n{\"a\":\" "
        "lead\",\"b\":7}\n{\"a\":null,\"b\":9}\n{\"a\":\"#x\",\"b\":10}\n{\"a\":\"-\",\"b\":11}\n"
        "{\"a\":\"\xC3\xA9\",\"b\":12}\n{\"a\":\"a\\rb\",\"b\":13}\n{\"a\":\"a;b\",\"b\":15}\n{"
        "\"a\":\"12\",\"b\":17}\n{\"a\":\"a'b\",\"b\":18}\n"
        "{\"a\":\"a\\\\b\",\"b\":19}\n{\"a\":\"a.b-c_d:e/"
        "f\",\"b\":20}\n{\"a\":\"averyveryverylongstringwithoutspaces\",\"b\":21}\n{\"a\":\"~\","
        "\"b\":24}\n";
    (void)state;
    expect_encode(
        "a STRING, b INT", strings, "csv", NULL,
        "plain,1\n\"with blank\",2\n\"a,b\",3\n\"a\"\"b\",4\n\"a\nb\",5\n,6\n\" "
        "lead\",7\n,9\n\"#x\",10\n-,11\n\xC3\xA9,12\n\"a\rb\",13\na;b,15\n12,17\n"
        "\"a'b\",18\na\\b,19\na.b-c_d:e/f,20\n\"averyveryverylongstringwithoutspaces\",21\n~,24\n");
    expect_encode("a STRING, b INT", strings, "csv",
                  "csv.escape-character=\\\x01"
                  "csv.null-literal=NULL",
                  "plain,1\n\"with blank\",2\n\"a,b\",3\n\"a\"\"b\",4\n\"a\nb\",5\n,6\n\" "
                  "lead\",7\nNULL,9\n\"#x\",10\n-,11\n\xC3\xA9,12\n\"a\rb\",13\na;b,15\n12,17\n"
                  "\"a'b\",18\n\"a\\\\b\",19\na.b-c_d:e/"
                  "f,20\n\"averyveryverylongstringwithoutspaces\",21\n~,24\n");
    expect_encode("a STRING, b INT", strings, "csv",
                  "csv.disable-quote-character=true\x01"
                  "csv.field-delimiter=|",
                  "plain|1\nwith blank|2\na,b|3\na\"b|4\na\nb|5\n|6\n "
                  "lead|7\n|9\n#x|10\n-|11\n\xC3\xA9|12\na\rb|13\na;b|15\n12|17\na'b|18\na\\b|19\n"
                  "a.b-c_d:e/f|20\naveryveryverylongstringwithoutspaces|21\n~|24\n");
    expect_encode(
        "a STRING, b INT", strings, "csv",
        "csv.field-delimiter=;\x01"
        "csv.quote-character='",
        "plain;1\n'with blank';2\n'a,b';3\n'a\"b';4\n'a\nb';5\n;6\n' "
        "lead';7\n;9\n'#x';10\n'-';11\n\xC3\xA9;12\n'a\rb';13\n'a;b';15\n'12';17\n'a''b';18\n"
        "a\\b;19\n'a.b-c_d:e/f';20\n'averyveryverylongstringwithoutspaces';21\n~;24\n");
}

static void test_encode_allocation_failures(void **state)
{
    static const char *const formats[] = {"json", "csv"};
    (void)state;
    for (size_t f = 0; f < LT_COUNT_OF(formats); f++) {
        bool done = false;
        for (int64_t at = 1; !done; at++) {
            fixture fx;
            fixture_open(&fx);
            /* The output is the format's here. */
            lt_text_deinit(&fx.rows);
            lt_text_init(&fx.rows, &fx.mem);
            atomic_store(&fx.mem.fail_at, atomic_load(&fx.mem.alloc_count) + at);
            lt_status st = encode_json(&fx, all_types, all_rows, formats[f], NULL);
            assert_true(st == LT_OK || st == LT_ERR_NOMEM);
            done = st == LT_OK;
            atomic_store(&fx.mem.fail_at, -1);
            fixture_close(&fx);
            assert_true(at < 200);
        }
    }
}

/* ---- raw ---- */

static void test_raw(void **state)
{
    static const struct {
        const char *schema, *options, *text, *rows, *rejects;
    } cases[] = {
        {"a STRING", NULL, "x\r\ny\n\nz\n\xFF\nlast", "+I[x]\n+I[y]\n+I[]\n+I[z]\n+I[last]\n",
         "bad-utf8@8:\xFF\n"},
        {"a BYTES", NULL, "x\r\ny\n\xFF\n", "+I[[120]]\n+I[[121]]\n+I[[-1]]\n", ""},
        {"a INT", NULL, "abcd\nefgh\nabc\n", "+I[1633837924]\n+I[1701209960]\n",
         "bad-field@10:abc\n"},
        {"a INT", "raw.endianness=little-endian", "abcd\nefgh\n",
         "+I[1684234849]\n+I[1751606885]\n", ""},
        {"a DOUBLE", NULL, "abcdefgh\n", "+I[1.2926117907728089E161]\n", ""},
        {"a SMALLINT", NULL, "ab\n", "+I[24930]\n", ""},
        {"a BOOLEAN", NULL, "\x01\n", "+I[true]\n", ""},
        {"a TINYINT", NULL, "a\n", "+I[97]\n", ""},
    };
    fixture fx;
    (void)state;
    fixture_open(&fx);
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        for (size_t piece = 0; piece < 5; piece++) {
            decode_setup setup = {.format = "raw",
                                  .schema = cases[i].schema,
                                  .options = cases[i].options,
                                  .piece = piece};
            expect_decode(&fx, &setup, cases[i].text, cases[i].rows, cases[i].rejects);
        }
    }
    decode_setup two = {.format = "raw", .schema = "a INT, b INT"};
    assert_int_equal(decode_text(&fx, &two, "", 0), LT_ERR_SQL);
    decode_setup latin = {
        .format = "raw", .schema = "a STRING", .options = "raw.charset=ISO-8859-1"};
    assert_int_equal(decode_text(&fx, &latin, "", 0), LT_ERR_UNSUPPORTED);
    decode_setup decimal = {.format = "raw", .schema = "a DECIMAL(5,2)"};
    assert_int_equal(decode_text(&fx, &decimal, "", 0), LT_ERR_UNSUPPORTED);
    decode_setup bounded = {.format = "raw", .schema = "a STRING", .record_max = 4, .piece = 3};
    expect_decode(&fx, &bounded, "abcd\n01234567\nx\n", "+I[abcd]\n+I[x]\n",
                  "record-too-long@5:0123\n");
    fixture_close(&fx);
    expect_encode("a STRING", "{\"a\":\"x y\"}\n{\"a\":null}\n", "raw", NULL, "x y\n\n");
    expect_encode("a INT", "{\"a\":1633837924}\n", "raw", NULL, "abcd\n");
    expect_encode("a INT", "{\"a\":1684234849}\n", "raw", "raw.endianness=little-endian", "abcd\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_all_types),
        cmocka_unit_test(test_json_texts),
        cmocka_unit_test(test_json_null_keys),
        cmocka_unit_test(test_csv_all_types),
        cmocka_unit_test(test_csv_quoting),
        cmocka_unit_test(test_encode_allocation_failures),
        cmocka_unit_test(test_raw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
