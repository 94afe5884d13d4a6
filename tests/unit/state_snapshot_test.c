/* Slices, timers, and snapshots of everything: equality after loading, refusal of any damaged byte,
 * failed allocations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "data_random.h"
#include "os/env_sim.h"
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
    lt_env *env;
    lt_state *state;
    lt_table *by_text;
    lt_table *by_long;
    lt_table *single;
    lt_slices *windows;
    lt_timers *timers;
    lt_rowcodec *text_codec;
    lt_rowcodec *long_codec;
} fixture;

static lt_status declare(fixture *fix, int64_t ttl_ms, lt_error *err)
{
    const lt_type *types[] = {&text_type, &long_type};
    fix->text_codec = lt_rowcodec_new(fix->arena, types, 2, false);
    fix->long_codec = lt_rowcodec_new(fix->arena, types + 1, 1, false);
    fix->state = lt_state_new(&fix->mem, fix->env);
    if (!fix->text_codec || !fix->long_codec || !fix->state) {
        return LT_ERR_NOMEM;
    }
    lt_table_decl decl = {.name = "by_text",
                          .key = fix->text_codec,
                          .value_size = sizeof(record),
                          .cell_offsets = record_cells,
                          .cell_count = 2};
    LT_TRY(lt_state_table(fix->state, &decl, &fix->by_text, err));
    decl = (lt_table_decl){.name = "set", .key = fix->long_codec, .ttl_ms = ttl_ms};
    LT_TRY(lt_state_table(fix->state, &decl, &fix->by_long, err));
    decl = (lt_table_decl){.name = "single", .value_size = 16};
    LT_TRY(lt_state_table(fix->state, &decl, &fix->single, err));
    decl = (lt_table_decl){.name = "windows", .key = fix->long_codec, .value_size = 8};
    LT_TRY(lt_state_slices(fix->state, &decl, &fix->windows, err));
    return lt_state_timers(fix->state, "timers", &fix->timers, err);
}

static lt_status fixture_init(fixture *fix, int64_t ttl_ms, int64_t fail_at, lt_error *err)
{
    static const lt_sim_options options = {.seed = 1, .start_wall_us = 1000000};
    memset(fix, 0, sizeof *fix);
    lt_mem_init(&fix->mem, NULL, "test", 0);
    fix->env = lt_env_sim_new(&fix->mem, &options);
    fix->arena = lt_arena_new(&fix->mem, 1 << 24);
    assert_true(fix->env && fix->arena);
    fix->mem.alloc_count = 0;
    fix->mem.fail_at = fail_at;
    return declare(fix, ttl_ms, err);
}

static void fixture_deinit(fixture *fix)
{
    lt_state_free(fix->state);
    lt_arena_free(fix->arena);
    lt_env_sim_free(fix->env);
    assert_int_equal(fix->mem.bytes, 0);
}

static lt_status put_text(fixture *fix, uint32_t id, lt_error *err)
{
    lt_col cols[2];
    const lt_col *ptrs[] = {&cols[0], &cols[1]};
    if (!lt_col_init(&cols[0], &text_type, 1, fix->arena) ||
        !lt_col_init(&cols[1], &long_type, 1, fix->arena)) {
        return LT_ERR_NOMEM;
    }
    char *text = lt_arena_printf(fix->arena, "%*u", (int)(id % 60), id);
    if (!text) {
        return LT_ERR_NOMEM;
    }
    LT_COL_DATA(&cols[0], lt_strv)[0] = lt_strv_make(text, strlen(text));
    LT_COL_DATA(&cols[1], int64_t)[0] = -(int64_t)id;
    lt_rows rows;
    void *value;
    LT_TRY(lt_rowcodec_encode(fix->text_codec, ptrs, NULL, 1, fix->arena, &rows, err));
    LT_TRY(lt_table_probe(fix->by_text, &rows, true, &value, NULL, err));
    record *r = value;
    r->sum += id;
    lt_cells *cells = lt_table_cells(fix->by_text);
    bool done =
        (id % 3 == 0 || lt_cells_append(cells, &r->list, &id, sizeof id)) &&
        (id % 4 == 0 || lt_cells_set(cells, &r->text, text, id % 7 ? (uint32_t)strlen(text) : 0));
    return done ? LT_OK : LT_ERR_NOMEM;
}

static lt_status put_long(lt_table *table, uint64_t id, int64_t *add, lt_error *err)
{
    void *value;
    LT_TRY(lt_table_get(table, &id, 8, lt_hash_u64(id), true, &value, NULL, err));
    if (add) {
        *(int64_t *)value += *add;
    }
    return LT_OK;
}

static lt_status fill(fixture *fix, uint32_t count, lt_error *err)
{
    test_rng rng = {count};
    for (uint32_t i = 0; i < count; i++) {
        LT_TRY(put_text(fix, rng_below(&rng, count), err));
        LT_TRY(put_long(fix->by_long, rng_next(&rng), NULL, err));
        lt_table *slice;
        int64_t end = (int64_t)rng_below(&rng, 10) * 1000;
        int64_t one = 1;
        LT_TRY(lt_slices_get(fix->windows, end, true, &slice, err));
        LT_TRY(put_long(slice, rng_below(&rng, 30), &one, err));
        *lt_slices_tag(fix->windows, end) += i;
        uint64_t key = rng_below(&rng, 5);
        LT_TRY(lt_timers_add(fix->timers, (int64_t)rng_below(&rng, 100) - 50, &key,
                             rng_below(&rng, 9), err));
    }
    void *value;
    LT_TRY(lt_table_get(fix->single, NULL, 0, 0, true, &value, NULL, err));
    memcpy(value, "0123456789abcdef", 16);
    return LT_OK;
}

/* A snapshot of equal content has equal bytes: records go out in order of creation. */
static void loads_what_was_saved(void **state)
{
    (void)state;
    for (uint32_t count = 0; count <= 3000; count = count * 4 + 3) {
        fixture a, b;
        lt_error err;
        lt_text first, second;
        assert_int_equal(fixture_init(&a, 5000, -1, &err), LT_OK);
        assert_int_equal(fixture_init(&b, 5000, -1, &err), LT_OK);
        lt_text_init(&first, &a.mem);
        lt_text_init(&second, &b.mem);
        assert_int_equal(fill(&a, count, &err), LT_OK);
        lt_text_puts(&first, "before");
        assert_int_equal(lt_state_save(a.state, &first, &err), LT_OK);
        size_t size = first.len - 6;
        lt_text_puts(&first, "behind");
        size_t used = 0;
        assert_int_equal(lt_state_load(b.state, first.ptr + 6, first.len - 6, &used, &err), LT_OK);
        assert_int_equal(used, size);
        assert_int_equal(lt_state_rows(b.state), lt_state_rows(a.state));
        assert_int_equal(lt_state_save(b.state, &second, &err), LT_OK);
        assert_int_equal(second.len, size);
        assert_memory_equal(second.ptr, first.ptr + 6, size);

        int64_t at_a, at_b;
        const uint8_t *key_a, *key_b;
        uint32_t len_a, len_b;
        while (lt_timers_pop(a.timers, INT64_MAX, &at_a, &key_a, &len_a)) {
            assert_int_equal(lt_timers_next(b.timers), at_a);
            assert_true(lt_timers_pop(b.timers, INT64_MAX, &at_b, &key_b, &len_b));
            assert_int_equal(at_a, at_b);
            assert_int_equal(len_a, len_b);
            assert_memory_equal(key_a, key_b, len_a);
        }
        assert_int_equal(lt_timers_next(b.timers), LT_WATERMARK_MAX);
        lt_text_deinit(&first);
        lt_text_deinit(&second);
        fixture_deinit(&a);
        fixture_deinit(&b);
    }
}

