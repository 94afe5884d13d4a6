/* Snapshots while the state goes on changing: see snap_int.h for who may touch what.
 *
 *   owner    begin() ── touches a block ── captures it if nobody did ── changes it ── ..
 *   reader        next(): takes what was captured, or captures the block itself ── .. ── end()
 *
 * A block's phase goes pending -> busy -> captured or taken. The owner copies a busy block as it
 * lies, where entries have nothing outside of themselves, and the reader makes the image of that
 * later; else it writes the image. The other one waits for that, which is one block of about 16
 * KiB.
 *
 * The owner spends as little as can be on a snapshot's beginning, which holds up its task: what the
 * one before has left is garbage that the reader frees; so are tables that were put aside for it.
 * end() deals with the blocks that were not asked for, so that none is left pending. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/mutant.h"
#include "state/snap_int.h"
#include "state/spill_int.h"

#define EBB_EVERY 256 /* blocks */

/* ---- begin ---- */

static size_t table_count(const lt_state *state)
{
    size_t count = 0;
    for (size_t i = 0; i < state->items.count; i++) {
        const state_item *item = &state->items.items[i];
        count +=
            item->kind == ITEM_SLICES ? item->slices->items.count : lt_item_tables_(item, NULL);
    }
    return count;
}

static void view_take(snap_view *view, lt_state_snap *snap, uint32_t item, const lt_table *table)
{
    *view = (snap_view){
        .snap = snap,
        .item = item,
        .lay = table->lay,
        .chunk_entries = table->chunk_entries,
        .chunks = table->chunks,
        .mods = table->mods,
        .copies = table->copies,
        .chunk_end = table->bump_chunk,
        .index_end = table->bump_index,
        .tail = table->tail,
        .count = table->count,
    };
}

/* From now on what changes is of the next epoch. */
static void view_link(snap_view *view, lt_table *table)
{
    view->table = table;
    table->view = view;
    lt_table_begin_epoch_(table, view->snap->epoch + 1);
}

static void take_views(lt_state_snap *snap)
{
    snap_view *view = snap->views;
    for (uint32_t i = 0; i < snap->state->items.count; i++) {
        const state_item *item = &snap->state->items.items[i];
        lt_table *tables[ITEM_TABLES_MAX];
        uint32_t count = lt_item_tables_(item, tables);
        for (uint32_t t = 0; t < count; t++, view++) {
            view_take(view, snap, i, tables[t]);
            view->serial = t;
            if (!snap->still) {
                view_link(view, tables[t]);
            }
        }
        for (size_t k = 0; item->kind == ITEM_SLICES && k < item->slices->items.count;
             k++, view++) {
            const slice *at = item->slices->items.items[k];
            view_take(view, snap, i, at->table);
            view->serial = at->serial;
            view->slice_end = at->end;
            view->slice_tag = at->tag;
            if (!snap->still) {
                view_link(view, at->table);
            }
        }
    }
    LT_ASSERT(view == snap->views + snap->view_count);
}

static void snap_free(lt_state_snap *snap)
{
    if (snap) {
        lt_mem_free(snap->mem, snap->views, sizeof *snap->views * snap->view_cap);
        lt_mem_free(snap->mem, snap, sizeof *snap);
    }
}

/* `used`: memory of one that is over, or NULL; taken over. */
static lt_state_snap *snap_new(const lt_state *state, lt_state_snap *used, bool still)
{
    size_t count = table_count(state);
    if (used && used->view_cap < count) {
        snap_free(used);
        used = NULL;
    }
    size_t cap = used ? used->view_cap : count + count / 4 + 1;
    snap_view *views = used ? used->views : lt_mem_alloc(state->mem, sizeof *views * cap);
    lt_state_snap *snap = used ? used : lt_mem_alloc(state->mem, sizeof *snap);
    if (!views || !snap) {
        lt_mem_free(state->mem, views, sizeof *views * cap);
        lt_mem_free(state->mem, snap, sizeof *snap);
        return NULL;
    }
    *snap = (lt_state_snap){
        .state = state,
        .mem = state->mem,
        .still = still,
        .epoch = state->epoch,
        .views = views,
        .view_count = count,
        .view_cap = cap,
    };
    take_views(snap);
    return snap;
}

