/* The JSON decoder: types, options, refusals, splits, and that all processor levels and both paths
 * agree. */
#include "format_fixture.h"

#define IGNORE "json.ignore-parse-errors=true"
#define ISO    "json.timestamp-format.standard=ISO-8601"

typedef struct {
    const char *schema;
    const char *options;
    const char *json;
    const char *rows;
    const char *rejects;
} json_case;

static void run_cases(const json_case *cases, size_t count, bool lenient)
{
    fixture fx;
    fixture_open(&fx);
    for (size_t i = 0; i < count; i++) {
        decode_setup setup = {.format = "json",
                              .schema = cases[i].schema,
                              .options = cases[i].options,
                              .lenient = lenient};
        expect_decode(&fx, &setup, cases[i].json, cases[i].rows, cases[i].rejects);
    }
    fixture_close(&fx);
}

/* Recorded from Flink 2.2.1 with ignore-parse-errors, where a field that cannot be read is NULL. */
static void test_scalars_as_flink(void **state)
{
    static const json_case cases[] = {
        {"a INT", IGNORE,
         "{\"a\":1}\n{\"a\":1.7}\n{\"a\":\"12 "
         "\"}\n{\"a\":true}\n{\"a\":\"x\"}\n{\"a\":\"\"}\n{\"a\":3000000000}\n{\"a\":1e2}\n"
         "{\"a\":\"1.0\"}\n{\"a\":null}\n{}\n{\"a\":-1.9}\n{\"a\":{\"b\":1}}\n{\"a\":[1]}\n{\"a\":"
         "\"+5\"}",
         "+I[1]\n+I[1]\n+I[12]\n+I[null]\n+I[null]\n+I[null]\n+I[null]\n+I[100]\n+I[null]\n+I[null]"
         "\n+I[null]\n+I[-1]\n+I[null]\n"
         "+I[null]\n+I[5]\n",
         ""},
        {"a BIGINT", IGNORE,
         "{\"a\":1.5e3}\n{\"a\":\"99999999999999999999\"}\n{\"a\":99999999999999999999}\n{\"a\":"
         "9223372036854775807}\n{\"a\":1e400}\n"
         "{\"a\":-9223372036854775808}\n{\"a\":-0}\n",
         "+I[1500]\n+I[null]\n+I[null]\n+I[9223372036854775807]\n+I[null]\n+I[-9223372036854775808]"
         "\n+I[0]\n",
         ""},
        {"a TINYINT, b SMALLINT", IGNORE,
         "{\"a\":1,\"b\":1.0}\n{\"a\":1.7,\"b\":70000}\n{\"a\":300,\"b\":\"7\"}\n{\"a\":1e1}\n",
         "+I[1, null]\n+I[null, null]\n+I[null, 7]\n+I[null, null]\n", ""},
        {"a BOOLEAN", IGNORE,
         "{\"a\":true}\n{\"a\":\"TRUE\"}\n{\"a\":\" true "
         "\"}\n{\"a\":1}\n{\"a\":\"x\"}\n{\"a\":{}}\n{\"a\":[]}\n{\"a\":\"yes\"}\n",
         "+I[true]\n+I[true]\n+I[true]\n+I[false]\n+I[false]\n+I[false]\n+I[false]\n+I[false]\n",
         ""},
        {"a DOUBLE", IGNORE,
         "{\"a\":1}\n{\"a\":\"1.5\"}\n{\"a\":\"NaN\"}\n{\"a\":\"Infinity\"}\n{\"a\":1e400}\n{\"a\":"
         "\"1d\"}\n{\"a\":\"\"}\n{\"a\":true}\n"
         "{\"a\":0.1}\n{\"a\":\"-Infinity\"}\n{\"a\":\" 1 \"}\n",
         "+I[1.0]\n+I[1.5]\n+I[NaN]\n+I[Infinity]\n+I[Infinity]\n+I[1.0]\n+I[null]\n+I[null]\n+I[0."
         "1]\n+I[-Infinity]\n+I[1.0]\n",
         ""},
        {"a FLOAT", IGNORE,
         "{\"a\":0.1}\n{\"a\":1e39}\n{\"a\":16777217}\n{\"a\":3}\n{\"a\":\"3.5f\"}\n",
         "+I[0.1]\n+I[Infinity]\n+I[1.6777216E7]\n+I[3.0]\n+I[3.5]\n", ""},
        {"a DECIMAL(5,2)", IGNORE,
         "{\"a\":1.005}\n{\"a\":\"1.005\"}\n{\"a\":12345}\n{\"a\":1e2}\n{\"a\":\"x\"}\n{\"a\":999."
         "995}\n{\"a\":\" 1 \"}\n{\"a\":true}\n"
         "{\"a\":-1.005}\n",
         "+I[1.01]\n+I[1.01]\n+I[null]\n+I[100.00]\n+I[null]\n+I[null]\n+I[1.00]\n+I[null]\n+I[-1."
         "01]\n",
         ""},
        {"a DECIMAL(38,10)", NULL,
         "{\"a\":1234567890123456789012345678.0123456789}\n{\"a\":1e-10}\n{\"a\":-4e-11}\n",
         "+I[1234567890123456789012345678.0123456789]\n+I[0.0000000001]\n+I[0.0000000000]\n", ""},
        {"a STRING", IGNORE,
         "{\"a\":1.50}\n{\"a\":{\"x\": 1, \"y\":[1, 2.50,\"q\\u00e9\\n\"]}}\n{\"a\":[1, null , "
         "true]}\n{\"a\":true}\n{\"a\":1e5}\n"
         "{\"a\":\"\\ud83d\\ude00\"}\n{\"a\":null}\n{\"a\":-0}\n{\"a\":[]}\n{\"a\":{}}\n"
         "{\"a\":{\"x\":0.0000001,\"y\":123456789.125,\"w\":12345678901234567890}}\n{\"a\":{\"u\":"
         "\"\\/\\/\\u0001\"}}\n",
         "+I[1.50]\n+I[{\"x\":1,\"y\":[1,2.5,\"q\xC3\xA9\\n\"]}]\n+I[[1,null,true]]\n+I[true]\n+I["
         "1e5]\n+I[\xF0\x9F\x98\x80]\n+I[null]\n"
         "+I[-0]\n+I[[]]\n+I[{}]\n+I[{\"x\":1.0E-7,\"y\":1.23456789125E8,\"w\":"
         "12345678901234567890}]\n+I[{\"u\":\"//\\u0001\"}]\n",
         ""},
        {"a BYTES", IGNORE,
         "{\"a\":\"aGk=\"}\n{\"a\":\"aGk\"}\n{\"a\":\"a-_=\"}\n{\"a\":\"!!\"}\n{\"a\":\"\"}\n{"
         "\"a\":1}\n{\"a\":\"aG k=\"}\n{\"a\":\"aGk==\"}\n"
         "{\"a\":\"aGl=\"}\n{\"a\":\"YQ==\"}\n{\"a\":\"YR==\"}\n",
         "+I[[104, "
         "105]]\n+I[null]\n+I[null]\n+I[null]\n+I[[]]\n+I[null]\n+I[null]\n+I[null]\n+I[[104, "
         "105]]\n+I[[97]]\n+I[[97]]\n",
         ""},
    };
    (void)state;
    run_cases(cases, LT_COUNT_OF(cases), false);
}

