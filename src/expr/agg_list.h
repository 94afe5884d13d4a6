/* Lists of encoded values in a cell, for the aggregates that keep values: entries back to back,
 * each u32 length, i32 count, bytes of the plain row form of one field. Little-endian; order of
 * first arrival. */
#pragma once

#include "data/rowcodec.h"
#include "expr/agg_int.h"

typedef struct {
    int64_t count; /* values held */
    lt_cell cell;
} lt_agg_list;

typedef struct {
    const lt_rowcodec *codec;
    const lt_type *type;
    lt_mem *mem;
    int op;
    lt_str separator;
} lt_agg_value;

typedef struct {
    uint32_t len;
    int32_t count;
    const uint8_t *bytes;
    uint32_t at;  /* offset of the entry */
    uint32_t end; /* offset behind it */
} lt_agg_entry;

/* Reads the entry at an offset; false at the end. */
bool lt_agg_list_at(const lt_cell *cell, uint32_t at, lt_agg_entry *entry);
bool lt_agg_list_append(lt_cells *cells, lt_cell *cell, const uint8_t *bytes, uint32_t len,
                        int32_t count);
void lt_agg_list_remove(lt_cells *cells, lt_cell *cell, const lt_agg_entry *entry);
/* The first entry with these bytes; false when there is none. */
bool lt_agg_list_find(const lt_cell *cell, const uint8_t *bytes, uint32_t len, lt_agg_entry *entry);

/* Prepares agg->bound (an lt_agg_value) for argument 0. */
lt_status lt_agg_value_bind(lt_agg_bind_ctx *c, lt_agg_value **out, lt_error *err);
/* Encodes argument 0 of the rows into a new arena, which the caller frees (also on failure, when
 * not NULL). */
lt_status lt_agg_encode(const lt_agg_value *bound, const lt_col *col, const uint32_t *rows,
                        uint32_t count, lt_arena **arena, lt_rows *out, lt_error *err);
/* Decodes into a new column of the element type with room for cap rows. */
lt_status lt_agg_decode(const lt_agg_value *bound, const uint8_t *const *ptrs, const uint32_t *lens,
                        uint32_t count, lt_arena *arena, lt_col *out, lt_error *err);
