/* leat: Flink SQL over live data, as a library.
 *
 *   leat *db;
 *   leat_open(NULL, &db);
 *   leat_execute(db, "CREATE TABLE clicks (...) WITH ('connector' = 'feed', ...)", NULL, NULL);
 *   leat_execute(db, "SELECT page, COUNT(*) FROM TUMBLE(...) GROUP BY ...", NULL, &job);
 *   leat_push(db, "clicks", LEAT_INSERT, bytes, size);
 *   leat_step(job, 1000);
 *   while ((rows = leat_take(job, &count)) != NULL) { ... leat_rows_free(rows); }
 *
 * Shapes and ownership. Strings are UTF-8. What a function returns as `const` is borrowed and valid
 * until the next call on the same handle, unless said otherwise. A handle and its jobs are used by
 * one thread at a time; only leat_wake() may be called from anywhere, a signal handler included.
 * The library makes no threads unless the configuration allows them, installs no signal handlers,
 * never exits or aborts for want of memory, and writes to no standard stream unless a table says
 * so. Event times are milliseconds
 * since 1970-01-01 UTC; LEAT_TIME_MIN means none yet. */
#ifndef LEAT_H
#define LEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define LEAT_API __attribute__((visibility("default")))
#else
#define LEAT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define LEAT_VERSION  "0.1.0"
#define LEAT_TIME_MIN INT64_MIN
#define LEAT_TIME_MAX INT64_MAX

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE           2
#define ARROW_FLAG_MAP_KEYS_SORTED    4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif

typedef struct leat leat;           /* an engine: a catalog, a session, its jobs */
typedef struct leat_job leat_job;   /* a running query or a set of INSERTs */
typedef struct leat_rows leat_rows; /* some result rows */

/* How a call ended. The values are those of the command's exit codes where they coincide. */
typedef enum {
    LEAT_OK = 0,
    LEAT_USAGE = 1,   /* wrong call or option */
    LEAT_SQL = 2,     /* syntax, name or type error, or something that leat does not run */
    LEAT_CONNECT = 3, /* a file or remote system could not be reached */
    LEAT_DATA = 4,    /* bad data under the policy 'fail' */
    LEAT_STATE = 5,   /* a snapshot is unusable, or the job runs already */
    LEAT_PERMISSION = 6,
    LEAT_NOMEM = 7,
    LEAT_FULL = 8, /* not an error: the feed is full; step, then push again */
    LEAT_END = 9,  /* not an error: no further statement */
    LEAT_INTERNAL = 10,
    LEAT_INTERRUPTED = 130
} leat_status;

typedef enum {
    LEAT_INSERT = 0,
    LEAT_UPDATE_BEFORE = 1,
    LEAT_UPDATE_AFTER = 2,
    LEAT_DELETE = 3
} leat_kind;

/* All members may be zero. */
typedef struct {
    size_t struct_size;       /* sizeof(leat_config), so that later versions can add members */
    const char *name;         /* of jobs, in messages and for the rejects file */
    const char *rejects_dir;  /* of `<job>.rejects.jsonl`; NULL = rejects are only counted */
    int64_t memory_bytes_max; /* 0 = no maximum */
    uint32_t batch_rows;      /* rows per batch at most; 0 = 4096 */
    bool virtual_clock;       /* time stands still until leat_clock() moves it: for tests */
    bool no_files;            /* refuse connectors that open files or standard streams */
    bool inferred_tables;     /* FROM 'file.jsonl', FROM stdin, FROM datagen */
    int64_t idle_timeout_ms;  /* of unbounded sources that do not say; 0 = off */
    int64_t future_skew_ms;   /* far-future guard of unbounded sources that do not say; 0 = off */
    double replay_speed;      /* pace bounded sources by their event time; 0 = off, 60 = a minute a
                                 second */
    const char *event_time;   /* inferred tables: the column that carries event time; NULL = none */
    int64_t event_delay_ms;   /* and how far it may run out of order */
    bool final_rows;          /* queries over bounded input give only their final rows, all +I */
    uint32_t parallelism;     /* of jobs; 0 = SET 'parallelism.default', else 1 */
    bool threads;             /* the library may start threads: leat_step only looks then, and
                                 leat_wait sleeps until there is something to see */
    /* State. A job that inserts keeps it in a folder of its own when it has a name that outlasts
     * the process (SET 'pipeline.name', or `file`) and a place is known; queries keep none. */
    const char *state_dir; /* under which jobs keep their folders; SET 'execution.checkpointing.dir'
                              comes before it; NULL = none */
    const char *file;    /* absolute path of the script: names jobs that have no 'pipeline.name' */
    const char *restore; /* savepoint or checkpoint to start from; NULL = SET
                            'execution.savepoint.path', else the job's last checkpoint */
    int64_t checkpoint_interval_ms; /* unless SET says; 0 = only when asked for, and at a stop */
    bool fresh;                     /* forget the state that is there */
    const char *allow_drop; /* operators whose state may be dropped, by commas; NULL = none */
    /* For tests. */
    bool keep_all; /* every job keeps state below state_dir: queries, and jobs with nothing to
                      resume, too; `file` names them */
    bool reparse;  /* every statement is printed, and what was printed is run */
    /* One line for people, such as from where a job resumed, or what is wrong with a checkpoint.
     * Called from leat_execute, leat_step, leat_control and leat_wait. NULL = nobody listens. */
    void (*say)(void *arg, const char *line);
    void *say_arg;
    /* A checkpoint's manifest or a savepoint: repeats what led to it from the checkpoint before it
     * (else from the beginning of the input) over sources that can be read again. Nothing is
     * written or locked and no threads are started; what the sinks would have got is compared:
     * LEAT_DONE, and a line to `say` for each sink, or LEAT_FAILED with LEAT_STATE. Only the INSERT
     * that the checkpoint is of becomes a job: the one of its name when `file` is set, else every
     * one is taken for it. NULL = jobs run. */
    const char *replay;
    /* Directories, separated by `:`, from which CREATE FUNCTION .. AS 'library.so#symbol' LANGUAGE
     * C may load libraries (leat/udf.h): their code runs in this process with all its rights. NULL
     * = none, and such functions are refused. */
    const char *native_functions;
    bool spill_all; /* for tests: all state is moved to a file after each batch */
} leat_config;

