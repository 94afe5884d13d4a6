/* The engines behind a test file. The catalog is one engine; every query gets a further one, in
 * which all that happened so far is repeated: statements, fed rows, ends of input. So several
 * queries may read the same feed, a query may be asked about what was fed before it, and a restart
 * is what it is in life: another engine, the same statements, a snapshot. */
#include <stdio.h>

#include "cli/scan.h"
#include "cli/test_int.h"

#define STEP_BUDGET 1000
#define ROWS_MAX    1000000
#define MEMORY_DIR  "/dev/shm" /* a sync costs nothing there */

/* The engine's message has lines and a caret: it is kept as it is beside the error. */
lt_status lt_world_engine_error(lt_world *world, const leat *db, leat_status st, lt_error *err)
{
    static const lt_status codes[] = {
        [LEAT_OK] = LT_OK,           [LEAT_USAGE] = LT_ERR_USAGE,
        [LEAT_SQL] = LT_ERR_SQL,     [LEAT_CONNECT] = LT_ERR_IO,
        [LEAT_DATA] = LT_ERR_DATA,   [LEAT_STATE] = LT_ERR_STATE,
        [LEAT_NOMEM] = LT_ERR_NOMEM, [LEAT_PERMISSION] = LT_ERR_PERMISSION,
    };
    lt_status code =
        (size_t)st < LT_COUNT_OF(codes) && codes[st] != LT_OK ? codes[st] : LT_ERR_INTERNAL;
    const char *message = db != NULL ? leat_error(db) : "an engine could not be opened";
    world->message = lt_arena_strndup(world->arena, message, strlen(message));
    return lt_error_set(err, code, "%s", message);
}

static uint32_t lanes_of(const lt_world *world, const lt_test_engine *engine)
{
    static const uint32_t turns[] = {1, 4, 2};
    if (engine->is_listing) {
        return 0;
    }
    if (engine->lanes > 0) {
        return engine->lanes;
    }
    return world->setting->rescale ? turns[engine->lives % LT_COUNT_OF(turns)]
                                   : world->setting->lanes;
}

lt_status lt_world_open_db(lt_world *world, const lt_test_engine *engine, leat **out, lt_error *err)
{
    leat_config config = {
        .struct_size = sizeof config,
        .batch_rows = world->setting->batch_rows,
        .virtual_clock = true,
        .rejects_dir = world->tmp,
        .reparse = world->setting->reparse,
        .native_functions = world->native,
        .spill_all = world->setting->spill,
    };
    int64_t now_ms = world->clock_ms;
    if (engine != NULL) {
        now_ms = engine->covered_ms;
        config.final_rows = engine->final_rows;
        config.parallelism = lanes_of(world, engine);
        config.threads = engine->with_threads;
        config.state_dir = engine->state_dir;
        config.keep_all = engine->state_dir != NULL;
        config.file = engine->state_dir != NULL ? world->file->path : NULL;
    }
    leat_status st = leat_open(&config, out);
    if (st == LEAT_OK) {
        st = leat_clock(*out, now_ms);
    }
    return st == LEAT_OK ? LT_OK : lt_world_engine_error(world, *out, st, err);
}

static char *folder_of(lt_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? lt_arena_printf(arena, ".")
                         : lt_arena_strndup(arena, path, (size_t)(slash - path));
}

/* A name that nobody else has. */
static char *fresh_path(lt_world *world, const char *base, const char *what)
{
    lt_env *env = world->cli->env;
    const char *set = env->getenv(env, "TMPDIR");
    return lt_arena_printf(world->arena, "%s/leat-%s-%016llx",
                           set != NULL && set[0] != '\0' ? set : base, what,
                           (unsigned long long)env->random_u64(env));
}

/* A fresh folder when the file names $TMP. */
static lt_status make_tmp(lt_world *world, lt_error *err)
{
    lt_env *env = world->cli->env;
    lt_str text = world->file->text;
    bool used = false;
    for (size_t i = 0; i + 4 <= text.len && !used; i++) {
        used = memcmp(text.ptr + i, "$TMP", 4) == 0;
    }
    if (!used) {
        return LT_OK;
    }
    world->tmp = fresh_path(world, "/tmp", "test");
    return world->tmp != NULL ? env->mkdirs(env, world->tmp, err) : lt_error_nomem(err, "a path");
}

