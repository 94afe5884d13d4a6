/* The loader's two halves: load.c holds the order of the blocks and the descriptions, restore.c
 * puts entries into tables. */
#pragma once

#include "base/hash.h"
#include "state/describe_int.h"

/* One stored table on its way into the state. */
typedef struct {
    const state_item *item;
    uint32_t table_no; /* of the item */
    lt_table *table;   /* where blocks go: the declared one, or one that is only of this load; NULL:
                          no record of it is wanted */
    bool temporary;
    /* As stored. */
    snap_view shape;
    entry_run run; /* the block that comes next */
    uint64_t live; /* entries so far */
} table_load;

struct lt_state_loader {
    lt_state *state;
    lt_mem *mem;
    uint32_t group_first;
    uint32_t group_last;
    enum { WANT_HEAD, WANT_ITEM, WANT_TABLE, WANT_ENTRIES, WANT_NOTHING, BROKEN } want;
    uint64_t blocks;
    uint32_t stored_items; /* how many there are .. */
    uint32_t stored_item;  /* .. the current one */
    bool *seen;            /* per declared item */
    size_t seen_cap;
    /* Declares an item as it is described, before it is loaded; keys are not compared then. NULL:
     * all were declared. */
    lt_status (*declare)(void *arg, const item_description *item, lt_error *err);
    void *declare_arg;
    /* The current item. */
    const state_item *item;
    bool has_stamps; /* stored entries have a TTL stamp */
    uint32_t table_no;
    table_load load;
    lt_table *first_table; /* of an item of two tables: the first one, when it is temporary */
};

lt_status lt_load_damaged_(lt_error *err, const char *what);

LT_INLINE bool loads_all_groups(const lt_state_loader *loader)
{
    return loader->group_first == 0 && loader->group_last == LT_KEY_GROUPS - 1;
}

/* The table whose shape is in loader->load: decides where its blocks go. */
lt_status lt_restore_begin_(lt_state_loader *loader, lt_error *err);
/* The block of load.run. */
lt_status lt_restore_block_(table_load *load, block_reader *from, lt_error *err);
/* All blocks are there. */
lt_status lt_restore_end_(lt_state_loader *loader, lt_error *err);
/* Frees what is not in the state. */
void lt_restore_drop_(lt_state_loader *loader);

/* The key groups of `count` records of a table, by its declaration; count is at most GROUP_ROWS. */
#define GROUP_ROWS 256
typedef struct {
    lt_mem *mem;
    const lt_table_decl *decl;
    bool timers;               /* keys begin with a time */
    lt_arena *arena;           /* NULL without a prefix */
    const lt_rowcodec *prefix; /* of the leading fields; NULL = the whole key counts */
} group_finder;
lt_status lt_group_finder_init_(group_finder *finder, const state_item *item, lt_mem *mem,
                                lt_error *err);
void lt_group_finder_deinit_(group_finder *finder);
lt_status lt_group_finder_run_(group_finder *finder, const uint8_t *const *keys,
                               const uint32_t *lens, uint32_t count, uint32_t *groups,
                               lt_error *err);
