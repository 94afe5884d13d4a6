/* An operator node: hands messages to the operator according to its marks policy, merges the
 * watermarks of its inputs, and remembers where it was when the consumers are full. */
#include "base/assert.h"
#include "run/job_int.h"

#define OP_ARENA_MAX ((size_t)1 << 30)

static lt_status open_op(lt_node *node, lt_op *op, lt_error *err)
{
    const lt_plan_node *plan = node->plan;
    op->cls = plan->u.op.cls;
    op->spec = plan->u.op.spec;
    op->label = lt_arena_strndup(node->job->arena, plan->label.ptr, plan->label.len);
    op->session = node->job->options.session;
    op->env = node->job->env;
    op->mem = &node->mem;
    op->pool = node->pool;
    op->rejects = &node->rejects.sink;
    op->out_schema = plan->schema;
    op->batch_rows = node->job->options.batch_rows;
    op->watermark = LT_WATERMARK_MIN;
    op->wake_mono_ns = INT64_MAX;
    op->in_count = node->input_count;
    const lt_schema **schemas =
        LT_NEW_ARRAY(node->job->arena, const lt_schema *, node->input_count);
    op->arena = lt_arena_new(&node->mem, OP_ARENA_MAX);
    op->scratch = lt_arena_new(&node->mem, OP_ARENA_MAX);
    op->state = lt_state_new(&node->mem, node->job->env);
    if (op->label == NULL || schemas == NULL || op->arena == NULL || op->scratch == NULL ||
        op->state == NULL) {
        return lt_error_nomem(err, "an operator");
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        schemas[i] = node->job->plan->nodes[plan->inputs[i]]->schema;
    }
    op->in_schemas = schemas;
    return op->cls->open != NULL ? op->cls->open(op, err) : LT_OK;
}

lt_status lt_node_open_op(lt_node *node, lt_error *err)
{
    const lt_op_class *cls = node->plan->u.op.cls;
    LT_ASSERT(cls->self_size >= sizeof(lt_op));
    node->op = lt_mem_zalloc(&node->mem, cls->self_size);
    if (node->op == NULL) {
        return lt_error_nomem(err, "an operator");
    }
    node->op->cls = cls;
    return open_op(node, node->op, err);
}

void lt_node_close_op(lt_node *node)
{
    lt_op *op = node->op;
    if (op == NULL) {
        return;
    }
    if (op->cls->close != NULL) {
        op->cls->close(op);
    }
    lt_state_free(op->state);
    lt_arena_free(op->scratch);
    lt_arena_free(op->arena);
    lt_mem_free(&node->mem, op, op->cls->self_size);
    node->op = NULL;
}

#define SCRATCH_KEEP ((size_t)4 << 20)

static lt_status call_batch(lt_node *node, uint32_t input, lt_batch *batch, lt_error *err)
{
    lt_op *op = node->op;
    op->ledger.in += lt_batch_live(batch);
    lt_arena_reset(op->scratch, SCRATCH_KEEP);
    lt_status st = op->cls->on_batch(op, (int)input, batch, &node->emit.emit, err);
    if (st == LT_FULL) {
        node->must_resume = true;
        return LT_OK;
    }
    return st;
}

/* The minimum over inputs that are neither idle nor ended; an ended one has no say. */
static int64_t merged_watermark(const lt_node *node)
{
    int64_t merged = LT_WATERMARK_MAX;
    int64_t ended = LT_WATERMARK_MAX;
    uint32_t active = 0;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const lt_input *in = &node->inputs[i];
        if (in->ended) {
            ended = LT_MIN(ended, in->watermark);
        } else if (!in->idle) {
            merged = LT_MIN(merged, in->watermark);
            active++;
        }
    }
    if (active > 0) {
        return merged;
    }
    return node->idle ? node->watermark : ended;
}

/* Raises the operator's clock when the inputs allow it. */
static lt_status advance(lt_node *node, lt_error *err)
{
    int64_t merged = merged_watermark(node);
    if (merged <= node->watermark) {
        return LT_OK;
    }
    lt_op *op = node->op;
    node->watermark = merged;
    if (op->cls->on_watermark != NULL) {
        lt_arena_reset(op->scratch, SCRATCH_KEEP);
        /* What fires goes out before the watermark that made it fire. */
        node->mark_pending = false;
        lt_status st = op->cls->on_watermark(op, merged, &node->emit.emit, err);
        if (st == LT_FULL) {
            node->must_resume = true;
            node->fire_pending = true;
            return LT_OK;
        }
        if (st != LT_OK) {
            return st;
        }
    }
    op->watermark = merged;
    node->mark_pending = true;
    return LT_OK;
}

static lt_status send_mark(lt_node *node, lt_error *err)
{
    lt_batch *batch = lt_batch_new(node->pool, node->plan->schema, 0);
    if (batch == NULL || !lt_batch_add_mark(batch, 0, node->watermark)) {
        lt_batch_unref(batch);
        return lt_error_nomem(err, "a watermark");
    }
    node->mark_pending = false;
    lt_node_send(node, (lt_msg){LT_MSG_BATCH, batch});
    return LT_OK;
}

