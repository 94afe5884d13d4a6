/* How fast the lines of one file become rows: through poll, and through claim and decode with one
 * lane and with several, each on a thread. Bids as gen_bids writes them, projected to auction,
 * price and time. One JSON object per result on standard output.
 * Usage: bench_parallel_decode [FILE [LANES]]; a file ending in .csv is read as CSV with a header;
 * without FILE it makes one of 500,000 bids and removes it.
 * Also: how fast the records of a CSV text are told apart. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "connector/connector.h"
#include "os/thread.h"

#define ROUNDS     3
#define LANES_MAX  16
#define CSV_BYTES  (8u << 20)
#define CSV_ROUNDS 20
#define BIDS       500000

typedef struct {
    lt_mem mem;
    lt_env *env;
    lt_arena *arena;
    lt_reject_sink rejects;
    lt_option options[4];
    uint32_t index[3];
    const char *keys[3];
    lt_table_ctx ctx;
} bench;

/* One thread's part. */
typedef struct {
    lt_source *src;
    lt_mutex *lock;
    lt_table_ctx ctx;
    lt_status st;
    lt_error err;
    uint64_t rows;
} lane;

static void must(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "benchmark: %s\n", what);
        exit(1);
    }
}

static lt_status put_reject(lt_reject_sink *sink, const lt_reject *reject, lt_error *err)
{
    (void)sink;
    return lt_error_set(err, LT_ERR_DATA, "%s at %lld", reject->code, (long long)reject->position);
}

