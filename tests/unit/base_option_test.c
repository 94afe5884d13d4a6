/* Option tables: matching, kinds, did-you-mean, typed reads, secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/option.h"

static const lt_option_def own[] = {
    {.name = "path", .kind = LT_OPT_STRING, .required = true, .help = "file or directory"},
    {.name = "rows-per-second", .kind = LT_OPT_INT, .fallback = "10000"},
    {.name = "ratio", .kind = LT_OPT_DOUBLE, .fallback = "0.5"},
    {.name = "interval", .kind = LT_OPT_DURATION, .fallback = "1 min"},
    {.name = "size", .kind = LT_OPT_SIZE, .fallback = "128mb"},
    {.name = "mode", .kind = LT_OPT_ENUM, .choices = "none|fast|Slow-One", .fallback = "none"},
    {.name = "pin", .kind = LT_OPT_INT, .secret = true},
    {.name = "fields.#.kind",
     .kind = LT_OPT_ENUM,
     .choices = "random|sequence",
     .fallback = "random"},
    {.name = "fields.#.length", .kind = LT_OPT_INT, .fallback = "100"},
    {.name = "properties.#", .kind = LT_OPT_STRING},
};
static const lt_option_def json[] = {
    {.name = "ignore-parse-errors", .kind = LT_OPT_BOOL, .fallback = "false"},
};
static const lt_option_table tables[] = {{own, LT_COUNT_OF(own), NULL}, {json, 1, "json."}};

#define OPT(k, v, at)                                                     \
    {                                                                     \
        .key = {k, sizeof(k) - 1}, .value = {v, sizeof(v) - 1}, .pos = at \
    }

static lt_status check(const lt_option *items, uint32_t count, lt_error *err)
{
    lt_options options = {items, count};
    lt_error_clear(err);
    return lt_options_check(&options, tables, 2, "connector 'test'", err);
}

static void test_accepts(void **state)
{
    (void)state;
    lt_error err;
    const lt_option items[] = {
        OPT("path", "/x", 1),
        OPT("fields.a.kind", "SEQUENCE", 2),
        OPT("fields.a.b.element.length", "7", 3),
        OPT("json.ignore-parse-errors", "TRUE", 4),
        OPT("mode", "slow-one", 5),
        OPT("rows-per-second", "${env:RATE}", 6),
        OPT("properties.bootstrap.servers", "h:1", 7),
    };
    assert_int_equal(check(items, LT_COUNT_OF(items), &err), LT_OK);
}

static void test_refuses(void **state)
{
    (void)state;
    static const struct {
        lt_option option;
        const char *text;
        const char *hint;
    } cases[] = {
        {OPT("pth", "x", 40), "unknown option 'pth' of connector 'test'", "'path'"},
        {OPT("row-per-second", "1", 41), "supported are: path, rows-per-second",
         "'rows-per-second'"},
        {OPT("fields.a.lenght", "1", 42), "unknown option 'fields.a.lenght'", "'fields.a.length'"},
        {OPT("ignore-parse-errors", "true", 43), "unknown option", ""},
        {OPT("json.ignore-parse-error", "true", 44), "unknown option",
         "'json.ignore-parse-errors'"},
        {OPT("rows-per-second", "many", 45), "it takes a whole number", ""},
        {OPT("ratio", "x", 46), "it takes a number", ""},
        {OPT("interval", "1 parsec", 47), "it takes a duration", ""},
        {OPT("size", "1 parsec", 48), "it takes a size", ""},
        {OPT("mode", "medium", 49), "it takes one of none|fast|Slow-One", ""},
        {OPT("json.ignore-parse-errors", "yes", 50), "it takes 'true' or 'false'", ""},
        {OPT("pin", "hidden", 51), "does not take '******'", ""},
        {OPT("fields..kind", "random", 52), "unknown option", ""},
        {OPT("", "", 53), "unknown option ''", ""},
    };
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        lt_error err;
        lt_option items[] = {OPT("path", "/x", 1), cases[i].option};
        assert_int_equal(check(items, 2, &err), LT_ERR_SQL);
        assert_true(err.has_sql_pos);
        assert_int_equal(err.sql_pos, cases[i].option.pos);
        if (strstr(err.text, cases[i].text) == NULL || strstr(err.hint, cases[i].hint) == NULL) {
            fail_msg("%zu: text: %s hint: %s", i, err.text, err.hint);
        }
        assert_null(strstr(err.text, "hidden"));
    }
    lt_error err;
    assert_int_equal(check(NULL, 0, &err), LT_ERR_SQL);
    assert_string_equal(err.text, "connector 'test' needs the option 'path'");
}

static void test_reads(void **state)
{
    (void)state;
    const lt_option items[] = {
        OPT("interval", "90s", 0),
        OPT("interval", "2 min", 0), /* the last one counts */
        OPT("fields.a.length", " 7 ", 0),
        OPT("json.ignore-parse-errors", "true", 0),
    };
    lt_options options = {items, LT_COUNT_OF(items)};
    uint32_t n = LT_COUNT_OF(own);
    bool has;
    assert_int_equal(lt_options_int(&options, NULL, own, n, "interval", &has), 120000);
    assert_true(has);
    assert_int_equal(lt_options_int(&options, NULL, own, n, "size", &has), 128 << 20);
    assert_int_equal(lt_options_int(&options, NULL, own, n, "fields.a.length", NULL), 7);
    assert_int_equal(lt_options_int(&options, NULL, own, n, "fields.b.length", NULL), 100);
    assert_int_equal(lt_options_int(&options, NULL, own, n, "pin", &has), 0);
    assert_false(has);
    assert_true(lt_options_double(&options, NULL, own, n, "ratio", &has) == 0.5);
    assert_true(lt_options_bool(&options, "json.", json, 1, "ignore-parse-errors"));
    assert_false(lt_options_bool(&options, "value.json.", json, 1, "ignore-parse-errors"));
    assert_null(lt_options_get(&options, NULL, own, n, "path").ptr);
    assert_true(
        lt_str_eq(lt_options_get(&options, NULL, own, n, "fields.z.kind"), LT_STR("random")));
    assert_true(lt_options_has(&options, "interval"));
    assert_false(lt_options_has(&options, "size"));
}

