/* The state table: entries in chunks, found through the index (index_int.h).
 *
 *   chunk      [ stamp? | key | record ] [ .. ] [ .. ] ..       entries, then
 *              [ prev, next ] [ .. ] [ .. ] ..                  their links in order of creation
 *
 * Entries never move; chunks double up to CHUNK_BYTES. A removed entry goes to a free list; the
 * links keep the order of creation when it is used again.
 *
 * A block is up to BLOCK_BYTES of entries. Before anything of it changes it is touched: one compare
 * when it was changed before in this epoch, else it is captured for a snapshot that needs it
 * (snap.c). mods has one word per block for that, in one array, because every probe reads it.
 *
 * A probe of many rows takes them in blocks: first the index groups of all rows are prefetched,
 * then the entries that their tags point to, then the keys are compared. What did not match there
 * goes through the one-row path, which searches on or inserts.
 *
 * Invariants: count == linked entries == used places of the index (forms with a key); a free entry
 * is in the free list and nowhere else. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "state/snap_int.h"
#include "state/spill_int.h"

#define CHUNK_BYTES       ((size_t)1 << 20)
#define CHUNK_BYTES_FIRST ((size_t)1024)
#define CHUNK_ROWS_FIRST  8
#define BLOCK_BYTES       ((size_t)16 << 10)
#define PROBE_BLOCK       64
#define SWEEP_ROWS_MAX    1024
#define SWEEP_SLACK_MS    1000 /* records of the current callback are never swept under its feet */

/* ---- addresses ---- */

int64_t lt_table_now_(const lt_table *table)
{
    return table->decl.ttl_ms > 0 && table->env ? table->env->wall_us(table->env) / 1000 : 0;
}

/* ---- keys ---- */

LT_INLINE bool key_eq(const lt_table *table, const uint8_t *entry, const uint8_t *key, uint32_t len,
                      uint64_t hash, key_form form)
{
    const uint8_t *own = entry + table->lay.key_offset;
    if (form == KEY_8) {
        return memcmp(own, key, 8) == 0;
    }
    if (form == KEY_16) {
        uint64_t a[2], b[2];
        memcpy(a, own, 16);
        memcpy(b, key, 16);
        return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
    }
    if (form == KEY_FIXED) {
        return memcmp(own, key, table->lay.key_size) == 0;
    }
    const var_key *var = (const var_key *)(const void *)own;
    if (var->len != len || var->hash_high != (uint32_t)(hash >> 32)) {
        return false;
    }
    const uint8_t *bytes = len <= VAR_KEY_INLINE ? var->u.inlined : var->u.cell.ptr;
    return len == 0 || memcmp(bytes, key, len) == 0;
}

bool lt_table_key_store_(lt_table *table, uint8_t *entry, const uint8_t *key, uint32_t len,
                         uint64_t hash)
{
    uint8_t *own = entry + table->lay.key_offset;
    if (table->lay.form < KEY_VAR) {
        if (table->lay.key_size > 0) {
            memcpy(own, key, table->lay.key_size);
        }
        return true;
    }
    var_key *var = (var_key *)(void *)own;
    memset(var, 0, sizeof *var);
    var->len = len;
    var->hash_high = (uint32_t)(hash >> 32);
    if (len > VAR_KEY_INLINE) {
        table->has_long_keys = true;
        return lt_cells_set(table->key_cells, &var->u.cell, key, len);
    }
    if (len > 0) {
        memcpy(var->u.inlined, key, len);
    }
    return true;
}

static const uint8_t *key_of(const lt_table *table, const uint8_t *entry, uint32_t *len)
{
    const uint8_t *own = entry + table->lay.key_offset;
    if (table->lay.form < KEY_VAR) {
        *len = table->lay.key_size;
        return own;
    }
    const var_key *var = (const var_key *)(const void *)own;
    *len = var->len;
    return var->len <= VAR_KEY_INLINE ? var->u.inlined : var->u.cell.ptr;
}

const uint8_t *lt_table_key(const lt_table *table, const void *value, uint32_t *len)
{
    return key_of(table, (const uint8_t *)value - table->lay.value_offset, len);
}

/* ---- chunks ---- */

static size_t chunk_size(const entry_layout *lay, uint32_t chunk)
{
    size_t least = (size_t)CHUNK_ROWS_FIRST * (lay->stride + sizeof(entry_link));
    size_t size = LT_MAX(CHUNK_BYTES_FIRST, least);
    for (uint32_t i = 0; i < chunk && size < CHUNK_BYTES; i++) {
        size *= 2;
    }
    return size > CHUNK_BYTES && least <= CHUNK_BYTES ? CHUNK_BYTES : size;
}

