/* Result rows as text in one of the output formats. A writer fills a text buffer; the caller
 * decides when to put it on stdout.
 *
 * Streaming results (rows of other kinds than +I) get a first column or key `op`. */
#pragma once

#include <leat/leat.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/str.h"

typedef enum {
    LT_OUTPUT_TABLE,
    LT_OUTPUT_TABLEAU,
    LT_OUTPUT_CSV,
    LT_OUTPUT_TSV,
    LT_OUTPUT_JSON,
    LT_OUTPUT_JSONL,
    LT_OUTPUT_CHANGELOG,
    LT_OUTPUT_PLAIN /* the values alone, one a line: EXPLAIN, SHOW CREATE */
} lt_output;

bool lt_output_find(lt_str name, lt_output *out); /* "table" .. "tableau" */

typedef struct {
    lt_output format;
    bool op;            /* show the row kind */
    bool utf8;          /* box characters may be used */
    bool raw;           /* TABLEAU: leave control characters */
    uint32_t width_max; /* TABLEAU: of columns of variable length; 0 = 30 */
} lt_writer_options;

typedef struct lt_writer lt_writer;

/* The job is borrowed for the call alone. */
lt_status lt_writer_new(lt_mem *mem, const leat_job *job, const lt_writer_options *options,
                        lt_writer **out, lt_error *err);
void lt_writer_free(lt_writer *writer); /* accepts NULL */
/* rows as leat_take gave them, with their number. */
lt_status lt_writer_rows(lt_writer *writer, leat_rows *rows, uint32_t count, lt_error *err);
/* Lays out what waits for widths: call it when no further row is at hand. */
lt_status lt_writer_settle(lt_writer *writer, lt_error *err);
/* The end: what remains, closing lines, counts. */
lt_status lt_writer_finish(lt_writer *writer, lt_error *err);
lt_text *lt_writer_text(lt_writer *writer); /* taken by the caller with lt_text_clear */
uint64_t lt_writer_count(const lt_writer *writer);
