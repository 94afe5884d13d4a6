/* What must not be shown: replaced wherever it stands, and nothing else is touched. */
#include "connector/mask.h"

#include "base/status.h"

/* cmocka wants these first */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct {
    lt_mem mem;
    lt_arena *arena;
    lt_masks masks;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    lt_mem_init(&f.mem, NULL, "test", 0);
    f.arena = lt_arena_new(&f.mem, (size_t)1 << 20);
    f.masks = (lt_masks){.arena = f.arena};
    *state = &f;
    return f.arena != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    lt_arena_free(f->arena);
    lt_mem_deinit(&f->mem);
    return 0;
}

static void add(fixture *f, const char *value, const char *shown)
{
    assert_true(lt_masks_add(&f->masks, lt_str_of(value), lt_str_of(shown)));
}

static void expect(fixture *f, const char *from, const char *wanted)
{
    lt_text text;
    char buffer[LT_ERROR_TEXT_MAX];
    lt_text_init(&text, &f->mem);
    lt_masks_append(&f->masks, lt_str_of(from), &text);
    lt_str made = lt_text_str(&text);
    assert_true(lt_str_eq(made, lt_str_of(wanted)));
    lt_text_deinit(&text);
    memcpy(buffer, from, strlen(from) + 1);
    lt_masks_apply(&f->masks, buffer, sizeof buffer);
    assert_string_equal(buffer, wanted);
}

static void values_are_replaced(void **state)
{
    fixture *f = *state;
    expect(f, "cannot open 'hunter2'", "cannot open 'hunter2'");
    add(f, "hunter2", "${env:PW}");
    add(f, "hunter2-long", "${file:/x}");
    add(f, "", "${env:EMPTY}");
    add(f, "ab", "${env:SHORT}");
    expect(f, "", "");
    expect(f, "cannot open 'hunter2'", "cannot open '${env:PW}'");
    expect(f, "hunter2hunter2 hunter", "${env:PW}${env:PW} hunter");
    expect(f, "hunter2-long/hunter2-lon", "${file:/x}/${env:PW}-lon");
    expect(f, "ab hunter", "ab hunter");
}

static void a_full_buffer_is_cut(void **state)
{
    fixture *f = *state;
    char text[12] = "x secret yz";
    add(f, "secret", "${env:SECRET}");
    lt_masks_apply(&f->masks, text, sizeof text);
    assert_string_equal(text, "x ${env:SEC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_are_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_buffer_is_cut, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
