/* Numbers and times as text: shortest doubles against the C library, decimals against long division
 * on text, Java date patterns, strings and regular expressions by table. */
#include "expr_fixture.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "expr/datefmt.h"
#include "expr/decimal.h"
#include "expr/javafmt.h"

static uint64_t seed = 0x9e3779b97f4a7c15ULL;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* The fewest digits of %.*e that read back, which the shortest text may not exceed. */
static int digits_needed(double value)
{
    char text[64];
    for (int digits = 1; digits < 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value) {
            return digits;
        }
    }
    return 17;
}

static void check_double(double value)
{
    char text[LT_NUMBER_TEXT_MAX + 1];
    size_t len = lt_format_f64(value, text);
    text[len] = '\0';
    double back = 0;
    assert_true(lt_parse_f64((lt_str){text, len}, &back));
    if (back != value || strtod(text, NULL) != value) {
        fail_msg("%.17g became %s", value, text);
    }
    uint64_t digits;
    int exponent, count = 0;
    lt_shortest_f64(fabs(value), &digits, &exponent);
    for (uint64_t d = digits; d > 0; d /= 10) {
        count++;
    }
    assert_true(count <= digits_needed(value));
}

static void test_shortest(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } known[] = {{1.0, "1.0"},
                 {0.1, "0.1"},
                 {1e7, "1.0E7"},
                 {9999999.0, "9999999.0"},
                 {0.001, "0.001"},
                 {0.00099, "9.9E-4"},
                 {123456.789, "123456.789"},
                 {-0.0, "-0.0"},
                 {1e300, "1.0E300"},
                 {DBL_MAX, "1.7976931348623157E308"},
                 {DBL_MIN, "2.2250738585072014E-308"},
                 {4.9e-324, "4.9E-324"},
                 {2e-3, "0.002"},
                 {1.0 / 3, "0.3333333333333333"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char text[LT_NUMBER_TEXT_MAX + 1];
        text[lt_format_f64(known[i].value, text)] = '\0';
        assert_string_equal(text, known[i].text);
    }
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = rnd();
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value) && value != 0) {
            check_double(value);
        }
        check_double((double)(int64_t)(rnd() % 2000000) / 1000 + 1);
        float single;
        uint32_t half = (uint32_t)rnd();
        memcpy(&single, &half, sizeof single);
        if (isfinite(single) && single != 0) {
            char text[LT_NUMBER_TEXT_MAX + 1];
            text[lt_format_f32(single, text)] = '\0';
            assert_true(strtof(text, NULL) == single);
        }
    }
}

/* a * b / c by 128-bit integers where those suffice. */
static void test_decimal(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        lt_i128 a = (lt_i128)(int64_t)rnd() >> (rnd() % 40),
                b = (lt_i128)(int64_t)rnd() >> (20 + rnd() % 40);
        lt_i128 out = 0, half;
        int drop = (int)(rnd() % 10);
        lt_i128 unit = lt_pow10(drop), product = a * b;
        half = drop == 0 ? 0 : unit / 2;
        lt_i128 want = (product < 0 ? -product : product) + half;
        want = (product < 0 ? -1 : 1) * (want / unit);
        assert_true(lt_decimal_mul(a, b, drop, 38, &out));
        assert_true(out == want);
        if (b != 0) {
            lt_i128 scaled = a * lt_pow10(6), bb = b < 0 ? -b : b,
                    aa = scaled < 0 ? -scaled : scaled;
            want = (aa + bb / 2 + (bb % 2 ? 0 : 0)) / bb;
            if (aa % bb * 2 >= bb) {
                want = aa / bb + 1;
            } else {
                want = aa / bb;
            }
            assert_true(lt_decimal_div(a, b, 6, 38, &out));
            assert_true(out == ((a < 0) != (b < 0) ? -want : want));
            assert_true(lt_decimal_mod(a, 2, b, 2, &out));
            assert_true(out == a % b);
        }
    }
    lt_i128 big = lt_pow10(38) - 1, out;
    assert_false(lt_decimal_mul(big, big, 0, 38, &out));
    assert_true(lt_decimal_mul(big, big, 38, 38, &out));
    assert_true(out == lt_pow10(38) - 2);
    assert_true(lt_decimal_div(big, big, 37, 38, &out));
    assert_true(out == lt_pow10(37));
    bool bad;
    assert_false(lt_decimal_parse("1.2.3", 5, 10, 2, &out, &bad));
    assert_true(bad);
}

static const char *parsed(fix *f, const char *text, const char *pattern)
{
    return text_of(f, call(f, "TO_TIMESTAMP", lit_str(f, text), lit_str(f, pattern)));
}

