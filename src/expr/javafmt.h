/* Numbers as text the way Java writes and reads them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define LT_NUMBER_TEXT_MAX 64

/* The shortest decimal digits that read back as the same number: value = digits * 10^exponent.
 * value finite and > 0. */
void lt_shortest_f64(double value, uint64_t *digits, int *exponent);
void lt_shortest_f32(float value, uint64_t *digits, int *exponent);

/* Double.toString and Float.toString: `1.0`, `1.0E10`, `NaN`, `-Infinity`. Returns the length; not
 * NUL-terminated. */
size_t lt_format_f64(double value, char *to);
size_t lt_format_f32(float value, char *to);
size_t lt_format_i64(int64_t value, char *to);
/* Plain notation with exactly `scale` digits behind the point. */
size_t lt_format_decimal(lt_i128 unscaled, int scale, char *to);

/* Double.parseDouble: blanks around, `1.5`, `.5`, `1e3`, `NaN`, `Infinity`, suffix d or f. */
bool lt_parse_f64(lt_str s, double *out);
bool lt_parse_f32(lt_str s, float *out);
