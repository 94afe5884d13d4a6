/* datagen: options, ranges, pacing, determinism, positions. */
#include "connector_fixture.h"

static const fixture_column ids[] = {{"id", LT_TYPE_BIGINT, NULL}, {"n", LT_TYPE_INT, NULL}};

static void test_sequence_ends(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    const char *const options[] = {"rows-per-second",
                                   "1000000",
                                   "fields.id.kind",
                                   "SEQUENCE",
                                   "fields.id.start",
                                   "-1",
                                   "fields.id.end",
                                   "2",
                                   "fields.n.min",
                                   "7",
                                   "fields.n.max",
                                   "7",
                                   NULL};
    fixture_table(&f, ids, 2, options);
    const lt_connector *datagen = lt_connector_find(LT_STR("datagen"));
    assert_int_equal(datagen->check(&f.ctx, true, &f.err), LT_OK);
    assert_true(datagen->source->bounded(&f.ctx));
    lt_source *src = fixture_open(&f, "datagen");
    lt_text rows;
    lt_text_init(&rows, &f.side);
    lt_wait wait;
    while (fixture_drain(&f, src, &rows, &wait) == LT_AGAIN) {
        lt_sim_advance_us(f.env, 10);
    }
    assert_string_equal(rows.ptr, "-1|7;0|7;1|7;2|7;");
    lt_source_free(src);
    lt_text_deinit(&rows);
    f.ctx.options.count = 1;
    assert_false(datagen->source->bounded(&f.ctx));
    fixture_deinit(&f);
}

static void test_pacing(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    const char *const options[] = {"rows-per-second", "4", NULL};
    fixture_table(&f, ids, 2, options);
    lt_source *src = fixture_open(&f, "datagen");
    lt_text rows;
    lt_text_init(&rows, &f.side);
    lt_wait wait;
    assert_int_equal(fixture_drain(&f, src, &rows, &wait), LT_AGAIN);
    assert_int_equal(src->rows, 1); /* the first at once */
    assert_int_equal(wait.wake_mono_ns, f.env->mono_ns(f.env) + 250000000);
    lt_sim_advance_us(f.env, 249999);
    assert_int_equal(fixture_drain(&f, src, &rows, &wait), LT_AGAIN);
    assert_int_equal(src->rows, 1);
    lt_sim_advance_us(f.env, 1);
    assert_int_equal(fixture_drain(&f, src, &rows, &wait), LT_AGAIN);
    assert_int_equal(src->rows, 2);
    lt_sim_advance_us(f.env, 3600LL * 1000000);
    assert_int_equal(fixture_drain(&f, src, &rows, &wait), LT_AGAIN);
    assert_int_equal(src->rows, 2 + 3600 * 4);
    lt_source_free(src);
    lt_text_deinit(&rows);
    fixture_deinit(&f);
}

static const fixture_column many[] = {
    {"b", LT_TYPE_BOOLEAN, NULL},  {"t", LT_TYPE_TINYINT, NULL}, {"s", LT_TYPE_SMALLINT, NULL},
    {"i", LT_TYPE_INT, NULL},      {"l", LT_TYPE_BIGINT, NULL},  {"f", LT_TYPE_FLOAT, NULL},
    {"d", LT_TYPE_DOUBLE, NULL},   {"v", LT_TYPE_VARCHAR, NULL}, {"x", LT_TYPE_DATE, NULL},
    {"p", LT_TYPE_TIMESTAMP, NULL}};

static char *run(fixture *f, uint64_t seed, const char *number)
{
    static char out[3][65536];
    static int next;
    lt_sim_options sim = {.seed = seed, .start_wall_us = 1700000000000000};
    fixture_init_with(f, &sim);
    const char *const options[] = {"number-of-rows",
                                   number,
                                   "fields.v.length",
                                   "20",
                                   "fields.v.var-len",
                                   "true",
                                   "fields.v.null-rate",
                                   "0.5",
                                   "rows-per-second",
                                   "1000000000",
                                   NULL};
    fixture_table(f, many, LT_COUNT_OF(many), options);
    f->ctx.batch_rows = 5;
    lt_sim_advance_us(f->env, 1000);
    lt_source *src = fixture_open(f, "datagen");
    lt_text rows;
    lt_text_init(&rows, &f->side);
    lt_wait wait;
    while (fixture_drain(f, src, &rows, &wait) == LT_AGAIN) {
        lt_sim_advance_us(f->env, 1);
    }
    char *to = out[next++ % 3];
    (void)snprintf(to, sizeof out[0], "%s", rows.ptr);
    lt_source_free(src);
    lt_text_deinit(&rows);
    fixture_deinit(f);
    return to;
}

