/* The parser's ground: tokens, errors, memory, limits, names and lists, and the public entry
 * points. */
#include <stdarg.h>
#include <stdio.h>

#include "sql/parse_int.h"

/* ---- tokens ------------------------------------------------------------------------------------
 */

bool lt_take_kw2(lt_parser *p, lt_keyword first, lt_keyword second)
{
    if (!lt_at_kw(p, first) || !lt_at_kw2(p, 1, second)) {
        return false;
    }
    lt_skip(p);
    lt_skip(p);
    return true;
}

lt_str lt_tok_text(const lt_parser *p, const lt_token *token)
{
    return (lt_str){p->text.ptr + token->pos, token->len};
}

bool lt_at_word(const lt_parser *p, uint32_t ahead, const char *word)
{
    const lt_token *token = lt_tok(p, ahead);
    return token->kind == LT_TOK_WORD && lt_str_eq_ci(lt_tok_text(p, token), lt_str_of(word));
}

bool lt_at_name(const lt_parser *p, uint32_t ahead)
{
    const lt_token *token = lt_tok(p, ahead);
    return token->kind == LT_TOK_QUOTED ||
           (token->kind == LT_TOK_WORD && lt_keyword_class(token->keyword) == 'N');
}

bool lt_at_string(const lt_parser *p, uint32_t ahead)
{
    lt_token_kind kind = (lt_token_kind)lt_tok(p, ahead)->kind;
    return kind == LT_TOK_STRING || kind == LT_TOK_STRING_ESCAPED ||
           kind == LT_TOK_STRING_UNICODE || kind == LT_TOK_STRING_CHARSET;
}

/* ---- errors ------------------------------------------------------------------------------------
 */

#define SHOWN_MAX 60

