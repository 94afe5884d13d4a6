/* MATCH_RECOGNIZE. */
#include "sql/parse_int.h"

static lt_status pattern_new(lt_parser *p, lt_ast_pattern_kind kind, uint32_t pos,
                             lt_ast_pattern **out)
{
    *out = LT_NODE(p, lt_ast_pattern);
    if (!*out) {
        return p->err->code;
    }
    (*out)->kind = kind;
    (*out)->pos = pos;
    return LT_OK;
}

static lt_status alternatives(lt_parser *p, lt_ast_pattern **out);

static lt_status add_child(lt_parser *p, lt_ast_pattern *pattern, lt_ast_pattern *child)
{
    LT_PUSH(p, pattern->children, pattern->child_count, child);
    return LT_OK;
}

static lt_status permutation(lt_parser *p, lt_ast_pattern **out)
{
    LT_TRY(pattern_new(p, LT_PATTERN_PERMUTE, lt_tok(p, 0)->pos, out));
    lt_skip(p);
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    do {
        lt_ast_pattern *child = NULL;
        LT_TRY(alternatives(p, &child));
        LT_TRY(add_child(p, *out, child));
    } while (lt_take(p, LT_TOK_COMMA));
    LT_TRY(lt_parse_reach(p, p->reach + 1));
    return lt_expect(p, LT_TOK_RPAREN, "',' or ')'");
}

static lt_status exclusion(lt_parser *p, lt_ast_pattern **out)
{
    lt_ast_pattern *child = NULL;
    LT_TRY(pattern_new(p, LT_PATTERN_EXCLUDE, lt_tok(p, 0)->pos, out));
    lt_skip(p);
    lt_skip(p);
    LT_TRY(alternatives(p, &child));
    LT_TRY(add_child(p, *out, child));
    LT_TRY(lt_parse_reach(p, p->reach + 1));
    LT_TRY(lt_expect(p, LT_TOK_MINUS, "'-}'"));
    return lt_expect(p, LT_TOK_RBRACE, "'-}'");
}

static bool at_exclusion(const lt_parser *p)
{
    return lt_at(p, LT_TOK_LBRACE) && lt_tok(p, 1)->kind == LT_TOK_MINUS;
}

static bool at_element(const lt_parser *p)
{
    return lt_at(p, LT_TOK_LPAREN) || lt_at_kw(p, LT_KW_PERMUTE) || at_exclusion(p) ||
           lt_at_name(p, 0);
}

static lt_status element(lt_parser *p, lt_ast_pattern **out)
{
    if (lt_take(p, LT_TOK_LPAREN)) {
        LT_TRY(alternatives(p, out));
        return lt_expect(p, LT_TOK_RPAREN, "')'");
    }
    if (lt_at_kw(p, LT_KW_PERMUTE)) {
        return permutation(p, out);
    }
    if (at_exclusion(p)) {
        return exclusion(p, out);
    }
    LT_TRY(pattern_new(p, LT_PATTERN_VAR, lt_tok(p, 0)->pos, out));
    return lt_parse_name(p, &(*out)->name);
}

/* {n}, {n,}, {n,m}, {,m} behind the brace */
static lt_status braces(lt_parser *p, uint32_t *min, uint32_t *max)
{
    int32_t value = 0;
    *min = 0;
    *max = LT_PATTERN_UNBOUNDED;
    bool has_min = lt_at(p, LT_TOK_INTEGER);
    if (has_min) {
        LT_TRY(lt_parse_int(p, "a repetition", &value));
        *min = (uint32_t)value;
    }
    if (!lt_take(p, LT_TOK_COMMA)) {
        *max = *min;
        return has_min ? lt_expect(p, LT_TOK_RBRACE, "'}'") : lt_parse_expected(p, "a repetition");
    }
    if (lt_at(p, LT_TOK_INTEGER) || !has_min) {
        LT_TRY(lt_parse_int(p, "a repetition", &value));
        *max = (uint32_t)value;
        if (*max < *min || *max == 0) {
            return lt_parse_error(p, lt_tok(p, 0)->pos,
                                  "the upper bound of a repetition is too small");
        }
    }
    return lt_expect(p, LT_TOK_RBRACE, "'}'");
}

/* A repetition behind an element; *taken false when there is none. */
static lt_status repetition(lt_parser *p, uint32_t *min, uint32_t *max, bool *taken)
{
    *min = 0;
    *max = LT_PATTERN_UNBOUNDED;
    *taken = true;
    if (lt_take(p, LT_TOK_PLUS)) {
        *min = 1;
    } else if (lt_take(p, LT_TOK_QUESTION)) {
        *max = 1;
    } else if (lt_at(p, LT_TOK_LBRACE) && !at_exclusion(p)) {
        lt_skip(p);
        return braces(p, min, max);
    } else {
        *taken = lt_take(p, LT_TOK_STAR);
    }
    return LT_OK;
}

