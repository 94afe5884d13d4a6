/* What every accumulator promises, for every function of the registry: a byte form that is the same
 * everywhere, merge(a, b) = a ++ b, a retraction undoes its row to the last byte, records can be
 * saved, loaded elsewhere and merged.
 *
 * A new aggregate needs a line in cases[] and its bytes in expr_accumulators_golden.h; the program
 * prints the bytes of all when it is called with an argument. */
#include <stdio.h>

#include "expr_fixture.h"

#include "data/cells.h"
#include "expr/aggregate.h"
#include "expr_accumulators_golden.h"

#define ROWS 320
#define CAP  384

/* Arguments, one letter each: columns, or literals (upper case P, Q, L). */
static const char letters[] = "b1248fdmMstTDiarkn";

typedef struct {
    const char *name;
    const char *args;
    uint32_t rows_max; /* a record may hold; 0 = any number */
} agg_case;

static const agg_case cases[] = {
    {"COUNT", "", 0},
    {"COUNT", "4", 0},
    {"COUNT", "4s", 0},
    {"SUM", "1", 0},
    {"SUM", "2", 0},
    {"SUM", "4", 0},
    {"SUM", "8", 0},
    {"SUM", "f", 0},
    {"SUM", "d", 0},
    {"SUM", "m", 0},
    {"SUM", "M", 0},
    {"$SUM0", "4", 0},
    {"$SUM0", "d", 0},
    {"AVG", "1", 0},
    {"AVG", "2", 0},
    {"AVG", "4", 0},
    {"AVG", "8", 0},
    {"AVG", "f", 0},
    {"AVG", "d", 0},
    {"AVG", "m", 0},
    {"AVG", "M", 0},
    {"MIN", "b", 0},
    {"MIN", "1", 0},
    {"MIN", "2", 0},
    {"MIN", "4", 0},
    {"MIN", "8", 0},
    {"MIN", "f", 0},
    {"MIN", "d", 0},
    {"MIN", "m", 0},
    {"MIN", "M", 0},
    {"MIN", "s", 0},
    {"MIN", "t", 0},
    {"MIN", "T", 0},
    {"MIN", "D", 0},
    {"MIN", "i", 0},
    {"MAX", "b", 0},
    {"MAX", "1", 0},
    {"MAX", "2", 0},
    {"MAX", "4", 0},
    {"MAX", "8", 0},
    {"MAX", "f", 0},
    {"MAX", "d", 0},
    {"MAX", "m", 0},
    {"MAX", "M", 0},
    {"MAX", "s", 0},
    {"MAX", "t", 0},
    {"MAX", "T", 0},
    {"MAX", "D", 0},
    {"VAR_POP", "1", 0},
    {"VAR_POP", "2", 0},
    {"VAR_POP", "4", 0},
    {"VAR_POP", "8", 0},
    {"VAR_POP", "f", 0},
    {"VAR_POP", "d", 0},
    {"VAR_POP", "m", 0},
    {"VAR_SAMP", "d", 0},
    {"VARIANCE", "d", 0},
    {"STDDEV_POP", "d", 0},
    {"STDDEV_SAMP", "d", 0},
    {"STDDEV", "d", 0},
    {"FIRST_VALUE", "4", 0},
    {"FIRST_VALUE", "s", 0},
    {"FIRST_VALUE", "r", 0},
    {"LAST_VALUE", "4", 0},
    {"LAST_VALUE", "s", 0},
    {"LAST_VALUE", "a", 0},
    {"$LAG", "4", 0},
    {"SINGLE_VALUE", "4", 1},
    {"SINGLE_VALUE", "s", 1},
    {"LISTAGG", "s", 0},
    {"LISTAGG", "sL", 0},
    {"COLLECT", "4", 0},
    {"COLLECT", "s", 0},
    {"ARRAY_AGG", "4", 0},
    {"ARRAY_AGG", "s", 0},
    {"ARRAY_AGG", "a", 0},
    {"ARRAY_AGG", "r", 0},
    {"JSON_OBJECTAGG", "ks", 0},
    {"$JSON_OBJECTAGG_ABSENT", "ks", 0},
    {"JSON_ARRAYAGG", "s", 0},
    {"$JSON_ARRAYAGG_NULL", "s", 0},
    {"PERCENTILE", "dP", 0},
    {"PERCENTILE", "dQ", 0},
    {"PERCENTILE", "dPn", 0},
    {"APPROX_COUNT_DISTINCT", "4", 0},
    {"APPROX_COUNT_DISTINCT", "s", 0},
    {"APPROX_COUNT_DISTINCT", "M", 0},
    {"APPROX_COUNT_DISTINCT", "a", 0},
};

