/* VARIANT values. A value is stored as JSON text in one canonical form: keys in order and once,
 * no blanks, integers and decimals plain and without needless zeros, other numbers as Java prints a
 * DOUBLE. Equal values therefore have equal bytes, so that keys, state and comparison need no form
 * of their own, and printing is copying. `Infinity` stands for numbers that are too large. */
#pragma once

#include "base/str.h"
#include "expr/jsontree.h"

/* Writes a parsed document canonically. false: a key stands twice in an object and `doubles` is
 * false (with true the last one counts). */
bool lt_variant_write(const lt_json *value, bool doubles, lt_text *to);

/* The element at `index` (from 1), or the member of that name; false: there is none. Views into
 * `value`. */
bool lt_variant_element(lt_str value, int64_t index, lt_str *out);
bool lt_variant_member(lt_str value, lt_str key, lt_text *scratch, lt_str *out);
