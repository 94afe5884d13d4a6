/* LAG: the value of the row `offset` rows before the last one. Known to the binder as $LAG, because
 * it means something only with OVER.
 *
 * State: lt_agg_bag of the encoded values of the last offset + 1 rows, NULLs too; where rows may be
 * taken away, of all rows, of which the oldest equal one goes. */
#include "expr/agg_bag.h"
#include "expr/agg_codec.h"

typedef struct {
    const lt_agg_value *value;
    uint32_t kept; /* offset + 1 */
    bool retracts;
    const lt_value *otherwise; /* where there is no such row; NULL = NULL */
} lag_bound;

static const lag_bound *bound_of(const lt_agg *agg)
{
    return (const lag_bound *)agg->bound;
}

static lt_status push(const lag_bound *bound, lt_agg_bag *bag, lt_str bytes, lt_cells *cells,
                      lt_error *err)
{
    lt_agg_item item;
    if (!lt_agg_bag_append(cells, bag, (const uint8_t *)bytes.ptr, (uint32_t)bytes.len, 1)) {
        return lt_error_nomem(err, "aggregate");
    }
    if (!bound->retracts && bag->count > (int64_t)bound->kept &&
        lt_agg_bag_next(bag, bag->first, &item)) {
        lt_agg_bag_remove(cells, bag, false, &item);
    }
    return LT_OK;
}

static lt_status lag_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                            const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                            lt_error *err)
{
    const lag_bound *bound = bound_of(agg);
    lt_rows encoded;
    LT_ASSERT(sign > 0 || bound->retracts);
    LT_TRY(lt_agg_encode(bound->value, &args[0], rows, count, cells, &encoded, err));
    for (uint32_t i = 0; i < count; i++) {
        if (sign < 0) {
            if (!lt_agg_bag_change(cells, (lt_agg_bag *)(void *)states[i], lt_rows_str(&encoded, i),
                                   sign)) {
                return lt_error_nomem(err, "aggregate");
            }
            continue;
        }
        LT_TRY(push(bound, (lt_agg_bag *)(void *)states[i], lt_rows_str(&encoded, i), cells, err));
    }
    return LT_OK;
}

static lt_status lag_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                           uint32_t count, lt_cells *cells, lt_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const lt_agg_bag *s = (const lt_agg_bag *)(const void *)src[i];
        lt_agg_item item;
        for (uint32_t at = s->first; lt_agg_bag_next(s, at, &item); at = item.end) {
            LT_TRY(push(bound_of(agg), (lt_agg_bag *)(void *)dst[i],
                        (lt_str){(const char *)item.bytes, item.len}, cells, err));
        }
    }
    return LT_OK;
}

/* The entry that is offset entries before the last one. */
static bool find_lag(const lag_bound *bound, const lt_agg_bag *bag, lt_agg_item *item)
{
    uint32_t at = bag->first;
    if (bag->count < (int64_t)bound->kept) {
        return false;
    }
    for (int64_t skip = bag->count - (int64_t)bound->kept; skip >= 0; skip--) {
        if (!lt_agg_bag_next(bag, at, item)) {
            return false;
        }
        at = item->end;
    }
    return true;
}

static bool put_otherwise(const lag_bound *bound, lt_col *out, uint32_t row, uint32_t out_cap,
                          lt_arena *arena)
{
    return bound->otherwise != NULL ? lt_value_store(bound->otherwise, out, row, out_cap, arena)
                                    : lt_agg_set_null(out, row, out_cap, arena);
}

