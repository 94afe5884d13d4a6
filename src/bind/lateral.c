/* LATERAL sub-queries: a table reference that may use the columns of the references before it. The
 * sub-query is decorrelated (decorrelate.h), so what is left is a join with a condition. */
#include "bind/decorrelate.h"

typedef struct {
    lt_binder *b;
    lt_rel *left;
    bool outer; /* LEFT JOIN LATERAL */
} lateral;

static lt_status nomem(lt_error *err)
{
    return lt_error_nomem(err, "a LATERAL sub-query");
}

/* What LEFT JOIN shows where there is no row: NULL, or for an aggregate without GROUP BY what it is
 * of nothing. Without LEFT such a left row is dropped, as Flink does: a global aggregate gives no
 * row before its first input. */
static lt_status result_column(const lateral *l, const lt_flat_query *q, const lt_rel *join,
                               uint32_t i, lt_expr **out, lt_error *err)
{
    lt_expr_builder *eb = &l->b->eb;
    uint32_t shift = l->left->schema->count, marker = join->schema->count - 1;
    lt_expr *args[3];
    LT_TRY(lt_outer_join_expr(l->b, q->cols[i], shift, out, err));
    bool plain = q->cols[i]->kind == LT_NODE_COLUMN && !lt_expr_is_outer(q->cols[i]);
    if (plain) {
        uint32_t at = shift + q->cols[i]->u.column;
        LT_TRY(lt_expr_column(eb, at, join->schema->fields[at].type, join->pos, out, err));
    }
    if (join->u.join.type != LT_JOIN_TYPE_LEFT || (plain && !q->global)) {
        return LT_OK;
    }
    LT_TRY(lt_expr_column(eb, marker, join->schema->fields[marker].type, join->pos, &args[0], err));
    LT_TRY(lt_expr_call(eb, LT_STR("IS NOT NULL"), args, 1, join->pos, &args[0], err));
    args[1] = *out;
    if (q->global && plain) {
        args[2] = q->empty[q->cols[i]->u.column];
    } else {
        const lt_type *type = lt_type_with_nullable(l->b->arena, (*out)->type, true);
        const lt_value null = {.type = type, .is_null = true};
        if (!type) {
            return nomem(err);
        }
        LT_TRY(lt_expr_literal(eb, &null, join->pos, &args[2], err));
    }
    return lt_expr_call(eb, LT_STR("CASE"), args, 3, join->pos, out, err);
}

/* The left columns, then the sub-query's. */
static lt_status project(const lateral *l, const lt_flat_query *q, const lt_schema *names,
                         lt_rel *join, lt_rel **out, lt_error *err)
{
    uint32_t lefts = l->left->schema->count, count = lefts + q->count;
    lt_expr **exprs = LT_NEW_ARRAY(l->b->arena, lt_expr *, count + 1);
    lt_field *fields = LT_NEW_ARRAY(l->b->arena, lt_field, count + 1);
    if (!exprs || !fields) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (i < lefts) {
            fields[i] = join->schema->fields[i];
            LT_TRY(lt_expr_column(&l->b->eb, i, fields[i].type, join->pos, &exprs[i], err));
            continue;
        }
        LT_TRY(result_column(l, q, join, i - lefts, &exprs[i], err));
        fields[i].name = names->fields[i - lefts].name;
        fields[i].type = lt_type_with_attr(l->b->arena, exprs[i]->type, LT_TIME_NONE);
        if (!fields[i].type) {
            return nomem(err);
        }
    }
    return lt_rel_project(l->b, join, exprs, fields, count, out, err);
}

static lt_status add_marker(const lateral *l, lt_flat_query *q, lt_error *err)
{
    const lt_value yes = {.type = lt_type_new(l->b->arena, LT_TYPE_BOOLEAN, false), .u.b = true};
    lt_expr *marker;
    if (!yes.type) {
        return nomem(err);
    }
    LT_TRY(lt_expr_literal(&l->b->eb, &yes, q->rel->pos, &marker, err));
    return lt_rel_extend(l->b, q->rel, &marker, 1, &q->rel, err);
}

lt_status lt_bind_lateral(lt_binder *b, const lt_ast_from *from, const lt_bound_from *left,
                          lt_bound_from *right, lt_rel **out, lt_error *err)
{
    lateral l = {b, left->rel, from->join.how == LT_JOIN_LEFT};
    lt_expr_env around = {.b = b, .scope = &left->scope, .clause = "LATERAL"};
    lt_binder inner = *b;
    lt_flat_query q;
    lt_rel *join;
    inner.around = &around;
    LT_TRY(lt_bind_from(&inner, from->join.right, right, err));
    const lt_schema *names = right->rel->schema;
    LT_TRY(lt_decorrelate(&inner, right->rel, LT_SUBQUERY_ROWS, &q, err));
    lt_join_type type = l.outer ? LT_JOIN_TYPE_LEFT : LT_JOIN_TYPE_INNER;
    if (type == LT_JOIN_TYPE_LEFT) {
        LT_TRY(add_marker(&l, &q, err));
    }
    LT_TRY(lt_rel_join(b, left->rel, q.rel, type, from->join.right->pos, &join, err));
    if (q.condition) {
        LT_TRY(lt_outer_join_expr(b, q.condition, left->rel->schema->count, &join->u.join.condition,
                                  err));
    }
    return project(&l, &q, names, join, out, err);
}