typedef struct {
    fix f;
    lt_col cols[sizeof letters];
    uint32_t rows[ROWS];
    uint32_t solid[ROWS]; /* rows without NULL, all different in the columns of wide types */
    uint32_t solid_count;
} world;

static const lt_type *type_for(fix *f, char letter)
{
    const lt_field fields[2] = {{.name = LT_STR("x"), .type = ty(f, LT_TYPE_INT)},
                                {.name = LT_STR("y"), .type = ty_string(f)}};
    switch (letter) {
    case 'b':
        return ty(f, LT_TYPE_BOOLEAN);
    case '1':
        return ty(f, LT_TYPE_TINYINT);
    case '2':
        return ty(f, LT_TYPE_SMALLINT);
    case '4':
        return ty(f, LT_TYPE_INT);
    case 'f':
        return ty(f, LT_TYPE_FLOAT);
    case 'd':
        return ty(f, LT_TYPE_DOUBLE);
    case 'm':
        return lt_type_decimal(f->arena, 10, 2, true);
    case 'M':
        return lt_type_decimal(f->arena, 30, 2, true);
    case 's':
    case 'k':
        return ty_string(f);
    case 't':
        return lt_type_time(f->arena, LT_TYPE_TIMESTAMP, 3, true);
    case 'T':
        return lt_type_time(f->arena, LT_TYPE_TIMESTAMP, 9, true);
    case 'D':
        return ty(f, LT_TYPE_DATE);
    case 'i':
        return ty(f, LT_TYPE_INTERVAL_SECOND);
    case 'a':
        return lt_type_array(f->arena, ty(f, LT_TYPE_INT), true);
    case 'r':
        return lt_type_row(f->arena, fields, 2, true);
    default:
        return ty(f, LT_TYPE_BIGINT);
    }
}

/* The value number n of a type: different for different n, but for small types; sums of them are
 * exact in every type. */
static lt_value value_for(fix *f, const lt_type *type, char letter, int64_t n)
{
    lt_value v = {.type = type};
    switch (letter) {
    case 'b':
        v.u.b = n % 2 != 0;
        break;
    case '1':
        v.u.i = n % 100;
        break;
    case 'f':
        v.u.f = (double)(n % 16) * 0.25;
        break;
    case 'd':
        v.u.f = (double)(n % 512) * 0.25;
        break;
    case 'M':
        v.u.wide = (lt_i128)n * 25 - 1000;
        break;
    case 'm':
        v.u.i = n * 25 - 1000;
        break;
    case 's':
    case 'k':
        v.u.s = lt_str_of(
            lt_arena_printf(f->arena, n % 3 ? "v%04d" : "a text of some length, %04d", (int)n));
        break;
    case 'T':
        v.u.ts = (lt_ts9){.ms = n / 8, .ns_of_ms = (int32_t)(n % 8)};
        break;
    case 'n':
        v.u.i = n % 4;
        break;
    case 'a':
    case 'r': {
        lt_value *items = LT_NEW_ARRAY(f->arena, lt_value, 2);
        items[0] = (lt_value){.type = ty(f, LT_TYPE_INT), .u.i = n};
        items[1] = letter == 'a' ? (lt_value){.type = items[0].type, .is_null = true}
                                 : (lt_value){.type = ty_string(f), .u.s = LT_STR("y")};
        v.u.list.items = items;
        v.u.list.count = 2;
        break;
    }
    default:
        v.u.i = n;
        break;
    }
    return v;
}

