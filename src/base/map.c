/* An insertion-ordered hash map for names: entries lie in one array in order, and an
 * open-addressing table of indices points into it.
 *
 *   slots (power of two, at most 3/4 full): [0 = free | entry index + 1] ...
 *   entries: [key, value, hash] in order of insertion
 *
 * Removing closes the gap in the array and renumbers the slots: linear, which is right for catalogs
 * that are read all the time and shrink hardly ever. */
#include "base/map.h"

#include "base/array.h"
#include "base/assert.h"
#include "base/hash.h"

#define SLOTS_MIN 16

typedef struct {
    char *key; /* owned; key_len + 1 bytes, NUL-terminated */
    size_t key_len;
    void *value;
    uint64_t hash;
} map_entry;

struct lt_map {
    lt_mem *mem;
    LT_ARRAY(map_entry) entries;
    uint32_t *slots;
    size_t slot_count; /* 0 or a power of two */
};

lt_map *lt_map_new(lt_mem *mem)
{
    lt_map *map = lt_mem_zalloc(mem, sizeof *map);
    if (map) {
        map->mem = mem;
    }
    return map;
}

void lt_map_free(lt_map *map)
{
    if (!map) {
        return;
    }
    for (size_t i = 0; i < map->entries.count; i++) {
        lt_mem_free(map->mem, map->entries.items[i].key, map->entries.items[i].key_len + 1);
    }
    lt_array_deinit(&map->entries, map->mem);
    lt_mem_free(map->mem, map->slots, map->slot_count * sizeof *map->slots);
    lt_mem_free(map->mem, map, sizeof *map);
}

/* The slot that holds the key, or the free one where it belongs. Needs a table. */
static size_t find_slot(const lt_map *map, lt_str key, uint64_t hash)
{
    size_t mask = map->slot_count - 1;
    size_t at = (size_t)hash & mask;
    while (map->slots[at] != 0) {
        const map_entry *entry = &map->entries.items[map->slots[at] - 1];
        if (entry->hash == hash && lt_str_eq((lt_str){entry->key, entry->key_len}, key)) {
            break;
        }
        at = (at + 1) & mask;
    }
    return at;
}

/* The entry of the key; NULL when absent. */
static map_entry *find_entry(const lt_map *map, lt_str key)
{
    if (map->entries.count == 0) {
        return NULL;
    }
    uint32_t number = map->slots[find_slot(map, key, lt_hash_bytes(key.ptr, key.len, 0))];
    return number > 0 ? &map->entries.items[number - 1] : NULL;
}

void *lt_map_get(const lt_map *map, lt_str key)
{
    const map_entry *entry = find_entry(map, key);
    return entry ? entry->value : NULL;
}

/* Enters all entries into an empty table. */
static void fill_slots(lt_map *map)
{
    memset(map->slots, 0, map->slot_count * sizeof *map->slots);
    for (size_t i = 0; i < map->entries.count; i++) {
        size_t at = (size_t)map->entries.items[i].hash & (map->slot_count - 1);
        while (map->slots[at] != 0) {
            at = (at + 1) & (map->slot_count - 1);
        }
        map->slots[at] = (uint32_t)i + 1;
    }
}

/* Makes room for one more entry in array and table. */
static bool reserve_entry(lt_map *map)
{
    if (map->entries.count >= UINT32_MAX - 1 || !lt_array_reserve(&map->entries, map->mem, 1)) {
        return false;
    }
    if (map->entries.count + 1 <= map->slot_count / 4 * 3) {
        return true;
    }
    size_t slot_count = LT_MAX(map->slot_count * 2, SLOTS_MIN);
    uint32_t *slots = lt_mem_alloc(map->mem, slot_count * sizeof *slots);
    if (!slots) {
        return false;
    }
    lt_mem_free(map->mem, map->slots, map->slot_count * sizeof *map->slots);
    map->slots = slots;
    map->slot_count = slot_count;
    fill_slots(map);
    return true;
}

bool lt_map_put(lt_map *map, lt_str key, void *value)
{
    map_entry *known = find_entry(map, key);
    if (known) {
        known->value = value;
        return true;
    }
    if (!reserve_entry(map) || key.len >= SIZE_MAX) {
        return false;
    }
    char *copy = lt_mem_alloc(map->mem, key.len + 1);
    if (!copy) {
        return false;
    }
    if (key.len > 0) {
        memcpy(copy, key.ptr, key.len);
    }
    copy[key.len] = '\0';
    uint64_t hash = lt_hash_bytes(key.ptr, key.len, 0);
    size_t at = find_slot(map, key, hash);
    LT_ASSERT(map->slots[at] == 0);
    map->slots[at] = (uint32_t)map->entries.count + 1;
    map->entries.items[map->entries.count++] = (map_entry){copy, key.len, value, hash};
    return true;
}

void *lt_map_remove(lt_map *map, lt_str key)
{
    map_entry *entry = find_entry(map, key);
    if (!entry) {
        return NULL;
    }
    void *value = entry->value;
    size_t after = map->entries.count - (size_t)(entry - map->entries.items) - 1;
    lt_mem_free(map->mem, entry->key, entry->key_len + 1);
    memmove(entry, entry + 1, after * sizeof *entry);
    map->entries.count--;
    fill_slots(map);
    return value;
}

size_t lt_map_count(const lt_map *map)
{
    return map->entries.count;
}

bool lt_map_at(const lt_map *map, size_t index, lt_str *key, void **value)
{
    if (index >= map->entries.count) {
        return false;
    }
    const map_entry *entry = &map->entries.items[index];
    if (key) {
        *key = (lt_str){entry->key, entry->key_len};
    }
    if (value) {
        *value = entry->value;
    }
    return true;
}
