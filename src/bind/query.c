/* Queries: WITH, SELECT (select.c), VALUES, set operations, and ORDER BY and LIMIT over those that
 * are not a SELECT. */
#include "bind/bind_int.h"

static lt_status literal_count(const lt_ast_expr *ast, const char *clause, int64_t *out,
                               lt_error *err)
{
    if (ast->kind != LT_EXPR_LITERAL || ast->lit.kind != LT_LIT_INTEGER ||
        !lt_str_to_i64(ast->lit.text, out)) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos, "%s takes a whole number", clause);
    }
    return LT_OK;
}

lt_status lt_bind_limits(lt_binder *b, const lt_ast_query *query, int64_t *offset, int64_t *count,
                         lt_error *err)
{
    (void)b;
    *offset = 0;
    *count = -1;
    if (query->offset) {
        LT_TRY(literal_count(query->offset, "OFFSET", offset, err));
    }
    if (query->limit) {
        LT_TRY(literal_count(query->limit, "LIMIT", count, err));
    }
    return LT_OK;
}

/* ---- VALUES ---- */

static lt_status values_types(lt_binder *b, lt_expr ***rows, uint32_t row_count, uint32_t column,
                              const lt_ast_query *query, const lt_type **out, lt_error *err)
{
    const lt_type **types = LT_NEW_ARRAY(b->arena, const lt_type *, row_count);
    if (!types) {
        return lt_error_nomem(err, "types");
    }
    bool all_null = true;
    for (uint32_t r = 0; r < row_count; r++) {
        types[r] = rows[r][column]->type;
        all_null = all_null && types[r]->kind == LT_TYPE_NULL;
    }
    if (all_null) {
        *out = types[0];
        return LT_OK;
    }
    lt_status st = lt_type_common(b->arena, types, row_count, out, err);
    if (st == LT_ERR_SQL) {
        return lt_error_set_at(
            err, st, query->rows.items[0]->pos,
            "Values passed to VALUES operator must have compatible types (column %u)", column + 1);
    }
    LT_TRY(st);
    for (uint32_t r = 0; r < row_count; r++) {
        LT_TRY(lt_expr_coerce(&b->eb, rows[r][column], *out, &rows[r][column], err));
    }
    return LT_OK;
}

static lt_status bind_values(lt_binder *b, const lt_ast_query *query, lt_rel **out, lt_error *err)
{
    const lt_expr_env env = {.b = b, .clause = "VALUES"};
    uint32_t row_count = query->rows.count;
    uint32_t width = query->rows.items[0]->list.count;
    lt_expr ***rows = LT_NEW_ARRAY(b->arena, lt_expr **, row_count);
    lt_field *fields = LT_NEW_ARRAY(b->arena, lt_field, width + 1);
    lt_rel *rel = lt_rel_make(b, LT_REL_VALUES, query->pos, NULL, err);
    if (!rel || !rows || !fields) {
        return rel ? lt_error_nomem(err, "values") : err->code;
    }
    for (uint32_t r = 0; r < row_count; r++) {
        const lt_ast_exprs *list = &query->rows.items[r]->list;
        if (list->count != width) {
            return lt_error_set_at(err, LT_ERR_SQL, query->rows.items[r]->pos,
                                   "this row of VALUES has %u columns, the first has %u",
                                   list->count, width);
        }
        LT_TRY(lt_bind_exprs(&env, list, &rows[r], err));
    }
    for (uint32_t c = 0; c < width; c++) {
        const char *name = lt_arena_printf(b->arena, "EXPR$%u", c);
        if (!name) {
            return lt_error_nomem(err, "name");
        }
        LT_TRY(values_types(b, rows, row_count, c, query, &fields[c].type, err));
        fields[c].type = lt_type_with_attr(b->arena, fields[c].type, LT_TIME_NONE);
        fields[c].name = lt_str_of(name);
        if (!fields[c].type) {
            return lt_error_nomem(err, "type");
        }
    }
    rel->u.values.rows = rows;
    rel->u.values.row_count = row_count;
    rel->schema = lt_schema_new(b->arena, fields, width);
    *out = rel;
    return rel->schema ? LT_OK : lt_error_nomem(err, "schema");
}

/* ---- set operations ---- */

