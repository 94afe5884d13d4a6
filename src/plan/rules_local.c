/* Two-phase aggregation: a local aggregate (op/local_agg.h) below every window and group aggregate
 * whose results stay the same with it, so that a hot key costs the task that owns it one row per
 * batch, and a global aggregate does its work where the rows are.
 *
 *   Calc -> WindowAggregate   becomes   Calc -> LocalWindowAggregate -> WindowAggregate
 *
 * Runs over the physical nodes, because it must know that rows are only inserted and whether net
 * changes are enough. The final node keeps its label, and with it its signature: state moves
 * between the two forms, as when the parallelism changes. EXPLAIN calls it Global... */
#include "op/local_agg.h"
#include "plan/logical.h"

static lt_status nomem(lt_error *err)
{
    return lt_error_nomem(err, "a plan");
}

/* With few lanes a hot key costs its task little more than its share, while folding and the wider
 * rows cost all of them; what has no key would have one task alone. */
static bool is_wanted(const lt_planner *p, uint32_t key_count)
{
    lt_str strategy = lt_catalog_option(p->catalog, "table.optimizer.agg-phase-strategy");
    uint32_t lanes = p->plan->parallelism;
    if (p->options->local_agg_lanes == 0 || lanes < 2 ||
        lt_str_eq_ci(strategy, LT_STR("ONE_PHASE"))) {
        return false;
    }
    return key_count == 0 || lanes >= p->options->local_agg_lanes ||
           lt_str_eq_ci(strategy, LT_STR("TWO_PHASE"));
}

/* What the local spec says of the rows it reads; false: the node stays as it is. */
static bool is_allowed(const lt_plan_node *node, lt_local_agg_spec *out)
{
    if (node->kind != LT_PLAN_OPERATOR) {
        return false;
    }
    if (node->u.op.cls == &lt_op_window_agg) {
        const lt_window_agg_spec *spec = node->u.op.spec;
        *out = (lt_local_agg_spec){.windowed = true,
                                   .window = spec->window,
                                   .keys = spec->keys,
                                   .key_count = spec->key_count,
                                   .aggs = spec->aggs,
                                   .agg_count = spec->agg_count};
        return !spec->input_updates && !spec->window.proctime &&
               lt_local_agg_allows(spec->aggs, spec->agg_count);
    }
    if (node->u.op.cls == &lt_op_group_agg) {
        const lt_group_agg_spec *spec = node->u.op.spec;
        *out = (lt_local_agg_spec){.keys = spec->keys,
                                   .key_count = spec->key_count,
                                   .aggs = spec->aggs,
                                   .agg_count = spec->agg_count};
        /* Without aggregates all that shows of a key is its first row. */
        bool net = spec->net_ok || (spec->agg_count == 0 && spec->ttl_ms == 0);
        return net && !spec->input_updates && lt_local_agg_allows(spec->aggs, spec->agg_count);
    }
    return false;
}

static bool has_start_key(const lt_local_agg_spec *spec)
{
    return spec->windowed && spec->window.attached && spec->window.kind == LT_WINDOW_SESSION;
}

/* The aggregate itself, which now reads what the local one gives. */
static lt_status plan_final(lt_planner *p, lt_plan_node *node, const lt_local_agg_spec *local,
                            lt_error *err)
{
    uint32_t *keys = LT_NEW_ARRAY(p->arena, uint32_t, local->key_count + 1);
    if (keys == NULL) {
        return nomem(err);
    }
    for (uint32_t k = 0; k < local->key_count; k++) {
        keys[k] = k;
    }
    if (!local->windowed) {
        lt_group_agg_spec *spec = LT_NEW(p->arena, lt_group_agg_spec);
        if (spec == NULL) {
            return nomem(err);
        }
        *spec = *(const lt_group_agg_spec *)node->u.op.spec;
        spec->keys = keys;
        spec->partials = local;
        node->u.op.spec = spec;
        return LT_OK;
    }
    lt_window_agg_spec *spec = LT_NEW(p->arena, lt_window_agg_spec);
    if (spec == NULL) {
        return nomem(err);
    }
    *spec = *(const lt_window_agg_spec *)node->u.op.spec;
    spec->keys = keys;
    spec->window.start_col = has_start_key(local) ? spec->key_count : local->end_col;
    spec->window.end_col = local->end_col;
    spec->window.time_col = local->end_col;
    spec->partials = local;
    node->u.op.spec = spec;
    return LT_OK;
}

