/* 'table.optimizer.non-deterministic-update.strategy' = 'TRY_RESOLVE': what a row was when it was
 * added must come out the same when it is taken away, or the two never meet. A projection or filter
 * that gives something else each time is refused where -U or -D rows go through it to somebody who
 * looks at all their columns. With IGNORE, the default, this is the user's concern. */
#include "plan/logical.h"

static lt_status refuse(const lt_plan_node *in, lt_str what, lt_error *err)
{
    lt_error_set(err, LT_ERR_SQL,
                 LT_STR_FMT " is not the same each time, and '" LT_STR_FMT
                            "' updates and deletes rows: what is taken away would not be what was "
                            "added",
                 LT_STR_ARG(what), LT_STR_ARG(in->label));
    lt_error_hint(err, "compute it where rows are only added, write to a sink with the query's key "
                       "as primary key, or SET "
                       "'table.optimizer.non-deterministic-update.strategy' = 'IGNORE'");
    return LT_ERR_SQL;
}

static lt_status check_calc(lt_planner *p, const lt_plan_node *node, lt_error *err)
{
    const lt_calc_spec *spec = node->u.op.spec;
    const lt_plan_node *in = p->plan->nodes[node->inputs[0]];
    if ((in->kinds & ~LT_KINDS_INSERT) == 0) {
        return LT_OK;
    }
    if (spec->condition != NULL && !lt_expr_is_deterministic(spec->condition)) {
        return refuse(in, LT_STR("the condition of a filter"), err);
    }
    /* Without -U rows are known by their key. */
    bool by_key = (node->kinds & (1u << LT_UPDATE_BEFORE)) == 0 && node->key != NULL;
    for (uint32_t i = 0; !by_key && i < spec->expr_count; i++) {
        if (!lt_expr_is_deterministic(spec->exprs[i])) {
            char *name = lt_arena_printf(p->arena, "column '" LT_STR_FMT "'",
                                         LT_STR_ARG(node->schema->fields[i].name));
            return name == NULL ? lt_error_nomem(err, "a plan") : refuse(in, lt_str_of(name), err);
        }
    }
    return LT_OK;
}

lt_status lt_plan_repeatable(lt_planner *p, lt_error *err)
{
    lt_str mode =
        lt_catalog_option(p->catalog, "table.optimizer.non-deterministic-update.strategy");
    if (mode.len == 0 || !lt_str_eq_ci(mode, LT_STR("TRY_RESOLVE"))) {
        return LT_OK;
    }
    for (uint32_t id = 0; id < p->plan->node_count; id++) {
        const lt_plan_node *node = p->plan->nodes[id];
        if (node->kind == LT_PLAN_OPERATOR && node->u.op.cls == &lt_op_calc) {
            LT_TRY(check_calc(p, node, err));
        }
    }
    return LT_OK;
}
