/* Top-N within windows: ROW_NUMBER per (partition, window), emitted when the window closes. Only
 * the best rank_max rows of a partition are kept.
 *
 * State: per window end, partition -> { heap, blob }. The blob holds kept rows back to back, the
 * heap their offsets with the worst at the root:
 *
 *   heap   | offset (4) | offset | ...
 *   blob   | sequence (8) | order length (4) | row length (4) | order key | encoded row | ...
 *
 * Order keys compare by memcmp; among equals the earlier row is better. A row that is pushed out
 * leaves a hole in the blob, which is closed when holes take more than half of it. */
#include <stddef.h>

#include "op/ranked.h"
#include "op/window_math.h"

#define ITEM_HEAD 16

typedef struct {
    int64_t holes; /* bytes of the blob that no heap entry uses */
    lt_cell heap;
    lt_cell blob;
} topn_record;

typedef struct {
    lt_op op;
    lt_window_math math;
    lt_ranked ranked;
    lt_order_codec order;
    lt_slices *windows;
    lt_outbox box;
    lt_arena *chunk;
    int64_t next_seq; /* saved */
    /* Cursor: only set while a callback has not finished. */
    bool firing;
    int64_t fire_end;
    int64_t fire_until; /* the watermark */
    lt_table *fire_from;
    uint64_t fire_scan;
    topn_record *fire_record; /* the partition being written, or NULL */
    uint32_t fire_item;
} topn_op;

static const uint32_t topn_cells[2] = {offsetof(topn_record, heap), offsetof(topn_record, blob)};

static lt_status topn_open(lt_op *op, lt_error *err)
{
    topn_op *self = (topn_op *)op;
    const lt_window_topn_spec *spec = op->spec;
    LT_ASSERT(spec->rank_min >= 1);
    LT_ASSERT(op->out_schema->count == op->in_schemas[0]->count + (spec->rank_output ? 1 : 0));
    const lt_window window = {
        .ltz = spec->ltz, .attached = true, .start_col = spec->start_col, .end_col = spec->end_col};
    lt_window_math_init(&self->math, &window, op);
    lt_outbox_init(op, &self->box, false);
    LT_TRY(lt_op_chunk_new(op, &self->chunk, err));
    LT_TRY(lt_ranked_init(op, &self->ranked, spec->partition, spec->partition_count, err));
    LT_TRY(lt_order_codec_init(op, spec->order, spec->order_count, &self->order, err));
    const lt_table_decl decl = {.name = "windows",
                                .key = self->ranked.partition_codec,
                                .value_size = sizeof(topn_record),
                                .cell_offsets = topn_cells,
                                .cell_count = LT_COUNT_OF(topn_cells),
                                .group_fields = spec->partition_count};
    return lt_state_slices(op->state, &decl, &self->windows, err);
}

static void topn_close(lt_op *op)
{
    topn_op *self = (topn_op *)op;
    lt_outbox_deinit(&self->box);
    lt_arena_free(self->chunk);
}

/* ---- items ---- */

typedef struct {
    int64_t seq;
    uint32_t order_len;
    uint32_t row_len;
    const uint8_t *order;
    const uint8_t *row;
} topn_item;

static topn_item item_at(const topn_record *record, uint32_t offset)
{
    const uint8_t *at = record->blob.ptr + offset;
    topn_item item;
    LT_ASSERT(offset + ITEM_HEAD <= record->blob.len);
    memcpy(&item.seq, at, 8);
    memcpy(&item.order_len, at + 8, 4);
    memcpy(&item.row_len, at + 12, 4);
    item.order = at + ITEM_HEAD;
    item.row = item.order + item.order_len;
    LT_ASSERT(offset + ITEM_HEAD + item.order_len + item.row_len <= record->blob.len);
    return item;
}

/* < 0: a is better. */
static int item_cmp(const topn_item *a, const topn_item *b)
{
    int cmp = memcmp(a->order, b->order, LT_MIN(a->order_len, b->order_len));
    if (cmp == 0 && a->order_len != b->order_len) {
        cmp = a->order_len < b->order_len ? -1 : 1;
    }
    if (cmp == 0) {
        cmp = a->seq < b->seq ? -1 : a->seq > b->seq;
    }
    return cmp;
}

