/* Two phases against one: random rows with random marks through a local aggregate and the final
 * window or group aggregate, and through the plain one. Lines, marks, late rows and the words of
 * the ledger must be the same, over batch sizes, snapshots and ways through an exchange. */
#include <math.h>

#include "op/local_agg.h"
#include "op_windows_ref.h"

typedef enum { VIA_DIRECT, VIA_COPY, VIA_COUNT } via_kind;

/* A local aggregate whose output goes to a final one. */
typedef struct {
    h_rig local;
    h_rig final;
    via_kind via;
    uint64_t partials; /* rows that went over */
    lt_local_agg_spec spec;
    lt_window_agg_spec window;
    lt_group_agg_spec group;
} two_phases;

static lt_status to_final(lt_emit *out, lt_batch *batch, lt_error *err)
{
    two_phases *two = (two_phases *)(void *)((char *)out - offsetof(h_rig, emit));
    (void)err;
    assert_ptr_equal(batch->schema, two->local.out_schema);
    assert_true(batch->row_count > 0 || batch->mark_count > 0);
    two->partials += lt_batch_live(batch);
    two->local.op->ledger.out += lt_batch_live(batch);
    if (two->via == VIA_COPY && batch->row_count > 0) {
        lt_batch *copy = lt_batch_compact(two->local.pool, batch);
        lt_batch_unref(batch);
        if (!copy) {
            return LT_ERR_NOMEM;
        }
        batch = copy;
    }
    return h_feed(&two->final, 0, batch);
}

static void two_init(two_phases *two)
{
    memset(two, 0, sizeof *two);
    h_init(&two->local);
    h_init(&two->final);
    two->local.emit.put = to_final;
    two->local.cls = &lt_op_local_agg;
    two->local.spec = &two->spec;
}

static void two_deinit(two_phases *two)
{
    h_deinit(&two->final);
    h_deinit(&two->local);
}

/* `window` NULL: none. */
static void two_plan(two_phases *two, const uint32_t *keys, uint32_t key_count, lt_agg **aggs,
                     uint32_t agg_count, const lt_window *window)
{
    h_rig *rig = &two->local;
    two->spec = (lt_local_agg_spec){.windowed = window != NULL,
                                    .keys = keys,
                                    .key_count = key_count,
                                    .aggs = aggs,
                                    .agg_count = agg_count,
                                    .rows = rig->in_schema};
    if (window) {
        two->spec.window = *window;
    }
    h_ok(rig, lt_local_agg_plan(rig->arena, &two->spec, &rig->out_schema, &rig->err));
    two->final.ins[0] = rig->out_schema;
}

static const uint32_t first_cols[8] = {0, 1, 2, 3, 4, 5, 6, 7};

static void two_plan_window(two_phases *two, const lt_window_agg_spec *plain)
{
    two_plan(two, plain->keys, plain->key_count, plain->aggs, plain->agg_count, &plain->window);
    two->window = *plain;
    two->window.keys = first_cols;
    two->window.window.start_col = plain->key_count;
    two->window.window.end_col = two->spec.end_col;
    two->window.window.time_col = two->spec.end_col;
    two->window.partials = &two->spec;
    two->final.cls = &lt_op_window_agg;
    two->final.spec = &two->window;
}

static void two_plan_group(two_phases *two, const lt_group_agg_spec *plain)
{
    two_plan(two, plain->keys, plain->key_count, plain->aggs, plain->agg_count, NULL);
    two->group = *plain;
    two->group.keys = first_cols;
    two->group.partials = &two->spec;
    two->final.cls = &lt_op_group_agg;
    two->final.spec = &two->group;
}

static void two_run(two_phases *two, const h_config *config, const h_event *events, size_t count)
{
    two->local.config = *config;
    two->final.config = *config;
    two->partials = 0;
    h_op_new(&two->final);
    h_op_new(&two->local);
    size_t from = 0;
    while (from < count) {
        size_t to = from;
        uint32_t rows = 0;
        while (to < count && (rows < config->batch_rows || events[to].mark)) {
            rows += !events[to++].mark;
        }
        h_ok(&two->local, h_feed(&two->local, 0, h_batch(&two->local, events, from, to)));
        if (config->snapshots) {
            h_restart(&two->local);
            h_restart(&two->final);
        }
        from = to;
    }
}