static const char *setop_name(const lt_ast_query *query)
{
    switch (query->setop.op) {
    case LT_SETOP_UNION:
        return "UNION";
    case LT_SETOP_INTERSECT:
        return "INTERSECT";
    case LT_SETOP_EXCEPT:
        return "EXCEPT";
    }
    return "";
}

/* The column's type in the result: a time attribute stays one when all inputs have the same kind.
 */
static lt_status union_type(lt_binder *b, lt_rel *const *inputs, uint32_t count, uint32_t column,
                            const lt_type **out, lt_error *err)
{
    const lt_type **types = LT_NEW_ARRAY(b->arena, const lt_type *, count);
    if (!types) {
        return lt_error_nomem(err, "types");
    }
    lt_time_attr attr = inputs[0]->schema->fields[column].type->attr;
    bool all_null = true;
    for (uint32_t i = 0; i < count; i++) {
        const lt_type *type = inputs[i]->schema->fields[column].type;
        attr = type->attr == attr && type->kind == inputs[0]->schema->fields[column].type->kind
                   ? attr
                   : LT_TIME_NONE;
        types[i] = lt_type_with_attr(b->arena, type, LT_TIME_NONE);
        if (!types[i]) {
            return lt_error_nomem(err, "type");
        }
        all_null = all_null && type->kind == LT_TYPE_NULL;
    }
    if (all_null) {
        *out = types[0];
        return LT_OK;
    }
    lt_status st = lt_type_common(b->arena, types, count, out, err);
    if (st == LT_ERR_SQL) {
        return lt_error_set_at(err, st, inputs[1]->pos,
                               "Type mismatch in column %u of UNION: there is no common type",
                               column + 1);
    }
    LT_TRY(st);
    *out = lt_type_with_attr(b->arena, *out, attr);
    return *out ? LT_OK : lt_error_nomem(err, "type");
}

/* A column that is always NULL becomes a NULL of the type, any other is cast. */
static lt_status fit_column(lt_binder *b, lt_expr *column, const lt_type *type, lt_expr **out,
                            lt_error *err)
{
    if (column->type->kind != LT_TYPE_NULL) {
        return lt_expr_coerce(&b->eb, column, type, out, err);
    }
    const lt_value null = {.type = type, .is_null = true};
    return lt_expr_literal(&b->eb, &null, column->pos, out, err);
}

/* The input with the columns of the union's types, by a projection where it needs one. */
static lt_status fit_input(lt_binder *b, lt_rel **input, const lt_field *fields, lt_error *err)
{
    const lt_schema *schema = (*input)->schema;
    lt_expr **exprs = LT_NEW_ARRAY(b->arena, lt_expr *, schema->count + 1);
    bool fits = true;
    if (!exprs) {
        return lt_error_nomem(err, "projection");
    }
    for (uint32_t i = 0; i < schema->count; i++) {
        const lt_type *from = schema->fields[i].type;
        LT_TRY(lt_expr_column(&b->eb, i, from, (*input)->pos, &exprs[i], err));
        if (!lt_type_eq_unnull(from, fields[i].type)) {
            const lt_type *to = lt_type_with_attr(b->arena, fields[i].type, LT_TIME_NONE);
            fits = false;
            if (!to) {
                return lt_error_nomem(err, "type");
            }
            LT_TRY(fit_column(b, exprs[i], to, &exprs[i], err));
        }
        fits = fits && from->attr == fields[i].type->attr;
    }
    return fits ? LT_OK : lt_rel_project(b, *input, exprs, fields, schema->count, input, err);
}

static bool same_window(const lt_window_props *a, const lt_window_props *b)
{
    return a->present && b->present && a->ltz == b->ltz && a->kind == b->kind &&
           a->start_col == b->start_col && a->end_col == b->end_col && a->time_col == b->time_col &&
           a->start_also == b->start_also && a->end_also == b->end_also &&
           a->window.size_ms == b->window.size_ms && a->window.step_ms == b->window.step_ms &&
           a->window.offset_ms == b->window.offset_ms;
}

/* INTERSECT keeps the rows that every other query has too, EXCEPT those that none has: semi and
 * anti joins on all columns, NULL equal to NULL. */
