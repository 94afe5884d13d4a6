/* Event-time temporal joins: each left row meets the version of its key that was valid at its time,
 * the newest one that is not behind it. A left row waits until the watermark of both inputs has
 * reached its time; then every version up to there is known. As in Flink
 *
 *   - rows of one key come out in their order of arrival, with their own kinds;
 *   - versions behind the newest one that the watermark has reached are let go when rows of the key
 *     come out, or versions of it become valid;
 *   - a late left row waits for the next watermark, and meets what is left of the versions.
 *
 * State, all by join key:
 *
 *   left      ordered map: time (8 bytes, big-endian, sign flipped), number in order of arrival
 *             (8 bytes), the kept columns in the plain row form
 *   versions  ordered map: time, as above -> { ended, encoded row }
 *   next      the time of the key's timer
 *   due       the timers: at the least time of rows and versions that came since it last fired
 *
 * What comes out is built in rounds: rows of as many keys as there are due, copied with their
 * versions into the round's arena, decoded together, tested together. LT_FULL may come between any
 * two rows; the round and the list of the key's due rows wait for resume().
 *
 * Ledger: left rows are held while they wait, then used, filtered where nothing comes out, or late
 * when that is because they came behind the watermark. Versions are used. */
#include <stddef.h>
#include <stdlib.h>

#include "op/ranked.h"
#include "op/specs.h"

#define TEMPORAL_PREFIX  16 /* bytes in front of a left row: time, number */
#define TEMPORAL_REFUSED 2  /* of temporal_round.matched */

typedef struct {
    int64_t time_ms;
    int64_t seq;
    uint8_t kind; /* lt_row_kind */
    uint8_t late; /* it came behind the watermark */
    uint8_t unused[6];
} temporal_row;

typedef struct {
    uint8_t ended; /* from its time on there is no row */
    uint8_t unused[7];
    lt_cell row;
} temporal_version;

typedef struct {
    int64_t seq;
    temporal_row *row;
} temporal_due;

/* Rows on their way out, in the round's arena. */
typedef struct {
    uint32_t cap, count;
    const uint8_t **ptrs[2]; /* left rows, and their versions or NULLs */
    uint32_t *lens[2];
    uint8_t *kinds;
    uint8_t *matched; /* 1: there is a version */
    uint8_t *late;
    lt_col *cols;    /* by column of the pair */
    uint32_t *index; /* rows that come out */
    uint32_t left;   /* of index */
    uint32_t at;     /* of index: next to go out */
} temporal_round;

typedef struct {
    lt_op op;
    const lt_join_spec *join;
    lt_rowcodec *key_codec, *left_codec, *right_codec;
    lt_str null_row; /* of the right side */
    lt_ordered *left;
    lt_ordered *versions;
    lt_table *next;
    lt_timers *timers;
    lt_evaluator condition;
    lt_outbox box;
    lt_arena *chunk;       /* the key at hand */
    lt_arena *round_arena; /* the round at hand */
    int64_t next_seq;      /* saved */
    /* cursor: what fires */
    int64_t fire_until;
    bool firing; /* there is a key at hand */
    lt_str key;
    temporal_due *due;
    uint32_t due_count, due_at;
    temporal_round round;
    lt_status failed; /* the policy is 'fail': reported when the output is out */
    lt_error failure;
} temporal_op;

/* ---- open, close ---- */

static lt_rowcodec *plan_codec(lt_op *op, const lt_schema *from, const uint32_t *cols,
                               uint32_t count)
{
    const lt_type **types = LT_NEW_ARRAY(op->arena, const lt_type *, (size_t)count + 1);
    if (!types) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        types[i] = lt_type_with_nullable(op->arena, from->fields[cols[i]].type, true);
        if (!types[i]) {
            return NULL;
        }
    }
    return lt_rowcodec_new(op->arena, types, count, false);
}

