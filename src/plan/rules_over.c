/* Aggregates with OVER: logical nodes, and what a physical one takes and gives. In the order of a
 * time attribute rows come out once, each with its results; in the order of another column every
 * result after a new row changes, and the input may change as well. */
#include <string.h>

#include "plan/logical.h"

static lt_status make_over(lt_planner *p, lt_rel *rel, lt_log **out, lt_error *err)
{
    lt_log *input;
    LT_TRY(lt_plan_translate(p, rel->inputs[0], &input, err));
    *out = lt_log_new(p, LT_LOG_OVER, rel->schema, &input, 1);
    if (*out == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    (*out)->pos = rel->pos;
    return LT_OK;
}

/* ROW_NUMBER without an upper bound: it counts the rows. */
static lt_status number_rows(lt_planner *p, lt_rel *rel, lt_log *node, lt_error *err)
{
    if (rel->u.rank.order_count != 1 || rel->u.rank.order[0].descending) {
        lt_error_set_at(err, LT_ERR_UNSUPPORTED, rel->pos,
                        "ROW_NUMBER() without a condition on it needs ORDER BY one column, "
                        "ascending, in streaming mode");
        lt_error_hint(err, "for a Top-N write WHERE rn <= N around it");
        return LT_ERR_UNSUPPORTED;
    }
    node->aggs = LT_NEW(p->arena, lt_agg *);
    if (node->aggs == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    LT_TRY(lt_agg_bind(&p->builder, LT_STR("COUNT"), NULL, 0, false, NULL, false, rel->pos,
                       &node->aggs[0], err));
    node->aggs[0]->shown = "ROW_NUMBER";
    node->agg_count = 1;
    node->keys = rel->u.rank.partition;
    node->key_count = rel->u.rank.partition_count;
    node->over_order = rel->u.rank.order[0];
    node->frame.rows = true;
    return LT_OK;
}

lt_status lt_rule_over(lt_planner *p, lt_rel *over, lt_log **out, lt_error *err)
{
    lt_log *node;
    LT_TRY(make_over(p, over, &node, err));
    if (over->kind == LT_REL_RANK) {
        LT_TRY(number_rows(p, over, node, err));
        return lt_log_intern(p, node, out, err);
    }
    node->keys = over->u.over.partition;
    node->key_count = over->u.over.partition_count;
    node->over_order = over->u.over.order;
    node->frame = over->u.over.frame;
    node->aggs = over->u.over.aggs;
    node->agg_count = over->u.over.agg_count;
    return lt_log_intern(p, node, out, err);
}

typedef struct {
    const lt_rel *over;
    bool found;
} rank_use;

static void note_rank(void *arg, uint32_t index)
{
    rank_use *use = arg;
    uint32_t lefts = use->over->inputs[0]->schema->count;
    const char *shown = index < lefts ? NULL : use->over->u.over.aggs[index - lefts]->shown;
    use->found = use->found || (shown != NULL &&
                                (strcmp(shown, "RANK") == 0 || strcmp(shown, "DENSE_RANK") == 0));
}

lt_status lt_rule_over_filter(lt_planner *p, lt_rel *filter, lt_error *err)
{
    lt_chain chain;
    LT_TRY(lt_chain_collapse(p, filter, &chain, err));
    if (chain.bottom->kind != LT_REL_OVER || chain.condition == NULL) {
        return LT_OK;
    }
    rank_use use = {chain.bottom, false};
    lt_expr_columns(chain.condition, note_rank, &use);
    if (use.found) {
        lt_error_set_at(err, LT_ERR_UNSUPPORTED, chain.bottom->pos,
                        "a condition on RANK() or DENSE_RANK() is not supported in streaming mode "
                        "(use ROW_NUMBER)");
        return LT_ERR_UNSUPPORTED;
    }
    return LT_OK;
}

/* ---- the physical node ---- */

static bool updates(const lt_plan_node *node)
{
    return (node->kinds & ~LT_KINDS_INSERT) != 0;
}

static bool has_column(const uint32_t *cols, uint32_t count, uint32_t col)
{
    for (uint32_t i = 0; i < count; i++) {
        if (cols[i] == col) {
            return true;
        }
    }
    return false;
}

/* Rows of one input key stay in one partition. */
static bool keeps_key(const lt_over_spec *spec, const lt_plan_node *in)
{
    for (uint32_t i = 0; i < spec->partition_count; i++) {
        if (!has_column(in->key, in->key_count, spec->partition[i])) {
            return false;
        }
    }
    return in->key != NULL;
}

/* No two rows of a partition stand equal in the order. */
static bool has_no_ties(const lt_over_spec *spec, const lt_plan_node *in)
{
    for (uint32_t i = 0; i < in->key_count; i++) {
        if (in->key[i] != spec->order.col &&
            !has_column(spec->partition, spec->partition_count, in->key[i])) {
            return false;
        }
    }
    return in->key != NULL && in->key_count > 0;
}

/* Does the order of rows that are equal in the order show? */
static bool ties_show(const lt_over_spec *spec, const lt_plan_node *in)
{
    bool show = spec->frame.rows || lt_plan_aggs_need_order(spec->aggs, spec->agg_count);
    return show && !has_no_ties(spec, in);
}

lt_determinism lt_plan_over_mixed(const lt_plan_node *node, const lt_plan_node *in)
{
    const lt_over_spec *spec = node->u.op.spec;
    if (spec->proctime || ties_show(spec, in)) {
        return LT_ORDER_DEPENDENT;
    }
    return node->u.op.cls == &lt_op_over ? LT_FINAL_NO_LATE : LT_FINAL;
}

static lt_status infer_sorted(lt_planner *p, lt_plan_node *node, const lt_plan_node *in,
                              lt_error *err)
{
    const lt_over_spec *spec = node->u.op.spec;
    (void)p;
    for (uint32_t a = 0; a < spec->agg_count; a++) {
        if (spec->aggs[a]->distinct) {
            return lt_error_set(err, LT_ERR_UNSUPPORTED,
                                "DISTINCT with OVER in the order of a column that is not a time "
                                "attribute is not supported");
        }
    }
    node->u.op.cls = &lt_op_over_sorted;
    node->kinds = (uint8_t)(LT_KINDS_INSERT | (1u << LT_UPDATE_BEFORE) | (1u << LT_UPDATE_AFTER) |
                            (updates(in) ? 1u << LT_DELETE : 0u));
    node->determinism = in->determinism;
    if (in->determinism != LT_EXACT) {
        node->determinism = LT_MAX(in->determinism, lt_plan_over_mixed(node, in));
    }
    node->key = keeps_key(spec, in) ? in->key : NULL;
    node->key_count = node->key != NULL ? in->key_count : 0;
    return LT_OK;
}

lt_status lt_plan_infer_over(lt_planner *p, lt_plan_node *node, lt_error *err)
{
    lt_over_spec *spec = (lt_over_spec *)node->u.op.spec;
    const lt_plan_node *in = p->plan->nodes[node->inputs[0]];
    if (in->schema->fields[spec->order.col].type->attr == LT_TIME_NONE) {
        return infer_sorted(p, node, in, err);
    }
    if (updates(in)) {
        return lt_error_set(err, LT_ERR_UNSUPPORTED,
                            "OVER in the order of a time attribute does not take update and "
                            "delete changes, which come from '" LT_STR_FMT "'",
                            LT_STR_ARG(in->label));
    }
    for (uint32_t a = 0; spec->frame.bounded && a < spec->agg_count; a++) {
        const char *shown = spec->aggs[a]->shown;
        LT_TRY(lt_agg_rebind(&p->builder, spec->aggs[a], true, &spec->aggs[a], err));
        spec->aggs[a]->shown = shown;
    }
    node->kinds = LT_KINDS_INSERT;
    node->determinism = in->determinism;
    if (in->determinism != LT_EXACT) {
        node->determinism = LT_MAX(in->determinism, lt_plan_over_mixed(node, in));
    }
    if (spec->proctime && spec->frame.bounded && !spec->frame.rows) {
        node->determinism = LT_ORDER_DEPENDENT; /* the clock decides */
    }
    node->key = in->key;
    node->key_count = in->key_count;
    return LT_OK;
}
