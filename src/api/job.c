/* Jobs and their results behind the public handles. */
#include "api/api_int.h"
#include "base/assert.h"
#include "expr/totext.h"
#include "format/json_text.h"
#include "format/text.h"

lt_status lt_api_explain_listing(leat *db, const lt_bound *bound, leat_job *job, lt_error *err)
{
    static const char *const headers[] = {"result"};
    lt_plan *plan;
    LT_TRY(lt_api_plan(db, bound, job->arena, &plan, err));
    lt_text text;
    lt_text_init(&text, &db->mem);
    lt_plan_explain(plan, &text);
    lt_str *cell = LT_NEW(job->arena, lt_str);
    lt_str shown = lt_str_trim(lt_text_str(&text));
    if (cell != NULL) {
        *cell = lt_arena_str(job->arena, shown);
    }
    bool failed = text.failed || cell == NULL || cell->ptr == NULL;
    lt_text_deinit(&text);
    job->listing = (lt_listing){headers, 1, cell, 1};
    return failed ? lt_error_nomem(err, "a plan's text") : LT_OK;
}

void leat_job_free(leat_job *job)
{
    if (job == NULL) {
        return;
    }
    leat *db = job->db;
    for (leat_job **at = &db->jobs; *at != NULL; at = &(*at)->next) {
        if (*at == job) {
            *at = job->next;
            break;
        }
    }
    lt_batch_unref(job->held);
    lt_job_free(job->job);
    lt_api_home_close(job); /* the lock goes last: nothing of the job's is written after it */
    lt_api_speak(db);
    lt_fold_free(job->fold);
    for (uint32_t i = 0; job->type_texts != NULL && i < job->columns->count; i++) {
        lt_text_deinit(&job->type_texts[i]);
    }
    lt_arena_free(job->arena);
    lt_mem_free(&db->mem, job, sizeof *job);
}

static leat_state fail(leat_job *job, const lt_error *err)
{
    lt_api_fail(job->db, err, (lt_str){NULL, 0}, 0);
    return LEAT_FAILED;
}

static lt_status fold_results(leat_job *job, lt_error *err)
{
    for (lt_batch *batch = lt_job_take(job->job); batch != NULL; batch = lt_job_take(job->job)) {
        lt_status st = lt_fold_add(job->fold, batch, err);
        lt_batch_unref(batch);
        if (st != LT_OK) {
            return st;
        }
    }
    return LT_OK;
}

/* A savepoint asked for with the stop: the job's end is its last checkpoint. */
static void finish_stop(leat_job *job)
{
    const char *path = job->stop_savepoint;
    if (path == NULL) {
        return;
    }
    job->stop_savepoint = NULL;
    if (lt_api_savepoint_copy(job, path, &job->savepoint_error) == LT_OK) {
        job->stopped_savepoint = path;
    }
}

/* It failed and is to start again. */
static leat_state step_waiting(leat_job *job)
{
    lt_error err;
    lt_error_clear(&err);
    lt_status st = lt_api_restart_turn(job, &err);
    if (st == LT_END) {
        finish_stop(job);
        return LEAT_STOPPED;
    }
    return st == LT_OK ? LEAT_RUNNING : st == LT_AGAIN ? LEAT_WAITING : fail(job, &err);
}

