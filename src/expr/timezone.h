/* Time zones: the system's tzdata (TZif files under /usr/share/zoneinfo, or $TZDIR) read per zone,
 * no libc global state. UTC and fixed offsets
 * (`+05:30`, `GMT+05:30`, `UTC+5`) need no file. */
#pragma once

#include "base/arena.h"
#include "base/status.h"
#include "os/env.h"

typedef struct lt_zone lt_zone;

/* LT_ERR_SQL with a hint for unknown names. The zone lives in the arena. */
lt_status lt_zone_load(lt_env *env, lt_str name, lt_arena *arena, const lt_zone **out,
                       lt_error *err);
bool lt_zone_is_utc(const lt_zone *zone);
/* Offset east of UTC in ms at an instant. */
int64_t lt_zone_offset_ms(const lt_zone *zone, int64_t utc_ms);
/* Local wall-clock ms -> UTC ms as Java's ZonedDateTime.ofLocal: in an overlap the earlier offset;
 * in a gap shifted later by the gap's length. */
int64_t lt_zone_to_utc_ms(const lt_zone *zone, int64_t local_ms);
/* The same as java.util.Calendar and SimpleDateFormat: in an overlap the later offset. */
int64_t lt_zone_to_utc_late_ms(const lt_zone *zone, int64_t local_ms);
