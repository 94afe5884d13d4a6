/* The bytes of a block of entries. What is written is numbers, lengths and bytes: the number of the
 * entry before in order of creation for each entry, then the entries that are in use. Entries
 * without pointers are copied as they stand. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "state/snap_int.h"

/* ---- blocks of a table ---- */

static uint32_t entries_in(const snap_view *view, uint32_t chunk)
{
    return chunk < view->chunk_end    ? lt_chunk_cap_(&view->lay, chunk)
           : chunk == view->chunk_end ? view->index_end
                                      : 0;
}

static bool run_settle(const snap_view *view, entry_run *run)
{
    uint32_t end = entries_in(view, run->chunk);
    run->first = run->block << view->lay.block_shift;
    if (run->first >= end) {
        run->chunk++;
        run->block = 0;
        run->first = 0;
        end = entries_in(view, run->chunk);
    }
    run->count = LT_MIN(end - run->first, 1U << view->lay.block_shift);
    return run->count > 0;
}

bool lt_run_first_(const snap_view *view, entry_run *run)
{
    *run = (entry_run){0};
    return run_settle(view, run);
}

bool lt_run_next_(const snap_view *view, entry_run *run)
{
    run->block++;
    return run_settle(view, run);
}

/* ---- writing ---- */

block_source lt_block_source_(const snap_view *view, const entry_run *run)
{
    return (block_source){
        .lay = &view->lay,
        .entries = view->chunk_entries[run->chunk] + (size_t)run->first * view->lay.stride,
        .links = view->chunks[run->chunk].links + run->first,
        .count = run->count,
    };
}

static uint32_t live_count(const entry_link *links, uint32_t count)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < count; i++) {
        live += links[i].prev != LINK_FREE;
    }
    return live;
}

/* Bytes behind the fixed part of one entry: a long key, cells. */
static size_t entry_extra(const entry_layout *lay, const uint8_t *entry)
{
    size_t extra = 0;
    if (lay->form >= KEY_VAR) {
        extra += ((const var_key *)(const void *)(entry + lay->key_offset))->len;
    }
    for (uint32_t c = 0; c < lay->cell_count; c++) {
        lt_cell cell;
        memcpy(&cell, entry + lay->value_offset + lay->cell_offsets[c], sizeof cell);
        extra += cell.cap_class == 0 ? 0 : cell.len;
    }
    return extra;
}

/* Bytes that every entry takes: its stamp, its key or the length of it, its record, its cells'
 * lengths. */
static size_t entry_fixed(const entry_layout *lay)
{
    if (lay->plain) {
        return lay->stride;
    }
    size_t key = lay->form >= KEY_VAR ? 4 : lay->key_size;
    return lay->key_offset + key + lay->saved_size + 4 * (size_t)lay->cell_count;
}

size_t lt_image_size_(const block_source *from)
{
    const entry_layout *lay = from->lay;
    uint32_t live = live_count(from->links, from->count);
    if (live == 0) {
        return SNAPSHOT_ENTRIES_HEAD;
    }
    size_t size = SNAPSHOT_ENTRIES_HEAD + 4 * (size_t)from->count + live * entry_fixed(lay);
    for (uint32_t i = 0; !lay->plain && i < from->count; i++) {
        if (from->links[i].prev != LINK_FREE) {
            size += entry_extra(lay, from->entries + (size_t)i * lay->stride);
        }
    }
    return size;
}

static uint8_t *put_bytes(uint8_t *to, const void *bytes, size_t len)
{
    if (len > 0) {
        memcpy(to, bytes, len);
    }
    return to + len;
}

/* Stamp, key, record with its cells blanked (they hold pointers), then the cells' bytes. */
static uint8_t *write_entry(const entry_layout *lay, const uint8_t *entry, uint8_t *to)
{
    to = put_bytes(to, entry, lay->key_offset);
    const uint8_t *key = entry + lay->key_offset;
    if (lay->form >= KEY_VAR) {
        const var_key *var = (const var_key *)(const void *)key;
        image_put32(to, var->len);
        const void *bytes = var->len <= VAR_KEY_INLINE ? var->u.inlined : var->u.cell.ptr;
        to = put_bytes(to + 4, bytes, var->len);
    } else {
        to = put_bytes(to, key, lay->key_size);
    }
    uint8_t *record = to;
    const uint8_t *value = entry + lay->value_offset;
    to = put_bytes(to, value, lay->saved_size);
    for (uint32_t c = 0; c < lay->cell_count; c++) {
        lt_cell cell;
        memcpy(&cell, value + lay->cell_offsets[c], sizeof cell);
        memset(record + lay->cell_offsets[c], 0, sizeof cell);
        image_put32(to, cell.cap_class == 0 ? SNAPSHOT_NO_CELL : cell.len);
        to = put_bytes(to + 4, cell.ptr, cell.cap_class == 0 ? 0 : cell.len);
    }
    return to;
}

static uint8_t *write_links(const entry_link *links, uint32_t count, uint8_t *to)
{
    for (uint32_t i = 0; i < count; i++) {
        image_put32(to + 4 * (size_t)i, links[i].prev);
    }
    return to + 4 * (size_t)count;
}

void lt_image_write_(const block_source *from, uint8_t *to)
{
    const entry_layout *lay = from->lay;
    uint32_t live = live_count(from->links, from->count);
    image_put32(to + 4, BLOCK_ENTRIES);
    image_put32(to + 8, from->count);
    image_put32(to + 12, live);
    if (live == 0) {
        return;
    }
    to = write_links(from->links, from->count, to + SNAPSHOT_ENTRIES_HEAD);
    if (lay->plain && live == from->count) {
        memcpy(to, from->entries, (size_t)live * lay->stride);
        return;
    }
    for (uint32_t i = 0; i < from->count; i++) {
        if (from->links[i].prev == LINK_FREE) {
            continue;
        }
        const uint8_t *entry = from->entries + (size_t)i * lay->stride;
        to = lay->plain ? put_bytes(to, entry, lay->stride) : write_entry(lay, entry, to);
    }
}

/* ---- checksums ---- */

static uint32_t block_crc(uint64_t id, const uint8_t *bytes, size_t len)
{
    uint8_t place[8];
    image_put64(place, id);
    return lt_crc32c(bytes + 4, len - 4, lt_crc32c(place, sizeof place, 0));
}

void lt_image_seal_(uint64_t id, uint8_t *bytes, size_t len)
{
    LT_ASSERT(len >= SNAPSHOT_BLOCK_HEAD);
    image_put32(bytes, block_crc(id, bytes, len));
}

bool lt_image_intact_(uint64_t id, const uint8_t *bytes, size_t len)
{
    return len >= SNAPSHOT_BLOCK_HEAD && block_crc(id, bytes, len) == image_get32(bytes);
}
