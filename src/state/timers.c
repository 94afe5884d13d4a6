/* Timers: a set for "already there" and removal, a binary heap for the order. A record of the set
 * holds the place of its item in the heap, and moves with it.
 *
 * Set key: at_ms in 8 little-endian bytes, then the timer's key. Order: time, then key bytes. */
#include <string.h>

#include "base/assert.h"
#include "data/batch.h"
#include "state/state_int.h"

#define SCRATCH_MIN ((size_t)64)

typedef struct {
    uint64_t place; /* in the heap */
} timer_record;

lt_timers *lt_timers_new_(lt_state *state, const lt_timers_decl *timers_decl)
{
    lt_timers *timers = lt_mem_zalloc(state->mem, sizeof *timers);
    if (!timers) {
        return NULL;
    }
    timers->mem = state->mem;
    timers->decl = *timers_decl;
    const lt_table_decl decl = {.name = timers_decl->name,
                                .key = timers_decl->key,
                                .value_size = sizeof(timer_record),
                                .group_fields = timers_decl->group_fields};
    timers->set = lt_table_new_(state, &decl, TABLE_BYTES);
    if (!timers->set) {
        lt_timers_free_(timers);
        return NULL;
    }
    /* Places in the heap change without any touch; snapshots do without them. */
    timers->set->lay.saved_size = 0;
    return timers;
}

void lt_timers_free_(lt_timers *timers)
{
    if (!timers) {
        return;
    }
    lt_table_free_(timers->set);
    lt_array_deinit(&timers->heap, timers->mem);
    lt_mem_free(timers->mem, timers->scratch, timers->scratch_cap);
    lt_mem_free(timers->mem, timers, sizeof *timers);
}

void lt_timers_clear_(lt_timers *timers)
{
    lt_table_clear(timers->set);
    timers->heap.count = 0;
}

static bool scratch_reserve(lt_timers *timers, size_t size)
{
    if (size <= timers->scratch_cap) {
        return true;
    }
    size_t cap = LT_MAX(LT_MAX(size, timers->scratch_cap * 2), SCRATCH_MIN);
    uint8_t *scratch = lt_mem_realloc(timers->mem, timers->scratch, timers->scratch_cap, cap);
    if (!scratch) {
        return false;
    }
    timers->scratch = scratch;
    timers->scratch_cap = cap;
    return true;
}

/* Composes the set's key in scratch, which has room. Returns its length. */
static uint32_t compose(lt_timers *timers, int64_t at_ms, const void *key, uint32_t key_len)
{
    for (unsigned i = 0; i < TIMER_KEY_HEAD; i++) {
        timers->scratch[i] = (uint8_t)((uint64_t)at_ms >> (8 * i));
    }
    if (key_len > 0) {
        memcpy(timers->scratch + TIMER_KEY_HEAD, key, key_len);
    }
    return TIMER_KEY_HEAD + key_len;
}

static int64_t time_of(const uint8_t *set_key)
{
    uint64_t at = 0;
    for (unsigned i = 0; i < TIMER_KEY_HEAD; i++) {
        at |= (uint64_t)set_key[i] << (8 * i);
    }
    return (int64_t)at;
}

/* ---- heap ---- */

static bool item_before(const lt_timers *timers, const timer_item *a, const timer_item *b)
{
    if (a->at_ms != b->at_ms) {
        return a->at_ms < b->at_ms;
    }
    uint32_t a_len, b_len;
    const uint8_t *a_key = lt_table_key(timers->set, a->value, &a_len);
    const uint8_t *b_key = lt_table_key(timers->set, b->value, &b_len);
    int order = memcmp(a_key + TIMER_KEY_HEAD, b_key + TIMER_KEY_HEAD,
                       LT_MIN(a_len, b_len) - TIMER_KEY_HEAD);
    return order != 0 ? order < 0 : a_len < b_len;
}

static void put_at(lt_timers *timers, size_t place, timer_item item)
{
    timers->heap.items[place] = item;
    ((timer_record *)item.value)->place = place;
}

static void sift_up(lt_timers *timers, size_t place, timer_item item)
{
    while (place > 0) {
        size_t parent = (place - 1) / 2;
        if (!item_before(timers, &item, &timers->heap.items[parent])) {
            break;
        }
        put_at(timers, place, timers->heap.items[parent]);
        place = parent;
    }
    put_at(timers, place, item);
}

static void sift_down(lt_timers *timers, size_t place, timer_item item)
{
    const timer_item *items = timers->heap.items;
    size_t count = timers->heap.count;
    for (size_t child = 2 * place + 1; child < count; child = 2 * place + 1) {
        if (child + 1 < count && item_before(timers, &items[child + 1], &items[child])) {
            child++;
        }
        if (!item_before(timers, &items[child], &item)) {
            break;
        }
        put_at(timers, place, items[child]);
        place = child;
    }
    put_at(timers, place, item);
}