static void test_seed_decides(void **state)
{
    (void)state;
    fixture f;
    const char *a = run(&f, 1, "40");
    const char *b = run(&f, 1, "40");
    const char *c = run(&f, 2, "40");
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    assert_non_null(strstr(a, "|NULL|"));
    assert_non_null(strstr(a, "|19675|1700000000"));
}

/* A row's values do not depend on where the batches were cut, nor on a restart, nor on the other
 * columns. */
static void test_restart(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    const char *const options[] = {"number-of-rows", "50", "rows-per-second", "1000000000", NULL};
    static const uint32_t sizes[] = {1, 7, 50};
    char whole[8192] = "";
    for (size_t s = 0; s < LT_COUNT_OF(sizes); s++) {
        for (unsigned stop = 0; stop < 52; stop += 3) {
            fixture_deinit(&f);
            fixture_init(&f);
            fixture_table(&f, ids, 2, options);
            f.ctx.batch_rows = sizes[s];
            lt_text rows, position;
            lt_text_init(&rows, &f.side);
            lt_text_init(&position, &f.side);
            lt_wait wait;
            lt_source *src = fixture_open(&f, "datagen");
            for (unsigned i = 0; i < stop; i++) {
                lt_batch *batch = NULL;
                if (src->cls->poll(src, &batch, &wait, &f.err) == LT_OK) {
                    fixture_rows(&rows, batch);
                    lt_batch_unref(batch);
                }
                lt_sim_advance_us(f.env, 1);
            }
            assert_int_equal(src->cls->save(src, &position, &f.err), LT_OK);
            lt_source_free(src);
            src = fixture_open(&f, "datagen");
            assert_int_equal(src->cls->load(src, (lt_str){position.ptr, position.len - 1}, &f.err),
                             LT_ERR_STATE);
            assert_int_equal(src->cls->load(src, lt_text_str(&position), &f.err), LT_OK);
            while (fixture_drain(&f, src, &rows, &wait) == LT_AGAIN) {
                lt_sim_advance_us(f.env, 1);
            }
            lt_source_free(src);
            if (whole[0] == '\0') {
                (void)snprintf(whole, sizeof whole, "%s", rows.ptr);
            }
            assert_string_equal(rows.ptr, whole);
            lt_text_deinit(&rows);
            lt_text_deinit(&position);
        }
    }
    fixture_deinit(&f);
}

static void poll_some(fixture *f, lt_source *src, lt_text *to, unsigned batches)
{
    lt_wait wait;
    while (batches > 0) {
        lt_batch *batch = NULL;
        if (src->cls->poll(src, &batch, &wait, &f->err) == LT_OK) {
            fixture_rows(to, batch);
            lt_batch_unref(batch);
            batches--;
        }
        lt_sim_advance_us(f->env, 700);
    }
}

