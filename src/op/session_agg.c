/* SESSION aggregates: accumulators per session (session.h places the rows). Merging sessions merges
 * accumulators and DISTINCT sets.
 *
 * The record of a session: lt_session_head, a list of values per DISTINCT set, the accumulators. A
 * list names the keys under which the session's values are counted in the set's table (keyed
 * session number, arguments), so that they can be found again when the session merges or ends. It
 * may name a value that was taken away since, or name one twice; the table decides. */
#include "op/agg_set.h"
#include "op/session.h"

#define SETS_MAX 16

typedef struct {
    lt_op op;
    lt_sessions sessions;
    lt_aggset set;
    lt_table *distinct[SETS_MAX];
    /* The batch being added. */
    lt_col *cols;
    lt_col ids; /* session number of each physical row */
    const lt_col *prefix[1];
    const lt_type *id_type;
} session_agg_op;

static session_agg_op *self_of(lt_sessions *s)
{
    return (session_agg_op *)s->op;
}

static lt_cell *value_list(lt_session_head *head, uint32_t d)
{
    return (lt_cell *)(void *)((uint8_t *)head + sizeof(lt_session_head) + d * sizeof(lt_cell));
}

/* ---- lists of values: u32 length, padding, key bytes (a multiple of 8), and so on ---- */

static lt_status list_value(void *arg, uint8_t *record, uint32_t d, const uint8_t *key,
                            uint32_t key_len, lt_error *err)
{
    session_agg_op *self = arg;
    lt_cells *cells = lt_table_cells(self->sessions.table);
    lt_cell *list = value_list((lt_session_head *)(void *)record, d);
    const uint32_t head[2] = {key_len, 0};
    LT_ASSERT(key_len % 8 == 0);
    if (!lt_cells_append(cells, list, head, sizeof head) ||
        !lt_cells_append(cells, list, key, key_len)) {
        return lt_error_nomem(err, "a session's values");
    }
    return LT_OK;
}

static bool next_value(const lt_cell *list, uint32_t *at, const uint8_t **key, uint32_t *len)
{
    if (*at >= list->len) {
        return false;
    }
    memcpy(len, list->ptr + *at, sizeof *len);
    *key = list->ptr + *at + 8;
    *at += 8 + *len;
    LT_ASSERT(*at <= list->len);
    return true;
}

/* Takes a value out of its table; 0 = it was not there any more. */
static lt_status take_value(lt_table *table, const uint8_t *key, uint32_t len, int64_t *count,
                            lt_error *err)
{
    void *value = NULL;
    LT_TRY(lt_table_get(table, key, len, lt_row_hash(key, len), false, &value, NULL, err));
    *count = value ? *(const int64_t *)value : 0;
    if (value) {
        lt_table_remove(table, value);
    }
    return LT_OK;
}

/* ---- what a session holds ---- */

static lt_agg_input agg_input(session_agg_op *self, lt_arena *arena)
{
    return (lt_agg_input){.op = &self->op,
                          .in = self->sessions.pending,
                          .cols = self->cols,
                          .prefix = self->prefix,
                          .distinct = self->distinct,
                          .cells = lt_table_cells(self->sessions.table),
                          .arena = arena,
                          .on_value = list_value,
                          .arg = self};
}

static lt_status session_prepare(lt_sessions *s, lt_batch *in, uint32_t *rows, uint32_t *count,
                                 bool refuse, lt_error *err)
{
    session_agg_op *self = self_of(s);
    lt_arena *scratch = s->op->scratch;
    lt_row_errors errors = {0};
    self->cols = LT_NEW_ARRAY(scratch, lt_col, (size_t)self->set.ev.count + 1);
    if (!self->cols ||
        !lt_col_init(&self->ids, self->id_type, LT_MAX(in->row_count, 1U), scratch)) {
        return lt_error_nomem(err, "session rows");
    }
    self->prefix[0] = &self->ids;
    lt_batch view;
    lt_op_view(&view, in, rows, *count);
    LT_TRY(lt_evaluator_run(s->op, &self->set.ev, &view, scratch, self->cols, &errors, err));
    if (refuse) {
        return lt_op_errors_reject(s->op, &self->set.ev, in, &errors, rows, count, err);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++) {
        uint32_t row = rows[i];
        rows[kept] = row;
        kept += errors.count == 0 || !lt_bit_get(errors.rows, row);
    }
    *count = kept;
    return LT_OK;
}