static void test_times_as_flink(void **state)
{
    static const char timestamps[] =
        "{\"a\":\"2020-01-31 12:34:56\"}\n{\"a\":\"2020-01-31 12:34:56.1\"}\n{\"a\":\"2020-01-31 "
        "12:34:56.123456789\"}\n"
        "{\"a\":\"2020-01-31T12:34:56\"}\n{\"a\":\"2020-01-31T12:34:56.123\"}\n{\"a\":\"2020-01-"
        "31T12:34:56.123Z\"}\n"
        "{\"a\":\"2020-01-31 "
        "12:34:56Z\"}\n{\"a\":\"2020-01-31\"}\n{\"a\":\"2020-01-31T12:34\"}\n{\"a\":\"2020-01-31 "
        "12:34\"}\n"
        "{\"a\":1580473800000}\n{\"a\":\"2020-01-31T12:34:56+01:00\"}\n{\"a\":\"2020-02-30 "
        "12:34:56\"}\n{\"a\":\"2020-02-30T12:34:56\"}\n"
        "{\"a\":\"2020-01-31 12:34:60\"}\n{\"a\":\"2020-01-31 12:34:56.\"}\n{\"a\":\"+12020-01-31 "
        "12:34:56\"}\n{\"a\":\"2020-01-31T24:00:00\"}\n";
    static const char zoned[] =
        "{\"a\":\"2020-01-31 12:34:56Z\"}\n{\"a\":\"2020-01-31 "
        "12:34:56.123Z\"}\n{\"a\":\"2020-01-31T12:34:56.123Z\"}\n"
        "{\"a\":\"2020-01-31T12:34:56Z\"}\n{\"a\":\"2020-01-31T12:34:56\"}\n{\"a\":\"2020-01-31 "
        "12:34:56\"}\n"
        "{\"a\":\"2020-01-31T12:34:56+01:00\"}\n{\"a\":\"2020-01-31 "
        "12:34:56z\"}\n{\"a\":\"2020-01-31T12:34Z\"}\n{\"a\":1580473800000}\n";
    static const json_case cases[] = {
        {"a TIMESTAMP(3)", IGNORE, timestamps,
         "+I[2020-01-31T12:34:56]\n+I[2020-01-31T12:34:56.100]\n+I[2020-01-31T12:34:56.123]\n+I["
         "null]\n+I[null]\n+I[null]\n+I[null]\n"
         "+I[null]\n+I[null]\n+I[null]\n+I[null]\n+I[null]\n+I[2020-02-29T12:34:56]\n+I[null]\n+I["
         "null]\n+I[2020-01-31T12:34:56]\n"
         "+I[+12020-01-31T12:34:56]\n+I[null]\n",
         ""},
        {"a TIMESTAMP(3)", IGNORE "\x01" ISO, timestamps,
         "+I[null]\n+I[null]\n+I[null]\n+I[2020-01-31T12:34:56]\n+I[2020-01-31T12:34:56.123]\n+I["
         "null]\n+I[null]\n+I[null]\n"
         "+I[2020-01-31T12:34]\n+I[null]\n+I[null]\n+I[null]\n+I[null]\n+I[null]\n+I[null]\n+I["
         "null]\n+I[null]\n+I[null]\n",
         ""},
        {"a TIMESTAMP_LTZ(3)", IGNORE, zoned,
         "+I[2020-01-31T12:34:56Z]\n+I[2020-01-31T12:34:56.123Z]\n+I[null]\n+I[null]\n+I[null]\n+I["
         "null]\n+I[null]\n+I[null]\n+I[null]\n"
         "+I[null]\n",
         ""},
        {"a TIMESTAMP_LTZ(3)", IGNORE "\x01" ISO, zoned,
         "+I[null]\n+I[null]\n+I[2020-01-31T12:34:56.123Z]\n+I[2020-01-31T12:34:56Z]\n+I[null]\n+I["
         "null]\n+I[null]\n+I[null]\n"
         "+I[2020-01-31T12:34:00Z]\n+I[null]\n",
         ""},
        {"a TIMESTAMP(0), b TIMESTAMP(6), c TIMESTAMP(9)", NULL,
         "{\"a\":\"1969-12-31 23:59:59.999\",\"b\":\"1969-12-31 "
         "23:59:59.1234567\",\"c\":\"1969-12-31 23:59:59.123456789\"}\n",
         "+I[1969-12-31T23:59:59, 1969-12-31T23:59:59.123456, 1969-12-31T23:59:59.123456789]\n",
         ""},
        {"a DATE", IGNORE,
         "{\"a\":\"2020-01-31\"}\n{\"a\":\"2020-1-31\"}\n{\"a\":\"2020-02-30\"}\n{\"a\":\" "
         "2020-01-31\"}\n{\"a\":18000}\n{\"a\":\"+12020-01-01\"}\n"
         "{\"a\":\"-0001-01-01\"}\n{\"a\":\"2020-01-31T00:00:00\"}\n{\"a\":\"0000-01-01\"}\n",
         "+I[2020-01-31]\n+I[null]\n+I[null]\n+I[null]\n+I[null]\n+I[+12020-01-01]\n+I[-0001-01-01]"
         "\n+I[null]\n+I[0000-01-01]\n",
         ""},
        {"a TIME(3)", IGNORE,
         "{\"a\":\"12:34:56\"}\n{\"a\":\"12:34\"}\n{\"a\":\"12:34:56.1\"}\n{\"a\":\"12:34:56."
         "123456789\"}\n{\"a\":\"12:34:56Z\"}\n"
         "{\"a\":\"24:00:00\"}\n{\"a\":\"12:34:56.\"}\n{\"a\":\"1:2:3\"}\n",
         "+I[12:34:56]\n+I[null]\n+I[12:34:56]\n+I[12:34:56]\n+I[null]\n+I[00:00]\n+I[12:34:56]\n+"
         "I[null]\n",
         ""},
        {"a INTERVAL MONTH, b INTERVAL SECOND", NULL, "{\"a\":123,\"b\":93600000}\n",
         "+I[P10Y3M, PT26H]\n", ""},
    };
    (void)state;
    run_cases(cases, LT_COUNT_OF(cases), false);
}

