/* A source node: polls its connector when there is room, sends end of input, and declares itself
 * idle when nothing came for the idle timeout. Also constant rows (VALUES). */
#include "base/assert.h"
#include "expr/program.h"
#include "run/job_int.h"

#define NS_PER_MS 1000000

static int64_t idle_timeout_ns(const lt_node *node)
{
    bool has = false;
    int64_t ms = lt_options_int(&node->resolved, NULL, lt_table_options, lt_table_option_count,
                                "scan.watermark.idle-timeout", &has);
    if (!lt_options_has(&node->resolved, "scan.watermark.idle-timeout")) {
        bool wanted = !node->plan->u.table.bounded || node->job->options.idle_timeout_bounded;
        ms = wanted ? node->job->options.idle_timeout_ms : 0;
    }
    return ms * NS_PER_MS;
}

lt_status lt_node_open_source(lt_node *node, lt_error *err)
{
    if (node->plan->kind == LT_PLAN_VALUES) {
        return LT_OK;
    }
    LT_TRY(lt_node_table_ctx(node, err));
    node->idle_timeout_ns = idle_timeout_ns(node);
    node->last_row_ns = node->job->env->mono_ns(node->job->env);
    node->wait.wake_mono_ns = 0;
    LT_TRY(lt_source_new(node->plan->u.table.table->connector, node->ctx, &node->source, err));
    return node->source->cls->open != NULL ? node->source->cls->open(node->source, err) : LT_OK;
}

void lt_node_close_source(lt_node *node)
{
    lt_source_free(node->source);
    node->source = NULL;
}

/* End of input fires everything; a stop ends the stream without touching its clock. */
static lt_status send_end(lt_node *node, lt_error *err)
{
    if (!node->job->stopping || node->job->draining) {
        lt_batch *batch = lt_batch_new(node->pool, node->plan->schema, 0);
        if (batch == NULL || !lt_batch_add_mark(batch, 0, LT_WATERMARK_MAX)) {
            lt_batch_unref(batch);
            return lt_error_nomem(err, "end of input");
        }
        lt_node_send(node, (lt_msg){LT_MSG_BATCH, batch});
    }
    node->source_ended = true;
    lt_node_send(node, (lt_msg){LT_MSG_END, NULL});
    return LT_OK;
}

static lt_status poll_values(lt_node *node, lt_batch **out, lt_error *err)
{
    const lt_plan_node *plan = node->plan;
    uint32_t left = plan->u.values.row_count - node->values_next;
    if (left == 0) {
        return LT_END;
    }
    uint32_t rows = LT_MIN(left, node->job->options.batch_rows);
    lt_batch *batch = lt_batch_new(node->pool, plan->schema, rows);
    if (batch == NULL) {
        return lt_error_nomem(err, "constant rows");
    }
    for (uint32_t r = 0; r < rows; r++) {
        lt_expr **row = plan->u.values.rows[node->values_next + r];
        for (uint32_t c = 0; c < plan->schema->count; c++) {
            lt_value value;
            lt_status st =
                lt_expr_eval_const(node->job->options.session, row[c], batch->arena, &value, err);
            if (st == LT_OK && !lt_value_store(&value, &batch->cols[c], r, rows, batch->arena)) {
                st = lt_error_nomem(err, "constant rows");
            }
            if (st != LT_OK) {
                lt_batch_unref(batch);
                return st;
            }
        }
    }
    batch->row_count = rows;
    node->values_next += rows;
    *out = batch;
    return LT_OK;
}

static lt_status declare_idle(lt_node *node, int64_t now_ns)
{
    if (node->idle || node->idle_timeout_ns <= 0 ||
        now_ns - node->last_row_ns < node->idle_timeout_ns) {
        return LT_AGAIN;
    }
    node->idle = true;
    lt_node_send(node, (lt_msg){LT_MSG_IDLE, NULL});
    return LT_OK;
}

static void give_out(lt_node *node, lt_batch *batch, int64_t now_ns)
{
    uint32_t live = lt_batch_live(batch);
    if (batch->arrival_us == 0) {
        batch->arrival_us = node->job->env->wall_us(node->job->env);
    }
    node->ledger.in += live;
    node->ledger.used += live;
    node->rows_out += live;
    node->last_row_ns = now_ns;
    node->idle = false;
    lt_node_send(node, (lt_msg){LT_MSG_BATCH, batch});
}

lt_status lt_node_run_source(lt_node *node, lt_error *err)
{
    if (node->source_ended || lt_node_room(node) < 2) {
        return LT_AGAIN;
    }
    if (node->job->stopping) {
        return send_end(node, err);
    }
    lt_env *env = node->job->env;
    int64_t now_ns = 0;
    lt_batch *batch = NULL;
    lt_status st;
    if (node->plan->kind == LT_PLAN_VALUES) {
        st = poll_values(node, &batch, err);
    } else {
        now_ns = env->mono_ns(env);
        node->wait = (lt_wait){INT64_MAX, NULL};
        st = node->source->cls->poll(node->source, &batch, &node->wait, err);
    }
    if (st == LT_OK) {
        LT_ASSERT(batch != NULL);
        node->wait = (lt_wait){0, NULL};
        give_out(node, batch, now_ns);
        return LT_OK;
    }
    if (st == LT_END) {
        return send_end(node, err);
    }
    if (st == LT_AGAIN) {
        return declare_idle(node, now_ns);
    }
    return st;
}
