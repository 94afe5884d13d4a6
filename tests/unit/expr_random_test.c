/* Random expressions over random batches: the kernels against a reference that evaluates one row at
 * a time on plain C values and shares no code with them. */
#include "expr_fixture.h"

#include <math.h>

#define ROWS  130
#define TREES 1500
#define DEPTH 4

/* ---- the reference's own expression: INT (32-bit wrap), BIGINT, DOUBLE, BOOLEAN ---- */

enum { R_BOOL, R_INT, R_LONG, R_DOUBLE };

typedef struct ref ref;
struct ref {
    const char *op; /* NULL: column or literal */
    int type;
    int column; /* -1: literal */
    bool null;  /* literal NULL */
    int64_t i;
    double d;
    ref *args[3];
    int count;
};

typedef struct {
    bool null, failed;
    int64_t i; /* BOOLEAN, INT, BIGINT */
    double d;
} val;

typedef struct {
    int types[6];
    val cells[6][ROWS];
} table;

static uint64_t seed = 88172645463325252ULL;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static int64_t rnd_int(void)
{
    switch (rnd() % 6) {
    case 0:
        return 0;
    case 1:
        return INT32_MAX - (int64_t)(rnd() % 3);
    case 2:
        return INT32_MIN + (int64_t)(rnd() % 3);
    default:
        return (int64_t)(rnd() % 21) - 10;
    }
}

static ref *new_ref(fix *f, const char *op, int type)
{
    ref *r = LT_NEW(f->arena, ref);
    r->op = op;
    r->type = type;
    r->column = -1;
    return r;
}

static ref *generate(fix *f, int type, int depth);

static ref *with_args(fix *f, const char *op, int type, int a, int b, int c, int depth)
{
    ref *r = new_ref(f, op, type);
    int types[3] = {a, b, c};
    for (int i = 0; i < 3 && types[i] >= 0; i++) {
        r->args[r->count++] = generate(f, types[i], depth - 1);
    }
    return r;
}

static ref *generate(fix *f, int type, int depth)
{
    static const char *const arith[] = {"+", "-", "*", "/", "%"};
    static const char *const compare[] = {"=", "<>", "<", "<=", ">", ">="};
    static const char *const tests[] = {"IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NULL",
                                        "IS NOT NULL"};
    if (depth == 0 || rnd() % 6 == 0) {
        ref *leaf = new_ref(f, NULL, type);
        for (int tries = 0; tries < 8; tries++) {
            int c = (int)(rnd() % 6);
            static const int types[6] = {R_INT, R_INT, R_LONG, R_DOUBLE, R_BOOL, R_BOOL};
            if (types[c] == type && rnd() % 3 != 0) {
                leaf->column = c;
                return leaf;
            }
        }
        leaf->null = false; /* an operator beside NULL is NULL before anything fails */
        leaf->i = type == R_BOOL ? (int64_t)(rnd() % 2) : rnd_int();
        leaf->d = (double)rnd_int() / 4;
        return leaf;
    }
    if (rnd() % 5 == 0) {
        return with_args(f, "CASE", type, R_BOOL, type, type, depth);
    }
    if (rnd() % 9 == 0) {
        return with_args(f, "COALESCE", type, type, type, -1, depth);
    }
    if (type == R_BOOL) {
        int operand = (int)(rnd() % 4);
        switch (rnd() % 4) {
        case 0:
            return with_args(f, rnd() % 2 ? "AND" : "OR", R_BOOL, R_BOOL, R_BOOL,
                             rnd() % 2 ? R_BOOL : -1, depth);
        case 1:
            return with_args(f, rnd() % 2 ? "NOT" : tests[rnd() % 5], R_BOOL, R_BOOL, -1, -1,
                             depth);
        default:
            return with_args(f, compare[rnd() % 6], R_BOOL, operand, operand, -1, depth);
        }
    }
    const char *op = arith[rnd() % (type == R_DOUBLE ? 4 : 5)]; /* % is for exact numbers */
    if (type == R_LONG && rnd() % 3 == 0) {
        return with_args(f, op, R_LONG, R_INT, R_LONG, -1, depth);
    }
    return with_args(f, op, type, type, type, -1, depth);
}

/* ---- evaluation, one row ---- */

static val ref_eval(const ref *r, const table *t, int row);

static val failed(void)
{
    val v = {.failed = true};
    return v;
}

