/* A source read by several lanes.
 *
 *   claim (under a lock)   block 0 -> lane 0    1 -> lane 1    2 -> lane 1    3 -> lane 0 ..
 *   decode (side by side)  rows of the block, then NEXT
 *   turn (in order)        the watermark task of a lane computes the marks of block n when those
 *                          of block n - 1 are known: marks are those of one sequential reader
 *   merge (in order)       who takes the rows from all lanes takes block after block
 *
 * A block is also used for what must stand between rows: the idle mark and the last watermark.
 * A checkpoint cuts the sequence between two blocks: the first lane that hears of it fixes the cut
 * and saves the position, and every lane sends its barrier before it claims anything more. */
#include "base/assert.h"
#include "base/mutant.h"
#include "run/job_int.h"

#define BLOCKS_PER_LANE 3
#define WINDOW_LOOK_NS  100000

lt_status lt_sequence_open(lt_node *node, lt_error *err)
{
    lt_source *source = node->sequence->reader->source;
    node->sequence->last_row_ns = node->last_row_ns;
    node->sequence->before[0] = node->sequence->clock;
    return source->cls->lane_new(source, node->ctx, &node->source_lane, err);
}

void lt_sequence_close(lt_sequence *sequence)
{
    if (sequence->lock != NULL) {
        lt_mutex_free(sequence->lock);
        lt_text_deinit(&sequence->position);
        sequence->lock = NULL;
    }
}

/* ---- turns of the watermark tasks ---- */

bool lt_sequence_is_turn(const lt_node *node, const lt_msg *msg)
{
    const lt_sequence *sequence = node->sequence;
    uint64_t turn = atomic_load_explicit(&sequence->turn, memory_order_acquire);
    switch (msg->kind) {
    case LT_MSG_BARRIER:
        /* What the checkpoint keeps is the watermark at the cut. */
        return turn >= sequence->cut;
    case LT_MSG_BATCH:
    case LT_MSG_NEXT:
    case LT_MSG_IDLE:
        return turn == msg->number;
    case LT_MSG_END:
    case LT_MSG_NONE:
        break;
    }
    return true;
}

void lt_sequence_pass(lt_node *node, uint64_t block)
{
    lt_sequence *sequence = node->sequence;
    LT_ASSERT(atomic_load_explicit(&sequence->turn, memory_order_relaxed) == block);
    sequence->before[(block + 1) % LT_SEQUENCE_WINDOW] = sequence->clock;
    atomic_store_explicit(&sequence->turn, block + 1, memory_order_release);
    lt_align_note(node);
    /* The lane that has the next block may wait for its turn. */
    for (uint32_t i = 0; i < node->job->lane_count; i++) {
        lt_node_wants_awake(node, &node->job->lanes[i]);
    }
}

/* ---- handing out blocks; all under the lock ---- */

static uint64_t new_block(lt_node *node)
{
    lt_sequence *sequence = node->sequence;
    uint64_t number = atomic_load_explicit(&sequence->claimed, memory_order_relaxed);
    atomic_store_explicit(&sequence->owner[number % LT_SEQUENCE_WINDOW], (uint8_t)node->task,
                          memory_order_relaxed);
    atomic_store_explicit(&sequence->claimed, number + 1, memory_order_release);
    node->block = number;
    return number;
}

/* Blocks under way cost memory: no more of them than keep the lanes busy. */
static bool is_window_full(const lt_sequence *sequence)
{
    uint64_t claimed = atomic_load_explicit(&sequence->claimed, memory_order_relaxed);
    uint64_t least = sequence->has_watermarks
                         ? atomic_load_explicit(&sequence->turn, memory_order_acquire)
                         : claimed;
    for (uint32_t i = 0; i < sequence->reader_count; i++) {
        least = LT_MIN(
            least, atomic_load_explicit(&sequence->readers[i]->next_block, memory_order_acquire));
    }
    uint64_t max = BLOCKS_PER_LANE * (uint64_t)sequence->job->lane_count + 1;
    return claimed - least >= LT_MIN(max, LT_SEQUENCE_WINDOW / 2);
}

