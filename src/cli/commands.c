/* The table of commands. A new command = one row here, one function, a line in the README. */
#include "cli/cli.h"

#define OPTION_SQL                                              \
    {                                                           \
        .name = "execute", .letter = 'e', .value = "SQL",       \
        .help = "statements instead of a file; may be repeated" \
    }
#define OPTION_EVENT_TIME                                  \
    {                                                      \
        .name = "event-time", .value = "COLUMN",           \
        .help = "event time of FROM 'file' and FROM stdin" \
    }
#define OPTION_DELAY                                                                         \
    {                                                                                        \
        .name = "delay", .value = "TIME", .help = "how far it runs out of order, such as 5s" \
    }
#define OPTION_SET                                                                             \
    {                                                                                          \
        .name = "set", .value = "KEY=VALUE", .help = "as SET 'key' = 'value'; may be repeated" \
    }
#define OPTION_ZONE                                                                              \
    {                                                                                            \
        .name = "time-zone", .value = "ZONE", .help = "session time zone, such as Europe/Berlin" \
    }

#define OPTION_STATE_DIR                                            \
    {                                                               \
        .name = "state-dir", .value = "DIR",                        \
        .help = "where jobs keep their state (~/.local/state/leat)" \
    }
#define OPTION_JSON                                \
    {                                              \
        .name = "json", .help = "as a JSON object" \
    }

#define OPTION_IDLE_TIMEOUT                                  \
    {                                                        \
        .name = "idle-timeout", .value = "TIME",             \
        .help = "of live sources without one (30s; 0 = off)" \
    }
#define OPTION_FUTURE_SKEW                                        \
    {                                                             \
        .name = "future-skew", .value = "TIME",                   \
        .help = "reject live rows after now + TIME (1d; 0 = off)" \
    }

#define OPTION_NATIVE                                                                            \
    {                                                                                            \
        .name = "allow-native-functions", .value = "DIR", .help = "load functions in C from DIR" \
    }

static const lt_cli_option run_options[] = {
    OPTION_SQL,
    {.name = "output",
     .letter = 'o',
     .value = "FORMAT",
     .choices = "table|csv|tsv|json|jsonl|changelog|tableau",
     .help = "of SELECT results"},
    OPTION_EVENT_TIME,
    OPTION_DELAY,
    {.name = "replay", .value = "SPEED", .help = "pace files by event time: 60, 1000, max"},
    {.name = "rejects", .value = "DIR", .help = "keep refused rows in DIR/<job>.rejects.jsonl"},
    OPTION_SET,
    OPTION_ZONE,
    OPTION_NATIVE,
    {.name = "parallelism", .value = "N", .help = "lanes of each job (one per processor)"},
    {.name = "restore", .value = "PATH", .help = "start from a savepoint or checkpoint"},
    {.name = "fresh", .help = "forget the state that is there"},
    {.name = "allow-drop", .value = "NAMES", .help = "operators whose state may be dropped"},
    OPTION_STATE_DIR,
    {.name = "metrics", .value = "HOST:PORT", .help = "serve /metrics and /healthz over HTTP"},
    {.name = "show-ddl", .help = "print inferred CREATE TABLEs, run nothing"},
    {.name = "batch-rows", .value = "N", .help = "rows per batch at most (4096)"},
    {.name = "memory", .value = "SIZE", .help = "maximum, such as 512mb"},
    OPTION_IDLE_TIMEOUT,
    OPTION_FUTURE_SKEW,
    {.name = "json-stats", .value = "FILE", .help = "write the summary as JSON; - = stdout"},
    {.name = "no-progress", .help = "no live status area"},
    {.name = "quiet", .letter = 'q', .help = "no summary"},
    {.name = "verbose", .letter = 'v', .help = "summary with what each operator did"},
};

static const lt_cli_option check_options[] = {
    OPTION_SQL,
    OPTION_EVENT_TIME,
    OPTION_DELAY,
    OPTION_SET,
    OPTION_ZONE,
    OPTION_NATIVE,
    {.name = "suggest-watermark", .help = "read the tables, print WATERMARK clauses"},
    {.name = "sample", .value = "N", .help = "rows of a table read for it (all)"},
};

static const lt_cli_option explain_options[] = {OPTION_SQL, OPTION_EVENT_TIME, OPTION_DELAY,
                                                OPTION_SET, OPTION_ZONE,       OPTION_NATIVE};

static const lt_cli_option test_options[] = {
    {.name = "update", .letter = 'u', .help = "rewrite the expected results"},
    {.name = "matrix", .help = "run each file under every setting of the matrix"},
    {.name = "only", .value = "TEXT", .help = "settings of the matrix with TEXT in their name"},
    {.name = "batch-rows", .value = "N", .help = "rows per batch at most"},
    OPTION_NATIVE,
    {.name = "verbose", .letter = 'v', .help = "name each test"},
};

static const lt_cli_option ps_options[] = {
    {.name = "json", .help = "one JSON object a line"},
    OPTION_STATE_DIR,
};

static const lt_cli_option status_options[] = {OPTION_JSON, OPTION_STATE_DIR};

static const lt_cli_option savepoint_options[] = {OPTION_STATE_DIR};

