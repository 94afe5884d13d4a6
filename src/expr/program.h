/* Compiled expressions: run over the live rows of a batch, vectorised, with three-valued logic and
 * an error mask. */
#pragma once

#include "data/batch.h"
#include "expr/expr.h"

typedef struct lt_program lt_program;

/* Rows whose expressions failed (a bad CAST, a division by zero), after laziness: an error in an
 * untaken CASE branch or behind a deciding AND/OR operand does not count. */
typedef struct {
    uint64_t *rows; /* bitmap over physical rows, in the arena given to eval; NULL = none failed */
    uint32_t count; /* live rows that failed */
    uint32_t first_row; /* the first of them */
    const char *code;   /* its reason code, such as "division-by-zero" */
    char text[256];     /* its message */
} lt_row_errors;

/* Compiles count expressions over one input schema; common sub-expressions are shared. The exprs
 * outlive the program. */
lt_status lt_program_new(lt_mem *mem, const lt_session *session, lt_expr *const *exprs,
                         uint32_t count, lt_program **out, lt_error *err);
void lt_program_free(lt_program *program); /* accepts NULL */

/* Evaluates for the live rows of `in`. out[i] is a column over the physical rows whose values at
 * dead rows are unspecified; a plain column reference gives the batch's own column. New memory
 * comes from `arena`, borrowed bytes from `in`. watermark: for CURRENT_WATERMARK, before the batch.
 */
lt_status lt_program_eval(lt_program *program, const lt_batch *in, int64_t watermark,
                          lt_arena *arena, lt_col *out, lt_row_errors *errors, lt_error *err);

/* The first expression is a condition: fills sel (room for live rows) with the physical rows for
 * which it is TRUE, ascending. Failed rows are not among them. */
lt_status lt_program_filter(lt_program *program, const lt_batch *in, int64_t watermark,
                            lt_arena *arena, uint32_t *sel, uint32_t *sel_count,
                            lt_row_errors *errors, lt_error *err);

/* Evaluates a constant expression (no columns). */
lt_status lt_expr_eval_const(const lt_session *session, lt_expr *expr, lt_arena *arena,
                             lt_value *out, lt_error *err);
