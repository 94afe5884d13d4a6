/* Joins in which rows without a partner matter: LEFT, RIGHT, FULL, SEMI, ANTI. Beside its list,
 * each row of an outer side (SEMI, ANTI: of the left one) is marked with the number of its
 * partners, so that the row with NULLs goes when the first one comes, and comes back when the last
 * one goes.
 *
 * What a row does, in this order and as in Flink:
 *
 *   added      for each partner: -D [NULLs, partner] if it is of an outer side and had none,
 *              then the pair: +I, or the row's own kind where neither side is outer;
 *              no partner and an outer side: +I [row, NULLs]
 *   retracted  for each partner: the pair: -D on an outer side, else the row's own kind,
 *              then +I [NULLs, partner] if it is of an outer side and has none left;
 *              no partner and an outer side: -D [row, NULLs]
 *
 *   SEMI, ANTI: a left row comes out with its own kind if it has partners, or has none. A right one
 *   changes which left rows do: its first partners come out with its own kind (SEMI) or go by -D
 *   (ANTI), its last ones go with its own kind, or come by +I.
 *
 * A row reads the other side's lists and changes the marks there, and its own side's lists only
 * when the batch is done: then the number of its partners is known. Its partners come in rounds, so
 * that a key with many rows needs the memory of a round, and LT_FULL may come between any two rows
 * that come out. */
#include <string.h>

#include "op/join_int.h"

void lt_join_outer_begin(join_op *self)
{
    const lt_join_spec *spec = self->op.spec;
    bool exists = spec->type == LT_JOIN_TYPE_SEMI || spec->type == LT_JOIN_TYPE_ANTI;
    bool counted = self->sides[1 - self->side].counted;
    self->by_mark = exists && counted && !spec->condition;
    self->by_size = exists && !counted && !spec->condition;
    self->stored = false;
}

/* ---- gathering ---- */

/* Rows first .. at-1 of the batch have their pairs in the round, one behind the other. */
typedef struct {
    uint32_t first; /* row */
    uint32_t count; /* of rows */
    uint32_t *ends; /* by row - first: its pairs end here */
    bool complete;  /* the last row has no pairs behind the round */
} round_rows;

lt_status lt_join_outs_new(join_op *self, uint32_t most, lt_error *err)
{
    LT_TRY(lt_join_round_new(self, most, err));
    join_round *round = &self->round;
    lt_arena *arena = self->round_arena;
    size_t outs = 2 * (size_t)most;
    round->refs = lt_arena_alloc(arena, most * sizeof(uint64_t), _Alignof(uint64_t));
    round->outs_own = lt_arena_alloc(arena, outs * sizeof(uint32_t), _Alignof(uint32_t));
    round->outs_pair = lt_arena_alloc(arena, outs * sizeof(uint32_t), _Alignof(uint32_t));
    round->outs_kind = lt_arena_alloc(arena, outs, 1);
    return round->refs && round->outs_own && round->outs_pair && round->outs_kind
               ? LT_OK
               : lt_error_nomem(err, "joined rows");
}

static lt_status outer_round(join_op *self, uint32_t most, round_rows *rows, lt_error *err)
{
    LT_TRY(lt_join_outs_new(self, most, err));
    rows->ends = lt_arena_alloc(self->round_arena, most * sizeof(uint32_t), _Alignof(uint32_t));
    return rows->ends ? LT_OK : lt_error_nomem(err, "joined rows");
}

/* Is the row the partner's first, or was it its last one? Notes that it is there, or gone. */
static bool passes_mark(join_op *self, uint64_t ref, bool add)
{
    lt_lists *lists = self->sides[1 - self->side].lists;
    int32_t mark = lt_lists_mark(lists, ref);
    lt_lists_mark_set(lists, ref, add ? mark + 1 : mark - 1);
    return mark == (add ? 0 : 1);
}

/* Partners of row i from its cursor on, while there is room. */
static void gather_row(join_op *self, uint32_t i, uint32_t most)
{
    join_round *round = &self->round;
    lt_lists *lists = self->sides[1 - self->side].lists;
    bool add = lt_kind_is_add(lt_batch_kind(self->pending, self->rows[i]));
    uint64_t *cursor = &self->cursors[i];
    while (*cursor != 0 && round->count < most) {
        uint32_t n = round->count;
        round->refs[n] = *cursor;
        round->rows[n] = self->rows[i];
        round->index[n] = n;
        lt_lists_next(lists, cursor, &round->ptrs[n], &round->lens[n]);
        if (self->by_mark) {
            self->partners[i]++;
            round->count += passes_mark(self, round->refs[n], add);
        } else {
            round->count++;
        }
    }
}

