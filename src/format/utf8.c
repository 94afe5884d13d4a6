/* UTF-8 validation, and the search for newlines that goes with it. ASCII goes by 64 bytes at a
 * time. The first byte that is not ASCII leads to the byte-wise automaton, or with AVX2 to
 * classification by nibbles: every error is visible in a byte and its predecessor. Three 16-entry
 * tables (high and low nibble of the predecessor, high nibble of the byte) give sets of error
 * classes; a class in all three is an error. What is left are the third and fourth byte of longer
 * sequences, which must be continuations where the byte two or three before announced them (the
 * "lookup" method of Keiser and Lemire, 2020). */
#include "format/utf8.h"

#include <stdint.h>
#include <string.h>

#include "base/compiler.h"

#if LT_HAVE_X86_64
#include <immintrin.h>
#endif

static bool tail_ok(const unsigned char *ptr, size_t need)
{
    for (size_t i = 2; i < need; i++) {
        if ((ptr[i] & 0xC0) != 0x80) {
            return false;
        }
    }
    return true;
}

/* Length of the sequence at ptr, 0 when malformed. */
static size_t sequence_len(const unsigned char *ptr, size_t len)
{
    unsigned char first = ptr[0];
    if (first < 0x80) {
        return 1;
    }
    size_t need = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    if (need == 0 || need > len) {
        return 0;
    }
    unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (ptr[1] < low || ptr[1] > high || !tail_ok(ptr, need)) {
        return 0;
    }
    return need;
}

static bool valid_portable(const unsigned char *ptr, size_t len)
{
    size_t at = 0;
    while (at < len) {
        uint64_t word;
        while (len - at >= 8 && (memcpy(&word, ptr + at, 8), (word & 0x8080808080808080ULL) == 0)) {
            at += 8;
        }
        if (at == len) {
            break;
        }
        size_t step = sequence_len(ptr + at, len - at);
        if (step == 0) {
            return false;
        }
        at += step;
    }
    return true;
}

#if LT_HAVE_X86_64

enum {
    TOO_SHORT = 1 << 0,      /* lead, then no continuation */
    TOO_LONG = 1 << 1,       /* ASCII, then a continuation */
    OVERLONG_3 = 1 << 2,     /* E0 80..9F */
    TOO_LARGE = 1 << 3,      /* F4 90.. and above */
    SURROGATE = 1 << 4,      /* ED A0.. */
    OVERLONG_2 = 1 << 5,     /* C0, C1 */
    TOO_LARGE_1000 = 1 << 6, /* F5.. 80..8F; shares its bit with OVERLONG_4 */
    OVERLONG_4 = 1 << 6,     /* F0 80..8F */
    TWO_CONTS = 1 << 7,      /* continuation after continuation: fine only when announced */
    CARRY = TOO_SHORT | TOO_LONG | TWO_CONTS
};

#define T(v) ((char)(v))
#define TABLE(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)                                      \
    _mm256_setr_epi8(T(a), T(b), T(c), T(d), T(e), T(f), T(g), T(h), T(i), T(j), T(k), T(l), T(m), \
                     T(n), T(o), T(p), T(a), T(b), T(c), T(d), T(e), T(f), T(g), T(h), T(i), T(j), \
                     T(k), T(l), T(m), T(n), T(o), T(p))

/* `in` with the last n bytes of `before` in front. */
#define SHIFT_IN(in, before, n) \
    _mm256_alignr_epi8((in), _mm256_permute2x128_si256((before), (in), 0x21), 16 - (n))

LT_TARGET("avx2")
static __m256i pair_errors(__m256i in, __m256i prev1)
{
    const __m256i nibble = _mm256_set1_epi8(0x0F);
    const __m256i prev_high = TABLE(
        TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TWO_CONTS,
        TWO_CONTS, TWO_CONTS, TWO_CONTS, TOO_SHORT | OVERLONG_2, TOO_SHORT,
        TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4);
    const __m256i prev_low =
        TABLE(CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4, CARRY | OVERLONG_2, CARRY, CARRY,
              CARRY | TOO_LARGE, CARRY | TOO_LARGE | TOO_LARGE_1000,
              CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
              CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
              CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
              CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000 | SURROGATE,
              CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000);
    const __m256i this_high = TABLE(
        TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
        TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4,
        TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | TOO_LARGE,
        TOO_LONG | OVERLONG_2 | TWO_CONTS | SURROGATE | TOO_LARGE,
        TOO_LONG | OVERLONG_2 | TWO_CONTS | SURROGATE | TOO_LARGE, TOO_SHORT, TOO_SHORT, TOO_SHORT,
        TOO_SHORT);
    __m256i a =
        _mm256_shuffle_epi8(prev_high, _mm256_and_si256(_mm256_srli_epi16(prev1, 4), nibble));
    __m256i b = _mm256_shuffle_epi8(prev_low, _mm256_and_si256(prev1, nibble));
    __m256i c = _mm256_shuffle_epi8(this_high, _mm256_and_si256(_mm256_srli_epi16(in, 4), nibble));
    return _mm256_and_si256(_mm256_and_si256(a, b), c);
}

