/* Jobs as a whole: lanes and threads change nothing, sources keep their pace and wait for each
 * other, stop and drain, and what happens when sinks, checkpoints and disks fail. */
#include "base/hash.h"
#include "run_fixture.h"

#define SECOND_NS INT64_C(1000000000)

static const char filter_sql[] = RIG_SOURCE RIG_SINK(
    "id BIGINT, v BIGINT") "INSERT INTO o SELECT id, v * 2 FROM ev WHERE MOD(v, 3) <> 0;\n";
static const char tumble_sql[] = RIG_SOURCE RIG_TUMBLE;
static const char join_sql[] =
    RIG_SOURCE RIG_SINK("a BIGINT, b BIGINT") "INSERT INTO o SELECT l.id, r.id FROM ev AS l JOIN "
                                              "ev AS r ON l.id = r.v;\n";
static const char session_sql[] = RIG_SOURCE RIG_SINK(
    "w TIMESTAMP(3), e TIMESTAMP(3), k STRING, n BIGINT") "INSERT INTO o SELECT window_start, "
                                                          "window_end, k, COUNT(*) FROM "
                                                          "SESSION(TABLE ev PARTITION "
                                                          "BY k, DESCRIPTOR(ts), INTERVAL '1' "
                                                          "SECOND) GROUP BY window_start, "
                                                          "window_end, k;\n";
static const char *const all_jobs[] = {filter_sql, tumble_sql, join_sql, session_sql};

/* Runs it to the end; the output as one text to be freed. */
static char *whole(const char *sql, uint32_t lanes, bool threads, uint32_t batch_rows)
{
    rig r;
    rig_init(&r, threads);
    rig_events(&r, "/in/a", 2000);
    rig_events(&r, "/in/b", 900);
    rig_plan(&r, sql, lanes);
    r.options.threads = threads;
    r.options.batch_rows = batch_rows;
    rig_start(&r);
    rig_expect(&r, LT_JOB_DONE);
    char *output = strdup(rig_output(&r, "/out"));
    assert_true(strlen(output) > 100);
    rig_deinit(&r);
    return output;
}

static void test_lanes(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {0, 1, 17};
    for (size_t j = 0; j < LT_COUNT_OF(all_jobs); j++) {
        char *want = whole(all_jobs[j], 1, false, 0);
        for (uint32_t lanes = 1; lanes <= 4; lanes++) {
            char *stepped = whole(all_jobs[j], lanes, false, sizes[lanes % 3]);
            char *threaded = whole(all_jobs[j], lanes, true, sizes[(lanes + 1) % 3]);
            assert_string_equal(stepped, want);
            assert_string_equal(threaded, want);
            free(stepped);
            free(threaded);
        }
        free(want);
    }
}

/* As many lanes as there can be: each of them must be woken when something comes for it. */
static void test_most_lanes(void **state)
{
    (void)state;
    char *want = whole(tumble_sql, 1, false, 0);
    for (unsigned threads = 0; threads <= 1; threads++) {
        char *got = whole(tumble_sql, LT_KEY_GROUPS, threads != 0, 100);
        assert_string_equal(got, want);
        free(got);
    }
    free(want);
}

/* ---- pace ---- */

static void test_rate_limit(void **state)
{
    (void)state;
    static const uint32_t rates[] = {7, 500, 5000};
    for (uint32_t lanes = 1; lanes <= 3; lanes += 2) {
        for (size_t i = 0; i < LT_COUNT_OF(rates); i++) {
            rig r;
            char sql[1024];
            rig_init(&r, false);
            rig_events(&r, "/in/a", rates[i] * 4);
            (void)snprintf(sql, sizeof sql,
                           RIG_SOURCE_WITH(",'scan.rate-limit'='%u'")
                               RIG_SINK("id BIGINT") "INSERT INTO o SELECT id FROM ev;\n",
                           rates[i]);
            rig_plan(&r, sql, lanes);
            rig_start(&r);
            int64_t start = r.env->mono_ns(r.env);
            rig_expect(&r, LT_JOB_DONE);
            int64_t took_ms = (r.env->mono_ns(r.env) - start) / 1000000;
            if (took_ms < 3500 || took_ms > 4600) {
                fail_msg("%u rows/s, %u lanes: 4 s of rows took %lld ms", rates[i], lanes,
                         (long long)took_ms);
            }
            rig_deinit(&r);
        }
    }
}

static int64_t source_rows(rig *r, const char *label)
{
    lt_node_stats stats;
    for (uint32_t i = 0; lt_job_node_stats(r->job, i, &stats); i++) {
        lt_str name = stats.plan->label;
        if (stats.plan->kind == LT_PLAN_SOURCE &&
            memmem(name.ptr, name.len, label, strlen(label)) != NULL) {
            return (int64_t)stats.ledger.in;
        }
    }
    fail_msg("there is no source %s", label);
    return 0;
}

