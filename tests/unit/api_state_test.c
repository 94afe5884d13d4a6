/* Jobs that keep state, as a host program sees them: which ones do, under which name, the lock,
 * checkpoints and savepoints by leat_control, what leat_inspect shows, options of SET. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/api_int.h"

static char dir[64];    /* of the test */
static char said[8192]; /* what the engine said */

static void hear(void *arg, const char *line)
{
    (void)arg;
    size_t len = strlen(said);
    snprintf(said + len, sizeof said - len, "%s\n", line);
}

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/leat-api.XXXXXX");
    said[0] = '\0';
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static leat *engine_with(leat_config config)
{
    leat *db;
    config.struct_size = sizeof config;
    config.state_dir = dir;
    config.say = hear;
    assert_int_equal(leat_open(&config, &db), LEAT_OK);
    return db;
}

static leat *engine(void)
{
    return engine_with((leat_config){.file = NULL});
}

static void ok(leat *db, leat_status status)
{
    if (status != LEAT_OK) {
        fail_msg("status %d: %s", (int)status, leat_error(db));
    }
}

static void run_script(leat *db, const char *sql)
{
    size_t offset = 0;
    leat_status status;
    while ((status = leat_execute(db, sql, &offset, NULL)) == LEAT_OK) {
    }
    ok(db, status == LEAT_END ? LEAT_OK : status);
}

static void declare(leat *db)
{
    run_script(db, "CREATE TABLE f (k STRING, n BIGINT) WITH ('connector' = 'feed', 'format' = "
                   "'json');"
                   "CREATE TABLE b (k STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH "
                   "('connector' = 'blackhole')");
}

static const char insert[] = "INSERT INTO b SELECT k, SUM(n) FROM f GROUP BY k";

static leat_state drive(leat *db, leat_job *job)
{
    leat_state state = LEAT_RUNNING;
    for (int i = 0; i < 10000 && state == LEAT_RUNNING; i++) {
        state = leat_step(job, 100);
    }
    if (state == LEAT_FAILED) {
        fail_msg("%s", leat_error(db));
    }
    return state;
}

static void push(leat *db, const char *text)
{
    ok(db, leat_push(db, "f", LEAT_INSERT, text, strlen(text)));
}

static uint64_t completed(const leat_job *job)
{
    leat_stats stats;
    leat_get_stats(job, &stats);
    return stats.checkpoints.completed;
}

static bool exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static void who_keeps_state(void **state)
{
    (void)state;
    leat_stats stats;
    leat_job *job;
    leat *db = engine();
    declare(db);
    /* Neither a name nor a file. */
    run_script(db, "SET 'execution.checkpointing.interval' = '1 s'");
    ok(db, leat_execute(db, insert, NULL, &job));
    leat_get_stats(job, &stats);
    assert_null(stats.state_dir);
    assert_non_null(strstr(said, "no checkpoints are made: the job has no name"));
    assert_int_equal(leat_control(job, LEAT_SAVEPOINT, NULL), LEAT_USAGE);
    assert_non_null(strstr(leat_error(db), "keeps no state"));
    leat_job_free(job);
    /* A query never does. */
    run_script(db, "SET 'pipeline.name' = 'a/b c'");
    ok(db, leat_execute(db, "SELECT * FROM f", NULL, &job));
    leat_get_stats(job, &stats);
    assert_null(stats.state_dir);
    leat_job_free(job);
    /* A name is enough, and is not a path. */
    ok(db, leat_execute(db, insert, NULL, &job));
    leat_get_stats(job, &stats);
    assert_string_equal(stats.name, "a/b c");
    assert_int_equal(strncmp(stats.state_dir + strlen(dir), "/a-b-c-", 7), 0);
    char path[200];
    snprintf(path, sizeof path, "%s/job.json", stats.state_dir);
    assert_true(exists(path));
    leat_job_free(job);
    leat_close(db);
}

