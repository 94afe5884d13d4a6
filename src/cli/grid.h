/* Aligned columns for people: widths from the first rows, then rows as they come. Used for query
 * results, the ledger and Flink's tableau.
 *
 * Text is measured as terminals show it: East Asian wide characters take two cells, combining marks
 * none. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "base/str.h"

/* Cells that UTF-8 text takes; bad bytes count one each. */
uint32_t lt_text_width(lt_str text);
/* The longest prefix of at most width cells, in bytes. ANSI colour sequences (ESC [ .. m) take no
 * cells. */
size_t lt_text_fit(lt_str text, uint32_t width);

typedef enum {
    LT_GRID_PLAIN,  /* header, rule, two blanks between columns; longer values push the line */
    LT_GRID_TABLEAU /* Flink's boxes: all to the right, longer values cut with ... */
} lt_grid_style;

typedef struct {
    const char *name; /* borrowed */
    uint32_t width;
    bool right;
} lt_grid_column;

typedef struct {
    lt_mem *mem;
    lt_grid_style style;
    bool utf8;          /* may the rule be drawn with box characters */
    bool raw;           /* leave control characters in values as they are */
    uint32_t width_max; /* of a column whose width comes from its values; 0 = none */
    bool fixed;         /* widths are decided */
    LT_ARRAY(lt_grid_column) columns;
    LT_ARRAY(size_t) ends; /* of the cells of rows not yet printed, in `kept` */
    lt_text kept;
    bool failed; /* an allocation did; sticky */
} lt_grid;

void lt_grid_init(lt_grid *grid, lt_mem *mem, lt_grid_style style);
void lt_grid_deinit(lt_grid *grid);
/* width: at least this; the name is borrowed */
void lt_grid_column_add(lt_grid *grid, const char *name, bool right, uint32_t width);
/* The next value, row by row. */
void lt_grid_cell(lt_grid *grid, lt_str text);
size_t lt_grid_waiting(const lt_grid *grid); /* rows that were not printed yet */
/* Decides the widths (the first time: prints the header too) and prints what waits. False when out
 * of memory. */
bool lt_grid_print(lt_grid *grid, lt_text *to);
void lt_grid_rule(const lt_grid *grid, lt_text *to); /* TABLEAU's border line */
