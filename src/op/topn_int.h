/* Private to the Top-N: topn.c (input, output) and topn_state.c (what a row changes). */
#pragma once

#include "op/changes.h"
#include "op/ranked.h"
#include "op/specs.h"

/* A kept row. Its bytes in the ordered map: order key, sequence (8, big endian), encoded row. */
typedef struct {
    uint32_t order_len;
    uint32_t unused;
} topn_node;

/* Where order says nothing, the rows that equal each other: their sequences (8 each, big endian),
 * oldest first. */
typedef struct {
    lt_cell seqs;
} topn_places;

/* A partition's rank_max, where it is said by its first row. */
typedef struct {
    int64_t rank_max;
} topn_limit;

typedef struct {
    lt_op op;
    lt_ranked ranked;
    lt_order_codec order;
    lt_ordered *top;  /* partition -> its best rows, at most rank_max */
    lt_ordered *rest; /* RETRACT: the others */
    lt_table *limits; /* variable: partition -> topn_limit */
    lt_table *places; /* RETRACT without an order: row -> topn_places */
    bool shifts;      /* ranks matter: every row that moves is told of */
    int64_t next_seq; /* saved */
    lt_changes changes;
    /* the batch at hand, in changes.batch_arena */
    lt_batch *in;
    lt_rows partitions; /* of all rows of the batch */
    lt_order_keys orders;
    lt_ordered_map **maps; /* top; void in another callback */
    topn_limit **limit_of;
    bool probed;
    uint32_t *index; /* row to be worked on -> index in the above */
    lt_rows rows;    /* of the rows to be worked on */
    lt_str
        replaced; /* UPDATE: order key and sequence of what the next row replaces; len 0 = none */
} topn_op;

/* A row at work. */
typedef struct {
    uint32_t at; /* in partitions, orders, maps */
    lt_ordered_map *map;
    int64_t rank_max;
    lt_str order;
    lt_str row;
    uint64_t hash; /* of row */
} topn_row;

lt_status lt_topn_insert(topn_op *self, const topn_row *row, lt_error *err);
lt_status lt_topn_retract(topn_op *self, const topn_row *row, lt_error *err);
/* LT_TOPN_UPDATE: -U notes which row is to be replaced, +U and +I replace or insert. */
lt_status lt_topn_before(topn_op *self, const topn_row *row, lt_error *err);
lt_status lt_topn_update(topn_op *self, const topn_row *row, lt_error *err);
LT_INLINE lt_str lt_topn_row_of(lt_ordered *ordered, const void *value)
{
    const topn_node *node = value;
    lt_str bytes = lt_ordered_bytes(ordered, value);
    LT_ASSERT(bytes.len >= (size_t)node->order_len + 8);
    return (lt_str){bytes.ptr + node->order_len + 8, bytes.len - node->order_len - 8};
}
LT_INLINE lt_str lt_topn_order_of(lt_ordered *ordered, const void *value)
{
    return (lt_str){lt_ordered_bytes(ordered, value).ptr, ((const topn_node *)value)->order_len};
}
