/* Copy-on-write snapshots: what is loaded equals what the state was at begin(), whatever was
 * changed meanwhile, on one thread and on two; chains of incremental ones; other parallelism;
 * failed allocations. The state is compared as text that the public interface gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "data_random.h"
#include "os/env_sim.h"
#include "os/thread.h"
#include "state/state.h"

typedef struct {
    int64_t sum;
    lt_cell list;
    lt_cell text;
} record;

static const uint32_t record_cells[] = {offsetof(record, list), offsetof(record, text)};
static const lt_type text_type = {
    .kind = LT_TYPE_VARCHAR, .nullable = true, .length = LT_LENGTH_MAX};
static const lt_type long_type = {.kind = LT_TYPE_BIGINT, .nullable = false};

typedef struct {
    lt_mem mem;
    lt_arena *arena;
    lt_arena *scratch;
    lt_env *env;
    lt_state *state;
    lt_table *by_text; /* (text, number) -> record; dealt by the text */
    lt_table *pairs;   /* (number, number) -> sum; dealt by the first */
    lt_table *set;     /* number, with a TTL */
    lt_table *numbers; /* numbered records */
    lt_table *single;  /* not dealt */
    lt_slices *windows;
    lt_timers *timers;
    lt_lists *lists; /* number -> texts; dealt by the number */
    lt_rowcodec *text_codec;
    lt_rowcodec *pair_codec;
    lt_rowcodec *long_codec;
} fixture;

static lt_status declare(fixture *fix, lt_error *err)
{
    const lt_type *types[] = {&text_type, &long_type, &long_type};
    fix->text_codec = lt_rowcodec_new(fix->arena, types, 2, false);
    fix->pair_codec = lt_rowcodec_new(fix->arena, types + 1, 2, false);
    fix->long_codec = lt_rowcodec_new(fix->arena, types + 1, 1, false);
    fix->state = lt_state_new(&fix->mem, fix->env);
    if (!fix->text_codec || !fix->pair_codec || !fix->long_codec || !fix->state) {
        return LT_ERR_NOMEM;
    }
    lt_state *state = fix->state;
    lt_table_decl decl = {.name = "by_text",
                          .key = fix->text_codec,
                          .value_size = sizeof(record),
                          .cell_offsets = record_cells,
                          .cell_count = 2,
                          .group_fields = 1};
    LT_TRY(lt_state_table(state, &decl, &fix->by_text, err));
    decl = (lt_table_decl){
        .name = "pairs", .key = fix->pair_codec, .value_size = 8, .group_fields = 1};
    LT_TRY(lt_state_table(state, &decl, &fix->pairs, err));
    decl = (lt_table_decl){
        .name = "set", .key = fix->long_codec, .ttl_ms = 1000000, .group_fields = 1};
    LT_TRY(lt_state_table(state, &decl, &fix->set, err));
    decl = (lt_table_decl){.name = "numbers",
                           .key = fix->long_codec,
                           .value_size = 12,
                           .group_fields = LT_GROUP_NUMBER};
    LT_TRY(lt_state_table(state, &decl, &fix->numbers, err));
    decl = (lt_table_decl){.name = "single", .value_size = 16};
    LT_TRY(lt_state_table(state, &decl, &fix->single, err));
    decl = (lt_table_decl){
        .name = "windows", .key = fix->long_codec, .value_size = 8, .group_fields = 1};
    LT_TRY(lt_state_slices(state, &decl, &fix->windows, err));
    const lt_lists_decl lists = {.name = "lists", .key = fix->long_codec, .group_fields = 1};
    LT_TRY(lt_state_lists(state, &lists, &fix->lists, err));
    const lt_timers_decl timers = {.name = "timers", .key = fix->long_codec, .group_fields = 1};
    return lt_state_keyed_timers(state, &timers, &fix->timers, err);
}

