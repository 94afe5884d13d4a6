/* What a snapshot is made of: the views that it took of the tables when it began, and the form of
 * its blocks (docs/internals/state.md).
 *
 * Two threads meet here: the owner of the state, which changes tables, and the reader of the
 * snapshot. A view is written by begin() and not changed afterwards; it has what the reader needs
 * of a table, so that the reader never looks at the table. Each block of entries is captured by one
 * of the two, whoever comes first (block_state.seen); until then nobody changes what the reader may
 * read of it. */
#pragma once

#include "state/state_int.h"

/* Goes from OPEN to DONE, by way of KEPT for a table that leaves its place meanwhile. */
typedef enum {
    VIEW_OPEN,
    VIEW_KEPT, /* by the owner: the table is the reader's now, who disposes of it */
    VIEW_DONE  /* by the reader, who is past it */
} view_fate;

struct snap_view {
    lt_state_snap *snap;
    _Atomic(uint32_t) fate;
    /* The owner's until the view is KEPT, the reader's then. */
    lt_table *table; /* whose view this is; NULL when it is gone */
    lt_slices *home; /* of one that is KEPT: it comes back here, empty; NULL: it is freed */
    bool emptied;    /* by the reader, and to be put there */
    /* The table as it was. */
    uint32_t item;
    entry_layout lay;
    uint8_t **chunk_entries;
    chunk_info *chunks;
    const uint32_t *mods;
    copy_pool *copies;
    uint32_t chunk_end; /* blocks are those of the chunks before this one .. */
    uint32_t index_end; /* .. and of entries before this one in it */
    uint32_t tail;
    uint64_t count;
    uint64_t serial; /* of a slice */
    int64_t slice_end;
    int64_t slice_tag;
};

/* A run of entries that is saved as one block. */
typedef struct {
    uint32_t chunk;
    uint32_t block; /* in the chunk */
    uint32_t first; /* index in the chunk */
    uint32_t count;
} entry_run;

typedef enum { AT_HEAD, AT_ITEM, AT_TABLE, AT_ENTRIES, AT_OVER } snap_place;

struct lt_state_snap {
    const lt_state *state;
    lt_mem *mem;
    uint32_t number;
    uint32_t epoch; /* changes up to this one are in the snapshot */
    uint32_t base;  /* blocks last changed in this epoch or before are unchanged; 0 = none are */
    bool still;     /* nothing changes while it is read: blocks are not marked */
    snap_view *views;
    size_t view_count;
    size_t view_cap;
    state_garbage garbage; /* of the time before; the reader frees it */
    bool committed;
    _Atomic(bool) over;
    _Atomic(bool) failed;  /* one of the two had no memory; the reader stops */
    _Atomic(bool) reading; /* the reader is in next() */
    /* The reader's. */
    snap_place place;
    uint32_t item;
    size_t view;
    entry_run run;
    uint64_t blocks;
    uint8_t *buffer;
    size_t buffer_cap;
    block_state given;   /* copied by the owner, given out last .. */
    copy_pool *given_to; /* .. and where it goes back to */
};

/* The whole table leaves the snapshot's way, which may copy it or take its memory over: afterwards
 * the table may be cleared. For a table with a view. */
void lt_snap_let_go_(lt_table *table);
/* The table itself is kept as long as the snapshot needs it and goes back to `home` when that is
 * over; false: nobody reads it any more. */
bool lt_snap_keep_(lt_table *table, lt_slices *home);
/* If the state's snapshot is over there is none afterwards. Only takes its hands off: what is to be
 * freed is garbage for the next snapshot's reader, since this runs in the barrier. */
void lt_snap_reap_(lt_state *state);
/* Frees what is left for a next snapshot. */
void lt_snap_tidy_(lt_state *state);

/* ---- places for copies of blocks (copies.c) ---- */

