/* A job for measuring what lies between source and sink: SQL over a table `rows` whose rows cost
 * next to nothing, because a source of this program makes them: k BIGINT, v BIGINT, read by all
 * lanes as a file is. The program says at any time what it makes (rig_phase). */
#pragma once

#include <stdatomic.h>

#include "base/hash.h"
#include "bind/bind.h"
#include "figures.h"
#include "plan/plan.h"
#include "run/job.h"
#include "sql/parse.h"

typedef enum {
    PHASE_WAIT,
    PHASE_FILL,    /* keys 0, 1, 2 .. up to `keys`, each once; then as PHASE_WAIT */
    PHASE_UNIFORM, /* random keys */
    PHASE_HOT,     /* nine of ten rows have key 0, the others random ones */
    PHASE_TRICKLE, /* random keys, `rate` a second */
    PHASE_END
} rig_phase_kind;

#define BLOCK_ROWS 16384

/* What the source does. Counters move under the lock of whoever claims, or are atomic. */
typedef struct {
    uint64_t keys;
    uint64_t rate;
    uint64_t rows_max;   /* of PHASE_UNIFORM and PHASE_HOT; the end follows */
    bool end_after_fill; /* go on with `after_fill` without being told */
    rig_phase_kind after_fill;
    int64_t filled_ns; /* when that was */
    _Atomic int phase;
    _Atomic uint64_t filled;
    _Atomic uint64_t made; /* in phases other than filling */
    _Atomic uint64_t decoded;
    int64_t trickle_ns;
    uint64_t trickle_base;
} rig_rows;

static rig_rows rows_of;

struct lt_source_block {
    lt_mem *mem;
    rig_phase_kind phase;
    uint64_t next;
    uint64_t left;
};

static bool rows_bounded(const lt_table_ctx *ctx)
{
    (void)ctx;
    return false;
}

static bool rows_can_split(const lt_table_ctx *ctx)
{
    (void)ctx;
    return true;
}

/* How many rows the next block has; 0 = none now. */
static uint64_t rows_due(rig_phase_kind phase, int64_t now)
{
    uint64_t made = atomic_load(&rows_of.made);
    switch (phase) {
    case PHASE_FILL:
        return LT_MIN(rows_of.keys - atomic_load(&rows_of.filled), (uint64_t)BLOCK_ROWS);
    case PHASE_UNIFORM:
    case PHASE_HOT:
        return LT_MIN(rows_of.rows_max - LT_MIN(made, rows_of.rows_max), (uint64_t)BLOCK_ROWS);
    case PHASE_TRICKLE: {
        if (rows_of.trickle_ns == 0) {
            rows_of.trickle_ns = now;
            rows_of.trickle_base = made;
        }
        double due = (double)(now - rows_of.trickle_ns) * (double)rows_of.rate / 1e9;
        uint64_t done = made - rows_of.trickle_base;
        return LT_MIN((uint64_t)due - LT_MIN(done, (uint64_t)due), (uint64_t)BLOCK_ROWS);
    }
    case PHASE_WAIT:
    case PHASE_END:
        break;
    }
    return 0;
}

static lt_status rows_claim(lt_source *src, lt_source_block **out, lt_wait *wait, lt_error *err)
{
    int64_t now = now_ns();
    rig_phase_kind phase = (rig_phase_kind)atomic_load(&rows_of.phase);
    uint64_t rows = rows_due(phase, now);
    if (phase == PHASE_FILL && rows == 0 && rows_of.end_after_fill) {
        phase = rows_of.after_fill;
        rows_of.filled_ns = now;
        atomic_store(&rows_of.phase, (int)phase);
        rows = rows_due(phase, now);
    }
    bool over = rows == 0 && (phase == PHASE_UNIFORM || phase == PHASE_HOT);
    if (phase == PHASE_END || over) {
        return LT_END;
    }
    if (rows == 0) {
        *wait = (lt_wait){now + NS_PER_MS, NULL};
        return LT_AGAIN;
    }
    lt_source_block *block = lt_mem_alloc(src->ctx->mem, sizeof *block);
    if (block == NULL) {
        return lt_error_nomem(err, "a block");
    }
    _Atomic uint64_t *counter = phase == PHASE_FILL ? &rows_of.filled : &rows_of.made;
    *block = (lt_source_block){src->ctx->mem, phase, atomic_fetch_add(counter, rows), rows};
    *out = block;
    return LT_OK;
}

