/* Variable-length values beside fixed-size records: a MIN over strings, a LISTAGG, a list of
 * sessions. A record holds a 16-byte lt_cell; the bytes live in the table's cell store, in
 * power-of-two size classes with free lists. The cell is all zero for "no value". */
#pragma once

#include "base/arena.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/str.h"

typedef struct {
    uint32_t len;
    uint32_t cap_class; /* 0 = nothing stored */
    uint8_t *ptr;
} lt_cell;

typedef struct lt_cells lt_cells;

/* Memory for the length of one call, kept for the next one: what was handed out before is gone.
 * NULL = out of memory. */
lt_arena *lt_cells_scratch(lt_cells *cells);

lt_cells *lt_cells_new(lt_mem *mem); /* NULL = out of memory */
void lt_cells_free(lt_cells *cells); /* frees all cells' bytes; accepts NULL */

/* Forgets all cells' bytes, keeps some memory for the next ones. Cells still pointing there must be
 * dropped or zeroed. */
void lt_cells_reset(lt_cells *cells);

/* Makes the cell hold len bytes (contents of the first min(old, new) bytes kept); ptr is 8-byte
 * aligned. false = out of memory. */
bool lt_cells_resize(lt_cells *cells, lt_cell *cell, uint32_t len);
/* Makes the cell hold fewer bytes. Cannot fail: without memory for a smaller block it keeps its
 * own.
 */
void lt_cells_shrink(lt_cells *cells, lt_cell *cell, uint32_t len);
/* bytes must not lie in the cell itself. A cell holds at most 4 GiB - 1. */
bool lt_cells_set(lt_cells *cells, lt_cell *cell, const void *bytes, uint32_t len);
bool lt_cells_append(lt_cells *cells, lt_cell *cell, const void *bytes, uint32_t len);
void lt_cells_clear(lt_cells *cells, lt_cell *cell);
LT_INLINE lt_str lt_cell_str(const lt_cell *cell)
{
    return (lt_str){(const char *)cell->ptr, cell->len};
}
