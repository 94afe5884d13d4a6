/* What the connector tests share: a simulated world, a table in it, and rows as text. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "connector/connector.h"
#include "os/env_sim.h"

typedef struct {
    lt_reject_sink base;
    unsigned count;
    char code[64];
    char detail[256];
    char where[256];
    bool fail;
} fixture_rejects;

typedef struct {
    const char *name;
    lt_type_kind kind;
    const char *metadata; /* NULL: physical */
} fixture_column;

typedef struct {
    lt_mem root; /* the world's */
    lt_mem mem;  /* the connector's */
    lt_mem side; /* the test's own, where no allocation fails */
    lt_env *env;
    lt_arena *arena;
    lt_batch_pool *pool;
    fixture_rejects rejects;
    lt_table_ctx ctx;
    lt_option options[24];
    uint32_t index[16];
    const char *keys[16];
    uint32_t partitions[4];
    lt_error err;
} fixture;

LT_UNUSED static lt_status fixture_put(lt_reject_sink *sink, const lt_reject *reject, lt_error *err)
{
    fixture_rejects *self = (fixture_rejects *)sink;
    self->count++;
    (void)snprintf(self->code, sizeof self->code, "%s", reject->code);
    (void)snprintf(self->detail, sizeof self->detail, LT_STR_FMT, LT_STR_ARG(reject->detail));
    (void)snprintf(self->where, sizeof self->where, LT_STR_FMT, LT_STR_ARG(reject->where));
    return self->fail ? lt_error_set(err, LT_ERR_DATA, "%s", reject->code) : LT_OK;
}

LT_UNUSED static void fixture_init_with(fixture *f, const lt_sim_options *options)
{
    memset(f, 0, sizeof *f);
    lt_mem_init(&f->root, NULL, "test", 0);
    lt_mem_init(&f->mem, &f->root, "connector", 0);
    lt_mem_init(&f->side, NULL, "side", 0);
    f->env = lt_env_sim_new(&f->root, options);
    f->arena = lt_arena_new(&f->root, 64 << 20);
    f->pool = lt_batch_pool_new(&f->root, 2);
    assert_non_null(f->env);
    assert_non_null(f->arena);
    assert_non_null(f->pool);
    f->rejects.base.put = fixture_put;
}

LT_UNUSED static void fixture_init(fixture *f)
{
    lt_sim_options options = {.seed = 1, .start_wall_us = 1700000000000000};
    fixture_init_with(f, &options);
}

LT_UNUSED static void fixture_deinit(fixture *f)
{
    lt_batch_pool_free(f->pool);
    lt_arena_free(f->arena);
    lt_env_sim_free(f->env);
    lt_mem_deinit(&f->mem);
    lt_mem_deinit(&f->root);
    lt_mem_deinit(&f->side);
}

/* options: key, value, .., NULL. Partition columns: names after `|` in the list of columns are not
 * supported; set f->partitions. */
LT_UNUSED static void fixture_table(fixture *f, const fixture_column *columns, uint32_t count,
                                    const char *const *options)
{
    lt_field all[16];
    lt_field record[16];
    uint32_t record_count = 0;
    memset(&f->ctx, 0, sizeof f->ctx);
    for (uint32_t i = 0; i < count; i++) {
        const lt_type *type;
        if (columns[i].kind == LT_TYPE_VARCHAR) {
            type = lt_type_sized(f->arena, LT_TYPE_VARCHAR, LT_LENGTH_MAX, true);
        } else if (columns[i].kind == LT_TYPE_TIMESTAMP ||
                   columns[i].kind == LT_TYPE_TIMESTAMP_LTZ) {
            type = lt_type_time(f->arena, columns[i].kind, 3, true);
        } else {
            type = lt_type_new(f->arena, columns[i].kind, true);
        }
        all[i] = (lt_field){lt_str_of(columns[i].name), type};
        f->keys[i] = columns[i].metadata;
        f->index[i] = UINT32_MAX;
        if (columns[i].metadata == NULL) {
            f->index[i] = record_count;
            record[record_count++] = all[i];
        }
    }
    uint32_t option_count = 0;
    for (; options != NULL && options[0] != NULL; options += 2) {
        f->options[option_count] =
            (lt_option){lt_str_of(options[0]), lt_str_of(options[1]), option_count};
        option_count++;
    }
    f->ctx = (lt_table_ctx){
        .mem = &f->mem,
        .env = f->env,
        .table = LT_STR("t"),
        .schema = lt_schema_new(f->arena, all, count),
        .record_schema = lt_schema_new(f->arena, record, record_count),
        .record_index = f->index,
        .metadata_keys = f->keys,
        .partition_by = f->partitions,
        .options = {f->options, option_count},
        .pool = f->pool,
        .batch_rows = 1024,
        .rejects = &f->rejects.base,
    };
}

LT_UNUSED static void fixture_file(fixture *f, const char *path, const char *content)
{
    assert_int_equal(lt_sim_put(f->env, path, content, strlen(content), &f->err), LT_OK);
}

