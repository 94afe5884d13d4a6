/* Signatures: what makes the state of a node usable by another plan of the same job.
 *
 * The signature of a node is its label and a hash over the normalised sub-plan below it: operator
 * classes, key types, aggregate functions and windows, down to the tables that are read. Literals,
 * filters, projections and options are left out: changing a threshold keeps the state. The user's
 * functions are in it where another body makes the state mean something else without a trace in the
 * statement: those that keys are computed with, and aggregates of libraries, whose records only
 * they can read. Equal
 * sub-plans are told apart by their ordinal. Whether key and record types still fit is checked
 * again when the state is loaded, by its own description. */
#include "base/hash.h"
#include "expr/native.h"
#include "op/local_agg.h"
#include "plan/logical.h"

/* ---- the user's functions ---- */

#define FUNCTIONS_MAX 64

/* A sum over the different functions, so that neither their order nor how often they occur counts:
 * both change with how calcs are merged. */
typedef struct {
    uint64_t seen[FUNCTIONS_MAX];
    uint32_t count;
    uint64_t sum;
} function_set;

static void note_function(void *arg, const char *name, uint64_t hash)
{
    function_set *set = arg;
    uint64_t id = lt_hash_bytes(name, strlen(name), hash);
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->seen[i] == id) {
            return;
        }
    }
    if (set->count < FUNCTIONS_MAX) {
        set->seen[set->count++] = id;
        set->sum += id;
    }
}

typedef struct {
    const lt_plan *plan;
    const lt_plan_node *node; /* whose output the columns are */
    function_set *set;
} trace;

/* Notes the functions that a column of a node is computed with, as far as nothing but calcs lies
 * between it and where it comes from. */
static void trace_column(void *arg, uint32_t column)
{
    const trace *t = arg;
    const lt_plan_node *node = t->node;
    if (node->kind != LT_PLAN_OPERATOR) {
        return;
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        trace below = {t->plan, t->plan->nodes[node->inputs[i]], t->set};
        if (node->u.op.cls == &lt_op_calc) {
            const lt_calc_spec *spec = node->u.op.spec;
            lt_expr_functions(spec->exprs[column], note_function, t->set);
            lt_expr_columns(spec->exprs[column], trace_column, &below);
        } else if (node->u.op.cls == &lt_op_local_agg) {
            const lt_local_agg_spec *spec = node->u.op.spec;
            if (column < spec->key_count) {
                trace_column(&below, spec->keys[column]);
            }
        } else if (node->u.op.cls == &lt_op_expand) {
            const lt_expand_spec *spec = node->u.op.spec;
            if (column < spec->col_count + spec->key_count) {
                trace_column(&below, column < spec->col_count
                                         ? spec->cols[column]
                                         : spec->keys[column - spec->col_count]);
            }
        } else if ((node->u.op.cls == &lt_op_watermark || node->u.op.cls == &lt_op_union ||
                    node->u.op.cls == &lt_op_window_expand) &&
                   column < below.node->schema->count) {
            trace_column(&below, column);
        }
    }
}

/* Nothing is written where there are none: signatures are as they were before there were any. */
static void add_functions(const lt_plan *plan, const lt_plan_node *in, const uint32_t *cols,
                          uint32_t count, lt_text *to)
{
    function_set set = {.count = 0};
    trace t = {plan, in, &set};
    for (uint32_t i = 0; i < count; i++) {
        trace_column(&t, cols[i]);
    }
    if (set.count > 0) {
        lt_text_printf(to, " by %016llx", (unsigned long long)set.sum);
    }
}

/* ---- parts ---- */

static void add_types(lt_text *to, const lt_schema *schema, const uint32_t *cols, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        lt_text_puts(to, i > 0 ? "," : "");
        lt_type_print(schema->fields[cols[i]].type, to);
    }
}

static void add_aggs(lt_text *to, lt_agg *const *aggs, uint32_t count)
{
    for (uint32_t a = 0; a < count; a++) {
        lt_text_printf(to, "%s%s%s(", a > 0 ? "," : "", aggs[a]->cls->name,
                       aggs[a]->distinct ? " distinct" : "");
        if (aggs[a]->native != NULL) {
            lt_text_printf(to, "version %u, %u bytes: ", lt_native_version(aggs[a]->native),
                           aggs[a]->state_size);
        }
        for (uint32_t i = 0; i < aggs[a]->arg_count; i++) {
            lt_type_print(aggs[a]->args[i]->type, to);
        }
        lt_text_puts(to, ")");
    }
}

/* Rows are kept as they come in, in the order: another schema or direction makes other bytes. */
static void add_order(lt_text *to, const lt_schema *in, const lt_sort_key *order, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        lt_text_printf(to, "|%u%s%s", order[i].col, order[i].descending ? " desc" : "",
                       order[i].nulls_first ? " nulls" : "");
    }
    for (uint32_t i = 0; i < in->count; i++) {
        lt_text_puts(to, i > 0 ? "," : "|");
        lt_type_print(in->fields[i].type, to);
    }
}

