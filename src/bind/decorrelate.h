/* Sub-queries that use columns of the query around them, made into joins.
 *
 * While a sub-query is bound, a column of the query d levels around it is a column reference with
 * index d * LT_OUTER_COLUMN + i. Decorrelation takes such references out of the sub-query's tree:
 * it pulls the conditions that contain them up to the top, where they become the condition of the
 * join between the two queries. Aggregates on the way get the inner sides of the equalities as
 * further keys. (Pulling up as in Seshadri et al., "Complex Query Decorrelation", ICDE 1996; what
 * cannot be pulled up is refused.) */
#pragma once

#include "bind/bind_int.h"

#define LT_OUTER_COLUMN (UINT32_C(1) << 20)

/* A query without outer references in its tree. Expressions are over rel's columns and outer ones.
 */
typedef struct {
    lt_rel *rel;
    lt_expr **cols; /* the query's columns */
    uint32_t count;
    lt_expr *condition; /* which rows belong to a row of the query around; NULL = all */
    /* A global aggregate: every outer row has exactly one row of it. Where the join finds none,
     * empty[i] is what column i of rel stands for (COUNT is 0, others are NULL). */
    bool global;
    lt_expr **empty;
} lt_flat_query;

typedef enum {
    LT_SUBQUERY_TEST,   /* IN, EXISTS: it does not matter how often a row occurs */
    LT_SUBQUERY_SCALAR, /* one value */
    LT_SUBQUERY_ROWS    /* LATERAL: all its rows */
} lt_subquery_use;

lt_status lt_decorrelate(lt_binder *b, lt_rel *query, lt_subquery_use use, lt_flat_query *out,
                         lt_error *err);

/* The condition as equalities of inner and outer expressions. */
typedef struct {
    lt_expr **inner, **outer;
    bool *null_safe; /* IS NOT DISTINCT FROM */
    uint32_t count;
    bool all; /* there is nothing else in the condition */
} lt_key_pairs;
lt_status lt_flat_pairs(lt_binder *b, const lt_flat_query *query, lt_key_pairs *out, lt_error *err);

bool lt_expr_is_outer(const lt_expr *expr); /* contains an outer reference */
/* The same expression seen from inside a sub-query. */
lt_status lt_outer_wrap(lt_binder *b, const lt_expr *expr, lt_expr **out, lt_error *err);
/* An expression over rel's and outer columns as one over the columns of a join whose left input is
 * the query around and whose right input, rel, begins at column `left_count`. */
lt_status lt_outer_join_expr(lt_binder *b, const lt_expr *expr, uint32_t left_count, lt_expr **out,
                             lt_error *err);
