/* Strict UTF-8: no overlong forms, no surrogates, at most U+10FFFF. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

/* LT_BUF_PADDING readable bytes follow ptr + len. The level chooses the code, never the answer. */
bool lt_utf8_valid(const char *ptr, size_t len, lt_cpu_level level);

/* A number of leading bytes that are all ASCII (not always the largest such number). */
size_t lt_ascii_prefix(const char *ptr, size_t len, lt_cpu_level level);

/* The offsets of all newlines in ptr[0, len), len <= 65536, in `offsets` (room for len + 1); gives
 * their number. *ascii: no byte is above 0x7f. */
uint32_t lt_scan_lines(const char *ptr, size_t len, lt_cpu_level level, uint16_t *offsets,
                       bool *ascii);
