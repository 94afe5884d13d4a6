/* From the bound tree to the logical graph. What cannot run yet is refused here, by name. */
#include "plan/logical.h"

static lt_status nomem(lt_error *err)
{
    return lt_error_nomem(err, "a plan");
}

static lt_status translate_inputs(lt_planner *p, lt_rel *rel, lt_log ***out, lt_error *err)
{
    lt_log **inputs = LT_NEW_ARRAY(p->arena, lt_log *, rel->input_count + 1);
    if (inputs == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < rel->input_count; i++) {
        LT_TRY(lt_plan_translate(p, rel->inputs[i], &inputs[i], err));
    }
    *out = inputs;
    return LT_OK;
}

/* Nodes whose payload is the bound node itself. */
static lt_status translate_plain(lt_planner *p, lt_rel *rel, lt_log_kind kind, lt_log **out,
                                 lt_error *err)
{
    lt_log **inputs = NULL;
    LT_TRY(translate_inputs(p, rel, &inputs, err));
    lt_log *node = lt_log_new(p, kind, rel->schema, inputs, rel->input_count);
    if (node == NULL) {
        return nomem(err);
    }
    node->rel = rel;
    node->pos = rel->pos;
    return lt_log_intern(p, node, out, err);
}

static lt_status translate_filter(lt_planner *p, lt_rel *rel, lt_log **out, lt_error *err)
{
    LT_TRY(lt_rule_topn(p, rel, out, err));
    if (*out != NULL) {
        return LT_OK;
    }
    LT_TRY(lt_rule_join_filter(p, rel, out, err));
    if (*out != NULL) {
        return LT_OK;
    }
    LT_TRY(lt_rule_over_filter(p, rel, err));
    lt_log *input;
    LT_TRY(lt_plan_translate(p, rel->inputs[0], &input, err));
    lt_expr **exprs;
    LT_TRY(lt_log_identity(p, rel->schema, &exprs, err));
    return lt_log_calc(p, input, rel->u.filter.condition, exprs, rel->schema, out, err);
}

static lt_status translate_window(lt_planner *p, lt_rel *rel, lt_log **out, lt_error *err)
{
    lt_log *input;
    LT_TRY(lt_plan_translate(p, rel->inputs[0], &input, err));
    lt_log *node = lt_log_new(p, LT_LOG_WINDOWS, rel->schema, &input, 1);
    if (node == NULL) {
        return nomem(err);
    }
    node->pos = rel->pos;
    node->window = rel->u.window_tvf.window;
    node->keys = rel->u.window_tvf.session_keys;
    node->key_count = rel->u.window_tvf.session_key_count;
    return lt_log_intern(p, node, out, err);
}

lt_status lt_log_expand(lt_planner *p, const lt_rel *rel, lt_log *input, const lt_schema *schema,
                        lt_log **out, lt_error *err)
{
    lt_log *node = lt_log_new(p, LT_LOG_EXPAND, schema, &input, 1);
    if (node == NULL) {
        return nomem(err);
    }
    node->pos = rel->pos;
    node->keys = rel->u.expand.keys;
    node->key_count = rel->u.expand.key_count;
    node->sets = rel->u.expand.sets;
    node->set_count = rel->u.expand.set_count;
    return lt_log_intern(p, node, out, err);
}

static lt_status translate_expand(lt_planner *p, lt_rel *rel, lt_log **out, lt_error *err)
{
    lt_log *input;
    LT_TRY(lt_plan_translate(p, rel->inputs[0], &input, err));
    return lt_log_expand(p, rel, input, rel->schema, out, err);
}

static lt_status translate_aggregate(lt_planner *p, lt_rel *rel, lt_log **out, lt_error *err)
{
    LT_TRY(lt_rule_window_agg(p, rel, out, err));
    if (*out != NULL) {
        return LT_OK;
    }
    lt_log *input;
    LT_TRY(lt_plan_translate(p, rel->inputs[0], &input, err));
    lt_log *node = lt_log_new(p, LT_LOG_GROUP_AGG, rel->schema, &input, 1);
    if (node == NULL) {
        return nomem(err);
    }
    node->pos = rel->pos;
    node->keys = rel->u.aggregate.keys;
    node->key_count = rel->u.aggregate.key_count;
    node->has_ttl[0] = rel->u.aggregate.has_ttl;
    node->ttl_ms[0] = rel->u.aggregate.ttl_ms;
    node->aggs = rel->u.aggregate.aggs;
    node->agg_count = rel->u.aggregate.agg_count;
    return lt_log_intern(p, node, out, err);
}

