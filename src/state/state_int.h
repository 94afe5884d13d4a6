/* Shared by the files of this folder: the state table's structure and what slices, timers, lists
 * and snapshots need of it. */
#pragma once

#include <stdatomic.h>

#include "base/array.h"
#include "state/index_int.h"
#include "state/state.h"

/* How keys are stored and compared; chosen once per table. */
typedef enum {
    KEY_NONE,  /* one record */
    KEY_8,     /* one word */
    KEY_16,    /* two words */
    KEY_FIXED, /* key_stride bytes in the entry */
    KEY_VAR,   /* a var_key in the entry */
    KEY_ROW    /* any bytes, stored as KEY_VAR; no index: entries are found by their number */
} key_form;

#define VAR_KEY_INLINE 24

typedef struct {
    uint32_t len;
    uint32_t hash_high; /* the index holds the low half: together the whole hash is compared before
                           any byte */
    union {
        uint8_t inlined[VAR_KEY_INLINE];
        lt_cell cell; /* len > VAR_KEY_INLINE */
    } u;
} var_key;

/* Creation order. Numbers are stored plus one, 0 = none. A free entry has prev == LINK_FREE and
 * next in the free list. Snapshots hold prev alone: a thread that captures a block never reads
 * next, which may change at any time. */
typedef struct {
    uint32_t prev;
    uint32_t next;
} entry_link;

#define LINK_FREE UINT32_MAX

/* A block is some of a chunk's entries: the unit of copying on write and of incremental
 * checkpoints. This says how far a snapshot has come with it. */
typedef struct {
    _Atomic(uint32_t)
        seen;       /* number of the snapshot << 2 | block_phase; another number = pending */
    uint32_t form;  /* copy_form, from phase captured on: what lies in .. */
    uint8_t *bytes; /* .. this */
    size_t len;
} block_state;

/* How the owner of a table has put a block aside. */
typedef enum {
    COPY_NONE,  /* it is unchanged, or there was no memory */
    COPY_RAW,   /* entries and links as they lie, in a place of the table's pool: the snapshot's
                   reader writes the image */
    COPY_IMAGE, /* the block's image in such a place */
    COPY_IMAGE_LARGE /* in memory of its own */
} copy_form;

typedef enum {
    BLOCK_BUSY = 1,     /* one of the two threads is at it */
    BLOCK_CAPTURED = 2, /* by the owner of the table, before a change */
    BLOCK_TAKEN = 3     /* by the reader of the snapshot */
} block_phase;

typedef struct {
    entry_link *links;   /* behind the entries in the same memory */
    block_state *blocks; /* apart: the reader of a snapshot writes to them, while what a table's
                            owner has may be moved to a file */
    uint32_t cap;        /* entries */
    uint32_t block_count;
    uint32_t blocks_before; /* in all chunks before this one */
    size_t size;            /* bytes of entries and links */
} chunk_info;

/* Where things lie in an entry, and entries in chunks. Never changes. */
typedef struct {
    key_form form;
    uint32_t key_size;   /* bytes of the key area in an entry */
    uint32_t key_offset; /* 8 behind a TTL stamp, else 0 */
    uint32_t value_offset;
    uint32_t stride;      /* bytes per entry */
    uint32_t chunk_shift; /* entry number = chunk << chunk_shift | index in the chunk */
    uint32_t block_shift; /* block number = entry number >> block_shift */
    uint32_t value_size;
    uint32_t saved_size; /* bytes of a record that snapshots hold: all or none */
    uint32_t cell_count;
    const uint32_t *cell_offsets;
    bool plain; /* entries are saved as they stand: no pointers in them */
} entry_layout;

typedef struct snap_view snap_view;
typedef struct dir_head dir_head;
typedef struct copy_pool copy_pool;

struct lt_table {
    /* What a probe reads, first. */
    entry_layout lay;
    uint32_t epoch;     /* of the state: what changes now is marked with it */
    uint32_t *mods;     /* per block: the epoch of its last change */
    uint32_t untouched; /* blocks with entries from before this epoch and no change in it: at 0
                           probes need not look at mods */
    uint8_t **chunk_entries;
    lt_index index; /* unused without a key */
    /* The rest. */
    lt_mem *mem;
    lt_mem *large; /* of chunks and cells, which may go to a file */
    lt_env *env;
    lt_state *state;
    lt_table_decl decl;
    uint64_t count;
    chunk_info *chunks;
    uint32_t chunk_count;
    uint32_t chunk_cap;
    uint32_t mods_cap;
    uint32_t bump_chunk; /* next never-used entry */
    uint32_t bump_index;
    uint32_t old_chunk; /* bump_chunk and bump_index when the epoch began */
    uint32_t old_index;
    uint32_t free_head; /* number + 1 */
    uint32_t head;      /* number + 1, oldest */
    uint32_t tail;
    uint64_t count_peak; /* since the last clear */
    uint32_t sweep_at;   /* number + 1; where the search for idle records goes on */
    struct {
        uint32_t handed; /* cursor that lt_table_scan gave out last .. */
        uint32_t actual; /* .. and the entry it stands for now */
    } * scan;
    lt_cells *cells;
    lt_cells *key_cells; /* long keys; NULL unless KEY_VAR or KEY_ROW */
    bool has_long_keys;  /* some entry since the last clear has one, outside of itself */
    copy_pool *copies;   /* where blocks are put aside for a snapshot */
    snap_view *view;     /* of the snapshot under way; NULL = none, or none that has this table */
    dir_head *stale;     /* arrays that were outgrown while a snapshot reads them */
    lt_table *next_dead; /* in state_garbage */
};