static lt_status compare_inputs(lt_binder *b, const lt_ast_query *query, lt_rel *const *inputs,
                                uint32_t count, lt_rel **out, lt_error *err)
{
    lt_join_type type =
        query->setop.op == LT_SETOP_INTERSECT ? LT_JOIN_TYPE_SEMI : LT_JOIN_TYPE_ANTI;
    uint32_t columns = inputs[0]->schema->count;
    lt_rel *rel = inputs[0];
    for (uint32_t i = 1; i < count; i++) {
        lt_rel *join;
        LT_TRY(lt_rel_join(b, rel, inputs[i], type, query->pos, &join, err));
        for (uint32_t c = 0; c < columns; c++) {
            lt_expr *sides[2], *both[2];
            LT_TRY(
                lt_expr_column(&b->eb, c, rel->schema->fields[c].type, query->pos, &sides[0], err));
            LT_TRY(lt_expr_column(&b->eb, columns + c, inputs[i]->schema->fields[c].type,
                                  query->pos, &sides[1], err));
            both[0] = join->u.join.condition;
            LT_TRY(lt_expr_call(&b->eb, LT_STR("IS NOT DISTINCT FROM"), sides, 2, query->pos,
                                &both[1], err));
            if (both[0]) {
                LT_TRY(lt_expr_call(&b->eb, LT_STR("AND"), both, 2, query->pos, &both[1], err));
            }
            join->u.join.condition = both[1];
        }
        rel = join;
    }
    return lt_rel_distinct(b, rel, out, err);
}

static lt_status bind_setop(lt_binder *b, const lt_ast_query *query, lt_rel **out, lt_error *err)
{
    uint32_t count = query->setop.count;
    lt_rel **inputs = LT_NEW_ARRAY(b->arena, lt_rel *, count);
    lt_rel *rel = lt_rel_make(b, LT_REL_UNION, query->pos, NULL, err);
    if (!rel || !inputs) {
        return rel ? lt_error_nomem(err, "union") : err->code;
    }
    for (uint32_t i = 0; i < count; i++) {
        LT_TRY(lt_bind_query(b, query->setop.operands[i], false, &inputs[i], err));
        if (inputs[i]->schema->count != inputs[0]->schema->count) {
            return lt_error_set_at(
                err, LT_ERR_SQL, query->setop.operands[i]->pos,
                "Column count mismatch in %s: this query has %u columns, the first has %u",
                setop_name(query), inputs[i]->schema->count, inputs[0]->schema->count);
        }
    }
    const lt_schema *first = inputs[0]->schema;
    lt_field *fields = LT_NEW_ARRAY(b->arena, lt_field, first->count + 1);
    if (!fields) {
        return lt_error_nomem(err, "schema");
    }
    for (uint32_t c = 0; c < first->count; c++) {
        fields[c].name = first->fields[c].name;
        LT_TRY(union_type(b, inputs, count, c, &fields[c].type, err));
    }
    for (uint32_t i = 0; i < count; i++) {
        LT_TRY(fit_input(b, &inputs[i], fields, err));
    }
    if (query->setop.op != LT_SETOP_UNION) {
        return query->setop.all ? lt_bind_setop_all(b, query, inputs, count, out, err)
                                : compare_inputs(b, query, inputs, count, out, err);
    }
    rel->inputs = inputs;
    rel->input_count = count;
    rel->window = inputs[0]->window;
    for (uint32_t i = 1; i < count; i++) {
        rel->window.present =
            rel->window.present && same_window(&inputs[0]->window, &inputs[i]->window);
    }
    rel->schema = lt_schema_new(b->arena, fields, first->count);
    if (!rel->schema) {
        return lt_error_nomem(err, "schema");
    }
    *out = rel;
    return query->setop.all ? LT_OK : lt_rel_distinct(b, rel, out, err);
}

/* ---- ORDER BY over result columns alone ---- */

