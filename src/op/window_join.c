/* Window joins: rows of both sides with equal keys and equal windows, joined when the window
 * closes.
 *
 * State: per side, window end -> join key -> { rows, their number, whether the key equals none }.
 * Rows lie back to back in a cell, in order of arrival, each behind a head:
 *
 *   head   | length (4) | had a partner (4) |
 *
 * The mark is used while the window fires and gone with it. The start of a window follows from its
 * end but for sessions, where the plan makes it a key.
 *
 * A window fires in pieces of at most a batch of left rows (from several keys), which are decoded
 * as if they had just come; their partners come in rounds, so that a key with many rows needs the
 * memory of a round. Then right rows without a partner come out, where that is asked for.
 *
 * Ledger: held while the window is open; then used if the row had a partner or came out, else
 * filtered. Rows of closed windows are late. A left row for which the condition fails is
 * rejected. */
#include <stddef.h>
#include <string.h>

#include "op/join_int.h"
#include "op/window_math.h"

#define ITEM_HEAD 8

typedef struct {
    int64_t count;
    int64_t keyless;
    lt_cell rows;
} window_rows;

static const uint32_t window_cells[1] = {offsetof(window_rows, rows)};

/* One row of a record. */
typedef struct {
    window_rows *record; /* NULL = none */
    uint32_t offset;     /* of its head */
} item_cursor;

typedef struct {
    join_op join;
    lt_window_math math;
    lt_slices *windows[2];
    bool exists; /* SEMI, ANTI */
    /* firing: a cursor while a callback has not finished */
    int64_t until;
    bool firing;
    int64_t end;
    lt_table *tables[2]; /* of the window; NULL = no rows of that side */
    bool rights;         /* left rows are done */
    uint64_t scan;
    item_cursor from; /* the next row of the side at hand */
    /* a piece of left rows, in the chunk's arena */
    lt_batch piece;
    window_rows **others; /* of each row: right rows of its key; NULL = none */
    uint8_t *matched;
    item_cursor partner; /* of row `at`, the next one */
    bool begun;
    uint32_t round_first, round_rows;
    uint32_t *ends;
    bool complete;
} window_op;

static const lt_window_join_spec *spec_of(const window_op *self)
{
    return self->join.op.spec;
}

/* ---- open, close ---- */

static lt_status window_open(lt_op *op, lt_error *err)
{
    static const char *const names[] = {"left windows", "right windows"};
    window_op *self = (window_op *)op;
    const lt_window_join_spec *spec = spec_of(self);
    const lt_window window = {.ltz = spec->ltz, .attached = true};
    LT_TRY(lt_join_init(&self->join, err));
    lt_window_math_init(&self->math, &window, op);
    self->exists = spec->join.type == LT_JOIN_TYPE_SEMI || spec->join.type == LT_JOIN_TYPE_ANTI;
    for (int side = 0; side < 2; side++) {
        const lt_table_decl decl = {.name = names[side],
                                    .key = self->join.key_codec,
                                    .value_size = sizeof(window_rows),
                                    .cell_offsets = window_cells,
                                    .cell_count = LT_COUNT_OF(window_cells),
                                    .group_fields = spec->join.key_count};
        LT_TRY(lt_state_slices(op->state, &decl, &self->windows[side], err));
    }
    return LT_OK;
}

/* ---- items ---- */

static void head_of(item_cursor at, uint32_t *len, uint32_t *mark)
{
    LT_ASSERT(at.offset + ITEM_HEAD <= at.record->rows.len);
    memcpy(len, at.record->rows.ptr + at.offset, 4);
    memcpy(mark, at.record->rows.ptr + at.offset + 4, 4);
}

/* The row at the cursor, which moves on; its record is NULL behind the last one. */
static lt_str next_item(item_cursor *at)
{
    uint32_t len, mark;
    head_of(*at, &len, &mark);
    lt_str row = {(const char *)at->record->rows.ptr + at->offset + ITEM_HEAD, len};
    at->offset += ITEM_HEAD + len;
    LT_ASSERT(at->offset <= at->record->rows.len);
    if (at->offset == at->record->rows.len) {
        *at = (item_cursor){NULL, 0};
    }
    return row;
}

static void set_mark(uint8_t *head)
{
    const uint32_t one = 1;
    memcpy(head + 4, &one, 4);
}

/* The next record of a side of the window. */
static void next_record(window_op *self, int side)
{
    void *value = NULL;
    lt_table *table = self->tables[side];
    self->from = (item_cursor){NULL, 0};
    if (table && lt_table_scan(table, &self->scan, &value, 1) > 0) {
        lt_table_touch(table, value);
        self->from.record = value;
    }
}