static lt_status claim(lt_node *node, int64_t now_ns, lt_msg_kind *special, lt_error *err)
{
    lt_sequence *sequence = node->sequence;
    lt_source *source = sequence->reader->source;
    if (sequence->cut_id > node->barrier_done || atomic_load(&sequence->ended)) {
        return LT_OK; /* first the barrier, or the end */
    }
    if (is_window_full(sequence)) {
        /* Whoever moves on wakes nobody upstream: look again soon. */
        node->wait = (lt_wait){now_ns + WINDOW_LOOK_NS, NULL};
        return LT_AGAIN;
    }
    node->wait = (lt_wait){INT64_MAX, NULL};
    lt_status st = source->cls->claim(source, &node->source_block, &node->wait, err);
    if (st == LT_OK) {
        new_block(node);
        node->block_bytes = source->bytes;
        node->wait = (lt_wait){0, NULL};
        sequence->last_row_ns = now_ns;
        sequence->idle = false;
    } else if (st == LT_END && sequence->reader->limited) {
        atomic_store(&sequence->ended, true);
        st = LT_OK;
    } else if (st == LT_END) {
        new_block(node);
        atomic_store(&sequence->ended, true);
        *special = LT_MSG_END;
        st = LT_OK;
    } else if (st == LT_AGAIN && sequence->idle) {
        int64_t due = lt_source_advance_due(node, true, sequence->advanced_ns);
        node->wait.wake_mono_ns = LT_MIN(node->wait.wake_mono_ns, due);
        if (now_ns >= due) {
            new_block(node);
            sequence->advanced_ns = now_ns;
            *special = LT_MSG_BATCH;
            st = LT_OK;
        }
    } else if (st == LT_AGAIN && node->idle_timeout_ns > 0) {
        int64_t due = sequence->last_row_ns + node->idle_timeout_ns;
        node->wait.wake_mono_ns = LT_MIN(node->wait.wake_mono_ns, due);
        if (now_ns >= due) {
            new_block(node);
            sequence->idle = true;
            *special = LT_MSG_IDLE;
            st = LT_OK;
        }
    }
    return st;
}

/* A block that holds no rows but the idle mark, a reading of the clock or the last watermark. */
static lt_status send_special(lt_node *node, lt_msg_kind kind, lt_error *err)
{
    if (kind == LT_MSG_IDLE) {
        LT_TRY(lt_node_send(node, (lt_msg){LT_MSG_IDLE, NULL, node->block}, err));
    } else if (kind == LT_MSG_BATCH) {
        lt_env *env = node->job->env;
        LT_TRY(lt_node_send_mark(node, env->wall_us(env) / 1000, err));
    } else {
        LT_TRY(lt_node_send_mark(node, LT_WATERMARK_MAX, err));
        lt_lanes_wake(node->job);
    }
    return lt_node_send(node, (lt_msg){LT_MSG_NEXT, NULL, node->block}, err);
}

static lt_status claim_next(lt_node *node, lt_error *err)
{
    lt_sequence *sequence = node->sequence;
    lt_msg_kind special = LT_MSG_NONE;
    int64_t now_ns = node->job->env->mono_ns(node->job->env);
    int64_t held = lt_source_held_until(node, now_ns);
    if (held > 0) {
        node->wait = (lt_wait){held, NULL};
        return LT_AGAIN;
    }
    lt_mutex_lock(sequence->lock);
    lt_status st = claim(node, now_ns, &special, err);
    lt_mutex_unlock(sequence->lock);
    if (st == LT_OK && special != LT_MSG_NONE) {
        st = send_special(node, special, err);
    }
    return st;
}

/* ---- the lane's task ---- */

