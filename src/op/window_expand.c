/* A windowing table function used alone: every row once per window it lies in, with window_start,
 * window_end and window_time appended. TUMBLE keeps the batch and adds three columns; HOP and
 * CUMULATE repeat rows. Nothing is kept, nothing is late here. SESSION (session_expand.c) has to
 * wait until it knows the window.
 *
 * Order of a row's windows as in Flink: HOP from the latest to the earliest, CUMULATE from the
 * shortest to the longest. */
#include "op/session_expand.h"

static lt_status expand_open(lt_op *op, lt_error *err)
{
    window_expand_op *self = (window_expand_op *)op;
    const lt_window_expand_spec *spec = op->spec;
    LT_ASSERT(op->out_schema->count == op->in_schemas[0]->count + 3);
    if (spec->window.kind == LT_WINDOW_SESSION) {
        return lt_session_expand_open(self, err);
    }
    lt_window_math_init(&self->math, &spec->window, op);
    self->open_until = LT_WATERMARK_MIN;
    if (spec->window.proctime) {
        lt_proctime_wake(op, LT_WATERMARK_MIN);
    }
    lt_outbox_init(op, &self->sessions.box, false);
    return LT_OK;
}

static void expand_close(lt_op *op)
{
    window_expand_op *self = (window_expand_op *)op;
    lt_sessions_close(&self->sessions);
}

/* Live rows that have a time, and their slice ends. */
static lt_status expand_rows(window_expand_op *self, lt_batch *in, bool count_them, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_col *time = &in->cols[self->math.spec.time_col];
    uint32_t live = lt_batch_live(in);
    self->rows = lt_op_live_rows(in, op->scratch);
    self->ends = lt_arena_alloc(op->scratch, sizeof(int64_t) * ((size_t)live + 1), 8);
    if (!self->rows || !self->ends) {
        return lt_error_nomem(err, "window rows");
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < live; i++) {
        uint32_t row = self->rows[i];
        if (!lt_col_is_null(time, row)) {
            self->ends[kept] = lt_op_time_ms(time, row);
            self->rows[kept++] = row;
        }
    }
    self->row_count = kept;
    if (count_them) {
        op->ledger.filtered += live - kept;
        op->ledger.used += kept;
    }
    lt_window_locals(&self->math, self->ends, kept);
    lt_window_slice_ends(&self->math, self->ends, kept);
    return LT_OK;
}

/* ---- TUMBLE ---- */

static lt_status expand_tumble(window_expand_op *self, lt_batch *in, lt_emit *out, lt_error *err)
{
    lt_op *op = &self->op;
    uint32_t live = lt_batch_live(in);
    if (self->row_count == 0) {
        return lt_op_emit_selected(op, in, NULL, 0, out, err);
    }
    lt_batch *batch = lt_batch_derive(op->pool, in, op->out_schema);
    if (!batch) {
        return lt_error_nomem(err, "an output batch");
    }
    memcpy(batch->cols, in->cols, sizeof(lt_col) * in->col_count);
    lt_col *bounds = batch->cols + in->col_count;
    for (uint32_t c = 0; c < 3; c++) {
        const lt_type *type = op->out_schema->fields[in->col_count + c].type;
        if (!lt_col_init(&bounds[c], type, in->row_count, batch->arena)) {
            lt_batch_unref(batch);
            return lt_error_nomem(err, "window bounds");
        }
    }
    for (uint32_t i = 0; i < self->row_count; i++) {
        uint32_t row = self->rows[i];
        LT_COL_DATA(&bounds[0], int64_t)[row] = lt_window_start(&self->math, self->ends[i]);
        LT_COL_DATA(&bounds[1], int64_t)[row] = self->ends[i];
        LT_COL_DATA(&bounds[2], int64_t)[row] = lt_window_time(&self->math, self->ends[i]);
    }
    if (self->row_count < live) {
        batch->sel = lt_arena_alloc(batch->arena, sizeof(uint32_t) * self->row_count, 8);
        if (!batch->sel) {
            lt_batch_unref(batch);
            return lt_error_nomem(err, "a selection");
        }
        memcpy(batch->sel, self->rows, sizeof(uint32_t) * self->row_count);
        batch->sel_count = self->row_count;
    }
    lt_status st = lt_emit_batch(out, batch, err);
    LT_ASSERT(st != LT_FULL); /* one batch a callback always fits */
    return st;
}

/* ---- HOP and CUMULATE ---- */

