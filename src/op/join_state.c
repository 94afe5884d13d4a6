/* What a batch does to the lists of a join: which partners its rows have, which rows it adds to its
 * own side's lists and which it takes away. */
#include <string.h>

#include "op/join_int.h"

lt_status lt_join_encode(join_op *self, const lt_rowcodec *codec, const lt_batch *in,
                         const uint32_t *columns, lt_rows *out, lt_error *err)
{
    lt_arena *arena = self->at_once ? self->op.scratch : self->chunk;
    uint32_t count = lt_rowcodec_count(codec);
    const lt_col **cols = LT_NEW_ARRAY(arena, const lt_col *, (size_t)count + 1);
    if (!cols) {
        return lt_error_nomem(err, "join rows");
    }
    for (uint32_t i = 0; i < count; i++) {
        cols[i] = &in->cols[columns[i]];
    }
    return lt_rowcodec_encode(codec, cols, self->rows, self->count, arena, out, err);
}

/* Rows with their ids behind them, as keyed lists take them. */
static lt_status add_ids(const lt_rows *rows, const lt_rows *ids, lt_arena *arena, lt_rows *out,
                         lt_error *err)
{
    size_t total = 0;
    for (uint32_t i = 0; i < rows->count; i++) {
        total += lt_rows_len(rows, i) + lt_rows_len(ids, i);
    }
    uint8_t *bytes = lt_arena_alloc(arena, total + 8, 64);
    uint32_t *offsets = LT_NEW_ARRAY(arena, uint32_t, (size_t)rows->count + 1);
    if (!bytes || !offsets || total > UINT32_MAX) {
        return lt_error_nomem(err, "join rows");
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t len = lt_rows_len(rows, i), id_len = lt_rows_len(ids, i);
        offsets[i] = at;
        memcpy(bytes + at, lt_rows_ptr(rows, i), len);
        memcpy(bytes + at + len, lt_rows_ptr(ids, i), id_len);
        at += len + id_len;
    }
    offsets[rows->count] = at;
    *out =
        (lt_rows){.count = rows->count, .bytes = bytes, .offsets = offsets, .hashes = ids->hashes};
    return LT_OK;
}

/* Applies self->rows to the own lists. is_add: by i, NULL = all are added. */
static lt_status change_lists(join_op *self, const lt_batch *in, lt_lists_change *change,
                              lt_error *err)
{
    const join_side *own = &self->sides[self->side];
    lt_arena *arena = self->at_once ? self->op.scratch : self->chunk;
    lt_rows rows, ids;
    LT_TRY(lt_join_encode(self, own->codec, in, own->cols, &rows, err));
    if (own->id_codec) {
        LT_TRY(lt_join_encode(self, own->id_codec, in, own->rows->ids, &ids, err));
        LT_TRY(add_ids(&rows, &ids, arena, &rows, err));
        change->ids = &ids;
    }
    change->rows = &rows;
    return lt_lists_apply(own->lists, change, err);
}

/* *is_add NULL = all are. */
static lt_status kinds_of(join_op *self, const lt_batch *in, lt_arena *arena, uint8_t **is_add,
                          lt_error *err)
{
    uint32_t adds = 0;
    *is_add = NULL;
    if (!in->kinds) {
        return LT_OK;
    }
    uint8_t *add = LT_NEW_ARRAY(arena, uint8_t, (size_t)self->count + 1);
    if (!add) {
        return lt_error_nomem(err, "join rows");
    }
    for (uint32_t i = 0; i < self->count; i++) {
        add[i] = lt_kind_is_add(lt_batch_kind(in, self->rows[i]));
        adds += add[i];
    }
    *is_add = adds < self->count ? add : NULL;
    return LT_OK;
}

static lt_status need_found(const join_op *self, lt_arena *arena, lt_lists_change *change,
                            lt_error *err)
{
    if (!change->adds) {
        return LT_OK;
    }
    change->found = lt_arena_zalloc(arena, (size_t)self->count + 1, 8);
    return change->found ? LT_OK : lt_error_nomem(err, "join rows");
}

lt_status lt_join_change(join_op *self, const lt_batch *in, lt_error *err)
{
    const join_side *own = &self->sides[self->side];
    lt_arena *arena = self->op.scratch;
    lt_rows keys;
    uint8_t *adds;
    self->cursors = LT_NEW_ARRAY(self->chunk, uint64_t, (size_t)self->count + 1);
    if (!self->cursors) {
        return lt_error_nomem(err, "join rows");
    }
    LT_TRY(lt_join_encode(self, self->key_codec, in, own->keys, &keys, err));
    LT_TRY(lt_lists_find(self->sides[1 - self->side].lists, &keys, self->cursors, err));
    LT_TRY(kinds_of(self, in, arena, &adds, err));
    lt_lists_change change = {.keys = &keys, .adds = adds};
    LT_TRY(need_found(self, arena, &change, err));
    LT_TRY(change_lists(self, in, &change, err));
    for (uint32_t i = 0; adds && i < self->count; i++) {
        bool used = adds[i] || change.found[i] || self->cursors[i] != 0;
        self->op.ledger.used += used;
        self->op.ledger.filtered += !used;
    }
    self->op.ledger.used += adds ? 0 : self->count;
    return LT_OK;
}

