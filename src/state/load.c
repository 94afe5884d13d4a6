/* Reads a snapshot into declared, empty tables. The bytes are not trusted: each block's checksum is
 * verified before anything in it is used, and every length is held against what is there. A failed
 * load leaves all tables empty. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "state/snapshot_int.h"
#include "state/state_int.h"

typedef struct {
    const uint8_t *at;
    const uint8_t *end; /* of the whole input */
    uint32_t blocks;    /* read so far */
    /* The current block. */
    block_kind kind;
    const uint8_t *pos;
    const uint8_t *stop;
    bool short_read; /* sticky: a field did not fit its block */
} snapshot_reader;

static lt_status damaged(lt_error *err, const char *what)
{
    return lt_error_set(err, LT_ERR_STATE, "the state snapshot is damaged: %s", what);
}

static uint32_t load_u32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

static const uint8_t *take(snapshot_reader *reader, size_t size)
{
    if (reader->short_read || size > (size_t)(reader->stop - reader->pos)) {
        reader->short_read = true;
        return NULL;
    }
    const uint8_t *bytes = reader->pos;
    reader->pos += size;
    return bytes;
}

static uint32_t take_u32(snapshot_reader *reader)
{
    const uint8_t *bytes = take(reader, 4);
    return bytes ? load_u32(bytes) : 0;
}

static uint64_t take_u64(snapshot_reader *reader)
{
    uint64_t low = take_u32(reader);
    return low | (uint64_t)take_u32(reader) << 32;
}

static lt_str take_str(snapshot_reader *reader)
{
    uint32_t len = take_u32(reader);
    const uint8_t *bytes = take(reader, len);
    return bytes ? (lt_str){(const char *)bytes, len} : LT_STR("");
}

/* Moves to the next block and verifies it. */
static lt_status next_block(snapshot_reader *reader, lt_error *err)
{
    size_t left = (size_t)(reader->end - reader->at);
    if (left < SNAPSHOT_BLOCK_HEAD) {
        return damaged(err, "it ends in the middle");
    }
    const uint8_t *head = reader->at;
    uint32_t len = load_u32(head + 4);
    if (len > left - SNAPSHOT_BLOCK_HEAD) {
        return damaged(err, "it ends in the middle");
    }
    uint32_t crc = lt_crc32c(head, 8, ++reader->blocks);
    crc = lt_crc32c(head + SNAPSHOT_BLOCK_HEAD, len, crc);
    if (crc != load_u32(head + 8)) {
        return damaged(err, "a block does not match its checksum");
    }
    reader->kind = (block_kind)load_u32(head);
    reader->pos = head + SNAPSHOT_BLOCK_HEAD;
    reader->stop = reader->pos + len;
    reader->at = reader->stop;
    return LT_OK;
}

/* Every byte of a block has a meaning. */
static lt_status block_done(const snapshot_reader *reader, lt_error *err)
{
    bool exact = !reader->short_read && reader->pos == reader->stop;
    return exact ? LT_OK : damaged(err, "a block has the wrong length");
}

/* ---- records ---- */

static lt_status load_cells(snapshot_reader *reader, lt_table *table, uint8_t *value, lt_error *err)
{
    for (uint32_t i = 0; i < table->decl.cell_count; i++) {
        uint32_t len = take_u32(reader);
        if (len == SNAPSHOT_NO_CELL) {
            continue;
        }
        const uint8_t *bytes = take(reader, len);
        if (!bytes) {
            return damaged(err, "a block has the wrong length");
        }
        lt_cell *cell = (lt_cell *)(void *)(value + table->decl.cell_offsets[i]);
        if (!lt_cells_set(table->cells, cell, bytes, len)) {
            return lt_error_nomem(err, table->decl.name);
        }
    }
    return LT_OK;
}