static void refuses_any_damage(void **state)
{
    (void)state;
    fixture a, b;
    lt_error err;
    lt_text text;
    assert_int_equal(fixture_init(&a, 5000, -1, &err), LT_OK);
    assert_int_equal(fixture_init(&b, 5000, -1, &err), LT_OK);
    lt_text_init(&text, &a.mem);
    assert_int_equal(fill(&a, 30, &err), LT_OK);
    assert_int_equal(lt_state_save(a.state, &text, &err), LT_OK);
    size_t used;
    for (size_t i = 0; i < text.len; i++) {
        for (int bit = 0; bit < 8; bit += 3) {
            text.ptr[i] = (char)(text.ptr[i] ^ (1 << bit));
            assert_int_equal(lt_state_load(b.state, text.ptr, text.len, &used, &err), LT_ERR_STATE);
            assert_int_equal(lt_state_rows(b.state), 0);
            text.ptr[i] = (char)(text.ptr[i] ^ (1 << bit));
        }
    }
    for (size_t len = 0; len < text.len; len++) {
        char *cut = lt_mem_alloc(&a.mem, len); /* exact, so that the sanitizer sees overruns */
        memcpy(cut, text.ptr, len);
        assert_int_equal(lt_state_load(b.state, cut, len, &used, &err), LT_ERR_STATE);
        lt_mem_free(&a.mem, cut, len);
    }
    assert_int_equal(lt_state_load(b.state, text.ptr, text.len, &used, &err), LT_OK);
    lt_text_deinit(&text);
    fixture_deinit(&a);
    fixture_deinit(&b);
}

