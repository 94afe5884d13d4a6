/* State read back without its operator: names, kinds, typed keys, named fields, bytes where nothing
 * is known, and blocks that are damaged or missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "os/env_sim.h"
#include "state/read.h"

typedef struct {
    int64_t sum;
    lt_cell note;
    int32_t small;
} record;

static const uint32_t record_cells[] = {offsetof(record, note)};
static const lt_type text_type = {
    .kind = LT_TYPE_VARCHAR, .nullable = true, .length = LT_LENGTH_MAX};
static const lt_type long_type = {.kind = LT_TYPE_BIGINT, .nullable = false};
static const lt_type int_type = {.kind = LT_TYPE_INT, .nullable = false};
static const lt_type time_type = {.kind = LT_TYPE_TIMESTAMP, .nullable = true, .precision = 3};
static const lt_type decimal_type = {
    .kind = LT_TYPE_DECIMAL, .nullable = true, .precision = 10, .scale = 2};
static const lt_field array_field = {{"", 0}, &long_type};
static const lt_type array_type = {
    .kind = LT_TYPE_ARRAY, .nullable = true, .field_count = 1, .fields = &array_field};
static const lt_state_field record_fields[] = {
    {"total", &long_type, offsetof(record, sum)},
    {"note", &text_type, offsetof(record, note)},
    {"small", &int_type, offsetof(record, small)},
};

typedef struct {
    lt_mem mem;
    lt_arena *arena;
    lt_env *env;
    lt_state *state;
    lt_table *named;
    lt_table *arrays;
    lt_slices *windows;
    lt_timers *timers;
    lt_lists *lists;
    lt_ordered *ordered;
} fixture;

static void declare(fixture *fix)
{
    static const lt_type *const types[] = {&long_type, &text_type, &time_type, &decimal_type};
    static const lt_type *const arrays[] = {&array_type};
    const lt_rowcodec *key = lt_rowcodec_new(fix->arena, types, 1, false);
    const lt_rowcodec *many = lt_rowcodec_new(fix->arena, types, 4, false);
    const lt_rowcodec *array = lt_rowcodec_new(fix->arena, arrays, 1, false);
    lt_error err;
    lt_table_decl decl = {.name = "named",
                          .key = key,
                          .value_size = sizeof(record),
                          .cell_offsets = record_cells,
                          .cell_count = 1,
                          .ttl_ms = 1000,
                          .fields = record_fields,
                          .field_count = 3};
    assert_int_equal(lt_state_table(fix->state, &decl, &fix->named, &err), LT_OK);
    decl = (lt_table_decl){.name = "arrays",
                           .key = array,
                           .value_size = sizeof(record),
                           .cell_offsets = record_cells,
                           .cell_count = 1};
    assert_int_equal(lt_state_table(fix->state, &decl, &fix->arrays, &err), LT_OK);
    decl = (lt_table_decl){.name = "windows", .key = array, .value_size = 8};
    assert_int_equal(lt_state_slices(fix->state, &decl, &fix->windows, &err), LT_OK);
    const lt_timers_decl timers = {.name = "timers", .key = many};
    assert_int_equal(lt_state_keyed_timers(fix->state, &timers, &fix->timers, &err), LT_OK);
    const lt_lists_decl lists = {.name = "lists", .key = key};
    assert_int_equal(lt_state_lists(fix->state, &lists, &fix->lists, &err), LT_OK);
    const lt_ordered_decl ordered = {.name = "ordered", .key = key, .value_size = 8};
    assert_int_equal(lt_state_ordered(fix->state, &ordered, &fix->ordered, &err), LT_OK);
}

static void fill(fixture *fix)
{
    lt_error err;
    void *value;
    for (uint64_t key = 0; key < 3000; key++) {
        uint64_t hash = lt_hash_u64(key);
        assert_int_equal(lt_table_get(fix->named, &key, 8, hash, true, &value, NULL, &err), LT_OK);
        record *r = value;
        r->sum = (int64_t)key * 10;
        r->small = -(int32_t)key;
        if (key % 2 == 0) {
            assert_true(
                lt_cells_set(lt_table_cells(fix->named), &r->note, "a note that is long", 19));
        }
    }
    const char array[16] = "bytes of a key..";
    uint64_t hash = lt_row_hash((const uint8_t *)array, 16);
    assert_int_equal(lt_table_get(fix->arrays, array, 16, hash, true, &value, NULL, &err), LT_OK);
    ((record *)value)->sum = 0x4142434445464748;
    for (int64_t end = 1000; end <= 2000; end += 1000) {
        lt_table *slice;
        assert_int_equal(lt_slices_get(fix->windows, end, true, &slice, &err), LT_OK);
        assert_int_equal(lt_table_get(slice, array, 16, hash, true, &value, NULL, &err), LT_OK);
    }
    /* BIGINT 7, STRING 'x', TIMESTAMP NULL, DECIMAL NULL */
    static const uint8_t key[24] = {0x0C, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 'x'};
    assert_int_equal(lt_timers_add(fix->timers, 5000, key, 16, &err), LT_OK);
    for (uint64_t k = 1; k <= 2; k++) {
        uint64_t key_hash = lt_hash_u64(k);
        const lt_rows keys = {1, 8, (uint8_t *)&k, NULL, &key_hash};
        for (uint64_t row = 0; row < 3; row++) {
            uint64_t row_hash = lt_hash_u64(row);
            const lt_rows rows = {1, 8, (uint8_t *)&row, NULL, &row_hash};
            assert_int_equal(lt_lists_append(fix->lists, &keys, &rows, &err), LT_OK);
        }
        lt_ordered_map *map;
        assert_int_equal(lt_ordered_probe(fix->ordered, &keys, true, &map, &err), LT_OK);
        assert_int_equal(lt_ordered_get(fix->ordered, map, LT_STR("b"), true, &value, NULL, &err),
                         LT_OK);
        assert_int_equal(lt_ordered_get(fix->ordered, map, LT_STR("a"), true, &value, NULL, &err),
                         LT_OK);
    }
}

