/* Making relational nodes: output schemas, and what becomes of window properties and time
 * attributes on the way. */
#include "bind/bind_int.h"

lt_rel *lt_rel_make(lt_binder *b, lt_rel_kind kind, uint32_t pos, lt_rel *input, lt_error *err)
{
    lt_rel *rel = LT_NEW(b->arena, lt_rel);
    lt_rel **inputs = input ? LT_NEW(b->arena, lt_rel *) : NULL;
    if (!rel || (input && !inputs)) {
        (void)lt_error_nomem(err, "query");
        return NULL;
    }
    if (++*b->rel_count > LT_RELS_MAX) {
        (void)lt_error_set_at(
            err, LT_ERR_LIMIT, pos,
            "the query has more than %d parts once its views and WITH queries are put in",
            LT_RELS_MAX);
        return NULL;
    }
    rel->kind = kind;
    rel->pos = pos;
    if (input) {
        inputs[0] = input;
        rel->inputs = inputs;
        rel->input_count = 1;
        rel->schema = input->schema;
        rel->window = input->window;
    } else {
        rel->window.start_col = rel->window.end_col = rel->window.time_col = -1;
    }
    return rel;
}

static lt_status set_schema(lt_binder *b, lt_rel *rel, const lt_field *fields, uint32_t count,
                            lt_error *err)
{
    rel->schema = lt_schema_new(b->arena, fields, count);
    return rel->schema ? LT_OK : lt_error_nomem(err, "schema");
}

lt_status lt_rel_dummy(lt_binder *b, uint32_t pos, lt_rel **out, lt_error *err)
{
    lt_rel *rel = lt_rel_make(b, LT_REL_VALUES, pos, NULL, err);
    lt_value zero = {0};
    lt_field field = {LT_STR("ZERO"), lt_type_new(b->arena, LT_TYPE_INT, false)};
    lt_expr ***rows = LT_NEW(b->arena, lt_expr **);
    lt_expr **row = LT_NEW(b->arena, lt_expr *);
    if (!rel) {
        return err->code;
    }
    rel->schema = field.type ? lt_schema_new(b->arena, &field, 1) : NULL;
    if (!rel->schema || !rows || !row) {
        return lt_error_nomem(err, "values");
    }
    zero.type = field.type;
    LT_TRY(lt_expr_literal(&b->eb, &zero, pos, &row[0], err));
    rows[0] = row;
    rel->u.values.rows = rows;
    rel->u.values.row_count = 1;
    *out = rel;
    return LT_OK;
}

lt_status lt_rel_filter(lt_binder *b, lt_rel *input, lt_expr *condition, uint32_t pos, lt_rel **out,
                        lt_error *err)
{
    lt_rel *rel = lt_rel_make(b, LT_REL_FILTER, pos, input, err);
    if (!rel) {
        return err->code;
    }
    rel->u.filter.condition = condition;
    *out = rel;
    return LT_OK;
}

/* Where an input column stands in the projection when it is passed on unchanged; -1 = nowhere. */
static int projected_at(lt_expr *const *exprs, uint32_t count, int column)
{
    for (uint32_t i = 0; column >= 0 && i < count; i++) {
        if (exprs[i]->kind == LT_NODE_COLUMN && exprs[i]->u.column == (uint32_t)column) {
            return (int)i;
        }
    }
    return -1;
}

/* One of two equal columns is enough. */
static void project_part(lt_expr *const *exprs, uint32_t count, int *column, int *also)
{
    int first = projected_at(exprs, count, *column);
    int second = *also > 0 ? projected_at(exprs, count, *also - 1) : -1;
    *column = first >= 0 ? first : second;
    *also = first >= 0 && second >= 0 ? second + 1 : 0;
}

static void project_window(lt_rel *rel, uint32_t count)
{
    const lt_window_props *from = &rel->inputs[0]->window;
    lt_expr *const *exprs = rel->u.project.exprs;
    rel->window = *from;
    if (from->present) {
        project_part(exprs, count, &rel->window.start_col, &rel->window.start_also);
        project_part(exprs, count, &rel->window.end_col, &rel->window.end_also);
        project_part(exprs, count, &rel->window.time_col, &rel->window.time_also);
        rel->window.present = rel->window.start_col >= 0 || rel->window.end_col >= 0;
    }
}

void lt_rel_project_window(lt_rel *rel)
{
    project_window(rel, rel->schema->count);
}

lt_status lt_rel_project(lt_binder *b, lt_rel *input, lt_expr **exprs, const lt_field *fields,
                         uint32_t count, lt_rel **out, lt_error *err)
{
    lt_rel *rel = lt_rel_make(b, LT_REL_PROJECT, input->pos, input, err);
    if (!rel) {
        return err->code;
    }
    rel->u.project.exprs = exprs;
    project_window(rel, count);
    *out = rel;
    return set_schema(b, rel, fields, count, err);
}

