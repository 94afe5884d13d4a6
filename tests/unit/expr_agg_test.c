/* Aggregates: results over groups against plain C, retraction, merging, NULLs, strings and nested
 * values in cells. */
#include "expr_fixture.h"

#include "expr/aggregate.h"

#define ROWS   400
#define GROUPS 7

typedef struct {
    fix f;
    lt_cells *cells;
    lt_col cols[4]; /* INT, DOUBLE, DECIMAL(10,2), STRING; every fifth row NULL */
    uint32_t rows[ROWS];
} world;

static void open_world(world *w)
{
    fix_open(&w->f);
    w->cells = lt_cells_new(&w->f.mem);
    const lt_type *types[] = {ty(&w->f, LT_TYPE_INT), ty(&w->f, LT_TYPE_DOUBLE),
                              lt_type_decimal(w->f.arena, 10, 2, true), ty_string(&w->f)};
    for (int c = 0; c < 4; c++) {
        assert_true(lt_col_init(&w->cols[c], types[c], 448, w->f.arena));
        uint64_t *valid = lt_col_need_valid(&w->cols[c], 448, w->f.arena);
        for (uint32_t r = 0; r < ROWS; r++) {
            if (r % 5 == 0) {
                lt_bit_clear(valid, r);
            }
        }
    }
    for (uint32_t r = 0; r < ROWS; r++) {
        int32_t x = (int32_t)(r * 37 % 101) - 50;
        LT_COL_DATA(&w->cols[0], int32_t)[r] = x;
        LT_COL_DATA(&w->cols[1], double)[r] = x / 4.0;
        LT_COL_DATA(&w->cols[2], int64_t)[r] = x * 25;
        const char *text =
            lt_arena_printf(w->f.arena, "%s%d", x % 2 ? "a rather long value " : "s", x);
        LT_COL_DATA(&w->cols[3], lt_strv)[r] = lt_strv_make(text, strlen(text));
        w->rows[r] = r;
    }
}

static void close_world(world *w)
{
    lt_cells_free(w->cells);
    fix_close(&w->f);
}

static lt_agg *bind(world *w, const char *name, int column, bool retracts)
{
    lt_agg *agg = NULL;
    lt_expr *arg = column >= 0 ? col(&w->f, (uint32_t)column, w->cols[column].type) : NULL;
    lt_status st = lt_agg_bind(&w->f.b, lt_str_of(name), &arg, column >= 0 ? 1 : 0, false, NULL,
                               retracts, 0, &agg, &w->f.err);
    if (st != LT_OK) {
        fail_msg("%s: %s", name, w->f.err.text);
    }
    return agg;
}

/* Result of group g as text. Rows go to groups by r % GROUPS; `removed` rows are taken away again;
 * with `halves` two sets of states are merged. */
