/* Group aggregates: Flink's changelog row by row, for every way to cut the input into batches; and
 * net changes per batch. */
#include "op_windows_ref.h"

typedef struct {
    h_event rows[512];
    size_t count; /* rows added and not taken away */
    bool known;
    char result[256];
} ref_group;

static void group_result(const ref_group *g, int64_t k, bool updates, char *to, size_t size)
{
    h_lines lines = {0};
    ref_row rows[512];
    const ref_row *refs[512];
    for (size_t i = 0; i < g->count; i++) {
        rows[i] = (ref_row){0, 0, k, g->rows[i].v, g->rows[i].v_null, 1};
        refs[i] = &rows[i];
    }
    char key[32];
    (void)snprintf(key, sizeof key, "%lld|", (long long)k);
    ref_result(&lines, refs, g->count, key, updates, 0);
    assert_int_equal(lines.count, 1);
    char *text = lines.items[0] + 2;
    text[strlen(text) - 6] = 0; /* the three bounds */
    (void)snprintf(to, size, "%s", text);
    h_lines_free(&lines);
}

static void push_kind(h_lines *lines, const char *kind, const char *text)
{
    char line[320];
    (void)snprintf(line, sizeof line, "%s%s", kind, text);
    h_push(lines, line);
}

/* One input row; emits as Flink does. false = taken away from a key that has no rows. */
static bool group_row(h_lines *lines, ref_group *g, const h_event *e, bool before, bool updates)
{
    if (e->kind & 1) {
        if (g->count == 0) {
            return false;
        }
        size_t at = 0;
        while (g->rows[at].v != e->v || g->rows[at].v_null != e->v_null) {
            at++;
            assert_true(at < g->count);
        }
        memmove(g->rows + at, g->rows + at + 1, sizeof *g->rows * (g->count - at - 1));
        g->count--;
    } else {
        g->rows[g->count++] = *e;
    }
    if (g->count == 0) {
        push_kind(lines, "-D", g->result);
        g->known = false;
        return true;
    }
    char now[256];
    group_result(g, e->k, updates, now, sizeof now);
    if (!g->known) {
        push_kind(lines, "+I", now);
    } else if (strcmp(now, g->result) != 0) {
        if (before) {
            push_kind(lines, "-U", g->result);
        }
        push_kind(lines, "+U", now);
    }
    g->known = true;
    memcpy(g->result, now, sizeof now);
    return true;
}

static uint64_t ref_groups(h_lines *lines, const h_event *events, size_t count, bool before,
                           bool updates)
{
    ref_group *groups = calloc(16, sizeof *groups);
    uint64_t ignored = 0;
    for (size_t i = 0; i < count; i++) {
        if (events[i].mark) {
            h_push_mark(lines, events[i].ts);
        } else {
            ignored += !group_row(lines, &groups[events[i].k], &events[i], before, updates);
        }
    }
    free(groups);
    return ignored;
}

static size_t group_events(h_event *events, uint64_t *seed, size_t rows, int64_t keys, bool updates)
{
    const ref_traffic traffic = {rows, 5000, 10, 10, keys, 0, 10, updates};
    size_t count = ref_events(events, seed, &traffic);
    int64_t last = 0;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (events[i].mark && events[i].ts <= last) {
            continue; /* the reference does not judge marks */
        }
        last = events[i].mark ? events[i].ts : last;
        events[i].ts_null = false;
        events[kept++] = events[i];
    }
    /* Taken away without ever having come: key 15 is nobody's. */
    if (updates) {
        events[kept] = events[kept - 1];
        events[kept++ - 1] = (h_event){.kind = LT_DELETE, .k = 15, .v = 1};
    }
    return kept;
}

static void setup(h_rig *rig, lt_group_agg_spec *spec, lt_agg **aggs, const uint32_t *keys)
{
    spec->aggs = aggs;
    spec->agg_count = ref_aggs(rig, aggs, spec->input_updates);
    spec->keys = keys;
    rig->cls = &lt_op_group_agg;
    rig->spec = spec;
    rig->out_schema = h_agg_schema(rig, keys, spec->key_count, aggs, spec->agg_count, false);
}

