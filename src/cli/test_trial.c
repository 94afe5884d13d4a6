/* What a running query must survive: a restart from saved bytes or from a checkpoint on disk, a
 * crash, other lanes; and how a job with threads is waited for.
 *
 *   log      p1   p2   p3   p4          p: a push, end of input, move of the clock
 *   job      ----[ck]--x                  x: thrown away
 *   new job      [ck]--p2'--p3--p4        what the checkpoint does not cover is fed again
 *
 * The file plays the host that can push again what it pushed: a feed's source knows at a checkpoint
 * how many bytes it has read, so the rest of p2 and all that follows is pushed anew. The result's
 * sink knows how many rows it has given out; those behind are dropped, and must come again. */
#include "cli/test_int.h"

#define STEP_BUDGET     1000
#define MIDWAY_STEPS    5
#define REST_NS         INT64_C(200000)
#define AWAIT_STEPS_MAX 300000 /* a minute of rests */
#define SETTLE_NS_MAX   INT64_C(60000000000)

bool lt_trial_keeps_state(const lt_world *world)
{
    return world->file->keeps_state || world->setting->trial >= LT_TRIAL_CHECKPOINT ||
           world->setting->threads;
}

/* A failed or finished job stays as it is: only a waiting one has a future. */
static bool has_future(const lt_test_job *job)
{
    leat_state state = job->job != NULL ? leat_step(job->job, 0) : LEAT_DONE;
    return state != LEAT_DONE && state != LEAT_FAILED;
}

static bool all_have_future(const lt_test_engine *engine)
{
    for (size_t i = 0; i < engine->jobs.count; i++) {
        if (!has_future(&engine->jobs.items[i])) {
            return false;
        }
    }
    return engine->jobs.count > 0;
}

static bool is_listing(const lt_test_job *job)
{
    leat_stats stats;
    leat_get_stats(job->job, &stats);
    return stats.node_count == 0;
}

/* ---- checkpoints ---- */

static lt_status ask(lt_world *world, const lt_test_engine *engine, const lt_test_job *job,
                     lt_error *err)
{
    leat_status st = leat_control(job->job, LEAT_CHECKPOINT, NULL);
    return st == LEAT_OK || st == LEAT_FULL ? LT_OK
                                            : lt_world_engine_error(world, engine->db, st, err);
}

static void rest(const lt_world *world, const lt_test_engine *engine)
{
    lt_env *env = world->cli->env;
    if (engine->with_threads) {
        env->wait(env, env->mono_ns(env) + REST_NS, NULL, 0);
    }
}

/* Until the one that was asked for is there, or the job has ended. */
static lt_status await(lt_world *world, lt_test_engine *engine, lt_test_job *job, uint64_t before,
                       lt_error *err)
{
    leat_state state = LEAT_RUNNING;
    leat_stats stats;
    for (unsigned i = 0; i < AWAIT_STEPS_MAX; i++) {
        LT_TRY(lt_world_step_job(world, engine, job, STEP_BUDGET, &state, err));
        leat_get_stats(job->job, &stats);
        if (state == LEAT_DONE || state == LEAT_FAILED || stats.checkpoints.completed > before) {
            job->has_checkpoint = stats.checkpoints.completed > before;
            return LT_OK;
        }
        if (stats.checkpoints.failed > 0) {
            break;
        }
        rest(world, engine);
    }
    return lt_error_set(err, LT_ERR_STATE, "a checkpoint was not made: %s",
                        stats.checkpoints.error);
}

static lt_status make_checkpoint(lt_world *world, lt_test_engine *engine, lt_test_job *job,
                                 lt_error *err)
{
    leat_stats stats;
    leat_get_stats(job->job, &stats);
    if (stats.node_count == 0) {
        return LT_OK;
    }
    uint64_t before = stats.checkpoints.completed;
    LT_TRY(ask(world, engine, job, err));
    return await(world, engine, job, before, err);
}

static void note_covered(const lt_world *world, lt_test_engine *engine, size_t entry)
{
    engine->covered = entry;
    engine->covered_ms = world->clock_ms;
}

