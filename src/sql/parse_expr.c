/* Expressions by operator precedence, without recursion: operands and operators lie on two stacks
 * (Dijkstra's shunting-yard), so that only parentheses, calls and sub-queries cost C stack, and a
 * chain of ten thousand ANDs costs none. Precedences are Flink's (Calcite's): unary - +  80 | * / %
 * ||  60 | + -  40 | IN BETWEEN LIKE  32 | comparisons  30 | IS  28 | NOT  26 | AND  24 | OR  22 |
 * MULTISET INTERSECT  18 | MULTISET UNION, EXCEPT  14 BETWEEN and ESCAPE take a second operand:
 * BETWEEN is first a barrier (precedence 0) that the next AND turns into an operator; LIKE becomes
 * LIKE_ESCAPE when the word ESCAPE comes. */
#include "sql/parse_int.h"

typedef enum {
    DO_UNARY,
    DO_BINARY,
    DO_LOGICAL,
    DO_LIKE,
    DO_LIKE_ESCAPE,
    DO_BETWEEN_LOW, /* the barrier */
    DO_BETWEEN
} build;

enum {
    PREC_BARRIER = 0,
    PREC_MULTISET_UNION = 14,
    PREC_MULTISET_INTERSECT = 18,
    PREC_OR = 22,
    PREC_AND = 24,
    PREC_NOT = 26,
    PREC_IS = 28,
    PREC_COMPARE = 30,
    PREC_IN = 32,
    PREC_ADD = 40,
    PREC_MUL = 60,
    PREC_UNARY = 80
};

typedef enum {
    FOUND_INFIX,   /* an operand must follow */
    FOUND_POSTFIX, /* complete: IS NULL, IN (..) */
    FOUND_NOTHING
} found;

typedef struct {
    lt_parser *p;
    uint32_t operand_base;
    uint32_t operator_base;
    uint32_t barriers; /* open BETWEENs that wait for AND */
    found found;       /* by the last look for an operator */
} yard;

/* ---- the two stacks ----------------------------------------------------------------------------
 */

static lt_status push_operand(lt_parser *p, lt_ast_expr *expr, uint32_t reach)
{
    if (p->operand_count == p->operand_cap) {
        uint32_t cap = p->operand_cap ? p->operand_cap * 2 : 32;
        lt_operand *items = LT_NEW_ARRAY(p->arena, lt_operand, cap);
        if (!items) {
            return lt_parse_nomem(p);
        }
        if (p->operand_count > 0) {
            memcpy(items, p->operands, p->operand_count * sizeof *items);
        }
        p->operands = items;
        p->operand_cap = cap;
    }
    p->operands[p->operand_count++] = (lt_operand){expr, reach};
    return LT_OK;
}

static lt_status push_operator(lt_parser *p, lt_operator op)
{
    if (p->operator_count == p->operator_cap) {
        uint32_t cap = p->operator_cap ? p->operator_cap * 2 : 32;
        lt_operator *items = LT_NEW_ARRAY(p->arena, lt_operator, cap);
        if (!items) {
            return lt_parse_nomem(p);
        }
        if (p->operator_count > 0) {
            memcpy(items, p->operators, p->operator_count * sizeof *items);
        }
        p->operators = items;
        p->operator_cap = cap;
    }
    p->operators[p->operator_count++] = op;
    return LT_OK;
}

static lt_operand *top(yard *y, uint32_t below)
{
    LT_ASSERT(y->p->operand_count > y->operand_base + below);
    return &y->p->operands[y->p->operand_count - 1 - below];
}

lt_status lt_expr_new(lt_parser *p, lt_ast_expr_kind kind, uint32_t pos, lt_ast_expr **out)
{
    *out = LT_NODE(p, lt_ast_expr);
    if (!*out) {
        return p->err->code;
    }
    (*out)->kind = kind;
    (*out)->pos = pos;
    return LT_OK;
}

/* ---- building ----------------------------------------------------------------------------------
 */

