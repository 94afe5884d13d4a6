/* Reads a snapshot's blocks into declared tables. The bytes are not trusted: each block's checksum
 * is verified before anything in it is used, each must be the one that comes next, and every length
 * is held against what is there. A failed load leaves all tables empty. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "state/load_int.h"
#include "state/spill.h"

#define TEND_EVERY 64 /* blocks */

lt_status lt_load_damaged_(lt_error *err, const char *what)
{
    return lt_error_set(err, LT_ERR_STATE, "the state snapshot is damaged: %s", what);
}

static lt_status out_of_order(lt_error *err)
{
    return lt_load_damaged_(err, "a block stands where it does not belong");
}

static lt_status wrong_length(lt_error *err)
{
    return lt_load_damaged_(err, "a block has the wrong length");
}

/* ---- the head ---- */

static lt_status load_head(lt_state_loader *loader, block_reader *from, lt_error *err)
{
    const uint8_t *head = take_bytes(from, SNAPSHOT_HEAD_BYTES - SNAPSHOT_BLOCK_HEAD);
    if (!head || memcmp(head, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_LEN) != 0) {
        return lt_error_set(err, LT_ERR_STATE, "this is not a state snapshot");
    }
    if (image_get32(head + 8) != SNAPSHOT_VERSION || image_get32(head + 12) != LT_HASH_VERSION ||
        image_get32(head + 16) != LT_ROWCODEC_VERSION) {
        return lt_error_set(err, LT_ERR_STATE,
                            "the state snapshot was written by an incompatible version "
                            "(format %u, hash %u, rows %u)",
                            image_get32(head + 8), image_get32(head + 12), image_get32(head + 16));
    }
    loader->stored_items = image_get32(head + 20);
    if (!loader->declare && loader->stored_items != loader->state->items.count) {
        return lt_error_set(err, LT_ERR_STATE,
                            "the snapshot has %u state tables, the operator declares %u",
                            loader->stored_items, (uint32_t)loader->state->items.count);
    }
    loader->want = WANT_ITEM;
    return LT_OK;
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

static bool same_cells(const item_description *stored, const lt_table_decl *decl)
{
    if (stored->cell_count != decl->cell_count) {
        return false;
    }
    for (uint32_t i = 0; i < decl->cell_count; i++) {
        if (image_get32(stored->cell_offsets + 4 * (size_t)i) != decl->cell_offsets[i]) {
            return false;
        }
    }
    return true;
}

/* The layout that a table with these stamps would have. */
static entry_layout stored_layout(const state_item *item, uint32_t table_no, bool has_stamps)
{
    const lt_table_decl *decl = lt_item_decl_(item);
    if ((decl->ttl_ms > 0) == has_stamps || table_no > 0) {
        return lt_item_layout_(item, table_no);
    }
    lt_table_decl other = *decl;
    other.ttl_ms = has_stamps ? 1 : 0;
    return lt_table_layout_(&other, item->kind == ITEM_TIMERS ? TABLE_BYTES : TABLE_KEYED);
}

static bool same_layouts(const item_description *stored, const state_item *item)
{
    uint32_t count = item->kind == ITEM_SLICES ? 1 : lt_item_tables_(item, NULL);
    if (stored->table_count != count) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        entry_layout lay = stored_layout(item, i, stored->has_stamps);
        const described_table *table = &stored->tables[i];
        if (table->stride != lay.stride || table->chunk_shift != lay.chunk_shift ||
            table->block_shift != lay.block_shift ||
            table->saved_size != lt_item_layout_(item, i).saved_size) {
            return false;
        }
    }
    return true;
}

/* Does the stored description say what was declared? A TTL may come, go or change. */
static lt_status check_description(const lt_state_loader *loader, const item_description *stored,
                                   const state_item *item, lt_error *err)
{
    const lt_table_decl *decl = lt_item_decl_(item);
    lt_text key;
    lt_text_init(&key, loader->mem);
    if (decl->key) {
        lt_rowcodec_describe(decl->key, &key);
    }
    bool failed = key.failed;
    bool same_key = lt_str_eq(stored->key, lt_text_str(&key));
    lt_text_deinit(&key);
    if (failed) {
        return lt_error_nomem(err, decl->name);
    }
    if (!same_key && !loader->declare) {
        return mismatch(item->name, "another key", err);
    }
    const lt_table_decl *record = lt_item_record_(item);
    if (stored->value_size != record->value_size || !same_cells(stored, record) ||
        !same_layouts(stored, item)) {
        return mismatch(item->name, "another kind of record", err);
    }
    return LT_OK;
}