/* A right row of NULLs, for left rows without a version. */
static lt_status open_null_row(temporal_op *self, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_join_spec *join = self->join;
    lt_rows rows;
    const lt_col **cols = LT_NEW_ARRAY(op->arena, const lt_col *, (size_t)join->right_count + 1);
    if (!cols) {
        return lt_error_nomem(err, "join state");
    }
    for (uint32_t i = 0; i < join->right_count; i++) {
        lt_col *col = LT_NEW(op->arena, lt_col);
        if (!col || !lt_col_init(col, lt_rowcodec_type(self->right_codec, i), 1, op->arena)) {
            return lt_error_nomem(err, "join state");
        }
        uint64_t *valid = lt_col_need_valid(col, 1, op->arena);
        if (!valid) {
            return lt_error_nomem(err, "join state");
        }
        lt_bit_clear(valid, 0);
        cols[i] = col;
    }
    LT_TRY(lt_rowcodec_encode(self->right_codec, cols, NULL, 1, op->arena, &rows, err));
    self->null_row = lt_rows_str(&rows, 0);
    return LT_OK;
}

static const uint32_t version_cells[1] = {offsetof(temporal_version, row)};

static lt_status open_state(temporal_op *self, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_join_spec *join = self->join;
    const lt_ordered_decl left = {.name = "left",
                                  .key = self->key_codec,
                                  .value_size = sizeof(temporal_row),
                                  .group_fields = join->key_count};
    const lt_ordered_decl versions = {.name = "versions",
                                      .key = self->key_codec,
                                      .value_size = sizeof(temporal_version),
                                      .cell_offsets = version_cells,
                                      .cell_count = LT_COUNT_OF(version_cells),
                                      .group_fields = join->key_count,
                                      .ttl_ms = join->rows[1].ttl_ms};
    const lt_table_decl next = {.name = "next",
                                .key = self->key_codec,
                                .value_size = sizeof(int64_t),
                                .group_fields = join->key_count};
    const lt_timers_decl due = {
        .name = "due", .key = self->key_codec, .group_fields = join->key_count};
    LT_TRY(lt_state_ordered(op->state, &left, &self->left, err));
    LT_TRY(lt_state_ordered(op->state, &versions, &self->versions, err));
    LT_TRY(lt_state_table(op->state, &next, &self->next, err));
    return lt_state_keyed_timers(op->state, &due, &self->timers, err);
}

static lt_status temporal_open(lt_op *op, lt_error *err)
{
    temporal_op *self = (temporal_op *)op;
    const lt_temporal_join_spec *spec = op->spec;
    const lt_join_spec *join = &spec->join;
    self->join = join;
    LT_ASSERT(op->in_count == 2 && join->key_count > 0);
    LT_ASSERT(join->type == LT_JOIN_TYPE_INNER || join->type == LT_JOIN_TYPE_LEFT);
    LT_ASSERT(join->left_count + join->right_count == join->pair->count);
    lt_outbox_init(op, &self->box, join->updates);
    LT_TRY(lt_op_chunk_new(op, &self->chunk, err));
    LT_TRY(lt_op_chunk_new(op, &self->round_arena, err));
    self->key_codec = lt_rowcodec_new(op->arena, join->key_types, join->key_count, false);
    self->left_codec = plan_codec(op, op->in_schemas[0], join->left_cols, join->left_count);
    self->right_codec = plan_codec(op, op->in_schemas[1], join->right_cols, join->right_count);
    if (!self->key_codec || !self->left_codec || !self->right_codec) {
        return lt_error_nomem(err, "join state");
    }
    LT_TRY(open_null_row(self, err));
    LT_TRY(open_state(self, err));
    if (join->condition) {
        lt_expr *exprs[1] = {join->condition};
        LT_TRY(lt_evaluator_init(op, &self->condition, exprs, 1, err));
    }
    return LT_OK;
}

static void temporal_close(lt_op *op)
{
    temporal_op *self = (temporal_op *)op;
    lt_evaluator_deinit(&self->condition);
    lt_outbox_deinit(&self->box);
    lt_arena_free(self->chunk);
    lt_arena_free(self->round_arena);
}

/* ---- input ---- */

static void put_be64(char *to, uint64_t value)
{
    for (unsigned b = 0; b < 8; b++) {
        to[b] = (char)(unsigned char)(value >> (56 - 8 * b));
    }
}

/* memcmp order is the order of times. */
static void put_time(char *to, int64_t time_ms)
{
    put_be64(to, (uint64_t)time_ms ^ ((uint64_t)1 << 63));
}

