/* Inside of the sliced window aggregate: window_agg.c takes rows in, window_fire.c lets windows
 * out. */
#pragma once

#include "op/agg_set.h"
#include "op/local_agg.h"
#include "op/window_math.h"

/* A state record: the number of rows it stands for (input_updates only), then the accumulators. */
typedef struct {
    int64_t rows;
} window_head;

typedef struct {
    lt_op op;
    lt_window_math math;
    lt_aggset set;
    bool counted;       /* records have a window_head */
    bool shared;        /* a window is made of several slices */
    const lt_local_agg_spec *partials; /* input rows are partial rows; NULL = they are not */
    uint32_t key_count; /* an attached session's start comes after the declared keys */
    uint32_t *keys;
    const lt_type **key_types;
    lt_rowcodec *key_codec;
    lt_slices *slices;
    lt_slices **distinct_slices; /* one per DISTINCT set */
    lt_table *merged;            /* HOP: the window being fired; empty between callbacks */
    lt_table **merged_distinct;
    lt_outbox box;
    lt_arena *chunk;
    /* When the next window closes, LT_WATERMARK_MAX = not known to be any. Derived from the slices
     * on first use. */
    int64_t next_close;
    bool next_known;
    int64_t unsent; /* a watermark that was passed but not sent on yet; LT_WATERMARK_MIN = none */
    /* Cursor: only set while a callback has not finished. */
    lt_batch *pending;
    uint32_t row_at; /* of the rows left to do, by position among the live rows */
    uint32_t mark_at;
    uint32_t rows_end;  /* live rows to do: fewer than all after a refusal that fails */
    uint32_t marks_end; /* marks to do */
    lt_status refused;  /* what to return when these are done */
    lt_error refused_why;
    bool checked; /* refusals of the pending batch are done */
    bool firing;
    int64_t fire_end;    /* window being fired, or fired last in this advance */
    lt_table *fire_from; /* its records */
    uint64_t fire_scan;
} window_agg_op;

/* Fires every window that closes at or before the watermark. LT_FULL: call again with the same
 * watermark. */
lt_status lt_window_advance(window_agg_op *self, int64_t watermark, lt_emit *out, lt_error *err);

/* Finds out when the next window closes. */
void lt_window_next_close(window_agg_op *self);
