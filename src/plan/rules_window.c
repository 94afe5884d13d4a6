/* Window aggregation: GROUP BY window_start, window_end [, window_time] [, keys] over windowed
 * rows.
 *
 * Fused: when nothing between the windowing function and the GROUP BY looks at the window columns,
 * the rows are not expanded into windows at all: the operator assigns slices from the time column.
 * Attached: otherwise (window columns inside expressions, or rows that come from an earlier window
 * aggregate) the rows carry their bounds and the operator groups by them. */
#include "plan/logical.h"

enum { PART_NONE = -1, PART_START, PART_END, PART_TIME, PART_COUNT };

typedef struct {
    lt_rel *agg;
    const lt_window_props *props; /* of the aggregate's input */
    const lt_rel *expand;         /* grouping sets right below the aggregate; NULL = none */
    lt_rel *rows;                 /* the aggregate's input, below grouping sets */
    lt_chain chain;               /* from there down */
    bool fusible;
    const uint32_t *keys; /* the keys that are not window columns */
    uint32_t key_count;
} window_match;

static int window_part(const lt_window_props *props, uint32_t col)
{
    if ((int)col == props->start_col) {
        return PART_START;
    }
    if ((int)col == props->end_col) {
        return PART_END;
    }
    return (int)col == props->time_col ? PART_TIME : PART_NONE;
}

static bool is_key(const lt_rel *agg, int col)
{
    for (uint32_t i = 0; col >= 0 && i < agg->u.aggregate.key_count; i++) {
        if (agg->u.aggregate.keys[i] == (uint32_t)col) {
            return true;
        }
    }
    return false;
}

typedef struct {
    const lt_window_props *props; /* NULL: every column from `base` on counts */
    uint32_t base;
    bool found;
} window_use;

static void note_use(void *arg, uint32_t index)
{
    window_use *use = arg;
    use->found = use->found || (use->props != NULL ? window_part(use->props, index) != PART_NONE
                                                   : index >= use->base);
}

static bool uses_window(const lt_expr *expr, const lt_window_props *props, uint32_t base)
{
    window_use use = {props, base, false};
    if (expr != NULL) {
        lt_expr_columns(expr, note_use, &use);
    }
    return use.found;
}

static bool aggs_use_window(const window_match *m)
{
    for (uint32_t a = 0; a < m->agg->u.aggregate.agg_count; a++) {
        const lt_agg *call = m->agg->u.aggregate.aggs[a];
        for (uint32_t i = 0; i < call->arg_count; i++) {
            if (uses_window(call->args[i], m->props, 0)) {
                return true;
            }
        }
        if (uses_window(call->filter, m->props, 0)) {
            return true;
        }
    }
    return false;
}

static bool sets_use_window(const window_match *m)
{
    for (uint32_t k = 0; m->expand != NULL && k < m->expand->u.expand.key_count; k++) {
        if (window_part(m->props, m->expand->u.expand.keys[k]) != PART_NONE) {
            return true;
        }
    }
    return false;
}

/* The chain down to the windowing function may be fused when only plain keys look at window
 * columns. */
static bool is_fusible(const window_match *m)
{
    if (m->chain.bottom->kind != LT_REL_WINDOW) {
        return false;
    }
    uint32_t base = m->chain.bottom->inputs[0]->schema->count;
    if (uses_window(m->chain.condition, NULL, base) || aggs_use_window(m) || sets_use_window(m)) {
        return false;
    }
    for (uint32_t i = 0; i < m->rows->schema->count; i++) {
        if (window_part(m->props, i) == PART_NONE && uses_window(m->chain.exprs[i], NULL, base)) {
            return false;
        }
    }
    return true;
}

/* A session is cut by its PARTITION BY columns alone: the operator that assigns sessions itself can
 * group by nothing else. */