lt_status lt_state_snap_begin(lt_state *state, bool incremental, lt_state_snap **out, lt_error *err)
{
    lt_snap_reap_(state);
    if (state->snap) {
        return lt_error_set(err, LT_ERR_INTERNAL, "a snapshot of this state is under way");
    }
    lt_state_snap *snap = snap_new(state, state->spare, false);
    state->spare = NULL;
    if (!snap) {
        return lt_error_nomem(err, "a snapshot");
    }
    snap->garbage = state->garbage;
    state->garbage = (state_garbage){NULL, NULL};
    snap->base = incremental ? state->base_epoch : 0;
    snap->number = ++state->snap_number;
    state->epoch++;
    state->snap = snap;
    *out = snap;
    return LT_OK;
}

/* ---- capturing ---- */

static bool is_unchanged(const snap_view *view, const entry_run *run)
{
    uint32_t base = view->snap->base;
    return base != 0 &&
           view->mods[run_block(view, run)] <= base + (LT_MUTANT(UNCHANGED_WRONGLY) ? 1 : 0);
}

/* Makes a pending block busy, for this thread to capture. false: the other thread has dealt with
 * it. */
static bool claim(block_state *block, uint32_t number)
{
    uint32_t seen = atomic_load_explicit(&block->seen, memory_order_acquire);
    for (;;) {
        if (seen >> 2 != (number & (UINT32_MAX >> 2))) {
            if (atomic_compare_exchange_weak_explicit(&block->seen, &seen, number << 2 | BLOCK_BUSY,
                                                      memory_order_acquire, memory_order_acquire)) {
                return true;
            }
        } else if ((seen & 3) != BLOCK_BUSY) {
            return false;
        } else {
            seen = atomic_load_explicit(&block->seen, memory_order_acquire);
        }
    }
}

static void set_phase(block_state *block, uint32_t number, block_phase phase)
{
    atomic_store_explicit(&block->seen, number << 2 | (uint32_t)phase, memory_order_release);
}

/* Copies what lies in the table; false = out of memory. */
static bool put_aside(const snap_view *view, const entry_run *run, block_state *block)
{
    const lt_table *table = view->table;
    const block_source from = lt_block_source_(view, run);
    bool raw = from.lay->cell_count == 0 && !table->has_long_keys;
    size_t entries = (size_t)from.count * from.lay->stride;
    size_t links = (size_t)from.count * sizeof *from.links;
    block->len = raw ? entries + links : lt_image_size_(&from);
    bool fits = block->len <= lt_copies_place_size_(table->copies);
    LT_ASSERT(fits || !raw);
    block->bytes =
        fits ? lt_copies_take_(table->copies) : lt_mem_alloc(view->snap->mem, block->len);
    if (!block->bytes) {
        return false;
    }
    if (raw) {
        memcpy(block->bytes, from.links, links);
        memcpy(block->bytes + links, from.entries, entries);
    } else {
        lt_image_write_(&from, block->bytes);
    }
    block->form = raw ? COPY_RAW : fits ? COPY_IMAGE : COPY_IMAGE_LARGE;
    return true;
}

static void copy_free(lt_mem *mem, copy_pool *pool, block_state *copy)
{
    if (copy->form == COPY_IMAGE_LARGE) {
        lt_mem_free(mem, copy->bytes, copy->len);
    } else if (copy->form != COPY_NONE) {
        lt_copies_give_(pool, copy->bytes);
    }
    copy->form = COPY_NONE;
    copy->bytes = NULL;
}

/* The owner captures a block before its first change. */
static void secure(snap_view *view, uint32_t number)
{
    const entry_layout *lay = &view->lay;
    uint32_t chunk = number >> (lay->chunk_shift - lay->block_shift);
    uint32_t end = chunk < view->chunk_end ? view->chunks[chunk].cap : view->index_end;
    entry_run run = {.chunk = chunk};
    run.block = number & ((1U << (lay->chunk_shift - lay->block_shift)) - 1);
    run.first = run.block << lay->block_shift;
    if (chunk > view->chunk_end || run.first >= end) {
        return; /* newer than the snapshot */
    }
    run.count = LT_MIN(end - run.first, 1U << lay->block_shift);
    lt_state_snap *snap = view->snap;
    block_state *block = &view->chunks[chunk].blocks[run.block];
    if (!claim(block, snap->number)) {
        return;
    }
    block->form = COPY_NONE;
    if (!is_unchanged(view, &run) && !put_aside(view, &run, block)) {
        atomic_store(&snap->failed, true);
    }
    set_phase(block, snap->number, BLOCK_CAPTURED);
}

