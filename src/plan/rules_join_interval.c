/* Interval joins: equal keys and two bounds between the time attributes of both sides, or their
 * equality. They are recognised and refused. */
#include "plan/join_parts.h"

typedef struct {
    const lt_join_parts *j;
    bool above, below; /* bounds seen */
} interval_bounds;

static lt_time_attr time_attr(const lt_join_parts *j, const lt_join_columns *scan)
{
    bool right = scan->sides == LT_SIDE_RIGHT;
    const lt_rel *input = j->join->inputs[right];
    uint32_t column = right ? scan->column - j->left_count : scan->column;
    return input->schema->fields[column].type->attr;
}

/* A comparison of one side's time attribute with the other's, either of them shifted by a constant.
 * above: that the left time is at least something. */
static void note_bound(interval_bounds *bounds, const lt_expr *a, const lt_expr *b, bool above,
                       bool below)
{
    const lt_join_parts *j = bounds->j;
    lt_join_columns x = lt_join_scan(j, a);
    lt_join_columns y = lt_join_scan(j, b);
    if (x.uses != 1 || y.uses != 1 || x.sides == y.sides) {
        return;
    }
    lt_time_attr attr = time_attr(j, &x);
    if (attr == LT_TIME_NONE || attr != time_attr(j, &y)) {
        return;
    }
    bool swapped = x.sides == LT_SIDE_RIGHT;
    bounds->above = bounds->above || (swapped ? below : above);
    bounds->below = bounds->below || (swapped ? above : below);
}

static void note_time(interval_bounds *bounds, const lt_expr *expr)
{
    lt_expr *const *args = expr->kind == LT_NODE_CALL ? expr->u.call.args : NULL;
    if (lt_expr_is_call(expr, "=")) {
        note_bound(bounds, args[0], args[1], true, true);
    } else if (lt_expr_is_call(expr, ">") || lt_expr_is_call(expr, ">=")) {
        note_bound(bounds, args[0], args[1], true, false);
    } else if (lt_expr_is_call(expr, "<") || lt_expr_is_call(expr, "<=")) {
        note_bound(bounds, args[0], args[1], false, true);
    } else if (lt_expr_is_call(expr, "BETWEEN")) {
        note_bound(bounds, args[0], args[1], true, false);
        note_bound(bounds, args[0], args[2], false, true);
    }
}

lt_status lt_rule_interval_join(lt_join_parts *j, lt_log **out, lt_error *err)
{
    interval_bounds bounds = {.j = j};
    (void)out;
    for (uint32_t i = 0; !lt_join_is_exists(j->type) && i < j->conjunct_count; i++) {
        note_time(&bounds, j->conjuncts[i]);
    }
    if (!bounds.above || !bounds.below) {
        return LT_OK;
    }
    lt_status st = lt_error_set_at(
        err, LT_ERR_UNSUPPORTED, j->join->pos,
        "interval joins (time attributes of both sides, bounded by each other) are not "
        "supported yet");
    lt_error_hint(err, "a sub-query that selects CAST(ts AS TIMESTAMP(3)) makes it a regular "
                       "join, which keeps all rows");
    return st;
}
