/* The checkpoint coordinator: a state machine that one thread steps (or lt_job_step does).
 *
 *   IDLE ──due or asked for──> BARRIERS ──all tasks have handed over──> WRITING ──> COMMIT ──> IDLE
 *
 * The request goes to the sources as a number; barriers flow through the channels; every task hands
 * over its part (barrier.c). Writing asks the parts for their blocks one by one, so that a step is
 * short, then syncs what the sinks named and makes the manifest durable. Only after that sinks
 * publish, each on its own lane. A checkpoint that fails leaves the one before; the next takes
 * everything that changed since the last committed one.
 *
 * Stop and end of input make a last checkpoint: `ended` ones only have publishing left. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mutant.h"
#include "run/checkpoint_int.h"

#define BLOCKS_PER_STEP   32
#define RETRY_NS          INT64_C(100000000)
#define LAST_ATTEMPTS_MAX 5
#define NS_PER_MS         INT64_C(1000000)

static int64_t now_ns(const lt_job *job)
{
    return job->env->mono_ns(job->env);
}

uint64_t lt_ckpt_requested(const lt_job *job)
{
    /* A task that waits for what it looks up would never see the barrier behind its rows. */
    if (atomic_load_explicit(&job->loads_left, memory_order_acquire) > 0) {
        return 0;
    }
    return job->ckpt != NULL ? atomic_load_explicit(&job->ckpt->requested, memory_order_acquire)
                             : 0;
}

uint64_t lt_ckpt_committed(const lt_job *job)
{
    return job->ckpt != NULL ? atomic_load_explicit(&job->ckpt->committed, memory_order_acquire)
                             : 0;
}

bool lt_ckpt_is_full(const lt_job *job)
{
    return atomic_load(&job->ckpt->full);
}

static void note_error(lt_ckpt_run *run, const lt_error *err)
{
    lt_mutex_lock(run->lock);
    snprintf(run->stats.last_error, sizeof run->stats.last_error, "%.239s", err->text);
    lt_mutex_unlock(run->lock);
}

void lt_ckpt_ack(lt_node *node, uint64_t id, const lt_error *failed)
{
    lt_ckpt_run *run = node->job->ckpt;
    if (run == NULL || id != atomic_load(&run->requested)) {
        return;
    }
    if (failed != NULL) {
        note_error(run, failed);
        atomic_store(&run->part_failed, true);
    }
    int64_t pause = atomic_load(&run->pause_ns);
    while (node->pause_ns > pause &&
           !atomic_compare_exchange_weak(&run->pause_ns, &pause, node->pause_ns)) {
    }
    if (atomic_fetch_add(&run->acks, 1) + 1 == node->job->node_count && node->job->running) {
        node->job->env->waker_signal(node->job->ckpt_waker);
    }
}

/* ---- beginning ---- */

static bool all_ended(const lt_job *job)
{
    return atomic_load(&job->sinks_left) == 0;
}

static bool is_stopping(const lt_job *job)
{
    return atomic_load(&job->stopping) && !atomic_load(&job->draining);
}

static bool wants_last(const lt_job *job)
{
    return (all_ended(job) || is_stopping(job)) && !job->ckpt->last_done;
}

static bool is_due(lt_job *job)
{
    lt_ckpt_run *run = job->ckpt;
    if (wants_last(job) && now_ns(job) >= run->retry_ns) {
        return true;
    }
    lt_mutex_lock(run->lock);
    bool asked = run->asked || run->savepoint_asked;
    lt_mutex_unlock(run->lock);
    if (run->last_done) {
        return false;
    }
    return asked || (run->settings->interval_ms > 0 && now_ns(job) >= run->next_ns);
}

static void begin(lt_job *job)
{
    lt_ckpt_run *run = job->ckpt;
    lt_mutex_lock(run->lock);
    run->is_savepoint = run->savepoint_asked;
    run->is_last = !run->is_savepoint && wants_last(job);
    run->ended = all_ended(job);
    run->asked = false;
    run->savepoint_asked = false;
    run->stats.running = true;
    lt_mutex_unlock(run->lock);
    /* A savepoint or a failure leaves the store's number where it was; a request is a new number.
     */
    run->id = LT_MAX(lt_ckpt_next_id(run->store), atomic_load(&run->requested) + 1);
    /* A savepoint that was started from may lie ahead of the store. */
    run->id = LT_MAX(run->id, run->stats.restored_id + 1);
    run->begun_ns = now_ns(job);
    run->begun_wall_ms = job->env->wall_us(job->env) / 1000;
    run->phase = CKPT_BARRIERS;
    atomic_store(&run->acks, 0);
    atomic_store(&run->part_failed, false);
    atomic_store(&run->pause_ns, 0);
    atomic_store(&run->full, run->is_savepoint || lt_ckpt_wants_full(run->store));
    atomic_store_explicit(&run->requested, run->id, memory_order_release);
    lt_lanes_wake(job);
}

