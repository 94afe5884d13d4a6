/* ChangelogNormalize and SinkUpsertMaterializer against plain lists that follow Flink's rules row
 * by row: every change in its place, over batch sizes, snapshots and full outputs. */
#include "op_harness.h"

#define EVENTS 600
#define KEYS   4

static const uint32_t by_k[1] = {COL_K};
static const uint32_t by_v[1] = {COL_V};

static bool same_row(const h_event *a, const h_event *b)
{
    return a->ts == b->ts && a->k == b->k && a->v == b->v && a->v_null == b->v_null &&
           a->ws == b->ws && a->we == b->we;
}

static void ref_line(h_lines *lines, lt_row_kind kind, const h_event *e)
{
    static const char *const kinds[] = {"+I", "-U", "+U", "-D"};
    char line[256], text[64], v[32];
    h_string_of(e->k, text, sizeof text);
    (void)snprintf(v, sizeof v, e->v_null ? "NULL" : "%lld", (long long)e->v);
    (void)snprintf(line, sizeof line, "%s|%lld|%lld|%s|%s|%lld|%lld", kinds[kind], (long long)e->ts,
                   (long long)e->k, text, v, (long long)e->ws, (long long)e->we);
    h_push(lines, line);
}

/* Rows that repeat, come back, and are taken away without ever having been there. */
static size_t random_events(h_event *events, uint64_t seed)
{
    static const uint8_t kinds[] = {LT_INSERT,       LT_UPDATE_AFTER, LT_UPDATE_AFTER,
                                    LT_UPDATE_AFTER, LT_DELETE,       LT_UPDATE_BEFORE};
    size_t count = 0;
    int64_t watermark = 0;
    while (count + 2 < EVENTS) {
        h_event e = {.ts = h_below(&seed, 2),
                     .k = h_below(&seed, KEYS),
                     .v = h_below(&seed, 8),
                     .kind = kinds[h_below(&seed, LT_COUNT_OF(kinds))]};
        e.v_null = h_below(&seed, 8) == 0;
        e.v = e.v_null ? 0 : e.v;
        events[count++] = e;
        if (h_below(&seed, 10) == 0) {
            watermark += 10;
            events[count++] = (h_event){.mark = true, .ts = watermark};
        }
    }
    return count;
}

static void run_all(h_rig *rig, const h_event *events, size_t count, const h_lines *want,
                    const char *what)
{
    for (size_t c = 0; c < LT_COUNT_OF(h_configs); c++) {
        h_run(rig, &h_configs[c], events, count);
        h_assert_same(&rig->lines, want, what);
        h_op_free(rig);
    }
}

/* ---- the normalizer ---- */

typedef struct {
    const h_event *rows[KEYS];
} r_rows;

static bool passes(const h_event *e, bool tested)
{
    return !tested || (!e->v_null && e->v > 3);
}

static void ref_normalize(h_lines *want, r_rows *state, const h_event *e, bool tested, bool before)
{
    const h_event *old = state->rows[e->k];
    bool shown = old && passes(old, tested);
    if (!lt_kind_is_add(e->kind)) {
        if (shown) {
            ref_line(want, LT_DELETE, old);
        }
        state->rows[e->k] = NULL;
        return;
    }
    if (old && same_row(old, e)) {
        return;
    }
    bool shows = passes(e, tested);
    if (shown && !shows) {
        ref_line(want, LT_DELETE, old);
    } else if (shown && before) {
        ref_line(want, LT_UPDATE_BEFORE, old);
    }
    if (shows) {
        ref_line(want, shown ? LT_UPDATE_AFTER : LT_INSERT, e);
    }
    state->rows[e->k] = e;
}

static void test_normalize(void **state)
{
    static h_event events[EVENTS];
    (void)state;
    for (uint64_t seed = 1; seed < 9; seed++) {
        h_rig rig;
        h_init(&rig);
        bool tested = seed & 1, before = seed & 2;
        lt_normalize_spec spec = {.keys = by_k, .key_count = 1, .drop_before = !before};
        spec.condition = tested ? h_call(&rig, ">", h_col(&rig, COL_V), h_int(&rig, 3)) : NULL;
        size_t count = random_events(events, seed * 7);
        r_rows rows = {0};
        h_lines want = {0};
        for (size_t i = 0; i < count; i++) {
            if (events[i].mark) {
                h_push_mark(&want, events[i].ts);
            } else {
                ref_normalize(&want, &rows, &events[i], tested, before);
            }
        }
        rig.cls = &lt_op_normalize;
        rig.spec = &spec;
        rig.out_schema = rig.in_schema;
        run_all(&rig, events, count, &want, "normalize");
        h_lines_free(&want);
        h_deinit(&rig);
    }
}

