/* Joins, with the conditions of a WHERE around them: each conjunct goes where it costs least. What
 * one side alone decides becomes a filter below, an equality of the sides becomes a pair of keys
 * (computed below when it is more than a column), the rest is tested on pairs of rows, or on what
 * the join gives (join_parts.c). The
 * binder says whether it is an interval or a window join, whose output keeps time attributes
 * (bind/join_how.c). */
#include "plan/join_parts.h"

static lt_status nomem(lt_error *err)
{
    return lt_error_nomem(err, "a join");
}

/* An input with its own filter below, which may in turn go into a join. */
static lt_status translate_side(lt_join_parts *j, int side, lt_log **out, lt_error *err)
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
static lt_status place_keys(lt_join_parts *j, int side, lt_log **input, uint32_t *keys,
                            lt_error *err)
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

/* Regular joins keep no time attributes, a temporal join its left ones, an interval join in
 * processing time none that watermarks are about. */
static lt_time_attr kept_attr(const lt_join_parts *j, const lt_type *type, bool left)
{
    if (j->join->u.join.temporal) {
        return left ? type->attr : LT_TIME_NONE;
    }
    bool proctime = j->join->u.join.how == LT_JOIN_INTERVAL && j->join->u.join.interval.proctime;
    if (j->join->u.join.how == LT_JOIN_REGULAR || (proctime && type->attr == LT_TIME_ROWTIME)) {
        return LT_TIME_NONE;
    }
    return type->attr;
}

/* Left columns, then right ones, under names of their own. */
static lt_status join_schema(const lt_join_parts *j, const lt_schema *left, const lt_schema *right,
                             const lt_schema **out, lt_error *err)
{
    lt_planner *p = j->p;
    bool null_left = j->type == LT_JOIN_TYPE_RIGHT || j->type == LT_JOIN_TYPE_FULL;
    bool null_right = j->type == LT_JOIN_TYPE_LEFT || j->type == LT_JOIN_TYPE_FULL;
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
        const lt_type *type =
            lt_type_with_attr(p->arena, from->type, kept_attr(j, from->type, i < left->count));
        if (type != NULL && (i < left->count ? null_left : null_right)) {
            type = lt_type_with_nullable(p->arena, type, true);
        }
        if (type == NULL) {
            return nomem(err);
        }
        fields[i] = (lt_field){name, type};
    }
    *out = lt_schema_new(p->arena, fields, count);
    return *out != NULL ? LT_OK : nomem(err);
}

