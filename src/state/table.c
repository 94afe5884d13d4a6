/* The state table: entries in chunks, found through the index (index_int.h).
 *
 *   chunk      [ stamp? | key | record ] [ .. ] [ .. ] ..       entries, then
 *              [ prev, next ] [ .. ] [ .. ] ..                  their links in order of creation
 *
 * Entries never move; chunks double up to CHUNK_BYTES. A removed entry goes to a free list; the
 * links keep the order of creation when it is used again.
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
#include "state/state_int.h"

#define CHUNK_BYTES       ((size_t)1 << 20)
#define CHUNK_BYTES_FIRST ((size_t)1024)
#define CHUNK_ROWS_FIRST  8
#define PROBE_BLOCK       64
#define SWEEP_ROWS_MAX    1024
#define SWEEP_SLACK_MS    1000 /* records of the current callback are never swept under its feet */

/* ---- addresses ---- */

LT_INLINE uint8_t *entry_at(const lt_table *table, uint32_t number)
{
    uint32_t index = number & ((1U << table->chunk_shift) - 1);
    return table->chunk_entries[number >> table->chunk_shift] + (size_t)index * table->stride;
}

LT_INLINE entry_link *link_at(const lt_table *table, uint32_t number)
{
    return &table->chunks[number >> table->chunk_shift]
                .links[number & ((1U << table->chunk_shift) - 1)];
}

int64_t lt_table_now_(const lt_table *table)
{
    return table->decl.ttl_ms > 0 ? table->env->wall_us(table->env) / 1000 : 0;
}

int64_t *lt_table_stamp_(const lt_table *table, const void *value)
{
    if (table->decl.ttl_ms <= 0) {
        return NULL;
    }
    uint8_t *entry = (uint8_t *)(uintptr_t)value - table->value_offset;
    return (int64_t *)(void *)entry;
}

/* ---- keys ---- */

LT_INLINE bool key_eq(const lt_table *table, const uint8_t *entry, const uint8_t *key, uint32_t len,
                      uint64_t hash, key_form form)
{
    const uint8_t *own = entry + table->key_offset;
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
        return memcmp(own, key, table->key_size) == 0;
    }
    const var_key *var = (const var_key *)(const void *)own;
    if (var->len != len || var->hash_high != (uint32_t)(hash >> 32)) {
        return false;
    }
    const uint8_t *bytes = len <= VAR_KEY_INLINE ? var->u.inlined : var->u.cell.ptr;
    return len == 0 || memcmp(bytes, key, len) == 0;
}

static bool key_store(lt_table *table, uint8_t *entry, const uint8_t *key, uint32_t len,
                      uint64_t hash)
{
    uint8_t *own = entry + table->key_offset;
    if (table->form != KEY_VAR) {
        if (table->key_size > 0) {
            memcpy(own, key, table->key_size);
        }
        return true;
    }
    var_key *var = (var_key *)(void *)own;
    memset(var, 0, sizeof *var);
    var->len = len;
    var->hash_high = (uint32_t)(hash >> 32);
    if (len > VAR_KEY_INLINE) {
        return lt_cells_set(table->key_cells, &var->u.cell, key, len);
    }
    if (len > 0) {
        memcpy(var->u.inlined, key, len);
    }
    return true;
}

static const uint8_t *key_of(const lt_table *table, const uint8_t *entry, uint32_t *len)
{
    const uint8_t *own = entry + table->key_offset;
    if (table->form != KEY_VAR) {
        *len = table->key_size;
        return own;
    }
    const var_key *var = (const var_key *)(const void *)own;
    *len = var->len;
    return var->len <= VAR_KEY_INLINE ? var->u.inlined : var->u.cell.ptr;
}

const uint8_t *lt_table_key(const lt_table *table, const void *value, uint32_t *len)
{
    return key_of(table, (const uint8_t *)value - table->value_offset, len);
}

/* ---- chunks ---- */

static size_t chunk_size(const lt_table *table, uint32_t chunk)
{
    size_t least = (size_t)CHUNK_ROWS_FIRST * (table->stride + sizeof(entry_link));
    size_t size = LT_MAX(CHUNK_BYTES_FIRST, least);
    for (uint32_t i = 0; i < chunk && size < CHUNK_BYTES; i++) {
        size *= 2;
    }
    return size > CHUNK_BYTES && least <= CHUNK_BYTES ? CHUNK_BYTES : size;
}

