/* Window slices: one table per slice end, in ascending order. A slice is dropped whole; its table,
 * emptied but with its chunks and index, is kept for the next slice, so that a running window
 * operator touches the same memory again and again. */
#include <string.h>

#include "base/assert.h"
#include "state/snap_int.h"

lt_slices *lt_slices_new_(lt_state *state, const lt_table_decl *decl)
{
    lt_slices *slices = lt_mem_zalloc(state->mem, sizeof *slices);
    if (slices) {
        slices->mem = state->mem;
        slices->state = state;
        slices->kind = state->keys_as_bytes ? TABLE_BYTES : TABLE_KEYED;
        slices->decl = *decl;
    }
    return slices;
}

bool lt_slices_store_(lt_slices *slices, lt_table *table)
{
    LT_ASSERT(!table->view && lt_table_count(table) == 0);
    if (slices->idle_count == SLICES_IDLE_MAX) {
        return false;
    }
    slices->idle[slices->idle_count++] = table;
    return true;
}

void lt_slices_recycle_(lt_slices *slices, lt_table *table)
{
    LT_ASSERT(!table->view);
    if (slices->idle_count < SLICES_IDLE_MAX) {
        lt_table_clear(table);
        (void)lt_slices_store_(slices, table);
    } else {
        lt_table_free_(table);
    }
}

/* A snapshot that still reads the table keeps it for now. */
static void slice_retire(lt_slices *slices, slice *item)
{
    if (!item->table->view || !lt_snap_keep_(item->table, slices)) {
        lt_slices_recycle_(slices, item->table);
    }
    lt_mem_free(slices->mem, item, sizeof *item);
}

void lt_slices_clear_(lt_slices *slices)
{
    for (size_t i = 0; i < slices->items.count; i++) {
        slice_retire(slices, slices->items.items[i]);
    }
    slices->items.count = 0;
}

void lt_slices_free_(lt_slices *slices)
{
    if (!slices) {
        return;
    }
    lt_slices_clear_(slices);
    for (uint32_t i = 0; i < slices->idle_count; i++) {
        lt_table_free_(slices->idle[i]);
    }
    lt_array_deinit(&slices->items, slices->mem);
    lt_mem_free(slices->mem, slices, sizeof *slices);
}

/* Index of the first slice with an end >= slice_end. */
static size_t find_from(const lt_slices *slices, int64_t slice_end)
{
    size_t low = 0;
    size_t high = slices->items.count;
    /* Rows mostly belong to the latest slice, or to a new one behind it. */
    if (high > 0 && slices->items.items[high - 1]->end < slice_end) {
        return high;
    }
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (slices->items.items[mid]->end < slice_end) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static slice *find(const lt_slices *slices, int64_t slice_end)
{
    size_t at = find_from(slices, slice_end);
    if (at == slices->items.count || slices->items.items[at]->end != slice_end) {
        return NULL;
    }
    return slices->items.items[at];
}

static lt_table *table_take(lt_slices *slices)
{
    if (slices->idle_count > 0) {
        lt_table *table = slices->idle[--slices->idle_count];
        table->epoch = slices->state->epoch;
        return table;
    }
    return lt_table_new_(slices->state, &slices->decl, slices->kind);
}

static bool slot_taken(const lt_slices *slices, uint64_t serial)
{
    for (size_t i = 0; i < slices->items.count; i++) {
        if (((slices->items.items[i]->serial ^ serial) & SLICE_SLOT_MASK) == 0) {
            return true;
        }
    }
    return false;
}

/* Serials count up; slots can only meet once the counter has gone round. */
static uint64_t serial_take(lt_slices *slices)
{
    while (slices->next_serial > SLICE_SLOT_MASK && slot_taken(slices, slices->next_serial)) {
        slices->next_serial++;
    }
    return slices->next_serial++;
}

static slice *slice_add(lt_slices *slices, int64_t slice_end)
{
    if (slices->items.count >= SLICE_SLOT_MASK ||
        !lt_array_reserve(&slices->items, slices->mem, 1)) {
        return NULL;
    }
    slice *item = lt_mem_zalloc(slices->mem, sizeof *item);
    if (!item) {
        return NULL;
    }
    item->end = slice_end;
    item->serial = serial_take(slices);
    item->table = table_take(slices);
    if (!item->table) {
        lt_mem_free(slices->mem, item, sizeof *item);
        return NULL;
    }
    LT_DCHECK(lt_table_count(item->table) == 0);
    size_t at = find_from(slices, slice_end);
    slice **items = slices->items.items;
    memmove(items + at + 1, items + at, sizeof *items * (slices->items.count - at));
    items[at] = item;
    slices->items.count++;
    return item;
}

lt_status lt_slices_get(lt_slices *slices, int64_t slice_end, bool create, lt_table **out,
                        lt_error *err)
{
    slice *item = find(slices, slice_end);
    if (!item && create) {
        item = slice_add(slices, slice_end);
        if (!item) {
            return lt_error_nomem(err, slices->decl.name);
        }
    }
    *out = item ? item->table : NULL;
    return LT_OK;
}

lt_status lt_slices_restore_(lt_slices *slices, int64_t slice_end, uint64_t serial, lt_table **out,
                             lt_error *err)
{
    /* Slices of several tasks that become one may have had the same serial: those get new ones. */
    uint64_t next = LT_MAX(slices->next_serial, serial + 1);
    slices->next_serial = slot_taken(slices, serial) ? next : serial;
    slice *item = slice_add(slices, slice_end);
    slices->next_serial = LT_MAX(slices->next_serial, next);
    if (!item) {
        return lt_error_nomem(err, slices->decl.name);
    }
    *out = item->table;
    return LT_OK;
}

static lt_table *table_at(const lt_slices *slices, size_t index, int64_t *slice_end)
{
    if (index >= slices->items.count) {
        return NULL;
    }
    *slice_end = slices->items.items[index]->end;
    return slices->items.items[index]->table;
}

lt_table *lt_slices_first(const lt_slices *slices, int64_t *slice_end)
{
    return table_at(slices, 0, slice_end);
}

lt_table *lt_slices_next(const lt_slices *slices, int64_t after, int64_t *slice_end)
{
    return after == INT64_MAX ? NULL : table_at(slices, find_from(slices, after + 1), slice_end);
}

void lt_slices_drop(lt_slices *slices, int64_t slice_end)
{
    slice *item = find(slices, slice_end);
    if (!item) {
        return;
    }
    size_t at = find_from(slices, slice_end);
    slice **items = slices->items.items;
    slices->items.count--;
    memmove(items + at, items + at + 1, sizeof *items * (slices->items.count - at));
    slice_retire(slices, item);
}

int64_t *lt_slices_tag(lt_slices *slices, int64_t slice_end)
{
    slice *item = find(slices, slice_end);
    return item ? &item->tag : NULL;
}
