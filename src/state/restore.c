/* Entries from a snapshot's blocks into tables.
 *
 * Stored blocks go into a table of the same layout at the same entry numbers: links and numbers
 * hold, and plain entries are copied a block at a time; only the index is made anew. That table is
 * the declared one when it is empty, everything is wanted and the layout is the same. Otherwise it
 * is a temporary one, from which the records that are wanted are inserted in order of creation. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/mutant.h"
#include "state/load_int.h"

#define INDEX_ROWS 64

static lt_status wrong_length(lt_error *err)
{
    return lt_load_damaged_(err, "a block has the wrong length");
}

/* ---- where blocks go ---- */

static bool is_slices(const table_load *load)
{
    return load->item->kind == ITEM_SLICES;
}

static lt_status begin_slice(lt_state_loader *loader, lt_error *err)
{
    table_load *load = &loader->load;
    const snap_view *shape = &load->shape;
    lt_slices *slices = load->item->slices;
    if (lt_slices_tag(slices, shape->slice_end)) {
        return LT_OK; /* more of a slice that is there */
    }
    LT_TRY(lt_slices_restore_(slices, shape->slice_end, shape->serial, &load->table, err));
    *lt_slices_tag(slices, shape->slice_end) = shape->slice_tag;
    return LT_OK;
}

static lt_status begin_temporary(lt_state_loader *loader, lt_error *err)
{
    table_load *load = &loader->load;
    lt_table *tables[ITEM_TABLES_MAX] = {NULL, NULL};
    lt_table_decl decl = *lt_item_decl_(load->item);
    if (!is_slices(load)) {
        (void)lt_item_tables_(load->item, tables);
        decl = tables[load->table_no]->decl;
    }
    decl.ttl_ms = load->shape.lay.key_offset > 0 ? LT_MAX(decl.ttl_ms, 1) : 0;
    LT_ASSERT(is_slices(load) || (loader->first_table != NULL) == (load->table_no > 0));
    table_kind kind = load->shape.lay.form == KEY_ROW   ? TABLE_ROWS
                      : load->item->kind == ITEM_TIMERS ? TABLE_BYTES
                                                        : TABLE_KEYED;
    load->table = lt_table_new_(loader->state, &decl, kind);
    load->temporary = true;
    if (!load->table) {
        return lt_error_nomem(err, decl.name);
    }
    load->table->lay.saved_size = load->shape.lay.saved_size;
    return LT_OK;
}

static bool same_form(const table_load *load, const lt_table *own)
{
    return own->lay.key_offset == load->shape.lay.key_offset;
}

lt_status lt_restore_begin_(lt_state_loader *loader, lt_error *err)
{
    table_load *load = &loader->load;
    const lt_table_decl *decl = lt_item_decl_(load->item);
    if (decl->group_fields == 0 && loader->group_first > 0) {
        return LT_OK; /* belongs to the task of the first group */
    }
    if ((LT_MUTANT(SLICES_LOST) && is_slices(load)) ||
        (LT_MUTANT(TIMERS_LOST) && load->item->kind == ITEM_TIMERS)) {
        return LT_OK;
    }
    bool with_stamps = load->shape.lay.key_offset > 0;
    bool direct =
        (loads_all_groups(loader) || decl->group_fields == 0) && with_stamps == (decl->ttl_ms > 0);
    if (direct && is_slices(load)) {
        LT_TRY(begin_slice(loader, err));
    } else if (direct) {
        lt_table *tables[ITEM_TABLES_MAX];
        (void)lt_item_tables_(load->item, tables);
        lt_table *own = tables[load->table_no];
        load->table =
            lt_table_count(own) == 0 && same_form(load, own) && !loader->first_table ? own : NULL;
    }
    if (!load->table) {
        LT_TRY(begin_temporary(loader, err));
    }
    lt_table *table = load->table;
    if (load->shape.count > 0 && table->lay.form != KEY_NONE && table->lay.form != KEY_ROW) {
        lt_index_free(&table->index);
        if (!lt_index_presize(&table->index, load->shape.count)) {
            return lt_error_nomem(err, decl->name);
        }
    }
    return LT_OK;
}

void lt_restore_drop_(lt_state_loader *loader)
{
    if (loader->load.temporary) {
        lt_table_free_(loader->load.table);
    }
    lt_table_free_(loader->first_table);
    loader->first_table = NULL;
    loader->load = (table_load){0};
}

/* ---- blocks ---- */