uint32_t lt_chunk_cap_(const entry_layout *lay, uint32_t chunk)
{
    return (uint32_t)(chunk_size(lay, chunk) / (lay->stride + sizeof(entry_link)));
}

/* Arrays that a snapshot's reader may look at are kept until it is over. */
struct dir_head {
    dir_head *next;
    size_t size;
};

static void *dir_new(lt_table *table, size_t size)
{
    dir_head *head = lt_mem_alloc(table->mem, sizeof *head + size);
    if (!head) {
        return NULL;
    }
    *head = (dir_head){NULL, sizeof *head + size};
    return head + 1;
}

static void dir_drop(lt_table *table, void *array)
{
    if (!array) {
        return;
    }
    dir_head *head = (dir_head *)array - 1;
    if (table->view) {
        head->next = table->stale;
        table->stale = head;
    } else {
        lt_mem_free(table->mem, head, head->size);
    }
}

void lt_table_tidy_(lt_table *table, state_garbage *to)
{
    while (table->stale) {
        dir_head *head = table->stale;
        table->stale = head->next;
        head->next = to->arrays;
        to->arrays = head;
    }
}

void lt_garbage_free_(lt_mem *mem, state_garbage *garbage)
{
    while (garbage->arrays) {
        dir_head *head = garbage->arrays;
        garbage->arrays = head->next;
        lt_mem_free(mem, head, head->size);
    }
    while (garbage->tables) {
        lt_table *table = garbage->tables;
        garbage->tables = table->next_dead;
        lt_table_free_(table);
    }
}

static bool chunk_slots_grow(lt_table *table)
{
    if (table->chunk_count < table->chunk_cap) {
        return true;
    }
    uint32_t cap = LT_MAX(table->chunk_cap * 2, 8);
    uint8_t **entries = dir_new(table, sizeof *entries * cap);
    chunk_info *chunks = entries ? dir_new(table, sizeof *chunks * cap) : NULL;
    if (!chunks) {
        dir_drop(table, entries);
        return false;
    }
    if (table->chunk_count > 0) {
        memcpy(entries, table->chunk_entries, sizeof *entries * table->chunk_count);
        memcpy(chunks, table->chunks, sizeof *chunks * table->chunk_count);
    }
    dir_drop(table, table->chunk_entries);
    dir_drop(table, table->chunks);
    table->chunk_entries = entries;
    table->chunks = chunks;
    table->chunk_cap = cap;
    return true;
}

static bool mods_grow(lt_table *table, uint32_t block_count)
{
    if (block_count <= table->mods_cap) {
        return true;
    }
    uint32_t cap = (uint32_t)LT_MIN(LT_MAX((uint64_t)table->mods_cap * 2, block_count), UINT32_MAX);
    uint32_t *mods = dir_new(table, sizeof *mods * cap);
    if (!mods) {
        return false;
    }
    if (table->mods_cap > 0) {
        memcpy(mods, table->mods, sizeof *mods * table->mods_cap);
    }
    memset(mods + table->mods_cap, 0, sizeof *mods * (cap - table->mods_cap));
    dir_drop(table, table->mods);
    table->mods = mods;
    table->mods_cap = cap;
    return true;
}

static bool chunk_add(lt_table *table)
{
    uint32_t chunk = table->chunk_count;
    uint32_t rows = lt_chunk_cap_(&table->lay, chunk);
    LT_ASSERT(rows > 0 && rows <= 1U << table->lay.chunk_shift);
    uint32_t blocks = ((rows - 1) >> table->lay.block_shift) + 1;
    if (((uint64_t)chunk + 1) << table->lay.chunk_shift >= UINT32_MAX || !chunk_slots_grow(table) ||
        !mods_grow(table, (chunk << (table->lay.chunk_shift - table->lay.block_shift)) + blocks)) {
        return false;
    }
    size_t size = (size_t)rows * (table->lay.stride + sizeof(entry_link));
    uint8_t *memory = lt_mem_alloc_large(table->large, size);
    block_state *states = memory ? lt_mem_zalloc(table->mem, sizeof *states * blocks) : NULL;
    if (!states) {
        lt_mem_free_large(table->large, memory, size);
        return false;
    }
    uint32_t blocks_in =
        chunk > 0 ? ((table->chunks[chunk - 1].cap - 1) >> table->lay.block_shift) + 1 : 0;
    table->chunk_entries[chunk] = memory;
    table->chunks[chunk] = (chunk_info){
        .links = (entry_link *)(void *)(memory + (size_t)rows * table->lay.stride),
        .blocks = states,
        .block_count = blocks,
        .cap = rows,
        .blocks_before = chunk > 0 ? table->chunks[chunk - 1].blocks_before + blocks_in : 0,
        .size = size,
    };
    table->chunk_count++;
    return true;
}