static lt_status fixture_init(fixture *fix, int64_t fail_at, lt_error *err)
{
    static const lt_sim_options options = {.seed = 1, .start_wall_us = 1000000};
    memset(fix, 0, sizeof *fix);
    lt_mem_init(&fix->mem, NULL, "test", 0);
    fix->env = lt_env_sim_new(&fix->mem, &options);
    fix->arena = lt_arena_new(&fix->mem, 1 << 20);
    fix->scratch = lt_arena_new(&fix->mem, 1 << 20);
    assert_true(fix->env && fix->arena && fix->scratch);
    fix->mem.alloc_count = 0;
    fix->mem.fail_at = fail_at;
    return declare(fix, err);
}

static void fixture_deinit(fixture *fix)
{
    lt_state_free(fix->state);
    lt_arena_free(fix->arena);
    lt_arena_free(fix->scratch);
    lt_env_sim_free(fix->env);
    assert_int_equal(fix->mem.bytes, 0);
}

static void fixture_make(fixture *fix)
{
    lt_error err;
    assert_int_equal(fixture_init(fix, -1, &err), LT_OK);
}

/* ---- changes ---- */

static lt_status get_text(fixture *fix, uint32_t id, bool create, void **value, lt_error *err)
{
    lt_col cols[2];
    const lt_col *ptrs[] = {&cols[0], &cols[1]};
    lt_rows rows;
    lt_arena_reset(fix->scratch, 1 << 20);
    char *text = lt_arena_printf(fix->scratch, "%*u", (int)(id % 60), id);
    if (!text || !lt_col_init(&cols[0], &text_type, 1, fix->scratch) ||
        !lt_col_init(&cols[1], &long_type, 1, fix->scratch)) {
        return LT_ERR_NOMEM;
    }
    LT_COL_DATA(&cols[0], lt_strv)[0] = lt_strv_make(text, strlen(text));
    LT_COL_DATA(&cols[1], int64_t)[0] = -(int64_t)id;
    LT_TRY(lt_rowcodec_encode(fix->text_codec, ptrs, NULL, 1, fix->scratch, &rows, err));
    return lt_table_probe(fix->by_text, &rows, create, value, NULL, err);
}

static lt_status change_text(fixture *fix, test_rng *rng, uint32_t id, lt_error *err)
{
    void *value;
    LT_TRY(get_text(fix, id, true, &value, err));
    record *r = value;
    lt_cells *cells = lt_table_cells(fix->by_text);
    uint64_t noise[20];
    for (size_t i = 0; i < LT_COUNT_OF(noise); i++) {
        noise[i] = rng_next(rng);
    }
    r->sum += id;
    uint32_t what = rng_below(rng, 4);
    if (what == 0) {
        lt_cells_clear(cells, &r->list);
    } else if (what == 1) {
        return lt_cells_set(cells, &r->text, noise, rng_below(rng, sizeof noise + 1))
                   ? LT_OK
                   : LT_ERR_NOMEM;
    } else if (r->list.len < 5000) {
        return lt_cells_append(cells, &r->list, noise, rng_below(rng, 40)) ? LT_OK : LT_ERR_NOMEM;
    }
    return LT_OK;
}

static lt_status add_long(lt_table *table, uint64_t id, bool with_value, lt_error *err)
{
    void *value;
    LT_TRY(lt_table_get(table, &id, 8, lt_hash_u64(id), true, &value, NULL, err));
    if (with_value) {
        *(int64_t *)value += (int64_t)id + 1;
    }
    return LT_OK;
}

static lt_status remove_long(lt_table *table, uint64_t id, lt_error *err)
{
    void *value;
    LT_TRY(lt_table_get(table, &id, 8, lt_hash_u64(id), false, &value, NULL, err));
    if (value) {
        lt_table_remove(table, value);
    }
    return LT_OK;
}

static lt_status add_pair(fixture *fix, test_rng *rng, uint32_t range, lt_error *err)
{
    uint64_t key[2] = {rng_below(rng, range), rng_below(rng, 4)};
    void *value;
    LT_TRY(lt_table_get(fix->pairs, key, 16, lt_row_hash((uint8_t *)key, 16), true, &value, NULL,
                        err));
    *(int64_t *)value += (int64_t)key[0] - 7;
    return LT_OK;
}

