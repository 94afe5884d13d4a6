/* Calls: arguments, what follows the parenthesis (FILTER, OVER ..), windows, ORDER BY items, and
 * the functions with a syntax of their own. */
#include "sql/parse_int.h"

/* ---- building calls ----------------------------------------------------------------------------
 */

/* CEILING and CHARACTER_LENGTH are two spellings of one function each. */
static lt_status canonical(lt_parser *p, lt_str name, lt_str *out)
{
    char *upper = lt_arena_strndup(p->arena, name.ptr, name.len);
    if (!upper) {
        return lt_parse_nomem(p);
    }
    for (size_t i = 0; i < name.len; i++) {
        upper[i] = upper[i] >= 'a' && upper[i] <= 'z' ? (char)(upper[i] - 'a' + 'A') : upper[i];
    }
    *out = (lt_str){upper, name.len};
    if (lt_str_eq(*out, LT_STR("CEILING"))) {
        *out = LT_STR("CEIL");
    } else if (lt_str_eq(*out, LT_STR("CHARACTER_LENGTH"))) {
        *out = LT_STR("CHAR_LENGTH");
    }
    return LT_OK;
}

static lt_status call_of(lt_parser *p, lt_ast_path name, lt_ast_expr **out)
{
    LT_TRY(lt_expr_new(p, LT_EXPR_CALL, name.items[0].pos, out));
    lt_ast_call *call = LT_NODE(p, lt_ast_call);
    if (!call) {
        return p->err->code;
    }
    call->name = name;
    (*out)->call = call;
    return canonical(p, name.items[name.count - 1].text, &call->func);
}

lt_status lt_parse_call_new(lt_parser *p, const lt_token *name, lt_ast_expr **out)
{
    lt_ast_path path = {0};
    lt_ast_name item = {lt_tok_text(p, name), name->pos, false};
    LT_PUSH(p, path.items, path.count, item);
    return call_of(p, path, out);
}

lt_status lt_call_arg(lt_parser *p, lt_ast_call *call, lt_ast_expr *arg)
{
    LT_PUSH(p, call->args.items, call->args.count, arg);
    return LT_OK;
}

/* ---- ORDER BY, windows -------------------------------------------------------------------------
 */

lt_status lt_parse_orders(lt_parser *p, lt_ast_orders *out)
{
    do {
        lt_ast_order order = {0};
        LT_TRY(lt_parse_expr(p, &order.expr));
        if (lt_take_kw(p, LT_KW_ASC)) {
            order.dir = LT_ASC;
        } else if (lt_take_kw(p, LT_KW_DESC)) {
            order.dir = LT_DESC;
        }
        if (lt_take_kw2(p, LT_KW_NULLS, LT_KW_FIRST)) {
            order.nulls = LT_NULLS_FIRST;
        } else if (lt_take_kw2(p, LT_KW_NULLS, LT_KW_LAST)) {
            order.nulls = LT_NULLS_LAST;
        }
        LT_PUSH(p, out->items, out->count, order);
    } while (lt_take(p, LT_TOK_COMMA));
    return LT_OK;
}

static lt_status order_by(lt_parser *p, lt_ast_orders *out)
{
    LT_TRY(lt_expect_kw(p, LT_KW_ORDER));
    LT_TRY(lt_expect_kw(p, LT_KW_BY));
    return lt_parse_orders(p, out);
}

static lt_status bound(lt_parser *p, lt_ast_bound *out)
{
    if (lt_take_kw2(p, LT_KW_UNBOUNDED, LT_KW_PRECEDING)) {
        out->kind = LT_BOUND_UNBOUNDED_PRECEDING;
        return LT_OK;
    }
    if (lt_take_kw2(p, LT_KW_UNBOUNDED, LT_KW_FOLLOWING)) {
        out->kind = LT_BOUND_UNBOUNDED_FOLLOWING;
        return LT_OK;
    }
    if (lt_take_kw2(p, LT_KW_CURRENT, LT_KW_ROW)) {
        out->kind = LT_BOUND_CURRENT_ROW;
        return LT_OK;
    }
    LT_TRY(lt_parse_expr(p, &out->expr));
    if (lt_take_kw(p, LT_KW_PRECEDING)) {
        out->kind = LT_BOUND_PRECEDING;
        return LT_OK;
    }
    if (lt_take_kw(p, LT_KW_FOLLOWING)) {
        out->kind = LT_BOUND_FOLLOWING;
        return LT_OK;
    }
    return lt_parse_expected(p, "PRECEDING or FOLLOWING");
}