bool lt_table_grow_(lt_table *table, uint32_t chunk)
{
    while (table->chunk_count <= chunk) {
        if (!chunk_add(table)) {
            return false;
        }
    }
    return true;
}

static void chunks_free_from(lt_table *table, uint32_t first)
{
    while (table->chunk_count > first) {
        table->chunk_count--;
        const chunk_info *chunk = &table->chunks[table->chunk_count];
        lt_mem_free(table->mem, chunk->blocks, sizeof *chunk->blocks * chunk->block_count);
        lt_mem_free_large(table->large, table->chunk_entries[table->chunk_count], chunk->size);
    }
}

/* A free entry, not yet linked. false = out of memory. */
static bool entry_new(lt_table *table, uint32_t *number)
{
    if (table->free_head) {
        *number = table->free_head - 1;
        table->free_head = link_at(table, *number)->next;
        return true;
    }
    if (table->bump_chunk < table->chunk_count &&
        table->bump_index == table->chunks[table->bump_chunk].cap) {
        table->bump_chunk++;
        table->bump_index = 0;
    }
    if (table->bump_chunk == table->chunk_count && !chunk_add(table)) {
        return false;
    }
    *number = (table->bump_chunk << table->lay.chunk_shift) | table->bump_index;
    table->bump_index++;
    return true;
}

static void entry_release(lt_table *table, uint32_t number)
{
    *link_at(table, number) = (entry_link){LINK_FREE, table->free_head};
    table->free_head = number + 1;
}

/* The next of the former last one is in no snapshot: its block need not be touched. */
static void link_last(lt_table *table, uint32_t number)
{
    *link_at(table, number) = (entry_link){table->tail, 0};
    if (table->tail) {
        link_at(table, table->tail - 1)->next = number + 1;
    } else {
        table->head = number + 1;
    }
    table->tail = number + 1;
}

static void unlink_entry(lt_table *table, uint32_t number)
{
    entry_link link = *link_at(table, number);
    LT_ASSERT(link.prev != LINK_FREE);
    if (link.prev) {
        link_at(table, link.prev - 1)->next = link.next;
    } else {
        table->head = link.next;
    }
    if (link.next) {
        entry_touch(table, link.next - 1);
        link_at(table, link.next - 1)->prev = link.prev;
    } else {
        table->tail = link.prev;
    }
    if (table->scan->actual == number + 1) {
        table->scan->actual = link.next;
    }
    if (table->sweep_at == number + 1) {
        table->sweep_at = link.next;
    }
}

/* ---- life of a table ---- */

static key_form form_of(const lt_table_decl *decl, table_kind kind)
{
    if (kind != TABLE_KEYED) {
        return kind == TABLE_BYTES ? KEY_VAR : KEY_ROW;
    }
    if (!decl->key) {
        return KEY_NONE;
    }
    uint32_t stride = lt_rowcodec_stride(decl->key);
    if (stride == 0) {
        return KEY_VAR;
    }
    return stride == 8 ? KEY_8 : stride == 16 ? KEY_16 : KEY_FIXED;
}

entry_layout lt_table_layout_(const lt_table_decl *decl, table_kind kind)
{
    entry_layout lay = {.form = form_of(decl, kind),
                        .key_offset = decl->ttl_ms > 0 ? 8 : 0,
                        .value_size = decl->value_size,
                        .saved_size = decl->value_size,
                        .cell_count = decl->cell_count,
                        .cell_offsets = decl->cell_offsets};
    if (lay.form != KEY_NONE) {
        lay.key_size =
            lay.form >= KEY_VAR ? (uint32_t)sizeof(var_key) : lt_rowcodec_stride(decl->key);
    }
    lay.value_offset = lay.key_offset + lay.key_size;
    lay.stride = LT_MAX((lay.value_offset + decl->value_size + 7) & ~7U, 8U);
    lay.plain = lay.form < KEY_VAR && lay.cell_count == 0;
    while (1ULL << lay.chunk_shift < lt_chunk_cap_(&lay, UINT32_MAX)) {
        lay.chunk_shift++;
    }
    while (lay.block_shift < lay.chunk_shift &&
           ((size_t)lay.stride << (lay.block_shift + 1)) <= BLOCK_BYTES) {
        lay.block_shift++;
    }
    return lay;
}

/* Room for a block as it lies; where it may not be copied so, its image mostly fits too. */
static size_t copy_size(const entry_layout *lay)
{
    size_t raw = (size_t)(lay->stride + sizeof(entry_link)) << lay->block_shift;
    bool has_more = lay->form >= KEY_VAR || lay->cell_count > 0;
    return has_more ? LT_MAX(2 * raw, 2 * BLOCK_BYTES) : raw;
}

