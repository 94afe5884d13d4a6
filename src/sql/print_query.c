/* Printing queries and table references. */
#include "sql/print_int.h"

/* ---- table references --------------------------------------------------------------------------
 */

static void alias(lt_printer *pr, const lt_ast_from *from)
{
    if (!from->alias.text.ptr) {
        return;
    }
    lt_print_kw(pr, " AS ");
    lt_print_name(pr, &from->alias);
    if (from->columns.count > 0) {
        lt_text_putc(pr->to, ' ');
        lt_print_names(pr, &from->columns);
    }
}

static void join(lt_printer *pr, const lt_ast_from *from)
{
    static const char *const words[] = {
        [LT_JOIN_COMMA] = ",\n",         [LT_JOIN_CROSS] = "CROSS JOIN ",
        [LT_JOIN_INNER] = "INNER JOIN ", [LT_JOIN_LEFT] = "LEFT JOIN ",
        [LT_JOIN_RIGHT] = "RIGHT JOIN ", [LT_JOIN_FULL] = "FULL JOIN ",
    };
    bool comma = from->join.how == LT_JOIN_COMMA;
    bool parens = !comma && from->join.right->kind == LT_FROM_JOIN;
    lt_print_from(pr, from->join.left);
    lt_print_kw(pr, comma ? "" : "\n");
    lt_print_kw(pr, from->join.natural ? "NATURAL " : "");
    lt_print_kw(pr, words[from->join.how]);
    lt_print_kw(pr, parens ? "(" : "");
    lt_print_from(pr, from->join.right);
    lt_print_kw(pr, parens ? ")" : "");
    if (from->join.on) {
        lt_print_kw(pr, " ON ");
        lt_print_expr(pr, from->join.on);
    }
    if (from->join.using_columns.count > 0) {
        lt_print_kw(pr, " USING ");
        lt_print_names(pr, &from->join.using_columns);
    }
}

static void table(lt_printer *pr, const lt_ast_from *from)
{
    lt_print_path(pr, &from->table.path);
    lt_print_hints(pr, &from->table.hints);
    if (from->table.as_of) {
        lt_print_kw(pr, " FOR SYSTEM_TIME AS OF ");
        lt_print_expr(pr, from->table.as_of);
    }
}

void lt_print_from(lt_printer *pr, const lt_ast_from *from)
{
    switch (from->kind) {
    case LT_FROM_TABLE:
        table(pr, from);
        break;
    case LT_FROM_SUBQUERY:
        lt_print_kw(pr, from->subquery.lateral ? "LATERAL (" : "(");
        lt_print_query(pr, from->subquery.query);
        lt_text_putc(pr->to, ')');
        break;
    case LT_FROM_FUNCTION:
        lt_print_kw(pr, from->function.lateral ? "LATERAL TABLE(" : "TABLE(");
        lt_print_expr(pr, from->function.call);
        lt_text_putc(pr->to, ')');
        break;
    case LT_FROM_UNNEST:
        lt_print_kw(pr, "UNNEST(");
        lt_print_exprs(pr, &from->unnest.exprs);
        lt_print_kw(pr, from->unnest.ordinality ? ") WITH ORDINALITY" : ")");
        break;
    case LT_FROM_JOIN:
        join(pr, from);
        break;
    case LT_FROM_MATCH: {
        bool parens = from->match->input->kind == LT_FROM_JOIN;
        lt_print_kw(pr, parens ? "(" : "");
        lt_print_from(pr, from->match->input);
        lt_print_kw(pr, parens ? ")" : "");
        lt_print_match(pr, from->match);
        break;
    }
    }
    alias(pr, from);
}

/* ---- MATCH_RECOGNIZE ---------------------------------------------------------------------------
 */

static void pattern(lt_printer *pr, const lt_ast_pattern *node);

static void repetition(lt_printer *pr, const lt_ast_pattern *node)
{
    if (node->max == LT_PATTERN_UNBOUNDED && node->min <= 1) {
        lt_print_kw(pr, node->min == 1 ? " +" : " *");
    } else if (node->min == 0 && node->max == 1) {
        lt_print_kw(pr, " ?");
    } else if (node->max == LT_PATTERN_UNBOUNDED) {
        lt_text_printf(pr->to, " { %u, }", (unsigned)node->min);
    } else if (node->min == node->max) {
        lt_text_printf(pr->to, " { %u }", (unsigned)node->min);
    } else if (node->min == 0) {
        lt_text_printf(pr->to, " { , %u }", (unsigned)node->max);
    } else {
        lt_text_printf(pr->to, " { %u, %u }", (unsigned)node->min, (unsigned)node->max);
    }
    lt_print_kw(pr, node->reluctant ? " ?" : "");
}