static lt_status frame(lt_parser *p, lt_ast_window *window)
{
    bool rows = lt_take_kw(p, LT_KW_ROWS);
    if (!rows && !lt_take_kw(p, LT_KW_RANGE)) {
        return LT_OK;
    }
    window->frame = rows ? LT_FRAME_ROWS : LT_FRAME_RANGE;
    window->high.kind = LT_BOUND_CURRENT_ROW;
    window->has_high = lt_take_kw(p, LT_KW_BETWEEN);
    LT_TRY(bound(p, &window->low));
    if (!window->has_high) {
        return LT_OK;
    }
    LT_TRY(lt_expect_kw(p, LT_KW_AND));
    return bound(p, &window->high);
}

static lt_status window_body(lt_parser *p, lt_ast_window *window)
{
    if (lt_at_name(p, 0)) {
        LT_TRY(lt_parse_name(p, &window->ref));
    }
    if (lt_take_kw2(p, LT_KW_PARTITION, LT_KW_BY)) {
        LT_TRY(lt_parse_exprs(p, &window->partition_by));
    }
    if (lt_at_kw(p, LT_KW_ORDER)) {
        LT_TRY(order_by(p, &window->order_by));
    }
    LT_TRY(frame(p, window));
    if (lt_at_kw(p, LT_KW_ALLOW) || lt_at_kw(p, LT_KW_DISALLOW)) {
        window->partial_given = true;
        window->disallow_partial = lt_at_kw(p, LT_KW_DISALLOW);
        lt_skip(p);
        LT_TRY(lt_expect_kw(p, LT_KW_PARTIAL));
    }
    if (lt_at_kw(p, LT_KW_EXCLUDE)) {
        return lt_parse_unsupported(p, lt_tok(p, 0)->pos, "EXCLUDE in a window is not supported");
    }
    return LT_OK;
}

lt_status lt_parse_window(lt_parser *p, lt_ast_window **out)
{
    *out = LT_NODE(p, lt_ast_window);
    if (!*out) {
        return p->err->code;
    }
    (*out)->pos = lt_tok(p, 0)->pos;
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    LT_TRY(lt_parse_enter(p, 0, 1));
    LT_TRY(window_body(p, *out));
    lt_parse_leave(p, 0, 1);
    return lt_expect(p, LT_TOK_RPAREN, "')'");
}

static lt_status over(lt_parser *p, lt_ast_window **out)
{
    if (lt_at(p, LT_TOK_LPAREN)) {
        return lt_parse_window(p, out);
    }
    *out = LT_NODE(p, lt_ast_window);
    if (!*out) {
        return p->err->code;
    }
    (*out)->pos = lt_tok(p, 0)->pos;
    (*out)->bare = true;
    return lt_parse_name(p, &(*out)->ref);
}

/* ---- what follows the parenthesis --------------------------------------------------------------
 */

static void null_treatment(lt_parser *p, lt_ast_call *call)
{
    if (lt_take_kw2(p, LT_KW_RESPECT, LT_KW_NULLS)) {
        call->treatment = LT_TREAT_RESPECT_NULLS;
    } else if (lt_take_kw2(p, LT_KW_IGNORE, LT_KW_NULLS)) {
        call->treatment = LT_TREAT_IGNORE_NULLS;
    }
}

lt_status lt_parse_call_suffix(lt_parser *p, lt_ast_call *call)
{
    LT_TRY(lt_parse_enter(p, 0, 1));
    null_treatment(p, call);
    if (lt_take_kw2(p, LT_KW_WITHIN, LT_KW_GROUP)) {
        LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
        LT_TRY(order_by(p, &call->within_group));
        LT_TRY(lt_expect(p, LT_TOK_RPAREN, "')'"));
    }
    if (lt_take_kw(p, LT_KW_FILTER)) {
        LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
        LT_TRY(lt_expect_kw(p, LT_KW_WHERE));
        LT_TRY(lt_parse_expr(p, &call->filter));
        LT_TRY(lt_expect(p, LT_TOK_RPAREN, "')'"));
    }
    if (lt_take_kw(p, LT_KW_OVER)) {
        LT_TRY(over(p, &call->over));
    }
    lt_parse_leave(p, 0, 1);
    return LT_OK;
}

