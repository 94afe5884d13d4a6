/* Top-N and deduplication outside of windows, and the sort by time, against plain lists that are
 * sorted anew after every row: every change in its place, over batch sizes, snapshots and full
 * outputs. That every -U and -D takes away a row that is there is checked for itself. */
#include "op_harness.h"

#define EVENTS 500

typedef struct {
    const h_event *event;
    int64_t seq;     /* of arrival, among equals */
    int64_t version; /* tells a row from what takes its place */
} r_row;

typedef struct {
    r_row rows[EVENTS];
    size_t count;
} r_list;

static bool descending, nulls_first;

static int value_cmp(const h_event *a, const h_event *b)
{
    if (a->v_null || b->v_null) {
        int cmp = a->v_null == b->v_null ? 0 : a->v_null ? -1 : 1;
        return nulls_first ? cmp : -cmp;
    }
    int cmp = a->v < b->v ? -1 : a->v > b->v;
    return descending ? -cmp : cmp;
}

static int row_cmp(const void *a, const void *b)
{
    const r_row *x = a, *y = b;
    int cmp = value_cmp(x->event, y->event);
    return cmp != 0 ? cmp : x->seq < y->seq ? -1 : x->seq > y->seq;
}

static bool same_row(const h_event *a, const h_event *b)
{
    return a->ts == b->ts && a->k == b->k && a->v == b->v && a->v_null == b->v_null &&
           a->ws == b->ws && a->we == b->we;
}

static void ref_line(h_lines *lines, lt_row_kind kind, const h_event *e, int64_t rank)
{
    static const char *const kinds[] = {"+I", "-U", "+U", "-D"};
    char line[256], text[64], v[32];
    h_string_of(e->k, text, sizeof text);
    (void)snprintf(v, sizeof v, e->v_null ? "NULL" : "%lld", (long long)e->v);
    int at =
        snprintf(line, sizeof line, "%s|%lld|%lld|%s|%s|%lld|%lld", kinds[kind], (long long)e->ts,
                 (long long)e->k, text, v, (long long)e->ws, (long long)e->we);
    if (rank > 0) {
        (void)snprintf(line + at, sizeof line - (size_t)at, "|%lld", (long long)rank);
    }
    h_push(lines, line);
}

/* ---- what a Top-N should say ---- */

typedef struct {
    int64_t min, max;
    bool ranked;  /* a column has the rank */
    bool changes; /* one row that is replaced is -U, +U */
} r_range;

static const r_row *at_rank(const r_list *list, int64_t rank)
{
    return rank <= (int64_t)list->count ? &list->rows[rank - 1] : NULL;
}

static void say_ranks(h_lines *lines, const r_list *old, const r_list *new, const r_range *range)
{
    for (int64_t r = range->min; r <= range->max; r++) {
        const r_row *was = at_rank(old, r), *is = at_rank(new, r);
        int64_t shown = range->ranked ? r : 0;
        if (was && is && was->version != is->version) {
            ref_line(lines, LT_UPDATE_BEFORE, was->event, shown);
            ref_line(lines, LT_UPDATE_AFTER, is->event, shown);
        } else if (was && !is) {
            ref_line(lines, LT_DELETE, was->event, shown);
        } else if (is && !was) {
            ref_line(lines, LT_INSERT, is->event, shown);
        }
    }
}

static const r_row *missing_from(const r_list *list, const r_list *other, int64_t max)
{
    for (int64_t r = 1; r <= max && at_rank(list, r); r++) {
        bool found = false;
        for (int64_t o = 1; o <= max && at_rank(other, o); o++) {
            found = found || at_rank(list, r)->version == at_rank(other, o)->version;
        }
        if (!found) {
            return at_rank(list, r);
        }
    }
    return NULL;
}

static void say_rows(h_lines *lines, const r_list *old, const r_list *new, const r_range *range,
                     bool replaced)
{
    const r_row *gone = missing_from(old, new, range->max);
    const r_row *come = missing_from(new, old, range->max);
    if (gone) {
        ref_line(lines, replaced ? LT_UPDATE_BEFORE : LT_DELETE, gone->event, 0);
    }
    if (come) {
        ref_line(lines, replaced ? LT_UPDATE_AFTER : LT_INSERT, come->event, 0);
    }
}

