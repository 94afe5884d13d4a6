/* The local aggregate; see local_agg.h for what it promises.
 *
 * A batch takes one of two ways. Folded: rows are numbered by (key, slice) through a small
 * hash table, every aggregate is updated in one call, and each group
 * becomes a row of a new batch. Passed: every row is a partial row of its own; keys, arguments and
 * marks are those of the input batch, nothing is hashed or added up. Rows are passed when folding
 * does not pay: few of them, so many keys that a batch hardly shrinks (tried again later), or marks
 * that close windows all the time.
 *
 * Nothing outlives a batch but the figures by which the way is chosen; results do not depend on
 * them. */
#include "op/local_agg.h"

#include <string.h>

#include "op/local_groups.h"
#include "op/window_math.h"

#define DAY_MS     86400000LL
#define FOLD_MIN   8  /* rows worth a table */
#define CUT_ROWS   16 /* on average, between marks that close windows */
#define SHRINK_MIN 16 /* rows of a batch to each of its groups */
#define HOT_TASKS  4  /* where nobody says how many tasks there are */
#define POOR_MAX   4  /* batches in a row that hardly shrink: pass the next ones */
#define PASS_FIRST 32 /* so many at first, twice as many each time */
#define PASS_MAX   1024
#define CLOSES_MAX 32 /* searches for the next closing time in one batch of attached windows */

typedef struct {
    lt_op op;
    lt_window_math math;
    lt_aggset set;
    uint32_t state_bytes; /* of all accumulators */
    uint32_t *count_at;   /* where among them those lie that only count rows: not in `set` */
    uint32_t count_count;
    bool has_floats;        /* MIN or MAX of floats among the accumulators */
    lt_rowcodec *key_codec; /* NULL: keys are compared as they stand */
    uint32_t groups_last;   /* of the last folded batch */
    uint32_t poor;
    uint32_t pass_left;
    uint32_t pass_next;
    lt_col ones;      /* `rows` of rows that pass, for any batch; lives as long as the operator */
    lt_col no_states; /* and their accumulators */
} local_agg_op;

typedef struct {
    lt_batch *in;
    lt_batch *passed; /* derived; what was evaluated lies in its arena */
    uint32_t *rows;   /* physical */
    uint32_t count;
    int64_t *ends; /* slice of each; NULL without windows */
    lt_col *cols;  /* evaluated arguments and filters */
    uint32_t marks_end;
    uint32_t *cuts; /* physical rows at which folding starts anew, ascending */
    uint32_t cut_count;
    lt_status refused; /* what to return when the rows are done */
    lt_error refused_why;
} local_input;

/* ---- what may be folded ---- */

static bool is_float(const lt_type *type)
{
    return type->kind == LT_TYPE_FLOAT || type->kind == LT_TYPE_DOUBLE;
}

static bool is_extreme(const lt_agg *agg)
{
    return strcmp(agg->cls->name, "MIN") == 0 || strcmp(agg->cls->name, "MAX") == 0;
}

/* Sums of integers wrap and sums of decimals wrap in 128 bits, so they come to the same in any
 * order. */
static bool is_exact(const lt_agg *agg)
{
    static const char *const sums[] = {"SUM",      "$SUM0",      "AVG",        "VAR_POP",
                                       "VAR_SAMP", "STDDEV_POP", "STDDEV_SAMP"};
    if (strcmp(agg->cls->name, "COUNT") == 0) {
        return true;
    }
    if (agg->arg_count != 1) {
        return false;
    }
    if (is_extreme(agg)) {
        return true; /* of fixed size, because there are no cells; see has_nan */
    }
    for (size_t i = 0; i < LT_COUNT_OF(sums); i++) {
        if (strcmp(agg->cls->name, sums[i]) == 0) {
            return !is_float(agg->args[0]->type);
        }
    }
    return false;
}