static uint32_t chunk_rows(const lt_table *table, size_t size)
{
    return (uint32_t)(size / (table->stride + sizeof(entry_link)));
}

static bool chunk_slots_grow(lt_table *table)
{
    if (table->chunk_count < table->chunk_cap) {
        return true;
    }
    uint32_t cap = LT_MAX(table->chunk_cap * 2, 8);
    uint8_t **entries = lt_mem_alloc(table->mem, sizeof *entries * cap);
    chunk_info *chunks = lt_mem_alloc(table->mem, sizeof *chunks * cap);
    if (!entries || !chunks) {
        lt_mem_free(table->mem, entries, sizeof *entries * cap);
        lt_mem_free(table->mem, chunks, sizeof *chunks * cap);
        return false;
    }
    if (table->chunk_count > 0) {
        memcpy(entries, table->chunk_entries, sizeof *entries * table->chunk_count);
        memcpy(chunks, table->chunks, sizeof *chunks * table->chunk_count);
    }
    lt_mem_free(table->mem, table->chunk_entries, sizeof *entries * table->chunk_cap);
    lt_mem_free(table->mem, table->chunks, sizeof *chunks * table->chunk_cap);
    table->chunk_entries = entries;
    table->chunks = chunks;
    table->chunk_cap = cap;
    return true;
}

static bool chunk_add(lt_table *table)
{
    if (((uint64_t)table->chunk_count + 1) << table->chunk_shift >= UINT32_MAX ||
        !chunk_slots_grow(table)) {
        return false;
    }
    size_t size = chunk_size(table, table->chunk_count);
    uint8_t *block = lt_mem_alloc_aligned(table->mem, size);
    if (!block) {
        return false;
    }
    uint32_t rows = chunk_rows(table, size);
    LT_ASSERT(rows > 0 && rows <= 1U << table->chunk_shift);
    table->chunk_entries[table->chunk_count] = block;
    table->chunks[table->chunk_count] = (chunk_info){
        .links = (entry_link *)(void *)(block + (size_t)rows * table->stride),
        .cap = rows,
        .size = size,
    };
    table->chunk_count++;
    return true;
}

