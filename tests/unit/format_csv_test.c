/* The CSV decoder: Flink's recorded answers, options, refusals, splits, agreement of processor
 * levels. */
#include "format_fixture.h"

#define IGNORE "csv.ignore-parse-errors=true"

typedef struct {
    const char *schema;
    const char *options;
    const char *csv;
    const char *rows;
    const char *rejects;
} csv_case;

static void run_cases(const csv_case *cases, size_t count, bool lenient)
{
    fixture fx;
    fixture_open(&fx);
    for (size_t i = 0; i < count; i++) {
        decode_setup setup = {.format = "csv",
                              .schema = cases[i].schema,
                              .options = cases[i].options,
                              .lenient = lenient};
        expect_decode(&fx, &setup, cases[i].csv, cases[i].rows, cases[i].rejects);
    }
    fixture_close(&fx);
}

/* Recorded from Flink 2.2.1 with ignore-parse-errors. */
static void test_as_flink(void **state)
{
    static const csv_case cases[] = {
        {"a STRING, b INT, c STRING", IGNORE,
         "x,1,y\n\"q,1\",2,\"a\"\"b\"\n\"multi\nline\",3,z\n x , 4 , y "
         "\n\"\",5,\n,,\na,6\na,7,b,c\n\n \n\"abc\"d,8,e\nab\"c,9,f\n"
         " \"q\" ,10,g\n#c,11,d\n\"q\" ,12,h\r\nlast,13,\"end\"\n\"open,14,x\n",
         "+I[x, 1, y]\n+I[q,1, 2, a\"b]\n+I[multi\nline, 3, z]\n+I[ x , 4,  y ]\n+I[, 5, ]\n+I[, "
         "null, ]\n+I[a, 6, null]\n"
         "+I[, null, null]\n+I[ , null, null]\n+I[ab\"c, 9, f]\n+I[ \"q\" , 10, g]\n+I[#c, 11, "
         "d]\n+I[q, 12, h]\n+I[last, 13, end]\n",
         "too-many-fields@63:a,7,b,c\nbad-csv@74:\"abc\"d,8,e\nbad-csv@138:\"open,14,x\n\n"},
        {"a INT, b DOUBLE, c BOOLEAN, d DECIMAL(5,2)", IGNORE,
         "1,1.5,true,1.005\n 2 , 2.5 , TRUE , 2.0 "
         "\nx,x,x,x\n,,,\n1.5,NaN,1,12345\n+3,1e3,yes,1e2\n\"4\",\"5.5\",\"true\",\"6\"\n"
         "3000000000,Infinity,false,-1.005\n",
         "+I[1, 1.5, true, 1.01]\n+I[2, 2.5, true, null]\n+I[null, null, false, null]\n+I[null, "
         "null, false, null]\n"
         "+I[null, NaN, false, null]\n+I[3, 1000.0, false, 100.00]\n+I[4, 5.5, true, "
         "6.00]\n+I[null, Infinity, false, -1.01]\n",
         ""},
        {"a TINYINT, b SMALLINT, c BIGINT, d FLOAT", IGNORE,
         "1,2,3,4.5\n300,70000,99999999999999999999,1e39\n",
         "+I[1, 2, 3, 4.5]\n+I[null, null, null, Infinity]\n", ""},
        {"a DATE, b TIME(3), c TIMESTAMP(3), d TIMESTAMP_LTZ(3)", IGNORE,
         "2020-01-31,12:34:56.123,2020-01-31 12:34:56.123,2020-01-31 "
         "12:34:56.123Z\n2020-01-31,12:34,2020-01-31T12:34:56,2020-01-31T12:34:56Z\n"
         "2020-02-30,24:00:00,2020-02-30 12:00:00,2020-01-31 12:34:56\n2020-01-31 , 12:34:56, "
         "2020-01-31 12:34:56,2020-01-31\n"
         "2020-01-31,12:34:56,2020-01-31,2020-01-31 12:34:56+01:00\n2020-01-31,1:2:3,2020-01-31 "
         "12:34,x\n",
         "+I[2020-01-31, 12:34:56, 2020-01-31T12:34:56.123, "
         "2020-01-31T12:34:56.123Z]\n+I[2020-01-31, 12:34, null, null]\n"
         "+I[2020-03-01, null, 2020-02-29T12:00, null]\n+I[null, null, 2020-01-31T12:34:56, "
         "null]\n+I[2020-01-31, 12:34:56, null, null]\n"
         "+I[2020-01-31, null, null, null]\n",
         ""},
        {"a ARRAY<INT>, b STRING", IGNORE, "1;2;3,x\n,y\n\"1;2\",z\n1;;3,w\n1;x,v\n",
         "+I[[1, 2, 3], x]\n+I[[], y]\n+I[[1, 2], z]\n+I[[1, null, 3], w]\n+I[[1, null], v]\n", ""},
        {"a ROW<x INT, y STRING>, b STRING", IGNORE, "1;q,x\n,y\n2,z\n",
         "+I[+I[1, q], x]\n+I[null, y]\n+I[+I[2, null], z]\n", ""},
        {"a STRING, b BYTES", IGNORE, "x,aGk=\ny,hello\nz,\n",
         "+I[x, [104, 105]]\n+I[y, null]\n+I[z, []]\n", ""},
        {"a STRING, b INT",
         IGNORE "\x01"
                "csv.field-delimiter=|\x01"
                "csv.quote-character='\x01"
                "csv.escape-character=\\\x01"
                "csv.null-literal=NULL\x01"
                "csv.allow-comments=true",
         "x|1\n'q|2'|3\na\\|b|4\nNULL|5\n# comment|6\n  # c|7\n'it''s'|8\n'it\\'s'|9\n'\\n'|10\n",
         "+I[x, 1]\n+I[q|2, 3]\n+I[a|b, 4]\n+I[null, 5]\n+I[it's, 8]\n+I[it's, 9]\n+I[\n, 10]\n",
         ""},
        {"a STRING, b INT",
         IGNORE "\x01"
                "csv.disable-quote-character=true",
         "\"x\",1\n\"a,b\",2\n", "+I[\"x\", 1]\n", "too-many-fields@6:\"a,b\",2\n"},
        {"a STRING, b INT",
         IGNORE "\x01"
                "csv.field-delimiter=\\t",
         "x\\t1\ny\t2\n", "+I[x\\t1, null]\n+I[y, 2]\n", ""},
        {"a STRING, b INT",
         IGNORE "\x01"
                "csv.null-literal=n/a",
         "n/a,1\n\"n/a\",n/a\n\"\",2\n,3\n", "+I[null, 1]\n+I[null, null]\n+I[, 2]\n+I[, 3]\n", ""},
    };
    (void)state;
    run_cases(cases, LT_COUNT_OF(cases), false);
}

