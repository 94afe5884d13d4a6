/* Lives of a job: it is started, stepped, disturbed and ended by a power loss, a failure, a stop or
 * its input's end; then the next life starts from what is on the disk. When the seed's faulty lives
 * are used up nothing disturbs it any more, and it must end within a bounded number of steps. */
#include <stdio.h>
#include <string.h>

#include "job_sim.h"

#define STEPS_MAX          200000
#define LIVES_MAX          60
#define WAIT_NS            INT64_C(50000000)
#define CHECKPOINTS_WANTED 4 /* for a seed to count; per mille of steps that ask for one */
#define ASK_OFTEN          500
#define VIRTUAL_NS_MAX     INT64_C(3600000000000)

/* ---- faults ---- */

/* Operations after which the power goes: often soon, since that is where starts and ends are. */
static int64_t draw_crash(sim_world *world)
{
    static const uint32_t spans[] = {8, 25, 60, 250};
    return 1 + (int64_t)sim_below(&world->rng, spans[sim_below(&world->rng, LT_COUNT_OF(spans))]);
}

static void plan_crash(sim_world *world, int64_t op, bool after)
{
    SIM_TRACE(world, "the power goes %s operation %lld from here", after ? "after" : "before",
              (long long)op);
    lt_sim_crash_at(world->env, op, after);
}

/* Before the job is opened. */
static void disturb_start(sim_world *world)
{
    sim_rng *rng = &world->rng;
    if (world->exhaustive) {
        bool first = world->first_op > 0 && world->life == 0;
        plan_crash(world, first ? world->first_op : world->crash_op, world->crash_after);
        return;
    }
    lt_sim_options rates = {0};
    if (sim_has(world, SIM_SLOW_DISK)) {
        rates.slow_disk_us_max = 1 + (uint32_t)sim_below(rng, 4000);
        sim_note(world, SIM_SLOW_DISK);
    }
    if (sim_has(world, SIM_WALL_JUMP)) {
        rates.wall_jump_per_mille = 1 + (uint32_t)sim_below(rng, 50);
        rates.wall_jump_s_max = 7200;
        sim_note(world, SIM_WALL_JUMP);
    }
    if (sim_has(world, SIM_SHORT_READ)) {
        rates.short_read_per_mille = 300;
        sim_note(world, SIM_SHORT_READ);
    }
    lt_sim_set_faults(world->env, &rates);
    if (sim_has(world, SIM_READ_ERROR) && sim_happens(rng, 200)) {
        /* Once: a second one in a row is taken for damage, as it must be. */
        lt_sim_fail_nth(world->env, 'r', 1 + (int64_t)sim_below(rng, 20));
        sim_note(world, SIM_READ_ERROR);
    }
    if (sim_has(world, SIM_CRASH) && (world->life == 0 || sim_happens(rng, 700))) {
        plan_crash(world, draw_crash(world), sim_happens(rng, 500));
    }
}

static void fail_once(sim_world *world, sim_fault_kind fault, char kind, unsigned span)
{
    if (sim_has(world, fault) && sim_happens(&world->rng, 600)) {
        int64_t nth = 1 + (int64_t)sim_below(&world->rng, span);
        SIM_TRACE(world, "'%c' number %lld will fail", kind, (long long)nth);
        lt_sim_fail_nth(world->env, kind, nth);
        sim_note(world, fault);
    }
}

/* Once it runs: errors of the disk. */
static void disturb_run(sim_world *world)
{
    sim_rng *rng = &world->rng;
    fail_once(world, SIM_SYNC_ERROR, 's', 30);
    fail_once(world, SIM_WRITE_ERROR, 'w', 30);
    fail_once(world, SIM_READ_ERROR, 'r', 40);
    fail_once(world, SIM_RENAME_ERROR, 'm', 12);
    if (sim_has(world, SIM_NO_SPACE) && sim_happens(rng, 500)) {
        int64_t bytes = world->streams[0].bytes + world->streams[1].bytes;
        int64_t room = 200 + (int64_t)sim_below(rng, 60000);
        lt_sim_set_disk_max(world->env, bytes + room);
        SIM_TRACE(world, "the disk has %lld bytes", (long long)(bytes + room));
        sim_note(world, SIM_NO_SPACE);
    }
}

static void heal(sim_world *world)
{
    static const lt_sim_options none = {0};
    lt_sim_set_faults(world->env, &none);
    lt_sim_set_disk_max(world->env, 0);
    lt_sim_crash_at(world->env, 0, false);
    for (const char *kind = "rwsm"; *kind != '\0'; kind++) {
        lt_sim_fail_nth(world->env, *kind, 0);
    }
}

