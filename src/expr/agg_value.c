/* FIRST_VALUE and LAST_VALUE, which skip NULLs, in order of arrival, and SINGLE_VALUE.
 *
 *   inserted rows      i64 rows, cell value: one encoded value
 *   rows taken away    lt_agg_bag of all encoded values; a removal takes the oldest equal one
 *   SINGLE_VALUE       i64 rows, cell value: of the one row, NULL or not
 *
 * SINGLE_VALUE is what a scalar sub-query becomes: a second row is an error, unless the first one
 * was taken away before it. */
#include "expr/agg_bag.h"
#include "expr/agg_codec.h"

#define PIECE 256u /* rows looked at together */

typedef struct {
    int64_t count;
    lt_cell cell;
} kept;

_Static_assert(sizeof(kept) == 24, "states are packed");

static kept *state_of(uint8_t *state)
{
    return (kept *)(void *)state;
}

static const lt_agg_value *value_of(const lt_agg *agg)
{
    return (const lt_agg_value *)agg->bound;
}

/* ---- FIRST_VALUE, LAST_VALUE ---- */

static lt_status keep(const lt_agg_value *bound, kept *s, const uint8_t *bytes, uint32_t len,
                      lt_cells *cells, lt_error *err)
{
    if (bound->op == LT_AGG_FIRST && s->count > 0) {
        return LT_OK;
    }
    s->count = 1;
    return lt_cells_set(cells, &s->cell, bytes, len) ? LT_OK : lt_error_nomem(err, "aggregate");
}

static lt_status keep_rows(const lt_agg *agg, uint8_t *const *states, const lt_col *arg,
                           const uint32_t *rows, uint32_t count, lt_cells *cells, lt_error *err)
{
    const lt_agg_value *bound = value_of(agg);
    lt_rows encoded;
    lt_status st = lt_agg_encode(bound, arg, rows, count, cells, &encoded, err);
    for (uint32_t i = 0; st == LT_OK && i < count; i++) {
        if (!lt_col_is_null(arg, rows[i])) {
            st = keep(bound, state_of(states[i]), lt_rows_ptr(&encoded, i),
                      lt_rows_len(&encoded, i), cells, err);
        }
    }
    return st;
}

/* Most rows come after their record's first value: only the others are encoded. */
static lt_status first_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                              const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                              lt_error *err)
{
    uint8_t *wanted[PIECE];
    uint32_t picked[PIECE];
    LT_ASSERT(sign > 0);
    for (uint32_t from = 0; from < count; from += PIECE) {
        uint32_t to = LT_MIN(count, from + PIECE), n = 0;
        for (uint32_t i = from; i < to; i++) {
            if (state_of(states[i])->count == 0 && !lt_col_is_null(&args[0], rows[i])) {
                wanted[n] = states[i];
                picked[n++] = rows[i];
            }
        }
        if (n > 0) {
            LT_TRY(keep_rows(agg, wanted, &args[0], picked, n, cells, err));
        }
    }
    return LT_OK;
}

static lt_status last_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                             const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                             lt_error *err)
{
    LT_ASSERT(sign > 0);
    return keep_rows(agg, states, &args[0], rows, count, cells, err);
}

static lt_status value_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                             uint32_t count, lt_cells *cells, lt_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const kept *s = (const kept *)(const void *)src[i];
        if (s->count > 0) {
            LT_TRY(keep(value_of(agg), state_of(dst[i]), s->cell.ptr, s->cell.len, cells, err));
        }
    }
    return LT_OK;
}

/* bytes[i] NULL = no value */
static lt_status put_values(const lt_agg_value *bound, const uint8_t **bytes, uint32_t *lens,
                            uint32_t count, lt_col *out, uint32_t out_cap, lt_arena *arena,
                            lt_error *err)
{
    uint32_t *rows = LT_NEW_ARRAY(arena, uint32_t, count + 1);
    if (rows == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (bytes[i] == NULL) {
            if (!lt_agg_set_null(out, i, out_cap, arena)) {
                return lt_error_nomem(err, "aggregate");
            }
            continue;
        }
        bytes[used] = bytes[i];
        lens[used] = lens[i];
        rows[used++] = i;
    }
    lt_col decoded;
    LT_TRY(lt_agg_decode(bound, bytes, lens, used, arena, &decoded, err));
    for (uint32_t i = 0; i < used; i++) {
        if (!lt_col_copy_value(out, rows[i], out_cap, &decoded, i, false, arena)) {
            return lt_error_nomem(err, "aggregate");
        }
    }
    return LT_OK;
}

static lt_status value_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                              lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    const uint8_t **bytes = LT_NEW_ARRAY(arena, const uint8_t *, count + 1);
    uint32_t *lens = LT_NEW_ARRAY(arena, uint32_t, count + 1);
    if (bytes == NULL || lens == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    for (uint32_t i = 0; i < count; i++) {
        const kept *s = (const kept *)(const void *)states[i];
        bytes[i] = s->count > 0 ? s->cell.ptr : NULL;
        lens[i] = s->cell.len;
    }
    return put_values(value_of(agg), bytes, lens, count, out, out_cap, arena, err);
}