static void open_world(world *w)
{
    memset(w, 0, sizeof *w);
    fix_open(&w->f);
    for (size_t c = 0; letters[c] != 0; c++) {
        const lt_type *type = type_for(&w->f, letters[c]);
        assert_true(lt_col_init(&w->cols[c], type, CAP, w->f.arena));
        for (uint32_t r = 0; r < ROWS; r++) {
            lt_value v = value_for(&w->f, type, letters[c], (int64_t)r * 37 % 1009 + 1);
            v.is_null = r % 5 == 2 && letters[c] != 'k';
            assert_true(lt_value_store(&v, &w->cols[c], r, CAP, w->f.arena));
        }
    }
    for (uint32_t r = 0; r < ROWS; r++) {
        w->rows[r] = r;
        w->solid[w->solid_count] = r;
        w->solid_count += r % 5 != 2;
    }
}

static lt_expr *literal_for(world *w, char letter)
{
    const lt_type *real = lt_type_new(w->f.arena, LT_TYPE_DOUBLE, false);
    lt_value v = {.type = real, .u.f = 0.3};
    lt_expr *out = NULL, *items[2];
    if (letter == 'L') {
        return lit_str(&w->f, "; ");
    }
    assert_int_equal(lt_expr_literal(&w->f.b, &v, 0, &items[0], &w->f.err), LT_OK);
    if (letter == 'P') {
        return items[0];
    }
    v.u.f = 1;
    assert_int_equal(lt_expr_literal(&w->f.b, &v, 0, &items[1], &w->f.err), LT_OK);
    assert_int_equal(lt_expr_call(&w->f.b, LT_STR("ARRAY"), items, 2, 0, &out, &w->f.err), LT_OK);
    return out;
}

/* A call and its evaluated arguments. */
typedef struct {
    world *w;
    lt_agg *agg;
    lt_col args[3];
    const uint32_t *rows;
} rig;

static rig bind(world *w, const agg_case *c, bool retracts)
{
    rig r = {.w = w, .rows = w->rows};
    lt_expr *args[3] = {NULL};
    uint32_t count = (uint32_t)strlen(c->args);
    assert_true(count <= 3);
    for (uint32_t a = 0; a < count; a++) {
        const char *at = strchr(letters, c->args[a]);
        if (at == NULL) {
            args[a] = literal_for(w, c->args[a]);
            continue;
        }
        r.args[a] = w->cols[at - letters];
        args[a] = col(&w->f, (uint32_t)(at - letters), r.args[a].type);
    }
    lt_status st = lt_agg_bind(&w->f.b, lt_str_of(c->name), args, count, false, NULL, false, 0,
                               &r.agg, &w->f.err);
    if (st == LT_OK && retracts) {
        st = lt_agg_rebind(&w->f.b, r.agg, true, &r.agg, &w->f.err);
    }
    if (st != LT_OK) {
        fail_msg("%s(%s): %s", c->name, c->args, w->f.err.text);
    }
    return r;
}

/* A record with a store for its cells. */
typedef struct {
    uint8_t *bytes;
    lt_cells *cells;
} state;

static state state_new(rig *r)
{
    state s = {.bytes =
                   (uint8_t *)LT_NEW_ARRAY(r->w->f.arena, uint64_t, r->agg->state_size / 8 + 1),
               .cells = lt_cells_new(&r->w->f.mem)};
    assert_non_null(s.bytes);
    assert_non_null(s.cells);
    return s;
}

static lt_cell *cell_of(const rig *r, const state *s, uint32_t c)
{
    return (lt_cell *)(void *)(s->bytes + r->agg->cell_offsets[c]);
}

