/* Which columns of each node somebody needs: from the sinks up, so that a decoder parses only
 * those. */
#include "plan/logical.h"

typedef struct {
    bool *needed;
} marker;

static void mark(void *arg, uint32_t index)
{
    ((marker *)arg)->needed[index] = true;
}

static void mark_expr(lt_log *input, const lt_expr *expr)
{
    marker m = {input->needed};
    if (expr != NULL) {
        lt_expr_columns(expr, mark, &m);
    }
}

static void mark_aggs(lt_log *node, lt_log *input)
{
    for (uint32_t i = 0; i < node->key_count; i++) {
        input->needed[node->keys[i]] = true;
    }
    for (uint32_t a = 0; a < node->agg_count; a++) {
        for (uint32_t i = 0; i < node->aggs[a]->arg_count; i++) {
            mark_expr(input, node->aggs[a]->args[i]);
        }
        mark_expr(input, node->aggs[a]->filter);
    }
}

static void mark_window(const lt_window *window, lt_log *input)
{
    if (window->attached) {
        input->needed[window->start_col] = true;
        input->needed[window->end_col] = true;
    } else {
        input->needed[window->time_col] = true;
    }
}

static void mark_topn(const lt_log *node, lt_log *input)
{
    const lt_window_topn_spec *spec = &node->topn;
    for (uint32_t i = 0; i < spec->partition_count; i++) {
        input->needed[spec->partition[i]] = true;
    }
    for (uint32_t i = 0; i < spec->order_count; i++) {
        input->needed[spec->order[i].col] = true;
    }
    input->needed[spec->start_col] = true;
    input->needed[spec->end_col] = true;
}

static void mark_rank(const lt_log *node, lt_log *input)
{
    const lt_topn_spec *spec = &node->rank;
    for (uint32_t i = 0; i < spec->partition_count; i++) {
        input->needed[spec->partition[i]] = true;
    }
    for (uint32_t i = 0; i < spec->order_count; i++) {
        input->needed[spec->order[i].col] = true;
    }
    if (spec->variable) {
        input->needed[spec->end_col] = true;
    }
}

static void mark_joined(void *arg, uint32_t index)
{
    const lt_log *node = arg;
    uint32_t lefts = node->inputs[0]->schema->count;
    bool is_left = index < lefts;
    node->inputs[is_left ? 0 : 1]->needed[is_left ? index : index - lefts] = true;
}

static void mark_join(lt_log *node)
{
    for (uint32_t i = 0; i < node->key_count; i++) {
        node->inputs[0]->needed[node->keys[i]] = true;
        node->inputs[1]->needed[node->right_keys[i]] = true;
    }
    for (uint32_t i = 0; i < node->schema->count; i++) {
        if (node->needed[i]) {
            mark_joined(node, i);
        }
    }
    if (node->join_how == LT_JOIN_WINDOW) {
        node->inputs[0]->needed[node->ends[0]] = true;
        node->inputs[1]->needed[node->ends[1]] = true;
    }
    if (node->join_how == LT_JOIN_INTERVAL && !node->interval.proctime) {
        node->inputs[0]->needed[node->interval.left_time] = true;
        node->inputs[1]->needed[node->interval.right_time] = true;
    }
    if (node->condition != NULL) {
        lt_expr_columns(node->condition, mark_joined, node);
    }
}

static void pass_through(const lt_log *node, lt_log *input)
{
    for (uint32_t i = 0; i < input->schema->count; i++) {
        input->needed[i] = input->needed[i] || node->needed[i];
    }
}

/* Rows can only be counted where at least one column is left; one that is needed below anyway costs
 * nothing. */
static uint32_t cheapest_column(const lt_log *node, const lt_log *input)
{
    if (node->kind == LT_LOG_WATERMARK) {
        return node->rel->u.watermark.time_col;
    }
    for (uint32_t i = 0; node->kind == LT_LOG_CALC && i < node->schema->count; i++) {
        const lt_expr *expr = node->exprs[i];
        if (expr->kind == LT_NODE_LITERAL ||
            (expr->kind == LT_NODE_COLUMN && input->needed[expr->u.column])) {
            return i;
        }
    }
    return 0;
}

static void need_one(lt_log *node, const lt_log *input)
{
    for (uint32_t i = 0; i < node->schema->count; i++) {
        if (node->needed[i]) {
            return;
        }
    }
    if (node->schema->count > 0) {
        node->needed[cheapest_column(node, input)] = true;
    }
}

