/* Starting from a checkpoint: which part of it belongs to which task.
 *
 * Parts carry the signature of their plan node and the number of their task. A node whose tasks
 * were as many gets each part back as it was. With another parallelism every new task reads all of
 * the old parts and keeps its share of the key groups. What does not fit the plan stops the start,
 * unless it was named as something that may go. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mutant.h"
#include "run/checkpoint_int.h"

#define STORE_DATA_FILES_MAX 16

/* The signature of a part's name; false: not one of ours. */
static bool part_signature(const char *name, lt_str *signature)
{
    const char *slash = strrchr(name, '/');
    if (slash == NULL) {
        return false;
    }
    *signature = (lt_str){name, (size_t)(slash - name)};
    return true;
}

bool lt_part_is_of(const char *name, lt_str signature)
{
    lt_str of;
    return part_signature(name, &of) && lt_str_eq(of, signature);
}

static uint32_t parts_of(lt_ckpt_reader *reader, lt_str signature)
{
    uint32_t count = 0;
    lt_ckpt_part part;
    for (uint32_t i = 0; lt_ckpt_part_at(reader, i, &part); i++) {
        count += lt_part_is_of(part.name, signature);
    }
    return count;
}

/* ---- loading ---- */

static lt_status load_block(void *arg, uint64_t id, const uint8_t *bytes, size_t len, lt_error *err)
{
    return lt_state_load_block(arg, id, bytes, len, err);
}

static lt_status load_tables(lt_node *node, lt_ckpt_reader *reader, uint32_t index, bool same,
                             lt_error *err)
{
    uint32_t first = 0;
    uint32_t last = LT_KEY_GROUPS - 1;
    if (!same && node->task_count > 1) {
        /* Groups g with g * tasks / groups == task, as the exchange deals them. */
        first = (node->task * LT_KEY_GROUPS + node->task_count - 1) / node->task_count;
        last = ((node->task + 1) * LT_KEY_GROUPS + node->task_count - 1) / node->task_count - 1;
        first -= LT_MUTANT(RANGE_OVERLAP) && first > 0 ? 1 : 0;
        last -= LT_MUTANT(RANGE_GAP) ? 1 : 0;
    }
    lt_state_loader *loader = NULL;
    LT_TRY(lt_state_load_begin(node->op->state, first, last, &loader, err));
    lt_status st = lt_ckpt_read_part(reader, index, load_block, loader, err);
    if (st != LT_OK) {
        (void)lt_state_load_end(loader, true, NULL);
        return st;
    }
    return lt_state_load_end(loader, false, err);
}

/* What is to be done with the parts that belong to a node: first the scalars of all nodes, then the
 * tables, which is the long part. */
typedef lt_status (*part_fn)(lt_node *node, lt_ckpt_reader *reader, uint32_t index, lt_part_fit fit,
                             lt_error *err);

static lt_status load_scalars(lt_node *node, lt_ckpt_reader *reader, uint32_t index,
                              lt_part_fit fit, lt_error *err)
{
    lt_ckpt_part part;
    (void)lt_ckpt_part_at(reader, index, &part);
    return lt_node_load(node, part.scalars, fit, err);
}

static lt_status load_state(lt_node *node, lt_ckpt_reader *reader, uint32_t index, lt_part_fit fit,
                            lt_error *err)
{
    bool is_used = node->op != NULL && lt_state_is_used(node->op->state);
    return is_used ? load_tables(node, reader, index, fit == LT_PART_SAME, err) : LT_OK;
}

static lt_status each_part(lt_node *node, lt_ckpt_reader *reader, part_fn load, lt_error *err)
{
    bool same = parts_of(reader, node->plan->signature) == node->task_count;
    bool is_first = true;
    lt_ckpt_part part;
    for (uint32_t i = 0; lt_ckpt_part_at(reader, i, &part); i++) {
        bool mine = same ? strcmp(part.name, node->part_name) == 0
                         : lt_part_is_of(part.name, node->plan->signature);
        if (mine) {
            lt_part_fit fit = same ? LT_PART_SAME : is_first ? LT_PART_FIRST : LT_PART_MORE;
            LT_TRY(load(node, reader, i, fit, err));
            is_first = false;
        }
    }
    return LT_OK;
}

/* The tables of one lane's tasks. */
typedef struct {
    const lt_lane *lane;
    lt_ckpt_reader *reader;
    lt_status st;
    lt_error err;
} lane_load;

static void load_lane(void *arg)
{
    lane_load *self = arg;
    lt_error_clear(&self->err);
    for (uint32_t i = 0; i < self->lane->node_count && self->st == LT_OK; i++) {
        self->st = each_part(self->lane->nodes[i], self->reader, load_state, &self->err);
    }
}

