/* Sub-queries in expressions. Each becomes a join of the rows that the expression is evaluated over
 * with the (decorrelated) sub-query:
 *
 *   conjuncts of WHERE   EXISTS, IN, op ANY: a semi join; NOT EXISTS, NOT IN, op ALL: an anti join
 *   anywhere else        a left join with the sub-query grouped by its correlation, so that it has
 *                        one row at most; the expression reads the columns that it adds
 *
 * The second form is Calcite's SubQueryRemoveRule; a scalar sub-query of several rows fails through
 * the aggregate SINGLE_VALUE. */
#include "bind/decorrelate.h"

struct lt_sub_join {
    lt_rel *right;
    lt_expr *condition; /* over the rows so far, then right's columns */
    uint32_t pos;
    struct lt_sub_join *next;
};

struct lt_sub_known {
    const lt_ast_expr *ast;
    lt_expr *expr;
    struct lt_sub_known *next;
};

static lt_status nomem(lt_error *err)
{
    return lt_error_nomem(err, "a sub-query");
}

/* ---- small pieces ---- */

static lt_status call(lt_binder *b, const char *name, lt_expr *first, lt_expr *second,
                      lt_expr **out, lt_error *err)
{
    lt_expr *args[2] = {first, second};
    return lt_expr_call(&b->eb, lt_str_of(name), args, second ? 2 : 1, first->pos, out, err);
}

static lt_status both(lt_binder *b, lt_expr *first, lt_expr *second, lt_expr **out, lt_error *err)
{
    if (!first || !second) {
        *out = first ? first : second;
        return LT_OK;
    }
    return call(b, "AND", first, second, out, err);
}

static lt_status column(lt_binder *b, const lt_rel *rel, uint32_t index, uint32_t shift,
                        lt_expr **out, lt_error *err)
{
    return lt_expr_column(&b->eb, shift + index, rel->schema->fields[index].type, rel->pos, out,
                          err);
}

static const lt_ast_query *query_of(const lt_ast_expr *ast)
{
    return ast->kind == LT_EXPR_IN           ? ast->in.query
           : ast->kind == LT_EXPR_QUANTIFIED ? ast->quantified.query
                                             : ast->query;
}

static lt_status bind_query(const lt_expr_env *env, const lt_ast_expr *ast, lt_flat_query *out,
                            lt_error *err)
{
    lt_binder inner = *env->b;
    lt_rel *rel;
    inner.around = env;
    LT_TRY(lt_bind_query(&inner, query_of(ast), false, &rel, err));
    return lt_decorrelate(&inner, rel,
                          ast->kind == LT_EXPR_SUBQUERY ? LT_SUBQUERY_SCALAR : LT_SUBQUERY_TEST,
                          out, err);
}

/* ---- comparisons with the rows of a query ---- */

typedef struct {
    const char *op; /* of each pair of values */
    lt_expr **left;
    uint32_t count;
} comparison;

/* The values on the left of IN and ANY: one, or those of a row. */
static lt_status bind_left(const lt_expr_env *env, const lt_ast_expr *ast, const lt_flat_query *q,
                           comparison *out, lt_error *err)
{
    const lt_ast_exprs single = {.items = (lt_ast_expr **)&ast, .count = 1};
    bool row = ast->kind == LT_EXPR_ROW && q->count != 1;
    out->count = row ? ast->list.count : 1;
    if (out->count != q->count) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               "the sub-query has %u columns, %u are compared with them", q->count,
                               out->count);
    }
    return lt_bind_exprs(env, row ? &ast->list : &single, &out->left, err);
}

/* All pairs compared; right: the query's columns as seen in the join. sure: the comparison must be
 * TRUE; else it is enough that it is not FALSE. */
static lt_status compare(lt_binder *b, const comparison *c, lt_expr *const *right, bool sure,
                         lt_expr **out, lt_error *err)
{
    *out = NULL;
    for (uint32_t i = 0; i < c->count; i++) {
        lt_expr *pair;
        LT_TRY(call(b, c->op, c->left[i], right[i], &pair, err));
        if (!sure && pair->type->nullable) {
            LT_TRY(call(b, "IS NOT FALSE", pair, NULL, &pair, err));
        }
        LT_TRY(both(b, *out, pair, out, err));
    }
    return LT_OK;
}

