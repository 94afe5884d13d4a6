/* Top-N outside of windows: ROW_NUMBER() with a bound on it, ORDER BY .. LIMIT, and LIMIT over rows
 * that may be taken away. What a row changes is in topn_state.c.
 *
 * State: ordered maps by partition. `top` has the best rank_max rows of each, `rest` (only where
 * rows may be taken away) the others; a row's bytes are its order key, its number in order of
 * arrival, and the row. `limits` has each partition's rank_max where a column says it: that of the
 * partition's first row, for good, as in Flink. `places` says where the rows of a LIMIT are, all of
 * which stand equal in its order.
 *
 * Ledger: used is what was among the best for a moment, or is kept in case it will be, or took such
 * a row away; filtered is all else. */
#include <stddef.h>

#include "op/topn_int.h"

#define AHEAD_ROWS 12

static const uint32_t places_cells[1] = {offsetof(topn_places, seqs)};

static lt_status topn_open(lt_op *op, lt_error *err)
{
    topn_op *self = (topn_op *)op;
    const lt_topn_spec *spec = op->spec;
    LT_ASSERT(spec->rank_min >= 1);
    LT_ASSERT(op->out_schema->count == op->in_schemas[0]->count + spec->rank_output);
    self->shifts = spec->rank_output || spec->rank_min > 1;
    LT_TRY(lt_ranked_init(op, &self->ranked, spec->partition, spec->partition_count, err));
    LT_TRY(lt_order_codec_init(op, spec->order, spec->order_count, &self->order, err));
    LT_TRY(lt_changes_init(op, &self->changes, self->ranked.row_codec, true, err));
    self->changes.drop_before = spec->drop_before;
    lt_ordered_decl decl = {.name = "top",
                            .key = self->ranked.partition_codec,
                            .value_size = sizeof(topn_node),
                            .group_fields = spec->partition_count,
                            .ttl_ms = spec->ttl_ms};
    LT_TRY(lt_state_ordered(op->state, &decl, &self->top, err));
    if (spec->strategy == LT_TOPN_RETRACT) {
        decl.name = "rest";
        LT_TRY(lt_state_ordered(op->state, &decl, &self->rest, err));
    }
    LT_ASSERT(spec->strategy != LT_TOPN_RETRACT || spec->order_count > 0 ||
              spec->partition_count == 0);
    if (spec->strategy == LT_TOPN_RETRACT && spec->order_count == 0) {
        const lt_table_decl places = {.name = "places",
                                      .key = self->ranked.row_codec,
                                      .value_size = sizeof(topn_places),
                                      .cell_offsets = places_cells,
                                      .cell_count = LT_COUNT_OF(places_cells)};
        LT_TRY(lt_state_table(op->state, &places, &self->places, err));
    }
    if (!spec->variable) {
        return LT_OK;
    }
    const lt_table_decl limits = {.name = "limits",
                                  .key = self->ranked.partition_codec,
                                  .value_size = sizeof(topn_limit),
                                  .ttl_ms = spec->ttl_ms,
                                  .group_fields = spec->partition_count};
    return lt_state_table(op->state, &limits, &self->limits, err);
}

static void topn_close(lt_op *op)
{
    lt_changes_deinit(&((topn_op *)op)->changes);
}

/* ---- input ---- */

static int64_t end_value(const lt_col *col, uint32_t row)
{
    if (lt_col_is_null(col, row)) {
        return 0;
    }
    size_t size = lt_phys_size(col->phys);
    return size == 1   ? LT_COL_DATA(col, const int8_t)[row]
           : size == 2 ? LT_COL_DATA(col, const int16_t)[row]
           : size == 4 ? LT_COL_DATA(col, const int32_t)[row]
                       : LT_COL_DATA(col, const int64_t)[row];
}

static lt_status probe_limits(topn_op *self, const lt_row_pick *pick, lt_error *err)
{
    const lt_topn_spec *spec = self->op.spec;
    uint8_t *fresh = LT_NEW_ARRAY(pick->arena, uint8_t, (size_t)pick->count + 1);
    self->limit_of = LT_NEW_ARRAY(pick->arena, topn_limit *, (size_t)pick->count + 1);
    if (!fresh || !self->limit_of) {
        return lt_error_nomem(err, "top-n rows");
    }
    LT_TRY(
        lt_table_probe(self->limits, &self->partitions, true, (void **)self->limit_of, fresh, err));
    for (uint32_t i = 0; i < pick->count; i++) {
        if (fresh[i]) {
            int64_t end = end_value(&pick->in->cols[spec->end_col], pick->rows[i]);
            self->limit_of[i]->rank_max = spec->end_less && end > INT64_MIN ? end - 1 : end;
        }
    }
    return LT_OK;
}

/* Looks up the partitions of the whole batch: once, and again in each resume(). */
static lt_status probe(topn_op *self, lt_error *err)
{
    LT_TRY(lt_ordered_probe(self->top, &self->partitions, true, self->maps, err));
    if (self->limits && self->probed) {
        LT_TRY(lt_table_probe(self->limits, &self->partitions, true, (void **)self->limit_of, NULL,
                              err));
    }
    self->probed = true;
    return LT_OK;
}

static int64_t rank_max_of(const topn_op *self, uint32_t at)
{
    const lt_topn_spec *spec = self->op.spec;
    return self->limits ? self->limit_of[at]->rank_max : spec->rank_max;
}