/* How many rows are kept matters too: a larger N would miss rows that were let go. */
static void add_rank(const lt_plan *plan, const lt_plan_node *node, lt_text *to)
{
    const lt_op_class *cls = node->u.op.cls;
    const lt_plan_node *input = plan->nodes[node->inputs[0]];
    const lt_schema *in = input->schema;
    if (cls == &lt_op_topn) {
        const lt_topn_spec *spec = node->u.op.spec;
        add_types(to, in, spec->partition, spec->partition_count);
        add_functions(plan, input, spec->partition, spec->partition_count, to);
        lt_text_printf(to, "|%d %d %lld..%lld", (int)spec->strategy, (int)spec->variable,
                       (long long)spec->rank_min, (long long)spec->rank_max);
        add_order(to, in, spec->order, spec->order_count);
    } else if (cls == &lt_op_keep) {
        const lt_keep_spec *spec = node->u.op.spec;
        add_types(to, in, spec->partition, spec->partition_count);
        add_functions(plan, input, spec->partition, spec->partition_count, to);
        lt_text_printf(to, "|%d", (int)spec->mode);
        add_order(to, in, spec->order, spec->order_count);
    } else if (cls == &lt_op_first_rows) {
        const lt_first_rows_spec *spec = node->u.op.spec;
        add_types(to, in, spec->partition, spec->partition_count);
        add_functions(plan, input, spec->partition, spec->partition_count, to);
    } else if (cls == &lt_op_first_event) {
        const lt_first_event_spec *spec = node->u.op.spec;
        add_types(to, in, spec->partition, spec->partition_count);
        add_functions(plan, input, spec->partition, spec->partition_count, to);
        add_order(to, in, NULL, 0);
    } else if (cls == &lt_op_normalize) {
        const lt_normalize_spec *spec = node->u.op.spec;
        add_types(to, in, spec->keys, spec->key_count);
        add_order(to, in, NULL, 0);
    } else if (cls == &lt_op_materialize) {
        const lt_materialize_spec *spec = node->u.op.spec;
        add_types(to, in, spec->keys, spec->key_count);
        lt_text_puts(to, "|");
        add_types(to, in, spec->ids, spec->id_count);
        add_order(to, in, NULL, 0);
    } else if (cls == &lt_op_time_sort) {
        const lt_time_sort_spec *spec = node->u.op.spec;
        add_order(to, in, spec->order, spec->order_count);
    }
}

static void add_operator(const lt_plan *plan, const lt_plan_node *node, lt_text *to)
{
    const lt_op_class *cls = node->u.op.cls;
    const lt_plan_node *input = plan->nodes[node->inputs[0]];
    const lt_schema *in = input->schema;
    lt_text_printf(to, "%s[", cls->name);
    if (cls == &lt_op_window_agg || cls == &lt_op_session_agg) {
        const lt_window_agg_spec *spec = node->u.op.spec;
        const lt_window *w = &spec->window;
        lt_text_printf(to, "%s %lld %lld %lld %d|", lt_window_kind_name(w->kind),
                       (long long)w->size_ms, (long long)w->step_ms, (long long)w->offset_ms,
                       (int)w->attached);
        add_types(to, in, spec->keys, spec->key_count);
        add_functions(plan, input, spec->keys, spec->key_count, to);
        lt_text_puts(to, "|");
        add_aggs(to, spec->aggs, spec->agg_count);
    } else if (cls == &lt_op_group_agg) {
        const lt_group_agg_spec *spec = node->u.op.spec;
        add_types(to, in, spec->keys, spec->key_count);
        add_functions(plan, input, spec->keys, spec->key_count, to);
        lt_text_puts(to, "|");
        add_aggs(to, spec->aggs, spec->agg_count);
    } else if (cls == &lt_op_join || cls == &lt_op_temporal_join || cls == &lt_op_interval_join ||
               cls == &lt_op_window_join) {
        const lt_join_spec *spec = node->u.op.spec;
        if (cls == &lt_op_interval_join) { /* a wider one would miss rows that went */
            const lt_interval_join_spec *interval = node->u.op.spec;
            lt_text_printf(to, "%lld..%lld%s|", (long long)interval->interval.lower_ms,
                           (long long)interval->interval.upper_ms,
                           interval->interval.proctime ? " arrived" : "");
        }
        if (spec->type != LT_JOIN_TYPE_INNER) {
            lt_text_printf(to, "%d|", (int)spec->type);
        }
        lt_text_puts(to, spec->lookup ? "lookup|" : "");
        add_types(to, in, spec->left_keys, spec->key_count);
        add_functions(plan, input, spec->left_keys, spec->key_count, to);
        add_functions(plan, plan->nodes[node->inputs[1]], spec->right_keys, spec->key_count, to);
        lt_text_puts(to, "|");
        add_types(to, in, spec->left_cols, spec->left_count);
        lt_text_puts(to, "|");
        add_types(to, plan->nodes[node->inputs[1]]->schema, spec->right_cols, spec->right_count);
        for (int side = 0; side < 2; side++) { /* rows in the forms are not one another's */
            if (spec->rows[side].form != LT_LISTS_BAG) {
                const lt_schema *schema = plan->nodes[node->inputs[side]]->schema;
                lt_text_printf(to, "|%d%d", side, (int)spec->rows[side].form);
                add_types(to, schema, spec->rows[side].ids, spec->rows[side].id_count);
            }
        }
    } else if (cls == &lt_op_over || cls == &lt_op_over_sorted) {
        const lt_over_spec *spec = node->u.op.spec;
        lt_text_printf(to, "%s %s %d|", cls == &lt_op_over ? "time" : "sorted",
                       spec->frame.rows ? "rows" : "range", (int)spec->proctime);
        /* Frames of another length are not one another's: rows that left are gone. */
        lt_text_printf(to, "%lld|", spec->frame.bounded ? (long long)spec->frame.preceding : -1);
        add_types(to, in, spec->partition, spec->partition_count);
        add_functions(plan, input, spec->partition, spec->partition_count, to);
        add_order(to, in, &spec->order, 1);
        lt_text_puts(to, "|");
        add_aggs(to, spec->aggs, spec->agg_count);
    } else if (cls == &lt_op_expand) { /* numbers of sets are keys of the aggregate above */
        const lt_expand_spec *spec = node->u.op.spec;
        for (uint32_t i = 0; i < spec->set_count; i++) {
            lt_text_printf(to, "%s%llx", i > 0 ? "," : "", (unsigned long long)spec->sets[i]);
        }
    } else if (cls == &lt_op_window_topn) {
        const lt_window_topn_spec *spec = node->u.op.spec;
        add_types(to, in, spec->partition, spec->partition_count);
        add_functions(plan, input, spec->partition, spec->partition_count, to);
    } else {
        add_rank(plan, node, to);
    }
    lt_text_puts(to, "]");
}

