/* Aggregates over a batch, column at a time; see agg_set.h. DISTINCT sets are in agg_distinct.c. */
#include "op/agg_set_int.h"

#include "base/hash.h"

#define NONE UINT32_MAX

static bool same_args(const lt_agg *a, const lt_agg *b)
{
    if (a->arg_count != b->arg_count || (a->filter == NULL) != (b->filter == NULL) ||
        (a->filter && !lt_expr_eq(a->filter, b->filter))) {
        return false;
    }
    for (uint32_t i = 0; i < a->arg_count; i++) {
        if (!lt_expr_eq(a->args[i], b->args[i])) {
            return false;
        }
    }
    return true;
}

static lt_status plan_exprs(lt_op *op, lt_aggset *set, bool partials, lt_error *err)
{
    uint32_t total = 0;
    for (uint32_t a = 0; a < set->count; a++) {
        total += set->aggs[a]->arg_count + (set->aggs[a]->filter ? 1 : 0);
    }
    lt_expr **exprs = LT_NEW_ARRAY(op->arena, lt_expr *, (size_t)total + 1);
    if (!exprs) {
        return lt_error_nomem(err, "aggregates");
    }
    uint32_t at = 0;
    for (uint32_t a = 0; a < set->count; a++) {
        set->arg_at[a] = at;
        for (uint32_t i = 0; i < set->aggs[a]->arg_count; i++) {
            exprs[at++] = set->aggs[a]->args[i];
        }
        set->filter_at[a] = NONE;
        if (set->aggs[a]->filter) {
            set->filter_at[a] = at;
            exprs[at++] = set->aggs[a]->filter;
        }
    }
    return partials ? LT_OK : lt_evaluator_init(op, &set->ev, exprs, total, err);
}

static lt_status plan_record(lt_aggset *set, const lt_aggset_spec *spec, lt_error *err)
{
    uint32_t at = spec->head;
    LT_ASSERT(at % 8 == 0 && spec->head_cell_count <= LT_AGG_CELLS_MAX);
    for (uint32_t c = 0; c < spec->head_cell_count; c++) {
        set->cell_offsets[set->cell_count++] = spec->head_cells[c];
    }
    for (uint32_t a = 0; a < set->count; a++) {
        const lt_agg *agg = set->aggs[a];
        LT_ASSERT(agg->state_size % 8 == 0);
        set->offsets[a] = at;
        for (uint32_t c = 0; c < agg->cell_count; c++) {
            if (set->cell_count == LT_AGG_CELLS_MAX) {
                return lt_error_set(err, LT_ERR_LIMIT, "one aggregation has too many aggregates");
            }
            set->cell_offsets[set->cell_count++] = at + agg->cell_offsets[c];
        }
        at += agg->state_size;
    }
    set->size = LT_MAX(at, 8U);
    return LT_OK;
}

static lt_status plan_distinct(lt_op *op, lt_aggset *set, const lt_aggset_spec *spec, lt_error *err)
{
    for (uint32_t a = 0; a < set->count; a++) {
        set->distinct_of[a] = NONE;
        if (!set->aggs[a]->distinct) {
            continue;
        }
        uint32_t d = 0;
        while (d < set->distinct_count &&
               !same_args(set->aggs[a], set->aggs[set->distinct[d].agg])) {
            d++;
        }
        set->distinct_of[a] = d;
        if (d == set->distinct_count) {
            set->distinct_count++;
            LT_TRY(lt_distinct_plan(op, set, spec, d, a, err));
        }
    }
    return LT_OK;
}

static lt_status plan_runs(lt_op *op, lt_aggset *set, lt_error *err)
{
    lt_agg_run_fn *runs = LT_NEW_ARRAY(op->arena, lt_agg_run_fn, (size_t)set->count + 1);
    if (!runs) {
        return lt_error_nomem(err, "aggregates");
    }
    for (uint32_t a = 0; a < set->count; a++) {
        runs[a] = lt_agg_running(set->aggs[a]);
        if (!runs[a]) {
            return LT_OK;
        }
    }
    set->runs = runs;
    return LT_OK;
}