static uint64_t rows_key(rig_phase_kind phase, uint64_t number, uint64_t hash)
{
    if (phase == PHASE_FILL) {
        return number;
    }
    if (phase == PHASE_HOT && (hash & 1023) < 922) {
        return 0;
    }
    return (hash >> 32) * rows_of.keys >> 32;
}

static lt_status rows_make(const lt_table_ctx *ctx, lt_source_block *block, lt_batch **out,
                           lt_error *err)
{
    uint32_t rows = (uint32_t)LT_MIN((uint64_t)ctx->batch_rows, block->left);
    if (rows == 0) {
        return LT_END;
    }
    lt_batch *batch = lt_batch_new(ctx->pool, ctx->schema, rows);
    if (batch == NULL) {
        return lt_error_nomem(err, "a batch");
    }
    for (uint32_t c = 0; c < ctx->schema->count; c++) {
        int64_t *to = LT_COL_DATA(&batch->cols[c], int64_t);
        for (uint32_t i = 0; i < rows; i++) {
            uint64_t hash = lt_hash_u64(block->next + i + 1);
            to[i] = ctx->record_index[c] == 0
                        ? (int64_t)rows_key(block->phase, block->next + i, hash)
                        : (int64_t)(hash & 0xfffff);
        }
    }
    batch->row_count = rows;
    batch->sel_count = rows;
    block->next += rows;
    block->left -= rows;
    (void)atomic_fetch_add_explicit(&rows_of.decoded, rows, memory_order_relaxed);
    *out = batch;
    return LT_OK;
}

static void rows_block_free(lt_source_block *block)
{
    if (block != NULL) {
        lt_mem_free(block->mem, block, sizeof *block);
    }
}

typedef struct {
    lt_source base;
    lt_source_block *block; /* of poll */
} rows_source;

static lt_status rows_poll(lt_source *src, lt_batch **out, lt_wait *wait, lt_error *err)
{
    rows_source *self = (rows_source *)(void *)src;
    for (;;) {
        if (self->block == NULL) {
            LT_TRY(rows_claim(src, &self->block, wait, err));
        }
        lt_status st = rows_make(src->ctx, self->block, out, err);
        if (st == LT_OK) {
            src->rows += (*out)->row_count;
        }
        if (st != LT_END) {
            return st;
        }
        rows_block_free(self->block);
        self->block = NULL;
    }
}

static void rows_close(lt_source *src)
{
    rows_block_free(((rows_source *)(void *)src)->block);
}

static lt_status rows_save(const lt_source *src, lt_text *to, lt_error *err)
{
    (void)src;
    (void)err;
    lt_text_puts(to, "0");
    return LT_OK;
}

static lt_status rows_load(lt_source *src, lt_str from, lt_error *err)
{
    (void)src;
    (void)from;
    (void)err;
    return LT_OK;
}

static lt_status rows_lane_new(lt_source *src, const lt_table_ctx *ctx, lt_source_lane **out,
                               lt_error *err)
{
    lt_source_lane *lane = lt_mem_zalloc(ctx->mem, sizeof *lane);
    if (lane == NULL) {
        return lt_error_nomem(err, "a lane");
    }
    lane->src = src;
    lane->ctx = ctx;
    *out = lane;
    return LT_OK;
}

static lt_status rows_decode(lt_source_lane *lane, lt_source_block *block, lt_batch **out,
                             lt_error *err)
{
    lt_status st = rows_make(lane->ctx, block, out, err);
    lane->rows += st == LT_OK ? (*out)->row_count : 0;
    return st;
}

static void rows_lane_free(lt_source_lane *lane)
{
    if (lane != NULL) {
        lt_mem_free(lane->ctx->mem, lane, sizeof *lane);
    }
}

static const lt_source_class rows_class = {
    .self_size = sizeof(rows_source),
    .guarantee = LT_SOURCE_REPLAYABLE,
    .bounded = rows_bounded,
    .poll = rows_poll,
    .save = rows_save,
    .load = rows_load,
    .close = rows_close,
    .can_split = rows_can_split,
    .claim = rows_claim,
    .lane_new = rows_lane_new,
    .decode = rows_decode,
    .block_free = rows_block_free,
    .lane_free = rows_lane_free,
};

static const lt_connector rows_connector = {
    .name = "datagen", .help = "rows of this program", .source = &rows_class};

/* ---- the job ---- */

