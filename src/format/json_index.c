/* The index of a chunk: every quote and newline. In a chunk without backslashes and control
 * characters each quote opens or closes a string, so the n-th quote of a record that follows a
 * layout is known by its number: the walk finds all members at once, instead of one behind the
 * other. */
#include "format/json_int.h"

#include "format/utf8.h"

#if LT_HAVE_X86_64
#include <immintrin.h>

/* What 64 bytes hold. */
typedef struct {
    uint64_t marks; /* quotes and newlines */
    uint64_t newlines;
    uint64_t odd; /* backslashes and other control characters */
} block_bits;

/* Bits in front of the end. */
LT_INLINE uint64_t bits_before(size_t left)
{
    return left >= 64 ? ~0ULL : (1ULL << left) - 1;
}

typedef struct {
    uint32_t mark_count;
    uint32_t line_count;
} index_counts;

LT_TARGET("bmi,popcnt")
LT_INLINE void put_line(json_index *index, const index_counts *counts, const block_bits *bits,
                        size_t at)
{
    uint64_t before = bits->marks & (bits->newlines ^ (bits->newlines - 1)) >> 1;
    index->newlines[counts->line_count] = (uint16_t)(at + _tzcnt_u64(bits->newlines));
    index->line_marks[counts->line_count] =
        (uint16_t)(counts->mark_count + (uint32_t)_mm_popcnt_u64(before));
}

/* A block has one newline or none, mostly, and which cannot be guessed: so one is put always, and
 * counts if it was there. */
LT_TARGET("bmi,popcnt")
LT_INLINE void put_lines(json_index *index, index_counts *counts, const block_bits *bits, size_t at)
{
    block_bits left = *bits;
    put_line(index, counts, &left, at);
    counts->line_count += left.newlines != 0;
    while (LT_UNLIKELY((left.newlines & (left.newlines - 1)) != 0)) {
        left.newlines &= left.newlines - 1;
        put_line(index, counts, &left, at);
        counts->line_count++;
    }
}

#define ISA_INDEX "avx2,bmi,bmi2,popcnt,avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2"

LT_TARGET(ISA_INDEX)
static void fill_avx512(json_index *index, const char *ptr, size_t len)
{
    static const LT_ALIGNED(64) uint8_t numbers[64] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
        44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    const __m512i places = _mm512_load_si512(numbers);
    index_counts counts = {0};
    __m512i any = _mm512_setzero_si512();
    uint64_t odd = 0;
    for (size_t at = 0; at < len; at += 64) {
        uint64_t mask = bits_before(len - at);
        __m512i in = _mm512_maskz_loadu_epi8(mask, ptr + at);
        block_bits bits;
        any = _mm512_or_si512(any, in);
        bits.newlines = _mm512_cmpeq_epi8_mask(in, _mm512_set1_epi8('\n'));
        bits.marks = _mm512_cmpeq_epi8_mask(in, _mm512_set1_epi8('"')) | bits.newlines;
        bits.odd = _mm512_cmplt_epu8_mask(in, _mm512_set1_epi8(0x20)) & mask;
        odd |= (bits.odd ^ bits.newlines) | _mm512_cmpeq_epi8_mask(in, _mm512_set1_epi8('\\'));
        put_lines(index, &counts, &bits, at);
        __m512i packed = _mm512_maskz_compress_epi8(bits.marks, places);
        __m512i base = _mm512_set1_epi16((short)at);
        uint16_t *out = index->marks + counts.mark_count;
        __m512i wide = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(packed));
        uint32_t count = (uint32_t)_mm_popcnt_u64(bits.marks);
        _mm512_storeu_si512(out, _mm512_add_epi16(wide, base));
        if (LT_UNLIKELY(count > 32)) {
            wide = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(packed, 1));
            _mm512_storeu_si512(out + 32, _mm512_add_epi16(wide, base));
        }
        counts.mark_count += count;
    }
    index->line_count = counts.line_count;
    index->ascii = _mm512_movepi8_mask(any) == 0;
    index->plain = odd == 0;
}
#endif

void json_index_fill(json_index *index, const char *ptr, size_t len, lt_cpu_level level, bool full)
{
#if LT_HAVE_X86_64
    if (full && level == LT_CPU_AVX512) {
        fill_avx512(index, ptr, len);
        return;
    }
#endif
    (void)full;
    index->plain = false;
    index->line_count = lt_scan_lines(ptr, len, level, index->newlines, &index->ascii);
}
