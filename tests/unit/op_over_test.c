/* Aggregates with OVER against plain loops over the rows of each partition: frames in event time
 * with rows that come late and rows of one time, and the order of a column that is not a time,
 * where every change is compared in its place. Over batch sizes, snapshots and full outputs. */
#include "op_harness.h"
#include "op_windows_ref.h"

#define EVENTS 900
#define KEYS   8

typedef struct {
    const h_event *rows[EVENTS];
    size_t count;
} o_list;

typedef struct {
    int64_t fired, clean;
    o_list seen;    /* in the order in which they came out */
    o_list waiting; /* in order of arrival */
} o_key;

typedef struct {
    int64_t count, values, sum, min;
} o_result;

static void add_to(o_result *to, const h_event *e)
{
    to->count++;
    if (!e->v_null) {
        to->min = to->values == 0 || e->v < to->min ? e->v : to->min;
        to->values++;
        to->sum += e->v;
    }
}

static void say(h_lines *lines, lt_row_kind kind, const h_event *e, const o_result *r)
{
    static const char *const kinds[] = {"+I", "-U", "+U", "-D"};
    char line[320], text[64], v[32], sum[32], min[32];
    h_string_of(e->k, text, sizeof text);
    (void)snprintf(v, sizeof v, e->v_null ? "NULL" : "%lld", (long long)e->v);
    (void)snprintf(sum, sizeof sum, r->values ? "%lld" : "NULL", (long long)r->sum);
    (void)snprintf(min, sizeof min, r->values ? "%lld" : "NULL", (long long)r->min);
    (void)snprintf(line, sizeof line, "%s|%lld|%lld|%s|%s|%lld|%lld|%s|%lld|%s", kinds[kind],
                   (long long)e->ts, (long long)e->k, text, v, (long long)e->ws, (long long)e->we,
                   sum, (long long)r->count, min);
    h_push(lines, line);
}

/* ---- event time ---- */

/* Result at seen[at], whose peers reach up to `end`. */
static o_result result_at(const o_list *seen, size_t at, size_t end, const lt_frame *frame)
{
    o_result r = {0};
    size_t last = frame->rows ? at + 1 : end;
    for (size_t i = 0; i < last; i++) {
        bool in = !frame->bounded ||
                  (frame->rows ? at - i <= (size_t)frame->preceding
                               : seen->rows[at]->ts - seen->rows[i]->ts <= frame->preceding);
        if (in) {
            add_to(&r, seen->rows[i]);
        }
    }
    return r;
}

/* Rows of one time of a key. */
static void fire_time(h_lines *lines, o_key *key, int64_t ts, const lt_frame *frame)
{
    size_t from = key->seen.count, kept = 0;
    for (size_t i = 0; i < key->waiting.count; i++) {
        const h_event *e = key->waiting.rows[i];
        if (e->ts == ts) {
            key->seen.rows[key->seen.count++] = e;
        } else {
            key->waiting.rows[kept++] = e;
        }
    }
    key->waiting.count = kept;
    for (size_t i = from; i < key->seen.count; i++) {
        const o_result r = result_at(&key->seen, i, key->seen.count, frame);
        say(lines, LT_INSERT, key->seen.rows[i], &r);
    }
    key->fired = ts;
}

static void fire(h_lines *lines, o_key *key, int64_t watermark, const lt_frame *frame)
{
    for (;;) {
        int64_t ts = INT64_MAX;
        for (size_t i = 0; i < key->waiting.count; i++) {
            ts = key->waiting.rows[i]->ts < ts ? key->waiting.rows[i]->ts : ts;
        }
        if (ts > watermark || key->waiting.count == 0) {
            break;
        }
        fire_time(lines, key, ts, frame);
    }
    if (frame->bounded && !frame->rows && key->clean != 0 && key->clean <= watermark) {
        key->seen.count = 0;
        key->fired = key->clean = 0;
    }
}