static lt_status make_state(lt_world *world, lt_error *err)
{
    lt_env *env = world->cli->env;
    lt_stat info;
    if (!lt_trial_keeps_state(world)) {
        return LT_OK;
    }
    bool memory = env->stat(env, MEMORY_DIR, &info, NULL) == LT_OK && info.kind == LT_FILE_DIR;
    world->state = fresh_path(world, memory ? MEMORY_DIR : "/tmp", "state");
    return world->state != NULL ? env->mkdirs(env, world->state, err)
                                : lt_error_nomem(err, "a path");
}

lt_status lt_world_open(lt_world *world, lt_error *err)
{
    world->clock_ms = 1767225600000; /* 2026-01-01 00:00:00 UTC */
    world->here = folder_of(world->arena, world->file->path);
    if (world->here == NULL) {
        return lt_error_nomem(err, "a path");
    }
    LT_TRY(make_tmp(world, err));
    LT_TRY(make_state(world, err));
    return lt_world_open_db(world, NULL, &world->main, err);
}

/* ---- $TMP is taken away with what is in it ---- */

typedef struct {
    lt_world *world;
    const char *path;
    uint32_t depth;
} sweep;

static lt_status sweep_folder(lt_world *world, const char *path, uint32_t depth);

static lt_status sweep_entry(void *arg, const lt_dirent *entry)
{
    sweep *self = arg;
    lt_env *env = self->world->cli->env;
    const char *path = lt_arena_printf(self->world->arena, "%s/%s", self->path, entry->name);
    if (path == NULL) {
        return LT_ERR_NOMEM;
    }
    if (entry->kind == LT_FILE_DIR && self->depth < 16) {
        return sweep_folder(self->world, path, self->depth + 1);
    }
    (void)env->unlink(env, path, NULL);
    return LT_OK;
}

static lt_status sweep_folder(lt_world *world, const char *path, uint32_t depth)
{
    lt_env *env = world->cli->env;
    sweep self = {world, path, depth};
    lt_status st = env->list(env, path, sweep_entry, &self, NULL);
    (void)env->unlink(env, path, NULL);
    return st;
}

/* ---- engines ---- */

void lt_world_free_jobs(lt_test_engine *engine)
{
    for (size_t i = engine->jobs.count; i-- > 0;) {
        leat_job_free(engine->jobs.items[i].job);
        engine->jobs.items[i].job = NULL;
    }
}

void lt_world_engine_free(lt_world *world, lt_test_engine *engine)
{
    if (engine != NULL) {
        lt_world_free_jobs(engine);
        leat_close(engine->db);
        for (size_t i = 0; i < engine->jobs.count; i++) {
            lt_array_deinit(&engine->jobs.items[i].lost, world->mem);
        }
        lt_array_deinit(&engine->jobs, world->mem);
        lt_mem_free(world->mem, engine, sizeof *engine);
    }
}

void lt_world_close(lt_world *world)
{
    for (size_t i = 0; i < world->engines.count; i++) {
        lt_world_engine_free(world, world->engines.items[i]);
    }
    leat_close(world->main);
    for (size_t i = 0; i < world->channels.count; i++) {
        lt_array_deinit(&world->channels.items[i]->rows, world->mem);
        lt_array_deinit(&world->channels.items[i]->wanted, world->mem);
    }
    lt_array_deinit(&world->engines, world->mem);
    lt_array_deinit(&world->channels, world->mem);
    lt_array_deinit(&world->log, world->mem);
    lt_array_deinit(&world->sources, world->mem);
    lt_array_deinit(&world->sinks, world->mem);
    lt_array_deinit(&world->edits, world->mem);
    if (world->tmp != NULL) {
        (void)sweep_folder(world, world->tmp, 0);
    }
    if (world->state != NULL) {
        (void)sweep_folder(world, world->state, 0);
    }
}

