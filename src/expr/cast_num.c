/* Casts among BOOLEAN, integers, floating point and DECIMAL. Integers wrap, floating point
 * saturates at int and long and then wraps, as in Java; decimals that do not fit become NULL. */
#include <math.h>

#include "expr/cast_int.h"
#include "expr/decimal.h"
#include "expr/javafmt.h"

LT_INLINE int32_t saturate_i32(double x)
{
    if (!(x > (double)INT32_MIN)) {
        return x <= (double)INT32_MIN ? INT32_MIN : 0; /* NaN is 0 */
    }
    return x >= (double)INT32_MAX ? INT32_MAX : (int32_t)x;
}

LT_INLINE int64_t saturate_i64(double x)
{
    if (!(x > (double)INT64_MIN)) {
        return x <= (double)INT64_MIN ? INT64_MIN : 0;
    }
    return x >= 9223372036854775807.0 ? INT64_MAX : (int64_t)x;
}

#define CAST_BODY(T, U, EXPR)                    \
    do {                                         \
        const T *restrict a = LT_ARG(k, 0, T);   \
        U *restrict out = LT_OUT(k, U);          \
        for (uint32_t i = 0; i < k->rows; i++) { \
            const T x = a[i];                    \
            out[i] = (U)(EXPR);                  \
        }                                        \
    } while (0)

#define CAST_KERNEL(FROM, TO, T, U, EXPR) LT_WIDE_KERNEL(cast_##FROM##_##TO, CAST_BODY(T, U, EXPR))

#define FROM_INT(NAME, T)                    \
    CAST_KERNEL(NAME, b, T, uint8_t, x != 0) \
    CAST_KERNEL(NAME, i8, T, int8_t, x)      \
    CAST_KERNEL(NAME, i16, T, int16_t, x)    \
    CAST_KERNEL(NAME, i32, T, int32_t, x)    \
    CAST_KERNEL(NAME, i64, T, int64_t, x)    \
    CAST_KERNEL(NAME, f32, T, float, x)      \
    CAST_KERNEL(NAME, f64, T, double, x)

#define FROM_FLOAT(NAME, T)                                     \
    CAST_KERNEL(NAME, b, T, uint8_t, x != 0)                    \
    CAST_KERNEL(NAME, i8, T, int8_t, saturate_i32((double)x))   \
    CAST_KERNEL(NAME, i16, T, int16_t, saturate_i32((double)x)) \
    CAST_KERNEL(NAME, i32, T, int32_t, saturate_i32((double)x)) \
    CAST_KERNEL(NAME, i64, T, int64_t, saturate_i64((double)x)) \
    CAST_KERNEL(NAME, f32, T, float, x)                         \
    CAST_KERNEL(NAME, f64, T, double, x)

FROM_INT(b, uint8_t)
FROM_INT(i8, int8_t)
FROM_INT(i16, int16_t)
FROM_INT(i32, int32_t)
FROM_INT(i64, int64_t)
FROM_FLOAT(f32, float)
FROM_FLOAT(f64, double)

enum { B, I8, I16, I32, I64, F32, F64, NUMBER_COUNT };

#define ROW_OF(NAME)                                                             \
    {                                                                            \
        cast_##NAME##_b, cast_##NAME##_i8, cast_##NAME##_i16, cast_##NAME##_i32, \
            cast_##NAME##_i64, cast_##NAME##_f32, cast_##NAME##_f64              \
    }

static const lt_kernel number_casts[NUMBER_COUNT][NUMBER_COUNT] = {
    ROW_OF(b), ROW_OF(i8), ROW_OF(i16), ROW_OF(i32), ROW_OF(i64), ROW_OF(f32), ROW_OF(f64),
};

static int number_index(const lt_type *type)
{
    switch ((int)type->kind) {
    case LT_TYPE_BOOLEAN:
        return B;
    case LT_TYPE_TINYINT:
        return I8;
    case LT_TYPE_SMALLINT:
        return I16;
    case LT_TYPE_INT:
    case LT_TYPE_INTERVAL_MONTH:
        return I32;
    case LT_TYPE_BIGINT:
    case LT_TYPE_INTERVAL_SECOND:
        return I64;
    case LT_TYPE_FLOAT:
        return F32;
    case LT_TYPE_DOUBLE:
        return F64;
    default:
        return -1;
    }
}

/* ---- decimals ---- */

static int64_t load_i64(const lt_col *col, uint32_t row)
{
    switch ((int)col->phys) {
    case LT_PHYS_BOOL:
        return LT_COL_DATA(col, const uint8_t)[row];
    case LT_PHYS_I8:
        return LT_COL_DATA(col, const int8_t)[row];
    case LT_PHYS_I16:
        return LT_COL_DATA(col, const int16_t)[row];
    case LT_PHYS_I32:
        return LT_COL_DATA(col, const int32_t)[row];
    default:
        return LT_COL_DATA(col, const int64_t)[row];
    }
}

static lt_status int_to_decimal(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_type *to = lt_k_cast(k)->to;
    bool wide = lt_decimal_wide(to);
    LT_EACH(k, row)
    {
        lt_i128 value = 0;
        if (!lt_decimal_rescale(load_i64(k->args[0].col, row), 0, to->scale, to->precision,
                                &value)) {
            lt_k_null(k, row);
            continue;
        }
        lt_decimal_store(k->out->data, wide, row, value);
    }
    return LT_OK;
}