static void say(h_lines *lines, const r_list *old, const r_list *new, const r_range *range,
                bool replaced)
{
    if (range->ranked || range->min > 1 || range->changes) {
        say_ranks(lines, old, new, range);
    } else {
        say_rows(lines, old, new, range, replaced);
    }
}

static void take(r_list *list, const h_event *e)
{
    for (size_t i = 0; i < list->count; i++) {
        if (same_row(list->rows[i].event, e)) {
            memmove(list->rows + i, list->rows + i + 1, (list->count - i - 1) * sizeof *list->rows);
            list->count--;
            return;
        }
    }
}

/* A row of the same ts in the partition is replaced where the input only moves up. */
static void ref_topn(h_lines *lines, const h_event *events, size_t count, const r_range *range,
                     bool updating)
{
    static r_list lists[4], old;
    memset(lists, 0, sizeof lists);
    for (size_t i = 0; i < count; i++) {
        const h_event *e = &events[i];
        if (e->mark) {
            h_push_mark(lines, e->ts);
            continue;
        }
        r_list *list = &lists[e->k];
        bool replaced = false;
        old = *list;
        if (updating && e->kind == LT_UPDATE_BEFORE) {
            continue; /* its +U is next */
        }
        if (!lt_kind_is_add(e->kind)) {
            take(list, e);
        } else {
            r_row row = {e, (int64_t)i, (int64_t)i};
            for (size_t o = 0; updating && e->kind == LT_UPDATE_AFTER && o < list->count; o++) {
                if (list->rows[o].event->ts == e->ts) {
                    bool in_place = value_cmp(list->rows[o].event, e) == 0;
                    row.seq = in_place ? list->rows[o].seq : row.seq;
                    replaced = (int64_t)o < range->max;
                    take(list, list->rows[o].event);
                    break;
                }
            }
            list->rows[list->count++] = row;
        }
        qsort(list->rows, list->count, sizeof *list->rows, row_cmp);
        say(lines, &old, list, range, replaced);
    }
}

/* Every row that is taken away was there. */
static void check_changelog(const h_lines *lines)
{
    h_lines there = {0};
    for (size_t i = 0; i < lines->count; i++) {
        const char *line = lines->items[i];
        if (line[0] == 'W') {
            continue;
        }
        if (line[0] == '+') {
            h_push(&there, line + 2);
            continue;
        }
        size_t at = 0;
        while (at < there.count && strcmp(there.items[at], line + 2) != 0) {
            at++;
        }
        if (at == there.count) {
            fail_msg("line %zu takes away what is not there: %s", i, line);
        }
        free(there.items[at]);
        there.items[at] = there.items[--there.count];
    }
    h_lines_free(&there);
}

/* ---- inputs ---- */

typedef enum { ONLY_ADDS, ANYTHING, UPWARDS } r_input;

static void push_mark(h_event *events, size_t *count, int64_t *watermark, int64_t ts)
{
    if (ts > *watermark && ts > 0) {
        *watermark = ts;
        events[(*count)++] = (h_event){.mark = true, .ts = ts};
    }
}

