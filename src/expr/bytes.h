/* Short runs of bytes without a call into libc: most strings of a stream are below 100 bytes, where
 * the call costs more than the work. x86-64 always has SSE2; elsewhere words do. */
#pragma once

#include <stdbool.h>
#include <string.h>

#include "base/compiler.h"
#include "data/column.h"

#if LT_HAVE_X86_64
#include <emmintrin.h>
#endif

#define LT_BYTES_SHORT 128

LT_INLINE uint64_t lt_bytes_load8(const char *ptr)
{
    uint64_t word;
    memcpy(&word, ptr, 8);
    return word;
}

LT_INLINE uint32_t lt_bytes_load4(const char *ptr)
{
    uint32_t word;
    memcpy(&word, ptr, 4);
    return word;
}

/* Not 0 where 16 bytes differ. */
#if LT_HAVE_X86_64
typedef __m128i lt_bytes_diff;
LT_INLINE lt_bytes_diff lt_bytes_diff16(const char *a, const char *b)
{
    return _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)a),
                         _mm_loadu_si128((const __m128i *)(const void *)b));
}
LT_INLINE lt_bytes_diff lt_bytes_diff_or(lt_bytes_diff x, lt_bytes_diff y)
{
    return _mm_or_si128(x, y);
}
LT_INLINE bool lt_bytes_diff_any(lt_bytes_diff x)
{
    return _mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_setzero_si128())) != 0xffff;
}
#else
typedef uint64_t lt_bytes_diff;
LT_INLINE lt_bytes_diff lt_bytes_diff16(const char *a, const char *b)
{
    return (lt_bytes_load8(a) ^ lt_bytes_load8(b)) |
           (lt_bytes_load8(a + 8) ^ lt_bytes_load8(b + 8));
}
LT_INLINE lt_bytes_diff lt_bytes_diff_or(lt_bytes_diff x, lt_bytes_diff y)
{
    return x | y;
}
LT_INLINE bool lt_bytes_diff_any(lt_bytes_diff x)
{
    return x != 0;
}
#endif

/* 16 to LT_BYTES_SHORT bytes. The end goes first: keys of a kind begin alike. */
LT_INLINE bool lt_bytes_equal_some(const char *a, const char *b, size_t len)
{
    if (lt_bytes_diff_any(lt_bytes_diff16(a + len - 16, b + len - 16))) {
        return false;
    }
    lt_bytes_diff d = lt_bytes_diff16(a, b);
    if (len > 32) {
        d = lt_bytes_diff_or(d, lt_bytes_diff16(a + 16, b + 16));
        d = lt_bytes_diff_or(d, lt_bytes_diff16(a + len - 32, b + len - 32));
        for (size_t i = 32; i + 32 < len; i += 16) {
            d = lt_bytes_diff_or(d, lt_bytes_diff16(a + i, b + i));
        }
    }
    return !lt_bytes_diff_any(d);
}

LT_INLINE bool lt_bytes_equal(const char *a, const char *b, size_t len)
{
    if (len >= 16 && len <= LT_BYTES_SHORT) {
        return lt_bytes_equal_some(a, b, len);
    }
    if (len >= 8 && len < 16) {
        return ((lt_bytes_load8(a) ^ lt_bytes_load8(b)) |
                (lt_bytes_load8(a + len - 8) ^ lt_bytes_load8(b + len - 8))) == 0;
    }
    if (len >= 4 && len < 8) {
        return ((lt_bytes_load4(a) ^ lt_bytes_load4(b)) |
                (lt_bytes_load4(a + len - 4) ^ lt_bytes_load4(b + len - 4))) == 0;
    }
    if (len < 4) {
        return len == 0 || (a[0] == b[0] && a[len / 2] == b[len / 2] && a[len - 1] == b[len - 1]);
    }
    return memcmp(a, b, len) == 0;
}

/* As lt_strv_eq. */
LT_INLINE bool lt_bytes_eq_view(const lt_strv *a, const lt_strv *b)
{
    const char *x = (const char *)a, *y = (const char *)b;
    if (lt_bytes_load8(x) != lt_bytes_load8(y)) { /* length and prefix */
        return false;
    }
    if (lt_bytes_load8(x + 8) == lt_bytes_load8(y + 8)) {
        return true;
    }
    return a->len > LT_STRV_INLINE_MAX && lt_bytes_equal(lt_strv_ptr(a), lt_strv_ptr(b), a->len);
}

/* The first four bytes as a number that orders as they do. */
LT_INLINE uint32_t lt_bytes_prefix(const lt_strv *view)
{
    uint32_t word;
    memcpy(&word, (const char *)view + 4, 4);
    return LT_LITTLE_ENDIAN ? LT_BSWAP32(word) : word;
}

/* As lt_strv_cmp. Bytes past a short string's end are zero in its view, so that prefixes that
 * differ decide. */
LT_INLINE int lt_bytes_cmp_view(const lt_strv *a, const lt_strv *b)
{
    uint32_t x = lt_bytes_prefix(a), y = lt_bytes_prefix(b);
    return x != y ? (x < y ? -1 : 1) : lt_strv_cmp(a, b);
}

