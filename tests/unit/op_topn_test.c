/* Top-N within windows against a sort, for every direction and place of NULLs, over batch sizes,
 * snapshots and full outputs. */
#include "op_harness.h"

typedef struct {
    const h_event *event;
    size_t order; /* of arrival */
} topn_row;

static bool by_string, descending, nulls_first;

static int value_cmp(const h_event *a, const h_event *b)
{
    if (by_string) {
        char x[64], y[64];
        h_string_of(a->v, x, sizeof x);
        h_string_of(b->v, y, sizeof y);
        int cmp = strcmp(x, y);
        return descending ? -cmp : cmp;
    }
    if (a->v_null || b->v_null) {
        int cmp = a->v_null == b->v_null ? 0 : a->v_null ? -1 : 1;
        return nulls_first ? cmp : -cmp;
    }
    int cmp = a->v < b->v ? -1 : a->v > b->v;
    return descending ? -cmp : cmp;
}

static int row_cmp(const void *a, const void *b)
{
    const topn_row *x = a, *y = b;
    if (x->event->we != y->event->we) {
        return x->event->we < y->event->we ? -1 : 1;
    }
    if (x->event->k != y->event->k) {
        return x->event->k < y->event->k ? -1 : 1;
    }
    int cmp = value_cmp(x->event, y->event);
    return cmp ? cmp : x->order < y->order ? -1 : 1;
}

static void ref_emit(h_lines *lines, topn_row *rows, size_t *count, int64_t watermark,
                     const lt_window_topn_spec *spec)
{
    topn_row *due = malloc(sizeof *due * (*count + 1));
    size_t due_count = 0, kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (rows[i].event->we - 1 <= watermark) {
            due[due_count++] = rows[i];
        } else {
            rows[kept++] = rows[i];
        }
    }
    *count = kept;
    qsort(due, due_count, sizeof *due, row_cmp);
    int64_t rank = 0;
    for (size_t i = 0; i < due_count; i++) {
        const h_event *e = due[i].event;
        bool same = i > 0 && due[i - 1].event->k == e->k && due[i - 1].event->we == e->we;
        rank = same ? rank + 1 : 1;
        if (rank < spec->rank_min || rank > spec->rank_max) {
            continue;
        }
        char line[256], text[64], v[32];
        h_string_of(by_string ? e->v : e->k, text, sizeof text);
        (void)snprintf(v, sizeof v, e->v_null ? "NULL" : "%lld", (long long)e->v);
        int at = snprintf(line, sizeof line, "+I|%lld|%lld|%s|%s|%lld|%lld", (long long)e->ts,
                          (long long)e->k, text, v, (long long)e->ws, (long long)e->we);
        if (spec->rank_output) {
            (void)snprintf(line + at, sizeof line - (size_t)at, "|%lld", (long long)rank);
        }
        h_push(lines, line);
    }
    free(due);
}

static uint64_t ref_topn(h_lines *lines, const h_event *events, size_t count,
                         const lt_window_topn_spec *spec)
{
    topn_row *rows = malloc(sizeof *rows * (count + 1));
    size_t held = 0;
    uint64_t late = 0;
    int64_t watermark = LT_WATERMARK_MIN;
    for (size_t i = 0; i < count; i++) {
        if (events[i].mark) {
            watermark = events[i].ts;
            ref_emit(lines, rows, &held, watermark, spec);
            h_push_mark(lines, watermark);
        } else if (events[i].we - 1 <= watermark) {
            late++;
        } else {
            rows[held++] = (topn_row){&events[i], i};
        }
    }
    free(rows);
    return late;
}

/* The string column follows from v instead of k. */
static lt_batch *string_batch(h_rig *rig, const h_event *events, size_t from, size_t to)
{
    lt_batch *batch = h_batch(rig, events, from, to);
    uint32_t at = 0;
    for (size_t i = from; i < to; i++) {
        if (events[i].mark) {
            continue;
        }
        char text[64];
        h_string_of(events[i].v, text, sizeof text);
        char *copy = lt_arena_strndup(batch->arena, text, strlen(text));
        LT_COL_DATA(&batch->cols[COL_S], lt_strv)
        [lt_batch_row(batch, at++)] = lt_strv_make(copy, strlen(text));
    }
    return batch;
}

