/* The printer's ground: names, strings, types, expressions. Layout and parentheses are those of
 * Flink's normalised text, so that the two can be compared. */
#include "sql/print_int.h"

bool lt_print_open(lt_printer *pr)
{
    if (pr->cosmetic >= LT_SQL_PRETTY_MAX) {
        return false;
    }
    pr->cosmetic++;
    lt_text_putc(pr->to, '(');
    return true;
}

void lt_print_close(lt_printer *pr, bool opened)
{
    if (opened) {
        pr->cosmetic--;
        lt_text_putc(pr->to, ')');
    }
}

void lt_print_kw(lt_printer *pr, const char *text)
{
    lt_text_puts(pr->to, text);
}

/* ---- names and strings -------------------------------------------------------------------------
 */

static void quoted(lt_text *to, lt_str text, char quote, bool upper)
{
    lt_text_putc(to, quote);
    for (size_t i = 0; i < text.len; i++) {
        char ch = text.ptr[i];
        if (ch == quote) {
            lt_text_putc(to, quote);
        }
        lt_text_putc(to, upper && ch >= 'a' && ch <= 'z' ? (char)(ch - 'a' + 'A') : ch);
    }
    lt_text_putc(to, quote);
}

void lt_print_name(lt_printer *pr, const lt_ast_name *name)
{
    quoted(pr->to, name->text, '`', (pr->flags & LT_PRINT_UPPER) && !name->quoted);
}

void lt_print_path(lt_printer *pr, const lt_ast_path *path)
{
    for (uint32_t i = 0; i < path->count; i++) {
        if (i > 0) {
            lt_text_putc(pr->to, '.');
        }
        lt_print_name(pr, &path->items[i]);
    }
}

void lt_print_names(lt_printer *pr, const lt_ast_names *names)
{
    lt_text_putc(pr->to, '(');
    for (uint32_t i = 0; i < names->count; i++) {
        if (i > 0) {
            lt_print_kw(pr, ", ");
        }
        lt_print_name(pr, &names->items[i]);
    }
    lt_text_putc(pr->to, ')');
}

void lt_print_string(lt_printer *pr, lt_str text)
{
    quoted(pr->to, text, '\'', false);
}

static void hint_arg(lt_printer *pr, const lt_ast_hint_arg *arg)
{
    if (arg->key.ptr) {
        quoted(pr->to, arg->key, arg->key_is_string ? '\'' : '`', false);
        lt_print_kw(pr, " = ");
    }
    if (arg->value_is_string || arg->value_is_name) {
        quoted(pr->to, arg->value, arg->value_is_string ? '\'' : '`', false);
    } else {
        lt_text_append(pr->to, arg->value.ptr, arg->value.len);
    }
}

void lt_print_hints(lt_printer *pr, const lt_ast_hints *hints)
{
    if (hints->count == 0) {
        return;
    }
    lt_print_kw(pr, " /*+ ");
    for (uint32_t i = 0; i < hints->count; i++) {
        const lt_ast_hint *hint = &hints->items[i];
        if (i > 0) {
            lt_print_kw(pr, ", ");
        }
        lt_print_name(pr, &hint->name);
        for (uint32_t k = 0; k < hint->arg_count; k++) {
            lt_print_kw(pr, k == 0 ? "(" : ", ");
            hint_arg(pr, &hint->args[k]);
        }
        if (hint->arg_count > 0) {
            lt_text_putc(pr->to, ')');
        }
    }
    lt_print_kw(pr, " */");
}

/* ---- units, intervals --------------------------------------------------------------------------
 */