/* ---- arguments ---------------------------------------------------------------------------------
 */

/* PARTITION BY a, b or PARTITION BY (a, b), and ORDER BY, behind TABLE t or (query). */
static lt_status table_partition(lt_parser *p, lt_ast_expr *arg)
{
    if (lt_take_kw2(p, LT_KW_PARTITION, LT_KW_BY)) {
        if (lt_take(p, LT_TOK_LPAREN)) {
            LT_TRY(lt_parse_exprs(p, &arg->table_arg.partition_by));
            LT_TRY(lt_expect(p, LT_TOK_RPAREN, "',' or ')'"));
        } else {
            lt_ast_expr *key = NULL; /* a comma would start the next argument */
            LT_TRY(lt_parse_expr(p, &key));
            LT_PUSH(p, arg->table_arg.partition_by.items, arg->table_arg.partition_by.count, key);
        }
    }
    if (!lt_at_kw(p, LT_KW_ORDER)) {
        return LT_OK;
    }
    lt_skip(p);
    LT_TRY(lt_expect_kw(p, LT_KW_BY));
    if (lt_take(p, LT_TOK_LPAREN)) {
        LT_TRY(lt_parse_orders(p, &arg->table_arg.order_by));
        return lt_expect(p, LT_TOK_RPAREN, "',' or ')'");
    }
    lt_ast_order order = {0};
    LT_TRY(lt_parse_expr(p, &order.expr));
    if (lt_take_kw(p, LT_KW_DESC)) {
        order.dir = LT_DESC;
    } else if (lt_take_kw(p, LT_KW_ASC)) {
        order.dir = LT_ASC;
    }
    LT_PUSH(p, arg->table_arg.order_by.items, arg->table_arg.order_by.count, order);
    return LT_OK;
}

/* TABLE t, TABLE 'file', or a query in parentheses that PARTITION BY or ORDER BY follows. */
static lt_status table_arg(lt_parser *p, lt_ast_query *query, uint32_t pos, lt_ast_expr **out)
{
    LT_TRY(lt_expr_new(p, LT_EXPR_TABLE_ARG, pos, out));
    (*out)->table_arg.query = query;
    return table_partition(p, *out);
}

static lt_status explicit_table(lt_parser *p, lt_ast_expr **out)
{
    uint32_t pos = lt_tok(p, 0)->pos;
    lt_ast_query *query = LT_NODE(p, lt_ast_query);
    if (!query) {
        return p->err->code;
    }
    LT_TRY(lt_parse_enter(p, LT_SQL_DEPTH_QUERY, LT_SQL_LEVELS_QUERY));
    lt_parse_leave(p, LT_SQL_DEPTH_QUERY, LT_SQL_LEVELS_QUERY);
    lt_skip(p);
    query->kind = LT_QUERY_TABLE;
    query->pos = pos;
    if (lt_at_string(p, 0)) {
        LT_TRY(lt_parse_file_path(p, &query->table));
    } else {
        LT_TRY(lt_parse_path(p, &query->table));
    }
    return table_arg(p, query, pos, out);
}

static lt_status descriptor(lt_parser *p, lt_ast_expr **out)
{
    LT_TRY(lt_expr_new(p, LT_EXPR_DESCRIPTOR, lt_tok(p, 0)->pos, out));
    lt_skip(p);
    return lt_parse_name_list(p, &(*out)->names);
}

