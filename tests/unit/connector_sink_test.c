/* filesystem, writing: when files become visible, what they are called, what a failure leaves
 * behind. */
#include "connector_sink_fixture.h"

static const char *const xs[] = {"x", "x", "x", "x", "x", "x", "x", "x"};

static void test_visible_when_whole(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    lt_text text;
    lt_text_init(&text, &f.side);
    table(&f, NULL, NULL);
    lt_sink *sink = open_sink(&f);
    assert_int_equal(write_rows(&f, sink, 1, 2, xs), LT_OK);
    assert_int_equal(look(&f, "/out", &text).visible, 0);
    assert_int_equal(sink->cls->flush(sink, &f.err), LT_OK);
    walk w = look(&f, "/out", &text);
    assert_int_equal(w.visible, 1);
    assert_int_equal(w.hidden, 0);
    assert_string_equal(text.ptr, "/out:{\"a\":1,\"k\":\"x\"}\n{\"a\":2,\"k\":\"x\"}\n");
    assert_int_equal(sink->cls->flush(sink, &f.err), LT_OK); /* nothing new: no file */
    assert_int_equal(write_rows(&f, sink, 3, 1, xs), LT_OK);
    assert_int_equal(sink->cls->finish(sink, &f.err), LT_OK);
    assert_int_equal(look(&f, "/out", &text).visible, 2);
    assert_int_equal(sink->rows, 3);
    assert_int_equal(sink->bytes, 48);
    lt_sink_free(sink);
    lt_text_deinit(&text);
    fixture_deinit(&f);
}

static void test_rolling(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    lt_text text;
    lt_text_init(&text, &f.side);
    table(&f, "sink.rolling-policy.file-size", "40 bytes");
    lt_sink *sink = open_sink(&f);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(write_rows(&f, sink, i, 1, xs), LT_OK);
    }
    assert_int_equal(look(&f, "/out", &text).visible, 1); /* three rows of 16 bytes, then two */
    lt_sink_free(sink);
    assert_int_equal(look(&f, "/out", &text).hidden, 0);

    static const struct {
        const char *option;
        int64_t seconds[4]; /* between writes; visible files afterwards must be 1 */
    } cases[] = {{"sink.rolling-policy.rollover-interval", {5, 5, 1, 0}},
                 {"sink.rolling-policy.inactivity-interval", {11, 0, 0, 0}}};
    for (size_t c = 0; c < LT_COUNT_OF(cases); c++) {
        lt_text_deinit(&text);
        fixture_deinit(&f);
        fixture_init(&f);
        lt_text_init(&text, &f.side);
        const char *const options[] = {"path",
                                       "/out",
                                       "format",
                                       "json",
                                       cases[c].option,
                                       "10 s",
                                       "sink.rolling-policy.check-interval",
                                       "1 s",
                                       NULL};
        fixture_table(&f, two, 2, options);
        sink = open_sink(&f);
        int64_t wake;
        assert_int_equal(write_rows(&f, sink, 0, 1, xs), LT_OK);
        for (size_t s = 0; s < 4; s++) {
            unsigned visible = look(&f, "/out", &text).visible;
            assert_int_equal(visible, c == 0 && s > 1 ? 1 : c == 1 && s > 0 ? 1 : 0);
            lt_sim_advance_us(f.env, cases[c].seconds[s] * 1000000);
            assert_int_equal(sink->cls->tick(sink, &wake, &f.err), LT_OK);
            assert_true(wake > f.env->mono_ns(f.env));
            if (visible == 0 && cases[c].seconds[s] == 5) {
                assert_int_equal(write_rows(&f, sink, 9, 1, xs), LT_OK);
            }
        }
        lt_sink_free(sink);
    }
    lt_text_deinit(&text);
    fixture_deinit(&f);
}

