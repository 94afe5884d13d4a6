/* Refusing rows: every reject of an operator passes through here, so that it is counted once and
 * carries its own reason. */
#include "op/op_int.h"

lt_status lt_op_row_reject(lt_op *op, const lt_batch *in, uint32_t row, const lt_refusal *why,
                           lt_error *err)
{
    const lt_reject reject = {
        .stage = why->stage,
        .code = why->code,
        .detail = why->detail,
        .table = lt_str_of(op->label),
        .where = {"", 0},
        .position = -1,
        .event_ms = why->event_ms,
        .kind = lt_batch_kind(in, row),
        .raw = {"", 0},
        .batch = in,
        .row = row,
    };
    op->ledger.rejected++;
    return op->rejects->put(op->rejects, &reject, err);
}

#define REASON_BYTES_MAX ((size_t)1 << 28)

/* A row's own message: the program told only the first one's. Columns are as long as the batch, so
 * the memory is used again for each row. */
static lt_status reason_of(lt_op *op, lt_evaluator *ev, const lt_batch *in, uint32_t row,
                           lt_arena *arena, lt_row_errors *out, lt_error *err)
{
    lt_batch view;
    uint32_t sel[1] = {row};
    lt_op_view(&view, in, sel, 1);
    lt_arena_reset(arena, REASON_BYTES_MAX);
    lt_col *cols = LT_NEW_ARRAY(arena, lt_col, (size_t)ev->count + 1);
    if (!cols) {
        return lt_error_nomem(err, "columns");
    }
    return lt_evaluator_run(op, ev, &view, arena, cols, out, err);
}

static lt_status reject_failed(lt_op *op, lt_evaluator *ev, const lt_batch *in,
                               const lt_row_errors *errors, uint32_t row, lt_arena **arena,
                               lt_error *err)
{
    const lt_row_errors *why = errors;
    lt_row_errors own = {0};
    if (row != errors->first_row) {
        *arena = *arena ? *arena : lt_arena_new(op->mem, REASON_BYTES_MAX);
        if (!*arena) {
            return lt_error_nomem(err, "columns");
        }
        LT_TRY(reason_of(op, ev, in, row, *arena, &own, err));
        why = own.count > 0 ? &own : errors;
    }
    const lt_refusal refusal = {LT_STAGE_EXPRESSION, why->code, lt_str_of(why->text),
                                LT_WATERMARK_MIN};
    return lt_op_row_reject(op, in, row, &refusal, err);
}

lt_status lt_op_errors_reject(lt_op *op, lt_evaluator *ev, const lt_batch *in,
                              const lt_row_errors *errors, uint32_t *rows, uint32_t *count,
                              lt_error *err)
{
    if (errors->count == 0) {
        return LT_OK;
    }
    LT_ASSERT(errors->rows != NULL);
    lt_arena *arena = NULL;
    lt_status st = LT_OK;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count && st == LT_OK; i++) {
        uint32_t row = rows[i];
        if (lt_bit_get(errors->rows, row)) {
            st = reject_failed(op, ev, in, errors, row, &arena, err);
        } else {
            rows[kept++] = row;
        }
    }
    lt_arena_free(arena);
    *count = kept;
    return st;
}