static lt_status load_item(lt_state_loader *loader, uint64_t id, block_reader *from, lt_error *err)
{
    if (id != block_id(loader->stored_item, 0, ID_DESCRIPTION) ||
        loader->stored_item == loader->stored_items) {
        return out_of_order(err);
    }
    item_description stored;
    if (!lt_description_parse_(from, &stored)) {
        return wrong_length(err);
    }
    size_t index = 0;
    if (loader->declare) {
        LT_TRY(loader->declare(loader->declare_arg, &stored, err));
    }
    const state_item *item = item_find(loader->state, stored.name, &index);
    if (!item) {
        return lt_error_set(err, LT_ERR_STATE,
                            "the snapshot has a state table '" LT_STR_FMT "' that is not declared",
                            LT_STR_ARG(stored.name));
    }
    if (stored.kind != (uint32_t)item->kind || loader->seen[index]) {
        return mismatch(item->name, "another kind", err);
    }
    LT_TRY(check_description(loader, &stored, item, err));
    loader->seen[index] = true;
    loader->item = item;
    loader->has_stamps = stored.has_stamps;
    loader->table_no = 0;
    loader->want = WANT_TABLE;
    return LT_OK;
}

/* All of an item's tables were there. */
static lt_status end_item(lt_state_loader *loader, lt_error *err)
{
    const state_item *item = loader->item;
    if (item->kind != ITEM_SLICES && loader->table_no != lt_item_tables_(item, NULL)) {
        return out_of_order(err);
    }
    loader->item = NULL;
    loader->stored_item++;
    loader->want = WANT_ITEM;
    return LT_OK;
}

/* ---- tables ---- */

/* More entries than there are numbers, or a block that ends outside of its chunk? */
static bool shape_is_sound(const snap_view *shape)
{
    const entry_layout *lay = &shape->lay;
    uint64_t chunks = (uint64_t)shape->chunk_end + 1;
    uint64_t most = chunks << lay->chunk_shift;
    return most < UINT32_MAX && shape->index_end <= lt_chunk_cap_(lay, shape->chunk_end) &&
           shape->count <= most && (shape->count == 0) == (shape->tail == 0);
}

static lt_status load_table(lt_state_loader *loader, uint64_t id, block_reader *from, lt_error *err)
{
    const state_item *item = loader->item;
    table_load *load = &loader->load;
    *load = (table_load){.item = item, .table_no = loader->table_no};
    snap_view *shape = &load->shape;
    shape->serial = take64(from);
    shape->slice_end = (int64_t)take64(from);
    shape->slice_tag = (int64_t)take64(from);
    shape->count = take64(from);
    shape->chunk_end = take32(from);
    shape->index_end = take32(from);
    shape->tail = take32(from);
    if (from->short_read || from->at != from->end) {
        return wrong_length(err);
    }
    bool slices = item->kind == ITEM_SLICES;
    if (id != block_id(loader->stored_item, shape->serial, 0) ||
        (!slices &&
         (shape->serial != loader->table_no || loader->table_no == lt_item_tables_(item, NULL)))) {
        return out_of_order(err);
    }
    shape->lay = stored_layout(item, slices ? 0 : loader->table_no, loader->has_stamps);
    if (!shape_is_sound(shape)) {
        return lt_load_damaged_(err, "a table has more entries than there can be");
    }
    LT_TRY(lt_restore_begin_(loader, err));
    loader->table_no++;
    loader->want = WANT_ENTRIES;
    if (!lt_run_first_(shape, &load->run)) {
        loader->want = WANT_TABLE;
        return lt_restore_end_(loader, err);
    }
    return LT_OK;
}

static lt_status load_entries(lt_state_loader *loader, uint64_t id, block_reader *from,
                              lt_error *err)
{
    table_load *load = &loader->load;
    const snap_view *shape = &load->shape;
    uint64_t block = (uint64_t)run_block(shape, &load->run) + 1;
    if (id != block_id(loader->stored_item, shape->serial, block)) {
        return out_of_order(err);
    }
    LT_TRY(lt_restore_block_(load, from, err));
    if (!lt_run_next_(shape, &load->run)) {
        loader->want = WANT_TABLE;
        return lt_restore_end_(loader, err);
    }
    return LT_OK;
}

static lt_status load_end(lt_state_loader *loader, uint64_t id, block_reader *from, lt_error *err)
{
    uint64_t blocks = take64(from);
    if (from->short_read || from->at != from->end) {
        return wrong_length(err);
    }
    if (id != ID_END || loader->stored_item != loader->stored_items || blocks != loader->blocks) {
        return lt_load_damaged_(err, "it does not end where it should");
    }
    loader->want = WANT_NOTHING;
    return LT_OK;
}

/* ---- blocks ---- */

