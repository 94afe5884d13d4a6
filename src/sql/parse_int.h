/* What the files of the parser share; nothing outside src/sql includes this.
 *
 * Recursive descent over the token array. The parser carries the arena and the caller's lt_error,
 * so its functions take no `err`. Two counters bound the work: depth  of our own recursion, so that
 * the C stack is safe: every cycle of calls goes through a lt_parse_enter with a depth; level  of
 * the tree being built, whatever the parentheses. `reach` is the deepest level of what was parsed
 *          last; chains that grow to the left (a + b + c) raise it without recursion.
 * What parses must parse again after printing. The printer's text recurses at most once for each
 * level, plus what its cosmetic parentheses add, which it stops writing below LT_SQL_PRETTY_MAX of
 * them. */
#pragma once

#include "base/assert.h"
#include "sql/lex.h"
#include "sql/parse.h"

#define LT_SQL_PRETTY_MAX 64
#define LT_SQL_DEPTH_MAX  (LT_SQL_LEVELS_MAX + LT_SQL_PRETTY_MAX + 24)
/* A query recurses once more for the expressions of its clauses. */
#define LT_SQL_DEPTH_QUERY (LT_SQL_LEVELS_QUERY - 1)

typedef struct {
    lt_ast_expr *expr;
    uint32_t reach;
} lt_operand;

typedef struct {
    uint8_t what;       /* what to build, see parse_expr.c */
    uint8_t op;         /* lt_ast_op, or lt_ast_like_kind */
    uint8_t precedence; /* binds tighter than those with less */
    bool negated;
    bool symmetric;
    uint32_t pos;
} lt_operator;

typedef struct {
    lt_arena *arena;
    lt_str text;
    lt_lexed lexed;
    uint32_t at; /* index of the next token */
    lt_error *err;
    uint32_t depth;
    uint32_t level;
    uint32_t reach;
    uint32_t nodes;
    /* Stacks shared by nested expressions, each working above its own base. */
    lt_operand *operands;
    uint32_t operand_count;
    uint32_t operand_cap;
    lt_operator *operators;
    uint32_t operator_count;
    uint32_t operator_cap;
} lt_parser;

/* ---- tokens ------------------------------------------------------------------------------------
 */

static inline const lt_token *lt_tok(const lt_parser *p, uint32_t ahead)
{
    uint32_t last = p->lexed.count - 1;
    return &p->lexed.items[p->at + ahead < last ? p->at + ahead : last];
}

static inline bool lt_at(const lt_parser *p, lt_token_kind kind)
{
    return lt_tok(p, 0)->kind == kind;
}

static inline bool lt_at_kw2(const lt_parser *p, uint32_t ahead, lt_keyword keyword)
{
    const lt_token *token = lt_tok(p, ahead);
    return token->kind == LT_TOK_WORD && token->keyword == keyword;
}

static inline bool lt_at_kw(const lt_parser *p, lt_keyword keyword)
{
    return lt_at_kw2(p, 0, keyword);
}

static inline void lt_skip(lt_parser *p)
{
    if (p->at + 1 < p->lexed.count) {
        p->at++;
    }
}

static inline bool lt_take(lt_parser *p, lt_token_kind kind)
{
    bool here = lt_at(p, kind);
    if (here) {
        lt_skip(p);
    }
    return here;
}

static inline bool lt_take_kw(lt_parser *p, lt_keyword keyword)
{
    bool here = lt_at_kw(p, keyword);
    if (here) {
        lt_skip(p);
    }
    return here;
}

/* Both words, or nothing. */
bool lt_take_kw2(lt_parser *p, lt_keyword first, lt_keyword second);
/* A word that is no keyword (of a later Flink, of the client); upper case. */
bool lt_at_word(const lt_parser *p, uint32_t ahead, const char *word);
/* An identifier without or with quotes can start here. */
bool lt_at_name(const lt_parser *p, uint32_t ahead);
lt_str lt_tok_text(const lt_parser *p, const lt_token *token);

/* ---- errors ------------------------------------------------------------------------------------
 */

/* expected `what` but found the next token; explains reserved words and bad text. */
LT_NODISCARD lt_status lt_parse_expected(lt_parser *p, const char *what);
LT_NODISCARD lt_status lt_parse_error(lt_parser *p, uint32_t pos, const char *fmt, ...)
    LT_PRINTF(3, 4);
