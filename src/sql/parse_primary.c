/* Operands of expressions: literals, names, constructors, CASE, parentheses, and what follows an
 * operand directly
 * ([index], .field). Calls are in parse_call.c. */
#include "sql/parse_int.h"

/* ---- literals ----------------------------------------------------------------------------------
 */

/* Digits in one form: no leading zeros before the point, one digit at least, no point without
 * digits behind. */
lt_status lt_parse_number(lt_parser *p, lt_ast_expr **out)
{
    const lt_token *token = lt_tok(p, 0);
    lt_str text = lt_tok_text(p, token);
    lt_ast_expr *expr = NULL;
    LT_TRY(lt_expr_new(p, LT_EXPR_LITERAL, token->pos, &expr));
    while (text.len > 1 && text.ptr[0] == '0' && text.ptr[1] >= '0' && text.ptr[1] <= '9') {
        text.ptr++;
        text.len--;
    }
    char *to = lt_arena_alloc(p->arena, text.len + 1, 1);
    if (!to) {
        return lt_parse_nomem(p);
    }
    size_t len = 0;
    if (text.ptr[0] == '.') {
        to[len++] = '0';
    }
    bool point = false;
    for (size_t i = 0; i < text.len; i++) {
        char ch = text.ptr[i];
        bool digit_next = i + 1 < text.len && text.ptr[i + 1] >= '0' && text.ptr[i + 1] <= '9';
        if (ch == '.') {
            if (!digit_next) {
                continue;
            }
            point = true;
        }
        if (ch != '+') {
            to[len++] = ch == 'e' ? 'E' : ch;
        }
    }
    expr->lit.text = (lt_str){to, len};
    expr->lit.kind = token->kind == LT_TOK_DOUBLE ? LT_LIT_DOUBLE
                     : point                      ? LT_LIT_DECIMAL
                                                  : LT_LIT_INTEGER;
    lt_skip(p);
    *out = expr;
    return LT_OK;
}

/* The value of one string token, with UESCAPE behind U&'..'. */
static lt_status string_value(lt_parser *p, lt_str *out)
{
    const lt_token *token = lt_tok(p, 0);
    const char *why = NULL;
    char escape = 0;
    lt_skip(p);
    if (token->kind == LT_TOK_STRING_UNICODE && lt_take_kw(p, LT_KW_UESCAPE)) {
        const lt_token *quoted = lt_tok(p, 0);
        char ch = quoted->len == 3 ? p->text.ptr[quoted->pos + 1] : '\'';
        bool hex = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f') || (ch >= 'A' && ch <= 'F');
        if (quoted->kind != LT_TOK_STRING || hex || strchr("\"'+ \t\r\n", ch)) {
            return lt_parse_expected(p, "one character in quotes behind UESCAPE");
        }
        escape = ch;
        lt_skip(p);
    }
    if (!lt_lex_string(out, p->arena, token, p->text, escape, &why)) {
        return why ? lt_parse_error(p, token->pos, "%s", why) : lt_parse_nomem(p);
    }
    return LT_OK;
}

static lt_status introducer(lt_parser *p, const lt_token *token, lt_str *out)
{
    lt_str text = lt_tok_text(p, token);
    size_t len = 0;
    while (text.ptr[len] != '\'') {
        len++;
    }
    if (text.ptr[0] != '_') {
        *out = LT_STR("ISO-8859-1"); /* N'..' */
        return LT_OK;
    }
    char *to = lt_arena_strndup(p->arena, text.ptr + 1, len - 1);
    if (!to) {
        return lt_parse_nomem(p);
    }
    for (size_t i = 0; i + 1 < len; i++) {
        to[i] = to[i] >= 'a' && to[i] <= 'z' ? (char)(to[i] - 'a' + 'A') : to[i];
    }
    static const char *const known[] = {
        "UTF8",     "UTF-8",    "UTF16", "UTF-16",   "UTF-16LE",   "UTF32",  "UTF-32",
        "UTF-16BE", "US-ASCII", "ASCII", "US_ASCII", "ISO-8859-1", "LATIN1", "ISO8859_1"};
    for (size_t i = 0; i < LT_COUNT_OF(known); i++) {
        if (strcmp(known[i], to) == 0) {
            *out = (lt_str){to, len - 1};
            return LT_OK;
        }
    }
    return lt_parse_error(p, token->pos, "unknown character set '%s'", to);
}