const char *lt_print_unit(lt_ast_unit unit)
{
    static const char *const names[] = {
        [LT_UNIT_NONE] = "",
        [LT_UNIT_YEAR] = "YEAR",
        [LT_UNIT_QUARTER] = "QUARTER",
        [LT_UNIT_MONTH] = "MONTH",
        [LT_UNIT_WEEK] = "WEEK",
        [LT_UNIT_DAY] = "DAY",
        [LT_UNIT_HOUR] = "HOUR",
        [LT_UNIT_MINUTE] = "MINUTE",
        [LT_UNIT_SECOND] = "SECOND",
        [LT_UNIT_MILLISECOND] = "MILLISECOND",
        [LT_UNIT_MICROSECOND] = "MICROSECOND",
        [LT_UNIT_NANOSECOND] = "NANOSECOND",
        [LT_UNIT_EPOCH] = "EPOCH",
        [LT_UNIT_DOW] = "DOW",
        [LT_UNIT_ISODOW] = "ISODOW",
        [LT_UNIT_DOY] = "DOY",
        [LT_UNIT_ISOYEAR] = "ISOYEAR",
        [LT_UNIT_DECADE] = "DECADE",
        [LT_UNIT_CENTURY] = "CENTURY",
        [LT_UNIT_MILLENNIUM] = "MILLENNIUM",
    };
    LT_ASSERT((size_t)unit < LT_COUNT_OF(names));
    return names[unit];
}

void lt_print_interval(lt_printer *pr, const lt_ast_interval *interval)
{
    lt_print_kw(pr, lt_print_unit(interval->from));
    bool pair = interval->precision >= 0 && interval->scale >= 0 && interval->to == LT_UNIT_NONE;
    if (pair) {
        lt_text_printf(pr->to, "(%d, %d)", (int)interval->precision, (int)interval->scale);
    } else if (interval->precision >= 0) {
        lt_text_printf(pr->to, "(%d)", (int)interval->precision);
    }
    if (interval->to != LT_UNIT_NONE) {
        lt_text_printf(pr->to, " TO %s", lt_print_unit(interval->to));
        if (interval->scale >= 0) {
            lt_text_printf(pr->to, "(%d)", (int)interval->scale);
        }
    }
}

/* ---- types -------------------------------------------------------------------------------------
 */

static const char *type_word(lt_ast_type_kind kind)
{
    static const char *const words[] = {
        [LT_ASTT_BOOLEAN] = "BOOLEAN",
        [LT_ASTT_TINYINT] = "TINYINT",
        [LT_ASTT_SMALLINT] = "SMALLINT",
        [LT_ASTT_INT] = "INTEGER",
        [LT_ASTT_BIGINT] = "BIGINT",
        [LT_ASTT_FLOAT] = "FLOAT",
        [LT_ASTT_REAL] = "REAL",
        [LT_ASTT_DOUBLE] = "DOUBLE",
        [LT_ASTT_DECIMAL] = "DECIMAL",
        [LT_ASTT_CHAR] = "CHAR",
        [LT_ASTT_VARCHAR] = "VARCHAR",
        [LT_ASTT_STRING] = "STRING",
        [LT_ASTT_BINARY] = "BINARY",
        [LT_ASTT_VARBINARY] = "VARBINARY",
        [LT_ASTT_BYTES] = "BYTES",
        [LT_ASTT_DATE] = "DATE",
        [LT_ASTT_TIME] = "TIME",
        [LT_ASTT_TIMESTAMP] = "TIMESTAMP",
        [LT_ASTT_TIMESTAMP_LTZ] = "TIMESTAMP_LTZ",
        [LT_ASTT_TIMESTAMP_TZ] = "TIMESTAMP",
        [LT_ASTT_INTERVAL] = "INTERVAL ",
        [LT_ASTT_ARRAY] = "ARRAY",
        [LT_ASTT_MULTISET] = "MULTISET",
        [LT_ASTT_MAP] = "MAP",
        [LT_ASTT_ROW] = "ROW",
        [LT_ASTT_STRUCTURED] = "STRUCTURED",
        [LT_ASTT_RAW] = "RAW",
        [LT_ASTT_VARIANT] = "VARIANT",
        [LT_ASTT_NULL] = "NULL",
        [LT_ASTT_ANY] = "ANY",
        [LT_ASTT_USER] = "",
    };
    LT_ASSERT((size_t)kind < LT_COUNT_OF(words));
    return words[kind];
}

static void fields(lt_printer *pr, const lt_ast_type *type, bool comma)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        const lt_ast_field *field = &type->fields[i];
        if (i > 0 || comma) {
            lt_print_kw(pr, ", ");
        }
        lt_print_name(pr, &field->name);
        lt_text_putc(pr->to, ' ');
        lt_print_type(pr, field->type);
        if (field->comment.text.ptr) {
            lt_text_putc(pr->to, ' ');
            lt_print_string(pr, field->comment.text);
        }
    }
}

