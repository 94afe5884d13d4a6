/* INTERSECT ALL and EXCEPT ALL: how often each row comes on either side is counted, and the row
 * repeated as often as both have it, or as the left side has it more often:
 *
 *   UNION ALL of (row, 1, 0) and (row, 0, 1) -> sums per row -> copies -> that many rows */
#include "bind/bind_int.h"

typedef struct {
    lt_binder *b;
    uint32_t pos;
    bool intersect;
    uint32_t columns;
    const lt_type *bigint;
} setop;

static lt_status nomem(lt_error *err)
{
    return lt_error_nomem(err, "set operation");
}

static lt_status number(const setop *s, int64_t value, lt_expr **out, lt_error *err)
{
    const lt_value literal = {.type = s->bigint, .u.i = value};
    return lt_expr_literal(&s->b->eb, &literal, s->pos, out, err);
}

/* The input's columns and how much its rows count on each side. */
static lt_status marked(const setop *s, lt_rel *input, bool left, lt_rel **out, lt_error *err)
{
    lt_expr *sides[2];
    LT_TRY(number(s, left ? 1 : 0, &sides[0], err));
    LT_TRY(number(s, left ? 0 : 1, &sides[1], err));
    return lt_rel_extend(s->b, input, sides, 2, out, err);
}

static lt_status unite(const setop *s, lt_rel *left, lt_rel *right, lt_rel **out, lt_error *err)
{
    lt_rel *rel = lt_rel_make(s->b, LT_REL_UNION, s->pos, NULL, err);
    lt_rel **inputs = LT_NEW_ARRAY(s->b->arena, lt_rel *, 2);
    lt_field *fields = LT_NEW_ARRAY(s->b->arena, lt_field, s->columns + 2);
    if (!rel || !inputs || !fields) {
        return rel ? nomem(err) : err->code;
    }
    LT_TRY(marked(s, left, true, &inputs[0], err));
    LT_TRY(marked(s, right, false, &inputs[1], err));
    for (uint32_t i = 0; i < s->columns + 2; i++) {
        const lt_type *a = inputs[0]->schema->fields[i].type;
        const lt_type *b = inputs[1]->schema->fields[i].type;
        fields[i] = inputs[0]->schema->fields[i];
        fields[i].type = lt_type_with_attr(s->b->arena, a, LT_TIME_NONE);
        if (fields[i].type && b->nullable) {
            fields[i].type = lt_type_with_nullable(s->b->arena, fields[i].type, true);
        }
        if (!fields[i].type) {
            return nomem(err);
        }
    }
    rel->inputs = inputs;
    rel->input_count = 2;
    rel->schema = lt_schema_new(s->b->arena, fields, s->columns + 2);
    *out = rel;
    return rel->schema ? LT_OK : nomem(err);
}

/* Per row: the sums of both sides. */
static lt_status count_rows(const setop *s, lt_rel *rows, lt_rel **out, lt_error *err)
{
    uint32_t *keys = LT_NEW_ARRAY(s->b->arena, uint32_t, s->columns + 1);
    lt_agg **aggs = LT_NEW_ARRAY(s->b->arena, lt_agg *, 2);
    if (!keys || !aggs) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < s->columns; i++) {
        keys[i] = i;
    }
    for (uint32_t i = 0; i < 2; i++) {
        lt_expr *side;
        LT_TRY(lt_expr_column(&s->b->eb, s->columns + i, s->bigint, s->pos, &side, err));
        LT_TRY(lt_agg_bind(&s->b->eb, LT_STR("SUM"), &side, 1, false, NULL, false, s->pos, &aggs[i],
                           err));
    }
    return lt_rel_aggregate(s->b, rows, keys, NULL, s->columns, aggs, 2, out, err);
}

/* The lesser count, or what the left one has more. */
static lt_status copies(const setop *s, const lt_rel *counts, lt_expr **out, lt_error *err)
{
    lt_expr_builder *eb = &s->b->eb;
    lt_expr *left, *right, *args[3], *sides[2];
    const lt_field *fields = counts->schema->fields + s->columns;
    LT_TRY(lt_expr_column(eb, s->columns, fields[0].type, s->pos, &left, err));
    LT_TRY(lt_expr_column(eb, s->columns + 1, fields[1].type, s->pos, &right, err));
    sides[0] = left;
    sides[1] = right;
    LT_TRY(lt_expr_call(eb, s->intersect ? LT_STR("<") : LT_STR(">"), sides, 2, s->pos, &args[0],
                        err));
    if (s->intersect) {
        args[1] = left;
        args[2] = right;
    } else {
        LT_TRY(lt_expr_call(eb, LT_STR("-"), sides, 2, s->pos, &args[1], err));
        LT_TRY(number(s, 0, &args[2], err));
    }
    return lt_expr_call(eb, LT_STR("CASE"), args, 3, s->pos, out, err);
}

static lt_status repeat(const setop *s, lt_rel *counts, const lt_schema *names, lt_rel **out,
                        lt_error *err)
{
    lt_expr *times, **exprs = LT_NEW_ARRAY(s->b->arena, lt_expr *, s->columns + 1);
    lt_field *fields = LT_NEW_ARRAY(s->b->arena, lt_field, s->columns + 1);
    lt_rel *extended;
    if (!exprs || !fields) {
        return nomem(err);
    }
    LT_TRY(copies(s, counts, &times, err));
    LT_TRY(lt_rel_extend(s->b, counts, &times, 1, &extended, err));
    lt_rel *rel = lt_rel_make(s->b, LT_REL_UNNEST, s->pos, extended, err);
    if (!rel) {
        return err->code;
    }
    rel->u.unnest.column = extended->schema->count - 1;
    for (uint32_t i = 0; i < s->columns; i++) {
        fields[i] = (lt_field){names->fields[i].name, rel->schema->fields[i].type};
        LT_TRY(lt_expr_column(&s->b->eb, i, fields[i].type, s->pos, &exprs[i], err));
    }
    return lt_rel_project(s->b, rel, exprs, fields, s->columns, out, err);
}

lt_status lt_bind_setop_all(lt_binder *b, const lt_ast_query *query, lt_rel *const *inputs,
                            uint32_t count, lt_rel **out, lt_error *err)
{
    const setop s = {.b = b,
                     .pos = query->pos,
                     .intersect = query->setop.op == LT_SETOP_INTERSECT,
                     .columns = inputs[0]->schema->count,
                     .bigint = lt_type_new(b->arena, LT_TYPE_BIGINT, false)};
    if (!s.bigint) {
        return nomem(err);
    }
    *out = inputs[0];
    for (uint32_t i = 1; i < count; i++) {
        lt_rel *rows = NULL, *counts = NULL;
        LT_TRY(unite(&s, *out, inputs[i], &rows, err));
        LT_TRY(count_rows(&s, rows, &counts, err));
        LT_TRY(repeat(&s, counts, inputs[0]->schema, out, err));
    }
    return LT_OK;
}