static val ref_arith(const ref *r, val a, val b)
{
    val v = {0};
    char op = r->op[0];
    if (r->type == R_DOUBLE) {
        v.d = op == '+' ? a.d + b.d : op == '-' ? a.d - b.d : op == '*' ? a.d * b.d : a.d / b.d;
        return v;
    }
    if ((op == '/' || op == '%') && b.i == 0) {
        return failed();
    }
    uint64_t x = (uint64_t)a.i, y = (uint64_t)b.i;
    v.i = op == '+'   ? (int64_t)(x + y)
          : op == '-' ? (int64_t)(x - y)
          : op == '*' ? (int64_t)(x * y)
          : op == '/' ? (b.i == -1 ? (int64_t)(0 - x) : a.i / b.i)
                      : (b.i == -1 ? 0 : a.i % b.i);
    if (r->type == R_INT) {
        v.i = (int32_t)(uint32_t)(uint64_t)v.i;
    }
    return v;
}

static val ref_logic(const ref *r, const table *t, int row)
{
    bool is_and = r->op[0] == 'A', unknown = false;
    val v = {.i = is_and};
    for (int i = 0; i < r->count; i++) {
        val x = ref_eval(r->args[i], t, row);
        if (x.failed) {
            return failed();
        }
        if (!x.null && (x.i != 0) != is_and) {
            v.i = !is_and;
            return v;
        }
        unknown = unknown || x.null;
    }
    v.null = unknown;
    return v;
}

static val ref_test(const char *op, val x)
{
    val v = {0};
    bool truth = !x.null && x.i != 0, lie = !x.null && x.i == 0;
    v.i = strcmp(op, "IS TRUE") == 0       ? truth
          : strcmp(op, "IS NOT TRUE") == 0 ? !truth
          : strcmp(op, "IS FALSE") == 0    ? lie
          : strcmp(op, "IS NULL") == 0     ? x.null
                                           : !x.null;
    return v;
}

static val ref_eval(const ref *r, const table *t, int row)
{
    val v = {0};
    if (r->op == NULL) {
        if (r->column >= 0) {
            return t->cells[r->column][row];
        }
        v.null = r->null;
        v.i = r->i;
        v.d = r->d;
        return v;
    }
    if (strcmp(r->op, "AND") == 0 || strcmp(r->op, "OR") == 0) {
        return ref_logic(r, t, row);
    }
    val a = ref_eval(r->args[0], t, row);
    if (a.failed) {
        return a;
    }
    if (strcmp(r->op, "CASE") == 0) {
        return ref_eval(r->args[!a.null && a.i ? 1 : 2], t, row);
    }
    if (strcmp(r->op, "COALESCE") == 0) {
        return a.null ? ref_eval(r->args[1], t, row) : a;
    }
    if (strncmp(r->op, "IS", 2) == 0) {
        return ref_test(r->op, a);
    }
    if (strcmp(r->op, "NOT") == 0) {
        a.i = !a.i;
        return a;
    }
    val b = ref_eval(r->args[1], t, row);
    if (b.failed) {
        return b;
    }
    if (a.null || b.null) {
        v.null = true;
        return v;
    }
    if (strchr("+-*/%", r->op[0]) != NULL) {
        return ref_arith(r, a, b);
    }
    bool real = r->args[0]->type == R_DOUBLE;
    bool lt = real ? a.d < b.d : a.i < b.i, gt = real ? a.d > b.d : a.i > b.i;
    bool eq = real ? a.d == b.d : a.i == b.i;
    v.i = strcmp(r->op, "=") == 0    ? eq
          : strcmp(r->op, "<>") == 0 ? !eq
          : strcmp(r->op, "<") == 0  ? lt
          : strcmp(r->op, "<=") == 0 ? lt || eq
          : strcmp(r->op, ">") == 0  ? gt
                                     : gt || eq;
    return v;
}

/* ---- the same for leat ---- */

static lt_type_kind kind_of(int type)
{
    static const lt_type_kind kinds[] = {LT_TYPE_BOOLEAN, LT_TYPE_INT, LT_TYPE_BIGINT,
                                         LT_TYPE_DOUBLE};
    return kinds[type];
}

/* NULL when the statement is refused, as for a division of literals by zero. */
static lt_expr *build(fix *f, const ref *r)
{
    if (r->op == NULL) {
        if (r->column >= 0) {
            return col(f, (uint32_t)r->column, ty(f, kind_of(r->type)));
        }
        lt_value v = {.type = ty(f, kind_of(r->type)), .is_null = r->null};
        lt_expr *out = NULL;
        if (r->type == R_DOUBLE) {
            v.u.f = r->d;
        } else if (r->type == R_BOOL) {
            v.u.b = r->i != 0;
        } else {
            v.u.i = r->i;
        }
        assert_int_equal(lt_expr_literal(&f->b, &v, 0, &out, &f->err), LT_OK);
        return out;
    }
    lt_expr *args[3], *out = NULL;
    for (int i = 0; i < r->count; i++) {
        args[i] = build(f, r->args[i]);
        if (args[i] == NULL) {
            return NULL;
        }
    }
    lt_status st = try_call(f, r->op, &out, (uint32_t)r->count, args);
    if (st != LT_OK) {
        assert_non_null(strstr(f->err.text, "division by zero"));
        return NULL;
    }
    return out;
}