/* What snapshots left behind. */
typedef struct {
    dir_head *arrays;
    lt_table *tables;
} state_garbage;

typedef enum {
    TABLE_KEYED, /* as declared */
    TABLE_BYTES, /* keys are any bytes; decl->key is only described */
    TABLE_ROWS   /* entries of any bytes, by number */
} table_kind;

entry_layout lt_table_layout_(const lt_table_decl *decl, table_kind kind);
/* Entries in a chunk. */
uint32_t lt_chunk_cap_(const entry_layout *lay, uint32_t chunk);
/* NULL = out of memory. */
lt_table *lt_table_new_(lt_state *state, const lt_table_decl *decl, table_kind kind);
void lt_table_free_(lt_table *table); /* accepts NULL */
/* Moves arrays that no snapshot reads any more to the garbage. */
void lt_table_tidy_(lt_table *table, state_garbage *to);
void lt_garbage_free_(lt_mem *mem, state_garbage *garbage);
/* Wall clock in ms for tables with a TTL, else 0. */
int64_t lt_table_now_(const lt_table *table);
/* Makes chunks up to this one. false = out of memory. */
bool lt_table_grow_(lt_table *table, uint32_t chunk);
/* Writes the key into an entry that has none. false = out of memory. */
bool lt_table_key_store_(lt_table *table, uint8_t *entry, const uint8_t *key, uint32_t len,
                         uint64_t hash);
/* Is there a record with this number + 1? */
bool lt_table_has_(const lt_table *table, uint32_t number);
/* TABLE_ROWS: a new record behind all others, zeroed; number is not 0. false = out of memory. */
bool lt_table_append_(lt_table *table, const uint8_t *bytes, uint32_t len, uint32_t *number,
                      void **value);
void lt_table_remove_at_(lt_table *table, uint32_t number);
/* The number (never 0) of a record; by the index. */
uint32_t lt_table_number_(const lt_table *table, const void *value);

LT_INLINE uint8_t *entry_at(const lt_table *table, uint32_t number)
{
    uint32_t index = number & ((1U << table->lay.chunk_shift) - 1);
    return table->chunk_entries[number >> table->lay.chunk_shift] +
           (size_t)index * table->lay.stride;
}

LT_INLINE entry_link *link_at(const lt_table *table, uint32_t number)
{
    return &table->chunks[number >> table->lay.chunk_shift]
                .links[number & ((1U << table->lay.chunk_shift) - 1)];
}

/* The table's contents are old from now on. */
void lt_table_begin_epoch_(lt_table *table, uint32_t epoch);
/* The block changes for the first time in this epoch. */
void lt_table_mark_(lt_table *table, uint32_t block);
/* Captures the block for a snapshot that still needs it, then marks it as changed. */
void lt_table_touch_block_(lt_table *table, uint32_t block);

/* To be called before any change of the entry that a snapshot would hold. */
LT_INLINE void entry_touch(lt_table *table, uint32_t number)
{
    uint32_t block = number >> table->lay.block_shift;
    if (LT_UNLIKELY(table->mods[block] != table->epoch)) {
        lt_table_touch_block_(table, block);
    }
}

/* Records of TABLE_ROWS by number + 1, as lt_table_append_ gives it. */
LT_INLINE void *lt_table_at_(const lt_table *table, uint32_t number)
{
    return entry_at(table, number - 1) + table->lay.value_offset;
}

typedef struct {
    int64_t end;
    int64_t tag;
    uint64_t serial; /* its low SLICE_SLOT_BITS tell apart the blocks of slices that are alive */
    lt_table *table;
} slice;

#define SLICES_IDLE_MAX 4

struct lt_slices {
    lt_mem *mem;
    lt_state *state;
    table_kind kind;
    uint64_t next_serial;
    lt_table_decl decl;
    LT_ARRAY(slice *) items; /* ascending by end */
    lt_table *idle[SLICES_IDLE_MAX];
    uint32_t idle_count;
};