static lt_status join_columns(lt_binder *b, const lt_flat_query *q, uint32_t left_count,
                              lt_expr ***out, lt_error *err)
{
    lt_expr **cols = LT_NEW_ARRAY(b->arena, lt_expr *, q->count + 1);
    if (!cols) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < q->count; i++) {
        LT_TRY(lt_outer_join_expr(b, q->cols[i], left_count, &cols[i], err));
    }
    *out = cols;
    return LT_OK;
}

static const char *op_text(lt_ast_op op, bool opposite)
{
    static const struct {
        lt_ast_op op;
        const char *name, *opposite;
    } ops[] = {{LT_OP_EQ, "=", "<>"}, {LT_OP_NE, "<>", "="}, {LT_OP_LT, "<", ">="},
               {LT_OP_LE, "<=", ">"}, {LT_OP_GT, ">", "<="}, {LT_OP_GE, ">=", "<"}};
    for (size_t i = 0; i < LT_COUNT_OF(ops); i++) {
        if (ops[i].op == op) {
            return opposite ? ops[i].opposite : ops[i].name;
        }
    }
    return NULL;
}

/* ---- WHERE ---- */

/* A conjunct that is a sub-query test; negated: NOT stands before it. */
static const lt_ast_expr *test_of(const lt_ast_expr *ast, bool *negated)
{
    *negated = false;
    while (ast->kind == LT_EXPR_UNARY && ast->unary.op == LT_OP_NOT) {
        *negated = !*negated;
        ast = ast->unary.operand;
    }
    bool test = ast->kind == LT_EXPR_EXISTS || (ast->kind == LT_EXPR_IN && ast->in.query) ||
                (ast->kind == LT_EXPR_QUANTIFIED && ast->quantified.query);
    return test ? ast : NULL;
}

static bool operand_has_query(lt_binder *b, const lt_ast_expr *test)
{
    return (test->kind == LT_EXPR_IN && lt_ast_has_query(b, test->in.operand)) ||
           (test->kind == LT_EXPR_QUANTIFIED && lt_ast_has_query(b, test->quantified.operand));
}

/* One row when the query has any, none when it is empty. */
static lt_status any_row(lt_binder *b, lt_rel *rel, lt_rel **out, lt_error *err)
{
    lt_agg **aggs = LT_NEW(b->arena, lt_agg *);
    lt_expr *count, *zero, *more;
    if (!aggs) {
        return nomem(err);
    }
    LT_TRY(
        lt_agg_bind(&b->eb, LT_STR("COUNT"), NULL, 0, false, NULL, false, rel->pos, &aggs[0], err));
    LT_TRY(lt_rel_aggregate(b, rel, NULL, NULL, 0, aggs, 1, out, err));
    const lt_value value = {.type = aggs[0]->result};
    LT_TRY(column(b, *out, 0, 0, &count, err));
    LT_TRY(lt_expr_literal(&b->eb, &value, rel->pos, &zero, err));
    LT_TRY(call(b, ">", count, zero, &more, err));
    return lt_rel_filter(b, *out, more, rel->pos, out, err);
}

/* The rows of a global aggregate are always there: EXISTS is TRUE, NOT EXISTS FALSE. */
static lt_status constant_filter(lt_binder *b, bool value, uint32_t pos, lt_rel **rel,
                                 lt_error *err)
{
    lt_value literal = {.type = lt_type_new(b->arena, LT_TYPE_BOOLEAN, false), .u.b = value};
    lt_expr *expr;
    if (!literal.type) {
        return nomem(err);
    }
    if (value) {
        return LT_OK;
    }
    LT_TRY(lt_expr_literal(&b->eb, &literal, pos, &expr, err));
    return lt_rel_filter(b, *rel, expr, pos, rel, err);
}

/* IN, NOT IN and quantified comparisons: what must hold between a row and one of the query's. */
static lt_status test_condition(const lt_expr_env *env, const lt_ast_expr *test, bool anti,
                                const lt_flat_query *q, lt_expr **out, lt_error *err)
{
    lt_binder *b = env->b;
    uint32_t left_count = env->scope->schema->count;
    comparison c = {.op = "="};
    lt_expr **right;
    bool in = test->kind == LT_EXPR_IN;
    LT_TRY(bind_left(env, in ? test->in.operand : test->quantified.operand, q, &c, err));
    if (!in) {
        c.op = op_text(test->quantified.op, test->quantified.all);
        if (c.count != 1 || !c.op) {
            return lt_unsupported_at(err, test->pos, "this comparison with the rows of a query");
        }
    }
    LT_TRY(join_columns(b, q, left_count, &right, err));
    LT_TRY(compare(b, &c, right, !anti, out, err));
    return LT_OK;
}

