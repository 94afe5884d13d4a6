/* Makes a full changelog (+I, -U, +U, -D) of one that tells only the newest row of a key, may tell
 * it more than once, and may know no more than the key of what it deletes.
 *
 * State: key -> { is there a row, did it pass the condition, encoded row }.
 *
 *   +I, +U   no row: +I. Another row: -U, +U. The same row: nothing, unless state has a TTL: then
 *            those below must hear that the row is still in use.
 *   -U, -D   the row that is there goes by -D, with all its columns. No row: nothing.
 *
 * With a condition, rows that do not pass it are kept but not shown: one that comes to pass is an
 * +I, one that ceases to is a -D. Whether the row passed is kept with it, so that what was shown is
 * taken back whatever has become of the condition.
 *
 * Ledger: filtered is what said nothing new about a key, used the rest. */
#include <stddef.h>

#include "op/changes.h"
#include "op/ranked.h"
#include "op/specs.h"

typedef struct {
    uint8_t held;   /* there is a row */
    uint8_t passed; /* it passed the condition */
    uint8_t gone;   /* is to be removed at the end of the batch */
    uint8_t unused[5];
    lt_cell cell;
} normal_record;

typedef struct {
    lt_op op;
    lt_ranked ranked;
    lt_table *rows;
    lt_changes changes;
    lt_evaluator condition;
    /* the batch at hand, in changes.batch_arena */
    lt_rows keys;
    lt_rows encoded;
    uint8_t *passes; /* by index */
    normal_record **records;
    uint32_t count;
    lt_status failed; /* the policy is 'fail': reported when the rows before it are done */
    lt_error failure;
} normal_op;

static const uint32_t normal_cells[1] = {offsetof(normal_record, cell)};

static lt_status normal_open(lt_op *op, lt_error *err)
{
    normal_op *self = (normal_op *)op;
    const lt_normalize_spec *spec = op->spec;
    LT_ASSERT(op->out_schema->count == op->in_schemas[0]->count);
    LT_TRY(lt_ranked_init(op, &self->ranked, spec->keys, spec->key_count, err));
    lt_expr *const condition[1] = {spec->condition};
    LT_TRY(lt_evaluator_init(op, &self->condition, condition, spec->condition ? 1 : 0, err));
    LT_TRY(lt_changes_init(op, &self->changes, self->ranked.row_codec, true, err));
    self->changes.drop_before = spec->drop_before;
    const lt_table_decl decl = {.name = "rows",
                                .key = self->ranked.partition_codec,
                                .value_size = sizeof(normal_record),
                                .cell_offsets = normal_cells,
                                .cell_count = LT_COUNT_OF(normal_cells),
                                .ttl_ms = spec->ttl_ms,
                                .group_fields = spec->key_count};
    return lt_state_table(op->state, &decl, &self->rows, err);
}

static void normal_close(lt_op *op)
{
    normal_op *self = (normal_op *)op;
    lt_changes_deinit(&self->changes);
    lt_evaluator_deinit(&self->condition);
}

static lt_str row_of(const normal_record *record)
{
    return (lt_str){(const char *)record->cell.ptr, record->cell.len};
}

static lt_status take_away(normal_op *self, normal_record *record, lt_error *err)
{
    if (!record->held) {
        self->op.ledger.filtered++;
        return LT_OK;
    }
    self->op.ledger.used++;
    record->held = 0;
    if (!record->passed) {
        return LT_OK;
    }
    lt_str row;
    LT_TRY(lt_changes_keep(&self->changes, row_of(record), &row, err));
    return lt_changes_add(&self->changes, LT_DELETE, row, 0, err);
}

static lt_status put(normal_op *self, normal_record *record, lt_str row, bool passes, lt_error *err)
{
    const lt_normalize_spec *spec = self->op.spec;
    lt_changes *changes = &self->changes;
    bool shown = record->held && record->passed;
    if (record->held && spec->ttl_ms == 0 && lt_str_eq(row, row_of(record))) {
        self->op.ledger.filtered++;
        return LT_OK;
    }
    self->op.ledger.used++;
    if (shown) {
        lt_str before;
        LT_TRY(lt_changes_keep(changes, row_of(record), &before, err));
        LT_TRY(lt_changes_add(changes, passes ? LT_UPDATE_BEFORE : LT_DELETE, before, 0, err));
    }
    if (passes) {
        LT_TRY(lt_changes_add(changes, shown ? LT_UPDATE_AFTER : LT_INSERT, row, 0, err));
    }
    record->held = 1;
    record->passed = passes;
    return lt_cells_set(lt_table_cells(self->rows), &record->cell, row.ptr, (uint32_t)row.len)
               ? LT_OK
               : lt_error_nomem(err, "kept rows");
}

