/* The bag of values: agg_bag.h has the layout. */
#include "expr/agg_bag.h"

#include <stddef.h>

#include "base/assert.h"
#include "base/hash.h"

#define HEADER       16u
#define TRAILER      4u
#define INDEX_HEADER 8u
#define SLOTS_MIN    64u

typedef struct {
    uint32_t len;
    int32_t count;
    uint32_t next;
    uint32_t hash;
} entry;

_Static_assert(sizeof(entry) == HEADER, "states are packed");

static entry *entry_at(const lt_agg_bag *bag, uint32_t at)
{
    LT_ASSERT(at < bag->log.len && bag->log.len - at >= HEADER);
    return (entry *)(void *)(bag->log.ptr + at);
}

static uint64_t entry_size(uint32_t len)
{
    return ((uint64_t)HEADER + len + TRAILER + 7) / 8 * 8;
}

static const uint8_t *bytes_of(const entry *e)
{
    return (const uint8_t *)(const void *)(e + 1);
}

static void set_item(lt_agg_item *item, const entry *e, uint32_t at)
{
    item->bytes = bytes_of(e);
    item->len = e->len;
    item->count = e->count;
    item->at = at;
    item->end = at + (uint32_t)entry_size(e->len);
}

bool lt_agg_bag_next(const lt_agg_bag *bag, uint32_t at, lt_agg_item *item)
{
    while (at < bag->log.len) {
        const entry *e = entry_at(bag, at);
        if (e->count != 0) {
            set_item(item, e, at);
            return true;
        }
        at += (uint32_t)entry_size(e->len);
    }
    return false;
}

bool lt_agg_bag_last(const lt_agg_bag *bag, lt_agg_item *item)
{
    uint32_t size;
    if (bag->log.len == 0) {
        return false;
    }
    memcpy(&size, bag->log.ptr + bag->log.len - TRAILER, TRAILER);
    LT_ASSERT(size <= bag->log.len);
    return lt_agg_bag_next(bag, bag->log.len - size, item);
}

uint32_t lt_agg_bag_entries(const lt_agg_bag *bag)
{
    uint32_t total = 0;
    lt_agg_item item;
    for (uint32_t at = bag->first; lt_agg_bag_next(bag, at, &item); at = item.end) {
        total++;
    }
    return total;
}

/* ---- the index ---- */

static uint32_t *key_count(const lt_agg_bag *bag)
{
    return (uint32_t *)(void *)bag->index.ptr;
}

static uint32_t *slots_of(const lt_agg_bag *bag)
{
    return (uint32_t *)(void *)(bag->index.ptr + INDEX_HEADER);
}

static uint32_t slot_count(const lt_agg_bag *bag)
{
    return (bag->index.len - INDEX_HEADER) / (uint32_t)sizeof(uint32_t);
}

static lt_str key_of(const entry *e, bool keyed)
{
    uint32_t len = e->len;
    if (keyed) {
        memcpy(&len, bytes_of(e), sizeof len);
        len += (uint32_t)sizeof len;
        LT_ASSERT(len <= e->len);
    }
    return (lt_str){(const char *)bytes_of(e), len};
}

static uint32_t hash_of(lt_str key)
{
    return (uint32_t)lt_hash_bytes(key.ptr, key.len, 0);
}

/* The slot of the key, or the empty one where it would be. */
static uint32_t find_slot(const lt_agg_bag *bag, bool keyed, lt_str key, uint32_t hash)
{
    const uint32_t *slots = slots_of(bag);
    uint32_t mask = slot_count(bag) - 1;
    uint32_t at = hash & mask;
    while (slots[at] != 0) {
        const entry *e = entry_at(bag, (slots[at] - 1) * 8);
        if (e->hash == hash && lt_str_eq(key_of(e, keyed), key)) {
            break;
        }
        at = (at + 1) & mask;
    }
    return at;
}

/* The entry becomes the newest of its key. */
static void link_entry(lt_agg_bag *bag, bool keyed, uint32_t at)
{
    entry *e = entry_at(bag, at);
    uint32_t slot = find_slot(bag, keyed, key_of(e, keyed), e->hash);
    uint32_t *slots = slots_of(bag);
    if (slots[slot] == 0) {
        ++*key_count(bag);
        e->next = at;
    } else {
        entry *newest = entry_at(bag, (slots[slot] - 1) * 8);
        e->next = newest->next;
        newest->next = at;
    }
    slots[slot] = at / 8 + 1;
}