/* An int of at most 10 digits always has room in a 64-bit decimal of enough whole digits. */
#define INT_TO_SMALL(NAME, T)                                            \
    static lt_status NAME(lt_kctx *k, lt_error *err)                     \
    {                                                                    \
        (void)err;                                                       \
        const T *restrict a = LT_ARG(k, 0, T);                           \
        int64_t *restrict out = LT_OUT(k, int64_t);                      \
        const int64_t unit = (int64_t)lt_pow10(lt_k_cast(k)->to->scale); \
        for (uint32_t i = 0; i < k->rows; i++) {                         \
            out[i] = (int64_t)((uint64_t)a[i] * (uint64_t)unit);         \
        }                                                                \
        return LT_OK;                                                    \
    }

INT_TO_SMALL(small_i8, int8_t)
INT_TO_SMALL(small_i16, int16_t)
INT_TO_SMALL(small_i32, int32_t)

static lt_status float_to_decimal(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_type *to = lt_k_cast(k)->to;
    bool wide = lt_decimal_wide(to), single = k->args[0].col->phys == LT_PHYS_F32;
    LT_EACH(k, row)
    {
        double x = single ? (double)LT_ARG(k, 0, float)[row] : LT_ARG(k, 0, double)[row];
        lt_i128 value = 0;
        if (!isfinite(x)) {
            char text[LT_NUMBER_TEXT_MAX];
            size_t len = lt_format_f64(x, text);
            lt_cast_fail(k, row, (lt_str){text, len});
            continue;
        }
        if (!lt_decimal_from_f64(x, to->precision, to->scale, &value)) {
            lt_k_null(k, row);
            continue;
        }
        lt_decimal_store(k->out->data, wide, row, value);
    }
    return LT_OK;
}

static lt_status decimal_to_decimal(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_type *from = lt_k_cast(k)->from, *to = lt_k_cast(k)->to;
    bool wide_from = lt_decimal_wide(from), wide_to = lt_decimal_wide(to);
    LT_EACH(k, row)
    {
        lt_i128 value = 0;
        if (!lt_decimal_rescale(lt_decimal_load(k->args[0].col->data, wide_from, row), from->scale,
                                to->scale, to->precision, &value)) {
            lt_k_null(k, row);
            continue;
        }
        lt_decimal_store(k->out->data, wide_to, row, value);
    }
    return LT_OK;
}

/* Fraction cut, then Java's narrowing: the low bits. */
static lt_status decimal_to_int(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_type *from = lt_k_cast(k)->from;
    bool wide = lt_decimal_wide(from);
    lt_i128 unit = lt_pow10(from->scale);
    LT_EACH(k, row)
    {
        int64_t x = (int64_t)(lt_decimal_load(k->args[0].col->data, wide, row) / unit);
        switch ((int)k->out->phys) {
        case LT_PHYS_I8:
            LT_OUT(k, int8_t)[row] = (int8_t)x;
            break;
        case LT_PHYS_I16:
            LT_OUT(k, int16_t)[row] = (int16_t)x;
            break;
        case LT_PHYS_I32:
            LT_OUT(k, int32_t)[row] = (int32_t)x;
            break;
        default:
            LT_OUT(k, int64_t)[row] = x;
            break;
        }
    }
    return LT_OK;
}

static lt_status decimal_to_f64(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_type *from = lt_k_cast(k)->from;
    bool wide = lt_decimal_wide(from);
    LT_EACH(k, row)
    {
        LT_OUT(k, double)
        [row] = lt_decimal_to_f64(lt_decimal_load(k->args[0].col->data, wide, row), from->scale);
    }
    return LT_OK;
}

static lt_status decimal_to_f32(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_type *from = lt_k_cast(k)->from;
    bool wide = lt_decimal_wide(from);
    LT_EACH(k, row)
    {
        lt_i128 value = lt_decimal_load(k->args[0].col->data, wide, row);
        LT_OUT(k, float)[row] = (float)lt_decimal_to_f64(value, from->scale);
    }
    return LT_OK;
}

static lt_status decimal_to_bool(lt_kctx *k, lt_error *err)
{
    (void)err;
    bool wide = lt_decimal_wide(lt_k_cast(k)->from);
    LT_EACH(k, row)
    {
        LT_OUT(k, uint8_t)[row] = lt_decimal_load(k->args[0].col->data, wide, row) != 0;
    }
    return LT_OK;
}

static void pick_to_decimal(lt_cast *cast)
{
    static const lt_kernel small[] = {[I8] = small_i8, [I16] = small_i16, [I32] = small_i32};
    static const int digits[] = {[I8] = 3, [I16] = 5, [I32] = 10};
    int from = number_index(cast->from);
    if (from == F32 || from == F64) {
        cast->kernel = float_to_decimal;
        return;
    }
    if (from >= I8 && from <= I32 && !lt_decimal_wide(cast->to) &&
        cast->to->precision - cast->to->scale >= digits[from]) {
        cast->kernel = small[from];
        cast->flags = LT_FUNC_DENSE;
        return;
    }
    cast->kernel = int_to_decimal;
}

void lt_cast_pick_number(lt_cast *cast)
{
    int from = number_index(cast->from), to = number_index(cast->to);
    bool decimal_from = cast->from->kind == LT_TYPE_DECIMAL;
    bool decimal_to = cast->to->kind == LT_TYPE_DECIMAL;
    if (from >= 0 && to >= 0) {
        cast->kernel = number_casts[from][to];
        cast->flags = LT_FUNC_DENSE;
    } else if (from >= 0 && decimal_to) {
        pick_to_decimal(cast);
    } else if (decimal_from && decimal_to) {
        cast->kernel = decimal_to_decimal;
    } else if (decimal_from && to >= I8 && to <= I64) {
        cast->kernel = decimal_to_int;
    } else if (decimal_from && to >= 0) {
        cast->kernel = to == F64 ? decimal_to_f64 : to == F32 ? decimal_to_f32 : decimal_to_bool;
    }
}