/* Every lane's tables on a thread of its own, where the job may have threads. */
static lt_status load_lanes(lt_job *job, lt_ckpt_reader *reader, lt_error *err)
{
    lane_load *loads = LT_NEW_ARRAY(job->arena, lane_load, job->lane_count);
    lt_thread **threads = LT_NEW_ARRAY(job->arena, lt_thread *, job->lane_count);
    if (loads == NULL || threads == NULL) {
        return lt_error_nomem(err, "a restore");
    }
    for (uint32_t i = 0; i < job->lane_count; i++) {
        loads[i].lane = &job->lanes[i];
        loads[i].reader = reader;
        bool alone = i + 1 == job->lane_count || !job->options.threads;
        if (alone || lt_thread_start(&job->mem, "leat-restore", load_lane, &loads[i], &threads[i],
                                     NULL) != LT_OK) {
            load_lane(&loads[i]);
        }
    }
    lt_status st = LT_OK;
    for (uint32_t i = 0; i < job->lane_count; i++) {
        lt_thread_join(threads[i]);
        if (st == LT_OK && loads[i].st != LT_OK) {
            st = loads[i].st;
            if (err != NULL) {
                *err = loads[i].err;
            }
        }
    }
    return st;
}

/* ---- does it fit? ---- */

static bool may_go(const lt_job *job, lt_str label)
{
    lt_str rest = job->options.ckpt.allow_drop;
    while (rest.len > 0) {
        const char *comma = memchr(rest.ptr, ',', rest.len);
        size_t len = comma != NULL ? (size_t)(comma - rest.ptr) : rest.len;
        lt_str name = lt_str_trim((lt_str){rest.ptr, len});
        if (lt_str_eq_ci(name, label) || lt_str_eq(name, LT_STR("all"))) {
            return true;
        }
        rest.ptr += LT_MIN(len + 1, rest.len);
        rest.len -= LT_MIN(len + 1, rest.len);
    }
    return false;
}

static lt_str label_of(lt_str signature)
{
    const char *mark = memchr(signature.ptr, '#', signature.len);
    return mark != NULL ? (lt_str){signature.ptr, (size_t)(mark - signature.ptr)} : signature;
}

static bool plan_has(const lt_plan *plan, lt_str signature)
{
    for (uint32_t id = 0; id < plan->node_count; id++) {
        if (lt_str_eq(plan->nodes[id]->signature, signature)) {
            return true;
        }
    }
    return false;
}

/* Operators that only count have nothing to lose. */
static bool keeps_something(const lt_plan_node *node)
{
    if (node->kind != LT_PLAN_OPERATOR) {
        return true;
    }
    const lt_op_class *cls = node->u.op.cls;
    return cls != &lt_op_calc && cls != &lt_op_watermark && cls != &lt_op_union &&
           cls != &lt_op_local_agg;
}

static bool is_source_or_sink(lt_str signature)
{
    return lt_str_starts(signature, LT_STR("Source:")) || lt_str_starts(signature, LT_STR("Sink:"));
}

static lt_status refuse(lt_str label, const char *what, lt_error *err)
{
    lt_error_set(err, LT_ERR_STATE,
                 "the statements have changed since the checkpoint: '" LT_STR_FMT "' %s",
                 LT_STR_ARG(label), what);
    lt_error_hint(err,
                  "--allow-drop '" LT_STR_FMT "' goes on without it; --fresh begins anew with "
                  "all of the input",
                  LT_STR_ARG(label));
    return LT_ERR_STATE;
}

static lt_status check_fit(const lt_job *job, lt_ckpt_reader *reader, lt_error *err)
{
    lt_ckpt_part part;
    for (uint32_t i = 0; lt_ckpt_part_at(reader, i, &part); i++) {
        lt_str signature;
        if (!part_signature(part.name, &signature)) {
            return lt_error_set(err, LT_ERR_STATE, "the checkpoint has a part without a name");
        }
        bool counts = part.block_count > 0 || is_source_or_sink(signature);
        bool lost = counts && !plan_has(job->plan, signature);
        if (lost && !may_go(job, label_of(signature))) {
            return refuse(label_of(signature), "has state there and is not in the plan any more",
                          err);
        }
    }
    for (uint32_t id = 0; id < job->plan->node_count; id++) {
        const lt_plan_node *node = job->plan->nodes[id];
        bool is_new = keeps_something(node) && parts_of(reader, node->signature) == 0;
        if (is_new && !may_go(job, node->label)) {
            return refuse(node->label, "is new or another one, and would begin without its past",
                          err);
        }
    }
    return LT_OK;
}

/* ---- the start ---- */

static void describe_positions(const lt_job *job, lt_text *to)
{
    for (uint32_t id = 0; id < job->plan->node_count; id++) {
        const lt_node *node = lt_job_task(job, id, 0);
        if (node->source != NULL && node->source->cls->describe != NULL) {
            size_t before = to->len;
            lt_text_printf(to, "; " LT_STR_FMT " at ", LT_STR_ARG(node->plan->u.table.table->name));
            size_t start = to->len;
            node->source->cls->describe(node->source, to);
            if (to->len == start) {
                to->len = before;
            }
        }
    }
}