/* ---- engine ---- */

LEAT_API const char *leat_version(void); /* "0.1.0", static */

/* config may be NULL. *out is NULL on failure. */
LEAT_API leat_status leat_open(const leat_config *config, leat **out);
LEAT_API void leat_close(leat *db); /* its jobs are freed first; accepts NULL */

/* The last failed call's message: what, where (line, column, caret), why, how to fix. Ends without
 * a newline. "" when nothing failed. */
LEAT_API const char *leat_error(const leat *db);

/* Runs the next statement of a script: *offset is where to start in sql and is moved behind the
 * statement; LEAT_END when none is left. offset NULL: sql is one statement. DDL and SET take effect
 * at once, *job is NULL then. A query, INSERT, statement set, SHOW, DESCRIBE or EXPLAIN gives a
 * *job to step and free. job NULL refuses those. */
LEAT_API leat_status leat_execute(leat *db, const char *sql, size_t *offset, leat_job **job);

/* Parses, binds and plans a whole script and opens nothing; the plans' text goes through
 * write(arg, bytes, size). write NULL: the script is only checked. */
typedef void (*leat_write)(void *arg, const char *bytes, size_t size);
LEAT_API leat_status leat_explain(leat *db, const char *sql, leat_write write, void *arg);

/* CREATE TABLE text of a table (inferred ones too: "stdin", "x.jsonl"), secrets masked. NULL when
 * there is none (see leat_error). */
LEAT_API const char *leat_ddl(leat *db, const char *table);

/* ---- input from the host: tables with 'connector' = 'feed' ---- */

/* Appends whole records in the table's format, all of one row kind. LEAT_FULL when the feed holds
 * more than 16 MiB that no job has read. bytes NULL: end of input. How many bytes of a table were
 * read is part of a job's state (`bytes` of its source in leat_stats): a host that can push again
 * goes on from there after a restore. */
LEAT_API leat_status leat_push(leat *db, const char *table, leat_kind kind, const void *bytes,
                               size_t size);

/* Rows as an Arrow struct array (a record batch), one child per physical column of the table, found
 * by name; a NULL row or a missing, doubled or further column is refused, and so is a NULL in a NOT
 * NULL column. A last int8 child `op`, which the table has no column for, gives each row's
 * leat_kind; without it they are all of `kind`. Types are those of leat_take_arrow; u, U and vu (z,
 * Z and vz) do equally, +l and +L too; TIMESTAMP_LTZ takes any time zone (values are UTC).
 * Fractions of a second are cut to the column's precision. The rows are copied: on LEAT_OK both
 * structures have been released, else (LEAT_FULL too) they are untouched and still the caller's. */
LEAT_API leat_status leat_push_arrow(leat *db, const char *table, leat_kind kind,
                                     struct ArrowSchema *schema, struct ArrowArray *array);

/* ---- jobs ---- */

typedef enum { LEAT_RUNNING, LEAT_WAITING, LEAT_DONE, LEAT_STOPPED, LEAT_FAILED } leat_state;

