/* A batch: rows as columns, with row kinds, a selection, and the watermark marks that stand between
 * its rows.
 *
 *   columns   [ 0 1 2 3 4 5 6 7 ]   row_count physical rows, in order of arrival
 *   sel       [ 0 2 3 6 ]           rows that are live; NULL = all. Ascending.
 *   kinds     +I -U +U ...          per physical row; NULL = all +I
 *   marks     (0,w1) (3,w2) (8,w3)  mark (r,w): before row r the watermark became w;
 *                                   r == row_count: after the last row
 *
 * Marks are ascending in row and in watermark and refer to physical rows, so they survive a filter
 * untouched. A row is judged (late or not) against the last mark at or before it, else against the
 * watermark from before the batch. A batch without rows may carry marks alone. Once it has left the
 * task that built it, a batch is immutable and shared by reference count. It owns an arena for what
 * it computed itself, and pins the byte buffers and parent batches whose memory its columns borrow.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "data/column.h"
#include "data/type.h"

#define LT_BATCH_ROWS_MAX 4096

/* Event time in milliseconds since 1970. MIN: no watermark yet; MAX: end of input. */
#define LT_WATERMARK_MIN INT64_MIN
#define LT_WATERMARK_MAX INT64_MAX

typedef enum {
    LT_INSERT = 0,
    LT_UPDATE_BEFORE = 1,
    LT_UPDATE_AFTER = 2,
    LT_DELETE = 3
} lt_row_kind;

LT_INLINE bool lt_kind_is_add(uint8_t kind)
{
    return (kind & 1) == 0; /* +I, +U add a row; -U, -D take one away */
}

typedef struct {
    uint32_t first_row;
    int64_t watermark;
} lt_mark;

/* A reference-counted byte buffer (a block read from a file, a network message). */
typedef struct lt_buf {
    atomic_uint refs;
    lt_mem *mem;
    size_t len; /* bytes used */
    size_t cap; /* bytes allocated; at least LT_BUF_PADDING readable bytes follow cap */
    char *ptr;
} lt_buf;

#define LT_BUF_PADDING                                                        \
    64 /* readable zero bytes behind the content, for SIMD reads past the end \
        */

lt_buf *lt_buf_new(lt_mem *mem, size_t cap); /* NULL when out of memory */
lt_buf *lt_buf_ref(lt_buf *buf);
void lt_buf_unref(lt_buf *buf); /* accepts NULL */

typedef struct lt_batch lt_batch;
typedef struct lt_batch_pool lt_batch_pool;

struct lt_batch {
    atomic_uint refs;
    uint32_t row_count; /* physical rows */
    uint32_t row_cap;   /* capacity of the columns this batch allocated */
    uint32_t col_count;
    uint32_t sel_count; /* live rows; equals row_count when sel is NULL */
    uint32_t mark_count;
    uint32_t mark_cap;
    lt_col *cols;
    uint32_t *sel;
    uint8_t *kinds;
    lt_mark *marks;
    const lt_schema *schema; /* outlives the batch */
    int64_t arrival_us;      /* wall clock when the oldest row was read; 0 = unknown */
    lt_arena *arena;
    lt_batch_pool *pool;
    /* pinned memory; private to batch.c */
    struct lt_pin *pins;
};

/* Batches are recycled: the pool keeps up to `keep` of them with their arenas warm. Used by one
 * thread at a time for new; unref may come from any thread. The pool outlives its batches. */
lt_batch_pool *lt_batch_pool_new(lt_mem *mem, uint32_t keep);
void lt_batch_pool_free(lt_batch_pool *pool); /* accepts NULL */

/* An empty batch with its own columns for row_cap rows. row_cap 0: no column arrays, cols[] zeroed,
 * for building views. NULL = out of memory. */
lt_batch *lt_batch_new(lt_batch_pool *pool, const lt_schema *schema, uint32_t row_cap);
lt_batch *lt_batch_ref(lt_batch *batch);
void lt_batch_unref(lt_batch *batch); /* accepts NULL */

/* A new batch of col_count empty columns over the same rows, selection, kinds, marks and arrival as
 * `parent`, which it pins. Selection, kinds and marks are shared pointers: replace the pointer,
 * never write through it. */
lt_batch *lt_batch_derive(lt_batch_pool *pool, lt_batch *parent, const lt_schema *schema);

/* Keeps memory alive as long as the batch. false = out of memory. */
bool lt_batch_pin_buf(lt_batch *batch, lt_buf *buf);
bool lt_batch_pin_batch(lt_batch *batch, lt_batch *other);

/* Appends a mark; marks at the same row merge, equal watermarks are dropped. false = out of memory.
 */
bool lt_batch_add_mark(lt_batch *batch, uint32_t first_row, int64_t watermark);

/* Makes a dense copy of the live rows (bytes copied; marks moved to the dense rows): for batches
 * that pin much more than they use. */
lt_batch *lt_batch_compact(lt_batch_pool *pool, lt_batch *batch);

/* Slice of live rows [from, to) in terms of physical rows: a derived batch that shares the columns.
 * Marks within the range are kept. */
lt_batch *lt_batch_slice(lt_batch_pool *pool, lt_batch *batch, uint32_t from_row, uint32_t to_row);

LT_INLINE uint32_t lt_batch_live(const lt_batch *batch)
{
    return batch->sel ? batch->sel_count : batch->row_count;
}
LT_INLINE uint32_t lt_batch_row(const lt_batch *batch, uint32_t index)
{
    return batch->sel ? batch->sel[index] : index;
}
LT_INLINE uint8_t lt_batch_kind(const lt_batch *batch, uint32_t row)
{
    return batch->kinds ? batch->kinds[row] : (uint8_t)LT_INSERT;
}
