/* Repeating a run from its checkpoints: over the same input every sink comes to the same hash; over
 * another one that is found out, or refused. */
#include "run_fixture.h"

#define RETAIN 6

static rig_names manifests;

static lt_status note_manifest(void *arg, const lt_dirent *entry)
{
    (void)arg;
    if (strstr(entry->name, ".manifest") != NULL) {
        return rig_note_name(&manifests, entry);
    }
    return LT_OK;
}

/* A run with a checkpoint now and then. */
static void run_with_checkpoints(rig *r, const char *sql, uint32_t lanes)
{
    rig_plan(r, sql, lanes);
    r->options.ckpt.dir = "/state";
    r->options.ckpt.retain = RETAIN;
    r->options.ckpt.replay = NULL;
    r->options.batch_rows = 64;
    rig_start(r);
    for (unsigned steps = 1;; steps++) {
        lt_job_state state = rig_step(r);
        if (state != LT_JOB_RUNNING && state != LT_JOB_WAITING) {
            assert_int_equal(state, LT_JOB_DONE);
            break;
        }
        if (steps % 25 == 0) {
            (void)lt_job_checkpoint(r->job, NULL, &r->err);
        }
    }
    manifests.count = 0;
    assert_int_equal(r->env->list(r->env, "/state", note_manifest, NULL, &r->err), LT_OK);
    assert_true(manifests.count >= 3);
}

static lt_status replay(rig *r, const char *manifest)
{
    char path[256];
    (void)snprintf(path, sizeof path, "/state/%s", manifest);
    r->options.ckpt.replay = path;
    lt_status st = rig_try_start(r);
    r->options.ckpt.replay = NULL;
    if (st != LT_OK) {
        return st;
    }
    if (rig_run(r) == LT_JOB_DONE) {
        return LT_OK;
    }
    r->err = *lt_job_error(r->job);
    return r->err.code;
}

static const char *const jobs[] = {
    RIG_SOURCE RIG_TUMBLE,
    RIG_SOURCE RIG_SINK("id BIGINT, v BIGINT") "INSERT INTO o SELECT id, v * 2 FROM ev WHERE v "
                                               "<> 5;\n",
    RIG_SOURCE RIG_SINK("a BIGINT, b BIGINT") "INSERT INTO o SELECT l.id, r.id FROM ev AS l JOIN "
                                              "ev AS r ON l.id = r.v;\n",
    "CREATE TABLE g (n BIGINT, t TIMESTAMP(3)) WITH ('connector'='datagen','number-of-rows'='3000',"
    "'rows-per-second'='1000','fields.t.max-past'='5 s');\n" RIG_SINK(
        "n BIGINT, t TIMESTAMP(3)") "INSERT INTO o SELECT n, t FROM g WHERE MOD(n, 3) = 1;\n",
};

static void test_every_checkpoint(void **state)
{
    (void)state;
    for (size_t j = 0; j < LT_COUNT_OF(jobs); j++) {
        for (uint32_t lanes = 1; lanes <= 3; lanes += 2) {
            rig r;
            rig_init(&r, false);
            rig_events(&r, "/in/a", 3000);
            rig_events(&r, "/in/b", 1500);
            run_with_checkpoints(&r, jobs[j], lanes);
            char *before = strdup(rig_output(&r, "/out"));
            for (unsigned i = 0; i < manifests.count; i++) {
                if (replay(&r, manifests.names[i]) != LT_OK) {
                    fail_msg("job %zu, %u lanes, %s: %s", j, lanes, manifests.names[i], r.err.text);
                }
                assert_non_null(strstr(r.said.ptr, "agrees"));
            }
            assert_string_equal(rig_output(&r, "/out"), before);
            free(before);
            rig_deinit(&r);
        }
    }
}

/* A row's number is another one, behind the bytes by which files are told apart. */
static void test_other_input(void **state)
{
    (void)state;
    rig r;
    rig_init(&r, false);
    rig_events(&r, "/in/a", 3000);
    run_with_checkpoints(&r, jobs[1], 2);
    size_t size = 0;
    const char *content = lt_sim_get(r.env, "/in/a", &size);
    char *copy = strndup(content, size);
    unsigned differ = 0;
    for (unsigned i = 0; i < manifests.count; i++) {
        size_t at = 300 + (size - 400) * i / manifests.count;
        char *digit = strstr(copy + at, "\"id\":") + 5;
        char old = *digit;
        *digit = old == '7' ? '8' : '7';
        assert_int_equal(lt_sim_put(r.env, "/in/a", copy, size, &r.err), LT_OK);
        *digit = old;
        for (unsigned m = 0; m < manifests.count; m++) {
            lt_status st = replay(&r, manifests.names[m]);
            assert_true(st == LT_OK || st == LT_ERR_STATE);
            if (st != LT_OK) {
                assert_non_null(strstr(r.err.text, "differs"));
                differ++;
            }
        }
    }
    assert_true(differ >= manifests.count / 2);
    free(copy);
    rig_deinit(&r);
}

static void test_input_gone(void **state)
{
    (void)state;
    rig r;
    rig_init(&r, false);
    rig_events(&r, "/in/a", 3000);
    run_with_checkpoints(&r, jobs[1], 1);
    rig_put(&r, "/in/a", "{\"id\":1}\n");
    assert_int_equal(replay(&r, manifests.names[0]), LT_ERR_STATE);
    rig_put(&r, "/in/b", "{\"id\":1}\n");
    assert_int_equal(r.env->unlink(r.env, "/in/a", &r.err), LT_OK);
    assert_int_equal(replay(&r, manifests.names[0]), LT_ERR_STATE);
    assert_int_equal(replay(&r, "chk-99999.manifest"), LT_ERR_IO);
    rig_deinit(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_checkpoint),
        cmocka_unit_test(test_other_input),
        cmocka_unit_test(test_input_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
