/* Sort keys as bytes: memcmp order is the order of ORDER BY. */
#pragma once

#include "expr/window.h"
#include "op/op_int.h"

typedef struct {
    const lt_sort_key *keys;
    lt_rowcodec **codecs; /* one per column: each may be inverted on its own */
    uint32_t count;
} lt_order_codec;

/* Bytes of several rows, back to back. No two rows' bytes are prefixes of each other. */
typedef struct {
    const uint8_t *bytes;
    const uint32_t *offsets; /* count + 1 */
} lt_order_keys;

/* Rows of a batch; what is made of them lies in the arena. */
typedef struct {
    const lt_batch *in;
    const uint32_t *rows; /* physical */
    uint32_t count;
    lt_arena *arena;
} lt_row_pick;

/* Columns of input 0. */
lt_status lt_order_codec_init(lt_op *op, const lt_sort_key *keys, uint32_t count,
                              lt_order_codec *out, lt_error *err);
lt_status lt_order_encode(const lt_order_codec *codec, const lt_row_pick *pick, lt_order_keys *out,
                          lt_error *err);

LT_INLINE lt_str lt_order_key(const lt_order_keys *keys, uint32_t i)
{
    return (lt_str){(const char *)keys->bytes + keys->offsets[i],
                    keys->offsets[i + 1] - keys->offsets[i]};
}

/* < 0: a comes first. */
LT_INLINE int lt_order_cmp(lt_str a, lt_str b)
{
    size_t common = LT_MIN(a.len, b.len);
    int cmp = common > 0 ? memcmp(a.ptr, b.ptr, common) : 0;
    return cmp != 0 ? cmp : (a.len > b.len) - (a.len < b.len);
}