static size_t random_events(h_event *events, r_input input, uint64_t seed)
{
    size_t count = 0;
    int64_t watermark = LT_WATERMARK_MIN;
    while (count + 3 < EVENTS) {
        h_event e = {.ts = (int64_t)count * 10 - h_below(&seed, 300) + 1000,
                     .k = h_below(&seed, 4),
                     .v = h_below(&seed, 12),
                     .we = h_below(&seed, 2)};
        e.v_null = input != UPWARDS && h_below(&seed, 8) == 0;
        e.v = e.v_null ? 0 : e.v;
        size_t from = count > 0 ? (size_t)h_below(&seed, (int64_t)count) : 0;
        bool other = count > 0 && !events[from].mark && h_below(&seed, 5) < 3;
        if (other && input == ANYTHING) {
            e = events[from]; /* perhaps taken away already, or never there */
            e.kind = h_below(&seed, 2) ? LT_DELETE : LT_UPDATE_BEFORE;
            e.we = h_below(&seed, 12) == 0 ? 7 : e.we;
        } else if (other && input == UPWARDS) {
            for (size_t later = from + 1; later < count; later++) {
                bool same = !events[later].mark && events[later].ts == events[from].ts &&
                            events[later].k == events[from].k;
                from = same ? later : from;
            }
            e = events[from];
            e.kind = LT_UPDATE_BEFORE;
            events[count++] = e;
            e.kind = LT_UPDATE_AFTER;
            e.v += descending ? h_below(&seed, 4) : -h_below(&seed, 4);
            e.we++;
        } else if (input == UPWARDS) {
            e.ts = (int64_t)count; /* a key of its own */
        }
        events[count++] = e;
        if (h_below(&seed, 10) == 0) {
            push_mark(events, &count, &watermark, (int64_t)count * 10 + 800);
        }
    }
    return count;
}

/* ---- driving ---- */

static void run_all(h_rig *rig, const h_event *events, size_t count, const h_lines *want,
                    const char *what)
{
    for (size_t c = 0; c < LT_COUNT_OF(h_configs); c++) {
        h_run(rig, &h_configs[c], events, count);
        h_assert_same(&rig->lines, want, what);
        h_op_free(rig);
    }
    check_changelog(want);
}

static const lt_schema *out_schema(h_rig *rig, bool ranked)
{
    lt_field fields[COL_COUNT + 1];
    memcpy(fields, rig->in_schema->fields, sizeof(lt_field) * COL_COUNT);
    fields[COL_COUNT] = (lt_field){LT_STR("rn"), lt_type_new(rig->arena, LT_TYPE_BIGINT, false)};
    return lt_schema_new(rig->arena, fields, COL_COUNT + ranked);
}

static const uint32_t by_k[1] = {COL_K};

static void check_topn(r_input input, lt_topn_strategy strategy, const r_range *range,
                       uint64_t seed)
{
    static h_event events[EVENTS];
    h_rig rig;
    h_init(&rig);
    const lt_sort_key order = {COL_V, descending, nulls_first};
    const lt_topn_spec spec = {.partition = by_k,
                               .partition_count = 1,
                               .order = &order,
                               .order_count = 1,
                               .rank_min = range->min,
                               .rank_max = range->max,
                               .rank_output = range->ranked,
                               .strategy = strategy};
    size_t count = random_events(events, input, seed);
    h_lines want = {0};
    ref_topn(&want, events, count, range, input == UPWARDS);
    rig.cls = &lt_op_topn;
    rig.spec = &spec;
    rig.out_schema = out_schema(&rig, range->ranked);
    run_all(&rig, events, count, &want, "top-n");
    h_lines_free(&want);
    h_deinit(&rig);
}

static void test_topn(void **state)
{
    static const r_range ranges[] = {
        {1, 1, true, false},  {1, 3, false, false}, {1, 3, true, false},    {2, 4, false, false},
        {3, 3, false, false}, {1, 40, true, false}, {1, 200, false, false},
    };
    static const struct {
        r_input input;
        lt_topn_strategy strategy;
    } ways[] = {{ONLY_ADDS, LT_TOPN_APPEND},
                {ONLY_ADDS, LT_TOPN_RETRACT},
                {ANYTHING, LT_TOPN_RETRACT},
                {UPWARDS, LT_TOPN_UPDATE}};
    (void)state;
    for (unsigned w = 0; w < LT_COUNT_OF(ways); w++) {
        for (unsigned r = 0; r < LT_COUNT_OF(ranges); r++) {
            descending = (w + r) & 1;
            nulls_first = r & 1;
            check_topn(ways[w].input, ways[w].strategy, &ranges[r], 77 + r * 5 + w);
        }
    }
}