static void test_nested(void **state)
{
    static const json_case cases[] = {
        {"a ARRAY<INT>", IGNORE,
         "{\"a\":[1,2]}\n{\"a\":1}\n{\"a\":[1,\"x\",null]}\n{\"a\":{}}\n{\"a\":[ "
         "]}\n{\"a\":\"x\"}\n",
         "+I[[1, 2]]\n+I[null]\n+I[[1, null, null]]\n+I[null]\n+I[[]]\n+I[null]\n", ""},
        {"a MAP<STRING,INT>", IGNORE,
         "{\"a\":{\"x\":1,\"x\":2,\"y\":\"q\"}}\n{\"a\":[]}\n{\"a\":{\"x\":null}}\n{\"a\":1}\n",
         "+I[{x=2, y=null}]\n+I[null]\n+I[{x=null}]\n+I[null]\n", ""},
        {"a ROW<x INT, y STRING>", IGNORE,
         "{\"a\":{\"x\":1}}\n{\"a\":[1]}\n{\"a\":\"x\"}\n{\"a\":{\"x\":\"zz\",\"y\":5}}\n{\"a\":"
         "null}\n{\"a\":{}}\n",
         "+I[+I[1, null]]\n+I[null]\n+I[null]\n+I[+I[null, 5]]\n+I[null]\n+I[+I[null, null]]\n",
         ""},
        {"a MULTISET<STRING>", NULL, "{\"a\":{\"x\":2,\"y\":1}}\n", "+I[{x=2, y=1}]\n", ""},
        {"a ARRAY<ROW<k STRING, v ARRAY<MAP<STRING, DOUBLE>>>>", NULL,
         "{\"a\":[{\"k\":\"p\",\"v\":[{\"m\":1},{},{\"n\":2,\"o\":3}]},null,{\"v\":[]}]}\n{\"a\":[{"
         "\"k\":\"q\"}]}\n",
         "+I[[+I[p, [{m=1.0}, {}, {n=2.0, o=3.0}]], null, +I[null, []]]]\n+I[[+I[q, null]]]\n", ""},
        {"a ARRAY<INT NOT NULL>", NULL, "{\"a\":[1,null]}\n{\"a\":[1]}\n", "+I[[1]]\n",
         "null-value@0:{\"a\":[1,null]}\n"},
        {"a ROW<x INT NOT NULL>", NULL, "{\"a\":{}}\n{\"a\":null}\n", "+I[null]\n",
         "null-value@0:{\"a\":{}}\n"},
    };
    (void)state;
    run_cases(cases, LT_COUNT_OF(cases), false);
}

