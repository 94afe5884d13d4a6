/* Values as text. Three styles that differ as Flink's do:
 *   LT_TEXT_SQL   what CAST(x AS STRING) gives: `TRUE`, `2020-01-31 10:08:09.123`, `[1, NULL]`,
 * `{k=v}`, `(1, a)` LT_TEXT_JAVA  what print and Row.toString give: `true`,
 * `2020-01-31T10:08:09.123`, `null`, nested `+I[1, 2]`, bytes as `[10, -1]` LT_TEXT_SHELL as the
 * SQL client's tables: `TRUE`, `<NULL>`, bytes as x'..' JSON is the json format's business. */
#pragma once

#include "data/batch.h"

typedef enum { LT_TEXT_SQL, LT_TEXT_JAVA, LT_TEXT_SHELL } lt_text_style;

void lt_text_value(lt_text *to, const lt_col *col, uint32_t row, lt_text_style style);
/* `+I[a, b]` in Java style. */
void lt_text_row(lt_text *to, const lt_batch *batch, uint32_t row);
const char *lt_kind_text(uint8_t kind); /* "+I" "-U" "+U" "-D" */

/* Java's Double.toString / Float.toString (JDK 19+ shortest form, as in `1.0E10`, `123.456`, `NaN`,
 * `Infinity`). */
void lt_text_double(lt_text *to, double value);
void lt_text_float(lt_text *to, float value);
void lt_text_decimal(lt_text *to, lt_i128 unscaled, unsigned scale);
