/* A sink node: writes batches to its connector, or collects the rows of a top-level query for
 * lt_job_take(). */
#include "base/assert.h"
#include "run/job_int.h"

#define HASH_KEEP ((size_t)1 << 20)
#define HASH_SEED UINT64_C(0x6c656174) /* not the hash that deals rows out */

static lt_status open_hash(lt_node *node, lt_error *err)
{
    const lt_schema *schema = node->plan->schema;
    const lt_type **types = LT_NEW_ARRAY(node->job->arena, const lt_type *, schema->count + 1);
    if (types == NULL) {
        return lt_error_nomem(err, "a sink");
    }
    for (uint32_t c = 0; c < schema->count; c++) {
        types[c] = lt_type_with_nullable(node->job->arena, schema->fields[c].type, true);
        if (types[c] == NULL) {
            return lt_error_nomem(err, "a sink");
        }
    }
    node->hash_codec = lt_rowcodec_new(node->job->arena, types, schema->count, false);
    return node->hash_codec != NULL ? LT_OK : lt_error_nomem(err, "a sink");
}

lt_status lt_node_open_sink(lt_node *node, lt_error *err)
{
    if (node->plan->u.table.table == NULL) {
        return LT_OK;
    }
    LT_TRY(lt_node_table_ctx(node, err));
    LT_TRY(open_hash(node, err));
    if (lt_job_replays(node->job)) {
        return LT_OK; /* only what would be written counts */
    }
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
    uint32_t tail = atomic_load_explicit(&job->collected_tail, memory_order_relaxed);
    job->collected[tail % job->collected_cap] = batch;
    atomic_store_explicit(&job->collected_tail, tail + 1, memory_order_release);
    if (job->running) {
        job->env->wake(job->env);
    }
}

/* Does a value hold NULL where its type says NOT NULL, as deep as is looked? */
static bool violates(const lt_col *col, const lt_type *type, uint32_t row, lt_nulls_depth depth)
{
    if (lt_col_is_null(col, row)) {
        return !type->nullable;
    }
    if (col->phys == LT_PHYS_STRUCT && depth != LT_NULLS_COLUMNS) {
        for (uint32_t f = 0; f < type->field_count; f++) {
            if (violates(&col->children[f], type->fields[f].type, row, depth)) {
                return true;
            }
        }
    } else if (col->phys == LT_PHYS_LIST && depth == LT_NULLS_COLLECTIONS) {
        lt_span span = LT_COL_DATA(col, const lt_span)[row];
        for (uint32_t i = 0; i < type->field_count * span.count; i++) {
            uint32_t f = i / span.count;
            if (violates(&col->children[f], type->fields[f].type, span.start + i % span.count,
                         depth)) {
                return true;
            }
        }
    }
    return false;
}

/* Does a NOT NULL column of the sink (the node's schema has the declared types) hold NULL at this
 * row? Gives the column, or -1. */
static int null_violation(const lt_node *node, const lt_batch *batch, uint32_t row)
{
    const lt_schema *schema = node->plan->schema;
    for (uint32_t c = 0; c < schema->count; c++) {
        if (violates(&batch->cols[c], schema->fields[c].type, row,
                     node->plan->u.table.nulls_depth)) {
            return (int)c;
        }
    }
    return -1;
}