static bool is_logical(const lt_ast_expr *expr, lt_ast_op op)
{
    return expr->kind == LT_EXPR_LOGICAL && expr->logical.op == op;
}

/* Without the list itself, which will be taken apart. */
static uint32_t parts_reach(const lt_operand *operand, lt_ast_op op)
{
    return is_logical(operand->expr, op) ? operand->reach - 1 : operand->reach;
}

static lt_status append_logical(lt_parser *p, lt_ast_exprs *to, lt_ast_expr *expr, lt_ast_op op)
{
    if (!is_logical(expr, op)) {
        LT_PUSH(p, to->items, to->count, expr);
        return LT_OK;
    }
    for (uint32_t i = 0; i < expr->logical.operands.count; i++) {
        LT_PUSH(p, to->items, to->count, expr->logical.operands.items[i]);
    }
    return LT_OK;
}

/* The left operand's own list grows when it is a chain of the same operator: nobody else holds it.
 */
static lt_status build_logical(yard *y, lt_operator op)
{
    lt_operand *left = top(y, 1);
    lt_operand *right = top(y, 0);
    lt_ast_op which = (lt_ast_op)op.op;
    uint32_t reach = LT_MAX(parts_reach(left, which), parts_reach(right, which));
    lt_ast_expr *expr = left->expr;
    if (!is_logical(expr, which)) {
        LT_TRY(lt_expr_new(y->p, LT_EXPR_LOGICAL, left->expr->pos, &expr));
        expr->logical.op = which;
        LT_TRY(append_logical(y->p, &expr->logical.operands, left->expr, which));
    }
    LT_TRY(append_logical(y->p, &expr->logical.operands, right->expr, which));
    y->p->operand_count--;
    left->expr = expr;
    left->reach = reach + 1;
    return lt_parse_reach(y->p, left->reach);
}

/* Replaces the `count` topmost operands by expr. */
static lt_status replace(yard *y, uint32_t count, lt_ast_expr *expr)
{
    uint32_t reach = 0;
    for (uint32_t i = 0; i < count; i++) {
        reach = LT_MAX(reach, top(y, i)->reach);
    }
    y->p->operand_count -= count - 1;
    *top(y, 0) = (lt_operand){expr, reach + 1};
    return lt_parse_reach(y->p, reach + 1);
}

static lt_status build_top(yard *y, lt_operator op)
{
    lt_parser *p = y->p;
    lt_ast_expr *expr = NULL;
    switch ((build)op.what) {
    case DO_UNARY:
        LT_TRY(lt_expr_new(p, LT_EXPR_UNARY, op.pos, &expr));
        expr->unary.op = (lt_ast_op)op.op;
        expr->unary.operand = top(y, 0)->expr;
        return replace(y, 1, expr);
    case DO_BINARY:
        LT_TRY(lt_expr_new(p, LT_EXPR_BINARY, top(y, 1)->expr->pos, &expr));
        expr->binary.op = (lt_ast_op)op.op;
        expr->binary.left = top(y, 1)->expr;
        expr->binary.right = top(y, 0)->expr;
        return replace(y, 2, expr);
    case DO_LOGICAL:
        return build_logical(y, op);
    case DO_LIKE:
    case DO_LIKE_ESCAPE: {
        uint32_t extra = op.what == DO_LIKE_ESCAPE ? 1 : 0;
        LT_TRY(lt_expr_new(p, LT_EXPR_LIKE, top(y, 1 + extra)->expr->pos, &expr));
        expr->like.operand = top(y, 1 + extra)->expr;
        expr->like.pattern = top(y, extra)->expr;
        expr->like.escape = extra ? top(y, 0)->expr : NULL;
        expr->like.how = (lt_ast_like_kind)op.op;
        expr->like.negated = op.negated;
        return replace(y, 2 + extra, expr);
    }
    case DO_BETWEEN:
        LT_TRY(lt_expr_new(p, LT_EXPR_BETWEEN, top(y, 2)->expr->pos, &expr));
        expr->between.operand = top(y, 2)->expr;
        expr->between.low = top(y, 1)->expr;
        expr->between.high = top(y, 0)->expr;
        expr->between.negated = op.negated;
        expr->between.symmetric = op.symmetric;
        return replace(y, 3, expr);
    case DO_BETWEEN_LOW:
        break;
    }
    return lt_parse_expected(p, "AND of BETWEEN");
}

