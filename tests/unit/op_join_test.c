/* The inner join against nested loops over plain arrays: kinds, NULL keys, conditions, conditions
 * that fail, output that must wait, snapshots, failing allocations. */
#include "op_harness.h"

enum { LEFT, RIGHT };

typedef struct {
    int side;
    uint8_t kind;
    int64_t k, v;
    bool v_null;
} j_event;

typedef struct {
    const char *name;
    bool key_v, key_s, null_safe, condition, updates;
    int64_t keys; /* distinct values */
} j_case;

static const j_case cases[] = {
    {"key", true, false, false, false, false, 8},
    {"key, updates", true, false, false, false, true, 8},
    {"key, condition", true, false, false, true, true, 6},
    {"null-safe key", true, false, true, false, true, 6},
    {"two keys", true, true, false, false, true, 3},
    {"string key", false, true, false, true, false, 4},
    {"no key", false, false, false, true, true, 30},
    {"one hot key", true, false, false, false, true, 1},
};

#define EVENTS 240

/* ---- reference ---- */

typedef struct {
    j_event rows[EVENTS];
    size_t count;
} j_table;

/* Rows are equal in what the operator keeps of them; of the right side v is only kept as a key. */
static bool j_same(const j_case *c, const j_event *a, const j_event *b)
{
    bool v = c->key_v || a->side == LEFT;
    return a->k == b->k && (!v || (a->v_null == b->v_null && (a->v_null || a->v == b->v)));
}

static bool j_matches(const j_case *c, const j_event *l, const j_event *r)
{
    if (c->key_v && (l->v_null || r->v_null) && !(c->null_safe && l->v_null && r->v_null)) {
        return false;
    }
    if (c->key_v && !l->v_null && l->v != r->v) {
        return false;
    }
    if (c->key_s && l->k != r->k) {
        return false;
    }
    return !c->condition || l->k <= r->k + 1;
}

static void j_line(h_lines *lines, uint8_t kind, const j_event *l, const j_event *r)
{
    static const char *const kinds[] = {"+I", "-U", "+U", "-D"};
    char ls[64], rs[64], v[32], line[256];
    (void)snprintf(ls, sizeof ls, l->k % 2 ? "key number %lld, of some length" : "k%lld",
                   (long long)l->k);
    (void)snprintf(rs, sizeof rs, r->k % 2 ? "key number %lld, of some length" : "k%lld",
                   (long long)r->k);
    (void)snprintf(v, sizeof v, l->v_null ? "NULL" : "%lld", (long long)l->v);
    (void)snprintf(line, sizeof line, "%s|%lld|%s|%lld|%s|%s", kinds[kind], (long long)r->k, ls,
                   (long long)l->k, rs, v);
    h_push(lines, line);
}

static void j_reference(const j_case *c, const j_event *events, h_lines *lines)
{
    j_table *tables = calloc(2, sizeof *tables);
    for (size_t i = 0; i < EVENTS; i++) {
        const j_event *e = &events[i];
        j_table *own = &tables[e->side];
        const j_table *other = &tables[1 - e->side];
        for (size_t p = 0; p < other->count; p++) {
            const j_event *l = e->side == LEFT ? e : &other->rows[p];
            const j_event *r = e->side == LEFT ? &other->rows[p] : e;
            if (j_matches(c, l, r)) {
                j_line(lines, e->kind, l, r);
            }
        }
        if (lt_kind_is_add(e->kind)) {
            own->rows[own->count++] = *e;
            continue;
        }
        for (size_t p = 0; p < own->count; p++) {
            if (j_same(c, &own->rows[p], e)) {
                memmove(&own->rows[p], &own->rows[p + 1],
                        (own->count - p - 1) * sizeof own->rows[0]);
                own->count--;
                break;
            }
        }
    }
    free(tables);
}

