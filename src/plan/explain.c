/* EXPLAIN: the plan as an indented tree from each sink down, with what flows on every edge. A node
 * that several consumers read is printed once and referred to afterwards. */
#include <string.h>

#include "plan/plan.h"

const char *lt_determinism_name(lt_determinism d)
{
    static const char *const names[] = {"exact", "final", "final if nothing is late",
                                        "order-dependent"};
    return names[d];
}

static void print_kinds(const lt_plan_node *node, lt_text *to)
{
    static const char *const names[] = {"I", "UB", "UA", "D"};
    const char *sep = "";
    for (unsigned k = 0; k < 4; k++) {
        if ((node->kinds & (1u << k)) != 0) {
            lt_text_printf(to, "%s%s", sep, names[k]);
            sep = ",";
        }
    }
}

static void print_columns(const lt_schema *schema, const uint32_t *cols, uint32_t count,
                          lt_text *to)
{
    for (uint32_t i = 0; i < count; i++) {
        lt_text_printf(to, "%s" LT_STR_FMT, i > 0 ? ", " : "",
                       LT_STR_ARG(schema->fields[cols[i]].name));
    }
}

static void print_schema(const lt_schema *schema, lt_text *to)
{
    for (uint32_t i = 0; i < schema->count; i++) {
        lt_text_printf(to, "%s" LT_STR_FMT, i > 0 ? ", " : "", LT_STR_ARG(schema->fields[i].name));
    }
}

static void print_ms(int64_t ms, lt_text *to)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
    for (size_t i = 0; i < LT_COUNT_OF(units); i++) {
        if (ms % units[i].ms == 0 || units[i].ms == 1) {
            lt_text_printf(to, "%lld %s", (long long)(ms / units[i].ms), units[i].unit);
            return;
        }
    }
}

static void print_window(const lt_window *window, const lt_schema *in, lt_text *to)
{
    if (window->attached) {
        lt_text_printf(to, "window=[" LT_STR_FMT ", " LT_STR_FMT "]",
                       LT_STR_ARG(in->fields[window->start_col].name),
                       LT_STR_ARG(in->fields[window->end_col].name));
        return;
    }
    lt_text_printf(to, "window=%s(" LT_STR_FMT, lt_window_kind_name(window->kind),
                   LT_STR_ARG(in->fields[window->time_col].name));
    if (window->kind == LT_WINDOW_HOP || window->kind == LT_WINDOW_CUMULATE) {
        lt_text_puts(to, window->kind == LT_WINDOW_HOP ? ", slide " : ", step ");
        print_ms(window->step_ms, to);
    }
    lt_text_puts(to, window->kind == LT_WINDOW_SESSION ? ", gap " : ", size ");
    print_ms(window->size_ms, to);
    if (window->offset_ms != 0) {
        lt_text_puts(to, ", offset ");
        print_ms(window->offset_ms, to);
    }
    lt_text_puts(to, ")");
}

static void print_aggs(const lt_schema *in, lt_agg *const *aggs, uint32_t count, lt_text *to)
{
    lt_text_puts(to, "aggregates=[");
    for (uint32_t i = 0; i < count; i++) {
        lt_text_puts(to, i > 0 ? ", " : "");
        lt_agg_print(aggs[i], in, to);
    }
    lt_text_puts(to, "]");
}

static void print_calc(const lt_plan_node *node, const lt_schema *in, lt_text *to)
{
    const lt_calc_spec *spec = node->u.op.spec;
    lt_text_puts(to, "select=[");
    for (uint32_t i = 0; i < spec->expr_count; i++) {
        lt_text_puts(to, i > 0 ? ", " : "");
        size_t start = to->len;
        lt_expr_print(spec->exprs[i], in, to);
        lt_str printed = {to->ptr + start, to->len - start};
        if (!to->failed && !lt_str_eq(printed, node->schema->fields[i].name)) {
            lt_text_printf(to, " AS " LT_STR_FMT, LT_STR_ARG(node->schema->fields[i].name));
        }
    }
    lt_text_puts(to, "]");
    if (spec->condition != NULL) {
        lt_text_puts(to, ", where=[");
        lt_expr_print(spec->condition, in, to);
        lt_text_puts(to, "]");
    }
}

