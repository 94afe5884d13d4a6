/* Casts: a table of text -> type -> text for the edges of every family, and what is refused. */
#include "expr_fixture.h"

typedef struct {
    const char *text;
    lt_type_kind via; /* the type the text is first cast to; 0 = none */
    int via_p, via_s;
    lt_type_kind to;
    int p, s;
    const char *want; /* "!" = fails */
} cast_case;

static const lt_type *make(fix *f, lt_type_kind kind, int p, int s)
{
    switch ((int)kind) {
    case LT_TYPE_DECIMAL:
        return lt_type_decimal(f->arena, (uint8_t)p, (uint8_t)s, true);
    case LT_TYPE_CHAR:
    case LT_TYPE_VARCHAR:
    case LT_TYPE_BINARY:
    case LT_TYPE_VARBINARY:
        return lt_type_sized(f->arena, kind, p ? p : LT_LENGTH_MAX, true);
    case LT_TYPE_TIME:
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMP_LTZ:
        return lt_type_time(f->arena, kind, (uint8_t)p, true);
    default:
        return lt_type_new(f->arena, kind, true);
    }
}

static const cast_case cases[] = {
    /* strings to numbers */
    {" 42 ", 0, 0, 0, LT_TYPE_INT, 0, 0, "42"},
    {"+7", 0, 0, 0, LT_TYPE_TINYINT, 0, 0, "7"},
    {"1.9", 0, 0, 0, LT_TYPE_INT, 0, 0, "1"},
    {"1.x", 0, 0, 0, LT_TYPE_INT, 0, 0, "!"},
    {"", 0, 0, 0, LT_TYPE_INT, 0, 0, "!"},
    {"-", 0, 0, 0, LT_TYPE_BIGINT, 0, 0, "!"},
    {"128", 0, 0, 0, LT_TYPE_TINYINT, 0, 0, "!"},
    {"-128", 0, 0, 0, LT_TYPE_TINYINT, 0, 0, "-128"},
    {"32768", 0, 0, 0, LT_TYPE_SMALLINT, 0, 0, "!"},
    {"2147483648", 0, 0, 0, LT_TYPE_INT, 0, 0, "!"},
    {"-9223372036854775808", 0, 0, 0, LT_TYPE_BIGINT, 0, 0, "-9223372036854775808"},
    {"9223372036854775808", 0, 0, 0, LT_TYPE_BIGINT, 0, 0, "!"},
    {"1e3", 0, 0, 0, LT_TYPE_DOUBLE, 0, 0, "1000.0"},
    {"1.0E10", 0, 0, 0, LT_TYPE_DOUBLE, 0, 0, "1.0E10"},
    {"NaN", 0, 0, 0, LT_TYPE_DOUBLE, 0, 0, "NaN"},
    {"-Infinity", 0, 0, 0, LT_TYPE_FLOAT, 0, 0, "-Infinity"},
    {"0x10", 0, 0, 0, LT_TYPE_DOUBLE, 0, 0, "!"},
    {"1.1", 0, 0, 0, LT_TYPE_FLOAT, 0, 0, "1.1"},
    {"12.345", 0, 0, 0, LT_TYPE_DECIMAL, 5, 2, "12.35"},
    {"-12.345", 0, 0, 0, LT_TYPE_DECIMAL, 5, 2, "-12.35"},
    {"1234.5", 0, 0, 0, LT_TYPE_DECIMAL, 5, 2, "!"},
    {"1e-3", 0, 0, 0, LT_TYPE_DECIMAL, 38, 10, "0.0010000000"},
    {"99999999999999999999999999999999999999", 0, 0, 0, LT_TYPE_DECIMAL, 38, 0,
     "99999999999999999999999999999999999999"},
    {"TRUE", 0, 0, 0, LT_TYPE_BOOLEAN, 0, 0, "TRUE"},
    {" n ", 0, 0, 0, LT_TYPE_BOOLEAN, 0, 0, "!"},
    {"maybe", 0, 0, 0, LT_TYPE_BOOLEAN, 0, 0, "!"},
    /* numbers among each other */
    {"40000", LT_TYPE_INT, 0, 0, LT_TYPE_SMALLINT, 0, 0, "-25536"},
    {"300", LT_TYPE_BIGINT, 0, 0, LT_TYPE_TINYINT, 0, 0, "44"},
    {"1e20", LT_TYPE_DOUBLE, 0, 0, LT_TYPE_INT, 0, 0, "2147483647"},
    {"-1e20", LT_TYPE_DOUBLE, 0, 0, LT_TYPE_BIGINT, 0, 0, "-9223372036854775808"},
    {"NaN", LT_TYPE_DOUBLE, 0, 0, LT_TYPE_BIGINT, 0, 0, "0"},
    {"-1.9", LT_TYPE_DOUBLE, 0, 0, LT_TYPE_INT, 0, 0, "-1"},
    {"3e38", LT_TYPE_DOUBLE, 0, 0, LT_TYPE_FLOAT, 0, 0, "3.0E38"},
    {"1e39", LT_TYPE_DOUBLE, 0, 0, LT_TYPE_FLOAT, 0, 0, "Infinity"},
    {"1.005", LT_TYPE_DOUBLE, 0, 0, LT_TYPE_DECIMAL, 10, 2, "1.01"},
    {"1e9", LT_TYPE_DOUBLE, 0, 0, LT_TYPE_DECIMAL, 5, 2, "NULL"},
    {"1.5", LT_TYPE_DECIMAL, 3, 1, LT_TYPE_DECIMAL, 1, 0, "2"},
    {"9.5", LT_TYPE_DECIMAL, 3, 1, LT_TYPE_DECIMAL, 1, 0, "NULL"},
    {"-1.99", LT_TYPE_DECIMAL, 5, 2, LT_TYPE_INT, 0, 0, "-1"},
    {"12.50", LT_TYPE_DECIMAL, 5, 2, LT_TYPE_DOUBLE, 0, 0, "12.5"},
    {"7", LT_TYPE_INT, 0, 0, LT_TYPE_DECIMAL, 12, 3, "7.000"},
    {"7", LT_TYPE_INT, 0, 0, LT_TYPE_DECIMAL, 38, 10, "7.0000000000"},
    {"0", LT_TYPE_INT, 0, 0, LT_TYPE_BOOLEAN, 0, 0, "FALSE"},
    {"0.00", LT_TYPE_DECIMAL, 3, 2, LT_TYPE_BOOLEAN, 0, 0, "FALSE"},
    {"t", LT_TYPE_BOOLEAN, 0, 0, LT_TYPE_DECIMAL, 3, 1, "1.0"},
    /* strings */
    {"abcdef", 0, 0, 0, LT_TYPE_VARCHAR, 3, 0, "abc"},
    {"äöü", 0, 0, 0, LT_TYPE_CHAR, 2, 0, "äö"},
    {"ab", 0, 0, 0, LT_TYPE_CHAR, 4, 0, "ab  "},
    /* times */
    {"2024-02-29", 0, 0, 0, LT_TYPE_DATE, 0, 0, "2024-02-29"},
    {"2023-02-29", 0, 0, 0, LT_TYPE_DATE, 0, 0, "!"},
    {"0000-01-01", 0, 0, 0, LT_TYPE_DATE, 0, 0, "0000-01-01"},
    {"9999-12-31", 0, 0, 0, LT_TYPE_DATE, 0, 0, "9999-12-31"},
    {"12:34:56.789", 0, 0, 0, LT_TYPE_TIME, 3, 0, "12:34:56.789"},
    {"25:00:00", 0, 0, 0, LT_TYPE_TIME, 0, 0, "!"},
    {"2024-01-02 03:04:05.123456789", 0, 0, 0, LT_TYPE_TIMESTAMP, 9, 0,
     "2024-01-02 03:04:05.123456789"},
    {"2024-01-02 03:04:05.123456789", 0, 0, 0, LT_TYPE_TIMESTAMP, 2, 0, "2024-01-02 03:04:05.12"},
    {"2024-01-02 03:04:05.1239", 0, 0, 0, LT_TYPE_TIMESTAMP, 3, 0, "2024-01-02 03:04:05.123"},
    {"2024-01-02", 0, 0, 0, LT_TYPE_TIMESTAMP, 0, 0, "2024-01-02 00:00:00"},
    {"2024-01-02 03:04", 0, 0, 0, LT_TYPE_TIMESTAMP, 3, 0, "!"},
    {"1969-12-31 23:59:59.999", 0, 0, 0, LT_TYPE_TIMESTAMP, 6, 0, "1969-12-31 23:59:59.999000"},
    {"1969-12-31 23:59:59.9995", LT_TYPE_TIMESTAMP, 6, 0, LT_TYPE_TIMESTAMP, 3, 0,
     "1969-12-31 23:59:59.999"},
    {"1969-12-31 23:59:59.999", LT_TYPE_TIMESTAMP, 3, 0, LT_TYPE_DATE, 0, 0, "1969-12-31"},
    {"2024-01-02 03:04:05.678", LT_TYPE_TIMESTAMP, 3, 0, LT_TYPE_TIME, 0, 0, "03:04:05"},
    {"2024-01-02", LT_TYPE_DATE, 0, 0, LT_TYPE_TIMESTAMP, 9, 0, "2024-01-02 00:00:00.000000000"},
};

