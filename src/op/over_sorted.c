/* Aggregates with OVER in the order of a column that is not a time attribute, from the first row to
 * the current one: a row that comes or goes changes the results of all rows behind it.
 *
 * State: an ordered map per partition. A record's bytes are
 *
 *   | order key | number, u64 big-endian | row |       the number: order of arrival among equals
 *
 * and its value { length of the order key, accumulators up to here }. With RANGE, peers (records of
 * one order key) have the same results: only the first of them has accumulators. A change begins
 * with those before it and goes on from record to record until the accumulators are as they were.
 *
 * A record whose accumulators changed comes out again even when its result is equal, as in Flink:
 * the sum of a row more, though the row has a zero. Accumulators with parts of their own (text,
 * sets) are compared by their results.
 *
 * Ledger: every row is used; filtered is the removal of a row that is not there. */
#include <string.h>

#include "op/over_int.h"

#define BLOCK_MIN 8u
#define BLOCK_MAX 512u
#define NOWHERE   UINT32_MAX

typedef struct {
    uint32_t order_len;
    uint32_t unused;
} sorted_head;

/* Records whose results may have changed, decoded; of whole groups. */
typedef struct {
    lt_col *cols;    /* of the rows */
    lt_col *results; /* per group: before, after */
} sorted_block;

/* One change on its way out. */
typedef struct {
    uint8_t kind;
    uint32_t block;
    uint32_t row;
    uint32_t result;
} sorted_item;

typedef struct {
    lt_op op;
    lt_ranked ranked;
    lt_order_codec order;
    lt_aggset set;
    lt_ordered *rows;
    lt_outbox box;
    uint32_t *plain_at; /* accumulators without parts: offset and size, in pairs */
    uint32_t plain_count;
    bool all_plain;
    /* the batch at hand */
    lt_arena *batch_arena;
    lt_batch *pending;
    uint32_t *input;
    uint32_t count, at;
    lt_rows partitions;
    lt_rows encoded;
    lt_order_keys orders;
    /* the row at hand */
    lt_arena *row_arena;
    sorted_block *blocks;
    uint32_t block_count, block_cap;
    sorted_item *items;
    uint32_t item_count, item_cap, item_at;
} sorted_op;

static lt_status nomem(lt_error *err)
{
    return lt_error_nomem(err, "rows of a window");
}

static bool is_rows(const sorted_op *self)
{
    return ((const lt_over_spec *)self->op.spec)->frame.rows;
}

/* ---- open ---- */

static lt_status plan_compare(sorted_op *self, lt_error *err)
{
    self->plain_at = LT_NEW_ARRAY(self->op.arena, uint32_t, 2 * (size_t)self->set.count + 1);
    if (!self->plain_at) {
        return nomem(err);
    }
    for (uint32_t a = 0; a < self->set.count; a++) {
        if (self->set.aggs[a]->cell_count == 0) {
            self->plain_at[2 * self->plain_count] = self->set.offsets[a];
            self->plain_at[2 * self->plain_count++ + 1] = self->set.aggs[a]->state_size;
        }
    }
    self->all_plain = self->plain_count == self->set.count;
    return LT_OK;
}

static lt_status sorted_open(lt_op *op, lt_error *err)
{
    sorted_op *self = (sorted_op *)op;
    const lt_over_spec *spec = op->spec;
    LT_ASSERT(op->out_schema->count == op->in_schemas[0]->count + spec->agg_count);
    LT_ASSERT(!spec->frame.bounded);
    lt_outbox_init(op, &self->box, true);
    LT_TRY(lt_op_chunk_new(op, &self->batch_arena, err));
    LT_TRY(lt_op_chunk_new(op, &self->row_arena, err));
    LT_TRY(lt_ranked_init(op, &self->ranked, spec->partition, spec->partition_count, err));
    LT_TRY(lt_order_codec_init(op, &spec->order, 1, &self->order, err));
    const lt_aggset_spec aggs = {
        .aggs = spec->aggs, .count = spec->agg_count, .head = sizeof(sorted_head)};
    LT_TRY(lt_aggset_init(op, &self->set, &aggs, err));
    LT_ASSERT(self->set.distinct_count == 0);
    LT_TRY(plan_compare(self, err));
    const lt_ordered_decl decl = {.name = "rows",
                                  .key = self->ranked.partition_codec,
                                  .value_size = self->set.size,
                                  .cell_offsets = self->set.cell_offsets,
                                  .cell_count = self->set.cell_count,
                                  .group_fields = spec->partition_count,
                                  .ttl_ms = spec->ttl_ms};
    return lt_state_ordered(op->state, &decl, &self->rows, err);
}

