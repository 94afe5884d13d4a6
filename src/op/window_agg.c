/* TUMBLE, HOP and CUMULATE aggregates, and aggregates over attached windows, on shared slices.
 *
 *   slices   end 10 -> { key -> accumulators }   rows go into the one slice they lie in
 *            end 20 -> { .. }                    a window is their merge (window_fire.c)
 *
 * The hot path: when no window closes between the batch's first and last mark, and none of its rows
 * is late, the marks do not matter. Slice ends are computed column at a time, rows are dealt to
 * their slices, keys are encoded and probed in bulk, and every aggregate is updated in one call per
 * slice. Otherwise the batch is cut into ranges of rows for which the same holds: a range ends
 * before the first mark that closes a window which has rows, the range's own included.
 *
 * A row is judged against the watermark before it and dropped as late only when all windows of its
 * slice are closed. With CUMULATE, slices whose first window has fired are merged into the first
 * slice of their group, so each window costs one merge.
 *
 * Ledger: a row is held from the moment it comes in, then by its slice (the slice's tag counts
 * them) until that is dropped. */
#include "op/window_agg_int.h"

static const uint32_t no_cells[1] = {0};

static lt_status declare_slices(window_agg_op *self, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_aggset *set = &self->set;
    const lt_window_agg_spec *spec = op->spec;
    lt_table_decl decl = {.name = "slices",
                          .key = self->key_codec,
                          .value_size = set->size,
                          .cell_offsets = set->cell_offsets,
                          .cell_count = set->cell_count,
                          .group_fields = spec->key_count};
    LT_TRY(lt_state_slices(op->state, &decl, &self->slices, err));
    self->distinct_slices = LT_NEW_ARRAY(op->arena, lt_slices *, set->distinct_count + 1);
    self->merged_distinct = LT_NEW_ARRAY(op->arena, lt_table *, set->distinct_count + 1);
    if (!self->distinct_slices || !self->merged_distinct) {
        return lt_error_nomem(err, "window state");
    }
    for (uint32_t d = 0; d < set->distinct_count; d++) {
        LT_TRY(lt_state_slices(op->state, &set->distinct[d].decl, &self->distinct_slices[d], err));
    }
    if (!self->shared || self->math.spec.kind != LT_WINDOW_HOP) {
        return LT_OK;
    }
    decl.name = "merged";
    LT_TRY(lt_state_table(op->state, &decl, &self->merged, err));
    for (uint32_t d = 0; d < set->distinct_count; d++) {
        lt_table_decl values = set->distinct[d].decl;
        values.name = lt_arena_printf(op->arena, "merged.%s", values.name);
        if (!values.name) {
            return lt_error_nomem(err, "window state");
        }
        LT_TRY(lt_state_table(op->state, &values, &self->merged_distinct[d], err));
    }
    return LT_OK;
}

static lt_status plan_keys(window_agg_op *self, const lt_window_agg_spec *spec, lt_error *err)
{
    lt_op *op = &self->op;
    bool with_start = spec->window.attached && spec->window.kind == LT_WINDOW_SESSION;
    self->key_count = spec->key_count + (with_start ? 1 : 0);
    self->keys = LT_NEW_ARRAY(op->arena, uint32_t, (size_t)self->key_count + 1);
    self->key_types = LT_NEW_ARRAY(op->arena, const lt_type *, (size_t)self->key_count + 1);
    if (!self->keys || !self->key_types) {
        return lt_error_nomem(err, "window keys");
    }
    for (uint32_t k = 0; k < self->key_count; k++) {
        self->keys[k] = k < spec->key_count ? spec->keys[k] : spec->window.start_col;
        self->key_types[k] = op->in_schemas[0]->fields[self->keys[k]].type;
    }
    self->key_codec = lt_rowcodec_new(op->arena, self->key_types, self->key_count, false);
    return self->key_codec ? LT_OK : lt_error_nomem(err, "window keys");
}