static int key_at(const uint32_t *keys, uint32_t count, int column)
{
    for (uint32_t i = 0; column >= 0 && i < count; i++) {
        if (keys[i] == (uint32_t)column) {
            return (int)i;
        }
    }
    return -1;
}

static void prefer(const uint32_t *columns, uint32_t count, int *column, int *also)
{
    if (*also > 0 && key_at(columns, count, *column) < 0 &&
        key_at(columns, count, *also - 1) >= 0) {
        int other = *column + 1;
        *column = *also - 1;
        *also = other;
    }
}

void lt_window_prefer(lt_window_props *window, const uint32_t *columns, uint32_t count)
{
    prefer(columns, count, &window->start_col, &window->start_also);
    prefer(columns, count, &window->end_col, &window->end_also);
    prefer(columns, count, &window->time_col, &window->time_also);
}

lt_status lt_rel_aggregate(lt_binder *b, lt_rel *input, const uint32_t *keys, const lt_str *names,
                           uint32_t key_count, lt_agg **aggs, uint32_t agg_count, lt_rel **out,
                           lt_error *err)
{
    lt_window_prefer(&input->window, keys, key_count);
    lt_rel *rel = lt_rel_make(b, LT_REL_AGGREGATE, input->pos, input, err);
    lt_field *fields = LT_NEW_ARRAY(b->arena, lt_field, key_count + agg_count + 1);
    if (!rel || !fields) {
        return rel ? lt_error_nomem(err, "schema") : err->code;
    }
    rel->u.aggregate.keys = keys;
    rel->u.aggregate.key_count = key_count;
    rel->u.aggregate.aggs = aggs;
    rel->u.aggregate.agg_count = agg_count;
    lt_window_props *window = &rel->window;
    window->start_also = window->end_also = window->time_also = 0;
    if (window->present) {
        window->start_col = key_at(keys, key_count, input->window.start_col);
        window->end_col = key_at(keys, key_count, input->window.end_col);
        window->time_col = key_at(keys, key_count, input->window.time_col);
        window->present = window->start_col >= 0 && window->end_col >= 0;
    }
    for (uint32_t i = 0; i < key_count; i++) {
        const lt_field *from = &input->schema->fields[keys[i]];
        bool keeps_attr = window->present && (int)i == window->time_col;
        fields[i].name = names ? names[i] : from->name;
        fields[i].type =
            keeps_attr ? from->type : lt_type_with_attr(b->arena, from->type, LT_TIME_NONE);
        if (!fields[i].type) {
            return lt_error_nomem(err, "type");
        }
    }
    for (uint32_t i = 0; i < agg_count; i++) {
        const char *name = lt_arena_printf(b->arena, "EXPR$%u", key_count + i);
        if (!name) {
            return lt_error_nomem(err, "name");
        }
        fields[key_count + i] = (lt_field){lt_str_of(name), aggs[i]->result};
    }
    *out = rel;
    return set_schema(b, rel, fields, key_count + agg_count, err);
}

lt_status lt_rel_distinct(lt_binder *b, lt_rel *input, lt_rel **out, lt_error *err)
{
    uint32_t count = input->schema->count;
    uint32_t *keys = LT_NEW_ARRAY(b->arena, uint32_t, count + 1);
    if (!keys) {
        return lt_error_nomem(err, "keys");
    }
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = i;
    }
    return lt_rel_aggregate(b, input, keys, NULL, count, NULL, 0, out, err);
}

lt_status lt_rel_extend(lt_binder *b, lt_rel *input, lt_expr *const *extra, uint32_t extra_count,
                        lt_rel **out, lt_error *err)
{
    uint32_t base = input->schema->count;
    lt_expr **exprs = LT_NEW_ARRAY(b->arena, lt_expr *, base + extra_count + 1);
    lt_field *fields = LT_NEW_ARRAY(b->arena, lt_field, base + extra_count + 1);
    if (!exprs || !fields) {
        return lt_error_nomem(err, "projection");
    }
    for (uint32_t i = 0; i < base; i++) {
        fields[i] = input->schema->fields[i];
        LT_TRY(lt_expr_column(&b->eb, i, fields[i].type, input->pos, &exprs[i], err));
    }
    for (uint32_t i = 0; i < extra_count; i++) {
        const char *name = lt_arena_printf(b->arena, "$f%u", base + i);
        /* PROCTIME() itself says in which order rows come. */
        bool now = extra[i]->kind == LT_NODE_CALL && extra[i]->type->attr == LT_TIME_PROCTIME;
        const lt_type *type =
            now ? extra[i]->type : lt_type_with_attr(b->arena, extra[i]->type, LT_TIME_NONE);
        if (!name || !type) {
            return lt_error_nomem(err, "projection");
        }
        exprs[base + i] = extra[i];
        fields[base + i] = (lt_field){lt_str_of(name), type};
    }
    return lt_rel_project(b, input, exprs, fields, base + extra_count, out, err);
}

