/* Growing, shrinking and changing the hash index; searching is inline in index_int.h and table.c.
 */
#include "state/index_int.h"

#include <string.h>

#include "base/assert.h"

#define SEGMENT_GROUPS     1024U /* 8192 places, 64 KiB */
#define SEGMENT_GROUPS_MIN 4U
#define DEPTH_MAX          19U /* + 13 bits of places: 32 */
#define SLAB_BYTES         ((size_t)2 << 20)
#define SLAB_HEADER        64

struct index_slab {
    index_slab *next;
    size_t size;
    size_t used;
};

_Static_assert(sizeof(index_slab) <= SLAB_HEADER, "the header fits");

static size_t segment_size(uint32_t groups)
{
    return sizeof(index_segment) + (size_t)groups * sizeof(index_group);
}

static index_segment *segment_new(lt_index *index, uint32_t groups)
{
    size_t size = segment_size(groups);
    index_segment *seg = NULL;
    if (index->free && groups == SEGMENT_GROUPS) {
        seg = index->free;
        memcpy(&index->free, seg->groups, sizeof(void *));
    } else {
        index_slab *slab = index->slabs;
        if (!slab || slab->size - slab->used < size) {
            size_t want = LT_MAX(slab ? slab->size * 2 : 0, size + SLAB_HEADER);
            want = LT_MIN(want, SLAB_BYTES);
            slab = lt_mem_alloc_large(index->mem, want);
            if (!slab) {
                return NULL;
            }
            *slab = (index_slab){index->slabs, want, SLAB_HEADER};
            index->slabs = slab;
        }
        seg = (index_segment *)(void *)((uint8_t *)slab + slab->used);
        slab->used += size;
    }
    memset(seg, 0, size);
    return seg;
}

static void segment_recycle(lt_index *index, index_segment *seg)
{
    memcpy(seg->groups, &index->free, sizeof(void *));
    index->free = seg;
}

static void segment_put(index_segment *seg, uint32_t mask, uint32_t tag, uint32_t number)
{
    uint32_t at = tag & mask;
    while (index_group_full(&seg->groups[at])) {
        at = (at + 1) & mask;
    }
    index_group *group = &seg->groups[at];
    unsigned place = 0;
    while (group->numbers[place] != 0) {
        place++;
    }
    group->tags[place] = tag;
    group->numbers[place] = number + 1;
    seg->used++;
}

void lt_index_put(lt_index *index, uint32_t tag, uint32_t number)
{
    segment_put(index_segment_of(index, tag), index->group_mask, tag, number);
}

static bool index_start(lt_index *index)
{
    index_segment **dir = lt_mem_alloc(index->mem, sizeof *dir);
    index_segment *seg = dir ? segment_new(index, SEGMENT_GROUPS_MIN) : NULL;
    if (!seg) {
        lt_mem_free(index->mem, dir, sizeof *dir);
        return false;
    }
    dir[0] = seg;
    index->dir = dir;
    index->depth = 0;
    index->group_mask = SEGMENT_GROUPS_MIN - 1;
    return true;
}

/* Puts all entries of `from` into to[0] or to[1], by the tag bit that comes after `depth` leading
 * ones. to[1] may be to[0]. */
static void distribute(const lt_index *index, const index_segment *from, index_segment *const *to,
                       uint32_t depth, uint32_t mask)
{
    for (uint32_t g = 0; g <= index->group_mask; g++) {
        const index_group *group = &from->groups[g];
        for (unsigned i = 0; i < GROUP_PLACES && group->numbers[i]; i++) {
            uint32_t half = (group->tags[i] >> (31 - depth)) & 1;
            segment_put(to[half], mask, group->tags[i], group->numbers[i] - 1);
        }
    }
}

/* A small table's only segment, four times larger. The old one stays behind in its slab, a fifth of
 * the new at most. */