/* Columns of the bound join as columns of the node, whose left input may be wider. */
static lt_status shifted(lt_join_parts *j, uint32_t left_width, uint32_t **out, lt_error *err)
{
    uint32_t count = j->total;
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

static lt_status set_keys(lt_join_parts *j, lt_log *node, const uint32_t *left,
                          const uint32_t *right, lt_error *err)
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

static lt_status build(lt_join_parts *j, lt_log **out, lt_error *err)
{
    lt_planner *p = j->p;
    lt_log *inputs[2];
    uint32_t *keys[2];
    for (int side = 0; side < 2; side++) {
        keys[side] = LT_NEW_ARRAY(p->arena, uint32_t, j->key_count + 1);
        if (keys[side] == NULL) {
            return nomem(err);
        }
        bool alone = p->alone;
        p->alone = alone || (j->lookup && side == 1);
        lt_status st = translate_side(j, side, &inputs[side], err);
        p->alone = alone;
        LT_TRY(st);
        LT_TRY(place_keys(j, side, &inputs[side], keys[side], err));
    }
    const lt_schema *schema = NULL;
    LT_TRY(join_schema(j, inputs[0]->schema, inputs[1]->schema, &schema, err));
    bool temporal = j->join->u.join.temporal && !j->lookup;
    lt_log *node = lt_log_new(p, temporal ? LT_LOG_TEMPORAL_JOIN : LT_LOG_JOIN, schema, inputs, 2);
    uint32_t *map = NULL;
    LT_TRY(shifted(j, inputs[0]->schema->count, &map, err));
    if (node == NULL) {
        return nomem(err);
    }
    node->pos = j->join->pos;
    node->join_type = j->type;
    node->lookup = j->lookup;
    node->times[0] = j->join->u.join.as_of;
    node->times[1] = j->right_time;
    node->join_how = j->join->u.join.how;
    node->interval = j->join->u.join.interval;
    for (int side = 0; side < 2 && node->join_how == LT_JOIN_WINDOW; side++) {
        node->ends[side] = (uint32_t)j->join->inputs[side]->window.end_col;
        node->ltz = j->join->inputs[side]->window.ltz;
    }
    for (int side = 0; side < 2; side++) {
        node->has_ttl[side] = j->join->u.join.has_ttl[side];
        node->ttl_ms[side] = j->join->u.join.ttl_ms[side];
    }
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
    lt_expr *above = NULL;
    if (j->above != NULL) {
        LT_TRY(lt_expr_remap(&p->builder, j->above, map, NULL, &above, err));
    }
    return lt_log_calc(p, node, above, exprs, j->join->schema, out, err);
}

lt_status lt_rule_join(lt_planner *p, lt_rel *join, lt_expr *where, lt_log **out, lt_error *err)
{
    lt_join_parts j;
    LT_TRY(lt_join_take_apart(&j, p, join, where, err));
    *out = NULL;
    if (join->u.join.temporal) {
        LT_TRY(lt_join_check_temporal(&j, err));
    }
    return build(&j, out, err);
}

/* ---- WHERE ---- */

static void mark_used(void *arg, uint32_t index)
{
    ((bool *)arg)[index] = true;
}

/* Would the columns of a projection that the conditions above look at be computed twice for
 * nothing? Not when one side of the join decides them: then they are tested below it. */
static lt_status is_decided_early(lt_planner *p, lt_rel *project, const bool *used, bool *out,
                                  lt_error *err)
{
    lt_chain chain;
    LT_TRY(lt_chain_collapse(p, project, &chain, err));
    const lt_join_parts j = {.left_count = chain.bottom->inputs[0]->schema->count};
    for (uint32_t i = 0; i < project->schema->count && *out; i++) {
        const lt_expr *expr = chain.exprs[i];
        if (used[i] && expr->kind == LT_NODE_CALL) {
            int sides = lt_join_scan(&j, expr).sides;
            *out =
                lt_expr_is_deterministic(expr) && (sides == LT_SIDE_LEFT || sides == LT_SIDE_RIGHT);
        }
    }
    return LT_OK;
}

static lt_status may_collapse(lt_planner *p, lt_rel *filter, bool *out, lt_error *err)
{
    bool *used = NULL;
    *out = true;
    for (lt_rel *rel = filter; rel->kind != LT_REL_JOIN && *out; rel = rel->inputs[0]) {
        bool *below = LT_NEW_ARRAY(p->arena, bool, rel->inputs[0]->schema->count + 1);
        if (below == NULL) {
            return nomem(err);
        }
        if (rel->kind == LT_REL_FILTER) {
            lt_expr_columns(rel->u.filter.condition, mark_used, below);
        } else {
            LT_TRY(is_decided_early(p, rel, used, out, err));
        }
        for (uint32_t i = 0; used != NULL && i < rel->schema->count; i++) {
            if (used[i] && rel->kind == LT_REL_FILTER) {
                below[i] = true;
            } else if (used[i]) {
                lt_expr_columns(rel->u.project.exprs[i], mark_used, below);
            }
        }
        used = below;
    }
    return LT_OK;
}

lt_status lt_rule_join_filter(lt_planner *p, lt_rel *filter, lt_log **out, lt_error *err)
{
    const lt_rel *below = filter;
    bool may = false;
    while (below->kind == LT_REL_FILTER || below->kind == LT_REL_PROJECT) {
        below = below->inputs[0];
    }
    if (below->kind == LT_REL_JOIN) {
        LT_TRY(may_collapse(p, filter, &may, err));
    }
    if (!may) {
        return LT_OK;
    }
    lt_chain chain;
    LT_TRY(lt_chain_collapse(p, filter, &chain, err));
    lt_log *node;
    LT_TRY(lt_rule_join(p, chain.bottom, chain.condition, &node, err));
    return lt_log_calc(p, node, NULL, chain.exprs, filter->schema, out, err);
}
