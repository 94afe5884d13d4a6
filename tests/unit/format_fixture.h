/* Decoding and encoding from C strings, for the tests of formats: schemas from text, input in
 * pieces of any size, rows and rejects as text. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "format/format.h"
#include "format/text.h"

typedef struct {
    lt_reject_sink sink; /* first */
    lt_mem mem;          /* the format's */
    lt_mem side;         /* the test's own, where no allocation fails */
    lt_arena *arena;
    lt_text rows;    /* a line per row, as lt_text_row */
    lt_text rejects; /* a line per reject: code@position:raw */
    bool fail;       /* the table's policy is 'fail' */
    lt_decode_stats stats;
    lt_error err;
} fixture;

static lt_status fixture_put(lt_reject_sink *sink, const lt_reject *reject, lt_error *err)
{
    fixture *fx = (fixture *)(void *)sink;
    lt_text_printf(&fx->rejects, "%s@%lld:", reject->code, (long long)reject->position);
    lt_text_append(&fx->rejects, reject->raw.ptr, reject->raw.len);
    lt_text_putc(&fx->rejects, '\n');
    return fx->fail ? lt_error_set(err, LT_ERR_DATA, "%s", reject->code) : LT_OK;
}

static void fixture_open(fixture *fx)
{
    memset(fx, 0, sizeof *fx);
    fx->sink.put = fixture_put;
    lt_mem_init(&fx->mem, NULL, "test", 0);
    lt_mem_init(&fx->side, NULL, "side", 0);
    fx->arena = lt_arena_new(&fx->side, (size_t)64 << 20);
    assert_non_null(fx->arena);
    lt_text_init(&fx->rows, &fx->side);
    lt_text_init(&fx->rejects, &fx->side);
}

static void fixture_close(fixture *fx)
{
    lt_text_deinit(&fx->rows);
    lt_text_deinit(&fx->rejects);
    lt_arena_free(fx->arena);
    lt_mem_deinit(&fx->side);
    lt_mem_deinit(&fx->mem);
}

/* ---- schemas: "a INT, b ARRAY<ROW<x STRING NOT NULL>>" ---- */

static const lt_type *parse_type(fixture *fx, const char **at);

static void skip_space(const char **at)
{
    while (**at == ' ') {
        (*at)++;
    }
}

static bool take(const char **at, const char *word)
{
    skip_space(at);
    size_t len = strlen(word);
    if (strncmp(*at, word, len) != 0) {
        return false;
    }
    *at += len;
    return true;
}

static uint32_t parse_fields(fixture *fx, const char **at, bool named, lt_field *fields)
{
    uint32_t count = 0;
    do {
        skip_space(at);
        const char *name = *at;
        while (named && **at != ' ') {
            (*at)++;
        }
        fields[count].name = lt_arena_str(fx->arena, (lt_str){name, (size_t)(*at - name)});
        fields[count++].type = parse_type(fx, at);
    } while (take(at, ","));
    return count;
}

static unsigned parse_number(const char **at)
{
    unsigned value = 0;
    while (**at >= '0' && **at <= '9') {
        value = value * 10 + (unsigned)(*(*at)++ - '0');
    }
    return value;
}