static uint32_t *heap_of(const topn_record *record, uint32_t *count)
{
    *count = record->heap.len / 4;
    return (uint32_t *)(void *)record->heap.ptr;
}

static bool worse(const topn_record *record, uint32_t a, uint32_t b)
{
    topn_item x = item_at(record, a);
    topn_item y = item_at(record, b);
    return item_cmp(&x, &y) > 0;
}

static void sift_up(const topn_record *record, uint32_t *heap, uint32_t at)
{
    while (at > 0 && worse(record, heap[at], heap[(at - 1) / 2])) {
        uint32_t up = heap[(at - 1) / 2];
        heap[(at - 1) / 2] = heap[at];
        heap[at] = up;
        at = (at - 1) / 2;
    }
}

static void sift_down(const topn_record *record, uint32_t *heap, uint32_t count)
{
    uint32_t at = 0;
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && worse(record, heap[child + 1], heap[child])) {
            child++;
        }
        if (!worse(record, heap[child], heap[at])) {
            return;
        }
        uint32_t down = heap[child];
        heap[child] = heap[at];
        heap[at] = down;
        at = child;
    }
}

/* Closes the holes of a blob. */
static lt_status close_holes(topn_op *self, lt_cells *cells, topn_record *record, lt_error *err)
{
    if (record->holes * 2 <= (int64_t)record->blob.len) {
        return LT_OK;
    }
    uint32_t count = 0;
    uint32_t *heap = heap_of(record, &count);
    uint32_t size = record->blob.len - (uint32_t)record->holes;
    uint8_t *bytes = lt_arena_alloc(self->op.scratch, (size_t)size + 1, 8);
    if (!bytes) {
        return lt_error_nomem(err, "top-n rows");
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        topn_item item = item_at(record, heap[i]);
        uint32_t len = ITEM_HEAD + item.order_len + item.row_len;
        memcpy(bytes + at, record->blob.ptr + heap[i], len);
        heap[i] = at;
        at += len;
    }
    LT_ASSERT(at == size);
    record->holes = 0;
    return lt_cells_set(cells, &record->blob, bytes, size) ? LT_OK
                                                           : lt_error_nomem(err, "top-n rows");
}

static lt_status append_item(lt_cells *cells, topn_record *record, const topn_item *item,
                             lt_error *err)
{
    uint8_t head[ITEM_HEAD];
    memcpy(head, &item->seq, 8);
    memcpy(head + 8, &item->order_len, 4);
    memcpy(head + 12, &item->row_len, 4);
    bool ok = lt_cells_append(cells, &record->blob, head, ITEM_HEAD) &&
              lt_cells_append(cells, &record->blob, item->order, item->order_len) &&
              lt_cells_append(cells, &record->blob, item->row, item->row_len);
    return ok ? LT_OK : lt_error_nomem(err, "top-n rows");
}

/* Keeps the item if it is among the best; what is pushed out was filtered. */
static lt_status offer(topn_op *self, lt_cells *cells, topn_record *record, const topn_item *item,
                       lt_error *err)
{
    const lt_window_topn_spec *spec = self->op.spec;
    uint32_t count = 0;
    uint32_t *heap = heap_of(record, &count);
    uint32_t offset = record->blob.len;
    if ((int64_t)count < spec->rank_max) {
        LT_TRY(append_item(cells, record, item, err));
        if (!lt_cells_append(cells, &record->heap, &offset, 4)) {
            return lt_error_nomem(err, "top-n rows");
        }
        sift_up(record, heap_of(record, &count), record->heap.len / 4 - 1);
        self->op.ledger.held++;
        return LT_OK;
    }
    self->op.ledger.filtered++;
    if (count == 0) {
        return LT_OK;
    }
    topn_item worst = item_at(record, heap[0]);
    if (item_cmp(item, &worst) > 0) {
        return LT_OK;
    }
    record->holes += ITEM_HEAD + worst.order_len + worst.row_len;
    LT_TRY(append_item(cells, record, item, err));
    heap[0] = offset;
    sift_down(record, heap, count);
    return close_holes(self, cells, record, err);
}

/* ---- input ---- */

