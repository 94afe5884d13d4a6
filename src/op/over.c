/* Aggregates with OVER in the order of a time attribute: input rows come out with a column per
 * call.
 *
 *   event time       rows wait until the watermark has reached them, then partitions are worked on
 *                    in the order of time
 *   processing time  every row at once; RANGE with a lower bound: rows of one millisecond together,
 *                    as soon as it is over
 *
 * State: partition -> { head, accumulators }. Rows that wait lie in an ordered map per partition,
 * and so do the rows of a bounded frame, from which they are taken away one by one; their bytes are
 *
 *   | time, u64 with the sign flipped | number, u64 | row |          both big-endian
 *
 * where the number tells rows of one time apart. A timer per partition and time says what is due.
 *
 * Late rows are dropped as in Flink: with an unbounded frame those at or before the watermark, with
 * a bounded one those at or before the last row of their partition that was sent (and at or before
 * 1970 always). A bounded RANGE forgets its partition half a frame after its last row has left the
 * frame, as Flink does, because that decides which rows are late.
 *
 * Ledger: held while it waits, then used. */
#include <stddef.h>
#include <string.h>

#include "op/over_int.h"

#define PREFIX     16u /* bytes before a row */
#define CHUNK_ROWS 1024u

static bool waits(const lt_over_spec *spec)
{
    return !spec->proctime || (spec->frame.bounded && !spec->frame.rows);
}

static bool is_range(const lt_over_spec *spec)
{
    return spec->frame.bounded && !spec->frame.rows;
}

/* ---- open ---- */

static lt_status declare_aggs(over_op *self, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_over_spec *spec = op->spec;
    self->prefix_types =
        LT_NEW_ARRAY(op->arena, const lt_type *, (size_t)spec->partition_count + 1);
    if (!self->prefix_types) {
        return lt_error_nomem(err, "window state");
    }
    for (uint32_t i = 0; i < spec->partition_count; i++) {
        self->prefix_types[i] = op->in_schemas[0]->fields[spec->partition[i]].type;
    }
    const lt_aggset_spec aggs = {.aggs = spec->aggs,
                                 .count = spec->agg_count,
                                 .head = sizeof(over_head),
                                 .prefix = self->prefix_types,
                                 .prefix_count = spec->partition_count,
                                 .group_fields = spec->partition_count,
                                 .ttl_ms = spec->ttl_ms};
    LT_TRY(lt_aggset_init(op, &self->set, &aggs, err));
    const lt_table_decl decl = {.name = "keys",
                                .key = self->ranked.partition_codec,
                                .value_size = self->set.size,
                                .cell_offsets = self->set.cell_offsets,
                                .cell_count = self->set.cell_count,
                                .ttl_ms = spec->ttl_ms,
                                .group_fields = spec->partition_count};
    LT_TRY(lt_state_table(op->state, &decl, &self->keys, err));
    self->distinct = LT_NEW_ARRAY(op->arena, lt_table *, (size_t)self->set.distinct_count + 1);
    if (!self->distinct) {
        return lt_error_nomem(err, "window state");
    }
    for (uint32_t d = 0; d < self->set.distinct_count; d++) {
        LT_TRY(lt_state_table(op->state, &self->set.distinct[d].decl, &self->distinct[d], err));
    }
    return LT_OK;
}

static lt_status declare_rows(over_op *self, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_over_spec *spec = op->spec;
    lt_ordered_decl rows = {.name = "waiting",
                            .key = self->ranked.partition_codec,
                            .group_fields = spec->partition_count};
    lt_timers_decl timers = {
        .name = "due", .key = self->ranked.partition_codec, .group_fields = spec->partition_count};
    if (waits(spec)) {
        LT_TRY(lt_state_ordered(op->state, &rows, &self->waiting, err));
        LT_TRY(lt_state_keyed_timers(op->state, &timers, &self->due, err));
    }
    if (spec->frame.bounded) {
        rows.name = "frame";
        rows.ttl_ms = spec->ttl_ms;
        LT_TRY(lt_state_ordered(op->state, &rows, &self->frame, err));
    }
    if (is_range(spec)) {
        timers.name = "clean";
        LT_TRY(lt_state_keyed_timers(op->state, &timers, &self->clean, err));
    }
    return LT_OK;
}

