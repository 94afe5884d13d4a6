/* Ordered maps against sorted arrays: any order of insertion, ranges, walks both ways, saving and
 * loading, failed allocations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "data_random.h"
#include "os/env_sim.h"
#include "state/state.h"

#define KEYS 5
#define MAX  3000

typedef struct {
    int64_t sum;
    lt_cell note;
} record;

static const uint32_t record_cells[] = {offsetof(record, note)};
static const lt_type long_type = {.kind = LT_TYPE_BIGINT, .nullable = false};

typedef struct {
    lt_mem mem;
    lt_arena *arena;
    lt_env *env;
    lt_state *state;
    lt_ordered *ordered;
    lt_rowcodec *codec;
} fixture;

static lt_status fixture_init(fixture *fix, int64_t fail_at, lt_error *err)
{
    static const lt_sim_options options = {.seed = 1, .start_wall_us = 1000000};
    const lt_type *types[] = {&long_type};
    memset(fix, 0, sizeof *fix);
    lt_mem_init(&fix->mem, NULL, "test", 0);
    fix->env = lt_env_sim_new(&fix->mem, &options);
    fix->arena = lt_arena_new(&fix->mem, 1 << 20);
    assert_true(fix->env && fix->arena);
    fix->codec = lt_rowcodec_new(fix->arena, types, 1, false);
    fix->mem.alloc_count = 0;
    fix->mem.fail_at = fail_at;
    fix->state = lt_state_new(&fix->mem, fix->env);
    const lt_ordered_decl decl = {.name = "map",
                                  .key = fix->codec,
                                  .value_size = sizeof(record),
                                  .cell_offsets = record_cells,
                                  .cell_count = 1,
                                  .group_fields = 1};
    return fix->state ? lt_state_ordered(fix->state, &decl, &fix->ordered, err) : LT_ERR_NOMEM;
}

static void fixture_deinit(fixture *fix)
{
    lt_state_free(fix->state);
    lt_arena_free(fix->arena);
    lt_env_sim_free(fix->env);
    assert_int_equal(fix->mem.bytes, 0);
}

/* sums[key][id] == 0: absent. Bytes of an id: big-endian, then a tail of a length of its own. */
typedef struct {
    int64_t sums[KEYS][MAX];
} model;

static lt_str bytes_of(uint32_t id, char buf[64])
{
    buf[0] = (char)(uint8_t)(id >> 8);
    buf[1] = (char)(uint8_t)id;
    memset(buf + 2, 'x', 62);
    return (lt_str){buf, 2 + id % 60};
}

static lt_status map_of(fixture *fix, uint64_t key, bool create, lt_ordered_map **out,
                        lt_error *err)
{
    uint64_t hash = lt_hash_u64(key);
    const lt_rows keys = {1, 8, (uint8_t *)&key, NULL, &hash};
    return lt_ordered_probe(fix->ordered, &keys, create, out, err);
}

static void check_record(const fixture *fix, const record *r, uint32_t id, int64_t sum)
{
    char buf[64];
    assert_non_null(r);
    assert_true(lt_str_eq(lt_ordered_bytes(fix->ordered, r), bytes_of(id, buf)));
    assert_int_equal(r->sum, sum);
    assert_int_equal(r->note.len, (uint32_t)(sum % 50));
}

static void check(fixture *fix, const model *m)
{
    uint64_t total = 0;
    for (uint32_t k = 0; k < KEYS; k++) {
        lt_ordered_map *map;
        lt_error err;
        assert_int_equal(map_of(fix, k, false, &map, &err), LT_OK);
        const record *at = map ? lt_ordered_first(fix->ordered, map) : NULL;
        const record *before = NULL;
        uint32_t count = 0;
        for (uint32_t id = 0; id < MAX; id++) {
            if (m->sums[k][id] != 0) {
                check_record(fix, at, id, m->sums[k][id]);
                assert_ptr_equal(lt_ordered_prev(fix->ordered, at), before);
                before = at;
                at = lt_ordered_next(fix->ordered, at);
                count++;
            }
        }
        assert_null(at);
        assert_int_equal(map ? lt_ordered_size(map) : 0, count);
        assert_true(!map || lt_ordered_last(fix->ordered, map) == before);
        total += count;
    }
    assert_int_equal(lt_ordered_count(fix->ordered), total);
}

static lt_status put(fixture *fix, model *m, uint32_t key, uint32_t id, lt_error *err)
{
    lt_ordered_map *map;
    void *value = NULL;
    bool fresh;
    char buf[64];
    LT_TRY(map_of(fix, key, true, &map, err));
    lt_status st = lt_ordered_get(fix->ordered, map, bytes_of(id, buf), true, &value, &fresh, err);
    if (st != LT_OK) {
        lt_ordered_trim(fix->ordered, map);
        return st;
    }
    record *r = value;
    assert_int_equal(fresh, m->sums[key][id] == 0);
    int64_t sum = r->sum + id + 1;
    if (!lt_cells_resize(lt_ordered_cells(fix->ordered), &r->note, (uint32_t)(sum % 50))) {
        if (fresh) {
            lt_ordered_remove(fix->ordered, map, r);
        }
        return LT_ERR_NOMEM;
    }
    memset(r->note.ptr, 'n', r->note.len);
    r->sum = sum;
    m->sums[key][id] = sum;
    return LT_OK;
}

