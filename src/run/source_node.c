/* A source node: polls its connector when there is room, sends end of input, and declares itself
 * idle when nothing came for the idle timeout. Also constant rows (VALUES). */
#include "base/assert.h"
#include "expr/program.h"
#include "run/job_int.h"

#define NS_PER_MS          1000000
#define NS_PER_S           1000000000
#define ADVANCE_NS         INT64_C(500000000)   /* between readings of the clock while idle */
#define ADVANCE_AFTER_NS   INT64_C(30000000000) /* silence, where no idle timeout is set */
#define ALIGN_LOOK_NS      (2 * NS_PER_MS) /* a source that waits for others looks this often */
#define RATE_BATCHES_PER_S 20              /* of a source with a rate limit */

static int64_t idle_timeout_ns(const lt_node *node)
{
    bool has = false;
    int64_t ms = lt_options_int(&node->resolved, NULL, lt_table_options, lt_table_option_count,
                                "scan.watermark.idle-timeout", &has);
    if (!lt_options_has(&node->resolved, "scan.watermark.idle-timeout")) {
        bool wanted = !node->plan->u.table.bounded || node->job->options.idle_timeout_bounded;
        ms = wanted ? node->job->options.idle_timeout_ms : 0;
    }
    return ms * NS_PER_MS;
}

/* Silence is what idle-advance counts from: without a timeout it takes one of its own. */
static void open_idle(lt_node *node)
{
    node->idle_timeout_ns = idle_timeout_ns(node);
    node->idle_advance = !lt_job_replays(node->job) &&
                         lt_options_bool(&node->resolved, NULL, lt_table_options,
                                         lt_table_option_count, "scan.watermark.idle-advance");
    if (node->idle_advance && node->idle_timeout_ns <= 0) {
        node->idle_timeout_ns = ADVANCE_AFTER_NS;
    }
}

lt_status lt_node_open_source(lt_node *node, lt_error *err)
{
    if (node->plan->kind == LT_PLAN_VALUES) {
        return LT_OK;
    }
    LT_TRY(lt_node_table_ctx(node, err));
    open_idle(node);
    node->last_row_ns = node->job->env->mono_ns(node->job->env);
    node->wait.wake_mono_ns = 0;
    bool has = false;
    node->rate_per_s = lt_options_int(&node->resolved, NULL, lt_table_options,
                                      lt_table_option_count, "scan.rate-limit", &has);
    if (lt_job_replays(node->job)) {
        node->rate_per_s = 0; /* what is repeated need not take as long again */
    }
    if (node->rate_per_s > 0) {
        int64_t rows = LT_MAX(node->rate_per_s / RATE_BATCHES_PER_S, 1);
        node->ctx->batch_rows = (uint32_t)LT_MIN((int64_t)node->ctx->batch_rows, rows);
    }
    LT_TRY(lt_align_open(node, err));
    if (node->task == 0) {
        LT_TRY(lt_source_new(node->plan->u.table.table->connector, node->ctx, &node->source, err));
        if (node->source->cls->open != NULL) {
            LT_TRY(node->source->cls->open(node->source, err));
        }
    }
    return node->sequence != NULL ? lt_sequence_open(node, err) : LT_OK;
}

void lt_node_close_source(lt_node *node)
{
    bool split = node->plan->kind == LT_PLAN_SOURCE && node->sequence != NULL;
    if (split && node->sequence->reader->source != NULL) {
        const lt_source_class *cls = node->sequence->reader->source->cls;
        cls->block_free(node->source_block);
        cls->lane_free(node->source_lane);
        node->source_block = NULL;
        node->source_lane = NULL;
    }
}

/* End of input fires everything; a stop ends the stream without touching its clock. */
static lt_status send_end(lt_node *node, lt_error *err)
{
    lt_job *job = node->job;
    if (!lt_job_stops(job) || atomic_load(&job->draining)) {
        LT_TRY(lt_node_send_mark(node, LT_WATERMARK_MAX, err));
    }
    node->source_ended = true;
    lt_align_note(node);
    return lt_node_send(node, (lt_msg){LT_MSG_END, NULL, 0}, err);
}

static lt_status poll_values(lt_node *node, lt_batch **out, lt_error *err)
{
    const lt_plan_node *plan = node->plan;
    uint32_t left = plan->u.values.row_count - node->values_next;
    if (left == 0) {
        return LT_END;
    }
    uint32_t rows = LT_MIN(left, node->job->options.batch_rows);
    lt_batch *batch = lt_batch_new(node->pool, plan->schema, rows);
    if (batch == NULL) {
        return lt_error_nomem(err, "constant rows");
    }
    for (uint32_t r = 0; r < rows; r++) {
        lt_expr **row = plan->u.values.rows[node->values_next + r];
        for (uint32_t c = 0; c < plan->schema->count; c++) {
            lt_value value;
            lt_status st =
                lt_expr_eval_const(node->job->options.session, row[c], batch->arena, &value, err);
            if (st == LT_OK && !lt_value_store(&value, &batch->cols[c], r, rows, batch->arena)) {
                st = lt_error_nomem(err, "constant rows");
            }
            if (st != LT_OK) {
                lt_batch_unref(batch);
                return st;
            }
        }
    }
    batch->row_count = rows;
    node->values_next += rows;
    *out = batch;
    return LT_OK;
}

