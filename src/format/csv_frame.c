/* Where CSV records end, without decoding them: what the reader of a file needs to hand out runs of
 * whole records.
 *
 * The decoder's rules in full (csv_decode.c) go character by character; that is `one_record`. In a
 * text that is written as it should be, a simpler rule gives the same: a line end ends a record
 * when the number of quotes before it is even. `even_lines` goes by that, 64 bytes at a time, and
 * checks while it goes that the text is of that kind:
 *   - a quote that opens stands behind a delimiter, a line end or a closing quote
 *   - a quote that closes stands before a delimiter, a line end or an opening quote
 *   - there is no escape and no comment, and no record is longer than the maximum
 * Where that fails, one_record takes the record at hand, and even_lines goes on behind it. */
#include "format/csv.h"

#include "base/cpu.h"

#if LT_HAVE_X86_64
#include <immintrin.h>
#endif

#define RECORD_BYTES_MAX (8LL << 20)

typedef struct {
    csv_dialect dialect;
    size_t record_max;
} csv_frame;

/* ---- one record, by the decoder's rules ---- */

static bool is_line_end(char ch)
{
    return ch == '\n' || ch == '\r';
}

static const char *find_line_end(const char *at, const char *end)
{
    while (at < end && !is_line_end(*at)) {
        at++;
    }
    return at;
}

