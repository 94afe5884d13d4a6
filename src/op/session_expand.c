/* SESSION as a table function: rows wait in their session and leave together when it is over, in
 * order of arrival.
 *
 * A session's record is lt_session_head and one cell with its rows back to back:
 *
 *   | sequence number (8) | length (4) | row kind (4) | encoded row, a multiple of 8 | ...
 *
 * Merging sessions joins the cells; the sequence numbers restore the order when the rows leave. */
#include "op/session_expand.h"

#define ITEM_HEAD 16

typedef struct {
    lt_session_head head;
    lt_cell rows;
} session_rows;

typedef struct {
    int64_t seq;
    const uint8_t *bytes;
    uint32_t len;
    uint32_t kind;
} session_item;

static window_expand_op *self_of(lt_sessions *s)
{
    return (window_expand_op *)s->op;
}

static lt_status rows_prepare(lt_sessions *s, lt_batch *in, uint32_t *rows, uint32_t *count,
                              bool refuse, lt_error *err)
{
    (void)rows;
    (void)count;
    (void)refuse;
    (void)err;
    s->box.kinds = in->kinds != NULL || s->box.kinds;
    return LT_OK;
}

static lt_status rows_add(lt_sessions *s, lt_session_head *const *heads, const uint32_t *rows,
                          uint32_t count, lt_error *err)
{
    window_expand_op *self = self_of(s);
    const lt_batch *in = s->pending;
    const lt_col **cols = LT_NEW_ARRAY(s->op->scratch, const lt_col *, (size_t)in->col_count + 1);
    lt_rows encoded;
    if (!cols) {
        return lt_error_nomem(err, "session rows");
    }
    for (uint32_t c = 0; c < in->col_count; c++) {
        cols[c] = &in->cols[c];
    }
    LT_TRY(lt_rowcodec_encode(self->row_codec, cols, rows, count, s->op->scratch, &encoded, err));
    lt_cells *cells = lt_table_cells(s->table);
    for (uint32_t i = 0; i < count; i++) {
        session_rows *session = (session_rows *)(void *)heads[i];
        uint8_t head[ITEM_HEAD];
        uint32_t len = lt_rows_len(&encoded, i);
        uint32_t kind = lt_batch_kind(in, rows[i]);
        memcpy(head, &self->next_seq, 8);
        memcpy(head + 8, &len, 4);
        memcpy(head + 12, &kind, 4);
        self->next_seq++;
        if (!lt_cells_append(cells, &session->rows, head, ITEM_HEAD) ||
            !lt_cells_append(cells, &session->rows, lt_rows_ptr(&encoded, i), len)) {
            return lt_error_nomem(err, "session rows");
        }
    }
    return LT_OK;
}

static lt_status rows_merge(lt_sessions *s, lt_session_head *dst, lt_session_head *src,
                            lt_error *err)
{
    session_rows *to = (session_rows *)(void *)dst;
    const session_rows *from = (const session_rows *)(const void *)src;
    if (!lt_cells_append(lt_table_cells(s->table), &to->rows, from->rows.ptr, from->rows.len)) {
        return lt_error_nomem(err, "session rows");
    }
    return LT_OK;
}

/* Merges ordered runs [0, middle) and [middle, count) through `spare`. */
static void merge_runs(session_item *items, uint32_t middle, uint32_t count, session_item *spare)
{
    uint32_t a = 0;
    uint32_t b = middle;
    for (uint32_t i = 0; i < count; i++) {
        bool left = b >= count || (a < middle && items[a].seq <= items[b].seq);
        spare[i] = left ? items[a++] : items[b++];
    }
    memcpy(items, spare, sizeof *items * count);
}

static void sort_items(session_item *items, uint32_t count, session_item *spare)
{
    for (uint32_t width = 1; width < count; width *= 2) {
        for (uint32_t from = 0; from + width < count; from += 2 * width) {
            uint32_t part = LT_MIN(2 * width, count - from);
            if (items[from + width - 1].seq > items[from + width].seq) {
                merge_runs(items + from, width, part, spare);
            }
        }
    }
}

/* The rows of a session in order of arrival. */
static lt_status list_items(lt_sessions *s, const session_rows *session, session_item **out,
                            uint32_t *count, lt_error *err)
{
    uint32_t max = (uint32_t)session->head.held;
    session_item *items = lt_arena_alloc(s->chunk, sizeof *items * ((size_t)max + 1), 8);
    session_item *spare = lt_arena_alloc(s->chunk, sizeof *items * ((size_t)max + 1), 8);
    if (!items || !spare) {
        return lt_error_nomem(err, "session rows");
    }
    uint32_t used = 0;
    for (uint32_t at = 0; at < session->rows.len;) {
        LT_ASSERT(used < max);
        session_item *item = &items[used++];
        memcpy(&item->seq, session->rows.ptr + at, 8);
        memcpy(&item->len, session->rows.ptr + at + 8, 4);
        memcpy(&item->kind, session->rows.ptr + at + 12, 4);
        item->bytes = session->rows.ptr + at + ITEM_HEAD;
        at += ITEM_HEAD + item->len;
    }
    sort_items(items, used, spare);
    *out = items;
    *count = used;
    return LT_OK;
}