static double seconds_of(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static double now_s(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

static void report(const char *name, double value, const char *unit)
{
    printf("{\"name\":\"%s\",\"value\":%.4g,\"unit\":\"%s\",\"better\":\"higher\"}\n", name, value,
           unit);
    (void)fflush(stdout);
}

static void set_up(bench *b, const char *path)
{
    lt_mem_init(&b->mem, NULL, "bench", 0);
    b->env = lt_env_real_new(&b->mem);
    b->arena = lt_arena_new(&b->mem, 1 << 20);
    must(b->env != NULL && b->arena != NULL, "out of memory");
    b->rejects.put = put_reject;
    size_t len = strlen(path);
    bool csv = len > 4 && strcmp(path + len - 4, ".csv") == 0;
    const lt_type *bigint = lt_type_new(b->arena, LT_TYPE_BIGINT, true);
    const lt_field fields[] = {
        {LT_STR("auction"), bigint},
        {LT_STR("price"), bigint},
        {LT_STR("dateTime"), lt_type_time(b->arena, LT_TYPE_TIMESTAMP_LTZ, 3, true)}};
    b->options[0] = (lt_option){LT_STR("path"), lt_str_of(path), 0};
    b->options[1] = (lt_option){LT_STR("format"), lt_str_of(csv ? "csv" : "json"), 1};
    for (uint32_t i = 0; i < 3; i++) {
        b->index[i] = i;
    }
    const lt_schema *schema = lt_schema_new(b->arena, fields, 3);
    b->ctx = (lt_table_ctx){.mem = &b->mem,
                            .env = b->env,
                            .table = LT_STR("bids"),
                            .schema = schema,
                            .record_schema = schema,
                            .record_index = b->index,
                            .metadata_keys = b->keys,
                            .options = {b->options, 2},
                            .batch_rows = LT_BATCH_ROWS_MAX,
                            .rejects = &b->rejects,
                            .inferred = true,
                            .has_header = csv};
}

static lt_source *open_source(bench *b)
{
    lt_source *src = NULL;
    lt_error err;
    lt_error_clear(&err);
    lt_status st = lt_source_new(lt_connector_find(LT_STR("filesystem")), &b->ctx, &src, &err);
    st = st == LT_OK ? src->cls->open(src, &err) : st;
    must(st == LT_OK, err.text);
    return src;
}

static uint64_t run_poll(bench *b, double *seconds)
{
    lt_wait wait;
    lt_error err;
    lt_error_clear(&err);
    uint64_t rows = 0;
    lt_batch *batch;
    lt_status st;
    b->ctx.pool = lt_batch_pool_new(&b->mem, 8);
    must(b->ctx.pool != NULL, "out of memory");
    double start = now_s();
    lt_source *src = open_source(b);
    while ((st = src->cls->poll(src, &batch, &wait, &err)) == LT_OK || st == LT_AGAIN) {
        if (batch != NULL) {
            rows += batch->row_count;
            lt_batch_unref(batch);
        }
    }
    *seconds = now_s() - start;
    must(st == LT_END, err.text);
    lt_source_free(src);
    lt_batch_pool_free(b->ctx.pool);
    b->ctx.pool = NULL;
    return rows;
}

static void run_lane(void *arg)
{
    lane *self = arg;
    const lt_source_class *cls = self->src->cls;
    lt_source_lane *decoder = NULL;
    lt_wait wait;
    lt_mutex_lock(self->lock);
    self->st = cls->lane_new(self->src, &self->ctx, &decoder, &self->err);
    lt_mutex_unlock(self->lock);
    while (self->st == LT_OK || self->st == LT_AGAIN) {
        lt_source_block *block = NULL;
        lt_mutex_lock(self->lock);
        self->st = cls->claim(self->src, &block, &wait, &self->err);
        lt_mutex_unlock(self->lock);
        lt_batch *batch = NULL;
        while (self->st == LT_OK &&
               (self->st = cls->decode(decoder, block, &batch, &self->err)) == LT_OK) {
            self->rows += batch->row_count;
            lt_batch_unref(batch);
        }
        if (block != NULL && self->st == LT_END) {
            self->st = LT_OK;
        }
        cls->block_free(block);
    }
    cls->lane_free(decoder);
}

static uint64_t run_lanes(bench *b, unsigned count, double *seconds)
{
    static lane lanes[LANES_MAX];
    lt_thread *threads[LANES_MAX];
    lt_mutex *lock = lt_mutex_new(&b->mem);
    must(lock != NULL, "out of memory");
    double start = now_s();
    lt_source *src = open_source(b);
    for (unsigned i = 0; i < count; i++) {
        lanes[i] = (lane){.src = src, .lock = lock, .ctx = b->ctx};
        lanes[i].ctx.pool = lt_batch_pool_new(&b->mem, 8);
        must(lanes[i].ctx.pool != NULL, "out of memory");
    }
    for (unsigned i = 0; i < count; i++) {
        must(lt_thread_start(&b->mem, "lane", run_lane, &lanes[i], &threads[i], NULL) == LT_OK,
             "a thread");
    }
    uint64_t rows = 0;
    for (unsigned i = 0; i < count; i++) {
        lt_thread_join(threads[i]);
        must(lanes[i].st == LT_END, lanes[i].err.text);
        lt_batch_pool_free(lanes[i].ctx.pool);
        rows += lanes[i].rows;
    }
    *seconds = now_s() - start;
    lt_source_free(src);
    lt_mutex_free(lock);
    return rows;
}

/* lanes 0: poll. */
static uint64_t measure(bench *b, unsigned lanes, const char *name)
{
    double best = 1e9;
    double best_cpu = 1e9;
    uint64_t rows = 0;
    for (int i = 0; i < ROUNDS; i++) {
        double seconds;
        double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
        rows = lanes == 0 ? run_poll(b, &seconds) : run_lanes(b, lanes, &seconds);
        cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        best = LT_MIN(best, seconds);
        best_cpu = LT_MIN(best_cpu, cpu);
    }
    char label[64];
    report(name, (double)rows / best, "rows/s");
    (void)snprintf(label, sizeof label, "%s_per_core", name);
    report(label, (double)rows / best_cpu, "rows/s of processor time");
    return rows;
}

/* One in `quoted` fields has quotes, a delimiter and a line end in it. */
static void measure_csv(bench *b, unsigned quoted, const char *name)
{
    const lt_format *format = lt_format_find(LT_STR("csv"));
    const lt_format_ctx fctx = {
        .mem = &b->mem, .schema = b->ctx.schema, .prefix = "csv.", .rejects = &b->rejects};
    lt_buf *buf = lt_buf_new(&b->mem, CSV_BYTES);
    must(buf != NULL, "out of memory");
    for (unsigned i = 0; buf->len + 64 < CSV_BYTES; i++) {
        bool with = quoted != 0 && i % quoted == 0;
        buf->len += (size_t)snprintf(buf->ptr + buf->len, 64, "%s%c",
                                     with ? "\"a \"\"b\"\", \n c\"" : "some plain text",
                                     i % 7 == 6 ? '\n' : ',');
    }
    double best = 1e9;
    for (int i = 0; i < CSV_ROUNDS; i++) {
        double start = now_s();
        size_t size = format->whole(&fctx, buf->ptr, buf->len);
        double seconds = now_s() - start;
        must(size + 256 > buf->len, "the records were not told apart");
        best = LT_MIN(best, seconds);
    }
    report(name, (double)buf->len / best, "B/s");
    lt_buf_unref(buf);
}

/* A file of bids; gives its name. */
static const char *make_file(void)
{
    static char path[] = "/tmp/bench_parallel_decode_XXXXXX";
    int fd = mkstemp(path);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    must(out != NULL, "no file could be made in /tmp");
    uint64_t rng = 88172645463325252ULL;
    for (unsigned i = 0; i < BIDS; i++) {
        rng ^= rng << 13;
        rng ^= rng >> 7;
        rng ^= rng << 17;
        unsigned long q = (unsigned long)(rng >> 20);
        (void)fprintf(out,
                      "{\"auction\":%lu,\"bidder\":%lu,\"price\":%lu,\"channel\":\"channel-%lu\","
                      "\"url\":\"https://www.nexmark.example/item.htm?query=%lu&channel_id=%lu\","
                      "\"dateTime\":\"2026-01-01T00:%02u:%02u.%03uZ\",\"extra\":\"%0*lu\"}\n",
                      1000 + q % 10000, 2000 + q % 99991, 100 + q % 9999991, q % 7, q % 1009,
                      q % 2146690085, i / 60000 % 60, i / 1000 % 60, i % 1000, 40 + (int)(q % 41),
                      q);
    }
    must(fclose(out) == 0, "the file could not be written");
    return path;
}

int main(int argc, char **argv)
{
    static bench b;
    const char *path = argc > 1 ? argv[1] : make_file();
    unsigned lanes = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 2;
    must(lanes > 0 && lanes <= LANES_MAX, "1 to 16 lanes");
    set_up(&b, path);
    uint64_t rows = measure(&b, 0, "decode_poll");
    must(measure(&b, 1, "decode_1_lane") == rows, "rows are missing");
    char name[32];
    (void)snprintf(name, sizeof name, "decode_%u_lanes", lanes);
    must(measure(&b, lanes, name) == rows, "rows are missing");
    if (argc < 2) {
        (void)unlink(path);
    }
    measure_csv(&b, 0, "csv_frame_plain");
    measure_csv(&b, 5, "csv_frame_some_quotes");
    measure_csv(&b, 1, "csv_frame_all_quotes");
    lt_arena_free(b.arena);
    lt_env_real_free(b.env);
    lt_mem_deinit(&b.mem);
    return 0;
}
