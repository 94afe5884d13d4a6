/* Schema inference: a table of samples, and that standard input is delivered again. */
#include <zlib.h>

#include "connector_fixture.h"

/* `format[ header][ delimiter]: name TYPE, ..` or the error. */
static const char *infer(fixture *f, const char *path)
{
    static char result[4096];
    lt_text text;
    lt_inferred out;
    lt_error_clear(&f->err);
    lt_text_init(&text, &f->side);
    lt_status st = lt_infer_file(f->env, &f->mem, path, f->arena, &out, &f->err);
    if (st != LT_OK) {
        lt_text_printf(&text, "%s: %s", lt_status_name(st), f->err.text);
    } else {
        lt_text_printf(&text, "%s%s", out.format, out.has_header ? " header" : "");
        if (out.delimiter.len > 0 && out.delimiter.ptr[0] != ',') {
            lt_text_printf(&text, " %s", out.delimiter.ptr[0] == '\t' ? "tab" : out.delimiter.ptr);
        }
        for (uint32_t i = 0; i < out.schema->count; i++) {
            const lt_field *field = &out.schema->fields[i];
            lt_text_printf(&text, "%s" LT_STR_FMT " ", i > 0 ? ", " : ": ",
                           LT_STR_ARG(field->name));
            lt_type_print(field->type, &text);
            assert_true(field->type->nullable);
        }
    }
    (void)snprintf(result, sizeof result, "%s", text.ptr);
    lt_text_deinit(&text);
    return result;
}

static void test_samples(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        /* JSON: kinds */
        {"/a.jsonl", "{\"i\":1,\"d\":1.5,\"b\":true,\"s\":\"x\",\"n\":null}\n",
         "json: i BIGINT, d DOUBLE, b BOOLEAN, s STRING, n STRING"},
        {"/a.json", "{\"i\":1}\n{\"i\":2.5}\n{\"i\":null}\n", "json: i DOUBLE"},
        {"/a", "{\"i\":1}\n{\"i\":\"x\"}\n", "json: i STRING"},
        {"/a", "{\"i\":1}\n{\"i\":true}\n", "json: i STRING"},
        {"/a", "{\"i\":12345678901234567890}\n{\"i\":1}\n", "json: i DECIMAL(38, 0)"},
        {"/a", "{\"i\":12345678901234567890}\n{\"i\":1e3}\n", "json: i DOUBLE"},
        {"/a", "{\"d\":\"2024-01-31\"}\n", "json: d DATE"},
        {"/a", "{\"t\":\"2024-01-31 10:00:00\"}\n{\"t\":\"2024-01-31T10:00:00.123\"}\n",
         "json: t TIMESTAMP(3)"},
        {"/a", "{\"t\":\"2024-01-31T10:00:00Z\"}\n{\"t\":\"2024-01-31T10:00:00.5+02:00\"}\n",
         "json: t TIMESTAMP_LTZ(3)"},
        {"/a", "{\"t\":\"2024-01-31T10:00:00Z\"}\n{\"t\":\"2024-01-31T10:00:00\"}\n",
         "json: t STRING"},
        {"/a", "{\"t\":\"2024-01-31\"}\n{\"t\":\"2024-01-31 10:00:00\"}\n", "json: t STRING"},
        {"/a", "{\"t\":\"2024-13-31\"}\n", "json: t STRING"},
        {"/a", "{\"ts\":1700000000000,\"n\":1700000000000}\n",
         "json: ts TIMESTAMP_LTZ(3), n BIGINT"},
        /* JSON: nesting */
        {"/a", "{\"o\":{\"x\":1,\"y\":{\"z\":\"q\"}}}\n{\"o\":{\"x\":2.5,\"w\":true}}\n",
         "json: o ROW<`x` DOUBLE, `y` ROW<`z` STRING>, `w` BOOLEAN>"},
        {"/a", "{\"l\":[1,2],\"m\":[],\"o\":[{\"a\":1},{\"b\":\"x\"}]}\n",
         "json: l ARRAY<BIGINT>, m ARRAY<STRING>, o ARRAY<ROW<`a` BIGINT, `b` STRING>>"},
        {"/a", "{\"o\":{\"x\":1}}\n{\"o\":5}\n", "json: o STRING"},
        {"/a", "{\"o\":{}}\n", "json: o STRING"},
        {"/a", "{\"o\":{}}\n{\"o\":{\"x\":1}}\n", "json: o ROW<`x` BIGINT>"},
        {"/a", "{\"a b\":1,\"\\u00e9\\n\":2}\n", "json: a b BIGINT, \xc3\xa9\n BIGINT"},
        /* JSON: bad lines leave no trace; the cut last line of a whole file counts for nothing */
        {"/a", "{\"i\":1}\n{\"i\":\"x\",\n{\"j\":2}\nnull\n{\"k\":", "json: i BIGINT, j BIGINT"},
        {"/a", "\xef\xbb\xbf\r\n{\"i\":1}\r\n", "json: i BIGINT"},
        {"/a.json", "[1,2]\n", "data: no line of the sample is a JSON object with members"},
        /* CSV */
        {"/a.csv", "id,name,price,ok\n1,Ann,2.5,true\n2,Bob,3,false\n",
         "csv header: id BIGINT, name STRING, price DOUBLE, ok BOOLEAN"},
        {"/a", "id;name\n1;Ann\n", "csv header ;: id BIGINT, name STRING"},
        {"/a", "id\tname\n1\tAnn, B\n", "csv header tab: id BIGINT, name STRING"},
        {"/a", "id|name\n1|Ann\n", "csv header |: id BIGINT, name STRING"},
        {"/a.csv", "1,Ann\n2,Bob\n", "csv: c1 BIGINT, c2 STRING"},
        {"/a.csv", "first,last\nAnn,Lee\nBob,Ray\n", "csv header: first STRING, last STRING"},
        {"/a.csv", "Ann,Lee\nBob,Lee\n", "csv: c1 STRING, c2 STRING"},
        {"/a.csv", "a,a\n1,2\n", "csv: c1 STRING, c2 STRING"},
        {"/a.csv", "First Name,2nd,,x-y,X Y\n",
         "csv: c1 STRING, c2 STRING, c3 STRING, c4 STRING, c5 STRING"},
        {"/a.csv", "First Name,2nd,x-y,X Y\n1,2,3,4\n",
         "csv header: First_Name BIGINT, _2nd BIGINT, x_y BIGINT, X_Y_2 BIGINT"},
        {"/a.csv", "d,t,z,zip\n2024-01-31,2024-01-31 10:00:00,2024-01-31T10:00:00Z,01234\n,,,\n",
         "csv header: d DATE, t TIMESTAMP(3), z TIMESTAMP_LTZ(3), zip STRING"},
        {"/a.csv", "q,n\r\n\"a,\"\"b\"\"\r\nc\",1\r\n\"\",2\r\n", "csv header: q STRING, n BIGINT"},
        {"/a.csv", "word\napple\n", "csv header: word STRING"},
        {"/a.csv", "5\n6\n", "csv: c1 BIGINT"},
        {"/a.tsv", "a,b\tc\n1,2\t3\n", "csv header tab: a_b STRING, c BIGINT"},
        {"/a.csv", "a,b\n1,-0\n-5,1e3\n", "csv header: a BIGINT, b DOUBLE"},
        /* nothing to go by */
        {"/a.csv", "", "data: /a.csv holds no data, so its columns are not known"},
        {"/a.json", " \n\n", "data: /a.json holds no data, so its columns are not known"},
    };
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        fixture f;
        fixture_init(&f);
        fixture_file(&f, cases[i][0], cases[i][1]);
        const char *got = infer(&f, cases[i][0]);
        if (strcmp(got, cases[i][2]) != 0) {
            fail_msg("%zu: %s\n  not %s", i, got, cases[i][2]);
        }
        if (cases[i][1][0] != '\0') {
            lt_sim_set_stdin(f.env, cases[i][1], strlen(cases[i][1]));
            (void)infer(&f, "-");
            assert_true(lt_str_eq(lt_sim_std(f.env, LT_STDIN), lt_str_of(cases[i][1])));
        }
        fixture_deinit(&f);
    }
}