/* The rows at hand, encoded. */
typedef struct {
    const lt_batch *in;
    uint32_t *rows; /* physical */
    uint32_t count;
    lt_rows keys, values;
} temporal_input;

static lt_status encode(temporal_op *self, int side, temporal_input *input, lt_error *err)
{
    lt_arena *arena = self->op.scratch;
    const lt_join_spec *join = self->join;
    const lt_batch *in = input->in;
    const uint32_t *keys = side == 0 ? join->left_keys : join->right_keys;
    const uint32_t *cols = side == 0 ? join->left_cols : join->right_cols;
    uint32_t count = side == 0 ? join->left_count : join->right_count;
    const lt_col **from =
        LT_NEW_ARRAY(arena, const lt_col *, (size_t)LT_MAX(count, join->key_count) + 1);
    if (!from) {
        return lt_error_nomem(err, "join rows");
    }
    for (uint32_t k = 0; k < join->key_count; k++) {
        from[k] = &in->cols[keys[k]];
    }
    LT_TRY(lt_rowcodec_encode(self->key_codec, from, input->rows, input->count, arena, &input->keys,
                              err));
    for (uint32_t i = 0; i < count; i++) {
        from[i] = &in->cols[cols[i]];
    }
    return lt_rowcodec_encode(side == 0 ? self->left_codec : self->right_codec, from, input->rows,
                              input->count, arena, &input->values, err);
}

/* The live rows; without those whose key equals no other, unless they come out. */
static lt_status live_rows(temporal_op *self, int side, temporal_input *input, lt_error *err)
{
    const lt_join_spec *join = self->join;
    const lt_batch *in = input->in;
    input->rows = lt_op_live_rows(in, self->op.scratch);
    input->count = lt_batch_live(in);
    if (!input->rows) {
        return lt_error_nomem(err, "join rows");
    }
    bool all = side == 0 && join->type == LT_JOIN_TYPE_LEFT;
    for (uint32_t k = 0; k < join->key_count && !all; k++) {
        const lt_col *col = &in->cols[side == 0 ? join->left_keys[k] : join->right_keys[k]];
        uint32_t kept = 0;
        if (join->null_safe[k] || !col->valid) {
            continue;
        }
        for (uint32_t i = 0; i < input->count; i++) {
            input->rows[kept] = input->rows[i];
            kept += !lt_col_is_null(col, input->rows[i]);
        }
        self->op.ledger.filtered += input->count - kept;
        input->count = kept;
    }
    return LT_OK;
}

/* The key's timer moves to time_ms if that is sooner. `at`: its record; fresh: it had no timer. */
static lt_status wake_at(temporal_op *self, int64_t *at, bool fresh, lt_str key, int64_t time_ms,
                         lt_error *err)
{
    if (!fresh && *at <= time_ms) {
        return LT_OK;
    }
    if (!fresh) {
        lt_timers_remove(self->timers, *at, key.ptr, (uint32_t)key.len);
    }
    *at = time_ms;
    return lt_timers_add(self->timers, time_ms, key.ptr, (uint32_t)key.len, err);
}

/* Records of the keys' timers; fresh ones are to be set. */
static lt_status find_timers(temporal_op *self, const temporal_input *input, int64_t ***out,
                             uint8_t **fresh, lt_error *err)
{
    size_t count = input->count;
    *out = LT_NEW_ARRAY(self->op.scratch, int64_t *, count + 1);
    *fresh = lt_arena_zalloc(self->op.scratch, count + 1, 1);
    if (!*out || !*fresh) {
        return lt_error_nomem(err, "join rows");
    }
    return lt_table_probe(self->next, &input->keys, true, (void **)*out, *fresh, err);
}

/* A left row uses the versions of its key: they do not idle. */
static lt_status use_versions(temporal_op *self, const temporal_input *input, lt_error *err)
{
    lt_ordered_map *map;
    for (uint32_t i = 0; self->join->rows[1].ttl_ms > 0 && i < input->count; i++) {
        lt_rows one = lt_ranked_one(&input->keys, i);
        LT_TRY(lt_ordered_probe(self->versions, &one, false, &map, err));
        if (map) {
            LT_TRY(lt_ordered_probe(self->versions, &one, true, &map, err));
        }
    }
    return LT_OK;
}