static lt_status change_windows(fixture *fix, test_rng *rng, uint32_t range, lt_error *err)
{
    int64_t end = (int64_t)rng_below(rng, 12) * 1000 - 3000;
    lt_table *slice;
    if (rng_below(rng, 60) == 0) {
        lt_slices_drop(fix->windows, end);
        return LT_OK;
    }
    LT_TRY(lt_slices_get(fix->windows, end, true, &slice, err));
    LT_TRY(add_long(slice, rng_below(rng, range), true, err));
    *lt_slices_tag(fix->windows, end) += 1;
    return LT_OK;
}

/* Changes all records that a scan finds first. */
static void touch_some(lt_table *table)
{
    void *values[8];
    uint64_t cursor = 0;
    uint32_t count = lt_table_scan(table, &cursor, values, 8);
    for (uint32_t i = 0; i < count; i++) {
        lt_table_touch(table, values[i]);
        *(int64_t *)values[i] += 3;
    }
}

static lt_status change_timers(fixture *fix, test_rng *rng, uint32_t range, lt_error *err)
{
    uint64_t key = rng_below(rng, range);
    int64_t at = (int64_t)rng_below(rng, range * 4);
    uint32_t what = rng_below(rng, 5);
    if (what == 0) {
        lt_timers_remove(fix->timers, at, &key, 8);
    } else if (what == 1) {
        const uint8_t *bytes;
        uint32_t len;
        (void)lt_timers_pop(fix->timers, at, &at, &bytes, &len);
    } else {
        return lt_timers_add(fix->timers, at, &key, 8, err);
    }
    return LT_OK;
}

/* Rows of bytes, as if encoded. */
static lt_status change_lists(fixture *fix, test_rng *rng, uint32_t range, lt_error *err)
{
    uint64_t key = rng_below(rng, 3) ? rng_below(rng, range) : 1;
    uint64_t row[8];
    uint32_t fill = rng_below(rng, 20);
    memset(row, (int)fill, sizeof row);
    uint32_t offsets[2] = {0, (fill % 8 + 1) * 8};
    uint64_t key_hash = lt_hash_u64(key);
    uint64_t row_hash = lt_row_hash((uint8_t *)row, offsets[1]);
    uint8_t found;
    const lt_rows keys = {1, 8, (uint8_t *)&key, NULL, &key_hash};
    const lt_rows rows = {1, 0, (uint8_t *)row, offsets, &row_hash};
    return rng_below(rng, 3) ? lt_lists_append(fix->lists, &keys, &rows, err)
                             : lt_lists_remove(fix->lists, &keys, &rows, &found, err);
}

static lt_status change(fixture *fix, test_rng *rng, uint32_t range, lt_error *err)
{
    void *value;
    switch (rng_below(rng, 14)) {
    case 12:
    case 13:
        return change_lists(fix, rng, range, err);
    case 0:
    case 1:
        return change_text(fix, rng, rng_below(rng, range), err);
    case 2:
        LT_TRY(get_text(fix, rng_below(rng, range), false, &value, err));
        if (value) {
            lt_table_remove(fix->by_text, value);
        }
        return LT_OK;
    case 3:
        return add_long(fix->set, rng_below(rng, range), false, err);
    case 4:
        return remove_long(fix->set, rng_below(rng, range), err);
    case 5:
        return add_long(fix->numbers, rng_below(rng, range), true, err);
    case 6:
        LT_TRY(lt_table_get(fix->single, NULL, 0, 0, true, &value, NULL, err));
        ((uint64_t *)value)[rng_below(rng, 2)] = rng_next(rng);
        return LT_OK;
    case 7:
    case 8:
        return change_windows(fix, rng, range, err);
    case 9:
        touch_some(fix->pairs);
        return LT_OK;
    case 10:
        if (rng_below(rng, 300) == 0) {
            lt_table_clear(rng_below(rng, 2) ? fix->by_text : fix->pairs);
        }
        return add_pair(fix, rng, range, err);
    default:
        return change_timers(fix, rng, range, err);
    }
}

static lt_status change_many(fixture *fix, test_rng *rng, uint32_t range, uint32_t count,
                             lt_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        LT_TRY(change(fix, rng, range, err));
    }
    return LT_OK;
}

/* ---- the state as text ---- */