/* What inference says is what the decoders read: no row of these samples is refused. */
static void test_inferred_tables_read(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"/a.json", "{\"i\":1,\"d\":1.5,\"b\":true,\"s\":\"x\"}\n{\"i\":2,\"d\":2}\n",
         "1|1.5|true|x;2|2|NULL|NULL;"},
        {"/a.json", "{\"i\":1}\n{\"i\":\"x\"}\n{\"i\":true}\n", "1;x;true;"},
        {"/a.json", "{\"o\":{\"x\":1}}\n{\"o\":[5]}\n", "{\"x\":1};[5];"},
        {"/a.json", "{\"t\":\"2024-01-31 10:00:00\"}\n{\"t\":\"2024-01-31T10:00:00.123\"}\n",
         "1706695200000;1706695200123;"},
        {"/a.json", "{\"t\":\"2024-01-31T10:00:00Z\"}\n{\"t\":\"2024-01-31T12:00:00+02:00\"}\n",
         "1706695200000;1706695200000;"},
        {"/a.json", "{\"d\":\"1970-01-03\",\"l\":[{\"a\":1},{}]}\n", "2|[(1),(NULL)];"},
        {"/a.csv", "\xef\xbb\xbfid,name\r\n1,Ann\r\n2,\"B, ob\"\r\n", "1|Ann;2|B, ob;"},
        {"/a.csv", "id;name\n1;Ann\n", "1|Ann;"},
        {"/a.csv", "id\tname\n1\tAnn\n", "1|Ann;"},
        {"/a.csv", "1,Ann\n2,Bob", "1|Ann;2|Bob;"},
        {"/a.csv", "\"a\nb\",t\n5,2024-01-31 10:00:00\n6,2024-01-31T10:00:00\n",
         "5|1706695200000;6|1706695200000;"},
        {"/a.csv", "d,z,b\n1970-01-03,2024-01-31T10:00:00Z,true\n", "2|1706695200000|true;"},
        {"/a.csv", "a,b\n1,\n", "1|;"},
    };
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        fixture f;
        fixture_init(&f);
        fixture_file(&f, cases[i][0], cases[i][1]);
        lt_inferred out;
        assert_int_equal(lt_infer_file(f.env, &f.mem, cases[i][0], f.arena, &out, &f.err), LT_OK);
        char delimiter[2] = {out.delimiter.len > 0 ? out.delimiter.ptr[0] : ',', '\0'};
        const char *const options[] = {
            "path", cases[i][0], "format", out.format, "csv.field-delimiter", delimiter, NULL};
        const fixture_column column = {"x", LT_TYPE_INT, NULL};
        fixture_table(&f, &column, 1, options);
        f.ctx.schema = out.schema;
        f.ctx.record_schema = out.schema;
        f.ctx.inferred = true;
        f.ctx.has_header = out.has_header;
        for (uint32_t c = 0; c < out.schema->count; c++) {
            f.index[c] = c;
        }
        for (uint32_t batch = 1; batch <= 2; batch++) {
            f.ctx.batch_rows = batch;
            const char *got = fixture_read(&f, "filesystem");
            if (strcmp(got, cases[i][2]) != 0 || f.rejects.count > 0) {
                fail_msg("%zu: %s (%s %s)", i, got, f.rejects.code, f.rejects.detail);
            }
        }
        fixture_deinit(&f);
    }
}

