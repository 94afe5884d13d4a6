/* The whole command line in the simulated environment, over a fake engine: statements, exit codes,
 * streams. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"
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
} world;

static void open_world(world *w)
{
    lt_sim_options options = {.seed = 1, .start_wall_us = INT64_C(1700000000000000)};
    memset(w, 0, sizeof *w);
    lt_mem_init(&w->mem, NULL, "test", 0);
    lt_env *env = lt_env_sim_new(&w->mem, &options);
    w->cli = (lt_cli){.mem = &w->mem, .env = env};
    assert_int_equal(env->file_std(env, LT_STDIN, &w->cli.in, NULL), LT_OK);
    assert_int_equal(env->file_std(env, LT_STDOUT, &w->cli.out, NULL), LT_OK);
    assert_int_equal(env->file_std(env, LT_STDERR, &w->cli.err, NULL), LT_OK);
    w->cli.start_ns = env->mono_ns(env);
    fake_on_wait = NULL;
}

static void close_world(world *w)
{
    w->cli.env->close(w->cli.in);
    w->cli.env->close(w->cli.out);
    w->cli.env->close(w->cli.err);
    lt_env_sim_free(w->cli.env);
    assert_int_equal(w->mem.bytes, 0);
    lt_mem_deinit(&w->mem);
}

static int run(world *w, const char *const *words)
{
    char *argv[20] = {(char *)(uintptr_t) "leat"};
    int argc = 1;
    for (; words[argc - 1] != NULL; argc++) {
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    }
    return lt_cli_main(&w->cli, argc, argv);
}

#define RUN(w, ...) run((w), (const char *const[]){__VA_ARGS__, NULL})

static bool err_has(world *w, const char *text)
{
    lt_str err = lt_sim_std(w->cli.env, LT_STDERR);
    static char copy[20000];
    snprintf(copy, sizeof copy, LT_STR_FMT, LT_STR_ARG(err));
    return strstr(copy, text) != NULL;
}

static bool out_is(world *w, const char *text)
{
    return lt_str_eq(lt_sim_std(w->cli.env, LT_STDOUT), lt_str_of(text));
}

static bool out_has(world *w, const char *text)
{
    lt_str out = lt_sim_std(w->cli.env, LT_STDOUT);
    static char copy[20000];
    snprintf(copy, sizeof copy, LT_STR_FMT, LT_STR_ARG(out));
    return strstr(copy, text) != NULL;
}

static void exit_codes(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        int exit_code;
    } cases[] = {
        {"ROWS 1", 0},   {"BAD", 2},     {"BREAK 3", 3},  {"BREAK 4", 4},
        {"BREAK 5", 5},  {"BREAK 6", 6}, {"BREAK 7", 70}, {"BREAK 10", 70},
        {"INSERT 3", 0}, {"", 0},        {"CREATE x", 0}, {"INSERT 1000; BREAK 4", 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world w;
        open_world(&w);
        assert_int_equal(RUN(&w, "-e", cases[i].sql), cases[i].exit_code);
        close_world(&w);
    }
}

static void usage_errors(void **state)
{
    (void)state;
    static const char *const lines[][5] = {
        {"chekc", NULL},
        {"serve", NULL},
        {"run", NULL},
        {"run", "--nonsense", NULL},
        {"run", "-e", "ROWS 1", "x.sql", NULL},
        {"run", "-e", "ROWS 1", "--replay=x", NULL},
        {"run", "-e", "ROWS 1", "--replay=-1", NULL},
        {"run", "-e", "ROWS 1", "--batch-rows=0", NULL},
        {"run", "-e", "ROWS 1", "--delay=5s", NULL},
        {"run", "-e", "ROWS 1", "--set=x", NULL},
        {"run", "-e", "ROWS 1", "--memory=lots", NULL},
        {"completion", "tcsh", NULL},
        {"replay", NULL},
        {"replay", "a", "b", "c", NULL},
        {"replay", "nowhere", NULL},
        {"replay", "nowhere", "--parallelism=0", NULL},
        {"x.sql", NULL},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        world w;
        open_world(&w);
        assert_int_equal(run(&w, lines[i]), LT_EXIT_USAGE);
        assert_true(out_is(&w, ""));
        assert_true(err_has(&w, "leat: "));
        close_world(&w);
    }
    world w;
    open_world(&w);
    RUN(&w, "chekc");
    assert_true(err_has(&w, "did you mean `leat check`?"));
    RUN(&w, "serve");
    assert_true(err_has(&w, "not part of this version"));
    RUN(&w, "x.sql");
    assert_true(err_has(&w, "did you mean `leat run x.sql`?"));
    assert_int_equal(RUN(&w, "run", "missing.sql"), LT_EXIT_IO);
    assert_true(err_has(&w, "missing.sql"));
    close_world(&w);
}

static void statements_in_order(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    assert_int_equal(
        RUN(&w, "-e", "CREATE x; INSERT 5; ROWS 1; SHOW 1", "-e", "ROWS 2", "-o", "csv"), 0);
    assert_true(out_is(&w, "id,name\n1,row 1\nresult\nt1\nid,name\n1,row 1\n2,row 2\n"));
    assert_true(lt_sim_std(w.cli.env, LT_STDERR).len == 0);
    close_world(&w);
}

static void files_and_their_summary(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    assert_int_equal(lt_sim_put(w.cli.env, "a.sql", "\xef\xbb\xbfINSERT 5; ROWS 1", 19, NULL),
                     LT_OK);
    assert_int_equal(RUN(&w, "run", "a.sql", "-v", "--json-stats", "s.json"), 0);
    assert_true(out_is(&w, "{\"id\":1,\"name\":\"row 1\"}\n"));
    assert_true(err_has(&w, "leat: a.sql: out done, "));
    assert_true(err_has(&w, "5 rows in"));
    assert_true(err_has(&w, "Source: in"));
    size_t size = 0;
    const char *json = lt_sim_get(w.cli.env, "s.json", &size);
    assert_non_null(json);
    assert_non_null(memchr(json, '}', size));
    assert_memory_equal(json, "{\"exit_code\":0,\"file\":\"a.sql\"", 29);
    assert_string_equal(fake_name, "a");
    close_world(&w);
}

/* A mistake late in a file is found before the first statement has begun. */
static void files_are_checked_first(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    assert_int_equal(lt_sim_put(w.cli.env, "a.sql", "ROWS 1; BAD", 11, NULL), LT_OK);
    assert_int_equal(RUN(&w, "run", "a.sql"), LT_EXIT_SQL);
    assert_true(out_is(&w, ""));
    assert_true(err_has(&w, "leat: a.sql: line 1, column 1: unexpected 'BAD'"));
    assert_int_equal(RUN(&w, "check", "a.sql"), LT_EXIT_SQL);
    assert_int_equal(RUN(&w, "check", "-e", "ROWS 1"), 0);
    assert_int_equal(RUN(&w, "explain", "-e", "ROWS 1"), 0);
    assert_true(out_is(&w, "plan\n"));
    close_world(&w);
}

