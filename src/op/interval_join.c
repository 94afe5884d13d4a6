/* Interval joins: rows of both sides with equal keys whose times lie within bounds of each other.
 * Each side keeps the rows that may still find partners; what is behind the bounds goes, and of an
 * outer side comes out with NULLs then if it never had a partner.
 *
 * A row of side s at time t has partners at t - reach[1 - s] .. t + reach[s]:
 *
 *   left   reach[0] = -lower     right at t - upper .. t - lower
 *   right  reach[1] = upper      left  at t + lower .. t + upper
 *
 * State: per side, join key -> rows in order of (time, number of arrival), each with the mark
 * whether it had a partner; per key a record:
 *
 *   due[s]      when the key's rows of side s are looked through next; none = it has no such rows
 *   expired[s]  a time: rows of side s up to it are gone, as far as is known
 *   next_seq    the next row's number
 *
 * and a timer for each due[s]. The clock is the merged watermark, at least 0, or the wall clock.
 * When rows go is Flink's (TimeIntervalJoin): the timer stands for the first row that came to an
 * empty side, then for the earliest one left, so that a row which came out of order may stay
 * longer; and a row of the other side takes away what is due before its own key's timer does. Late
 * rows find what is still there. Where Flink keeps `expired` for all keys of a task, here each key
 * has its own, so that results depend neither on parallelism nor on restarts.
 *
 * Watermarks are held back by the longer reach: a pair may come out when the watermark has passed
 * the times of both rows by so much.
 *
 * Ledger: held while it is kept; then used if it had a partner or came out, else filtered. A row
 * that is too late to be kept, and finds nothing, is late. A row for which the condition fails is
 * rejected and not kept. */
#include <stddef.h>
#include <string.h>

#include "op/join_int.h"

#define NO_TIMER INT64_MIN
#define POS_LEN  16

typedef struct {
    int64_t due[2];
    int64_t expired[2];
    int64_t next_seq;
} key_record;

typedef struct {
    int64_t matched;
    lt_cell row;
} side_row;

static const uint32_t row_cells[1] = {offsetof(side_row, row)};

typedef struct {
    join_op join;
    lt_table *keys;
    lt_ordered *rows[2];
    lt_timers *timers[2];
    int64_t reach[2];
    bool empty;    /* the bounds leave nothing */
    int64_t clock; /* of the callback */
    /* the batch at hand, by index of join.rows; in the chunk's arena */
    int64_t *times;
    bool *timeless; /* NULL = all have a time */
    key_record **records;
    lt_ordered_map **others;
    uint8_t *matched;
    lt_ordered_map **emptied; /* of others: to be trimmed before the callback ends */
    uint32_t emptied_count;
    side_row *next; /* partner of row `at` that comes next */
    bool begun;     /* row `at` */
    bool evict;     /* row `at` takes away what is due */
    bool evicting;  /* its pairs are out */
    /* the round at hand */
    uint32_t round_first, round_rows;
    uint32_t *ends;
    bool complete; /* of the last row */
    /* firing */
    int64_t until;
    int fire_side;
    lt_str fire_key; /* ptr NULL = none */
} interval_op;

/* ---- time ---- */

static int64_t plus(int64_t a, int64_t b)
{
    int64_t sum;
    if (LT_ADD_OVERFLOW(a, b, &sum)) {
        return b < 0 ? LT_WATERMARK_MIN : LT_WATERMARK_MAX;
    }
    return sum;
}

static int64_t now_ms(lt_op *op)
{
    return op->env->wall_us(op->env) / 1000;
}

static const lt_interval_join_spec *spec_of(const interval_op *self)
{
    return self->join.op.spec;
}

static void set_clock(interval_op *self, int64_t watermark)
{
    bool proctime = spec_of(self)->interval.proctime && watermark != LT_WATERMARK_MAX;
    self->clock = proctime ? now_ms(&self->join.op) : LT_MAX(watermark, (int64_t)0);
}

/* Rows of the side up to this time find no partners any more. */
static int64_t expired_at(const interval_op *self, int side)
{
    return self->clock == LT_WATERMARK_MAX ? self->clock
                                           : plus(self->clock, -self->reach[side] - 1);
}

static int64_t due_at(const interval_op *self, int side, int64_t time_ms)
{
    return plus(time_ms, self->reach[side] + spec_of(self)->cleanup_ms + 1);
}

