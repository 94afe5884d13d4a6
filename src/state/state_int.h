/* Shared by the files of this folder: the state table's structure and what slices, timers and
 * snapshots need of it. */
#pragma once

#include "base/array.h"
#include "state/index_int.h"
#include "state/state.h"

/* How keys are stored and compared; chosen once per table. */
typedef enum {
    KEY_NONE,  /* one record */
    KEY_8,     /* one word */
    KEY_16,    /* two words */
    KEY_FIXED, /* key_stride bytes in the entry */
    KEY_VAR    /* a var_key in the entry */
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
 * next in the free list. */
typedef struct {
    uint32_t prev;
    uint32_t next;
} entry_link;

#define LINK_FREE UINT32_MAX

typedef struct {
    entry_link *links; /* behind the entries in the same block */
    uint32_t cap;      /* entries */
    size_t size;       /* of the block */
} chunk_info;

struct lt_table {
    /* What a probe reads, first. */
    key_form form;
    uint32_t key_size;   /* bytes of the key area in an entry */
    uint32_t key_offset; /* 8 behind a TTL stamp, else 0 */
    uint32_t value_offset;
    uint32_t stride;      /* bytes per entry */
    uint32_t chunk_shift; /* entry number = chunk << chunk_shift | index in the chunk */
    uint8_t **chunk_entries;
    lt_index index; /* unused without a key */
    /* The rest. */
    lt_mem *mem;
    lt_env *env;
    lt_table_decl decl;
    uint64_t count;
    chunk_info *chunks;
    uint32_t chunk_count;
    uint32_t chunk_cap;
    uint32_t bump_chunk; /* next never-used entry */
    uint32_t bump_index;
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
    lt_cells *key_cells; /* long keys; NULL unless KEY_VAR */
};

/* key_var overrides decl->key: keys are any bytes (timers). NULL = out of memory. */
lt_table *lt_table_new_(lt_mem *mem, lt_env *env, const lt_table_decl *decl, bool key_var);
void lt_table_free_(lt_table *table); /* accepts NULL */
/* Wall clock in ms for tables with a TTL, else 0. */
int64_t lt_table_now_(const lt_table *table);
/* The TTL stamp of a record; NULL without a TTL. */
int64_t *lt_table_stamp_(const lt_table *table, const void *value);

typedef struct {
    int64_t end;
    int64_t tag;
    lt_table *table;
} slice;

#define SLICES_IDLE_MAX 4

struct lt_slices {
    lt_mem *mem;
    lt_env *env;
    lt_table_decl decl;
    LT_ARRAY(slice *) items; /* ascending by end */
    lt_table *idle[SLICES_IDLE_MAX];
    uint32_t idle_count;
};

lt_slices *lt_slices_new_(lt_mem *mem, lt_env *env, const lt_table_decl *decl);
void lt_slices_free_(lt_slices *slices);
void lt_slices_clear_(lt_slices *slices);

typedef struct {
    int64_t at_ms;
    void *value; /* the record in `set`, which holds this item's index in the heap */
} timer_item;

struct lt_timers {
    lt_mem *mem;
    const char *name;
    lt_table *set;             /* key: at_ms (8 bytes, little-endian), key bytes */
    LT_ARRAY(timer_item) heap; /* binary heap by (at_ms, key bytes) */
    uint8_t *scratch;          /* room for the longest key so far with its time */
    size_t scratch_cap;
};

#define TIMER_KEY_HEAD 8

lt_timers *lt_timers_new_(lt_mem *mem, const char *name);
void lt_timers_free_(lt_timers *timers);
void lt_timers_clear_(lt_timers *timers);

typedef enum { ITEM_TABLE = 1, ITEM_SLICES = 2, ITEM_TIMERS = 3 } item_kind;

typedef struct {
    item_kind kind;
    const char *name;
    lt_table *table;
    lt_slices *slices;
    lt_timers *timers;
} state_item;

struct lt_state {
    lt_mem *mem;
    lt_env *env;
    LT_ARRAY(state_item) items;
};

/* Empties everything that was declared. */
void lt_state_clear_(lt_state *state);
