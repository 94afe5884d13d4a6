/* Expressions over batches that carry marks, and other helpers that look at a batch from outside.
 */
#include "expr/registry.h"
#include "op/op_int.h"

bool lt_op_uses_watermark(const lt_expr *expr)
{
    if (expr->kind != LT_NODE_CALL) {
        return false;
    }
    if (strcmp(expr->u.call.func->name, "CURRENT_WATERMARK") == 0) {
        return true;
    }
    for (uint32_t i = 0; i < expr->u.call.arg_count; i++) {
        if (lt_op_uses_watermark(expr->u.call.args[i])) {
            return true;
        }
    }
    return false;
}

lt_status lt_evaluator_init(lt_op *op, lt_evaluator *ev, lt_expr *const *exprs, uint32_t count,
                            lt_error *err)
{
    *ev = (lt_evaluator){.count = count};
    if (count == 0) {
        return LT_OK;
    }
    ev->types = LT_NEW_ARRAY(op->arena, const lt_type *, count);
    if (!ev->types) {
        return lt_error_nomem(err, "an operator");
    }
    for (uint32_t i = 0; i < count; i++) {
        ev->types[i] = exprs[i]->type;
        ev->by_marks = ev->by_marks || lt_op_uses_watermark(exprs[i]);
    }
    return lt_program_new(op->mem, op->session, exprs, count, &ev->program, err);
}

void lt_evaluator_deinit(lt_evaluator *ev)
{
    lt_program_free(ev->program);
    ev->program = NULL;
}

/* Copies the rows of one segment's results to where all segments come together. */
static bool gather_segment(const lt_evaluator *ev, const lt_batch *view, const lt_col *from,
                           lt_col *to, lt_arena *arena)
{
    uint32_t cap = view->row_count;
    for (uint32_t c = 0; c < ev->count; c++) {
        for (uint32_t i = 0; i < view->sel_count; i++) {
            uint32_t row = view->sel[i];
            if (!lt_col_copy_value(&to[c], row, cap, &from[c], row, false, arena)) {
                return false;
            }
        }
    }
    return true;
}

typedef struct {
    lt_col *cols;
    lt_col *part;
    lt_row_errors *errors;
    lt_arena *arena;
} segment_results;

static lt_status add_segment(lt_evaluator *ev, const lt_batch *view, int64_t watermark,
                             segment_results *to, lt_error *err)
{
    lt_row_errors errors = {0};
    LT_TRY(lt_program_eval(ev->program, view, watermark, to->arena, to->part, &errors, err));
    if (!gather_segment(ev, view, to->part, to->cols, to->arena)) {
        return lt_error_nomem(err, "columns");
    }
    if (errors.count == 0) {
        return LT_OK;
    }
    if (to->errors->count == 0) {
        *to->errors = errors;
        return LT_OK;
    }
    to->errors->count += errors.count;
    for (size_t w = 0; w < lt_bits_bytes(view->row_count) / 8; w++) {
        to->errors->rows[w] |= errors.rows[w];
    }
    return LT_OK;
}

static lt_status run_segments(lt_op *op, lt_evaluator *ev, const lt_batch *in, segment_results *to,
                              lt_error *err)
{
    uint32_t *rows = lt_op_live_rows(in, op->scratch);
    to->part = LT_NEW_ARRAY(op->scratch, lt_col, (size_t)ev->count + 1);
    if (!rows || !to->part) {
        return lt_error_nomem(err, "columns");
    }
    for (uint32_t c = 0; c < ev->count; c++) {
        if (!lt_col_init(&to->cols[c], ev->types[c], LT_MAX(in->row_count, 1U), to->arena)) {
            return lt_error_nomem(err, "columns");
        }
    }
    uint32_t live = lt_batch_live(in);
    int64_t watermark = op->watermark;
    uint32_t from = 0;
    for (uint32_t m = 0; m <= in->mark_count && from < live; m++) {
        uint32_t until = m < in->mark_count ? in->marks[m].first_row : UINT32_MAX;
        uint32_t end = from;
        while (end < live && rows[end] < until) {
            end++;
        }
        if (end > from) {
            lt_batch view;
            lt_op_view(&view, in, rows + from, end - from);
            LT_TRY(add_segment(ev, &view, watermark, to, err));
        }
        from = end;
        if (m < in->mark_count) {
            watermark = LT_MAX(watermark, in->marks[m].watermark);
        }
    }
    return LT_OK;
}

