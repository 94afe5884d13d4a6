/* Programs: lazy errors, sharing, selections, filters, constants, running out of memory. */
#include "expr_fixture.h"

#define ROWS 100

/* i INT (NULL at multiples of 7), s STRING (the number as text, 'x' at multiples of 10), b BOOLEAN
 * (NULL at multiples of 5). */
typedef struct {
    lt_col cols[3];
    lt_batch batch;
    uint32_t sel[ROWS];
} input;

static void fill(fix *f, input *in)
{
    memset(in, 0, sizeof *in);
    assert_true(lt_col_init(&in->cols[0], ty(f, LT_TYPE_INT), 128, f->arena));
    assert_true(lt_col_init(&in->cols[1], ty_string(f), 128, f->arena));
    assert_true(lt_col_init(&in->cols[2], ty(f, LT_TYPE_BOOLEAN), 128, f->arena));
    uint64_t *i_valid = lt_col_need_valid(&in->cols[0], 128, f->arena);
    uint64_t *b_valid = lt_col_need_valid(&in->cols[2], 128, f->arena);
    for (uint32_t r = 0; r < ROWS; r++) {
        LT_COL_DATA(&in->cols[0], int32_t)[r] = (int32_t)r - 50;
        const char *text = r % 10 == 0 ? "x" : lt_arena_printf(f->arena, "%u", r);
        LT_COL_DATA(&in->cols[1], lt_strv)[r] = lt_strv_make(text, strlen(text));
        LT_COL_DATA(&in->cols[2], uint8_t)[r] = r % 3 == 0;
        if (r % 7 == 0) {
            lt_bit_clear(i_valid, r);
        }
        if (r % 5 == 0) {
            lt_bit_clear(b_valid, r);
        }
    }
    in->batch.row_count = ROWS;
    in->batch.row_cap = 128;
    in->batch.col_count = 3;
    in->batch.cols = in->cols;
}

static lt_program *compile(fix *f, lt_expr **exprs, uint32_t count)
{
    lt_program *p = NULL;
    assert_int_equal(lt_program_new(&f->mem, &f->session, exprs, count, &p, &f->err), LT_OK);
    return p;
}

static void test_errors_are_lazy(void **state)
{
    (void)state;
    fix f;
    input in;
    fix_open(&f);
    fill(&f, &in);
    lt_expr *i = col(&f, 0, ty(&f, LT_TYPE_INT)), *s = col(&f, 1, ty_string(&f));
    lt_expr *zero = lit_int(&f, 0, LT_TYPE_INT), *hundred = lit_int(&f, 100, LT_TYPE_INT);
    lt_expr *quotient = call(&f, "/", hundred, i);
    lt_expr *number = cast_to(&f, s, ty(&f, LT_TYPE_INT), false);
    lt_expr *is_x = call(&f, "=", s, lit_str(&f, "x"));
    lt_expr *safe_case = call(&f, "CASE", is_x, zero, number);
    lt_expr *safe_and = call(&f, "AND", call(&f, "<>", i, zero), call(&f, ">", quotient, zero));
    lt_expr *safe_or = call(&f, "OR", is_x, call(&f, ">", number, zero));
    lt_expr *coalesced = call(&f, "COALESCE", i, number);
    lt_col out[1];
    lt_row_errors errors;
    lt_expr *safe[] = {safe_case, safe_and, safe_or};
    for (size_t n = 0; n < 3; n++) {
        lt_program *p = compile(&f, &safe[n], 1);
        assert_int_equal(lt_program_eval(p, &in.batch, 0, f.arena, out, &errors, &f.err), LT_OK);
        assert_int_equal(errors.count, 0);
        assert_null(errors.rows);
        lt_program_free(p);
    }
    /* Only rows where i is NULL read s; of those 0 and 70 hold 'x'. */
    lt_program *p = compile(&f, &coalesced, 1);
    assert_int_equal(lt_program_eval(p, &in.batch, 0, f.arena, out, &errors, &f.err), LT_OK);
    assert_int_equal(errors.count, 2);
    assert_int_equal(errors.first_row, 0);
    assert_string_equal(errors.code, "bad-cast");
    assert_true(lt_bit_get(errors.rows, 70));
    lt_program_free(p);
    /* Eager: every 'x', and the division at row 50; a dead row does not count. */
    lt_expr *both[] = {number, quotient};
    p = compile(&f, both, 2);
    lt_col outs[2];
    assert_int_equal(lt_program_eval(p, &in.batch, 0, f.arena, outs, &errors, &f.err), LT_OK);
    assert_int_equal(errors.count, 10);
    in.sel[0] = 3;
    in.sel[1] = 50;
    in.sel[2] = 51;
    in.batch.sel = in.sel;
    in.batch.sel_count = 3;
    assert_int_equal(lt_program_eval(p, &in.batch, 0, f.arena, outs, &errors, &f.err), LT_OK);
    assert_int_equal(errors.count, 1);
    assert_int_equal(errors.first_row, 50);
    assert_int_equal(LT_COL_DATA(&outs[0], int32_t)[51], 51);
    lt_program_free(p);
    fix_close(&f);
}

