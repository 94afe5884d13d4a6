/* Accounted allocation on top of malloc.
 *
 * A charge walks from the account to the root and reserves by compare-and-swap: a request above
 * some maximum never shows in a counter, so that it cannot make a neighbour thread's small request
 * fail. Invariant: an account's bytes are at least the sum of its children's, except between the
 * steps of one charge. Blocks carry no header; the caller remembers sizes. */
#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#define CACHE_LINE 64

void lt_mem_init(lt_mem *mem, lt_mem *parent, const char *name, int64_t bytes_max)
{
    LT_ASSERT(mem != parent);
    LT_ASSERT(bytes_max >= 0);
    mem->parent = parent;
    mem->name = name;
    mem->bytes_max = bytes_max;
    atomic_init(&mem->bytes, 0);
    atomic_init(&mem->bytes_peak, 0);
    atomic_init(&mem->fail_at, -1);
    atomic_init(&mem->alloc_count, 0);
    atomic_init(&mem->bump_count, 0);
    mem->source = NULL;
}

void lt_mem_deinit(lt_mem *mem)
{
    LT_DCHECK(atomic_load(&mem->bytes) == 0);
    mem->parent = NULL;
}

/* True when the fault plan lets this allocation pass. */
static bool plan_allows(lt_mem *mem)
{
    while (mem->parent) {
        mem = mem->parent;
    }
    int64_t index = atomic_fetch_add_explicit(&mem->alloc_count, 1, memory_order_relaxed);
    return index != atomic_load_explicit(&mem->fail_at, memory_order_relaxed);
}

static bool account_reserve(lt_mem *mem, int64_t size)
{
    int64_t now = atomic_load_explicit(&mem->bytes, memory_order_relaxed);
    int64_t next;
    do {
        if (LT_ADD_OVERFLOW(now, size, &next) || (mem->bytes_max > 0 && next > mem->bytes_max)) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&mem->bytes, &now, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    int64_t peak = atomic_load_explicit(&mem->bytes_peak, memory_order_relaxed);
    while (next > peak &&
           !atomic_compare_exchange_weak_explicit(&mem->bytes_peak, &peak, next,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
    return true;
}

/* Gives size bytes back to the accounts from mem up to, not including, end. */
static void uncharge_until(lt_mem *mem, const lt_mem *end, size_t size)
{
    while (mem != end) {
        int64_t was = atomic_fetch_sub_explicit(&mem->bytes, (int64_t)size, memory_order_relaxed);
        LT_ASSERT(was >= (int64_t)size);
        mem = mem->parent;
    }
}

static bool charge(lt_mem *mem, size_t size)
{
    if (size > (size_t)PTRDIFF_MAX) {
        return false;
    }
    for (lt_mem *at = mem; at; at = at->parent) {
        if (!account_reserve(at, (int64_t)size)) {
            uncharge_until(mem, at, size);
            return false;
        }
    }
    return true;
}

void *lt_mem_alloc(lt_mem *mem, size_t size)
{
    if (!plan_allows(mem) || !charge(mem, size)) {
        return NULL;
    }
    void *ptr = malloc(size ? size : 1);
    if (!ptr) {
        uncharge_until(mem, NULL, size);
    }
    return ptr;
}

void *lt_mem_zalloc(lt_mem *mem, size_t size)
{
    if (!plan_allows(mem) || !charge(mem, size)) {
        return NULL;
    }
    /* calloc gets fresh pages from the system without touching them. */
    void *ptr = calloc(1, size ? size : 1);
    if (!ptr) {
        uncharge_until(mem, NULL, size);
    }
    return ptr;
}

/* Cannot fail: when the allocator keeps the larger block, it is used as a smaller one. */
static void *shrink(lt_mem *mem, void *ptr, size_t old_size, size_t new_size)
{
    void *smaller = realloc(ptr, new_size ? new_size : 1);
    uncharge_until(mem, NULL, old_size - new_size);
    return smaller ? smaller : ptr;
}

void *lt_mem_realloc(lt_mem *mem, void *ptr, size_t old_size, size_t new_size)
{
    if (!ptr) {
        LT_ASSERT(old_size == 0);
        return lt_mem_alloc(mem, new_size);
    }
    if (new_size == old_size) {
        return ptr;
    }
    if (new_size < old_size) {
        return shrink(mem, ptr, old_size, new_size);
    }
    size_t more = new_size - old_size;
    if (new_size > (size_t)PTRDIFF_MAX || !plan_allows(mem) || !charge(mem, more)) {
        return NULL;
    }
    void *grown = realloc(ptr, new_size);
    if (!grown) {
        uncharge_until(mem, NULL, more);
    }
    return grown;
}

void lt_mem_free(lt_mem *mem, void *ptr, size_t size)
{
    if (ptr) {
        free(ptr);
        uncharge_until(mem, NULL, size);
    }
}

static void *alloc_aligned(size_t size)
{
    size_t whole = (size + (CACHE_LINE - 1)) & ~(size_t)(CACHE_LINE - 1);
    return aligned_alloc(CACHE_LINE, whole ? whole : CACHE_LINE);
}

void *lt_mem_alloc_aligned(lt_mem *mem, size_t size)
{
    if (!plan_allows(mem) || !charge(mem, size)) {
        return NULL;
    }
    void *ptr = alloc_aligned(size);
    if (!ptr) {
        uncharge_until(mem, NULL, size);
    }
    return ptr;
}

void lt_mem_free_aligned(lt_mem *mem, void *ptr, size_t size)
{
    lt_mem_free(mem, ptr, size);
}

void *lt_mem_alloc_large(lt_mem *mem, size_t size)
{
    if (!mem->source) {
        return lt_mem_alloc_aligned(mem, size);
    }
    if (!plan_allows(mem) || !charge(mem, size)) {
        return NULL;
    }
    void *ptr = mem->source->alloc(mem->source, size);
    ptr = ptr ? ptr : alloc_aligned(size);
    if (!ptr) {
        uncharge_until(mem, NULL, size);
    }
    return ptr;
}

void lt_mem_free_large(lt_mem *mem, void *ptr, size_t size)
{
    lt_mem_source *source = mem->source;
    if (!source || (uintptr_t)ptr - (uintptr_t)source->first >= source->size) {
        lt_mem_free(mem, ptr, size);
        return;
    }
    uncharge_until(mem, NULL, source->free(source, ptr, size));
}

void lt_mem_uncharge(lt_mem *mem, size_t size)
{
    uncharge_until(mem, NULL, size);
}
