/* Lists against a naive model: short and long ones, equal rows, rows of all lengths, a time to
 * live, failed allocations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "data_random.h"
#include "os/env_sim.h"
#include "state/state.h"

#define KEYS 12

static const lt_type text_type = {
    .kind = LT_TYPE_VARCHAR, .nullable = true, .length = LT_LENGTH_MAX};
static const lt_type long_type = {.kind = LT_TYPE_BIGINT, .nullable = false};

typedef struct {
    lt_mem mem;
    lt_arena *arena;
    lt_arena *scratch;
    lt_env *env;
    lt_state *state;
    lt_lists *lists;
    lt_rowcodec *key_codec;
    lt_rowcodec *row_codec;
} fixture;

static lt_status fixture_init_as(fixture *fix, const lt_lists_decl *as, int64_t fail_at,
                                 lt_error *err)
{
    static const lt_sim_options options = {.seed = 1, .start_wall_us = 1000000};
    const lt_type *types[] = {&long_type, &text_type};
    memset(fix, 0, sizeof *fix);
    lt_mem_init(&fix->mem, NULL, "test", 0);
    fix->env = lt_env_sim_new(&fix->mem, &options);
    fix->arena = lt_arena_new(&fix->mem, 1 << 20);
    fix->scratch = lt_arena_new(&fix->mem, 1 << 24);
    assert_true(fix->env && fix->arena && fix->scratch);
    fix->key_codec = lt_rowcodec_new(fix->arena, types, 1, false);
    fix->row_codec = lt_rowcodec_new(fix->arena, types, 2, false);
    fix->mem.alloc_count = 0;
    fix->mem.fail_at = fail_at;
    fix->state = lt_state_new(&fix->mem, fix->env);
    lt_lists_decl decl = *as;
    decl.name = "lists";
    decl.key = fix->key_codec;
    decl.group_fields = 1;
    return fix->state ? lt_state_lists(fix->state, &decl, &fix->lists, err) : LT_ERR_NOMEM;
}

static lt_status fixture_init(fixture *fix, int64_t ttl_ms, int64_t fail_at, lt_error *err)
{
    const lt_lists_decl as = {.ttl_ms = ttl_ms};
    return fixture_init_as(fix, &as, fail_at, err);
}

static void fixture_deinit(fixture *fix)
{
    lt_state_free(fix->state);
    lt_arena_free(fix->arena);
    lt_arena_free(fix->scratch);
    lt_env_sim_free(fix->env);
    assert_int_equal(fix->mem.bytes, 0);
}

/* Key rows and value rows of some ids; a value's text is as long as its id. */
static lt_status encode(fixture *fix, const uint32_t *keys, const uint32_t *ids, uint32_t count,
                        lt_rows *key_rows, lt_rows *rows, lt_error *err)
{
    lt_col cols[3];
    const lt_col *key_ptrs[] = {&cols[0]};
    const lt_col *ptrs[] = {&cols[1], &cols[2]};
    lt_arena_reset(fix->scratch, 1 << 24);
    if (!lt_col_init(&cols[0], &long_type, count, fix->scratch) ||
        !lt_col_init(&cols[1], &long_type, count, fix->scratch) ||
        !lt_col_init(&cols[2], &text_type, count, fix->scratch)) {
        return LT_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        LT_COL_DATA(&cols[0], int64_t)[i] = keys[i];
        LT_COL_DATA(&cols[1], int64_t)[i] = ids[i];
        char *text = lt_arena_printf(fix->scratch, "%*u", (int)(ids[i] % 50), ids[i]);
        if (!text) {
            return LT_ERR_NOMEM;
        }
        LT_COL_DATA(&cols[2], lt_strv)[i] = lt_strv_make(text, strlen(text));
    }
    LT_TRY(lt_rowcodec_encode(fix->key_codec, key_ptrs, NULL, count, fix->scratch, key_rows, err));
    return lt_rowcodec_encode(fix->row_codec, ptrs, NULL, count, fix->scratch, rows, err);
}

