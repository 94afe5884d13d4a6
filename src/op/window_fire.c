/* Sliced windows on their way out: which window is next, the merge of its slices, and the rows of
 * its result. Everything here can stop when the output is full and go on later: the cursor is
 * (window, position in its table).
 *
 * Windows fire by end, keys in the order in which the window's table got them. */
#include "op/window_agg_int.h"

#define CHUNK_ROWS 1024

/* The first window that is not closed yet and has a slice; the earliest slice decides, because
 * windows and slices are on one grid. */
static bool next_window(const window_agg_op *self, int64_t *end)
{
    int64_t first = 0;
    if (!lt_slices_first(self->slices, &first)) {
        return false;
    }
    *end = lt_window_first_open(&self->math, first, self->op.watermark);
    if (self->fire_end != LT_WATERMARK_MIN && *end <= self->fire_end) {
        /* Windows may close at one instant (clocks set forward); each fires once. */
        *end = LT_MAX(first, self->fire_end + self->math.grid_ms);
    }
    LT_ASSERT(*end >= first && *end <= lt_window_last_end(&self->math, first));
    return true;
}

void lt_window_next_close(window_agg_op *self)
{
    int64_t end = 0;
    self->next_known = true;
    self->next_close =
        next_window(self, &end) ? lt_window_close(&self->math, end) : LT_WATERMARK_MAX;
}

/* ---- merging slices ---- */

typedef struct {
    lt_table *table;
    lt_table **distinct;
} slice_tables;

/* Every DISTINCT set of one slice. */
static lt_status slice_sets(window_agg_op *self, int64_t end, bool create, lt_table ***out,
                            lt_error *err)
{
    lt_table **sets = LT_NEW_ARRAY(self->op.scratch, lt_table *, self->set.distinct_count + 1);
    if (!sets) {
        return lt_error_nomem(err, "window state");
    }
    for (uint32_t d = 0; d < self->set.distinct_count; d++) {
        LT_TRY(lt_slices_get(self->distinct_slices[d], end, create, &sets[d], err));
    }
    *out = sets;
    return LT_OK;
}

/* The keys of records, laid out for decoding. */
typedef struct {
    const uint8_t **ptrs;
    uint32_t *lens;
} key_list;

static lt_status list_keys(const lt_table *table, void *const *values, uint32_t count,
                           lt_arena *arena, key_list *keys, lt_error *err)
{
    keys->ptrs = LT_NEW_ARRAY(arena, const uint8_t *, (size_t)count + 1);
    keys->lens = LT_NEW_ARRAY(arena, uint32_t, (size_t)count + 1);
    if (!keys->ptrs || !keys->lens) {
        return lt_error_nomem(err, "window keys");
    }
    for (uint32_t i = 0; i < count; i++) {
        keys->ptrs[i] = lt_table_key(table, values[i], &keys->lens[i]);
    }
    return LT_OK;
}

/* Decodes keys into new columns in the chunk arena; bytes are borrowed from the table. */
static lt_status decode_keys(window_agg_op *self, const lt_rowcodec *codec,
                             const lt_type *const *types, uint32_t field_count,
                             const key_list *keys, uint32_t count, lt_col **out, lt_error *err)
{
    lt_col *cols = LT_NEW_ARRAY(self->chunk, lt_col, (size_t)field_count + 1);
    lt_col **refs = LT_NEW_ARRAY(self->chunk, lt_col *, (size_t)field_count + 1);
    if (!cols || !refs) {
        return lt_error_nomem(err, "window keys");
    }
    for (uint32_t f = 0; f < field_count; f++) {
        refs[f] = &cols[f];
        if (!lt_col_init(&cols[f], types[f], LT_MAX(count, 1U), self->chunk)) {
            return lt_error_nomem(err, "window keys");
        }
    }
    *out = cols;
    return lt_rowcodec_decode(codec, keys->ptrs, keys->lens, count, LT_MAX(count, 1U), false,
                              self->chunk, refs, err);
}