/* What the two phases say of the rows is what one phase says. */
static void assert_ledgers(const two_phases *two, const lt_ledger *plain)
{
    const lt_ledger *l = &two->local.op->ledger;
    const lt_ledger *f = &two->final.op->ledger;
    assert_int_equal(l->in, plain->in);
    assert_int_equal(l->held, 0);
    assert_int_equal(l->late, 0);
    assert_int_equal(l->filtered + f->filtered, plain->filtered);
    assert_int_equal(l->rejected, plain->rejected);
    assert_int_equal(f->in, l->used);
    assert_int_equal(f->late, plain->late);
    assert_int_equal(f->used, plain->used);
    assert_int_equal(f->held, plain->held);
    assert_int_equal(f->out, plain->out);
}

static const h_config two_configs[] = {
    {1024, false, false}, {1, false, false},  {7, true, false},     {64, false, false},
    {100, true, true},    {300, false, true}, {4000, false, false},
};

/* Between two rows that fold into the same partial row marks have no place of their own, so windows
 * may leave behind an earlier mark than with one phase, though never behind one that makes them
 * late: takes the marks off but the last. */
static void drop_marks(h_lines *lines, bool ltz)
{
    size_t kept = 0;
    int64_t watermark = LT_WATERMARK_MIN;
    for (size_t i = 0; i < lines->count; i++) {
        char *line = lines->items[i];
        bool mark = line[0] == 'W';
        int64_t last = strtoll(mark ? line + 1 : strrchr(line, '|') + 1, NULL, 10);
        assert_true(last > watermark || ltz); /* clocks set back: times come twice */
        watermark = mark ? last : watermark;
        if (mark && i + 1 < lines->count) {
            free(line);
        } else {
            lines->items[kept++] = line;
        }
    }
    lines->count = kept;
}

/* Runs the rows through both. Returns the rows that went over of the largest batches. */
static uint64_t compare(h_rig *plain, two_phases *two, const h_event *events, size_t count,
                        const char *what)
{
    uint64_t partials = 0;
    for (size_t c = 0; c < LT_COUNT_OF(two_configs); c++) {
        two->via = (via_kind)((c + count) % VIA_COUNT);
        h_run(plain, &two_configs[c], events, count);
        two_run(two, &two_configs[c], events, count);
        assert_ledgers(two, &plain->op->ledger);
        if (two->spec.windowed) {
            drop_marks(&plain->lines, two->spec.window.ltz);
            drop_marks(&two->final.lines, two->spec.window.ltz);
        }
        h_assert_same(&two->final.lines, &plain->lines, what);
        partials = two->partials;
        h_op_free(plain);
        h_op_free(&two->local);
        h_op_free(&two->final);
        h_lines_free(&plain->lines);
        h_lines_free(&two->final.lines);
    }
    return partials;
}

/* ---- random aggregates ---- */

static lt_agg *agg_of(h_rig *rig, const char *name, lt_expr *arg, lt_expr *filter)
{
    lt_agg *agg = NULL;
    h_ok(rig, lt_agg_bind(&rig->b, lt_str_of(name), &arg, arg ? 1 : 0, false, filter, false, 0,
                          &agg, &rig->err));
    return agg;
}

static lt_expr *cast_of(h_rig *rig, lt_expr *arg, const lt_type *type)
{
    lt_expr *expr = NULL;
    h_ok(rig, lt_expr_cast(&rig->b, arg, type, false, 0, &expr, &rig->err));
    return expr;
}