/* In processing time: back when the next timer is due. */
static void wake_when_due(interval_op *self)
{
    lt_op *op = &self->join.op;
    int64_t next = LT_MIN(lt_timers_next(self->timers[0]), lt_timers_next(self->timers[1]));
    if (!spec_of(self)->interval.proctime || next == LT_WATERMARK_MAX) {
        return;
    }
    int64_t ms = LT_MIN(LT_MAX(next - now_ms(op), (int64_t)1), (int64_t)3600000);
    op->wake_mono_ns = op->env->mono_ns(op->env) + ms * 1000000;
}

/* ---- open, close ---- */

static lt_status open_state(interval_op *self, lt_error *err)
{
    static const char *const row_names[] = {"left", "right"};
    static const char *const timer_names[] = {"left due", "right due"};
    lt_op *op = &self->join.op;
    uint32_t group_fields = spec_of(self)->join.key_count;
    const lt_table_decl keys = {.name = "keys",
                                .key = self->join.key_codec,
                                .value_size = sizeof(key_record),
                                .group_fields = group_fields};
    LT_TRY(lt_state_table(op->state, &keys, &self->keys, err));
    for (int side = 0; side < 2; side++) {
        const lt_ordered_decl rows = {.name = row_names[side],
                                      .key = self->join.key_codec,
                                      .value_size = sizeof(side_row),
                                      .cell_offsets = row_cells,
                                      .cell_count = LT_COUNT_OF(row_cells),
                                      .group_fields = group_fields};
        const lt_timers_decl timers = {
            .name = timer_names[side], .key = self->join.key_codec, .group_fields = group_fields};
        LT_TRY(lt_state_ordered(op->state, &rows, &self->rows[side], err));
        LT_TRY(lt_state_keyed_timers(op->state, &timers, &self->timers[side], err));
    }
    return LT_OK;
}

static lt_status interval_open(lt_op *op, lt_error *err)
{
    interval_op *self = (interval_op *)op;
    const lt_join_interval *interval = &spec_of(self)->interval;
    LT_TRY(lt_join_init(&self->join, err));
    self->reach[0] = -interval->lower_ms;
    self->reach[1] = interval->upper_ms;
    self->empty = interval->lower_ms > interval->upper_ms;
    if (!interval->proctime && !self->empty) {
        op->hold_ms = LT_MAX(self->reach[0], self->reach[1]);
    }
    return open_state(self, err);
}

/* ---- taking away ---- */

static int64_t time_of(const interval_op *self, int side, const side_row *row)
{
    const uint8_t *bytes = (const uint8_t *)lt_ordered_bytes(self->rows[side], row).ptr;
    uint64_t time = 0;
    for (unsigned b = 0; b < 8; b++) {
        time = time << 8 | bytes[b];
    }
    return (int64_t)(time ^ ((uint64_t)1 << 63));
}

/* A row of the other side on its way out with NULLs. */
static lt_status pad(interval_op *self, const side_row *row, lt_error *err)
{
    join_op *join = &self->join;
    join_round *round = &join->round;
    lt_str bytes = lt_cell_str(&row->row);
    uint8_t *copy = lt_arena_alloc(join->round_arena, bytes.len + 1, 8);
    if (!copy) {
        return lt_error_nomem(err, "joined rows");
    }
    memcpy(copy, bytes.ptr, bytes.len);
    uint32_t n = round->count++;
    round->rows[n] = 0;
    round->index[n] = n;
    round->ptrs[n] = copy;
    round->lens[n] = (uint32_t)bytes.len;
    round->left = round->count;
    lt_join_push_out(join, JOIN_NONE, n, LT_INSERT);
    return LT_OK;
}

/* Takes the rows of the other side's map away that are behind `expired`. *done false: the round is
 * full. The map may be empty then. */
static lt_status evict(interval_op *self, lt_ordered_map *map, int64_t expired, uint32_t most,
                       bool *done, lt_error *err)
{
    join_op *join = &self->join;
    int side = 1 - join->side;
    lt_ordered *rows = self->rows[side];
    *done = false;
    for (;;) {
        side_row *row = lt_ordered_first(rows, map);
        if (!row || time_of(self, side, row) > expired) {
            *done = true;
            return LT_OK;
        }
        bool padded = !row->matched && join->sides[side].outer;
        if (padded && join->round.count == most) {
            return LT_OK;
        }
        if (padded) {
            LT_TRY(pad(self, row, err));
        }
        join->op.ledger.held--;
        join->op.ledger.used += padded || row->matched;
        join->op.ledger.filtered += !padded && !row->matched;
        lt_ordered_touch(rows, row);
        lt_ordered_take(rows, map, row);
    }
}