static void test_strict(void **state)
{
    static const csv_case cases[] = {
        {"a STRING, b INT", NULL, "a\na,1,2\n,1\na,\n\n\"a\"x,1\na\"x,1\n\"q\" ,1\n",
         "+I[, 1]\n+I[a\"x, 1]\n+I[q, 1]\n",
         "too-few-fields@0:a\ntoo-many-fields@2:a,1,2\nbad-field@11:a,\ntoo-few-fields@14:\nbad-"
         "csv@15:\"a\"x,1\n"},
        {"a STRING, b INT", NULL, "\"a,1\nb,2\n", "", "bad-csv@0:\"a,1\nb,2\n\n"},
        {"a STRING", NULL, "x\ry\r\nz\n\n", "+I[x]\n+I[y]\n+I[z]\n+I[]\n", ""},
        {"a STRING", NULL, "\"\"\"\"\n\"a\"\"\"\n\"\"\"a\"\n", "+I[\"]\n+I[a\"]\n+I[\"a]\n", ""},
        {"a STRING, b STRING", NULL, "\xEF\xBB\xBF\xC3\xA9,x\n\xC3,y\nz,\xED\xA0\x80\n",
         "+I[\xC3\xA9, x]\n", "bad-utf8@8:\xC3,y\nbad-utf8@12:z,\xED\xA0\x80\n"},
        {"a INT NOT NULL, b ARRAY<INT>", "csv.null-literal=-", "-,1\n1,-\n2,1;-\n",
         "+I[1, null]\n+I[2, [1, null]]\n", "null-value@0:-,1\n"},
        {"a ROW<x INT, y INT>", NULL, "1;2\n1\n1;2;3\n", "+I[+I[1, 2]]\n",
         "bad-field@4:1\nbad-field@6:1;2;3\n"},
        {"a INTERVAL MONTH, b INTERVAL SECOND", NULL, "15,61000\n", "+I[P1Y3M, PT1M1S]\n", ""},
    };
    (void)state;
    run_cases(cases, LT_COUNT_OF(cases), false);
}

