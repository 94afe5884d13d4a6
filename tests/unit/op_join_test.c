/* Joins of all kinds against nested loops over plain arrays: kinds, NULL keys, conditions,
 * conditions that fail, output that must wait, snapshots, failing allocations. */
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
    lt_lists_form form;
} j_case;

static const j_case cases[] = {
    {"key", true, false, false, false, false, 8, LT_LISTS_BAG},
    {"key, updates", true, false, false, false, true, 8, LT_LISTS_BAG},
    {"key, condition", true, false, false, true, true, 6, LT_LISTS_BAG},
    {"null-safe key", true, false, true, false, true, 6, LT_LISTS_BAG},
    {"two keys", true, true, false, false, true, 3, LT_LISTS_BAG},
    {"string key", false, true, false, true, false, 4, LT_LISTS_BAG},
    {"no key", false, false, false, true, true, 30, LT_LISTS_BAG},
    {"one hot key", true, false, false, false, true, 1, LT_LISTS_BAG},
    {"ids", true, false, false, false, true, 4, LT_LISTS_KEYED},
    {"ids, condition", true, false, false, true, true, 2, LT_LISTS_KEYED},
    {"one row a key", true, false, false, true, true, 6, LT_LISTS_SINGLE},
};

static const char *const type_names[] = {"inner", "left", "right", "full", "semi", "anti"};

#define EVENTS 240

/* ---- reference: rows one by one, nested loops ---- */

typedef struct {
    j_event event;
    int partners;
} j_row;

typedef struct {
    j_row rows[EVENTS];
    size_t count;
} j_table;

typedef struct {
    const j_case *c;
    lt_join_type type;
    j_table tables[2];
    h_lines *lines;
} j_model;

/* Rows are equal in what the operator keeps of them (of the right side v is only kept as a key), or
 * in what tells them apart. */
static bool j_same(const j_case *c, const j_event *a, const j_event *b)
{
    bool v = c->key_v || a->side == LEFT;
    bool same_v = !v || (a->v_null == b->v_null && (a->v_null || a->v == b->v));
    bool same_k = c->form == LT_LISTS_SINGLE || a->k == b->k;
    return same_k && same_v;
}

static bool j_has_key(const j_case *c, const j_event *e)
{
    return !c->key_v || c->null_safe || !e->v_null;
}

static bool j_matches(const j_case *c, const j_event *l, const j_event *r)
{
    if (!j_has_key(c, l) || !j_has_key(c, r)) {
        return false;
    }
    if (c->key_v && (l->v_null != r->v_null || (!l->v_null && l->v != r->v))) {
        return false;
    }
    if (c->key_s && l->k != r->k) {
        return false;
    }
    return !c->condition || l->k <= r->k + 1;
}

static void j_texts(const j_event *e, char *k, char *s, char *v, size_t size)
{
    (void)snprintf(k, size, e ? "%lld" : "NULL", e ? (long long)e->k : 0);
    (void)snprintf(s, size,
                   !e         ? "NULL"
                   : e->k % 2 ? "key number %lld, of some length"
                              : "k%lld",
                   e ? (long long)e->k : 0);
    (void)snprintf(v, size, !e || e->v_null ? "NULL" : "%lld", e ? (long long)e->v : 0);
}

/* NULL = the side's columns are NULL. */
static void j_line(const j_model *m, uint8_t kind, const j_event *l, const j_event *r)
{
    static const char *const kinds[] = {"+I", "-U", "+U", "-D"};
    char lk[64], ls[64], lv[64], rk[64], rs[64], rv[64], line[400];
    j_texts(l, lk, ls, lv, sizeof lk);
    j_texts(r, rk, rs, rv, sizeof rk);
    if (m->type == LT_JOIN_TYPE_SEMI || m->type == LT_JOIN_TYPE_ANTI) {
        (void)snprintf(line, sizeof line, "%s|%s|%s|%s", kinds[kind], ls, lk, lv);
    } else {
        (void)snprintf(line, sizeof line, "%s|%s|%s|%s|%s|%s", kinds[kind], rk, ls, lk, rs, lv);
    }
    h_push(m->lines, line);
}

/* In order of the sides, whichever row is at hand. */
static void j_pair(const j_model *m, uint8_t kind, const j_event *e, const j_event *other, int side)
{
    j_line(m, kind, side == LEFT ? e : other, side == LEFT ? other : e);
}

