/* What is going on in a job, for status lines, and the balance of its ledger. */
#include "run/job_int.h"

static uint64_t sum_but_in(const lt_ledger *l)
{
    return l->used + l->filtered + l->late + l->expired + l->rejected + l->held;
}

static const lt_ledger *node_ledger(const lt_node *node)
{
    return node->op != NULL ? &node->op->ledger : &node->ledger;
}

static const char *masked_event(const lt_job *job, lt_node *node)
{
    if (node->source == NULL || job->masks.count == 0) {
        return node->source != NULL ? node->source->event_text : "";
    }
    _Static_assert(sizeof node->event_text >= sizeof node->source->event_text, "it fits");
    memcpy(node->event_text, node->source->event_text, sizeof node->source->event_text);
    lt_masks_apply(&job->masks, node->event_text, sizeof node->event_text);
    return node->event_text;
}

static void add_ledger(lt_ledger *to, const lt_ledger *from)
{
    to->in += from->in;
    to->used += from->used;
    to->filtered += from->filtered;
    to->late += from->late;
    to->expired += from->expired;
    to->rejected += from->rejected;
    to->held += from->held;
}

/* Tasks that take turns: the last one to have had it knows best. */
static void add_watermark(const lt_op *op, lt_node_stats *out)
{
    out->watermark = out->assigns ? LT_MAX(out->watermark, op->watermark) : op->watermark;
    int64_t newest = lt_watermark_get_clock(op).newest_ms;
    out->newest_ms = out->assigns ? LT_MAX(out->newest_ms, newest) : newest;
    out->assigns = true;
    lt_lateness_merge(&out->lateness, lt_watermark_lateness(op));
}

static void add_task(const lt_job *job, lt_node *node, lt_node_stats *out)
{
    add_ledger(&out->ledger, node_ledger(node));
    out->ledger.out += node->rows_out;
    if (!out->assigns) {
        out->watermark =
            out->tasks == 0 ? node->watermark : LT_MIN(out->watermark, node->watermark);
    }
    out->idle = (out->tasks == 0 || out->idle) && node->idle;
    bool ended = node->channel_count > 0 ? node->ended : node->source_ended;
    out->ended = (out->tasks == 0 || out->ended) && ended;
    out->tasks++;
    if (node->op != NULL && node->op->cls == &lt_op_watermark) {
        add_watermark(node->op, out);
    } else if (node->op != NULL && node->op->cls->fires_at != NULL) {
        out->fires_ms = LT_MIN(out->fires_ms, node->op->cls->fires_at(node->op));
    }
    out->busy_ns += node->busy_ns;
    out->mem_bytes += atomic_load_explicit(&node->mem.bytes, memory_order_relaxed);
    out->state_rows += node->op != NULL ? lt_state_rows(node->op->state) : 0;
    if (node->source != NULL) {
        out->event_text = masked_event(job, node);
        out->bytes += node->source->bytes;
        out->events += node->source->events;
    }
    out->bytes += node->sink != NULL ? node->sink->bytes : 0;
    out->blocked = out->blocked || (node->edge_count > 0 && lt_node_room(node) < LT_EMIT_SLOTS + 1);
}

/* Are a task's input rings as full as they get? */
static bool is_pressed(const lt_node *node)
{
    for (uint32_t c = 0; c < node->channel_count; c++) {
        const lt_ring *ring = &node->channels[c].ring;
        if (lt_ring_room(ring) < LT_EMIT_SLOTS + 1) {
            return true;
        }
    }
    return false;
}

/* It cannot keep up while its own output has room: it holds back what is before it. */
static bool is_bottleneck(const lt_job *job, uint32_t plan_id)
{
    for (uint32_t t = 0; t < lt_job_task(job, plan_id, 0)->task_count; t++) {
        const lt_node *node = lt_job_task(job, plan_id, t);
        bool blocked = node->edge_count > 0 && lt_node_room(node) < LT_EMIT_SLOTS + 1;
        if (!blocked && is_pressed(node)) {
            return true;
        }
    }
    return false;
}