/* Builds what binds at least as tight as precedence. */
static lt_status reduce(yard *y, uint8_t precedence)
{
    lt_parser *p = y->p;
    while (p->operator_count > y->operator_base &&
           p->operators[p->operator_count - 1].precedence >= precedence) {
        lt_operator op = p->operators[p->operator_count - 1];
        p->operator_count--;
        LT_TRY(build_top(y, op));
    }
    return LT_OK;
}

static lt_status push_binary(yard *y, lt_ast_op op, uint8_t precedence, uint32_t words)
{
    lt_operator entry = {.what = DO_BINARY, .op = (uint8_t)op, .precedence = precedence};
    entry.pos = lt_tok(y->p, 0)->pos;
    if (op == LT_OP_AND || op == LT_OP_OR) {
        entry.what = DO_LOGICAL;
    }
    while (words-- > 0) {
        lt_skip(y->p);
    }
    LT_TRY(reduce(y, precedence));
    return push_operator(y->p, entry);
}

/* ---- operators that are words ------------------------------------------------------------------
 */

static lt_status take_and(yard *y)
{
    lt_parser *p = y->p;
    if (y->barriers == 0) {
        return push_binary(y, LT_OP_AND, PREC_AND, 1);
    }
    LT_TRY(reduce(y, PREC_BARRIER + 1));
    lt_operator *barrier = &p->operators[p->operator_count - 1];
    LT_ASSERT(barrier->what == DO_BETWEEN_LOW);
    barrier->what = DO_BETWEEN;
    barrier->precedence = PREC_IN;
    y->barriers--;
    lt_skip(p);
    return LT_OK;
}

static lt_status take_between(yard *y, bool negated)
{
    lt_parser *p = y->p;
    lt_operator op = {.what = DO_BETWEEN_LOW, .precedence = PREC_BARRIER, .negated = negated};
    op.pos = lt_tok(p, 0)->pos;
    lt_skip(p);
    op.symmetric = lt_take_kw(p, LT_KW_SYMMETRIC);
    if (!op.symmetric) {
        (void)lt_take_kw(p, LT_KW_ASYMMETRIC);
    }
    LT_TRY(reduce(y, PREC_IN));
    y->barriers++;
    return push_operator(p, op);
}

static lt_status take_like(yard *y, lt_ast_like_kind how, bool negated)
{
    lt_parser *p = y->p;
    lt_operator op = {
        .what = DO_LIKE, .op = (uint8_t)how, .precedence = PREC_IN, .negated = negated};
    op.pos = lt_tok(p, 0)->pos;
    lt_skip(p);
    if (how == LT_SIMILAR) {
        LT_TRY(lt_expect_kw(p, LT_KW_TO));
    }
    LT_TRY(reduce(y, PREC_IN));
    return push_operator(p, op);
}

static lt_status take_escape(yard *y)
{
    lt_parser *p = y->p;
    LT_TRY(reduce(y, PREC_IN + 1));
    if (p->operator_count == y->operator_base ||
        p->operators[p->operator_count - 1].what != DO_LIKE) {
        y->found = FOUND_NOTHING;
        return LT_OK;
    }
    p->operators[p->operator_count - 1].what = DO_LIKE_ESCAPE;
    lt_skip(p);
    return LT_OK;
}

