/* Grouping sets: every row once per set, set after set, with NULL for the keys that the set lacks
 * and with the set's number. Nothing is kept. Rows stay in their order and keep their kinds, so
 * that what the aggregate above gives out does not depend on where batches end; -U and +U of an
 * update stay together: both for the first set, both for the next. */
#include "op/op_int.h"
#include "op/specs.h"

typedef struct {
    lt_op op;
    lt_outbox box;
    lt_batch *pending; /* NULL = no cursor open */
    uint32_t *rows;    /* of the pending batch, in its scratch: made again by resume() */
    uint32_t row_count;
    uint32_t row_at, mark_at, set_at; /* the cursor */
} expand_op;

static lt_status expand_open(lt_op *op, lt_error *err)
{
    expand_op *self = (expand_op *)op;
    const lt_expand_spec *spec = op->spec;
    (void)err;
    LT_ASSERT(op->out_schema->count == spec->col_count + spec->key_count + 1);
    LT_ASSERT(spec->set_count > 0 && spec->key_count < 64);
    lt_outbox_init(op, &self->box, false);
    return LT_OK;
}

static void expand_close(lt_op *op)
{
    expand_op *self = (expand_op *)op;
    lt_outbox_deinit(&self->box);
    lt_batch_unref(self->pending);
}

/* Rows that go together at the cursor: -U and +U, or one. */
static uint32_t update_width(const expand_op *self)
{
    const lt_batch *in = self->pending;
    bool pair = in->kinds && self->row_at + 1 < self->row_count &&
                lt_batch_kind(in, self->rows[self->row_at]) == LT_UPDATE_BEFORE &&
                lt_batch_kind(in, self->rows[self->row_at + 1]) == LT_UPDATE_AFTER;
    return pair ? 2 : 1;
}

/* Copies of the rows that fit, as pairs of row and set; advances the cursor. Marks stand before the
 * first copy of the row they stand before. */
typedef struct {
    uint32_t *rows;
    uint32_t *sets;
    uint32_t count;
} copies;

static lt_status choose_copies(expand_op *self, copies *out, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_expand_spec *spec = op->spec;
    const lt_batch *in = self->pending;
    uint32_t room = lt_outbox_room(&self->box);
    uint32_t base = self->box.batch->row_count;
    out->rows = LT_NEW_ARRAY(op->scratch, uint32_t, (size_t)room + 1);
    out->sets = LT_NEW_ARRAY(op->scratch, uint32_t, (size_t)room + 1);
    if (!out->rows || !out->sets) {
        return lt_error_nomem(err, "rows of grouping sets");
    }
    out->count = 0;
    while (self->row_at < self->row_count) {
        uint32_t width = update_width(self);
        if (out->count + width > room) {
            break;
        }
        uint32_t row = self->rows[self->row_at];
        while (self->set_at == 0 && self->mark_at < in->mark_count &&
               in->marks[self->mark_at].first_row <= row) {
            if (!lt_batch_add_mark(self->box.batch, base + out->count,
                                   in->marks[self->mark_at++].watermark)) {
                return lt_error_nomem(err, "watermark marks");
            }
        }
        for (uint32_t i = 0; i < width; i++) {
            out->rows[out->count] = self->rows[self->row_at + i];
            out->sets[out->count++] = self->set_at;
        }
        if (++self->set_at == spec->set_count) {
            self->set_at = 0;
            self->row_at += width;
        }
    }
    return LT_OK;
}

static lt_status put_column(expand_op *self, uint32_t at, uint32_t from, const copies *what,
                            lt_error *err)
{
    lt_batch *batch = self->box.batch;
    if (!lt_col_put(&batch->cols[at], batch->row_count, self->box.capacity,
                    &self->pending->cols[from], what->rows, what->count, true, batch->arena)) {
        return lt_error_nomem(err, "rows of grouping sets");
    }
    return LT_OK;
}