static void print_order(const lt_schema *in, const lt_sort_key *order, uint32_t count, lt_text *to)
{
    lt_text_puts(to, "order=[");
    for (uint32_t i = 0; i < count; i++) {
        lt_text_printf(to, "%s" LT_STR_FMT " %s", i > 0 ? ", " : "",
                       LT_STR_ARG(in->fields[order[i].col].name),
                       order[i].descending ? "DESC" : "ASC");
    }
    lt_text_puts(to, "]");
}

static void print_partition(const lt_schema *in, const uint32_t *cols, uint32_t count, lt_text *to)
{
    lt_text_puts(to, "partition=[");
    print_columns(in, cols, count, to);
    lt_text_puts(to, "], ");
}

static void print_topn(const lt_window_topn_spec *spec, const lt_schema *in, lt_text *to)
{
    print_partition(in, spec->partition, spec->partition_count, to);
    print_order(in, spec->order, spec->order_count, to);
    lt_text_printf(to, ", rank=[%lld..%lld]", (long long)spec->rank_min, (long long)spec->rank_max);
}

/* Ends what is said about the rows that are kept: for what. */
static void print_kept(const char *rows, const lt_schema *in, const uint32_t *cols, uint32_t count,
                       lt_text *to)
{
    lt_text_printf(to, "%s", rows);
    if (count > 0) {
        lt_text_puts(to, " per ");
        print_columns(in, cols, count, to);
    }
    lt_text_puts(to, "]");
}

static void print_rank(const lt_topn_spec *spec, const lt_schema *in, lt_text *to)
{
    static const char *const strategies[] = {"append", "update", "retract"};
    lt_text_printf(to, "strategy=%s, ", strategies[spec->strategy]);
    print_partition(in, spec->partition, spec->partition_count, to);
    print_order(in, spec->order, spec->order_count, to);
    if (spec->variable) {
        lt_text_printf(to, ", rank=[%lld.." LT_STR_FMT "%s]", (long long)spec->rank_min,
                       LT_STR_ARG(in->fields[spec->end_col].name), spec->end_less ? " - 1" : "");
    } else {
        lt_text_printf(to, ", rank=[%lld..%lld]", (long long)spec->rank_min,
                       (long long)spec->rank_max);
    }
    const char *rows = "all rows";
    lt_text_puts(to, ", state=[");
    if (spec->strategy != LT_TOPN_RETRACT && !spec->variable) {
        lt_text_printf(to, "at most %lld", (long long)LT_MAX(spec->rank_max, 0));
        rows = " rows";
    } else if (spec->strategy != LT_TOPN_RETRACT) {
        rows = "as many rows as the first one says";
    }
    print_kept(rows, in, spec->partition, spec->partition_count, to);
}

