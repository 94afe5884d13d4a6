/* ARRAY_AGG (keeps NULLs) and COLLECT (skips them, counts equal values). State: lt_agg_bag of
 * encoded values; of COLLECT each value once, with its count. Both take rows away by value; COLLECT
 * counts one below zero that is taken away ahead of its arrival. */
#include "expr/agg_bag.h"
#include "expr/agg_codec.h"

static const lt_agg_value *value_of(const lt_agg *agg)
{
    return (const lt_agg_value *)agg->bound;
}

static bool is_multiset(const lt_agg *agg)
{
    return agg->result->kind == LT_TYPE_MULTISET;
}

static bool count_value(lt_cells *cells, lt_agg_bag *bag, lt_str bytes, int32_t times)
{
    lt_agg_item item;
    bool found;
    if (!lt_agg_bag_find(cells, bag, false, bytes, &item, &found)) {
        return false;
    }
    if (!found) {
        return lt_agg_bag_append(cells, bag, (const uint8_t *)bytes.ptr, (uint32_t)bytes.len,
                                 times);
    }
    if (item.count + times == 0) {
        lt_agg_bag_remove(cells, bag, false, &item);
    } else {
        lt_agg_bag_recount(bag, &item, item.count + times);
    }
    return true;
}

static lt_status collect_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                                const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                                lt_error *err)
{
    lt_rows encoded;
    bool multiset = is_multiset(agg), ok = true;
    lt_status st = lt_agg_encode(value_of(agg), &args[0], rows, count, cells, &encoded, err);
    for (uint32_t i = 0; ok && st == LT_OK && i < count; i++) {
        lt_agg_bag *bag = (lt_agg_bag *)(void *)states[i];
        lt_str bytes = lt_rows_str(&encoded, i);
        if (!multiset) {
            ok = lt_agg_bag_change(cells, bag, bytes, sign);
        } else if (!lt_col_is_null(&args[0], rows[i])) {
            ok = count_value(cells, bag, bytes, sign);
        }
    }
    return ok ? st : lt_error_nomem(err, "aggregate");
}

static lt_status multiset_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                                uint32_t count, lt_cells *cells, lt_error *err)
{
    (void)agg;
    for (uint32_t i = 0; i < count; i++) {
        const lt_agg_bag *s = (const lt_agg_bag *)(const void *)src[i];
        lt_agg_item item;
        for (uint32_t at = s->first; lt_agg_bag_next(s, at, &item); at = item.end) {
            if (!count_value(cells, (lt_agg_bag *)(void *)dst[i],
                             (lt_str){(const char *)item.bytes, item.len}, item.count)) {
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
        total += lt_agg_bag_entries((const lt_agg_bag *)(const void *)states[i]);
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
        const lt_agg_bag *bag = (const lt_agg_bag *)(const void *)states[i];
        lt_agg_item item;
        lt_span span = {used, 0};
        for (uint32_t at = bag->first; lt_agg_bag_next(bag, at, &item); at = item.end) {
            bytes[used] = item.bytes;
            lens[used] = item.len;
            counts[used++] = item.count;
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

static const lt_agg_class array_class = {"ARRAY_AGG", collect_update, lt_agg_bag_merge,
                                         collect_finish};
static const lt_agg_class multiset_class = {"COLLECT", collect_update, multiset_merge,
                                            collect_finish};

static lt_status bind_list(lt_agg_bind_ctx *c, lt_agg_value **bound, lt_error *err)
{
    LT_TRY(lt_agg_value_bind(c, bound, err));
    lt_agg_bag_state(c->agg);
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