/* A string; further strings behind it continue it. */
lt_status lt_parse_literal_string(lt_parser *p, lt_ast_expr **out)
{
    const lt_token *token = lt_tok(p, 0);
    lt_ast_expr *expr = NULL;
    LT_TRY(lt_expr_new(p, LT_EXPR_LITERAL, token->pos, &expr));
    expr->lit.kind = LT_LIT_STRING;
    if (token->kind == LT_TOK_STRING_CHARSET) {
        LT_TRY(introducer(p, token, &expr->lit.charset));
    }
    LT_TRY(string_value(p, &expr->lit.text));
    size_t cap = 0;
    char *joined = NULL;
    while (lt_at(p, LT_TOK_STRING)) {
        lt_str more;
        LT_TRY(string_value(p, &more));
        size_t len = expr->lit.text.len;
        if (len + more.len > cap) {
            cap = (len + more.len) * 2;
            char *grown = lt_arena_alloc(p->arena, cap + 1, 1);
            if (!grown) {
                return lt_parse_nomem(p);
            }
            memcpy(grown, expr->lit.text.ptr, len);
            joined = grown;
        }
        if (more.len > 0) {
            memcpy(joined + len, more.ptr, more.len);
        }
        expr->lit.text = (lt_str){joined ? joined : expr->lit.text.ptr, len + more.len};
    }
    *out = expr;
    return LT_OK;
}

static lt_status binary_literal(lt_parser *p, lt_ast_expr **out)
{
    const lt_token *token = lt_tok(p, 0);
    lt_str text = lt_tok_text(p, token);
    size_t len = (text.len - 3) / 2; /* x'..' */
    lt_ast_expr *expr = NULL;
    LT_TRY(lt_expr_new(p, LT_EXPR_LITERAL, token->pos, &expr));
    char *to = lt_arena_alloc(p->arena, len + 1, 1);
    if (!to) {
        return lt_parse_nomem(p);
    }
    for (size_t i = 0; i < len; i++) {
        int byte = 0;
        for (size_t k = 0; k < 2; k++) {
            char ch = text.ptr[2 + 2 * i + k];
            int digit = ch <= '9' ? ch - '0' : (ch | 0x20) - 'a' + 10;
            byte = byte * 16 + digit;
        }
        to[i] = (char)byte;
    }
    expr->lit.kind = LT_LIT_BINARY;
    expr->lit.text = (lt_str){to, len};
    lt_skip(p);
    *out = expr;
    return LT_OK;
}

/* DATE '..', TIME '..', TIMESTAMP '..' */
static lt_status temporal_literal(lt_parser *p, lt_ast_lit_kind kind, lt_ast_expr **out)
{
    lt_ast_expr *expr = NULL;
    lt_ast_string string = {0};
    LT_TRY(lt_expr_new(p, LT_EXPR_LITERAL, lt_tok(p, 0)->pos, &expr));
    lt_skip(p);
    LT_TRY(lt_parse_string(p, &string));
    expr->lit.kind = kind;
    expr->lit.text = string.text;
    *out = expr;
    return LT_OK;
}

static lt_status word_literal(lt_parser *p, lt_ast_lit_kind kind, bool value, lt_ast_expr **out)
{
    lt_ast_expr *expr = NULL;
    LT_TRY(lt_expr_new(p, LT_EXPR_LITERAL, lt_tok(p, 0)->pos, &expr));
    expr->lit.kind = kind;
    expr->lit.value = value;
    lt_skip(p);
    *out = expr;
    return LT_OK;
}

/* ---- intervals and units -----------------------------------------------------------------------
 */

typedef struct {
    lt_keyword singular;
    lt_keyword plural;
    lt_ast_unit unit;
    lt_ast_unit last; /* the finest unit that may follow TO */
} interval_row;