static void composite(lt_printer *pr, const lt_ast_type *type)
{
    if (type->kind == LT_ASTT_RAW) {
        lt_text_putc(pr->to, '(');
        lt_print_string(pr, type->class_name.text);
        lt_print_kw(pr, ", ");
        lt_print_string(pr, type->snapshot.text);
        lt_text_putc(pr->to, ')');
        return;
    }
    bool parens = type->kind == LT_ASTT_ROW && type->postfix;
    if (type->kind == LT_ASTT_ROW && type->field_count == 0) {
        lt_print_kw(pr, parens ? "()" : "<>");
        return;
    }
    lt_print_kw(pr, parens ? "(" : "< ");
    if (type->kind == LT_ASTT_STRUCTURED) {
        lt_print_string(pr, type->class_name.text);
    }
    if (type->children[0]) {
        lt_print_type(pr, type->children[0]);
    }
    if (type->children[1]) {
        lt_print_kw(pr, ", ");
        lt_print_type(pr, type->children[1]);
    }
    fields(pr, type, type->kind == LT_ASTT_STRUCTURED);
    lt_print_kw(pr, parens ? ")" : " >");
}

static void type_body(lt_printer *pr, const lt_ast_type *type)
{
    bool collection = type->kind == LT_ASTT_ARRAY || type->kind == LT_ASTT_MULTISET;
    if (collection && type->postfix) {
        lt_print_type(pr, type->children[0]);
        lt_text_printf(pr->to, " %s", type_word(type->kind));
        return;
    }
    if (type->kind == LT_ASTT_USER) {
        lt_print_path(pr, &type->path);
        return;
    }
    bool with_zone = type->kind == LT_ASTT_TIMESTAMP_LTZ && type->postfix;
    lt_print_kw(pr, with_zone ? "TIMESTAMP" : type_word(type->kind));
    if (type->precision >= 0 && type->scale >= 0) {
        lt_text_printf(pr->to, "(%d, %d)", (int)type->precision, (int)type->scale);
    } else if (type->precision >= 0) {
        lt_text_printf(pr->to, "(%d)", (int)type->precision);
    }
    if (type->kind == LT_ASTT_INTERVAL) {
        lt_print_interval(pr, &type->interval);
    } else if (with_zone) {
        lt_print_kw(pr, " WITH LOCAL TIME ZONE");
    } else if (type->kind == LT_ASTT_TIMESTAMP_TZ) {
        lt_print_kw(pr, " WITH TIME ZONE");
    } else if (collection || type->kind == LT_ASTT_MAP || type->kind == LT_ASTT_ROW ||
               type->kind == LT_ASTT_STRUCTURED || type->kind == LT_ASTT_RAW) {
        composite(pr, type);
    }
}

void lt_print_type(lt_printer *pr, const lt_ast_type *type)
{
    type_body(pr, type);
    if (type->not_null) {
        lt_print_kw(pr, " NOT NULL");
    }
}

/* ---- literals ----------------------------------------------------------------------------------
 */

static void prefixed(lt_printer *pr, const char *prefix, lt_str text)
{
    lt_print_kw(pr, prefix);
    lt_print_string(pr, text);
}

static void literal(lt_printer *pr, const lt_ast_lit *lit)
{
    switch (lit->kind) {
    case LT_LIT_NULL:
        lt_print_kw(pr, "NULL");
        return;
    case LT_LIT_UNKNOWN:
        lt_print_kw(pr, "UNKNOWN");
        return;
    case LT_LIT_BOOL:
        lt_print_kw(pr, lit->value ? "TRUE" : "FALSE");
        return;
    case LT_LIT_INTEGER:
    case LT_LIT_DECIMAL:
    case LT_LIT_DOUBLE:
        lt_text_append(pr->to, lit->text.ptr, lit->text.len);
        return;
    case LT_LIT_STRING:
        if (lit->charset.ptr) {
            lt_text_putc(pr->to, '_');
            lt_text_append(pr->to, lit->charset.ptr, lit->charset.len);
        }
        lt_print_string(pr, lit->text);
        return;
    case LT_LIT_BINARY:
        lt_print_kw(pr, "X'");
        for (size_t i = 0; i < lit->text.len; i++) {
            lt_text_printf(pr->to, "%02X", (unsigned)(unsigned char)lit->text.ptr[i]);
        }
        lt_text_putc(pr->to, '\'');
        return;
    case LT_LIT_DATE:
        prefixed(pr, "DATE ", lit->text);
        return;
    case LT_LIT_TIME:
        prefixed(pr, "TIME ", lit->text);
        return;
    case LT_LIT_TIMESTAMP:
        prefixed(pr, "TIMESTAMP ", lit->text);
        return;
    case LT_LIT_INTERVAL:
        prefixed(pr, lit->negative ? "INTERVAL -" : "INTERVAL ", lit->text);
        lt_text_putc(pr->to, ' ');
        lt_print_interval(pr, &lit->interval);
        return;
    }
}

