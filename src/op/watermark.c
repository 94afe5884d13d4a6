/* Assigns watermarks at a source: the running maximum of the watermark expression, as marks between
 * the rows. The row that raises the watermark stands before its mark. The maximum starts at 0, as
 * in Flink: nothing at or before 1970 is ever emitted; a NULL result changes nothing. Marks that
 * come with the input (the end of a bounded source) count as well.
 *
 * Every row's distance behind the newest event time before it goes into a histogram. The source's
 * own watermark, SOURCE_WATERMARK(), is the newest event time less the distance that so many of the
 * rows keep (spec->quantile): it depends on the order of rows alone, never on batches. Its first
 * rows give no mark, as they say too little about those to come.
 *
 * With spec->follows_clock the marks that come with the input are readings of the wall clock, sent
 * while the source is silent; the watermark stays as far behind them as it was behind the newest
 * row.
 *
 * op->watermark is the running maximum; the framework saves it. The histogram counts what this task
 * saw, the clock is handed from task to task (watermark.h). Saved, little-endian:
 *
 *   i64 newest, i64 delay, then per bucket that is not empty: u16 bucket, u64 rows */
#include "op/watermark.h"

#include "op/op_int.h"
#include "op/specs.h"

#define WARM_UP_ROWS 100 /* a quantile of fewer rows is a guess */
#define SAVED_CLOCK  16
#define SAVED_BUCKET 10

_Static_assert(SAVED_CLOCK + LT_LATENESS_BUCKETS * SAVED_BUCKET <= 4096, "scalars stay small");

typedef struct {
    lt_op op;
    lt_evaluator ev;
    lt_watermark_clock clock;
    lt_lateness lateness;
    /* SOURCE_WATERMARK(): the bucket of the quantile, and the rows in it and those before. */
    uint32_t bucket;
    uint64_t below;
    int64_t newest_before; /* the rows at hand */
} watermark_op;

static lt_status watermark_open(lt_op *op, lt_error *err)
{
    watermark_op *self = (watermark_op *)op;
    const lt_watermark_spec *spec = op->spec;
    lt_expr *const exprs[1] = {spec->watermark};
    self->clock = (lt_watermark_clock){LT_WATERMARK_MIN, 0};
    return spec->watermark != NULL ? lt_evaluator_init(op, &self->ev, exprs, 1, err) : LT_OK;
}

static void watermark_close(lt_op *op)
{
    lt_evaluator_deinit(&((watermark_op *)op)->ev);
}

/* Refuses rows without an event time, or with one too far ahead of the clock. */
static lt_status check_times(lt_op *op, const lt_batch *in, uint32_t *rows, uint32_t *count,
                             lt_error *err)
{
    const lt_watermark_spec *spec = op->spec;
    const lt_col *time = &in->cols[spec->time_col];
    bool guard = spec->future_skew_max_ms > 0;
    if (!guard && !time->valid) {
        return LT_OK;
    }
    int64_t latest = LT_WATERMARK_MAX;
    if (guard) {
        int64_t arrival_us = in->arrival_us ? in->arrival_us : op->env->wall_us(op->env);
        latest = arrival_us / 1000 + spec->future_skew_max_ms;
    }
    uint32_t kept = 0;
    lt_status st = LT_OK;
    for (uint32_t i = 0; i < *count && st == LT_OK; i++) {
        uint32_t row = rows[i];
        if (lt_col_is_null(time, row)) {
            const lt_refusal why = {LT_STAGE_ROWTIME, "null-rowtime",
                                    LT_STR("the event time is NULL"), LT_WATERMARK_MIN};
            st = lt_op_row_reject(op, in, row, &why, err);
        } else if (lt_op_time_ms(time, row) > latest) {
            const lt_refusal why = {LT_STAGE_ROWTIME, "future-rowtime",
                                    LT_STR("the event time is too far ahead of the clock"),
                                    lt_op_time_ms(time, row)};
            st = lt_op_row_reject(op, in, row, &why, err);
        } else {
            rows[kept++] = row;
        }
    }
    *count = kept;
    return st;
}

