/* Private to `leat test`: a test file as blocks, the engines that a file's blocks drive, rows as
 * text. The format is described in docs/howto/test-pipelines.md.
 *
 * test_file.c   bytes -> blocks
 * test_sql.c    a glance at statements: where they end, what they write to, CREATE TABLE of
 * replaced tables test_rows.c   rows as text, feeding text as records, comparing test_world.c
 * engines and jobs: every query has an engine of its own, made by repeating what happened so far
 * test_trial.c  restarts, checkpoints, crashes, other lanes; jobs with threads
 * test_judge.c  what was expected against what came
 * test_block.c  what each block does
 * test.c        the command: files, settings of the matrix, the summary */
#pragma once

#include <leat/leat.h>

#include "base/arena.h"
#include "base/array.h"
#include "cli/cli.h"

/* ---- blocks ---- */

typedef enum {
    LT_BLOCK_OK,
    LT_BLOCK_ERROR,
    LT_BLOCK_START,
    LT_BLOCK_QUERY,
    LT_BLOCK_FEED,
    LT_BLOCK_END,
    LT_BLOCK_CLOCK,
    LT_BLOCK_RESTART,
    LT_BLOCK_CHECKPOINT,
    LT_BLOCK_CRASH,
    LT_BLOCK_EXPECT,
    LT_BLOCK_EXPECT_FILE,
    LT_BLOCK_EXPECT_ERROR,
    LT_BLOCK_EXPECT_LEDGER,
    LT_BLOCK_SKIP,
    LT_BLOCK_REQUIRES,
    LT_BLOCK_INCLUDE,
    LT_BLOCK_SOURCE,
    LT_BLOCK_SINK
} lt_block_kind;

typedef struct {
    lt_block_kind kind;
    uint32_t line; /* of the directive, from 1 */
    lt_str name;   /* query, table, path, time */
    lt_str rest; /* what follows on the directive's line: part of an error, a reason, columns, more
                    tables */
    lt_str sql;
    bool final;
    bool changelog;
    bool sorted;
    bool raw;
    bool has_rows; /* there is a `----`, or the block has rows without one */
    lt_str *rows;
    uint32_t row_count;
    uint32_t rows_line; /* of the first row */
    size_t rows_from;   /* the bytes of the file that --update replaces */
    size_t rows_to;
} lt_block;

typedef struct {
    const char *path;
    lt_str text;
    lt_block *blocks;
    uint32_t count;
    bool skip_matrix;
    bool skip_threads;  /* of the matrix, settings with threads */
    bool skip_restarts; /* and those with any trial */
    bool keeps_state;   /* it asks for checkpoints or crashes */
    bool needs_native;  /* it calls functions of libraries */
} lt_test_file;

/* Cuts a file into blocks, which borrow from its text. A mistake gives LT_ERR_USAGE with file and
 * line. */
lt_status lt_test_parse(lt_arena *arena, const char *path, lt_str text, lt_test_file *out,
                        lt_error *err);

/* ---- statements ---- */

/* The next statement of a script, without its semicolon; false when none is left. */
bool lt_test_next_statement(lt_str script, size_t *at, lt_str *piece);
/* Statements that change the catalog or the session, and start no job. */
bool lt_test_is_ddl(lt_str sql);
/* The next table that the statement inserts into; starts behind *at. */
bool lt_test_next_target(lt_str sql, size_t *at, lt_str *table);
/* The last part of the name in CREATE [TEMPORARY] TABLE [IF NOT EXISTS] name; false for other
 * statements. */
bool lt_test_created_table(lt_str sql, lt_str *table);
/* The CREATE TABLE with other options: its WITH clause is replaced, PARTITIONED BY is left out. */
char *lt_test_with_options(lt_arena *arena, lt_str sql, const char *options);

/* ---- rows ---- */

typedef struct {
    leat_kind kind;
    lt_str text; /* values separated by two blanks */
} lt_test_row;

typedef LT_ARRAY(lt_test_row) lt_test_rows;
typedef LT_ARRAY(lt_str) lt_test_lines;

/* All columns of a row as one line of text. */
void lt_test_row_text(leat_rows *rows, uint32_t row, uint32_t width, lt_text *to);
/* Leaves the rows that insertions and retractions do not cancel. */
void lt_test_fold(lt_test_rows *rows);

/* A table as `feed` sees it: its physical columns. */
typedef struct {
    lt_str *names;
    lt_str *types;
    uint32_t count;
    bool is_json;
} lt_test_table;

/* A fed line as a JSON record with newline, and its row kind. columns: of the line, NULL = all of
 * the table. */
lt_status lt_test_record(const lt_test_table *table, const lt_test_lines *columns, lt_str line,
                         lt_text *to, leat_kind *kind, lt_error *err);
/* An expected row: its kind, and its values two blanks apart. */
lt_status lt_test_parse_row(lt_arena *arena, lt_str line, lt_test_row *out, lt_error *err);
/* Takes a row kind from the front of the line. */
leat_kind lt_test_take_kind(lt_str *line);