typedef struct {
    uint32_t *ids[KEYS];
    uint32_t counts[KEYS];
} model;

static void model_append(model *m, uint32_t key, uint32_t id)
{
    m->ids[key] = realloc(m->ids[key], sizeof(uint32_t) * (m->counts[key] + 1));
    m->ids[key][m->counts[key]++] = id;
}

static bool model_remove(model *m, uint32_t key, uint32_t id)
{
    for (uint32_t i = 0; i < m->counts[key]; i++) {
        if (m->ids[key][i] == id) {
            uint32_t rest = --m->counts[key] - i;
            memmove(m->ids[key] + i, m->ids[key] + i + 1, sizeof(uint32_t) * rest);
            return true;
        }
    }
    return false;
}

static void check(fixture *fix, const model *m)
{
    uint32_t keys[KEYS];
    uint64_t cursors[KEYS];
    uint64_t total = 0;
    lt_rows key_rows, rows;
    lt_error err;
    for (uint32_t k = 0; k < KEYS; k++) {
        keys[k] = k;
    }
    assert_int_equal(encode(fix, keys, keys, KEYS, &key_rows, &rows, &err), LT_OK);
    assert_int_equal(lt_lists_find(fix->lists, &key_rows, cursors, &err), LT_OK);
    for (uint32_t k = 0; k < KEYS; k++) {
        for (uint32_t i = 0; i < m->counts[k]; i++) {
            const uint8_t *bytes;
            uint32_t len;
            int64_t id;
            assert_true(cursors[k] != 0);
            lt_lists_next(fix->lists, &cursors[k], &bytes, &len);
            memcpy(&id, bytes + 1, 8); /* behind the null mask */
            assert_int_equal(id, m->ids[k][i]);
            assert_true(len >= 9 + id % 50);
        }
        assert_true(cursors[k] == 0);
        total += m->counts[k];
    }
    assert_int_equal(lt_lists_count(fix->lists), total);
    assert_int_equal(lt_state_rows(fix->state), total);
}

/* Key 0 gets most rows. */
static uint32_t pick_key(test_rng *rng)
{
    return rng_below(rng, 2) ? 0 : rng_below(rng, KEYS);
}

static lt_status step(fixture *fix, model *m, test_rng *rng, uint32_t ids, bool more, lt_error *err)
{
    enum { MAX = 600 };
    uint32_t keys[MAX], values[MAX];
    uint8_t found[MAX];
    uint32_t count = 1 + rng_below(rng, rng_below(rng, 10) ? 20 : MAX);
    lt_rows key_rows, rows;
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = pick_key(rng);
        values[i] = rng_below(rng, ids);
    }
    LT_TRY(encode(fix, keys, values, count, &key_rows, &rows, err));
    if (rng_below(rng, 8) < (more ? 5U : 3U)) {
        uint64_t before = lt_lists_count(fix->lists);
        lt_status st = lt_lists_append(fix->lists, &key_rows, &rows, err);
        uint64_t done = lt_lists_count(fix->lists) - before;
        assert_true(st != LT_OK || done == count);
        for (uint32_t i = 0; i < done; i++) {
            model_append(m, keys[i], values[i]);
        }
        return st;
    }
    LT_TRY(lt_lists_remove(fix->lists, &key_rows, &rows, found, err));
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(found[i], model_remove(m, keys[i], values[i]));
    }
    return LT_OK;
}

static void model_free(model *m)
{
    for (uint32_t k = 0; k < KEYS; k++) {
        free(m->ids[k]);
    }
}

