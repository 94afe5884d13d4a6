/* Printing calls, windows and ORDER BY items. */
#include "sql/print_int.h"

void lt_print_orders(lt_printer *pr, const lt_ast_orders *orders)
{
    for (uint32_t i = 0; i < orders->count; i++) {
        const lt_ast_order *order = &orders->items[i];
        lt_print_kw(pr, i > 0 ? ", " : "");
        lt_print_expr(pr, order->expr);
        lt_print_kw(pr, order->dir == LT_DESC ? " DESC" : order->dir == LT_ASC ? " ASC" : "");
        lt_print_kw(pr, order->nulls == LT_NULLS_FIRST  ? " NULLS FIRST"
                        : order->nulls == LT_NULLS_LAST ? " NULLS LAST"
                                                        : "");
    }
}

/* ---- windows -----------------------------------------------------------------------------------
 */

static void bound(lt_printer *pr, const lt_ast_bound *node)
{
    switch (node->kind) {
    case LT_BOUND_UNBOUNDED_PRECEDING:
        lt_print_kw(pr, "UNBOUNDED PRECEDING");
        return;
    case LT_BOUND_CURRENT_ROW:
        lt_print_kw(pr, "CURRENT ROW");
        return;
    case LT_BOUND_UNBOUNDED_FOLLOWING:
        lt_print_kw(pr, "UNBOUNDED FOLLOWING");
        return;
    case LT_BOUND_PRECEDING:
        lt_print_expr(pr, node->expr);
        lt_print_kw(pr, " PRECEDING");
        return;
    case LT_BOUND_FOLLOWING:
        lt_print_expr(pr, node->expr);
        lt_print_kw(pr, " FOLLOWING");
        return;
    }
}

static void frame(lt_printer *pr, const lt_ast_window *window)
{
    lt_print_kw(pr, window->frame == LT_FRAME_ROWS ? "ROWS " : "RANGE ");
    lt_print_kw(pr, window->has_high ? "BETWEEN " : "");
    bound(pr, &window->low);
    if (window->has_high) {
        lt_print_kw(pr, " AND ");
        bound(pr, &window->high);
    }
}

void lt_print_window(lt_printer *pr, const lt_ast_window *window)
{
    const char *gap = "";
    if (window->bare) {
        lt_print_name(pr, &window->ref);
        return;
    }
    lt_text_putc(pr->to, '(');
    if (window->ref.text.ptr) {
        lt_print_name(pr, &window->ref);
        gap = " ";
    }
    if (window->partition_by.count > 0) {
        lt_text_printf(pr->to, "%sPARTITION BY ", gap);
        lt_print_exprs(pr, &window->partition_by);
        gap = " ";
    }
    if (window->order_by.count > 0) {
        lt_text_printf(pr->to, "%sORDER BY ", gap);
        lt_print_orders(pr, &window->order_by);
        gap = " ";
    }
    if (window->frame != LT_FRAME_NONE) {
        lt_print_kw(pr, gap);
        frame(pr, window);
        gap = " ";
    }
    if (window->partial_given) {
        lt_text_printf(pr->to, "%s%s PARTIAL", gap,
                       window->disallow_partial ? "DISALLOW" : "ALLOW");
    }
    lt_text_putc(pr->to, ')');
}

/* ---- arguments ---------------------------------------------------------------------------------
 */

/* The standard functions stand without quotes, all others in quotes as they were written. */
static void name(lt_printer *pr, const lt_ast_call *call)
{
    if (call->name.count == 1 && !call->name.items[0].quoted &&
        lt_sql_is_standard_function(call->func)) {
        lt_text_append(pr->to, call->func.ptr, call->func.len);
    } else {
        lt_print_path(pr, &call->name);
    }
}

static void argument(lt_printer *pr, const lt_ast_call *call, uint32_t index)
{
    const lt_ast_expr *arg = call->args.items[index];
    if (!call->arg_names || !call->arg_names[index].text.ptr) {
        lt_print_expr(pr, arg);
        return;
    }
    bool model = arg->kind == LT_EXPR_MODEL_ARG;
    lt_print_name(pr, &call->arg_names[index]);
    lt_print_kw(pr, model ? " => (" : " => ");
    lt_print_expr(pr, arg);
    lt_print_kw(pr, model ? ")" : "");
}