/* memcpy of what is usually 13 to 64 bytes. */
LT_INLINE void lt_bytes_copy(char *restrict to, const char *restrict from, size_t len)
{
    if (len >= 16 && len <= LT_BYTES_SHORT) {
        for (size_t i = 0; i + 16 < len; i += 16) {
            memcpy(to + i, from + i, 16);
        }
        memcpy(to + len - 16, from + len - 16, 16);
    } else if (len >= 8 && len < 16) {
        memcpy(to, from, 8);
        memcpy(to + len - 8, from + len - 8, 8);
    } else {
        memcpy(to, from, len);
    }
}

/* ---- digits, eight at a time ---- */

#define LT_BYTES_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Of bytes from which the digit '0' was taken away (by exclusive or): is one of them not 0 to 9? */
LT_INLINE bool lt_bytes_no_digits(uint64_t x)
{
    return (((x + LT_BYTES_EACH(0x76)) | x) & LT_BYTES_EACH(0x80)) != 0;
}

/* Their value, the first byte (in the lowest bits) leading. */
LT_INLINE uint64_t lt_bytes_digits_value(uint64_t x)
{
    x = x * 10 + (x >> 8); /* pairs, in every second byte */
    return (((x & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064)) +
            (((x >> 16) & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001))) >>
           32;
}

/* A string of 1 to 16 digits and nothing else; false: something else, or not to be told here. */
LT_INLINE bool lt_bytes_whole(const lt_strv *view, uint64_t *value)
{
    if (!LT_LITTLE_ENDIAN || view->len - 1 > 15) {
        return false;
    }
    const char *ptr = lt_strv_ptr(view); /* 12 bytes at least */
    const uint64_t zeros = LT_BYTES_EACH('0');
    uint64_t first = lt_bytes_load8(ptr) ^ zeros;
    if (view->len <= 8) {
        first <<= 64 - 8 * view->len;
        *value = lt_bytes_digits_value(first);
        return !lt_bytes_no_digits(first);
    }
    uint64_t last = lt_bytes_load8(ptr + view->len - 8) ^ zeros;
    first <<= 128 - 8 * view->len; /* without those that are in `last` too */
    if (lt_bytes_no_digits(first) || lt_bytes_no_digits(last)) {
        return false;
    }
    *value = lt_bytes_digits_value(first) * 100000000 + lt_bytes_digits_value(last);
    return true;
}

/* "00" .. "99" */
extern const char lt_bytes_pairs[200];

LT_INLINE void lt_bytes_put2(char *to, uint32_t number)
{
    memcpy(to, lt_bytes_pairs + 2 * (size_t)number, 2);
}

/* ---- letters ---- */

/* Changes the case of ASCII letters from `low` ('a' or 'A') on. to has room for len bytes and may
 * be from. Gives whether all bytes are ASCII; if not, what is in `to` means nothing. */
#if LT_HAVE_X86_64
LT_INLINE __m128i lt_bytes_flip(__m128i x, char low)
{
    __m128i moved = _mm_add_epi8(x, _mm_set1_epi8((char)(128 - low)));
    __m128i letter = _mm_cmplt_epi8(moved, _mm_set1_epi8((char)(26 - 128)));
    return _mm_xor_si128(x, _mm_and_si128(letter, _mm_set1_epi8(0x20)));
}

LT_INLINE bool lt_bytes_change_case(const char *from, size_t len, char low, char *to)
{
    __m128i seen = _mm_setzero_si128();
    size_t i = 0;
    for (; i + 16 <= len; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(from + i));
        seen = _mm_or_si128(seen, x);
        _mm_storeu_si128((__m128i *)(void *)(to + i), lt_bytes_flip(x, low));
    }
    if (i < len && len >= 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(from + len - 16));
        seen = _mm_or_si128(seen, x);
        _mm_storeu_si128((__m128i *)(void *)(to + len - 16), lt_bytes_flip(x, low));
        i = len;
    }
    unsigned char rest = 0;
    for (; i < len; i++) {
        char c = from[i];
        rest |= (unsigned char)c;
        to[i] = (unsigned char)(c - low) < 26 ? (char)(c ^ 0x20) : c;
    }
    return _mm_movemask_epi8(seen) == 0 && rest < 0x80;
}
#else
LT_INLINE bool lt_bytes_change_case(const char *from, size_t len, char low, char *to)
{
    unsigned char seen = 0;
    for (size_t i = 0; i < len; i++) {
        char c = from[i];
        seen |= (unsigned char)c;
        to[i] = (unsigned char)(c - low) < 26 ? (char)(c ^ 0x20) : c;
    }
    return seen < 0x80;
}
#endif

/* The same for a string that is in its view (the bytes of its length are no letters). */
LT_INLINE bool lt_bytes_change_view(const lt_strv *from, char low, lt_strv *to)
{
    return lt_bytes_change_case((const char *)from, sizeof *from, low, (char *)to);
}