lt_status lt_world_repeat_ddl(lt_world *world, lt_test_engine *engine, lt_error *err)
{
    for (size_t i = 0; i < engine->log_count; i++) {
        const lt_log_entry *entry = &world->log.items[i];
        leat_status st =
            entry->kind == LT_LOG_DDL ? leat_execute(engine->db, entry->text, NULL, NULL) : LEAT_OK;
        if (st != LEAT_OK) {
            return lt_world_engine_error(world, engine->db, st, err);
        }
    }
    return LT_OK;
}

/* All rows and ends of input so far. */
static lt_status repeat_input(lt_world *world, leat *db, lt_error *err)
{
    for (size_t i = 0; i < world->log.count; i++) {
        const lt_log_entry *entry = &world->log.items[i];
        bool push = entry->kind == LT_LOG_PUSH;
        if ((!push && entry->kind != LT_LOG_END) || leat_ddl(db, entry->text) == NULL) {
            continue;
        }
        leat_status st = leat_push(db, entry->text, entry->row_kind, push ? entry->bytes.ptr : NULL,
                                   entry->bytes.len);
        if (st != LEAT_OK) {
            return lt_world_engine_error(world, db, st, err);
        }
    }
    return LT_OK;
}

static lt_status name_state(lt_world *world, lt_test_engine *engine, lt_error *err)
{
    if (world->state == NULL || engine->is_listing) {
        return LT_OK;
    }
    engine->state_dir = lt_arena_printf(world->arena, "%s/%u", world->state, ++world->engine_count);
    return engine->state_dir != NULL ? LT_OK : lt_error_nomem(err, "a path");
}

static lt_status open_engine(lt_world *world, lt_test_engine *engine, lt_error *err)
{
    LT_TRY(name_state(world, engine, err));
    LT_TRY(lt_world_open_db(world, engine, &engine->db, err));
    LT_TRY(lt_world_repeat_ddl(world, engine, err));
    return repeat_input(world, engine->db, err);
}

lt_status lt_world_engine(lt_world *world, const char *sql, lt_engine_use use, lt_test_engine **out,
                          lt_error *err)
{
    *out = NULL;
    lt_test_engine *engine = lt_mem_zalloc(world->mem, sizeof *engine);
    if (engine == NULL) {
        return lt_error_nomem(err, "an engine");
    }
    lt_str verb = lt_scan_verb(lt_str_of(sql), 0, NULL);
    engine->is_listing = verb.ptr != NULL && lt_str_eq_ci(verb, LT_STR("explain"));
    engine->final_rows = use == LT_ENGINE_FINAL;
    engine->with_threads = world->setting->threads && use == LT_ENGINE_STAYS;
    engine->log_count = world->log.count;
    engine->covered = world->log.count;
    engine->covered_ms = world->clock_ms;
    lt_status st = open_engine(world, engine, err);
    if (st != LT_OK) {
        lt_world_engine_free(world, engine);
        return st;
    }
    *out = engine;
    return LT_OK;
}

/* ---- jobs ---- */

static uint64_t key_columns(const leat_job *job)
{
    uint64_t keys = 0;
    leat_column column;
    for (uint32_t i = 0; i < 64 && leat_job_column(job, i, &column); i++) {
        keys |= (uint64_t)column.key << i;
    }
    return keys;
}

static uint32_t badness(const char *promise)
{
    static const char *const order[] = {"", "exact", "final", "final if nothing is late"};
    uint32_t i = 0;
    while (i < LT_COUNT_OF(order) && strcmp(order[i], promise) != 0) {
        i++;
    }
    return i;
}

static void note_channel(lt_test_channel *channel, const leat_stats *stats, bool loose)
{
    channel->loose = channel->loose || loose;
    if (channel->promise == NULL || badness(channel->promise) < badness(stats->promise)) {
        channel->promise = stats->promise;
    }
}

