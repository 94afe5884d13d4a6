/* A set of aggregates over one input: evaluates arguments and FILTER once per batch, keeps the
 * DISTINCT sets, and drives the accumulators, which lie one behind the other in a state record:
 *
 *   | owner's header (head bytes) | accumulator 0 | accumulator 1 | ...
 *
 * DISTINCT: values are counted in tables of their own, keyed (prefix, arguments) -> count, where
 * the prefix is what the owner groups by (its keys, or a session's number). Calls with the same
 * arguments and FILTER share a table. An accumulator sees a value when its count becomes positive,
 * and loses it when it stops being so; counts may be negative while a retraction runs ahead of its
 * row in another slice. */
#pragma once

#include "expr/aggregate.h"
#include "op/op_int.h"

#define LT_AGG_CELLS_MAX 64 /* lt_cell members of one record */

typedef struct {
    uint32_t agg;         /* a call that uses the set: its arguments and FILTER */
    lt_rowcodec *codec;   /* prefix fields, then arguments */
    uint32_t field_count; /* of both */
    const lt_type **types;
    lt_table_decl decl;
} lt_distinct;

typedef struct {
    lt_agg **aggs;
    uint32_t count;
    uint32_t head;
    uint32_t size;     /* bytes of a record */
    uint32_t *offsets; /* of the accumulators */
    uint32_t cell_count;
    uint32_t cell_offsets[LT_AGG_CELLS_MAX];
    lt_evaluator ev;
    uint32_t *arg_at;    /* first argument's column */
    uint32_t *filter_at; /* the filter's column, or UINT32_MAX */
    uint32_t prefix_count;
    lt_distinct *distinct;
    uint32_t distinct_count;
    uint32_t *distinct_of; /* the call's set, or UINT32_MAX */
    lt_agg_run_fn *runs;   /* of every call; NULL when not all have that form */
} lt_aggset;

typedef struct {
    lt_agg **aggs;
    uint32_t count;
    uint32_t head;              /* bytes of the owner's header, a multiple of 8 */
    const uint32_t *head_cells; /* lt_cell members of the header */
    uint32_t head_cell_count;
    const lt_type *const *prefix; /* what DISTINCT sets are kept by */
    uint32_t prefix_count;
    uint32_t group_fields; /* of the prefix: lt_table_decl */
    int64_t ttl_ms;
    bool partials; /* accumulators and arguments come ready made; nothing is evaluated */
} lt_aggset_spec;

lt_status lt_aggset_init(lt_op *op, lt_aggset *set, const lt_aggset_spec *spec, lt_error *err);
void lt_aggset_deinit(lt_aggset *set);

/* One batch being aggregated. */
typedef struct {
    lt_op *op;
    const lt_batch *in;
    const lt_col *cols;          /* evaluated arguments and filters */
    const lt_col *const *prefix; /* columns over the batch's physical rows */
    lt_table *const *distinct;   /* table of each DISTINCT set */
    lt_cells *cells;
    lt_arena *arena;
    /* When given: told of each value that a set of a record did not hold before. */
    lt_status (*on_value)(void *arg, uint8_t *record, uint32_t distinct, const uint8_t *key,
                          uint32_t key_len, lt_error *err);
    void *arg;
} lt_agg_input;

/* records[i] += the row rows[i], for i < count; each row is added or taken away by its kind, per
 * record in order. */
lt_status lt_aggset_update(lt_aggset *set, const lt_agg_input *input, uint8_t *const *records,
                           const uint32_t *rows, uint32_t count, lt_error *err);
/* The same for rows of one sign. */
lt_status lt_aggset_update_signed(lt_aggset *set, const lt_agg_input *input,
                                  uint8_t *const *records, const uint32_t *rows, uint32_t count,
                                  int sign, lt_error *err);

/* dst[i] += src[i] for all calls without DISTINCT. */
lt_status lt_aggset_merge(lt_aggset *set, uint8_t *const *dst, uint8_t *const *src, uint32_t count,
                          lt_cells *dst_cells, lt_arena *arena, lt_error *err);

/* dst[i] += the accumulators at src[i], a record without its head. For sets with `partials`. */
lt_status lt_aggset_add(lt_aggset *set, uint8_t *const *dst, uint8_t *const *src, uint32_t count,
                        lt_cells *dst_cells, lt_arena *arena, lt_error *err);

/* Values of one DISTINCT set that come from elsewhere (another slice, a merged session): counts[i]
 * more of the value in row i of fields (prefix and arguments), belonging to records[i]. Updates the
 * set's table and the calls that use it. */
typedef struct {
    uint32_t distinct;
    const lt_col *fields;
    const int64_t *counts;
    uint8_t *const *records;
    uint32_t count;
} lt_distinct_rows;

lt_status lt_aggset_add_values(lt_aggset *set, const lt_agg_input *input,
                               const lt_distinct_rows *rows, lt_error *err);

/* Results into cols[0 .. count of calls) at rows 0 .. count-1; bytes go into arena, temporaries
 * into temp. */
typedef struct {
    uint8_t *const *records;
    uint32_t count;
    lt_col *cols;
    uint32_t cap;
    lt_arena *arena;
    lt_arena *temp;
} lt_agg_results;

lt_status lt_aggset_finish(lt_aggset *set, const lt_agg_results *to, lt_error *err);

/* For sets with `runs`: to->records[i] += the row rows[i], one after the other, and row i of the
 * results is what the record then holds. Only inserted rows. */
lt_status lt_aggset_run(lt_aggset *set, const lt_agg_input *input, const uint32_t *rows,
                        const lt_agg_results *to, lt_error *err);

/* Zeroes the accumulators of a record and frees their cells. */
void lt_aggset_reset(const lt_aggset *set, uint8_t *record, lt_cells *cells);
