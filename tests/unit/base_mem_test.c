/* Accounts: sums, maxima along the chain, planned failures, threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/mem.h"

static void counts_follow_the_chain(void **state)
{
    (void)state;
    lt_mem root;
    lt_mem job;
    lt_mem op;
    lt_mem_init(&root, NULL, "root", 0);
    lt_mem_init(&job, &root, "job", 1000);
    lt_mem_init(&op, &job, "op", 0);
    void *a = lt_mem_alloc(&op, 600);
    void *b = lt_mem_alloc(&job, 300);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(op.bytes, 600);
    assert_int_equal(job.bytes, 900);
    assert_int_equal(root.bytes, 900);
    /* Above the job's maximum: refused, and no account keeps a trace. */
    assert_null(lt_mem_alloc(&op, 101));
    assert_null(lt_mem_realloc(&op, a, 600, 701));
    assert_int_equal(op.bytes, 600);
    assert_int_equal(job.bytes, 900);
    assert_int_equal(job.bytes_peak, 900);
    a = lt_mem_realloc(&op, a, 600, 700);
    assert_non_null(a);
    assert_int_equal(job.bytes, 1000);
    a = lt_mem_realloc(&op, a, 700, 10);
    assert_int_equal(job.bytes, 310);
    assert_int_equal(job.bytes_peak, 1000);
    lt_mem_free(&op, a, 10);
    lt_mem_free(&job, b, 300);
    lt_mem_free(&job, NULL, 55);
    assert_int_equal(root.bytes, 0);
    assert_int_equal(root.bytes_peak, 1000);
    lt_mem_deinit(&op);
    lt_mem_deinit(&job);
    lt_mem_deinit(&root);
}

static void absurd_sizes_are_refused(void **state)
{
    (void)state;
    lt_mem root;
    lt_mem_init(&root, NULL, "root", 0);
    volatile size_t absurd = SIZE_MAX;
    assert_null(lt_mem_alloc(&root, absurd));
    assert_null(lt_mem_zalloc(&root, absurd / 2 + 2));
    assert_null(lt_mem_alloc_aligned(&root, absurd - 3));
    void *ptr = lt_mem_alloc(&root, 8);
    assert_null(lt_mem_realloc(&root, ptr, 8, absurd));
    assert_int_equal(root.bytes, 8);
    lt_mem_free(&root, ptr, 8);
    ptr = lt_mem_alloc(&root, 0);
    assert_non_null(ptr);
    ptr = lt_mem_realloc(&root, ptr, 0, 4);
    assert_non_null(ptr);
    ptr = lt_mem_realloc(&root, ptr, 4, 0);
    assert_non_null(ptr);
    lt_mem_free(&root, ptr, 0);
    lt_mem_deinit(&root);
}

static void planned_failure_hits_exactly_one(void **state)
{
    (void)state;
    lt_mem root;
    lt_mem child;
    lt_mem_init(&root, NULL, "root", 0);
    lt_mem_init(&child, &root, "child", 0);
    for (int64_t at = 0; at < 4; at++) {
        void *ptr[4];
        root.alloc_count = 0;
        root.fail_at = at;
        ptr[0] = lt_mem_alloc(&child, 10);
        ptr[1] = lt_mem_zalloc(&root, 10);
        ptr[2] = lt_mem_alloc_aligned(&child, 10);
        ptr[3] = lt_mem_realloc(&child, NULL, 0, 10);
        for (int64_t i = 0; i < 4; i++) {
            assert_int_equal(ptr[i] == NULL, i == at);
        }
        assert_int_equal(root.alloc_count, 4);
        lt_mem_free(&child, ptr[0], 10);
        lt_mem_free(&root, ptr[1], 10);
        lt_mem_free_aligned(&child, ptr[2], 10);
        lt_mem_free(&child, ptr[3], 10);
        assert_int_equal(root.bytes, 0);
    }
    /* Growing may fail, shrinking never does. */
    root.fail_at = -1;
    char *text = lt_mem_alloc(&child, 10);
    memcpy(text, "123456789", 10);
    root.fail_at = root.alloc_count;
    text = lt_mem_realloc(&child, text, 10, 10);
    assert_non_null(text);
    assert_null(lt_mem_realloc(&child, text, 10, 20));
    assert_string_equal(text, "123456789");
    lt_mem_free(&child, text, 10);
    lt_mem_deinit(&child);
    lt_mem_deinit(&root);
}

static void aligned_and_zeroed(void **state)
{
    (void)state;
    lt_mem root;
    lt_mem_init(&root, NULL, "root", 0);
    for (size_t size = 0; size < 300; size += 7) {
        unsigned char *ptr = lt_mem_alloc_aligned(&root, size);
        assert_int_equal((uintptr_t)ptr % 64, 0);
        memset(ptr, 1, size);
        lt_mem_free_aligned(&root, ptr, size);
        ptr = lt_mem_zalloc(&root, size);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(ptr[i], 0);
        }
        lt_mem_free(&root, ptr, size);
    }
    lt_mem_deinit(&root);
}

static void *churn(void *arg)
{
    lt_mem *mem = arg;
    for (size_t i = 0; i < 20000; i++) {
        size_t size = 1 + i % 97;
        void *ptr = lt_mem_alloc(mem, size);
        lt_mem_free(mem, ptr, size);
    }
    return NULL;
}

static void threads_share_an_account(void **state)
{
    (void)state;
    lt_mem root;
    lt_mem job;
    pthread_t threads[4];
    lt_mem_init(&root, NULL, "root", 150);
    lt_mem_init(&job, &root, "job", 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &job), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(job.bytes, 0);
    assert_true(root.bytes_peak <= 150);
    lt_mem_deinit(&job);
    lt_mem_deinit(&root);
}

static void arrays_grow_or_stay_whole(void **state)
{
    (void)state;
    lt_mem root;
    LT_ARRAY(int) arr = {0};
    lt_mem_init(&root, NULL, "root", 0);
    for (int i = 0; i < 1000; i++) {
        assert_true(lt_array_push(&arr, &root, i));
    }
    assert_int_equal(arr.count, 1000);
    assert_int_equal(arr.items[999], 999);
    assert_int_equal(root.bytes, (int64_t)(arr.cap * sizeof(int)));
    volatile size_t absurd = SIZE_MAX;
    assert_false(lt_array_reserve(&arr, &root, absurd));
    assert_false(lt_array_reserve(&arr, &root, absurd / 2));
    size_t cap = arr.cap;
    root.fail_at = root.alloc_count;
    assert_false(lt_array_reserve(&arr, &root, cap));
    assert_int_equal(arr.cap, cap);
    assert_int_equal(arr.items[500], 500);
    lt_array_deinit(&arr, &root);
    assert_null(arr.items);
    assert_int_equal(root.bytes, 0);
    lt_mem_deinit(&root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_follow_the_chain),
        cmocka_unit_test(absurd_sizes_are_refused),
        cmocka_unit_test(planned_failure_hits_exactly_one),
        cmocka_unit_test(aligned_and_zeroed),
        cmocka_unit_test(threads_share_an_account),
        cmocka_unit_test(arrays_grow_or_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