lt_status lt_state_load_begin(lt_state *state, uint32_t group_first, uint32_t group_last,
                              lt_state_loader **out, lt_error *err)
{
    LT_ASSERT(group_first <= group_last && group_last < LT_KEY_GROUPS);
    lt_snap_reap_(state);
    LT_ASSERT(!state->snap);
    lt_state_loader *loader = lt_mem_zalloc(state->mem, sizeof *loader);
    size_t seen_cap = state->items.count > 0 ? state->items.count : STATE_ITEMS_MAX;
    bool *seen = lt_mem_zalloc(state->mem, seen_cap);
    if (!loader || !seen) {
        lt_mem_free(state->mem, loader, sizeof *loader);
        lt_mem_free(state->mem, seen, seen_cap);
        return lt_error_nomem(err, "loading state");
    }
    state->base_epoch = 0;
    loader->state = state;
    loader->mem = state->mem;
    loader->group_first = group_first;
    loader->group_last = group_last;
    loader->seen = seen;
    loader->seen_cap = seen_cap;
    *out = loader;
    return LT_OK;
}

static lt_status load_block(lt_state_loader *loader, uint64_t id, const uint8_t *bytes, size_t len,
                            lt_error *err)
{
    if (!lt_image_intact_(id, bytes, len)) {
        return lt_load_damaged_(err, "a block does not match its checksum");
    }
    uint32_t kind = image_get32(bytes + 4);
    block_reader from = {bytes + SNAPSHOT_BLOCK_HEAD, bytes + len, false};
    if (loader->want == WANT_TABLE && (kind == BLOCK_ITEM || kind == BLOCK_END)) {
        LT_TRY(end_item(loader, err));
    }
    switch (loader->want) {
    case WANT_HEAD:
        return kind == BLOCK_HEAD && id == ID_HEAD ? load_head(loader, &from, err)
                                                   : out_of_order(err);
    case WANT_ITEM:
        return kind == BLOCK_ITEM  ? load_item(loader, id, &from, err)
               : kind == BLOCK_END ? load_end(loader, id, &from, err)
                                   : out_of_order(err);
    case WANT_TABLE:
        return kind == BLOCK_TABLE ? load_table(loader, id, &from, err) : out_of_order(err);
    case WANT_ENTRIES:
        return kind == BLOCK_ENTRIES ? load_entries(loader, id, &from, err) : out_of_order(err);
    case WANT_NOTHING:
    case BROKEN:
        break;
    }
    return out_of_order(err);
}

lt_status lt_state_load_block(lt_state_loader *loader, uint64_t id, const uint8_t *bytes,
                              size_t len, lt_error *err)
{
    lt_status st = load_block(loader, id, bytes, len, err);
    if (st == LT_OK && loader->blocks % TEND_EVERY == 0) {
        st = lt_state_tend(loader->state, err);
    }
    if (st != LT_OK && loader->want != BROKEN) {
        loader->want = BROKEN;
        lt_restore_drop_(loader);
        lt_state_clear_(loader->state);
    }
    loader->blocks++;
    return st;
}

lt_status lt_state_load_end(lt_state_loader *loader, bool abandon, lt_error *err)
{
    lt_state *state = loader->state;
    bool whole = loader->want == WANT_NOTHING;
    if (!whole || abandon) {
        lt_restore_drop_(loader);
        lt_state_clear_(state);
    }
    lt_mem_free(state->mem, loader->seen, loader->seen_cap);
    lt_mem_free(state->mem, loader, sizeof *loader);
    return whole || abandon ? LT_OK : lt_load_damaged_(err, "it ends in the middle");
}

/* ---- all at once ---- */

static lt_status load_frames(lt_state_loader *loader, const uint8_t *at, size_t size, size_t *used,
                             lt_error *err)
{
    size_t pos = 0;
    while (loader->want != WANT_NOTHING) {
        if (size - pos < SNAPSHOT_FRAME) {
            return lt_load_damaged_(err, "it ends in the middle");
        }
        uint64_t id = image_get64(at + pos);
        uint64_t len = image_get64(at + pos + 8);
        pos += SNAPSHOT_FRAME;
        if (len > size - pos) {
            return lt_load_damaged_(err, "it ends in the middle");
        }
        LT_TRY(lt_state_load_block(loader, id, at + pos, (size_t)len, err));
        pos += (size_t)len;
    }
    *used = pos;
    return LT_OK;
}

lt_status lt_state_load(lt_state *state, const void *bytes, size_t size, size_t *used,
                        lt_error *err)
{
    LT_ASSERT(lt_state_rows(state) == 0);
    lt_state_loader *loader = NULL;
    LT_TRY(lt_state_load_begin(state, 0, LT_KEY_GROUPS - 1, &loader, err));
    lt_status st = load_frames(loader, bytes, size, used, err);
    lt_status end = lt_state_load_end(loader, st != LT_OK, err);
    return st != LT_OK ? st : end;
}