/* ---- operators ---------------------------------------------------------------------------------
 */

static const char *op_text(lt_ast_op op)
{
    static const char *const texts[] = {
        [LT_OP_NOT] = "NOT ",
        [LT_OP_NEG] = "- ",
        [LT_OP_POS] = "+ ",
        [LT_OP_ADD] = "+",
        [LT_OP_SUB] = "-",
        [LT_OP_MUL] = "*",
        [LT_OP_DIV] = "/",
        [LT_OP_MOD] = "%",
        [LT_OP_CONCAT] = "||",
        [LT_OP_EQ] = "=",
        [LT_OP_NE] = "<>",
        [LT_OP_LT] = "<",
        [LT_OP_LE] = "<=",
        [LT_OP_GT] = ">",
        [LT_OP_GE] = ">=",
        [LT_OP_IS_DISTINCT] = "IS DISTINCT FROM",
        [LT_OP_IS_NOT_DISTINCT] = "IS NOT DISTINCT FROM",
        [LT_OP_AND] = "AND",
        [LT_OP_OR] = "OR",
        [LT_OP_OVERLAPS] = "OVERLAPS",
        [LT_OP_CONTAINS] = "CONTAINS",
        [LT_OP_PERIOD_EQUALS] = "EQUALS",
        [LT_OP_PRECEDES] = "PRECEDES",
        [LT_OP_SUCCEEDS] = "SUCCEEDS",
        [LT_OP_IMMEDIATELY_PRECEDES] = "IMMEDIATELY PRECEDES",
        [LT_OP_IMMEDIATELY_SUCCEEDS] = "IMMEDIATELY SUCCEEDS",
        [LT_OP_MEMBER_OF] = "MEMBER OF",
        [LT_OP_NOT_MEMBER_OF] = "NOT MEMBER OF",
        [LT_OP_SUBMULTISET_OF] = "SUBMULTISET OF",
        [LT_OP_NOT_SUBMULTISET_OF] = "NOT SUBMULTISET OF",
        [LT_OP_MULTISET_UNION] = "MULTISET UNION DISTINCT",
        [LT_OP_MULTISET_UNION_ALL] = "MULTISET UNION ALL",
        [LT_OP_MULTISET_INTERSECT] = "MULTISET INTERSECT DISTINCT",
        [LT_OP_MULTISET_INTERSECT_ALL] = "MULTISET INTERSECT ALL",
        [LT_OP_MULTISET_EXCEPT] = "MULTISET EXCEPT DISTINCT",
        [LT_OP_MULTISET_EXCEPT_ALL] = "MULTISET EXCEPT ALL",
    };
    LT_ASSERT((size_t)op < LT_COUNT_OF(texts));
    return texts[op];
}

static bool is_number(const lt_ast_expr *expr)
{
    return expr->kind == LT_EXPR_LITERAL &&
           (expr->lit.kind == LT_LIT_INTEGER || expr->lit.kind == LT_LIT_DECIMAL ||
            expr->lit.kind == LT_LIT_DOUBLE);
}

/* -1: the one operator that prints without parentheses. */
static bool is_negative_number(const lt_ast_expr *expr)
{
    return expr->kind == LT_EXPR_UNARY && expr->unary.op == LT_OP_NEG &&
           is_number(expr->unary.operand);
}