static void test_lenient(void **state)
{
    static const csv_case cases[] = {
        {"a INT, b STRING, c TIMESTAMP(3)", NULL,
         "1,x,2026-01-01T00:00:00Z\n\n,,\n2,y,2026-01-01 00:00:00\nz,,\n",
         "+I[1, x, 2026-01-01T00:00]\n+I[null, , null]\n+I[2, y, 2026-01-01T00:00]\n",
         "bad-field@53:z,,\n"},
    };
    (void)state;
    run_cases(cases, LT_COUNT_OF(cases), true);
}

static void test_projection_and_header(void **state)
{
    fixture fx;
    (void)state;
    fixture_open(&fx);
    decode_setup setup = {.format = "csv",
                          .schema = "c INT, a STRING",
                          .record_schema = "a STRING, b INT, c INT",
                          .record_index = {2, 0},
                          .header = true};
    static const char text[] = "\xEF\xBB\xBF"
                               "a,b,c\nx,not read,1\n\"y\ny\",,2\n";
    for (size_t piece = 1; piece < sizeof text; piece++) {
        setup.piece = piece;
        expect_decode(&fx, &setup, text, "+I[1, x]\n+I[2, y\ny]\n", "");
        assert_int_equal(fx.stats.records, 2);
    }
    fixture_close(&fx);
}

