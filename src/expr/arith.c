/* + - * / % and negation on integers, floating point and decimals. Integers wrap as Java's do;
 * integer and decimal division by zero fails the row. Temporal operands go to interval.c. */
#include <math.h>

#include "base/compiler.h"

#if LT_HAVE_X86_64
#include <immintrin.h>
#endif

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

#define BIN_KERNEL(NAME, T, EXPR) LT_WIDE_KERNEL(NAME, BIN_BODY(T, EXPR))

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

/* -1 apart: the smallest number divided by it overflows, which traps in C and wraps in Java. A zero
 * divisor gives anything: the row fails elsewhere. */
#define DIV_ONE(T, U, x, y) ((T)((y) == -1 ? (T)(U)(0 - (U)(x)) : (y) == 0 ? 0 : (x) / (y)))
#define MOD_ONE(T, U, x, y) ((T)((y) == -1 || (y) == 0 ? 0 : (x) % (y)))

#if LT_HAVE_X86_64

/* Dividing integers in floating point: for |x|, |y| < 2^53 the quotient rounded to a double and cut
 * is the integer quotient. For a whole n above x / y lies 1 / y away from it at least, and that is
 * more than half the distance from n to the double below it. (Integers of 64 bits have no vector
 * instruction for dividing, and none in AVX2 for becoming doubles: below 2^51 adding 3 * 2^51 does
 * that.) */
#define DIV_BLOCK   256
#define SMALL_LIMIT (INT64_C(1) << 51)
#define SMALL_SHIFT INT64_C(0x4338000000000000) /* the bits of .. */
#define SMALL_MAGIC 6755399441055744.0          /* 3 * 2^51 */

LT_TARGET("avx2")
LT_INLINE __m256d small_to_real(__m256i x)
{
    __m256i bits = _mm256_add_epi64(x, _mm256_set1_epi64x(SMALL_SHIFT));
    return _mm256_sub_pd(_mm256_castsi256_pd(bits), _mm256_set1_pd(SMALL_MAGIC));
}

LT_TARGET("avx2")
LT_INLINE __m256i small_from_real(__m256d x)
{
    __m256i bits = _mm256_castpd_si256(_mm256_add_pd(x, _mm256_set1_pd(SMALL_MAGIC)));
    return _mm256_sub_epi64(bits, _mm256_set1_epi64x(SMALL_SHIFT));
}

LT_TARGET("avx2")
LT_INLINE __m256i div_small(__m256i x, __m256i y, const bool rest)
{
    __m256d a = small_to_real(x), b = small_to_real(y);
    __m256d q = _mm256_round_pd(_mm256_div_pd(a, b), _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
    return small_from_real(rest ? _mm256_sub_pd(a, _mm256_mul_pd(q, b)) : q);
}

/* Quotients (or remainders) of n rows, dead ones too; step_b 0: one divisor for all. Gives whether
 * a divisor is 0. */
LT_TARGET("avx2")
LT_INLINE bool quick_i64(const int64_t *restrict a, const int64_t *restrict b,
                         const uint32_t step_b, int64_t *restrict out, uint32_t n, const bool rest)
{
    const __m256i limit = _mm256_set1_epi64x(SMALL_LIMIT), none = _mm256_setzero_si256();
    __m256i large = none, zero = none, y = _mm256_set1_epi64x(b[0]);
    uint32_t i = 0;
    for (; i + 4 <= n; i += 4) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(a + i));
        if (step_b != 0) {
            y = _mm256_loadu_si256((const __m256i *)(const void *)(b + i));
        }
        __m256i is_zero = _mm256_cmpeq_epi64(y, none);
        __m256i above = _mm256_or_si256(_mm256_add_epi64(x, limit), _mm256_add_epi64(y, limit));
        large = _mm256_or_si256(large, above);
        zero = _mm256_or_si256(zero, is_zero);
        /* 1 for 0: no exception, no NaN. */
        __m256i value = div_small(x, _mm256_sub_epi64(y, is_zero), rest);
        _mm256_storeu_si256((__m256i *)(void *)(out + i), value);
    }
    bool again = _mm256_testz_si256(large, _mm256_set1_epi64x(-2 * SMALL_LIMIT)) == 0;
    bool found = _mm256_testz_si256(zero, zero) == 0;
    for (i = again ? 0 : i; i < n; i++) {
        const int64_t d = b[i * step_b];
        out[i] = rest ? MOD_ONE(int64_t, uint64_t, a[i], d) : DIV_ONE(int64_t, uint64_t, a[i], d);
        found |= d == 0;
    }
    return found;
}