bool lt_local_agg_allows(lt_agg *const *aggs, uint32_t count)
{
    for (uint32_t a = 0; a < count; a++) {
        const lt_agg *agg = aggs[a];
        if (agg->distinct || agg->retracts || agg->cell_count > 0 || !is_exact(agg) ||
            (agg->filter && lt_op_uses_watermark(agg->filter))) {
            return false;
        }
        for (uint32_t i = 0; i < agg->arg_count; i++) {
            if (agg->args[i]->type->field_count > 0 || lt_op_uses_watermark(agg->args[i])) {
                return false; /* sources' marks may be merged behind this operator */
            }
        }
    }
    return true;
}

/* Nested keys go by their encoding. */
static lt_status plan_keys(local_agg_op *self, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_local_agg_spec *spec = op->spec;
    bool nested = false;
    const lt_type **types = LT_NEW_ARRAY(op->arena, const lt_type *, (size_t)spec->key_count + 1);
    if (!types) {
        return lt_error_nomem(err, "local aggregate keys");
    }
    for (uint32_t k = 0; k < spec->key_count; k++) {
        types[k] = op->in_schemas[0]->fields[spec->keys[k]].type;
        lt_phys phys = lt_type_phys(types[k]);
        nested = nested || phys == LT_PHYS_LIST || phys == LT_PHYS_STRUCT;
    }
    if (!nested) {
        return LT_OK;
    }
    self->key_codec = lt_rowcodec_new(op->arena, types, spec->key_count, false);
    return self->key_codec ? LT_OK : lt_error_nomem(err, "local aggregate keys");
}

/* Does the call count all rows? Its accumulator is then a number that is known anyway. */
static bool counts_all(const lt_agg *agg)
{
    return strcmp(agg->cls->name, "COUNT") == 0 && agg->arg_count == 0 && !agg->filter;
}

static lt_status plan_aggs(local_agg_op *self, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_local_agg_spec *spec = op->spec;
    uint32_t *offsets = LT_NEW_ARRAY(op->arena, uint32_t, (size_t)spec->agg_count + 1);
    lt_agg **aggs = LT_NEW_ARRAY(op->arena, lt_agg *, (size_t)spec->agg_count + 1);
    self->count_at = LT_NEW_ARRAY(op->arena, uint32_t, (size_t)spec->agg_count + 1);
    if (!offsets || !aggs || !self->count_at) {
        return lt_error_nomem(err, "aggregates");
    }
    uint32_t count = 0;
    for (uint32_t a = 0; a < spec->agg_count; a++) {
        lt_agg *agg = spec->aggs[a];
        if (counts_all(agg)) {
            self->count_at[self->count_count++] = self->state_bytes;
        } else {
            offsets[count] = self->state_bytes;
            aggs[count++] = agg;
        }
        self->state_bytes += agg->state_size;
        self->has_floats = self->has_floats || (is_extreme(agg) && is_float(agg->args[0]->type));
    }
    const lt_aggset_spec set = {.aggs = aggs, .count = count};
    LT_TRY(lt_aggset_init(op, &self->set, &set, err));
    self->set.offsets = offsets; /* among all accumulators */
    return LT_OK;
}

/* Rows that pass stand for one row each and have no accumulators: columns made once for all. */
static lt_status plan_constants(local_agg_op *self, lt_error *err)
{
    const lt_local_agg_spec *spec = self->op.spec;
    const lt_field *fields = self->op.out_schema->fields;
    lt_arena *arena = self->op.arena;
    if (!lt_col_init(&self->ones, fields[spec->count_col].type, LT_BATCH_ROWS_MAX, arena) ||
        !lt_col_init(&self->no_states, fields[spec->state_col].type, LT_BATCH_ROWS_MAX, arena)) {
        return lt_error_nomem(err, "a local aggregate");
    }
    int64_t *rows = LT_COL_DATA(&self->ones, int64_t);
    for (uint32_t i = 0; i < LT_BATCH_ROWS_MAX; i++) {
        rows[i] = 1;
    }
    return LT_OK;
}

