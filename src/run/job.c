/* Building and taking down a job; stepping all of its lanes, or looking at the threads that do. */
#include "base/assert.h"
#include "run/job_int.h"

#define JOB_ARENA_MAX   ((size_t)256 << 20)
#define POOL_KEEP       16
#define SCRATCH_MAX     ((size_t)256 << 20)
#define COLLECT_DEFAULT 16

static lt_status open_node(lt_node *node, lt_error *err)
{
    lt_job *job = node->job;
    node->watermark = LT_WATERMARK_MIN;
    lt_mem_init(&node->mem, &job->mem, "operator", 0);
    lt_text_init(&node->part.scalars, &job->mem);
    lt_text_init(&node->part.syncs, &job->mem);
    lt_text_init(&node->part.record, &job->mem);
    lt_text_init(&node->record.bytes, &job->mem);
    node->opened = true;
    node->pool = lt_batch_pool_new(&node->mem, POOL_KEEP);
    node->scratch = lt_arena_new(&node->mem, SCRATCH_MAX);
    if (node->pool == NULL || node->scratch == NULL) {
        return lt_error_nomem(err, "a job");
    }
    lt_node_emit_init(node);
    lt_rejects_init(node);
    switch (node->plan->kind) {
    case LT_PLAN_OPERATOR:
        return lt_node_open_op(node, err);
    case LT_PLAN_SINK:
        return lt_node_open_sink(node, err);
    case LT_PLAN_SOURCE:
    case LT_PLAN_VALUES:
        break;
    }
    return lt_node_open_source(node, err);
}

static lt_status open_lanes(lt_job *job, lt_error *err)
{
    LT_ASSERT(job->plan->parallelism <= LT_LANES_MAX);
    job->lane_count = job->plan->parallelism;
    job->lanes = LT_NEW_ARRAY(job->arena, lt_lane, job->lane_count);
    if (job->lanes == NULL) {
        return lt_error_nomem(err, "a job");
    }
    for (uint32_t i = 0; i < job->lane_count; i++) {
        job->lanes[i].job = job;
        job->lanes[i].no = i;
        job->lanes[i].waker = job->env->waker_new(job->env);
        job->lanes[i].busy = lt_mutex_new(&job->mem);
        job->lanes[i].gate = lt_mutex_new(&job->mem);
        if (job->lanes[i].waker == NULL || job->lanes[i].busy == NULL ||
            job->lanes[i].gate == NULL) {
            return lt_error_nomem(err, "a job");
        }
    }
    return LT_OK;
}

static lt_status open_all(lt_job *job, lt_error *err)
{
    lt_text_init(&job->reject_line, &job->mem);
    job->arena = lt_arena_new(&job->mem, JOB_ARENA_MAX);
    job->lock = lt_mutex_new(&job->mem);
    if (job->arena == NULL || job->lock == NULL) {
        return lt_error_nomem(err, "a job");
    }
    job->masks.arena = job->arena;
    job->name =
        lt_arena_printf(job->arena, "%s", job->options.name != NULL ? job->options.name : "job");
    job->collected_cap =
        job->options.collect_batches_max > 0 ? job->options.collect_batches_max : COLLECT_DEFAULT;
    job->collected = LT_NEW_ARRAY(job->arena, lt_batch *, job->collected_cap);
    if (job->name == NULL || job->collected == NULL) {
        return lt_error_nomem(err, "a job");
    }
    atomic_store(&job->sinks_left, job->plan->sink_count);
    LT_TRY(open_lanes(job, err));
    LT_TRY(lt_job_layout(job, err));
    for (uint32_t i = 0; i < job->node_count; i++) {
        LT_TRY(open_node(&job->nodes[i], err));
    }
    return lt_ckpt_open(job, err);
}

