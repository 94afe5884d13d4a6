/* Option parsing, help, completion, and the glance at SQL text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "cli/scan.h"
#include "cli_fake.h"

int lt_cmd_test(lt_cli *cli, int argc, char **argv)
{
    (void)cli;
    (void)argc;
    (void)argv;
    return 0;
}

typedef struct {
    lt_mem mem;
    lt_arena *arena;
    lt_cli_args args;
    lt_error err;
} world;

static void open_world(world *w)
{
    memset(w, 0, sizeof *w);
    lt_mem_init(&w->mem, NULL, "test", 0);
    w->arena = lt_arena_new(&w->mem, 1 << 20);
}

static void close_world(world *w)
{
    lt_arena_free(w->arena);
    lt_mem_deinit(&w->mem);
}

static lt_status parse(world *w, const char *line)
{
    static char copy[500];
    char *argv[20] = {copy};
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *at = copy; *at != '\0'; argc++) {
        argv[argc] = at;
        at += strcspn(at, " ");
        if (*at != '\0') {
            *at++ = '\0';
        }
    }
    lt_error_clear(&w->err);
    return lt_cli_parse(lt_cli_find("run"), argc, argv, w->arena, &w->args, &w->err);
}

static void forms_of_options(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    assert_int_equal(parse(&w, "run a.sql -o csv --set=a=b --set c=d -qv --replay 60"), LT_OK);
    assert_string_equal(lt_cli_arg(&w.args, "output"), "csv");
    assert_string_equal(lt_cli_arg_at(&w.args, "set", 0), "a=b");
    assert_string_equal(lt_cli_arg_at(&w.args, "set", 1), "c=d");
    assert_null(lt_cli_arg_at(&w.args, "set", 2));
    assert_string_equal(lt_cli_arg(&w.args, "quiet"), "");
    assert_non_null(lt_cli_arg(&w.args, "verbose"));
    assert_null(lt_cli_arg(&w.args, "no-progress"));
    assert_int_equal(w.args.word_count, 1);
    assert_string_equal(w.args.words[0], "a.sql");
    assert_int_equal(parse(&w, "run -ojsonl -eX -- -b"), LT_OK);
    assert_string_equal(lt_cli_arg(&w.args, "output"), "jsonl");
    assert_string_equal(lt_cli_arg(&w.args, "execute"), "X");
    assert_string_equal(w.args.words[0], "-b");
    assert_int_equal(parse(&w, "run -o csv -o tsv -"), LT_OK);
    assert_string_equal(lt_cli_arg(&w.args, "output"), "tsv");
    assert_string_equal(w.args.words[0], "-");
    assert_int_equal(parse(&w, "run --nonsense --help"), LT_OK);
    assert_true(w.args.help);
    close_world(&w);
}

static void mistakes_in_options(void **state)
{
    (void)state;
    static const char *const wrong[][3] = {
        {"run --reply 60", "unknown option '--reply'", "did you mean --replay?"},
        {"run -output csv", "csv", NULL}, /* -o with the value `utput` */
        {"run -x", "unknown option '-x'", "leat help run"},
        {"run --output", "--output needs a value", NULL},
        {"run -o xml", "does not know 'xml'", "table|csv"},
        {"run --quiet=yes", "takes no value", NULL},
    };
    world w;
    open_world(&w);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(parse(&w, wrong[i][0]), LT_ERR_USAGE);
        if (i != 1) {
            assert_non_null(strstr(w.err.text, wrong[i][1]));
        }
        if (wrong[i][2] != NULL) {
            assert_non_null(strstr(w.err.hint, wrong[i][2]));
        }
    }
    close_world(&w);
}

/* Each page fits a screen of 24 lines by 80 columns, the list of commands and the options of run a
 * larger one. */
