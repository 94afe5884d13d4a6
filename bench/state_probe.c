/* How many rows a second a state table takes: probe with creation, then count and sum in the
 * records found. One JSON line per case on stdout. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "os/env.h"
#include "state/state.h"

#define ROWS_PER_BATCH 4096
#define RUN_NS         400000000LL
#define BEST_OF        3

typedef struct {
    int64_t count;
    int64_t sum;
} agg;

typedef struct {
    const char *name;
    uint32_t words; /* of the key */
    uint64_t groups;
    bool strings;
} probe_case;

typedef struct {
    lt_env *env;
    lt_mem *mem;
    lt_arena *arena; /* reset after each batch */
    const lt_rowcodec *codec;
    lt_table *table;
    lt_col cols[2];
    const lt_col *col_ptrs[2];
    char *texts;
    uint64_t rng;
} bench;

static uint64_t random_next(bench *b)
{
    b->rng += 0x9e3779b97f4a7c15ULL;
    return lt_hash_u64(b->rng);
}

/* Key columns of one batch. first + i when sequential, else random. */
static void fill(bench *b, const probe_case *c, uint64_t first, bool sequential)
{
    for (uint32_t i = 0; i < ROWS_PER_BATCH; i++) {
        uint64_t key = sequential ? (first + i) % c->groups : random_next(b) % c->groups;
        if (c->strings) {
            int len = snprintf(b->texts + i * 24, 24, "key-%010" PRIu64, key);
            LT_COL_DATA(&b->cols[0], lt_strv)[i] = lt_strv_make(b->texts + i * 24, (size_t)len);
            continue;
        }
        for (uint32_t w = 0; w < c->words; w++) {
            LT_COL_DATA(&b->cols[w], int64_t)[i] = (int64_t)(key + w);
        }
    }
}

static lt_status feed(bench *b, const lt_rows *rows, lt_error *err)
{
    void *values[ROWS_PER_BATCH];
    LT_TRY(lt_table_probe(b->table, rows, true, values, NULL, err));
    for (uint32_t i = 0; i < rows->count; i++) {
        agg *a = values[i];
        a->count++;
        a->sum += (int64_t)i;
    }
    return LT_OK;
}

static void report(const char *name, const char *what, double value, const char *unit)
{
    printf("{\"name\": \"state_probe.%s.%s\", \"value\": %.1f, \"unit\": \"%s\", "
           "\"better\": \"higher\"}\n",
           name, what, value, unit);
}

/* Random keys, encoded beforehand, so that the loop measures the table alone. */
static lt_status measure(bench *b, const probe_case *c, lt_error *err)
{
    enum { BATCHES = 64 };
    lt_rows batches[BATCHES];
    for (uint32_t i = 0; i < BATCHES; i++) {
        fill(b, c, 0, false);
        LT_TRY(lt_rowcodec_encode(b->codec, b->col_ptrs, NULL, ROWS_PER_BATCH, b->arena,
                                  &batches[i], err));
    }
    double best = 0;
    for (int round = 0; round < BEST_OF; round++) {
        int64_t start = b->env->mono_ns(b->env);
        int64_t now = start;
        uint64_t rows = 0;
        while (now - start < RUN_NS) {
            for (uint32_t i = 0; i < BATCHES; i++) {
                LT_TRY(feed(b, &batches[i], err));
                rows += ROWS_PER_BATCH;
            }
            now = b->env->mono_ns(b->env);
        }
        double rate = (double)rows * 1e3 / (double)(now - start);
        best = rate > best ? rate : best;
    }
    report(c->name, "probe", best, "Mrows/s");
    lt_arena_reset(b->arena, 64 << 20);

    fill(b, c, 0, false);
    int64_t start = b->env->mono_ns(b->env);
    for (uint32_t i = 0; i < 2000; i++) {
        lt_rows rows;
        LT_TRY(
            lt_rowcodec_encode(b->codec, b->col_ptrs, NULL, ROWS_PER_BATCH, b->arena, &rows, err));
        lt_arena_reset(b->arena, 64 << 20);
    }
    double ns = (double)(b->env->mono_ns(b->env) - start);
    report(c->name, "encode", 2000.0 * ROWS_PER_BATCH * 1e3 / ns, "Mrows/s");
    return LT_OK;
}