/* ---- between steps ---- */

static void ask_savepoint(sim_world *world, lt_job *job)
{
    lt_error err;
    char dir[64];
    snprintf(dir, sizeof dir, "/save-%u", world->savepoint_no + 1);
    lt_error_clear(&err);
    if (lt_job_checkpoint(job, dir, &err) == LT_OK) {
        world->savepoint_no++;
        SIM_TRACE(world, "savepoint %s asked for", dir);
    }
}

static bool is_all_read(const sim_world *world, const lt_job *job)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < job->node_count; i++) {
        rows += job->nodes[i].plan->kind == LT_PLAN_SOURCE ? job->nodes[i].rows_out : 0;
    }
    return rows >= world->streams[0].count + world->streams[1].count;
}

/* Stops are likely where they meet the end of the input. */
static unsigned stop_per_mille(const sim_world *world, const lt_job *job)
{
    return is_all_read(world, job) ? 250 : world->life == 0 ? 80 : 20;
}

static void act(sim_world *world, lt_job *job, bool *stopped)
{
    sim_rng *rng = &world->rng;
    lt_error err;
    lt_error_clear(&err);
    bool few = world->heals && world->checkpoints < CHECKPOINTS_WANTED;
    if (sim_happens(rng, few ? ASK_OFTEN : world->ask_per_mille)) {
        (void)lt_job_checkpoint(job, NULL, &err);
    }
    if (world->heals) {
        return;
    }
    if (sim_has(world, SIM_SAVEPOINT) && sim_happens(rng, 40)) {
        ask_savepoint(world, job);
    }
    if (sim_has(world, SIM_STOP) && !*stopped && sim_happens(rng, stop_per_mille(world, job))) {
        SIM_TRACE(world, "stop");
        lt_job_stop(job, false);
        *stopped = true;
        sim_note(world, SIM_STOP);
    }
    if (sim_has(world, SIM_MANY_CRASHES) && sim_happens(rng, 8)) {
        plan_crash(world, 1 + (int64_t)sim_below(rng, 10), sim_happens(rng, 500));
        sim_note(world, SIM_MANY_CRASHES);
    }
    if (sim_has(world, SIM_NO_SPACE) && sim_happens(rng, 20)) {
        lt_sim_set_disk_max(world->env, 0);
    }
}

/* A savepoint's path stays of use until the next checkpoint. */
static void note_savepoint(sim_world *world, const lt_job *job)
{
    lt_ckpt_stats stats;
    lt_job_ckpt_stats(job, &stats);
    if (stats.last_savepoint[0] == '\0' ||
        strcmp(stats.last_savepoint, world->savepoint_made) == 0) {
        return;
    }
    lt_ckpt_reader *reader = NULL;
    lt_error err;
    snprintf(world->savepoint_made, sizeof world->savepoint_made, "%.60s", stats.last_savepoint);
    lt_error_clear(&err);
    lt_mem mem;
    lt_mem_init(&mem, NULL, "savepoint", 0);
    lt_status st = lt_ckpt_open_path(world->env, &mem, stats.last_savepoint, &reader, &err);
    SIM_CHECK(world, st == LT_OK || lt_sim_crashed(world->env) || err.code == LT_ERR_IO,
              "savepoint %s: %s", stats.last_savepoint, err.text);
    lt_ckpt_reader_close(reader);
    lt_mem_deinit(&mem);
    SIM_TRACE(world, "savepoint %s made, id %llu", stats.last_savepoint,
              (unsigned long long)stats.last_id);
    world->stats->savepoints++;
    sim_note(world, SIM_SAVEPOINT);
}

/* After every step: has a checkpoint been committed? */
static void watch(sim_world *world, lt_job *job, uint64_t *committed)
{
    sim_take_rows(world, job);
    if (job->ckpt == NULL || lt_sim_crashed(world->env)) {
        return;
    }
    uint64_t now = lt_ckpt_committed(job);
    if (now == *committed) {
        return;
    }
    *committed = now;
    world->checkpoints++;
    world->savepoint[0] = '\0';
    if (lt_ckpt_requested(job) == now && job->ckpt->phase == CKPT_IDLE) {
        sim_check_commit(world, job);
    }
}