/* ---- ending ---- */

void lt_ckpt_drop_parts(lt_job *job, bool committed)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        if (job->nodes[i].part.snap != NULL) {
            lt_state_snap_end(job->nodes[i].part.snap, committed);
            job->nodes[i].part.snap = NULL;
        }
    }
}

static void schedule(lt_job *job)
{
    lt_ckpt_run *run = job->ckpt;
    int64_t now = now_ns(job);
    int64_t next = run->begun_ns + run->settings->interval_ms * NS_PER_MS;
    run->next_ns = LT_MAX(next, now + run->settings->min_pause_ms * NS_PER_MS);
    run->phase = CKPT_IDLE;
}

void lt_ckpt_say(const lt_job *job, const char *line)
{
    const lt_ckpt_settings *settings = &job->options.ckpt;
    if (settings->say != NULL) {
        settings->say(settings->arg, line);
    }
}

/* The one under way is given up; the job goes on unless too many failed in a row. */
static void give_up(lt_job *job, const lt_error *why)
{
    lt_ckpt_run *run = job->ckpt;
    char line[320];
    lt_ckpt_write_abort(run->writer);
    run->writer = NULL;
    lt_ckpt_drop_parts(job, false);
    lt_mutex_lock(run->lock);
    run->stats.failed++;
    run->stats.running = false;
    if (why != NULL) {
        snprintf(run->stats.last_error, sizeof run->stats.last_error, "%.239s", why->text);
    }
    snprintf(line, sizeof line, "checkpoint %llu failed: %s", (unsigned long long)run->id,
             run->stats.last_error);
    lt_mutex_unlock(run->lock);
    lt_ckpt_say(job, line);
    run->failed_in_row++;
    run->retry_ns = now_ns(job) + RETRY_NS;
    schedule(job);
    bool too_many = run->is_last ? run->failed_in_row > LAST_ATTEMPTS_MAX
                                 : run->failed_in_row > run->settings->failures_max;
    if (too_many && !run->is_savepoint) {
        lt_error err;
        lt_error_clear(&err);
        lt_error_set(&err, LT_ERR_STATE, "%.300s", line);
        err.retriable = true; /* from the checkpoint before */
        lt_job_fail(job, NULL, &err);
    }
}

static void finished(lt_job *job, const lt_ckpt_info *info)
{
    lt_ckpt_run *run = job->ckpt;
    /* A savepoint is nobody's base: its blocks lie elsewhere. */
    lt_ckpt_drop_parts(job, !run->is_savepoint);
    lt_mutex_lock(run->lock);
    lt_ckpt_stats *stats = &run->stats;
    stats->completed++;
    stats->last_id = run->id;
    stats->last_wall_ms = run->begun_wall_ms;
    stats->last_duration_us = (now_ns(job) - run->begun_ns) / 1000;
    stats->last_barrier_us = (run->aligned_ns - run->begun_ns) / 1000;
    stats->last_pause_us = atomic_load(&run->pause_ns) / 1000;
    stats->last_bytes_new = info->bytes_new;
    stats->last_bytes_all = info->bytes_all;
    stats->last_error[0] = '\0';
    stats->running = false;
    if (run->is_savepoint) {
        snprintf(stats->last_savepoint, sizeof stats->last_savepoint, "%s", run->savepoint_dir);
    }
    lt_mutex_unlock(run->lock);
    run->failed_in_row = 0;
    if (!run->is_savepoint) {
        atomic_store_explicit(&run->committed, run->id, memory_order_release);
    }
    atomic_store(&run->last_done, run->last_done || run->is_last);
    schedule(job);
    lt_lanes_wake(job);
    if (job->running) {
        job->env->wake(job->env);
    }
}