static const interval_row interval_units[] = {
    {LT_KW_YEAR, LT_KW_YEARS, LT_UNIT_YEAR, LT_UNIT_MONTH},
    {LT_KW_QUARTER, LT_KW_QUARTERS, LT_UNIT_QUARTER, LT_UNIT_NONE},
    {LT_KW_MONTH, LT_KW_MONTHS, LT_UNIT_MONTH, LT_UNIT_NONE},
    {LT_KW_WEEK, LT_KW_WEEKS, LT_UNIT_WEEK, LT_UNIT_NONE},
    {LT_KW_DAY, LT_KW_DAYS, LT_UNIT_DAY, LT_UNIT_SECOND},
    {LT_KW_HOUR, LT_KW_HOURS, LT_UNIT_HOUR, LT_UNIT_SECOND},
    {LT_KW_MINUTE, LT_KW_MINUTES, LT_UNIT_MINUTE, LT_UNIT_SECOND},
    {LT_KW_SECOND, LT_KW_SECONDS, LT_UNIT_SECOND, LT_UNIT_NONE},
};

static const interval_row *interval_unit(const lt_parser *p)
{
    const lt_token *token = lt_tok(p, 0);
    for (size_t i = 0; token->kind == LT_TOK_WORD && i < LT_COUNT_OF(interval_units); i++) {
        if (token->keyword == interval_units[i].singular ||
            token->keyword == interval_units[i].plural) {
            return &interval_units[i];
        }
    }
    return NULL;
}

bool lt_at_interval(const lt_parser *p)
{
    return interval_unit(p) != NULL;
}

lt_status lt_parse_interval(lt_parser *p, lt_ast_interval *out)
{
    const interval_row *from = interval_unit(p);
    *out = (lt_ast_interval){.precision = -1, .scale = -1};
    if (!from) {
        return lt_parse_expected(p, "an interval's unit (YEAR, MONTH, DAY, HOUR, MINUTE, SECOND)");
    }
    lt_skip(p);
    out->from = from->unit;
    if (lt_take(p, LT_TOK_LPAREN)) {
        LT_TRY(lt_parse_int(p, "a precision", &out->precision));
        if (from->unit == LT_UNIT_SECOND && lt_take(p, LT_TOK_COMMA)) {
            LT_TRY(lt_parse_int(p, "a precision", &out->scale));
        }
        LT_TRY(lt_expect(p, LT_TOK_RPAREN, "')'"));
    }
    if (from->last == LT_UNIT_NONE || !lt_take_kw(p, LT_KW_TO)) {
        return LT_OK;
    }
    const interval_row *to = interval_unit(p);
    if (!to || to->unit <= from->unit || to->unit > from->last) {
        return lt_parse_expected(p, "a unit smaller than the first");
    }
    lt_skip(p);
    out->to = to->unit;
    if (to->unit == LT_UNIT_SECOND && lt_take(p, LT_TOK_LPAREN)) {
        LT_TRY(lt_parse_int(p, "a precision", &out->scale));
        LT_TRY(lt_expect(p, LT_TOK_RPAREN, "')'"));
    }
    return LT_OK;
}

/* INTERVAL [-] '..' unit is a literal, INTERVAL expr unit an expression. */
lt_status lt_parse_interval_literal(lt_parser *p, lt_ast_expr **out)
{
    uint32_t pos = lt_tok(p, 0)->pos;
    uint32_t ahead =
        lt_tok(p, 1)->kind == LT_TOK_MINUS || lt_tok(p, 1)->kind == LT_TOK_PLUS ? 2 : 1;
    lt_token_kind kind = (lt_token_kind)lt_tok(p, ahead)->kind;
    lt_ast_expr *expr = NULL;
    lt_skip(p);
    if (kind == LT_TOK_STRING || kind == LT_TOK_STRING_ESCAPED) {
        lt_ast_string string = {0};
        LT_TRY(lt_expr_new(p, LT_EXPR_LITERAL, pos, &expr));
        expr->lit.kind = LT_LIT_INTERVAL;
        expr->lit.negative = lt_at(p, LT_TOK_MINUS);
        if (ahead == 2) {
            lt_skip(p);
        }
        LT_TRY(lt_parse_string(p, &string));
        expr->lit.text = string.text;
        LT_TRY(lt_parse_interval(p, &expr->lit.interval));
        *out = expr;
        return LT_OK;
    }
    LT_TRY(lt_expr_new(p, LT_EXPR_INTERVAL, pos, &expr));
    LT_TRY(lt_parse_enter(p, 0, 1));
    if (lt_take(p, LT_TOK_LPAREN)) {
        LT_TRY(lt_parse_expr(p, &expr->interval.value));
        LT_TRY(lt_expect(p, LT_TOK_RPAREN, "')'"));
    } else if (lt_at(p, LT_TOK_INTEGER) || lt_at(p, LT_TOK_DECIMAL)) {
        LT_TRY(lt_parse_number(p, &expr->interval.value));
    } else {
        lt_ast_path path = {0};
        LT_TRY(lt_parse_path(p, &path));
        LT_TRY(lt_expr_new(p, LT_EXPR_IDENT, path.items[0].pos, &expr->interval.value));
        expr->interval.value->path = path;
    }
    lt_parse_leave(p, 0, 1);
    LT_TRY(lt_parse_interval(p, &expr->interval.interval));
    *out = expr;
    return LT_OK;
}