/* A time to live may be added or taken away; another key, record or set of tables is refused. */
static void checks_descriptions(void **state)
{
    (void)state;
    fixture a, b;
    lt_error err;
    lt_text text;
    size_t used;
    assert_int_equal(fixture_init(&a, 5000, -1, &err), LT_OK);
    assert_int_equal(fixture_init(&b, 0, -1, &err), LT_OK);
    lt_text_init(&text, &a.mem);
    assert_int_equal(fill(&a, 10, &err), LT_OK);
    assert_int_equal(lt_state_save(a.state, &text, &err), LT_OK);
    assert_int_equal(lt_state_load(b.state, text.ptr, text.len, &used, &err), LT_OK);
    assert_int_equal(lt_state_rows(a.state), lt_state_rows(b.state));
    lt_text_clear(&text);
    fixture_deinit(&b);

    for (int variant = 0; variant < 3; variant++) {
        lt_state *one = lt_state_new(&a.mem, a.env);
        lt_state *other = lt_state_new(&a.mem, a.env);
        lt_table_decl decl = {.name = "t", .key = a.text_codec, .value_size = 8};
        lt_table *table;
        assert_int_equal(lt_state_table(one, &decl, &table, &err), LT_OK);
        decl.key = variant == 0 ? a.long_codec : a.text_codec;
        decl.value_size = variant == 1 ? 16 : 8;
        decl.name = variant == 2 ? "u" : "t";
        assert_int_equal(lt_state_table(other, &decl, &table, &err), LT_OK);
        lt_text_clear(&text);
        assert_int_equal(lt_state_save(one, &text, &err), LT_OK);
        assert_int_equal(lt_state_load(other, text.ptr, text.len, &used, &err), LT_ERR_STATE);
        lt_state_free(one);
        lt_state_free(other);
    }
    lt_text_deinit(&text);
    fixture_deinit(&a);
}

static bool fault_run(int64_t nth)
{
    fixture a;
    lt_error err;
    lt_text text;
    lt_status st = fixture_init(&a, 5000, nth, &err);
    lt_text_init(&text, &a.mem);
    st = st == LT_OK ? fill(&a, 60, &err) : st;
    st = st == LT_OK ? lt_state_save(a.state, &text, &err) : st;
    if (st == LT_OK) {
        lt_state_free(a.state);
        a.state = NULL;
        st = declare(&a, 5000, &err);
    }
    size_t used;
    st = st == LT_OK ? lt_state_load(a.state, text.ptr, text.len, &used, &err) : st;
    assert_true(st == LT_OK || st == LT_ERR_NOMEM);
    lt_text_deinit(&text);
    /* Some failures are made up for; the run that never came to the nth allocation is the last one.
     */
    bool last = a.mem.alloc_count <= nth;
    assert_true(!last || st == LT_OK);
    fixture_deinit(&a);
    return last;
}

static void survives_failed_allocations(void **state)
{
    (void)state;
    int64_t nth = 0;
    while (!fault_run(nth)) {
        nth++;
        assert_true(nth < 2000);
    }
    assert_true(nth > 30);
}

