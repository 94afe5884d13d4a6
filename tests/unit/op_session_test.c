/* Session aggregates and SESSION as a table function against a reference, over batch sizes,
 * snapshots and full outputs. */
#include "op_windows_ref.h"

/* Open sessions of the reference: rows carry the bounds of their session. */
static bool ref_session_add(ref_rows *rows, int64_t gap, const h_event *e, int64_t watermark)
{
    int64_t start = e->ts, end = e->ts + gap;
    bool merged = true, any = false;
    while (merged) { /* a wider session may touch more */
        merged = false;
        for (size_t i = 0; i < rows->count; i++) {
            ref_row *row = &rows->items[i];
            bool inside = row->start >= start && row->end <= end && any;
            if (row->k == e->k && row->start <= end && row->end >= start && !inside) {
                start = row->start < start ? row->start : start;
                end = row->end > end ? row->end : end;
                merged = any = true;
            }
        }
    }
    if (end - 1 <= watermark) {
        return false;
    }
    for (size_t i = 0; i < rows->count; i++) {
        ref_row *row = &rows->items[i];
        if (row->k == e->k && row->start >= start && row->end <= end) {
            row->start = start;
            row->end = end;
        }
    }
    const ref_row row = {start, end, e->k, e->v, e->v_null, e->kind & 1 ? -1 : 1};
    ref_push(rows, &row);
    return true;
}

static void ref_sessions(h_lines *lines, uint64_t *late, int64_t gap, const h_event *events,
                         size_t count, bool string_key, bool updates)
{
    ref_rows rows = {0};
    int64_t watermark = LT_WATERMARK_MIN;
    *late = 0;
    for (size_t i = 0; i < count; i++) {
        if (events[i].mark) {
            if (events[i].ts > watermark) {
                watermark = events[i].ts;
                ref_fire(lines, &rows, NULL, watermark, string_key, updates);
            }
        } else if (!events[i].ts_null) {
            *late += !ref_session_add(&rows, gap, &events[i], watermark);
        }
    }
    free(rows.items);
}

typedef struct {
    const char *name;
    int64_t gap;
    ref_traffic traffic;
    bool string_key;
} session_case;

static const session_case cases[] = {
    {"sessions", 200, {400, 5000, 100, 600, 4, 100, 30, false}, false},
    {"sessions, a mark per row", 150, {400, 5000, 100, 600, 4, 300, 100, false}, true},
    {"sessions, many merges", 60, {400, 5000, 20, 2000, 3, 1500, 10, false}, true},
    {"sessions, few marks, many keys", 100, {2500, 5000, 20, 500, 300, 500, 1, false}, false},
    {"sessions, updates", 200, {400, 5000, 60, 600, 4, 300, 30, true}, false},
};

static void run_case(const session_case *c, uint64_t seed)
{
    h_rig rig;
    h_init(&rig);
    h_event *events = malloc(sizeof *events * (c->traffic.rows * 2 + 1));
    size_t count = ref_events(events, &seed, &c->traffic);
    lt_agg *aggs[8];
    uint32_t agg_count = ref_aggs(&rig, aggs, c->traffic.updates);
    const uint32_t keys[1] = {c->string_key ? COL_S : COL_K};
    const lt_window_agg_spec spec = {.window = {.kind = LT_WINDOW_SESSION, .size_ms = c->gap},
                                     .keys = keys,
                                     .key_count = 1,
                                     .aggs = aggs,
                                     .agg_count = agg_count,
                                     .input_updates = c->traffic.updates};
    rig.cls = &lt_op_session_agg;
    rig.spec = &spec;
    rig.out_schema = h_agg_schema(&rig, keys, 1, aggs, agg_count, true);
    h_lines want = {0};
    uint64_t late = 0;
    ref_sessions(&want, &late, c->gap, events, count, c->string_key, c->traffic.updates);
    ref_check(&rig, events, count, &want, late, c->name);
    h_lines_free(&want);
    free(events);
    h_deinit(&rig);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        for (uint64_t seed = 1; seed <= 4; seed++) {
            run_case(&cases[i], seed * 104729);
        }
    }
}

/* Rows of sessions come out when these are over, in order of arrival. */
static void test_table_function(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    const uint32_t keys[1] = {COL_K};
    const lt_window_expand_spec spec = {.window = {.kind = LT_WINDOW_SESSION, .size_ms = 10},
                                        .session_keys = keys,
                                        .session_key_count = 1};
    lt_field fields[COL_COUNT + 3];
    memcpy(fields, rig.in_schema->fields, sizeof(lt_field) * COL_COUNT);
    for (int i = 0; i < 3; i++) {
        fields[COL_COUNT + i] =
            (lt_field){LT_STR("bound"), lt_type_time(rig.arena, LT_TYPE_TIMESTAMP, 3, false)};
    }
    rig.cls = &lt_op_window_expand;
    rig.spec = &spec;
    rig.out_schema = lt_schema_new(rig.arena, fields, COL_COUNT + 3);
    const h_event events[] = {
        {.ts = 100, .k = 1, .v = 1},
        {.ts = 120, .k = 1, .v = 2},
        {.ts = 101, .k = 2, .v = 3},
        {.ts = 110, .k = 1, .v = 4}, /* joins the first two: both are exactly one gap away */
        {.mark = true, .ts = 128},
        {.ts = 105, .k = 2, .v = 5}, /* late: its session would be over */
        {.mark = true, .ts = 129},
        {.ts = 130, .k = 1, .v = 6},
        {.mark = true, .ts = LT_WATERMARK_MAX}};
    h_lines want = {0};
    h_push(&want, "+I|101|2|k2|3|0|0|101|111|110");
    h_push(&want, "W128");
    const char *const name = "key number 1, of some length";
    char line[128];
    const int first[3][2] = {{100, 1}, {120, 2}, {110, 4}};
    for (int i = 0; i < 3; i++) {
        (void)snprintf(line, sizeof line, "+I|%d|1|%s|%d|0|0|100|130|129", first[i][0], name,
                       first[i][1]);
        h_push(&want, line);
    }
    h_push(&want, "W129");
    (void)snprintf(line, sizeof line, "+I|130|1|%s|6|0|0|130|140|139", name);
    h_push(&want, line);
    h_push_mark(&want, LT_WATERMARK_MAX);
    for (size_t c = 0; c < LT_COUNT_OF(h_configs); c++) {
        h_run(&rig, &h_configs[c], events, LT_COUNT_OF(events));
        assert_int_equal(rig.op->ledger.late, 1);
        assert_int_equal(rig.op->ledger.held, 0);
        assert_int_equal(lt_state_rows(rig.state), 0);
        h_op_free(&rig);
        h_assert_same(&rig.lines, &want, "SESSION");
    }
    h_lines_free(&want);
    h_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_table_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
