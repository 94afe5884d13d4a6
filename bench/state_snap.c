/* What checkpoints cost a state table: how long begin() holds the task's thread, how much slower
 * rewriting all keys is while another thread takes snapshots, and how fast state is restored. One
 * JSON line per figure on stdout. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "os/env.h"
#include "os/thread.h"
#include "state/state.h"

#define ROWS_PER_BATCH 4096
#define KEYS           8000000ULL
#define SLICES         200
#define BARRIERS       400
#define RUN_NS         1500000000LL

typedef struct {
    int64_t count;
    int64_t sum;
} agg;

typedef struct {
    lt_env *env;
    lt_mem *mem;
    lt_arena *types;
    lt_state *state;
    lt_table *table;
    lt_slices *slices;
    uint64_t keys[ROWS_PER_BATCH];
    uint64_t hashes[ROWS_PER_BATCH];
    uint64_t rng;
} bench;

static void report(const char *what, double value, const char *unit, bool higher)
{
    printf("{\"name\": \"state_snap.%s\", \"value\": %.2f, \"unit\": \"%s\", \"better\": \"%s\"}\n",
           what, value, unit, higher ? "higher" : "lower");
}

static lt_status declare(bench *b, lt_error *err)
{
    const lt_type *type = lt_type_new(b->types, LT_TYPE_BIGINT, false);
    const lt_rowcodec *codec = type ? lt_rowcodec_new(b->types, &type, 1, false) : NULL;
    b->state = lt_state_new(b->mem, b->env);
    if (!codec || !b->state) {
        return LT_ERR_NOMEM;
    }
    lt_table_decl decl = {
        .name = "bench", .key = codec, .value_size = sizeof(agg), .group_fields = 1};
    LT_TRY(lt_state_table(b->state, &decl, &b->table, err));
    decl.name = "slices";
    return lt_state_slices(b->state, &decl, &b->slices, err);
}

static lt_status feed(bench *b, lt_table *table, lt_error *err)
{
    void *values[ROWS_PER_BATCH];
    for (uint32_t i = 0; i < ROWS_PER_BATCH; i++) {
        b->hashes[i] = lt_hash_u64(b->keys[i]);
    }
    const lt_rows rows = {ROWS_PER_BATCH, 8, (const uint8_t *)b->keys, NULL, b->hashes};
    LT_TRY(lt_table_probe(table, &rows, true, values, NULL, err));
    for (uint32_t i = 0; i < ROWS_PER_BATCH; i++) {
        agg *a = values[i];
        a->count++;
        a->sum += (int64_t)i;
    }
    return LT_OK;
}

static lt_status fill(bench *b, lt_error *err)
{
    for (uint64_t at = 0; at < KEYS; at += ROWS_PER_BATCH) {
        for (uint32_t i = 0; i < ROWS_PER_BATCH; i++) {
            b->keys[i] = (at + i) % KEYS;
        }
        LT_TRY(feed(b, b->table, err));
    }
    for (int64_t s = 0; s < SLICES; s++) {
        lt_table *slice;
        LT_TRY(lt_slices_get(b->slices, s * 1000, true, &slice, err));
        LT_TRY(feed(b, slice, err));
    }
    return LT_OK;
}

/* Random keys for some time; millions of rows a second. */
static lt_status rewrite(bench *b, double *rate, int64_t *worst, lt_error *err)
{
    int64_t start = b->env->mono_ns(b->env);
    int64_t now = start;
    uint64_t rows = 0;
    *worst = 0;
    while (now - start < RUN_NS) {
        for (uint32_t i = 0; i < ROWS_PER_BATCH; i++) {
            b->rng += 0x9e3779b97f4a7c15ULL;
            b->keys[i] = lt_hash_u64(b->rng) % KEYS;
        }
        int64_t before = b->env->mono_ns(b->env);
        LT_TRY(feed(b, b->table, err));
        rows += ROWS_PER_BATCH;
        now = b->env->mono_ns(b->env);
        *worst = now - before > *worst ? now - before : *worst;
    }
    *rate = (double)rows * 1e3 / (double)(now - start);
    return LT_OK;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static lt_status barriers(bench *b, lt_error *err)
{
    int64_t times[BARRIERS];
    for (int i = 0; i < BARRIERS; i++) {
        lt_state_snap *snap;
        LT_TRY(feed(b, b->table, err));
        int64_t start = b->env->mono_ns(b->env);
        LT_TRY(lt_state_snap_begin(b->state, true, &snap, err));
        times[i] = b->env->mono_ns(b->env) - start;
        lt_state_snap_end(snap, false);
    }
    qsort(times, BARRIERS, sizeof *times, by_value);
    report("barrier_p50", (double)times[BARRIERS / 2] / 1e3, "us", false);
    report("barrier_p99", (double)times[BARRIERS * 99 / 100] / 1e3, "us", false);
    return LT_OK;
}

/* Processor time of this thread: says what a snapshot costs the task also where others share the
 * processor. */
static int64_t own_cpu_ns(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

#define SPREAD_ROWS 512 /* keys this far apart are in different blocks: 24 bytes an entry */

/* One key of each block, blocks in random order. */
static lt_status touch_blocks(bench *b, int64_t *ns, lt_error *err)
{
    const uint64_t blocks = KEYS / SPREAD_ROWS;
    void *values[64];
    int64_t start = own_cpu_ns();
    for (uint64_t at = 0; at + 64 <= blocks; at += 64) {
        for (uint64_t i = 0; i < 64; i++) {
            b->keys[i] = (at + i) * 7919 % blocks * SPREAD_ROWS + 100;
            b->hashes[i] = lt_hash_u64(b->keys[i]);
        }
        const lt_rows rows = {64, 8, (const uint8_t *)b->keys, NULL, b->hashes};
        LT_TRY(lt_table_probe(b->table, &rows, false, values, NULL, err));
    }
    *ns = (own_cpu_ns() - start) * 1000 / (int64_t)blocks;
    return LT_OK;
}

/* What the first change of a block costs its owner while a snapshot has it: nobody reads, so that
 * every block is put aside. The first time the memory for that is new. */
static lt_status first_touch(bench *b, lt_error *err)
{
    int64_t alone;
    int64_t fresh;
    int64_t again = INT64_MAX;
    LT_TRY(touch_blocks(b, &alone, err));
    for (int round = 0; round < 4; round++) {
        lt_state_snap *snap;
        int64_t took;
        LT_TRY(lt_state_snap_begin(b->state, false, &snap, err));
        LT_TRY(touch_blocks(b, &took, err));
        lt_state_snap_end(snap, false);
        fresh = round == 0 ? took : fresh;
        again = round > 0 && took < again ? took : again;
    }
    report("first_touch_fresh", (double)(fresh - alone) / 1e3, "ns/block", false);
    report("first_touch", (double)(again - alone) / 1e3, "ns/block", false);
    return LT_OK;
}

typedef struct {
    lt_state_snap *snap;
    uint64_t bytes;
    lt_status st;
    _Atomic(bool) done;
} reader;

static void read_all(void *arg)
{
    reader *r = arg;
    lt_state_block block;
    lt_error err;
    while ((r->st = lt_state_snap_next(r->snap, &block, &err)) == LT_OK) {
        r->bytes += block.len;
    }
    lt_state_snap_end(r->snap, r->st == LT_END);
    atomic_store(&r->done, true);
}

/* One snapshot after the other while rows come in. */
static lt_status under_snapshots(bench *b, lt_error *err)
{
    double alone = 0;
    double with = 0;
    int64_t worst_alone = 0;
    int64_t worst = 0;
    uint64_t rows = 0;
    int64_t spent = 0;
    int64_t cpu = 0;
    LT_TRY(rewrite(b, &alone, &worst_alone, err));
    for (int round = 0; round < 3; round++) {
        reader r = {.bytes = 0};
        lt_thread *thread;
        LT_TRY(lt_state_snap_begin(b->state, round > 0, &r.snap, err));
        LT_TRY(lt_thread_start(b->mem, "reader", read_all, &r, &thread, err));
        int64_t start = b->env->mono_ns(b->env);
        cpu -= own_cpu_ns();
        while (!atomic_load(&r.done)) {
            for (uint32_t i = 0; i < ROWS_PER_BATCH; i++) {
                b->rng += 0x9e3779b97f4a7c15ULL;
                b->keys[i] = lt_hash_u64(b->rng) % KEYS;
            }
            int64_t before = b->env->mono_ns(b->env);
            LT_TRY(feed(b, b->table, err));
            int64_t took = b->env->mono_ns(b->env) - before;
            worst = took > worst ? took : worst;
            rows += ROWS_PER_BATCH;
        }
        cpu += own_cpu_ns();
        spent += b->env->mono_ns(b->env) - start;
        lt_thread_join(thread);
        if (r.st != LT_END) {
            return r.st;
        }
    }
    with = (double)rows * 1e3 / (double)spent;
    report("rewrite_alone", alone, "Mrows/s", true);
    report("rewrite_under_snapshot", with, "Mrows/s", true);
    report("rewrite_under_snapshot_cpu", (double)rows * 1e3 / (double)cpu, "Mrows/s", true);
    report("worst_batch_alone", (double)worst_alone / 1e3, "us", false);
    report("worst_batch_under_snapshot", (double)worst / 1e3, "us", false);
    report("snapshot_time", (double)spent / 3e6, "ms", false);
    return LT_OK;
}

static lt_status restore(bench *b, lt_error *err)
{
    lt_text text;
    size_t used = 0;
    lt_text_init(&text, b->mem);
    int64_t start = b->env->mono_ns(b->env);
    LT_TRY(lt_state_save(b->state, &text, err));
    double ns = (double)(b->env->mono_ns(b->env) - start);
    report("save", (double)text.len / ns, "GB/s", true);
    lt_state_free(b->state);
    LT_TRY(declare(b, err));
    start = b->env->mono_ns(b->env);
    LT_TRY(lt_state_load(b->state, text.ptr, text.len, &used, err));
    ns = (double)(b->env->mono_ns(b->env) - start);
    report("restore_fresh_memory", (double)text.len / ns, "GB/s", true);
    report("restore_rows_fresh", (double)KEYS * 1e3 / ns, "Mrows/s", true);
    lt_state_free(b->state);
    LT_TRY(declare(b, err));
    start = b->env->mono_ns(b->env);
    LT_TRY(lt_state_load(b->state, text.ptr, text.len, &used, err));
    ns = (double)(b->env->mono_ns(b->env) - start);
    report("restore_again", (double)text.len / ns, "GB/s", true);
    lt_text_deinit(&text);
    return LT_OK;
}

int main(void)
{
    lt_mem mem;
    lt_error err;
    lt_error_clear(&err);
    lt_mem_init(&mem, NULL, "bench", 0);
    bench *b = calloc(1, sizeof *b);
    if (!b) {
        return 1;
    }
    b->mem = &mem;
    b->rng = 42;
    b->env = lt_env_real_new(&mem);
    b->types = lt_arena_new(&mem, 1 << 20);
    lt_status st = b->env && b->types ? declare(b, &err) : LT_ERR_NOMEM;
    st = st == LT_OK ? fill(b, &err) : st;
    st = st == LT_OK ? barriers(b, &err) : st;
    st = st == LT_OK ? first_touch(b, &err) : st;
    st = st == LT_OK ? under_snapshots(b, &err) : st;
    st = st == LT_OK ? restore(b, &err) : st;
    if (st != LT_OK) {
        fprintf(stderr, "state_snap: %s %s\n", lt_status_name(st), err.text);
    }
    lt_state_free(b->state);
    lt_arena_free(b->types);
    lt_env_real_free(b->env);
    lt_mem_deinit(&mem);
    free(b);
    return st == LT_OK ? 0 : 1;
}