static lt_status where_test(const lt_expr_env *env, const lt_ast_expr *test, bool negated,
                            lt_rel **rel, lt_error *err)
{
    lt_binder *b = env->b;
    bool in = test->kind == LT_EXPR_IN;
    bool all = test->kind == LT_EXPR_QUANTIFIED && test->quantified.all;
    bool anti = negated != (all || (in && test->in.negated));
    lt_flat_query q;
    lt_expr *condition = NULL, *correlation = NULL;
    if (all && !anti) { /* NOT (x op ALL ..) is x opposite ANY .. : rows for which one is FALSE */
        return lt_unsupported_at(err, test->pos, "NOT before a comparison with ALL (SELECT ..)");
    }
    LT_TRY(bind_query(env, test, &q, err));
    if (test->kind == LT_EXPR_EXISTS) {
        if (q.global) {
            return constant_filter(b, !anti, test->pos, rel, err);
        }
        if (!q.condition) {
            LT_TRY(any_row(b, q.rel, &q.rel, err));
        }
    } else {
        LT_TRY(test_condition(env, test, anti, &q, &condition, err));
        if (q.global && q.condition) {
            return lt_unsupported_at(
                err, test->pos, "IN over a correlated aggregate without GROUP BY; compare with =");
        }
    }
    if (q.condition) {
        LT_TRY(lt_outer_join_expr(b, q.condition, env->scope->schema->count, &correlation, err));
    }
    LT_TRY(both(b, condition, correlation, &condition, err));
    LT_TRY(lt_rel_join(b, *rel, q.rel, anti ? LT_JOIN_TYPE_ANTI : LT_JOIN_TYPE_SEMI, test->pos, rel,
                       err));
    (*rel)->u.join.condition = condition;
    return LT_OK;
}

/* Takes the columns away that sub-queries added. */
static lt_status cut_columns(lt_binder *b, uint32_t count, lt_rel **rel, lt_error *err)
{
    if ((*rel)->schema->count == count) {
        return LT_OK;
    }
    lt_expr **exprs = LT_NEW_ARRAY(b->arena, lt_expr *, count + 1);
    if (!exprs) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        LT_TRY(column(b, *rel, i, 0, &exprs[i], err));
    }
    return lt_rel_project(b, *rel, exprs, (*rel)->schema->fields, count, rel, err);
}

typedef struct {
    const lt_expr_env *env;
    lt_rel *rel;
    lt_expr *plain; /* conjuncts without sub-queries */
} where_parts;

static lt_status where_conjunct(where_parts *w, const lt_ast_expr *ast, bool tests, lt_error *err)
{
    lt_binder *b = w->env->b;
    bool negated;
    if (ast->kind == LT_EXPR_LOGICAL && ast->logical.op == LT_OP_AND) {
        for (uint32_t i = 0; i < ast->logical.operands.count; i++) {
            LT_TRY(where_conjunct(w, ast->logical.operands.items[i], tests, err));
        }
        return LT_OK;
    }
    const lt_ast_expr *test = test_of(ast, &negated);
    bool has_query = lt_ast_has_query(b, ast);
    if (has_query != tests) {
        return LT_OK;
    }
    if (test && !operand_has_query(b, test)) {
        return where_test(w->env, test, negated, &w->rel, err);
    }
    lt_subqueries subs = {.b = b, .base = w->rel->schema->count, .width = w->rel->schema->count};
    lt_expr_env env = *w->env;
    lt_expr *condition;
    env.subs = has_query ? &subs : NULL;
    LT_TRY(lt_bind_condition(&env, ast, &condition, err));
    if (!has_query) {
        return both(b, w->plain, condition, &w->plain, err);
    }
    LT_TRY(lt_subqueries_attach(&subs, &w->rel, err));
    LT_TRY(lt_rel_filter(b, w->rel, condition, ast->pos, &w->rel, err));
    return cut_columns(b, subs.base, &w->rel, err);
}

