/* Errors as text: cutting, hints, positions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/status.h"

static void set_writes_code_and_text(void **state)
{
    (void)state;
    lt_error err;
    lt_error_clear(&err);
    assert_int_equal(err.code, LT_OK);
    assert_string_equal(err.text, "");
    err.retriable = true;
    assert_int_equal(lt_error_set_at(&err, LT_ERR_SQL, 7, "no table '%s'", "t"), LT_ERR_SQL);
    assert_string_equal(err.text, "no table 't'");
    assert_true(err.has_sql_pos);
    assert_int_equal(err.sql_pos, 7);
    assert_false(err.retriable);
    lt_error_hint(&err, "did you mean %s?", "u");
    assert_string_equal(err.hint, "did you mean u?");
    assert_int_equal(lt_error_set(&err, LT_ERR_IO, "gone"), LT_ERR_IO);
    assert_string_equal(err.hint, "");
    assert_false(err.has_sql_pos);
    assert_int_equal(lt_error_nomem(&err, "a batch"), LT_ERR_NOMEM);
    assert_string_equal(err.text, "out of memory: a batch");
}

static void null_is_accepted(void **state)
{
    (void)state;
    lt_error_clear(NULL);
    lt_error_hint(NULL, "x");
    assert_int_equal(lt_error_set(NULL, LT_ERR_IO, "x"), LT_ERR_IO);
    assert_int_equal(lt_error_set_at(NULL, LT_ERR_SQL, 1, "x"), LT_ERR_SQL);
    assert_int_equal(lt_error_nomem(NULL, "x"), LT_ERR_NOMEM);
}

static void long_text_is_cut_between_characters(void **state)
{
    (void)state;
    static const char *const units[] = {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (size_t u = 0; u < LT_COUNT_OF(units); u++) {
        for (size_t shift = 0; shift < 4; shift++) {
            char big[2000];
            size_t unit = strlen(units[u]);
            size_t len = shift;
            memset(big, 'a', shift);
            while (len + unit < sizeof big) {
                memcpy(big + len, units[u], unit);
                len += unit;
            }
            big[len] = '\0';
            lt_error err;
            (void)lt_error_set(&err, LT_ERR_DATA, "%s", big);
            size_t got = strlen(err.text);
            assert_true(got <= LT_ERROR_TEXT_MAX - 1);
            assert_true(got + unit > LT_ERROR_TEXT_MAX - 1);
            assert_int_equal((got - shift) % unit, 0);
            assert_memory_equal(err.text, big, got);
            lt_error_hint(&err, "%s", big);
            got = strlen(err.hint);
            assert_true(got <= LT_ERROR_HINT_MAX - 1);
            assert_int_equal((got - shift) % unit, 0);
        }
    }
}

static void text_is_one_line(void **state)
{
    (void)state;
    lt_error err;
    (void)lt_error_set(&err, LT_ERR_DATA, "%s", "a\nb\tc\n\n");
    assert_string_equal(err.text, "a b c");
}

static void arguments_may_alias(void **state)
{
    (void)state;
    lt_error err;
    (void)lt_error_set(&err, LT_ERR_DATA, "inner");
    (void)lt_error_set(&err, LT_ERR_DATA, "outer: %s", err.text);
    assert_string_equal(err.text, "outer: inner");
}

static void every_code_has_a_name(void **state)
{
    (void)state;
    for (int code = LT_OK; code <= LT_ERR_INTERNAL; code++) {
        assert_string_not_equal(lt_status_name((lt_status)code), "unknown");
        for (int other = LT_OK; other < code; other++) {
            assert_string_not_equal(lt_status_name((lt_status)code),
                                    lt_status_name((lt_status)other));
        }
    }
    assert_string_equal(lt_status_name(LT_ERR_SQL), "sql");
    assert_string_equal(lt_status_name((lt_status)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_writes_code_and_text),
        cmocka_unit_test(null_is_accepted),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(text_is_one_line),
        cmocka_unit_test(arguments_may_alias),
        cmocka_unit_test(every_code_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