static void state_free(state *s)
{
    lt_cells_free(s->cells);
}

static lt_status try_change(rig *r, state *s, uint32_t from, uint32_t to, int sign)
{
    uint8_t *states[ROWS];
    for (uint32_t i = 0; i < to - from; i++) {
        states[i] = s->bytes;
    }
    return r->agg->cls->update(r->agg, states, r->args, r->rows + from, to - from, sign, s->cells,
                               &r->w->f.err);
}

static void change(rig *r, state *s, uint32_t from, uint32_t to, int sign)
{
    if (try_change(r, s, from, to, sign) != LT_OK) {
        fail_msg("%s: %s", r->agg->cls->name, r->w->f.err.text);
    }
}

static void merge(rig *r, state *d, const state *s)
{
    const uint8_t *from = s->bytes;
    if (r->agg->cls->merge(r->agg, &d->bytes, &from, 1, d->cells, &r->w->f.err) != LT_OK) {
        fail_msg("%s: %s", r->agg->cls->name, r->w->f.err.text);
    }
}

static const char *result(rig *r, const state *s)
{
    const uint8_t *from = s->bytes;
    lt_col out;
    lt_value v;
    lt_expr *literal = NULL;
    lt_arena *arena = r->w->f.arena;
    assert_true(lt_col_init(&out, r->agg->result, 64, arena));
    assert_int_equal(r->agg->cls->finish(r->agg, &from, 1, &out, 64, arena, &r->w->f.err), LT_OK);
    assert_true(lt_value_load(&v, &out, 0, true, arena));
    v.type = lt_type_with_nullable(arena, r->agg->result, true);
    assert_int_equal(lt_expr_literal(&r->w->f.b, &v, 0, &literal, &r->w->f.err), LT_OK);
    return text_of(&r->w->f, literal);
}

/* The documented form: the record with its cells as zeros, then each cell's bytes. */
static void print_hex(lt_text *to, const uint8_t *bytes, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        lt_text_printf(to, "%02x", bytes[i]);
    }
}

static const char *bytes_of(rig *r, const state *s)
{
    uint8_t *copy = (uint8_t *)LT_NEW_ARRAY(r->w->f.arena, uint64_t, r->agg->state_size / 8 + 1);
    lt_text text;
    lt_text_init(&text, &r->w->f.mem);
    memcpy(copy, s->bytes, r->agg->state_size);
    for (uint32_t c = 0; c < r->agg->cell_count; c++) {
        memset(copy + r->agg->cell_offsets[c], 0, sizeof(lt_cell));
    }
    print_hex(&text, copy, r->agg->state_size);
    for (uint32_t c = 0; c < r->agg->cell_count; c++) {
        const lt_cell *cell = cell_of(r, s, c);
        lt_text_putc(&text, '|');
        print_hex(&text, cell->ptr, cell->len);
    }
    const char *out = lt_arena_strndup(r->w->f.arena, text.ptr, text.len);
    lt_text_deinit(&text);
    return out;
}

/* Another record with the same bytes elsewhere, as after a restore; the old one is gone. */
static state moved(rig *r, state *s)
{
    state fresh = state_new(r);
    memcpy(fresh.bytes, s->bytes, r->agg->state_size);
    for (uint32_t c = 0; c < r->agg->cell_count; c++) {
        const lt_cell *from = cell_of(r, s, c);
        lt_cell *to = cell_of(r, &fresh, c);
        *to = (lt_cell){0};
        if (from->len > 0) {
            assert_true(lt_cells_set(fresh.cells, to, from->ptr, from->len));
        }
    }
    memset(s->bytes, 0xa5, r->agg->state_size);
    state_free(s);
    return fresh;
}

static const char *label(fix *f, const agg_case *c, bool retracts)
{
    return lt_arena_printf(f->arena, "%s(%s)%s", c->name, c->args, retracts ? " -" : "");
}