static lt_status argument(lt_parser *p, lt_ast_expr **out)
{
    uint32_t pos = lt_tok(p, 0)->pos;
    if (lt_at(p, LT_TOK_STAR)) {
        lt_skip(p);
        return lt_expr_new(p, LT_EXPR_STAR, pos, out);
    }
    if (lt_take_kw(p, LT_KW_DEFAULT)) {
        return lt_expr_new(p, LT_EXPR_DEFAULT, pos, out);
    }
    if (lt_at_kw(p, LT_KW_TABLE) && (lt_at_name(p, 1) || lt_at_string(p, 1))) {
        return explicit_table(p, out);
    }
    if (lt_at_kw(p, LT_KW_MODEL) && lt_at_name(p, 1)) {
        LT_TRY(lt_expr_new(p, LT_EXPR_MODEL_ARG, pos, out));
        lt_skip(p);
        return lt_parse_path(p, &(*out)->path);
    }
    if (lt_at_kw(p, LT_KW_DESCRIPTOR) && lt_tok(p, 1)->kind == LT_TOK_LPAREN) {
        return descriptor(p, out);
    }
    LT_TRY(lt_parse_expr(p, out));
    if ((*out)->kind != LT_EXPR_SUBQUERY) {
        return LT_OK;
    }
    const lt_ast_query *query = (*out)->query;
    bool table = query->kind == LT_QUERY_TABLE && query->cte_count == 0 &&
                 query->order_by.count == 0 && !query->offset && !query->limit;
    bool partition = lt_at_kw(p, LT_KW_PARTITION) || lt_at_kw(p, LT_KW_ORDER);
    return table || partition ? table_arg(p, (*out)->query, pos, out) : LT_OK;
}

static lt_status named_argument(lt_parser *p, lt_ast_call *call)
{
    lt_ast_name name = {0};
    lt_ast_expr *arg = NULL;
    uint32_t count = call->args.count;
    if (lt_tok(p, 1)->kind == LT_TOK_ARROW) {
        LT_TRY(lt_parse_name(p, &name));
        lt_skip(p);
    }
    LT_TRY(argument(p, &arg));
    if (name.text.ptr && !call->arg_names) {
        lt_ast_name none = {0};
        for (uint32_t i = 0; i < count;) {
            LT_PUSH(p, call->arg_names, i, none); /* counts i up */
        }
    }
    if (name.text.ptr || call->arg_names) {
        uint32_t at = count;
        LT_PUSH(p, call->arg_names, at, name);
    }
    return lt_call_arg(p, call, arg);
}

static lt_status arguments(lt_parser *p, lt_ast_call *call)
{
    if (lt_take_kw(p, LT_KW_DISTINCT)) {
        call->quantifier = LT_QUANT_DISTINCT;
    } else if (lt_take_kw(p, LT_KW_ALL)) {
        call->quantifier = LT_QUANT_ALL;
    } else if (lt_take(p, LT_TOK_RPAREN)) {
        return LT_OK;
    }
    do {
        LT_TRY(named_argument(p, call));
    } while (lt_take(p, LT_TOK_COMMA));
    if (lt_str_eq(call->func, LT_STR("ARRAY_AGG"))) {
        null_treatment(p, call); /* the only one that takes it inside */
    }
    if (lt_at_kw(p, LT_KW_ORDER)) {
        LT_TRY(order_by(p, &call->order_by));
    }
    return lt_expect(p, LT_TOK_RPAREN, "',' or ')'");
}

/* Table functions of Flink 2.3, to be refused by name instead of as unknown; expr/build.c knows the
 * other functions. */
static const char *const later_functions[] = {"TO_CHANGELOG", "FROM_CHANGELOG", "SNAPSHOT"};

lt_status lt_parse_call(lt_parser *p, lt_ast_path name, lt_ast_expr **out)
{
    lt_ast_expr *expr = NULL;
    LT_TRY(call_of(p, name, &expr));
    for (size_t i = 0; name.count == 1 && !name.items[0].quoted && i < LT_COUNT_OF(later_functions);
         i++) {
        if (lt_str_eq(expr->call->func, lt_str_of(later_functions[i]))) {
            return lt_parse_unsupported(p, expr->pos, "the function %s belongs to Flink 2.3",
                                        later_functions[i]);
        }
    }
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    LT_TRY(lt_parse_enter(p, 0, 1));
    LT_TRY(arguments(p, expr->call));
    lt_parse_leave(p, 0, 1);
    *out = expr;
    return lt_parse_call_suffix(p, expr->call);
}

/* ---- calls with a syntax of their own ----------------------------------------------------------
 */

static lt_status expr_arg(lt_parser *p, lt_ast_call *call)
{
    lt_ast_expr *arg = NULL;
    LT_TRY(lt_parse_expr(p, &arg));
    return lt_call_arg(p, call, arg);
}

static lt_status unit_arg(lt_parser *p, lt_ast_call *call)
{
    lt_ast_expr *unit = NULL;
    LT_TRY(lt_parse_unit(p, &unit));
    return lt_call_arg(p, call, unit);
}

