/* Memory for blocks that a table's owner puts aside for a snapshot before it changes them.
 *
 * It comes in places of one size, which are used again and again: to get fresh pages from the
 * system costs several times what the copy itself does. The owner takes places, the snapshot's
 * reader gives them back.
 *
 *   slabs    [ place ][ place ] .. -> [ place ] ..     each with twice the places of the one before
 *   free      the owner's list of places that came back
 *   returned  what the reader gave back since; the owner takes over all of it at once
 *
 * Only the reader and the owner push to `returned`, and nobody pops a single one, so that a compare
 * and swap is enough. When a snapshot is over all places are back; as many as the last two
 * snapshots needed at once are kept for the next. */
#include <string.h>

#include "base/assert.h"
#include "state/snap_int.h"

#define SLAB_BYTES_MAX ((size_t)1 << 20)
#define SLAB_HEADER    ((size_t)64)
#define PLACE_ALIGN    ((size_t)64)

typedef struct copy_slab copy_slab;

struct copy_slab {
    copy_slab *next;
    size_t count; /* places */
    size_t size;  /* bytes */
};

_Static_assert(sizeof(copy_slab) <= SLAB_HEADER, "the header fits");

struct copy_pool {
    copy_pool *next;
    lt_mem *mem;
    size_t place_size;
    copy_slab *slabs; /* oldest first */
    copy_slab *last;
    copy_slab *cut; /* places of this one and those after it were not used yet .. */
    size_t cut_at;  /* .. from here on */
    void *free;
    uint64_t taken;
    uint64_t in_use_max;  /* since the last trim */
    uint64_t in_use_then; /* before it */
    _Atomic(void *) returned;
    _Atomic(uint64_t) given;
};

copy_pool *lt_copies_of_(lt_state *state, size_t place_size)
{
    place_size = (place_size + PLACE_ALIGN - 1) & ~(PLACE_ALIGN - 1);
    for (copy_pool *pool = state->copies; pool; pool = pool->next) {
        if (pool->place_size == place_size) {
            return pool;
        }
    }
    copy_pool *pool = lt_mem_zalloc(state->mem, sizeof *pool);
    if (!pool) {
        return NULL;
    }
    pool->mem = state->mem;
    pool->place_size = place_size;
    pool->next = state->copies;
    state->copies = pool;
    return pool;
}

static bool slab_add(copy_pool *pool)
{
    size_t most = LT_MAX(SLAB_BYTES_MAX / pool->place_size, (size_t)1);
    size_t count = pool->last ? LT_MIN(pool->last->count * 2, most) : 1;
    size_t size = SLAB_HEADER + count * pool->place_size;
    copy_slab *slab = lt_mem_alloc_aligned(pool->mem, size);
    if (!slab) {
        return false;
    }
    *slab = (copy_slab){NULL, count, size};
    if (pool->last) {
        pool->last->next = slab;
    } else {
        pool->slabs = slab;
    }
    pool->last = slab;
    pool->cut = slab;
    pool->cut_at = 0;
    return true;
}

static void *cut_place(copy_pool *pool)
{
    if (pool->cut && pool->cut_at == pool->cut->count && pool->cut->next) {
        pool->cut = pool->cut->next;
        pool->cut_at = 0;
    }
    if ((!pool->cut || pool->cut_at == pool->cut->count) && !slab_add(pool)) {
        return NULL;
    }
    return (uint8_t *)pool->cut + SLAB_HEADER + pool->cut_at++ * pool->place_size;
}

void *lt_copies_take_(copy_pool *pool)
{
    if (!pool->free) {
        pool->free = atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire);
    }
    void *place = pool->free;
    if (place) {
        memcpy(&pool->free, place, sizeof(void *));
    } else {
        place = cut_place(pool);
        if (!place) {
            return NULL;
        }
    }
    pool->taken++;
    uint64_t in_use = pool->taken - atomic_load_explicit(&pool->given, memory_order_relaxed);
    pool->in_use_max = LT_MAX(pool->in_use_max, in_use);
    return place;
}

void lt_copies_give_(copy_pool *pool, void *place)
{
    void *first = atomic_load_explicit(&pool->returned, memory_order_relaxed);
    do {
        memcpy(place, &first, sizeof(void *));
    } while (!atomic_compare_exchange_weak_explicit(&pool->returned, &first, place,
                                                    memory_order_release, memory_order_relaxed));
    (void)atomic_fetch_add_explicit(&pool->given, 1, memory_order_relaxed);
}

size_t lt_copies_place_size_(const copy_pool *pool)
{
    return pool->place_size;
}

static void free_behind(copy_pool *pool, copy_slab *last)
{
    copy_slab *slab = last ? last->next : pool->slabs;
    while (slab) {
        copy_slab *next = slab->next;
        lt_mem_free_aligned(pool->mem, slab, slab->size);
        slab = next;
    }
    if (last) {
        last->next = NULL;
    } else {
        pool->slabs = NULL;
    }
    pool->last = last;
}

static void trim(copy_pool *pool)
{
    LT_ASSERT(pool->taken == atomic_load(&pool->given));
    uint64_t wanted = LT_MAX(pool->in_use_max, pool->in_use_then);
    copy_slab *last = NULL;
    copy_slab *next = pool->slabs;
    for (uint64_t kept = 0; kept < wanted && next; next = next->next) {
        kept += next->count;
        last = next;
    }
    pool->in_use_then = pool->in_use_max;
    pool->in_use_max = 0;
    if (!next) {
        return;
    }
    /* Places on the lists may lie in slabs that go: all are cut anew. */
    free_behind(pool, last);
    pool->free = NULL;
    atomic_store_explicit(&pool->returned, NULL, memory_order_relaxed);
    pool->cut = pool->slabs;
    pool->cut_at = 0;
}

void lt_copies_trim_(const lt_state *state)
{
    for (copy_pool *pool = state->copies; pool; pool = pool->next) {
        trim(pool);
    }
}

void lt_copies_free_(lt_state *state)
{
    while (state->copies) {
        copy_pool *next = state->copies->next;
        free_behind(state->copies, NULL);
        lt_mem_free(state->mem, state->copies, sizeof *state->copies);
        state->copies = next;
    }
}
