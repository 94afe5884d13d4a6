/* Interval and window joins against plain arrays, row by row: bounds, late and out-of-order rows,
 * NULL keys and times, conditions, output that must wait, snapshots. */
#include "op_harness.h"

enum { LEFT, RIGHT, EVENTS = 400 };

#define NONE INT64_MIN

typedef struct {
    int side;
    h_event e; /* a row, or a mark */
    bool matched;
    bool gone;
} t_event;

typedef struct {
    const char *name;
    bool window;
    int64_t lower, upper, cleanup;
    bool null_safe, condition, keyless;
    int64_t keys, late; /* distinct keys; how far rows lie behind the watermark */
} t_case;

static const t_case cases[] = {
    {
        "interval",
        false,
        -60,
        90,
        0,
        false,
        false,
        false,
        5,
        20,
    },
    {"interval, late rows", false, -60, 90, 0, false, true, false, 3, 300},
    {"interval, cleanup later", false, -60, 90, 70, true, false, false, 4, 200},
    {"interval behind", false, 30, 80, 0, false, true, false, 2, 60},
    {"interval before", false, -80, -30, 0, true, false, false, 2, 60},
    {"interval of one ms", false, 0, 0, 0, false, false, false, 1, 40},
    {"interval of nothing", false, 10, 5, 0, false, false, false, 3, 40},
    {"interval without key", false, -20, 20, 0, false, true, true, 1, 80},
    {"window", true, 0, 0, 0, false, false, false, 5, 60},
    {"window, condition", true, 0, 0, 0, true, true, false, 3, 200},
    {"window, hot key", true, 0, 0, 0, false, false, false, 1, 60},
    {"window without key", true, 0, 0, 0, false, true, true, 1, 60},
};

/* ---- reference ---- */

typedef struct {
    const t_case *c;
    lt_join_type type;
    t_event *events;
    h_lines *lines;
    int64_t clock, watermark;
    /* by key: 0 .. keys - 1, and `keys` for NULL */
    int64_t due[2][16], expired[2][16];
    bool kept[EVENTS];
} t_model;

static size_t key_of(const t_case *c, const t_event *row)
{
    return c->keyless ? 0 : row->e.v_null ? (size_t)c->keys : (size_t)row->e.v;
}

static bool matches(const t_case *c, const t_event *l, const t_event *r)
{
    bool null = l->e.v_null || r->e.v_null;
    if (!c->keyless && (null ? !c->null_safe || l->e.v_null != r->e.v_null : l->e.v != r->e.v)) {
        return false;
    }
    return !c->condition || l->e.k <= r->e.k + 100;
}

static bool is_outer(const t_model *m, int side)
{
    return m->type == LT_JOIN_TYPE_FULL ||
           m->type == (side == LEFT ? LT_JOIN_TYPE_LEFT : LT_JOIN_TYPE_RIGHT);
}

static size_t side_text(const t_event *row, char *to, size_t size)
{
    char v[32] = "NULL", ts[32] = "NULL";
    if (!row) {
        return (size_t)snprintf(to, size, "|NULL|NULL|NULL");
    }
    if (!row->e.v_null) {
        (void)snprintf(v, sizeof v, "%lld", (long long)row->e.v);
    }
    if (!row->e.ts_null) {
        (void)snprintf(ts, sizeof ts, "%lld", (long long)row->e.ts);
    }
    return (size_t)snprintf(to, size, "|%lld|%s|%s", (long long)row->e.k, v, ts);
}

static void put(const t_model *m, const t_event *l, const t_event *r)
{
    char line[300] = "+I";
    size_t at = 2 + side_text(l, line + 2, sizeof line - 2);
    if (m->type != LT_JOIN_TYPE_SEMI && m->type != LT_JOIN_TYPE_ANTI) {
        (void)side_text(r, line + at, sizeof line - at);
    }
    h_push(m->lines, line);
}

static void put_alone(const t_model *m, const t_event *row)
{
    put(m, row->side == LEFT ? row : NULL, row->side == LEFT ? NULL : row);
}

