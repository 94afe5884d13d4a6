/* The simulator of whole jobs: everything that happens in one life of a world follows from a seed.
 *
 *   job_sim_main.c     which seeds, in how many processes; what is counted and reported
 *   job_sim_world.c    a world: what the seed draws, the input, the environment
 *   job_sim_queries.c  the queries, and what each of them must give (the oracle)
 *   job_sim_life.c     lives of the job in that world: steps, faults, crashes, restarts
 *   job_sim_check.c    what must hold at every committed epoch, after a crash, at the end
 *
 * The oracle sees the input as rows in order and judges each against the running watermark before
 * it. It notes for every row of output from how many rows of input on it must be there; so the
 * content of a sink at any epoch is known from the epoch's position alone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bind/bind.h"
#include "os/env_sim.h"
#include "plan/plan.h"
#include "run/checkpoint_int.h"

#define SIM_ROWS_MAX      400
#define SIM_SOURCES       2
#define SIM_SINKS         2
#define SIM_KEYS_MAX      48
#define SIM_EMISSIONS_MAX 6000
#define SIM_LINE_MAX      128
#define SIM_TEXT_MAX      (SIM_EMISSIONS_MAX * SIM_LINE_MAX)
#define SIM_COLUMNS_MAX   6
#define SIM_START_MS      INT64_C(1767225600000) /* 2026-01-01 */
#define SIM_DELAY_MS      5000                   /* of the watermark */

typedef struct {
    uint64_t state;
} sim_rng;

uint64_t sim_next(sim_rng *rng);
uint64_t sim_below(sim_rng *rng, uint64_t below);
bool sim_happens(sim_rng *rng, unsigned per_mille);

typedef struct {
    int64_t ms; /* since SIM_START_MS */
    int64_t v;
    uint32_t key;
    uint32_t other;
} sim_row;

typedef struct {
    sim_row rows[SIM_ROWS_MAX];
    int64_t after[SIM_ROWS_MAX + 1]; /* watermark after so many rows, ms since SIM_START_MS */
    uint32_t count;
    int64_t bytes;
} sim_stream;

/* A row of output: there as soon as rows[s] rows of every source s were taken and the watermark
 * was reached. */
typedef struct {
    uint32_t rows[SIM_SOURCES];
    int64_t watermark;
    uint32_t text; /* the line, NUL-terminated, in sim_expected.text */
    uint64_t hash;
} sim_emission;

typedef struct {
    sim_emission items[SIM_EMISSIONS_MAX];
    uint32_t count;
    char text[SIM_TEXT_MAX];
    size_t text_len;
} sim_expected;

typedef struct {
    int64_t count, sum, max;
} sim_total;

/* The hash that a sink keeps of its rows, at an epoch: the same in every life that gets there. */
typedef struct {
    uint32_t rows[SIM_SOURCES];
    int64_t watermark;
    uint64_t hash;
} sim_mark;

#define SIM_MARKS_MAX 256

typedef struct sim_world sim_world;

enum {
    SIM_TWO_SOURCES = 1,
    SIM_NO_LATE = 2,  /* several inputs: which rows are late would depend on their order */
    SIM_UPDATING = 4, /* a top-level query; the other ones write files */
    SIM_WINDOWED = 8, /* its output depends on the watermark */
    SIM_STATELESS = 16,
    SIM_FEW_ROWS = 32,
    SIM_ZERO_SUM = 64,   /* the last column adds up to nothing in every window */
    SIM_KEYED_SINK = 128 /* sink 0 has a column k, and may be partitioned by it */
};

typedef struct {
    const char *name;
    unsigned weight; /* how often it is drawn */
    unsigned flags;
    unsigned sink_count;
    const char *columns[SIM_SINKS]; /* of the sinks: "w:T k:S n:I" */
    const char *select[SIM_SINKS];
    const char *view; /* a statement before it; NULL = none */
    void (*oracle)(sim_world *world);
} sim_query;

extern const sim_query sim_queries[];
extern const unsigned sim_query_count;

/* Each seed draws which of these may happen. */
#define SIM_FAULTS(X)                                                                              \
    X(CRASH)                                                                                       \
    X(MANY_CRASHES)                                                                                \
    X(SYNC_ERROR) X(WRITE_ERROR) X(READ_ERROR) X(SHORT_READ) X(NO_SPACE) X(SLOW_DISK) X(WALL_JUMP) \
        X(STOP) X(RESCALE) X(SAVEPOINT) X(RENAME_ERROR)