static lt_status session_add(lt_sessions *s, lt_session_head *const *heads, const uint32_t *rows,
                             uint32_t count, lt_error *err)
{
    session_agg_op *self = self_of(s);
    int64_t *ids = LT_COL_DATA(&self->ids, int64_t);
    for (uint32_t i = 0; i < count; i++) {
        ids[rows[i]] = heads[i]->id;
    }
    const lt_agg_input input = agg_input(self, s->op->scratch);
    return lt_aggset_update(&self->set, &input, (uint8_t *const *)heads, rows, count, err);
}

/* Moves the values of one set from session src to dst. */
static lt_status merge_values(session_agg_op *self, uint32_t d, lt_session_head *dst,
                              lt_session_head *src, lt_error *err)
{
    const lt_distinct *distinct = &self->set.distinct[d];
    const lt_cell *list = value_list(src, d);
    lt_arena *arena = self->sessions.chunk;
    lt_arena_reset(arena, LT_OP_CHUNK_KEEP);
    uint32_t max = list->len / 16 + 1;
    const uint8_t **ptrs = LT_NEW_ARRAY(arena, const uint8_t *, max);
    uint32_t *lens = LT_NEW_ARRAY(arena, uint32_t, max);
    int64_t *counts = LT_NEW_ARRAY(arena, int64_t, max);
    uint8_t **records = LT_NEW_ARRAY(arena, uint8_t *, max);
    lt_col *fields = LT_NEW_ARRAY(arena, lt_col, distinct->field_count);
    lt_col **refs = LT_NEW_ARRAY(arena, lt_col *, distinct->field_count);
    if (!ptrs || !lens || !counts || !records || !fields || !refs) {
        return lt_error_nomem(err, "a session's values");
    }
    uint32_t count = 0;
    uint32_t at = 0;
    while (next_value(list, &at, &ptrs[count], &lens[count])) {
        LT_TRY(take_value(self->distinct[d], ptrs[count], lens[count], &counts[count], err));
        records[count] = (uint8_t *)dst;
        count += counts[count] != 0;
    }
    for (uint32_t f = 0; f < distinct->field_count; f++) {
        refs[f] = &fields[f];
        if (!lt_col_init(&fields[f], distinct->types[f], max, arena)) {
            return lt_error_nomem(err, "a session's values");
        }
    }
    LT_TRY(lt_rowcodec_decode(distinct->codec, ptrs, lens, count, max, false, arena, refs, err));
    for (uint32_t i = 0; i < count; i++) {
        LT_COL_DATA(&fields[0], int64_t)[i] = dst->id;
    }
    const lt_agg_input input = agg_input(self, arena);
    const lt_distinct_rows rows = {d, fields, counts, records, count};
    return lt_aggset_add_values(&self->set, &input, &rows, err);
}

static lt_status session_merge(lt_sessions *s, lt_session_head *dst, lt_session_head *src,
                               lt_error *err)
{
    session_agg_op *self = self_of(s);
    uint8_t *to[1] = {(uint8_t *)dst};
    uint8_t *from[1] = {(uint8_t *)src};
    LT_TRY(lt_aggset_merge(&self->set, to, from, 1, lt_table_cells(s->table), s->op->scratch, err));
    for (uint32_t d = 0; d < self->set.distinct_count; d++) {
        LT_TRY(merge_values(self, d, dst, src, err));
    }
    return LT_OK;
}