/* One more row came into `bucket`: the quantile moves by few buckets, mostly by none. */
static void move_quantile(watermark_op *self, uint32_t bucket)
{
    const lt_watermark_spec *spec = self->op.spec;
    const uint64_t *buckets = self->lateness.buckets;
    uint64_t wanted = lt_lateness_share(self->lateness.rows, spec->quantile);
    self->below += bucket <= self->bucket;
    while (self->below < wanted) {
        LT_ASSERT(self->bucket + 1 < LT_LATENESS_BUCKETS);
        self->below += buckets[++self->bucket];
    }
    while (self->bucket > 0 && self->below - buckets[self->bucket] >= wanted) {
        self->below -= buckets[self->bucket--];
    }
}

/* Event times may be as far apart as their type allows. */
static int64_t distance(int64_t newest, int64_t ms)
{
    uint64_t apart = (uint64_t)newest - (uint64_t)ms;
    return (int64_t)LT_MIN(apart, (uint64_t)INT64_MAX);
}

/* Counts how late the rows are. own: the source's own watermark after each row, in ms; NULL where
 * the table has an expression for it. */
static void note_lateness(watermark_op *self, const lt_batch *in, const uint32_t *rows,
                          uint32_t count, int64_t *own)
{
    const lt_watermark_spec *spec = self->op.spec;
    const int64_t *times = LT_COL_DATA(&in->cols[spec->time_col], const int64_t);
    int64_t newest = self->clock.newest_ms;
    self->newest_before = newest;
    for (uint32_t i = 0; i < count; i++) {
        int64_t ms = times[rows[i]];
        uint32_t bucket = ms >= newest ? 0 : lt_lateness_bucket(distance(newest, ms));
        newest = LT_MAX(newest, ms);
        self->lateness.buckets[bucket]++;
        self->lateness.rows++;
        if (own != NULL) {
            move_quantile(self, bucket);
            bool known = self->lateness.rows >= WARM_UP_ROWS && newest >= 0;
            /* A row exactly as late as the quantile is not late. */
            own[rows[i]] =
                known ? newest - lt_lateness_bucket_max(self->bucket) - 1 : LT_WATERMARK_MIN;
        }
    }
    self->clock.newest_ms = newest;
}

/* The time that a mark of the input says: a reading of the clock says it less the delay. */
static int64_t input_mark(const watermark_op *self, int64_t mark)
{
    const lt_watermark_spec *spec = self->op.spec;
    if (!spec->follows_clock || mark == LT_WATERMARK_MAX) {
        return mark;
    }
    return self->clock.newest_ms == LT_WATERMARK_MIN ? LT_WATERMARK_MIN
                                                     : mark - self->clock.delay_ms;
}

/* Merges the input's marks with what the rows say. */
static void fill_marks(watermark_op *self, lt_batch *batch, const lt_batch *in,
                       const uint32_t *rows, uint32_t count, const lt_col *values, bool whole)
{
    lt_op *op = &self->op;
    const lt_watermark_spec *spec = op->spec;
    const int64_t *times = LT_COL_DATA(&in->cols[spec->time_col], const int64_t);
    int64_t newest = self->newest_before;
    const int64_t *ms = LT_COL_DATA(values, const int64_t);
    int64_t current = LT_MAX(op->watermark, 0);
    uint32_t used = 0;
    uint32_t next = 0;
    for (uint32_t i = 0; i <= count; i++) {
        uint32_t row = i < count ? rows[i] : UINT32_MAX;
        while (next < in->mark_count && in->marks[next].first_row <= row && (whole || i < count)) {
            if (input_mark(self, in->marks[next].watermark) > current) {
                current = input_mark(self, in->marks[next].watermark);
                batch->marks[used++] = (lt_mark){in->marks[next].first_row, current};
            }
            next++;
        }
        if (i == count) {
            break;
        }
        newest = LT_MAX(newest, times[row]);
        if (lt_col_is_null(values, row) || ms[row] <= current) {
            continue;
        }
        current = ms[row];
        self->clock.delay_ms = LT_MAX(newest - current, 0);
        batch->marks[used++] = (lt_mark){row + 1, current};
    }
    batch->mark_count = used;
    if (used > 0) {
        op->watermark = current;
    }
}

