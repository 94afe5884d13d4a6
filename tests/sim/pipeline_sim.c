/* One simulated life of a pipeline per seed: files in, a filter, a one-minute window by key, files
 * out.
 *
 * The seed draws the input, the batch size, the number of steps between looks, and which faults are
 * on: short reads, failing reads, writes and syncs, a full disk, a power loss in the middle. What
 * must hold whatever happens:
 *   - a job that ends well has published exactly the rows that a plain loop over the input gives
 * (an oracle that shares no code with the engine)
 *   - a job that fails says why, and has published either nothing or everything: no half-written
 * file ever has a visible name
 *   - after a power loss too
 *   - the ledger balances and no memory is lost */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind/bind.h"
#include "os/env_sim.h"
#include "plan/plan.h"
#include "run/job.h"
#include "sql/parse.h"

#define START_MS 1767225600000LL /* 2026-01-01 */
#define KEYS     5
#define MINUTES  64
#define FILES    3

static const char *const script[] = {
    "CREATE TABLE events (ts TIMESTAMP(3), k STRING, v BIGINT, WATERMARK FOR ts AS ts - INTERVAL "
    "'5' SECOND) "
    "WITH ('connector' = 'filesystem', 'path' = '/in', 'format' = 'json')",
    "CREATE TABLE totals (w TIMESTAMP(3), k STRING, n BIGINT, s BIGINT) "
    "WITH ('connector' = 'filesystem', 'path' = '/out', 'format' = 'csv')",
    "INSERT INTO totals SELECT window_start, k, COUNT(*), SUM(v) "
    "FROM TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' MINUTE) "
    "WHERE v >= 10 GROUP BY window_start, window_end, k",
};

typedef struct {
    uint64_t state;
} rng;

static uint64_t draw(rng *r, uint64_t below)
{
    r->state += 0x9e3779b97f4a7c15ULL;
    uint64_t z = r->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return (z ^ (z >> 31)) % below;
}

#define CHECK(cond, ...)                                       \
    do {                                                       \
        if (!(cond)) {                                         \
            fprintf(stderr, "seed %" PRIu64 ": ", life->seed); \
            fprintf(stderr, __VA_ARGS__);                      \
            fprintf(stderr, " (%s:%d)\n", __FILE__, __LINE__); \
            exit(1);                                           \
        }                                                      \
    } while (0)

typedef struct {
    uint64_t seed;
    rng r;
    lt_mem mem;
    lt_env *env;
    /* the oracle */
    int64_t counts[MINUTES][KEYS];
    int64_t sums[MINUTES][KEYS];
    int64_t watermark;
    int64_t expected_rows;
} sim_life;

/* The oracle's view of one event: behind the watermark of its minute's end it is late. */
static void judge(sim_life *life, int64_t ms, unsigned key, int64_t v)
{
    int64_t minute = ms / 60000;
    if (v >= 10 && !(life->watermark >= (minute + 1) * 60000 - 1)) {
        life->counts[minute][key]++;
        life->sums[minute][key] += v;
    }
    int64_t mark = ms - 5000;
    if (mark > life->watermark) {
        life->watermark = mark;
    }
}

static void make_input(sim_life *life)
{
    static char bytes[1 << 16];
    int64_t at = 0;
    life->watermark = INT64_MIN;
    for (int f = 0; f < FILES; f++) {
        size_t len = 0;
        unsigned rows = (unsigned)draw(&life->r, 300);
        for (unsigned i = 0; i < rows; i++) {
            at += (int64_t)draw(&life->r, 3000);
            int64_t jitter = (int64_t)draw(&life->r, draw(&life->r, 10) == 0 ? 90000 : 4000);
            int64_t ms = at > jitter ? at - jitter : 0;
            unsigned key = (unsigned)draw(&life->r, KEYS);
            int64_t v = (int64_t)draw(&life->r, 100);
            len += (size_t)snprintf(
                bytes + len, sizeof bytes - len,
                "{\"ts\":\"2026-01-01 %02d:%02d:%02d.%03d\",\"k\":\"key-number-%u\",\"v\":%d}\n",
                (int)(ms / 3600000), (int)(ms / 60000 % 60), (int)(ms / 1000 % 60),
                (int)(ms % 1000), key, (int)v);
            judge(life, ms, key, v);
        }
        char path[32];
        lt_error err;
        snprintf(path, sizeof path, "/in/part-%d.jsonl", f);
        CHECK(lt_sim_put(life->env, path, bytes, len, &err) == LT_OK, "input: %s", err.text);
    }
    for (int m = 0; m < MINUTES; m++) {
        for (int k = 0; k < KEYS; k++) {
            life->expected_rows += life->counts[m][k] > 0;
        }
    }
}

