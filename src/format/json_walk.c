/* The walk: records that follow a layout, at a few bytes per nanosecond. No index of structural
 * characters is made first: a key is one compare with the literal expected, a number ends at the
 * first byte that is no digit, a string at the first quote, backslash or control character. So
 * every skipped value is checked as well as a wanted one, and the next record is never further away
 * than its own bytes.
 *
 * Bounds: the input up to the last of walk->newlines is whole lines, and no step passes a newline
 * but STEP_END, whose literal has one. A step reads at most 64 bytes from where it stands, which
 * LT_BUF_PADDING allows anywhere, or 128 up to walk->wide_limit.
 *
 * The body is compiled once per processor level; json_walk_body.h is that body. */
#include "format/json_int.h"

#include "format/number.h"

#if LT_HAVE_X86_64
#include <immintrin.h>
#endif

static const uint64_t powers_of_ten[] = {1,      10,      100,      1000,     10000,
                                         100000, 1000000, 10000000, 100000000};

/* An integer as JSON writes it, of at most 15 digits: behind it, or NULL for anything else. The
 * sign is a branch, not arithmetic: a rightly guessed branch does not make the next position wait
 * for a load. */
LT_INLINE const char *walk_digits(const char *digits, uint64_t *out)
{
    uint64_t word = lt_load64(digits);
    uint64_t stop = lt_digits_end(word);
    word ^= 0x3030303030303030ULL;
    if (LT_LIKELY(stop != 0)) {
        unsigned count = LT_CTZ64(stop) >> 3;
        if (LT_UNLIKELY(count == 0 || (count > 1 && *digits == '0'))) {
            return NULL;
        }
        *out = lt_digits_value(word << (64 - 8 * count));
        return digits + count;
    }
    uint64_t next = lt_load64(digits + 8);
    stop = lt_digits_end(next);
    if (stop == 0 || *digits == '0') {
        return NULL;
    }
    unsigned more = LT_CTZ64(stop) >> 3;
    uint64_t value = lt_digits_value(word);
    if (more > 0) {
        value = value * powers_of_ten[more] +
                lt_digits_value((next ^ 0x3030303030303030ULL) << (64 - 8 * more));
    }
    *out = value;
    return digits + 8 + more;
}

LT_INLINE const char *walk_integer(const char *at, int64_t *out)
{
    uint64_t value = 0;
    if (LT_UNLIKELY(*at == '-')) {
        at = walk_digits(at + 1, &value);
        *out = -(int64_t)value;
        return at;
    }
    at = walk_digits(at, &value);
    *out = (int64_t)value;
    return at;
}

/* The same without the value. */
LT_INLINE const char *walk_skip_integer(const char *at)
{
    const char *digits = at;
    if (LT_UNLIKELY(*at == '-')) {
        digits++;
    }
    uint64_t stop = lt_digits_end(lt_load64(digits));
    if (LT_LIKELY(stop != 0)) {
        unsigned count = LT_CTZ64(stop) >> 3;
        return count == 0 || (count > 1 && *digits == '0') ? NULL : digits + count;
    }
    stop = lt_digits_end(lt_load64(digits + 8));
    return stop == 0 || *digits == '0' ? NULL : digits + 8 + (LT_CTZ64(stop) >> 3);
}

LT_NOINLINE static bool walk_new_date(json_decoder *dec, const char *at)
{
    int32_t days;
    if (!lt_parse_date((lt_str){at, 10}, dec->rules.timestamp.clamp, &days)) {
        return false;
    }
    dec->date_word = lt_load64(at);
    memcpy(&dec->date_tail, at + 8, sizeof dec->date_tail);
    dec->date_ms = (int64_t)days * 86400000;
    return true;
}