/* CAST(e AS t), TRY_CAST(e AS t) */
static lt_status cast(lt_parser *p, bool try_cast, lt_ast_expr **out)
{
    LT_TRY(lt_expr_new(p, LT_EXPR_CAST, lt_tok(p, 0)->pos, out));
    (*out)->cast.try_cast = try_cast;
    lt_skip(p);
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    LT_TRY(lt_parse_enter(p, 0, 1));
    LT_TRY(lt_parse_expr(p, &(*out)->cast.operand));
    LT_TRY(lt_expect_kw(p, LT_KW_AS));
    LT_TRY(lt_parse_type(p, false, &(*out)->cast.type));
    lt_parse_leave(p, 0, 1);
    return lt_expect(p, LT_TOK_RPAREN, "')'");
}

/* EXTRACT(unit FROM e) */
static lt_status extract(lt_parser *p, lt_ast_call *call)
{
    LT_TRY(unit_arg(p, call));
    LT_TRY(lt_expect_kw(p, LT_KW_FROM));
    return expr_arg(p, call);
}

/* POSITION(a IN b [FROM c]): the IN belongs to the function, so the first operand is a primary with
 * signs and calls. */
static lt_status position(lt_parser *p, lt_ast_call *call)
{
    lt_ast_expr *first = NULL;
    LT_TRY(lt_parse_primary(p, &first));
    LT_TRY(lt_call_arg(p, call, first));
    LT_TRY(lt_expect_kw(p, LT_KW_IN));
    LT_TRY(expr_arg(p, call));
    return lt_take_kw(p, LT_KW_FROM) ? expr_arg(p, call) : LT_OK;
}

/* OVERLAY(s PLACING r FROM p [FOR n]) */
static lt_status overlay(lt_parser *p, lt_ast_call *call)
{
    LT_TRY(expr_arg(p, call));
    LT_TRY(lt_expect_kw(p, LT_KW_PLACING));
    LT_TRY(expr_arg(p, call));
    LT_TRY(lt_expect_kw(p, LT_KW_FROM));
    LT_TRY(expr_arg(p, call));
    return lt_take_kw(p, LT_KW_FOR) ? expr_arg(p, call) : LT_OK;
}

/* SUBSTRING(s FROM p [FOR n]) and SUBSTRING(s, p [, n]) */
static lt_status substring(lt_parser *p, lt_ast_call *call)
{
    LT_TRY(expr_arg(p, call));
    if (!lt_take_kw(p, LT_KW_FROM)) {
        LT_TRY(lt_expect(p, LT_TOK_COMMA, "FROM or ','"));
    }
    LT_TRY(expr_arg(p, call));
    return lt_take_kw(p, LT_KW_FOR) || lt_take(p, LT_TOK_COMMA) ? expr_arg(p, call) : LT_OK;
}

/* FLOOR(e [TO unit]), CEIL(e [TO unit]) */
static lt_status rounding(lt_parser *p, lt_ast_call *call)
{
    LT_TRY(expr_arg(p, call));
    return lt_take_kw(p, LT_KW_TO) ? unit_arg(p, call) : LT_OK;
}

/* TRIM([BOTH|LEADING|TRAILING] [chars] FROM s), TRIM(s) */
static lt_status trim(lt_parser *p, lt_ast_call *call)
{
    lt_ast_expr *side = NULL;
    lt_ast_expr *chars = NULL;
    lt_ast_expr *from = NULL;
    uint32_t pos = lt_tok(p, 0)->pos;
    bool given =
        lt_at_kw(p, LT_KW_BOTH) || lt_at_kw(p, LT_KW_LEADING) || lt_at_kw(p, LT_KW_TRAILING);
    LT_TRY(lt_expr_new(p, LT_EXPR_SYMBOL, pos, &side));
    side->symbol = LT_STR("BOTH");
    if (given) {
        side->symbol = lt_keyword_name((lt_keyword)lt_tok(p, 0)->keyword);
        lt_skip(p);
    }
    if (!lt_at_kw(p, LT_KW_FROM)) {
        LT_TRY(lt_parse_expr(p, &from));
    }
    if (lt_at_kw(p, LT_KW_FROM) && (given || from)) {
        lt_skip(p);
        chars = from;
        LT_TRY(lt_parse_expr(p, &from));
    } else if (!from) {
        return lt_parse_expected(p, "FROM");
    }
    if (!chars) {
        LT_TRY(lt_expr_new(p, LT_EXPR_LITERAL, pos, &chars));
        chars->lit.kind = LT_LIT_STRING;
        chars->lit.text = LT_STR(" ");
    }
    LT_TRY(lt_call_arg(p, call, side));
    LT_TRY(lt_call_arg(p, call, chars));
    return lt_call_arg(p, call, from);
}