static void link_all(lt_agg_bag *bag, bool keyed)
{
    lt_agg_item item;
    memset(bag->index.ptr, 0, bag->index.len);
    for (uint32_t at = bag->first; lt_agg_bag_next(bag, at, &item); at = item.end) {
        entry *e = entry_at(bag, item.at);
        e->hash = hash_of(key_of(e, keyed));
        link_entry(bag, keyed, item.at);
    }
}

static bool make_index(lt_cells *cells, lt_agg_bag *bag, bool keyed, uint32_t slots)
{
    uint32_t size = INDEX_HEADER + slots * (uint32_t)sizeof(uint32_t);
    if (slots > UINT32_MAX / 8 || !lt_cells_resize(cells, &bag->index, size)) {
        return false;
    }
    link_all(bag, keyed);
    return true;
}

/* Empties a slot and moves what was pushed behind it by collisions. */
static void empty_slot(lt_agg_bag *bag, uint32_t hole)
{
    uint32_t *slots = slots_of(bag);
    uint32_t mask = slot_count(bag) - 1;
    slots[hole] = 0;
    for (uint32_t at = (hole + 1) & mask; slots[at] != 0; at = (at + 1) & mask) {
        uint32_t home = entry_at(bag, (slots[at] - 1) * 8)->hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            slots[hole] = slots[at];
            slots[at] = 0;
            hole = at;
        }
    }
    --*key_count(bag);
}

static void unlink_oldest(lt_agg_bag *bag, bool keyed, uint32_t at)
{
    const entry *e = entry_at(bag, at);
    uint32_t slot = find_slot(bag, keyed, key_of(e, keyed), e->hash);
    uint32_t newest = slots_of(bag)[slot];
    LT_ASSERT(newest != 0 && entry_at(bag, (newest - 1) * 8)->next == at);
    if ((newest - 1) * 8 == at) {
        empty_slot(bag, slot);
    } else {
        entry_at(bag, (newest - 1) * 8)->next = e->next;
    }
}

/* ---- changes ---- */

uint8_t *lt_agg_bag_reserve(lt_cells *cells, lt_agg_bag *bag, uint32_t len)
{
    uint32_t at = bag->log.len;
    uint64_t size = entry_size(len);
    if (at + size > UINT32_MAX || !lt_cells_resize(cells, &bag->log, at + (uint32_t)size)) {
        return NULL;
    }
    uint8_t *to = bag->log.ptr + at;
    memset(to, 0, HEADER);
    memset(to + size - 16, 0, 16);
    memcpy(to, &len, sizeof len);
    const uint32_t small = (uint32_t)size;
    memcpy(to + size - TRAILER, &small, TRAILER);
    return to + HEADER;
}

bool lt_agg_bag_commit(lt_cells *cells, lt_agg_bag *bag, bool keyed, int32_t count)
{
    uint32_t size;
    LT_ASSERT(count != 0 && bag->log.len > 0);
    memcpy(&size, bag->log.ptr + bag->log.len - TRAILER, TRAILER);
    uint32_t at = bag->log.len - size;
    if (bag->index.len > 0 && *key_count(bag) >= slot_count(bag) / 4 * 3 &&
        !make_index(cells, bag, keyed, slot_count(bag) * 2)) {
        lt_cells_shrink(cells, &bag->log, at);
        return false;
    }
    entry *e = entry_at(bag, at);
    e->count = count;
    bag->count += count;
    if (bag->index.len > 0) {
        e->hash = hash_of(key_of(e, keyed));
        link_entry(bag, keyed, at);
    }
    return true;
}

bool lt_agg_bag_append(lt_cells *cells, lt_agg_bag *bag, const uint8_t *bytes, uint32_t len,
                       int32_t count)
{
    uint8_t *to = lt_agg_bag_reserve(cells, bag, len);
    if (to == NULL) {
        return false;
    }
    if (len > 0) {
        memcpy(to, bytes, len);
    }
    return lt_agg_bag_commit(cells, bag, false, count);
}