static void test_too_long(void **state)
{
    fixture fx;
    (void)state;
    fixture_open(&fx);
    static const char text[] = "a,1\n\"a field with a\nline end,\" that is quite long,2\nb,3\n";
    for (size_t piece = 1; piece <= sizeof text; piece++) {
        decode_setup setup = {
            .format = "csv", .schema = "a STRING, b INT", .record_max = 20, .piece = piece};
        expect_decode(&fx, &setup, text, "+I[a, 1]\n+I[b, 3]\n",
                      "record-too-long@4:\"a field with a\nline\n");
    }
    fixture_close(&fx);
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

static void test_every_split(void **state)
{
    static const char text[] = "x,1\r\n\"q\"\"\r\n,\",2\r\"abc\"d,3\r\n\r\ny,4\n\xC3,"
                               "5\n\"esc\\\"\n\",6\n#c \"\n,7\n\"last\" ,8";
    fixture fx;
    (void)state;
    fixture_open(&fx);
    decode_setup setup = {.format = "csv",
                          .schema = "a STRING, b INT",
                          .options = "csv.escape-character=\\\x01"
                                     "csv.allow-comments=true"};
    assert_int_equal(decode_text(&fx, &setup, text, sizeof text - 1), LT_OK);
    outcome want = keep(&fx);
    assert_string_equal(
        want.rows, "+I[x, 1]\n+I[q\"\r\n,, 2]\n+I[y, 4]\n+I[esc\"\n, 6]\n+I[, 7]\n+I[last, 8]\n");
    for (size_t split = 1; split < sizeof text - 1; split++) {
        setup.first_piece = split;
        setup.piece = sizeof text;
        setup.row_cap = (uint32_t)(split % 3);
        assert_int_equal(decode_text(&fx, &setup, text, sizeof text - 1), LT_OK);
        same(&fx, &want);
    }
    setup.first_piece = 0;
    for (size_t piece = 1; piece < 30; piece++) {
        setup.piece = piece;
        assert_int_equal(decode_text(&fx, &setup, text, sizeof text - 1), LT_OK);
        same(&fx, &want);
    }
    fixture_close(&fx);
}

static void test_random_agree(void **state)
{
    static const char *const levels[] = {"portable", "avx2", "avx512"};
    static const char alphabet[] = "aaabbb0123456789,,,,,\"\"\n\n\r\\ ;#|\xC3\xA9\xFF";
    uint64_t rng = 31337;
    (void)state;
    for (int round = 0; round < 400; round++) {
        fixture fx;
        char text[700];
        fixture_open(&fx);
        size_t len = test_random(&rng) % sizeof text;
        for (size_t i = 0; i < len; i++) {
            text[i] = alphabet[test_random(&rng) % (sizeof alphabet - 1)];
        }
        decode_setup setup = {.format = "csv",
                              .schema = "a STRING, b STRING, c ARRAY<STRING>",
                              .options = round % 2 ? IGNORE
                                                   : IGNORE "\x01"
                                                            "csv.escape-character=\\\x01"
                                                            "csv.allow-comments=true",
                              .record_max = round % 3 ? 0 : 25};
        outcome want = {0};
        for (size_t i = 0; i < LT_COUNT_OF(levels) * 2; i++) {
            setup.cpu = levels[i / 2];
            setup.piece = i % 2 ? test_random(&rng) % 90 + 1 : 0;
            setup.row_cap = i % 2 ? (uint32_t)(test_random(&rng) % 5 + 1) : 0;
            assert_int_equal(decode_text(&fx, &setup, text, len), LT_OK);
            if (i == 0) {
                want = keep(&fx);
            }
            same(&fx, &want);
        }
        fixture_close(&fx);
    }
}

static void test_allocation_failures(void **state)
{
    static const char text[] =
        "\"a \"\"quoted\"\" text that is long\",1;2;3;4,2020-01-01 00:00:00\nx,,\ny,1,z\n";
    bool done = false;
    (void)state;
    for (int64_t at = 1; !done; at++) {
        fixture fx;
        fixture_open(&fx);
        atomic_store(&fx.mem.fail_at, atomic_load(&fx.mem.alloc_count) + at);
        decode_setup setup = {
            .format = "csv", .schema = "a STRING, b ARRAY<INT>, c TIMESTAMP(3)", .options = IGNORE};
        lt_status st = decode_text(&fx, &setup, text, sizeof text - 1);
        assert_true(st == LT_OK || st == LT_ERR_NOMEM);
        done = st == LT_OK && atomic_load(&fx.mem.alloc_count) < atomic_load(&fx.mem.fail_at);
        atomic_store(&fx.mem.fail_at, -1);
        fixture_close(&fx);
        assert_true(at < 1000);
    }
}

static void test_check(void **state)
{
    static const struct {
        const char *schema, *options;
        lt_status status;
    } cases[] = {
        {"a MAP<STRING, INT>", NULL, LT_ERR_UNSUPPORTED},
        {"a ARRAY<ARRAY<INT>>", NULL, LT_ERR_UNSUPPORTED},
        {"a INT", "csv.field-delimiter=ab", LT_ERR_SQL},
        {"a INT", "csv.field-delimiter=\"", LT_ERR_SQL},
        {"a INT", "csv.quote-character=\\n", LT_ERR_SQL},
        {"a INT", "csv.field-delimiter=\\u0001", LT_OK},
    };
    (void)state;
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        fixture fx;
        fixture_open(&fx);
        decode_setup setup = {
            .format = "csv", .schema = cases[i].schema, .options = cases[i].options};
        assert_int_equal(decode_text(&fx, &setup, "", 0), cases[i].status);
        fixture_close(&fx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_flink),     cmocka_unit_test(test_strict),
        cmocka_unit_test(test_lenient),      cmocka_unit_test(test_projection_and_header),
        cmocka_unit_test(test_too_long),     cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_random_agree), cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
