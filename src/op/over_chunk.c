/* Aggregates over the rows of a chunk; see over_int.h.
 *
 * Steps of different partitions are independent, so they are done in waves: the first step of every
 * partition at once, then the second ones, each wave with one update that takes away, one that adds
 * and one that gives results. A chunk of rows of many partitions is two or three waves; where rows
 * only enter one at a time and every call can give running results, it is a single pass. */
#include <string.h>

#include "base/hash.h"
#include "op/over_int.h"

void lt_over_chunk_clear(over_chunk *chunk)
{
    lt_arena *arena = chunk->arena;
    lt_arena_reset(arena, LT_OP_CHUNK_KEEP);
    *chunk = (over_chunk){.arena = arena};
}

static void *grown(lt_arena *arena, const void *from, uint32_t count, uint32_t cap, size_t size)
{
    void *to = lt_arena_alloc(arena, (size_t)cap * size, 8);
    if (to && count > 0) {
        memcpy(to, from, (size_t)count * size);
    }
    return to;
}

lt_status lt_over_chunk_row(over_chunk *chunk, lt_str row, lt_error *err)
{
    if (chunk->row_count == chunk->row_cap) {
        uint32_t cap = chunk->row_cap ? chunk->row_cap * 2 : 256;
        chunk->rows = grown(chunk->arena, chunk->rows, chunk->row_count, cap, sizeof *chunk->rows);
        chunk->lens = grown(chunk->arena, chunk->lens, chunk->row_count, cap, sizeof *chunk->lens);
        if (!chunk->rows || !chunk->lens) {
            return lt_error_nomem(err, "rows of a window");
        }
        chunk->row_cap = cap;
    }
    uint8_t *copy = lt_arena_alloc(chunk->arena, row.len + 1, 8);
    if (!copy) {
        return lt_error_nomem(err, "rows of a window");
    }
    memcpy(copy, row.ptr, row.len);
    chunk->rows[chunk->row_count] = copy;
    chunk->lens[chunk->row_count++] = (uint32_t)row.len;
    return LT_OK;
}

lt_status lt_over_chunk_step(over_chunk *chunk, uint8_t *record, over_step **out, lt_error *err)
{
    if (chunk->step_count == chunk->step_cap) {
        uint32_t cap = chunk->step_cap ? chunk->step_cap * 2 : 256;
        chunk->steps =
            grown(chunk->arena, chunk->steps, chunk->step_count, cap, sizeof *chunk->steps);
        if (!chunk->steps) {
            return lt_error_nomem(err, "rows of a window");
        }
        chunk->step_cap = cap;
    }
    *out = &chunk->steps[chunk->step_count++];
    **out = (over_step){.record = record, .first = chunk->row_count};
    return LT_OK;
}

/* ---- waves ---- */

typedef struct {
    const uint8_t *record;
    uint32_t next; /* wave */
} wave_slot;

/* Numbers the steps of each record; returns how many waves there are. */
static lt_status deal_waves(over_chunk *chunk, uint32_t *waves, lt_error *err)
{
    uint64_t size = 16;
    while (size < (uint64_t)chunk->step_count * 2) {
        size *= 2;
    }
    wave_slot *slots = LT_NEW_ARRAY(chunk->arena, wave_slot, size);
    if (!slots) {
        return lt_error_nomem(err, "rows of a window");
    }
    *waves = 0;
    for (uint32_t i = 0; i < chunk->step_count; i++) {
        over_step *step = &chunk->steps[i];
        uint64_t at = lt_hash_u64((uint64_t)(uintptr_t)step->record) & (size - 1);
        while (slots[at].record && slots[at].record != step->record) {
            at = (at + 1) & (size - 1);
        }
        slots[at].record = step->record;
        step->wave = slots[at].next++;
        *waves = LT_MAX(*waves, slots[at].next);
    }
    return LT_OK;
}

/* Steps in the order of their waves, and in a wave as they stand. */
static lt_status order_steps(over_chunk *chunk, uint32_t waves, uint32_t **order, uint32_t **ends,
                             lt_error *err)
{
    uint32_t *starts = LT_NEW_ARRAY(chunk->arena, uint32_t, (size_t)waves + 2);
    *order = LT_NEW_ARRAY(chunk->arena, uint32_t, (size_t)chunk->step_count + 1);
    if (!starts || !*order) {
        return lt_error_nomem(err, "rows of a window");
    }
    for (uint32_t i = 0; i < chunk->step_count; i++) {
        starts[chunk->steps[i].wave + 1]++;
    }
    for (uint32_t w = 0; w < waves; w++) {
        starts[w + 1] += starts[w];
    }
    for (uint32_t i = 0; i < chunk->step_count; i++) {
        (*order)[starts[chunk->steps[i].wave]++] = i;
    }
    *ends = starts; /* each start has moved to its wave's end */
    return LT_OK;
}

typedef struct {
    over_op *self;
    lt_agg_input input;
    uint8_t **records;
    uint32_t *rows;
    const uint32_t *order;
    uint32_t from, to; /* the wave, in order */
} wave_run;