/* Sends what the round has. */
static lt_status emit_outs(interval_op *self, lt_emit *out, lt_error *err)
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

static uint32_t round_size(const interval_op *self)
{
    return LT_MAX(self->join.box.capacity, 64U);
}

/* ---- rows of a batch ---- */

/* A row's place in the order of a key. */
static void put_pos(char *to, int64_t time_ms, int64_t seq)
{
    const uint64_t parts[2] = {(uint64_t)time_ms ^ ((uint64_t)1 << 63), (uint64_t)seq};
    for (unsigned i = 0; i < POS_LEN; i++) {
        to[i] = (char)(unsigned char)(parts[i / 8] >> (56 - 8 * (i % 8)));
    }
}

static bool has_time(const interval_op *self, uint32_t i)
{
    return !self->timeless || !self->timeless[i];
}

static bool is_refused(const interval_op *self, uint32_t i)
{
    return self->join.refused && self->join.refused[self->join.rows[i]];
}

static int64_t last_partner(const interval_op *self, uint32_t i)
{
    return plus(self->times[i], self->reach[self->join.side]);
}

/* Will partners of the row still come? */
static bool may_wait(const interval_op *self, uint32_t i)
{
    return !self->empty && has_time(self, i) && self->clock < last_partner(self, i);
}

/* Where the partners of row `at` begin, and whether it takes away rows that are due. */
static void begin_row(interval_op *self)
{
    join_op *join = &self->join;
    int other = 1 - join->side;
    uint32_t i = join->at;
    lt_ordered_map *map = self->others[i];
    key_record *record = self->records[i];
    self->begun = true;
    self->evict = false;
    self->evicting = false;
    self->next = NULL;
    if (self->empty || !has_time(self, i) || record->expired[other] >= last_partner(self, i)) {
        return;
    }
    record->expired[other] = expired_at(self, other);
    if (!map || lt_ordered_size(map) == 0) {
        return;
    }
    if (!join->keyless || !join->keyless[i]) {
        char from[POS_LEN];
        put_pos(from, plus(self->times[i], -self->reach[other]), 0);
        self->next = lt_ordered_seek(self->rows[other], map, (lt_str){from, POS_LEN});
    }
    const side_row *first = lt_ordered_first(self->rows[other], map);
    self->evict = time_of(self, other, first) <= record->expired[other];
}

static void gather_row(interval_op *self, uint32_t most)
{
    join_op *join = &self->join;
    join_round *round = &join->round;
    int other = 1 - join->side;
    int64_t last = last_partner(self, join->at);
    while (self->next && round->count < most) {
        if (time_of(self, other, self->next) > last) {
            self->next = NULL;
            return;
        }
        lt_str bytes = lt_cell_str(&self->next->row);
        uint32_t n = round->count++;
        round->rows[n] = join->rows[join->at];
        round->index[n] = n;
        round->ptrs[n] = (const uint8_t *)bytes.ptr;
        round->lens[n] = (uint32_t)bytes.len;
        round->refs[n] = (uint64_t)(uintptr_t)self->next;
        self->next = lt_ordered_next(self->rows[other], self->next);
    }
}

static lt_status new_round(interval_op *self, lt_error *err)
{
    LT_TRY(lt_join_outs_new(&self->join, round_size(self), err));
    self->ends = LT_NEW_ARRAY(self->join.round_arena, uint32_t, round_size(self));
    self->round_first = self->join.at;
    self->round_rows = 0;
    self->complete = true;
    return self->ends ? LT_OK : lt_error_nomem(err, "joined rows");
}

/* Rows with their partners, until the round is full or a row takes others away. */
static lt_status gather(interval_op *self, lt_error *err)
{
    join_op *join = &self->join;
    uint32_t most = round_size(self), pairless = 0;
    LT_TRY(new_round(self, err));
    while (join->at < join->count && join->round.count + pairless < most) {
        uint32_t from = join->round.count;
        if (!self->begun) {
            begin_row(self);
        }
        gather_row(self, most - pairless);
        pairless += join->round.count == from;
        self->ends[self->round_rows++] = join->round.count;
        self->complete = self->next == NULL;
        if (!self->complete) {
            break;
        }
        if (self->evict) {
            self->evicting = true;
            break;
        }
        self->begun = false;
        join->at++;
    }
    join->round.left = join->round.count;
    return LT_OK;
}

