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
 * Rows that only add need no waves where the aggregates can tell their result after each row
 * (lt_aggset_run): one pass does it all.
 *
 * When only the net change matters (net_ok), a key enters a new wave only if its rows change sign
 * or its count reaches zero: an insert-only batch is one wave, and each key is listed once, in
 * order of its first row. */
#include <string.h>

#include "op/group_agg_int.h"
#include "op/local_agg.h"

#define NONE        UINT32_MAX
#define DIRECT_ROWS 64 /* so many results are computed in place; fewer are copied there */

typedef enum { ACT_INSERT, ACT_UPDATE, ACT_DELETE, ACT_IGNORE } row_act;

/* What one batch knows about a key. */
typedef struct {
    group_head *head;
    int64_t rows_before;
    int64_t rows_now;
    uint32_t first_row; /* physical */
    uint32_t wave;      /* of the key's latest row */
    uint8_t closed;     /* the key's next row starts a new wave */
} batch_key;

typedef struct {
    uint32_t *key; /* of each row */
    uint8_t *act;
    uint32_t *wave;
    uint32_t *order;  /* rows by wave */
    uint32_t *starts; /* of each wave in order[] */
    uint32_t wave_count;
} batch_rows;

/* Results before and after, by number; NONE stands for absent. One for each row, or for each key
 * when only the net change matters. */
typedef struct {
    uint32_t *before;
    uint32_t *after;
    uint8_t *differ;
    uint32_t count;
} batch_changes;

typedef struct {
    group_agg_op *self;
    const group_input *input;
    lt_agg_input to;
    uint8_t **records; /* of each row */
    batch_key *keys;
    uint8_t **heads; /* of each key */
    uint32_t key_count;
    uint32_t old_keys; /* had rows before the batch */
    batch_rows rows;
    batch_changes changes;
    bool adds_only;
    uint32_t result_cap;
} chunk_job;

static bool job_alloc(chunk_job *job)
{
    lt_arena *arena = job->self->chunk;
    size_t count = (size_t)job->input->count + 1;
    batch_rows *rows = &job->rows;
    batch_changes *changes = &job->changes;
    job->keys = lt_arena_alloc(arena, sizeof *job->keys * count, 8);
    job->heads = lt_arena_alloc(arena, sizeof *job->heads * count, 64);
    job->records = lt_arena_alloc(arena, sizeof *job->records * count, 64);
    rows->key = lt_arena_alloc(arena, sizeof *rows->key * count, 8);
    rows->act = lt_arena_alloc(arena, count, 8);
    rows->wave = lt_arena_alloc(arena, sizeof *rows->wave * count, 8);
    rows->order = lt_arena_alloc(arena, sizeof *rows->order * count, 8);
    changes->before = lt_arena_alloc(arena, sizeof *changes->before * count, 8);
    changes->after = lt_arena_alloc(arena, sizeof *changes->after * count, 8);
    changes->differ = lt_arena_alloc(arena, count, 8);
    return job->keys && job->heads && job->records && rows->key && rows->act && rows->wave &&
           rows->order && changes->before && changes->after && changes->differ;
}

/* ---- keys ---- */

/* Numbers the batch's keys in order of their first row. Whether a key is new cannot be foreseen:
 * the record is written in any case, without a branch. */
static void number_keys(chunk_job *job)
{
    uint32_t rows = job->input->count;
    const uint32_t *numbers = job->input->rows;
    uint8_t *const *records = job->records;
    batch_key *keys = job->keys;
    uint8_t **heads = job->heads;
    uint32_t *key = job->rows.key;
    uint32_t count = 0;
    uint32_t old = 0;
    for (uint32_t i = 0; i < rows; i++) {
        group_head *head = (group_head *)(void *)records[i];
        uint32_t slot = head->slot;
        int64_t held = head->rows;
        keys[count] = (batch_key){
            .head = head, .rows_before = held, .rows_now = held, .first_row = numbers[i]};
        heads[count] = records[i];
        old += (slot == 0) & (held != 0);
        count += slot == 0;
        slot = slot == 0 ? count : slot;
        head->slot = slot;
        key[i] = slot - 1;
    }
    job->key_count = count;
    job->old_keys = old;
}