/* Appends what differs, as -/+ lines, to the report; true when nothing does. columns: blanks
 * between values do not count. */
typedef struct {
    const lt_str *want;
    uint32_t want_count;
    const lt_str *got;
    uint32_t got_count;
    bool columns;
    bool sorted;
    bool by_key;          /* order counts among rows of one key only */
    uint64_t key_columns; /* bit i: column i is of the key; 0 = all are */
} lt_test_compare;
lt_status lt_test_diff(lt_mem *mem, const lt_test_compare *cmp, lt_text *report, bool *same,
                       lt_error *err);
void lt_test_sort(lt_str *lines, uint32_t count);

/* ---- running ---- */

/* What is done to a query after every step, that is, after every fed row (batch, when smaller than
 * a feed), end of input, and move of the clock. */
typedef enum {
    LT_TRIAL_NONE,
    LT_TRIAL_SNAPSHOT,   /* leat_save, leat_restore */
    LT_TRIAL_CHECKPOINT, /* a checkpoint on disk, from which a new job goes on */
    LT_TRIAL_CRASH       /* a checkpoint amid one step, and after the next one the job is thrown
                            away: a new one goes on from the checkpoint */
} lt_test_trial;

typedef struct {
    const char *name;    /* for messages; "" = plain */
    uint32_t batch_rows; /* 0 = the engine's own */
    uint32_t lanes;      /* 0 = what the file says, else 1 */
    lt_test_trial trial;
    bool rescale; /* with other lanes each time */
    bool reparse; /* statements are printed and parsed again */
    bool threads;
    bool spill; /* all state is moved to a file after each batch */
} lt_test_setting;

/* What has come out under one name. */
typedef struct {
    lt_str name;
    bool final;
    lt_test_rows rows;
    size_t seen;       /* rows that an earlier expect has judged */
    const char *error; /* why a job failed; NULL = none did */
    /* Of the job behind it: what holds when several lanes work on it. */
    bool loose;           /* they do: order across keys is free */
    const char *promise;  /* leat_stats.promise; NULL = none yet */
    uint64_t key_columns; /* bit i: leat_column.key */
    bool any_late;
    lt_test_rows wanted; /* expected so far, where only final rows are promised */
} lt_test_channel;

typedef struct {
    const char *sql;
    lt_test_channel *channel; /* NULL: an INSERT, whose sinks are read by further jobs */
    lt_test_channel *blame;   /* where a failure is kept */
    leat_job *job;            /* NULL once it has ended */
    bool has_checkpoint;
    size_t covered;    /* rows that had come when it was restored */
    lt_test_rows lost; /* those behind them, which must come again */
} lt_test_job;

typedef struct {
    leat *db;
    LT_ARRAY(lt_test_job) jobs;
    size_t log_count; /* DDL up to here is known to it */
    bool keeps_files; /* writes to something that a snapshot does not cover: it is not restarted */
    bool final_rows;
    bool is_listing; /* EXPLAIN: as the file says, whatever the setting */
    bool with_threads;
    const char *state_dir; /* NULL = its jobs keep no state */
    uint32_t lanes;        /* asked for by the file; 0 = the setting says */
    uint32_t lives;        /* times it was started again */
    uint32_t steps;
    uint64_t asked; /* a checkpoint is under way: completed before it + 1; 0 = none is */
    /* What the last checkpoint covers: of the log, all before this entry, and of what follows
     * whatever the sources had read. */
    size_t covered;
    int64_t covered_ms; /* the clock then */
} lt_test_engine;

typedef enum { LT_LOG_DDL, LT_LOG_PUSH, LT_LOG_END, LT_LOG_CLOCK } lt_log_kind;

typedef struct {
    lt_log_kind kind;
    const char *text; /* statement, or table */
    leat_kind row_kind;
    lt_str bytes;
    int64_t clock_ms;
} lt_log_entry;

typedef struct {
    size_t from, to;
    lt_str text;
} lt_test_edit;

typedef struct {
    lt_cli *cli;
    lt_mem *mem;
    lt_arena *arena;
    const lt_test_file *file;
    const lt_test_setting *setting;
    bool update;
    const char *native; /* directories of libraries that are allowed; NULL = none */
    leat *main;         /* the catalog */
    LT_ARRAY(lt_log_entry) log;
    LT_ARRAY(lt_test_engine *) engines;
    LT_ARRAY(lt_test_channel *) channels;
    LT_ARRAY(lt_str) sources; /* tables that are fed in spite of their connector */
    LT_ARRAY(lt_str) sinks;   /* tables whose rows are kept for expect */
    LT_ARRAY(lt_test_edit) edits;
    int64_t clock_ms;
    char *here;            /* folder of the file */
    char *tmp;             /* NULL = not used */
    char *state;           /* below which engines keep state; NULL = none does */
    uint32_t engine_count; /* ever made */
    bool loose_files;      /* several lanes wrote them */
    uint32_t unordered;    /* expectations left out: their result depends on the order of rows */
    const char *
        message; /* of the engine that failed last, with its lines; NULL = none did in this block */
    lt_text *report;
    uint32_t failures;
} lt_world;