static void matches_the_model(void **state)
{
    (void)state;
    static const uint32_t ranges[] = {3, 40, 1000, 100000};
    for (size_t r = 0; r < LT_COUNT_OF(ranges); r++) {
        fixture fix;
        lt_error err;
        model m = {{0}, {0}};
        test_rng rng = {r + 1};
        assert_int_equal(fixture_init(&fix, 0, -1, &err), LT_OK);
        for (uint32_t i = 0; i < 1500; i++) {
            assert_int_equal(step(&fix, &m, &rng, ranges[r], i % 600 < 300, &err), LT_OK);
            if (i % 50 == 0) {
                check(&fix, &m);
            }
        }
        check(&fix, &m);
        model_free(&m);
        fixture_deinit(&fix);
    }
}

/* A list that is saved while its rows are in an index goes on as before. */
static void goes_on_after_loading(void **state)
{
    (void)state;
    fixture a, b;
    lt_error err;
    model m = {{0}, {0}};
    test_rng rng = {8};
    lt_text text;
    size_t used;
    assert_int_equal(fixture_init(&a, 0, -1, &err), LT_OK);
    assert_int_equal(fixture_init(&b, 0, -1, &err), LT_OK);
    lt_text_init(&text, &a.mem);
    for (uint32_t i = 0; i < 300; i++) {
        assert_int_equal(step(&a, &m, &rng, 500, true, &err), LT_OK);
    }
    assert_int_equal(lt_state_save(a.state, &text, &err), LT_OK);
    assert_int_equal(lt_state_load(b.state, text.ptr, text.len, &used, &err), LT_OK);
    for (uint32_t i = 0; i < 300; i++) {
        check(&b, &m);
        assert_int_equal(step(&b, &m, &rng, 500, false, &err), LT_OK);
    }
    model_free(&m);
    lt_text_deinit(&text);
    fixture_deinit(&a);
    fixture_deinit(&b);
}

static void idle_lists_go(void **state)
{
    (void)state;
    fixture fix;
    lt_error err;
    model m = {{0}, {0}};
    test_rng rng = {8};
    assert_int_equal(fixture_init(&fix, 1000, -1, &err), LT_OK);
    for (uint32_t i = 0; i < 30; i++) {
        assert_int_equal(step(&fix, &m, &rng, 50, true, &err), LT_OK);
    }
    check(&fix, &m);
    lt_sim_advance_us(fix.env, 1000000);
    memset(m.counts, 0, sizeof m.counts);
    for (uint32_t i = 0; i < 30; i++) {
        uint32_t key = 5, id = i;
        lt_rows key_rows, rows;
        assert_int_equal(encode(&fix, &key, &id, 1, &key_rows, &rows, &err), LT_OK);
        assert_int_equal(lt_lists_append(fix.lists, &key_rows, &rows, &err), LT_OK);
        model_append(&m, key, id);
    }
    check(&fix, &m);
    model_free(&m);
    fixture_deinit(&fix);
}

static void survives_failed_allocations(void **state)
{
    (void)state;
    bool last = false;
    int64_t nth = 0;
    for (; !last; nth++) {
        fixture fix;
        lt_error err;
        model m = {{0}, {0}};
        test_rng rng = {3};
        lt_status st = fixture_init(&fix, 0, nth, &err);
        for (uint32_t i = 0; i < 40 && st == LT_OK; i++) {
            st = step(&fix, &m, &rng, 100, i % 20 < 14, &err);
        }
        assert_true(st == LT_OK || st == LT_ERR_NOMEM);
        last = fix.mem.alloc_count <= nth;
        assert_true(!last || st == LT_OK);
        fix.mem.fail_at = -1;
        if (fix.lists) {
            check(&fix, &m);
            for (uint32_t i = 0; i < 10; i++) {
                assert_int_equal(step(&fix, &m, &rng, 100, false, &err), LT_OK);
            }
            check(&fix, &m);
        }
        model_free(&m);
        fixture_deinit(&fix);
        assert_true(nth < 5000);
    }
    assert_true(nth > 20);
}

/* ---- forms and marks ---- */