static leat_state step(leat_job *job, uint32_t budget)
{
    if (job->broken) {
        lt_error err;
        lt_error_nomem(&err, "result rows");
        return fail(job, &err);
    }
    if (job->plan == NULL) {
        return LEAT_DONE;
    }
    if (job->restart.waits) {
        return step_waiting(job);
    }
    if (job->job == NULL) { /* it ended while it waited */
        return job->restart.stop ? LEAT_STOPPED : fail(job, &job->restart.cause);
    }
    lt_job_state state = lt_job_step(job->job, budget);
    if (job->fold != NULL && state != LT_JOB_FAILED) {
        lt_error err;
        lt_error_clear(&err);
        if (fold_results(job, &err) != LT_OK) {
            return fail(job, &err);
        }
        if (state == LT_JOB_WAITING) {
            /* Only the full collector may have held it up. */
            state = lt_job_step(job->job, budget);
            if (state != LT_JOB_FAILED && fold_results(job, &err) != LT_OK) {
                return fail(job, &err);
            }
        }
    }
    switch (state) {
    case LT_JOB_RUNNING:
        return LEAT_RUNNING;
    case LT_JOB_WAITING:
        return LEAT_WAITING;
    case LT_JOB_DONE:
        return LEAT_DONE;
    case LT_JOB_STOPPED:
        finish_stop(job);
        return LEAT_STOPPED;
    case LT_JOB_FAILED:
        break;
    }
    if (lt_api_restart_later(job, lt_job_error(job->job))) {
        return LEAT_WAITING;
    }
    return fail(job, lt_job_error(job->job));
}

leat_state leat_step(leat_job *job, uint32_t budget)
{
    leat_state state = step(job, budget);
    lt_api_speak(job->db);
    return state;
}

void leat_wait(leat_job *job, int64_t timeout_ms)
{
    if (job->restart.waits) {
        lt_api_restart_wait(job, timeout_ms);
        lt_api_speak(job->db);
    } else if (job->job != NULL) {
        lt_job_wait(job->job, timeout_ms * 1000000);
        lt_api_speak(job->db);
    }
}

static lt_status control(leat_job *job, leat_verb verb, const char *path, lt_error *err)
{
    const char *place = NULL;
    if (job->restart.waits && verb != LEAT_STOP) {
        return lt_error_set(err, LT_ERR_STATE, "the job has failed and waits to start again: %s",
                            job->restart.cause.text);
    }
    switch (verb) {
    case LEAT_STOP:
        if (path != NULL) {
            LT_TRY(lt_api_savepoint_path(job, path, &place, err));
            job->stop_savepoint = place;
        }
        job->restart.stop = true;
        if (!job->restart.waits) {
            lt_job_stop(job->job, false);
        }
        return LT_OK;
    case LEAT_DRAIN:
        lt_job_stop(job->job, true);
        return LT_OK;
    case LEAT_CHECKPOINT:
        return lt_job_checkpoint(job->job, NULL, err);
    case LEAT_SAVEPOINT:
        LT_TRY(lt_api_savepoint_path(job, path, &place, err));
        return lt_job_checkpoint(job->job, place, err);
    }
    return lt_error_set(err, LT_ERR_USAGE, "there is no verb %d", (int)verb);
}

leat_status leat_control(leat_job *job, leat_verb verb, const char *path)
{
    lt_error err;
    lt_error_clear(&err);
    if (job->job == NULL && !job->restart.waits) {
        return LEAT_OK; /* a listing has ended already */
    }
    lt_status st = control(job, verb, path, &err);
    lt_api_speak(job->db);
    bool is_told = st == LT_OK || st == LT_AGAIN || st == LT_FULL;
    return is_told ? lt_api_status(st) : lt_api_fail(job->db, &err, (lt_str){NULL, 0}, 0);
}

leat_status leat_inspect(leat *db, const char *path, const char *table, leat_job **out)
{
    lt_error err;
    lt_error_clear(&err);
    *out = NULL;
    leat_job *job = lt_api_listing_new(db);
    lt_status st = job != NULL ? lt_api_inspect(db, path, table, job, &err)
                               : lt_error_nomem(&err, "a listing");
    if (st != LT_OK) {
        leat_job_free(job);
        return lt_api_fail(db, &err, (lt_str){NULL, 0}, 0);
    }
    *out = job;
    return LEAT_OK;
}

leat_status leat_save(leat_job *job, leat_write write, void *arg)
{
    lt_error err;
    lt_error_clear(&err);
    if (job->job == NULL || job->restart.waits) {
        lt_error_set(&err, LT_ERR_USAGE, "a listing or a failed job has no state to save");
        return lt_api_fail(job->db, &err, (lt_str){NULL, 0}, 0);
    }
    lt_text text;
    lt_text_init(&text, &job->db->mem);
    lt_status st = lt_job_save(job->job, &text, &err);
    if (st == LT_OK) {
        write(arg, text.ptr, text.len);
    }
    lt_text_deinit(&text);
    return st == LT_OK ? LEAT_OK : lt_api_fail(job->db, &err, (lt_str){NULL, 0}, 0);
}

