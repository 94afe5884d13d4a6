/* Temporal joins against a walk over plain arrays: late rows and versions, deletes, NULL keys,
 * conditions, output that must wait, snapshots, failing allocations. */
#include "op_harness.h"

enum { LEFT, RIGHT };

#define EVENTS 320
#define KEYS   6 /* the last one is NULL */

typedef struct {
    h_event e;
    int side;
} t_event;

typedef struct {
    lt_join_type type;
    bool condition;
} t_case;

static const t_case cases[] = {{LT_JOIN_TYPE_INNER, false},
                               {LT_JOIN_TYPE_LEFT, false},
                               {LT_JOIN_TYPE_INNER, true},
                               {LT_JOIN_TYPE_LEFT, true}};

/* Marks go with either side; rows come up to 100 ms around a clock that only goes up. */
static void t_events(uint64_t seed, t_event *events)
{
    int64_t clock = 1000, watermark = 0;
    int side = LEFT;
    for (size_t i = 0; i < EVENTS; i++) {
        side = h_below(&seed, 4) == 0 ? 1 - side : side;
        clock += h_below(&seed, 12);
        bool last = i + 1 == EVENTS;
        bool after_mark = i > 0 && events[i - 1].e.mark; /* they would be one */
        bool mark = (h_below(&seed, 5) == 0 && !after_mark && i + 2 != EVENTS) || last;
        int64_t ts = clock - 60 + h_below(&seed, 100);
        if (mark) {
            watermark = LT_MAX(watermark + 1, clock - 30);
            ts = last ? LT_WATERMARK_MAX : watermark;
        }
        events[i] = (t_event){.side = side,
                              .e = {.mark = mark,
                                    .kind = (uint8_t)h_below(&seed, 4),
                                    .ts = ts,
                                    .k = h_below(&seed, 9),
                                    .v = h_below(&seed, KEYS - 1),
                                    .v_null = h_below(&seed, 15) == 0}};
        events[i].e.kind = h_below(&seed, 3) ? LT_INSERT : events[i].e.kind;
    }
}

/* ---- reference ---- */

typedef struct {
    h_event waiting[EVENTS];
    size_t waiting_count;
    h_event versions[EVENTS]; /* by time */
    size_t version_count;
    int64_t timer; /* INT64_MAX = none */
} t_key;

static void t_line(h_lines *lines, const h_event *l, const h_event *r)
{
    static const char *const kinds[] = {"+I", "-U", "+U", "-D"};
    char left[64], right[64], v[24], line[300];
    h_string_of(l->k, left, sizeof left);
    (void)snprintf(v, sizeof v, l->v_null ? "NULL" : "%lld", (long long)l->v);
    if (r) {
        h_string_of(r->k, right, sizeof right);
        (void)snprintf(line, sizeof line, "%s|%lld|%s|%lld|%s|%s", kinds[l->kind], (long long)r->k,
                       left, (long long)l->k, right, v);
    } else {
        (void)snprintf(line, sizeof line, "%s|NULL|%s|%lld|NULL|%s", kinds[l->kind], left,
                       (long long)l->k, v);
    }
    h_push(lines, line);
}

static void t_fire(const t_case *c, t_key *key, int64_t watermark, h_lines *lines)
{
    size_t left = 0;
    key->timer = INT64_MAX;
    for (size_t i = 0; i < key->waiting_count; i++) {
        const h_event *e = &key->waiting[i];
        const h_event *version = NULL;
        if (e->ts > watermark) {
            key->timer = LT_MIN(key->timer, e->ts);
            key->waiting[left++] = *e;
            continue;
        }
        for (size_t v = 0; v < key->version_count && key->versions[v].ts <= e->ts; v++) {
            version = &key->versions[v];
        }
        bool valid = version && lt_kind_is_add(version->kind);
        if (valid && (!c->condition || e->k <= version->k + 1)) {
            t_line(lines, e, version);
        } else if (c->type == LT_JOIN_TYPE_LEFT) {
            t_line(lines, e, NULL);
        }
    }
    key->waiting_count = left;
    size_t keep = 0;
    while (keep + 1 < key->version_count && key->versions[keep + 1].ts <= watermark) {
        keep++;
    }
    memmove(key->versions, key->versions + keep,
            (key->version_count - keep) * sizeof *key->versions);
    key->version_count -= keep;
}

static void t_version(t_key *key, const h_event *e)
{
    size_t at = 0;
    while (at < key->version_count && key->versions[at].ts < e->ts) {
        at++;
    }
    bool same = at < key->version_count && key->versions[at].ts == e->ts;
    if (!same) {
        memmove(key->versions + at + 1, key->versions + at,
                (key->version_count - at) * sizeof *key->versions);
        key->version_count++;
    }
    key->versions[at] = *e;
    key->timer = LT_MIN(key->timer, e->ts);
}

