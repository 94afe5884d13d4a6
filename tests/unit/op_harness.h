/* Drives one operator as the framework would: cuts or passes batches by its marks policy, resets
 * scratch, resumes after LT_FULL, checks the ledger after every callback, and can replace the
 * operator by its own snapshot between batches. Output is kept as text lines, marks included.
 *
 * Input rows have one schema: (ts TIMESTAMP(3), k BIGINT, s STRING, v BIGINT, ws TIMESTAMP(3), we
 * TIMESTAMP(3)); s follows from k. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expr/aggregate.h"
#include "op/op.h"
#include "op/specs.h"
#include "os/env_sim.h"

enum { COL_TS, COL_K, COL_S, COL_V, COL_WS, COL_WE, COL_COUNT };

typedef struct {
    bool mark; /* then ts is the watermark */
    uint8_t kind;
    bool v_null;
    bool ts_null;
    int64_t ts, k, v, ws, we;
} h_event;

typedef struct {
    char **items;
    size_t count, cap;
} h_lines;

typedef struct {
    uint32_t batch_rows; /* rows per input and output batch */
    bool snapshots;      /* after every batch */
    bool tiny;           /* room for as few batches as the contract allows */
} h_config;

static const h_config h_configs[] = {
    {1024, false, false}, {1, false, false}, {7, false, false},  {7, true, false},
    {3, false, true},     {1, true, true},   {1024, true, true},
};

typedef struct {
    lt_emit emit;
    lt_reject_sink rejects;
    lt_mem mem;
    lt_env *env;
    lt_arena *arena;
    lt_arena *scratch;
    lt_batch_pool *pool;
    lt_session session;
    lt_expr_builder b;
    const lt_schema *in_schema;
    const lt_schema *out_schema;
    const lt_op_class *cls;
    const void *spec;
    lt_op *op;
    lt_arena *op_arena;
    lt_state *state;
    const lt_schema *ins[4];
    uint32_t in_count;
    h_config config;
    uint32_t room; /* batches that emit takes before LT_FULL */
    h_lines lines;
    uint64_t rejected;
    bool fail_rejects;
    lt_error err;
} h_rig;

/* ---- lines ---- */

static void h_push(h_lines *lines, const char *text)
{
    if (lines->count == lines->cap) {
        lines->cap = lines->cap ? lines->cap * 2 : 64;
        lines->items = realloc(lines->items, lines->cap * sizeof(char *));
        assert_non_null(lines->items);
    }
    lines->items[lines->count++] = strdup(text);
}

static void h_lines_free(h_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->items[i]);
    }
    free(lines->items);
    *lines = (h_lines){0};
}

/* Of marks without rows between them only the last says something. */
static void h_push_mark(h_lines *lines, int64_t watermark)
{
    char text[64];
    if (lines->count > 0 && lines->items[lines->count - 1][0] == 'W') {
        free(lines->items[--lines->count]);
    }
    (void)snprintf(text, sizeof text, "W%lld", (long long)watermark);
    h_push(lines, text);
}

