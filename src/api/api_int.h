/* Private to src/api: the structures behind leat.h. */
#pragma once

#include "bind/bind.h"
#include "connector/host/feeds.h"
#include "expr/timezone.h"
#include "leat/leat.h"
#include "os/thread.h"
#include "plan/plan.h"
#include "run/job.h"
#include "state/checkpoint.h"

struct leat {
    lt_mem mem;
    leat_config config;
    lt_arena *arena; /* copies of the configuration's strings */
    lt_env *env;
    bool is_virtual;
    lt_catalog *catalog;
    lt_host_feeds *feeds;
    lt_infer_hook hook;
    leat_job *jobs; /* linked list */
    lt_error error;
    lt_text error_text;
    lt_text ddl_text;
    lt_mem job_mem;  /* parent account of all jobs */
    lt_text ddl_log; /* DDL and SET so far, for manifests; secrets masked */
    bool ddl_log_full;
    lt_mutex *said_mutex; /* over `said`: what jobs' threads have to say, lines ended by NUL */
    lt_text said;
    atomic_bool said_any;
    const char *replay_job; /* name in the checkpoint to be repeated; NULL = not looked at */
    atomic_uint refs; /* the handle's, and one per Arrow structure that the host still holds: the
                         account must outlive what it pays for */
};

struct lt_fold;

typedef enum { LT_RESTART_NONE, LT_RESTART_FIXED, LT_RESTART_GROWING } lt_restart_kind;

/* When and how often a job that failed starts anew (restart.c). */
typedef struct {
    lt_restart_kind kind;
    uint64_t attempts_max;
    int64_t first_ms, most_ms; /* delays */
    int64_t reset_ms;          /* after so long without a failure the first delay counts again */
    double factor;
    double jitter;          /* share of a delay by which it varies */
    lt_job_options options; /* of the next start */
    double delay_ms;        /* the next one */
    uint64_t attempts;
    int64_t started_ns;
    bool waits; /* until due_ns; leat_job.job is what failed, or NULL */
    int64_t due_ns;
    bool stop; /* asked for while it waited */
    lt_error cause;
} lt_restart;

struct leat_job {
    leat *db;
    leat_job *next;
    lt_arena *arena; /* statement, bound tree, plan, listing */
    lt_plan *plan;   /* NULL: a listing (SHOW, DESCRIBE, EXPLAIN) */
    lt_job *job;
    lt_listing listing;
    bool listing_taken;
    const lt_schema *columns; /* of a query */
    lt_text *type_texts;      /* one per column */
    const lt_zone *zone;  /* of the session when the job started; TIMESTAMP_LTZ is shown in it */
    struct lt_fold *fold; /* final rows only; NULL = changes as they come */
    bool uses_stdin;
    lt_batch *held;                  /* rows that could not be handed out as Arrow; NULL = none */
    bool broken;                     /* result rows could not be handed out for want of memory */
    leat_node_stats *node_stats;     /* one per plan node; NULL: a listing */
    leat_reject_stats *reject_stats; /* by stage */
    char *name;
    char *rejects_path;
    /* home.c */
    bool inserts;            /* no query */
    bool named;              /* by 'pipeline.name' */
    char *known_by;          /* what identifies it beside the ordinal; NULL = nothing does */
    uint32_t ordinal;        /* among the jobs known by the same, from 1 */
    const char *slug;        /* of the name, for file names */
    const char *home;        /* its folder; NULL = it keeps no state */
    const char *checkpoints; /* in it */
    const char *savepoints;  /* where those without a path go */
    const char *sql;         /* for the manifest */
    lt_file *lock;
    const char *stop_savepoint;    /* to be made once it has stopped; NULL = none */
    lt_ckpt_stats *ckpt_stats;     /* as shown last */
    const char *stopped_savepoint; /* it was made */
    lt_error savepoint_error;      /* or why not */
    lt_restart restart;
};

struct leat_rows {
    leat_job *job;
    lt_batch *batch; /* NULL: the listing */
    lt_text text;
};

/* engine.c */
void lt_api_ref(leat *db);
void lt_api_unref(leat *db);     /* the last one frees the handle; from any thread */
void lt_api_wake_jobs(leat *db); /* rows were pushed: lanes that sleep look again */
/* The table named if the host may push rows to it. */
lt_status lt_api_feed_table(leat *db, const char *table, const lt_table_def **out, lt_error *err);