static lt_status hold(temporal_op *self, const temporal_input *input, uint32_t i,
                      lt_ordered_map *map, int64_t time_ms, lt_error *err)
{
    lt_op *op = &self->op;
    lt_str row = lt_rows_str(&input->values, i);
    char *bytes = lt_arena_alloc(op->scratch, TEMPORAL_PREFIX + row.len, 8);
    void *value = NULL;
    if (!bytes) {
        return lt_error_nomem(err, "join rows");
    }
    put_time(bytes, time_ms);
    put_be64(bytes + 8, (uint64_t)self->next_seq);
    memcpy(bytes + TEMPORAL_PREFIX, row.ptr, row.len);
    LT_TRY(lt_ordered_get(self->left, map, (lt_str){bytes, TEMPORAL_PREFIX + row.len}, true, &value,
                          NULL, err));
    temporal_row *node = value;
    node->time_ms = time_ms;
    node->seq = self->next_seq++;
    node->kind = (uint8_t)lt_batch_kind(input->in, input->rows[i]);
    node->late = time_ms <= op->watermark;
    op->ledger.held++;
    return LT_OK;
}

static lt_status on_left(temporal_op *self, const temporal_input *input, lt_error *err)
{
    const lt_temporal_join_spec *spec = self->op.spec;
    const lt_col *times = &input->in->cols[spec->left_time];
    lt_ordered_map **maps =
        LT_NEW_ARRAY(self->op.scratch, lt_ordered_map *, (size_t)input->count + 1);
    int64_t **at;
    uint8_t *fresh;
    if (!maps) {
        return lt_error_nomem(err, "join rows");
    }
    LT_TRY(use_versions(self, input, err));
    LT_TRY(lt_ordered_probe(self->left, &input->keys, true, maps, err));
    LT_TRY(find_timers(self, input, &at, &fresh, err));
    for (uint32_t i = 0; i < input->count; i++) {
        int64_t time_ms = lt_op_time_ms(times, input->rows[i]);
        LT_TRY(hold(self, input, i, maps[i], time_ms, err));
        LT_TRY(wake_at(self, at[i], fresh[i] != 0, lt_rows_str(&input->keys, i), time_ms, err));
    }
    return LT_OK;
}

static lt_status keep_version(temporal_op *self, const temporal_input *input, uint32_t i,
                              lt_ordered_map *map, int64_t time_ms, lt_error *err)
{
    lt_str row = lt_rows_str(&input->values, i);
    char bytes[8];
    void *value = NULL;
    put_time(bytes, time_ms);
    LT_TRY(lt_ordered_get(self->versions, map, (lt_str){bytes, sizeof bytes}, true, &value, NULL,
                          err));
    temporal_version *version = value;
    version->ended = !lt_kind_is_add((uint8_t)lt_batch_kind(input->in, input->rows[i]));
    lt_cells *cells = lt_ordered_cells(self->versions);
    return lt_cells_set(cells, &version->row, row.ptr, (uint32_t)row.len)
               ? LT_OK
               : lt_error_nomem(err, "join state");
}

/* A -U is of a version that its +U ends anyway. */
static void drop_before(temporal_op *self, temporal_input *input)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < input->count; i++) {
        bool before = lt_batch_kind(input->in, input->rows[i]) == LT_UPDATE_BEFORE;
        input->rows[kept] = input->rows[i];
        kept += !before;
    }
    self->op.ledger.used += input->count - kept;
    input->count = kept;
}

static lt_status on_right(temporal_op *self, const temporal_input *input, lt_error *err)
{
    const lt_temporal_join_spec *spec = self->op.spec;
    const lt_col *times = &input->in->cols[spec->right_time];
    lt_ordered_map **maps =
        LT_NEW_ARRAY(self->op.scratch, lt_ordered_map *, (size_t)input->count + 1);
    int64_t **at;
    uint8_t *fresh;
    if (!maps) {
        return lt_error_nomem(err, "join rows");
    }
    LT_TRY(lt_ordered_probe(self->versions, &input->keys, true, maps, err));
    LT_TRY(find_timers(self, input, &at, &fresh, err));
    for (uint32_t i = 0; i < input->count; i++) {
        int64_t time_ms = lt_op_time_ms(times, input->rows[i]);
        LT_TRY(keep_version(self, input, i, maps[i], time_ms, err));
        LT_TRY(wake_at(self, at[i], fresh[i] != 0, lt_rows_str(&input->keys, i), time_ms, err));
        self->op.ledger.used++;
    }
    return LT_OK;
}

