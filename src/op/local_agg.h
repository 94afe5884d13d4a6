/* Two-phase aggregation: a local aggregate folds the rows of each batch into one partial row per
 * key and slice before they are dealt to tasks by key, and the window or group aggregate behind it
 * merges the partial rows instead of adding rows. A hot key then costs its task a row per batch.
 *
 *   k  ts       v           k  end    rows  accumulators (the state record's form, without head)
 *   a  10:00:01 5           a  10:01  2     | 2 | 12 2 |
 *   b  10:00:02 6     ->    b  10:01  1     | 1 |  6 1 |
 *   a  10:00:03 7
 *
 * Where folding does not pay (keys that hardly come twice in a batch), rows pass as they are: such
 * a partial row has no accumulators but the arguments themselves, and the final operator adds it as
 * it would without a local aggregate. That costs a few nanoseconds a row.
 *
 * The results are those of one phase, late rows, order and ledger included:
 *
 *   - partial rows stand in the order of their first row, so keys are met in the same order;
 *   - only accumulators are folded for which neither grouping nor order can be seen in the result:
 *     counts, sums that wrap, extremes (lt_local_agg_allows);
 *   - rows are folded only between marks that close no window: all rows of a partial row are judged
 *     alike, and go into the same windows. A mark stands before the first partial row that begins
 *     behind it;
 *   - the final operator counts `rows` for each partial row, in its own ledger too: its words are
 *     rows of the source. */
#pragma once

#include "op/agg_set.h"
#include "op/specs.h"

/* May these aggregates be split in two phases over inserted rows? */
bool lt_local_agg_allows(lt_agg *const *aggs, uint32_t count);

/* Fills in the output columns of a spec whose input side is there, adds an attached session's start
 * to its keys, and gives the output schema. */
lt_status lt_local_agg_plan(lt_arena *arena, lt_local_agg_spec *spec, const lt_schema **out,
                            lt_error *err);

/* ---- the final side: partial rows of a batch ---- */

/* Source rows that the partial rows stand for. */
uint64_t lt_partials_weight(const lt_local_agg_spec *spec, const lt_batch *in, const uint32_t *rows,
                            uint32_t count);

LT_INLINE int64_t lt_partials_rows(const lt_local_agg_spec *spec, const lt_batch *in, uint32_t row)
{
    return LT_COL_DATA(&in->cols[spec->count_col], const int64_t)[row];
}

typedef struct {
    const lt_local_agg_spec *spec;
    lt_op *op;
    const lt_batch *in;
    lt_aggset *set; /* made with `partials` */
    lt_cells *cells;
    lt_arena *arena;
} lt_partials;

/* records[i] += the partial row rows[i]. */
lt_status lt_partials_add(const lt_partials *from, uint8_t *const *records, const uint32_t *rows,
                          uint32_t count, lt_error *err);
