/* Replays a stream at the speed of its event time: a row is let through when (its time - the first
 * row's time) / speed has passed since the first row. Rows and watermarks keep their order, so a
 * row behind an earlier one waits with it, and the end of input follows the last row.
 *
 * What waits lies in the table `held`, numbered: a row as bytes, or a watermark. At most HELD_MAX
 * items are taken in, so that checkpoints pass while rows wait; beyond that the input batch is kept
 * as an open cursor (LT_FULL) until there is room, which stops the producer. wake_mono_ns says when
 * the next item is due; resume() before that time does nothing.
 *
 * The clock starts again after a restore: time that passed while the job was stopped does not
 * count. */
#include <stddef.h>

#include "op/op_int.h"
#include "op/specs.h"

#define HELD_MAX     262144
#define RELEASE_ROWS 1024

typedef enum { ITEM_ROW, ITEM_ROW_NOW, ITEM_MARK } item_what; /* ROW_NOW: a row without a time */

typedef struct {
    int64_t event_ms; /* of a row; the watermark of a mark */
    uint32_t what;
    uint32_t kind;
    lt_cell row;
} held_item;

static const uint32_t held_cells[1] = {offsetof(held_item, row)};

typedef struct {
    lt_op op;
    lt_table *held;
    lt_rowcodec *row_codec;
    lt_outbox box;
    lt_arena *chunk;
    int64_t first_seq; /* first item that waits; saved */
    int64_t next_seq;  /* saved */
    bool started;
    int64_t base_event_ms;
    int64_t base_mono_ns;
    lt_batch *pending; /* cursor: a batch not taken in yet */
} pace_op;

static lt_status pace_open(lt_op *op, lt_error *err)
{
    pace_op *self = (pace_op *)op;
    const lt_schema *schema = op->in_schemas[0];
    const lt_type **types = LT_NEW_ARRAY(op->arena, const lt_type *, (size_t)schema->count + 1);
    const lt_type *bigint = lt_type_new(op->arena, LT_TYPE_BIGINT, false);
    if (!types || !bigint) {
        return lt_error_nomem(err, "pacing");
    }
    for (uint32_t c = 0; c < schema->count; c++) {
        types[c] = schema->fields[c].type;
    }
    self->row_codec = lt_rowcodec_new(op->arena, types, schema->count, false);
    lt_rowcodec *seq_codec = lt_rowcodec_new(op->arena, &bigint, 1, false);
    if (!self->row_codec || !seq_codec) {
        return lt_error_nomem(err, "pacing");
    }
    lt_outbox_init(op, &self->box, true);
    LT_TRY(lt_op_chunk_new(op, &self->chunk, err));
    const lt_table_decl decl = {.name = "held",
                                .key = seq_codec,
                                .value_size = sizeof(held_item),
                                .cell_offsets = held_cells,
                                .cell_count = 1};
    return lt_state_table(op->state, &decl, &self->held, err);
}

static void pace_close(lt_op *op)
{
    pace_op *self = (pace_op *)op;
    lt_outbox_deinit(&self->box);
    lt_batch_unref(self->pending);
    lt_arena_free(self->chunk);
}

/* ---- time ---- */

static int64_t due_mono_ns(pace_op *self, int64_t event_ms)
{
    const lt_pace_spec *spec = self->op.spec;
    if (!self->started) {
        self->started = true;
        self->base_event_ms = event_ms;
        self->base_mono_ns = self->op.env->mono_ns(self->op.env);
    }
    double passed = ((double)event_ms - (double)self->base_event_ms) * 1e6;
    double wait = spec->speed > 0 ? passed / spec->speed : 0;
    if (!(wait > 0)) {
        return self->base_mono_ns;
    }
    return wait < 4e18 ? self->base_mono_ns + (int64_t)wait : INT64_MAX - 1;
}

/* ---- taking in ---- */

static lt_status item_get(pace_op *self, int64_t seq, bool create, held_item **out, lt_error *err)
{
    uint8_t key[8];
    void *value = NULL;
    for (unsigned i = 0; i < 8; i++) {
        key[i] = (uint8_t)((uint64_t)seq >> (8 * i));
    }
    LT_TRY(lt_table_get(self->held, key, 8, lt_row_hash(key, 8), create, &value, NULL, err));
    LT_ASSERT(value != NULL);
    *out = value;
    return LT_OK;
}

