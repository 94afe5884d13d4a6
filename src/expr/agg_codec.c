/* Encoding and decoding of kept values through the row codec, which knows nested types. */
#include "expr/agg_codec.h"

lt_status lt_agg_value_bind(lt_agg_bind_ctx *c, lt_agg_value **out, lt_error *err)
{
    const lt_type *arg = c->agg->args[0]->type;
    if (arg->kind == LT_TYPE_NULL) {
        return lt_agg_refuse(c, err);
    }
    lt_agg_value *bound = LT_NEW(c->b->arena, lt_agg_value);
    const lt_type *plain = lt_type_with_attr(c->b->arena, arg, LT_TIME_NONE);
    if (bound == NULL || plain == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    bound->type = lt_type_with_nullable(c->b->arena, plain, true);
    if (bound->type == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    bound->codec = lt_rowcodec_new(c->b->arena, &bound->type, 1, false);
    if (bound->codec == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    bound->op = c->func->op;
    c->agg->bound = bound;
    *out = bound;
    return LT_OK;
}

lt_status lt_agg_encode(const lt_agg_value *bound, const lt_col *col, const uint32_t *rows,
                        uint32_t count, lt_cells *cells, lt_rows *out, lt_error *err)
{
    lt_arena *scratch = lt_cells_scratch(cells);
    if (scratch == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    return lt_rowcodec_encode(bound->codec, &col, rows, count, scratch, out, err);
}

lt_status lt_agg_decode(const lt_agg_value *bound, const uint8_t *const *ptrs, const uint32_t *lens,
                        uint32_t count, lt_arena *arena, lt_col *out, lt_error *err)
{
    uint32_t cap = (count + 63) / 64 * 64 + 64;
    if (!lt_col_init(out, bound->type, cap, arena)) {
        return lt_error_nomem(err, "aggregate");
    }
    if (count == 0) {
        return LT_OK;
    }
    lt_col *cols[1] = {out};
    return lt_rowcodec_decode(bound->codec, ptrs, lens, count, cap, true, arena, cols, err);
}
