/* What one row changes in its partition's Top-N. The best rank_max rows are in the map `top`; with
 * retractions all others are in `rest`, which is empty while `top` is not full. So the row that
 * enters or leaves is found at the end of one map and the beginning of the other, however many rows
 * there are; only ranks that shift are walked over, and each of them is told of anyway.
 *
 * Kinds are Flink's: without ranks a row leaves with -D and another enters with +I; with ranks each
 * rank that holds another row now gets -U and +U, and a rank that is new or gone +I or -D. */
#include <string.h>

#include "op/topn_int.h"

/* ---- nodes ---- */

static lt_status put_node(topn_op *self, lt_ordered *ordered, lt_ordered_map *map, lt_str place,
                          uint32_t order_len, lt_str row, void **out, lt_error *err)
{
    char *bytes = lt_arena_alloc(self->changes.round_arena, place.len + row.len + 1, 8);
    if (!bytes) {
        return lt_error_nomem(err, "top-n rows");
    }
    memcpy(bytes, place.ptr, place.len);
    memcpy(bytes + place.len, row.ptr, row.len);
    LT_TRY(
        lt_ordered_get(ordered, map, (lt_str){bytes, place.len + row.len}, true, out, NULL, err));
    ((topn_node *)*out)->order_len = order_len;
    return LT_OK;
}

static lt_status note_place(topn_op *self, const topn_row *row, const char *seq, lt_error *err)
{
    void *value = NULL;
    LT_TRY(lt_table_get(self->places, row->row.ptr, (uint32_t)row->row.len, row->hash, true, &value,
                        NULL, err));
    topn_places *places = value;
    return lt_cells_append(lt_table_cells(self->places), &places->seqs, seq, 8)
               ? LT_OK
               : lt_error_nomem(err, "top-n rows");
}

/* Behind all rows of the same order. */
static lt_status new_node(topn_op *self, lt_ordered *ordered, lt_ordered_map *map,
                          const topn_row *row, void **out, lt_error *err)
{
    uint32_t len = (uint32_t)row->order.len;
    char *place = lt_arena_alloc(self->changes.round_arena, (size_t)len + 8, 8);
    if (!place) {
        return lt_error_nomem(err, "top-n rows");
    }
    memcpy(place, row->order.ptr, len);
    uint64_t seq = (uint64_t)self->next_seq++;
    for (unsigned b = 0; b < 8; b++) {
        place[len + b] = (char)(unsigned char)(seq >> (56 - 8 * b));
    }
    if (self->places) {
        LT_TRY(note_place(self, row, place + len, err));
    }
    return put_node(self, ordered, map, (lt_str){place, (size_t)len + 8}, len, row->row, out, err);
}

static lt_status move_node(lt_ordered *from, lt_ordered_map *from_map, void *node, lt_ordered *to,
                           lt_ordered_map *to_map, lt_error *err)
{
    void *moved = NULL;
    LT_TRY(lt_ordered_get(to, to_map, lt_ordered_bytes(from, node), true, &moved, NULL, err));
    *(topn_node *)moved = *(const topn_node *)node;
    lt_ordered_take(from, from_map, node);
    return LT_OK;
}

/* Takes the oldest place of this very row out of the list; *out.len 0 = there is none. */
static lt_status take_place(topn_op *self, const topn_row *row, lt_str *out, lt_error *err)
{
    void *value = NULL;
    *out = (lt_str){NULL, 0};
    LT_TRY(lt_table_get(self->places, row->row.ptr, (uint32_t)row->row.len, row->hash, false,
                        &value, NULL, err));
    if (!value) {
        return LT_OK;
    }
    topn_places *places = value;
    lt_str seqs = lt_cell_str(&places->seqs);
    LT_TRY(lt_changes_keep(&self->changes, seqs, out, err));
    out->len = 8;
    if (seqs.len == 8) {
        lt_table_remove(self->places, value);
        return LT_OK;
    }
    memmove(places->seqs.ptr, places->seqs.ptr + 8, seqs.len - 8);
    return lt_cells_resize(lt_table_cells(self->places), &places->seqs, (uint32_t)seqs.len - 8)
               ? LT_OK
               : lt_error_nomem(err, "top-n rows");
}