/* Does at most budget units of work (a unit is a batch for one operator) on the calling thread,
 * without waiting. LEAT_WAITING: nothing to do now (input, room in leat_take, or the clock is
 * missing). */
LEAT_API leat_state leat_step(leat_job *job, uint32_t budget);

/* Sleeps until the job may have something to do, at most timeout_ms, or until leat_wake(). */
LEAT_API void leat_wait(leat_job *job, int64_t timeout_ms);
LEAT_API void leat_wake(leat *db); /* async-signal-safe */

typedef enum {
    LEAT_STOP,       /* what was read is finished and published, a checkpoint is made where the job
                        keeps state, open windows are held. path: a savepoint of that end as well */
    LEAT_DRAIN,      /* end of input: everything open fires */
    LEAT_CHECKPOINT, /* as the next periodic one */
    LEAT_SAVEPOINT   /* a checkpoint in a directory of its own that nobody removes: path is made (or
                        empty); NULL = a new one under 'execution.checkpointing.savepoint-dir', else
                        in the job's folder */
} leat_verb;

/* Takes effect over the next steps; leat_stats.checkpoints tells when a checkpoint is there. path
 * may be NULL. LEAT_FULL: a checkpoint is being made; ask again. LEAT_USAGE: the job keeps no
 * state. A stop or drain always succeeds. */
LEAT_API leat_status leat_control(leat_job *job, leat_verb verb, const char *path);
LEAT_API void leat_job_free(leat_job *job); /* accepts NULL */

/* Snapshot of a job with nothing in flight (LEAT_WAITING, all rows taken), and its restore into a
 * fresh job of the same statement before its first step. */
LEAT_API leat_status leat_save(leat_job *job, leat_write write, void *arg);
LEAT_API leat_status leat_restore(leat_job *job, const void *bytes, size_t size);

/* What is kept on disk, as the rows of *job (to be stepped as a listing is). path: a job's folder,
 * a directory of checkpoints, a savepoint, or a checkpoint's manifest. table NULL: the checkpoints
 * of a folder, or the state tables of a single one; else that table's records (in a folder: of the
 * newest checkpoint). The table `$statements` is in all of them: one row and one column, what the
 * job was made of, secrets masked. Nothing is changed, and the job may run. */
LEAT_API leat_status leat_inspect(leat *db, const char *path, const char *table, leat_job **job);

/* Virtual clock only: sets wall and monotonic time forward to ms since 1970. */
LEAT_API leat_status leat_clock(leat *db, int64_t now_ms);

/* ---- results ---- */

typedef struct {
    const char *name;
    const char *type; /* SQL text, such as `BIGINT NOT NULL` */
    bool right_align; /* numbers */
    bool key;         /* one of the columns by which an updating result knows its rows */
} leat_column;

/* Column i of a query's result; false past the end. Valid as long as the job. */
LEAT_API bool leat_job_column(const leat_job *job, uint32_t i, leat_column *out);

/* The next rows of a query, *count of them; NULL = none now. To be freed before the job. count may
 * be NULL. */
LEAT_API leat_rows *leat_take(leat_job *job, uint32_t *count);
LEAT_API void leat_rows_free(leat_rows *rows);
LEAT_API leat_kind leat_rows_kind(const leat_rows *rows, uint32_t row);

typedef enum {
    LEAT_TEXT_SQL,   /* CAST(x AS STRING): `TRUE`, `2020-01-31 10:08:09.123` */
    LEAT_TEXT_JAVA,  /* as Flink's print connector: `true`, `2020-01-31T10:08:09.123` */
    LEAT_TEXT_SHELL, /* as Flink's SQL client: `TRUE`, bytes as x'..' */
    LEAT_TEXT_JSON   /* a JSON value */
} leat_text_style;

/* A value as text; NULL for SQL NULL (with JSON too), *size 0 then. When memory is short also NULL,
 * with *size SIZE_MAX; asking again is allowed. *size may be NULL. Valid until the next call on
 * these rows. */
LEAT_API const char *leat_rows_text(leat_rows *rows, uint32_t row, uint32_t column,
                                    leat_text_style style, size_t *size);