LT_TARGET("avx2")
static __m256i block_errors(__m256i in, __m256i before)
{
    __m256i pairs = pair_errors(in, SHIFT_IN(in, before, 1));
    __m256i third =
        _mm256_subs_epu8(SHIFT_IN(in, before, 2), _mm256_set1_epi8((char)(0xE0 - 0x80)));
    __m256i fourth =
        _mm256_subs_epu8(SHIFT_IN(in, before, 3), _mm256_set1_epi8((char)(0xF0 - 0x80)));
    __m256i must = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
    return _mm256_xor_si256(must, pairs);
}

LT_TARGET("avx2")
static bool valid_avx2(const unsigned char *ptr, size_t len)
{
    __m256i before = _mm256_setzero_si256();
    __m256i bad = _mm256_setzero_si256();
    bool plain = true; /* the block before was ASCII */
    size_t at = 0;
    for (; len - at >= 64; at += 64) {
        __m256i lo = _mm256_loadu_si256((const __m256i *)(const void *)(ptr + at));
        __m256i hi = _mm256_loadu_si256((const __m256i *)(const void *)(ptr + at + 32));
        if (plain && _mm256_movemask_epi8(_mm256_or_si256(lo, hi)) == 0) {
            before = hi;
            continue;
        }
        bad = _mm256_or_si256(bad, block_errors(lo, before));
        bad = _mm256_or_si256(bad, block_errors(hi, lo));
        before = hi;
        plain = _mm256_movemask_epi8(hi) == 0;
    }
    /* The rest, zero-filled, and once more zeros: a sequence that the end cuts short shows as lead
     * without continuation. */
    unsigned char rest[96];
    memset(rest, 0, sizeof rest);
    memcpy(rest, ptr + at, len - at);
    for (size_t i = 0; i < sizeof rest; i += 32) {
        __m256i in = _mm256_loadu_si256((const __m256i *)(const void *)(rest + i));
        bad = _mm256_or_si256(bad, block_errors(in, before));
        before = in;
    }
    return _mm256_testz_si256(bad, bad) != 0;
}

/* How many leading bytes are ASCII, counted in blocks of 64. */
LT_TARGET("avx2")
static size_t ascii_avx2(const unsigned char *ptr, size_t len)
{
    size_t at = 0;
    for (; len - at >= 128; at += 128) {
        const __m256i *in = (const __m256i *)(const void *)(ptr + at);
        __m256i a = _mm256_or_si256(_mm256_loadu_si256(in), _mm256_loadu_si256(in + 1));
        __m256i b = _mm256_or_si256(_mm256_loadu_si256(in + 2), _mm256_loadu_si256(in + 3));
        if (_mm256_movemask_epi8(_mm256_or_si256(a, b)) != 0) {
            break;
        }
    }
    return at;
}

LT_TARGET("avx512f,avx512bw")
static size_t ascii_avx512(const unsigned char *ptr, size_t len)
{
    size_t at = 0;
    for (; len - at >= 256; at += 256) {
        __m512i a = _mm512_loadu_si512(ptr + at);
        __m512i b = _mm512_loadu_si512(ptr + at + 64);
        __m512i c = _mm512_loadu_si512(ptr + at + 128);
        __m512i d = _mm512_loadu_si512(ptr + at + 192);
        /* a | b | c in one step */
        __m512i any = _mm512_or_si512(_mm512_ternarylogic_epi64(a, b, c, 0xFE), d);
        if (_mm512_movepi8_mask(any) != 0) {
            break;
        }
    }
    return at;
}
#endif

static size_t ascii_portable(const unsigned char *ptr, size_t len)
{
    size_t at = 0;
    uint64_t word;
    while (len - at >= 8 && (memcpy(&word, ptr + at, 8), (word & 0x8080808080808080ULL) == 0)) {
        at += 8;
    }
    while (at < len && ptr[at] < 0x80) {
        at++;
    }
    return at;
}

size_t lt_ascii_prefix(const char *text, size_t len, lt_cpu_level level)
{
    const unsigned char *ptr = (const unsigned char *)text;
    size_t at = 0;
#if LT_HAVE_X86_64
    if (level >= LT_CPU_AVX2) {
        at = level == LT_CPU_AVX512 ? ascii_avx512(ptr, len) : ascii_avx2(ptr, len);
    }
#endif
    (void)level;
    return at + ascii_portable(ptr + at, len - at);
}