/* ---- writing ---- */

static lt_status open_writer(lt_job *job, lt_error *err)
{
    lt_ckpt_run *run = job->ckpt;
    const lt_ckpt_info info = {
        .id = run->id,
        .savepoint = run->is_savepoint,
        .ended = run->ended,
        .wall_ms = run->begun_wall_ms,
        .job = lt_str_of(job->name),
        .plan = lt_text_str(&run->plan),
        .sql = lt_str_of(run->settings->sql != NULL ? run->settings->sql : ""),
        .parallelism = job->lane_count,
    };
    run->part = 0;
    run->part_begun = false;
    return lt_ckpt_write_begin(run->store, &info, run->is_savepoint ? run->savepoint_dir : NULL,
                               &run->writer, err);
}

/* Some blocks of one task; LT_END: that was the last of them. */
static lt_status write_part(lt_job *job, lt_node *node, lt_error *err)
{
    lt_ckpt_run *run = job->ckpt;
    if (!run->part_begun) {
        LT_TRY(lt_ckpt_write_part(run->writer, node->part_name, lt_text_str(&node->part.scalars),
                                  err));
        run->part_begun = true;
        LT_TRY(lt_record_write(node, run->writer, err));
    }
    for (unsigned i = 0; i < BLOCKS_PER_STEP && node->part.snap != NULL; i++) {
        lt_state_block block;
        lt_status st = lt_state_snap_next(node->part.snap, &block, err);
        if (st == LT_END) {
            return LT_END;
        }
        if (st == LT_OK) {
            st = block.unchanged
                     ? lt_ckpt_write_same(run->writer, block.id, err)
                     : lt_ckpt_write_block(run->writer, block.id, block.bytes, block.len, err);
        }
        if (st != LT_OK) {
            return st;
        }
    }
    return node->part.snap != NULL ? LT_OK : LT_END;
}

static lt_status sync_path(lt_job *job, const char *path, lt_error *err)
{
    lt_env *env = job->env;
    lt_file *file = NULL;
    LT_TRY(env->open(env, path, LT_OPEN_APPEND, &file, err));
    lt_status st = env->sync(file, err);
    env->close(file);
    return st;
}

/* What the sinks wrote must be durable before the manifest says that it is covered. After a sync
 * that failed nobody knows what the disk holds, and trying again could report success for pages
 * that were dropped: the job fails and starts from the checkpoint before. */
static lt_status sync_sinks(lt_job *job, lt_error *err)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        const lt_text *syncs = &job->nodes[i].part.syncs;
        size_t at = 0;
        while (at < syncs->len && !LT_MUTANT(SKIP_SINK_SYNC)) {
            const char *path = syncs->ptr + at;
            lt_status st = sync_path(job, path, err);
            if (st != LT_OK) {
                lt_job_fail(job, NULL, err);
                return st;
            }
            at += strlen(path) + 1;
        }
    }
    return LT_OK;
}

static lt_status commit(lt_job *job, lt_error *err)
{
    lt_ckpt_run *run = job->ckpt;
    lt_ckpt_info info;
    LT_TRY(sync_sinks(job, err));
    lt_ckpt_writer *writer = run->writer;
    run->writer = NULL; /* commit frees it in every case */
    LT_TRY(lt_ckpt_write_commit(writer, &info, err));
    finished(job, &info);
    return LT_OK;
}

static lt_status write_some(lt_job *job, lt_error *err)
{
    lt_ckpt_run *run = job->ckpt;
    if (run->part == job->node_count) {
        return commit(job, err);
    }
    lt_status st = write_part(job, &job->nodes[run->part], err);
    if (st == LT_END) {
        run->part++;
        run->part_begun = false;
        return LT_OK;
    }
    return st;
}

