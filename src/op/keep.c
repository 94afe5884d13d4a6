/* One row per partition: the best by an order (a Top-N with N = 1), the last in event time, or the
 * last that came. The first row of a partition is +I, each that takes its place -U and +U.
 *
 * State: partition -> { order key, encoded row }, back to back in a cell.
 *
 * The best of an updating input, whose keys only ever move up: what was the best is known by its
 * -U, and its +U takes its place whatever it holds.
 *
 * Ledger: used is what was kept for a moment, and the -U of an updating input; filtered is the
 * rest. */
#include <stddef.h>

#include "op/changes.h"
#include "op/ranked.h"
#include "op/specs.h"

typedef struct {
    uint32_t order_len;
    uint8_t held;     /* there is a row */
    uint8_t replaced; /* the row's -U has come: the next row is its +U */
    uint16_t unused;
    lt_cell cell;
} keep_record;

typedef struct {
    lt_op op;
    lt_ranked ranked;
    lt_order_codec order;
    lt_table *rows;
    lt_changes changes;
    /* the batch at hand, in changes.batch_arena */
    lt_rows partitions;
    lt_order_keys orders;
    keep_record **records; /* void in another callback */
    uint32_t *index;       /* row to be worked on -> index in the above */
    lt_rows encoded;       /* of the rows to be worked on */
} keep_op;

static const uint32_t keep_cells[1] = {offsetof(keep_record, cell)};

static lt_status keep_open(lt_op *op, lt_error *err)
{
    keep_op *self = (keep_op *)op;
    const lt_keep_spec *spec = op->spec;
    LT_ASSERT(op->out_schema->count == op->in_schemas[0]->count);
    LT_TRY(lt_ranked_init(op, &self->ranked, spec->partition, spec->partition_count, err));
    uint32_t order_count = spec->mode == LT_KEEP_LAST_ARRIVED ? 0 : spec->order_count;
    LT_TRY(lt_order_codec_init(op, spec->order, order_count, &self->order, err));
    LT_TRY(lt_changes_init(op, &self->changes, self->ranked.row_codec, true, err));
    self->changes.drop_before = spec->drop_before;
    const lt_table_decl decl = {.name = "rows",
                                .key = self->ranked.partition_codec,
                                .value_size = sizeof(keep_record),
                                .cell_offsets = keep_cells,
                                .cell_count = LT_COUNT_OF(keep_cells),
                                .ttl_ms = spec->ttl_ms,
                                .group_fields = spec->partition_count};
    return lt_state_table(op->state, &decl, &self->rows, err);
}

static void keep_close(lt_op *op)
{
    lt_changes_deinit(&((keep_op *)op)->changes);
}

static lt_str order_of(const keep_record *record)
{
    return (lt_str){(const char *)record->cell.ptr, record->order_len};
}

static lt_str row_of(const keep_record *record)
{
    LT_ASSERT(record->order_len <= record->cell.len);
    return (lt_str){(const char *)record->cell.ptr + record->order_len,
                    record->cell.len - record->order_len};
}

static lt_status store(keep_op *self, keep_record *record, lt_str order, lt_str row, lt_error *err)
{
    lt_cells *cells = lt_table_cells(self->rows);
    if (!lt_cells_set(cells, &record->cell, order.ptr, (uint32_t)order.len) ||
        !lt_cells_append(cells, &record->cell, row.ptr, (uint32_t)row.len)) {
        return lt_error_nomem(err, "kept rows");
    }
    record->order_len = (uint32_t)order.len;
    record->held = 1;
    record->replaced = 0;
    return LT_OK;
}

static bool takes_place(const keep_op *self, const keep_record *record, lt_str order, lt_str row)
{
    const lt_keep_spec *spec = self->op.spec;
    switch (spec->mode) {
    case LT_KEEP_BEST:
        return record->replaced || lt_order_cmp(order, order_of(record)) < 0;
    case LT_KEEP_LAST_EVENT:
        return lt_order_cmp(order, order_of(record)) <= 0;
    case LT_KEEP_LAST_ARRIVED:
        break;
    }
    return !spec->quiet || !lt_str_eq(row, row_of(record));
}