static void slices_in_order(void **state)
{
    (void)state;
    fixture fix;
    lt_error err;
    assert_int_equal(fixture_init(&fix, 0, -1, &err), LT_OK);
    static const int64_t ends[] = {3000, 1000, 2000, INT64_MAX, -5};
    lt_table *table;
    for (size_t i = 0; i < LT_COUNT_OF(ends); i++) {
        assert_int_equal(lt_slices_get(fix.windows, ends[i], true, &table, &err), LT_OK);
        int64_t one = 1;
        assert_int_equal(put_long(table, 9, &one, &err), LT_OK);
        *lt_slices_tag(fix.windows, ends[i]) = ends[i];
    }
    static const int64_t sorted[] = {-5, 1000, 2000, 3000, INT64_MAX};
    int64_t end;
    table = lt_slices_first(fix.windows, &end);
    for (size_t i = 0; i < LT_COUNT_OF(sorted); i++) {
        assert_non_null(table);
        assert_int_equal(end, sorted[i]);
        assert_int_equal(*lt_slices_tag(fix.windows, end), sorted[i]);
        table = lt_slices_next(fix.windows, end, &end);
    }
    assert_null(table);
    lt_slices_drop(fix.windows, 2000);
    lt_slices_drop(fix.windows, 2000);
    assert_int_equal(lt_slices_get(fix.windows, 2000, false, &table, &err), LT_OK);
    assert_null(table);
    assert_null(lt_slices_tag(fix.windows, 2000));
    assert_non_null(lt_slices_next(fix.windows, 1000, &end));
    assert_int_equal(end, 3000);
    assert_int_equal(lt_state_rows(fix.state), 4);

    /* Dropped tables come back empty, and a steady round of slices allocates nothing. */
    int64_t allocs = 0;
    for (int64_t at = 0; at < 100; at++) {
        assert_int_equal(lt_slices_get(fix.windows, 5000 + at, true, &table, &err), LT_OK);
        assert_int_equal(lt_table_count(table), 0);
        for (uint64_t k = 0; k < 500; k++) {
            assert_int_equal(put_long(table, k, &at, &err), LT_OK);
        }
        lt_slices_drop(fix.windows, 5000 + at);
        if (at == 5) {
            allocs = fix.mem.alloc_count;
        }
    }
    assert_true(fix.mem.alloc_count - allocs <= 100); /* the slice headers */
    fixture_deinit(&fix);
}

/* Random adds, removals and pops against an array of flags: times 0 .. 19, keys "", "a", "aa", ..
 * of up to 40 bytes. */
static void timers_in_order(void **state)
{
    (void)state;
    enum { TIMES = 20, KEYS = 41 };
    bool model[TIMES][KEYS];
    char key[KEYS];
    fixture fix;
    lt_error err;
    memset(model, 0, sizeof model);
    memset(key, 'a', sizeof key);
    assert_int_equal(fixture_init(&fix, 0, -1, &err), LT_OK);
    test_rng rng = {5};
    for (int step = 0; step < 30000; step++) {
        uint32_t time = rng_below(&rng, TIMES);
        uint32_t len = rng_below(&rng, KEYS);
        uint32_t what = rng_below(&rng, 8);
        if (what < 4) {
            assert_int_equal(lt_timers_add(fix.timers, time, key, len, &err), LT_OK);
            model[time][len] = true;
        } else if (what < 6) {
            lt_timers_remove(fix.timers, time, key, len);
            model[time][len] = false;
        } else {
            uint32_t first = 0;
            while (first < TIMES * KEYS && !model[first / KEYS][first % KEYS]) {
                first++;
            }
            int64_t at;
            const uint8_t *bytes;
            uint32_t got;
            int64_t until = (int64_t)time;
            bool popped = lt_timers_pop(fix.timers, until, &at, &bytes, &got);
            assert_int_equal(popped, first < TIMES * KEYS && first / KEYS <= time);
            if (popped) {
                assert_int_equal(at, first / KEYS);
                assert_int_equal(got, first % KEYS);
                assert_memory_equal(bytes, key, got);
                model[at][got] = false;
            }
        }
    }
    fixture_deinit(&fix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_what_was_saved), cmocka_unit_test(refuses_any_damage),
        cmocka_unit_test(checks_descriptions),  cmocka_unit_test(survives_failed_allocations),
        cmocka_unit_test(slices_in_order),      cmocka_unit_test(timers_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
