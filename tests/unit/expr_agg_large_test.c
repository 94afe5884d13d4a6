/* Aggregates that keep many values, against plain lists of them: PERCENTILE and the bags with
 * random adds and retractions, APPROX_COUNT_DISTINCT with many values. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "expr_fixture.h"

#include "data/cells.h"
#include "expr/agg_bag.h"

#define CAP 64

typedef struct {
    fix f;
    lt_cells *cells;
    uint64_t rng;
} world;

static uint64_t rnd(world *w, uint64_t n)
{
    w->rng ^= w->rng << 13;
    w->rng ^= w->rng >> 7;
    w->rng ^= w->rng << 17;
    return w->rng % n;
}

static void open_world(world *w)
{
    memset(w, 0, sizeof *w);
    fix_open(&w->f);
    w->rng = 88172645463325252ULL;
    w->cells = lt_cells_new(&w->f.mem);
    assert_non_null(w->cells);
}

static void close_world(world *w)
{
    lt_cells_free(w->cells);
    fix_close(&w->f);
}

/* ---- the bag ---- */

#define VALUES_MAX 3000

typedef struct {
    uint32_t items[VALUES_MAX];
    uint32_t count;
} list;

static void list_remove(list *l, uint32_t at)
{
    memmove(l->items + at, l->items + at + 1, sizeof l->items[0] * (l->count - at - 1));
    l->count--;
}

static lt_str text_for(uint32_t value, char *room, size_t size)
{
    int len = snprintf(room, size, value % 7 ? "%u" : "a longer text, number %u", value);
    return (lt_str){room, (size_t)len};
}

static void check_bag(const lt_agg_bag *bag, const list *want)
{
    char room[64];
    lt_agg_item item;
    uint32_t n = 0;
    assert_int_equal(bag->count, want->count);
    for (uint32_t at = bag->first; lt_agg_bag_next(bag, at, &item); at = item.end) {
        assert_true(n < want->count);
        lt_str text = text_for(want->items[n++], room, sizeof room);
        assert_int_equal(item.len, text.len);
        assert_memory_equal(item.bytes, text.ptr, text.len);
    }
    assert_int_equal(n, want->count);
    assert_int_equal(lt_agg_bag_last(bag, &item), want->count > 0);
    if (want->count > 0) {
        lt_str text = text_for(want->items[want->count - 1], room, sizeof room);
        assert_memory_equal(item.bytes, text.ptr, text.len);
    }
}

/* Phases that mostly grow, mostly shrink, from either end, with few or many different values. */
static void bag_phase(world *w, lt_agg_bag *bag, list *l, uint32_t steps, uint32_t adds,
                      uint32_t different)
{
    char room[64];
    for (uint32_t i = 0; i < steps; i++) {
        if (rnd(w, 100) < adds && l->count < VALUES_MAX) {
            uint32_t value = (uint32_t)rnd(w, different);
            l->items[l->count++] = value;
            assert_true(lt_agg_bag_change(w->cells, bag, text_for(value, room, sizeof room), 1));
        } else {
            uint64_t how = rnd(w, 4);
            uint32_t value = l->count == 0 || how == 0 ? (uint32_t)rnd(w, different)
                             : how == 1                ? l->items[0]
                             : how == 2                ? l->items[l->count - 1]
                                                       : l->items[rnd(w, l->count)];
            uint32_t at = 0;
            while (at < l->count && l->items[at] != value) {
                at++;
            }
            if (at < l->count) {
                list_remove(l, at);
            }
            assert_true(lt_agg_bag_change(w->cells, bag, text_for(value, room, sizeof room), -1));
        }
        if (i % 97 == 0) {
            check_bag(bag, l);
        }
    }
    check_bag(bag, l);
}

static void test_bag(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    list *l = LT_NEW(w.f.arena, list);
    lt_agg_bag bag = {0};
    bag_phase(&w, &bag, l, 3000, 90, 5);
    bag_phase(&w, &bag, l, 6000, 20, 5);
    bag_phase(&w, &bag, l, 4000, 80, 100000);
    bag_phase(&w, &bag, l, 4000, 50, 100000);
    bag_phase(&w, &bag, l, 9000, 5, 1000);
    bag_phase(&w, &bag, l, 500, 60, 3);
    while (l->count > 0) {
        bag_phase(&w, &bag, l, 10, 0, 3);
    }
    assert_int_equal(bag.log.len + bag.index.len + bag.first + bag.dead, 0);
    close_world(&w);
}

