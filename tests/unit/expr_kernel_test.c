/* Kernels with wide or shortened ways against plain C: every length and alignment, the edges of
 * what the short ways take, with and without NULLs, on each processor level there is. */
#include "expr_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define ROWS 1000

static uint64_t seed = 88172645463325252ULL;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

typedef struct {
    fix f;
    lt_batch batch;
    lt_col cols[3];
    lt_col out;
    lt_row_errors errors;
} rig;

static const char *const levels[] = {"portable", "avx2"};

static void open_rig(rig *r)
{
    memset(r, 0, sizeof *r);
    fix_open(&r->f);
    r->batch.row_count = r->batch.row_cap = r->batch.sel_count = ROWS;
    r->batch.cols = r->cols;
    r->batch.col_count = 3;
}

static void use_column(rig *r, uint32_t index, const lt_type *type, bool nulls)
{
    assert_true(lt_col_init(&r->cols[index], type, ROWS, r->f.arena));
    r->cols[index].valid = NULL;
    if (nulls) {
        assert_non_null(lt_col_need_valid(&r->cols[index], ROWS, r->f.arena));
        for (uint32_t row = 0; row < ROWS; row++) {
            if (rnd() % 7 == 0) {
                lt_bit_clear(r->cols[index].valid, row);
            }
        }
    }
}

/* On one processor level. */
static void evaluate(rig *r, lt_expr *expr, const char *level)
{
    lt_program *program = NULL;
    (void)setenv("LEAT_CPU", level, 1);
    assert_int_equal(lt_program_new(&r->f.mem, &r->f.session, &expr, 1, &program, &r->f.err),
                     LT_OK);
    assert_int_equal(
        lt_program_eval(program, &r->batch, 0, r->f.arena, &r->out, &r->errors, &r->f.err), LT_OK);
    lt_program_free(program);
    (void)unsetenv("LEAT_CPU");
}

static bool null_at(const rig *r, uint32_t row, uint32_t columns)
{
    bool null = false;
    for (uint32_t c = 0; c < columns; c++) {
        null = null || lt_col_is_null(&r->cols[c], row);
    }
    return null;
}

static bool failed_at(const rig *r, uint32_t row)
{
    return r->errors.rows != NULL && lt_bit_get(r->errors.rows, row);
}

/* ---- division ---- */

static int64_t some_int(int kind, bool wide)
{
    int64_t most = wide ? INT64_MAX : INT32_MAX, edge = INT64_C(1) << 51;
    int64_t small = (int64_t)(rnd() % 2001) - 1000;
    switch (kind == 0 ? 0 : rnd() % 8) {
    case 1:
        return most - (int64_t)(rnd() % 3);
    case 2:
        return -most - 1 + (int64_t)(rnd() % 3);
    case 3:
        return wide ? edge + small / 100 : small;
    case 4:
        return wide ? -edge + small / 100 : -small;
    case 5:
        return -1;
    case 6:
        return wide ? (int64_t)rnd() : (int32_t)rnd();
    default:
        /* Near multiples, where a rounded quotient would be wrong. */
        return wide
                   ? ((int64_t)(rnd() >> 39) - (1 << 24)) * ((int64_t)(rnd() >> 39) - 7) + small % 2
                   : small;
    }
}

