/* Functions whose typing is plain: a letter for each argument, one for the result, one kernel. */
#pragma once

#include "expr/kernel.h"

/* Arguments: s string, y bytes, x either, i INT (narrower integers widen), l BIGINT (any integer),
 * d DOUBLE (any number), b BOOLEAN; '+' after the last letter repeats it. Results: S STRING, Y
 * BYTES, I INT, L BIGINT, D DOUBLE, B BOOLEAN; A ARRAY<STRING NOT NULL>; N ARRAY<STRING>; M
 * MAP<STRING, STRING>. */
typedef struct {
    const char *args;
    char result;
    bool null; /* may be NULL for arguments that are not */
    lt_kernel kernel;
} lt_simple;

lt_status lt_in_simple(lt_infer *in, const lt_simple *simple, lt_error *err);
