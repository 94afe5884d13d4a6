/* Group aggregation of one batch.
 *
 * Flink emits per input row: the first row of a key gives +I; a later one -U with the old result
 * and +U with the new one, or nothing when they are equal; the row that takes a key's count to zero
 * gives -D. To do that with few calls, rows are dealt into waves: a wave holds each key at most
 * once, is applied in one update, and its new results are computed in one call. Results are
 * appended to one set of columns and referred to by number; the old result of a row is the new
 * result of the key's row before it. The items are then listed in order of arrival, so the output
 * does not depend on how rows were batched.
 *
 * When only the net change matters (net_ok), a key enters a new wave only if its rows change sign
 * or its count reaches zero: an insert-only batch is one wave, and each key is listed once, in
 * order of its first row. */
#include "op/group_agg_int.h"

#define NONE UINT32_MAX

typedef enum { ACT_INSERT, ACT_UPDATE, ACT_DELETE, ACT_IGNORE } row_act;

/* What one batch knows about its keys. */
typedef struct {
    uint32_t count;
    group_head **heads;
    uint32_t *first_row; /* physical */
    int64_t *rows_before;
    int64_t *rows_now;
    uint32_t *before; /* number of the result before the batch, or NONE */
    uint32_t *last;   /* of the latest result */
    uint32_t *wave;   /* of the key's latest row */
    uint8_t *closed;  /* the key's next row starts a new wave */
} batch_keys;

typedef struct {
    uint32_t *key; /* of each row */
    uint8_t *act;
    uint32_t *wave;
    uint32_t *after;  /* number of the row's new result */
    uint32_t *order;  /* rows by wave */
    uint32_t *starts; /* of each wave in order[] */
    uint32_t wave_count;
} batch_rows;

typedef struct {
    group_agg_op *self;
    const group_input *input;
    lt_agg_input to;
    batch_keys keys;
    batch_rows rows;
    uint32_t result_cap;
} chunk_job;

static bool job_alloc(chunk_job *job)
{
    lt_arena *arena = job->self->chunk;
    size_t count = (size_t)job->input->count + 1;
    batch_keys *keys = &job->keys;
    batch_rows *rows = &job->rows;
    keys->heads = lt_arena_alloc(arena, sizeof *keys->heads * count, 8);
    keys->first_row = lt_arena_alloc(arena, sizeof *keys->first_row * count, 8);
    keys->rows_before = lt_arena_alloc(arena, sizeof *keys->rows_before * count, 8);
    keys->rows_now = lt_arena_alloc(arena, sizeof *keys->rows_now * count, 8);
    keys->before = lt_arena_alloc(arena, sizeof *keys->before * count, 8);
    keys->last = lt_arena_alloc(arena, sizeof *keys->last * count, 8);
    keys->wave = lt_arena_alloc(arena, sizeof *keys->wave * count, 8);
    keys->closed = lt_arena_alloc(arena, count, 8);
    rows->key = lt_arena_alloc(arena, sizeof *rows->key * count, 8);
    rows->act = lt_arena_alloc(arena, count, 8);
    rows->wave = lt_arena_alloc(arena, sizeof *rows->wave * count, 8);
    rows->after = lt_arena_alloc(arena, sizeof *rows->after * count, 8);
    rows->order = lt_arena_alloc(arena, sizeof *rows->order * count, 8);
    return keys->heads && keys->first_row && keys->rows_before && keys->rows_now && keys->before &&
           keys->last && keys->wave && keys->closed && rows->key && rows->act && rows->wave &&
           rows->after && rows->order;
}

/* ---- keys ---- */

static lt_status find_keys(chunk_job *job, lt_error *err)
{
    group_agg_op *self = job->self;
    const lt_group_agg_spec *spec = self->op.spec;
    const group_input *input = job->input;
    lt_rows encoded;
    const lt_col **cols = LT_NEW_ARRAY(self->chunk, const lt_col *, (size_t)spec->key_count + 1);
    void **values = lt_arena_alloc(self->chunk, sizeof *values * ((size_t)input->count + 1), 64);
    lt_table **sets = LT_NEW_ARRAY(self->chunk, lt_table *, self->set.distinct_count + 1);
    if (!cols || !values || !sets) {
        return lt_error_nomem(err, "group keys");
    }
    for (uint32_t k = 0; k < spec->key_count; k++) {
        cols[k] = &input->in->cols[spec->keys[k]];
    }
    LT_TRY(lt_rowcodec_encode(self->key_codec, cols, input->rows, input->count, self->chunk,
                              &encoded, err));
    LT_TRY(lt_table_probe(self->groups, &encoded, true, values, NULL, err));
    job->to = (lt_agg_input){.op = &self->op,
                             .in = input->in,
                             .cols = input->cols,
                             .prefix = cols,
                             .distinct = self->distinct,
                             .cells = lt_table_cells(self->groups),
                             .arena = self->chunk};
    batch_keys *keys = &job->keys;
    for (uint32_t i = 0; i < input->count; i++) {
        group_head *head = values[i];
        if (head->slot == 0) {
            uint32_t k = keys->count++;
            head->slot = k + 1;
            keys->heads[k] = head;
            keys->first_row[k] = input->rows[i];
            keys->rows_before[k] = head->rows;
            keys->rows_now[k] = head->rows;
            keys->before[k] = NONE;
            keys->wave[k] = 0;
            keys->closed[k] = 0;
        }
        job->rows.key[i] = head->slot - 1;
    }
    return LT_OK;
}

