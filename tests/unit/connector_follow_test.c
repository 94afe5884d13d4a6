/* filesystem, reading for ever: growth, lines that are not over, new files, rotation, truncation,
 * restarts. */
#include "connector_fixture.h"

#define SECOND 1000000

static const fixture_column one[] = {{"a", LT_TYPE_BIGINT, NULL}};

typedef struct {
    fixture f;
    lt_source *src;
    lt_text rows;
} follow;

static void start(follow *t, const char *path)
{
    const char *const options[] = {"path", path, "format", "json", "source.monitor-interval",
                                   "1s",   NULL};
    fixture_table(&t->f, one, 1, options);
    t->src = fixture_open(&t->f, "filesystem");
}

static void init(follow *t, const char *path)
{
    memset(t, 0, sizeof *t);
    fixture_init(&t->f);
    lt_text_init(&t->rows, &t->f.side);
    fixture_file(&t->f, "/d/.keep", "");
    (void)path;
}

static void deinit(follow *t)
{
    lt_source_free(t->src);
    lt_text_deinit(&t->rows);
    fixture_deinit(&t->f);
}

static void append(follow *t, const char *path, const char *text)
{
    lt_file *file;
    lt_env *env = t->f.env;
    assert_int_equal(env->open(env, path, LT_OPEN_APPEND, &file, &t->f.err), LT_OK);
    assert_int_equal(env->write(file, text, strlen(text), &t->f.err), LT_OK);
    env->close(file);
}

/* One second later: the rows that came. */
static void expect(follow *t, const char *rows)
{
    lt_wait wait;
    lt_sim_advance_us(t->f.env, SECOND);
    lt_text_clear(&t->rows);
    lt_status st = fixture_drain(&t->f, t->src, &t->rows, &wait);
    if (st != LT_AGAIN) {
        fail_msg("status %d: %s", st, t->f.err.text);
    }
    assert_true(wait.wake_mono_ns > t->f.env->mono_ns(t->f.env));
    assert_true(wait.wake_mono_ns <= t->f.env->mono_ns(t->f.env) + 1000000000);
    const char *got = t->rows.ptr ? t->rows.ptr : "";
    if (strcmp(got, rows) != 0) {
        fail_msg("got %s, not %s (%s)", got, rows, t->src->event_text);
    }
}

static void restart(follow *t, const char *path)
{
    lt_text position;
    lt_text_init(&position, &t->f.side);
    assert_int_equal(t->src->cls->save(t->src, &position, &t->f.err), LT_OK);
    lt_source_free(t->src);
    start(t, path);
    assert_int_equal(t->src->cls->load(t->src, lt_text_str(&position), &t->f.err), LT_OK);
    lt_text_deinit(&position);
}

static void rename_to(follow *t, const char *from, const char *to)
{
    assert_int_equal(t->f.env->rename(t->f.env, from, to, &t->f.err), LT_OK);
}

static void test_growth(void **state)
{
    (void)state;
    for (int restarts = 0; restarts < 2; restarts++) {
        follow t;
        init(&t, "/d");
        start(&t, "/d");
        expect(&t, "");
        append(&t, "/d/x", "{\"a\":1}\n{\"a\":");
        expect(&t, "1;");
        if (restarts) {
            restart(&t, "/d");
        }
        expect(&t, "");
        append(&t, "/d/x", "2}\n");
        append(&t, "/d/a", "{\"a\":10}\n");
        expect(&t, "10;2;");
        expect(&t, "");
        if (restarts) {
            restart(&t, "/d");
        }
        append(&t, "/d/x", "{\"a\":3}");
        expect(&t, "");
        append(&t, "/d/x", "\n");
        expect(&t, "3;");
        assert_int_equal(t.src->events, 0);
        assert_int_equal(t.f.rejects.count, 0);
        deinit(&t);
    }
}