static const lt_type *parse_plain(fixture *fx, const char **at)
{
    static const struct {
        const char *name;
        lt_type_kind kind;
    } names[] = {{"BOOLEAN", LT_TYPE_BOOLEAN},
                 {"TINYINT", LT_TYPE_TINYINT},
                 {"SMALLINT", LT_TYPE_SMALLINT},
                 {"INTERVAL MONTH", LT_TYPE_INTERVAL_MONTH},
                 {"INTERVAL SECOND", LT_TYPE_INTERVAL_SECOND},
                 {"INT", LT_TYPE_INT},
                 {"BIGINT", LT_TYPE_BIGINT},
                 {"FLOAT", LT_TYPE_FLOAT},
                 {"DOUBLE", LT_TYPE_DOUBLE},
                 {"DATE", LT_TYPE_DATE},
                 {"STRING", LT_TYPE_VARCHAR},
                 {"BYTES", LT_TYPE_VARBINARY},
                 {"DECIMAL(", LT_TYPE_DECIMAL},
                 {"TIMESTAMP_LTZ(", LT_TYPE_TIMESTAMP_LTZ},
                 {"TIMESTAMP(", LT_TYPE_TIMESTAMP},
                 {"TIME(", LT_TYPE_TIME}};
    for (size_t i = 0; i < LT_COUNT_OF(names); i++) {
        if (!take(at, names[i].name)) {
            continue;
        }
        lt_type_kind kind = names[i].kind;
        if (kind == LT_TYPE_VARCHAR || kind == LT_TYPE_VARBINARY) {
            return lt_type_sized(fx->arena, kind, LT_LENGTH_MAX, true);
        }
        if (names[i].name[strlen(names[i].name) - 1] != '(') {
            return lt_type_new(fx->arena, kind, true);
        }
        unsigned p = parse_number(at);
        unsigned s = take(at, ",") ? parse_number(at) : 0;
        assert_true(take(at, ")"));
        return kind == LT_TYPE_DECIMAL ? lt_type_decimal(fx->arena, (uint8_t)p, (uint8_t)s, true)
                                       : lt_type_time(fx->arena, kind, (uint8_t)p, true);
    }
    fail_msg("no type: %s", *at);
    return NULL;
}

static const lt_type *parse_type(fixture *fx, const char **at)
{
    lt_field fields[64];
    const lt_type *type;
    if (take(at, "ARRAY<")) {
        (void)parse_fields(fx, at, false, fields);
        type = lt_type_array(fx->arena, fields[0].type, true);
        assert_true(take(at, ">"));
    } else if (take(at, "MULTISET<")) {
        (void)parse_fields(fx, at, false, fields);
        type = lt_type_multiset(fx->arena, fields[0].type, true);
        assert_true(take(at, ">"));
    } else if (take(at, "MAP<")) {
        (void)parse_fields(fx, at, false, fields);
        type = lt_type_map(fx->arena, fields[0].type, fields[1].type, true);
        assert_true(take(at, ">"));
    } else if (take(at, "ROW<")) {
        uint32_t count = parse_fields(fx, at, true, fields);
        type = lt_type_row(fx->arena, fields, count, true);
        assert_true(take(at, ">"));
    } else {
        type = parse_plain(fx, at);
    }
    return take(at, "NOT NULL") ? lt_type_with_nullable(fx->arena, type, false) : type;
}

LT_UNUSED static const lt_schema *schema_of(fixture *fx, const char *text)
{
    lt_field fields[64];
    const char *at = text;
    uint32_t count = *text ? parse_fields(fx, &at, true, fields) : 0;
    assert_int_equal(*at, '\0');
    return lt_schema_new(fx->arena, fields, count);
}

/* ---- options: "json.a=b|json.c=d" ---- */

LT_UNUSED static lt_options options_of(fixture *fx, const char *text)
{
    lt_option *items = LT_NEW_ARRAY(fx->arena, lt_option, 16);
    uint32_t count = 0;
    while (text != NULL && *text != '\0') {
        const char *equals = strchr(text, '=');
        const char *end = strchr(equals, '\x01');
        end = end ? end : equals + strlen(equals);
        items[count].key = lt_arena_str(fx->arena, (lt_str){text, (size_t)(equals - text)});
        items[count++].value =
            lt_arena_str(fx->arena, (lt_str){equals + 1, (size_t)(end - equals - 1)});
        text = *end ? end + 1 : end;
    }
    return (lt_options){items, count};
}

/* ---- decoding ---- */

typedef struct {
    const char *format;
    const char *schema;
    const char *options; /* separated by \x01 */
    const char *cpu;
    size_t piece;       /* bytes that arrive at a time; 0 = all */
    size_t first_piece; /* of them the first; 0 = as piece */
    uint32_t row_cap;   /* 0 = 4096 */
    int64_t record_max;
    bool lenient;
    bool header;
    const char *record_schema;
    uint32_t record_index[8];
} decode_setup;