static bool is_list(const lt_ast_pattern *node)
{
    return node->kind == LT_PATTERN_CONCAT || node->kind == LT_PATTERN_ALTER;
}

/* A quantifier or a list inside another element needs parentheses; as an item of a list a
 * quantifier does not. */
static void element(lt_printer *pr, const lt_ast_pattern *node, bool in_list)
{
    bool needed = is_list(node) || (!in_list && node->kind == LT_PATTERN_QUANT);
    bool opened = !needed && node->kind == LT_PATTERN_QUANT && lt_print_open(pr);
    lt_print_kw(pr, needed ? "(" : "");
    pattern(pr, node);
    lt_print_kw(pr, needed ? ")" : "");
    lt_print_close(pr, opened);
}

/* Short lists as nested pairs, as Flink prints them. */
static void pattern_list(lt_printer *pr, const lt_ast_pattern *node)
{
    uint32_t extra = node->child_count - 2;
    bool nested = pr->cosmetic + extra <= LT_SQL_PRETTY_MAX;
    for (uint32_t i = 0; nested && i < extra; i++) {
        lt_text_putc(pr->to, '(');
    }
    pr->cosmetic += nested ? extra : 0;
    for (uint32_t i = 0; i < node->child_count; i++) {
        lt_print_kw(pr, i == 0 ? "" : node->kind == LT_PATTERN_ALTER ? " | " : " ");
        element(pr, node->children[i], true);
        if (nested && i > 0 && i <= extra) {
            lt_text_putc(pr->to, ')');
            pr->cosmetic--;
        }
    }
}

static void pattern(lt_printer *pr, const lt_ast_pattern *node)
{
    switch (node->kind) {
    case LT_PATTERN_VAR:
        lt_print_name(pr, &node->name);
        return;
    case LT_PATTERN_CONCAT:
    case LT_PATTERN_ALTER:
        pattern_list(pr, node);
        return;
    case LT_PATTERN_QUANT:
        element(pr, node->children[0], false);
        repetition(pr, node);
        return;
    case LT_PATTERN_PERMUTE:
        lt_print_kw(pr, "PERMUTE (");
        for (uint32_t i = 0; i < node->child_count; i++) {
            lt_print_kw(pr, i > 0 ? ", " : "");
            pattern(pr, node->children[i]);
        }
        lt_text_putc(pr->to, ')');
        return;
    case LT_PATTERN_EXCLUDE:
        lt_print_kw(pr, "{- ");
        pattern(pr, node->children[0]);
        lt_print_kw(pr, " -}");
        return;
    }
}

static void skip(lt_printer *pr, const lt_ast_match *match)
{
    static const char *const words[] = {
        [LT_SKIP_NONE] = "",
        [LT_SKIP_TO_NEXT_ROW] = "TO NEXT ROW",
        [LT_SKIP_PAST_LAST_ROW] = "PAST LAST ROW",
        [LT_SKIP_TO_FIRST] = "TO FIRST ",
        [LT_SKIP_TO_LAST] = "TO LAST ",
    };
    if (match->skip == LT_SKIP_NONE) {
        return;
    }
    lt_text_printf(pr->to, "\nAFTER MATCH SKIP %s", words[match->skip]);
    if (match->skip_var.text.ptr) {
        lt_print_name(pr, &match->skip_var);
    }
}

static void match_pattern(lt_printer *pr, const lt_ast_match *match)
{
    lt_print_kw(pr, match->anchor_start ? "\nPATTERN (^ " : "\nPATTERN (");
    element(pr, match->pattern, false);
    lt_print_kw(pr, match->anchor_end ? " $)" : ")");
    if (match->within) {
        lt_print_kw(pr, " WITHIN ");
        lt_print_expr(pr, match->within);
    }
    for (uint32_t i = 0; i < match->subset_count; i++) {
        lt_print_kw(pr, i == 0 ? "\nSUBSET " : ", ");
        lt_print_name(pr, &match->subsets[i].name);
        lt_print_kw(pr, " = ");
        lt_print_names(pr, &match->subsets[i].vars);
    }
}

