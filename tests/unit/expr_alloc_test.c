/* No function allocates per row: every function of the registry is typed with arguments drawn from
 * a pool of columns and literals, evaluated over 1,024 and 4,096 rows, and what is asked of arenas
 * and accounts may grow by what the larger result needs in blocks and doublings, not by the row. A
 * new function is found by itself; where no arguments from the pool suit it, the pool gets new
 * ones. */
#include "expr_fixture.h"

#include <stdio.h>

#define ROWS       4096
#define FEW        1024
#define FORMS      12    /* different ways to type each function */
#define TRIES      30000 /* argument lists tried for them */
#define SLACK      128   /* calls: blocks, doublings, one message */
#define BLOCK      1024  /* bytes of result that justify one more */
#define COLUMNS    18
#define POOL_MAX   48
#define ARGS_MAX   4
#define SEED_START 88172645463325252ULL

typedef struct {
    fix f;
    lt_col cols[COLUMNS];
    lt_batch batch;
    lt_expr *pool[POOL_MAX];
    uint32_t pool_count;
    lt_text bad;
    uint32_t bad_count;
} rig;

static uint64_t seed = SEED_START;

static uint32_t rnd(uint32_t limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 11) % limit;
}

/* ---- the pool ---- */

static lt_col *add_column(rig *r, const lt_type *type)
{
    uint32_t index = r->batch.col_count++;
    assert_true(index < COLUMNS && r->pool_count < POOL_MAX);
    assert_true(lt_col_init(&r->cols[index], type, ROWS, r->f.arena));
    r->pool[r->pool_count++] = col(&r->f, index, type);
    return &r->cols[index];
}

/* The form with two digits of the row in the place of `#`. */
static lt_strv text_of_row(rig *r, const char *form, uint32_t row)
{
    const char *mark = strchr(form, '#');
    assert_non_null(mark);
    const char *text =
        lt_arena_printf(r->f.arena, "%.*s%u%s", (int)(mark - form), form, row % 90 + 10, mark + 1);
    assert_non_null(text);
    return lt_strv_make(text, strlen(text));
}

static void add_texts(rig *r)
{
    static const char *const forms[] = {
        "word # of the Row, and More",
        "{\"a\": {\"b\": \"some text #\"}, \"list\": [1, 2, {\"c\": null}]}",
        "2024-05-06 07:08:#",
        "#",
        "#.25",
        "https://example.com:80/path/#?query=1#ref",
        "c29tZSBsb25nZXIgdGV4dA#=",
        "%41# and more than that",
    };
    for (size_t i = 0; i < LT_COUNT_OF(forms); i++) {
        lt_col *column = add_column(r, ty_string(&r->f));
        for (uint32_t row = 0; row < ROWS; row++) {
            LT_COL_DATA(column, lt_strv)[row] = text_of_row(r, forms[i], row);
        }
    }
}

static void add_numbers(rig *r)
{
    lt_col *i32 = add_column(r, ty(&r->f, LT_TYPE_INT));
    lt_col *i64 = add_column(r, ty(&r->f, LT_TYPE_BIGINT));
    lt_col *f64 = add_column(r, ty(&r->f, LT_TYPE_DOUBLE));
    lt_col *wide = add_column(r, lt_type_decimal(r->f.arena, 20, 4, true));
    lt_col *truth = add_column(r, ty(&r->f, LT_TYPE_BOOLEAN));
    lt_col *ts = add_column(r, lt_type_time(r->f.arena, LT_TYPE_TIMESTAMP, 3, true));
    lt_col *date = add_column(r, ty(&r->f, LT_TYPE_DATE));
    r->pool[r->pool_count++] =
        col(&r->f, 13, lt_type_with_attr(r->f.arena, ts->type, LT_TIME_ROWTIME));
    for (uint32_t row = 0; row < ROWS; row++) {
        LT_COL_DATA(i32, int32_t)[row] = (int32_t)(row % 9) + 1;
        LT_COL_DATA(i64, int64_t)[row] = row % 9 + 1;
        LT_COL_DATA(f64, double)[row] = (row % 100) / 128.0;
        LT_COL_DATA(wide, lt_i128)[row] = row * 12345;
        LT_COL_DATA(truth, uint8_t)[row] = row % 2;
        LT_COL_DATA(ts, int64_t)[row] = INT64_C(1714980000000) + row * INT64_C(12345678);
        LT_COL_DATA(date, int32_t)[row] = 19000 + (int32_t)row;
    }
}

static void fill_list(rig *r, lt_col *list)
{
    for (uint32_t row = 0; row < ROWS; row++) {
        LT_COL_DATA(list, lt_span)[row] = (lt_span){list->child_len, 2};
        assert_true(lt_col_reserve_children(list, 2, r->f.arena));
        for (uint32_t i = 0; i < 2; i++, list->child_len++) {
            for (uint32_t c = 0; c < list->child_count; c++) {
                LT_COL_DATA(&list->children[c], lt_strv)
                [list->child_len] = text_of_row(r, "element number #", row + 7 * i);
            }
        }
    }
}