lt_status lt_aggset_init(lt_op *op, lt_aggset *set, const lt_aggset_spec *spec, lt_error *err)
{
    *set = (lt_aggset){.aggs = spec->aggs,
                       .count = spec->count,
                       .head = spec->head,
                       .prefix_count = spec->prefix_count};
    size_t room = (size_t)spec->count + 1;
    set->offsets = LT_NEW_ARRAY(op->arena, uint32_t, room);
    set->arg_at = LT_NEW_ARRAY(op->arena, uint32_t, room);
    set->filter_at = LT_NEW_ARRAY(op->arena, uint32_t, room);
    set->distinct_of = LT_NEW_ARRAY(op->arena, uint32_t, room);
    set->distinct = LT_NEW_ARRAY(op->arena, lt_distinct, room);
    if (!set->offsets || !set->arg_at || !set->filter_at || !set->distinct_of || !set->distinct) {
        return lt_error_nomem(err, "aggregates");
    }
    LT_TRY(plan_record(set, spec, err));
    LT_TRY(plan_distinct(op, set, spec, err));
    if (spec->partials) {
        LT_ASSERT(set->distinct_count == 0 && set->cell_count == spec->head_cell_count);
    } else {
        LT_TRY(plan_runs(op, set, err));
    }
    return plan_exprs(op, set, spec->partials, err);
}

void lt_aggset_deinit(lt_aggset *set)
{
    lt_evaluator_deinit(&set->ev);
}

void lt_aggset_reset(const lt_aggset *set, uint8_t *record, lt_cells *cells)
{
    for (uint32_t c = 0; c < set->cell_count; c++) {
        if (set->cell_offsets[c] >= set->head) {
            lt_cells_clear(cells, (lt_cell *)(void *)(record + set->cell_offsets[c]));
        }
    }
    memset(record + set->head, 0, set->size - set->head);
}

/* ---- update ---- */

/* Rows for which the filter is TRUE. */
static uint32_t apply_filter(const lt_col *filter, uint8_t *const *records, const uint32_t *rows,
                             uint32_t count, agg_rows *to)
{
    const uint8_t *val = LT_COL_DATA(filter, const uint8_t);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = rows[i];
        to->rows[kept] = row;
        to->records[kept] = records[i];
        kept += (uint32_t)(!lt_col_is_null(filter, row) & (val[row] != 0));
    }
    return kept;
}

/* An array of accumulators from an array of records. */
static void shift(uint8_t **to, uint8_t *const *records, uint32_t count, uint32_t offset)
{
    for (uint32_t i = 0; i < count; i++) {
        to[i] = records[i] + offset;
    }
}

lt_status lt_agg_apply(lt_aggset *set, const lt_agg_input *input, uint32_t a, const lt_col *args,
                       const agg_rows *rows, int sign, lt_error *err)
{
    const lt_agg *agg = set->aggs[a];
    if (rows->count == 0) {
        return LT_OK;
    }
    uint8_t **states = rows->records;
    if (set->offsets[a] > 0) {
        states = lt_arena_alloc(input->arena, sizeof *states * rows->count, 64);
        if (!states) {
            return lt_error_nomem(err, "aggregates");
        }
        shift(states, rows->records, rows->count, set->offsets[a]);
    }
    return agg->cls->update(agg, states, args, rows->rows, rows->count, sign, input->cells, err);
}

bool lt_agg_rows_new(agg_rows *rows, uint32_t count, lt_arena *arena)
{
    rows->records = lt_arena_alloc(arena, sizeof *rows->records * ((size_t)count + 1), 64);
    rows->rows = lt_arena_alloc(arena, sizeof *rows->rows * ((size_t)count + 1), 64);
    rows->count = 0;
    return rows->records && rows->rows;
}