static const char *golden_of(const char *name)
{
    for (size_t i = 0; i < LT_COUNT_OF(golden); i++) {
        if (strcmp(golden[i].name, name) == 0) {
            return golden[i].bytes;
        }
    }
    return NULL;
}

/* Six rows, of which one has NULL, and one comes twice where it may. */
static const char *golden_bytes(world *w, const agg_case *c, bool retracts)
{
    rig r = bind(w, c, retracts);
    state s = state_new(&r);
    change(&r, &s, 0, c->rows_max > 0 ? c->rows_max : 5, 1);
    if (c->rows_max == 0 && c->args[0] != 'k') {
        change(&r, &s, 1, 2, 1);
    }
    const char *bytes = bytes_of(&r, &s);
    state_free(&s);
    return bytes;
}

static void test_every_function_has_a_case(void **unused)
{
    (void)unused;
    const char *name;
    for (uint32_t i = 0; (name = lt_func_aggregate_at(i)) != NULL; i++) {
        bool there = *name == 0; /* this build lacks it */
        for (size_t c = 0; c < LT_COUNT_OF(cases); c++) {
            there = there || strcmp(cases[c].name, name) == 0;
        }
        if (!there) {
            fail_msg("%s has no line in cases[]", name);
        }
    }
}

static void test_bytes(void **unused)
{
    (void)unused;
    world w;
    open_world(&w);
    for (size_t c = 0; c < LT_COUNT_OF(cases); c++) {
        for (int retracts = 0; retracts < 2; retracts++) {
            const char *name = label(&w.f, &cases[c], retracts);
            const char *want = golden_of(name);
            if (want == NULL) {
                fail_msg("%s has no bytes in expr_accumulators_golden.h", name);
            }
            assert_string_equal(golden_bytes(&w, &cases[c], retracts), want);
        }
    }
    fix_close(&w.f);
}

/* All of `rows` in one record, and in two that are merged, the cut being everywhere. */
static void check_merge(world *w, const agg_case *c, bool retracts)
{
    uint32_t rows = c->rows_max > 0 ? c->rows_max : ROWS;
    rig r = bind(w, c, retracts);
    state whole = state_new(&r);
    change(&r, &whole, 0, rows, 1);
    const char *want = result(&r, &whole);
    for (uint32_t cut = 0; cut <= rows; cut += LT_MAX(1U, rows / 5)) {
        state a = state_new(&r), b = state_new(&r);
        change(&r, &a, 0, cut, 1);
        change(&r, &b, cut, rows, 1);
        a = moved(&r, &a);
        b = moved(&r, &b);
        merge(&r, &a, &b);
        state_free(&b); /* nothing of it is borrowed */
        a = moved(&r, &a);
        const char *got = result(&r, &a);
        if (strcmp(got, want) != 0) {
            fail_msg("%s cut at %u: %s, expected %s", label(&w->f, c, retracts), cut, got, want);
        }
        state_free(&a);
    }
    state_free(&whole);
}

static void test_merge(void **unused)
{
    (void)unused;
    world w;
    open_world(&w);
    for (size_t c = 0; c < LT_COUNT_OF(cases); c++) {
        check_merge(&w, &cases[c], false);
        check_merge(&w, &cases[c], true);
    }
    fix_close(&w.f);
}

/* Rows behind `keep` come and go, in the order they came (`reverse`: the other way). Where some are
 * kept, all are different: of equal ones the oldest would go. */