lt_status lt_bind_where(const lt_expr_env *env, const lt_ast_expr *ast, lt_rel **rel, lt_error *err)
{
    where_parts w = {.env = env, .rel = *rel};
    lt_binder *b = env->b;
    if (!lt_ast_has_query(b, ast)) {
        LT_TRY(lt_bind_condition(env, ast, &w.plain, err));
        return lt_rel_filter(env->b, *rel, w.plain, ast->pos, rel, err);
    }
    LT_TRY(where_conjunct(&w, ast, false, err));
    if (w.plain) {
        LT_TRY(lt_rel_filter(env->b, w.rel, w.plain, ast->pos, &w.rel, err));
    }
    LT_TRY(where_conjunct(&w, ast, true, err));
    *rel = w.rel;
    return LT_OK;
}

/* ---- anywhere else ---- */

static lt_status add_join(lt_subqueries *subs, lt_rel *right, lt_expr *condition, uint32_t pos,
                          lt_error *err)
{
    struct lt_sub_join *join = LT_NEW(subs->b->arena, struct lt_sub_join);
    struct lt_sub_join **end = &subs->joins;
    if (!join) {
        return nomem(err);
    }
    while (*end) {
        end = &(*end)->next;
    }
    *join = (struct lt_sub_join){.right = right, .condition = condition, .pos = pos};
    *end = join;
    subs->width += right->schema->count;
    return LT_OK;
}

lt_status lt_subqueries_attach(const lt_subqueries *subs, lt_rel **rel, lt_error *err)
{
    LT_ASSERT((*rel)->schema->count == subs->base);
    for (const struct lt_sub_join *join = subs->joins; join; join = join->next) {
        LT_TRY(lt_rel_join(subs->b, *rel, join->right, LT_JOIN_TYPE_LEFT, join->pos, rel, err));
        (*rel)->u.join.condition = join->condition;
    }
    return LT_OK;
}

/* A column that the left join may leave NULL. */
static lt_status added_column(lt_binder *b, const lt_rel *right, uint32_t index, uint32_t shift,
                              lt_expr **out, lt_error *err)
{
    const lt_type *type = lt_type_with_nullable(b->arena, right->schema->fields[index].type, true);
    return type ? lt_expr_column(&b->eb, shift + index, type, right->pos, out, err) : nomem(err);
}

static lt_status refuse_condition(const lt_ast_expr *ast, lt_error *err)
{
    lt_status st = lt_error_set_at(err, LT_ERR_UNSUPPORTED, ast->pos,
                                   "here a correlated sub-query may be tied to the query around it "
                                   "only by equalities (inner = outer)");
    lt_error_hint(err, "as a conjunct of WHERE, EXISTS and IN take other conditions too");
    return st;
}

/* A sub-query beside its correlation: `input` has the query's columns, then the inner sides of the
 * equalities that tie it to the query around. */
typedef struct {
    const lt_expr_env *env;
    const lt_ast_expr *ast;
    lt_key_pairs pairs;
    lt_rel *input;
    uint32_t count; /* the query's columns */
} tied_query;

static lt_status refuse_outer_result(const lt_ast_expr *ast, lt_error *err)
{
    return lt_unsupported_at(err, ast->pos,
                             "a sub-query whose result is made of columns of the query around it");
}

static lt_status tie(const lt_expr_env *env, const lt_ast_expr *ast, const lt_flat_query *q,
                     tied_query *out, lt_error *err)
{
    lt_binder *b = env->b;
    *out = (tied_query){.env = env, .ast = ast, .count = q->count};
    LT_TRY(lt_flat_pairs(b, q, &out->pairs, err));
    if (!out->pairs.all) {
        return refuse_condition(ast, err);
    }
    uint32_t count = q->count + out->pairs.count;
    lt_expr **exprs = LT_NEW_ARRAY(b->arena, lt_expr *, count + 1);
    lt_field *fields = LT_NEW_ARRAY(b->arena, lt_field, count + 1);
    if (!exprs || !fields) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        exprs[i] = i < q->count ? q->cols[i] : out->pairs.inner[i - q->count];
        if (lt_expr_is_outer(exprs[i])) {
            return refuse_outer_result(ast, err);
        }
        const char *name = lt_arena_printf(b->arena, "$q%u", i);
        fields[i].type = lt_type_with_attr(b->arena, exprs[i]->type, LT_TIME_NONE);
        if (!name || !fields[i].type) {
            return nomem(err);
        }
        fields[i].name = lt_str_of(name);
    }
    return lt_rel_project(b, q->rel, exprs, fields, count, &out->input, err);
}

