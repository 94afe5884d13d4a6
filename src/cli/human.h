/* Numbers, sizes and times as people read them. */
#pragma once

#include <stdint.h>

#include "base/str.h"

void lt_human_count(lt_text *to, uint64_t value); /* 1,234,567 */
void lt_human_short(lt_text *to, double value);   /* 987, 12.3K, 4.56M */
void lt_human_bytes(lt_text *to, double bytes);   /* 987 B, 12.3 KB (decimal) */
void lt_human_elapsed(lt_text *to, int64_t ns);   /* 12 ms, 3.4 s, 2:03, 1:02:03, 5 d */
void lt_human_time(
    lt_text *to,
    int64_t ms); /* 2026-01-31 10:11:12, UTC; `-` for LEAT_TIME_MIN, `end` for LEAT_TIME_MAX */