/* A timestamp of the step's form, behind its opening quote. */
LT_INLINE bool walk_time(json_decoder *dec, const json_step *step, const char *at, int64_t *ms)
{
    uint64_t mid = lt_load64(at + 8);
    uint64_t tail = lt_load64(at + 16) ^ step->time_tail;
    if (LT_UNLIKELY(lt_load64(at) != dec->date_word || (uint16_t)mid != dec->date_tail) &&
        !walk_new_date(dec, at)) {
        return false;
    }
    mid = (mid ^ step->time_mid) & ~0xFFFFULL;
    uint64_t wrong = (mid & 0x0000FF0000FF0000ULL) | (tail & step->tail_fixed);
    tail &= step->tail_digits;
    wrong |= ((mid + 0x0606000606000000ULL) | mid | (tail + 0x0606060606060606ULL) | tail) &
             0xF0F0F0F0F0F0F0F0ULL;
    uint64_t pairs_mid = mid * 10 + (mid >> 8);
    uint64_t pairs_tail = tail * 10 + (tail >> 8);
    uint64_t hour = pairs_mid >> 24 & 0xff;
    uint64_t minute = pairs_mid >> 48 & 0xff;
    uint64_t second = pairs_tail >> 8 & 0xff;
    uint64_t milli = (pairs_tail >> 32 & 0xff) * 10 + (tail >> 48 & 0xf);
    if (LT_UNLIKELY(wrong != 0 || at[step->time_len - 1] != '"' || hour > 23 || minute > 59 ||
                    second > 59)) {
        return false;
    }
    *ms = dec->date_ms + (int64_t)(((hour * 60 + minute) * 60 + second) * 1000 + milli);
    return true;
}

/* lt_strv_make without a call to memcpy: 16 bytes from at are readable. */
LT_INLINE void walk_put_string(lt_strv *to, const char *at, size_t len)
{
    if (len > LT_STRV_INLINE_MAX) {
        to->len = (uint32_t)len;
        memcpy(to->u.ref.prefix, at, 4);
        memcpy(to->u.ref.ptr_bytes, &at, sizeof at);
        return;
    }
    uint64_t low = lt_load64(at);
    uint32_t high;
    memcpy(&high, at + 8, sizeof high);
    if (len < 8) {
        low &= (1ULL << (8 * len)) - 1;
        high = 0;
    } else {
        high &= (uint32_t)((1ULL << (8 * (len - 8))) - 1);
    }
    to->len = (uint32_t)len;
    memcpy(to->u.inlined, &low, sizeof low);
    memcpy(to->u.inlined + 8, &high, sizeof high);
}

LT_NOINLINE static void walk_put_missing(const json_layout *layout, json_walk *walk)
{
    for (uint32_t i = 0; i < layout->missing_count; i++) {
        /* The bitmaps are there since json_layouts_bind: no allocation, but for the fields of a
         * ROW, which may stay as they are. */
        lt_bit_clear(walk->cols[layout->missing[i]].valid, walk->row);
    }
}

/* What has no fast way goes out of line, and so does every address that is taken: the walk's own
 * state stays in registers. NULL when the record is to be left. */
LT_NOINLINE static const char *walk_any(const json_decoder *dec, json_reader *r,
                                        const json_walk *walk, const json_step *step,
                                        const char *at)
{
    json_slot to = {&walk->cols[step->field], walk->row, walk->row_cap};
    return json_read_value(r, &dec->root->nodes[step->field], to, &at) == JSON_OK ? at : NULL;
}

LT_NOINLINE static const char *walk_escaped(json_reader *r, const char *at)
{
    bool escaped;
    return json_string_end(r, at, &escaped);
}

/* ---- portable ---- */

LT_INLINE bool differs_portable(const json_step *step, const char *at)
{
    uint32_t done = 0;
    for (; done + 8 <= step->lit_len; done += 8) {
        if (lt_load64(step->lit + done) != lt_load64(at + done)) {
            return true;
        }
    }
    uint64_t rest = (lt_load64(step->lit + done % JSON_LIT_MAX) ^ lt_load64(at + done));
    return done < step->lit_len && (rest << (64 - 8 * (step->lit_len - done))) != 0;
}

LT_INLINE const char *string_event_portable(const char *at, bool wide)
{
    const uint64_t ones = 0x0101010101010101ULL;
    (void)wide;
    for (;; at += 8) {
        uint64_t word = lt_load64(at);
        uint64_t quote = word ^ (ones * '"');
        uint64_t slash = word ^ (ones * '\\');
        uint64_t hit =
            ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
        hit &= 0x8080808080808080ULL;
        if (hit != 0) {
            return at + (LT_CTZ64(hit) >> 3);
        }
    }
}

#define WALK(name) name##_portable
#define WALK_TARGET
#include "format/json_walk_body.h"
#undef WALK
#undef WALK_TARGET

#if LT_HAVE_X86_64

/* ---- AVX2 ---- */

