/* Table references and joins. MATCH_RECOGNIZE is in parse_match.c. */
#include "sql/parse_int.h"

static lt_status from_new(lt_parser *p, lt_ast_from_kind kind, uint32_t pos, lt_ast_from **out)
{
    *out = LT_NODE(p, lt_ast_from);
    if (!*out) {
        return p->err->code;
    }
    (*out)->kind = kind;
    (*out)->pos = pos;
    return LT_OK;
}

/* ---- single references -------------------------------------------------------------------------
 */

/* FOR SYSTEM_TIME AS OF e */
static lt_status snapshot(lt_parser *p, lt_ast_from *from)
{
    if (!lt_take_kw2(p, LT_KW_FOR, LT_KW_SYSTEM_TIME)) {
        return LT_OK;
    }
    LT_TRY(lt_expect_kw(p, LT_KW_AS));
    LT_TRY(lt_expect_kw(p, LT_KW_OF));
    return lt_parse_expr(p, &from->table.as_of);
}

/* name, name hints, f(..) */
static lt_status named(lt_parser *p, lt_ast_from **out)
{
    lt_ast_path path = {0};
    uint32_t pos = lt_tok(p, 0)->pos;
    LT_TRY(lt_parse_path(p, &path));
    if (lt_at(p, LT_TOK_LPAREN)) {
        LT_TRY(from_new(p, LT_FROM_FUNCTION, pos, out));
        return lt_parse_call(p, path, &(*out)->function.call);
    }
    LT_TRY(from_new(p, LT_FROM_TABLE, pos, out));
    (*out)->table.path = path;
    LT_TRY(lt_parse_hints(p, &(*out)->table.hints));
    return snapshot(p, *out);
}

lt_status lt_parse_file_path(lt_parser *p, lt_ast_path *out)
{
    uint32_t pos = lt_tok(p, 0)->pos;
    lt_ast_string text = {0};
    LT_TRY(lt_parse_string(p, &text));
    lt_ast_name name = {.text = text.text, .pos = pos, .quoted = true};
    LT_PUSH(p, out->items, out->count, name);
    return LT_OK;
}

/* 'file': a table that is inferred from the file, which is its name. Flink has no such form. */
static lt_status file(lt_parser *p, lt_ast_from **out)
{
    LT_TRY(from_new(p, LT_FROM_TABLE, lt_tok(p, 0)->pos, out));
    LT_TRY(lt_parse_file_path(p, &(*out)->table.path));
    return lt_parse_hints(p, &(*out)->table.hints);
}

/* TABLE ( f(..) ); the function may have a name that is reserved. */
static lt_status table_function(lt_parser *p, lt_ast_from **out)
{
    LT_TRY(from_new(p, LT_FROM_FUNCTION, lt_tok(p, 0)->pos, out));
    lt_skip(p);
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    (*out)->function.table_syntax = true;
    LT_TRY(lt_parse_primary(p, &(*out)->function.call));
    if ((*out)->function.call->kind != LT_EXPR_CALL || (*out)->function.call->call->niladic) {
        return lt_parse_error(p, (*out)->function.call->pos,
                              "TABLE(..) takes a call of a function");
    }
    return lt_expect(p, LT_TOK_RPAREN, "')'");
}

static lt_status unnest(lt_parser *p, lt_ast_from **out)
{
    LT_TRY(from_new(p, LT_FROM_UNNEST, lt_tok(p, 0)->pos, out));
    lt_skip(p);
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    LT_TRY(lt_parse_exprs(p, &(*out)->unnest.exprs));
    LT_TRY(lt_expect(p, LT_TOK_RPAREN, "',' or ')'"));
    (*out)->unnest.ordinality = lt_take_kw2(p, LT_KW_WITH, LT_KW_ORDINALITY);
    return LT_OK;
}

static lt_status subquery(lt_parser *p, lt_ast_query *query, uint32_t pos, lt_ast_from **out)
{
    LT_TRY(from_new(p, LT_FROM_SUBQUERY, pos, out));
    (*out)->subquery.query = query;
    return LT_OK;
}

