/* Following a path by scanning: the same verdict and the same value as by the tree, on random
 * documents, also broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "expr/jsonpath.h"

static uint64_t seed = 88172645463325252ULL;

static uint32_t rnd(uint32_t limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 11) % limit;
}

typedef struct {
    char text[20000];
    size_t len;
} doc;

static void put(doc *d, const char *piece)
{
    size_t len = strlen(piece);
    if (d->len + len < sizeof d->text) {
        memcpy(d->text + d->len, piece, len);
        d->len += len;
    }
}

static void put_blank(doc *d)
{
    static const char *const blanks[] = {"", "", "", " ", " ", "  ", "\n", "\t \r\n"};
    put(d, blanks[rnd(rnd(4) == 0 ? 8 : 5)]);
}

static void put_name(doc *d)
{
    static const char *const names[] = {"\"a\"",       "\"b\"", "\"a\"",      "\"key with a name\"",
                                        "\"\\u0061\"", "\"\"",  "\"x\\\"y\"", "\"\\ud83d\\ude00\""};
    put(d, names[rnd(8)]);
}

static void put_value(doc *d, int depth)
{
    static const char *const scalars[] = {
        "1",
        "-12.5",
        "0",
        "1e3",
        "true",
        "false",
        "null",
        "\"text\"",
        "\"\"",
        "\"a\\n\"",
        "\"\\u00e9\\\\\"",
        "1.50E-7",
        "\"0123456789012345678901234567890123456789012345678901234567890123456789\""};
    uint32_t form = depth > 5 ? 2 : rnd(3);
    if (form == 2) {
        put(d, scalars[rnd(13)]);
        return;
    }
    put(d, form == 0 ? "{" : "[");
    uint32_t count = rnd(5);
    for (uint32_t i = 0; i < count; i++) {
        put_blank(d);
        if (form == 0) {
            put_name(d);
            put_blank(d);
            put(d, ":");
            put_blank(d);
        }
        put_value(d, depth + 1);
        put_blank(d);
        put(d, i + 1 < count ? "," : "");
    }
    put_blank(d);
    put(d, form == 0 ? "}" : "]");
}

static void damage(doc *d)
{
    static const char bytes[] = "\"\\{}[]:,0a \n\x01-.eu";
    for (uint32_t times = rnd(3); times > 0 && d->len > 0; times--) {
        uint32_t at = rnd((uint32_t)d->len);
        switch (rnd(3)) {
        case 0:
            d->text[at] = bytes[rnd(sizeof bytes - 1)];
            break;
        case 1:
            d->len = at;
            break;
        default:
            memmove(d->text + at, d->text + at + 1, d->len - at - 1);
            d->len--;
            break;
        }
    }
}

typedef struct {
    lt_mem mem;
    lt_arena *arena;
    lt_text a, b;
} rig;

static void compare(rig *r, const char *text, size_t len, const char *path_text)
{
    /* In a block of its own, so that a sanitizer sees each byte read beyond it. */
    char *copy = test_malloc(len + 1);
    memcpy(copy, text, len);
    lt_str s = {copy, len}, hit;
    lt_json_path path;
    bool nomem = false;
    lt_arena_reset(r->arena, (size_t)1 << 20);
    const char *why;
    assert_true(lt_json_path_parse(lt_str_of(path_text), r->arena, &path, &why));
    assert_true(lt_json_path_scans(&path));
    lt_json *root = lt_json_parse(s, r->arena, &nomem), *want = NULL;
    if (root != NULL) {
        lt_json_walk walk = {.mem = &r->mem, .arena = r->arena};
        want = lt_json_path_walk(&walk, &path, root);
        lt_json_walk_deinit(&walk);
    }
    bool good = lt_json_scan(s, &path, &hit);
    if (good != (root != NULL) || (good && (hit.ptr != NULL) != (want != NULL))) {
        fail_msg("%s of %.*s: good %d, hit %d", path_text, (int)len, text, good, hit.ptr != NULL);
    }
    if (good && want != NULL) {
        lt_json *got = lt_json_parse(hit, r->arena, &nomem);
        assert_non_null(got);
        lt_text_clear(&r->a);
        lt_text_clear(&r->b);
        lt_json_write(want, &r->a);
        lt_json_write(got, &r->b);
        assert_true(lt_str_eq(lt_text_str(&r->a), lt_text_str(&r->b)));
        if (hit.ptr[0] == '"') {
            char *plain = lt_arena_alloc(r->arena, hit.len, 1);
            size_t plain_len = lt_json_unescape((lt_str){hit.ptr + 1, hit.len - 2}, plain);
            assert_true(lt_str_eq(want->text, (lt_str){plain, plain_len}));
        }
    }
    test_free(copy);
}

static const char *const paths[] = {"$",       "$.a",    "$.a.b",     "$.a[1]",
                                    "$[0]",    "$[0].a", "$['x\"y']", "$['key with a name']",
                                    "$.a.a.a", "$[2][1]"};

static void setup(rig *r)
{
    lt_mem_init(&r->mem, NULL, "test", 0);
    r->arena = lt_arena_new(&r->mem, (size_t)1 << 28);
    lt_text_init(&r->a, &r->mem);
    lt_text_init(&r->b, &r->mem);
    assert_non_null(r->arena);
}

static void teardown(rig *r)
{
    lt_text_deinit(&r->a);
    lt_text_deinit(&r->b);
    lt_arena_free(r->arena);
    lt_mem_deinit(&r->mem);
}

static void test_random(void **state)
{
    (void)state;
    static doc d;
    rig r;
    setup(&r);
    for (int i = 0; i < 20000; i++) {
        d.len = 0;
        put_blank(&d);
        put_value(&d, 0);
        if (rnd(2) == 0) {
            damage(&d);
        }
        compare(&r, d.text, d.len, paths[rnd(LT_COUNT_OF(paths))]);
    }
    teardown(&r);
}

/* 499 open brackets are too few to be refused, 500 are one too many for a value inside. */
static void test_depth(void **state)
{
    (void)state;
    rig r;
    setup(&r);
    for (size_t depth = 497; depth <= 503; depth++) {
        for (int objects = 0; objects < 2; objects++) {
            static doc d;
            d.len = 0;
            for (size_t i = 0; i < depth; i++) {
                put(&d, objects ? "{\"a\":" : "[");
            }
            put(&d, "1");
            for (size_t i = 0; i < depth; i++) {
                put(&d, objects ? "}" : "]");
            }
            compare(&r, d.text, d.len, "$.a.b");
            compare(&r, d.text, d.len, "$[0]");
        }
    }
    teardown(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_depth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
