/* Which edges carry -U rows. A node sends none when nobody below needs them: rows are then known by
 * their key. The question goes up from the sources ("could your output do without?") and the answer
 * comes down from the sinks, as in Flink:
 *
 *   sink that takes -U, collector        needs them
 *   sink that upserts by a key           not if the query's rows have exactly that key
 *   calc                                 as its consumers; its condition must be on the key alone
 *   inner join                           as its consumers; an updating side's key must contain the
 *                                        join's, so that its rows stay with their partners
 *   UNION ALL, watermarks                as their consumers
 *   ChangelogNormalize                   no
 *   all else                             yes
 *
 * Where a path cannot do without, its sink gets -U rows as well, and takes them for deletions: no
 * +U need follow. Then the nodes are put together anew: a DropUpdateBefore above
 * sources that send what nobody wants, no ChangelogNormalize where the rows would do as they come,
 * and a SinkUpsertMaterializer before sinks whose primary key is not the query's. */
#include "plan/logical.h"

#define BEFORE ((uint8_t)(1u << LT_UPDATE_BEFORE))

typedef struct {
    bool *optional;       /* by id: the output could do without -U */
    bool *wanted;         /* somebody needs them */
    bool *gone;           /* the node's input takes its place */
    lt_plan_node **above; /* stands between the node and its consumers; NULL = none */
    lt_plan_node **below; /* stands before a sink */
} edges;

static bool is_op(const lt_plan_node *node, const lt_op_class *cls)
{
    return node->kind == LT_PLAN_OPERATOR && node->u.op.cls == cls;
}

/* Operators whose output has the kinds of their input, row by row. */
static bool passes_on(const lt_op_class *cls)
{
    return cls == &lt_op_calc || cls == &lt_op_union || cls == &lt_op_unnest ||
           cls == &lt_op_watermark || cls == &lt_op_pace;
}

static bool updates(const lt_plan_node *node)
{
    return (node->kinds & ~LT_KINDS_INSERT) != 0;
}

static bool among(const uint32_t *cols, uint32_t count, uint32_t col)
{
    for (uint32_t i = 0; i < count; i++) {
        if (cols[i] == col) {
            return true;
        }
    }
    return false;
}

/* Are all of a's columns in b? */
static bool covers(const uint32_t *b, uint32_t b_count, const uint32_t *a, uint32_t a_count)
{
    for (uint32_t i = 0; i < a_count; i++) {
        if (!among(b, b_count, a[i])) {
            return false;
        }
    }
    return true;
}

/* ---- what a node could do ---- */

typedef struct {
    const lt_plan_node *node;
    bool other;
} key_test;

static void test_column(void *arg, uint32_t column)
{
    key_test *test = arg;
    test->other = test->other || !among(test->node->key, test->node->key_count, column);
}

static bool is_on_key(const lt_plan_node *in, const lt_expr *condition)
{
    key_test test = {in, in->key == NULL};
    if (condition != NULL) {
        lt_expr_columns(condition, test_column, &test);
    }
    return condition == NULL || !test.other;
}

static bool side_is_optional(const lt_plan *plan, const lt_plan_node *node, int side,
                             const edges *e)
{
    const lt_join_spec *spec = node->u.op.spec;
    const lt_plan_node *in = plan->nodes[node->inputs[side]];
    const uint32_t *keys = side == 0 ? spec->left_keys : spec->right_keys;
    return !updates(in) || (e->optional[in->id] && in->key != NULL && spec->key_count > 0 &&
                            covers(in->key, in->key_count, keys, spec->key_count));
}

static bool is_optional(const lt_plan *plan, const lt_plan_node *node, const edges *e)
{
    if ((node->kinds & BEFORE) == 0 || node->kind != LT_PLAN_OPERATOR) {
        return true;
    }
    const lt_op_class *cls = node->u.op.cls;
    if (cls == &lt_op_group_agg || cls == &lt_op_topn || cls == &lt_op_keep ||
        cls == &lt_op_normalize) {
        return true;
    }
    if (cls == &lt_op_join) {
        return ((const lt_join_spec *)node->u.op.spec)->type == LT_JOIN_TYPE_INNER &&
               side_is_optional(plan, node, 0, e) && side_is_optional(plan, node, 1, e);
    }
    bool all = passes_on(cls);
    for (uint32_t i = 0; all && i < node->input_count; i++) {
        all = e->optional[node->inputs[i]];
    }
    if (all && cls == &lt_op_calc) {
        const lt_calc_spec *spec = node->u.op.spec;
        return is_on_key(plan->nodes[node->inputs[0]], spec->condition);
    }
    return all;
}