static bool view_finished(const snap_view *view)
{
    return atomic_load_explicit(&view->fate, memory_order_acquire) == VIEW_DONE ||
           atomic_load_explicit(&view->snap->over, memory_order_acquire);
}

void lt_table_touch_block_(lt_table *table, uint32_t block)
{
    snap_view *view = table->view;
    if (view) {
        if (atomic_load_explicit(&view->snap->over, memory_order_acquire)) {
            lt_snap_reap_(table->state);
        } else if (!view_finished(view)) {
            secure(view, block);
        }
    }
    lt_table_mark_(table, block);
}

/* ---- tables that go while the snapshot has them ---- */

static void free_images(snap_view *view)
{
    lt_state_snap *snap = view->snap;
    entry_run run;
    for (bool more = lt_run_first_(view, &run); more; more = lt_run_next_(view, &run)) {
        block_state *block = &view->chunks[run.chunk].blocks[run.block];
        if (atomic_load(&block->seen) == (snap->number << 2 | BLOCK_CAPTURED)) {
            copy_free(snap->mem, view->table->copies, block);
        }
    }
}

/* Nobody reads the view any more. */
static void view_unlink(snap_view *view, state_garbage *garbage)
{
    lt_table *table = view->table;
    if (atomic_load_explicit(&view->fate, memory_order_acquire) != VIEW_DONE) {
        free_images(view); /* the snapshot has failed: its reader left them */
    }
    table->view = NULL;
    view->table = NULL;
    lt_table_tidy_(table, garbage);
}

/* Leaves the table to the reader. false: it was past it before. */
static bool view_keep(snap_view *view, lt_slices *home)
{
    uint32_t open = VIEW_OPEN;
    view->home = home;
    return atomic_compare_exchange_strong_explicit(&view->fate, &open, VIEW_KEPT,
                                                   memory_order_acq_rel, memory_order_acquire);
}

static table_kind kind_of(const lt_table *table)
{
    return table->lay.form == KEY_ROW   ? TABLE_ROWS
           : table->lay.form == KEY_VAR ? TABLE_BYTES
                                        : TABLE_KEYED;
}

void lt_snap_let_go_(lt_table *table)
{
    snap_view *view = table->view;
    state_garbage *garbage = &table->state->garbage;
    lt_table *husk = NULL;
    if (!view_finished(view)) {
        husk = lt_table_new_(table->state, &table->decl, kind_of(table));
        if (!husk) {
            /* Without memory to put the table aside the snapshot fails; the reader may be at a
             * block of it just now. */
            atomic_store(&view->snap->failed, true);
            while (atomic_load(&view->snap->reading)) {
            }
        }
    }
    if (!husk) {
        view_unlink(view, garbage);
        return;
    }
    /* The contents go to the husk, which the snapshot keeps. */
    lt_table filled = *table;
    *table = *husk;
    *husk = filled;
    table->lay = filled.lay;
    view->table = husk;
    if (!view_keep(view, NULL)) {
        view_unlink(view, garbage);
        husk->next_dead = garbage->tables;
        garbage->tables = husk;
    }
}

bool lt_snap_keep_(lt_table *table, lt_slices *home)
{
    snap_view *view = table->view;
    if (view_finished(view) || !view_keep(view, home)) {
        view_unlink(view, &table->state->garbage);
        return false;
    }
    return true;
}

/* ---- the reader ---- */

static bool buffer_reserve(lt_state_snap *snap, size_t size)
{
    if (size <= snap->buffer_cap) {
        return true;
    }
    lt_mem_free(snap->mem, snap->buffer, snap->buffer_cap);
    size_t cap = LT_MAX(size + size / 4, (size_t)32 << 10);
    snap->buffer = lt_mem_alloc(snap->mem, cap);
    snap->buffer_cap = snap->buffer ? cap : 0;
    return snap->buffer != NULL;
}

static lt_status no_memory(lt_error *err)
{
    return lt_error_nomem(err, "a snapshot");
}