typedef struct {
    lt_mem mem;
    lt_env *env;
    lt_catalog *catalog;
    lt_arena *arena;
    lt_plan *plan;
    lt_job *job;
} rig;

typedef struct {
    const char *insert;         /* INSERT INTO nowhere SELECT .. FROM rows */
    const char *phase_strategy; /* of aggregates; NULL = AUTO */
    const char *state_dir;      /* NULL = no checkpoints */
    uint32_t lanes;
    int compression;
} rig_job;

static void rig_statement(rig *r, const char *sql, uint32_t lanes)
{
    lt_error err;
    lt_error_clear(&err);
    lt_ast_stmt *stmt;
    lt_bound bound = {0};
    lt_str text = lt_str_of(sql);
    lt_status st = lt_sql_parse_statement(&stmt, r->arena, text, &err);
    if (st == LT_OK) {
        st = lt_bind_statement(r->catalog, stmt, text, NULL, r->arena, &bound, &err);
    }
    if (st == LT_OK && bound.kind == LT_BOUND_INSERT) {
        const lt_plan_options options = {.parallelism = lanes};
        st = lt_plan_build(r->catalog, bound.rels, bound.rel_count, false, &options, r->arena,
                           &r->plan, &err);
    }
    must(st == LT_OK, err.text);
}

static void rig_open(rig *r, const rig_job *job)
{
    lt_error err;
    lt_error_clear(&err);
    memset(r, 0, sizeof *r);
    lt_mem_init(&r->mem, NULL, "bench", 0);
    r->env = lt_env_real_new(&r->mem);
    must(r->env != NULL, "out of memory");
    r->catalog = lt_catalog_new(&r->mem, r->env);
    r->arena = lt_arena_new(&r->mem, (size_t)1 << 26);
    must(r->catalog != NULL && r->arena != NULL, "out of memory");
    rig_statement(r,
                  "CREATE TABLE `rows` (k BIGINT NOT NULL, v BIGINT NOT NULL) WITH ('connector' "
                  "= 'datagen')",
                  1);
    const lt_str name = LT_STR("rows");
    lt_table_def *table = lt_catalog_find(r->catalog, &name, 1);
    must(table != NULL, "the table is missing");
    table->connector = &rows_connector;
    rig_statement(r,
                  "CREATE TABLE nowhere (k BIGINT, n BIGINT, s BIGINT, m BIGINT) WITH "
                  "('connector' = 'blackhole')",
                  1);
    if (job->phase_strategy != NULL) {
        must(lt_catalog_set(r->catalog, LT_STR("table.optimizer.agg-phase-strategy"),
                            lt_str_of(job->phase_strategy), &err) == LT_OK,
             err.text);
    }
    rig_statement(r, job->insert, job->lanes);
    const lt_job_options options = {.env = r->env,
                                    .mem = &r->mem,
                                    .session = lt_catalog_session(r->catalog),
                                    .name = "bench",
                                    .parallelism = job->lanes,
                                    .threads = true,
                                    .ckpt = {.dir = job->state_dir,
                                             .failures_max = UINT32_MAX,
                                             .compression = job->compression,
                                             .fresh = true,
                                             .sql = job->insert}};
    must(lt_job_new(r->plan, &options, &r->job, &err) == LT_OK, err.text);
}

/* Looks at the job and sleeps until something happens, or max_ns. False when it has ended. */
static bool rig_turn(rig *r, int64_t max_ns)
{
    lt_job_state state = lt_job_step(r->job, 64);
    must(state != LT_JOB_FAILED, lt_job_error(r->job)->text);
    if (state == LT_JOB_DONE || state == LT_JOB_STOPPED) {
        return false;
    }
    lt_job_wait(r->job, max_ns);
    return true;
}

static void rig_run(rig *r)
{
    while (rig_turn(r, NS_PER_S)) {
    }
}

static void rig_close(rig *r)
{
    lt_job_free(r->job);
    lt_arena_free(r->arena);
    lt_catalog_free(r->catalog);
    lt_env_real_free(r->env);
    lt_mem_deinit(&r->mem);
}

LT_INLINE void rig_rows_set(uint64_t keys, rig_phase_kind phase)
{
    memset(&rows_of, 0, sizeof rows_of);
    rows_of.keys = keys;
    rows_of.rows_max = UINT64_MAX;
    atomic_store(&rows_of.phase, (int)phase);
}
