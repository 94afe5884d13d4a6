/* Private to the rules about joins: a bound join taken apart, before it is known what it becomes.
 *
 * rules_join.c splits the conditions into conjuncts, notes the pairs of keys among them, and puts
 * each of the others where it costs least. */
#pragma once

#include "plan/logical.h"

typedef enum {
    LT_SIDE_NONE = 0,
    LT_SIDE_LEFT = 1,
    LT_SIDE_RIGHT = 2,
    LT_SIDE_BOTH = 3
} lt_join_sides;

/* left = right. */
typedef struct {
    lt_expr *left, *right; /* over the side's own columns, of one form */
    const lt_type *type;   /* nullable: of both sides' encoded keys */
    bool null_safe;        /* IS NOT DISTINCT FROM */
} lt_join_key;

typedef struct {
    lt_planner *p;
    lt_rel *join;
    lt_join_type type;   /* the WHERE around it may have made it a stricter one */
    uint32_t left_count; /* columns of the left input */
    uint32_t total;      /* of both */
    lt_expr **conjuncts; /* of the join's condition (of an inner one, of the WHERE too), over the
                            left columns, then the right ones */
    uint32_t conjunct_count, conjunct_cap;
    /* where the conjuncts of a regular join went */
    lt_expr *pushed[2]; /* decided by one side alone, over its own columns; NULL = none */
    lt_join_key *keys;
    uint32_t key_count, key_cap;
    lt_expr *residual;   /* over both sides' columns; NULL = none */
    lt_expr *above;      /* what stays a filter around the join, over its output; NULL = none */
    bool lookup;         /* temporal, in processing time */
    uint32_t right_time; /* temporal: the right column with the versions' times */
} lt_join_parts;

/* join_parts.c */

LT_INLINE bool lt_join_is_exists(lt_join_type type)
{
    return type == LT_JOIN_TYPE_SEMI || type == LT_JOIN_TYPE_ANTI;
}
bool lt_expr_is_call(const lt_expr *expr, const char *name);

typedef struct {
    uint32_t left_count;
    int sides; /* lt_join_sides */
    uint32_t uses;
    uint32_t column; /* the last one seen */
} lt_join_columns;
/* Which columns an expression over both sides uses. */
lt_join_columns lt_join_scan(const lt_join_parts *j, const lt_expr *expr);

/* Takes the join and the WHERE around it (over its output; NULL = none) apart. */
lt_status lt_join_take_apart(lt_join_parts *j, lt_planner *p, lt_rel *join, lt_expr *where,
                             lt_error *err);
/* Can the condition not be TRUE when all columns of these sides are NULL? */
bool lt_join_rejects_nulls(const lt_join_parts *j, const lt_expr *condition, lt_join_sides sides);

/* rules_join_temporal.c: is the right side of a temporal join a versioned table that is joined by
 * its key? Sets j->right_time, else it is refused. */
lt_status lt_join_check_temporal(lt_join_parts *j, lt_error *err);
