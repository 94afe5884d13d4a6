/* Buffers for blocks of input that are used again once no batch borrows from them: reading touches
 * the same warm memory over and over. One user at a time; references may be dropped from any
 * thread. */
#pragma once

#include "data/batch.h"

#define LT_RING_MAX   16
#define LT_RING_SMALL (32 * 1024) /* what needs no more gets a buffer of its own size */

typedef struct {
    lt_mem *mem;
    size_t cap; /* of each buffer */
    uint32_t next;
    lt_buf *bufs[LT_RING_MAX];
} lt_ring;

void lt_ring_init(lt_ring *ring, lt_mem *mem, size_t cap);
void lt_ring_deinit(lt_ring *ring); /* also of a zeroed one */

/* A buffer for at least `size` bytes that nobody else holds; an own reference. One larger than the
 * ring's, or a small one, is not kept. NULL = out of memory. */
lt_buf *lt_ring_take(lt_ring *ring, size_t size);