static uint32_t random_aggs(h_rig *rig, uint64_t *seed, lt_agg **aggs)
{
    static const char *const names[] = {"SUM", "AVG", "MIN", "MAX", "COUNT", "$SUM0", "VAR_POP"};
    uint32_t count = (uint32_t)h_below(seed, 5);
    for (uint32_t a = 0; a < count; a++) {
        const char *name = names[h_below(seed, LT_COUNT_OF(names))];
        lt_expr *filter =
            h_below(seed, 3) ? NULL : h_call(rig, ">", h_col(rig, COL_V), h_int(rig, 50));
        lt_expr *arg = h_col(rig, COL_V);
        switch (h_below(seed, 6)) {
        case 0: /* COUNT(*) */
            name = "COUNT";
            arg = NULL;
            break;
        case 1: /* rows that fail: v = 50 */
            arg = h_call(rig, "/", h_int(rig, 1000), h_call(rig, "-", arg, h_int(rig, 50)));
            break;
        case 2:
            arg = cast_of(rig, arg, lt_type_new(rig->arena, LT_TYPE_INT, true));
            break;
        case 3: /* a NaN where v < 20 */
            arg = h_call(rig, "SQRT", h_call(rig, "-", arg, h_int(rig, 20)), NULL);
            name = h_below(seed, 2) ? "MIN" : "MAX";
            break;
        case 4:
            arg = cast_of(rig, arg, lt_type_decimal(rig->arena, 12, 2, true));
            name = h_below(seed, 2) ? "MIN" : "SUM";
            break;
        default:
            break;
        }
        aggs[a] = agg_of(rig, name, arg, filter);
    }
    return count;
}

typedef struct {
    h_event *events;
    size_t count;
} traffic;

static traffic random_traffic(uint64_t *seed, int64_t keys, int64_t lag, int mark_percent)
{
    const ref_traffic t = {1200, 5000, 60, 1500, keys, lag, mark_percent, false};
    traffic to = {malloc(sizeof(h_event) * (t.rows * 2 + 1)), 0};
    to.count = ref_events(to.events, seed, &t);
    for (size_t i = 0; i < to.count; i++) {
        to.events[i].we = to.events[i].mark ? 0 : to.events[i].ts / 400 * 400 + 400;
        to.events[i].ws = to.events[i].we - 400;
    }
    return to;
}

static const uint32_t key_cols[3] = {COL_K, COL_S, COL_V}; /* v may be NULL */

/* ---- windows ---- */

static void run_window(const lt_window *window, const char *zone_name, uint64_t seed, int percent)
{
    h_rig plain;
    two_phases *two = malloc(sizeof *two);
    h_init(&plain);
    two_init(two);
    lt_env *real = NULL;
    if (zone_name) {
        const lt_zone *zone = NULL;
        real = lt_env_real_new(&plain.mem);
        h_ok(&plain, lt_zone_load(real, lt_str_of(zone_name), plain.arena, &zone, &plain.err));
        plain.session.zone = two->local.session.zone = two->final.session.zone = zone;
    }
    static const int64_t key_counts[] = {1, 3, 40, 900};
    traffic t = random_traffic(&seed, key_counts[h_below(&seed, 4)], h_below(&seed, 1200), percent);
    if (zone_name) { /* 2021-11-07 04:30 UTC: an hour and a half before clocks go back */
        for (size_t i = 0; i < t.count; i++) {
            int64_t *ts = &t.events[i].ts;
            *ts = *ts == LT_WATERMARK_MAX ? *ts : 1636259400000 + *ts * 300;
        }
    }
    lt_agg *aggs[8];
    uint32_t keys[2] = {key_cols[h_below(&seed, 3)], key_cols[h_below(&seed, 3)]};
    const lt_window_agg_spec spec = {.window = *window,
                                     .keys = keys,
                                     .key_count = (uint32_t)h_below(&seed, 3),
                                     .aggs = aggs,
                                     .agg_count = random_aggs(&plain, &seed, aggs)};
    plain.cls = &lt_op_window_agg;
    plain.spec = &spec;
    plain.out_schema = h_agg_schema(&plain, keys, spec.key_count, aggs, spec.agg_count, true);
    two->final.out_schema = plain.out_schema;
    two_plan_window(two, &spec);
    char what[96];
    (void)snprintf(what, sizeof what, "%s%s seed %llu", lt_window_kind_name(window->kind),
                   window->attached ? " attached" : "", (unsigned long long)seed);
    compare(&plain, two, t.events, t.count, what);
    free(t.events);
    lt_env_real_free(real);
    two_deinit(two);
    h_deinit(&plain);
    free(two);
}