/* ---- input ---- */

/* Leaves the rows of open windows, with the ends of these. */
static void judge(window_op *self, const lt_batch *in, int64_t *ends)
{
    join_op *join = &self->join;
    const lt_col *col = &in->cols[spec_of(self)->end_cols[join->side]];
    uint32_t kept = 0;
    int64_t known = 0;
    bool open = false, any = false;
    for (uint32_t i = 0; i < join->count; i++) {
        uint32_t row = join->rows[i];
        if (lt_col_is_null(col, row)) {
            join->op.ledger.filtered++;
            continue;
        }
        int64_t end = lt_op_time_ms(col, row);
        if (!any || end != known) {
            any = true;
            known = end;
            open = lt_window_close(&self->math, end) > join->op.watermark;
        }
        if (!open) {
            join->op.ledger.late++;
            continue;
        }
        if (join->keyless) {
            join->keyless[kept] = join->keyless[i];
        }
        ends[kept] = end;
        join->rows[kept++] = row;
    }
    join->count = kept;
}

static lt_status add_row(window_op *self, lt_table *table, const lt_rows *rows, uint32_t i,
                         lt_error *err)
{
    join_op *join = &self->join;
    const lt_rows *keys = &join->keys;
    void *value = NULL;
    uint8_t head[ITEM_HEAD] = {0};
    LT_TRY(lt_table_get(table, lt_rows_ptr(keys, i), lt_rows_len(keys, i), keys->hashes[i], true,
                        &value, NULL, err));
    window_rows *record = value;
    uint32_t len = lt_rows_len(rows, i);
    lt_cells *cells = lt_table_cells(table);
    memcpy(head, &len, 4);
    if (!lt_cells_append(cells, &record->rows, head, ITEM_HEAD) ||
        !lt_cells_append(cells, &record->rows, lt_rows_ptr(rows, i), len)) {
        return lt_error_nomem(err, "joined rows");
    }
    record->count++;
    record->keyless = join->keyless && join->keyless[i];
    join->op.ledger.held++;
    return LT_OK;
}

static lt_status window_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    window_op *self = (window_op *)op;
    join_op *join = &self->join;
    const join_side *own = &join->sides[input_no];
    lt_rows rows;
    lt_table *table = NULL;
    (void)out;
    LT_ASSERT(!self->firing && in->mark_count == 0);
    lt_arena_reset(join->chunk, LT_OP_CHUNK_KEEP);
    join->side = input_no;
    join->keyless = NULL;
    LT_TRY(own->unmatched ? lt_join_note_keyless(join, in, err)
                          : lt_join_keyed_rows(join, in, err));
    int64_t *ends = LT_NEW_ARRAY(join->chunk, int64_t, (size_t)join->count + 1);
    if (!ends) {
        return lt_error_nomem(err, "joined rows");
    }
    judge(self, in, ends);
    join->box.arrival_us = in->arrival_us;
    if (join->count == 0) {
        return LT_OK;
    }
    LT_TRY(lt_join_encode(join, join->key_codec, in, own->keys, &join->keys, err));
    LT_TRY(lt_join_encode(join, own->codec, in, own->cols, &rows, err));
    for (uint32_t i = 0; i < join->count; i++) {
        if (i == 0 || ends[i] != ends[i - 1]) {
            LT_TRY(lt_slices_get(self->windows[input_no], ends[i], true, &table, err));
        }
        LT_TRY(add_row(self, table, &rows, i, err));
    }
    return LT_OK;
}

/* ---- a piece of left rows ---- */

typedef struct {
    const uint8_t **ptrs;
    uint32_t *lens;
    uint32_t count;
} piece_rows;

/* The right rows of the record's key. */
static lt_status find_other(window_op *self, const window_rows *record, window_rows **out,
                            lt_error *err)
{
    void *value = NULL;
    uint32_t len;
    *out = NULL;
    if (!self->tables[1] || record->keyless) {
        return LT_OK;
    }
    const uint8_t *key = lt_table_key(self->tables[0], record, &len);
    LT_TRY(
        lt_table_get(self->tables[1], key, len, lt_row_hash(key, len), false, &value, NULL, err));
    if (value) {
        lt_table_touch(self->tables[1], value);
        *out = value;
    }
    return LT_OK;
}

