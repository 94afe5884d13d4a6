/* A bump allocator: everything in it dies together. Not thread-safe.
 * Chunks double from 4 KiB to 1 MiB and are kept by lt_arena_reset, so that a recycled arena
 * touches no fresh memory. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/mem.h"
#include "base/str.h"

typedef struct lt_arena lt_arena;

/* A maximum is not optional. NULL when out of memory. */
lt_arena *lt_arena_new(lt_mem *mem, size_t bytes_max);
void lt_arena_free(lt_arena *arena); /* accepts NULL */

/* Forgets all allocations, keeps the chunks (at most keep_bytes of them) for reuse. */
void lt_arena_reset(lt_arena *arena, size_t keep_bytes);

/* NULL when out of memory or above the maximum. align: power of two, at most 64. */
void *lt_arena_alloc(lt_arena *arena, size_t size, size_t align);
void *lt_arena_zalloc(lt_arena *arena, size_t size, size_t align);

/* Takes back the last `size` bytes, which end at `end`, of what was handed out last; anything else
 * is left as it is. */
void lt_arena_give_back(lt_arena *arena, const void *end, size_t size);

/* NUL-terminated copies. NULL / {NULL, 0} when out of memory. */
char *lt_arena_strndup(lt_arena *arena, const char *ptr, size_t len);
lt_str lt_arena_str(lt_arena *arena, lt_str str);
char *lt_arena_printf(lt_arena *arena, const char *fmt, ...) LT_PRINTF(2, 3);

size_t lt_arena_bytes(const lt_arena *arena); /* bytes handed out since the last reset */

#define LT_NEW(arena, T) ((T *)lt_arena_zalloc((arena), sizeof(T), _Alignof(T)))
#define LT_NEW_ARRAY(arena, T, count) \
    ((T *)lt_arena_zalloc((arena), sizeof(T) * (size_t)(count), _Alignof(T)))