static lt_status normal_step(lt_op *op, uint32_t index, lt_error *err)
{
    normal_op *self = (normal_op *)op;
    normal_record *record = self->records[index];
    if (!lt_kind_is_add(lt_batch_kind(self->changes.pending, self->changes.input[index]))) {
        return take_away(self, record, err);
    }
    return put(self, record, lt_ranked_str(&self->encoded, index), self->passes[index] != 0, err);
}

/* Keys that have no row any more leave the table. Several rows of the batch may share a record. */
static void sweep(normal_op *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        normal_record *record = self->records[i];
        if (record->held || record->gone) {
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

static lt_status run(normal_op *self, lt_emit *out, lt_error *err)
{
    LT_TRY(lt_table_probe(self->rows, &self->keys, true, (void **)self->records, NULL, err));
    lt_status st = lt_changes_run(&self->op, &self->changes, normal_step, out, err);
    if (st == LT_FULL) {
        return st;
    }
    sweep(self);
    if (st == LT_OK && self->failed != LT_OK) {
        st = self->failed;
        if (err) {
            *err = self->failure;
        }
    }
    return st;
}

static lt_status normal_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    return run((normal_op *)op, out, err);
}

/* Which rows pass the condition. Rows that are taken away are not asked: they may be no more than
 * their key. Rows for which it fails are refused and taken off `rows`. */
static lt_status test(normal_op *self, lt_batch *in, uint32_t *rows, uint32_t *count, lt_error *err)
{
    lt_op *op = &self->op;
    lt_arena *arena = self->changes.batch_arena;
    uint32_t adds = 0;
    uint32_t *added = LT_NEW_ARRAY(arena, uint32_t, (size_t)*count + 1);
    if (!added) {
        return lt_error_nomem(err, "kept rows");
    }
    for (uint32_t i = 0; i < *count; i++) {
        if (lt_kind_is_add(lt_batch_kind(in, rows[i]))) {
            added[adds++] = rows[i];
        }
    }
    lt_col result;
    lt_row_errors errors = {0};
    lt_batch view;
    lt_op_view(&view, in, added, adds);
    LT_TRY(lt_evaluator_run(op, &self->condition, &view, arena, &result, &errors, err));
    if (errors.count > 0) {
        self->failed =
            lt_op_errors_reject(op, &self->condition, in, &errors, added, &adds, &self->failure);
        if (self->failed != LT_OK && self->failed != LT_ERR_DATA) {
            return self->failed;
        }
    }
    const uint8_t *val = LT_COL_DATA(&result, const uint8_t);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++) {
        uint32_t row = rows[i];
        bool add = lt_kind_is_add(lt_batch_kind(in, row));
        if (add && errors.count > 0 && lt_bit_get(errors.rows, row)) {
            if (self->failed != LT_OK) {
                break;
            }
            continue;
        }
        self->passes[kept] = add && !lt_col_is_null(&result, row) && val[row];
        rows[kept++] = row;
    }
    *count = kept;
    return LT_OK;
}

static lt_status normal_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    normal_op *self = (normal_op *)op;
    (void)input_no;
    lt_changes_begin(&self->changes);
    self->failed = LT_OK;
    lt_error_clear(&self->failure);
    lt_arena *arena = self->changes.batch_arena;
    uint32_t *rows = lt_op_live_rows(in, arena);
    lt_row_pick pick = {in, rows, lt_batch_live(in), arena};
    self->records = LT_NEW_ARRAY(arena, normal_record *, (size_t)pick.count + 1);
    self->passes = LT_NEW_ARRAY(arena, uint8_t, (size_t)pick.count + 1);
    if (!rows || !self->records || !self->passes) {
        return lt_error_nomem(err, "kept rows");
    }
    if (self->condition.program && pick.count > 0) {
        LT_TRY(test(self, in, rows, &pick.count, err));
    } else {
        memset(self->passes, 1, pick.count);
    }
    self->count = pick.count;
    LT_TRY(lt_ranked_partitions(&self->ranked, &pick, &self->keys, err));
    LT_TRY(lt_ranked_rows(&self->ranked, &pick, &self->encoded, err));
    lt_changes_start(op, &self->changes, in, rows, pick.count);
    return run(self, out, err);
}

const lt_op_class lt_op_normalize = {
    .name = "ChangelogNormalize",
    .self_size = sizeof(normal_op),
    .marks = LT_MARKS_OWN,
    .open = normal_open,
    .on_batch = normal_on_batch,
    .resume = normal_resume,
    .close = normal_close,
};