bool lt_agg_bag_find(lt_cells *cells, lt_agg_bag *bag, bool keyed, lt_str bytes, lt_agg_item *item,
                     bool *found)
{
    *found = false;
    if (bag->index.len == 0 && bag->log.len <= LT_AGG_BAG_SCAN) {
        for (uint32_t at = bag->first; lt_agg_bag_next(bag, at, item); at = item->end) {
            if (lt_str_eq(key_of(entry_at(bag, item->at), keyed), bytes)) {
                *found = true;
                break;
            }
        }
        return true;
    }
    if (bag->index.len == 0) {
        uint32_t slots = SLOTS_MIN;
        for (uint32_t entries = lt_agg_bag_entries(bag); slots / 4 * 3 <= entries; slots *= 2) {
        }
        if (!make_index(cells, bag, keyed, slots)) {
            return false;
        }
    }
    uint32_t newest = slots_of(bag)[find_slot(bag, keyed, bytes, hash_of(bytes))];
    if (newest != 0) {
        uint32_t at = entry_at(bag, (newest - 1) * 8)->next;
        set_item(item, entry_at(bag, at), at);
        *found = true;
    }
    return true;
}

/* Moves the entries that count together. */
static void compact(lt_cells *cells, lt_agg_bag *bag, bool keyed)
{
    lt_agg_item item;
    uint32_t to = 0;
    for (uint32_t at = bag->first; lt_agg_bag_next(bag, at, &item); at = item.end) {
        memmove(bag->log.ptr + to, bag->log.ptr + item.at, item.end - item.at);
        to += item.end - item.at;
    }
    bag->first = 0;
    bag->dead = 0;
    lt_cells_shrink(cells, &bag->log, to);
    if (bag->index.len > 0) {
        link_all(bag, keyed);
    }
}

void lt_agg_bag_remove(lt_cells *cells, lt_agg_bag *bag, bool keyed, const lt_agg_item *item)
{
    if (bag->index.len > 0) {
        unlink_oldest(bag, keyed, item->at);
    }
    bag->count -= item->count;
    entry_at(bag, item->at)->count = 0;
    bag->dead += item->end - item->at;
    if (bag->dead == bag->log.len) {
        lt_cells_clear(cells, &bag->log);
        lt_cells_clear(cells, &bag->index);
        bag->first = 0;
        bag->dead = 0;
        return;
    }
    lt_agg_item next;
    if (item->at == bag->first && lt_agg_bag_next(bag, bag->first, &next)) {
        bag->first = next.at;
    }
    uint32_t end = bag->log.len;
    uint32_t size;
    for (;;) {
        memcpy(&size, bag->log.ptr + end - TRAILER, TRAILER);
        if (entry_at(bag, end - size)->count != 0) {
            break;
        }
        end -= size;
        bag->dead -= size;
    }
    if (end < bag->log.len) {
        lt_cells_shrink(cells, &bag->log, end);
    }
    if (bag->dead > bag->log.len / 2) {
        compact(cells, bag, keyed);
    }
}

void lt_agg_bag_recount(lt_agg_bag *bag, const lt_agg_item *item, int32_t count)
{
    LT_ASSERT(count != 0);
    entry *e = entry_at(bag, item->at);
    bag->count += (int64_t)count - e->count;
    e->count = count;
}

bool lt_agg_bag_change(lt_cells *cells, lt_agg_bag *bag, lt_str bytes, int sign)
{
    lt_agg_item item;
    bool found;
    if (sign > 0) {
        return lt_agg_bag_append(cells, bag, (const uint8_t *)bytes.ptr, (uint32_t)bytes.len, 1);
    }
    if (!lt_agg_bag_find(cells, bag, false, bytes, &item, &found)) {
        return false;
    }
    if (found) {
        lt_agg_bag_remove(cells, bag, false, &item);
    }
    return true;
}

void lt_agg_bag_state(lt_agg *agg)
{
    agg->state_size = sizeof(lt_agg_bag);
    agg->cell_count = 2;
    agg->cell_offsets[0] = (uint32_t)offsetof(lt_agg_bag, log);
    agg->cell_offsets[1] = (uint32_t)offsetof(lt_agg_bag, index);
}

lt_status lt_agg_bag_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                           uint32_t count, lt_cells *cells, lt_error *err)
{
    (void)agg;
    for (uint32_t i = 0; i < count; i++) {
        const lt_agg_bag *s = (const lt_agg_bag *)(const void *)src[i];
        lt_agg_item item;
        for (uint32_t at = s->first; lt_agg_bag_next(s, at, &item); at = item.end) {
            if (!lt_agg_bag_append(cells, (lt_agg_bag *)(void *)dst[i], item.bytes, item.len,
                                   item.count)) {
                return lt_error_nomem(err, "aggregate");
            }
        }
    }
    return LT_OK;
}
