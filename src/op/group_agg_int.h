/* Inside of the group aggregate: group_agg.c is the operator, group_chunk.c computes the changes of
 * one batch. */
#pragma once

#include "op/agg_set.h"
#include "op/specs.h"

/* A state record: this, then the accumulators. */
typedef struct {
    int64_t rows;  /* rows added minus rows taken away; 0 = as good as absent */
    uint32_t slot; /* while a batch is worked on: 1 + the key's number in it; 0 in every snapshot */
    uint32_t unused;
} group_head;

/* Rows to be emitted: keys from the input row, aggregates from the result. */
typedef struct {
    uint32_t *rows;
    uint32_t *results;
    uint8_t *kinds;
    uint32_t count;
    uint32_t at; /* next to go out */
} group_items;

typedef struct {
    uint32_t at; /* before this item */
    int64_t watermark;
} group_mark;

typedef struct {
    lt_op op;
    lt_aggset set;
    const lt_type **key_types;
    lt_rowcodec *key_codec;
    bool counts_rows; /* a COUNT(*) is among the aggregates: no row leaves the result as it was */
    lt_table *groups;
    lt_table **distinct;
    lt_outbox box;
    lt_arena *chunk; /* lives from the batch's first row to its last item */
    /* Cursor: only set while a callback has not finished. */
    lt_batch *pending;
    lt_col *results; /* one per aggregate */
    uint32_t result_count;
    group_items items;
    group_mark *marks;
    uint32_t mark_count;
    uint32_t mark_at;
    lt_status refused;
    lt_error refused_why;
} group_agg_op;

typedef struct {
    lt_batch *in;
    uint32_t *rows; /* physical */
    uint32_t count;
    uint32_t marks_end;
    lt_col *cols; /* evaluated arguments */
} group_input;

/* Applies the rows to the state and lists what is to be emitted. */
lt_status lt_group_chunk(group_agg_op *self, const group_input *input, lt_error *err);