static void test_partitions(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    lt_text text;
    lt_text_init(&text, &f.side);
    static const struct {
        const char *key;
        const char *dir;
    } cases[] = {
        {"plain", "k=plain"},
        {"../../etc", "k=..%2F..%2Fetc"},
        {"..", "k=.."},
        {"", "k=__DEFAULT_PARTITION__"},
        {NULL, "k=__DEFAULT_PARTITION__"},
        {"a\nb\x7f%=:", "k=a%0Ab%7F%25%3D%3A"},
        {"\xc3\xbc ber", "k=\xc3\xbc ber"},
    };
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        char dir[64], want[128];
        (void)snprintf(dir, sizeof dir, "/out%zu", i);
        const char *const options[] = {"path", dir, "format", "json", NULL};
        fixture_table(&f, two, 2, options);
        f.partitions[0] = 1;
        f.ctx.partition_count = 1;
        lt_sink *sink = open_sink(&f);
        assert_int_equal(write_rows(&f, sink, 1, 1, &cases[i].key), LT_OK);
        assert_int_equal(sink->cls->finish(sink, &f.err), LT_OK);
        lt_sink_free(sink);
        (void)look(&f, dir, &text);
        (void)snprintf(want, sizeof want, "%s/%s:{\"a\":1}\n", dir, cases[i].dir);
        assert_string_equal(text.ptr, want);
    }
    /* A name that no directory can have is a reject; the other rows are written. */
    char longest[400];
    memset(longest, 'n', sizeof longest);
    longest[399] = '\0';
    const char *const keys[] = {"p", longest, "q", "p"};
    table(&f, NULL, NULL);
    f.ctx.partition_count = 1;
    lt_sink *sink = open_sink(&f);
    assert_int_equal(write_rows(&f, sink, 1, 4, keys), LT_OK);
    assert_int_equal(f.rejects.count, 1);
    assert_string_equal(f.rejects.code, "partition-name-too-long");
    assert_int_equal(sink->cls->finish(sink, &f.err), LT_OK);
    lt_sink_free(sink);
    assert_int_equal(look(&f, "/out", &text).visible, 2);
    assert_non_null(strstr(text.ptr, "/out/k=p:{\"a\":1}\n{\"a\":4}\n"));
    assert_non_null(strstr(text.ptr, "/out/k=q:{\"a\":3}\n"));
    lt_text_deinit(&text);
    fixture_deinit(&f);
}

/* More partitions than are kept open: the files stay whole. */
static void test_many_partitions(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    lt_text text;
    lt_text_init(&text, &f.side);
    table(&f, NULL, NULL);
    f.partitions[0] = 1;
    f.ctx.partition_count = 1;
    lt_sink *sink = open_sink(&f);
    for (int64_t i = 0; i < 300; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "p%lld", (long long)i);
        const char *const keys[] = {key};
        assert_int_equal(write_rows(&f, sink, i, 1, keys), LT_OK);
    }
    assert_int_equal(look(&f, "/out", &text).visible, 300 - 128);
    assert_int_equal(sink->cls->finish(sink, &f.err), LT_OK);
    assert_int_equal(look(&f, "/out", &text).visible, 300);
    lt_sink_free(sink);
    lt_text_deinit(&text);
    fixture_deinit(&f);
}