static lt_status window_agg_open(lt_op *op, lt_error *err)
{
    window_agg_op *self = (window_agg_op *)op;
    const lt_window_agg_spec *spec = op->spec;
    LT_ASSERT(spec->window.attached || spec->window.kind != LT_WINDOW_SESSION);
    LT_ASSERT(op->out_schema->count == spec->key_count + spec->agg_count + 3);
    lt_window_math_init(&self->math, &spec->window, op);
    LT_ASSERT(!spec->partials || !spec->input_updates);
    self->partials = spec->partials;
    self->counted = spec->input_updates;
    self->shared = !spec->window.attached && self->math.grid_ms < spec->window.size_ms;
    self->unsent = LT_WATERMARK_MIN;
    self->fire_end = LT_WATERMARK_MIN;
    lt_outbox_init(op, &self->box, false);
    if (spec->window.proctime) {
        lt_proctime_wake(op, LT_WATERMARK_MIN); /* windows may come with restored state */
    }
    LT_TRY(lt_op_chunk_new(op, &self->chunk, err));
    LT_TRY(plan_keys(self, spec, err));
    const lt_aggset_spec aggs = {.aggs = spec->aggs,
                                 .count = spec->agg_count,
                                 .head = self->counted ? sizeof(window_head) : 0,
                                 .head_cells = no_cells,
                                 .prefix = self->key_types,
                                 .prefix_count = self->key_count,
                                 .group_fields = spec->key_count,
                                 .partials = spec->partials != NULL};
    LT_TRY(lt_aggset_init(op, &self->set, &aggs, err));
    return declare_slices(self, err);
}

static void window_agg_close(lt_op *op)
{
    window_agg_op *self = (window_agg_op *)op;
    lt_aggset_deinit(&self->set);
    lt_outbox_deinit(&self->box);
    lt_batch_unref(self->pending);
    lt_arena_free(self->chunk);
}

/* ---- the batch at hand: what is computed again when a cursor is resumed ---- */

typedef struct {
    lt_batch *in;
    uint32_t *rows;       /* physical rows */
    const int64_t *times; /* local time of each (its window's end when attached); NULL once the ends
                             are there */
    int64_t *ends;        /* slice of each */
    uint32_t count;
    lt_col *cols;
} window_input;

/* Rows without a time belong to no window. */
static void drop_null_times(lt_op *op, const lt_col *time, uint32_t *rows, uint32_t *count)
{
    if (!time->valid) {
        return;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++) {
        if (!lt_col_is_null(time, rows[i])) {
            rows[kept++] = rows[i];
        }
    }
    op->ledger.filtered += *count - kept;
    *count = kept;
}

static const lt_col *time_column(const window_agg_op *self, const lt_batch *in)
{
    const lt_window *spec = &self->math.spec;
    if (self->partials) {
        return &in->cols[self->partials->end_col];
    }
    return &in->cols[spec->attached ? spec->end_col : spec->time_col];
}

/* Source rows that these input rows stand for. */
static uint64_t weight_of(const window_agg_op *self, const lt_batch *in, const uint32_t *rows,
                          uint32_t count)
{
    return self->partials ? lt_partials_weight(self->partials, in, rows, count) : count;
}

/* Partial rows carry their slice; its last millisecond stands for their times. */
static lt_status prepare_ends(window_agg_op *self, window_input *input, const lt_col *end,
                              lt_error *err)
{
    int64_t *times =
        lt_arena_alloc(self->op.scratch, sizeof *times * ((size_t)input->count + 1), 64);
    if (!times) {
        return lt_error_nomem(err, "window rows");
    }
    const int64_t *ends = LT_COL_DATA(end, const int64_t);
    uint64_t back = self->math.spec.attached ? 0 : 1;
    for (uint32_t i = 0; i < input->count; i++) {
        times[i] = (int64_t)((uint64_t)ends[input->rows[i]] - back);
    }
    input->times = times;
    return LT_OK;
}

/* Times are taken from the column as they stand where that is possible. */
static lt_status prepare_times(window_agg_op *self, window_input *input, const lt_col *time,
                               lt_error *err)
{
    const lt_batch *in = input->in;
    if (self->partials) {
        return prepare_ends(self, input, time, err);
    }
    bool plain = time->phys == LT_PHYS_I64 && time->type->precision <= 3;
    bool zoned = self->math.zone && !self->math.spec.attached;
    if (plain && !zoned && !in->sel && input->count == in->row_count) {
        input->times = LT_COL_DATA(time, const int64_t);
        return LT_OK;
    }
    int64_t *times =
        lt_arena_alloc(self->op.scratch, sizeof *times * ((size_t)input->count + 1), 64);
    if (!times) {
        return lt_error_nomem(err, "window rows");
    }
    if (plain) {
        const int64_t *data = LT_COL_DATA(time, const int64_t);
        for (uint32_t i = 0; i < input->count; i++) {
            times[i] = data[input->rows[i]];
        }
    } else {
        for (uint32_t i = 0; i < input->count; i++) {
            times[i] = lt_op_time_ms(time, input->rows[i]);
        }
    }
    if (zoned) {
        lt_window_locals(&self->math, times, input->count);
    }
    input->times = times;
    return LT_OK;
}