static lt_status translate_limit(lt_planner *p, lt_rel *rel, lt_log **out, lt_error *err)
{
    lt_log *input;
    LT_TRY(lt_plan_translate(p, rel->inputs[0], &input, err));
    lt_log *node = lt_log_new(p, LT_LOG_LIMIT, rel->schema, &input, 1);
    if (node == NULL) {
        return nomem(err);
    }
    node->pos = rel->pos;
    node->offset = rel->u.limit.offset;
    node->count = rel->u.limit.count;
    return lt_log_intern(p, node, out, err);
}

lt_status lt_plan_translate(lt_planner *p, lt_rel *rel, lt_log **out, lt_error *err)
{
    *out = NULL;
    switch (rel->kind) {
    case LT_REL_SCAN:
        LT_TRY(translate_plain(p, rel, LT_LOG_SOURCE, out, err));
        return p->in_source ? LT_OK : lt_plan_normalize(p, rel, out, err);
    case LT_REL_VALUES:
        return translate_plain(p, rel, LT_LOG_VALUES, out, err);
    case LT_REL_WATERMARK:
        p->in_source = true;
        LT_TRY(translate_plain(p, rel, LT_LOG_WATERMARK, out, err));
        p->in_source = false;
        return lt_plan_normalize(p, rel, out, err);
    case LT_REL_SINK:
        return translate_plain(p, rel, LT_LOG_SINK, out, err);
    case LT_REL_UNNEST:
        return translate_plain(p, rel, LT_LOG_UNNEST, out, err);
    case LT_REL_UNION:
        return translate_plain(p, rel, LT_LOG_UNION, out, err);
    case LT_REL_FILTER:
        return translate_filter(p, rel, out, err);
    case LT_REL_PROJECT: {
        lt_log *input;
        LT_TRY(lt_plan_translate(p, rel->inputs[0], &input, err));
        return lt_log_calc(p, input, NULL, rel->u.project.exprs, rel->schema, out, err);
    }
    case LT_REL_WINDOW:
        return translate_window(p, rel, out, err);
    case LT_REL_EXPAND:
        return translate_expand(p, rel, out, err);
    case LT_REL_AGGREGATE:
        return translate_aggregate(p, rel, out, err);
    case LT_REL_LIMIT:
        return translate_limit(p, rel, out, err);
    case LT_REL_SORT:
        return lt_rule_sort(p, rel, out, err);
    case LT_REL_RANK:
    case LT_REL_OVER:
        return lt_rule_over(p, rel, out, err);
    case LT_REL_JOIN:
        return lt_rule_join(p, rel, NULL, out, err);
    }
    return lt_error_set_at(err, LT_ERR_INTERNAL, rel->pos, "unknown part of a query");
}

/* ---- chains ---- */

lt_status lt_chain_collapse(lt_planner *p, lt_rel *top, lt_chain *out, lt_error *err)
{
    if (top->kind == LT_REL_PROJECT || top->kind == LT_REL_FILTER) {
        LT_TRY(lt_chain_collapse(p, top->inputs[0], out, err));
    } else {
        out->bottom = top;
        out->condition = NULL;
        return lt_log_identity(p, top->schema, &out->exprs, err);
    }
    if (top->kind == LT_REL_FILTER) {
        lt_expr *condition;
        LT_TRY(
            lt_expr_remap(&p->builder, top->u.filter.condition, NULL, out->exprs, &condition, err));
        return lt_plan_and(p, out->condition, condition, &out->condition, err);
    }
    lt_expr **exprs = LT_NEW_ARRAY(p->arena, lt_expr *, top->schema->count + 1);
    if (exprs == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < top->schema->count; i++) {
        LT_TRY(
            lt_expr_remap(&p->builder, top->u.project.exprs[i], NULL, out->exprs, &exprs[i], err));
    }
    out->exprs = exprs;
    return LT_OK;
}