/* ---- sinks ---- */

uint8_t lt_plan_sink_kinds(const lt_plan_node *sink)
{
    const lt_table_def *table = sink->u.table.table;
    if (table == NULL) {
        return 0xf;
    }
    const lt_connector *connector = table->connector;
    uint8_t kinds = connector->sink->kinds;
    if (lt_options_has(&sink->u.table.options, "sink.changelog")) {
        kinds = lt_plan_kinds_of(lt_options_get(&sink->u.table.options, NULL, connector->options,
                                                connector->option_count, "sink.changelog"));
    }
    bool upserts = connector->sink->upsert_with_key && table->primary_key_count > 0;
    return upserts ? kinds | (1u << LT_UPDATE_AFTER) | (1u << LT_DELETE) : kinds;
}

/* The primary key as columns of the sink's rows; none where a part of it is not written. */
static lt_status sink_key(lt_planner *p, lt_plan_node *sink, lt_error *err)
{
    const lt_table_def *table = sink->u.table.table;
    uint32_t count = table == NULL ? 0 : table->primary_key_count;
    uint32_t *key = LT_NEW_ARRAY(p->arena, uint32_t, count + 1);
    uint32_t found = 0;
    if (key == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    for (uint32_t k = 0; k < count; k++) {
        for (uint32_t i = 0; i < sink->schema->count; i++) {
            if (sink->u.table.columns[i] == table->primary_key[k]) {
                key[found++] = i;
                break;
            }
        }
    }
    sink->u.table.sink_key = key;
    sink->u.table.sink_key_count = found == count ? count : 0;
    return LT_OK;
}

static bool sink_wants(const lt_plan *plan, const lt_plan_node *sink)
{
    const lt_plan_node *in = plan->nodes[sink->inputs[0]];
    const uint32_t *key = sink->u.table.sink_key;
    uint32_t count = sink->u.table.sink_key_count;
    if ((lt_plan_sink_kinds(sink) & BEFORE) != 0) {
        return true;
    }
    return count > 0 && (in->key == NULL || !covers(key, count, in->key, in->key_count) ||
                         !covers(in->key, in->key_count, key, count));
}

/* 'table.exec.sink.upsert-materialize': FORCE for every primary key, AUTO where the query's key
 * does not say which row of a primary key is the newest. */
static bool wants_materializer(const lt_planner *p, const lt_plan_node *sink)
{
    const lt_plan_node *in = p->plan->nodes[sink->inputs[0]];
    const uint32_t *key = sink->u.table.sink_key;
    uint32_t count = sink->u.table.sink_key_count;
    lt_str mode = lt_catalog_option(p->catalog, "table.exec.sink.upsert-materialize");
    if (count == 0 || (mode.len > 0 && lt_str_eq_ci(mode, LT_STR("NONE")))) {
        return false;
    }
    if (mode.len > 0 && lt_str_eq_ci(mode, LT_STR("FORCE"))) {
        return true;
    }
    bool known = in->key != NULL && in->key_count > 0 && covers(key, count, in->key, in->key_count);
    return updates(in) && lt_plan_sink_kinds(sink) != LT_KINDS_INSERT && !known;
}

/* ---- new nodes ---- */

static lt_status new_node(lt_planner *p, const lt_op_class *cls, const lt_plan_node *in,
                          lt_plan_node **out, lt_error *err)
{
    lt_plan_node *node = LT_NEW(p->arena, lt_plan_node);
    uint32_t *inputs = LT_NEW_ARRAY(p->arena, uint32_t, 1);
    if (node == NULL || inputs == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    node->kind = LT_PLAN_OPERATOR;
    node->inputs = inputs;
    node->input_count = 1;
    node->schema = in->schema;
    node->kinds = in->kinds;
    node->key = in->key;
    node->key_count = in->key_count;
    node->determinism = in->determinism;
    node->label = lt_str_of(cls->name);
    node->u.op.cls = cls;
    *out = node;
    return LT_OK;
}

static lt_status add_materializer(lt_planner *p, lt_plan_node *sink, edges *e, lt_error *err)
{
    const lt_plan_node *in = p->plan->nodes[sink->inputs[0]];
    lt_materialize_spec *spec = LT_NEW(p->arena, lt_materialize_spec);
    lt_plan_node *node;
    if (spec == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    LT_TRY(new_node(p, &lt_op_materialize, in, &node, err));
    spec->keys = sink->u.table.sink_key;
    spec->key_count = sink->u.table.sink_key_count;
    spec->ids = in->key;
    spec->id_count = in->key != NULL ? in->key_count : 0;
    spec->ttl_ms = lt_plan_ttl_ms(p);
    node->u.op.spec = spec;
    node->kinds = LT_KINDS_INSERT | (1u << LT_UPDATE_AFTER) |
                  ((in->kinds & (BEFORE | (1u << LT_DELETE))) != 0 ? 1u << LT_DELETE : 0u);
    node->key = spec->keys;
    node->key_count = spec->key_count;
    e->below[sink->id] = node;
    return LT_OK;
}

/* A source's rows go through its watermarks with their -U: these move the time on, too. */
static uint32_t drop_host(const lt_plan *plan, const lt_plan_node *source)
{
    if (source->u.table.watermark_node < 0) {
        return source->id;
    }
    uint32_t id = (uint32_t)source->u.table.watermark_node;
    return id + 1 < plan->node_count && is_op(plan->nodes[id + 1], &lt_op_pace) ? id + 1 : id;
}

static bool needs_drop(const lt_plan *plan, const lt_plan_node *node, const edges *e)
{
    return node->kind == LT_PLAN_SOURCE && (node->kinds & BEFORE) != 0 &&
           !e->wanted[drop_host(plan, node)] && !e->wanted[node->id];
}

static lt_status plan_edits(lt_planner *p, edges *e, lt_error *err)
{
    lt_plan *plan = p->plan;
    for (uint32_t id = 0; id < plan->node_count; id++) {
        lt_plan_node *node = plan->nodes[id];
        if (needs_drop(plan, node, e)) {
            uint32_t host = drop_host(plan, node);
            LT_TRY(new_node(p, &lt_op_drop_before, plan->nodes[host], &e->above[host], err));
        }
        if (is_op(node, &lt_op_normalize) && !e->wanted[id]) {
            const lt_normalize_spec *spec = node->u.op.spec;
            e->gone[id] =
                spec->condition == NULL && (plan->nodes[node->inputs[0]]->kinds & BEFORE) == 0;
        }
        if (node->kind == LT_PLAN_SINK && wants_materializer(p, node)) {
            LT_TRY(add_materializer(p, node, e, err));
        }
    }
    return LT_OK;
}

/* ---- putting the nodes together ---- */

static void append(lt_plan_node **nodes, uint32_t *count, lt_plan_node *node)
{
    node->id = *count;
    nodes[(*count)++] = node;
}

static lt_status rebuild(lt_planner *p, const edges *e, lt_error *err)
{
    lt_plan *plan = p->plan;
    uint32_t cap = plan->node_count * 2 + 1;
    lt_plan_node **nodes = LT_NEW_ARRAY(p->arena, lt_plan_node *, cap);
    uint32_t *moved = LT_NEW_ARRAY(p->arena, uint32_t, plan->node_count + 1); /* for consumers */
    uint32_t *own = LT_NEW_ARRAY(p->arena, uint32_t, plan->node_count + 1);
    uint32_t count = 0;
    if (nodes == NULL || moved == NULL || own == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    for (uint32_t id = 0; id < plan->node_count; id++) {
        lt_plan_node *node = plan->nodes[id];
        for (uint32_t i = 0; i < node->input_count; i++) {
            node->inputs[i] = moved[node->inputs[i]];
        }
        if (e->gone[id]) {
            moved[id] = own[id] = node->inputs[0];
            continue;
        }
        if (e->below[id] != NULL) {
            e->below[id]->inputs[0] = node->inputs[0];
            append(nodes, &count, e->below[id]);
            node->inputs[0] = e->below[id]->id;
        }
        append(nodes, &count, node);
        moved[id] = own[id] = node->id;
        node->drop_before = !e->wanted[id];
        if (e->above[id] != NULL) {
            e->above[id]->inputs[0] = node->id;
            append(nodes, &count, e->above[id]);
            moved[id] = e->above[id]->id;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i]->kind == LT_PLAN_SOURCE && nodes[i]->u.table.watermark_node >= 0) {
            nodes[i]->u.table.watermark_node = (int)own[nodes[i]->u.table.watermark_node];
        }
    }
    for (uint32_t i = 0; i < plan->sink_count; i++) {
        plan->sinks[i] = own[plan->sinks[i]];
    }
    plan->nodes = nodes;
    plan->node_count = count;
    p->plan_cap = cap;
    return LT_OK;
}

/* Tells operators that make -U rows not to, and corrects the kinds of those that pass them on. */
static void apply(const lt_plan *plan, lt_plan_node *node)
{
    bool comes = false;
    for (uint32_t i = 0; i < node->input_count; i++) {
        comes = comes || (plan->nodes[node->inputs[i]]->kinds & BEFORE) != 0;
    }
    if (node->kind == LT_PLAN_SINK) {
        node->u.table.drop_before = comes && (lt_plan_sink_kinds(node) & BEFORE) == 0;
        node->kinds = plan->nodes[node->inputs[0]]->kinds & lt_plan_sink_kinds(node);
        node->kinds |= node->u.table.drop_before ? 1u << LT_DELETE : 0u;
    }
    if (node->kind != LT_PLAN_OPERATOR) {
        return;
    }
    const lt_op_class *cls = node->u.op.cls;
    bool drop = node->drop_before;
    if (cls == &lt_op_group_agg) {
        ((lt_group_agg_spec *)node->u.op.spec)->emit_before = !drop;
    } else if (cls == &lt_op_topn) {
        ((lt_topn_spec *)node->u.op.spec)->drop_before = drop;
    } else if (cls == &lt_op_keep) {
        ((lt_keep_spec *)node->u.op.spec)->drop_before = drop;
    } else if (cls == &lt_op_normalize) {
        ((lt_normalize_spec *)node->u.op.spec)->drop_before = drop;
    } else if (cls == &lt_op_drop_before) {
        drop = true;
    } else {
        drop = !comes && (passes_on(cls) || cls == &lt_op_join);
    }
    if (drop) {
        node->kinds &= (uint8_t)~BEFORE;
    }
}

/* Does a consumer need -U of its input? */
static bool asks(const lt_plan *plan, const lt_plan_node *node, const edges *e)
{
    if (node->kind == LT_PLAN_SINK) {
        return sink_wants(plan, node);
    }
    const lt_op_class *cls = node->u.op.cls;
    if (cls == &lt_op_normalize) {
        return false;
    }
    return passes_on(cls) || cls == &lt_op_join ? e->wanted[node->id] : true;
}

lt_status lt_plan_before(lt_planner *p, lt_error *err)
{
    lt_plan *plan = p->plan;
    uint32_t count = plan->node_count;
    edges e = {.optional = LT_NEW_ARRAY(p->arena, bool, count + 1),
               .wanted = LT_NEW_ARRAY(p->arena, bool, count + 1),
               .gone = LT_NEW_ARRAY(p->arena, bool, count + 1),
               .above = LT_NEW_ARRAY(p->arena, lt_plan_node *, count + 1),
               .below = LT_NEW_ARRAY(p->arena, lt_plan_node *, count + 1)};
    if (!e.optional || !e.wanted || !e.gone || !e.above || !e.below) {
        return lt_error_nomem(err, "a plan");
    }
    for (uint32_t id = 0; id < count; id++) {
        e.optional[id] = is_optional(plan, plan->nodes[id], &e);
        if (plan->nodes[id]->kind == LT_PLAN_SINK) {
            LT_TRY(sink_key(p, plan->nodes[id], err));
        }
    }
    for (uint32_t id = count; id-- > 0;) {
        const lt_plan_node *node = plan->nodes[id];
        for (uint32_t i = 0; i < node->input_count; i++) {
            uint32_t in = node->inputs[i];
            e.wanted[in] = e.wanted[in] || !e.optional[in] || asks(plan, node, &e);
        }
    }
    LT_TRY(plan_edits(p, &e, err));
    LT_TRY(rebuild(p, &e, err));
    for (uint32_t id = 0; id < plan->node_count; id++) {
        apply(plan, plan->nodes[id]);
    }
    return LT_OK;
}
