/* Which operator a Top-N becomes, now that it is known what flows into it, and what comes out:
 *
 *   ORDER BY a processing time, ascending      the first rows that come
 *   .. descending, N = 1                       the last row that came
 *   ORDER BY a rowtime, ascending, N = 1       the first in event time, when the watermark says so;
 *                                              with mini-batches the best row, at once
 *   .. descending, N = 1                       the last in event time
 *   N = 1 otherwise, nothing taken away        the best row
 *   all else                                   Top-N: append, update or retract
 *
 * `update` is for rows whose key says their partition and which can only move up, such as counts in
 * descending order: what fell out once never comes back without a change of its own, so N rows are
 * enough. These choices, and the kinds of rows they lead to, are Flink's. */
#include <string.h>

#include "expr/registry.h"
#include "plan/logical.h"

static bool updates(const lt_plan_node *node)
{
    return (node->kinds & ~LT_KINDS_INSERT) != 0;
}

static uint8_t kinds_of(bool update, bool deletes)
{
    return (uint8_t)(LT_KINDS_INSERT |
                     (update ? (1u << LT_UPDATE_BEFORE) | (1u << LT_UPDATE_AFTER) : 0u) |
                     (deletes ? 1u << LT_DELETE : 0u));
}

/* ---- which way a column's values can go ---- */

typedef enum { WAY_ANY, WAY_CONSTANT, WAY_UP, WAY_DOWN } way; /* while its row's key stays */

static int sign_of(const lt_expr *expr)
{
    if (expr->kind != LT_NODE_LITERAL || expr->u.literal.is_null) {
        return -2;
    }
    const lt_value *value = &expr->u.literal;
    if (lt_type_is_integer(expr->type)) {
        return value->u.i > 0 ? 1 : value->u.i < 0 ? -1 : 0;
    }
    if (expr->type->kind == LT_TYPE_DOUBLE || expr->type->kind == LT_TYPE_FLOAT) {
        return value->u.f > 0 ? 1 : value->u.f < 0 ? -1 : value->u.f == 0 ? 0 : -2;
    }
    if (expr->type->kind == LT_TYPE_DECIMAL) {
        lt_i128 wide = expr->type->precision <= 18 ? value->u.i : value->u.wide;
        return wide > 0 ? 1 : wide < 0 ? -1 : 0;
    }
    return -2;
}

/* What a condition that holds says about an expression: 1 = never negative, -1 = never positive, 0
 * = nothing. */
static int bound_of(const lt_expr *condition, const lt_expr *expr)
{
    if (condition == NULL || condition->kind != LT_NODE_CALL) {
        return 0;
    }
    const char *name = condition->u.call.func->name;
    lt_expr *const *args = condition->u.call.args;
    if (strcmp(name, "AND") == 0) {
        for (uint32_t i = 0; i < condition->u.call.arg_count; i++) {
            int found = bound_of(args[i], expr);
            if (found != 0) {
                return found;
            }
        }
        return 0;
    }
    bool more = name[0] == '>' && (name[1] == 0 || name[1] == '=');
    bool less = name[0] == '<' && (name[1] == 0 || name[1] == '=');
    if ((!more && !less) || condition->u.call.arg_count != 2) {
        return 0;
    }
    bool mirrored = lt_expr_eq(args[1], expr);
    if (!mirrored && !lt_expr_eq(args[0], expr)) {
        return 0;
    }
    int sign = sign_of(args[mirrored ? 0 : 1]);
    return more != mirrored ? (sign == 0 || sign == 1) : -(sign == 0 || sign == -1);
}

/* SUM goes one way when no argument has the other sign, by the FILTER of the call or the WHERE
 * below. */
static way sum_way(const lt_plan *plan, const lt_plan_node *node, const lt_agg *agg)
{
    const lt_expr *arg = agg->args[0];
    int bound = bound_of(agg->filter, arg);
    const lt_plan_node *in = plan->nodes[node->inputs[0]];
    if (bound == 0 && arg->kind == LT_NODE_COLUMN && in->kind == LT_PLAN_OPERATOR &&
        in->u.op.cls == &lt_op_calc) {
        const lt_calc_spec *calc = in->u.op.spec;
        bound = bound_of(calc->condition, calc->exprs[arg->u.column]);
    }
    return bound > 0 ? WAY_UP : bound < 0 ? WAY_DOWN : WAY_ANY;
}