static void plain_args(lt_printer *pr, const lt_ast_call *call)
{
    lt_print_kw(pr, call->quantifier == LT_QUANT_DISTINCT ? "DISTINCT "
                    : call->quantifier == LT_QUANT_ALL    ? "ALL "
                                                          : "");
    for (uint32_t i = 0; i < call->args.count; i++) {
        lt_print_kw(pr, i > 0 ? ", " : "");
        argument(pr, call, i);
    }
    if (call->order_by.count > 0) {
        lt_print_kw(pr, " ORDER BY ");
        lt_print_orders(pr, &call->order_by);
    }
}

/* The words between the arguments of TRIM, EXTRACT, ..; NULL for ordinary commas. */
static const char *const *separators(const lt_ast_call *call)
{
    static const char *const trim[] = {" ", " FROM "};
    static const char *const extract[] = {" FROM "};
    static const char *const rounding[] = {" TO "};
    static const char *const position[] = {" IN ", " FROM "};
    static const char *const overlay[] = {" PLACING ", " FROM ", " FOR "};
    uint32_t count = call->args.count;
    lt_ast_expr *const *args = call->args.items;
    if (call->name.count != 1 || call->name.items[0].quoted) {
        return NULL;
    }
    if (count == 3 && args[0]->kind == LT_EXPR_SYMBOL) {
        return trim;
    }
    if (count == 2 && args[0]->kind == LT_EXPR_UNIT) {
        return extract;
    }
    if (count == 2 && args[1]->kind == LT_EXPR_UNIT) {
        return rounding;
    }
    if (lt_str_eq(call->func, LT_STR("POSITION"))) {
        return position;
    }
    return lt_str_eq(call->func, LT_STR("OVERLAY")) ? overlay : NULL;
}

static void special_args(lt_printer *pr, const lt_ast_call *call, const char *const *words)
{
    bool position = lt_str_eq(call->func, LT_STR("POSITION"));
    for (uint32_t i = 0; i < call->args.count; i++) {
        const lt_ast_expr *arg = call->args.items[i];
        bool parens = position && i == 0 && arg->kind == LT_EXPR_UNARY; /* it must be a primary */
        lt_print_kw(pr, i > 0 ? words[i - 1] : "");
        lt_print_kw(pr, parens ? "(" : "");
        lt_print_expr(pr, arg);
        lt_print_kw(pr, parens ? ")" : "");
    }
}

/* ---- JSON --------------------------------------------------------------------------------------
 */

static void json_on(lt_printer *pr, lt_ast_json_on on, const lt_ast_expr *value, const char *event)
{
    static const char *const words[] = {
        [LT_JSON_ON_NONE] = "",
        [LT_JSON_ON_NULL] = "NULL",
        [LT_JSON_ON_ERROR] = "ERROR",
        [LT_JSON_ON_DEFAULT] = "DEFAULT ",
        [LT_JSON_ON_EMPTY_ARRAY] = "EMPTY ARRAY",
        [LT_JSON_ON_EMPTY_OBJECT] = "EMPTY OBJECT",
        [LT_JSON_ON_TRUE] = "TRUE",
        [LT_JSON_ON_FALSE] = "FALSE",
        [LT_JSON_ON_UNKNOWN] = "UNKNOWN",
    };
    if (on == LT_JSON_ON_NONE) {
        return;
    }
    lt_text_printf(pr->to, " %s", words[on]);
    if (value) {
        lt_print_expr(pr, value);
    }
    lt_text_printf(pr->to, " ON %s", event);
}

static void json_pairs(lt_printer *pr, const lt_ast_call *call)
{
    for (uint32_t i = 0; i + 1 < call->args.count; i += 2) {
        lt_print_kw(pr, i > 0 ? ", KEY " : "KEY ");
        lt_print_expr(pr, call->args.items[i]);
        lt_print_kw(pr, " VALUE ");
        lt_print_expr(pr, call->args.items[i + 1]);
    }
}