void lt_world_note_promise(lt_world *world, const lt_test_engine *engine, lt_test_job *job)
{
    leat_stats stats;
    bool loose = false;
    leat_get_stats(job->job, &stats);
    uint32_t sources = 0;
    for (uint32_t i = 0; i < stats.node_count; i++) {
        loose = loose || stats.nodes[i].tasks > 1;
        sources += strcmp(stats.nodes[i].kind, "source") == 0;
    }
    loose = loose || (sources > 1 && stats.parallelism > 1); /* each on a lane of its own */
    if (job->channel == NULL) {
        world->loose_files = world->loose_files || loose;
        if (job->blame != NULL) {
            note_channel(job->blame, &stats, loose);
        }
        return;
    }
    job->channel->key_columns = key_columns(job->job);
    note_channel(job->channel, &stats, loose);
    const lt_test_job *first = &engine->jobs.items[0];
    if (engine->jobs.count > 0 && first->channel == NULL && first->blame != NULL) {
        /* It reads what the INSERT writes. */
        job->channel->loose = job->channel->loose || first->blame->loose;
        if (badness(job->channel->promise) < badness(first->blame->promise)) {
            job->channel->promise = first->blame->promise;
        }
    }
}

/* Does every INSERT of the statement write to a table of this process? */
static bool writes_to_feeds_only(leat *db, lt_arena *arena, const char *sql)
{
    size_t at = 0;
    lt_str table;
    while (lt_test_next_target(lt_str_of(sql), &at, &table)) {
        const char *name = lt_arena_strndup(arena, table.ptr, table.len);
        const char *ddl = name != NULL ? leat_ddl(db, name) : NULL;
        if (ddl == NULL ||
            (strstr(ddl, "'connector' = 'feed'") == NULL && strstr(ddl, "'blackhole'") == NULL)) {
            return false;
        }
    }
    return true;
}

lt_status lt_world_add_job(lt_world *world, lt_test_engine *engine, const char *sql,
                           lt_test_channel *channel, lt_test_channel *blame, lt_error *err)
{
    lt_test_job job = {.sql = sql, .channel = channel, .blame = blame};
    leat_status st = leat_execute(engine->db, sql, NULL, &job.job);
    if (st != LEAT_OK) {
        return lt_world_engine_error(world, engine->db, st, err);
    }
    if (job.job == NULL) {
        return LT_OK;
    }
    lt_world_note_promise(world, engine, &job);
    engine->keeps_files =
        engine->keeps_files || !writes_to_feeds_only(engine->db, world->arena, sql);
    if (!lt_array_push(&engine->jobs, world->mem, job)) {
        leat_job_free(job.job);
        return lt_error_nomem(err, "a job");
    }
    return LT_OK;
}

/* ---- rows ---- */

static uint32_t column_count(const leat_job *job)
{
    leat_column column;
    uint32_t count = 0;
    while (leat_job_column(job, count, &column)) {
        count++;
    }
    return count;
}

static lt_status keep_line(lt_world *world, lt_test_channel *channel, leat_kind kind, lt_str text,
                           lt_error *err)
{
    lt_test_row row = {kind, lt_arena_str(world->arena, text)};
    if (row.text.ptr == NULL || !lt_array_push(&channel->rows, world->mem, row)) {
        return lt_error_nomem(err, "rows");
    }
    if (channel->rows.count > ROWS_MAX) {
        return lt_error_set(err, LT_ERR_LIMIT, "more than %d rows came out", ROWS_MAX);
    }
    return LT_OK;
}

/* The one cell of a listing such as EXPLAIN stands line by line. */
static lt_status keep_cell(lt_world *world, lt_test_channel *channel, lt_str cell, lt_error *err)
{
    while (cell.len > 0) {
        const char *end = memchr(cell.ptr, '\n', cell.len);
        lt_str line = {cell.ptr, end != NULL ? (size_t)(end - cell.ptr) : cell.len};
        size_t used = line.len + (end != NULL ? 1 : 0);
        if (line.len > 0) {
            LT_TRY(keep_line(world, channel, LEAT_INSERT, line, err));
        }
        cell = (lt_str){cell.ptr + used, cell.len - used};
    }
    return LT_OK;
}