/* ( query ) or ( a, b ), the right side of IN and of quantified comparisons. */
static lt_status list_or_query(lt_parser *p, lt_ast_exprs *list, lt_ast_query **query)
{
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    if (lt_at_query(p)) {
        LT_TRY(lt_parse_query(p, query));
        return lt_expect(p, LT_TOK_RPAREN, "')'");
    }
    LT_TRY(lt_parse_exprs(p, list));
    if (list->count == 1 && list->items[0]->kind == LT_EXPR_SUBQUERY) {
        *query = list->items[0]->query; /* more parentheses do not make it a scalar */
        *list = (lt_ast_exprs){0};
        if (lt_at_query_rest(p)) {
            LT_TRY(lt_parse_query_rest(p, *query, query));
        }
    }
    return lt_expect(p, LT_TOK_RPAREN, "',' or ')'");
}

/* Parses one step down and applies the result to the top operand. */
static lt_status take_in(yard *y, bool negated)
{
    lt_parser *p = y->p;
    lt_ast_expr *expr = NULL;
    lt_skip(p);
    y->found = FOUND_POSTFIX;
    LT_TRY(reduce(y, PREC_IN));
    LT_TRY(lt_expr_new(p, LT_EXPR_IN, top(y, 0)->expr->pos, &expr));
    uint32_t saved = p->reach;
    p->reach = p->level;
    LT_TRY(lt_parse_enter(p, 0, 1)); /* its own parentheses, beside those of the whole */
    LT_TRY(list_or_query(p, &expr->in.list, &expr->in.query));
    lt_parse_leave(p, 0, 1);
    expr->in.operand = top(y, 0)->expr;
    expr->in.negated = negated;
    top(y, 0)->reach = LT_MAX(top(y, 0)->reach, p->reach);
    p->reach = saved;
    return replace(y, 1, expr);
}

static lt_status take_quantified(yard *y, lt_ast_op op)
{
    lt_parser *p = y->p;
    lt_ast_expr *expr = NULL;
    lt_skip(p);
    y->found = FOUND_POSTFIX;
    LT_TRY(reduce(y, PREC_COMPARE));
    LT_TRY(lt_expr_new(p, LT_EXPR_QUANTIFIED, top(y, 0)->expr->pos, &expr));
    expr->quantified.op = op;
    expr->quantified.all = lt_at_kw(p, LT_KW_ALL);
    lt_skip(p);
    uint32_t saved = p->reach;
    p->reach = p->level;
    LT_TRY(lt_parse_enter(p, 0, 1));
    LT_TRY(list_or_query(p, &expr->quantified.list, &expr->quantified.query));
    lt_parse_leave(p, 0, 1);
    expr->quantified.operand = top(y, 0)->expr;
    top(y, 0)->reach = LT_MAX(top(y, 0)->reach, p->reach);
    p->reach = saved;
    return replace(y, 1, expr);
}

static lt_status is_test(lt_parser *p, lt_ast_is_kind *test)
{
    static const struct {
        lt_keyword keyword;
        lt_ast_is_kind test;
    } tests[] = {{LT_KW_NULL, LT_IS_NULL},
                 {LT_KW_TRUE, LT_IS_TRUE},
                 {LT_KW_FALSE, LT_IS_FALSE},
                 {LT_KW_UNKNOWN, LT_IS_UNKNOWN},
                 {LT_KW_EMPTY, LT_IS_EMPTY}};
    for (size_t i = 0; i < LT_COUNT_OF(tests); i++) {
        if (lt_take_kw(p, tests[i].keyword)) {
            *test = tests[i].test;
            return LT_OK;
        }
    }
    if (lt_take_kw2(p, LT_KW_A, LT_KW_SET)) {
        *test = LT_IS_A_SET;
        return LT_OK;
    }
    if (lt_take_kw(p, LT_KW_JSON)) {
        *test = lt_take_kw(p, LT_KW_OBJECT)   ? LT_IS_JSON_OBJECT
                : lt_take_kw(p, LT_KW_ARRAY)  ? LT_IS_JSON_ARRAY
                : lt_take_kw(p, LT_KW_SCALAR) ? LT_IS_JSON_SCALAR
                                              : LT_IS_JSON_VALUE;
        if (*test == LT_IS_JSON_VALUE) {
            (void)lt_take_kw(p, LT_KW_VALUE);
        }
        return LT_OK;
    }
    return lt_parse_expected(p, "NULL, TRUE, FALSE, UNKNOWN, DISTINCT FROM or JSON behind IS");
}

