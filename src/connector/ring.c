/* See ring.h. */
#include "connector/ring.h"

void lt_ring_init(lt_ring *ring, lt_mem *mem, size_t cap)
{
    *ring = (lt_ring){.mem = mem, .cap = cap};
}

void lt_ring_deinit(lt_ring *ring)
{
    for (size_t i = 0; i < LT_RING_MAX; i++) {
        lt_buf_unref(ring->bufs[i]);
        ring->bufs[i] = NULL;
    }
}

lt_buf *lt_ring_take(lt_ring *ring, size_t size)
{
    if (size > ring->cap || size <= LT_RING_SMALL) {
        return lt_buf_new(ring->mem, size);
    }
    uint32_t at = ring->next;
    for (uint32_t i = 0; i < LT_RING_MAX; i++) {
        lt_buf *buf = ring->bufs[i];
        if (buf == NULL) {
            at = i; /* before one is given up, the ring grows */
        } else if (atomic_load_explicit(&buf->refs, memory_order_acquire) == 1) {
            return lt_buf_ref(buf);
        }
    }
    lt_buf *buf = lt_buf_new(ring->mem, ring->cap);
    if (buf != NULL) {
        lt_buf_unref(ring->bufs[at]);
        ring->bufs[at] = lt_buf_ref(buf);
        ring->next = (at + 1) % LT_RING_MAX;
    }
    return buf;
}
