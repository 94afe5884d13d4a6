/* UNION ALL: rows of any number of inputs in order of arrival. The framework merges the watermarks
 * (LT_MARKS_SPLIT). */
#include "op/op_int.h"

static lt_status union_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    LT_ASSERT((uint32_t)input_no < op->in_count);
    LT_ASSERT(in->mark_count == 0);
    op->ledger.used += lt_batch_live(in);
    return lt_op_emit_selected(op, in, NULL, lt_batch_live(in), out, err);
}

const lt_op_class lt_op_union = {
    .name = "Union",
    .self_size = sizeof(lt_op),
    .marks = LT_MARKS_SPLIT,
    .on_batch = union_on_batch,
};