#define FORM_ROWS  3000
#define FORM_BATCH 64

typedef struct {
    uint64_t key, id, value;
    int32_t mark;
} form_row;

typedef struct {
    lt_lists_form form;
    form_row rows[FORM_ROWS];
    uint32_t count;
} form_model;

/* Rows as if encoded: the value, as often as it says, then the id. */
typedef struct {
    uint64_t keys[FORM_BATCH], ids[FORM_BATCH];
    uint64_t flat[FORM_BATCH * 10];
    uint32_t offsets[FORM_BATCH + 1];
    uint64_t key_hashes[FORM_BATCH], id_hashes[FORM_BATCH], row_hashes[FORM_BATCH];
    lt_rows key_rows, id_rows, rows;
} form_bytes;

static void form_encode(const form_row *from, uint32_t count, form_bytes *to)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t start = at;
        to->offsets[i] = at * 8;
        to->keys[i] = from[i].key;
        to->ids[i] = from[i].id;
        for (uint64_t n = 0; n <= from[i].value % 8; n++) {
            to->flat[at++] = from[i].value;
        }
        to->flat[at++] = from[i].id;
        to->key_hashes[i] = lt_row_hash((uint8_t *)&to->keys[i], 8);
        to->id_hashes[i] = lt_row_hash((uint8_t *)&to->ids[i], 8);
        to->row_hashes[i] = lt_row_hash((uint8_t *)&to->flat[start], 8 * (at - start));
    }
    to->offsets[count] = at * 8;
    to->key_rows = (lt_rows){count, 8, (uint8_t *)to->keys, NULL, to->key_hashes};
    to->id_rows = (lt_rows){count, 8, (uint8_t *)to->ids, NULL, to->id_hashes};
    to->rows = (lt_rows){count, 0, (uint8_t *)to->flat, to->offsets, to->row_hashes};
}

static bool form_remove(form_model *m, const form_row *row)
{
    for (uint32_t i = 0; i < m->count; i++) {
        const form_row *own = &m->rows[i];
        bool same_id = m->form == LT_LISTS_SINGLE || own->id == row->id;
        bool same_value = m->form != LT_LISTS_BAG || own->value == row->value;
        if (own->key == row->key && same_id && same_value) {
            memmove(&m->rows[i], &m->rows[i + 1], (--m->count - i) * sizeof *row);
            return true;
        }
    }
    return false;
}

static void form_check(fixture *fix, const form_model *m)
{
    form_row heads[KEYS] = {{0}};
    form_bytes bytes;
    uint64_t cursors[KEYS];
    uint32_t sizes[KEYS];
    lt_error err;
    for (uint64_t k = 0; k < KEYS; k++) {
        heads[k].key = k;
    }
    form_encode(heads, KEYS, &bytes);
    assert_int_equal(lt_lists_find(fix->lists, &bytes.key_rows, cursors, &err), LT_OK);
    lt_lists_sizes(fix->lists, &bytes.key_rows, sizes);
    for (uint32_t i = 0; i < m->count; i++) {
        const form_row *row = &m->rows[i];
        uint64_t *cursor = &cursors[row->key];
        const uint8_t *own;
        uint32_t len;
        assert_true(*cursor != 0);
        assert_int_equal(lt_lists_mark(fix->lists, *cursor), row->mark);
        lt_lists_next(fix->lists, cursor, &own, &len);
        uint64_t value;
        memcpy(&value, own, 8);
        assert_int_equal(value, row->value);
        uint64_t id_len = m->form == LT_LISTS_KEYED ? 0 : 8;
        assert_int_equal(len, (row->value % 8 + 1) * 8 + id_len);
        sizes[row->key]--;
    }
    for (uint32_t k = 0; k < KEYS; k++) {
        assert_true(cursors[k] == 0 && sizes[k] == 0);
    }
}