static lt_status local_agg_open(lt_op *op, lt_error *err)
{
    local_agg_op *self = (local_agg_op *)op;
    const lt_local_agg_spec *spec = op->spec;
    LT_ASSERT(op->out_schema->count == spec->arg_col + spec->arg_count);
    LT_ASSERT(lt_local_agg_allows(spec->aggs, spec->agg_count));
    if (spec->windowed) {
        LT_ASSERT(spec->window.attached || spec->window.kind != LT_WINDOW_SESSION);
        lt_window_math_init(&self->math, &spec->window, op);
    }
    self->pass_next = PASS_FIRST;
    LT_TRY(plan_keys(self, err));
    LT_TRY(plan_constants(self, err));
    return plan_aggs(self, err);
}

static void local_agg_close(lt_op *op)
{
    lt_aggset_deinit(&((local_agg_op *)op)->set);
}

/* ---- the batch at hand ---- */

/* Rows without a time belong to no window. */
static void drop_null_times(lt_op *op, const lt_col *time, local_input *input)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; time->valid && i < input->count; i++) {
        input->rows[kept] = input->rows[i];
        kept += !lt_col_is_null(time, input->rows[i]);
    }
    if (time->valid) {
        op->ledger.filtered += input->count - kept;
        input->count = kept;
    }
}

static lt_status find_ends(local_agg_op *self, local_input *input, const lt_col *time,
                           lt_error *err)
{
    size_t size = sizeof(int64_t) * ((size_t)input->count + 1);
    int64_t *ends = lt_arena_alloc(self->op.scratch, size, 64);
    if (!ends) {
        return lt_error_nomem(err, "local aggregate rows");
    }
    bool plain = time->phys == LT_PHYS_I64 && time->type->precision <= 3;
    if (plain && !input->in->sel && input->count == input->in->row_count) {
        memcpy(ends, time->data, sizeof(int64_t) * input->count);
    } else {
        for (uint32_t i = 0; i < input->count; i++) {
            ends[i] = lt_op_time_ms(time, input->rows[i]);
        }
    }
    if (!self->math.spec.attached) {
        lt_window_locals(&self->math, ends, input->count);
        lt_window_slice_ends(&self->math, ends, input->count);
    }
    input->ends = ends;
    return LT_OK;
}

/* Evaluates the batch and refuses rows. */
static lt_status prepare(local_agg_op *self, local_input *input, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_local_agg_spec *spec = op->spec;
    lt_batch *in = input->in;
    const lt_window *window = &spec->window;
    const lt_col *time =
        spec->windowed ? &in->cols[window->attached ? window->end_col : window->time_col] : NULL;
    input->rows = lt_op_live_rows(in, op->scratch);
    input->cols = LT_NEW_ARRAY(op->scratch, lt_col, (size_t)self->set.ev.count + 1);
    if (!input->rows || !input->cols) {
        return lt_error_nomem(err, "local aggregate rows");
    }
    input->count = lt_batch_live(in);
    input->marks_end = in->mark_count;
    lt_row_errors errors = {0};
    lt_batch view;
    if (time) {
        drop_null_times(op, time, input);
    }
    lt_op_view(&view, in, in->sel || (time && time->valid) ? input->rows : NULL, input->count);
    LT_TRY(lt_evaluator_run(op, &self->set.ev, &view, input->passed->arena, input->cols, &errors,
                            err));
    input->refused = lt_op_errors_reject(op, &self->set.ev, in, &errors, input->rows, &input->count,
                                         &input->refused_why);
    while (input->refused != LT_OK && input->marks_end > 0 &&
           (input->count == 0 ||
            in->marks[input->marks_end - 1].first_row > input->rows[input->count - 1])) {
        input->marks_end--; /* behind the row that fails the job */
    }
    op->ledger.used += input->count;
    return time && input->count > 0 ? find_ends(self, input, time, err) : LT_OK;
}

/* ---- marks that close windows ---- */

/* Windows on a grid: the least watermark above `watermark` that may close one, taking the clock's
 * offset as it is then. LT_WATERMARK_MIN = any. */