/* What came between two positions (NULL: since the beginning), read again. */
static const char *repeated(follow *t, const lt_text *from, const lt_text *to)
{
    static char result[4096];
    follow again = {.f = t->f};
    const lt_source_class *cls = t->src->cls;
    lt_source *src = NULL;
    lt_text rows;
    lt_wait wait;
    lt_text_init(&rows, &t->f.side);
    src = fixture_open(&again.f, "filesystem");
    if (from != NULL) {
        assert_int_equal(cls->load(src, lt_text_str(from), &again.f.err), LT_OK);
    }
    lt_status st = cls->limit(src, lt_text_str(to), &again.f.err);
    if (st == LT_OK) {
        st = fixture_drain(&again.f, src, &rows, &wait);
    }
    lt_source_free(src);
    (void)snprintf(result, sizeof result, "%s%s", rows.ptr != NULL ? rows.ptr : "",
                   st == LT_END ? "" : again.f.err.text);
    assert_true(st == LT_END || st == LT_ERR_STATE);
    lt_text_deinit(&rows);
    return result;
}

static void keep_position(follow *t, lt_text *to)
{
    lt_text_clear(to);
    assert_int_equal(t->src->cls->save(t->src, to, &t->f.err), LT_OK);
}

/* Growth, new files and rotation between two positions. */
static void test_limit(void **state)
{
    (void)state;
    follow t;
    lt_text start_at, first, second;
    init(&t, "/d");
    lt_text_init(&start_at, &t.f.side);
    lt_text_init(&first, &t.f.side);
    lt_text_init(&second, &t.f.side);
    append(&t, "/d/log", "{\"a\":1}\n{\"a\":");
    start(&t, "/d");
    keep_position(&t, &start_at);
    expect(&t, "1;");
    keep_position(&t, &first);
    append(&t, "/d/log", "2}\n{\"a\":3}\n");
    expect(&t, "2;3;");
    rename_to(&t, "/d/log", "/d/log.1");
    append(&t, "/d/log.1", "{\"a\":4}\n");
    append(&t, "/d/log", "{\"a\":5}\n{\"a\":6");
    expect(&t, "5;4;");
    keep_position(&t, &second);
    append(&t, "/d/log", "6}\n");
    append(&t, "/d/log.1", "{\"a\":44}\n");
    append(&t, "/d/new", "{\"a\":7}\n");
    expect(&t, "66;44;7;");

    assert_string_equal(repeated(&t, NULL, &start_at), "");
    assert_string_equal(repeated(&t, NULL, &first), "1;");
    assert_string_equal(repeated(&t, &first, &second), "5;2;3;4;");
    assert_string_equal(repeated(&t, NULL, &second), "5;1;2;3;4;");
    assert_string_equal(repeated(&t, &second, &second), "");
    assert_non_null(strstr(repeated(&t, &second, &first), "cannot be read again"));

    /* Found under the name it has now; not found at all. */
    rename_to(&t, "/d/log.1", "/d/log.2");
    assert_string_equal(repeated(&t, &first, &second), "5;2;3;4;");
    assert_int_equal(t.f.env->unlink(t.f.env, "/d/log.2", &t.f.err), LT_OK);
    assert_string_equal(repeated(&t, &first, &second),
                        "5;/d/log.1 cannot be read again up to byte 32: it is gone");
    lt_text_deinit(&start_at);
    lt_text_deinit(&first);
    lt_text_deinit(&second);
    deinit(&t);
}

static void test_rotation_in_directory(void **state)
{
    (void)state;
    for (int restarts = 0; restarts < 2; restarts++) {
        follow t;
        init(&t, "/d");
        append(&t, "/d/log", "{\"a\":1}\n");
        start(&t, "/d");
        expect(&t, "1;");
        append(&t, "/d/log", "{\"a\":2}\n");
        rename_to(&t, "/d/log", "/d/log.1");
        append(&t, "/d/log", "{\"a\":4}\n");
        append(&t, "/d/log.1", "{\"a\":3}\n");
        if (restarts) {
            restart(&t, "/d");
        }
        expect(&t, "4;2;3;");
        assert_int_equal(t.src->events, 1);
        assert_non_null(strstr(t.src->event_text, "rotation: /d/log is now /d/log.1"));
        deinit(&t);
    }
}