static void heap_remove(lt_timers *timers, size_t place)
{
    LT_ASSERT(place < timers->heap.count);
    timer_item last = timers->heap.items[--timers->heap.count];
    if (place == timers->heap.count) {
        return;
    }
    if (place > 0 && item_before(timers, &last, &timers->heap.items[(place - 1) / 2])) {
        sift_up(timers, place, last);
    } else {
        sift_down(timers, place, last);
    }
}

lt_status lt_timers_rebuild_(lt_timers *timers, lt_error *err)
{
    uint64_t cursor = 0;
    void *value;
    timers->heap.count = 0;
    if (!lt_array_reserve(&timers->heap, timers->mem, (size_t)lt_table_count(timers->set))) {
        return lt_error_nomem(err, timers->decl.name);
    }
    while (lt_table_scan(timers->set, &cursor, &value, 1) > 0) {
        uint32_t len;
        const uint8_t *key = lt_table_key(timers->set, value, &len);
        if (len < TIMER_KEY_HEAD) {
            return lt_error_set(err, LT_ERR_STATE,
                                "the state snapshot is damaged: a timer has no time");
        }
        if (!scratch_reserve(timers, len)) {
            return lt_error_nomem(err, timers->decl.name);
        }
        timers->heap.items[timers->heap.count] = (timer_item){time_of(key), value};
        ((timer_record *)value)->place = timers->heap.count++;
    }
    for (size_t place = timers->heap.count / 2; place-- > 0;) {
        sift_down(timers, place, timers->heap.items[place]);
    }
    return LT_OK;
}

/* ---- interface ---- */

lt_status lt_timers_add(lt_timers *timers, int64_t at_ms, const void *key, uint32_t key_len,
                        lt_error *err)
{
    if (key_len > UINT32_MAX - TIMER_KEY_HEAD) {
        return lt_error_set(err, LT_ERR_LIMIT, "the key of a timer in '%s' is too long",
                            timers->decl.name);
    }
    if (!scratch_reserve(timers, (size_t)TIMER_KEY_HEAD + key_len) ||
        !lt_array_reserve(&timers->heap, timers->mem, 1)) {
        return lt_error_nomem(err, timers->decl.name);
    }
    uint32_t len = compose(timers, at_ms, key, key_len);
    void *value;
    bool fresh;
    LT_TRY(lt_table_get(timers->set, timers->scratch, len, lt_row_hash(timers->scratch, len), true,
                        &value, &fresh, err));
    if (fresh) {
        size_t place = timers->heap.count++;
        sift_up(timers, place, (timer_item){at_ms, value});
    }
    LT_DCHECK(timers->heap.count == lt_table_count(timers->set));
    return LT_OK;
}

void lt_timers_remove(lt_timers *timers, int64_t at_ms, const void *key, uint32_t key_len)
{
    /* A key that never fitted the scratch buffer was never added. */
    if ((uint64_t)TIMER_KEY_HEAD + key_len > timers->scratch_cap) {
        return;
    }
    uint32_t len = compose(timers, at_ms, key, key_len);
    void *value = NULL;
    lt_status st = lt_table_get(timers->set, timers->scratch, len,
                                lt_row_hash(timers->scratch, len), false, &value, NULL, NULL);
    if (st != LT_OK || !value) {
        return;
    }
    heap_remove(timers, (size_t)((timer_record *)value)->place);
    lt_table_remove(timers->set, value);
}

bool lt_timers_pop(lt_timers *timers, int64_t until, int64_t *at_ms, const uint8_t **key,
                   uint32_t *key_len)
{
    if (timers->heap.count == 0 || timers->heap.items[0].at_ms > until) {
        return false;
    }
    timer_item item = timers->heap.items[0];
    uint32_t len;
    const uint8_t *bytes = lt_table_key(timers->set, item.value, &len);
    LT_ASSERT(len >= TIMER_KEY_HEAD && len <= timers->scratch_cap);
    memcpy(timers->scratch, bytes, len);
    *at_ms = item.at_ms;
    *key = timers->scratch + TIMER_KEY_HEAD;
    *key_len = len - TIMER_KEY_HEAD;
    heap_remove(timers, 0);
    lt_table_remove(timers->set, item.value);
    return true;
}

int64_t lt_timers_next(const lt_timers *timers)
{
    return timers->heap.count > 0 ? timers->heap.items[0].at_ms : LT_WATERMARK_MAX;
}
