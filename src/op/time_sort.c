/* ORDER BY a time attribute, ascending, and more behind it. In event time rows wait until the
 * watermark has reached them; in processing time those that came within one millisecond of the
 * clock are sorted among each other and go out with the next.
 *
 * State: one ordered map; a row's bytes are its order key, its number in order of arrival, and the
 * row. In processing time the order key begins with the clock's milliseconds instead of the time
 * attribute, whose values may be finer.
 *
 * Ledger: held while it waits, then used. A row whose time is at or before that of a row already
 * sent is late. */
#include <stddef.h>

#include "op/changes.h"
#include "op/ranked.h"
#include "op/specs.h"

typedef struct {
    int64_t time_ms;
    uint32_t order_len;
    uint32_t unused;
} sort_node;

typedef struct {
    lt_op op;
    lt_ranked ranked;
    lt_order_codec order;
    lt_ordered *rows;
    lt_changes changes;
    int64_t next_seq; /* saved */
    int64_t sent_ms;  /* of the last row sent; LT_WATERMARK_MIN at first; saved */
    int64_t fire_until;
} sort_op;

static lt_status sort_open(lt_op *op, lt_error *err)
{
    sort_op *self = (sort_op *)op;
    const lt_time_sort_spec *spec = op->spec;
    LT_ASSERT(spec->order_count >= 1);
    uint32_t skip = spec->proctime ? 1 : 0;
    self->sent_ms = LT_WATERMARK_MIN;
    LT_TRY(lt_ranked_init(op, &self->ranked, NULL, 0, err));
    LT_TRY(
        lt_order_codec_init(op, spec->order + skip, spec->order_count - skip, &self->order, err));
    LT_TRY(lt_changes_init(op, &self->changes, self->ranked.row_codec, false, err));
    const lt_ordered_decl decl = {
        .name = "rows", .key = self->ranked.partition_codec, .value_size = sizeof(sort_node)};
    return lt_state_ordered(op->state, &decl, &self->rows, err);
}

static void sort_close(lt_op *op)
{
    lt_changes_deinit(&((sort_op *)op)->changes);
}

static lt_status find_map(sort_op *self, bool create, lt_ordered_map **out, lt_error *err)
{
    lt_batch none = {.row_count = 1};
    const lt_row_pick pick = {&none, NULL, 1, self->op.scratch};
    lt_rows key;
    LT_TRY(lt_ranked_partitions(&self->ranked, &pick, &key, err));
    return lt_ordered_probe(self->rows, &key, create, out, err);
}

static int64_t now_ms(lt_op *op)
{
    return op->env->wall_us(op->env) / 1000;
}

static void wake_soon(lt_op *op)
{
    op->wake_mono_ns = op->env->mono_ns(op->env) + 1000000;
}

/* ---- input ---- */

static void put_be64(char *to, uint64_t value)
{
    for (unsigned b = 0; b < 8; b++) {
        to[b] = (char)(unsigned char)(value >> (56 - 8 * b));
    }
}

typedef struct {
    lt_ordered_map *map;
    int64_t time_ms;
    lt_str order;
    lt_str row;
} sort_row;

static lt_status hold(sort_op *self, const sort_row *row, lt_error *err)
{
    const lt_time_sort_spec *spec = self->op.spec;
    size_t prefix = spec->proctime ? 8 : 0;
    size_t len = prefix + row->order.len + 8 + row->row.len;
    char *bytes = lt_arena_alloc(self->op.scratch, len, 8);
    void *value = NULL;
    if (!bytes) {
        return lt_error_nomem(err, "sorted rows");
    }
    if (spec->proctime) {
        put_be64(bytes, (uint64_t)row->time_ms);
    }
    memcpy(bytes + prefix, row->order.ptr, row->order.len);
    put_be64(bytes + prefix + row->order.len, (uint64_t)self->next_seq++);
    memcpy(bytes + prefix + row->order.len + 8, row->row.ptr, row->row.len);
    LT_TRY(lt_ordered_get(self->rows, row->map, (lt_str){bytes, len}, true, &value, NULL, err));
    sort_node *node = value;
    node->time_ms = row->time_ms;
    node->order_len = (uint32_t)(prefix + row->order.len);
    self->op.ledger.held++;
    return LT_OK;
}