static void run(world *w, const lt_agg *agg, int column, uint32_t removed, bool halves,
                const char *got[GROUPS])
{
    size_t size = agg->state_size;
    uint8_t *memory = LT_NEW_ARRAY(w->f.arena, uint8_t, size * GROUPS * 2);
    uint8_t *states[ROWS], *all[GROUPS];
    const uint8_t *second[GROUPS], *final[GROUPS];
    for (uint32_t g = 0; g < GROUPS; g++) {
        all[g] = memory + g * size;
        final[g] = all[g];
        second[g] = memory + (GROUPS + g) * size;
    }
    for (uint32_t r = 0; r < ROWS; r++) {
        states[r] = memory + ((halves && r >= ROWS / 2 ? GROUPS : 0) + r % GROUPS) * size;
    }
    const lt_col *args = column >= 0 ? &w->cols[column] : NULL;
    lt_error *err = &w->f.err;
    assert_int_equal(agg->cls->update(agg, states, args, w->rows, ROWS, 1, w->cells, err), LT_OK);
    if (removed > 0) {
        assert_int_equal(agg->cls->update(agg, states, args, w->rows, removed, -1, w->cells, err),
                         LT_OK);
    }
    if (halves) {
        assert_int_equal(agg->cls->merge(agg, all, second, GROUPS, w->cells, err), LT_OK);
    }
    lt_col out;
    assert_true(lt_col_init(&out, agg->result, 64, w->f.arena));
    assert_int_equal(agg->cls->finish(agg, final, GROUPS, &out, 64, w->f.arena, err), LT_OK);
    for (uint32_t g = 0; g < GROUPS; g++) {
        lt_value v;
        lt_expr *literal = NULL;
        assert_true(lt_value_load(&v, &out, g, true, w->f.arena));
        v.type = agg->result;
        assert_int_equal(lt_expr_literal(&w->f.b, &v, 0, &literal, err), LT_OK);
        got[g] = text_of(&w->f, literal);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    for (int halves = 0; halves < 2; halves++) {
        for (uint32_t removed = 0; removed <= 100; removed += 50) {
            const char *count[GROUPS], *sum[GROUPS], *avg[GROUPS], *real[GROUPS], *dec[GROUPS];
            run(&w, bind(&w, "COUNT", 0, true), 0, removed, halves, count);
            run(&w, bind(&w, "SUM", 0, true), 0, removed, halves, sum);
            run(&w, bind(&w, "AVG", 0, true), 0, removed, halves, avg);
            run(&w, bind(&w, "SUM", 1, true), 1, removed, halves, real);
            run(&w, bind(&w, "SUM", 2, true), 2, removed, halves, dec);
            for (uint32_t g = 0; g < GROUPS; g++) {
                int64_t n = 0, total = 0;
                for (uint32_t r = removed; r < ROWS; r++) {
                    if (r % GROUPS == g && r % 5 != 0) {
                        n++;
                        total += (int64_t)(r * 37 % 101) - 50;
                    }
                }
                const char *want = lt_arena_printf(w.f.arena, "%lld", (long long)n);
                assert_string_equal(count[g], want);
                assert_string_equal(sum[g], lt_arena_printf(w.f.arena, "%lld", (long long)total));
                assert_string_equal(avg[g],
                                    lt_arena_printf(w.f.arena, "%lld", (long long)(total / n)));
                lt_expr *quarter = lit_int(&w.f, total, LT_TYPE_INT);
                quarter = call(&w.f, "/", cast_to(&w.f, quarter, ty(&w.f, LT_TYPE_DOUBLE), false),
                               lit_int(&w.f, 4, LT_TYPE_INT));
                assert_string_equal(real[g], text_of(&w.f, quarter));
                lt_expr *exact =
                    cast_to(&w.f, quarter, lt_type_decimal(w.f.arena, 38, 2, true), false);
                assert_string_equal(dec[g], text_of(&w.f, exact));
            }
        }
    }
    close_world(&w);
}

static void test_extremes_and_values(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    for (int halves = 0; halves < 2; halves++) {
        const char *min[GROUPS], *max[GROUPS], *text[GROUPS], *first[GROUPS], *last[GROUPS];
        run(&w, bind(&w, "MIN", 0, false), 0, 0, halves, min);
        run(&w, bind(&w, "MAX", 2, false), 2, 0, halves, max);
        run(&w, bind(&w, "MAX", 3, false), 3, 0, halves, text);
        run(&w, bind(&w, "FIRST_VALUE", 3, false), 3, 0, halves, first);
        run(&w, bind(&w, "LAST_VALUE", 0, false), 0, 0, halves, last);
        for (uint32_t g = 0; g < GROUPS; g++) {
            int32_t low = 1000, high = -1000, newest = 0;
            lt_str greatest = {"", 0}, oldest = {NULL, 0};
            for (uint32_t r = g; r < ROWS; r += GROUPS) {
                if (r % 5 == 0) {
                    continue;
                }
                int32_t x = LT_COL_DATA(&w.cols[0], int32_t)[r];
                low = LT_MIN(low, x);
                high = LT_MAX(high, x);
                newest = x;
                lt_str s = lt_strv_str(&LT_COL_DATA(&w.cols[3], lt_strv)[r]);
                greatest = lt_str_cmp(s, greatest) > 0 ? s : greatest;
                oldest = oldest.ptr == NULL ? s : oldest;
            }
            assert_string_equal(min[g], lt_arena_printf(w.f.arena, "%d", low));
            lt_expr *dec =
                cast_to(&w.f, lit_str(&w.f, lt_arena_printf(w.f.arena, "%g", high / 4.0)),
                        w.cols[2].type, false);
            assert_string_equal(max[g], text_of(&w.f, dec));
            assert_string_equal(text[g], lt_arena_strndup(w.f.arena, greatest.ptr, greatest.len));
            assert_string_equal(first[g], lt_arena_strndup(w.f.arena, oldest.ptr, oldest.len));
            assert_string_equal(last[g], lt_arena_printf(w.f.arena, "%d", newest));
        }
    }
    close_world(&w);
}

static void test_lists(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    const char *got[GROUPS], *again[GROUPS];
    /* All rows but the last 14 taken away: two rows a group are left, some of them NULL. */
    run(&w, bind(&w, "ARRAY_AGG", 0, true), 0, ROWS - 14, false, got);
    for (uint32_t g = 0; g < GROUPS; g++) {
        lt_text want;
        lt_text_init(&want, &w.f.mem);
        for (uint32_t r = ROWS - 14; r < ROWS; r++) {
            if (r % GROUPS == g) {
                lt_text_puts(&want, want.len == 0 ? "[" : ", ");
                if (r % 5 == 0) {
                    lt_text_puts(&want, "NULL");
                } else {
                    lt_text_printf(&want, "%d", LT_COL_DATA(&w.cols[0], int32_t)[r]);
                }
            }
        }
        lt_text_putc(&want, ']');
        assert_int_equal(strlen(got[g]),
                         want.len); /* equal values may have been taken from either end */
        lt_text_deinit(&want);
    }
    run(&w, bind(&w, "LISTAGG", 3, false), 3, 0, false, got);
    run(&w, bind(&w, "LISTAGG", 3, true), 3, 0, true, again);
    for (uint32_t g = 0; g < GROUPS; g++) {
        assert_string_equal(got[g], again[g]);
    }
    run(&w, bind(&w, "COLLECT", 0, true), 0, ROWS, true, got);
    for (uint32_t g = 0; g < GROUPS; g++) {
        assert_string_equal(got[g], "{}");
    }
    run(&w, bind(&w, "LAST_VALUE", 3, true), 3, ROWS, false, got);
    assert_string_equal(got[0], "NULL");
    close_world(&w);
}

static void test_types(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    assert_string_equal(type_text(&w.f, bind(&w, "COUNT", -1, false)->result), "BIGINT NOT NULL");
    assert_string_equal(type_text(&w.f, bind(&w, "SUM", 0, false)->result), "INT");
    assert_string_equal(type_text(&w.f, bind(&w, "SUM", 2, false)->result), "DECIMAL(38, 2)");
    assert_string_equal(type_text(&w.f, bind(&w, "AVG", 2, false)->result), "DECIMAL(38, 6)");
    assert_string_equal(type_text(&w.f, bind(&w, "STDDEV_POP", 0, false)->result), "INT");
    lt_agg *agg;
    lt_expr *text = col(&w.f, 3, w.cols[3].type);
    assert_int_equal(
        lt_agg_bind(&w.f.b, LT_STR("SUM"), &text, 1, false, NULL, false, 3, &agg, &w.f.err),
        LT_ERR_SQL);
    assert_int_equal(
        lt_agg_bind(&w.f.b, LT_STR("SUMM"), &text, 1, false, NULL, false, 3, &agg, &w.f.err),
        LT_ERR_SQL);
    assert_non_null(strstr(w.f.err.hint, "SUM"));
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_extremes_and_values),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
