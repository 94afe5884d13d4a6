/* Sending a node's output to its consumers: one reference per consumer, bounded by the fullest
 * ring. */
#include "base/assert.h"
#include "run/job_int.h"

uint32_t lt_node_room(const lt_node *node)
{
    uint32_t room = LT_RING_SLOTS;
    for (uint32_t i = 0; i < node->consumer_count; i++) {
        const lt_edge *edge = &node->consumers[i];
        const lt_ring *ring = &node->job->nodes[edge->node].inputs[edge->input_no].ring;
        room = LT_MIN(room, lt_ring_room(ring));
    }
    return room;
}

static void ring_put(lt_ring *ring, lt_msg msg)
{
    LT_ASSERT(lt_ring_room(ring) > 0);
    ring->slots[ring->tail % LT_RING_SLOTS] = msg;
    ring->tail++;
}

void lt_node_send(lt_node *node, lt_msg msg)
{
    for (uint32_t i = 0; i < node->consumer_count; i++) {
        const lt_edge *edge = &node->consumers[i];
        if (i > 0 && msg.batch != NULL) {
            lt_batch_ref(msg.batch);
        }
        ring_put(&node->job->nodes[edge->node].inputs[edge->input_no].ring, msg);
    }
    if (node->consumer_count == 0) {
        lt_batch_unref(msg.batch);
    }
}

static bool feeds_pace(const lt_node *node)
{
    return node->consumer_count > 0 &&
           node->job->plan->nodes[node->consumers[0].node]->u.op.cls == &lt_op_pace &&
           node->job->plan->nodes[node->consumers[0].node]->kind == LT_PLAN_OPERATOR;
}

/* The newest event time so far, by the last row of each batch, where rows get their watermarks or,
 * in a replay, where they are let go. */
static void note_event_time(lt_node *node, const lt_batch *batch)
{
    uint32_t time_col;
    if (node->op->cls == &lt_op_watermark && !feeds_pace(node)) {
        time_col = ((const lt_watermark_spec *)node->op->spec)->time_col;
    } else if (node->op->cls == &lt_op_pace) {
        time_col = ((const lt_pace_spec *)node->op->spec)->time_col;
    } else {
        return;
    }
    if (lt_batch_live(batch) == 0) {
        return;
    }
    const lt_col *col = &batch->cols[time_col];
    uint32_t row = lt_batch_row(batch, lt_batch_live(batch) - 1);
    if (!lt_col_is_null(col, row)) {
        node->job->event_max = LT_MAX(node->job->event_max, LT_COL_DATA(col, int64_t)[row]);
    }
}

static lt_status node_emit_put(lt_emit *out, lt_batch *batch, lt_error *err)
{
    lt_node *node = ((lt_node_emit *)out)->node;
    if (lt_node_room(node) == 0) {
        return LT_FULL;
    }
    /* A watermark that is still to be sent goes before these rows. Only operators whose batches
     * carry no marks of their own leave one pending. */
    if (node->mark_pending) {
        LT_ASSERT(batch->mark_count == 0);
        if (!lt_batch_add_mark(batch, 0, node->watermark)) {
            lt_batch_unref(batch);
            return lt_error_nomem(err, "a watermark");
        }
        node->mark_pending = false;
    }
    uint32_t live = lt_batch_live(batch);
    node->rows_out += live;
    node->op->ledger.out += live;
    note_event_time(node, batch);
    lt_node_send(node, (lt_msg){LT_MSG_BATCH, batch});
    return LT_OK;
}

void lt_node_emit_init(lt_node *node)
{
    node->emit.emit.put = node_emit_put;
    node->emit.node = node;
}