static lt_status over_open(lt_op *op, lt_error *err)
{
    over_op *self = (over_op *)op;
    const lt_over_spec *spec = op->spec;
    LT_ASSERT(op->out_schema->count == op->in_schemas[0]->count + spec->agg_count);
    lt_outbox_init(op, &self->box, false);
    LT_TRY(lt_op_chunk_new(op, &self->chunk.arena, err));
    LT_TRY(lt_ranked_init(op, &self->ranked, spec->partition, spec->partition_count, err));
    LT_TRY(declare_aggs(self, err));
    return declare_rows(self, err);
}

static void over_close(lt_op *op)
{
    over_op *self = (over_op *)op;
    lt_aggset_deinit(&self->set);
    lt_outbox_deinit(&self->box);
    lt_arena_free(self->chunk.arena);
}

/* ---- rows in ordered maps ---- */

static void put_be64(char *to, uint64_t value)
{
    for (unsigned b = 0; b < 8; b++) {
        to[b] = (char)(unsigned char)(value >> (56 - 8 * b));
    }
}

static uint64_t get_be64(const char *from)
{
    uint64_t value = 0;
    for (unsigned b = 0; b < 8; b++) {
        value = value << 8 | (unsigned char)from[b];
    }
    return value;
}

static int64_t time_of(lt_str bytes)
{
    return (int64_t)(get_be64(bytes.ptr) ^ ((uint64_t)1 << 63));
}

static void put_time(char *to, int64_t time_ms)
{
    put_be64(to, (uint64_t)time_ms ^ ((uint64_t)1 << 63));
}

static lt_str row_of(lt_str bytes)
{
    LT_ASSERT(bytes.len >= PREFIX);
    return (lt_str){bytes.ptr + PREFIX, bytes.len - PREFIX};
}

/* The number of the next row of this time: one more than the last one that is there. */
static uint64_t next_number(lt_ordered *rows, lt_ordered_map *map, int64_t time_ms)
{
    void *last = lt_ordered_last(rows, map);
    if (last && time_of(lt_ordered_bytes(rows, last)) > time_ms) {
        char after[8];
        LT_ASSERT(time_ms < INT64_MAX);
        put_time(after, time_ms + 1);
        last = lt_ordered_prev(rows, lt_ordered_seek(rows, map, (lt_str){after, sizeof after}));
    }
    if (!last || time_of(lt_ordered_bytes(rows, last)) != time_ms) {
        return 0;
    }
    return get_be64(lt_ordered_bytes(rows, last).ptr + 8) + 1;
}

static lt_status append(lt_ordered *rows, lt_ordered_map *map, int64_t time_ms, lt_str row,
                        lt_arena *arena, lt_error *err)
{
    void *value;
    char *bytes = lt_arena_alloc(arena, PREFIX + row.len, 8);
    if (!bytes) {
        return lt_error_nomem(err, "rows of a window");
    }
    put_time(bytes, time_ms);
    put_be64(bytes + 8, next_number(rows, map, time_ms));
    memcpy(bytes + PREFIX, row.ptr, row.len);
    return lt_ordered_get(rows, map, (lt_str){bytes, PREFIX + row.len}, true, &value, NULL, err);
}

/* ---- steps ---- */

/* One partition, with what is known of it. */
typedef struct {
    uint8_t *record;
    lt_ordered_map *frame; /* NULL without a bounded frame */
} over_key;

/* After a TTL the rows or the accumulators may be gone alone: both begin anew. */
static void reset_if_expired(over_op *self, over_key *key)
{
    over_head *head = over_head_of(key->record);
    if (head->rows == (int64_t)lt_ordered_size(key->frame)) {
        return;
    }
    for (void *first; (first = lt_ordered_first(self->frame, key->frame)) != NULL;) {
        lt_ordered_take(self->frame, key->frame, first);
    }
    lt_aggset_reset(&self->set, key->record, lt_table_cells(self->keys));
    head->rows = 0;
}

/* Takes the first row of the frame away. */
static lt_status leave(over_op *self, const over_key *key, over_step *step, lt_error *err)
{
    void *first = lt_ordered_first(self->frame, key->frame);
    LT_TRY(lt_over_chunk_row(&self->chunk, row_of(lt_ordered_bytes(self->frame, first)), err));
    lt_ordered_take(self->frame, key->frame, first);
    over_head_of(key->record)->rows--;
    step->leaving++;
    return LT_OK;
}

