/* From the pruned logical graph to physical nodes. A node's physical output holds the columns that
 * are needed, in order; `map` tells where each logical column went. */
#include "base/lateness.h"
#include "plan/logical.h"

#define PRUNED UINT32_MAX

static lt_status nomem(lt_error *err)
{
    return lt_error_nomem(err, "a plan");
}

static lt_status add_node(lt_planner *p, lt_plan_node_kind kind, const lt_schema *schema,
                          uint32_t input_count, lt_plan_node **out, lt_error *err)
{
    lt_plan *plan = p->plan;
    if (plan->node_count == p->plan_cap) {
        uint32_t cap = p->plan_cap == 0 ? 32 : p->plan_cap * 2;
        lt_plan_node **grown = LT_NEW_ARRAY(p->arena, lt_plan_node *, cap);
        if (grown == NULL) {
            return nomem(err);
        }
        for (uint32_t i = 0; i < plan->node_count; i++) {
            grown[i] = plan->nodes[i];
        }
        plan->nodes = grown;
        p->plan_cap = cap;
    }
    lt_plan_node *node = LT_NEW(p->arena, lt_plan_node);
    uint32_t *inputs = LT_NEW_ARRAY(p->arena, uint32_t, input_count + 1);
    if (node == NULL || inputs == NULL) {
        return nomem(err);
    }
    node->kind = kind;
    node->id = plan->node_count;
    node->inputs = inputs;
    node->input_count = input_count;
    node->schema = schema;
    plan->nodes[plan->node_count++] = node;
    *out = node;
    return LT_OK;
}

static lt_status add_op(lt_planner *p, const lt_op_class *cls, const void *spec,
                        const lt_schema *schema, uint32_t input, lt_plan_node **out, lt_error *err)
{
    LT_TRY(add_node(p, LT_PLAN_OPERATOR, schema, 1, out, err));
    (*out)->inputs[0] = input;
    (*out)->u.op.cls = cls;
    (*out)->u.op.spec = spec;
    (*out)->label = lt_str_of(cls->name);
    return LT_OK;
}

/* The needed columns' schema, and node->map. extra is never pruned (window operators emit all of
 * theirs). */
static lt_status layout(lt_planner *p, lt_log *node, bool all, const lt_schema **out, lt_error *err)
{
    uint32_t count = node->schema->count;
    lt_field *fields = LT_NEW_ARRAY(p->arena, lt_field, count + 1);
    node->map = LT_NEW_ARRAY(p->arena, uint32_t, count + 1);
    if (fields == NULL || node->map == NULL) {
        return nomem(err);
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        node->map[i] = PRUNED;
        if (all || node->needed[i]) {
            node->map[i] = n;
            fields[n++] = node->schema->fields[i];
        }
    }
    *out = lt_schema_new(p->arena, fields, n);
    return *out != NULL ? LT_OK : nomem(err);
}

static lt_status remap(lt_planner *p, const lt_log *input, const lt_expr *expr, lt_expr **out,
                       lt_error *err)
{
    *out = NULL;
    return expr == NULL ? LT_OK : lt_expr_remap(&p->builder, expr, input->map, NULL, out, err);
}

static lt_status remap_cols(lt_planner *p, const lt_log *input, const uint32_t *cols,
                            uint32_t count, const uint32_t **out, lt_error *err)
{
    uint32_t *mapped = LT_NEW_ARRAY(p->arena, uint32_t, count + 1);
    if (mapped == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        mapped[i] = input->map[cols[i]];
    }
    *out = mapped;
    return LT_OK;
}

static lt_status remap_order(lt_planner *p, const lt_log *input, const lt_sort_key *keys,
                             uint32_t count, const lt_sort_key **out, lt_error *err)
{
    lt_sort_key *mapped = LT_NEW_ARRAY(p->arena, lt_sort_key, count + 1);
    if (mapped == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        mapped[i] = keys[i];
        mapped[i].col = input->map[keys[i].col];
    }
    *out = mapped;
    return LT_OK;
}

static lt_status remap_aggs(lt_planner *p, const lt_log *node, const lt_log *input, lt_agg ***out,
                            lt_error *err)
{
    lt_agg **aggs = LT_NEW_ARRAY(p->arena, lt_agg *, node->agg_count + 1);
    if (aggs == NULL) {
        return nomem(err);
    }
    for (uint32_t a = 0; a < node->agg_count; a++) {
        lt_agg *copy = LT_NEW(p->arena, lt_agg);
        lt_expr **args = LT_NEW_ARRAY(p->arena, lt_expr *, node->aggs[a]->arg_count + 1);
        if (copy == NULL || args == NULL) {
            return nomem(err);
        }
        *copy = *node->aggs[a];
        for (uint32_t i = 0; i < copy->arg_count; i++) {
            LT_TRY(remap(p, input, copy->args[i], &args[i], err));
        }
        LT_TRY(remap(p, input, copy->filter, &copy->filter, err));
        copy->args = args;
        aggs[a] = copy;
    }
    *out = aggs;
    return LT_OK;
}

/* ---- sources ---- */

