/* GROUP BY without windows, and SELECT DISTINCT: a record per key, a changelog out. How the changes
 * of a batch are found is in group_chunk.c; here are the plan, the cursor over the listed changes,
 * and the output.
 *
 * Every row is decided at once, so nothing is held: used, or filtered when it takes away what its
 * key never had. */
#include <string.h>

#include "op/group_agg_int.h"
#include "op/local_agg.h"

static bool counts_rows(const lt_group_agg_spec *spec)
{
    for (uint32_t a = 0; a < spec->agg_count; a++) {
        const lt_agg *agg = spec->aggs[a];
        if (strcmp(agg->cls->name, "COUNT") == 0 && agg->arg_count == 0 && !agg->filter) {
            return true;
        }
    }
    return false;
}

static lt_status group_agg_open(lt_op *op, lt_error *err)
{
    group_agg_op *self = (group_agg_op *)op;
    const lt_group_agg_spec *spec = op->spec;
    LT_ASSERT(op->out_schema->count == spec->key_count + spec->agg_count);
    LT_ASSERT(!spec->partials || (!spec->input_updates && (spec->net_ok || spec->agg_count == 0)));
    lt_outbox_init(op, &self->box, true);
    self->counts_rows = counts_rows(spec);
    LT_TRY(lt_op_chunk_new(op, &self->chunk, err));
    self->key_types = LT_NEW_ARRAY(op->arena, const lt_type *, (size_t)spec->key_count + 1);
    if (!self->key_types) {
        return lt_error_nomem(err, "group keys");
    }
    for (uint32_t k = 0; k < spec->key_count; k++) {
        self->key_types[k] = op->in_schemas[0]->fields[spec->keys[k]].type;
    }
    self->key_codec = lt_rowcodec_new(op->arena, self->key_types, spec->key_count, false);
    if (!self->key_codec) {
        return lt_error_nomem(err, "group keys");
    }
    const lt_aggset_spec aggs = {.aggs = spec->aggs,
                                 .count = spec->agg_count,
                                 .head = sizeof(group_head),
                                 .prefix = self->key_types,
                                 .prefix_count = spec->key_count,
                                 .group_fields = spec->key_count,
                                 .ttl_ms = spec->ttl_ms,
                                 .partials = spec->partials != NULL};
    LT_TRY(lt_aggset_init(op, &self->set, &aggs, err));
    const lt_table_decl decl = {.name = "groups",
                                .key = self->key_codec,
                                .value_size = self->set.size,
                                .cell_offsets = self->set.cell_offsets,
                                .cell_count = self->set.cell_count,
                                .ttl_ms = spec->ttl_ms,
                                .group_fields = spec->key_count};
    LT_TRY(lt_state_table(op->state, &decl, &self->groups, err));
    self->distinct = LT_NEW_ARRAY(op->arena, lt_table *, self->set.distinct_count + 1);
    if (!self->distinct) {
        return lt_error_nomem(err, "group state");
    }
    for (uint32_t d = 0; d < self->set.distinct_count; d++) {
        LT_TRY(lt_state_table(op->state, &self->set.distinct[d].decl, &self->distinct[d], err));
    }
    return LT_OK;
}

static void group_agg_close(lt_op *op)
{
    group_agg_op *self = (group_agg_op *)op;
    lt_aggset_deinit(&self->set);
    lt_outbox_deinit(&self->box);
    lt_batch_unref(self->pending);
    lt_arena_free(self->chunk);
}

/* ---- output ---- */

/* Items that go into the batch at hand: as many as fit, but never a -U without its +U. */
static uint32_t items_that_fit(const group_agg_op *self)
{
    const group_items *items = &self->items;
    uint32_t left = items->count - items->at;
    uint32_t count = LT_MIN(left, lt_outbox_room(&self->box));
    if (count > 0 && items->kinds[items->at + count - 1] == LT_UPDATE_BEFORE) {
        count--;
    }
    return count;
}

