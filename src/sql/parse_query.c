/* Queries: WITH, SELECT, VALUES, TABLE t, set operations, ORDER BY and LIMIT. */
#include "sql/parse_int.h"

bool lt_at_query(const lt_parser *p)
{
    return lt_at_kw(p, LT_KW_SELECT) || lt_at_kw(p, LT_KW_VALUES) || lt_at_kw(p, LT_KW_WITH) ||
           (lt_at_kw(p, LT_KW_TABLE) && lt_at_name(p, 1));
}

static bool at_setop(const lt_parser *p)
{
    return lt_at_kw(p, LT_KW_UNION) || lt_at_kw(p, LT_KW_INTERSECT) || lt_at_kw(p, LT_KW_EXCEPT);
}

bool lt_at_query_rest(const lt_parser *p)
{
    return at_setop(p) || lt_at_kw(p, LT_KW_ORDER) || lt_at_kw(p, LT_KW_LIMIT) ||
           lt_at_kw(p, LT_KW_OFFSET) || lt_at_kw(p, LT_KW_FETCH);
}

static lt_status query_new(lt_parser *p, lt_ast_query_kind kind, uint32_t pos, lt_ast_query **out)
{
    *out = LT_NODE(p, lt_ast_query);
    if (!*out) {
        return p->err->code;
    }
    (*out)->kind = kind;
    (*out)->pos = pos;
    return LT_OK;
}

/* ---- SELECT ------------------------------------------------------------------------------------
 */

static lt_status select_item(lt_parser *p, lt_ast_item *item)
{
    *item = (lt_ast_item){0};
    if (lt_at(p, LT_TOK_STAR)) {
        LT_TRY(lt_expr_new(p, LT_EXPR_STAR, lt_tok(p, 0)->pos, &item->expr));
        lt_skip(p);
        return LT_OK;
    }
    LT_TRY(lt_parse_expr(p, &item->expr));
    if (lt_take_kw(p, LT_KW_AS)) {
        if (lt_at_string(p, 0)) {
            lt_status st =
                lt_parse_error(p, lt_tok(p, 0)->pos, "expected a name but found a string");
            lt_error_hint(p->err, "write the alias in back quotes");
            return st;
        }
        return lt_parse_name(p, &item->alias);
    }
    return lt_at_name(p, 0) ? lt_parse_name(p, &item->alias) : LT_OK;
}

static lt_status group_item(lt_parser *p, bool in_sets, lt_ast_group **out);

static lt_status group_children(lt_parser *p, lt_ast_group *group)
{
    bool sets = group->kind == LT_GROUP_SETS;
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    LT_TRY(lt_parse_enter(p, 1, 1));
    do {
        lt_ast_group *child = NULL;
        LT_TRY(group_item(p, sets, &child));
        LT_PUSH(p, group->children, group->child_count, child);
    } while (lt_take(p, LT_TOK_COMMA));
    lt_parse_leave(p, 1, 1);
    return lt_expect(p, LT_TOK_RPAREN, "',' or ')'");
}

/* in_sets: ROLLUP, CUBE and GROUPING SETS may stand here too. */
static lt_status group_item(lt_parser *p, bool in_sets, lt_ast_group **out)
{
    lt_ast_group *group = LT_NODE(p, lt_ast_group);
    if (!group) {
        return p->err->code;
    }
    *out = group;
    group->pos = lt_tok(p, 0)->pos;
    bool parens = lt_tok(p, 1)->kind == LT_TOK_LPAREN;
    if (in_sets && parens && (lt_at_kw(p, LT_KW_ROLLUP) || lt_at_kw(p, LT_KW_CUBE))) {
        group->kind = lt_at_kw(p, LT_KW_ROLLUP) ? LT_GROUP_ROLLUP : LT_GROUP_CUBE;
        lt_skip(p);
        return group_children(p, group);
    }
    if (in_sets && lt_take_kw2(p, LT_KW_GROUPING, LT_KW_SETS)) {
        group->kind = LT_GROUP_SETS;
        return group_children(p, group);
    }
    if (lt_at(p, LT_TOK_LPAREN) && lt_tok(p, 1)->kind == LT_TOK_RPAREN) {
        group->kind = LT_GROUP_TUPLE;
        lt_skip(p);
        lt_skip(p);
        return LT_OK;
    }
    LT_TRY(lt_parse_expr(p, &group->expr));
    if (group->expr->kind == LT_EXPR_ROW) {
        group->kind = LT_GROUP_TUPLE;
        group->exprs = group->expr->list;
        group->expr = NULL;
    }
    return LT_OK;
}