static int64_t reach(const t_case *c, int side)
{
    return side == LEFT ? -c->lower : c->upper;
}

static int64_t gone_until(const t_model *m, int side)
{
    return m->clock == LT_WATERMARK_MAX ? m->clock : m->clock - reach(m->c, side) - 1;
}

static void evict(t_model *m, int side, size_t key)
{
    for (size_t i = 0; i < EVENTS; i++) {
        t_event *row = &m->events[i];
        if (m->kept[i] && row->side == side && key_of(m->c, row) == key &&
            row->e.ts <= m->expired[side][key]) {
            m->kept[i] = false;
            if (!row->matched && is_outer(m, side)) {
                put_alone(m, row);
            }
        }
    }
}

static void interval_row(t_model *m, size_t at)
{
    t_event *row = &m->events[at];
    int side = row->side, other = 1 - side;
    size_t key = key_of(m->c, row);
    bool usable = !row->e.ts_null && m->c->lower <= m->c->upper;
    int64_t last = row->e.ts + reach(m->c, side);
    bool keyless = !m->c->keyless && row->e.v_null && !m->c->null_safe;
    if (usable && m->expired[other][key] < last && !(keyless && !is_outer(m, side))) {
        m->expired[other][key] = gone_until(m, other);
        for (size_t i = 0; i < at; i++) {
            t_event *p = &m->events[i];
            bool pair = matches(m->c, side == LEFT ? row : p, side == LEFT ? p : row);
            if (m->kept[i] && p->side == other && pair && p->e.ts <= last &&
                p->e.ts >= row->e.ts - reach(m->c, other)) {
                put(m, side == LEFT ? row : p, side == LEFT ? p : row);
                row->matched = p->matched = true;
            }
        }
        evict(m, other, key);
    }
    if (usable && m->clock < last && !(keyless && !is_outer(m, side))) {
        m->kept[at] = true;
        if (m->due[side][key] == NONE) {
            m->due[side][key] = last + m->c->cleanup + 1;
        }
    } else if (!row->matched && is_outer(m, side)) {
        put_alone(m, row);
    }
}

static void forget_key(t_model *m, size_t key)
{
    if (m->due[LEFT][key] == NONE && m->due[RIGHT][key] == NONE) {
        m->expired[LEFT][key] = m->expired[RIGHT][key] = 0;
    }
}

static void interval_mark(t_model *m)
{
    for (int side = LEFT; side <= RIGHT; side++) {
        for (size_t key = 0; key <= (size_t)m->c->keys; key++) {
            if (m->due[side][key] == NONE || m->due[side][key] > m->watermark) {
                continue;
            }
            m->expired[side][key] = gone_until(m, side);
            evict(m, side, key);
            m->due[side][key] = NONE;
            for (size_t i = 0; i < EVENTS; i++) {
                const t_event *row = &m->events[i];
                int64_t due = row->e.ts + reach(m->c, side) + m->c->cleanup + 1;
                if (m->kept[i] && row->side == side && key_of(m->c, row) == key &&
                    (m->due[side][key] == NONE || due < m->due[side][key])) {
                    m->due[side][key] = due;
                }
            }
            forget_key(m, key);
        }
    }
}

static void window_mark(t_model *m)
{
    bool exists = m->type == LT_JOIN_TYPE_SEMI || m->type == LT_JOIN_TYPE_ANTI;
    for (size_t i = 0; i < EVENTS; i++) {
        t_event *l = &m->events[i];
        bool due = m->kept[i] && l->e.we - 1 <= m->watermark;
        for (size_t p = 0; due && l->side == LEFT && p < EVENTS; p++) {
            t_event *r = &m->events[p];
            if (m->kept[p] && r->side == RIGHT && r->e.we == l->e.we && matches(m->c, l, r)) {
                l->matched = r->matched = true;
                if (!exists) {
                    put(m, l, r);
                }
            }
        }
    }
    for (size_t i = 0; i < EVENTS; i++) {
        t_event *row = &m->events[i];
        if (!m->kept[i] || row->e.we - 1 > m->watermark) {
            continue;
        }
        m->kept[i] = false;
        bool wanted = exists ? row->side == LEFT && row->matched == (m->type == LT_JOIN_TYPE_SEMI)
                             : !row->matched && is_outer(m, row->side);
        if (wanted) {
            put_alone(m, row);
        }
    }
}