/* Two marks may stand at one row: the later one counts. */
static void merge_marks(lt_batch *batch)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < batch->mark_count; i++) {
        if (used > 0 && batch->marks[used - 1].first_row == batch->marks[i].first_row) {
            used--;
        }
        batch->marks[used++] = batch->marks[i];
    }
    batch->mark_count = used;
}

static lt_status emit_marked(watermark_op *self, lt_batch *in, const uint32_t *rows, uint32_t count,
                             const lt_col *values, bool whole, lt_emit *out, lt_error *err)
{
    lt_op *op = &self->op;
    lt_batch *batch = lt_batch_derive(op->pool, in, op->out_schema);
    if (!batch) {
        return lt_error_nomem(err, "an output batch");
    }
    LT_ASSERT(batch->col_count == in->col_count);
    memcpy(batch->cols, in->cols, sizeof(lt_col) * in->col_count);
    uint32_t cap = count + in->mark_count + 1;
    batch->marks = lt_arena_alloc(batch->arena, sizeof(lt_mark) * cap, 16);
    batch->sel = count < lt_batch_live(in) || in->sel
                     ? lt_arena_alloc(batch->arena, sizeof *rows * ((size_t)count + 1), 64)
                     : NULL;
    if (!batch->marks || (!batch->sel && (count < lt_batch_live(in) || in->sel))) {
        lt_batch_unref(batch);
        return lt_error_nomem(err, "an output batch");
    }
    batch->mark_cap = cap;
    if (batch->sel) {
        memcpy(batch->sel, rows, sizeof *rows * count);
        batch->sel_count = count;
    }
    fill_marks(self, batch, in, rows, count, values, whole);
    merge_marks(batch);
    op->ledger.used += count;
    if (count == 0 && batch->mark_count == 0) {
        lt_batch_unref(batch);
        return LT_OK;
    }
    lt_status st = lt_emit_batch(out, batch, err);
    LT_ASSERT(st != LT_FULL); /* one batch a callback always fits */
    return st;
}

static lt_status watermark_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out,
                                    lt_error *err)
{
    watermark_op *self = (watermark_op *)op;
    (void)input_no;
    uint32_t *rows = lt_op_live_rows(in, op->scratch);
    if (!rows) {
        return lt_error_nomem(err, "rows");
    }
    uint32_t count = lt_batch_live(in);
    lt_status refused = check_times(op, in, rows, &count, err);
    lt_batch view;
    lt_op_view(&view, in, rows, count);
    lt_col values = {0};
    lt_row_errors errors = {0};
    lt_error own = {0}; /* the first failure's text stays in err */
    lt_status st = LT_OK;
    int64_t *marks = NULL;
    if (((const lt_watermark_spec *)op->spec)->watermark == NULL) {
        marks = lt_arena_alloc(op->scratch, sizeof *marks * ((size_t)in->row_count + 1), 64);
        values.data = marks;
        st = marks != NULL ? LT_OK : lt_error_nomem(&own, "watermarks");
    } else {
        st = lt_evaluator_run(op, &self->ev, &view, op->scratch, &values, &errors, &own);
    }
    if (st == LT_OK && marks == NULL) {
        st = lt_op_errors_reject(op, &self->ev, in, &errors, rows, &count, &own);
    }
    if (st != LT_OK && st != LT_ERR_DATA) {
        *err = own;
        return st;
    }
    if (st != LT_OK) {
        /* An expression failed before the row whose time was refused. */
        *err = own;
        refused = st;
    }
    note_lateness(self, in, rows, count, marks);
    st = emit_marked(self, in, rows, count, &values, refused == LT_OK, out, &own);
    if (st != LT_OK) {
        *err = own;
    }
    return st != LT_OK ? st : refused;
}

