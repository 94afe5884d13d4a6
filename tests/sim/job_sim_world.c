/* What a seed draws: query, input, sizes, settings, faults. See job_sim.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job_sim.h"
#include "sql/parse.h"

#define ROW_BYTES_MAX   160
#define INPUT_BYTES_MAX ((SIM_ROWS_MAX + 1) * ROW_BYTES_MAX)
#define FIRST_MS        60000 /* no window begins before the day */

uint64_t sim_next(sim_rng *rng)
{
    rng->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = rng->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t sim_below(sim_rng *rng, uint64_t below)
{
    return sim_next(rng) % below;
}

bool sim_happens(sim_rng *rng, unsigned per_mille)
{
    return sim_below(rng, 1000) < per_mille;
}

void sim_trace(const sim_world *world, const char *fmt, ...)
{
    va_list args;
    printf("[%llu.%u %9.3f ms] ", (unsigned long long)world->seed, world->life,
           world->env != NULL ? (double)world->env->mono_ns(world->env) / 1e6 : 0.0);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
}

void sim_fail(const sim_world *world, const char *fmt, ...)
{
    va_list args;
    fflush(stdout);
    fprintf(stderr, "job_sim: seed %llu, query %s, life %u: ", (unsigned long long)world->seed,
            world->query->name, world->life);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    if (world->exhaustive) {
        fprintf(stderr, "\n  crash %s operation %lld of '%s' (job_sim exhaustive)\n",
                world->crash_after ? "after" : "before", (long long)world->crash_op,
                world->query->name);
    } else {
        fprintf(stderr, "\n  again: make sim SEED=%llu (SIM_TRACE=1 tells what happens)\n",
                (unsigned long long)world->seed);
    }
    fflush(stderr);
    _Exit(1);
}

bool sim_has(const sim_world *world, sim_fault_kind fault)
{
    return (world->faults >> fault & 1) != 0;
}

void sim_note(sim_world *world, sim_fault_kind fault)
{
    world->stats->faults[fault]++;
}

/* ---- input ---- */

static void put_time(int64_t ms, char *to, size_t size)
{
    snprintf(to, size, "2026-01-01 %02d:%02d:%02d.%03d", (int)(ms / 3600000),
             (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
}

static size_t put_row(const sim_world *world, const sim_row *row, uint32_t id, char *to)
{
    char time[32];
    char key[32];
    char other[32];
    put_time(row->ms, time, sizeof time);
    sim_key_name(row->key, key, sizeof key);
    sim_key_name(row->other, other, sizeof other);
    int len =
        world->json_in
            ? snprintf(to, ROW_BYTES_MAX,
                       "{\"ts\":\"%s\",\"k\":\"%s\",\"d\":\"%s\",\"v\":%d,\"id\":%u}\n", time, key,
                       other, (int)row->v, id)
            : snprintf(to, ROW_BYTES_MAX, "%s,%s,%s,%d,%u\n", time, key, other, (int)row->v, id);
    return (size_t)len;
}

/* A row's time: mostly in order up to some seconds, now and then far behind. */
static int64_t draw_time(sim_world *world, int64_t *at)
{
    bool few_late = (world->query->flags & SIM_NO_LATE) != 0;
    *at += (int64_t)sim_below(&world->rng, 2500);
    uint64_t back = sim_below(&world->rng, 4000);
    if (!few_late && sim_happens(&world->rng, 80)) {
        back = sim_below(&world->rng, 90000);
    }
    return LT_MAX(*at - (int64_t)back, FIRST_MS);
}

static void draw_rows(sim_world *world, sim_stream *stream)
{
    sim_rng *rng = &world->rng;
    uint32_t most = (world->query->flags & SIM_FEW_ROWS) != 0 ? 70 : 260;
    unsigned hot = sim_happens(rng, 300) ? 600 : 0;
    int64_t at = FIRST_MS;
    stream->count = world->exhaustive ? 24 : 1 + (uint32_t)sim_below(rng, most);
    stream->after[0] = INT64_MIN;
    for (uint32_t i = 0; i < stream->count; i++) {
        sim_row *row = &stream->rows[i];
        row->ms = draw_time(world, &at);
        row->key = sim_happens(rng, hot) ? 0 : (uint32_t)sim_below(rng, world->keys);
        row->other = (uint32_t)sim_below(rng, world->keys);
        row->v = (int64_t)sim_below(rng, 100);
        int64_t mark = row->ms - SIM_DELAY_MS;
        stream->after[i + 1] = mark > stream->after[i] ? mark : stream->after[i];
    }
}

static void put_files(sim_world *world, unsigned source)
{
    static char bytes[INPUT_BYTES_MAX];
    sim_stream *stream = &world->streams[source];
    uint32_t at = 0;
    for (uint32_t f = 0; f < world->files; f++) {
        uint32_t left = stream->count - at;
        uint32_t rows = f + 1 == world->files ? left : (uint32_t)sim_below(&world->rng, left + 1);
        if (rows > 2 * left / (world->files - f) + 1) {
            rows = 2 * left / (world->files - f) + 1;
        }
        size_t len = 0;
        for (uint32_t i = 0; i < rows; i++, at++) {
            len += put_row(world, &stream->rows[at], at, bytes + len);
        }
        char path[40];
        lt_error err;
        snprintf(path, sizeof path, "/in%u/part-%02u", source, f);
        SIM_CHECK(world, lt_sim_put(world->env, path, bytes, len, &err) == LT_OK, "input: %s",
                  err.text);
        stream->bytes += (int64_t)len;
    }
}

/* ---- statements ---- */

static void add_source(sim_world *world, unsigned source, lt_text *to)
{
    lt_text_printf(to,
                   "CREATE TABLE ev%u (ts TIMESTAMP(3), k STRING, d STRING, v BIGINT, id BIGINT, "
                   "WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH "
                   "('connector'='filesystem','path'='/in%u','format'='%s');\n",
                   source, source, world->json_in ? "json" : "csv");
}

static void add_sink(sim_world *world, unsigned sink, lt_text *to)
{
    lt_text_printf(to, "CREATE TABLE out%u (", sink);
    for (const char *at = world->query->columns[sink]; *at != '\0'; at++) {
        const char *type = *at == 'T' ? "TIMESTAMP(3)" : *at == 'S' ? "STRING" : "BIGINT";
        if (*at == ':') {
            continue;
        }
        if (*at >= 'A' && *at <= 'Z') {
            lt_text_printf(to, " %s", type);
        } else if (*at == ' ') {
            lt_text_puts(to, ", ");
        } else {
            lt_text_putc(to, *at);
        }
    }
    lt_text_printf(to, ") %sWITH ('connector'='filesystem','path'='/out%u','format'='%s'%s);\n",
                   world->partitioned && sink == 0 ? "PARTITIONED BY (k) " : "", sink,
                   world->json_out ? "json" : "csv", world->rolling);
}

static void write_sql(sim_world *world)
{
    lt_text text;
    lt_text_init(&text, &world->env_mem);
    const sim_query *query = world->query;
    for (unsigned s = 0; s < ((query->flags & SIM_TWO_SOURCES) != 0 ? 2U : 1U); s++) {
        add_source(world, s, &text);
    }
    if (query->view != NULL) {
        lt_text_printf(&text, "%s;\n", query->view);
    }
    for (unsigned s = 0; s < query->sink_count; s++) {
        add_sink(world, s, &text);
    }
    if (query->sink_count > 1) {
        lt_text_puts(&text, "EXECUTE STATEMENT SET BEGIN ");
    }
    for (unsigned s = 0; s < query->sink_count; s++) {
        lt_text_printf(&text, "INSERT INTO out%u %s%s", s, query->select[s],
                       query->sink_count > 1 ? "; " : "");
    }
    if (query->sink_count == 0) {
        lt_text_puts(&text, query->select[0]);
    }
    lt_text_puts(&text, query->sink_count > 1 ? "END;\n" : ";\n");
    SIM_CHECK(world, !text.failed && text.len < sizeof world->sql, "the statements are too long");
    memcpy(world->sql, text.ptr, text.len);
    world->sql[text.len] = '\0';
    lt_text_deinit(&text);
}

static void bind_one(sim_world *world, sim_plan *plan, lt_str text, uint32_t parallelism)
{
    lt_error err;
    lt_ast_stmt *stmt;
    lt_bound bound;
    lt_error_clear(&err);
    lt_status st = lt_sql_parse_statement(&stmt, plan->arena, text, &err);
    if (st == LT_OK) {
        st = lt_bind_statement(plan->catalog, stmt, text, NULL, plan->arena, &bound, &err);
    }
    if (st == LT_OK && (bound.kind == LT_BOUND_INSERT || bound.kind == LT_BOUND_QUERY)) {
        lt_plan_options options = {.parallelism = parallelism,
                                   .local_agg_lanes = world->local_agg ? 2 : 0};
        st = lt_plan_build(plan->catalog, bound.rels, bound.rel_count, bound.kind == LT_BOUND_QUERY,
                           &options, plan->arena, &plan->plan, &err);
    }
    SIM_CHECK(world, st == LT_OK, "%.*s: %s", (int)text.len, text.ptr, err.text);
}

void sim_plan_init(sim_world *world, sim_plan *plan, uint32_t parallelism)
{
    plan->catalog = lt_catalog_new(&world->job_mem, world->env);
    plan->arena = lt_arena_new(&world->job_mem, (size_t)1 << 26);
    plan->plan = NULL;
    for (const char *at = world->sql; *at != '\0';) {
        const char *end = strstr(at, ";\n");
        bind_one(world, plan, (lt_str){at, (size_t)(end - at)}, parallelism);
        at = end + 2;
    }
    SIM_CHECK(world, plan->plan != NULL, "no plan");
}

void sim_plan_deinit(sim_plan *plan)
{
    lt_arena_free(plan->arena);
    lt_catalog_free(plan->catalog);
}

/* ---- drawing ---- */

static const sim_query *draw_query(sim_rng *rng)
{
    unsigned sum = 0;
    for (unsigned q = 0; q < sim_query_count; q++) {
        sum += sim_queries[q].weight;
    }
    unsigned at = (unsigned)sim_below(rng, sum);
    unsigned q = 0;
    for (; at >= sim_queries[q].weight; q++) {
        at -= sim_queries[q].weight;
    }
    return &sim_queries[q];
}

static void draw_rolling(sim_world *world)
{
    static const char *const policies[] = {"", ",'sink.rolling-policy.file-size'='1b'",
                                           ",'sink.rolling-policy.file-size'='300b'",
                                           ",'sink.rolling-policy.rollover-interval'='40 ms',"
                                           "'sink.rolling-policy.check-interval'='10 ms'"};
    unsigned most = world->partitioned ? 3 : 4;
    snprintf(world->rolling, sizeof world->rolling, "%s",
             policies[world->exhaustive ? 2 : sim_below(&world->rng, most)]);
}

static void draw_sizes(sim_world *world)
{
    static const uint32_t batches[] = {1, 7, 100, 4096};
    static const uint32_t keys[] = {1, 3, 8, 20, SIM_KEYS_MAX};
    sim_rng *rng = &world->rng;
    unsigned flags = world->query->flags;
    world->json_in = sim_happens(rng, 400);
    world->json_out = sim_happens(rng, 400);
    world->partitioned = (flags & SIM_KEYED_SINK) != 0 && sim_happens(rng, 200);
    world->local_agg = sim_happens(rng, 500);
    world->batch_rows = batches[sim_below(rng, LT_COUNT_OF(batches))];
    world->parallelism = 1 + (uint32_t)sim_below(rng, 4);
    world->files = 1 + (uint32_t)sim_below(rng, 12);
    world->keys = keys[sim_below(rng, LT_COUNT_OF(keys))];
    if ((flags & SIM_FEW_ROWS) != 0 && world->keys < 8) {
        world->keys = 8;
    }
    if (world->partitioned && world->keys > 8) {
        world->keys = 8;
    }
    world->step_max = 1 + (unsigned)sim_below(rng, world->batch_rows < 100 ? 30 : 6);
    world->tick_us_max = 1 + (int64_t)sim_below(rng, 3000);
    world->ask_per_mille = 20 + (unsigned)sim_below(rng, 120);
}

static void say(void *arg, const char *line)
{
    const sim_world *world = arg;
    SIM_TRACE(world, "%s", line);
}

static void draw_settings(sim_world *world)
{
    sim_rng *rng = &world->rng;
    world->ckpt = (lt_ckpt_settings){
        .dir = "/state",
        .interval_ms = sim_happens(rng, 150) ? 0 : 1 + (int64_t)sim_below(rng, 40),
        .min_pause_ms = (int64_t)sim_below(rng, 3),
        .failures_max = sim_happens(rng, 500) ? UINT32_MAX : (uint32_t)sim_below(rng, 4),
        .retain = 1 + (uint32_t)sim_below(rng, 3),
        .compression = sim_happens(rng, 300) ? 1 : 0,
        .sql = world->sql,
        .say = say,
        .arg = world,
    };
}

/* Every seed crashes or stops; which other faults it knows is drawn. */
static void draw_faults(sim_world *world)
{
    sim_rng *rng = &world->rng;
    world->faults = (unsigned)(sim_next(rng) & sim_next(rng)) & ((1U << SIM_FAULT_COUNT) - 1);
    if (sim_happens(rng, 250)) {
        world->faults |= (unsigned)sim_next(rng) & ((1U << SIM_FAULT_COUNT) - 1);
    }
    if (!sim_has(world, SIM_STOP) || sim_happens(rng, 600)) {
        world->faults |= 1U << SIM_CRASH;
    }
    world->lives_faulty = 2 + (unsigned)sim_below(rng, 5);
}

void sim_world_init(sim_world *world, uint64_t seed, const sim_query *query)
{
    world->seed = seed;
    world->rng.state = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
    world->query = query != NULL ? query : draw_query(&world->rng);
    world->epoch = 0;
    world->heals = false;
    world->env = NULL;
    world->life = world->restarts = world->checkpoints = world->tasks = 0;
    world->savepoint_no = 0;
    world->savepoint[0] = '\0';
    world->savepoint_id = 0;
    world->savepoint_made[0] = '\0';
    memset(world->epoch_rows, 0, sizeof world->epoch_rows);
    memset(world->seen, 0, sizeof world->seen);
    memset(world->mark_count, 0, sizeof world->mark_count);
    lt_mem_init(&world->env_mem, NULL, "environment", 0);
    lt_mem_init(&world->job_mem, NULL, "job", 0);
    lt_sim_options options = {.seed = seed, .start_wall_us = SIM_START_MS * 1000};
    world->env = lt_env_sim_new(&world->env_mem, &options);
    SIM_CHECK(world, world->env != NULL, "no memory");
    draw_sizes(world);
    draw_rolling(world);
    draw_settings(world);
    draw_faults(world);
    /* Not from the generator: seeds that once found something go on meaning the same. */
    sim_rng apart = {seed ^ UINT64_C(0x9e3779b97f4a7c15)};
    world->spills = !world->exhaustive && sim_happens(&apart, 300);
    if (world->exhaustive) {
        world->faults = 0;
        world->lives_faulty = world->first_op > 0 ? 2 : 1;
        world->batch_rows = 7;
        world->json_out = world->kind == 1;
        world->partitioned = world->kind == 2 && (world->query->flags & SIM_KEYED_SINK) != 0;
        world->files = 3;
        world->keys = LT_MIN(world->keys, 8U);
    }
    for (unsigned s = 0; s < SIM_SOURCES; s++) {
        world->streams[s].count = 0;
        world->streams[s].bytes = 0;
        if (s == 0 || (world->query->flags & SIM_TWO_SOURCES) != 0) {
            draw_rows(world, &world->streams[s]);
            put_files(world, s);
        }
    }
    write_sql(world);
    for (unsigned s = 0; s < SIM_SINKS; s++) {
        world->expected[s].count = 0;
        world->expected[s].text_len = 0;
    }
    memset(world->late_after, 0, sizeof world->late_after);
    world->query->oracle(world);
}

void sim_world_deinit(sim_world *world)
{
    lt_env_sim_free(world->env);
    world->env = NULL;
    int64_t left = atomic_load(&world->env_mem.bytes);
    SIM_CHECK(world, left == 0, "the environment kept %lld bytes", (long long)left);
    lt_mem_deinit(&world->job_mem);
    lt_mem_deinit(&world->env_mem);
}