static lt_status group_by(lt_parser *p, lt_ast_select *select)
{
    select->has_group_by = true;
    if (lt_take_kw(p, LT_KW_DISTINCT)) {
        select->group_quantifier = LT_QUANT_DISTINCT;
    } else if (lt_take_kw(p, LT_KW_ALL)) {
        select->group_quantifier = LT_QUANT_ALL;
    }
    do {
        lt_ast_group *group = NULL;
        LT_TRY(group_item(p, true, &group));
        LT_PUSH(p, select->groups, select->group_count, group);
    } while (lt_take(p, LT_TOK_COMMA));
    return LT_OK;
}

static lt_status windows(lt_parser *p, lt_ast_select *select)
{
    do {
        lt_ast_named_window item = {0};
        LT_TRY(lt_parse_name(p, &item.name));
        LT_TRY(lt_expect_kw(p, LT_KW_AS));
        LT_TRY(lt_parse_window(p, &item.window));
        LT_PUSH(p, select->windows, select->window_count, item);
    } while (lt_take(p, LT_TOK_COMMA));
    return LT_OK;
}

static lt_status select_clauses(lt_parser *p, lt_ast_select *select)
{
    if (lt_take_kw(p, LT_KW_FROM)) {
        LT_TRY(lt_parse_from(p, &select->from));
    }
    if (lt_take_kw(p, LT_KW_WHERE)) {
        LT_TRY(lt_parse_expr(p, &select->where));
    }
    if (lt_take_kw2(p, LT_KW_GROUP, LT_KW_BY)) {
        LT_TRY(group_by(p, select));
    }
    if (lt_take_kw(p, LT_KW_HAVING)) {
        LT_TRY(lt_parse_expr(p, &select->having));
    }
    if (lt_take_kw(p, LT_KW_WINDOW)) {
        LT_TRY(windows(p, select));
    }
    if (lt_take_kw(p, LT_KW_QUALIFY)) {
        LT_TRY(lt_parse_expr(p, &select->qualify));
    }
    return LT_OK;
}

static lt_status select_query(lt_parser *p, lt_ast_query **out)
{
    LT_TRY(query_new(p, LT_QUERY_SELECT, lt_tok(p, 0)->pos, out));
    lt_ast_select *select = LT_NODE(p, lt_ast_select);
    if (!select) {
        return p->err->code;
    }
    (*out)->select = select;
    lt_skip(p);
    LT_TRY(lt_parse_hints(p, &select->hints));
    if (lt_at_kw(p, LT_KW_STREAM)) {
        return lt_parse_unsupported(p, lt_tok(p, 0)->pos, "SELECT STREAM is not Flink SQL");
    }
    if (lt_take_kw(p, LT_KW_DISTINCT)) {
        select->quantifier = LT_QUANT_DISTINCT;
    } else if (lt_take_kw(p, LT_KW_ALL)) {
        select->quantifier = LT_QUANT_ALL;
    }
    do {
        lt_ast_item item;
        LT_TRY(select_item(p, &item));
        LT_PUSH(p, select->items, select->item_count, item);
    } while (lt_take(p, LT_TOK_COMMA));
    return select_clauses(p, select);
}

/* ---- VALUES ------------------------------------------------------------------------------------
 */

static lt_status values_query(lt_parser *p, lt_ast_query **out)
{
    bool wrapped = false;
    LT_TRY(query_new(p, LT_QUERY_VALUES, lt_tok(p, 0)->pos, out));
    lt_skip(p);
    do {
        lt_ast_expr *expr = NULL;
        LT_TRY(lt_parse_expr(p, &expr));
        if (expr->kind != LT_EXPR_ROW) {
            lt_ast_expr *row = NULL;
            LT_TRY(lt_expr_new(p, LT_EXPR_ROW, expr->pos, &row));
            LT_PUSH(p, row->list.items, row->list.count, expr);
            expr = row;
            wrapped = true;
        }
        LT_PUSH(p, (*out)->rows.items, (*out)->rows.count, expr);
    } while (lt_take(p, LT_TOK_COMMA));
    return lt_parse_reach(p, p->reach + (wrapped ? 1 : 0));
}

/* ---- set operations ----------------------------------------------------------------------------
 */

static lt_status table_query(lt_parser *p, lt_ast_query **out)
{
    LT_TRY(query_new(p, LT_QUERY_TABLE, lt_tok(p, 0)->pos, out));
    lt_skip(p);
    return lt_parse_path(p, &(*out)->table);
}