/* A row whose partners were all seen. */
static void finish_row(interval_op *self, uint32_t i)
{
    join_op *join = &self->join;
    lt_ledger *ledger = &join->op.ledger;
    if (is_refused(self, i) || self->matched[i] || may_wait(self, i)) {
        return; /* rejected, used, or to be kept */
    }
    if (join->sides[join->side].outer) {
        lt_join_push_out(join, join->rows[i], JOIN_NONE, LT_INSERT);
        return;
    }
    ledger->used--;
    if (self->empty || !has_time(self, i)) {
        ledger->filtered++;
    } else {
        ledger->late++;
    }
}

static void match(interval_op *self, uint32_t i, uint32_t pair)
{
    join_op *join = &self->join;
    side_row *partner = (side_row *)(uintptr_t)join->round.refs[pair];
    self->matched[i] = 1;
    if (!partner->matched) {
        lt_ordered_touch(self->rows[1 - join->side], partner);
        partner->matched = 1;
    }
    lt_join_push_out(join, join->rows[i], pair, LT_INSERT);
}

/* The pairs that passed. A failing one ends the output. */
static void do_rows(interval_op *self)
{
    join_op *join = &self->join;
    join_round *round = &join->round;
    uint32_t at = 0;
    for (uint32_t r = 0; r < self->round_rows; r++) {
        for (; at < round->left && round->index[at] < self->ends[r]; at++) {
            match(self, self->round_first + r, round->index[at]);
        }
        if (join->failed != LT_OK && self->ends[r] > round->failing) {
            return;
        }
        if (r + 1 < self->round_rows || self->complete) {
            finish_row(self, self->round_first + r);
        }
    }
}

/* Row `at` takes away what is due of its key. */
static lt_status evict_round(interval_op *self, lt_error *err)
{
    join_op *join = &self->join;
    lt_ordered_map *map = self->others[join->at];
    bool done;
    LT_TRY(new_round(self, err));
    LT_TRY(evict(self, map, self->records[join->at]->expired[1 - join->side], round_size(self),
                 &done, err));
    if (lt_ordered_size(map) == 0) {
        self->emptied[self->emptied_count++] = map;
    }
    if (done) {
        self->begun = self->evicting = self->evict = false;
        join->at++;
    }
    return join->round.count > 0 ? lt_join_decode(join, err) : LT_OK;
}

static lt_status pair_round(interval_op *self, lt_error *err)
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
    if (join->failed != LT_OK) {
        join->at = join->count;
        self->evicting = false;
    }
    return LT_OK;
}

/* ---- keeping ---- */

/* Leaves the rows that are kept, in everything that is by row. */
static void leave_kept(interval_op *self)
{
    join_op *join = &self->join;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < join->count; i++) {
        if (!may_wait(self, i) || is_refused(self, i)) {
            continue;
        }
        join->rows[kept] = join->rows[i];
        self->times[kept] = self->times[i];
        self->records[kept] = self->records[i];
        self->matched[kept] = self->matched[i];
        kept++;
    }
    join->count = kept;
}

static lt_status keep_row(interval_op *self, uint32_t i, lt_ordered_map *map, const lt_rows *rows,
                          lt_error *err)
{
    int side = self->join.side;
    key_record *record = self->records[i];
    char pos[POS_LEN];
    void *value;
    put_pos(pos, self->times[i], record->next_seq++);
    LT_TRY(lt_ordered_get(self->rows[side], map, (lt_str){pos, POS_LEN}, true, &value, NULL, err));
    side_row *row = value;
    row->matched = self->matched[i];
    if (!lt_cells_set(lt_ordered_cells(self->rows[side]), &row->row, lt_rows_ptr(rows, i),
                      lt_rows_len(rows, i))) {
        return lt_error_nomem(err, "joined rows");
    }
    self->join.op.ledger.used--;
    self->join.op.ledger.held++;
    if (record->due[side] != NO_TIMER) {
        return LT_OK;
    }
    record->due[side] = due_at(self, side, self->times[i]);
    lt_str key = lt_rows_str(&self->join.keys, i);
    return lt_timers_add(self->timers[side], record->due[side], key.ptr, (uint32_t)key.len, err);
}