static lt_status hold_mark(pace_op *self, int64_t watermark, lt_error *err)
{
    held_item *item = NULL;
    LT_TRY(item_get(self, self->next_seq++, true, &item, err));
    item->what = ITEM_MARK;
    item->event_ms = watermark;
    return LT_OK;
}

static lt_status hold_row(pace_op *self, const lt_batch *in, uint32_t row, const lt_rows *encoded,
                          uint32_t i, lt_error *err)
{
    const lt_pace_spec *spec = self->op.spec;
    const lt_col *time = &in->cols[spec->time_col];
    held_item *item = NULL;
    LT_TRY(item_get(self, self->next_seq++, true, &item, err));
    bool null = lt_col_is_null(time, row);
    item->what = null ? ITEM_ROW_NOW : ITEM_ROW;
    item->event_ms = null ? 0 : lt_op_time_ms(time, row);
    item->kind = lt_batch_kind(in, row);
    if (!lt_cells_set(lt_table_cells(self->held), &item->row, lt_rows_ptr(encoded, i),
                      lt_rows_len(encoded, i))) {
        return lt_error_nomem(err, "rows that wait");
    }
    return LT_OK;
}

static lt_status take_in(pace_op *self, const lt_batch *in, lt_error *err)
{
    lt_op *op = &self->op;
    uint32_t *rows = lt_op_live_rows(in, op->scratch);
    const lt_col **cols = LT_NEW_ARRAY(op->scratch, const lt_col *, (size_t)in->col_count + 1);
    uint32_t count = lt_batch_live(in);
    lt_rows encoded = {0};
    if (!rows || !cols) {
        return lt_error_nomem(err, "rows that wait");
    }
    for (uint32_t c = 0; c < in->col_count; c++) {
        cols[c] = &in->cols[c];
    }
    if (count > 0) { /* a batch of marks alone has no columns */
        LT_TRY(lt_rowcodec_encode(self->row_codec, cols, rows, count, op->scratch, &encoded, err));
    }
    uint32_t mark = 0;
    for (uint32_t i = 0; i < count; i++) {
        for (; mark < in->mark_count && in->marks[mark].first_row <= rows[i]; mark++) {
            LT_TRY(hold_mark(self, in->marks[mark].watermark, err));
        }
        LT_TRY(hold_row(self, in, rows[i], &encoded, i, err));
    }
    for (; mark < in->mark_count; mark++) {
        LT_TRY(hold_mark(self, in->marks[mark].watermark, err));
    }
    return LT_OK;
}

static bool has_room(const pace_op *self, const lt_batch *in)
{
    int64_t waiting = self->next_seq - self->first_seq;
    return waiting == 0 || waiting + lt_batch_live(in) + in->mark_count <= HELD_MAX;
}

/* ---- letting out ---- */

/* Items from first_seq on that are due; a mark is due with what stands before it. */
static lt_status list_due(pace_op *self, held_item **items, uint32_t max, uint32_t *count,
                          lt_error *err)
{
    int64_t now = self->op.env->mono_ns(self->op.env);
    *count = 0;
    self->op.wake_mono_ns = INT64_MAX;
    while (*count < max && self->first_seq + *count < self->next_seq) {
        held_item *item = NULL;
        LT_TRY(item_get(self, self->first_seq + *count, false, &item, err));
        if (item->what == ITEM_ROW) {
            int64_t due = due_mono_ns(self, item->event_ms);
            if (due > now) {
                self->op.wake_mono_ns = due;
                return LT_OK;
            }
        }
        items[(*count)++] = item;
    }
    return LT_OK;
}

