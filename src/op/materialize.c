/* Rows for a sink that upserts by another key than the query's: rows of several query keys may have
 * one sink key, and their changes come from several tasks in no fixed order. What a sink key shows
 * is the row that came last of those that are still there:
 *
 *   +I, +U   joins the key's rows at their end, or takes the place of the one with its query key:
 *            +I if it is the only one, else +U
 *   -U, -D   takes its row away. The last one that was left: -D. The newest of several: +U with the
 *            one before it. Else nothing changes for the sink.
 *
 * State: sink key -> { how many rows, the rows in order of arrival }, each row as
 *
 *   u32 bytes of the id, u32 bytes of the row, id, row      (little-endian)
 *
 * where the id is the query's key, or empty: then a row is known by all its columns.
 *
 * Ledger: filtered are rows that were taken away and are not there; the rest is used. */
#include <stddef.h>

#include "op/changes.h"
#include "op/ranked.h"
#include "op/specs.h"

typedef struct {
    uint32_t count;
    uint32_t gone; /* is to be removed at the end of the batch */
    lt_cell cell;
} sink_record;

typedef struct {
    lt_op op;
    lt_ranked ranked;      /* by sink key */
    lt_rowcodec *id_codec; /* NULL = rows are their own ids */
    lt_table *rows;
    lt_changes changes;
    /* the batch at hand, in changes.batch_arena */
    lt_rows keys;
    lt_rows ids;
    lt_rows encoded;
    sink_record **records;
    uint32_t count;
} sink_op;

typedef struct {
    size_t at, end; /* in the cell */
    lt_str id, row;
} entry;

#define ENTRY_HEAD 8U

static const uint32_t sink_cells[1] = {offsetof(sink_record, cell)};

static lt_status open_ids(lt_op *op, lt_error *err)
{
    sink_op *self = (sink_op *)op;
    const lt_materialize_spec *spec = op->spec;
    if (spec->id_count == 0) {
        return LT_OK;
    }
    const lt_type **types = LT_NEW_ARRAY(op->arena, const lt_type *, spec->id_count);
    for (uint32_t i = 0; types && i < spec->id_count; i++) {
        types[i] = op->in_schemas[0]->fields[spec->ids[i]].type;
    }
    self->id_codec = types ? lt_rowcodec_new(op->arena, types, spec->id_count, false) : NULL;
    return self->id_codec ? LT_OK : lt_error_nomem(err, "a row codec");
}

static lt_status sink_open(lt_op *op, lt_error *err)
{
    sink_op *self = (sink_op *)op;
    const lt_materialize_spec *spec = op->spec;
    LT_ASSERT(op->out_schema->count == op->in_schemas[0]->count);
    LT_TRY(lt_ranked_init(op, &self->ranked, spec->keys, spec->key_count, err));
    LT_TRY(open_ids(op, err));
    LT_TRY(lt_changes_init(op, &self->changes, self->ranked.row_codec, true, err));
    const lt_table_decl decl = {.name = "rows",
                                .key = self->ranked.partition_codec,
                                .value_size = sizeof(sink_record),
                                .cell_offsets = sink_cells,
                                .cell_count = LT_COUNT_OF(sink_cells),
                                .ttl_ms = spec->ttl_ms,
                                .group_fields = spec->key_count};
    return lt_state_table(op->state, &decl, &self->rows, err);
}

static void sink_close(lt_op *op)
{
    lt_changes_deinit(&((sink_op *)op)->changes);
}

/* ---- the rows of a sink key ---- */

static uint32_t get_u32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