static lt_status write_items(window_expand_op *self, const lt_session_head *head,
                             const session_item *items, uint32_t count, lt_error *err)
{
    lt_sessions *s = &self->sessions;
    LT_TRY(lt_outbox_begin(&self->op, &s->box, count, s->chunk, err));
    uint32_t width = self->op.in_schemas[0]->count;
    lt_batch *batch = s->box.batch;
    const uint8_t **ptrs = LT_NEW_ARRAY(s->chunk, const uint8_t *, count);
    uint32_t *lens = LT_NEW_ARRAY(s->chunk, uint32_t, count);
    lt_col **refs = LT_NEW_ARRAY(s->chunk, lt_col *, (size_t)width + 1);
    if (!ptrs || !lens || !refs) {
        return lt_error_nomem(err, "session rows");
    }
    for (uint32_t c = 0; c < width; c++) {
        refs[c] = &s->box.cols[c];
    }
    lt_col *bounds = s->box.cols + width;
    for (uint32_t i = 0; i < count; i++) {
        ptrs[i] = items[i].bytes;
        lens[i] = items[i].len;
        LT_COL_DATA(&bounds[0], int64_t)[i] = head->start;
        LT_COL_DATA(&bounds[1], int64_t)[i] = head->end;
        LT_COL_DATA(&bounds[2], int64_t)[i] = lt_window_time(&s->math, head->end);
        if (items[i].kind != LT_INSERT && !batch->kinds) {
            batch->kinds = lt_arena_zalloc(batch->arena, s->box.capacity, 8);
            if (!batch->kinds) {
                return lt_error_nomem(err, "row kinds");
            }
        }
        if (batch->kinds) {
            batch->kinds[batch->row_count + i] = (uint8_t)items[i].kind;
        }
    }
    LT_TRY(lt_rowcodec_decode(self->row_codec, ptrs, lens, count, s->box.capacity, true,
                              batch->arena, refs, err));
    return lt_outbox_commit(&self->op, &s->box, count, err);
}

static lt_status rows_emit(lt_sessions *s, lt_emit *out, lt_error *err)
{
    window_expand_op *self = self_of(s);
    for (; s->due_at < s->due_count; s->due_at++, self->item_at = 0) {
        const session_rows *session = (const session_rows *)(const void *)s->due[s->due_at];
        session_item *items = NULL;
        uint32_t count = 0;
        lt_arena_reset(s->chunk, LT_OP_CHUNK_KEEP);
        LT_TRY(list_items(s, session, &items, &count, err));
        while (self->item_at < count) {
            if (lt_outbox_room(&s->box) == 0) {
                LT_TRY(lt_outbox_flush(&s->box, out, err));
            }
            uint32_t part = LT_MIN(count - self->item_at, lt_outbox_room(&s->box));
            LT_TRY(write_items(self, &session->head, items + self->item_at, part, err));
            self->item_at += part;
        }
    }
    return LT_OK;
}

static const lt_session_class session_expand_class = {
    .prepare = rows_prepare, .add = rows_add, .merge = rows_merge, .emit = rows_emit};

lt_status lt_session_expand_open(window_expand_op *self, lt_error *err)
{
    lt_op *op = &self->op;
    const lt_window_expand_spec *spec = op->spec;
    static const uint32_t cells[2] = {offsetof(session_rows, head.key),
                                      offsetof(session_rows, rows)};
    const lt_schema *schema = op->in_schemas[0];
    self->row_types = LT_NEW_ARRAY(op->arena, const lt_type *, (size_t)schema->count + 1);
    if (!self->row_types) {
        return lt_error_nomem(err, "sessions");
    }
    for (uint32_t c = 0; c < schema->count; c++) {
        self->row_types[c] = schema->fields[c].type;
    }
    self->row_codec = lt_rowcodec_new(op->arena, self->row_types, schema->count, false);
    if (!self->row_codec) {
        return lt_error_nomem(err, "sessions");
    }
    lt_outbox_init(op, &self->sessions.box, false);
    const lt_sessions_spec sessions = {.cls = &session_expand_class,
                                       .window = &spec->window,
                                       .key_cols = spec->session_keys,
                                       .key_count = spec->session_key_count,
                                       .record_size = sizeof(session_rows),
                                       .cell_offsets = cells,
                                       .cell_count = LT_COUNT_OF(cells)};
    return lt_sessions_open(&self->sessions, op, &sessions, err);
}
