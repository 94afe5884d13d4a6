/* UNNEST: every row once per element of a collection in it, the element's values appended. Nothing
 * is kept; row kinds are those of the row, so that what is taken back is taken back element by
 * element. A row without elements is dropped, or comes once with NULLs (LEFT JOIN).
 *
 * An element of a MULTISET comes as often as it is in it. A BIGINT in place of a collection says
 * how often the row itself comes (INTERSECT ALL, EXCEPT ALL). Marks stand before the first copy of
 * the row that they stand before. */
#include "op/op_int.h"
#include "op/specs.h"

#define NO_ELEMENT UINT32_MAX

typedef struct {
    lt_op op;
    lt_outbox box;
    lt_batch *pending; /* the input while a cursor is open */
    uint32_t row_at;   /* among the live rows */
    uint32_t copy_at;  /* of the row's copies */
    uint32_t element;  /* of the row, and */
    int64_t repeat;    /* how often it has come */
    uint32_t mark_at;
} unnest_op;

/* A stretch of output rows. */
typedef struct {
    uint32_t *rows;     /* input rows */
    uint32_t *elements; /* index in the collection's children; NO_ELEMENT = NULLs */
    int32_t *ordinals;
    uint32_t count;
} stretch;

static lt_status unnest_open(lt_op *op, lt_error *err)
{
    unnest_op *self = (unnest_op *)op;
    (void)err;
    lt_outbox_init(op, &self->box, false);
    return LT_OK;
}

static void unnest_close(lt_op *op)
{
    unnest_op *self = (unnest_op *)op;
    lt_batch_unref(self->pending);
    lt_outbox_deinit(&self->box);
}

static const lt_col *collection_of(const unnest_op *self)
{
    const lt_unnest_spec *spec = self->op.spec;
    return &self->pending->cols[spec->column];
}

/* A number of copies instead of a collection counts as one element without values. */
static bool is_number(const lt_col *list)
{
    return list->phys == LT_PHYS_I64;
}

static lt_span span_of(const lt_col *list, uint32_t row)
{
    if (is_number(list)) {
        return (lt_span){row, lt_col_is_null(list, row) ? 0 : 1};
    }
    return lt_col_is_null(list, row) ? (lt_span){0, 0} : LT_COL_DATA(list, const lt_span)[row];
}

/* The fields of an element are columns. */
static bool expands_rows(const lt_col *list)
{
    return list->type->kind != LT_TYPE_MAP && list->children[0].phys == LT_PHYS_STRUCT;
}

/* How often the element comes: a ROW that is NULL does not, as in Flink. */
static int64_t times(const lt_col *list, uint32_t element)
{
    if (is_number(list)) {
        return LT_COL_DATA(list, const int64_t)[element];
    }
    if (expands_rows(list) && lt_col_is_null(&list->children[0], element)) {
        return 0;
    }
    if (list->type->kind != LT_TYPE_MULTISET) {
        return 1;
    }
    const lt_col *counts = &list->children[1];
    return lt_col_is_null(counts, element) ? 0 : LT_COL_DATA(counts, const int32_t)[element];
}

/* The next output row of the row at the cursor; false = it has no more. */
static bool next_copy(unnest_op *self, const lt_col *list, lt_span span, uint32_t *element)
{
    const lt_unnest_spec *spec = self->op.spec;
    while (self->element < span.count) {
        uint32_t at = span.start + self->element;
        if (self->repeat < times(list, at)) {
            self->repeat++;
            *element = at;
            return true;
        }
        self->element++;
        self->repeat = 0;
    }
    *element = NO_ELEMENT;
    return spec->outer && self->copy_at == 0;
}

static lt_status take_marks(unnest_op *self, uint32_t row, uint32_t at, lt_error *err)
{
    lt_batch *in = self->pending;
    while (self->mark_at < in->mark_count && in->marks[self->mark_at].first_row <= row) {
        if (!lt_batch_add_mark(self->box.batch, at, in->marks[self->mark_at++].watermark)) {
            return lt_error_nomem(err, "watermark marks");
        }
    }
    return LT_OK;
}

/* Moves the cursor over as many output rows as fit. */
static lt_status walk(unnest_op *self, uint32_t room, stretch *out, lt_error *err)
{
    lt_batch *in = self->pending;
    lt_batch *batch = self->box.batch;
    const lt_col *list = collection_of(self);
    uint32_t live = lt_batch_live(in);
    while (self->row_at < live && out->count < room) {
        uint32_t row = lt_batch_row(in, self->row_at);
        uint32_t element;
        if (self->copy_at == 0) {
            LT_TRY(take_marks(self, row, batch->row_count + out->count, err));
        }
        if (!next_copy(self, list, span_of(list, row), &element)) {
            *(self->copy_at > 0 ? &self->op.ledger.used : &self->op.ledger.filtered) += 1;
            self->row_at++;
            self->copy_at = self->element = 0;
            self->repeat = 0;
            continue;
        }
        self->copy_at++;
        out->rows[out->count] = row;
        out->elements[out->count] = element;
        out->ordinals[out->count] = (int32_t)self->copy_at;
        if (batch->kinds) {
            batch->kinds[batch->row_count + out->count] = lt_batch_kind(in, row);
        }
        out->count++;
    }
    return LT_OK;
}

/* ---- values ---- */