static void sorted_close(lt_op *op)
{
    sorted_op *self = (sorted_op *)op;
    lt_aggset_deinit(&self->set);
    lt_outbox_deinit(&self->box);
    lt_batch_unref(self->pending);
    lt_arena_free(self->batch_arena);
    lt_arena_free(self->row_arena);
}

/* ---- records ---- */

static lt_str order_of(const sorted_op *self, const void *record)
{
    lt_str bytes = lt_ordered_bytes(self->rows, record);
    return (lt_str){bytes.ptr, ((const sorted_head *)record)->order_len};
}

static lt_str row_of(const sorted_op *self, const void *record)
{
    lt_str bytes = lt_ordered_bytes(self->rows, record);
    size_t skip = (size_t)((const sorted_head *)record)->order_len + 8;
    LT_ASSERT(bytes.len >= skip);
    return (lt_str){bytes.ptr + skip, bytes.len - skip};
}

static bool is_peer(const sorted_op *self, const void *record, lt_str order)
{
    return record && lt_order_cmp(order_of(self, record), order) == 0;
}

static uint64_t number_of(const sorted_op *self, const void *record)
{
    const char *at = row_of(self, record).ptr - 8;
    uint64_t value = 0;
    for (unsigned b = 0; b < 8; b++) {
        value = value << 8 | (unsigned char)at[b];
    }
    return value;
}

/* The last record at or before an order key; NULL = none. */
static lt_status last_upto(sorted_op *self, const lt_ordered_map *map, lt_str order, void **out,
                           lt_error *err)
{
    char *bytes = lt_arena_alloc(self->row_arena, order.len + 9, 8);
    if (!bytes) {
        return nomem(err);
    }
    memcpy(bytes, order.ptr, order.len);
    memset(bytes + order.len, 0xff, 9);
    void *behind = lt_ordered_seek(self->rows, map, (lt_str){bytes, order.len + 9});
    *out = behind ? lt_ordered_prev(self->rows, behind) : lt_ordered_last(self->rows, map);
    return LT_OK;
}

static lt_status insert(sorted_op *self, lt_ordered_map *map, lt_str order, lt_str row, void **out,
                        lt_error *err)
{
    void *last;
    LT_TRY(last_upto(self, map, order, &last, err));
    uint64_t number = is_peer(self, last, order) ? number_of(self, last) + 1 : 0;
    size_t len = order.len + 8 + row.len;
    char *bytes = lt_arena_alloc(self->row_arena, len, 8);
    if (!bytes) {
        return nomem(err);
    }
    memcpy(bytes, order.ptr, order.len);
    for (unsigned b = 0; b < 8; b++) {
        bytes[order.len + b] = (char)(unsigned char)(number >> (56 - 8 * b));
    }
    memcpy(bytes + order.len + 8, row.ptr, row.len);
    LT_TRY(lt_ordered_get(self->rows, map, (lt_str){bytes, len}, true, out, NULL, err));
    ((sorted_head *)*out)->order_len = (uint32_t)order.len;
    return LT_OK;
}

/* The oldest record of this row; NULL = none. */
static void *find(sorted_op *self, const lt_ordered_map *map, lt_str order, lt_str row)
{
    void *record = lt_ordered_seek(self->rows, map, order);
    while (is_peer(self, record, order)) {
        if (lt_str_eq(row_of(self, record), row)) {
            return record;
        }
        record = lt_ordered_next(self->rows, record);
    }
    return NULL;
}

/* The record that has the accumulators of this one's group. */
static void *holder(sorted_op *self, const lt_ordered_map *map, void *record)
{
    return is_rows(self) ? record : lt_ordered_seek(self->rows, map, order_of(self, record));
}

/* ---- items ---- */

