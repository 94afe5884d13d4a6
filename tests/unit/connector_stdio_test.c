/* stdin, stdout, print, blackhole. */
#include "connector_fixture.h"

static const fixture_column two[] = {{"a", LT_TYPE_BIGINT, NULL}, {"k", LT_TYPE_VARCHAR, NULL}};

static void test_stdin(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    const char *const options[] = {"format", "json", NULL};
    fixture_table(&f, two, 2, options);
    static const char *const cases[][2] = {
        {"", ""},
        {"\xef\xbb\xbf{\"a\":1,\"k\":\"x\"}\r\n\r\n{\"k\":\"y\"}", "1|x;NULL|y;"},
        {"{\"a\":1}\n{\"a\":", "1|NULL;"},
    };
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        for (uint32_t batch = 1; batch <= 1024; batch += 1023) {
            lt_sim_set_stdin(f.env, cases[i][0], strlen(cases[i][0]));
            f.ctx.batch_rows = batch;
            const char *got = fixture_read(&f, "stdin");
            if (strcmp(got, cases[i][1]) != 0) {
                fail_msg("%zu: %s", i, got);
            }
        }
    }
    assert_int_equal(f.rejects.count, 2);
    assert_string_equal(f.rejects.where, "stdin");
    const lt_connector *connector = lt_connector_find(LT_STR("stdin"));
    assert_int_equal(connector->check(&f.ctx, true, &f.err), LT_OK);
    assert_null(connector->sink);
    const char *const bounded[] = {"format", "json", "bounded", "true", NULL};
    fixture_table(&f, two, 2, bounded);
    assert_true(connector->source->bounded(&f.ctx));
    const char *const unknown[] = {"format", "yaml", NULL};
    fixture_table(&f, two, 2, unknown);
    assert_int_equal(connector->check(&f.ctx, true, &f.err), LT_ERR_SQL);
    fixture_deinit(&f);
}

static lt_status write_batch(fixture *f, const char *name, lt_sink **sink)
{
    lt_error_clear(&f->err);
    lt_status st = *sink == NULL
                       ? lt_sink_new(lt_connector_find(lt_str_of(name)), &f->ctx, sink, &f->err)
                       : LT_OK;
    st = st == LT_OK ? (*sink)->cls->open(*sink, &f->err) : st;
    lt_batch *batch = lt_batch_new(f->pool, f->ctx.schema, 3);
    assert_non_null(batch);
    static uint8_t kinds[] = {LT_INSERT, LT_UPDATE_BEFORE, LT_DELETE};
    static uint32_t sel[] = {0, 2};
    for (uint32_t i = 0; i < 3; i++) {
        LT_COL_DATA(&batch->cols[0], int64_t)[i] = i;
        LT_COL_DATA(&batch->cols[1], lt_strv)[i] = lt_strv_make("x", 1);
    }
    batch->row_count = 3;
    batch->kinds = kinds;
    batch->sel = sel;
    batch->sel_count = 2;
    st = st == LT_OK ? (*sink)->cls->write(*sink, batch, &f->err) : st;
    lt_batch_unref(batch);
    return st;
}

static void test_print(void **state)
{
    (void)state;
    static const struct {
        const char *options[5];
        int stream;
        const char *text;
    } cases[] = {
        {{NULL}, LT_STDOUT, "+I[0, x]\n-D[2, x]\n"},
        {{"print-identifier", "id", NULL}, LT_STDOUT, "id> +I[0, x]\nid> -D[2, x]\n"},
        {{"standard-error", "true", NULL}, LT_STDERR, "+I[0, x]\n-D[2, x]\n"},
    };
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        fixture f;
        fixture_init(&f);
        fixture_table(&f, two, 2, cases[i].options);
        lt_sink *sink = NULL;
        assert_int_equal(write_batch(&f, "print", &sink), LT_OK);
        lt_str out = lt_sim_std(f.env, cases[i].stream);
        assert_true(lt_str_eq(out, lt_str_of(cases[i].text)));
        assert_int_equal(sink->rows, 2);
        lt_sink_free(sink);
        fixture_deinit(&f);
    }
}

static void test_stdout(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    const char *const options[] = {"format", "json", NULL};
    fixture_table(&f, two, 2, options);
    lt_sink *sink = NULL;
    assert_int_equal(write_batch(&f, "stdout", &sink), LT_OK);
    lt_str out = lt_sim_std(f.env, LT_STDOUT);
    assert_true(lt_str_eq(out, LT_STR("{\"a\":0,\"k\":\"x\"}\n{\"a\":2,\"k\":\"x\"}\n")));
    assert_int_equal(sink->rows, 2);
    assert_int_equal(sink->bytes, out.len);
    lt_sink_free(sink);
    fixture_deinit(&f);
}

static void test_blackhole(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    fixture_table(&f, two, 2, NULL);
    lt_sink *sink = NULL;
    assert_int_equal(write_batch(&f, "blackhole", &sink), LT_OK);
    assert_int_equal(sink->rows, 2);
    lt_sink_free(sink);
    fixture_deinit(&f);
}

static void test_write_fails(void **state)
{
    (void)state;
    static const char *const names[] = {"print", "stdout"};
    for (size_t i = 0; i < 2; i++) {
        fixture f;
        fixture_init(&f);
        const char *const options[] = {"format", "json", NULL};
        fixture_table(&f, two, 2, options);
        lt_sink *sink = NULL;
        lt_sim_fail_nth(f.env, 'w', 1);
        assert_int_equal(write_batch(&f, names[i], &sink), LT_ERR_IO);
        lt_sink_free(sink);
        fixture_deinit(&f);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char *const names[] = {"print", "stdout", "stdin", "blackhole"};
    for (size_t i = 0; i < LT_COUNT_OF(names); i++) {
        bool reached = true;
        for (int64_t n = 0; reached; n++) {
            fixture f;
            fixture_init(&f);
            const char *const options[] = {"format", "json", NULL};
            fixture_table(&f, two, 2, options);
            lt_sim_set_stdin(f.env, "{\"a\":1}\n", 8);
            int64_t at = atomic_load(&f.root.alloc_count) + n;
            lt_sink *sink = NULL;
            lt_batch_unref(lt_batch_new(f.pool, f.ctx.schema, 3)); /* so that the pool is warm */
            atomic_store(&f.root.fail_at, at);
            if (i == 2) {
                (void)fixture_read(&f, names[i]);
            } else {
                lt_status st =
                    lt_sink_new(lt_connector_find(lt_str_of(names[i])), &f.ctx, &sink, &f.err);
                if (st == LT_OK) {
                    atomic_store(&f.root.fail_at, -1);
                    lt_batch *batch = lt_batch_new(f.pool, f.ctx.schema, 1);
                    batch->row_count = 1;
                    batch->sel_count = 1;
                    atomic_store(&f.root.fail_at, at);
                    st = sink->cls->open(sink, &f.err);
                    st = st == LT_OK ? sink->cls->write(sink, batch, &f.err) : st;
                    lt_batch_unref(batch);
                }
                assert_true(st == LT_OK || st == LT_ERR_NOMEM);
                lt_sink_free(sink);
            }
            reached = atomic_load(&f.root.alloc_count) > at;
            atomic_store(&f.root.fail_at, -1);
            assert_int_equal(atomic_load(&f.mem.bytes), 0);
            fixture_deinit(&f);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stdin),       cmocka_unit_test(test_print),
        cmocka_unit_test(test_stdout),      cmocka_unit_test(test_blackhole),
        cmocka_unit_test(test_write_fails), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