static void test_records(void **state)
{
    static const json_case cases[] = {
        {"a INT, b INT", NULL,
         "\n   \n{\"a\":1} \r\n{\"b\":2,\"c\":{\"x\":[1,2,{\"y\":\"}\"}]},\"a\":1}\r\n{\"A\":1}\n",
         "+I[1, null]\n+I[1, 2]\n+I[null, null]\n", ""},
        {"a INT", NULL, "\xEF\xBB\xBF{\"a\":1}\n", "+I[1]\n", ""},
        {"a INT", NULL, "{\"a\":1,\"a\":2}\n{\"a\":1,\"a\":null}\n{\"a\":null,\"a\":3}\n",
         "+I[2]\n+I[null]\n+I[3]\n", ""},
        {"a INT", NULL, "{\"a\":1}", "+I[1]\n", ""},
        {"a INT", NULL, " { \"a\" : 1 , \"b\" : [ ] } ", "+I[1]\n", ""},
        {"a INT", NULL, "{\"\\u0061\":7}\n", "+I[7]\n", ""},
        {"a INT", NULL, "[{\"a\":1},{\"a\":2} , {}]\n[]\n[ ]\n{\"a\":3}\n",
         "+I[1]\n+I[2]\n+I[null]\n+I[3]\n", ""},
        {"a INT", NULL, "[{\"a\":1},{\"a\":\"x\"},5,{\"a\":2}]\n", "+I[1]\n+I[2]\n",
         "bad-field@9:{\"a\":\"x\"}\nbad-json@19:5\n"},
        {"a INT", NULL, "[{\"a\":1},{\"a\":}]\n", "", "bad-json@0:[{\"a\":1},{\"a\":}]\n"},
        {"", NULL, "{\"a\":1}\n{}\n", "+I[]\n+I[]\n", ""},
        {"a INT", "json.fail-on-missing-field=true", "{\"b\":1}\n{\"a\":null}\n", "+I[null]\n",
         "missing-field@0:{\"b\":1}\n"},
        {"a INT NOT NULL", NULL, "{\"b\":1}\n{\"a\":null}\n{\"a\":1}\n", "+I[1]\n",
         "null-value@0:{\"b\":1}\nnull-value@8:{\"a\":null}\n"},
        {"a DECIMAL(2,0) NOT NULL", NULL, "{\"a\":123}\n", "", "null-value@0:{\"a\":123}\n"},
        {"a STRING", NULL,
         "{\"a\":\"short\"}\n{\"a\":\"exactly12byt\"}\n{\"a\":\"more than twelve "
         "bytes\"}\n{\"a\":\"\"}\n{\"a\":\"x\\ty\"}\n",
         "+I[short]\n+I[exactly12byt]\n+I[more than twelve bytes]\n+I[]\n+I[x\ty]\n", ""},
        {"a INT", IGNORE, "{\"a\":1}\nnonsense\n{\"a\":2}\n", "+I[1]\n+I[2]\n",
         "bad-json@8:nonsense\n"},
    };
    (void)state;
    run_cases(cases, LT_COUNT_OF(cases), false);
}