lt_status lt_parse_error(lt_parser *p, uint32_t pos, const char *fmt, ...)
{
    char text[LT_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return lt_error_set_at(p->err, LT_ERR_SQL, pos, "%s", text);
}

lt_status lt_parse_unsupported(lt_parser *p, uint32_t pos, const char *fmt, ...)
{
    char text[LT_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return lt_error_set_at(p->err, LT_ERR_UNSUPPORTED, pos, "%s", text);
}

lt_status lt_parse_nomem(lt_parser *p)
{
    return lt_error_nomem(p->err, "SQL syntax tree");
}

#define TEXT_END "the end of the text"

/* Where a reserved word is most likely meant as a name. */
static bool wants_name(const char *what)
{
    static const char *const names[] = {"a name", "an expression", "a table", "a type"};
    for (size_t i = 0; i < LT_COUNT_OF(names); i++) {
        if (strcmp(what, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

lt_status lt_parse_expected(lt_parser *p, const char *what)
{
    const lt_token *token = lt_tok(p, 0);
    lt_str text = lt_tok_text(p, token);
    int shown = (int)(text.len < SHOWN_MAX ? text.len : SHOWN_MAX);
    if (token->kind == LT_TOK_BAD) {
        return lt_parse_error(p, token->pos, "%s", p->lexed.bad);
    }
    if (token->kind == LT_TOK_END) {
        return lt_parse_error(p, token->pos, "expected %s but found the end of the text", what);
    }
    if (token->kind == LT_TOK_BANG_EQ) {
        lt_status st = lt_parse_error(p, token->pos, "'!=' is not an operator of Flink SQL");
        lt_error_hint(p->err, "write <> for \"not equal\"");
        return st;
    }
    if (token->kind == LT_TOK_QUESTION) {
        return lt_parse_unsupported(p, token->pos, "parameters ('?') are not supported");
    }
    bool reserved = token->kind == LT_TOK_WORD && lt_keyword_class(token->keyword) != 'N';
    if (reserved && wants_name(what)) {
        lt_status st = lt_parse_error(
            p, token->pos, "expected %s but found the reserved word '%.*s'", what, shown, text.ptr);
        lt_error_hint(p->err,
                      "`%.*s` is a reserved word: to use it as a name, write it in back quotes",
                      shown, text.ptr);
        return st;
    }
    lt_status st =
        lt_parse_error(p, token->pos, "expected %s but found '%.*s'", what, shown, text.ptr);
    if (reserved && strcmp(what, TEXT_END) == 0) {
        lt_error_hint(
            p->err, "if '%.*s' is meant as a name, write it in back quotes: it is a reserved word",
            shown, text.ptr);
    }
    return st;
}

lt_status lt_expect(lt_parser *p, lt_token_kind kind, const char *what)
{
    return lt_take(p, kind) ? LT_OK : lt_parse_expected(p, what);
}

lt_status lt_expect_kw(lt_parser *p, lt_keyword keyword)
{
    return lt_take_kw(p, keyword) ? LT_OK : lt_parse_expected(p, lt_keyword_name(keyword).ptr);
}

/* ---- memory and limits -------------------------------------------------------------------------
 */

void *lt_parse_alloc(lt_parser *p, size_t size, size_t align)
{
    if (++p->nodes > LT_SQL_NODES_MAX) {
        (void)lt_error_set_at(p->err, LT_ERR_LIMIT, lt_tok(p, 0)->pos,
                              "the statement has more than %u parts", LT_SQL_NODES_MAX);
        return NULL;
    }
    void *node = lt_arena_zalloc(p->arena, size, align);
    if (!node) {
        (void)lt_error_nomem(p->err, "SQL syntax tree");
    }
    return node;
}

/* Lists have room for 4, 8, 16 .. items, so the count alone tells when they are full. */
#define LIST_FIRST 4u

void *lt_list_room(lt_parser *p, void *items, uint32_t count, size_t size)
{
    bool full = count == 0 || (count >= LIST_FIRST && (count & (count - 1)) == 0);
    if (++p->nodes > LT_SQL_NODES_MAX) {
        (void)lt_error_set_at(p->err, LT_ERR_LIMIT, lt_tok(p, 0)->pos,
                              "the statement has more than %u parts", LT_SQL_NODES_MAX);
        return NULL;
    }
    if (!full) {
        return items;
    }
    size_t cap = count == 0 ? LIST_FIRST : (size_t)count * 2;
    void *grown = lt_arena_zalloc(p->arena, cap * size, _Alignof(max_align_t));
    if (!grown) {
        (void)lt_error_nomem(p->err, "SQL syntax tree");
        return NULL;
    }
    if (count > 0) {
        memcpy(grown, items, count * size);
    }
    return grown;
}

lt_status lt_parse_reach(lt_parser *p, uint32_t level)
{
    if (level > LT_SQL_LEVELS_MAX) {
        return lt_error_set_at(p->err, LT_ERR_LIMIT, lt_tok(p, 0)->pos,
                               "the statement is nested deeper than %d levels", LT_SQL_LEVELS_MAX);
    }
    p->reach = LT_MAX(p->reach, level);
    return LT_OK;
}

lt_status lt_parse_enter(lt_parser *p, uint32_t depth, uint32_t levels)
{
    p->depth += depth;
    p->level += levels;
    if (p->depth > LT_SQL_DEPTH_MAX) {
        return lt_error_set_at(p->err, LT_ERR_LIMIT, lt_tok(p, 0)->pos,
                               "the statement is nested deeper than %d levels", LT_SQL_LEVELS_MAX);
    }
    return lt_parse_reach(p, p->level);
}

void lt_parse_leave(lt_parser *p, uint32_t depth, uint32_t levels)
{
    p->depth -= depth;
    p->level -= levels;
}

/* ---- names, strings, options -------------------------------------------------------------------
 */

lt_status lt_parse_name(lt_parser *p, lt_ast_name *out)
{
    const lt_token *token = lt_tok(p, 0);
    if (!lt_at_name(p, 0)) {
        return lt_parse_expected(p, "a name");
    }
    out->pos = token->pos;
    out->quoted = token->kind == LT_TOK_QUOTED;
    out->text = out->quoted ? lt_lex_quoted(p->arena, token, p->text) : lt_tok_text(p, token);
    if (!out->text.ptr) {
        return lt_parse_nomem(p);
    }
    lt_skip(p);
    return LT_OK;
}

lt_status lt_parse_path(lt_parser *p, lt_ast_path *out)
{
    *out = (lt_ast_path){0};
    do {
        lt_ast_name name = {0};
        LT_TRY(lt_parse_name(p, &name));
        LT_PUSH(p, out->items, out->count, name);
    } while (lt_take(p, LT_TOK_DOT));
    return LT_OK;
}

lt_status lt_parse_name_list(lt_parser *p, lt_ast_names *out)
{
    *out = (lt_ast_names){0};
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    do {
        lt_ast_name name = {0};
        LT_TRY(lt_parse_name(p, &name));
        LT_PUSH(p, out->items, out->count, name);
    } while (lt_take(p, LT_TOK_COMMA));
    return lt_expect(p, LT_TOK_RPAREN, "',' or ')'");
}

lt_status lt_parse_path_list(lt_parser *p, lt_ast_paths *out)
{
    *out = (lt_ast_paths){0};
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    do {
        lt_ast_path path = {0};
        LT_TRY(lt_parse_path(p, &path));
        LT_PUSH(p, out->items, out->count, path);
    } while (lt_take(p, LT_TOK_COMMA));
    return lt_expect(p, LT_TOK_RPAREN, "',' or ')'");
}

lt_status lt_parse_string(lt_parser *p, lt_ast_string *out)
{
    const lt_token *token = lt_tok(p, 0);
    const char *why = NULL;
    if (token->kind != LT_TOK_STRING && token->kind != LT_TOK_STRING_ESCAPED) {
        return lt_parse_expected(p, "a string in single quotes");
    }
    out->pos = token->pos;
    if (!lt_lex_string(&out->text, p->arena, token, p->text, 0, &why)) {
        return why ? lt_parse_error(p, token->pos, "%s", why) : lt_parse_nomem(p);
    }
    lt_skip(p);
    return LT_OK;
}

lt_status lt_parse_options(lt_parser *p, lt_ast_options *out)
{
    *out = (lt_ast_options){.present = true, .pos = lt_tok(p, 0)->pos};
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    if (lt_take(p, LT_TOK_RPAREN)) {
        return LT_OK;
    }
    do {
        lt_ast_option option = {0};
        LT_TRY(lt_parse_string(p, &option.key));
        LT_TRY(lt_expect(p, LT_TOK_EQ, "'='"));
        LT_TRY(lt_parse_string(p, &option.value));
        LT_PUSH(p, out->items, out->count, option);
    } while (lt_take(p, LT_TOK_COMMA));
    return lt_expect(p, LT_TOK_RPAREN, "',' or ')'");
}

lt_status lt_parse_option_keys(lt_parser *p, lt_ast_options *out)
{
    *out = (lt_ast_options){.present = true, .pos = lt_tok(p, 0)->pos};
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    if (lt_take(p, LT_TOK_RPAREN)) {
        return LT_OK;
    }
    do {
        lt_ast_option option = {0};
        LT_TRY(lt_parse_string(p, &option.key));
        LT_PUSH(p, out->items, out->count, option);
    } while (lt_take(p, LT_TOK_COMMA));
    return lt_expect(p, LT_TOK_RPAREN, "',' or ')'");
}

/* A name, number or string of a hint. */
static lt_status hint_atom(lt_parser *p, lt_str *text, bool *is_string, bool *is_name)
{
    const lt_token *token = lt_tok(p, 0);
    *is_string = false;
    *is_name = false;
    if (token->kind == LT_TOK_STRING || token->kind == LT_TOK_STRING_ESCAPED) {
        lt_ast_string string = {0};
        LT_TRY(lt_parse_string(p, &string));
        *text = string.text;
        *is_string = true;
        return LT_OK;
    }
    if (token->kind == LT_TOK_INTEGER || token->kind == LT_TOK_DECIMAL) {
        *text = lt_tok_text(p, token);
        lt_skip(p);
        return LT_OK;
    }
    lt_ast_name name = {0};
    LT_TRY(lt_parse_name(p, &name));
    *text = name.text;
    *is_name = true;
    return LT_OK;
}

static lt_status hint_arg(lt_parser *p, lt_ast_hint_arg *arg)
{
    *arg = (lt_ast_hint_arg){.pos = lt_tok(p, 0)->pos};
    LT_TRY(hint_atom(p, &arg->value, &arg->value_is_string, &arg->value_is_name));
    if (lt_take(p, LT_TOK_EQ)) {
        arg->key = arg->value;
        arg->key_is_string = arg->value_is_string;
        if (!lt_at_string(p, 0)) {
            return lt_parse_expected(p, "a string in single quotes");
        }
        return hint_atom(p, &arg->value, &arg->value_is_string, &arg->value_is_name);
    }
    return LT_OK;
}

lt_status lt_parse_hints(lt_parser *p, lt_ast_hints *out)
{
    *out = (lt_ast_hints){0};
    if (!lt_take(p, LT_TOK_HINT_BEGIN)) {
        return LT_OK;
    }
    do {
        lt_ast_hint hint = {0};
        LT_TRY(lt_parse_name(p, &hint.name));
        if (lt_take(p, LT_TOK_LPAREN) && !lt_take(p, LT_TOK_RPAREN)) {
            do {
                lt_ast_hint_arg arg;
                LT_TRY(hint_arg(p, &arg));
                LT_PUSH(p, hint.args, hint.arg_count, arg);
            } while (lt_take(p, LT_TOK_COMMA));
            LT_TRY(lt_expect(p, LT_TOK_RPAREN, "',' or ')'"));
        }
        LT_PUSH(p, out->items, out->count, hint);
    } while (lt_take(p, LT_TOK_COMMA));
    return lt_expect(p, LT_TOK_HINT_END, "',' or the end of the hint, '*/'");
}

lt_status lt_parse_int(lt_parser *p, const char *what, int32_t *out)
{
    const lt_token *token = lt_tok(p, 0);
    int64_t value = 0;
    if (token->kind != LT_TOK_INTEGER) {
        return lt_parse_expected(p, what);
    }
    if (!lt_str_to_i64(lt_tok_text(p, token), &value) || value > INT32_MAX) {
        return lt_parse_error(p, token->pos, "this number is too large: %s goes up to 2147483647",
                              what);
    }
    *out = (int32_t)value;
    lt_skip(p);
    return LT_OK;
}

/* ---- entry points ------------------------------------------------------------------------------
 */

static lt_status start(lt_parser *p, lt_arena *arena, lt_str text, lt_error *err)
{
    *p = (lt_parser){.arena = arena, .text = text, .err = err};
    return lt_lex(&p->lexed, arena, text, err);
}

static lt_status finish(lt_parser *p)
{
    LT_ASSERT(p->depth == 0 && p->level == 0);
    LT_ASSERT(p->operand_count == 0 && p->operator_count == 0);
    return lt_at(p, LT_TOK_END) ? LT_OK : lt_parse_expected(p, TEXT_END);
}

lt_status lt_sql_parse_statement(lt_ast_stmt **out, lt_arena *arena, lt_str text, lt_error *err)
{
    lt_parser p;
    lt_error own;
    *out = NULL;
    LT_TRY(start(&p, arena, text, err ? err : &own));
    lt_ast_stmt *stmt = NULL;
    LT_TRY(lt_parse_stmt(&p, &stmt));
    (void)lt_take(&p, LT_TOK_SEMICOLON);
    LT_TRY(finish(&p));
    *out = stmt;
    return LT_OK;
}

lt_status lt_sql_parse_expression(lt_ast_expr **out, lt_arena *arena, lt_str text, lt_error *err)
{
    lt_parser p;
    lt_error own;
    *out = NULL;
    LT_TRY(start(&p, arena, text, err ? err : &own));
    lt_ast_expr *expr = NULL;
    LT_TRY(lt_parse_expr(&p, &expr));
    LT_TRY(finish(&p));
    *out = expr;
    return LT_OK;
}

lt_status lt_sql_parse_query(lt_ast_query **out, lt_arena *arena, lt_str text, lt_error *err)
{
    lt_parser p;
    lt_error own;
    *out = NULL;
    LT_TRY(start(&p, arena, text, err ? err : &own));
    lt_ast_query *query = NULL;
    LT_TRY(lt_parse_query(&p, &query));
    LT_TRY(finish(&p));
    *out = query;
    return LT_OK;
}

lt_status lt_sql_parse_type(lt_ast_type **out, lt_arena *arena, lt_str text, lt_error *err)
{
    lt_parser p;
    lt_error own;
    *out = NULL;
    LT_TRY(start(&p, arena, text, err ? err : &own));
    lt_ast_type *type = NULL;
    LT_TRY(lt_parse_type(&p, true, &type));
    LT_TRY(finish(&p));
    *out = type;
    return LT_OK;
}
