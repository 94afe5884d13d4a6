/* How fast JSON lines become columns: bid records of about 255 bytes as in the Nexmark-like
 * benchmark, projected to auction, price and time. One JSON object per result on standard output.
 * Usage: bench_json_decode [RECORDS [LEVEL]]; LEVEL is portable, avx2 or avx512. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "format/format.h"

#define ROUNDS 9

static uint64_t rng = 88172645463325252ULL;

static uint64_t rnd(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng * 2685821657736338717ULL;
}

/* One record to `out`; gives its length. */
static size_t put_bid(char *out, size_t room, long i, long count)
{
    static const char *const channels[] = {"Google",       "Facebook",   "Baidu",       "Apple",
                                           "channel-1021", "channel-77", "channel-5310"};
    char extra[96];
    uint64_t r = rnd();
    uint64_t q = rnd();
    unsigned auction = 1000 + (unsigned)((r & 1) ? ((r >> 8) % 100) * 97 : (r >> 8) % 10000);
    unsigned bidder = 2000 + (unsigned)((q >> 20) % 100000);
    unsigned long price = 100 + (unsigned long)(q & 0xfffff) * ((r >> 40) % 97 + 1);
    long ms = 1000 + (long)((double)i * 1199000.0 / (double)count) - (long)(rnd() % 1000);
    int extra_len = 40 + (int)((r >> 50) % 41);
    for (int j = 0; j < extra_len; j++) {
        extra[j] = (char)('a' + rnd() % 26);
    }
    int len =
        snprintf(out, room,
                 "{\"auction\":%u,\"bidder\":%u,\"price\":%lu,\"channel\":\"%s\",\"url\":\"https://"
                 "www.nexmark.example/"
                 "item.htm?query=%u&channel_id=%lu\",\"dateTime\":\"2026-01-01T00:%02ld:%02ld.%"
                 "03ldZ\",\"extra\":\"%.*s\"}\n",
                 auction, bidder, price, channels[(q >> 50) % 7], (unsigned)(r >> 33) % 1000,
                 (unsigned long)(q >> 33), ms / 60000, ms / 1000 % 60, ms % 1000, extra_len, extra);
    return (size_t)len;
}

static lt_status count_reject(lt_reject_sink *sink, const lt_reject *reject, lt_error *err)
{
    (void)sink;
    return lt_error_set(err, LT_ERR_DATA, "%s at %lld", reject->code, (long long)reject->position);
}

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void report(const char *name, double value, const char *unit)
{
    printf("{\"name\":\"%s\",\"value\":%.4g,\"unit\":\"%s\",\"better\":\"higher\"}\n", name, value,
           unit);
}

typedef struct {
    lt_mem mem;
    lt_arena *arena;
    lt_batch_pool *pool;
    lt_buf *buf;
    long records;
    const char *cpu;
} bench;

/* Decodes the whole buffer once; false on any failure. */
static bool run(bench *b, const lt_format_ctx *ctx, const lt_schema *schema, double *seconds)
{
    const lt_format *json = lt_format_find(LT_STR("json"));
    lt_decoder *decoder = NULL;
    lt_error err = {0};
    uint64_t rows = 0;
    if (json->decoder_new(ctx, &decoder, &err) != LT_OK) {
        return false;
    }
    lt_decode_in in = {.buf = b->buf, .end = b->buf->len, .last = true};
    double start = now_s();
    while (in.pos < in.end) {
        lt_batch *batch = lt_batch_new(b->pool, schema, LT_BATCH_ROWS_MAX);
        if (batch == NULL || json->decode(decoder, &in, batch, &err) != LT_OK) {
            (void)fprintf(stderr, "%s\n", err.text);
            return false;
        }
        rows += batch->row_count;
        lt_batch_unref(batch);
    }
    *seconds = now_s() - start;
    json->decoder_free(decoder);
    return rows == (uint64_t)b->records;
}

static bool measure(bench *b, const char *name, const lt_schema *schema)
{
    lt_reject_sink sink = {count_reject};
    lt_format_ctx ctx = {.mem = &b->mem,
                         .schema = schema,
                         .prefix = "json.",
                         .lenient = true,
                         .cpu = b->cpu,
                         .rejects = &sink};
    double best = 1e9;
    for (int i = 0; i < ROUNDS; i++) {
        double seconds;
        if (!run(b, &ctx, schema, &seconds)) {
            return false;
        }
        best = LT_MIN(best, seconds);
    }
    char label[80];
    (void)snprintf(label, sizeof label, "json_decode_%s", name);
    report(label, (double)b->records / best, "docs/s");
    (void)snprintf(label, sizeof label, "json_decode_%s_bytes", name);
    report(label, (double)b->buf->len / best, "B/s");
    return true;
}

