/* Inside of agg_set: shared by agg_set.c and agg_distinct.c. */
#pragma once

#include "op/agg_set.h"

typedef struct {
    uint8_t **records;
    uint32_t *rows;
    uint32_t count;
} agg_rows;

bool lt_agg_rows_new(agg_rows *rows, uint32_t count, lt_arena *arena);

/* records[i] += args at rows[i] for one call. */
lt_status lt_agg_apply(lt_aggset *set, const lt_agg_input *input, uint32_t a, const lt_col *args,
                       const agg_rows *rows, int sign, lt_error *err);

/* Plans set number d for call a. */
lt_status lt_distinct_plan(lt_op *op, lt_aggset *set, const lt_aggset_spec *spec, uint32_t d,
                           uint32_t a, lt_error *err);

/* Counts the rows' values; `changed` are those whose count became positive (sign > 0) or stopped
 * being so (sign < 0). */
lt_status lt_distinct_count(lt_aggset *set, const lt_agg_input *input, uint32_t d,
                            const agg_rows *rows, int sign, agg_rows *changed, lt_error *err);