static void fill(fix *f, table *t, lt_col *cols)
{
    static const int types[6] = {R_INT, R_INT, R_LONG, R_DOUBLE, R_BOOL, R_BOOL};
    for (int c = 0; c < 6; c++) {
        bool nulls = c % 2 == 1 || rnd() % 2;
        assert_true(lt_col_init(&cols[c], ty(f, kind_of(types[c])), 192, f->arena));
        uint64_t *valid = nulls ? lt_col_need_valid(&cols[c], 192, f->arena) : NULL;
        for (int row = 0; row < ROWS; row++) {
            val v = {.null = nulls && rnd() % 4 == 0, .i = rnd_int(), .d = (double)rnd_int() / 4};
            if (types[c] == R_BOOL) {
                v.i = (int64_t)(rnd() % 2);
                LT_COL_DATA(&cols[c], uint8_t)[row] = (uint8_t)v.i;
            } else if (types[c] == R_INT) {
                LT_COL_DATA(&cols[c], int32_t)[row] = (int32_t)v.i;
            } else if (types[c] == R_LONG) {
                LT_COL_DATA(&cols[c], int64_t)[row] = v.i;
            } else {
                LT_COL_DATA(&cols[c], double)[row] = v.d;
            }
            if (v.null) {
                lt_bit_clear(valid, (uint32_t)row);
            }
            t->cells[c][row] = v;
        }
    }
}

static bool same(const lt_col *out, uint32_t row, int type, val want)
{
    if (lt_col_is_null(out, row) != want.null) {
        return false;
    }
    if (want.null) {
        return true;
    }
    switch (type) {
    case R_BOOL:
        return LT_COL_DATA(out, uint8_t)[row] == want.i;
    case R_INT:
        return LT_COL_DATA(out, int32_t)[row] == want.i;
    case R_LONG:
        return LT_COL_DATA(out, int64_t)[row] == want.i;
    default: {
        double got = LT_COL_DATA(out, double)[row];
        return got == want.d || (isnan(got) && isnan(want.d));
    }
    }
}

static void check(fix *f, const ref *r, lt_expr *expr, const table *t, lt_batch *batch)
{
    lt_program *p = NULL;
    assert_int_equal(lt_program_new(&f->mem, &f->session, &expr, 1, &p, &f->err), LT_OK);
    lt_col out;
    lt_row_errors errors;
    assert_int_equal(lt_program_eval(p, batch, 0, f->arena, &out, &errors, &f->err), LT_OK);
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < lt_batch_live(batch); i++) {
        uint32_t row = lt_batch_row(batch, i);
        val want = ref_eval(r, t, (int)row);
        bool got_failed = errors.rows != NULL && lt_bit_get(errors.rows, row);
        if (want.failed != got_failed || (!want.failed && !same(&out, row, r->type, want))) {
            lt_text text;
            lt_text_init(&text, &f->mem);
            lt_expr_print(expr, NULL, &text);
            print_error("row %u of %s\n", row, text.ptr);
            lt_text_deinit(&text);
            fail();
        }
        wrong += want.failed;
    }
    assert_int_equal(errors.count, wrong);
    lt_program_free(p);
}

static void test_random(void **state)
{
    (void)state;
    uint32_t refused = 0;
    table *t = NULL;
    for (int n = 0; n < TREES; n++) {
        fix f;
        lt_col cols[6];
        uint32_t sel[ROWS];
        fix_open(&f);
        t = LT_NEW(f.arena, table);
        fill(&f, t, cols);
        lt_batch batch;
        memset(&batch, 0, sizeof batch);
        batch.row_count = (uint32_t)(n % 3 == 0 ? ROWS : 1 + rnd() % ROWS);
        batch.row_cap = 192;
        batch.col_count = 6;
        batch.cols = cols;
        if (n % 2) {
            for (uint32_t row = 0; row < batch.row_count; row++) {
                if (rnd() % 3) {
                    sel[batch.sel_count++] = row;
                }
            }
            batch.sel = sel;
        }
        f.b.fold = n % 5 != 0;
        ref *r = generate(&f, (int)(rnd() % 4), DEPTH);
        lt_expr *expr = build(&f, r);
        if (expr == NULL) {
            refused++;
        } else {
            check(&f, r, expr, t, &batch);
        }
        fix_close(&f);
    }
    assert_true(refused < TREES / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
