/* Batches: recycling, pins, marks, slices, dense copies, and every failed allocation on the way. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "data/batch.h"
#include "data_random.h"

static const lt_type int_type = {.kind = LT_TYPE_INT, .nullable = true};
static const lt_type string_type = {
    .kind = LT_TYPE_VARCHAR, .nullable = true, .length = LT_LENGTH_MAX};
static const lt_field fields[] = {{{"n", 1}, &int_type}, {{"s", 1}, &string_type}};
static const lt_schema schema = {2, fields};

typedef struct {
    lt_mem mem;
    lt_batch_pool *pool;
} fixture;

static int setup(void **state)
{
    static fixture fix;
    lt_mem_init(&fix.mem, NULL, "test", 0);
    fix.pool = lt_batch_pool_new(&fix.mem, 4);
    *state = &fix;
    return fix.pool ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *fix = *state;
    lt_batch_pool_free(fix->pool);
    assert_int_equal(fix->mem.bytes, 0);
    return 0;
}

/* Rows 0 .. count-1 with n = row, s a long text of the row. NULL when out of memory. */
static lt_batch *make(lt_batch_pool *pool, uint32_t count)
{
    lt_batch *batch = lt_batch_new(pool, &schema, count);
    for (uint32_t i = 0; batch && i < count; i++) {
        char *text = lt_arena_printf(batch->arena, "the text of row number %u", i);
        if (!text) {
            lt_batch_unref(batch);
            return NULL;
        }
        LT_COL_DATA(&batch->cols[0], int32_t)[i] = (int32_t)i;
        LT_COL_DATA(&batch->cols[1], lt_strv)[i] = lt_strv_make(text, strlen(text));
    }
    if (batch) {
        batch->row_count = count;
        batch->sel_count = count;
    }
    return batch;
}

static void recycles(void **state)
{
    fixture *fix = *state;
    int64_t bytes = 0;
    int64_t allocs = 0;
    for (int i = 0; i < 100; i++) {
        lt_batch *batch = make(fix->pool, 4096);
        lt_batch *view = lt_batch_derive(fix->pool, batch, &schema);
        lt_batch_unref(batch);
        lt_batch_unref(view);
        if (i == 10) { /* both batches have been used for both purposes by now */
            bytes = fix->mem.bytes;
            allocs = fix->mem.alloc_count;
        }
    }
    assert_int_equal(fix->mem.bytes, bytes);
    assert_int_equal(fix->mem.alloc_count, allocs);
}

static void pins_keep_memory(void **state)
{
    fixture *fix = *state;
    lt_buf *buf = lt_buf_new(&fix->mem, 100);
    memset(buf->ptr, 'x', 100);
    assert_int_equal(buf->ptr[100], 0);
    assert_int_equal(buf->ptr[100 + LT_BUF_PADDING - 1], 0);
    lt_batch *batch = make(fix->pool, 3);
    assert_true(lt_batch_pin_buf(batch, buf));
    assert_true(lt_batch_pin_buf(batch, buf));
    lt_buf_unref(buf);
    LT_COL_DATA(&batch->cols[1], lt_strv)[1] = lt_strv_make(buf->ptr, 50);
    lt_batch *view = lt_batch_derive(fix->pool, batch, &schema);
    view->cols[1] = batch->cols[1];
    lt_batch_unref(batch);
    assert_int_equal(LT_COL_DATA(&view->cols[1], lt_strv)[1].len, 50);
    assert_int_equal(lt_strv_ptr(&LT_COL_DATA(&view->cols[1], lt_strv)[1])[49], 'x');
    lt_batch_unref(view);
}

static void marks_merge(void **state)
{
    fixture *fix = *state;
    lt_batch *batch = make(fix->pool, 100);
    assert_true(lt_batch_add_mark(batch, 0, 5));
    assert_true(lt_batch_add_mark(batch, 0, 7));
    assert_true(lt_batch_add_mark(batch, 3, 7));
    assert_true(lt_batch_add_mark(batch, 4, 6));
    for (uint32_t i = 10; i < 60; i++) {
        assert_true(lt_batch_add_mark(batch, i, i));
    }
    assert_int_equal(batch->mark_count, 51);
    assert_int_equal(batch->marks[0].watermark, 7);
    assert_int_equal(batch->marks[1].first_row, 10);

    lt_batch *view = lt_batch_derive(fix->pool, batch, &schema);
    assert_true(lt_batch_add_mark(view, 59, 1000));
    assert_int_equal(view->marks[50].watermark, 1000);
    assert_int_equal(batch->marks[50].watermark, 59); /* the parent's marks are not written */
    lt_batch_unref(view);
    lt_batch_unref(batch);
}

