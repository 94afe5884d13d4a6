/* The engines behind a test file. The catalog is one engine; every query gets a further one, in
 * which all that happened so far is repeated: statements, fed rows, ends of input. So several
 * queries may read the same feed, a query may be asked about what was fed before it, and a restart
 * is what it is in life: another engine, the same statements, a snapshot. */
#include <stdio.h>

#include "cli/scan.h"
#include "cli/test_int.h"

#define STEP_BUDGET 1000
#define ROWS_MAX    1000000

/* The engine's message has lines and a caret: it is kept as it is beside the error. */
static lt_status engine_error(lt_world *world, const leat *db, leat_status st, lt_error *err)
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

static lt_status open_db(lt_world *world, bool final_rows, leat **out, lt_error *err)
{
    leat_config config = {
        .struct_size = sizeof config,
        .batch_rows = world->setting->batch_rows,
        .virtual_clock = true,
        .rejects_dir = world->tmp,
        .final_rows = final_rows,
    };
    leat_status st = leat_open(&config, out);
    if (st == LEAT_OK) {
        st = leat_clock(*out, world->clock_ms);
    }
    return st == LEAT_OK ? LT_OK : engine_error(world, *out, st, err);
}

static char *folder_of(lt_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? lt_arena_printf(arena, ".")
                         : lt_arena_strndup(arena, path, (size_t)(slash - path));
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
    const char *base = env->getenv(env, "TMPDIR");
    world->tmp = lt_arena_printf(world->arena, "%s/leat-test-%016llx",
                                 base != NULL && base[0] != '\0' ? base : "/tmp",
                                 (unsigned long long)env->random_u64(env));
    return world->tmp != NULL ? env->mkdirs(env, world->tmp, err) : lt_error_nomem(err, "a path");
}