static lt_status output_column(lt_binder *b, const lt_rel *rel, const lt_ast_expr *ast,
                               uint32_t *out, lt_error *err)
{
    int64_t ordinal;
    if (ast->kind == LT_EXPR_LITERAL && ast->lit.kind == LT_LIT_INTEGER) {
        if (!lt_str_to_i64(ast->lit.text, &ordinal) || ordinal < 1 ||
            ordinal > rel->schema->count) {
            return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                                   "Ordinal out of range: the query has %u columns",
                                   rel->schema->count);
        }
        *out = (uint32_t)ordinal - 1;
        return LT_OK;
    }
    lt_scope scope;
    lt_expr *expr;
    LT_TRY(lt_scope_single(b, rel->schema, (lt_str){NULL, 0}, &scope, err));
    const lt_expr_env env = {.b = b, .scope = &scope, .clause = "ORDER BY"};
    LT_TRY(lt_bind_expr(&env, ast, &expr, err));
    if (expr->kind != LT_NODE_COLUMN) {
        return lt_unsupported_at(
            err, ast->pos, "ORDER BY an expression over the result of a set operation or VALUES");
    }
    *out = expr->u.column;
    return LT_OK;
}

static lt_status sort_and_limit(lt_binder *b, const lt_ast_query *query, bool top, lt_rel **rel,
                                lt_error *err)
{
    int64_t offset, count;
    LT_TRY(lt_bind_limits(b, query, &offset, &count, err));
    if (query->order_by.count == 0 || (!top && !query->limit && !query->offset)) {
        return offset > 0 || count >= 0 ? lt_rel_limit(b, *rel, offset, count, rel, err) : LT_OK;
    }
    lt_rel *sort = lt_rel_make(b, LT_REL_SORT, query->order_by.items[0].expr->pos, *rel, err);
    lt_sort_key *keys = LT_NEW_ARRAY(b->arena, lt_sort_key, query->order_by.count);
    if (!sort || !keys) {
        return sort ? lt_error_nomem(err, "ORDER BY") : err->code;
    }
    for (uint32_t i = 0; i < query->order_by.count; i++) {
        lt_bind_direction(&query->order_by.items[i], &keys[i]);
        LT_TRY(output_column(b, *rel, query->order_by.items[i].expr, &keys[i].col, err));
    }
    sort->u.sort.keys = keys;
    sort->u.sort.key_count = query->order_by.count;
    sort->u.sort.offset = offset;
    sort->u.sort.count = count;
    *rel = sort;
    return LT_OK;
}

static lt_status bind_body(lt_binder *b, const lt_ast_query *query, bool top, lt_rel **out,
                           lt_error *err)
{
    lt_bound_from from;
    switch (query->kind) {
    case LT_QUERY_SELECT:
        return lt_bind_select(b, query, top, out, err);
    case LT_QUERY_VALUES:
        LT_TRY(bind_values(b, query, out, err));
        break;
    case LT_QUERY_SETOP:
        LT_TRY(bind_setop(b, query, out, err));
        break;
    case LT_QUERY_TABLE:
        LT_TRY(lt_bind_table_path(b, &query->table, NULL, &from, err));
        *out = from.rel;
        break;
    case LT_QUERY_NESTED:
        LT_TRY(lt_bind_query(b, query->nested, top && query->order_by.count == 0, out, err));
        break;
    }
    return sort_and_limit(b, query, top, out, err);
}

lt_status lt_bind_push_ctes(lt_binder *b, const lt_ast_query *query, lt_error *err)
{
    for (uint32_t i = 0; i < query->cte_count; i++) {
        lt_cte *cte = LT_NEW(b->arena, lt_cte);
        if (!cte) {
            return lt_error_nomem(err, "WITH");
        }
        cte->ast = &query->ctes[i];
        cte->outer = b->ctes;
        cte->around = b->around;
        b->ctes = cte;
    }
    return LT_OK;
}

lt_status lt_bind_query(lt_binder *b, const lt_ast_query *query, bool top, lt_rel **out,
                        lt_error *err)
{
    lt_binder inner = *b;
    lt_rel *ignored;
    if (query->recursive) {
        return lt_unsupported_at(err, query->pos, "WITH RECURSIVE");
    }
    LT_TRY(lt_bind_push_ctes(&inner, query, err));
    LT_TRY(bind_body(&inner, query, top, out, err));
    /* What nobody uses must still make sense. */
    for (lt_cte *cte = inner.ctes; cte != b->ctes; cte = cte->outer) {
        if (!cte->used) {
            lt_binder at = inner;
            at.ctes = cte->outer;
            LT_TRY(lt_bind_query(&at, cte->ast->query, false, &ignored, err));
        }
    }
    return LT_OK;
}
