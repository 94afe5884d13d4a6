/* MIN and MAX over rows that are taken away again, against a plain list of what is held: random
 * adds and retractions per type, retractions ahead of their rows, merges, large sets. */
#include <math.h>
#include <stdio.h>

#include "expr_fixture.h"

#include "data/cells.h"
#include "expr/aggregate.h"
#include "expr/decimal.h"

#define CAP 64

typedef struct {
    fix f;
    lt_agg *min, *max;
    const lt_type *type;
    lt_cells *cells;
    lt_cells *other;
    uint64_t rng;
} rig;

static uint64_t rnd(rig *r, uint64_t n)
{
    r->rng ^= r->rng << 13;
    r->rng ^= r->rng >> 7;
    r->rng ^= r->rng << 17;
    return r->rng % n;
}

static void rig_open(rig *r, const lt_type *(*type)(fix *))
{
    memset(r, 0, sizeof *r);
    fix_open(&r->f);
    r->rng = 88172645463325252ULL;
    r->type = type(&r->f);
    lt_expr *arg = col(&r->f, 0, r->type);
    assert_int_equal(
        lt_agg_bind(&r->f.b, LT_STR("MIN"), &arg, 1, false, NULL, true, 0, &r->min, &r->f.err),
        LT_OK);
    assert_int_equal(
        lt_agg_bind(&r->f.b, LT_STR("MAX"), &arg, 1, false, NULL, true, 0, &r->max, &r->f.err),
        LT_OK);
    r->cells = lt_cells_new(&r->f.mem);
    r->other = lt_cells_new(&r->f.mem);
    assert_non_null(r->cells);
    assert_non_null(r->other);
}

static void rig_close(rig *r)
{
    lt_cells_free(r->cells);
    lt_cells_free(r->other);
    fix_close(&r->f);
}

/* Value number n: numbers order like values. */
static void put_value(rig *r, lt_col *col_, uint32_t row, int64_t n)
{
    char text[80];
    switch ((int)lt_type_phys(r->type)) {
    case LT_PHYS_I32:
        LT_COL_DATA(col_, int32_t)[row] = (int32_t)(n - 50);
        break;
    case LT_PHYS_F64:
        LT_COL_DATA(col_, double)[row] = ((double)n - 50) / 4;
        break;
    case LT_PHYS_I128: {
        lt_i128 v = (lt_i128)(n - 50) * ((int64_t)1 << 61);
        memcpy(&LT_COL_DATA(col_, char)[(size_t)row * 16], &v, 16);
        break;
    }
    case LT_PHYS_TS9:
        LT_COL_DATA(col_, lt_ts9)
        [row] = (lt_ts9){(n - 50) / 7 - (n < 50 ? 1 : 0),
                         (int32_t)(n < 50 ? (n - 50) % 7 + 7 : (n - 50) % 7), 0};
        break;
    case LT_PHYS_STR: {
        /* Some short, some that agree in more than eight bytes. */
        int len = snprintf(text, sizeof text,
                           n % 3 ? "common prefix %06lld and more" : "common prefix %06lld",
                           (long long)n);
        lt_str s = lt_arena_str(r->f.arena, (lt_str){text, (size_t)len});
        LT_COL_DATA(col_, lt_strv)[row] = lt_strv_make(s.ptr, s.len);
        break;
    }
    default:
        LT_COL_DATA(col_, int64_t)[row] = n * 1000003 - 7;
        break;
    }
}

static lt_col one_value(rig *r, int64_t n)
{
    lt_col c;
    assert_true(lt_col_init(&c, r->type, CAP, r->f.arena));
    put_value(r, &c, 0, n);
    return c;
}

static void apply(rig *r, const lt_agg *agg, uint8_t *state, lt_cells *cells, int64_t n, int sign)
{
    lt_col c = one_value(r, n);
    const uint32_t row = 0;
    uint8_t *states[1] = {state};
    assert_int_equal(agg->cls->update(agg, states, &c, &row, 1, sign, cells, &r->f.err), LT_OK);
}

/* want < 0: NULL. */
static void check(rig *r, const lt_agg *agg, const uint8_t *state, int64_t want)
{
    lt_col out;
    assert_true(lt_col_init(&out, agg->result, CAP, r->f.arena));
    const uint8_t *states[1] = {state};
    assert_int_equal(agg->cls->finish(agg, states, 1, &out, CAP, r->f.arena, &r->f.err), LT_OK);
    assert_int_equal(lt_col_is_null(&out, 0), want < 0);
    if (want >= 0) {
        lt_col c = one_value(r, want);
        assert_true(lt_col_value_eq(&out, 0, &c, 0));
    }
}

#define VALUES 3000

static void check_both(rig *r, uint8_t *states[2], const int *counts)
{
    int64_t least = -1, most = -1;
    for (int64_t n = 0; n < VALUES; n++) {
        if (counts[n] > 0) {
            least = least < 0 ? n : least;
            most = n;
        }
    }
    check(r, r->min, states[0], least);
    check(r, r->max, states[1], most);
}

static uint8_t *state_new(rig *r)
{
    uint8_t *state = lt_arena_alloc(r->f.arena, r->min->state_size, 8);
    assert_non_null(state);
    memset(state, 0, r->min->state_size);
    return state;
}