/* The same; every 32-bit integer is a double. */
LT_TARGET("avx2")
LT_INLINE bool quick_i32(const int32_t *restrict a, const int32_t *restrict b,
                         const uint32_t step_b, int32_t *restrict out, uint32_t n, const bool rest)
{
    int32_t zero = 0, large = 0;
    for (uint32_t i = 0; i < n; i++) {
        const int32_t x = a[i], y = b[i * step_b];
        zero |= y == 0;
        large |= (x == INT32_MIN) & (y == -1);
    }
    for (uint32_t i = 0; large == 0 && i < n; i++) {
        const int32_t x = a[i], y = b[i * step_b] + (b[i * step_b] == 0);
        const int32_t q = (int32_t)((double)x / (double)y);
        out[i] = rest ? x - q * y : q;
    }
    for (uint32_t i = 0; large != 0 && i < n; i++) {
        const int32_t x = a[i], y = b[i * step_b];
        out[i] = rest ? MOD_ONE(int32_t, uint32_t, x, y) : DIV_ONE(int32_t, uint32_t, x, y);
    }
    return zero != 0;
}

#define QUICK_KERNEL(NAME, T, BLOCK, REST)                                              \
    LT_TARGET("avx2")                                                                   \
    static bool NAME##_quick(const lt_kctx *k)                                          \
    {                                                                                   \
        const T *a = LT_ARG(k, 0, T), *b = LT_ARG(k, 1, T);                             \
        T *out = LT_OUT(k, T);                                                          \
        bool zero = false;                                                              \
        for (uint32_t at = 0; at < k->rows; at += DIV_BLOCK) {                          \
            uint32_t n = LT_MIN(k->rows - at, (uint32_t)DIV_BLOCK);                     \
            zero |= k->args[1].mask == 0 ? BLOCK(a + at, b, 0, out + at, n, REST)       \
                                         : BLOCK(a + at, b + at, 1, out + at, n, REST); \
        }                                                                               \
        return zero;                                                                    \
    }

QUICK_KERNEL(div_i32, int32_t, quick_i32, false)
QUICK_KERNEL(mod_i32, int32_t, quick_i32, true)
QUICK_KERNEL(div_i64, int64_t, quick_i64, false)
QUICK_KERNEL(mod_i64, int64_t, quick_i64, true)

/* Worth computing all rows, and a processor for it? */
static bool divides_quickly(const lt_kctx *k)
{
    return k->cpu >= LT_CPU_AVX2 && k->args[0].mask != 0 && k->count >= k->rows / 4;
}

#define TRY_QUICK(NAME, T)                           \
    if (divides_quickly(k)) {                        \
        if (NAME##_quick(k)) {                       \
            const T *b = LT_ARG(k, 1, T);            \
            LT_EACH(k, row)                          \
            {                                        \
                if (b[row & k->args[1].mask] == 0) { \
                    fail_zero(k, row);               \
                }                                    \
            }                                        \
        }                                            \
        return LT_OK;                                \
    }

#else
#define TRY_QUICK(NAME, T)
#endif