static void fixture_init(fixture *fix)
{
    static const lt_sim_options options = {.seed = 1, .start_wall_us = 1000000};
    memset(fix, 0, sizeof *fix);
    lt_mem_init(&fix->mem, NULL, "test", 0);
    fix->env = lt_env_sim_new(&fix->mem, &options);
    fix->arena = lt_arena_new(&fix->mem, 1 << 20);
    fix->state = lt_state_new(&fix->mem, fix->env);
    assert_true(fix->env && fix->arena && fix->state);
    declare(fix);
    fill(fix);
}

static void fixture_deinit(fixture *fix)
{
    lt_state_free(fix->state);
    lt_arena_free(fix->arena);
    lt_env_sim_free(fix->env);
    assert_int_equal(fix->mem.bytes, 0);
}

/* Feeds all blocks but the one numbered `leave_out`. */
static lt_status feed(fixture *fix, lt_state_reader *reader, int leave_out, lt_error *err)
{
    lt_state_snap *snap;
    lt_state_block block;
    lt_status st = LT_OK;
    LT_TRY(lt_state_snap_begin(fix->state, false, &snap, err));
    for (int i = 0; (st = lt_state_snap_next(snap, &block, err)) == LT_OK; i++) {
        if (i != leave_out) {
            st = lt_state_reader_block(reader, block.id, block.bytes, block.len, err);
        }
        if (st != LT_OK) {
            break;
        }
    }
    lt_state_snap_end(snap, false);
    LT_TRY(st == LT_END ? LT_OK : st);
    return lt_state_reader_ready(reader, err);
}

static void check_item(const lt_state_reader *reader, uint32_t index, const char *expected)
{
    lt_state_item item;
    char text[400];
    size_t len = 0;
    lt_state_reader_item(reader, index, &item);
    len += (size_t)snprintf(text, sizeof text, "%.*s %s %llu:", (int)item.name.len, item.name.ptr,
                            item.kind, (unsigned long long)item.records);
    for (uint32_t f = 0; f < item.schema->count; f++) {
        len +=
            (size_t)snprintf(text + len, sizeof text - len, " %.*s",
                             (int)item.schema->fields[f].name.len, item.schema->fields[f].name.ptr);
    }
    assert_string_equal(text, expected);
    assert_true(item.bytes > 0);
}

static lt_batch *only_batch(lt_state_reader *reader, uint32_t index, uint32_t rows)
{
    lt_batch *batch, *none;
    lt_error err;
    lt_state_reader_open(reader, index);
    assert_int_equal(lt_state_reader_rows(reader, &batch, &err), LT_OK);
    assert_int_equal(batch->row_count, rows);
    assert_int_equal(lt_state_reader_rows(reader, &none, &err), LT_OK);
    assert_null(none);
    return batch;
}

static void check_text(const lt_batch *batch, uint32_t col, uint32_t row, const void *bytes,
                       size_t len)
{
    lt_str text = lt_strv_str(&LT_COL_DATA(&batch->cols[col], lt_strv)[row]);
    assert_false(lt_col_is_null(&batch->cols[col], row));
    assert_int_equal(text.len, len);
    assert_memory_equal(text.ptr, bytes, len);
}