static lt_status quantified(lt_parser *p, lt_ast_pattern **out)
{
    uint32_t saved = p->reach;
    p->reach = p->level;
    LT_TRY(element(p, out));
    for (;;) {
        uint32_t min = 0;
        uint32_t max = 0;
        bool taken = false;
        LT_TRY(repetition(p, &min, &max, &taken));
        if (!taken) {
            break;
        }
        lt_ast_pattern *outer = NULL;
        LT_TRY(pattern_new(p, LT_PATTERN_QUANT, (*out)->pos, &outer));
        outer->min = min;
        outer->max = max;
        outer->reluctant = lt_take(p, LT_TOK_QUESTION);
        LT_TRY(add_child(p, outer, *out));
        LT_TRY(lt_parse_reach(p, p->reach + 1));
        *out = outer;
    }
    p->reach = LT_MAX(saved, p->reach);
    return LT_OK;
}

/* Appends child to the list node of this kind, taking a nested one apart. */
static lt_status append(lt_parser *p, lt_ast_pattern *list, lt_ast_pattern *child)
{
    if (child->kind != list->kind) {
        return add_child(p, list, child);
    }
    for (uint32_t i = 0; i < child->child_count; i++) {
        LT_TRY(add_child(p, list, child->children[i]));
    }
    return LT_OK;
}

typedef lt_status (*part_fn)(lt_parser *p, lt_ast_pattern **out);

/* One part of a list. The levels of a part that is a list of the same kind do not count twice:
 * append takes it apart. */
static lt_status list_part(lt_parser *p, lt_ast_pattern *list, lt_ast_pattern *part,
                           uint32_t *reach)
{
    *reach = LT_MAX(*reach, p->reach - (part->kind == list->kind ? 1 : 0));
    return append(p, list, part);
}

/* part, or a list of the kind when `more` says that further ones follow. */
static lt_status list_of(lt_parser *p, lt_ast_pattern_kind kind, part_fn part,
                         bool (*more)(lt_parser *p), lt_ast_pattern **out)
{
    uint32_t saved = p->reach;
    uint32_t reach = p->level;
    p->reach = p->level;
    LT_TRY(part(p, out));
    if (more(p)) {
        lt_ast_pattern *list = NULL;
        LT_TRY(pattern_new(p, kind, (*out)->pos, &list));
        LT_TRY(list_part(p, list, *out, &reach));
        do {
            p->reach = p->level;
            LT_TRY(part(p, out));
            LT_TRY(list_part(p, list, *out, &reach));
        } while (more(p));
        *out = list;
        LT_TRY(lt_parse_reach(p, reach + 1));
        p->reach = reach + 1;
    }
    p->reach = LT_MAX(saved, p->reach);
    return LT_OK;
}

static bool take_bar(lt_parser *p)
{
    return lt_take(p, LT_TOK_BAR);
}

static bool more_elements(lt_parser *p)
{
    return at_element(p);
}

static lt_status concatenation(lt_parser *p, lt_ast_pattern **out)
{
    return list_of(p, LT_PATTERN_CONCAT, quantified, more_elements, out);
}

static lt_status alternatives(lt_parser *p, lt_ast_pattern **out)
{
    LT_TRY(lt_parse_enter(p, 1, 0));
    LT_TRY(list_of(p, LT_PATTERN_ALTER, concatenation, take_bar, out));
    lt_parse_leave(p, 1, 0);
    return LT_OK;
}

static lt_status measures(lt_parser *p, lt_ast_match *match)
{
    do {
        lt_ast_named_expr item = {0};
        LT_TRY(lt_parse_expr(p, &item.expr));
        LT_TRY(lt_expect_kw(p, LT_KW_AS));
        LT_TRY(lt_parse_name(p, &item.name));
        LT_PUSH(p, match->measures, match->measure_count, item);
    } while (lt_take(p, LT_TOK_COMMA));
    return LT_OK;
}

static lt_status rows_per_match(lt_parser *p, lt_ast_match *match)
{
    bool one = lt_at_kw(p, LT_KW_ONE);
    if (!one && !lt_at_kw(p, LT_KW_ALL)) {
        return LT_OK;
    }
    lt_skip(p);
    match->rows = one ? LT_ROWS_ONE : LT_ROWS_ALL;
    LT_TRY(lt_expect_kw(p, one ? LT_KW_ROW : LT_KW_ROWS));
    LT_TRY(lt_expect_kw(p, LT_KW_PER));
    return lt_expect_kw(p, LT_KW_MATCH);
}