static lt_status keep_rows(interval_op *self, lt_error *err)
{
    join_op *join = &self->join;
    const join_side *own = &join->sides[join->side];
    uint32_t all = join->count;
    lt_rows rows;
    leave_kept(self);
    if (join->count == 0) {
        return LT_OK;
    }
    if (join->count < all) {
        LT_TRY(lt_join_encode(join, join->key_codec, join->pending, own->keys, &join->keys, err));
    }
    LT_TRY(lt_join_encode(join, own->codec, join->pending, own->cols, &rows, err));
    lt_ordered_map **maps = LT_NEW_ARRAY(join->chunk, lt_ordered_map *, (size_t)join->count);
    if (!maps) {
        return lt_error_nomem(err, "joined rows");
    }
    LT_TRY(lt_ordered_probe(self->rows[join->side], &join->keys, true, maps, err));
    for (uint32_t i = 0; i < join->count; i++) {
        LT_TRY(keep_row(self, i, maps[i], &rows, err));
    }
    return LT_OK;
}

/* Records that were made for keys of which nothing is kept. */
static lt_status drop_records(interval_op *self, const lt_rows *keys, uint32_t count, lt_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        void *value;
        LT_TRY(lt_table_get(self->keys, lt_rows_ptr(keys, i), lt_rows_len(keys, i), keys->hashes[i],
                            false, &value, NULL, err));
        const key_record *record = value;
        if (record && record->due[0] == NO_TIMER && record->due[1] == NO_TIMER) {
            lt_table_remove(self->keys, value);
        }
    }
    return LT_OK;
}

/* ---- input ---- */

static lt_status note_times(interval_op *self, const lt_batch *in, lt_error *err)
{
    join_op *join = &self->join;
    const lt_join_interval *interval = &spec_of(self)->interval;
    self->times = LT_NEW_ARRAY(join->chunk, int64_t, (size_t)join->count + 1);
    self->timeless = NULL;
    if (!self->times) {
        return lt_error_nomem(err, "joined rows");
    }
    if (interval->proctime) {
        for (uint32_t i = 0; i < join->count; i++) {
            self->times[i] = self->clock;
        }
        return LT_OK;
    }
    const lt_col *col = &in->cols[join->side == 0 ? interval->left_time : interval->right_time];
    if (col->valid) {
        self->timeless = LT_NEW_ARRAY(join->chunk, bool, (size_t)join->count + 1);
        if (!self->timeless) {
            return lt_error_nomem(err, "joined rows");
        }
    }
    for (uint32_t i = 0; i < join->count; i++) {
        bool none = col->valid && lt_col_is_null(col, join->rows[i]);
        if (self->timeless) {
            self->timeless[i] = none;
        }
        self->times[i] = none ? 0 : lt_op_time_ms(col, join->rows[i]);
    }
    return LT_OK;
}

static lt_status find_others(interval_op *self, lt_error *err)
{
    join_op *join = &self->join;
    return lt_ordered_probe(self->rows[1 - join->side], &join->keys, false, self->others, err);
}

static lt_status find_keys(interval_op *self, const lt_batch *in, lt_error *err)
{
    join_op *join = &self->join;
    size_t count = (size_t)join->count + 1;
    self->records = LT_NEW_ARRAY(join->chunk, key_record *, count);
    self->others = LT_NEW_ARRAY(join->chunk, lt_ordered_map *, count);
    self->emptied = LT_NEW_ARRAY(join->chunk, lt_ordered_map *, count);
    self->matched = lt_arena_zalloc(join->chunk, count, 1);
    uint8_t *fresh = lt_arena_zalloc(join->chunk, count, 1);
    self->emptied_count = 0;
    if (!self->records || !self->others || !self->emptied || !self->matched || !fresh) {
        return lt_error_nomem(err, "joined rows");
    }
    LT_TRY(
        lt_join_encode(join, join->key_codec, in, join->sides[join->side].keys, &join->keys, err));
    LT_TRY(
        lt_table_probe(self->keys, &join->keys, true, (void **)(void *)self->records, fresh, err));
    for (uint32_t i = 0; i < join->count; i++) {
        if (fresh[i]) {
            *self->records[i] = (key_record){.due = {NO_TIMER, NO_TIMER}};
        }
    }
    return find_others(self, err);
}