lt_table *lt_table_new_(lt_state *state, const lt_table_decl *decl, table_kind kind)
{
    for (uint32_t i = 0; i < decl->cell_count; i++) {
        LT_ASSERT(decl->cell_offsets[i] % 8 == 0 &&
                  decl->cell_offsets[i] + sizeof(lt_cell) <= decl->value_size);
    }
    if (state->keys_as_bytes && kind == TABLE_KEYED) {
        kind = TABLE_BYTES;
    }
    lt_mem *mem = state->mem;
    lt_table *table = lt_mem_zalloc(mem, sizeof *table);
    if (!table) {
        return NULL;
    }
    table->mem = mem;
    table->env = state->env;
    table->state = state;
    table->epoch = state->epoch;
    table->decl = *decl;
    table->large = state->spill ? lt_spill_records_(state->spill) : mem;
    table->index.mem = state->spill ? lt_spill_index_(state->spill) : mem;
    table->lay = lt_table_layout_(decl, kind);
    table->scan = lt_mem_zalloc(mem, sizeof *table->scan);
    table->cells = lt_cells_new(table->large);
    bool has_keys = table->lay.form >= KEY_VAR;
    table->key_cells = has_keys ? lt_cells_new(table->large) : NULL;
    table->copies = lt_copies_of_(state, copy_size(&table->lay));
    if (!table->copies || !table->scan || !table->cells || (has_keys && !table->key_cells)) {
        lt_table_free_(table);
        return NULL;
    }
    return table;
}

void lt_table_free_(lt_table *table)
{
    if (!table) {
        return;
    }
    LT_ASSERT(!table->view);
    lt_index_free(&table->index);
    chunks_free_from(table, 0);
    dir_drop(table, table->chunk_entries);
    dir_drop(table, table->chunks);
    dir_drop(table, table->mods);
    state_garbage arrays = {0};
    lt_table_tidy_(table, &arrays);
    lt_garbage_free_(table->mem, &arrays);
    lt_cells_free(table->cells);
    lt_cells_free(table->key_cells);
    lt_mem_free(table->mem, table->scan, sizeof *table->scan);
    lt_mem_free(table->mem, table, sizeof *table);
}

void lt_table_clear(lt_table *table)
{
    if (table->view) {
        lt_snap_let_go_(table);
    }
    lt_index_clear(&table->index, table->count_peak);
    chunks_free_from(table, LT_MIN(table->chunk_count, table->bump_chunk + 1));
    table->bump_chunk = 0;
    table->bump_index = 0;
    table->free_head = 0;
    table->head = 0;
    table->tail = 0;
    table->count = 0;
    table->count_peak = 0;
    table->sweep_at = 0;
    table->untouched = 0;
    table->old_chunk = 0;
    table->old_index = 0;
    table->has_long_keys = false;
    table->scan->handed = 0;
    table->scan->actual = 0;
    lt_cells_reset(table->cells);
    if (table->key_cells) {
        lt_cells_reset(table->key_cells);
    }
}

uint64_t lt_table_count(const lt_table *table)
{
    return table->count;
}

lt_cells *lt_table_cells(lt_table *table)
{
    return table->cells;
}

/* ---- records ---- */

static void cells_drop(lt_table *table, uint8_t *entry)
{
    for (uint32_t i = 0; i < table->decl.cell_count; i++) {
        uint8_t *at = entry + table->lay.value_offset + table->decl.cell_offsets[i];
        lt_cells_clear(table->cells, (lt_cell *)(void *)at);
    }
}

static bool has_index(const lt_table *table)
{
    return table->lay.form != KEY_NONE && table->lay.form != KEY_ROW;
}

static void entry_remove(lt_table *table, uint8_t *entry, uint32_t number, uint64_t hash)
{
    entry_touch(table, number);
    if (has_index(table)) {
        lt_index_remove(&table->index, (uint32_t)hash, number);
    }
    cells_drop(table, entry);
    if (table->lay.form >= KEY_VAR) {
        var_key *var = (var_key *)(void *)(entry + table->lay.key_offset);
        if (var->len > VAR_KEY_INLINE) {
            lt_cells_clear(table->key_cells, &var->u.cell);
        }
    }
    unlink_entry(table, number);
    entry_release(table, number);
    table->count--;
    if (table->count == 0) {
        /* Start over at the front, where memory is warm. */
        table->bump_chunk = 0;
        table->bump_index = 0;
        table->free_head = 0;
    }
}

