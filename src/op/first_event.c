/* Deduplication that keeps the first row in event time: each partition's row of the least time,
 * once the watermark has reached it. Among equal times the first that came.
 *
 * State: `waiting` has partition -> { time, encoded row }, each with a timer; `decided` the
 * partitions whose row has gone out, which is what later rows run into. Only those are forgotten by
 * a TTL.
 *
 * Ledger: held while it waits, used when it is sent; late are rows behind the watermark, filtered
 * those that come second. */
#include <stddef.h>

#include "op/changes.h"
#include "op/ranked.h"
#include "op/specs.h"

typedef struct {
    int64_t time_ms;
    lt_cell row; /* len 0 = just made */
} event_record;

typedef struct {
    lt_op op;
    lt_ranked ranked;
    lt_table *waiting;
    lt_table *decided;
    lt_timers *timers;
    lt_changes changes;
    int64_t fire_until; /* cursor */
} event_op;

static const uint32_t event_cells[1] = {offsetof(event_record, row)};

static lt_status event_open(lt_op *op, lt_error *err)
{
    event_op *self = (event_op *)op;
    const lt_first_event_spec *spec = op->spec;
    LT_ASSERT(op->out_schema->count == op->in_schemas[0]->count);
    LT_TRY(lt_ranked_init(op, &self->ranked, spec->partition, spec->partition_count, err));
    LT_TRY(lt_changes_init(op, &self->changes, self->ranked.row_codec, false, err));
    const lt_table_decl waiting = {.name = "waiting",
                                   .key = self->ranked.partition_codec,
                                   .value_size = sizeof(event_record),
                                   .cell_offsets = event_cells,
                                   .cell_count = LT_COUNT_OF(event_cells),
                                   .group_fields = spec->partition_count};
    LT_TRY(lt_state_table(op->state, &waiting, &self->waiting, err));
    const lt_table_decl decided = {.name = "decided",
                                   .key = self->ranked.partition_codec,
                                   .ttl_ms = spec->ttl_ms,
                                   .group_fields = spec->partition_count};
    LT_TRY(lt_state_table(op->state, &decided, &self->decided, err));
    const lt_timers_decl timers = {
        .name = "due", .key = self->ranked.partition_codec, .group_fields = spec->partition_count};
    return lt_state_keyed_timers(op->state, &timers, &self->timers, err);
}

static void event_close(lt_op *op)
{
    lt_changes_deinit(&((event_op *)op)->changes);
}

/* ---- input ---- */

static lt_status wait_with(event_op *self, event_record *record, int64_t time_ms, lt_str key,
                           lt_str row, lt_error *err)
{
    if (record->row.len > 0) {
        lt_timers_remove(self->timers, record->time_ms, key.ptr, (uint32_t)key.len);
        self->op.ledger.held--;
        self->op.ledger.filtered++;
    }
    if (!lt_cells_set(lt_table_cells(self->waiting), &record->row, row.ptr, (uint32_t)row.len)) {
        return lt_error_nomem(err, "kept rows");
    }
    record->time_ms = time_ms;
    self->op.ledger.held++;
    return lt_timers_add(self->timers, time_ms, key.ptr, (uint32_t)key.len, err);
}

/* Leaves the rows that are not behind the watermark. */
static uint32_t drop_late(event_op *self, const lt_batch *in, uint32_t *rows, uint32_t count)
{
    const lt_first_event_spec *spec = self->op.spec;
    const lt_col *times = &in->cols[spec->time_col];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (lt_op_time_ms(times, rows[i]) >= self->op.watermark) {
            rows[kept++] = rows[i];
        }
    }
    self->op.ledger.late += count - kept;
    return kept;
}

/* Leaves the rows of partitions that are not decided. */
static lt_status drop_second(event_op *self, const lt_row_pick *pick, uint32_t *rows,
                             uint32_t *count, lt_error *err)
{
    lt_rows partitions;
    const void **found = LT_NEW_ARRAY(pick->arena, const void *, (size_t)pick->count + 1);
    if (!found) {
        return lt_error_nomem(err, "kept rows");
    }
    LT_TRY(lt_ranked_partitions(&self->ranked, pick, &partitions, err));
    LT_TRY(lt_table_probe(self->decided, &partitions, false, (void **)(void *)found, NULL, err));
    uint32_t kept = 0;
    for (uint32_t i = 0; i < pick->count; i++) {
        if (!found[i]) {
            rows[kept++] = rows[i];
        }
    }
    self->op.ledger.filtered += pick->count - kept;
    *count = kept;
    return LT_OK;
}

