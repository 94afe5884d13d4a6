/* What others ask a running job: the reader of flat JSON, the control protocol, metrics and their
 * HTTP, and how a job is found by what people call it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/control.h"
#include "cli/flat.h"
#include "cli/metrics.h"
#include "cli/place.h"
#include "cli/server.h"
#include "cli_fake.h"
#include "os/env_sim.h"

int lt_cmd_test(lt_cli *cli, int argc, char **argv)
{
    (void)cli;
    (void)argc;
    (void)argv;
    return 0;
}

typedef struct {
    lt_mem mem;
    lt_cli cli;
    leat *db;
    lt_cli_job job;
    lt_text text;
    lt_arena *arena;
} world;

static void open_world(world *w, const char *sql)
{
    lt_sim_options options = {.seed = 1, .start_wall_us = INT64_C(1700000000000000)};
    leat_config config = {.struct_size = sizeof config};
    size_t offset = 0;
    memset(w, 0, sizeof *w);
    lt_mem_init(&w->mem, NULL, "test", 0);
    lt_env *env = lt_env_sim_new(&w->mem, &options);
    w->cli = (lt_cli){.mem = &w->mem, .env = env, .cwd = "/home/me/work"};
    w->cli.start_ns = env->mono_ns(env);
    lt_text_init(&w->text, &w->mem);
    w->arena = lt_arena_new(&w->mem, 1 << 20);
    assert_int_equal(leat_open(&config, &w->db), LEAT_OK);
    w->job = (lt_cli_job){.db = w->db,
                          .name = "out",
                          .state = LEAT_RUNNING,
                          .live = true,
                          .shown = true,
                          .start_ns = w->cli.start_ns};
    assert_int_equal(leat_execute(w->db, sql, &offset, &w->job.job), LEAT_OK);
    fake_control = LEAT_OK;
    fake_completed = 0;
    fake_failed = 0;
    fake_savepoint[0] = '\0';
    fake_state_dir = NULL;
    fake_node_name = NULL;
}

static void close_world(world *w)
{
    leat_job_free(w->job.job);
    leat_close(w->db);
    lt_cli_job_sample_free(&w->job, &w->mem);
    lt_arena_free(w->arena);
    lt_text_deinit(&w->text);
    lt_env_sim_free(w->cli.env);
    assert_int_equal(w->mem.bytes, 0);
    lt_mem_deinit(&w->mem);
}

static bool has(const world *w, const char *part)
{
    return w->text.ptr != NULL && strstr(w->text.ptr, part) != NULL;
}

/* ---- flat JSON ---- */