/* How many windows a slice lies in, and the end of the n-th of them in Flink's order. */
static uint32_t windows_of(const lt_window_math *math, int64_t slice)
{
    return (uint32_t)((lt_window_last_end(math, slice) - slice) / math->grid_ms) + 1;
}

static int64_t window_at(const lt_window_math *math, int64_t slice, uint32_t n)
{
    if (math->spec.kind == LT_WINDOW_HOP) {
        return lt_window_last_end(math, slice) - (int64_t)n * math->grid_ms;
    }
    return slice + (int64_t)n * math->grid_ms;
}

/* Appends up to the batch's room; advances the cursor. Marks stand before the first copy of the row
 * they stand before. */
static lt_status fill_batch(window_expand_op *self, lt_error *err)
{
    lt_op *op = &self->op;
    lt_outbox *box = &self->sessions.box;
    LT_TRY(lt_outbox_need(op, box, err));
    lt_batch *in = self->sessions.pending;
    lt_batch *batch = box->batch;
    uint32_t base = batch->row_count;
    uint32_t room = lt_outbox_room(box);
    uint32_t *rows = lt_arena_alloc(op->scratch, sizeof *rows * ((size_t)room + 1), 8);
    if (!rows) {
        return lt_error_nomem(err, "window rows");
    }
    lt_col *bounds = batch->cols + in->col_count;
    uint32_t count = 0;
    while (count < room && self->row_at < self->row_count) {
        uint32_t row = self->rows[self->row_at];
        int64_t slice = self->ends[self->row_at];
        while (self->window_at == 0 && self->mark_at < in->mark_count &&
               in->marks[self->mark_at].first_row <= row) {
            if (!lt_batch_add_mark(batch, base + count, in->marks[self->mark_at++].watermark)) {
                return lt_error_nomem(err, "watermark marks");
            }
        }
        int64_t end = window_at(&self->math, slice, self->window_at);
        rows[count] = row;
        LT_COL_DATA(&bounds[0], int64_t)[base + count] = lt_window_start(&self->math, end);
        LT_COL_DATA(&bounds[1], int64_t)[base + count] = end;
        LT_COL_DATA(&bounds[2], int64_t)[base + count] = lt_window_time(&self->math, end);
        if (batch->kinds) {
            batch->kinds[base + count] = lt_batch_kind(in, row);
        }
        count++;
        if (++self->window_at == windows_of(&self->math, slice)) {
            self->window_at = 0;
            self->row_at++;
        }
    }
    for (uint32_t c = 0; c < in->col_count; c++) {
        if (!lt_col_put(&batch->cols[c], base, box->capacity, &in->cols[c], rows, count, true,
                        batch->arena)) {
            return lt_error_nomem(err, "window rows");
        }
    }
    batch->row_count += count;
    batch->sel_count = batch->row_count;
    return LT_OK;
}

static lt_status expand_more(window_expand_op *self, lt_emit *out, lt_error *err)
{
    lt_outbox *box = &self->sessions.box;
    lt_batch *in = self->sessions.pending;
    while (self->row_at < self->row_count) {
        if (lt_outbox_room(box) == 0) {
            LT_TRY(lt_outbox_flush(box, out, err));
        }
        LT_TRY(fill_batch(self, err));
    }
    for (; self->mark_at < in->mark_count; self->mark_at++) {
        LT_TRY(lt_outbox_mark(&self->op, box, in->marks[self->mark_at].watermark, err));
    }
    return lt_outbox_flush(box, out, err);
}

static lt_status finish(window_expand_op *self, lt_status st)
{
    if (st != LT_FULL) {
        lt_batch_unref(self->sessions.pending);
        self->sessions.pending = NULL;
    }
    return st;
}

/* ---- callbacks ---- */

static lt_status expand_batch(window_expand_op *self, lt_batch *in, lt_emit *out, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_window_expand_spec *spec = op->spec;
    LT_TRY(expand_rows(self, in, true, err));
    if (in->mark_count > 0) {
        op->watermark = LT_MAX(op->watermark, in->marks[in->mark_count - 1].watermark);
    }
    if (spec->window.kind == LT_WINDOW_TUMBLE) {
        return expand_tumble(self, in, out, err);
    }
    self->sessions.pending = lt_batch_ref(in);
    self->sessions.box.arrival_us = in->arrival_us;
    self->sessions.box.kinds = in->kinds != NULL;
    self->row_at = 0;
    self->mark_at = 0;
    self->window_at = 0;
    return finish(self, expand_more(self, out, err));
}