/* The message belongs to the first row that counts, not to the first that failed. */
static void test_message_of_first_row(void **state)
{
    (void)state;
    fix f;
    input in;
    fix_open(&f);
    fill(&f, &in);
    for (uint32_t r = 0; r < ROWS; r += 10) {
        const char *text = lt_arena_printf(f.arena, "bad%u", r);
        LT_COL_DATA(&in.cols[1], lt_strv)[r] = lt_strv_make(text, strlen(text));
    }
    lt_expr *i = col(&f, 0, ty(&f, LT_TYPE_INT));
    lt_expr *number = cast_to(&f, col(&f, 1, ty_string(&f)), ty(&f, LT_TYPE_INT), false);
    lt_expr *minus_twenty = lit_int(&f, -20, LT_TYPE_INT);
    /* rows up to 30 are decided by the left side */
    lt_expr *cond = call(&f, "AND", call(&f, ">", i, minus_twenty),
                         call(&f, ">", number, lit_int(&f, 0, LT_TYPE_INT)));
    lt_program *p = compile(&f, &cond, 1);
    uint32_t sel[ROWS], count;
    lt_row_errors errors;
    assert_int_equal(lt_program_filter(p, &in.batch, 0, f.arena, sel, &count, &errors, &f.err),
                     LT_OK);
    assert_non_null(strstr(errors.text, errors.first_row == 0 ? "bad0'" : "bad40'"));
    for (uint32_t k = 0; k < count; k++) {
        assert_true(sel[k] > 30 && sel[k] % 10 != 0 && sel[k] % 7 != 0);
    }
    lt_program_free(p);
    fix_close(&f);
}

static void test_zero_copy_and_sharing(void **state)
{
    (void)state;
    fix f;
    input in;
    fix_open(&f);
    fill(&f, &in);
    lt_expr *i = col(&f, 0, ty(&f, LT_TYPE_INT));
    lt_expr *one = lit_int(&f, 1, LT_TYPE_INT);
    lt_expr *exprs[] = {i, call(&f, "+", i, one),
                        call(&f, "+", col(&f, 0, ty(&f, LT_TYPE_INT)), one),
                        lit_str(&f, "a constant of more than twelve bytes")};
    lt_program *p = compile(&f, exprs, 4);
    lt_col out[4];
    lt_row_errors errors;
    assert_int_equal(lt_program_eval(p, &in.batch, 0, f.arena, out, &errors, &f.err), LT_OK);
    assert_ptr_equal(out[0].data, in.cols[0].data);
    assert_ptr_equal(out[1].data, out[2].data);
    assert_int_equal(LT_COL_DATA(&out[1], int32_t)[99], 50);
    assert_int_equal(LT_COL_DATA(&out[3], lt_strv)[99].len, 36);
    assert_true(lt_expr_eq(exprs[1], exprs[2]));
    lt_program_free(p);
    fix_close(&f);
}

