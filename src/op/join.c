/* Joins of two changelogs. State: for each side the rows it has now, as lists by join key in order
 * of arrival. Key: the join columns in the plain row form, all nullable; row: the columns the plan
 * keeps, in the plain row form, then in keyed lists what tells rows apart, in the same form. Rows
 * whose key holds a NULL that equals nothing are not kept. Here are what all joins share and the
 * inner one; the others are in join_outer.c.
 *
 * A batch of one side changes that side's lists alone and reads the other's alone, so its rows do
 * not see each other: all keys are looked up at once, then all changes are made, then the pairs are
 * built, by row of the batch and for each row in order of arrival of its partners. A pair has the
 * kind of the row that made it. A retraction makes its pairs whether or not its own row was there,
 * as in Flink.
 *
 * Pairs are built in rounds: decode the partners, test the condition, put what is left into the
 * output. LT_FULL may come between any two pairs; the round and the list cursors wait for resume(),
 * and the other side's lists do not change until then.
 *
 * In a lookup join the left side has no lists: its rows meet what the right side has when they
 * come, whose rows make no pairs.
 *
 * Ledger: a row that is kept, or takes one away, or makes a pair is used; one without a key that
 * can match, or that takes away nothing, is filtered. A row for which the condition fails is
 * rejected, though it stays in its list. */
#include "op/join_int.h"

/* ---- open, close ---- */

static lt_status open_ids(join_op *self, int side, lt_error *err)
{
    lt_op *op = &self->op;
    join_side *s = &self->sides[side];
    if (s->rows->form != LT_LISTS_KEYED) {
        return LT_OK;
    }
    const lt_type **types = LT_NEW_ARRAY(op->arena, const lt_type *, (size_t)s->rows->id_count + 1);
    if (!types) {
        return lt_error_nomem(err, "join state");
    }
    for (uint32_t i = 0; i < s->rows->id_count; i++) {
        types[i] = op->in_schemas[side]->fields[s->rows->ids[i]].type;
    }
    s->id_codec = lt_rowcodec_new(op->arena, types, s->rows->id_count, false);
    return s->id_codec ? LT_OK : lt_error_nomem(err, "join state");
}

static void set_type(join_op *self, lt_join_type type)
{
    join_side *left = &self->sides[0], *right = &self->sides[1];
    bool exists = type == LT_JOIN_TYPE_SEMI || type == LT_JOIN_TYPE_ANTI;
    left->outer = type == LT_JOIN_TYPE_LEFT || type == LT_JOIN_TYPE_FULL;
    right->outer = type == LT_JOIN_TYPE_RIGHT || type == LT_JOIN_TYPE_FULL;
    left->counted = left->outer || exists;
    right->counted = right->outer;
    left->unmatched = left->outer || type == LT_JOIN_TYPE_ANTI;
    right->unmatched = right->outer;
}

static lt_status open_side(join_op *self, int side, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_join_spec *spec = op->spec;
    join_side *s = &self->sides[side];
    bool is_left = side == 0;
    s->keys = is_left ? spec->left_keys : spec->right_keys;
    s->cols = is_left ? spec->left_cols : spec->right_cols;
    s->count = is_left ? spec->left_count : spec->right_count;
    s->first = is_left ? 0 : spec->left_count;
    const lt_type **types = LT_NEW_ARRAY(op->arena, const lt_type *, (size_t)s->count + 1);
    if (!types) {
        return lt_error_nomem(err, "join state");
    }
    for (uint32_t i = 0; i < s->count; i++) {
        types[i] = op->in_schemas[side]->fields[s->cols[i]].type;
    }
    s->codec = lt_rowcodec_new(op->arena, types, s->count, false);
    if (!s->codec) {
        return lt_error_nomem(err, "join state");
    }
    return LT_OK;
}

static lt_status open_lists(join_op *self, int side, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_join_spec *spec = op->spec;
    join_side *s = &self->sides[side];
    bool is_left = side == 0;
    s->rows = &spec->rows[side];
    if (is_left && spec->lookup) {
        return LT_OK;
    }
    const lt_lists_decl decl = {.name = is_left ? "left" : "right",
                                .key = self->key_codec,
                                .group_fields = spec->key_count,
                                .ttl_ms = s->rows->ttl_ms,
                                .form = s->rows->form,
                                .marked = s->counted};
    LT_TRY(open_ids(self, side, err));
    return lt_state_lists(op->state, &decl, &s->lists, err);
}

static void mark_tested(void *arg, uint32_t column)
{
    ((bool *)arg)[column] = true;
}