/* ---- other joins ---- */

static lt_status find_sizes(join_op *self, lt_lists *other, lt_error *err)
{
    uint32_t *sizes = LT_NEW_ARRAY(self->chunk, uint32_t, (size_t)self->count + 1);
    if (!sizes) {
        return lt_error_nomem(err, "join rows");
    }
    lt_lists_sizes(other, &self->keys, sizes);
    for (uint32_t i = 0; i < self->count; i++) {
        self->partners[i] = (int32_t)LT_MIN(sizes[i], (uint32_t)INT32_MAX);
    }
    return LT_OK;
}

lt_status lt_join_find(join_op *self, const lt_batch *in, lt_error *err)
{
    const join_side *own = &self->sides[self->side];
    lt_lists *other = self->sides[1 - self->side].lists;
    self->cursors = LT_NEW_ARRAY(self->chunk, uint64_t, (size_t)self->count + 1);
    self->partners = LT_NEW_ARRAY(self->chunk, int32_t, (size_t)self->count + 1);
    if (!self->cursors || !self->partners) {
        return lt_error_nomem(err, "join rows");
    }
    LT_TRY(lt_join_encode(self, self->key_codec, in, own->keys, &self->keys, err));
    LT_TRY(self->by_size ? find_sizes(self, other, err)
                         : lt_lists_find(other, &self->keys, self->cursors, err));
    for (uint32_t i = 0; self->keyless && i < self->count; i++) {
        if (self->keyless[i]) {
            self->cursors[i] = 0;
            self->partners[i] = 0;
        }
    }
    self->op.ledger.used += self->count; /* lt_join_store knows better */
    return LT_OK;
}

/* Leaves the rows that have a key, in everything that is by row. */
static lt_status leave_keyed(join_op *self, const lt_batch *in, lt_error *err)
{
    const join_side *own = &self->sides[self->side];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        self->rows[kept] = self->rows[i];
        self->partners[kept] = self->partners[i];
        kept += !self->keyless[i];
    }
    bool same = kept == self->count;
    self->count = kept;
    self->keyless = NULL;
    return same ? LT_OK : lt_join_encode(self, self->key_codec, in, own->keys, &self->keys, err);
}

lt_status lt_join_load(join_op *self, const lt_batch *in, lt_error *err)
{
    const join_side *own = &self->sides[self->side];
    lt_rows keys;
    uint8_t *adds;
    LT_TRY(lt_join_encode(self, self->key_codec, in, own->keys, &keys, err));
    LT_TRY(kinds_of(self, in, self->chunk, &adds, err));
    lt_lists_change change = {.keys = &keys, .adds = adds};
    LT_TRY(need_found(self, self->chunk, &change, err));
    self->op.ledger.used += self->count;
    return change_lists(self, in, &change, err);
}

/* Left rows of a lookup join are not kept: those without a partner are filtered. */
static void count_looked_up(join_op *self)
{
    const join_side *own = &self->sides[self->side];
    for (uint32_t i = 0; !own->outer && i < self->count; i++) {
        if (self->partners[i] == 0 && !(self->refused && self->refused[self->rows[i]])) {
            self->op.ledger.used--;
            self->op.ledger.filtered++;
        }
    }
}

lt_status lt_join_store(join_op *self, const lt_batch *in, lt_error *err)
{
    const join_side *own = &self->sides[self->side];
    uint8_t *adds;
    if (((const lt_join_spec *)self->op.spec)->lookup) {
        count_looked_up(self);
        return LT_OK;
    }
    if (self->keyless) {
        LT_TRY(leave_keyed(self, in, err));
    }
    LT_TRY(kinds_of(self, in, self->chunk, &adds, err));
    lt_lists_change change = {
        .keys = &self->keys, .adds = adds, .marks = own->counted ? self->partners : NULL};
    LT_TRY(need_found(self, self->chunk, &change, err));
    LT_TRY(change_lists(self, in, &change, err));
    for (uint32_t i = 0; adds && i < self->count; i++) {
        bool used = adds[i] || change.found[i] || self->partners[i] != 0 || own->unmatched;
        if (!used && !(self->refused && self->refused[self->rows[i]])) {
            self->op.ledger.used--;
            self->op.ledger.filtered++;
        }
    }
    return LT_OK;
}