static void unary(lt_printer *pr, const lt_ast_expr *expr)
{
    if (is_negative_number(expr)) {
        lt_text_putc(pr->to, '-');
        lt_print_expr(pr, expr->unary.operand);
        return;
    }
    lt_text_putc(pr->to, '(');
    lt_print_kw(pr, op_text(expr->unary.op));
    lt_print_expr(pr, expr->unary.operand);
    lt_text_putc(pr->to, ')');
}

static bool is_period_op(lt_ast_op op)
{
    return op >= LT_OP_OVERLAPS && op <= LT_OP_IMMEDIATELY_SUCCEEDS;
}

/* Rows beside OVERLAPS and its kin are periods. */
static void period_side(lt_printer *pr, lt_ast_op op, const lt_ast_expr *expr)
{
    if (!is_period_op(op) || expr->kind != LT_EXPR_ROW || expr->list.count != 2) {
        lt_print_expr(pr, expr);
        return;
    }
    lt_print_kw(pr, "PERIOD (");
    lt_print_exprs(pr, &expr->list);
    lt_text_putc(pr->to, ')');
}

static void binary(lt_printer *pr, const lt_ast_expr *expr)
{
    lt_text_putc(pr->to, '(');
    period_side(pr, expr->binary.op, expr->binary.left);
    lt_text_printf(pr->to, " %s ", op_text(expr->binary.op));
    period_side(pr, expr->binary.op, expr->binary.right);
    lt_text_putc(pr->to, ')');
}

#define NESTED_MAX 16

/* Short lists as nested pairs, ((a AND b) AND c), as Flink prints them; long ones flat. */
static void logical(lt_printer *pr, const lt_ast_expr *expr)
{
    const lt_ast_exprs *operands = &expr->logical.operands;
    uint32_t extra = operands->count - 2;
    bool nested = operands->count <= NESTED_MAX && pr->cosmetic + extra <= LT_SQL_PRETTY_MAX;
    uint32_t close = nested ? extra : 0;
    lt_text_putc(pr->to, '(');
    for (uint32_t i = 0; i < close; i++) {
        lt_text_putc(pr->to, '(');
    }
    pr->cosmetic += close;
    for (uint32_t i = 0; i < operands->count; i++) {
        if (i > 0) {
            lt_text_printf(pr->to, " %s ", op_text(expr->logical.op));
        }
        lt_print_expr(pr, operands->items[i]);
        if (i > 0 && nested && i + 1 < operands->count) {
            pr->cosmetic--;
            lt_text_putc(pr->to, ')');
        }
    }
    lt_text_putc(pr->to, ')');
}

static void is_test(lt_printer *pr, const lt_ast_expr *expr)
{
    static const char *const tests[] = {
        [LT_IS_NULL] = "NULL",
        [LT_IS_TRUE] = "TRUE",
        [LT_IS_FALSE] = "FALSE",
        [LT_IS_UNKNOWN] = "UNKNOWN",
        [LT_IS_JSON_VALUE] = "JSON VALUE",
        [LT_IS_JSON_OBJECT] = "JSON OBJECT",
        [LT_IS_JSON_ARRAY] = "JSON ARRAY",
        [LT_IS_JSON_SCALAR] = "JSON SCALAR",
        [LT_IS_A_SET] = "A SET",
        [LT_IS_EMPTY] = "EMPTY",
    };
    lt_text_putc(pr->to, '(');
    lt_print_expr(pr, expr->is.operand);
    lt_text_printf(pr->to, " IS %s%s)", expr->is.negated ? "NOT " : "", tests[expr->is.test]);
}

static void between(lt_printer *pr, const lt_ast_expr *expr)
{
    lt_text_putc(pr->to, '(');
    lt_print_expr(pr, expr->between.operand);
    lt_text_printf(pr->to, "%s BETWEEN %s ", expr->between.negated ? " NOT" : "",
                   expr->between.symmetric ? "SYMMETRIC" : "ASYMMETRIC");
    lt_print_expr(pr, expr->between.low);
    lt_print_kw(pr, " AND ");
    lt_print_expr(pr, expr->between.high);
    lt_text_putc(pr->to, ')');
}