static lt_status add_item(sorted_op *self, sorted_item item, lt_error *err)
{
    if (self->item_count == self->item_cap) {
        uint32_t cap = self->item_cap ? self->item_cap * 2 : 64;
        sorted_item *grown = LT_NEW_ARRAY(self->row_arena, sorted_item, cap);
        if (!grown) {
            return nomem(err);
        }
        if (self->item_count > 0) {
            memcpy(grown, self->items, self->item_count * sizeof *grown);
        }
        self->items = grown;
        self->item_cap = cap;
    }
    self->items[self->item_count++] = item;
    return LT_OK;
}

static lt_status add_block(sorted_op *self, sorted_block **out, lt_error *err)
{
    if (self->block_count == self->block_cap) {
        uint32_t cap = self->block_cap ? self->block_cap * 2 : 8;
        sorted_block *grown = LT_NEW_ARRAY(self->row_arena, sorted_block, cap);
        if (!grown) {
            return nomem(err);
        }
        if (self->block_count > 0) {
            memcpy(grown, self->blocks, self->block_count * sizeof *grown);
        }
        self->blocks = grown;
        self->block_cap = cap;
    }
    *out = &self->blocks[self->block_count++];
    return LT_OK;
}

/* ---- aggregates over a block ---- */

typedef struct {
    void **records;
    uint32_t count;
    uint32_t *group_of; /* of each record */
    uint8_t **holders;  /* of each group */
    uint8_t *before;    /* of each group: its holder's bytes */
    uint32_t group_count;
    uint32_t cap;
    lt_agg_input input;
    lt_col *old, *new;
} block_run;

static lt_status init_columns(sorted_op *self, uint32_t cap, lt_col **out, lt_error *err)
{
    *out = LT_NEW_ARRAY(self->row_arena, lt_col, (size_t)self->set.count + 1);
    for (uint32_t a = 0; *out && a < self->set.count; a++) {
        if (!lt_col_init(&(*out)[a], self->set.aggs[a]->result, cap, self->row_arena)) {
            *out = NULL;
        }
    }
    return *out ? LT_OK : nomem(err);
}

static lt_status decode_block(sorted_op *self, block_run *run, sorted_block *block, lt_error *err)
{
    lt_arena *arena = self->row_arena;
    const lt_schema *in = self->op.in_schemas[0];
    const uint8_t **ptrs = LT_NEW_ARRAY(arena, const uint8_t *, (size_t)run->count + 1);
    uint32_t *lens = LT_NEW_ARRAY(arena, uint32_t, (size_t)run->count + 1);
    lt_col **cols = LT_NEW_ARRAY(arena, lt_col *, (size_t)in->count + 1);
    block->cols = LT_NEW_ARRAY(arena, lt_col, (size_t)in->count + 1);
    if (!ptrs || !lens || !cols || !block->cols) {
        return nomem(err);
    }
    for (uint32_t c = 0; c < in->count; c++) {
        cols[c] = &block->cols[c];
        if (!lt_col_init(cols[c], in->fields[c].type, run->cap, arena)) {
            return nomem(err);
        }
    }
    for (uint32_t i = 0; i < run->count; i++) {
        lt_str row = row_of(self, run->records[i]);
        ptrs[i] = (const uint8_t *)row.ptr;
        lens[i] = (uint32_t)row.len;
    }
    return lt_rowcodec_decode(self->ranked.row_codec, ptrs, lens, run->count, run->cap, true, arena,
                              cols, err);
}

/* Arguments are columns and constants, so that no row can fail. */
static lt_status read_args(sorted_op *self, block_run *run, const sorted_block *block,
                           lt_error *err)
{
    lt_arena *arena = self->row_arena;
    lt_col *args = LT_NEW_ARRAY(arena, lt_col, (size_t)self->set.ev.count + 1);
    lt_batch *rows = LT_NEW(arena, lt_batch);
    lt_row_errors errors = {0};
    if (!args || !rows) {
        return nomem(err);
    }
    rows->row_count = rows->sel_count = run->count;
    rows->col_count = self->op.in_schemas[0]->count;
    rows->cols = block->cols;
    rows->schema = self->op.in_schemas[0];
    rows->arena = arena;
    LT_TRY(lt_evaluator_run(&self->op, &self->set.ev, rows, arena, args, &errors, err));
    LT_ASSERT(errors.count == 0);
    run->input = (lt_agg_input){.op = &self->op,
                                .in = rows,
                                .cols = args,
                                .cells = lt_ordered_cells(self->rows),
                                .arena = arena};
    return LT_OK;
}