/* A source whose rows stand for 10 ms each and one whose rows stand for 1 s: the second may not be
 * more than the drift ahead, but for a batch. */
static void test_alignment(void **state)
{
    (void)state;
    rig r;
    rig_init(&r, false);
    lt_text slow, fast;
    lt_text_init(&slow, &r.mem);
    lt_text_init(&fast, &r.mem);
    for (unsigned i = 0; i < 4000; i++) {
        unsigned ms = i * 10;
        lt_text_printf(&slow, "{\"n\":%u,\"ts\":\"2024-01-01 00:00:%02u.%03u\"}\n", i, ms / 1000,
                       ms % 1000);
    }
    for (unsigned i = 0; i < 400; i++) {
        lt_text_printf(&fast, "{\"n\":%u,\"ts\":\"2024-01-01 00:%02u:%02u\"}\n", i, i / 60, i % 60);
    }
    lt_text_putc(&slow, '\0');
    lt_text_putc(&fast, '\0');
    rig_put(&r, "/slow", slow.ptr);
    rig_put(&r, "/fast", fast.ptr);
    lt_text_deinit(&slow);
    lt_text_deinit(&fast);
    const char *sql =
        "CREATE TABLE slow (n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH "
        "('connector'='filesystem','path'='@/slow','format'='json',"
        "'scan.watermark.alignment.group'='g','scan.watermark.alignment.max-drift'='5 s',"
        "'scan.rate-limit'='1000');\n"
        "CREATE TABLE fast (n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH "
        "('connector'='filesystem','path'='@/fast','format'='json',"
        "'scan.watermark.alignment.group'='g','scan.watermark.alignment.max-drift'='5 s');\n"
        "CREATE TABLE b (n BIGINT, ts TIMESTAMP(3)) WITH ('connector'='blackhole');\n"
        "INSERT INTO b SELECT n, ts FROM slow UNION ALL SELECT n, ts FROM fast;\n";
    rig_plan(&r, sql, 1);
    r.options.batch_rows = 1;
    rig_start(&r);
    bool was_ahead = false;
    for (;;) {
        lt_job_state state_now = rig_step(&r);
        if (state_now != LT_JOB_RUNNING && state_now != LT_JOB_WAITING) {
            assert_int_equal(state_now, LT_JOB_DONE);
            break;
        }
        int64_t behind_ms = source_rows(&r, "slow") * 10;
        int64_t ahead_ms = source_rows(&r, "fast") * 1000;
        if (behind_ms < 39000) {
            assert_true(ahead_ms - behind_ms <= 8000);
            was_ahead = was_ahead || ahead_ms - behind_ms > 4000;
        }
    }
    assert_true(was_ahead);
    rig_deinit(&r);
}

/* ---- stop and drain ---- */

static void step_some(rig *r, unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        lt_job_state state = rig_step(r);
        if (state != LT_JOB_RUNNING && state != LT_JOB_WAITING) {
            fail_msg("it ended early, in state %d: %s", (int)state, lt_job_error(r->job)->text);
        }
    }
}

static unsigned count_lines(const char *text)
{
    unsigned lines = 0;
    for (; *text != '\0'; text++) {
        lines += *text == '\n';
    }
    return lines;
}

static bool has_all_lines(const char *all, const char *some)
{
    char line[256];
    while (*some != '\0') {
        size_t len = (size_t)(strchr(some, '\n') - some) + 1;
        (void)snprintf(line, sizeof line, "%.*s", (int)len, some);
        if (strstr(all, line) == NULL) {
            return false;
        }
        some += len;
    }
    return true;
}

/* Stopped, windows stay open; drained, they fire with what they have. */
static void test_stop_and_drain(void **state)
{
    (void)state;
    char *want = whole(tumble_sql, 1, false, 0);
    for (uint32_t lanes = 1; lanes <= 3; lanes++) {
        for (int drain = 0; drain < 2; drain++) {
            rig r;
            rig_init(&r, false);
            rig_events(&r, "/in/a", 2000);
            rig_events(&r, "/in/b", 900);
            rig_plan(&r, tumble_sql, lanes);
            r.options.batch_rows = 20;
            rig_start(&r);
            step_some(&r, 400);
            lt_job_stop(r.job, drain != 0);
            rig_expect(&r, drain ? LT_JOB_DONE : LT_JOB_STOPPED);
            lt_job_stats stats;
            lt_job_get_stats(r.job, &stats);
            assert_true(stats.rows_in > 100 && stats.rows_in < 2900);
            assert_true(drain ? stats.held == 0 : stats.held > 0);
            const char *output = rig_output(&r, "/out");
            assert_true(count_lines(output) > 7);
            assert_int_equal(has_all_lines(want, output), drain == 0);
            rig_deinit(&r);
        }
    }
    free(want);
}

