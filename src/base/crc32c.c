/* CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected to 0x82F63B78), inverted before and after,
 * so that calls chain: crc(ab) = crc(b, crc(a)). The processor's instruction where there is one,
 * chosen per call because a cached choice would be a mutable global; eight tables elsewhere. */
#include "base/crc32c_int.h"

#include <string.h>

#include "base/crc32c_table.h"
#include "base/hash.h"

/* Byte by byte, so that the value is little-endian on every machine; compilers make it one load. */
static uint32_t load_le32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint32_t lt_crc32c_portable(const void *ptr, size_t len, uint32_t crc)
{
    const unsigned char *at = ptr;
    crc = ~crc;
    for (; len >= 8; len -= 8, at += 8) {
        uint32_t low = load_le32(at) ^ crc;
        uint32_t high = load_le32(at + 4);
        crc = crc32c_table[7][low & 0xFF] ^ crc32c_table[6][low >> 8 & 0xFF] ^
              crc32c_table[5][low >> 16 & 0xFF] ^ crc32c_table[4][low >> 24] ^
              crc32c_table[3][high & 0xFF] ^ crc32c_table[2][high >> 8 & 0xFF] ^
              crc32c_table[1][high >> 16 & 0xFF] ^ crc32c_table[0][high >> 24];
    }
    for (; len > 0; len--, at++) {
        crc = crc32c_table[0][(crc ^ *at) & 0xFF] ^ crc >> 8;
    }
    return ~crc;
}

#if LT_HAVE_X86_64
#include <nmmintrin.h>

LT_TARGET("sse4.2")
static uint32_t crc32c_sse42(const void *ptr, size_t len, uint32_t crc)
{
    const unsigned char *at = ptr;
    uint64_t wide = ~crc;
    for (; len >= 8; len -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        wide = _mm_crc32_u64(wide, word);
    }
    uint32_t narrow = (uint32_t)wide;
    for (; len > 0; len--, at++) {
        narrow = _mm_crc32_u8(narrow, *at);
    }
    return ~narrow;
}
#endif

uint32_t lt_crc32c(const void *ptr, size_t len, uint32_t crc)
{
#if LT_HAVE_X86_64
    if (LT_CPU_HAS("sse4.2")) {
        return crc32c_sse42(ptr, len, crc);
    }
#endif
    return lt_crc32c_portable(ptr, len, crc);
}
