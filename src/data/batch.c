/* Batches and their recycling.
 *
 * A pool has two lists of idle batches: `local`, touched only by the thread that calls
 * lt_batch_new, and `returned`, a stack to which any thread pushes in lt_batch_unref. lt_batch_new
 * takes the whole returned stack at once when its own list is empty: nobody pops single entries
 * from the shared stack, so there is no ABA problem and no lock. An idle batch keeps its arena's
 * chunks, so that a steady stream of batches allocates nothing and touches no fresh page.
 *
 * Invariants: pool->live counts batches handed out and not yet back; it is zero when the pool is
 * freed. mark_cap == 0 with mark_count > 0 means that the marks are shared with another batch and
 * are copied before the first change. */
#include "data/batch.h"

#include "base/assert.h"

#define BATCH_BYTES_MAX  ((size_t)4 << 30) /* of one batch's arena; accounts set the real limits */
#define BATCH_BYTES_KEEP ((size_t)4 << 20) /* an idle batch keeps this much memory */
#define MARKS_MIN        8

typedef struct lt_pin lt_pin;

struct lt_pin {
    lt_pin *next;
    lt_batch *batch; /* one of the two is set */
    lt_buf *buf;
};

/* The public batch is the first member: a batch pointer is a slot pointer. */
typedef struct batch_slot batch_slot;

struct batch_slot {
    lt_batch batch;
    batch_slot *next_idle;
};

struct lt_batch_pool {
    lt_mem *mem;
    uint32_t keep;
    batch_slot *local;
    _Atomic(batch_slot *) returned;
    atomic_uint idle;
    atomic_uint live;
};

/* ---- byte buffers ---- */

#define BUF_HEADER 64 /* content starts on a cache line */
_Static_assert(sizeof(lt_buf) <= BUF_HEADER, "a buffer's header fits its cache line");

lt_buf *lt_buf_new(lt_mem *mem, size_t cap)
{
    if (cap > SIZE_MAX / 2) {
        return NULL;
    }
    char *bytes = lt_mem_alloc_aligned(mem, BUF_HEADER + cap + LT_BUF_PADDING);
    if (!bytes) {
        return NULL;
    }
    lt_buf *buf = (lt_buf *)(void *)bytes;
    atomic_init(&buf->refs, 1);
    buf->mem = mem;
    buf->len = 0;
    buf->cap = cap;
    buf->ptr = bytes + BUF_HEADER;
    memset(buf->ptr + cap, 0, LT_BUF_PADDING);
    return buf;
}

lt_buf *lt_buf_ref(lt_buf *buf)
{
    atomic_fetch_add_explicit(&buf->refs, 1, memory_order_relaxed);
    return buf;
}

void lt_buf_unref(lt_buf *buf)
{
    if (!buf) {
        return;
    }
    unsigned before = atomic_fetch_sub_explicit(&buf->refs, 1, memory_order_acq_rel);
    LT_ASSERT(before > 0);
    if (before == 1) {
        lt_mem_free_aligned(buf->mem, buf, BUF_HEADER + buf->cap + LT_BUF_PADDING);
    }
}

/* ---- pool ---- */

lt_batch_pool *lt_batch_pool_new(lt_mem *mem, uint32_t keep)
{
    lt_batch_pool *pool = lt_mem_zalloc(mem, sizeof *pool);
    if (pool) {
        pool->mem = mem;
        pool->keep = keep;
        atomic_init(&pool->returned, NULL);
        atomic_init(&pool->idle, 0);
        atomic_init(&pool->live, 0);
    }
    return pool;
}

static void slot_free(lt_batch_pool *pool, batch_slot *slot)
{
    lt_arena_free(slot->batch.arena);
    lt_mem_free(pool->mem, slot, sizeof *slot);
}

static void slots_free(lt_batch_pool *pool, batch_slot *slot)
{
    while (slot) {
        batch_slot *next = slot->next_idle;
        slot_free(pool, slot);
        slot = next;
    }
}