/* Stops and starts with other numbers of lanes, and threads. */
static void test_stop_and_resume(void **state)
{
    (void)state;
    for (size_t j = 0; j < LT_COUNT_OF(all_jobs); j++) {
        char *want = whole(all_jobs[j], 1, false, 0);
        for (int threads = 0; threads < 2; threads++) {
            rig r;
            char dir[96];
            rig_init(&r, threads != 0);
            rig_events(&r, "/in/a", 2000);
            rig_events(&r, "/in/b", 900);
            (void)snprintf(dir, sizeof dir, "%s/state", r.base);
            r.options.ckpt.dir = dir;
            r.options.threads = threads != 0;
            r.options.batch_rows = 16;
            for (uint32_t i = 0;; i++) {
                rig_plan(&r, all_jobs[j], 1 + (i * 7 + 2) % 4);
                rig_start(&r);
                assert_non_null(strstr(r.said.ptr, i == 0 ? "fresh start" : "resumed from"));
                lt_job_state end = LT_JOB_RUNNING;
                for (unsigned steps = 0; steps < (threads ? 3 : 150) && end <= LT_JOB_WAITING;
                     steps++) {
                    end = threads ? lt_job_step(r.job, 1) : rig_step(&r);
                    if (threads) {
                        lt_job_wait(r.job, 300000);
                    }
                }
                if (i < 6) {
                    lt_job_stop(r.job, false);
                }
                end = rig_run(&r);
                if (end == LT_JOB_DONE) {
                    break;
                }
                assert_int_equal(end, LT_JOB_STOPPED);
            }
            assert_string_equal(rig_output(&r, "/out"), want);
            rig_deinit(&r);
        }
        free(want);
    }
}

/* ---- failures ---- */

/* The n-th write, sync or rename of the whole run fails, for every n: either the job bears it or it
 * fails and the next start goes on from the checkpoint before. */
static void test_failing_sink(void **state)
{
    (void)state;
    static const char kinds[] = {'w', 's', 'm'};
    char *want = whole(filter_sql, 1, false, 0);
    unsigned failed = 0;
    for (size_t kind = 0; kind < sizeof kinds; kind++) {
        for (int64_t nth = 1; nth <= 40; nth++) {
            rig r;
            rig_init(&r, false);
            rig_events(&r, "/in/a", 2000);
            rig_events(&r, "/in/b", 900);
            r.options.ckpt.dir = "/state";
            r.options.ckpt.failures_max = UINT32_MAX;
            r.options.batch_rows = 100;
            lt_job_state end = LT_JOB_FAILED;
            for (unsigned starts = 0; end != LT_JOB_DONE; starts++) {
                assert_true(starts < 3);
                rig_plan(&r, filter_sql, 1 + starts);
                rig_start(&r);
                if (starts == 0) {
                    lt_sim_fail_nth(r.env, kinds[kind], nth);
                }
                unsigned steps = 0;
                while ((end = rig_step(&r)) <= LT_JOB_WAITING) {
                    if (++steps % 40 == 0) {
                        (void)lt_job_checkpoint(r.job, NULL, &r.err);
                    }
                }
                if (end == LT_JOB_FAILED) {
                    assert_true(lt_job_error(r.job)->text[0] != '\0');
                    failed++;
                }
            }
            assert_string_equal(rig_output(&r, "/out"), want);
            rig_deinit(&r);
        }
    }
    assert_true(failed > 10);
    free(want);
}

/* Steps until the checkpoint asked for is over. */
static lt_ckpt_stats make_checkpoint(rig *r)
{
    lt_ckpt_stats before, now;
    lt_job_ckpt_stats(r->job, &before);
    assert_int_equal(lt_job_checkpoint(r->job, NULL, &r->err), LT_OK);
    assert_int_equal(lt_job_checkpoint(r->job, NULL, &r->err), LT_AGAIN);
    do {
        step_some(r, 1);
        lt_job_ckpt_stats(r->job, &now);
    } while (now.completed + now.failed == before.completed + before.failed);
    return now;
}

/* The job is held back so that it is still at it; nothing has reached the sink yet. */
static void start_paced(rig *r, uint32_t lanes)
{
    rig_events(r, "/in/a", 2000);
    rig_events(r, "/in/b", 900);
    rig_plan(r, RIG_SOURCE_WITH(",'scan.rate-limit'='1000'") RIG_TUMBLE, lanes);
    r->options.ckpt.dir = "/state";
    rig_start(r);
    while (r->job != NULL) {
        lt_job_stats stats;
        step_some(r, 1);
        lt_job_get_stats(r->job, &stats);
        if (stats.rows_in > 60) {
            break;
        }
    }
}