/* The rows between two positions, made again later: times too, unless the rows fell behind. */
static void test_limit(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    const char *const options[] = {"rows-per-second", "1000", "fields.p.max-past", "3 s", NULL};
    fixture_table(&f, many, LT_COUNT_OF(many), options);
    f.ctx.batch_rows = 3;
    lt_text rows, again, from, to, late;
    lt_text *const texts[] = {&rows, &again, &from, &to, &late};
    for (size_t i = 0; i < LT_COUNT_OF(texts); i++) {
        lt_text_init(texts[i], &f.side);
    }
    lt_source *src = fixture_open(&f, "datagen");
    poll_some(&f, src, &again, 20);
    assert_int_equal(src->cls->save(src, &from, &f.err), LT_OK);
    poll_some(&f, src, &rows, 30);
    assert_int_equal(src->cls->save(src, &to, &f.err), LT_OK);
    lt_sim_advance_us(f.env, 5000000);
    lt_wait wait;
    lt_batch *batch;
    assert_int_equal(src->cls->poll(src, &batch, &wait, &f.err), LT_OK);
    lt_batch_unref(batch);
    assert_int_equal(src->cls->save(src, &late, &f.err), LT_OK);
    lt_source_free(src);

    src = fixture_open(&f, "datagen");
    assert_int_equal(src->cls->load(src, lt_text_str(&from), &f.err), LT_OK);
    assert_int_equal(src->cls->limit(src, lt_text_str(&to), &f.err), LT_OK);
    lt_text_clear(&again);
    assert_int_equal(fixture_drain(&f, src, &again, &wait), LT_END);
    assert_string_equal(again.ptr, rows.ptr);
    lt_source_free(src);

    /* From the beginning the seed is the position's; there is no way back. */
    src = fixture_open(&f, "datagen");
    assert_int_equal(src->cls->limit(src, lt_text_str(&to), &f.err), LT_OK);
    lt_text_clear(&again);
    assert_int_equal(fixture_drain(&f, src, &again, &wait), LT_END);
    assert_non_null(strstr(again.ptr, rows.ptr));
    lt_source_free(src);
    src = fixture_open(&f, "datagen");
    assert_int_equal(src->cls->load(src, lt_text_str(&to), &f.err), LT_OK);
    assert_int_equal(src->cls->limit(src, lt_text_str(&from), &f.err), LT_ERR_STATE);
    assert_int_equal(src->cls->limit(src, lt_text_str(&late), &f.err), LT_OK);
    lt_source_free(src);
    src = fixture_open(&f, "datagen");
    assert_int_equal(src->cls->load(src, lt_text_str(&from), &f.err), LT_OK);
    assert_int_equal(src->cls->limit(src, lt_text_str(&late), &f.err), LT_ERR_STATE);
    assert_non_null(strstr(f.err.text, "the times of its rows cannot be repeated"));
    lt_source_free(src);
    for (size_t i = 0; i < LT_COUNT_OF(texts); i++) {
        lt_text_deinit(texts[i]);
    }
    fixture_deinit(&f);
}