static lt_status find_keys(chunk_job *job, lt_error *err)
{
    group_agg_op *self = job->self;
    const lt_group_agg_spec *spec = self->op.spec;
    const group_input *input = job->input;
    lt_rows encoded;
    const lt_col **cols = LT_NEW_ARRAY(self->chunk, const lt_col *, (size_t)spec->key_count + 1);
    void **values = (void **)job->records;
    if (!cols) {
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
    number_keys(job);
    return LT_OK;
}

/* Takes the batch's keys off the table again, or out of it. */
static void release_keys(chunk_job *job)
{
    for (uint32_t k = 0; k < job->key_count; k++) {
        group_head *head = job->keys[k].head;
        head->slot = 0;
        head->rows = job->keys[k].rows_now;
        if (head->rows == 0) {
            lt_table_remove(job->self->groups, head);
        }
    }
}

/* ---- what each row does, and in which wave ---- */

static row_act act_of(int64_t now, bool adds)
{
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
    batch_rows *rows = &job->rows;
    uint32_t last = 0;
    uint64_t ignored = 0;
    for (uint32_t i = 0; i < input->count; i++) {
        batch_key *key = &job->keys[rows->key[i]];
        bool adds = lt_kind_is_add(lt_batch_kind(input->in, input->rows[i]));
        row_act act = act_of(key->rows_now, adds);
        rows->act[i] = (uint8_t)act;
        if (act == ACT_IGNORE) {
            ignored++;
            continue;
        }
        key->rows_now += adds ? 1 : -1;
        /* closed: 0 no row yet, 1 adds, 2 retractions, 3 the wave is over */
        uint8_t mode = adds ? 1 : 2;
        key->wave += key->closed != 0 && key->closed != mode;
        rows->wave[i] = key->wave;
        last = LT_MAX(last, key->wave);
        key->closed = !spec->net_ok || act == ACT_DELETE ? 3 : mode;
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

static bool nested(const lt_col *col)
{
    return col->phys == LT_PHYS_LIST || col->phys == LT_PHYS_STRUCT;
}

static lt_status results_init(chunk_job *job, lt_error *err)
{
    group_agg_op *self = job->self;
    const lt_group_agg_spec *spec = self->op.spec;
    /* One before and one after for each key or row; what is computed in place starts at a multiple
     * of 64, which at most doubles the room. */
    uint64_t changes = spec->net_ok ? job->key_count : job->input->count;
    job->result_cap = (uint32_t)(((uint64_t)job->key_count + changes) * 2 + DIRECT_ROWS * 2);
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

/* Makes columns to compute `count` results into: parts of the result columns, or, for few results
 * and nested types, columns that are then copied. `first` is the number of the first result. */
static lt_status results_begin(chunk_job *job, uint32_t count, uint32_t *first, lt_col **parts,
                               lt_error *err)
{
    group_agg_op *self = job->self;
    bool direct = count >= DIRECT_ROWS;
    *first = direct ? (self->result_count + 63) & ~63U : self->result_count;
    self->result_count = *first + count;
    LT_ASSERT(self->result_count <= job->result_cap);
    lt_col *cols = LT_NEW_ARRAY(self->chunk, lt_col, (size_t)self->set.count + 1);
    if (!cols) {
        return lt_error_nomem(err, "group results");
    }
    for (uint32_t a = 0; a < self->set.count; a++) {
        const lt_col *all = &self->results[a];
        if (direct && !nested(all)) {
            cols[a] = *all;
            cols[a].data = (uint8_t *)all->data + lt_phys_size(all->phys) * *first;
            cols[a].valid = all->valid ? all->valid + *first / 64 : NULL;
        } else if (!lt_col_init(&cols[a], self->set.aggs[a]->result, count, self->chunk)) {
            return lt_error_nomem(err, "group results");
        }
    }
    *parts = cols;
    return LT_OK;
}

static lt_status results_end(chunk_job *job, uint32_t first, uint32_t count, const lt_col *parts,
                             lt_error *err)
{
    group_agg_op *self = job->self;
    for (uint32_t a = 0; a < self->set.count; a++) {
        lt_col *all = &self->results[a];
        const lt_col *part = &parts[a];
        if (count < DIRECT_ROWS || nested(all)) {
            if (!lt_col_put(all, first, job->result_cap, part, NULL, count, false, self->chunk)) {
                return lt_error_nomem(err, "group results");
            }
            continue;
        }
        if (part->valid && !all->valid) {
            if (!lt_col_need_valid(all, job->result_cap, self->chunk)) {
                return lt_error_nomem(err, "group results");
            }
            memcpy(all->valid + first / 64, part->valid, lt_bits_bytes(count));
        }
    }
    return LT_OK;
}

/* Appends the present results of the records; the first gets number *first. */
static lt_status append_results(chunk_job *job, uint8_t *const *records, uint32_t count,
                                uint32_t *first, lt_error *err)
{
    group_agg_op *self = job->self;
    lt_col *parts = NULL;
    *first = self->result_count;
    if (count == 0 || self->set.count == 0) {
        return LT_OK;
    }
    LT_TRY(results_begin(job, count, first, &parts, err));
    const lt_agg_results to = {records, count, parts, count, self->chunk, self->chunk};
    LT_TRY(lt_aggset_finish(&self->set, &to, err));
    return results_end(job, *first, count, parts, err);
}

/* Present results of all keys. */
static lt_status all_key_results(chunk_job *job, uint32_t *to, lt_error *err)
{
    uint32_t first = 0;
    uint32_t key_count = job->key_count;
    LT_TRY(append_results(job, job->heads, key_count, &first, err));
    for (uint32_t k = 0; k < key_count; k++) {
        to[k] = first + k;
    }
    return LT_OK;
}

/* Present results of the keys that have rows; numbers go to `to`, NONE for the others. */
static lt_status key_results(chunk_job *job, bool now, uint32_t *to, lt_error *err)
{
    const batch_key *keys = job->keys;
    uint32_t key_count = job->key_count;
    if (now ? job->adds_only : job->old_keys == key_count) {
        return all_key_results(job, to, err);
    }
    uint8_t **records =
        lt_arena_alloc(job->self->chunk, sizeof *records * ((size_t)key_count + 1), 8);
    if (!records) {
        return lt_error_nomem(err, "group results");
    }
    uint32_t count = 0;
    for (uint32_t k = 0; k < key_count; k++) {
        bool has_rows = (now ? keys[k].rows_now : keys[k].rows_before) != 0;
        to[k] = has_rows ? count : NONE;
        records[count] = (uint8_t *)keys[k].head;
        count += has_rows;
    }
    uint32_t first = 0;
    LT_TRY(append_results(job, records, count, &first, err));
    for (uint32_t k = 0; k < key_count; k++) {
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
        to->records[to->count] = job->records[i];
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
            lt_aggset_reset(&self->set, job->records[order[j]], job->to.cells);
        }
    }
    return LT_OK;
}

static lt_status wave_results(chunk_job *job, const uint32_t *order, uint32_t count,
                              signed_rows *part, lt_error *err)
{
    uint32_t picked = 0;
    uint32_t first = 0;
    for (uint32_t j = 0; j < count; j++) {
        part->records[picked] = job->records[order[j]];
        picked += job->rows.act[order[j]] != ACT_DELETE;
    }
    LT_TRY(append_results(job, part->records, picked, &first, err));
    for (uint32_t j = 0; j < count; j++) {
        bool gone = job->rows.act[order[j]] == ACT_DELETE;
        job->changes.after[order[j]] = gone ? NONE : first;
        first += !gone;
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

/* ---- rows that only add ---- */

/* Partial rows: when every change is shown there are no aggregates, and all a row can do is make
 * its key known. */
static lt_status add_partials(chunk_job *job, lt_error *err)
{
    group_agg_op *self = job->self;
    const lt_group_agg_spec *spec = self->op.spec;
    const group_input *input = job->input;
    if (!spec->net_ok) {
        memset(job->rows.act, ACT_UPDATE, input->count);
        memset(job->changes.after, 0, sizeof *job->changes.after * input->count);
    }
    for (uint32_t i = 0; i < input->count; i++) {
        int64_t rows = lt_partials_rows(spec->partials, input->in, input->rows[i]);
        job->keys[job->rows.key[i]].rows_now += rows;
        self->op.ledger.used += (uint64_t)rows;
    }
    const lt_partials from = {.spec = spec->partials,
                              .op = &self->op,
                              .in = input->in,
                              .set = &self->set,
                              .cells = job->to.cells,
                              .arena = self->chunk};
    return lt_partials_add(&from, job->records, input->rows, input->count, err);
}

static void count_adds(chunk_job *job)
{
    uint32_t count = job->input->count;
    const uint32_t *key = job->rows.key;
    batch_key *keys = job->keys;
    for (uint32_t i = 0; i < count; i++) {
        keys[key[i]].rows_now++;
    }
    job->self->op.ledger.used += count;
}

/* All rows in one pass, a result after each. */
static lt_status run_rows(chunk_job *job, lt_error *err)
{
    group_agg_op *self = job->self;
    uint32_t count = job->input->count;
    uint32_t first = 0;
    lt_col *parts = NULL;
    LT_TRY(results_begin(job, count, &first, &parts, err));
    const lt_agg_results to = {job->records, count, parts, count, self->chunk, self->chunk};
    LT_TRY(lt_aggset_run(&self->set, &job->to, job->input->rows, &to, err));
    for (uint32_t i = 0; i < count; i++) {
        job->changes.after[i] = first + i;
    }
    return results_end(job, first, count, parts, err);
}

static lt_status apply_rows(chunk_job *job, lt_error *err)
{
    group_agg_op *self = job->self;
    const lt_group_agg_spec *spec = self->op.spec;
    bool runs = self->set.runs != NULL && self->set.count > 0;
    if (spec->partials) {
        return add_partials(job, err);
    }
    if (!job->adds_only || (!spec->net_ok && !runs)) {
        LT_TRY(deal_waves(job, err));
        return apply_waves(job, err);
    }
    count_adds(job);
    if (spec->net_ok) {
        return lt_aggset_update_signed(&self->set, &job->to, job->records, job->input->rows,
                                       job->input->count, 1, err);
    }
    memset(job->rows.act, ACT_UPDATE, job->input->count);
    return run_rows(job, err);
}

/* ---- changes ---- */

static lt_status changes_of_keys(chunk_job *job, lt_error *err)
{
    job->changes.count = job->key_count;
    return key_results(job, true, job->changes.after, err);
}

/* The old result of a row is the new one of the key's row before it. */
static lt_status changes_of_rows(chunk_job *job, lt_error *err)
{
    uint32_t *before =
        lt_arena_alloc(job->self->chunk, sizeof *before * ((size_t)job->key_count + 1), 8);
    if (!before) {
        return lt_error_nomem(err, "group results");
    }
    memcpy(before, job->changes.before, sizeof *before * job->key_count);
    job->changes.count = job->input->count;
    for (uint32_t i = 0; i < job->input->count; i++) {
        uint32_t *last = &before[job->rows.key[i]];
        if (job->rows.act[i] == ACT_IGNORE) {
            job->changes.after[i] = NONE;
            job->changes.before[i] = NONE;
            continue;
        }
        job->changes.before[i] = *last;
        *last = job->changes.after[i];
    }
    return LT_OK;
}

/* differ[i] for the changes that have both a before and an after. */
static void compare_plain(const lt_col *col, const batch_changes *changes)
{
    const int64_t *restrict val = LT_COL_DATA(col, const int64_t);
    const uint32_t *restrict before = changes->before;
    const uint32_t *restrict after = changes->after;
    uint8_t *restrict differ = changes->differ;
    for (uint32_t i = 0; i < changes->count; i++) {
        uint32_t a = before[i];
        uint32_t b = after[i];
        a = a == NONE ? 0 : a; /* compared for nothing */
        b = b == NONE ? 0 : b;
        differ[i] |= val[a] != val[b];
    }
}

static void compare_results(chunk_job *job)
{
    const group_agg_op *self = job->self;
    const lt_group_agg_spec *spec = self->op.spec;
    batch_changes *changes = &job->changes;
    /* Each change is one row, or rows that all add. */
    bool all = self->counts_rows && (job->adds_only || !spec->net_ok);
    memset(changes->differ, all, changes->count);
    if (all) {
        return;
    }
    for (uint32_t c = 0; c < self->set.count; c++) {
        const lt_col *col = &self->results[c];
        if (col->phys == LT_PHYS_I64 && !col->valid) {
            compare_plain(col, changes);
            continue;
        }
        for (uint32_t i = 0; i < changes->count; i++) {
            uint32_t a = changes->before[i];
            uint32_t b = changes->after[i];
            if (a != NONE && b != NONE && !changes->differ[i]) {
                changes->differ[i] = !lt_col_value_eq(col, a, col, b);
            }
        }
    }
}

static void push(group_items *items, uint32_t row, uint32_t result, lt_row_kind kind)
{
    items->rows[items->count] = row;
    items->results[items->count] = result;
    items->kinds[items->count++] = (uint8_t)kind;
}

/* How a change shows. */
typedef struct {
    batch_changes changes;
    bool emit_before;
    bool emit_equal; /* with a TTL consumers count on every update to keep their state alive */
} change_list;

LT_INLINE void push_change(const change_list *list, group_items *items, uint32_t i, uint32_t row)
{
    uint32_t before = list->changes.before[i];
    uint32_t after = list->changes.after[i];
    if (LT_LIKELY(before != NONE && after != NONE)) {
        if (list->changes.differ[i] || list->emit_equal) {
            if (list->emit_before) {
                push(items, row, before, LT_UPDATE_BEFORE);
            }
            push(items, row, after, LT_UPDATE_AFTER);
        }
    } else if (after != NONE) {
        push(items, row, after, LT_INSERT);
    } else if (before != NONE) {
        push(items, row, before, LT_DELETE);
    }
}

/* Every change an update that shows: no key is new, and each row counts. */
static void list_updates(chunk_job *job)
{
    const lt_group_agg_spec *spec = job->self->op.spec;
    group_items items = job->self->items;
    const batch_changes changes = job->changes;
    const uint32_t *rows = job->input->rows;
    for (uint32_t i = 0; i < changes.count; i++) {
        uint32_t row = spec->net_ok ? job->keys[i].first_row : rows[i];
        items.rows[2 * i] = row;
        items.rows[2 * i + 1] = row;
        items.results[2 * i] = changes.before[i];
        items.results[2 * i + 1] = changes.after[i];
        items.kinds[2 * i] = LT_UPDATE_BEFORE;
        items.kinds[2 * i + 1] = LT_UPDATE_AFTER;
    }
    job->self->items.count = changes.count * 2;
}

static void list_changes(chunk_job *job)
{
    group_agg_op *self = job->self;
    const lt_group_agg_spec *spec = self->op.spec;
    const group_input *input = job->input;
    if (job->adds_only && self->counts_rows && job->old_keys == job->key_count &&
        spec->emit_before && (spec->net_ok || input->marks_end == 0)) {
        list_updates(job);
        return;
    }
    compare_results(job);
    /* Copies, which the stores of the loops cannot touch. */
    group_items items = self->items;
    const change_list list = {job->changes, spec->emit_before, spec->ttl_ms > 0};
    uint32_t count = list.changes.count;
    uint32_t mark = 0;
    uint32_t marks_end = spec->net_ok ? 0 : input->marks_end;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = spec->net_ok ? job->keys[i].first_row : input->rows[i];
        while (mark < marks_end && input->in->marks[mark].first_row <= row) {
            self->marks[self->mark_count++] =
                (group_mark){items.count, input->in->marks[mark++].watermark};
        }
        push_change(&list, &items, i, row);
    }
    self->items = items;
}

static bool output_alloc(group_agg_op *self, const group_input *input)
{
    size_t room = (size_t)input->count * 2 + 1;
    group_items *items = &self->items;
    items->rows = lt_arena_alloc(self->chunk, sizeof *items->rows * room, 8);
    items->results = lt_arena_alloc(self->chunk, sizeof *items->results * room, 8);
    items->kinds = lt_arena_alloc(self->chunk, room, 8);
    self->marks =
        lt_arena_alloc(self->chunk, sizeof *self->marks * ((size_t)input->marks_end + 1), 8);
    return items->rows && items->results && items->kinds && self->marks;
}

lt_status lt_group_chunk(group_agg_op *self, const group_input *input, lt_error *err)
{
    const lt_group_agg_spec *spec = self->op.spec;
    chunk_job job = {
        .self = self, .input = input, .adds_only = !input->in->kinds || !spec->input_updates};
    if (!output_alloc(self, input) || !job_alloc(&job)) {
        return lt_error_nomem(err, "group rows");
    }
    if (input->count > 0) {
        LT_TRY(find_keys(&job, err));
        LT_TRY(results_init(&job, err));
        LT_TRY(key_results(&job, false, job.changes.before, err));
        LT_TRY(apply_rows(&job, err));
        LT_TRY(spec->net_ok ? changes_of_keys(&job, err) : changes_of_rows(&job, err));
        list_changes(&job);
        release_keys(&job);
    }
    int64_t last =
        input->marks_end > 0 ? input->in->marks[input->marks_end - 1].watermark : LT_WATERMARK_MIN;
    if (last != LT_WATERMARK_MIN &&
        (self->mark_count == 0 || self->marks[self->mark_count - 1].watermark != last)) {
        self->marks[self->mark_count++] = (group_mark){self->items.count, last};
    }
    return LT_OK;
}