/* A row takes the place of a pair at least, for what comes out without one. */
static lt_status gather(join_op *self, round_rows *rows, lt_error *err)
{
    uint32_t most = LT_MAX(self->box.capacity, 2U);
    LT_TRY(outer_round(self, most, rows, err));
    join_round *round = &self->round;
    rows->first = self->at;
    rows->complete = true;
    uint32_t pairless = 0;
    while (self->at < self->count && round->count + pairless < most) {
        uint32_t from = round->count;
        gather_row(self, self->at, most - pairless);
        pairless += round->count == from;
        rows->ends[rows->count++] = round->count;
        rows->complete = self->cursors[self->at] == 0;
        if (!rows->complete) {
            break; /* the next round begins with the rest of it */
        }
        self->at++;
    }
    round->left = round->count;
    return LT_OK;
}

/* ---- what comes out ---- */

void lt_join_push_out(join_op *self, uint32_t own, uint32_t pair, lt_row_kind kind)
{
    join_round *round = &self->round;
    round->outs_own[round->outs] = own;
    round->outs_pair[round->outs] = pair;
    round->outs_kind[round->outs++] = (uint8_t)kind;
}

typedef struct {
    uint32_t i;
    const uint32_t *pairs; /* those that passed */
    uint32_t count;
    bool last; /* no more will come */
} row_pairs;

static void do_outer_row(join_op *self, const row_pairs *row)
{
    bool lookup = ((const lt_join_spec *)self->op.spec)->lookup;
    const join_side *own = &self->sides[self->side];
    bool other_outer = self->sides[1 - self->side].outer;
    uint32_t at = self->rows[row->i];
    lt_row_kind kind = lt_batch_kind(self->pending, at);
    bool add = lt_kind_is_add((uint8_t)kind);
    if (!lookup && (own->outer || (other_outer && add))) {
        kind = add ? LT_INSERT : LT_DELETE;
    }
    for (uint32_t i = 0; i < row->count; i++) {
        uint32_t pair = row->pairs[i];
        bool passes = other_outer && passes_mark(self, self->round.refs[pair], add);
        if (passes && add) {
            lt_join_push_out(self, JOIN_NONE, pair, LT_DELETE);
        }
        lt_join_push_out(self, at, pair, kind);
        if (passes && !add) {
            lt_join_push_out(self, JOIN_NONE, pair, LT_INSERT);
        }
    }
    if (row->last && own->outer && self->partners[row->i] == 0) {
        lt_join_push_out(self, at, JOIN_NONE, kind);
    }
}

static void do_exists_row(join_op *self, const row_pairs *row)
{
    const lt_join_spec *spec = self->op.spec;
    bool semi = spec->type == LT_JOIN_TYPE_SEMI;
    uint32_t at = self->rows[row->i];
    lt_row_kind kind = lt_batch_kind(self->pending, at);
    bool add = lt_kind_is_add(kind);
    if (self->side == 0) {
        if (row->last && (self->partners[row->i] != 0) == semi) {
            lt_join_push_out(self, at, JOIN_NONE, kind);
        }
        return;
    }
    lt_row_kind turned = semi ? kind : add ? LT_DELETE : LT_INSERT;
    for (uint32_t i = 0; i < row->count; i++) {
        uint32_t pair = row->pairs[i];
        if (self->by_mark || passes_mark(self, self->round.refs[pair], add)) {
            lt_join_push_out(self, JOIN_NONE, pair, turned);
        }
    }
}

/* The rows of the round with the pairs that passed. A failing pair ends the output. */
static void do_rows(join_op *self, const round_rows *rows)
{
    const lt_join_spec *spec = self->op.spec;
    bool exists = spec->type == LT_JOIN_TYPE_SEMI || spec->type == LT_JOIN_TYPE_ANTI;
    join_round *round = &self->round;
    uint32_t at = 0;
    for (uint32_t r = 0; r < rows->count; r++) {
        row_pairs row = {.i = rows->first + r, .pairs = round->index + at};
        for (; at < round->left && round->index[at] < rows->ends[r]; at++) {
            row.count++;
        }
        bool failing = self->failed != LT_OK && rows->ends[r] > round->failing;
        row.last = (r + 1 < rows->count || rows->complete) && !failing;
        if (!self->by_mark) {
            self->partners[row.i] += (int32_t)row.count;
        }
        if (exists) {
            do_exists_row(self, &row);
        } else {
            do_outer_row(self, &row);
        }
        if (failing) {
            break;
        }
    }
}

