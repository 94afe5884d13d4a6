/* Operators without windows of their own: calc, watermark, limit, union, window table functions,
 * pace; and what happens to refused rows. */
#include "op_harness.h"

static const h_config plain = {1024, false, false};

static const lt_schema *schema_of(h_rig *rig, lt_expr *const *exprs, uint32_t count)
{
    lt_field fields[8];
    for (uint32_t i = 0; i < count; i++) {
        fields[i] = (lt_field){LT_STR("c"), exprs[i]->type};
    }
    return lt_schema_new(rig->arena, fields, count);
}

static void expect(h_rig *rig, const char *const *lines, size_t count, const char *what)
{
    h_lines want = {0};
    for (size_t i = 0; i < count; i++) {
        h_push(&want, lines[i]);
    }
    h_assert_same(&rig->lines, &want, what);
    h_lines_free(&want);
}

/* Every configuration gives the lines. */
static void expect_all(h_rig *rig, const h_event *events, size_t count, const char *const *lines,
                       size_t line_count, const char *what)
{
    for (size_t c = 0; c < LT_COUNT_OF(h_configs); c++) {
        h_run(rig, &h_configs[c], events, count);
        h_op_free(rig);
        expect(rig, lines, line_count, what);
    }
}

static void test_calc(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    lt_expr *exprs[3] = {h_col(&rig, COL_K), h_call(&rig, "+", h_col(&rig, COL_V), h_int(&rig, 1)),
                         h_col(&rig, COL_S)};
    const lt_calc_spec spec = {.condition = h_call(&rig, ">", h_col(&rig, COL_V), h_int(&rig, 10)),
                               .exprs = exprs,
                               .expr_count = 3};
    rig.cls = &lt_op_calc;
    rig.spec = &spec;
    rig.out_schema = schema_of(&rig, exprs, 3);
    const h_event events[] = {{.k = 2, .v = 11},       {.k = 4, .v = 10},
                              {.mark = true, .ts = 5}, {.k = 6, .v = 0, .v_null = true},
                              {.mark = true, .ts = 6}, {.k = 8, .v = 90, .kind = LT_UPDATE_AFTER},
                              {.mark = true, .ts = 9}};
    const char *const want[] = {"+I|2|12|k2", "W6", "+U|8|91|k8", "W9"};
    expect_all(&rig, events, LT_COUNT_OF(events), want, LT_COUNT_OF(want), "calc");
    h_deinit(&rig);
}

/* CURRENT_WATERMARK is the watermark before each row, however rows are batched; in conditions too.
 */
static void test_calc_watermark(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    const lt_type *rowtime =
        lt_type_with_attr(rig.arena, rig.in_schema->fields[COL_TS].type, LT_TIME_ROWTIME);
    lt_expr *time = NULL;
    h_ok(&rig, lt_expr_column(&rig.b, COL_TS, rowtime, 0, &time, &rig.err));
    lt_expr *exprs[2] = {h_col(&rig, COL_K), h_call(&rig, "CURRENT_WATERMARK", time, NULL)};
    lt_calc_spec spec = {.exprs = exprs, .expr_count = 2};
    rig.cls = &lt_op_calc;
    rig.spec = &spec;
    rig.out_schema = schema_of(&rig, exprs, 2);
    const h_event events[] = {{.ts = 4, .k = 2}, {.mark = true, .ts = 4}, {.ts = 5, .k = 4},
                              {.ts = 6, .k = 6}, {.mark = true, .ts = 6}, {.ts = 7, .k = 8}};
    const char *const want[] = {"+I|2|NULL", "W4", "+I|4|4", "+I|6|4", "W6", "+I|8|6"};
    expect_all(&rig, events, LT_COUNT_OF(events), want, LT_COUNT_OF(want), "CURRENT_WATERMARK");
    spec.condition = h_call(&rig, "IS NULL", exprs[1], NULL);
    const char *const before[] = {"+I|2|NULL", "W6"};
    expect_all(&rig, events, LT_COUNT_OF(events), before, LT_COUNT_OF(before), "IS NULL");
    h_deinit(&rig);
}