static lt_status lag_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                            lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    const lag_bound *bound = bound_of(agg);
    const uint8_t **bytes = LT_NEW_ARRAY(arena, const uint8_t *, count + 1);
    uint32_t *lens = LT_NEW_ARRAY(arena, uint32_t, count + 1);
    uint32_t *rows = LT_NEW_ARRAY(arena, uint32_t, count + 1);
    lt_col decoded;
    uint32_t used = 0;
    if (bytes == NULL || lens == NULL || rows == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    for (uint32_t i = 0; i < count; i++) {
        const lt_agg_bag *bag = (const lt_agg_bag *)(const void *)states[i];
        lt_agg_item item;
        if (find_lag(bound, bag, &item)) {
            bytes[used] = item.bytes;
            lens[used] = item.len;
            rows[used++] = i;
        } else if (!put_otherwise(bound, out, i, out_cap, arena)) {
            return lt_error_nomem(err, "aggregate");
        }
    }
    LT_TRY(lt_agg_decode(bound->value, bytes, lens, used, arena, &decoded, err));
    for (uint32_t i = 0; i < used; i++) {
        if (!lt_col_copy_value(out, rows[i], out_cap, &decoded, i, false, arena)) {
            return lt_error_nomem(err, "aggregate");
        }
    }
    return LT_OK;
}

static const lt_agg_class lag_class = {"$LAG", lag_update, lag_merge, lag_finish};

static lt_status bind_offset(const lt_agg *agg, lag_bound *bound, lt_error *err)
{
    bound->kept = 2;
    if (agg->arg_count < 2) {
        return LT_OK;
    }
    const lt_expr *given = agg->args[1];
    if (given->kind != LT_NODE_LITERAL || given->u.literal.is_null ||
        !lt_type_is_integer(given->type) || given->u.literal.u.i < 0 ||
        given->u.literal.u.i >= INT32_MAX) {
        return lt_error_set_at(err, LT_ERR_SQL, given->pos,
                               "the offset of LAG must be a constant whole number that is not "
                               "negative");
    }
    bound->kept = (uint32_t)given->u.literal.u.i + 1;
    return LT_OK;
}

static lt_status bind_otherwise(const lt_agg *agg, lag_bound *bound, lt_error *err)
{
    if (agg->arg_count < 3) {
        return LT_OK;
    }
    const lt_expr *given = agg->args[2];
    if (given->kind != LT_NODE_LITERAL) {
        return lt_error_set_at(err, LT_ERR_UNSUPPORTED, given->pos,
                               "a default of LAG that is not a constant is not supported");
    }
    if (given->u.literal.is_null) {
        return LT_OK;
    }
    bound->otherwise = &given->u.literal;
    return LT_OK;
}

/* Another type is not coerced, as in Flink; the length of strings is not looked at. */
static lt_status check_default(const lt_agg_bind_ctx *c, lt_error *err)
{
    const lt_agg *agg = c->agg;
    if (agg->arg_count < 3 || agg->args[2]->type->kind == agg->args[0]->type->kind ||
        (lt_type_is_string(agg->args[0]->type) && lt_type_is_string(agg->args[2]->type))) {
        return LT_OK;
    }
    lt_text text;
    lt_text_init(&text, c->b->session->mem);
    lt_type_print(agg->args[2]->type, &text);
    lt_text_puts(&text, " to ");
    lt_type_print(agg->args[0]->type, &text);
    lt_str types = lt_text_str(&text);
    lt_status st =
        lt_error_set_at(err, LT_ERR_SQL, agg->args[2]->pos,
                        "Please explicitly cast default value " LT_STR_FMT ".", LT_STR_ARG(types));
    lt_text_deinit(&text);
    return st;
}

lt_status lt_agg_bind_lag(lt_agg_bind_ctx *c, lt_error *err)
{
    lt_agg *agg = c->agg;
    lt_agg_value *value;
    lag_bound *bound = LT_NEW(c->b->arena, lag_bound);
    if (bound == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    LT_TRY(lt_agg_value_bind(c, &value, err));
    LT_TRY(bind_offset(agg, bound, err));
    LT_TRY(check_default(c, err));
    LT_TRY(bind_otherwise(agg, bound, err));
    bound->value = value;
    bound->retracts = agg->retracts;
    lt_agg_bag_state(agg);
    agg->cls = &lag_class;
    agg->bound = bound;
    agg->shown = "LAG";
    agg->result = value->type;
    if (bound->otherwise != NULL && !agg->args[0]->type->nullable) {
        agg->result = lt_type_with_nullable(c->b->arena, value->type, false);
    }
    return LT_OK;
}
