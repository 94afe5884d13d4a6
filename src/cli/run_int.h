/* Private to run*.c: one invocation of `leat run` or `leat -e`. */
#pragma once

#include "cli/jobs.h"
#include "cli/scan.h"
#include "cli/session.h"

typedef struct {
    lt_cli_session session; /* first: session functions take it */
    lt_cli *cli;
    lt_progress progress;
    LT_ARRAY(lt_cli_job) jobs;
    lt_writer_options output;
    bool output_given; /* -o was: SET 'sql-client.execution.result-mode' does not count */
    bool quiet;
    bool verbose;
    bool stopping;
    bool terminal_shared; /* rows and status area are on one terminal */
    int64_t flushed_ns;
    int64_t served_ns;
    int64_t turn_ms; /* of waiting with several jobs */
    int exit_code;
    struct lt_server *server; /* NULL = nobody can ask */
    const char *metrics;      /* HOST:PORT; NULL = none */
} lt_runner;

/* stall.c: why a live job has given nothing for five seconds, once, on stderr. */
void lt_run_explain_silence(lt_runner *self, lt_cli_job *job);

/* run_options.c */
/* What the script or --set says before the offset; {NULL, 0} when nothing. */
lt_str lt_run_setting(const lt_runner *self, size_t offset, const char *key);
bool lt_run_setting_is(const lt_runner *self, size_t offset, const char *key, const char *wanted);
lt_output lt_run_script_format(const lt_runner *self, size_t offset);
lt_status lt_run_configure(lt_runner *self, lt_error *err);
