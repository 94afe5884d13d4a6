/* Any bytes through the JSON decoder: nothing crashes, nothing leaks, every byte is consumed, and
 * the general path, the walk and input in pieces agree. The first byte chooses options and where
 * the input is cut. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "format/format.h"
#include "format/text.h"

typedef struct {
    lt_reject_sink sink; /* first */
    lt_text out;
} outcome;

static lt_status put(lt_reject_sink *sink, const lt_reject *reject, lt_error *err)
{
    outcome *o = (outcome *)(void *)sink;
    (void)err;
    lt_text_printf(&o->out, "!%s %lld %zu\n", reject->code, (long long)reject->position,
                   reject->raw.len);
    return LT_OK;
}

typedef struct {
    const char *cpu;
    size_t piece;
    int64_t record_max;
    bool ignore;
    bool lenient;
} setup;

static const lt_schema *make_schema(lt_arena *arena)
{
    const lt_type *string = lt_type_sized(arena, LT_TYPE_VARCHAR, LT_LENGTH_MAX, true);
    const lt_type *integer = lt_type_new(arena, LT_TYPE_INT, true);
    lt_field inner[] = {{LT_STR("x"), integer}, {LT_STR("y"), string}};
    lt_field fields[] = {
        {LT_STR("a"), lt_type_new(arena, LT_TYPE_BIGINT, true)},
        {LT_STR("b"), string},
        {LT_STR("c"), lt_type_time(arena, LT_TYPE_TIMESTAMP, 3, true)},
        {LT_STR("d"), lt_type_new(arena, LT_TYPE_DOUBLE, true)},
        {LT_STR("e"), lt_type_array(arena, lt_type_row(arena, inner, 2, true), true)},
        {LT_STR("f"), lt_type_map(arena, string, string, true)},
        {LT_STR("g"), lt_type_decimal(arena, 20, 4, true)},
        {LT_STR("h"), lt_type_sized(arena, LT_TYPE_VARBINARY, LT_LENGTH_MAX, true)},
    };
    return lt_schema_new(arena, fields, LT_COUNT_OF(fields));
}

static void run(const setup *how, const uint8_t *data, size_t size, outcome *o)
{
    lt_mem mem;
    lt_error err = {0};
    lt_mem_init(&mem, NULL, "fuzz", 0);
    lt_arena *arena = lt_arena_new(&mem, 1 << 20);
    lt_batch_pool *pool = lt_batch_pool_new(&mem, 1);
    const lt_schema *schema = make_schema(arena);
    lt_option option = {LT_STR("json.ignore-parse-errors"), LT_STR("true"), 0};
    lt_format_ctx ctx = {.mem = &mem,
                         .schema = schema,
                         .options = {&option, how->ignore},
                         .prefix = "json.",
                         .lenient = how->lenient,
                         .record_bytes_max = how->record_max,
                         .cpu = how->cpu,
                         .rejects = &o->sink};
    const lt_format *format = lt_format_find(LT_STR("json"));
    lt_decoder *decoder = NULL;
    LT_ASSERT(format->decoder_new(&ctx, &decoder, &err) == LT_OK);
    size_t off = 0;
    size_t have = LT_MIN(how->piece, size);
    for (bool done = false; !done;) {
        lt_batch *batch = lt_batch_new(pool, schema, 7);
        lt_buf *buf = lt_buf_new(&mem, have - off);
        memcpy(buf->ptr, data + off, have - off);
        lt_decode_in in = {
            .buf = buf, .end = have - off, .last = have == size, .base_offset = (int64_t)off};
        LT_ASSERT(format->decode(decoder, &in, batch, &err) == LT_OK);
        for (uint32_t i = 0; i < batch->row_count; i++) {
            lt_text_row(&o->out, batch, i);
            lt_text_putc(&o->out, '\n');
        }
        off += in.pos;
        bool full = batch->row_count == batch->row_cap;
        done = !full && have == size;
        have = full ? have : LT_MIN(size, have + how->piece);
        lt_buf_unref(buf);
        lt_batch_unref(batch);
    }
    LT_ASSERT(off == size);
    format->decoder_free(decoder);
    lt_batch_pool_free(pool);
    lt_arena_free(arena);
    lt_mem_deinit(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    uint8_t choice = data[0];
    size_t piece = (size_t)(choice >> 2) + 1;
    /* The limit of the first turns the walk off. Rejects stand before the rows of their batch, so
     * the pieces are the same for all. */
    const setup setups[] = {{"portable", piece, 16000, choice & 1, choice & 2},
                            {"portable", piece, 0, choice & 1, choice & 2},
                            {"avx2", piece, 0, choice & 1, choice & 2},
                            {NULL, piece, 0, choice & 1, choice & 2}};
    outcome first = {{put}, {0}};
    lt_mem mem;
    lt_mem_init(&mem, NULL, "outcome", 0);
    lt_text_init(&first.out, &mem);
    run(&setups[0], data + 1, size - 1, &first);
    for (size_t i = 1; i < LT_COUNT_OF(setups) && size < 16000; i++) {
        outcome other = {{put}, {0}};
        lt_text_init(&other.out, &mem);
        run(&setups[i], data + 1, size - 1, &other);
        LT_ASSERT(lt_str_eq(lt_text_str(&first.out), lt_text_str(&other.out)));
        lt_text_deinit(&other.out);
    }
    lt_text_deinit(&first.out);
    lt_mem_deinit(&mem);
    return 0;
}