static lt_status collect_piece(window_op *self, piece_rows *rows, uint32_t most, lt_error *err)
{
    window_rows *other = NULL;
    const window_rows *of = NULL;
    while (rows->count < most) {
        if (!self->from.record) {
            next_record(self, 0);
            if (!self->from.record) {
                return LT_OK;
            }
        }
        if (self->from.record != of) {
            of = self->from.record;
            LT_TRY(find_other(self, of, &other, err));
        }
        lt_str row = next_item(&self->from);
        self->others[rows->count] = other;
        rows->ptrs[rows->count] = (const uint8_t *)row.ptr;
        rows->lens[rows->count++] = (uint32_t)row.len;
    }
    return LT_OK;
}

static lt_status init_columns(window_op *self, uint32_t count, lt_error *err)
{
    join_op *join = &self->join;
    const lt_schema *schema = join->op.in_schemas[0];
    lt_col *cols = LT_NEW_ARRAY(join->chunk, lt_col, (size_t)schema->count + 1);
    for (uint32_t i = 0; cols && i < schema->count; i++) {
        /* What is not kept is NULL: nobody looks at it but who is told of a refused row. */
        uint64_t *valid = lt_col_init(&cols[i], schema->fields[i].type, count, join->chunk)
                              ? lt_col_need_valid(&cols[i], count, join->chunk)
                              : NULL;
        if (!valid) {
            return lt_error_nomem(err, "joined rows");
        }
        for (uint32_t r = 0; r < count; r++) {
            lt_bit_clear(valid, r);
        }
        size_t size = lt_phys_size(cols[i].phys);
        if (cols[i].data) {
            memset(cols[i].data, 0, count * size);
        }
    }
    if (!cols) {
        return lt_error_nomem(err, "joined rows");
    }
    self->piece = (lt_batch){.row_count = count,
                             .row_cap = count,
                             .col_count = schema->count,
                             .sel_count = count,
                             .cols = cols,
                             .schema = schema,
                             .arena = join->chunk};
    return LT_OK;
}

static lt_status decode_piece(window_op *self, const piece_rows *rows, lt_error *err)
{
    join_op *join = &self->join;
    const join_side *own = &join->sides[0];
    lt_col **cols = LT_NEW_ARRAY(join->chunk, lt_col *, (size_t)own->count + 1);
    if (!cols) {
        return lt_error_nomem(err, "joined rows");
    }
    LT_TRY(init_columns(self, rows->count, err));
    for (uint32_t i = 0; i < own->count; i++) {
        cols[i] = &self->piece.cols[own->cols[i]];
        if (!lt_col_init(cols[i], self->piece.schema->fields[own->cols[i]].type, rows->count,
                         join->chunk)) {
            return lt_error_nomem(err, "joined rows");
        }
    }
    return lt_rowcodec_decode(own->codec, rows->ptrs, rows->lens, rows->count, rows->count, false,
                              join->chunk, cols, err);
}

/* The next left rows of the window, as the batch at hand; without any it has none. */
static lt_status next_piece(window_op *self, lt_error *err)
{
    join_op *join = &self->join;
    uint32_t most = LT_MAX(join->box.capacity, 64U);
    lt_arena_reset(join->chunk, LT_OP_CHUNK_KEEP);
    piece_rows rows = {.ptrs = LT_NEW_ARRAY(join->chunk, const uint8_t *, most),
                       .lens = LT_NEW_ARRAY(join->chunk, uint32_t, most)};
    self->others = LT_NEW_ARRAY(join->chunk, window_rows *, most);
    self->matched = lt_arena_zalloc(join->chunk, most, 1);
    join->rows = LT_NEW_ARRAY(join->chunk, uint32_t, most);
    join->refused = NULL;
    join->side = 0;
    join->at = join->count = 0;
    self->begun = false;
    if (!rows.ptrs || !rows.lens || !self->others || !self->matched || !join->rows) {
        return lt_error_nomem(err, "joined rows");
    }
    LT_TRY(collect_piece(self, &rows, most, err));
    if (rows.count == 0) {
        return LT_OK;
    }
    LT_TRY(decode_piece(self, &rows, err));
    for (uint32_t i = 0; i < rows.count; i++) {
        join->rows[i] = i;
    }
    join->count = rows.count;
    join->pending = &self->piece;
    join->op.ledger.held -= rows.count;
    join->op.ledger.used += rows.count; /* finish_row knows better */
    return LT_OK;
}

/* ---- pairs ---- */

static lt_status new_round(window_op *self, lt_error *err)
{
    join_op *join = &self->join;
    uint32_t most = LT_MAX(join->box.capacity, 64U);
    LT_TRY(lt_join_outs_new(join, most, err));
    self->ends = LT_NEW_ARRAY(join->round_arena, uint32_t, most);
    self->round_first = join->at;
    self->round_rows = 0;
    self->complete = true;
    return self->ends ? LT_OK : lt_error_nomem(err, "joined rows");
}

