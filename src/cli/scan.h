/* A glance at SQL text: just enough tokens to see which result mode a script sets, whether a
 * statement is a query and which tables it names. The engine parses; nothing here judges. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

typedef enum {
    LT_SCAN_END,
    LT_SCAN_WORD,
    LT_SCAN_QUOTED /* `name` */,
    LT_SCAN_STRING,
    LT_SCAN_SIGN
} lt_scan_kind;

typedef struct {
    lt_str sql;
    size_t at;
    lt_scan_kind kind;
    lt_str text; /* without quotes, doubled quotes inside left as they are */
} lt_scan;

/* Moves to the next token; comments and blanks are skipped. False at the end. */
bool lt_scan_next(lt_scan *scan);

/* The last value given by SET 'key' = 'value' in the text; {NULL, 0} when none. */
lt_str lt_scan_setting(lt_str sql, const char *key);

/* The next table named after FROM, JOIN or a comma behind one; starts where *scan stands. False
 * when none is left. */
bool lt_scan_table(lt_scan *scan);

/* The first word of the statement at the offset; {NULL, 0} when none. second may be NULL. */
lt_str lt_scan_verb(lt_str sql, size_t offset, lt_str *second);