static const lt_cli_option stop_options[] = {
    {.name = "drain", .help = "fire open windows and end; nothing is left"},
    {.name = "savepoint", .value = "DIR", .help = "keep a copy of its last state in DIR"},
    OPTION_STATE_DIR,
};

static const lt_cli_option state_options[] = {
    {.name = "output",
     .letter = 'o',
     .value = "FORMAT",
     .choices = "table|csv|tsv|json|jsonl",
     .help = "of the rows"},
    OPTION_STATE_DIR,
};

static const lt_cli_option replay_options[] = {
    {.name = "parallelism", .value = "N", .help = "lanes (as the run had)"},
    {.name = "all", .help = "every checkpoint that has one before it"},
    OPTION_EVENT_TIME,
    OPTION_DELAY,
    OPTION_SET,
    OPTION_ZONE,
    OPTION_NATIVE,
    OPTION_IDLE_TIMEOUT,
    OPTION_FUTURE_SKEW,
    OPTION_STATE_DIR,
};

static const lt_cli_option version_options[] = {{.name = "json", .help = "as a JSON object"}};

#define OPTIONS(table) .options = (table), .option_count = LT_COUNT_OF(table)

const lt_cli_command lt_cli_commands[] = {
    {.name = "run",
     .args = "FILE.sql|-e SQL",
     .help = "run statements until their input ends",
     OPTIONS(run_options),
     .examples =
         {"leat run visits.sql", "leat run visits.sql --replay 1000",
          "tail -F app.log | leat -e \"SELECT * FROM stdin WHERE level = 'ERROR'\" -o jsonl"},
     .run = lt_cmd_run},
    {.name = "check",
     .args = "FILE.sql...|-e SQL",
     .help = "find mistakes; opens nothing",
     OPTIONS(check_options),
     .examples = {"leat check visits.sql", "leat check -e \"SELECT 1\"",
                  "leat check --suggest-watermark visits.sql"},
     .run = lt_cmd_check},
    {.name = "explain",
     .args = "FILE.sql|-e SQL",
     .help = "print the plans",
     OPTIONS(explain_options),
     .examples = {"leat explain visits.sql"},
     .run = lt_cmd_explain},
    {.name = "test",
     .args = "FILE.slt|DIR...",
     .help = "run golden tests",
     OPTIONS(test_options),
     .examples = {"leat test tests/slt", "leat test window.slt --update"},
     .run = lt_cmd_test},
    {.name = "ps",
     .args = "",
     .help = "list the jobs and whether they run",
     OPTIONS(ps_options),
     .examples = {"leat ps", "leat ps --json"},
     .run = lt_cmd_ps},
    {.name = "status",
     .args = "JOB",
     .help = "show what a job does",
     OPTIONS(status_options),
     .examples = {"leat status visits", "leat status visits.sql --json"},
     .run = lt_cmd_status},
    {.name = "savepoint",
     .args = "JOB [DIR]",
     .help = "copy a running job's state, print where to",
     OPTIONS(savepoint_options),
     .examples = {"leat savepoint visits", "leat savepoint visits /backup/visits-1"},
     .run = lt_cmd_savepoint},
    {.name = "stop",
     .args = "JOB",
     .help = "stop a job so that it can be resumed",
     OPTIONS(stop_options),
     .examples = {"leat stop visits", "leat stop visits --drain",
                  "leat stop visits --savepoint /backup/visits-1"},
     .run = lt_cmd_stop},
    {.name = "state",
     .args = "ls|show|export JOB|PATH [TABLE]",
     .help = "look into checkpoints and savepoints",
     OPTIONS(state_options),
     .examples = {"leat state ls visits", "leat state show /backup/visits-1",
                  "leat state export /backup/visits-1 WindowAggregate/slices -o csv"},
     .run = lt_cmd_state},
    {.name = "replay",
     .args = "JOB|PATH [FILE.sql]",
     .help = "repeat what led to a checkpoint and compare",
     OPTIONS(replay_options),
     .examples = {"leat replay visits", "leat replay visits --all --parallelism 1",
                  "leat replay chk-12.manifest visits.sql"},
     .run = lt_cmd_replay},
    {.name = "help",
     .args = "[COMMAND]",
     .help = "show help",
     .examples = {"leat help run"},
     .run = lt_cmd_help},
    {.name = "version",
     .args = "",
     .help = "show the version",
     OPTIONS(version_options),
     .examples = {"leat version --json"},
     .run = lt_cmd_version},
    {.name = "completion",
     .args = "bash|zsh|fish",
     .help = "print a completion script",
     .examples = {"leat completion bash > /etc/bash_completion.d/leat"},
     .run = lt_cmd_completion},
    /* Words kept for later versions. */
    {.name = "serve"},
    {.name = "sql"},
    {.name = "bench"},
    {.name = "demo"},
    {.name = "rejects"},
    {.name = "deploy"},
    {.name = "doctor"},
    {.name = "man"},
};
const size_t lt_cli_command_count = LT_COUNT_OF(lt_cli_commands);

const lt_cli_command *lt_cli_find(const char *name)
{
    for (size_t i = 0; i < lt_cli_command_count; i++) {
        if (strcmp(lt_cli_commands[i].name, name) == 0) {
            return &lt_cli_commands[i];
        }
    }
    return NULL;
}
