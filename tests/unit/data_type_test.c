/* Types: physical forms, comparison, printing; values in and out of columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "data/column.h"
#include "data/reject.h"
#include "data/type.h"
#include "data/value.h"

typedef struct {
    lt_mem mem;
    lt_arena *arena;
} fixture;

static int setup(void **state)
{
    static fixture fix;
    lt_mem_init(&fix.mem, NULL, "test", 0);
    fix.arena = lt_arena_new(&fix.mem, 1 << 24);
    *state = &fix;
    return fix.arena ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *fix = *state;
    lt_arena_free(fix->arena);
    assert_int_equal(fix->mem.bytes, 0);
    return 0;
}

static void check_print(fixture *fix, const lt_type *type, const char *expected)
{
    lt_text text;
    lt_text_init(&text, &fix->mem);
    assert_non_null(type);
    lt_type_print(type, &text);
    assert_string_equal(text.ptr, expected);
    lt_text_deinit(&text);
}

static void prints_as_flink(void **state)
{
    fixture *fix = *state;
    lt_arena *a = fix->arena;
    const lt_type *not_null_int = lt_type_new(a, LT_TYPE_INT, false);
    const lt_type *any_int = lt_type_new(a, LT_TYPE_INT, true);
    const lt_type *string = lt_type_sized(a, LT_TYPE_VARCHAR, LT_LENGTH_MAX, true);
    const lt_type *time = lt_type_time(a, LT_TYPE_TIMESTAMP, 3, true);
    check_print(fix, not_null_int, "INT NOT NULL");
    check_print(fix, string, "STRING");
    check_print(fix, lt_type_sized(a, LT_TYPE_VARCHAR, 10, true), "VARCHAR(10)");
    check_print(fix, lt_type_sized(a, LT_TYPE_CHAR, 3, false), "CHAR(3) NOT NULL");
    check_print(fix, lt_type_new(a, LT_TYPE_VARBINARY, true), "BYTES");
    check_print(fix, lt_type_decimal(a, 10, 2, false), "DECIMAL(10, 2) NOT NULL");
    check_print(fix, lt_type_time(a, LT_TYPE_TIMESTAMP_LTZ, 3, true), "TIMESTAMP_LTZ(3)");
    check_print(fix, lt_type_time(a, LT_TYPE_TIME, 0, true), "TIME(0)");
    check_print(fix, lt_type_new(a, LT_TYPE_INTERVAL_MONTH, true), "INTERVAL MONTH");
    check_print(fix, lt_type_new(a, LT_TYPE_INTERVAL_SECOND, true), "INTERVAL SECOND(3)");
    check_print(fix, lt_type_with_attr(a, time, LT_TIME_ROWTIME), "TIMESTAMP(3) *ROWTIME*");
    check_print(fix, lt_type_array(a, any_int, true), "ARRAY<INT>");
    check_print(fix, lt_type_map(a, string, not_null_int, false),
                "MAP<STRING, INT NOT NULL> NOT NULL");
    check_print(fix, lt_type_multiset(a, string, true), "MULTISET<STRING>");
    const lt_field fields[] = {{LT_STR("a"), not_null_int}, {LT_STR("b`c"), string}};
    check_print(fix, lt_type_row(a, fields, 2, true), "ROW<`a` INT NOT NULL, `b``c` STRING>");
}

static void compares_by_value(void **state)
{
    lt_arena *a = ((fixture *)*state)->arena;
    const lt_type *x = lt_type_array(a, lt_type_new(a, LT_TYPE_INT, false), true);
    const lt_type *y = lt_type_array(a, lt_type_new(a, LT_TYPE_INT, true), true);
    assert_false(lt_type_eq(x, y));
    assert_true(lt_type_eq_unnull(x, y));
    assert_false(lt_type_eq_unnull(x, y->fields[0].type));
    const lt_type *time = lt_type_time(a, LT_TYPE_TIMESTAMP, 3, true);
    assert_true(lt_type_eq(time, lt_type_with_attr(a, time, LT_TIME_ROWTIME)));
    assert_ptr_equal(lt_type_with_nullable(a, time, true), time);
    const lt_field one[] = {{LT_STR("a"), time}};
    const lt_field other[] = {{LT_STR("b"), time}};
    assert_false(lt_type_eq(lt_type_row(a, one, 1, true), lt_type_row(a, other, 1, true)));
    const lt_schema *schema = lt_schema_new(a, other, 1);
    assert_int_equal(lt_schema_find(schema, LT_STR("b")), 0);
    assert_int_equal(lt_schema_find(schema, LT_STR("B")), -1);
}

static void physical_forms(void **state)
{
    lt_arena *a = ((fixture *)*state)->arena;
    assert_int_equal(lt_type_phys(lt_type_decimal(a, 18, 0, true)), LT_PHYS_I64);
    assert_int_equal(lt_type_phys(lt_type_decimal(a, 19, 0, true)), LT_PHYS_I128);
    assert_int_equal(lt_type_phys(lt_type_time(a, LT_TYPE_TIMESTAMP, 6, true)), LT_PHYS_I64);
    assert_int_equal(lt_type_phys(lt_type_time(a, LT_TYPE_TIMESTAMP, 7, true)), LT_PHYS_TS9);
    assert_int_equal(lt_type_phys(lt_type_time(a, LT_TYPE_TIME, 3, true)), LT_PHYS_I32);
    assert_string_equal(lt_stage_name(LT_STAGE_LATE), "late");
}

static void nested_values_round_trip(void **state)
{
    lt_arena *a = ((fixture *)*state)->arena;
    const lt_type *string = lt_type_new(a, LT_TYPE_VARCHAR, true);
    const lt_type *map = lt_type_map(a, string, lt_type_new(a, LT_TYPE_INT, true), true);
    const lt_field fields[] = {{LT_STR("m"), map},
                               {LT_STR("d"), lt_type_new(a, LT_TYPE_DOUBLE, true)}};
    const lt_type *row = lt_type_row(a, fields, 2, true);
    lt_value items[4] = {
        {.type = string, .u.s = LT_STR("a key longer than twelve bytes")},
        {.type = map->fields[1].type, .u.i = -7},
        {.type = string, .u.s = LT_STR("b")},
        {.type = map->fields[1].type, .is_null = true},
    };
    lt_value row_items[2] = {{.type = map, .u.list = {items, 4}},
                             {.type = fields[1].type, .u.f = 2.5}};
    lt_value value = {.type = row, .u.list = {row_items, 2}};
    lt_col col;
    assert_true(lt_col_init(&col, row, 2, a));
    assert_true(lt_value_store(&value, &col, 1, 2, a));
    const lt_value null = {.type = row, .is_null = true};
    assert_true(lt_value_store(&null, &col, 0, 2, a));

    lt_value back;
    assert_true(lt_value_load(&back, &col, 0, true, a));
    assert_true(back.is_null);
    assert_true(lt_value_load(&back, &col, 1, true, a));
    assert_false(back.is_null);
    assert_int_equal(back.u.list.count, 2);
    const lt_value *entries = back.u.list.items[0].u.list.items;
    assert_int_equal(back.u.list.items[0].u.list.count, 4);
    assert_true(lt_str_eq(entries[0].u.s, items[0].u.s));
    assert_int_equal(entries[1].u.i, -7);
    assert_true(entries[3].is_null);
    assert_true(back.u.list.items[1].u.f > 2.4 && back.u.list.items[1].u.f < 2.6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(prints_as_flink, setup, teardown),
        cmocka_unit_test_setup_teardown(compares_by_value, setup, teardown),
        cmocka_unit_test_setup_teardown(physical_forms, setup, teardown),
        cmocka_unit_test_setup_teardown(nested_values_round_trip, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
