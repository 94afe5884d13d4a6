/* The registry of an operator's tables, in order of declaration. */
#include "state/state.h"

#include <string.h>

#include "base/assert.h"
#include "state/snap_int.h"
#include "state/spill_int.h"

lt_state *lt_state_new(lt_mem *mem, lt_env *env)
{
    lt_state *state = lt_mem_zalloc(mem, sizeof *state);
    if (state) {
        state->mem = mem;
        state->env = env;
        state->epoch = 1;
    }
    return state;
}

static void item_free(lt_mem *mem, state_item *item)
{
    lt_table_free_(item->table);
    lt_slices_free_(item->slices);
    lt_timers_free_(item->timers);
    lt_lists_free_(item->lists);
    lt_ordered_free_(item->ordered);
    lt_mem_free(mem, item->description, item->description_len);
}

bool lt_state_is_used(const lt_state *state)
{
    return state->items.count > 0;
}

void lt_state_free(lt_state *state)
{
    if (!state) {
        return;
    }
    lt_snap_reap_(state);
    LT_ASSERT(!state->snap); /* a snapshot must have ended */
    for (size_t i = 0; i < state->items.count; i++) {
        item_free(state->mem, &state->items.items[i]);
    }
    lt_array_deinit(&state->items, state->mem);
    lt_snap_tidy_(state);
    lt_spill_part_free_(state->spill);
    lt_copies_free_(state);
    lt_mem_free(state->mem, state, sizeof *state);
}

void lt_state_clear_(lt_state *state)
{
    for (size_t i = 0; i < state->items.count; i++) {
        state_item *item = &state->items.items[i];
        switch (item->kind) {
        case ITEM_TABLE:
            lt_table_clear(item->table);
            break;
        case ITEM_SLICES:
            lt_slices_clear_(item->slices);
            break;
        case ITEM_TIMERS:
            lt_timers_clear_(item->timers);
            break;
        case ITEM_LISTS:
            lt_lists_clear_(item->lists);
            break;
        case ITEM_ORDERED:
            lt_ordered_clear_(item->ordered);
            break;
        case ITEM_KIND_END:
            break;
        }
    }
}

/* ---- declaring ---- */

static lt_status item_reserve(lt_state *state, const char *name, lt_error *err)
{
    LT_ASSERT(!state->snap);
    for (size_t i = 0; i < state->items.count; i++) {
        if (strcmp(state->items.items[i].name, name) == 0) {
            return lt_error_set(err, LT_ERR_INTERNAL, "state table '%s' is declared twice", name);
        }
    }
    if (state->items.count == STATE_ITEMS_MAX) {
        return lt_error_set(err, LT_ERR_LIMIT, "an operator has too many state tables");
    }
    return lt_array_reserve(&state->items, state->mem, 1) ? LT_OK : lt_error_nomem(err, name);
}

/* Takes the item over, also when it fails. */
static lt_status item_add(lt_state *state, state_item item, lt_error *err)
{
    LT_ASSERT(state->items.count < state->items.cap);
    lt_status st = LT_ERR_NOMEM;
    if (item.table || item.slices || item.timers || item.lists || item.ordered) {
        st = lt_item_describe_(state, (uint32_t)state->items.count, &item, err);
    } else {
        st = lt_error_nomem(err, item.name);
    }
    if (st != LT_OK) {
        item_free(state->mem, &item);
        return st;
    }
    state->items.items[state->items.count++] = item;
    return LT_OK;
}

lt_status lt_state_table(lt_state *state, const lt_table_decl *decl, lt_table **out, lt_error *err)
{
    LT_TRY(item_reserve(state, decl->name, err));
    lt_table *table = lt_table_new_(state, decl, TABLE_KEYED);
    const state_item item = {.kind = ITEM_TABLE, .name = decl->name, .table = table};
    LT_TRY(item_add(state, item, err));
    *out = table;
    return LT_OK;
}

lt_status lt_state_slices(lt_state *state, const lt_table_decl *decl, lt_slices **out,
                          lt_error *err)
{
    LT_TRY(item_reserve(state, decl->name, err));
    lt_slices *slices = lt_slices_new_(state, decl);
    const state_item item = {.kind = ITEM_SLICES, .name = decl->name, .slices = slices};
    LT_TRY(item_add(state, item, err));
    *out = slices;
    return LT_OK;
}

lt_status lt_state_keyed_timers(lt_state *state, const lt_timers_decl *decl, lt_timers **out,
                                lt_error *err)
{
    LT_TRY(item_reserve(state, decl->name, err));
    lt_timers *timers = lt_timers_new_(state, decl);
    const state_item item = {.kind = ITEM_TIMERS, .name = decl->name, .timers = timers};
    LT_TRY(item_add(state, item, err));
    *out = timers;
    return LT_OK;
}

lt_status lt_state_timers(lt_state *state, const char *name, lt_timers **out, lt_error *err)
{
    return lt_state_keyed_timers(state, &(lt_timers_decl){.name = name}, out, err);
}

lt_status lt_state_lists(lt_state *state, const lt_lists_decl *decl, lt_lists **out, lt_error *err)
{
    LT_TRY(item_reserve(state, decl->name, err));
    lt_lists *lists = lt_lists_new_(state, decl);
    const state_item item = {.kind = ITEM_LISTS, .name = decl->name, .lists = lists};
    LT_TRY(item_add(state, item, err));
    *out = lists;
    return LT_OK;
}

lt_status lt_state_ordered(lt_state *state, const lt_ordered_decl *decl, lt_ordered **out,
                           lt_error *err)
{
    LT_TRY(item_reserve(state, decl->name, err));
    lt_ordered *ordered = lt_ordered_new_(state, decl);
    const state_item item = {.kind = ITEM_ORDERED, .name = decl->name, .ordered = ordered};
    LT_TRY(item_add(state, item, err));
    *out = ordered;
    return LT_OK;
}

int64_t lt_state_rows(const lt_state *state)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < state->items.count; i++) {
        const state_item *item = &state->items.items[i];
        rows += item->table ? lt_table_count(item->table) : 0;
        rows += item->lists ? lt_lists_count(item->lists) : 0;
        rows += item->ordered ? lt_ordered_count(item->ordered) : 0;
        for (size_t k = 0; item->slices && k < item->slices->items.count; k++) {
            rows += lt_table_count(item->slices->items.items[k]->table);
        }
    }
    return (int64_t)rows;
}
