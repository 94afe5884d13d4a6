/* + - * / % and negation on integers, floating point and decimals. Integers wrap as Java's do;
 * integer and decimal division by zero fails the row. Temporal operands go to interval.c. */
#include <math.h>

#include "expr/cast.h"
#include "expr/decimal.h"
#include "expr/families.h"
#include "expr/kernel.h"

/* The loops over both operands, constants apart. */
#define BIN_BODY(T, EXPR)                         \
    do {                                          \
        const T *restrict a = LT_ARG(k, 0, T);    \
        const T *restrict b = LT_ARG(k, 1, T);    \
        T *restrict out = LT_OUT(k, T);           \
        uint32_t rows = k->rows;                  \
        if (k->args[1].mask == 0) {               \
            const T y = b[0];                     \
            for (uint32_t i = 0; i < rows; i++) { \
                const T x = a[i];                 \
                out[i] = (T)(EXPR);               \
            }                                     \
        } else if (k->args[0].mask == 0) {        \
            const T x = a[0];                     \
            for (uint32_t i = 0; i < rows; i++) { \
                const T y = b[i];                 \
                out[i] = (T)(EXPR);               \
            }                                     \
        } else {                                  \
            for (uint32_t i = 0; i < rows; i++) { \
                const T x = a[i];                 \
                const T y = b[i];                 \
                out[i] = (T)(EXPR);               \
            }                                     \
        }                                         \
    } while (0)

#define BIN_KERNEL(NAME, T, EXPR)                    \
    static lt_status NAME(lt_kctx *k, lt_error *err) \
    {                                                \
        (void)err;                                   \
        BIN_BODY(T, EXPR);                           \
        return LT_OK;                                \
    }