/* LIMIT: one partition, no order. */
static void test_limit(void **state)
{
    static const r_range ranges[] = {
        {1, 1, false, false}, {1, 5, false, false}, {3, 9, false, false}};
    static h_event events[EVENTS];
    (void)state;
    for (unsigned r = 0; r < LT_COUNT_OF(ranges); r++) {
        h_rig rig;
        h_init(&rig);
        const lt_topn_spec spec = {.rank_min = ranges[r].min,
                                   .rank_max = ranges[r].max,
                                   .is_limit = true,
                                   .strategy = LT_TOPN_RETRACT};
        size_t count = random_events(events, ANYTHING, 31 + r);
        for (size_t i = 0; i < count; i++) {
            events[i].k = 0;
            events[i].v_null = false;
            events[i].v = 0; /* all stand equal */
            events[i].ts = events[i].mark ? events[i].ts : events[i].ts / 100;
        }
        h_lines want = {0};
        ref_topn(&want, events, count, &ranges[r], false);
        rig.cls = &lt_op_topn;
        rig.spec = &spec;
        rig.out_schema = rig.in_schema;
        run_all(&rig, events, count, &want, "limit");
        h_lines_free(&want);
        h_deinit(&rig);
    }
}

static void check_keep(r_input input, uint64_t seed)
{
    static h_event events[EVENTS];
    h_rig rig;
    h_init(&rig);
    const lt_sort_key order = {COL_V, descending, nulls_first};
    const lt_keep_spec spec = {.partition = by_k,
                               .partition_count = 1,
                               .mode = LT_KEEP_BEST,
                               .order = &order,
                               .order_count = 1,
                               .updates = input == UPWARDS};
    const r_range range = {1, 1, false, true};
    size_t count = random_events(events, input, seed);
    h_lines want = {0};
    ref_topn(&want, events, count, &range, input == UPWARDS);
    rig.cls = &lt_op_keep;
    rig.spec = &spec;
    rig.out_schema = rig.in_schema;
    run_all(&rig, events, count, &want, "the best row");
    h_lines_free(&want);
    h_deinit(&rig);
}

static void test_best(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 7; seed++) {
        descending = seed & 1;
        nulls_first = seed & 2;
        check_keep(ONLY_ADDS, seed);
        check_keep(UPWARDS, seed);
    }
}

static void check_last(lt_keep_mode mode, bool quiet)
{
    static h_event events[EVENTS];
    const h_event *last[4] = {NULL};
    h_rig rig;
    h_init(&rig);
    const lt_sort_key order = {COL_TS, true, false};
    const lt_keep_spec spec = {.partition = by_k,
                               .partition_count = 1,
                               .mode = mode,
                               .order = &order,
                               .order_count = 1,
                               .quiet = quiet};
    size_t count = random_events(events, ONLY_ADDS, 99);
    h_lines want = {0};
    for (size_t i = 0; i < count; i++) {
        h_event *e = &events[i];
        if (e->mark) {
            h_push_mark(&want, e->ts);
            continue;
        }
        const h_event **kept = &last[e->k];
        if (i % 5 == 0 && *kept) {
            *e = **kept; /* the same row again */
        }
        bool replaces = mode == LT_KEEP_LAST_EVENT ? *kept && e->ts >= (*kept)->ts
                                                   : *kept && !(quiet && same_row(e, *kept));
        if (!*kept) {
            ref_line(&want, LT_INSERT, e, 0);
        } else if (replaces) {
            ref_line(&want, LT_UPDATE_BEFORE, *kept, 0);
            ref_line(&want, LT_UPDATE_AFTER, e, 0);
        }
        *kept = !*kept || replaces ? e : *kept;
    }
    rig.cls = &lt_op_keep;
    rig.spec = &spec;
    rig.out_schema = rig.in_schema;
    run_all(&rig, events, count, &want, "the last row");
    h_lines_free(&want);
    h_deinit(&rig);
}

static void test_last(void **state)
{
    (void)state;
    check_last(LT_KEEP_LAST_EVENT, false);
    check_last(LT_KEEP_LAST_ARRIVED, false);
    check_last(LT_KEEP_LAST_ARRIVED, true);
}

