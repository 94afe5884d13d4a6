/* Small things that belong to no single operator. The classes themselves are listed in op.h, one
 * file each. */
#include "op/op_int.h"
#include "op/specs.h"

lt_status lt_emit_watermark(lt_op *op, lt_emit *out, int64_t watermark, lt_error *err)
{
    lt_batch *batch = lt_batch_new(op->pool, op->out_schema, 0);
    if (!batch) {
        return lt_error_nomem(err, "a watermark");
    }
    if (!lt_batch_add_mark(batch, 0, watermark)) {
        lt_batch_unref(batch);
        return lt_error_nomem(err, "a watermark");
    }
    lt_status st = lt_emit_batch(out, batch, err);
    if (st == LT_FULL) {
        lt_batch_unref(batch); /* made anew when the caller tries again */
    }
    return st;
}

void lt_op_save_i64(lt_text *to, int64_t value)
{
    char bytes[8];
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (char)(unsigned char)((uint64_t)value >> (8 * i));
    }
    lt_text_append(to, bytes, sizeof bytes);
}

lt_status lt_op_load_i64(lt_str from, uint32_t index, int64_t *out, lt_error *err)
{
    if (from.len < ((size_t)index + 1) * 8) {
        return lt_error_set(err, LT_ERR_STATE, "an operator's saved values are too short");
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)(unsigned char)from.ptr[(size_t)index * 8 + i] << (8 * i);
    }
    *out = (int64_t)value;
    return LT_OK;
}
