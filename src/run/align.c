/* Sources that must not run away from each other (`scan.watermark.alignment.group` and
 * `.max-drift`): one whose watermark is more than the drift ahead of the slowest of its group takes
 * nothing until that one has come closer. Idle and ended sources have no say. */
#include "base/assert.h"
#include "run/job_int.h"

static lt_align_group *group_of(lt_job *job, lt_str name, int64_t drift_ms, lt_error *err)
{
    for (uint32_t i = 0; i < job->align_count; i++) {
        if (lt_str_eq(job->align[i].name, name)) {
            job->align[i].drift_ms = LT_MIN(job->align[i].drift_ms, drift_ms);
            return &job->align[i];
        }
    }
    if (job->align_count == LT_ALIGN_GROUPS_MAX) {
        (void)lt_error_set(err, LT_ERR_LIMIT, "a job has at most %d alignment groups",
                           LT_ALIGN_GROUPS_MAX);
        return NULL;
    }
    lt_align_group *group = &job->align[job->align_count];
    group->watermarks = LT_NEW_ARRAY(job->arena, _Atomic int64_t, job->plan->node_count + 1);
    if (group->watermarks == NULL) {
        (void)lt_error_nomem(err, "a job");
        return NULL;
    }
    for (uint32_t i = 0; i < job->plan->node_count; i++) {
        atomic_init(&group->watermarks[i], LT_WATERMARK_MAX);
    }
    group->name = name;
    group->drift_ms = drift_ms;
    job->align_count++;
    return group;
}

lt_status lt_align_open(lt_node *node, lt_error *err)
{
    static const char group_key[] = "scan.watermark.alignment.group";
    static const char drift_key[] = "scan.watermark.alignment.max-drift";
    node->align_group = -1;
    bool has = lt_options_has(&node->resolved, group_key);
    if (has != lt_options_has(&node->resolved, drift_key)) {
        return lt_error_set(err, LT_ERR_SQL, "'%s' and '%s' only work together", group_key,
                            drift_key);
    }
    if (!has || lt_job_replays(node->job)) {
        return LT_OK; /* a replay has its ends: a source that is there must not hold the others */
    }
    lt_str name =
        lt_options_get(&node->resolved, NULL, lt_table_options, lt_table_option_count, group_key);
    int64_t drift = lt_options_int(&node->resolved, NULL, lt_table_options, lt_table_option_count,
                                   drift_key, &has);
    lt_align_group *group = group_of(node->job, name, drift, err);
    if (group == NULL) {
        return err != NULL ? err->code : LT_ERR_NOMEM;
    }
    node->align_group = (int)(group - node->job->align);
    atomic_store(&group->watermarks[node->plan->id], LT_WATERMARK_MIN);
    return LT_OK;
}

/* The source below a task, through operators with one input. */
static const lt_node *source_below(const lt_node *node)
{
    while (node->input_count > 0) {
        node = node->channels[0].producer;
    }
    return node;
}

void lt_align_note(const lt_node *node)
{
    const lt_node *source = source_below(node);
    if (source->plan->kind != LT_PLAN_SOURCE || source->align_group < 0) {
        return;
    }
    lt_align_group *group = &node->job->align[source->align_group];
    int64_t watermark = LT_WATERMARK_MAX;
    if (node != source) {
        watermark = node->op->watermark;
    } else if (!source->source_ended && !source->idle) {
        return;
    }
    atomic_store_explicit(&group->watermarks[source->plan->id], watermark, memory_order_relaxed);
}

bool lt_align_holds(lt_node *node)
{
    if (node->align_group < 0) {
        return false;
    }
    const lt_align_group *group = &node->job->align[node->align_group];
    int64_t own = atomic_load_explicit(&group->watermarks[node->plan->id], memory_order_relaxed);
    if (own == LT_WATERMARK_MAX || own == LT_WATERMARK_MIN) {
        return false;
    }
    int64_t least = LT_WATERMARK_MAX;
    for (uint32_t i = 0; i < node->job->plan->node_count; i++) {
        least = LT_MIN(least, atomic_load_explicit(&group->watermarks[i], memory_order_relaxed));
    }
    return least == LT_WATERMARK_MIN || own - least > group->drift_ms;
}