static void mark_inputs(lt_log *node)
{
    lt_log *input = node->input_count > 0 ? node->inputs[0] : NULL;
    if (node->kind == LT_LOG_CALC) {
        mark_expr(input, node->condition);
    }
    need_one(node, input);
    switch (node->kind) {
    case LT_LOG_SOURCE:
    case LT_LOG_VALUES:
        return;
    case LT_LOG_CALC:
        for (uint32_t i = 0; i < node->schema->count; i++) {
            if (node->needed[i]) {
                mark_expr(input, node->exprs[i]);
            }
        }
        return;
    case LT_LOG_WATERMARK:
        pass_through(node, input);
        input->needed[node->rel->u.watermark.time_col] = true;
        mark_expr(input, node->rel->u.watermark.expr);
        return;
    case LT_LOG_NORMALIZE:
        pass_through(node, input);
        mark_expr(input, node->condition);
        for (uint32_t i = 0; i < node->key_count; i++) {
            input->needed[node->keys[i]] = true;
        }
        return;
    case LT_LOG_WINDOWS:
        pass_through(node, input);
        mark_window(&node->window, input);
        for (uint32_t i = 0; i < node->key_count; i++) {
            input->needed[node->keys[i]] = true;
        }
        return;
    case LT_LOG_UNNEST:
        pass_through(node, input);
        input->needed[node->rel->u.unnest.column] = true;
        return;
    case LT_LOG_EXPAND:
        pass_through(node, input);
        for (uint32_t i = 0; i < node->key_count; i++) {
            input->needed[node->keys[i]] = true;
        }
        return;
    case LT_LOG_WINDOW_AGG:
        mark_window(&node->window, input);
        mark_aggs(node, input);
        return;
    case LT_LOG_GROUP_AGG:
        mark_aggs(node, input);
        return;
    case LT_LOG_UNION:
        for (uint32_t i = 0; i < node->input_count; i++) {
            pass_through(node, node->inputs[i]);
        }
        return;
    case LT_LOG_TEMPORAL_JOIN:
        input->needed[node->times[0]] = true;
        node->inputs[1]->needed[node->times[1]] = true;
        mark_join(node);
        return;
    case LT_LOG_JOIN:
        mark_join(node);
        return;
    case LT_LOG_LIMIT:
        pass_through(node, input);
        return;
    case LT_LOG_TOPN:
        pass_through(node, input);
        mark_topn(node, input);
        return;
    case LT_LOG_RANK:
    case LT_LOG_TIME_SORT:
        pass_through(node, input);
        mark_rank(node, input);
        return;
    case LT_LOG_OVER:
        pass_through(node, input);
        mark_aggs(node, input);
        input->needed[node->over_order.col] = true;
        return;
    case LT_LOG_SINK:
        pass_through(node, input);
        return;
    }
}

/* Consumers before their inputs: depth-first post-order, then backwards. */
static void visit(lt_log *node, lt_log **order, uint32_t *count, bool *seen)
{
    if (seen[node->id]) {
        return;
    }
    seen[node->id] = true;
    for (uint32_t i = 0; i < node->input_count; i++) {
        visit(node->inputs[i], order, count, seen);
    }
    order[(*count)++] = node;
}

lt_status lt_plan_prune(lt_planner *p, lt_log *const *roots, uint32_t root_count, lt_error *err)
{
    lt_log **order = LT_NEW_ARRAY(p->arena, lt_log *, p->node_count + 1);
    bool *seen = LT_NEW_ARRAY(p->arena, bool, p->node_count + 1);
    if (order == NULL || seen == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < root_count; i++) {
        visit(roots[i], order, &count, seen);
    }
    for (uint32_t i = 0; i < count; i++) {
        order[i]->needed = LT_NEW_ARRAY(p->arena, bool, order[i]->schema->count + 1);
        if (order[i]->needed == NULL) {
            return lt_error_nomem(err, "a plan");
        }
    }
    for (uint32_t i = 0; i < root_count; i++) {
        for (uint32_t c = 0; c < roots[i]->schema->count; c++) {
            roots[i]->needed[c] = true;
        }
    }
    for (uint32_t i = count; i-- > 0;) {
        mark_inputs(order[i]);
    }
    return LT_OK;
}