/* Grouped by the correlation, and by the query's own columns if asked: keys (own first),
 * aggregates, then a column that is TRUE wherever the join finds a partner. */
static lt_status group(const tied_query *q, bool by_columns, lt_agg **aggs, uint32_t agg_count,
                       lt_rel **out, lt_error *err)
{
    lt_binder *b = q->env->b;
    uint32_t own = by_columns ? q->count : 0, count = own + q->pairs.count;
    uint32_t *keys = LT_NEW_ARRAY(b->arena, uint32_t, count + 1);
    lt_value yes = {.type = lt_type_new(b->arena, LT_TYPE_BOOLEAN, false), .u.b = true};
    lt_expr *marker;
    if (!keys || !yes.type) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = i < own ? i : q->count + (i - own);
    }
    if (count + agg_count == 0) {
        LT_TRY(any_row(b, q->input, out, err)); /* a query without ties: has it rows? */
    } else {
        LT_TRY(lt_rel_aggregate(b, q->input, keys, NULL, count, aggs, agg_count, out, err));
    }
    LT_TRY(lt_expr_literal(&b->eb, &yes, q->ast->pos, &marker, err));
    return lt_rel_extend(b, *out, &marker, 1, out, err);
}

/* Joins a grouped query; first_key: where its correlation's keys stand. *shift: the column where
 * it begins in the rows. */
static lt_status join_grouped(const tied_query *q, lt_rel *right, uint32_t first_key,
                              lt_expr *condition, uint32_t *shift, lt_error *err)
{
    lt_binder *b = q->env->b;
    lt_subqueries *subs = q->env->subs;
    *shift = subs->width;
    for (uint32_t k = 0; k < q->pairs.count; k++) {
        lt_expr *inner, *outer, *equal;
        LT_TRY(column(b, right, first_key + k, *shift, &inner, err));
        LT_TRY(lt_outer_join_expr(b, q->pairs.outer[k], 0, &outer, err));
        LT_TRY(call(b, q->pairs.null_safe[k] ? "IS NOT DISTINCT FROM" : "=", outer, inner, &equal,
                    err));
        LT_TRY(both(b, condition, equal, &condition, err));
    }
    return add_join(subs, right, condition, q->ast->pos, err);
}

static lt_status is_there(const tied_query *q, const lt_rel *right, uint32_t shift, lt_expr **out,
                          lt_error *err)
{
    lt_expr *marker;
    LT_TRY(added_column(q->env->b, right, right->schema->count - 1, shift, &marker, err));
    return call(q->env->b, "IS NOT NULL", marker, NULL, out, err);
}

static lt_status exists_value(const tied_query *q, lt_expr **out, lt_error *err)
{
    lt_rel *right;
    uint32_t shift;
    LT_TRY(group(q, false, NULL, 0, &right, err));
    LT_TRY(join_grouped(q, right, 0, NULL, &shift, err));
    return is_there(q, right, shift, out, err);
}

/* COUNT(*), or COUNT of the query's first column. */
static lt_status count_of(const tied_query *q, bool first, lt_agg **out, lt_error *err)
{
    lt_binder *b = q->env->b;
    lt_expr *arg = NULL;
    if (first) {
        LT_TRY(column(b, q->input, 0, 0, &arg, err));
    }
    return lt_agg_bind(&b->eb, LT_STR("COUNT"), &arg, first ? 1 : 0, false, NULL, false,
                       q->ast->pos, out, err);
}

static lt_status boolean(const tied_query *q, int value, lt_expr **out, lt_error *err)
{
    lt_binder *b = q->env->b;
    const lt_value v = {.type = lt_type_new(b->arena, LT_TYPE_BOOLEAN, value < 0),
                        .is_null = value<0, .u.b = value> 0};
    return v.type ? lt_expr_literal(&b->eb, &v, q->ast->pos, out, err) : nomem(err);
}