static lt_status finish_groups(sorted_op *self, block_run *run, lt_col **out, lt_error *err)
{
    LT_TRY(init_columns(self, run->cap, out, err));
    const lt_agg_results to = {.records = run->holders,
                               .count = run->group_count,
                               .cols = *out,
                               .cap = run->cap,
                               .arena = self->row_arena,
                               .temp = self->row_arena};
    return lt_aggset_finish(&self->set, &to, err);
}

static lt_status merge_into(sorted_op *self, uint8_t *to, uint8_t *from, lt_error *err)
{
    lt_cells *cells = lt_ordered_cells(self->rows);
    lt_aggset_reset(&self->set, to, cells);
    return from ? lt_aggset_merge(&self->set, &to, &from, 1, cells, self->row_arena, err) : LT_OK;
}

/* Adds the group's rows to the accumulators, which become its holder's. */
static lt_status add_group(sorted_op *self, block_run *run, uint8_t *state, uint32_t from,
                           uint32_t to, lt_error *err)
{
    uint8_t **states = LT_NEW_ARRAY(self->row_arena, uint8_t *, (size_t)(to - from) + 1);
    uint32_t *rows = LT_NEW_ARRAY(self->row_arena, uint32_t, (size_t)(to - from) + 1);
    uint8_t *held = run->holders[run->group_of[from]];
    if (!states || !rows) {
        return nomem(err);
    }
    for (uint32_t i = from; i < to; i++) {
        states[i - from] = state;
        rows[i - from] = i;
    }
    LT_TRY(lt_aggset_update_signed(&self->set, &run->input, states, rows, to - from, 1, err));
    lt_ordered_touch(self->rows, held);
    return merge_into(self, held, state, err);
}

static bool is_equal(const sorted_op *self, const block_run *run, uint32_t group, bool *same)
{
    const uint8_t *before = run->before + (size_t)group * self->set.size;
    bool plain = true;
    for (uint32_t i = 0; i < self->plain_count; i++) {
        uint32_t at = self->plain_at[2 * i];
        plain =
            plain && memcmp(before + at, run->holders[group] + at, self->plain_at[2 * i + 1]) == 0;
    }
    *same = plain;
    for (uint32_t a = 0; *same && !self->all_plain && a < self->set.count; a++) {
        *same = self->set.aggs[a]->cell_count == 0 ||
                lt_col_value_eq(&run->old[a], group, &run->new[a], group);
    }
    return plain && self->all_plain;
}

/* ---- changes ---- */

/* What happens by one row. */
typedef struct {
    lt_ordered_map *map;
    uint8_t *state;   /* accumulators before the next record; parts of its own */
    void *record;     /* of an inserted row; else NULL */
    lt_row_kind kind; /* of an inserted row */
    uint32_t gone_at; /* the row that went stood here in the first group; else NOWHERE */
} sorted_change;

/* Gathers records from `next` on, whole groups of them. */
static lt_status gather(sorted_op *self, void **next, uint32_t most, block_run *run, lt_error *err)
{
    lt_arena *arena = self->row_arena;
    uint32_t cap = 0;
    for (void *at = *next; at; at = lt_ordered_next(self->rows, at)) {
        if (cap >= most && (is_rows(self) ||
                            !is_peer(self, at, order_of(self, lt_ordered_prev(self->rows, at))))) {
            break;
        }
        cap++;
    }
    *run = (block_run){.count = cap, .cap = (cap + 64) / 64 * 64};
    run->records = LT_NEW_ARRAY(arena, void *, (size_t)cap + 1);
    run->group_of = LT_NEW_ARRAY(arena, uint32_t, (size_t)cap + 1);
    run->holders = LT_NEW_ARRAY(arena, uint8_t *, (size_t)cap + 1);
    if (!run->records || !run->group_of || !run->holders) {
        return nomem(err);
    }
    void *at = *next;
    for (uint32_t i = 0; i < cap; i++, at = lt_ordered_next(self->rows, at)) {
        run->records[i] = at;
        if (i == 0 || is_rows(self) || !is_peer(self, at, order_of(self, run->records[i - 1]))) {
            run->holders[run->group_count++] = at;
        }
        run->group_of[i] = run->group_count - 1;
    }
    *next = at;
    run->before = lt_arena_alloc(arena, (size_t)run->group_count * self->set.size + 1, 8);
    if (!run->before) {
        return nomem(err);
    }
    for (uint32_t g = 0; g < run->group_count; g++) {
        memcpy(run->before + (size_t)g * self->set.size, run->holders[g], self->set.size);
    }
    return LT_OK;
}