static lt_status take_is(yard *y)
{
    lt_parser *p = y->p;
    lt_skip(p);
    bool negated = lt_take_kw(p, LT_KW_NOT);
    if (lt_at_kw(p, LT_KW_DISTINCT)) {
        lt_skip(p);
        if (!lt_at_kw(p, LT_KW_FROM)) {
            return lt_parse_expected(p, "FROM");
        }
        return push_binary(y, negated ? LT_OP_IS_NOT_DISTINCT : LT_OP_IS_DISTINCT, PREC_COMPARE, 1);
    }
    lt_ast_expr *expr = NULL;
    y->found = FOUND_POSTFIX;
    LT_TRY(reduce(y, PREC_IS));
    LT_TRY(lt_expr_new(p, LT_EXPR_IS, top(y, 0)->expr->pos, &expr));
    LT_TRY(is_test(p, &expr->is.test));
    expr->is.operand = top(y, 0)->expr;
    expr->is.negated = negated;
    return replace(y, 1, expr);
}

static lt_status take_multiset(yard *y)
{
    lt_parser *p = y->p;
    lt_ast_op op;
    uint8_t precedence = PREC_MULTISET_UNION;
    if (lt_at_kw2(p, 1, LT_KW_UNION)) {
        op = LT_OP_MULTISET_UNION;
    } else if (lt_at_kw2(p, 1, LT_KW_EXCEPT)) {
        op = LT_OP_MULTISET_EXCEPT;
    } else if (lt_at_kw2(p, 1, LT_KW_INTERSECT)) {
        op = LT_OP_MULTISET_INTERSECT;
        precedence = PREC_MULTISET_INTERSECT;
    } else {
        y->found = FOUND_NOTHING;
        return LT_OK;
    }
    lt_skip(p);
    if (lt_at_kw2(p, 1, LT_KW_ALL)) {
        lt_skip(p);
        op = (lt_ast_op)(op + 1); /* each .._ALL follows its plain form */
    } else if (lt_at_kw2(p, 1, LT_KW_DISTINCT)) {
        lt_skip(p);
    }
    return push_binary(y, op, precedence, 1);
}

_Static_assert(LT_OP_MULTISET_UNION_ALL == LT_OP_MULTISET_UNION + 1 &&
                   LT_OP_MULTISET_EXCEPT_ALL == LT_OP_MULTISET_EXCEPT + 1 &&
                   LT_OP_MULTISET_INTERSECT_ALL == LT_OP_MULTISET_INTERSECT + 1,
               "take_multiset adds one");

typedef struct {
    lt_keyword first;
    lt_keyword second; /* LT_KEYWORD_NOT: one word */
    lt_ast_op op;
    uint8_t precedence;
} word_row;

static const word_row infix_words[] = {
    {LT_KW_OR, LT_KEYWORD_NOT, LT_OP_OR, PREC_OR},
    {LT_KW_OVERLAPS, LT_KEYWORD_NOT, LT_OP_OVERLAPS, PREC_COMPARE},
    {LT_KW_CONTAINS, LT_KEYWORD_NOT, LT_OP_CONTAINS, PREC_COMPARE},
    {LT_KW_EQUALS, LT_KEYWORD_NOT, LT_OP_PERIOD_EQUALS, PREC_COMPARE},
    {LT_KW_PRECEDES, LT_KEYWORD_NOT, LT_OP_PRECEDES, PREC_COMPARE},
    {LT_KW_SUCCEEDS, LT_KEYWORD_NOT, LT_OP_SUCCEEDS, PREC_COMPARE},
    {LT_KW_MEMBER, LT_KW_OF, LT_OP_MEMBER_OF, PREC_COMPARE},
    {LT_KW_SUBMULTISET, LT_KW_OF, LT_OP_SUBMULTISET_OF, PREC_COMPARE},
    {LT_KW_IMMEDIATELY, LT_KW_PRECEDES, LT_OP_IMMEDIATELY_PRECEDES, PREC_COMPARE},
    {LT_KW_IMMEDIATELY, LT_KW_SUCCEEDS, LT_OP_IMMEDIATELY_SUCCEEDS, PREC_COMPARE},
};