static lt_status temporal_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out,
                                   lt_error *err)
{
    temporal_op *self = (temporal_op *)op;
    temporal_input input = {.in = in};
    (void)out;
    LT_ASSERT(in->mark_count == 0);
    LT_TRY(live_rows(self, input_no, &input, err));
    if (input_no == 1) {
        drop_before(self, &input);
    }
    if (input.count == 0) {
        return LT_OK;
    }
    self->box.arrival_us = in->arrival_us;
    LT_TRY(encode(self, input_no, &input, err));
    return input_no == 0 ? on_left(self, &input, err) : on_right(self, &input, err);
}

/* ---- the key at hand ---- */

static lt_status probe_key(temporal_op *self, lt_ordered *from, lt_ordered_map **out, lt_error *err)
{
    const uint32_t offsets[2] = {0, (uint32_t)self->key.len};
    const uint64_t hash = lt_row_hash((const uint8_t *)self->key.ptr, self->key.len);
    const lt_rows one = {.count = 1,
                         .stride = lt_rowcodec_stride(self->key_codec),
                         .bytes = (const uint8_t *)self->key.ptr,
                         .offsets = offsets,
                         .hashes = &hash};
    return lt_ordered_probe(from, &one, false, out, err);
}

static int by_arrival(const void *a, const void *b)
{
    int64_t x = ((const temporal_due *)a)->seq, y = ((const temporal_due *)b)->seq;
    return (x > y) - (x < y);
}

/* Lists the key's rows that the watermark has reached, in order of arrival. */
static lt_status list_due(temporal_op *self, lt_error *err)
{
    lt_ordered_map *map;
    uint32_t count = 0;
    bool sorted = true;
    LT_TRY(probe_key(self, self->left, &map, err));
    void *value = map ? lt_ordered_first(self->left, map) : NULL;
    self->due = map ? LT_NEW_ARRAY(self->chunk, temporal_due, lt_ordered_size(map)) : NULL;
    if (map && !self->due) {
        return lt_error_nomem(err, "join rows");
    }
    for (; value && ((temporal_row *)value)->time_ms <= self->fire_until;
         value = lt_ordered_next(self->left, value)) {
        int64_t seq = ((temporal_row *)value)->seq;
        sorted = sorted && (count == 0 || self->due[count - 1].seq < seq);
        self->due[count++] = (temporal_due){seq, value};
    }
    if (!sorted) {
        qsort(self->due, count, sizeof *self->due, by_arrival);
    }
    self->due_count = count;
    self->due_at = 0;
    return LT_OK;
}

/* The next key whose timer has fired; false = none is left. */
static lt_status next_key(temporal_op *self, bool *found, lt_error *err)
{
    int64_t at_ms;
    const uint8_t *key;
    uint32_t len;
    lt_arena_reset(self->chunk, LT_OP_CHUNK_KEEP);
    *found = lt_timers_pop(self->timers, self->fire_until, &at_ms, &key, &len);
    if (!*found) {
        return LT_OK;
    }
    char *copy = lt_arena_alloc(self->chunk, (size_t)len + 1, 8);
    if (!copy) {
        return lt_error_nomem(err, "join rows");
    }
    memcpy(copy, key, len);
    self->key = (lt_str){copy, len};
    self->firing = true;
    return list_due(self, err);
}

/* The newest version up to a time; NULL = none. */
static temporal_version *version_at(temporal_op *self, lt_ordered_map *map, int64_t time_ms)
{
    char bytes[8];
    void *behind = NULL;
    if (!map) {
        return NULL;
    }
    if (time_ms != INT64_MAX) {
        put_time(bytes, time_ms + 1);
        behind = lt_ordered_seek(self->versions, map, (lt_str){bytes, sizeof bytes});
    }
    return behind ? lt_ordered_prev(self->versions, behind) : lt_ordered_last(self->versions, map);
}

/* Everything due has gone out: versions that no later row can meet go, and the timer moves on to
 * the rows that still wait. */
