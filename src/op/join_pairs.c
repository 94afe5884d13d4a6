/* Rounds of pairs: a batch's rows beside some of their partners, as columns, and the condition over
 * them. */
#include "op/join_int.h"

/* Not zeroed: most rounds use little of it. */
lt_status lt_join_round_new(join_op *self, uint32_t pairs, lt_error *err)
{
    lt_arena *arena = self->round_arena;
    size_t most = pairs;
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

/* The partners' columns; strings borrow from the lists. */
lt_status lt_join_decode(join_op *self, lt_error *err)
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
    if (self->refused && self->refused[row]) {
        return LT_OK;
    }
    if (!self->refused) {
        self->refused = lt_arena_zalloc(self->chunk, self->pending->row_count, 8);
        if (!self->refused) {
            return lt_error_nomem(err, "joined rows");
        }
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
    self->refused[row] = 1;
    op->ledger.used--;
    const lt_refusal refusal = {LT_STAGE_EXPRESSION, why->code, lt_str_of(why->text),
                                LT_WATERMARK_MIN};
    return lt_op_row_reject(op, self->pending, row, &refusal, err);
}

lt_status lt_join_test(join_op *self, lt_error *err)
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
                round->failing = i;
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
