/* FIRST_VALUE, LAST_VALUE and LISTAGG, in order of arrival, skipping NULLs. State: lt_agg_list.
 * Insert-only FIRST and LAST keep one encoded value in the cell, insert-only LISTAGG the text so
 * far; the retractable forms keep all values. */
#include "expr/agg_list.h"

_Static_assert(sizeof(lt_agg_list) == 24, "states are packed");

static lt_agg_list *state_of(uint8_t *state)
{
    return (lt_agg_list *)(void *)state;
}

static const lt_agg_value *value_of(const lt_agg *agg)
{
    return (const lt_agg_value *)agg->bound;
}

/* ---- FIRST_VALUE, LAST_VALUE ---- */

static lt_status keep(const lt_agg_value *bound, lt_agg_list *s, const uint8_t *bytes, uint32_t len,
                      lt_cells *cells, lt_error *err)
{
    if (bound->op == LT_AGG_FIRST && s->count > 0) {
        return LT_OK;
    }
    s->count = 1;
    return lt_cells_set(cells, &s->cell, bytes, len) ? LT_OK : lt_error_nomem(err, "aggregate");
}

static lt_status value_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                              const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                              lt_error *err)
{
    const lt_agg_value *bound = value_of(agg);
    lt_arena *arena = NULL;
    lt_rows encoded;
    LT_ASSERT(sign > 0);
    lt_status st = lt_agg_encode(bound, &args[0], rows, count, &arena, &encoded, err);
    for (uint32_t i = 0; st == LT_OK && i < count; i++) {
        if (!lt_col_is_null(&args[0], rows[i])) {
            st = keep(bound, state_of(states[i]), lt_rows_ptr(&encoded, i),
                      lt_rows_len(&encoded, i), cells, err);
        }
    }
    lt_arena_free(arena);
    return st;
}

static lt_status value_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                             uint32_t count, lt_cells *cells, lt_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const lt_agg_list *s = (const lt_agg_list *)(const void *)src[i];
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
        const lt_agg_list *s = (const lt_agg_list *)(const void *)states[i];
        bytes[i] = s->count > 0 ? s->cell.ptr : NULL;
        lens[i] = s->cell.len;
    }
    return put_values(value_of(agg), bytes, lens, count, out, out_cap, arena, err);
}

/* ---- retractable: all values, oldest first; a removal takes the oldest equal one ---- */

static lt_status list_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                             const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                             lt_error *err)
{
    lt_arena *arena = NULL;
    lt_rows encoded;
    lt_status st = lt_agg_encode(value_of(agg), &args[0], rows, count, &arena, &encoded, err);
    for (uint32_t i = 0; st == LT_OK && i < count; i++) {
        lt_agg_list *s = state_of(states[i]);
        lt_agg_entry entry;
        const uint8_t *bytes = lt_rows_ptr(&encoded, i);
        uint32_t len = lt_rows_len(&encoded, i);
        if (lt_col_is_null(&args[0], rows[i])) {
            continue;
        }
        if (sign > 0) {
            st = lt_agg_list_append(cells, &s->cell, bytes, len, 1)
                     ? LT_OK
                     : lt_error_nomem(err, "aggregate");
            s->count++;
        } else if (lt_agg_list_find(&s->cell, bytes, len, &entry)) {
            lt_agg_list_remove(cells, &s->cell, &entry);
            s->count--;
        }
    }
    lt_arena_free(arena);
    return st;
}

static lt_status list_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                            uint32_t count, lt_cells *cells, lt_error *err)
{
    (void)agg;
    for (uint32_t i = 0; i < count; i++) {
        const lt_agg_list *s = (const lt_agg_list *)(const void *)src[i];
        lt_agg_list *d = state_of(dst[i]);
        if (s->count > 0 && !lt_cells_append(cells, &d->cell, s->cell.ptr, s->cell.len)) {
            return lt_error_nomem(err, "aggregate");
        }
        d->count += s->count;
    }
    return LT_OK;
}

static lt_status list_value_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                                   lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    const lt_agg_value *bound = value_of(agg);
    const uint8_t **bytes = LT_NEW_ARRAY(arena, const uint8_t *, count + 1);
    uint32_t *lens = LT_NEW_ARRAY(arena, uint32_t, count + 1);
    if (bytes == NULL || lens == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    for (uint32_t i = 0; i < count; i++) {
        const lt_agg_list *s = (const lt_agg_list *)(const void *)states[i];
        lt_agg_entry entry;
        for (uint32_t at = 0; lt_agg_list_at(&s->cell, at, &entry); at = entry.end) {
            bytes[i] = entry.bytes;
            lens[i] = entry.len;
            if (bound->op == LT_AGG_FIRST) {
                break;
            }
        }
    }
    return put_values(bound, bytes, lens, count, out, out_cap, arena, err);
}

static const lt_agg_class first_class = {"FIRST_VALUE", value_update, value_merge, value_finish};
static const lt_agg_class last_class = {"LAST_VALUE", value_update, value_merge, value_finish};
static const lt_agg_class first_retract = {"FIRST_VALUE", list_update, list_merge,
                                           list_value_finish};
static const lt_agg_class last_retract = {"LAST_VALUE", list_update, list_merge, list_value_finish};

static void one_cell(lt_agg *agg)
{
    agg->state_size = sizeof(lt_agg_list);
    agg->cell_count = 1;
    agg->cell_offsets[0] = (uint32_t)offsetof(lt_agg_list, cell);
}