lt_status lt_world_open(lt_world *world, lt_error *err)
{
    world->clock_ms = 1767225600000; /* 2026-01-01 00:00:00 UTC */
    world->here = folder_of(world->arena, world->file->path);
    if (world->here == NULL) {
        return lt_error_nomem(err, "a path");
    }
    LT_TRY(make_tmp(world, err));
    return open_db(world, false, &world->main, err);
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

static void free_jobs(lt_test_engine *engine)
{
    for (size_t i = engine->jobs.count; i-- > 0;) {
        leat_job_free(engine->jobs.items[i].job);
        engine->jobs.items[i].job = NULL;
    }
}

void lt_world_engine_free(lt_world *world, lt_test_engine *engine)
{
    if (engine != NULL) {
        free_jobs(engine);
        leat_close(engine->db);
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
}

/* Repeats the log: statements up to ddl_count, and rows (or only ends of input, for an engine that
 * will be restored). */
static lt_status repeat_log(lt_world *world, leat *db, size_t ddl_count, bool rows, lt_error *err)
{
    for (size_t i = 0; i < world->log.count; i++) {
        const lt_log_entry *entry = &world->log.items[i];
        leat_status st = LEAT_OK;
        if (entry->kind == LT_LOG_DDL) {
            st = i < ddl_count ? leat_execute(db, entry->text, NULL, NULL) : LEAT_OK;
        } else if (leat_ddl(db, entry->text) != NULL && (rows || entry->kind == LT_LOG_END)) {
            bool push = entry->kind == LT_LOG_PUSH;
            st = leat_push(db, entry->text, entry->row_kind, push ? entry->bytes.ptr : NULL,
                           entry->bytes.len);
        }
        if (st != LEAT_OK) {
            return engine_error(world, db, st, err);
        }
    }
    return LT_OK;
}

lt_status lt_world_engine(lt_world *world, bool final_rows, lt_test_engine **out, lt_error *err)
{
    *out = NULL;
    lt_test_engine *engine = lt_mem_zalloc(world->mem, sizeof *engine);
    if (engine == NULL) {
        return lt_error_nomem(err, "an engine");
    }
    engine->log_count = world->log.count;
    lt_status st = open_db(world, final_rows, &engine->db, err);
    if (st == LT_OK) {
        st = repeat_log(world, engine->db, engine->log_count, true, err);
    }
    if (st != LT_OK) {
        lt_world_engine_free(world, engine);
        return st;
    }
    *out = engine;
    return LT_OK;
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
        return engine_error(world, engine->db, st, err);
    }
    if (job.job == NULL) {
        return LT_OK;
    }
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

static lt_status keep_rows(lt_world *world, const lt_test_job *job, leat_rows *rows, lt_error *err)
{
    uint32_t width = column_count(job->job);
    lt_text text;
    lt_text_init(&text, world->mem);
    lt_status st = LT_OK;
    for (uint32_t i = 0; i < leat_rows_count(rows) && st == LT_OK; i++) {
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
    while ((rows = leat_take(job->job)) != NULL) {
        *moved = true;
        lt_status st = job->channel != NULL ? keep_rows(world, job, rows, err) : LT_OK;
        leat_rows_free(rows);
        LT_TRY(st);
    }
    return LT_OK;
}

static lt_status run_job(lt_world *world, lt_test_engine *engine, lt_test_job *job, bool *moved,
                         lt_error *err)
{
    for (;;) {
        leat_state state = leat_step(job->job, STEP_BUDGET);
        bool took = false;
        LT_TRY(take_all(world, job, &took, err));
        *moved = *moved || took;
        if (state == LEAT_RUNNING || took) {
            continue;
        }
        if (state == LEAT_FAILED && job->blame != NULL && job->blame->error == NULL) {
            job->blame->error = lt_arena_printf(world->arena, "%s", leat_error(engine->db));
        }
        return LT_OK;
    }
}

lt_status lt_world_pump(lt_world *world, lt_test_engine *engine, lt_error *err)
{
    bool moved = true;
    while (moved) {
        moved = false;
        for (size_t i = 0; i < engine->jobs.count; i++) {
            if (engine->jobs.items[i].job != NULL) {
                LT_TRY(run_job(world, engine, &engine->jobs.items[i], &moved, err));
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
        LT_TRY(st == LEAT_OK ? LT_OK : engine_error(world, engine->db, st, err));
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

/* ---- restart ---- */

static void append(void *arg, const char *bytes, size_t size)
{
    lt_text_append(arg, bytes, size);
}

static lt_status save_all(lt_world *world, lt_test_engine *engine, lt_text *snapshots,
                          lt_error *err)
{
    for (size_t i = 0; i < engine->jobs.count; i++) {
        leat_job *job = engine->jobs.items[i].job;
        if (!is_waiting(job)) {
            return LT_AGAIN;
        }
        lt_text_init(&snapshots[i], world->mem);
        leat_status st = leat_save(job, append, &snapshots[i]);
        if (st != LEAT_OK) {
            return engine_error(world, engine->db, st, err);
        }
        if (snapshots[i].failed) {
            return lt_error_nomem(err, "a snapshot");
        }
    }
    return LT_OK;
}

static lt_status load_all(lt_world *world, lt_test_engine *engine, const lt_text *snapshots,
                          lt_error *err)
{
    LT_TRY(open_db(world, false, &engine->db, err));
    LT_TRY(repeat_log(world, engine->db, engine->log_count, false, err));
    for (size_t i = 0; i < engine->jobs.count; i++) {
        lt_test_job *job = &engine->jobs.items[i];
        leat_status st = leat_execute(engine->db, job->sql, NULL, &job->job);
        if (st == LEAT_OK) {
            st = leat_restore(job->job, snapshots[i].ptr, snapshots[i].len);
        }
        if (st != LEAT_OK) {
            return engine_error(world, engine->db, st, err);
        }
    }
    return LT_OK;
}

lt_status lt_world_restart(lt_world *world, lt_test_engine *engine, lt_error *err)
{
    if (engine->keeps_files || engine->jobs.count == 0) {
        return LT_OK;
    }
    lt_text *snapshots = LT_NEW_ARRAY(world->arena, lt_text, engine->jobs.count);
    if (snapshots == NULL) {
        return lt_error_nomem(err, "a snapshot");
    }
    lt_status st = save_all(world, engine, snapshots, err);
    if (st == LT_OK) {
        free_jobs(engine);
        leat_close(engine->db);
        engine->db = NULL;
        st = load_all(world, engine, snapshots, err);
    }
    for (size_t i = 0; i < engine->jobs.count; i++) {
        if (snapshots[i].mem != NULL) {
            lt_text_deinit(&snapshots[i]);
        }
    }
    LT_TRY(st == LT_AGAIN ? LT_OK : st);
    return lt_world_pump(world, engine, err);
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
        return engine_error(world, world->main, st, err);
    }
    return keep_log(world, (lt_log_entry){.kind = LT_LOG_DDL, .text = sql}, err);
}

static lt_status push_one(lt_world *world, lt_test_engine *engine, const char *table,
                          leat_kind kind, lt_str bytes, lt_error *err)
{
    if (leat_ddl(engine->db, table) == NULL) {
        return LT_OK; /* made since: its queries cannot read it */
    }
    leat_status st = leat_push(engine->db, table, kind, bytes.ptr, bytes.len);
    if (st == LEAT_FULL) {
        return lt_error_set(err, LT_ERR_LIMIT,
                            "table '%s' was fed more than a feed holds, and no query reads it",
                            table);
    }
    if (st != LEAT_OK) {
        return engine_error(world, engine->db, st, err);
    }
    LT_TRY(lt_world_pump(world, engine, err));
    return world->setting->restart ? lt_world_restart(world, engine, err) : LT_OK;
}

lt_status lt_world_push(lt_world *world, const char *table, leat_kind kind, lt_str bytes,
                        lt_error *err)
{
    const char *ddl = leat_ddl(world->main, table);
    if (ddl == NULL || strstr(ddl, "'connector' = 'feed'") == NULL) {
        return lt_error_set(err, LT_ERR_USAGE, "'%s' is not a table with 'connector' = 'feed'",
                            table);
    }
    LT_TRY(keep_log(
        world, (lt_log_entry){.kind = LT_LOG_PUSH, .text = table, .row_kind = kind, .bytes = bytes},
        err));
    for (size_t i = 0; i < world->engines.count; i++) {
        LT_TRY(push_one(world, world->engines.items[i], table, kind, bytes, err));
    }
    return LT_OK;
}

lt_status lt_world_end(lt_world *world, const char *table, lt_error *err)
{
    LT_TRY(keep_log(world, (lt_log_entry){.kind = LT_LOG_END, .text = table}, err));
    for (size_t i = 0; i < world->engines.count; i++) {
        lt_test_engine *engine = world->engines.items[i];
        if (leat_ddl(engine->db, table) != NULL) {
            leat_status st = leat_push(engine->db, table, LEAT_INSERT, NULL, 0);
            LT_TRY(st == LEAT_OK ? LT_OK : engine_error(world, engine->db, st, err));
            LT_TRY(lt_world_pump(world, engine, err));
        }
    }
    return LT_OK;
}

lt_status lt_world_clock(lt_world *world, int64_t ms, lt_error *err)
{
    world->clock_ms = ms;
    leat_status st = leat_clock(world->main, ms);
    LT_TRY(st == LEAT_OK ? LT_OK : engine_error(world, world->main, st, err));
    for (size_t i = 0; i < world->engines.count; i++) {
        lt_test_engine *engine = world->engines.items[i];
        st = leat_clock(engine->db, ms);
        LT_TRY(st == LEAT_OK ? LT_OK : engine_error(world, engine->db, st, err));
        LT_TRY(lt_world_pump(world, engine, err));
    }
    return LT_OK;
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
    leat_rows *rows = st == LEAT_OK ? leat_take(job) : NULL;
    if (rows == NULL) {
        return engine_error(world, world->main, st != LEAT_OK ? st : LEAT_NOMEM, err);
    }
    uint32_t count = leat_rows_count(rows);
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