static lt_status keep_rows(lt_world *world, const lt_test_job *job, leat_rows *rows, uint32_t count,
                           lt_error *err)
{
    uint32_t width = column_count(job->job);
    lt_text text;
    lt_text_init(&text, world->mem);
    lt_status st = LT_OK;
    for (uint32_t i = 0; i < count && st == LT_OK; i++) {
        size_t size;
        const char *cell = width == 1 ? leat_rows_text(rows, i, 0, LEAT_TEXT_SQL, &size) : NULL;
        if (cell != NULL && memchr(cell, '\n', size) != NULL) {
            st = keep_cell(world, job->channel, (lt_str){cell, size}, err);
            continue;
        }
        lt_text_clear(&text);
        lt_test_row_text(rows, i, width, &text);
        st = text.failed
                 ? lt_error_nomem(err, "rows")
                 : keep_line(world, job->channel, leat_rows_kind(rows, i), lt_text_str(&text), err);
    }
    lt_text_deinit(&text);
    return st;
}

static lt_status take_all(lt_world *world, const lt_test_job *job, bool *moved, lt_error *err)
{
    leat_rows *rows;
    uint32_t count;
    while ((rows = leat_take(job->job, &count)) != NULL) {
        *moved = true;
        lt_status st = job->channel != NULL ? keep_rows(world, job, rows, count, err) : LT_OK;
        leat_rows_free(rows);
        LT_TRY(st);
    }
    return LT_OK;
}

lt_status lt_world_step_job(lt_world *world, lt_test_engine *engine, lt_test_job *job,
                            uint32_t budget, leat_state *state, lt_error *err)
{
    bool took = false;
    *state = leat_step(job->job, budget);
    LT_TRY(take_all(world, job, &took, err));
    if (took && *state != LEAT_FAILED) {
        *state = LEAT_RUNNING;
    }
    if (*state == LEAT_FAILED && job->blame != NULL && job->blame->error == NULL) {
        job->blame->error = lt_arena_printf(world->arena, "%s", leat_error(engine->db));
    }
    return LT_OK;
}

static lt_status run_job(lt_world *world, lt_test_engine *engine, lt_test_job *job, bool *moved,
                         lt_error *err)
{
    size_t before = job->channel != NULL ? job->channel->rows.count : 0;
    leat_state state = LEAT_RUNNING;
    while (state == LEAT_RUNNING) {
        LT_TRY(lt_world_step_job(world, engine, job, STEP_BUDGET, &state, err));
    }
    *moved = *moved || (job->channel != NULL && job->channel->rows.count > before);
    return LT_OK;
}

lt_status lt_world_pump(lt_world *world, lt_test_engine *engine, lt_error *err)
{
    bool moved = true;
    while (moved) {
        moved = false;
        for (size_t i = 0; i < engine->jobs.count; i++) {
            lt_test_job *job = &engine->jobs.items[i];
            if (job->job != NULL && engine->with_threads) {
                LT_TRY(lt_trial_settle(world, engine, job, err));
            } else if (job->job != NULL) {
                LT_TRY(run_job(world, engine, job, &moved, err));
            }
        }
    }
    return lt_world_check_ledger(engine, err);
}

/* A failed or finished job stays as it is: only a waiting one has a future. */
static bool is_waiting(leat_job *job)
{
    return job != NULL && leat_step(job, 0) != LEAT_DONE && leat_step(job, 0) != LEAT_FAILED;
}

#define HURRY_STEPS_MAX 3600

lt_status lt_world_pump_to_end(lt_world *world, lt_test_engine *engine, lt_error *err)
{
    int64_t now_ms = world->clock_ms;
    LT_TRY(lt_trial_midway(world, engine, err));
    for (uint32_t i = 0; i < HURRY_STEPS_MAX; i++) {
        LT_TRY(lt_world_pump(world, engine, err));
        leat_stats stats = {.bounded = false};
        if (engine->jobs.count > 0 && is_waiting(engine->jobs.items[0].job)) {
            leat_get_stats(engine->jobs.items[0].job, &stats);
        }
        if (!stats.bounded) {
            return LT_OK;
        }
        now_ms += 1000;
        leat_status st = leat_clock(engine->db, now_ms);
        LT_TRY(st == LEAT_OK ? LT_OK : lt_world_engine_error(world, engine->db, st, err));
    }
    return LT_OK;
}