static lt_status run_case(bench *b, const probe_case *c, lt_error *err)
{
    lt_arena *types = lt_arena_new(b->mem, 1 << 24);
    lt_state *state = lt_state_new(b->mem, b->env);
    const lt_type *type =
        types ? lt_type_new(types, c->strings ? LT_TYPE_VARCHAR : LT_TYPE_BIGINT, false) : NULL;
    lt_status st = LT_ERR_NOMEM;
    if (!type || !state) {
        goto out;
    }
    const lt_type *key_types[2] = {type, type};
    b->codec = lt_rowcodec_new(types, key_types, c->words, false);
    b->texts = LT_NEW_ARRAY(types, char, ROWS_PER_BATCH * 24);
    for (uint32_t w = 0; w < c->words; w++) {
        b->col_ptrs[w] = &b->cols[w];
        if (!b->codec || !b->texts || !lt_col_init(&b->cols[w], type, ROWS_PER_BATCH, types)) {
            goto out;
        }
    }
    const lt_table_decl decl = {.name = "bench", .key = b->codec, .value_size = sizeof(agg)};
    st = lt_state_table(state, &decl, &b->table, err);
    int64_t start = b->env->mono_ns(b->env);
    int64_t worst = 0;
    for (uint64_t at = 0; st == LT_OK && at < c->groups; at += ROWS_PER_BATCH) {
        lt_rows rows;
        fill(b, c, at, true);
        st = lt_rowcodec_encode(b->codec, b->col_ptrs, NULL, ROWS_PER_BATCH, b->arena, &rows, err);
        int64_t before = b->env->mono_ns(b->env);
        st = st == LT_OK ? feed(b, &rows, err) : st;
        int64_t took = b->env->mono_ns(b->env) - before;
        worst = took > worst ? took : worst;
        lt_arena_reset(b->arena, 64 << 20);
    }
    report(c->name, "insert", (double)c->groups * 1e3 / (double)(b->env->mono_ns(b->env) - start),
           "Mrows/s");
    printf("{\"name\": \"state_probe.%s.insert_worst_batch\", \"value\": %.1f, \"unit\": \"us\", "
           "\"better\": \"lower\"}\n",
           c->name, (double)worst / 1e3);
    st = st == LT_OK ? measure(b, c, err) : st;
out:
    lt_state_free(state);
    lt_arena_free(types);
    return st;
}

int main(void)
{
    static const probe_case cases[] = {
        {"key8_100", 1, 100, false},     {"key8_10k", 1, 10000, false},
        {"key8_100k", 1, 100000, false}, {"key8_1m", 1, 1000000, false},
        {"key16_10k", 2, 10000, false},  {"key16_1m", 2, 1000000, false},
        {"string_10k", 1, 10000, true},  {"string_1m", 1, 1000000, true},
    };
    lt_mem mem;
    lt_error err;
    lt_error_clear(&err);
    lt_mem_init(&mem, NULL, "bench", 0);
    bench b = {.mem = &mem, .rng = 42};
    b.env = lt_env_real_new(&mem);
    b.arena = lt_arena_new(&mem, (size_t)1 << 30);
    lt_status st = b.env && b.arena ? LT_OK : LT_ERR_NOMEM;
    for (size_t i = 0; st == LT_OK && i < LT_COUNT_OF(cases); i++) {
        st = run_case(&b, &cases[i], &err);
    }
    if (st != LT_OK) {
        fprintf(stderr, "state_probe: %s %s\n", lt_status_name(st), err.text);
    }
    lt_arena_free(b.arena);
    lt_env_real_free(b.env);
    lt_mem_deinit(&mem);
    return st == LT_OK ? 0 : 1;
}