static void chunks_free_from(lt_table *table, uint32_t first)
{
    while (table->chunk_count > first) {
        table->chunk_count--;
        lt_mem_free_aligned(table->mem, table->chunk_entries[table->chunk_count],
                            table->chunks[table->chunk_count].size);
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
    *number = (table->bump_chunk << table->chunk_shift) | table->bump_index;
    table->bump_index++;
    return true;
}

static void entry_release(lt_table *table, uint32_t number)
{
    *link_at(table, number) = (entry_link){LINK_FREE, table->free_head};
    table->free_head = number + 1;
}

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

static uint32_t key_area(const lt_table *table)
{
    if (table->form == KEY_NONE) {
        return 0;
    }
    return table->form == KEY_VAR ? (uint32_t)sizeof(var_key) : lt_rowcodec_stride(table->decl.key);
}

static void lay_out(lt_table *table)
{
    table->key_size = key_area(table);
    table->key_offset = table->decl.ttl_ms > 0 ? 8 : 0;
    table->value_offset = table->key_offset + table->key_size;
    table->stride = LT_MAX((table->value_offset + table->decl.value_size + 7) & ~7U, 8U);
    uint32_t rows = chunk_rows(table, chunk_size(table, UINT32_MAX));
    while (1ULL << table->chunk_shift < rows) {
        table->chunk_shift++;
    }
}

static key_form form_of(const lt_table_decl *decl, bool key_var)
{
    if (key_var) {
        return KEY_VAR;
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

lt_table *lt_table_new_(lt_mem *mem, lt_env *env, const lt_table_decl *decl, bool key_var)
{
    for (uint32_t i = 0; i < decl->cell_count; i++) {
        LT_ASSERT(decl->cell_offsets[i] % 8 == 0 &&
                  decl->cell_offsets[i] + sizeof(lt_cell) <= decl->value_size);
    }
    LT_ASSERT(decl->ttl_ms <= 0 || env != NULL);
    lt_table *table = lt_mem_zalloc(mem, sizeof *table);
    if (!table) {
        return NULL;
    }
    table->mem = mem;
    table->index.mem = mem;
    table->env = env;
    table->decl = *decl;
    table->form = form_of(decl, key_var);
    lay_out(table);
    table->scan = lt_mem_zalloc(mem, sizeof *table->scan);
    table->cells = lt_cells_new(mem);
    bool has_keys = table->form == KEY_VAR;
    table->key_cells = has_keys ? lt_cells_new(mem) : NULL;
    if (!table->scan || !table->cells || (has_keys && !table->key_cells)) {
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
    lt_index_free(&table->index);
    chunks_free_from(table, 0);
    lt_mem_free(table->mem, table->chunk_entries, sizeof(uint8_t *) * table->chunk_cap);
    lt_mem_free(table->mem, table->chunks, sizeof(chunk_info) * table->chunk_cap);
    lt_cells_free(table->cells);
    lt_cells_free(table->key_cells);
    lt_mem_free(table->mem, table->scan, sizeof *table->scan);
    lt_mem_free(table->mem, table, sizeof *table);
}

void lt_table_clear(lt_table *table)
{
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
        uint8_t *at = entry + table->value_offset + table->decl.cell_offsets[i];
        lt_cells_clear(table->cells, (lt_cell *)(void *)at);
    }
}

static void entry_remove(lt_table *table, uint8_t *entry, uint32_t number, uint64_t hash)
{
    if (table->form != KEY_NONE) {
        lt_index_remove(&table->index, (uint32_t)hash, number);
    }
    cells_drop(table, entry);
    if (table->form == KEY_VAR) {
        var_key *var = (var_key *)(void *)(entry + table->key_offset);
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
    if (table->form == KEY_NONE) {
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

void lt_table_remove(lt_table *table, void *value)
{
    LT_ASSERT(table->count > 0);
    uint8_t *entry = (uint8_t *)value - table->value_offset;
    uint32_t len;
    const uint8_t *key = key_of(table, entry, &len);
    uint64_t hash = table->form == KEY_NONE ? 0 : lt_row_hash(key, len);
    entry_remove(table, entry, number_of(table, entry, hash), hash);
}

static uint8_t *entry_create(lt_table *table, const uint8_t *key, uint32_t len, uint64_t hash)
{
    uint32_t number;
    if ((table->form != KEY_NONE && !lt_index_reserve(&table->index, (uint32_t)hash)) ||
        !entry_new(table, &number)) {
        return NULL;
    }
    uint8_t *entry = entry_at(table, number);
    if (!key_store(table, entry, key, len, hash)) {
        entry_release(table, number);
        return NULL;
    }
    if (table->decl.value_size > 0) {
        memset(entry + table->value_offset, 0, table->decl.value_size);
    }
    link_last(table, number);
    if (table->form != KEY_NONE) {
        lt_index_put(&table->index, (uint32_t)hash, number);
    }
    table->count++;
    table->count_peak = LT_MAX(table->count_peak, table->count);
    return entry;
}

LT_INLINE uint8_t *entry_find(const lt_table *table, const uint8_t *key, uint32_t len,
                              uint64_t hash, key_form form)
{
    if (form == KEY_NONE) {
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
            uint32_t len;
            const uint8_t *key = key_of(table, entry, &len);
            uint64_t hash = table->form == KEY_NONE ? 0 : lt_row_hash(key, len);
            entry_remove(table, entry, number, hash); /* moves sweep_at on */
        } else {
            table->sweep_at = link_at(table, number)->next;
        }
    }
}

/* An entry that was found, or NULL when it had been idle too long and is gone now. */
static uint8_t *entry_if_alive(lt_table *table, uint8_t *entry, uint64_t hash, bool touch,
                               int64_t now)
{
    int64_t stamp;
    memcpy(&stamp, entry, sizeof stamp);
    if (now - stamp >= table->decl.ttl_ms) {
        entry_remove(table, entry, number_of(table, entry, hash), hash);
        return NULL;
    }
    if (touch) {
        memcpy(entry, &now, sizeof now);
    }
    return entry;
}

/* ---- probing ---- */

typedef struct {
    lt_table *table;
    const lt_rows *rows;
    bool create;
    void **values;
    uint8_t *fresh;
    int64_t now;
} probe_job;

/* The one-row path. false = out of memory. */
LT_INLINE bool find_or_create(lt_table *table, const uint8_t *key, uint32_t len, uint64_t hash,
                              bool create, int64_t now, key_form form, uint8_t **out, bool *fresh)
{
    uint8_t *entry = entry_find(table, key, len, hash, form);
    if (entry && table->decl.ttl_ms > 0) {
        entry = entry_if_alive(table, entry, hash, create, now);
    }
    *fresh = false;
    if (!entry && create) {
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

/* Two passes over a block: index groups, then entries. candidates[i]: the first entry of the row's
 * own group whose tag matches, or NULL. */
LT_INLINE void find_candidates(const lt_table *table, const uint64_t *hashes, uint32_t count,
                               uint8_t **candidates)
{
    const index_group *groups[PROBE_BLOCK];
    uint32_t mask = table->index.group_mask;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t tag = (uint32_t)hashes[i];
        groups[i] = &index_segment_of(&table->index, tag)->groups[tag & mask];
        LT_PREFETCH(groups[i]);
    }
    uint32_t stride = table->stride;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t match = index_match(groups[i], (uint32_t)hashes[i]);
        uint32_t number = match ? groups[i]->numbers[LT_CTZ64(match)] : 0;
        candidates[i] = NULL;
        if (LT_LIKELY(number != 0)) {
            candidates[i] = entry_at(table, number - 1);
            LT_PREFETCH_WRITE(candidates[i]);
            LT_PREFETCH_WRITE(candidates[i] + stride - 1);
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
        find_candidates(table, hashes, count, candidates);
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
            if (!find_or_create(table, key, len, hashes[i], job->create, job->now, form, &entry,
                                &fresh)) {
                return false;
            }
        }
        job->values[first + i] = entry ? entry + table->value_offset : NULL;
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
        if (!find_or_create(job->table, NULL, 0, 0, job->create, job->now, KEY_NONE, &entry,
                            &fresh)) {
            return false;
        }
        job->values[i] = entry ? entry + job->table->value_offset : NULL;
        if (job->fresh) {
            job->fresh[i] = fresh;
        }
    }
    return true;
}

static bool probe_rows(const probe_job *job)
{
    switch (job->table->form) {
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
    }
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
    LT_ASSERT(table->form == KEY_NONE || table->form == KEY_VAR || rows->stride == table->key_size);
    LT_ASSERT(table->form != KEY_VAR || rows->stride == 0);
    const probe_job job = {table, rows, create, values, fresh, lt_table_now_(table)};
    if (table->decl.ttl_ms > 0) {
        sweep(table, rows->count, job.now);
    }
    return probe_rows(&job) ? LT_OK : table_full(table, err);
}

lt_status lt_table_get(lt_table *table, const void *key, uint32_t key_len, uint64_t hash,
                       bool create, void **value, bool *fresh, lt_error *err)
{
    LT_ASSERT(table->form == KEY_NONE || table->form == KEY_VAR || key_len == table->key_size);
    LT_DCHECK(table->form == KEY_NONE || hash == lt_row_hash(key, key_len));
    int64_t now = lt_table_now_(table);
    if (table->decl.ttl_ms > 0) {
        sweep(table, 1, now);
    }
    uint8_t *entry;
    bool is_fresh;
    if (!find_or_create(table, key, key_len, hash, create, now, table->form, &entry, &is_fresh)) {
        return table_full(table, err);
    }
    *value = entry ? entry + table->value_offset : NULL;
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
        int64_t stamp = 0;
        if (table->decl.ttl_ms > 0) {
            memcpy(&stamp, entry, sizeof stamp);
        }
        if (table->decl.ttl_ms <= 0 || now - stamp < table->decl.ttl_ms) {
            values[count++] = entry + table->value_offset;
        }
        at = link.next;
    }
    table->scan->handed = at;
    table->scan->actual = at;
    *cursor = at != 0 ? at : UINT64_MAX;
    return count;
}
