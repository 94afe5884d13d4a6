/* What this processor can do: code with SIMD paths asks once, when it is opened. The answer never
 * decides a result, only the way to it. */
#pragma once

typedef enum { LT_CPU_PORTABLE = 0, LT_CPU_AVX2 = 2, LT_CPU_AVX512 = 3 } lt_cpu_level;

lt_cpu_level lt_cpu_detect(void);

/* As lt_cpu_detect, lowered (never raised) to `override`: "portable", "avx2" or "avx512", the value
 * of LEAT_CPU. NULL or another text: as detected. */
lt_cpu_level lt_cpu_level_from(const char *override);