/* Before and after stand behind each other. */
static lt_status join_results(sorted_op *self, const block_run *run, sorted_block *block,
                              lt_error *err)
{
    uint32_t cap = 2 * run->cap;
    LT_TRY(init_columns(self, cap, &block->results, err));
    for (uint32_t a = 0; a < self->set.count; a++) {
        if (!lt_col_put(&block->results[a], 0, cap, &run->old[a], NULL, run->group_count, false,
                        self->row_arena) ||
            !lt_col_put(&block->results[a], run->group_count, cap, &run->new[a], NULL,
                        run->group_count, false, self->row_arena)) {
            return nomem(err);
        }
    }
    return LT_OK;
}

/* The row that went, with its last result, is the first block. */
static const sorted_item gone_item = {LT_DELETE, 0, 0, 0};

static lt_status list_group(sorted_op *self, const block_run *run, const sorted_change *change,
                            uint32_t from, uint32_t to, bool same, lt_error *err)
{
    uint32_t group = run->group_of[from], block = self->block_count - 1;
    for (uint32_t i = from; i < to; i++) {
        const sorted_item before = {LT_UPDATE_BEFORE, block, i, group};
        sorted_item after = {LT_UPDATE_AFTER, block, i, run->group_count + group};
        if (from == 0 && i == change->gone_at) {
            LT_TRY(add_item(self, gone_item, err));
        }
        if (run->records[i] == change->record) {
            after.kind = (uint8_t)change->kind;
            LT_TRY(add_item(self, after, err));
        } else if (!same) {
            LT_TRY(add_item(self, before, err));
            LT_TRY(add_item(self, after, err));
        }
    }
    return from == 0 && to == change->gone_at ? add_item(self, gone_item, err) : LT_OK;
}

/* Goes over the block's groups; *done: those behind it are as they were. */
static lt_status change_block(sorted_op *self, block_run *run, const sorted_change *change,
                              bool *done, lt_error *err)
{
    sorted_block *block;
    uint32_t from = 0;
    LT_TRY(add_block(self, &block, err));
    LT_TRY(decode_block(self, run, block, err));
    LT_TRY(read_args(self, run, block, err));
    LT_TRY(finish_groups(self, run, &run->old, err));
    for (uint32_t i = 1; i <= run->count; i++) {
        if (i < run->count && run->group_of[i] == run->group_of[from]) {
            continue;
        }
        LT_TRY(add_group(self, run, change->state, from, i, err));
        from = i;
    }
    LT_TRY(finish_groups(self, run, &run->new, err));
    LT_TRY(join_results(self, run, block, err));
    from = 0;
    for (uint32_t i = 1; i <= run->count; i++) {
        bool same;
        if (i < run->count && run->group_of[i] == run->group_of[from]) {
            continue;
        }
        *done = is_equal(self, run, run->group_of[from], &same);
        LT_TRY(list_group(self, run, change, from, i, same, err));
        from = i;
    }
    return LT_OK;
}

/* From a record on until nothing changes any more. */
static lt_status cascade(sorted_op *self, sorted_change *change, void *from, lt_error *err)
{
    uint32_t most = BLOCK_MIN;
    bool done = false;
    while (from && !done) {
        block_run run;
        LT_TRY(gather(self, &from, most, &run, err));
        LT_TRY(change_block(self, &run, change, &done, err));
        change->gone_at = NOWHERE;
        most = LT_MIN(most * 2, BLOCK_MAX);
    }
    return LT_OK;
}

