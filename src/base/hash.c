/* The byte hash: XXH3 from the system library, whose 64-bit values are frozen since xxHash 0.8. */
#include "base/hash.h"

#include <xxhash.h>

uint64_t lt_hash_bytes(const void *ptr, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(len > 0 ? ptr : "", len, seed);
}
