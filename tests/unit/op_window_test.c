/* TUMBLE, HOP, CUMULATE and attached window aggregates against a reference, over batch sizes,
 * snapshots and full outputs. */
#include "op_windows_ref.h"

static int64_t ref_floor(int64_t value, int64_t step, int64_t offset)
{
    int64_t rest = (value - offset) % step;
    return value - (rest < 0 ? rest + step : rest);
}

/* Gives a row to all its windows that are open; false = none. */
static bool ref_add(ref_rows *rows, const lt_window *w, const lt_zone *zone, const h_event *e,
                    int64_t watermark)
{
    int64_t local = ref_local(zone, e->ts);
    bool any = false;
    int64_t from = ref_floor(local, w->size_ms, w->offset_ms);
    int64_t step = w->kind == LT_WINDOW_TUMBLE ? w->size_ms : w->step_ms;
    if (w->kind == LT_WINDOW_HOP) {
        from = ref_floor(local, w->step_ms, w->offset_ms) - w->size_ms + w->step_ms;
    }
    for (int64_t at = 0; at < w->size_ms; at += step) {
        int64_t start = w->kind == LT_WINDOW_HOP ? from + at : from;
        int64_t end = w->kind == LT_WINDOW_CUMULATE ? from + at + step : start + w->size_ms;
        if (local < start || local >= end || (ref_close(zone, end) <= watermark)) {
            continue;
        }
        const ref_row row = {start, end, e->k, e->v, e->v_null, e->kind & 1 ? -1 : 1};
        ref_push(rows, &row);
        any = true;
    }
    return any;
}

static void ref_windows(h_lines *lines, uint64_t *late, const lt_window *w, const lt_zone *zone,
                        const h_event *events, size_t count, bool string_key, bool updates)
{
    ref_rows rows = {0};
    int64_t watermark = LT_WATERMARK_MIN;
    *late = 0;
    for (size_t i = 0; i < count; i++) {
        if (events[i].mark) {
            if (events[i].ts > watermark) {
                watermark = events[i].ts;
                ref_fire(lines, &rows, zone, watermark, string_key, updates);
            }
        } else if (!events[i].ts_null) {
            *late += !ref_add(&rows, w, zone, &events[i], watermark);
        }
    }
    free(rows.items);
}

typedef struct {
    const char *name;
    lt_window window;
    ref_traffic traffic;
    const char *zone;
    bool string_key;
} window_case;

static void run_case(const window_case *c, uint64_t seed)
{
    h_rig rig;
    h_init(&rig);
    lt_env *real = NULL;
    const lt_zone *zone = NULL;
    if (c->zone) {
        real = lt_env_real_new(&rig.mem);
        assert_non_null(real);
        h_ok(&rig, lt_zone_load(real, lt_str_of(c->zone), rig.arena, &zone, &rig.err));
        rig.session.zone = zone;
    }
    h_event *events = malloc(sizeof *events * (c->traffic.rows * 2 + 1));
    size_t count = ref_events(events, &seed, &c->traffic);
    lt_agg *aggs[8];
    uint32_t agg_count = ref_aggs(&rig, aggs, c->traffic.updates);
    const uint32_t keys[1] = {c->string_key ? COL_S : COL_K};
    const lt_window_agg_spec spec = {.window = c->window,
                                     .keys = keys,
                                     .key_count = 1,
                                     .aggs = aggs,
                                     .agg_count = agg_count,
                                     .input_updates = c->traffic.updates};
    rig.cls = &lt_op_window_agg;
    rig.spec = &spec;
    rig.out_schema = h_agg_schema(&rig, keys, 1, aggs, agg_count, true);
    h_lines want = {0};
    uint64_t late = 0;
    ref_windows(&want, &late, &c->window, zone, events, count, c->string_key, c->traffic.updates);
    ref_check(&rig, events, count, &want, late, c->name);
    h_lines_free(&want);
    free(events);
    lt_env_real_free(real);
    h_deinit(&rig);
}

#define MINUTE 60000LL
#define HOUR   3600000LL