static void run_each(uint64_t seed, int64_t keys, bool updates, bool before)
{
    h_rig rig;
    h_init(&rig);
    h_event *events = malloc(sizeof *events * 1001);
    size_t count = group_events(events, &seed, 400, keys, updates);
    const uint32_t key_cols[1] = {COL_K};
    lt_agg *aggs[8];
    lt_group_agg_spec spec = {.key_count = 1, .input_updates = updates, .emit_before = before};
    setup(&rig, &spec, aggs, key_cols);
    h_lines want = {0};
    uint64_t ignored = ref_groups(&want, events, count, before, updates);
    for (size_t c = 0; c < LT_COUNT_OF(h_configs); c++) {
        h_run(&rig, &h_configs[c], events, count);
        assert_int_equal(rig.op->ledger.filtered, ignored);
        assert_int_equal(rig.op->ledger.held, 0);
        h_op_free(&rig);
        h_assert_same(&rig.lines, &want, "group");
    }
    h_lines_free(&want);
    free(events);
    h_deinit(&rig);
}

static void test_each(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        run_each(seed * 31, 10, false, true);
        run_each(seed * 37, 1, false, true);
        run_each(seed * 41, 10, false, false);
        run_each(seed * 43, 10, true, true);
        run_each(seed * 47, 2, true, true);
        run_each(seed * 53, 15, true, false);
    }
}

/* ---- calls that tell their result after each row ---- */

typedef struct {
    int64_t count, values, sum, min, max;
    char result[160];
} ref_totals;

static void total_row(h_lines *lines, ref_totals *t, const h_event *e)
{
    t->count++;
    if (!e->v_null) {
        t->min = t->values == 0 || e->v < t->min ? e->v : t->min;
        t->max = t->values == 0 || e->v > t->max ? e->v : t->max;
        t->sum += e->v;
        t->values++;
    }
    char now[160];
    if (t->values == 0) {
        (void)snprintf(now, sizeof now, "|%lld|%lld|0|NULL|NULL|NULL|NULL", (long long)e->k,
                       (long long)t->count);
    } else {
        (void)snprintf(now, sizeof now, "|%lld|%lld|%lld|%lld|%lld|%lld|%lld", (long long)e->k,
                       (long long)t->count, (long long)t->values, (long long)t->sum,
                       (long long)t->min, (long long)t->max, (long long)(t->sum / t->values));
    }
    if (t->count > 1) {
        push_kind(lines, "-U", t->result);
    }
    push_kind(lines, t->count > 1 ? "+U" : "+I", now);
    memcpy(t->result, now, sizeof now);
}

static void run_totals(uint64_t seed, int64_t keys)
{
    h_rig rig;
    h_init(&rig);
    h_event *events = malloc(sizeof *events * 1001);
    size_t count = group_events(events, &seed, 400, keys, false);
    const uint32_t key_cols[1] = {COL_K};
    lt_agg *aggs[6] = {h_agg(&rig, "COUNT", -1, false, NULL, false),
                       h_agg(&rig, "COUNT", COL_V, false, NULL, false),
                       h_agg(&rig, "SUM", COL_V, false, NULL, false),
                       h_agg(&rig, "MIN", COL_V, false, NULL, false),
                       h_agg(&rig, "MAX", COL_V, false, NULL, false),
                       h_agg(&rig, "AVG", COL_V, false, NULL, false)};
    lt_group_agg_spec spec = {
        .keys = key_cols, .key_count = 1, .aggs = aggs, .agg_count = 6, .emit_before = true};
    rig.cls = &lt_op_group_agg;
    rig.spec = &spec;
    rig.out_schema = h_agg_schema(&rig, key_cols, 1, aggs, 6, false);
    ref_totals *totals = calloc(16, sizeof *totals);
    h_lines want = {0};
    for (size_t i = 0; i < count; i++) {
        if (events[i].mark) {
            h_push_mark(&want, events[i].ts);
        } else {
            total_row(&want, &totals[events[i].k], &events[i]);
        }
    }
    for (size_t c = 0; c < LT_COUNT_OF(h_configs); c++) {
        h_run(&rig, &h_configs[c], events, count);
        h_op_free(&rig);
        h_assert_same(&rig.lines, &want, "totals");
    }
    h_lines_free(&want);
    free(totals);
    free(events);
    h_deinit(&rig);
}

static void test_totals(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        run_totals(seed * 71, 1);
        run_totals(seed * 73, 14);
    }
}