/* One piece of the batch that is being cut: the rows up to the next mark, or the mark itself. */
static lt_status cut_step(lt_node *node, lt_error *err)
{
    lt_batch *batch = node->cut;
    lt_input *in = &node->inputs[node->cut_input];
    bool has_mark = node->cut_mark < batch->mark_count;
    uint32_t until = has_mark ? batch->marks[node->cut_mark].first_row : batch->row_count;

    if (node->cut_row < until) {
        lt_batch *part = lt_batch_slice(node->pool, batch, node->cut_row, until);
        if (part == NULL) {
            return lt_error_nomem(err, "a batch");
        }
        part->marks = NULL;
        part->mark_count = 0;
        part->mark_cap = 0;
        node->cut_row = until;
        lt_status st =
            lt_batch_live(part) > 0 ? call_batch(node, node->cut_input, part, err) : LT_OK;
        lt_batch_unref(part);
        return st;
    }
    if (has_mark) {
        in->watermark = LT_MAX(in->watermark, batch->marks[node->cut_mark].watermark);
        node->cut_mark++;
        return advance(node, err);
    }
    lt_batch_unref(batch);
    node->cut = NULL;
    return node->mark_pending ? send_mark(node, err) : LT_OK;
}

static lt_status take_batch(lt_node *node, uint32_t input, lt_batch *batch, lt_error *err)
{
    node->inputs[input].idle = false;
    node->idle = false;
    lt_op *op = node->op;
    if (op->cls->marks == LT_MARKS_SPLIT) {
        node->cut = batch;
        node->cut_input = input;
        node->cut_row = 0;
        node->cut_mark = 0;
        return LT_OK;
    }
    int64_t last =
        batch->mark_count > 0 ? batch->marks[batch->mark_count - 1].watermark : node->watermark;
    lt_status st = call_batch(node, input, batch, err);
    node->inputs[input].watermark = LT_MAX(node->inputs[input].watermark, last);
    node->watermark = LT_MAX(node->watermark, last);
    if (op->cls->marks == LT_MARKS_PASS && op->cls != &lt_op_watermark) {
        op->watermark = node->watermark;
    }
    lt_batch_unref(batch);
    return st;
}

static lt_status take_end(lt_node *node, uint32_t input, lt_error *err)
{
    node->inputs[input].ended = true;
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (!node->inputs[i].ended) {
            return node->op->cls->marks == LT_MARKS_SPLIT ? advance(node, err) : LT_OK;
        }
    }
    node->ended = true;
    return LT_OK;
}

static lt_status take_idle(lt_node *node, uint32_t input, lt_error *err)
{
    node->inputs[input].idle = true;
    node->idle = true;
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (!node->inputs[i].idle && !node->inputs[i].ended) {
            node->idle = false;
        }
    }
    if (node->idle) {
        lt_node_send(node, (lt_msg){LT_MSG_IDLE, NULL});
        return LT_OK;
    }
    return node->op->cls->marks == LT_MARKS_SPLIT ? advance(node, err) : LT_OK;
}

/* The input to read next: the one that lags behind, so that merged time moves evenly. -1 = none has
 * a message. */
static int next_input(const lt_node *node)
{
    int best = -1;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const lt_input *in = &node->inputs[i];
        if (lt_ring_count(&in->ring) == 0) {
            continue;
        }
        if (best < 0 || in->watermark < node->inputs[best].watermark) {
            best = (int)i;
        }
    }
    return best;
}

static lt_status resume(lt_node *node, lt_error *err)
{
    lt_op *op = node->op;
    lt_arena_reset(op->scratch, SCRATCH_KEEP);
    LT_ASSERT(op->cls->resume != NULL);
    lt_status st = op->cls->resume(op, &node->emit.emit, err);
    if (st == LT_FULL) {
        return LT_OK;
    }
    node->must_resume = false;
    if (st == LT_OK && node->fire_pending) {
        node->fire_pending = false;
        op->watermark = node->watermark;
        node->mark_pending = true;
    }
    return st;
}

static lt_status run_timer(lt_node *node, lt_error *err)
{
    lt_op *op = node->op;
    op->wake_mono_ns = INT64_MAX;
    lt_arena_reset(op->scratch, SCRATCH_KEEP);
    lt_status st =
        op->cls->on_timer(op, node->job->env->mono_ns(node->job->env), &node->emit.emit, err);
    if (st == LT_FULL) {
        node->must_resume = true;
        return LT_OK;
    }
    return st;
}

lt_status lt_node_run_op(lt_node *node, lt_error *err)
{
    if (lt_node_room(node) < LT_EMIT_SLOTS + 1) {
        return LT_AGAIN;
    }
    if (node->must_resume) {
        return resume(node, err);
    }
    if (node->cut != NULL) {
        return cut_step(node, err);
    }
    if (node->mark_pending) {
        return send_mark(node, err);
    }
    lt_op *op = node->op;
    if (op->wake_mono_ns != INT64_MAX && op->cls->on_timer != NULL &&
        op->wake_mono_ns <= node->job->env->mono_ns(node->job->env)) {
        return run_timer(node, err);
    }
    /* A stage that paces or buffers by the clock takes no more while it still has rows to let go.
     */
    if (op->wake_mono_ns != INT64_MAX && op->cls == &lt_op_pace && !node->job->stopping) {
        return LT_AGAIN;
    }
    int input = next_input(node);
    if (input < 0) {
        if (node->ended && !node->end_sent) {
            node->end_sent = true;
            lt_node_send(node, (lt_msg){LT_MSG_END, NULL});
            return LT_OK;
        }
        return LT_AGAIN;
    }
    lt_ring *ring = &node->inputs[input].ring;
    lt_msg msg = ring->slots[ring->head % LT_RING_SLOTS];
    ring->head++;
    switch (msg.kind) {
    case LT_MSG_BATCH:
        return take_batch(node, (uint32_t)input, msg.batch, err);
    case LT_MSG_IDLE:
        return take_idle(node, (uint32_t)input, err);
    case LT_MSG_END:
        return take_end(node, (uint32_t)input, err);
    }
    return LT_OK;
}