/* A condition without a value refuses its row; when that is to fail, the rows before it are done.
 */
static void test_failing_condition(void **state)
{
    (void)state;
    static const h_event events[] = {
        {.k = 0, .v = 1, .kind = LT_UPDATE_AFTER}, {.k = 1, .v = 2, .kind = LT_UPDATE_AFTER},
        {.k = 0, .v = 0, .kind = LT_DELETE},       {.k = 1, .v = 0, .kind = LT_UPDATE_AFTER},
        {.k = 1, .v = 5, .kind = LT_UPDATE_AFTER},
    };
    h_rig rig;
    h_init(&rig);
    lt_normalize_spec spec = {.keys = by_k, .key_count = 1};
    spec.condition =
        h_call(&rig, ">", h_call(&rig, "/", h_int(&rig, 10), h_col(&rig, COL_V)), h_int(&rig, 0));
    rig.cls = &lt_op_normalize;
    rig.spec = &spec;
    rig.out_schema = rig.in_schema;
    h_lines want = {0};
    ref_line(&want, LT_INSERT, &events[0]);
    ref_line(&want, LT_INSERT, &events[1]);
    ref_line(&want, LT_DELETE, &events[0]);
    ref_line(&want, LT_UPDATE_BEFORE, &events[1]);
    ref_line(&want, LT_UPDATE_AFTER, &events[4]);
    run_all(&rig, events, LT_COUNT_OF(events), &want, "refused");
    h_lines_free(&want);
    h_deinit(&rig);
}

/* ---- the materializer ---- */

typedef struct {
    const h_event *rows[EVENTS];
    size_t count;
} r_list;

static bool same_id(const h_event *a, const h_event *b, bool by_id)
{
    return by_id ? a->v == b->v && a->v_null == b->v_null : same_row(a, b);
}

static void ref_materialize(h_lines *want, r_list *list, const h_event *e, bool by_id)
{
    size_t at = 0;
    while (at < list->count && !same_id(list->rows[at], e, by_id)) {
        at++;
    }
    if (lt_kind_is_add(e->kind)) {
        ref_line(want, list->count == 0 ? LT_INSERT : LT_UPDATE_AFTER, e);
        if (by_id && at < list->count) {
            list->rows[at] = e;
        } else {
            list->rows[list->count++] = e;
        }
        return;
    }
    if (at == list->count) {
        return;
    }
    list->count--;
    bool newest = at == list->count;
    memmove(list->rows + at, list->rows + at + 1, (list->count - at) * sizeof *list->rows);
    if (list->count == 0) {
        ref_line(want, LT_DELETE, e);
    } else if (newest) {
        ref_line(want, LT_UPDATE_AFTER, list->rows[list->count - 1]);
    }
}

static void test_materialize(void **state)
{
    static h_event events[EVENTS];
    static r_list lists[KEYS];
    (void)state;
    for (uint64_t seed = 1; seed < 9; seed++) {
        h_rig rig;
        h_init(&rig);
        bool by_id = seed & 1;
        const lt_materialize_spec spec = {
            .keys = by_k, .key_count = 1, .ids = by_v, .id_count = by_id ? 1 : 0};
        size_t count = random_events(events, seed * 13);
        h_lines want = {0};
        memset(lists, 0, sizeof lists);
        for (size_t i = 0; i < count; i++) {
            if (events[i].mark) {
                h_push_mark(&want, events[i].ts);
            } else {
                ref_materialize(&want, &lists[events[i].k], &events[i], by_id);
            }
        }
        rig.cls = &lt_op_materialize;
        rig.spec = &spec;
        rig.out_schema = rig.in_schema;
        run_all(&rig, events, count, &want, "materialize");
        h_lines_free(&want);
        h_deinit(&rig);
    }
}

static void test_drop_before(void **state)
{
    static h_event events[EVENTS];
    (void)state;
    h_rig rig;
    h_init(&rig);
    size_t count = random_events(events, 5);
    h_lines want = {0};
    for (size_t i = 0; i < count; i++) {
        if (events[i].mark) {
            h_push_mark(&want, events[i].ts);
        } else if (events[i].kind != LT_UPDATE_BEFORE) {
            ref_line(&want, (lt_row_kind)events[i].kind, &events[i]);
        }
    }
    rig.cls = &lt_op_drop_before;
    rig.out_schema = rig.in_schema;
    run_all(&rig, events, count, &want, "drop");
    h_lines_free(&want);
    h_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalize),
        cmocka_unit_test(test_failing_condition),
        cmocka_unit_test(test_materialize),
        cmocka_unit_test(test_drop_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