static void json_args(lt_printer *pr, const lt_ast_call *call)
{
    static const char *const wrappers[] = {
        [LT_JSON_WRAPPER_NONE] = "",
        [LT_JSON_WRAPPER_WITHOUT] = " WITHOUT ARRAY WRAPPER",
        [LT_JSON_WRAPPER_CONDITIONAL] = " WITH CONDITIONAL ARRAY WRAPPER",
        [LT_JSON_WRAPPER_UNCONDITIONAL] = " WITH UNCONDITIONAL ARRAY WRAPPER",
    };
    const lt_ast_json *json = call->json;
    bool pairs = lt_str_starts(call->func, LT_STR("JSON_OBJECT"));
    if (pairs) {
        json_pairs(pr, call);
    } else {
        lt_print_exprs(pr, &call->args);
    }
    if (json->returning) {
        lt_print_kw(pr, " RETURNING ");
        lt_print_type(pr, json->returning);
    }
    lt_print_kw(pr, wrappers[json->wrapper]);
    json_on(pr, json->on_empty, json->on_empty_default, "EMPTY");
    json_on(pr, json->on_error, json->on_error_default, "ERROR");
    if (json->nulls != LT_JSON_NULLS_NONE) {
        lt_print_kw(pr, call->args.count > 0 ? " " : "");
        lt_print_kw(pr, json->nulls == LT_JSON_NULL_ON_NULL ? "NULL ON NULL" : "ABSENT ON NULL");
    }
}

/* ---- the whole ---------------------------------------------------------------------------------
 */

static void suffix(lt_printer *pr, const lt_ast_call *call)
{
    lt_print_kw(pr, call->treatment == LT_TREAT_RESPECT_NULLS  ? " RESPECT NULLS"
                    : call->treatment == LT_TREAT_IGNORE_NULLS ? " IGNORE NULLS"
                                                               : "");
    if (call->within_group.count > 0) {
        lt_print_kw(pr, " WITHIN GROUP (ORDER BY ");
        lt_print_orders(pr, &call->within_group);
        lt_text_putc(pr->to, ')');
    }
    if (call->filter) {
        lt_print_kw(pr, " FILTER (WHERE ");
        lt_print_expr(pr, call->filter);
        lt_text_putc(pr->to, ')');
    }
    if (call->over) {
        lt_print_kw(pr, " OVER ");
        lt_print_window(pr, call->over);
    }
}

/* Words that are values in standard SQL, and name columns here. */
static bool may_be_column(const lt_ast_call *call)
{
    static const char *const words[] = {"USER", "CURRENT_USER", "SESSION_USER", "SYSTEM_USER"};
    for (size_t i = 0; call->name.count == 1 && i < LT_COUNT_OF(words); i++) {
        if (lt_str_eq(call->func, lt_str_of(words[i]))) {
            return true;
        }
    }
    return false;
}

static void niladic(lt_printer *pr, const lt_ast_call *call)
{
    if (call->semantics != LT_SEM_NONE && call->args.count == 1) {
        lt_print_expr(pr, call->args.items[0]); /* FINAL a.x */
    } else if (may_be_column(call)) {
        const lt_str word = call->name.items[0].text; /* columns know upper from lower case */
        lt_text_append(pr->to, word.ptr, word.len);
    } else {
        lt_text_append(pr->to, call->func.ptr, call->func.len);
    }
}

void lt_print_call(lt_printer *pr, const lt_ast_call *call)
{
    bool opened = call->over && lt_print_open(pr);
    lt_print_kw(pr, call->semantics == LT_SEM_FINAL     ? "FINAL "
                    : call->semantics == LT_SEM_RUNNING ? "RUNNING "
                                                        : "");
    if (call->niladic) {
        niladic(pr, call);
    } else {
        const char *const *words = separators(call);
        name(pr, call);
        lt_text_putc(pr->to, '(');
        if (call->json) {
            json_args(pr, call);
        } else if (words) {
            special_args(pr, call, words);
        } else {
            plain_args(pr, call);
        }
        lt_text_putc(pr->to, ')');
        suffix(pr, call);
    }
    lt_print_close(pr, opened);
}