/* Takes the batch's keys off the table again, or out of it. */
static void release_keys(chunk_job *job)
{
    for (uint32_t k = 0; k < job->keys.count; k++) {
        group_head *head = job->keys.heads[k];
        head->slot = 0;
        head->rows = job->keys.rows_now[k];
        if (head->rows == 0) {
            lt_table_remove(job->self->groups, head);
        }
    }
}

/* ---- what each row does, and in which wave ---- */

static row_act act_of(const batch_keys *keys, uint32_t key, bool adds)
{
    int64_t now = keys->rows_now[key];
    if (adds) {
        return now == 0 ? ACT_INSERT : ACT_UPDATE;
    }
    if (now == 0) {
        return ACT_IGNORE; /* takes away what was never there */
    }
    return now == 1 ? ACT_DELETE : ACT_UPDATE;
}

static lt_status deal_waves(chunk_job *job, lt_error *err)
{
    const lt_group_agg_spec *spec = job->self->op.spec;
    const group_input *input = job->input;
    batch_keys *keys = &job->keys;
    batch_rows *rows = &job->rows;
    uint32_t last = 0;
    uint64_t ignored = 0;
    for (uint32_t i = 0; i < input->count; i++) {
        uint32_t key = rows->key[i];
        bool adds = lt_kind_is_add(lt_batch_kind(input->in, input->rows[i]));
        row_act act = act_of(keys, key, adds);
        rows->act[i] = (uint8_t)act;
        rows->after[i] = NONE;
        if (act == ACT_IGNORE) {
            ignored++;
            continue;
        }
        keys->rows_now[key] += adds ? 1 : -1;
        /* closed: 0 no row yet, 1 adds, 2 retractions, 3 the wave is over */
        uint8_t mode = adds ? 1 : 2;
        if (keys->closed[key] != 0 && keys->closed[key] != mode) {
            keys->wave[key]++;
        }
        rows->wave[i] = keys->wave[key];
        last = LT_MAX(last, rows->wave[i]);
        keys->closed[key] = !spec->net_ok || act == ACT_DELETE ? 3 : mode;
    }
    job->self->op.ledger.filtered += ignored;
    job->self->op.ledger.used += input->count - ignored;
    rows->wave_count = last + 1;
    rows->starts = LT_NEW_ARRAY(job->self->chunk, uint32_t, (size_t)last + 3);
    if (!rows->starts) {
        return lt_error_nomem(err, "group rows");
    }
    for (uint32_t i = 0; i < input->count; i++) {
        rows->starts[rows->act[i] == ACT_IGNORE ? last + 2 : rows->wave[i] + 2] += 1;
    }
    /* starts[w + 1] is where wave w is filled; after filling, it is where wave w + 1 starts. */
    for (uint32_t w = 0; w <= last; w++) {
        rows->starts[w + 1] += rows->starts[w];
    }
    for (uint32_t i = 0; i < input->count; i++) {
        if (rows->act[i] != ACT_IGNORE) {
            rows->order[rows->starts[rows->wave[i] + 1]++] = i;
        }
    }
    return LT_OK;
}

/* ---- results ---- */

static lt_status results_init(chunk_job *job, lt_error *err)
{
    group_agg_op *self = job->self;
    const lt_group_agg_spec *spec = self->op.spec;
    uint32_t changes = spec->net_ok ? job->keys.count : job->input->count;
    job->result_cap = job->keys.count + changes + 1;
    self->result_count = 0;
    self->results = LT_NEW_ARRAY(self->chunk, lt_col, (size_t)self->set.count + 1);
    if (!self->results) {
        return lt_error_nomem(err, "group results");
    }
    for (uint32_t a = 0; a < self->set.count; a++) {
        if (!lt_col_init(&self->results[a], self->set.aggs[a]->result, job->result_cap,
                         self->chunk)) {
            return lt_error_nomem(err, "group results");
        }
    }
    return LT_OK;
}

