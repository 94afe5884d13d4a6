/* Builds the connector's view of a plan node's table: options with references resolved, schemas,
 * reject sink. */
#include "run/job_int.h"

lt_status lt_node_table_ctx(lt_node *node, lt_error *err)
{
    const lt_plan_node *plan = node->plan;
    const lt_table_def *table = plan->u.table.table;
    lt_job *job = node->job;
    lt_table_ctx *ctx = LT_NEW(job->arena, lt_table_ctx);
    if (ctx == NULL) {
        return lt_error_nomem(err, "a table");
    }
    LT_TRY(lt_options_resolve_masked(job->env, &job->masks, &plan->u.table.options, &node->resolved,
                                     err));
    ctx->mem = &node->mem;
    ctx->env = job->env;
    ctx->table = table->name;
    ctx->schema = plan->schema;
    ctx->record_schema = plan->u.table.record_schema;
    ctx->record_index = plan->u.table.record_index;
    ctx->metadata_keys = plan->u.table.metadata_keys;
    ctx->partition_by = table->partition_by;
    ctx->partition_count = table->partition_count;
    ctx->options = node->resolved;
    ctx->pool = node->pool;
    ctx->batch_rows = job->options.batch_rows;
    ctx->rejects = &node->rejects.sink;
    ctx->inferred = table->inferred;
    ctx->has_header = table->has_header;
    ctx->feeds = job->options.feeds;
    ctx->checkpoints = job->options.ckpt.dir != NULL;
    ctx->owner = lt_arena_printf(job->arena, "%s/" LT_STR_FMT "/%u", job->name,
                                 LT_STR_ARG(plan->label), node->task);
    if (ctx->owner == NULL) {
        return lt_error_nomem(err, "a table");
    }
    node->ctx = ctx;
    return LT_OK;
}