static int h_line_cmp(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts the rows between two marks. */
LT_UNUSED static void h_sort(h_lines *lines)
{
    size_t from = 0;
    for (size_t i = 0; i <= lines->count; i++) {
        if (i == lines->count || lines->items[i][0] == 'W') {
            qsort(lines->items + from, i - from, sizeof(char *), h_line_cmp);
            from = i + 1;
        }
    }
}

LT_UNUSED static void h_assert_same(const h_lines *got, const h_lines *want, const char *what)
{
    size_t common = got->count < want->count ? got->count : want->count;
    for (size_t i = 0; i < common; i++) {
        if (strcmp(got->items[i], want->items[i]) != 0) {
            for (size_t j = i > 3 ? i - 3 : 0; getenv("OP_TEST_SHOW") && j < i + 4 && j < common;
                 j++) {
                print_message("%zu: %s / %s\n", j, got->items[j], want->items[j]);
            }
            fail_msg("%s: line %zu is `%s`, expected `%s`", what, i, got->items[i], want->items[i]);
        }
    }
    if (got->count != want->count) {
        fail_msg("%s: %zu lines, expected %zu; first difference `%s`", what, got->count,
                 want->count, got->count > common ? got->items[common] : want->items[common]);
    }
}

static void h_value_text(const lt_col *col, uint32_t row, char *to, size_t size)
{
    if (lt_col_is_null(col, row)) {
        (void)snprintf(to, size, "NULL");
    } else if (col->phys == LT_PHYS_STR) {
        const lt_strv *view = &LT_COL_DATA(col, const lt_strv)[row];
        (void)snprintf(to, size, "%.*s", (int)view->len, lt_strv_ptr(view));
    } else if (col->phys == LT_PHYS_I32) {
        (void)snprintf(to, size, "%d", LT_COL_DATA(col, const int32_t)[row]);
    } else if (col->phys == LT_PHYS_F64) {
        (void)snprintf(to, size, "%.17g", LT_COL_DATA(col, const double)[row]);
    } else if (col->phys == LT_PHYS_I128) {
        lt_i128 value = LT_COL_DATA(col, const lt_i128)[row];
        (void)snprintf(to, size, "%lld:%llu", (long long)(value >> 64), (unsigned long long)value);
    } else {
        assert_int_equal(col->phys, LT_PHYS_I64);
        (void)snprintf(to, size, "%lld", (long long)LT_COL_DATA(col, const int64_t)[row]);
    }
}

static void h_capture(h_rig *rig, const lt_batch *batch)
{
    static const char *const kinds[] = {"+I", "-U", "+U", "-D"};
    uint32_t mark = 0;
    uint32_t live = lt_batch_live(batch);
    for (uint32_t i = 0; i < live; i++) {
        uint32_t row = lt_batch_row(batch, i);
        for (; mark < batch->mark_count && batch->marks[mark].first_row <= row; mark++) {
            h_push_mark(&rig->lines, batch->marks[mark].watermark);
        }
        char line[512];
        size_t at = (size_t)snprintf(line, sizeof line, "%s", kinds[lt_batch_kind(batch, row)]);
        if (i + 1 == live) {
            assert_int_not_equal(lt_batch_kind(batch, row), LT_UPDATE_BEFORE);
        }
        for (uint32_t c = 0; c < batch->col_count; c++) {
            char text[96];
            h_value_text(&batch->cols[c], row, text, sizeof text);
            at += (size_t)snprintf(line + at, sizeof line - at, "|%s", text);
        }
        h_push(&rig->lines, line);
    }
    for (; mark < batch->mark_count; mark++) {
        assert_true(batch->marks[mark].first_row <= batch->row_count);
        h_push_mark(&rig->lines, batch->marks[mark].watermark);
    }
}

/* ---- the framework's side ---- */

static lt_status h_put(lt_emit *out, lt_batch *batch, lt_error *err)
{
    h_rig *rig = (h_rig *)(void *)out;
    (void)err;
    if (rig->room == 0) {
        return LT_FULL;
    }
    rig->room--;
    assert_ptr_equal(batch->schema, rig->out_schema);
    assert_true(batch->row_count > 0 || batch->mark_count > 0);
    h_capture(rig, batch);
    rig->op->ledger.out += lt_batch_live(batch);
    lt_batch_unref(batch);
    return LT_OK;
}

static lt_status h_reject(lt_reject_sink *sink, const lt_reject *reject, lt_error *err)
{
    h_rig *rig = (h_rig *)(void *)((char *)sink - offsetof(h_rig, rejects));
    assert_non_null(reject->code);
    rig->rejected++;
    return rig->fail_rejects ? lt_error_set(err, LT_ERR_DATA, "%.*s", LT_STR_ARG(reject->detail))
                             : LT_OK;
}

static void h_check_ledger(const h_rig *rig)
{
    const lt_ledger *l = &rig->op->ledger;
    assert_int_equal(l->in, l->used + l->filtered + l->late + l->expired + l->rejected + l->held);
}

static void h_before(h_rig *rig, uint32_t room)
{
    lt_arena_reset(rig->scratch, 1 << 16);
    rig->room = rig->config.tiny ? room : UINT32_MAX;
}

/* Goes on while the operator has a cursor, one batch of room at a time. */
static lt_status h_drain(h_rig *rig, lt_status st)
{
    while (st == LT_FULL) {
        h_check_ledger(rig);
        h_before(rig, 1);
        st = rig->cls->resume(rig->op, &rig->emit, &rig->err);
    }
    if (st == LT_OK) {
        h_check_ledger(rig);
    }
    return st;
}

static void h_ok(h_rig *rig, lt_status st)
{
    if (st != LT_OK) {
        fail_msg("status %s: %s", lt_status_name(st), rig->err.text);
    }
}

static lt_status h_feed_part(h_rig *rig, int input_no, lt_batch *batch)
{
    rig->op->ledger.in += lt_batch_live(batch);
    h_before(rig, LT_EMIT_SLOTS);
    return h_drain(rig, rig->cls->on_batch(rig->op, input_no, batch, &rig->emit, &rig->err));
}

static lt_status h_feed_split(h_rig *rig, int input_no, lt_batch *batch)
{
    uint32_t from = 0;
    for (uint32_t m = 0; m <= batch->mark_count; m++) {
        uint32_t to = m < batch->mark_count ? batch->marks[m].first_row : batch->row_count;
        if (to > from) {
            lt_batch *part = lt_batch_slice(rig->pool, batch, from, to);
            if (!part) {
                return LT_ERR_NOMEM;
            }
            part->mark_count = 0;
            lt_status st = h_feed_part(rig, input_no, part);
            lt_batch_unref(part);
            LT_TRY(st);
        }
        from = to;
        if (m < batch->mark_count && batch->marks[m].watermark > rig->op->watermark) {
            int64_t watermark = batch->marks[m].watermark;
            h_before(rig, LT_EMIT_SLOTS);
            if (rig->cls->on_watermark) {
                LT_TRY(h_drain(rig,
                               rig->cls->on_watermark(rig->op, watermark, &rig->emit, &rig->err)));
            }
            rig->op->watermark = watermark;
            h_push_mark(&rig->lines, watermark);
        }
    }
    return LT_OK;
}

static lt_status h_feed(h_rig *rig, int input_no, lt_batch *batch)
{
    int64_t last =
        batch->mark_count ? batch->marks[batch->mark_count - 1].watermark : LT_WATERMARK_MIN;
    lt_status st = LT_OK;
    if (rig->cls->marks == LT_MARKS_SPLIT) {
        st = h_feed_split(rig, input_no, batch);
    } else {
        st = h_feed_part(rig, input_no, batch);
    }
    if (st == LT_OK && rig->cls->marks == LT_MARKS_PASS && last > rig->op->watermark) {
        rig->op->watermark = last;
    }
    assert_true(st != LT_OK || rig->op->watermark >= last || rig->cls->on_timer);
    lt_batch_unref(batch);
    return st;
}

/* The operator is there to be freed even when opening it failed, unless it is NULL. */
static lt_status h_op_open(h_rig *rig)
{
    rig->op = NULL;
    rig->op_arena = lt_arena_new(&rig->mem, 1 << 26);
    rig->state = lt_state_new(&rig->mem, rig->env);
    lt_op *op = lt_mem_zalloc(&rig->mem, rig->cls->self_size);
    if (!rig->op_arena || !rig->state || !op) {
        lt_mem_free(&rig->mem, op, rig->cls->self_size);
        lt_state_free(rig->state);
        lt_arena_free(rig->op_arena);
        return LT_ERR_NOMEM;
    }
    *op = (lt_op){.cls = rig->cls,
                  .spec = rig->spec,
                  .label = "test",
                  .session = &rig->session,
                  .env = rig->env,
                  .mem = &rig->mem,
                  .arena = rig->op_arena,
                  .scratch = rig->scratch,
                  .pool = rig->pool,
                  .state = rig->state,
                  .rejects = &rig->rejects,
                  .in_schemas = rig->ins,
                  .in_count = rig->in_count,
                  .out_schema = rig->out_schema,
                  .batch_rows = rig->config.batch_rows,
                  .watermark = LT_WATERMARK_MIN,
                  .wake_mono_ns = INT64_MAX};
    rig->op = op;
    return rig->cls->open ? rig->cls->open(op, &rig->err) : LT_OK;
}

static void h_op_new(h_rig *rig)
{
    h_ok(rig, h_op_open(rig));
}

static void h_op_free(h_rig *rig)
{
    if (rig->cls->close) {
        rig->cls->close(rig->op);
    }
    lt_mem_free(&rig->mem, rig->op, rig->cls->self_size);
    lt_state_free(rig->state);
    lt_arena_free(rig->op_arena);
    rig->op = NULL;
}

static void h_restart(h_rig *rig)
{
    lt_text tables, scalars;
    lt_text_init(&tables, &rig->mem);
    lt_text_init(&scalars, &rig->mem);
    lt_ledger ledger = rig->op->ledger;
    int64_t watermark = rig->op->watermark;
    h_ok(rig, lt_state_save(rig->state, &tables, &rig->err));
    if (rig->cls->save) {
        h_ok(rig, rig->cls->save(rig->op, &scalars, &rig->err));
        assert_false(scalars.failed);
    }
    h_op_free(rig);
    h_op_new(rig);
    size_t used = 0;
    h_ok(rig, lt_state_load(rig->state, tables.ptr, tables.len, &used, &rig->err));
    if (rig->cls->load) {
        h_ok(rig, rig->cls->load(rig->op, lt_text_str(&scalars), &rig->err));
    }
    rig->op->ledger = ledger;
    rig->op->watermark = watermark;
    lt_text_deinit(&tables);
    lt_text_deinit(&scalars);
}

/* ---- building ---- */

static const lt_schema *h_schema(lt_arena *arena)
{
    const lt_type *ts = lt_type_time(arena, LT_TYPE_TIMESTAMP, 3, true);
    const lt_type *i64 = lt_type_new(arena, LT_TYPE_BIGINT, true);
    const lt_field fields[COL_COUNT] = {
        {LT_STR("ts"), ts},
        {LT_STR("k"), i64},
        {LT_STR("s"), lt_type_sized(arena, LT_TYPE_VARCHAR, LT_LENGTH_MAX, true)},
        {LT_STR("v"), i64},
        {LT_STR("ws"), ts},
        {LT_STR("we"), ts},
    };
    return lt_schema_new(arena, fields, COL_COUNT);
}

static void h_string_of(int64_t k, char *to, size_t size)
{
    (void)snprintf(to, size, k % 2 ? "key number %lld, of some length" : "k%lld", (long long)k);
}

LT_UNUSED static void h_init(h_rig *rig)
{
    memset(rig, 0, sizeof *rig);
    lt_mem_init(&rig->mem, NULL, "test", 0);
    const lt_sim_options options = {.seed = 1, .start_wall_us = 1000000};
    rig->env = lt_env_sim_new(&rig->mem, &options);
    rig->arena = lt_arena_new(&rig->mem, 1 << 26);
    rig->scratch = lt_arena_new(&rig->mem, (size_t)1 << 30);
    rig->pool = lt_batch_pool_new(&rig->mem, 8);
    assert_true(rig->env && rig->arena && rig->scratch && rig->pool);
    rig->session = (lt_session){.mem = &rig->mem, .env = rig->env, .time_zone = LT_STR("UTC")};
    rig->b = (lt_expr_builder){.arena = rig->arena, .session = &rig->session, .fold = true};
    rig->in_schema = h_schema(rig->arena);
    rig->in_count = 1;
    for (int i = 0; i < 4; i++) {
        rig->ins[i] = rig->in_schema;
    }
    rig->emit.put = h_put;
    rig->rejects.put = h_reject;
}

LT_UNUSED static void h_deinit(h_rig *rig)
{
    h_lines_free(&rig->lines);
    lt_batch_pool_free(rig->pool);
    lt_arena_free(rig->scratch);
    lt_arena_free(rig->arena);
    lt_env_sim_free(rig->env);
    lt_mem_deinit(&rig->mem);
}

static lt_expr *h_col(h_rig *rig, uint32_t col)
{
    lt_expr *expr = NULL;
    h_ok(rig, lt_expr_column(&rig->b, col, rig->in_schema->fields[col].type, 0, &expr, &rig->err));
    return expr;
}

LT_UNUSED static lt_expr *h_int(h_rig *rig, int64_t value)
{
    lt_expr *expr = NULL;
    const lt_value literal = {.type = lt_type_new(rig->arena, LT_TYPE_BIGINT, false), .u.i = value};
    h_ok(rig, lt_expr_literal(&rig->b, &literal, 0, &expr, &rig->err));
    return expr;
}

LT_UNUSED static lt_expr *h_call(h_rig *rig, const char *name, lt_expr *a, lt_expr *b)
{
    lt_expr *args[2] = {a, b};
    lt_expr *expr = NULL;
    h_ok(rig, lt_expr_call(&rig->b, lt_str_of(name), args, b ? 2 : 1, 0, &expr, &rig->err));
    return expr;
}

LT_UNUSED static lt_agg *h_agg(h_rig *rig, const char *name, int col, bool distinct,
                               lt_expr *filter, bool retracts)
{
    lt_expr *arg[1] = {col >= 0 ? h_col(rig, (uint32_t)col) : NULL};
    lt_agg *agg = NULL;
    h_ok(rig, lt_agg_bind(&rig->b, lt_str_of(name), arg, col >= 0 ? 1 : 0, distinct, filter,
                          retracts, 0, &agg, &rig->err));
    return agg;
}

/* Output schema of keys, aggregates and, for windows, three bounds. */
LT_UNUSED static const lt_schema *h_agg_schema(h_rig *rig, const uint32_t *keys, uint32_t key_count,
                                               lt_agg *const *aggs, uint32_t agg_count, bool bounds)
{
    lt_field fields[32];
    uint32_t count = 0;
    const lt_type *ts = lt_type_time(rig->arena, LT_TYPE_TIMESTAMP, 3, false);
    for (uint32_t k = 0; k < key_count; k++) {
        fields[count++] = rig->in_schema->fields[keys[k]];
    }
    for (uint32_t a = 0; a < agg_count; a++) {
        fields[count++] = (lt_field){LT_STR("agg"), aggs[a]->result};
    }
    for (int i = 0; bounds && i < 3; i++) {
        fields[count++] = (lt_field){LT_STR("bound"), ts};
    }
    return lt_schema_new(rig->arena, fields, count);
}

static void h_set(lt_batch *batch, uint32_t col, uint32_t row, int64_t value, bool null)
{
    if (null) {
        uint64_t *valid = lt_col_need_valid(&batch->cols[col], batch->row_cap, batch->arena);
        assert_non_null(valid);
        lt_bit_clear(valid, row);
    }
    LT_COL_DATA(&batch->cols[col], int64_t)[row] = value;
}

/* One batch of the events [from, to). Every other one has a dead row after each live one, to
 * exercise selections. */
static lt_batch *h_batch(h_rig *rig, const h_event *events, size_t from, size_t to)
{
    uint32_t rows = 0;
    bool kinds = false;
    for (size_t i = from; i < to; i++) {
        rows += !events[i].mark;
        kinds = kinds || (!events[i].mark && events[i].kind != LT_INSERT);
    }
    bool holes = from % 2 == 1;
    uint32_t step = holes ? 2 : 1;
    lt_batch *batch = lt_batch_new(rig->pool, rig->in_schema, rows * step + 1);
    assert_non_null(batch);
    batch->kinds = kinds ? lt_arena_zalloc(batch->arena, rows * step + 1, 8) : NULL;
    batch->sel = holes ? lt_arena_alloc(batch->arena, sizeof(uint32_t) * (rows + 1), 8) : NULL;
    uint32_t at = 0;
    for (size_t i = from; i < to; i++) {
        const h_event *e = &events[i];
        if (e->mark) {
            assert_true(lt_batch_add_mark(batch, at, e->ts));
            continue;
        }
        char text[64];
        h_string_of(e->k, text, sizeof text);
        char *copy = lt_arena_strndup(batch->arena, text, strlen(text));
        h_set(batch, COL_TS, at, e->ts, e->ts_null);
        h_set(batch, COL_K, at, e->k, false);
        LT_COL_DATA(&batch->cols[COL_S], lt_strv)[at] = lt_strv_make(copy, strlen(text));
        h_set(batch, COL_V, at, e->v, e->v_null);
        h_set(batch, COL_WS, at, e->ws, false);
        h_set(batch, COL_WE, at, e->we, false);
        if (kinds) {
            batch->kinds[at] = e->kind;
        }
        if (holes) {
            batch->sel[batch->sel_count++] = at;
        }
        at += step;
    }
    batch->row_count = at;
    batch->sel_count = holes ? batch->sel_count : at;
    return batch;
}

/* Runs the events through a new operator; rig->lines is what came out. */
LT_UNUSED static void h_run(h_rig *rig, const h_config *config, const h_event *events, size_t count)
{
    h_lines_free(&rig->lines);
    rig->config = *config;
    rig->rejected = 0;
    h_op_new(rig);
    size_t from = 0;
    while (from < count) {
        /* Marks behind a row travel with it, and a +U with its -U. */
        size_t to = from;
        for (uint32_t rows = 0; to < count && (events[to].mark || rows < config->batch_rows ||
                                               events[to].kind == LT_UPDATE_AFTER);
             to++) {
            rows += !events[to].mark;
        }
        h_ok(rig, h_feed(rig, 0, h_batch(rig, events, from, to)));
        if (config->snapshots) {
            h_restart(rig);
        }
        from = to;
    }
}

/* ---- randomness: a small generator of the test's own ---- */

LT_UNUSED static uint64_t h_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

LT_UNUSED static int64_t h_below(uint64_t *seed, int64_t limit)
{
    return (int64_t)(h_random(seed) % (uint64_t)limit);
}