/* Sorted by how often they are asked for; the SQL_TSI_ names are those of TIMESTAMPADD and
 * TIMESTAMPDIFF. */
static const struct {
    const char *name;
    lt_ast_unit unit;
} unit_names[] = {
    {"SECOND", LT_UNIT_SECOND},
    {"MINUTE", LT_UNIT_MINUTE},
    {"HOUR", LT_UNIT_HOUR},
    {"DAY", LT_UNIT_DAY},
    {"WEEK", LT_UNIT_WEEK},
    {"MONTH", LT_UNIT_MONTH},
    {"QUARTER", LT_UNIT_QUARTER},
    {"YEAR", LT_UNIT_YEAR},
    {"MILLISECOND", LT_UNIT_MILLISECOND},
    {"MICROSECOND", LT_UNIT_MICROSECOND},
    {"NANOSECOND", LT_UNIT_NANOSECOND},
    {"EPOCH", LT_UNIT_EPOCH},
    {"DOW", LT_UNIT_DOW},
    {"ISODOW", LT_UNIT_ISODOW},
    {"DOY", LT_UNIT_DOY},
    {"ISOYEAR", LT_UNIT_ISOYEAR},
    {"DECADE", LT_UNIT_DECADE},
    {"CENTURY", LT_UNIT_CENTURY},
    {"MILLENNIUM", LT_UNIT_MILLENNIUM},
    {"SQL_TSI_SECOND", LT_UNIT_SECOND},
    {"SQL_TSI_MINUTE", LT_UNIT_MINUTE},
    {"SQL_TSI_HOUR", LT_UNIT_HOUR},
    {"SQL_TSI_DAY", LT_UNIT_DAY},
    {"SQL_TSI_WEEK", LT_UNIT_WEEK},
    {"SQL_TSI_MONTH", LT_UNIT_MONTH},
    {"SQL_TSI_QUARTER", LT_UNIT_QUARTER},
    {"SQL_TSI_YEAR", LT_UNIT_YEAR},
    {"SQL_TSI_MICROSECOND", LT_UNIT_MICROSECOND},
};

lt_status lt_parse_unit(lt_parser *p, lt_ast_expr **out)
{
    for (size_t i = 0; i < LT_COUNT_OF(unit_names); i++) {
        if (lt_at_word(p, 0, unit_names[i].name)) {
            LT_TRY(lt_expr_new(p, LT_EXPR_UNIT, lt_tok(p, 0)->pos, out));
            (*out)->unit = unit_names[i].unit;
            lt_skip(p);
            return LT_OK;
        }
    }
    return lt_parse_expected(p, "a unit of time (YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, ..)");
}

/* ---- constructors ------------------------------------------------------------------------------
 */

/* The items of ROW(..), ARRAY[..], MAP[..], up to and with the closing sign; the opening one is
 * taken. */
static lt_status items(lt_parser *p, lt_token_kind close, lt_ast_expr *expr)
{
    LT_TRY(lt_parse_enter(p, 0, 1));
    if (!lt_take(p, close)) {
        LT_TRY(lt_parse_exprs(p, &expr->list));
        LT_TRY(lt_expect(p, close, close == LT_TOK_RBRACKET ? "',' or ']'" : "',' or ')'"));
    }
    lt_parse_leave(p, 0, 1);
    return LT_OK;
}