static lt_status enter(over_op *self, const over_key *key, int64_t time_ms, lt_str row,
                       over_step *step, lt_error *err)
{
    LT_TRY(lt_over_chunk_row(&self->chunk, row, err));
    step->entering++;
    if (!key->frame) {
        return LT_OK;
    }
    lt_str copy = {(const char *)self->chunk.rows[self->chunk.row_count - 1], row.len};
    over_head_of(key->record)->rows++;
    return append(self->frame, key->frame, time_ms, copy, self->chunk.arena, err);
}

/* A step that one row makes alone. */
static lt_status step_row(over_op *self, const over_key *key, int64_t time_ms, lt_str row,
                          lt_error *err)
{
    const lt_over_spec *spec = self->op.spec;
    over_step *step;
    LT_TRY(lt_over_chunk_step(&self->chunk, key->record, &step, err));
    if (key->frame && over_head_of(key->record)->rows > spec->frame.preceding) {
        LT_TRY(leave(self, key, step, err));
    }
    return enter(self, key, time_ms, row, step, err);
}

/* Rows that are too old for a row of this time. */
static lt_status leave_range(over_op *self, const over_key *key, int64_t time_ms, over_step *step,
                             lt_error *err)
{
    const lt_over_spec *spec = self->op.spec;
    void *first;
    while ((first = lt_ordered_first(self->frame, key->frame)) != NULL) {
        /* As unsigned numbers: the difference of two times may not fit otherwise. */
        int64_t old = time_of(lt_ordered_bytes(self->frame, first));
        if (old >= time_ms ||
            (uint64_t)time_ms - (uint64_t)old <= (uint64_t)spec->frame.preceding) {
            break;
        }
        LT_TRY(leave(self, key, step, err));
    }
    return LT_OK;
}

/* The waiting rows of one partition and time. */
static lt_status step_due(over_op *self, const over_key *key, lt_ordered_map *waiting,
                          int64_t time_ms, lt_error *err)
{
    const lt_over_spec *spec = self->op.spec;
    over_step *step = NULL;
    void *first;
    if (!spec->frame.rows) {
        LT_TRY(lt_over_chunk_step(&self->chunk, key->record, &step, err));
        if (key->frame) {
            LT_TRY(leave_range(self, key, time_ms, step, err));
        }
    }
    while ((first = lt_ordered_first(self->waiting, waiting)) != NULL) {
        lt_str bytes = lt_ordered_bytes(self->waiting, first);
        if (time_of(bytes) > time_ms) {
            break;
        }
        LT_TRY(step ? enter(self, key, time_ms, row_of(bytes), step, err)
                    : step_row(self, key, time_ms, row_of(bytes), err));
        lt_ordered_take(self->waiting, waiting, first);
        self->op.ledger.held--;
        self->op.ledger.used++;
    }
    over_head_of(key->record)->fired_ms = time_ms;
    return LT_OK;
}

/* ---- firing ---- */

/* One key for a probe. */
typedef struct {
    uint32_t offsets[2];
    uint64_t hash;
    lt_rows rows;
} over_probe;

/* The bytes are copied; a probe refers to itself. */
static lt_status make_probe(over_op *self, over_probe *probe, const uint8_t *bytes, uint32_t len,
                            lt_error *err)
{
    uint8_t *copy = lt_arena_alloc(self->chunk.arena, (size_t)len + 8, 8);
    if (!copy) {
        return lt_error_nomem(err, "rows of a window");
    }
    memcpy(copy, bytes, len);
    *probe = (over_probe){.offsets = {0, len}, .hash = lt_row_hash(copy, len)};
    probe->rows = (lt_rows){.count = 1,
                            .stride = lt_rowcodec_stride(self->ranked.partition_codec),
                            .bytes = copy,
                            .offsets = probe->offsets,
                            .hashes = &probe->hash};
    return LT_OK;
}

static lt_status find_key(over_op *self, const over_probe *probe, over_key *key, lt_error *err)
{
    void *record;
    LT_TRY(lt_table_probe(self->keys, &probe->rows, true, &record, NULL, err));
    key->record = record;
    key->frame = NULL;
    if (self->frame) {
        LT_TRY(lt_ordered_probe(self->frame, &probe->rows, true, &key->frame, err));
        reset_if_expired(self, key);
    }
    return LT_OK;
}

