/* Inside of the OVER operators. over.c: which rows are due, and what leaves their frames;
 * over_chunk.c: aggregates over the rows of a chunk; over_sorted.c: in the order of a column that
 * is not a time. */
#pragma once

#include "op/agg_set.h"
#include "op/ranked.h"
#include "op/specs.h"

/* The head of a partition's record; accumulators follow. */
typedef struct {
    int64_t fired_ms; /* event time, bounded frames: of the last row sent; 0 at first */
    int64_t clean_ms; /* RANGE, bounded: when the partition may be forgotten */
    int64_t rows;     /* in the frame, where it is bounded */
} over_head;

/* One step of a partition: rows that leave the frame, then rows that enter it, all of whose results
 * are what is there afterwards. Positions in over_chunk.rows. */
typedef struct {
    uint8_t *record;
    uint32_t first; /* of the leaving rows, then of the entering ones */
    uint32_t leaving;
    uint32_t entering;
    uint32_t wave; /* how many steps of the record come before it */
} over_step;

/* Rows that are worked on together. Lies in its own arena until its output is gone. */
typedef struct {
    lt_arena *arena;
    const uint8_t **rows; /* encoded */
    uint32_t *lens;
    uint32_t row_count, row_cap;
    over_step *steps;
    uint32_t step_count, step_cap;
    /* the output: parallel arrays */
    lt_col *cols;      /* of the rows */
    lt_col *results;   /* one per call */
    uint32_t *out_row; /* row of cols */
    uint32_t *out_at;  /* row of results */
    uint32_t out_count, out_at_next;
} over_chunk;

typedef struct {
    lt_op op;
    lt_ranked ranked;
    lt_aggset set;
    const lt_type **prefix_types;
    lt_table *keys;
    lt_table **distinct;
    lt_ordered *waiting; /* rows that are not due; NULL where every row is at once */
    lt_ordered *frame;   /* rows of bounded frames; NULL without */
    lt_timers *due;
    lt_timers *clean;
    lt_outbox box;
    over_chunk chunk;
    bool firing; /* cursor: more may be due */
    int64_t fire_until;
} over_op;

LT_INLINE over_head *over_head_of(uint8_t *record)
{
    return (over_head *)(void *)record;
}

/* Empties it. */
void lt_over_chunk_clear(over_chunk *chunk);
/* Lists a row, copied. */
lt_status lt_over_chunk_row(over_chunk *chunk, lt_str row, lt_error *err);
/* Begins a step of a record with the next row that is listed. */
lt_status lt_over_chunk_step(over_chunk *chunk, uint8_t *record, over_step **out, lt_error *err);
/* Aggregates what is listed: the output is ready then. */
lt_status lt_over_chunk_run(over_op *self, lt_error *err);
/* Writes the output. LT_FULL: call it again. */
lt_status lt_over_chunk_emit(over_op *self, lt_emit *out, lt_error *err);