/* The first batch's rows back to text, again and again. */
static bool measure_encode(bench *b, const char *name, const lt_schema *schema)
{
    const lt_format *json = lt_format_find(LT_STR("json"));
    const lt_format *format = lt_format_find(lt_str_of(name));
    lt_reject_sink sink = {count_reject};
    lt_format_ctx ctx = {.mem = &b->mem,
                         .schema = schema,
                         .prefix = "x.",
                         .lenient = true,
                         .cpu = b->cpu,
                         .rejects = &sink};
    lt_decoder *decoder = NULL;
    lt_encoder *encoder = NULL;
    lt_error err = {0};
    lt_text out;
    uint32_t rows[LT_BATCH_ROWS_MAX];
    lt_decode_in in = {.buf = b->buf, .end = b->buf->len, .last = true};
    lt_batch *batch = lt_batch_new(b->pool, schema, LT_BATCH_ROWS_MAX);
    lt_text_init(&out, &b->mem);
    for (uint32_t i = 0; i < LT_BATCH_ROWS_MAX; i++) {
        rows[i] = i;
    }
    bool good = batch != NULL && json->decoder_new(&ctx, &decoder, &err) == LT_OK &&
                format->encoder_new(&ctx, &encoder, &err) == LT_OK &&
                json->decode(decoder, &in, batch, &err) == LT_OK;
    double best = 1e9;
    for (int i = 0; good && i < ROUNDS * 10; i++) {
        double start = now_s();
        lt_text_clear(&out);
        good = format->encode(encoder, batch, rows, batch->row_count, &out, &err) == LT_OK;
        double seconds = now_s() - start;
        best = LT_MIN(best, seconds);
    }
    if (good) {
        char label[80];
        (void)snprintf(label, sizeof label, "%s_encode_%u_columns", name, schema->count);
        report(label, (double)batch->row_count / best, "rows/s");
    }
    format->encoder_free(encoder);
    json->decoder_free(decoder);
    lt_text_deinit(&out);
    lt_batch_unref(batch);
    return good;
}

int main(int argc, char **argv)
{
    bench b = {.records = argc > 1 ? strtol(argv[1], NULL, 10) : 400000,
               .cpu = argc > 2 ? argv[2] : NULL};
    lt_mem_init(&b.mem, NULL, "bench", 0);
    b.arena = lt_arena_new(&b.mem, 1 << 20);
    b.pool = lt_batch_pool_new(&b.mem, 4);
    b.buf = lt_buf_new(&b.mem, (size_t)b.records * 320);
    if (b.arena == NULL || b.pool == NULL || b.buf == NULL) {
        return 1;
    }
    for (long i = 0; i < b.records; i++) {
        b.buf->len += put_bid(b.buf->ptr + b.buf->len, 320, i, b.records);
    }
    const lt_type *bigint = lt_type_new(b.arena, LT_TYPE_BIGINT, true);
    const lt_type *ts = lt_type_time(b.arena, LT_TYPE_TIMESTAMP, 3, true);
    const lt_type *string = lt_type_sized(b.arena, LT_TYPE_VARCHAR, LT_LENGTH_MAX, true);
    lt_field fields[] = {{LT_STR("auction"), bigint}, {LT_STR("price"), bigint},
                         {LT_STR("dateTime"), ts},    {LT_STR("bidder"), bigint},
                         {LT_STR("channel"), string}, {LT_STR("url"), string},
                         {LT_STR("extra"), string}};
    lt_field as_text[] = {fields[0], fields[1], {LT_STR("dateTime"), string}};
    bool good = measure(&b, "3_columns", lt_schema_new(b.arena, fields, 3)) &&
                measure(&b, "3_columns_time_as_string", lt_schema_new(b.arena, as_text, 3)) &&
                measure(&b, "7_columns", lt_schema_new(b.arena, fields, 7)) &&
                measure(&b, "0_columns", lt_schema_new(b.arena, fields, 0)) &&
                measure_encode(&b, "json", lt_schema_new(b.arena, fields, 7)) &&
                measure_encode(&b, "csv", lt_schema_new(b.arena, fields, 7));
    lt_buf_unref(b.buf);
    lt_batch_pool_free(b.pool);
    lt_arena_free(b.arena);
    lt_mem_deinit(&b.mem);
    return good ? 0 : 1;
}
