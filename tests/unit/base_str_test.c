/* Borrowed strings and the text buffer. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

static void comparing(void **state)
{
    (void)state;
    lt_str none = {NULL, 0};
    assert_true(lt_str_eq(none, LT_STR("")));
    assert_true(lt_str_eq(LT_STR("ab"), LT_STR("ab")));
    assert_false(lt_str_eq(LT_STR("ab"), LT_STR("aB")));
    assert_true(lt_str_eq_ci(LT_STR("aB@["), LT_STR("Ab@[")));
    assert_false(lt_str_eq_ci(LT_STR("@"), LT_STR("`")));
    assert_false(lt_str_eq_ci(LT_STR("\xC3\x84"), LT_STR("\xC3\xA4")));
    assert_true(lt_str_starts(LT_STR("abc"), LT_STR("ab")));
    assert_true(lt_str_starts(none, none));
    assert_false(lt_str_starts(LT_STR("a"), LT_STR("ab")));
    assert_true(lt_str_cmp(LT_STR("a"), LT_STR("ab")) < 0);
    assert_true(lt_str_cmp(LT_STR("b"), LT_STR("ab")) > 0);
    assert_true(lt_str_cmp(LT_STR("\x7F"), LT_STR("\x80")) < 0);
    assert_int_equal(lt_str_cmp(none, LT_STR("")), 0);
    assert_true(lt_str_eq(lt_str_trim(LT_STR(" \t\r\n a b \v\f")), LT_STR("a b")));
    assert_int_equal(lt_str_trim(LT_STR("  ")).len, 0);
    assert_int_equal(lt_str_of(NULL).len, 0);
}

static void integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"+7", true, 7},
        {"0009", true, 9},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+-1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x1", false, 0},
    };
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        int64_t value = 55;
        assert_int_equal(lt_str_to_i64(lt_str_of(cases[i].text), &value), cases[i].good);
        assert_int_equal(value, cases[i].good ? cases[i].value : 55);
    }
}

static void check_f64(const char *text)
{
    double got = 0;
    char *end = NULL;
    double want = strtod(text, &end);
    if (!lt_str_to_f64(lt_str_of(text), &got)) {
        fail_msg("refused: %s", text);
    }
    assert_memory_equal(&got, &want, sizeof got);
}

static void floats(void **state)
{
    (void)state;
    static const char *const good[] = {
        "0",
        "-0",
        "1",
        "1.",
        ".5",
        "-2.5e3",
        "+1E-3",
        "0.1",
        "123456789012345678",
        "1e22",
        "1e23",
        "9007199254740993",
        "9007199254740992",
        "1.7976931348623157e308",
        "1e309",
        "-1e999",
        "4.9e-324",
        "2.4703282292062327e-324",
        "1e-400",
        "0.000000000000000000000000000000000000001",
        "100000000000000000000000000000000000000000",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017"
        "977587",
        "0.30000000000000004",
        "3.141592653589793238462643383279502884197169399375105820974944592307"};
    static const char *const bad[] = {"",     ".",      "-",    "e5",  "1e",    "1e+",   "1e5x",
                                      " 1",   "1 ",     "0x10", "1,5", "1..2",  "1.2.3", "--1",
                                      "nanx", "nan(1)", "in",   "1_0", "1e5.0", "1f",    "infinit"};
    for (size_t i = 0; i < LT_COUNT_OF(good); i++) {
        check_f64(good[i]);
    }
    for (size_t i = 0; i < LT_COUNT_OF(bad); i++) {
        double value = 5;
        assert_false(lt_str_to_f64(lt_str_of(bad[i]), &value));
        assert_true(value > 4);
    }
    double value;
    assert_true(lt_str_to_f64(LT_STR("NaN"), &value));
    assert_true(isnan(value));
    assert_true(lt_str_to_f64(LT_STR("-Infinity"), &value));
    assert_true(isinf(value) && value < 0);
    assert_false(lt_str_to_f64(LT_STR("1\0"), &value));

    uint64_t random = 1;
    for (int i = 0; i < 20000; i++) {
        char text[64];
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        (void)snprintf(text, sizeof text, "%lld.%llue%d", (long long)(random >> (random & 63)),
                       (unsigned long long)(random >> 40), (int)(random % 620) - 310);
        check_f64(text);
    }
}

static void floats_ignore_the_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    for (size_t i = 0; i < LT_COUNT_OF(names); i++) {
        if (setlocale(LC_ALL, names[i])) {
            break;
        }
    }
    double value = 0;
    assert_true(lt_str_to_f64(LT_STR("1.5"), &value));
    assert_true(value > 1.49 && value < 1.51);
    assert_true(lt_str_to_f64(LT_STR("1.5000000000000000000000000001"), &value));
    assert_true(value > 1.49 && value < 1.51);
    (void)setlocale(LC_ALL, "C");
}

static void nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"connector", "format", "path", "scan.startup.mode", "id"};
    size_t count = LT_COUNT_OF(names);
    assert_string_equal(lt_str_nearest(LT_STR("conector"), names, count), "connector");
    assert_string_equal(lt_str_nearest(LT_STR("CONNECTRO"), names, count), "connector");
    assert_string_equal(lt_str_nearest(LT_STR("fromat"), names, count), "format");
    assert_string_equal(lt_str_nearest(LT_STR("paht"), names, count), "path");
    assert_string_equal(lt_str_nearest(LT_STR("ID"), names, count), "id");
    assert_null(lt_str_nearest(LT_STR("xx"), names, count));
    assert_null(lt_str_nearest(LT_STR("parquet"), names, count));
    assert_null(lt_str_nearest(LT_STR(""), names, count));
    assert_null(lt_str_nearest(LT_STR("path"), names, 0));
    char big[100];
    memset(big, 'a', sizeof big);
    assert_null(lt_str_nearest((lt_str){big, sizeof big}, names, count));
}

static void text_builds(void **state)
{
    (void)state;
    lt_mem root;
    lt_text text;
    lt_mem_init(&root, NULL, "root", 0);
    lt_text_init(&text, &root);
    assert_int_equal(lt_text_str(&text).len, 0);
    assert_non_null(lt_text_str(&text).ptr);
    lt_text_append(&text, NULL, 0);
    assert_string_equal(text.ptr, "");
    lt_text_puts(&text, "ab");
    lt_text_putc(&text, 'c');
    lt_text_printf(&text, "%d", 12);
    assert_string_equal(text.ptr, "abc12");
    lt_text_printf(&text, "%0500d", 7);
    assert_int_equal(text.len, 505);
    assert_int_equal(text.ptr[505], '\0');
    for (size_t i = 0; i < 200; i++) { /* every fill of the last bytes */
        lt_text_printf(&text, "%s", "xyz");
        assert_int_equal(strlen(text.ptr), text.len);
    }
    lt_text_clear(&text);
    assert_string_equal(text.ptr, "");
    lt_text_deinit(&text);
    assert_int_equal(root.bytes, 0);
}