static bool segment_grow(lt_index *index)
{
    uint32_t groups = LT_MIN((index->group_mask + 1) * 4, SEGMENT_GROUPS);
    index_segment *seg = segment_new(index, groups);
    if (!seg) {
        return false;
    }
    index_segment *const both[2] = {seg, seg};
    distribute(index, index->dir[0], both, 0, groups - 1);
    LT_ASSERT(seg->used == index->dir[0]->used);
    index->dir[0] = seg;
    index->group_mask = groups - 1;
    return true;
}

static bool dir_double(lt_index *index)
{
    size_t count = (size_t)1 << index->depth;
    index_segment **dir = lt_mem_alloc(index->mem, sizeof *dir * count * 2);
    if (!dir) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        dir[2 * i] = index->dir[i];
        dir[2 * i + 1] = index->dir[i];
    }
    lt_mem_free(index->mem, index->dir, sizeof *dir * count);
    index->dir = dir;
    index->depth++;
    return true;
}

static bool segment_split(lt_index *index, uint32_t tag)
{
    index_segment *old = index_segment_of(index, tag);
    if (old->depth == DEPTH_MAX || (old->depth == index->depth && !dir_double(index))) {
        return false;
    }
    index_segment *halves[2] = {segment_new(index, SEGMENT_GROUPS), NULL};
    halves[1] = halves[0] ? segment_new(index, SEGMENT_GROUPS) : NULL;
    if (!halves[1]) {
        if (halves[0]) {
            segment_recycle(index, halves[0]);
        }
        return false;
    }
    distribute(index, old, halves, old->depth, index->group_mask);
    LT_ASSERT(halves[0]->used + halves[1]->used == old->used);
    uint32_t depth = old->depth + 1;
    halves[0]->depth = depth;
    halves[1]->depth = depth;
    size_t span = (size_t)1 << (index->depth - depth); /* directory places of one half */
    size_t first = (size_t)((uint64_t)tag >> (32 - index->depth)) & ~(2 * span - 1);
    for (size_t i = 0; i < 2 * span; i++) {
        LT_DCHECK(index->dir[first + i] == old);
        index->dir[first + i] = halves[i >= span];
    }
    segment_recycle(index, old);
    return true;
}

bool lt_index_reserve(lt_index *index, uint32_t tag)
{
    if (!index->dir && !index_start(index)) {
        return false;
    }
    for (;;) {
        const index_segment *seg = index_segment_of(index, tag);
        uint32_t groups = index->group_mask + 1;
        if (seg->used < groups * GROUP_PLACES / 8 * 5) {
            return true;
        }
        if (!(groups < SEGMENT_GROUPS ? segment_grow(index) : segment_split(index, tag))) {
            return false;
        }
    }
}

bool lt_index_put_many(lt_index *index, const uint32_t *tags, const uint32_t *numbers,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        index_segment *seg = index_segment_of(index, tags[i]);
        if (LT_UNLIKELY(seg->used >= (index->group_mask + 1) * GROUP_PLACES / 8 * 5)) {
            if (!lt_index_reserve(index, tags[i])) {
                return false;
            }
            seg = index_segment_of(index, tags[i]);
        }
        segment_put(seg, index->group_mask, tags[i], numbers[i]);
    }
    return true;
}

/* Groups of an only segment that holds count entries, or of a segment among several. */
static uint32_t groups_for(uint64_t count)
{
    uint32_t groups = SEGMENT_GROUPS_MIN;
    while (groups < SEGMENT_GROUPS && count >= (uint64_t)groups * GROUP_PLACES / 8 * 5) {
        groups *= 4;
    }
    return groups;
}

/* Among several segments hashes do not spread quite evenly: some room for that. */
#define SEGMENT_FILL (SEGMENT_GROUPS * GROUP_PLACES / 8 * 5 * 7 / 8)

