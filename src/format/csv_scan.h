/* Where a CSV text has characters that matter: delimiters, quotes, line ends and escapes, 64 bytes
 * at a time. */
#pragma once

#include <stdint.h>

#include "base/cpu.h"

/* The characters to look for; those not used repeat '\n'. */
typedef struct {
    char delimiter;
    char quote;
    char escape;
} csv_marks;

/* Bit i: ptr[i] is one of the marks, '\n' or '\r'. 64 bytes are readable. */
typedef uint64_t csv_scan_fn(const char *ptr, const csv_marks *marks);
csv_scan_fn *csv_scan_for(lt_cpu_level level);