/* Lists what is due, up to a chunk of rows. */
static lt_status list_due(over_op *self, lt_error *err)
{
    over_chunk *chunk = &self->chunk;
    while (chunk->row_count < CHUNK_ROWS) {
        int64_t at_ms;
        const uint8_t *bytes;
        uint32_t len;
        over_probe probe;
        over_key key;
        lt_ordered_map *waiting = NULL;
        self->firing = lt_timers_pop(self->due, self->fire_until, &at_ms, &bytes, &len);
        if (!self->firing) {
            return LT_OK;
        }
        LT_TRY(make_probe(self, &probe, bytes, len, err));
        LT_TRY(lt_ordered_probe(self->waiting, &probe.rows, false, &waiting, err));
        if (!waiting) {
            continue;
        }
        LT_TRY(find_key(self, &probe, &key, err));
        LT_TRY(step_due(self, &key, waiting, at_ms, err));
        lt_ordered_trim(self->waiting, waiting);
        if (key.frame) {
            lt_ordered_trim(self->frame, key.frame);
        }
    }
    return LT_OK;
}

/* Forgets partitions whose time to be forgotten was not put off. Sets of DISTINCT values are
 * emptied by taking away what is in the frame. */
static lt_status forget(over_op *self, const over_probe *probe, uint8_t *record, lt_error *err)
{
    lt_ordered_map *frame;
    LT_TRY(lt_ordered_probe(self->frame, &probe->rows, false, &frame, err));
    const over_key key = {record, frame};
    over_step *step;
    if (!frame) {
        return LT_OK;
    }
    LT_TRY(lt_over_chunk_step(&self->chunk, record, &step, err));
    while (lt_ordered_first(self->frame, frame)) {
        LT_TRY(leave(self, &key, step, err));
    }
    lt_ordered_trim(self->frame, frame);
    return self->set.distinct_count > 0 ? lt_over_chunk_run(self, err) : LT_OK;
}

static lt_status clean_up(over_op *self, lt_error *err)
{
    int64_t at_ms;
    const uint8_t *bytes;
    uint32_t len;
    while (self->clean && lt_timers_pop(self->clean, self->fire_until, &at_ms, &bytes, &len)) {
        over_probe probe;
        void *record;
        LT_TRY(make_probe(self, &probe, bytes, len, err));
        LT_TRY(lt_table_probe(self->keys, &probe.rows, false, &record, NULL, err));
        if (record && over_head_of(record)->clean_ms <= at_ms) {
            LT_TRY(forget(self, &probe, record, err));
            lt_table_remove(self->keys, record);
        }
        lt_over_chunk_clear(&self->chunk);
    }
    return LT_OK;
}

static lt_status over_fire(over_op *self, lt_emit *out, lt_error *err)
{
    for (;;) {
        LT_TRY(lt_over_chunk_emit(self, out, err));
        lt_over_chunk_clear(&self->chunk);
        if (!self->firing) {
            break;
        }
        LT_TRY(list_due(self, err));
        LT_TRY(lt_over_chunk_run(self, err));
    }
    LT_TRY(clean_up(self, err));
    return lt_outbox_flush(&self->box, out, err);
}

static lt_status over_on_watermark(lt_op *op, int64_t event_ms, lt_emit *out, lt_error *err)
{
    over_op *self = (over_op *)op;
    const lt_over_spec *spec = op->spec;
    if (!self->waiting || (spec->proctime && event_ms != LT_WATERMARK_MAX)) {
        return LT_OK;
    }
    self->fire_until = event_ms;
    self->firing = true;
    return over_fire(self, out, err);
}

static lt_status over_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    return over_fire((over_op *)op, out, err);
}

/* ---- processing time ---- */

static int64_t now_ms(lt_op *op)
{
    return op->env->wall_us(op->env) / 1000;
}

/* Calls on_timer when the next rows are due. */
static void wake_for_next(over_op *self)
{
    lt_op *op = &self->op;
    int64_t next = LT_MIN(lt_timers_next(self->due), lt_timers_next(self->clean));
    if (next == LT_WATERMARK_MAX) {
        op->wake_mono_ns = INT64_MAX;
        return;
    }
    int64_t now = now_ms(op);
    int64_t wait_ms = next < now ? 1 : LT_MIN(next - now, (int64_t)3600000) + 1;
    op->wake_mono_ns = op->env->mono_ns(op->env) + wait_ms * 1000000;
}