LT_TARGET("avx2,bmi,bmi2") LT_INLINE bool differs_avx2(const json_step *step, const char *at)
{
    __m256i lit = _mm256_load_si256((const __m256i *)(const void *)step->lit);
    __m256i got = _mm256_loadu_si256((const __m256i *)(const void *)at);
    uint64_t same = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(lit, got));
    if (LT_UNLIKELY(step->lit_len > 32)) {
        lit = _mm256_load_si256((const __m256i *)(const void *)(step->lit + 32));
        got = _mm256_loadu_si256((const __m256i *)(const void *)(at + 32));
        same |= (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(lit, got)) << 32;
    }
    return (~same & step->mask) != 0;
}

LT_TARGET("avx2,bmi,bmi2") LT_INLINE uint32_t events_avx2(const char *at)
{
    __m256i in = _mm256_loadu_si256((const __m256i *)(const void *)at);
    __m256i quote = _mm256_cmpeq_epi8(in, _mm256_set1_epi8('"'));
    __m256i slash = _mm256_cmpeq_epi8(in, _mm256_set1_epi8('\\'));
    __m256i low = _mm256_cmpeq_epi8(_mm256_min_epu8(in, _mm256_set1_epi8(0x1f)), in);
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quote, slash), low));
}

LT_TARGET("avx2,bmi,bmi2") LT_INLINE const char *string_event_avx2(const char *at, bool wide)
{
    (void)wide;
    for (;; at += 64) {
        uint64_t hit = (uint64_t)events_avx2(at) | (uint64_t)events_avx2(at + 32) << 32;
        if (hit != 0) {
            return at + LT_CTZ64(hit);
        }
    }
}

#define WALK(name)  name##_avx2
#define WALK_TARGET LT_TARGET("avx2,bmi,bmi2")
#include "format/json_walk_body.h"
#undef WALK
#undef WALK_TARGET

/* ---- AVX-512 ---- */

#define ISA_512 "avx2,bmi,bmi2,avx512f,avx512bw,avx512vl"

LT_TARGET(ISA_512) LT_INLINE bool differs_avx512(const json_step *step, const char *at)
{
    if (LT_LIKELY(step->lit_len <= 32)) {
        __m256i lit = _mm256_load_si256((const __m256i *)(const void *)step->lit);
        __m256i got = _mm256_loadu_si256((const __m256i *)(const void *)at);
        return _mm256_mask_cmpneq_epi8_mask((__mmask32)step->mask, lit, got) != 0;
    }
    __m512i lit = _mm512_load_si512(step->lit);
    return _mm512_mask_cmpneq_epi8_mask(step->mask, lit, _mm512_loadu_si512(at)) != 0;
}

LT_TARGET(ISA_512) LT_INLINE uint64_t events_avx512(const char *at)
{
    __m512i in = _mm512_loadu_si512(at);
    return _mm512_cmpeq_epi8_mask(in, _mm512_set1_epi8('"')) |
           _mm512_cmpeq_epi8_mask(in, _mm512_set1_epi8('\\')) |
           _mm512_cmplt_epu8_mask(in, _mm512_set1_epi8(0x20));
}

/* Where 128 bytes may be read both halves are looked at without a branch between: texts of about 64
 * bytes would make it a bad guess every other time. */
LT_TARGET(ISA_512) LT_INLINE const char *string_event_avx512(const char *at, bool wide)
{
    if (LT_LIKELY(wide)) {
        uint64_t first = events_avx512(at);
        uint64_t second = events_avx512(at + 64);
        if (LT_LIKELY((first | second) != 0)) {
            return at + (first != 0 ? LT_CTZ64(first) : 64 + LT_CTZ64(second));
        }
        at += 128;
    }
    for (;; at += 64) {
        uint64_t hit = events_avx512(at);
        if (hit != 0) {
            return at + LT_CTZ64(hit);
        }
    }
}

#define WALK(name)  name##_avx512
#define WALK_TARGET LT_TARGET(ISA_512)
#include "format/json_walk_body.h"
#undef WALK
#undef WALK_TARGET

#endif

json_walk_fn *json_walk_for(lt_cpu_level level)
{
#if LT_HAVE_X86_64
    if (level == LT_CPU_AVX512) {
        return walk_avx512;
    }
    if (level == LT_CPU_AVX2) {
        return walk_avx2;
    }
#endif
    (void)level;
    return walk_portable;
}