static lt_status after_match(lt_parser *p, lt_ast_match *match)
{
    if (!lt_take_kw(p, LT_KW_AFTER)) {
        return LT_OK;
    }
    LT_TRY(lt_expect_kw(p, LT_KW_MATCH));
    LT_TRY(lt_expect_kw(p, LT_KW_SKIP));
    if (lt_take_kw(p, LT_KW_PAST)) {
        match->skip = LT_SKIP_PAST_LAST_ROW;
        LT_TRY(lt_expect_kw(p, LT_KW_LAST));
        return lt_expect_kw(p, LT_KW_ROW);
    }
    LT_TRY(lt_expect_kw(p, LT_KW_TO));
    if (lt_take_kw2(p, LT_KW_NEXT, LT_KW_ROW)) {
        match->skip = LT_SKIP_TO_NEXT_ROW;
        return LT_OK;
    }
    match->skip = LT_SKIP_TO_LAST;
    if (lt_at_name(p, 1) && lt_take_kw(p, LT_KW_FIRST)) {
        match->skip = LT_SKIP_TO_FIRST;
    } else if (lt_at_name(p, 1)) {
        (void)lt_take_kw(p, LT_KW_LAST);
    }
    return lt_parse_name(p, &match->skip_var);
}

static lt_status pattern(lt_parser *p, lt_ast_match *match)
{
    LT_TRY(lt_expect_kw(p, LT_KW_PATTERN));
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    match->anchor_start = lt_take(p, LT_TOK_CARET);
    LT_TRY(alternatives(p, &match->pattern));
    match->anchor_end = lt_take(p, LT_TOK_DOLLAR);
    LT_TRY(lt_expect(p, LT_TOK_RPAREN, "a pattern variable or ')'"));
    if (!lt_take_kw(p, LT_KW_WITHIN)) {
        return LT_OK;
    }
    if (!lt_at_kw(p, LT_KW_INTERVAL)) {
        return lt_parse_expected(p, "INTERVAL");
    }
    LT_TRY(lt_parse_interval_literal(p, &match->within));
    if (match->within->kind != LT_EXPR_LITERAL) {
        return lt_parse_error(p, match->within->pos, "WITHIN takes an interval literal");
    }
    return LT_OK;
}

static lt_status subsets(lt_parser *p, lt_ast_match *match)
{
    do {
        lt_ast_subset subset = {0};
        LT_TRY(lt_parse_name(p, &subset.name));
        LT_TRY(lt_expect(p, LT_TOK_EQ, "'='"));
        LT_TRY(lt_parse_name_list(p, &subset.vars));
        LT_PUSH(p, match->subsets, match->subset_count, subset);
    } while (lt_take(p, LT_TOK_COMMA));
    return LT_OK;
}

static lt_status defines(lt_parser *p, lt_ast_match *match)
{
    LT_TRY(lt_expect_kw(p, LT_KW_DEFINE));
    do {
        lt_ast_named_expr item = {0};
        LT_TRY(lt_parse_name(p, &item.name));
        LT_TRY(lt_expect_kw(p, LT_KW_AS));
        LT_TRY(lt_parse_expr(p, &item.expr));
        LT_PUSH(p, match->defines, match->define_count, item);
    } while (lt_take(p, LT_TOK_COMMA));
    return LT_OK;
}

static lt_status clauses(lt_parser *p, lt_ast_match *match)
{
    if (lt_take_kw2(p, LT_KW_PARTITION, LT_KW_BY)) {
        LT_TRY(lt_parse_exprs(p, &match->partition_by));
    }
    if (lt_take_kw2(p, LT_KW_ORDER, LT_KW_BY)) {
        LT_TRY(lt_parse_orders(p, &match->order_by));
    }
    if (lt_take_kw(p, LT_KW_MEASURES)) {
        LT_TRY(measures(p, match));
    }
    LT_TRY(rows_per_match(p, match));
    LT_TRY(after_match(p, match));
    LT_TRY(pattern(p, match));
    if (lt_take_kw(p, LT_KW_SUBSET)) {
        LT_TRY(subsets(p, match));
    }
    return defines(p, match);
}

lt_status lt_parse_match(lt_parser *p, lt_ast_from *input, lt_ast_from **out)
{
    lt_ast_from *from = LT_NODE(p, lt_ast_from);
    lt_ast_match *match = LT_NODE(p, lt_ast_match);
    if (!from || !match) {
        return p->err->code;
    }
    from->kind = LT_FROM_MATCH;
    from->pos = input->pos;
    from->match = match;
    match->input = input;
    lt_skip(p);
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    LT_TRY(lt_parse_enter(p, 0, 1));
    LT_TRY(clauses(p, match));
    lt_parse_leave(p, 0, 1);
    *out = from;
    return lt_expect(p, LT_TOK_RPAREN, "')'");
}
