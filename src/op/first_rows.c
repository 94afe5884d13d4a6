/* The first rows of each partition in order of arrival: ROW_NUMBER() ordered by a processing time.
 *
 * State: partition -> how many rows have come, up to the bound. Rows beyond it are filtered. */
#include "op/ranked.h"
#include "op/specs.h"

typedef struct {
    int64_t count;
} first_record;

typedef struct {
    lt_op op;
    lt_ranked ranked;
    lt_table *counts;
} first_op;

static lt_status first_open(lt_op *op, lt_error *err)
{
    first_op *self = (first_op *)op;
    const lt_first_rows_spec *spec = op->spec;
    LT_ASSERT(op->out_schema->count == op->in_schemas[0]->count + spec->rank_output);
    LT_TRY(lt_ranked_init(op, &self->ranked, spec->partition, spec->partition_count, err));
    const lt_table_decl decl = {.name = "counts",
                                .key = self->ranked.partition_codec,
                                .value_size = sizeof(first_record),
                                .ttl_ms = spec->ttl_ms,
                                .group_fields = spec->partition_count};
    return lt_state_table(op->state, &decl, &self->counts, err);
}

/* The input's rows that are let through; ranks by physical row, NULL = not wanted. */
static lt_status emit_rows(lt_op *op, lt_batch *in, const uint32_t *rows, uint32_t count,
                           const lt_col *ranks, lt_emit *out, lt_error *err)
{
    lt_batch *batch = lt_batch_derive(op->pool, in, op->out_schema);
    if (!batch) {
        return lt_error_nomem(err, "an output batch");
    }
    memcpy(batch->cols, in->cols, sizeof(lt_col) * in->col_count);
    batch->sel = lt_arena_alloc(batch->arena, sizeof *rows * ((size_t)count + 1), 64);
    bool ok = batch->sel != NULL;
    if (ok && ranks) {
        lt_col *to = &batch->cols[in->col_count];
        ok = lt_col_init(to, ranks->type, in->row_count, batch->arena) &&
             lt_col_put(to, 0, in->row_count, ranks, NULL, in->row_count, false, batch->arena);
    }
    if (!ok) {
        lt_batch_unref(batch);
        return lt_error_nomem(err, "an output batch");
    }
    memcpy(batch->sel, rows, sizeof *rows * count);
    batch->sel_count = count;
    lt_status st = lt_emit_batch(out, batch, err);
    LT_ASSERT(st != LT_FULL); /* one batch a callback always fits */
    return st;
}

/* Counts the rows of the batch; leaves those within the range. */
static uint32_t count_rows(first_op *self, first_record *const *records, uint32_t *rows,
                           uint32_t count, lt_col *ranks)
{
    const lt_first_rows_spec *spec = self->op.spec;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (records[i]->count >= spec->rank_max) {
            continue;
        }
        int64_t rank = ++records[i]->count;
        if (ranks) {
            LT_COL_DATA(ranks, int64_t)[rows[i]] = rank;
        }
        if (rank >= spec->rank_min) {
            rows[kept++] = rows[i];
        }
    }
    return kept;
}

static lt_status first_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    first_op *self = (first_op *)op;
    const lt_first_rows_spec *spec = op->spec;
    (void)input_no;
    uint32_t *rows = lt_op_live_rows(in, op->scratch);
    const lt_row_pick pick = {in, rows, lt_batch_live(in), op->scratch};
    first_record **records = LT_NEW_ARRAY(op->scratch, first_record *, (size_t)pick.count + 1);
    lt_col ranks;
    if (!rows || !records) {
        return lt_error_nomem(err, "first rows");
    }
    if (spec->rank_output && !lt_col_init(&ranks, op->out_schema->fields[in->col_count].type,
                                          LT_MAX(in->row_count, 1U), op->scratch)) {
        return lt_error_nomem(err, "first rows");
    }
    lt_rows partitions;
    LT_TRY(lt_ranked_partitions(&self->ranked, &pick, &partitions, err));
    LT_TRY(lt_table_probe(self->counts, &partitions, true, (void **)records, NULL, err));
    uint32_t kept = count_rows(self, records, rows, pick.count, spec->rank_output ? &ranks : NULL);
    op->ledger.used += kept;
    op->ledger.filtered += pick.count - kept;
    if (kept == 0) {
        return in->mark_count == 0
                   ? LT_OK
                   : lt_emit_watermark(op, out, in->marks[in->mark_count - 1].watermark, err);
    }
    return spec->rank_output ? emit_rows(op, in, rows, kept, &ranks, out, err)
                             : lt_op_emit_selected(op, in, rows, kept, out, err);
}

const lt_op_class lt_op_first_rows = {
    .name = "FirstRows",
    .self_size = sizeof(first_op),
    .marks = LT_MARKS_PASS,
    .open = first_open,
    .on_batch = first_on_batch,
};
