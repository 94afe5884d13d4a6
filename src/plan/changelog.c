/* What flows on each edge: row kinds, upsert key, determinism, and whether only net changes matter.
 * Kinds and keys go down from the sources to the sinks, `net_ok` comes back up. Updating inputs of
 * operators that only take inserts, and updating queries into append-only sinks, are refused here.
 */
#include <string.h>

#include "expr/native.h"
#include "plan/logical.h"

#define KINDS_UPDATING \
    ((uint8_t)((1u << LT_UPDATE_BEFORE) | (1u << LT_UPDATE_AFTER) | (1u << LT_DELETE)))

static bool updates(const lt_plan_node *node)
{
    return (node->kinds & KINDS_UPDATING) != 0;
}

static lt_plan_node *input_of(const lt_planner *p, const lt_plan_node *node, uint32_t i)
{
    return p->plan->nodes[node->inputs[i]];
}

/* The first node of a path that gives out rows of these kinds: its inputs do not. */
static const lt_plan_node *origin_of(const lt_planner *p, const lt_plan_node *node, uint8_t kinds)
{
    for (uint32_t i = 0; i < node->input_count; i++) {
        const lt_plan_node *in = input_of(p, node, i);
        if ((in->kinds & kinds) != 0) {
            return origin_of(p, in, kinds);
        }
    }
    return node;
}

static lt_status refuse_updates(const lt_planner *p, const lt_plan_node *node, const char *what,
                                lt_error *err)
{
    lt_str producer = origin_of(p, input_of(p, node, 0), KINDS_UPDATING)->label;
    return lt_error_set(err, LT_ERR_UNSUPPORTED,
                        "%s does not take update and delete changes, which come from '" LT_STR_FMT
                        "'",
                        what, LT_STR_ARG(producer));
}

static lt_determinism worse(lt_determinism a, lt_determinism b)
{
    return a > b ? a : b;
}

static bool exprs_deterministic(lt_expr *const *exprs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (exprs[i] != NULL && !lt_expr_is_deterministic(exprs[i])) {
            return false;
        }
    }
    return true;
}

bool lt_plan_aggs_need_order(lt_agg *const *aggs, uint32_t count)
{
    static const char *const names[] = {"FIRST_VALUE",        "LAST_VALUE", "LISTAGG",
                                        "ARRAY_AGG",          "COLLECT",    "JSON_ARRAYAGG",
                                        "$JSON_ARRAYAGG_NULL"};
    for (uint32_t a = 0; a < count; a++) {
        if (aggs[a]->native != NULL) {
            if (!lt_native_any_order(aggs[a]->native)) {
                return true;
            }
            continue;
        }
        for (size_t i = 0; i < LT_COUNT_OF(names); i++) {
            if (strcmp(aggs[a]->cls->name, names[i]) == 0) {
                return true;
            }
        }
    }
    return false;
}