/* From times to slices. */
static lt_status need_ends(window_agg_op *self, window_input *input, lt_error *err)
{
    if (!input->times) {
        return LT_OK;
    }
    size_t size = sizeof(int64_t) * ((size_t)input->count + 1);
    input->ends = lt_arena_alloc(self->op.scratch, size, 64);
    if (!input->ends) {
        return lt_error_nomem(err, "window rows");
    }
    memcpy(input->ends, input->times, sizeof(int64_t) * input->count);
    lt_window_slice_ends(&self->math, input->ends, input->count);
    input->times = NULL;
    return LT_OK;
}

/* Evaluates the batch. Refusals and drops that change the ledger happen once; a resumed batch
 * repeats the selection without them. */
static lt_status prepare(window_agg_op *self, window_input *input, lt_error *err)
{
    lt_op *op = &self->op;
    lt_batch *in = input->in;
    lt_ledger before = op->ledger;
    if (self->checked && self->row_at >= self->rows_end) {
        input->count = self->rows_end;
        return LT_OK;
    }
    input->rows = lt_op_live_rows(in, op->scratch);
    input->cols = LT_NEW_ARRAY(op->scratch, lt_col, (size_t)self->set.ev.count + 1);
    if (!input->rows || !input->cols) {
        return lt_error_nomem(err, "window rows");
    }
    input->count = lt_batch_live(in);
    const lt_col *time = time_column(self, in);
    drop_null_times(op, time, input->rows, &input->count);
    lt_row_errors errors = {0};
    lt_batch view;
    lt_op_view(&view, in, time->valid || in->sel ? input->rows : NULL, input->count);
    LT_TRY(lt_evaluator_run(op, &self->set.ev, &view, op->scratch, input->cols, &errors, err));
    if (!self->checked) {
        self->refused = lt_op_errors_reject(op, &self->set.ev, in, &errors, input->rows,
                                            &input->count, &self->refused_why);
        self->rows_end = input->count;
        self->marks_end = in->mark_count;
        while (self->refused != LT_OK && self->marks_end > 0 &&
               (input->count == 0 ||
                in->marks[self->marks_end - 1].first_row > input->rows[input->count - 1])) {
            self->marks_end--; /* behind the row that fails the job */
        }
        uint64_t weight = weight_of(self, in, input->rows, input->count);
        op->ledger.held += weight;
        op->ledger.in += weight - input->count; /* its words are rows of the source */
        self->checked = true;
    } else {
        op->ledger = before;
        uint32_t kept = 0;
        for (uint32_t i = 0; i < input->count && kept < self->rows_end; i++) {
            if (errors.count == 0 || !lt_bit_get(errors.rows, input->rows[i])) {
                input->rows[kept++] = input->rows[i];
            }
        }
        input->count = kept;
    }
    return prepare_times(self, input, time, err);
}

/* ---- adding rows to slices ---- */