static void j_events(const j_case *c, uint64_t seed, j_event *events)
{
    int side = LEFT;
    for (size_t i = 0; i < EVENTS; i++) {
        side = h_below(&seed, 6) == 0 ? 1 - side : side;
        j_event *e = &events[i];
        *e = (j_event){.side = side,
                       .k = h_below(&seed, 6),
                       .v = h_below(&seed, c->keys),
                       .v_null = h_below(&seed, 12) == 0};
        if (!c->updates || i == 0) {
            continue;
        }
        int64_t turn = h_below(&seed, 10);
        if (turn < 4) { /* often of a row that is there, sometimes of the one before */
            const j_event *old = &events[turn == 0 ? (int64_t)i - 1 : h_below(&seed, (int64_t)i)];
            *e = *old;
            e->kind = turn % 2 ? LT_DELETE : LT_UPDATE_BEFORE;
        } else if (turn == 4) {
            e->kind = LT_UPDATE_AFTER;
        }
        side = e->side;
    }
}

/* ---- the operator ---- */

static const uint32_t left_cols[] = {COL_K, COL_S, COL_V};
static const uint32_t right_cols[] = {COL_K, COL_S};
static const uint32_t out_cols[] = {3, 1, 0, 4, 2};

typedef struct {
    h_rig rig;
    uint32_t keys[2];
    const lt_type *key_types[2];
    bool null_safe[2];
    lt_join_spec spec;
} j_rig;

static lt_status j_put(lt_emit *out, lt_batch *batch, lt_error *err)
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
    assert_true(batch->row_count <= LT_MAX(rig->config.batch_rows, 2U));
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

static lt_expr *pair_col(j_rig *j, uint32_t col)
{
    lt_expr *expr = NULL;
    h_ok(&j->rig,
         lt_expr_column(&j->rig.b, col, j->spec.pair->fields[col].type, 0, &expr, &j->rig.err));
    return expr;
}

static void j_init(j_rig *j, const j_case *c)
{
    h_rig *rig = &j->rig;
    h_init(rig);
    rig->in_count = 2;
    rig->emit.put = j_put;
    lt_field pair[5], out[5];
    for (uint32_t i = 0; i < 5; i++) {
        pair[i] = rig->in_schema->fields[i < 3 ? left_cols[i] : right_cols[i - 3]];
    }
    for (uint32_t i = 0; i < 5; i++) {
        out[i] = pair[out_cols[i]];
    }
    uint32_t count = 0;
    if (c->key_v) {
        j->keys[count++] = COL_V;
    }
    if (c->key_s) {
        j->keys[count++] = COL_S;
    }
    for (uint32_t k = 0; k < count; k++) {
        j->key_types[k] = rig->in_schema->fields[j->keys[k]].type;
        j->null_safe[k] = c->null_safe;
    }
    j->spec = (lt_join_spec){.left_keys = j->keys,
                             .right_keys = j->keys,
                             .key_types = j->key_types,
                             .null_safe = j->null_safe,
                             .key_count = count,
                             .left_cols = left_cols,
                             .right_cols = right_cols,
                             .left_count = 3,
                             .right_count = 2,
                             .pair = lt_schema_new(rig->arena, pair, 5),
                             .out = out_cols,
                             .updates = c->updates};
    rig->out_schema = lt_schema_new(rig->arena, out, 5);
    if (c->condition) {
        lt_expr *limit = h_call(rig, "+", pair_col(j, 3), h_int(rig, 1));
        j->spec.condition = h_call(rig, "<=", pair_col(j, 0), limit);
    }
    rig->cls = &lt_op_join;
    rig->spec = &j->spec;
}

static void to_h_events(const j_event *from, size_t count, h_event *to)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = (h_event){.kind = from[i].kind,
                          .v_null = from[i].v_null,
                          .ts = 1000,
                          .k = from[i].k,
                          .v = from[i].v};
    }
}

static size_t batch_end(const j_event *events, size_t from, uint32_t batch_rows)
{
    size_t to = from + 1;
    while (to < EVENTS && to - from < batch_rows && events[to].side == events[from].side) {
        to++;
    }
    return to;
}

static lt_status j_feed(h_rig *rig, const j_event *events)
{
    h_event all[EVENTS];
    to_h_events(events, EVENTS, all);
    for (size_t from = 0, to; from < EVENTS; from = to) {
        to = batch_end(events, from, rig->config.batch_rows);
        LT_TRY(h_feed(rig, events[from].side, h_batch(rig, all, from, to)));
        if (rig->config.snapshots) {
            h_restart(rig);
        }
    }
    return LT_OK;
}