#define DIV_EACH(T, U, ONE)                                          \
    do {                                                             \
        const T *restrict a = LT_ARG(k, 0, T);                       \
        const T *restrict b = LT_ARG(k, 1, T);                       \
        T *restrict out = LT_OUT(k, T);                              \
        uint32_t mask_a = k->args[0].mask, mask_b = k->args[1].mask; \
        LT_EACH(k, row)                                              \
        {                                                            \
            const T y = b[row & mask_b], x = a[row & mask_a];        \
            if (y == 0) {                                            \
                fail_zero(k, row);                                   \
                continue;                                            \
            }                                                        \
            out[row] = ONE(T, U, x, y);                              \
        }                                                            \
    } while (0)

#define DIV_KERNEL(NAME, T, U, ONE)                  \
    static lt_status NAME(lt_kctx *k, lt_error *err) \
    {                                                \
        (void)err;                                   \
        DIV_EACH(T, U, ONE);                         \
        return LT_OK;                                \
    }

DIV_KERNEL(div_i8, int8_t, uint8_t, DIV_ONE)
DIV_KERNEL(mod_i8, int8_t, uint8_t, MOD_ONE)
DIV_KERNEL(div_i16, int16_t, uint16_t, DIV_ONE)
DIV_KERNEL(mod_i16, int16_t, uint16_t, MOD_ONE)

#define WIDE_DIV_KERNEL(NAME, T, U, ONE)             \
    static lt_status NAME(lt_kctx *k, lt_error *err) \
    {                                                \
        (void)err;                                   \
        TRY_QUICK(NAME, T)                           \
        DIV_EACH(T, U, ONE);                         \
        return LT_OK;                                \
    }

WIDE_DIV_KERNEL(div_i32, int32_t, uint32_t, DIV_ONE)
WIDE_DIV_KERNEL(mod_i32, int32_t, uint32_t, MOD_ONE)
WIDE_DIV_KERNEL(div_i64, int64_t, uint64_t, DIV_ONE)
WIDE_DIV_KERNEL(mod_i64, int64_t, uint64_t, MOD_ONE)

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
    lt_i128 up_a, up_b; /* + and - without rounding: what the operands are multiplied with */
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

LT_WIDE_KERNEL(dec_mul64, BIN_BODY(int64_t, (uint64_t)x *(uint64_t)y))

/* 128 bits out: there is room for every digit, so no row is looked at. */
#define WIDE_BODY(TA, TB, EXPR)                                      \
    do {                                                             \
        const TA *restrict a = LT_ARG(k, 0, TA);                     \
        const TB *restrict b = LT_ARG(k, 1, TB);                     \
        lt_i128 *restrict out = LT_OUT(k, lt_i128);                  \
        uint32_t mask_a = k->args[0].mask, mask_b = k->args[1].mask; \
        for (uint32_t i = 0; i < k->rows; i++) {                     \
            const lt_u128 x = (lt_u128)(lt_i128)a[i & mask_a];       \
            const lt_u128 y = (lt_u128)(lt_i128)b[i & mask_b];       \
            out[i] = (lt_i128)(EXPR);                                \
        }                                                            \
    } while (0)

#define DEC_ADD128(NAME, TA, TB, OP)                                      \
    static lt_status NAME(lt_kctx *k, lt_error *err)                      \
    {                                                                     \
        (void)err;                                                        \
        const dec_op *op = (const dec_op *)k->data;                       \
        const lt_u128 up_a = (lt_u128)op->up_a, up_b = (lt_u128)op->up_b; \
        if (up_a == 1 && up_b == 1) {                                     \
            WIDE_BODY(TA, TB, x OP y);                                    \
        } else {                                                          \
            WIDE_BODY(TA, TB, x *up_a OP y *up_b);                        \
        }                                                                 \
        return LT_OK;                                                     \
    }