/* The number of an entry that is in the index under this hash. */
static uint32_t number_of(const lt_table *table, const uint8_t *entry, uint64_t hash)
{
    LT_ASSERT(table->lay.form != KEY_ROW);
    if (table->lay.form == KEY_NONE) {
        return table->head - 1;
    }
    const index_segment *seg = index_segment_of(&table->index, (uint32_t)hash);
    uint32_t mask = table->index.group_mask;
    for (uint32_t at = (uint32_t)hash & mask;; at = (at + 1) & mask) {
        const index_group *group = &seg->groups[at];
        uint32_t match = index_match(group, (uint32_t)hash);
        for (; match != 0; match &= match - 1) {
            uint32_t number = group->numbers[LT_CTZ64(match)];
            if (number != 0 && entry_at(table, number - 1) == entry) {
                return number - 1;
            }
        }
        LT_ASSERT(index_group_full(group)); /* else the value is not of this table */
    }
}

static uint64_t hash_of(const lt_table *table, const uint8_t *entry)
{
    uint32_t len;
    const uint8_t *key = key_of(table, entry, &len);
    return table->lay.form == KEY_NONE ? 0 : lt_row_hash(key, len);
}

void lt_table_remove(lt_table *table, void *value)
{
    LT_ASSERT(table->count > 0);
    uint8_t *entry = (uint8_t *)value - table->lay.value_offset;
    uint64_t hash = hash_of(table, entry);
    entry_remove(table, entry, number_of(table, entry, hash), hash);
}

uint32_t lt_table_number_(const lt_table *table, const void *value)
{
    const uint8_t *entry = (const uint8_t *)value - table->lay.value_offset;
    return number_of(table, entry, hash_of(table, entry)) + 1;
}

void lt_table_touch(lt_table *table, void *value)
{
    entry_touch(table, lt_table_number_(table, value) - 1);
}

static bool entry_fill(lt_table *table, uint32_t number, const uint8_t *key, uint32_t len,
                       uint64_t hash)
{
    uint8_t *entry = entry_at(table, number);
    entry_touch(table, number);
    if (!lt_table_key_store_(table, entry, key, len, hash)) {
        entry_release(table, number);
        return false;
    }
    memset(entry + table->lay.value_offset, 0, table->lay.stride - table->lay.value_offset);
    link_last(table, number);
    table->count++;
    table->count_peak = LT_MAX(table->count_peak, table->count);
    return true;
}

static uint8_t *entry_create(lt_table *table, const uint8_t *key, uint32_t len, uint64_t hash)
{
    uint32_t number;
    if ((has_index(table) && !lt_index_reserve(&table->index, (uint32_t)hash)) ||
        !entry_new(table, &number) || !entry_fill(table, number, key, len, hash)) {
        return NULL;
    }
    if (has_index(table)) {
        lt_index_put(&table->index, (uint32_t)hash, number);
    }
    return entry_at(table, number);
}

bool lt_table_append_(lt_table *table, const uint8_t *bytes, uint32_t len, uint32_t *number,
                      void **value)
{
    LT_ASSERT(table->lay.form == KEY_ROW);
    uint32_t at;
    if (!entry_new(table, &at) || !entry_fill(table, at, bytes, len, 0)) {
        return false;
    }
    *number = at + 1;
    *value = lt_table_at_(table, at + 1);
    return true;
}

bool lt_table_has_(const lt_table *table, uint32_t number)
{
    uint32_t chunk = (number - 1) >> table->lay.chunk_shift;
    uint32_t index = (number - 1) & ((1U << table->lay.chunk_shift) - 1);
    if (number == 0 || chunk > table->bump_chunk || chunk >= table->chunk_count) {
        return false;
    }
    uint32_t end = chunk < table->bump_chunk ? table->chunks[chunk].cap : table->bump_index;
    return index < end && table->chunks[chunk].links[index].prev != LINK_FREE;
}

void lt_table_begin_epoch_(lt_table *table, uint32_t epoch)
{
    uint32_t index = table->bump_index;
    table->epoch = epoch;
    table->old_chunk = table->bump_chunk;
    table->old_index = index;
    table->untouched = 0;
    if (table->bump_chunk < table->chunk_count) {
        table->untouched = table->chunks[table->bump_chunk].blocks_before +
                           (index > 0 ? ((index - 1) >> table->lay.block_shift) + 1 : 0);
    }
}

void lt_table_mark_(lt_table *table, uint32_t block)
{
    uint32_t per_chunk = table->lay.chunk_shift - table->lay.block_shift;
    uint32_t chunk = block >> per_chunk;
    uint32_t first = (block & ((1U << per_chunk) - 1)) << table->lay.block_shift;
    if (chunk < table->old_chunk || (chunk == table->old_chunk && first < table->old_index)) {
        LT_ASSERT(table->untouched > 0);
        table->untouched--;
    }
    table->mods[block] = table->epoch;
}

