/* The walk: records that follow a layout, at a few bytes per nanosecond. No index of structural
 * characters is made first: a key is one compare with the literal expected, a number ends at the
 * first byte that is no digit, a string at the first quote, backslash or control character. So
 * every skipped value is checked as well as a wanted one, and the next record is never further away
 * than its own bytes.
 *
 * Chunks without backslashes come with an index of their quotes (json_index.c). There the same
 * steps are taken at places that the index tells, so that no step waits for the one before.
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

/* The integer in [at, at + len), all of it; false for anything else than 1 to 16 digits with a
 * sign. */
LT_INLINE bool walk_exact_integer(const char *at, size_t len, int64_t *out)
{
    const uint64_t zeros = 0x3030303030303030ULL;
    const uint64_t sixes = 0x0606060606060606ULL;
    const uint64_t highs = 0xF0F0F0F0F0F0F0F0ULL;
    bool negative = *at == '-';
    if (LT_UNLIKELY(negative)) {
        at++;
        len--;
    }
    uint64_t value;
    if (LT_LIKELY(len - 1 < 8)) {
        uint64_t word = (lt_load64(at) ^ zeros) << (64 - 8 * len);
        if (LT_UNLIKELY((((word + sixes) | word) & highs) != 0 || (len > 1 && *at == '0'))) {
            return false;
        }
        value = lt_digits_value(word);
    } else if (LT_LIKELY(len - 1 < 16)) {
        uint64_t word = (lt_load64(at) ^ zeros) << (128 - 8 * len);
        uint64_t low = lt_load64(at + len - 8) ^ zeros;
        if (LT_UNLIKELY((((word + sixes) | word | (low + sixes) | low) & highs) != 0 ||
                        *at == '0')) {
            return false;
        }
        value = lt_digits_value(word) * 100000000 + lt_digits_value(low);
    } else {
        return false;
    }
    *out = negative ? -(int64_t)value : (int64_t)value;
    return true;
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

/* What stands between two literals, if it is a whole value. */
LT_NOINLINE static bool walk_exact_any(const json_decoder *dec, json_reader *r,
                                       const json_walk *walk, const json_step *step, lt_str value)
{
    const char *end =
        step->field >= 0 ? walk_any(dec, r, walk, step, value.ptr) : json_skip_value(r, value.ptr);
    return end == value.ptr + value.len;
}

LT_NOINLINE static const char *walk_escaped(json_reader *r, const char *at)
{
    bool escaped;
    return json_string_end(r, at, &escaped);
}

/* Commits the row and goes on behind the newline. */
LT_INLINE void walk_next(json_layout *layout, json_walk *walk, uint16_t newline)
{
    layout->hits++;
    if (LT_UNLIKELY(layout->missing_count > 0)) {
        walk_put_missing(layout, walk);
    }
    walk->at = walk->base + newline + 1;
    walk->row++;
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
    __m256i lit = _mm256_load_si256((const __m256i *)(const void *)step->lit);
    __m256i got = _mm256_loadu_si256((const __m256i *)(const void *)at);
    uint32_t differs = _mm256_mask_cmpneq_epi8_mask((__mmask32)step->mask, lit, got);
    if (LT_UNLIKELY(step->lit_len > 32)) {
        lit = _mm256_load_si256((const __m256i *)(const void *)(step->lit + 32));
        got = _mm256_loadu_si256((const __m256i *)(const void *)(at + 32));
        differs |= _mm256_mask_cmpneq_epi8_mask((__mmask32)(step->mask >> 32), lit, got);
    }
    return differs != 0;
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

/* One record by the chunk's index; `marks` are the record's. Each value must fill the place between
 * two literals exactly. */
LT_TARGET(ISA_512)
LT_INLINE bool record_indexed(json_decoder *dec, json_reader *r, const json_layout *layout,
                              const json_walk *walk, const uint16_t *marks)
{
    const json_step *step = layout->steps;
    const char *base = walk->base;
    const char *at = base + marks[step->mark] - step->back;
    const uint32_t row = walk->row;
    int64_t number;
    if (LT_UNLIKELY(at != walk->at)) {
        return false;
    }
    for (;; step++) {
        if (LT_UNLIKELY(differs_avx512(step, at))) {
            return false;
        }
        if (step->op == STEP_END) {
            return true;
        }
        const char *value = at + step->lit_len;
        const char *end = base + marks[step[1].mark] - step[1].back;
        size_t len = (size_t)(end - value);
        at = end;
        switch (step->op) {
        case STEP_SKIP_STRING:
            if (LT_UNLIKELY(base + marks[step->close] + 1 != end)) {
                return false;
            }
            continue;
        case STEP_STRING:
            if (LT_UNLIKELY(base + marks[step->close] + 1 != end)) {
                return false;
            }
            walk_put_string((lt_strv *)step->data + row, value, len - 1);
            continue;
        case STEP_TIME:
            if (LT_LIKELY(len == step->time_len && walk_time(dec, step, value, &number))) {
                ((int64_t *)step->data)[row] = number;
                continue;
            }
            value--;
            len++;
            break;
        case STEP_INT64:
            if (LT_LIKELY(walk_exact_integer(value, len, &number))) {
                ((int64_t *)step->data)[row] = number;
                continue;
            }
            break;
        case STEP_INT32:
            if (LT_LIKELY(walk_exact_integer(value, len, &number) && number == (int32_t)number)) {
                ((int32_t *)step->data)[row] = (int32_t)number;
                continue;
            }
            break;
        case STEP_SKIP_NUMBER:
            if (LT_LIKELY(walk_exact_integer(value, len, &number))) {
                continue;
            }
            break;
        case STEP_SKIP_ANY:
        case STEP_ANY:
        case STEP_END:
            break;
        }
        if (LT_UNLIKELY(len > JSON_CHUNK_BYTES) ||
            !walk_exact_any(dec, r, walk, step, (lt_str){value, len})) {
            return false;
        }
    }
}

LT_TARGET(ISA_512) static void walk_indexed(json_decoder *dec, json_reader *r, json_walk *walk)
{
    const uint16_t *newline = walk->newlines;
    const json_index *index = &dec->index;
    const uint16_t *line_mark = index->line_marks + (newline - index->newlines);
    const uint16_t *marks = index->marks + (newline > index->newlines ? line_mark[-1] + 1 : 0);
    for (; newline < walk->newlines_end && walk->row < walk->row_cap; newline++) {
        const json_layout *layout = &dec->layouts[dec->layout_now];
        const uint16_t *line_end = index->marks + *line_mark++;
        bool good = layout->step_count > 0 && (size_t)(line_end - marks) == layout->quotes &&
                    record_indexed(dec, r, layout, walk, marks);
        if (LT_UNLIKELY(!good) && any_layout_avx512(dec, r, walk) == NULL) {
            break;
        }
        marks = line_end + 1;
        walk_next(&dec->layouts[dec->layout_now], walk, *newline);
    }
    walk->newlines = newline;
}

#endif

json_walk_fn *json_walk_for(lt_cpu_level level, bool indexed)
{
#if LT_HAVE_X86_64
    if (level == LT_CPU_AVX512) {
        return indexed ? walk_indexed : walk_avx512;
    }
    if (level == LT_CPU_AVX2) {
        return walk_avx2;
    }
#endif
    (void)level;
    (void)indexed;
    return walk_portable;
}
