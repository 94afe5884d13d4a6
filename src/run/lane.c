/* Stepping a lane: one message for the runnable task furthest downstream, so that queues stay short
 * and batches warm. Threads, a stepping host and the simulator all call only lt_lane_step(). */
#include "base/assert.h"
#include "run/job_int.h"

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

void lt_job_mask_error(const lt_job *job, lt_error *err)
{
    lt_masks_apply(&job->masks, err->text, sizeof err->text);
    lt_masks_apply(&job->masks, err->hint, sizeof err->hint);
}

void lt_job_fail(lt_job *job, lt_node *node, const lt_error *err)
{
    lt_mutex_lock(job->lock);
    if (!atomic_load(&job->failing)) {
        job->error = *err;
        lt_job_mask_error(job, &job->error);
        atomic_store(&job->failing, true);
    }
    if (node != NULL) {
        node->failed = true;
    }
    lt_mutex_unlock(job->lock);
    if (job->running) {
        atomic_store(&job->halted, true);
        lt_lanes_wake(job);
        job->env->wake(job->env);
    }
}

uint64_t lt_job_random(lt_job *job)
{
    if (job->options.buggify == 0) {
        return 0;
    }
    job->random += UINT64_C(0x9e3779b97f4a7c15);
    return lt_hash_u64(job->random);
}

/* start: when the lane began to look for work. Reading the clock for every task that has none would
 * cost more than looking at it. */
static lt_status run_timed(lt_lane *lane, lt_node *node, int64_t start)
{
    lt_env *env = lane->job->env;
    lt_error err;
    lt_error_clear(&err);
    lt_status st = run_node(node, &err);
    if (st == LT_AGAIN) {
        return st;
    }
    if (lane->job->running) {
        node->busy_ns += env->mono_ns(env) - start;
    }
    if (st != LT_OK) {
        lt_job_fail(lane->job, node, &err);
    }
    lt_node_wake(node);
    return LT_OK;
}

/* The simulator looks at the tasks in any order. */
static uint32_t first_to_look_at(lt_lane *lane)
{
    uint32_t last = lane->node_count - 1;
    uint64_t random = lt_job_random(lane->job);
    return random % 4 == 3 ? (uint32_t)(random >> 32) % lane->node_count : last;
}

lt_status lt_lane_step(lt_lane *lane)
{
    if (lane->node_count == 0) {
        return LT_AGAIN;
    }
    lt_env *env = lane->job->env;
    int64_t start = lane->job->running ? env->mono_ns(env) : 0;
    uint32_t at = lane->job->options.buggify != 0 ? first_to_look_at(lane) : lane->node_count - 1;
    for (uint32_t i = 0; i < lane->node_count; i++) {
        lt_node *node = lane->nodes[at];
        if (!node->failed && run_timed(lane, node, start) != LT_AGAIN) {
            return LT_OK;
        }
        at = at == 0 ? lane->node_count - 1 : at - 1;
    }
    return LT_AGAIN;
}

/* ---- sleeping ---- */

static int64_t node_deadline(const lt_node *node)
{
    int64_t at = INT64_MAX;
    if (node->op != NULL && node->op->cls->on_timer != NULL) {
        at = node->op->wake_mono_ns;
    }
    /* A source without room has nothing to wait for but a consumer, which wakes the lane. */
    if (node->plan->kind == LT_PLAN_SOURCE && !node->source_ended &&
        lt_node_room(node) >= LT_SOURCE_ROOM) {
        at = LT_MIN(at, node->wait.wake_mono_ns);
        if (node->sequence == NULL && node->idle_timeout_ns > 0 && !node->idle) {
            at = LT_MIN(at, node->last_row_ns + node->idle_timeout_ns);
        }
    }
    if (node->sink != NULL && node->sink->cls->tick != NULL && !node->sink_finished) {
        at = LT_MIN(at, node->sink_wake_ns);
    }
    return at;
}

/* Deadline and files of the lane's tasks are added to those given. */
static void lane_waits(const lt_lane *lane, lt_wait_set *set)
{
    for (uint32_t i = 0; i < lane->node_count; i++) {
        const lt_node *node = lane->nodes[i];
        if (node->failed) {
            continue;
        }
        set->deadline = LT_MIN(set->deadline, node_deadline(node));
        bool reads = node->plan->kind == LT_PLAN_SOURCE && !node->source_ended &&
                     lt_node_room(node) >= LT_SOURCE_ROOM;
        if (reads && node->wait.file != NULL && set->file_count < LT_WAIT_FILES_MAX) {
            set->files[set->file_count++] = node->wait.file;
        }
    }
}

void lt_lane_wait(lt_lane *lane, int64_t max_ns)
{
    lt_env *env = lane->job->env;
    int64_t now = env->mono_ns(env);
    lt_wait_set set = {.deadline = now + max_ns};
    lane_waits(lane, &set);
    if (set.deadline > now) {
        env->wait_on(env, lane->waker, set.deadline, set.files, set.file_count);
    }
}

void lt_job_wait(lt_job *job, int64_t max_ns)
{
    lt_env *env = job->env;
    int64_t now = env->mono_ns(env);
    lt_wait_set set = {.deadline = now + max_ns};
    if (job->running) {
        env->wait(env, set.deadline, NULL, 0);
        return;
    }
    for (uint32_t i = 0; i < job->lane_count; i++) {
        lane_waits(&job->lanes[i], &set);
    }
    set.deadline = LT_MIN(set.deadline, lt_ckpt_deadline(job));
    if (set.deadline > now) {
        env->wait(env, set.deadline, set.files, set.file_count);
    }
}