void lt_table_remove_at_(lt_table *table, uint32_t number)
{
    LT_ASSERT(table->lay.form == KEY_ROW && table->count > 0);
    entry_remove(table, entry_at(table, number - 1), number - 1, 0);
}

/* number is set when there is one. */
LT_INLINE uint8_t *entry_find(const lt_table *table, const uint8_t *key, uint32_t len,
                              uint64_t hash, key_form form, uint32_t *number_out)
{
    if (form == KEY_NONE) {
        *number_out = table->head - 1;
        return table->head ? entry_at(table, table->head - 1) : NULL;
    }
    if (LT_UNLIKELY(!table->index.dir)) {
        return NULL;
    }
    uint32_t tag = (uint32_t)hash;
    uint32_t mask = table->index.group_mask;
    const index_segment *seg = index_segment_of(&table->index, tag);
    for (uint32_t at = tag & mask;; at = (at + 1) & mask) {
        const index_group *group = &seg->groups[at];
        for (uint32_t match = index_match(group, tag); match != 0; match &= match - 1) {
            uint32_t number = group->numbers[LT_CTZ64(match)];
            if (number != 0) {
                uint8_t *entry = entry_at(table, number - 1);
                if (key_eq(table, entry, key, len, hash, form)) {
                    *number_out = number - 1;
                    return entry;
                }
            }
        }
        if (!index_group_full(group)) {
            return NULL;
        }
    }
}

/* ---- time to live ---- */

/* Searches a few records for ones that have been idle too long: all of them in the course of many
 * probes. */
static void sweep(lt_table *table, uint32_t rows, int64_t now)
{
    uint32_t looks = LT_MIN(rows, SWEEP_ROWS_MAX / 2U) * 2 + 16;
    for (uint32_t i = 0; i < looks && table->count > 0; i++) {
        if (table->sweep_at == 0) {
            table->sweep_at = table->head;
        }
        uint32_t number = table->sweep_at - 1;
        uint8_t *entry = entry_at(table, number);
        int64_t stamp;
        memcpy(&stamp, entry, sizeof stamp);
        if (now - stamp >= table->decl.ttl_ms + SWEEP_SLACK_MS) {
            entry_remove(table, entry, number, hash_of(table, entry)); /* moves sweep_at on */
        } else {
            table->sweep_at = link_at(table, number)->next;
        }
    }
}

static bool is_idle(const lt_table *table, const uint8_t *entry, int64_t now)
{
    int64_t stamp;
    memcpy(&stamp, entry, sizeof stamp);
    return now - stamp >= table->decl.ttl_ms;
}

/* ---- probing ---- */

typedef enum {
    PROBE_PEEK,  /* nothing changes */
    PROBE_FIND,  /* what is found may be changed */
    PROBE_CREATE /* and what is not there is made */
} probe_mode;

typedef struct {
    lt_table *table;
    const lt_rows *rows;
    probe_mode mode;
    void **values;
    uint8_t *fresh;
    int64_t now;
} probe_job;

/* Is an entry that was found still alive? An idle one goes. */
static bool keep_alive(lt_table *table, uint8_t *entry, uint32_t number, uint64_t hash,
                       probe_mode mode, int64_t now)
{
    if (is_idle(table, entry, now)) {
        if (mode != PROBE_PEEK) {
            entry_remove(table, entry, number, hash);
        }
        return false;
    }
    if (mode == PROBE_CREATE) {
        entry_touch(table, number);
        memcpy(entry, &now, sizeof now);
    }
    return true;
}

/* The one-row path. false = out of memory. */
LT_INLINE bool find_or_create(lt_table *table, const uint8_t *key, uint32_t len, uint64_t hash,
                              probe_mode mode, int64_t now, key_form form, uint8_t **out,
                              bool *fresh)
{
    uint32_t number = 0;
    uint8_t *entry = entry_find(table, key, len, hash, form, &number);
    if (entry && table->decl.ttl_ms > 0 && !keep_alive(table, entry, number, hash, mode, now)) {
        entry = NULL;
    }
    *fresh = false;
    if (entry && mode != PROBE_PEEK) {
        entry_touch(table, number);
    } else if (!entry && mode == PROBE_CREATE) {
        entry = entry_create(table, key, len, hash);
        if (!entry) {
            return false;
        }
        *fresh = true;
        if (table->decl.ttl_ms > 0) {
            memcpy(entry, &now, sizeof now);
        }
    }
    *out = entry;
    return true;
}