lt_status lt_join_init(join_op *self, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_join_spec *spec = op->spec;
    LT_ASSERT(op->in_count == 2);
    LT_ASSERT(spec->left_count + spec->right_count == spec->pair->count);
    lt_outbox_init(op, &self->box, spec->updates);
    LT_TRY(lt_op_chunk_new(op, &self->chunk, err));
    LT_TRY(lt_op_chunk_new(op, &self->round_arena, err));
    self->key_codec = lt_rowcodec_new(op->arena, spec->key_types, spec->key_count, false);
    self->tested = LT_NEW_ARRAY(op->arena, bool, (size_t)spec->pair->count + 1);
    if (!self->key_codec || !self->tested) {
        return lt_error_nomem(err, "join state");
    }
    set_type(self, spec->type);
    LT_TRY(open_side(self, 0, err));
    LT_TRY(open_side(self, 1, err));
    if (spec->condition) {
        lt_expr_columns(spec->condition, mark_tested, self->tested);
        lt_expr *exprs[1] = {spec->condition};
        LT_TRY(lt_evaluator_init(op, &self->condition, exprs, 1, err));
    }
    return LT_OK;
}

static lt_status join_open(lt_op *op, lt_error *err)
{
    join_op *self = (join_op *)op;
    LT_TRY(lt_join_init(self, err));
    self->at_once = ((const lt_join_spec *)op->spec)->type == LT_JOIN_TYPE_INNER;
    LT_TRY(open_lists(self, 0, err));
    return open_lists(self, 1, err);
}

void lt_join_deinit(lt_op *op)
{
    join_op *self = (join_op *)op;
    lt_evaluator_deinit(&self->condition);
    lt_outbox_deinit(&self->box);
    lt_batch_unref(self->pending);
    lt_arena_free(self->chunk);
    lt_arena_free(self->round_arena);
}

/* ---- inner pairs ---- */

/* The next partners of the batch's rows, at most a batch of them. */
static lt_status gather_partners(join_op *self, lt_error *err)
{
    join_round *round = &self->round;
    lt_lists *lists = self->sides[1 - self->side].lists;
    uint32_t n = 0;
    LT_TRY(lt_join_round_new(self, self->box.capacity, err));
    while (self->at < self->count && n < self->box.capacity) {
        uint64_t *cursor = &self->cursors[self->at];
        if (*cursor == 0) {
            self->at++;
            continue;
        }
        round->rows[n] = self->rows[self->at];
        lt_lists_next(lists, cursor, &round->ptrs[n], &round->lens[n]);
        round->index[n] = n;
        n++;
    }
    round->count = n;
    round->left = n;
    return LT_OK;
}

/* Writes the next pairs into the output batch, which has room for them. */
static lt_status put_pairs(join_op *self, uint32_t count, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_join_spec *spec = op->spec;
    const join_side *own = &self->sides[self->side];
    join_round *round = &self->round;
    LT_TRY(lt_outbox_need(op, &self->box, err));
    lt_batch *batch = self->box.batch;
    uint32_t base = batch->row_count;
    const uint32_t *index = round->index + round->at;
    uint32_t *rows = LT_NEW_ARRAY(self->round_arena, uint32_t, count);
    if (!rows) {
        return lt_error_nomem(err, "joined rows");
    }
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = round->rows[index[i]];
    }
    for (uint32_t c = 0; c < op->out_schema->count; c++) {
        uint32_t at = spec->out[c];
        bool mine = at >= own->first && at - own->first < own->count;
        const lt_col *from =
            mine ? &self->pending->cols[own->cols[at - own->first]] : &round->cols[at];
        if (!lt_col_put(&batch->cols[c], base, self->box.capacity, from, mine ? rows : index, count,
                        true, batch->arena)) {
            return lt_error_nomem(err, "joined rows");
        }
    }
    for (uint32_t i = 0; batch->kinds && i < count; i++) {
        batch->kinds[base + i] = lt_batch_kind(self->pending, rows[i]);
    }
    batch->row_count += count;
    batch->sel_count = batch->row_count;
    round->at += count;
    return LT_OK;
}

static lt_status emit_pairs(join_op *self, lt_emit *out, lt_error *err)
{
    const lt_join_spec *spec = self->op.spec;
    join_round *round = &self->round;
    for (;;) {
        while (round->at < round->left) {
            uint32_t count = LT_MIN(round->left - round->at, lt_outbox_room(&self->box));
            if (count == 0) {
                LT_TRY(lt_outbox_flush(&self->box, out, err));
                continue;
            }
            LT_TRY(put_pairs(self, count, err));
        }
        while (self->at < self->count && self->cursors[self->at] == 0) {
            self->at++;
        }
        if (self->at >= self->count) {
            return lt_outbox_flush(&self->box, out, err);
        }
        LT_TRY(gather_partners(self, err));
        LT_TRY(lt_join_decode(self, err));
        if (spec->condition) {
            LT_TRY(lt_join_test(self, err));
        }
    }
}

