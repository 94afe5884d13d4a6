/* Window arithmetic; see window_math.h. Sums wrap instead of overflowing: times at the ends of
 * int64 give odd windows, never a trap. */
#include "op/window_math.h"

#define DAY_MS     86400000LL
#define BOUNDS_MAX 4 /* slices of one batch that are found by comparing instead of dividing */

LT_INLINE int64_t add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

LT_INLINE int64_t sub(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

int64_t lt_floor_to(int64_t value, int64_t step, int64_t offset)
{
    LT_DCHECK(step > 0);
    int64_t rest = sub(value, offset) % step;
    return sub(value, rest < 0 ? rest + step : rest);
}

void lt_window_math_init(lt_window_math *math, const lt_window *spec, const lt_op *op)
{
    math->spec = *spec;
    math->zone = spec->ltz && op->session->zone && !lt_zone_is_utc(op->session->zone)
                     ? op->session->zone
                     : NULL;
    math->grid_ms = spec->size_ms;
    if (spec->kind == LT_WINDOW_HOP || spec->kind == LT_WINDOW_CUMULATE) {
        math->grid_ms = spec->step_ms;
        LT_ASSERT(spec->step_ms > 0 && spec->size_ms % spec->step_ms == 0);
    }
    if (spec->attached) {
        math->grid_ms = 0;
    } else {
        LT_ASSERT(spec->size_ms > 0);
    }
}

/* ---- local time ---- */

int64_t lt_window_local(const lt_window_math *math, int64_t event_ms)
{
    return math->zone ? add(event_ms, lt_zone_offset_ms(math->zone, event_ms)) : event_ms;
}

void lt_window_locals(const lt_window_math *math, int64_t *times, uint32_t count)
{
    if (!math->zone || count == 0) {
        return;
    }
    int64_t low = times[0];
    int64_t high = times[0];
    for (uint32_t i = 1; i < count; i++) {
        low = LT_MIN(low, times[i]);
        high = LT_MAX(high, times[i]);
    }
    int64_t offset = lt_zone_offset_ms(math->zone, low);
    /* Within a day there is at most one transition, which the two ends tell. */
    if ((uint64_t)high - (uint64_t)low < (uint64_t)DAY_MS &&
        offset == lt_zone_offset_ms(math->zone, high)) {
        for (uint32_t i = 0; i < count; i++) {
            times[i] = add(times[i], offset);
        }
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        times[i] = lt_window_local(math, times[i]);
    }
}

/* The instant from which on the local time is past: in an overlap (clocks set back) the later of
 * the two, in a gap (clocks set forward) the moment of the change. */
static int64_t timer_instant(const lt_zone *zone, int64_t local)
{
    int64_t first = lt_zone_to_utc_ms(zone, local);
    int64_t offset = lt_zone_offset_ms(zone, first);
    if (add(first, offset) == local) {
        int64_t later = sub(local, lt_zone_offset_ms(zone, add(first, DAY_MS)));
        bool overlap = later > first && add(later, lt_zone_offset_ms(zone, later)) == local;
        return overlap ? later : first;
    }
    int64_t low = sub(first, DAY_MS); /* before the change */
    int64_t high = first;             /* after it */
    while (high - low > 1) {
        int64_t mid = low + (high - low) / 2;
        if (lt_zone_offset_ms(zone, mid) == offset) {
            high = mid;
        } else {
            low = mid;
        }
    }
    return high;
}

/* ---- slices ---- */

/* Few slices close together: found without a division per row. */
static bool ends_by_bounds(int64_t *times, uint32_t count, int64_t first_end, int64_t grid,
                           int64_t high)
{
    uint64_t span = (uint64_t)high - (uint64_t)first_end;
    if (high >= first_end && span >= (uint64_t)grid * (BOUNDS_MAX - 1)) {
        return false;
    }
    int64_t b1 = first_end;
    int64_t b2 = add(b1, grid);
    int64_t b3 = add(b2, grid);
    if (high < b1) {
        for (uint32_t i = 0; i < count; i++) {
            times[i] = first_end;
        }
        return true;
    }
    for (uint32_t i = 0; i < count; i++) {
        int64_t t = times[i];
        int64_t steps = (int64_t)(t >= b1) + (int64_t)(t >= b2) + (int64_t)(t >= b3);
        times[i] = add(first_end, steps * grid);
    }
    return true;
}

void lt_window_slice_ends(const lt_window_math *math, int64_t *times, uint32_t count)
{
    if (math->grid_ms == 0 || count == 0) {
        return;
    }
    int64_t grid = math->grid_ms;
    int64_t offset = math->spec.offset_ms;
    int64_t low = times[0];
    int64_t high = times[0];
    for (uint32_t i = 1; i < count; i++) {
        low = LT_MIN(low, times[i]);
        high = LT_MAX(high, times[i]);
    }
    int64_t first_end = add(lt_floor_to(low, grid, offset), grid);
    if (ends_by_bounds(times, count, first_end, grid, high)) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        times[i] = add(lt_floor_to(times[i], grid, offset), grid);
    }
}

/* ---- windows ---- */

int64_t lt_window_start(const lt_window_math *math, int64_t end)
{
    const lt_window *spec = &math->spec;
    if (spec->kind == LT_WINDOW_CUMULATE) {
        return lt_floor_to(sub(end, 1), spec->size_ms, spec->offset_ms);
    }
    return sub(end, spec->size_ms);
}

int64_t lt_window_last_end(const lt_window_math *math, int64_t slice_end)
{
    const lt_window *spec = &math->spec;
    if (spec->attached) {
        return slice_end;
    }
    switch (spec->kind) {
    case LT_WINDOW_HOP:
        return add(slice_end, spec->size_ms - spec->step_ms);
    case LT_WINDOW_CUMULATE:
        return add(lt_floor_to(sub(slice_end, 1), spec->size_ms, spec->offset_ms), spec->size_ms);
    case LT_WINDOW_TUMBLE:
    case LT_WINDOW_SESSION:
        break;
    }
    return slice_end;
}

int64_t lt_window_close(const lt_window_math *math, int64_t end)
{
    int64_t last = sub(end, 1);
    return math->zone ? timer_instant(math->zone, last) : last;
}

int64_t lt_window_first_open(const lt_window_math *math, int64_t slice_end, int64_t watermark)
{
    int64_t grid = math->grid_ms;
    int64_t end = slice_end;
    if (grid == 0 || watermark == LT_WATERMARK_MIN) {
        return end;
    }
    if (watermark == LT_WATERMARK_MAX) {
        return LT_WATERMARK_MAX;
    }
    /* With a zone: to within a day of the watermark by arithmetic, then by its real closing times.
     */
    int64_t past = math->zone ? sub(lt_window_local(math, watermark), DAY_MS) : watermark;
    if (end <= past) {
        end = add(end, (sub(past, end) / grid + 1) * grid);
    }
    while (lt_window_close(math, end) <= watermark) {
        end = add(end, grid);
    }
    return end;
}

int64_t lt_window_time(const lt_window_math *math, int64_t end)
{
    int64_t last = sub(end, 1);
    return math->zone ? lt_zone_to_utc_ms(math->zone, last) : last;
}
