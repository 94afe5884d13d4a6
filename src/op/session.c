/* Session windows; see session.h. Rows are placed one by one, because each may open, extend or
 * merge sessions; what the sessions hold is then updated in bulk, at the latest before a merge or a
 * firing.
 *
 * Two rows at a distance of at most the gap share a session. A row behind the watermark counts when
 * the session it forms or merges into is still open. */
#include "op/session.h"

#include "base/hash.h"

#define PROBE_ROWS 256

/* An open session in its key's list. */
typedef struct {
    int64_t start;
    int64_t end;
    int64_t id;
} session_span;

typedef struct {
    lt_cell spans;
    int64_t listed; /* while a batch is worked on: about to be removed */
} session_key;

static const uint32_t key_cells[1] = {offsetof(session_key, spans)};

/* ---- plan ---- */

static lt_status plan_codecs(lt_sessions *s, lt_error *err)
{
    lt_arena *arena = s->op->arena;
    s->key_types = LT_NEW_ARRAY(arena, const lt_type *, (size_t)s->key_count + 1);
    const lt_type *bigint = lt_type_new(arena, LT_TYPE_BIGINT, false);
    if (!s->key_types || !bigint) {
        return lt_error_nomem(err, "session keys");
    }
    for (uint32_t k = 0; k < s->key_count; k++) {
        s->key_types[k] = s->op->in_schemas[0]->fields[s->key_cols[k]].type;
    }
    s->key_codec = lt_rowcodec_new(arena, s->key_types, s->key_count, false);
    s->id_codec = lt_rowcodec_new(arena, &bigint, 1, false);
    return s->key_codec && s->id_codec ? LT_OK : lt_error_nomem(err, "session keys");
}

lt_status lt_sessions_open(lt_sessions *s, lt_op *op, const lt_sessions_spec *spec, lt_error *err)
{
    LT_ASSERT(spec->record_size >= sizeof(lt_session_head) && spec->record_size % 8 == 0);
    LT_ASSERT(!spec->window->attached);
    s->op = op;
    s->cls = spec->cls;
    s->key_cols = spec->key_cols;
    s->key_count = spec->key_count;
    s->unsent = LT_WATERMARK_MIN;
    s->next_id = 1;
    lt_window_math_init(&s->math, spec->window, op);
    if (spec->window->proctime) {
        lt_proctime_wake(op, LT_WATERMARK_MIN); /* sessions may come with restored state */
    }
    LT_TRY(lt_op_chunk_new(op, &s->chunk, err));
    LT_TRY(plan_codecs(s, err));
    const lt_table_decl keys = {.name = "keys",
                                .key = s->key_codec,
                                .value_size = sizeof(session_key),
                                .cell_offsets = key_cells,
                                .cell_count = 1,
                                .group_fields = s->key_count};
    const lt_table_decl table = {.name = "sessions",
                                 .key = s->id_codec,
                                 .value_size = spec->record_size,
                                 .cell_offsets = spec->cell_offsets,
                                 .cell_count = spec->cell_count,
                                 .group_fields = lt_sessions_group_fields(s->key_count)};
    const lt_timers_decl timers = {.name = "timers",
                                   .group_fields = lt_sessions_group_fields(s->key_count)};
    LT_TRY(lt_state_table(op->state, &keys, &s->keys, err));
    LT_TRY(lt_state_table(op->state, &table, &s->table, err));
    return lt_state_keyed_timers(op->state, &timers, &s->timers, err);
}

void lt_sessions_close(lt_sessions *s)
{
    lt_outbox_deinit(&s->box);
    lt_batch_unref(s->pending);
    lt_arena_free(s->chunk);
}

/* ---- sessions by number ---- */

static void id_bytes(int64_t id, uint8_t little[8], uint8_t big[8])
{
    for (unsigned i = 0; i < 8; i++) {
        little[i] = (uint8_t)((uint64_t)id >> (8 * i));
        big[7 - i] = little[i];
    }
}

static lt_status session_get(lt_sessions *s, int64_t id, lt_session_head **out, lt_error *err)
{
    uint8_t little[8];
    uint8_t big[8];
    void *value = NULL;
    id_bytes(id, little, big);
    LT_TRY(lt_table_get(s->table, little, 8, lt_row_hash(little, 8), false, &value, NULL, err));
    LT_ASSERT(value != NULL);
    *out = value;
    return LT_OK;
}

/* A session with the next number. When state of several tasks came together, another one may have
 * given a number already. */