/* The records of the same keys in another table, made where absent. */
static lt_status find_records(window_agg_op *self, const lt_col *fields, uint32_t count,
                              lt_table *table, void ***out, lt_error *err)
{
    const lt_col **refs = LT_NEW_ARRAY(self->chunk, const lt_col *, (size_t)self->key_count + 1);
    void **values = LT_NEW_ARRAY(self->chunk, void *, (size_t)count + 1);
    lt_rows rows;
    if (!refs || !values) {
        return lt_error_nomem(err, "window keys");
    }
    for (uint32_t k = 0; k < self->key_count; k++) {
        refs[k] = &fields[k];
    }
    LT_TRY(lt_rowcodec_encode(self->key_codec, refs, NULL, count, self->chunk, &rows, err));
    *out = values;
    return lt_table_probe(table, &rows, true, values, NULL, err);
}

static lt_status merge_records(window_agg_op *self, lt_table *src, lt_table *dst, lt_error *err)
{
    void *values[CHUNK_ROWS];
    uint64_t cursor = 0;
    uint32_t count;
    while ((count = lt_table_scan(src, &cursor, values, CHUNK_ROWS)) > 0) {
        lt_arena_reset(self->chunk, LT_OP_CHUNK_KEEP);
        key_list keys;
        lt_col *fields = NULL;
        void **to = NULL;
        LT_TRY(list_keys(src, values, count, self->chunk, &keys, err));
        LT_TRY(decode_keys(self, self->key_codec, self->key_types, self->key_count, &keys, count,
                           &fields, err));
        LT_TRY(find_records(self, fields, count, dst, &to, err));
        for (uint32_t i = 0; self->counted && i < count; i++) {
            ((window_head *)to[i])->rows += ((const window_head *)values[i])->rows;
        }
        LT_TRY(lt_aggset_merge(&self->set, (uint8_t *const *)to, (uint8_t *const *)values, count,
                               lt_table_cells(dst), self->chunk, err));
    }
    return LT_OK;
}

static lt_status merge_values(window_agg_op *self, uint32_t d, lt_table *src,
                              const slice_tables *dst, lt_error *err)
{
    const lt_distinct *distinct = &self->set.distinct[d];
    void *values[CHUNK_ROWS];
    int64_t counts[CHUNK_ROWS];
    uint64_t cursor = 0;
    uint32_t count;
    while ((count = lt_table_scan(src, &cursor, values, CHUNK_ROWS)) > 0) {
        lt_arena_reset(self->chunk, LT_OP_CHUNK_KEEP);
        key_list keys;
        lt_col *fields = NULL;
        void **records = NULL;
        LT_TRY(list_keys(src, values, count, self->chunk, &keys, err));
        LT_TRY(decode_keys(self, distinct->codec, distinct->types, distinct->field_count, &keys,
                           count, &fields, err));
        LT_TRY(find_records(self, fields, count, dst->table, &records, err));
        for (uint32_t i = 0; i < count; i++) {
            counts[i] = *(const int64_t *)values[i];
        }
        const lt_distinct_rows rows = {d, fields, counts, (uint8_t *const *)records, count};
        const lt_agg_input input = {.op = &self->op,
                                    .distinct = dst->distinct,
                                    .cells = lt_table_cells(dst->table),
                                    .arena = self->chunk};
        LT_TRY(lt_aggset_add_values(&self->set, &input, &rows, err));
    }
    return LT_OK;
}

/* Adds slice `end` to the tables. */
static lt_status merge_slice(window_agg_op *self, int64_t end, lt_table *src,
                             const slice_tables *dst, lt_error *err)
{
    lt_table **sets = NULL;
    LT_TRY(slice_sets(self, end, false, &sets, err));
    LT_TRY(merge_records(self, src, dst->table, err));
    for (uint32_t d = 0; d < self->set.distinct_count; d++) {
        if (sets[d]) {
            LT_TRY(merge_values(self, d, sets[d], dst, err));
        }
    }
    return LT_OK;
}