static int64_t next_close_of_grid(const local_agg_op *self, int64_t watermark)
{
    const lt_window_math *math = &self->math;
    if (watermark == LT_WATERMARK_MIN) {
        return LT_WATERMARK_MIN;
    }
    uint64_t local = (uint64_t)lt_window_local(math, watermark) + 1;
    uint64_t end = (uint64_t)lt_floor_to((int64_t)local, math->grid_ms, math->spec.offset_ms) +
                   (uint64_t)math->grid_ms;
    return (int64_t)((uint64_t)watermark + (end - local));
}

/* Attached windows: the least watermark above `watermark` that closes a window of the batch. */
static int64_t next_close_of_rows(const local_agg_op *self, const local_input *input,
                                  int64_t watermark)
{
    int64_t next = LT_WATERMARK_MAX;
    int64_t end = 0;
    int64_t close = 0;
    for (uint32_t i = 0; i < input->count; i++) {
        if (i == 0 || input->ends[i] != end) {
            end = input->ends[i];
            close = lt_window_close(&self->math, end);
        }
        next = close > watermark && close < next ? close : next;
    }
    return next;
}

/* Where the local clock's offset changes among the marks, the arithmetic of next_close_of_grid does
 * not hold. Within a day there is at most one change, which the two ends tell. */
static bool clock_is_even(const local_agg_op *self, const local_input *input)
{
    const lt_zone *zone = self->math.zone;
    const lt_mark *marks = input->in->marks;
    uint32_t last = input->marks_end - 1;
    bool ends = marks[last].watermark == LT_WATERMARK_MAX && last > 0;
    int64_t to = marks[ends ? last - 1 : last].watermark;
    int64_t from = self->op.watermark == LT_WATERMARK_MIN ? marks[0].watermark : self->op.watermark;
    return !zone || to == LT_WATERMARK_MAX ||
           ((uint64_t)to - (uint64_t)from < (uint64_t)DAY_MS &&
            lt_zone_offset_ms(zone, from) == lt_zone_offset_ms(zone, to));
}

static void find_cuts(local_agg_op *self, local_input *input)
{
    const lt_mark *marks = input->in->marks;
    int64_t watermark = self->op.watermark;
    bool attached = self->math.spec.attached;
    bool any = !attached && !clock_is_even(self, input);
    int64_t next =
        attached ? next_close_of_rows(self, input, watermark) : next_close_of_grid(self, watermark);
    uint32_t searches = 0;
    for (uint32_t m = 0; m < input->marks_end; m++) {
        if (marks[m].watermark <= watermark || (marks[m].watermark < next && !any)) {
            continue;
        }
        input->cuts[input->cut_count++] = marks[m].first_row;
        watermark = marks[m].watermark;
        any = any || (attached && ++searches > CLOSES_MAX);
        next = any        ? LT_WATERMARK_MIN
               : attached ? next_close_of_rows(self, input, watermark)
                          : next_close_of_grid(self, watermark);
    }
}

/* ---- the way a batch takes ---- */

#define HAS_NAN(NAME, T)                                                      \
    static bool NAME(const lt_col *col, const uint32_t *rows, uint32_t count) \
    {                                                                         \
        const T *val = LT_COL_DATA(col, const T);                             \
        bool found = false;                                                   \
        for (uint32_t i = 0; i < count; i++) {                                \
            found |= val[rows[i]] != val[rows[i]];                            \
        }                                                                     \
        return found;                                                         \
    }
HAS_NAN(has_nan_f32, float)
HAS_NAN(has_nan_f64, double)

/* A NaN stays where it comes first and counts for nothing elsewhere: extremes with one among the
 * values depend on the order. */
static bool has_nan(const local_agg_op *self, const local_input *input)
{
    for (uint32_t a = 0; self->has_floats && a < self->set.count; a++) {
        if (!is_extreme(self->set.aggs[a])) {
            continue;
        }
        const lt_col *col = &input->cols[self->set.arg_at[a]];
        if ((col->phys == LT_PHYS_F32 && has_nan_f32(col, input->rows, input->count)) ||
            (col->phys == LT_PHYS_F64 && has_nan_f64(col, input->rows, input->count))) {
            return true;
        }
    }
    return false;
}