static void options_reach_the_engine(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    assert_int_equal(RUN(&w, "-e", "ROWS 0", "--set", "a.b=it's", "--time-zone", "UTC",
                         "--event-time", "ts", "--delay", "5s", "--batch-rows", "7", "--memory",
                         "1mb", "--idle-timeout", "0", "--replay", "60"),
                     0);
    assert_non_null(strstr(fake_settings, "SET 'a.b' = 'it''s'"));
    assert_non_null(strstr(fake_settings, "SET 'table.local-time-zone' = 'UTC'"));
    assert_int_equal(fake_config.event_delay_ms, 5000);
    assert_int_equal(fake_config.batch_rows, 7);
    assert_int_equal(fake_config.memory_bytes_max, 1 << 20);
    assert_int_equal(fake_config.idle_timeout_ms, 0);
    assert_int_equal(fake_config.future_skew_ms, 86400000);
    assert_true(fake_config.final_rows);
    assert_true(fake_config.replay_speed == 0); /* stdout is no terminal */
    assert_true(err_has(&w, "--replay has no effect"));
    assert_int_equal(RUN(&w, "-e", "ROWS 0", "-o", "changelog"), 0);
    assert_false(fake_config.final_rows);
    w.cli.out_terminal = true;
    assert_int_equal(RUN(&w, "-e", "ROWS 0", "--replay", "60x"), 0);
    assert_true(fake_config.replay_speed == 60);
    assert_int_equal(RUN(&w, "-e", "ROWS 0", "--replay", "max"), 0);
    assert_true(fake_config.replay_speed == 0);
    close_world(&w);
}