static void reference(const t_case *c, lt_join_type type, t_event *events, h_lines *lines)
{
    t_model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    *m = (t_model){.c = c, .type = type, .events = events, .lines = lines};
    m->watermark = LT_WATERMARK_MIN;
    for (size_t key = 0; key < 16; key++) {
        m->due[LEFT][key] = m->due[RIGHT][key] = NONE;
    }
    for (size_t i = 0; i < EVENTS; i++) {
        if (events[i].e.mark) {
            if (events[i].e.ts > m->watermark) {
                m->watermark = events[i].e.ts;
                m->clock = m->watermark > 0 ? m->watermark : 0;
                if (c->window) {
                    window_mark(m);
                } else {
                    interval_mark(m);
                }
                h_push_mark(lines, m->watermark);
            }
        } else if (!c->window) {
            interval_row(m, i);
        } else {
            m->kept[i] = events[i].e.we - 1 > m->watermark;
        }
    }
    free(m);
}

static void make_events(const t_case *c, uint64_t seed, t_event *events)
{
    int64_t time = 1000, mark = 0;
    int side = LEFT;
    for (size_t i = 0; i < EVENTS; i++) {
        side = h_below(&seed, 4) == 0 ? 1 - side : side;
        t_event *row = &events[i];
        *row = (t_event){.side = side};
        time += h_below(&seed, 12);
        bool may =
            i > 0 && i + 2 < EVENTS && !events[i - 1].e.mark; /* marks in a row would become one */
        if (i + 1 == EVENTS || (may && h_below(&seed, 7) == 0)) {
            int64_t next = time - h_below(&seed, 30);
            mark = LT_MAX(mark, next);
            row->e = (h_event){.mark = true, .ts = i + 1 == EVENTS ? LT_WATERMARK_MAX : mark};
            continue;
        }
        row->e = (h_event){.ts = time - h_below(&seed, c->late),
                           .k = (int64_t)i,
                           .v = h_below(&seed, c->keys),
                           .v_null = h_below(&seed, 10) == 0,
                           .ts_null = !c->window && h_below(&seed, 30) == 0};
        row->e.we = row->e.ts / 100 * 100 + 100;
        row->e.ws = row->e.we - 100;
    }
}

/* ---- the operators ---- */

static const uint32_t side_cols[] = {COL_K, COL_V, COL_TS};
static const uint32_t out_cols[] = {0, 1, 2, 3, 4, 5};
static const uint32_t key_cols[] = {COL_V};

typedef struct {
    h_rig rig;
    const lt_type *key_types[1];
    bool null_safe[1];
    lt_interval_join_spec interval;
    lt_window_join_spec window;
} t_rig;