/* In processing time the marks go by the clock: one is due whenever a window closes that rows may
 * lie in. */
static lt_status wake_again(window_expand_op *self, lt_status st)
{
    const lt_op *op = &self->op;
    if (!self->math.spec.proctime || st == LT_FULL) {
        return st;
    }
    int64_t due = LT_WATERMARK_MAX;
    if (op->watermark != LT_WATERMARK_MIN && op->watermark != LT_WATERMARK_MAX) {
        int64_t end = lt_window_local(&self->math, op->watermark) + 1;
        end = lt_floor_to(end, self->math.grid_ms, self->math.spec.offset_ms) + self->math.grid_ms;
        due = end <= self->open_until ? lt_window_close(&self->math, end) : due;
    }
    lt_proctime_wake(&self->op, due);
    return st;
}

static void note_open(window_expand_op *self)
{
    int64_t local = lt_window_local(&self->math, self->op.watermark) + 1;
    int64_t end = lt_floor_to(local, self->math.grid_ms, self->math.spec.offset_ms);
    end = lt_window_last_end(&self->math, end + self->math.grid_ms);
    self->open_until = LT_MAX(self->open_until, end);
}

static lt_status expand_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    window_expand_op *self = (window_expand_op *)op;
    const lt_window_expand_spec *spec = op->spec;
    lt_batch *rows = NULL;
    (void)input_no;
    if (spec->window.kind == LT_WINDOW_SESSION) {
        return lt_sessions_on_batch(&self->sessions, in, out, err);
    }
    if (!spec->window.proctime) {
        return expand_batch(self, in, out, err);
    }
    LT_TRY(lt_proctime_batch(op, in, spec->window.time_col, &rows, err));
    bool ends = in->mark_count > 0 && in->marks[in->mark_count - 1].watermark == LT_WATERMARK_MAX;
    lt_status st = expand_batch(self, rows, out, err);
    lt_batch_unref(rows);
    if (lt_batch_live(in) > 0 && !ends) {
        note_open(self);
    }
    return wake_again(self, st);
}

static lt_status expand_on_timer(lt_op *op, int64_t mono_ns, lt_emit *out, lt_error *err)
{
    window_expand_op *self = (window_expand_op *)op;
    const lt_window_expand_spec *spec = op->spec;
    lt_batch *tick = NULL;
    (void)mono_ns;
    if (spec->window.kind == LT_WINDOW_SESSION) {
        return lt_sessions_on_timer(&self->sessions, out, err);
    }
    LT_TRY(lt_proctime_tick(op, &tick, err));
    lt_status st = expand_batch(self, tick, out, err);
    lt_batch_unref(tick);
    if (self->open_until == LT_WATERMARK_MIN) {
        note_open(self); /* restored: rows may lie in windows of now */
    }
    return wake_again(self, st);
}

static lt_status expand_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    window_expand_op *self = (window_expand_op *)op;
    const lt_window_expand_spec *spec = op->spec;
    if (spec->window.kind == LT_WINDOW_SESSION) {
        return lt_sessions_resume(&self->sessions, out, err);
    }
    LT_ASSERT(self->sessions.pending != NULL);
    LT_TRY(expand_rows(self, self->sessions.pending, false, err));
    return wake_again(self, finish(self, expand_more(self, out, err)));
}

static lt_status expand_save(const lt_op *op, lt_text *to, lt_error *err)
{
    const window_expand_op *self = (const window_expand_op *)op;
    (void)err;
    lt_op_save_i64(to, self->sessions.next_id);
    lt_op_save_i64(to, self->next_seq);
    return LT_OK;
}

static lt_status expand_load(lt_op *op, lt_str from, lt_error *err)
{
    window_expand_op *self = (window_expand_op *)op;
    LT_TRY(lt_op_load_i64(from, 0, &self->sessions.next_id, err));
    return lt_op_load_i64(from, 1, &self->next_seq, err);
}

const lt_op_class lt_op_window_expand = {
    .name = "WindowTableFunction",
    .self_size = sizeof(window_expand_op),
    .marks = LT_MARKS_OWN,
    .open = expand_open,
    .on_batch = expand_on_batch,
    .resume = expand_resume,
    .on_timer = expand_on_timer,
    .save = expand_save,
    .load = expand_load,
    .close = expand_close,
};