/* TIMESTAMPADD(unit, n, t), TIMESTAMPDIFF(unit, a, b) */
static lt_status timestamp_arith(lt_parser *p, lt_ast_call *call)
{
    LT_TRY(unit_arg(p, call));
    LT_TRY(lt_expect(p, LT_TOK_COMMA, "','"));
    LT_TRY(expr_arg(p, call));
    LT_TRY(lt_expect(p, LT_TOK_COMMA, "','"));
    return expr_arg(p, call);
}

/* TRANSLATE(s, a, b) */
static lt_status translate(lt_parser *p, lt_ast_call *call)
{
    LT_TRY(expr_arg(p, call));
    if (lt_at_kw(p, LT_KW_USING)) {
        return lt_parse_unsupported(p, lt_tok(p, 0)->pos,
                                    "TRANSLATE(.. USING ..) is not supported");
    }
    while (lt_take(p, LT_TOK_COMMA)) {
        LT_TRY(expr_arg(p, call));
    }
    return LT_OK;
}

/* PREV(x [, n]), NEXT(x [, n]), CLASSIFIER(), MATCH_NUMBER(): ordinary but for their reserved
 * names. */
static lt_status plain(lt_parser *p, lt_ast_call *call)
{
    if (lt_at(p, LT_TOK_RPAREN)) {
        return LT_OK;
    }
    do {
        LT_TRY(expr_arg(p, call));
    } while (lt_take(p, LT_TOK_COMMA));
    return LT_OK;
}

static const struct {
    lt_keyword keyword;
    lt_status (*parse)(lt_parser *p, lt_ast_call *call);
} specials[] = {
    {LT_KW_EXTRACT, extract},
    {LT_KW_POSITION, position},
    {LT_KW_OVERLAY, overlay},
    {LT_KW_SUBSTRING, substring},
    {LT_KW_FLOOR, rounding},
    {LT_KW_CEIL, rounding},
    {LT_KW_CEILING, rounding},
    {LT_KW_TRIM, trim},
    {LT_KW_TIMESTAMPADD, timestamp_arith},
    {LT_KW_TIMESTAMPDIFF, timestamp_arith},
    {LT_KW_TRANSLATE, translate},
    {LT_KW_PREV, plain},
    {LT_KW_NEXT, plain},
    {LT_KW_CLASSIFIER, plain},
    {LT_KW_MATCH_NUMBER, plain},
    {LT_KW_DATE, plain},
    {LT_KW_TIME, plain},
    {LT_KW_TIMESTAMP, plain},
};

lt_status lt_parse_special(lt_parser *p, lt_ast_expr **out)
{
    const lt_token *token = lt_tok(p, 0);
    *out = NULL;
    if (lt_tok(p, 1)->kind != LT_TOK_LPAREN) {
        return LT_OK;
    }
    if (token->keyword == LT_KW_CAST || token->keyword == LT_KW_TRY_CAST ||
        token->keyword == LT_KW_SAFE_CAST) {
        return cast(p, token->keyword != LT_KW_CAST, out);
    }
    if (token->keyword == LT_KW_CONVERT) {
        return lt_parse_unsupported(p, token->pos, "CONVERT is not supported");
    }
    if (token->keyword == LT_KW_DESCRIPTOR) {
        return descriptor(p, out);
    }
    for (size_t i = 0; i < LT_COUNT_OF(specials); i++) {
        if (specials[i].keyword != token->keyword) {
            continue;
        }
        LT_TRY(lt_parse_call_new(p, token, out));
        lt_skip(p);
        lt_skip(p);
        LT_TRY(lt_parse_enter(p, 0, 1));
        LT_TRY(specials[i].parse(p, (*out)->call));
        lt_parse_leave(p, 0, 1);
        return lt_expect(p, LT_TOK_RPAREN, "')'");
    }
    return LT_OK;
}