static void *node_at_place(lt_ordered *ordered, const lt_ordered_map *map, lt_str place)
{
    void *node = lt_ordered_seek(ordered, map, place);
    if (!node) {
        return NULL;
    }
    lt_str bytes = lt_ordered_bytes(ordered, node);
    return memcmp(bytes.ptr, place.ptr, place.len) == 0 ? node : NULL;
}

/* The oldest node that holds this very row; NULL = none. */
static void *find_node(lt_ordered *ordered, const lt_ordered_map *map, const topn_row *row)
{
    void *node = lt_ordered_seek(ordered, map, row->order);
    for (; node != NULL && lt_order_cmp(lt_topn_order_of(ordered, node), row->order) == 0;
         node = lt_ordered_next(ordered, node)) {
        if (lt_str_eq(lt_topn_row_of(ordered, node), row->row)) {
            return node;
        }
    }
    return NULL;
}

static lt_status rest_map(topn_op *self, const topn_row *row, bool create, lt_ordered_map **out,
                          lt_error *err)
{
    const lt_rows one = lt_ranked_one(&self->partitions, row->at);
    return lt_ordered_probe(self->rest, &one, create, out, err);
}

/* 1 = the best. */
static int64_t rank_of(const topn_op *self, const lt_ordered_map *map, const void *node)
{
    int64_t behind = 0;
    for (const void *at = lt_ordered_next(self->top, node); at != NULL;
         at = lt_ordered_next(self->top, at)) {
        behind++;
    }
    return (int64_t)lt_ordered_size(map) - behind;
}

/* ---- changes ---- */

static bool in_range(const topn_op *self, int64_t rank)
{
    return rank >= ((const lt_topn_spec *)self->op.spec)->rank_min;
}

static lt_status tell(topn_op *self, lt_row_kind kind, lt_str row, int64_t rank, lt_error *err)
{
    return in_range(self, rank) ? lt_changes_add(&self->changes, kind, row, rank, err) : LT_OK;
}

/* `rank` holds `now` instead of `before`. */
static lt_status tell_swap(topn_op *self, lt_str before, lt_str now, int64_t rank, lt_error *err)
{
    LT_TRY(tell(self, LT_UPDATE_BEFORE, before, rank, err));
    return tell(self, LT_UPDATE_AFTER, now, rank, err);
}

/* Ranks from `rank` on hold their row's predecessor, the first of them *row; from the node on until
 * `last` ranks. *row becomes the row that is pushed out at the end. */
static lt_status tell_down(topn_op *self, const void *node, int64_t *rank, int64_t last,
                           lt_str *row, lt_error *err)
{
    for (; node != NULL && *rank <= last; node = lt_ordered_next(self->top, node), (*rank)++) {
        lt_str before = *row;
        LT_TRY(lt_changes_keep(&self->changes, lt_topn_row_of(self->top, node), row, err));
        LT_TRY(tell_swap(self, *row, before, *rank, err));
    }
    return LT_OK;
}

/* Ranks from `rank` on, whose first held *row, hold their row's successor. *row becomes the last
 * one. */
static lt_status tell_up(topn_op *self, const void *node, int64_t *rank, int64_t last, lt_str *row,
                         lt_error *err)
{
    for (; node != NULL && *rank < last; node = lt_ordered_next(self->top, node), (*rank)++) {
        lt_str before = *row;
        LT_TRY(lt_changes_keep(&self->changes, lt_topn_row_of(self->top, node), row, err));
        LT_TRY(tell_swap(self, before, *row, *rank, err));
    }
    return LT_OK;
}

/* ---- one more row ---- */

