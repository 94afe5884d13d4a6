/* LIMIT and OFFSET: the first rows in order of arrival. */
#include "op/op_int.h"
#include "op/specs.h"

typedef struct {
    lt_op op;
    int64_t seen; /* rows so far; saved */
} limit_op;

static lt_status limit_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    limit_op *self = (limit_op *)op;
    const lt_limit_spec *spec = op->spec;
    (void)input_no;
    int64_t live = lt_batch_live(in);
    int64_t skip = LT_MIN(LT_MAX(spec->offset - self->seen, 0), live);
    int64_t keep = live - skip;
    if (spec->count >= 0) {
        int64_t taken = LT_MAX(self->seen - spec->offset, 0);
        keep = LT_MIN(keep, LT_MAX(spec->count - taken, 0));
    }
    LT_ASSERT(skip >= 0 && keep >= 0 && skip + keep <= live);
    self->seen += live;
    op->ledger.used += (uint64_t)keep;
    op->ledger.filtered += (uint64_t)(live - keep);
    if (keep == live) {
        return lt_op_emit_selected(op, in, NULL, (uint32_t)live, out, err);
    }
    if (in->sel) {
        return lt_op_emit_selected(op, in, in->sel + skip, (uint32_t)keep, out, err);
    }
    uint32_t *sel = LT_NEW_ARRAY(op->scratch, uint32_t, keep + 1);
    if (!sel) {
        return lt_error_nomem(err, "a selection");
    }
    for (uint32_t i = 0; i < (uint32_t)keep; i++) {
        sel[i] = (uint32_t)skip + i;
    }
    return lt_op_emit_selected(op, in, sel, (uint32_t)keep, out, err);
}

static lt_status limit_save(const lt_op *op, lt_text *to, lt_error *err)
{
    const limit_op *self = (const limit_op *)op;
    (void)err;
    lt_op_save_i64(to, self->seen);
    return LT_OK;
}

static lt_status limit_load(lt_op *op, lt_str from, lt_error *err)
{
    limit_op *self = (limit_op *)op;
    return lt_op_load_i64(from, 0, &self->seen, err);
}

const lt_op_class lt_op_limit = {
    .name = "Limit",
    .self_size = sizeof(limit_op),
    .marks = LT_MARKS_PASS,
    .on_batch = limit_on_batch,
    .save = limit_save,
    .load = limit_load,
};