/* Every row and mark of the batch is in exactly one slice of it, in order. */
static void slices_partition(void **state)
{
    fixture *fix = *state;
    static uint32_t odd[50];
    for (int with_sel = 0; with_sel < 2; with_sel++) {
        lt_batch *batch = make(fix->pool, 100);
        for (uint32_t i = 0; i <= 100; i += 7) {
            assert_true(lt_batch_add_mark(batch, i, i));
        }
        assert_true(lt_batch_add_mark(batch, 100, 500));
        if (with_sel) {
            for (uint32_t i = 0; i < 50; i++) {
                odd[i] = 2 * i + 1;
            }
            batch->sel = odd;
            batch->sel_count = 50;
        }
        uint32_t rows = 0;
        uint32_t marks = 0;
        for (uint32_t at = 0; at < 100; at += 9) {
            uint32_t end = LT_MIN(at + 9, 100U);
            lt_batch *slice = lt_batch_slice(fix->pool, batch, at, end);
            for (uint32_t i = 0; i < lt_batch_live(slice); i++) {
                uint32_t row = lt_batch_row(slice, i);
                assert_int_equal(row, lt_batch_row(batch, rows));
                assert_int_equal(LT_COL_DATA(&slice->cols[0], int32_t)[row], row);
                rows++;
            }
            for (uint32_t i = 0; i < slice->mark_count; i++) {
                assert_int_equal(slice->marks[i].first_row, batch->marks[marks].first_row);
                assert_int_equal(slice->marks[i].watermark, batch->marks[marks].watermark);
                marks++;
            }
            lt_batch_unref(slice);
        }
        assert_int_equal(rows, lt_batch_live(batch));
        assert_int_equal(marks, batch->mark_count);
        lt_batch_unref(batch);
    }
}

static void compacts(void **state)
{
    fixture *fix = *state;
    lt_batch *batch = make(fix->pool, 10);
    static uint32_t sel[] = {1, 4, 9};
    static uint8_t kinds[10] = {[4] = LT_DELETE, [5] = LT_UPDATE_AFTER};
    batch->sel = sel;
    batch->sel_count = 3;
    batch->kinds = kinds;
    batch->arrival_us = 77;
    assert_non_null(lt_col_need_valid(&batch->cols[1], 10, batch->arena));
    lt_bit_clear(batch->cols[1].valid, 9);
    assert_true(lt_batch_add_mark(batch, 0, 1));
    assert_true(lt_batch_add_mark(batch, 2, 2));
    assert_true(lt_batch_add_mark(batch, 3, 3));
    assert_true(lt_batch_add_mark(batch, 10, 4));
    lt_batch *dense = lt_batch_compact(fix->pool, batch);
    lt_batch_unref(batch);
    assert_int_equal(lt_batch_live(dense), 3);
    assert_null(dense->sel);
    assert_int_equal(dense->arrival_us, 77);
    assert_int_equal(LT_COL_DATA(&dense->cols[0], int32_t)[1], 4);
    lt_str text = lt_strv_str(&LT_COL_DATA(&dense->cols[1], lt_strv)[1]);
    assert_true(lt_str_eq(text, LT_STR("the text of row number 4")));
    assert_true(lt_col_is_null(&dense->cols[1], 2));
    assert_int_equal(lt_batch_kind(dense, 1), LT_DELETE);
    assert_int_equal(lt_batch_kind(dense, 2), LT_INSERT);
    assert_int_equal(dense->mark_count, 3);
    assert_int_equal(dense->marks[1].first_row, 1);
    assert_int_equal(dense->marks[1].watermark, 3);
    assert_int_equal(dense->marks[2].first_row, 3);
    lt_batch_unref(dense);
}