static lt_status session_new(lt_sessions *s, uint32_t group, lt_session_head **out, lt_error *err)
{
    uint8_t little[8];
    uint8_t big[8];
    void *value = NULL;
    bool fresh = false;
    int64_t id = 0;
    while (!fresh) {
        id = (int64_t)((uint64_t)s->next_id++ << LT_GROUP_NUMBER_BITS | group);
        id_bytes(id, little, big);
        LT_TRY(
            lt_table_get(s->table, little, 8, lt_row_hash(little, 8), true, &value, &fresh, err));
    }
    *out = value;
    (*out)->id = id;
    return LT_OK;
}

/* Timers of equal time come in order of the number: its bytes are written big-endian. */
static lt_status timer_set(lt_sessions *s, lt_session_head *head, lt_error *err)
{
    uint8_t little[8];
    uint8_t big[8];
    id_bytes(head->id, little, big);
    head->timer = lt_window_close(&s->math, head->end);
    return lt_timers_add(s->timers, head->timer, big, 8, err);
}

static void timer_drop(lt_sessions *s, const lt_session_head *head)
{
    uint8_t little[8];
    uint8_t big[8];
    id_bytes(head->id, little, big);
    lt_timers_remove(s->timers, head->timer, big, 8);
}

static int64_t id_of_timer(const uint8_t *big)
{
    uint64_t id = 0;
    for (unsigned i = 0; i < 8; i++) {
        id = id << 8 | big[i];
    }
    return (int64_t)id;
}

/* ---- placing rows ---- */

static lt_status flush_adds(lt_sessions *s, lt_error *err)
{
    uint32_t count = s->add_count;
    s->add_count = 0;
    return count == 0 ? LT_OK : s->cls->add(s, s->add_heads, s->add_rows, count, err);
}

typedef struct {
    session_key *record;
    const uint8_t *bytes;
    uint32_t len;
    int64_t local; /* the row's time */
} placing;

static session_span *spans_of(const session_key *key, uint32_t *count)
{
    *count = key->spans.len / (uint32_t)sizeof(session_span);
    return (session_span *)(void *)key->spans.ptr;
}

/* A session of the row alone. */
static lt_status open_session(lt_sessions *s, const placing *row, uint32_t at,
                              lt_session_head **out, lt_error *err)
{
    int64_t end = row->local + s->math.spec.size_ms;
    if (lt_window_close(&s->math, end) <= s->op->watermark) {
        *out = NULL;
        return LT_OK;
    }
    lt_session_head *head = NULL;
    uint32_t group = s->key_count > 0 ? lt_key_group(lt_row_hash(row->bytes, row->len)) : 0;
    LT_TRY(session_new(s, group, &head, err));
    *head = (lt_session_head){.id = head->id, .start = row->local, .end = end};
    uint32_t count = 0;
    (void)spans_of(row->record, &count);
    if (!lt_cells_set(lt_table_cells(s->table), &head->key, row->bytes, row->len) ||
        !lt_cells_resize(lt_table_cells(s->keys), &row->record->spans,
                         (count + 1) * (uint32_t)sizeof(session_span))) {
        return lt_error_nomem(err, "a session");
    }
    session_span *spans = spans_of(row->record, &count);
    memmove(spans + at + 1, spans + at, sizeof *spans * (count - 1 - at));
    spans[at] = (session_span){head->start, head->end, head->id};
    *out = head;
    return timer_set(s, head, err);
}

/* Makes one session of spans [from, to) and the row. The oldest session stays. */
static lt_status join_sessions(lt_sessions *s, const placing *row, uint32_t from, uint32_t to,
                               lt_session_head **out, lt_error *err)
{
    uint32_t count = 0;
    session_span *spans = spans_of(row->record, &count);
    session_span all = spans[from];
    for (uint32_t i = from; i < to; i++) {
        all.start = LT_MIN(all.start, spans[i].start);
        all.end = LT_MAX(all.end, spans[i].end);
        all.id = LT_MIN(all.id, spans[i].id);
    }
    all.start = LT_MIN(all.start, row->local);
    all.end = LT_MAX(all.end, row->local + s->math.spec.size_ms);
    lt_session_head *dst = NULL;
    LT_TRY(session_get(s, all.id, &dst, err));
    if (to - from > 1) {
        LT_TRY(flush_adds(s, err));
    }
    for (uint32_t i = from; i < to; i++) {
        if (spans[i].id == all.id) {
            continue;
        }
        lt_session_head *src = NULL;
        LT_TRY(session_get(s, spans[i].id, &src, err));
        LT_TRY(s->cls->merge(s, dst, src, err));
        dst->held += src->held;
        dst->rows += src->rows;
        timer_drop(s, src);
        lt_table_remove(s->table, src);
    }
    dst->start = all.start;
    dst->end = all.end;
    spans[from] = all;
    memmove(spans + from + 1, spans + to, sizeof *spans * (count - to));
    if (!lt_cells_resize(lt_table_cells(s->keys), &row->record->spans,
                         (count - (to - from) + 1) * (uint32_t)sizeof(session_span))) {
        return lt_error_nomem(err, "a session");
    }
    *out = dst;
    return LT_OK;
}