static bool set_null(unnest_op *self, lt_col *dst, uint32_t row)
{
    uint64_t *valid = lt_col_need_valid(dst, self->box.capacity, self->box.batch->arena);
    if (valid) {
        lt_bit_clear(valid, row);
    }
    return valid != NULL;
}

/* Values of elements, NULL where there is none. */
static bool put_values(unnest_op *self, lt_col *dst, const lt_col *list, uint32_t value,
                       const stretch *s)
{
    const lt_col *element = &list->children[list->type->kind == LT_TYPE_MAP ? value : 0];
    const lt_col *src = expands_rows(list) ? &element->children[value] : element;
    uint32_t base = self->box.batch->row_count;
    for (uint32_t i = 0; i < s->count;) {
        uint32_t end = i;
        bool none = s->elements[i] == NO_ELEMENT;
        while (end < s->count && (s->elements[end] == NO_ELEMENT) == none) {
            end++;
        }
        if (!none && !lt_col_put(dst, base + i, self->box.capacity, src, s->elements + i, end - i,
                                 true, self->box.batch->arena)) {
            return false;
        }
        for (; none && i < end; i++) {
            if (!set_null(self, dst, base + i)) {
                return false;
            }
        }
        i = end;
    }
    return true;
}

static bool put_ordinals(unnest_op *self, lt_col *dst, const stretch *s)
{
    uint32_t base = self->box.batch->row_count;
    for (uint32_t i = 0; i < s->count; i++) {
        LT_COL_DATA(dst, int32_t)[base + i] = s->ordinals[i];
        if (s->elements[i] == NO_ELEMENT && !set_null(self, dst, base + i)) {
            return false;
        }
    }
    return true;
}

static lt_status fill_batch(unnest_op *self, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_unnest_spec *spec = op->spec;
    LT_TRY(lt_outbox_need(op, &self->box, err));
    uint32_t room = lt_outbox_room(&self->box);
    lt_batch *in = self->pending, *batch = self->box.batch;
    stretch s = {.rows = LT_NEW_ARRAY(op->scratch, uint32_t, room + 1),
                 .elements = LT_NEW_ARRAY(op->scratch, uint32_t, room + 1),
                 .ordinals = LT_NEW_ARRAY(op->scratch, int32_t, room + 1)};
    if (!s.rows || !s.elements || !s.ordinals) {
        return lt_error_nomem(err, "rows of elements");
    }
    LT_TRY(walk(self, room, &s, err));
    for (uint32_t c = 0; c < batch->col_count; c++) {
        lt_col *dst = &batch->cols[c];
        uint32_t from = spec->out[c];
        bool done;
        if (from < in->col_count) {
            done = lt_col_put(dst, batch->row_count, self->box.capacity, &in->cols[from], s.rows,
                              s.count, true, batch->arena);
        } else if (from - in->col_count < spec->value_count) {
            done = put_values(self, dst, collection_of(self), from - in->col_count, &s);
        } else {
            done = put_ordinals(self, dst, &s);
        }
        if (!done) {
            return lt_error_nomem(err, "rows of elements");
        }
    }
    batch->row_count += s.count;
    batch->sel_count = batch->row_count;
    return LT_OK;
}

/* ---- callbacks ---- */

static lt_status go_on(unnest_op *self, lt_emit *out, lt_error *err)
{
    lt_batch *in = self->pending;
    uint32_t live = lt_batch_live(in);
    while (self->row_at < live) {
        if (lt_outbox_room(&self->box) == 0) {
            LT_TRY(lt_outbox_flush(&self->box, out, err));
        }
        LT_TRY(fill_batch(self, err));
    }
    for (; self->mark_at < in->mark_count; self->mark_at++) {
        LT_TRY(lt_outbox_mark(&self->op, &self->box, in->marks[self->mark_at].watermark, err));
    }
    return lt_outbox_flush(&self->box, out, err);
}

/* Rows that the cursor has not passed are held, as long as it is open. */
static lt_status run(unnest_op *self, lt_emit *out, lt_error *err)
{
    lt_status st = go_on(self, out, err);
    if (st == LT_FULL) {
        self->op.ledger.held = lt_batch_live(self->pending) - self->row_at;
        return st;
    }
    self->op.ledger.held = 0;
    lt_batch_unref(self->pending);
    self->pending = NULL;
    return st;
}

static lt_status unnest_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    unnest_op *self = (unnest_op *)op;
    (void)input_no;
    if (in->mark_count > 0) {
        op->watermark = LT_MAX(op->watermark, in->marks[in->mark_count - 1].watermark);
    }
    self->pending = lt_batch_ref(in);
    self->box.arrival_us = in->arrival_us;
    self->box.kinds = in->kinds != NULL;
    self->row_at = self->copy_at = self->element = self->mark_at = 0;
    self->repeat = 0;
    return run(self, out, err);
}

static lt_status unnest_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    unnest_op *self = (unnest_op *)op;
    LT_ASSERT(self->pending != NULL);
    return run(self, out, err);
}

const lt_op_class lt_op_unnest = {
    .name = "Unnest",
    .self_size = sizeof(unnest_op),
    .marks = LT_MARKS_OWN,
    .open = unnest_open,
    .on_batch = unnest_on_batch,
    .resume = unnest_resume,
    .close = unnest_close,
};