static void check_named(lt_state_reader *reader)
{
    int64_t at = 0;
    lt_batch *batch;
    lt_error err;
    lt_state_reader_open(reader, 0);
    while (lt_state_reader_rows(reader, &batch, &err) == LT_OK && batch) {
        for (uint32_t i = 0; i < batch->row_count; i++, at++) {
            assert_int_equal(LT_COL_DATA(&batch->cols[0], int64_t)[i], at);
            assert_int_equal(LT_COL_DATA(&batch->cols[1], int64_t)[i], at * 10);
            assert_int_equal(LT_COL_DATA(&batch->cols[3], int32_t)[i], -at);
            assert_int_equal(lt_col_is_null(&batch->cols[2], i), at % 2);
            if (at % 2 == 0) {
                check_text(batch, 2, i, "a note that is long", 19);
            }
        }
        lt_batch_unref(batch);
    }
    assert_int_equal(at, 3000);
}

static void shows_everything(void **state)
{
    (void)state;
    fixture fix;
    lt_state_reader *reader;
    lt_error err;
    fixture_init(&fix);
    assert_int_equal(lt_state_reader_new(&fix.mem, &reader, &err), LT_OK);
    if (feed(&fix, reader, -1, &err) != LT_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(lt_state_reader_count(reader), 6);
    check_item(reader, 0, "named table 3000: key_1 total note small");
    check_item(reader, 1, "arrays table 1: key value cell_1");
    check_item(reader, 2, "windows slices 2: slice_end key value");
    check_item(reader, 3, "timers timers 1: time key_1 key_2 key_3 key_4");
    check_item(reader, 4, "lists lists 6: key_1 row");
    check_item(reader, 5, "ordered ordered map 4: key_1 order value");
    check_named(reader);

    lt_batch *batch = only_batch(reader, 1, 1);
    check_text(batch, 0, 0, "bytes of a key..", 16);
    record shown = {.sum = 0x4142434445464748};
    check_text(batch, 1, 0, &shown, sizeof shown);
    assert_true(lt_col_is_null(&batch->cols[2], 0));
    lt_batch_unref(batch);
    batch = only_batch(reader, 2, 2);
    assert_int_equal(LT_COL_DATA(&batch->cols[0], int64_t)[1], 2000);
    lt_batch_unref(batch);
    batch = only_batch(reader, 3, 1);
    assert_int_equal(LT_COL_DATA(&batch->cols[0], int64_t)[0], 5000);
    assert_int_equal(LT_COL_DATA(&batch->cols[1], int64_t)[0], 7);
    check_text(batch, 2, 0, "x", 1);
    assert_true(lt_col_is_null(&batch->cols[3], 0) && lt_col_is_null(&batch->cols[4], 0));
    lt_batch_unref(batch);
    batch = only_batch(reader, 4, 6);
    assert_int_equal(LT_COL_DATA(&batch->cols[0], int64_t)[3], 2);
    check_text(batch, 1, 5, "\2\0\0\0\0\0\0\0", 8);
    lt_batch_unref(batch);
    batch = only_batch(reader, 5, 4);
    check_text(batch, 1, 0, "a", 1);
    check_text(batch, 1, 1, "b", 1);
    lt_batch_unref(batch);
    lt_state_reader_free(reader);
    fixture_deinit(&fix);
}

static void refuses_gaps(void **state)
{
    (void)state;
    fixture fix;
    lt_error err;
    fixture_init(&fix);
    for (int leave_out = 0; leave_out < 25; leave_out++) {
        lt_state_reader *reader;
        assert_int_equal(lt_state_reader_new(&fix.mem, &reader, &err), LT_OK);
        assert_int_equal(feed(&fix, reader, leave_out, &err), LT_ERR_STATE);
        lt_state_reader_free(reader);
    }
    fixture_deinit(&fix);
}

static void survives_failed_allocations(void **state)
{
    (void)state;
    fixture fix;
    lt_error err;
    lt_status st = LT_ERR_NOMEM;
    fixture_init(&fix);
    for (int64_t nth = 0; st != LT_OK; nth++) {
        lt_state_reader *reader = NULL;
        fix.mem.alloc_count = 0;
        fix.mem.fail_at = nth;
        st = lt_state_reader_new(&fix.mem, &reader, &err);
        st = st == LT_OK ? feed(&fix, reader, -1, &err) : st;
        if (st == LT_OK) {
            lt_batch *batch = NULL;
            lt_state_reader_open(reader, 0);
            st = lt_state_reader_rows(reader, &batch, &err);
            lt_batch_unref(batch);
        }
        if (st != LT_OK && st != LT_ERR_NOMEM) {
            fail_msg("%s", err.text);
        }
        lt_state_reader_free(reader);
        assert_true(nth < 5000);
    }
    fix.mem.fail_at = -1;
    fixture_deinit(&fix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_everything),
        cmocka_unit_test(refuses_gaps),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