/* Taking values away needs no memory: every attempt to get some fails here. */
static void test_bag_shrinks_without_memory(void **state)
{
    (void)state;
    world w;
    char room[64];
    lt_agg_item item;
    bool found = false;
    open_world(&w);
    lt_agg_bag bag = {0};
    for (uint32_t i = 0; i < VALUES_MAX; i++) {
        assert_true(lt_agg_bag_change(w.cells, &bag, text_for(i, room, sizeof room), 1));
    }
    assert_true(
        lt_agg_bag_find(w.cells, &bag, false, text_for(7, room, sizeof room), &item, &found));
    assert_true(found);
    for (uint32_t i = 0; i < VALUES_MAX; i++) {
        uint32_t value = i * 1009 % VALUES_MAX;
        atomic_store(&w.f.mem.fail_at, atomic_load(&w.f.mem.alloc_count));
        assert_true(lt_agg_bag_change(w.cells, &bag, text_for(value, room, sizeof room), -1));
        assert_int_equal(bag.count, VALUES_MAX - 1 - i);
    }
    atomic_store(&w.f.mem.fail_at, -1);
    assert_int_equal(bag.log.len + bag.index.len, 0);
    close_world(&w);
}

/* ---- PERCENTILE ---- */

typedef struct {
    lt_agg *agg;
    uint8_t *record;
    lt_col args[3];
} call_rig;

static call_rig bind_percentile(world *w)
{
    call_rig r = {0};
    const lt_type *real = ty(&w->f, LT_TYPE_DOUBLE);
    lt_value p = {.type = lt_type_new(w->f.arena, LT_TYPE_DOUBLE, false), .u.f = 0.37};
    lt_expr *args[2] = {col(&w->f, 0, real), NULL};
    assert_int_equal(lt_expr_literal(&w->f.b, &p, 0, &args[1], &w->f.err), LT_OK);
    assert_int_equal(lt_agg_bind(&w->f.b, LT_STR("PERCENTILE"), args, 2, false, NULL, true, 0,
                                 &r.agg, &w->f.err),
                     LT_OK);
    assert_true(lt_col_init(&r.args[0], real, CAP, w->f.arena));
    r.record = (uint8_t *)LT_NEW_ARRAY(w->f.arena, uint64_t, r.agg->state_size / 8);
    return r;
}