/* Gives out what stands in the buffer. */
static lt_status give(lt_state_snap *snap, uint64_t id, uint32_t kind, size_t len,
                      lt_state_block *out)
{
    image_put32(snap->buffer + 4, kind);
    lt_image_seal_(id, snap->buffer, len);
    *out = (lt_state_block){.id = id, .bytes = snap->buffer, .len = len};
    return LT_OK;
}

static lt_status give_head(lt_state_snap *snap, lt_state_block *out, lt_error *err)
{
    if (!buffer_reserve(snap, SNAPSHOT_HEAD_BYTES)) {
        return no_memory(err);
    }
    uint8_t *to = snap->buffer + SNAPSHOT_BLOCK_HEAD;
    memcpy(to, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_LEN);
    image_put32(to + 8, SNAPSHOT_VERSION);
    image_put32(to + 12, LT_HASH_VERSION);
    image_put32(to + 16, LT_ROWCODEC_VERSION);
    image_put32(to + 20, (uint32_t)snap->state->items.count);
    return give(snap, ID_HEAD, BLOCK_HEAD, SNAPSHOT_HEAD_BYTES, out);
}

static lt_status give_table(lt_state_snap *snap, const snap_view *view, lt_state_block *out,
                            lt_error *err)
{
    if (!buffer_reserve(snap, SNAPSHOT_TABLE_BYTES)) {
        return no_memory(err);
    }
    uint8_t *to = snap->buffer + SNAPSHOT_BLOCK_HEAD;
    image_put64(to, view->serial);
    image_put64(to + 8, (uint64_t)view->slice_end);
    image_put64(to + 16, (uint64_t)view->slice_tag);
    image_put64(to + 24, view->count);
    image_put32(to + 32, view->chunk_end);
    image_put32(to + 36, view->index_end);
    image_put32(to + 40, view->tail);
    return give(snap, block_id(view->item, view->serial, 0), BLOCK_TABLE, SNAPSHOT_TABLE_BYTES,
                out);
}

static lt_status give_end(lt_state_snap *snap, lt_state_block *out, lt_error *err)
{
    if (!buffer_reserve(snap, SNAPSHOT_END_BYTES)) {
        return no_memory(err);
    }
    image_put64(snap->buffer + SNAPSHOT_BLOCK_HEAD, snap->blocks);
    return give(snap, ID_END, BLOCK_END, SNAPSHOT_END_BYTES, out);
}

/* Writes the block's image into the buffer. */
static lt_status write_image(lt_state_snap *snap, const block_source *from, size_t *len,
                             lt_error *err)
{
    size_t size = lt_image_size_(from);
    if (!buffer_reserve(snap, size)) {
        return no_memory(err);
    }
    lt_image_write_(from, snap->buffer);
    *len = size;
    return LT_OK;
}

/* Captures the block into the buffer; *len 0: unchanged. */
static lt_status capture(lt_state_snap *snap, const snap_view *view, size_t *len, lt_error *err)
{
    *len = 0;
    if (is_unchanged(view, &snap->run)) {
        return LT_OK;
    }
    const block_source from = lt_block_source_(view, &snap->run);
    lt_spill_hold_(snap->state->spill);
    lt_status st = write_image(snap, &from, len, err);
    lt_spill_release_(snap->state->spill);
    return st;
}

/* What the owner has put aside: *bytes NULL: unchanged. */
static lt_status take_copy(lt_state_snap *snap, const snap_view *view, block_state *block,
                           uint8_t **bytes, size_t *len, lt_error *err)
{
    block_state *given = &snap->given;
    given->form = block->form;
    given->bytes = block->bytes;
    given->len = block->len;
    snap->given_to = view->copies;
    block->form = COPY_NONE;
    set_phase(block, snap->number, BLOCK_TAKEN);
    *bytes = NULL;
    switch ((copy_form)given->form) {
    case COPY_NONE:
        return atomic_load(&snap->failed) ? no_memory(err) : LT_OK;
    case COPY_RAW: {
        uint32_t count = snap->run.count;
        const block_source from = {
            .lay = &view->lay,
            .entries = given->bytes + (size_t)count * sizeof(entry_link),
            .links = (const entry_link *)(const void *)given->bytes,
            .count = count,
        };
        LT_TRY(write_image(snap, &from, len, err));
        *bytes = snap->buffer;
        copy_free(snap->mem, snap->given_to, given);
        return LT_OK;
    }
    case COPY_IMAGE:
    case COPY_IMAGE_LARGE:
        *bytes = given->bytes;
        *len = given->len;
        return LT_OK;
    }
    LT_ASSERT(false);
    return LT_ERR_INTERNAL;
}