static lt_status end_key(temporal_op *self, lt_error *err)
{
    lt_ordered_map *map;
    void *value = NULL;
    self->firing = false;
    LT_TRY(probe_key(self, self->versions, &map, err));
    const temporal_version *valid = version_at(self, map, self->fire_until);
    if (valid) {
        (void)lt_ordered_remove_range(self->versions, map, LT_STR(""),
                                      lt_ordered_bytes(self->versions, valid));
    }
    uint64_t hash = lt_row_hash((const uint8_t *)self->key.ptr, self->key.len);
    uint32_t len = (uint32_t)self->key.len;
    LT_TRY(lt_table_get(self->next, self->key.ptr, len, hash, false, &value, NULL, err));
    LT_ASSERT(value != NULL);
    LT_TRY(probe_key(self, self->left, &map, err));
    if (!map) {
        lt_table_remove(self->next, value);
        return LT_OK;
    }
    int64_t *at = value;
    *at = ((const temporal_row *)lt_ordered_first(self->left, map))->time_ms;
    return lt_timers_add(self->timers, *at, self->key.ptr, len, err);
}

/* ---- rounds ---- */

static lt_status copy_row(temporal_op *self, lt_str row, lt_str *out, lt_error *err)
{
    char *copy = lt_arena_alloc(self->round_arena, row.len + 1, 8);
    if (!copy) {
        return lt_error_nomem(err, "joined rows");
    }
    memcpy(copy, row.ptr, row.len);
    *out = (lt_str){copy, row.len};
    return LT_OK;
}

/* Moves due rows of the key at hand into the round. */
static lt_status gather_key(temporal_op *self, lt_error *err)
{
    temporal_round *round = &self->round;
    lt_ordered_map *left, *versions;
    LT_TRY(probe_key(self, self->left, &left, err));
    LT_TRY(probe_key(self, self->versions, &versions, err));
    while (self->due_at < self->due_count && round->count < round->cap) {
        temporal_row *row = self->due[self->due_at++].row;
        const temporal_version *version = version_at(self, versions, row->time_ms);
        uint32_t n = round->count++;
        lt_str bytes = lt_ordered_bytes(self->left, row);
        lt_str left_row = bytes, right_row = self->null_row;
        round->matched[n] = version && !version->ended;
        LT_TRY(copy_row(self, (lt_str){bytes.ptr + TEMPORAL_PREFIX, bytes.len - TEMPORAL_PREFIX},
                        &left_row, err));
        if (round->matched[n]) {
            LT_TRY(copy_row(self, lt_cell_str(&version->row), &right_row, err));
        }
        round->ptrs[0][n] = (const uint8_t *)left_row.ptr;
        round->lens[0][n] = (uint32_t)left_row.len;
        round->ptrs[1][n] = (const uint8_t *)right_row.ptr;
        round->lens[1][n] = (uint32_t)right_row.len;
        round->kinds[n] = row->kind;
        round->late[n] = row->late;
        lt_ordered_take(self->left, left, row);
    }
    if (left) {
        lt_ordered_trim(self->left, left);
    }
    return LT_OK;
}

static lt_status round_new(temporal_op *self, lt_error *err)
{
    lt_arena *arena = self->round_arena;
    uint32_t cap = LT_MAX(self->box.capacity, 64U);
    lt_arena_reset(arena, LT_OP_CHUNK_KEEP);
    self->round = (temporal_round){.cap = cap,
                                   .kinds = lt_arena_alloc(arena, cap, 1),
                                   .matched = lt_arena_alloc(arena, cap, 1),
                                   .late = lt_arena_alloc(arena, cap, 1),
                                   .index = LT_NEW_ARRAY(arena, uint32_t, cap)};
    temporal_round *round = &self->round;
    for (int side = 0; side < 2; side++) {
        round->ptrs[side] = LT_NEW_ARRAY(arena, const uint8_t *, cap);
        round->lens[side] = LT_NEW_ARRAY(arena, uint32_t, cap);
        if (!round->ptrs[side] || !round->lens[side]) {
            return lt_error_nomem(err, "joined rows");
        }
    }
    return round->kinds && round->matched && round->late && round->index
               ? LT_OK
               : lt_error_nomem(err, "joined rows");
}