static lt_status write_items(group_agg_op *self, uint32_t count, lt_error *err)
{
    const lt_group_agg_spec *spec = self->op.spec;
    lt_op *op = &self->op;
    group_items *items = &self->items;
    LT_TRY(lt_outbox_need(op, &self->box, err));
    lt_batch *batch = self->box.batch;
    uint32_t base = batch->row_count;
    memcpy(batch->kinds + base, items->kinds + items->at, count);
    for (uint32_t c = 0; c < op->out_schema->count; c++) {
        bool key = c < spec->key_count;
        const lt_col *from =
            key ? &self->pending->cols[spec->keys[c]] : &self->results[c - spec->key_count];
        const uint32_t *rows = (key ? items->rows : items->results) + items->at;
        if (!lt_col_put(&batch->cols[c], base, self->box.capacity, from, rows, count, true,
                        batch->arena)) {
            return lt_error_nomem(err, "group results");
        }
    }
    batch->row_count += count;
    batch->sel_count = batch->row_count;
    while (self->mark_at < self->mark_count && self->marks[self->mark_at].at < items->at + count) {
        const group_mark *mark = &self->marks[self->mark_at++];
        if (!lt_batch_add_mark(batch, base + (mark->at - items->at), mark->watermark)) {
            return lt_error_nomem(err, "watermark marks");
        }
    }
    items->at += count;
    return LT_OK;
}

static lt_status emit_items(group_agg_op *self, lt_emit *out, lt_error *err)
{
    lt_op *op = &self->op;
    while (self->items.at < self->items.count) {
        uint32_t count = items_that_fit(self);
        if (count == 0) {
            LT_TRY(lt_outbox_flush(&self->box, out, err));
            continue;
        }
        LT_TRY(write_items(self, count, err));
    }
    for (; self->mark_at < self->mark_count; self->mark_at++) {
        LT_TRY(lt_outbox_mark(op, &self->box, self->marks[self->mark_at].watermark, err));
    }
    return lt_outbox_flush(&self->box, out, err);
}

static lt_status group_agg_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    group_agg_op *self = (group_agg_op *)op;
    LT_ASSERT(self->pending != NULL);
    lt_status st = emit_items(self, out, err);
    if (st == LT_FULL) {
        return st;
    }
    lt_batch_unref(self->pending);
    self->pending = NULL;
    lt_arena_reset(self->chunk, LT_OP_CHUNK_KEEP);
    if (st == LT_OK && self->refused != LT_OK) {
        st = self->refused;
        if (err) {
            *err = self->refused_why;
        }
    }
    return st;
}

/* ---- input ---- */

static lt_status prepare(group_agg_op *self, group_input *input, lt_error *err)
{
    lt_op *op = &self->op;
    lt_batch *in = input->in;
    input->rows = lt_op_live_rows(in, op->scratch);
    input->cols = LT_NEW_ARRAY(op->scratch, lt_col, (size_t)self->set.ev.count + 1);
    if (!input->rows || !input->cols) {
        return lt_error_nomem(err, "group rows");
    }
    input->count = lt_batch_live(in);
    input->marks_end = in->mark_count;
    lt_row_errors errors = {0};
    LT_TRY(lt_evaluator_run(op, &self->set.ev, in, op->scratch, input->cols, &errors, err));
    self->refused = lt_op_errors_reject(op, &self->set.ev, in, &errors, input->rows, &input->count,
                                        &self->refused_why);
    while (self->refused != LT_OK && input->marks_end > 0 &&
           (input->count == 0 ||
            in->marks[input->marks_end - 1].first_row > input->rows[input->count - 1])) {
        input->marks_end--; /* behind the row that fails the job */
    }
    return LT_OK;
}

static lt_status group_agg_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out,
                                    lt_error *err)
{
    group_agg_op *self = (group_agg_op *)op;
    const lt_group_agg_spec *spec = op->spec;
    (void)input_no;
    LT_ASSERT(self->pending == NULL);
    lt_arena_reset(self->chunk, LT_OP_CHUNK_KEEP);
    group_input input = {.in = in};
    LT_TRY(prepare(self, &input, err));
    if (spec->partials) { /* the ledger's words are rows of the source */
        op->ledger.in +=
            lt_partials_weight(spec->partials, in, input.rows, input.count) - input.count;
    }
    self->items = (group_items){0};
    self->mark_count = 0;
    self->mark_at = 0;
    LT_TRY(lt_group_chunk(self, &input, err));
    if (input.marks_end > 0) {
        op->watermark = LT_MAX(op->watermark, in->marks[input.marks_end - 1].watermark);
    }
    self->box.arrival_us = in->arrival_us;
    self->pending = lt_batch_ref(in);
    return group_agg_resume(op, out, err);
}

const lt_op_class lt_op_group_agg = {
    .name = "GroupAggregate",
    .self_size = sizeof(group_agg_op),
    .marks = LT_MARKS_OWN,
    .open = group_agg_open,
    .on_batch = group_agg_on_batch,
    .resume = group_agg_resume,
    .close = group_agg_close,
};