/* ---- rows taken away ---- */

static lt_status bag_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                            const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                            lt_error *err)
{
    lt_rows encoded;
    bool ok = true;
    lt_status st = lt_agg_encode(value_of(agg), &args[0], rows, count, cells, &encoded, err);
    for (uint32_t i = 0; ok && st == LT_OK && i < count; i++) {
        if (!lt_col_is_null(&args[0], rows[i])) {
            ok = lt_agg_bag_change(cells, (lt_agg_bag *)(void *)states[i], lt_rows_str(&encoded, i),
                                   sign);
        }
    }
    return ok ? st : lt_error_nomem(err, "aggregate");
}

static lt_status bag_value_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                                  lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    const lt_agg_value *bound = value_of(agg);
    const uint8_t **bytes = LT_NEW_ARRAY(arena, const uint8_t *, count + 1);
    uint32_t *lens = LT_NEW_ARRAY(arena, uint32_t, count + 1);
    if (bytes == NULL || lens == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    for (uint32_t i = 0; i < count; i++) {
        const lt_agg_bag *bag = (const lt_agg_bag *)(const void *)states[i];
        lt_agg_item item;
        if (bound->op == LT_AGG_FIRST ? lt_agg_bag_next(bag, bag->first, &item)
                                      : lt_agg_bag_last(bag, &item)) {
            bytes[i] = item.bytes;
            lens[i] = item.len;
        }
    }
    return put_values(bound, bytes, lens, count, out, out_cap, arena, err);
}

static const lt_agg_class first_class = {"FIRST_VALUE", first_update, value_merge, value_finish};
static const lt_agg_class last_class = {"LAST_VALUE", last_update, value_merge, value_finish};
static const lt_agg_class first_retract = {"FIRST_VALUE", bag_update, lt_agg_bag_merge,
                                           bag_value_finish};
static const lt_agg_class last_retract = {"LAST_VALUE", bag_update, lt_agg_bag_merge,
                                          bag_value_finish};

static void one_cell(lt_agg *agg)
{
    agg->state_size = sizeof(kept);
    agg->cell_count = 1;
    agg->cell_offsets[0] = (uint32_t)offsetof(kept, cell);
}

lt_status lt_agg_bind_value(lt_agg_bind_ctx *c, lt_error *err)
{
    lt_agg_value *bound;
    LT_TRY(lt_agg_value_bind(c, &bound, err));
    bool first = c->func->op == LT_AGG_FIRST;
    if (c->agg->retracts) {
        c->agg->cls = first ? &first_retract : &last_retract;
        lt_agg_bag_state(c->agg);
    } else {
        c->agg->cls = first ? &first_class : &last_class;
        one_cell(c->agg);
    }
    c->agg->result = bound->type;
    return LT_OK;
}

/* ---- SINGLE_VALUE ---- */

/* The rows of dst and src together, of which at most one may be there. A row taken away ahead of
 * its arrival counts below zero. */
static lt_status join_single(kept *s, int64_t rows, lt_str value, lt_cells *cells, lt_error *err)
{
    int64_t before = s->count;
    s->count += rows;
    if (s->count > 1) {
        return lt_error_set(err, LT_ERR_DATA,
                            "SINGLE_VALUE has more than one row where one is expected: a sub-query "
                            "used as a value may give one row at most");
    }
    if (s->count <= 0) {
        lt_cells_clear(cells, &s->cell);
        return LT_OK;
    }
    if (before == 1) {
        return LT_OK;
    }
    return lt_cells_set(cells, &s->cell, value.ptr, (uint32_t)value.len)
               ? LT_OK
               : lt_error_nomem(err, "aggregate");
}

static lt_status single_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                               const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                               lt_error *err)
{
    lt_rows encoded;
    lt_status st = lt_agg_encode(value_of(agg), &args[0], rows, count, cells, &encoded, err);
    for (uint32_t i = 0; st == LT_OK && i < count; i++) {
        st = join_single(state_of(states[i]), sign, lt_rows_str(&encoded, i), cells, err);
    }
    return st;
}

static lt_status single_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                              uint32_t count, lt_cells *cells, lt_error *err)
{
    (void)agg;
    for (uint32_t i = 0; i < count; i++) {
        const kept *s = (const kept *)(const void *)src[i];
        if (s->count != 0) {
            LT_TRY(join_single(state_of(dst[i]), s->count, lt_cell_str(&s->cell), cells, err));
        }
    }
    return LT_OK;
}

static const lt_agg_class single_class = {"SINGLE_VALUE", single_update, single_merge,
                                          value_finish};

lt_status lt_agg_bind_single(lt_agg_bind_ctx *c, lt_error *err)
{
    lt_agg_value *bound;
    LT_TRY(lt_agg_value_bind(c, &bound, err));
    c->agg->cls = &single_class;
    c->agg->result = bound->type;
    one_cell(c->agg);
    return LT_OK;
}