static void add_nested(rig *r)
{
    const lt_type *text = ty_string(&r->f);
    fill_list(r, add_column(r, lt_type_array(r->f.arena, text, true)));
    fill_list(r, add_column(r, lt_type_map(r->f.arena, text, text, true)));
    lt_expr *fields[] = {r->pool[0], r->pool[8]};
    r->pool[r->pool_count++] = call(&r->f, "ROW", fields[0], fields[1]);
    r->pool[r->pool_count++] =
        cast_to(&r->f, r->pool[0],
                lt_type_sized(r->f.arena, LT_TYPE_VARBINARY, LT_LENGTH_MAX, true), false);
    r->pool[r->pool_count++] = cast_to(
        &r->f, r->pool[13], lt_type_time(r->f.arena, LT_TYPE_TIMESTAMP_LTZ, 3, true), false);
}

static void add_literals(rig *r)
{
    static const char *const texts[] = {
        "e",   "$.a.b", "$.list[*]", "UTF-8",   "yyyy-MM-dd HH:mm:ss",
        "UTC", "HOST",  "([a-z]+) ", "%u words"};
    static const char *const symbols[] = {"HOUR", "BOTH", "MONTH"};
    for (size_t i = 0; i < LT_COUNT_OF(texts); i++) {
        r->pool[r->pool_count++] = lit_str(&r->f, texts[i]);
    }
    for (size_t i = 0; i < LT_COUNT_OF(symbols); i++) {
        r->pool[r->pool_count++] = lit_symbol(&r->f, symbols[i]);
    }
    r->pool[r->pool_count++] = lit_int(&r->f, 1, LT_TYPE_INT);
    r->pool[r->pool_count++] = lit_int(&r->f, 256, LT_TYPE_INT);
    r->pool[r->pool_count++] = lit_int(&r->f, 900000, LT_TYPE_INTERVAL_SECOND);
    assert_true(r->pool_count <= POOL_MAX);
}

static void setup(rig *r)
{
    memset(r, 0, sizeof *r);
    seed = SEED_START;
    fix_open(&r->f);
    lt_text_init(&r->bad, &r->f.mem);
    r->batch.cols = r->cols;
    add_texts(r);
    add_numbers(r);
    add_nested(r);
    add_literals(r);
}

static void teardown(rig *r)
{
    lt_text_deinit(&r->bad);
    fix_close(&r->f);
}

/* ---- counting ---- */

typedef struct {
    int64_t calls;
    int64_t bytes; /* of the result */
} cost;

/* A program made, run twice and freed: all that it asks for counts once. */
static cost cost_of(rig *r, lt_expr *expr, uint32_t rows)
{
    lt_program *program = NULL;
    lt_col out;
    lt_row_errors errors;
    cost c = {0, 0};
    lt_arena *arena = lt_arena_new(&r->f.mem, (size_t)1 << 30);
    assert_non_null(arena);
    r->batch.row_count = r->batch.row_cap = r->batch.sel_count = rows;
    int64_t before = r->f.mem.alloc_count + r->f.mem.bump_count;
    assert_int_equal(lt_program_new(&r->f.mem, &r->f.session, &expr, 1, &program, &r->f.err),
                     LT_OK);
    for (int i = 0; i < 2; i++) {
        lt_arena_reset(arena, (size_t)64 << 20);
        if (lt_program_eval(program, &r->batch, 0, arena, &out, &errors, &r->f.err) != LT_OK) {
            fail_msg("%s", r->f.err.text);
        }
    }
    lt_program_free(program);
    c.bytes = (int64_t)lt_arena_bytes(arena);
    lt_arena_free(arena);
    c.calls = r->f.mem.alloc_count + r->f.mem.bump_count - before;
    return c;
}

static void check(rig *r, const char *name, lt_expr *expr)
{
    cost few = cost_of(r, expr, FEW), many = cost_of(r, expr, ROWS);
    int64_t allowed = SLACK + 2 * (many.bytes - few.bytes) / BLOCK;
    if (many.calls - few.calls > allowed) {
        r->bad_count++;
        lt_text_printf(&r->bad, "%s: %lld calls for %d rows, %lld for %d: ", name,
                       (long long)few.calls, FEW, (long long)many.calls, ROWS);
        lt_schema schema = {0};
        lt_field fields[COLUMNS];
        for (uint32_t i = 0; i < COLUMNS; i++) {
            char column[8];
            int len = snprintf(column, sizeof column, "c%u", i);
            fields[i] = (lt_field){lt_arena_str(r->f.arena, (lt_str){column, (size_t)len}),
                                   r->cols[i].type};
        }
        schema.fields = fields;
        schema.count = r->batch.col_count;
        lt_expr_print(expr, &schema, &r->bad);
        lt_text_puts(&r->bad, "\n");
    }
}