/* Who waits for what: for a job that does not come to an end. */
static void show_tasks(const sim_world *world, const lt_job *job)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        const lt_node *node = &job->nodes[i];
        SIM_TRACE(world, "%.*s/%u:%s%s%s%s room %u", (int)node->plan->label.len,
                  node->plan->label.ptr, node->task, node->source_ended ? " source ended" : "",
                  node->ended ? " ended" : "", node->end_sent ? " end sent" : "",
                  node->must_resume ? " to resume" : "", lt_node_room(node));
        for (uint32_t c = 0; c < node->channel_count; c++) {
            const lt_channel *channel = &node->channels[c];
            SIM_TRACE(world, "   from %.*s/%u: %u waiting, next %d%s%s",
                      (int)channel->producer->plan->label.len, channel->producer->plan->label.ptr,
                      channel->producer->task, lt_ring_count(&channel->ring),
                      (int)lt_ring_peek(&channel->ring).kind, channel->ended ? ", ended" : "",
                      channel->barred ? ", barred" : "");
        }
    }
}

static lt_job_state run(sim_world *world, lt_job *job)
{
    uint64_t committed = 0;
    bool stopped = false;
    int64_t end_ns = world->env->mono_ns(world->env) + VIRTUAL_NS_MAX;
    for (uint32_t steps = 0;; steps++) {
        lt_job_state state =
            lt_job_step(job, 1 + (uint32_t)sim_below(&world->rng, world->step_max));
        watch(world, job, &committed);
        world->stats->steps++;
        if (lt_sim_crashed(world->env) || (state != LT_JOB_RUNNING && state != LT_JOB_WAITING)) {
            return state;
        }
        note_savepoint(world, job);
        if (state == LT_JOB_WAITING) {
            lt_job_wait(job, WAIT_NS);
        }
        lt_sim_advance_us(world->env,
                          (int64_t)sim_below(&world->rng, (uint64_t)world->tick_us_max));
        act(world, job, &stopped);
        if (steps == STEPS_MAX || world->env->mono_ns(world->env) > end_ns) {
            show_tasks(world, job);
            sim_fail(world, "the job does not come to an end");
        }
    }
}

/* ---- a life ---- */

static lt_job *start(sim_world *world, const sim_plan *plan)
{
    lt_job_options options = {
        .env = world->env,
        .mem = &world->job_mem,
        .session = lt_catalog_session(plan->catalog),
        .name = "sim",
        .batch_rows = world->batch_rows,
        .parallelism = plan->plan->parallelism,
        .ckpt = world->ckpt,
        .buggify = sim_next(&world->rng) | 1,
        .spill_dir = world->spills ? "/state" : NULL,
    };
    lt_job *job = NULL;
    lt_error err;
    lt_error_clear(&err);
    if (world->heals) {
        options.ckpt.failures_max = UINT32_MAX; /* the schedule still breaks some off */
    }
    options.ckpt.restore = world->savepoint[0] != '\0' ? world->savepoint : NULL;
    if (lt_job_new(plan->plan, &options, &job, &err) != LT_OK) {
        SIM_TRACE(world, "does not start: %s", err.text);
        SIM_CHECK(world, err.text[0] != '\0', "does not start, without a word");
        SIM_CHECK(world, !world->heals, "does not start: %s", err.text);
        return NULL;
    }
    return job;
}

static const char *state_name(lt_job_state state)
{
    return state == LT_JOB_DONE      ? "done"
           : state == LT_JOB_STOPPED ? "stopped"
           : state == LT_JOB_FAILED  ? "failed"
                                     : "cut off";
}

static void end_of_life(sim_world *world, lt_job *job, lt_job_state state)
{
    lt_ckpt_stats stats;
    lt_error err;
    bool crashed = lt_sim_crashed(world->env);
    lt_job_ckpt_stats(job, &stats);
    world->stats->checkpoints += stats.completed;
    world->stats->given_up += stats.failed;
    SIM_TRACE(world, "%s%s%s", crashed ? "power loss" : state_name(state),
              state == LT_JOB_FAILED ? ": " : "",
              state == LT_JOB_FAILED ? lt_job_error(job)->text : "");
    if (state == LT_JOB_FAILED) {
        SIM_CHECK(world, lt_job_error(job)->text[0] != '\0', "failed without a word");
        SIM_CHECK(world, !world->heals || crashed, "fails without a reason: %s",
                  lt_job_error(job)->text);
        world->stats->failures += !crashed;
    } else if (!crashed) {
        SIM_CHECK(world, lt_job_check_ledger(job, &err) == LT_OK, "%s", err.text);
    }
    world->stats->stops += state == LT_JOB_STOPPED && !crashed;
}

/* The input's end was published before the power went. */
static bool is_finished(const sim_world *world)
{
    size_t size;
    return lt_sim_get(world->env, "/state/finished", &size) != NULL;
}