/* Writes the items and removes them from the state. */
static lt_status let_out(pace_op *self, held_item **items, uint32_t count, lt_error *err)
{
    lt_op *op = &self->op;
    lt_arena_reset(self->chunk, LT_OP_CHUNK_KEEP);
    const uint8_t **ptrs = LT_NEW_ARRAY(self->chunk, const uint8_t *, count);
    uint32_t *lens = LT_NEW_ARRAY(self->chunk, uint32_t, count);
    lt_col **refs = LT_NEW_ARRAY(self->chunk, lt_col *, (size_t)op->out_schema->count + 1);
    if (!ptrs || !lens || !refs) {
        return lt_error_nomem(err, "rows that wait");
    }
    uint32_t rows = 0;
    for (uint32_t i = 0; i < count; i++) {
        rows += items[i]->what != ITEM_MARK;
    }
    LT_TRY(lt_outbox_begin(op, &self->box, rows, self->chunk, err));
    lt_batch *batch = self->box.batch;
    uint32_t base = batch->row_count;
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (items[i]->what == ITEM_MARK) {
            if (!lt_batch_add_mark(batch, base + at, items[i]->event_ms)) {
                return lt_error_nomem(err, "watermark marks");
            }
            op->watermark = LT_MAX(op->watermark, items[i]->event_ms);
            continue;
        }
        ptrs[at] = items[i]->row.ptr;
        lens[at] = items[i]->row.len;
        batch->kinds[base + at++] = (uint8_t)items[i]->kind;
    }
    for (uint32_t c = 0; c < op->out_schema->count; c++) {
        refs[c] = &self->box.cols[c];
    }
    LT_TRY(lt_rowcodec_decode(self->row_codec, ptrs, lens, rows, self->box.capacity, true,
                              batch->arena, refs, err));
    LT_TRY(lt_outbox_commit(op, &self->box, rows, err));
    for (uint32_t i = 0; i < count; i++) {
        lt_table_remove(self->held, items[i]);
    }
    self->first_seq += count;
    op->ledger.held -= rows;
    op->ledger.used += rows;
    return LT_OK;
}

static lt_status release(pace_op *self, lt_emit *out, lt_error *err)
{
    held_item *items[RELEASE_ROWS];
    for (;;) {
        if (lt_outbox_room(&self->box) == 0) {
            LT_TRY(lt_outbox_flush(&self->box, out, err));
        }
        uint32_t max = LT_MIN(lt_outbox_room(&self->box), (uint32_t)RELEASE_ROWS);
        uint32_t count = 0;
        LT_TRY(list_due(self, items, max, &count, err));
        if (count == 0) {
            break;
        }
        LT_TRY(let_out(self, items, count, err));
    }
    return lt_outbox_flush(&self->box, out, err);
}

/* ---- callbacks ---- */

static lt_status pace_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    pace_op *self = (pace_op *)op;
    LT_TRY(release(self, out, err));
    if (!self->pending) {
        return LT_OK;
    }
    if (!has_room(self, self->pending)) {
        return LT_FULL; /* until wake_mono_ns */
    }
    LT_TRY(take_in(self, self->pending, err));
    lt_batch_unref(self->pending);
    self->pending = NULL;
    return release(self, out, err);
}

static lt_status pace_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    pace_op *self = (pace_op *)op;
    (void)input_no;
    LT_ASSERT(self->pending == NULL);
    op->ledger.held += lt_batch_live(in);
    self->box.arrival_us = in->arrival_us;
    self->pending = lt_batch_ref(in);
    return pace_resume(op, out, err);
}

static lt_status pace_on_timer(lt_op *op, int64_t mono_ns, lt_emit *out, lt_error *err)
{
    (void)mono_ns;
    return pace_resume(op, out, err);
}

static lt_status pace_save(const lt_op *op, lt_text *to, lt_error *err)
{
    const pace_op *self = (const pace_op *)op;
    (void)err;
    lt_op_save_i64(to, self->first_seq);
    lt_op_save_i64(to, self->next_seq);
    return LT_OK;
}

static lt_status pace_load(lt_op *op, lt_str from, lt_error *err)
{
    pace_op *self = (pace_op *)op;
    LT_TRY(lt_op_load_i64(from, 0, &self->first_seq, err));
    LT_TRY(lt_op_load_i64(from, 1, &self->next_seq, err));
    op->wake_mono_ns = 0; /* what waits is looked at soon */
    return LT_OK;
}

const lt_op_class lt_op_pace = {
    .name = "Pace",
    .self_size = sizeof(pace_op),
    .marks = LT_MARKS_OWN,
    .open = pace_open,
    .on_batch = pace_on_batch,
    .resume = pace_resume,
    .on_timer = pace_on_timer,
    .save = pace_save,
    .load = pace_load,
    .close = pace_close,
};