void lt_batch_pool_free(lt_batch_pool *pool)
{
    if (!pool) {
        return;
    }
    LT_ASSERT(atomic_load_explicit(&pool->live, memory_order_acquire) == 0);
    slots_free(pool, pool->local);
    slots_free(pool, atomic_load_explicit(&pool->returned, memory_order_acquire));
    lt_mem_free(pool->mem, pool, sizeof *pool);
}

/* An idle slot, or a new one. NULL = out of memory. */
static batch_slot *slot_take(lt_batch_pool *pool)
{
    if (!pool->local) {
        pool->local = atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire);
    }
    batch_slot *slot = pool->local;
    if (slot) {
        pool->local = slot->next_idle;
        atomic_fetch_sub_explicit(&pool->idle, 1, memory_order_relaxed);
        return slot;
    }
    slot = lt_mem_zalloc(pool->mem, sizeof *slot);
    if (!slot) {
        return NULL;
    }
    slot->batch.arena = lt_arena_new(pool->mem, BATCH_BYTES_MAX);
    if (!slot->batch.arena) {
        lt_mem_free(pool->mem, slot, sizeof *slot);
        return NULL;
    }
    return slot;
}

/* Gives a slot back; from any thread. The pool may be gone right after the last live batch is
 * counted off. */
static void slot_return(lt_batch_pool *pool, batch_slot *slot)
{
    unsigned idle = atomic_fetch_add_explicit(&pool->idle, 1, memory_order_relaxed);
    if (idle >= pool->keep) {
        atomic_fetch_sub_explicit(&pool->idle, 1, memory_order_relaxed);
        slot_free(pool, slot);
    } else {
        lt_arena_reset(slot->batch.arena, BATCH_BYTES_KEEP);
        batch_slot *head = atomic_load_explicit(&pool->returned, memory_order_relaxed);
        do {
            slot->next_idle = head;
        } while (!atomic_compare_exchange_weak_explicit(
            &pool->returned, &head, slot, memory_order_release, memory_order_relaxed));
    }
    unsigned before = atomic_fetch_sub_explicit(&pool->live, 1, memory_order_release);
    LT_ASSERT(before > 0);
}

/* ---- batches ---- */

static bool batch_init(lt_batch *batch, const lt_schema *schema, uint32_t row_cap)
{
    batch->col_count = schema ? schema->count : 0;
    batch->row_cap = row_cap;
    batch->schema = schema;
    if (batch->col_count == 0) {
        return true;
    }
    batch->cols = LT_NEW_ARRAY(batch->arena, lt_col, batch->col_count);
    if (!batch->cols) {
        return false;
    }
    for (uint32_t i = 0; row_cap > 0 && i < batch->col_count; i++) {
        if (!lt_col_init(&batch->cols[i], schema->fields[i].type, row_cap, batch->arena)) {
            return false;
        }
    }
    return true;
}

lt_batch *lt_batch_new(lt_batch_pool *pool, const lt_schema *schema, uint32_t row_cap)
{
    batch_slot *slot = slot_take(pool);
    if (!slot) {
        return NULL;
    }
    lt_batch *batch = &slot->batch;
    lt_arena *arena = batch->arena;
    memset(batch, 0, sizeof *batch);
    slot->next_idle = NULL;
    batch->arena = arena;
    batch->pool = pool;
    atomic_init(&batch->refs, 1);
    atomic_fetch_add_explicit(&pool->live, 1, memory_order_relaxed);
    if (!batch_init(batch, schema, row_cap)) {
        lt_batch_unref(batch);
        return NULL;
    }
    return batch;
}

lt_batch *lt_batch_ref(lt_batch *batch)
{
    atomic_fetch_add_explicit(&batch->refs, 1, memory_order_relaxed);
    return batch;
}

