/* How a plan is spread over lanes: which nodes have one task, which a task per lane, and how rows
 * get from one to the next.
 *
 *   Source ==blocks==> Watermark ==blocks==> Calc ==hash(k)==> WindowAggregate ==gather==> Sink
 *
 * A source that can be read by several lanes hands out numbered blocks; operators that look at one
 * row at a time go along on the lane that decodes the block. What keeps state by key has a task per
 * lane, each with its share of the key groups; whoever takes rows from block lanes takes them in
 * the order of the blocks, so that every task sees what it would have seen from one reader. All
 * else has one task. */
#include "plan/logical.h"

/* The key columns of input i; false: the node's work cannot be shared by key. */
static bool keys_of(const lt_plan_node *node, uint32_t input, lt_exchange *out)
{
    const lt_op_class *cls = node->u.op.cls;
    const void *spec = node->u.op.spec;
    if (cls == &lt_op_window_agg || cls == &lt_op_session_agg) {
        out->keys = ((const lt_window_agg_spec *)spec)->keys;
        out->key_count = ((const lt_window_agg_spec *)spec)->key_count;
    } else if (cls == &lt_op_group_agg) {
        out->keys = ((const lt_group_agg_spec *)spec)->keys;
        out->key_count = ((const lt_group_agg_spec *)spec)->key_count;
    } else if (cls == &lt_op_window_topn) {
        out->keys = ((const lt_window_topn_spec *)spec)->partition;
        out->key_count = ((const lt_window_topn_spec *)spec)->partition_count;
    } else if (cls == &lt_op_topn) {
        out->keys = ((const lt_topn_spec *)spec)->partition;
        out->key_count = ((const lt_topn_spec *)spec)->partition_count;
    } else if (cls == &lt_op_keep) {
        out->keys = ((const lt_keep_spec *)spec)->partition;
        out->key_count = ((const lt_keep_spec *)spec)->partition_count;
    } else if (cls == &lt_op_first_rows) {
        out->keys = ((const lt_first_rows_spec *)spec)->partition;
        out->key_count = ((const lt_first_rows_spec *)spec)->partition_count;
    } else if (cls == &lt_op_first_event) {
        out->keys = ((const lt_first_event_spec *)spec)->partition;
        out->key_count = ((const lt_first_event_spec *)spec)->partition_count;
    } else if (cls == &lt_op_normalize) {
        out->keys = ((const lt_normalize_spec *)spec)->keys;
        out->key_count = ((const lt_normalize_spec *)spec)->key_count;
    } else if (cls == &lt_op_materialize) {
        out->keys = ((const lt_materialize_spec *)spec)->keys;
        out->key_count = ((const lt_materialize_spec *)spec)->key_count;
    } else if (cls == &lt_op_over || cls == &lt_op_over_sorted) {
        out->keys = ((const lt_over_spec *)spec)->partition;
        out->key_count = ((const lt_over_spec *)spec)->partition_count;
    } else if (cls == &lt_op_join || cls == &lt_op_temporal_join || cls == &lt_op_interval_join ||
               cls == &lt_op_window_join) {
        const lt_join_spec *join = spec;
        out->keys = input == 0 ? join->left_keys : join->right_keys;
        out->key_count = join->key_count;
        out->key_types = join->key_types;
    }
    return out->key_count > 0;
}

/* Operators whose output depends on one row and the watermark before it. */
static bool is_stateless(const lt_plan_node *node)
{
    if (node->u.op.cls == &lt_op_watermark) {
        /* SOURCE_WATERMARK() looks at all rows before. */
        return ((const lt_watermark_spec *)node->u.op.spec)->watermark != NULL;
    }
    if (node->u.op.cls == &lt_op_calc || node->u.op.cls == &lt_op_unnest ||
        node->u.op.cls == &lt_op_local_agg || node->u.op.cls == &lt_op_drop_before ||
        node->u.op.cls == &lt_op_expand) {
        return true;
    }
    if (node->u.op.cls == &lt_op_window_expand) {
        const lt_window_expand_spec *spec = node->u.op.spec;
        return spec->window.kind != LT_WINDOW_SESSION && !spec->window.proctime;
    }
    return false;
}

static lt_status exchange_types(lt_planner *p, const lt_plan_node *in, lt_exchange *exchange,
                                lt_error *err)
{
    const lt_type **types = LT_NEW_ARRAY(p->arena, const lt_type *, exchange->key_count + 1);
    if (types == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    for (uint32_t k = 0; k < exchange->key_count; k++) {
        types[k] = in->schema->fields[exchange->keys[k]].type;
    }
    exchange->key_types = types;
    return LT_OK;
}

static lt_status spread_operator(lt_planner *p, lt_plan_node *node, lt_error *err)
{
    const lt_plan_node *first = p->plan->nodes[node->inputs[0]];
    if (node->input_count == 1 && is_stateless(node)) {
        node->spread = first->spread;
        node->exchanges[0].kind = LT_EXCHANGE_FORWARD;
        return LT_OK;
    }
    bool keyed = true;
    for (uint32_t i = 0; i < node->input_count; i++) {
        keyed = keys_of(node, i, &node->exchanges[i]) && keyed;
    }
    node->spread = keyed ? LT_SPREAD_KEYS : LT_SPREAD_ONE;
    for (uint32_t i = 0; i < node->input_count; i++) {
        node->exchanges[i].kind = keyed ? LT_EXCHANGE_HASH : LT_EXCHANGE_GATHER;
        if (keyed && node->exchanges[i].key_types == NULL) {
            LT_TRY(exchange_types(p, p->plan->nodes[node->inputs[i]], &node->exchanges[i], err));
        }
    }
    return LT_OK;
}

/* A replay lets rows go by the clock: one task holds them. */
static bool is_paced(const lt_plan *plan)
{
    for (uint32_t id = 0; id < plan->node_count; id++) {
        const lt_plan_node *node = plan->nodes[id];
        if (node->kind == LT_PLAN_OPERATOR && node->u.op.cls == &lt_op_pace) {
            return true;
        }
    }
    return false;
}

lt_status lt_plan_spread(lt_planner *p, lt_error *err)
{
    lt_plan *plan = p->plan;
    bool parallel = plan->parallelism > 1;
    bool paced = is_paced(plan);
    for (uint32_t id = 0; id < plan->node_count; id++) {
        lt_plan_node *node = plan->nodes[id];
        node->spread = LT_SPREAD_ONE;
        node->exchanges = LT_NEW_ARRAY(p->arena, lt_exchange, node->input_count + 1);
        if (node->exchanges == NULL) {
            return lt_error_nomem(err, "a plan");
        }
        if (node->kind == LT_PLAN_SOURCE && parallel && !paced && node->u.table.splittable &&
            !lt_options_has(&node->u.table.options, "scan.rate-limit")) {
            node->spread = LT_SPREAD_BLOCKS;
        } else if (node->kind == LT_PLAN_OPERATOR) {
            LT_TRY(spread_operator(p, node, err));
        } else if (node->kind == LT_PLAN_SINK) {
            node->exchanges[0].kind = LT_EXCHANGE_GATHER;
        }
    }
    return LT_OK;
}