static lt_status place_row(lt_sessions *s, const placing *row, lt_session_head **out, lt_error *err)
{
    uint32_t count = 0;
    const session_span *spans = spans_of(row->record, &count);
    int64_t end = row->local + s->math.spec.size_ms;
    uint32_t from = 0;
    while (from < count && spans[from].end < row->local) {
        from++;
    }
    uint32_t to = from;
    while (to < count && spans[to].start <= end) {
        to++;
    }
    if (from == to) {
        return open_session(s, row, from, out, err);
    }
    return join_sessions(s, row, from, to, out, err);
}

/* ---- the batch at hand ---- */

typedef struct {
    uint32_t *rows;
    int64_t *locals;
    uint32_t count;
    lt_rows keys;
} session_input;

static lt_rows sub_rows(const lt_rows *rows, uint32_t from, uint32_t count)
{
    lt_rows part = *rows;
    part.count = count;
    part.hashes += from;
    if (part.stride) {
        part.bytes += (size_t)from * part.stride;
    } else {
        part.offsets += from;
    }
    return part;
}

/* Keys for which no session came to be. */
static void sweep_keys(lt_sessions *s, void **values, uint32_t count)
{
    uint32_t empty = 0;
    for (uint32_t i = 0; i < count; i++) {
        session_key *key = values[i];
        if (key->spans.len == 0 && !key->listed) {
            key->listed = 1;
            values[empty++] = key;
        }
    }
    for (uint32_t i = 0; i < empty; i++) {
        lt_table_remove(s->keys, values[i]);
    }
}

static void pass_mark(lt_sessions *s)
{
    int64_t watermark = s->pending->marks[s->mark_at++].watermark;
    if (watermark > s->op->watermark) {
        s->op->watermark = watermark;
        s->unsent = watermark;
    }
}

/* How many rows to probe at once: as far as it can be foreseen that nothing fires. */
static uint32_t block_rows(const lt_sessions *s, const session_input *input)
{
    const lt_batch *in = s->pending;
    uint32_t from = s->row_at;
    uint32_t count = LT_MIN(input->count - from, (uint32_t)PROBE_ROWS);
    int64_t next = lt_timers_next(s->timers);
    for (uint32_t m = s->mark_at; m < s->marks_end; m++) {
        if (in->marks[m].first_row > input->rows[from + count - 1]) {
            break;
        }
        if (in->marks[m].watermark < next) {
            continue;
        }
        uint32_t i = 0;
        while (i < count && input->rows[from + i] < in->marks[m].first_row) {
            i++;
        }
        return LT_MAX(i, 1U);
    }
    return count;
}

/* Takes rows until a mark would fire something, or the probed block ends. */
static lt_status take_block(lt_sessions *s, const session_input *input, lt_error *err)
{
    const lt_batch *in = s->pending;
    uint32_t from = s->row_at;
    uint32_t count = block_rows(s, input);
    void *values[PROBE_ROWS];
    lt_rows keys = sub_rows(&input->keys, from, count);
    LT_TRY(lt_table_probe(s->keys, &keys, true, values, NULL, err));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = input->rows[from + i];
        while (s->mark_at < s->marks_end && in->marks[s->mark_at].first_row <= row &&
               in->marks[s->mark_at].watermark < lt_timers_next(s->timers)) {
            pass_mark(s);
        }
        if (s->mark_at < s->marks_end && in->marks[s->mark_at].first_row <= row) {
            break;
        }
        const placing at = {values[i], lt_rows_ptr(&keys, i), lt_rows_len(&keys, i),
                            input->locals[from + i]};
        lt_session_head *head = NULL;
        LT_TRY(place_row(s, &at, &head, err));
        s->row_at++;
        if (!head) {
            s->op->ledger.held--;
            s->op->ledger.late++;
            continue;
        }
        head->held++;
        head->rows += lt_kind_is_add(lt_batch_kind(in, row)) ? 1 : -1;
        s->add_heads[s->add_count] = head;
        s->add_rows[s->add_count++] = row;
    }
    LT_TRY(flush_adds(s, err));
    sweep_keys(s, values, count);
    return LT_OK;
}