/* Operators that keep nothing but counters are looked through. */
static bool is_transparent(const lt_plan_node *node)
{
    return node->kind == LT_PLAN_OPERATOR &&
           (node->u.op.cls == &lt_op_calc || node->u.op.cls == &lt_op_watermark ||
            node->u.op.cls == &lt_op_union || node->u.op.cls == &lt_op_local_agg ||
            node->u.op.cls == &lt_op_drop_before);
}

static void add_node(const lt_plan *plan, const lt_plan_node *node, lt_text *to)
{
    switch (node->kind) {
    case LT_PLAN_SOURCE:
        lt_text_printf(to, "source %s " LT_STR_FMT, node->u.table.table->connector->name,
                       LT_STR_ARG(node->u.table.table->name));
        return;
    case LT_PLAN_VALUES:
        lt_text_printf(to, "values %u", node->u.values.row_count);
        return;
    case LT_PLAN_SINK:
        if (node->u.table.table != NULL) {
            lt_text_printf(to, "sink %s " LT_STR_FMT, node->u.table.table->connector->name,
                           LT_STR_ARG(node->u.table.table->name));
            return; /* what was written stays, whatever the query becomes */
        }
        lt_text_puts(to, "rows");
        break;
    case LT_PLAN_OPERATOR:
        add_operator(plan, node, to);
        break;
    }
    lt_text_puts(to, "(");
    for (uint32_t i = 0; i < node->input_count; i++) {
        const lt_plan_node *in = plan->nodes[node->inputs[i]];
        while (is_transparent(in) && in->input_count == 1 && !is_transparent(node)) {
            in = plan->nodes[in->inputs[0]];
        }
        lt_text_puts(to, i > 0 ? ";" : "");
        add_node(plan, in, to);
    }
    lt_text_puts(to, ")");
}

static lt_status sign(lt_planner *p, lt_plan_node *node, lt_text *scratch, lt_error *err)
{
    lt_text_clear(scratch);
    add_node(p->plan, node, scratch);
    if (scratch->failed) {
        return lt_error_nomem(err, "a plan");
    }
    uint64_t hash = lt_hash_bytes(scratch->ptr, scratch->len, 0);
    uint32_t ordinal = 0;
    for (uint32_t id = 0; id < node->id; id++) {
        const lt_str other = p->plan->nodes[id]->signature;
        char *mine = lt_arena_printf(p->arena, LT_STR_FMT "#%016llx.%u", LT_STR_ARG(node->label),
                                     (unsigned long long)hash, ordinal);
        if (mine == NULL) {
            return lt_error_nomem(err, "a plan");
        }
        if (lt_str_eq(other, lt_str_of(mine))) {
            ordinal++;
        }
    }
    char *text = lt_arena_printf(p->arena, LT_STR_FMT "#%016llx.%u", LT_STR_ARG(node->label),
                                 (unsigned long long)hash, ordinal);
    node->signature = lt_str_of(text);
    return text != NULL ? LT_OK : lt_error_nomem(err, "a plan");
}

lt_status lt_plan_sign(lt_planner *p, lt_error *err)
{
    lt_text scratch;
    lt_text_init(&scratch, lt_catalog_session(p->catalog)->mem);
    lt_status st = LT_OK;
    for (uint32_t id = 0; id < p->plan->node_count && st == LT_OK; id++) {
        st = sign(p, p->plan->nodes[id], &scratch, err);
    }
    lt_text_deinit(&scratch);
    return st;
}
