/* Every allocation of every stateful operator fails once: the operator says so, and closing it
 * leaks nothing. */
#include "op_windows_ref.h"

/* Opens, feeds and closes an operator while the n-th allocation fails; true when it was never
 * reached. */
static bool run_failing(h_rig *rig, const h_event *events, size_t count, int64_t n)
{
    enum { PART = 40 };
    lt_batch *batches[16];
    size_t batch_count = 0;
    for (size_t from = 0; from < count; from += PART) {
        size_t to = from + PART < count ? from + PART : count;
        assert_true(batch_count < LT_COUNT_OF(batches));
        batches[batch_count++] = h_batch(rig, events, from, to);
    }
    int64_t start = atomic_load(&rig->mem.alloc_count);
    atomic_store(&rig->mem.fail_at, start + n);
    lt_status st = h_op_open(rig);
    for (size_t i = 0; i < batch_count; i++) {
        if (st == LT_OK) {
            st = h_feed(rig, 0, batches[i]);
        } else {
            lt_batch_unref(batches[i]);
        }
    }
    bool reached = atomic_load(&rig->mem.alloc_count) > start + n;
    atomic_store(&rig->mem.fail_at, -1);
    if (reached && st != LT_OK) {
        assert_int_equal(st, LT_ERR_NOMEM);
    } else {
        h_ok(rig, st); /* some allocations can be done without */
    }
    if (rig->op) {
        h_op_free(rig);
    }
    return !reached;
}

static void run_all(const lt_op_class *cls, const void *spec, h_rig *rig, const lt_schema *out,
                    bool updates)
{
    uint64_t seed = 77;
    const ref_traffic traffic = {200, 5000, 60, 600, 5, 100, 20, updates};
    h_event *events = malloc(sizeof *events * 401);
    size_t count = ref_events(events, &seed, &traffic);
    for (size_t i = 0; i < count; i++) {
        events[i].we = events[i].mark ? 0 : events[i].ts / 100 * 100 + 100;
    }
    rig->cls = cls;
    rig->spec = spec;
    rig->out_schema = out;
    rig->config = (h_config){64, false, true};
    int64_t n = 0;
    while (!run_failing(rig, events, count, n)) {
        h_lines_free(&rig->lines);
        n++;
        assert_true(n < 100000);
    }
    assert_true(n > 0);
    free(events);
}

static void test_windows(void **state)
{
    (void)state;
    const lt_window windows[] = {{.kind = LT_WINDOW_TUMBLE, .size_ms = 100},
                                 {.kind = LT_WINDOW_HOP, .size_ms = 400, .step_ms = 100},
                                 {.kind = LT_WINDOW_CUMULATE, .size_ms = 400, .step_ms = 100},
                                 {.kind = LT_WINDOW_SESSION, .size_ms = 50}};
    for (size_t w = 0; w < LT_COUNT_OF(windows); w++) {
        h_rig rig;
        h_init(&rig);
        lt_agg *aggs[8];
        const uint32_t keys[1] = {COL_S};
        const lt_window_agg_spec spec = {.window = windows[w],
                                         .keys = keys,
                                         .key_count = 1,
                                         .aggs = aggs,
                                         .agg_count = ref_aggs(&rig, aggs, w % 2 == 1),
                                         .input_updates = w % 2 == 1};
        run_all(w == 3 ? &lt_op_session_agg : &lt_op_window_agg, &spec, &rig,
                h_agg_schema(&rig, keys, 1, aggs, spec.agg_count, true), w % 2 == 1);
        h_deinit(&rig);
    }
}

static void test_group(void **state)
{
    (void)state;
    for (int net = 0; net < 2; net++) {
        h_rig rig;
        h_init(&rig);
        lt_agg *aggs[8];
        const uint32_t keys[1] = {COL_S};
        const lt_group_agg_spec spec = {.keys = keys,
                                        .key_count = 1,
                                        .aggs = aggs,
                                        .agg_count = ref_aggs(&rig, aggs, true),
                                        .input_updates = true,
                                        .emit_before = true,
                                        .net_ok = net};
        run_all(&lt_op_group_agg, &spec, &rig,
                h_agg_schema(&rig, keys, 1, aggs, spec.agg_count, false), true);
        h_deinit(&rig);
    }
}

static void run_overs(h_rig *rig)
{
    const uint32_t keys[1] = {COL_K};
    const lt_frame frames[] = {{true, true, 2}, {false, true, 50}, {false, false, 0}};
    lt_agg *aggs[2];
    lt_field fields[COL_COUNT + 2];
    for (size_t f = 0; f < LT_COUNT_OF(frames); f++) {
        aggs[0] = h_agg(rig, "MIN", COL_V, false, NULL, frames[f].bounded);
        aggs[1] = h_agg(rig, "COUNT", COL_V, frames[f].bounded, NULL, frames[f].bounded);
        memcpy(fields, rig->in_schema->fields, sizeof(lt_field) * COL_COUNT);
        for (int a = 0; a < 2; a++) {
            fields[COL_COUNT + a] = (lt_field){LT_STR("agg"), aggs[a]->result};
        }
        lt_over_spec over = {.partition = keys,
                             .partition_count = 1,
                             .order = {COL_TS, false, true},
                             .frame = frames[f],
                             .aggs = aggs,
                             .agg_count = 2};
        const lt_schema *out = lt_schema_new(rig->arena, fields, COL_COUNT + 2);
        run_all(&lt_op_over, &over, rig, out, false);
        over.order.col = COL_V;
        if (!frames[f].bounded) {
            run_all(&lt_op_over_sorted, &over, rig, out, true);
        }
    }
}