static lt_status decode(temporal_op *self, int side, lt_error *err)
{
    const lt_join_spec *join = self->join;
    temporal_round *round = &self->round;
    uint32_t first = side == 0 ? 0 : join->left_count;
    uint32_t count = side == 0 ? join->left_count : join->right_count;
    lt_col **cols = LT_NEW_ARRAY(self->round_arena, lt_col *, (size_t)count + 1);
    if (!cols) {
        return lt_error_nomem(err, "joined rows");
    }
    for (uint32_t i = 0; i < count; i++) {
        cols[i] = &round->cols[first + i];
        const lt_type *type = join->pair->fields[first + i].type;
        if (!lt_col_init(cols[i], type, round->count, self->round_arena)) {
            return lt_error_nomem(err, "joined rows");
        }
    }
    return lt_rowcodec_decode(side == 0 ? self->left_codec : self->right_codec, round->ptrs[side],
                              round->lens[side], round->count, round->count, false,
                              self->round_arena, cols, err);
}

/* Rows whose version does not pass have none. A row for which the condition has no value is
 * refused; when the policy is 'fail', the round ends before it. */
static lt_status test(temporal_op *self, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_join_spec *join = self->join;
    temporal_round *round = &self->round;
    lt_batch pairs = {.row_count = round->count,
                      .row_cap = round->count,
                      .col_count = join->pair->count,
                      .sel_count = round->count,
                      .kinds = round->kinds,
                      .cols = round->cols,
                      .schema = join->pair,
                      .arena = self->round_arena};
    uint32_t *rows = LT_NEW_ARRAY(self->round_arena, uint32_t, (size_t)round->count + 1);
    uint32_t count = 0, passed = 0;
    lt_batch view;
    lt_col result;
    lt_row_errors errors = {0};
    if (!rows) {
        return lt_error_nomem(err, "joined rows");
    }
    for (uint32_t i = 0; i < round->count; i++) {
        rows[count] = i;
        count += round->matched[i];
    }
    if (count == 0) {
        return LT_OK;
    }
    lt_op_view(&view, &pairs, rows, count);
    LT_TRY(lt_evaluator_run(op, &self->condition, &view, self->round_arena, &result, &errors, err));
    if (errors.count > 0) {
        uint32_t before = count;
        self->failed = lt_op_errors_reject(op, &self->condition, &pairs, &errors, rows, &count,
                                           &self->failure);
        if (self->failed != LT_OK && count < before) {
            op->ledger.held += round->count - errors.first_row - 1;
            round->count = errors.first_row;
        }
    }
    for (uint32_t i = 0; errors.count > 0 && i < round->count; i++) {
        round->matched[i] = lt_bit_get(errors.rows, i) ? TEMPORAL_REFUSED : round->matched[i];
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = rows[i];
        bool pass = !lt_col_is_null(&result, row) && LT_COL_DATA(&result, const uint8_t)[row];
        round->matched[row] = pass;
        passed += pass;
        if (!pass) {
            round->ptrs[1][row] = (const uint8_t *)self->null_row.ptr;
            round->lens[1][row] = (uint32_t)self->null_row.len;
        }
    }
    bool padded = join->type == LT_JOIN_TYPE_LEFT && passed < count;
    return padded ? decode(self, 1, err) : LT_OK;
}

/* What comes out of the round. */
static void choose(temporal_op *self)
{
    temporal_round *round = &self->round;
    lt_ledger *ledger = &self->op.ledger;
    bool padded = self->join->type == LT_JOIN_TYPE_LEFT;
    for (uint32_t i = 0; i < round->count; i++) {
        if (round->matched[i] == TEMPORAL_REFUSED) {
            continue;
        }
        if (round->matched[i] || padded) {
            round->index[round->left++] = i;
            ledger->used++;
        } else if (round->late[i]) {
            ledger->late++;
        } else {
            ledger->filtered++;
        }
    }
}