static lt_status collection_query(lt_parser *p, lt_ast_expr_kind what, lt_ast_expr **out)
{
    lt_ast_expr *expr = NULL;
    LT_TRY(lt_expr_new(p, LT_EXPR_COLLECTION_QUERY, lt_tok(p, 0)->pos, &expr));
    expr->collection.what = what;
    lt_skip(p);
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    LT_TRY(lt_parse_enter(p, 0, 1));
    LT_TRY(lt_parse_query(p, &expr->collection.query));
    lt_parse_leave(p, 0, 1);
    LT_TRY(lt_expect(p, LT_TOK_RPAREN, "')'"));
    *out = expr;
    return LT_OK;
}

/* ARRAY[..], MAP[..], MULTISET[..], and the same words with a query in parentheses. */
static lt_status collection(lt_parser *p, lt_ast_expr_kind kind, lt_ast_expr **out)
{
    if (lt_tok(p, 1)->kind == LT_TOK_LPAREN) {
        return collection_query(p, kind, out);
    }
    lt_ast_expr *expr = NULL;
    LT_TRY(lt_expr_new(p, kind, lt_tok(p, 0)->pos, &expr));
    lt_skip(p);
    LT_TRY(lt_expect(p, LT_TOK_LBRACKET, "'['"));
    LT_TRY(items(p, LT_TOK_RBRACKET, expr));
    if (kind == LT_EXPR_MAP && expr->list.count % 2 != 0) {
        return lt_parse_error(p, expr->pos, "MAP needs pairs: a value is missing for the last key");
    }
    *out = expr;
    return LT_OK;
}

static lt_status row(lt_parser *p, lt_ast_expr **out)
{
    LT_TRY(lt_expr_new(p, LT_EXPR_ROW, lt_tok(p, 0)->pos, out));
    lt_skip(p);
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    return items(p, LT_TOK_RPAREN, *out);
}

/* PERIOD (a, b): a row, as OVERLAPS and its kin take it. */
static lt_status period(lt_parser *p, lt_ast_expr **out)
{
    uint32_t pos = lt_tok(p, 0)->pos;
    LT_TRY(row(p, out));
    if ((*out)->list.count != 2) {
        return lt_parse_error(p, pos, "PERIOD has a start and an end");
    }
    return LT_OK;
}

/* EXISTS (query), UNIQUE (query) */
static lt_status query_test(lt_parser *p, lt_ast_expr_kind kind, lt_ast_expr **out)
{
    LT_TRY(lt_expr_new(p, kind, lt_tok(p, 0)->pos, out));
    lt_skip(p);
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    LT_TRY(lt_parse_enter(p, 0, 1));
    LT_TRY(lt_parse_query(p, &(*out)->query));
    lt_parse_leave(p, 0, 1);
    return lt_expect(p, LT_TOK_RPAREN, "')'");
}

static lt_status case_whens(lt_parser *p, lt_ast_expr *expr)
{
    while (lt_take_kw(p, LT_KW_WHEN)) {
        uint32_t first = expr->kase.whens.count;
        do {
            lt_ast_expr *when = NULL;
            LT_TRY(lt_parse_expr(p, &when));
            LT_PUSH(p, expr->kase.whens.items, expr->kase.whens.count, when);
        } while (expr->kase.operand && lt_take(p, LT_TOK_COMMA));
        LT_TRY(lt_expect_kw(p, LT_KW_THEN));
        lt_ast_expr *then = NULL;
        LT_TRY(lt_parse_expr(p, &then));
        for (uint32_t i = first; i + 1 < expr->kase.whens.count; i++) {
            LT_PUSH(p, expr->kase.thens.items, expr->kase.thens.count, NULL);
        }
        LT_PUSH(p, expr->kase.thens.items, expr->kase.thens.count, then);
    }
    return LT_OK;
}

