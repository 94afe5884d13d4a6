/* Accounted allocation. Every byte that leat allocates belongs to an account; accounts form a
 * tree (engine > job > operator) and each may have a maximum. The root carries the fault plan
 * with which tests fail the n-th allocation. Counters are atomic: an account may be shared by
 * threads. No function here aborts. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

typedef struct lt_mem lt_mem;

struct lt_mem {
    lt_mem *parent;        /* NULL for the root */
    const char *name;      /* static or outlives the account; shown in listings */
    _Atomic int64_t bytes; /* allocated now, including children */
    _Atomic int64_t bytes_peak;
    int64_t bytes_max;           /* 0 = no maximum */
    _Atomic int64_t fail_at;     /* root only: the allocation after this many fails; < 0 = never */
    _Atomic int64_t alloc_count; /* root only: allocations so far */
    /* What its arenas handed out, counted when they are reset or freed; what an arena hands out
     * again after a reset counts as far as it is more than before. */
    _Atomic int64_t bump_count;
};

/* Initialises an account in place. parent NULL makes a root. */
void lt_mem_init(lt_mem *mem, lt_mem *parent, const char *name, int64_t bytes_max);

/* Every byte must have been freed; asserts so in debug builds. */
void lt_mem_deinit(lt_mem *mem);

/* As malloc/calloc/realloc; NULL on failure or when a maximum in the chain would be exceeded.
 * Sizes are remembered by the caller: free and realloc take the old size. */
void *lt_mem_alloc(lt_mem *mem, size_t size);
void *lt_mem_zalloc(lt_mem *mem, size_t size);
void *lt_mem_realloc(lt_mem *mem, void *ptr, size_t old_size, size_t new_size);
void lt_mem_free(lt_mem *mem, void *ptr, size_t size); /* accepts NULL */

/* As lt_mem_alloc with an alignment of 64 bytes (a cache line, a SIMD register). */
void *lt_mem_alloc_aligned(lt_mem *mem, size_t size);
void lt_mem_free_aligned(lt_mem *mem, void *ptr, size_t size);
