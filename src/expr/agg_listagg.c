/* LISTAGG: strings joined in order of arrival, without NULLs.
 *
 *   inserted rows      i64 strings, cell text: the result so far
 *   rows taken away    lt_agg_bag of the strings; a removal takes the oldest equal one */
#include "expr/agg_bag.h"
#include "expr/agg_int.h"

typedef struct {
    int64_t count;
    lt_cell cell;
} joined;

_Static_assert(sizeof(joined) == 24, "states are packed");

static lt_str separator_of(const lt_agg *agg)
{
    return *(const lt_str *)agg->bound;
}

static bool append(const lt_agg *agg, joined *s, lt_str text, int64_t count, lt_cells *cells)
{
    lt_str separator = separator_of(agg);
    bool ok = s->count == 0 || separator.len == 0 ||
              lt_cells_append(cells, &s->cell, separator.ptr, (uint32_t)separator.len);
    s->count += count;
    return ok && (text.len == 0 || lt_cells_append(cells, &s->cell, text.ptr, (uint32_t)text.len));
}

static lt_status joined_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                               const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                               lt_error *err)
{
    const lt_strv *val = LT_COL_DATA(&args[0], const lt_strv);
    LT_ASSERT(sign > 0);
    for (uint32_t i = 0; i < count; i++) {
        if (!lt_col_is_null(&args[0], rows[i]) &&
            !append(agg, (joined *)(void *)states[i], lt_strv_str(&val[rows[i]]), 1, cells)) {
            return lt_error_nomem(err, "aggregate");
        }
    }
    return LT_OK;
}

static lt_status joined_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                              uint32_t count, lt_cells *cells, lt_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const joined *s = (const joined *)(const void *)src[i];
        if (s->count > 0 &&
            !append(agg, (joined *)(void *)dst[i], lt_cell_str(&s->cell), s->count, cells)) {
            return lt_error_nomem(err, "aggregate");
        }
    }
    return LT_OK;
}

static lt_status joined_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                               lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    (void)agg;
    for (uint32_t i = 0; i < count; i++) {
        const joined *s = (const joined *)(const void *)states[i];
        if (!(s->count == 0 ? lt_agg_set_null(out, i, out_cap, arena)
                            : lt_agg_put_text(out, i, lt_cell_str(&s->cell), arena))) {
            return lt_error_nomem(err, "aggregate");
        }
    }
    return LT_OK;
}

static lt_status bag_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                            const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                            lt_error *err)
{
    (void)agg;
    const lt_strv *val = LT_COL_DATA(&args[0], const lt_strv);
    for (uint32_t i = 0; i < count; i++) {
        if (!lt_col_is_null(&args[0], rows[i]) &&
            !lt_agg_bag_change(cells, (lt_agg_bag *)(void *)states[i], lt_strv_str(&val[rows[i]]),
                               sign)) {
            return lt_error_nomem(err, "aggregate");
        }
    }
    return LT_OK;
}

static lt_status bag_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                            lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    lt_str separator = separator_of(agg);
    for (uint32_t i = 0; i < count; i++) {
        const lt_agg_bag *bag = (const lt_agg_bag *)(const void *)states[i];
        lt_agg_item item;
        size_t room = 0;
        if (!lt_agg_bag_next(bag, bag->first, &item)) {
            if (!lt_agg_set_null(out, i, out_cap, arena)) {
                return lt_error_nomem(err, "aggregate");
            }
            continue;
        }
        for (uint32_t at = bag->first; lt_agg_bag_next(bag, at, &item); at = item.end) {
            room += item.len + separator.len;
        }
        char *text = lt_arena_alloc(arena, room + 1, 1);
        if (text == NULL) {
            return lt_error_nomem(err, "aggregate");
        }
        size_t len = 0;
        for (uint32_t at = bag->first; lt_agg_bag_next(bag, at, &item); at = item.end) {
            if (at > bag->first && separator.len > 0) {
                memcpy(text + len, separator.ptr, separator.len);
                len += separator.len;
            }
            memcpy(text + len, item.bytes, item.len);
            len += item.len;
        }
        LT_COL_DATA(out, lt_strv)[i] = lt_strv_make(text, len);
    }
    return LT_OK;
}

static const lt_agg_class joined_class = {"LISTAGG", joined_update, joined_merge, joined_finish};
static const lt_agg_class bag_class = {"LISTAGG", bag_update, lt_agg_bag_merge, bag_finish};

lt_status lt_agg_bind_listagg(lt_agg_bind_ctx *c, lt_error *err)
{
    lt_agg *agg = c->agg;
    lt_str *separator = LT_NEW(c->b->arena, lt_str);
    if (separator == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    if (!lt_type_is_string(agg->args[0]->type)) {
        return lt_agg_refuse(c, err);
    }
    *separator = LT_STR(",");
    if (agg->arg_count == 2) {
        const lt_expr *given = agg->args[1];
        if (given->kind != LT_NODE_LITERAL || given->u.literal.is_null ||
            !lt_type_is_string(given->type)) {
            return lt_error_set_at(err, LT_ERR_SQL, given->pos,
                                   "the separator of LISTAGG must be a string literal");
        }
        *separator = given->u.literal.u.s;
    }
    agg->bound = separator;
    agg->result = lt_type_string(c->b->arena, true);
    if (agg->retracts) {
        agg->cls = &bag_class;
        lt_agg_bag_state(agg);
        return LT_OK;
    }
    agg->cls = &joined_class;
    agg->state_size = sizeof(joined);
    agg->cell_count = 1;
    agg->cell_offsets[0] = (uint32_t)offsetof(joined, cell);
    return LT_OK;
}