leat_status leat_restore(leat_job *job, const void *bytes, size_t size)
{
    lt_error err;
    lt_error_clear(&err);
    lt_status st = job->job == NULL
                       ? lt_error_set(&err, LT_ERR_USAGE, "a listing has no state to restore")
                       : lt_job_load(job->job, (lt_str){bytes, size}, &err);
    return st == LT_OK ? LEAT_OK : lt_api_fail(job->db, &err, (lt_str){NULL, 0}, 0);
}

/* ---- results ---- */

static bool aligns_right(const lt_type *type)
{
    return lt_type_is_numeric(type);
}

static bool is_key(const lt_plan_node *sink, uint32_t column)
{
    for (uint32_t i = 0; sink->key != NULL && i < sink->key_count; i++) {
        if (sink->key[i] == column) {
            return true;
        }
    }
    return false;
}

bool leat_job_column(const leat_job *job, uint32_t i, leat_column *out)
{
    if (job->plan == NULL) {
        if (i >= job->listing.column_count) {
            return false;
        }
        *out = (leat_column){job->listing.headers[i], "STRING", false, false};
        return true;
    }
    if (job->columns == NULL || i >= job->columns->count) {
        return false;
    }
    const lt_field *field = &job->columns->fields[i];
    *out = (leat_column){field->name.ptr, job->type_texts[i].ptr, aligns_right(field->type),
                         is_key(job->plan->nodes[job->plan->sinks[0]], i)};
    return true;
}

static leat_rows *rows_new(leat_job *job, lt_batch *batch)
{
    leat_rows *rows = lt_mem_zalloc(&job->db->mem, sizeof *rows);
    if (rows == NULL) {
        /* The rows cannot be handed out, and must not vanish: the job fails. */
        job->broken = true;
        lt_batch_unref(batch);
        return NULL;
    }
    rows->job = job;
    rows->batch = batch;
    lt_text_init(&rows->text, &job->db->mem);
    return rows;
}

static lt_batch *next_final(leat_job *job)
{
    leat_state state = leat_step(job, 0);
    lt_batch *batch = NULL;
    lt_error err;
    lt_error_clear(&err);
    if ((state == LEAT_DONE || state == LEAT_STOPPED) &&
        lt_fold_next(job->fold, &batch, &err) != LT_OK) {
        fail(job, &err);
    }
    return batch;
}

lt_batch *lt_api_next_batch(leat_job *job)
{
    lt_batch *batch = job->held;
    job->held = NULL;
    if (batch != NULL || !job->plan->is_query) {
        return batch;
    }
    return job->fold != NULL ? next_final(job) : lt_job_take(job->job);
}

static leat_rows *take(leat_job *job)
{
    if (job->plan == NULL) {
        if (job->listing_taken) {
            return NULL;
        }
        job->listing_taken = true;
        return rows_new(job, NULL);
    }
    lt_batch *batch = lt_api_next_batch(job);
    return batch != NULL ? rows_new(job, batch) : NULL;
}

leat_rows *leat_take(leat_job *job, uint32_t *count)
{
    leat_rows *rows = take(job);
    uint32_t live = rows == NULL          ? 0
                    : rows->batch != NULL ? lt_batch_live(rows->batch)
                                          : job->listing.row_count;
    if (count != NULL) {
        *count = live;
    }
    return rows;
}

void leat_rows_free(leat_rows *rows)
{
    if (rows != NULL) {
        lt_batch_unref(rows->batch);
        lt_text_deinit(&rows->text);
        lt_mem_free(&rows->job->db->mem, rows, sizeof *rows);
    }
}

leat_kind leat_rows_kind(const leat_rows *rows, uint32_t row)
{
    return rows->batch != NULL
               ? (leat_kind)lt_batch_kind(rows->batch, lt_batch_row(rows->batch, row))
               : LEAT_INSERT;
}