static void test_patterns(void **state)
{
    (void)state;
    fix f;
    fix_open(&f);
    assert_string_equal(parsed(&f, "10/Oct/2000:13:55:36 -0700", "dd/MMM/yyyy:HH:mm:ss Z"),
                        "2000-10-10 13:55:36.000");
    assert_string_equal(parsed(&f, "20240102030405", "yyyyMMddHHmmss"), "2024-01-02 03:04:05.000");
    assert_string_equal(parsed(&f, "2024-01-02T03:04:05.678", "yyyy-MM-dd'T'HH:mm:ss.SSS"),
                        "2024-01-02 03:04:05.678");
    assert_string_equal(parsed(&f, "1/2/24 3:04 PM", "M/d/yy h:mm a"), "2024-01-02 15:04:00.000");
    assert_string_equal(parsed(&f, "2024-02-31", "yyyy-MM-dd"), "2024-02-29 00:00:00.000");
    assert_string_equal(parsed(&f, "2024-13-01", "yyyy-MM-dd"), "NULL");
    assert_string_equal(parsed(&f, "rubbish", "yyyy-MM-dd"), "NULL");
    assert_string_equal(parsed(&f, "10/oct/2000", "dd/MMM/yyyy"), "NULL");
    const lt_type *ts = lt_type_time(f.arena, LT_TYPE_TIMESTAMP, 6, true);
    lt_expr *t = cast_to(&f, lit_str(&f, "2020-01-02 03:04:05.678901"), ts, false);
    lt_expr *pattern = lit_str(&f, "yyyy w W e E EEEE a hh Q G D SSSSSS 'at' d");
    assert_string_equal(text_of(&f, call(&f, "DATE_FORMAT", t, pattern)),
                        "2020 1 1 5 Thu Thursday AM 03 1 AD 2 678901 at 2");
    lt_datefmt fmt;
    assert_false(lt_datefmt_compile(LT_STR("yyyy-bb"), false, &fmt));
    assert_false(lt_datefmt_compile(LT_STR("yyyy 'open"), false, &fmt));
    fix_zone(&f, "Asia/Tokyo");
    lt_expr *epoch = lit_int(&f, 0, LT_TYPE_BIGINT);
    assert_string_equal(text_of(&f, call(&f, "FROM_UNIXTIME", epoch)), "1970-01-01 09:00:00");
    assert_string_equal(text_of(&f, call(&f, "UNIX_TIMESTAMP", lit_str(&f, "1970-01-01 09:00:00"))),
                        "0");
    fix_close(&f);
}

typedef struct {
    const char *name;
    const char *args[4]; /* "#5" is the INT 5, "~" is NULL */
    const char *want;
} text_case;