static void test_table(void **state)
{
    (void)state;
    fix f;
    fix_open(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const cast_case *c = &cases[i];
        lt_expr *e = lit_str(&f, c->text);
        if (c->via != 0) {
            e = cast_to(&f, e, make(&f, c->via, c->via_p, c->via_s), false);
        }
        const lt_type *to = make(&f, c->to, c->p, c->s);
        const char *got = text_of(&f, cast_to(&f, e, to, false));
        bool fails = c->want[0] == '!';
        if (fails ? got[0] != '!' : strcmp(got, c->want) != 0) {
            fail_msg("case %zu: '%s' gave '%s', not '%s'", i, c->text, got, c->want);
        }
        const char *tried = text_of(&f, cast_to(&f, e, to, true));
        assert_string_equal(tried, fails ? "NULL" : c->want);
    }
    fix_close(&f);
}

static void test_zones(void **state)
{
    (void)state;
    fix f;
    fix_open(&f);
    fix_zone(&f, "America/New_York");
    const lt_type *ltz = lt_type_time(f.arena, LT_TYPE_TIMESTAMP_LTZ, 3, true);
    const lt_type *ts = lt_type_time(f.arena, LT_TYPE_TIMESTAMP, 3, true);
    struct {
        const char *local, *back;
    } pairs[] = {
        {"2024-07-01 12:00:00", "2024-07-01 12:00:00.000"},
        {"2024-03-10 02:30:00", "2024-03-10 03:30:00.000"}, /* in the gap: an hour later */
        {"2024-11-03 01:30:00", "2024-11-03 01:30:00.000"},
        {"1901-01-01 00:00:00", "1901-01-01 00:00:00.000"},
        {"2400-07-01 00:00:00",
         "2400-07-01 00:00:00.000"}, /* far behind the file's last transition */
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        lt_expr *e = cast_to(&f, lit_str(&f, pairs[i].local), ltz, false);
        assert_string_equal(text_of(&f, e), pairs[i].back);
        assert_string_equal(text_of(&f, cast_to(&f, e, ts, false)), pairs[i].back);
    }
    /* The overlap takes the earlier offset. */
    lt_expr *e = cast_to(&f, lit_str(&f, "2024-11-03 01:30:00"), ltz, false);
    assert_int_equal(e->u.literal.u.i, 1730611800000);
    const lt_zone *zone;
    assert_int_equal(lt_zone_load(f.env, LT_STR("Mars/Olympus"), f.arena, &zone, &f.err),
                     LT_ERR_SQL);
    assert_int_equal(lt_zone_load(f.env, LT_STR("../../etc/passwd"), f.arena, &zone, &f.err),
                     LT_ERR_SQL);
    assert_int_equal(lt_zone_load(f.env, LT_STR("GMT+05:30"), f.arena, &zone, &f.err), LT_OK);
    assert_int_equal(lt_zone_offset_ms(zone, 0), 19800000);
    fix_close(&f);
}