static void names_of_a_file(void **state)
{
    (void)state;
    leat_job *jobs[3];
    leat_stats stats;
    char folders[3][200];
    leat *db = engine_with((leat_config){.file = "/x/visits.sql", .name = "visits"});
    declare(db);
    /* Nothing to resume: what comes from the host cannot be had again. */
    ok(db, leat_execute(db, insert, NULL, &jobs[0]));
    leat_get_stats(jobs[0], &stats);
    assert_null(stats.state_dir);
    leat_job_free(jobs[0]);
    run_script(db, "CREATE TABLE g (k STRING, n BIGINT) WITH ('connector' = 'datagen')");
    for (int i = 0; i < 3; i++) {
        ok(db,
           leat_execute(db, "INSERT INTO b SELECT k, SUM(n) FROM g GROUP BY k", NULL, &jobs[i]));
        leat_get_stats(jobs[i], &stats);
        snprintf(folders[i], sizeof folders[i], "%s", stats.state_dir);
        assert_string_equal(stats.name, i == 0 ? "visits" : i == 1 ? "visits-2" : "visits-3");
    }
    leat_close(db);
    db = engine_with((leat_config){.file = "/y/visits.sql", .name = "visits"});
    declare(db);
    run_script(db, "CREATE TABLE g (k STRING, n BIGINT) WITH ('connector' = 'datagen')");
    ok(db, leat_execute(db, "INSERT INTO b SELECT k, SUM(n) FROM g GROUP BY k", NULL, &jobs[0]));
    leat_get_stats(jobs[0], &stats);
    for (int i = 0; i < 3; i++) {
        assert_string_not_equal(stats.state_dir, folders[i]);
    }
    leat_close(db);
}

static void one_copy_at_a_time(void **state)
{
    (void)state;
    leat_job *job, *second = NULL;
    leat *db = engine();
    declare(db);
    run_script(db, "SET 'pipeline.name' = 'one'");
    ok(db, leat_execute(db, insert, NULL, &job));
    leat *other = engine();
    declare(other);
    run_script(other, "SET 'pipeline.name' = 'one'");
    assert_int_equal(leat_execute(other, insert, NULL, &second), LEAT_STATE);
    char holder[60];
    snprintf(holder, sizeof holder, "job 'one' runs already: pid %d since 2", (int)getpid());
    assert_non_null(strstr(leat_error(other), holder));
    assert_non_null(strstr(leat_error(other), "leat stop one"));
    assert_null(second);
    leat_job_free(job);
    ok(other, leat_execute(other, insert, NULL, &second));
    leat_close(other);
    leat_close(db);
}

static uint32_t listing(leat *db, const char *path, const char *table, char *out, size_t size)
{
    leat_job *job;
    uint32_t count = 0;
    size_t len = 0;
    ok(db, leat_inspect(db, path, table, &job));
    leat_rows *rows = leat_take(job, &count);
    out[0] = '\0';
    for (uint32_t r = 0; r < count; r++) {
        leat_column column;
        for (uint32_t c = 0; leat_job_column(job, c, &column); c++) {
            const char *text = leat_rows_text(rows, r, c, LEAT_TEXT_SQL, NULL);
            len += (size_t)snprintf(out + len, size - len, "%s%s", c > 0 ? "|" : "",
                                    text != NULL ? text : "NULL");
        }
        len += (size_t)snprintf(out + len, size - len, "\n");
    }
    leat_rows_free(rows);
    leat_job_free(job);
    return count;
}

