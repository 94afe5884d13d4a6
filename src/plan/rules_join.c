/* INNER JOIN, with the conditions of a WHERE around it: each conjunct goes where it costs least.
 * What one side alone decides becomes a filter below, an equality of the sides becomes a pair of
 * keys (computed below when it is more than a column), the rest is tested on pairs of rows.
 *
 * Flink plans some patterns as joins of other kinds, whose output keeps time attributes or comes
 * when a window closes: interval joins and window joins are recognised and refused. */
#include <string.h>

#include "expr/registry.h"
#include "plan/logical.h"

enum { SIDE_NONE, SIDE_LEFT, SIDE_RIGHT, SIDE_BOTH };

typedef struct {
    lt_expr *left, *right; /* over the side's own columns, of one type */
    const lt_type *type;   /* nullable: of both sides' encoded keys */
    bool null_safe;
} key_pair;

typedef struct {
    lt_planner *p;
    lt_rel *join;
    uint32_t left_count;
    lt_expr *pushed[2];
    lt_expr *residual;
    key_pair *keys;
    uint32_t key_count, key_cap;
    bool starts_equal, ends_equal; /* of the sides' windows */
    bool time_above, time_below;   /* bounds of an interval join */
} join_parts;

static lt_status nomem(lt_error *err)
{
    return lt_error_nomem(err, "a join");
}

/* ---- looking at expressions ---- */

static bool is_call(const lt_expr *expr, const char *name)
{
    return expr->kind == LT_NODE_CALL && strcmp(expr->u.call.func->name, name) == 0;
}

typedef struct {
    uint32_t left_count;
    int sides;
    uint32_t uses;
    uint32_t column; /* the last one seen */
} column_scan;

static void see_column(void *arg, uint32_t index)
{
    column_scan *scan = arg;
    scan->sides |= index < scan->left_count ? SIDE_LEFT : SIDE_RIGHT;
    scan->uses++;
    scan->column = index;
}

static column_scan scan_columns(const join_parts *j, const lt_expr *expr)
{
    column_scan scan = {.left_count = j->left_count};
    lt_expr_columns(expr, see_column, &scan);
    return scan;
}

/* Has the type a unique byte form? Entries of maps may stand in any order. */
static bool is_key_type(const lt_type *type)
{
    if (type->kind == LT_TYPE_MAP || type->kind == LT_TYPE_MULTISET || type->kind == LT_TYPE_NULL) {
        return false;
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (!is_key_type(type->fields[i].type)) {
            return false;
        }
    }
    return true;
}

/* An expression over the join's columns as one over its right input's. */
static lt_status to_right(join_parts *j, const lt_expr *expr, lt_expr **out, lt_error *err)
{
    uint32_t count = j->join->schema->count;
    uint32_t *map = LT_NEW_ARRAY(j->p->arena, uint32_t, count + 1);
    if (map == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        map[i] = i >= j->left_count ? i - j->left_count : 0;
    }
    return lt_expr_remap(&j->p->builder, expr, map, NULL, out, err);
}

/* ---- patterns of other joins ---- */

static void note_window(join_parts *j, const lt_expr *left, const lt_expr *right)
{
    const lt_window_props *a = &j->join->inputs[0]->window;
    const lt_window_props *b = &j->join->inputs[1]->window;
    if (!a->present || !b->present || left->kind != LT_NODE_COLUMN ||
        right->kind != LT_NODE_COLUMN) {
        return;
    }
    j->starts_equal = j->starts_equal ||
                      ((int)left->u.column == a->start_col && (int)right->u.column == b->start_col);
    j->ends_equal =
        j->ends_equal || ((int)left->u.column == a->end_col && (int)right->u.column == b->end_col);
}

static lt_time_attr time_attr(const join_parts *j, const column_scan *scan)
{
    const lt_rel *input = j->join->inputs[scan->sides == SIDE_RIGHT];
    uint32_t column = scan->sides == SIDE_RIGHT ? scan->column - j->left_count : scan->column;
    return input->schema->fields[column].type->attr;
}

/* A comparison of one side's time attribute with the other's, either of them shifted by a constant:
 * a bound of an interval join. above: that the left time is at least something. */
static void note_bound(join_parts *j, const lt_expr *a, const lt_expr *b, bool above, bool below)
{
    column_scan x = scan_columns(j, a);
    column_scan y = scan_columns(j, b);
    if (x.uses != 1 || y.uses != 1 || x.sides == y.sides) {
        return;
    }
    lt_time_attr attr = time_attr(j, &x);
    if (attr == LT_TIME_NONE || attr != time_attr(j, &y)) {
        return;
    }
    bool swapped = x.sides == SIDE_RIGHT;
    j->time_above = j->time_above || (swapped ? below : above);
    j->time_below = j->time_below || (swapped ? above : below);
}