/* LIKE and its kin; false when keyword is none of them. */
static bool like_word(lt_keyword keyword, lt_ast_like_kind *how)
{
    *how = keyword == LT_KW_LIKE    ? LT_LIKE
           : keyword == LT_KW_ILIKE ? LT_ILIKE
           : keyword == LT_KW_RLIKE ? LT_RLIKE
                                    : LT_SIMILAR;
    return *how != LT_SIMILAR || keyword == LT_KW_SIMILAR;
}

/* NOT in operator position: NOT IN, NOT LIKE, .. */
static lt_status take_not(yard *y)
{
    lt_parser *p = y->p;
    const lt_token *next = lt_tok(p, 1);
    lt_keyword keyword = next->kind == LT_TOK_WORD ? (lt_keyword)next->keyword : LT_KEYWORD_NOT;
    lt_ast_like_kind how;
    if (keyword == LT_KW_IN) {
        lt_skip(p);
        return take_in(y, true);
    }
    if (keyword == LT_KW_BETWEEN) {
        lt_skip(p);
        return take_between(y, true);
    }
    if (like_word(keyword, &how)) {
        lt_skip(p);
        return take_like(y, how, true);
    }
    if (keyword == LT_KW_MEMBER && lt_at_kw2(p, 2, LT_KW_OF)) {
        return push_binary(y, LT_OP_NOT_MEMBER_OF, PREC_COMPARE, 3);
    }
    if (keyword == LT_KW_SUBMULTISET && lt_at_kw2(p, 2, LT_KW_OF)) {
        return push_binary(y, LT_OP_NOT_SUBMULTISET_OF, PREC_COMPARE, 3);
    }
    y->found = FOUND_NOTHING;
    return LT_OK;
}

static lt_status take_word(yard *y)
{
    lt_parser *p = y->p;
    lt_keyword keyword = (lt_keyword)lt_tok(p, 0)->keyword;
    lt_ast_like_kind how;
    if (keyword == LT_KW_AND) {
        return take_and(y);
    }
    if (keyword == LT_KW_IS) {
        return take_is(y);
    }
    if (keyword == LT_KW_NOT) {
        return take_not(y);
    }
    if (keyword == LT_KW_IN) {
        return take_in(y, false);
    }
    if (keyword == LT_KW_BETWEEN) {
        return take_between(y, false);
    }
    if (like_word(keyword, &how)) {
        return take_like(y, how, false);
    }
    if (keyword == LT_KW_ESCAPE) {
        return take_escape(y);
    }
    if (keyword == LT_KW_MULTISET) {
        return take_multiset(y);
    }
    for (size_t i = 0; keyword != LT_KEYWORD_NOT && i < LT_COUNT_OF(infix_words); i++) {
        const word_row *row = &infix_words[i];
        bool two = row->second != LT_KEYWORD_NOT;
        if (row->first == keyword && (!two || lt_at_kw2(p, 1, row->second))) {
            return push_binary(y, row->op, row->precedence, two ? 2 : 1);
        }
    }
    y->found = FOUND_NOTHING;
    return LT_OK;
}

/* ---- operators that are signs ------------------------------------------------------------------
 */

typedef struct {
    uint8_t token;
    uint8_t op;
    uint8_t precedence;
} sign_row;

static const sign_row signs[] = {
    {LT_TOK_PLUS, LT_OP_ADD, PREC_ADD},    {LT_TOK_MINUS, LT_OP_SUB, PREC_ADD},
    {LT_TOK_STAR, LT_OP_MUL, PREC_MUL},    {LT_TOK_SLASH, LT_OP_DIV, PREC_MUL},
    {LT_TOK_PERCENT, LT_OP_MOD, PREC_MUL}, {LT_TOK_CONCAT, LT_OP_CONCAT, PREC_MUL},
    {LT_TOK_EQ, LT_OP_EQ, PREC_COMPARE},   {LT_TOK_NE, LT_OP_NE, PREC_COMPARE},
    {LT_TOK_LT, LT_OP_LT, PREC_COMPARE},   {LT_TOK_LE, LT_OP_LE, PREC_COMPARE},
    {LT_TOK_GT, LT_OP_GT, PREC_COMPARE},   {LT_TOK_GE, LT_OP_GE, PREC_COMPARE},
};