/* Only added rows: those that are not among the best now never will be. */
static bool is_hopeless(const topn_op *self, uint32_t i)
{
    const lt_ordered_map *map = self->maps[i];
    if ((int64_t)lt_ordered_size(map) < rank_max_of(self, i)) {
        return false;
    }
    const void *last = lt_ordered_last(self->top, map);
    return !last ||
           lt_order_cmp(lt_order_key(&self->orders, i), lt_topn_order_of(self->top, last)) >= 0;
}

/* The rows to be worked on. Most of the time goes into fetching the last of the best, for rows of
 * many partitions: it is asked for some rows ahead. */
static uint32_t drop_hopeless(topn_op *self, uint32_t *rows, uint32_t count)
{
    const lt_topn_spec *spec = self->op.spec;
    bool all = spec->strategy != LT_TOPN_APPEND;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!all && i + 2 * AHEAD_ROWS < count) {
            lt_ordered_prefetch_last(self->top, self->maps[i + 2 * AHEAD_ROWS], false);
        }
        if (!all && i + AHEAD_ROWS < count) {
            lt_ordered_prefetch_last(self->top, self->maps[i + AHEAD_ROWS], true);
        }
        if (all || !is_hopeless(self, i)) {
            self->index[kept] = i;
            rows[kept++] = rows[i];
        }
    }
    return kept;
}

/* Gives maps without rows back. */
static lt_status trim(topn_op *self, lt_error *err)
{
    for (uint32_t i = 0; i < self->partitions.count; i++) {
        if (lt_ordered_size(self->maps[i]) > 0) {
            self->maps[i] = NULL;
        }
    }
    for (uint32_t i = 0; i < self->partitions.count; i++) {
        lt_ordered_map *map = NULL;
        if (!self->maps[i]) {
            continue;
        }
        const lt_rows one = lt_ranked_one(&self->partitions, i);
        LT_TRY(lt_ordered_probe(self->top, &one, false, &map, err));
        if (map) {
            lt_ordered_trim(self->top, map);
        }
    }
    return LT_OK;
}

static lt_status topn_step(lt_op *op, uint32_t index, lt_error *err)
{
    topn_op *self = (topn_op *)op;
    const lt_topn_spec *spec = op->spec;
    uint32_t at = self->index[index];
    const topn_row row = {at,
                          self->maps[at],
                          rank_max_of(self, at),
                          lt_order_key(&self->orders, at),
                          lt_ranked_str(&self->rows, index),
                          self->rows.hashes[index]};
    uint8_t kind = lt_batch_kind(self->changes.pending, self->changes.input[index]);
    switch (spec->strategy) {
    case LT_TOPN_APPEND:
        LT_ASSERT(kind == LT_INSERT);
        return lt_topn_insert(self, &row, err);
    case LT_TOPN_UPDATE:
        return lt_kind_is_add(kind) ? lt_topn_update(self, &row, err)
                                    : lt_topn_before(self, &row, err);
    case LT_TOPN_RETRACT:
        break;
    }
    return lt_kind_is_add(kind) ? lt_topn_insert(self, &row, err)
                                : lt_topn_retract(self, &row, err);
}

static lt_status topn_run(topn_op *self, lt_emit *out, lt_error *err)
{
    lt_status st = lt_changes_run(&self->op, &self->changes, topn_step, out, err);
    if (st == LT_FULL) {
        return st;
    }
    lt_status trimmed = trim(self, err);
    return st != LT_OK ? st : trimmed;
}

static lt_status topn_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    topn_op *self = (topn_op *)op;
    LT_TRY(probe(self, err));
    return topn_run(self, out, err);
}

static lt_status topn_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    topn_op *self = (topn_op *)op;
    (void)input_no;
    lt_changes_begin(&self->changes);
    lt_arena *arena = self->changes.batch_arena;
    uint32_t *rows = lt_op_live_rows(in, arena);
    lt_row_pick pick = {in, rows, lt_batch_live(in), arena};
    self->maps = LT_NEW_ARRAY(arena, lt_ordered_map *, (size_t)pick.count + 1);
    self->index = LT_NEW_ARRAY(arena, uint32_t, (size_t)pick.count + 1);
    if (!rows || !self->maps || !self->index) {
        return lt_error_nomem(err, "top-n rows");
    }
    self->probed = false;
    self->replaced = (lt_str){NULL, 0};
    LT_TRY(lt_ranked_partitions(&self->ranked, &pick, &self->partitions, err));
    LT_TRY(lt_order_encode(&self->order, &pick, &self->orders, err));
    if (self->limits) {
        LT_TRY(probe_limits(self, &pick, err));
    }
    LT_TRY(probe(self, err));
    uint32_t kept = drop_hopeless(self, rows, pick.count);
    op->ledger.filtered += pick.count - kept;
    pick.count = kept;
    LT_TRY(lt_ranked_rows(&self->ranked, &pick, &self->rows, err));
    lt_changes_start(op, &self->changes, in, rows, kept);
    return topn_run(self, out, err);
}

static lt_status topn_save(const lt_op *op, lt_text *to, lt_error *err)
{
    (void)err;
    lt_op_save_i64(to, ((const topn_op *)op)->next_seq);
    return LT_OK;
}

static lt_status topn_load(lt_op *op, lt_str from, lt_error *err)
{
    return lt_op_load_i64(from, 0, &((topn_op *)op)->next_seq, err);
}

const lt_op_class lt_op_topn = {
    .name = "TopN",
    .self_size = sizeof(topn_op),
    .marks = LT_MARKS_OWN,
    .open = topn_open,
    .on_batch = topn_on_batch,
    .resume = topn_resume,
    .save = topn_save,
    .load = topn_load,
    .close = topn_close,
};
