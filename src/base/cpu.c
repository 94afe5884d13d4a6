/* Processor detection. A level stands for all the extensions that code of that level may use:
 *   AVX2    avx2 bmi bmi2 lzcnt popcnt
 *   AVX512  these and avx512 f bw vl dq vbmi vbmi2: Ice Lake, Zen 4 and later */
#include "base/cpu.h"

#include <stddef.h>
#include <string.h>

#include "base/compiler.h"

lt_cpu_level lt_cpu_detect(void)
{
#if LT_HAVE_X86_64
    if (!LT_CPU_HAS("avx2") || !LT_CPU_HAS("bmi") || !LT_CPU_HAS("bmi2")) {
        return LT_CPU_PORTABLE;
    }
    if (LT_CPU_HAS("avx512f") && LT_CPU_HAS("avx512bw") && LT_CPU_HAS("avx512vl") &&
        LT_CPU_HAS("avx512dq") && LT_CPU_HAS("avx512vbmi") && LT_CPU_HAS("avx512vbmi2")) {
        return LT_CPU_AVX512;
    }
    return LT_CPU_AVX2;
#else
    return LT_CPU_PORTABLE;
#endif
}

lt_cpu_level lt_cpu_level_from(const char *override)
{
    lt_cpu_level found = lt_cpu_detect();
    lt_cpu_level wanted = found;
    if (override != NULL && strcmp(override, "portable") == 0) {
        wanted = LT_CPU_PORTABLE;
    } else if (override != NULL && strcmp(override, "avx2") == 0) {
        wanted = LT_CPU_AVX2;
    }
    return wanted < found ? wanted : found;
}