/* Types and checks a function in up to FORMS ways; gives how many there were. */
static uint32_t check_function(rig *r, const lt_func *func)
{
    uint32_t forms = 0, most = LT_MIN((uint32_t)func->max_args, (uint32_t)ARGS_MAX);
    uint32_t least = LT_MIN((uint32_t)func->min_args, most);
    bool constant = false;
    for (uint32_t try = 0; try < TRIES && forms < FORMS; try++) {
        lt_expr *args[ARGS_MAX], *expr = NULL;
        uint32_t count = least + try % (most - least + 1);
        for (uint32_t i = 0; i < count; i++) {
            args[i] = r->pool[rnd(r->pool_count)];
        }
        if (try_call(&r->f, func->name, &expr, count, args) == LT_OK &&
            expr->kind == LT_NODE_CALL) {
            forms++;
            check(r, func->name, expr);
        } else if (expr != NULL) {
            constant = true; /* folded */
        }
    }
    return forms + constant;
}

static void test_functions(void **state)
{
    (void)state;
    rig r;
    setup(&r);
    for (uint32_t i = 0; i < lt_func_count(); i++) {
        const lt_func *func = lt_func_at(i);
        bool is_cast = strcmp(func->name, "CAST") == 0 || strcmp(func->name, "TRY_CAST") == 0;
        bool is_update = strcmp(func->name, "OBJECT_UPDATE") == 0; /* its object is checked below */
        if (func->infer != NULL && !is_cast && !is_update && check_function(&r, func) == 0) {
            r.bad_count++;
            lt_text_printf(&r.bad, "%s: no arguments of the pool suit it\n", func->name);
        }
    }
    lt_expr *object[] = {lit_str(&r.f, "Class"), lit_str(&r.f, "name"), r.pool[0]}, *update = NULL;
    assert_int_equal(try_call(&r.f, "OBJECT_OF", &object[0], 3, object), LT_OK);
    assert_int_equal(try_call(&r.f, "OBJECT_UPDATE", &update, 3, object), LT_OK);
    check(&r, "OBJECT_UPDATE", update);
    if (r.bad_count > 0) {
        (void)fputs(r.bad.ptr, stderr); /* cmocka cuts long texts */
        fail();
    }
    teardown(&r);
}

static void test_casts(void **state)
{
    (void)state;
    rig r;
    setup(&r);
    lt_arena *arena = r.f.arena;
    const lt_type *text = ty_string(&r.f);
    const lt_type *targets[] = {text,
                                lt_type_sized(arena, LT_TYPE_VARCHAR, 5, true),
                                lt_type_sized(arena, LT_TYPE_CHAR, 80, true),
                                lt_type_sized(arena, LT_TYPE_VARBINARY, LT_LENGTH_MAX, true),
                                ty(&r.f, LT_TYPE_INT),
                                ty(&r.f, LT_TYPE_BIGINT),
                                ty(&r.f, LT_TYPE_DOUBLE),
                                ty(&r.f, LT_TYPE_FLOAT),
                                ty(&r.f, LT_TYPE_BOOLEAN),
                                lt_type_decimal(arena, 10, 2, true),
                                lt_type_decimal(arena, 30, 2, true),
                                ty(&r.f, LT_TYPE_DATE),
                                lt_type_time(arena, LT_TYPE_TIME, 0, true),
                                lt_type_time(arena, LT_TYPE_TIMESTAMP, 3, true),
                                lt_type_time(arena, LT_TYPE_TIMESTAMP, 9, true),
                                lt_type_time(arena, LT_TYPE_TIMESTAMP_LTZ, 3, true),
                                lt_type_array(arena, ty(&r.f, LT_TYPE_BIGINT), true)};
    for (uint32_t p = 0; p < r.pool_count; p++) {
        for (size_t t = 0; t < LT_COUNT_OF(targets); t++) {
            lt_expr *expr = NULL;
            lt_error_clear(&r.f.err);
            if (lt_type_can_cast(r.pool[p]->type, targets[t]) &&
                lt_expr_cast(&r.f.b, r.pool[p], targets[t], (p + t) % 2 == 0, 0, &expr, &r.f.err) ==
                    LT_OK &&
                expr->kind == LT_NODE_CALL) {
                check(&r, "CAST", expr);
            }
        }
    }
    if (r.bad_count > 0) {
        (void)fputs(r.bad.ptr, stderr); /* cmocka cuts long texts */
        fail();
    }
    teardown(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_functions),
                                       cmocka_unit_test(test_casts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