static void dump_bytes(lt_text *to, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        static const char digits[] = "0123456789abcdef";
        uint8_t byte = ((const uint8_t *)bytes)[i];
        lt_text_putc(to, digits[byte >> 4]);
        lt_text_putc(to, digits[byte & 15]);
    }
}

static void dump_table(const char *name, int64_t end, const lt_table *table, uint32_t size,
                       bool cells, lt_text *to)
{
    uint64_t cursor = 0;
    void *value;
    while (lt_table_scan(table, &cursor, &value, 1) > 0) {
        uint32_t len;
        const uint8_t *key = lt_table_key(table, value, &len);
        lt_text_printf(to, "%s %lld ", name, (long long)end);
        dump_bytes(to, key, len);
        lt_text_putc(to, ' ');
        dump_bytes(to, value, cells ? 8 : size);
        if (cells) {
            const record *r = value;
            lt_text_putc(to, r->list.cap_class ? '+' : '-');
            dump_bytes(to, r->list.ptr, r->list.len);
            lt_text_putc(to, r->text.cap_class ? '+' : '-');
            dump_bytes(to, r->text.ptr, r->text.len);
        }
        lt_text_putc(to, '\n');
    }
}

/* Keys below the largest range of any test. */
static void dump_lists(fixture *fix, lt_text *to)
{
    for (uint64_t key = 0; key < 4000; key++) {
        uint64_t hash = lt_hash_u64(key);
        uint64_t cursor;
        lt_error err;
        const lt_rows keys = {1, 8, (uint8_t *)&key, NULL, &hash};
        assert_int_equal(lt_lists_find(fix->lists, &keys, &cursor, &err), LT_OK);
        for (uint32_t i = 0; cursor != 0; i++) {
            const uint8_t *bytes;
            uint32_t len;
            lt_lists_next(fix->lists, &cursor, &bytes, &len);
            lt_text_printf(to, "list %llu %u ", (unsigned long long)key, i);
            dump_bytes(to, bytes, len);
            lt_text_putc(to, '\n');
        }
    }
}

/* Timers by popping them all: the order of the heap is checked as well. */
static void dump_timers(lt_timers *timers, lt_text *to)
{
    int64_t at;
    const uint8_t *key;
    uint32_t len;
    while (lt_timers_pop(timers, INT64_MAX, &at, &key, &len)) {
        lt_text_printf(to, "timers %lld ", (long long)at);
        dump_bytes(to, key, len);
        lt_text_putc(to, '\n');
    }
}

static void dump(fixture *fix, lt_text *to)
{
    dump_table("by_text", 0, fix->by_text, 0, true, to);
    dump_table("pairs", 0, fix->pairs, 8, false, to);
    dump_table("set", 0, fix->set, 0, false, to);
    dump_table("numbers", 0, fix->numbers, 12, false, to);
    dump_table("single", 0, fix->single, 16, false, to);
    dump_lists(fix, to);
    int64_t end = 0;
    for (const lt_table *table = lt_slices_first(fix->windows, &end); table;
         table = lt_slices_next(fix->windows, end, &end)) {
        lt_text_printf(to, "windows %lld tag %lld\n", (long long)end,
                       (long long)*lt_slices_tag(fix->windows, end));
        dump_table("windows", end, table, 8, false, to);
    }
}

/* Timers come out by a copy of the state, because popping takes them away. */
static void dump_whole(fixture *fix, lt_text *to)
{
    fixture copy;
    lt_error err;
    lt_text bytes;
    size_t used = 0;
    dump(fix, to);
    lt_text_init(&bytes, &fix->mem);
    fixture_make(&copy);
    assert_int_equal(lt_state_save(fix->state, &bytes, &err), LT_OK);
    assert_int_equal(lt_state_load(copy.state, bytes.ptr, bytes.len, &used, &err), LT_OK);
    assert_int_equal(used, bytes.len);
    lt_text again;
    lt_text_init(&again, &fix->mem);
    dump(&copy, &again);
    assert_true(lt_str_eq((lt_str){again.ptr, again.len}, (lt_str){to->ptr, to->len}));
    lt_text_deinit(&again);
    dump_timers(copy.timers, to);
    lt_text_deinit(&bytes);
    fixture_deinit(&copy);
}