/* The next due rows, of as many keys as it takes. */
static lt_status next_round(temporal_op *self, bool *more, lt_error *err)
{
    temporal_round *round = &self->round;
    LT_TRY(round_new(self, err));
    for (*more = true; *more && round->count < round->cap;) {
        if (!self->firing) {
            LT_TRY(next_key(self, more, err));
            continue;
        }
        LT_TRY(gather_key(self, err));
        if (self->due_at == self->due_count) {
            LT_TRY(end_key(self, err));
        }
    }
    if (round->count == 0) {
        return LT_OK;
    }
    self->op.ledger.held -= round->count;
    round->cols = LT_NEW_ARRAY(self->round_arena, lt_col, (size_t)self->join->pair->count + 1);
    if (!round->cols) {
        return lt_error_nomem(err, "joined rows");
    }
    LT_TRY(decode(self, 0, err));
    LT_TRY(decode(self, 1, err));
    if (self->join->condition) {
        LT_TRY(test(self, err));
    }
    choose(self);
    return LT_OK;
}

static lt_status put_rows(temporal_op *self, uint32_t count, lt_error *err)
{
    lt_op *op = &self->op;
    temporal_round *round = &self->round;
    LT_TRY(lt_outbox_need(op, &self->box, err));
    lt_batch *batch = self->box.batch;
    uint32_t base = batch->row_count;
    const uint32_t *index = round->index + round->at;
    for (uint32_t c = 0; c < op->out_schema->count; c++) {
        if (!lt_col_put(&batch->cols[c], base, self->box.capacity, &round->cols[self->join->out[c]],
                        index, count, true, batch->arena)) {
            return lt_error_nomem(err, "joined rows");
        }
    }
    for (uint32_t i = 0; batch->kinds && i < count; i++) {
        batch->kinds[base + i] = round->kinds[index[i]];
    }
    batch->row_count += count;
    batch->sel_count = batch->row_count;
    round->at += count;
    return LT_OK;
}

/* How many of the next rows go into the batch at hand: a -U and its +U go together. */
static uint32_t fitting(const temporal_op *self)
{
    const temporal_round *round = &self->round;
    uint32_t room = lt_outbox_room(&self->box);
    uint32_t count = LT_MIN(round->left - round->at, room);
    bool cut = count > 0 && count == room &&
               round->kinds[round->index[round->at + count - 1]] == LT_UPDATE_BEFORE;
    return cut ? count - 1 : count;
}

static lt_status fire(temporal_op *self, lt_emit *out, lt_error *err)
{
    temporal_round *round = &self->round;
    for (bool more = true; more;) {
        while (round->at < round->left) {
            uint32_t count = fitting(self);
            if (count == 0) {
                LT_TRY(lt_outbox_flush(&self->box, out, err));
                continue;
            }
            LT_TRY(put_rows(self, count, err));
        }
        more = self->failed == LT_OK;
        if (more) {
            LT_TRY(next_round(self, &more, err));
            more = more || round->at < round->left;
        }
    }
    LT_TRY(lt_outbox_flush(&self->box, out, err));
    if (self->failed != LT_OK) {
        lt_status st = self->failed;
        self->failed = LT_OK;
        if (err) {
            *err = self->failure;
        }
        return st;
    }
    return LT_OK;
}

static lt_status temporal_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    temporal_op *self = (temporal_op *)op;
    lt_status st = fire(self, out, err);
    if (st != LT_FULL) {
        self->round = (temporal_round){.cap = 0};
        self->firing = false;
    }
    return st;
}

static lt_status temporal_on_watermark(lt_op *op, int64_t event_ms, lt_emit *out, lt_error *err)
{
    temporal_op *self = (temporal_op *)op;
    self->fire_until = event_ms;
    return temporal_resume(op, out, err);
}

static lt_status temporal_save(const lt_op *op, lt_text *to, lt_error *err)
{
    (void)err;
    lt_op_save_i64(to, ((const temporal_op *)op)->next_seq);
    return LT_OK;
}

static lt_status temporal_load(lt_op *op, lt_str from, lt_error *err)
{
    return lt_op_load_i64(from, 0, &((temporal_op *)op)->next_seq, err);
}

const lt_op_class lt_op_temporal_join = {
    .name = "TemporalJoin",
    .self_size = sizeof(temporal_op),
    .marks = LT_MARKS_SPLIT,
    .open = temporal_open,
    .on_batch = temporal_on_batch,
    .resume = temporal_resume,
    .on_watermark = temporal_on_watermark,
    .save = temporal_save,
    .load = temporal_load,
    .close = temporal_close,
};
