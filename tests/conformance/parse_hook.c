/* For the conformance runner: the parser alone, as a small shared library. */
#include "leat/leat.h"
#include "sql/parse.h"

#include <stdio.h>

int leat_test_parse(const char *sql, int is_expression, char *out, size_t size);

/* 0 when accepted; out gets the normalised text (identifiers in upper case), or the error. */
LEAT_API int leat_test_parse(const char *sql, int is_expression, char *out, size_t size)
{
    lt_mem mem;
    lt_mem_init(&mem, NULL, "parse", 0);
    lt_arena *arena = lt_arena_new(&mem, (size_t)1 << 28);
    lt_error err;
    lt_error_clear(&err);
    lt_text text;
    lt_text_init(&text, &mem);
    lt_status st;
    if (is_expression) {
        lt_ast_expr *expr;
        st = lt_sql_parse_expression(&expr, arena, lt_str_of(sql), &err);
        if (st == LT_OK) {
            lt_sql_print_expression(expr, LT_PRINT_UPPER, &text);
        }
    } else {
        lt_ast_stmt *stmt;
        st = lt_sql_parse_statement(&stmt, arena, lt_str_of(sql), &err);
        if (st == LT_OK) {
            lt_sql_print_statement(stmt, LT_PRINT_UPPER, &text);
        }
    }
    snprintf(out, size, "%s", st == LT_OK ? (text.ptr != NULL ? text.ptr : "") : err.text);
    lt_text_deinit(&text);
    lt_arena_free(arena);
    return st == LT_OK ? 0 : 1;
}