static bool at_comment(const csv_frame *frame, const char *at, const char *end)
{
    while (frame->dialect.comments && at < end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    return frame->dialect.comments && at < end && *at == '#';
}

/* A field from its first byte: gives the delimiter or line end behind it, `end` when that is not
 * there. *broken: something else follows a closing quote; then it gives the line end behind. */
static const char *skip_field(const csv_dialect *dialect, const char *at, const char *end,
                              bool *broken)
{
    if (dialect->quote == '\0' || *at != dialect->quote) {
        while (at < end && *at != dialect->delimiter && !is_line_end(*at)) {
            at += dialect->escape != '\0' && *at == dialect->escape ? 2 : 1;
        }
        return LT_MIN(at, end);
    }
    for (at++; at < end; at++) {
        if (dialect->escape != '\0' && *at == dialect->escape) {
            at++;
        } else if (*at == dialect->quote) {
            if (at + 1 < end && at[1] == dialect->quote) {
                at++;
            } else {
                break;
            }
        }
    }
    if (at >= end) {
        return end;
    }
    at++;
    while (at < end && *at == ' ' && *at != dialect->delimiter) {
        at++;
    }
    *broken = at < end && *at != dialect->delimiter && !is_line_end(*at);
    return *broken ? find_line_end(at, end) : at;
}

/* The line end of the record at `at`, or `end`. */
static const char *record_stop(const csv_frame *frame, const char *at, const char *end)
{
    if (at_comment(frame, at, end)) {
        return find_line_end(at, end);
    }
    while (at < end) {
        bool broken = false;
        at = skip_field(&frame->dialect, at, end, &broken);
        if (at == end || broken || is_line_end(*at)) {
            return at;
        }
        at++;
    }
    return end;
}

/* Bytes of the record at ptr with its line end; 0: it is not over. One that is too long goes up to
 * the first newline behind the maximum, wherever that is in it. */
static size_t one_record(const csv_frame *frame, const char *ptr, size_t len)
{
    const char *end = ptr + len;
    const char *stop = record_stop(frame, ptr, end);
    if ((size_t)(stop - ptr) > frame->record_max) {
        const char *newline = memchr(ptr + frame->record_max, '\n', len - frame->record_max);
        return newline != NULL ? (size_t)(newline - ptr) + 1 : 0;
    }
    if (stop == end || (*stop == '\r' && stop + 1 == end)) {
        return 0;
    }
    return (size_t)(stop - ptr) + 1 + (*stop == '\r' && stop[1] == '\n');
}

/* ---- many, in a text written as it should be ---- */

typedef struct {
    uint64_t quotes;
    uint64_t line_ends;
    uint64_t parts; /* delimiters, quotes and line ends */
    uint64_t odd;   /* escapes, and the character of comments */
} csv_bits;

typedef struct {
    char delimiter;
    char quote; /* those not used repeat the delimiter and are masked */
    char escape;
    char comment;
    uint64_t quote_mask;
    uint64_t escape_mask;
    uint64_t comment_mask;
} csv_chars;

/* What one window hands to the next. */
typedef struct {
    uint64_t inside;  /* all ones: within quotes */
    uint64_t parted;  /* bit 0: the byte before was a delimiter, a quote or a line end */
    uint64_t closing; /* bit 0: the byte before was a closing quote */
} csv_carry;

/* Bit i: the number of bits up to and with i is odd. */
LT_INLINE uint64_t prefix_odd(uint64_t bits)
{
    for (unsigned shift = 1; shift < 64; shift *= 2) {
        bits ^= bits << shift;
    }
    return bits;
}

/* Line ends outside of quotes. *odd: bits of bytes that break the rules. */
LT_INLINE uint64_t window_ends(const csv_bits *bits, csv_carry *carry, uint64_t *odd)
{
    uint64_t inside = prefix_odd(bits->quotes) ^ carry->inside;
    uint64_t openers = bits->quotes & inside;
    uint64_t closers = bits->quotes & ~inside;
    *odd = bits->odd | (openers & ~(bits->parts << 1 | carry->parted)) |
           ((closers << 1 | carry->closing) & ~bits->parts);
    carry->inside = 0 - (inside >> 63);
    carry->parted = bits->parts >> 63;
    carry->closing = closers >> 63;
    return bits->line_ends & ~inside;
}

typedef csv_bits csv_window_fn(const char *ptr, const csv_chars *chars);

/* Bytes up to behind the last line end outside of quotes, at most up to where the rules are broken:
 * *odd then. */
LT_INLINE size_t even_lines(csv_window_fn *window, const csv_chars *chars, const char *ptr,
                            size_t len, size_t record_max, bool *odd)
{
    csv_carry carry = {.parted = 1};
    size_t done = 0;
    *odd = false;
    for (size_t at = 0; at < len; at += 64) {
        csv_bits bits = window(ptr + at, chars);
        uint64_t wrong;
        uint64_t ends = window_ends(&bits, &carry, &wrong);
        uint64_t valid = len - at >= 64 ? ~0ULL : (1ULL << (len - at)) - 1;
        wrong &= valid;
        ends &= valid;
        if (LT_UNLIKELY(wrong != 0)) {
            ends &= (1ULL << LT_CTZ64(wrong)) - 1;
            *odd = true;
        }
        if (ends != 0) {
            if (LT_UNLIKELY(at + LT_CTZ64(ends) - done > record_max)) {
                *odd = true;
                return done;
            }
            done = at + 64 - (size_t)LT_CLZ64(ends);
        }
        if (LT_UNLIKELY(*odd)) {
            return done;
        }
    }
    return done;
}

/* 0x80 in each byte of word that equals ch, exactly; as eight bits. */
LT_INLINE uint64_t equal_bits(uint64_t word, char ch)
{
    const uint64_t lows = 0x7F7F7F7F7F7F7F7FULL;
    uint64_t diff = word ^ (0x0101010101010101ULL * (unsigned char)ch);
    uint64_t hits = ~(((diff & lows) + lows) | diff | lows);
    return (hits >> 7) * 0x0102040810204080ULL >> 56;
}

LT_INLINE csv_bits bits_of(const csv_chars *chars, uint64_t delimiters, uint64_t quotes,
                           uint64_t line_ends, uint64_t escapes)
{
    csv_bits bits = {.quotes = quotes & chars->quote_mask, .line_ends = line_ends};
    bits.parts = delimiters | bits.quotes | line_ends;
    bits.odd = escapes & chars->escape_mask;
    return bits;
}

LT_INLINE csv_bits window_portable(const char *ptr, const csv_chars *chars)
{
    uint64_t delimiters = 0, quotes = 0, line_ends = 0, escapes = 0, comments = 0;
    for (unsigned i = 0; i < 64; i += 8) {
        uint64_t word;
        memcpy(&word, ptr + i, 8);
#if !LT_LITTLE_ENDIAN
        word = LT_BSWAP64(word);
#endif
        delimiters |= equal_bits(word, chars->delimiter) << i;
        quotes |= equal_bits(word, chars->quote) << i;
        escapes |= equal_bits(word, chars->escape) << i;
        comments |= equal_bits(word, chars->comment) << i;
        line_ends |= (equal_bits(word, '\n') | equal_bits(word, '\r')) << i;
    }
    csv_bits bits = bits_of(chars, delimiters, quotes, line_ends, escapes);
    bits.odd |= comments & chars->comment_mask;
    return bits;
}

static size_t lines_portable(const csv_chars *chars, const char *ptr, size_t len, size_t record_max,
                             bool *odd)
{
    return even_lines(window_portable, chars, ptr, len, record_max, odd);
}

#if LT_HAVE_X86_64
LT_TARGET("avx2")
LT_INLINE uint64_t equal_64(__m256i low, __m256i high, char ch)
{
    __m256i all = _mm256_set1_epi8(ch);
    uint32_t first = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, all));
    uint32_t second = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, all));
    return first | (uint64_t)second << 32;
}