/* Two passes over PROBE_BLOCK rows: index groups, then entries. candidates[i]: the first entry of
 * the row's own group whose tag matches, or NULL. What it gives back is not 0 when blocks of them
 * were not touched yet in this epoch. */
LT_INLINE uint32_t find_candidates(const lt_table *table, const uint64_t *hashes, uint32_t count,
                                   uint8_t **candidates, bool look)
{
    const index_group *groups[PROBE_BLOCK];
    uint32_t mask = table->index.group_mask;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t tag = (uint32_t)hashes[i];
        groups[i] = &index_segment_of(&table->index, tag)->groups[tag & mask];
        LT_PREFETCH(groups[i]);
    }
    /* Copies: the compiler cannot know that stores to candidates do not change them. */
    uint32_t stride = table->lay.stride;
    uint32_t chunk_shift = table->lay.chunk_shift;
    uint32_t block_shift = table->lay.block_shift;
    uint8_t *const *chunks = table->chunk_entries;
    const uint32_t *mods = table->mods;
    uint32_t epoch = table->epoch;
    uint32_t untouched = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t match = index_match(groups[i], (uint32_t)hashes[i]);
        uint32_t number = match ? groups[i]->numbers[LT_CTZ64(match)] : 0;
        candidates[i] = NULL;
        if (LT_LIKELY(number != 0)) {
            uint32_t at = (number - 1) & ((1U << chunk_shift) - 1);
            uint8_t *entry = chunks[(number - 1) >> chunk_shift] + (size_t)at * stride;
            LT_PREFETCH_WRITE(entry);
            LT_PREFETCH_WRITE(entry + stride - 1);
            candidates[i] = entry;
            untouched |= look ? mods[(number - 1) >> block_shift] ^ epoch : 0;
        }
    }
    return untouched;
}

/* Touching an entry that only shares the tag does no harm. */
static LT_NOINLINE void touch_candidates(lt_table *table, const uint64_t *hashes, uint32_t count)
{
    uint32_t mask = table->index.group_mask;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t tag = (uint32_t)hashes[i];
        const index_group *group = &index_segment_of(&table->index, tag)->groups[tag & mask];
        uint32_t match = index_match(group, tag);
        uint32_t number = match ? group->numbers[LT_CTZ64(match)] : 0;
        if (number != 0) {
            entry_touch(table, number - 1);
        }
    }
}

LT_INLINE bool probe_block(const probe_job *job, uint32_t first, uint32_t count, key_form form)
{
    lt_table *table = job->table;
    const lt_rows *rows = job->rows;
    const uint64_t *hashes = rows->hashes + first;
    uint8_t *candidates[PROBE_BLOCK];
    bool has_ttl = table->decl.ttl_ms > 0;
    if (table->index.dir && !has_ttl) {
        if (LT_LIKELY(table->untouched == 0) || job->mode == PROBE_PEEK) {
            (void)find_candidates(table, hashes, count, candidates, false);
        } else if (find_candidates(table, hashes, count, candidates, true) != 0) {
            touch_candidates(table, hashes, count);
        }
    } else {
        memset(candidates, 0, sizeof candidates);
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *key;
        uint32_t len = 0;
        if (form == KEY_8 || form == KEY_16) {
            key = rows->bytes + (size_t)(first + i) * (form == KEY_8 ? 8 : 16);
        } else {
            key = lt_rows_ptr(rows, first + i);
            len = lt_rows_len(rows, first + i);
        }
        uint8_t *entry = candidates[i];
        bool fresh = false;
        if (LT_UNLIKELY(!entry || !key_eq(table, entry, key, len, hashes[i], form))) {
            if (!find_or_create(table, key, len, hashes[i], job->mode, job->now, form, &entry,
                                &fresh)) {
                return false;
            }
        }
        job->values[first + i] = entry ? entry + table->lay.value_offset : NULL;
        if (job->fresh) {
            job->fresh[first + i] = fresh;
        }
    }
    return true;
}

#define LT_DEFINE_PROBE(NAME, FORM)                                                         \
    static bool NAME(const probe_job *job)                                                  \
    {                                                                                       \
        for (uint32_t at = 0; at < job->rows->count; at += PROBE_BLOCK) {                   \
            if (!probe_block(job, at, LT_MIN(job->rows->count - at, (uint32_t)PROBE_BLOCK), \
                             FORM)) {                                                       \
                return false;                                                               \
            }                                                                               \
        }                                                                                   \
        return true;                                                                        \
    }
LT_DEFINE_PROBE(probe_8, KEY_8)
LT_DEFINE_PROBE(probe_16, KEY_16)
LT_DEFINE_PROBE(probe_fixed, KEY_FIXED)
LT_DEFINE_PROBE(probe_var, KEY_VAR)

