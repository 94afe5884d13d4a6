/* The function registry: one row per SQL function, from which name resolution, typing,
 * documentation and the catalog's function list follow.
 *
 * A row's infer() types one call as Flink does: it looks at the arguments, inserts coercions
 * (lt_in_cast), sets the result type and picks the kernel (kernel.h) that is specialised for these
 * argument types. It may instead rewrite the call into another expression (`replace`). Nothing
 * about types is decided again while rows flow. */
#pragma once

#include "expr/expr.h"

typedef struct lt_kctx lt_kctx; /* kernel.h */
typedef lt_status (*lt_kernel)(lt_kctx *k, lt_error *err);

typedef enum {
    LT_CAT_COMPARISON,
    LT_CAT_LOGIC,
    LT_CAT_ARITHMETIC,
    LT_CAT_STRING,
    LT_CAT_TEMPORAL,
    LT_CAT_CONDITIONAL,
    LT_CAT_CONVERSION,
    LT_CAT_COLLECTION,
    LT_CAT_JSON,
    LT_CAT_HASH,
    LT_CAT_AUXILIARY,
    LT_CAT_COUNT
} lt_func_category;

enum {
    LT_FUNC_NULLS = 1, /* sees NULL arguments and sets validity itself; else any NULL gives NULL */
    LT_FUNC_LAZY =
        2, /* evaluates its arguments after the first itself, for the rows that need them */
    LT_FUNC_NONDET = 4,  /* never folded; not deterministic */
    LT_FUNC_PER_ROW = 8, /* another value in every row, even without arguments */
    LT_FUNC_DENSE = 16, /* cheap and harmless: the kernel runs over all physical rows, whatever dead
                           ones hold */
    LT_FUNC_KEEP = 64,  /* not folded, though deterministic */
    LT_FUNC_ALIAS = 32, /* the kernel sets *out itself and may share the arguments' memory */
};

#define LT_ARGS_ANY 65535

typedef struct lt_infer lt_infer;
typedef struct lt_func lt_func;

struct lt_func {
    const char *name; /* upper case; what lt_expr_call takes */
    uint16_t min_args;
    uint16_t max_args; /* LT_ARGS_ANY: no maximum */
    lt_func_category category;
    uint32_t flags;
    lt_status (*infer)(lt_infer *in, lt_error *err); /* NULL: Flink has it, this build does not */
    int op;                                          /* tells rows that share one infer() apart */
    const char *signature;
    const char *doc;
};

/* One call being typed. */
struct lt_infer {
    lt_expr_builder *b;
    const lt_func *func;
    uint32_t pos;
    lt_expr **args; /* the call's own copy */
    uint32_t count;
    /* results */
    const lt_type *type;
    lt_kernel kernel;
    const void *data; /* for the kernel; in the builder's arena or static */
    uint32_t flags;   /* starts as the row's */
    lt_expr *replace; /* when set: the call becomes this */
};

/* What lt_expr.u.call.bound points to. */
typedef struct {
    lt_kernel kernel;
    const void *data;
    uint32_t flags;
    const lt_origin *origin; /* see lt_expr_builder */
} lt_bound_call;

LT_INLINE const lt_bound_call *lt_expr_bound(const lt_expr *expr)
{
    return (const lt_bound_call *)expr->u.call.bound;
}

uint32_t lt_func_count(void);
const lt_func *lt_func_at(uint32_t index);
const lt_func *lt_func_find(lt_str name); /* case-insensitive; NULL when unknown */

/* ---- helpers for infer() ---- */

/* Casts argument `arg` implicitly to `type`, keeping the argument's nullability. */
lt_status lt_in_cast(lt_infer *in, uint32_t arg, const lt_type *type, lt_error *err);
lt_status lt_in_cast_kind(lt_infer *in, uint32_t arg, lt_type_kind kind, lt_error *err);
/* Demands a family; bare NULL becomes a typed NULL of it. Numbers other than integers are refused
 * by _int, CHAR becomes STRING by _string. */
lt_status lt_in_string(lt_infer *in, uint32_t arg, lt_error *err);
lt_status lt_in_int(lt_infer *in, uint32_t arg, lt_error *err);
lt_status lt_in_double(lt_infer *in, uint32_t arg, lt_error *err);
lt_status lt_in_bool(lt_infer *in, uint32_t arg, lt_error *err);
bool lt_in_nullable(const lt_infer *in); /* is any argument nullable? */
/* "Cannot apply NAME to (INT, STRING)" with the signature as hint. */
lt_status lt_in_refuse(const lt_infer *in, lt_error *err);
/* Result type of a plain kind, nullable if any argument is (or if always_null). */
const lt_type *lt_in_type(const lt_infer *in, lt_type_kind kind, bool always_null);
const lt_type *lt_in_string_type(const lt_infer *in, bool always_null); /* STRING */
/* A literal argument's value; NULL when the argument is no (non-NULL) literal. */
const lt_value *lt_in_literal(const lt_infer *in, uint32_t arg);

/* ---- building inside the layer ---- */
const lt_type *lt_type_string(lt_arena *arena, bool nullable);
const lt_type *lt_type_bytes(lt_arena *arena, bool nullable);
lt_status lt_expr_null(lt_expr_builder *b, const lt_type *type, uint32_t pos, lt_expr **out,
                       lt_error *err);
lt_status lt_expr_bool(lt_expr_builder *b, bool value, uint32_t pos, lt_expr **out, lt_error *err);
/* A finished call: allocates the node and folds it if it may be. */
lt_status lt_expr_finish(lt_infer *in, lt_expr **out, lt_error *err);
bool lt_expr_is_null_literal(const lt_expr *expr);
/* Is it a call of JSON_OBJECT or JSON_ARRAY, whose text stays JSON inside other JSON? */
bool lt_expr_is_json(const lt_expr *expr);
LT_INLINE bool lt_kind_is(const lt_expr *expr, lt_type_kind kind)
{
    return expr->type->kind == kind;
}
