/* The front door: which command, what to say, how to exit; and the commands that need no engine. */
#include "cli/cli.h"

#include <leat/leat.h>
#include <stdarg.h>
#include <stdio.h>

#define SAY_MAX        2048
#define ARENA_MAX      ((size_t)16 << 20)
#define STYLE_BOLD_RED "\033[1;31m"
#define STYLE_RESET    "\033[0m"

/* ---- speaking ---- */

void lt_cli_err_write(lt_cli *cli, lt_str text)
{
    if (cli->err != NULL && text.len > 0) {
        (void)cli->env->write(cli->err, text.ptr, text.len, NULL);
    }
}

void lt_cli_say(lt_cli *cli, const char *fmt, ...)
{
    char line[SAY_MAX];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    lt_text text;
    lt_text_init(&text, cli->mem);
    lt_text_puts(&text, "leat: ");
    lt_text_append(&text, line, len < 0 ? 0 : LT_MIN((size_t)len, sizeof line - 1));
    lt_text_putc(&text, '\n');
    lt_cli_err_write(cli, lt_text_str(&text));
    lt_text_deinit(&text);
}

void lt_cli_complain(lt_cli *cli, const char *about, const char *message)
{
    lt_text text;
    lt_text_init(&text, cli->mem);
    lt_text_puts(&text, cli->color ? STYLE_BOLD_RED "leat:" STYLE_RESET " " : "leat: ");
    if (about[0] != '\0') {
        lt_text_printf(&text, "%s: ", about);
    }
    lt_text_puts(&text, message[0] != '\0' ? message : "it failed without saying why");
    lt_text_putc(&text, '\n');
    if (text.failed) {
        lt_cli_err_write(cli, LT_STR("leat: out of memory\n"));
    } else {
        lt_cli_err_write(cli, lt_text_str(&text));
    }
    lt_text_deinit(&text);
}

int lt_cli_fail(lt_cli *cli, const char *about, const lt_error *err)
{
    char line[LT_ERROR_TEXT_MAX + LT_ERROR_HINT_MAX + 8];
    (void)snprintf(line, sizeof line, "%s%s%s", err->text, err->hint[0] != '\0' ? "\n  " : "",
                   err->hint);
    lt_cli_complain(cli, about, line);
    return lt_cli_exit_of_error(err->code);
}

bool lt_cli_is_broken_pipe(const char *error_text)
{
    return strstr(error_text, "'standard output'") != NULL &&
           strstr(error_text, "broken pipe") != NULL;
}

lt_status lt_cli_out_write(lt_cli *cli, lt_str text, lt_error *err)
{
    if (text.len == 0 || cli->out_closed) {
        return LT_OK;
    }
    if (cli->out == NULL) {
        return lt_error_set(err, LT_ERR_IO, "standard output is closed");
    }
    lt_error own;
    lt_error_clear(&own);
    lt_status st = cli->env->write(cli->out, text.ptr, text.len, &own);
    if (st != LT_OK && lt_cli_is_broken_pipe(own.text)) {
        cli->out_closed = true;
        return LT_OK;
    }
    if (st != LT_OK && err != NULL) {
        *err = own;
    }
    return st;
}

/* ---- exit codes ---- */

int lt_cli_exit_of(int status)
{
    switch (status) {
    case LEAT_OK:
    case LEAT_USAGE:
    case LEAT_SQL:
    case LEAT_CONNECT:
    case LEAT_DATA:
    case LEAT_STATE:
    case LEAT_PERMISSION:
    case LEAT_INTERRUPTED:
        return status;
    default:
        return LT_EXIT_SOFTWARE;
    }
}

int lt_cli_exit_of_error(lt_status status)
{
    switch (status) {
    case LT_OK:
    case LT_FULL:
    case LT_AGAIN:
    case LT_END:
        return LT_EXIT_OK;
    case LT_ERR_USAGE:
    case LT_ERR_LIMIT:
        return LT_EXIT_USAGE;
    case LT_ERR_SQL:
    case LT_ERR_UNSUPPORTED:
        return LT_EXIT_SQL;
    case LT_ERR_IO:
    case LT_ERR_CONNECT:
        return LT_EXIT_IO;
    case LT_ERR_DATA:
        return LT_EXIT_DATA;
    case LT_ERR_STATE:
        return LT_EXIT_STATE;
    case LT_ERR_PERMISSION:
        return LT_EXIT_PERMISSION;
    case LT_ERR_INTERRUPTED:
        return LT_EXIT_INTERRUPT;
    case LT_ERR_NOMEM:
    case LT_ERR_INTERNAL:
        return LT_EXIT_SOFTWARE;
    }
    return LT_EXIT_SOFTWARE;
}

/* ---- commands without an engine ---- */