static lt_status sort_on_batch(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err)
{
    sort_op *self = (sort_op *)op;
    const lt_time_sort_spec *spec = op->spec;
    (void)input_no;
    (void)out;
    LT_ASSERT(in->mark_count == 0);
    self->changes.box.arrival_us = in->arrival_us;
    const lt_row_pick pick = {in, lt_op_live_rows(in, op->scratch), lt_batch_live(in), op->scratch};
    lt_rows encoded;
    lt_order_keys orders;
    sort_row row = {.map = NULL};
    if (!pick.rows) {
        return lt_error_nomem(err, "sorted rows");
    }
    LT_TRY(lt_ranked_rows(&self->ranked, &pick, &encoded, err));
    LT_TRY(lt_order_encode(&self->order, &pick, &orders, err));
    LT_TRY(find_map(self, true, &row.map, err));
    int64_t clock = spec->proctime ? now_ms(op) : 0;
    for (uint32_t i = 0; i < pick.count; i++) {
        row.time_ms =
            spec->proctime ? clock : lt_op_time_ms(&in->cols[spec->order[0].col], pick.rows[i]);
        if (!spec->proctime && row.time_ms <= self->sent_ms) {
            op->ledger.late++;
            continue;
        }
        row.order = lt_order_key(&orders, i);
        row.row = lt_ranked_str(&encoded, i);
        LT_TRY(hold(self, &row, err));
    }
    lt_ordered_trim(self->rows, row.map);
    if (spec->proctime) {
        wake_soon(op);
    }
    return LT_OK;
}

/* ---- firing ---- */

static lt_status list_due(sort_op *self, lt_ordered_map *map, bool *more, lt_error *err)
{
    while (!lt_changes_is_full(&self->changes)) {
        void *value = lt_ordered_first(self->rows, map);
        if (!value || ((sort_node *)value)->time_ms > self->fire_until) {
            *more = false;
            return LT_OK;
        }
        const sort_node *node = value;
        lt_str bytes = lt_ordered_bytes(self->rows, value);
        lt_str row = {bytes.ptr + node->order_len + 8, bytes.len - node->order_len - 8};
        LT_TRY(lt_changes_keep(&self->changes, row, &row, err));
        LT_TRY(lt_changes_add(&self->changes, LT_INSERT, row, 0, err));
        self->sent_ms = LT_MAX(self->sent_ms, node->time_ms);
        self->op.ledger.held--;
        self->op.ledger.used++;
        lt_ordered_take(self->rows, map, value);
    }
    return LT_OK;
}

static lt_status sort_fire(sort_op *self, lt_emit *out, lt_error *err)
{
    lt_op *op = &self->op;
    lt_ordered_map *map = NULL;
    LT_TRY(find_map(self, false, &map, err));
    for (bool more = map != NULL; more;) {
        lt_status st = lt_changes_emit(op, &self->changes, out, err);
        if (st != LT_OK) {
            lt_ordered_trim(self->rows, map);
            return st;
        }
        LT_TRY(list_due(self, map, &more, err));
    }
    if (map) {
        lt_ordered_trim(self->rows, map);
    }
    LT_TRY(lt_changes_emit(op, &self->changes, out, err));
    return lt_outbox_flush(&self->changes.box, out, err);
}

static lt_status sort_on_watermark(lt_op *op, int64_t event_ms, lt_emit *out, lt_error *err)
{
    sort_op *self = (sort_op *)op;
    const lt_time_sort_spec *spec = op->spec;
    if (spec->proctime && event_ms != LT_WATERMARK_MAX) {
        return LT_OK;
    }
    self->fire_until = event_ms;
    return sort_fire(self, out, err);
}

static lt_status sort_on_timer(lt_op *op, int64_t mono_ns, lt_emit *out, lt_error *err)
{
    sort_op *self = (sort_op *)op;
    (void)mono_ns;
    self->fire_until = now_ms(op) - 1;
    if (lt_ordered_count(self->rows) > 0) {
        wake_soon(op);
    }
    return sort_fire(self, out, err);
}

static lt_status sort_resume(lt_op *op, lt_emit *out, lt_error *err)
{
    return sort_fire((sort_op *)op, out, err);
}

static lt_status sort_save(const lt_op *op, lt_text *to, lt_error *err)
{
    const sort_op *self = (const sort_op *)op;
    (void)err;
    lt_op_save_i64(to, self->next_seq);
    lt_op_save_i64(to, self->sent_ms);
    return LT_OK;
}

static lt_status sort_load(lt_op *op, lt_str from, lt_error *err)
{
    sort_op *self = (sort_op *)op;
    if (((const lt_time_sort_spec *)op->spec)->proctime) {
        wake_soon(op);
    }
    LT_TRY(lt_op_load_i64(from, 0, &self->next_seq, err));
    return lt_op_load_i64(from, 1, &self->sent_ms, err);
}

const lt_op_class lt_op_time_sort = {
    .name = "Sort",
    .self_size = sizeof(sort_op),
    .marks = LT_MARKS_SPLIT,
    .open = sort_open,
    .on_batch = sort_on_batch,
    .resume = sort_resume,
    .on_watermark = sort_on_watermark,
    .on_timer = sort_on_timer,
    .save = sort_save,
    .load = sort_load,
    .close = sort_close,
};