/* Malformed text, strings and numbers (reliability: rows 19 and 20). */
static void test_refused(void **state)
{
    static const char *const bad[] = {
        "5",
        "null",
        "\"x\"",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{\"a\" 1}",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":5.}",
        "{\"a\":1e}",
        "{\"a\":1e+}",
        "{\"a\":-}",
        "{\"a\":NaN}",
        "{\"a\":tru}",
        "{\"a\":nul}",
        "{\"a\":1}{\"a\":2}",
        "{\"a\":1} x",
        "{\"a\":1}]",
        "{\"a\":[1}",
        "{\"a\":[1,]}",
        "{\"a\":{\"b\":1,}}",
        "{\"a\":\"x}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\u12",
        "{\"a\":\"\t\"}",
        "{\"a\":1,\"b\":\"\x01\"}",
        "{\"a\":1,\"b\":00}",
        "{\"b\":[1 2],\"a\":1}",
        "{\"b\":{\"c\"},\"a\":1}",
        "{\"b\":[}],\"a\":1}",
        "/*c*/{\"a\":1}",
        "{\"a\":1,\"b\":\"\\",
        "{\"b\":-01}",
        "[",
        "[1",
        "[{\"a\":1}",
        "[{\"a\":1},]",
        "[{\"a\":1}] x",
        "{\"a\":1\x0b}",
        "\x0c{\"a\":1}",
    };
    fixture fx;
    (void)state;
    fixture_open(&fx);
    for (size_t i = 0; i < LT_COUNT_OF(bad); i++) {
        for (int as_string = 0; as_string < 2; as_string++) {
            char text[256], rejects[256];
            decode_setup setup = {.format = "json", .schema = as_string ? "a STRING" : "a INT"};
            /* Among good records of the same shape, so that the walk meets it too. */
            (void)snprintf(text, sizeof text, "{\"a\":1}\n{\"a\":1,\"b\":\"x\"}\n%s\n{\"a\":2}\n",
                           bad[i]);
            (void)snprintf(rejects, sizeof rejects, "bad-json@24:%s\n", bad[i]);
            expect_decode(&fx, &setup, text, "+I[1]\n+I[1]\n+I[2]\n", rejects);
            assert_int_equal(fx.stats.records, 4);
            assert_int_equal(fx.stats.rejected, 1);
        }
    }
    fixture_close(&fx);
}

static void test_text_rules(void **state)
{
    static const json_case cases[] = {
        {"a STRING", NULL,
         "{\"a\":\"\\ud83d\"}\n{\"a\":\"\\ude00\"}\n{\"a\":\"\\ud83dx\"}\n{\"b\":"
         "\"\\ud83d\\u0041\"}\n",
         "",
         "bad-surrogate@0:{\"a\":\"\\ud83d\"}\nbad-surrogate@15:{\"a\":\"\\ude00\"}\nbad-surrogate@"
         "30:{\"a\":\"\\ud83dx\"}\n"
         "bad-surrogate@46:{\"b\":\"\\ud83d\\u0041\"}\n"},
        {"a STRING", NULL,
         "{\"a\":\"\xC3\xA9\"}\n{\"a\":\"\xC3\"}\n{\"a\":\"x\"}\n{\"b\":\"\xED\xA0\x80\"}\n{\"a\":"
         "\"\xF0\x9F\x98\x80\"}\n",
         "+I[\xC3\xA9]\n+I[x]\n+I[\xF0\x9F\x98\x80]\n",
         "bad-utf8@11:{\"a\":\"\xC3\"}\nbad-utf8@31:{\"b\":\"\xED\xA0\x80\"}\n"},
        {"a STRING", NULL,
         "{\"a\":\"\xC0\xAF\"}\n{\"a\":\"\xF4\x90\x80\x80\"}\n\xFF\xFE{\"a\":1}\n", "",
         "bad-utf8@0:{\"a\":\"\xC0\xAF\"}\nbad-utf8@11:{\"a\":\"\xF4\x90\x80\x80\"}\nbad-utf8@24:"
         "\xFF\xFE{\"a\":1}\n"},
    };
    fixture fx;
    (void)state;
    run_cases(cases, LT_COUNT_OF(cases), false);
    fixture_open(&fx);
    /* NUL comes by escape only. */
    decode_setup setup = {.format = "json", .schema = "a STRING"};
    assert_int_equal(decode_text(&fx, &setup, "{\"a\":\"x\\u0000y\"}\n", 17), LT_OK);
    assert_int_equal(fx.rows.len, 8);
    assert_memory_equal(fx.rows.ptr, "+I[x\0y]\n", 8);
    assert_int_equal(decode_text(&fx, &setup, "{\"a\":\"x\0y\"}\n", 12), LT_OK);
    assert_int_equal(fx.rows.len, 0);
    assert_int_equal(fx.stats.rejected, 1);
    fixture_close(&fx);
}

static void repeat(lt_text *to, const char *what, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        lt_text_puts(to, what);
    }
}

static void test_bombs(void **state)
{
    fixture fx;
    lt_text text;
    (void)state;
    fixture_open(&fx);
    lt_text_init(&text, &fx.side);
    static const char *const schemas[] = {"a INT", "b STRING", "b ARRAY<STRING>"};
    for (size_t s = 0; s < LT_COUNT_OF(schemas); s++) {
        for (size_t depth = 127; depth <= 128; depth++) { /* below the record's own level */
            decode_setup setup = {.format = "json", .schema = schemas[s]};
            lt_text_clear(&text);
            lt_text_puts(&text, "{\"b\":");
            repeat(&text, "[", depth);
            repeat(&text, "]", depth);
            lt_text_puts(&text, "}\n");
            assert_int_equal(decode_text(&fx, &setup, text.ptr, text.len), LT_OK);
            assert_int_equal(fx.stats.rejected, depth == 128);
            if (depth == 128) {
                assert_memory_equal(fx.rejects.ptr, "too-deep@0:", 11);
            }
        }
        decode_setup setup = {.format = "json", .schema = schemas[s]};
        lt_text_clear(&text);
        lt_text_puts(&text, "{\"b\":");
        repeat(&text, "[{\"x\":", 100000);
        lt_text_puts(&text, "\n{}\n");
        assert_int_equal(decode_text(&fx, &setup, text.ptr, text.len), LT_OK);
        assert_int_equal(fx.stats.records, 2);
        assert_int_equal(fx.stats.rejected, 1);
    }
    static const char *const number_schemas[] = {"a BIGINT", "b BIGINT", "b STRING",
                                                 "b DECIMAL(38,0)", "b DOUBLE"};
    for (size_t s = 0; s < LT_COUNT_OF(number_schemas); s++) {
        for (size_t digits = 1000; digits <= 10000; digits *= 10) {
            decode_setup setup = {.format = "json", .schema = number_schemas[s], .options = IGNORE};
            lt_text_clear(&text);
            lt_text_puts(&text, "{\"b\":");
            repeat(&text, "9", digits);
            lt_text_puts(&text, "}\n");
            assert_int_equal(decode_text(&fx, &setup, text.ptr, text.len), LT_OK);
            assert_int_equal(fx.stats.rejected, digits == 10000);
        }
    }
    lt_text_deinit(&text);
    fixture_close(&fx);
}

