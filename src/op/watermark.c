/* Assigns watermarks at a source: the running maximum of the watermark expression, as marks between
 * the rows. The row that raises the watermark stands before its mark. The maximum starts at 0, as
 * in Flink: nothing at or before 1970 is ever emitted; a NULL result changes nothing. Marks that
 * come with the input (the end of a bounded source) count as well.
 *
 * op->watermark is the running maximum; the framework saves it. */
#include "op/op_int.h"
#include "op/specs.h"

typedef struct {
    lt_op op;
    lt_evaluator ev;
} watermark_op;

static lt_status watermark_open(lt_op *op, lt_error *err)
{
    watermark_op *self = (watermark_op *)op;
    const lt_watermark_spec *spec = op->spec;
    lt_expr *const exprs[1] = {spec->watermark};
    return lt_evaluator_init(op, &self->ev, exprs, 1, err);
}

static void watermark_close(lt_op *op)
{
    lt_evaluator_deinit(&((watermark_op *)op)->ev);
}

/* Refuses rows without an event time, or with one too far ahead of the clock. */
static lt_status check_times(lt_op *op, const lt_batch *in, uint32_t *rows, uint32_t *count,
                             lt_error *err)
{
    const lt_watermark_spec *spec = op->spec;
    const lt_col *time = &in->cols[spec->time_col];
    bool guard = spec->future_skew_max_ms > 0;
    if (!guard && !time->valid) {
        return LT_OK;
    }
    int64_t latest = LT_WATERMARK_MAX;
    if (guard) {
        int64_t arrival_us = in->arrival_us ? in->arrival_us : op->env->wall_us(op->env);
        latest = arrival_us / 1000 + spec->future_skew_max_ms;
    }
    uint32_t kept = 0;
    lt_status st = LT_OK;
    for (uint32_t i = 0; i < *count && st == LT_OK; i++) {
        uint32_t row = rows[i];
        if (lt_col_is_null(time, row)) {
            const lt_refusal why = {LT_STAGE_ROWTIME, "null-rowtime",
                                    LT_STR("the event time is NULL"), LT_WATERMARK_MIN};
            st = lt_op_row_reject(op, in, row, &why, err);
        } else if (lt_op_time_ms(time, row) > latest) {
            const lt_refusal why = {LT_STAGE_ROWTIME, "future-rowtime",
                                    LT_STR("the event time is too far ahead of the clock"),
                                    lt_op_time_ms(time, row)};
            st = lt_op_row_reject(op, in, row, &why, err);
        } else {
            rows[kept++] = row;
        }
    }
    *count = kept;
    return st;
}

/* Merges the input's marks with what the rows say. */
static void fill_marks(lt_op *op, lt_batch *batch, const lt_batch *in, const uint32_t *rows,
                       uint32_t count, const lt_col *values, bool whole)
{
    const int64_t *ms = LT_COL_DATA(values, const int64_t);
    int64_t current = LT_MAX(op->watermark, 0);
    uint32_t used = 0;
    uint32_t next = 0;
    for (uint32_t i = 0; i <= count; i++) {
        uint32_t row = i < count ? rows[i] : UINT32_MAX;
        while (next < in->mark_count && in->marks[next].first_row <= row && (whole || i < count)) {
            if (in->marks[next].watermark > current) {
                current = in->marks[next].watermark;
                batch->marks[used++] = (lt_mark){in->marks[next].first_row, current};
            }
            next++;
        }
        if (i == count || lt_col_is_null(values, row) || ms[row] <= current) {
            continue;
        }
        current = ms[row];
        batch->marks[used++] = (lt_mark){row + 1, current};
    }
    batch->mark_count = used;
    if (used > 0) {
        op->watermark = current;
    }
}

/* Two marks may stand at one row: the later one counts. */
static void merge_marks(lt_batch *batch)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < batch->mark_count; i++) {
        if (used > 0 && batch->marks[used - 1].first_row == batch->marks[i].first_row) {
            used--;
        }
        batch->marks[used++] = batch->marks[i];
    }
    batch->mark_count = used;
}

static lt_status emit_marked(watermark_op *self, lt_batch *in, const uint32_t *rows, uint32_t count,
                             const lt_col *values, bool whole, lt_emit *out, lt_error *err)
{
    lt_op *op = &self->op;
    lt_batch *batch = lt_batch_derive(op->pool, in, op->out_schema);
    if (!batch) {
        return lt_error_nomem(err, "an output batch");
    }
    LT_ASSERT(batch->col_count == in->col_count);
    memcpy(batch->cols, in->cols, sizeof(lt_col) * in->col_count);
    uint32_t cap = count + in->mark_count + 1;
    batch->marks = lt_arena_alloc(batch->arena, sizeof(lt_mark) * cap, 16);
    batch->sel = count < lt_batch_live(in) || in->sel
                     ? lt_arena_alloc(batch->arena, sizeof *rows * ((size_t)count + 1), 64)
                     : NULL;
    if (!batch->marks || (!batch->sel && (count < lt_batch_live(in) || in->sel))) {
        lt_batch_unref(batch);
        return lt_error_nomem(err, "an output batch");
    }
    batch->mark_cap = cap;
    if (batch->sel) {
        memcpy(batch->sel, rows, sizeof *rows * count);
        batch->sel_count = count;
    }
    fill_marks(op, batch, in, rows, count, values, whole);
    merge_marks(batch);
    op->ledger.used += count;
    if (count == 0 && batch->mark_count == 0) {
        lt_batch_unref(batch);
        return LT_OK;
    }
    lt_status st = lt_emit_batch(out, batch, err);
    LT_ASSERT(st != LT_FULL); /* one batch a callback always fits */
    return st;
}

static lt_status watermark_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out,
                                    lt_error *err)
{
    watermark_op *self = (watermark_op *)op;
    (void)input_no;
    uint32_t *rows = lt_op_live_rows(in, op->scratch);
    if (!rows) {
        return lt_error_nomem(err, "rows");
    }
    uint32_t count = lt_batch_live(in);
    lt_status refused = check_times(op, in, rows, &count, err);
    lt_batch view;
    lt_op_view(&view, in, rows, count);
    lt_col values = {0};
    lt_row_errors errors = {0};
    lt_error own = {0}; /* the first failure's text stays in err */
    lt_status st = lt_evaluator_run(op, &self->ev, &view, op->scratch, &values, &errors, &own);
    if (st == LT_OK) {
        st = lt_op_errors_reject(op, &self->ev, in, &errors, rows, &count, &own);
    }
    if (st != LT_OK && st != LT_ERR_DATA) {
        *err = own;
        return st;
    }
    if (st != LT_OK) {
        /* An expression failed before the row whose time was refused. */
        *err = own;
        refused = st;
    }
    st = emit_marked(self, in, rows, count, &values, refused == LT_OK, out, &own);
    if (st != LT_OK) {
        *err = own;
    }
    return st != LT_OK ? st : refused;
}

const lt_op_class lt_op_watermark = {
    .name = "Watermark",
    .self_size = sizeof(watermark_op),
    .marks = LT_MARKS_OWN,
    .open = watermark_open,
    .on_batch = watermark_on_batch,
    .close = watermark_close,
};