/* x IN (..): FALSE when the query has no rows, TRUE when it has x, NULL when x is NULL or one of
 * the rows is, else FALSE. */
static lt_status in_or_unknown(const tied_query *q, lt_expr *left, lt_expr *found, lt_expr **out,
                               lt_error *err)
{
    lt_binder *b = q->env->b;
    lt_agg **aggs = LT_NEW_ARRAY(b->arena, lt_agg *, 2);
    uint32_t shift, keys = q->pairs.count;
    lt_expr *all, *known, *nothing, *empty, *args[9];
    lt_rel *right;
    if (!aggs) {
        return nomem(err);
    }
    LT_TRY(count_of(q, false, &aggs[0], err));
    LT_TRY(count_of(q, true, &aggs[1], err));
    LT_TRY(group(q, false, aggs, 2, &right, err));
    LT_TRY(join_grouped(q, right, 0, NULL, &shift, err));
    LT_TRY(added_column(b, right, keys, shift, &all, err));
    LT_TRY(added_column(b, right, keys + 1, shift, &known, err));
    const lt_value zero = {.type = aggs[0]->result};
    LT_TRY(lt_expr_literal(&b->eb, &zero, q->ast->pos, &nothing, err));
    LT_TRY(call(b, "=", all, nothing, &empty, err));
    LT_TRY(call(b, "IS NULL", all, NULL, &args[0], err));
    LT_TRY(call(b, "OR", args[0], empty, &args[0], err));
    LT_TRY(boolean(q, 0, &args[1], err));
    args[2] = found;
    LT_TRY(boolean(q, 1, &args[3], err));
    LT_TRY(call(b, "IS NULL", left, NULL, &args[4], err));
    LT_TRY(boolean(q, -1, &args[5], err));
    LT_TRY(call(b, "<", known, all, &args[6], err));
    args[7] = args[5];
    args[8] = args[1];
    return lt_expr_call(&b->eb, LT_STR("CASE"), args, 9, q->ast->pos, out, err);
}

static lt_status in_value(const tied_query *q, const lt_ast_expr *operand,
                          const lt_flat_query *flat, lt_expr **out, lt_error *err)
{
    lt_binder *b = q->env->b;
    comparison c = {.op = "="};
    lt_expr *condition, **cols = LT_NEW_ARRAY(b->arena, lt_expr *, q->count + 1);
    lt_rel *right;
    uint32_t shift = q->env->subs->width;
    bool nulls = false;
    if (!cols) {
        return nomem(err);
    }
    LT_TRY(bind_left(q->env, operand, flat, &c, err));
    LT_TRY(group(q, true, NULL, 0, &right, err));
    for (uint32_t i = 0; i < q->count; i++) {
        LT_TRY(column(b, right, i, shift, &cols[i], err));
        nulls = nulls || cols[i]->type->nullable || c.left[i]->type->nullable;
    }
    LT_TRY(compare(b, &c, cols, true, &condition, err));
    LT_TRY(join_grouped(q, right, q->count, condition, &shift, err));
    LT_TRY(is_there(q, right, shift, out, err));
    if (!nulls) {
        return LT_OK;
    }
    if (q->count != 1) {
        return lt_unsupported_at(
            err, q->ast->pos, "rows with NULLs in IN (SELECT ..) that is not a conjunct of WHERE");
    }
    return in_or_unknown(q, c.left[0], *out, out, err);
}

/* The value of a query that is a global aggregate. Where the join finds no row it is that of
 * nothing when the query is correlated; else NULL: before its first row a streaming aggregate has
 * none. */