lt_status lt_trial_checkpoint(lt_world *world, lt_test_engine *engine, lt_error *err)
{
    if (engine->state_dir == NULL || !all_have_future(engine)) {
        return LT_OK;
    }
    for (size_t i = 0; i < engine->jobs.count; i++) {
        LT_TRY(make_checkpoint(world, engine, &engine->jobs.items[i], err));
    }
    note_covered(world, engine, world->log.count);
    return LT_OK;
}

/* ---- a new job ---- */

/* Rows that the job's past does not cover are put aside: they must come again. */
static lt_status drop_rows(lt_world *world, lt_test_job *job, lt_error *err)
{
    leat_stats stats;
    lt_test_channel *channel = job->channel;
    leat_get_stats(job->job, &stats);
    job->lost.count = 0;
    if (job->has_checkpoint && stats.checkpoints.restored_id == 0) {
        return lt_error_set(err, LT_ERR_INTERNAL, "the job did not go on from its checkpoint");
    }
    if (channel == NULL) {
        return LT_OK;
    }
    if (stats.rows_out > channel->rows.count) {
        return lt_error_set(err, LT_ERR_INTERNAL,
                            "the checkpoint covers %llu rows, and %zu have come",
                            (unsigned long long)stats.rows_out, channel->rows.count);
    }
    job->covered = (size_t)stats.rows_out;
    for (size_t i = job->covered; i < channel->rows.count; i++) {
        if (!lt_array_push(&job->lost, world->mem, channel->rows.items[i])) {
            return lt_error_nomem(err, "rows");
        }
    }
    channel->rows.count = job->covered;
    return LT_OK;
}

static bool same_row(lt_test_row a, lt_test_row b)
{
    return a.kind == b.kind && lt_str_eq(a.text, b.text);
}

static lt_status check_rows(const lt_test_job *job, lt_error *err)
{
    const lt_test_channel *channel = job->channel;
    if (channel == NULL || job->blame->error != NULL ||
        (channel->loose && strcmp(channel->promise, "exact") != 0)) {
        return LT_OK;
    }
    size_t came = channel->rows.count - job->covered;
    for (size_t i = 0; i < job->lost.count; i++) {
        bool again =
            i < came &&
            (channel->loose || same_row(job->lost.items[i], channel->rows.items[job->covered + i]));
        if (!again) {
            lt_str text = job->lost.items[i].text;
            return lt_error_set(err, LT_ERR_INTERNAL,
                                "a row did not come again after the restart: " LT_STR_FMT,
                                LT_STR_ARG(text));
        }
    }
    return LT_OK;
}

/* How far the engine's jobs have read a fed table, in bytes; false: none of them reads it. */
static bool position_of(const lt_test_engine *engine, const char *table, uint64_t *out)
{
    static const char prefix[] = "Source: ";
    for (size_t i = 0; i < engine->jobs.count; i++) {
        leat_stats stats;
        leat_get_stats(engine->jobs.items[i].job, &stats);
        for (uint32_t n = 0; n < stats.node_count; n++) {
            const leat_node_stats *node = &stats.nodes[n];
            if (strncmp(node->name, prefix, sizeof prefix - 1) == 0 &&
                strcmp(node->name + sizeof prefix - 1, table) == 0) {
                *out = node->bytes;
                return true;
            }
        }
    }
    return false;
}

/* What of each fed table is still to be pushed. */
typedef struct {
    const char *table;
    uint64_t skip; /* bytes that the restored job has read already */
} feed_position;

typedef struct {
    feed_position *items;
    size_t count;
} feed_positions;

static feed_position *find_feed(const feed_positions *feeds, const char *table)
{
    for (size_t i = 0; i < feeds->count; i++) {
        if (strcmp(feeds->items[i].table, table) == 0) {
            return &feeds->items[i];
        }
    }
    return NULL;
}

static lt_status list_feeds(lt_world *world, const lt_test_engine *engine, feed_positions *out,
                            lt_error *err)
{
    *out = (feed_positions){LT_NEW_ARRAY(world->arena, feed_position, world->log.count + 1), 0};
    if (out->items == NULL) {
        return lt_error_nomem(err, "a test");
    }
    for (size_t i = 0; i < world->log.count; i++) {
        const lt_log_entry *entry = &world->log.items[i];
        bool fed = entry->kind == LT_LOG_PUSH || entry->kind == LT_LOG_END;
        uint64_t read;
        if (fed && find_feed(out, entry->text) == NULL && position_of(engine, entry->text, &read)) {
            out->items[out->count++] = (feed_position){entry->text, read};
        }
    }
    return LT_OK;
}

