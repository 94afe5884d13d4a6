/* Inside of the windowing table function: window_expand.c is the operator, session_expand.c its
 * SESSION part. */
#pragma once

#include "op/session.h"

typedef struct {
    lt_op op;
    lt_window_math math;
    lt_sessions sessions; /* SESSION; the others use its outbox and pending batch */
    /* The batch at hand; in scratch. */
    uint32_t *rows;
    int64_t *ends;
    uint32_t row_count;
    /* Cursor: only meaningful while a callback has not finished. */
    uint32_t row_at;
    uint32_t window_at; /* which of the row's windows comes next */
    uint32_t mark_at;
    int64_t open_until; /* processing time: the last window that may have rows ends there, local */
    /* SESSION. */
    int64_t next_seq;       /* number of the next row; saved */
    lt_rowcodec *row_codec; /* all input columns */
    const lt_type **row_types;
    uint32_t item_at; /* rows of due[due_at] already written */
} window_expand_op;

lt_status lt_session_expand_open(window_expand_op *self, lt_error *err);