static bool j_is_outer(const j_model *m, int side)
{
    return m->type == LT_JOIN_TYPE_FULL ||
           m->type == (side == LEFT ? LT_JOIN_TYPE_LEFT : LT_JOIN_TYPE_RIGHT);
}

static void j_store(j_model *m, const j_event *e, int partners)
{
    j_table *own = &m->tables[e->side];
    bool add = lt_kind_is_add(e->kind);
    if (!j_has_key(m->c, e)) {
        return;
    }
    for (size_t p = 0; (!add || m->c->form != LT_LISTS_BAG) && p < own->count; p++) {
        if (j_same(m->c, &own->rows[p].event, e)) {
            memmove(&own->rows[p], &own->rows[p + 1], (own->count - p - 1) * sizeof own->rows[0]);
            own->count--;
            break;
        }
    }
    if (add) {
        own->rows[own->count++] = (j_row){*e, partners};
    }
}

/* The pairs of one row, and what becomes of the partners whose first or last one it is. */
static int j_pairs(j_model *m, const j_event *e)
{
    j_table *other = &m->tables[1 - e->side];
    bool add = lt_kind_is_add(e->kind);
    bool exists = m->type == LT_JOIN_TYPE_SEMI || m->type == LT_JOIN_TYPE_ANTI;
    bool own_outer = j_is_outer(m, e->side), other_outer = j_is_outer(m, 1 - e->side);
    uint8_t kind = own_outer || (other_outer && add) ? (add ? LT_INSERT : LT_DELETE) : e->kind;
    int count = 0;
    for (size_t p = 0; p < other->count; p++) {
        j_row *row = &other->rows[p];
        if (!j_matches(m->c, e->side == LEFT ? e : &row->event,
                       e->side == LEFT ? &row->event : e)) {
            continue;
        }
        count++;
        bool turns = row->partners == (add ? 0 : 1);
        row->partners += add ? 1 : -1;
        if (exists) {
            if (turns && e->side == RIGHT) {
                uint8_t turned = add ? LT_DELETE : LT_INSERT;
                j_line(m, m->type == LT_JOIN_TYPE_SEMI ? e->kind : turned, &row->event, NULL);
            }
            continue;
        }
        if (turns && other_outer && add) {
            j_pair(m, LT_DELETE, NULL, &row->event, e->side);
        }
        j_pair(m, kind, e, &row->event, e->side);
        if (turns && other_outer && !add) {
            j_pair(m, LT_INSERT, NULL, &row->event, e->side);
        }
    }
    return count;
}