/* The last of the best is one too many: out of the map, its row kept for the round. */
static lt_status push_out(topn_op *self, const topn_row *row, lt_str *out, lt_error *err)
{
    void *node = lt_ordered_last(self->top, row->map);
    LT_TRY(lt_changes_keep(&self->changes, lt_topn_row_of(self->top, node), out, err));
    if (!self->rest) {
        lt_ordered_take(self->top, row->map, node);
        return LT_OK;
    }
    lt_ordered_map *rest = NULL;
    LT_TRY(rest_map(self, row, true, &rest, err));
    return move_node(self->top, row->map, node, self->rest, rest, err);
}

static lt_status not_among_best(topn_op *self, const topn_row *row, lt_error *err)
{
    if (!self->rest) {
        self->op.ledger.filtered++;
        return LT_OK;
    }
    lt_ordered_map *rest = NULL;
    void *node = NULL;
    self->op.ledger.used++;
    LT_TRY(rest_map(self, row, true, &rest, err));
    return new_node(self, self->rest, rest, row, &node, err);
}

lt_status lt_topn_insert(topn_op *self, const topn_row *row, lt_error *err)
{
    lt_ordered *top = self->top;
    bool full = (int64_t)lt_ordered_size(row->map) >= row->rank_max;
    void *last = lt_ordered_last(top, row->map);
    if (full && (!last || lt_order_cmp(row->order, lt_topn_order_of(top, last)) >= 0)) {
        return not_among_best(self, row, err);
    }
    lt_str out = {NULL, 0};
    void *node = NULL;
    if (full) {
        LT_TRY(push_out(self, row, &out, err));
    }
    LT_TRY(new_node(self, top, row->map, row, &node, err));
    self->op.ledger.used++;
    if (!self->shifts) {
        if (full) {
            LT_TRY(lt_changes_add(&self->changes, LT_DELETE, out, 0, err));
        }
        return lt_changes_add(&self->changes, LT_INSERT, row->row, 0, err);
    }
    int64_t rank = rank_of(self, row->map, node);
    lt_str moving = row->row;
    LT_TRY(tell_down(self, lt_ordered_next(top, node), &rank, INT64_MAX, &moving, err));
    return full ? tell_swap(self, out, moving, rank, err)
                : tell(self, LT_INSERT, moving, rank, err);
}

/* ---- one row less ---- */

/* The best of the rest moves up behind the others; *row.len 0 = there is none. */
static lt_status pull_in(topn_op *self, const topn_row *row, lt_str *out, lt_error *err)
{
    lt_ordered_map *rest = NULL;
    *out = (lt_str){NULL, 0};
    LT_TRY(rest_map(self, row, false, &rest, err));
    if (!rest) {
        return LT_OK;
    }
    void *node = lt_ordered_first(self->rest, rest);
    LT_TRY(lt_changes_keep(&self->changes, lt_topn_row_of(self->rest, node), out, err));
    LT_TRY(move_node(self->rest, rest, node, self->top, row->map, err));
    lt_ordered_trim(self->rest, rest);
    return LT_OK;
}

static lt_status retract_rest(topn_op *self, const topn_row *row, lt_str place, lt_error *err)
{
    lt_ordered_map *rest = NULL;
    LT_TRY(rest_map(self, row, false, &rest, err));
    void *node = !rest           ? NULL
                 : !self->places ? find_node(self->rest, rest, row)
                 : place.len > 0 ? node_at_place(self->rest, rest, place)
                                 : NULL;
    if (!node) {
        self->op.ledger.filtered++;
        return LT_OK;
    }
    lt_ordered_remove(self->rest, rest, node);
    self->op.ledger.used++;
    return LT_OK;
}