static way way_of(const lt_plan *plan, const lt_plan_node *node, uint32_t col)
{
    if (node->kind != LT_PLAN_OPERATOR) {
        return WAY_ANY;
    }
    const lt_plan_node *in = plan->nodes[node->inputs[0]];
    if (node->u.op.cls == &lt_op_calc) {
        const lt_calc_spec *spec = node->u.op.spec;
        const lt_expr *expr = spec->exprs[col];
        /* A filter takes rows away by a -U alone. */
        return spec->condition == NULL && expr->kind == LT_NODE_COLUMN
                   ? way_of(plan, in, expr->u.column)
                   : WAY_ANY;
    }
    if (node->u.op.cls != &lt_op_group_agg || updates(in)) {
        return WAY_ANY;
    }
    const lt_group_agg_spec *spec = node->u.op.spec;
    if (col < spec->key_count) {
        return WAY_CONSTANT;
    }
    const lt_agg *agg = spec->aggs[col - spec->key_count];
    const char *name = agg->cls->name;
    if (strcmp(name, "COUNT") == 0 || strcmp(name, "MAX") == 0) {
        return WAY_UP;
    }
    if (strcmp(name, "MIN") == 0) {
        return WAY_DOWN;
    }
    return strcmp(name, "SUM") == 0 ? sum_way(plan, node, agg) : WAY_ANY;
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

static bool only_moves_up(const lt_plan *plan, const lt_plan_node *in, const lt_topn_spec *spec)
{
    if (in->key == NULL || (in->kinds & (1u << LT_DELETE)) != 0 || spec->order_count == 0) {
        return false;
    }
    for (uint32_t i = 0; i < spec->partition_count; i++) {
        if (!among(in->key, in->key_count, spec->partition[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < spec->order_count; i++) {
        way found = way_of(plan, in, spec->order[i].col);
        if (found != WAY_CONSTANT && found != (spec->order[i].descending ? WAY_UP : WAY_DOWN)) {
            return false;
        }
    }
    return true;
}

/* ---- what comes out ---- */

static bool covers_key(const lt_plan_node *in, const uint32_t *partition, uint32_t partition_count,
                       const lt_sort_key *order, uint32_t order_count)
{
    for (uint32_t k = 0; k < in->key_count; k++) {
        bool found = among(partition, partition_count, in->key[k]);
        for (uint32_t i = 0; i < order_count; i++) {
            found = found || order[i].col == in->key[k];
        }
        if (!found) {
            return false;
        }
    }
    return in->key != NULL && in->key_count > 0;
}

bool lt_plan_rank_has_no_ties(const lt_plan_node *node, const lt_plan_node *in)
{
    const lt_op_class *cls = node->u.op.cls;
    if (cls == &lt_op_topn) {
        const lt_topn_spec *spec = node->u.op.spec;
        return !spec->variable && covers_key(in, spec->partition, spec->partition_count,
                                             spec->order, spec->order_count);
    }
    if (cls == &lt_op_keep) {
        const lt_keep_spec *spec = node->u.op.spec;
        return spec->mode != LT_KEEP_LAST_ARRIVED &&
               covers_key(in, spec->partition, spec->partition_count, spec->order,
                          spec->order_count);
    }
    if (cls == &lt_op_first_event) {
        const lt_first_event_spec *spec = node->u.op.spec;
        const lt_sort_key order = {.col = spec->time_col};
        return covers_key(in, spec->partition, spec->partition_count, &order, 1);
    }
    return false;
}

/* Do all changes of one key go through one partition? Else the old and the new row of a key come
 * from different tasks, in any order. */
static bool key_stays(const lt_plan_node *in, const lt_topn_spec *spec)
{
    const uint32_t updating = 1u << LT_UPDATE_BEFORE | 1u << LT_UPDATE_AFTER | 1u << LT_DELETE;
    if (in->key == NULL || (in->kinds & updating) == 0) {
        return true;
    }
    for (uint32_t i = 0; i < spec->partition_count; i++) {
        if (!among(in->key, in->key_count, spec->partition[i])) {
            return false;
        }
    }
    return true;
}

/* One row per partition, or per partition and rank, or the input's own key. */
static lt_status output_key(lt_planner *p, lt_plan_node *node, const lt_topn_spec *spec,
                            lt_error *err)
{
    const lt_plan_node *in = p->plan->nodes[node->inputs[0]];
    bool one = !spec->variable && spec->rank_min == spec->rank_max;
    if (!one && !spec->rank_output) {
        bool stays = key_stays(in, spec);
        node->key = stays ? in->key : NULL;
        node->key_count = stays ? in->key_count : 0;
        return LT_OK;
    }
    uint32_t *key = LT_NEW_ARRAY(p->arena, uint32_t, spec->partition_count + 2);
    if (key == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    for (uint32_t i = 0; i < spec->partition_count; i++) {
        key[i] = spec->partition[i];
    }
    key[spec->partition_count] = node->schema->count - 1;
    node->key = key;
    node->key_count = spec->partition_count + (one ? 0 : 1);
    return LT_OK;
}

static void become(lt_plan_node *node, const lt_op_class *cls, const void *spec)
{
    node->u.op.cls = cls;
    node->u.op.spec = spec;
    node->label = lt_str_of(cls->name);
}

/* ---- choosing ---- */

static lt_status make_first_rows(lt_planner *p, lt_plan_node *node, const lt_topn_spec *from,
                                 lt_error *err)
{
    lt_first_rows_spec *spec = LT_NEW(p->arena, lt_first_rows_spec);
    if (spec == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    *spec = (lt_first_rows_spec){.partition = from->partition,
                                 .partition_count = from->partition_count,
                                 .rank_min = from->rank_min,
                                 .rank_max = from->rank_max,
                                 .rank_output = from->rank_output,
                                 .ttl_ms = from->ttl_ms};
    become(node, &lt_op_first_rows, spec);
    node->kinds = LT_KINDS_INSERT;
    return LT_OK;
}

static lt_status make_first_event(lt_planner *p, lt_plan_node *node, const lt_topn_spec *from,
                                  lt_error *err)
{
    lt_first_event_spec *spec = LT_NEW(p->arena, lt_first_event_spec);
    if (spec == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    *spec = (lt_first_event_spec){.partition = from->partition,
                                  .partition_count = from->partition_count,
                                  .time_col = from->order[0].col,
                                  .ttl_ms = from->ttl_ms};
    become(node, &lt_op_first_event, spec);
    node->kinds = LT_KINDS_INSERT;
    return LT_OK;
}

static lt_status make_keep(lt_planner *p, lt_plan_node *node, const lt_topn_spec *from,
                           lt_keep_mode mode, lt_error *err)
{
    lt_keep_spec *spec = LT_NEW(p->arena, lt_keep_spec);
    if (spec == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    *spec = (lt_keep_spec){.partition = from->partition,
                           .partition_count = from->partition_count,
                           .mode = mode,
                           .order = from->order,
                           .order_count = from->order_count,
                           .updates = from->strategy == LT_TOPN_UPDATE,
                           .quiet = from->ttl_ms == 0,
                           .ttl_ms = from->ttl_ms};
    become(node, &lt_op_keep, spec);
    if (mode == LT_KEEP_BEST && from->is_limit) {
        node->label = LT_STR("SortLimit");
    } else if (mode == LT_KEEP_BEST) {
        node->label = LT_STR("Top1");
    }
    node->kinds = kinds_of(true, false);
    return LT_OK;
}

static bool in_mini_batches(const lt_planner *p)
{
    return lt_str_eq_ci(lt_catalog_option(p->catalog, "table.exec.mini-batch.enabled"),
                        LT_STR("true"));
}

static lt_status choose(lt_planner *p, lt_plan_node *node, lt_topn_spec *spec, lt_error *err)
{
    const lt_plan_node *in = p->plan->nodes[node->inputs[0]];
    const lt_sort_key *first = spec->order;
    lt_time_attr attr = spec->order_count == 1 && !updates(in)
                            ? in->schema->fields[first->col].type->attr
                            : LT_TIME_NONE;
    bool one = !spec->variable && spec->rank_min == 1 && spec->rank_max == 1;
    spec->strategy = !updates(in)                       ? LT_TOPN_APPEND
                     : only_moves_up(p->plan, in, spec) ? LT_TOPN_UPDATE
                                                        : LT_TOPN_RETRACT;
    if (attr == LT_TIME_PROCTIME && !first->descending && !spec->variable) {
        return make_first_rows(p, node, spec, err);
    }
    if (one && !spec->is_limit && attr == LT_TIME_PROCTIME) {
        return make_keep(p, node, spec, LT_KEEP_LAST_ARRIVED, err);
    }
    if (one && !spec->is_limit && attr == LT_TIME_ROWTIME) {
        /* With mini-batches Flink does not wait for the watermark, but corrects itself. */
        return first->descending    ? make_keep(p, node, spec, LT_KEEP_LAST_EVENT, err)
               : in_mini_batches(p) ? make_keep(p, node, spec, LT_KEEP_BEST, err)
                                    : make_first_event(p, node, spec, err);
    }
    if (one && spec->strategy != LT_TOPN_RETRACT) {
        return make_keep(p, node, spec, LT_KEEP_BEST, err);
    }
    node->label = spec->is_limit ? LT_STR("SortLimit") : node->label;
    bool shifts = spec->rank_output || spec->rank_min > 1;
    node->kinds = kinds_of(shifts || spec->strategy == LT_TOPN_UPDATE,
                           !shifts || spec->strategy == LT_TOPN_RETRACT);
    return LT_OK;
}

lt_status lt_plan_infer_rank(lt_planner *p, lt_plan_node *node, lt_error *err)
{
    lt_topn_spec *spec = (lt_topn_spec *)node->u.op.spec;
    const lt_plan_node *in = p->plan->nodes[node->inputs[0]];
    for (uint32_t i = 0; updates(in) && i < spec->order_count; i++) {
        const lt_type *type = in->schema->fields[spec->order[i].col].type;
        if (type->attr == LT_TIME_PROCTIME) {
            return lt_error_set(err, LT_ERR_UNSUPPORTED,
                                "rows that are updated cannot be ranked by a processing time");
        }
    }
    LT_TRY(choose(p, node, spec, err));
    LT_TRY(output_key(p, node, spec, err));
    node->determinism = in->determinism;
    if (in->determinism != LT_EXACT) {
        bool final = lt_plan_rank_has_no_ties(node, in);
        node->determinism = !final ? LT_ORDER_DEPENDENT
                            : node->u.op.cls == &lt_op_first_event
                                ? LT_MAX(in->determinism, LT_FINAL_NO_LATE)
                                : in->determinism;
    }
    return LT_OK;
}

lt_status lt_plan_infer_limit(lt_planner *p, lt_plan_node *node, lt_error *err)
{
    const lt_plan_node *in = p->plan->nodes[node->inputs[0]];
    const lt_limit_spec *limit = node->u.op.spec;
    node->determinism = in->determinism == LT_EXACT ? LT_EXACT : LT_ORDER_DEPENDENT;
    if (!updates(in)) {
        return LT_OK;
    }
    if (limit->count < 0) {
        lt_error_set(err, LT_ERR_UNSUPPORTED,
                     "OFFSET without LIMIT does not take update and delete changes, which come "
                     "from '" LT_STR_FMT "'",
                     LT_STR_ARG(in->label));
        return LT_ERR_UNSUPPORTED;
    }
    lt_topn_spec *spec = LT_NEW(p->arena, lt_topn_spec);
    if (spec == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    *spec = (lt_topn_spec){.rank_min = limit->offset + 1,
                           .rank_max = limit->count > INT64_MAX - limit->offset
                                           ? INT64_MAX
                                           : limit->offset + limit->count,
                           .is_limit = true,
                           .strategy = LT_TOPN_RETRACT,
                           .ttl_ms = 0};
    become(node, &lt_op_topn, spec);
    node->label = LT_STR("Limit");
    node->kinds = kinds_of(spec->rank_min > 1, true);
    node->key = in->key;
    node->key_count = in->key_count;
    return LT_OK;
}
