/* The JSON functions of the SQL standard: their arguments come with clauses of words. */
#include "sql/parse_int.h"

static lt_status call_start(lt_parser *p, lt_ast_expr **out)
{
    LT_TRY(lt_parse_call_new(p, lt_tok(p, 0), out));
    lt_ast_json *json = LT_NODE(p, lt_ast_json);
    if (!json) {
        return p->err->code;
    }
    (*out)->call->json = json;
    lt_skip(p);
    return lt_expect(p, LT_TOK_LPAREN, "'('");
}

static lt_status expr_arg(lt_parser *p, lt_ast_call *call)
{
    lt_ast_expr *arg = NULL;
    LT_TRY(lt_parse_expr(p, &arg));
    return lt_call_arg(p, call, arg);
}

/* doc, path */
static lt_status document_and_path(lt_parser *p, lt_ast_call *call)
{
    LT_TRY(expr_arg(p, call));
    LT_TRY(lt_expect(p, LT_TOK_COMMA, "','"));
    return expr_arg(p, call);
}

static lt_status returning(lt_parser *p, lt_ast_json *json)
{
    return lt_take_kw(p, LT_KW_RETURNING) ? lt_parse_type(p, false, &json->returning) : LT_OK;
}

typedef struct {
    lt_keyword first;
    lt_keyword second;
    lt_ast_json_on on;
} on_row;

static const on_row behaviours[] = {
    {LT_KW_NULL, LT_KEYWORD_NOT, LT_JSON_ON_NULL},
    {LT_KW_ERROR, LT_KEYWORD_NOT, LT_JSON_ON_ERROR},
    {LT_KW_EMPTY, LT_KW_ARRAY, LT_JSON_ON_EMPTY_ARRAY},
    {LT_KW_EMPTY, LT_KW_OBJECT, LT_JSON_ON_EMPTY_OBJECT},
    {LT_KW_TRUE, LT_KEYWORD_NOT, LT_JSON_ON_TRUE},
    {LT_KW_FALSE, LT_KEYWORD_NOT, LT_JSON_ON_FALSE},
    {LT_KW_UNKNOWN, LT_KEYWORD_NOT, LT_JSON_ON_UNKNOWN},
};

static bool take_behaviour(lt_parser *p, lt_ast_json_on *on)
{
    for (size_t i = 0; i < LT_COUNT_OF(behaviours); i++) {
        bool two = behaviours[i].second != LT_KEYWORD_NOT;
        if (lt_at_kw(p, behaviours[i].first) && (!two || lt_at_kw2(p, 1, behaviours[i].second))) {
            lt_skip(p);
            if (two) {
                lt_skip(p);
            }
            *on = behaviours[i].on;
            return true;
        }
    }
    return false;
}

/* Which behaviours each function takes, as bits of 1 << lt_ast_json_on. */
#define VALUE_ON ((1u << LT_JSON_ON_NULL) | (1u << LT_JSON_ON_ERROR) | (1u << LT_JSON_ON_DEFAULT))
#define QUERY_ON                                                                           \
    ((1u << LT_JSON_ON_NULL) | (1u << LT_JSON_ON_ERROR) | (1u << LT_JSON_ON_EMPTY_ARRAY) | \
     (1u << LT_JSON_ON_EMPTY_OBJECT))
#define EXISTS_ON                                                                      \
    ((1u << LT_JSON_ON_TRUE) | (1u << LT_JSON_ON_FALSE) | (1u << LT_JSON_ON_UNKNOWN) | \
     (1u << LT_JSON_ON_ERROR))

/* behaviour ON EMPTY, behaviour ON ERROR: each at most once, in this order. */
static lt_status on_clauses(lt_parser *p, unsigned allowed, bool empty, lt_ast_json *json)
{
    while (!lt_at(p, LT_TOK_RPAREN)) {
        uint32_t pos = lt_tok(p, 0)->pos;
        lt_ast_json_on on = LT_JSON_ON_NONE;
        lt_ast_expr *value = NULL;
        if (lt_take_kw(p, LT_KW_DEFAULT)) {
            on = LT_JSON_ON_DEFAULT;
            LT_TRY(lt_parse_expr(p, &value));
        } else if (!take_behaviour(p, &on)) {
            return lt_parse_expected(p, "ON EMPTY, ON ERROR or ')'");
        }
        if (!(allowed & (1u << on))) {
            return lt_parse_error(p, pos, "this function does not take that behaviour");
        }
        LT_TRY(lt_expect_kw(p, LT_KW_ON));
        if (empty && lt_at_kw(p, LT_KW_EMPTY) && !json->on_empty && !json->on_error) {
            lt_skip(p);
            json->on_empty = on;
            json->on_empty_default = value;
        } else if (lt_at_kw(p, LT_KW_ERROR) && !json->on_error) {
            lt_skip(p);
            json->on_error = on;
            json->on_error_default = value;
        } else {
            return lt_parse_expected(
                p, empty && !json->on_empty && !json->on_error ? "EMPTY or ERROR" : "')'");
        }
    }
    return LT_OK;
}

static lt_status json_value(lt_parser *p, lt_ast_call *call)
{
    LT_TRY(document_and_path(p, call));
    LT_TRY(returning(p, call->json));
    return on_clauses(p, VALUE_ON, true, call->json);
}

