/* A running job: the plan made live. One primitive drives it, lt_job_step(); threads, a stepping
 * host and the simulator all call only that.
 *
 * Every plan node becomes a runtime node with one bounded ring per input edge. A step picks the
 * runnable node furthest downstream (so batches stay warm in cache and queues stay short), gives it
 * one message, and goes on until the budget is used or nothing can run. A full ring stops its
 * producer, back to the source's poll: nothing else buffers. */
#pragma once

#include "base/lateness.h"
#include "connector/connector.h"
#include "plan/plan.h"

typedef struct lt_job lt_job;

typedef enum {
    LT_JOB_RUNNING, /* more to do at once */
    LT_JOB_WAITING, /* nothing to do before `wait` */
    LT_JOB_DONE,    /* input ended, all output published */
    LT_JOB_STOPPED, /* after lt_job_stop: output so far published, open windows held */
    LT_JOB_FAILED
} lt_job_state;

/* Checkpoints of a job; all zero = none are made. */
typedef struct {
    const char *dir;       /* the job's state directory; NULL = no checkpoints */
    int64_t interval_ms;   /* 0 = only when asked for, and at a stop */
    int64_t min_pause_ms;  /* between the end of one and the start of the next */
    int64_t timeout_ms;    /* longer ones are given up; 0 = never */
    uint32_t failures_max; /* in a row that are borne before the job fails; UINT32_MAX = any */
    uint32_t retain;       /* complete ones kept; 0 = 1 */
    int compression;       /* zstd level; 0 = none */
    const char *restore;   /* savepoint or manifest to start from; NULL = the latest in dir */
    const char *replay;    /* manifest: repeat what led from the checkpoint before it to this one,
                              write nothing, and compare the sinks' hashes; dir is ignored */
    bool fresh;            /* ignore and remove what is there */
    lt_str allow_drop;     /* names of operators whose state may go, separated by commas */
    const char *sql;       /* statements, for the manifest; secrets masked */
    void (*say)(void *arg,
                const char *line); /* start-up and warning lines; NULL = nobody listens */
    void *arg;
} lt_ckpt_settings;

typedef struct {
    lt_env *env;
    lt_mem *mem; /* parent account */
    const lt_session *session;
    const char *name;             /* borrowed */
    uint32_t batch_rows;          /* 0 = LT_BATCH_ROWS_MAX */
    int64_t idle_timeout_ms;      /* of unbounded sources without an option of their own; 0 = off */
    bool idle_timeout_bounded;    /* apply it to bounded sources too */
    const char *rejects_path;     /* of rows refused under 'reject'; NULL = counted only */
    struct lt_host_feeds *feeds;  /* in-process sources; may be NULL */
    uint32_t collect_batches_max; /* results kept for lt_job_take before back-pressure; 0 = 16 */
    uint32_t parallelism;         /* lanes; 0 = 1 */
    bool threads; /* a thread per lane and one for checkpoints; false: lt_job_step does it all */
    lt_ckpt_settings ckpt;
    const char *spill_dir; /* state that is too much for memory goes to a file here; NULL = never */
    int64_t spill_limit;   /* bytes of state in memory; 0 = as few as possible */
    uint64_t buggify; /* simulator: seed of random schedules, delays and tiny queues; 0 = off */
} lt_job_options;

/* Opens sources and sinks. The plan outlives the job. On failure nothing is left open. */
lt_status lt_job_new(const lt_plan *plan, const lt_job_options *options, lt_job **out,
                     lt_error *err);
void lt_job_free(
    lt_job *job); /* closes everything; unpublished output is discarded; accepts NULL */

/* Runs at most budget messages. On LT_JOB_FAILED the error is in lt_job_error(). */
lt_job_state lt_job_step(lt_job *job, uint32_t budget);
const lt_error *lt_job_error(const lt_job *job);

/* After LT_JOB_WAITING: sleeps in the environment until something may run, at most max_ns. */
void lt_job_wait(lt_job *job, int64_t max_ns);

/* Something outside has changed, such as rows pushed to a feed: lanes that sleep look again. */
void lt_job_wake(lt_job *job);

/* Stop: sources are polled no more, what is in flight is finished, sinks publish, the watermark is
 * not advanced. Takes effect over the next steps. drain: send end of input instead, so that
 * everything open fires. */