static void test_rows(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    lt_field fields[COL_COUNT + 3];
    memcpy(fields, rig.in_schema->fields, sizeof(lt_field) * COL_COUNT);
    for (int i = 0; i < 3; i++) {
        fields[COL_COUNT + i] =
            (lt_field){LT_STR("bound"), lt_type_time(rig.arena, LT_TYPE_TIMESTAMP, 3, false)};
    }
    const lt_schema *expanded = lt_schema_new(rig.arena, fields, COL_COUNT + 3);
    const uint32_t keys[1] = {COL_K};
    lt_window_expand_spec expand = {.window = {.kind = LT_WINDOW_SESSION, .size_ms = 50},
                                    .session_keys = keys,
                                    .session_key_count = 1};
    run_all(&lt_op_window_expand, &expand, &rig, expanded, false);
    expand.window = (lt_window){.kind = LT_WINDOW_HOP, .size_ms = 400, .step_ms = 100};
    run_all(&lt_op_window_expand, &expand, &rig, expanded, false);
    const uint32_t cols[1] = {COL_V};
    const uint64_t sets[2] = {1, 0};
    const lt_expand_spec grouping = {
        .cols = cols, .col_count = 1, .keys = keys, .key_count = 1, .sets = sets, .set_count = 2};
    const lt_field grouped[3] = {rig.in_schema->fields[COL_V],
                                 rig.in_schema->fields[COL_K],
                                 {LT_STR("number"), lt_type_new(rig.arena, LT_TYPE_BIGINT, false)}};
    run_all(&lt_op_expand, &grouping, &rig, lt_schema_new(rig.arena, grouped, 3), false);
    const lt_sort_key order = {COL_V, true, false};
    const lt_window_topn_spec topn = {.partition = keys,
                                      .partition_count = 1,
                                      .start_col = COL_WS,
                                      .end_col = COL_WE,
                                      .order = &order,
                                      .order_count = 1,
                                      .rank_min = 1,
                                      .rank_max = 2};
    run_all(&lt_op_window_topn, &topn, &rig, rig.in_schema, false);
    const lt_sort_key by_value[2] = {{COL_TS, false, false}, {COL_V, true, false}};
    lt_topn_spec ranks = {.partition = keys,
                          .partition_count = 1,
                          .order = by_value + 1,
                          .order_count = 1,
                          .rank_min = 1,
                          .rank_max = 3,
                          .strategy = LT_TOPN_APPEND};
    run_all(&lt_op_topn, &ranks, &rig, rig.in_schema, false);
    ranks.strategy = LT_TOPN_RETRACT;
    run_all(&lt_op_topn, &ranks, &rig, rig.in_schema, true);
    const lt_keep_spec keep = {.partition = keys,
                               .partition_count = 1,
                               .mode = LT_KEEP_BEST,
                               .order = by_value + 1,
                               .order_count = 1};
    run_all(&lt_op_keep, &keep, &rig, rig.in_schema, false);
    const lt_first_rows_spec first_rows = {
        .partition = keys, .partition_count = 1, .rank_min = 1, .rank_max = 5};
    run_all(&lt_op_first_rows, &first_rows, &rig, rig.in_schema, false);
    const lt_first_event_spec first_event = {
        .partition = keys, .partition_count = 1, .time_col = COL_TS};
    run_all(&lt_op_first_event, &first_event, &rig, rig.in_schema, false);
    const lt_time_sort_spec time_sort = {.order = by_value, .order_count = 2};
    run_all(&lt_op_time_sort, &time_sort, &rig, rig.in_schema, false);
    const lt_normalize_spec normalize = {
        .keys = keys,
        .key_count = 1,
        .condition = h_call(&rig, ">", h_col(&rig, COL_V), h_int(&rig, 20))};
    run_all(&lt_op_normalize, &normalize, &rig, rig.in_schema, true);
    const uint32_t ids[1] = {COL_V};
    const lt_materialize_spec materialize = {
        .keys = keys, .key_count = 1, .ids = ids, .id_count = 1};
    run_all(&lt_op_materialize, &materialize, &rig, rig.in_schema, true);
    run_all(&lt_op_drop_before, NULL, &rig, rig.in_schema, true);
    run_overs(&rig);
    const lt_pace_spec pace = {.time_col = COL_TS, .speed = 1e9};
    run_all(&lt_op_pace, &pace, &rig, rig.in_schema, false);
    const lt_watermark_spec watermark = {.time_col = COL_TS, .watermark = h_col(&rig, COL_TS)};
    run_all(&lt_op_watermark, &watermark, &rig, rig.in_schema, false);
    lt_expr *exprs[1] = {h_call(&rig, "+", h_col(&rig, COL_V), h_int(&rig, 1))};
    const lt_calc_spec calc = {.condition = h_call(&rig, ">", h_col(&rig, COL_V), h_int(&rig, 80)),
                               .exprs = exprs,
                               .expr_count = 1};
    const lt_field sum = {LT_STR("sum"), exprs[0]->type};
    run_all(&lt_op_calc, &calc, &rig, lt_schema_new(rig.arena, &sum, 1), false);
    h_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_group),
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