static void test_windows(void **state)
{
    (void)state;
    static const lt_window windows[] = {
        {.kind = LT_WINDOW_TUMBLE, .size_ms = 1000},
        {.kind = LT_WINDOW_TUMBLE, .size_ms = 20000, .offset_ms = 77},
        {.kind = LT_WINDOW_TUMBLE, .size_ms = 50},
        {.kind = LT_WINDOW_HOP, .size_ms = 3000, .step_ms = 1000},
        {.kind = LT_WINDOW_HOP, .size_ms = 30000, .step_ms = 500, .offset_ms = -130},
        {.kind = LT_WINDOW_CUMULATE, .size_ms = 4000, .step_ms = 1000},
        {.kind = LT_WINDOW_CUMULATE, .size_ms = 30000, .step_ms = 1000, .offset_ms = 77},
    };
    static const int percents[] = {1, 5, 30, 100};
    for (size_t w = 0; w < LT_COUNT_OF(windows); w++) {
        for (uint64_t seed = 1; seed <= 6; seed++) {
            run_window(&windows[w], NULL, w * 100 + seed, percents[seed % 4]);
        }
    }
}

static void test_zones(void **state)
{
    (void)state;
    static const lt_window windows[] = {
        {.kind = LT_WINDOW_TUMBLE, .size_ms = 600000, .ltz = true},
        {.kind = LT_WINDOW_HOP, .size_ms = 3600000, .step_ms = 900000, .ltz = true},
        {.kind = LT_WINDOW_CUMULATE, .size_ms = 3600000, .step_ms = 900000, .ltz = true},
    };
    for (size_t w = 0; w < LT_COUNT_OF(windows); w++) {
        for (uint64_t seed = 1; seed <= 4; seed++) {
            run_window(&windows[w], "America/New_York", w * 100 + seed, seed % 2 ? 30 : 3);
        }
    }
}

static void test_attached(void **state)
{
    (void)state;
    const lt_window windows[] = {
        {.kind = LT_WINDOW_TUMBLE,
         .size_ms = 400,
         .attached = true,
         .time_col = COL_WE,
         .start_col = COL_WS,
         .end_col = COL_WE},
        {.kind = LT_WINDOW_SESSION,
         .size_ms = 400,
         .attached = true,
         .time_col = COL_WE,
         .start_col = COL_WS,
         .end_col = COL_WE},
    };
    static const int percents[] = {1, 5, 30, 100};
    for (size_t w = 0; w < LT_COUNT_OF(windows); w++) {
        for (uint64_t seed = 1; seed <= 6; seed++) {
            run_window(&windows[w], NULL, 1000 + w * 100 + seed, percents[seed % 4]);
        }
    }
}

/* ---- groups ---- */

static void run_group(uint64_t seed, bool distinct)
{
    h_rig plain;
    two_phases *two = malloc(sizeof *two);
    h_init(&plain);
    two_init(two);
    static const int64_t key_counts[] = {1, 3, 40, 900};
    traffic t = random_traffic(&seed, key_counts[h_below(&seed, 4)], 100, 20);
    lt_agg *aggs[8];
    uint32_t keys[2] = {key_cols[h_below(&seed, 3)], key_cols[h_below(&seed, 3)]};
    lt_group_agg_spec spec = {.keys = keys,
                              .key_count = (uint32_t)h_below(&seed, 3),
                              .aggs = aggs,
                              .emit_before = h_below(&seed, 2) != 0,
                              .net_ok = !distinct,
                              .ttl_ms = distinct ? 0 : h_below(&seed, 2) * 1000000};
    if (distinct) {
        spec.key_count = LT_MAX(spec.key_count, 1U);
    } else {
        spec.agg_count = random_aggs(&plain, &seed, aggs);
    }
    plain.cls = &lt_op_group_agg;
    plain.spec = &spec;
    plain.out_schema = h_agg_schema(&plain, keys, spec.key_count, aggs, spec.agg_count, false);
    two->final.out_schema = plain.out_schema;
    if (plain.out_schema->count > 0) {
        two_plan_group(two, &spec);
        char what[64];
        (void)snprintf(what, sizeof what, "group seed %llu", (unsigned long long)seed);
        compare(&plain, two, t.events, t.count, what);
    }
    free(t.events);
    two_deinit(two);
    h_deinit(&plain);
    free(two);
}