static void ref_time(h_lines *lines, const h_event *events, size_t count, const lt_frame *frame)
{
    static o_key keys[KEYS];
    int64_t watermark = INT64_MIN;
    memset(keys, 0, sizeof keys);
    for (size_t i = 0; i < count; i++) {
        const h_event *e = &events[i];
        if (e->mark) {
            for (int k = 0; e->ts > watermark && k < KEYS; k++) {
                fire(lines, &keys[k], e->ts, frame);
            }
            watermark = e->ts > watermark ? e->ts : watermark;
            h_push_mark(lines, watermark);
            continue;
        }
        o_key *key = &keys[e->k % KEYS];
        if (e->ts <= (frame->bounded ? key->fired : watermark)) {
            continue;
        }
        key->waiting.rows[key->waiting.count++] = e;
        if (key->clean < e->ts + frame->preceding + 1) {
            key->clean = e->ts + frame->preceding + frame->preceding / 2 + 1;
        }
    }
}

/* ---- another order ---- */

static int value_cmp(const h_event *a, const h_event *b)
{
    if (a->v_null || b->v_null) {
        return (int)b->v_null - (int)a->v_null;
    }
    return (a->v > b->v) - (a->v < b->v);
}

static o_result sorted_result(const o_list *list, size_t at, bool rows)
{
    o_result r = {0};
    for (size_t i = 0; i < list->count; i++) {
        if (rows ? i <= at : value_cmp(list->rows[i], list->rows[at]) <= 0) {
            add_to(&r, list->rows[i]);
        }
    }
    return r;
}

static bool same_row(const h_event *a, const h_event *b)
{
    return a->ts == b->ts && a->k == b->k && a->v == b->v && a->v_null == b->v_null &&
           a->ws == b->ws && a->we == b->we;
}

/* Every result counts all rows before it, so each that is behind the change changes. */
static void say_changed(h_lines *lines, const o_list *old, size_t o, const o_list *new, size_t n,
                        bool rows)
{
    const o_result was = sorted_result(old, o, rows), is = sorted_result(new, n, rows);
    if (was.count != is.count) {
        say(lines, LT_UPDATE_BEFORE, old->rows[o], &was);
        say(lines, LT_UPDATE_AFTER, new->rows[n], &is);
    }
}

static void sorted_add(h_lines *lines, o_list *list, const h_event *e, bool rows)
{
    static o_list old;
    size_t at = list->count;
    old = *list;
    while (at > 0 && value_cmp(list->rows[at - 1], e) > 0) {
        at--;
    }
    memmove(list->rows + at + 1, list->rows + at, (list->count - at) * sizeof *list->rows);
    list->rows[at] = e;
    list->count++;
    for (size_t i = 0; i < list->count; i++) {
        if (i == at) {
            const o_result is = sorted_result(list, i, rows);
            say(lines, e->kind, e, &is);
        } else {
            say_changed(lines, &old, i > at ? i - 1 : i, list, i, rows);
        }
    }
}

static void sorted_take(h_lines *lines, o_list *list, const h_event *e, bool rows)
{
    static o_list old;
    size_t at = 0;
    while (at < list->count && !same_row(list->rows[at], e)) {
        at++;
    }
    if (at == list->count) {
        return;
    }
    old = *list;
    memmove(list->rows + at, list->rows + at + 1, (list->count - at - 1) * sizeof *list->rows);
    list->count--;
    for (size_t i = 0; i < old.count; i++) {
        if (i == at) {
            const o_result was = sorted_result(&old, i, rows);
            say(lines, LT_DELETE, old.rows[i], &was);
        } else {
            say_changed(lines, &old, i, list, i > at ? i - 1 : i, rows);
        }
    }
}