static lt_status keep_step(lt_op *op, uint32_t index, lt_error *err)
{
    keep_op *self = (keep_op *)op;
    const lt_keep_spec *spec = op->spec;
    uint32_t at = self->index[index];
    keep_record *record = self->records[at];
    lt_str row = lt_ranked_str(&self->encoded, index);
    lt_str order = lt_order_key(&self->orders, at);
    if (spec->updates &&
        !lt_kind_is_add(lt_batch_kind(self->changes.pending, self->changes.input[index]))) {
        record->replaced = record->held && lt_str_eq(row, row_of(record));
        op->ledger.used++;
        return LT_OK;
    }
    if (!record->held) {
        op->ledger.used++;
        LT_TRY(store(self, record, order, row, err));
        return lt_changes_add(&self->changes, LT_INSERT, row, 0, err);
    }
    if (!takes_place(self, record, order, row)) {
        op->ledger.filtered++;
        return LT_OK;
    }
    lt_str before;
    op->ledger.used++;
    LT_TRY(lt_changes_keep(&self->changes, row_of(record), &before, err));
    LT_TRY(store(self, record, order, row, err));
    LT_TRY(lt_changes_add(&self->changes, LT_UPDATE_BEFORE, before, 0, err));
    return lt_changes_add(&self->changes, LT_UPDATE_AFTER, row, 0, err);
}

static lt_status probe(keep_op *self, lt_error *err)
{
    return lt_table_probe(self->rows, &self->partitions, true, (void **)self->records, NULL, err);
}

/* Where rows are only added, one that is no better than what is kept now never will be. */
static bool is_hopeless(const keep_op *self, uint32_t i)
{
    const lt_keep_spec *spec = self->op.spec;
    const keep_record *record = self->records[i];
    return spec->mode != LT_KEEP_LAST_ARRIVED && !spec->updates && record->held &&
           lt_order_cmp(lt_order_key(&self->orders, i), order_of(record)) >=
               (spec->mode == LT_KEEP_LAST_EVENT ? 1 : 0);
}

static lt_status keep_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    keep_op *self = (keep_op *)op;
    LT_TRY(probe(self, err));
    return lt_changes_run(op, &self->changes, keep_step, out, err);
}

static lt_status keep_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    keep_op *self = (keep_op *)op;
    (void)input_no;
    lt_changes_begin(&self->changes);
    lt_arena *arena = self->changes.batch_arena;
    uint32_t *rows = lt_op_live_rows(in, arena);
    lt_row_pick pick = {in, rows, lt_batch_live(in), arena};
    self->records = LT_NEW_ARRAY(arena, keep_record *, (size_t)pick.count + 1);
    self->index = LT_NEW_ARRAY(arena, uint32_t, (size_t)pick.count + 1);
    if (!rows || !self->records || !self->index) {
        return lt_error_nomem(err, "kept rows");
    }
    LT_TRY(lt_ranked_partitions(&self->ranked, &pick, &self->partitions, err));
    LT_TRY(lt_order_encode(&self->order, &pick, &self->orders, err));
    LT_TRY(probe(self, err));
    uint32_t kept = 0;
    for (uint32_t i = 0; i < pick.count; i++) {
        if (!is_hopeless(self, i)) {
            self->index[kept] = i;
            rows[kept++] = rows[i];
        }
    }
    op->ledger.filtered += pick.count - kept;
    pick.count = kept;
    LT_TRY(lt_ranked_rows(&self->ranked, &pick, &self->encoded, err));
    lt_changes_start(op, &self->changes, in, rows, kept);
    return lt_changes_run(op, &self->changes, keep_step, out, err);
}

const lt_op_class lt_op_keep = {
    .name = "Deduplicate",
    .self_size = sizeof(keep_op),
    .marks = LT_MARKS_OWN,
    .open = keep_open,
    .on_batch = keep_on_batch,
    .resume = keep_resume,
    .close = keep_close,
};