static lt_status wrapper(lt_parser *p, lt_ast_json *json)
{
    if (lt_take_kw(p, LT_KW_WITHOUT)) {
        json->wrapper = LT_JSON_WRAPPER_WITHOUT;
    } else if (lt_take_kw(p, LT_KW_WITH)) {
        json->wrapper = LT_JSON_WRAPPER_UNCONDITIONAL;
        if (lt_take_kw(p, LT_KW_CONDITIONAL)) {
            json->wrapper = LT_JSON_WRAPPER_CONDITIONAL;
        } else {
            (void)lt_take_kw(p, LT_KW_UNCONDITIONAL);
        }
    } else {
        return LT_OK;
    }
    (void)lt_take_kw(p, LT_KW_ARRAY);
    return lt_expect_kw(p, LT_KW_WRAPPER);
}

static lt_status json_query(lt_parser *p, lt_ast_call *call)
{
    LT_TRY(document_and_path(p, call));
    LT_TRY(returning(p, call->json));
    LT_TRY(wrapper(p, call->json));
    return on_clauses(p, QUERY_ON, true, call->json);
}

static lt_status json_exists(lt_parser *p, lt_ast_call *call)
{
    LT_TRY(document_and_path(p, call));
    return on_clauses(p, EXISTS_ON, false, call->json);
}

/* NULL ON NULL, ABSENT ON NULL */
static bool at_nulls(const lt_parser *p)
{
    return (lt_at_kw(p, LT_KW_NULL) || lt_at_kw(p, LT_KW_ABSENT)) && lt_at_kw2(p, 1, LT_KW_ON) &&
           lt_at_kw2(p, 2, LT_KW_NULL);
}

static void take_nulls(lt_parser *p, lt_ast_json *json)
{
    if (at_nulls(p)) {
        json->nulls = lt_at_kw(p, LT_KW_NULL) ? LT_JSON_NULL_ON_NULL : LT_JSON_ABSENT_ON_NULL;
        lt_skip(p);
        lt_skip(p);
        lt_skip(p);
    }
}

/* [KEY] k VALUE v or k : v */
static lt_status pair(lt_parser *p, lt_ast_call *call)
{
    bool name_follows = lt_tok(p, 1)->kind != LT_TOK_DOT && !lt_at_kw2(p, 1, LT_KW_VALUE) &&
                        lt_tok(p, 1)->kind != LT_TOK_COLON && lt_tok(p, 1)->kind != LT_TOK_LBRACKET;
    if (lt_at_kw(p, LT_KW_KEY) && name_follows) {
        lt_skip(p);
    }
    LT_TRY(expr_arg(p, call));
    if (!lt_take_kw(p, LT_KW_VALUE)) {
        LT_TRY(lt_expect(p, LT_TOK_COLON, "VALUE or ':'"));
    }
    return expr_arg(p, call);
}

static lt_status json_object(lt_parser *p, lt_ast_call *call)
{
    if (!lt_at(p, LT_TOK_RPAREN) && !at_nulls(p)) {
        do {
            LT_TRY(pair(p, call));
        } while (lt_take(p, LT_TOK_COMMA));
    }
    take_nulls(p, call->json);
    return LT_OK;
}

static lt_status json_array(lt_parser *p, lt_ast_call *call)
{
    if (!lt_at(p, LT_TOK_RPAREN) && !at_nulls(p)) {
        do {
            LT_TRY(expr_arg(p, call));
        } while (lt_take(p, LT_TOK_COMMA));
    }
    take_nulls(p, call->json);
    return LT_OK;
}

static lt_status json_objectagg(lt_parser *p, lt_ast_call *call)
{
    LT_TRY(pair(p, call));
    take_nulls(p, call->json);
    return LT_OK;
}

static lt_status json_arrayagg(lt_parser *p, lt_ast_call *call)
{
    LT_TRY(expr_arg(p, call));
    if (lt_take_kw2(p, LT_KW_ORDER, LT_KW_BY)) {
        LT_TRY(lt_parse_orders(p, &call->within_group));
    }
    take_nulls(p, call->json);
    return LT_OK;
}

static const struct {
    lt_keyword keyword;
    lt_status (*parse)(lt_parser *p, lt_ast_call *call);
} functions[] = {
    {LT_KW_JSON_VALUE, json_value},       {LT_KW_JSON_QUERY, json_query},
    {LT_KW_JSON_EXISTS, json_exists},     {LT_KW_JSON_OBJECT, json_object},
    {LT_KW_JSON_ARRAY, json_array},       {LT_KW_JSON_OBJECTAGG, json_objectagg},
    {LT_KW_JSON_ARRAYAGG, json_arrayagg},
};

lt_status lt_parse_json(lt_parser *p, lt_ast_expr **out)
{
    const lt_token *token = lt_tok(p, 0);
    *out = NULL;
    for (size_t i = 0; i < LT_COUNT_OF(functions); i++) {
        if (functions[i].keyword != token->keyword || lt_tok(p, 1)->kind != LT_TOK_LPAREN) {
            continue;
        }
        LT_TRY(call_start(p, out));
        LT_TRY(lt_parse_enter(p, 0, 1));
        LT_TRY(functions[i].parse(p, (*out)->call));
        lt_parse_leave(p, 0, 1);
        LT_TRY(lt_expect(p, LT_TOK_RPAREN, "',' or ')'"));
        return lt_parse_call_suffix(p, (*out)->call);
    }
    return LT_OK;
}
