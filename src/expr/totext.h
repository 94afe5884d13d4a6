/* Any value as the SQL text that CAST(.. AS STRING) gives. */
#pragma once

#include "data/value.h"
#include "expr/timezone.h"

/* zone: for TIMESTAMP_LTZ; NULL = UTC. The value is not NULL. Nested NULLs print as NULL. */
void lt_col_value_to_text(const lt_zone *zone, const lt_type *type, const lt_col *col, uint32_t row,
                          lt_text *to);
void lt_value_to_text(const lt_value *value, lt_text *to);
/* Scalars without strings: into a buffer of at least 96 bytes. Returns the length, or -1 when the
 * type is a string or nested. */
int lt_scalar_to_text(const lt_zone *zone, const lt_type *type, const lt_col *col, uint32_t row,
                      char *buf);