/* A buffer of just these bytes: reads beyond its padding show under a sanitizer. */
static lt_buf *buffer_of(fixture *fx, const char *ptr, size_t len)
{
    lt_buf *buf = lt_buf_new(&fx->mem, len);
    if (buf != NULL && len > 0) {
        memcpy(buf->ptr, ptr, len);
    }
    if (buf != NULL) {
        buf->len = len;
        /* What follows is nobody's promise. */
        memset(buf->ptr + len, '"', LT_BUF_PADDING);
    }
    return buf;
}

static lt_status decode_call_once(fixture *fx, lt_decoder *decoder, const lt_format *format,
                                  lt_batch *batch, lt_decode_in *in)
{
    lt_status st = format->decode(decoder, in, batch, &fx->err);
    for (uint32_t i = 0; i < batch->row_count; i++) {
        lt_text_row(&fx->rows, batch, i);
        lt_text_putc(&fx->rows, '\n');
    }
    return st;
}

/* Decodes everything; fx->rows and fx->rejects have what came of it. */
LT_UNUSED static lt_status decode_text(fixture *fx, const decode_setup *setup, const char *text,
                                       size_t len)
{
    const lt_format *format = lt_format_find(lt_str_of(setup->format));
    char prefix[32];
    assert_non_null(format);
    (void)snprintf(prefix, sizeof prefix, "%s.", setup->format);
    lt_format_ctx ctx = {.mem = &fx->mem,
                         .schema = schema_of(fx, setup->schema),
                         .options = options_of(fx, setup->options),
                         .prefix = prefix,
                         .table = LT_STR("t"),
                         .lenient = setup->lenient,
                         .skip_header = setup->header,
                         .cpu = setup->cpu,
                         .record_bytes_max = setup->record_max,
                         .rejects = &fx->sink};
    if (setup->record_schema != NULL) {
        ctx.record_schema = schema_of(fx, setup->record_schema);
        ctx.record_index = setup->record_index;
    }
    lt_text_clear(&fx->rows);
    lt_text_clear(&fx->rejects);
    LT_TRY(format->check ? format->check(&ctx, true, &fx->err) : LT_OK);
    lt_batch_pool *pool = lt_batch_pool_new(&fx->mem, 2);
    lt_decoder *decoder = NULL;
    lt_status st = pool ? format->decoder_new(&ctx, &decoder, &fx->err) : LT_ERR_NOMEM;
    size_t off = 0;
    size_t piece = setup->piece ? setup->piece : len + 1;
    size_t have = LT_MIN(len, setup->first_piece ? setup->first_piece : piece);
    bool done = false;
    while (st == LT_OK && !done) {
        lt_batch *batch = lt_batch_new(pool, ctx.schema, setup->row_cap ? setup->row_cap : 4096);
        lt_buf *buf = buffer_of(fx, text + off, have - off);
        if (batch == NULL || buf == NULL) {
            st = LT_ERR_NOMEM;
        } else {
            lt_decode_in in = {
                .buf = buf, .end = have - off, .last = have == len, .base_offset = (int64_t)off};
            st = decode_call_once(fx, decoder, format, batch, &in);
            off += in.pos;
            bool full = batch->row_count == batch->row_cap;
            done = !full && have == len;
            have = full ? have : LT_MIN(len, have + piece);
        }
        lt_buf_unref(buf);
        lt_batch_unref(batch);
    }
    if (decoder != NULL) {
        fx->stats = *lt_decoder_stats(decoder);
    }
    format->decoder_free(decoder);
    lt_batch_pool_free(pool);
    if (st == LT_OK) {
        assert_int_equal(off, len);
        assert_int_equal(fx->stats.bytes, len);
    }
    return st;
}

/* Decodes and compares; "" stands for none. */
LT_UNUSED static void expect_decode(fixture *fx, const decode_setup *setup, const char *text,
                                    const char *rows, const char *rejects)
{
    lt_status st = decode_text(fx, setup, text, strlen(text));
    if (st != LT_OK) {
        fail_msg("%s: %s", text, fx->err.text);
    }
    lt_text_putc(&fx->rows, '\0');
    lt_text_putc(&fx->rejects, '\0');
    assert_string_equal(fx->rows.ptr, rows);
    assert_string_equal(fx->rejects.ptr, rejects);
}

/* A generator of its own: tests repeat. */
LT_UNUSED static uint64_t test_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * 2685821657736338717ULL;
}