static void put_u32(uint8_t *to, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static entry entry_at(const sink_record *record, size_t at)
{
    const uint8_t *from = (const uint8_t *)record->cell.ptr + at;
    LT_ASSERT(at + ENTRY_HEAD <= record->cell.len);
    entry found = {.at = at};
    found.id = (lt_str){(const char *)from + ENTRY_HEAD, get_u32(from)};
    found.row = (lt_str){found.id.ptr + found.id.len, get_u32(from + 4)};
    found.end = at + ENTRY_HEAD + found.id.len + found.row.len;
    LT_ASSERT(found.end <= record->cell.len);
    return found;
}

/* The first row with this id; prev: the one before it. */
static bool find(const sink_record *record, lt_str id, lt_str row, entry *out, entry *prev)
{
    size_t at = 0;
    while (at < record->cell.len) {
        entry one = entry_at(record, at);
        if (lt_str_eq(one.id, id) && (id.len > 0 || lt_str_eq(one.row, row))) {
            *out = one;
            return true;
        }
        *prev = one;
        at = one.end;
    }
    return false;
}

static lt_status append(sink_op *self, sink_record *record, lt_str id, lt_str row, lt_error *err)
{
    lt_cells *cells = lt_table_cells(self->rows);
    uint8_t head[ENTRY_HEAD];
    put_u32(head, (uint32_t)id.len);
    put_u32(head + 4, (uint32_t)row.len);
    bool done = lt_cells_append(cells, &record->cell, (const char *)head, ENTRY_HEAD) &&
                lt_cells_append(cells, &record->cell, id.ptr, (uint32_t)id.len) &&
                lt_cells_append(cells, &record->cell, row.ptr, (uint32_t)row.len);
    return done ? LT_OK : lt_error_nomem(err, "rows of a sink key");
}

/* Puts the bytes before and behind an entry back, with another row between them or none. */
static lt_status rewrite(sink_op *self, sink_record *record, const entry *old, const lt_str *row,
                         lt_error *err)
{
    lt_cells *cells = lt_table_cells(self->rows);
    lt_str before, id, behind;
    const char *bytes = (const char *)record->cell.ptr;
    LT_TRY(lt_changes_keep(&self->changes, (lt_str){bytes, old->at}, &before, err));
    LT_TRY(lt_changes_keep(&self->changes, old->id, &id, err));
    LT_TRY(lt_changes_keep(&self->changes, (lt_str){bytes + old->end, record->cell.len - old->end},
                           &behind, err));
    if (!lt_cells_set(cells, &record->cell, before.ptr, (uint32_t)before.len)) {
        return lt_error_nomem(err, "rows of a sink key");
    }
    if (row) {
        LT_TRY(append(self, record, id, *row, err));
    }
    return lt_cells_append(cells, &record->cell, behind.ptr, (uint32_t)behind.len)
               ? LT_OK
               : lt_error_nomem(err, "rows of a sink key");
}

/* ---- a row of the batch ---- */

static lt_status add_row(sink_op *self, sink_record *record, lt_str id, lt_str row, lt_error *err)
{
    entry old, prev;
    lt_row_kind kind = record->count == 0 ? LT_INSERT : LT_UPDATE_AFTER;
    self->op.ledger.used++;
    if (self->id_codec && find(record, id, row, &old, &prev)) {
        LT_TRY(rewrite(self, record, &old, &row, err));
    } else {
        LT_TRY(append(self, record, id, row, err));
        record->count++;
    }
    return lt_changes_add(&self->changes, kind, row, 0, err);
}

static lt_status retract_row(sink_op *self, sink_record *record, lt_str id, lt_str row,
                             lt_error *err)
{
    entry old, prev = {0};
    if (!find(record, id, row, &old, &prev)) {
        self->op.ledger.filtered++;
        return LT_OK;
    }
    self->op.ledger.used++;
    bool newest = old.end == record->cell.len;
    lt_str shown = {NULL, 0};
    if (newest && record->count > 1) {
        LT_TRY(lt_changes_keep(&self->changes, prev.row, &shown, err));
    }
    LT_TRY(rewrite(self, record, &old, NULL, err));
    record->count--;
    if (record->count == 0) {
        return lt_changes_add(&self->changes, LT_DELETE, row, 0, err);
    }
    return newest ? lt_changes_add(&self->changes, LT_UPDATE_AFTER, shown, 0, err) : LT_OK;
}

static lt_status sink_step(lt_op *op, uint32_t index, lt_error *err)
{
    sink_op *self = (sink_op *)op;
    lt_str row = lt_ranked_str(&self->encoded, index);
    lt_str id = self->id_codec ? lt_ranked_str(&self->ids, index) : (lt_str){"", 0};
    sink_record *record = self->records[index];
    bool add = lt_kind_is_add(lt_batch_kind(self->changes.pending, self->changes.input[index]));
    return add ? add_row(self, record, id, row, err) : retract_row(self, record, id, row, err);
}

/* Sink keys without rows leave the table. Several rows of the batch may share a record. */
static void sweep(sink_op *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        sink_record *record = self->records[i];
        if (record->count > 0 || record->gone) {
            self->records[i] = NULL;
        } else {
            record->gone = 1;
        }
    }
    for (uint32_t i = 0; i < self->count; i++) {
        if (self->records[i]) {
            lt_table_remove(self->rows, self->records[i]);
        }
    }
}

static lt_status run(sink_op *self, lt_emit *out, lt_error *err)
{
    LT_TRY(lt_table_probe(self->rows, &self->keys, true, (void **)self->records, NULL, err));
    lt_status st = lt_changes_run(&self->op, &self->changes, sink_step, out, err);
    if (st != LT_FULL) {
        sweep(self);
    }
    return st;
}

static lt_status sink_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    return run((sink_op *)op, out, err);
}

static lt_status encode_ids(sink_op *self, const lt_row_pick *pick, lt_error *err)
{
    const lt_materialize_spec *spec = self->op.spec;
    const lt_col **cols = LT_NEW_ARRAY(pick->arena, const lt_col *, (size_t)spec->id_count + 1);
    if (!cols) {
        return lt_error_nomem(err, "rows of a sink key");
    }
    for (uint32_t i = 0; i < spec->id_count; i++) {
        cols[i] = &pick->in->cols[spec->ids[i]];
    }
    return lt_rowcodec_encode(self->id_codec, cols, pick->rows, pick->count, pick->arena,
                              &self->ids, err);
}

static lt_status sink_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    sink_op *self = (sink_op *)op;
    (void)input_no;
    lt_changes_begin(&self->changes);
    lt_arena *arena = self->changes.batch_arena;
    uint32_t *rows = lt_op_live_rows(in, arena);
    lt_row_pick pick = {in, rows, lt_batch_live(in), arena};
    self->records = LT_NEW_ARRAY(arena, sink_record *, (size_t)pick.count + 1);
    if (!rows || !self->records) {
        return lt_error_nomem(err, "rows of a sink key");
    }
    self->count = pick.count;
    LT_TRY(lt_ranked_partitions(&self->ranked, &pick, &self->keys, err));
    LT_TRY(lt_ranked_rows(&self->ranked, &pick, &self->encoded, err));
    if (self->id_codec && pick.count > 0) {
        LT_TRY(encode_ids(self, &pick, err));
    }
    lt_changes_start(op, &self->changes, in, rows, pick.count);
    return run(self, out, err);
}

const lt_op_class lt_op_materialize = {
    .name = "SinkUpsertMaterializer",
    .self_size = sizeof(sink_op),
    .marks = LT_MARKS_OWN,
    .open = sink_open,
    .on_batch = sink_on_batch,
    .resume = sink_resume,
    .close = sink_close,
};
