/* Filter and projection in one pass over a batch. The output is derived from the input: same rows,
 * kinds and marks, new columns; a projected column that is a plain input column is not copied. A
 * batch of which few rows are left is made dense, so that it does not keep a large input alive.
 *
 * A failed expression refuses its row alone. Under the 'fail' policy the rows before it go out
 * first. */
#include "op/op_int.h"
#include "op/specs.h"

#define COMPACT_ROWS_MIN 64 /* below, density does not matter */

typedef struct {
    lt_op op;
    lt_evaluator condition;
    lt_evaluator exprs;
} calc_op;

static lt_status calc_open(lt_op *op, lt_error *err)
{
    calc_op *self = (calc_op *)op;
    const lt_calc_spec *spec = op->spec;
    LT_ASSERT(spec->expr_count == op->out_schema->count);
    lt_expr *const condition[1] = {spec->condition};
    LT_TRY(lt_evaluator_init(op, &self->condition, condition, spec->condition ? 1 : 0, err));
    return lt_evaluator_init(op, &self->exprs, spec->exprs, spec->expr_count, err);
}

static void calc_close(lt_op *op)
{
    calc_op *self = (calc_op *)op;
    lt_evaluator_deinit(&self->condition);
    lt_evaluator_deinit(&self->exprs);
}

/* The rows for which the condition is TRUE. A condition that sees the watermark is evaluated as a
 * column, cut at the marks. */
static lt_status filter(calc_op *self, lt_batch *in, uint32_t *rows, uint32_t *count,
                        lt_row_errors *errors, lt_error *err)
{
    lt_op *op = &self->op;
    lt_evaluator *ev = &self->condition;
    if (!ev->program || *count == 0) {
        return LT_OK;
    }
    if (!ev->by_marks || in->mark_count == 0) {
        return lt_program_filter(ev->program, in, op->watermark, op->scratch, rows, count, errors,
                                 err);
    }
    lt_col cond;
    LT_TRY(lt_evaluator_run(op, ev, in, op->scratch, &cond, errors, err));
    const uint8_t *val = LT_COL_DATA(&cond, const uint8_t);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++) {
        uint32_t row = rows[i];
        bool failed = errors->count > 0 && lt_bit_get(errors->rows, row);
        if (!failed && !lt_col_is_null(&cond, row) && val[row]) {
            rows[kept++] = row;
        }
    }
    *count = kept;
    return LT_OK;
}

/* Refuses what failed in the condition or in the projection, in order of arrival. rows are those
 * for which the condition was TRUE. */
static lt_status refuse(calc_op *self, lt_batch *in, const lt_row_errors *cond_errors,
                        const lt_row_errors *expr_errors, uint32_t *rows, uint32_t *count,
                        lt_error *err)
{
    lt_op *op = &self->op;
    if (cond_errors->count == 0) {
        return lt_op_errors_reject(op, &self->exprs, in, expr_errors, rows, count, err);
    }
    /* Row by row over the whole batch, so that the two kinds of failure come in order. */
    uint32_t *live = lt_op_live_rows(in, op->scratch);
    if (!live) {
        return lt_error_nomem(err, "rows");
    }
    uint32_t total = lt_batch_live(in);
    uint32_t next = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < total; i++) {
        uint32_t row = live[i];
        uint32_t one[1] = {row};
        uint32_t left = 1;
        bool passed = next < *count && rows[next] == row;
        lt_status st = LT_OK;
        if (passed) {
            next++;
            st = lt_op_errors_reject(op, &self->exprs, in, expr_errors, one, &left, err);
        } else if (lt_bit_get(cond_errors->rows, row)) {
            st = lt_op_errors_reject(op, &self->condition, in, cond_errors, one, &left, err);
        }
        if (st != LT_OK) {
            *count = kept;
            return st;
        }
        if (passed && left > 0) {
            rows[kept++] = row;
        }
    }
    *count = kept;
    return LT_OK;
}

static lt_status emit_dense(lt_op *op, lt_batch *batch, lt_emit *out, lt_error *err)
{
    lt_batch *dense = lt_batch_compact(op->pool, batch);
    lt_batch_unref(batch);
    if (!dense) {
        return lt_error_nomem(err, "a dense batch");
    }
    lt_status st = lt_emit_batch(out, dense, err);
    LT_ASSERT(st != LT_FULL);
    return st;
}

static lt_status calc_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    calc_op *self = (calc_op *)op;
    (void)input_no;
    lt_batch *batch = lt_batch_derive(op->pool, in, op->out_schema);
    uint32_t live = lt_batch_live(in);
    uint32_t *rows = batch ? lt_op_live_rows(in, batch->arena) : NULL;
    if (!rows) {
        lt_batch_unref(batch);
        return lt_error_nomem(err, "an output batch");
    }
    uint32_t count = live;
    lt_row_errors cond_errors = {0};
    lt_row_errors expr_errors = {0};
    lt_status st = filter(self, in, rows, &count, &cond_errors, err);
    if (st == LT_OK) {
        lt_batch view;
        lt_op_view(&view, in, count < live || in->sel ? rows : NULL, count);
        st =
            lt_evaluator_run(op, &self->exprs, &view, batch->arena, batch->cols, &expr_errors, err);
    }
    if (st != LT_OK) {
        lt_batch_unref(batch);
        return st;
    }
    uint32_t passed = count;
    lt_status refused = refuse(self, in, &cond_errors, &expr_errors, rows, &count, err);
    op->ledger.used += count;
    op->ledger.filtered += live - passed - cond_errors.count;
    if (count < live) {
        batch->sel = rows;
        batch->sel_count = count;
    }
    if (count == 0) {
        lt_batch_unref(batch);
        st = refused == LT_OK ? lt_op_emit_selected(op, in, NULL, 0, out, err) : LT_OK;
    } else if (batch->row_count >= COMPACT_ROWS_MIN && count < batch->row_count / 4) {
        st = emit_dense(op, batch, out, err);
    } else {
        st = lt_emit_batch(out, batch, err);
        LT_ASSERT(st != LT_FULL); /* one batch a callback always fits */
    }
    return st != LT_OK ? st : refused;
}

const lt_op_class lt_op_calc = {
    .name = "Calc",
    .self_size = sizeof(calc_op),
    .marks = LT_MARKS_PASS,
    .open = calc_open,
    .on_batch = calc_on_batch,
    .close = calc_close,
};