static lt_status give_entries(lt_state_snap *snap, const snap_view *view, lt_state_block *out,
                              lt_error *err)
{
    uint64_t id = block_id(view->item, view->serial, (uint64_t)run_block(view, &snap->run) + 1);
    block_state *block = &view->chunks[snap->run.chunk].blocks[snap->run.block];
    uint8_t *bytes = NULL;
    size_t len = 0;
    if (snap->still || claim(block, snap->number)) {
        lt_status st = capture(snap, view, &len, err);
        bytes = len > 0 ? snap->buffer : NULL;
        if (!snap->still) {
            set_phase(block, snap->number, BLOCK_TAKEN);
        }
        LT_TRY(st);
    } else {
        LT_TRY(take_copy(snap, view, block, &bytes, &len, err));
    }
    if (bytes) {
        lt_image_seal_(id, bytes, len);
    }
    *out = (lt_state_block){.id = id, .unchanged = !bytes, .bytes = bytes, .len = len};
    return LT_OK;
}

/* A table that nobody else has any more. One of each slice set is enough to go on with. */
static void dispose(snap_view *view)
{
    lt_table *table = view->table;
    state_garbage arrays = {NULL, NULL};
    bool wanted = view->home != NULL;
    for (const snap_view *at = view->snap->views; wanted && at < view; at++) {
        wanted = !at->emptied || at->home != view->home;
    }
    table->view = NULL;
    lt_spill_hold_(view->snap->state->spill);
    if (wanted) {
        lt_table_clear(table);
        lt_table_tidy_(table, &arrays);
        lt_garbage_free_(view->snap->mem, &arrays);
        view->emptied = true;
    } else {
        lt_table_free_(table);
        view->table = NULL;
    }
    lt_spill_release_(view->snap->state->spill);
}

static void view_done(lt_state_snap *snap)
{
    snap_view *view = &snap->views[snap->view];
    uint32_t was = atomic_exchange_explicit(&view->fate, VIEW_DONE, memory_order_acq_rel);
    if (was == VIEW_KEPT) {
        dispose(view);
    }
    snap->view++;
    snap->place = AT_TABLE;
}

/* Takes the blocks that were not asked for, so that the owner need not look for any. */
static void pass_rest(lt_state_snap *snap)
{
    while (snap->view < snap->view_count) {
        const snap_view *view = &snap->views[snap->view];
        bool more = snap->place == AT_ENTRIES || lt_run_first_(view, &snap->run);
        for (; more; more = lt_run_next_(view, &snap->run)) {
            block_state *block = &view->chunks[snap->run.chunk].blocks[snap->run.block];
            if (!claim(block, snap->number)) {
                copy_free(snap->mem, view->copies, block);
            }
            set_phase(block, snap->number, BLOCK_TAKEN);
        }
        view_done(snap);
    }
}

static lt_status next_of_item(lt_state_snap *snap, lt_state_block *out, lt_error *err)
{
    const snap_view *view = &snap->views[snap->view];
    if (snap->place == AT_TABLE) {
        LT_TRY(give_table(snap, view, out, err));
        snap->place = AT_ENTRIES;
        if (!lt_run_first_(view, &snap->run)) {
            view_done(snap);
        }
        return LT_OK;
    }
    LT_TRY(give_entries(snap, view, out, err));
    if (!lt_run_next_(view, &snap->run)) {
        view_done(snap);
    }
    return LT_OK;
}

static lt_status step(lt_state_snap *snap, lt_state_block *out, lt_error *err)
{
    const lt_state *state = snap->state;
    if (snap->place == AT_HEAD) {
        snap->place = AT_ITEM;
        return give_head(snap, out, err);
    }
    if (snap->place == AT_TABLE &&
        (snap->view == snap->view_count || snap->views[snap->view].item != snap->item)) {
        snap->place = AT_ITEM;
        snap->item++;
    }
    if (snap->place == AT_ITEM && snap->item < state->items.count) {
        const state_item *item = &state->items.items[snap->item];
        snap->place = AT_TABLE;
        *out = (lt_state_block){.id = block_id(snap->item, 0, ID_DESCRIPTION),
                                .bytes = item->description,
                                .len = item->description_len};
        return LT_OK;
    }
    if (snap->place == AT_ITEM) {
        snap->place = AT_OVER;
        return give_end(snap, out, err);
    }
    return snap->place == AT_OVER ? LT_END : next_of_item(snap, out, err);
}

