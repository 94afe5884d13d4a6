/* Sending a node's output to its consumers' channels, each bounded: to all alike, or dealt by key
 * group. Everybody gets the marks, the ends of blocks and the barriers. */
#include "base/assert.h"
#include "run/job_int.h"

#define SCRATCH_KEEP ((size_t)1 << 20)

/* A producer that found no room left may sleep; it looks again when this much is free. */
#define ROOM_WANTED (LT_EMIT_SLOTS + 2)

void lt_node_wants_awake(lt_node *node, const lt_lane *lane)
{
    if (lane != node->lane) {
        node->wakes[lane->no / 64] |= UINT64_C(1) << lane->no % 64;
    }
}

void lt_channel_pop(lt_channel *channel)
{
    lt_ring *ring = &channel->ring;
    bool was_tight = lt_ring_room(ring) < ROOM_WANTED;
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    if (was_tight) {
        lt_node_wants_awake(channel->consumer, channel->producer->lane);
    }
}

uint32_t lt_node_room(const lt_node *node)
{
    uint32_t room = LT_RING_SLOTS;
    for (uint32_t i = 0; i < node->edge_count; i++) {
        const lt_edge *edge = &node->edges[i];
        for (uint32_t t = 0; t < edge->target_count; t++) {
            room = LT_MIN(room, lt_ring_room(&edge->targets[t]->ring));
        }
    }
    return room;
}

static void channel_put(lt_channel *channel, lt_msg msg)
{
    lt_ring *ring = &channel->ring;
    LT_ASSERT(lt_ring_room(ring) > 0);
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    ring->slots[tail % LT_RING_SLOTS] = msg;
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    lt_node_wants_awake(channel->producer, channel->consumer->lane);
}

void lt_node_wake(lt_node *node)
{
    lt_job *job = node->job;
    for (uint32_t w = 0; w < LT_COUNT_OF(node->wakes); w++) {
        uint64_t wanted = job->running ? node->wakes[w] : 0;
        node->wakes[w] = 0;
        for (uint32_t i = w * 64; wanted != 0; i++, wanted >>= 1) {
            if ((wanted & 1) != 0) {
                job->env->waker_signal(job->lanes[i].waker);
            }
        }
    }
}

/* ---- dealing by key ---- */

/* The parts of a batch that is being dealt, one per target: the same columns under selections of
 * their own. */
typedef struct {
    lt_batch **parts;
    uint32_t **rows; /* selection of each */
    uint32_t *counts;
} dealt;

/* Task of a key group: groups are shared out in contiguous runs. */
LT_INLINE uint32_t task_of(uint64_t hash, uint32_t tasks)
{
    return lt_key_group(hash) * tasks / LT_KEY_GROUPS;
}

static lt_status hash_keys(lt_node *node, const lt_edge *edge, const lt_batch *batch,
                           const uint64_t **hashes, lt_error *err)
{
    const lt_exchange *exchange = edge->exchange;
    const lt_col **cols = LT_NEW_ARRAY(node->scratch, const lt_col *, exchange->key_count + 1);
    if (cols == NULL) {
        return lt_error_nomem(err, "an exchange");
    }
    for (uint32_t k = 0; k < exchange->key_count; k++) {
        cols[k] = &batch->cols[exchange->keys[k]];
    }
    return lt_rowcodec_hash(edge->codec, cols, batch->sel, lt_batch_live(batch), node->scratch,
                            hashes, err);
}

static void drop_parts(const dealt *out, uint32_t count)
{
    for (uint32_t t = 0; t < count && out->parts != NULL; t++) {
        lt_batch_unref(out->parts[t]);
    }
}

static lt_status make_parts(lt_node *node, const lt_edge *edge, lt_batch *batch, dealt *out,
                            lt_error *err)
{
    size_t size = sizeof(uint32_t) * ((size_t)lt_batch_live(batch) + 1);
    out->parts = LT_NEW_ARRAY(node->scratch, lt_batch *, edge->target_count);
    out->rows = LT_NEW_ARRAY(node->scratch, uint32_t *, edge->target_count);
    out->counts = LT_NEW_ARRAY(node->scratch, uint32_t, edge->target_count);
    if (out->parts == NULL || out->rows == NULL || out->counts == NULL) {
        return lt_error_nomem(err, "an exchange");
    }
    for (uint32_t t = 0; t < edge->target_count; t++) {
        out->parts[t] = lt_batch_derive(node->pool, batch, batch->schema);
        if (out->parts[t] != NULL) {
            out->rows[t] = lt_arena_alloc(out->parts[t]->arena, size, 64);
        }
        if (out->rows[t] == NULL) {
            return lt_error_nomem(err, "an exchange");
        }
        memcpy(out->parts[t]->cols, batch->cols, sizeof(lt_col) * batch->col_count);
    }
    return LT_OK;
}