static void test_success_files(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    const char *const options[] = {"path",
                                   "/out",
                                   "format",
                                   "json",
                                   "sink.partition-commit.policy.kind",
                                   "success-file",
                                   "sink.partition-commit.delay",
                                   "1 min",
                                   "sink.partition-commit.success-file.name",
                                   "DONE",
                                   NULL};
    fixture_table(&f, two, 2, options);
    f.partitions[0] = 1;
    f.ctx.partition_count = 1;
    const char *const keys[] = {"p", "q"};
    lt_sink *sink = open_sink(&f);
    size_t size;
    assert_int_equal(write_rows(&f, sink, 1, 1, keys), LT_OK);
    assert_int_equal(sink->cls->flush(sink, &f.err), LT_OK);
    assert_null(lt_sim_get(f.env, "/out/k=p/DONE", &size));
    lt_sim_advance_us(f.env, 61000000);
    assert_int_equal(write_rows(&f, sink, 1, 1, keys + 1), LT_OK);
    assert_int_equal(sink->cls->flush(sink, &f.err), LT_OK);
    assert_non_null(lt_sim_get(f.env, "/out/k=p/DONE", &size));
    assert_null(lt_sim_get(f.env, "/out/k=q/DONE", &size));
    assert_int_equal(sink->cls->finish(sink, &f.err), LT_OK);
    assert_non_null(lt_sim_get(f.env, "/out/k=q/DONE", &size));
    lt_sink_free(sink);
    fixture_deinit(&f);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"auto-compaction", "true", "files are not merged"},
        {"compaction.file-size", "1mb", "files are not merged"},
        {"sink.partition-commit.trigger", "partition-time", "not by 'partition-time'"},
        {"sink.partition-commit.policy.kind", "metastore,success-file", "only 'success-file'"},
        {"sink.partition-commit.success-file.name", "a/b", "without /"},
    };
    fixture f;
    fixture_init(&f);
    const lt_connector *connector = lt_connector_find(LT_STR("filesystem"));
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        table(&f, cases[i][0], cases[i][1]);
        assert_int_equal(connector->check(&f.ctx, false, &f.err), LT_ERR_UNSUPPORTED);
        assert_true(f.err.has_sql_pos && f.err.sql_pos == 2);
        if (strstr(f.err.text, cases[i][2]) == NULL) {
            fail_msg("%s", f.err.text);
        }
        assert_int_equal(connector->check(&f.ctx, true, &f.err), LT_OK);
    }
    table(&f, "auto-compaction", "false");
    assert_int_equal(connector->check(&f.ctx, false, &f.err), LT_OK);
    fixture_file(&f, "/out", "a file");
    assert_null(open_sink(&f));
    assert_non_null(strstr(f.err.text, "/out is not a directory"));
    fixture_deinit(&f);
}

static void test_disk_full(void **state)
{
    (void)state;
    lt_sim_options options = {.seed = 3, .disk_bytes_max = 4096};
    fixture f;
    fixture_init_with(&f, &options);
    lt_text text;
    lt_text_init(&text, &f.side);
    table(&f, "sink.rolling-policy.file-size", "1kb");
    lt_sink *sink = open_sink(&f);
    lt_status st = LT_OK;
    int64_t rows = 0;
    for (; st == LT_OK && rows < 1000; rows += 8) {
        st = write_rows(&f, sink, rows, 8, xs);
    }
    assert_int_equal(st, LT_ERR_IO);
    assert_non_null(strstr(f.err.text, "no space left"));
    assert_non_null(strstr(f.err.text, "bytes) were not made visible"));
    assert_int_equal(sink->cls->flush(sink, &f.err),
                     LT_ERR_IO); /* no second try over pages that may be gone */
    assert_int_equal(write_rows(&f, sink, 0, 1, xs), LT_ERR_IO);
    lt_sink_free(sink);
    walk w = look(&f, "/out", &text);
    assert_int_equal(w.hidden, 0);
    assert_true(w.visible >= 1);
    lt_text_deinit(&text);
    fixture_deinit(&f);
}

/* The n-th write, sync or rename fails: what is visible is whole, nothing hidden is left, and the
 * failure was told. */
static void test_faults(void **state)
{
    (void)state;
    static const char kinds[] = {'w', 's', 'm'};
    for (size_t k = 0; k < sizeof kinds; k++) {
        bool reached = true;
        for (int64_t n = 1; reached; n++) {
            fixture f;
            fixture_init(&f);
            lt_text text;
            lt_text_init(&text, &f.side);
            table(&f, NULL, NULL);
            lt_sink *sink = open_sink(&f);
            lt_sim_fail_nth(f.env, kinds[k], n);
            lt_status st = LT_OK;
            unsigned flushed = 0;
            for (int i = 0; i < 3 && st == LT_OK; i++) {
                st = write_rows(&f, sink, i, 1, xs);
                st = st == LT_OK ? sink->cls->flush(sink, &f.err) : st;
                flushed += st == LT_OK;
            }
            reached = st != LT_OK;
            lt_sim_fail_nth(f.env, kinds[k], 0);
            lt_sink_free(sink);
            walk w = look(&f, "/out", &text);
            assert_int_equal(w.hidden, 0);
            assert_int_equal(w.visible, flushed);
            assert_true(n < 20);
            lt_text_deinit(&text);
            fixture_deinit(&f);
        }
    }
}