/* Entries on their way into the index, some at a time so that its cache misses overlap. */
typedef struct {
    lt_table *table;
    uint32_t count;
    uint32_t numbers[INDEX_ROWS];
    uint32_t tags[INDEX_ROWS];
} index_queue;

static bool queue_flush(index_queue *queue)
{
    uint32_t count = queue->count;
    queue->count = 0;
    return lt_index_put_many(&queue->table->index, queue->tags, queue->numbers, count);
}

LT_INLINE bool queue_add(index_queue *queue, uint32_t number, uint64_t hash)
{
    const lt_index *index = &queue->table->index;
    uint32_t tag = (uint32_t)hash;
    index_segment *seg = index_segment_of(index, tag);
    LT_PREFETCH_WRITE(&seg->used);
    LT_PREFETCH_WRITE(&seg->groups[tag & index->group_mask]);
    queue->numbers[queue->count] = number;
    queue->tags[queue->count++] = tag;
    return queue->count < INDEX_ROWS || queue_flush(queue);
}

/* Stamps from the future would never expire. */
static void clamp_stamp(uint8_t *entry, int64_t now)
{
    int64_t stamp;
    memcpy(&stamp, entry, sizeof stamp);
    stamp = LT_MIN(stamp, now);
    memcpy(entry, &stamp, sizeof stamp);
}

static lt_status read_cells(const table_load *load, uint8_t *value, block_reader *from,
                            lt_error *err)
{
    lt_table *table = load->table;
    for (uint32_t c = 0; c < table->lay.cell_count; c++) {
        lt_cell *cell = (lt_cell *)(void *)(value + table->lay.cell_offsets[c]);
        memset(cell, 0, sizeof *cell);
    }
    for (uint32_t c = 0; c < table->lay.cell_count; c++) {
        lt_cell *cell = (lt_cell *)(void *)(value + table->lay.cell_offsets[c]);
        uint32_t len = take32(from);
        if (len == SNAPSHOT_NO_CELL) {
            continue;
        }
        const uint8_t *bytes = take_bytes(from, len);
        if (!bytes) {
            return wrong_length(err);
        }
        if (!lt_cells_set(table->cells, cell, bytes, len)) {
            return lt_error_nomem(err, table->decl.name);
        }
    }
    return LT_OK;
}

/* An entry that is not plain. */
static lt_status read_entry(const table_load *load, uint8_t *entry, block_reader *from,
                            uint64_t *hash, lt_error *err)
{
    lt_table *table = load->table;
    const entry_layout *lay = &table->lay;
    const uint8_t *stamp = take_bytes(from, lay->key_offset);
    uint32_t key_len = lay->form >= KEY_VAR ? take32(from) : lay->key_size;
    const uint8_t *key = take_bytes(from, key_len);
    const uint8_t *record = take_bytes(from, lay->saved_size);
    if (!stamp || !key || !record) {
        return wrong_length(err);
    }
    memcpy(entry, stamp, lay->key_offset);
    *hash = lay->form == KEY_NONE || lay->form == KEY_ROW ? 0 : lt_row_hash(key, key_len);
    if (!lt_table_key_store_(table, entry, key, key_len, *hash)) {
        return lt_error_nomem(err, table->decl.name);
    }
    uint8_t *value = entry + lay->value_offset;
    memset(value, 0, lay->stride - lay->value_offset);
    memcpy(value, record, lay->saved_size);
    return read_cells(load, value, from, err);
}

/* Links and the free list of a block's entries; their next is made when the table is complete. */
static lt_status read_links(table_load *load, const uint8_t *links, uint32_t live, lt_error *err)
{
    lt_table *table = load->table;
    const entry_run *run = &load->run;
    uint32_t first = run->chunk << table->lay.chunk_shift | run->first;
    entry_link *to = table->chunks[run->chunk].links + run->first;
    uint32_t found = 0;
    for (uint32_t i = 0; i < run->count; i++) {
        uint32_t prev = live > 0 ? image_get32(links + 4 * (size_t)i) : LINK_FREE;
        to[i] = (entry_link){prev, 0};
        found += prev != LINK_FREE;
    }
    if (found != live) {
        return lt_load_damaged_(err, "a block does not have the entries that it says");
    }
    for (uint32_t i = 0; live < run->count && i < run->count; i++) {
        if (to[i].prev == LINK_FREE) {
            to[i].next = table->free_head;
            table->free_head = first + i + 1;
        }
    }
    return LT_OK;
}