static lt_status push_again(lt_world *world, const lt_test_engine *engine, feed_position *feed,
                            const lt_log_entry *entry, lt_error *err)
{
    size_t skip = LT_MIN((size_t)feed->skip, entry->bytes.len);
    feed->skip -= skip;
    bool ends = entry->kind == LT_LOG_END;
    if (skip == entry->bytes.len && !ends) {
        return LT_OK;
    }
    leat_status st = leat_push(engine->db, entry->text, entry->row_kind,
                               ends ? NULL : entry->bytes.ptr + skip, entry->bytes.len - skip);
    return st == LEAT_OK ? LT_OK : lt_world_engine_error(world, engine->db, st, err);
}

/* What lies before the checkpoint comes at once, what came after it step by step. */
static lt_status feed_again(lt_world *world, lt_test_engine *engine, lt_error *err)
{
    feed_positions feeds;
    LT_TRY(list_feeds(world, engine, &feeds, err));
    size_t covered = engine->covered;
    for (size_t i = 0; i < world->log.count; i++) {
        const lt_log_entry *entry = &world->log.items[i];
        feed_position *feed = entry->kind == LT_LOG_PUSH || entry->kind == LT_LOG_END
                                  ? find_feed(&feeds, entry->text)
                                  : NULL;
        if (i == covered) {
            LT_TRY(lt_world_pump(world, engine, err));
        }
        if (feed != NULL) {
            LT_TRY(push_again(world, engine, feed, entry, err));
        } else if (entry->kind == LT_LOG_CLOCK && i >= covered) {
            leat_status st = leat_clock(engine->db, entry->clock_ms);
            LT_TRY(st == LEAT_OK ? LT_OK : lt_world_engine_error(world, engine->db, st, err));
        }
        if (i >= covered && entry->kind != LT_LOG_DDL) {
            LT_TRY(lt_world_pump(world, engine, err));
        }
    }
    return lt_world_pump(world, engine, err);
}

/* snapshots: one per job; NULL = the jobs find their checkpoints themselves. */
static lt_status start_jobs(lt_world *world, lt_test_engine *engine, const lt_text *snapshots,
                            lt_error *err)
{
    LT_TRY(lt_world_open_db(world, engine, &engine->db, err));
    LT_TRY(lt_world_repeat_ddl(world, engine, err));
    for (size_t i = 0; i < engine->jobs.count; i++) {
        lt_test_job *job = &engine->jobs.items[i];
        leat_status st = leat_execute(engine->db, job->sql, NULL, &job->job);
        if (st == LEAT_OK && snapshots != NULL) {
            st = leat_restore(job->job, snapshots[i].ptr, snapshots[i].len);
        }
        if (st != LEAT_OK) {
            return lt_world_engine_error(world, engine->db, st, err);
        }
        lt_world_note_promise(world, engine, job);
        LT_TRY(drop_rows(world, job, err));
    }
    return LT_OK;
}

static lt_status start_again(lt_world *world, lt_test_engine *engine, const lt_text *snapshots,
                             lt_error *err)
{
    lt_world_free_jobs(engine);
    leat_close(engine->db);
    engine->db = NULL;
    engine->lives++;
    engine->asked = 0;
    LT_TRY(start_jobs(world, engine, snapshots, err));
    LT_TRY(feed_again(world, engine, err));
    for (size_t i = 0; i < engine->jobs.count; i++) {
        LT_TRY(check_rows(&engine->jobs.items[i], err));
    }
    return LT_OK;
}

lt_status lt_trial_crash(lt_world *world, lt_test_engine *engine, lt_error *err)
{
    return engine->state_dir != NULL && all_have_future(engine)
               ? start_again(world, engine, NULL, err)
               : LT_OK;
}

/* ---- snapshots ---- */

static void append(void *arg, const char *bytes, size_t size)
{
    lt_text_append(arg, bytes, size);
}