/* Plays a changelog; what is left must be what the row-by-row changelog leaves. */
static void materialize(const h_lines *log, h_lines *rows)
{
    for (size_t i = 0; i < log->count; i++) {
        const char *line = log->items[i];
        if (line[0] == 'W') {
            continue;
        }
        bool adds = line[0] == '+';
        size_t at = 0;
        while (!adds && at < rows->count && strcmp(rows->items[at], line + 2) != 0) {
            at++;
        }
        if (adds) {
            h_push(rows, line + 2);
        } else {
            assert_true(at < rows->count);
            free(rows->items[at]);
            rows->items[at] = rows->items[--rows->count];
        }
    }
    if (rows->count > 0) {
        qsort(rows->items, rows->count, sizeof(char *), h_line_cmp);
    }
}

static void run_net(uint64_t seed, bool updates)
{
    h_rig rig;
    h_init(&rig);
    h_event *events = malloc(sizeof *events * 1001);
    size_t count = group_events(events, &seed, 400, 8, updates);
    const uint32_t key_cols[1] = {COL_K};
    lt_agg *aggs[8];
    lt_group_agg_spec spec = {
        .key_count = 1, .input_updates = updates, .emit_before = true, .net_ok = true};
    setup(&rig, &spec, aggs, key_cols);
    h_lines want_log = {0}, want = {0};
    (void)ref_groups(&want_log, events, count, true, updates);
    materialize(&want_log, &want);
    for (size_t c = 0; c < LT_COUNT_OF(h_configs); c++) {
        h_run(&rig, &h_configs[c], events, count);
        h_op_free(&rig);
        h_lines got = {0};
        materialize(&rig.lines, &got);
        h_assert_same(&got, &want, "net");
        assert_true(rig.lines.count <= want_log.count);
        h_lines_free(&got);
    }
    h_lines_free(&want);
    h_lines_free(&want_log);
    free(events);
    h_deinit(&rig);
}

static void test_net(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        run_net(seed * 61, false);
        run_net(seed * 67, true);
    }
}

static void test_distinct_rows(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    const uint32_t keys[2] = {COL_K, COL_S};
    lt_group_agg_spec spec = {.keys = keys, .key_count = 2, .emit_before = true};
    rig.cls = &lt_op_group_agg;
    rig.spec = &spec;
    rig.out_schema = h_agg_schema(&rig, keys, 2, NULL, 0, false);
    const h_event events[] = {{.k = 2}, {.k = 4}, {.k = 2}, {.mark = true, .ts = 7},
                              {.k = 2}, {.k = 6}};
    h_lines want = {0};
    h_push(&want, "+I|2|k2");
    h_push(&want, "+I|4|k4");
    h_push(&want, "W7");
    h_push(&want, "+I|6|k6");
    for (size_t c = 0; c < LT_COUNT_OF(h_configs); c++) {
        h_run(&rig, &h_configs[c], events, LT_COUNT_OF(events));
        h_op_free(&rig);
        h_assert_same(&rig.lines, &want, "distinct");
    }
    h_lines_free(&want);
    h_deinit(&rig);
}

/* With a TTL every update goes out, and an idle key starts anew. */
static void test_ttl(void **state)
{
    (void)state;
    h_rig rig;
    h_init(&rig);
    const uint32_t keys[1] = {COL_K};
    lt_agg *aggs[1] = {h_agg(&rig, "MAX", COL_V, false, NULL, false)};
    lt_group_agg_spec spec = {.keys = keys,
                              .key_count = 1,
                              .aggs = aggs,
                              .agg_count = 1,
                              .emit_before = true,
                              .ttl_ms = 1000};
    rig.cls = &lt_op_group_agg;
    rig.spec = &spec;
    rig.out_schema = h_agg_schema(&rig, keys, 1, aggs, 1, false);
    const h_event events[] = {{.k = 2, .v = 5}, {.k = 2, .v = 5}};
    const h_config config = {1024, false, false};
    h_run(&rig, &config, events, 2);
    lt_sim_advance_us(rig.env, 5000000);
    h_ok(&rig, h_feed(&rig, 0, h_batch(&rig, events, 0, 1)));
    h_op_free(&rig);
    h_lines want = {0};
    h_push(&want, "+I|2|5");
    h_push(&want, "-U|2|5");
    h_push(&want, "+U|2|5");
    h_push(&want, "+I|2|5");
    h_assert_same(&rig.lines, &want, "ttl");
    h_lines_free(&want);
    h_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each), cmocka_unit_test(test_totals),
        cmocka_unit_test(test_net),  cmocka_unit_test(test_distinct_rows),
        cmocka_unit_test(test_ttl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