/* ---- for the framework ---- */

lt_watermark_clock lt_watermark_get_clock(const lt_op *op)
{
    LT_ASSERT(op->cls == &lt_op_watermark);
    return ((const watermark_op *)op)->clock;
}

void lt_watermark_set_clock(lt_op *op, lt_watermark_clock clock)
{
    LT_ASSERT(op->cls == &lt_op_watermark);
    ((watermark_op *)op)->clock = clock;
}

const lt_lateness *lt_watermark_lateness(const lt_op *op)
{
    LT_ASSERT(op->cls == &lt_op_watermark);
    return &((const watermark_op *)op)->lateness;
}

static void put(lt_text *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        lt_text_putc(to, (char)(value >> (8 * i)));
    }
}

static uint64_t get(const char *from, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t)(unsigned char)from[i] << (8 * i);
    }
    return value;
}

static lt_status watermark_save(const lt_op *op, lt_text *to, lt_error *err)
{
    const watermark_op *self = (const watermark_op *)op;
    (void)err;
    put(to, (uint64_t)self->clock.newest_ms, 8);
    put(to, (uint64_t)self->clock.delay_ms, 8);
    for (uint32_t i = 0; i < LT_LATENESS_BUCKETS; i++) {
        if (self->lateness.buckets[i] > 0) {
            put(to, i, 2);
            put(to, self->lateness.buckets[i], 8);
        }
    }
    return LT_OK;
}

lt_status lt_watermark_load_part(lt_op *op, lt_str from, bool keep, lt_error *err)
{
    watermark_op *self = (watermark_op *)op;
    const lt_watermark_spec *spec = op->spec;
    if (from.len == 0) {
        return LT_OK; /* made before the histogram was part of the state */
    }
    if (from.len < SAVED_CLOCK || (from.len - SAVED_CLOCK) % SAVED_BUCKET != 0) {
        return lt_error_set(err, LT_ERR_STATE, "a watermark's saved values are damaged");
    }
    int64_t newest = (int64_t)get(from.ptr, 8);
    if (newest >= self->clock.newest_ms) {
        self->clock = (lt_watermark_clock){newest, (int64_t)get(from.ptr + 8, 8)};
    }
    for (size_t at = SAVED_CLOCK; keep && at < from.len; at += SAVED_BUCKET) {
        uint64_t bucket = get(from.ptr + at, 2);
        uint64_t rows = get(from.ptr + at + 2, 8);
        if (bucket >= LT_LATENESS_BUCKETS) {
            return lt_error_set(err, LT_ERR_STATE, "a watermark's saved values are damaged");
        }
        self->lateness.buckets[bucket] += rows;
        self->lateness.rows += rows;
    }
    if (spec->watermark == NULL) {
        self->bucket = lt_lateness_rank(&self->lateness, spec->quantile, &self->below);
    }
    return LT_OK;
}

static lt_status watermark_load(lt_op *op, lt_str from, lt_error *err)
{
    watermark_op *self = (watermark_op *)op;
    self->clock = (lt_watermark_clock){LT_WATERMARK_MIN, 0};
    self->lateness = (lt_lateness){0};
    return lt_watermark_load_part(op, from, true, err);
}

const lt_op_class lt_op_watermark = {
    .name = "Watermark",
    .self_size = sizeof(watermark_op),
    .marks = LT_MARKS_OWN,
    .open = watermark_open,
    .on_batch = watermark_on_batch,
    .save = watermark_save,
    .load = watermark_load,
    .close = watermark_close,
};