static lt_status update_slice(window_agg_op *self, const window_input *input, int64_t end,
                              const uint32_t *rows, uint32_t count, lt_error *err)
{
    lt_op *op = &self->op;
    lt_table *table = NULL;
    lt_rows keys;
    LT_TRY(lt_slices_get(self->slices, end, true, &table, err));
    *lt_slices_tag(self->slices, end) += (int64_t)weight_of(self, input->in, rows, count);
    const lt_col **cols = LT_NEW_ARRAY(op->scratch, const lt_col *, (size_t)self->key_count + 1);
    lt_table **sets = LT_NEW_ARRAY(op->scratch, lt_table *, self->set.distinct_count + 1);
    void **values = lt_arena_alloc(op->scratch, sizeof *values * ((size_t)count + 1), 64);
    if (!cols || !sets || !values) {
        return lt_error_nomem(err, "window keys");
    }
    for (uint32_t k = 0; k < self->key_count; k++) {
        cols[k] = &input->in->cols[self->keys[k]];
    }
    for (uint32_t d = 0; d < self->set.distinct_count; d++) {
        LT_TRY(lt_slices_get(self->distinct_slices[d], end, true, &sets[d], err));
    }
    LT_TRY(lt_rowcodec_encode(self->key_codec, cols, rows, count, op->scratch, &keys, err));
    LT_TRY(lt_table_probe(table, &keys, true, values, NULL, err));
    if (self->partials) {
        const lt_partials from = {.spec = self->partials,
                                  .op = op,
                                  .in = input->in,
                                  .set = &self->set,
                                  .cells = lt_table_cells(table),
                                  .arena = op->scratch};
        return lt_partials_add(&from, (uint8_t *const *)values, rows, count, err);
    }
    if (self->counted) {
        for (uint32_t i = 0; i < count; i++) {
            bool adds = lt_kind_is_add(lt_batch_kind(input->in, rows[i]));
            ((window_head *)values[i])->rows += adds ? 1 : -1;
        }
    }
    const lt_agg_input to = {.op = op,
                             .in = input->in,
                             .cols = input->cols,
                             .prefix = cols,
                             .distinct = sets,
                             .cells = lt_table_cells(table),
                             .arena = op->scratch};
    return lt_aggset_update(&self->set, &to, (uint8_t *const *)values, rows, count, err);
}

/* Rows in order of slice: one update per run. */
static lt_status update_runs(window_agg_op *self, const window_input *input, const uint32_t *rows,
                             const int64_t *ends, uint32_t count, lt_error *err)
{
    uint32_t from = 0;
    while (from < count) {
        uint32_t to = from + 1;
        while (to < count && ends[to] == ends[from]) {
            to++;
        }
        LT_TRY(update_slice(self, input, ends[from], rows + from, to - from, err));
        from = to;
    }
    return LT_OK;
}

/* Deals rows to their slices, earliest slice first. Both arrays are consumed. */
static lt_status update_slices(window_agg_op *self, const window_input *input, uint32_t *rows,
                               int64_t *ends, uint32_t count, lt_error *err)
{
    uint32_t *part = NULL;
    while (count > 0) {
        int64_t low = ends[0];
        bool ordered = true;
        for (uint32_t i = 1; i < count; i++) {
            ordered = ordered & (ends[i] >= ends[i - 1]);
            low = LT_MIN(low, ends[i]);
        }
        if (ordered) {
            return update_runs(self, input, rows, ends, count, err);
        }
        part = part ? part : lt_arena_alloc(self->op.scratch, sizeof *part * count, 64);
        if (!part) {
            return lt_error_nomem(err, "window rows");
        }
        uint32_t picked = 0;
        uint32_t left = 0;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t row = rows[i];
            int64_t end = ends[i];
            part[picked] = row;
            picked += end == low;
            rows[left] = row;
            ends[left] = end;
            left += end != low;
        }
        LT_TRY(update_slice(self, input, low, part, picked, err));
        count = left;
    }
    return LT_OK;
}

/* ---- ranges ---- */

static void expect_close(window_agg_op *self, int64_t close)
{
    self->next_close = LT_MIN(self->next_close, close);
}

static void pass_marks(window_agg_op *self, const lt_batch *in, uint32_t until)
{
    if (until > self->mark_at) {
        self->mark_at = until;
        self->op.watermark = LT_MAX(self->op.watermark, in->marks[until - 1].watermark);
        self->unsent = self->op.watermark;
    }
}

/* Few slices close together: rows are dealt in one pass, without a division or an unforeseeable
 * branch per row. */
#define DEAL_MAX 4