static lt_status take_sign(yard *y)
{
    lt_parser *p = y->p;
    for (size_t i = 0; i < LT_COUNT_OF(signs); i++) {
        if (signs[i].token != lt_tok(p, 0)->kind) {
            continue;
        }
        bool quantified = signs[i].precedence == PREC_COMPARE &&
                          lt_tok(p, 2)->kind == LT_TOK_LPAREN &&
                          (lt_at_kw2(p, 1, LT_KW_ANY) || lt_at_kw2(p, 1, LT_KW_SOME) ||
                           lt_at_kw2(p, 1, LT_KW_ALL));
        if (quantified) {
            return take_quantified(y, (lt_ast_op)signs[i].op);
        }
        return push_binary(y, (lt_ast_op)signs[i].op, signs[i].precedence, 1);
    }
    y->found = FOUND_NOTHING;
    return LT_OK;
}

/* One operator behind an operand, if there is one: y->found tells. */
static lt_status take_operator(yard *y)
{
    y->found = FOUND_INFIX;
    if (lt_at(y->p, LT_TOK_BANG_EQ)) {
        return lt_parse_expected(y->p, "<>");
    }
    return lt_at(y->p, LT_TOK_WORD) ? take_word(y) : take_sign(y);
}

static lt_status take_operand(yard *y)
{
    lt_parser *p = y->p;
    for (;;) {
        lt_operator op = {.what = DO_UNARY, .pos = lt_tok(p, 0)->pos, .precedence = PREC_UNARY};
        if (lt_at(p, LT_TOK_MINUS)) {
            op.op = LT_OP_NEG;
        } else if (lt_at(p, LT_TOK_PLUS)) {
            op.op = LT_OP_POS;
        } else if (lt_at_kw(p, LT_KW_NOT)) {
            op.op = LT_OP_NOT;
            op.precedence = PREC_NOT;
        } else {
            break;
        }
        lt_skip(p);
        LT_TRY(push_operator(p, op));
    }
    lt_ast_expr *expr = NULL;
    uint32_t saved = p->reach;
    p->reach = p->level;
    LT_TRY(lt_parse_primary(p, &expr));
    uint32_t reach = p->reach;
    p->reach = saved;
    return push_operand(p, expr, reach);
}

lt_status lt_parse_expr(lt_parser *p, lt_ast_expr **out)
{
    LT_TRY(lt_parse_enter(p, 1, 0));
    yard y = {.p = p, .operand_base = p->operand_count, .operator_base = p->operator_count};
    uint32_t saved = p->reach;
    do {
        LT_TRY(take_operand(&y));
        do {
            LT_TRY(take_operator(&y));
        } while (y.found == FOUND_POSTFIX);
    } while (y.found == FOUND_INFIX);
    LT_TRY(reduce(&y, PREC_BARRIER));
    LT_ASSERT(p->operand_count == y.operand_base + 1);
    LT_ASSERT(p->operator_count == y.operator_base);
    lt_operand result = p->operands[--p->operand_count];
    p->reach = LT_MAX(saved, result.reach);
    lt_parse_leave(p, 1, 0);
    *out = result.expr;
    return LT_OK;
}

lt_status lt_parse_exprs(lt_parser *p, lt_ast_exprs *out)
{
    do {
        lt_ast_expr *expr = NULL;
        LT_TRY(lt_parse_expr(p, &expr));
        LT_PUSH(p, out->items, out->count, expr);
    } while (lt_take(p, LT_TOK_COMMA));
    return LT_OK;
}
