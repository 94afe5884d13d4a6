/* From text to tree: the splitter of scripts, the parser, the printer, and the picture of an error.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"
#include "sql/ast.h"

/* Most nodes of one statement; more is LT_ERR_LIMIT. */
#define LT_SQL_NODES_MAX 1000000u

/* One statement, with or without a final `;`. The tree lives in arena, strings in it may point into
 * text: both must outlive the tree. Errors: LT_ERR_SQL (syntax, with position), LT_ERR_UNSUPPORTED
 * (known syntax of a later Flink, or that Flink only parses), LT_ERR_LIMIT (nesting or size),
 * LT_ERR_NOMEM. */
LT_NODISCARD lt_status lt_sql_parse_statement(lt_ast_stmt **out, lt_arena *arena, lt_str text,
                                              lt_error *err);

/* One expression, such as a computed column or a watermark. */
LT_NODISCARD lt_status lt_sql_parse_expression(lt_ast_expr **out, lt_arena *arena, lt_str text,
                                               lt_error *err);

/* One query (SELECT, VALUES, set operation, WITH). */
LT_NODISCARD lt_status lt_sql_parse_query(lt_ast_query **out, lt_arena *arena, lt_str text,
                                          lt_error *err);

/* One type, such as `ROW<a INT, b STRING NOT NULL>`. */
LT_NODISCARD lt_status lt_sql_parse_type(lt_ast_type **out, lt_arena *arena, lt_str text,
                                         lt_error *err);

/* Walks a script. Zero-initialise, set text, call lt_sql_next until *more is false. */
typedef struct {
    lt_str text;
    size_t offset;  /* of what is not yet handed out */
    uint32_t lines; /* line breaks before offset */
} lt_sql_script;

typedef struct {
    lt_str text;     /* the statement without the final `;`, blanks and comments around it */
    uint32_t offset; /* of text in the script: add it to error positions */
    uint32_t line;   /* of text in the script, from 1 */
    bool terminated; /* a `;` followed (a shell goes on reading when not) */
} lt_sql_piece;

/* The next statement. `;` in quotes, comments and statement sets does not separate: EXECUTE
 * STATEMENT SET BEGIN .. END and BEGIN STATEMENT SET; .. END come as one piece. Empty statements
 * are skipped. Never fails: an unterminated quote or comment runs to the end and is reported by the
 * parser. */
bool lt_sql_next(lt_sql_script *script, lt_sql_piece *out);

/* True when word, in any case, cannot be an identifier without back quotes. */
bool lt_sql_is_reserved(lt_str word);

/* The printer writes Flink's normalised form: keywords in upper case, every identifier in back
 * quotes, every operation in parentheses. Its output parses to an equal tree. Running out of memory
 * sets to->failed. */
#define LT_PRINT_UPPER 1u /* upper-cases identifiers that were written without quotes */

void lt_sql_print_statement(const lt_ast_stmt *stmt, unsigned flags, lt_text *to);
void lt_sql_print_query(const lt_ast_query *query, unsigned flags, lt_text *to);
void lt_sql_print_expression(const lt_ast_expr *expr, unsigned flags, lt_text *to);
void lt_sql_print_type(const lt_ast_type *type, unsigned flags, lt_text *to);
void lt_sql_print_name(lt_str name, lt_text *to); /* in back quotes */

/* Line and column from 1, in code points, of a byte offset. */
void lt_sql_position(lt_str sql, size_t offset, uint32_t *line, uint32_t *column);

/* Several lines for people: the message, `line L, column C`, the source line with a caret below,
 * the hint. */
void lt_sql_error_render(const lt_error *err, lt_str sql, lt_text *to);
