/* The registry of an operator's tables, in order of declaration. */
#include "state/state.h"

#include <string.h>

#include "base/assert.h"
#include "state/state_int.h"

lt_state *lt_state_new(lt_mem *mem, lt_env *env)
{
    lt_state *state = lt_mem_zalloc(mem, sizeof *state);
    if (state) {
        state->mem = mem;
        state->env = env;
    }
    return state;
}

void lt_state_free(lt_state *state)
{
    if (!state) {
        return;
    }
    for (size_t i = 0; i < state->items.count; i++) {
        lt_table_free_(state->items.items[i].table);
        lt_slices_free_(state->items.items[i].slices);
        lt_timers_free_(state->items.items[i].timers);
    }
    lt_array_deinit(&state->items, state->mem);
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
        }
    }
}

/* Room for one more item under a name that is not taken. */
static lt_status item_reserve(lt_state *state, const char *name, lt_error *err)
{
    for (size_t i = 0; i < state->items.count; i++) {
        if (strcmp(state->items.items[i].name, name) == 0) {
            return lt_error_set(err, LT_ERR_INTERNAL, "state table '%s' is declared twice", name);
        }
    }
    return lt_array_reserve(&state->items, state->mem, 1) ? LT_OK : lt_error_nomem(err, name);
}

static void item_push(lt_state *state, state_item item)
{
    LT_ASSERT(state->items.count < state->items.cap);
    state->items.items[state->items.count++] = item;
}

lt_status lt_state_table(lt_state *state, const lt_table_decl *decl, lt_table **out, lt_error *err)
{
    LT_TRY(item_reserve(state, decl->name, err));
    lt_table *table = lt_table_new_(state->mem, state->env, decl, false);
    if (!table) {
        return lt_error_nomem(err, decl->name);
    }
    item_push(state, (state_item){.kind = ITEM_TABLE, .name = decl->name, .table = table});
    *out = table;
    return LT_OK;
}

lt_status lt_state_slices(lt_state *state, const lt_table_decl *decl, lt_slices **out,
                          lt_error *err)
{
    LT_TRY(item_reserve(state, decl->name, err));
    lt_slices *slices = lt_slices_new_(state->mem, state->env, decl);
    if (!slices) {
        return lt_error_nomem(err, decl->name);
    }
    item_push(state, (state_item){.kind = ITEM_SLICES, .name = decl->name, .slices = slices});
    *out = slices;
    return LT_OK;
}

lt_status lt_state_timers(lt_state *state, const char *name, lt_timers **out, lt_error *err)
{
    LT_TRY(item_reserve(state, name, err));
    lt_timers *timers = lt_timers_new_(state->mem, name);
    if (!timers) {
        return lt_error_nomem(err, name);
    }
    item_push(state, (state_item){.kind = ITEM_TIMERS, .name = name, .timers = timers});
    *out = timers;
    return LT_OK;
}

int64_t lt_state_rows(const lt_state *state)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < state->items.count; i++) {
        const state_item *item = &state->items.items[i];
        rows += item->table ? lt_table_count(item->table) : 0;
        for (size_t k = 0; item->slices && k < item->slices->items.count; k++) {
            rows += lt_table_count(item->slices->items.items[k]->table);
        }
    }
    return (int64_t)rows;
}