static void test_nested(void **state)
{
    (void)state;
    fix f;
    fix_open(&f);
    lt_expr *array = call(&f, "ARRAY", lit_str(&f, "1"), lit_str(&f, "2"), lit_null(&f));
    assert_string_equal(text_of(&f, array), "[1, 2, NULL]");
    const lt_type *ints = lt_type_array(f.arena, ty(&f, LT_TYPE_INT), true);
    assert_string_equal(text_of(&f, cast_to(&f, array, ints, false)), "[1, 2, NULL]");
    lt_expr *bad = call(&f, "ARRAY", lit_str(&f, "1"), lit_str(&f, "x"));
    assert_int_equal(text_of(&f, cast_to(&f, bad, ints, false))[0], '!');
    assert_string_equal(text_of(&f, cast_to(&f, bad, ints, true)), "NULL");
    lt_expr *map = call(&f, "MAP", lit_str(&f, "k"), lit_int(&f, 1, LT_TYPE_INT));
    assert_string_equal(text_of(&f, map), "{k=1}");
    lt_expr *row = call(&f, "ROW", lit_int(&f, 1, LT_TYPE_INT), lit_str(&f, "abc"), array);
    assert_string_equal(text_of(&f, row), "(1, abc, [1, 2, NULL])");
    fix_close(&f);
}

static void test_refused(void **state)
{
    (void)state;
    fix f;
    fix_open(&f);
    const lt_type *ts = lt_type_time(f.arena, LT_TYPE_TIMESTAMP, 3, true);
    lt_expr *out;
    lt_expr *one = lit_int(&f, 1, LT_TYPE_INT);
    assert_int_equal(lt_expr_cast(&f.b, one, ts, false, 7, &out, &f.err), LT_ERR_SQL);
    assert_true(f.err.has_sql_pos && f.err.sql_pos == 7);
    assert_false(lt_type_can_cast(ty(&f, LT_TYPE_BOOLEAN), ty(&f, LT_TYPE_DATE)));
    assert_false(lt_type_can_coerce(ty(&f, LT_TYPE_BIGINT), ty(&f, LT_TYPE_INT)));
    assert_true(lt_type_can_coerce(ty(&f, LT_TYPE_INT), ty(&f, LT_TYPE_DOUBLE)));
    assert_false(lt_type_can_coerce(ty_string(&f), ty(&f, LT_TYPE_INT)));
    assert_int_equal(lt_expr_coerce(&f.b, one, ty_string(&f), &out, &f.err), LT_ERR_SQL);
    assert_int_equal(lt_expr_coerce(&f.b, one, ty(&f, LT_TYPE_BIGINT), &out, &f.err), LT_OK);
    assert_string_equal(type_text(&f, out->type), "BIGINT NOT NULL");
    fix_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_zones),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