static void test_rotation_of_one_file(void **state)
{
    (void)state;
    for (int restarts = 0; restarts < 2; restarts++) {
        follow t;
        init(&t, "/d");
        append(&t, "/d/log", "{\"a\":1}\n");
        start(&t, "/d/log");
        expect(&t, "1;");
        append(&t, "/d/log", "{\"a\":2}\n");
        rename_to(&t, "/d/log", "/d/log.1");
        append(&t, "/d/log", "{\"a\":4}\n");
        if (restarts) {
            restart(&t, "/d/log");
        }
        expect(&t, "2;");
        append(&t, "/d/log.1", "{\"a\":3}"); /* a writer that has not noticed yet */
        expect(&t, "");
        assert_non_null(strstr(t.src->event_text, "rotation: /d/log was replaced"));
        lt_text_clear(&t.rows);
        expect(&t, "3;4;");
        append(&t, "/d/log", "{\"a\":5}\n");
        expect(&t, "5;");
        assert_int_equal(t.src->events, 1);
        deinit(&t);
    }
}

static void test_gap_in_rotation(void **state)
{
    (void)state;
    follow t;
    init(&t, "/d");
    append(&t, "/d/log", "{\"a\":1}\n");
    start(&t, "/d/log");
    expect(&t, "1;");
    rename_to(&t, "/d/log", "/d/old");
    expect(&t, "");
    expect(&t, "");
    assert_int_equal(t.src->events, 1);
    assert_non_null(strstr(t.src->event_text, "unavailable: "));
    append(&t, "/d/log", "{\"a\":2}\n");
    append(&t, "/d/old", "{\"a\":9}\n");
    expect(&t, "9;");
    expect(&t, "2;");
    deinit(&t);
}

static void test_removed_file(void **state)
{
    (void)state;
    follow t;
    init(&t, "/d");
    append(&t, "/d/x", "{\"a\":1}\n");
    append(&t, "/d/y", "{\"a\":2}\n");
    start(&t, "/d");
    expect(&t, "1;2;");
    restart(&t, "/d");
    assert_int_equal(t.f.env->unlink(t.f.env, "/d/x", &t.f.err), LT_OK);
    expect(&t, "");
    assert_int_equal(t.src->events, 1);
    assert_non_null(strstr(t.src->event_text, "removal: /d/x is gone"));
    append(&t, "/d/x", "{\"a\":3}\n");
    expect(&t, "3;");
    deinit(&t);
}

static void test_truncation(void **state)
{
    (void)state;
    static const char *const next[] = {"{\"a\":7}\n", "{\"a\":7}\n{\"a\":8}\n{\"a\":9}\n"};
    static const char *const rows[] = {"7;", "7;8;9;"};
    for (int longer = 0; longer < 2; longer++) {
        for (int restarts = 0; restarts < 2; restarts++) {
            follow t;
            init(&t, "/d");
            append(&t, "/d/x", "{\"a\":1}\n{\"a\":2}\n");
            start(&t, "/d/x");
            expect(&t, "1;2;");
            if (restarts) {
                restart(&t, "/d/x");
            }
            lt_file *file;
            assert_int_equal(t.f.env->open(t.f.env, "/d/x", LT_OPEN_APPEND, &file, &t.f.err),
                             LT_OK);
            assert_int_equal(t.f.env->truncate(file, 0, &t.f.err), LT_OK);
            t.f.env->close(file);
            append(&t, "/d/x", next[longer]);
            expect(&t, rows[longer]);
            assert_int_equal(t.src->events, 1);
            assert_non_null(strstr(t.src->event_text, "truncation: /d/x"));
            deinit(&t);
        }
    }
}

static void test_missing_path(void **state)
{
    (void)state;
    follow t;
    init(&t, "/d");
    start(&t, "/d/*.json"); /* may come */
    expect(&t, "");
    append(&t, "/d/x.json", "{\"a\":1}\n");
    expect(&t, "1;");
    lt_source_free(t.src);
    const char *const options[] = {"path", "/none", "format", "json", "source.monitor-interval",
                                   "1s",   NULL};
    fixture_table(&t.f, one, 1, options);
    assert_non_null(strstr(fixture_read(&t.f, "filesystem"), "io: "));
    t.src = NULL;
    deinit(&t);
}