/* Operators that keep one row, or a number, per partition; a sort. */
static void print_ranked(const lt_plan_node *node, const lt_schema *in, lt_text *to)
{
    const lt_op_class *cls = node->u.op.cls;
    if (cls == &lt_op_topn) {
        print_rank(node->u.op.spec, in, to);
    } else if (cls == &lt_op_keep) {
        static const char *const modes[] = {"best", "last in event time", "last that came"};
        const lt_keep_spec *spec = node->u.op.spec;
        lt_text_printf(to, "keep=%s, ", modes[spec->mode]);
        print_partition(in, spec->partition, spec->partition_count, to);
        print_order(in, spec->order, spec->order_count, to);
        print_kept(", state=[one row", in, spec->partition, spec->partition_count, to);
    } else if (cls == &lt_op_first_rows) {
        const lt_first_rows_spec *spec = node->u.op.spec;
        lt_text_puts(to, "keep=first that came, ");
        print_partition(in, spec->partition, spec->partition_count, to);
        lt_text_printf(to, "rank=[%lld..%lld]", (long long)spec->rank_min,
                       (long long)spec->rank_max);
        print_kept(", state=[a number", in, spec->partition, spec->partition_count, to);
    } else if (cls == &lt_op_first_event) {
        const lt_first_event_spec *spec = node->u.op.spec;
        lt_text_puts(to, "keep=first in event time, ");
        print_partition(in, spec->partition, spec->partition_count, to);
        lt_text_printf(to, "order=[" LT_STR_FMT " ASC]",
                       LT_STR_ARG(in->fields[spec->time_col].name));
        print_kept(", state=[one row", in, spec->partition, spec->partition_count, to);
    } else if (cls == &lt_op_time_sort) {
        const lt_time_sort_spec *spec = node->u.op.spec;
        print_order(in, spec->order, spec->order_count, to);
        lt_text_puts(to, spec->proctime ? ", state=[rows of one millisecond]"
                                        : ", state=[rows the watermark has not reached]");
    }
}

static void print_over(const lt_plan_node *node, const lt_schema *in, lt_text *to)
{
    const lt_over_spec *spec = node->u.op.spec;
    const lt_frame *frame = &spec->frame;
    print_partition(in, spec->partition, spec->partition_count, to);
    print_order(in, &spec->order, 1, to);
    lt_text_printf(to, ", frame=[%s ", frame->rows ? "ROWS" : "RANGE");
    if (frame->bounded) {
        lt_text_printf(to, "%lld%s", (long long)frame->preceding, frame->rows ? "" : " ms");
    } else {
        lt_text_puts(to, "UNBOUNDED");
    }
    lt_text_puts(to, " PRECEDING .. CURRENT ROW], ");
    print_aggs(in, spec->aggs, spec->agg_count, to);
    if (node->u.op.cls == &lt_op_over_sorted) {
        print_kept(", state=[all rows", in, spec->partition, spec->partition_count, to);
        return;
    }
    lt_text_puts(to, ", state=[");
    if (!spec->proctime) {
        lt_text_puts(to, "rows the watermark has not reached, ");
    }
    if (frame->bounded) {
        lt_text_puts(to, "the rows of the frame, ");
    }
    print_kept("one record", in, spec->partition, spec->partition_count, to);
}

/* What a side's state grows with. */
static void print_side(const lt_schema *in, const lt_join_rows *rows, const char *side, lt_text *to)
{
    lt_text_printf(to, ", %s=[", side);
    switch (rows->form) {
    case LT_LISTS_BAG:
        lt_text_puts(to, "grows with its rows");
        break;
    case LT_LISTS_KEYED:
        lt_text_puts(to, "grows with its keys and ");
        print_columns(in, rows->ids, rows->id_count, to);
        break;
    case LT_LISTS_SINGLE:
        lt_text_puts(to, "grows with its keys");
        break;
    }
    if (rows->ttl_ms > 0) {
        lt_text_printf(to, ", idle keys go after %lld ms", (long long)rows->ttl_ms);
    }
    lt_text_puts(to, "]");
}

/* "left.ts + 3000 ms", or the time of arrival. */
static void print_shifted(const char *side, lt_str column, int64_t ms, lt_text *to)
{
    lt_text_printf(to, "%s." LT_STR_FMT, side, LT_STR_ARG(column));
    if (ms != 0) {
        lt_text_printf(to, " %s %lld ms", ms < 0 ? "-" : "+", (long long)(ms < 0 ? -ms : ms));
    }
}

