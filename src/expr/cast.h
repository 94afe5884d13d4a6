/* Casts. A cast is a call of CAST or TRY_CAST whose kernel is picked for the pair of types; nested
 * types cast their children by the kernels of the element types. */
#pragma once

#include "expr/expr.h"
#include "expr/registry.h"

/* Converts without asking whether that may happen implicitly. The same expression when nothing
 * changes. */
lt_status lt_expr_convert(lt_expr_builder *b, lt_expr *arg, const lt_type *to, lt_expr **out,
                          lt_error *err);