lt_status lt_topn_retract(topn_op *self, const topn_row *row, lt_error *err)
{
    lt_str place = {NULL, 0};
    void *node = NULL;
    if (!self->places) {
        node = find_node(self->top, row->map, row);
    } else {
        LT_TRY(take_place(self, row, &place, err));
        node = place.len > 0 ? node_at_place(self->top, row->map, place) : NULL;
    }
    if (!node) {
        return retract_rest(self, row, place, err);
    }
    self->op.ledger.used++;
    int64_t rank = self->shifts ? rank_of(self, row->map, node) : 0;
    lt_str leaving = row->row;
    lt_str coming;
    if (!self->shifts) {
        LT_TRY(lt_changes_add(&self->changes, LT_DELETE, leaving, 0, err));
    } else {
        LT_TRY(tell_up(self, lt_ordered_next(self->top, node), &rank, INT64_MAX, &leaving, err));
    }
    lt_ordered_take(self->top, row->map, node);
    LT_TRY(pull_in(self, row, &coming, err));
    if (!self->shifts) {
        return coming.ptr ? lt_changes_add(&self->changes, LT_INSERT, coming, 0, err) : LT_OK;
    }
    return coming.ptr ? tell_swap(self, leaving, coming, rank, err)
                      : tell(self, LT_DELETE, leaving, rank, err);
}

/* ---- one row instead of another ---- */

lt_status lt_topn_before(topn_op *self, const topn_row *row, lt_error *err)
{
    const void *node = find_node(self->top, row->map, row);
    self->replaced = (lt_str){NULL, 0};
    self->op.ledger.used++;
    if (!node) {
        return LT_OK; /* not among the best */
    }
    size_t len = (size_t)((const topn_node *)node)->order_len + 8;
    char *place = lt_arena_alloc(self->changes.batch_arena, len, 8); /* the round may end here */
    if (!place) {
        return lt_error_nomem(err, "top-n rows");
    }
    memcpy(place, lt_ordered_bytes(self->top, node).ptr, len);
    self->replaced = (lt_str){place, len};
    return LT_OK;
}

/* The row has another place among the best. */
static lt_status replace_elsewhere(topn_op *self, const topn_row *row, void *node, lt_str before,
                                   lt_error *err)
{
    int64_t old_rank = self->shifts ? rank_of(self, row->map, node) : 0;
    void *now = NULL;
    lt_ordered_take(self->top, row->map, node);
    LT_TRY(new_node(self, self->top, row->map, row, &now, err));
    if (!self->shifts) {
        LT_TRY(lt_changes_add(&self->changes, LT_UPDATE_BEFORE, before, 0, err));
        return lt_changes_add(&self->changes, LT_UPDATE_AFTER, row->row, 0, err);
    }
    int64_t rank = rank_of(self, row->map, now);
    lt_str moving = row->row;
    if (rank <= old_rank) {
        LT_TRY(tell_down(self, lt_ordered_next(self->top, now), &rank, old_rank - 1, &moving, err));
        return tell_swap(self, before, moving, old_rank, err);
    }
    void *from = now;
    for (int64_t r = rank; r > old_rank; r--) {
        from = lt_ordered_prev(self->top, from);
    }
    moving = before;
    LT_TRY(tell_up(self, from, &old_rank, rank, &moving, err));
    return tell_swap(self, moving, row->row, rank, err);
}

lt_status lt_topn_update(topn_op *self, const topn_row *row, lt_error *err)
{
    lt_str place = self->replaced;
    self->replaced = (lt_str){NULL, 0};
    void *node = place.len > 0 ? lt_ordered_seek(self->top, row->map, place) : NULL;
    if (!node) {
        return lt_topn_insert(self, row, err);
    }
    lt_str before;
    LT_TRY(lt_changes_keep(&self->changes, lt_topn_row_of(self->top, node), &before, err));
    self->op.ledger.used++;
    if (lt_order_cmp(lt_topn_order_of(self->top, node), row->order) != 0) {
        return replace_elsewhere(self, row, node, before, err);
    }
    int64_t rank = self->shifts ? rank_of(self, row->map, node) : 0;
    lt_ordered_take(self->top, row->map, node);
    LT_TRY(
        put_node(self, self->top, row->map, place, (uint32_t)row->order.len, row->row, &node, err));
    if (self->shifts) {
        return tell_swap(self, before, row->row, rank, err);
    }
    LT_TRY(lt_changes_add(&self->changes, LT_UPDATE_BEFORE, before, 0, err));
    return lt_changes_add(&self->changes, LT_UPDATE_AFTER, row->row, 0, err);
}