static void check_division(rig *r, bool wide, bool rest, int kind, bool nulls, bool constant)
{
    const lt_type *type = ty(&r->f, wide ? LT_TYPE_BIGINT : LT_TYPE_INT);
    use_column(r, 0, type, nulls);
    use_column(r, 1, type, nulls && !constant);
    int64_t fixed = constant ? (int64_t)(rnd() % 1000) + 1 : 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        int64_t x = some_int(kind, wide), y = constant ? fixed : some_int(kind, wide);
        y = !constant && rnd() % 300 == 0 ? 0 : y;
        if (wide) {
            LT_COL_DATA(&r->cols[0], int64_t)[row] = x;
            LT_COL_DATA(&r->cols[1], int64_t)[row] = y;
        } else {
            LT_COL_DATA(&r->cols[0], int32_t)[row] = (int32_t)x;
            LT_COL_DATA(&r->cols[1], int32_t)[row] = (int32_t)y;
        }
    }
    lt_expr *divisor = constant ? lit_int(&r->f, fixed, type->kind) : col(&r->f, 1, type);
    lt_expr *expr = call(&r->f, rest ? "%" : "/", col(&r->f, 0, type), divisor);
    for (size_t level = 0; level < LT_COUNT_OF(levels); level++) {
        evaluate(r, expr, levels[level]);
        for (uint32_t row = 0; row < ROWS; row++) {
            int64_t x = wide ? LT_COL_DATA(&r->cols[0], int64_t)[row]
                             : LT_COL_DATA(&r->cols[0], int32_t)[row];
            int64_t y = wide ? LT_COL_DATA(&r->cols[1], int64_t)[row]
                             : LT_COL_DATA(&r->cols[1], int32_t)[row];
            if (null_at(r, row, constant ? 1 : 2)) {
                assert_true(lt_col_is_null(&r->out, row));
                assert_false(failed_at(r, row));
                continue;
            }
            assert_int_equal(failed_at(r, row), y == 0);
            if (y == 0) {
                continue;
            }
            int64_t want =
                rest ? (y == -1 ? 0 : x % y) : (y == -1 ? (int64_t)(0 - (uint64_t)x) : x / y);
            int64_t got =
                wide ? LT_COL_DATA(&r->out, int64_t)[row] : LT_COL_DATA(&r->out, int32_t)[row];
            want = wide ? want : (int32_t)want;
            if (got != want) {
                fail_msg("%s: %lld %s %lld = %lld", levels[level], (long long)x, rest ? "%" : "/",
                         (long long)y, (long long)got);
            }
        }
    }
}

static void test_division(void **state)
{
    (void)state;
    for (int i = 0; i < 64; i++) {
        rig r;
        open_rig(&r);
        check_division(&r, (i & 1) != 0, (i & 2) != 0, (i & 4) != 0, (i & 8) != 0, (i & 16) != 0);
        fix_close(&r.f);
    }
}

/* ---- decimals with room for every digit ---- */

static void test_wide_decimals(void **state)
{
    (void)state;
    static const struct {
        uint8_t p1, s1, p2, s2;
    } cases[] = {{18, 2, 18, 2}, {18, 0, 18, 18}, {18, 2, 30, 5}, {30, 5, 18, 2},
                 {30, 1, 30, 7}, {9, 2, 18, 4},   {19, 3, 18, 0}};
    static const char *const ops[] = {"+", "-", "*"};
    for (size_t c = 0; c < LT_COUNT_OF(cases); c++) {
        for (int o = 0; o < 3; o++) {
            rig r;
            open_rig(&r);
            if (o == 2 && cases[c].p1 + cases[c].p2 + 1 > 38) {
                fix_close(&r.f);
                continue;
            }
            const lt_type *a = lt_type_decimal(r.f.arena, cases[c].p1, cases[c].s1, true);
            const lt_type *b = lt_type_decimal(r.f.arena, cases[c].p2, cases[c].s2, true);
            use_column(&r, 0, a, true);
            use_column(&r, 1, b, false);
            int scale = o == 2 ? cases[c].s1 + cases[c].s2 : LT_MAX(cases[c].s1, cases[c].s2);
            lt_i128 up_a = 1, up_b = 1;
            for (int i = cases[c].s1; o < 2 && i < scale; i++) {
                up_a *= 10;
            }
            for (int i = cases[c].s2; o < 2 && i < scale; i++) {
                up_b *= 10;
            }
            lt_i128 x[ROWS], y[ROWS];
            for (uint32_t row = 0; row < ROWS; row++) {
                x[row] = (int64_t)(rnd() % 1999999999) - 999999999;
                y[row] = (int64_t)(rnd() % 1999999999) - 999999999;
                if (a->precision > 18) {
                    x[row] *= 1000000000;
                    LT_COL_DATA(&r.cols[0], lt_i128)[row] = x[row];
                } else {
                    x[row] = cases[c].p1 < 10 ? x[row] : x[row] * 999999998;
                    LT_COL_DATA(&r.cols[0], int64_t)[row] = (int64_t)x[row];
                }
                if (b->precision > 18) {
                    LT_COL_DATA(&r.cols[1], lt_i128)[row] = y[row];
                } else {
                    LT_COL_DATA(&r.cols[1], int64_t)[row] = (int64_t)y[row];
                }
            }
            lt_expr *expr = call(&r.f, ops[o], col(&r.f, 0, a), col(&r.f, 1, b));
            assert_int_equal(expr->type->scale, scale);
            assert_true(expr->type->precision > 18);
            evaluate(&r, expr, "avx2");
            for (uint32_t row = 0; row < ROWS; row++) {
                lt_i128 want = o == 0   ? x[row] * up_a + y[row] * up_b
                               : o == 1 ? x[row] * up_a - y[row] * up_b
                                        : x[row] * y[row];
                assert_int_equal(lt_col_is_null(&r.out, row), null_at(&r, row, 1));
                assert_true(null_at(&r, row, 1) || LT_COL_DATA(&r.out, lt_i128)[row] == want);
            }
            fix_close(&r.f);
        }
    }
}

