/* The hash index of a state table: hash -> entry numbers.
 *
 *   directory       segments of groups
 *   [ 00 ] ───────> [ 8 tags, 8 numbers ] [ .. ] [ .. ]   a group is one cache line
 *   [ 01 ] ──┐
 *   [ 10 ] ──┴────> [ .. ] [ .. ] [ .. ]
 *
 * A tag is the low half of the hash: its leading bits choose the segment, its lowest bits the
 * group, so that the index grows without looking at a key. A group is searched with two or four
 * vector comparisons instead of a chain of branches; what does not fit goes to the next group.
 * Extendible hashing: a full segment is split in two (its size bounds that to microseconds) and the
 * directory doubles now and then, so that no insert waits for a whole table to be rehashed.
 * Deleting pulls back what had overflowed: there are no tombstones.
 *
 * Invariants: the used places of a group are its first ones; a search may stop at a group that is
 * not full. Numbers are stored plus one, 0 = unused; the tag of an unused place is 0. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/compiler.h"
#include "base/mem.h"

#define GROUP_PLACES 8

typedef struct {
    uint32_t tags[GROUP_PLACES];
    uint32_t numbers[GROUP_PLACES];
} index_group;

_Static_assert(sizeof(index_group) == 64, "a group is a cache line");

typedef struct {
    uint32_t used;
    uint32_t depth; /* leading tag bits that all its entries share */
    LT_ALIGNED(64) index_group groups[];
} index_segment;

typedef struct index_slab index_slab;

typedef struct {
    lt_mem *mem;
    index_segment **dir; /* 1 << depth pointers; NULL until the first insert */
    uint32_t depth;
    uint32_t group_mask; /* groups per segment - 1 */
    index_slab *slabs;   /* segments are cut from these */
    index_segment *free; /* split segments, for reuse */
} lt_index;

LT_INLINE index_segment *index_segment_of(const lt_index *index, uint32_t tag)
{
    return index->dir[(uint64_t)tag >> (32 - index->depth)];
}

/* Bit i: place i has this tag. May name unused places when the tag is 0. */
LT_INLINE uint32_t index_match(const index_group *group, uint32_t tag)
{
#if defined(__SSE2__)
    const __m128i *tags = (const __m128i *)(const void *)group->tags;
    __m128i wanted = _mm_set1_epi32((int)tag);
    __m128i low = _mm_cmpeq_epi32(_mm_load_si128(tags), wanted);
    __m128i high = _mm_cmpeq_epi32(_mm_load_si128(tags + 1), wanted);
    __m128i both = _mm_packs_epi32(low, high);
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(both, _mm_setzero_si128()));
#else
    uint32_t match = 0;
    for (unsigned i = 0; i < GROUP_PLACES; i++) {
        match |= (uint32_t)(group->tags[i] == tag) << i;
    }
    return match;
#endif
}

LT_INLINE bool index_group_full(const index_group *group)
{
    return group->numbers[GROUP_PLACES - 1] != 0;
}

/* Makes room for one more number under the tag, so that index_put cannot fail. false = out of
 * memory. */
bool lt_index_reserve(lt_index *index, uint32_t tag);
/* Makes an empty index ready for about count entries at once. false = out of memory. */
bool lt_index_presize(lt_index *index, uint64_t count);
void lt_index_put(lt_index *index, uint32_t tag, uint32_t number);
/* Reserves and puts each. false = out of memory: some are there. For an index that is not empty of
 * memory (lt_index_presize). */
bool lt_index_put_many(lt_index *index, const uint32_t *tags, const uint32_t *numbers,
                       uint32_t count);
/* The number is there. */
void lt_index_remove(lt_index *index, uint32_t tag, uint32_t number);
/* Forgets everything. Keeps the memory unless it is far too much for count_peak entries. */
void lt_index_clear(lt_index *index, uint64_t count_peak);
void lt_index_free(lt_index *index);