/* ---- a store of blocks ---- */

typedef struct {
    uint64_t id;
    uint8_t *bytes;
    size_t len;
} stored_block;

typedef struct {
    stored_block *items;
    size_t count;
    size_t unchanged;
} store;

static const stored_block *store_find(const store *s, uint64_t id)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->items[i].id == id) {
            return &s->items[i];
        }
    }
    return NULL;
}

static void store_add(store *s, const store *base, const lt_state_block *block)
{
    const uint8_t *bytes = block->bytes;
    size_t len = block->len;
    assert_null(store_find(s, block->id));
    if (block->unchanged) {
        const stored_block *old = store_find(base, block->id);
        assert_non_null(old);
        bytes = old->bytes;
        len = old->len;
        s->unchanged++;
    }
    s->items = realloc(s->items, sizeof *s->items * (s->count + 1));
    stored_block *to = &s->items[s->count++];
    *to = (stored_block){block->id, malloc(len), len};
    memcpy(to->bytes, bytes, len);
}

static void store_clear(store *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->items[i].bytes);
    }
    free(s->items);
    *s = (store){0};
}

static lt_status store_load(const store *s, lt_state *state, uint32_t first, uint32_t last,
                            lt_error *err)
{
    lt_state_loader *loader;
    LT_TRY(lt_state_load_begin(state, first, last, &loader, err));
    lt_status st = LT_OK;
    for (size_t i = 0; st == LT_OK && i < s->count; i++) {
        uint8_t *exact = malloc(s->items[i].len); /* overruns are seen by the sanitizer */
        memcpy(exact, s->items[i].bytes, s->items[i].len);
        st = lt_state_load_block(loader, s->items[i].id, exact, s->items[i].len, err);
        free(exact);
    }
    lt_status end = lt_state_load_end(loader, st != LT_OK, err);
    return st != LT_OK ? st : end;
}

static void check_store(const store *s, const lt_text *expected)
{
    fixture fix;
    lt_error err;
    lt_text text;
    fixture_make(&fix);
    lt_text_init(&text, &fix.mem);
    lt_status st = store_load(s, fix.state, 0, LT_KEY_GROUPS - 1, &err);
    if (st != LT_OK) {
        fail_msg("%s", err.text);
    }
    dump_whole(&fix, &text);
    assert_int_equal(text.len, expected->len);
    assert_memory_equal(text.ptr, expected->ptr, text.len);
    lt_text_deinit(&text);
    fixture_deinit(&fix);
}

/* What a snapshot gives out while the state changes is, byte for byte, what saving the state gave
 * when it began: it does not matter who copied a block, nor how. */
static void check_bytes(const store *s, const lt_text *saved)
{
    size_t at = 0;
    for (size_t i = 0; i < s->count; i++) {
        const stored_block *block = &s->items[i];
        uint64_t head[2];
        assert_true(saved->len - at >= sizeof head + block->len);
        memcpy(head, saved->ptr + at, sizeof head);
        assert_int_equal(head[0], block->id);
        assert_int_equal(head[1], block->len);
        assert_memory_equal(saved->ptr + at + sizeof head, block->bytes, block->len);
        at += sizeof head + block->len;
    }
    assert_int_equal(at, saved->len);
}

/* ---- one thread ---- */

