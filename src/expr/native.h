/* Functions of dynamic libraries, called through the C interface of leat/udf.h: a descriptor that a
 * library exports becomes a function whose calls are typed, bound and run like built-in ones.
 *
 * What a library says is checked once, when the function is made; what a call gives back is checked
 * for every batch (UTF-8, ranges, NOT NULL), since all that runs later relies on it. */
#pragma once

#include "expr/aggregate.h"
#include "expr/expr.h"

typedef struct lt_native lt_native;

/* Reads the descriptor at `symbol`. name: how SQL calls the function; what: library and symbol, for
 * messages. Everything is copied into the arena, but for the code. LT_ERR_SQL: it is none, of
 * another ABI, or incomplete. Its types are texts yet: lt_native_set_type gives each its meaning.
 */
lt_status lt_native_new(lt_arena *arena, lt_str name, const void *symbol, const char *what,
                        lt_native **out, lt_error *err);
/* index: of the argument; arg_count for the result. */
const char *lt_native_type_text(const lt_native *native, uint32_t index);
/* Refuses with LT_ERR_SQL what has no form in leat/udf.h: nested types, CHAR and VARCHAR(n) .. */
lt_status lt_native_set_type(lt_native *native, uint32_t index, const lt_type *type, lt_error *err);
/* Behind the last set_type: `f(STRING, INT) -> BIGINT`, in the arena. */
lt_status lt_native_seal(lt_native *native, lt_arena *arena, lt_error *err);

uint32_t lt_native_arg_count(const lt_native *native);
bool lt_native_is_aggregate(const lt_native *native);
bool lt_native_is_deterministic(const lt_native *native);
bool lt_native_any_order(const lt_native *native); /* of an aggregate's rows */
uint32_t lt_native_version(const lt_native *native);
const lt_type *lt_native_type(const lt_native *native, uint32_t index);
const char *lt_native_signature(const lt_native *native);

/* A call: arguments are cast implicitly. The function outlives what is made. */
lt_status lt_native_call(lt_expr_builder *b, const lt_native *native, lt_expr *const *args,
                         uint32_t arg_count, uint32_t pos, lt_expr **out, lt_error *err);
/* The function that a call is of; NULL: a built-in one. */
const lt_native *lt_native_of(const lt_expr *expr);

/* As lt_agg_bind; lt_agg.native is set then. */
typedef struct {
    lt_expr *const *args;
    uint32_t arg_count;
    bool distinct;
    lt_expr *filter; /* NULL = none */
    bool retracts;
    uint32_t pos;
} lt_native_agg_call;
lt_status lt_native_agg_bind(lt_expr_builder *b, const lt_native *native,
                             const lt_native_agg_call *call, lt_agg **out, lt_error *err);