static lt_status operand(lt_parser *p, lt_ast_query **out)
{
    if (lt_at_kw(p, LT_KW_SELECT)) {
        return select_query(p, out);
    }
    if (lt_at_kw(p, LT_KW_VALUES)) {
        return values_query(p, out);
    }
    if (lt_at_kw(p, LT_KW_TABLE) && lt_at_name(p, 1)) {
        return table_query(p, out);
    }
    if (lt_take(p, LT_TOK_LPAREN)) {
        LT_TRY(lt_parse_query(p, out));
        return lt_expect(p, LT_TOK_RPAREN, "')'");
    }
    return lt_parse_expected(p, "a query (SELECT, VALUES, WITH or TABLE)");
}

static bool has_tail(const lt_ast_query *query)
{
    return query->order_by.count > 0 || query->offset || query->limit;
}

/* Adds right to left: in place when left is a bare chain of the same operation. */
static lt_status combine(lt_parser *p, lt_ast_setop_kind op, bool all, lt_ast_query *right,
                         lt_ast_query **left)
{
    lt_ast_query *query = *left;
    bool chain = query->kind == LT_QUERY_SETOP && query->setop.op == op &&
                 query->setop.all == all && query->cte_count == 0 && !has_tail(query);
    if (!chain) {
        LT_TRY(query_new(p, LT_QUERY_SETOP, query->pos, &query));
        query->setop.op = op;
        query->setop.all = all;
        LT_PUSH(p, query->setop.operands, query->setop.count, *left);
        LT_TRY(lt_parse_reach(p, p->reach + 1));
    }
    LT_PUSH(p, query->setop.operands, query->setop.count, right);
    *left = query;
    return LT_OK;
}

/* [ALL | DISTINCT] behind the word; DISTINCT is the default. */
static bool take_all(lt_parser *p)
{
    lt_skip(p);
    if (lt_take_kw(p, LT_KW_ALL)) {
        return true;
    }
    (void)lt_take_kw(p, LT_KW_DISTINCT);
    return false;
}

/* INTERSECT binds tighter than UNION and EXCEPT. */
static lt_status intersections(lt_parser *p, lt_ast_query **left)
{
    while (lt_at_kw(p, LT_KW_INTERSECT)) {
        lt_ast_query *right = NULL;
        bool all = take_all(p);
        LT_TRY(operand(p, &right));
        LT_TRY(combine(p, LT_SETOP_INTERSECT, all, right, left));
    }
    return LT_OK;
}

static lt_status set_operations(lt_parser *p, lt_ast_query **left)
{
    LT_TRY(intersections(p, left));
    while (lt_at_kw(p, LT_KW_UNION) || lt_at_kw(p, LT_KW_EXCEPT)) {
        lt_ast_query *right = NULL;
        lt_ast_setop_kind op = lt_at_kw(p, LT_KW_UNION) ? LT_SETOP_UNION : LT_SETOP_EXCEPT;
        bool all = take_all(p);
        LT_TRY(operand(p, &right));
        LT_TRY(intersections(p, &right));
        LT_TRY(combine(p, op, all, right, left));
    }
    return LT_OK;
}

/* ---- ORDER BY, LIMIT ---------------------------------------------------------------------------
 */

static lt_status row_count(lt_parser *p, lt_ast_expr **out)
{
    if (!lt_at(p, LT_TOK_INTEGER)) {
        return lt_parse_expected(p, "a number of rows");
    }
    return lt_parse_number(p, out);
}

static lt_status offset_clause(lt_parser *p, lt_ast_query *tail)
{
    LT_TRY(row_count(p, &tail->offset));
    if (!lt_take_kw(p, LT_KW_ROWS)) {
        (void)lt_take_kw(p, LT_KW_ROW);
    }
    return LT_OK;
}

/* The order_by, offset and limit of tail; nothing else of it is touched. */
static lt_status tail_clauses(lt_parser *p, lt_ast_query *tail)
{
    if (lt_take_kw(p, LT_KW_ORDER)) {
        LT_TRY(lt_expect_kw(p, LT_KW_BY));
        LT_TRY(lt_parse_orders(p, &tail->order_by));
    }
    if (lt_take_kw(p, LT_KW_LIMIT)) {
        if (!lt_take_kw(p, LT_KW_ALL)) {
            LT_TRY(row_count(p, &tail->limit));
        }
        if (lt_at(p, LT_TOK_COMMA) && tail->limit) {
            lt_status st =
                lt_parse_error(p, tail->limit->pos, "LIMIT start, count is not Flink SQL");
            lt_error_hint(p->err, "write LIMIT count OFFSET start");
            return st;
        }
        return lt_take_kw(p, LT_KW_OFFSET) ? offset_clause(p, tail) : LT_OK;
    }
    if (lt_take_kw(p, LT_KW_OFFSET)) {
        LT_TRY(offset_clause(p, tail));
        if (lt_at_kw(p, LT_KW_LIMIT)) {
            lt_status st =
                lt_parse_error(p, lt_tok(p, 0)->pos, "OFFSET before LIMIT is not Flink SQL");
            lt_error_hint(p->err, "write LIMIT count OFFSET start");
            return st;
        }
    }
    if (lt_take_kw(p, LT_KW_FETCH)) {
        if (!lt_take_kw(p, LT_KW_FIRST)) {
            LT_TRY(lt_expect_kw(p, LT_KW_NEXT));
        }
        LT_TRY(row_count(p, &tail->limit));
        if (!lt_take_kw(p, LT_KW_ROWS)) {
            LT_TRY(lt_expect_kw(p, LT_KW_ROW));
        }
        return lt_expect_kw(p, LT_KW_ONLY);
    }
    return LT_OK;
}