static const text_case texts[] = {
    {"SUBSTRING", {"hello", "#2", "#3"}, "ell"},
    {"SUBSTRING", {"hello", "#-3"}, "llo"},
    {"SUBSTRING", {"hello", "#9"}, ""},
    {"SUBSTRING", {"hello", "#1", "#-1"}, "NULL"},
    {"SUBSTRING", {"añb", "#2", "#1"}, "ñ"},
    {"UPPER", {"straße é"}, "STRASSE É"},
    {"LOWER", {"ÀÉ Ω Я"}, "àé ω я"},
    {"INITCAP", {"hello wORLD-foo"}, "Hello World-Foo"},
    {"LPAD", {"hi", "#5", "ab"}, "abahi"},
    {"RPAD", {"hello", "#2", "x"}, "he"},
    {"LPAD", {"hi", "#-1", "x"}, "NULL"},
    {"REPEAT", {"ab", "#3"}, "ababab"},
    {"REVERSE", {"añb"}, "bña"},
    {"REPLACE", {"aXbX", "X", "--"}, "a--b--"},
    {"SPLIT_INDEX", {"a,b,,c", ",", "#2"}, ""},
    {"SPLIT_INDEX", {"a,b", ",", "#2"}, "NULL"},
    {"POSITION", {"lo", "hello"}, "4"},
    {"LOCATE", {"l", "hello", "#4"}, "4"},
    {"CONCAT_WS", {"-", "a", "~", "b"}, "a-b"},
    {"BTRIM", {"  a  "}, "a"},
    {"LTRIM", {"xxa", "x"}, "a"},
    {"OVERLAY", {"abcdef", "ZZ", "#3"}, "abZZef"},
    {"TRANSLATE", {"abcabc", "ab", "x"}, "xcxc"},
    {"LIKE", {"abc", "a%c"}, "TRUE"},
    {"LIKE", {"abc", "a_"}, "FALSE"},
    {"LIKE", {"a%c", "a\\%c", "\\"}, "TRUE"},
    {"LIKE", {"xaby", "%ab%"}, "TRUE"},
    {"LIKE", {"aXbXXc", "a%b%c"}, "TRUE"},
    {"REGEXP", {"foobar", "o+b"}, "TRUE"},
    {"REGEXP", {"foobar", "("}, "FALSE"},
    {"REGEXP_EXTRACT", {"foothebar", "foo(.*?)(bar)", "#2"}, "bar"},
    {"REGEXP_EXTRACT", {"foothebar", "foo(.*?)(bar)", "#3"}, "NULL"},
    {"REGEXP_REPLACE", {"abcabc", "(b)", "<$1>"}, "a<$1>ca<$1>c"},
    {"REGEXP_REPLACE", {"añ", "x*", "-"}, "-a-ñ-"},
    {"REGEXP_EXTRACT_ALL", {"a1b22", "([0-9]+)"}, "[1, 22]"},
    {"STR_TO_MAP", {"k1=v1,k2=v2"}, "{k1=v1, k2=v2}"},
    {"SPLIT", {"a,,b", ","}, "[a, , b]"},
    {"SIMILAR TO", {"TEST", "T(E|x)_%"}, "TRUE"},
    {"INSTR", {"Corporate Floor", "or", "#3", "#2"}, "14"},
    {"INSTR", {"Corporate Floor", "or", "#-3", "#2"}, "2"},
    {"MD5", {"test"}, "098f6bcd4621d373cade4e832627b4f6"},
    {"SHA2", {"test", "#224"}, "90a3ed9e32b2aaf4c61c410eb925426119e1a9dc53d4286ade99a809"},
    {"FROM_BASE64", {"5L2g5aW9"}, "你好"},
    {"TO_BASE64", {"hello world"}, "aGVsbG8gd29ybGQ="},
    {"URL_ENCODE", {"a b/ä"}, "a+b%2F%C3%A4"},
    {"URL_DECODE", {"a%20b+c"}, "a b c"},
    {"URL_DECODE", {"%2"}, "NULL"},
    {"PARSE_URL", {"http://u@flink.apache.org:80/p?q=1&r=2#R", "QUERY", "r"}, "2"},
    {"PARSE_URL", {"no url", "HOST"}, "NULL"},
    {"PRINTF", {"%05d|%-3s|%s", "#42", "a", "~"}, "00042|a  |null"},
    {"PRINTF", {"%s"}, "NULL"},
    {"ELT", {"#2", "a", "b"}, "b"},
    {"JSON_VALUE", {"{\"a\":1.50}", "$.a"}, "1.50"},
    {"JSON_VALUE", {"{\"a\":1e3}", "lax $.a"}, "1E+3"},
    {"JSON_VALUE", {"{\"a\":[1]}", "$.a"}, "NULL"},
    {"JSON_VALUE", {"{\"a\":\"b\\u00e9\"}", "$['a']"}, "bé"},
    {"JSON_VALUE", {"[1,2,3]", "$[-1]"}, "3"},
    {"JSON_VALUE", {"not JSON", "$.a"}, "NULL"},
    {"JSON_QUERY", {"{\"e\":{\"z\":1,\"y\":[1, 2.50]}}", "$.e"}, "{\"y\":[1,2.50],\"z\":1}"},
    {"JSON_QUERY", {"{\"a\":[{\"b\":1},{\"b\":2}]}", "$.a[*].b"}, "[1,2]"},
    {"JSON_QUERY", {"{\"a\":1}", "$.a"}, "NULL"},
    {"JSON_EXISTS", {"{\"a\":{\"b\":1}}", "$..b"}, "TRUE"},
    {"JSON_EXISTS", {"{\"a\":null}", "$.a"}, "FALSE"},
    {"IS JSON", {"{\"a\":1} x"}, "TRUE"},
    {"IS JSON OBJECT", {"[1]"}, "FALSE"},
    {"JSON_QUOTE", {"a\"b/≠"}, "\"a\\\"b\\/\\u2260\""},
    {"JSON_UNQUOTE", {"\"\\u0041\\t\""}, "A\t"},
    {"JSON_OBJECT", {"b", "#1", "a", "x"}, "{\"a\":\"x\",\"b\":1}"},
};

static void test_strings(void **state)
{
    (void)state;
    fix f;
    fix_open(&f);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        lt_expr *args[4];
        size_t count = 0;
        for (; count < 4 && texts[i].args[count] != NULL; count++) {
            const char *a = texts[i].args[count];
            args[count] = a[0] == '#'   ? lit_int(&f, strtol(a + 1, NULL, 10), LT_TYPE_INT)
                          : a[0] == '~' ? lit_null(&f)
                                        : lit_str(&f, a);
        }
        const char *got = text_of(&f, call_n(&f, texts[i].name, count, args));
        if (strcmp(got, texts[i].want) != 0) {
            fail_msg("case %zu: %s gave '%s', not '%s'", i, texts[i].name, got, texts[i].want);
        }
    }
    fix_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shortest),
        cmocka_unit_test(test_decimal),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
