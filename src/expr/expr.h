/* Typed expression trees, made by the binder through the functions below, which resolve overloads,
 * insert coercions, type the result as Flink does and fold constants. A tree is immutable, lives in
 * its arena, and is compiled into a program (program.h) to run. */
#pragma once

#include "base/arena.h"
#include "base/status.h"
#include "data/type.h"
#include "data/value.h"
#include "os/env.h"

/* What expressions depend on beside their input. Outlives every tree and program made with it. */
typedef struct lt_session {
    lt_mem *mem;
    lt_env *env;
    lt_str time_zone;           /* IANA name, `UTC` by default */
    const struct lt_zone *zone; /* the same, loaded; see timezone.h */
} lt_session;

typedef enum { LT_NODE_COLUMN, LT_NODE_LITERAL, LT_NODE_CALL } lt_expr_kind;

typedef struct lt_expr lt_expr;
struct lt_func; /* registry.h */

struct lt_expr {
    lt_expr_kind kind;
    uint32_t pos; /* byte offset in the statement, for errors */
    const lt_type *type;
    union {
        uint32_t column; /* index into the input schema */
        lt_value literal;
        struct {
            const struct lt_func *func;
            lt_expr **args; /* coerced to what the kernel takes */
            uint32_t arg_count;
            const void *bound; /* what infer() prepared for the kernel; owned by the arena */
        } call;
    } u;
};

/* The user's function, written in SQL, that an expression is part of. */
typedef struct {
    const char *name; /* for messages */
    uint64_t hash;    /* of its text */
} lt_origin;

/* Where trees are built. */
typedef struct {
    lt_arena *arena;
    const lt_session *session;
    bool fold;               /* evaluate calls on literals now; errors then are plan-time errors */
    const lt_origin *origin; /* of what is built; NULL: the statement itself */
} lt_expr_builder;

lt_status lt_expr_column(lt_expr_builder *b, uint32_t index, const lt_type *type, uint32_t pos,
                         lt_expr **out, lt_error *err);
lt_status lt_expr_literal(lt_expr_builder *b, const lt_value *value, uint32_t pos, lt_expr **out,
                          lt_error *err);

/* A call by canonical name. Operators and special forms are functions too:
 *
 *   "+" "-" "*" "/" "%" "||"        "-" with one argument is negation
 *   "=" "<>" "<" "<=" ">" ">="      "IS DISTINCT FROM" "IS NOT DISTINCT FROM"
 *   "AND" "OR" "NOT"                AND and OR take two or more
 *   "IS NULL" "IS NOT NULL"         also TRUE, FALSE, UNKNOWN instead of NULL
 *   "BETWEEN" "NOT BETWEEN"         (x, low, high), also with " SYMMETRIC" behind
 *   "LIKE" "SIMILAR TO"             (s, pattern[, escape]), also with "NOT " before
 *   "IN" "NOT IN"                   (x, item ..)
 *   "CASE"                          (condition, value, .., else)
 *   "ITEM" "FIELD"                  (array or map, key); (row, literal INT index)
 *   "ARRAY" "MAP" "ROW"             constructors
 *   "EXTRACT" "FLOOR" "CEIL" "TIMESTAMPADD" "TIMESTAMPDIFF"
 *                                   their unit is a SYMBOL literal in upper case
 *   "TRIM"                          (SYMBOL BOTH, LEADING or TRAILING, chars, s)
 *   "IS JSON" "IS JSON ARRAY" ..
 *
 * Everything else goes by its SQL name, in any case; casts only through lt_expr_cast. Unknown
 * names: LT_ERR_SQL with a did-you-mean hint. Names known to Flink but not to this build:
 * LT_ERR_UNSUPPORTED. */
lt_status lt_expr_call(lt_expr_builder *b, lt_str name, lt_expr *const *args, uint32_t arg_count,
                       uint32_t pos, lt_expr **out, lt_error *err);

/* CAST (try_cast false) or TRY_CAST. Refuses impossible pairs. The result's nullability follows
 * Flink. */