static lt_status load_record(snapshot_reader *reader, lt_table *table, bool has_stamps,
                             lt_error *err)
{
    int64_t stamp = has_stamps ? (int64_t)take_u64(reader) : 0;
    uint32_t key_len = table->form == KEY_VAR ? take_u32(reader) : table->key_size;
    const uint8_t *key = take(reader, key_len);
    const uint8_t *fixed = take(reader, table->decl.value_size);
    if (!key || !fixed) {
        return damaged(err, "a block has the wrong length");
    }
    void *value;
    bool fresh;
    uint64_t hash = table->form == KEY_NONE ? 0 : lt_row_hash(key, key_len);
    LT_TRY(lt_table_get(table, key, key_len, hash, true, &value, &fresh, err));
    if (!fresh) {
        return damaged(err, "a key is there twice");
    }
    if (table->decl.value_size > 0) {
        memcpy(value, fixed, table->decl.value_size);
    }
    for (uint32_t i = 0; i < table->decl.cell_count; i++) {
        memset((uint8_t *)value + table->decl.cell_offsets[i], 0, sizeof(lt_cell));
    }
    int64_t *own_stamp = lt_table_stamp_(table, value);
    if (own_stamp && has_stamps) {
        /* Not later than now: a stamp from the future would never expire. */
        *own_stamp = LT_MIN(stamp, *own_stamp);
    }
    return load_cells(reader, table, value, err);
}

static lt_status load_records(snapshot_reader *reader, lt_table *table, bool has_stamps,
                              lt_error *err)
{
    uint32_t count = take_u32(reader);
    for (uint32_t i = 0; i < count; i++) {
        LT_TRY(load_record(reader, table, has_stamps, err));
    }
    return block_done(reader, err);
}

static lt_status load_slice(snapshot_reader *reader, lt_slices *slices, lt_table **out,
                            lt_error *err)
{
    int64_t end = (int64_t)take_u64(reader);
    int64_t tag = (int64_t)take_u64(reader);
    LT_TRY(block_done(reader, err));
    if (lt_slices_tag(slices, end)) {
        return damaged(err, "a slice is there twice");
    }
    LT_TRY(lt_slices_get(slices, end, true, out, err));
    *lt_slices_tag(slices, end) = tag;
    return LT_OK;
}

static lt_status load_timers(snapshot_reader *reader, lt_timers *timers, lt_error *err)
{
    uint32_t count = take_u32(reader);
    for (uint32_t i = 0; i < count; i++) {
        lt_str key = take_str(reader);
        if (key.len < TIMER_KEY_HEAD) {
            return damaged(err, "a timer has no time");
        }
        uint64_t at = 0;
        for (unsigned k = 0; k < TIMER_KEY_HEAD; k++) {
            at |= (uint64_t)(uint8_t)key.ptr[k] << (8 * k);
        }
        LT_TRY(lt_timers_add(timers, (int64_t)at, key.ptr + TIMER_KEY_HEAD,
                             (uint32_t)key.len - TIMER_KEY_HEAD, err));
    }
    return block_done(reader, err);
}

/* ---- items ---- */

static const state_item *item_find(const lt_state *state, lt_str name, size_t *index)
{
    for (size_t i = 0; i < state->items.count; i++) {
        if (lt_str_eq(lt_str_of(state->items.items[i].name), name)) {
            *index = i;
            return &state->items.items[i];
        }
    }
    return NULL;
}

static lt_status mismatch(const char *name, const char *what, lt_error *err)
{
    lt_error_set(err, LT_ERR_STATE, "state table '%s' has %s in the snapshot", name, what);
    lt_error_hint(err, "the statement has changed since; start it without the old state");
    return LT_ERR_STATE;
}

/* Does the stored description say what was declared? A TTL may come, go or change. */
static lt_status check_description(snapshot_reader *reader, const lt_table_decl *decl, lt_mem *mem,
                                   bool *has_stamps, lt_error *err)
{
    lt_text key;
    lt_text_init(&key, mem);
    if (decl->key) {
        lt_rowcodec_describe(decl->key, &key);
    }
    lt_str stored = take_str(reader);
    bool failed = key.failed;
    bool same_key = lt_str_eq(stored, lt_text_str(&key));
    lt_text_deinit(&key);
    if (failed) {
        return lt_error_nomem(err, decl->name);
    }
    if (!same_key) {
        return mismatch(decl->name, "another key", err);
    }
    bool same = take_u32(reader) == decl->value_size;
    *has_stamps = take_u32(reader) != 0;
    uint32_t cells = take_u32(reader);
    same = same && cells == decl->cell_count;
    for (uint32_t i = 0; same && i < cells; i++) {
        same = take_u32(reader) == decl->cell_offsets[i];
    }
    return same ? block_done(reader, err) : mismatch(decl->name, "another kind of record", err);
}

/* Loads one item; the reader stands at its description, afterwards at the block that follows the
 * item. */