/* Appends the present results of the records; the first gets number *first. */
static lt_status append_results(chunk_job *job, uint8_t *const *records, uint32_t count,
                                uint32_t *first, lt_error *err)
{
    group_agg_op *self = job->self;
    *first = self->result_count;
    self->result_count += count;
    LT_ASSERT(self->result_count <= job->result_cap);
    if (count == 0 || self->set.count == 0) {
        return LT_OK;
    }
    lt_col *part = LT_NEW_ARRAY(self->chunk, lt_col, self->set.count);
    if (!part) {
        return lt_error_nomem(err, "group results");
    }
    for (uint32_t a = 0; a < self->set.count; a++) {
        if (!lt_col_init(&part[a], self->set.aggs[a]->result, count, self->chunk)) {
            return lt_error_nomem(err, "group results");
        }
    }
    const lt_agg_results to = {records, count, part, count, self->chunk, self->chunk};
    LT_TRY(lt_aggset_finish(&self->set, &to, err));
    for (uint32_t a = 0; a < self->set.count; a++) {
        if (!lt_col_put(&self->results[a], *first, job->result_cap, &part[a], NULL, count, false,
                        self->chunk)) {
            return lt_error_nomem(err, "group results");
        }
    }
    return LT_OK;
}

/* Results of the keys that have rows, by the given count; numbers go to to[key], NONE for the
 * others. */
static lt_status key_results(chunk_job *job, const int64_t *rows, uint32_t *to, lt_error *err)
{
    batch_keys *keys = &job->keys;
    uint8_t **records = lt_arena_alloc(job->self->chunk, sizeof *records * (keys->count + 1), 8);
    if (!records) {
        return lt_error_nomem(err, "group results");
    }
    uint32_t count = 0;
    for (uint32_t k = 0; k < keys->count; k++) {
        to[k] = NONE;
        if (rows[k] != 0) {
            to[k] = count;
            records[count++] = (uint8_t *)keys->heads[k];
        }
    }
    uint32_t first = 0;
    LT_TRY(append_results(job, records, count, &first, err));
    for (uint32_t k = 0; k < keys->count; k++) {
        to[k] += to[k] != NONE ? first : 0;
    }
    return LT_OK;
}

/* ---- waves ---- */

typedef struct {
    uint8_t **records;
    uint32_t *rows; /* physical */
    uint32_t count;
} signed_rows;

static bool signed_alloc(signed_rows *rows, uint32_t count, lt_arena *arena)
{
    rows->records = lt_arena_alloc(arena, sizeof *rows->records * ((size_t)count + 1), 8);
    rows->rows = lt_arena_alloc(arena, sizeof *rows->rows * ((size_t)count + 1), 8);
    return rows->records && rows->rows;
}

static lt_status apply_wave(chunk_job *job, const uint32_t *order, uint32_t count,
                            signed_rows parts[2], lt_error *err)
{
    group_agg_op *self = job->self;
    parts[0].count = 0;
    parts[1].count = 0;
    for (uint32_t j = 0; j < count; j++) {
        uint32_t i = order[j];
        uint32_t row = job->input->rows[i];
        signed_rows *to = &parts[lt_kind_is_add(lt_batch_kind(job->input->in, row)) ? 0 : 1];
        to->records[to->count] = (uint8_t *)job->keys.heads[job->rows.key[i]];
        to->rows[to->count++] = row;
    }
    for (int p = 0; p < 2; p++) {
        if (parts[p].count > 0) {
            LT_TRY(lt_aggset_update_signed(&self->set, &job->to, parts[p].records, parts[p].rows,
                                           parts[p].count, p == 0 ? 1 : -1, err));
        }
    }
    for (uint32_t j = 0; j < count && parts[1].count > 0; j++) {
        if (job->rows.act[order[j]] == ACT_DELETE) {
            lt_aggset_reset(&self->set, (uint8_t *)job->keys.heads[job->rows.key[order[j]]],
                            job->to.cells);
        }
    }
    return LT_OK;
}

static lt_status wave_results(chunk_job *job, const uint32_t *order, uint32_t count,
                              signed_rows *part, lt_error *err)
{
    uint32_t picked = 0;
    for (uint32_t j = 0; j < count; j++) {
        uint32_t i = order[j];
        if (job->rows.act[i] != ACT_DELETE) {
            part->records[picked] = (uint8_t *)job->keys.heads[job->rows.key[i]];
            job->rows.after[i] = picked++;
        }
    }
    uint32_t first = 0;
    LT_TRY(append_results(job, part->records, picked, &first, err));
    for (uint32_t j = 0; j < count; j++) {
        if (job->rows.act[order[j]] != ACT_DELETE) {
            job->rows.after[order[j]] += first;
        }
    }
    return LT_OK;
}