/* A query in parentheses without anything around it: may be an operand of UNION. */
static bool is_plain_subquery(const lt_ast_from *from)
{
    return from->kind == LT_FROM_SUBQUERY && !from->subquery.lateral && !from->alias.text.ptr;
}

/* ( query ), ( join ), and both with more parentheses inside */
static lt_status parens(lt_parser *p, lt_ast_from **out)
{
    uint32_t pos = lt_tok(p, 0)->pos;
    lt_ast_query *query = NULL;
    lt_skip(p);
    if (lt_at_query(p)) {
        LT_TRY(lt_parse_query(p, &query));
        LT_TRY(subquery(p, query, pos, out));
        return lt_expect(p, LT_TOK_RPAREN, "')'");
    }
    LT_TRY(lt_parse_enter(p, 1, 0));
    LT_TRY(lt_parse_from(p, out));
    lt_parse_leave(p, 1, 0);
    if (is_plain_subquery(*out)) {
        if (lt_at_query_rest(p)) {
            LT_TRY(lt_parse_query_rest(p, (*out)->subquery.query, &query));
            LT_TRY(subquery(p, query, pos, out));
        }
    } else if ((*out)->kind != LT_FROM_JOIN || (*out)->join.how == LT_JOIN_COMMA) {
        return lt_parse_error(p, (*out)->pos, "parentheses in FROM hold a query or a join");
    }
    return lt_expect(p, LT_TOK_RPAREN, "')'");
}

static lt_status lateral(lt_parser *p, lt_ast_from **out)
{
    lt_skip(p);
    if (lt_at(p, LT_TOK_LPAREN)) {
        LT_TRY(parens(p, out));
        if (!is_plain_subquery(*out)) {
            return lt_parse_error(p, (*out)->pos, "LATERAL takes a query or TABLE(f(..))");
        }
        (*out)->subquery.lateral = true;
        return LT_OK;
    }
    if (lt_at_kw(p, LT_KW_UNNEST)) {
        return unnest(p, out); /* is lateral anyway */
    }
    if (lt_at_kw(p, LT_KW_TABLE)) {
        LT_TRY(table_function(p, out));
    } else {
        LT_TRY(named(p, out));
    }
    if ((*out)->kind != LT_FROM_FUNCTION) {
        return lt_parse_error(p, (*out)->pos, "LATERAL takes a query or TABLE(f(..))");
    }
    (*out)->function.lateral = true;
    return LT_OK;
}

static lt_status alias(lt_parser *p, lt_ast_from *from)
{
    bool as = lt_take_kw(p, LT_KW_AS);
    if (!as && !lt_at_name(p, 0)) {
        return LT_OK;
    }
    LT_TRY(lt_parse_name(p, &from->alias));
    if (lt_at(p, LT_TOK_LPAREN)) {
        LT_TRY(lt_parse_name_list(p, &from->columns));
    }
    return LT_OK;
}

static lt_status refuse_rest(lt_parser *p)
{
    static const lt_keyword refused[] = {LT_KW_TABLESAMPLE, LT_KW_PIVOT, LT_KW_UNPIVOT,
                                         LT_KW_EXTEND};
    for (size_t i = 0; i < LT_COUNT_OF(refused); i++) {
        if (lt_at_kw(p, refused[i])) {
            return lt_parse_unsupported(p, lt_tok(p, 0)->pos, "%s is not supported",
                                        lt_keyword_name(refused[i]).ptr);
        }
    }
    return LT_OK;
}

lt_status lt_parse_table_ref(lt_parser *p, lt_ast_from **out)
{
    if (lt_at(p, LT_TOK_LPAREN)) {
        LT_TRY(parens(p, out));
    } else if (lt_at_kw(p, LT_KW_LATERAL)) {
        LT_TRY(lateral(p, out));
    } else if (lt_at_kw(p, LT_KW_UNNEST)) {
        LT_TRY(unnest(p, out));
    } else if (lt_at_kw(p, LT_KW_TABLE)) {
        LT_TRY(table_function(p, out));
    } else if (lt_at_name(p, 0)) {
        LT_TRY(named(p, out));
    } else if (lt_at_string(p, 0)) {
        LT_TRY(file(p, out));
    } else {
        return lt_parse_expected(p, "a table");
    }
    LT_TRY(refuse_rest(p));
    if (lt_at_kw(p, LT_KW_MATCH_RECOGNIZE)) {
        LT_TRY(lt_parse_match(p, *out, out));
    }
    if ((*out)->kind != LT_FROM_JOIN) {
        LT_TRY(alias(p, *out));
    }
    return refuse_rest(p);
}