/* ---- strings ---- */

/* Strings that differ in few places, each in a block of its own. */
static lt_str some_string(rig *r, size_t len)
{
    static const char letters[] = "aaaaab%Z\xc3\xa9";
    char *ptr = lt_arena_alloc(r->f.arena, len + 1, 1);
    assert_non_null(ptr);
    for (size_t i = 0; i < len; i++) {
        ptr[i] = rnd() % 40 == 0 ? letters[rnd() % (sizeof letters - 3)] : 'a';
    }
    return (lt_str){ptr, len};
}

static bool contains(lt_str s, lt_str part)
{
    for (size_t i = 0; i + part.len <= s.len; i++) {
        if (memcmp(s.ptr + i, part.ptr, part.len) == 0) {
            return true;
        }
    }
    return false;
}

static bool wanted(const char *op, lt_str a, lt_str b)
{
    int order = lt_str_cmp(a, b);
    switch (op[0]) {
    case '=':
        return order == 0;
    case '<':
        return op[1] == '>' ? order != 0 : order < 0;
    case 'c':
        return contains(a, b);
    case 'p':
        return a.len >= b.len && memcmp(a.ptr, b.ptr, b.len) == 0;
    default:
        return a.len >= b.len && memcmp(a.ptr + a.len - b.len, b.ptr, b.len) == 0;
    }
}

static lt_expr *string_test(rig *r, const char *op, lt_expr *left, lt_expr *right, lt_str part)
{
    if (op[0] == '=' || op[0] == '<') {
        return call(&r->f, op, left, right);
    }
    const char *pattern = lt_arena_printf(r->f.arena, "%s%.*s%s", op[0] == 'p' ? "" : "%",
                                          (int)part.len, part.ptr, op[0] == 's' ? "" : "%");
    return call(&r->f, "LIKE", left, lit_str(&r->f, pattern));
}

static void test_string_tests(void **state)
{
    (void)state;
    static const char *const ops[] = {"=", "<>", "<", "contains", "prefix", "suffix"};
    for (int i = 0; i < 240; i++) {
        const char *op = ops[i % 6];
        bool constant = i % 6 > 2 || (i / 6) % 2 == 0;
        rig r;
        open_rig(&r);
        const lt_type *type = ty_string(&r.f);
        use_column(&r, 0, type, (i / 12) % 2 != 0);
        use_column(&r, 1, type, false);
        lt_str part = some_string(&r, rnd() % (i % 6 > 2 ? 12 : 80));
        for (size_t at = 0; at < part.len; at++) {
            ((char *)(uintptr_t)part.ptr)[at] = part.ptr[at] == '%' ? 'a' : part.ptr[at];
        }
        for (uint32_t row = 0; row < ROWS; row++) {
            lt_str s = some_string(&r, rnd() % 160), t = some_string(&r, rnd() % 160);
            bool same = rnd() % 3 == 0;
            t = same ? lt_arena_str(r.f.arena, s) : t;
            s = constant && same ? lt_arena_str(r.f.arena, part) : s;
            LT_COL_DATA(&r.cols[0], lt_strv)[row] = lt_strv_make(s.ptr, s.len);
            LT_COL_DATA(&r.cols[1], lt_strv)[row] = lt_strv_make(t.ptr, t.len);
        }
        const char *text = lt_arena_printf(r.f.arena, "%.*s", (int)part.len, part.ptr);
        lt_expr *right = constant ? lit_str(&r.f, text) : col(&r.f, 1, type);
        lt_expr *expr = string_test(&r, op, col(&r.f, 0, type), right, part);
        for (size_t level = 0; level < LT_COUNT_OF(levels); level++) {
            evaluate(&r, expr, levels[level]);
            for (uint32_t row = 0; row < ROWS; row++) {
                lt_str a = lt_strv_str(&LT_COL_DATA(&r.cols[0], lt_strv)[row]);
                lt_str b = constant ? part : lt_strv_str(&LT_COL_DATA(&r.cols[1], lt_strv)[row]);
                bool got = LT_COL_DATA(&r.out, uint8_t)[row] != 0;
                if (!null_at(&r, row, 1) && got != wanted(op, a, b)) {
                    fail_msg("%s %.*s %s %.*s: %d", levels[level], (int)a.len, a.ptr, op,
                             (int)b.len, b.ptr, got);
                }
            }
        }
        fix_close(&r.f);
    }
}

