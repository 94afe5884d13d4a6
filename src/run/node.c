/* A task of an operator: hands messages to the operator according to its marks policy, and
 * remembers where it was when the consumers are full. */
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
    if (op->state != NULL && node->job->spill != NULL) {
        LT_TRY(lt_state_spill_to(op->state, node->job->spill, err));
    }
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

/* Raises the operator's clock: marks come merged, so this is the time of all inputs. */
static lt_status raise_clock(lt_node *node, int64_t merged, lt_error *err)
{
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

/* One piece of the batch that is being cut: the rows up to the next mark, or the mark itself. */
static lt_status cut_step(lt_node *node, lt_error *err)
{
    lt_batch *batch = node->cut;
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
        return raise_clock(node, batch->marks[node->cut_mark++].watermark, err);
    }
    lt_batch_unref(batch);
    node->cut = NULL;
    if (!node->mark_pending) {
        return LT_OK;
    }
    node->mark_pending = false;
    return lt_node_send_mark(node, lt_node_mark_out(node), err);
}

static bool assigns_watermarks(const lt_node *node)
{
    return node->op->cls == &lt_op_watermark;
}

/* The whole batch to an operator that sees to the marks by itself. */
static lt_status give_whole(lt_node *node, uint32_t input, lt_batch *batch, lt_error *err)
{
    lt_op *op = node->op;
    bool in_turn = assigns_watermarks(node) && node->sequence != NULL;
    int64_t last =
        batch->mark_count > 0 ? batch->marks[batch->mark_count - 1].watermark : node->watermark;
    if (in_turn) {
        op->watermark = node->sequence->clock;
        lt_watermark_set_clock(op, node->sequence->newest);
    }
    lt_status st = call_batch(node, input, batch, err);
    node->watermark = LT_MAX(node->watermark, last);
    if (in_turn) {
        node->sequence->clock = op->watermark;
        node->sequence->newest = lt_watermark_get_clock(op);
    } else if (assigns_watermarks(node)) {
        lt_align_note(node);
    } else if (op->cls->marks == LT_MARKS_PASS) {
        op->watermark = node->watermark;
    }
    lt_batch_unref(batch);
    return st;
}

static lt_status take_batch(lt_node *node, lt_channel *channel, lt_batch *batch, lt_error *err)
{
    lt_status st = lt_node_merge_marks(node, channel->clock, &batch, err);
    if (st != LT_OK) {
        lt_batch_unref(batch);
        return st;
    }
    if (lt_batch_live(batch) == 0 && batch->mark_count == 0) {
        lt_batch_unref(batch);
        return LT_OK;
    }
    if (node->op->cls->marks != LT_MARKS_SPLIT) {
        return give_whole(node, channel->input_no, batch, err);
    }
    node->cut = batch;
    node->cut_input = channel->input_no;
    node->cut_row = 0;
    node->cut_mark = 0;
    return LT_OK;
}

/* An input fell silent or ended: the others may now move the clock on. */
static lt_status recheck_clock(lt_node *node, uint32_t input, lt_error *err)
{
    int64_t merged = lt_node_merged(node);
    if (merged <= node->watermark) {
        return LT_OK;
    }
    if (node->op->cls->marks == LT_MARKS_SPLIT) {
        return raise_clock(node, merged, err);
    }
    lt_batch *batch = lt_batch_new(node->pool, node->op->in_schemas[input], 0);
    if (batch == NULL || !lt_batch_add_mark(batch, 0, merged)) {
        lt_batch_unref(batch);
        return lt_error_nomem(err, "a watermark");
    }
    return give_whole(node, input, batch, err);
}

static lt_status take_end(lt_node *node, lt_channel *channel, lt_error *err)
{
    channel->ended = true;
    node->clocks[channel->clock].open--;
    node->ended = true;
    for (uint32_t i = 0; i < node->clock_count; i++) {
        node->ended = node->ended && node->clocks[i].open == 0;
    }
    return recheck_clock(node, channel->input_no, err);
}