static void like(lt_printer *pr, const lt_ast_expr *expr)
{
    static const char *const words[] = {[LT_LIKE] = "LIKE",
                                        [LT_ILIKE] = "ILIKE",
                                        [LT_RLIKE] = "RLIKE",
                                        [LT_SIMILAR] = "SIMILAR TO"};
    lt_text_putc(pr->to, '(');
    lt_print_expr(pr, expr->like.operand);
    lt_text_printf(pr->to, "%s %s ", expr->like.negated ? " NOT" : "", words[expr->like.how]);
    lt_print_expr(pr, expr->like.pattern);
    if (expr->like.escape) {
        lt_print_kw(pr, " ESCAPE ");
        lt_print_expr(pr, expr->like.escape);
    }
    lt_text_putc(pr->to, ')');
}

static void list_or_query(lt_printer *pr, const lt_ast_exprs *list, const lt_ast_query *query)
{
    lt_text_putc(pr->to, '(');
    if (query) {
        lt_print_query(pr, query);
    } else {
        lt_print_exprs(pr, list);
    }
    lt_text_putc(pr->to, ')');
}

static void in(lt_printer *pr, const lt_ast_expr *expr)
{
    lt_text_putc(pr->to, '(');
    lt_print_expr(pr, expr->in.operand);
    lt_print_kw(pr, expr->in.negated ? " NOT IN " : " IN ");
    list_or_query(pr, &expr->in.list, expr->in.query);
    lt_text_putc(pr->to, ')');
}

static void quantified(lt_printer *pr, const lt_ast_expr *expr)
{
    lt_text_putc(pr->to, '(');
    lt_print_expr(pr, expr->quantified.operand);
    lt_text_printf(pr->to, " %s %s ", op_text(expr->quantified.op),
                   expr->quantified.all ? "ALL" : "SOME");
    list_or_query(pr, &expr->quantified.list, expr->quantified.query);
    lt_text_putc(pr->to, ')');
}

/* ---- the other forms ---------------------------------------------------------------------------
 */

static void subquery(lt_printer *pr, const char *word, const lt_ast_query *query)
{
    lt_print_kw(pr, word);
    lt_text_putc(pr->to, '(');
    lt_print_query(pr, query);
    lt_text_putc(pr->to, ')');
}

static void query_test(lt_printer *pr, const lt_ast_expr *expr)
{
    bool opened = lt_print_open(pr);
    subquery(pr, expr->kind == LT_EXPR_EXISTS ? "EXISTS " : "UNIQUE ", expr->query);
    lt_print_close(pr, opened);
}

static void case_expr(lt_printer *pr, const lt_ast_expr *expr)
{
    bool opened = lt_print_open(pr);
    lt_print_kw(pr, "CASE");
    if (expr->kase.operand) {
        lt_text_putc(pr->to, ' ');
        lt_print_expr(pr, expr->kase.operand);
    }
    bool listed = false;
    for (uint32_t i = 0; i < expr->kase.whens.count; i++) {
        lt_print_kw(pr, listed ? ", " : " WHEN ");
        lt_print_expr(pr, expr->kase.whens.items[i]);
        listed = expr->kase.thens.items[i] == NULL;
        if (!listed) {
            lt_print_kw(pr, " THEN ");
            lt_print_expr(pr, expr->kase.thens.items[i]);
        }
    }
    if (expr->kase.otherwise) {
        lt_print_kw(pr, " ELSE ");
        lt_print_expr(pr, expr->kase.otherwise);
    }
    lt_print_kw(pr, " END");
    lt_print_close(pr, opened);
}

static void cast(lt_printer *pr, const lt_ast_expr *expr)
{
    bool opened = expr->cast.try_cast && lt_print_open(pr);
    lt_print_kw(pr, expr->cast.try_cast ? "TRY_CAST(" : "CAST(");
    lt_print_expr(pr, expr->cast.operand);
    lt_print_kw(pr, " AS ");
    lt_print_type(pr, expr->cast.type);
    lt_text_putc(pr->to, ')');
    lt_print_close(pr, opened);
}

/* Operands of [..] and .name: a sign in front would bind looser than the access. */
static void accessed(lt_printer *pr, const lt_ast_expr *operand)
{
    bool parens = is_negative_number(operand);
    lt_print_kw(pr, parens ? "(" : "");
    lt_print_expr(pr, operand);
    lt_print_kw(pr, parens ? ")" : "");
}

