/* What a batch does to the lists of a join: which partners its rows have, which rows it adds to its
 * own side's lists and which it takes away. */
#include <string.h>

#include "base/hash.h"
#include "op/join_int.h"

static lt_status encode(join_op *self, const lt_rowcodec *codec, const lt_batch *in,
                        const uint32_t *columns, uint32_t count, lt_rows *out, lt_error *err)
{
    lt_arena *arena = self->op.scratch;
    const lt_col **cols = LT_NEW_ARRAY(arena, const lt_col *, (size_t)count + 1);
    if (!cols) {
        return lt_error_nomem(err, "join rows");
    }
    for (uint32_t i = 0; i < count; i++) {
        cols[i] = &in->cols[columns[i]];
    }
    return lt_rowcodec_encode(codec, cols, self->rows, self->count, arena, out, err);
}

/* ---- parts of encoded rows ---- */

static lt_rows rows_slice(const lt_rows *rows, uint32_t from, uint32_t count)
{
    lt_rows part = *rows;
    part.count = count;
    part.hashes = rows->hashes + from;
    if (rows->stride) {
        part.bytes = rows->bytes + (size_t)from * rows->stride;
    } else {
        part.offsets = rows->offsets + from;
    }
    return part;
}

static lt_status rows_pick(const lt_rows *rows, const uint32_t *index, uint32_t count,
                           lt_arena *arena, lt_rows *out, lt_error *err)
{
    size_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        total += lt_rows_len(rows, index[i]);
    }
    uint8_t *bytes = lt_arena_alloc(arena, total + 8, 64);
    uint32_t *offsets = LT_NEW_ARRAY(arena, uint32_t, (size_t)count + 1);
    uint64_t *hashes = LT_NEW_ARRAY(arena, uint64_t, (size_t)count + 1);
    if (!bytes || !offsets || !hashes) {
        return lt_error_nomem(err, "join rows");
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t len = lt_rows_len(rows, index[i]);
        memcpy(bytes + at, lt_rows_ptr(rows, index[i]), len);
        offsets[i] = at;
        hashes[i] = rows->hashes[index[i]];
        at += len;
    }
    offsets[count] = at;
    *out = (lt_rows){.count = count,
                     .stride = rows->stride,
                     .bytes = bytes,
                     .offsets = rows->stride ? NULL : offsets,
                     .hashes = hashes};
    return LT_OK;
}

/* ---- changes ---- */

typedef struct {
    lt_lists *lists;
    lt_rows keys, rows;
    const uint8_t *adds; /* by row */
    uint8_t *found;      /* by row: of retractions */
    lt_arena *arena;
} change_set;

static uint64_t row_id(const change_set *set, uint32_t row)
{
    return lt_hash_combine(set->keys.hashes[row], set->rows.hashes[row]);
}

/* May all retractions come before all additions? Yes unless some row is both added and taken away:
 * then their order decides what is left. Hashes that are equal by chance only cost time. */
static lt_status is_orderless(const change_set *set, uint32_t adds, bool *out, lt_error *err)
{
    uint32_t size = 64;
    while (size < 2 * adds) {
        size *= 2;
    }
    uint64_t *seen = lt_arena_zalloc(set->arena, size * sizeof *seen, 64);
    if (!seen) {
        return lt_error_nomem(err, "join rows");
    }
    for (uint32_t i = 0; i < set->rows.count; i++) {
        uint64_t id = row_id(set, i) | 1;
        uint32_t slot = (uint32_t)(id >> 32) & (size - 1);
        for (; set->adds[i] && seen[slot] != 0 && seen[slot] != id;
             slot = (slot + 1) & (size - 1)) {
        }
        if (set->adds[i]) {
            seen[slot] = id;
        }
    }
    *out = true;
    for (uint32_t i = 0; i < set->rows.count && *out; i++) {
        uint64_t id = row_id(set, i) | 1;
        uint32_t slot = (uint32_t)(id >> 32) & (size - 1);
        for (; !set->adds[i] && seen[slot] != 0; slot = (slot + 1) & (size - 1)) {
            *out = *out && seen[slot] != id;
        }
    }
    return LT_OK;
}