static lt_status apply_waves(chunk_job *job, lt_error *err)
{
    const lt_group_agg_spec *spec = job->self->op.spec;
    signed_rows parts[2];
    if (!signed_alloc(&parts[0], job->input->count, job->self->chunk) ||
        !signed_alloc(&parts[1], job->input->count, job->self->chunk)) {
        return lt_error_nomem(err, "group rows");
    }
    for (uint32_t w = 0; w < job->rows.wave_count; w++) {
        const uint32_t *order = job->rows.order + job->rows.starts[w];
        uint32_t count = job->rows.starts[w + 1] - job->rows.starts[w];
        LT_TRY(apply_wave(job, order, count, parts, err));
        if (!spec->net_ok) {
            LT_TRY(wave_results(job, order, count, &parts[0], err));
        }
    }
    return LT_OK;
}

/* ---- items ---- */

static bool same_result(const group_agg_op *self, uint32_t a, uint32_t b)
{
    for (uint32_t c = 0; c < self->set.count; c++) {
        if (!lt_col_value_eq(&self->results[c], a, &self->results[c], b)) {
            return false;
        }
    }
    return true;
}

static void push(group_agg_op *self, uint32_t row, uint32_t result, lt_row_kind kind)
{
    LT_DCHECK(result != NONE);
    self->items[self->item_count++] = (group_item){row, result, (uint8_t)kind};
}

/* One change of a key: NONE stands for absent. */
static void push_change(group_agg_op *self, uint32_t row, uint32_t before, uint32_t after)
{
    const lt_group_agg_spec *spec = self->op.spec;
    if (before == NONE && after == NONE) {
        return;
    }
    if (before == NONE) {
        push(self, row, after, LT_INSERT);
    } else if (after == NONE) {
        push(self, row, before, LT_DELETE);
    } else if (spec->ttl_ms > 0 || !same_result(self, before, after)) {
        /* With a TTL consumers count on every update to keep their state alive. */
        if (spec->emit_before) {
            push(self, row, before, LT_UPDATE_BEFORE);
        }
        push(self, row, after, LT_UPDATE_AFTER);
    }
}

static lt_status list_net(chunk_job *job, lt_error *err)
{
    batch_keys *keys = &job->keys;
    LT_TRY(key_results(job, keys->rows_now, keys->last, err));
    for (uint32_t k = 0; k < keys->count; k++) {
        push_change(job->self, keys->first_row[k], keys->before[k], keys->last[k]);
    }
    return LT_OK;
}

static void list_each(chunk_job *job)
{
    group_agg_op *self = job->self;
    const group_input *input = job->input;
    batch_keys *keys = &job->keys;
    for (uint32_t k = 0; k < keys->count; k++) {
        keys->last[k] = keys->before[k];
    }
    uint32_t mark = 0;
    for (uint32_t i = 0; i < input->count; i++) {
        while (mark < input->marks_end && input->in->marks[mark].first_row <= input->rows[i]) {
            self->marks[self->mark_count++] =
                (group_mark){self->item_count, input->in->marks[mark++].watermark};
        }
        if (job->rows.act[i] == ACT_IGNORE) {
            continue;
        }
        uint32_t key = job->rows.key[i];
        push_change(self, input->rows[i], keys->last[key], job->rows.after[i]);
        keys->last[key] = job->rows.after[i];
    }
}

lt_status lt_group_chunk(group_agg_op *self, const group_input *input, lt_error *err)
{
    const lt_group_agg_spec *spec = self->op.spec;
    chunk_job job = {.self = self, .input = input};
    size_t room = (size_t)input->count * 2 + 1;
    self->items = lt_arena_alloc(self->chunk, sizeof *self->items * room, 8);
    self->marks =
        lt_arena_alloc(self->chunk, sizeof *self->marks * ((size_t)input->marks_end + 1), 8);
    if (!self->items || !self->marks || !job_alloc(&job)) {
        return lt_error_nomem(err, "group rows");
    }
    if (input->count > 0) {
        LT_TRY(find_keys(&job, err));
        LT_TRY(results_init(&job, err));
        LT_TRY(key_results(&job, job.keys.rows_before, job.keys.before, err));
        LT_TRY(deal_waves(&job, err));
        LT_TRY(apply_waves(&job, err));
        if (spec->net_ok) {
            LT_TRY(list_net(&job, err));
        } else {
            list_each(&job);
        }
        release_keys(&job);
    }
    int64_t last =
        input->marks_end > 0 ? input->in->marks[input->marks_end - 1].watermark : LT_WATERMARK_MIN;
    if (last != LT_WATERMARK_MIN &&
        (self->mark_count == 0 || self->marks[self->mark_count - 1].watermark != last)) {
        self->marks[self->mark_count++] = (group_mark){self->item_count, last};
    }
    return LT_OK;
}