/* ---- joins -------------------------------------------------------------------------------------
 */

static bool take_join(lt_parser *p, lt_keyword word, bool outer)
{
    uint32_t words = lt_at_kw2(p, 1, LT_KW_JOIN)                                            ? 2
                     : outer && lt_at_kw2(p, 1, LT_KW_OUTER) && lt_at_kw2(p, 2, LT_KW_JOIN) ? 3
                                                                                            : 0;
    if (!lt_at_kw(p, word) || words == 0) {
        return false;
    }
    while (words-- > 0) {
        lt_skip(p);
    }
    return true;
}

/* False when no join follows. */
static bool join_kind(lt_parser *p, lt_ast_join_kind *how)
{
    if (lt_take_kw(p, LT_KW_JOIN) || take_join(p, LT_KW_INNER, false)) {
        *how = LT_JOIN_INNER;
    } else if (take_join(p, LT_KW_LEFT, true)) {
        *how = LT_JOIN_LEFT;
    } else if (take_join(p, LT_KW_RIGHT, true)) {
        *how = LT_JOIN_RIGHT;
    } else if (take_join(p, LT_KW_FULL, true)) {
        *how = LT_JOIN_FULL;
    } else if (take_join(p, LT_KW_CROSS, false)) {
        *how = LT_JOIN_CROSS;
    } else {
        return false;
    }
    return true;
}

static lt_status join_new(lt_parser *p, lt_ast_join_kind how, lt_ast_from *left, lt_ast_from *right,
                          lt_ast_from **out)
{
    LT_TRY(from_new(p, LT_FROM_JOIN, left->pos, out));
    (*out)->join.how = how;
    (*out)->join.left = left;
    (*out)->join.right = right;
    return LT_OK;
}

static lt_status joins(lt_parser *p, lt_ast_from **out)
{
    LT_TRY(lt_parse_table_ref(p, out));
    for (;;) {
        lt_ast_join_kind how = LT_JOIN_INNER;
        lt_ast_from *right = NULL;
        bool natural = lt_take_kw(p, LT_KW_NATURAL);
        bool apply =
            (lt_at_kw(p, LT_KW_CROSS) || lt_at_kw(p, LT_KW_OUTER)) && lt_at_kw2(p, 1, LT_KW_APPLY);
        if (apply) {
            return lt_parse_unsupported(p, lt_tok(p, 0)->pos,
                                        "APPLY is not Flink SQL: use a join with LATERAL");
        }
        if (!join_kind(p, &how)) {
            return natural ? lt_parse_expected(p, "JOIN") : LT_OK;
        }
        LT_TRY(lt_parse_table_ref(p, &right));
        LT_TRY(join_new(p, how, *out, right, out));
        (*out)->join.natural = natural;
        if (lt_take_kw(p, LT_KW_ON)) {
            LT_TRY(lt_parse_expr(p, &(*out)->join.on));
        } else if (lt_take_kw(p, LT_KW_USING)) {
            LT_TRY(lt_parse_name_list(p, &(*out)->join.using_columns));
        }
        LT_TRY(lt_parse_reach(p, p->reach + 1));
    }
}

lt_status lt_parse_from(lt_parser *p, lt_ast_from **out)
{
    uint32_t saved = p->reach;
    p->reach = p->level;
    LT_TRY(joins(p, out));
    while (lt_take(p, LT_TOK_COMMA)) {
        lt_ast_from *right = NULL;
        LT_TRY(joins(p, &right));
        LT_TRY(join_new(p, LT_JOIN_COMMA, *out, right, out));
        LT_TRY(lt_parse_reach(p, p->reach + 1));
    }
    p->reach = LT_MAX(saved, p->reach);
    return LT_OK;
}