static lt_status session_forget(lt_sessions *s, lt_session_head *head, lt_error *err)
{
    session_agg_op *self = self_of(s);
    for (uint32_t d = 0; d < self->set.distinct_count; d++) {
        uint32_t at = 0;
        const uint8_t *key = NULL;
        uint32_t len = 0;
        int64_t count = 0;
        while (next_value(value_list(head, d), &at, &key, &len)) {
            LT_TRY(take_value(self->distinct[d], key, len, &count, err));
        }
    }
    return LT_OK;
}

/* ---- results ---- */

static lt_status write_results(session_agg_op *self, lt_session_head *const *heads, uint32_t count,
                               lt_error *err)
{
    const lt_window_agg_spec *spec = self->op.spec;
    lt_sessions *s = &self->sessions;
    lt_arena_reset(s->chunk, LT_OP_CHUNK_KEEP);
    LT_TRY(lt_outbox_begin(&self->op, &s->box, count, s->chunk, err));
    lt_col *cols = s->box.cols;
    lt_arena *bytes = s->box.batch->arena;
    const uint8_t **ptrs = LT_NEW_ARRAY(s->chunk, const uint8_t *, count);
    uint32_t *lens = LT_NEW_ARRAY(s->chunk, uint32_t, count);
    lt_col **refs = LT_NEW_ARRAY(s->chunk, lt_col *, (size_t)spec->key_count + 1);
    if (!ptrs || !lens || !refs) {
        return lt_error_nomem(err, "session results");
    }
    for (uint32_t k = 0; k < spec->key_count; k++) {
        refs[k] = &cols[k];
    }
    lt_col *bounds = cols + spec->key_count + spec->agg_count;
    for (uint32_t i = 0; i < count; i++) {
        ptrs[i] = heads[i]->key.ptr;
        lens[i] = heads[i]->key.len;
        LT_COL_DATA(&bounds[0], int64_t)[i] = heads[i]->start;
        LT_COL_DATA(&bounds[1], int64_t)[i] = heads[i]->end;
        LT_COL_DATA(&bounds[2], int64_t)[i] = lt_window_time(&s->math, heads[i]->end);
    }
    LT_TRY(lt_rowcodec_decode(s->key_codec, ptrs, lens, count, s->box.capacity, true, bytes, refs,
                              err));
    const lt_agg_results to = {(uint8_t *const *)heads, count, cols + spec->key_count,
                               s->box.capacity,         bytes, s->chunk};
    LT_TRY(lt_aggset_finish(&self->set, &to, err));
    return lt_outbox_commit(&self->op, &s->box, count, err);
}

static lt_status session_emit(lt_sessions *s, lt_emit *out, lt_error *err)
{
    session_agg_op *self = self_of(s);
    const lt_window_agg_spec *spec = s->op->spec;
    while (s->due_at < s->due_count) {
        if (lt_outbox_room(&s->box) == 0) {
            LT_TRY(lt_outbox_flush(&s->box, out, err));
        }
        lt_session_head *heads[LT_SESSIONS_DUE_MAX];
        uint32_t count = 0;
        while (s->due_at < s->due_count && count < lt_outbox_room(&s->box)) {
            lt_session_head *head = s->due[s->due_at++];
            heads[count] = head;
            /* Sessions whose rows were all taken away again have no result. */
            count += !spec->input_updates || head->rows != 0;
        }
        if (count > 0) {
            LT_TRY(write_results(self, heads, count, err));
        }
    }
    return LT_OK;
}

static const lt_session_class session_agg_class = {.prepare = session_prepare,
                                                   .add = session_add,
                                                   .merge = session_merge,
                                                   .emit = session_emit,
                                                   .forget = session_forget};

/* ---- the operator ---- */

static uint32_t count_sets(const lt_window_agg_spec *spec)
{
    uint32_t sets = 0; /* at most one per DISTINCT call */
    for (uint32_t a = 0; a < spec->agg_count; a++) {
        sets += spec->aggs[a]->distinct;
    }
    return sets;
}