static void flat_objects(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{}",
        " {\"a\":1} ",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"d\":\"x\\\"y\"}",
        "{\"a\":[],\"b\":-1.5e+3,\"c\":true}",
    };
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1",
        "{\"a\":1}}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\":\"b}",
        "{\"a\":\"\\",
        "{\"a\":1 \"b\":2}",
        "{\"a\":\"\n\"}",
        "{\"a\":[1,}",
        "{\"a\":{]}",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(lt_flat_is_object(lt_str_of(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(lt_flat_is_object(lt_str_of(bad[i])));
    }
    char deep[300];
    memset(deep, '[', sizeof deep);
    memcpy(deep, "{\"a\":", 5);
    assert_false(lt_flat_is_object((lt_str){deep, sizeof deep}));
}

static void flat_members(void **state)
{
    (void)state;
    lt_mem mem;
    lt_text text;
    lt_str raw;
    int64_t number;
    lt_mem_init(&mem, NULL, "test", 0);
    lt_text_init(&text, &mem);
    lt_str object =
        LT_STR("{\"n\":-12,\"in\":{\"s\":\"no\"},\"s\":\"a\\n\\\"\\u00e9\\ud83d\\ude00/\","
               "\"t\":true,\"x\":\"\\ud83d\",\"y\":\"\\q\",\"z\":\"\\u0000\"}");
    assert_true(lt_flat_is_object(object));
    assert_true(lt_flat_int(object, "n", &number));
    assert_int_equal(number, -12);
    assert_false(lt_flat_int(object, "s", &number));
    assert_true(lt_flat_is_true(object, "t"));
    assert_false(lt_flat_is_true(object, "n"));
    assert_true(lt_flat_raw(object, "in", &raw));
    assert_true(lt_str_eq(raw, LT_STR("{\"s\":\"no\"}")));
    assert_true(lt_flat_text(object, "s", &text));
    assert_string_equal(text.ptr, "a\n\"\xc3\xa9\xf0\x9f\x98\x80/");
    assert_false(lt_flat_text(object, "x", &text));
    assert_false(lt_flat_text(object, "y", &text));
    assert_false(lt_flat_text(object, "z", &text));
    assert_false(lt_flat_text(object, "absent", &text));
    lt_text_deinit(&text);
    lt_mem_deinit(&mem);
}

/* ---- control ---- */

static void ask(world *w, const char *line, lt_pending *pending)
{
    lt_text_clear(&w->text);
    lt_control_request(&w->cli, &w->job, lt_str_of(line), pending, &w->text);
}

static void poll_again(world *w, lt_pending *pending)
{
    lt_text_clear(&w->text);
    lt_control_poll(&w->cli, &w->job, pending, &w->text);
}

static void answers_at_once(void **state)
{
    (void)state;
    world w;
    lt_pending pending;
    open_world(&w, "INSERT 5");
    fake_state_dir = "/state/x";
    ask(&w, "{\"do\":\"ps\"}", &pending);
    assert_true(has(&w, "{\"ok\":true,\"state\":\"running\",\"name\":\"fake \\\"job\\\"\""));
    assert_true(has(&w, "\"checkpoint_age_ms\":-1}\n"));
    assert_true(lt_flat_is_object(lt_text_str(&w.text)));
    fake_completed = 3;
    ask(&w, "{\"do\":\"ps\"}", &pending);
    assert_true(has(&w, "\"checkpoints\":3,\"checkpoint_age_ms\":10000"));
    ask(&w, "{\"do\":\"status\",\"as\":\"json\"}", &pending);
    assert_true(lt_flat_is_object(lt_text_str(&w.text)));
    assert_true(has(&w, "\"state_dir\":\"/state/x\""));
    ask(&w, "{\"do\":\"status\"}", &pending);
    assert_true(has(&w, "3 made, 0 failed; last: 3, 10.0 s ago, took 12 ms"));
    assert_int_equal(pending.verb, LT_VERB_NONE);
    static const char *const bad[] = {"",           "ps",
                                      "{}",         "{\"do\":\"dance\"}",
                                      "{\"do\":1}", "{\"do\":\"savepoint\",\"path\":\"relative\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ask(&w, bad[i], &pending);
        assert_true(has(&w, "{\"ok\":false,\"code\":1,"));
        assert_int_equal(pending.verb, LT_VERB_NONE);
    }
    close_world(&w);
}

static void savepoint_takes_a_while(void **state)
{
    (void)state;
    world w;
    lt_pending pending;
    open_world(&w, "FOREVER");
    fake_control = LEAT_FULL; /* another one is under way */
    ask(&w, "{\"do\":\"savepoint\",\"path\":\"/s/1\"}", &pending);
    assert_int_equal(w.text.len, 0);
    assert_int_equal(pending.verb, LT_VERB_SAVEPOINT);
    assert_false(pending.begun);
    fake_control = LEAT_OK;
    poll_again(&w, &pending);
    assert_true(pending.begun);
    assert_int_equal(fake_verb, LEAT_SAVEPOINT);
    assert_string_equal(fake_path, "/s/1");
    fake_completed = 1; /* a periodic one: not what was asked for */
    poll_again(&w, &pending);
    assert_int_equal(w.text.len, 0);
    snprintf(fake_savepoint, sizeof fake_savepoint, "/s/1");
    poll_again(&w, &pending);
    assert_true(has(&w, "\"path\":\"/s/1\"}\n"));
    assert_int_equal(pending.verb, LT_VERB_NONE);

    ask(&w, "{\"do\":\"checkpoint\"}", &pending);
    assert_int_equal(w.text.len, 0);
    fake_failed = 1;
    poll_again(&w, &pending);
    assert_true(has(&w, "{\"ok\":false,\"code\":5,\"error\":\"the disk is full\"}"));

    fake_control = LEAT_USAGE;
    ask(&w, "{\"do\":\"checkpoint\"}", &pending);
    assert_true(has(&w, "{\"ok\":false,\"code\":1,\"error\":\"it keeps no state\"}"));
    close_world(&w);
}

static void stop_is_answered_at_the_end(void **state)
{
    (void)state;
    world w;
    lt_pending pending;
    open_world(&w, "FOREVER");
    ask(&w, "{\"do\":\"stop\",\"drain\":true,\"path\":\"/s/1\"}", &pending);
    assert_true(has(&w, "\"ok\":false,\"code\":1"));
    assert_false(w.job.job->stopped);
    ask(&w, "{\"do\":\"stop\",\"drain\":false,\"path\":\"/s/2\"}", &pending);
    assert_int_equal(w.text.len, 0);
    assert_int_equal(fake_verb, LEAT_STOP);
    assert_string_equal(fake_path, "/s/2");
    poll_again(&w, &pending);
    assert_int_equal(w.text.len, 0);
    w.job.live = false;
    w.job.state = LEAT_STOPPED;
    fake_completed = 7;
    poll_again(&w, &pending);
    assert_true(has(&w, "{\"ok\":true,\"state\":\"stopped\",\"checkpoint\":7,"));
    ask(&w, "{\"do\":\"stop\"}", &pending);
    assert_true(has(&w, "\"code\":5,\"error\":\"the job has ended\""));
    close_world(&w);
}

/* ---- metrics ---- */

static void metrics_text(void **state)
{
    (void)state;
    world w;
    open_world(&w, "INSERT 5");
    fake_node_name = "Source: a\\b\"c\nd";
    fake_state_dir = "/state/x";
    fake_completed = 2;
    lt_metrics_text(&w.text, &w.cli, &w.job, 1);
    assert_true(has(&w, "leat_build_info{version=\"" LEAT_VERSION "\"} 1\n"));
    assert_true(has(&w, "# TYPE leat_rows_in_total counter\n"
                        "leat_rows_in_total{job=\"fake \\\"job\\\"\",job_index=\"1\"} 0\n"));
    assert_true(has(&w, "stage=\"parse\"} 2\n"));
    assert_true(
        has(&w, "leat_checkpoint_age_seconds{job=\"fake \\\"job\\\"\",job_index=\"1\"} 10\n"));
    assert_true(has(&w, "leat_checkpoint_duration_seconds{job=\"fake \\\"job\\\"\","
                        "job_index=\"1\"} 0.0125\n"));
    assert_true(has(&w, "node=\"Source: a\\\\b\\\"c\\nd\",node_index=\"0\"} "));
    assert_false(has(&w, "leat_watermark_timestamp_seconds{")); /* none yet */
    /* Every line is a comment or `name{labels} number`. */
    for (const char *at = w.text.ptr; *at != '\0'; at += strcspn(at, "\n") + 1) {
        assert_true(strncmp(at, "# HELP leat_", 12) == 0 || strncmp(at, "# TYPE leat_", 12) == 0 ||
                    strncmp(at, "leat_", 5) == 0);
    }
    close_world(&w);
}

static void http_requests(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        const char *answer; /* NULL: more is needed */
    } cases[] = {
        {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
        {"GET /metrics?x=1 HTTP/1.0\n\n", "HTTP/1.1 200 OK\r\n"},
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
        {"GET /metricsx HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
        {"POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n"},
        {"GET /metrics\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {"\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {"GET /healthz HTTP/1.1\r\nHost:", NULL},
        {"", NULL},
    };
    world w;
    open_world(&w, "INSERT 5");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lt_text_clear(&w.text);
        bool done = lt_http_answer(lt_str_of(cases[i].request), &w.cli, &w.job, 1, &w.text);
        assert_int_equal(done, cases[i].answer != NULL);
        if (done) {
            assert_int_equal(strncmp(w.text.ptr, cases[i].answer, strlen(cases[i].answer)), 0);
        }
    }
    char large[LT_SERVER_LINE_MAX];
    memset(large, 'a', sizeof large);
    lt_text_clear(&w.text);
    assert_true(lt_http_answer((lt_str){large, sizeof large}, &w.cli, &w.job, 1, &w.text));
    assert_true(has(&w, "HTTP/1.1 431 "));
    lt_text_clear(&w.text);
    assert_true(
        lt_http_answer(LT_STR("HEAD /healthz HTTP/1.1\r\n\r\n"), &w.cli, &w.job, 1, &w.text));
    assert_string_equal(w.text.ptr + w.text.len - 4, "\r\n\r\n");
    assert_true(has(&w, "Content-Length: 3\r\n"));
    close_world(&w);
}

static void metrics_addresses(void **state)
{
    (void)state;
    char to[64];
    assert_true(lt_server_address("9464", to, sizeof to));
    assert_string_equal(to, "tcp:127.0.0.1:9464");
    assert_true(lt_server_address(":0", to, sizeof to));
    assert_string_equal(to, "tcp:127.0.0.1:0");
    assert_true(lt_server_address("[::1]:80", to, sizeof to));
    assert_string_equal(to, "tcp:[::1]:80");
    assert_true(lt_server_address("0.0.0.0:80", to, sizeof to));
    assert_false(lt_server_address("localhost", to, sizeof to));
    assert_false(lt_server_address("a:99999", to, sizeof to));
    assert_false(lt_server_address("", to, sizeof to));
    assert_false(lt_server_address("a:", to, sizeof to));
}

static void rates(void **state)
{
    (void)state;
    world w;
    open_world(&w, "INSERT 100");
    lt_cli_job_sample(&w.job, &w.mem, w.job.start_ns + 1000); /* too early */
    assert_true(lt_cli_job_rate(&w.job) == 0);
    for (int i = 0; i < 50; i++) {
        (void)leat_step(w.job.job, 1);
    }
    lt_cli_job_sample(&w.job, &w.mem, w.job.start_ns + INT64_C(2000000000));
    assert_true(lt_cli_job_rate(&w.job) == 25);
    w.job.live = false;
    assert_true(lt_cli_job_rate(&w.job) == 0);
    close_world(&w);
}

/* ---- jobs by name ---- */

static void absolute_paths(void **state)
{
    (void)state;
    world w;
    open_world(&w, "INSERT 5");
    static const char *const cases[][2] = {
        {"a.sql", "/home/me/work/a.sql"}, {"./a//b/../c.sql", "/home/me/work/a/c.sql"},
        {"../../x", "/home/x"},           {"/a/./b/", "/a/b"},
        {"../../../../..", "/"},          {"/", "/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(lt_place_absolute(&w.cli, w.arena, cases[i][0]), cases[i][1]);
    }
    w.cli.cwd = NULL;
    assert_null(lt_place_absolute(&w.cli, w.arena, "a"));
    assert_string_equal(lt_place_absolute(&w.cli, w.arena, "/a"), "/a");
    close_world(&w);
}

static void put_job(world *w, const char *folder, const char *name, const char *file)
{
    lt_env *env = w->cli.env;
    char path[200];
    char card[400];
    int len = snprintf(
        card, sizeof card, "{\"name\":\"%s\",\"file\":%s%s%s,\"pid\":7,\"started_ms\":1}\n", name,
        file != NULL ? "\"" : "", file != NULL ? file : "null", file != NULL ? "\"" : "");
    snprintf(path, sizeof path, "/st/%s/checkpoints", folder);
    assert_int_equal(env->mkdirs(env, path, NULL), LT_OK);
    snprintf(path, sizeof path, "/st/%s/job.json", folder);
    assert_int_equal(lt_env_write_file(env, path, card, (size_t)len, NULL), LT_OK);
    snprintf(path, sizeof path, "/st/%s/lock", folder);
    assert_int_equal(lt_env_write_file(env, path, "", 0, NULL), LT_OK);
}

static void jobs_are_found(void **state)
{
    (void)state;
    world w;
    lt_place place;
    lt_error err;
    lt_file *held = NULL;
    open_world(&w, "INSERT 5");
    lt_env *env = w.cli.env;
    put_job(&w, "visits-00000001", "visits", "/home/me/work/visits.sql");
    put_job(&w, "visits-00000002", "visits", "/other/visits.sql");
    put_job(&w, "shop-00000003", "shop", NULL);
    static const struct {
        const char *word;
        const char *folder; /* NULL: refused */
    } cases[] = {
        {"shop", "shop-00000003"},
        {"sh", "shop-00000003"},
        {"visits", NULL},
        {"visits.sql", "visits-00000001"},
        {"/other/visits.sql", "visits-00000002"},
        {"visits-00000002", "visits-00000002"},
        {"/st/shop-00000003", "shop-00000003"},
        {"nothing", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lt_error_clear(&err);
        lt_status st = lt_place_find(&w.cli, w.arena, "/st", cases[i].word, false, &place, &err);
        assert_int_equal(st, cases[i].folder != NULL ? LT_OK : LT_ERR_USAGE);
        if (st == LT_OK) {
            assert_string_equal(place.folder, cases[i].folder);
            assert_int_equal(place.state, LT_PLACE_STOPPED);
        }
    }
    lt_error_clear(&err);
    (void)lt_place_find(&w.cli, w.arena, "/st", "visit", false, &place, &err);
    assert_non_null(strstr(err.hint, "visits-00000001, visits-00000002"));
    (void)lt_place_find(&w.cli, w.arena, "/st", "shops", false, &place, &err);
    assert_non_null(strstr(err.hint, "did you mean 'shop'?"));
    /* The one that runs is meant. */
    assert_int_equal(env->lock(env, "/st/visits-00000002/lock", &held, NULL, 0, NULL), LT_OK);
    assert_int_equal(lt_place_find(&w.cli, w.arena, "/st", "visits", true, &place, &err), LT_OK);
    assert_string_equal(place.folder, "visits-00000002");
    assert_int_equal(place.state, LT_PLACE_RUNNING);
    env->close(held);
    assert_int_equal(lt_env_write_file(env, "/st/shop-00000003/checkpoints/finished", "", 0, NULL),
                     LT_OK);
    assert_int_equal(lt_place_find(&w.cli, w.arena, "/st", "shop", false, &place, &err), LT_OK);
    assert_int_equal(place.state, LT_PLACE_FINISHED);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_objects),
        cmocka_unit_test(flat_members),
        cmocka_unit_test(answers_at_once),
        cmocka_unit_test(savepoint_takes_a_while),
        cmocka_unit_test(stop_is_answered_at_the_end),
        cmocka_unit_test(metrics_text),
        cmocka_unit_test(http_requests),
        cmocka_unit_test(metrics_addresses),
        cmocka_unit_test(rates),
        cmocka_unit_test(absolute_paths),
        cmocka_unit_test(jobs_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