static void drop_slice(window_agg_op *self, int64_t end)
{
    lt_slices_drop(self->slices, end);
    for (uint32_t d = 0; d < self->set.distinct_count; d++) {
        lt_slices_drop(self->distinct_slices[d], end);
    }
}

/* ---- HOP: all slices of the window into a table of its own ---- */

static lt_status begin_hop(window_agg_op *self, int64_t end, lt_error *err)
{
    int64_t slice = 0;
    int64_t from = end - self->math.spec.size_ms;
    lt_table *first = lt_slices_next(self->slices, from, &slice);
    LT_ASSERT(first != NULL && slice <= end);
    int64_t second = 0;
    if (!lt_slices_next(self->slices, slice, &second) || second > end) {
        self->fire_from = first; /* the only slice with rows is the window */
        return LT_OK;
    }
    const slice_tables to = {self->merged, self->merged_distinct};
    for (lt_table *table = first; table && slice <= end;
         table = lt_slices_next(self->slices, slice, &slice)) {
        LT_TRY(merge_slice(self, slice, table, &to, err));
    }
    self->fire_from = self->merged;
    return LT_OK;
}

/* ---- CUMULATE: the group's first slice takes in one slice after the other ---- */

static lt_status begin_cumulate(window_agg_op *self, int64_t end, lt_error *err)
{
    int64_t base = lt_window_start(&self->math, end) + self->math.grid_ms;
    lt_table *own = NULL;
    slice_tables to = {NULL, NULL};
    LT_TRY(lt_slices_get(self->slices, end, false, &own, err));
    LT_TRY(lt_slices_get(self->slices, base, own != NULL, &to.table, err));
    self->fire_from = to.table;
    if (!own || end == base) {
        LT_ASSERT(to.table != NULL);
        return LT_OK;
    }
    LT_TRY(slice_sets(self, base, true, &to.distinct, err));
    LT_TRY(merge_slice(self, end, own, &to, err));
    *lt_slices_tag(self->slices, base) += *lt_slices_tag(self->slices, end);
    drop_slice(self, end);
    return LT_OK;
}

static lt_status begin_window(window_agg_op *self, int64_t end, lt_error *err)
{
    if (self->unsent != LT_WATERMARK_MIN) {
        LT_TRY(lt_outbox_mark(&self->op, &self->box, self->unsent, err));
        self->unsent = LT_WATERMARK_MIN;
    }
    if (!self->shared) {
        LT_TRY(lt_slices_get(self->slices, end, false, &self->fire_from, err));
    } else if (self->math.spec.kind == LT_WINDOW_HOP) {
        LT_TRY(begin_hop(self, end, err));
    } else {
        LT_TRY(begin_cumulate(self, end, err));
    }
    LT_ASSERT(self->fire_from != NULL);
    self->firing = true;
    self->fire_end = end;
    self->fire_scan = 0;
    return LT_OK;
}

/* Lets go of slices that no later window has. */
static void end_window(window_agg_op *self)
{
    int64_t slice = 0;
    while (lt_slices_first(self->slices, &slice) &&
           lt_window_last_end(&self->math, slice) <= self->fire_end) {
        uint64_t rows = (uint64_t)*lt_slices_tag(self->slices, slice);
        LT_ASSERT(rows <= self->op.ledger.held);
        self->op.ledger.held -= rows;
        self->op.ledger.used += rows;
        drop_slice(self, slice);
    }
    if (self->fire_from == self->merged && self->merged) {
        lt_table_clear(self->merged);
        for (uint32_t d = 0; d < self->set.distinct_count; d++) {
            lt_table_clear(self->merged_distinct[d]);
        }
    }
    self->fire_from = NULL;
    self->firing = false;
}

/* ---- result rows ---- */

static void fill_i64(lt_col *col, int64_t value, uint32_t count)
{
    int64_t *data = LT_COL_DATA(col, int64_t);
    for (uint32_t i = 0; i < count; i++) {
        data[i] = value;
    }
}

