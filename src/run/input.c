/* Taking messages: which channel is next, and merging the event times of several inputs.
 *
 * Channels that carry numbered blocks are read block by block, so that a task sees the rows of a
 * source in the order of the source, whichever lane decoded them. Channels without numbers are
 * read by event time: the one that lags behind first. */
#include "base/assert.h"
#include "base/mutant.h"
#include "run/job_int.h"

/* The channel that has the next block of the input; NULL: not handed out yet. */
static lt_channel *block_channel(lt_node *node, lt_input *input)
{
    uint64_t next = atomic_load_explicit(&input->next_block, memory_order_relaxed);
    if (next >= atomic_load_explicit(&input->sequence->claimed, memory_order_acquire)) {
        return NULL;
    }
    uint8_t owner = atomic_load_explicit(&input->sequence->owner[next % LT_SEQUENCE_WINDOW],
                                         memory_order_relaxed);
    return &node->channels[input->first + owner];
}

static bool may_take(lt_node *node, lt_channel *channel)
{
    if (channel->barred && !LT_MUTANT(BARRIER_LEAKS)) {
        return false;
    }
    if (node->loads && channel->input_no == 0) {
        return false;
    }
    lt_msg msg = lt_ring_peek(&channel->ring);
    if (msg.kind == LT_MSG_NONE) {
        return false;
    }
    lt_input *input = &node->inputs[channel->input_no];
    if (input->sequence == NULL || msg.kind == LT_MSG_BARRIER || msg.kind == LT_MSG_END ||
        LT_MUTANT(ORDER_IGNORED)) {
        return true;
    }
    return channel == block_channel(node, input);
}

/* What is looked up has been read to its end: rows may come. */
static void check_loaded(lt_node *node)
{
    const lt_input *input = &node->inputs[1];
    for (uint32_t c = 0; c < input->count; c++) {
        if (!node->channels[input->first + c].ended) {
            return;
        }
    }
    node->loads = false;
    if (atomic_fetch_sub(&node->job->loads_left, 1) == 1) {
        lt_lanes_wake(node->job); /* sources that held a barrier back */
    }
}

lt_channel *lt_node_next(lt_node *node)
{
    lt_channel *best = NULL;
    if (node->loads) {
        check_loaded(node);
    }
    if (node->channel_count == 1) {
        return may_take(node, &node->channels[0]) ? &node->channels[0] : NULL;
    }
    for (uint32_t c = 0; c < node->channel_count; c++) {
        lt_channel *channel = &node->channels[c];
        if (!may_take(node, channel)) {
            continue;
        }
        if (node->looks_up && best != NULL && best->input_no != channel->input_no) {
            best = channel; /* input 1 stands behind input 0 */
        } else if (best == NULL ||
                   node->clocks[channel->clock].watermark < node->clocks[best->clock].watermark) {
            best = channel;
        }
    }
    return best;
}

/* The minimum over clocks that are neither idle nor ended; an ended one has no say. */
int64_t lt_node_merged(const lt_node *node)
{
    int64_t merged = LT_WATERMARK_MAX;
    int64_t ended = LT_WATERMARK_MAX;
    uint32_t active = 0;
    for (uint32_t i = 0; i < node->clock_count; i++) {
        const lt_clock *clock = &node->clocks[i];
        if (clock->timeless) {
            continue;
        }
        if (clock->open == 0) {
            ended = LT_MIN(ended, clock->watermark);
        } else if (!clock->idle) {
            merged = LT_MIN(merged, clock->watermark);
            active++;
        }
    }
    if (active > 0) {
        return merged;
    }
    return node->idle ? node->watermark : ended;
}

/* Least watermark of the other active clocks. */
static int64_t least_of_others(const lt_node *node, uint32_t clock)
{
    int64_t least = LT_WATERMARK_MAX;
    for (uint32_t i = 0; i < node->clock_count; i++) {
        const lt_clock *other = &node->clocks[i];
        if (i != clock && other->open > 0 && !other->idle && !other->timeless) {
            least = LT_MIN(least, other->watermark);
        }
    }
    return least;
}

lt_status lt_node_merge_marks(lt_node *node, uint32_t clock, lt_batch **batch, lt_error *err)
{
    lt_batch *in = *batch;
    lt_clock *own = &node->clocks[clock];
    own->idle = false;
    node->idle = node->idle && own->timeless;
    if (in->mark_count == 0) {
        return LT_OK;
    }
    int64_t last = in->marks[in->mark_count - 1].watermark;
    if (node->clock_count == 1) {
        own->watermark = LT_MAX(own->watermark, last);
        return LT_OK;
    }
    int64_t others = own->timeless ? LT_WATERMARK_MIN : least_of_others(node, clock);
    int64_t now = node->watermark;
    lt_batch *out = lt_batch_derive(node->pool, in, in->schema);
    if (out == NULL) {
        return lt_error_nomem(err, "a batch");
    }
    memcpy(out->cols, in->cols, sizeof(lt_col) * in->col_count);
    out->marks = NULL;
    out->mark_count = 0;
    out->mark_cap = 0;
    for (uint32_t m = 0; m < in->mark_count; m++) {
        int64_t merged = LT_MIN(others, in->marks[m].watermark);
        if (merged > now) {
            now = merged;
            if (!lt_batch_add_mark(out, in->marks[m].first_row, merged)) {
                lt_batch_unref(out);
                return lt_error_nomem(err, "a batch");
            }
        }
    }
    own->watermark = LT_MAX(own->watermark, last);
    lt_batch_unref(in);
    *batch = out;
    return LT_OK;
}