/* Checkpoints of one state, some abandoned; blocks are taken between changes. */
static void chain(uint64_t seed, uint32_t range)
{
    fixture fix;
    lt_error err;
    test_rng rng = {seed};
    store base = {0};
    size_t unchanged = 0;
    fixture_make(&fix);
    assert_int_equal(change_many(&fix, &rng, range, range * 4, &err), LT_OK);
    for (int round = 0; round < 12; round++) {
        lt_text expected;
        lt_text saved;
        lt_state_snap *snap;
        store now = {0};
        lt_text_init(&expected, &fix.mem);
        lt_text_init(&saved, &fix.mem);
        dump_whole(&fix, &expected);
        assert_int_equal(lt_state_save(fix.state, &saved, &err), LT_OK);
        assert_int_equal(lt_state_snap_begin(fix.state, rng_below(&rng, 4) != 0, &snap, &err),
                         LT_OK);
        uint32_t per_block = rng_below(&rng, 3) == 0 ? 0 : rng_below(&rng, range / 4 + 3);
        bool abandon = rng_below(&rng, 4) == 0;
        lt_status st = LT_OK;
        while (st == LT_OK) {
            lt_state_block block;
            if (rng_below(&rng, 2) == 0) {
                assert_int_equal(change_many(&fix, &rng, range, per_block, &err), LT_OK);
            }
            st = lt_state_snap_next(snap, &block, &err);
            if (st == LT_OK) {
                store_add(&now, &base, &block);
            }
            if (abandon && rng_below(&rng, 40) == 0) {
                break;
            }
        }
        bool committed = st == LT_END && rng_below(&rng, 4) != 0;
        lt_state_snap_end(snap, committed);
        if (st == LT_END) {
            unchanged += now.unchanged;
            check_bytes(&now, &saved);
            check_store(&now, &expected);
        }
        store *gone = committed ? &base : &now;
        store_clear(gone);
        if (committed) {
            base = now;
        }
        lt_text_deinit(&expected);
        lt_text_deinit(&saved);
        assert_int_equal(change_many(&fix, &rng, range, rng_below(&rng, 30), &err), LT_OK);
    }
    assert_true(unchanged > 0);
    store_clear(&base);
    fixture_deinit(&fix);
}

static void loads_the_state_at_begin(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        chain(seed, 20);
        chain(seed + 100, 300);
    }
    for (uint64_t seed = 1; seed <= 2; seed++) {
        chain(seed, 3000);
    }
}

/* ---- two threads ---- */

typedef struct {
    lt_state_snap *snap;
    store base;
    store now;
    lt_status st;
    _Atomic(bool) done;
} writer;

static void writer_run(void *arg)
{
    writer *w = arg;
    lt_error err;
    lt_state_block block;
    while ((w->st = lt_state_snap_next(w->snap, &block, &err)) == LT_OK) {
        store_add(&w->now, &w->base, &block);
    }
    lt_state_snap_end(w->snap, w->st == LT_END);
    atomic_store(&w->done, true);
}

static void two_threads(void **state)
{
    (void)state;
    fixture fix;
    lt_error err;
    test_rng rng = {9};
    uint32_t range = 4000;
    writer w = {0};
    fixture_make(&fix);
    assert_int_equal(change_many(&fix, &rng, range, range * 20, &err), LT_OK);
    for (int round = 0; round < 8; round++) {
        lt_text expected;
        lt_thread *thread;
        lt_text_init(&expected, &fix.mem);
        dump_whole(&fix, &expected);
        assert_int_equal(lt_state_snap_begin(fix.state, round > 0, &w.snap, &err), LT_OK);
        atomic_store(&w.done, false);
        assert_int_equal(lt_thread_start(&fix.mem, "writer", writer_run, &w, &thread, &err), LT_OK);
        uint32_t changes = 0;
        while (!atomic_load(&w.done) || changes < 200) {
            assert_int_equal(change_many(&fix, &rng, range, 20, &err), LT_OK);
            changes += 20;
        }
        lt_thread_join(thread);
        assert_int_equal(w.st, LT_END);
        check_store(&w.now, &expected);
        store_clear(&w.base);
        w.base = w.now;
        w.now = (store){0};
        lt_text_deinit(&expected);
    }
    store_clear(&w.base);
    fixture_deinit(&fix);
}

/* ---- other parallelism ---- */

static void take_store(fixture *fix, store *s)
{
    lt_state_snap *snap;
    lt_state_block block;
    lt_error err;
    lt_status st;
    assert_int_equal(lt_state_snap_begin(fix->state, false, &snap, &err), LT_OK);
    while ((st = lt_state_snap_next(snap, &block, &err)) == LT_OK) {
        store_add(s, s, &block);
    }
    assert_int_equal(st, LT_END);
    lt_state_snap_end(snap, true);
}

