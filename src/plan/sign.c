/* Signatures: what makes the state of a node usable by another plan of the same job.
 *
 * The signature of a node is its label and a hash over the normalised sub-plan below it: operator
 * classes, key types, aggregate functions and windows, down to the tables that are read. Literals,
 * filters, projections and options are left out: changing a threshold keeps the state. Equal
 * sub-plans are told apart by their ordinal. Whether key and record types still fit is checked
 * again when the state is loaded, by its own description. */
#include "base/hash.h"
#include "plan/logical.h"

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
static void add_rank(lt_text *to, const lt_schema *in, const lt_plan_node *node)
{
    const lt_op_class *cls = node->u.op.cls;
    if (cls == &lt_op_topn) {
        const lt_topn_spec *spec = node->u.op.spec;
        add_types(to, in, spec->partition, spec->partition_count);
        lt_text_printf(to, "|%d %d %lld..%lld", (int)spec->strategy, (int)spec->variable,
                       (long long)spec->rank_min, (long long)spec->rank_max);
        add_order(to, in, spec->order, spec->order_count);
    } else if (cls == &lt_op_keep) {
        const lt_keep_spec *spec = node->u.op.spec;
        add_types(to, in, spec->partition, spec->partition_count);
        lt_text_printf(to, "|%d", (int)spec->mode);
        add_order(to, in, spec->order, spec->order_count);
    } else if (cls == &lt_op_first_rows) {
        const lt_first_rows_spec *spec = node->u.op.spec;
        add_types(to, in, spec->partition, spec->partition_count);
    } else if (cls == &lt_op_first_event) {
        const lt_first_event_spec *spec = node->u.op.spec;
        add_types(to, in, spec->partition, spec->partition_count);
        add_order(to, in, NULL, 0);
    } else if (cls == &lt_op_time_sort) {
        const lt_time_sort_spec *spec = node->u.op.spec;
        add_order(to, in, spec->order, spec->order_count);
    }
}

static void add_operator(const lt_plan *plan, const lt_plan_node *node, lt_text *to)
{
    const lt_op_class *cls = node->u.op.cls;
    const lt_schema *in = plan->nodes[node->inputs[0]]->schema;
    lt_text_printf(to, "%s[", cls->name);
    if (cls == &lt_op_window_agg || cls == &lt_op_session_agg) {
        const lt_window_agg_spec *spec = node->u.op.spec;
        const lt_window *w = &spec->window;
        lt_text_printf(to, "%s %lld %lld %lld %d|", lt_window_kind_name(w->kind),
                       (long long)w->size_ms, (long long)w->step_ms, (long long)w->offset_ms,
                       (int)w->attached);
        add_types(to, in, spec->keys, spec->key_count);
        lt_text_puts(to, "|");
        add_aggs(to, spec->aggs, spec->agg_count);
    } else if (cls == &lt_op_group_agg) {
        const lt_group_agg_spec *spec = node->u.op.spec;
        add_types(to, in, spec->keys, spec->key_count);
        lt_text_puts(to, "|");
        add_aggs(to, spec->aggs, spec->agg_count);
    } else if (cls == &lt_op_join) {
        const lt_join_spec *spec = node->u.op.spec;
        add_types(to, in, spec->left_keys, spec->key_count);
        lt_text_puts(to, "|");
        add_types(to, in, spec->left_cols, spec->left_count);
        lt_text_puts(to, "|");
        add_types(to, plan->nodes[node->inputs[1]]->schema, spec->right_cols, spec->right_count);
    } else if (cls == &lt_op_window_topn) {
        const lt_window_topn_spec *spec = node->u.op.spec;
        add_types(to, in, spec->partition, spec->partition_count);
    } else {
        add_rank(to, in, node);
    }
    lt_text_puts(to, "]");
}

/* Operators that keep nothing but counters are looked through. */
static bool is_transparent(const lt_plan_node *node)
{
    return node->kind == LT_PLAN_OPERATOR &&
           (node->u.op.cls == &lt_op_calc || node->u.op.cls == &lt_op_watermark ||
            node->u.op.cls == &lt_op_union || node->u.op.cls == &lt_op_local_agg);
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