/* Whatever write, sync or rename of the store fails: the job goes on, the next one succeeds. */
static void test_failing_checkpoints(void **state)
{
    (void)state;
    static const char kinds[] = {'w', 's', 'm'};
    char *want = whole(tumble_sql, 1, false, 0);
    for (uint32_t lanes = 1; lanes <= 2; lanes++) {
        for (size_t kind = 0; kind < sizeof kinds; kind++) {
            rig r;
            rig_init(&r, false);
            r.options.ckpt.failures_max = UINT32_MAX;
            start_paced(&r, lanes);
            uint64_t failures = 0;
            for (int64_t nth = 1;; nth++) {
                lt_sim_fail_nth(r.env, kinds[kind], nth);
                lt_ckpt_stats stats = make_checkpoint(&r);
                lt_sim_fail_nth(r.env, kinds[kind], 0);
                if (stats.failed == failures) {
                    break;
                }
                failures = stats.failed;
                assert_true(stats.last_error[0] != '\0');
                assert_non_null(strstr(r.said.ptr, "failed"));
                stats = make_checkpoint(&r);
                assert_int_equal(stats.failed, failures);
                assert_string_equal(stats.last_error, "");
            }
            assert_true(failures >= 1);
            rig_expect(&r, LT_JOB_DONE);
            assert_string_equal(rig_output(&r, "/out"), want);
            rig_deinit(&r);
        }
    }
    free(want);
}

static void test_too_many_failures(void **state)
{
    (void)state;
    rig r;
    rig_init(&r, false);
    r.options.ckpt.failures_max = 2;
    start_paced(&r, 1);
    for (unsigned i = 0; i < 2; i++) {
        lt_sim_fail_nth(r.env, 'w', 1);
        assert_int_equal(make_checkpoint(&r).failed, i + 1);
    }
    lt_sim_fail_nth(r.env, 'w', 1);
    assert_int_equal(lt_job_checkpoint(r.job, NULL, &r.err), LT_OK);
    rig_expect(&r, LT_JOB_FAILED);
    assert_non_null(strstr(lt_job_error(r.job)->text, "checkpoint"));
    rig_deinit(&r);
}

/* A full disk is said, borne, and over when there is room again. */
static void test_full_disk(void **state)
{
    (void)state;
    char *want = whole(tumble_sql, 1, false, 0);
    rig r;
    rig_init(&r, false);
    r.options.ckpt.failures_max = UINT32_MAX;
    start_paced(&r, 2);
    assert_int_equal(make_checkpoint(&r).completed, 1);
    lt_sim_set_disk_max(r.env, 1);
    for (unsigned i = 1; i <= 5; i++) {
        lt_ckpt_stats stats = make_checkpoint(&r);
        assert_int_equal(stats.failed, i);
        assert_int_equal(stats.last_id, 1);
        assert_non_null(strstr(stats.last_error, "space"));
    }
    lt_sim_set_disk_max(r.env, 0);
    assert_int_equal(make_checkpoint(&r).completed, 2);
    rig_expect(&r, LT_JOB_DONE);
    assert_string_equal(rig_output(&r, "/out"), want);
    rig_deinit(&r);
    free(want);
}

/* Barriers that take too long: that one is given up, the next counts. */
static void test_timeout(void **state)
{
    (void)state;
    char *want = whole(tumble_sql, 1, false, 0);
    rig r;
    rig_init(&r, false);
    r.options.ckpt.failures_max = UINT32_MAX;
    r.options.ckpt.timeout_ms = 1000;
    start_paced(&r, 2);
    assert_int_equal(lt_job_checkpoint(r.job, NULL, &r.err), LT_OK);
    (void)lt_job_step(r.job, 1);
    lt_sim_advance_us(r.env, 2000000);
    lt_ckpt_stats stats;
    do {
        step_some(&r, 1);
        lt_job_ckpt_stats(r.job, &stats);
    } while (stats.failed + stats.completed == 0);
    assert_int_equal(stats.failed, 1);
    assert_non_null(strstr(stats.last_error, "1000 ms"));
    assert_int_equal(make_checkpoint(&r).completed, 1);
    rig_expect(&r, LT_JOB_DONE);
    assert_string_equal(rig_output(&r, "/out"), want);
    rig_deinit(&r);
    free(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_most_lanes),
        cmocka_unit_test(test_rate_limit),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_stop_and_drain),
        cmocka_unit_test(test_stop_and_resume),
        cmocka_unit_test(test_failing_sink),
        cmocka_unit_test(test_failing_checkpoints),
        cmocka_unit_test(test_too_many_failures),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