int64_t lt_source_advance_due(const lt_node *node, bool idle, int64_t advanced_ns)
{
    return node->idle_advance && idle ? advanced_ns + ADVANCE_NS : INT64_MAX;
}

static lt_status declare_idle(lt_node *node, int64_t now_ns, lt_error *err)
{
    int64_t due = lt_source_advance_due(node, node->idle, node->advanced_ns);
    if (now_ns >= due) {
        node->advanced_ns = now_ns;
        lt_env *env = node->job->env;
        return lt_node_send_mark(node, env->wall_us(env) / 1000, err);
    }
    node->wait.wake_mono_ns = LT_MIN(node->wait.wake_mono_ns, due);
    if (node->idle || node->idle_timeout_ns <= 0 ||
        now_ns - node->last_row_ns < node->idle_timeout_ns) {
        return LT_AGAIN;
    }
    node->idle = true;
    node->wait = (lt_wait){0, NULL}; /* the first reading of the clock is due */
    lt_align_note(node);
    return lt_node_send(node, (lt_msg){LT_MSG_IDLE, NULL, 0}, err);
}

/* Gives the batch its clock: now, or in a repetition what it was then. */
static void stamp(lt_node *node, lt_batch *batch)
{
    const lt_node *reader = node->sequence != NULL ? node->sequence->reader : node;
    if (reader->source == NULL) {
        return; /* constant rows */
    }
    uint64_t bytes = node->sequence != NULL ? node->block_bytes : reader->source->bytes;
    uint64_t position = bytes - LT_MIN(bytes, node->record.start);
    if (lt_job_replays(node->job)) {
        int64_t then = lt_record_clock(reader, position);
        batch->arrival_us = then != 0 ? then : batch->arrival_us;
    } else {
        lt_record_batch(node, lt_batch_live(batch), batch->arrival_us, position);
    }
}

/* Counts rows on their way out of a source. */
lt_status lt_source_note_rows(lt_node *node, lt_batch *batch, int64_t now_ns)
{
    uint32_t live = lt_batch_live(batch);
    if (batch->arrival_us == 0) {
        batch->arrival_us = node->job->env->wall_us(node->job->env);
    }
    stamp(node, batch);
    node->ledger.in += live;
    node->ledger.used += live;
    node->rows_out += live;
    node->last_row_ns = now_ns;
    node->idle = false;
    if (node->rate_per_s > 0) {
        int64_t from = LT_MAX(node->rate_next_ns, now_ns - NS_PER_S / RATE_BATCHES_PER_S);
        node->rate_next_ns = from + (int64_t)((double)live * NS_PER_S / (double)node->rate_per_s);
    }
    return LT_OK;
}

int64_t lt_source_held_until(lt_node *node, int64_t now_ns)
{
    if (node->rate_per_s > 0 && node->rate_next_ns > now_ns) {
        return node->rate_next_ns;
    }
    return lt_align_holds(node) ? now_ns + ALIGN_LOOK_NS : 0;
}

static lt_status poll(lt_node *node, lt_error *err)
{
    lt_env *env = node->job->env;
    int64_t now_ns = env->mono_ns(env);
    lt_batch *batch = NULL;
    lt_status st;
    if (node->plan->kind == LT_PLAN_VALUES) {
        st = poll_values(node, &batch, err);
    } else {
        int64_t held = lt_source_held_until(node, now_ns);
        node->wait = (lt_wait){held > 0 ? held : INT64_MAX, NULL};
        if (held > 0) {
            return LT_AGAIN;
        }
        st = node->source->cls->poll(node->source, &batch, &node->wait, err);
    }
    switch ((int)st) {
    case LT_OK:
        LT_ASSERT(batch != NULL);
        node->wait = (lt_wait){0, NULL};
        LT_TRY(lt_source_note_rows(node, batch, now_ns));
        return lt_node_send(node, (lt_msg){LT_MSG_BATCH, batch, 0}, err);
    case LT_END:
        if (node->limited) {
            node->source_ended = true; /* not the input's end: nothing fires */
            return LT_OK;
        }
        return send_end(node, err);
    case LT_AGAIN:
        return declare_idle(node, now_ns, err);
    default:
        return st;
    }
}

lt_status lt_node_run_source(lt_node *node, lt_error *err)
{
    lt_job *job = node->job;
    if (lt_node_room(node) < LT_SOURCE_ROOM) {
        return LT_AGAIN;
    }
    if (node->sequence != NULL) {
        return lt_sequence_run(node, err);
    }
    uint64_t barrier = lt_ckpt_requested(job);
    if (barrier > node->barrier_done && !lt_buggify(job, 3)) {
        return lt_node_barrier(node, barrier, err);
    }
    if (node->source_ended || atomic_load_explicit(&job->failing, memory_order_relaxed)) {
        return LT_AGAIN;
    }
    if (lt_job_stops(job)) {
        bool resumable = job->ckpt != NULL && !atomic_load(&job->draining);
        return resumable ? LT_AGAIN : send_end(node, err);
    }
    return poll(node, err);
}