lt_status lt_evaluator_run(lt_op *op, lt_evaluator *ev, const lt_batch *in, lt_arena *arena,
                           lt_col *cols, lt_row_errors *errors, lt_error *err)
{
    *errors = (lt_row_errors){0};
    if (ev->count == 0 || lt_batch_live(in) == 0) {
        for (uint32_t c = 0; c < ev->count; c++) {
            if (!lt_col_init(&cols[c], ev->types[c], LT_MAX(in->row_count, 1U), arena)) {
                return lt_error_nomem(err, "columns");
            }
        }
        return LT_OK;
    }
    if (!ev->by_marks || in->mark_count == 0) {
        return lt_program_eval(ev->program, in, op->watermark, arena, cols, errors, err);
    }
    segment_results to = {.cols = cols, .errors = errors, .arena = arena};
    return run_segments(op, ev, in, &to, err);
}

/* ---- views ---- */

uint32_t *lt_op_live_rows(const lt_batch *in, lt_arena *arena)
{
    uint32_t live = lt_batch_live(in);
    uint32_t *rows = lt_arena_alloc(arena, sizeof *rows * ((size_t)live + 1), 64);
    if (!rows) {
        return NULL;
    }
    if (in->sel) {
        memcpy(rows, in->sel, sizeof *rows * live);
    } else {
        for (uint32_t i = 0; i < live; i++) {
            rows[i] = i;
        }
    }
    return rows;
}

void lt_op_view(lt_batch *view, const lt_batch *in, uint32_t *sel, uint32_t count)
{
    memset(view, 0, sizeof *view);
    view->row_count = in->row_count;
    view->row_cap = in->row_cap;
    view->col_count = in->col_count;
    view->cols = in->cols;
    view->sel = sel;
    view->sel_count = count;
    view->kinds = in->kinds;
    view->marks = in->marks;
    view->mark_count = in->mark_count;
    view->schema = in->schema;
    view->arrival_us = in->arrival_us;
    view->arena = in->arena;
}

int64_t lt_op_time_ms(const lt_col *col, uint32_t row)
{
    if (col->phys == LT_PHYS_TS9) {
        return LT_COL_DATA(col, const lt_ts9)[row].ms;
    }
    int64_t value = LT_COL_DATA(col, const int64_t)[row];
    if (col->type->precision <= 3) {
        return value;
    }
    int64_t ms = value / 1000;
    return value % 1000 < 0 ? ms - 1 : ms;
}

lt_status lt_op_chunk_new(lt_op *op, lt_arena **out, lt_error *err)
{
    *out = lt_arena_new(op->mem, LT_OP_CHUNK_BYTES_MAX);
    return *out ? LT_OK : lt_error_nomem(err, "an operator");
}

lt_status lt_op_emit_selected(lt_op *op, lt_batch *in, const uint32_t *sel, uint32_t count,
                              lt_emit *out, lt_error *err)
{
    if (count == 0) {
        /* Without rows between them only the last mark says something, and the input need not be
         * kept. */
        return in->mark_count == 0
                   ? LT_OK
                   : lt_emit_watermark(op, out, in->marks[in->mark_count - 1].watermark, err);
    }
    lt_batch *batch = lt_batch_derive(op->pool, in, op->out_schema);
    if (!batch) {
        return lt_error_nomem(err, "an output batch");
    }
    LT_ASSERT(batch->col_count == in->col_count);
    if (in->col_count > 0) {
        memcpy(batch->cols, in->cols, sizeof(lt_col) * in->col_count);
    }
    if (sel) {
        batch->sel = lt_arena_alloc(batch->arena, sizeof *sel * ((size_t)count + 1), 64);
        if (!batch->sel) {
            lt_batch_unref(batch);
            return lt_error_nomem(err, "a selection");
        }
        memcpy(batch->sel, sel, sizeof *sel * count);
        batch->sel_count = count;
    }
    lt_status st = lt_emit_batch(out, batch, err);
    LT_ASSERT(st != LT_FULL); /* one batch a callback always fits */
    return st;
}
