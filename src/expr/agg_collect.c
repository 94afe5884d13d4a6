/* ARRAY_AGG (keeps NULLs) and COLLECT (skips them, counts equal values). State: lt_agg_list; both
 * take rows away by value. */
#include "expr/agg_list.h"

static const lt_agg_value *value_of(const lt_agg *agg)
{
    return (const lt_agg_value *)agg->bound;
}

static bool is_multiset(const lt_agg *agg)
{
    return agg->result->kind == LT_TYPE_MULTISET;
}

static bool add_value(lt_agg_list *s, const uint8_t *bytes, uint32_t len, int32_t times,
                      bool multiset, lt_cells *cells)
{
    lt_agg_entry entry;
    s->count += times;
    if (multiset && lt_agg_list_find(&s->cell, bytes, len, &entry)) {
        int32_t count = entry.count + times;
        if (count == 0) {
            lt_agg_list_remove(cells, &s->cell, &entry);
        } else {
            memcpy(s->cell.ptr + entry.at + 4, &count, 4);
        }
        return true;
    }
    return lt_agg_list_append(cells, &s->cell, bytes, len, times);
}

static lt_status collect_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                                const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                                lt_error *err)
{
    lt_arena *arena = NULL;
    lt_rows encoded;
    bool multiset = is_multiset(agg);
    lt_status st = lt_agg_encode(value_of(agg), &args[0], rows, count, &arena, &encoded, err);
    for (uint32_t i = 0; st == LT_OK && i < count; i++) {
        lt_agg_list *s = (lt_agg_list *)(void *)states[i];
        const uint8_t *bytes = lt_rows_ptr(&encoded, i);
        uint32_t len = lt_rows_len(&encoded, i);
        lt_agg_entry entry;
        if (multiset && lt_col_is_null(&args[0], rows[i])) {
            continue;
        }
        if (sign < 0 && !multiset) {
            if (lt_agg_list_find(&s->cell, bytes, len, &entry)) {
                lt_agg_list_remove(cells, &s->cell, &entry);
                s->count--;
            }
            continue;
        }
        if (!add_value(s, bytes, len, sign, multiset, cells)) {
            st = lt_error_nomem(err, "aggregate");
        }
    }
    lt_arena_free(arena);
    return st;
}

static lt_status collect_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                               uint32_t count, lt_cells *cells, lt_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const lt_agg_list *s = (const lt_agg_list *)(const void *)src[i];
        lt_agg_list *d = (lt_agg_list *)(void *)dst[i];
        lt_agg_entry entry;
        for (uint32_t at = 0; lt_agg_list_at(&s->cell, at, &entry); at = entry.end) {
            if (!add_value(d, entry.bytes, entry.len, entry.count, is_multiset(agg), cells)) {
                return lt_error_nomem(err, "aggregate");
            }
        }
    }
    return LT_OK;
}

static uint32_t count_entries(const uint8_t *const *states, uint32_t count)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        const lt_agg_list *s = (const lt_agg_list *)(const void *)states[i];
        lt_agg_entry entry;
        for (uint32_t at = 0; lt_agg_list_at(&s->cell, at, &entry); at = entry.end) {
            total++;
        }
    }
    return total;
}

static lt_status collect_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                                lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    bool multiset = is_multiset(agg);
    uint32_t total = count_entries(states, count), used = 0;
    const uint8_t **bytes = LT_NEW_ARRAY(arena, const uint8_t *, total + 1);
    uint32_t *lens = LT_NEW_ARRAY(arena, uint32_t, total + 1);
    int32_t *counts = LT_NEW_ARRAY(arena, int32_t, total + 64);
    if (bytes == NULL || lens == NULL || counts == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    for (uint32_t i = 0; i < count; i++) {
        const lt_agg_list *s = (const lt_agg_list *)(const void *)states[i];
        lt_agg_entry entry;
        lt_span span = {used, 0};
        for (uint32_t at = 0; lt_agg_list_at(&s->cell, at, &entry); at = entry.end) {
            bytes[used] = entry.bytes;
            lens[used] = entry.len;
            counts[used++] = entry.count;
            span.count++;
        }
        LT_COL_DATA(out, lt_span)[i] = span;
        if (span.count == 0 && !multiset && !lt_agg_set_null(out, i, out_cap, arena)) {
            return lt_error_nomem(err, "aggregate");
        }
    }
    LT_TRY(lt_agg_decode(value_of(agg), bytes, lens, used, arena, &out->children[0], err));
    out->children[0].type = agg->result->fields[0].type;
    if (multiset) {
        out->children[1].data = counts;
        out->children[1].valid = NULL;
    }
    out->child_len = used;
    out->child_cap = used;
    return LT_OK;
}

static const lt_agg_class array_class = {"ARRAY_AGG", collect_update, collect_merge,
                                         collect_finish};
static const lt_agg_class multiset_class = {"COLLECT", collect_update, collect_merge,
                                            collect_finish};

static lt_status bind_list(lt_agg_bind_ctx *c, lt_agg_value **bound, lt_error *err)
{
    LT_TRY(lt_agg_value_bind(c, bound, err));
    c->agg->state_size = sizeof(lt_agg_list);
    c->agg->cell_count = 1;
    c->agg->cell_offsets[0] = (uint32_t)offsetof(lt_agg_list, cell);
    return LT_OK;
}

lt_status lt_agg_bind_array_agg(lt_agg_bind_ctx *c, lt_error *err)
{
    lt_agg_value *bound;
    LT_TRY(bind_list(c, &bound, err));
    const lt_type *element = lt_type_with_attr(c->b->arena, c->agg->args[0]->type, LT_TIME_NONE);
    if (element == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    c->agg->cls = &array_class;
    c->agg->result = lt_type_array(c->b->arena, element, true);
    return LT_OK;
}

lt_status lt_agg_bind_collect(lt_agg_bind_ctx *c, lt_error *err)
{
    lt_agg_value *bound;
    LT_TRY(bind_list(c, &bound, err));
    const lt_type *element = lt_type_with_attr(c->b->arena, c->agg->args[0]->type, LT_TIME_NONE);
    if (element == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    c->agg->cls = &multiset_class;
    c->agg->result = lt_type_multiset(c->b->arena, element, false);
    return LT_OK;
}