static void set_size(size_t *size, size_t value)
{
    if (size != NULL) {
        *size = value;
    }
}

static const char *finish_text(leat_rows *rows, size_t *size)
{
    set_size(size, rows->text.failed ? SIZE_MAX : rows->text.len);
    return rows->text.failed ? NULL : rows->text.ptr != NULL ? rows->text.ptr : "";
}

const char *leat_rows_text(leat_rows *rows, uint32_t row, uint32_t column, leat_text_style style,
                           size_t *size)
{
    lt_text_clear(&rows->text);
    if (rows->batch == NULL) {
        const lt_listing *listing = &rows->job->listing;
        lt_str cell = listing->cells[row * listing->column_count + column];
        if (cell.ptr == NULL) {
            set_size(size, 0);
            return NULL;
        }
        if (style == LEAT_TEXT_JSON) {
            lt_text_json(&rows->text, cell);
        } else {
            lt_text_append(&rows->text, cell.ptr, cell.len);
        }
        return finish_text(rows, size);
    }
    const lt_col *col = &rows->batch->cols[column];
    uint32_t physical = lt_batch_row(rows->batch, row);
    if (lt_col_is_null(col, physical)) {
        set_size(size, 0);
        return NULL;
    }
    switch (style) {
    case LEAT_TEXT_SQL:
        lt_col_value_to_text(rows->job->zone, col->type, col, physical, &rows->text);
        break;
    case LEAT_TEXT_JAVA:
        lt_text_value(&rows->text, col, physical, LT_TEXT_JAVA);
        break;
    case LEAT_TEXT_SHELL:
        if (col->type->kind == LT_TYPE_TIMESTAMP_LTZ) {
            lt_col_value_to_text(rows->job->zone, col->type, col, physical, &rows->text);
        } else {
            lt_text_value(&rows->text, col, physical, LT_TEXT_SHELL);
        }
        break;
    case LEAT_TEXT_JSON:
        lt_json_value_text(&rows->text, col, physical);
        break;
    }
    return finish_text(rows, size);
}

/* ---- what is going on ---- */

static void node_stats(const leat_job *job, uint32_t node, leat_node_stats *out)
{
    static const char *const kinds[] = {[LT_PLAN_SOURCE] = "source",
                                        [LT_PLAN_VALUES] = "source",
                                        [LT_PLAN_OPERATOR] = "operator",
                                        [LT_PLAN_SINK] = "sink"};
    lt_node_stats stats;
    memset(out, 0, sizeof *out);
    bool known = lt_job_node_stats(job->job, node, &stats);
    LT_ASSERT(known);
    out->name = stats.plan->label.ptr;
    out->kind = kinds[stats.plan->kind];
    out->in = stats.ledger.in;
    out->out = stats.ledger.out;
    out->used = stats.ledger.used;
    out->filtered = stats.ledger.filtered;
    out->late = stats.ledger.late;
    out->expired = stats.ledger.expired;
    out->rejected = stats.ledger.rejected;
    out->held = stats.ledger.held;
    out->bytes = stats.bytes;
    out->state_rows = (uint64_t)stats.state_rows;
    out->state_bytes = stats.state_bytes;
    out->watermark_ms = stats.watermark;
    out->event = stats.event_text;
    out->idle = stats.idle;
    out->blocked = stats.blocked;
    out->tasks = stats.tasks;
    out->busy_ns = stats.busy_ns;
    out->memory_bytes = stats.mem_bytes;
    out->bottleneck = stats.bottleneck;
    out->ended = stats.ended;
    out->fires_ms = stats.fires_ms;
    out->newest_ms = stats.newest_ms;
    static const uint32_t shares[] = {990000, 999000, 999900, LT_LATENESS_ONE};
    for (size_t i = 0; i < LT_COUNT_OF(shares); i++) {
        out->behind_ms[i] = stats.assigns ? lt_lateness_quantile(&stats.lateness, shares[i]) : -1;
    }
    out->behind_rows = stats.lateness.rows - stats.lateness.buckets[0];
}