lt_status lt_world_open(lt_world *world, lt_error *err);
void lt_world_close(lt_world *world);

typedef enum {
    LT_ENGINE_STAYS, /* a query that goes on */
    LT_ENGINE_ONCE,  /* a statement that comes to its end */
    LT_ENGINE_FINAL  /* the same, of which only the final rows count */
} lt_engine_use;

/* An engine that has seen all that happened so far, for this statement. */
lt_status lt_world_engine(lt_world *world, const char *sql, lt_engine_use use, lt_test_engine **out,
                          lt_error *err);
void lt_world_engine_free(lt_world *world, lt_test_engine *engine);
/* Adds a job to the engine. The statement is kept. */
lt_status lt_world_add_job(lt_world *world, lt_test_engine *engine, const char *sql,
                           lt_test_channel *channel, lt_test_channel *blame, lt_error *err);
/* Runs every job until it waits; a failed one leaves its message in its channel. */
lt_status lt_world_pump(lt_world *world, lt_test_engine *engine, lt_error *err);
/* The same for a query of its own: while bounded input waits for the clock (datagen), its engine's
 * clock goes on. */
lt_status lt_world_pump_to_end(lt_world *world, lt_test_engine *engine, lt_error *err);
/* in = used + filtered + late + expired + rejected + held, everywhere. */
lt_status lt_world_check_ledger(const lt_test_engine *engine, lt_error *err);

lt_status lt_world_ddl(lt_world *world, const char *sql, lt_error *err);
lt_status lt_world_push(lt_world *world, const char *table, leat_kind kind, lt_str bytes,
                        lt_error *err);
lt_status lt_world_end(lt_world *world, const char *table, lt_error *err);
lt_status lt_world_clock(lt_world *world, int64_t ms, lt_error *err);
lt_status lt_world_describe(lt_world *world, const char *table, lt_test_table *out, lt_error *err);

lt_status lt_world_engine_error(lt_world *world, const leat *db, leat_status st, lt_error *err);
lt_status lt_world_open_db(lt_world *world, const lt_test_engine *engine, leat **out,
                           lt_error *err);
void lt_world_free_jobs(lt_test_engine *engine);
/* Repeats the DDL that the engine knows. */
lt_status lt_world_repeat_ddl(lt_world *world, lt_test_engine *engine, lt_error *err);
/* Steps a job once and keeps its rows. */
lt_status lt_world_step_job(lt_world *world, lt_test_engine *engine, lt_test_job *job,
                            uint32_t budget, leat_state *state, lt_error *err);
/* What several lanes and the order of rows mean for the job's result. */
void lt_world_note_promise(lt_world *world, const lt_test_engine *engine, lt_test_job *job);

lt_test_channel *lt_world_channel(lt_world *world, lt_str name); /* NULL when there is none */
lt_status lt_world_new_channel(lt_world *world, lt_str name, bool final, lt_test_channel **out,
                               lt_error *err);

/* ---- trials ---- */

/* Around a step: what happens between is one entry of the log, or the start of the query (entry =
 * length of the log). */
lt_status lt_trial_before(lt_world *world, lt_test_engine *engine, size_t entry, lt_error *err);
lt_status lt_trial_after(lt_world *world, lt_test_engine *engine, size_t entry, lt_error *err);
/* A query of its own is taken down midway, once. */
lt_status lt_trial_midway(lt_world *world, lt_test_engine *engine, lt_error *err);
/* Do the settings or the file want jobs that keep state? */
bool lt_trial_keeps_state(const lt_world *world);

lt_status lt_trial_restart(lt_world *world, lt_test_engine *engine, lt_error *err);
lt_status lt_trial_checkpoint(lt_world *world, lt_test_engine *engine, lt_error *err);
lt_status lt_trial_crash(lt_world *world, lt_test_engine *engine, lt_error *err);
/* Waits until a job with threads has done all that it can do. */
lt_status lt_trial_settle(lt_world *world, lt_test_engine *engine, lt_test_job *job, lt_error *err);

/* ---- judging ---- */

void lt_judge_report(lt_world *world, const lt_block *block, const char *what, const char *text);
void lt_judge_error(lt_world *world, const lt_block *block, const lt_error *err);
/* Compares lines with the block's rows; columns: values, not blanks, count. */
lt_status lt_judge_lines(lt_world *world, const lt_block *block, lt_str *lines, uint32_t count,
                         bool columns, lt_error *err);
/* Since the last expect; of a final channel, all that is left. */
lt_status lt_judge_channel(lt_world *world, const lt_block *block, lt_test_channel *channel,
                           lt_error *err);
/* The whole message, line by line; empty lines do not count. */
lt_status lt_judge_message(lt_world *world, const lt_block *block, const char *message,
                           lt_error *err);
void lt_judge_message_part(lt_world *world, const lt_block *block, const char *message);
lt_status lt_judge_file(lt_world *world, const lt_block *block, const char *path, lt_error *err);

/* Runs a block; what does not hold is reported and counted. */
void lt_test_block(lt_world *world, const lt_block *block);