lt_status lt_expr_cast(lt_expr_builder *b, lt_expr *arg, const lt_type *type, bool try_cast,
                       uint32_t pos, lt_expr **out, lt_error *err);
/* Implicit cast for INSERT columns and set operations; the same expression when the type fits
 * already; LT_ERR_SQL when not implicitly castable. */
lt_status lt_expr_coerce(lt_expr_builder *b, lt_expr *arg, const lt_type *type, lt_expr **out,
                         lt_error *err);

/* What a sink does with text and bytes that have not the length of their column. */
typedef struct {
    bool fails;       /* the row fails; else the value is cut or padded */
    bool rows;        /* also inside ROWs */
    bool collections; /* also inside ARRAY, MAP, MULTISET */
} lt_length_rule;
/* The same expression when `type`, to which it was coerced, prescribes no length. */
lt_status lt_expr_enforce_length(lt_expr_builder *b, lt_expr *arg, const lt_type *type,
                                 const lt_length_rule *rule, lt_expr **out, lt_error *err);

bool lt_type_can_cast(const lt_type *from, const lt_type *to);   /* explicit */
bool lt_type_can_coerce(const lt_type *from, const lt_type *to); /* implicit, flink-sql 4.2 */
/* The common type of 4.3; NULL types among them make it nullable. LT_ERR_SQL when there is none. */
lt_status lt_type_common(lt_arena *arena, const lt_type *const *types, uint32_t count,
                         const lt_type **out, lt_error *err);
/* The same for operators, CASE, IF, ARRAY and MAP, where the first of FLOAT and DOUBLE wins: FLOAT
 * + DOUBLE is FLOAT, DOUBLE + FLOAT is DOUBLE (Calcite gives both the same precision). */
lt_status lt_type_common_first(lt_arena *arena, const lt_type *const *types, uint32_t count,
                               const lt_type **out, lt_error *err);

/* How many nodes a walk over the tree meets, but not more than max + 1: shared ones count each
 * time.
 */
uint32_t lt_expr_size(const lt_expr *expr, uint32_t max);
/* Calls fn for each user's function that the tree calls or was made of, as name and a number that
 * changes with what it does. */
void lt_expr_functions(const lt_expr *expr, void (*fn)(void *arg, const char *name, uint64_t hash),
                       void *arg);
bool lt_expr_is_const(const lt_expr *expr);          /* a literal after folding */
bool lt_expr_is_deterministic(const lt_expr *expr);  /* no RAND, NOW, UUID .. inside */
bool lt_expr_eq(const lt_expr *a, const lt_expr *b); /* structural, ignoring positions */
/* SQL-like, for EXPLAIN. */
void lt_expr_print(const lt_expr *expr, const lt_schema *input, lt_text *to);
/* Calls fn for every column reference; used by projection push-down. */
void lt_expr_columns(const lt_expr *expr, void (*fn)(void *arg, uint32_t index), void *arg);
/* A copy with column i replaced by map[i] (columns) or by exprs[i] (inlining a projection); exactly
 * one of the two is given. */
lt_status lt_expr_remap(lt_expr_builder *b, const lt_expr *expr, const uint32_t *map,
                        lt_expr *const *exprs, lt_expr **out, lt_error *err);
/* A copy in which fn says what stands for each column. The replacement must have the column's type,
 * nullability included: calls above it are not typed again. */
typedef lt_status (*lt_expr_column_fn)(void *arg, const lt_expr *column, lt_expr **out,
                                       lt_error *err);
lt_status lt_expr_substitute(lt_expr_builder *b, const lt_expr *expr, lt_expr_column_fn fn,
                             void *arg, lt_expr **out, lt_error *err);

/* Does a scalar (resp. aggregate) function of that name exist? */
bool lt_func_exists_scalar(lt_str name);
bool lt_func_exists_aggregate(lt_str name);
/* Name of an aggregate function, "" for one that this build lacks; NULL past the end. */
const char *lt_func_aggregate_at(uint32_t index);
/* Of an aggregate function by its name in any case; NULL when this build has none. */
const char *lt_func_aggregate_signature(lt_str name, const char **doc);
