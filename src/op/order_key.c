/* See order_key.h. A column's ordered form begins with its null byte (0 = NULL, 1 = a value), which
 * is replaced so that NULLs come where they should; a descending value is inverted. A NULL part is
 * padding only, and no two parts of one column are prefixes of each other. */
#include "op/order_key.h"

lt_status lt_order_codec_init(lt_op *op, const lt_sort_key *keys, uint32_t count,
                              lt_order_codec *out, lt_error *err)
{
    out->keys = keys;
    out->count = count;
    out->codecs = LT_NEW_ARRAY(op->arena, lt_rowcodec *, (size_t)count + 1);
    if (!out->codecs) {
        return lt_error_nomem(err, "sort keys");
    }
    for (uint32_t o = 0; o < count; o++) {
        const lt_type *type = op->in_schemas[0]->fields[keys[o].col].type;
        out->codecs[o] = lt_rowcodec_new(op->arena, &type, 1, true);
        if (!out->codecs[o]) {
            return lt_error_nomem(err, "sort keys");
        }
    }
    return LT_OK;
}

static void put_part(const lt_sort_key *key, const uint8_t *from, uint32_t len, uint8_t *to)
{
    bool null = from[0] == 0;
    to[0] = null ? (key->nulls_first ? 0 : 2) : 1;
    if (!key->descending || null) {
        memcpy(to + 1, from + 1, len - 1);
        return;
    }
    for (uint32_t b = 1; b < len; b++) {
        to[b] = (uint8_t)~from[b];
    }
}

lt_status lt_order_encode(const lt_order_codec *codec, const lt_row_pick *pick, lt_order_keys *out,
                          lt_error *err)
{
    lt_arena *arena = pick->arena;
    uint32_t count = pick->count;
    lt_rows *parts = LT_NEW_ARRAY(arena, lt_rows, (size_t)codec->count + 1);
    uint32_t *offsets = LT_NEW_ARRAY(arena, uint32_t, (size_t)count + 1);
    if (!parts || !offsets) {
        return lt_error_nomem(err, "sort keys");
    }
    for (uint32_t o = 0; o < codec->count && count > 0; o++) { /* a batch of marks has no columns */
        const lt_col *col = &pick->in->cols[codec->keys[o].col];
        LT_TRY(
            lt_rowcodec_encode(codec->codecs[o], &col, pick->rows, count, arena, &parts[o], err));
    }
    uint32_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        offsets[i] = total;
        for (uint32_t o = 0; o < codec->count; o++) {
            total += lt_rows_len(&parts[o], i);
        }
    }
    offsets[count] = total;
    uint8_t *bytes = lt_arena_alloc(arena, (size_t)total + 8, 64);
    if (!bytes) {
        return lt_error_nomem(err, "sort keys");
    }
    uint8_t *at = bytes;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t o = 0; o < codec->count; o++) {
            uint32_t len = lt_rows_len(&parts[o], i);
            put_part(&codec->keys[o], lt_rows_ptr(&parts[o], i), len, at);
            at += len;
        }
    }
    out->bytes = bytes;
    out->offsets = offsets;
    return LT_OK;
}
