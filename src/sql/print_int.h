/* What the files of the printer share. */
#pragma once

#include "base/assert.h"
#include "sql/parse_int.h"

typedef struct {
    lt_text *to;
    unsigned flags;
    uint32_t cosmetic; /* parentheses open now that only look nice */
} lt_printer;

/* ( .. ) that the grammar does not need: written while few are open, see parse_int.h. */
bool lt_print_open(lt_printer *pr);
void lt_print_close(lt_printer *pr, bool opened);

void lt_print_kw(lt_printer *pr, const char *text);
void lt_print_name(lt_printer *pr, const lt_ast_name *name);
void lt_print_path(lt_printer *pr, const lt_ast_path *path);
void lt_print_names(lt_printer *pr, const lt_ast_names *names); /* ( a, b ) */
void lt_print_string(lt_printer *pr, lt_str text);
void lt_print_hints(lt_printer *pr,
                    const lt_ast_hints *hints); /* with a blank in front; nothing when none */
void lt_print_type(lt_printer *pr, const lt_ast_type *type);
void lt_print_interval(lt_printer *pr, const lt_ast_interval *interval);
const char *lt_print_unit(lt_ast_unit unit);
void lt_print_expr(lt_printer *pr, const lt_ast_expr *expr);
void lt_print_exprs(lt_printer *pr, const lt_ast_exprs *list); /* a, b */
void lt_print_orders(lt_printer *pr, const lt_ast_orders *orders);
void lt_print_window(lt_printer *pr, const lt_ast_window *window);
void lt_print_call(lt_printer *pr, const lt_ast_call *call);
void lt_print_query(lt_printer *pr, const lt_ast_query *query);
void lt_print_from(lt_printer *pr, const lt_ast_from *from);
void lt_print_match(lt_printer *pr, const lt_ast_match *match);
void lt_print_stmt(lt_printer *pr, const lt_ast_stmt *stmt);