/* The rows that count for a call, before DISTINCT. */
static lt_status select_rows(lt_aggset *set, const lt_agg_input *input, uint32_t a,
                             const agg_rows *all, agg_rows *picked, lt_error *err)
{
    *picked = *all;
    if (set->filter_at[a] == NONE) {
        return LT_OK;
    }
    if (!lt_agg_rows_new(picked, all->count, input->arena)) {
        return lt_error_nomem(err, "aggregates");
    }
    picked->count =
        apply_filter(&input->cols[set->filter_at[a]], all->records, all->rows, all->count, picked);
    return LT_OK;
}

lt_status lt_aggset_update_signed(lt_aggset *set, const lt_agg_input *input,
                                  uint8_t *const *records, const uint32_t *rows, uint32_t count,
                                  int sign, lt_error *err)
{
    /* Read only here; the struct is also used for lists that are filled. */
    const agg_rows all = {(uint8_t **)(uintptr_t)records, (uint32_t *)(uintptr_t)rows, count};
    agg_rows *changed = NULL;
    if (set->distinct_count > 0) {
        changed = LT_NEW_ARRAY(input->arena, agg_rows, set->distinct_count);
        if (!changed) {
            return lt_error_nomem(err, "aggregates");
        }
    }
    for (uint32_t d = 0; d < set->distinct_count; d++) {
        agg_rows picked;
        LT_TRY(select_rows(set, input, set->distinct[d].agg, &all, &picked, err));
        LT_TRY(lt_distinct_count(set, input, d, &picked, sign, &changed[d], err));
    }
    for (uint32_t a = 0; a < set->count; a++) {
        agg_rows picked;
        if (set->distinct_of[a] != NONE) {
            picked = changed[set->distinct_of[a]];
        } else {
            LT_TRY(select_rows(set, input, a, &all, &picked, err));
        }
        LT_TRY(lt_agg_apply(set, input, a, input->cols + set->arg_at[a], &picked, sign, err));
    }
    return LT_OK;
}

/* ---- rows of both signs ----
 *
 * A record must see its rows in order, but different records are independent. Rows are dealt into
 * waves: a record's rows go to the next wave whenever their sign changes, so within a wave every
 * record has one sign and the wave's adds and retractions are each one update. The usual -U/+U
 * traffic needs two or three waves a batch. */

typedef struct {
    const uint8_t *record;
    uint32_t wave; /* even: adds, odd: retractions */
} wave_slot;

static wave_slot *wave_find(wave_slot *slots, uint64_t mask, const uint8_t *record)
{
    uint64_t at = lt_hash_u64((uint64_t)(uintptr_t)record) & mask;
    while (slots[at].record && slots[at].record != record) {
        at = (at + 1) & mask;
    }
    return &slots[at];
}

/* waves[i] of each row; returns how many there are. */
static lt_status deal_waves(const lt_agg_input *input, uint8_t *const *records,
                            const uint32_t *rows, uint32_t count, uint32_t *waves,
                            uint32_t *wave_count, lt_error *err)
{
    uint64_t size = 16;
    while (size < (uint64_t)count * 2) {
        size *= 2;
    }
    wave_slot *slots = LT_NEW_ARRAY(input->arena, wave_slot, size);
    if (!slots) {
        return lt_error_nomem(err, "aggregates");
    }
    uint32_t last = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t odd = lt_kind_is_add(input->in->kinds[rows[i]]) ? 0 : 1;
        wave_slot *slot = wave_find(slots, size - 1, records[i]);
        if (!slot->record) {
            slot->record = records[i];
            slot->wave = odd;
        } else if ((slot->wave & 1) != odd) {
            slot->wave++;
        }
        waves[i] = slot->wave;
        last = LT_MAX(last, slot->wave);
    }
    *wave_count = last + 1;
    return LT_OK;
}