static const window_case cases[] = {
    {.name = "tumble",
     .window = {.kind = LT_WINDOW_TUMBLE, .size_ms = 1000},
     .traffic = {400, 5000, 100, 2000, 5, 500, 30, false}},
    {.name = "tumble, offset, before 1970, a mark per row",
     .window = {.kind = LT_WINDOW_TUMBLE, .size_ms = 1000, .offset_ms = -333},
     .traffic = {400, -20000, 100, 3000, 5, 0, 100, false},
     .string_key = true},
    {.name = "tumble, few marks",
     .window = {.kind = LT_WINDOW_TUMBLE, .size_ms = 700},
     .traffic = {2500, 0, 40, 900, 300, 800, 1, false},
     .string_key = true},
    {.name = "tumble, updates",
     .window = {.kind = LT_WINDOW_TUMBLE, .size_ms = 1000},
     .traffic = {400, 5000, 100, 1000, 4, 500, 20, true}},
    {.name = "hop",
     .window = {.kind = LT_WINDOW_HOP, .size_ms = 3000, .step_ms = 1000},
     .traffic = {400, 5000, 150, 4000, 4, 0, 40, false}},
    {.name = "hop, offset, updates",
     .window = {.kind = LT_WINDOW_HOP, .size_ms = 2000, .step_ms = 500, .offset_ms = 130},
     .traffic = {400, -9000, 90, 2500, 3, 100, 30, true},
     .string_key = true},
    {.name = "cumulate",
     .window = {.kind = LT_WINDOW_CUMULATE, .size_ms = 5000, .step_ms = 1000},
     .traffic = {400, 5000, 150, 4000, 4, 0, 40, false},
     .string_key = true},
    {.name = "cumulate, offset, updates",
     .window = {.kind = LT_WINDOW_CUMULATE, .size_ms = 4000, .step_ms = 500, .offset_ms = 77},
     .traffic = {400, -9000, 90, 3000, 3, 100, 60, true}},
    /* Clocks in New York go forward on 2021-03-14 07:00 UTC and back on 2021-11-07 06:00 UTC. */
    {.name = "tumble, clocks forward",
     .window = {.kind = LT_WINDOW_TUMBLE, .size_ms = 30 * MINUTE, .ltz = true},
     .traffic = {300, 1615698000000, 4 * MINUTE, 20 * MINUTE, 3, 0, 60, false},
     .zone = "America/New_York"},
    {.name = "tumble, clocks back",
     .window = {.kind = LT_WINDOW_TUMBLE, .size_ms = 30 * MINUTE, .ltz = true},
     .traffic = {300, 1636255800000, 4 * MINUTE, 20 * MINUTE, 3, 0, 60, false},
     .zone = "America/New_York"},
    {.name = "hop, clocks forward",
     .window = {.kind = LT_WINDOW_HOP, .size_ms = 2 * HOUR, .step_ms = 30 * MINUTE, .ltz = true},
     .traffic = {300, 1615698000000, 4 * MINUTE, HOUR, 3, 0, 60, false},
     .zone = "America/New_York"},
    {.name = "cumulate, clocks back, days",
     .window = {.kind = LT_WINDOW_CUMULATE, .size_ms = 24 * HOUR, .step_ms = 6 * HOUR, .ltz = true},
     .traffic = {300, 1636200000000, HOUR, 5 * HOUR, 3, 0, 60, false},
     .zone = "America/New_York",
     .string_key = true},
    {.name = "tumble, Tokyo days",
     .window = {.kind = LT_WINDOW_TUMBLE, .size_ms = 24 * HOUR, .ltz = true},
     .traffic = {300, 1636200000000, 2 * HOUR, 5 * HOUR, 3, 0, 60, false},
     .zone = "Asia/Tokyo"},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        for (uint64_t seed = 1; seed <= 3; seed++) {
            run_case(&cases[i], seed * 7919);
        }
    }
}

/* Rows that carry their window: as TUMBLE by hand. */
static void test_attached(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    uint64_t seed = 99;
    const ref_traffic traffic = {300, 5000, 100, 2000, 5, 500, 30, false};
    const lt_window plain = {.kind = LT_WINDOW_TUMBLE, .size_ms = 1000};
    h_event *events = malloc(sizeof *events * 601);
    size_t count = ref_events(events, &seed, &traffic);
    for (size_t i = 0; i < count && !(events[i].mark && events[i].ts == LT_WATERMARK_MAX); i++) {
        events[i].ts_null = false;
        events[i].ws = ref_floor(events[i].ts, 1000, 0);
        events[i].we = events[i].ws + 1000;
    }
    const lt_window_kind kinds[2] = {LT_WINDOW_TUMBLE, LT_WINDOW_SESSION};
    for (int k = 0; k < 2; k++) {
        lt_agg *aggs[8];
        uint32_t agg_count = ref_aggs(&rig, aggs, false);
        const uint32_t keys[1] = {COL_K};
        const lt_window_agg_spec spec = {.window = {.kind = kinds[k],
                                                    .size_ms = 1000,
                                                    .attached = true,
                                                    .start_col = COL_WS,
                                                    .end_col = COL_WE},
                                         .keys = keys,
                                         .key_count = 1,
                                         .aggs = aggs,
                                         .agg_count = agg_count};
        rig.cls = &lt_op_window_agg;
        rig.spec = &spec;
        rig.out_schema = h_agg_schema(&rig, keys, 1, aggs, agg_count, true);
        h_lines want = {0};
        uint64_t late = 0;
        ref_windows(&want, &late, &plain, NULL, events, count, false, false);
        ref_check(&rig, events, count, &want, late, "attached");
        h_lines_free(&want);
    }
    free(events);
    h_deinit(&rig);
}

/* No keys, no aggregates: one row per window that has rows. */
static void test_no_keys(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    const lt_window_agg_spec spec = {.window = {.kind = LT_WINDOW_TUMBLE, .size_ms = 10}};
    rig.cls = &lt_op_window_agg;
    rig.spec = &spec;
    rig.out_schema = h_agg_schema(&rig, NULL, 0, NULL, 0, true);
    const h_event events[] = {{.ts = 1},
                              {.ts = 2},
                              {.mark = true, .ts = 2},
                              {.ts = 35},
                              {.mark = true, .ts = 35},
                              {.ts = 9},
                              {.mark = true, .ts = LT_WATERMARK_MAX}};
    const h_config config = {1024, false, false};
    h_run(&rig, &config, events, LT_COUNT_OF(events));
    assert_int_equal(rig.op->ledger.late, 1);
    h_op_free(&rig);
    h_lines want = {0};
    h_push(&want, "W2");
    h_push(&want, "+I|0|10|9");
    h_push(&want, "W35");
    h_push(&want, "+I|30|40|39");
    h_push_mark(&want, LT_WATERMARK_MAX);
    h_assert_same(&rig.lines, &want, "no keys");
    h_lines_free(&want);
    h_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_attached),
        cmocka_unit_test(test_no_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
