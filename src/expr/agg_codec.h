/* Values of any type as bytes (the plain row form of one field), for the aggregates that keep
 * values. */
#pragma once

#include "data/rowcodec.h"
#include "expr/agg_int.h"

typedef struct {
    const lt_rowcodec *codec;
    const lt_type *type; /* of argument 0, nullable */
    int op;
    lt_str separator;
} lt_agg_value;

/* Prepares agg->bound (an lt_agg_value) for argument 0. */
lt_status lt_agg_value_bind(lt_agg_bind_ctx *c, lt_agg_value **out, lt_error *err);
/* Encodes argument 0 of the rows into the scratch memory of the cells. */
lt_status lt_agg_encode(const lt_agg_value *bound, const lt_col *col, const uint32_t *rows,
                        uint32_t count, lt_cells *cells, lt_rows *out, lt_error *err);
/* Decodes into a new column of the element type with room for count rows. */
lt_status lt_agg_decode(const lt_agg_value *bound, const uint8_t *const *ptrs, const uint32_t *lens,
                        uint32_t count, lt_arena *arena, lt_col *out, lt_error *err);
