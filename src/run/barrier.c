/* A task's part of a checkpoint: when the barrier has come on all of its channels, the task notes
 * its scalars, fixes what the snapshot of its tables holds (nothing is copied yet) and sends the
 * barrier on. The rest is written in the background (checkpoint.c). */
#include "base/assert.h"
#include "run/job_int.h"

static void unbar(lt_node *node)
{
    for (uint32_t c = 0; c < node->channel_count; c++) {
        node->channels[c].barred = false;
    }
    node->barred = 0;
}

static lt_status take_part(lt_node *node, uint64_t id, lt_error *err)
{
    lt_node_part *part = &node->part;
    LT_ASSERT(part->snap == NULL);
    lt_text_clear(&part->scalars);
    lt_text_clear(&part->syncs);
    node->chain = lt_hash_combine(node->chain, node->hash);
    LT_TRY(lt_node_save(node, id, &part->scalars, &part->syncs, err));
    if (node->plan->kind == LT_PLAN_SOURCE) {
        lt_record_cut(node,
                      node->sequence != NULL ? node->sequence->cut_bytes : node->source->bytes);
    }
    if (node->op == NULL || !lt_state_is_used(node->op->state)) {
        return LT_OK;
    }
    return lt_state_snap_begin(node->op->state, !lt_ckpt_is_full(node->job), &part->snap, err);
}

lt_status lt_node_barrier(lt_node *node, uint64_t id, lt_error *err)
{
    lt_env *env = node->job->env;
    int64_t start = env->mono_ns(env);
    lt_error why;
    lt_error_clear(&why);
    lt_status st = take_part(node, id, &why);
    if (st != LT_OK && node->sink != NULL && st != LT_ERR_NOMEM) {
        /* A sink that cannot hand over its output is broken: the job is. */
        if (err != NULL) {
            *err = why;
        }
        return st;
    }
    unbar(node);
    node->barrier_done = id;
    node->pause_ns = env->mono_ns(env) - start;
    lt_ckpt_ack(node, id, st == LT_OK ? NULL : &why);
    if (node->edge_count == 0) {
        return LT_OK;
    }
    return lt_node_send(node, (lt_msg){LT_MSG_BARRIER, NULL, id}, err);
}

lt_status lt_node_take_barrier(lt_node *node, lt_channel *channel, uint64_t id, lt_error *err)
{
    LT_ASSERT(!channel->barred);
    channel->barred = true;
    node->barred++;
    return node->barred == node->channel_count ? lt_node_barrier(node, id, err) : LT_OK;
}