void lt_print_match(lt_printer *pr, const lt_ast_match *match)
{
    lt_print_kw(pr, " MATCH_RECOGNIZE(");
    if (match->partition_by.count > 0) {
        lt_print_kw(pr, "\nPARTITION BY ");
        lt_print_exprs(pr, &match->partition_by);
    }
    if (match->order_by.count > 0) {
        lt_print_kw(pr, "\nORDER BY ");
        lt_print_orders(pr, &match->order_by);
    }
    for (uint32_t i = 0; i < match->measure_count; i++) {
        lt_print_kw(pr, i == 0 ? "\nMEASURES " : ", ");
        lt_print_expr(pr, match->measures[i].expr);
        lt_print_kw(pr, " AS ");
        lt_print_name(pr, &match->measures[i].name);
    }
    lt_print_kw(pr, match->rows == LT_ROWS_ONE   ? "\nONE ROW PER MATCH"
                    : match->rows == LT_ROWS_ALL ? "\nALL ROWS PER MATCH"
                                                 : "");
    skip(pr, match);
    match_pattern(pr, match);
    for (uint32_t i = 0; i < match->define_count; i++) {
        lt_print_kw(pr, i == 0 ? "\nDEFINE " : ", ");
        lt_print_name(pr, &match->defines[i].name);
        lt_print_kw(pr, " AS ");
        lt_print_expr(pr, match->defines[i].expr);
    }
    lt_text_putc(pr->to, ')');
}

/* ---- SELECT ------------------------------------------------------------------------------------
 */

static void group(lt_printer *pr, const lt_ast_group *node, bool top)
{
    static const char *const words[] = {
        [LT_GROUP_EXPR] = "",
        [LT_GROUP_TUPLE] = "",
        [LT_GROUP_ROLLUP] = "ROLLUP",
        [LT_GROUP_CUBE] = "CUBE",
        [LT_GROUP_SETS] = "GROUPING SETS",
    };
    if (node->kind == LT_GROUP_EXPR) {
        lt_print_expr(pr, node->expr);
        return;
    }
    if (node->kind == LT_GROUP_TUPLE) {
        /* ROW(a) keeps a list of one a list. */
        bool row = node->exprs.count == 1 || (top && node->exprs.count > 0);
        bool opened = row && lt_print_open(pr);
        lt_print_kw(pr, row ? "ROW(" : "(");
        lt_print_exprs(pr, &node->exprs);
        lt_text_putc(pr->to, ')');
        lt_print_close(pr, opened);
        return;
    }
    lt_text_printf(pr->to, "%s(", words[node->kind]);
    for (uint32_t i = 0; i < node->child_count; i++) {
        lt_print_kw(pr, i > 0 ? ", " : "");
        group(pr, node->children[i], false);
    }
    lt_text_putc(pr->to, ')');
}

static void groups(lt_printer *pr, const lt_ast_select *select)
{
    lt_print_kw(pr, "\nGROUP BY ");
    lt_print_kw(pr, select->group_quantifier == LT_QUANT_DISTINCT ? "DISTINCT "
                    : select->group_quantifier == LT_QUANT_ALL    ? "ALL "
                                                                  : "");
    for (uint32_t i = 0; i < select->group_count; i++) {
        lt_print_kw(pr, i > 0 ? ", " : "");
        group(pr, select->groups[i], true);
    }
}

static void clause(lt_printer *pr, const char *word, const lt_ast_expr *expr)
{
    if (expr) {
        lt_print_kw(pr, word);
        lt_print_expr(pr, expr);
    }
}

static void select_query(lt_printer *pr, const lt_ast_select *select)
{
    lt_print_kw(pr, "SELECT");
    lt_print_hints(pr, &select->hints);
    lt_print_kw(pr, select->quantifier == LT_QUANT_DISTINCT ? " DISTINCT "
                    : select->quantifier == LT_QUANT_ALL    ? " ALL "
                                                            : " ");
    for (uint32_t i = 0; i < select->item_count; i++) {
        lt_print_kw(pr, i > 0 ? ", " : "");
        lt_print_expr(pr, select->items[i].expr);
        if (select->items[i].alias.text.ptr) {
            lt_print_kw(pr, " AS ");
            lt_print_name(pr, &select->items[i].alias);
        }
    }
    if (select->from) {
        lt_print_kw(pr, "\nFROM ");
        lt_print_from(pr, select->from);
    }
    clause(pr, "\nWHERE ", select->where);
    if (select->has_group_by) {
        groups(pr, select);
    }
    clause(pr, "\nHAVING ", select->having);
    for (uint32_t i = 0; i < select->window_count; i++) {
        lt_print_kw(pr, i == 0 ? "\nWINDOW " : ",\n");
        lt_print_name(pr, &select->windows[i].name);
        lt_print_kw(pr, " AS ");
        lt_print_window(pr, select->windows[i].window);
    }
    clause(pr, "\nQUALIFY ", select->qualify);
}