lt_status lt_rel_limit(lt_binder *b, lt_rel *input, int64_t offset, int64_t count, lt_rel **out,
                       lt_error *err)
{
    lt_rel *rel = lt_rel_make(b, LT_REL_LIMIT, input->pos, input, err);
    if (!rel) {
        return err->code;
    }
    rel->u.limit.offset = offset;
    rel->u.limit.count = count;
    *out = rel;
    return LT_OK;
}

/* Can rows of the side come as NULLs? */
static bool null_supplied(lt_join_type type, bool left)
{
    return type == LT_JOIN_TYPE_FULL || type == (left ? LT_JOIN_TYPE_RIGHT : LT_JOIN_TYPE_LEFT);
}

lt_status lt_rel_join(lt_binder *b, lt_rel *left, lt_rel *right, lt_join_type type, uint32_t pos,
                      lt_rel **out, lt_error *err)
{
    bool left_only = type == LT_JOIN_TYPE_SEMI || type == LT_JOIN_TYPE_ANTI;
    uint32_t lefts = left->schema->count;
    uint32_t count = lefts + (left_only ? 0 : right->schema->count);
    lt_rel *rel = lt_rel_make(b, LT_REL_JOIN, pos, NULL, err);
    lt_rel **inputs = LT_NEW_ARRAY(b->arena, lt_rel *, 2);
    lt_field *fields = LT_NEW_ARRAY(b->arena, lt_field, count + 1);
    if (!rel || !inputs || !fields) {
        return rel ? lt_error_nomem(err, "join") : err->code;
    }
    inputs[0] = left;
    inputs[1] = right;
    for (uint32_t i = 0; i < count; i++) {
        fields[i] = i < lefts ? left->schema->fields[i] : right->schema->fields[i - lefts];
        fields[i].type = lt_type_with_attr(b->arena, fields[i].type, LT_TIME_NONE);
        if (fields[i].type && null_supplied(type, i < lefts)) {
            fields[i].type = lt_type_with_nullable(b->arena, fields[i].type, true);
        }
        if (!fields[i].type) {
            return lt_error_nomem(err, "type");
        }
    }
    rel->inputs = inputs;
    rel->input_count = 2;
    rel->u.join.type = type;
    *out = rel;
    return set_schema(b, rel, fields, count, err);
}

/* ---- settling ---- */

/* A column that is nothing but NULL has no type of its own while a statement is bound, so that
 * INSERT and UNION can give it theirs. What nobody typed becomes BOOLEAN, because every column
 * needs a physical form. */
static lt_status settle_schema(lt_binder *b, lt_rel *rel, const lt_type *type, lt_error *err)
{
    const lt_schema *old = rel->schema;
    bool any = false;
    for (uint32_t i = 0; i < old->count; i++) {
        any = any || old->fields[i].type->kind == LT_TYPE_NULL;
    }
    if (!any) {
        return LT_OK;
    }
    lt_field *fields = LT_NEW_ARRAY(b->arena, lt_field, old->count);
    if (!fields) {
        return lt_error_nomem(err, "schema");
    }
    for (uint32_t i = 0; i < old->count; i++) {
        fields[i] = old->fields[i];
        fields[i].type = fields[i].type->kind == LT_TYPE_NULL ? type : fields[i].type;
    }
    return set_schema(b, rel, fields, old->count, err);
}

static void settle_exprs(lt_expr **exprs, uint32_t count, const lt_type *type)
{
    for (uint32_t i = 0; i < count; i++) {
        if (exprs[i]->type->kind == LT_TYPE_NULL) {
            exprs[i]->type = type;
            if (exprs[i]->kind == LT_NODE_LITERAL) {
                exprs[i]->u.literal.type = type;
            }
        }
    }
}

static lt_status settle(lt_binder *b, lt_rel *rel, const lt_type *type, lt_error *err)
{
    for (uint32_t i = 0; i < rel->input_count; i++) {
        LT_TRY(settle(b, rel->inputs[i], type, err));
    }
    if (rel->kind == LT_REL_PROJECT) {
        settle_exprs(rel->u.project.exprs, rel->schema->count, type);
    } else if (rel->kind == LT_REL_VALUES) {
        for (uint32_t r = 0; r < rel->u.values.row_count; r++) {
            settle_exprs(rel->u.values.rows[r], rel->schema->count, type);
        }
    }
    return settle_schema(b, rel, type, err);
}

lt_status lt_rel_settle(lt_binder *b, lt_rel *rel, lt_error *err)
{
    const lt_type *type = lt_type_new(b->arena, LT_TYPE_BOOLEAN, true);
    return type ? settle(b, rel, type, err) : lt_error_nomem(err, "type");
}
