/* Hashing. One place decides the functions, because their values reach state: key groups and
 * checkpoints depend on them. LT_HASH_VERSION changes whenever a value would. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define LT_HASH_VERSION 1
#define LT_KEY_GROUPS   128

/* Mixes 64 bits (murmur3's finaliser, public domain by Austin Appleby): a bijection, so equal
 * hashes of single integers mean equal integers. */
LT_INLINE uint64_t lt_hash_u64(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    x ^= x >> 33;
    return x;
}

/* Combines an earlier hash with the next field's. */
LT_INLINE uint64_t lt_hash_combine(uint64_t seed, uint64_t next)
{
    return lt_hash_u64(seed * 0x9e3779b97f4a7c15ULL + next);
}

uint64_t lt_hash_bytes(const void *ptr, size_t len, uint64_t seed); /* XXH3 with a seed */
uint32_t lt_crc32c(const void *ptr, size_t len,
                   uint32_t crc); /* Castagnoli, hardware when there is */

LT_INLINE uint32_t lt_key_group(uint64_t hash)
{
    return (uint32_t)(hash >> 57); /* top 7 bits: tables index by the low ones */
}