/* ---- firing ---- */

/* Collects sessions that are over; a timer that is early is put off. */
static lt_status collect_due(lt_sessions *s, int64_t watermark, lt_error *err)
{
    int64_t at = 0;
    const uint8_t *key = NULL;
    uint32_t len = 0;
    while (s->due_count < LT_SESSIONS_DUE_MAX &&
           lt_timers_pop(s->timers, watermark, &at, &key, &len)) {
        LT_ASSERT(len == 8);
        lt_session_head *head = NULL;
        LT_TRY(session_get(s, id_of_timer(key), &head, err));
        if (lt_window_close(&s->math, head->end) > at) {
            LT_TRY(timer_set(s, head, err));
        } else {
            s->due[s->due_count++] = head;
        }
    }
    return LT_OK;
}

static lt_status remove_session(lt_sessions *s, lt_session_head *head, lt_error *err)
{
    if (s->cls->forget) {
        LT_TRY(s->cls->forget(s, head, err));
    }
    void *value = NULL;
    LT_TRY(lt_table_get(s->keys, head->key.ptr, head->key.len,
                        lt_row_hash(head->key.ptr, head->key.len), false, &value, NULL, err));
    LT_ASSERT(value != NULL);
    session_key *key = value;
    uint32_t count = 0;
    session_span *spans = spans_of(key, &count);
    uint32_t at = 0;
    while (at < count && spans[at].id != head->id) {
        at++;
    }
    LT_ASSERT(at < count);
    if (count == 1) {
        lt_table_remove(s->keys, key);
    } else {
        memmove(spans + at, spans + at + 1, sizeof *spans * (count - at - 1));
        if (!lt_cells_resize(lt_table_cells(s->keys), &key->spans,
                             (count - 1) * (uint32_t)sizeof *spans)) {
            return lt_error_nomem(err, "a session");
        }
    }
    /* Wraps where another task has the count: the first has all of it after a start with another
     * parallelism. The tasks' sum is right. */
    s->op->ledger.held -= (uint64_t)head->held;
    s->op->ledger.used += (uint64_t)head->held;
    lt_table_remove(s->table, head);
    return LT_OK;
}

static lt_status advance(lt_sessions *s, int64_t watermark, lt_emit *out, lt_error *err)
{
    for (;;) {
        if (s->due_count == 0) {
            LT_TRY(collect_due(s, watermark, err));
            if (s->due_count == 0) {
                break;
            }
            if (s->unsent != LT_WATERMARK_MIN) {
                LT_TRY(lt_outbox_mark(s->op, &s->box, s->unsent, err));
                s->unsent = LT_WATERMARK_MIN;
            }
        }
        LT_TRY(s->cls->emit(s, out, err));
        LT_ASSERT(s->due_at == s->due_count);
        for (uint32_t i = 0; i < s->due_count; i++) {
            LT_TRY(remove_session(s, s->due[i], err));
        }
        s->due_count = 0;
        s->due_at = 0;
    }
    pass_mark(s);
    return LT_OK;
}

/* ---- the callback ---- */

static void drop_null_times(lt_sessions *s, session_input *input, bool count_them)
{
    const lt_col *time = &s->pending->cols[s->math.spec.time_col];
    if (!time->valid) {
        return;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < input->count; i++) {
        if (!lt_col_is_null(time, input->rows[i])) {
            input->rows[kept++] = input->rows[i];
        }
    }
    s->op->ledger.filtered += count_them ? input->count - kept : 0;
    input->count = kept;
}

static lt_status prepare_rows(lt_sessions *s, session_input *input, lt_error *err)
{
    lt_op *op = s->op;
    lt_batch *in = s->pending;
    input->rows = lt_op_live_rows(in, op->scratch);
    input->count = lt_batch_live(in);
    if (!input->rows) {
        return lt_error_nomem(err, "session rows");
    }
    drop_null_times(s, input, !s->checked);
    if (s->checked) {
        LT_TRY(s->cls->prepare(s, in, input->rows, &input->count, false, err));
        input->count = LT_MIN(input->count, s->rows_end);
        return LT_OK;
    }
    s->refused = s->cls->prepare(s, in, input->rows, &input->count, true, &s->refused_why);
    s->checked = true;
    s->rows_end = input->count;
    op->ledger.held += input->count;
    s->marks_end = in->mark_count;
    while (s->refused != LT_OK && s->marks_end > 0 &&
           (input->count == 0 ||
            in->marks[s->marks_end - 1].first_row > input->rows[input->count - 1])) {
        s->marks_end--; /* behind the row that fails the job */
    }
    return LT_OK;
}