/* One row in a hundred is left: the output is dense. Half are left: it is not copied. */
static void test_calc_compacts(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    lt_expr *exprs[1] = {h_col(&rig, COL_S)};
    lt_calc_spec spec = {.condition = h_call(&rig, "<", h_col(&rig, COL_V), h_int(&rig, 10)),
                         .exprs = exprs,
                         .expr_count = 1};
    rig.cls = &lt_op_calc;
    rig.spec = &spec;
    rig.out_schema = schema_of(&rig, exprs, 1);
    h_event events[1000];
    for (int i = 0; i < 1000; i++) {
        events[i] = (h_event){.k = i, .v = i};
    }
    h_run(&rig, &plain, events, 1000);
    assert_int_equal(rig.lines.count, 10);
    assert_string_equal(rig.lines.items[1], "+I|key number 1, of some length");
    assert_int_equal(rig.op->ledger.filtered, 990);
    h_op_free(&rig);
    h_deinit(&rig);
}

static void test_calc_refuses(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    lt_expr *exprs[1] = {h_call(&rig, "/", h_int(&rig, 100), h_col(&rig, COL_V))};
    const lt_calc_spec spec = {
        .condition = h_call(&rig, "<", h_call(&rig, "/", h_int(&rig, 10), h_col(&rig, COL_K)),
                            h_int(&rig, 100)),
        .exprs = exprs,
        .expr_count = 1};
    rig.cls = &lt_op_calc;
    rig.spec = &spec;
    rig.out_schema = schema_of(&rig, exprs, 1);
    const h_event events[] = {{.k = 1, .v = 10},
                              {.k = 0, .v = 1},
                              {.k = 1, .v = 20},
                              {.k = 1, .v = 0},
                              {.k = 1, .v = 50}};
    const char *const all[] = {"+I|10", "+I|5", "+I|2"};
    h_run(&rig, &plain, events, 5);
    expect(&rig, all, 3, "skipped");
    assert_int_equal(rig.rejected, 2);
    assert_int_equal(rig.op->ledger.rejected, 2);
    /* With 'fail' the rows before the failing one still go out. */
    rig.fail_rejects = true;
    h_lines_free(&rig.lines);
    lt_batch *batch = h_batch(&rig, events, 2, 5);
    assert_int_equal(h_feed(&rig, 0, batch), LT_ERR_DATA);
    expect(&rig, all + 1, 1, "failed");
    assert_true(strlen(rig.err.text) > 0);
    h_op_free(&rig);
    h_deinit(&rig);
}

static void test_watermark(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    const lt_watermark_spec spec = {.time_col = COL_TS, .watermark = h_col(&rig, COL_TS)};
    rig.cls = &lt_op_watermark;
    rig.spec = &spec;
    rig.out_schema = rig.in_schema;
    const h_event events[] = {{.ts = -5, .k = 2}, {.ts = 7, .k = 2},
                              {.ts = 3, .k = 2},  {.ts_null = true},
                              {.ts = 9, .k = 2},  {.mark = true, .ts = LT_WATERMARK_MAX}};
    const char *const want[] = {"+I|-5|2|k2|0|0|0", "+I|7|2|k2|0|0|0", "W7",
                                "+I|3|2|k2|0|0|0",  "+I|9|2|k2|0|0|0", "W9223372036854775807"};
    expect_all(&rig, events, LT_COUNT_OF(events), want, LT_COUNT_OF(want), "watermark");
    assert_int_equal(rig.rejected, 1);
    h_deinit(&rig);
}

static void test_watermark_guard(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    const lt_watermark_spec spec = {
        .time_col = COL_TS, .watermark = h_col(&rig, COL_TS), .future_skew_max_ms = 1000};
    rig.cls = &lt_op_watermark;
    rig.spec = &spec;
    rig.out_schema = rig.in_schema;
    const h_event events[] = {{.ts = 1500, .k = 2}, {.ts = 2001, .k = 2}}; /* it is 00:00:01 */
    const char *const want[] = {"+I|1500|2|k2|0|0|0", "W1500"};
    expect_all(&rig, events, 2, want, 2, "guard");
    h_deinit(&rig);
}

static void test_limit(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    lt_limit_spec spec = {.offset = 1, .count = 2};
    rig.cls = &lt_op_limit;
    rig.spec = &spec;
    rig.out_schema = rig.in_schema;
    const h_event events[] = {{.ts = 1, .k = 2}, {.ts = 2, .k = 2}, {.mark = true, .ts = 2},
                              {.ts = 3, .k = 2}, {.ts = 4, .k = 2}, {.mark = true, .ts = 4}};
    const char *const want[] = {"+I|2|2|k2|0|0|0", "W2", "+I|3|2|k2|0|0|0", "W4"};
    expect_all(&rig, events, LT_COUNT_OF(events), want, 4, "limit");
    spec = (lt_limit_spec){.offset = 3, .count = -1};
    const char *const rest[] = {"W2", "+I|4|2|k2|0|0|0", "W4"};
    expect_all(&rig, events, LT_COUNT_OF(events), rest, 3, "offset");
    h_deinit(&rig);
}