lt_status lt_agg_bind_value(lt_agg_bind_ctx *c, lt_error *err)
{
    lt_agg_value *bound;
    LT_TRY(lt_agg_value_bind(c, &bound, err));
    bool first = c->func->op == LT_AGG_FIRST;
    if (c->agg->retracts) {
        c->agg->cls = first ? &first_retract : &last_retract;
    } else {
        c->agg->cls = first ? &first_class : &last_class;
    }
    c->agg->result = bound->type;
    one_cell(c->agg);
    return LT_OK;
}

/* ---- LISTAGG ---- */

static lt_status text_append(const lt_agg_value *bound, lt_agg_list *s, lt_str text,
                             lt_cells *cells, lt_error *err)
{
    bool ok = true;
    if (s->count > 0 && bound->separator.len > 0) {
        ok = lt_cells_append(cells, &s->cell, bound->separator.ptr, (uint32_t)bound->separator.len);
    }
    if (ok && text.len > 0) {
        ok = lt_cells_append(cells, &s->cell, text.ptr, (uint32_t)text.len);
    }
    return ok ? LT_OK : lt_error_nomem(err, "aggregate");
}

static lt_status text_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                             const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                             lt_error *err)
{
    LT_ASSERT(sign > 0);
    for (uint32_t i = 0; i < count; i++) {
        lt_agg_list *s = state_of(states[i]);
        if (lt_col_is_null(&args[0], rows[i])) {
            continue;
        }
        lt_str text = lt_strv_str(&LT_COL_DATA(&args[0], const lt_strv)[rows[i]]);
        LT_TRY(text_append(value_of(agg), s, text, cells, err));
        s->count++;
    }
    return LT_OK;
}

static lt_status text_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                            uint32_t count, lt_cells *cells, lt_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const lt_agg_list *s = (const lt_agg_list *)(const void *)src[i];
        lt_agg_list *d = state_of(dst[i]);
        if (s->count > 0) {
            LT_TRY(text_append(value_of(agg), d, lt_cell_str(&s->cell), cells, err));
            d->count += s->count;
        }
    }
    return LT_OK;
}

static lt_status put_text(lt_col *out, uint32_t row, lt_str text, lt_arena *arena, lt_error *err)
{
    if (text.len > LT_STRV_INLINE_MAX) {
        text = lt_arena_str(arena, text);
        if (text.ptr == NULL) {
            return lt_error_nomem(err, "aggregate");
        }
    }
    LT_COL_DATA(out, lt_strv)[row] = lt_strv_make(text.ptr, text.len);
    return LT_OK;
}

static lt_status text_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                             lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    (void)agg;
    for (uint32_t i = 0; i < count; i++) {
        const lt_agg_list *s = (const lt_agg_list *)(const void *)states[i];
        if (s->count == 0) {
            if (!lt_agg_set_null(out, i, out_cap, arena)) {
                return lt_error_nomem(err, "aggregate");
            }
            continue;
        }
        LT_TRY(put_text(out, i, lt_cell_str(&s->cell), arena, err));
    }
    return LT_OK;
}

static lt_status list_text_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                                  lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    const lt_agg_value *bound = value_of(agg);
    lt_text text;
    lt_text_init(&text, bound->mem);
    lt_status st = LT_OK;
    for (uint32_t i = 0; st == LT_OK && i < count; i++) {
        const lt_agg_list *s = (const lt_agg_list *)(const void *)states[i];
        lt_agg_entry entry;
        lt_text_clear(&text);
        if (s->count == 0) {
            st = lt_agg_set_null(out, i, out_cap, arena) ? LT_OK : lt_error_nomem(err, "aggregate");
            continue;
        }
        for (uint32_t at = 0; st == LT_OK && lt_agg_list_at(&s->cell, at, &entry); at = entry.end) {
            lt_col value;
            st = lt_agg_decode(bound, &entry.bytes, &entry.len, 1, arena, &value, err);
            if (st == LT_OK) {
                lt_str part = lt_strv_str(&LT_COL_DATA(&value, const lt_strv)[0]);
                if (at > 0) {
                    lt_text_append(&text, bound->separator.ptr, bound->separator.len);
                }
                lt_text_append(&text, part.ptr, part.len);
            }
        }
        if (st == LT_OK) {
            st = text.failed ? lt_error_nomem(err, "aggregate")
                             : put_text(out, i, lt_text_str(&text), arena, err);
        }
    }
    lt_text_deinit(&text);
    return st;
}

static const lt_agg_class listagg_class = {"LISTAGG", text_update, text_merge, text_finish};
static const lt_agg_class listagg_retract = {"LISTAGG", list_update, list_merge, list_text_finish};

lt_status lt_agg_bind_listagg(lt_agg_bind_ctx *c, lt_error *err)
{
    lt_agg *agg = c->agg;
    lt_agg_value *bound;
    if (!lt_type_is_string(agg->args[0]->type)) {
        return lt_agg_refuse(c, err);
    }
    LT_TRY(lt_agg_value_bind(c, &bound, err));
    bound->separator = LT_STR(",");
    if (agg->arg_count == 2) {
        const lt_expr *separator = agg->args[1];
        if (separator->kind != LT_NODE_LITERAL || separator->u.literal.is_null ||
            !lt_type_is_string(separator->type)) {
            return lt_error_set_at(err, LT_ERR_SQL, separator->pos,
                                   "the separator of LISTAGG must be a string literal");
        }
        bound->separator = separator->u.literal.u.s;
    }
    agg->cls = agg->retracts ? &listagg_retract : &listagg_class;
    agg->result = lt_type_string(c->b->arena, true);
    one_cell(agg);
    return LT_OK;
}