static void t_reference(const t_case *c, const t_event *events, h_lines *lines)
{
    t_key *keys = calloc(KEYS, sizeof *keys);
    assert_non_null(keys);
    for (size_t k = 0; k < KEYS; k++) {
        keys[k].timer = INT64_MAX;
    }
    for (size_t i = 0; i < EVENTS; i++) {
        const h_event *e = &events[i].e;
        t_key *key = &keys[e->v_null ? KEYS - 1 : e->v];
        if (e->mark) {
            for (size_t k = 0; k < KEYS; k++) {
                if (keys[k].timer != INT64_MAX && keys[k].timer <= e->ts) {
                    t_fire(c, &keys[k], e->ts, lines);
                }
            }
            h_push_mark(lines, e->ts);
        } else if (events[i].side == LEFT && (c->type == LT_JOIN_TYPE_LEFT || !e->v_null)) {
            key->waiting[key->waiting_count++] = *e;
            key->timer = LT_MIN(key->timer, e->ts);
        } else if (events[i].side == RIGHT && !e->v_null && e->kind != LT_UPDATE_BEFORE) {
            t_version(key, e);
        }
    }
    free(keys);
}

/* ---- the operator ---- */

static const uint32_t key_cols[] = {COL_V};
static const uint32_t left_cols[] = {COL_K, COL_S, COL_V};
static const uint32_t right_cols[] = {COL_K, COL_S};
static const uint32_t out_cols[] = {3, 1, 0, 4, 2};
static const bool null_safe[] = {false};

typedef struct {
    h_rig rig;
    const lt_type *key_types[1];
    lt_temporal_join_spec spec;
} t_rig;

static lt_expr *pair_col(t_rig *t, uint32_t col)
{
    lt_expr *expr = NULL;
    const lt_type *type = t->spec.join.pair->fields[col].type;
    h_ok(&t->rig, lt_expr_column(&t->rig.b, col, type, 0, &expr, &t->rig.err));
    return expr;
}

/* -U and +U of the events are no pairs: the last row of a batch may be any. */
static lt_status t_put(lt_emit *out, lt_batch *batch, lt_error *err)
{
    h_rig *rig = (h_rig *)(void *)out;
    static const char *const kinds[] = {"+I", "-U", "+U", "-D"};
    (void)err;
    if (rig->room == 0) {
        return LT_FULL;
    }
    rig->room--;
    assert_ptr_equal(batch->schema, rig->out_schema);
    assert_true(batch->row_count > 0 && batch->mark_count == 0);
    for (uint32_t row = 0; row < batch->row_count; row++) {
        char line[512];
        size_t at = (size_t)snprintf(line, sizeof line, "%s", kinds[lt_batch_kind(batch, row)]);
        for (uint32_t c = 0; c < batch->col_count; c++) {
            char text[96];
            h_value_text(&batch->cols[c], row, text, sizeof text);
            at += (size_t)snprintf(line + at, sizeof line - at, "|%s", text);
        }
        h_push(&rig->lines, line);
    }
    rig->op->ledger.out += batch->row_count;
    lt_batch_unref(batch);
    return LT_OK;
}

static void t_init(t_rig *t, const t_case *c)
{
    h_rig *rig = &t->rig;
    lt_field pair[5], out[5];
    h_init(rig);
    rig->in_count = 2;
    rig->emit.put = t_put;
    for (uint32_t i = 0; i < 5; i++) {
        pair[i] = rig->in_schema->fields[i < 3 ? left_cols[i] : right_cols[i - 3]];
    }
    for (uint32_t i = 0; i < 5; i++) {
        out[i] = pair[out_cols[i]];
    }
    t->key_types[0] = rig->in_schema->fields[COL_V].type;
    t->spec = (lt_temporal_join_spec){.join = {.type = c->type,
                                               .left_keys = key_cols,
                                               .right_keys = key_cols,
                                               .key_types = t->key_types,
                                               .null_safe = null_safe,
                                               .key_count = 1,
                                               .left_cols = left_cols,
                                               .right_cols = right_cols,
                                               .left_count = 3,
                                               .right_count = 2,
                                               .pair = lt_schema_new(rig->arena, pair, 5),
                                               .out = out_cols,
                                               .updates = true},
                                      .left_time = COL_TS,
                                      .right_time = COL_TS};
    rig->out_schema = lt_schema_new(rig->arena, out, 5);
    if (c->condition) {
        lt_expr *limit = h_call(rig, "+", pair_col(t, 3), h_int(rig, 1));
        t->spec.join.condition = h_call(rig, "<=", pair_col(t, 0), limit);
    }
    rig->cls = &lt_op_temporal_join;
    rig->spec = &t->spec;
}

static size_t batch_end(const t_event *events, size_t from, uint32_t batch_rows)
{
    size_t to = from + 1;
    while (to < EVENTS && to - from < batch_rows && events[to].side == events[from].side) {
        to++;
    }
    return to;
}

static void t_feed(h_rig *rig, const t_event *events)
{
    h_event rows[EVENTS];
    for (size_t i = 0; i < EVENTS; i++) {
        rows[i] = events[i].e;
    }
    for (size_t from = 0, to; from < EVENTS; from = to) {
        to = batch_end(events, from, rig->config.batch_rows);
        h_ok(rig, h_feed(rig, events[from].side, h_batch(rig, rows, from, to)));
        if (rig->config.snapshots) {
            h_restart(rig);
        }
    }
}