static void text_failure_is_sticky(void **state)
{
    (void)state;
    lt_mem root;
    lt_text text;
    lt_mem_init(&root, NULL, "root", 0);
    lt_text_init(&text, &root);
    text.len_max = 5;
    lt_text_puts(&text, "abc");
    lt_text_puts(&text, "def");
    assert_true(text.failed);
    lt_text_puts(&text, "g");
    lt_text_printf(&text, "%d", 1);
    assert_string_equal(text.ptr, "abc");
    lt_text_clear(&text);
    lt_text_printf(&text, "%s", "12345");
    assert_false(text.failed);
    lt_text_printf(&text, "%s", "6");
    assert_true(text.failed);
    assert_string_equal(text.ptr, "12345");
    lt_text_deinit(&text);
    lt_text_init(&text, &root);
    root.fail_at = root.alloc_count;
    lt_text_puts(&text, "x");
    assert_true(text.failed);
    assert_int_equal(text.len, 0);
    volatile size_t absurd = SIZE_MAX;
    lt_text_clear(&text);
    assert_false(lt_text_reserve(&text, absurd));
    lt_text_deinit(&text);
    assert_int_equal(root.bytes, 0);
}

static void json_strings(void **state)
{
    (void)state;
#define BAD "\xEF\xBF\xBD"
    static const struct {
        lt_str in;
        const char *out;
    } cases[] = {
        {{"", 0}, "\"\""},
        {{NULL, 0}, "\"\""},
        {{"a\"b\\c", 5}, "\"a\\\"b\\\\c\""},
        {{"\n\t\r\b\f", 5}, "\"\\n\\t\\r\\b\\f\""},
        {{"\0\x1F\x7F", 3}, "\"\\u0000\\u001f\x7F\""},
        {{"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9}, "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {{"\x80z", 2}, "\"" BAD "z\""},
        {{"\xC0\x80", 2}, "\"" BAD BAD "\""},
        {{"\xE0\x80\x80", 3}, "\"" BAD BAD BAD "\""},
        {{"\xED\xA0\x80", 3}, "\"" BAD BAD BAD "\""},
        {{"\xF4\x90\x80\x80", 4}, "\"" BAD BAD BAD BAD "\""},
        {{"a\xE2\x82", 3}, "\"a" BAD BAD "\""},
        {{"\xF5zz", 3}, "\"" BAD "zz\""},
    };
#undef BAD
    lt_mem root;
    lt_text text;
    lt_mem_init(&root, NULL, "root", 0);
    lt_text_init(&text, &root);
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        lt_text_clear(&text);
        lt_text_json(&text, cases[i].in);
        assert_string_equal(text.ptr, cases[i].out);
    }
    lt_text_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing),
        cmocka_unit_test(integers),
        cmocka_unit_test(floats),
        cmocka_unit_test(floats_ignore_the_locale),
        cmocka_unit_test(nearest),
        cmocka_unit_test(text_builds),
        cmocka_unit_test(text_failure_is_sticky),
        cmocka_unit_test(json_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