static int by_line(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines in alphabetic order; windows without records and their zero tags are left out. */
static char *sorted(fixture *fix)
{
    lt_text text;
    lt_text_init(&text, &fix->mem);
    dump_whole(fix, &text);
    lt_text_putc(&text, '\0');
    assert_false(text.failed);
    size_t count = 0;
    char **lines = malloc(sizeof *lines * (text.len + 1));
    for (char *at = text.ptr; *at != '\0';) {
        char *end = strchr(at, '\n');
        *end = '\0';
        lines[count++] = at;
        at = end + 1;
    }
    qsort(lines, count, sizeof *lines, by_line);
    char *out = malloc(text.len + 1);
    char *to = out;
    for (size_t i = 0; i < count; i++) {
        if (!strstr(lines[i], "tag 0")) {
            to = stpcpy(to, lines[i]);
            *to++ = '\n';
        }
    }
    *to = '\0';
    free(lines);
    lt_text_deinit(&text);
    return out;
}

static void check_groups(const fixture *fix, uint32_t first, uint32_t last)
{
    uint64_t cursor = 0;
    void *value;
    uint32_t len;
    while (lt_table_scan(fix->pairs, &cursor, &value, 1) > 0) {
        uint32_t group = lt_key_group(lt_row_hash(lt_table_key(fix->pairs, value, &len), 8));
        assert_true(group >= first && group <= last);
    }
    cursor = 0;
    while (lt_table_scan(fix->numbers, &cursor, &value, 1) > 0) {
        uint32_t group = lt_table_key(fix->numbers, value, &len)[0] & (LT_KEY_GROUPS - 1);
        assert_true(group >= first && group <= last);
    }
}

/* From the stores of `count` tasks to new tasks. */
static void deal(const store *stores, size_t count, fixture *tasks, uint32_t task_count)
{
    lt_error err;
    for (uint32_t t = 0; t < task_count; t++) {
        uint32_t first = t * LT_KEY_GROUPS / task_count;
        uint32_t last = (t + 1) * LT_KEY_GROUPS / task_count - 1;
        fixture_make(&tasks[t]);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(store_load(&stores[i], tasks[t].state, first, last, &err), LT_OK);
        }
        check_groups(&tasks[t], first, last);
    }
}

static void other_parallelism(void **state)
{
    (void)state;
    fixture one, four[4], two[2], back;
    store stores[4] = {{0}};
    lt_error err;
    test_rng rng = {4};
    fixture_make(&one);
    assert_int_equal(change_many(&one, &rng, 2000, 30000, &err), LT_OK);
    char *expected = sorted(&one);
    take_store(&one, &stores[0]);
    deal(stores, 1, four, 4);
    store_clear(&stores[0]);
    for (int t = 0; t < 4; t++) {
        assert_true(lt_table_count(four[t].by_text) > 0);
        assert_true(lt_table_count(four[t].pairs) > 0);
        assert_true(lt_timers_next(four[t].timers) < LT_WATERMARK_MAX);
        take_store(&four[t], &stores[t]);
        fixture_deinit(&four[t]);
    }
    deal(stores, 4, two, 2);
    for (int t = 0; t < 4; t++) {
        store_clear(&stores[t]);
    }
    take_store(&two[0], &stores[0]);
    take_store(&two[1], &stores[1]);
    deal(stores, 2, &back, 1);
    char *got = sorted(&back);
    assert_string_equal(got, expected);
    assert_int_equal(lt_state_rows(two[0].state) + lt_state_rows(two[1].state),
                     lt_state_rows(one.state));
    /* A key that is there already is refused, and nothing stays. */
    assert_int_equal(store_load(&stores[0], back.state, 0, LT_KEY_GROUPS - 1, &err), LT_ERR_STATE);
    assert_int_equal(lt_state_rows(back.state), 0);
    free(expected);
    free(got);
    store_clear(&stores[0]);
    store_clear(&stores[1]);
    fixture_deinit(&one);
    fixture_deinit(&two[0]);
    fixture_deinit(&two[1]);
    fixture_deinit(&back);
}

/* ---- failures ---- */