static void t_init(t_rig *t, const t_case *c, lt_join_type type)
{
    bool exists = type == LT_JOIN_TYPE_SEMI || type == LT_JOIN_TYPE_ANTI;
    h_rig *rig = &t->rig;
    h_init(rig);
    rig->in_count = 2;
    lt_field pair[6];
    for (uint32_t i = 0; i < 6; i++) {
        pair[i] = rig->in_schema->fields[side_cols[i % 3]];
    }
    t->key_types[0] = rig->in_schema->fields[COL_V].type;
    t->null_safe[0] = c->null_safe;
    lt_join_spec spec = {.type = type,
                         .left_keys = key_cols,
                         .right_keys = key_cols,
                         .key_types = t->key_types,
                         .null_safe = t->null_safe,
                         .key_count = c->keyless ? 0 : 1,
                         .left_cols = side_cols,
                         .right_cols = side_cols,
                         .left_count = 3,
                         .right_count = 3,
                         .pair = lt_schema_new(rig->arena, pair, 6),
                         .out = out_cols};
    rig->out_schema = lt_schema_new(rig->arena, pair, exists ? 3 : 6);
    if (c->condition) {
        lt_expr *l = NULL, *r = NULL;
        h_ok(rig, lt_expr_column(&rig->b, 0, pair[0].type, 0, &l, &rig->err));
        h_ok(rig, lt_expr_column(&rig->b, 3, pair[3].type, 0, &r, &rig->err));
        spec.condition = h_call(rig, "<=", l, h_call(rig, "+", r, h_int(rig, 100)));
    }
    t->interval = (lt_interval_join_spec){.join = spec,
                                          .interval = {.left_time = COL_TS,
                                                       .right_time = COL_TS,
                                                       .lower_ms = c->lower,
                                                       .upper_ms = c->upper},
                                          .cleanup_ms = c->cleanup};
    t->window = (lt_window_join_spec){.join = spec, .end_cols = {COL_WE, COL_WE}};
    rig->cls = c->window ? &lt_op_window_join : &lt_op_interval_join;
    rig->spec = c->window ? (const void *)&t->window : (const void *)&t->interval;
}

static void t_feed(h_rig *rig, const t_event *events)
{
    h_event rows[EVENTS];
    for (size_t i = 0; i < EVENTS; i++) {
        rows[i] = events[i].e;
    }
    for (size_t from = 0, to; from < EVENTS; from = to) {
        to = from + 1;
        while (to < EVENTS && to - from < rig->config.batch_rows &&
               events[to].side == events[from].side) {
            to++;
        }
        h_ok(rig, h_feed(rig, events[from].side, h_batch(rig, rows, from, to)));
        if (rig->config.snapshots) {
            h_restart(rig);
        }
    }
}

static void check_case(const t_case *c, lt_join_type type, uint64_t seed)
{
    static t_event events[EVENTS];
    for (size_t i = 0; i < LT_COUNT_OF(h_configs); i++) {
        h_lines want = {0};
        t_rig t;
        make_events(c, seed, events);
        reference(c, type, events, &want);
        make_events(c, seed, events);
        t_init(&t, c, type);
        t.rig.config = h_configs[i];
        h_op_new(&t.rig);
        t_feed(&t.rig, events);
        h_sort(&want);
        h_sort(&t.rig.lines);
        char name[100];
        (void)snprintf(name, sizeof name, "%s, setting %zu", c->name, i);
        h_assert_same(&t.rig.lines, &want, name);
        assert_int_equal(t.rig.op->ledger.held, 0);
        assert_int_equal(lt_state_rows(t.rig.state), 0);
        h_lines_free(&want);
        h_lines_free(&t.rig.lines);
        h_op_free(&t.rig);
        h_deinit(&t.rig);
    }
}

static void check_type(lt_join_type type)
{
    bool exists = type == LT_JOIN_TYPE_SEMI || type == LT_JOIN_TYPE_ANTI;
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        for (uint64_t seed = 1; (cases[i].window || !exists) && seed <= 4; seed++) {
            check_case(&cases[i], type, seed * 7919 + i);
        }
    }
}

#define TYPE_TEST(name, type)             \
    static void test_##name(void **state) \
    {                                     \
        (void)state;                      \
        check_type(type);                 \
    }
TYPE_TEST(inner, LT_JOIN_TYPE_INNER)
TYPE_TEST(left, LT_JOIN_TYPE_LEFT)
TYPE_TEST(right, LT_JOIN_TYPE_RIGHT)
TYPE_TEST(full, LT_JOIN_TYPE_FULL)
TYPE_TEST(semi, LT_JOIN_TYPE_SEMI)
TYPE_TEST(anti, LT_JOIN_TYPE_ANTI)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inner), cmocka_unit_test(test_left), cmocka_unit_test(test_right),
        cmocka_unit_test(test_full),  cmocka_unit_test(test_semi), cmocka_unit_test(test_anti),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