lt_status lt_aggset_update(lt_aggset *set, const lt_agg_input *input, uint8_t *const *records,
                           const uint32_t *rows, uint32_t count, lt_error *err)
{
    if (!input->in->kinds || count == 0) {
        return lt_aggset_update_signed(set, input, records, rows, count, 1, err);
    }
    uint32_t *waves = lt_arena_alloc(input->arena, sizeof *waves * count, 64);
    uint32_t wave_count = 0;
    agg_rows part;
    if (!waves || !lt_agg_rows_new(&part, count, input->arena)) {
        return lt_error_nomem(err, "aggregates");
    }
    LT_TRY(deal_waves(input, records, rows, count, waves, &wave_count, err));
    for (uint32_t w = 0; w < wave_count; w++) {
        part.count = 0;
        for (uint32_t i = 0; i < count; i++) {
            part.records[part.count] = records[i];
            part.rows[part.count] = rows[i];
            part.count += waves[i] == w;
        }
        LT_TRY(lt_aggset_update_signed(set, input, part.records, part.rows, part.count,
                                       w & 1 ? -1 : 1, err));
    }
    return LT_OK;
}

/* ---- merge and results ---- */

lt_status lt_aggset_merge(lt_aggset *set, uint8_t *const *dst, uint8_t *const *src, uint32_t count,
                          lt_cells *dst_cells, lt_arena *arena, lt_error *err)
{
    uint8_t **to = lt_arena_alloc(arena, sizeof *to * ((size_t)count + 1), 64);
    uint8_t **from = lt_arena_alloc(arena, sizeof *from * ((size_t)count + 1), 64);
    if (!to || !from) {
        return lt_error_nomem(err, "aggregates");
    }
    for (uint32_t a = 0; a < set->count; a++) {
        const lt_agg *agg = set->aggs[a];
        if (set->distinct_of[a] != NONE) {
            continue; /* from the merged set of values */
        }
        shift(to, dst, count, set->offsets[a]);
        shift(from, src, count, set->offsets[a]);
        LT_TRY(agg->cls->merge(agg, to, (const uint8_t *const *)from, count, dst_cells, err));
    }
    return LT_OK;
}

lt_status lt_aggset_add(lt_aggset *set, uint8_t *const *dst, uint8_t *const *src, uint32_t count,
                        lt_cells *dst_cells, lt_arena *arena, lt_error *err)
{
    uint8_t **to = lt_arena_alloc(arena, sizeof *to * ((size_t)count + 1), 64);
    uint8_t **from = lt_arena_alloc(arena, sizeof *from * ((size_t)count + 1), 64);
    if (!to || !from) {
        return lt_error_nomem(err, "aggregates");
    }
    for (uint32_t a = 0; a < set->count; a++) {
        const lt_agg *agg = set->aggs[a];
        shift(to, dst, count, set->offsets[a]);
        shift(from, src, count, set->offsets[a] - set->head);
        LT_TRY(agg->cls->merge(agg, to, (const uint8_t *const *)from, count, dst_cells, err));
    }
    return LT_OK;
}

lt_status lt_aggset_finish(lt_aggset *set, const lt_agg_results *to, lt_error *err)
{
    uint8_t **states = lt_arena_alloc(to->temp, sizeof *states * ((size_t)to->count + 1), 64);
    if (!states) {
        return lt_error_nomem(err, "aggregates");
    }
    for (uint32_t a = 0; a < set->count; a++) {
        const lt_agg *agg = set->aggs[a];
        shift(states, to->records, to->count, set->offsets[a]);
        LT_TRY(agg->cls->finish(agg, (const uint8_t *const *)states, to->count, &to->cols[a],
                                to->cap, to->arena, err));
    }
    return LT_OK;
}

lt_status lt_aggset_run(lt_aggset *set, const lt_agg_input *input, const uint32_t *rows,
                        const lt_agg_results *to, lt_error *err)
{
    LT_DCHECK(set->runs != NULL);
    for (uint32_t a = 0; a < set->count; a++) {
        const lt_agg_run run = {.records = to->records,
                                .offset = set->offsets[a],
                                .args = input->cols + set->arg_at[a],
                                .rows = rows,
                                .count = to->count,
                                .cap = to->cap,
                                .arena = to->arena};
        LT_TRY(set->runs[a](set->aggs[a], &run, &to->cols[a], err));
    }
    return LT_OK;
}