static lt_status result_rows(window_agg_op *self, void *const *values, uint32_t count,
                             lt_error *err)
{
    const lt_window_agg_spec *spec = self->op.spec;
    lt_arena_reset(self->chunk, LT_OP_CHUNK_KEEP);
    LT_TRY(lt_outbox_begin(&self->op, &self->box, count, self->chunk, err));
    lt_col *cols = self->box.cols;
    lt_arena *bytes = self->box.batch->arena;
    uint32_t cap = self->box.capacity;
    lt_col start = {0};
    key_list keys;
    lt_col **refs = LT_NEW_ARRAY(self->chunk, lt_col *, (size_t)self->key_count + 1);
    if (!refs) {
        return lt_error_nomem(err, "window results");
    }
    for (uint32_t k = 0; k < self->key_count; k++) {
        refs[k] = k < spec->key_count ? &cols[k] : &start;
    }
    if (self->key_count > spec->key_count &&
        !lt_col_init(&start, self->key_types[spec->key_count], cap, self->chunk)) {
        return lt_error_nomem(err, "window results");
    }
    LT_TRY(list_keys(self->fire_from, values, count, self->chunk, &keys, err));
    LT_TRY(lt_rowcodec_decode(self->key_codec, keys.ptrs, keys.lens, count, cap, true, bytes, refs,
                              err));
    const lt_agg_results to = {.records = (uint8_t *const *)values,
                               .count = count,
                               .cols = cols + spec->key_count,
                               .cap = cap,
                               .arena = bytes,
                               .temp = self->chunk};
    LT_TRY(lt_aggset_finish(&self->set, &to, err));
    lt_col *bounds = cols + spec->key_count + spec->agg_count;
    if (self->key_count > spec->key_count) {
        memcpy(bounds[0].data, start.data, sizeof(int64_t) * count);
    } else {
        fill_i64(&bounds[0], lt_window_start(&self->math, self->fire_end), count);
    }
    fill_i64(&bounds[1], self->fire_end, count);
    fill_i64(&bounds[2], lt_window_time(&self->math, self->fire_end), count);
    return lt_outbox_commit(&self->op, &self->box, count, err);
}

/* Keys whose rows were all taken away again have no result. */
static uint32_t drop_empty(const window_agg_op *self, void **values, uint32_t count)
{
    if (!self->counted) {
        return count;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        values[kept] = values[i];
        kept += ((const window_head *)values[i])->rows != 0;
    }
    return kept;
}

static lt_status emit_window(window_agg_op *self, lt_emit *out, lt_error *err)
{
    void *values[CHUNK_ROWS];
    for (;;) {
        if (lt_outbox_room(&self->box) == 0) {
            LT_TRY(lt_outbox_flush(&self->box, out, err));
        }
        uint32_t max = LT_MIN(lt_outbox_room(&self->box), (uint32_t)CHUNK_ROWS);
        uint32_t count = lt_table_scan(self->fire_from, &self->fire_scan, values, max);
        if (count == 0) {
            return LT_OK;
        }
        count = drop_empty(self, values, count);
        if (count > 0) {
            LT_TRY(result_rows(self, values, count, err));
        }
    }
}

lt_status lt_window_advance(window_agg_op *self, int64_t watermark, lt_emit *out, lt_error *err)
{
    lt_op *op = &self->op;
    if (!self->firing && (watermark <= op->watermark)) {
        return LT_OK;
    }
    while (self->firing || watermark >= self->next_close) {
        if (!self->firing) {
            int64_t end = 0;
            if (!next_window(self, &end) || lt_window_close(&self->math, end) > watermark) {
                break;
            }
            LT_TRY(begin_window(self, end, err));
        }
        LT_TRY(emit_window(self, out, err));
        end_window(self);
    }
    op->watermark = watermark;
    self->unsent = watermark;
    if (self->fire_end != LT_WATERMARK_MIN) {
        self->fire_end = LT_WATERMARK_MIN;
        lt_window_next_close(self);
    }
    return LT_OK;
}
