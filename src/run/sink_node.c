/* A sink node: writes batches to its connector, or collects the rows of a top-level query for
 * lt_job_take(). */
#include "run/job_int.h"

lt_status lt_node_open_sink(lt_node *node, lt_error *err)
{
    if (node->plan->u.table.table == NULL) {
        return LT_OK;
    }
    LT_TRY(lt_node_table_ctx(node, err));
    LT_TRY(lt_sink_new(node->plan->u.table.table->connector, node->ctx, &node->sink, err));
    return node->sink->cls->open != NULL ? node->sink->cls->open(node->sink, err) : LT_OK;
}

void lt_node_close_sink(lt_node *node)
{
    lt_sink_free(node->sink);
    node->sink = NULL;
    lt_batch_unref(node->sink_pending);
    node->sink_pending = NULL;
}

static void collect(lt_job *job, lt_batch *batch)
{
    uint32_t slot = (job->collected_head + job->collected_count) % job->collected_cap;
    job->collected[slot] = batch;
    job->collected_count++;
}

/* Does a NOT NULL column of the sink (the node's schema has the declared types) hold NULL at this
 * row? Gives the column, or -1. */
static int null_violation(const lt_node *node, const lt_batch *batch, uint32_t row)
{
    const lt_schema *schema = node->plan->schema;
    for (uint32_t c = 0; c < schema->count; c++) {
        if (!schema->fields[c].type->nullable && lt_col_is_null(&batch->cols[c], row)) {
            return (int)c;
        }
    }
    return -1;
}

/* Mostly there is none: looked for by column, before anything is built. */
static bool has_violation(const lt_node *node, const lt_batch *batch)
{
    const lt_schema *schema = node->plan->schema;
    uint32_t live = lt_batch_live(batch);
    for (uint32_t c = 0; c < schema->count; c++) {
        if (schema->fields[c].type->nullable || batch->cols[c].valid == NULL) {
            continue;
        }
        for (uint32_t i = 0; i < live; i++) {
            if (lt_col_is_null(&batch->cols[c], lt_batch_row(batch, i))) {
                return true;
            }
        }
    }
    return false;
}

/* table.exec.sink.not-null-enforcer: rows with NULL in a NOT NULL column fail the job, or are
 * dropped and counted. *batch is replaced when rows were dropped. */
static lt_status enforce_not_null(lt_node *node, lt_batch **batch, lt_error *err)
{
    lt_batch *in = *batch;
    if (!has_violation(node, in)) {
        return LT_OK;
    }
    uint32_t live = lt_batch_live(in);
    lt_batch *out = lt_batch_derive(node->pool, in, in->schema);
    uint32_t *keep = out != NULL ? LT_NEW_ARRAY(out->arena, uint32_t, live + 1) : NULL;
    if (keep == NULL) {
        lt_batch_unref(out);
        return lt_error_nomem(err, "a batch");
    }
    memcpy(out->cols, in->cols, sizeof(lt_col) * in->col_count);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < live; i++) {
        uint32_t row = lt_batch_row(in, i);
        int col = null_violation(node, in, row);
        if (col < 0) {
            keep[kept++] = row;
        } else if (node->plan->u.table.drop_nulls) {
            node->ledger.rejected++;
            node->job->rejected++;
            node->job->rejects_by_stage[LT_STAGE_CONSTRAINT]++;
        } else {
            lt_batch_unref(out);
            lt_error_set(err, LT_ERR_DATA,
                         "column '" LT_STR_FMT "' of table '" LT_STR_FMT
                         "' is NOT NULL, but a NULL was to be written into it",
                         LT_STR_ARG(node->plan->schema->fields[col].name),
                         LT_STR_ARG(node->plan->u.table.table->name));
            lt_error_hint(err,
                          "filter the rows, or SET 'table.exec.sink.not-null-enforcer' = 'DROP'");
            return LT_ERR_DATA;
        }
    }
    out->sel = keep;
    out->sel_count = kept;
    lt_batch_unref(in);
    *batch = out;
    return LT_OK;
}

static lt_status write_batch(lt_node *node, lt_batch *batch, lt_error *err)
{
    if (node->sink == NULL) {
        collect(node->job, batch);
        return LT_OK;
    }
    lt_status st = node->sink->cls->write(node->sink, batch, err);
    if (st == LT_FULL) {
        node->sink_pending = batch;
        return LT_AGAIN;
    }
    lt_batch_unref(batch);
    return st;
}

static lt_status take_batch(lt_node *node, lt_batch *batch, lt_error *err)
{
    uint32_t live = lt_batch_live(batch);
    if (batch->mark_count > 0) {
        node->watermark = LT_MAX(node->watermark, batch->marks[batch->mark_count - 1].watermark);
    }
    if (live == 0) {
        lt_batch_unref(batch);
        return LT_OK;
    }
    node->ledger.in += live;
    if (node->sink != NULL) {
        lt_status st = enforce_not_null(node, &batch, err);
        if (st != LT_OK) {
            lt_batch_unref(batch);
            return st;
        }
    }
    node->ledger.used += lt_batch_live(batch);
    node->rows_out += lt_batch_live(batch);
    lt_status st = write_batch(node, batch, err);
    return st == LT_AGAIN ? LT_OK : st; /* the batch is kept as pending: progress was made */
}

static lt_status finish(lt_node *node, lt_error *err)
{
    node->sink_finished = true;
    if (node->sink != NULL && node->sink->cls->finish != NULL) {
        return node->sink->cls->finish(node->sink, err);
    }
    return LT_OK;
}

static lt_status tick(lt_node *node, lt_error *err)
{
    const lt_sink_class *cls = node->sink != NULL ? node->sink->cls : NULL;
    if (cls == NULL || cls->tick == NULL || node->sink_finished) {
        return LT_AGAIN;
    }
    if (node->sink_wake_ns > node->job->env->mono_ns(node->job->env)) {
        return LT_AGAIN;
    }
    node->sink_wake_ns = INT64_MAX;
    LT_TRY(cls->tick(node->sink, &node->sink_wake_ns, err));
    return LT_AGAIN;
}

lt_status lt_node_run_sink(lt_node *node, lt_error *err)
{
    lt_status st = tick(node, err);
    if (st != LT_AGAIN) {
        return st;
    }
    if (node->sink_pending != NULL) {
        lt_batch *batch = node->sink_pending;
        node->sink_pending = NULL;
        return write_batch(node, batch, err);
    }
    lt_ring *ring = &node->inputs[0].ring;
    if (lt_ring_count(ring) == 0 || lt_collector_is_full(node->job)) {
        return LT_AGAIN;
    }
    lt_msg msg = ring->slots[ring->head % LT_RING_SLOTS];
    ring->head++;
    switch (msg.kind) {
    case LT_MSG_BATCH:
        return take_batch(node, msg.batch, err);
    case LT_MSG_END:
        return finish(node, err);
    case LT_MSG_IDLE:
        return LT_OK;
    }
    return LT_OK;
}