static lt_status deal_few(window_agg_op *self, const window_input *input, int64_t first_end,
                          uint32_t slices, lt_error *err)
{
    uint32_t count = input->count - self->row_at;
    const uint32_t *rows = input->rows + self->row_at;
    const int64_t *times = input->times + self->row_at;
    int64_t grid = self->math.grid_ms;
    uint32_t *lists[DEAL_MAX];
    uint32_t counts[DEAL_MAX] = {0};
    for (uint32_t s = 0; s < slices; s++) {
        lists[s] = lt_arena_alloc(self->op.scratch, sizeof(uint32_t) * ((size_t)count + 1), 64);
        if (!lists[s]) {
            return lt_error_nomem(err, "window rows");
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        int64_t t = times[i];
        uint32_t s = (uint32_t)(t >= first_end) + (uint32_t)(t >= first_end + grid) +
                     (uint32_t)(t >= first_end + 2 * grid);
        lists[s][counts[s]++] = rows[i];
    }
    for (uint32_t s = 0; s < slices; s++) {
        if (counts[s] > 0) {
            LT_TRY(
                update_slice(self, input, first_end + (int64_t)s * grid, lists[s], counts[s], err));
        }
    }
    return LT_OK;
}

static void time_range(const window_input *input, uint32_t from, int64_t *low, int64_t *high)
{
    const int64_t *times = input->times;
    int64_t least = times[from];
    int64_t most = times[from];
    for (uint32_t i = from + 1; i < input->count; i++) {
        least = LT_MIN(least, times[i]);
        most = LT_MAX(most, times[i]);
    }
    *low = least;
    *high = most;
}

/* The common case: no window closes between here and the last mark, and no row is late. Takes all
 * rows that are left in one go. */
static lt_status take_all(window_agg_op *self, window_input *input, bool *taken, lt_error *err)
{
    const lt_batch *in = input->in;
    int64_t grid = self->math.grid_ms;
    int64_t last = self->op.watermark;
    int64_t low = 0;
    int64_t high = 0;
    if (self->mark_at < self->marks_end) {
        last = LT_MAX(last, in->marks[self->marks_end - 1].watermark);
    }
    time_range(input, self->row_at, &low, &high);
    int64_t first_end = grid ? lt_floor_to(low, grid, self->math.spec.offset_ms) + grid : low;
    int64_t close = lt_window_close(&self->math, first_end);
    *taken = last == LT_WATERMARK_MIN || (close > last && self->next_close > last);
    if (!*taken) {
        return LT_OK;
    }
    expect_close(self, close);
    pass_marks(self, in, self->marks_end);
    uint32_t from = self->row_at;
    if (high < first_end || high == low) {
        LT_TRY(update_slice(self, input, first_end, input->rows + from, input->count - from, err));
    } else if (grid && (uint64_t)(high - first_end) / (uint64_t)grid < DEAL_MAX - 1) {
        uint32_t slices = (uint32_t)((high - first_end) / grid) + 2;
        LT_TRY(deal_few(self, input, first_end, slices, err));
    } else {
        LT_TRY(need_ends(self, input, err));
        LT_TRY(update_slices(self, input, input->rows + from, input->ends + from,
                             input->count - from, err));
    }
    self->row_at = input->count;
    return LT_OK;
}

/* Where a row goes: its slice, or the first of its group once that has fired (CUMULATE). false =
 * late. */
static bool place_row(window_agg_op *self, int64_t *end, int64_t *close)
{
    const lt_window_math *math = &self->math;
    int64_t watermark = self->op.watermark;
    *close = lt_window_close(math, *end);
    if (*close > watermark) {
        return true;
    }
    int64_t last = lt_window_last_end(math, *end);
    if (last == *end || lt_window_close(math, last) <= watermark) {
        return false;
    }
    *close = lt_window_close(math, lt_window_first_open(math, *end, watermark));
    if (math->spec.kind == LT_WINDOW_CUMULATE) {
        *end = lt_floor_to(*end - 1, math->spec.size_ms, math->spec.offset_ms) + math->grid_ms;
    }
    return true;
}

/* Takes rows until a mark would fire something. */
static lt_status take_range(window_agg_op *self, window_input *input, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_batch *in = input->in;
    uint32_t from = self->row_at;
    if (input->times) {
        bool taken = false;
        LT_TRY(take_all(self, input, &taken, err));
        if (taken) {
            return LT_OK;
        }
        LT_TRY(need_ends(self, input, err));
    }
    uint32_t kept = from;
    uint32_t at = from;
    int64_t asked = 0; /* the slice that was placed last, under the same watermark */
    int64_t placed = 0;
    int64_t close = 0;
    bool open = false;
    bool known = false;
    while (at < input->count) {
        uint32_t row = input->rows[at];
        if (self->mark_at < self->marks_end && in->marks[self->mark_at].first_row <= row) {
            if (in->marks[self->mark_at].watermark >= self->next_close) {
                break;
            }
            pass_marks(self, in, self->mark_at + 1);
            known = false;
            continue;
        }
        if (!known || asked != input->ends[at]) {
            asked = placed = input->ends[at];
            open = place_row(self, &placed, &close);
            known = true;
        }
        at++;
        if (!open) {
            uint64_t weight = weight_of(self, in, &row, 1);
            op->ledger.held -= weight;
            op->ledger.late += weight;
            continue;
        }
        expect_close(self, close);
        input->rows[kept] = row;
        input->ends[kept++] = placed;
    }
    self->row_at = at;
    return kept == from ? LT_OK
                        : update_slices(self, input, input->rows + from, input->ends + from,
                                        kept - from, err);
}

/* ---- the callback ---- */

static bool mark_is_due(const window_agg_op *self, const window_input *input)
{
    if (self->mark_at >= self->marks_end) {
        return false;
    }
    return self->row_at >= input->count ||
           input->in->marks[self->mark_at].first_row <= input->rows[self->row_at];
}

static lt_status work(window_agg_op *self, window_input *input, lt_emit *out, lt_error *err)
{
    for (;;) {
        while (mark_is_due(self, input)) {
            int64_t watermark = input->in->marks[self->mark_at].watermark;
            LT_TRY(lt_window_advance(self, watermark, out, err));
            self->mark_at++;
        }
        if (self->row_at >= input->count) {
            break;
        }
        LT_TRY(take_range(self, input, err));
    }
    if (self->unsent != LT_WATERMARK_MIN) {
        LT_TRY(lt_outbox_mark(&self->op, &self->box, self->unsent, err));
        self->unsent = LT_WATERMARK_MIN;
    }
    return lt_outbox_flush(&self->box, out, err);
}

static lt_status finish_batch(window_agg_op *self, lt_status st, lt_error *err)
{
    if (st == LT_FULL) {
        return st;
    }
    lt_batch_unref(self->pending);
    self->pending = NULL;
    if (self->math.spec.proctime) {
        lt_proctime_wake(&self->op, self->next_close);
    }
    if (st == LT_OK && self->refused != LT_OK) {
        st = self->refused;
        if (err) {
            *err = self->refused_why;
        }
    }
    return st;
}

static lt_status go_on(window_agg_op *self, lt_emit *out, lt_error *err)
{
    window_input input = {.in = self->pending};
    lt_status st = prepare(self, &input, err);
    if (st == LT_OK) {
        st = work(self, &input, out, err);
    }
    return finish_batch(self, st, err);
}

/* Takes the reference. */
static lt_status begin(window_agg_op *self, lt_batch *in, lt_emit *out, lt_error *err)
{
    LT_ASSERT(self->pending == NULL && !self->firing);
    if (!self->next_known) {
        lt_window_next_close(self);
    }
    self->pending = in;
    self->row_at = 0;
    self->mark_at = 0;
    self->checked = false;
    self->refused = LT_OK;
    self->box.arrival_us = in->arrival_us;
    return go_on(self, out, err);
}

static lt_status window_agg_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out,
                                     lt_error *err)
{
    window_agg_op *self = (window_agg_op *)op;
    const lt_window *window = &self->math.spec;
    lt_batch *rows = in;
    (void)input_no;
    if (window->proctime) {
        LT_TRY(lt_proctime_batch(op, in, window->time_col, &rows, err));
    } else {
        (void)lt_batch_ref(in);
    }
    return begin(self, rows, out, err);
}

static lt_status window_agg_on_timer(lt_op *op, int64_t mono_ns, lt_emit *out, lt_error *err)
{
    lt_batch *tick = NULL;
    (void)mono_ns;
    LT_TRY(lt_proctime_tick(op, &tick, err));
    return begin((window_agg_op *)op, tick, out, err);
}

static lt_status window_agg_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    window_agg_op *self = (window_agg_op *)op;
    LT_ASSERT(self->pending != NULL);
    return go_on(self, out, err);
}

static int64_t window_fires_at(const lt_op *op)
{
    const window_agg_op *self = (const window_agg_op *)op;
    return self->next_known ? self->next_close : LT_WATERMARK_MAX;
}

const lt_op_class lt_op_window_agg = {
    .fires_at = window_fires_at,
    .name = "WindowAggregate",
    .self_size = sizeof(window_agg_op),
    .marks = LT_MARKS_OWN,
    .open = window_agg_open,
    .on_batch = window_agg_on_batch,
    .resume = window_agg_resume,
    .on_timer = window_agg_on_timer,
    .close = window_agg_close,
};