static bool read_plain(const table_load *load, uint8_t *entries, uint32_t live, block_reader *from)
{
    const entry_layout *lay = &load->table->lay;
    const entry_link *links = load->table->chunks[load->run.chunk].links + load->run.first;
    const uint8_t *bytes = take_bytes(from, (size_t)live * lay->stride);
    if (!bytes) {
        return false;
    }
    if (live == load->run.count) {
        memcpy(entries, bytes, (size_t)live * lay->stride);
        return true;
    }
    for (uint32_t i = 0; i < load->run.count; i++) {
        if (links[i].prev != LINK_FREE) {
            memcpy(entries + (size_t)i * lay->stride, bytes, lay->stride);
            bytes += lay->stride;
        }
    }
    return true;
}

static lt_status read_entries(const table_load *load, uint32_t live, block_reader *from,
                              lt_error *err)
{
    lt_table *table = load->table;
    const entry_layout *lay = &table->lay;
    const entry_run *run = &load->run;
    const entry_link *links = table->chunks[run->chunk].links + run->first;
    uint8_t *entry = table->chunk_entries[run->chunk] + (size_t)run->first * lay->stride;
    uint32_t number = run->chunk << lay->chunk_shift | run->first;
    int64_t now = lt_table_now_(table);
    index_queue queue = {.table = table, .count = 0};
    if (lay->plain && !read_plain(load, entry, live, from)) {
        return wrong_length(err);
    }
    for (uint32_t i = 0; i < run->count; i++, number++, entry += lay->stride) {
        if (links[i].prev == LINK_FREE) {
            continue;
        }
        uint64_t hash = 0;
        if (!lay->plain) {
            LT_TRY(read_entry(load, entry, from, &hash, err));
        } else if (lay->form == KEY_8) {
            uint64_t word;
            memcpy(&word, entry + lay->key_offset, sizeof word);
            hash = lt_hash_u64(LT_LITTLE_ENDIAN ? word : LT_BSWAP64(word));
        } else {
            hash = lt_row_hash(entry + lay->key_offset, lay->key_size);
        }
        if (lay->key_offset > 0) {
            clamp_stamp(entry, now);
        }
        if (lay->form != KEY_NONE && lay->form != KEY_ROW && !queue_add(&queue, number, hash)) {
            return lt_error_nomem(err, table->decl.name);
        }
    }
    return queue_flush(&queue) ? LT_OK : lt_error_nomem(err, table->decl.name);
}

lt_status lt_restore_block_(table_load *load, block_reader *from, lt_error *err)
{
    uint32_t count = take32(from);
    uint32_t live = take32(from);
    if (from->short_read || count != load->run.count || live > count) {
        return wrong_length(err);
    }
    load->live += live;
    lt_table *table = load->table;
    if (!table) {
        return LT_OK;
    }
    const uint8_t *links = take_bytes(from, live > 0 ? 4 * (size_t)count : 0);
    if (!links) {
        return wrong_length(err);
    }
    if (load->live > load->shape.count) {
        return lt_load_damaged_(err, "a table has more entries than it says");
    }
    if (!lt_table_grow_(table, load->run.chunk)) {
        return lt_error_nomem(err, table->decl.name);
    }
    entry_touch(table, load->run.chunk << table->lay.chunk_shift | load->run.first);
    LT_TRY(read_links(load, links, live, err));
    if (live > 0) {
        LT_TRY(read_entries(load, live, from, err));
    }
    return from->at == from->end ? LT_OK : wrong_length(err);
}

/* ---- the whole table ---- */

static bool is_entry(const lt_table *table, const snap_view *shape, uint32_t number)
{
    uint32_t chunk = number >> table->lay.chunk_shift;
    uint32_t index = number & ((1U << table->lay.chunk_shift) - 1);
    if (chunk > shape->chunk_end || chunk >= table->chunk_count) {
        return false;
    }
    uint32_t end = chunk < shape->chunk_end ? table->chunks[chunk].cap : shape->index_end;
    return index < end && table->chunks[chunk].links[index].prev != LINK_FREE;
}

/* Follows the chain from the newest to the oldest entry and makes it go both ways. A chain that
 * ends has no entry twice, so that it has all when it has as many as there are. */