bool lt_index_presize(lt_index *index, uint64_t count)
{
    LT_ASSERT(!index->dir);
    uint32_t groups = groups_for(count);
    uint32_t depth = 0;
    while (groups == SEGMENT_GROUPS && depth < DEPTH_MAX && count >> depth > SEGMENT_FILL) {
        depth++;
    }
    size_t segments = (size_t)1 << depth;
    index_segment **dir = lt_mem_alloc(index->mem, sizeof *dir * segments);
    if (!dir) {
        return false;
    }
    for (size_t i = 0; i < segments; i++) {
        dir[i] = segment_new(index, groups);
        if (!dir[i]) {
            lt_mem_free(index->mem, dir, sizeof *dir * segments);
            lt_index_free(index); /* the slabs */
            return false;
        }
        dir[i]->depth = depth;
    }
    index->dir = dir;
    index->depth = depth;
    index->group_mask = groups - 1;
    return true;
}

/* The next entry that may move to group `to` from a group behind it, or false when there is none.
 */
static bool find_overflow(const lt_index *index, const index_segment *seg, uint32_t to,
                          uint32_t *group, unsigned *place)
{
    uint32_t mask = index->group_mask;
    for (uint32_t at = (to + 1) & mask; at != to; at = (at + 1) & mask) {
        const index_group *from = &seg->groups[at];
        for (unsigned i = 0; i < GROUP_PLACES && from->numbers[i]; i++) {
            uint32_t home = from->tags[i] & mask;
            if (((at - home) & mask) >= ((at - to) & mask)) {
                *group = at;
                *place = i;
                return true;
            }
        }
        if (!index_group_full(from)) {
            return false;
        }
    }
    return false;
}

/* Takes a place out; its group stays without gaps. */
static void take_out(index_group *group, unsigned place)
{
    unsigned last = GROUP_PLACES - 1;
    while (group->numbers[last] == 0) {
        last--;
    }
    group->tags[place] = group->tags[last];
    group->numbers[place] = group->numbers[last];
    group->tags[last] = 0;
    group->numbers[last] = 0;
}

void lt_index_remove(lt_index *index, uint32_t tag, uint32_t number)
{
    index_segment *seg = index_segment_of(index, tag);
    uint32_t at = tag & index->group_mask;
    unsigned place = 0;
    while (seg->groups[at].numbers[place] != number + 1) {
        LT_ASSERT(place < GROUP_PLACES - 1 || index_group_full(&seg->groups[at]));
        place = (place + 1) % GROUP_PLACES;
        at = place == 0 ? (at + 1) & index->group_mask : at;
    }
    bool was_full;
    uint32_t from = at;
    do {
        index_group *group = &seg->groups[at];
        was_full = index_group_full(group);
        take_out(group, place);
        was_full = was_full && find_overflow(index, seg, at, &from, &place);
        if (was_full) {
            group->tags[GROUP_PLACES - 1] = seg->groups[from].tags[place];
            group->numbers[GROUP_PLACES - 1] = seg->groups[from].numbers[place];
            at = from;
        }
    } while (was_full);
    seg->used--;
}

void lt_index_free(lt_index *index)
{
    if (index->dir) {
        lt_mem_free(index->mem, index->dir, sizeof *index->dir << index->depth);
    }
    index->dir = NULL;
    index->depth = 0;
    index->free = NULL;
    while (index->slabs) {
        index_slab *next = index->slabs->next;
        lt_mem_free_large(index->mem, index->slabs, index->slabs->size);
        index->slabs = next;
    }
}

void lt_index_clear(lt_index *index, uint64_t count_peak)
{
    if (!index->dir) {
        return;
    }
    uint64_t places = ((uint64_t)index->group_mask + 1) * GROUP_PLACES << index->depth;
    if (index->depth > 0 && places / 64 > count_peak) {
        lt_index_free(index);
        return;
    }
    for (size_t i = 0; i < (size_t)1 << index->depth;) {
        index_segment *seg = index->dir[i];
        memset(seg->groups, 0, (size_t)(index->group_mask + 1) * sizeof(index_group));
        seg->used = 0;
        i += (size_t)1 << (index->depth - seg->depth);
    }
}