/* Prints text and takes it down. */
static int print_text(lt_cli *cli, lt_text *text)
{
    lt_error err;
    lt_error_clear(&err);
    lt_status st = text->failed ? lt_error_nomem(&err, "text")
                                : lt_cli_out_write(cli, lt_text_str(text), &err);
    lt_text_deinit(text);
    return st == LT_OK ? LT_EXIT_OK : lt_cli_fail(cli, "", &err);
}

static int print_help(lt_cli *cli, const lt_cli_command *command)
{
    lt_text text;
    lt_text_init(&text, cli->mem);
    lt_cli_help_text(&text, command);
    return print_text(cli, &text);
}

bool lt_cli_begin(lt_cli *cli, const char *name, int argc, char **argv, lt_arena *arena,
                  lt_cli_args *args, int *exit_code)
{
    const lt_cli_command *command = lt_cli_find(name);
    lt_error err;
    lt_error_clear(&err);
    lt_status st = arena != NULL ? lt_cli_parse(command, argc, argv, arena, args, &err)
                                 : lt_error_nomem(&err, "the arguments");
    if (st != LT_OK) {
        *exit_code = lt_cli_fail(cli, name, &err);
        return false;
    }
    if (args->help) {
        *exit_code = print_help(cli, command);
        return false;
    }
    return true;
}

static int unknown_command(lt_cli *cli, const char *word)
{
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; i < lt_cli_command_count && count < LT_COUNT_OF(names); i++) {
        names[count++] = lt_cli_commands[i].name;
    }
    lt_error err;
    lt_str given = {word, strlen(word)};
    const char *near = lt_str_nearest(given, names, count);
    (void)lt_error_set(&err, LT_ERR_USAGE, "unknown command '%s'", word);
    if (given.len > 4 && strcmp(word + given.len - 4, ".sql") == 0) {
        lt_error_hint(&err, "did you mean `leat run %s`?", word);
    } else if (near != NULL) {
        lt_error_hint(&err, "did you mean `leat %s`?", near);
    } else {
        lt_error_hint(&err, "`leat help` lists the commands");
    }
    return lt_cli_fail(cli, "", &err);
}

int lt_cmd_help(lt_cli *cli, int argc, char **argv)
{
    if (argc < 2 || argv[1][0] == '-') {
        return print_help(cli, NULL);
    }
    const char *word = argv[1];
    const lt_cli_command *command = lt_cli_find(word);
    return command != NULL && command->run != NULL ? print_help(cli, command)
                                                   : unknown_command(cli, word);
}

static int print_version(lt_cli *cli, bool json)
{
    lt_text text;
    lt_text_init(&text, cli->mem);
    if (json) {
        lt_text_puts(&text, "{\"name\":\"leat\",\"version\":");
        lt_text_json(&text, lt_str_of(leat_version()));
        lt_text_puts(&text, ",\"dialect\":\"Flink SQL 2.2\"}\n");
    } else {
        lt_text_printf(&text, "leat %s\n", leat_version());
    }
    return print_text(cli, &text);
}

int lt_cmd_version(lt_cli *cli, int argc, char **argv)
{
    lt_cli_args args;
    int exit_code = LT_EXIT_OK;
    lt_arena *arena = lt_arena_new(cli->mem, ARENA_MAX);
    if (lt_cli_begin(cli, "version", argc, argv, arena, &args, &exit_code)) {
        exit_code = print_version(cli, lt_cli_arg(&args, "json") != NULL);
    }
    lt_arena_free(arena);
    return exit_code;
}

int lt_cmd_completion(lt_cli *cli, int argc, char **argv)
{
    lt_text text;
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        return print_help(cli, lt_cli_find("completion"));
    }
    lt_text_init(&text, cli->mem);
    if (argc != 2 || !lt_cli_completion_text(&text, argv[1])) {
        lt_text_deinit(&text);
        lt_cli_complain(cli, "completion", "name one shell: bash, zsh or fish");
        return LT_EXIT_USAGE;
    }
    return print_text(cli, &text);
}

/* ---- the front door ---- */

int lt_cli_main(lt_cli *cli, int argc, char **argv)
{
    if (argc < 2) {
        lt_text text;
        lt_text_init(&text, cli->mem);
        lt_cli_help_text(&text, NULL);
        lt_cli_err_write(cli, lt_text_str(&text));
        lt_text_deinit(&text);
        return LT_EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        return print_help(cli, NULL);
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        return print_version(cli, false);
    }
    if (word[0] == '-') {
        return lt_cmd_run(cli, argc, argv);
    }
    const lt_cli_command *command = lt_cli_find(word);
    if (command == NULL) {
        return unknown_command(cli, word);
    }
    if (command->run == NULL) {
        lt_error err;
        (void)lt_error_set(&err, LT_ERR_USAGE, "`leat %s` is not part of this version", word);
        lt_error_hint(&err, "`leat help` lists the commands");
        return lt_cli_fail(cli, "", &err);
    }
    return command->run(cli, argc - 1, argv + 1);
}