/* Many keys in a map, many of them equal: linear, and the last wins. */
static void test_map_of_many(void **state)
{
    fixture fx;
    lt_text text;
    (void)state;
    fixture_open(&fx);
    lt_text_init(&text, &fx.side);
    lt_text_puts(&text, "{\"a\":{");
    for (int i = 0; i < 40000; i++) {
        lt_text_printf(&text, "%s\"k%d\":%d", i > 0 ? "," : "", i % 20000, i);
    }
    lt_text_puts(&text, "}}\n{\"a\":{\"x\":1}}\n");
    decode_setup setup = {.format = "json", .schema = "a MAP<STRING, INT>"};
    assert_int_equal(decode_text(&fx, &setup, text.ptr, text.len), LT_OK);
    assert_memory_equal(fx.rows.ptr, "+I[{k0=20000, k1=20001, ", 24);
    const char *second = strchr(fx.rows.ptr, '\n') + 1;
    assert_string_equal(second, "+I[{x=1}]\n");
    assert_memory_equal(second - 15, "k19999=39999}]\n", 15);
    lt_text_deinit(&text);
    fixture_close(&fx);
}

static void test_too_long(void **state)
{
    fixture fx;
    (void)state;
    fixture_open(&fx);
    static const char text[] =
        "{\"a\":1}\n{\"a\":\"0123456789012345678901234567890123456789\"}\n{\"a\":2}\n";
    for (size_t piece = 1; piece <= sizeof text; piece++) {
        decode_setup setup = {
            .format = "json", .schema = "a INT", .record_max = 30, .piece = piece};
        expect_decode(&fx, &setup, text, "+I[1]\n+I[2]\n",
                      "record-too-long@8:{\"a\":\"012345678901234567890123\n");
    }
    /* At the end of input, without newline. */
    decode_setup setup = {.format = "json", .schema = "a INT", .record_max = 8};
    expect_decode(&fx, &setup, "{\"a\":1}\n{\"a\":123456789}", "+I[1]\n",
                  "record-too-long@8:{\"a\":123\n");
    fixture_close(&fx);
}

static void test_policy_fail(void **state)
{
    fixture fx;
    (void)state;
    fixture_open(&fx);
    fx.fail = true;
    decode_setup setup = {.format = "json", .schema = "a INT"};
    static const char text[] = "{\"a\":1}\n{\"a\":2}\n{\"a\":oops}\n{\"a\":3}\n";
    assert_int_equal(decode_text(&fx, &setup, text, sizeof text - 1), LT_ERR_DATA);
    assert_string_equal(fx.rows.ptr, "+I[1]\n+I[2]\n"); /* the rows before it are there */
    assert_string_equal(fx.rejects.ptr, "bad-json@16:{\"a\":oops}\n");
    fixture_close(&fx);
}

static void test_lenient(void **state)
{
    static const json_case cases[] = {
        {"a TIMESTAMP(3)", NULL,
         "{\"a\":\"2026-01-01T00:00:01.123Z\"}\n{\"a\":\"2026-01-01 "
         "00:00:01\"}\n{\"a\":\"2026-01-01T02:00:01+02:00\"}\n{\"a\":\"2026-01-01T00:00Z\"}\n",
         "+I[2026-01-01T00:00:01.123]\n+I[2026-01-01T00:00:01]\n+I[2026-01-01T00:00:01]\n+I[2026-"
         "01-01T00:00]\n",
         ""},
        {"a BOOLEAN, b INT", NULL, "{\"a\":\"maybe\"}\n{\"b\":\"x\"}\n{\"a\":true,\"b\":1}\n",
         "+I[true, 1]\n", "bad-field@0:{\"a\":\"maybe\"}\nbad-field@14:{\"b\":\"x\"}\n"},
    };
    (void)state;
    run_cases(cases, LT_COUNT_OF(cases), true);
}

static void test_check(void **state)
{
    fixture fx;
    (void)state;
    fixture_open(&fx);
    decode_setup map = {.format = "json", .schema = "a MAP<INT, INT>"};
    assert_int_equal(decode_text(&fx, &map, "", 0), LT_ERR_UNSUPPORTED);
    decode_setup both = {.format = "json",
                         .schema = "a INT",
                         .options = IGNORE "\x01json.fail-on-missing-field=true"};
    assert_int_equal(decode_text(&fx, &both, "", 0), LT_ERR_SQL);
    assert_null(lt_format_find(LT_STR("nope")));
    assert_string_equal(lt_format_at(0)->name, "json");
    assert_null(lt_format_at(99));
    fixture_close(&fx);
}

/* ---- agreement ---- */

static const char *const wide_schema =
    "i BIGINT, j INT, s STRING, t TIMESTAMP(3), d DOUBLE, a ARRAY<INT>, m MAP<STRING,STRING>, r "
    "ROW<x INT, y STRING>, z DECIMAL(10,2), b BOOLEAN";

/* Inputs without any escape or control character take another way through the decoder. */
static bool plain_input;