/* A gathered column equals its source, value by value, for any type. */
static void gathers_anything(void **state)
{
    fixture *fix = *state;
    enum { ROWS = 50 };
    for (uint64_t seed = 1; seed <= 200; seed++) {
        test_rng rng = {seed};
        lt_arena *arena = lt_arena_new(&fix->mem, 1 << 24);
        const lt_type *type = random_type(&rng, arena, 3);
        lt_col src, dst;
        assert_true(lt_col_init(&src, type, ROWS, arena));
        assert_true(lt_col_init(&dst, type, ROWS, arena));
        uint32_t rows[ROWS];
        for (uint32_t i = 0; i < ROWS; i++) {
            assert_true(random_value(&rng, &src, i, ROWS, arena));
            rows[i] = rng_below(&rng, ROWS);
        }
        bool copy = seed % 2;
        assert_true(lt_col_gather(&dst, &src, seed % 3 ? rows : NULL, ROWS, copy, arena));
        for (uint32_t i = 0; i < ROWS; i++) {
            assert_true(lt_col_value_eq(&dst, i, &src, seed % 3 ? rows[i] : i));
        }
        for (uint32_t i = 0; i < ROWS; i++) {
            assert_true(lt_col_copy_value(&dst, i, ROWS, &src, rows[ROWS - 1 - i], copy, arena));
        }
        for (uint32_t i = 0; i < ROWS; i++) {
            assert_true(lt_col_value_eq(&dst, i, &src, rows[ROWS - 1 - i]));
        }
        lt_arena_free(arena);
    }
}

/* One slot between two threads: one makes batches, the other gives them back. */
typedef struct {
    _Atomic(lt_batch *) slot;
    atomic_bool done;
} handover;

static void *unref_all(void *arg)
{
    handover *over = arg;
    while (true) {
        bool done = atomic_load(&over->done);
        lt_batch *batch = atomic_exchange(&over->slot, NULL);
        lt_batch_unref(batch);
        if (!batch && done) {
            return NULL;
        }
    }
}

static void unref_from_another_thread(void **state)
{
    fixture *fix = *state;
    handover over = {NULL, false};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, unref_all, &over), 0);
    for (int i = 0; i < 5000; i++) {
        lt_batch *batch = make(fix->pool, 3);
        assert_non_null(batch);
        lt_batch_unref(atomic_exchange(&over.slot, batch));
    }
    atomic_store(&over.done, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static bool everything(lt_mem *mem)
{
    lt_batch_pool *pool = lt_batch_pool_new(mem, 1);
    lt_buf *buf = lt_buf_new(mem, 1 << 16);
    lt_batch *batch = pool ? make(pool, 500) : NULL;
    bool done = batch && buf && lt_batch_pin_buf(batch, buf) && lt_batch_add_mark(batch, 3, 3);
    lt_batch *view = done ? lt_batch_derive(pool, batch, &schema) : NULL;
    lt_batch *slice = view ? lt_batch_slice(pool, batch, 10, 400) : NULL;
    lt_batch *dense = slice ? lt_batch_compact(pool, slice) : NULL;
    done = dense != NULL;
    lt_batch_unref(batch);
    lt_batch_unref(view);
    lt_batch_unref(slice);
    lt_batch_unref(dense);
    lt_buf_unref(buf);
    lt_batch_pool_free(pool);
    return done;
}

static void survives_failed_allocations(void **state)
{
    (void)state;
    bool done = false;
    for (int64_t nth = 0; !done; nth++) {
        lt_mem mem;
        lt_mem_init(&mem, NULL, "fault", 0);
        mem.fail_at = nth;
        bool passed = everything(&mem);
        done = mem.alloc_count <= nth; /* some failures are made up for */
        assert_true(!done || passed);
        assert_int_equal(mem.bytes, 0);
        assert_true(nth < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(recycles, setup, teardown),
        cmocka_unit_test_setup_teardown(pins_keep_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(marks_merge, setup, teardown),
        cmocka_unit_test_setup_teardown(slices_partition, setup, teardown),
        cmocka_unit_test_setup_teardown(compacts, setup, teardown),
        cmocka_unit_test_setup_teardown(gathers_anything, setup, teardown),
        cmocka_unit_test_setup_teardown(unref_from_another_thread, setup, teardown),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