static bool session_fits(const window_match *m)
{
    const lt_rel *window = m->chain.bottom;
    if (m->props->kind != LT_WINDOW_SESSION || window->kind != LT_REL_WINDOW) {
        return true;
    }
    uint32_t found = 0;
    for (uint32_t i = 0; m->expand == NULL && i < window->u.window_tvf.session_key_count; i++) {
        for (uint32_t k = 0; k < m->key_count; k++) {
            const lt_expr *key = m->chain.exprs[m->keys[k]];
            if (key->kind == LT_NODE_COLUMN &&
                key->u.column == window->u.window_tvf.session_keys[i]) {
                found++;
                break;
            }
        }
    }
    return found == window->u.window_tvf.session_key_count && found == m->key_count;
}

static lt_status split_keys(lt_planner *p, window_match *m, lt_error *err)
{
    const lt_rel *agg = m->agg;
    uint32_t *keys = LT_NEW_ARRAY(p->arena, uint32_t, agg->u.aggregate.key_count + 1);
    if (keys == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    for (uint32_t i = 0; i < agg->u.aggregate.key_count; i++) {
        if (window_part(m->props, agg->u.aggregate.keys[i]) == PART_NONE) {
            keys[m->key_count++] = agg->u.aggregate.keys[i];
        }
    }
    m->keys = keys;
    return LT_OK;
}

/* keys, aggregates, window_start, window_end, window_time */
static lt_status agg_schema(lt_planner *p, const window_match *m, const lt_schema **out,
                            lt_error *err)
{
    const lt_rel *agg = m->agg;
    const lt_schema *in = agg->inputs[0]->schema;
    uint32_t count = m->key_count + agg->u.aggregate.agg_count + PART_COUNT;
    lt_field *fields = LT_NEW_ARRAY(p->arena, lt_field, count);
    const lt_type *bound = lt_type_time(p->arena, LT_TYPE_TIMESTAMP, 3, false);
    const lt_type *time =
        lt_type_time(p->arena, m->props->ltz ? LT_TYPE_TIMESTAMP_LTZ : LT_TYPE_TIMESTAMP, 3, false);
    time = time != NULL ? lt_type_with_attr(p->arena, time, LT_TIME_ROWTIME) : NULL;
    if (fields == NULL || bound == NULL || time == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->key_count; i++) {
        fields[n++] = in->fields[m->keys[i]];
    }
    for (uint32_t i = 0; i < agg->u.aggregate.agg_count; i++) {
        fields[n++] = agg->schema->fields[agg->u.aggregate.key_count + i];
    }
    fields[n++] = (lt_field){LT_STR("window_start"), bound};
    fields[n++] = (lt_field){LT_STR("window_end"), bound};
    fields[n++] = (lt_field){LT_STR("window_time"), time};
    *out = lt_schema_new(p->arena, fields, n);
    return *out != NULL ? LT_OK : lt_error_nomem(err, "a plan");
}

/* The operator's input when fused: the aggregate's input columns in their places; those of the
 * window's bounds hold the time instead. */
static lt_status fused_input(lt_planner *p, const window_match *m, lt_log **out, lt_error *err)
{
    lt_rel *window = m->chain.bottom;
    const lt_schema *below = window->inputs[0]->schema;
    const lt_schema *in = m->agg->inputs[0]->schema;
    uint32_t count = m->rows->schema->count;
    uint32_t time_col = window->u.window_tvf.window.time_col;
    lt_field *fields = LT_NEW_ARRAY(p->arena, lt_field, in->count + 1);
    lt_expr **exprs = LT_NEW_ARRAY(p->arena, lt_expr *, count + 1);
    if (fields == NULL || exprs == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    lt_expr *time;
    LT_TRY(lt_expr_column(&p->builder, time_col, below->fields[time_col].type, window->pos, &time,
                          err));
    for (uint32_t i = 0; i < in->count; i++) {
        fields[i] = in->fields[i];
        if (i < count) {
            bool keep = window_part(m->props, i) == PART_NONE;
            exprs[i] = keep ? m->chain.exprs[i] : time;
            fields[i].name = keep ? fields[i].name : below->fields[time_col].name;
            fields[i].type = exprs[i]->type;
        }
    }
    const lt_schema *schema = lt_schema_new(p->arena, fields, count);
    const lt_schema *expanded = lt_schema_new(p->arena, fields, in->count);
    if (schema == NULL || expanded == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    lt_log *source;
    LT_TRY(lt_plan_translate(p, window->inputs[0], &source, err));
    LT_TRY(lt_log_calc(p, source, m->chain.condition, exprs, schema, out, err));
    return m->expand != NULL ? lt_log_expand(p, m->expand, *out, expanded, out, err) : LT_OK;
}

/* Back to the column order of the GROUP BY: its keys, then its aggregates. */
static lt_status restore_order(lt_planner *p, const window_match *m, lt_log *node, lt_log **out,
                               lt_error *err)
{
    const lt_rel *agg = m->agg;
    lt_expr **exprs = LT_NEW_ARRAY(p->arena, lt_expr *, agg->schema->count + 1);
    if (exprs == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    uint32_t plain = 0;
    uint32_t after_aggs = m->key_count + agg->u.aggregate.agg_count;
    for (uint32_t i = 0; i < agg->schema->count; i++) {
        uint32_t from;
        if (i >= agg->u.aggregate.key_count) {
            from = m->key_count + (i - agg->u.aggregate.key_count);
        } else {
            int part = window_part(m->props, agg->u.aggregate.keys[i]);
            from = part == PART_NONE ? plain++ : after_aggs + (uint32_t)part;
        }
        LT_TRY(lt_expr_column(&p->builder, from, node->schema->fields[from].type, agg->pos,
                              &exprs[i], err));
    }
    return lt_log_calc(p, node, NULL, exprs, agg->schema, out, err);
}

lt_status lt_rule_window_agg(lt_planner *p, lt_rel *agg, lt_log **out, lt_error *err)
{
    window_match m = {.agg = agg, .props = &agg->inputs[0]->window};
    if (!m.props->present || !is_key(agg, m.props->start_col) || !is_key(agg, m.props->end_col)) {
        return LT_OK;
    }
    m.expand = agg->inputs[0]->kind == LT_REL_EXPAND ? agg->inputs[0] : NULL;
    m.rows = m.expand != NULL ? agg->inputs[0]->inputs[0] : agg->inputs[0];
    LT_TRY(lt_chain_collapse(p, m.rows, &m.chain, err));
    LT_TRY(split_keys(p, &m, err));
    m.fusible = is_fusible(&m);
    if (!session_fits(&m)) {
        return LT_OK; /* an ordinary group aggregate over the rows of closed sessions, as in Flink
                       */
    }

    const lt_schema *schema = NULL;
    LT_TRY(agg_schema(p, &m, &schema, err));
    lt_log *input;
    lt_window window;
    if (m.fusible) {
        window = m.chain.bottom->u.window_tvf.window;
        window.time_col = (uint32_t)m.props->start_col;
        LT_TRY(fused_input(p, &m, &input, err));
    } else {
        window = m.props->window;
        window.attached = true;
        window.proctime = false; /* the marks of the first windows are the clock */
        window.ltz = m.props->ltz;
        window.start_col = (uint32_t)m.props->start_col;
        window.end_col = (uint32_t)m.props->end_col;
        window.time_col = (uint32_t)m.props->end_col;
        LT_TRY(lt_plan_translate(p, agg->inputs[0], &input, err));
    }
    lt_log *node = lt_log_new(p, LT_LOG_WINDOW_AGG, schema, &input, 1);
    if (node == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    node->pos = agg->pos;
    node->window = window;
    node->keys = m.keys;
    node->key_count = m.key_count;
    node->aggs = agg->u.aggregate.aggs;
    node->agg_count = agg->u.aggregate.agg_count;
    LT_TRY(lt_log_intern(p, node, &node, err));
    return restore_order(p, &m, node, out, err);
}