static void put(world *w, call_rig *r, double value, int sign)
{
    static const uint32_t row = 0;
    LT_COL_DATA(&r->args[0], double)[0] = value;
    assert_int_equal(
        r->agg->cls->update(r->agg, &r->record, r->args, &row, 1, sign, w->cells, &w->f.err),
        LT_OK);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void check_percentile(world *w, call_rig *r, const double *values, uint32_t count)
{
    const uint8_t *from = r->record;
    lt_col out;
    assert_true(lt_col_init(&out, r->agg->result, CAP, w->f.arena));
    assert_int_equal(r->agg->cls->finish(r->agg, &from, 1, &out, CAP, w->f.arena, &w->f.err),
                     LT_OK);
    if (count == 0) {
        assert_true(lt_col_is_null(&out, 0));
        return;
    }
    double *sorted = LT_NEW_ARRAY(w->f.arena, double, count);
    memcpy(sorted, values, sizeof *sorted * count);
    qsort(sorted, count, sizeof *sorted, by_value);
    double at = (double)(count - 1) * 0.37 + 1;
    double low = sorted[(uint32_t)at - 1], high = sorted[(uint32_t)ceil(at) - 1];
    double want = low == high ? low : (ceil(at) - at) * low + (at - floor(at)) * high;
    assert_true(LT_COL_DATA(&out, double)[0] == want);
}

static void percentile_run(uint64_t different, uint32_t peak)
{
    world w;
    open_world(&w);
    call_rig r = bind_percentile(&w);
    double *held = LT_NEW_ARRAY(w.f.arena, double, (size_t)peak + 1);
    uint32_t count = 0;
    for (uint32_t step = 0; step < 6 * peak; step++) {
        bool grow = step < 3 * peak ? rnd(&w, 4) != 0 : rnd(&w, 4) == 0;
        if (grow && count < peak) {
            double value = ((double)rnd(&w, different) - (double)different / 3) / 8;
            held[count++] = value;
            put(&w, &r, value, 1);
        } else if (count > 0) {
            uint64_t at = rnd(&w, count);
            put(&w, &r, held[at], -1);
            held[at] = held[--count];
        }
        if (step % 311 == 0 || count < 3) {
            check_percentile(&w, &r, held, count);
        }
    }
    while (count > 0) {
        put(&w, &r, held[--count], -1);
    }
    for (uint32_t b = 0; b < r.agg->state_size; b++) {
        assert_int_equal(r.record[b], 0);
    }
    close_world(&w);
}

static void test_percentile(void **state)
{
    (void)state;
    percentile_run(40, 3000);
    percentile_run(1000000, 3000);
    percentile_run(2000, 300);
}

/* A row taken away ahead of its arrival is no value, and meets it when it comes. */
static void test_percentile_ahead(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    call_rig r = bind_percentile(&w);
    const double left[] = {4, 4, 7};
    put(&w, &r, 1, -1);
    check_percentile(&w, &r, left, 0);
    for (uint32_t i = 0; i < 3; i++) {
        put(&w, &r, left[i], 1);
    }
    check_percentile(&w, &r, left, 3);
    put(&w, &r, 1, 1);
    check_percentile(&w, &r, left, 3);
    put(&w, &r, (double)NAN, 1);
    put(&w, &r, (double)NAN, -1);
    check_percentile(&w, &r, left, 3);
    close_world(&w);
}

/* ---- APPROX_COUNT_DISTINCT ---- */

static int64_t estimate(world *w, const lt_agg *agg, const uint8_t *record)
{
    lt_col out;
    assert_true(lt_col_init(&out, agg->result, CAP, w->f.arena));
    assert_int_equal(agg->cls->finish(agg, &record, 1, &out, CAP, w->f.arena, &w->f.err), LT_OK);
    return LT_COL_DATA(&out, int64_t)[0];
}

static void add_numbers(world *w, const lt_agg *agg, uint8_t *record, int64_t from, int64_t to)
{
    lt_col arg;
    uint8_t *states[CAP];
    uint32_t rows[CAP];
    assert_true(lt_col_init(&arg, agg->args[0]->type, CAP, w->f.arena));
    for (uint32_t i = 0; i < CAP; i++) {
        states[i] = record;
        rows[i] = i;
    }
    while (from < to) {
        uint32_t count = (uint32_t)LT_MIN((int64_t)CAP, to - from);
        for (uint32_t i = 0; i < count; i++) {
            LT_COL_DATA(&arg, int64_t)[i] = from++;
        }
        assert_int_equal(agg->cls->update(agg, states, &arg, rows, count, 1, w->cells, &w->f.err),
                         LT_OK);
    }
}

static void test_approx(void **state)
{
    (void)state;
    static const int64_t sizes[] = {0, 1, 7, 1000, 1536, 1600, 5000, 40000, 400000};
    world w;
    open_world(&w);
    lt_agg *agg = NULL;
    lt_expr *arg = col(&w.f, 0, ty(&w.f, LT_TYPE_BIGINT));
    assert_int_equal(lt_agg_bind(&w.f.b, LT_STR("APPROX_COUNT_DISTINCT"), &arg, 1, false, NULL,
                                 false, 0, &agg, &w.f.err),
                     LT_OK);
    for (size_t i = 0; i < LT_COUNT_OF(sizes); i++) {
        uint8_t *whole = (uint8_t *)LT_NEW_ARRAY(w.f.arena, uint64_t, agg->state_size / 8);
        uint8_t *parts[2] = {(uint8_t *)LT_NEW_ARRAY(w.f.arena, uint64_t, agg->state_size / 8),
                             (uint8_t *)LT_NEW_ARRAY(w.f.arena, uint64_t, agg->state_size / 8)};
        add_numbers(&w, agg, whole, 0, sizes[i]);
        add_numbers(&w, agg, whole, 0, LT_MIN(sizes[i], 3000));
        /* Overlapping parts, of which one may be sparse. */
        add_numbers(&w, agg, parts[0], 0, sizes[i] / 10);
        add_numbers(&w, agg, parts[1], sizes[i] / 20, sizes[i]);
        for (int turn = 0; turn < 2; turn++) {
            uint8_t *to = (uint8_t *)LT_NEW_ARRAY(w.f.arena, uint64_t, agg->state_size / 8);
            for (int p = 0; p < 2; p++) {
                const uint8_t *from = parts[p ^ turn];
                assert_int_equal(agg->cls->merge(agg, &to, &from, 1, w.cells, &w.f.err), LT_OK);
            }
            assert_int_equal(estimate(&w, agg, to), estimate(&w, agg, whole));
        }
        int64_t got = estimate(&w, agg, whole);
        int64_t off = llabs(got - sizes[i]);
        /* Four standard errors of 0.81 %. */
        assert_true(sizes[i] <= 1500 ? off == 0 : (double)off < 0.0325 * (double)sizes[i]);
    }
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bag),        cmocka_unit_test(test_bag_shrinks_without_memory),
        cmocka_unit_test(test_percentile), cmocka_unit_test(test_percentile_ahead),
        cmocka_unit_test(test_approx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