/* Bounds, and what each side keeps by them. */
static void print_interval(const lt_interval_join_spec *spec, const lt_schema *left,
                           const lt_schema *right, lt_text *to)
{
    const lt_join_interval *interval = &spec->interval;
    bool proctime = interval->proctime;
    const char *clock = proctime ? "processing time" : "event time";
    lt_str left_time = proctime ? LT_STR("arrival") : left->fields[interval->left_time].name;
    lt_str right_time = proctime ? LT_STR("arrival") : right->fields[interval->right_time].name;
    lt_text_puts(to, ", interval=[");
    print_shifted("left", left_time, 0, to);
    lt_text_puts(to, " BETWEEN ");
    print_shifted("right", right_time, interval->lower_ms, to);
    lt_text_puts(to, " AND ");
    print_shifted("right", right_time, interval->upper_ms, to);
    lt_text_puts(to, "]");
    if (interval->lower_ms > interval->upper_ms) {
        lt_text_puts(to, ", the bounds leave nothing");
        return;
    }
    const int64_t reach[2] = {-interval->lower_ms, interval->upper_ms};
    for (int side = 0; side < 2; side++) {
        lt_text_printf(to, ", %s=[bounded by %lld ms of %s]", side == 0 ? "left" : "right",
                       (long long)LT_MAX(reach[side] + spec->cleanup_ms, (int64_t)0), clock);
    }
    if (!proctime && LT_MAX(reach[0], reach[1]) > 0) {
        lt_text_printf(to, ", watermark=[held back by %lld ms]",
                       (long long)LT_MAX(reach[0], reach[1]));
    }
}

static void print_join_on(const lt_plan *plan, const lt_plan_node *node, const lt_join_spec *spec,
                          lt_text *to)
{
    const lt_schema *left = plan->nodes[node->inputs[0]]->schema;
    const lt_schema *right = plan->nodes[node->inputs[1]]->schema;
    static const char *const types[] = {
        [LT_JOIN_TYPE_INNER] = "inner", [LT_JOIN_TYPE_LEFT] = "left",
        [LT_JOIN_TYPE_RIGHT] = "right", [LT_JOIN_TYPE_FULL] = "full",
        [LT_JOIN_TYPE_SEMI] = "semi",   [LT_JOIN_TYPE_ANTI] = "anti"};
    lt_text_printf(to, "type=%s, on=[", types[spec->type]);
    for (uint32_t k = 0; k < spec->key_count; k++) {
        lt_text_printf(to, "%s" LT_STR_FMT " %s " LT_STR_FMT, k > 0 ? ", " : "",
                       LT_STR_ARG(left->fields[spec->left_keys[k]].name),
                       spec->null_safe[k] ? "IS NOT DISTINCT FROM" : "=",
                       LT_STR_ARG(right->fields[spec->right_keys[k]].name));
    }
    lt_text_puts(to, spec->key_count > 0 ? "]" : "], every row with every row");
    if (spec->condition != NULL) {
        lt_text_puts(to, ", where=[");
        lt_expr_print(spec->condition, spec->pair, to);
        lt_text_puts(to, "]");
    }
}

static void print_join(const lt_plan *plan, const lt_plan_node *node, lt_text *to)
{
    const lt_join_spec *spec = node->u.op.spec;
    const lt_schema *left = plan->nodes[node->inputs[0]]->schema;
    const lt_schema *right = plan->nodes[node->inputs[1]]->schema;
    print_join_on(plan, node, spec, to);
    if (node->u.op.cls == &lt_op_window_join) {
        const lt_window_join_spec *window = node->u.op.spec;
        lt_text_printf(to,
                       ", window=[left." LT_STR_FMT " = right." LT_STR_FMT
                       "], state=[rows of open windows]",
                       LT_STR_ARG(left->fields[window->end_cols[0]].name),
                       LT_STR_ARG(right->fields[window->end_cols[1]].name));
        return;
    }
    if (node->u.op.cls == &lt_op_interval_join) {
        print_interval(node->u.op.spec, left, right, to);
        return;
    }
    if (spec->lookup) {
        lt_text_puts(to, spec->loads ? ", looked up=[all of the right side]"
                                     : ", looked up=[what was fed so far]");
        print_side(right, &spec->rows[1], "right", to);
        return;
    }
    print_side(left, &spec->rows[0], "left", to);
    print_side(right, &spec->rows[1], "right", to);
}