DEC_ADD128(dec_add_nn, int64_t, int64_t, +)
DEC_ADD128(dec_add_nw, int64_t, lt_i128, +)
DEC_ADD128(dec_add_wn, lt_i128, int64_t, +)
DEC_ADD128(dec_add_ww, lt_i128, lt_i128, +)
DEC_ADD128(dec_sub_nn, int64_t, int64_t, -)
DEC_ADD128(dec_sub_nw, int64_t, lt_i128, -)
DEC_ADD128(dec_sub_wn, lt_i128, int64_t, -)
DEC_ADD128(dec_sub_ww, lt_i128, lt_i128, -)

#define DEC_MUL128(NAME, TA, TB)                     \
    static lt_status NAME(lt_kctx *k, lt_error *err) \
    {                                                \
        (void)err;                                   \
        WIDE_BODY(TA, TB, x *y);                     \
        return LT_OK;                                \
    }

DEC_MUL128(dec_mul_nn, int64_t, int64_t)
DEC_MUL128(dec_mul_nw, int64_t, lt_i128)
DEC_MUL128(dec_mul_wn, lt_i128, int64_t)
DEC_MUL128(dec_mul_ww, lt_i128, lt_i128)

/* By operation, then by which operands have 128 bits. */
static const lt_kernel dec_exact[][4] = {
    [LT_OP_ADD] = {dec_add_nn, dec_add_nw, dec_add_wn, dec_add_ww},
    [LT_OP_SUB] = {dec_sub_nn, dec_sub_nw, dec_sub_wn, dec_sub_ww},
    [LT_OP_MUL] = {dec_mul_nn, dec_mul_nw, dec_mul_wn, dec_mul_ww},
};

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

/* Does every sum or product of these have room in 38 digits? */
static bool has_room(int op, const lt_type *a, const lt_type *b)
{
    if (op == LT_OP_MUL) {
        return a->precision + b->precision + 1 <= 38;
    }
    int whole = LT_MAX(a->precision - a->scale, b->precision - b->scale);
    return op <= LT_OP_SUB && whole + LT_MAX(a->scale, b->scale) + 1 <= 38;
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
    in->flags |= LT_FUNC_DENSE;
    if (precision <= 18 && op <= LT_OP_MUL) {
        static const lt_kernel small[] = {dec_add64, dec_sub64, dec_mul64};
        in->kernel = small[op];
    } else if (has_room(op, a, b)) {
        in->kernel = dec_exact[op][(data->wide_a ? 2 : 0) + (data->wide_b ? 1 : 0)];
    } else {
        in->flags &= ~(uint32_t)LT_FUNC_DENSE;
    }
    if (op == LT_OP_ADD || op == LT_OP_SUB) {
        data->up_a = lt_pow10(LT_MAX(scale - a->scale, 0));
        data->up_b = lt_pow10(LT_MAX(scale - b->scale, 0));
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
    LT_TRY(lt_type_common_first(in->b->arena, types, 2, &common, err));
    if (decimal && common->kind == LT_TYPE_DECIMAL) {
        return infer_decimal(in, err);
    }
    if (op == LT_OP_MOD && !lt_type_is_integer(common)) {
        return lt_in_refuse(in, err); /* a remainder is that of exact numbers */
    }
    for (uint32_t i = 0; i < 2; i++) {
        const lt_type *to =
            lt_type_with_nullable(in->b->arena, common, in->args[i]->type->nullable);
        if (to == NULL) {
            return lt_error_nomem(err, "type");
        }
        LT_TRY(lt_expr_convert(in->b, in->args[i], to, &in->args[i], err));
    }
    in->type = common;
    in->kernel = number_kernels[lt_type_phys(common)][op];
    const lt_value *divisor = lt_in_literal(in, 1);
    bool safe =
        op < LT_OP_DIV || !lt_type_is_integer(common) || (divisor != NULL && divisor->u.i > 0);
    if (safe) {
        in->flags |= LT_FUNC_DENSE;
    }
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
    if (op == LT_OP_DIV && in->b->fold && is_zero_float(divisor) && lt_in_literal(in, 0) != NULL) {
        return lt_error_set_at(err, LT_ERR_SQL, in->pos, "division by zero");
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
