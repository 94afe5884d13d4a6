/* Changes on their way out of an operator that keeps rows as encoded bytes: Top-N, deduplication, a
 * sort. A batch of input is worked on in rounds, so that a row that shifts a thousand ranks costs
 * a bounded amount of memory:
 *
 *   lt_changes_start(batch) -> [ step(row) .. -> changes and marks listed -> output ] ..
 *
 * What is listed lies in the round's arena and is gone after the round; what belongs to the batch
 * lies in its own arena until lt_changes_run has answered something other than LT_FULL. */
#pragma once

#include "op/op_int.h"

typedef struct {
    uint32_t at; /* before this change */
    int64_t watermark;
} lt_change_mark;

typedef struct {
    const lt_rowcodec *codec; /* of the rows, which are the first columns of the output */
    bool ranked;              /* the last column of the output is the rank */
    bool drop_before;         /* -U are not listed: nobody needs them; set after lt_changes_init */
    lt_outbox box;
    lt_arena *batch_arena;
    lt_arena *round_arena;
    /* the round: parallel arrays */
    const uint8_t **rows;
    uint32_t *lens;
    int64_t *ranks;
    uint8_t *kinds;
    uint32_t count, cap;
    uint32_t at; /* next to go out */
    lt_change_mark *marks;
    uint32_t mark_count, mark_cap, mark_at;
    /* the batch; NULL between callbacks unless LT_FULL was answered */
    lt_batch *pending;
    const uint32_t *input; /* physical rows to be worked on, ascending */
    uint32_t input_count, input_at;
    uint32_t input_mark;
} lt_changes;

/* Deals with input[index]; lists what changes by it. */
typedef lt_status (*lt_change_step)(lt_op *op, uint32_t index, lt_error *err);

/* kinds: the output has more than +I. */
lt_status lt_changes_init(lt_op *op, lt_changes *changes, const lt_rowcodec *codec, bool kinds,
                          lt_error *err);
void lt_changes_deinit(lt_changes *changes);

/* Rows to be worked on; `rows` must live in batch_arena, which lt_changes_begin empties. */
void lt_changes_begin(lt_changes *changes);
/* The rows count as held until their step counts them as something else. */
void lt_changes_start(lt_op *op, lt_changes *changes, lt_batch *in, const uint32_t *rows,
                      uint32_t count);
/* To be called again from resume() after LT_FULL. Sets op->watermark to the batch's last mark. */
lt_status lt_changes_run(lt_op *op, lt_changes *changes, lt_change_step step, lt_emit *out,
                         lt_error *err);

/* Lists one change. The bytes must stay where they are until the end of the round: rows of a state
 * table that may be removed before are copied with lt_changes_keep. */
lt_status lt_changes_add(lt_changes *changes, lt_row_kind kind, lt_str row, int64_t rank,
                         lt_error *err);
lt_status lt_changes_keep(lt_changes *changes, lt_str row, lt_str *out, lt_error *err);

/* For operators that fire: writes what is listed, but sends a batch only when it is full. LT_FULL:
 * call it again. The round is empty afterwards. */
lt_status lt_changes_emit(lt_op *op, lt_changes *changes, lt_emit *out, lt_error *err);
/* A round has as many changes as should be listed before lt_changes_emit. */
bool lt_changes_is_full(const lt_changes *changes);