/* ---- whole queries -----------------------------------------------------------------------------
 */

static lt_status with_clause(lt_parser *p, lt_ast_query *with)
{
    with->recursive = lt_take_kw(p, LT_KW_RECURSIVE);
    do {
        lt_ast_cte cte = {0};
        LT_TRY(lt_parse_name(p, &cte.name));
        if (lt_at(p, LT_TOK_LPAREN)) {
            LT_TRY(lt_parse_name_list(p, &cte.columns));
        }
        LT_TRY(lt_expect_kw(p, LT_KW_AS));
        LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
        LT_TRY(lt_parse_query(p, &cte.query));
        LT_TRY(lt_expect(p, LT_TOK_RPAREN, "')'"));
        LT_PUSH(p, with->ctes, with->cte_count, cte);
    } while (lt_take(p, LT_TOK_COMMA));
    return LT_OK;
}

/* Puts the outer WITH and tail on query, or on a node around it when it has its own. */
static lt_status attach(lt_parser *p, const lt_ast_query *outer, lt_ast_query **query)
{
    bool clash =
        (outer->cte_count > 0 && (*query)->cte_count > 0) || (has_tail(outer) && has_tail(*query));
    if (clash) {
        lt_ast_query *nested = NULL;
        LT_TRY(query_new(p, LT_QUERY_NESTED, (*query)->pos, &nested));
        nested->nested = *query;
        *query = nested;
    }
    if (outer->cte_count > 0) {
        (*query)->recursive = outer->recursive;
        (*query)->ctes = outer->ctes;
        (*query)->cte_count = outer->cte_count;
        (*query)->pos = outer->pos;
    }
    if (has_tail(outer)) {
        (*query)->order_by = outer->order_by;
        (*query)->offset = outer->offset;
        (*query)->limit = outer->limit;
    }
    return LT_OK;
}

static lt_status rest(lt_parser *p, lt_ast_query *outer, lt_ast_query *first, lt_ast_query **out)
{
    LT_TRY(set_operations(p, &first));
    LT_TRY(tail_clauses(p, outer));
    LT_TRY(attach(p, outer, &first));
    *out = first;
    return LT_OK;
}

lt_status lt_parse_query(lt_parser *p, lt_ast_query **out)
{
    lt_ast_query outer = {.pos = lt_tok(p, 0)->pos};
    lt_ast_query *first = NULL;
    LT_TRY(lt_parse_enter(p, LT_SQL_DEPTH_QUERY, LT_SQL_LEVELS_QUERY));
    uint32_t saved = p->reach;
    p->reach = p->level;
    if (lt_take_kw(p, LT_KW_WITH)) {
        LT_TRY(with_clause(p, &outer));
    }
    LT_TRY(operand(p, &first));
    LT_TRY(rest(p, &outer, first, out));
    p->reach = LT_MAX(saved, p->reach);
    lt_parse_leave(p, LT_SQL_DEPTH_QUERY, LT_SQL_LEVELS_QUERY);
    return LT_OK;
}

lt_status lt_parse_query_rest(lt_parser *p, lt_ast_query *first, lt_ast_query **out)
{
    lt_ast_query outer = {.pos = first->pos};
    LT_TRY(lt_parse_enter(p, LT_SQL_DEPTH_QUERY, LT_SQL_LEVELS_QUERY));
    /* `first` now lies below this query. */
    LT_TRY(lt_parse_reach(p, p->reach + LT_SQL_LEVELS_QUERY));
    LT_TRY(rest(p, &outer, first, out));
    lt_parse_leave(p, LT_SQL_DEPTH_QUERY, LT_SQL_LEVELS_QUERY);
    return LT_OK;
}