/* Many files, a restart after every batch: every row once, in order within its file. */
static void test_restart_everywhere(void **state)
{
    (void)state;
    follow t;
    init(&t, "/d");
    char path[32], line[64];
    for (int round = 0; round < 3; round++) {
        for (int file = 0; file < 5; file++) {
            (void)snprintf(path, sizeof path, "/d/f%d", file);
            (void)snprintf(line, sizeof line, "{\"a\":%d}\n{\"a\":%d}\n", round * 100 + file * 10,
                           round * 100 + file * 10 + 1);
            append(&t, path, line);
        }
        if (round == 0) {
            start(&t, "/d");
        }
        t.f.ctx.batch_rows = 3;
        lt_sim_advance_us(t.f.env, SECOND);
        lt_text_clear(&t.rows);
        for (;;) {
            lt_batch *batch;
            lt_wait wait;
            lt_status st = t.src->cls->poll(t.src, &batch, &wait, &t.f.err);
            if (st == LT_AGAIN) {
                break;
            }
            assert_int_equal(st, LT_OK);
            fixture_rows(&t.rows, batch);
            lt_batch_unref(batch);
            restart(&t, "/d");
            t.f.ctx.batch_rows = 3;
        }
        char want[512];
        size_t len = 0;
        for (int file = 0; file < 5; file++) {
            int base = round * 100 + file * 10;
            len += (size_t)snprintf(want + len, sizeof want - len, "%d;%d;", base, base + 1);
        }
        assert_string_equal(t.rows.ptr, want);
    }
    deinit(&t);
}

static void test_bounds(void **state)
{
    (void)state;
    follow t;
    init(&t, "/d");
    append(&t, "/d/x", "{\"a\":1}\n");
    start(&t, "/d");
    const lt_connector *connector = lt_connector_find(LT_STR("filesystem"));
    assert_false(connector->source->bounded(&t.f.ctx));
    expect(&t, "1;");
    lt_text position;
    lt_text_init(&position, &t.f.side);
    assert_int_equal(t.src->cls->save(t.src, &position, &t.f.err), LT_OK);
    for (size_t len = 0; len < position.len; len++) {
        lt_source *src = fixture_open(&t.f, "filesystem");
        assert_int_equal(src->cls->load(src, (lt_str){position.ptr, len}, &t.f.err), LT_ERR_STATE);
        lt_source_free(src);
    }
    t.f.ctx.options.count = 2; /* without the interval */
    assert_true(connector->source->bounded(&t.f.ctx));
    lt_source *src = fixture_open(&t.f, "filesystem");
    assert_int_equal(src->cls->load(src, lt_text_str(&position), &t.f.err), LT_ERR_STATE);
    assert_non_null(strstr(t.f.err.text, "'source.monitor-interval' was removed"));
    lt_source_free(src);
    lt_text_deinit(&position);
    t.f.ctx.options.count = 3;
    deinit(&t);
}

/* The n-th allocation fails somewhere in a rotation: an error is told, or every row comes. */
static void test_no_memory(void **state)
{
    (void)state;
    for (int restarts = 0; restarts < 2; restarts++) {
        bool reached = true;
        for (int64_t n = 0; reached; n++) {
            follow t;
            init(&t, "/d");
            append(&t, "/d/log", "{\"a\":1}\n");
            start(&t, "/d/l*");
            expect(&t, "1;");
            append(&t, "/d/log", "{\"a\":2}\n");
            rename_to(&t, "/d/log", "/d/old");
            append(&t, "/d/log", "{\"a\":3}\n");
            if (restarts) {
                restart(&t, "/d/l*");
            }
            int64_t at = atomic_load(&t.f.root.alloc_count) + n;
            atomic_store(&t.f.root.fail_at, at);
            lt_text_clear(&t.rows);
            lt_status st = LT_OK;
            lt_wait wait;
            for (int round = 0; round < 4 && (st == LT_OK || st == LT_AGAIN); round++) {
                lt_sim_advance_us(t.f.env, SECOND);
                st = fixture_drain(&t.f, t.src, &t.rows, &wait);
            }
            reached = atomic_load(&t.f.root.alloc_count) > at;
            atomic_store(&t.f.root.fail_at, -1);
            if (st == LT_AGAIN) {
                assert_string_equal(t.rows.ptr, "2;3;");
            } else {
                assert_true(reached && st == LT_ERR_NOMEM);
            }
            deinit(&t);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_rotation_in_directory),
        cmocka_unit_test(test_rotation_of_one_file),
        cmocka_unit_test(test_gap_in_rotation),
        cmocka_unit_test(test_removed_file),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_missing_path),
        cmocka_unit_test(test_restart_everywhere),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