static lt_status link_up(table_load *load, lt_error *err)
{
    lt_table *table = load->table;
    const snap_view *shape = &load->shape;
    uint32_t next = 0;
    uint64_t steps = 0;
    for (uint32_t at = shape->tail; at != 0; steps++) {
        if (steps == shape->count || !is_entry(table, shape, at - 1)) {
            return lt_load_damaged_(err, "the order of the entries is broken");
        }
        entry_link *link = link_at(table, at - 1);
        link->next = next;
        next = at;
        at = link->prev;
    }
    if (steps != shape->count || load->live != shape->count) {
        return lt_load_damaged_(err, "a table does not have the entries that it says");
    }
    table->head = next;
    table->tail = shape->tail;
    table->count = shape->count;
    table->count_peak = shape->count;
    table->bump_chunk = shape->chunk_end;
    table->bump_index = shape->index_end;
    if (table->count == 0) {
        table->bump_chunk = 0;
        table->bump_index = 0;
        table->free_head = 0;
    }
    return LT_OK;
}

/* ---- records of other tasks ---- */

typedef struct {
    lt_state_loader *loader;
    const table_load *load;
    group_finder finder;
    lt_table *dst; /* NULL: a slice that is not there yet */
} insert_job;

static lt_status insert_slice(insert_job *job, lt_error *err)
{
    return job->dst ? LT_OK
                    : lt_slices_get(job->load->item->slices, job->load->shape.slice_end, true,
                                    &job->dst, err);
}

static lt_status insert_timer(insert_job *job, const uint8_t *key, uint32_t len, lt_error *err)
{
    if (len < TIMER_KEY_HEAD) {
        return lt_load_damaged_(err, "a timer has no time");
    }
    return lt_timers_add(job->load->item->timers, (int64_t)image_get64(key), key + TIMER_KEY_HEAD,
                         len - TIMER_KEY_HEAD, err);
}

static lt_status copy_record(const lt_table *src, lt_table *dst, const uint8_t *from, void *value,
                             lt_error *err)
{
    const entry_layout *lay = &dst->lay;
    if (lay->value_size > 0) {
        memcpy(value, from, lay->value_size);
    }
    for (uint32_t c = 0; c < lay->cell_count; c++) {
        memset((uint8_t *)value + lay->cell_offsets[c], 0, sizeof(lt_cell));
    }
    for (uint32_t c = 0; c < lay->cell_count; c++) {
        lt_cell cell;
        memcpy(&cell, from + src->lay.cell_offsets[c], sizeof cell);
        lt_cell *to = (lt_cell *)(void *)((uint8_t *)value + lay->cell_offsets[c]);
        if (cell.cap_class > 0 && !lt_cells_set(dst->cells, to, cell.ptr, cell.len)) {
            return lt_error_nomem(err, dst->decl.name);
        }
    }
    return LT_OK;
}

static lt_status insert_record(insert_job *job, uint8_t *entry, lt_error *err)
{
    const lt_table *src = job->load->table;
    uint8_t *from = entry + src->lay.value_offset;
    uint32_t len;
    const uint8_t *key = lt_table_key(src, from, &len);
    if (job->load->item->kind == ITEM_TIMERS) {
        return insert_timer(job, key, len, err);
    }
    LT_TRY(insert_slice(job, err));
    lt_table *dst = job->dst;
    void *value;
    bool fresh;
    uint64_t hash = dst->lay.form == KEY_NONE ? 0 : lt_row_hash(key, len);
    LT_TRY(lt_table_get(dst, key, len, hash, true, &value, &fresh, err));
    if (!fresh) {
        return lt_error_set(err, LT_ERR_STATE,
                            "state table '%s': a key is there twice in what is put together",
                            dst->decl.name);
    }
    if (dst->lay.key_offset > 0 && src->lay.key_offset > 0) {
        memcpy((uint8_t *)value - dst->lay.value_offset, entry, 8);
    }
    return copy_record(src, dst, from, value, err);
}

static bool is_wanted(const lt_state_loader *loader, uint32_t group)
{
    return group >= loader->group_first && group <= loader->group_last;
}

static lt_status insert_some(insert_job *job, uint32_t *at, lt_error *err)
{
    const lt_table *src = job->load->table;
    uint8_t *entries[GROUP_ROWS];
    const uint8_t *keys[GROUP_ROWS];
    uint32_t lens[GROUP_ROWS];
    uint32_t groups[GROUP_ROWS];
    uint32_t count = 0;
    for (; *at != 0 && count < GROUP_ROWS; count++) {
        entries[count] = entry_at(src, *at - 1);
        keys[count] = lt_table_key(src, entries[count] + src->lay.value_offset, &lens[count]);
        *at = link_at(src, *at - 1)->next;
    }
    bool all = loads_all_groups(job->loader) || lt_item_decl_(job->load->item)->group_fields == 0;
    if (!all) {
        LT_TRY(lt_group_finder_run_(&job->finder, keys, lens, count, groups, err));
    }
    for (uint32_t i = 0; i < count; i++) {
        if (all || is_wanted(job->loader, groups[i])) {
            LT_TRY(insert_record(job, entries[i], err));
        }
    }
    return LT_OK;
}

