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
typedef struct lt_mem_source lt_mem_source;

/* Where large pieces of an account's memory come from, when not from the system. */
struct lt_mem_source {
    const uint8_t *first;                               /* all that it gives lies in these .. */
    size_t size;                                        /* .. bytes */
    void *(*alloc)(lt_mem_source *source, size_t size); /* 64-byte aligned; NULL = not from here */
    /* Gives how many of the bytes are still charged to the account: all, or none after
     * lt_mem_uncharge. */
    size_t (*free)(lt_mem_source *source, void *ptr, size_t size);
};

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
    lt_mem_source *source; /* of lt_mem_alloc_large; NULL = the system */
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

/* As these, from the account's source when it has one that takes them. */
void *lt_mem_alloc_large(lt_mem *mem, size_t size);
void lt_mem_free_large(lt_mem *mem, void *ptr, size_t size);
/* For a source: these bytes are no memory any more. */
void lt_mem_uncharge(lt_mem *mem, size_t size);