void lt_batch_unref(lt_batch *batch)
{
    /* A loop for the last pin instead of recursion: chains of derived batches may be long. */
    while (batch) {
        unsigned before = atomic_fetch_sub_explicit(&batch->refs, 1, memory_order_acq_rel);
        LT_ASSERT(before > 0);
        if (before > 1) {
            return;
        }
        lt_batch *last = NULL;
        for (lt_pin *pin = batch->pins; pin; pin = pin->next) {
            lt_buf_unref(pin->buf);
            if (last && pin->batch) {
                lt_batch_unref(pin->batch);
            } else if (pin->batch) {
                last = pin->batch;
            }
        }
        slot_return(batch->pool, (batch_slot *)(void *)batch);
        batch = last;
    }
}

static lt_pin *pin_new(lt_batch *batch)
{
    lt_pin *pin = LT_NEW(batch->arena, lt_pin);
    if (pin) {
        pin->next = batch->pins;
        batch->pins = pin;
    }
    return pin;
}

bool lt_batch_pin_buf(lt_batch *batch, lt_buf *buf)
{
    if (batch->pins && batch->pins->buf == buf) {
        return true;
    }
    lt_pin *pin = pin_new(batch);
    if (pin) {
        pin->buf = lt_buf_ref(buf);
    }
    return pin != NULL;
}

bool lt_batch_pin_batch(lt_batch *batch, lt_batch *other)
{
    LT_ASSERT(batch != other);
    if (batch->pins && batch->pins->batch == other) {
        return true;
    }
    lt_pin *pin = pin_new(batch);
    if (pin) {
        pin->batch = lt_batch_ref(other);
    }
    return pin != NULL;
}

lt_batch *lt_batch_derive(lt_batch_pool *pool, lt_batch *parent, const lt_schema *schema)
{
    lt_batch *batch = lt_batch_new(pool, schema, 0);
    if (!batch) {
        return NULL;
    }
    if (!lt_batch_pin_batch(batch, parent)) {
        lt_batch_unref(batch);
        return NULL;
    }
    batch->row_count = parent->row_count;
    batch->sel = parent->sel;
    batch->sel_count = parent->sel_count;
    batch->kinds = parent->kinds;
    batch->marks = parent->marks;
    batch->mark_count = parent->mark_count;
    batch->arrival_us = parent->arrival_us;
    return batch;
}

/* Room for one more mark in an array of the batch's own. */
static bool marks_reserve(lt_batch *batch)
{
    if (batch->mark_count < batch->mark_cap) {
        return true;
    }
    uint32_t cap = LT_MAX(batch->mark_count * 2, (uint32_t)MARKS_MIN);
    lt_mark *marks = LT_NEW_ARRAY(batch->arena, lt_mark, cap);
    if (!marks) {
        return false;
    }
    if (batch->mark_count > 0) {
        memcpy(marks, batch->marks, sizeof *marks * batch->mark_count);
    }
    batch->marks = marks;
    batch->mark_cap = cap;
    return true;
}

bool lt_batch_add_mark(lt_batch *batch, uint32_t first_row, int64_t watermark)
{
    if (batch->mark_count > 0) {
        const lt_mark *last = &batch->marks[batch->mark_count - 1];
        LT_ASSERT(first_row >= last->first_row);
        if (watermark <= last->watermark) {
            return true;
        }
    }
    if (!marks_reserve(batch)) {
        return false;
    }
    lt_mark *last = batch->mark_count > 0 ? &batch->marks[batch->mark_count - 1] : NULL;
    if (last && last->first_row == first_row) {
        last->watermark = watermark;
        return true;
    }
    batch->marks[batch->mark_count++] = (lt_mark){first_row, watermark};
    return true;
}

/* Index of the first of count ascending rows that is >= row. */
static uint32_t lower_bound(const uint32_t *rows, uint32_t count, uint32_t row)
{
    uint32_t low = 0;
    while (low < count) {
        uint32_t mid = low + (count - low) / 2;
        if (rows[mid] < row) {
            low = mid + 1;
        } else {
            count = mid;
        }
    }
    return low;
}