static lt_status decode(lt_node *node, lt_error *err)
{
    lt_source *source = node->sequence->reader->source;
    lt_batch *batch = NULL;
    lt_status st = source->cls->decode(node->source_lane, node->source_block, &batch, err);
    if (st == LT_END) {
        source->cls->block_free(node->source_block);
        node->source_block = NULL;
        return lt_node_send(node, (lt_msg){LT_MSG_NEXT, NULL, node->block}, err);
    }
    if (st != LT_OK) {
        return st;
    }
    LT_ASSERT(batch != NULL);
    LT_TRY(lt_source_note_rows(node, batch, node->job->env->mono_ns(node->job->env)));
    return lt_node_send(node, (lt_msg){LT_MSG_BATCH, batch, node->block}, err);
}

/* Fixes the cut if no other lane has, then passes the barrier on this lane. */
static lt_status send_barrier(lt_node *node, uint64_t id, lt_error *err)
{
    lt_sequence *sequence = node->sequence;
    lt_status st = LT_OK;
    lt_mutex_lock(sequence->lock);
    if (sequence->cut_id < id || LT_MUTANT(POSITION_LATE)) {
        sequence->cut_id = id;
        sequence->cut = atomic_load_explicit(&sequence->claimed, memory_order_relaxed);
        sequence->cut_ended = atomic_load(&sequence->ended);
        lt_source *source = sequence->reader->source;
        sequence->cut_bytes = source->bytes;
        lt_text_clear(&sequence->position);
        if (source->cls->save != NULL) {
            st = source->cls->save(source, &sequence->position, err);
        }
        if (st == LT_OK && sequence->position.failed) {
            st = lt_error_nomem(err, "a position");
        }
    }
    lt_mutex_unlock(sequence->lock);
    return st == LT_OK ? lt_node_barrier(node, id, err) : st;
}

/* A stop without a checkpoint ends the stream where it is. */
static void end_here(lt_sequence *sequence)
{
    lt_mutex_lock(sequence->lock);
    atomic_store(&sequence->ended, true);
    lt_mutex_unlock(sequence->lock);
}

static lt_status stop_claiming(lt_node *node, lt_error *err)
{
    lt_job *job = node->job;
    lt_sequence *sequence = node->sequence;
    if (atomic_load(&job->draining)) {
        lt_mutex_lock(sequence->lock);
        bool mine = !atomic_load(&sequence->ended) && sequence->cut_id <= node->barrier_done;
        if (mine) {
            new_block(node);
            atomic_store(&sequence->ended, true);
        }
        lt_mutex_unlock(sequence->lock);
        return mine ? send_special(node, LT_MSG_END, err) : LT_OK;
    }
    if (job->ckpt != NULL) {
        return LT_AGAIN; /* the last checkpoint remembers the place */
    }
    end_here(sequence);
    return LT_OK;
}

/* The end may lie behind a cut that this lane has yet to hear of: first the barrier. */
static bool may_end(lt_node *node)
{
    lt_sequence *sequence = node->sequence;
    lt_mutex_lock(sequence->lock);
    bool may = sequence->cut_id <= node->barrier_done || LT_MUTANT(END_FIRST);
    lt_mutex_unlock(sequence->lock);
    return may;
}

lt_status lt_sequence_run(lt_node *node, lt_error *err)
{
    lt_job *job = node->job;
    lt_sequence *sequence = node->sequence;
    uint64_t barrier = lt_ckpt_requested(job);
    bool overtakes = LT_MUTANT(BARRIER_OVERTAKES) && barrier > node->barrier_done;
    if (node->source_block != NULL && !overtakes) {
        return decode(node, err);
    }
    if (barrier > node->barrier_done && !lt_buggify(job, 3)) {
        return send_barrier(node, barrier, err);
    }
    if (atomic_load_explicit(&job->failing, memory_order_relaxed)) {
        return LT_AGAIN;
    }
    if (atomic_load_explicit(&sequence->ended, memory_order_acquire)) {
        if (node->source_ended || !may_end(node)) {
            return LT_AGAIN;
        }
        node->source_ended = true;
        return sequence->reader->limited ? LT_OK
                                         : lt_node_send(node, (lt_msg){LT_MSG_END, NULL, 0}, err);
    }
    if (lt_job_stops(job)) {
        return stop_claiming(node, err);
    }
    return claim_next(node, err);
}