static lt_status session_agg_open(lt_op *op, lt_error *err)
{
    session_agg_op *self = (session_agg_op *)op;
    const lt_window_agg_spec *spec = op->spec;
    uint32_t sets = count_sets(spec);
    LT_ASSERT(op->out_schema->count == spec->key_count + spec->agg_count + 3);
    if (sets > SETS_MAX) {
        return lt_error_set(err, LT_ERR_LIMIT,
                            "a session aggregation has more than %d DISTINCT aggregates", SETS_MAX);
    }
    self->id_type = lt_type_new(op->arena, LT_TYPE_BIGINT, false);
    if (!self->id_type) {
        return lt_error_nomem(err, "sessions");
    }
    uint32_t head_cells[SETS_MAX + 1] = {offsetof(lt_session_head, key)};
    for (uint32_t d = 0; d < sets; d++) {
        head_cells[d + 1] = (uint32_t)(sizeof(lt_session_head) + d * sizeof(lt_cell));
    }
    const lt_aggset_spec aggs = {.aggs = spec->aggs,
                                 .count = spec->agg_count,
                                 .head =
                                     (uint32_t)(sizeof(lt_session_head) + sets * sizeof(lt_cell)),
                                 .head_cells = head_cells,
                                 .head_cell_count = sets + 1,
                                 .prefix = &self->id_type,
                                 .prefix_count = 1,
                                 .group_fields = lt_sessions_group_fields(spec->key_count)};
    LT_TRY(lt_aggset_init(op, &self->set, &aggs, err));
    const lt_sessions_spec sessions = {.cls = &session_agg_class,
                                       .window = &spec->window,
                                       .key_cols = spec->keys,
                                       .key_count = spec->key_count,
                                       .record_size = self->set.size,
                                       .cell_offsets = self->set.cell_offsets,
                                       .cell_count = self->set.cell_count};
    LT_TRY(lt_sessions_open(&self->sessions, op, &sessions, err));
    lt_outbox_init(op, &self->sessions.box, false);
    for (uint32_t d = 0; d < self->set.distinct_count; d++) {
        LT_TRY(lt_state_table(op->state, &self->set.distinct[d].decl, &self->distinct[d], err));
    }
    return LT_OK;
}

static lt_status session_agg_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out,
                                      lt_error *err)
{
    (void)input_no;
    return lt_sessions_on_batch(&((session_agg_op *)op)->sessions, in, out, err);
}

static lt_status session_agg_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    return lt_sessions_resume(&((session_agg_op *)op)->sessions, out, err);
}

static lt_status session_agg_on_timer(lt_op *op, int64_t mono_ns, lt_emit *out, lt_error *err)
{
    (void)mono_ns;
    return lt_sessions_on_timer(&((session_agg_op *)op)->sessions, out, err);
}

static lt_status session_agg_save(const lt_op *op, lt_text *to, lt_error *err)
{
    (void)err;
    lt_op_save_i64(to, ((const session_agg_op *)op)->sessions.next_id);
    return LT_OK;
}

static lt_status session_agg_load(lt_op *op, lt_str from, lt_error *err)
{
    return lt_op_load_i64(from, 0, &((session_agg_op *)op)->sessions.next_id, err);
}

static void session_agg_close(lt_op *op)
{
    session_agg_op *self = (session_agg_op *)op;
    lt_aggset_deinit(&self->set);
    lt_sessions_close(&self->sessions);
}

const lt_op_class lt_op_session_agg = {
    .name = "SessionAggregate",
    .self_size = sizeof(session_agg_op),
    .marks = LT_MARKS_OWN,
    .open = session_agg_open,
    .on_batch = session_agg_on_batch,
    .resume = session_agg_resume,
    .on_timer = session_agg_on_timer,
    .save = session_agg_save,
    .load = session_agg_load,
    .close = session_agg_close,
};