lt_status lt_job_new(const lt_plan *plan, const lt_job_options *options, lt_job **out,
                     lt_error *err)
{
    lt_job *job = lt_mem_zalloc(options->mem, sizeof *job);
    if (job == NULL) {
        return lt_error_nomem(err, "a job");
    }
    job->plan = plan;
    job->options = *options;
    if (job->options.batch_rows == 0 || job->options.batch_rows > LT_BATCH_ROWS_MAX) {
        job->options.batch_rows = LT_BATCH_ROWS_MAX;
    }
    job->env = options->env;
    job->random = options->buggify;
    atomic_store(&job->event_max, LT_WATERMARK_MIN);
    lt_mem_init(&job->mem, options->mem, "job", 0);
    lt_status st = LT_OK;
    if (options->spill_dir != NULL) {
        st = lt_spill_new(&job->mem, job->env, options->spill_dir, options->spill_limit,
                          &job->spill, err);
    }
    st = st == LT_OK ? open_all(job, err) : st;
    if (st != LT_OK) {
        if (err != NULL) {
            lt_job_mask_error(job, err);
        }
        lt_job_free(job);
        return st;
    }
    job->may_run = options->threads && !lt_job_replays(job);
    *out = job;
    return LT_OK;
}

static void drop_messages(lt_node *node)
{
    for (uint32_t c = 0; c < node->channel_count; c++) {
        lt_ring *ring = &node->channels[c].ring;
        for (lt_msg msg = lt_ring_peek(ring); msg.kind != LT_MSG_NONE; msg = lt_ring_peek(ring)) {
            lt_batch_unref(msg.batch);
            atomic_fetch_add(&ring->head, 1);
        }
    }
    lt_batch_unref(node->cut);
    node->cut = NULL;
}

static void close_node(lt_node *node)
{
    lt_node_close_op(node);
    lt_node_close_source(node);
    lt_node_close_sink(node);
    lt_text_deinit(&node->part.scalars);
    lt_text_deinit(&node->part.syncs);
    lt_text_deinit(&node->part.record);
    lt_text_deinit(&node->record.bytes);
    lt_array_deinit(&node->clocks_then, &node->job->mem);
    lt_arena_free(node->scratch);
}