static void test_places(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    unsigned char packed[256];
    unsigned long size = sizeof packed;
    assert_int_equal(compress(packed, &size, (const unsigned char *)"{\"z\":1}\n", 8), Z_OK);
    assert_int_equal(lt_sim_put(f.env, "/d/x.json.gz", packed, size, NULL), LT_OK);
    fixture_file(&f, "/d/a.json", "");
    assert_string_equal(infer(&f, "/d/x.json.gz"), "json: z BIGINT");
    assert_string_equal(infer(&f, "/d"), "json: z BIGINT"); /* the first with something in it */
    assert_string_equal(infer(&f, "file:///d/*.gz"), "json: z BIGINT");
    assert_non_null(strstr(infer(&f, "/none"), "no such file"));
    assert_non_null(strstr(infer(&f, "/d/*.csv"), "holds no data"));
    fixture_file(&f, "/x.xz", "?");
    assert_non_null(strstr(infer(&f, "/x.xz"), "only gzip and zstd"));
    fixture_deinit(&f);
}

/* Only the start is looked at, and the line that the sample cuts does not count. */
static void test_large(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    size_t size = 8u << 20;
    char *bytes = lt_mem_alloc(&f.root, size);
    for (size_t i = 0; i < size; i += 8) {
        memcpy(bytes + i, "{\"a\":1}\n", 8);
    }
    memcpy(bytes + size - 8, "{\"b\":1}\n", 8);
    assert_int_equal(lt_sim_put(f.env, "/big.json", bytes, size, NULL), LT_OK);
    assert_string_equal(infer(&f, "/big.json"), "json: a BIGINT");
    assert_true(atomic_load(&f.mem.bytes_peak) < 4 << 20);
    memset(bytes, 'x', size);
    assert_int_equal(lt_sim_put(f.env, "/line.csv", bytes, size, NULL), LT_OK);
    assert_non_null(strstr(infer(&f, "/line.csv"), "data: the first line is longer"));
    lt_mem_free(&f.root, bytes, size);
    fixture_deinit(&f);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char *const samples[] = {"{\"a\\n\":{\"b\":[1]},\"c\":\"x\"}\n", "a,b\n1,2\n"};
    for (size_t s = 0; s < 2; s++) {
        bool reached = true;
        for (int64_t n = 0; reached; n++) {
            fixture f;
            fixture_init(&f);
            fixture_file(&f, "/x", samples[s]);
            lt_inferred out;
            lt_arena_free(f.arena);
            f.arena = lt_arena_new(&f.root, 1 << 20);
            int64_t at = atomic_load(&f.root.alloc_count) + n;
            atomic_store(&f.root.fail_at, at);
            lt_status st = lt_infer_file(f.env, &f.mem, "/x", f.arena, &out, &f.err);
            reached = atomic_load(&f.root.alloc_count) > at;
            atomic_store(&f.root.fail_at, -1);
            assert_true(st == LT_OK || (reached && st == LT_ERR_NOMEM));
            assert_int_equal(atomic_load(&f.mem.bytes), 0);
            fixture_deinit(&f);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),   cmocka_unit_test(test_inferred_tables_read),
        cmocka_unit_test(test_places),    cmocka_unit_test(test_large),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