static void help_fits_a_screen(void **state)
{
    (void)state;
    lt_mem mem;
    lt_text text;
    lt_mem_init(&mem, NULL, "test", 0);
    lt_text_init(&text, &mem);
    for (size_t i = 0; i <= lt_cli_command_count; i++) {
        const lt_cli_command *command = i > 0 ? &lt_cli_commands[i - 1] : NULL;
        if (command != NULL && command->run == NULL) {
            continue;
        }
        size_t lines = 0;
        lt_text_clear(&text);
        lt_cli_help_text(&text, command);
        for (const char *at = text.ptr; *at != '\0'; lines++) {
            size_t len = strcspn(at, "\n");
            bool is_example =
                strstr(at, "stdin WHERE") != NULL && strstr(at, "stdin WHERE") < at + len;
            assert_true(len <= 80 || is_example);
            at += len + 1;
        }
        assert_true(lines <= (command == lt_cli_find("run") ? 37U : 29U));
    }
    lt_text_deinit(&text);
    lt_mem_deinit(&mem);
}

static void completion_names_everything(void **state)
{
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    lt_mem mem;
    lt_text text;
    lt_mem_init(&mem, NULL, "test", 0);
    lt_text_init(&text, &mem);
    for (size_t i = 0; i < 3; i++) {
        lt_text_clear(&text);
        assert_true(lt_cli_completion_text(&text, shells[i]));
        assert_non_null(strstr(text.ptr, "explain"));
        assert_non_null(strstr(text.ptr, "replay"));
        assert_non_null(strstr(text.ptr, "table csv tsv json jsonl changelog tableau"));
        assert_non_null(strstr(text.ptr, "savepoint"));
        assert_null(strstr(text.ptr, "deploy"));
    }
    assert_false(lt_cli_completion_text(&text, "tcsh"));
    lt_text_deinit(&text);
    lt_mem_deinit(&mem);
}

static void settings_in_a_script(void **state)
{
    (void)state;
    lt_str sql = LT_STR("-- SET 'a' = '0';\nSET 'a' = '1'; /* SET 'a'='2'; */ set "
                        "'b'='x;y';\nSELECT 'SET'; RESET 'b';");
    assert_true(lt_str_eq(lt_scan_setting(sql, "a"), LT_STR("1")));
    assert_null(lt_scan_setting(sql, "b").ptr);
    assert_true(lt_str_eq(lt_scan_setting((lt_str){sql.ptr, sql.len - 10}, "b"), LT_STR("x;y")));
    assert_null(lt_scan_setting(sql, "c").ptr);
    assert_null(lt_scan_setting(LT_STR("SET 'a' = '1'; RESET"), "a").ptr);
    assert_null(lt_scan_setting(LT_STR("SET"), "a").ptr);
}

static void tables_in_a_script(void **state)
{
    (void)state;
    lt_scan scan = {
        .sql = LT_STR(
            "SELECT * FROM 'a b.csv' x JOIN `t``u` ON 1=1; SELECT 1 FROM TUMBLE(TABLE stdin, 5) "
            "JOIN (SELECT * FROM z) ON TRUE")};
    static const char *const want[] = {"a b.csv", "t``u", "stdin", "z"};
    for (size_t i = 0; i < 4; i++) {
        assert_true(lt_scan_table(&scan));
        assert_true(lt_str_eq(scan.text, lt_str_of(want[i])));
    }
    assert_false(lt_scan_table(&scan));
    lt_str second;
    assert_true(lt_str_eq(lt_scan_verb(LT_STR("; -- x\n show CREATE table a"), 0, &second),
                          LT_STR("show")));
    assert_true(lt_str_eq(second, LT_STR("CREATE")));
    assert_null(lt_scan_verb(LT_STR(" ; "), 0, &second).ptr);
    /* Unclosed things end at the end. */
    static const char *const open_ended[] = {"/*",     "'abc", "`",  "--",
                                             "FROM '", "/* *", "''", "'a''"};
    for (size_t i = 0; i < sizeof open_ended / sizeof open_ended[0]; i++) {
        lt_scan one = {.sql = lt_str_of(open_ended[i])};
        while (lt_scan_next(&one)) {
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_of_options),     cmocka_unit_test(mistakes_in_options),
        cmocka_unit_test(help_fits_a_screen),   cmocka_unit_test(completion_names_everything),
        cmocka_unit_test(settings_in_a_script), cmocka_unit_test(tables_in_a_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