static void print_temporal_join(const lt_plan *plan, const lt_plan_node *node, lt_text *to)
{
    const lt_temporal_join_spec *spec = node->u.op.spec;
    const lt_schema *left = plan->nodes[node->inputs[0]]->schema;
    const lt_schema *right = plan->nodes[node->inputs[1]]->schema;
    int64_t ttl_ms = spec->join.rows[1].ttl_ms;
    print_join_on(plan, node, &spec->join, to);
    lt_text_printf(to,
                   ", as of=[" LT_STR_FMT "], versions by=[" LT_STR_FMT
                   "], left=[rows the watermark has not reached], right=[grows with its keys, and "
                   "versions the watermark has not reached",
                   LT_STR_ARG(left->fields[spec->left_time].name),
                   LT_STR_ARG(right->fields[spec->right_time].name));
    if (ttl_ms > 0) {
        lt_text_printf(to, ", idle keys go after %lld ms", (long long)ttl_ms);
    }
    lt_text_puts(to, "]");
}

static void print_expand(const lt_plan_node *node, const lt_schema *in, lt_text *to)
{
    const lt_expand_spec *spec = node->u.op.spec;
    lt_text_puts(to, "sets=[");
    for (uint32_t s = 0; s < spec->set_count; s++) {
        const char *sep = "";
        lt_text_puts(to, s > 0 ? ", (" : "(");
        for (uint32_t k = 0; k < spec->key_count; k++) {
            if ((spec->sets[s] >> k & 1) != 0) {
                lt_text_printf(to, "%s" LT_STR_FMT, sep,
                               LT_STR_ARG(in->fields[spec->keys[k]].name));
                sep = ", ";
            }
        }
        lt_text_puts(to, ")");
    }
    lt_text_printf(to, "], number=" LT_STR_FMT,
                   LT_STR_ARG(node->schema->fields[spec->col_count + spec->key_count].name));
}

/* The window and keys of an aggregate are columns of the rows, in either phase. */
static void print_agg(const lt_local_agg_spec *spec, const lt_schema *in, lt_text *to)
{
    uint32_t key_count = spec->key_count;
    if (spec->windowed) {
        print_window(&spec->window, in, to);
        lt_text_puts(to, ", ");
        key_count -= spec->window.attached && spec->window.kind == LT_WINDOW_SESSION ? 1U : 0U;
    }
    lt_text_puts(to, "keys=[");
    print_columns(in, spec->keys, key_count, to);
    lt_text_puts(to, "], ");
    print_aggs(in, spec->aggs, spec->agg_count, to);
}

/* The local aggregate whose partial rows a node merges; NULL = none. */
static const lt_local_agg_spec *partials_of(const lt_plan_node *node)
{
    if (node->kind != LT_PLAN_OPERATOR) {
        return NULL;
    }
    if (node->u.op.cls == &lt_op_window_agg) {
        return ((const lt_window_agg_spec *)node->u.op.spec)->partials;
    }
    return node->u.op.cls == &lt_op_group_agg
               ? ((const lt_group_agg_spec *)node->u.op.spec)->partials
               : NULL;
}

static void print_normalize(const lt_normalize_spec *spec, const lt_schema *in, lt_text *to)
{
    lt_text_puts(to, "key=[");
    print_columns(in, spec->keys, spec->key_count, to);
    lt_text_puts(to, "]");
    if (spec->condition != NULL) {
        lt_text_puts(to, ", where=[");
        lt_expr_print(spec->condition, in, to);
        lt_text_puts(to, "]");
    }
}