/* The next rows of a query as an Arrow struct array without NULL rows: a child per column, and a
 * last one `op`, int8, with each row's leat_kind. LEAT_END: none now. Either of schema and array
 * may be NULL: the schema is the same every time, and asking for it alone takes no rows. The caller
 * releases what it got, from any thread, before or after the job and the engine are gone; until
 * then the memory counts against the engine's. After an error nothing is to be released and the
 * rows are still there, for leat_take too.
 *
 *   BOOLEAN b  TINYINT .. BIGINT c s i l  FLOAT f  DOUBLE g  DECIMAL d:p,s (128 bits)
 *   CHAR, VARCHAR, STRING vu  BINARY, VARBINARY, BYTES vz (views: Arrow 1.4, pyarrow 16 and later)
 *   DATE tdD  TIME ttm  TIMESTAMP tsm: up to precision 3, tsu: up to 6, else tsn: (1677 to 2262)
 *   TIMESTAMP_LTZ the same with UTC  INTERVAL YEAR TO MONTH tiM  INTERVAL DAY TO SECOND tDm
 *   ARRAY +l  MAP +m  MULTISET +m of value to INT count  ROW +s
 * A NULL key in a MAP or MULTISET has no Arrow form and is refused, and so is VARIANT. */
LEAT_API leat_status leat_take_arrow(leat_job *job, struct ArrowSchema *schema,
                                     struct ArrowArray *array);

/* ---- what is going on ---- */

typedef struct {
    const char *name; /* "Source: clicks", "WindowAggregate", "Sink: out" */
    const char *kind; /* "source", "operator", "sink" */
    uint64_t in, out, used, filtered, late, expired, rejected,
        held; /* in = used + filtered + late + expired + rejected + held */
    uint64_t bytes, state_rows;
    int64_t state_bytes, watermark_ms;
    const char *event; /* the last named event, such as a file's rotation; "" = none */
    bool idle, blocked;
    uint32_t tasks;       /* instances; the figures are their sums, the watermark their least */
    int64_t busy_ns;      /* time spent working, all tasks */
    int64_t memory_bytes; /* state, batches, buffers */
    bool bottleneck;      /* holds others back and is not held back itself */
    bool ended;           /* sources: nothing more comes; others: all their input has ended */
    int64_t fires_ms;     /* the watermark that lets its next rows go; LEAT_TIME_MAX = unknown */
    /* Where watermarks are assigned: ms that rows come behind the newest event time before them; of
     * 99, 99.9, 99.99 % and all of the rows, an eighth too large at most. -1: not such a node. */
    int64_t behind_ms[4];
    uint64_t behind_rows; /* that come behind it at all */
    int64_t newest_ms;    /* largest event time; LEAT_TIME_MIN = none */
} leat_node_stats;

typedef struct {
    uint64_t completed, failed; /* since the start; savepoints too */
    uint64_t last_id;           /* 0 = none yet */
    int64_t last_ms;            /* since 1970, when it was triggered; LEAT_TIME_MIN = none yet */
    int64_t last_duration_us;   /* from the trigger until it was durable */
    int64_t last_barrier_us;    /* until every task had passed it */
    int64_t last_pause_us;      /* longest time that a task stood still for it */
    int64_t last_bytes_new;     /* written for it */
    int64_t last_bytes_all;     /* that it is made of */
    uint64_t restored_id;       /* what the job started from; 0 = fresh */
    bool running;
    const char *savepoint; /* the last one completed; "" = none */
    const char *error;     /* why the last one failed; "" = it was well */
} leat_checkpoint_stats;

typedef struct {
    const char *stage; /* "parse", "rowtime", .. */
    uint64_t rows;
} leat_reject_stats;

typedef struct {
    uint64_t rows_in, rows_out, late, rejected, held;
    int64_t watermark_ms, event_max_ms; /* LEAT_TIME_MIN = none */
    int64_t memory_bytes, memory_peak_bytes;
    bool bounded, is_query;
    bool updating;                /* a query whose result may hold rows of other kinds than +I */
    leat_status status;           /* why the job failed; LEAT_OK otherwise */
    const leat_node_stats *nodes; /* in order of the plan; valid until the next call on the job */
    uint32_t node_count;          /* 0: SHOW, DESCRIBE, EXPLAIN */
    const char *rejects_path;     /* NULL = none written */
    const char *last_reject;      /* "" = none */
    const char *message;          /* of SHOW .. and DDL: what happened; of a job that failed and
                                     waits to start again: why; "" = nothing */
    const char *name;             /* of the job; unique among those that keep state */
    const char *state_dir; /* the job's folder, which it has locked; NULL = it keeps no state */
    uint32_t parallelism;
    const char *promise; /* what comes again when the job runs again, or differently: "exact", ..
                            as EXPLAIN shows it; "" = a listing */
    leat_checkpoint_stats checkpoints;
    const leat_reject_stats *rejects; /* by stage; valid as nodes */
    uint32_t reject_stage_count;
    int64_t state_spilled_bytes; /* of the operators' state that was moved to a file; of these .. */
    int64_t state_resident_bytes; /* .. so many are in memory too at the moment: an estimate */
} leat_stats;

LEAT_API void leat_get_stats(const leat_job *job, leat_stats *out);

#ifdef __cplusplus
}
#endif
#endif