typedef struct {
    sim_life *life;
    int64_t rows;
    bool wrong;
} found;

static void look_at_line(found *f, const char *line)
{
    int hour, minute, second, key;
    int64_t n, s;
    const char *at = line;
    char copy[128];
    size_t len = 0;
    for (; *at != '\0' && *at != '\n' && len + 1 < sizeof copy; at++) {
        if (*at != '"') {
            copy[len++] = *at;
        }
    }
    copy[len] = '\0';
    if (sscanf(copy, "2026-01-01 %d:%d:%d,key-number-%d,%" SCNd64 ",%" SCNd64, &hour, &minute,
               &second, &key, &n, &s) != 6) {
        f->wrong = true;
        return;
    }
    int m = hour * 60 + minute;
    f->rows++;
    f->wrong = f->wrong || m >= MINUTES || key >= KEYS || f->life->counts[m][key] != n ||
               f->life->sums[m][key] != s;
}

static lt_status look_at_file(void *arg, const lt_dirent *entry)
{
    found *f = arg;
    if (entry->name[0] == '.' || entry->name[0] == '_') {
        return LT_OK; /* not visible yet */
    }
    char path[300];
    size_t size;
    snprintf(path, sizeof path, "/out/%s", entry->name);
    const char *bytes = lt_sim_get(f->life->env, path, &size);
    for (size_t i = 0; bytes != NULL && i < size;) {
        const char *end = memchr(bytes + i, '\n', size - i);
        if (end == NULL) {
            f->wrong = true; /* a torn last line */
            break;
        }
        look_at_line(f, bytes + i);
        i = (size_t)(end - bytes) + 1;
    }
    return LT_OK;
}

static found look(sim_life *life)
{
    found f = {.life = life};
    lt_error err;
    lt_stat st;
    if (life->env->stat(life->env, "/out", &st, &err) == LT_OK) {
        life->env->list(life->env, "/out", look_at_file, &f, &err);
    }
    return f;
}

typedef struct {
    lt_catalog *catalog;
    lt_arena *arena;
    lt_plan *plan;
} prepared;

static void prepare(sim_life *life, prepared *p)
{
    lt_error err;
    lt_error_clear(&err);
    p->catalog = lt_catalog_new(&life->mem, life->env);
    p->arena = lt_arena_new(&life->mem, (size_t)1 << 26);
    for (size_t i = 0; i < LT_COUNT_OF(script); i++) {
        lt_ast_stmt *stmt;
        lt_bound bound;
        lt_str text = lt_str_of(script[i]);
        lt_status st = lt_sql_parse_statement(&stmt, p->arena, text, &err);
        if (st == LT_OK) {
            st = lt_bind_statement(p->catalog, stmt, text, NULL, p->arena, &bound, &err);
        }
        if (st == LT_OK && bound.kind == LT_BOUND_INSERT) {
            lt_plan_options options = {0};
            st = lt_plan_build(p->catalog, bound.rels, bound.rel_count, false, &options, p->arena,
                               &p->plan, &err);
        }
        CHECK(st == LT_OK, "statement %zu: %s", i, err.text);
    }
}

static void dispose(prepared *p)
{
    lt_arena_free(p->arena);
    lt_catalog_free(p->catalog);
}

/* Runs the pipeline once. crash_after: power loss after that many looks; < 0 = never. Gives the
 * state it ended in. */