static void drop_given(lt_state_snap *snap)
{
    copy_free(snap->mem, snap->given_to, &snap->given);
}

static void drop_garbage(lt_state_snap *snap)
{
    bool has_tables = snap->garbage.tables != NULL;
    if (has_tables) {
        lt_spill_hold_(snap->state->spill);
    }
    lt_garbage_free_(snap->mem, &snap->garbage);
    if (has_tables) {
        lt_spill_release_(snap->state->spill);
    }
}

lt_status lt_state_snap_next(lt_state_snap *snap, lt_state_block *out, lt_error *err)
{
    drop_given(snap);
    drop_garbage(snap);
    atomic_store(&snap->reading, true);
    lt_status st = atomic_load(&snap->failed) ? no_memory(err) : step(snap, out, err);
    snap->blocks += st == LT_OK;
    if (snap->blocks % EBB_EVERY == 0) {
        lt_spill_ebb_(snap->state->spill); /* reading brings back what was moved to a file */
    }
    if (st != LT_OK && st != LT_END) {
        atomic_store(&snap->failed, true);
    }
    atomic_store(&snap->reading, false);
    return st;
}

/* ---- the end ---- */

void lt_state_snap_end(lt_state_snap *snap, bool committed)
{
    LT_ASSERT(!committed || snap->place == AT_OVER);
    drop_given(snap);
    drop_garbage(snap);
    atomic_store(&snap->reading, true);
    if (!snap->still && !atomic_load(&snap->failed)) {
        pass_rest(snap);
        lt_copies_trim_(snap->state); /* the owner puts nothing aside any more */
    }
    atomic_store(&snap->reading, false);
    lt_mem_free(snap->mem, snap->buffer, snap->buffer_cap);
    snap->buffer = NULL;
    snap->committed = committed;
    atomic_store_explicit(&snap->over, true, memory_order_release);
}

/* What is to become of a table that a view still has. */
static void view_reap(snap_view *view, state_garbage *garbage)
{
    lt_table *table = view->table;
    lt_slices *home = view->home;
    bool is_kept = atomic_load(&view->fate) == VIEW_KEPT; /* the snapshot has failed */
    if (!view->emptied) {
        view_unlink(view, garbage);
    }
    if (is_kept || (view->emptied && !lt_slices_store_(home, table))) {
        table->next_dead = garbage->tables;
        garbage->tables = table;
    }
}

void lt_snap_reap_(lt_state *state)
{
    lt_state_snap *snap = state->snap;
    if (!snap || !atomic_load_explicit(&snap->over, memory_order_acquire)) {
        return;
    }
    for (size_t i = 0; i < snap->view_count; i++) {
        if (snap->views[i].table) {
            view_reap(&snap->views[i], &state->garbage);
        }
    }
    if (snap->committed) {
        state->base_epoch = snap->epoch;
    }
    state->snap = NULL;
    state->spare = snap;
}

void lt_snap_tidy_(lt_state *state)
{
    lt_garbage_free_(state->mem, &state->garbage);
    snap_free(state->spare);
    state->spare = NULL;
}

/* ---- all at once ---- */

static void append_frame(lt_text *to, const lt_state_block *block)
{
    uint8_t frame[SNAPSHOT_FRAME];
    image_put64(frame, block->id);
    image_put64(frame + 8, block->len);
    lt_text_append(to, (const char *)frame, sizeof frame);
    lt_text_append(to, (const char *)block->bytes, block->len);
}

lt_status lt_state_save(const lt_state *state, lt_text *to, lt_error *err)
{
    lt_state_snap *snap = snap_new(state, NULL, true);
    if (!snap) {
        return no_memory(err);
    }
    lt_state_block block;
    lt_status st;
    while ((st = lt_state_snap_next(snap, &block, err)) == LT_OK && !to->failed) {
        append_frame(to, &block);
    }
    lt_state_snap_end(snap, false);
    snap_free(snap);
    if (st != LT_END && st != LT_OK) {
        return st;
    }
    return to->failed ? no_memory(err) : LT_OK;
}
