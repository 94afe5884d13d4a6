/* Numbers from text as Java reads them: what the JSON and CSV decoders share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "data/column.h"

typedef enum { LT_NUM_OK, LT_NUM_BAD, LT_NUM_RANGE } lt_num_result;

/* Double.parseDouble without its blanks and hexadecimal forms: decimal, `NaN`, `Infinity` with
 * sign, an optional suffix d, D, f or F. */
bool lt_num_f64(lt_str text, double *out);
bool lt_num_f32(lt_str text, float *out);

/* new BigDecimal(text) rounded half up to `scale` digits, as the unscaled value; LT_NUM_RANGE when
 * it has more than `precision` digits then. */
lt_num_result lt_num_decimal(lt_str text, unsigned precision, unsigned scale, lt_i128 *out);

/* The integer part of a decimal number (with fraction or exponent), truncated toward zero, if it
 * fits 64 bits. */
bool lt_num_trunc_i64(lt_str text, int64_t *out);

void lt_num_put_i64(lt_text *to, int64_t value);

/* BigDecimal.stripTrailingZeros().toString(): `1.5`, `1E+21`, `1E-10`, `0`. */
void lt_num_put_stripped(lt_text *to, lt_i128 unscaled, unsigned scale);

/* Blanks as String.trim() sees them: everything up to U+0020. */
lt_str lt_num_trim(lt_str text);

/* ---- eight digits at a time; little-endian words as loaded from text ---- */

LT_INLINE uint64_t lt_load64(const char *ptr)
{
    uint64_t word;
    memcpy(&word, ptr, sizeof word);
    return word;
}

/* High nibbles are non-zero from the first byte on that is no digit; bytes before it are exact. */
LT_INLINE uint64_t lt_digits_end(uint64_t word)
{
    uint64_t nibbles = word ^ 0x3030303030303030ULL;
    return ((nibbles + 0x0606060606060606ULL) | nibbles) & 0xF0F0F0F0F0F0F0F0ULL;
}

/* Eight digit values (not characters), first digit in the lowest byte. */
LT_INLINE uint64_t lt_digits_value(uint64_t digits)
{
    digits = digits * 10 + (digits >> 8);
    return (((digits & 0x000000FF000000FFULL) * 0x000F424000000064ULL) +
            (((digits >> 16) & 0x000000FF000000FFULL) * 0x0000271000000001ULL)) >>
           32;
}