/* Power loss at any point: whatever is visible afterwards is whole, and what a flush covered is
 * visible. */
static void test_crash(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        lt_sim_options options = {.seed = seed};
        fixture f;
        fixture_init_with(&f, &options);
        lt_text text;
        lt_text_init(&text, &f.side);
        table(&f, NULL, NULL);
        lt_sink *sink = open_sink(&f);
        unsigned flushes = (unsigned)(seed % 4);
        for (unsigned i = 0; i < flushes; i++) {
            assert_int_equal(write_rows(&f, sink, 10 * i, 2, xs), LT_OK);
            assert_int_equal(sink->cls->flush(sink, &f.err), LT_OK);
        }
        assert_int_equal(write_rows(&f, sink, 90, 2, xs), LT_OK);
        lt_sim_crash(f.env);
        walk w = look(&f, "/out", &text);
        assert_int_equal(w.visible, flushes);
        for (unsigned i = 0; i < flushes; i++) {
            char want[96];
            (void)snprintf(want, sizeof want, "{\"a\":%u,\"k\":\"x\"}\n{\"a\":%u,\"k\":\"x\"}\n",
                           10 * i, 10 * i + 1);
            assert_non_null(strstr(text.ptr, want));
        }
        lt_sink_free(sink);
        lt_text_deinit(&text);
        fixture_deinit(&f);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    bool reached = true;
    for (int64_t n = 0; reached; n++) {
        fixture f;
        fixture_init(&f);
        lt_text text;
        lt_text_init(&text, &f.side);
        const char *const options[] = {
            "path",         "/out", "format", "json", "sink.partition-commit.policy.kind",
            "success-file", NULL};
        fixture_table(&f, two, 2, options);
        f.partitions[0] = 1;
        f.ctx.partition_count = 1;
        const char *const keys[] = {"p", "q", NULL};
        lt_batch *batch = lt_batch_new(f.pool, f.ctx.schema, 3);
        for (uint32_t i = 0; i < 3; i++) {
            LT_COL_DATA(&batch->cols[0], int64_t)[i] = i;
            LT_COL_DATA(&batch->cols[1], lt_strv)[i] = lt_strv_make(keys[i] ? keys[i] : "r", 1);
        }
        batch->row_count = 3;
        batch->sel_count = 3;
        int64_t at = atomic_load(&f.root.alloc_count) + n;
        atomic_store(&f.root.fail_at, at);
        lt_sink *sink = NULL;
        lt_status st = lt_sink_new(lt_connector_find(LT_STR("filesystem")), &f.ctx, &sink, &f.err);
        st = st == LT_OK ? sink->cls->open(sink, &f.err) : st;
        st = st == LT_OK ? sink->cls->write(sink, batch, &f.err) : st;
        st = st == LT_OK ? sink->cls->finish(sink, &f.err) : st;
        reached = atomic_load(&f.root.alloc_count) > at;
        atomic_store(&f.root.fail_at, -1);
        lt_batch_unref(batch);
        lt_sink_free(sink);
        walk w = look(&f, "/out", &text);
        if (st == LT_OK) {
            assert_int_equal(w.visible, 6);
        } else {
            assert_true(reached);
            assert_int_equal(st, LT_ERR_NOMEM);
        }
        assert_int_equal(w.hidden, 0);
        assert_int_equal(atomic_load(&f.mem.bytes), 0);
        lt_text_deinit(&text);
        fixture_deinit(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_visible_when_whole),
        cmocka_unit_test(test_rolling),
        cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_many_partitions),
        cmocka_unit_test(test_success_files),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