/* The state's pool of places of this size, made when missing; NULL = out of memory. The owner's. */
copy_pool *lt_copies_of_(lt_state *state, size_t place_size);
size_t lt_copies_place_size_(const copy_pool *pool);
/* The owner's; NULL = out of memory. */
void *lt_copies_take_(copy_pool *pool);
void lt_copies_give_(copy_pool *pool, void *place); /* from any thread */
/* When all places are back, and nobody takes any: frees what the last snapshots did not need. */
void lt_copies_trim_(const lt_state *state);
void lt_copies_free_(lt_state *state);

/* ---- blocks ---- */

#define SNAPSHOT_MAGIC        "LEATSNAP"
#define SNAPSHOT_MAGIC_LEN    8
#define SNAPSHOT_VERSION      2
#define SNAPSHOT_BLOCK_HEAD   8 /* CRC, kind */
#define SNAPSHOT_HEAD_BYTES   (SNAPSHOT_BLOCK_HEAD + 24)
#define SNAPSHOT_TABLE_BYTES  (SNAPSHOT_BLOCK_HEAD + 44)
#define SNAPSHOT_END_BYTES    (SNAPSHOT_BLOCK_HEAD + 8)
#define SNAPSHOT_ENTRIES_HEAD 16
#define SNAPSHOT_FRAME        16 /* lt_state_save: id and length before each block */
#define SNAPSHOT_NO_CELL      UINT32_MAX

typedef enum {
    BLOCK_HEAD = 1, /* versions */
    BLOCK_ITEM = 2, /* the description of a table, of slices, .. */
    BLOCK_TABLE = 3,
    BLOCK_ENTRIES = 4,
    BLOCK_END = 5
} block_kind;

/* Ids: item + 1 (12 bits), slot of the slice (24), block of entries + 1 or 0 for the table (28). */
#define ID_BLOCK_BITS   28
#define ID_SLOT_BITS    24
#define SLICE_SLOT_MASK (((uint64_t)1 << ID_SLOT_BITS) - 1)
#define ID_HEAD         ((uint64_t)0)
#define ID_END          UINT64_MAX
/* In place of block + 1: the item's description. */
#define ID_DESCRIPTION (((uint64_t)1 << ID_BLOCK_BITS) - 1)

LT_INLINE uint64_t block_id(uint32_t item, uint64_t slot, uint64_t block)
{
    return ((uint64_t)item + 1) << (ID_SLOT_BITS + ID_BLOCK_BITS) |
           (slot & SLICE_SLOT_MASK) << ID_BLOCK_BITS | block;
}

/* What an image is written from: a block as it lies in its table, or a copy of that. */
typedef struct {
    const entry_layout *lay;
    const uint8_t *entries;
    const entry_link *links;
    uint32_t count;
} block_source;

block_source lt_block_source_(const snap_view *view, const entry_run *run);
/* Bytes of a block of entries; where entries hold cells this looks at each. */
size_t lt_image_size_(const block_source *from);
/* Writes exactly that many bytes; the CRC is left open. */
void lt_image_write_(const block_source *from, uint8_t *to);
/* Fills in the CRC of a block: over its id and all bytes behind the CRC. */
void lt_image_seal_(uint64_t id, uint8_t *bytes, size_t len);
bool lt_image_intact_(uint64_t id, const uint8_t *bytes, size_t len);

/* Walks a view's blocks of entries; false = there is none, or that was the last. */
bool lt_run_first_(const snap_view *view, entry_run *run);
bool lt_run_next_(const snap_view *view, entry_run *run);
/* The block's number among all of the table's. */
LT_INLINE uint32_t run_block(const snap_view *view, const entry_run *run)
{
    return (run->chunk << (view->lay.chunk_shift - view->lay.block_shift)) + run->block;
}

/* Little-endian numbers. */
LT_INLINE void image_put32(uint8_t *to, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}
LT_INLINE void image_put64(uint8_t *to, uint64_t value)
{
    image_put32(to, (uint32_t)value);
    image_put32(to + 4, (uint32_t)(value >> 32));
}
LT_INLINE uint32_t image_get32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}
LT_INLINE uint64_t image_get64(const uint8_t *from)
{
    return (uint64_t)image_get32(from) | (uint64_t)image_get32(from + 4) << 32;
}