bool lt_utf8_valid(const char *text, size_t len, lt_cpu_level level)
{
    const unsigned char *ptr = (const unsigned char *)text;
#if LT_HAVE_X86_64
    if (level >= LT_CPU_AVX2) {
        size_t plain = level == LT_CPU_AVX512 ? ascii_avx512(ptr, len) : ascii_avx2(ptr, len);
        return valid_avx2(ptr + plain, len - plain);
    }
#endif
    (void)level;
    return valid_portable(ptr, len);
}

/* ---- lines ---- */

static uint32_t lines_portable(const unsigned char *ptr, size_t len, uint16_t *offsets, bool *ascii)
{
    uint32_t count = 0;
    uint64_t high = 0;
    size_t at = 0;
    const uint64_t lows = 0x7F7F7F7F7F7F7F7FULL;
    for (; at < len; at += 8) {
        uint64_t word;
        memcpy(&word, ptr + at, 8);
        if (len - at < 8) {
            word &= (1ULL << (8 * (len - at))) - 1;
        }
        high |= word;
        uint64_t diff = word ^ 0x0A0A0A0A0A0A0A0AULL;
        uint64_t hits =
            ~(((diff & lows) + lows) | diff | lows); /* exact: 0x80 where a byte of diff is zero */
        for (; hits != 0; hits &= hits - 1) {
            offsets[count++] = (uint16_t)(at + (LT_CTZ64(hits) >> 3));
        }
    }
    *ascii = (high & 0x8080808080808080ULL) == 0;
    return count;
}

#if LT_HAVE_X86_64

/* Bits of 64 bytes that lie in front of the end. */
static uint64_t tail_mask(size_t left)
{
    return left >= 64 ? ~0ULL : (1ULL << left) - 1;
}

LT_TARGET("avx2,bmi,bmi2")
static uint32_t lines_avx2(const unsigned char *ptr, size_t len, uint16_t *offsets, bool *ascii)
{
    const __m256i newline = _mm256_set1_epi8('\n');
    uint32_t count = 0;
    uint64_t high = 0;
    for (size_t at = 0; at < len; at += 64) {
        __m256i lo = _mm256_loadu_si256((const __m256i *)(const void *)(ptr + at));
        __m256i hi = _mm256_loadu_si256((const __m256i *)(const void *)(ptr + at + 32));
        uint64_t mask = tail_mask(len - at);
        uint64_t hits = (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(lo, newline)) |
                        (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(hi, newline))
                            << 32;
        uint64_t tops = (uint64_t)(uint32_t)_mm256_movemask_epi8(lo) |
                        (uint64_t)(uint32_t)_mm256_movemask_epi8(hi) << 32;
        high |= tops & mask;
        hits &= mask;
        /* One newline or none is the rule, and which cannot be guessed. */
        offsets[count] = (uint16_t)(at + _tzcnt_u64(hits));
        count += hits != 0;
        for (hits = _blsr_u64(hits); LT_UNLIKELY(hits != 0); hits = _blsr_u64(hits)) {
            offsets[count++] = (uint16_t)(at + LT_CTZ64(hits));
        }
    }
    *ascii = high == 0;
    return count;
}

LT_TARGET("avx512f,avx512bw,bmi,bmi2")
static uint32_t lines_avx512(const unsigned char *ptr, size_t len, uint16_t *offsets, bool *ascii)
{
    const __m512i newline = _mm512_set1_epi8('\n');
    uint32_t count = 0;
    __m512i any = _mm512_setzero_si512();
    for (size_t at = 0; at < len; at += 64) {
        __mmask64 mask = tail_mask(len - at);
        __m512i in = _mm512_maskz_loadu_epi8(mask, ptr + at);
        any = _mm512_or_si512(any, in);
        uint64_t hits = _mm512_cmpeq_epi8_mask(in, newline);
        offsets[count] = (uint16_t)(at + _tzcnt_u64(hits));
        count += hits != 0;
        for (hits = _blsr_u64(hits); LT_UNLIKELY(hits != 0); hits = _blsr_u64(hits)) {
            offsets[count++] = (uint16_t)(at + LT_CTZ64(hits));
        }
    }
    *ascii = _mm512_movepi8_mask(any) == 0;
    return count;
}
#endif

uint32_t lt_scan_lines(const char *text, size_t len, lt_cpu_level level, uint16_t *offsets,
                       bool *ascii)
{
    const unsigned char *ptr = (const unsigned char *)text;
#if LT_HAVE_X86_64
    if (level == LT_CPU_AVX512) {
        return lines_avx512(ptr, len, offsets, ascii);
    }
    if (level == LT_CPU_AVX2) {
        return lines_avx2(ptr, len, offsets, ascii);
    }
#endif
    (void)level;
    return lines_portable(ptr, len, offsets, ascii);
}