static void checkpoints_and_savepoints(void **state)
{
    (void)state;
    static char text[20000];
    leat_stats stats;
    leat_job *job;
    char path[200], folder[200];
    leat *db = engine();
    declare(db);
    run_script(db,
               "SET 'pipeline.name' = 'sums'; SET 'execution.checkpointing.num-retained' = '3'");
    ok(db, leat_execute(db, insert, NULL, &job));
    push(db, "{\"k\":\"a\",\"n\":1}\n{\"k\":\"b\",\"n\":2}\n{\"k\":\"a\",\"n\":3}\n");
    assert_int_equal(drive(db, job), LEAT_WAITING);
    for (uint64_t n = 1; n <= 2; n++) {
        ok(db, leat_control(job, LEAT_CHECKPOINT, NULL));
        (void)drive(db, job);
        assert_int_equal(completed(job), n);
    }
    snprintf(path, sizeof path, "%s/kept", dir);
    ok(db, leat_control(job, LEAT_SAVEPOINT, path));
    (void)drive(db, job);
    leat_get_stats(job, &stats);
    assert_string_equal(stats.checkpoints.savepoint, path);
    assert_int_equal(leat_control(job, LEAT_SAVEPOINT, path), LEAT_USAGE);
    assert_non_null(strstr(leat_error(db), "exists already"));
    snprintf(folder, sizeof folder, "%s", stats.state_dir);

    assert_int_equal(listing(db, folder, NULL, text, sizeof text), 2);
    assert_non_null(strstr(text, "|checkpoint|"));
    assert_int_equal(listing(db, path, NULL, text, sizeof text), 1);
    assert_non_null(strstr(text, "|groups|table|plain(STRING)|2|"));
    assert_int_equal(listing(db, path, "groups", text, sizeof text), 2);
    assert_non_null(strstr(text, "0|a|x'"));
    assert_int_equal(listing(db, folder, "GroupAggregate/groups", text, sizeof text), 2);
    leat_job *none;
    assert_int_equal(leat_inspect(db, path, "nothing", &none), LEAT_USAGE);
    assert_int_equal(leat_inspect(db, "/nowhere/at/all", NULL, &none), LEAT_CONNECT);

    snprintf(path, sizeof path, "%s/end", dir);
    push(db, "{\"k\":\"c\",\"n\":1}\n");
    (void)drive(db, job);
    ok(db, leat_control(job, LEAT_STOP, path));
    assert_int_equal(drive(db, job), LEAT_STOPPED);
    leat_get_stats(job, &stats);
    assert_string_equal(stats.checkpoints.savepoint, path);
    assert_string_equal(stats.checkpoints.error, "");
    leat_job_free(job);
    assert_int_equal(listing(db, path, "groups", text, sizeof text), 3);

    /* Resumed, and from a savepoint that SET names. */
    said[0] = '\0';
    ok(db, leat_execute(db, insert, NULL, &job));
    leat_get_stats(job, &stats);
    assert_true(stats.checkpoints.restored_id > 0);
    assert_non_null(strstr(said, "sums: resumed"));
    leat_job_free(job);
    said[0] = '\0';
    char set[300];
    snprintf(set, sizeof set, "SET 'execution.savepoint.path' = 'file://%s/kept'", dir);
    run_script(db, set);
    ok(db, leat_execute(db, insert, NULL, &job));
    assert_non_null(strstr(said, "sums: resumed from savepoint"));
    assert_int_equal(leat_execute(db, "SELECT * FROM f", NULL, &none), LEAT_USAGE);
    leat_close(db);
}

static void other_places(void **state)
{
    (void)state;
    leat_stats stats;
    leat_job *job;
    char set[300];
    leat *db = engine();
    declare(db);
    snprintf(set, sizeof set,
             "SET 'pipeline.name' = 'p'; SET 'execution.checkpointing.dir' = 'file://%s/there/'; "
             "SET 'execution.checkpointing.savepoint-dir' = '%s/saved'",
             dir, dir);
    run_script(db, set);
    ok(db, leat_execute(db, insert, NULL, &job));
    leat_get_stats(job, &stats);
    snprintf(set, sizeof set, "%s/there/p-", dir);
    assert_int_equal(strncmp(stats.state_dir, set, strlen(set)), 0);
    for (int i = 0; i < 2; i++) { /* two in one second get two names */
        ok(db, leat_control(job, LEAT_SAVEPOINT, NULL));
        (void)drive(db, job);
        leat_get_stats(job, &stats);
        snprintf(set, sizeof set, "%s/saved/p-2", dir);
        assert_int_equal(strncmp(stats.checkpoints.savepoint, set, strlen(set)), 0);
        assert_true(exists(stats.checkpoints.savepoint));
    }
    leat_close(db);
}

static void parallelism(void **state)
{
    (void)state;
    static const struct {
        uint32_t config;
        const char *set;
        uint32_t want;
    } cases[] = {
        {0, "SET 'table.local-time-zone' = 'UTC'", 1},
        {0, "SET 'parallelism.default' = '3'", 3},
        {2, "SET 'parallelism.default' = '3'", 2},
        {0, "SET 'parallelism.default' = '100000'", 128},
        {0, "SET 'table.exec.resource.default-parallelism' = '2'", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        leat_config config = {.struct_size = sizeof config, .parallelism = cases[i].config};
        leat *db;
        assert_int_equal(leat_open(&config, &db), LEAT_OK);
        run_script(db, cases[i].set);
        assert_int_equal(lt_api_parallelism(db), cases[i].want);
        leat_close(db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_keeps_state, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(names_of_a_file, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(one_copy_at_a_time, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(checkpoints_and_savepoints, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(other_places, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(parallelism, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