static lt_status case_expr(lt_parser *p, lt_ast_expr **out)
{
    lt_ast_expr *expr = NULL;
    LT_TRY(lt_expr_new(p, LT_EXPR_CASE, lt_tok(p, 0)->pos, &expr));
    lt_skip(p);
    LT_TRY(lt_parse_enter(p, 0, 1));
    if (!lt_at_kw(p, LT_KW_WHEN)) {
        LT_TRY(lt_parse_expr(p, &expr->kase.operand));
    }
    LT_TRY(case_whens(p, expr));
    if (expr->kase.whens.count == 0) {
        return lt_parse_expected(p, "WHEN");
    }
    if (lt_take_kw(p, LT_KW_ELSE)) {
        LT_TRY(lt_parse_expr(p, &expr->kase.otherwise));
    }
    LT_TRY(lt_expect_kw(p, LT_KW_END));
    lt_parse_leave(p, 0, 1);
    *out = expr;
    return LT_OK;
}

/* ---- parentheses -------------------------------------------------------------------------------
 */

static lt_status subquery_new(lt_parser *p, uint32_t pos, lt_ast_query *query, lt_ast_expr **out)
{
    LT_TRY(lt_expr_new(p, LT_EXPR_SUBQUERY, pos, out));
    (*out)->query = query;
    return LT_OK;
}

/* (a - b) DAY */
static lt_status datetime_minus(lt_parser *p, lt_ast_expr *inner, lt_ast_expr **out)
{
    lt_ast_expr *expr = NULL;
    LT_TRY(lt_expr_new(p, LT_EXPR_DATETIME_MINUS, inner->pos, &expr));
    expr->minus.left = inner->binary.left;
    expr->minus.right = inner->binary.right;
    LT_TRY(lt_parse_interval(p, &expr->minus.interval));
    *out = expr;
    return LT_OK;
}

/* A unit behind parentheses; the plurals that may be names are taken as such (an alias). */
static bool at_minus_unit(const lt_parser *p, const lt_ast_expr *inner)
{
    return inner->kind == LT_EXPR_BINARY && inner->binary.op == LT_OP_SUB && lt_at_interval(p) &&
           lt_keyword_class(lt_tok(p, 0)->keyword) != 'N';
}

/* ( query ), ( expr ), ( expr, expr ): a row */
static lt_status parens(lt_parser *p, lt_ast_expr **out)
{
    uint32_t pos = lt_tok(p, 0)->pos;
    lt_skip(p);
    if (lt_at_query(p)) {
        lt_ast_query *query = NULL;
        LT_TRY(lt_parse_query(p, &query));
        LT_TRY(subquery_new(p, pos, query, out));
        return lt_expect(p, LT_TOK_RPAREN, "')'");
    }
    if (lt_at_kw(p, LT_KW_MODEL) && lt_at_name(p, 1)) {
        LT_TRY(lt_expr_new(p, LT_EXPR_MODEL_ARG, pos, out));
        lt_skip(p);
        LT_TRY(lt_parse_path(p, &(*out)->path));
        return lt_expect(p, LT_TOK_RPAREN, "')'");
    }
    lt_ast_expr *first = NULL;
    LT_TRY(lt_parse_expr(p, &first));
    if (first->kind == LT_EXPR_SUBQUERY && lt_at_query_rest(p)) {
        lt_ast_query *query = NULL;
        LT_TRY(lt_parse_query_rest(p, first->query, &query));
        LT_TRY(subquery_new(p, pos, query, out));
        return lt_expect(p, LT_TOK_RPAREN, "')'");
    }
    if (lt_take(p, LT_TOK_RPAREN)) {
        *out = first;
        return at_minus_unit(p, first) ? datetime_minus(p, first, out) : LT_OK;
    }
    LT_TRY(lt_expr_new(p, LT_EXPR_ROW, pos, out));
    LT_PUSH(p, (*out)->list.items, (*out)->list.count, first);
    LT_TRY(lt_expect(p, LT_TOK_COMMA, "',' or ')'"));
    LT_TRY(lt_parse_exprs(p, &(*out)->list));
    LT_TRY(lt_parse_reach(p, p->reach + 1));
    return lt_expect(p, LT_TOK_RPAREN, "',' or ')'");
}

/* ---- names and calls ---------------------------------------------------------------------------
 */