LT_TARGET("avx2")
LT_INLINE csv_bits window_avx2(const char *ptr, const csv_chars *chars)
{
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)ptr);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(ptr + 32));
    uint64_t line_ends = equal_64(low, high, '\n') | equal_64(low, high, '\r');
    csv_bits bits = bits_of(chars, equal_64(low, high, chars->delimiter),
                            equal_64(low, high, chars->quote), line_ends, 0);
    if (LT_UNLIKELY((chars->escape_mask | chars->comment_mask) != 0)) {
        bits.odd = (equal_64(low, high, chars->escape) & chars->escape_mask) |
                   (equal_64(low, high, chars->comment) & chars->comment_mask);
    }
    return bits;
}

LT_TARGET("avx2,bmi,lzcnt")
static size_t lines_avx2(const csv_chars *chars, const char *ptr, size_t len, size_t record_max,
                         bool *odd)
{
    return even_lines(window_avx2, chars, ptr, len, record_max, odd);
}
#endif

size_t csv_whole(const lt_format_ctx *ctx, const char *ptr, size_t len)
{
    csv_frame frame = {.record_max = (size_t)(ctx->record_bytes_max > 0 ? ctx->record_bytes_max
                                                                        : RECORD_BYTES_MAX)};
    if (csv_dialect_read(ctx, &frame.dialect, NULL) != LT_OK) {
        return 0;
    }
    const csv_dialect *dialect = &frame.dialect;
    const csv_chars chars = {
        .delimiter = dialect->delimiter,
        .quote = dialect->quote,
        .escape = dialect->escape,
        .comment = '#',
        .quote_mask = dialect->quote != '\0' ? ~0ULL : 0,
        .escape_mask = dialect->escape != '\0' ? ~0ULL : 0,
        .comment_mask = dialect->comments ? ~0ULL : 0,
    };
#if LT_HAVE_X86_64
    bool fast = lt_cpu_level_from(ctx->cpu) >= LT_CPU_AVX2;
#endif
    size_t at = 0;
    while (at < len) {
        /* A carriage return at the very end may be half of a line end. */
        size_t seen = len - at - (ptr[len - 1] == '\r');
        bool odd;
#if LT_HAVE_X86_64
        at += fast ? lines_avx2(&chars, ptr + at, seen, frame.record_max, &odd)
                   : lines_portable(&chars, ptr + at, seen, frame.record_max, &odd);
#else
        at += lines_portable(&chars, ptr + at, seen, frame.record_max, &odd);
#endif
        if (!odd && len - at <= frame.record_max) {
            break;
        }
        size_t record = one_record(&frame, ptr + at, len - at);
        if (record == 0) {
            break;
        }
        at += record;
    }
    return at;
}
