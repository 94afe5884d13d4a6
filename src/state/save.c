/* Writes a snapshot: docs/internals/state.md. Blocks are built in place in the caller's text; the
 * head of a block is filled in when it is closed. Nothing is checked on the way: a failed
 * allocation sticks to the text and is looked at once, at the end. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "state/snapshot_int.h"
#include "state/state_int.h"

#define SCAN_ROWS 256

typedef struct {
    lt_text *to;
    size_t block_at; /* where the open block begins */
    uint32_t blocks; /* closed so far; seeds the checksum: blocks cannot change places */
    bool too_long;
} snapshot_writer;

static void put_u32(lt_text *to, uint32_t value)
{
    uint8_t bytes[4];
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    lt_text_append(to, (const char *)bytes, sizeof bytes);
}

static void put_u64(lt_text *to, uint64_t value)
{
    put_u32(to, (uint32_t)value);
    put_u32(to, (uint32_t)(value >> 32));
}

static void put_str(lt_text *to, const char *ptr, size_t len)
{
    put_u32(to, (uint32_t)len);
    lt_text_append(to, ptr, len);
}

static void patch_u32(lt_text *to, size_t at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        to->ptr[at + i] = (char)(uint8_t)(value >> (8 * i));
    }
}

static void block_open(snapshot_writer *writer, block_kind kind)
{
    writer->block_at = writer->to->len;
    put_u32(writer->to, (uint32_t)kind);
    put_u32(writer->to, 0);
    put_u32(writer->to, 0);
}

static void block_close(snapshot_writer *writer)
{
    lt_text *to = writer->to;
    uint32_t seed = ++writer->blocks;
    if (to->failed) {
        return;
    }
    size_t payload = writer->block_at + SNAPSHOT_BLOCK_HEAD;
    size_t len = to->len - payload;
    if (len > UINT32_MAX) {
        writer->too_long = true; /* one record of several GiB */
        return;
    }
    patch_u32(to, writer->block_at + 4, (uint32_t)len);
    uint32_t crc = lt_crc32c(to->ptr + writer->block_at, 8, seed);
    patch_u32(to, writer->block_at + 8, lt_crc32c(to->ptr + payload, len, crc));
}

static size_t block_size(const snapshot_writer *writer)
{
    return writer->to->len - writer->block_at;
}

static lt_status save_description(snapshot_writer *writer, item_kind kind,
                                  const lt_table_decl *decl, lt_mem *mem, lt_error *err)
{
    lt_text key;
    lt_text_init(&key, mem);
    if (decl->key) {
        lt_rowcodec_describe(decl->key, &key);
    }
    bool failed = key.failed;
    block_open(writer, BLOCK_ITEM);
    put_u32(writer->to, (uint32_t)kind);
    put_str(writer->to, decl->name, strlen(decl->name));
    put_str(writer->to, lt_text_str(&key).ptr, key.len);
    put_u32(writer->to, decl->value_size);
    put_u32(writer->to, decl->ttl_ms > 0);
    put_u32(writer->to, decl->cell_count);
    for (uint32_t i = 0; i < decl->cell_count; i++) {
        put_u32(writer->to, decl->cell_offsets[i]);
    }
    block_close(writer);
    lt_text_deinit(&key);
    return failed ? lt_error_nomem(err, "snapshot") : LT_OK;
}

static void save_cells(lt_text *to, const lt_table_decl *decl, const uint8_t *value)
{
    for (uint32_t i = 0; i < decl->cell_count; i++) {
        lt_cell cell;
        memcpy(&cell, value + decl->cell_offsets[i], sizeof cell);
        if (cell.cap_class == 0) {
            put_u32(to, SNAPSHOT_NO_CELL);
        } else {
            put_str(to, (const char *)cell.ptr, cell.len);
        }
    }
}

/* Key, stamp, fixed bytes with the cells blanked (they hold pointers), then the cells' bytes. */
static void save_record(lt_text *to, const lt_table *table, const uint8_t *value)
{
    const int64_t *stamp = lt_table_stamp_(table, value);
    if (stamp) {
        put_u64(to, (uint64_t)*stamp);
    }
    uint32_t key_len;
    const uint8_t *key = lt_table_key(table, value, &key_len);
    if (table->form == KEY_VAR) {
        put_u32(to, key_len);
    }
    lt_text_append(to, (const char *)key, key_len);
    size_t at = to->len;
    lt_text_append(to, (const char *)value, table->decl.value_size);
    for (uint32_t i = 0; i < table->decl.cell_count && !to->failed; i++) {
        memset(to->ptr + at + table->decl.cell_offsets[i], 0, sizeof(lt_cell));
    }
    save_cells(to, &table->decl, value);
}