static void print_operator(const lt_plan *plan, const lt_plan_node *node, lt_text *to)
{
    const lt_op_class *cls = node->u.op.cls;
    const lt_schema *in = plan->nodes[node->inputs[0]]->schema;
    if (partials_of(node) != NULL) {
        print_agg(partials_of(node), partials_of(node)->rows, to);
    } else if (cls == &lt_op_local_agg) {
        print_agg(node->u.op.spec, in, to);
    } else if (cls == &lt_op_calc) {
        print_calc(node, in, to);
    } else if (cls == &lt_op_watermark) {
        const lt_watermark_spec *spec = node->u.op.spec;
        lt_text_printf(to, "rowtime=[" LT_STR_FMT "], watermark=[",
                       LT_STR_ARG(in->fields[spec->time_col].name));
        if (spec->watermark != NULL) {
            lt_expr_print(spec->watermark, in, to);
        } else {
            lt_text_puts(to, "SOURCE_WATERMARK()");
        }
        lt_text_puts(to, "]");
    } else if (cls == &lt_op_unnest) {
        const lt_unnest_spec *spec = node->u.op.spec;
        lt_text_printf(to, "collection=[" LT_STR_FMT "], type=%s",
                       LT_STR_ARG(in->fields[spec->column].name), spec->outer ? "left" : "inner");
    } else if (cls == &lt_op_window_expand) {
        print_window(&((const lt_window_expand_spec *)node->u.op.spec)->window, in, to);
    } else if (cls == &lt_op_window_agg || cls == &lt_op_session_agg) {
        const lt_window_agg_spec *spec = node->u.op.spec;
        print_window(&spec->window, in, to);
        lt_text_puts(to, ", keys=[");
        print_columns(in, spec->keys, spec->key_count, to);
        lt_text_puts(to, "], ");
        print_aggs(in, spec->aggs, spec->agg_count, to);
    } else if (cls == &lt_op_group_agg) {
        const lt_group_agg_spec *spec = node->u.op.spec;
        lt_text_puts(to, "keys=[");
        print_columns(in, spec->keys, spec->key_count, to);
        lt_text_puts(to, "], ");
        print_aggs(in, spec->aggs, spec->agg_count, to);
    } else if (cls == &lt_op_expand) {
        print_expand(node, in, to);
    } else if (cls == &lt_op_join || cls == &lt_op_interval_join || cls == &lt_op_window_join) {
        print_join(plan, node, to);
    } else if (cls == &lt_op_temporal_join) {
        print_temporal_join(plan, node, to);
    } else if (cls == &lt_op_limit) {
        const lt_limit_spec *spec = node->u.op.spec;
        lt_text_printf(to, "offset=%lld, fetch=%lld", (long long)spec->offset,
                       (long long)spec->count);
    } else if (cls == &lt_op_over || cls == &lt_op_over_sorted) {
        print_over(node, in, to);
    } else if (cls == &lt_op_window_topn) {
        print_topn(node->u.op.spec, in, to);
    } else if (cls == &lt_op_normalize) {
        print_normalize(node->u.op.spec, in, to);
    } else if (cls == &lt_op_materialize) {
        const lt_materialize_spec *spec = node->u.op.spec;
        lt_text_puts(to, "primaryKey=[");
        print_columns(in, spec->keys, spec->key_count, to);
        lt_text_puts(to, "], inputKey=[");
        print_columns(in, spec->ids, spec->id_count, to);
        lt_text_puts(to, "]");
    } else if (cls == &lt_op_drop_before) {
        return;
    } else if (cls == &lt_op_pace) {
        lt_text_printf(to, "speed=%g", ((const lt_pace_spec *)node->u.op.spec)->speed);
    } else {
        print_ranked(node, in, to);
    }
}

static const char *sink_guarantee(const lt_connector *connector)
{
    if (connector->sink->immediate) {
        return "immediate, may repeat after a restore";
    }
    switch (connector->sink->guarantee) {
    case LT_SINK_EXACTLY_ONCE:
        return connector->sink->commit != NULL ? "exactly-once with checkpoints" : "exactly-once";
    case LT_SINK_IDEMPOTENT:
        return "idempotent";
    case LT_SINK_AT_LEAST_ONCE:
        break;
    }
    return "at-least-once";
}