static lt_status see_manifest(void *arg, const lt_dirent *entry)
{
    sim_world *world = arg;
    unsigned long long id = 0;
    char end[16] = "";
    if (sscanf(entry->name, "chk-%llu.%9s", &id, end) == 2 && strcmp(end, "manifest") == 0 &&
        id > world->savepoint_id) {
        world->savepoint[0] = '\0';
    }
    return LT_OK;
}

/* A checkpoint that was committed in the last moment is newer than the savepoint. */
static void check_savepoint(sim_world *world)
{
    lt_error err;
    if (world->savepoint[0] != '\0') {
        (void)world->env->list(world->env, "/state", see_manifest, world, &err);
    }
}

static void crash(sim_world *world)
{
    lt_sim_crash(world->env);
    world->stats->crashes++;
    sim_note(world, SIM_CRASH);
    sim_check_visible(world);
}

static uint32_t draw_parallelism(sim_world *world)
{
    uint32_t before = world->parallelism;
    if (sim_has(world, SIM_RESCALE) && world->life > 0) {
        world->parallelism = 1 + (uint32_t)sim_below(&world->rng, 4);
        if (world->parallelism != before) {
            world->stats->rescaled++;
            sim_note(world, SIM_RESCALE);
        }
    }
    return world->parallelism;
}

/* A savepoint that nothing was published after can be started from. */
static void keep_savepoint(sim_world *world, const lt_job *job)
{
    lt_ckpt_stats stats;
    lt_job_ckpt_stats(job, &stats);
    bool is_newest = stats.last_savepoint[0] != '\0' && stats.last_id > lt_ckpt_committed(job) &&
                     stats.last_id > world->epoch;
    if (is_newest && job->ckpt->phase == CKPT_IDLE) {
        snprintf(world->savepoint, sizeof world->savepoint, "%.60s", stats.last_savepoint);
        world->savepoint_id = stats.last_id;
        world->stats->savepoints_used++;
    }
}

/* One life; true: the job has ended. */
static bool live_once(sim_world *world)
{
    sim_plan plan;
    bool ended = false;
    world->savepoint_made[0] = '\0';
    sim_plan_init(world, &plan, draw_parallelism(world));
    if (world->heals) {
        heal(world);
    } else {
        disturb_start(world);
    }
    SIM_TRACE(world, "start: parallelism %u, batches of %u rows%s", world->parallelism,
              world->batch_rows, world->heals ? ", healed" : "");
    lt_job *job = start(world, &plan);
    if (job != NULL) {
        world->tasks = LT_MAX(world->tasks, job->node_count);
        if (!lt_sim_crashed(world->env)) {
            sim_check_restored(world, job);
            if (!world->heals && !world->exhaustive) {
                disturb_run(world);
            }
        }
        lt_job_state state = run(world, job);
        end_of_life(world, job, state);
        ended = state == LT_JOB_DONE && !lt_sim_crashed(world->env);
        if (ended) {
            sim_check_end(world, job);
        } else {
            keep_savepoint(world, job);
        }
    }
    lt_job_free(job);
    sim_plan_deinit(&plan);
    int64_t left = atomic_load(&world->job_mem.bytes);
    SIM_CHECK(world, left == 0, "%lld bytes were not given back", (long long)left);
    return ended;
}

/* Between lives: the power loss itself, or a look at whether there is anything left to do. */
static bool settle(sim_world *world)
{
    if (lt_sim_crashed(world->env)) {
        crash(world);
    } else if (!world->heals && sim_has(world, SIM_CRASH) && sim_happens(&world->rng, 300)) {
        /* The machine goes down while nothing runs. */
        crash(world);
    }
    check_savepoint(world);
    if (is_finished(world)) {
        SIM_TRACE(world, "had finished");
        sim_check_end(world, NULL);
        return true;
    }
    return false;
}

bool sim_live(sim_world *world)
{
    sim_totals *stats = world->stats;
    bool ended = false;
    for (world->life = 0; !ended; world->life++) {
        SIM_CHECK(world, world->life < LIVES_MAX, "too many lives");
        world->heals = world->life >= world->lives_faulty;
        ended = live_once(world);
        stats->lives++;
        ended = ended || settle(world);
        world->restarts += !ended;
    }
    bool counts = world->tasks >= 2 && world->checkpoints >= 3 && world->restarts >= 1 &&
                  (world->query->flags & SIM_STATELESS) == 0;
    stats->seeds++;
    stats->counted += counts;
    stats->restored += world->restarts;
    stats->queries[world->query - sim_queries]++;
    stats->rows += world->streams[0].count + world->streams[1].count;
    stats->late += world->late_after[world->streams[0].count];
    return counts;
}
