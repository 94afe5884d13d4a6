/* What run, check and explain have in common: SQL from a file or from -e, an engine opened by the
 * options, settings applied. */
#pragma once

#include <leat/leat.h>

#include "cli/cli.h"

/* Of live sources, unless somebody says otherwise. */
#define LT_IDLE_TIMEOUT_MS 30000
#define LT_FUTURE_SKEW_MS  86400000

typedef struct {
    lt_cli *cli;
    lt_arena *arena;
    const lt_cli_args *args;
    leat *db;
    const char *title;   /* the file as given; "" for -e */
    const char *sql;     /* the script */
    const char *prelude; /* SET statements from --set and --time-zone; "" = none */
    leat_config config;
} lt_cli_session;

/* Reads the n-th file among the words (0 and -e: the SQL of the command line). LT_ERR_USAGE when
 * there is nothing to run. */
lt_status lt_session_read(lt_cli_session *session, size_t word, lt_error *err);
/* The options that all three share; the caller sets further members of session->config before
 * lt_session_open. */
lt_status lt_session_config(lt_cli_session *session, lt_error *err);
/* Opens the engine and applies the prelude; complains and returns the exit code, 0 = fine. */
int lt_session_open(lt_cli_session *session);
void lt_session_close(lt_cli_session *session);
/* Says the engine's last error. */
int lt_session_complain(const lt_cli_session *session, leat_status status);

/* suggest.c: prints the WATERMARK clauses that suit the input; the exit code. */
int lt_suggest_watermarks(lt_cli_session *session);

/* `10s`, `1 min`, `0`. */
lt_status lt_session_duration(const lt_cli_session *session, const char *option,
                              int64_t fallback_ms, int64_t *out, lt_error *err);