/* What leaves (sign < 0) or enters by the steps of a wave. */
static lt_status update_wave(wave_run *run, int sign, lt_error *err)
{
    const over_chunk *chunk = &run->self->chunk;
    uint32_t count = 0;
    for (uint32_t i = run->from; i < run->to; i++) {
        const over_step *step = &chunk->steps[run->order[i]];
        uint32_t first = step->first + (sign > 0 ? step->leaving : 0);
        uint32_t rows = sign > 0 ? step->entering : step->leaving;
        for (uint32_t r = 0; r < rows; r++) {
            run->records[count] = step->record;
            run->rows[count++] = first + r;
        }
    }
    return count == 0 ? LT_OK
                      : lt_aggset_update_signed(&run->self->set, &run->input, run->records,
                                                run->rows, count, sign, err);
}

static lt_status new_results(const lt_aggset *set, lt_arena *arena, uint32_t cap, lt_col **out,
                             lt_error *err)
{
    *out = LT_NEW_ARRAY(arena, lt_col, (size_t)set->count + 1);
    for (uint32_t a = 0; *out && a < set->count; a++) {
        if (!lt_col_init(&(*out)[a], set->aggs[a]->result, cap, arena)) {
            *out = NULL;
        }
    }
    return *out ? LT_OK : lt_error_nomem(err, "results of a window");
}

/* The results of a wave stand at from .. to-1 of the chunk's. */
static lt_status finish_wave(wave_run *run, uint32_t cap, lt_error *err)
{
    over_chunk *chunk = &run->self->chunk;
    lt_aggset *set = &run->self->set;
    uint32_t count = run->to - run->from;
    bool whole = count == chunk->step_count;
    lt_col *cols = chunk->results;
    for (uint32_t i = 0; i < count; i++) {
        run->records[i] = chunk->steps[run->order[run->from + i]].record;
    }
    if (!whole) {
        LT_TRY(new_results(set, chunk->arena, (count + 63) / 64 * 64, &cols, err));
    }
    const lt_agg_results to = {.records = run->records,
                               .count = count,
                               .cols = cols,
                               .cap = whole ? cap : (count + 63) / 64 * 64,
                               .arena = chunk->arena,
                               .temp = chunk->arena};
    LT_TRY(lt_aggset_finish(set, &to, err));
    for (uint32_t a = 0; !whole && a < set->count; a++) {
        if (!lt_col_put(&chunk->results[a], run->from, cap, &cols[a], NULL, count, false,
                        chunk->arena)) {
            return lt_error_nomem(err, "results of a window");
        }
    }
    return LT_OK;
}

static lt_status run_waves(wave_run *run, uint32_t cap, lt_error *err)
{
    over_chunk *chunk = &run->self->chunk;
    uint32_t waves = 0, *order = NULL, *ends = NULL;
    LT_TRY(deal_waves(chunk, &waves, err));
    LT_TRY(order_steps(chunk, waves, &order, &ends, err));
    run->order = order;
    for (uint32_t w = 0; w < waves; w++) {
        run->from = w > 0 ? ends[w - 1] : 0;
        run->to = ends[w];
        LT_TRY(update_wave(run, -1, err));
        LT_TRY(update_wave(run, 1, err));
        LT_TRY(finish_wave(run, cap, err));
    }
    for (uint32_t i = 0; i < chunk->step_count; i++) {
        chunk->steps[order[i]].wave = i; /* from here on: where its results are */
    }
    return LT_OK;
}

/* ---- one pass ---- */

/* Every step is one row that enters. */
static bool is_plain(const over_op *self)
{
    const lt_over_spec *spec = self->op.spec;
    const over_chunk *chunk = &self->chunk;
    return self->set.runs && !spec->frame.bounded && chunk->step_count == chunk->row_count;
}

static lt_status run_plain(wave_run *run, uint32_t cap, lt_error *err)
{
    over_chunk *chunk = &run->self->chunk;
    for (uint32_t i = 0; i < chunk->step_count; i++) {
        run->records[i] = chunk->steps[i].record;
        run->rows[i] = i;
        chunk->steps[i].wave = i;
    }
    const lt_agg_results to = {.records = run->records,
                               .count = chunk->step_count,
                               .cols = chunk->results,
                               .cap = cap,
                               .arena = chunk->arena,
                               .temp = chunk->arena};
    return lt_aggset_run(&run->self->set, &run->input, run->rows, &to, err);
}

/* ---- a chunk ---- */

static lt_status decode_rows(over_op *self, uint32_t cap, lt_error *err)
{
    over_chunk *chunk = &self->chunk;
    const lt_schema *in = self->op.in_schemas[0];
    lt_col **cols = LT_NEW_ARRAY(chunk->arena, lt_col *, (size_t)in->count + 1);
    chunk->cols = LT_NEW_ARRAY(chunk->arena, lt_col, (size_t)in->count + 1);
    if (!cols || !chunk->cols) {
        return lt_error_nomem(err, "rows of a window");
    }
    for (uint32_t c = 0; c < in->count; c++) {
        cols[c] = &chunk->cols[c];
        if (!lt_col_init(cols[c], in->fields[c].type, cap, chunk->arena)) {
            return lt_error_nomem(err, "rows of a window");
        }
    }
    return lt_rowcodec_decode(self->ranked.row_codec, chunk->rows, chunk->lens, chunk->row_count,
                              cap, false, chunk->arena, cols, err);
}