static void test_folding_and_names(void **state)
{
    (void)state;
    fix f;
    fix_open(&f);
    lt_expr *two = lit_int(&f, 2, LT_TYPE_INT), *out;
    lt_expr *four = call(&f, "*", two, two);
    assert_true(lt_expr_is_const(four));
    assert_int_equal(four->u.literal.u.i, 4);
    lt_expr *division[] = {two, lit_int(&f, 0, LT_TYPE_INT)};
    assert_int_equal(try_call(&f, "/", &out, 2, division), LT_ERR_SQL);
    assert_int_equal(try_call(&f, "UPER", &out, 1, &two), LT_ERR_SQL);
    assert_non_null(strstr(f.err.hint, "UPPER"));
    assert_int_equal(try_call(&f, "INET_ATON", &out, 1, &two), LT_ERR_UNSUPPORTED);
    lt_expr *mixed[] = {two, lit_str(&f, "2")};
    assert_int_equal(try_call(&f, "=", &out, 2, mixed), LT_ERR_SQL);
    assert_int_equal(try_call(&f, "+", &out, 2, mixed), LT_ERR_SQL);
    assert_false(lt_expr_is_deterministic(call_n(&f, "RAND", 0, NULL)));
    assert_false(lt_expr_is_const(call_n(&f, "NOW", 0, NULL)));
    fix_close(&f);
}

/* Fails every allocation of building and running an expression of many kinds once; nothing may leak
 * or crash. */
static void test_out_of_memory(void **state)
{
    (void)state;
    bool done = false;
    for (int64_t n = 0; !done; n++) {
        fix f;
        input in;
        fix_open(&f);
        fill(&f, &in);
        lt_arena *arena = lt_arena_new(&f.mem, (size_t)1 << 30);
        lt_expr_builder b = {.arena = arena, .session = &f.session, .fold = true};
        f.mem.alloc_count = 0;
        f.mem.fail_at = n;
        lt_expr_builder saved = f.b;
        f.b = b;
        lt_expr *s = NULL, *text = NULL, *number = NULL, *match = NULL, *all = NULL;
        lt_program *p = NULL;
        lt_col out[1];
        lt_row_errors errors;
        lt_status st = lt_expr_column(&b, 1, ty_string(&f), 0, &s, &f.err);
        lt_value pattern = {.type = ty_string(&f), .u.s = LT_STR("^([0-9]+)$")};
        lt_expr *regex = NULL;
        if (st == LT_OK) {
            st = pattern.type ? lt_expr_literal(&b, &pattern, 0, &regex, &f.err) : LT_ERR_NOMEM;
        }
        if (st == LT_OK) {
            lt_expr *args[] = {s, regex};
            st = lt_expr_call(&b, LT_STR("REGEXP_EXTRACT"), args, 2, 0, &match, &f.err);
        }
        if (st == LT_OK) {
            const lt_type *to = ty(&f, LT_TYPE_BIGINT);
            st = to ? lt_expr_cast(&b, match, to, true, 0, &number, &f.err) : LT_ERR_NOMEM;
        }
        if (st == LT_OK) {
            const lt_type *to = ty_string(&f);
            st = to ? lt_expr_cast(&b, number, to, false, 0, &text, &f.err) : LT_ERR_NOMEM;
        }
        if (st == LT_OK) {
            lt_expr *args[] = {text, s, s};
            st = lt_expr_call(&b, LT_STR("COALESCE"), args, 3, 0, &all, &f.err);
        }
        if (st == LT_OK) {
            st = lt_program_new(&f.mem, &f.session, &all, 1, &p, &f.err);
        }
        if (st == LT_OK) {
            st = lt_program_eval(p, &in.batch, 0, arena, out, &errors, &f.err);
        }
        assert_true(st == LT_OK || st == LT_ERR_NOMEM);
        done = st == LT_OK && f.mem.alloc_count <= n;
        f.mem.fail_at = -1;
        f.b = saved;
        lt_program_free(p);
        lt_arena_free(arena);
        fix_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_are_lazy),       cmocka_unit_test(test_message_of_first_row),
        cmocka_unit_test(test_zero_copy_and_sharing), cmocka_unit_test(test_folding_and_names),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