static void trim_emptied(interval_op *self)
{
    for (uint32_t i = 0; i < self->emptied_count; i++) {
        lt_ordered_trim(self->rows[1 - self->join.side], self->emptied[i]);
    }
    self->emptied_count = 0;
}

static lt_status run_batch(interval_op *self, lt_emit *out, lt_error *err)
{
    join_op *join = &self->join;
    for (;;) {
        LT_TRY(emit_outs(self, out, err));
        if (join->at >= join->count) {
            break;
        }
        LT_TRY(self->evicting ? evict_round(self, err) : pair_round(self, err));
    }
    if (!join->stored) {
        const lt_rows keys = join->keys;
        uint32_t count = join->count;
        join->stored = true;
        LT_TRY(keep_rows(self, err));
        if (join->count < count) {
            LT_TRY(drop_records(self, &keys, count, err));
        }
    }
    return lt_outbox_flush(&join->box, out, err);
}

static void end_work(join_op *join)
{
    lt_batch_unref(join->pending);
    join->pending = NULL;
    join->round = (join_round){0};
    lt_arena_reset(join->round_arena, LT_OP_CHUNK_KEEP);
    lt_arena_reset(join->chunk, LT_OP_CHUNK_KEEP);
}

static lt_status go_on(interval_op *self, lt_emit *out, lt_error *err)
{
    join_op *join = &self->join;
    lt_status st = run_batch(self, out, err);
    trim_emptied(self);
    if (st == LT_FULL) {
        return st;
    }
    end_work(join);
    wake_when_due(self);
    if (st == LT_OK && join->failed != LT_OK) {
        st = join->failed;
        if (err) {
            *err = join->failure;
        }
    }
    return st;
}

static lt_status interval_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out,
                                   lt_error *err)
{
    interval_op *self = (interval_op *)op;
    join_op *join = &self->join;
    LT_ASSERT(join->pending == NULL && in->mark_count == 0);
    lt_arena_reset(join->chunk, LT_OP_CHUNK_KEEP);
    set_clock(self, op->watermark);
    join->side = input_no;
    join->at = 0;
    join->failed = LT_OK;
    join->refused = NULL;
    join->keyless = NULL;
    join->stored = false;
    self->begun = self->evicting = self->evict = false;
    LT_TRY(join->sides[input_no].outer ? lt_join_note_keyless(join, in, err)
                                       : lt_join_keyed_rows(join, in, err));
    if (join->count == 0) {
        return LT_OK;
    }
    op->ledger.used += join->count; /* finish_row and keep_row know better */
    LT_TRY(note_times(self, in, err));
    LT_TRY(find_keys(self, in, err));
    join->box.arrival_us = in->arrival_us;
    join->pending = lt_batch_ref(in);
    return go_on(self, out, err);
}

/* ---- firing ---- */

/* The key's next timer for the side, or none: then its record may go. */
static lt_status set_timer(interval_op *self, key_record *record, lt_ordered_map *map,
                           lt_error *err)
{
    int side = self->fire_side;
    const side_row *first = map ? lt_ordered_first(self->rows[side], map) : NULL;
    if (first) {
        record->due[side] = due_at(self, side, time_of(self, side, first));
        return lt_timers_add(self->timers[side], record->due[side], self->fire_key.ptr,
                             (uint32_t)self->fire_key.len, err);
    }
    record->due[side] = NO_TIMER;
    if (record->due[1 - side] == NO_TIMER) {
        lt_table_remove(self->keys, record);
    }
    return LT_OK;
}

static lt_status fire_key(interval_op *self, bool *done, lt_error *err)
{
    int side = self->fire_side;
    void *value;
    uint32_t len = (uint32_t)self->fire_key.len;
    const uint32_t offsets[2] = {0, len};
    const uint64_t hash = lt_row_hash((const uint8_t *)self->fire_key.ptr, len);
    const lt_rows keys = {.count = 1,
                          .stride = lt_rowcodec_stride(self->join.key_codec),
                          .bytes = (const uint8_t *)self->fire_key.ptr,
                          .offsets = offsets,
                          .hashes = &hash};
    lt_ordered_map *map;
    LT_TRY(lt_table_get(self->keys, self->fire_key.ptr, len, hash, false, &value, NULL, err));
    LT_TRY(lt_ordered_probe(self->rows[side], &keys, false, &map, err));
    key_record *record = value;
    LT_ASSERT(record != NULL);
    lt_table_touch(self->keys, record);
    record->expired[side] = expired_at(self, side);
    *done = true;
    if (map) {
        LT_TRY(evict(self, map, record->expired[side], round_size(self), done, err));
    }
    if (*done) {
        LT_TRY(set_timer(self, record, map, err));
        self->fire_key.ptr = NULL;
    }
    if (map) {
        lt_ordered_trim(self->rows[side], map);
    }
    return LT_OK;
}