static void test_nested(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    const lt_type *text = lt_type_sized(f.arena, LT_TYPE_VARCHAR, 5, true);
    const lt_type *flag = lt_type_new(f.arena, LT_TYPE_BOOLEAN, true);
    const lt_type *number = lt_type_new(f.arena, LT_TYPE_INT, true);
    const lt_field inner[] = {{LT_STR("u"), number},
                              {LT_STR("w"), lt_type_array(f.arena, number, true)}};
    const lt_field fields[] = {
        {LT_STR("a"), lt_type_array(f.arena, text, true)},
        {LT_STR("m"), lt_type_map(f.arena, flag, number, true)},
        {LT_STR("r"), lt_type_row(f.arena, inner, 2, true)},
        {LT_STR("d"), lt_type_decimal(f.arena, 30, 4, true)},
        {LT_STR("e"), lt_type_decimal(f.arena, 5, 2, true)},
        {LT_STR("z"), lt_type_time(f.arena, LT_TYPE_TIMESTAMP_LTZ, 9, true)},
        {LT_STR("k"), lt_type_multiset(f.arena, text, true)},
    };
    const char *const options[] = {"number-of-rows",
                                   "100",
                                   "fields.a.length",
                                   "2",
                                   "fields.a.element.length",
                                   "1",
                                   "fields.m.length",
                                   "9",
                                   "fields.r.u.min",
                                   "3",
                                   "fields.r.u.max",
                                   "3",
                                   "fields.r.w.element.min",
                                   "1",
                                   "fields.r.w.element.max",
                                   "1",
                                   "fields.e.min",
                                   "-1.5",
                                   "fields.e.max",
                                   "2.25",
                                   "fields.r.null-rate",
                                   "0.2",
                                   "rows-per-second",
                                   "1000000000",
                                   NULL};
    fixture_table(&f, ids, 2, options);
    f.ctx.schema = lt_schema_new(f.arena, fields, 7);
    f.ctx.record_schema = f.ctx.schema;
    for (uint32_t i = 0; i < 7; i++) {
        f.index[i] = i;
    }
    const lt_connector *datagen = lt_connector_find(LT_STR("datagen"));
    if (datagen->check(&f.ctx, true, &f.err) != LT_OK) {
        fail_msg("%s", f.err.text);
    }
    lt_source *src = fixture_open(&f, "datagen");
    lt_batch *batch;
    lt_wait wait;
    unsigned nulls = 0;
    uint64_t rows = 0;
    while (src->cls->poll(src, &batch, &wait, &f.err) != LT_END) {
        lt_sim_advance_us(f.env, 1);
        for (uint32_t row = 0; batch != NULL && row < batch->row_count; row++) {
            assert_int_equal(LT_COL_DATA(&batch->cols[0], lt_span)[row].count, 2);
            assert_true(LT_COL_DATA(&batch->cols[1], lt_span)[row].count <=
                        2); /* there are but two keys */
            nulls += lt_col_is_null(&batch->cols[2], row);
            if (!lt_col_is_null(&batch->cols[2], row)) {
                assert_int_equal(LT_COL_DATA(&batch->cols[2].children[0], int32_t)[row], 3);
            }
            int64_t e = LT_COL_DATA(&batch->cols[4], int64_t)[row];
            assert_true(e >= -150 && e <= 225);
            rows++;
        }
        lt_batch_unref(batch);
    }
    assert_int_equal(rows, 100);
    assert_true(nulls > 5 && nulls < 50);
    lt_source_free(src);
    fixture_deinit(&f);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *options[9];
        const char *text;
    } cases[] = {
        {{"fields.nope.kind", "random"}, "the table has no column nope"},
        {{"rows-per-second", "0"}, "must be above zero"},
        {{"number-of-rows", "-1"}, "below zero"},
        {{"fields.id.kind", "sequence"}, "needs the options start and end"},
        {{"fields.id.kind", "sequence", "fields.id.start", "5", "fields.id.end", "4"},
         "end is before start"},
        {{"fields.n.kind", "sequence", "fields.n.start", "5", "fields.n.end", "9999999999"},
         "'fields.n.end'"},
        {{"fields.n.min", "-9999999999"}, "does not reach so far"},
        {{"fields.n.min", "5", "fields.n.max", "4"}, "min is above max"},
        {{"fields.n.min", "1.5"}, "a whole number is needed"},
        {{"fields.n.null-rate", "2"}, "from 0 to 1"},
    };
    fixture f;
    fixture_init(&f);
    const lt_connector *datagen = lt_connector_find(LT_STR("datagen"));
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        fixture_table(&f, ids, 2, cases[i].options);
        lt_error_clear(&f.err);
        assert_int_equal(datagen->check(&f.ctx, true, &f.err), LT_ERR_SQL);
        if (strstr(f.err.text, cases[i].text) == NULL) {
            fail_msg("%zu: %s", i, f.err.text);
        }
    }
    assert_non_null(strstr(lt_datagen_default_ddl, "'connector' = 'datagen'"));
    fixture_deinit(&f);
}

static void test_no_memory(void **state)
{
    (void)state;
    bool reached = true;
    for (int64_t n = 0; reached; n++) {
        fixture f;
        fixture_init(&f);
        const char *const options[] = {
            "number-of-rows", "9", "fields.v.length", "50", "fields.l.null-rate", "0.5", NULL};
        fixture_table(&f, many, LT_COUNT_OF(many), options);
        int64_t at = atomic_load(&f.root.alloc_count) + n;
        atomic_store(&f.root.fail_at, at);
        const char *got = fixture_read(&f, "datagen");
        reached = atomic_load(&f.root.alloc_count) > at;
        atomic_store(&f.root.fail_at, -1);
        assert_true(reached || strstr(got, "nomem") == NULL);
        assert_int_equal(atomic_load(&f.mem.bytes), 0);
        fixture_deinit(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequence_ends), cmocka_unit_test(test_pacing),
        cmocka_unit_test(test_seed_decides),  cmocka_unit_test(test_restart),
        cmocka_unit_test(test_limit),         cmocka_unit_test(test_nested),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
