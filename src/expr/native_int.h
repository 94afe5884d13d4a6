/* What the two files of functions of libraries share. */
#pragma once

#include "expr/kernel.h"
#include "expr/native.h"
#include "leat/udf.h"

#define LT_NATIVE_ARGS_MAX 64

struct lt_native {
    leat_udf udf; /* a copy, as long as this engine knows it */
    const char *name;
    const char *signature;
    const char **texts;    /* types: of the arguments, then of the result */
    const lt_type **types; /* the same */
    lt_func func;          /* the registry's view of it */
    lt_agg_class cls;      /* of an aggregate */
};

/* A column as functions see it. Its strings are views of ptr and len, made here in `scratch`;
 * everything else is the column's own array. false = out of memory. */
bool lt_native_column(leat_udf_column *to, const lt_col *col, uint32_t mask,
                      const leat_udf_rows *rows, lt_arena *scratch);
/* An array for `capacity` results; for strings, one of views. NULL = out of memory. */
void *lt_native_results(lt_col *out, uint32_t capacity, lt_arena *scratch);
/* Takes the results at these rows over, and checks them. Calls bad() for each that breaks its
 * type's rules. */
typedef struct {
    const lt_native *native;
    const leat_udf_rows *rows;
    lt_col *out;
    const void *results; /* what lt_native_results gave */
    void (*bad)(void *arg, uint32_t row, const char *why);
    void *arg;
} lt_native_take;
void lt_native_take_results(const lt_native_take *take);

/* Refuses a call with other arguments than the function's; else casts them. */
lt_status lt_native_cast_args(lt_expr_builder *b, const lt_native *native, lt_expr **args,
                              uint32_t count, uint32_t pos, lt_error *err);
lt_status lt_native_bind_class(lt_native *native, lt_error *err);