static lt_status load_item(snapshot_reader *reader, lt_state *state, bool *seen, lt_error *err)
{
    uint32_t kind = take_u32(reader);
    lt_str name = take_str(reader);
    size_t index = 0;
    const state_item *item = item_find(state, name, &index);
    if (reader->short_read) {
        return damaged(err, "a block has the wrong length");
    }
    if (!item) {
        return lt_error_set(err, LT_ERR_STATE,
                            "the snapshot has a state table '" LT_STR_FMT "' that is not declared",
                            LT_STR_ARG(name));
    }
    if (kind != (uint32_t)item->kind || seen[index]) {
        return mismatch(item->name, "another kind", err);
    }
    seen[index] = true;
    const lt_table_decl timer_decl = {.name = item->name};
    const lt_table_decl *decl = item->table    ? &item->table->decl
                                : item->slices ? &item->slices->decl
                                               : &timer_decl;
    bool has_stamps = false;
    LT_TRY(check_description(reader, decl, state->mem, &has_stamps, err));
    lt_table *table = item->table;
    for (;;) {
        LT_TRY(next_block(reader, err));
        if (reader->kind == BLOCK_RECORDS && table) {
            LT_TRY(load_records(reader, table, has_stamps, err));
        } else if (reader->kind == BLOCK_SLICE && item->slices) {
            LT_TRY(load_slice(reader, item->slices, &table, err));
        } else if (reader->kind == BLOCK_TIMERS && item->timers) {
            LT_TRY(load_timers(reader, item->timers, err));
        } else {
            return LT_OK;
        }
    }
}

static lt_status load_head(snapshot_reader *reader, uint32_t item_count, lt_error *err)
{
    const uint8_t *head = reader->at;
    if ((size_t)(reader->end - head) < SNAPSHOT_HEAD_BYTES ||
        memcmp(head, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_LEN) != 0) {
        return lt_error_set(err, LT_ERR_STATE, "this is not a state snapshot");
    }
    if (lt_crc32c(head, SNAPSHOT_HEAD_BYTES - 4, 0) != load_u32(head + SNAPSHOT_HEAD_BYTES - 4)) {
        return damaged(err, "its head does not match its checksum");
    }
    if (load_u32(head + 8) != SNAPSHOT_VERSION || load_u32(head + 12) != LT_HASH_VERSION ||
        load_u32(head + 16) != LT_ROWCODEC_VERSION) {
        return lt_error_set(err, LT_ERR_STATE,
                            "the state snapshot was written by an incompatible version "
                            "(format %u, hash %u, rows %u)",
                            load_u32(head + 8), load_u32(head + 12), load_u32(head + 16));
    }
    if (load_u32(head + 20) != item_count) {
        return lt_error_set(err, LT_ERR_STATE,
                            "the snapshot has %u state tables, the operator declares %u",
                            load_u32(head + 20), item_count);
    }
    reader->at += SNAPSHOT_HEAD_BYTES;
    return LT_OK;
}

static lt_status load_all(snapshot_reader *reader, lt_state *state, bool *seen, lt_error *err)
{
    uint32_t item_count = (uint32_t)state->items.count;
    LT_TRY(load_head(reader, item_count, err));
    LT_TRY(next_block(reader, err));
    for (uint32_t i = 0; i < item_count; i++) {
        if (reader->kind != BLOCK_ITEM) {
            return damaged(err, "a block stands where it does not belong");
        }
        LT_TRY(load_item(reader, state, seen, err));
    }
    if (reader->kind != BLOCK_END || take_u32(reader) != reader->blocks - 1) {
        return damaged(err, "it does not end where it should");
    }
    return block_done(reader, err);
}

lt_status lt_state_load(lt_state *state, const void *bytes, size_t size, size_t *used,
                        lt_error *err)
{
    LT_ASSERT(lt_state_rows(state) == 0);
    bool *seen = lt_mem_zalloc(state->mem, state->items.count + 1);
    if (!seen) {
        return lt_error_nomem(err, "snapshot");
    }
    snapshot_reader reader = {.at = bytes, .end = (const uint8_t *)bytes + size};
    lt_status st = load_all(&reader, state, seen, err);
    lt_mem_free(state->mem, seen, state->items.count + 1);
    if (st != LT_OK) {
        lt_state_clear_(state);
        return st;
    }
    *used = (size_t)(reader.at - (const uint8_t *)bytes);
    return LT_OK;
}