static void check_lines(const char *name, const h_lines *want, const h_lines *got)
{
    for (size_t i = 0; i < want->count && i < got->count; i++) {
        if (strcmp(want->items[i], got->items[i]) != 0) {
            fail_msg("%s: line %zu is %s, not %s", name, i, got->items[i], want->items[i]);
        }
    }
    if (want->count != got->count) {
        fail_msg("%s: %zu lines, not %zu", name, got->count, want->count);
    }
}

static void test_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        for (uint64_t seed = 1; seed <= 3; seed++) {
            j_event events[EVENTS];
            h_lines want = {0};
            j_events(&cases[i], seed * 7919 + i, events);
            j_reference(&cases[i], events, &want);
            assert_true(want.count > 50);
            for (size_t c = 0; c < LT_COUNT_OF(h_configs); c++) {
                j_rig j;
                j_init(&j, &cases[i]);
                j.rig.config = h_configs[c];
                h_op_new(&j.rig);
                h_ok(&j.rig, j_feed(&j.rig, events));
                check_lines(cases[i].name, &want, &j.rig.lines);
                assert_int_equal(j.rig.op->ledger.in, EVENTS);
                h_op_free(&j.rig);
                h_deinit(&j.rig);
            }
            h_lines_free(&want);
        }
    }
}

/* ---- conditions that fail ---- */

static void feed_rows(h_rig *rig, int side, const int64_t *k, size_t count, lt_status want)
{
    h_event rows[8];
    for (size_t i = 0; i < count; i++) {
        rows[i] = (h_event){.k = k[i], .v = 1, .ts = 1000};
    }
    assert_int_equal(h_feed(rig, side, h_batch(rig, rows, 0, count)), want);
}

static void init_division(j_rig *j)
{
    const j_case c = {.key_v = true};
    j_init(j, &c);
    lt_expr *ratio = h_call(&j->rig, "/", pair_col(j, 0), pair_col(j, 3));
    j->spec.condition = h_call(&j->rig, ">", ratio, h_int(&j->rig, 0));
    j->rig.config = (h_config){1024, false, false};
    h_op_new(&j->rig);
}

static void test_rejects(void **state)
{
    (void)state;
    j_rig j;
    init_division(&j);
    const int64_t right[] = {2, 0, 1}, left[] = {4, 2};
    feed_rows(&j.rig, RIGHT, right, 3, LT_OK);
    feed_rows(&j.rig, LEFT, left, 2, LT_OK);
    assert_int_equal(j.rig.lines.count, 4); /* (4,2) (4,1) (2,2) (2,1) */
    assert_int_equal(j.rig.rejected, 2);
    assert_int_equal(j.rig.op->ledger.rejected, 2);
    assert_int_equal(j.rig.op->ledger.used, 3);
    h_op_free(&j.rig);
    h_deinit(&j.rig);
}

static void test_fail_policy(void **state)
{
    (void)state;
    j_rig j;
    init_division(&j);
    j.rig.fail_rejects = true;
    const int64_t right[] = {2, 0, 1}, left[] = {4, 2};
    feed_rows(&j.rig, RIGHT, right, 3, LT_OK);
    feed_rows(&j.rig, LEFT, left, 2, LT_ERR_DATA);
    assert_int_equal(j.rig.lines.count, 1); /* what came before the failing pair */
    assert_string_equal(j.rig.lines.items[0], "+I|2|k4|4|k2|1");
    h_op_free(&j.rig);
    h_deinit(&j.rig);
}

/* ---- allocations ---- */

static bool run_failing(j_rig *j, const j_event *events, int64_t n)
{
    h_rig *rig = &j->rig;
    lt_batch *batches[EVENTS];
    int sides[EVENTS];
    size_t count = 0;
    h_event rows[EVENTS];
    for (size_t from = 0, to; from < EVENTS; from = to) {
        to = batch_end(events, from, 64);
        to_h_events(events + from, to - from, rows);
        sides[count] = events[from].side;
        batches[count++] = h_batch(rig, rows, 0, to - from);
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
    j_rig j;
    j_event events[EVENTS];
    j_events(&cases[2], 5, events);
    j_init(&j, &cases[2]);
    j.rig.config = (h_config){16, false, true};
    int64_t n = 0;
    while (!run_failing(&j, events, n)) {
        n++;
        assert_true(n < 100000);
    }
    assert_true(n > 0);
    h_deinit(&j.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_rejects),
        cmocka_unit_test(test_fail_policy),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