static void test_union(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    rig.in_count = 2;
    rig.cls = &lt_op_union;
    rig.out_schema = rig.in_schema;
    const h_event events[] = {{.ts = 1, .k = 2}, {.ts = 2, .k = 4}};
    h_run(&rig, &plain, events, 0);
    h_ok(&rig, h_feed(&rig, 1, h_batch(&rig, events, 0, 1)));
    h_ok(&rig, h_feed(&rig, 0, h_batch(&rig, events, 1, 2)));
    h_op_free(&rig);
    const char *const want[] = {"+I|1|2|k2|0|0|0", "+I|2|4|k4|0|0|0"};
    expect(&rig, want, 2, "union");
    h_deinit(&rig);
}

static void set_expanded(h_rig *rig)
{
    lt_field fields[COL_COUNT + 3];
    memcpy(fields, rig->in_schema->fields, sizeof(lt_field) * COL_COUNT);
    for (int i = 0; i < 3; i++) {
        fields[COL_COUNT + i] =
            (lt_field){LT_STR("bound"), lt_type_time(rig->arena, LT_TYPE_TIMESTAMP, 3, false)};
    }
    rig->cls = &lt_op_window_expand;
    rig->out_schema = lt_schema_new(rig->arena, fields, COL_COUNT + 3);
}

static void test_expand(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    set_expanded(&rig);
    const h_event events[] = {{.ts = -1, .k = 2},
                              {.ts_null = true},
                              {.mark = true, .ts = 3},
                              {.ts = 13, .k = 4, .kind = LT_UPDATE_AFTER}};
    lt_window_expand_spec spec = {.window = {.kind = LT_WINDOW_TUMBLE, .size_ms = 10}};
    rig.spec = &spec;
    const char *const tumble[] = {"+I|-1|2|k2|0|0|0|-10|0|-1", "W3", "+U|13|4|k4|0|0|0|10|20|19"};
    expect_all(&rig, events, LT_COUNT_OF(events), tumble, 3, "TUMBLE");
    spec.window = (lt_window){.kind = LT_WINDOW_HOP, .size_ms = 10, .step_ms = 5};
    const char *const hop[] = {"+I|-1|2|k2|0|0|0|-5|5|4", "+I|-1|2|k2|0|0|0|-10|0|-1", "W3",
                               "+U|13|4|k4|0|0|0|10|20|19", "+U|13|4|k4|0|0|0|5|15|14"};
    expect_all(&rig, events, LT_COUNT_OF(events), hop, 5, "HOP");
    spec.window = (lt_window){.kind = LT_WINDOW_CUMULATE, .size_ms = 10, .step_ms = 5};
    const char *const cumulate[] = {"+I|-1|2|k2|0|0|0|-10|0|-1", "W3", "+U|13|4|k4|0|0|0|10|15|14",
                                    "+U|13|4|k4|0|0|0|10|20|19"};
    expect_all(&rig, events, LT_COUNT_OF(events), cumulate, 4, "CUMULATE");
    h_deinit(&rig);
}

static void test_grouping_sets(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    const uint32_t cols[2] = {COL_TS, COL_S};
    const uint32_t keys[2] = {COL_S, COL_K};
    const uint64_t sets[3] = {3, 1, 0};
    const lt_expand_spec spec = {
        .cols = cols, .col_count = 2, .keys = keys, .key_count = 2, .sets = sets, .set_count = 3};
    lt_field fields[5];
    for (int i = 0; i < 4; i++) {
        fields[i] = rig.in_schema->fields[i < 2 ? cols[i] : keys[i - 2]];
    }
    fields[4] = (lt_field){LT_STR("number"), lt_type_new(rig.arena, LT_TYPE_BIGINT, false)};
    rig.cls = &lt_op_expand;
    rig.spec = &spec;
    rig.out_schema = lt_schema_new(rig.arena, fields, 5);
    const h_event events[] = {{.mark = true, .ts = 1},
                              {.ts = 5, .k = 2},
                              {.mark = true, .ts = 3},
                              {.ts = 6, .k = 4, .kind = LT_UPDATE_BEFORE},
                              {.ts = 6, .k = 4, .kind = LT_UPDATE_AFTER},
                              {.mark = true, .ts = 9}};
    const char *const want[] = {"W1",
                                "+I|5|k2|k2|2|0",
                                "+I|5|k2|k2|NULL|1",
                                "+I|5|k2|NULL|NULL|2",
                                "W3",
                                "-U|6|k4|k4|4|0",
                                "+U|6|k4|k4|4|0",
                                "-U|6|k4|k4|NULL|1",
                                "+U|6|k4|k4|NULL|1",
                                "-U|6|k4|NULL|NULL|2",
                                "+U|6|k4|NULL|NULL|2",
                                "W9"};
    expect_all(&rig, events, LT_COUNT_OF(events), want, LT_COUNT_OF(want), "grouping sets");
    h_deinit(&rig);
}