static lt_status folds(local_agg_op *self, local_input *input, bool *out, lt_error *err)
{
    const lt_local_agg_spec *spec = self->op.spec;
    *out = false;
    if (input->count < FOLD_MIN) {
        return LT_OK;
    }
    if (self->pass_left > 0) {
        self->pass_left--;
        return LT_OK;
    }
    if (spec->windowed && input->marks_end > 0) {
        input->cuts = lt_arena_alloc(self->op.scratch, sizeof(uint32_t) * input->marks_end, 8);
        if (!input->cuts) {
            return lt_error_nomem(err, "local aggregate rows");
        }
        find_cuts(self, input);
    }
    *out = (uint64_t)input->cut_count * CUT_ROWS <= input->count && !has_nan(self, input);
    return LT_OK;
}

/* Learns from a folded batch: it paid when few rows are left, or when one key has more of them than
 * a task's share, so that it would hold up its task. */
static void learn(local_agg_op *self, uint32_t rows, const lt_local_groups *g)
{
    int64_t most = 0;
    for (uint32_t i = 0; i < g->count; i++) {
        most = LT_MAX(most, g->groups[i].rows);
    }
    self->groups_last = g->count;
    uint32_t tasks = ((const lt_local_agg_spec *)self->op.spec)->tasks;
    bool is_hot = most * (int64_t)(tasks > 0 ? tasks : HOT_TASKS) >= (int64_t)rows;
    if ((uint64_t)g->count * SHRINK_MIN <= rows || is_hot) {
        self->poor = 0;
        self->pass_next = PASS_FIRST;
    } else if (++self->poor == POOR_MAX) {
        self->poor = 0;
        self->pass_left = self->pass_next;
        self->pass_next = LT_MIN(self->pass_next * 2, (uint32_t)PASS_MAX);
    }
}

/* ---- folded ---- */

static lt_status number_rows(local_agg_op *self, const local_input *input, lt_local_groups *g,
                             lt_error *err)
{
    const lt_local_agg_spec *spec = self->op.spec;
    const lt_col **keys =
        LT_NEW_ARRAY(self->op.scratch, const lt_col *, (size_t)spec->key_count + 1);
    if (!keys) {
        return lt_error_nomem(err, "local aggregate groups");
    }
    for (uint32_t k = 0; k < spec->key_count; k++) {
        keys[k] = &input->in->cols[spec->keys[k]];
    }
    const lt_local_rows rows = {.keys = keys,
                                .key_count = spec->key_count,
                                .codec = self->key_codec,
                                .rows = input->rows,
                                .ends = input->ends,
                                .count = input->count,
                                .cuts = input->cuts,
                                .cut_count = input->cut_count,
                                .expected = self->groups_last,
                                .arena = self->op.scratch};
    return lt_local_groups_find(&rows, g, err);
}

/* ---- accumulators ---- */

/* Makes the accumulators of the batch, whose count column is there, and adds the input. */
static lt_status fill_states(local_agg_op *self, const local_input *input, const lt_local_groups *g,
                             lt_batch *batch, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_local_agg_spec *spec = op->spec;
    size_t size = self->state_bytes;
    uint8_t *states = lt_arena_zalloc(batch->arena, size * g->count + 8, 8);
    uint8_t **records =
        lt_arena_alloc(op->scratch, sizeof *records * ((size_t)input->count + 1), 64);
    if (!states || !records) {
        return lt_error_nomem(err, "accumulators");
    }
    for (uint32_t i = 0; i < input->count; i++) {
        records[i] = states + size * g->of_row[i];
    }
    const lt_agg_input to = {.op = op, .in = input->in, .cols = input->cols, .arena = op->scratch};
    LT_TRY(lt_aggset_update_signed(&self->set, &to, records, input->rows, input->count, 1, err));
    lt_strv *views = LT_COL_DATA(&batch->cols[spec->state_col], lt_strv);
    for (uint32_t i = 0; i < g->count; i++) {
        uint8_t *state = states + size * i;
        for (uint32_t c = 0; c < self->count_count; c++) {
            memcpy(state + self->count_at[c], &g->groups[i].rows, 8);
        }
        views[i] = lt_strv_make((char *)state, size);
    }
    /* Folded rows have no arguments of their own; what is there is never read. */
    for (uint32_t c = spec->arg_col; c < spec->arg_col + spec->arg_count; c++) {
        lt_col *col = &batch->cols[c];
        memset(col->data, 0, lt_phys_size(col->phys) * g->count);
    }
    return LT_OK;
}