static lt_job_state live(sim_life *life, int64_t crash_after)
{
    prepared p;
    prepare(life, &p);
    static const uint32_t sizes[] = {1, 7, 100, 4096};
    lt_job_options options = {.env = life->env,
                              .mem = &life->mem,
                              .session = lt_catalog_session(p.catalog),
                              .name = "sim",
                              .batch_rows = sizes[draw(&life->r, LT_COUNT_OF(sizes))]};
    lt_job *job = NULL;
    lt_error err;
    lt_error_clear(&err);
    lt_job_state state = LT_JOB_FAILED;
    if (lt_job_new(p.plan, &options, &job, &err) == LT_OK) {
        for (int64_t looks = 0; looks < 1000000; looks++) {
            state = lt_job_step(job, 1 + (uint32_t)draw(&life->r, 20));
            if (looks == crash_after) {
                lt_sim_crash(life->env);
                break;
            }
            if (state != LT_JOB_RUNNING && state != LT_JOB_WAITING) {
                break;
            }
            if (state == LT_JOB_WAITING) {
                lt_job_wait(job, 1000000000);
            }
        }
        lt_error ledger;
        CHECK(lt_job_check_ledger(job, &ledger) == LT_OK, "%s", ledger.text);
        CHECK(state != LT_JOB_FAILED || lt_job_error(job)->text[0] != '\0',
              "failed without a word");
    } else {
        CHECK(err.text[0] != '\0', "did not open, without a word");
    }
    lt_job_free(job);
    dispose(&p);
    return state;
}

static void one_life(uint64_t seed)
{
    static sim_life the_life;
    sim_life *life = &the_life;
    memset(life, 0, sizeof *life);
    life->seed = seed;
    life->r.state = seed;
    lt_mem_init(&life->mem, NULL, "sim", 0);
    lt_sim_options options = {.seed = seed, .start_wall_us = START_MS * 1000};
    unsigned faults = (unsigned)draw(&life->r, 8);
    options.short_read_per_mille = (faults & 1) != 0 ? 300 : 0;
    life->env = lt_env_sim_new(&life->mem, &options);
    CHECK(life->env != NULL, "no memory");
    make_input(life);
    if ((faults & 2) != 0) {
        static const char kinds[] = "rwsm";
        lt_sim_fail_nth(life->env, kinds[draw(&life->r, 4)], 1 + (int64_t)draw(&life->r, 6));
    }
    int64_t crash_after = (faults & 4) != 0 ? (int64_t)draw(&life->r, 60) : -1;
    lt_job_state state = live(life, crash_after);

    found f = look(life);
    CHECK(!f.wrong, "a visible row is torn or differs from the oracle");
    if (state == LT_JOB_DONE && crash_after < 0) {
        CHECK(f.rows == life->expected_rows, "%" PRId64 " rows, %" PRId64 " expected", f.rows,
              life->expected_rows);
    } else {
        CHECK(f.rows == 0 || f.rows == life->expected_rows,
              "%" PRId64 " of %" PRId64 " rows are visible", f.rows, life->expected_rows);
    }
    if (f.rows == 0 && life->expected_rows > 0) {
        /* Heal, and run again: now everything must come out. */
        lt_sim_fail_nth(life->env, 'r', 0);
        lt_sim_fail_nth(life->env, 'w', 0);
        lt_sim_fail_nth(life->env, 's', 0);
        lt_sim_fail_nth(life->env, 'm', 0);
        state = live(life, -1);
        f = look(life);
        CHECK(state == LT_JOB_DONE && !f.wrong && f.rows == life->expected_rows,
              "after healing %" PRId64 " of %" PRId64 " rows", f.rows, life->expected_rows);
    }
    lt_env_sim_free(life->env);
    int64_t left = atomic_load(&life->mem.bytes);
    CHECK(left == 0, "%" PRId64 " bytes were not given back", left);
    lt_mem_deinit(&life->mem);
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    for (uint64_t seed = first; seed < first + count; seed++) {
        one_life(seed);
    }
    printf("%" PRIu64 " simulated lives, all well\n", count);
    return 0;
}