static lt_status global_value(const lt_expr_env *env, const lt_ast_expr *ast, lt_flat_query *q,
                              lt_expr **out, lt_error *err)
{
    lt_binder *b = env->b;
    uint32_t shift = env->subs->width, at = q->cols[0]->u.column;
    const lt_value yes = {.type = lt_type_new(b->arena, LT_TYPE_BOOLEAN, false), .u.b = true};
    lt_expr *args[3], *condition = NULL;
    if (!yes.type) {
        return nomem(err);
    }
    if (lt_expr_is_outer(q->cols[0])) {
        return refuse_outer_result(ast, err);
    }
    LT_TRY(lt_expr_literal(&b->eb, &yes, ast->pos, &args[0], err));
    LT_TRY(lt_rel_extend(b, q->rel, args, 1, &q->rel, err));
    if (q->condition) {
        LT_TRY(lt_outer_join_expr(b, q->condition, shift, &condition, err));
    }
    LT_TRY(add_join(env->subs, q->rel, condition, ast->pos, err));
    LT_TRY(added_column(b, q->rel, at, shift, out, err));
    lt_expr *empty = q->empty[at];
    if (!q->condition || (empty->kind == LT_NODE_LITERAL && empty->u.literal.is_null)) {
        return LT_OK;
    }
    LT_TRY(added_column(b, q->rel, q->rel->schema->count - 1, shift, &args[0], err));
    LT_TRY(call(b, "IS NOT NULL", args[0], NULL, &args[0], err));
    args[1] = *out;
    args[2] = empty;
    return lt_expr_call(&b->eb, LT_STR("CASE"), args, 3, ast->pos, out, err);
}

static lt_status scalar_value(const lt_expr_env *env, const lt_ast_expr *ast, lt_flat_query *flat,
                              lt_expr **out, lt_error *err)
{
    lt_binder *b = env->b;
    tied_query q;
    lt_agg **aggs = LT_NEW(b->arena, lt_agg *);
    lt_expr *arg;
    lt_rel *right;
    uint32_t shift;
    if (flat->count != 1) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               "a scalar sub-query has one column, this one has %u", flat->count);
    }
    if (flat->global) {
        return global_value(env, ast, flat, out, err);
    }
    LT_TRY(tie(env, ast, flat, &q, err));
    LT_TRY(column(b, q.input, 0, 0, &arg, err));
    if (!aggs) {
        return nomem(err);
    }
    LT_TRY(lt_agg_bind(&b->eb, LT_STR("SINGLE_VALUE"), &arg, 1, false, NULL, false, ast->pos,
                       &aggs[0], err));
    LT_TRY(group(&q, false, aggs, 1, &right, err));
    LT_TRY(join_grouped(&q, right, 0, NULL, &shift, err));
    return added_column(b, right, q.pairs.count, shift, out, err);
}

static lt_status test_value(const lt_expr_env *env, const lt_ast_expr *ast, lt_flat_query *flat,
                            lt_expr **out, lt_error *err)
{
    tied_query q;
    bool quantified = ast->kind == LT_EXPR_QUANTIFIED;
    bool in = quantified && !ast->quantified.all && ast->quantified.op == LT_OP_EQ;
    bool not_in = quantified && ast->quantified.all && ast->quantified.op == LT_OP_NE;
    if (flat->global && flat->condition) {
        return lt_unsupported_at(err, ast->pos,
                                 "a test with a correlated aggregate without GROUP BY");
    }
    LT_TRY(tie(env, ast, flat, &q, err));
    if (ast->kind == LT_EXPR_EXISTS) {
        return exists_value(&q, out, err);
    }
    if (quantified && !in && !not_in) {
        return lt_unsupported_at(err, ast->pos,
                                 "a comparison with ANY or ALL that is not a conjunct of WHERE");
    }
    LT_TRY(in_value(&q, quantified ? ast->quantified.operand : ast->in.operand, flat, out, err));
    bool negated = quantified ? not_in : ast->in.negated;
    return negated ? call(env->b, "NOT", *out, NULL, out, err) : LT_OK;
}

lt_status lt_bind_subquery(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                           lt_error *err)
{
    lt_subqueries *subs = env->subs;
    lt_flat_query flat;
    if (!subs) {
        return lt_error_set_at(err, LT_ERR_UNSUPPORTED, ast->pos,
                               "sub-queries in %s are not supported", env->clause);
    }
    for (const struct lt_sub_known *k = subs->known; k; k = k->next) {
        if (k->ast == ast) {
            *out = k->expr;
            return LT_OK;
        }
    }
    LT_TRY(bind_query(env, ast, &flat, err));
    LT_TRY(ast->kind == LT_EXPR_SUBQUERY ? scalar_value(env, ast, &flat, out, err)
                                         : test_value(env, ast, &flat, out, err));
    struct lt_sub_known *known = LT_NEW(env->b->arena, struct lt_sub_known);
    if (!known) {
        return nomem(err);
    }
    *known = (struct lt_sub_known){ast, *out, subs->known};
    subs->known = known;
    return LT_OK;
}
