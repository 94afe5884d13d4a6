/* The name map: order, removal, growth, failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/map.h"

static void put_get_replace(void **state)
{
    (void)state;
    lt_mem root;
    int a = 1;
    int b = 2;
    lt_mem_init(&root, NULL, "root", 0);
    lt_map *map = lt_map_new(&root);
    assert_null(lt_map_get(map, LT_STR("a")));
    assert_null(lt_map_remove(map, LT_STR("a")));
    assert_false(lt_map_at(map, 0, NULL, NULL));
    char key[] = "a";
    assert_true(lt_map_put(map, lt_str_of(key), &a));
    key[0] = 'x'; /* the map has its own copy */
    assert_ptr_equal(lt_map_get(map, LT_STR("a")), &a);
    assert_true(lt_map_put(map, LT_STR("a"), &b));
    assert_ptr_equal(lt_map_get(map, LT_STR("a")), &b);
    assert_int_equal(lt_map_count(map), 1);
    assert_null(lt_map_get(map, LT_STR("A")));
    assert_true(lt_map_put(map, LT_STR(""), &a));
    assert_true(lt_map_put(map, LT_STR("a\0b"), &a));
    assert_ptr_equal(lt_map_get(map, (lt_str){NULL, 0}), &a);
    assert_int_equal(lt_map_count(map), 3);
    lt_map_free(map);
    lt_map_free(NULL);
    lt_mem_deinit(&root);
}

static lt_str name_of(size_t i, char *to, size_t size)
{
    int len = snprintf(to, size, "name_%zu", i);
    return (lt_str){to, (size_t)len};
}

static void order_survives_removal(void **state)
{
    (void)state;
    lt_mem root;
    char text[32];
    lt_mem_init(&root, NULL, "root", 0);
    lt_map *map = lt_map_new(&root);
    for (size_t i = 1; i <= 2000; i++) {
        assert_true(lt_map_put(map, name_of(i, text, sizeof text), (void *)(uintptr_t)i));
    }
    for (size_t i = 3; i <= 2000; i += 3) {
        assert_int_equal((uintptr_t)lt_map_remove(map, name_of(i, text, sizeof text)), i);
        assert_null(lt_map_remove(map, name_of(i, text, sizeof text)));
    }
    size_t at = 0;
    for (size_t i = 1; i <= 2000; i++) {
        void *found = lt_map_get(map, name_of(i, text, sizeof text));
        assert_int_equal((uintptr_t)found, i % 3 == 0 ? 0 : i);
        if (i % 3 != 0) {
            lt_str key;
            void *value;
            assert_true(lt_map_at(map, at++, &key, &value));
            assert_int_equal((uintptr_t)value, i);
            assert_true(lt_str_eq(key, lt_str_of(text)));
            assert_int_equal(key.ptr[key.len], '\0');
        }
    }
    assert_int_equal(lt_map_count(map), at);
    assert_false(lt_map_at(map, at, NULL, NULL));
    lt_map_free(map);
    lt_mem_deinit(&root);
}

static void failed_put_changes_nothing(void **state)
{
    (void)state;
    lt_mem root;
    char text[32];
    lt_mem_init(&root, NULL, "root", 0);
    root.fail_at = 0;
    assert_null(lt_map_new(&root));
    lt_map *map = lt_map_new(&root);
    for (size_t i = 0; i < 200; i++) {
        lt_str key = name_of(i, text, sizeof text);
        bool done = false;
        /* The first, the second and the third allocation of each put fail in turn, where there are
         * so many. */
        for (int64_t nth = 0; !done; nth++) {
            root.fail_at = root.alloc_count + nth;
            done = lt_map_put(map, key, map);
            assert_int_equal(lt_map_count(map), i + (done ? 1 : 0));
            assert_int_equal(lt_map_get(map, key) != NULL, done);
            assert_true(nth < 4);
        }
    }
    lt_map_free(map);
    lt_mem_deinit(&root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_get_replace),
        cmocka_unit_test(order_survives_removal),
        cmocka_unit_test(failed_put_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