static lt_status sequence(lt_planner *p, uint32_t count, lt_plan_node *node, lt_error *err)
{
    uint32_t *key = LT_NEW_ARRAY(p->arena, uint32_t, count + 1);
    if (key == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    for (uint32_t i = 0; i < count; i++) {
        key[i] = i;
    }
    node->key = key;
    node->key_count = count;
    return LT_OK;
}

/* A calc keeps the key when every key column is passed on unchanged. */
static lt_status calc_key(lt_planner *p, lt_plan_node *node, lt_error *err)
{
    const lt_plan_node *in = input_of(p, node, 0);
    const lt_calc_spec *spec = node->u.op.spec;
    uint32_t *key = LT_NEW_ARRAY(p->arena, uint32_t, in->key_count + 1);
    if (key == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    uint32_t found = 0;
    for (uint32_t k = 0; k < in->key_count; k++) {
        for (uint32_t i = 0; i < spec->expr_count; i++) {
            if (spec->exprs[i]->kind == LT_NODE_COLUMN && spec->exprs[i]->u.column == in->key[k]) {
                key[found++] = i;
                break;
            }
        }
    }
    if (in->key != NULL && found == in->key_count) {
        node->key = key;
        node->key_count = found;
    }
    return LT_OK;
}

static lt_status infer_group_agg(lt_planner *p, lt_plan_node *node, lt_error *err)
{
    lt_group_agg_spec *spec = (lt_group_agg_spec *)node->u.op.spec;
    const lt_plan_node *in = input_of(p, node, 0);
    spec->input_updates = updates(in);
    for (uint32_t a = 0; spec->input_updates && a < spec->agg_count; a++) {
        LT_TRY(lt_agg_rebind(&p->builder, spec->aggs[a], true, &spec->aggs[a], err));
    }
    node->kinds = LT_KINDS_INSERT;
    if (spec->agg_count > 0) {
        node->kinds |= (1u << LT_UPDATE_AFTER) | (1u << LT_UPDATE_BEFORE);
    }
    if (spec->input_updates) {
        node->kinds |= 1u << LT_DELETE;
    }
    node->determinism = in->determinism == LT_EXACT ? LT_EXACT : worse(in->determinism, LT_FINAL);
    if (in->determinism != LT_EXACT && lt_plan_aggs_need_order(spec->aggs, spec->agg_count)) {
        node->determinism = LT_ORDER_DEPENDENT;
    }
    return sequence(p, spec->key_count, node, err);
}

static lt_status infer_window_agg(lt_planner *p, lt_plan_node *node, lt_error *err)
{
    lt_window_agg_spec *spec = (lt_window_agg_spec *)node->u.op.spec;
    const lt_plan_node *in = input_of(p, node, 0);
    spec->input_updates = updates(in);
    for (uint32_t a = 0; spec->input_updates && a < spec->agg_count; a++) {
        LT_TRY(lt_agg_rebind(&p->builder, spec->aggs[a], true, &spec->aggs[a], err));
    }
    node->kinds = LT_KINDS_INSERT;
    node->determinism =
        in->determinism == LT_EXACT ? LT_EXACT : worse(in->determinism, LT_FINAL_NO_LATE);
    if (spec->window.proctime) {
        node->determinism = LT_ORDER_DEPENDENT;
    }
    LT_TRY(sequence(p, spec->key_count + 2, node, err));
    uint32_t *key = (uint32_t *)node->key;
    key[spec->key_count] = spec->key_count + spec->agg_count;
    key[spec->key_count + 1] = spec->key_count + spec->agg_count + 1;
    return LT_OK;
}

static lt_status infer_union(lt_planner *p, lt_plan_node *node)
{
    node->determinism = LT_FINAL;
    for (uint32_t i = 0; i < node->input_count; i++) {
        node->kinds |= input_of(p, node, i)->kinds;
        node->determinism = worse(node->determinism, input_of(p, node, i)->determinism);
    }
    return LT_OK;
}

/* Do a side's changes of one key stay with one partner? Not when an update may change by what the
 * row is joined. */
static bool keeps_key(const lt_plan_node *in, const uint32_t *join_keys, uint32_t count)
{
    for (uint32_t k = 0; updates(in) && k < count; k++) {
        bool found = false;
        for (uint32_t i = 0; i < in->key_count; i++) {
            found = found || in->key[i] == join_keys[k];
        }
        if (!found) {
            return false;
        }
    }
    return in->key != NULL;
}

/* Where a column of an input stands in the output, itself or as the equal key of the other side
 * where that is never missing; UINT32_MAX = nowhere. */
static uint32_t joined_at(const lt_join_spec *spec, const lt_schema *out, bool is_left,
                          uint32_t col)
{
    const uint32_t *own = is_left ? spec->left_keys : spec->right_keys;
    const uint32_t *other = is_left ? spec->right_keys : spec->left_keys;
    bool missing = spec->type == LT_JOIN_TYPE_FULL ||
                   spec->type == (is_left ? LT_JOIN_TYPE_LEFT : LT_JOIN_TYPE_RIGHT);
    for (uint32_t i = 0; i < out->count; i++) {
        uint32_t at = spec->out[i];
        bool from_left = at < spec->left_count;
        uint32_t from = from_left ? spec->left_cols[at] : spec->right_cols[at - spec->left_count];
        if (from_left == is_left && from == col) {
            return i;
        }
        for (uint32_t k = 0; from_left != is_left && !missing && k < spec->key_count; k++) {
            if (own[k] == col && other[k] == from) {
                return i;
            }
        }
    }
    return UINT32_MAX;
}

/* Adds the output columns of a side's upsert key; false when a part of it does not come out. */
static bool map_key(const lt_join_spec *spec, const lt_schema *out, const lt_plan_node *in,
                    bool is_left, uint32_t *key, uint32_t *count)
{
    for (uint32_t k = 0; k < in->key_count; k++) {
        uint32_t at = joined_at(spec, out, is_left, in->key[k]);
        bool known = false;
        for (uint32_t i = 0; i < *count; i++) {
            known = known || key[i] == at;
        }
        if (at == UINT32_MAX) {
            return false;
        }
        if (!known) {
            key[(*count)++] = at;
        }
    }
    return true;
}

/* Is a side's row known by the join's keys alone, or among the rows of equal keys by its own? Then
 * a row takes the place of an earlier one, as Flink has it: for changelogs without -U, and for
 * sources that break their primary key. Rows that are only inserted are trusted to be different. */
static lt_status state_form(lt_planner *p, const lt_plan_node *in, const uint32_t *join_keys,
                            uint32_t count, lt_join_rows *rows, lt_error *err)
{
    uint32_t *ids = LT_NEW_ARRAY(p->arena, uint32_t, in->key_count + 1);
    uint32_t id_count = 0;
    if (ids == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    for (uint32_t i = 0; i < in->key_count; i++) {
        bool joined = false;
        for (uint32_t k = 0; k < count; k++) {
            joined = joined || join_keys[k] == in->key[i];
        }
        if (!joined) {
            ids[id_count++] = in->key[i];
        }
    }
    rows->form = LT_LISTS_BAG;
    if (in->key != NULL && id_count == 0) {
        rows->form = LT_LISTS_SINGLE;
    } else if (in->key != NULL && updates(in)) {
        rows->form = LT_LISTS_KEYED;
        rows->ids = ids;
        rows->id_count = id_count;
    }
    return LT_OK;
}

static uint8_t join_kinds(lt_join_type type, uint8_t left, uint8_t right)
{
    uint8_t both = left | right;
    uint8_t padded = (1u << LT_INSERT) | (1u << LT_DELETE);
    uint8_t before = 1u << LT_UPDATE_BEFORE;
    switch (type) {
    case LT_JOIN_TYPE_INNER:
    case LT_JOIN_TYPE_SEMI:
        break;
    case LT_JOIN_TYPE_LEFT:
        return padded | (uint8_t)(right & before);
    case LT_JOIN_TYPE_RIGHT:
        return padded | (uint8_t)(left & before);
    case LT_JOIN_TYPE_FULL:
        return padded;
    case LT_JOIN_TYPE_ANTI:
        return padded | left;
    }
    return both;
}

/* A pair of rows is known by both sides' keys together; by one side's alone when the other has one
 * partner for it at most. */
static lt_status join_key(lt_planner *p, lt_plan_node *node, lt_error *err)
{
    const lt_join_spec *spec = node->u.op.spec;
    const lt_plan_node *left = input_of(p, node, 0);
    const lt_plan_node *right = input_of(p, node, 1);
    uint32_t *key = LT_NEW_ARRAY(p->arena, uint32_t, left->key_count + right->key_count + 1);
    uint32_t count = 0;
    if (key == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    bool of_left = left->key != NULL && keeps_key(left, spec->left_keys, spec->key_count);
    bool of_right = right->key != NULL && keeps_key(right, spec->right_keys, spec->key_count);
    bool exists = spec->type == LT_JOIN_TYPE_SEMI || spec->type == LT_JOIN_TYPE_ANTI;
    bool left_alone = spec->type == LT_JOIN_TYPE_INNER || spec->type == LT_JOIN_TYPE_LEFT;
    bool right_alone = spec->type == LT_JOIN_TYPE_INNER || spec->type == LT_JOIN_TYPE_RIGHT;
    bool done = false;
    if (exists) {
        done = of_left && map_key(spec, node->schema, left, true, key, &count);
    } else if (of_left && of_right && left_alone && spec->rows[1].form == LT_LISTS_SINGLE) {
        done = map_key(spec, node->schema, left, true, key, &count);
    } else if (of_left && of_right && right_alone && spec->rows[0].form == LT_LISTS_SINGLE) {
        done = map_key(spec, node->schema, right, false, key, &count);
    }
    if (!done && !exists && of_left && of_right) {
        count = 0;
        done = map_key(spec, node->schema, left, true, key, &count) &&
               map_key(spec, node->schema, right, false, key, &count);
    }
    node->key = done ? key : NULL;
    node->key_count = done ? count : 0;
    return LT_OK;
}

static lt_status infer_join(lt_planner *p, lt_plan_node *node, lt_error *err)
{
    lt_join_spec *spec = (lt_join_spec *)node->u.op.spec;
    const lt_plan_node *left = input_of(p, node, 0);
    const lt_plan_node *right = input_of(p, node, 1);
    LT_TRY(state_form(p, left, spec->left_keys, spec->key_count, &spec->rows[0], err));
    LT_TRY(state_form(p, right, spec->right_keys, spec->key_count, &spec->rows[1], err));
    node->kinds = join_kinds(spec->type, left->kinds, right->kinds);
    node->determinism = worse(LT_FINAL, worse(left->determinism, right->determinism));
    if (spec->lookup) { /* by the time of the look-up, unless there is only one */
        node->kinds = left->kinds;
        node->determinism =
            !spec->loads ? LT_ORDER_DEPENDENT : worse(left->determinism, right->determinism);
    }
    spec->updates = updates(node);
    if (!exprs_deterministic(&spec->condition, 1)) {
        node->determinism = LT_ORDER_DEPENDENT;
    }
    /* With a condition an update may take a pair away without a word but its -U. */
    bool steady = spec->condition == NULL || (!updates(left) && (spec->lookup || !updates(right)));
    return steady ? join_key(p, node, err) : LT_OK;
}

typedef struct {
    const lt_plan_node *in;
    bool found;
} other_column;

static void see_column(void *arg, uint32_t column)
{
    other_column *other = arg;
    bool in_key = false;
    for (uint32_t k = 0; k < other->in->key_count; k++) {
        in_key = in_key || other->in->key[k] == column;
    }
    other->found = other->found || !in_key;
}

/* Does a filter that looks at more than the key decide which changes flow? It lets a version go
 * without a word: its -U passes, its +U does not, and none of them says from when on. */
static bool filters_versions(const lt_planner *p, const lt_plan_node *node)
{
    if (node->kind != LT_PLAN_OPERATOR || !updates(node)) {
        return false;
    }
    const lt_plan_node *in = input_of(p, node, 0);
    if (node->u.op.cls == &lt_op_calc) {
        const lt_calc_spec *spec = node->u.op.spec;
        other_column other = {.in = in};
        if (spec->condition != NULL) {
            lt_expr_columns(spec->condition, see_column, &other);
        }
        if (other.found) {
            return true;
        }
    }
    if (node->u.op.cls == &lt_op_normalize) {
        return ((const lt_normalize_spec *)node->u.op.spec)->condition != NULL;
    }
    bool passes = node->u.op.cls == &lt_op_calc || node->u.op.cls == &lt_op_watermark ||
                  node->u.op.cls == &lt_op_union;
    for (uint32_t i = 0; passes && i < node->input_count; i++) {
        if (filters_versions(p, input_of(p, node, i))) {
            return true;
        }
    }
    return false;
}

static lt_status infer_temporal_join(lt_planner *p, lt_plan_node *node, lt_error *err)
{
    lt_temporal_join_spec *spec = (lt_temporal_join_spec *)node->u.op.spec;
    lt_join_spec *join = &spec->join;
    const lt_plan_node *left = input_of(p, node, 0);
    const lt_plan_node *right = input_of(p, node, 1);
    if (filters_versions(p, right)) {
        lt_error_set(err, LT_ERR_SQL,
                     "Filter is not allowed for right changelog input of event time temporal join, "
                     "it will corrupt the versioning of data. Please consider removing the filter "
                     "before joining.");
        lt_error_hint(err, "a condition on the version belongs into ON or WHERE of the join");
        return LT_ERR_SQL;
    }
    node->kinds = left->kinds;
    join->updates = updates(node);
    node->determinism = worse(LT_FINAL_NO_LATE, worse(left->determinism, right->determinism));
    if (!exprs_deterministic(&join->condition, 1)) {
        node->determinism = LT_ORDER_DEPENDENT;
    }
    uint32_t *key = LT_NEW_ARRAY(p->arena, uint32_t, left->key_count + 1);
    uint32_t count = 0;
    if (key == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    /* The row and its update may meet different versions, of which one does not pass. */
    bool steady = !updates(left) || join->type == LT_JOIN_TYPE_LEFT;
    if (steady && keeps_key(left, join->left_keys, join->key_count) &&
        map_key(join, node->schema, left, true, key, &count)) {
        node->key = key;
        node->key_count = count;
    }
    return LT_OK;
}

/* A key of the input is one together with the set's number, which is the last column. */
static lt_status expand_key(lt_planner *p, lt_plan_node *node, lt_error *err)
{
    const lt_plan_node *in = input_of(p, node, 0);
    const lt_expand_spec *spec = node->u.op.spec;
    uint32_t *key = LT_NEW_ARRAY(p->arena, uint32_t, in->key_count + 1);
    uint32_t found = 0;
    if (key == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    for (uint32_t k = 0; k < in->key_count; k++) {
        for (uint32_t i = 0; i < spec->col_count; i++) {
            if (spec->cols[i] == in->key[k]) {
                key[found++] = i;
                break;
            }
        }
    }
    if (in->key != NULL && found == in->key_count) {
        key[found++] = node->schema->count - 1;
        node->key = key;
        node->key_count = found;
    }
    return LT_OK;
}

static void infer_normalize(lt_plan_node *node)
{
    const lt_normalize_spec *spec = node->u.op.spec;
    node->kinds |= (uint8_t)((1u << LT_UPDATE_BEFORE) | (1u << LT_UPDATE_AFTER) |
                             (spec->condition != NULL ? 1u << LT_DELETE : 0u));
    node->key = spec->keys;
    node->key_count = spec->key_count;
}

/* Joins whose rows come out once and for all. */
static lt_status infer_append_join(lt_planner *p, lt_plan_node *node, lt_error *err)
{
    const lt_join_spec *spec = node->u.op.spec;
    const lt_plan_node *left = input_of(p, node, 0);
    const lt_plan_node *right = input_of(p, node, 1);
    bool interval = node->u.op.cls == &lt_op_interval_join;
    if (updates(left) || updates(right)) {
        lt_str from = updates(left) ? left->label : right->label;
        return lt_error_set(err, LT_ERR_UNSUPPORTED,
                            "%s does not take update and delete changes, which come from "
                            "'" LT_STR_FMT "'",
                            interval ? "an interval join" : "a window join", LT_STR_ARG(from));
    }
    node->kinds = LT_KINDS_INSERT;
    node->determinism = worse(LT_FINAL_NO_LATE, worse(left->determinism, right->determinism));
    if (!exprs_deterministic(&spec->condition, 1) ||
        (interval && ((const lt_interval_join_spec *)node->u.op.spec)->interval.proctime)) {
        node->determinism = LT_ORDER_DEPENDENT;
    }
    return join_key(p, node, err);
}

static lt_status infer_operator(lt_planner *p, lt_plan_node *node, lt_error *err)
{
    const lt_op_class *cls = node->u.op.cls;
    const lt_plan_node *in = input_of(p, node, 0);
    if (cls == &lt_op_group_agg) {
        return infer_group_agg(p, node, err);
    }
    if (cls == &lt_op_window_agg || cls == &lt_op_session_agg) {
        return infer_window_agg(p, node, err);
    }
    if (cls == &lt_op_union) {
        return infer_union(p, node);
    }
    if (cls == &lt_op_join) {
        return infer_join(p, node, err);
    }
    if (cls == &lt_op_temporal_join) {
        return infer_temporal_join(p, node, err);
    }
    if (cls == &lt_op_interval_join || cls == &lt_op_window_join) {
        return infer_append_join(p, node, err);
    }
    node->kinds = in->kinds;
    node->determinism = in->determinism;
    if (cls == &lt_op_calc) {
        const lt_calc_spec *spec = node->u.op.spec;
        if (!exprs_deterministic(spec->exprs, spec->expr_count) ||
            !exprs_deterministic(&spec->condition, 1)) {
            node->determinism = LT_ORDER_DEPENDENT;
        }
        return calc_key(p, node, err);
    }
    if (cls == &lt_op_expand) {
        return expand_key(p, node, err);
    }
    if (cls == &lt_op_limit) {
        return lt_plan_infer_limit(p, node, err);
    }
    if (cls == &lt_op_unnest) {
        return LT_OK; /* a row's key comes once per element */
    }
    if (cls == &lt_op_window_topn) {
        node->determinism = in->determinism == LT_EXACT ? LT_EXACT : LT_ORDER_DEPENDENT;
        return updates(in) ? refuse_updates(p, node, "a window Top-N", err) : LT_OK;
    }
    if (cls == &lt_op_topn) {
        return lt_plan_infer_rank(p, node, err);
    }
    if (cls == &lt_op_normalize) {
        infer_normalize(node);
        return LT_OK;
    }
    if (cls == &lt_op_over) {
        return lt_plan_infer_over(p, node, err);
    }
    if (cls == &lt_op_time_sort && updates(in)) {
        return refuse_updates(p, node, "ORDER BY a time attribute", err);
    }
    if (cls == &lt_op_window_expand) {
        const lt_window_expand_spec *spec = node->u.op.spec;
        if (spec->window.kind == LT_WINDOW_SESSION && updates(in)) {
            return refuse_updates(p, node, "SESSION without GROUP BY", err);
        }
        if (spec->window.kind == LT_WINDOW_HOP || spec->window.kind == LT_WINDOW_CUMULATE) {
            return LT_OK; /* a row's key comes once per window */
        }
    }
    node->key = in->key;
    node->key_count = in->key_count;
    return LT_OK;
}

static lt_status infer_sink(lt_planner *p, lt_plan_node *node, lt_error *err)
{
    const lt_plan_node *in = input_of(p, node, 0);
    node->kinds = in->kinds;
    node->determinism = in->determinism;
    node->key = in->key;
    node->key_count = in->key_count;
    const lt_table_def *table = node->u.table.table;
    if (table == NULL) {
        return LT_OK;
    }
    uint8_t taken = lt_plan_sink_kinds(node);
    if ((taken & (1u << LT_UPDATE_AFTER)) != 0) {
        taken |= 1u << LT_UPDATE_BEFORE; /* before.c sees to it */
    }
    if ((in->kinds & ~taken) != 0) {
        const lt_plan_node *origin = origin_of(p, in, in->kinds & (uint8_t)~taken);
        lt_error_set(err, LT_ERR_SQL,
                     "table sink '" LT_STR_FMT
                     "' (connector '%s') does not take %s changes, which '" LT_STR_FMT
                     "' in the query produces",
                     LT_STR_ARG(table->name), table->connector->name,
                     (in->kinds & (1u << LT_DELETE)) != 0 ? "update and delete" : "update",
                     LT_STR_ARG(origin->label));
        lt_error_hint(err, "aggregate in windows (their results are final), or write to a sink "
                           "that takes updates, such as print");
        return LT_ERR_SQL;
    }
    return LT_OK;
}

/* A table's primary key, when all of it is read. */
static lt_status source_key(lt_planner *p, lt_plan_node *node, lt_error *err)
{
    const lt_table_def *table = node->u.table.table;
    uint32_t *key = LT_NEW_ARRAY(p->arena, uint32_t, table->primary_key_count + 1);
    uint32_t count = 0;
    if (key == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    for (uint32_t k = 0; k < table->primary_key_count; k++) {
        for (uint32_t i = 0; i < node->schema->count; i++) {
            if (node->u.table.columns[i] == table->primary_key[k]) {
                key[count++] = i;
                break;
            }
        }
    }
    if (count > 0 && count == table->primary_key_count) {
        node->key = key;
        node->key_count = count;
    }
    return LT_OK;
}

static bool consumer_is_net_safe(const lt_planner *p, const lt_plan_node *consumer)
{
    if (consumer->kind == LT_PLAN_SINK) {
        const lt_table_def *table = consumer->u.table.table;
        return table == NULL ? p->options->final_rows && p->plan->bounded
                             : strcmp(table->connector->name, "blackhole") == 0;
    }
    /* A calc only forwards what it gets; a group aggregate and a join come to the same result. A
     * window aggregate would judge late rows differently. */
    return consumer->kind == LT_PLAN_OPERATOR && consumer->net_ok &&
           (consumer->u.op.cls == &lt_op_calc || consumer->u.op.cls == &lt_op_group_agg ||
            consumer->u.op.cls == &lt_op_join || consumer->u.op.cls == &lt_op_expand);
}

static void infer_net(lt_planner *p)
{
    lt_plan *plan = p->plan;
    for (uint32_t id = plan->node_count; id-- > 0;) {
        lt_plan_node *node = plan->nodes[id];
        bool has_consumer = false;
        node->net_ok = true;
        for (uint32_t other = id + 1; other < plan->node_count; other++) {
            for (uint32_t i = 0; i < plan->nodes[other]->input_count; i++) {
                if (plan->nodes[other]->inputs[i] == id) {
                    has_consumer = true;
                    node->net_ok = node->net_ok && consumer_is_net_safe(p, plan->nodes[other]);
                }
            }
        }
        node->net_ok = node->net_ok && has_consumer;
        if (node->kind == LT_PLAN_OPERATOR && node->u.op.cls == &lt_op_group_agg) {
            ((lt_group_agg_spec *)node->u.op.spec)->net_ok = node->net_ok;
        }
    }
}

lt_status lt_plan_changelog(lt_planner *p, lt_error *err)
{
    for (uint32_t id = 0; id < p->plan->node_count; id++) {
        lt_plan_node *node = p->plan->nodes[id];
        switch (node->kind) {
        case LT_PLAN_SOURCE:
            node->kinds = lt_plan_source_kinds(node->u.table.table, &node->u.table.options);
            LT_TRY(source_key(p, node, err));
            break;
        case LT_PLAN_VALUES:
            node->kinds = LT_KINDS_INSERT;
            break;
        case LT_PLAN_OPERATOR:
            LT_TRY(infer_operator(p, node, err));
            break;
        case LT_PLAN_SINK:
            LT_TRY(infer_sink(p, node, err));
            break;
        }
    }
    LT_TRY(lt_plan_before(p, err));
    LT_TRY(lt_plan_repeatable(p, err));
    infer_net(p);
    return LT_OK;
}
