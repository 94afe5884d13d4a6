/* What the framework knows of the watermark operator beyond its class: the running values that its
 * tasks hand to each other when they take blocks in turn, and the histogram of lateness. */
#pragma once

#include "base/lateness.h"
#include "op/op.h"

/* Belongs to whoever has the turn; like op->watermark. */
typedef struct {
    int64_t newest_ms; /* largest event time of all rows so far; LT_WATERMARK_MIN = none */
    int64_t delay_ms;  /* of the watermark behind it when a row last raised the watermark */
} lt_watermark_clock;

lt_watermark_clock lt_watermark_get_clock(const lt_op *op);
void lt_watermark_set_clock(lt_op *op, lt_watermark_clock clock);
/* Of the rows that this task has seen; the source's is the sum over tasks. Borrowed. */
const lt_lateness *lt_watermark_lateness(const lt_op *op);
/* A part of a restore: the clock goes to every task, the histogram is added where keep is set. */
lt_status lt_watermark_load_part(lt_op *op, lt_str from, bool keep, lt_error *err);