static void test_durations_and_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value; /* < 0: refused */
    } durations[] = {
        {"10s", 10000},
        {"1 min", 60000},
        {"500ms", 500},
        {"1d", 86400000},
        {"2 HOURS", 7200000},
        {"7", 7},
        {" 3 sec ", 3000},
        {"1500 us", 1},
        {"2000000ns", 2},
        {"5m", 300000},
        {"PT10S", 10000},
        {"P1DT2H3M4.5S", 93784500},
        {"pt1m", 60000},
        {"0", 0},
        {"", -1},
        {"s", -1},
        {"-1s", -1},
        {"1 s 2", -1},
        {"1.5s", -1},
        {"P", -1},
        {"PT", -1},
        {"P1M", -1},
        {"PTS", -1},
        {"99999999999999999999s", -1},
        {"9223372036854775807d", -1},
    };
    for (size_t i = 0; i < LT_COUNT_OF(durations); i++) {
        int64_t ms = -1;
        bool ok = lt_parse_duration_ms(lt_str_of(durations[i].text), &ms);
        if (ok != (durations[i].value >= 0) || (ok && ms != durations[i].value)) {
            fail_msg("%s gave %lld", durations[i].text, (long long)ms);
        }
    }
    static const struct {
        const char *text;
        int64_t value;
    } sizes[] = {
        {"64mb", 64 << 20}, {"128 kb", 128 << 10}, {"17", 17}, {"1 GB", 1LL << 30},
        {"2t", 2LL << 40},  {"5 bytes", 5},        {"", -1},   {"mb", -1},
        {"1 mile", -1},     {"9000000000 tb", -1},
    };
    for (size_t i = 0; i < LT_COUNT_OF(sizes); i++) {
        int64_t bytes = -1;
        bool ok = lt_parse_size(lt_str_of(sizes[i].text), &bytes);
        if (ok != (sizes[i].value >= 0) || (ok && bytes != sizes[i].value)) {
            fail_msg("%s gave %lld", sizes[i].text, (long long)bytes);
        }
    }
}

static void test_secrets(void **state)
{
    (void)state;
    static const char *const yes[] = {"password",      "properties.ssl.keystore.password",
                                      "aws.secretKey", "x-API-Key",
                                      "auth.token",    "some.credentials.id"};
    static const char *const no[] = {"path", "key.format", "username", "topic"};
    for (size_t i = 0; i < LT_COUNT_OF(yes); i++) {
        assert_true(lt_option_is_secret(lt_str_of(yes[i]), NULL));
    }
    for (size_t i = 0; i < LT_COUNT_OF(no); i++) {
        assert_false(lt_option_is_secret(lt_str_of(no[i]), NULL));
    }
    assert_true(lt_option_is_secret(LT_STR("pin"), &own[6]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts), cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_reads),   cmocka_unit_test(test_durations_and_sizes),
        cmocka_unit_test(test_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