static void note_time(join_parts *j, const lt_expr *expr)
{
    lt_expr *const *args = expr->kind == LT_NODE_CALL ? expr->u.call.args : NULL;
    if (is_call(expr, "=")) {
        note_bound(j, args[0], args[1], true, true);
    } else if (is_call(expr, ">") || is_call(expr, ">=")) {
        note_bound(j, args[0], args[1], true, false);
    } else if (is_call(expr, "<") || is_call(expr, "<=")) {
        note_bound(j, args[0], args[1], false, true);
    } else if (is_call(expr, "BETWEEN")) {
        note_bound(j, args[0], args[1], true, false);
        note_bound(j, args[0], args[2], false, true);
    }
}

static lt_status refuse_patterns(const join_parts *j, lt_error *err)
{
    if (j->time_above && j->time_below) {
        lt_status st = lt_error_set_at(
            err, LT_ERR_UNSUPPORTED, j->join->pos,
            "interval joins (time attributes of both sides, bounded by each other) are not "
            "supported yet");
        lt_error_hint(err, "a sub-query that selects CAST(ts AS TIMESTAMP(3)) makes it a regular "
                           "join, which keeps all rows");
        return st;
    }
    if (j->starts_equal && j->ends_equal) {
        return lt_error_set_at(err, LT_ERR_UNSUPPORTED, j->join->pos,
                               "window joins (window_start and window_end of both sides equal) "
                               "are not supported yet");
    }
    return LT_OK;
}

/* ---- conjuncts ---- */

static lt_status key_type(join_parts *j, const lt_type *a, const lt_type *b, const lt_type **out,
                          lt_error *err)
{
    const lt_type *types[2] = {a, b};
    lt_error ignored;
    *out = NULL;
    lt_status st = lt_type_common(j->p->arena, types, 2, out, &ignored);
    if (st == LT_ERR_NOMEM) {
        return nomem(err);
    }
    if (st != LT_OK || lt_type_phys(a) != lt_type_phys(b)) {
        *out = NULL;
        return LT_OK;
    }
    *out = lt_type_with_nullable(j->p->arena, *out, true);
    return *out != NULL ? LT_OK : nomem(err);
}

/* Both sides of one form? Strings of any length have the same; else the types must be equal. */
static bool same_form(const lt_type *a, const lt_type *b)
{
    bool bytes = lt_type_phys(a) == LT_PHYS_STR && lt_type_phys(b) == LT_PHYS_STR;
    return bytes || lt_type_eq_unnull(a, b);
}

static lt_status add_key(join_parts *j, lt_expr *expr, bool swapped, bool *taken, lt_error *err)
{
    lt_expr *left = expr->u.call.args[swapped ? 1 : 0];
    lt_expr *right = expr->u.call.args[swapped ? 0 : 1];
    key_pair pair = {.left = left, .null_safe = is_call(expr, "IS NOT DISTINCT FROM")};
    LT_TRY(key_type(j, left->type, right->type, &pair.type, err));
    *taken = pair.type != NULL && is_key_type(pair.type) && same_form(left->type, right->type);
    if (!*taken) {
        return LT_OK;
    }
    LT_TRY(to_right(j, right, &pair.right, err));
    if (j->key_count == j->key_cap) {
        uint32_t cap = j->key_cap == 0 ? 4 : 2 * j->key_cap;
        key_pair *grown = LT_NEW_ARRAY(j->p->arena, key_pair, cap);
        if (grown == NULL) {
            return nomem(err);
        }
        for (uint32_t i = 0; i < j->key_count; i++) {
            grown[i] = j->keys[i];
        }
        j->keys = grown;
        j->key_cap = cap;
    }
    note_window(j, pair.left, pair.right);
    j->keys[j->key_count++] = pair;
    return LT_OK;
}