static void field(lt_printer *pr, const lt_ast_expr *expr)
{
    const lt_ast_expr *operand = expr->field.operand;
    bool name = operand->kind == LT_EXPR_IDENT || is_number(operand);
    if (name) { /* (a).b, because a.b is one path */
        lt_text_putc(pr->to, '(');
        lt_print_expr(pr, operand);
        lt_print_kw(pr, ").");
        lt_print_name(pr, &expr->field.name);
        return;
    }
    bool opened = lt_print_open(pr);
    accessed(pr, operand);
    lt_text_putc(pr->to, '.');
    lt_print_name(pr, &expr->field.name);
    lt_print_close(pr, opened);
}

static void item(lt_printer *pr, const lt_ast_expr *expr)
{
    accessed(pr, expr->item.operand);
    lt_text_putc(pr->to, '[');
    lt_print_expr(pr, expr->item.index);
    lt_text_putc(pr->to, ']');
}

static void constructor(lt_printer *pr, const char *open, const char *close,
                        const lt_ast_expr *expr)
{
    bool opened = lt_print_open(pr);
    lt_print_kw(pr, open);
    lt_print_exprs(pr, &expr->list);
    lt_print_kw(pr, close);
    lt_print_close(pr, opened);
}

static void collection(lt_printer *pr, const lt_ast_expr *expr)
{
    subquery(pr,
             expr->collection.what == LT_EXPR_ARRAY      ? "ARRAY"
             : expr->collection.what == LT_EXPR_MAP      ? "MAP"
             : expr->collection.what == LT_EXPR_MULTISET ? "MULTISET"
                                                         : "CURSOR",
             expr->collection.query);
}

static void interval(lt_printer *pr, const lt_ast_expr *expr)
{
    const lt_ast_expr *value = expr->interval.value;
    bool parens = value->kind != LT_EXPR_IDENT && !is_number(value);
    lt_print_kw(pr, parens ? "INTERVAL (" : "INTERVAL ");
    lt_print_expr(pr, value);
    lt_print_kw(pr, parens ? ") " : " ");
    lt_print_interval(pr, &expr->interval.interval);
}

static void datetime_minus(lt_printer *pr, const lt_ast_expr *expr)
{
    bool opened = lt_print_open(pr);
    lt_text_putc(pr->to, '(');
    lt_print_expr(pr, expr->minus.left);
    lt_print_kw(pr, " - ");
    lt_print_expr(pr, expr->minus.right);
    lt_print_kw(pr, ") ");
    lt_print_interval(pr, &expr->minus.interval);
    lt_print_close(pr, opened);
}

static void table_arg(lt_printer *pr, const lt_ast_expr *expr)
{
    const lt_ast_exprs *keys = &expr->table_arg.partition_by;
    bool plain = expr->table_arg.query->kind == LT_QUERY_TABLE && pr->cosmetic >= LT_SQL_PRETTY_MAX;
    lt_print_kw(pr, plain ? "" : "(");
    lt_print_query(pr, expr->table_arg.query);
    lt_print_kw(pr, plain ? "" : ")");
    if (keys->count > 0) {
        bool parens = keys->count > 1 || keys->items[0]->kind != LT_EXPR_IDENT;
        lt_print_kw(pr, parens ? " PARTITION BY (" : " PARTITION BY ");
        lt_print_exprs(pr, keys);
        lt_print_kw(pr, parens ? ")" : "");
    }
    const lt_ast_orders *orders = &expr->table_arg.order_by;
    if (orders->count > 0) {
        bool parens = orders->count > 1 || orders->items[0].nulls != LT_NULLS_NONE ||
                      orders->items[0].expr->kind != LT_EXPR_IDENT;
        lt_print_kw(pr, parens ? " ORDER BY (" : " ORDER BY ");
        lt_print_orders(pr, orders);
        lt_print_kw(pr, parens ? ")" : "");
    }
}

static void star(lt_printer *pr, const lt_ast_path *path)
{
    lt_print_path(pr, path);
    lt_print_kw(pr, path->count > 0 ? ".*" : "*");
}

void lt_print_exprs(lt_printer *pr, const lt_ast_exprs *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (i > 0) {
            lt_print_kw(pr, ", ");
        }
        lt_print_expr(pr, list->items[i]);
    }
}

