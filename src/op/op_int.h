/* What the operators share: the output under construction (outbox.c), refusing rows (refuse.c), and
 * small helpers. */
#pragma once

#include "expr/program.h"
#include "op/op.h"

#define LT_OP_CHUNK_BYTES_MAX ((size_t)1 << 30) /* of an operator's own chunk arena */
#define LT_OP_CHUNK_KEEP      ((size_t)1 << 20)

/* ---- outbox: rows and marks on their way out ----
 *
 * An operator whose output is not derived from its input fills one batch at a time here. A batch
 * leaves when it is full or when the callback ends. LT_FULL from lt_outbox_flush leaves the batch
 * in place: call it again from resume(). Nothing stays here between callbacks unless a cursor is
 * open. */
typedef struct {
    lt_batch *batch;    /* NULL = none begun */
    lt_col *cols;       /* where rows go: the batch's own columns, or temporary ones */
    uint32_t capacity;  /* rows per batch; set by lt_outbox_init */
    bool kinds;         /* rows have kinds other than +I */
    int64_t arrival_us; /* for the next batch; 0 = unknown */
} lt_outbox;

void lt_outbox_init(const lt_op *op, lt_outbox *box, bool kinds);
void lt_outbox_deinit(lt_outbox *box);

/* Makes sure that a batch is begun. */
lt_status lt_outbox_need(lt_op *op, lt_outbox *box, lt_error *err);
/* Rows that still fit; a full batch gives 0. */
LT_INLINE uint32_t lt_outbox_room(const lt_outbox *box)
{
    return box->batch ? box->capacity - box->batch->row_count : box->capacity;
}
/* Columns (box->cols) to be filled at rows 0 .. count-1, count <= room; temporary ones lie in
 * `temp`. Bytes and children go into box->batch->arena. lt_outbox_commit then makes them the
 * batch's next rows. */
lt_status lt_outbox_begin(lt_op *op, lt_outbox *box, uint32_t count, lt_arena *temp, lt_error *err);
lt_status lt_outbox_commit(lt_op *op, lt_outbox *box, uint32_t count, lt_error *err);
/* Notes that the watermark became `watermark` after the rows so far. */
lt_status lt_outbox_mark(lt_op *op, lt_outbox *box, int64_t watermark, lt_error *err);
/* Sends what is there, if anything. */
lt_status lt_outbox_flush(lt_outbox *box, lt_emit *out, lt_error *err);

/* dst[dst_row + i] = src[rows ? rows[i] : i]. Bytes are borrowed unless copy_bytes. false = out of
 * memory. */
bool lt_col_put(lt_col *dst, uint32_t dst_row, uint32_t dst_cap, const lt_col *src,
                const uint32_t *rows, uint32_t count, bool copy_bytes, lt_arena *arena);

/* ---- expressions over a batch with marks ---- */

/* A program that sees, for CURRENT_WATERMARK, the watermark before each row: batches are cut at
 * their marks only if some expression asks. */
typedef struct {
    lt_program *program; /* NULL when there are no expressions */
    const lt_type **types;
    uint32_t count;
    bool by_marks;
} lt_evaluator;

/* Does CURRENT_WATERMARK occur in it? */
bool lt_op_uses_watermark(const lt_expr *expr);

lt_status lt_evaluator_init(lt_op *op, lt_evaluator *ev, lt_expr *const *exprs, uint32_t count,
                            lt_error *err);
void lt_evaluator_deinit(lt_evaluator *ev);
/* As lt_program_eval, with op->watermark before the batch. */
lt_status lt_evaluator_run(lt_op *op, lt_evaluator *ev, const lt_batch *in, lt_arena *arena,
                           lt_col *cols, lt_row_errors *errors, lt_error *err);

/* ---- processing time ---- */

/* `in` with the clock in the column time_col and as its watermark, in a new batch; of in's own
 * marks only the end of input is left. */
lt_status lt_proctime_batch(lt_op *op, lt_batch *in, uint32_t time_col, lt_batch **out,
                            lt_error *err);
/* A batch without rows whose mark is the clock: for on_timer. */
lt_status lt_proctime_tick(lt_op *op, lt_batch **out, lt_error *err);
/* Asks for on_timer when a watermark of close_ms is due; LT_WATERMARK_MAX: never. */
void lt_proctime_wake(lt_op *op, int64_t close_ms);

/* ---- refusing rows ---- */

/* Hands one row to the reject sink and counts it as rejected. LT_ERR_DATA: the policy is 'fail'. */
typedef struct {
    lt_stage stage;
    const char *code; /* static */
    lt_str detail;
    int64_t event_ms; /* LT_WATERMARK_MIN = unknown */
} lt_refusal;

lt_status lt_op_row_reject(lt_op *op, const lt_batch *in, uint32_t row, const lt_refusal *why,
                           lt_error *err);

/* Refuses the rows whose expressions failed, in order of arrival, and takes them off `rows`
 * (ascending physical rows, *count of them). When the policy is 'fail', *count ends before the
 * failing row and LT_ERR_DATA is returned: the caller still does the rows that are left, then fails
 * with it. ev tells each row's own reason. */
lt_status lt_op_errors_reject(lt_op *op, lt_evaluator *ev, const lt_batch *in,
                              const lt_row_errors *errors, uint32_t *rows, uint32_t *count,
                              lt_error *err);

/* ---- views ---- */

/* The live rows of a batch as an array in the arena; NULL = out of memory. */
uint32_t *lt_op_live_rows(const lt_batch *in, lt_arena *arena);
/* A borrowed look at a batch with another selection, for evaluation only; never reference counted.
 */
void lt_op_view(lt_batch *view, const lt_batch *in, uint32_t *sel, uint32_t count);

/* Milliseconds of a TIMESTAMP or TIMESTAMP_LTZ value of any precision. */
int64_t lt_op_time_ms(const lt_col *col, uint32_t row);

/* An arena for one chunk of work, reset by the operator itself; freed in close(). */
lt_status lt_op_chunk_new(lt_op *op, lt_arena **out, lt_error *err);

/* Emits a derived batch with the input's columns and a copy of the given selection (NULL sel =
 * unchanged), one batch at most. Nothing is sent when neither rows nor marks are left. */
lt_status lt_op_emit_selected(lt_op *op, lt_batch *in, const uint32_t *sel, uint32_t count,
                              lt_emit *out, lt_error *err);

/* Scalars of save() and load(): little-endian int64 values, by index. */
void lt_op_save_i64(lt_text *to, int64_t value);
lt_status lt_op_load_i64(lt_str from, uint32_t index, int64_t *out, lt_error *err);
