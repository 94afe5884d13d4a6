/* The planner's front door: bound trees -> logical graph -> physical plan of one job. */
#include "plan/plan.h"

#include "plan/logical.h"

static lt_status translate_roots(lt_planner *p, lt_rel *const *rels, uint32_t count, lt_log **roots,
                                 lt_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        LT_TRY(lt_plan_translate(p, rels[i], &roots[i], err));
        if (p->is_query) {
            lt_log *sink = lt_log_new(p, LT_LOG_SINK, rels[i]->schema, &roots[i], 1);
            if (sink == NULL) {
                return lt_error_nomem(err, "a plan");
            }
            LT_TRY(lt_log_intern(p, sink, &roots[i], err));
        }
    }
    for (uint32_t i = 0; i < p->node_count; i++) {
        for (uint32_t k = 0; k < p->nodes[i]->input_count; k++) {
            p->nodes[i]->inputs[k]->consumers++;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        LT_TRY(lt_plan_merge(p, roots[i], &roots[i], err));
    }
    return LT_OK;
}

lt_status lt_plan_build(lt_catalog *catalog, lt_rel *const *rels, uint32_t rel_count, bool is_query,
                        const lt_plan_options *options, lt_arena *arena, lt_plan **out,
                        lt_error *err)
{
    lt_planner p = {.catalog = catalog, .arena = arena, .options = options, .is_query = is_query};
    p.builder =
        (lt_expr_builder){.arena = arena, .session = lt_catalog_session(catalog), .fold = true};
    p.plan = LT_NEW(arena, lt_plan);
    lt_log **roots = LT_NEW_ARRAY(arena, lt_log *, rel_count + 1);
    if (p.plan == NULL || roots == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    p.plan->bounded = true;
    p.plan->parallelism = LT_MAX(options->parallelism, 1U);
    p.plan->is_query = is_query;
    p.plan->sinks = LT_NEW_ARRAY(arena, uint32_t, rel_count + 1);
    if (p.plan->sinks == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    LT_TRY(translate_roots(&p, rels, rel_count, roots, err));
    LT_TRY(lt_plan_prune(&p, roots, rel_count, err));
    for (uint32_t i = 0; i < rel_count; i++) {
        LT_TRY(lt_plan_emit(&p, roots[i], err));
    }
    LT_TRY(lt_plan_changelog(&p, err));
    LT_TRY(lt_plan_local(&p, err));
    LT_TRY(lt_plan_spread(&p, err));
    LT_TRY(lt_plan_order(&p, err));
    LT_TRY(lt_plan_sign(&p, err));
    *out = p.plan;
    return LT_OK;
}
