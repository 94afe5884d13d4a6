/* Building and taking down a job; the step scheduler. */
#include "base/assert.h"
#include "run/job_int.h"

#define JOB_ARENA_MAX   ((size_t)256 << 20)
#define POOL_KEEP       16
#define COLLECT_DEFAULT 16

static lt_status wire(lt_job *job, lt_error *err)
{
    const lt_plan *plan = job->plan;
    for (uint32_t id = 0; id < plan->node_count; id++) {
        lt_node *node = &job->nodes[id];
        uint32_t consumers = 0;
        for (uint32_t other = 0; other < plan->node_count; other++) {
            for (uint32_t i = 0; i < plan->nodes[other]->input_count; i++) {
                consumers += plan->nodes[other]->inputs[i] == id;
            }
        }
        node->consumers = LT_NEW_ARRAY(job->arena, lt_edge, consumers + 1);
        if (node->consumers == NULL) {
            return lt_error_nomem(err, "a job");
        }
        for (uint32_t other = 0; other < plan->node_count; other++) {
            for (uint32_t i = 0; i < plan->nodes[other]->input_count; i++) {
                if (plan->nodes[other]->inputs[i] == id) {
                    node->consumers[node->consumer_count++] = (lt_edge){other, i};
                }
            }
        }
    }
    return LT_OK;
}