static lt_status table_columns(lt_planner *p, lt_plan_node *node, const lt_table_def *table,
                               const uint32_t *columns, lt_error *err)
{
    uint32_t count = node->schema->count;
    lt_field *record = LT_NEW_ARRAY(p->arena, lt_field, table->column_count + 1);
    uint32_t *physical = LT_NEW_ARRAY(p->arena, uint32_t, table->column_count + 1);
    uint32_t *index = LT_NEW_ARRAY(p->arena, uint32_t, count + 1);
    const char **keys = LT_NEW_ARRAY(p->arena, const char *, count + 1);
    if (record == NULL || physical == NULL || index == NULL || keys == NULL) {
        return nomem(err);
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < table->column_count; i++) {
        physical[i] = PRUNED;
        if (table->columns[i].role == LT_COLUMN_IS_PHYSICAL) {
            physical[i] = n;
            record[n++] = (lt_field){table->columns[i].name, table->columns[i].type};
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        const lt_column_def *col = &table->columns[columns[i]];
        index[i] = physical[columns[i]];
        if (col->role == LT_COLUMN_IS_METADATA) {
            keys[i] = lt_arena_strndup(p->arena, col->metadata_key.ptr, col->metadata_key.len);
            if (keys[i] == NULL) {
                return nomem(err);
            }
        }
    }
    node->u.table.table = table;
    node->u.table.columns = columns;
    node->u.table.record_index = index;
    node->u.table.metadata_keys = keys;
    node->u.table.record_schema = lt_schema_new(p->arena, record, n);
    node->u.table.watermark_node = -1;
    return node->u.table.record_schema != NULL ? LT_OK : nomem(err);
}

/* Options of tables that would change which rows come out, and that nothing here carries out. */
static lt_status check_late_options(const lt_plan_node *node, lt_error *err)
{
    const lt_options *options = &node->u.table.options;
    for (uint32_t i = 0; i < options->count; i++) {
        const lt_option *option = &options->items[i];
        bool drops = lt_str_eq_ci(option->value, LT_STR("drop"));
        bool refused = lt_str_eq(option->key, LT_STR("late.allowed")) ||
                       (lt_str_eq(option->key, LT_STR("late.policy")) && !drops);
        if (refused) {
            lt_status st = lt_error_set(err, LT_ERR_UNSUPPORTED,
                                        "'" LT_STR_FMT "' = '" LT_STR_FMT "' is not supported yet",
                                        LT_STR_ARG(option->key), LT_STR_ARG(option->value));
            lt_error_hint(err, "late rows are dropped and counted; the watermark's delay says how "
                               "long windows wait for them");
            return st;
        }
    }
    return LT_OK;
}

/* What the connector is told at plan time, to know whether the table is bounded and whether it
 * accepts the options. */
static lt_status check_table(lt_planner *p, lt_plan_node *node, bool as_source, lt_error *err)
{
    const lt_table_def *table = node->u.table.table;
    const lt_session *session = lt_catalog_session(p->catalog);
    lt_table_ctx ctx = {
        .mem = session->mem,
        .env = session->env,
        .table = table->name,
        .schema = node->schema,
        .record_schema = node->u.table.record_schema,
        .record_index = node->u.table.record_index,
        .metadata_keys = node->u.table.metadata_keys,
        .partition_by = table->partition_by,
        .partition_count = table->partition_count,
        .options = node->u.table.options,
        .inferred = table->inferred,
        .has_header = table->has_header,
    };
    const lt_connector *connector = table->connector;
    if (as_source ? connector->source == NULL : connector->sink == NULL) {
        return lt_error_set(
            err, LT_ERR_SQL, "connector '%s' of table '" LT_STR_FMT "' cannot be used as a %s",
            connector->name, LT_STR_ARG(table->name), as_source ? "source" : "sink");
    }
    LT_TRY(check_late_options(node, err));
    if (connector->check != NULL) {
        LT_TRY(connector->check(&ctx, as_source, err));
    }
    if (as_source) {
        node->u.table.bounded =
            connector->source->bounded != NULL && connector->source->bounded(&ctx);
        node->u.table.splittable =
            connector->source->can_split != NULL && connector->source->can_split(&ctx);
    }
    return LT_OK;
}

static lt_status label(lt_planner *p, lt_plan_node *node, const char *what, lt_str name,
                       lt_error *err)
{
    char *text = lt_arena_printf(p->arena, "%s: " LT_STR_FMT, what, LT_STR_ARG(name));
    node->label = lt_str_of(text);
    return text != NULL ? LT_OK : nomem(err);
}

static lt_status emit_source(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    const lt_table_def *table = node->rel->u.scan.table;
    const lt_schema *schema;
    LT_TRY(layout(p, node, false, &schema, err));
    uint32_t *columns = LT_NEW_ARRAY(p->arena, uint32_t, schema->count + 1);
    if (columns == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < node->schema->count; i++) {
        if (node->map[i] != PRUNED) {
            columns[node->map[i]] = node->rel->u.scan.columns[i];
        }
    }
    LT_TRY(add_node(p, LT_PLAN_SOURCE, schema, 0, out, err));
    LT_TRY(table_columns(p, *out, table, columns, err));
    (*out)->u.table.options = node->rel->u.scan.options;
    LT_TRY(check_table(p, *out, true, err));
    p->plan->bounded = p->plan->bounded && (*out)->u.table.bounded;
    return label(p, *out, "Source", table->name, err);
}

static lt_status emit_values(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    const lt_schema *schema;
    LT_TRY(layout(p, node, true, &schema, err));
    LT_TRY(add_node(p, LT_PLAN_VALUES, schema, 0, out, err));
    (*out)->u.values.rows = node->rel->u.values.rows;
    (*out)->u.values.row_count = node->rel->u.values.row_count;
    (*out)->label = LT_STR("Values");
    return LT_OK;
}

/* ---- operators ---- */

static lt_status emit_calc(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    lt_log *input = node->inputs[0];
    const lt_schema *schema;
    LT_TRY(layout(p, node, false, &schema, err));
    lt_calc_spec *spec = LT_NEW(p->arena, lt_calc_spec);
    lt_expr **exprs = LT_NEW_ARRAY(p->arena, lt_expr *, schema->count + 1);
    if (spec == NULL || exprs == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < node->schema->count; i++) {
        if (node->map[i] != PRUNED) {
            LT_TRY(remap(p, input, node->exprs[i], &exprs[node->map[i]], err));
        }
    }
    LT_TRY(remap(p, input, node->condition, &spec->condition, err));
    spec->exprs = exprs;
    spec->expr_count = schema->count;
    return add_op(p, &lt_op_calc, spec, schema, input->node - 1, out, err);
}

static int64_t option_ms(const lt_options *options, const char *name, int64_t fallback)
{
    if (!lt_options_has(options, name)) {
        return fallback;
    }
    bool has;
    return lt_options_int(options, NULL, lt_table_options, lt_table_option_count, name, &has);
}

/* 'scan.watermark.quantile' in millionths. */
static lt_status quantile_of(const lt_options *options, uint32_t *out, lt_error *err)
{
    static const char name[] = "scan.watermark.quantile";
    lt_str text = lt_options_get(options, NULL, lt_table_options, lt_table_option_count, name);
    double value = 0;
    if (!lt_str_to_f64(text, &value) || !(value > 0 && value <= 1)) {
        lt_status st = lt_error_set(err, LT_ERR_SQL, "'%s' = '" LT_STR_FMT "' is no share of rows",
                                    name, LT_STR_ARG(text));
        lt_error_hint(err, "a number above 0, 1 at most, such as '0.999'");
        return st;
    }
    *out = LT_MAX((uint32_t)(value * LT_LATENESS_ONE + 0.5), 1U);
    return LT_OK;
}

static lt_plan_node *source_of(lt_plan *plan, lt_plan_node *node)
{
    while (node->input_count > 0) {
        node = plan->nodes[node->inputs[0]];
    }
    return node;
}

static lt_status emit_pace(lt_planner *p, uint32_t time_col, lt_plan_node **out, lt_error *err)
{
    lt_pace_spec *spec = LT_NEW(p->arena, lt_pace_spec);
    if (spec == NULL) {
        return nomem(err);
    }
    spec->time_col = time_col;
    spec->speed = p->options->pace_speed;
    return add_op(p, &lt_op_pace, spec, (*out)->schema, (*out)->id, out, err);
}

static lt_status emit_watermark(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    lt_log *input = node->inputs[0];
    lt_plan_node *below = p->plan->nodes[input->node - 1];
    lt_plan_node *source = source_of(p->plan, below);
    node->map = input->map;
    lt_watermark_spec *spec = LT_NEW(p->arena, lt_watermark_spec);
    if (spec == NULL) {
        return nomem(err);
    }
    spec->time_col = input->map[node->rel->u.watermark.time_col];
    LT_TRY(remap(p, input, node->rel->u.watermark.expr, &spec->watermark, err));
    const lt_options *options = &node->rel->u.watermark.options;
    LT_TRY(quantile_of(options, &spec->quantile, err));
    spec->follows_clock = lt_options_bool(options, NULL, lt_table_options, lt_table_option_count,
                                          "scan.watermark.idle-advance");
    bool unbounded = source->kind == LT_PLAN_SOURCE && !source->u.table.bounded;
    spec->future_skew_max_ms =
        option_ms(&node->rel->u.watermark.options, "scan.watermark.max-future-skew",
                  unbounded ? p->options->future_skew_ms : 0);
    /* The time attribute is born here. */
    lt_field *fields = LT_NEW_ARRAY(p->arena, lt_field, below->schema->count + 1);
    if (fields == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < below->schema->count; i++) {
        fields[i] = below->schema->fields[i];
    }
    fields[spec->time_col].type = node->schema->fields[node->rel->u.watermark.time_col].type;
    const lt_schema *schema = lt_schema_new(p->arena, fields, below->schema->count);
    if (schema == NULL) {
        return nomem(err);
    }
    LT_TRY(add_op(p, &lt_op_watermark, spec, schema, below->id, out, err));
    if (source->kind == LT_PLAN_SOURCE) {
        source->u.table.watermark_node = (int)(*out)->id;
        if (p->options->pace_speed > 0 && source->u.table.bounded) {
            return emit_pace(p, spec->time_col, out, err);
        }
    }
    return LT_OK;
}

static void remap_window(lt_window *window, const lt_log *input)
{
    if (window->attached) {
        window->start_col = input->map[window->start_col];
        window->end_col = input->map[window->end_col];
        window->time_col = window->end_col;
    } else {
        window->time_col = input->map[window->time_col];
    }
}

static lt_status emit_windows(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    lt_log *input = node->inputs[0];
    const lt_schema *below = p->plan->nodes[input->node - 1]->schema;
    lt_window_expand_spec *spec = LT_NEW(p->arena, lt_window_expand_spec);
    lt_field *fields = LT_NEW_ARRAY(p->arena, lt_field, below->count + 3);
    node->map = LT_NEW_ARRAY(p->arena, uint32_t, node->schema->count + 1);
    if (spec == NULL || fields == NULL || node->map == NULL) {
        return nomem(err);
    }
    spec->window = node->window;
    remap_window(&spec->window, input);
    LT_TRY(remap_cols(p, input, node->keys, node->key_count, &spec->session_keys, err));
    spec->session_key_count = node->key_count;
    uint32_t base = input->schema->count;
    for (uint32_t i = 0; i < below->count; i++) {
        fields[i] = below->fields[i];
    }
    for (uint32_t i = 0; i < base; i++) {
        node->map[i] = input->map[i];
        if (node->map[i] != PRUNED) {
            fields[node->map[i]].type =
                node->schema->fields[i].type; /* the old attribute is plain now */
        }
    }
    for (uint32_t i = 0; i < 3; i++) {
        node->map[base + i] = below->count + i;
        fields[below->count + i] = node->schema->fields[base + i];
    }
    const lt_schema *schema = lt_schema_new(p->arena, fields, below->count + 3);
    return schema == NULL
               ? nomem(err)
               : add_op(p, &lt_op_window_expand, spec, schema, input->node - 1, out, err);
}

static lt_status emit_unnest(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    lt_log *input = node->inputs[0];
    uint32_t lefts = input->schema->count, below = p->plan->nodes[input->node - 1]->schema->count;
    const lt_schema *schema;
    LT_TRY(layout(p, node, false, &schema, err));
    lt_unnest_spec *spec = LT_NEW(p->arena, lt_unnest_spec);
    uint32_t *from = LT_NEW_ARRAY(p->arena, uint32_t, schema->count + 1);
    if (spec == NULL || from == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < node->schema->count; i++) {
        if (node->map[i] != PRUNED) {
            from[node->map[i]] = i < lefts ? input->map[i] : below + (i - lefts);
        }
    }
    spec->column = input->map[node->rel->u.unnest.column];
    spec->value_count = node->schema->count - lefts - (node->rel->u.unnest.ordinality ? 1 : 0);
    spec->outer = node->rel->u.unnest.outer;
    spec->out = from;
    return add_op(p, &lt_op_unnest, spec, schema, input->node - 1, out, err);
}

/* What is needed of the input, the keys, the set's number. */
static lt_status emit_expand(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    lt_log *input = node->inputs[0];
    const lt_schema *below = p->plan->nodes[input->node - 1]->schema;
    lt_expand_spec *spec = LT_NEW(p->arena, lt_expand_spec);
    uint32_t base = input->schema->count, extra = node->key_count + 1;
    lt_field *fields = LT_NEW_ARRAY(p->arena, lt_field, below->count + extra);
    uint32_t *cols = LT_NEW_ARRAY(p->arena, uint32_t, base + 1);
    node->map = LT_NEW_ARRAY(p->arena, uint32_t, node->schema->count + 1);
    if (spec == NULL || fields == NULL || cols == NULL || node->map == NULL) {
        return nomem(err);
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < base; i++) {
        node->map[i] = PRUNED;
        if (node->needed[i]) {
            cols[count] = input->map[i];
            fields[count] = below->fields[input->map[i]];
            node->map[i] = count++;
        }
    }
    spec->cols = cols;
    spec->col_count = count;
    LT_TRY(remap_cols(p, input, node->keys, node->key_count, &spec->keys, err));
    spec->key_count = node->key_count;
    spec->sets = node->sets;
    spec->set_count = node->set_count;
    for (uint32_t i = 0; i < extra; i++) {
        node->map[base + i] = count;
        fields[count++] = node->schema->fields[base + i];
    }
    const lt_schema *schema = lt_schema_new(p->arena, fields, count);
    return schema == NULL ? nomem(err)
                          : add_op(p, &lt_op_expand, spec, schema, input->node - 1, out, err);
}

static lt_status emit_window_agg(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    lt_log *input = node->inputs[0];
    const lt_schema *schema;
    LT_TRY(layout(p, node, true, &schema, err));
    lt_window_agg_spec *spec = LT_NEW(p->arena, lt_window_agg_spec);
    if (spec == NULL) {
        return nomem(err);
    }
    spec->window = node->window;
    remap_window(&spec->window, input);
    LT_TRY(remap_cols(p, input, node->keys, node->key_count, &spec->keys, err));
    spec->key_count = node->key_count;
    LT_TRY(remap_aggs(p, node, input, &spec->aggs, err));
    spec->agg_count = node->agg_count;
    spec->late = LT_LATE_DROP;
    bool session = spec->window.kind == LT_WINDOW_SESSION && !spec->window.attached;
    return add_op(p, session ? &lt_op_session_agg : &lt_op_window_agg, spec, schema,
                  input->node - 1, out, err);
}

int64_t lt_plan_ttl_ms(const lt_planner *p)
{
    int64_t ms = 0;
    lt_str text = lt_catalog_option(p->catalog, "table.exec.state.ttl");
    return text.ptr != NULL && lt_parse_duration_ms(text, &ms) ? ms : 0;
}

/* input: the one whose hint counts, if it has one. */
static int64_t state_ttl_ms(const lt_planner *p, const lt_log *node, int input)
{
    return node->has_ttl[input] ? node->ttl_ms[input] : lt_plan_ttl_ms(p);
}

static lt_status emit_normalize(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    lt_log *input = node->inputs[0];
    const lt_schema *below = p->plan->nodes[input->node - 1]->schema;
    lt_normalize_spec *spec = LT_NEW(p->arena, lt_normalize_spec);
    if (spec == NULL) {
        return nomem(err);
    }
    node->map = input->map;
    LT_TRY(remap_cols(p, input, node->keys, node->key_count, &spec->keys, err));
    spec->key_count = node->key_count;
    LT_TRY(remap(p, input, node->condition, &spec->condition, err));
    spec->ttl_ms = lt_plan_ttl_ms(p);
    return add_op(p, &lt_op_normalize, spec, below, input->node - 1, out, err);
}

static lt_status emit_group_agg(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    lt_log *input = node->inputs[0];
    const lt_schema *schema;
    LT_TRY(layout(p, node, true, &schema, err));
    lt_group_agg_spec *spec = LT_NEW(p->arena, lt_group_agg_spec);
    if (spec == NULL) {
        return nomem(err);
    }
    LT_TRY(remap_cols(p, input, node->keys, node->key_count, &spec->keys, err));
    spec->key_count = node->key_count;
    LT_TRY(remap_aggs(p, node, input, &spec->aggs, err));
    spec->agg_count = node->agg_count;
    spec->emit_before = true;
    spec->ttl_ms = state_ttl_ms(p, node, 0);
    return add_op(p, &lt_op_group_agg, spec, schema, input->node - 1, out, err);
}

/* A projection onto exactly the columns `wanted` of an emitted node; the node itself when it has
 * that layout. */
static lt_status adapt(lt_planner *p, const lt_log *input, const bool *wanted,
                       const lt_schema *schema, uint32_t *node, lt_error *err)
{
    const lt_plan_node *below = p->plan->nodes[input->node - 1];
    bool same = below->schema->count == schema->count;
    lt_expr **exprs = LT_NEW_ARRAY(p->arena, lt_expr *, schema->count + 1);
    lt_calc_spec *spec = LT_NEW(p->arena, lt_calc_spec);
    if (exprs == NULL || spec == NULL) {
        return nomem(err);
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < input->schema->count; i++) {
        if (!wanted[i]) {
            continue;
        }
        same = same && input->map[i] == n;
        LT_TRY(lt_expr_column(&p->builder, input->map[i], below->schema->fields[input->map[i]].type,
                              0, &exprs[n++], err));
    }
    *node = input->node - 1;
    if (same) {
        return LT_OK;
    }
    spec->exprs = exprs;
    spec->expr_count = n;
    lt_plan_node *calc;
    LT_TRY(add_op(p, &lt_op_calc, spec, schema, input->node - 1, &calc, err));
    *node = calc->id;
    return LT_OK;
}

static lt_status emit_union(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    const lt_schema *schema;
    LT_TRY(layout(p, node, false, &schema, err));
    uint32_t *inputs = LT_NEW_ARRAY(p->arena, uint32_t, node->input_count + 1);
    if (inputs == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        LT_TRY(adapt(p, node->inputs[i], node->needed, schema, &inputs[i], err));
    }
    LT_TRY(add_node(p, LT_PLAN_OPERATOR, schema, node->input_count, out, err));
    (*out)->inputs = inputs;
    (*out)->u.op.cls = &lt_op_union;
    (*out)->label = lt_str_of(lt_op_union.name);
    return LT_OK;
}

static void mark_column(void *arg, uint32_t index)
{
    ((bool *)arg)[index] = true;
}

/* The columns of each side that its state keeps: what comes out and what the condition looks at.
 * pair: column of the node -> column of the pair. */
static lt_status join_columns(lt_planner *p, const lt_log *node, lt_join_spec *spec, uint32_t *pair,
                              lt_error *err)
{
    uint32_t lefts = node->inputs[0]->schema->count;
    uint32_t count = node->schema->count;
    bool *kept = LT_NEW_ARRAY(p->arena, bool, count + 1);
    uint32_t *cols = LT_NEW_ARRAY(p->arena, uint32_t, count + 1);
    lt_field *fields = LT_NEW_ARRAY(p->arena, lt_field, count + 1);
    if (kept == NULL || cols == NULL || fields == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        kept[i] = node->needed[i];
    }
    if (node->condition != NULL) {
        lt_expr_columns(node->condition, mark_column, kept);
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        pair[i] = PRUNED;
        if (kept[i]) {
            bool is_left = i < lefts;
            cols[n] = is_left ? node->inputs[0]->map[i] : node->inputs[1]->map[i - lefts];
            fields[n] = node->schema->fields[i];
            pair[i] = n++;
            spec->left_count += is_left;
            spec->right_count += !is_left;
        }
    }
    spec->left_cols = cols;
    spec->right_cols = cols + spec->left_count;
    spec->pair = lt_schema_new(p->arena, fields, n);
    return spec->pair != NULL ? LT_OK : nomem(err);
}

static lt_status fill_join(lt_planner *p, lt_log *node, const lt_schema *schema, lt_join_spec *spec,
                           lt_error *err)
{
    uint32_t *pair = LT_NEW_ARRAY(p->arena, uint32_t, node->schema->count + 1);
    uint32_t *columns = LT_NEW_ARRAY(p->arena, uint32_t, schema->count + 1);
    if (pair == NULL || columns == NULL) {
        return nomem(err);
    }
    LT_TRY(join_columns(p, node, spec, pair, err));
    for (uint32_t i = 0; i < node->schema->count; i++) {
        if (node->map[i] != PRUNED) {
            columns[node->map[i]] = pair[i];
        }
    }
    spec->out = columns;
    const lt_log *left = node->inputs[0], *right = node->inputs[1];
    LT_TRY(remap_cols(p, left, node->keys, node->key_count, &spec->left_keys, err));
    LT_TRY(remap_cols(p, right, node->right_keys, node->key_count, &spec->right_keys, err));
    spec->key_count = node->key_count;
    spec->key_types = node->key_types;
    spec->null_safe = node->null_safe;
    if (node->condition != NULL) {
        LT_TRY(lt_expr_remap(&p->builder, node->condition, pair, NULL, &spec->condition, err));
    }
    spec->type = node->join_type;
    for (int side = 0; side < 2; side++) {
        spec->rows[side].ttl_ms = state_ttl_ms(p, node, side);
    }
    return LT_OK;
}

static lt_status add_two_inputs(lt_planner *p, const lt_log *node, lt_plan_node *out, lt_error *err)
{
    uint32_t *inputs = LT_NEW_ARRAY(p->arena, uint32_t, 2);
    if (inputs == NULL) {
        return nomem(err);
    }
    inputs[0] = node->inputs[0]->node - 1;
    inputs[1] = node->inputs[1]->node - 1;
    out->inputs = inputs;
    out->input_count = 2;
    return LT_OK;
}

static lt_status emit_interval_join(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    const lt_schema *schema;
    LT_TRY(layout(p, node, false, &schema, err));
    lt_interval_join_spec *spec = LT_NEW(p->arena, lt_interval_join_spec);
    if (spec == NULL) {
        return nomem(err);
    }
    LT_TRY(fill_join(p, node, schema, &spec->join, err));
    spec->interval = node->interval;
    spec->interval.left_time = spec->interval.right_time = 0;
    if (!node->interval.proctime) {
        spec->interval.left_time = node->inputs[0]->map[node->interval.left_time];
        spec->interval.right_time = node->inputs[1]->map[node->interval.right_time];
    }
    lt_str text = lt_catalog_option(p->catalog, "table.exec.interval-join.min-cleanup-interval");
    if (text.ptr == NULL || !lt_parse_duration_ms(text, &spec->cleanup_ms)) {
        spec->cleanup_ms = 0;
    }
    LT_TRY(add_op(p, &lt_op_interval_join, spec, schema, node->inputs[0]->node - 1, out, err));
    return add_two_inputs(p, node, *out, err);
}

static lt_status emit_window_join(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    const lt_schema *schema;
    LT_TRY(layout(p, node, false, &schema, err));
    lt_window_join_spec *spec = LT_NEW(p->arena, lt_window_join_spec);
    if (spec == NULL) {
        return nomem(err);
    }
    LT_TRY(fill_join(p, node, schema, &spec->join, err));
    spec->ltz = node->ltz;
    for (int side = 0; side < 2; side++) {
        spec->end_cols[side] = node->inputs[side]->map[node->ends[side]];
    }
    LT_TRY(add_op(p, &lt_op_window_join, spec, schema, node->inputs[0]->node - 1, out, err));
    return add_two_inputs(p, node, *out, err);
}

/* Does the node's input end, and does it read something in-process, which is fed as it pleases? */
static void look_at_sources(const lt_plan *plan, uint32_t id, bool *bounded, bool *fed)
{
    const lt_plan_node *node = plan->nodes[id];
    if (node->kind == LT_PLAN_SOURCE && !node->u.table.bounded) {
        *bounded = false;
        *fed = *fed && strcmp(node->u.table.table->connector->name, "feed") == 0;
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        look_at_sources(plan, node->inputs[i], bounded, fed);
    }
}

/* A table that ends is read whole first; one that is fed is looked up as far as it was. */
static lt_status set_lookup(lt_planner *p, const lt_log *node, lt_join_spec *spec, lt_error *err)
{
    bool bounded = true, fed = true;
    look_at_sources(p->plan, node->inputs[1]->node - 1, &bounded, &fed);
    spec->lookup = true;
    spec->loads = bounded;
    if (bounded || fed) {
        return LT_OK;
    }
    lt_status st = lt_error_set_at(err, LT_ERR_UNSUPPORTED, node->pos,
                                   "Processing-time temporal join is not supported yet: what is "
                                   "looked up has to end");
    lt_error_hint(err,
                  "look up a table that is read once, such as a file, or join as of a rowtime");
    return st;
}

static lt_status emit_join(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    if (node->join_how == LT_JOIN_WINDOW) {
        return emit_window_join(p, node, out, err);
    }
    if (node->join_how == LT_JOIN_INTERVAL) {
        return emit_interval_join(p, node, out, err);
    }
    const lt_schema *schema;
    LT_TRY(layout(p, node, false, &schema, err));
    lt_join_spec *spec = LT_NEW(p->arena, lt_join_spec);
    if (spec == NULL) {
        return nomem(err);
    }
    LT_TRY(fill_join(p, node, schema, spec, err));
    if (node->lookup) {
        LT_TRY(set_lookup(p, node, spec, err));
    }
    LT_TRY(add_op(p, &lt_op_join, spec, schema, node->inputs[0]->node - 1, out, err));
    (*out)->label = node->lookup ? LT_STR("LookupJoin") : (*out)->label;
    return add_two_inputs(p, node, *out, err);
}

static lt_status emit_temporal_join(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    const lt_schema *schema;
    LT_TRY(layout(p, node, false, &schema, err));
    lt_temporal_join_spec *spec = LT_NEW(p->arena, lt_temporal_join_spec);
    if (spec == NULL) {
        return nomem(err);
    }
    LT_TRY(fill_join(p, node, schema, &spec->join, err));
    spec->left_time = node->inputs[0]->map[node->times[0]];
    spec->right_time = node->inputs[1]->map[node->times[1]];
    LT_TRY(add_op(p, &lt_op_temporal_join, spec, schema, node->inputs[0]->node - 1, out, err));
    return add_two_inputs(p, node, *out, err);
}

static lt_status emit_limit(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    lt_log *input = node->inputs[0];
    node->map = input->map;
    lt_limit_spec *spec = LT_NEW(p->arena, lt_limit_spec);
    if (spec == NULL) {
        return nomem(err);
    }
    spec->offset = node->offset;
    spec->count = node->count;
    return add_op(p, &lt_op_limit, spec, p->plan->nodes[input->node - 1]->schema, input->node - 1,
                  out, err);
}

static lt_status emit_topn(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    lt_log *input = node->inputs[0];
    const lt_schema *below = p->plan->nodes[input->node - 1]->schema;
    lt_window_topn_spec *spec = LT_NEW(p->arena, lt_window_topn_spec);
    lt_field *fields = LT_NEW_ARRAY(p->arena, lt_field, below->count + 1);
    node->map = LT_NEW_ARRAY(p->arena, uint32_t, node->schema->count + 1);
    if (spec == NULL || fields == NULL || node->map == NULL) {
        return nomem(err);
    }
    *spec = node->topn;
    LT_TRY(remap_cols(p, input, spec->partition, spec->partition_count, &spec->partition, err));
    LT_TRY(remap_order(p, input, spec->order, spec->order_count, &spec->order, err));
    spec->start_col = input->map[spec->start_col];
    spec->end_col = input->map[spec->end_col];
    for (uint32_t i = 0; i < below->count; i++) {
        fields[i] = below->fields[i];
    }
    for (uint32_t i = 0; i < input->schema->count; i++) {
        node->map[i] = input->map[i];
    }
    uint32_t count = below->count;
    if (spec->rank_output) {
        node->map[input->schema->count] = count;
        fields[count++] = node->schema->fields[input->schema->count];
    }
    const lt_schema *schema = lt_schema_new(p->arena, fields, count);
    return schema == NULL ? nomem(err)
                          : add_op(p, &lt_op_window_topn, spec, schema, input->node - 1, out, err);
}

static lt_status emit_rank(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    lt_log *input = node->inputs[0];
    const lt_schema *below = p->plan->nodes[input->node - 1]->schema;
    lt_topn_spec *spec = LT_NEW(p->arena, lt_topn_spec);
    lt_field *fields = LT_NEW_ARRAY(p->arena, lt_field, below->count + 1);
    node->map = LT_NEW_ARRAY(p->arena, uint32_t, node->schema->count + 1);
    if (spec == NULL || fields == NULL || node->map == NULL) {
        return nomem(err);
    }
    *spec = node->rank;
    LT_TRY(remap_cols(p, input, spec->partition, spec->partition_count, &spec->partition, err));
    LT_TRY(remap_order(p, input, spec->order, spec->order_count, &spec->order, err));
    spec->end_col = spec->variable ? input->map[spec->end_col] : 0;
    /* Nobody looks at the number: then rows that shift need not be told of. */
    spec->rank_output = spec->rank_output && node->needed[input->schema->count];
    spec->ttl_ms = state_ttl_ms(p, node, 0);
    uint32_t count = below->count;
    for (uint32_t i = 0; i < count; i++) {
        fields[i] = below->fields[i];
    }
    for (uint32_t i = 0; i < node->schema->count; i++) {
        node->map[i] = i < input->schema->count ? input->map[i] : PRUNED;
    }
    if (spec->rank_output) {
        node->map[input->schema->count] = count;
        fields[count++] = node->schema->fields[input->schema->count];
    }
    const lt_schema *schema = lt_schema_new(p->arena, fields, count);
    return schema == NULL ? nomem(err)
                          : add_op(p, &lt_op_topn, spec, schema, input->node - 1, out, err);
}

static lt_status emit_time_sort(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    lt_log *input = node->inputs[0];
    const lt_schema *below = p->plan->nodes[input->node - 1]->schema;
    lt_time_sort_spec *spec = LT_NEW(p->arena, lt_time_sort_spec);
    if (spec == NULL) {
        return nomem(err);
    }
    node->map = input->map;
    LT_TRY(remap_order(p, input, node->rank.order, node->rank.order_count, &spec->order, err));
    spec->order_count = node->rank.order_count;
    spec->proctime = below->fields[spec->order[0].col].type->attr == LT_TIME_PROCTIME;
    return add_op(p, &lt_op_time_sort, spec, below, input->node - 1, out, err);
}

/* Input columns stand where they stood; only calls that somebody looks at are made. */
static lt_status emit_over(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    lt_log *input = node->inputs[0];
    const lt_schema *below = p->plan->nodes[input->node - 1]->schema;
    uint32_t lefts = input->schema->count;
    lt_over_spec *spec = LT_NEW(p->arena, lt_over_spec);
    lt_field *fields = LT_NEW_ARRAY(p->arena, lt_field, below->count + node->agg_count + 1);
    node->map = LT_NEW_ARRAY(p->arena, uint32_t, node->schema->count + 1);
    if (spec == NULL || fields == NULL || node->map == NULL) {
        return nomem(err);
    }
    LT_TRY(remap_cols(p, input, node->keys, node->key_count, &spec->partition, err));
    LT_TRY(remap_aggs(p, node, input, &spec->aggs, err));
    spec->partition_count = node->key_count;
    spec->order = node->over_order;
    spec->order.col = input->map[node->over_order.col];
    spec->frame = node->frame;
    spec->proctime = below->fields[spec->order.col].type->attr == LT_TIME_PROCTIME;
    spec->ttl_ms = state_ttl_ms(p, node, 0);
    for (uint32_t i = 0; i < below->count; i++) {
        fields[i] = below->fields[i];
    }
    for (uint32_t i = 0; i < lefts; i++) {
        node->map[i] = input->map[i];
    }
    for (uint32_t a = 0; a < node->agg_count; a++) {
        node->map[lefts + a] = PRUNED;
        if (node->needed[lefts + a]) {
            fields[below->count + spec->agg_count] = node->schema->fields[lefts + a];
            node->map[lefts + a] = below->count + spec->agg_count;
            spec->aggs[spec->agg_count++] = spec->aggs[a];
        }
    }
    const lt_schema *schema = lt_schema_new(p->arena, fields, below->count + spec->agg_count);
    return schema == NULL ? nomem(err)
                          : add_op(p, &lt_op_over, spec, schema, input->node - 1, out, err);
}

/* ---- sinks ---- */

static bool drops_nulls(const lt_planner *p)
{
    lt_str mode = lt_catalog_option(p->catalog, "table.exec.sink.not-null-enforcer");
    return mode.ptr != NULL && lt_str_eq_ci(mode, LT_STR("DROP"));
}

static lt_nulls_depth nulls_depth(const lt_planner *p)
{
    lt_str mode = lt_catalog_option(p->catalog, "table.exec.sink.nested-constraint-enforcer");
    if (mode.len > 0 && lt_str_eq_ci(mode, LT_STR("ROWS"))) {
        return LT_NULLS_ROWS;
    }
    return mode.len > 0 && lt_str_eq_ci(mode, LT_STR("ROWS_AND_COLLECTIONS")) ? LT_NULLS_COLLECTIONS
                                                                              : LT_NULLS_COLUMNS;
}

static lt_status emit_sink(lt_planner *p, lt_log *node, lt_plan_node **out, lt_error *err)
{
    lt_log *input = node->inputs[0];
    uint32_t below = 0;
    LT_TRY(adapt(p, input, node->needed, input->schema, &below, err));
    const lt_table_def *table = node->rel != NULL ? node->rel->u.sink.table : NULL;
    lt_field *fields = LT_NEW_ARRAY(p->arena, lt_field, node->schema->count + 1);
    if (fields == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < node->schema->count; i++) {
        fields[i] = node->schema->fields[i];
        if (table != NULL) {
            const lt_column_def *col = &table->columns[node->rel->u.sink.columns[i]];
            fields[i] = (lt_field){col->name, col->type};
        }
    }
    const lt_schema *schema = lt_schema_new(p->arena, fields, node->schema->count);
    if (schema == NULL) {
        return nomem(err);
    }
    LT_TRY(add_node(p, LT_PLAN_SINK, schema, 1, out, err));
    (*out)->inputs[0] = below;
    p->plan->sinks[p->plan->sink_count++] = (*out)->id;
    if (table == NULL) {
        (*out)->label = LT_STR("Result");
        return LT_OK;
    }
    LT_TRY(table_columns(p, *out, table, node->rel->u.sink.columns, err));
    (*out)->u.table.options = node->rel->u.sink.options;
    (*out)->u.table.drop_nulls = drops_nulls(p);
    (*out)->u.table.nulls_depth = nulls_depth(p);
    LT_TRY(check_table(p, *out, false, err));
    return label(p, *out, "Sink", table->name, err);
}

lt_status lt_plan_emit(lt_planner *p, lt_log *node, lt_error *err)
{
    if (node->node != 0) {
        return LT_OK;
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        LT_TRY(lt_plan_emit(p, node->inputs[i], err));
    }
    static lt_status (*const emitters[])(lt_planner *, lt_log *, lt_plan_node **, lt_error *) = {
        [LT_LOG_SOURCE] = emit_source,
        [LT_LOG_VALUES] = emit_values,
        [LT_LOG_CALC] = emit_calc,
        [LT_LOG_WATERMARK] = emit_watermark,
        [LT_LOG_WINDOWS] = emit_windows,
        [LT_LOG_WINDOW_AGG] = emit_window_agg,
        [LT_LOG_GROUP_AGG] = emit_group_agg,
        [LT_LOG_UNION] = emit_union,
        [LT_LOG_JOIN] = emit_join,
        [LT_LOG_LIMIT] = emit_limit,
        [LT_LOG_TOPN] = emit_topn,
        [LT_LOG_RANK] = emit_rank,
        [LT_LOG_UNNEST] = emit_unnest,
        [LT_LOG_EXPAND] = emit_expand,
        [LT_LOG_TIME_SORT] = emit_time_sort,
        [LT_LOG_SINK] = emit_sink,
        [LT_LOG_TEMPORAL_JOIN] = emit_temporal_join,
        [LT_LOG_NORMALIZE] = emit_normalize,
        [LT_LOG_OVER] = emit_over,
    };
    lt_plan_node *out;
    LT_TRY(emitters[node->kind](p, node, &out, err));
    node->node = out->id + 1;
    return LT_OK;
}