LT_NODISCARD lt_status lt_parse_unsupported(lt_parser *p, uint32_t pos, const char *fmt, ...)
    LT_PRINTF(3, 4);
LT_NODISCARD lt_status lt_parse_nomem(lt_parser *p);
LT_NODISCARD lt_status lt_expect(lt_parser *p, lt_token_kind kind, const char *what);
LT_NODISCARD lt_status lt_expect_kw(lt_parser *p, lt_keyword keyword);

/* ---- memory and limits -------------------------------------------------------------------------
 */

/* A zeroed node, counted; NULL with the error set. */
void *lt_parse_alloc(lt_parser *p, size_t size, size_t align);
#define LT_NODE(p, T) ((T *)lt_parse_alloc((p), sizeof(T), _Alignof(T)))

/* Room for one more item in a list that only grows through this; the new items, NULL with the error
 * set. */
void *lt_list_room(lt_parser *p, void *items, uint32_t count, size_t size);
#define LT_PUSH(p, list_items, list_count, item)                                           \
    do {                                                                                   \
        void *room_ = lt_list_room((p), (list_items), (list_count), sizeof *(list_items)); \
        if (!room_) {                                                                      \
            return (p)->err->code;                                                         \
        }                                                                                  \
        (list_items) = room_;                                                              \
        (list_items)[(list_count)++] = (item);                                             \
    } while (0)

/* What is parsed until lt_parse_leave lies `depth` calls and `levels` of the tree further down. */
LT_NODISCARD lt_status lt_parse_enter(lt_parser *p, uint32_t depth, uint32_t levels);
void lt_parse_leave(lt_parser *p, uint32_t depth, uint32_t levels);
/* Checks a level reached without recursion and notes it in p->reach. */
LT_NODISCARD lt_status lt_parse_reach(lt_parser *p, uint32_t level);

/* ---- names and small things (parse.c) ----------------------------------------------------------
 */

LT_NODISCARD lt_status lt_parse_name(lt_parser *p, lt_ast_name *out);
LT_NODISCARD lt_status lt_parse_path(lt_parser *p, lt_ast_path *out);
LT_NODISCARD lt_status lt_parse_name_list(lt_parser *p, lt_ast_names *out); /* ( a, b ) */
/* 'file' as the name of a table. */
LT_NODISCARD lt_status lt_parse_file_path(lt_parser *p, lt_ast_path *out);
LT_NODISCARD lt_status lt_parse_path_list(lt_parser *p, lt_ast_paths *out); /* ( a.b, c ) */
LT_NODISCARD lt_status lt_parse_string(lt_parser *p, lt_ast_string *out);   /* '..' only */
LT_NODISCARD lt_status lt_parse_options(lt_parser *p, lt_ast_options *out); /* ( 'k' = 'v', .. ) */
LT_NODISCARD lt_status lt_parse_option_keys(lt_parser *p, lt_ast_options *out); /* ( 'k', .. ) */
LT_NODISCARD lt_status lt_parse_hints(lt_parser *p, lt_ast_hints *out); /* nothing when none */
LT_NODISCARD lt_status lt_parse_int(lt_parser *p, const char *what, int32_t *out);
bool lt_at_string(const lt_parser *p, uint32_t ahead);

/* ---- types (parse_type.c) ----------------------------------------------------------------------
 */

/* nullable_suffix: [NOT] NULL may follow (columns and fields, not CAST). */
LT_NODISCARD lt_status lt_parse_type(lt_parser *p, bool nullable_suffix, lt_ast_type **out);

/* ---- expressions (parse_expr.c, parse_primary.c, parse_call.c) ---------------------------------
 */

LT_NODISCARD lt_status lt_parse_expr(lt_parser *p, lt_ast_expr **out);
LT_NODISCARD lt_status lt_parse_exprs(lt_parser *p, lt_ast_exprs *out); /* a, b, c: at least one */
LT_NODISCARD lt_status lt_parse_primary(lt_parser *p, lt_ast_expr **out);
LT_NODISCARD lt_status lt_parse_orders(lt_parser *p, lt_ast_orders *out);  /* behind ORDER BY */
LT_NODISCARD lt_status lt_parse_window(lt_parser *p, lt_ast_window **out); /* ( .. ) */
/* A call of `name`, the parenthesis is next. */
LT_NODISCARD lt_status lt_parse_call(lt_parser *p, lt_ast_path name, lt_ast_expr **out);
/* Calls with a syntax of their own (CAST, TRIM, ..); *out NULL when the next word is none of them.
 */