/* The next key whose rows are due; its bytes are copied. */
static lt_status next_key(interval_op *self, bool *found, lt_error *err)
{
    int64_t at_ms;
    const uint8_t *key;
    uint32_t len;
    *found = lt_timers_pop(self->timers[self->fire_side], self->until, &at_ms, &key, &len);
    if (!*found) {
        return LT_OK;
    }
    lt_arena_reset(self->join.chunk, LT_OP_CHUNK_KEEP);
    char *copy = lt_arena_alloc(self->join.chunk, (size_t)len + 1, 8);
    if (!copy) {
        return lt_error_nomem(err, "join keys");
    }
    memcpy(copy, key, len);
    self->fire_key = (lt_str){copy, len};
    return LT_OK;
}

/* What expired by the clock, a round at a time; both sides in turn. */
static lt_status fire(interval_op *self, lt_emit *out, lt_error *err)
{
    join_op *join = &self->join;
    for (;;) {
        LT_TRY(emit_outs(self, out, err));
        if (self->fire_side == 2) {
            break;
        }
        join->side = 1 - self->fire_side;
        LT_TRY(new_round(self, err));
        bool more = true, done = true;
        while (more && done) {
            if (!self->fire_key.ptr) {
                LT_TRY(next_key(self, &more, err));
            }
            if (more) {
                LT_TRY(fire_key(self, &done, err));
            }
        }
        self->fire_side += !more;
        if (join->round.count > 0) {
            LT_TRY(lt_join_decode(join, err));
        }
    }
    return lt_outbox_flush(&join->box, out, err);
}

static lt_status go_on_firing(interval_op *self, lt_emit *out, lt_error *err)
{
    lt_status st = fire(self, out, err);
    if (st != LT_FULL) {
        end_work(&self->join);
        wake_when_due(self);
    }
    return st;
}

static lt_status start_firing(interval_op *self, int64_t until, lt_emit *out, lt_error *err)
{
    self->until = until;
    self->fire_side = 0;
    self->fire_key = (lt_str){NULL, 0};
    self->join.round = (join_round){0};
    return go_on_firing(self, out, err);
}

static lt_status interval_on_watermark(lt_op *op, int64_t event_ms, lt_emit *out, lt_error *err)
{
    interval_op *self = (interval_op *)op;
    if (spec_of(self)->interval.proctime && event_ms != LT_WATERMARK_MAX) {
        return LT_OK;
    }
    set_clock(self, event_ms);
    return start_firing(self, event_ms, out, err);
}

static lt_status interval_on_timer(lt_op *op, int64_t mono_ns, lt_emit *out, lt_error *err)
{
    interval_op *self = (interval_op *)op;
    (void)mono_ns;
    set_clock(self, op->watermark);
    return start_firing(self, self->clock, out, err);
}

static lt_status interval_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    interval_op *self = (interval_op *)op;
    if (!self->join.pending) {
        return go_on_firing(self, out, err);
    }
    LT_TRY(find_others(self, err));
    return go_on(self, out, err);
}

/* There is nothing but state tables; what is due in processing time is asked for anew. */
static lt_status interval_save(const lt_op *op, lt_text *to, lt_error *err)
{
    (void)op;
    (void)err;
    lt_op_save_i64(to, 0);
    return LT_OK;
}

static lt_status interval_load(lt_op *op, lt_str from, lt_error *err)
{
    (void)from;
    (void)err;
    if (((const lt_interval_join_spec *)op->spec)->interval.proctime) {
        op->wake_mono_ns = op->env->mono_ns(op->env) + 1000000;
    }
    return LT_OK;
}

const lt_op_class lt_op_interval_join = {
    .name = "IntervalJoin",
    .self_size = sizeof(interval_op),
    .marks = LT_MARKS_SPLIT,
    .open = interval_open,
    .on_batch = interval_on_batch,
    .resume = interval_resume,
    .on_watermark = interval_on_watermark,
    .on_timer = interval_on_timer,
    .save = interval_save,
    .load = interval_load,
    .close = lt_join_deinit,
};