static void run_topn(h_rig *rig, const h_config *config, const h_event *events, size_t count)
{
    if (!by_string) {
        h_run(rig, config, events, count);
        return;
    }
    h_run(rig, config, events, 0);
    for (size_t from = 0; from < count;) {
        size_t to = from;
        for (uint32_t rows = 0; to < count && (events[to].mark || rows < config->batch_rows);
             to++) {
            rows += !events[to].mark;
        }
        h_ok(rig, h_feed(rig, 0, string_batch(rig, events, from, to)));
        if (config->snapshots) {
            h_restart(rig);
        }
        from = to;
    }
}

static size_t random_events(h_event *events, uint64_t seed, size_t rows)
{
    size_t count = 0;
    int64_t max = 0;
    for (size_t i = 0; i < rows; i++) {
        h_event e = {.ts = (int64_t)i * 10 - h_below(&seed, 400) + 1000,
                     .k = h_below(&seed, 4),
                     .v = h_below(&seed, 12)};
        e.v_null = !by_string && h_below(&seed, 6) == 0;
        e.v = e.v_null ? 0 : e.v;
        e.ws = e.ts / 500 * 500;
        e.we = e.ws + 500;
        max = e.ts > max ? e.ts : max;
        events[count++] = e;
        if (h_below(&seed, 10) == 0 && (count < 2 || max - 100 > 0)) {
            events[count++] = (h_event){.mark = true, .ts = max - 100};
        }
    }
    size_t kept = 0;
    int64_t last = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        if (!events[i].mark || events[i].ts > last) {
            last = events[i].mark ? events[i].ts : last;
            events[kept++] = events[i];
        }
    }
    kept -= events[kept - 1].mark;
    events[kept++] = (h_event){.mark = true, .ts = LT_WATERMARK_MAX};
    return kept;
}

static void check(const lt_window_topn_spec *spec, uint64_t seed)
{
    h_rig rig;
    h_init(&rig);
    h_event *events = malloc(sizeof *events * 1001);
    size_t count = random_events(events, seed, 400);
    lt_field fields[COL_COUNT + 1];
    memcpy(fields, rig.in_schema->fields, sizeof(lt_field) * COL_COUNT);
    fields[COL_COUNT] = (lt_field){LT_STR("rn"), lt_type_new(rig.arena, LT_TYPE_BIGINT, false)};
    rig.cls = &lt_op_window_topn;
    rig.spec = spec;
    rig.out_schema = lt_schema_new(rig.arena, fields, COL_COUNT + (spec->rank_output ? 1 : 0));
    h_lines want = {0}, first = {0};
    uint64_t late = ref_topn(&want, events, count, spec);
    h_sort(&want);
    for (size_t c = 0; c < LT_COUNT_OF(h_configs); c++) {
        run_topn(&rig, &h_configs[c], events, count);
        assert_int_equal(rig.op->ledger.late, late);
        assert_int_equal(rig.op->ledger.held, 0);
        assert_int_equal(rig.op->ledger.used, rig.op->ledger.out);
        h_op_free(&rig);
        if (c == 0) {
            for (size_t i = 0; i < rig.lines.count; i++) {
                h_push(&first, rig.lines.items[i]);
            }
            h_sort(&rig.lines);
            h_assert_same(&rig.lines, &want, "top-n");
        } else {
            h_assert_same(&rig.lines, &first, "top-n");
        }
    }
    h_lines_free(&want);
    h_lines_free(&first);
    free(events);
    h_deinit(&rig);
}

static void test_topn(void **state)
{
    (void)state;
    const uint32_t partition[1] = {COL_K};
    for (int way = 0; way < 6; way++) {
        by_string = way >= 4;
        descending = way & 1;
        nulls_first = way & 2;
        const lt_sort_key order = {by_string ? COL_S : COL_V, descending, nulls_first};
        lt_window_topn_spec spec = {.partition = partition,
                                    .partition_count = 1,
                                    .start_col = COL_WS,
                                    .end_col = COL_WE,
                                    .order = &order,
                                    .order_count = 1,
                                    .rank_min = 1,
                                    .rank_max = 3,
                                    .rank_output = true};
        check(&spec, 5 + (uint64_t)way);
        spec.rank_min = 2;
        spec.rank_output = false;
        check(&spec, 50 + (uint64_t)way);
        spec.rank_min = 1;
        spec.rank_max = 1000;
        check(&spec, 500 + (uint64_t)way);
        spec.rank_max = 1;
        check(&spec, 5000 + (uint64_t)way);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_topn)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