static void add_pair(join_round *round, uint32_t row, item_cursor *at)
{
    uint32_t n = round->count++;
    round->refs[n] = (uint64_t)(uintptr_t)(at->record->rows.ptr + at->offset);
    lt_str bytes = next_item(at);
    round->rows[n] = row;
    round->index[n] = n;
    round->ptrs[n] = (const uint8_t *)bytes.ptr;
    round->lens[n] = (uint32_t)bytes.len;
}

static void begin_row(window_op *self)
{
    join_op *join = &self->join;
    window_rows *other = self->others[join->at];
    self->begun = true;
    self->partner = (item_cursor){other, 0};
    if (self->exists && !spec_of(self)->join.condition) { /* that there are some is enough */
        self->matched[join->at] = other != NULL;
        self->partner.record = NULL;
    }
}

static lt_status gather(window_op *self, lt_error *err)
{
    join_op *join = &self->join;
    join_round *round = &join->round;
    uint32_t most = LT_MAX(join->box.capacity, 64U), pairless = 0;
    LT_TRY(new_round(self, err));
    while (join->at < join->count && round->count + pairless < most) {
        uint32_t from = round->count;
        if (!self->begun) {
            begin_row(self);
        }
        while (self->partner.record && round->count < most - pairless) {
            add_pair(round, join->rows[join->at], &self->partner);
        }
        pairless += round->count == from;
        self->ends[self->round_rows++] = round->count;
        self->complete = self->partner.record == NULL;
        if (!self->complete) {
            break;
        }
        self->begun = false;
        join->at++;
    }
    round->left = round->count;
    return LT_OK;
}

/* A left row whose partners were all seen. */
static void finish_row(window_op *self, uint32_t i)
{
    join_op *join = &self->join;
    if (join->refused && join->refused[i]) {
        return;
    }
    bool alone = self->exists
                     ? (self->matched[i] != 0) == (spec_of(self)->join.type == LT_JOIN_TYPE_SEMI)
                     : !self->matched[i] && join->sides[0].outer;
    if (alone) {
        lt_join_push_out(join, i, JOIN_NONE, LT_INSERT);
    } else if (self->exists || !self->matched[i]) {
        join->op.ledger.used--;
        join->op.ledger.filtered++;
    }
}

/* The pairs that passed. A failing one ends the output. */
static void do_rows(window_op *self)
{
    join_op *join = &self->join;
    join_round *round = &join->round;
    uint32_t at = 0;
    for (uint32_t r = 0; r < self->round_rows; r++) {
        uint32_t i = self->round_first + r;
        for (; at < round->left && round->index[at] < self->ends[r]; at++) {
            uint32_t pair = round->index[at];
            self->matched[i] = 1;
            set_mark((uint8_t *)(uintptr_t)round->refs[pair]);
            if (!self->exists) {
                lt_join_push_out(join, i, pair, LT_INSERT);
            }
        }
        if (join->failed != LT_OK && self->ends[r] > round->failing) {
            return;
        }
        if (r + 1 < self->round_rows || self->complete) {
            finish_row(self, i);
        }
    }
}

static lt_status pair_round(window_op *self, lt_error *err)
{
    join_op *join = &self->join;
    LT_TRY(gather(self, err));
    if (join->round.count > 0) {
        LT_TRY(lt_join_decode(join, err));
        if (spec_of(self)->join.condition) {
            LT_TRY(lt_join_test(join, err));
        }
    }
    do_rows(self);
    return LT_OK;
}

/* ---- right rows ---- */

/* Counts the window's right rows; those that come out without a partner fill a round. *done: that
 * was all. */
static lt_status right_round(window_op *self, bool *done, lt_error *err)
{
    join_op *join = &self->join;
    lt_ledger *ledger = &join->op.ledger;
    uint32_t most = LT_MAX(join->box.capacity, 64U);
    join->side = 0;
    join->pending = NULL;
    LT_TRY(new_round(self, err));
    *done = false;
    while (join->round.count < most) {
        if (!self->from.record) {
            next_record(self, 1);
            if (!self->from.record) {
                *done = true;
                break;
            }
        }
        uint32_t len, mark;
        head_of(self->from, &len, &mark);
        ledger->held--;
        if (mark || self->exists) {
            ledger->used++;
            (void)next_item(&self->from);
        } else if (!join->sides[1].outer) {
            ledger->filtered++;
            (void)next_item(&self->from);
        } else {
            ledger->used++;
            add_pair(&join->round, 0, &self->from);
            lt_join_push_out(join, JOIN_NONE, join->round.count - 1, LT_INSERT);
        }
    }
    join->round.left = join->round.count;
    return join->round.count > 0 ? lt_join_decode(join, err) : LT_OK;
}

