/* Exact decimals: unscaled integers of up to 38 digits, 256 bits in between, HALF_UP rounding.
 * Results that do not fit are reported by false (Flink makes them NULL). */
#pragma once

#include "base/compiler.h"
#include "data/column.h"

#define LT_DECIMAL_DIGITS_MAX 38

lt_i128 lt_pow10(int exponent); /* 0 .. 38 */

LT_INLINE bool lt_decimal_wide(const lt_type *type)
{
    return type->precision > 18;
}
LT_INLINE lt_i128 lt_decimal_load(const void *data, bool wide, uint32_t row)
{
    return wide ? ((const lt_i128 *)data)[row] : (lt_i128)((const int64_t *)data)[row];
}
LT_INLINE void lt_decimal_store(void *data, bool wide, uint32_t row, lt_i128 value)
{
    if (wide) {
        ((lt_i128 *)data)[row] = value;
    } else {
        ((int64_t *)data)[row] = (int64_t)value;
    }
}

bool lt_decimal_fits(lt_i128 value, int precision);
/* value * 10^(to - from), rounded. */
bool lt_decimal_rescale(lt_i128 value, int from_scale, int to_scale, int precision, lt_i128 *out);
/* a * b / 10^drop, rounded. */
bool lt_decimal_mul(lt_i128 a, lt_i128 b, int drop, int precision, lt_i128 *out);
/* a * 10^shift / b, rounded; b is not 0; shift may be negative. */
bool lt_decimal_div(lt_i128 a, lt_i128 b, int shift, int precision, lt_i128 *out);
/* Remainder of a (scale a_scale) by b (scale b_scale) with the larger of the scales; sign of a; b
 * is not 0. */
bool lt_decimal_mod(lt_i128 a, int a_scale, lt_i128 b, int b_scale, lt_i128 *out);
/* a * 10^x + b * 10^y, then rounded by 10^-drop. */
bool lt_decimal_add(lt_i128 a, int x, lt_i128 b, int y, int drop, int precision, lt_i128 *out);

double lt_decimal_to_f64(lt_i128 value, int scale);
/* As Java's BigDecimal.valueOf(double) does it, from the shortest text. false: not finite or does
 * not fit. */
bool lt_decimal_from_f64(double value, int precision, int scale, lt_i128 *out);
/* `-12.50`, `.5`, `1e3`; blanks around are ignored. false: *bad tells text that is no number from
 * one that does not fit. */
bool lt_decimal_parse(const char *ptr, size_t len, int precision, int scale, lt_i128 *out,
                      bool *bad);