static lt_status open_node(lt_job *job, uint32_t id, lt_error *err)
{
    lt_node *node = &job->nodes[id];
    const lt_plan_node *plan = job->plan->nodes[id];
    node->plan = plan;
    node->job = job;
    node->input_count = plan->input_count;
    node->watermark = LT_WATERMARK_MIN;
    lt_mem_init(&node->mem, &job->mem, "operator", 0);
    node->pool = lt_batch_pool_new(&node->mem, POOL_KEEP);
    node->inputs = LT_NEW_ARRAY(job->arena, lt_input, plan->input_count + 1);
    if (node->pool == NULL || node->inputs == NULL) {
        return lt_error_nomem(err, "a job");
    }
    for (uint32_t i = 0; i < plan->input_count; i++) {
        node->inputs[i].watermark = LT_WATERMARK_MIN;
    }
    lt_node_emit_init(node);
    lt_rejects_init(node);
    switch (plan->kind) {
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

static lt_status open_all(lt_job *job, lt_error *err)
{
    const lt_plan *plan = job->plan;
    lt_text_init(&job->reject_line, &job->mem);
    job->arena = lt_arena_new(&job->mem, JOB_ARENA_MAX);
    if (job->arena == NULL) {
        return lt_error_nomem(err, "a job");
    }
    job->masks.arena = job->arena;
    job->name =
        lt_arena_printf(job->arena, "%s", job->options.name != NULL ? job->options.name : "job");
    job->nodes = LT_NEW_ARRAY(job->arena, lt_node, plan->node_count);
    job->collected_cap =
        job->options.collect_batches_max > 0 ? job->options.collect_batches_max : COLLECT_DEFAULT;
    job->collected = LT_NEW_ARRAY(job->arena, lt_batch *, job->collected_cap);
    if (job->name == NULL || job->nodes == NULL || job->collected == NULL) {
        return lt_error_nomem(err, "a job");
    }
    for (uint32_t id = 0; id < plan->node_count; id++) {
        LT_TRY(open_node(job, id, err));
    }
    return wire(job, err);
}

static void mask_error(const lt_job *job, lt_error *err)
{
    if (err != NULL) {
        lt_masks_apply(&job->masks, err->text, sizeof err->text);
        lt_masks_apply(&job->masks, err->hint, sizeof err->hint);
    }
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
    job->event_max = LT_WATERMARK_MIN;
    lt_mem_init(&job->mem, options->mem, "job", 0);
    lt_status st = open_all(job, err);
    if (st != LT_OK) {
        mask_error(job, err);
        lt_job_free(job);
        return st;
    }
    *out = job;
    return LT_OK;
}

static void drop_messages(lt_node *node)
{
    for (uint32_t i = 0; i < node->input_count && node->inputs != NULL; i++) {
        lt_ring *ring = &node->inputs[i].ring;
        for (; ring->head != ring->tail; ring->head++) {
            lt_batch_unref(ring->slots[ring->head % LT_RING_SLOTS].batch);
        }
    }
    lt_batch_unref(node->cut);
    node->cut = NULL;
}

static void close_node(lt_node *node)
{
    if (node->plan == NULL) {
        return;
    }
    lt_node_close_op(node);
    lt_node_close_source(node);
    lt_node_close_sink(node);
}

void lt_job_free(lt_job *job)
{
    if (job == NULL) {
        return;
    }
    uint32_t count = job->nodes != NULL ? job->plan->node_count : 0;
    for (uint32_t id = 0; id < count; id++) {
        drop_messages(&job->nodes[id]);
    }
    for (lt_batch *batch = lt_job_take(job); batch != NULL; batch = lt_job_take(job)) {
        lt_batch_unref(batch);
    }
    for (uint32_t id = 0; id < count; id++) {
        close_node(&job->nodes[id]);
    }
    /* Batches pin batches of other nodes: all of them are back before the first pool goes. */
    for (uint32_t id = 0; id < count; id++) {
        lt_batch_pool_free(job->nodes[id].pool);
        if (job->nodes[id].plan != NULL) {
            lt_mem_deinit(&job->nodes[id].mem);
        }
    }
    lt_rejects_close(job);
    lt_arena_free(job->arena);
    lt_mem_deinit(&job->mem);
    lt_mem_free(job->options.mem, job, sizeof *job);
}

/* ---- scheduling ---- */

static lt_status run_node(lt_node *node, lt_error *err)
{
    switch (node->plan->kind) {
    case LT_PLAN_OPERATOR:
        return lt_node_run_op(node, err);
    case LT_PLAN_SINK:
        return lt_node_run_sink(node, err);
    case LT_PLAN_SOURCE:
    case LT_PLAN_VALUES:
        break;
    }
    return lt_node_run_source(node, err);
}

static bool all_sinks_finished(const lt_job *job)
{
    for (uint32_t i = 0; i < job->plan->sink_count; i++) {
        if (!job->nodes[job->plan->sinks[i]].sink_finished) {
            return false;
        }
    }
    return true;
}

static lt_job_state end_state(const lt_job *job)
{
    return job->stopping && !job->draining ? LT_JOB_STOPPED : LT_JOB_DONE;
}

/* The rows before the one that failed the job still reach their sinks: what lies behind the node
 * that failed is finished first. Further errors there are not the first cause. */
static bool finish_behind(lt_job *job)
{
    for (uint32_t id = job->plan->node_count; id-- > job->failed_node + 1;) {
        lt_node *node = &job->nodes[id];
        lt_error later;
        lt_error_clear(&later);
        if (node->input_count > 0 && run_node(node, &later) == LT_OK) {
            return true;
        }
    }
    return false;
}

/* One message for the node furthest behind that can take one; LT_AGAIN = nothing can run. */
static lt_status step_once(lt_job *job)
{
    for (uint32_t id = job->plan->node_count; id-- > 0;) {
        lt_status st = run_node(&job->nodes[id], &job->error);
        if (st != LT_AGAIN) {
            job->failing = st != LT_OK;
            job->failed_node = id;
            if (job->failing) {
                mask_error(job, &job->error);
            }
            return LT_OK; /* look again from the sinks on */
        }
    }
    return LT_AGAIN;
}

lt_job_state lt_job_step(lt_job *job, uint32_t budget)
{
    if (job->state != LT_JOB_RUNNING && job->state != LT_JOB_WAITING) {
        return job->state;
    }
    job->state = LT_JOB_RUNNING;
    for (; budget > 0; budget--) {
        if (job->failing && !finish_behind(job)) {
            job->state = lt_collector_is_full(job) ? LT_JOB_WAITING : LT_JOB_FAILED;
            return job->state;
        }
        if (!job->failing && step_once(job) == LT_AGAIN) {
            job->state = all_sinks_finished(job) ? end_state(job) : LT_JOB_WAITING;
            return job->state;
        }
    }
    return job->state;
}

const lt_error *lt_job_error(const lt_job *job)
{
    return &job->error;
}

void lt_job_stop(lt_job *job, bool drain)
{
    job->draining = drain || (job->stopping && job->draining);
    job->stopping = true;
}

static int64_t node_deadline(const lt_node *node)
{
    int64_t at = INT64_MAX;
    if (node->op != NULL && node->op->cls->on_timer != NULL) {
        at = node->op->wake_mono_ns;
    }
    if (node->source != NULL && !node->source_ended) {
        at = LT_MIN(at, node->wait.wake_mono_ns);
        if (node->idle_timeout_ns > 0 && !node->idle) {
            at = LT_MIN(at, node->last_row_ns + node->idle_timeout_ns);
        }
    }
    if (node->sink != NULL && node->sink->cls->tick != NULL && !node->sink_finished) {
        at = LT_MIN(at, node->sink_wake_ns);
    }
    return at;
}

#define WAIT_FILES_MAX 64

void lt_job_wait(lt_job *job, int64_t max_ns)
{
    lt_file *files[WAIT_FILES_MAX];
    size_t file_count = 0;
    int64_t now = job->env->mono_ns(job->env);
    int64_t deadline = now + max_ns;
    for (uint32_t id = 0; id < job->plan->node_count; id++) {
        lt_node *node = &job->nodes[id];
        deadline = LT_MIN(deadline, node_deadline(node));
        bool reads = node->source != NULL && !node->source_ended && lt_node_room(node) >= 2;
        if (reads && node->wait.file != NULL && file_count < WAIT_FILES_MAX) {
            files[file_count++] = node->wait.file;
        }
    }
    if (deadline > now) {
        job->env->wait(job->env, deadline, files, file_count);
    }
}

lt_batch *lt_job_take(lt_job *job)
{
    if (job->collected_count == 0) {
        return NULL;
    }
    lt_batch *batch = job->collected[job->collected_head];
    job->collected_head = (job->collected_head + 1) % job->collected_cap;
    job->collected_count--;
    return batch;
}

bool lt_job_quiet(const lt_job *job)
{
    for (uint32_t id = 0; id < job->plan->node_count; id++) {
        const lt_node *node = &job->nodes[id];
        if (node->cut != NULL || node->must_resume || node->sink_pending != NULL ||
            node->mark_pending) {
            return false;
        }
        for (uint32_t i = 0; i < node->input_count; i++) {
            if (lt_ring_count(&node->inputs[i].ring) > 0) {
                return false;
            }
        }
    }
    return true;
}
