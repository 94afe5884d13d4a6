/* Making and interning logical nodes. */
#include "plan/logical.h"

#include <string.h>

lt_log *lt_log_new(lt_planner *p, lt_log_kind kind, const lt_schema *schema, lt_log *const *inputs,
                   uint32_t count)
{
    lt_log *node = LT_NEW(p->arena, lt_log);
    lt_log **copy = LT_NEW_ARRAY(p->arena, lt_log *, count + 1);
    if (node == NULL || copy == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        copy[i] = inputs[i];
    }
    node->kind = kind;
    node->schema = schema;
    node->inputs = copy;
    node->input_count = count;
    return node;
}

static bool expr_eq_or_null(const lt_expr *a, const lt_expr *b)
{
    return a == b || (a != NULL && b != NULL && lt_expr_eq(a, b));
}

static bool options_eq(const lt_options *a, const lt_options *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        if (!lt_str_eq(a->items[i].key, b->items[i].key) ||
            !lt_str_eq(a->items[i].value, b->items[i].value)) {
            return false;
        }
    }
    return true;
}

static bool keys_eq(const lt_log *a, const lt_log *b)
{
    return a->key_count == b->key_count &&
           (a->key_count == 0 || memcmp(a->keys, b->keys, a->key_count * sizeof *a->keys) == 0);
}

static bool schema_types_eq(const lt_schema *a, const lt_schema *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        if (!lt_type_eq(a->fields[i].type, b->fields[i].type) ||
            !lt_str_eq(a->fields[i].name, b->fields[i].name)) {
            return false;
        }
    }
    return true;
}

static bool window_eq(const lt_window *a, const lt_window *b)
{
    return a->kind == b->kind && a->size_ms == b->size_ms && a->step_ms == b->step_ms &&
           a->offset_ms == b->offset_ms && a->time_col == b->time_col && a->ltz == b->ltz &&
           a->proctime == b->proctime && a->attached == b->attached &&
           a->start_col == b->start_col && a->end_col == b->end_col;
}

static bool calc_eq(const lt_log *a, const lt_log *b)
{
    if (!expr_eq_or_null(a->condition, b->condition)) {
        return false;
    }
    if (a->condition != NULL && !lt_expr_is_deterministic(a->condition)) {
        return false;
    }
    for (uint32_t i = 0; i < a->schema->count; i++) {
        if (!lt_expr_eq(a->exprs[i], b->exprs[i]) || !lt_expr_is_deterministic(a->exprs[i])) {
            return false;
        }
    }
    return true;
}

static bool source_eq(const lt_log *a, const lt_log *b)
{
    return a->rel->u.scan.table == b->rel->u.scan.table &&
           options_eq(&a->rel->u.scan.options, &b->rel->u.scan.options);
}

static bool watermark_eq(const lt_log *a, const lt_log *b)
{
    return a->rel->u.watermark.time_col == b->rel->u.watermark.time_col &&
           expr_eq_or_null(a->rel->u.watermark.expr, b->rel->u.watermark.expr) &&
           options_eq(&a->rel->u.watermark.options, &b->rel->u.watermark.options);
}

/* Only what is commonly shared between INSERTs is compared: table access, windows and projections
 * above it. Aggregations are kept apart, which costs state but no correctness. */
