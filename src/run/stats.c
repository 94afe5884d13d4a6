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

bool lt_job_node_stats(const lt_job *job, uint32_t id, lt_node_stats *out)
{
    if (id >= job->plan->node_count) {
        return false;
    }
    const lt_node *node = &job->nodes[id];
    *out = (lt_node_stats){.plan = node->plan, .watermark = node->watermark, .idle = node->idle};
    out->ledger = *node_ledger(node);
    out->ledger.out = node->rows_out;
    out->state_bytes = atomic_load_explicit(&node->mem.bytes, memory_order_relaxed);
    out->state_rows = node->op != NULL ? lt_state_rows(node->op->state) : 0;
    out->event_text = masked_event(job, &job->nodes[id]);
    if (node->source != NULL) {
        out->bytes = node->source->bytes;
        out->events = node->source->events;
    }
    if (node->sink != NULL) {
        out->bytes = node->sink->bytes;
    }
    out->blocked = node->consumer_count > 0 && lt_node_room(node) < LT_EMIT_SLOTS;
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
        if (node->op != NULL && node->op->cls == &lt_op_watermark) {
            int64_t mark = node->op->watermark;
            out->watermark =
                out->watermark == LT_WATERMARK_MIN ? mark : LT_MIN(out->watermark, mark);
        }
        break;
    }
}

void lt_job_get_stats(const lt_job *job, lt_job_stats *out)
{
    *out = (lt_job_stats){.watermark = LT_WATERMARK_MIN, .event_max = job->event_max};
    for (uint32_t id = 0; id < job->plan->node_count; id++) {
        add_node(&job->nodes[id], out);
    }
    out->rejected = job->rejected;
    out->mem_bytes = atomic_load_explicit(&job->mem.bytes, memory_order_relaxed);
    out->mem_peak = atomic_load_explicit(&job->mem.bytes_peak, memory_order_relaxed);
    out->rejects_path = job->rejects_file != NULL ? job->options.rejects_path : NULL;
    memcpy(out->rejects_by_stage, job->rejects_by_stage, sizeof out->rejects_by_stage);
    out->last_reject = job->last_reject;
}

lt_status lt_job_check_ledger(const lt_job *job, lt_error *err)
{
    for (uint32_t id = 0; id < job->plan->node_count; id++) {
        const lt_node *node = &job->nodes[id];
        const lt_ledger *l = node_ledger(node);
        if (l->in != sum_but_in(l)) {
            return lt_error_set(err, LT_ERR_INTERNAL,
                                "the ledger of '" LT_STR_FMT
                                "' does not balance: in %llu, used %llu, filtered %llu, late %llu, "
                                "expired %llu, rejected %llu, held %llu",
                                LT_STR_ARG(node->plan->label), (unsigned long long)l->in,
                                (unsigned long long)l->used, (unsigned long long)l->filtered,
                                (unsigned long long)l->late, (unsigned long long)l->expired,
                                (unsigned long long)l->rejected, (unsigned long long)l->held);
        }
    }
    return LT_OK;
}