/* ---- firing ---- */

static lt_status emit_outs(window_op *self, lt_emit *out, lt_error *err)
{
    join_op *join = &self->join;
    join_round *round = &join->round;
    while (round->at < round->outs) {
        uint32_t count = LT_MIN(round->outs - round->at, lt_outbox_room(&join->box));
        if (count == 0) {
            LT_TRY(lt_outbox_flush(&join->box, out, err));
            continue;
        }
        LT_TRY(lt_join_put_outs(join, count, err));
    }
    return LT_OK;
}

/* The first window that closes; false = none does. */
static lt_status next_window(window_op *self, bool *found, lt_error *err)
{
    int64_t ends[2] = {INT64_MAX, INT64_MAX};
    lt_table *first[2] = {lt_slices_first(self->windows[0], &ends[0]),
                          lt_slices_first(self->windows[1], &ends[1])};
    *found = false;
    self->end = LT_MIN(first[0] ? ends[0] : INT64_MAX, first[1] ? ends[1] : INT64_MAX);
    if ((!first[0] && !first[1]) || lt_window_close(&self->math, self->end) > self->until) {
        return LT_OK;
    }
    for (int side = 0; side < 2; side++) {
        LT_TRY(lt_slices_get(self->windows[side], self->end, false, &self->tables[side], err));
    }
    *found = true;
    self->firing = true;
    self->rights = false;
    self->scan = 0;
    self->from = (item_cursor){NULL, 0};
    self->join.at = self->join.count = 0;
    self->join.round = (join_round){0};
    return LT_OK;
}

static lt_status fire_window(window_op *self, lt_emit *out, lt_error *err)
{
    join_op *join = &self->join;
    bool done = false;
    for (;;) {
        LT_TRY(emit_outs(self, out, err));
        if (join->failed != LT_OK) { /* what was before the failing pair is out */
            LT_TRY(lt_outbox_flush(&join->box, out, err));
            if (err) {
                *err = join->failure;
            }
            return join->failed;
        }
        if (done) {
            break;
        }
        if (self->rights) {
            LT_TRY(right_round(self, &done, err));
            continue;
        }
        if (join->at >= join->count) {
            LT_TRY(next_piece(self, err));
        }
        if (join->count > 0) {
            LT_TRY(pair_round(self, err));
        } else {
            self->rights = true;
            self->scan = 0;
            self->from = (item_cursor){NULL, 0};
        }
    }
    for (int side = 0; side < 2; side++) {
        if (self->tables[side]) {
            lt_slices_drop(self->windows[side], self->end);
        }
    }
    self->firing = false;
    return LT_OK;
}

static lt_status fire_all(window_op *self, lt_emit *out, lt_error *err)
{
    for (;;) {
        if (!self->firing) {
            bool found;
            LT_TRY(next_window(self, &found, err));
            if (!found) {
                break;
            }
        }
        LT_TRY(fire_window(self, out, err));
    }
    return lt_outbox_flush(&self->join.box, out, err);
}

static lt_status window_fire(window_op *self, lt_emit *out, lt_error *err)
{
    join_op *join = &self->join;
    lt_status st = fire_all(self, out, err);
    if (st == LT_FULL) {
        return st;
    }
    join->pending = NULL; /* the piece is not counted */
    join->round = (join_round){0};
    lt_arena_reset(join->round_arena, LT_OP_CHUNK_KEEP);
    lt_arena_reset(join->chunk, LT_OP_CHUNK_KEEP);
    return st;
}

static lt_status window_on_watermark(lt_op *op, int64_t event_ms, lt_emit *out, lt_error *err)
{
    window_op *self = (window_op *)op;
    self->until = event_ms;
    self->join.failed = LT_OK;
    return window_fire(self, out, err);
}

static lt_status window_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    return window_fire((window_op *)op, out, err);
}

static void window_close(lt_op *op)
{
    ((window_op *)op)->join.pending = NULL;
    lt_join_deinit(op);
}

const lt_op_class lt_op_window_join = {
    .name = "WindowJoin",
    .self_size = sizeof(window_op),
    .marks = LT_MARKS_SPLIT,
    .open = window_open,
    .on_batch = window_on_batch,
    .resume = window_resume,
    .on_watermark = window_on_watermark,
    .close = window_close,
};