static lt_status save_all(lt_world *world, lt_test_engine *engine, lt_text *snapshots,
                          lt_error *err)
{
    for (size_t i = 0; i < engine->jobs.count; i++) {
        lt_text_init(&snapshots[i], world->mem);
        leat_status st = leat_save(engine->jobs.items[i].job, append, &snapshots[i]);
        if (st != LEAT_OK) {
            return lt_world_engine_error(world, engine->db, st, err);
        }
        if (snapshots[i].failed) {
            return lt_error_nomem(err, "a snapshot");
        }
    }
    note_covered(world, engine, world->log.count);
    return LT_OK;
}

static lt_status restart_from_snapshot(lt_world *world, lt_test_engine *engine, lt_error *err)
{
    lt_text *snapshots = LT_NEW_ARRAY(world->arena, lt_text, engine->jobs.count);
    if (snapshots == NULL) {
        return lt_error_nomem(err, "a snapshot");
    }
    lt_status st = save_all(world, engine, snapshots, err);
    if (st == LT_OK) {
        st = start_again(world, engine, snapshots, err);
    }
    for (size_t i = 0; i < engine->jobs.count; i++) {
        if (snapshots[i].mem != NULL) {
            lt_text_deinit(&snapshots[i]);
        }
    }
    return st;
}

lt_status lt_trial_restart(lt_world *world, lt_test_engine *engine, lt_error *err)
{
    if (!all_have_future(engine)) {
        return LT_OK;
    }
    if (engine->state_dir != NULL) {
        LT_TRY(lt_trial_checkpoint(world, engine, err));
        return lt_trial_crash(world, engine, err);
    }
    return engine->keeps_files ? LT_OK : restart_from_snapshot(world, engine, err);
}

/* ---- every step ---- */

/* Between the jobs of several lies a feed, whose rows no checkpoint covers: they are at rest when
 * one is made. One job alone is caught with rows under way. */
lt_status lt_trial_before(lt_world *world, lt_test_engine *engine, size_t entry, lt_error *err)
{
    bool catches = world->setting->trial == LT_TRIAL_CRASH && engine->steps % 2 == 0 &&
                   engine->jobs.count == 1 && has_future(&engine->jobs.items[0]);
    if (!catches || is_listing(&engine->jobs.items[0])) {
        return LT_OK;
    }
    lt_test_job *job = &engine->jobs.items[0];
    leat_state state;
    LT_TRY(lt_world_step_job(world, engine, job, 1 + engine->steps % MIDWAY_STEPS, &state, err));
    if (!has_future(job)) {
        return LT_OK;
    }
    leat_stats stats;
    leat_get_stats(job->job, &stats);
    engine->asked = stats.checkpoints.completed + 1;
    note_covered(world, engine, entry);
    return ask(world, engine, job, err);
}

lt_status lt_trial_after(lt_world *world, lt_test_engine *engine, size_t entry, lt_error *err)
{
    (void)entry;
    switch (world->setting->trial) {
    case LT_TRIAL_NONE:
        return LT_OK;
    case LT_TRIAL_SNAPSHOT:
    case LT_TRIAL_CHECKPOINT:
        return lt_trial_restart(world, engine, err);
    case LT_TRIAL_CRASH:
        break;
    }
    if (engine->steps++ % 2 != 0) {
        return lt_trial_crash(world, engine, err);
    }
    if (engine->asked == 0) {
        return lt_trial_checkpoint(world, engine, err);
    }
    uint64_t before = engine->asked - 1;
    engine->asked = 0;
    return has_future(&engine->jobs.items[0])
               ? await(world, engine, &engine->jobs.items[0], before, err)
               : LT_OK;
}

static uint32_t source_count(const lt_test_job *job)
{
    leat_stats stats;
    uint32_t count = 0;
    leat_get_stats(job->job, &stats);
    for (uint32_t i = 0; i < stats.node_count; i++) {
        count += strcmp(stats.nodes[i].kind, "source") == 0;
    }
    return count;
}