/* Unsigned arithmetic wraps; the result is read back as signed. */
#define INT_KERNELS(SUFFIX, T, U)                 \
    BIN_KERNEL(add_##SUFFIX, T, (U)((U)x + (U)y)) \
    BIN_KERNEL(sub_##SUFFIX, T, (U)((U)x - (U)y)) \
    BIN_KERNEL(mul_##SUFFIX, T, (U)((uint64_t)x * (uint64_t)y))

INT_KERNELS(i8, int8_t, uint8_t)
INT_KERNELS(i16, int16_t, uint16_t)
INT_KERNELS(i32, int32_t, uint32_t)
INT_KERNELS(i64, int64_t, uint64_t)
BIN_KERNEL(add_f32, float, x + y)
BIN_KERNEL(sub_f32, float, x - y)
BIN_KERNEL(mul_f32, float, x *y)
BIN_KERNEL(div_f32, float, x / y)
BIN_KERNEL(mod_f32, float, fmodf(x, y))
BIN_KERNEL(add_f64, double, x + y)
BIN_KERNEL(sub_f64, double, x - y)
BIN_KERNEL(mul_f64, double, x *y)
BIN_KERNEL(div_f64, double, x / y)
BIN_KERNEL(mod_f64, double, fmod(x, y))

static void fail_zero(lt_kctx *k, uint32_t row)
{
    lt_k_fail(k, row, "division-by-zero", "division by zero");
}

/* -1 apart: the smallest number divided by it overflows, which traps in C and wraps in Java. */
#define DIV_KERNELS(SUFFIX, T, U)                                    \
    static lt_status div_##SUFFIX(lt_kctx *k, lt_error *err)         \
    {                                                                \
        (void)err;                                                   \
        const T *restrict a = LT_ARG(k, 0, T);                       \
        const T *restrict b = LT_ARG(k, 1, T);                       \
        T *restrict out = LT_OUT(k, T);                              \
        uint32_t mask_a = k->args[0].mask, mask_b = k->args[1].mask; \
        if (mask_b == 0 && b[0] > 0) {                               \
            const T y = b[0];                                        \
            for (uint32_t i = 0; i < k->rows; i++) {                 \
                out[i] = (T)(a[i] / y);                              \
            }                                                        \
            return LT_OK;                                            \
        }                                                            \
        LT_EACH(k, row)                                              \
        {                                                            \
            const T y = b[row & mask_b], x = a[row & mask_a];        \
            if (y == 0) {                                            \
                fail_zero(k, row);                                   \
                continue;                                            \
            }                                                        \
            out[row] = (T)(y == -1 ? (T)(U)(0 - (U)x) : (T)(x / y)); \
        }                                                            \
        return LT_OK;                                                \
    }                                                                \
    static lt_status mod_##SUFFIX(lt_kctx *k, lt_error *err)         \
    {                                                                \
        (void)err;                                                   \
        const T *restrict a = LT_ARG(k, 0, T);                       \
        const T *restrict b = LT_ARG(k, 1, T);                       \
        T *restrict out = LT_OUT(k, T);                              \
        uint32_t mask_a = k->args[0].mask, mask_b = k->args[1].mask; \
        if (mask_b == 0 && b[0] > 0) {                               \
            const T y = b[0];                                        \
            for (uint32_t i = 0; i < k->rows; i++) {                 \
                out[i] = (T)(a[i] % y);                              \
            }                                                        \
            return LT_OK;                                            \
        }                                                            \
        LT_EACH(k, row)                                              \
        {                                                            \
            const T y = b[row & mask_b], x = a[row & mask_a];        \
            if (y == 0) {                                            \
                fail_zero(k, row);                                   \
                continue;                                            \
            }                                                        \
            out[row] = (T)(y == -1 ? 0 : x % y);                     \
        }                                                            \
        return LT_OK;                                                \
    }

DIV_KERNELS(i8, int8_t, uint8_t)
DIV_KERNELS(i16, int16_t, uint16_t)
DIV_KERNELS(i32, int32_t, uint32_t)
DIV_KERNELS(i64, int64_t, uint64_t)

/* In order of LT_OP_ADD, SUB, MUL, DIV, MOD. */
static const lt_kernel number_kernels[][5] = {
    [LT_PHYS_I8] = {add_i8, sub_i8, mul_i8, div_i8, mod_i8},
    [LT_PHYS_I16] = {add_i16, sub_i16, mul_i16, div_i16, mod_i16},
    [LT_PHYS_I32] = {add_i32, sub_i32, mul_i32, div_i32, mod_i32},
    [LT_PHYS_I64] = {add_i64, sub_i64, mul_i64, div_i64, mod_i64},
    [LT_PHYS_F32] = {add_f32, sub_f32, mul_f32, div_f32, mod_f32},
    [LT_PHYS_F64] = {add_f64, sub_f64, mul_f64, div_f64, mod_f64},
};

/* ---- decimals ---- */

typedef struct {
    bool wide_a, wide_b, wide_out;
    int scale_a, scale_b, scale, precision;
    int64_t up_a, up_b; /* + and - in 64 bits: what the operands are multiplied with */
} dec_op;

#define DEC_ADD64(NAME, OP)                                                  \
    static lt_status NAME(lt_kctx *k, lt_error *err)                         \
    {                                                                        \
        (void)err;                                                           \
        const dec_op *op = (const dec_op *)k->data;                          \
        const uint64_t up_a = (uint64_t)op->up_a, up_b = (uint64_t)op->up_b; \
        BIN_BODY(int64_t, (uint64_t)x *up_a OP(uint64_t) y *up_b);           \
        return LT_OK;                                                        \
    }

DEC_ADD64(dec_add64, +)
DEC_ADD64(dec_sub64, -)

static lt_status dec_mul64(lt_kctx *k, lt_error *err)
{
    (void)err;
    BIN_BODY(int64_t, (uint64_t)x * (uint64_t)y);
    return LT_OK;
}

LT_INLINE void dec_each(lt_kctx *k, bool (*compute)(const dec_op *, lt_i128, lt_i128, lt_i128 *),
                        const bool divides)
{
    const dec_op *op = (const dec_op *)k->data;
    LT_EACH(k, row)
    {
        lt_i128 a = lt_decimal_load(k->args[0].col->data, op->wide_a, row & k->args[0].mask);
        lt_i128 b = lt_decimal_load(k->args[1].col->data, op->wide_b, row & k->args[1].mask);
        lt_i128 result = 0;
        if (divides && b == 0) {
            fail_zero(k, row);
            continue;
        }
        if (!compute(op, a, b, &result)) {
            lt_k_null(k, row);
            continue;
        }
        lt_decimal_store(k->out->data, op->wide_out, row, result);
    }
}

static bool compute_add(const dec_op *op, lt_i128 a, lt_i128 b, lt_i128 *out)
{
    int scale = LT_MAX(op->scale_a, op->scale_b);
    return lt_decimal_add(a, scale - op->scale_a, b, scale - op->scale_b, scale - op->scale,
                          op->precision, out);
}

static bool compute_sub(const dec_op *op, lt_i128 a, lt_i128 b, lt_i128 *out)
{
    return compute_add(op, a, -b, out);
}

static bool compute_mul(const dec_op *op, lt_i128 a, lt_i128 b, lt_i128 *out)
{
    return lt_decimal_mul(a, b, op->scale_a + op->scale_b - op->scale, op->precision, out);
}

static bool compute_div(const dec_op *op, lt_i128 a, lt_i128 b, lt_i128 *out)
{
    return lt_decimal_div(a, b, op->scale + op->scale_b - op->scale_a, op->precision, out);
}

static bool compute_mod(const dec_op *op, lt_i128 a, lt_i128 b, lt_i128 *out)
{
    lt_i128 rest;
    int scale = LT_MAX(op->scale_a, op->scale_b);
    return lt_decimal_mod(a, op->scale_a, b, op->scale_b, &rest) &&
           lt_decimal_rescale(rest, scale, op->scale, op->precision, out);
}

#define DEC_KERNEL(NAME, DIVIDES)                          \
    static lt_status dec_##NAME(lt_kctx *k, lt_error *err) \
    {                                                      \
        (void)err;                                         \
        dec_each(k, compute_##NAME, DIVIDES);              \
        return LT_OK;                                      \
    }

DEC_KERNEL(add, false)
DEC_KERNEL(sub, false)
DEC_KERNEL(mul, false)
DEC_KERNEL(div, true)
DEC_KERNEL(mod, true)

/* ---- typing ---- */

static void as_decimal(const lt_type *type, int *precision, int *scale)
{
    *scale = 0;
    switch ((int)type->kind) {
    case LT_TYPE_TINYINT:
        *precision = 3;
        break;
    case LT_TYPE_SMALLINT:
        *precision = 5;
        break;
    case LT_TYPE_INT:
        *precision = 10;
        break;
    case LT_TYPE_BIGINT:
        *precision = 19;
        break;
    default:
        *precision = type->precision;
        *scale = type->scale;
        break;
    }
}

/* Flink keeps the integer digits and gives up scale, but not below 6. */
static void cap_decimal(int *precision, int *scale)
{
    if (*precision <= 38) {
        return;
    }
    int whole = *precision - *scale;
    int least = LT_MIN(*scale, 6);
    *scale = LT_MAX(38 - whole, least);
    *precision = 38;
}

void lt_decimal_result(int op, const lt_type *a, const lt_type *b, int *precision, int *scale)
{
    int p1, s1, p2, s2;
    as_decimal(a, &p1, &s1);
    as_decimal(b, &p2, &s2);
    switch (op) {
    case LT_OP_ADD:
    case LT_OP_SUB:
        *scale = LT_MAX(s1, s2);
        *precision = LT_MAX(p1 - s1, p2 - s2) + *scale + 1;
        break;
    case LT_OP_MUL:
        *scale = s1 + s2;
        *precision = p1 + p2 + 1;
        break;
    case LT_OP_DIV:
        *scale = LT_MAX(6, s1 + p2 + 1);
        *precision = p1 - s1 + s2 + *scale;
        break;
    default:
        *scale = LT_MAX(s1, s2);
        *precision = LT_MIN(p1 - s1, p2 - s2) + *scale;
        break;
    }
    cap_decimal(precision, scale);
}

static lt_status to_decimal(lt_infer *in, uint32_t arg, lt_error *err)
{
    const lt_type *type = in->args[arg]->type;
    if (type->kind == LT_TYPE_DECIMAL) {
        return LT_OK;
    }
    int precision, scale;
    as_decimal(type, &precision, &scale);
    return lt_in_cast(in, arg, lt_type_decimal(in->b->arena, (uint8_t)precision, 0, true), err);
}

static lt_status infer_decimal(lt_infer *in, lt_error *err)
{
    int op = in->func->op, precision, scale;
    const lt_type *a = in->args[0]->type, *b = in->args[1]->type;
    lt_decimal_result(op, a, b, &precision, &scale);
    const lt_type *divisor = b;
    bool whole = op == LT_OP_MOD && a->scale == 0 && b->scale == 0;
    if (whole) {
        int p, s;
        as_decimal(b, &p, &s);
        precision = p;
        scale = s;
    }
    LT_TRY(to_decimal(in, 0, err));
    LT_TRY(to_decimal(in, 1, err));
    a = in->args[0]->type;
    b = in->args[1]->type;
    /* A value that does not fit becomes NULL whatever the type says: only sums and products with
     * room for every digit never do. */
    dec_op *data = LT_NEW(in->b->arena, dec_op);
    in->type =
        lt_type_decimal(in->b->arena, (uint8_t)precision, (uint8_t)scale, lt_in_nullable(in));
    if (data == NULL || in->type == NULL) {
        return lt_error_nomem(err, "expression");
    }
    *data = (dec_op){.wide_a = lt_decimal_wide(a),
                     .wide_b = lt_decimal_wide(b),
                     .wide_out = lt_decimal_wide(in->type),
                     .scale_a = a->scale,
                     .scale_b = b->scale,
                     .scale = scale,
                     .precision = precision};
    in->data = data;
    static const lt_kernel kernels[] = {dec_add, dec_sub, dec_mul, dec_div, dec_mod};
    in->kernel = kernels[op];
    in->flags &= ~(uint32_t)LT_FUNC_DENSE;
    if (precision <= 18 && op <= LT_OP_MUL) {
        static const lt_kernel small[] = {dec_add64, dec_sub64, dec_mul64};
        data->up_a = (int64_t)lt_pow10(op == LT_OP_MUL ? 0 : scale - a->scale);
        data->up_b = (int64_t)lt_pow10(op == LT_OP_MUL ? 0 : scale - b->scale);
        in->kernel = small[op];
        in->flags |= LT_FUNC_DENSE;
    }
    if (whole && divisor->kind != LT_TYPE_DECIMAL) {
        /* Of whole numbers the remainder has the divisor's type. */
        lt_infer wide = *in;
        lt_expr *rest;
        LT_TRY(lt_expr_finish(&wide, &rest, err));
        return lt_expr_convert(in->b, rest,
                               lt_type_with_nullable(in->b->arena, divisor, in->type->nullable),
                               &in->replace, err);
    }
    return LT_OK;
}

/* Rows divide by it and get Infinity; between literals it is refused, as an integer zero is. */
static bool is_zero_float(const lt_value *value)
{
    return value != NULL && value->u.f == 0 &&
           (value->type->kind == LT_TYPE_DOUBLE || value->type->kind == LT_TYPE_FLOAT);
}

static lt_status infer_numbers(lt_infer *in, lt_error *err)
{
    int op = in->func->op;
    const lt_type *a = in->args[0]->type, *b = in->args[1]->type;
    bool decimal = a->kind == LT_TYPE_DECIMAL || b->kind == LT_TYPE_DECIMAL;
    const lt_type *types[2] = {a, b}, *common;
    LT_TRY(lt_type_common(in->b->arena, types, 2, &common, err));
    if (decimal && common->kind == LT_TYPE_DECIMAL) {
        return infer_decimal(in, err);
    }
    LT_TRY(lt_in_cast(in, 0, common, err));
    LT_TRY(lt_in_cast(in, 1, common, err));
    in->type = common;
    in->kernel = number_kernels[lt_type_phys(common)][op];
    if (op == LT_OP_MOD && lt_type_is_integer(a) && lt_type_is_integer(b) &&
        b->kind != common->kind) {
        /* The remainder has the divisor's type. */
        lt_infer narrow = *in;
        lt_expr *wide;
        LT_TRY(lt_expr_finish(&narrow, &wide, err));
        return lt_expr_convert(in->b, wide,
                               lt_type_with_nullable(in->b->arena, b, common->nullable),
                               &in->replace, err);
    }
    const lt_value *divisor = lt_in_literal(in, 1);
    if (op == LT_OP_DIV && in->b->fold && is_zero_float(divisor) && lt_in_literal(in, 0) != NULL) {
        return lt_error_set_at(err, LT_ERR_SQL, in->pos, "division by zero");
    }
    bool safe =
        op < LT_OP_DIV || !lt_type_is_integer(common) || (divisor != NULL && divisor->u.i > 0);
    if (safe) {
        in->flags |= LT_FUNC_DENSE;
    }
    return LT_OK;
}

static bool is_interval(const lt_type *type)
{
    return type->kind == LT_TYPE_INTERVAL_MONTH || type->kind == LT_TYPE_INTERVAL_SECOND;
}

lt_status lt_infer_arith(lt_infer *in, lt_error *err)
{
    if (in->count == 1) {
        return in->func->op == LT_OP_SUB ? lt_infer_negate(in, err) : lt_in_refuse(in, err);
    }
    const lt_type *a = in->args[0]->type, *b = in->args[1]->type;
    if (is_interval(a) || is_interval(b) || a->kind == LT_TYPE_DATE || b->kind == LT_TYPE_DATE ||
        lt_type_is_timestamp(a) || lt_type_is_timestamp(b) || a->kind == LT_TYPE_TIME ||
        b->kind == LT_TYPE_TIME) {
        return lt_infer_interval_arith(in, err);
    }
    if (a->kind == LT_TYPE_NULL && b->kind == LT_TYPE_NULL) {
        return lt_in_refuse(in, err);
    }
    for (uint32_t i = 0; i < 2; i++) {
        const lt_type *other = in->args[1 - i]->type;
        if (in->args[i]->type->kind == LT_TYPE_NULL && lt_type_is_numeric(other)) {
            LT_TRY(lt_in_cast(in, i, other, err));
        }
    }
    if (!lt_type_is_numeric(in->args[0]->type) || !lt_type_is_numeric(in->args[1]->type)) {
        lt_status st = lt_in_refuse(in, err);
        if (lt_type_is_string(a) || lt_type_is_string(b)) {
            lt_error_hint(err, "strings are not converted to numbers by themselves: write CAST(.. "
                               "AS INT); || joins strings");
        }
        return st;
    }
    return infer_numbers(in, err);
}

/* ---- negation ---- */

#define NEG_KERNEL(NAME, T, EXPR)                    \
    static lt_status NAME(lt_kctx *k, lt_error *err) \
    {                                                \
        (void)err;                                   \
        const T *restrict a = LT_ARG(k, 0, T);       \
        T *restrict out = LT_OUT(k, T);              \
        for (uint32_t i = 0; i < k->rows; i++) {     \
            const T x = a[i];                        \
            out[i] = (T)(EXPR);                      \
        }                                            \
        return LT_OK;                                \
    }

NEG_KERNEL(neg_i8, int8_t, 0 - (uint8_t)x)
NEG_KERNEL(neg_i16, int16_t, 0 - (uint16_t)x)
NEG_KERNEL(neg_i32, int32_t, 0 - (uint32_t)x)
NEG_KERNEL(neg_i64, int64_t, 0 - (uint64_t)x)
NEG_KERNEL(neg_i128, lt_i128, 0 - (lt_u128)x)
NEG_KERNEL(neg_f32, float, -x)
NEG_KERNEL(neg_f64, double, -x)

lt_status lt_infer_negate(lt_infer *in, lt_error *err)
{
    const lt_type *type = in->args[0]->type;
    if (!lt_type_is_numeric(type) && !is_interval(type)) {
        return lt_in_refuse(in, err);
    }
    in->type = lt_type_with_attr(in->b->arena, type, LT_TIME_NONE);
    in->flags |= LT_FUNC_DENSE;
    switch ((int)lt_type_phys(type)) {
    case LT_PHYS_I8:
        in->kernel = neg_i8;
        break;
    case LT_PHYS_I16:
        in->kernel = neg_i16;
        break;
    case LT_PHYS_I32:
        in->kernel = neg_i32;
        break;
    case LT_PHYS_I64:
        in->kernel = neg_i64;
        break;
    case LT_PHYS_I128:
        in->kernel = neg_i128;
        break;
    case LT_PHYS_F32:
        in->kernel = neg_f32;
        break;
    default:
        in->kernel = neg_f64;
        break;
    }
    return LT_OK;
}