static void test_groups(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        run_group(seed, seed % 4 == 0);
    }
}

/* ---- particular things ---- */

/* Hot keys shrink, rare ones are passed without being tried each time. */
static void test_shrinks(void **state)
{
    (void)state;
    static const int64_t key_counts[] = {3, 100000};
    for (size_t k = 0; k < LT_COUNT_OF(key_counts); k++) {
        h_rig plain;
        two_phases *two = malloc(sizeof *two);
        uint64_t seed = 5;
        h_init(&plain);
        two_init(two);
        traffic t = random_traffic(&seed, key_counts[k], 20000, 100);
        lt_agg *aggs[1] = {agg_of(&plain, "COUNT", NULL, NULL)};
        const uint32_t keys[1] = {COL_K};
        const lt_window_agg_spec spec = {.window = {.kind = LT_WINDOW_TUMBLE, .size_ms = 100000},
                                         .keys = keys,
                                         .key_count = 1,
                                         .aggs = aggs,
                                         .agg_count = 1};
        plain.cls = &lt_op_window_agg;
        plain.spec = &spec;
        plain.out_schema = h_agg_schema(&plain, keys, 1, aggs, 1, true);
        two->final.out_schema = plain.out_schema;
        two_plan_window(two, &spec);
        uint64_t partials = compare(&plain, two, t.events, t.count, "shrinks");
        assert_true(k == 0 ? partials < 20 : partials > 1000);
        free(t.events);
        two_deinit(two);
        h_deinit(&plain);
        free(two);
    }
}

/* Under 'fail', what comes before the failing row is done, and nothing behind it. */
static void test_failing_row(void **state)
{
    (void)state;
    for (size_t rows = 6; rows <= 60; rows += 27) {
        h_rig plain;
        two_phases *two = malloc(sizeof *two);
        h_event events[128] = {{0}};
        size_t count = 0;
        h_init(&plain);
        two_init(two);
        for (size_t i = 0; i < rows; i++) {
            events[count++] =
                (h_event){.ts = (int64_t)i * 10, .k = (int64_t)i % 2, .v = i == rows - 4 ? 50 : 1};
            events[count++] = (h_event){.mark = true, .ts = (int64_t)i * 10};
        }
        lt_expr *arg = h_call(&plain, "/", h_int(&plain, 1000),
                              h_call(&plain, "-", h_col(&plain, COL_V), h_int(&plain, 50)));
        lt_agg *aggs[1] = {agg_of(&plain, "SUM", arg, NULL)};
        const uint32_t keys[1] = {COL_K};
        const lt_window_agg_spec spec = {.window = {.kind = LT_WINDOW_TUMBLE, .size_ms = 100},
                                         .keys = keys,
                                         .key_count = 1,
                                         .aggs = aggs,
                                         .agg_count = 1};
        plain.cls = &lt_op_window_agg;
        plain.spec = &spec;
        plain.out_schema = h_agg_schema(&plain, keys, 1, aggs, 1, true);
        two->final.out_schema = plain.out_schema;
        two_plan_window(two, &spec);
        plain.config = two->local.config = two->final.config = two_configs[0];
        plain.fail_rejects = two->local.fail_rejects = true;
        h_op_new(&plain);
        h_op_new(&two->local);
        h_op_new(&two->final);
        assert_int_equal(h_feed(&plain, 0, h_batch(&plain, events, 0, count)), LT_ERR_DATA);
        assert_int_equal(h_feed(&two->local, 0, h_batch(&two->local, events, 0, count)),
                         LT_ERR_DATA);
        assert_string_equal(plain.err.text, two->local.err.text);
        assert_int_equal(two->final.op->watermark, plain.op->watermark);
        assert_int_equal(two->final.op->ledger.in, rows - 4);
        h_assert_same(&two->final.lines, &plain.lines, "fail");
        h_op_free(&plain);
        h_op_free(&two->local);
        h_op_free(&two->final);
        two_deinit(two);
        h_deinit(&plain);
        free(two);
    }
}