lt_status lt_trial_midway(lt_world *world, lt_test_engine *engine, lt_error *err)
{
    if (world->setting->trial < LT_TRIAL_CHECKPOINT || engine->final_rows ||
        engine->state_dir == NULL || engine->jobs.count != 1 || !all_have_future(engine) ||
        is_listing(&engine->jobs.items[0])) {
        return LT_OK;
    }
    lt_test_job *job = &engine->jobs.items[0];
    leat_state state;
    LT_TRY(lt_world_step_job(world, engine, job, MIDWAY_STEPS, &state, err));
    if (!has_future(job)) {
        return LT_OK;
    }
    if (job->channel != NULL && source_count(job) > 1) {
        job->channel->loose = true; /* where the barrier comes between, another one is read */
    }
    LT_TRY(make_checkpoint(world, engine, job, err));
    return lt_trial_crash(world, engine, err);
}

/* ---- threads ---- */

static uint64_t bytes_fed(const lt_world *world, const lt_test_engine *engine, const char *table)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < world->log.count; i++) {
        const lt_log_entry *entry = &world->log.items[i];
        bytes +=
            entry->kind == LT_LOG_PUSH && strcmp(entry->text, table) == 0 ? entry->bytes.len : 0;
    }
    for (size_t i = 0; i < engine->jobs.count; i++) {
        leat_stats stats;
        leat_get_stats(engine->jobs.items[i].job, &stats);
        for (uint32_t n = 0; n < stats.node_count; n++) {
            const leat_node_stats *node = &stats.nodes[n];
            bool writes =
                strncmp(node->name, "Sink: ", 6) == 0 && strcmp(node->name + 6, table) == 0;
            bytes += writes ? node->bytes : 0;
        }
    }
    return bytes;
}

static bool is_ended(const lt_world *world, const char *table)
{
    for (size_t i = 0; i < world->log.count; i++) {
        const lt_log_entry *entry = &world->log.items[i];
        if (entry->kind == LT_LOG_END && strcmp(entry->text, table) == 0) {
            return true;
        }
    }
    return false;
}

/* Will the job come to its end by itself? */
static bool has_ended(const leat_stats *stats)
{
    for (uint32_t i = 0; i < stats->node_count; i++) {
        if (strcmp(stats->nodes[i].kind, "source") == 0 && !stats->nodes[i].ended) {
            return false;
        }
    }
    return true;
}

/* Has every source read what there is? */
static bool has_read_all(const lt_world *world, const lt_test_engine *engine,
                         const lt_test_job *job)
{
    leat_stats stats;
    leat_get_stats(job->job, &stats);
    for (uint32_t i = 0; i < stats.node_count; i++) {
        const leat_node_stats *node = &stats.nodes[i];
        if (strncmp(node->name, "Source: ", 8) != 0 || node->ended) {
            continue;
        }
        const char *table = node->name + 8;
        uint64_t wanted = bytes_fed(world, engine, table);
        leat_get_stats(job->job, &stats); /* the nodes lie in it */
        if (stats.nodes[i].bytes < wanted || is_ended(world, table)) {
            return false;
        }
    }
    return true;
}

/* Behind a checkpoint that was asked for after the sources had read everything, all rows have
 * come. Whether it is complete is read before rows are taken: what came in between is there too. */
lt_status lt_trial_settle(lt_world *world, lt_test_engine *engine, lt_test_job *job, lt_error *err)
{
    lt_env *env = world->cli->env;
    int64_t until_ns = env->mono_ns(env) + SETTLE_NS_MAX;
    leat_stats stats;
    bool asked = false;
    uint64_t before = 0;
    for (;;) {
        leat_state state = LEAT_RUNNING;
        leat_get_stats(job->job, &stats);
        bool covered = asked && stats.checkpoints.completed > before;
        LT_TRY(lt_world_step_job(world, engine, job, STEP_BUDGET, &state, err));
        leat_get_stats(job->job, &stats);
        if (state == LEAT_DONE || state == LEAT_FAILED || stats.node_count == 0 ||
            (covered && state != LEAT_RUNNING)) {
            return LT_OK;
        }
        if (!asked && !has_ended(&stats) && has_read_all(world, engine, job)) {
            leat_get_stats(job->job, &stats);
            before = stats.checkpoints.completed;
            LT_TRY(ask(world, engine, job, err));
            asked = true;
        }
        if (env->mono_ns(env) > until_ns) {
            return lt_error_set(err, LT_ERR_INTERNAL, "the job's threads do not come to rest");
        }
        rest(world, engine);
    }
}
