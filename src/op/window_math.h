/* Window arithmetic. All bounds are in the window's own clock: event milliseconds, or wall-clock
 * milliseconds of the session zone for an LTZ time attribute ("local"). A slice is a piece of time
 * that the windows share:
 *
 *   TUMBLE    |--------|--------|           slice = window
 *   HOP       |--|--|--|--|--|--|           slice = slide; a window is size / slide slices
 *   CUMULATE  |--|--|--|--|  |--|--|..      slice = step; windows share their start
 *   attached  the row's own window_end      slice = window
 *
 * A slice is named by its end (exclusive). A window closes when the watermark reaches the instant
 * of its end - 1 ms. */
#pragma once

#include "expr/timezone.h"
#include "op/op_int.h"
#include "op/specs.h"

typedef struct {
    lt_window spec;
    const lt_zone *zone; /* NULL: local is event time */
    int64_t grid_ms;     /* distance of slice ends; 0 when attached */
} lt_window_math;

void lt_window_math_init(lt_window_math *math, const lt_window *spec, const lt_op *op);

int64_t lt_floor_to(int64_t value, int64_t step,
                    int64_t offset); /* largest offset + n * step <= value */

/* Event instant -> local time. */
int64_t lt_window_local(const lt_window_math *math, int64_t event_ms);
void lt_window_locals(const lt_window_math *math, int64_t *times, uint32_t count); /* in place */

/* Slice ends of local times, in place. */
void lt_window_slice_ends(const lt_window_math *math, int64_t *times, uint32_t count);

/* Start of the window with this end; not for attached sessions. */
int64_t lt_window_start(const lt_window_math *math, int64_t end);
/* End of the last window that has the slice. */
int64_t lt_window_last_end(const lt_window_math *math, int64_t slice_end);
/* The watermark that closes the window. */
int64_t lt_window_close(const lt_window_math *math, int64_t end);
/* End of the first window that has the slice and is not closed at this watermark; may lie behind
 * lt_window_last_end. Attached: the slice end. */
int64_t lt_window_first_open(const lt_window_math *math, int64_t slice_end, int64_t watermark);
/* window_time, an event instant. */
int64_t lt_window_time(const lt_window_math *math, int64_t end);
