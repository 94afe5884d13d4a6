/* See ranked.h. Partitions and rows are kept in the plain row form. */
#include "op/ranked.h"

static lt_rowcodec *plan_codec(lt_op *op, const uint32_t *cols, uint32_t count)
{
    const lt_type **types = LT_NEW_ARRAY(op->arena, const lt_type *, (size_t)count + 1);
    if (!types) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        types[i] = op->in_schemas[0]->fields[cols ? cols[i] : i].type;
    }
    return lt_rowcodec_new(op->arena, types, count, false);
}

lt_status lt_ranked_init(lt_op *op, lt_ranked *ranked, const uint32_t *partition,
                         uint32_t partition_count, lt_error *err)
{
    ranked->partition = partition;
    ranked->partition_count = partition_count;
    ranked->partition_codec = plan_codec(op, partition, partition_count);
    ranked->row_codec = plan_codec(op, NULL, op->in_schemas[0]->count);
    return ranked->partition_codec && ranked->row_codec ? LT_OK
                                                        : lt_error_nomem(err, "ranked rows");
}

static lt_status encode(const lt_rowcodec *codec, const lt_row_pick *pick, const uint32_t *which,
                        lt_rows *out, lt_error *err)
{
    uint32_t width = lt_rowcodec_count(codec);
    *out = (lt_rows){.stride = lt_rowcodec_stride(codec)};
    if (pick->count == 0) {
        return LT_OK; /* a batch of marks has no columns */
    }
    const lt_col **cols = LT_NEW_ARRAY(pick->arena, const lt_col *, (size_t)width + 1);
    if (!cols) {
        return lt_error_nomem(err, "ranked rows");
    }
    for (uint32_t c = 0; c < width; c++) {
        cols[c] = &pick->in->cols[which ? which[c] : c];
    }
    return lt_rowcodec_encode(codec, cols, pick->rows, pick->count, pick->arena, out, err);
}

lt_status lt_ranked_partitions(const lt_ranked *ranked, const lt_row_pick *pick, lt_rows *out,
                               lt_error *err)
{
    return encode(ranked->partition_codec, pick, ranked->partition, out, err);
}

lt_status lt_ranked_rows(const lt_ranked *ranked, const lt_row_pick *pick, lt_rows *out,
                         lt_error *err)
{
    return encode(ranked->row_codec, pick, NULL, out, err);
}