lt_slices *lt_slices_new_(lt_state *state, const lt_table_decl *decl);
void lt_slices_free_(lt_slices *slices);
void lt_slices_clear_(lt_slices *slices);
/* Takes an emptied or still filled table back for the next slice, or frees it. */
void lt_slices_recycle_(lt_slices *slices, lt_table *table);
/* Takes an emptied one back; false: there are enough. */
bool lt_slices_store_(lt_slices *slices, lt_table *table);
/* A slice with this serial, for loading. */
lt_status lt_slices_restore_(lt_slices *slices, int64_t slice_end, uint64_t serial, lt_table **out,
                             lt_error *err);

typedef struct {
    int64_t at_ms;
    void *value; /* the record in `set`, which holds this item's index in the heap */
} timer_item;

struct lt_timers {
    lt_mem *mem;
    lt_timers_decl decl;
    lt_table *set;             /* key: at_ms (8 bytes, little-endian), key bytes */
    LT_ARRAY(timer_item) heap; /* binary heap by (at_ms, key bytes) */
    uint8_t *scratch;          /* room for the longest key so far with its time */
    size_t scratch_cap;
};

#define TIMER_KEY_HEAD 8

lt_timers *lt_timers_new_(lt_state *state, const lt_timers_decl *decl);
void lt_timers_free_(lt_timers *timers);
void lt_timers_clear_(lt_timers *timers);
/* Makes the heap from the set, after the set was loaded. */
lt_status lt_timers_rebuild_(lt_timers *timers, lt_error *err);

lt_lists *lt_lists_new_(lt_state *state, const lt_lists_decl *decl);
void lt_lists_free_(lt_lists *lists);
void lt_lists_clear_(lt_lists *lists);
/* Do rows with so many bytes beside their own have marks and ids? */
bool lt_lists_are_wide_(uint32_t row_size);
void lt_lists_tables_(const lt_lists *lists, lt_table **tables); /* two of them */
/* Are two tables that were loaded one set of lists? Makes them ready for use. */
lt_status lt_lists_check_(lt_table *heads, const lt_table *rows, int64_t now, lt_error *err);
/* Appends one list of such tables, by the record of its head. */
lt_status lt_lists_insert_(lt_lists *lists, const lt_table *heads, const lt_table *rows,
                           const void *value, lt_error *err);

/* The cursor at a list's first row, by its head's record; 0 = none. */
uint64_t lt_lists_start_(const void *head);

#define ORDERED_HEAD_BYTES 24 /* before the record in a node */
lt_ordered *lt_ordered_new_(lt_state *state, const lt_ordered_decl *decl);
void lt_ordered_free_(lt_ordered *ordered);
void lt_ordered_clear_(lt_ordered *ordered);
void lt_ordered_tables_(const lt_ordered *ordered, lt_table **tables); /* two of them */
lt_status lt_ordered_check_(lt_table *heads, lt_table *nodes, lt_error *err);
lt_status lt_ordered_insert_(lt_ordered *ordered, const lt_table *heads, const lt_table *nodes,
                             const void *value, lt_error *err);

typedef enum {
    ITEM_TABLE = 1,
    ITEM_SLICES = 2,
    ITEM_TIMERS = 3,
    ITEM_LISTS = 4,
    ITEM_ORDERED = 5,
    ITEM_KIND_END
} item_kind;

typedef struct {
    item_kind kind;
    const char *name;
    lt_table *table;
    lt_slices *slices;
    lt_timers *timers;
    lt_lists *lists;
    lt_ordered *ordered;
    uint8_t *description; /* the block that describes it in snapshots */
    size_t description_len;
} state_item;

#define ITEM_TABLES_MAX 2
/* The tables that an item consists of, slices aside; tables may be NULL. */
uint32_t lt_item_tables_(const state_item *item, lt_table **tables);
/* Writes the description of the item with this number. */
lt_status lt_item_describe_(const lt_state *state, uint32_t number, state_item *item,
                            lt_error *err);

#define STATE_ITEMS_MAX 4094

struct lt_state {
    lt_mem *mem;
    lt_env *env;
    LT_ARRAY(state_item) items;
    uint32_t epoch;      /* from 1; a snapshot ends one */
    uint32_t base_epoch; /* what changed last in this one or before is in the base; 0 = no base */
    uint32_t snap_number;
    lt_state_snap *snap;  /* until it is reaped */
    lt_state_snap *spare; /* memory of the one before, for the next */
    state_garbage garbage;
    struct spill_part *spill; /* NULL = nothing goes to a file */
    copy_pool *copies;        /* one for each size; the list only grows, when tables are declared */
    bool keys_as_bytes;       /* tables declared next have keys whose codec is not known */
};

/* Empties everything that was declared. */
void lt_state_clear_(lt_state *state);

/* The declaration that an item's description is written from and held against. */
const lt_table_decl *lt_item_decl_(const state_item *item);
/* The same, with the record that its records tables hold. */
const lt_table_decl *lt_item_record_(const state_item *item);
/* How its n-th table (0 for slices) is laid out. */
entry_layout lt_item_layout_(const state_item *item, uint32_t n);