static void put_random_string(lt_text *to, uint64_t *rng)
{
    static const char *const parts[] = {"a",
                                        "bc",
                                        "hello world ",
                                        "\\n",
                                        "\\u00e9",
                                        "\xC3\xA9",
                                        "\\\"",
                                        "\\\\",
                                        "0123456789abcdef0123456789",
                                        "\xF0\x9F\x98\x80",
                                        "{",
                                        "]",
                                        ",",
                                        ":",
                                        "\\ud83d\\ude00",
                                        "\\/"};
    static const char *const evil[] = {"\x01", "\\q", "\xC3", "\xFF", "\\ud800", "\\u12", "\""};
    uint64_t count = test_random(rng) % 8;
    uint64_t kinds = !plain_input && test_random(rng) % 4 == 0 ? LT_COUNT_OF(parts) : 3;
    lt_text_putc(to, '"');
    for (uint64_t i = 0; i < count; i++) {
        lt_text_puts(to, parts[test_random(rng) % kinds]);
    }
    if (!plain_input && test_random(rng) % 200 == 0) {
        lt_text_puts(to, evil[test_random(rng) % LT_COUNT_OF(evil)]);
    }
    lt_text_putc(to, '"');
}

static void put_random_value(lt_text *to, uint64_t *rng, int kind)
{
    uint64_t r = test_random(rng);
    switch (r % 40 == 0 ? (int)(r / 40 % 9) : kind) {
    case 0:
        lt_text_printf(to, "%lld", (long long)((int64_t)test_random(rng) >> (r / 64 % 64)));
        return;
    case 1:
        put_random_string(to, rng);
        return;
    case 2:
        lt_text_printf(to, "\"20%02d-%02d-%02d %02d:%02d:%02d%s\"", (int)(r % 30),
                       (int)(r / 30 % 12 + 1), (int)(r / 360 % 31 + 1), (int)(r / 11160 % 25),
                       (int)(r / 279000 % 60), (int)(r / 16740000 % 61),
                       (r >> 60) & 1 ? ".123" : "");
        return;
    case 3:
        lt_text_printf(to, "%.*g", (int)(r % 17 + 1), (double)(int64_t)test_random(rng) / 1e12);
        return;
    case 4:
        lt_text_puts(to, r & 64 ? "true" : "false");
        return;
    case 5:
        lt_text_puts(to, "null");
        return;
    case 6:
        lt_text_printf(to, "[%d,%d, 3]", (int)(r % 100), -(int)(r % 7));
        return;
    case 7:
        lt_text_puts(to, "{\"x\":");
        put_random_value(to, rng, 0);
        lt_text_puts(to, ",\"y\":");
        put_random_string(to, rng);
        lt_text_puts(to, "}");
        return;
    default:
        lt_text_puts(to, r & 128 ? "0" : "-0.0e-1");
        return;
    }
}

static void put_random_record(lt_text *to, uint64_t *rng, unsigned shape)
{
    static const char *const names[] = {"i", "j", "s", "t", "d",       "a",
                                        "m", "r", "z", "b", "skipped", "other\\u0020key"};
    static const int kinds[] = {0, 0, 1, 2, 3, 6, 7, 7, 3, 4, 1, 0};
    const char *colon = shape & 1 ? ": " : ":";
    bool first = true;
    lt_text_putc(to, '{');
    for (size_t i = 0; i < LT_COUNT_OF(names); i++) {
        size_t at = shape & 2 ? LT_COUNT_OF(names) - 1 - i : i;
        if ((shape >> 2) % 5 == at % 5 && at > 2) {
            continue;
        }
        const char *name = plain_input && at == LT_COUNT_OF(names) - 1 ? "other key" : names[at];
        lt_text_printf(to, "%s\"%s\"%s", first ? "" : shape & 1 ? ", " : ",", name, colon);
        put_random_value(to, rng, kinds[at]);
        first = false;
    }
    lt_text_puts(to, shape & 64 && !plain_input ? "}\r\n" : "}\n");
}

static void put_random_input(lt_text *to, uint64_t *rng, size_t records)
{
    unsigned shapes = (unsigned)(test_random(rng) % 6 + 1);
    for (size_t i = 0; i < records; i++) {
        put_random_record(to, rng, (unsigned)(test_random(rng) % shapes) * 37);
    }
    /* Now and then a byte is another one. */
    for (uint64_t i = test_random(rng) % 6; i > 0 && to->len > 0; i--) {
        to->ptr[test_random(rng) % to->len] = (char)test_random(rng);
    }
}

typedef struct {
    char *rows;
    char *rejects;
} outcome;

static outcome keep(fixture *fx)
{
    return (outcome){
        lt_arena_strndup(fx->arena, fx->rows.ptr ? fx->rows.ptr : "", fx->rows.len),
        lt_arena_strndup(fx->arena, fx->rejects.ptr ? fx->rejects.ptr : "", fx->rejects.len)};
}

static void same(fixture *fx, const outcome *want)
{
    assert_string_equal(fx->rows.ptr ? fx->rows.ptr : "", want->rows);
    assert_string_equal(fx->rejects.ptr ? fx->rejects.ptr : "", want->rejects);
}