/* Every row goes to the list of its target, without a branch. */
static void deal(const lt_batch *batch, const uint64_t *hashes, uint32_t targets, const dealt *out)
{
    uint32_t live = lt_batch_live(batch);
    for (uint32_t i = 0; i < live; i++) {
        uint32_t t = task_of(hashes[i], targets);
        out->rows[t][out->counts[t]++] = batch->sel != NULL ? batch->sel[i] : i;
    }
}

static void send_parts(const lt_edge *edge, lt_msg msg, const dealt *out)
{
    lt_batch *batch = msg.batch;
    uint32_t live = lt_batch_live(batch);
    for (uint32_t t = 0; t < edge->target_count; t++) {
        lt_batch *part = out->parts[t];
        if (out->counts[t] == live) {
            lt_batch_unref(part);
            part = lt_batch_ref(batch);
        } else if (out->counts[t] == 0 && batch->mark_count == 0) {
            lt_batch_unref(part);
            continue;
        } else {
            part->sel = out->rows[t];
            part->sel_count = out->counts[t];
        }
        channel_put(edge->targets[t], (lt_msg){msg.kind, part, msg.number});
    }
}

static lt_status send_dealt(lt_node *node, const lt_edge *edge, lt_msg msg, lt_error *err)
{
    dealt out = {0};
    const uint64_t *hashes = NULL;
    lt_arena_reset(node->scratch, SCRATCH_KEEP);
    LT_TRY(hash_keys(node, edge, msg.batch, &hashes, err));
    lt_status st = make_parts(node, edge, msg.batch, &out, err);
    if (st != LT_OK) {
        drop_parts(&out, edge->target_count);
        return st;
    }
    deal(msg.batch, hashes, edge->target_count, &out);
    send_parts(edge, msg, &out);
    return LT_OK;
}

lt_status lt_node_send(lt_node *node, lt_msg msg, lt_error *err)
{
    lt_status st = LT_OK;
    for (uint32_t i = 0; i < node->edge_count && st == LT_OK; i++) {
        const lt_edge *edge = &node->edges[i];
        if (msg.kind == LT_MSG_BATCH && edge->codec != NULL && lt_batch_live(msg.batch) > 0) {
            st = send_dealt(node, edge, msg, err);
            continue;
        }
        for (uint32_t t = 0; t < edge->target_count; t++) {
            if (msg.batch != NULL) {
                lt_batch_ref(msg.batch);
            }
            channel_put(edge->targets[t], msg);
        }
    }
    lt_batch_unref(msg.batch);
    return st;
}

lt_status lt_node_send_mark(lt_node *node, int64_t watermark, lt_error *err)
{
    lt_batch *batch = lt_batch_new(node->pool, node->plan->schema, 0);
    if (batch == NULL || !lt_batch_add_mark(batch, 0, watermark)) {
        lt_batch_unref(batch);
        return lt_error_nomem(err, "a watermark");
    }
    return lt_node_send(node, (lt_msg){LT_MSG_BATCH, batch, node->block}, err);
}

/* ---- the emit of an operator ---- */

static bool feeds_pace(const lt_node *node)
{
    if (node->edge_count == 0) {
        return false;
    }
    const lt_plan_node *consumer = node->edges[0].targets[0]->consumer->plan;
    return consumer->kind == LT_PLAN_OPERATOR && consumer->u.op.cls == &lt_op_pace;
}

static void raise_event_max(lt_job *job, int64_t ms)
{
    int64_t seen = atomic_load_explicit(&job->event_max, memory_order_relaxed);
    while (ms > seen && !atomic_compare_exchange_weak(&job->event_max, &seen, ms)) {
    }
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
        raise_event_max(node->job, LT_COL_DATA(col, int64_t)[row]);
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
        if (!lt_batch_add_mark(batch, 0, lt_node_mark_out(node))) {
            lt_batch_unref(batch);
            return lt_error_nomem(err, "a watermark");
        }
        node->mark_pending = false;
    }
    uint32_t live = lt_batch_live(batch);
    node->rows_out += live;
    node->op->ledger.out += live;
    note_event_time(node, batch);
    return lt_node_send(node, (lt_msg){LT_MSG_BATCH, batch, node->block}, err);
}

void lt_node_emit_init(lt_node *node)
{
    node->emit.emit.put = node_emit_put;
    node->emit.node = node;
}