static lt_status join_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    join_op *self = (join_op *)op;
    LT_ASSERT(self->pending != NULL);
    const lt_join_spec *spec = op->spec;
    lt_status st = spec->type == LT_JOIN_TYPE_INNER && !spec->lookup
                       ? emit_pairs(self, out, err)
                       : lt_join_outer_run(self, out, err);
    if (st == LT_FULL) {
        return st;
    }
    lt_batch_unref(self->pending);
    self->pending = NULL;
    self->round = (join_round){0};
    lt_arena_reset(self->round_arena, LT_OP_CHUNK_KEEP);
    lt_arena_reset(self->chunk, LT_OP_CHUNK_KEEP);
    if (st == LT_OK && self->failed != LT_OK) {
        st = self->failed;
        if (err) {
            *err = self->failure;
        }
    }
    return st;
}

/* ---- input ---- */

/* Rows whose key equals no other: of joins in which they come out. */
lt_status lt_join_note_keyless(join_op *self, const lt_batch *in, lt_error *err)
{
    const lt_join_spec *spec = self->op.spec;
    const join_side *own = &self->sides[self->side];
    self->keyless = NULL;
    self->rows = lt_op_live_rows(in, self->chunk);
    self->count = lt_batch_live(in);
    if (!self->rows) {
        return lt_error_nomem(err, "join rows");
    }
    for (uint32_t k = 0; k < spec->key_count; k++) {
        const lt_col *col = &in->cols[own->keys[k]];
        if (spec->null_safe[k] || !col->valid) {
            continue;
        }
        if (!self->keyless) {
            self->keyless = LT_NEW_ARRAY(self->chunk, bool, (size_t)self->count + 1);
            if (!self->keyless) {
                return lt_error_nomem(err, "join rows");
            }
        }
        for (uint32_t i = 0; i < self->count; i++) {
            self->keyless[i] = self->keyless[i] || lt_col_is_null(col, self->rows[i]);
        }
    }
    return LT_OK;
}

/* The live rows whose key can equal another. */
lt_status lt_join_keyed_rows(join_op *self, const lt_batch *in, lt_error *err)
{
    const lt_join_spec *spec = self->op.spec;
    const join_side *own = &self->sides[self->side];
    uint32_t *rows = lt_op_live_rows(in, self->chunk);
    if (!rows) {
        return lt_error_nomem(err, "join rows");
    }
    uint32_t count = lt_batch_live(in);
    for (uint32_t k = 0; k < spec->key_count; k++) {
        const lt_col *col = &in->cols[own->keys[k]];
        if (spec->null_safe[k] || !col->valid) {
            continue;
        }
        uint32_t kept = 0;
        for (uint32_t i = 0; i < count; i++) {
            rows[kept] = rows[i];
            kept += !lt_col_is_null(col, rows[i]);
        }
        count = kept;
    }
    self->op.ledger.filtered += lt_batch_live(in) - count;
    self->rows = rows;
    self->count = count;
    return LT_OK;
}

static lt_status join_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    join_op *self = (join_op *)op;
    const lt_join_spec *spec = op->spec;
    LT_ASSERT(self->pending == NULL);
    LT_ASSERT(in->mark_count == 0);
    lt_arena_reset(self->chunk, LT_OP_CHUNK_KEEP);
    self->side = input_no;
    self->at = 0;
    self->failed = LT_OK;
    self->refused = NULL;
    self->keyless = NULL;
    lt_join_outer_begin(self);
    LT_TRY(self->sides[input_no].unmatched ? lt_join_note_keyless(self, in, err)
                                           : lt_join_keyed_rows(self, in, err));
    if (self->count == 0) {
        return LT_OK;
    }
    if (spec->lookup && input_no == 1) {
        return lt_join_load(self, in, err);
    }
    LT_TRY(spec->type == LT_JOIN_TYPE_INNER && !spec->lookup ? lt_join_change(self, in, err)
                                                             : lt_join_find(self, in, err));
    self->box.arrival_us = in->arrival_us;
    self->pending = lt_batch_ref(in);
    return join_resume(op, out, err);
}

const lt_op_class lt_op_join = {
    .name = "Join",
    .self_size = sizeof(join_op),
    .marks = LT_MARKS_SPLIT,
    .open = join_open,
    .on_batch = join_on_batch,
    .resume = join_resume,
    .close = lt_join_deinit,
};