static lt_status event_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    event_op *self = (event_op *)op;
    const lt_first_event_spec *spec = op->spec;
    (void)input_no;
    (void)out;
    LT_ASSERT(in->mark_count == 0);
    self->changes.box.arrival_us = in->arrival_us;
    uint32_t *rows = lt_op_live_rows(in, op->scratch);
    if (!rows) {
        return lt_error_nomem(err, "kept rows");
    }
    lt_row_pick pick = {in, rows, drop_late(self, in, rows, lt_batch_live(in)), op->scratch};
    LT_TRY(drop_second(self, &pick, rows, &pick.count, err));
    event_record **records = LT_NEW_ARRAY(op->scratch, event_record *, (size_t)pick.count + 1);
    lt_rows partitions, encoded;
    if (!records) {
        return lt_error_nomem(err, "kept rows");
    }
    LT_TRY(lt_ranked_partitions(&self->ranked, &pick, &partitions, err));
    LT_TRY(lt_ranked_rows(&self->ranked, &pick, &encoded, err));
    LT_TRY(lt_table_probe(self->waiting, &partitions, true, (void **)records, NULL, err));
    for (uint32_t i = 0; i < pick.count; i++) {
        int64_t time_ms = lt_op_time_ms(&in->cols[spec->time_col], rows[i]);
        event_record *record = records[i];
        if (record->row.len > 0 && time_ms >= record->time_ms) {
            op->ledger.filtered++;
            continue;
        }
        LT_TRY(wait_with(self, record, time_ms, lt_ranked_str(&partitions, i),
                         lt_ranked_str(&encoded, i), err));
    }
    return LT_OK;
}

/* ---- firing ---- */

/* The row that waited goes out. */
static lt_status decide(event_op *self, lt_str key, lt_error *err)
{
    void *value = NULL, *mark = NULL;
    lt_str row;
    uint64_t hash = lt_row_hash((const uint8_t *)key.ptr, key.len);
    LT_TRY(lt_table_get(self->waiting, key.ptr, (uint32_t)key.len, hash, false, &value, NULL, err));
    event_record *record = value;
    LT_ASSERT(record != NULL && record->row.len > 0);
    LT_TRY(lt_changes_keep(&self->changes, lt_cell_str(&record->row), &row, err));
    LT_TRY(lt_changes_add(&self->changes, LT_INSERT, row, 0, err));
    LT_TRY(lt_table_get(self->decided, key.ptr, (uint32_t)key.len, hash, true, &mark, NULL, err));
    lt_table_remove(self->waiting, record);
    self->op.ledger.held--;
    self->op.ledger.used++;
    return LT_OK;
}

static lt_status event_fire(event_op *self, lt_emit *out, lt_error *err)
{
    lt_op *op = &self->op;
    for (bool more = true; more;) {
        LT_TRY(lt_changes_emit(op, &self->changes, out, err));
        while (more && !lt_changes_is_full(&self->changes)) {
            int64_t at_ms;
            const uint8_t *key;
            uint32_t len;
            more = lt_timers_pop(self->timers, self->fire_until, &at_ms, &key, &len);
            if (more) {
                LT_TRY(decide(self, (lt_str){(const char *)key, len}, err));
            }
        }
    }
    LT_TRY(lt_changes_emit(op, &self->changes, out, err));
    return lt_outbox_flush(&self->changes.box, out, err);
}

static lt_status event_on_watermark(lt_op *op, int64_t event_ms, lt_emit *out, lt_error *err)
{
    event_op *self = (event_op *)op;
    self->fire_until = event_ms;
    return event_fire(self, out, err);
}

static lt_status event_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    return event_fire((event_op *)op, out, err);
}

const lt_op_class lt_op_first_event = {
    .name = "Deduplicate",
    .self_size = sizeof(event_op),
    .marks = LT_MARKS_SPLIT,
    .open = event_open,
    .on_batch = event_on_batch,
    .resume = event_resume,
    .on_watermark = event_on_watermark,
    .close = event_close,
};