static void say_resumed(const lt_job *job, const lt_ckpt_info *info)
{
    lt_text line;
    lt_text_init(&line, job->options.mem);
    int64_t age_ms = LT_MAX(job->env->wall_us(job->env) / 1000 - info->wall_ms, 0);
    lt_text_printf(&line, "%s: resumed from %s %llu, %lld.%lld s old", job->name,
                   info->savepoint ? "savepoint" : "checkpoint", (unsigned long long)info->id,
                   (long long)(age_ms / 1000), (long long)(age_ms / 100 % 10));
    if (info->parallelism != job->lane_count) {
        lt_text_printf(&line, ", parallelism %u instead of %u", job->lane_count, info->parallelism);
    }
    describe_positions(job, &line);
    lt_text_putc(&line, '\0');
    if (!line.failed) {
        lt_ckpt_say(job, line.ptr);
    }
    lt_text_deinit(&line);
}

lt_status lt_ckpt_restore(lt_job *job, lt_ckpt_reader *reader, lt_error *err)
{
    LT_TRY(check_fit(job, reader, err));
    for (uint32_t i = 0; i < job->node_count; i++) {
        LT_TRY(each_part(&job->nodes[i], reader, load_scalars, err));
    }
    LT_TRY(load_lanes(job, reader, err));
    const lt_ckpt_info *info = lt_ckpt_reader_info(reader);
    lt_ckpt_run *run = job->ckpt;
    run->stats.restored_id = info->id;
    say_resumed(job, info);
    return LT_OK;
}

static lt_status find_start(lt_job *job, lt_ckpt_reader **out, lt_error *err)
{
    lt_ckpt_run *run = job->ckpt;
    if (run->settings->fresh) {
        return lt_ckpt_store_clear(run->store, err);
    }
    if (run->settings->restore != NULL) {
        return lt_ckpt_open_path(job->env, &job->mem, run->settings->restore, out, err);
    }
    return lt_ckpt_open_latest(run->store, out, err);
}

static lt_status open_run(lt_job *job, lt_error *err)
{
    lt_ckpt_run *run = LT_NEW(job->arena, lt_ckpt_run);
    if (run == NULL) {
        return lt_error_nomem(err, "checkpoints");
    }
    job->ckpt = run;
    run->settings = &job->options.ckpt;
    lt_text_init(&run->plan, &job->mem);
    run->lock = lt_mutex_new(&job->mem);
    job->ckpt_waker = job->env->waker_new(job->env);
    if (run->lock == NULL || job->ckpt_waker == NULL) {
        return lt_error_nomem(err, "checkpoints");
    }
    for (uint32_t id = 0; id < job->plan->node_count; id++) {
        lt_text_printf(&run->plan, LT_STR_FMT "\n", LT_STR_ARG(job->plan->nodes[id]->signature));
    }
    if (run->plan.failed) {
        return lt_error_nomem(err, "checkpoints");
    }
    for (uint32_t i = 0; i < job->node_count; i++) {
        lt_node *node = &job->nodes[i];
        node->part_name = lt_arena_printf(job->arena, LT_STR_FMT "/%u",
                                          LT_STR_ARG(node->plan->signature), node->task);
        if (node->part_name == NULL) {
            return lt_error_nomem(err, "checkpoints");
        }
    }
    if (lt_job_replays(job)) {
        return LT_OK;
    }
    const lt_ckpt_options options = {.retain = LT_MAX(run->settings->retain, 1U),
                                     .compression = run->settings->compression,
                                     .data_files_max = STORE_DATA_FILES_MAX,
                                     .say = run->settings->say,
                                     .arg = run->settings->arg};
    return lt_ckpt_store_open(job->env, &job->mem, run->settings->dir, &options, &run->store, err);
}

lt_status lt_ckpt_open(lt_job *job, lt_error *err)
{
    if (job->options.ckpt.dir == NULL && !lt_job_replays(job)) {
        return LT_OK;
    }
    LT_TRY(open_run(job, err));
    if (lt_job_replays(job)) {
        return lt_replay_open(job, err);
    }
    lt_ckpt_reader *reader = NULL;
    LT_TRY(find_start(job, &reader, err));
    lt_status st = LT_OK;
    if (reader != NULL) {
        st = lt_ckpt_restore(job, reader, err);
        lt_ckpt_reader_close(reader);
    } else {
        char line[160];
        snprintf(line, sizeof line, "%.100s: fresh start", job->name);
        lt_ckpt_say(job, line);
    }
    job->ckpt->next_ns =
        job->env->mono_ns(job->env) + job->ckpt->settings->interval_ms * INT64_C(1000000);
    return st;
}

void lt_ckpt_close(lt_job *job)
{
    lt_ckpt_run *run = job->ckpt;
    if (run != NULL) {
        lt_ckpt_write_abort(run->writer);
        lt_ckpt_drop_parts(job, false);
        lt_ckpt_reader_close(run->target);
        lt_ckpt_store_close(run->store);
        lt_text_deinit(&run->plan);
        lt_mutex_free(run->lock);
        job->ckpt = NULL;
    }
    job->env->waker_free(job->ckpt_waker);
    job->ckpt_waker = NULL;
}