static void check_retract(world *w, const agg_case *c, uint32_t keep, bool reverse)
{
    uint32_t rows = c->rows_max > 0 ? c->rows_max : ROWS;
    rig r = bind(w, c, true);
    state plain = state_new(&r), s = state_new(&r);
    if (keep > 0 && c->rows_max == 0) {
        r.rows = w->solid;
        rows = w->solid_count;
    }
    keep = LT_MIN(keep, rows);
    change(&r, &plain, 0, keep, 1);
    change(&r, &s, 0, rows, 1);
    s = moved(&r, &s);
    for (uint32_t i = keep; i < rows; i++) {
        uint32_t row = reverse ? rows - 1 - (i - keep) : i;
        change(&r, &s, row, row + 1, -1);
    }
    assert_string_equal(result(&r, &s), result(&r, &plain));
    if (keep == 0) {
        for (uint32_t b = 0; b < r.agg->state_size; b++) {
            if (s.bytes[b] != 0) {
                fail_msg("%s: byte %u is left of rows that are gone", label(&w->f, c, true), b);
            }
        }
    }
    state_free(&plain);
    state_free(&s);
}

static void test_retract(void **unused)
{
    (void)unused;
    world w;
    open_world(&w);
    for (size_t c = 0; c < LT_COUNT_OF(cases); c++) {
        for (int reverse = 0; reverse < 2; reverse++) {
            check_retract(&w, &cases[c], 0, reverse);
            check_retract(&w, &cases[c], 1, reverse);
            check_retract(&w, &cases[c], ROWS / 2, reverse);
        }
    }
    fix_close(&w.f);
}

/* The n-th allocation fails: the update says so, and nothing is lost or counted wrong. */
static void test_without_memory(void **unused)
{
    (void)unused;
    world w;
    open_world(&w);
    for (size_t c = 0; c < LT_COUNT_OF(cases); c++) {
        for (int retracts = 0; retracts < 2; retracts++) {
            rig r = bind(&w, &cases[c], retracts);
            uint32_t rows = cases[c].rows_max > 0 ? cases[c].rows_max : ROWS;
            for (int64_t n = 0;; n++) {
                state s = state_new(&r);
                int64_t start = atomic_load(&w.f.mem.alloc_count);
                atomic_store(&w.f.mem.fail_at, start + n);
                lt_status st = try_change(&r, &s, 0, rows, 1);
                if (st == LT_OK && retracts) {
                    st = try_change(&r, &s, 0, rows, -1);
                }
                bool reached = atomic_load(&w.f.mem.alloc_count) > start + n;
                atomic_store(&w.f.mem.fail_at, -1);
                state_free(&s);
                assert_true(st == LT_OK || (reached && st == LT_ERR_NOMEM));
                lt_error_clear(&w.f.err);
                if (!reached) {
                    break;
                }
            }
        }
    }
    fix_close(&w.f);
}

static void test_single_value(void **unused)
{
    (void)unused;
    static const agg_case c = {"SINGLE_VALUE", "4", 1};
    world w;
    open_world(&w);
    rig r = bind(&w, &c, true);
    state s = state_new(&r), other = state_new(&r);
    change(&r, &s, 0, 1, 1);
    change(&r, &s, 0, 1, -1);
    change(&r, &s, 2, 3, 1); /* NULL is a row too */
    assert_string_equal(result(&r, &s), "NULL");
    assert_int_equal(try_change(&r, &s, 1, 2, 1), LT_ERR_DATA);
    state_free(&s);
    s = state_new(&r);
    change(&r, &s, 0, 1, 1);
    change(&r, &other, 1, 2, 1);
    const uint8_t *from = other.bytes;
    assert_int_equal(r.agg->cls->merge(r.agg, &s.bytes, &from, 1, s.cells, &w.f.err), LT_ERR_DATA);
    state_free(&s);
    state_free(&other);
    fix_close(&w.f);
}

static void print_golden(void)
{
    world w;
    open_world(&w);
    for (size_t c = 0; c < LT_COUNT_OF(cases); c++) {
        for (int retracts = 0; retracts < 2; retracts++) {
            printf("    {\"%s\", \"%s\"},\n", label(&w.f, &cases[c], retracts),
                   golden_bytes(&w, &cases[c], retracts));
        }
    }
    fix_close(&w.f);
}

int main(int argc, char **argv)
{
    (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_function_has_a_case),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_retract),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_single_value),
    };
    if (argc > 1) {
        print_golden();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