static void save_records(snapshot_writer *writer, const lt_table *table)
{
    uint64_t cursor = 0;
    void *values[SCAN_ROWS];
    uint32_t at = 0;
    uint32_t count = lt_table_scan(table, &cursor, values, SCAN_ROWS);
    while (count > 0 && !writer->to->failed) {
        uint32_t in_block = 0;
        block_open(writer, BLOCK_RECORDS);
        put_u32(writer->to, 0);
        while (count > 0 && block_size(writer) < SNAPSHOT_BLOCK_TARGET && !writer->to->failed) {
            save_record(writer->to, table, values[at++]);
            in_block++;
            if (at == count) {
                count = lt_table_scan(table, &cursor, values, SCAN_ROWS);
                at = 0;
            }
        }
        if (!writer->to->failed) {
            patch_u32(writer->to, writer->block_at + SNAPSHOT_BLOCK_HEAD, in_block);
        }
        block_close(writer);
    }
}

static void save_slices(snapshot_writer *writer, const lt_slices *slices)
{
    for (size_t i = 0; i < slices->items.count && !writer->to->failed; i++) {
        const slice *item = slices->items.items[i];
        block_open(writer, BLOCK_SLICE);
        put_u64(writer->to, (uint64_t)item->end);
        put_u64(writer->to, (uint64_t)item->tag);
        block_close(writer);
        save_records(writer, item->table);
    }
}

/* The set's keys are the timers. */
static void save_timers(snapshot_writer *writer, const lt_timers *timers)
{
    uint64_t cursor = 0;
    void *values[SCAN_ROWS];
    uint32_t count;
    while ((count = lt_table_scan(timers->set, &cursor, values, SCAN_ROWS)) > 0 &&
           !writer->to->failed) {
        block_open(writer, BLOCK_TIMERS);
        put_u32(writer->to, count);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t len;
            const uint8_t *key = lt_table_key(timers->set, values[i], &len);
            put_str(writer->to, (const char *)key, len);
        }
        block_close(writer);
    }
}

static lt_status save_item(snapshot_writer *writer, const state_item *item, lt_mem *mem,
                           lt_error *err)
{
    if (item->kind == ITEM_TABLE) {
        LT_TRY(save_description(writer, item->kind, &item->table->decl, mem, err));
        save_records(writer, item->table);
    } else if (item->kind == ITEM_SLICES) {
        LT_TRY(save_description(writer, item->kind, &item->slices->decl, mem, err));
        save_slices(writer, item->slices);
    } else {
        const lt_table_decl decl = {.name = item->name};
        LT_TRY(save_description(writer, item->kind, &decl, mem, err));
        save_timers(writer, item->timers);
    }
    return LT_OK;
}

static void save_head(lt_text *to, uint32_t item_count)
{
    size_t at = to->len;
    lt_text_append(to, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_LEN);
    put_u32(to, SNAPSHOT_VERSION);
    put_u32(to, LT_HASH_VERSION);
    put_u32(to, LT_ROWCODEC_VERSION);
    put_u32(to, item_count);
    if (!to->failed) {
        put_u32(to, lt_crc32c(to->ptr + at, SNAPSHOT_HEAD_BYTES - 4, 0));
    }
}

lt_status lt_state_save(const lt_state *state, lt_text *to, lt_error *err)
{
    snapshot_writer writer = {.to = to};
    save_head(to, (uint32_t)state->items.count);
    for (size_t i = 0; i < state->items.count; i++) {
        LT_TRY(save_item(&writer, &state->items.items[i], state->mem, err));
    }
    block_open(&writer, BLOCK_END);
    put_u32(to, writer.blocks);
    block_close(&writer);
    if (writer.too_long) {
        return lt_error_set(err, LT_ERR_LIMIT, "a state record of more than 4 GiB cannot be saved");
    }
    return to->failed ? lt_error_nomem(err, "snapshot") : LT_OK;
}