/* Arguments are columns and constants, so that no row can fail. */
static lt_status prepare_input(over_op *self, lt_agg_input *input, lt_error *err)
{
    over_chunk *chunk = &self->chunk;
    const lt_over_spec *spec = self->op.spec;
    lt_col *args = LT_NEW_ARRAY(chunk->arena, lt_col, (size_t)self->set.ev.count + 1);
    const lt_col **prefix =
        LT_NEW_ARRAY(chunk->arena, const lt_col *, (size_t)spec->partition_count + 1);
    lt_batch *rows = LT_NEW(chunk->arena, lt_batch);
    lt_row_errors errors = {0};
    if (!args || !prefix || !rows) {
        return lt_error_nomem(err, "rows of a window");
    }
    rows->row_count = rows->sel_count = chunk->row_count;
    rows->col_count = self->op.in_schemas[0]->count;
    rows->cols = chunk->cols;
    rows->schema = self->op.in_schemas[0];
    rows->arena = chunk->arena;
    LT_TRY(lt_evaluator_run(&self->op, &self->set.ev, rows, chunk->arena, args, &errors, err));
    LT_ASSERT(errors.count == 0);
    for (uint32_t i = 0; i < spec->partition_count; i++) {
        prefix[i] = &chunk->cols[spec->partition[i]];
    }
    *input = (lt_agg_input){.op = &self->op,
                            .in = rows,
                            .cols = args,
                            .prefix = prefix,
                            .distinct = self->distinct,
                            .cells = lt_table_cells(self->keys),
                            .arena = chunk->arena};
    return LT_OK;
}

static lt_status list_output(over_chunk *chunk, lt_error *err)
{
    chunk->out_row = LT_NEW_ARRAY(chunk->arena, uint32_t, (size_t)chunk->row_count + 1);
    chunk->out_at = LT_NEW_ARRAY(chunk->arena, uint32_t, (size_t)chunk->row_count + 1);
    if (!chunk->out_row || !chunk->out_at) {
        return lt_error_nomem(err, "results of a window");
    }
    for (uint32_t i = 0; i < chunk->step_count; i++) {
        const over_step *step = &chunk->steps[i];
        for (uint32_t r = 0; r < step->entering; r++) {
            chunk->out_row[chunk->out_count] = step->first + step->leaving + r;
            chunk->out_at[chunk->out_count++] = step->wave;
        }
    }
    return LT_OK;
}

lt_status lt_over_chunk_run(over_op *self, lt_error *err)
{
    over_chunk *chunk = &self->chunk;
    wave_run run = {.self = self};
    if (chunk->step_count == 0) {
        return LT_OK;
    }
    uint32_t cap = (LT_MAX(chunk->row_count, chunk->step_count) + 63) / 64 * 64;
    LT_TRY(decode_rows(self, cap, err));
    LT_TRY(prepare_input(self, &run.input, err));
    LT_TRY(new_results(&self->set, chunk->arena, cap, &chunk->results, err));
    run.records = LT_NEW_ARRAY(chunk->arena, uint8_t *, (size_t)cap + 1);
    run.rows = LT_NEW_ARRAY(chunk->arena, uint32_t, (size_t)cap + 1);
    if (!run.records || !run.rows) {
        return lt_error_nomem(err, "rows of a window");
    }
    LT_TRY(is_plain(self) ? run_plain(&run, cap, err) : run_waves(&run, cap, err));
    return list_output(chunk, err);
}

/* ---- output ---- */

static lt_status write_part(over_op *self, uint32_t count, lt_error *err)
{
    over_chunk *chunk = &self->chunk;
    lt_outbox *box = &self->box;
    uint32_t lefts = self->op.in_schemas[0]->count;
    LT_TRY(lt_outbox_begin(&self->op, box, count, chunk->arena, err));
    for (uint32_t c = 0; c < self->op.out_schema->count; c++) {
        bool is_row = c < lefts;
        const lt_col *from = is_row ? &chunk->cols[c] : &chunk->results[c - lefts];
        const uint32_t *rows = (is_row ? chunk->out_row : chunk->out_at) + chunk->out_at_next;
        if (!lt_col_put(&box->cols[c], 0, box->capacity, from, rows, count, true,
                        box->batch->arena)) {
            return lt_error_nomem(err, "results of a window");
        }
    }
    chunk->out_at_next += count;
    return lt_outbox_commit(&self->op, box, count, err);
}

lt_status lt_over_chunk_emit(over_op *self, lt_emit *out, lt_error *err)
{
    over_chunk *chunk = &self->chunk;
    while (chunk->out_at_next < chunk->out_count) {
        uint32_t count = LT_MIN(chunk->out_count - chunk->out_at_next, lt_outbox_room(&self->box));
        if (count == 0) {
            LT_TRY(lt_outbox_flush(&self->box, out, err));
            continue;
        }
        LT_TRY(write_part(self, count, err));
    }
    return LT_OK;
}