static void test_pace(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    const lt_pace_spec spec = {.time_col = COL_TS, .speed = 10};
    rig.cls = &lt_op_pace;
    rig.spec = &spec;
    rig.out_schema = rig.in_schema;
    rig.config = plain;
    const h_event events[] = {{.ts = 1000, .k = 2},
                              {.mark = true, .ts = 1000},
                              {.ts = 2000, .k = 2},
                              {.ts = 1500, .k = 2},
                              {.mark = true, .ts = LT_WATERMARK_MAX}};
    const char *const want[] = {"+I|1000|2|k2|0|0|0", "W1000", "+I|2000|2|k2|0|0|0",
                                "+I|1500|2|k2|0|0|0", "W9223372036854775807"};
    h_op_new(&rig);
    lt_batch *batch = h_batch(&rig, events, 0, 5);
    rig.op->ledger.in += 3;
    h_before(&rig, LT_EMIT_SLOTS);
    h_ok(&rig, rig.cls->on_batch(rig.op, 0, batch, &rig.emit, &rig.err));
    lt_batch_unref(batch);
    h_check_ledger(&rig);
    expect(&rig, want, 2, "the first row");
    int64_t start = rig.env->mono_ns(rig.env);
    assert_int_equal(rig.op->wake_mono_ns, start + 100000000);
    assert_int_equal(rig.op->ledger.held, 2);
    lt_sim_advance_us(rig.env, 99999);
    h_ok(&rig, rig.cls->on_timer(rig.op, rig.env->mono_ns(rig.env), &rig.emit, &rig.err));
    expect(&rig, want, 2, "too early");
    lt_sim_advance_us(rig.env, 1);
    h_ok(&rig, rig.cls->on_timer(rig.op, rig.env->mono_ns(rig.env), &rig.emit, &rig.err));
    expect(&rig, want, 5, "all rows");
    assert_int_equal(rig.op->wake_mono_ns, INT64_MAX);
    assert_int_equal(rig.op->watermark, LT_WATERMARK_MAX);
    assert_int_equal(lt_state_rows(rig.state), 0);
    h_check_ledger(&rig);
    h_op_free(&rig);
    h_deinit(&rig);
}

/* Rows wait across a restart, and the clock starts anew. */
static void test_pace_restart(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    const lt_pace_spec spec = {.time_col = COL_TS, .speed = 1};
    rig.cls = &lt_op_pace;
    rig.spec = &spec;
    rig.out_schema = rig.in_schema;
    const h_event events[] = {{.ts = 1000, .k = 2}, {.ts = 2000, .k = 2}, {.ts = 2500, .k = 2}};
    const h_config config = {1024, true, false};
    h_run(&rig, &config, events, 3);
    assert_int_equal(rig.lines.count, 1);
    h_ok(&rig, rig.cls->on_timer(rig.op, rig.env->mono_ns(rig.env), &rig.emit, &rig.err));
    assert_int_equal(rig.lines.count, 2);
    lt_sim_advance_us(rig.env, 500000);
    h_ok(&rig, rig.cls->on_timer(rig.op, rig.env->mono_ns(rig.env), &rig.emit, &rig.err));
    assert_int_equal(rig.lines.count, 3);
    h_check_ledger(&rig);
    h_op_free(&rig);
    h_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calc),           cmocka_unit_test(test_calc_compacts),
        cmocka_unit_test(test_calc_watermark), cmocka_unit_test(test_calc_refuses),
        cmocka_unit_test(test_watermark),      cmocka_unit_test(test_watermark_guard),
        cmocka_unit_test(test_limit),          cmocka_unit_test(test_union),
        cmocka_unit_test(test_expand),         cmocka_unit_test(test_pace),
        cmocka_unit_test(test_pace_restart),   cmocka_unit_test(test_grouping_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