static lt_status fold_marks(const local_input *input, const lt_local_groups *g, lt_batch *batch,
                            lt_error *err)
{
    const lt_mark *marks = input->in->marks;
    uint32_t at = 0;
    for (uint32_t m = 0; m < input->marks_end; m++) {
        while (at < g->count && g->groups[at].first < marks[m].first_row) {
            at++;
        }
        /* Of marks at one place only the last says something. */
        uint32_t until = at < g->count ? g->groups[at].first : UINT32_MAX;
        while (m + 1 < input->marks_end && marks[m + 1].first_row <= until) {
            m++;
        }
        if (!lt_batch_add_mark(batch, at, marks[m].watermark)) {
            return lt_error_nomem(err, "watermark marks");
        }
    }
    return LT_OK;
}

static lt_status fill_groups(local_agg_op *self, const local_input *input, const lt_local_groups *g,
                             lt_batch *batch, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_local_agg_spec *spec = op->spec;
    uint32_t *firsts = lt_arena_alloc(op->scratch, sizeof *firsts * ((size_t)g->count + 1), 64);
    if (!firsts) {
        return lt_error_nomem(err, "local aggregate groups");
    }
    int64_t *rows = LT_COL_DATA(&batch->cols[spec->count_col], int64_t);
    for (uint32_t i = 0; i < g->count; i++) {
        firsts[i] = g->groups[i].first;
        rows[i] = g->groups[i].rows;
    }
    if (input->ends) {
        int64_t *ends = LT_COL_DATA(&batch->cols[spec->end_col], int64_t);
        for (uint32_t i = 0; i < g->count; i++) {
            ends[i] = g->groups[i].end;
        }
    }
    for (uint32_t k = 0; k < spec->key_count; k++) {
        const lt_col *from = &input->in->cols[spec->keys[k]];
        if (!lt_col_put(&batch->cols[k], 0, g->count, from, firsts, g->count, true, batch->arena)) {
            return lt_error_nomem(err, "local aggregate groups");
        }
    }
    batch->row_count = g->count;
    batch->sel_count = g->count;
    LT_TRY(fill_states(self, input, g, batch, err));
    return fold_marks(input, g, batch, err);
}

static lt_status fold(local_agg_op *self, const local_input *input, lt_batch **out, lt_error *err)
{
    lt_op *op = &self->op;
    lt_local_groups g = {0};
    LT_TRY(number_rows(self, input, &g, err));
    learn(self, input->count, &g);
    lt_batch *batch = lt_batch_new(op->pool, op->out_schema, g.count);
    if (!batch) {
        return lt_error_nomem(err, "an output batch");
    }
    batch->arrival_us = input->in->arrival_us;
    lt_status st = fill_groups(self, input, &g, batch, err);
    if (st != LT_OK) {
        lt_batch_unref(batch);
        return st;
    }
    *out = batch;
    return LT_OK;
}

/* ---- passed ---- */

