/* The bump allocator: alignment, maximum, reuse of chunks, failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static void blocks_are_aligned_and_apart(void **state)
{
    (void)state;
    lt_mem root;
    lt_mem_init(&root, NULL, "root", 0);
    lt_arena *arena = lt_arena_new(&root, (size_t)64 << 20);
    assert_non_null(arena);
    unsigned char *blocks[500];
    size_t sizes[500];
    for (size_t i = 0; i < 500; i++) {
        size_t align = (size_t)1 << (i % 7);
        sizes[i] = i * 37 % 3000 + (i % 50 == 0 ? 2000000 : 0);
        blocks[i] = lt_arena_alloc(arena, sizes[i], align);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % align, 0);
        memset(blocks[i], (int)(i & 0xFF), sizes[i]);
    }
    for (size_t i = 0; i < 500; i++) {
        for (size_t k = 0; k < sizes[i]; k += 101) {
            assert_int_equal(blocks[i][k], i & 0xFF);
        }
    }
    lt_arena_free(arena);
    lt_arena_free(NULL);
    lt_mem_deinit(&root);
}

static void maximum_counts_bytes_handed_out(void **state)
{
    (void)state;
    lt_mem root;
    lt_mem_init(&root, NULL, "root", 0);
    lt_arena *arena = lt_arena_new(&root, 100);
    assert_null(lt_arena_alloc(arena, 101, 1));
    assert_non_null(lt_arena_alloc(arena, 99, 1));
    assert_int_equal(lt_arena_bytes(arena), 99);
    assert_null(lt_arena_alloc(arena, 1, 64)); /* the padding does not fit */
    assert_non_null(lt_arena_alloc(arena, 1, 1));
    assert_null(lt_arena_alloc(arena, 1, 1));
    assert_non_null(lt_arena_alloc(arena, 0, 1));
    volatile size_t absurd = SIZE_MAX;
    assert_null(lt_arena_alloc(arena, absurd, 1));
    assert_null(lt_arena_strndup(arena, "", absurd));
    lt_arena_reset(arena, 1 << 20);
    assert_int_equal(lt_arena_bytes(arena), 0);
    assert_non_null(lt_arena_alloc(arena, 100, 64));
    lt_arena_free(arena);

    arena = lt_arena_new(&root, SIZE_MAX);
    assert_null(lt_arena_alloc(arena, absurd, 64));
    assert_null(lt_arena_alloc(arena, absurd / 2, 64));
    assert_non_null(lt_arena_alloc(arena, 10, 64));
    lt_arena_free(arena);
    lt_mem_deinit(&root);
}

static void reset_keeps_chunks(void **state)
{
    (void)state;
    lt_mem root;
    lt_mem_init(&root, NULL, "root", 0);
    lt_arena *arena = lt_arena_new(&root, (size_t)64 << 20);
    for (int round = 0; round < 20; round++) {
        int64_t allocs = root.alloc_count;
        for (size_t i = 0; i < 300; i++) {
            size_t size = (i * 7919 + (size_t)round * 13) % 20000;
            assert_non_null(lt_arena_alloc(arena, size, 8));
        }
        assert_non_null(lt_arena_alloc(arena, 3000000, 8));
        if (round > 3) {
            assert_int_equal(root.alloc_count, allocs);
        }
        lt_arena_reset(arena, SIZE_MAX);
    }
    int64_t held = root.bytes;
    lt_arena_reset(arena, 100000);
    assert_true(root.bytes < held);
    assert_true(root.bytes <= 100000 + 200);
    lt_arena_reset(arena, 0);
    assert_true(root.bytes < 200);
    assert_non_null(lt_arena_alloc(arena, 1, 1));
    assert_true(root.bytes < 4096 + 200); /* small again */
    lt_arena_free(arena);
    lt_mem_deinit(&root);
}

static void zeroed_after_reuse(void **state)
{
    (void)state;
    typedef struct {
        int64_t a;
        char b[9];
    } pair;
    lt_mem root;
    lt_mem_init(&root, NULL, "root", 0);
    lt_arena *arena = lt_arena_new(&root, 1 << 20);
    memset(lt_arena_alloc(arena, 3000, 1), 0xFF, 3000);
    lt_arena_reset(arena, 1 << 20);
    pair *one = LT_NEW(arena, pair);
    pair *many = LT_NEW_ARRAY(arena, pair, 10);
    static const pair zero;
    assert_memory_equal(one, &zero, sizeof zero);
    assert_memory_equal(&many[9], &zero, sizeof zero);
    lt_arena_free(arena);
    lt_mem_deinit(&root);
}

static void strings(void **state)
{
    (void)state;
    lt_mem root;
    lt_mem_init(&root, NULL, "root", 0);
    lt_arena *arena = lt_arena_new(&root, 20000);
    assert_string_equal(lt_arena_strndup(arena, "hello", 3), "hel");
    assert_string_equal(lt_arena_strndup(arena, NULL, 0), "");
    lt_str copy = lt_arena_str(arena, LT_STR("a\0b"));
    assert_int_equal(copy.len, 3);
    assert_memory_equal(copy.ptr, "a\0b\0", 4);
    assert_string_equal(lt_arena_printf(arena, "%d-%s", 42, "x"), "42-x");
    assert_int_equal(strlen(lt_arena_printf(arena, "%05000d", 1)), 5000);
    assert_null(lt_arena_printf(arena, "%020000d", 1));
    copy = lt_arena_str(arena, (lt_str){"x", 30000});
    assert_null(copy.ptr);
    assert_int_equal(copy.len, 0);
    lt_arena_free(arena);
    lt_mem_deinit(&root);
}

static void failures_leave_it_usable(void **state)
{
    (void)state;
    lt_mem root;
    lt_mem_init(&root, NULL, "root", 0);
    root.fail_at = 0;
    assert_null(lt_arena_new(&root, 1000));
    lt_arena *arena = lt_arena_new(&root, 1 << 20);
    assert_non_null(lt_arena_alloc(arena, 10, 1));
    /* Both the doubled chunk and the exact one are refused: an account's maximum. */
    root.bytes_max = root.bytes + 1000;
    assert_null(lt_arena_alloc(arena, 5000, 1));
    assert_non_null(lt_arena_alloc(arena, 100, 1));
    /* The exact one fits where the doubled one does not. */
    assert_non_null(lt_arena_alloc(arena, 3500, 1));
    root.bytes_max = root.bytes + 5000;
    assert_non_null(lt_arena_alloc(arena, 4500, 1));
    lt_arena_free(arena);
    lt_mem_deinit(&root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_apart),
        cmocka_unit_test(maximum_counts_bytes_handed_out),
        cmocka_unit_test(reset_keeps_chunks),
        cmocka_unit_test(zeroed_after_reuse),
        cmocka_unit_test(strings),
        cmocka_unit_test(failures_leave_it_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