static void result_mode_of_the_script(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    assert_int_equal(
        RUN(&w, "-e", "SET 'sql-client.execution.result-mode' = 'tableau'; SHOW 1; ROWS 0;"), 0);
    assert_true(out_is(&w,
                       "+--------+\n| result |\n+--------+\n|     t1 |\n+--------+\n1 row in set\n"
                       "+----+----------------------+--------------------------------+\n"
                       "| op |                   id |                           name |\n"
                       "+----+----------------------+--------------------------------+\n"
                       "Received a total of 0 row\n"));
    assert_false(fake_config.final_rows);
    close_world(&w);
}

/* A job folder `d` with checkpoints 1 to 4. */
static void open_replay(world *w)
{
    open_world(w);
    assert_int_equal(lt_sim_put(w->cli.env, "d/chk-3.manifest", "", 0, NULL), LT_OK);
    fake_checkpoints = 4;
    fake_replayed[0] = '\0';
}

static void close_replay(world *w)
{
    close_world(w);
    fake_checkpoints = 0;
}

static void replay_chooses_checkpoints(void **state)
{
    (void)state;
    static const struct {
        const char *words[5];
        const char *replayed;
        uint32_t parallelism;
        const char *out;
    } cases[] = {
        {{"replay", "d"}, "d/chk-4.manifest ", 3, "checkpoint 4 of visits, 2026-01-01 00:00:04"},
        {{"replay", "d", "--parallelism=2"}, "d/chk-4.manifest ", 2, "checkpoint 4"},
        {{"replay", "d/chk-3.manifest"}, "d/chk-3.manifest ", 3, "checkpoint 3"},
        {{"replay", "--all", "d"},
         "d/chk-2.manifest d/chk-3.manifest d/chk-4.manifest ",
         3,
         "3 of 3 checkpoints agree"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world w;
        open_replay(&w);
        assert_int_equal(run(&w, cases[i].words), 0);
        assert_string_equal(fake_replayed, cases[i].replayed);
        assert_int_equal(fake_config.parallelism, cases[i].parallelism);
        assert_false(fake_config.threads);
        assert_null(fake_config.state_dir);
        assert_string_equal(fake_name, "visits");
        assert_true(out_has(&w, cases[i].out));
        close_replay(&w);
    }
}

static void replay_takes_statements(void **state)
{
    (void)state;
    static const char masked[] =
        "CREATE TABLE t (a INT) WITH ('user' = '**', 'password' = '***'); INSERT 2";
    world w;
    open_replay(&w);
    fake_statements = masked;
    assert_int_equal(RUN(&w, "replay", "d"), LT_EXIT_USAGE);
    assert_true(err_has(&w, "without secrets such as 'password'"));
    assert_true(err_has(&w, "leat replay d FILE.sql"));
    assert_string_equal(fake_replayed, "");

    /* Of a file of several jobs the engine takes the one of the checkpoint's name. */
    assert_int_equal(lt_sim_put(w.cli.env, "two.sql", "INSERT 9; INSERT 2", 18, NULL), LT_OK);
    w.cli.cwd = "/x";
    assert_int_equal(RUN(&w, "replay", "d", "two.sql"), 0);
    assert_string_equal(fake_file, "/x/two.sql");
    /* The only one of a file is it under any name. */
    assert_int_equal(lt_sim_put(w.cli.env, "one.sql", "SET 'a' = 'b'; INSERT 9", 23, NULL), LT_OK);
    assert_int_equal(RUN(&w, "replay", "d", "one.sql"), 0);
    assert_string_equal(fake_file, "");
    assert_int_equal(lt_sim_put(w.cli.env, "no.sql", "INSERT 9; INSERT 8", 18, NULL), LT_OK);
    assert_int_equal(RUN(&w, "replay", "d", "no.sql"), LT_EXIT_USAGE);
    assert_true(err_has(&w, "no.sql: the statements have no job 'visits'"));

    /* A star alone is no mask, and a failure is told by its own code. */
    fake_statements = "CREATE TABLE t (a INT) WITH ('x' = '*'); BREAK 5";
    assert_int_equal(RUN(&w, "replay", "d"), LT_EXIT_STATE);
    assert_true(err_has(&w, "leat: it broke"));
    fake_statements = "CREATE t; BAD";
    assert_int_equal(RUN(&w, "replay", "d"), LT_EXIT_SQL);
    assert_true(err_has(&w, "the statements that the checkpoint keeps"));
    fake_statements = "CREATE t; INSERT 2";
    close_replay(&w);
}

/* With --all the others are repeated all the same. */
static void replay_goes_on_after_a_difference(void **state)
{
    (void)state;
    world w;
    open_replay(&w);
    fake_statements = "BREAK 5";
    assert_int_equal(RUN(&w, "replay", "d", "--all"), LT_EXIT_STATE);
    assert_true(out_has(&w, "0 of 3 checkpoints agree"));
    fake_statements = "BREAK 3";
    fake_replayed[0] = '\0';
    assert_int_equal(RUN(&w, "replay", "d", "--all"), LT_EXIT_IO);
    assert_string_equal(fake_replayed, "d/chk-2.manifest ");
    fake_checkpoints = 1;
    assert_int_equal(RUN(&w, "replay", "d", "--all"), LT_EXIT_STATE);
    assert_true(err_has(&w, "num-retained"));
    fake_statements = "CREATE t; INSERT 2";
    close_replay(&w);
}

static void interrupt_now(leat_job *job)
{
    (void)job;
    raise(SIGINT);
}

static void show_ddl_of_stdin(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    assert_int_equal(
        RUN(&w, "-e", "SELECT * FROM stdin JOIN t ON TRUE JOIN stdin x ON TRUE", "--show-ddl"), 0);
    assert_true(out_is(&w, "CREATE TABLE stdin (a INT);\n"));
    assert_int_equal(RUN(&w, "-e", "SELECT * FROM 'a.csv'", "--show-ddl"), LT_EXIT_IO);
    close_world(&w);
}

#include "cli/signals.h"

/* The last one: the flag stays up. */
static void interrupt_stops_cleanly(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    lt_signals_install(w.cli.env);
    fake_on_wait = interrupt_now;
    assert_int_equal(RUN(&w, "-e", "FOREVER; FOREVER", "-v"), LT_EXIT_INTERRUPT);
    assert_true(err_has(&w, "stopped"));
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes),
        cmocka_unit_test(usage_errors),
        cmocka_unit_test(statements_in_order),
        cmocka_unit_test(files_and_their_summary),
        cmocka_unit_test(files_are_checked_first),
        cmocka_unit_test(options_reach_the_engine),
        cmocka_unit_test(result_mode_of_the_script),
        cmocka_unit_test(show_ddl_of_stdin),
        cmocka_unit_test(replay_chooses_checkpoints),
        cmocka_unit_test(replay_takes_statements),
        cmocka_unit_test(replay_goes_on_after_a_difference),
        cmocka_unit_test(interrupt_stops_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