void lt_print_expr(lt_printer *pr, const lt_ast_expr *expr)
{
    switch (expr->kind) {
    case LT_EXPR_LITERAL:
        literal(pr, &expr->lit);
        return;
    case LT_EXPR_IDENT:
        lt_print_path(pr, &expr->path);
        return;
    case LT_EXPR_STAR:
        star(pr, &expr->path);
        return;
    case LT_EXPR_CALL:
        lt_print_call(pr, expr->call);
        return;
    case LT_EXPR_UNARY:
        unary(pr, expr);
        return;
    case LT_EXPR_BINARY:
        binary(pr, expr);
        return;
    case LT_EXPR_LOGICAL:
        logical(pr, expr);
        return;
    case LT_EXPR_IS:
        is_test(pr, expr);
        return;
    case LT_EXPR_BETWEEN:
        between(pr, expr);
        return;
    case LT_EXPR_LIKE:
        like(pr, expr);
        return;
    case LT_EXPR_IN:
        in(pr, expr);
        return;
    case LT_EXPR_QUANTIFIED:
        quantified(pr, expr);
        return;
    case LT_EXPR_EXISTS:
    case LT_EXPR_UNIQUE:
        query_test(pr, expr);
        return;
    case LT_EXPR_SUBQUERY:
        subquery(pr, "", expr->query);
        return;
    case LT_EXPR_CASE:
        case_expr(pr, expr);
        return;
    case LT_EXPR_CAST:
        cast(pr, expr);
        return;
    case LT_EXPR_FIELD:
        field(pr, expr);
        return;
    case LT_EXPR_ITEM:
        item(pr, expr);
        return;
    case LT_EXPR_ROW:
        constructor(pr, "ROW(", ")", expr);
        return;
    case LT_EXPR_ARRAY:
        constructor(pr, "ARRAY[", "]", expr);
        return;
    case LT_EXPR_MAP:
        constructor(pr, "MAP[", "]", expr);
        return;
    case LT_EXPR_MULTISET:
        constructor(pr, "MULTISET[", "]", expr);
        return;
    case LT_EXPR_COLLECTION_QUERY:
        collection(pr, expr);
        return;
    case LT_EXPR_INTERVAL:
        interval(pr, expr);
        return;
    case LT_EXPR_DATETIME_MINUS:
        datetime_minus(pr, expr);
        return;
    case LT_EXPR_UNIT:
        lt_print_kw(pr, lt_print_unit(expr->unit));
        return;
    case LT_EXPR_SYMBOL:
        lt_text_append(pr->to, expr->symbol.ptr, expr->symbol.len);
        return;
    case LT_EXPR_TABLE_ARG:
        table_arg(pr, expr);
        return;
    case LT_EXPR_MODEL_ARG:
        lt_print_kw(pr, "MODEL ");
        lt_print_path(pr, &expr->path);
        return;
    case LT_EXPR_DESCRIPTOR:
        lt_print_kw(pr, "DESCRIPTOR");
        lt_print_names(pr, &expr->names);
        return;
    case LT_EXPR_DEFAULT:
        lt_print_kw(pr, "DEFAULT");
        return;
    }
}

/* ---- public ------------------------------------------------------------------------------------
 */

void lt_sql_print_expression(const lt_ast_expr *expr, unsigned flags, lt_text *to)
{
    lt_printer pr = {.to = to, .flags = flags};
    lt_print_expr(&pr, expr);
}

void lt_sql_print_query(const lt_ast_query *query, unsigned flags, lt_text *to)
{
    lt_printer pr = {.to = to, .flags = flags};
    lt_print_query(&pr, query);
}

void lt_sql_print_type(const lt_ast_type *type, unsigned flags, lt_text *to)
{
    lt_printer pr = {.to = to, .flags = flags};
    lt_print_type(&pr, type);
}

void lt_sql_print_statement(const lt_ast_stmt *stmt, unsigned flags, lt_text *to)
{
    lt_printer pr = {.to = to, .flags = flags};
    lt_print_stmt(&pr, stmt);
}

void lt_sql_print_name(lt_str name, lt_text *to)
{
    quoted(to, name, '`', false);
}