static const char *source_guarantee(const lt_connector *connector)
{
    switch (connector->source->guarantee) {
    case LT_SOURCE_REPLAYABLE:
        return "replayable";
    case LT_SOURCE_ACK:
        return "acknowledged";
    case LT_SOURCE_EPHEMERAL:
        break;
    }
    return "not replayable: rows in flight are lost with the process";
}

/* With several lanes: how many tasks, and how rows get to them. */
static void print_spread(const lt_plan *plan, const lt_plan_node *node, lt_text *to)
{
    if (plan->parallelism <= 1) {
        return;
    }
    lt_text_printf(to, ", tasks=%u", node->spread == LT_SPREAD_ONE ? 1 : plan->parallelism);
    for (uint32_t i = 0; i < node->input_count; i++) {
        const lt_exchange *exchange = &node->exchanges[i];
        const lt_plan_node *in = plan->nodes[node->inputs[i]];
        if (exchange->kind == LT_EXCHANGE_HASH) {
            lt_text_puts(to, ", exchange=hash[");
            print_columns(in->schema, exchange->keys, exchange->key_count, to);
            lt_text_puts(to, "]");
        } else if (exchange->kind == LT_EXCHANGE_GATHER && in->spread != LT_SPREAD_ONE) {
            lt_text_puts(to, ", exchange=gather");
        }
    }
}

static void print_node(const lt_plan *plan, uint32_t id, unsigned depth, bool *seen, lt_text *to)
{
    const lt_plan_node *node = plan->nodes[id];
    lt_text_printf(to, "%*s%s%s" LT_STR_FMT, (int)depth * 3, "", depth > 0 ? "+- " : "",
                   partials_of(node) != NULL ? "Global" : "", LT_STR_ARG(node->label));
    if (seen[id]) {
        lt_text_printf(to, " (shared, node %u)\n", id);
        return;
    }
    seen[id] = true;
    lt_text_puts(to, "(");
    switch (node->kind) {
    case LT_PLAN_OPERATOR:
        print_operator(plan, node, to);
        break;
    case LT_PLAN_SOURCE:
        lt_text_printf(to, "connector=[%s], columns=[", node->u.table.table->connector->name);
        print_schema(node->schema, to);
        lt_text_printf(to, "], %s, %s", node->u.table.bounded ? "bounded" : "unbounded",
                       source_guarantee(node->u.table.table->connector));
        break;
    case LT_PLAN_VALUES:
        lt_text_printf(to, "rows=%u", node->u.values.row_count);
        break;
    case LT_PLAN_SINK:
        if (node->u.table.table != NULL) {
            lt_text_printf(to, "connector=[%s], columns=[", node->u.table.table->connector->name);
            print_schema(node->schema, to);
            lt_text_printf(to, "], %s", sink_guarantee(node->u.table.table->connector));
        } else {
            lt_text_puts(to, "columns=[");
            print_schema(node->schema, to);
            lt_text_puts(to, "]");
        }
        break;
    }
    lt_text_puts(to, ") changelog=[");
    print_kinds(node, to);
    lt_text_printf(to, "], result=%s", lt_determinism_name(node->determinism));
    if (node->key != NULL && node->key_count > 0) {
        lt_text_puts(to, ", key=[");
        print_columns(node->schema, node->key, node->key_count, to);
        lt_text_puts(to, "]");
    }
    print_spread(plan, node, to);
    lt_text_puts(to, "\n");
    for (uint32_t i = 0; i < node->input_count; i++) {
        print_node(plan, node->inputs[i], depth + 1, seen, to);
    }
}

void lt_plan_explain(const lt_plan *plan, lt_text *to)
{
    bool *seen = lt_mem_zalloc(to->mem, plan->node_count * sizeof *seen);
    if (seen == NULL) {
        to->failed = true;
        return;
    }
    for (uint32_t i = 0; i < plan->sink_count; i++) {
        print_node(plan, plan->sinks[i], 0, seen, to);
    }
    lt_mem_free(to->mem, seen, plan->node_count * sizeof *seen);
}