static lt_status place(join_parts *j, lt_expr *expr, lt_error *err)
{
    if (is_call(expr, "AND")) {
        for (uint32_t i = 0; i < expr->u.call.arg_count; i++) {
            LT_TRY(place(j, expr->u.call.args[i], err));
        }
        return LT_OK;
    }
    note_time(j, expr);
    if (lt_expr_is_deterministic(expr)) {
        int sides = scan_columns(j, expr).sides;
        if (sides == SIDE_LEFT) {
            return lt_plan_and(j->p, j->pushed[0], expr, &j->pushed[0], err);
        }
        if (sides == SIDE_RIGHT) {
            lt_expr *own;
            LT_TRY(to_right(j, expr, &own, err));
            return lt_plan_and(j->p, j->pushed[1], own, &j->pushed[1], err);
        }
        if (is_call(expr, "=") || is_call(expr, "IS NOT DISTINCT FROM")) {
            int a = scan_columns(j, expr->u.call.args[0]).sides;
            int b = scan_columns(j, expr->u.call.args[1]).sides;
            bool taken = false;
            if (a + b == SIDE_BOTH && a != SIDE_NONE && b != SIDE_NONE) {
                LT_TRY(add_key(j, expr, a == SIDE_RIGHT, &taken, err));
            }
            if (taken) {
                return LT_OK;
            }
        }
    }
    return lt_plan_and(j->p, j->residual, expr, &j->residual, err);
}

/* ---- building ---- */

/* An input with its own filter below, which may in turn go into a join. */
static lt_status translate_side(join_parts *j, int side, lt_log **out, lt_error *err)
{
    lt_rel *input = j->join->inputs[side];
    if (j->pushed[side] != NULL) {
        lt_rel *filter = LT_NEW(j->p->arena, lt_rel);
        lt_rel **inputs = LT_NEW(j->p->arena, lt_rel *);
        if (filter == NULL || inputs == NULL) {
            return nomem(err);
        }
        inputs[0] = input;
        filter->kind = LT_REL_FILTER;
        filter->pos = input->pos;
        filter->schema = input->schema;
        filter->window = input->window;
        filter->inputs = inputs;
        filter->input_count = 1;
        filter->u.filter.condition = j->pushed[side];
        input = filter;
    }
    return lt_plan_translate(j->p, input, out, err);
}

/* Adds the keys that are computed behind the input's columns; keys[k] = where each stands. */
static lt_status place_keys(join_parts *j, int side, lt_log **input, uint32_t *keys, lt_error *err)
{
    lt_planner *p = j->p;
    const lt_schema *in = (*input)->schema;
    uint32_t count = in->count;
    lt_expr **exprs = LT_NEW_ARRAY(p->arena, lt_expr *, count + j->key_count + 1);
    lt_field *fields = LT_NEW_ARRAY(p->arena, lt_field, count + j->key_count + 1);
    if (exprs == NULL || fields == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        fields[i] = in->fields[i];
        LT_TRY(lt_expr_column(&p->builder, i, in->fields[i].type, 0, &exprs[i], err));
    }
    for (uint32_t k = 0; k < j->key_count; k++) {
        lt_expr *key = side == 0 ? j->keys[k].left : j->keys[k].right;
        if (key->kind == LT_NODE_COLUMN) {
            keys[k] = key->u.column;
            continue;
        }
        uint32_t at = in->count;
        while (at < count && !lt_expr_eq(exprs[at], key)) {
            at++;
        }
        if (at == count) {
            const char *name = lt_arena_printf(p->arena, "$k%u", k);
            if (name == NULL) {
                return nomem(err);
            }
            exprs[count] = key;
            fields[count++] = (lt_field){lt_str_of(name), key->type};
        }
        keys[k] = at;
    }
    if (count == in->count) {
        return LT_OK;
    }
    const lt_schema *schema = lt_schema_new(p->arena, fields, count);
    return schema == NULL ? nomem(err) : lt_log_calc(p, *input, NULL, exprs, schema, input, err);
}