LT_UNUSED static void fixture_cell(lt_text *to, const lt_col *col, uint32_t row)
{
    if (lt_col_is_null(col, row)) {
        lt_text_puts(to, "NULL");
        return;
    }
    switch (col->phys) {
    case LT_PHYS_BOOL:
        lt_text_puts(to, LT_COL_DATA(col, uint8_t)[row] ? "true" : "false");
        break;
    case LT_PHYS_I8:
        lt_text_printf(to, "%d", LT_COL_DATA(col, int8_t)[row]);
        break;
    case LT_PHYS_I16:
        lt_text_printf(to, "%d", LT_COL_DATA(col, int16_t)[row]);
        break;
    case LT_PHYS_I32:
        lt_text_printf(to, "%d", LT_COL_DATA(col, int32_t)[row]);
        break;
    case LT_PHYS_I64:
        lt_text_printf(to, "%lld", (long long)LT_COL_DATA(col, int64_t)[row]);
        break;
    case LT_PHYS_F32:
        lt_text_printf(to, "%.9g", (double)LT_COL_DATA(col, float)[row]);
        break;
    case LT_PHYS_F64:
        lt_text_printf(to, "%.17g", LT_COL_DATA(col, double)[row]);
        break;
    case LT_PHYS_STR: {
        lt_str text = lt_strv_str(&LT_COL_DATA(col, lt_strv)[row]);
        lt_text_append(to, text.ptr, text.len);
        break;
    }
    case LT_PHYS_LIST: {
        lt_span span = LT_COL_DATA(col, lt_span)[row];
        lt_text_putc(to, '[');
        for (uint32_t i = 0; i < span.count; i++) {
            for (uint32_t c = 0; c < col->child_count; c++) {
                lt_text_puts(to, i + c > 0 ? "," : "");
                fixture_cell(to, &col->children[c], span.start + i);
            }
        }
        lt_text_putc(to, ']');
        break;
    }
    case LT_PHYS_STRUCT:
        lt_text_putc(to, '(');
        for (uint32_t c = 0; c < col->child_count; c++) {
            lt_text_puts(to, c > 0 ? "," : "");
            fixture_cell(to, &col->children[c], row);
        }
        lt_text_putc(to, ')');
        break;
    case LT_PHYS_NONE:
    case LT_PHYS_I128:
    case LT_PHYS_TS9:
        lt_text_puts(to, "?");
        break;
    }
}

/* `a|b;` a row. */
LT_UNUSED static void fixture_rows(lt_text *to, const lt_batch *batch)
{
    for (uint32_t row = 0; row < batch->row_count; row++) {
        for (uint32_t c = 0; c < batch->col_count; c++) {
            lt_text_puts(to, c > 0 ? "|" : "");
            fixture_cell(to, &batch->cols[c], row);
        }
        lt_text_putc(to, ';');
    }
}

/* Polls until there is nothing more now; gives the status that said so. */
LT_UNUSED static lt_status fixture_drain(fixture *f, lt_source *src, lt_text *to, lt_wait *wait)
{
    for (;;) {
        lt_batch *batch = NULL;
        lt_status st = src->cls->poll(src, &batch, wait, &f->err);
        if (st == LT_AGAIN && wait->wake_mono_ns <= f->env->mono_ns(f->env)) {
            continue;
        }
        if (st != LT_OK) {
            assert_null(batch);
            return st;
        }
        assert_true(batch->row_count > 0);
        assert_true(batch->row_count <= f->ctx.batch_rows);
        fixture_rows(to, batch);
        lt_batch_unref(batch);
    }
}

/* Everything that a bounded source gives, or `status: text` at its end. */
LT_UNUSED static char *fixture_read(fixture *f, const char *connector)
{
    static char result[65536];
    lt_source *src = NULL;
    lt_wait wait;
    lt_text text;
    lt_text_init(&text, &f->side);
    lt_error_clear(&f->err);
    lt_status st = lt_source_new(lt_connector_find(lt_str_of(connector)), &f->ctx, &src, &f->err);
    if (st == LT_OK) {
        st = src->cls->open(src, &f->err);
    }
    if (st == LT_OK) {
        st = fixture_drain(f, src, &text, &wait);
    }
    if (st != LT_END && st != LT_AGAIN) {
        lt_text_printf(&text, "%s: %s", lt_status_name(st), f->err.text);
    }
    lt_source_free(src);
    (void)snprintf(result, sizeof result, "%s", text.ptr ? text.ptr : "");
    lt_text_deinit(&text);
    return result;
}

LT_UNUSED static lt_source *fixture_open(fixture *f, const char *connector)
{
    lt_source *src = NULL;
    lt_error_clear(&f->err);
    assert_int_equal(lt_source_new(lt_connector_find(lt_str_of(connector)), &f->ctx, &src, &f->err),
                     LT_OK);
    lt_status st = src->cls->open(src, &f->err);
    if (st != LT_OK) {
        fail_msg("open: %s", f->err.text);
    }
    return src;
}