static void form_step(fixture *fix, form_model *m, test_rng *rng)
{
    form_row rows[FORM_BATCH];
    uint8_t adds[FORM_BATCH], found[FORM_BATCH];
    int32_t marks[FORM_BATCH];
    form_bytes bytes;
    lt_error err;
    uint32_t count = 1 + rng_below(rng, FORM_BATCH);
    bool more = m->count + FORM_BATCH < FORM_ROWS;
    for (uint32_t i = 0; i < count; i++) {
        marks[i] = (int32_t)rng_below(rng, 100) - 50;
        adds[i] = more && rng_below(rng, 3) > 0;
        rows[i] = (form_row){pick_key(rng), rng_below(rng, 60), rng_below(rng, 4), marks[i]};
    }
    form_encode(rows, count, &bytes);
    const lt_lists_change change = {.keys = &bytes.key_rows,
                                    .rows = &bytes.rows,
                                    .ids = m->form == LT_LISTS_KEYED ? &bytes.id_rows : NULL,
                                    .marks = marks,
                                    .adds = adds,
                                    .found = found};
    assert_int_equal(lt_lists_apply(fix->lists, &change, &err), LT_OK);
    for (uint32_t i = 0; i < count; i++) {
        if (!adds[i]) {
            assert_int_equal(found[i], form_remove(m, &rows[i]));
            continue;
        }
        if (m->form != LT_LISTS_BAG) {
            (void)form_remove(m, &rows[i]);
        }
        m->rows[m->count++] = rows[i];
    }
}

/* Of the first row of a key. */
static void form_set_mark(fixture *fix, form_model *m, test_rng *rng)
{
    form_row head = {.key = pick_key(rng)};
    form_bytes bytes;
    uint64_t cursor;
    lt_error err;
    form_encode(&head, 1, &bytes);
    assert_int_equal(lt_lists_find(fix->lists, &bytes.key_rows, &cursor, &err), LT_OK);
    for (uint32_t i = 0; i < m->count && cursor != 0; i++) {
        if (m->rows[i].key == head.key) {
            m->rows[i].mark = (int32_t)rng_below(rng, 1000);
            lt_lists_mark_set(fix->lists, cursor, m->rows[i].mark);
            return;
        }
    }
    assert_true(cursor == 0);
}

static void check_form(lt_lists_form form)
{
    static form_model m;
    const lt_lists_decl as = {.form = form, .marked = true};
    fixture fixes[2];
    lt_error err;
    test_rng rng = {(uint64_t)form + 1};
    lt_text text;
    size_t used;
    m = (form_model){.form = form};
    assert_int_equal(fixture_init_as(&fixes[0], &as, -1, &err), LT_OK);
    assert_int_equal(fixture_init_as(&fixes[1], &as, -1, &err), LT_OK);
    lt_text_init(&text, &fixes[0].mem);
    for (uint32_t i = 0; i < 400; i++) {
        form_step(&fixes[0], &m, &rng);
        form_set_mark(&fixes[0], &m, &rng);
        form_check(&fixes[0], &m);
    }
    assert_int_equal(lt_state_save(fixes[0].state, &text, &err), LT_OK);
    assert_int_equal(lt_state_load(fixes[1].state, text.ptr, text.len, &used, &err), LT_OK);
    for (uint32_t i = 0; i < 100; i++) {
        form_check(&fixes[1], &m);
        form_step(&fixes[1], &m, &rng);
    }
    lt_text_deinit(&text);
    fixture_deinit(&fixes[0]);
    fixture_deinit(&fixes[1]);
}

static void forms_match_the_model(void **state)
{
    (void)state;
    check_form(LT_LISTS_BAG);
    check_form(LT_LISTS_KEYED);
    check_form(LT_LISTS_SINGLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_the_model),           cmocka_unit_test(goes_on_after_loading),
        cmocka_unit_test(forms_match_the_model),       cmocka_unit_test(idle_lists_go),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