LT_NODISCARD lt_status lt_parse_special(lt_parser *p, lt_ast_expr **out);
LT_NODISCARD lt_status lt_parse_json(lt_parser *p, lt_ast_expr **out); /* likewise, JSON_.. */
/* FILTER, WITHIN GROUP, IGNORE NULLS, OVER behind a call. */
LT_NODISCARD lt_status lt_parse_call_suffix(lt_parser *p, lt_ast_call *call);
LT_NODISCARD lt_status lt_parse_call_new(lt_parser *p, const lt_token *name, lt_ast_expr **out);
LT_NODISCARD lt_status lt_call_arg(lt_parser *p, lt_ast_call *call, lt_ast_expr *arg);
LT_NODISCARD lt_status lt_parse_interval(lt_parser *p, lt_ast_interval *out); /* the qualifier */
bool lt_at_interval(const lt_parser *p);
LT_NODISCARD lt_status lt_parse_unit(lt_parser *p, lt_ast_expr **out);
LT_NODISCARD lt_status lt_parse_interval_literal(lt_parser *p, lt_ast_expr **out);
LT_NODISCARD lt_status lt_parse_literal_string(lt_parser *p, lt_ast_expr **out);
LT_NODISCARD lt_status lt_parse_number(lt_parser *p, lt_ast_expr **out);
LT_NODISCARD lt_status lt_expr_new(lt_parser *p, lt_ast_expr_kind kind, uint32_t pos,
                                   lt_ast_expr **out);

/* ---- queries (parse_query.c, parse_from.c) -----------------------------------------------------
 */

bool lt_at_query(const lt_parser *p); /* SELECT, VALUES, WITH, TABLE t */
LT_NODISCARD lt_status lt_parse_query(lt_parser *p, lt_ast_query **out);
/* Set operations and ORDER BY, LIMIT behind a query in parentheses. */
LT_NODISCARD lt_status lt_parse_query_rest(lt_parser *p, lt_ast_query *first, lt_ast_query **out);
bool lt_at_query_rest(const lt_parser *p);
LT_NODISCARD lt_status lt_parse_from(lt_parser *p, lt_ast_from **out);
LT_NODISCARD lt_status lt_parse_match(lt_parser *p, lt_ast_from *input, lt_ast_from **out);
LT_NODISCARD lt_status lt_parse_table_ref(lt_parser *p, lt_ast_from **out);

/* ---- statements (parse_stmt.c, parse_ddl.c, parse_alter.c, parse_show.c) -----------------------
 */

LT_NODISCARD lt_status lt_parse_stmt(lt_parser *p, lt_ast_stmt **out);
LT_NODISCARD lt_status lt_parse_create(lt_parser *p,
                                       lt_ast_stmt *stmt); /* CREATE or REPLACE is next */
LT_NODISCARD lt_status lt_parse_alter(lt_parser *p, lt_ast_stmt *stmt);
LT_NODISCARD lt_status lt_parse_drop(lt_parser *p, lt_ast_stmt *stmt);
LT_NODISCARD lt_status lt_parse_show(lt_parser *p, lt_ast_stmt *stmt);
LT_NODISCARD lt_status lt_parse_describe(lt_parser *p, lt_ast_stmt *stmt);
LT_NODISCARD lt_status lt_parse_partition(lt_parser *p, bool bare,
                                          lt_ast_partition *out); /* ( .. ) */
LT_NODISCARD lt_status lt_parse_distribution(lt_parser *p, lt_ast_distribution *out);
LT_NODISCARD lt_status lt_parse_element(lt_parser *p, bool alter, lt_ast_schema *schema);
LT_NODISCARD lt_status lt_check_schema(lt_parser *p, const lt_ast_schema *schema, bool alter);
LT_NODISCARD lt_status lt_parse_freshness(lt_parser *p, lt_ast_expr **out);
LT_NODISCARD lt_status lt_parse_refresh_mode(lt_parser *p, lt_ast_refresh *out);
LT_NODISCARD lt_status lt_parse_if_exists(lt_parser *p, bool *out);
LT_NODISCARD lt_status lt_parse_if_not_exists(lt_parser *p, bool *out);
LT_NODISCARD lt_status lt_parse_function_body(lt_parser *p, bool jars, lt_ast_function *function);