/* Phases that grow, shrink and churn, over few or many different values. */
static void run_random(rig *r, int64_t values, int steps)
{
    static int counts[VALUES];
    memset(counts, 0, sizeof counts);
    uint8_t *states[2] = {state_new(r), state_new(r)};
    for (int i = 0; i < steps; i++) {
        int64_t n = (int64_t)rnd(r, (uint64_t)values);
        bool adds = rnd(r, 100) < (i / 400 % 3 == 0 ? 80U : i / 400 % 3 == 1 ? 25U : 50U);
        if (!adds && counts[n] <= 0 && rnd(r, 10) > 0) {
            continue;
        }
        counts[n] += adds ? 1 : -1;
        apply(r, r->min, states[0], r->cells, n, adds ? 1 : -1);
        apply(r, r->max, states[1], r->cells, n, adds ? 1 : -1);
        if (i % 16 == 0 || i > steps - 50) {
            check_both(r, states, counts);
        }
    }
    for (int64_t n = 0; n < values; n++) {
        for (; counts[n] != 0; counts[n] += counts[n] < 0 ? 1 : -1) {
            apply(r, r->min, states[0], r->cells, n, counts[n] < 0 ? 1 : -1);
            apply(r, r->max, states[1], r->cells, n, counts[n] < 0 ? 1 : -1);
        }
        if (n % 64 == 0) {
            check_both(r, states, counts);
        }
    }
    check_both(r, states, counts);
    /* Nothing held is nothing stored. */
    for (size_t at = 0; at < r->min->state_size; at += 8) {
        int64_t word;
        memcpy(&word, states[0] + at, 8);
        if (lt_type_phys(r->type) != LT_PHYS_STR) {
            assert_int_equal(word, 0);
        }
    }
}

static void run_merge(rig *r)
{
    static int counts[VALUES];
    memset(counts, 0, sizeof counts);
    uint8_t *dst[2] = {state_new(r), state_new(r)};
    uint8_t *src[2] = {state_new(r), state_new(r)};
    for (int i = 0; i < 600; i++) {
        int64_t n = (int64_t)rnd(r, 200);
        int sign = rnd(r, 3) > 0 ? 1 : -1;
        bool first = rnd(r, 2) > 0;
        counts[n] += sign;
        apply(r, r->min, first ? dst[0] : src[0], first ? r->cells : r->other, n, sign);
        apply(r, r->max, first ? dst[1] : src[1], first ? r->cells : r->other, n, sign);
    }
    const lt_agg *aggs[2] = {r->min, r->max};
    for (int a = 0; a < 2; a++) {
        const uint8_t *from[1] = {src[a]};
        assert_int_equal(aggs[a]->cls->merge(aggs[a], &dst[a], from, 1, r->cells, &r->f.err),
                         LT_OK);
    }
    check_both(r, dst, counts);
}

static void run_type(const lt_type *(*type)(fix *))
{
    rig r;
    rig_open(&r, type);
    run_random(&r, 5, 500);
    run_random(&r, 300, 3000);
    run_random(&r, VALUES, 8000);
    run_merge(&r);
    rig_close(&r);
}

static const lt_type *type_int(fix *f)
{
    return ty(f, LT_TYPE_INT);
}

static const lt_type *type_bigint(fix *f)
{
    return ty(f, LT_TYPE_BIGINT);
}

static const lt_type *type_double(fix *f)
{
    return ty(f, LT_TYPE_DOUBLE);
}

static const lt_type *type_decimal(fix *f)
{
    return lt_type_decimal(f->arena, 38, 4, true);
}

static const lt_type *type_nanos(fix *f)
{
    return lt_type_time(f->arena, LT_TYPE_TIMESTAMP, 9, true);
}

static void test_types(void **state)
{
    (void)state;
    run_type(type_int);
    run_type(type_bigint);
    run_type(type_double);
    run_type(type_decimal);
    run_type(type_nanos);
    run_type(ty_string);
}

static void add_double(rig *r, const lt_agg *agg, uint8_t *state, double value, int sign)
{
    lt_col c = one_value(r, 0);
    LT_COL_DATA(&c, double)[0] = value;
    const uint32_t row = 0;
    assert_int_equal(agg->cls->update(agg, &state, &c, &row, 1, sign, r->cells, &r->f.err), LT_OK);
}

static double get_double(rig *r, const lt_agg *agg, const uint8_t *state)
{
    lt_col out;
    assert_true(lt_col_init(&out, agg->result, CAP, r->f.arena));
    assert_int_equal(agg->cls->finish(agg, &state, 1, &out, CAP, r->f.arena, &r->f.err), LT_OK);
    return LT_COL_DATA(&out, double)[0];
}

/* Doubles order as Java's compareTo does: -0 before 0, NaN last and equal to itself. */
static void test_doubles(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, type_double);
    uint8_t *max = state_new(&r);
    uint8_t *min = state_new(&r);
    const double values[5] = {0.0, -0.0, (double)NAN, -(double)INFINITY, 2.5};
    for (int i = 0; i < 5; i++) {
        add_double(&r, r.max, max, values[i], 1);
        add_double(&r, r.min, min, values[i], 1);
    }
    assert_true(isnan(get_double(&r, r.max, max)));
    add_double(&r, r.max, max, -(double)NAN, -1);
    assert_true(get_double(&r, r.max, max) == 2.5);
    assert_true(isinf(get_double(&r, r.min, min)));
    add_double(&r, r.min, min, -(double)INFINITY, -1);
    assert_true(signbit(get_double(&r, r.min, min)));
    add_double(&r, r.min, min, -0.0, -1);
    assert_false(signbit(get_double(&r, r.min, min)));
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
