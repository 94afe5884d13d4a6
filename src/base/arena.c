/* A bump allocator in chunks.
 *
 * Chunks form one list; `current` divides it into chunks in use (up to and including it) and chunks
 * kept from before a reset. The maximum counts bytes handed out, with padding for alignment, so
 * that what fits does not depend on how it fell into chunks; the account counts the chunks.
 *
 *   head -> [used] -> [used] -> [current: used | free] -> [kept] -> [kept]
 *
 * A request above the usual chunk size gets a chunk of its own. */
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

#define CHUNK_BYTES_MIN ((size_t)4096)
#define CHUNK_BYTES_MAX ((size_t)1 << 20)
#define ALIGN_MAX       64
#define KEPT_LOOKED_AT  16 /* kept chunks tried for a large request: bounds the time of one call */

typedef struct chunk {
    struct chunk *next;
    size_t size; /* of the whole block, this header included */
    size_t used; /* likewise */
} chunk;

/* Data starts here, so that it keeps the block's alignment. */
#define CHUNK_HEADER ((size_t)ALIGN_MAX)
_Static_assert(sizeof(chunk) <= ALIGN_MAX, "the header must fit before the first aligned byte");

struct lt_arena {
    lt_mem *mem;
    chunk *head;
    chunk *current; /* NULL when nothing was handed out since the last reset */
    size_t bytes_max;
    size_t bytes;     /* handed out, with padding */
    size_t size_next; /* of the next fresh chunk */
    int64_t calls;    /* of lt_arena_alloc since the last reset */
    int64_t calls_peak;
};

lt_arena *lt_arena_new(lt_mem *mem, size_t bytes_max)
{
    lt_arena *arena = lt_mem_zalloc(mem, sizeof *arena);
    if (arena) {
        arena->mem = mem;
        arena->bytes_max = bytes_max;
        arena->size_next = CHUNK_BYTES_MIN;
    }
    return arena;
}

void lt_arena_free(lt_arena *arena)
{
    if (arena) {
        lt_arena_reset(arena, 0);
        lt_mem_free(arena->mem, arena, sizeof *arena);
    }
}

void lt_arena_reset(lt_arena *arena, size_t keep_bytes)
{
    size_t kept = 0;
    chunk **link = &arena->head;
    while (*link) {
        chunk *at = *link;
        if (at->size <= keep_bytes - kept) {
#ifdef LT_DEBUG
            memset((char *)at + CHUNK_HEADER, 0xDD, at->used - CHUNK_HEADER);
#endif
            kept += at->size;
            at->used = CHUNK_HEADER;
            link = &at->next;
        } else {
            *link = at->next;
            lt_mem_free_aligned(arena->mem, at, at->size);
        }
    }
    if (!arena->head) {
        arena->size_next = CHUNK_BYTES_MIN;
    }
    arena->current = NULL;
    arena->bytes = 0;
    if (arena->calls > arena->calls_peak) {
        atomic_fetch_add_explicit(&arena->mem->bump_count, arena->calls - arena->calls_peak,
                                  memory_order_relaxed);
        arena->calls_peak = arena->calls;
    }
    arena->calls = 0;
}

/* Where the chunks that are not in use begin. */
static chunk **kept_link(lt_arena *arena)
{
    return arena->current ? &arena->current->next : &arena->head;
}

/* Takes a kept chunk with room out of the list; NULL when none was found. */
static chunk *take_kept(lt_arena *arena, size_t need)
{
    chunk **link = kept_link(arena);
    for (int i = 0; *link && i < KEPT_LOOKED_AT; i++) {
        chunk *at = *link;
        if (at->size >= need) {
            *link = at->next;
            return at;
        }
        link = &at->next;
    }
    return NULL;
}

static chunk *fresh_chunk(lt_arena *arena, size_t need)
{
    size_t size = LT_MAX(arena->size_next, need);
    chunk *fresh = lt_mem_alloc_aligned(arena->mem, size);
    if (!fresh && size > need) {
        /* Near a maximum the exact amount may still be there. */
        size = need;
        fresh = lt_mem_alloc_aligned(arena->mem, size);
    }
    if (fresh) {
        fresh->size = size;
        arena->size_next = LT_MIN(arena->size_next * 2, CHUNK_BYTES_MAX);
    }
    return fresh;
}

/* Makes a chunk with room for size bytes the current one. */
static bool advance(lt_arena *arena, size_t size)
{
    size_t need = CHUNK_HEADER + size;
    chunk *at = take_kept(arena, need);
    if (!at) {
        at = fresh_chunk(arena, need);
    }
    if (!at) {
        return false;
    }
    chunk **link = kept_link(arena);
    at->next = *link;
    at->used = CHUNK_HEADER;
    *link = at;
    arena->current = at;
    return true;
}

void *lt_arena_alloc(lt_arena *arena, size_t size, size_t align)
{
    LT_ASSERT(align > 0 && align <= ALIGN_MAX && (align & (align - 1)) == 0);
    LT_ASSERT(arena->bytes <= arena->bytes_max);
    chunk *at = arena->current;
    size_t pad = at ? ((size_t)0 - at->used) & (align - 1) : 0;
    if (size > arena->bytes_max - arena->bytes || size > (size_t)PTRDIFF_MAX - 2 * CHUNK_HEADER) {
        return NULL;
    }
    if (!at || pad > at->size - at->used || size > at->size - at->used - pad) {
        if (!advance(arena, size)) {
            return NULL;
        }
        at = arena->current;
        pad = 0; /* a chunk's first byte has the largest alignment */
    }
    if (size + pad > arena->bytes_max - arena->bytes) {
        return NULL;
    }
    char *ptr = (char *)at + at->used + pad;
    at->used += pad + size;
    arena->bytes += pad + size;
    arena->calls++;
    LT_DCHECK(at->used <= at->size);
    LT_DCHECK(((uintptr_t)ptr & (align - 1)) == 0);
    return ptr;
}

void lt_arena_give_back(lt_arena *arena, const void *end, size_t size)
{
    chunk *at = arena->current;
    if (at && (const char *)at + at->used == (const char *)end) {
        LT_ASSERT(size <= at->used - CHUNK_HEADER);
        at->used -= size;
        arena->bytes -= size;
    }
}

void *lt_arena_zalloc(lt_arena *arena, size_t size, size_t align)
{
    void *ptr = lt_arena_alloc(arena, size, align);
    return ptr ? memset(ptr, 0, size) : NULL;
}

char *lt_arena_strndup(lt_arena *arena, const char *ptr, size_t len)
{
    char *copy = len < SIZE_MAX ? lt_arena_alloc(arena, len + 1, 1) : NULL;
    if (!copy) {
        return NULL;
    }
    if (len > 0) {
        memcpy(copy, ptr, len);
    }
    copy[len] = '\0';
    return copy;
}

lt_str lt_arena_str(lt_arena *arena, lt_str str)
{
    char *copy = lt_arena_strndup(arena, str.ptr, str.len);
    return (lt_str){copy, copy ? str.len : 0};
}

char *lt_arena_printf(lt_arena *arena, const char *fmt, ...)
{
    va_list args;
    va_list again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = len >= 0 ? lt_arena_alloc(arena, (size_t)len + 1, 1) : NULL;
    if (text) {
        (void)vsnprintf(text, (size_t)len + 1, fmt, again);
    }
    va_end(again);
    return text;
}

size_t lt_arena_bytes(const lt_arena *arena)
{
    return arena->bytes;
}