static void test_levels_agree(void **state)
{
    static const char *const levels[] = {"portable", "avx2", "avx512"};
    uint64_t rng = 4711;
    (void)state;
    for (int round = 0; round < 150; round++) {
        fixture fx;
        lt_text text;
        fixture_open(&fx);
        lt_text_init(&text, &fx.side);
        plain_input = round % 2 == 1;
        put_random_input(&text, &rng, 1 + test_random(&rng) % 120);
        decode_setup setup = {.format = "json",
                              .schema = wide_schema,
                              .options = round % 3 == 0 ? IGNORE : NULL,
                              .lenient = round % 5 == 0};
        /* Such a limit turns the walk off: the general path is the reference. */
        setup.record_max = 16000;
        setup.cpu = "portable";
        assert_int_equal(decode_text(&fx, &setup, text.ptr, text.len), LT_OK);
        outcome want = keep(&fx);
        setup.record_max = 0;
        for (size_t i = 0; i < LT_COUNT_OF(levels); i++) {
            setup.cpu = levels[i];
            setup.row_cap = 0;
            setup.piece = 0;
            assert_int_equal(decode_text(&fx, &setup, text.ptr, text.len), LT_OK);
            same(&fx, &want);
            setup.row_cap = (uint32_t)(test_random(&rng) % 9 + 1);
            setup.piece = test_random(&rng) % 700 + 1;
            assert_int_equal(decode_text(&fx, &setup, text.ptr, text.len), LT_OK);
            same(&fx, &want);
        }
        lt_text_deinit(&text);
        fixture_close(&fx);
    }
}

static void test_every_split(void **state)
{
    static const char text[] =
        "\xEF\xBB\xBF{\"i\":1,\"s\":\"a\\u00e9b \xC3\xA9\"}\r\n\n{\"i\":2,\"s\":\"longer than "
        "twelve bytes\"}\n{\"i\":x}\n"
        "[{\"i\":3},{\"s\":\"\\n\"},{\"i\":\"q\"}]\n{\"s\":\"\xC3\"}\n{\"i\":4,\"s\":\"end\"}";
    fixture fx;
    (void)state;
    fixture_open(&fx);
    decode_setup setup = {.format = "json", .schema = "i INT, s STRING"};
    assert_int_equal(decode_text(&fx, &setup, text, sizeof text - 1), LT_OK);
    outcome want = keep(&fx);
    assert_int_equal(fx.stats.records, 8);
    assert_int_equal(fx.stats.rejected, 3);
    for (size_t split = 1; split < sizeof text - 1; split++) {
        setup.first_piece = split;
        setup.piece = sizeof text;
        setup.row_cap = (uint32_t)(split % 3);
        assert_int_equal(decode_text(&fx, &setup, text, sizeof text - 1), LT_OK);
        same(&fx, &want);
        assert_int_equal(fx.stats.records, 8);
    }
    setup.first_piece = 0;
    for (size_t piece = 1; piece < 40; piece++) {
        setup.piece = piece;
        setup.row_cap = 1;
        assert_int_equal(decode_text(&fx, &setup, text, sizeof text - 1), LT_OK);
        same(&fx, &want);
    }
    fixture_close(&fx);
}

static void test_random_bytes(void **state)
{
    uint64_t rng = 99;
    (void)state;
    for (int round = 0; round < 400; round++) {
        static const char alphabet[] =
            "{}[]\",:\\\n\r 0123456789.eE+-truefalsnu\"i\"\"s\"\xC3\xA9\xFF\x01/bU";
        char text[600];
        fixture fx;
        fixture_open(&fx);
        size_t len = test_random(&rng) % sizeof text;
        for (size_t i = 0; i < len; i++) {
            text[i] = round % 4 == 0 ? (char)test_random(&rng)
                                     : alphabet[test_random(&rng) % (sizeof alphabet - 1)];
        }
        decode_setup setup = {.format = "json",
                              .schema = wide_schema,
                              .piece = round % 2 ? 0 : test_random(&rng) % 50 + 1};
        assert_int_equal(decode_text(&fx, &setup, text, len), LT_OK);
        fixture_close(&fx);
    }
}

static void test_allocation_failures(void **state)
{
    lt_text text;
    lt_mem mem;
    uint64_t rng = 7;
    (void)state;
    lt_mem_init(&mem, NULL, "input", 0);
    lt_text_init(&text, &mem);
    put_random_input(&text, &rng, 12);
    lt_text_puts(&text, "{\"a\":[1,2,3],\"m\":{");
    for (int i = 0; i < 40; i++) {
        lt_text_printf(&text, "\"k%d\":\"v\",", i);
    }
    lt_text_puts(&text, "\"z\":\"\"},\"s\":{\"x\":[1.5]},\"key\\u0020\":1}\n");
    bool done = false;
    for (int64_t at = 1; !done; at++) {
        fixture fx;
        fixture_open(&fx);
        atomic_store(&fx.mem.fail_at, atomic_load(&fx.mem.alloc_count) + at);
        decode_setup setup = {.format = "json", .schema = wide_schema};
        lt_status st = decode_text(&fx, &setup, text.ptr, text.len);
        assert_true(st == LT_OK || st == LT_ERR_NOMEM);
        done = st == LT_OK && atomic_load(&fx.mem.alloc_count) < atomic_load(&fx.mem.fail_at);
        atomic_store(&fx.mem.fail_at, -1);
        fixture_close(&fx);
        assert_true(at < 5000);
    }
    lt_text_deinit(&text);
    lt_mem_deinit(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars_as_flink),
        cmocka_unit_test(test_times_as_flink),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_text_rules),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_map_of_many),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_policy_fail),
        cmocka_unit_test(test_lenient),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_levels_agree),
        cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