/* a.b.c, a.b.*, a.b(..) */
static lt_status path_expr(lt_parser *p, lt_ast_expr **out)
{
    lt_ast_path path = {0};
    bool star = false;
    do {
        star = path.count > 0 && lt_take(p, LT_TOK_STAR);
        if (star) {
            break;
        }
        lt_ast_name name = {0};
        LT_TRY(lt_parse_name(p, &name));
        LT_PUSH(p, path.items, path.count, name);
    } while (lt_take(p, LT_TOK_DOT));
    if (!star && lt_at(p, LT_TOK_LPAREN)) {
        return lt_parse_call(p, path, out);
    }
    LT_TRY(lt_expr_new(p, star ? LT_EXPR_STAR : LT_EXPR_IDENT, path.items[0].pos, out));
    (*out)->path = path;
    return LT_OK;
}

/* A reserved word that is a function (COUNT, LEFT, ..) or a value (CURRENT_DATE). */
static lt_status reserved_function(lt_parser *p, lt_ast_expr **out)
{
    const lt_token *token = lt_tok(p, 0);
    char class = lt_keyword_class(token->keyword);
    bool parens_next = lt_tok(p, 1)->kind == LT_TOK_LPAREN;
    if (parens_next ? class == 'R' : class != 'C' && class != 'B') {
        return lt_parse_expected(p, "an expression");
    }
    if (!parens_next) {
        LT_TRY(lt_parse_call_new(p, token, out));
        lt_skip(p);
        (*out)->call->niladic = true;
        return LT_OK;
    }
    lt_ast_name name = {lt_tok_text(p, token), token->pos, false};
    lt_ast_path path = {0};
    LT_PUSH(p, path.items, path.count, name);
    lt_skip(p);
    return lt_parse_call(p, path, out);
}

/* RUNNING and FINAL in front of a call or column of MATCH_RECOGNIZE. */
static lt_status semantics(lt_parser *p, lt_ast_expr **out)
{
    const lt_token *token = lt_tok(p, 0);
    lt_ast_semantics which = token->keyword == LT_KW_FINAL ? LT_SEM_FINAL : LT_SEM_RUNNING;
    lt_skip(p);
    lt_ast_expr *inner = NULL;
    LT_TRY(lt_parse_enter(p, 0, 1));
    if (lt_at_name(p, 0)) {
        LT_TRY(path_expr(p, &inner));
    } else {
        LT_TRY(reserved_function(p, &inner));
    }
    lt_parse_leave(p, 0, 1);
    if (inner->kind != LT_EXPR_CALL) {
        lt_ast_expr *call = NULL;
        LT_TRY(lt_parse_call_new(p, token, &call));
        LT_TRY(lt_call_arg(p, call->call, inner));
        call->call->niladic = true;
        inner = call;
    }
    inner->call->semantics = which;
    *out = inner;
    return LT_OK;
}