void lt_job_stop(lt_job *job, bool drain);

/* Asks for a checkpoint (savepoint_dir NULL) or a savepoint. It is made over the next steps;
 * lt_job_ckpt_stats tells when. LT_AGAIN: one is being made. LT_ERR_USAGE: the job keeps no state
 * directory. With checkpoints on, lt_job_stop makes a last one by itself. */
lt_status lt_job_checkpoint(lt_job *job, const char *savepoint_dir, lt_error *err);

typedef struct {
    uint64_t completed; /* since the start */
    uint64_t failed;
    uint64_t last_id;         /* 0 = none yet */
    int64_t last_wall_ms;     /* when it was triggered */
    int64_t last_duration_us; /* trigger to commit */
    int64_t last_barrier_us;  /* trigger until the last task had passed its barrier */
    int64_t last_pause_us;    /* longest time a task's thread spent in the barrier */
    int64_t last_bytes_new;
    int64_t last_bytes_all;
    uint64_t restored_id; /* what the job started from; 0 = fresh */
    bool running;
    char last_savepoint[240]; /* path of the last one completed */
    char last_error[240];     /* "" = the last one was well */
} lt_ckpt_stats;

void lt_job_ckpt_stats(const lt_job *job, lt_ckpt_stats *out);

/* Next batch of a query's result; NULL = none now. The caller owns the reference. */
lt_batch *lt_job_take(lt_job *job);
/* Are all messages processed (nothing in any ring)? A snapshot may be taken then. */
bool lt_job_quiet(const lt_job *job);

/* Snapshot of positions, clocks, ledgers and state tables; the job must be quiet. load: into a job
 * fresh from lt_job_new of an equal plan, before the first step. */
lt_status lt_job_save(lt_job *job, lt_text *to, lt_error *err);
lt_status lt_job_load(lt_job *job, lt_str from, lt_error *err);

/* ---- what is going on ---- */
typedef struct {
    const lt_plan_node *plan;
    lt_ledger ledger;
    int64_t watermark;   /* merged input watermark; sources: none */
    int64_t state_bytes; /* the operator's account */
    int64_t state_rows;
    uint64_t bytes;         /* sources: read; sinks: written */
    uint64_t events;        /* sources: rotations and the like */
    const char *event_text; /* "" = none */
    bool idle;
    bool blocked;      /* a full queue holds it back */
    uint32_t tasks;    /* instances; the figures are their sums, the watermark their least */
    int64_t busy_ns;   /* time spent working, all tasks */
    int64_t mem_bytes; /* accounted to it: state, batches, buffers */
    bool bottleneck;   /* holds others back and is not held back itself */
    bool ended;        /* sources: nothing more comes; others: all their input has ended */
    int64_t fires_ms;  /* the watermark that lets its next rows go; LT_WATERMARK_MAX = unknown */
    /* Where watermarks are assigned: how far rows come behind the newest event time. */
    bool assigns;
    int64_t newest_ms; /* largest event time; LT_WATERMARK_MIN = none */
    lt_lateness lateness;
} lt_node_stats;

typedef struct {
    uint64_t rows_in;  /* decoded by all sources */
    uint64_t rows_out; /* taken by all sinks */
    uint64_t late;
    uint64_t rejected; /* parse rejects included */
    uint64_t held;
    int64_t watermark;      /* least of the watermark operators'; LT_WATERMARK_MIN = none */
    int64_t state_spilled;  /* bytes of state that were moved to a file .. */
    int64_t state_resident; /* .. of these, in memory at the moment */
    int64_t event_max;      /* largest event time seen, ms; LT_WATERMARK_MIN = none */
    int64_t mem_bytes;
    int64_t mem_peak;
    const char *rejects_path;
    uint64_t rejects_by_stage[LT_STAGE_COUNT];
    const char *last_reject; /* text of the last one; "" = none */
} lt_job_stats;

void lt_job_get_stats(const lt_job *job, lt_job_stats *out);
bool lt_job_node_stats(const lt_job *job, uint32_t node,
                       lt_node_stats *out); /* false past the end */

/* Checks the ledger of every node and source; LT_ERR_INTERNAL names the first that does not
 * balance. */
lt_status lt_job_check_ledger(const lt_job *job, lt_error *err);
