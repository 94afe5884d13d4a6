/* Rows of a batch in the forms that Top-N and deduplication keep them in. */
#pragma once

#include "op/order_key.h"

typedef struct {
    lt_rowcodec *partition_codec;
    lt_rowcodec *row_codec;
    const uint32_t *partition;
    uint32_t partition_count;
} lt_ranked;

lt_status lt_ranked_init(lt_op *op, lt_ranked *ranked, const uint32_t *partition,
                         uint32_t partition_count, lt_error *err);
/* Partition keys, or whole rows. */
lt_status lt_ranked_partitions(const lt_ranked *ranked, const lt_row_pick *pick, lt_rows *out,
                               lt_error *err);
lt_status lt_ranked_rows(const lt_ranked *ranked, const lt_row_pick *pick, lt_rows *out,
                         lt_error *err);

LT_INLINE lt_str lt_ranked_str(const lt_rows *rows, uint32_t i)
{
    return (lt_str){(const char *)lt_rows_ptr(rows, i), lt_rows_len(rows, i)};
}
/* One of the rows, for a probe. */
LT_INLINE lt_rows lt_ranked_one(const lt_rows *rows, uint32_t i)
{
    lt_rows one = *rows;
    one.count = 1;
    one.hashes += i;
    if (one.stride) {
        one.bytes += (size_t)i * one.stride;
    } else {
        one.offsets += i;
    }
    return one;
}