static lt_status over_on_timer(lt_op *op, int64_t mono_ns, lt_emit *out, lt_error *err)
{
    over_op *self = (over_op *)op;
    (void)mono_ns;
    self->fire_until = now_ms(op) - 1;
    self->firing = true;
    lt_status st = over_fire(self, out, err);
    wake_for_next(self);
    return st;
}

/* There is nothing to keep beside the tables, but who waits for the clock must be woken. */
static lt_status over_save(const lt_op *op, lt_text *to, lt_error *err)
{
    (void)op;
    (void)err;
    lt_op_save_i64(to, 0);
    return LT_OK;
}

static lt_status over_load(lt_op *op, lt_str from, lt_error *err)
{
    const lt_over_spec *spec = op->spec;
    (void)from;
    (void)err;
    if (spec->proctime && is_range(spec)) {
        op->wake_mono_ns = op->env->mono_ns(op->env) + 1000000;
    }
    return LT_OK;
}

/* ---- input ---- */

/* The rows of a batch, in the forms in which they are kept. */
typedef struct {
    lt_batch *batch;
    uint32_t *rows; /* physical ones, in order; not those that are late */
    int64_t *times;
    void **records; /* NULL where they do not matter yet */
    uint32_t count;
    lt_arena *arena;
    lt_rows partitions;
    lt_rows encoded;
} over_input;

static lt_status encode_keys(over_op *self, over_input *in, lt_error *err)
{
    const lt_row_pick pick = {in->batch, in->rows, in->count, in->arena};
    return lt_ranked_partitions(&self->ranked, &pick, &in->partitions, err);
}

static lt_status encode_rows(over_op *self, over_input *in, lt_error *err)
{
    const lt_row_pick pick = {in->batch, in->rows, in->count, in->arena};
    return lt_ranked_rows(&self->ranked, &pick, &in->encoded, err);
}

static lt_status read_input(over_op *self, lt_batch *batch, lt_arena *arena, over_input *in,
                            lt_error *err)
{
    const lt_over_spec *spec = self->op.spec;
    *in = (over_input){.batch = batch, .count = lt_batch_live(batch), .arena = arena};
    in->rows = lt_op_live_rows(batch, arena);
    in->times = LT_NEW_ARRAY(arena, int64_t, (size_t)in->count + 1);
    in->records = LT_NEW_ARRAY(arena, void *, (size_t)in->count + 1);
    if (!in->rows || !in->times || !in->records) {
        return lt_error_nomem(err, "rows of a window");
    }
    int64_t clock = spec->proctime ? now_ms(&self->op) : 0;
    for (uint32_t i = 0; i < in->count; i++) {
        in->times[i] =
            spec->proctime ? clock : lt_op_time_ms(&batch->cols[spec->order.col], in->rows[i]);
    }
    return LT_OK;
}

/* Leaves the rows that come behind what their frame goes by: the watermark, or the last row of
 * their partition that was sent. */
static lt_status drop_late(over_op *self, over_input *in, lt_error *err)
{
    const lt_over_spec *spec = self->op.spec;
    int64_t bound = spec->frame.bounded ? 0 : self->op.watermark;
    uint32_t kept = 0, all = in->count;
    for (uint32_t i = 0; i < all; i++) {
        int64_t time_ms = in->times[i];
        in->times[kept] = time_ms;
        in->rows[kept] = in->rows[i];
        kept += time_ms > bound;
    }
    in->count = kept;
    LT_TRY(encode_keys(self, in, err));
    if (spec->frame.bounded) {
        LT_TRY(lt_table_probe(self->keys, &in->partitions, true, in->records, NULL, err));
        kept = 0;
        for (uint32_t i = 0; i < in->count; i++) {
            int64_t time_ms = in->times[i];
            in->times[kept] = time_ms;
            in->rows[kept] = in->rows[i];
            in->records[kept] = in->records[i];
            kept += time_ms > over_head_of(in->records[i])->fired_ms;
        }
        if (kept < in->count) {
            in->count = kept;
            LT_TRY(encode_keys(self, in, err));
        }
    }
    self->op.ledger.late += all - in->count;
    return LT_OK;
}