/* Mostly there is none: looked for by column, before anything is built. */
static bool has_violation(const lt_node *node, const lt_batch *batch)
{
    const lt_schema *schema = node->plan->schema;
    lt_nulls_depth depth = node->plan->u.table.nulls_depth;
    uint32_t live = lt_batch_live(batch);
    for (uint32_t c = 0; c < schema->count; c++) {
        const lt_type *type = schema->fields[c].type;
        bool nested = depth != LT_NULLS_COLUMNS && type->field_count > 0;
        if (!nested && (type->nullable || batch->cols[c].valid == NULL)) {
            continue;
        }
        for (uint32_t i = 0; i < live; i++) {
            if (violates(&batch->cols[c], type, lt_batch_row(batch, i), depth)) {
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
            atomic_fetch_add(&node->job->rejected, 1);
            atomic_fetch_add(&node->job->rejects_by_stage[LT_STAGE_CONSTRAINT], 1);
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

static bool has_before(const lt_batch *batch)
{
    uint32_t live = lt_batch_live(batch);
    for (uint32_t i = 0; batch->kinds != NULL && i < live; i++) {
        if (batch->kinds[lt_batch_row(batch, i)] == LT_UPDATE_BEFORE) {
            return true;
        }
    }
    return false;
}

/* For a sink that upserts: a -U takes the row away, and the +U behind it, if a filter has let one
 * through, brings it back. That is so for each row alone: a batch may end between them. *batch is
 * replaced when it had some. */
static lt_status settle_before(lt_node *node, lt_batch **batch, lt_error *err)
{
    lt_batch *in = *batch;
    if (!node->plan->u.table.drop_before || !has_before(in)) {
        return LT_OK;
    }
    lt_batch *out = lt_batch_derive(node->pool, in, in->schema);
    uint8_t *kinds = out != NULL ? LT_NEW_ARRAY(out->arena, uint8_t, in->row_count) : NULL;
    if (kinds == NULL) {
        lt_batch_unref(out);
        return lt_error_nomem(err, "a batch");
    }
    memcpy(out->cols, in->cols, sizeof(lt_col) * in->col_count);
    for (uint32_t i = 0; i < in->row_count; i++) {
        kinds[i] = in->kinds[i] == LT_UPDATE_BEFORE ? LT_DELETE : in->kinds[i];
    }
    out->kinds = kinds;
    lt_batch_unref(in);
    *batch = out;
    return LT_OK;
}

/* What was written so far as one number that no order, batching or repetition of updates changes:
 * the sum of the rows' hashes, those of rows taken back subtracted. A checkpoint carries it, so
 * that a run can be compared with its repetition. */
static lt_status add_hash(lt_node *node, const lt_batch *batch, lt_error *err)
{
    if (node->job->ckpt == NULL || node->hash_codec == NULL) {
        return LT_OK;
    }
    uint32_t live = lt_batch_live(batch);
    lt_arena_reset(node->scratch, HASH_KEEP);
    const lt_col **cols = LT_NEW_ARRAY(node->scratch, const lt_col *, batch->col_count + 1);
    lt_rows encoded;
    if (cols == NULL) {
        return lt_error_nomem(err, "a sink");
    }
    for (uint32_t c = 0; c < batch->col_count; c++) {
        cols[c] = &batch->cols[c];
    }
    LT_TRY(
        lt_rowcodec_encode(node->hash_codec, cols, batch->sel, live, node->scratch, &encoded, err));
    for (uint32_t i = 0; i < live; i++) {
        uint64_t hash =
            lt_hash_bytes(lt_rows_ptr(&encoded, i), lt_rows_len(&encoded, i), HASH_SEED);
        node->hash +=
            lt_kind_is_add(lt_batch_kind(batch, lt_batch_row(batch, i))) ? hash : 0 - hash;
    }
    return LT_OK;
}

static lt_status write_batch(lt_node *node, lt_batch *batch, lt_error *err)
{
    if (node->plan->u.table.table == NULL) {
        collect(node->job, batch);
        return LT_OK;
    }
    if (node->sink == NULL) {
        lt_batch_unref(batch);
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

static lt_status take_batch(lt_node *node, lt_channel *channel, lt_batch *batch, lt_error *err)
{
    lt_status st = lt_node_merge_marks(node, channel->clock, &batch, err);
    uint32_t live = lt_batch_live(batch);
    node->watermark = LT_MAX(node->watermark, lt_node_merged(node));
    if (live == 0 || st != LT_OK) {
        lt_batch_unref(batch);
        return st;
    }
    node->ledger.in += live;
    if (node->plan->u.table.table != NULL) {
        st = enforce_not_null(node, &batch, err);
        st = st == LT_OK ? add_hash(node, batch, err) : st;
        if (st != LT_OK) {
            lt_batch_unref(batch);
            return st;
        }
    }
    uint32_t taken = lt_batch_live(batch);
    st = settle_before(node, &batch, err);
    if (st != LT_OK) {
        lt_batch_unref(batch);
        return st;
    }
    node->ledger.used += taken;
    node->rows_out += lt_batch_live(batch);
    st = write_batch(node, batch, err);
    return st == LT_AGAIN ? LT_OK : st; /* the batch is kept as pending: progress was made */
}

static lt_status take_end(lt_node *node, lt_channel *channel, lt_error *err)
{
    channel->ended = true;
    node->clocks[channel->clock].open--;
    for (uint32_t i = 0; i < node->clock_count; i++) {
        if (node->clocks[i].open > 0) {
            return LT_OK;
        }
    }
    node->ended = true;
    node->sink_finished = true;
    lt_status st = LT_OK;
    if (node->sink != NULL && node->sink->cls->finish != NULL) {
        st = node->sink->cls->finish(node->sink, err);
    }
    if (st == LT_OK && atomic_fetch_sub(&node->job->sinks_left, 1) == 1) {
        lt_job_notify(node->job);
    }
    return st;
}

static lt_status take_message(lt_node *node, lt_channel *channel, lt_error *err)
{
    lt_msg msg = lt_ring_peek(&channel->ring);
    lt_input *input = &node->inputs[channel->input_no];
    lt_channel_pop(channel);
    switch (msg.kind) {
    case LT_MSG_BATCH:
        return take_batch(node, channel, msg.batch, err);
    case LT_MSG_END:
        return take_end(node, channel, err);
    case LT_MSG_BARRIER:
        return lt_node_take_barrier(node, channel, msg.number, err);
    case LT_MSG_NEXT:
        if (input->sequence != NULL) {
            atomic_store_explicit(&input->next_block, msg.number + 1, memory_order_release);
        }
        return LT_OK;
    case LT_MSG_IDLE:
        node->clocks[channel->clock].idle = true;
        return LT_OK;
    case LT_MSG_NONE:
        break;
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

/* A checkpoint became durable: what it covers is published. */
static lt_status commit(lt_node *node, lt_error *err)
{
    uint64_t committed = lt_ckpt_committed(node->job);
    if (committed <= node->sink_committed) {
        return LT_AGAIN;
    }
    if (node->sink != NULL && node->sink->cls->commit != NULL) {
        LT_TRY(node->sink->cls->commit(node->sink, committed, err));
    }
    atomic_store(&node->sink_committed, committed);
    lt_job_notify(node->job);
    return LT_OK;
}

lt_status lt_node_run_sink(lt_node *node, lt_error *err)
{
    lt_status st = commit(node, err);
    if (st == LT_AGAIN) {
        st = tick(node, err);
    }
    if (st != LT_AGAIN) {
        return st;
    }
    if (node->sink_pending != NULL) {
        lt_batch *batch = node->sink_pending;
        node->sink_pending = NULL;
        return write_batch(node, batch, err);
    }
    if (lt_collector_is_full(node->job)) {
        return LT_AGAIN;
    }
    lt_channel *channel = lt_node_next(node);
    return channel != NULL ? take_message(node, channel, err) : LT_AGAIN;
}