/* A table without a key: every row means the same record. */
static bool probe_none(const probe_job *job)
{
    for (uint32_t i = 0; i < job->rows->count; i++) {
        uint8_t *entry;
        bool fresh;
        if (!find_or_create(job->table, NULL, 0, 0, job->mode, job->now, KEY_NONE, &entry,
                            &fresh)) {
            return false;
        }
        job->values[i] = entry ? entry + job->table->lay.value_offset : NULL;
        if (job->fresh) {
            job->fresh[i] = fresh;
        }
    }
    return true;
}

static bool probe_rows(const probe_job *job)
{
    switch (job->table->lay.form) {
    case KEY_NONE:
        return probe_none(job);
    case KEY_8:
        return probe_8(job);
    case KEY_16:
        return probe_16(job);
    case KEY_FIXED:
        return probe_fixed(job);
    case KEY_VAR:
        return probe_var(job);
    case KEY_ROW:
        break;
    }
    LT_ASSERT(false);
    return false;
}

static lt_status table_full(const lt_table *table, lt_error *err)
{
    if (table->count >= UINT32_MAX / 2) {
        return lt_error_set(err, LT_ERR_LIMIT, "state table '%s' has too many records",
                            table->decl.name);
    }
    return lt_error_nomem(err, table->decl.name);
}

lt_status lt_table_probe(lt_table *table, const lt_rows *rows, bool create, void **values,
                         uint8_t *fresh, lt_error *err)
{
    LT_ASSERT(table->lay.form == KEY_NONE || table->lay.form == KEY_VAR ||
              rows->stride == table->lay.key_size);
    LT_ASSERT(table->lay.form != KEY_VAR || rows->stride == 0);
    const probe_job job = {.table = table,
                           .rows = rows,
                           .mode = create ? PROBE_CREATE : PROBE_FIND,
                           .values = values,
                           .fresh = fresh,
                           .now = lt_table_now_(table)};
    if (table->decl.ttl_ms > 0) {
        sweep(table, rows->count, job.now);
    }
    return probe_rows(&job) ? LT_OK : table_full(table, err);
}

void lt_table_peek(lt_table *table, const lt_rows *rows, const void **values)
{
    LT_ASSERT(table->lay.form == KEY_NONE || table->lay.form == KEY_VAR ||
              rows->stride == table->lay.key_size);
    const probe_job job = {.table = table,
                           .rows = rows,
                           .mode = PROBE_PEEK,
                           .values = (void **)(void *)values,
                           .now = lt_table_now_(table)};
    bool done = probe_rows(&job);
    LT_ASSERT(done); /* nothing is allocated */
}

lt_status lt_table_get(lt_table *table, const void *key, uint32_t key_len, uint64_t hash,
                       bool create, void **value, bool *fresh, lt_error *err)
{
    LT_ASSERT(table->lay.form == KEY_NONE || table->lay.form == KEY_VAR ||
              key_len == table->lay.key_size);
    LT_DCHECK(table->lay.form == KEY_NONE || hash == lt_row_hash(key, key_len));
    int64_t now = lt_table_now_(table);
    if (table->decl.ttl_ms > 0) {
        sweep(table, 1, now);
    }
    uint8_t *entry;
    bool is_fresh;
    if (!find_or_create(table, key, key_len, hash, create ? PROBE_CREATE : PROBE_FIND, now,
                        table->lay.form, &entry, &is_fresh)) {
        return table_full(table, err);
    }
    *value = entry ? entry + table->lay.value_offset : NULL;
    if (fresh) {
        *fresh = is_fresh;
    }
    return LT_OK;
}

/* ---- walking ---- */

uint32_t lt_table_scan(const lt_table *table, uint64_t *cursor, void **values, uint32_t max)
{
    uint32_t at = table->head;
    if (*cursor == UINT64_MAX) {
        return 0;
    }
    if (*cursor != 0) {
        at = *cursor == table->scan->handed ? table->scan->actual : (uint32_t)*cursor;
    }
    int64_t now = lt_table_now_(table);
    uint32_t count = 0;
    while (at != 0 && count < max) {
        uint8_t *entry = entry_at(table, at - 1);
        entry_link link = *link_at(table, at - 1);
        LT_ASSERT(link.prev != LINK_FREE);
        if (table->decl.ttl_ms <= 0 || !is_idle(table, entry, now)) {
            values[count++] = entry + table->lay.value_offset;
        }
        at = link.next;
    }
    table->scan->handed = at;
    table->scan->actual = at;
    *cursor = at != 0 ? at : UINT64_MAX;
    return count;
}