static void test_first_rows(void **state)
{
    static h_event events[EVENTS];
    (void)state;
    for (int ranked = 0; ranked < 2; ranked++) {
        h_rig rig;
        h_init(&rig);
        const lt_first_rows_spec spec = {.partition = by_k,
                                         .partition_count = 1,
                                         .rank_min = 3,
                                         .rank_max = 20,
                                         .rank_output = ranked};
        size_t count = random_events(events, ONLY_ADDS, 5);
        int64_t seen[4] = {0};
        h_lines want = {0};
        for (size_t i = 0; i < count; i++) {
            const h_event *e = &events[i];
            if (e->mark) {
                h_push_mark(&want, e->ts);
            } else if (++seen[e->k] >= 3 && seen[e->k] <= 20) {
                ref_line(&want, LT_INSERT, e, ranked ? seen[e->k] : 0);
            }
        }
        rig.cls = &lt_op_first_rows;
        rig.spec = &spec;
        rig.out_schema = out_schema(&rig, ranked);
        run_all(&rig, events, count, &want, "first rows");
        h_lines_free(&want);
        h_deinit(&rig);
    }
}

/* ---- what waits for the watermark ---- */

typedef struct {
    const h_event *waiting[4];
    bool decided[4];
} r_firsts;

/* Partitions of one time have no order among each other that is worth checking: h_sort. */
static void fire_firsts(h_lines *lines, r_firsts *firsts, int64_t watermark)
{
    for (int k = 0; k < 4; k++) {
        const h_event *e = firsts->waiting[k];
        if (e && e->ts <= watermark) {
            ref_line(lines, LT_INSERT, e, 0);
            firsts->waiting[k] = NULL;
            firsts->decided[k] = true;
        }
    }
}

static void test_first_event(void **state)
{
    static h_event events[EVENTS];
    (void)state;
    for (uint64_t seed = 1; seed < 6; seed++) {
        h_rig rig;
        h_init(&rig);
        const lt_first_event_spec spec = {
            .partition = by_k, .partition_count = 1, .time_col = COL_TS};
        size_t count = random_events(events, ONLY_ADDS, seed);
        int64_t watermark = LT_WATERMARK_MIN;
        uint64_t late = 0;
        r_firsts firsts = {0};
        h_lines want = {0};
        for (size_t i = 0; i < count; i++) {
            const h_event *e = &events[i];
            if (e->mark) {
                watermark = e->ts;
                fire_firsts(&want, &firsts, watermark);
                h_push_mark(&want, watermark);
            } else if (e->ts < watermark) {
                late++;
            } else if (!firsts.decided[e->k] &&
                       (!firsts.waiting[e->k] || e->ts < firsts.waiting[e->k]->ts)) {
                firsts.waiting[e->k] = e;
            }
        }
        h_sort(&want);
        rig.cls = &lt_op_first_event;
        rig.spec = &spec;
        rig.out_schema = rig.in_schema;
        for (size_t c = 0; c < LT_COUNT_OF(h_configs); c++) {
            h_run(&rig, &h_configs[c], events, count);
            assert_int_equal(rig.op->ledger.late, late);
            h_sort(&rig.lines);
            h_assert_same(&rig.lines, &want, "first in event time");
            h_op_free(&rig);
        }
        h_lines_free(&want);
        h_deinit(&rig);
    }
}

static int time_cmp(const void *a, const void *b)
{
    const r_row *x = a, *y = b;
    int cmp = x->event->ts < y->event->ts ? -1 : x->event->ts > y->event->ts;
    return cmp != 0 ? cmp : row_cmp(a, b);
}