static void test_case(void **state)
{
    (void)state;
    rig r;
    open_rig(&r);
    const lt_type *type = ty_string(&r.f);
    use_column(&r, 0, type, true);
    for (uint32_t row = 0; row < ROWS; row++) {
        size_t len = row % 100;
        char *ptr = lt_arena_alloc(r.f.arena, len + 1, 1);
        for (size_t i = 0; i < len; i++) {
            ptr[i] = (char)(rnd() % 95 + 32);
        }
        if (len > 1 && row % 5 == 0) { /* a letter of two bytes: U+00E9, U+00C9 */
            memcpy(ptr + rnd() % (len - 1), rnd() % 2 ? "\xc3\xa9" : "\xc3\x89", 2);
        }
        LT_COL_DATA(&r.cols[0], lt_strv)[row] = lt_strv_make(ptr, len);
    }
    for (int upper = 0; upper < 2; upper++) {
        evaluate(&r, call(&r.f, upper ? "UPPER" : "LOWER", col(&r.f, 0, type)), "avx2");
        for (uint32_t row = 0; row < ROWS; row++) {
            lt_str s = lt_strv_str(&LT_COL_DATA(&r.cols[0], lt_strv)[row]);
            lt_str got = lt_strv_str(&LT_COL_DATA(&r.out, lt_strv)[row]);
            if (null_at(&r, row, 1)) {
                continue;
            }
            assert_int_equal(got.len, s.len);
            for (size_t i = 0; i < s.len; i++) {
                char c = s.ptr[i];
                bool second = i > 0 && s.ptr[i - 1] == '\xc3';
                char want = upper ? (c >= 'a' && c <= 'z' ? (char)(c - 32) : c)
                                  : (c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
                want = second && (c == '\xa9' || c == '\x89') ? (upper ? '\x89' : '\xa9') : want;
                assert_int_equal(got.ptr[i], want);
            }
        }
    }
    fix_close(&r.f);
}

/* ---- numbers and times as text ---- */

static lt_expr *as(rig *r, lt_expr *expr, const lt_type *type)
{
    return cast_to(&r->f, expr, type, false);
}

static void test_integer_text(void **state)
{
    (void)state;
    rig r;
    open_rig(&r);
    const lt_type *big = ty(&r.f, LT_TYPE_BIGINT);
    use_column(&r, 0, big, false);
    for (uint32_t row = 0; row < ROWS; row++) {
        uint64_t x = rnd() >> (rnd() % 64);
        static const int64_t edges[] = {
            0,         9,           -9,           99999999,     100000000,
            -99999999, 99999999999, 100000000000, -99999999999, -100000000000,
            INT64_MAX, INT64_MIN};
        LT_COL_DATA(&r.cols[0], int64_t)
        [row] = row < LT_COUNT_OF(edges) ? edges[row] : rnd() % 2 ? (int64_t)x : -(int64_t)(x >> 1);
    }
    lt_expr *text = as(&r, col(&r.f, 0, big), ty_string(&r.f));
    evaluate(&r, text, "avx2");
    for (uint32_t row = 0; row < ROWS; row++) {
        lt_str got = lt_strv_str(&LT_COL_DATA(&r.out, lt_strv)[row]);
        char want[32];
        int len =
            snprintf(want, sizeof want, "%lld", (long long)LT_COL_DATA(&r.cols[0], int64_t)[row]);
        assert_true(lt_str_eq(got, (lt_str){want, (size_t)len}));
    }
    evaluate(&r, as(&r, text, big), "avx2");
    for (uint32_t row = 0; row < ROWS; row++) {
        assert_int_equal(LT_COL_DATA(&r.out, int64_t)[row], LT_COL_DATA(&r.cols[0], int64_t)[row]);
    }
    fix_close(&r.f);
}

static void test_integer_text_refused(void **state)
{
    (void)state;
    rig r;
    open_rig(&r);
    static const char *const texts[] = {"12a",  "1 2", "",    "0x12345",     "123456789:",
                                        "/123", "1-2", "--1", "1234567\xb0", "12345678901234567x"};
    use_column(&r, 0, ty_string(&r.f), false);
    r.batch.row_count = r.batch.sel_count = LT_COUNT_OF(texts);
    for (uint32_t row = 0; row < LT_COUNT_OF(texts); row++) {
        LT_COL_DATA(&r.cols[0], lt_strv)[row] = lt_strv_make(texts[row], strlen(texts[row]));
    }
    evaluate(&r, as(&r, col(&r.f, 0, ty_string(&r.f)), ty(&r.f, LT_TYPE_BIGINT)), "avx2");
    assert_int_equal(r.errors.count, LT_COUNT_OF(texts));
    assert_int_equal(r.errors.first_row, 0);
    fix_close(&r.f);
}

/* The text of a time and back, values of a day mixed with far ones. */
static void test_timestamp_text(void **state)
{
    (void)state;
    rig r;
    open_rig(&r);
    const lt_type *ts3 = lt_type_time(r.f.arena, LT_TYPE_TIMESTAMP, 3, true);
    use_column(&r, 0, ts3, false);
    for (uint32_t row = 0; row < ROWS; row++) {
        int64_t ms = rnd() % 4 == 0 ? (int64_t)(rnd() % 253402300800000) - INT64_C(62167219200000)
                                    : INT64_C(1709164800000) + (int64_t)(rnd() % 200000000);
        ms = LT_MAX(ms, INT64_C(-62167219200000));
        LT_COL_DATA(&r.cols[0], int64_t)[row] = rnd() % 3 == 0 ? ms / 1000 * 1000 : ms;
    }
    lt_expr *text = as(&r, col(&r.f, 0, ts3), ty_string(&r.f));
    lt_expr *formatted =
        call(&r.f, "DATE_FORMAT", col(&r.f, 0, ts3), lit_str(&r.f, "yyyy-MM-dd HH:mm:ss.SSS"));
    lt_expr *one = call(&r.f, "=", text, formatted);
    evaluate(&r, one, "avx2");
    for (uint32_t row = 0; row < ROWS; row++) {
        assert_true(LT_COL_DATA(&r.out, uint8_t)[row]);
    }
    evaluate(&r, as(&r, text, ts3), "avx2");
    for (uint32_t row = 0; row < ROWS; row++) {
        assert_int_equal(LT_COL_DATA(&r.out, int64_t)[row], LT_COL_DATA(&r.cols[0], int64_t)[row]);
    }
    fix_close(&r.f);
}

static void test_timestamp_text_refused(void **state)
{
    (void)state;
    rig r;
    open_rig(&r);
    static const char *const texts[] = {"2024-02-32 00:00:00",          "2023-02-40 10:00:00",
                                        "2024-13-01 00:00:00",          "2024-00-10 00:00:00",
                                        "2024-01-00 00:00:00",          "2024-01-01 24:00:01",
                                        "2024-01-01 10:60:00",          "2024-01-01 10:10:60",
                                        "2024-01-01 10:10:1:",          "2024-01-01 10:10:10.12x",
                                        "2024/01/01 10:10:10",          "2024-01-01_10:10:10",
                                        "2024-01-01 10-10-10",          "2024-01-01 10:10:10x",
                                        "\0\0\0\0\0\0\0\0\0\0 10:10:10"};
    use_column(&r, 0, ty_string(&r.f), false);
    r.batch.row_count = r.batch.sel_count = LT_COUNT_OF(texts);
    for (uint32_t row = 0; row < LT_COUNT_OF(texts); row++) {
        size_t len = texts[row][0] ? strlen(texts[row]) : 19;
        LT_COL_DATA(&r.cols[0], lt_strv)[row] = lt_strv_make(texts[row], len);
    }
    const lt_type *ts3 = lt_type_time(r.f.arena, LT_TYPE_TIMESTAMP, 3, true);
    evaluate(&r, as(&r, col(&r.f, 0, ty_string(&r.f)), ts3), "avx2");
    for (uint32_t row = 0; row < LT_COUNT_OF(texts); row++) {
        if (!failed_at(&r, row)) {
            fail_msg("'%s' was read", texts[row]);
        }
    }
    fix_close(&r.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_division),       cmocka_unit_test(test_wide_decimals),
        cmocka_unit_test(test_string_tests),   cmocka_unit_test(test_case),
        cmocka_unit_test(test_integer_text),   cmocka_unit_test(test_integer_text_refused),
        cmocka_unit_test(test_timestamp_text), cmocka_unit_test(test_timestamp_text_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