static lt_status change_in_order(const change_set *set, lt_error *err)
{
    uint32_t from = 0;
    while (from < set->rows.count) {
        uint32_t to = from + 1;
        while (to < set->rows.count && set->adds[to] == set->adds[from]) {
            to++;
        }
        lt_rows keys = rows_slice(&set->keys, from, to - from);
        lt_rows rows = rows_slice(&set->rows, from, to - from);
        LT_TRY(set->adds[from] ? lt_lists_append(set->lists, &keys, &rows, err)
                               : lt_lists_remove(set->lists, &keys, &rows, set->found + from, err));
        from = to;
    }
    return LT_OK;
}

static lt_status change_by_kind(const change_set *set, lt_error *err)
{
    uint32_t total = set->rows.count;
    uint32_t *index = LT_NEW_ARRAY(set->arena, uint32_t, (size_t)total + 1);
    uint8_t *found = LT_NEW_ARRAY(set->arena, uint8_t, (size_t)total + 1);
    if (!index || !found) {
        return lt_error_nomem(err, "join rows");
    }
    for (int adds = 0; adds < 2; adds++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < total; i++) {
            index[count] = i;
            count += set->adds[i] == adds;
        }
        lt_rows keys, rows;
        LT_TRY(rows_pick(&set->keys, index, count, set->arena, &keys, err));
        LT_TRY(rows_pick(&set->rows, index, count, set->arena, &rows, err));
        LT_TRY(adds ? lt_lists_append(set->lists, &keys, &rows, err)
                    : lt_lists_remove(set->lists, &keys, &rows, found, err));
        for (uint32_t i = 0; !adds && i < count; i++) {
            set->found[index[i]] = found[i];
        }
    }
    return LT_OK;
}

static lt_status change_lists(join_op *self, const lt_batch *in, change_set *set, lt_error *err)
{
    uint8_t *is_add = LT_NEW_ARRAY(set->arena, uint8_t, (size_t)self->count + 1);
    if (!is_add) {
        return lt_error_nomem(err, "join rows");
    }
    uint32_t adds = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        is_add[i] = lt_kind_is_add(lt_batch_kind(in, self->rows[i]));
        adds += is_add[i];
    }
    set->adds = is_add;
    if (adds == self->count) {
        self->op.ledger.used += adds;
        return lt_lists_append(set->lists, &set->keys, &set->rows, err);
    }
    set->found = lt_arena_zalloc(set->arena, (size_t)self->count + 1, 8);
    bool orderless = false;
    if (!set->found) {
        return lt_error_nomem(err, "join rows");
    }
    LT_TRY(is_orderless(set, adds, &orderless, err));
    LT_TRY(orderless ? change_by_kind(set, err) : change_in_order(set, err));
    for (uint32_t i = 0; i < self->count; i++) {
        bool used = is_add[i] || set->found[i] || self->cursors[i] != 0;
        self->op.ledger.used += used;
        self->op.ledger.filtered += !used;
    }
    return LT_OK;
}

lt_status lt_join_change(join_op *self, const lt_batch *in, lt_error *err)
{
    const lt_join_spec *spec = self->op.spec;
    const join_side *own = &self->sides[self->side];
    change_set set = {.lists = own->lists, .arena = self->op.scratch};
    self->cursors = LT_NEW_ARRAY(self->chunk, uint64_t, (size_t)self->count + 1);
    if (!self->cursors) {
        return lt_error_nomem(err, "join rows");
    }
    LT_TRY(encode(self, self->key_codec, in, own->keys, spec->key_count, &set.keys, err));
    LT_TRY(encode(self, own->codec, in, own->cols, own->count, &set.rows, err));
    LT_TRY(lt_lists_find(self->sides[1 - self->side].lists, &set.keys, self->cursors, err));
    return change_lists(self, in, &set, err);
}
