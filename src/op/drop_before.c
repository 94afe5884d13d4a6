/* Takes the -U rows out of a changelog that nobody below needs them of: who reads it knows a row by
 * its key. */
#include "op/op_int.h"

static lt_status drop_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    (void)input_no;
    uint32_t live = lt_batch_live(in);
    uint32_t *rows = lt_op_live_rows(in, op->scratch);
    if (!rows) {
        return lt_error_nomem(err, "rows");
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < live; i++) {
        if (lt_batch_kind(in, rows[i]) != LT_UPDATE_BEFORE) {
            rows[kept++] = rows[i];
        }
    }
    op->ledger.used += kept;
    op->ledger.filtered += live - kept;
    return lt_op_emit_selected(op, in, kept < live ? rows : NULL, kept, out, err);
}

const lt_op_class lt_op_drop_before = {
    .name = "DropUpdateBefore",
    .self_size = sizeof(lt_op),
    .marks = LT_MARKS_PASS,
    .on_batch = drop_on_batch,
};
