/* INNER JOIN of two changelogs. State: for each side the rows it has now, as lists by join key in
 * order of arrival. Key: the join columns in the plain row form, all nullable; row: the columns the
 * plan keeps, in the plain row form. Rows whose key holds a NULL that equals nothing are not kept.
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
 * Ledger: a row that is kept, or takes one away, or makes a pair is used; one without a key that
 * can match, or that takes away nothing, is filtered. A row for which the condition fails is
 * rejected, though it stays in its list. */
#include "op/join_int.h"

/* ---- open, close ---- */

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
    const lt_lists_decl decl = {.name = is_left ? "left" : "right",
                                .key = self->key_codec,
                                .group_fields = spec->key_count,
                                .ttl_ms = spec->ttl_ms};
    return lt_state_lists(op->state, &decl, &s->lists, err);
}

static void mark_tested(void *arg, uint32_t column)
{
    ((bool *)arg)[column] = true;
}

static lt_status join_open(lt_op *op, lt_error *err)
{
    join_op *self = (join_op *)op;
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
    LT_TRY(open_side(self, 0, err));
    LT_TRY(open_side(self, 1, err));
    if (spec->condition) {
        lt_expr_columns(spec->condition, mark_tested, self->tested);
        lt_expr *exprs[1] = {spec->condition};
        LT_TRY(lt_evaluator_init(op, &self->condition, exprs, 1, err));
    }
    return LT_OK;
}

static void join_close(lt_op *op)
{
    join_op *self = (join_op *)op;
    lt_evaluator_deinit(&self->condition);
    lt_outbox_deinit(&self->box);
    lt_batch_unref(self->pending);
    lt_arena_free(self->chunk);
    lt_arena_free(self->round_arena);
}

/* ---- pairs ---- */

/* Room for the pairs of a round, not zeroed: most rounds use little of it. */
static lt_status round_new(join_op *self, lt_error *err)
{
    lt_arena *arena = self->round_arena;
    size_t most = self->box.capacity;
    lt_arena_reset(arena, LT_OP_CHUNK_KEEP);
    self->round = (join_round){
        .rows = lt_arena_alloc(arena, most * sizeof(uint32_t), _Alignof(uint32_t)),
        .index = lt_arena_alloc(arena, most * sizeof(uint32_t), _Alignof(uint32_t)),
        .lens = lt_arena_alloc(arena, most * sizeof(uint32_t), _Alignof(uint32_t)),
        .ptrs = lt_arena_alloc(arena, most * sizeof(uint8_t *), _Alignof(uint8_t *)),
    };
    const join_round *round = &self->round;
    return round->rows && round->index && round->lens && round->ptrs
               ? LT_OK
               : lt_error_nomem(err, "joined rows");
}