static void test_time_sort(void **state)
{
    static h_event events[EVENTS];
    static r_list list;
    (void)state;
    for (uint64_t seed = 1; seed < 6; seed++) {
        h_rig rig;
        h_init(&rig);
        descending = seed & 1;
        nulls_first = true;
        const lt_sort_key order[2] = {{COL_TS, false, true}, {COL_V, descending, nulls_first}};
        const lt_time_sort_spec spec = {.order = order, .order_count = 2};
        size_t count = random_events(events, ONLY_ADDS, seed);
        int64_t sent = LT_WATERMARK_MIN;
        uint64_t late = 0;
        list.count = 0;
        h_lines want = {0};
        for (size_t i = 0; i < count; i++) {
            h_event *e = &events[i];
            if (!e->mark) {
                e->ts = e->ts / 50 * 50; /* several of one time */
            }
            if (!e->mark && e->ts > sent) {
                list.rows[list.count++] = (r_row){e, (int64_t)i, (int64_t)i};
            }
            late += !e->mark && e->ts <= sent;
            if (e->mark) {
                qsort(list.rows, list.count, sizeof *list.rows, time_cmp);
                while (list.count > 0 && list.rows[0].event->ts <= e->ts) {
                    ref_line(&want, LT_INSERT, list.rows[0].event, 0);
                    sent = list.rows[0].event->ts;
                    memmove(list.rows, list.rows + 1, --list.count * sizeof *list.rows);
                }
                h_push_mark(&want, e->ts);
            }
        }
        rig.cls = &lt_op_time_sort;
        rig.spec = &spec;
        rig.out_schema = rig.in_schema;
        for (size_t c = 0; c < LT_COUNT_OF(h_configs); c++) {
            h_run(&rig, &h_configs[c], events, count);
            assert_int_equal(rig.op->ledger.late, late);
            assert_int_equal(rig.op->ledger.held, list.count);
            h_assert_same(&rig.lines, &want, "sort");
            h_op_free(&rig);
        }
        h_lines_free(&want);
        h_deinit(&rig);
    }
}

/* A partition says with its first row how many there are. */
static void test_variable(void **state)
{
    (void)state;
    static const h_event events[] = {
        {.ts = 1, .k = 0, .v = 5, .ws = 2},  {.ts = 2, .k = 0, .v = 7, .ws = 9},
        {.ts = 3, .k = 1, .v = 1, .ws = 0},  {.ts = 4, .k = 0, .v = 6, .ws = 1},
        {.ts = 5, .k = 1, .v = 9, .ws = 8},  {.ts = 6, .k = 2, .v = 9, .ws = 1},
        {.ts = 7, .k = 2, .v = 10, .ws = 5},
    };
    h_rig rig;
    h_init(&rig);
    lt_field fields[COL_COUNT];
    memcpy(fields, rig.in_schema->fields, sizeof fields);
    fields[COL_WS].type = lt_type_new(rig.arena, LT_TYPE_BIGINT, true);
    rig.in_schema = lt_schema_new(rig.arena, fields, COL_COUNT);
    rig.ins[0] = rig.in_schema;
    const lt_sort_key order = {COL_V, true, false};
    lt_topn_spec spec = {.partition = by_k,
                         .partition_count = 1,
                         .order = &order,
                         .order_count = 1,
                         .rank_min = 1,
                         .rank_max = INT64_MAX,
                         .variable = true,
                         .end_col = COL_WS};
    rig.cls = &lt_op_topn;
    rig.spec = &spec;
    rig.out_schema = rig.in_schema;
    h_lines want = {0};
    ref_line(&want, LT_INSERT, &events[0], 0);
    ref_line(&want, LT_INSERT, &events[1], 0);
    ref_line(&want, LT_DELETE, &events[0], 0);
    ref_line(&want, LT_INSERT, &events[3], 0);
    ref_line(&want, LT_INSERT, &events[5], 0);
    ref_line(&want, LT_DELETE, &events[5], 0);
    ref_line(&want, LT_INSERT, &events[6], 0);
    run_all(&rig, events, LT_COUNT_OF(events), &want, "variable");
    h_lines_free(&want);
    spec.end_less = true;
    ref_line(&want, LT_INSERT, &events[0], 0);
    ref_line(&want, LT_DELETE, &events[0], 0);
    ref_line(&want, LT_INSERT, &events[1], 0);
    run_all(&rig, events, LT_COUNT_OF(events), &want, "variable less one");
    h_lines_free(&want);
    h_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topn),       cmocka_unit_test(test_limit),
        cmocka_unit_test(test_best),       cmocka_unit_test(test_last),
        cmocka_unit_test(test_first_rows), cmocka_unit_test(test_first_event),
        cmocka_unit_test(test_time_sort),  cmocka_unit_test(test_variable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