/* ---- output ---- */

static bool put_nulls(lt_col *dst, uint32_t base, uint32_t capacity, uint32_t count,
                      lt_arena *arena)
{
    uint64_t *valid = lt_col_need_valid(dst, capacity, arena);
    for (uint32_t i = 0; valid && i < count; i++) {
        lt_bit_clear(valid, base + i);
    }
    if (valid && dst->data) {
        size_t size = lt_phys_size(dst->phys);
        memset((uint8_t *)dst->data + base * size, 0, count * size);
    }
    return valid != NULL;
}

/* Rows of one side; JOIN_NONE is NULLs. picks: scratch of count. */
static bool put_side(lt_col *dst, uint32_t base, uint32_t capacity, const lt_col *from,
                     const uint32_t *rows, uint32_t count, uint32_t *picks, lt_arena *arena)
{
    uint32_t none = 0, last = JOIN_NONE;
    for (uint32_t i = 0; i < count; i++) {
        none += rows[i] == JOIN_NONE;
        last = rows[i] != JOIN_NONE ? rows[i] : last;
    }
    if (none == 0) {
        return lt_col_put(dst, base, capacity, from, rows, count, true, arena);
    }
    if (none == count) {
        return put_nulls(dst, base, capacity, count, arena);
    }
    for (uint32_t i = count; i-- > 0;) { /* what is named twice in a row is copied once */
        last = rows[i] != JOIN_NONE ? rows[i] : last;
        picks[i] = last;
    }
    uint64_t *valid = lt_col_need_valid(dst, capacity, arena);
    if (!valid || !lt_col_put(dst, base, capacity, from, picks, count, true, arena)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i] == JOIN_NONE) {
            lt_bit_clear(valid, base + i);
        }
    }
    return true;
}

lt_status lt_join_put_outs(join_op *self, uint32_t count, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_join_spec *spec = op->spec;
    const join_side *own = &self->sides[self->side];
    join_round *round = &self->round;
    LT_TRY(lt_outbox_need(op, &self->box, err));
    lt_batch *batch = self->box.batch;
    uint32_t base = batch->row_count;
    uint32_t *picks = LT_NEW_ARRAY(self->round_arena, uint32_t, count);
    if (!picks) {
        return lt_error_nomem(err, "joined rows");
    }
    for (uint32_t c = 0; c < op->out_schema->count; c++) {
        uint32_t at = spec->out[c];
        bool mine = at >= own->first && at - own->first < own->count;
        const lt_col *from = !mine           ? &round->cols[at]
                             : self->pending ? &self->pending->cols[own->cols[at - own->first]]
                                             : NULL; /* all of them are NULLs */
        const uint32_t *rows = (mine ? round->outs_own : round->outs_pair) + round->at;
        if (!put_side(&batch->cols[c], base, self->box.capacity, from, rows, count, picks,
                      batch->arena)) {
            return lt_error_nomem(err, "joined rows");
        }
    }
    if (batch->kinds) {
        memcpy(batch->kinds + base, round->outs_kind + round->at, count);
    }
    batch->row_count += count;
    batch->sel_count = batch->row_count;
    round->at += count;
    return LT_OK;
}

static lt_status next_round(join_op *self, lt_error *err)
{
    const lt_join_spec *spec = self->op.spec;
    round_rows rows = {0};
    LT_TRY(gather(self, &rows, err));
    if (self->round.count > 0) {
        LT_TRY(lt_join_decode(self, err));
        if (spec->condition) {
            LT_TRY(lt_join_test(self, err));
        }
    }
    do_rows(self, &rows);
    if (self->failed != LT_OK) {
        self->at = self->count;
    }
    return LT_OK;
}

lt_status lt_join_outer_run(join_op *self, lt_emit *out, lt_error *err)
{
    join_round *round = &self->round;
    for (;;) {
        while (round->at < round->outs) {
            uint32_t count = LT_MIN(round->outs - round->at, lt_outbox_room(&self->box));
            if (count == 0) {
                LT_TRY(lt_outbox_flush(&self->box, out, err));
                continue;
            }
            LT_TRY(lt_join_put_outs(self, count, err));
        }
        if (self->at >= self->count) {
            break;
        }
        LT_TRY(next_round(self, err));
    }
    if (!self->stored) {
        LT_TRY(lt_join_store(self, self->pending, err));
        self->stored = true;
    }
    return lt_outbox_flush(&self->box, out, err);
}