static void checkpoint_stats(const leat_job *job, leat_checkpoint_stats *out)
{
    lt_ckpt_stats *stats = job->ckpt_stats;
    lt_job_ckpt_stats(job->job, stats);
    *out = (leat_checkpoint_stats){
        .completed = stats->completed,
        .failed = stats->failed,
        .last_id = stats->last_id,
        .last_ms = stats->last_id > 0 ? stats->last_wall_ms : LEAT_TIME_MIN,
        .last_duration_us = stats->last_duration_us,
        .last_barrier_us = stats->last_barrier_us,
        .last_pause_us = stats->last_pause_us,
        .last_bytes_new = stats->last_bytes_new,
        .last_bytes_all = stats->last_bytes_all,
        .restored_id = stats->restored_id,
        .running = stats->running,
        .savepoint = stats->last_savepoint,
        .error = stats->last_error,
    };
    if (job->stopped_savepoint != NULL) {
        out->savepoint = job->stopped_savepoint;
    }
    if (job->savepoint_error.text[0] != '\0') {
        out->error = job->savepoint_error.text;
    }
}

static const char *least_promise(const lt_plan *plan)
{
    lt_determinism least = LT_EXACT;
    for (uint32_t i = 0; i < plan->sink_count; i++) {
        least = LT_MAX(least, plan->nodes[plan->sinks[i]]->determinism);
    }
    return lt_determinism_name(least);
}

void leat_get_stats(const leat_job *job, leat_stats *out)
{
    memset(out, 0, sizeof *out);
    out->watermark_ms = LEAT_TIME_MIN;
    out->event_max_ms = LEAT_TIME_MIN;
    out->last_reject = "";
    out->message = "";
    out->name = job->name != NULL ? job->name : "";
    out->parallelism = 1;
    out->promise = "";
    out->checkpoints =
        (leat_checkpoint_stats){.last_ms = LEAT_TIME_MIN, .savepoint = "", .error = ""};
    if (job->restart.waits) {
        out->message = job->restart.cause.text;
    }
    if (job->job == NULL) {
        out->bounded = true;
        out->is_query = job->plan == NULL;
        out->status = job->restart.waits ? LEAT_OK : lt_api_status(job->restart.cause.code);
        out->state_dir = job->home;
        return;
    }
    lt_job_stats stats;
    lt_job_get_stats(job->job, &stats);
    out->rows_in = stats.rows_in;
    out->rows_out = stats.rows_out;
    out->late = stats.late;
    out->rejected = stats.rejected;
    out->held = stats.held;
    out->watermark_ms = stats.watermark;
    out->event_max_ms = stats.event_max;
    out->memory_bytes = stats.mem_bytes;
    out->memory_peak_bytes = stats.mem_peak;
    out->state_spilled_bytes = stats.state_spilled;
    out->state_resident_bytes = stats.state_resident;
    out->bounded = job->plan->bounded;
    out->is_query = job->plan->is_query;
    out->node_count = job->plan->node_count;
    out->nodes = job->node_stats;
    for (uint32_t i = 0; i < out->node_count; i++) {
        node_stats(job, i, &job->node_stats[i]);
    }
    checkpoint_stats(job, &out->checkpoints);
    out->state_dir = job->home;
    out->parallelism = LT_MAX(job->plan->parallelism, 1U);
    out->promise = least_promise(job->plan);
    out->rejects = job->reject_stats;
    out->reject_stage_count = LT_STAGE_COUNT;
    for (uint32_t i = 0; i < LT_STAGE_COUNT; i++) {
        job->reject_stats[i] =
            (leat_reject_stats){lt_stage_name((lt_stage)i), stats.rejects_by_stage[i]};
    }
    out->rejects_path = stats.rejects_path;
    out->last_reject = stats.last_reject;
    out->updating = job->plan->is_query && job->fold == NULL && lt_api_updates(job->plan);
    out->status = lt_api_status(lt_job_error(job->job)->code);
}