static lt_status take_idle(lt_node *node, lt_channel *channel, uint64_t number, lt_error *err)
{
    if (node->clocks[channel->clock].timeless) {
        return LT_OK;
    }
    node->clocks[channel->clock].idle = true;
    node->idle = true;
    for (uint32_t i = 0; i < node->clock_count; i++) {
        const lt_clock *clock = &node->clocks[i];
        if (!clock->timeless && !clock->idle && clock->open > 0) {
            node->idle = false;
        }
    }
    if (node->idle) {
        return lt_node_send(node, (lt_msg){LT_MSG_IDLE, NULL, number}, err);
    }
    return recheck_clock(node, channel->input_no, err);
}

/* The end of a numbered block: passed on along the lane, or the turn of the next one. */
static lt_status take_next(lt_node *node, lt_channel *channel, uint64_t number, lt_error *err)
{
    lt_input *input = &node->inputs[channel->input_no];
    if (input->sequence != NULL) {
        LT_ASSERT(number == atomic_load_explicit(&input->next_block, memory_order_relaxed));
        atomic_store_explicit(&input->next_block, number + 1, memory_order_release);
        return LT_OK;
    }
    if (assigns_watermarks(node)) {
        lt_sequence_pass(node, number);
    }
    return lt_node_send(node, (lt_msg){LT_MSG_NEXT, NULL, number}, err);
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

/* A task on a lane enters the block of the message; false: it is not the block's turn yet. */
static bool enter_block(lt_node *node, const lt_msg *msg)
{
    if (assigns_watermarks(node) && !lt_sequence_is_turn(node, msg)) {
        return false;
    }
    if (msg->kind != LT_MSG_BATCH && msg->kind != LT_MSG_NEXT) {
        return true;
    }
    bool is_new = !node->has_block || node->block != msg->number;
    node->block = msg->number;
    node->has_block = true;
    if (is_new && !assigns_watermarks(node) && node->sequence->has_watermarks) {
        /* Blocks before this one went over other lanes: this is the time they left. */
        int64_t before = node->sequence->before[msg->number % LT_SEQUENCE_WINDOW];
        node->watermark = before;
        node->op->watermark = before;
    }
    return true;
}

static lt_status take_message(lt_node *node, lt_error *err)
{
    lt_channel *channel = lt_node_next(node);
    if (channel == NULL) {
        return LT_AGAIN;
    }
    lt_msg msg = lt_ring_peek(&channel->ring);
    if (node->sequence != NULL && !enter_block(node, &msg)) {
        return LT_AGAIN;
    }
    lt_channel_pop(channel);
    switch (msg.kind) {
    case LT_MSG_BATCH:
        return take_batch(node, channel, msg.batch, err);
    case LT_MSG_IDLE:
        return take_idle(node, channel, msg.number, err);
    case LT_MSG_NEXT:
        return take_next(node, channel, msg.number, err);
    case LT_MSG_END:
        return take_end(node, channel, err);
    case LT_MSG_BARRIER:
        return lt_node_take_barrier(node, channel, msg.number, err);
    case LT_MSG_NONE:
        break;
    }
    return LT_OK;
}

static lt_status run_op(lt_node *node, lt_error *err)
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
        node->mark_pending = false;
        return lt_node_send_mark(node, lt_node_mark_out(node), err);
    }
    lt_op *op = node->op;
    if (op->wake_mono_ns != INT64_MAX && op->cls->on_timer != NULL &&
        op->wake_mono_ns <= node->job->env->mono_ns(node->job->env)) {
        return run_timer(node, err);
    }
    if (node->ended && !node->end_sent) {
        node->end_sent = true;
        return lt_node_send(node, (lt_msg){LT_MSG_END, NULL, 0}, err);
    }
    /* A stage that paces or buffers by the clock takes no more while it still has rows to let go.
     */
    if (op->wake_mono_ns != INT64_MAX && op->cls == &lt_op_pace &&
        !atomic_load_explicit(&node->job->stopping, memory_order_relaxed)) {
        return LT_AGAIN;
    }
    return take_message(node, err);
}

lt_status lt_node_run_op(lt_node *node, lt_error *err)
{
    lt_status st = run_op(node, err);
    return st == LT_OK ? lt_state_tend(node->op->state, err) : st;
}