/* ---- queries -----------------------------------------------------------------------------------
 */

static bool has_own(const lt_ast_query *query)
{
    return query->cte_count > 0 || query->order_by.count > 0 || query->offset || query->limit;
}

static bool needs_parens(const lt_ast_query *parent, uint32_t index, const lt_ast_query *child)
{
    if (has_own(child) || child->kind == LT_QUERY_NESTED) {
        return true;
    }
    if (child->kind != LT_QUERY_SETOP) {
        return false;
    }
    bool parent_tight = parent->setop.op == LT_SETOP_INTERSECT;
    bool child_tight = child->setop.op == LT_SETOP_INTERSECT;
    return index == 0 ? parent_tight && !child_tight : parent_tight || !child_tight;
}

static void setop(lt_printer *pr, const lt_ast_query *query)
{
    static const char *const words[] = {[LT_SETOP_UNION] = "UNION",
                                        [LT_SETOP_INTERSECT] = "INTERSECT",
                                        [LT_SETOP_EXCEPT] = "EXCEPT"};
    for (uint32_t i = 0; i < query->setop.count; i++) {
        const lt_ast_query *child = query->setop.operands[i];
        bool parens = needs_parens(query, i, child);
        if (i > 0) {
            lt_text_printf(pr->to, "\n%s%s\n", words[query->setop.op],
                           query->setop.all ? " ALL" : "");
        }
        lt_print_kw(pr, parens ? "(" : "");
        lt_print_query(pr, child);
        lt_print_kw(pr, parens ? ")" : "");
    }
}

static void values(lt_printer *pr, const lt_ast_exprs *rows)
{
    lt_print_kw(pr, "VALUES ");
    for (uint32_t i = 0; i < rows->count; i++) {
        lt_print_kw(pr, i > 0 ? ",\n" : "");
        lt_print_expr(pr, rows->items[i]);
    }
}

static void with(lt_printer *pr, const lt_ast_query *query)
{
    lt_print_kw(pr, query->recursive ? "WITH RECURSIVE " : "WITH ");
    for (uint32_t i = 0; i < query->cte_count; i++) {
        const lt_ast_cte *cte = &query->ctes[i];
        lt_print_kw(pr, i > 0 ? ", " : "");
        lt_print_name(pr, &cte->name);
        if (cte->columns.count > 0) {
            lt_text_putc(pr->to, ' ');
            lt_print_names(pr, &cte->columns);
        }
        lt_print_kw(pr, " AS (");
        lt_print_query(pr, cte->query);
        lt_text_putc(pr->to, ')');
    }
    lt_text_putc(pr->to, ' ');
}

static void tail(lt_printer *pr, const lt_ast_query *query)
{
    if (query->order_by.count > 0) {
        lt_print_kw(pr, "\nORDER BY ");
        lt_print_orders(pr, &query->order_by);
    }
    if (query->offset) {
        lt_print_kw(pr, "\nOFFSET ");
        lt_print_expr(pr, query->offset);
        lt_print_kw(pr, " ROWS");
    }
    if (query->limit) {
        lt_print_kw(pr, "\nFETCH NEXT ");
        lt_print_expr(pr, query->limit);
        lt_print_kw(pr, " ROWS ONLY");
    }
}

void lt_print_query(lt_printer *pr, const lt_ast_query *query)
{
    if (query->cte_count > 0) {
        with(pr, query);
    }
    switch (query->kind) {
    case LT_QUERY_SELECT:
        select_query(pr, query->select);
        break;
    case LT_QUERY_VALUES:
        values(pr, &query->rows);
        break;
    case LT_QUERY_SETOP:
        setop(pr, query);
        break;
    case LT_QUERY_TABLE:
        lt_print_kw(pr, "TABLE ");
        lt_print_path(pr, &query->table);
        break;
    case LT_QUERY_NESTED:
        lt_text_putc(pr->to, '(');
        lt_print_query(pr, query->nested);
        lt_text_putc(pr->to, ')');
        break;
    }
    tail(pr, query);
}