static lt_status split(lt_planner *p, lt_plan_node *node, const lt_local_agg_spec *allowed,
                       lt_plan_node **out, lt_error *err)
{
    const lt_plan_node *in = p->plan->nodes[node->inputs[0]];
    lt_local_agg_spec *spec = LT_NEW(p->arena, lt_local_agg_spec);
    lt_plan_node *local = LT_NEW(p->arena, lt_plan_node);
    uint32_t *inputs = LT_NEW_ARRAY(p->arena, uint32_t, 1);
    if (spec == NULL || local == NULL || inputs == NULL) {
        return nomem(err);
    }
    *spec = *allowed;
    spec->rows = in->schema;
    LT_TRY(lt_local_agg_plan(p->arena, spec, &local->schema, err));
    LT_TRY(plan_final(p, node, spec, err));
    local->kind = LT_PLAN_OPERATOR;
    local->inputs = inputs;
    local->inputs[0] = node->inputs[0];
    local->input_count = 1;
    local->kinds = LT_KINDS_INSERT;
    local->net_ok = in->net_ok;
    local->determinism = in->determinism;
    local->label = spec->windowed ? LT_STR("LocalWindowAggregate") : LT_STR("LocalGroupAggregate");
    local->u.op.cls = &lt_op_local_agg;
    local->u.op.spec = spec;
    *out = local;
    return LT_OK;
}

/* Nodes in their new order: each local aggregate stands before its final one. */
typedef struct {
    lt_plan_node **nodes;
    uint32_t *moved; /* old id -> new id */
    uint32_t count;
} node_list;

static void put(node_list *list, lt_plan_node *node)
{
    for (uint32_t i = 0; i < node->input_count; i++) {
        node->inputs[i] = list->moved[node->inputs[i]];
    }
    node->id = list->count;
    list->nodes[list->count++] = node;
}

static lt_status insert_all(lt_planner *p, node_list *list, lt_error *err)
{
    for (uint32_t id = 0; id < p->plan->node_count; id++) {
        lt_plan_node *node = p->plan->nodes[id];
        lt_local_agg_spec spec;
        if (!is_allowed(node, &spec) || !is_wanted(p, spec.key_count)) {
            put(list, node);
        } else {
            lt_plan_node *local;
            spec.tasks = p->plan->parallelism;
            LT_TRY(split(p, node, &spec, &local, err));
            put(list, local);
            node->inputs[0] = local->id;
            node->id = list->count;
            list->nodes[list->count++] = node;
        }
        list->moved[id] = node->id;
    }
    return LT_OK;
}

lt_status lt_plan_local(lt_planner *p, lt_error *err)
{
    lt_plan *plan = p->plan;
    if (p->options->local_agg_lanes == 0 || plan->parallelism < 2) {
        return LT_OK;
    }
    node_list list = {.nodes = LT_NEW_ARRAY(p->arena, lt_plan_node *, plan->node_count * 2 + 1),
                      .moved = LT_NEW_ARRAY(p->arena, uint32_t, plan->node_count + 1)};
    if (list.nodes == NULL || list.moved == NULL) {
        return nomem(err);
    }
    LT_TRY(insert_all(p, &list, err));
    for (uint32_t i = 0; i < list.count; i++) {
        lt_plan_node *node = list.nodes[i];
        if (node->kind == LT_PLAN_SOURCE && node->u.table.watermark_node >= 0) {
            node->u.table.watermark_node = (int)list.moved[node->u.table.watermark_node];
        }
    }
    for (uint32_t i = 0; i < plan->sink_count; i++) {
        plan->sinks[i] = list.moved[plan->sinks[i]];
    }
    p->plan_cap = plan->node_count * 2 + 1;
    plan->nodes = list.nodes;
    plan->node_count = list.count;
    return LT_OK;
}