/* The task of the first key group takes a slice's tag. */
static lt_status insert_tag(insert_job *job, lt_error *err)
{
    const table_load *load = job->load;
    if (!is_slices(load) || job->loader->group_first > 0 || load->shape.slice_tag == 0) {
        return LT_OK;
    }
    LT_TRY(insert_slice(job, err));
    *lt_slices_tag(load->item->slices, load->shape.slice_end) += load->shape.slice_tag;
    return LT_OK;
}

static lt_status insert_wanted(lt_state_loader *loader, lt_error *err)
{
    const table_load *load = &loader->load;
    insert_job job = {.loader = loader, .load = load};
    LT_TRY(lt_group_finder_init_(&job.finder, load->item, loader->mem, err));
    lt_status st = LT_OK;
    if (is_slices(load)) {
        st = lt_slices_get(load->item->slices, load->shape.slice_end, false, &job.dst, err);
    } else {
        lt_table *tables[ITEM_TABLES_MAX];
        (void)lt_item_tables_(load->item, tables);
        job.dst = tables[0];
    }
    for (uint32_t at = load->table->head; st == LT_OK && at != 0;) {
        st = insert_some(&job, &at, err);
    }
    st = st == LT_OK ? insert_tag(&job, err) : st;
    lt_group_finder_deinit_(&job.finder);
    return st;
}

/* ---- lists and ordered maps: their two tables belong together ---- */

static lt_status insert_pair(lt_state_loader *loader, lt_error *err)
{
    const lt_table *heads = loader->first_table;
    const lt_table *rows = loader->load.table;
    const state_item *item = loader->load.item;
    bool all = loads_all_groups(loader) || lt_item_decl_(item)->group_fields == 0;
    group_finder finder;
    LT_TRY(lt_group_finder_init_(&finder, item, loader->mem, err));
    lt_status st = LT_OK;
    for (uint32_t at = heads->head; st == LT_OK && at != 0;) {
        const void *value = lt_table_at_(heads, at);
        uint32_t len;
        uint32_t group = 0;
        const uint8_t *key = lt_table_key(heads, value, &len);
        st = all ? LT_OK : lt_group_finder_run_(&finder, &key, &len, 1, &group, err);
        if (st == LT_OK && (all || is_wanted(loader, group))) {
            st = item->lists ? lt_lists_insert_(item->lists, heads, rows, value, err)
                             : lt_ordered_insert_(item->ordered, heads, rows, value, err);
        }
        at = link_at(heads, at - 1)->next;
    }
    lt_group_finder_deinit_(&finder);
    return st;
}

static lt_status end_pair(lt_state_loader *loader, lt_error *err)
{
    table_load *load = &loader->load;
    lt_env *env = loader->state->env;
    int64_t now = env ? env->wall_us(env) / 1000 : INT64_MAX;
    if (load->table_no == 0) {
        loader->first_table = load->temporary ? load->table : NULL;
        *load = (table_load){0};
        return LT_OK;
    }
    lt_table *own[ITEM_TABLES_MAX];
    (void)lt_item_tables_(load->item, own);
    lt_table *heads = loader->first_table ? loader->first_table : own[0];
    if (load->item->lists) {
        LT_TRY(lt_lists_check_(heads, load->table, now, err));
    } else {
        LT_TRY(lt_ordered_check_(heads, load->table, err));
    }
    if (loader->first_table) {
        LT_TRY(insert_pair(loader, err));
        lt_restore_drop_(loader);
    }
    return LT_OK;
}

lt_status lt_restore_end_(lt_state_loader *loader, lt_error *err)
{
    table_load *load = &loader->load;
    if (!load->table) {
        return load->live == load->shape.count
                   ? LT_OK
                   : lt_load_damaged_(err, "a table does not have the entries that it says");
    }
    LT_TRY(link_up(load, err));
    if (load->item->kind == ITEM_LISTS || load->item->kind == ITEM_ORDERED) {
        return end_pair(loader, err);
    }
    if (load->temporary) {
        LT_TRY(insert_wanted(loader, err));
        lt_restore_drop_(loader);
    } else if (load->item->kind == ITEM_TIMERS) {
        LT_TRY(lt_timers_rebuild_(load->item->timers, err));
    }
    return LT_OK;
}