/* The next partners of the batch's rows, at most a batch of them. */
static lt_status gather_partners(join_op *self, lt_error *err)
{
    join_round *round = &self->round;
    lt_lists *lists = self->sides[1 - self->side].lists;
    uint32_t n = 0;
    LT_TRY(round_new(self, err));
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

/* The partners' columns; strings borrow from the lists. */
static lt_status decode_partners(join_op *self, lt_error *err)
{
    const lt_join_spec *spec = self->op.spec;
    const join_side *other = &self->sides[1 - self->side];
    join_round *round = &self->round;
    round->cols = LT_NEW_ARRAY(self->round_arena, lt_col, (size_t)spec->pair->count + 1);
    lt_col **cols = LT_NEW_ARRAY(self->round_arena, lt_col *, (size_t)other->count + 1);
    if (!round->cols || !cols) {
        return lt_error_nomem(err, "joined rows");
    }
    for (uint32_t i = 0; i < other->count; i++) {
        cols[i] = &round->cols[other->first + i];
        const lt_type *type = spec->pair->fields[other->first + i].type;
        if (!lt_col_init(cols[i], type, round->count, self->round_arena)) {
            return lt_error_nomem(err, "joined rows");
        }
    }
    return lt_rowcodec_decode(other->codec, round->ptrs, round->lens, round->count, round->count,
                              false, self->round_arena, cols, err);
}

/* The columns of the batch's own rows that the condition looks at, one value a pair. */
static lt_status spread_own(join_op *self, lt_error *err)
{
    const lt_join_spec *spec = self->op.spec;
    const join_side *own = &self->sides[self->side];
    join_round *round = &self->round;
    for (uint32_t i = 0; i < own->count; i++) {
        uint32_t at = own->first + i;
        if (!self->tested[at]) {
            continue;
        }
        lt_col *col = &round->cols[at];
        if (!lt_col_init(col, spec->pair->fields[at].type, round->count, self->round_arena) ||
            !lt_col_put(col, 0, round->count, &self->pending->cols[own->cols[i]], round->rows,
                        round->count, false, self->round_arena)) {
            return lt_error_nomem(err, "joined rows");
        }
    }
    return LT_OK;
}

/* A pair for which the condition has no value: the row of the batch is refused, once. */
static lt_status refuse_pair(join_op *self, lt_batch *pairs, uint32_t pair,
                             const lt_row_errors *errors, lt_error *err)
{
    lt_op *op = &self->op;
    uint32_t row = self->round.rows[pair];
    const lt_row_errors *why = errors;
    lt_row_errors own = {0};
    if (self->refused_any && self->refused_row == row) {
        return LT_OK;
    }
    if (pair != errors->first_row) {
        lt_batch view;
        lt_col result;
        uint32_t sel[1] = {pair};
        lt_op_view(&view, pairs, sel, 1);
        LT_TRY(
            lt_evaluator_run(op, &self->condition, &view, self->round_arena, &result, &own, err));
        why = own.count > 0 ? &own : errors;
    }
    self->refused_any = true;
    self->refused_row = row;
    op->ledger.used--;
    const lt_refusal refusal = {LT_STAGE_EXPRESSION, why->code, lt_str_of(why->text),
                                LT_WATERMARK_MIN};
    return lt_op_row_reject(op, self->pending, row, &refusal, err);
}

/* Leaves the pairs for which the condition is TRUE. When the policy is 'fail', those before the
 * failing one still go out; then the batch fails. */
static lt_status test_pairs(join_op *self, lt_error *err)
{
    const lt_join_spec *spec = self->op.spec;
    join_round *round = &self->round;
    LT_TRY(spread_own(self, err));
    lt_batch pairs = {.row_count = round->count,
                      .row_cap = round->count,
                      .col_count = spec->pair->count,
                      .sel_count = round->count,
                      .cols = round->cols,
                      .schema = spec->pair,
                      .arena = self->round_arena};
    lt_col result;
    lt_row_errors errors = {0};
    LT_TRY(lt_evaluator_run(&self->op, &self->condition, &pairs, self->round_arena, &result,
                            &errors, err));
    uint32_t left = 0;
    for (uint32_t i = 0; i < round->count; i++) {
        if (errors.count > 0 && lt_bit_get(errors.rows, i)) {
            lt_status st = refuse_pair(self, &pairs, i, &errors, &self->failure);
            if (st != LT_OK) {
                self->failed = st;
                self->at = self->count;
                break;
            }
        } else if (!lt_col_is_null(&result, i) && LT_COL_DATA(&result, const uint8_t)[i]) {
            round->index[left++] = i;
        }
    }
    round->left = left;
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
        LT_TRY(decode_partners(self, err));
        if (spec->condition) {
            LT_TRY(test_pairs(self, err));
        }
    }
}

static lt_status join_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    join_op *self = (join_op *)op;
    LT_ASSERT(self->pending != NULL);
    lt_status st = emit_pairs(self, out, err);
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

/* The live rows whose key can equal another. */
static lt_status rows_with_keys(join_op *self, const lt_batch *in, lt_error *err)
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
    LT_ASSERT(self->pending == NULL);
    LT_ASSERT(in->mark_count == 0);
    lt_arena_reset(self->chunk, LT_OP_CHUNK_KEEP);
    self->side = input_no;
    self->at = 0;
    self->failed = LT_OK;
    self->refused_any = false;
    LT_TRY(rows_with_keys(self, in, err));
    if (self->count == 0) {
        return LT_OK;
    }
    LT_TRY(lt_join_change(self, in, err));
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
    .close = join_close,
};