/* arrow_export.c: a type's Arrow format string, which may be written to `to` (size bytes); NULL
 * when it has none. */
#define LT_ARROW_FORMAT_MAX 16
const char *lt_api_arrow_format(const lt_type *type, char *to, size_t size);

/* errors.c */
leat_status lt_api_status(lt_status st);
/* Renders err (with the statement's text, when it has a position) into db's error text and gives
 * the public status. script may be {NULL, 0}; offset: of the statement in the script. */
leat_status lt_api_fail(leat *db, const lt_error *err, lt_str script, uint32_t offset);

void lt_api_mask_secrets(char *sql, size_t len);

/* home.c */
uint32_t lt_api_parallelism(const leat *db);
void lt_api_speak(leat *db);                    /* hands on what jobs had to say */
void lt_api_time_text(int64_t ms, lt_text *to); /* 2026-01-31 10:11:12 */
void lt_api_log_ddl(leat *db, lt_str text);
lt_status lt_api_home_sql(leat_job *job, lt_str text, lt_error *err);
/* Who the job is: known_by, ordinal, and with that its name. */
lt_status lt_api_home_identify(leat_job *job, bool inserts, lt_error *err);
/* A replay of a file: is the job another one than the checkpoint's? */
lt_status lt_api_home_skips(leat_job *job, bool *skips, lt_error *err);
/* Makes and locks the folder of a job that keeps state; out is for the run layer, all zero when it
 * keeps none. A replay has none either. */
lt_status lt_api_home_open(leat_job *job, lt_ckpt_settings *out, lt_error *err);
void lt_api_home_close(leat_job *job);
/* Where a savepoint goes (path NULL: a new place); refuses what exists. Lives as long as the job.
 */
lt_status lt_api_savepoint_path(leat_job *job, const char *path, const char **out, lt_error *err);
lt_status lt_api_savepoint_copy(leat_job *job, const char *path, lt_error *err);

/* restart.c */
/* Sets where state that is too much for memory goes. */
lt_status lt_api_spill_configure(const leat_job *job, lt_job_options *out, lt_error *err);
lt_status lt_api_restart_configure(leat_job *job, const lt_job_options *options, lt_error *err);
/* The job has failed: true = it waits now and will start again. */
bool lt_api_restart_later(leat_job *job, const lt_error *why);
/* While it waits. LT_OK: it runs again; LT_AGAIN: not yet; LT_END: it was stopped. */
lt_status lt_api_restart_turn(leat_job *job, lt_error *err);
void lt_api_restart_wait(const leat_job *job, int64_t timeout_ms);

/* inspect.c */
lt_status lt_api_inspect(leat *db, const char *path, const char *table, leat_job *job,
                         lt_error *err);

/* infer.c */
lt_status lt_api_infer(lt_infer_hook *hook, lt_catalog *catalog, lt_str name, lt_table_def **out,
                       lt_error *err);

/* statement.c */
lt_status lt_api_plan(leat *db, const lt_bound *bound, lt_arena *arena, lt_plan **out,
                      lt_error *err);

/* A job without a plan, in the engine's list, whose rows are to be put into job->listing; NULL =
 * out of memory. */
leat_job *lt_api_listing_new(leat *db);

/* Does a query's result take rows back? What flows into a sink is noted on the sink. */
LT_INLINE bool lt_api_updates(const lt_plan *plan)
{
    return plan->nodes[plan->sinks[0]]->kinds != LT_KINDS_INSERT;
}

/* job.c */
/* The next rows of a query that is not a listing; NULL = none now. */
lt_batch *lt_api_next_batch(leat_job *job);
lt_status lt_api_explain_listing(leat *db, const lt_bound *bound, leat_job *job, lt_error *err);

/* fold.c: the final rows of a bounded query: insertions and retractions cancel out */
typedef struct lt_fold lt_fold;
lt_status lt_fold_new(lt_mem *mem, lt_env *env, const lt_plan_node *sink, lt_fold **out,
                      lt_error *err);
void lt_fold_free(lt_fold *fold); /* accepts NULL */
lt_status lt_fold_add(lt_fold *fold, const lt_batch *batch, lt_error *err);
lt_status lt_fold_next(lt_fold *fold, lt_batch **out, lt_error *err); /* *out NULL = no more */