/* Late rows go; the others stay on the list, with their windows. */
static uint32_t judge(topn_op *self, const lt_batch *in, uint32_t *rows, int64_t *ends,
                      uint32_t count)
{
    const lt_col *end_col = &in->cols[self->math.spec.end_col];
    uint32_t kept = 0;
    int64_t known = 0;
    bool open = false;
    for (uint32_t i = 0; i < count; i++) {
        if (lt_col_is_null(end_col, rows[i])) {
            self->op.ledger.filtered++;
            continue;
        }
        int64_t end = lt_op_time_ms(end_col, rows[i]);
        if (i == 0 || end != known) {
            known = end;
            open = lt_window_close(&self->math, end) > self->op.watermark;
        }
        if (!open) {
            self->op.ledger.late++;
            continue;
        }
        ends[kept] = end;
        rows[kept++] = rows[i];
    }
    return kept;
}

static lt_status add_rows(topn_op *self, const lt_batch *in, const uint32_t *rows,
                          const int64_t *ends, uint32_t count, lt_error *err)
{
    const lt_row_pick pick = {in, rows, count, self->op.scratch};
    lt_rows partitions;
    lt_rows encoded;
    lt_order_keys order;
    LT_TRY(lt_ranked_partitions(&self->ranked, &pick, &partitions, err));
    LT_TRY(lt_ranked_rows(&self->ranked, &pick, &encoded, err));
    LT_TRY(lt_order_encode(&self->order, &pick, &order, err));
    lt_table *table = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || ends[i] != ends[i - 1]) {
            LT_TRY(lt_slices_get(self->windows, ends[i], true, &table, err));
        }
        void *record = NULL;
        LT_TRY(lt_table_get(table, lt_rows_ptr(&partitions, i), lt_rows_len(&partitions, i),
                            partitions.hashes[i], true, &record, NULL, err));
        lt_str key = lt_order_key(&order, i);
        const topn_item item = {self->next_seq++, (uint32_t)key.len, lt_rows_len(&encoded, i),
                                (const uint8_t *)key.ptr, lt_rows_ptr(&encoded, i)};
        LT_TRY(offer(self, lt_table_cells(table), record, &item, err));
    }
    return LT_OK;
}

static lt_status topn_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    topn_op *self = (topn_op *)op;
    (void)input_no;
    (void)out;
    LT_ASSERT(!self->firing && in->mark_count == 0);
    uint32_t count = lt_batch_live(in);
    uint32_t *rows = lt_op_live_rows(in, op->scratch);
    int64_t *ends = lt_arena_alloc(op->scratch, sizeof *ends * ((size_t)count + 1), 8);
    if (!rows || !ends) {
        return lt_error_nomem(err, "top-n rows");
    }
    self->box.arrival_us = in->arrival_us;
    count = judge(self, in, rows, ends, count);
    return count == 0 ? LT_OK : add_rows(self, in, rows, ends, count, err);
}

/* ---- firing ---- */

/* Heap sort in place: the best comes first. The record is not used as a heap again. */
static void sort_record(topn_record *record)
{
    uint32_t count = 0;
    uint32_t *heap = heap_of(record, &count);
    for (uint32_t left = count; left > 1; left--) {
        uint32_t worst = heap[0];
        heap[0] = heap[left - 1];
        heap[left - 1] = worst;
        sift_down(record, heap, left - 1);
    }
}

static lt_status write_rows(topn_op *self, uint32_t from, uint32_t count, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_window_topn_spec *spec = op->spec;
    lt_arena_reset(self->chunk, LT_OP_CHUNK_KEEP);
    LT_TRY(lt_outbox_begin(op, &self->box, count, self->chunk, err));
    uint32_t width = op->in_schemas[0]->count;
    const uint8_t **ptrs = LT_NEW_ARRAY(self->chunk, const uint8_t *, count);
    uint32_t *lens = LT_NEW_ARRAY(self->chunk, uint32_t, count);
    lt_col **refs = LT_NEW_ARRAY(self->chunk, lt_col *, (size_t)width + 1);
    if (!ptrs || !lens || !refs) {
        return lt_error_nomem(err, "top-n rows");
    }
    for (uint32_t c = 0; c < width; c++) {
        refs[c] = &self->box.cols[c];
    }
    uint32_t total = 0;
    const uint32_t *heap = heap_of(self->fire_record, &total);
    for (uint32_t i = 0; i < count; i++) {
        topn_item item = item_at(self->fire_record, heap[from + i]);
        ptrs[i] = item.row;
        lens[i] = item.row_len;
        if (spec->rank_output) {
            LT_COL_DATA(&self->box.cols[width], int64_t)[i] = (int64_t)from + i + 1;
        }
    }
    LT_TRY(lt_rowcodec_decode(self->ranked.row_codec, ptrs, lens, count, self->box.capacity, true,
                              self->box.batch->arena, refs, err));
    return lt_outbox_commit(op, &self->box, count, err);
}

