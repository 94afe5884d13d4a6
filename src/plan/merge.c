/* Neighbouring calcs become one when nothing expensive is then computed twice: an inner expression
 * that is more than a column or literal may be used once at most, and must be deterministic. */
#include "plan/logical.h"

static lt_status merge_pair(lt_planner *p, lt_log *outer, lt_log **out, lt_error *err);

typedef struct {
    uint32_t *counts;
} use_counts;

static void count_use(void *arg, uint32_t index)
{
    ((use_counts *)arg)->counts[index]++;
}

static bool is_cheap(const lt_expr *expr)
{
    return expr->kind != LT_NODE_CALL;
}

static lt_status may_inline(lt_planner *p, const lt_log *outer, const lt_log *inner, bool *out,
                            lt_error *err)
{
    use_counts uses = {LT_NEW_ARRAY(p->arena, uint32_t, inner->schema->count + 1)};
    if (uses.counts == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    if (outer->condition != NULL) {
        lt_expr_columns(outer->condition, count_use, &uses);
    }
    for (uint32_t i = 0; i < outer->schema->count; i++) {
        lt_expr_columns(outer->exprs[i], count_use, &uses);
    }
    *out = true;
    for (uint32_t i = 0; i < inner->schema->count; i++) {
        const lt_expr *expr = inner->exprs[i];
        if (!is_cheap(expr) && (uses.counts[i] > 1 || !lt_expr_is_deterministic(expr))) {
            *out = false;
        }
    }
    /* A condition below must go on guarding what is computed above it from failing, and the merged
     * one is evaluated as a whole: fine for AND, which is lazy. */
    return LT_OK;
}

static lt_status merge_pair(lt_planner *p, lt_log *outer, lt_log **out, lt_error *err)
{
    lt_log *inner = outer->inputs[0];
    bool inline_ok = false;
    LT_TRY(may_inline(p, outer, inner, &inline_ok, err));
    *out = outer;
    if (!inline_ok) {
        return LT_OK;
    }
    lt_expr *condition = NULL;
    if (outer->condition != NULL) {
        LT_TRY(lt_expr_remap(&p->builder, outer->condition, NULL, inner->exprs, &condition, err));
    }
    LT_TRY(lt_plan_and(p, inner->condition, condition, &condition, err));
    lt_expr **exprs = LT_NEW_ARRAY(p->arena, lt_expr *, outer->schema->count + 1);
    if (exprs == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    for (uint32_t i = 0; i < outer->schema->count; i++) {
        LT_TRY(lt_expr_remap(&p->builder, outer->exprs[i], NULL, inner->exprs, &exprs[i], err));
    }
    return lt_log_calc(p, inner->inputs[0], condition, exprs, outer->schema, out, err);
}

static lt_status merge_node(lt_planner *p, lt_log *node, lt_log **out, lt_error *err)
{
    for (uint32_t i = 0; i < node->input_count; i++) {
        lt_log *input;
        LT_TRY(lt_plan_merge(p, node->inputs[i], &input, err));
        node->inputs[i] = input;
    }
    *out = node;
    if (node->kind == LT_LOG_CALC && lt_calc_is_identity(node)) {
        *out = node->inputs[0];
        return LT_OK;
    }
    /* Merging a calc that others read too would compute it twice. */
    if (node->kind == LT_LOG_CALC && node->inputs[0]->kind == LT_LOG_CALC &&
        node->inputs[0]->consumers <= 1) {
        LT_TRY(merge_pair(p, node, out, err));
    }
    const lt_log *input = (*out)->input_count > 0 ? (*out)->inputs[0] : NULL;
    if ((*out)->kind == LT_LOG_CALC && (*out)->condition != NULL &&
        input->kind == LT_LOG_NORMALIZE && input->condition == NULL && input->consumers <= 1) {
        return lt_plan_push_condition(p, *out, out, err);
    }
    return LT_OK;
}

lt_status lt_plan_merge(lt_planner *p, lt_log *node, lt_log **out, lt_error *err)
{
    if (node->merged == NULL) {
        LT_TRY(merge_node(p, node, &node->merged, err));
    }
    *out = node->merged;
    return LT_OK;
}