static bool node_eq(const lt_log *a, const lt_log *b)
{
    if (a->kind != b->kind || a->input_count != b->input_count ||
        !schema_types_eq(a->schema, b->schema)) {
        return false;
    }
    for (uint32_t i = 0; i < a->input_count; i++) {
        if (a->inputs[i] != b->inputs[i]) {
            return false;
        }
    }
    switch (a->kind) {
    case LT_LOG_SOURCE:
        return !a->alone && !b->alone && source_eq(a, b);
    case LT_LOG_CALC:
        return calc_eq(a, b);
    case LT_LOG_WATERMARK:
        return watermark_eq(a, b);
    case LT_LOG_NORMALIZE:
        return keys_eq(a, b) && expr_eq_or_null(a->condition, b->condition);
    case LT_LOG_WINDOWS:
        return window_eq(&a->window, &b->window) && keys_eq(a, b);
    case LT_LOG_EXPAND:
        return keys_eq(a, b) && a->set_count == b->set_count &&
               memcmp(a->sets, b->sets, a->set_count * sizeof *a->sets) == 0;
    case LT_LOG_WINDOW_AGG:
    case LT_LOG_GROUP_AGG: {
        bool same = keys_eq(a, b) && a->agg_count == b->agg_count &&
                    a->has_ttl[0] == b->has_ttl[0] && a->ttl_ms[0] == b->ttl_ms[0] &&
                    (a->kind == LT_LOG_GROUP_AGG || window_eq(&a->window, &b->window));
        for (uint32_t i = 0; same && i < a->agg_count; i++) {
            same = lt_agg_eq(a->aggs[i], b->aggs[i]);
        }
        return same;
    }
    case LT_LOG_UNNEST:
        return a->rel->u.unnest.column == b->rel->u.unnest.column &&
               a->rel->u.unnest.outer == b->rel->u.unnest.outer &&
               a->rel->u.unnest.ordinality == b->rel->u.unnest.ordinality;
    case LT_LOG_VALUES:
    case LT_LOG_UNION:
    case LT_LOG_JOIN:
    case LT_LOG_TEMPORAL_JOIN:
    case LT_LOG_LIMIT:
    case LT_LOG_TOPN:
    case LT_LOG_RANK:
    case LT_LOG_TIME_SORT:
    case LT_LOG_OVER:
    case LT_LOG_SINK:
        return false;
    }
    return false;
}

lt_status lt_log_intern(lt_planner *p, lt_log *node, lt_log **out, lt_error *err)
{
    node->alone = p->alone;
    for (uint32_t i = 0; i < p->node_count; i++) {
        if (node_eq(p->nodes[i], node)) {
            *out = p->nodes[i];
            return LT_OK;
        }
    }
    if (p->node_count == p->node_cap) {
        uint32_t cap = p->node_cap == 0 ? 64 : p->node_cap * 2;
        lt_log **grown = LT_NEW_ARRAY(p->arena, lt_log *, cap);
        if (grown == NULL) {
            return lt_error_nomem(err, "a plan");
        }
        for (uint32_t i = 0; i < p->node_count; i++) {
            grown[i] = p->nodes[i];
        }
        p->nodes = grown;
        p->node_cap = cap;
    }
    node->id = p->node_count;
    p->nodes[p->node_count++] = node;
    *out = node;
    return LT_OK;
}

lt_status lt_log_identity(lt_planner *p, const lt_schema *schema, lt_expr ***out, lt_error *err)
{
    lt_expr **exprs = LT_NEW_ARRAY(p->arena, lt_expr *, schema->count + 1);
    if (exprs == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    for (uint32_t i = 0; i < schema->count; i++) {
        LT_TRY(lt_expr_column(&p->builder, i, schema->fields[i].type, 0, &exprs[i], err));
    }
    *out = exprs;
    return LT_OK;
}

lt_status lt_log_calc(lt_planner *p, lt_log *input, lt_expr *condition, lt_expr **exprs,
                      const lt_schema *schema, lt_log **out, lt_error *err)
{
    lt_log *node = lt_log_new(p, LT_LOG_CALC, schema, &input, 1);
    if (node == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    node->condition = condition;
    node->exprs = exprs;
    if (lt_calc_is_identity(node)) {
        *out = input;
        return LT_OK;
    }
    return lt_log_intern(p, node, out, err);
}

bool lt_calc_is_identity(const lt_log *calc)
{
    const lt_schema *in = calc->inputs[0]->schema;
    if (calc->condition != NULL || calc->schema->count != in->count) {
        return false;
    }
    for (uint32_t i = 0; i < in->count; i++) {
        if (calc->exprs[i]->kind != LT_NODE_COLUMN || calc->exprs[i]->u.column != i) {
            return false;
        }
    }
    return true;
}

lt_status lt_plan_and(lt_planner *p, lt_expr *a, lt_expr *b, lt_expr **out, lt_error *err)
{
    if (a == NULL || b == NULL) {
        *out = a != NULL ? a : b;
        return LT_OK;
    }
    lt_expr *both[2] = {a, b};
    return lt_expr_call(&p->builder, LT_STR("AND"), both, 2, a->pos, out, err);
}