typedef enum {
#define X(name) SIM_##name,
    SIM_FAULTS(X)
#undef X
        SIM_FAULT_COUNT
} sim_fault_kind;

/* Summed over seeds; plain data, so that processes can hand it over. */
typedef struct {
    uint64_t seeds, counted;
    uint64_t faults[SIM_FAULT_COUNT]; /* that happened */
    uint64_t queries[32];
    uint64_t lives, crashes, failures, stops, rescaled, restored, savepoints_used;
    uint64_t checkpoints, given_up, savepoints, epochs_checked;
    uint64_t steps, rows, late;
} sim_totals;

struct sim_world {
    uint64_t seed;
    sim_rng rng;
    const sim_query *query;
    lt_mem env_mem;
    lt_mem job_mem;
    lt_env *env;
    bool trace;
    bool exhaustive; /* a crash at crash_op, after one at first_op unless 0, and no other fault */
    unsigned kind;   /* of the sink: csv, json, partitioned */
    int64_t ops;     /* of the world without a crash */
    int64_t first_op;
    int64_t crash_op;
    bool crash_after;
    /* drawn */
    bool json_in, json_out, partitioned, local_agg;
    bool spills;     /* all state is moved to a file after each callback */
    unsigned faults; /* bit per sim_fault_kind */
    unsigned lives_faulty;
    uint32_t batch_rows, parallelism, files;
    uint32_t keys;
    unsigned ask_per_mille; /* checkpoints asked for, per step */
    unsigned step_max;
    int64_t tick_us_max;
    lt_ckpt_settings ckpt;
    char rolling[120];
    char sql[4096];
    /* input and what must come of it */
    sim_stream streams[SIM_SOURCES];
    sim_expected expected[SIM_SINKS];
    uint32_t late_after[SIM_ROWS_MAX + 1];
    sim_total totals[SIM_KEYS_MAX]; /* SIM_UPDATING: final rows by key */
    sim_total seen[SIM_KEYS_MAX];
    /* the last epoch that is known to be committed */
    uint64_t epoch;
    uint32_t epoch_rows[SIM_SOURCES];
    sim_mark marks[SIM_SINKS][SIM_MARKS_MAX];
    unsigned mark_count[SIM_SINKS];
    char savepoint[64]; /* newer than that epoch; "" = none */
    uint64_t savepoint_id;
    char savepoint_made[64]; /* the last one in this life; "" = none */
    unsigned savepoint_no;
    bool heals;
    /* what happened */
    unsigned life, restarts, checkpoints, tasks;
    sim_totals *stats;
};

#define SIM_TRACE(world, ...)              \
    do {                                   \
        if ((world)->trace) {              \
            sim_trace(world, __VA_ARGS__); \
        }                                  \
    } while (0)
LT_PRINTF(2, 3) void sim_trace(const sim_world *world, const char *fmt, ...);
/* Says what is wrong and how to see it again, and ends the process. */
LT_PRINTF(2, 3) _Noreturn void sim_fail(const sim_world *world, const char *fmt, ...);
#define SIM_CHECK(world, cond, ...)       \
    do {                                  \
        if (!(cond)) {                    \
            sim_fail(world, __VA_ARGS__); \
        }                                 \
    } while (0)

/* ---- job_sim_world.c ---- */
void sim_world_init(sim_world *world, uint64_t seed, const sim_query *query);
void sim_world_deinit(sim_world *world);
bool sim_has(const sim_world *world, sim_fault_kind fault);
void sim_note(sim_world *world, sim_fault_kind fault);

/* A plan for so many lanes. */
typedef struct {
    lt_catalog *catalog;
    lt_arena *arena;
    lt_plan *plan;
} sim_plan;
void sim_plan_init(sim_world *world, sim_plan *plan, uint32_t parallelism);
void sim_plan_deinit(sim_plan *plan);

/* ---- job_sim_queries.c ---- */
void sim_key_name(uint32_t key, char *to, size_t size);

/* ---- job_sim_check.c ---- */
/* A checkpoint was committed: sinks and sources as its parts say. */
void sim_check_commit(sim_world *world, lt_job *job);
/* A job that was restored, before its first step. */
void sim_check_restored(sim_world *world, lt_job *job);
/* After a power loss: nothing visible that is torn or not covered. */
void sim_check_visible(sim_world *world);
/* The job has ended. */
void sim_check_end(sim_world *world, lt_job *job);
/* The changes of a query's result. */
void sim_take_rows(sim_world *world, lt_job *job);

/* ---- job_sim_life.c ---- */
/* Lives until the job has ended; true: the seed counts. */
bool sim_live(sim_world *world);
