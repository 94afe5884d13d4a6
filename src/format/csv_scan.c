/* Classification of 64 bytes; see csv_scan.h. */
#include "format/csv_scan.h"

#include <string.h>

#include "base/compiler.h"

#if LT_HAVE_X86_64
#include <immintrin.h>
#endif

/* 0x80 in each byte of word that equals ch, exactly. */
LT_INLINE uint64_t equal_bytes(uint64_t word, char ch)
{
    const uint64_t lows = 0x7F7F7F7F7F7F7F7FULL;
    uint64_t diff = word ^ (0x0101010101010101ULL * (unsigned char)ch);
    return ~(((diff & lows) + lows) | diff | lows);
}

static uint64_t scan_portable(const char *ptr, const csv_marks *marks)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < 64; i += 8) {
        uint64_t word;
        memcpy(&word, ptr + i, 8);
        uint64_t hits = equal_bytes(word, marks->delimiter) | equal_bytes(word, marks->quote) |
                        equal_bytes(word, marks->escape) | equal_bytes(word, '\n') |
                        equal_bytes(word, '\r');
        /* The eight top bits to the lowest byte. */
        bits |= ((hits >> 7) * 0x0102040810204080ULL >> 56) << i;
    }
    return bits;
}

#if LT_HAVE_X86_64
LT_TARGET("avx2")
static uint32_t scan_half(const char *ptr, const csv_marks *marks)
{
    __m256i in = _mm256_loadu_si256((const __m256i *)(const void *)ptr);
    __m256i any = _mm256_or_si256(_mm256_cmpeq_epi8(in, _mm256_set1_epi8(marks->delimiter)),
                                  _mm256_cmpeq_epi8(in, _mm256_set1_epi8(marks->quote)));
    any = _mm256_or_si256(any, _mm256_cmpeq_epi8(in, _mm256_set1_epi8(marks->escape)));
    any = _mm256_or_si256(any, _mm256_cmpeq_epi8(in, _mm256_set1_epi8('\n')));
    any = _mm256_or_si256(any, _mm256_cmpeq_epi8(in, _mm256_set1_epi8('\r')));
    return (uint32_t)_mm256_movemask_epi8(any);
}

LT_TARGET("avx2")
static uint64_t scan_avx2(const char *ptr, const csv_marks *marks)
{
    return (uint64_t)scan_half(ptr, marks) | (uint64_t)scan_half(ptr + 32, marks) << 32;
}

LT_TARGET("avx512f,avx512bw")
static uint64_t scan_avx512(const char *ptr, const csv_marks *marks)
{
    __m512i in = _mm512_loadu_si512(ptr);
    return _mm512_cmpeq_epi8_mask(in, _mm512_set1_epi8(marks->delimiter)) |
           _mm512_cmpeq_epi8_mask(in, _mm512_set1_epi8(marks->quote)) |
           _mm512_cmpeq_epi8_mask(in, _mm512_set1_epi8(marks->escape)) |
           _mm512_cmpeq_epi8_mask(in, _mm512_set1_epi8('\n')) |
           _mm512_cmpeq_epi8_mask(in, _mm512_set1_epi8('\r'));
}
#endif

csv_scan_fn *csv_scan_for(lt_cpu_level level)
{
#if LT_HAVE_X86_64
    if (level == LT_CPU_AVX512) {
        return scan_avx512;
    }
    if (level == LT_CPU_AVX2) {
        return scan_avx2;
    }
#endif
    (void)level;
    return scan_portable;
}
