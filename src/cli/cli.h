/* What the commands share: the process's streams, the table of commands and options, how to speak
 * and how to exit.
 *
 * One table (commands.c) drives parsing, help and completion. stdout is data, stderr is talk. The
 * command line sees the engine through include/leat/leat.h alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/str.h"
#include "os/env.h"

#define LT_CLI_LANES_MAX LT_KEY_GROUPS /* of --parallelism */

/* Exit codes 0-6 are the values of leat_status; want of memory and bugs of leat share sysexits.h's
 * EX_SOFTWARE. */
enum {
    LT_EXIT_OK = 0,
    LT_EXIT_USAGE = 1,
    LT_EXIT_SQL = 2,
    LT_EXIT_IO = 3,
    LT_EXIT_DATA = 4,
    LT_EXIT_STATE = 5,
    LT_EXIT_PERMISSION = 6,
    LT_EXIT_SOFTWARE = 70,
    LT_EXIT_INTERRUPT = 130
};

typedef struct lt_cli {
    lt_env *env;
    lt_mem *mem;
    lt_file *in; /* the standard streams; NULL when the process has none */
    lt_file *out;
    lt_file *err;
    bool out_terminal;
    bool err_terminal;
    bool color;      /* on stderr: a terminal, no NO_COLOR, TERM is not dumb */
    bool redraw;     /* stderr understands cursor movement */
    bool utf8;       /* by the locale's name */
    bool out_closed; /* the reader of stdout has gone: stop quietly */
    int64_t start_ns;
    const char *cwd; /* absolute; NULL = not known */
} lt_cli;

/* ---- commands and options ---- */

typedef struct {
    const char *name;    /* "output": --output */
    char letter;         /* 'o': -o; 0 = none */
    const char *value;   /* what the value is called in help; NULL = a flag */
    const char *choices; /* "table|csv"; NULL = free */
    const char *help;    /* a few words */
} lt_cli_option;

typedef struct {
    const char *name;
    const char *args; /* as shown in usage; "" = none */
    const char *help; /* one line, lower case */
    const lt_cli_option *options;
    size_t option_count;
    const char *examples[3]; /* NULL = fewer */
    /* argv[0] is the command's name. Returns the exit code. NULL: a word that is kept for a later
     * version. */
    int (*run)(lt_cli *cli, int argc, char **argv);
} lt_cli_command;

extern const lt_cli_command lt_cli_commands[];
extern const size_t lt_cli_command_count;

const lt_cli_command *lt_cli_find(const char *name); /* NULL when there is none */

typedef struct {
    const lt_cli_option *option;
    const char *value; /* "" for a flag */
} lt_cli_given;

typedef struct {
    const lt_cli_given *given; /* in order */
    size_t given_count;
    const char *const *words; /* what is no option */
    size_t word_count;
    bool help; /* -h or --help was given; nothing else was checked */
} lt_cli_args;

/* Parses argv[1..]. `--name value`, `--name=value`, `-o value`, `-ovalue`, flags together as `-qv`,
 * `--` ends the options. LT_ERR_USAGE with did-you-mean. The result borrows argv and lives in the
 * arena. */
lt_status lt_cli_parse(const lt_cli_command *command, int argc, char **argv, lt_arena *arena,
                       lt_cli_args *out, lt_error *err);
/* The last value of an option, "" for a flag; NULL when it was not given. */
const char *lt_cli_arg(const lt_cli_args *args, const char *name);
/* The n-th value of an option that may be repeated; NULL past the end. */
const char *lt_cli_arg_at(const lt_cli_args *args, const char *name, size_t n);
/* All of its values, with `:` between them, in the arena; *out NULL when it was not given. */
lt_status lt_cli_arg_list(const lt_cli_args *args, const char *name, lt_arena *arena,
                          const char **out, lt_error *err);

/* Parses for the command of that name and answers --help and mistakes itself: false = exit with
 * *exit_code. */
bool lt_cli_begin(lt_cli *cli, const char *name, int argc, char **argv, lt_arena *arena,
                  lt_cli_args *args, int *exit_code);

void lt_cli_help_text(lt_text *to, const lt_cli_command *command /* NULL = all */);
bool lt_cli_completion_text(lt_text *to, const char *shell); /* false: unknown shell */

int lt_cmd_run(lt_cli *cli, int argc, char **argv);
int lt_cmd_check(lt_cli *cli, int argc, char **argv);
int lt_cmd_explain(lt_cli *cli, int argc, char **argv);
int lt_cmd_test(lt_cli *cli, int argc, char **argv);
int lt_cmd_ps(lt_cli *cli, int argc, char **argv);
int lt_cmd_status(lt_cli *cli, int argc, char **argv);
int lt_cmd_savepoint(lt_cli *cli, int argc, char **argv);
int lt_cmd_stop(lt_cli *cli, int argc, char **argv);
int lt_cmd_state(lt_cli *cli, int argc, char **argv);
int lt_cmd_replay(lt_cli *cli, int argc, char **argv);
int lt_cmd_help(lt_cli *cli, int argc, char **argv);
int lt_cmd_version(lt_cli *cli, int argc, char **argv);
int lt_cmd_completion(lt_cli *cli, int argc, char **argv);

/* The whole command line; returns the exit code. */
int lt_cli_main(lt_cli *cli, int argc, char **argv);

/* ---- speaking ---- */

/* A line on stderr, after `leat: `. */
void lt_cli_say(lt_cli *cli, const char *fmt, ...) LT_PRINTF(2, 3);
/* The same for an error; about: file or "" */
void lt_cli_complain(lt_cli *cli, const char *about, const char *text);
/* Error and hint of ours; returns the exit code of err->code. */
int lt_cli_fail(lt_cli *cli, const char *about, const lt_error *err);
void lt_cli_err_write(lt_cli *cli,
                      lt_str text); /* to stderr as it is; failures are nobody's business */

/* Writes data to stdout. When its reader has gone, sets out_closed and returns LT_OK: the caller
 * stops quietly. */
lt_status lt_cli_out_write(lt_cli *cli, lt_str text, lt_error *err);

int lt_cli_exit_of(int leat_status_value);
int lt_cli_exit_of_error(lt_status status);

bool lt_cli_is_broken_pipe(const char *error_text);