static void take(fixture *fix, model *m, test_rng *rng, uint32_t key, uint32_t id, uint32_t range)
{
    lt_ordered_map *map;
    lt_error err;
    char buf[64], buf2[64];
    assert_int_equal(map_of(fix, key, false, &map, &err), LT_OK);
    if (!map) {
        return;
    }
    void *value = NULL;
    if (rng_below(rng, 12) == 0) {
        uint32_t to = id + rng_below(rng, range / 3 + 1);
        to = LT_MIN(to, range);
        uint64_t expected = 0;
        for (uint32_t i = id; i < to; i++) {
            expected += m->sums[key][i] != 0;
            m->sums[key][i] = 0;
        }
        assert_int_equal(
            lt_ordered_remove_range(fix->ordered, map, bytes_of(id, buf), bytes_of(to, buf2)),
            expected);
        return;
    }
    assert_int_equal(
        lt_ordered_get(fix->ordered, map, bytes_of(id, buf), false, &value, NULL, &err), LT_OK);
    assert_int_equal(value != NULL, m->sums[key][id] != 0);
    uint32_t next = id;
    while (next < MAX && m->sums[key][next] == 0) {
        next++;
    }
    record *found = lt_ordered_seek(fix->ordered, map, bytes_of(id, buf));
    assert_int_equal(found != NULL, next < MAX);
    if (found) {
        check_record(fix, found, next, m->sums[key][next]);
        lt_ordered_remove(fix->ordered, map, found);
        m->sums[key][next] = 0;
    }
}

static lt_status steps(fixture *fix, model *m, test_rng *rng, uint32_t range, uint32_t count,
                       lt_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t key = rng_below(rng, KEYS);
        uint32_t id = key == 1 ? i % range : rng_below(rng, range); /* map 1: in order */
        if (rng_below(rng, 8) < 5) {
            LT_TRY(put(fix, m, key, id, err));
        } else {
            take(fix, m, rng, key, id, range);
        }
    }
    return LT_OK;
}

static void matches_the_model(void **state)
{
    (void)state;
    static const uint32_t ranges[] = {4, 60, MAX - 1};
    model *m = malloc(sizeof *m);
    for (size_t r = 0; r < LT_COUNT_OF(ranges); r++) {
        fixture fix;
        lt_error err;
        test_rng rng = {r + 1};
        memset(m, 0, sizeof *m);
        assert_int_equal(fixture_init(&fix, -1, &err), LT_OK);
        for (uint32_t i = 0; i < 60; i++) {
            assert_int_equal(steps(&fix, m, &rng, ranges[r], 300, &err), LT_OK);
            check(&fix, m);
        }
        fixture_deinit(&fix);
    }
    free(m);
}

static void goes_on_after_loading(void **state)
{
    (void)state;
    fixture a, b, halves[2];
    lt_error err;
    test_rng rng = {8};
    lt_text text;
    size_t used;
    model *m = calloc(1, sizeof *m);
    assert_int_equal(fixture_init(&a, -1, &err), LT_OK);
    assert_int_equal(fixture_init(&b, -1, &err), LT_OK);
    lt_text_init(&text, &a.mem);
    assert_int_equal(steps(&a, m, &rng, MAX - 1, 4000, &err), LT_OK);
    assert_int_equal(lt_state_save(a.state, &text, &err), LT_OK);
    assert_int_equal(lt_state_load(b.state, text.ptr, text.len, &used, &err), LT_OK);
    check(&b, m);

    /* Into two tasks by key group: together they have all. */
    for (uint32_t h = 0; h < 2; h++) {
        lt_state_loader *loader;
        lt_state_snap *snap;
        lt_state_block block;
        assert_int_equal(fixture_init(&halves[h], -1, &err), LT_OK);
        assert_int_equal(lt_state_load_begin(halves[h].state, h * 64, h * 64 + 63, &loader, &err),
                         LT_OK);
        assert_int_equal(lt_state_snap_begin(b.state, false, &snap, &err), LT_OK);
        while (lt_state_snap_next(snap, &block, &err) == LT_OK) {
            assert_int_equal(lt_state_load_block(loader, block.id, block.bytes, block.len, &err),
                             LT_OK);
        }
        lt_state_snap_end(snap, false);
        assert_int_equal(lt_state_load_end(loader, false, &err), LT_OK);
        for (uint64_t k = 0; k < KEYS; k++) {
            lt_ordered_map *map;
            assert_int_equal(map_of(&halves[h], k, false, &map, &err), LT_OK);
            assert_int_equal(map != NULL, lt_key_group(lt_hash_u64(k)) / 64 == h);
        }
    }
    assert_int_equal(lt_state_rows(halves[0].state) + lt_state_rows(halves[1].state),
                     lt_state_rows(a.state));
    for (int i = 0; i < 10; i++) {
        assert_int_equal(steps(&b, m, &rng, MAX - 1, 300, &err), LT_OK);
        check(&b, m);
    }
    lt_text_deinit(&text);
    fixture_deinit(&a);
    fixture_deinit(&b);
    fixture_deinit(&halves[0]);
    fixture_deinit(&halves[1]);
    free(m);
}

static void survives_failed_allocations(void **state)
{
    (void)state;
    bool last = false;
    int64_t nth = 0;
    model *m = malloc(sizeof *m);
    for (; !last; nth++) {
        fixture fix;
        lt_error err;
        test_rng rng = {3};
        memset(m, 0, sizeof *m);
        lt_status st = fixture_init(&fix, nth, &err);
        st = st == LT_OK ? steps(&fix, m, &rng, 100, 1000, &err) : st;
        assert_true(st == LT_OK || st == LT_ERR_NOMEM);
        last = fix.mem.alloc_count <= nth;
        assert_true(!last || st == LT_OK);
        fix.mem.fail_at = -1;
        if (fix.ordered) {
            check(&fix, m);
            assert_int_equal(steps(&fix, m, &rng, 100, 100, &err), LT_OK);
            check(&fix, m);
        }
        fixture_deinit(&fix);
    }
    assert_true(nth > 15);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_the_model),
        cmocka_unit_test(goes_on_after_loading),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