static bool name_taken(const lt_field *fields, uint32_t count, lt_str name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (lt_str_eq(fields[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* Left columns, then right ones, under names of their own; no time attributes. */
static lt_status join_schema(lt_planner *p, const lt_schema *left, const lt_schema *right,
                             const lt_schema **out, lt_error *err)
{
    uint32_t count = left->count + right->count;
    lt_field *fields = LT_NEW_ARRAY(p->arena, lt_field, count + 1);
    if (fields == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        const lt_field *from = i < left->count ? &left->fields[i] : &right->fields[i - left->count];
        lt_str name = from->name;
        for (uint32_t n = 0; name_taken(fields, i, name); n++) {
            name = lt_str_of(lt_arena_printf(p->arena, LT_STR_FMT "%u", LT_STR_ARG(from->name), n));
            if (name.ptr == NULL) {
                return nomem(err);
            }
        }
        fields[i] = (lt_field){name, lt_type_with_attr(p->arena, from->type, LT_TIME_NONE)};
        if (fields[i].type == NULL) {
            return nomem(err);
        }
    }
    *out = lt_schema_new(p->arena, fields, count);
    return *out != NULL ? LT_OK : nomem(err);
}

/* Columns of the bound join as columns of the node, whose left input may be wider. */
static lt_status shifted(join_parts *j, uint32_t left_width, uint32_t **out, lt_error *err)
{
    uint32_t count = j->join->schema->count;
    uint32_t *map = LT_NEW_ARRAY(j->p->arena, uint32_t, count + 1);
    if (map == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        map[i] = i < j->left_count ? i : i - j->left_count + left_width;
    }
    *out = map;
    return LT_OK;
}

static lt_status set_keys(join_parts *j, lt_log *node, const uint32_t *left, const uint32_t *right,
                          lt_error *err)
{
    bool *null_safe = LT_NEW_ARRAY(j->p->arena, bool, j->key_count + 1);
    const lt_type **types = LT_NEW_ARRAY(j->p->arena, const lt_type *, j->key_count + 1);
    if (null_safe == NULL || types == NULL) {
        return nomem(err);
    }
    for (uint32_t k = 0; k < j->key_count; k++) {
        null_safe[k] = j->keys[k].null_safe;
        types[k] = j->keys[k].type;
    }
    node->keys = left;
    node->right_keys = right;
    node->key_count = j->key_count;
    node->null_safe = null_safe;
    node->key_types = types;
    return LT_OK;
}

static lt_status build(join_parts *j, lt_log **out, lt_error *err)
{
    lt_planner *p = j->p;
    lt_log *inputs[2];
    uint32_t *keys[2];
    for (int side = 0; side < 2; side++) {
        keys[side] = LT_NEW_ARRAY(p->arena, uint32_t, j->key_count + 1);
        if (keys[side] == NULL) {
            return nomem(err);
        }
        LT_TRY(translate_side(j, side, &inputs[side], err));
        LT_TRY(place_keys(j, side, &inputs[side], keys[side], err));
    }
    const lt_schema *schema = NULL;
    LT_TRY(join_schema(p, inputs[0]->schema, inputs[1]->schema, &schema, err));
    lt_log *node = lt_log_new(p, LT_LOG_JOIN, schema, inputs, 2);
    uint32_t *map = NULL;
    LT_TRY(shifted(j, inputs[0]->schema->count, &map, err));
    if (node == NULL) {
        return nomem(err);
    }
    node->pos = j->join->pos;
    LT_TRY(set_keys(j, node, keys[0], keys[1], err));
    if (j->residual != NULL) {
        LT_TRY(lt_expr_remap(&p->builder, j->residual, map, NULL, &node->condition, err));
    }
    LT_TRY(lt_log_intern(p, node, &node, err));

    lt_expr **exprs = LT_NEW_ARRAY(p->arena, lt_expr *, j->join->schema->count + 1);
    if (exprs == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < j->join->schema->count; i++) {
        LT_TRY(lt_expr_column(&p->builder, map[i], schema->fields[map[i]].type, j->join->pos,
                              &exprs[i], err));
    }
    return lt_log_calc(p, node, NULL, exprs, j->join->schema, out, err);
}

lt_status lt_rule_join(lt_planner *p, lt_rel *join, lt_expr *where, lt_log **out, lt_error *err)
{
    join_parts j = {.p = p, .join = join, .left_count = join->inputs[0]->schema->count};
    if (join->u.join.condition != NULL) {
        LT_TRY(place(&j, join->u.join.condition, err));
    }
    if (where != NULL) {
        LT_TRY(place(&j, where, err));
    }
    LT_TRY(refuse_patterns(&j, err));
    return build(&j, out, err);
}

lt_status lt_rule_join_filter(lt_planner *p, lt_rel *filter, lt_log **out, lt_error *err)
{
    const lt_rel *below = filter;
    while (below->kind == LT_REL_FILTER || below->kind == LT_REL_PROJECT) {
        for (uint32_t i = 0; below->kind == LT_REL_PROJECT && i < below->schema->count; i++) {
            if (below->u.project.exprs[i]->kind == LT_NODE_CALL) {
                return LT_OK; /* computed once, below the condition */
            }
        }
        below = below->inputs[0];
    }
    if (below->kind != LT_REL_JOIN) {
        return LT_OK;
    }
    lt_chain chain;
    LT_TRY(lt_chain_collapse(p, filter, &chain, err));
    lt_log *node;
    LT_TRY(lt_rule_join(p, chain.bottom, chain.condition, &node, err));
    return lt_log_calc(p, node, NULL, chain.exprs, filter->schema, out, err);
}