static void j_reference(const j_case *c, lt_join_type type, const j_event *events, h_lines *lines)
{
    j_model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->c = c;
    m->type = type;
    m->lines = lines;
    for (size_t i = 0; i < EVENTS; i++) {
        const j_event *e = &events[i];
        bool add = lt_kind_is_add(e->kind);
        int count = j_pairs(m, e);
        if (e->side == LEFT && type == (count > 0 ? LT_JOIN_TYPE_SEMI : LT_JOIN_TYPE_ANTI)) {
            j_line(m, e->kind, e, NULL);
        }
        if (count == 0 && j_is_outer(m, e->side)) {
            j_pair(m, add ? LT_INSERT : LT_DELETE, e, NULL, e->side);
        }
        j_store(m, e, count);
    }
    free(m);
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
static const uint32_t left_out_cols[] = {1, 0, 2};
static const uint32_t id_cols[] = {COL_K};

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

static void j_init(j_rig *j, const j_case *c, lt_join_type type)
{
    bool exists = type == LT_JOIN_TYPE_SEMI || type == LT_JOIN_TYPE_ANTI;
    const uint32_t *outs = exists ? left_out_cols : out_cols;
    uint32_t out_count = exists ? 3 : 5;
    h_rig *rig = &j->rig;
    h_init(rig);
    rig->in_count = 2;
    rig->emit.put = j_put;
    lt_field pair[5], out[5];
    for (uint32_t i = 0; i < 5; i++) {
        pair[i] = rig->in_schema->fields[i < 3 ? left_cols[i] : right_cols[i - 3]];
    }
    for (uint32_t i = 0; i < 5; i++) {
        pair[i].type = lt_type_with_nullable(rig->arena, pair[i].type, true);
    }
    for (uint32_t i = 0; i < out_count; i++) {
        out[i] = pair[outs[i]];
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
    const lt_join_rows rows = {.form = c->form, .ids = id_cols, .id_count = 1};
    bool pads = type != LT_JOIN_TYPE_INNER && type != LT_JOIN_TYPE_SEMI;
    j->spec = (lt_join_spec){.type = type,
                             .left_keys = j->keys,
                             .right_keys = j->keys,
                             .key_types = j->key_types,
                             .null_safe = j->null_safe,
                             .key_count = count,
                             .left_cols = left_cols,
                             .right_cols = right_cols,
                             .left_count = 3,
                             .right_count = 2,
                             .pair = lt_schema_new(rig->arena, pair, 5),
                             .out = outs,
                             .updates = c->updates || pads,
                             .rows = {rows, rows}};
    rig->out_schema = lt_schema_new(rig->arena, out, out_count);
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

static void check_case(const j_case *c, lt_join_type type, uint64_t seed)
{
    j_event events[EVENTS];
    h_lines want = {0};
    char name[80];
    (void)snprintf(name, sizeof name, "%s join, %s", type_names[type], c->name);
    j_events(c, seed, events);
    j_reference(c, type, events, &want);
    assert_true(want.count > 2);
    for (size_t i = 0; i < LT_COUNT_OF(h_configs); i++) {
        j_rig j;
        j_init(&j, c, type);
        j.rig.config = h_configs[i];
        h_op_new(&j.rig);
        h_ok(&j.rig, j_feed(&j.rig, events));
        check_lines(name, &want, &j.rig.lines);
        assert_int_equal(j.rig.op->ledger.in, EVENTS);
        h_op_free(&j.rig);
        h_deinit(&j.rig);
    }
    h_lines_free(&want);
}

static void check_type(lt_join_type type)
{
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        for (uint64_t seed = 1; seed <= 3; seed++) {
            check_case(&cases[i], type, seed * 7919 + i);
        }
    }
}

static void test_inner(void **state)
{
    (void)state;
    check_type(LT_JOIN_TYPE_INNER);
}

static void test_left(void **state)
{
    (void)state;
    check_type(LT_JOIN_TYPE_LEFT);
}

static void test_right(void **state)
{
    (void)state;
    check_type(LT_JOIN_TYPE_RIGHT);
}

static void test_full(void **state)
{
    (void)state;
    check_type(LT_JOIN_TYPE_FULL);
}

static void test_semi(void **state)
{
    (void)state;
    check_type(LT_JOIN_TYPE_SEMI);
}

static void test_anti(void **state)
{
    (void)state;
    check_type(LT_JOIN_TYPE_ANTI);
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

static void init_division(j_rig *j, lt_join_type type)
{
    const j_case c = {.key_v = true};
    j_init(j, &c, type);
    lt_expr *ratio = h_call(&j->rig, "/", pair_col(j, 0), pair_col(j, 3));
    j->spec.condition = h_call(&j->rig, ">", ratio, h_int(&j->rig, 0));
    j->rig.config = (h_config){1024, false, false};
    h_op_new(&j->rig);
}

static void test_rejects(void **state)
{
    (void)state;
    j_rig j;
    init_division(&j, LT_JOIN_TYPE_INNER);
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
    init_division(&j, LT_JOIN_TYPE_INNER);
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

static void check_faults(const j_case *c, lt_join_type type)
{
    j_rig j;
    j_event events[EVENTS];
    j_events(c, 5, events);
    j_init(&j, c, type);
    j.rig.config = (h_config){16, false, true};
    int64_t n = 0;
    while (!run_failing(&j, events, n)) {
        n++;
        assert_true(n < 100000);
    }
    assert_true(n > 0);
    h_deinit(&j.rig);
}

static void test_faults(void **state)
{
    (void)state;
    check_faults(&cases[2], LT_JOIN_TYPE_INNER);
    check_faults(&cases[2], LT_JOIN_TYPE_FULL);
    check_faults(&cases[9], LT_JOIN_TYPE_LEFT);
    check_faults(&cases[1], LT_JOIN_TYPE_ANTI);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inner),   cmocka_unit_test(test_left),
        cmocka_unit_test(test_right),   cmocka_unit_test(test_full),
        cmocka_unit_test(test_semi),    cmocka_unit_test(test_anti),
        cmocka_unit_test(test_rejects), cmocka_unit_test(test_fail_policy),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