static void close_nodes(lt_job *job, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        drop_messages(&job->nodes[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        close_node(&job->nodes[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        lt_source_free(job->nodes[i].source);
    }
    for (uint32_t i = 0; job->sequences != NULL && i < job->plan->node_count; i++) {
        lt_sequence_close(&job->sequences[i]);
    }
    /* Batches pin batches of other nodes: all of them are back before the first pool goes. */
    for (uint32_t i = 0; i < count; i++) {
        lt_batch_pool_free(job->nodes[i].pool);
        lt_mem_deinit(&job->nodes[i].mem);
    }
}

void lt_job_free(lt_job *job)
{
    if (job == NULL) {
        return;
    }
    lt_threads_stop(job);
    lt_ckpt_close(job);
    uint32_t opened = 0;
    while (opened < job->node_count && job->nodes[opened].opened) {
        opened++;
    }
    for (lt_batch *batch = job->collected != NULL ? lt_job_take(job) : NULL; batch != NULL;
         batch = lt_job_take(job)) {
        lt_batch_unref(batch);
    }
    close_nodes(job, opened);
    for (uint32_t i = 0; job->lanes != NULL && i < job->lane_count; i++) {
        job->env->waker_free(job->lanes[i].waker);
        lt_mutex_free(job->lanes[i].busy);
        lt_mutex_free(job->lanes[i].gate);
    }
    lt_rejects_close(job);
    lt_spill_free(job->spill);
    lt_mutex_free(job->lock);
    lt_arena_free(job->arena);
    lt_mem_deinit(&job->mem);
    lt_mem_free(job->options.mem, job, sizeof *job);
}

/* ---- stepping ---- */

/* Have the streams ended, and is everything published that can be? */
static bool is_over(const lt_job *job)
{
    bool ended = atomic_load(&job->sinks_left) == 0;
    if (lt_job_replays(job)) {
        return lt_replay_is_over(job);
    }
    if (job->ckpt == NULL) {
        return ended;
    }
    bool stops = atomic_load(&job->stopping) && !atomic_load(&job->draining);
    return (ended || stops) && lt_ckpt_settled(job);
}

static lt_job_state end_job(lt_job *job)
{
    lt_threads_stop(job);
    /* A stop's last checkpoint may have been made just before the end reached the sinks. */
    bool ended = job->ckpt != NULL ? lt_ckpt_has_end(job) : atomic_load(&job->sinks_left) == 0;
    bool stopped = atomic_load(&job->stopping) && !atomic_load(&job->draining);
    job->may_run = false;
    if (job->ckpt != NULL && (ended || lt_job_replays(job))) {
        lt_error err;
        lt_error_clear(&err);
        lt_status st =
            lt_job_replays(job) ? lt_replay_compare(job, &err) : lt_ckpt_finish(job, &err);
        if (st != LT_OK) {
            lt_job_fail(job, NULL, &err);
            return LT_JOB_FAILED;
        }
        return LT_JOB_DONE;
    }
    return stopped ? LT_JOB_STOPPED : LT_JOB_DONE;
}

/* One message somewhere; LT_AGAIN = nothing can run. */
static lt_status step_once(lt_job *job)
{
    bool moved = lt_ckpt_step(job) == LT_OK;
    uint32_t at = job->lane_next;
    if (job->options.buggify != 0) {
        at = (uint32_t)(lt_job_random(job) % job->lane_count);
    }
    for (uint32_t i = 0; i < job->lane_count; i++) {
        lt_lane *lane = &job->lanes[(at + i) % job->lane_count];
        if (lt_lane_step(lane) == LT_OK) {
            job->lane_next = (lane->no + 1) % job->lane_count;
            return LT_OK;
        }
    }
    return moved ? LT_OK : LT_AGAIN;
}

static lt_job_state step_lanes(lt_job *job, uint32_t budget)
{
    for (; budget > 0; budget--) {
        if (!atomic_load(&job->failing) && is_over(job)) {
            return end_job(job);
        }
        if (step_once(job) != LT_AGAIN) {
            continue;
        }
        if (atomic_load(&job->failing)) {
            /* The rows before the one that failed the job have reached their sinks. */
            return lt_collector_is_full(job) ? LT_JOB_WAITING : LT_JOB_FAILED;
        }
        return is_over(job) ? end_job(job) : LT_JOB_WAITING;
    }
    return LT_JOB_RUNNING;
}

/* The threads do the work: only look. */
static lt_job_state look(lt_job *job)
{
    if (is_over(job)) {
        return end_job(job);
    }
    return lt_collected(job) > 0 ? LT_JOB_RUNNING : LT_JOB_WAITING;
}

lt_job_state lt_job_step(lt_job *job, uint32_t budget)
{
    if (job->state != LT_JOB_RUNNING && job->state != LT_JOB_WAITING) {
        return job->state;
    }
    if (atomic_load(&job->failing)) {
        lt_threads_stop(job);
        job->may_run = false;
    } else if (job->may_run && !job->running) {
        lt_error err;
        lt_error_clear(&err);
        if (lt_threads_start(job, &err) != LT_OK) {
            job->may_run = false;
            lt_job_fail(job, NULL, &err);
        }
    }
    job->state = job->running ? look(job) : step_lanes(job, budget);
    return job->state;
}

/* Until the job's owner has seen it fail, its threads may be writing there. */
const lt_error *lt_job_error(const lt_job *job)
{
    static const lt_error none = {.code = LT_OK};
    return job->state == LT_JOB_FAILED ? &job->error : &none;
}

void lt_job_stop(lt_job *job, bool drain)
{
    if (drain) {
        atomic_store(&job->draining, true);
    }
    atomic_store(&job->stopping, true);
    if (job->running) {
        lt_lanes_wake(job);
        lt_job_notify(job);
    }
}

lt_batch *lt_job_take(lt_job *job)
{
    uint32_t head = atomic_load_explicit(&job->collected_head, memory_order_relaxed);
    if (lt_collected(job) == 0) {
        return NULL;
    }
    bool was_full = lt_collector_is_full(job);
    lt_batch *batch = job->collected[head % job->collected_cap];
    atomic_store_explicit(&job->collected_head, head + 1, memory_order_release);
    if (was_full) {
        lt_lanes_wake(job);
    }
    return batch;
}

bool lt_job_quiet(const lt_job *job)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        const lt_node *node = &job->nodes[i];
        if (node->cut != NULL || node->must_resume || node->sink_pending != NULL ||
            node->mark_pending || node->source_block != NULL || node->barred > 0) {
            return false;
        }
        for (uint32_t c = 0; c < node->channel_count; c++) {
            if (lt_ring_count(&node->channels[c].ring) > 0) {
                return false;
            }
        }
    }
    return true;
}
