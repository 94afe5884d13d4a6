/* Strings are UTF-8; SQL counts code points. Malformed bytes count one each. */
#pragma once

#include "base/str.h"

/* Bytes of the code point at p (end > p). */
LT_INLINE size_t lt_utf8_step(const char *p, const char *end)
{
    unsigned char c = (unsigned char)*p;
    size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return len <= (size_t)(end - p) ? len : (size_t)(end - p);
}

LT_INLINE size_t lt_utf8_count(lt_str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++) {
        count += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    }
    return count;
}

/* Java's characters: two for what lies beyond U+FFFF. */
LT_INLINE size_t lt_utf16_units(lt_str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char byte = (unsigned char)s.ptr[i];
        count += (size_t)((byte & 0xc0) != 0x80) + (byte >= 0xf0);
    }
    return count;
}

LT_INLINE bool lt_is_ascii(lt_str s)
{
    size_t i = 0;
    uint64_t seen = 0;
    for (; i + 8 <= s.len; i += 8) {
        uint64_t word;
        memcpy(&word, s.ptr + i, 8);
        seen |= word;
    }
    for (; i < s.len; i++) {
        seen |= (unsigned char)s.ptr[i];
    }
    return (seen & 0x8080808080808080ULL) == 0;
}

/* Byte offset of code point number `index` (from 0), or the length when there are fewer. */
LT_INLINE size_t lt_utf8_offset(lt_str s, size_t index)
{
    if (index >= s.len) {
        return s.len;
    }
    const char *p = s.ptr, *end = s.ptr + s.len;
    while (index > 0 && p < end) {
        p += lt_utf8_step(p, end);
        index--;
    }
    return (size_t)(p - s.ptr);
}

/* Decodes one code point (U+FFFD when malformed) and moves *p on. */
uint32_t lt_utf8_next(const char **p, const char *end);
/* Encodes; returns 1 to 4 bytes. */
size_t lt_utf8_put(uint32_t code, char *to);
bool lt_utf8_is_valid(lt_str s);
/* Simple case mapping of Latin, Greek, Cyrillic and Armenian letters. */
uint32_t lt_code_upper(uint32_t code);
uint32_t lt_code_lower(uint32_t code);