static lt_status pass_columns(local_agg_op *self, const local_input *input, lt_error *err)
{
    const lt_local_agg_spec *spec = self->op.spec;
    const lt_schema *schema = self->op.out_schema;
    lt_batch *batch = input->passed;
    uint32_t cap = LT_MAX(batch->row_count, 1U);
    LT_ASSERT(batch->row_count <= LT_BATCH_ROWS_MAX);
    for (uint32_t k = 0; k < spec->key_count; k++) {
        batch->cols[k] = input->in->cols[spec->keys[k]];
    }
    batch->cols[spec->count_col] = self->ones;
    batch->cols[spec->state_col] = self->no_states;
    for (uint32_t i = 0; i < self->set.ev.count; i++) {
        batch->cols[spec->arg_col + spec->arg_of[i]] = input->cols[i];
    }
    if (!input->ends) {
        return LT_OK;
    }
    lt_col *end = &batch->cols[spec->end_col];
    if (!lt_col_init(end, schema->fields[spec->end_col].type, cap, batch->arena)) {
        return lt_error_nomem(err, "local aggregate rows");
    }
    int64_t *ends = LT_COL_DATA(end, int64_t);
    if (input->count == batch->row_count) {
        memcpy(ends, input->ends, sizeof *ends * input->count);
    } else {
        for (uint32_t i = 0; i < input->count; i++) {
            ends[input->rows[i]] = input->ends[i];
        }
    }
    return LT_OK;
}

static lt_status pass(local_agg_op *self, const local_input *input, lt_error *err)
{
    lt_batch *batch = input->passed;
    LT_TRY(pass_columns(self, input, err));
    batch->mark_count = input->marks_end;
    if (input->count == lt_batch_live(input->in)) {
        return LT_OK;
    }
    batch->sel = lt_arena_alloc(batch->arena, sizeof *batch->sel * ((size_t)input->count + 1), 8);
    if (!batch->sel) {
        return lt_error_nomem(err, "a selection");
    }
    memcpy(batch->sel, input->rows, sizeof *batch->sel * input->count);
    batch->sel_count = input->count;
    return LT_OK;
}

/* ---- the callback ---- */

static lt_status pass_marks(local_agg_op *self, const local_input *input, lt_emit *out,
                            lt_error *err)
{
    return input->marks_end == 0
               ? LT_OK
               : lt_emit_watermark(&self->op, out, input->in->marks[input->marks_end - 1].watermark,
                                   err);
}

static lt_status send_rows(local_agg_op *self, local_input *input, lt_emit *out, lt_error *err)
{
    bool folded = false;
    lt_batch *batch = NULL;
    LT_TRY(folds(self, input, &folded, err));
    if (folded) {
        LT_TRY(fold(self, input, &batch, err));
    } else {
        LT_TRY(pass(self, input, err));
        batch = input->passed;
        input->passed = NULL;
    }
    return lt_emit_batch(out, batch, err);
}

static lt_status work(local_agg_op *self, local_input *input, lt_emit *out, lt_error *err)
{
    lt_op *op = &self->op;
    LT_TRY(prepare(self, input, err));
    lt_status st =
        input->count > 0 ? send_rows(self, input, out, err) : pass_marks(self, input, out, err);
    LT_ASSERT(st != LT_FULL); /* one batch a callback always fits */
    if (input->marks_end > 0) {
        op->watermark = LT_MAX(op->watermark, input->in->marks[input->marks_end - 1].watermark);
    }
    if (st == LT_OK && input->refused != LT_OK) {
        st = input->refused;
        if (err) {
            *err = input->refused_why;
        }
    }
    return st;
}

static lt_status local_agg_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out,
                                    lt_error *err)
{
    local_input input = {.in = in};
    (void)input_no;
    input.passed = lt_batch_derive(op->pool, in, op->out_schema);
    if (!input.passed) {
        return lt_error_nomem(err, "an output batch");
    }
    lt_status st = work((local_agg_op *)op, &input, out, err);
    lt_batch_unref(input.passed);
    return st;
}

const lt_op_class lt_op_local_agg = {
    .name = "LocalAggregate",
    .self_size = sizeof(local_agg_op),
    .marks = LT_MARKS_OWN,
    .open = local_agg_open,
    .on_batch = local_agg_on_batch,
    .close = local_agg_close,
};
