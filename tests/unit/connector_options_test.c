/* The registry, option checks over joined tables, ${env:..} and ${file:..}. */
#include "connector_fixture.h"

static const char *fake_getenv(lt_env *env, const char *name)
{
    (void)env;
    return strcmp(name, "HOST") == 0 ? "db1" : strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

static void test_registry(void **state)
{
    (void)state;
    uint32_t count = 0;
    for (const lt_connector *c; (c = lt_connector_at(count)) != NULL; count++) {
        assert_ptr_equal(lt_connector_find(lt_str_of(c->name)), c);
        assert_true(c->source != NULL || c->sink != NULL);
        assert_non_null(c->help);
        for (uint32_t i = 0; i < c->option_count; i++) {
            assert_non_null(c->options[i].help);
        }
    }
    assert_true(count >= 6);
    assert_null(lt_connector_find(LT_STR("nothing")));
}

static void test_check(void **state)
{
    (void)state;
    static const struct {
        const char *connector;
        const char *format;
        const char *key;
        const char *value;
        const char *text; /* NULL: accepted */
        const char *hint;
    } cases[] = {
        {"filesystem", "json", "path", "/x", NULL, NULL},
        {"filesystem", "json", "json.ignore-parse-errors", "true", "needs the option 'path'",
         "path"},
        {"filesystem", "json", "pth", "/x", "unknown option 'pth' of connector 'filesystem'",
         "'path'"},
        {"filesystem", NULL, "path", "/x", "needs the option 'format'", "'json'"},
        {"filesystem", "json", "source.monitor-interval", "often", "it takes a duration", ""},
        {"filesystem", "json", "csv.field-delimiter", ";", "unknown option", ""},
        {"filesystem", "json", "json.ignore-parse-error", "true", "unknown option",
         "'json.ignore-parse-errors'"},
        {"print", NULL, "print-identifier", "x", NULL, NULL},
        {"print", NULL, "format", "json", "unknown option 'format'", ""},
        {"blackhole", NULL, "sink.parallelism", "1", NULL, NULL},
        {"blackhole", NULL, "error.policy", "panic", "it takes one of fail|skip|reject", ""},
        {"datagen", NULL, "rows-per-second", "${env:RATE}", NULL, NULL},
        {"datagen", NULL, "row-per-second", "1", "unknown option", "'rows-per-second'"},
        {"datagen", NULL, "fields.a.kind", "seq", "it takes one of random|sequence", ""},
    };
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        lt_option option = {lt_str_of(cases[i].key), lt_str_of(cases[i].value), 5};
        lt_options options = {&option, 1};
        lt_error err;
        lt_error_clear(&err);
        const lt_format *format =
            cases[i].format ? lt_format_find(lt_str_of(cases[i].format)) : NULL;
        lt_status st = lt_connector_check_options(lt_connector_find(lt_str_of(cases[i].connector)),
                                                  format, &options, &err);
        if (cases[i].text == NULL) {
            assert_int_equal(st, LT_OK);
        } else if (st != LT_ERR_SQL || strstr(err.text, cases[i].text) == NULL ||
                   strstr(err.hint, cases[i].hint) == NULL) {
            fail_msg("%zu: %d %s (%s)", i, st, err.text, err.hint);
        }
    }
}

static lt_status resolve_one(fixture *f, const char *value, lt_str *out)
{
    lt_option option = {LT_STR("url"), lt_str_of(value), 17};
    lt_options in = {&option, 1};
    lt_options resolved;
    lt_error_clear(&f->err);
    lt_status st = lt_options_resolve(f->env, f->arena, &in, &resolved, &f->err);
    *out = st == LT_OK ? resolved.items[0].value : (lt_str){NULL, 0};
    return st;
}

static void test_resolve(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    f.env->getenv = fake_getenv;
    fixture_file(&f, "/secret", "s3cret\r\n");
    fixture_file(&f, "/two", "a\nb\n");
    static const struct {
        const char *value;
        const char *result; /* NULL: refused */
        const char *text;
    } cases[] = {
        {"plain", "plain", NULL},
        {"", "", NULL},
        {"tcp://${env:HOST}:${env:EMPTY}5432", "tcp://db1:5432", NULL},
        {"${file:/secret}", "s3cret", NULL},
        {"<${file:/two}>", "<a\nb>", NULL},
        {"${other:x} $ ${", "${other:x} $ ${", NULL},
        {"${env:MISSING}", NULL,
         "option 'url' names the environment variable MISSING, which is not set"},
        {"${file:/none}", NULL, "option 'url': "},
        {"${env:HOST", NULL, "has no closing }"},
        {"${env:}", NULL, "needs a name"},
        {"${file:}", NULL, "needs a path"},
    };
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        lt_str out;
        lt_status st = resolve_one(&f, cases[i].value, &out);
        if (cases[i].result != NULL) {
            assert_int_equal(st, LT_OK);
            assert_true(lt_str_eq(out, lt_str_of(cases[i].result)));
        } else {
            assert_true(st > LT_END);
            assert_true(f.err.has_sql_pos && f.err.sql_pos == 17);
            if (strstr(f.err.text, cases[i].text) == NULL) {
                fail_msg("%zu: %s", i, f.err.text);
            }
        }
    }
    fixture_deinit(&f);
}

/* A value that came from outside is judged when the connector opens. */
static void test_resolved_value_is_checked(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    const fixture_column columns[] = {{"a", LT_TYPE_INT, NULL}};
    const char *const options[] = {"rows-per-second", "many", NULL};
    fixture_table(&f, columns, 1, options);
    lt_source *src;
    assert_int_equal(lt_source_new(lt_connector_find(LT_STR("datagen")), &f.ctx, &src, &f.err),
                     LT_ERR_SQL);
    assert_null(src);
    lt_sink *sink;
    assert_int_equal(lt_sink_new(lt_connector_find(LT_STR("datagen")), &f.ctx, &sink, &f.err),
                     LT_ERR_SQL);
    assert_int_equal(lt_source_new(lt_connector_find(LT_STR("print")), &f.ctx, &src, &f.err),
                     LT_ERR_SQL);
    fixture_deinit(&f);
}

static void test_resolve_without_memory(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    f.env->getenv = fake_getenv;
    fixture_file(&f, "/secret", "0123456789012345678901234567890123456789");
    lt_status st = LT_ERR_NOMEM;
    for (int64_t n = 0; st == LT_ERR_NOMEM; n++) {
        lt_str out;
        atomic_store(&f.root.fail_at, atomic_load(&f.root.alloc_count) + n);
        st = resolve_one(&f, "${file:/secret}${env:HOST}", &out);
        atomic_store(&f.root.fail_at, -1);
        assert_true(n < 100);
    }
    assert_int_equal(st, LT_OK);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_resolved_value_is_checked),
        cmocka_unit_test(test_resolve_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