/* The accumulators that the group beginning with `first` goes on from. */
static lt_status begin_state(sorted_op *self, sorted_change *change, void *first, lt_error *err)
{
    void *before = lt_ordered_prev(self->rows, first);
    change->state = lt_arena_zalloc(self->row_arena, self->set.size, 8);
    if (!change->state) {
        return nomem(err);
    }
    return before ? merge_into(self, change->state, holder(self, change->map, before), err) : LT_OK;
}

static lt_status add_row(sorted_op *self, sorted_change *change, lt_str order, lt_str row,
                         lt_error *err)
{
    LT_TRY(insert(self, change->map, order, row, &change->record, err));
    void *first = holder(self, change->map, change->record);
    LT_TRY(begin_state(self, change, first, err));
    self->op.ledger.used++;
    return cascade(self, change, first, err);
}

static lt_status list_gone(sorted_op *self, const sorted_change *change, void *record,
                           lt_error *err)
{
    sorted_block *block;
    uint8_t *held = holder(self, change->map, record);
    block_run run = {.records = &record, .count = 1, .holders = &held, .group_count = 1, .cap = 64};
    LT_TRY(add_block(self, &block, err));
    LT_TRY(decode_block(self, &run, block, err));
    return finish_groups(self, &run, &block->results, err);
}

/* Accumulators go to the next of its peers, if it has them and there is one. Gives how many peers
 * are before it; NOWHERE if it has none at all. */
static uint32_t hand_over(sorted_op *self, void *record)
{
    void *next = lt_ordered_next(self->rows, record);
    void *before = lt_ordered_prev(self->rows, record);
    lt_str order = order_of(self, record);
    uint32_t peers = 0;
    if (is_rows(self)) {
        return NOWHERE;
    }
    for (; is_peer(self, before, order); before = lt_ordered_prev(self->rows, before)) {
        peers++;
    }
    if (peers > 0 || !is_peer(self, next, order)) {
        return peers > 0 ? peers : NOWHERE;
    }
    size_t size = self->set.size - sizeof(sorted_head);
    lt_ordered_touch(self->rows, next);
    lt_ordered_touch(self->rows, record);
    memcpy((uint8_t *)next + sizeof(sorted_head), (uint8_t *)record + sizeof(sorted_head), size);
    memset((uint8_t *)record + sizeof(sorted_head), 0, size);
    return 0;
}

static lt_status remove_row(sorted_op *self, sorted_change *change, lt_str order, lt_str row,
                            lt_error *err)
{
    void *record = find(self, change->map, order, row);
    if (!record) {
        self->op.ledger.filtered++;
        return LT_OK;
    }
    self->op.ledger.used++;
    LT_TRY(list_gone(self, change, record, err));
    LT_TRY(begin_state(self, change, holder(self, change->map, record), err));
    void *next = lt_ordered_next(self->rows, record);
    change->gone_at = hand_over(self, record);
    lt_ordered_take(self->rows, change->map, record);
    if (change->gone_at == NOWHERE) {
        LT_TRY(add_item(self, gone_item, err));
        return cascade(self, change, next, err);
    }
    return cascade(self, change, lt_ordered_seek(self->rows, change->map, order), err);
}

static lt_status change_row(sorted_op *self, uint32_t index, lt_error *err)
{
    sorted_change change = {.gone_at = NOWHERE};
    lt_row_kind kind = lt_batch_kind(self->pending, self->input[index]);
    const lt_rows key = lt_ranked_one(&self->partitions, index);
    lt_str order = lt_order_key(&self->orders, index);
    lt_str row = lt_ranked_str(&self->encoded, index);
    LT_TRY(lt_ordered_probe(self->rows, &key, true, &change.map, err));
    change.kind = kind;
    lt_status st = lt_kind_is_add(kind) ? add_row(self, &change, order, row, err)
                                        : remove_row(self, &change, order, row, err);
    if (change.state) {
        lt_aggset_reset(&self->set, change.state, lt_ordered_cells(self->rows));
    }
    lt_ordered_trim(self->rows, change.map);
    return st;
}

/* ---- output ---- */

/* Items that go into the batch at hand: of one block, as many as fit, never a -U without its +U. */
static uint32_t items_that_fit(const sorted_op *self)
{
    uint32_t left = LT_MIN(self->item_count - self->item_at, lt_outbox_room(&self->box));
    const sorted_item *items = self->items + self->item_at;
    uint32_t count = 0;
    while (count < left && items[count].block == items[0].block) {
        count++;
    }
    if (count > 0 && items[count - 1].kind == LT_UPDATE_BEFORE) {
        count--;
    }
    return count;
}