static lt_status await_barriers(lt_job *job)
{
    lt_ckpt_run *run = job->ckpt;
    if (atomic_load(&run->acks) < job->node_count) {
        return LT_AGAIN;
    }
    run->aligned_ns = now_ns(job);
    int64_t timeout = run->settings->timeout_ms * NS_PER_MS;
    lt_error err;
    lt_error_clear(&err);
    if (timeout > 0 && run->aligned_ns - run->begun_ns > timeout) {
        (void)lt_error_set(&err, LT_ERR_STATE, "the barriers took longer than %lld ms",
                           (long long)run->settings->timeout_ms);
        give_up(job, &err);
    } else if (atomic_load(&run->part_failed)) {
        give_up(job, NULL);
    } else if (lt_buggify(job, 40)) {
        (void)lt_error_set(&err, LT_ERR_STATE, "broken off by the simulator");
        give_up(job, &err);
    } else if (open_writer(job, &err) != LT_OK) {
        give_up(job, &err);
    } else {
        run->phase = CKPT_WRITING;
        if (LT_MUTANT(EARLY_PUBLISH) && !run->is_savepoint) {
            atomic_store(&run->committed, run->id);
        }
    }
    return LT_OK;
}

lt_status lt_ckpt_step(lt_job *job)
{
    lt_ckpt_run *run = job->ckpt;
    if (run == NULL || lt_job_replays(job) || atomic_load(&job->failing)) {
        return LT_AGAIN;
    }
    switch (run->phase) {
    case CKPT_IDLE:
        if (!is_due(job)) {
            return LT_AGAIN;
        }
        begin(job);
        return LT_OK;
    case CKPT_BARRIERS:
        return await_barriers(job);
    case CKPT_WRITING: {
        lt_error err;
        lt_error_clear(&err);
        if (write_some(job, &err) != LT_OK) {
            give_up(job, &err);
        }
        return LT_OK;
    }
    }
    return LT_AGAIN;
}

int64_t lt_ckpt_deadline(const lt_job *job)
{
    const lt_ckpt_run *run = job->ckpt;
    if (run == NULL || lt_job_replays(job) || run->phase != CKPT_IDLE || run->last_done) {
        return INT64_MAX;
    }
    int64_t at = run->settings->interval_ms > 0 ? run->next_ns : INT64_MAX;
    return wants_last(job) ? LT_MIN(at, run->retry_ns) : at;
}

/* Everything that the last checkpoint covers is published. */
bool lt_ckpt_settled(const lt_job *job)
{
    const lt_ckpt_run *run = job->ckpt;
    if (run == NULL || !run->last_done) {
        return false;
    }
    for (uint32_t i = 0; i < job->plan->sink_count; i++) {
        const lt_node *sink = lt_job_task(job, job->plan->sinks[i], 0);
        if (sink->sink_committed < atomic_load(&run->committed)) {
            return false;
        }
    }
    return true;
}

bool lt_ckpt_has_end(const lt_job *job)
{
    return job->ckpt->last_done && (job->ckpt->ended || (LT_MUTANT(STOP_IS_END) && all_ended(job)));
}

lt_status lt_ckpt_finish(lt_job *job, lt_error *err)
{
    return lt_ckpt_store_finish(job->ckpt->store, err);
}

/* ---- from outside ---- */

lt_status lt_job_checkpoint(lt_job *job, const char *savepoint_dir, lt_error *err)
{
    lt_ckpt_run *run = job->ckpt;
    if (run == NULL || lt_job_replays(job)) {
        lt_error_set(err, LT_ERR_USAGE, "the job keeps no checkpoints");
        lt_error_hint(err, "jobs of `leat run FILE` keep them; elsewhere SET 'pipeline.name' and "
                           "'execution.checkpointing.dir'");
        return LT_ERR_USAGE;
    }
    lt_status st = LT_OK;
    lt_mutex_lock(run->lock);
    if (run->asked || run->savepoint_asked || run->stats.running) {
        st = LT_AGAIN;
    } else if (savepoint_dir == NULL) {
        run->asked = true;
    } else if (strlen(savepoint_dir) >= sizeof run->savepoint_dir) {
        st = lt_error_set(err, LT_ERR_USAGE, "the savepoint's path is too long");
    } else {
        snprintf(run->savepoint_dir, sizeof run->savepoint_dir, "%s", savepoint_dir);
        run->savepoint_asked = true;
    }
    lt_mutex_unlock(run->lock);
    if (st == LT_OK && job->running) {
        job->env->waker_signal(job->ckpt_waker);
    }
    return st;
}

void lt_job_ckpt_stats(const lt_job *job, lt_ckpt_stats *out)
{
    lt_ckpt_run *run = job->ckpt;
    memset(out, 0, sizeof *out);
    if (run != NULL) {
        lt_mutex_lock(run->lock);
        *out = run->stats;
        lt_mutex_unlock(run->lock);
    }
}