/* ---- faults ---- */

/* Runs while the n-th allocation of one of the two fails; true when it was never reached. */
static bool run_failing(two_phases *two, h_rig *faulty, const traffic *t, int64_t n)
{
    two->local.config = two->final.config = (h_config){100, false, false};
    lt_batch *batches[16];
    size_t batch_count = 0;
    for (size_t from = 0; from < t->count; from += 100) {
        size_t to = LT_MIN(from + 100, t->count);
        batches[batch_count++] = h_batch(&two->local, t->events, from, to);
    }
    int64_t start = atomic_load(&faulty->mem.alloc_count);
    atomic_store(&faulty->mem.fail_at, start + n);
    lt_status st = h_op_open(&two->final);
    st = st == LT_OK ? h_op_open(&two->local) : st;
    for (size_t i = 0; i < batch_count; i++) {
        if (st == LT_OK) {
            st = h_feed(&two->local, 0, batches[i]);
        } else {
            lt_batch_unref(batches[i]);
        }
    }
    bool reached = atomic_load(&faulty->mem.alloc_count) > start + n;
    atomic_store(&faulty->mem.fail_at, -1);
    if (!reached) {
        h_ok(&two->local, st);
    } else if (st != LT_OK) {
        assert_int_equal(st, LT_ERR_NOMEM);
    }
    if (two->local.op) {
        h_op_free(&two->local);
    }
    if (two->final.op) {
        h_op_free(&two->final);
    }
    two->local.op = two->final.op = NULL;
    h_lines_free(&two->final.lines);
    return !reached;
}

static void test_faults(void **state)
{
    (void)state;
    uint64_t seed = 9;
    traffic t = random_traffic(&seed, 6, 300, 20);
    t.count = LT_MIN(t.count, (size_t)600);
    for (int which = 0; which < 4; which++) {
        two_phases *two = malloc(sizeof *two);
        two_init(two);
        lt_agg *aggs[3] = {
            agg_of(&two->local, "COUNT", NULL, NULL),
            agg_of(&two->local, "SUM", h_col(&two->local, COL_V), NULL),
            agg_of(&two->local, "MAX", h_col(&two->local, COL_V),
                   h_call(&two->local, ">", h_col(&two->local, COL_V), h_int(&two->local, 50)))};
        const uint32_t keys[1] = {COL_S};
        const bool windows = which < 2;
        const lt_window_agg_spec window = {
            .window = {.kind = LT_WINDOW_HOP, .size_ms = 4000, .step_ms = 1000},
            .keys = keys,
            .key_count = 1,
            .aggs = aggs,
            .agg_count = 3};
        const lt_group_agg_spec group = {
            .keys = keys, .key_count = 1, .aggs = aggs, .agg_count = 3, .net_ok = true};
        two->final.out_schema = h_agg_schema(&two->local, keys, 1, aggs, 3, windows);
        if (windows) {
            two_plan_window(two, &window);
        } else {
            two_plan_group(two, &group);
        }
        two->via = which % 2 ? VIA_COPY : VIA_DIRECT;
        int64_t n = 0;
        while (!run_failing(two, which % 2 ? &two->final : &two->local, &t, n)) {
            n++;
            assert_true(n < 100000);
        }
        assert_true(n > 0);
        two_deinit(two);
        free(two);
    }
    free(t.events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),  cmocka_unit_test(test_zones),
        cmocka_unit_test(test_attached), cmocka_unit_test(test_groups),
        cmocka_unit_test(test_shrinks),  cmocka_unit_test(test_failing_row),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