static lt_status emit_record(topn_op *self, lt_emit *out, lt_error *err)
{
    const lt_window_topn_spec *spec = self->op.spec;
    uint32_t count = 0;
    (void)heap_of(self->fire_record, &count);
    while (self->fire_item < count) {
        if (lt_outbox_room(&self->box) == 0) {
            LT_TRY(lt_outbox_flush(&self->box, out, err));
        }
        uint32_t part = LT_MIN(count - self->fire_item, lt_outbox_room(&self->box));
        LT_TRY(write_rows(self, self->fire_item, part, err));
        self->fire_item += part;
    }
    uint64_t skipped = (uint64_t)LT_MIN(spec->rank_min - 1, (int64_t)count);
    self->op.ledger.held -= count;
    self->op.ledger.filtered += skipped;
    self->op.ledger.used += count - skipped;
    self->fire_record = NULL;
    return LT_OK;
}

static lt_status emit_window(topn_op *self, lt_emit *out, lt_error *err)
{
    const lt_window_topn_spec *spec = self->op.spec;
    for (;;) {
        if (!self->fire_record) {
            void *value = NULL;
            if (lt_table_scan(self->fire_from, &self->fire_scan, &value, 1) == 0) {
                break;
            }
            lt_table_touch(self->fire_from, value);
            self->fire_record = value;
            uint32_t count = 0;
            (void)heap_of(self->fire_record, &count);
            sort_record(self->fire_record);
            self->fire_item = (uint32_t)LT_MIN(spec->rank_min - 1, (int64_t)count);
        }
        LT_TRY(emit_record(self, out, err));
    }
    lt_slices_drop(self->windows, self->fire_end);
    self->firing = false;
    return LT_OK;
}

static lt_status fire(topn_op *self, int64_t watermark, lt_emit *out, lt_error *err)
{
    for (;;) {
        if (!self->firing) {
            self->fire_from = lt_slices_first(self->windows, &self->fire_end);
            if (!self->fire_from || lt_window_close(&self->math, self->fire_end) > watermark) {
                break;
            }
            self->firing = true;
            self->fire_scan = 0;
        }
        LT_TRY(emit_window(self, out, err));
    }
    return lt_outbox_flush(&self->box, out, err);
}

static lt_status topn_on_watermark(lt_op *op, int64_t event_ms, lt_emit *out, lt_error *err)
{
    topn_op *self = (topn_op *)op;
    self->fire_until = event_ms;
    return fire(self, event_ms, out, err);
}

static lt_status topn_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    topn_op *self = (topn_op *)op;
    return fire(self, self->fire_until, out, err);
}

static lt_status topn_save(const lt_op *op, lt_text *to, lt_error *err)
{
    (void)err;
    lt_op_save_i64(to, ((const topn_op *)op)->next_seq);
    return LT_OK;
}

static lt_status topn_load(lt_op *op, lt_str from, lt_error *err)
{
    return lt_op_load_i64(from, 0, &((topn_op *)op)->next_seq, err);
}

const lt_op_class lt_op_window_topn = {
    .name = "WindowTopN",
    .self_size = sizeof(topn_op),
    .marks = LT_MARKS_SPLIT,
    .open = topn_open,
    .on_batch = topn_on_batch,
    .resume = topn_resume,
    .on_watermark = topn_on_watermark,
    .save = topn_save,
    .load = topn_load,
    .close = topn_close,
};