static bool compact_into(lt_batch *dense, const lt_batch *batch)
{
    uint32_t live = lt_batch_live(batch);
    for (uint32_t i = 0; i < batch->col_count; i++) {
        lt_col *col = &dense->cols[i];
        if (!lt_col_init(col, batch->cols[i].type, live, dense->arena) ||
            !lt_col_gather(col, &batch->cols[i], batch->sel, live, true, dense->arena)) {
            return false;
        }
    }
    if (batch->kinds) {
        dense->kinds = lt_arena_alloc(dense->arena, (size_t)live + 1, 8);
        if (!dense->kinds) {
            return false;
        }
        for (uint32_t i = 0; i < live; i++) {
            dense->kinds[i] = batch->kinds[lt_batch_row(batch, i)];
        }
    }
    for (uint32_t i = 0; i < batch->mark_count; i++) {
        uint32_t row = batch->marks[i].first_row;
        uint32_t at = batch->sel ? lower_bound(batch->sel, batch->sel_count, row) : row;
        if (!lt_batch_add_mark(dense, at, batch->marks[i].watermark)) {
            return false;
        }
    }
    return true;
}

lt_batch *lt_batch_compact(lt_batch_pool *pool, lt_batch *batch)
{
    lt_batch *dense = lt_batch_new(pool, batch->schema, 0);
    if (!dense) {
        return NULL;
    }
    LT_ASSERT(dense->col_count == batch->col_count);
    if (!compact_into(dense, batch)) {
        lt_batch_unref(dense);
        return NULL;
    }
    dense->row_cap = lt_batch_live(batch);
    dense->row_count = dense->row_cap;
    dense->sel_count = dense->row_cap;
    dense->arrival_us = batch->arrival_us;
    return dense;
}

/* The selection of a slice. A prefix of a batch without a selection needs none. */
static bool slice_rows(lt_batch *slice, const lt_batch *batch, uint32_t from, uint32_t to)
{
    slice->row_count = to;
    if (batch->sel) {
        uint32_t first = lower_bound(batch->sel, batch->sel_count, from);
        slice->sel = batch->sel + first;
        slice->sel_count = lower_bound(batch->sel, batch->sel_count, to) - first;
        return true;
    }
    slice->sel_count = to - from;
    if (from == 0) {
        return true;
    }
    slice->sel = LT_NEW_ARRAY(slice->arena, uint32_t, (size_t)(to - from) + 1);
    if (!slice->sel) {
        return false;
    }
    for (uint32_t row = from; row < to; row++) {
        slice->sel[row - from] = row;
    }
    return true;
}

lt_batch *lt_batch_slice(lt_batch_pool *pool, lt_batch *batch, uint32_t from_row, uint32_t to_row)
{
    LT_ASSERT(from_row <= to_row && to_row <= batch->row_count);
    lt_batch *slice = lt_batch_derive(pool, batch, batch->schema);
    if (!slice) {
        return NULL;
    }
    if (!slice_rows(slice, batch, from_row, to_row)) {
        lt_batch_unref(slice);
        return NULL;
    }
    LT_ASSERT(slice->col_count == batch->col_count);
    if (batch->col_count > 0) {
        memcpy(slice->cols, batch->cols, sizeof(lt_col) * batch->col_count);
    }
    /* A mark at to_row belongs to the slice that follows, unless there is none. */
    uint32_t first = 0;
    while (first < batch->mark_count && batch->marks[first].first_row < from_row) {
        first++;
    }
    uint32_t end = first;
    while (end < batch->mark_count &&
           (batch->marks[end].first_row < to_row || to_row == batch->row_count)) {
        end++;
    }
    slice->marks = batch->marks ? batch->marks + first : NULL;
    slice->mark_count = end - first;
    return slice;
}