static lt_status write_items(sorted_op *self, uint32_t count, lt_error *err)
{
    lt_outbox *box = &self->box;
    const sorted_item *items = self->items + self->item_at;
    const sorted_block *block = &self->blocks[items[0].block];
    uint32_t lefts = self->op.in_schemas[0]->count;
    uint32_t *rows = LT_NEW_ARRAY(self->row_arena, uint32_t, (size_t)count + 1);
    uint32_t *results = LT_NEW_ARRAY(self->row_arena, uint32_t, (size_t)count + 1);
    if (!rows || !results) {
        return nomem(err);
    }
    LT_TRY(lt_outbox_begin(&self->op, box, count, self->row_arena, err));
    uint32_t base = box->batch->row_count;
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = items[i].row;
        results[i] = items[i].result;
        box->batch->kinds[base + i] = items[i].kind;
    }
    for (uint32_t c = 0; c < self->op.out_schema->count; c++) {
        bool is_row = c < lefts;
        if (!lt_col_put(&box->cols[c], 0, box->capacity,
                        is_row ? &block->cols[c] : &block->results[c - lefts],
                        is_row ? rows : results, count, true, box->batch->arena)) {
            return nomem(err);
        }
    }
    self->item_at += count;
    return lt_outbox_commit(&self->op, box, count, err);
}

static lt_status emit_items(sorted_op *self, lt_emit *out, lt_error *err)
{
    while (self->item_at < self->item_count) {
        uint32_t count = items_that_fit(self);
        if (count == 0) {
            LT_TRY(lt_outbox_flush(&self->box, out, err));
            continue;
        }
        LT_TRY(write_items(self, count, err));
    }
    return LT_OK;
}

static void clear_row(sorted_op *self)
{
    lt_arena_reset(self->row_arena, LT_OP_CHUNK_KEEP);
    self->blocks = NULL;
    self->items = NULL;
    self->block_count = self->block_cap = 0;
    self->item_count = self->item_cap = self->item_at = 0;
}

static lt_status run_rows(sorted_op *self, lt_emit *out, lt_error *err)
{
    for (;;) {
        LT_TRY(emit_items(self, out, err));
        clear_row(self);
        if (self->at == self->count) {
            return lt_outbox_flush(&self->box, out, err);
        }
        self->op.ledger.held--;
        LT_TRY(change_row(self, self->at++, err));
    }
}

static lt_status sorted_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    sorted_op *self = (sorted_op *)op;
    lt_status st = run_rows(self, out, err);
    if (st != LT_FULL) {
        lt_batch_unref(self->pending);
        self->pending = NULL;
    }
    return st;
}

static lt_status sorted_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    sorted_op *self = (sorted_op *)op;
    (void)input_no;
    LT_ASSERT(in->mark_count == 0 && !self->pending);
    clear_row(self);
    lt_arena_reset(self->batch_arena, LT_OP_CHUNK_KEEP);
    self->box.arrival_us = in->arrival_us;
    self->input = lt_op_live_rows(in, self->batch_arena);
    self->count = lt_batch_live(in);
    self->at = 0;
    const lt_row_pick pick = {in, self->input, self->count, self->batch_arena};
    if (!self->input) {
        return nomem(err);
    }
    LT_TRY(lt_ranked_partitions(&self->ranked, &pick, &self->partitions, err));
    LT_TRY(lt_ranked_rows(&self->ranked, &pick, &self->encoded, err));
    LT_TRY(lt_order_encode(&self->order, &pick, &self->orders, err));
    self->pending = lt_batch_ref(in);
    op->ledger.held += self->count; /* until it is their turn */
    return sorted_resume(op, out, err);
}

const lt_op_class lt_op_over_sorted = {
    .name = "OverAggregate",
    .self_size = sizeof(sorted_op),
    .marks = LT_MARKS_SPLIT,
    .open = sorted_open,
    .on_batch = sorted_on_batch,
    .resume = sorted_resume,
    .close = sorted_close,
};
