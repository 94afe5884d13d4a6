/* Aggregate functions: vectorised accumulators in state records. An accumulator is a fixed-size,
 * 8-aligned, machine-independent record that starts zeroed; what varies in length lies in cells.
 * DISTINCT and FILTER are the operator's work: it hands over just the rows that count. */
#pragma once

#include "data/batch.h"
#include "data/cells.h"
#include "expr/expr.h"

typedef struct lt_agg lt_agg;
typedef struct lt_agg_class lt_agg_class;

/* One bound aggregate call. */
struct lt_agg {
    const lt_agg_class *cls;
    const lt_type *result;
    lt_expr **args; /* over the aggregate's input; coerced */
    uint32_t arg_count;
    bool distinct;
    lt_expr *filter;     /* BOOLEAN or NULL */
    bool retracts;       /* the input may take rows away: the retractable variant was chosen */
    uint32_t state_size; /* bytes, multiple of 8 */
    uint32_t cell_count; /* lt_cell members at the record's start offsets cell_offsets[] */
    uint32_t cell_offsets[4];
    const void *bound;              /* what bind prepared */
    const char *shown;              /* the name to print; NULL: the class's */
    const char *clause;             /* printed behind the arguments, or NULL */
    const struct lt_native *native; /* of a library's function (native.h); NULL: a built-in one */
};

struct lt_agg_class {
    const char *name;
    /* Adds (sign > 0) or takes away (sign < 0) one row each: states[i] += the arguments at rows[i].
     * args[a] are evaluated columns. */
    lt_status (*update)(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                        const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                        lt_error *err);
    /* dst[i] += src[i]; src stays. Rows of dst come before those of src in arrival order. */
    lt_status (*merge)(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                       uint32_t count, lt_cells *dst_cells, lt_error *err);
    /* Results into rows 0 .. count-1 of out (initialised for that capacity); bytes are copied into
     * the arena. */
    lt_status (*finish)(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                        lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err);
};

/* Rows to add one after the other; record i takes row rows[i]. */
typedef struct {
    uint8_t *const *records;
    uint32_t offset;    /* of the accumulator in a record */
    const lt_col *args; /* evaluated columns */
    const uint32_t *rows;
    uint32_t count;
    uint32_t cap; /* of the result column */
    lt_arena *arena;
} lt_agg_run;

/* Adds the rows and writes into out[i] the record's result right after row i: the same as update()
 * and finish() for one row at a time. */
typedef lt_status (*lt_agg_run_fn)(const lt_agg *agg, const lt_agg_run *rows, lt_col *out,
                                   lt_error *err);
/* NULL for calls that have no such form. */
lt_agg_run_fn lt_agg_running(const lt_agg *agg);

/* Binds an aggregate call; COUNT(*) is name COUNT without arguments. retracts: choose the form that
 * can take rows away, LT_ERR_UNSUPPORTED when there is none. */
lt_status lt_agg_bind(lt_expr_builder *b, lt_str name, lt_expr *const *args, uint32_t arg_count,
                      bool distinct, lt_expr *filter, bool retracts, uint32_t pos, lt_agg **out,
                      lt_error *err);
/* The same call for a retracting (or append-only) input. */
lt_status lt_agg_rebind(lt_expr_builder *b, const lt_agg *agg, bool retracts, lt_agg **out,
                        lt_error *err);
void lt_agg_print(const lt_agg *agg, const lt_schema *input, lt_text *to);
bool lt_agg_eq(const lt_agg *a, const lt_agg *b);