/* Words that start an operand of their own; *out NULL when the next word is none of them. */
static lt_status word_start(lt_parser *p, lt_ast_expr **out)
{
    lt_keyword keyword = (lt_keyword)lt_tok(p, 0)->keyword;
    lt_token_kind next = (lt_token_kind)lt_tok(p, 1)->kind;
    bool string_next = next == LT_TOK_STRING || next == LT_TOK_STRING_ESCAPED;
    bool opens = next == LT_TOK_LPAREN || next == LT_TOK_LBRACKET;
    static const struct {
        lt_keyword keyword;
        lt_ast_lit_kind kind;
        bool value;
    } literals[] = {{LT_KW_TRUE, LT_LIT_BOOL, true},
                    {LT_KW_FALSE, LT_LIT_BOOL, false},
                    {LT_KW_NULL, LT_LIT_NULL, false},
                    {LT_KW_UNKNOWN, LT_LIT_UNKNOWN, false}};
    for (size_t i = 0; i < LT_COUNT_OF(literals); i++) {
        if (keyword == literals[i].keyword) {
            return word_literal(p, literals[i].kind, literals[i].value, out);
        }
    }
    if (string_next && keyword == LT_KW_DATE) {
        return temporal_literal(p, LT_LIT_DATE, out);
    }
    if (string_next && keyword == LT_KW_TIME) {
        return temporal_literal(p, LT_LIT_TIME, out);
    }
    if (string_next && keyword == LT_KW_TIMESTAMP) {
        return temporal_literal(p, LT_LIT_TIMESTAMP, out);
    }
    if (keyword == LT_KW_INTERVAL) {
        return lt_parse_interval_literal(p, out);
    }
    if (keyword == LT_KW_CASE) {
        return case_expr(p, out);
    }
    if (keyword == LT_KW_EXISTS || keyword == LT_KW_UNIQUE) {
        return query_test(p, keyword == LT_KW_EXISTS ? LT_EXPR_EXISTS : LT_EXPR_UNIQUE, out);
    }
    if (keyword == LT_KW_ROW) {
        return row(p, out);
    }
    if (keyword == LT_KW_PERIOD && next == LT_TOK_LPAREN) {
        return period(p, out);
    }
    if (keyword == LT_KW_ARRAY || keyword == LT_KW_MULTISET || (keyword == LT_KW_MAP && opens)) {
        return collection(p,
                          keyword == LT_KW_ARRAY ? LT_EXPR_ARRAY
                          : keyword == LT_KW_MAP ? LT_EXPR_MAP
                                                 : LT_EXPR_MULTISET,
                          out);
    }
    if (keyword == LT_KW_CURSOR) {
        return collection_query(p, LT_EXPR_SUBQUERY, out);
    }
    bool name_next = next == LT_TOK_WORD || next == LT_TOK_QUOTED;
    if (keyword == LT_KW_RUNNING || (keyword == LT_KW_FINAL && name_next &&
                                     !lt_at_kw2(p, 1, LT_KW_AS) && !lt_at_kw2(p, 1, LT_KW_FROM) &&
                                     (lt_at_name(p, 1) || lt_tok(p, 2)->kind == LT_TOK_LPAREN))) {
        return semantics(p, out);
    }
    LT_TRY(lt_parse_special(p, out));
    return *out ? LT_OK : lt_parse_json(p, out);
}

static lt_status operand(lt_parser *p, lt_ast_expr **out)
{
    const lt_token *token = lt_tok(p, 0);
    *out = NULL;
    if (token->kind == LT_TOK_WORD) {
        LT_TRY(word_start(p, out));
        if (*out) {
            return LT_OK;
        }
        return lt_at_name(p, 0) ? path_expr(p, out) : reserved_function(p, out);
    }
    if (token->kind == LT_TOK_QUOTED) {
        return path_expr(p, out);
    }
    if (token->kind == LT_TOK_INTEGER || token->kind == LT_TOK_DECIMAL ||
        token->kind == LT_TOK_DOUBLE) {
        return lt_parse_number(p, out);
    }
    if (lt_at_string(p, 0)) {
        return lt_parse_literal_string(p, out);
    }
    if (token->kind == LT_TOK_BINARY) {
        return binary_literal(p, out);
    }
    if (token->kind == LT_TOK_LPAREN) {
        return parens(p, out);
    }
    if (token->kind == LT_TOK_LBRACE) {
        return lt_parse_unsupported(p, token->pos, "JDBC escapes ('{fn ..}') are not supported");
    }
    return lt_parse_expected(p, "an expression");
}

/* [index] and .field behind an operand. */
static lt_status access(lt_parser *p, lt_ast_expr **expr)
{
    lt_ast_expr *outer = NULL;
    uint32_t pos = (*expr)->pos;
    if (lt_take(p, LT_TOK_LBRACKET)) {
        LT_TRY(lt_expr_new(p, LT_EXPR_ITEM, pos, &outer));
        LT_TRY(lt_parse_expr(p, &outer->item.index));
        LT_TRY(lt_expect(p, LT_TOK_RBRACKET, "']'"));
        outer->item.operand = *expr;
    } else {
        lt_skip(p);
        LT_TRY(lt_expr_new(p, LT_EXPR_FIELD, pos, &outer));
        LT_TRY(lt_parse_name(p, &outer->field.name));
        outer->field.operand = *expr;
    }
    *expr = outer;
    return lt_parse_reach(p, p->reach + 1);
}

lt_status lt_parse_primary(lt_parser *p, lt_ast_expr **out)
{
    LT_TRY(operand(p, out));
    while (lt_at(p, LT_TOK_LBRACKET) || lt_at(p, LT_TOK_DOT)) {
        LT_TRY(access(p, out));
    }
    return LT_OK;
}