/* A bounded RANGE is forgotten some time after its last row, and not too often put off. */
static lt_status put_off(over_op *self, uint8_t *record, int64_t time_ms, lt_str key, lt_error *err)
{
    const lt_over_spec *spec = self->op.spec;
    over_head *head = over_head_of(record);
    int64_t room = INT64_MAX / 2 - spec->frame.preceding;
    if (time_ms > room || head->clean_ms >= time_ms + spec->frame.preceding + 1) {
        return LT_OK;
    }
    int64_t half = LT_MIN(spec->frame.preceding / 2, room - time_ms);
    head->clean_ms = time_ms + spec->frame.preceding + half + 1;
    return lt_timers_add(self->clean, head->clean_ms, key.ptr, (uint32_t)key.len, err);
}

static lt_status hold(over_op *self, const over_input *in, lt_ordered_map **maps, lt_error *err)
{
    for (uint32_t i = 0; i < in->count; i++) {
        int64_t time_ms = in->times[i];
        lt_str key = lt_ranked_str(&in->partitions, i);
        LT_TRY(append(self->waiting, maps[i], time_ms, lt_ranked_str(&in->encoded, i), in->arena,
                      err));
        LT_TRY(lt_timers_add(self->due, time_ms, key.ptr, (uint32_t)key.len, err));
        self->op.ledger.held++;
        if (self->clean) {
            LT_TRY(put_off(self, in->records[i], time_ms, key, err));
        }
    }
    return LT_OK;
}

static lt_status wait_rows(over_op *self, lt_batch *batch, lt_error *err)
{
    const lt_over_spec *spec = self->op.spec;
    over_input in;
    LT_TRY(read_input(self, batch, self->op.scratch, &in, err));
    if (spec->proctime) {
        LT_TRY(encode_keys(self, &in, err));
        LT_TRY(lt_table_probe(self->keys, &in.partitions, true, in.records, NULL, err));
    } else {
        LT_TRY(drop_late(self, &in, err));
    }
    LT_TRY(encode_rows(self, &in, err));
    lt_ordered_map **maps = LT_NEW_ARRAY(in.arena, lt_ordered_map *, (size_t)in.count + 1);
    if (!maps) {
        return lt_error_nomem(err, "rows of a window");
    }
    LT_TRY(lt_ordered_probe(self->waiting, &in.partitions, true, maps, err));
    LT_TRY(hold(self, &in, maps, err));
    if (spec->proctime) {
        wake_for_next(self);
    }
    return LT_OK;
}

/* Rows that are due at once. */
static lt_status step_rows(over_op *self, lt_batch *batch, lt_error *err)
{
    over_input in;
    lt_over_chunk_clear(&self->chunk);
    LT_TRY(read_input(self, batch, self->chunk.arena, &in, err));
    LT_TRY(encode_keys(self, &in, err));
    LT_TRY(encode_rows(self, &in, err));
    lt_ordered_map **frames = LT_NEW_ARRAY(in.arena, lt_ordered_map *, (size_t)in.count + 1);
    if (!frames) {
        return lt_error_nomem(err, "rows of a window");
    }
    LT_TRY(lt_table_probe(self->keys, &in.partitions, true, in.records, NULL, err));
    if (self->frame) {
        LT_TRY(lt_ordered_probe(self->frame, &in.partitions, true, frames, err));
    }
    for (uint32_t i = 0; i < in.count; i++) {
        over_key key = {in.records[i], frames[i]};
        if (key.frame) {
            reset_if_expired(self, &key);
        }
        LT_TRY(step_row(self, &key, 0, lt_ranked_str(&in.encoded, i), err));
        self->op.ledger.used++;
    }
    self->firing = false;
    return lt_over_chunk_run(self, err);
}

static lt_status over_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    over_op *self = (over_op *)op;
    (void)input_no;
    LT_ASSERT(in->mark_count == 0);
    self->box.arrival_us = in->arrival_us;
    if (self->waiting) {
        return wait_rows(self, in, err);
    }
    LT_TRY(step_rows(self, in, err));
    return over_fire(self, out, err);
}

const lt_op_class lt_op_over = {
    .name = "OverAggregate",
    .self_size = sizeof(over_op),
    .marks = LT_MARKS_SPLIT,
    .open = over_open,
    .on_batch = over_on_batch,
    .resume = over_resume,
    .on_watermark = over_on_watermark,
    .on_timer = over_on_timer,
    .save = over_save,
    .load = over_load,
    .close = over_close,
};
