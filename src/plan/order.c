/* What several lanes leave of a plan's determinism. The tasks of a keyed node keep the order of
 * rows of one key, and nobody keeps that across keys: who reads them by other keys, or gathers
 * them, sees them in any order. Its final rows do not change by that; how it got there may, and
 * where the order of rows decides (LIMIT, ties, FIRST_VALUE), so may they. */
#include "plan/logical.h"

/* Does the node give out rows of different keys in no fixed order? */
static bool is_mixed(const lt_plan *plan, const lt_plan_node *node, const bool *mixed)
{
    if (node->spread == LT_SPREAD_KEYS || node->input_count > 1) {
        return true;
    }
    return node->input_count == 1 && mixed[plan->nodes[node->inputs[0]]->id];
}

static bool has_column(const lt_window_topn_spec *spec, uint32_t column)
{
    if (column == spec->start_col || column == spec->end_col) {
        return true;
    }
    for (uint32_t i = 0; i < spec->partition_count; i++) {
        if (spec->partition[i] == column) {
            return true;
        }
    }
    for (uint32_t i = 0; i < spec->order_count; i++) {
        if (spec->order[i].col == column) {
            return true;
        }
    }
    return false;
}

/* Two rows of a partition never stand equal in its order. */
static bool has_no_ties(const lt_window_topn_spec *spec, const lt_plan_node *in)
{
    for (uint32_t i = 0; i < in->key_count; i++) {
        if (!has_column(spec, in->key[i])) {
            return false;
        }
    }
    return in->key != NULL && in->key_count > 0;
}

/* What is left to a node that sees rows of different keys in any order. */
static lt_determinism seen_mixed(const lt_plan_node *node, const lt_plan_node *in)
{
    const lt_op_class *cls = node->u.op.cls;
    const void *spec = node->u.op.spec;
    if (cls == &lt_op_group_agg) {
        const lt_group_agg_spec *agg = spec;
        return lt_plan_aggs_need_order(agg->aggs, agg->agg_count) ? LT_ORDER_DEPENDENT : LT_FINAL;
    }
    if (cls == &lt_op_window_agg || cls == &lt_op_session_agg) {
        const lt_window_agg_spec *agg = spec;
        return lt_plan_aggs_need_order(agg->aggs, agg->agg_count) ? LT_ORDER_DEPENDENT : LT_EXACT;
    }
    if (cls == &lt_op_window_topn) {
        return has_no_ties(spec, in) ? LT_EXACT : LT_ORDER_DEPENDENT;
    }
    if (cls == &lt_op_topn || cls == &lt_op_keep) {
        return lt_plan_rank_has_no_ties(node, in) ? LT_FINAL : LT_ORDER_DEPENDENT;
    }
    if (cls == &lt_op_first_event) {
        return lt_plan_rank_has_no_ties(node, in) ? LT_FINAL_NO_LATE : LT_ORDER_DEPENDENT;
    }
    if (cls == &lt_op_time_sort || cls == &lt_op_temporal_join) {
        return LT_FINAL_NO_LATE;
    }
    if (cls == &lt_op_materialize) {
        return LT_FINAL; /* the newest row of a sink key, of those that come in any order */
    }
    if (cls == &lt_op_first_rows) {
        return LT_ORDER_DEPENDENT;
    }
    if (cls == &lt_op_over || cls == &lt_op_over_sorted) {
        return lt_plan_over_mixed(node, in);
    }
    return cls == &lt_op_limit ? LT_ORDER_DEPENDENT : LT_EXACT;
}

lt_status lt_plan_order(lt_planner *p, lt_error *err)
{
    lt_plan *plan = p->plan;
    bool *mixed = LT_NEW_ARRAY(p->arena, bool, plan->node_count + 1);
    if (mixed == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    for (uint32_t id = 0; plan->parallelism > 1 && id < plan->node_count; id++) {
        lt_plan_node *node = plan->nodes[id];
        for (uint32_t i = 0; i < node->input_count; i++) {
            const lt_plan_node *in = plan->nodes[node->inputs[i]];
            bool crosses = mixed[in->id] && node->exchanges[i].kind != LT_EXCHANGE_FORWARD;
            lt_determinism left =
                crosses && node->kind == LT_PLAN_OPERATOR ? seen_mixed(node, in) : LT_EXACT;
            node->determinism = LT_MAX(node->determinism, LT_MAX(left, in->determinism));
        }
        mixed[id] = is_mixed(plan, node, mixed);
    }
    return LT_OK;
}