static lt_status drain(fixture *fix, test_rng *rng, const store *base, store *to, lt_error *err)
{
    lt_state_snap *snap;
    lt_state_block block;
    LT_TRY(lt_state_snap_begin(fix->state, base->count > 0, &snap, err));
    lt_status st = LT_OK;
    lt_status changed = LT_OK;
    while (st == LT_OK) {
        changed = changed == LT_OK ? change_many(fix, rng, 60, 5, err) : changed;
        st = lt_state_snap_next(snap, &block, err);
        if (st == LT_OK) {
            store_add(to, base, &block);
        }
    }
    lt_state_snap_end(snap, st == LT_END);
    return st == LT_END ? changed : st;
}

static lt_status fault_steps(fixture *fix, store *stores, lt_error *err)
{
    test_rng rng = {77};
    LT_TRY(change_many(fix, &rng, 60, 500, err));
    LT_TRY(drain(fix, &rng, &stores[2], &stores[0], err));
    LT_TRY(drain(fix, &rng, &stores[0], &stores[1], err));
    lt_state_free(fix->state);
    fix->state = NULL;
    fix->timers = NULL;
    LT_TRY(declare(fix, err));
    return store_load(&stores[1], fix->state, 0, LT_KEY_GROUPS / 2, err);
}

static void survives_failed_allocations(void **state)
{
    (void)state;
    bool last = false;
    int64_t nth = 0;
    for (; !last; nth++) {
        fixture fix;
        lt_error err;
        store stores[3] = {{0}};
        lt_status st = fixture_init(&fix, nth, &err);
        st = st == LT_OK ? fault_steps(&fix, stores, &err) : st;
        assert_true(st == LT_OK || st == LT_ERR_NOMEM);
        last = fix.mem.alloc_count <= nth;
        assert_true(!last || st == LT_OK);
        /* What is there is whole and can go on. */
        fix.mem.fail_at = -1;
        if (fix.state && fix.timers) {
            lt_text text;
            test_rng rng = {5};
            lt_text_init(&text, &fix.mem);
            dump_whole(&fix, &text);
            assert_int_equal(change_many(&fix, &rng, 60, 50, &err), LT_OK);
            lt_text_deinit(&text);
        }
        for (int i = 0; i < 3; i++) {
            store_clear(&stores[i]);
        }
        fixture_deinit(&fix);
        assert_true(nth < 5000);
    }
    assert_true(nth > 100);
}

/* Blocks are refused when a bit of them, their id or their order is another. */
static void refuses_damaged_blocks(void **state)
{
    (void)state;
    fixture fix, to;
    lt_error err;
    store s = {0};
    test_rng rng = {3};
    fixture_make(&fix);
    fixture_make(&to);
    assert_int_equal(change_many(&fix, &rng, 30, 400, &err), LT_OK);
    take_store(&fix, &s);
    for (size_t i = 0; i < s.count; i++) {
        stored_block *block = &s.items[i];
        for (size_t k = 0; k < block->len; k += 1 + block->len / 50) {
            block->bytes[k] ^= 1;
            assert_int_equal(store_load(&s, to.state, 0, LT_KEY_GROUPS - 1, &err), LT_ERR_STATE);
            assert_int_equal(lt_state_rows(to.state), 0);
            block->bytes[k] ^= 1;
        }
        block->id ^= 1ULL << (i % 64);
        assert_int_equal(store_load(&s, to.state, 0, LT_KEY_GROUPS - 1, &err), LT_ERR_STATE);
        block->id ^= 1ULL << (i % 64);
        stored_block kept = *block;
        memmove(block, block + 1, sizeof *block * (s.count - i - 1));
        s.count--;
        assert_int_equal(store_load(&s, to.state, 0, LT_KEY_GROUPS - 1, &err), LT_ERR_STATE);
        memmove(block + 1, block, sizeof *block * (s.count - i));
        s.count++;
        *block = kept;
    }
    assert_int_equal(store_load(&s, to.state, 0, LT_KEY_GROUPS - 1, &err), LT_OK);
    store_clear(&s);
    fixture_deinit(&fix);
    fixture_deinit(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_the_state_at_begin),    cmocka_unit_test(two_threads),
        cmocka_unit_test(other_parallelism),           cmocka_unit_test(refuses_damaged_blocks),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