lt_status lt_world_check_ledger(const lt_test_engine *engine, lt_error *err)
{
    for (size_t i = 0; i < engine->jobs.count; i++) {
        leat_job *job = engine->jobs.items[i].job;
        leat_stats stats = {.node_count = 0};
        bool failed = job == NULL || leat_step(job, 0) == LEAT_FAILED; /* it left rows unjudged */
        if (!failed) {
            leat_get_stats(job, &stats);
        }
        lt_test_channel *channel = engine->jobs.items[i].blame;
        if (channel != NULL) {
            channel->any_late = channel->any_late || stats.late > 0;
        }
        for (uint32_t node = 0; node < stats.node_count; node++) {
            leat_node_stats n = stats.nodes[node];
            if (n.in != n.used + n.filtered + n.late + n.expired + n.rejected + n.held) {
                return lt_error_set(
                    err, LT_ERR_INTERNAL,
                    "the ledger of '%s' does not balance: in %llu, used %llu, filtered %llu, late "
                    "%llu, expired %llu, rejected %llu, held %llu",
                    n.name, (unsigned long long)n.in, (unsigned long long)n.used,
                    (unsigned long long)n.filtered, (unsigned long long)n.late,
                    (unsigned long long)n.expired, (unsigned long long)n.rejected,
                    (unsigned long long)n.held);
            }
        }
    }
    return LT_OK;
}

/* ---- what happens ---- */

static lt_status keep_log(lt_world *world, lt_log_entry entry, lt_error *err)
{
    entry.text = lt_arena_printf(world->arena, "%s", entry.text);
    entry.bytes = entry.bytes.ptr != NULL ? lt_arena_str(world->arena, entry.bytes) : entry.bytes;
    if (entry.text == NULL || !lt_array_push(&world->log, world->mem, entry)) {
        return lt_error_nomem(err, "a test");
    }
    return LT_OK;
}

lt_status lt_world_ddl(lt_world *world, const char *sql, lt_error *err)
{
    leat_status st = leat_execute(world->main, sql, NULL, NULL);
    if (st != LEAT_OK) {
        return lt_world_engine_error(world, world->main, st, err);
    }
    return keep_log(world, (lt_log_entry){.kind = LT_LOG_DDL, .text = sql}, err);
}

/* The entry happens in one engine. */
static lt_status apply(lt_world *world, lt_test_engine *engine, const lt_log_entry *entry,
                       lt_error *err)
{
    leat_status st = LEAT_OK;
    if (entry->kind == LT_LOG_CLOCK) {
        st = leat_clock(engine->db, entry->clock_ms);
    } else {
        st =
            leat_push(engine->db, entry->text, entry->row_kind, entry->bytes.ptr, entry->bytes.len);
    }
    if (st == LEAT_FULL) {
        return lt_error_set(err, LT_ERR_LIMIT,
                            "table '%s' was fed more than a feed holds, and no query reads it",
                            entry->text);
    }
    return st == LEAT_OK ? LT_OK : lt_world_engine_error(world, engine->db, st, err);
}

/* It happens everywhere, and every query does what it then can. */
static lt_status happen(lt_world *world, lt_log_entry entry, lt_error *err)
{
    size_t at = world->log.count;
    LT_TRY(keep_log(world, entry, err));
    entry = world->log.items[at];
    for (size_t i = 0; i < world->engines.count; i++) {
        lt_test_engine *engine = world->engines.items[i];
        if (entry.kind != LT_LOG_CLOCK && leat_ddl(engine->db, entry.text) == NULL) {
            continue; /* made since: its queries cannot read it */
        }
        LT_TRY(apply(world, engine, &entry, err));
        LT_TRY(lt_trial_before(world, engine, at, err));
        LT_TRY(lt_world_pump(world, engine, err));
        LT_TRY(lt_trial_after(world, engine, at, err));
    }
    return LT_OK;
}

lt_status lt_world_push(lt_world *world, const char *table, leat_kind kind, lt_str bytes,
                        lt_error *err)
{
    const char *ddl = leat_ddl(world->main, table);
    if (ddl == NULL || strstr(ddl, "'connector' = 'feed'") == NULL) {
        return lt_error_set(err, LT_ERR_USAGE, "'%s' is not a table with 'connector' = 'feed'",
                            table);
    }
    lt_log_entry entry = {.kind = LT_LOG_PUSH, .text = table, .row_kind = kind, .bytes = bytes};
    return happen(world, entry, err);
}

