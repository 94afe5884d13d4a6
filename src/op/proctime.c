/* Windows in processing time: the clock takes the place of event times and watermarks.
 *
 * Every row gets the clock's milliseconds as its time; a watermark of one millisecond less stands
 * before it. From there on everything is as in event time: nothing is late, windows close in order,
 * sessions merge. The operator asks to be woken when its next window closes. The clock never goes
 * back, not over a restart either: it is the operator's watermark. At the end of bounded input what
 * is open closes. */
#include "op/op_int.h"

static int64_t clock_ms(const lt_op *op)
{
    int64_t now = op->env->wall_us(op->env) / 1000;
    bool passed = op->watermark != LT_WATERMARK_MAX && now <= op->watermark;
    return passed ? op->watermark + 1 : now;
}

lt_status lt_proctime_batch(lt_op *op, lt_batch *in, uint32_t time_col, lt_batch **out,
                            lt_error *err)
{
    int64_t now = clock_ms(op);
    lt_batch *batch = lt_batch_derive(op->pool, in, op->in_schemas[0]);
    if (!batch) {
        return lt_error_nomem(err, "rows in processing time");
    }
    memcpy(batch->cols, in->cols, sizeof(lt_col) * in->col_count);
    batch->marks = NULL;
    batch->mark_count = 0;
    batch->mark_cap = 0;
    batch->mark_cap = 0;
    lt_col *time = &batch->cols[time_col];
    const lt_type *type = op->in_schemas[0]->fields[time_col].type;
    bool ok = lt_col_init(time, type, LT_MAX(in->row_count, 1U), batch->arena) &&
              lt_batch_add_mark(batch, 0, now - 1);
    if (ok && in->mark_count > 0 && in->marks[in->mark_count - 1].watermark == LT_WATERMARK_MAX) {
        ok = lt_batch_add_mark(batch, in->row_count, LT_WATERMARK_MAX);
    }
    if (!ok) {
        lt_batch_unref(batch);
        return lt_error_nomem(err, "rows in processing time");
    }
    for (uint32_t i = 0; i < in->row_count; i++) {
        LT_COL_DATA(time, int64_t)[i] = now;
    }
    *out = batch;
    return LT_OK;
}

lt_status lt_proctime_tick(lt_op *op, lt_batch **out, lt_error *err)
{
    lt_batch *batch = lt_batch_new(op->pool, op->in_schemas[0], 0);
    if (!batch || !lt_batch_add_mark(batch, 0, clock_ms(op) - 1)) {
        lt_batch_unref(batch);
        return lt_error_nomem(err, "the clock");
    }
    *out = batch;
    return LT_OK;
}

void lt_proctime_wake(lt_op *op, int64_t close_ms)
{
    op->wake_mono_ns = INT64_MAX;
    if (close_ms == LT_WATERMARK_MAX || op->watermark == LT_WATERMARK_MAX) {
        return;
    }
    int64_t now = op->env->wall_us(op->env) / 1000;
    int64_t mono = op->env->mono_ns(op->env);
    int64_t wait = close_ms < now ? 0 : close_ms + 1 - now;
    if (wait < (INT64_MAX - mono) / 1000000) {
        op->wake_mono_ns = mono + wait * 1000000;
    }
}