static void test_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        const t_case *c = &cases[seed % LT_COUNT_OF(cases)];
        t_event events[EVENTS];
        h_lines want = {0};
        t_events(seed * 7919, events);
        t_reference(c, events, &want);
        h_sort(&want);
        assert_true(want.count > 40);
        for (size_t i = 0; i < LT_COUNT_OF(h_configs); i++) {
            t_rig t;
            t_init(&t, c);
            t.rig.config = h_configs[i];
            h_op_new(&t.rig);
            t_feed(&t.rig, events);
            h_sort(&t.rig.lines);
            h_assert_same(&t.rig.lines, &want, "temporal join");
            assert_int_equal(t.rig.op->ledger.held, 0);
            h_op_free(&t.rig);
            h_deinit(&t.rig);
        }
        h_lines_free(&want);
    }
}

/* ---- conditions that fail ---- */

static void feed_division(t_rig *t, lt_status want)
{
    const t_case c = {LT_JOIN_TYPE_LEFT, false};
    const h_event versions[] = {
        {.ts = 10, .k = 2, .v = 1}, {.ts = 20, .v = 1}, {.ts = 30, .k = 1, .v = 1}};
    const h_event rows[] = {{.ts = 11, .k = 4, .v = 1},
                            {.ts = 21, .k = 4, .v = 1},
                            {.ts = 31, .k = 0, .v = 1},
                            {.ts = 32, .k = 1, .v = 1},
                            {.mark = true, .ts = 100}};
    t_init(t, &c);
    lt_expr *ratio = h_call(&t->rig, "/", pair_col(t, 0), pair_col(t, 3));
    t->spec.join.condition = h_call(&t->rig, ">", ratio, h_int(&t->rig, 0));
    t->rig.config = (h_config){1024, false, false};
    t->rig.fail_rejects = want != LT_OK;
    h_op_new(&t->rig);
    h_ok(&t->rig, h_feed(&t->rig, RIGHT, h_batch(&t->rig, versions, 0, 3)));
    assert_int_equal(h_feed(&t->rig, LEFT, h_batch(&t->rig, rows, 0, 5)), want);
    h_check_ledger(&t->rig);
}

static void test_rejects(void **state)
{
    (void)state;
    t_rig t;
    feed_division(&t, LT_OK);
    assert_int_equal(t.rig.lines.count, 4); /* and the mark */
    assert_string_equal(t.rig.lines.items[0], "+I|2|k4|4|k2|1");
    assert_string_equal(t.rig.lines.items[1], "+I|NULL|k0|0|NULL|1");
    assert_int_equal(t.rig.op->ledger.rejected, 1);
    assert_int_equal(t.rig.op->ledger.used, 6);
    h_op_free(&t.rig);
    h_deinit(&t.rig);
    feed_division(&t, LT_ERR_DATA);
    assert_int_equal(t.rig.lines.count, 1); /* what came before the failing row */
    h_op_free(&t.rig);
    h_deinit(&t.rig);
}

/* ---- allocations ---- */

static bool run_failing(t_rig *t, const t_event *events, int64_t n)
{
    h_rig *rig = &t->rig;
    lt_batch *batches[EVENTS];
    int sides[EVENTS];
    h_event rows[EVENTS];
    size_t count = 0;
    for (size_t i = 0; i < EVENTS; i++) {
        rows[i] = events[i].e;
    }
    for (size_t from = 0, to; from < EVENTS; from = to) {
        to = batch_end(events, from, 64);
        sides[count] = events[from].side;
        batches[count++] = h_batch(rig, rows, from, to);
    }
    int64_t start = atomic_load(&rig->mem.alloc_count);
    atomic_store(&rig->mem.fail_at, start + n);
    lt_status st = h_op_open(rig);
    for (size_t i = 0; i < count; i++) {
        if (st == LT_OK) {
            st = h_feed(rig, sides[i], batches[i]);
        } else {
            lt_batch_unref(batches[i]);
        }
    }
    bool reached = atomic_load(&rig->mem.alloc_count) > start + n;
    atomic_store(&rig->mem.fail_at, -1);
    if (reached && st != LT_OK) {
        assert_int_equal(st, LT_ERR_NOMEM);
    } else {
        h_ok(rig, st);
    }
    if (rig->op) {
        h_op_free(rig);
    }
    h_lines_free(&rig->lines);
    return !reached;
}

static void test_faults(void **state)
{
    (void)state;
    t_rig t;
    t_event events[EVENTS];
    int64_t n = 0;
    t_events(5, events);
    t_init(&t, &cases[3]);
    t.rig.config = (h_config){16, false, true};
    while (!run_failing(&t, events, n)) {
        n++;
        assert_true(n < 100000);
    }
    assert_true(n > 0);
    h_deinit(&t.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_rejects),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
