/* A bag of byte strings in the order in which they came, for the aggregates that keep their values.
 * Values are appended, found by their bytes (the oldest of equal ones) and removed, each in
 * constant time on average.
 *
 *   state   i64 count, u32 first, u32 dead, cell log, cell index                       48 bytes
 *   log     entries: u32 length, i32 count, u32 next, u32 hash, bytes, zeros to a multiple of 8
 *           less 4, u32 size of the entry
 *   index   u32 keys, u32 zero, then u32 slots, a power of two: 0 or offset / 8 + 1
 *
 * `count` is the sum of the entries' counts. A removed entry has count 0 and its bytes are `dead`
 * until they are half of the log, which is then rewritten; `first` is the offset of the first entry
 * that counts, and the last entry always does, so that both ends are found at once. The index is
 * made when a value is looked for in a log of more than LT_AGG_BAG_SCAN bytes: by linear probing
 * with the hash (the low half of lt_hash_bytes), each slot has the newest of equal entries, whose
 * `next` is the oldest one, and so on in a circle. Without an index next and hash are 0.
 *
 * In a keyed bag entries are found by their leading bytes: u32 length of the key, key. */
#pragma once

#include "data/cells.h"
#include "expr/aggregate.h"

#define LT_AGG_BAG_SCAN 1024u

typedef struct {
    int64_t count;
    uint32_t first;
    uint32_t dead;
    lt_cell log;
    lt_cell index;
} lt_agg_bag;

_Static_assert(sizeof(lt_agg_bag) == 48, "states are packed");

/* An entry; its bytes are 8-aligned and valid until the bag changes. */
typedef struct {
    const uint8_t *bytes;
    uint32_t len;
    int32_t count;
    uint32_t at;  /* offset in the log */
    uint32_t end; /* offset behind it */
} lt_agg_item;

/* The first entry at or behind an offset; begin with bag->first. false: there is none. */
bool lt_agg_bag_next(const lt_agg_bag *bag, uint32_t at, lt_agg_item *item);
bool lt_agg_bag_last(const lt_agg_bag *bag, lt_agg_item *item);
/* How many entries there are. */
uint32_t lt_agg_bag_entries(const lt_agg_bag *bag);

/* Room for an entry of len bytes at the end, to be filled in and then committed; NULL = out of
 * memory. */
uint8_t *lt_agg_bag_reserve(lt_cells *cells, lt_agg_bag *bag, uint32_t len);
/* Makes the entry count; false = out of memory, the bag is as before. */
bool lt_agg_bag_commit(lt_cells *cells, lt_agg_bag *bag, bool keyed, int32_t count);
/* Both at once. bytes must not lie in this bag. */
bool lt_agg_bag_append(lt_cells *cells, lt_agg_bag *bag, const uint8_t *bytes, uint32_t len,
                       int32_t count);

/* The oldest entry with these bytes (keyed: whose key, length included, is these bytes); *found
 * tells whether there is one. false = out of memory. */
bool lt_agg_bag_find(lt_cells *cells, lt_agg_bag *bag, bool keyed, lt_str bytes, lt_agg_item *item,
                     bool *found);
/* Removes an entry that find() gave. */
void lt_agg_bag_remove(lt_cells *cells, lt_agg_bag *bag, bool keyed, const lt_agg_item *item);
/* Changes the count of an entry to another one that is not 0. */
void lt_agg_bag_recount(lt_agg_bag *bag, const lt_agg_item *item, int32_t count);

/* Appends the value (sign > 0), or removes the oldest equal one, if there is one. */
bool lt_agg_bag_change(lt_cells *cells, lt_agg_bag *bag, lt_str bytes, int sign);

/* For accumulators that are one bag and nothing else: where it lies, and how two become one. */
void lt_agg_bag_state(lt_agg *agg);
lt_status lt_agg_bag_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                           uint32_t count, lt_cells *cells, lt_error *err);