bool lt_job_node_stats(const lt_job *job, uint32_t id, lt_node_stats *out)
{
    if (id >= job->plan->node_count) {
        return false;
    }
    *out = (lt_node_stats){.plan = job->plan->nodes[id],
                           .event_text = "",
                           .fires_ms = LT_WATERMARK_MAX,
                           .newest_ms = LT_WATERMARK_MIN};
    lt_lanes_hold(job);
    for (uint32_t t = 0; t < lt_job_task(job, id, 0)->task_count; t++) {
        add_task(job, lt_job_task(job, id, t), out);
    }
    out->state_bytes = out->mem_bytes;
    out->bottleneck = is_bottleneck(job, id);
    lt_lanes_release(job);
    return true;
}

static void add_node(const lt_node *node, lt_job_stats *out)
{
    const lt_ledger *ledger = node_ledger(node);
    switch (node->plan->kind) {
    case LT_PLAN_SOURCE:
    case LT_PLAN_VALUES:
        out->rows_in += ledger->used;
        break;
    case LT_PLAN_SINK:
        out->rows_out += node->rows_out;
        break;
    case LT_PLAN_OPERATOR:
        out->late += ledger->late;
        if (node->op == NULL ||
            node->op->cls !=
                &lt_op_pace) { /* rows that only wait for the replay's clock are not undecided */
            out->held += ledger->held;
        }
        break;
    }
}

/* The least of the sources' watermarks; of tasks on several lanes the furthest has it. */
static int64_t least_watermark(const lt_job *job)
{
    int64_t least = LT_WATERMARK_MIN;
    for (uint32_t id = 0; id < job->plan->node_count; id++) {
        int64_t mark = LT_WATERMARK_MIN;
        bool assigns = false;
        for (uint32_t t = 0; t < lt_job_task(job, id, 0)->task_count; t++) {
            const lt_node *node = lt_job_task(job, id, t);
            assigns = node->op != NULL && node->op->cls == &lt_op_watermark;
            mark = assigns ? LT_MAX(mark, node->op->watermark) : mark;
        }
        if (assigns) {
            least = least == LT_WATERMARK_MIN ? mark : LT_MIN(least, mark);
        }
    }
    return least;
}

void lt_job_get_stats(const lt_job *job, lt_job_stats *out)
{
    lt_lanes_hold(job);
    *out = (lt_job_stats){.watermark = least_watermark(job),
                          .event_max = atomic_load(&job->event_max)};
    for (uint32_t i = 0; i < job->node_count; i++) {
        add_node(&job->nodes[i], out);
    }
    out->rejected = atomic_load(&job->rejected);
    if (job->spill != NULL) {
        lt_spill_stats spill;
        lt_spill_get_stats(job->spill, &spill);
        out->state_spilled = spill.spilled_bytes;
        out->state_resident = spill.resident_bytes;
    }
    out->mem_bytes = atomic_load_explicit(&job->mem.bytes, memory_order_relaxed);
    out->mem_peak = atomic_load_explicit(&job->mem.bytes_peak, memory_order_relaxed);
    out->rejects_path = job->rejects_file != NULL ? job->options.rejects_path : NULL;
    for (uint32_t i = 0; i < LT_STAGE_COUNT; i++) {
        out->rejects_by_stage[i] = atomic_load(&job->rejects_by_stage[i]);
    }
    out->last_reject = job->last_reject;
    lt_lanes_release(job);
}

lt_status lt_job_check_ledger(const lt_job *job, lt_error *err)
{
    for (uint32_t id = 0; id < job->plan->node_count; id++) {
        /* Over all tasks: after a restore with other tasks, the first one carries old counts. */
        lt_ledger sum = {0};
        for (uint32_t t = 0; t < lt_job_task(job, id, 0)->task_count; t++) {
            add_ledger(&sum, node_ledger(lt_job_task(job, id, t)));
        }
        const lt_ledger *l = &sum;
        if (l->in != sum_but_in(l)) {
            return lt_error_set(err, LT_ERR_INTERNAL,
                                "the ledger of '" LT_STR_FMT
                                "' does not balance: in %llu, used %llu, filtered %llu, late %llu, "
                                "expired %llu, rejected %llu, held %llu",
                                LT_STR_ARG(job->plan->nodes[id]->label), (unsigned long long)l->in,
                                (unsigned long long)l->used, (unsigned long long)l->filtered,
                                (unsigned long long)l->late, (unsigned long long)l->expired,
                                (unsigned long long)l->rejected, (unsigned long long)l->held);
        }
    }
    return LT_OK;
}
