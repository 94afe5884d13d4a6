/* Value generators of datagen: one tree a column, compiled from the options. */
#pragma once

#include "connector/connector_int.h"

extern const lt_connector lt_conn_datagen;

typedef struct lt_gen lt_gen;

struct lt_gen {
    const lt_type *type;
    bool sequence;
    int64_t start; /* sequence */
    int64_t end;   /* inclusive */
    int64_t min;   /* integers, intervals */
    int64_t max;
    lt_i128 wide_min; /* decimals, unscaled */
    lt_i128 wide_max;
    double real_min;
    double real_max;
    int64_t length; /* strings, bytes, collections */
    bool var_len;
    double null_rate;
    int64_t max_past_ms;
    lt_gen *children; /* per child of the type */
};

/* A generator for `type`, whose options begin with `fields.<name>.`. The tree lives in the arena.
 */
lt_status lt_gen_new(const lt_table_ctx *ctx, lt_arena *arena, lt_str name, const lt_type *type,
                     lt_gen *out, lt_error *err);

typedef struct {
    uint64_t state;  /* of the pseudo-random numbers of this value */
    uint64_t row_no; /* counts rows from 0, for sequences */
    int64_t wall_us;
    lt_arena *arena;
} lt_gen_run;

/* Writes one value. false = out of memory. */
bool lt_gen_value(const lt_gen *gen, lt_gen_run *run, lt_col *col, uint32_t row, uint32_t row_cap);
