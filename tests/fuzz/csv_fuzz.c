/* Any bytes through the CSV decoder: nothing crashes, nothing leaks, every byte is consumed, and
 * the processor levels agree. The first two bytes choose dialect, limit and where the input is cut.
 */
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

static const lt_schema *make_schema(lt_arena *arena)
{
    const lt_type *string = lt_type_sized(arena, LT_TYPE_VARCHAR, LT_LENGTH_MAX, true);
    const lt_type *integer = lt_type_new(arena, LT_TYPE_INT, true);
    lt_field inner[] = {{LT_STR("x"), integer}, {LT_STR("y"), string}};
    lt_field fields[] = {
        {LT_STR("a"), string},
        {LT_STR("b"), integer},
        {LT_STR("c"), lt_type_time(arena, LT_TYPE_TIMESTAMP_LTZ, 3, true)},
        {LT_STR("d"), lt_type_array(arena, integer, true)},
        {LT_STR("e"), lt_type_row(arena, inner, 2, true)},
    };
    return lt_schema_new(arena, fields, LT_COUNT_OF(fields));
}

static void run(const char *cpu, const uint8_t *choice, lt_str data, outcome *o)
{
    static const lt_option options[] = {
        {LT_STR("csv.ignore-parse-errors"), LT_STR("true"), 0},
        {LT_STR("csv.escape-character"), LT_STR("\\"), 0},
        {LT_STR("csv.allow-comments"), LT_STR("true"), 0},
        {LT_STR("csv.null-literal"), LT_STR("null"), 0},
        {LT_STR("csv.field-delimiter"), LT_STR("|"), 0},
    };
    lt_mem mem;
    lt_error err = {0};
    lt_mem_init(&mem, NULL, "fuzz", 0);
    lt_arena *arena = lt_arena_new(&mem, 1 << 20);
    lt_batch_pool *pool = lt_batch_pool_new(&mem, 1);
    const lt_schema *schema = make_schema(arena);
    lt_format_ctx ctx = {.mem = &mem,
                         .schema = schema,
                         .options = {options, choice[0] % 6},
                         .prefix = "csv.",
                         .lenient = choice[0] & 64,
                         .skip_header = choice[0] & 128,
                         .record_bytes_max = choice[1] & 1 ? 30 : 0,
                         .cpu = cpu,
                         .rejects = &o->sink};
    const lt_format *format = lt_format_find(LT_STR("csv"));
    lt_decoder *decoder = NULL;
    LT_ASSERT(format->decoder_new(&ctx, &decoder, &err) == LT_OK);
    size_t piece = (size_t)(choice[1] >> 1) + 1;
    size_t off = 0;
    size_t have = LT_MIN(piece, data.len);
    for (bool done = false; !done;) {
        lt_batch *batch = lt_batch_new(pool, schema, 5);
        lt_buf *buf = lt_buf_new(&mem, have - off);
        memcpy(buf->ptr, data.ptr + off, have - off);
        lt_decode_in in = {
            .buf = buf, .end = have - off, .last = have == data.len, .base_offset = (int64_t)off};
        LT_ASSERT(format->decode(decoder, &in, batch, &err) == LT_OK);
        for (uint32_t i = 0; i < batch->row_count; i++) {
            lt_text_row(&o->out, batch, i);
            lt_text_putc(&o->out, '\n');
        }
        off += in.pos;
        bool full = batch->row_count == batch->row_cap;
        done = !full && have == data.len;
        have = full ? have : LT_MIN(data.len, have + piece);
        lt_buf_unref(buf);
        lt_batch_unref(batch);
    }
    LT_ASSERT(off == data.len);
    format->decoder_free(decoder);
    lt_batch_pool_free(pool);
    lt_arena_free(arena);
    lt_mem_deinit(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const levels[] = {"portable", "avx2", NULL};
    if (size < 2) {
        return 0;
    }
    lt_mem mem;
    outcome first = {{put}, {0}};
    lt_mem_init(&mem, NULL, "outcome", 0);
    lt_text_init(&first.out, &mem);
    for (size_t i = 0; i < LT_COUNT_OF(levels); i++) {
        outcome other = {{put}, {0}};
        lt_text_init(&other.out, &mem);
        run(levels[i], data, (lt_str){(const char *)data + 2, size - 2}, i == 0 ? &first : &other);
        LT_ASSERT(i == 0 || lt_str_eq(lt_text_str(&first.out), lt_text_str(&other.out)));
        lt_text_deinit(&other.out);
    }
    lt_text_deinit(&first.out);
    lt_mem_deinit(&mem);
    return 0;
}