lt_status lt_world_end(lt_world *world, const char *table, lt_error *err)
{
    return happen(world, (lt_log_entry){.kind = LT_LOG_END, .text = table}, err);
}

lt_status lt_world_clock(lt_world *world, int64_t ms, lt_error *err)
{
    world->clock_ms = ms;
    leat_status st = leat_clock(world->main, ms);
    LT_TRY(st == LEAT_OK ? LT_OK : lt_world_engine_error(world, world->main, st, err));
    return happen(world, (lt_log_entry){.kind = LT_LOG_CLOCK, .text = "", .clock_ms = ms}, err);
}

/* ---- tables ---- */

static lt_status keep_column(lt_world *world, leat_rows *rows, uint32_t row, lt_test_table *out,
                             lt_error *err)
{
    size_t size = 0;
    lt_str cells[2];
    for (uint32_t c = 0; c < 2; c++) {
        const char *text = leat_rows_text(rows, row, c, LEAT_TEXT_SQL, &size);
        cells[c] =
            lt_arena_str(world->arena, (lt_str){text != NULL ? text : "", text != NULL ? size : 0});
        if (cells[c].ptr == NULL) {
            return lt_error_nomem(err, "a table's columns");
        }
    }
    const char *extras = leat_rows_text(rows, row, 4, LEAT_TEXT_SQL, &size);
    bool virtual = extras != NULL &&
                   (strncmp(extras, "AS ", 3) == 0 || strstr(extras, "METADATA") != NULL);
    if (!virtual) {
        out->names[out->count] = cells[0];
        out->types[out->count++] = cells[1];
    }
    return LT_OK;
}

lt_status lt_world_describe(lt_world *world, const char *table, lt_test_table *out, lt_error *err)
{
    *out = (lt_test_table){NULL, NULL, 0, false};
    const char *ddl = leat_ddl(world->main, table);
    if (ddl == NULL) {
        return lt_error_set(err, LT_ERR_USAGE, "there is no table '%s'", table);
    }
    out->is_json = strstr(ddl, "'format' = 'json'") != NULL;
    const char *sql = lt_arena_printf(world->arena, "DESCRIBE `%s`", table);
    leat_job *job = NULL;
    leat_status st = sql != NULL ? leat_execute(world->main, sql, NULL, &job) : LEAT_NOMEM;
    uint32_t count = 0;
    leat_rows *rows = st == LEAT_OK ? leat_take(job, &count) : NULL;
    if (rows == NULL) {
        return lt_world_engine_error(world, world->main, st != LEAT_OK ? st : LEAT_NOMEM, err);
    }
    out->names = LT_NEW_ARRAY(world->arena, lt_str, count + 1);
    out->types = LT_NEW_ARRAY(world->arena, lt_str, count + 1);
    lt_status got =
        out->names != NULL && out->types != NULL ? LT_OK : lt_error_nomem(err, "a table's columns");
    for (uint32_t row = 0; row < count && got == LT_OK; row++) {
        got = keep_column(world, rows, row, out, err);
    }
    leat_rows_free(rows);
    leat_job_free(job);
    return got;
}

/* ---- channels ---- */

lt_test_channel *lt_world_channel(lt_world *world, lt_str name)
{
    for (size_t i = 0; i < world->channels.count; i++) {
        if (lt_str_eq(world->channels.items[i]->name, name)) {
            return world->channels.items[i];
        }
    }
    return NULL;
}

lt_status lt_world_new_channel(lt_world *world, lt_str name, bool final, lt_test_channel **out,
                               lt_error *err)
{
    lt_test_channel *channel = LT_NEW(world->arena, lt_test_channel);
    if (channel == NULL || !lt_array_push(&world->channels, world->mem, channel)) {
        return lt_error_nomem(err, "a test");
    }
    channel->name = name;
    channel->final = final;
    *out = channel;
    return LT_OK;
}
