/* Repeating a stretch of a run: from the checkpoint before a given one, over the same input, up to
 * the positions of the given one. Nothing is written; what would have been is hashed, row by row
 * and whatever the order, and must come to what the checkpoint says. Sources stop where the
 * repeated run was, without ending their streams. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "run/checkpoint_int.h"

typedef struct {
    uint64_t below;
    uint64_t best;
    lt_arena *arena;
    char *path;
} before;

static lt_status look_at(void *arg, const char *path, const lt_ckpt_info *info)
{
    before *found = arg;
    if (info->savepoint || info->id >= found->below || info->id <= found->best) {
        return LT_OK;
    }
    found->best = info->id;
    found->path = lt_arena_strndup(found->arena, path, strlen(path));
    return LT_OK;
}

/* The checkpoint before the target, in the same directory; none: the beginning of the input. */
static lt_status start_before(lt_job *job, lt_error *err)
{
    const char *target = job->options.ckpt.replay;
    before found = {.below = lt_ckpt_reader_info(job->ckpt->target)->id, .arena = job->arena};
    const char *slash = strrchr(target, '/');
    char *dir = slash != NULL ? lt_arena_strndup(job->arena, target, (size_t)(slash - target))
                              : lt_arena_strndup(job->arena, ".", 1);
    if (dir == NULL) {
        return lt_error_nomem(err, "a replay");
    }
    LT_TRY(lt_ckpt_list(job->env, &job->mem, dir, look_at, &found, err));
    if (found.best != 0 && found.path == NULL) {
        return lt_error_nomem(err, "a replay");
    }
    if (found.best == 0) {
        lt_ckpt_say(job,
                    "replay: there is no checkpoint before it; from the beginning of the input");
        return LT_OK;
    }
    lt_ckpt_reader *reader = NULL;
    LT_TRY(lt_ckpt_open_path(job->env, &job->mem, found.path, &reader, err));
    lt_status st = lt_ckpt_restore(job, reader, err);
    lt_ckpt_reader_close(reader);
    return st;
}

/* The target's part of the first task of a node. */
static lt_status target_facts(const lt_job *job, const lt_plan_node *plan, lt_part_facts *out,
                              lt_error *err)
{
    const char *name = lt_job_task(job, plan->id, 0)->part_name;
    lt_ckpt_part part;
    for (uint32_t i = 0; lt_ckpt_part_at(job->ckpt->target, i, &part); i++) {
        if (strcmp(part.name, name) == 0) {
            return lt_part_read(plan, part.scalars, out, err);
        }
    }
    return lt_error_set(err, LT_ERR_STATE, "the checkpoint does not know '" LT_STR_FMT "'",
                        LT_STR_ARG(plan->label));
}

/* The clocks of all tasks that read the source then. */
static lt_status read_records(const lt_job *job, lt_node *node, lt_error *err)
{
    lt_ckpt_part part;
    for (uint32_t i = 0; lt_ckpt_part_at(job->ckpt->target, i, &part); i++) {
        if (lt_part_is_of(part.name, node->plan->signature)) {
            LT_TRY(lt_record_read(node, job->ckpt->target, i, err));
        }
    }
    return LT_OK;
}

static lt_status limit_source(lt_job *job, lt_node *node, lt_error *err)
{
    lt_part_facts facts;
    LT_TRY(target_facts(job, node->plan, &facts, err));
    if (node->source_ended) {
        return LT_OK;
    }
    LT_TRY(read_records(job, node, err));
    if (node->source->cls->limit == NULL) {
        if (facts.source_ended && node->source->cls->guarantee == LT_SOURCE_REPLAYABLE) {
            return LT_OK; /* the end came before the checkpoint: it comes again by itself */
        }
        return lt_error_set(err, LT_ERR_UNSUPPORTED,
                            "table '" LT_STR_FMT
                            "': what came from connector '%s' cannot be read again",
                            LT_STR_ARG(node->plan->u.table.table->name),
                            node->plan->u.table.table->connector->name);
    }
    node->limited = !facts.source_ended; /* else the input ends there, and everything fires */
    return node->source->cls->limit(node->source, facts.position, err);
}

lt_status lt_replay_open(lt_job *job, lt_error *err)
{
    LT_TRY(
        lt_ckpt_open_path(job->env, &job->mem, job->options.ckpt.replay, &job->ckpt->target, err));
    LT_TRY(start_before(job, err));
    for (uint32_t id = 0; id < job->plan->node_count; id++) {
        lt_node *node = lt_job_task(job, id, 0);
        if (node->source != NULL) {
            LT_TRY(limit_source(job, node, err));
        }
    }
    return LT_OK;
}

bool lt_replay_is_over(const lt_job *job)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        const lt_node *node = &job->nodes[i];
        if (node->plan->kind == LT_PLAN_SOURCE && !node->source_ended) {
            return false;
        }
    }
    return lt_job_quiet(job);
}

static lt_status compare_sink(lt_job *job, const lt_node *sink, lt_error *err)
{
    char line[320];
    lt_part_facts facts;
    LT_TRY(target_facts(job, sink->plan, &facts, err));
    if (sink->hash == facts.hash) {
        snprintf(line, sizeof line, "replay: '%.*s' agrees: %llu rows, hash %016llx",
                 (int)sink->plan->label.len, sink->plan->label.ptr,
                 (unsigned long long)sink->rows_out, (unsigned long long)sink->hash);
        lt_ckpt_say(job, line);
        return LT_OK;
    }
    lt_error_set(err, LT_ERR_STATE,
                 "replay: '" LT_STR_FMT "' differs: %llu rows with hash %016llx came out, the "
                 "checkpoint says %llu rows with hash %016llx",
                 LT_STR_ARG(sink->plan->label), (unsigned long long)sink->rows_out,
                 (unsigned long long)sink->hash, (unsigned long long)facts.rows_out,
                 (unsigned long long)facts.hash);
    if (sink->plan->determinism == LT_ORDER_DEPENDENT) {
        lt_error_hint(err, "its result depends on the order of arrival or on the clock");
    }
    return LT_ERR_STATE;
}

/* Every sink is told of; the first that differs is the error. */
lt_status lt_replay_compare(lt_job *job, lt_error *err)
{
    lt_status first = LT_OK;
    for (uint32_t i = 0; i < job->plan->sink_count; i++) {
        lt_error own;
        lt_error_clear(&own);
        lt_status st = compare_sink(job, lt_job_task(job, job->plan->sinks[i], 0), &own);
        if (st != LT_OK && first == LT_OK) {
            first = st;
            *err = own;
        } else if (st != LT_OK) {
            lt_ckpt_say(job, own.text);
        }
    }
    return first;
}