static void ref_sorted(h_lines *lines, const h_event *events, size_t count, bool rows)
{
    static o_list lists[KEYS];
    int64_t watermark = INT64_MIN;
    memset(lists, 0, sizeof lists);
    for (size_t i = 0; i < count; i++) {
        const h_event *e = &events[i];
        if (e->mark && e->ts > watermark) {
            watermark = e->ts;
            h_push_mark(lines, watermark);
        } else if (e->mark) {
            continue;
        } else if (lt_kind_is_add(e->kind)) {
            sorted_add(lines, &lists[e->k % KEYS], e, rows);
        } else {
            sorted_take(lines, &lists[e->k % KEYS], e, rows);
        }
    }
}

/* ---- runs ---- */

static const uint32_t by_key[1] = {COL_K};

static const lt_schema *with_results(h_rig *rig, lt_agg *const *aggs, uint32_t count)
{
    lt_field fields[COL_COUNT + 4];
    memcpy(fields, rig->in_schema->fields, sizeof(lt_field) * COL_COUNT);
    for (uint32_t a = 0; a < count; a++) {
        fields[COL_COUNT + a] = (lt_field){LT_STR("agg"), aggs[a]->result};
    }
    return lt_schema_new(rig->arena, fields, COL_COUNT + count);
}

static void run_frame(const lt_op_class *cls, lt_frame frame, lt_sort_key order, uint64_t seed)
{
    bool sorted = cls == &lt_op_over_sorted;
    h_rig rig;
    h_init(&rig);
    lt_agg *aggs[3] = {h_agg(&rig, "SUM", COL_V, false, NULL, frame.bounded),
                       h_agg(&rig, "COUNT", -1, false, NULL, frame.bounded),
                       h_agg(&rig, "MIN", COL_V, false, NULL, frame.bounded)};
    const lt_over_spec spec = {.partition = by_key,
                               .partition_count = 1,
                               .order = order,
                               .frame = frame,
                               .aggs = aggs,
                               .agg_count = 3};
    rig.cls = cls;
    rig.spec = &spec;
    rig.out_schema = with_results(&rig, aggs, 3);
    const ref_traffic traffic = {400, 5000, 12, 120, 5, 30, 20, sorted};
    h_event *events = malloc(sizeof *events * (EVENTS + 1));
    assert_non_null(events);
    size_t count = ref_events(events, &seed, &traffic);
    assert_true(count <= EVENTS);
    for (size_t i = 0; i < count; i++) {
        events[i].ts_null = false;
    }
    h_lines want = {0};
    if (sorted) {
        ref_sorted(&want, events, count, frame.rows);
    } else {
        ref_time(&want, events, count, &frame);
        h_sort(&want);
    }
    for (size_t c = 0; c < LT_COUNT_OF(h_configs); c++) {
        h_run(&rig, &h_configs[c], events, count);
        if (!sorted) {
            h_sort(&rig.lines);
        }
        h_assert_same(&rig.lines, &want, sorted ? "sorted" : "time");
        h_op_free(&rig);
    }
    h_lines_free(&want);
    free(events);
    h_deinit(&rig);
}

static void test_event_time(void **state)
{
    (void)state;
    const lt_frame frames[] = {{true, false, 0},  {false, false, 0}, {true, true, 0},
                               {true, true, 1},   {true, true, 7},   {false, true, 0},
                               {false, true, 40}, {false, true, 900}};
    for (size_t f = 0; f < LT_COUNT_OF(frames); f++) {
        for (uint64_t seed = 1; seed <= 3; seed++) {
            run_frame(&lt_op_over, frames[f], (lt_sort_key){COL_TS, false, true}, seed * 31 + f);
        }
    }
}

static void test_sorted(void **state)
{
    (void)state;
    for (int rows = 0; rows < 2; rows++) {
        for (uint64_t seed = 1; seed <= 4; seed++) {
            run_frame(&lt_op_over_sorted, (lt_frame){rows, false, 0},
                      (lt_sort_key){COL_V, false, true}, seed * 17);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_time),
        cmocka_unit_test(test_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