/* Takes away what the sets of the rows lack. */
static lt_status clear_absent(expand_op *self, uint32_t at, uint32_t key, const copies *what,
                              lt_error *err)
{
    const lt_expand_spec *spec = self->op.spec;
    lt_batch *batch = self->box.batch;
    uint64_t *valid = lt_col_need_valid(&batch->cols[at], self->box.capacity, batch->arena);
    if (!valid) {
        return lt_error_nomem(err, "rows of grouping sets");
    }
    for (uint32_t i = 0; i < what->count; i++) {
        if ((spec->sets[what->sets[i]] >> key & 1) == 0) {
            lt_bit_clear(valid, batch->row_count + i);
        }
    }
    return LT_OK;
}

static lt_status fill_batch(expand_op *self, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_expand_spec *spec = op->spec;
    copies what;
    LT_TRY(lt_outbox_need(op, &self->box, err));
    LT_TRY(choose_copies(self, &what, err));
    lt_batch *batch = self->box.batch;
    uint32_t at = 0;
    for (uint32_t c = 0; c < spec->col_count; c++) {
        LT_TRY(put_column(self, at++, spec->cols[c], &what, err));
    }
    for (uint32_t k = 0; k < spec->key_count; k++) {
        LT_TRY(put_column(self, at, spec->keys[k], &what, err));
        LT_TRY(clear_absent(self, at++, k, &what, err));
    }
    int64_t *number = LT_COL_DATA(&batch->cols[at], int64_t) + batch->row_count;
    for (uint32_t i = 0; i < what.count; i++) {
        number[i] = what.sets[i];
    }
    for (uint32_t i = 0; batch->kinds && i < what.count; i++) {
        batch->kinds[batch->row_count + i] = lt_batch_kind(self->pending, what.rows[i]);
    }
    batch->row_count += what.count;
    batch->sel_count = batch->row_count;
    return LT_OK;
}

static lt_status expand_more(expand_op *self, lt_emit *out, lt_error *err)
{
    lt_outbox *box = &self->box;
    const lt_batch *in = self->pending;
    while (self->row_at < self->row_count) {
        if (lt_outbox_room(box) < update_width(self)) {
            LT_TRY(lt_outbox_flush(box, out, err));
        }
        LT_TRY(fill_batch(self, err));
    }
    for (; self->mark_at < in->mark_count; self->mark_at++) {
        LT_TRY(lt_outbox_mark(&self->op, box, in->marks[self->mark_at].watermark, err));
    }
    return lt_outbox_flush(box, out, err);
}

static lt_status expand_run(expand_op *self, lt_emit *out, lt_error *err)
{
    self->rows = lt_op_live_rows(self->pending, self->op.scratch);
    self->row_count = lt_batch_live(self->pending);
    lt_status st =
        self->rows ? expand_more(self, out, err) : lt_error_nomem(err, "rows of grouping sets");
    if (st != LT_FULL) {
        lt_batch_unref(self->pending);
        self->pending = NULL;
    }
    return st;
}

static lt_status expand_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    expand_op *self = (expand_op *)op;
    (void)input_no;
    if (in->mark_count > 0) {
        op->watermark = LT_MAX(op->watermark, in->marks[in->mark_count - 1].watermark);
    }
    op->ledger.used += lt_batch_live(in);
    self->pending = lt_batch_ref(in);
    self->box.arrival_us = in->arrival_us;
    lt_outbox_init(op, &self->box, in->kinds != NULL);
    self->row_at = 0;
    self->mark_at = 0;
    self->set_at = 0;
    return expand_run(self, out, err);
}

static lt_status expand_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    expand_op *self = (expand_op *)op;
    LT_ASSERT(self->pending != NULL);
    return expand_run(self, out, err);
}

const lt_op_class lt_op_expand = {
    .name = "Expand",
    .self_size = sizeof(expand_op),
    .marks = LT_MARKS_OWN,
    .open = expand_open,
    .on_batch = expand_on_batch,
    .resume = expand_resume,
    .close = expand_close,
};
