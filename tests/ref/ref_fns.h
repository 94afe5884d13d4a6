/* The functions that the reference knows. */
#pragma once

#include "ref.h"

/* Letters: b BOOLEAN, t TINYINT, h SMALLINT, i INT, l BIGINT, d DOUBLE, p a DECIMAL, s STRING, a
 * DATE, k TIMESTAMP(3), z TIMESTAMP(9). As arguments also literals: n a small INT, m one from 1 to
 * 5, y text of one to three characters, q a LIKE pattern; and x short text. In templates # stands
 * for `extra`, one of 0 .. extras - 1, by its name. */
typedef struct {
    const char *sql;
    char result;
    const char *args;
    ref_fn fn;
    int extras;
    const char *const *names;
} ref_function;

extern const ref_function ref_functions[];
extern const int ref_function_count;
extern const ref_function ref_text_functions[];
extern const int ref_text_count;

/* CAST between these kinds; NULL: not known to the reference. */
ref_fn ref_cast(ref_kind from, ref_kind to);
/* a op b for numbers of the kinds that node->args have. */
ref_val ref_arith(const ref_node *node, const ref_val *args);
ref_val ref_compare_op(const ref_node *node, const ref_val *args);
/* Of DECIMAL: extra 0 FLOOR, 1 CEIL, 2 ABS, 3 negation, 4 ROUND to the scale of the result. */
ref_val ref_dec_function(const ref_node *node, const ref_val *args);
ref_val ref_extreme(const ref_node *node, const ref_val *args); /* extra 0: GREATEST, 1: LEAST */