static lt_status prepare(lt_sessions *s, session_input *input, lt_error *err)
{
    lt_op *op = s->op;
    if (s->checked && s->row_at >= s->rows_end) {
        input->count = s->rows_end;
        return LT_OK;
    }
    LT_TRY(prepare_rows(s, input, err));
    size_t room = (size_t)input->count + 1;
    const lt_col **cols = LT_NEW_ARRAY(op->scratch, const lt_col *, (size_t)s->key_count + 1);
    input->locals = lt_arena_alloc(op->scratch, sizeof(int64_t) * room, 8);
    s->add_heads = lt_arena_alloc(op->scratch, sizeof(void *) * room, 8);
    s->add_rows = lt_arena_alloc(op->scratch, sizeof(uint32_t) * room, 8);
    s->add_count = 0;
    if (!cols || !input->locals || !s->add_heads || !s->add_rows) {
        return lt_error_nomem(err, "session rows");
    }
    if (input->count == 0) {
        return LT_OK; /* the columns of a batch without rows may be unset */
    }
    for (uint32_t k = 0; k < s->key_count; k++) {
        cols[k] = &s->pending->cols[s->key_cols[k]];
    }
    const lt_col *time = &s->pending->cols[s->math.spec.time_col];
    for (uint32_t i = 0; i < input->count; i++) {
        input->locals[i] = lt_op_time_ms(time, input->rows[i]);
    }
    lt_window_locals(&s->math, input->locals, input->count);
    return lt_rowcodec_encode(s->key_codec, cols, input->rows, input->count, op->scratch,
                              &input->keys, err);
}

static lt_status work(lt_sessions *s, lt_emit *out, lt_error *err)
{
    session_input input = {0};
    LT_TRY(prepare(s, &input, err));
    for (;;) {
        while (s->mark_at < s->marks_end &&
               (s->row_at >= input.count ||
                s->pending->marks[s->mark_at].first_row <= input.rows[s->row_at])) {
            LT_TRY(advance(s, s->pending->marks[s->mark_at].watermark, out, err));
        }
        if (s->row_at >= input.count) {
            break;
        }
        LT_TRY(take_block(s, &input, err));
    }
    if (s->unsent != LT_WATERMARK_MIN) {
        LT_TRY(lt_outbox_mark(s->op, &s->box, s->unsent, err));
        s->unsent = LT_WATERMARK_MIN;
    }
    return lt_outbox_flush(&s->box, out, err);
}

lt_status lt_sessions_resume(lt_sessions *s, lt_emit *out, lt_error *err)
{
    LT_ASSERT(s->pending != NULL);
    lt_status st = work(s, out, err);
    if (st == LT_FULL) {
        return st;
    }
    lt_batch_unref(s->pending);
    s->pending = NULL;
    if (s->math.spec.proctime) {
        lt_proctime_wake(s->op, lt_timers_next(s->timers));
    }
    if (st == LT_OK && s->refused != LT_OK) {
        st = s->refused;
        if (err) {
            *err = s->refused_why;
        }
    }
    return st;
}

/* Takes the reference. */
static lt_status begin(lt_sessions *s, lt_batch *in, lt_emit *out, lt_error *err)
{
    LT_ASSERT(s->pending == NULL && s->due_count == 0);
    s->pending = in;
    s->row_at = 0;
    s->mark_at = 0;
    s->checked = false;
    s->refused = LT_OK;
    s->box.arrival_us = in->arrival_us;
    return lt_sessions_resume(s, out, err);
}

lt_status lt_sessions_on_batch(lt_sessions *s, lt_batch *in, lt_emit *out, lt_error *err)
{
    lt_batch *rows = in;
    if (s->math.spec.proctime) {
        LT_TRY(lt_proctime_batch(s->op, in, s->math.spec.time_col, &rows, err));
    } else {
        (void)lt_batch_ref(in);
    }
    return begin(s, rows, out, err);
}

lt_status lt_sessions_on_timer(lt_sessions *s, lt_emit *out, lt_error *err)
{
    lt_batch *tick = NULL;
    LT_TRY(lt_proctime_tick(s->op, &tick, err));
    return begin(s, tick, out, err);
}
