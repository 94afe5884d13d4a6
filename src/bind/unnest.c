/* UNNEST(e) [WITH ORDINALITY] in FROM: the rows of the references before it, each once per element
 * of a collection. Columns are an element's fields if it is a ROW, else its value; key and value of
 * a MAP. */
#include "bind/decorrelate.h"

typedef struct {
    lt_binder *b;
    const lt_ast_from *from; /* the UNNEST */
    lt_rel *input;           /* with the collection as its column `column` */
    uint32_t column;
    bool outer;
    lt_field *values; /* columns of an element, then the ordinality */
    uint32_t count;
} unnesting;

static lt_status nomem(lt_error *err)
{
    return lt_error_nomem(err, "UNNEST");
}

static lt_status add_value(unnesting *u, lt_str name, const lt_type *type, lt_error *err)
{
    type = lt_type_with_attr(u->b->arena, type, LT_TIME_NONE);
    if (type && u->outer) {
        type = lt_type_with_nullable(u->b->arena, type, true);
    }
    u->values[u->count++] = (lt_field){name, type};
    return type ? LT_OK : nomem(err);
}

static lt_status element_values(unnesting *u, const lt_type *type, lt_error *err)
{
    if (type->kind == LT_TYPE_MAP) {
        LT_TRY(add_value(u, LT_STR("KEY"), type->fields[0].type, err));
        return add_value(u, LT_STR("VALUE"), type->fields[1].type, err);
    }
    const lt_type *element = type->fields[0].type;
    if (element->kind != LT_TYPE_ROW) {
        return add_value(u, LT_STR("EXPR$0"), element, err);
    }
    for (uint32_t i = 0; i < element->field_count; i++) {
        LT_TRY(add_value(u, element->fields[i].name, element->fields[i].type, err));
    }
    return LT_OK;
}

/* AS t (a, b): other names. */
static lt_status rename_values(unnesting *u, lt_error *err)
{
    const lt_ast_names *names = &u->from->columns;
    if (names->count == 0) {
        return LT_OK;
    }
    if (names->count != u->count) {
        return lt_error_set_at(err, LT_ERR_SQL, names->items[0].pos,
                               "List of column aliases must have same degree as table; UNNEST has "
                               "%u columns, list has %u",
                               u->count, names->count);
    }
    for (uint32_t i = 0; i < u->count; i++) {
        u->values[i].name = names->items[i].text;
    }
    return LT_OK;
}

/* The collection as a column of the input. */
static lt_status place_collection(unnesting *u, const lt_scope *scope, lt_error *err)
{
    const lt_ast_exprs *exprs = &u->from->unnest.exprs;
    const lt_expr_env env = {.b = u->b, .scope = scope, .clause = "UNNEST"};
    lt_expr *collection;
    if (exprs->count != 1) {
        return lt_unsupported_at(err, u->from->pos, "UNNEST of several collections");
    }
    LT_TRY(lt_bind_expr(&env, exprs->items[0], &collection, err));
    lt_type_kind kind = collection->type->kind;
    if (kind != LT_TYPE_ARRAY && kind != LT_TYPE_MAP && kind != LT_TYPE_MULTISET) {
        return lt_error_set_at(err, LT_ERR_SQL, exprs->items[0]->pos,
                               "UNNEST takes an ARRAY, a MAP or a MULTISET");
    }
    if (lt_expr_is_outer(collection)) {
        return lt_unsupported_at(err, exprs->items[0]->pos,
                                 "UNNEST of a column of the query around a sub-query");
    }
    if (collection->kind == LT_NODE_COLUMN) {
        u->column = collection->u.column;
        return LT_OK;
    }
    u->column = u->input->schema->count;
    return lt_rel_extend(u->b, u->input, &collection, 1, &u->input, err);
}

static lt_status make(unnesting *u, lt_rel **out, lt_error *err)
{
    const lt_schema *below = u->input->schema;
    lt_rel *rel = lt_rel_make(u->b, LT_REL_UNNEST, u->from->pos, u->input, err);
    lt_field *fields = LT_NEW_ARRAY(u->b->arena, lt_field, below->count + u->count + 1);
    if (!rel || !fields) {
        return rel ? nomem(err) : err->code;
    }
    memcpy(fields, below->fields, below->count * sizeof *fields);
    memcpy(fields + below->count, u->values, u->count * sizeof *fields);
    rel->schema = lt_schema_new(u->b->arena, fields, below->count + u->count);
    rel->u.unnest.column = u->column;
    rel->u.unnest.outer = u->outer;
    rel->u.unnest.ordinality = u->from->unnest.ordinality;
    *out = rel;
    return rel->schema ? LT_OK : nomem(err);
}

/* The left columns and the element's, without what was only there to be taken apart. */
static lt_status project(const unnesting *u, uint32_t lefts, lt_rel *rel, lt_rel **out,
                         lt_error *err)
{
    uint32_t extra = u->input->schema->count - lefts, count = lefts + u->count;
    lt_expr **exprs = LT_NEW_ARRAY(u->b->arena, lt_expr *, count + 1);
    lt_field *fields = LT_NEW_ARRAY(u->b->arena, lt_field, count + 1);
    *out = rel;
    if (!exprs || !fields) {
        return nomem(err);
    }
    if (extra == 0) {
        return LT_OK;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = i < lefts ? i : i + extra;
        fields[i] = rel->schema->fields[at];
        LT_TRY(lt_expr_column(&u->b->eb, at, fields[i].type, rel->pos, &exprs[i], err));
    }
    return lt_rel_project(u->b, rel, exprs, fields, count, out, err);
}

lt_status lt_bind_unnest(lt_binder *b, const lt_ast_from *from, const lt_bound_from *left,
                         bool outer, lt_bound_from *right, lt_rel **out, lt_error *err)
{
    unnesting u = {.b = b, .from = from, .input = left->rel, .outer = outer};
    lt_rel *rel = NULL;
    LT_TRY(place_collection(&u, &left->scope, err));
    const lt_type *type = u.input->schema->fields[u.column].type;
    const lt_type *ordinal = lt_type_new(b->arena, LT_TYPE_INT, false);
    const lt_type *element = type->fields[0].type;
    u.values = LT_NEW_ARRAY(b->arena, lt_field, element->field_count + 4);
    if (!u.values || !ordinal) {
        return nomem(err);
    }
    LT_TRY(element_values(&u, type, err));
    if (from->unnest.ordinality) {
        LT_TRY(add_value(&u, LT_STR("ORDINALITY"), ordinal, err));
    }
    LT_TRY(rename_values(&u, err));
    LT_TRY(make(&u, &rel, err));
    LT_TRY(project(&u, left->rel->schema->count, rel, out, err));
    /* What the names of the right side are found by. */
    const lt_schema *names = lt_schema_new(b->arena, u.values, u.count);
    if (!names) {
        return nomem(err);
    }
    lt_str alias = from->alias.text;
    right->rel = NULL;
    return lt_scope_single(b, names, alias, &right->scope, err);
}
