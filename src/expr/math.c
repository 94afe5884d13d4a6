/* Mathematics: everything but the operators. */
#include <math.h>

#include "expr/cast.h"
#include "expr/decimal.h"
#include "expr/families.h"
#include "expr/javafmt.h"
#include "expr/simple.h"

#define PI_VALUE 3.141592653589793
#define E_VALUE  2.718281828459045

#define MATH_KERNEL(NAME, EXPR)                          \
    static lt_status NAME(lt_kctx *k, lt_error *err)     \
    {                                                    \
        (void)err;                                       \
        const double *restrict a = LT_ARG(k, 0, double); \
        double *restrict out = LT_OUT(k, double);        \
        for (uint32_t i = 0; i < k->rows; i++) {         \
            const double x = a[i];                       \
            out[i] = (EXPR);                             \
        }                                                \
        return LT_OK;                                    \
    }

#define MATH2_KERNEL(NAME, EXPR)                                       \
    static lt_status NAME(lt_kctx *k, lt_error *err)                   \
    {                                                                  \
        (void)err;                                                     \
        for (uint32_t i = 0; i < k->rows; i++) {                       \
            const double x = lt_k_f64(k, 0, i), y = lt_k_f64(k, 1, i); \
            LT_OUT(k, double)[i] = (EXPR);                             \
        }                                                              \
        return LT_OK;                                                  \
    }

MATH_KERNEL(sqrt_kernel, sqrt(x))
MATH_KERNEL(ln_kernel, log(x))
MATH_KERNEL(log10_kernel, log10(x))
MATH_KERNEL(log2_kernel, log(x) / log(2.0))
MATH_KERNEL(exp_kernel, exp(x))
MATH_KERNEL(sin_kernel, sin(x))
MATH_KERNEL(cos_kernel, cos(x))
MATH_KERNEL(tan_kernel, tan(x))
MATH_KERNEL(cot_kernel, 1.0 / tan(x))
MATH_KERNEL(asin_kernel, asin(x))
MATH_KERNEL(acos_kernel, acos(x))
MATH_KERNEL(atan_kernel, atan(x))
MATH_KERNEL(sinh_kernel, sinh(x))
MATH_KERNEL(cosh_kernel, cosh(x))
MATH_KERNEL(tanh_kernel, tanh(x))
MATH_KERNEL(degrees_kernel, x *(180.0 / PI_VALUE))
MATH_KERNEL(radians_kernel, x *(PI_VALUE / 180.0))
/* Java: 1 to the power of NaN and +-1 to that of an infinity are NaN. */
static double java_pow(double x, double y)
{
    return isnan(y) || (isinf(y) && fabs(x) == 1) ? (double)NAN : pow(x, y);
}

MATH2_KERNEL(power_kernel, java_pow(x, y))
MATH2_KERNEL(atan2_kernel, atan2(x, y))
MATH2_KERNEL(log_kernel, log(y) / log(x))

static const lt_simple maths[] = {
    [LT_OP_SQRT] = {"d", 'D', false, sqrt_kernel},
    [LT_OP_LN] = {"d", 'D', false, ln_kernel},
    [LT_OP_LOG10] = {"d", 'D', false, log10_kernel},
    [LT_OP_LOG2] = {"d", 'D', false, log2_kernel},
    [LT_OP_EXP] = {"d", 'D', false, exp_kernel},
    [LT_OP_SIN] = {"d", 'D', false, sin_kernel},
    [LT_OP_COS] = {"d", 'D', false, cos_kernel},
    [LT_OP_TAN] = {"d", 'D', false, tan_kernel},
    [LT_OP_COT] = {"d", 'D', false, cot_kernel},
    [LT_OP_ASIN] = {"d", 'D', false, asin_kernel},
    [LT_OP_ACOS] = {"d", 'D', false, acos_kernel},
    [LT_OP_ATAN] = {"d", 'D', false, atan_kernel},
    [LT_OP_SINH] = {"d", 'D', false, sinh_kernel},
    [LT_OP_COSH] = {"d", 'D', false, cosh_kernel},
    [LT_OP_TANH] = {"d", 'D', false, tanh_kernel},
    [LT_OP_DEGREES] = {"d", 'D', false, degrees_kernel},
    [LT_OP_RADIANS] = {"d", 'D', false, radians_kernel},
    [LT_OP_POWER] = {"dd", 'D', false, power_kernel},
    [LT_OP_ATAN2] = {"dd", 'D', false, atan2_kernel},
    [LT_OP_LOG] = {"dd", 'D', false, log_kernel},
};

lt_status lt_infer_math(lt_infer *in, lt_error *err)
{
    if (in->func->op == LT_OP_ATAN2 &&
        lt_kind_is(in->args[0], LT_TYPE_DECIMAL) != lt_kind_is(in->args[1], LT_TYPE_DECIMAL)) {
        return lt_in_refuse(in, err); /* Flink takes two decimals or none */
    }
    return lt_in_simple(in, &maths[in->func->op], err);
}

lt_status lt_infer_log(lt_infer *in, lt_error *err)
{
    return lt_in_simple(in, &maths[in->count == 1 ? LT_OP_LN : LT_OP_LOG], err);
}

static lt_status pi_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_OUT(k, double)[0] = PI_VALUE;
    return LT_OK;
}

static lt_status e_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_OUT(k, double)[0] = E_VALUE;
    return LT_OK;
}

lt_status lt_infer_constant(lt_infer *in, lt_error *err)
{
    (void)err;
    in->type = lt_type_new(in->b->arena, LT_TYPE_DOUBLE, false);
    in->kernel = in->func->op == LT_OP_PI ? pi_kernel : e_kernel;
    return LT_OK;
}

/* ---- functions on every number type: one row at a time in the widest form ---- */

typedef struct {
    int op;
    int digits;      /* ROUND, TRUNCATE with a literal */
    bool has_digits; /* .. which `digits` holds */
    const lt_type *from;
    const lt_type *to;
} number_op;

static int64_t load_int(const lt_col *col, uint32_t row)
{
    switch ((int)col->phys) {
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

static void store_int(lt_col *col, uint32_t row, int64_t value)
{
    switch ((int)col->phys) {
    case LT_PHYS_I8:
        LT_COL_DATA(col, int8_t)[row] = (int8_t)value;
        break;
    case LT_PHYS_I16:
        LT_COL_DATA(col, int16_t)[row] = (int16_t)value;
        break;
    case LT_PHYS_I32:
        LT_COL_DATA(col, int32_t)[row] = (int32_t)value;
        break;
    default:
        LT_COL_DATA(col, int64_t)[row] = value;
        break;
    }
}

static double load_float(const lt_col *col, uint32_t row)
{
    return col->phys == LT_PHYS_F32 ? (double)LT_COL_DATA(col, const float)[row]
                                    : LT_COL_DATA(col, const double)[row];
}

static void store_float(lt_col *col, uint32_t row, double value)
{
    if (col->phys == LT_PHYS_F32) {
        LT_COL_DATA(col, float)[row] = (float)value;
    } else {
        LT_COL_DATA(col, double)[row] = value;
    }
}

static bool is_float(const lt_type *type)
{
    return type->kind == LT_TYPE_FLOAT || type->kind == LT_TYPE_DOUBLE;
}

static lt_status abs_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    const number_op *op = (const number_op *)k->data;
    bool sign = op->op == LT_OP_SIGN, wide = lt_decimal_wide(op->from);
    LT_EACH(k, row)
    {
        const lt_col *col = k->args[0].col;
        if (is_float(op->from)) {
            double x = load_float(col, row);
            store_float(k->out, row, !sign ? fabs(x) : x > 0 ? 1 : x < 0 ? -1 : x);
        } else if (op->from->kind == LT_TYPE_DECIMAL) {
            lt_i128 x = lt_decimal_load(col->data, wide, row);
            lt_i128 unit = lt_pow10(op->from->scale);
            if (sign && x != 0 && wide && op->from->scale == op->from->precision) {
                lt_k_null(k, row); /* 1 is no value of the type */
                continue;
            }
            lt_decimal_store(k->out->data, wide, row,
                             sign    ? (x > 0   ? unit
                                        : x < 0 ? -unit
                                                : 0)
                             : x < 0 ? -x
                                     : x);
        } else {
            int64_t x = load_int(col, row);
            store_int(k->out, row,
                      sign    ? (x > 0) - (x < 0)
                      : x < 0 ? (int64_t)(0 - (uint64_t)x)
                              : x);
        }
    }
    return LT_OK;
}

static lt_status new_op(lt_infer *in, int op, lt_error *err)
{
    number_op *data = LT_NEW(in->b->arena, number_op);
    if (data == NULL || in->type == NULL) {
        return lt_error_nomem(err, "expression");
    }
    data->op = op;
    data->from = in->args[0]->type;
    data->to = in->type;
    in->data = data;
    return LT_OK;
}

lt_status lt_infer_abs(lt_infer *in, lt_error *err)
{
    const lt_type *type = in->args[0]->type;
    if (!lt_type_is_numeric(type)) {
        return lt_in_refuse(in, err);
    }
    in->type = type;
    in->kernel = abs_kernel;
    return new_op(in, in->func->op, err);
}

/* ---- ROUND, TRUNCATE ---- */

/* Rounds the shortest decimal text of a number, as Java's BigDecimal.valueOf does. */
static double round_float(double x, int64_t digits, bool cut)
{
    if (!isfinite(x) || x == 0) {
        return x;
    }
    uint64_t number;
    int exponent;
    lt_shortest_f64(fabs(x), &number, &exponent);
    int64_t drop = -(int64_t)exponent - digits;
    if (drop <= 0) {
        return x;
    }
    if (drop > 18) {
        return 0;
    }
    uint64_t unit = 1;
    for (int64_t i = 0; i < drop; i++) {
        unit *= 10;
    }
    uint64_t whole = number / unit, rest = number % unit;
    whole += !cut && rest >= unit - rest;
    char text[LT_NUMBER_TEXT_MAX];
    size_t len = lt_format_i64((int64_t)whole, text);
    text[len++] = 'e';
    len += lt_format_i64(-digits, text + len);
    double result = 0;
    (void)lt_str_to_f64((lt_str){text, len}, &result);
    return x < 0 ? -result : result;
}

static lt_i128 round_decimal(lt_i128 x, int drop, bool cut)
{
    if (drop <= 0) {
        return x;
    }
    if (drop > LT_DECIMAL_DIGITS_MAX) {
        return 0;
    }
    lt_i128 unit = lt_pow10(drop), rest = x % unit, whole = x / unit;
    if (!cut && (rest < 0 ? -rest : rest) >= unit - (rest < 0 ? -rest : rest)) {
        whole += x < 0 ? -1 : 1;
    }
    return whole;
}

static lt_status round_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    const number_op *op = (const number_op *)k->data;
    bool cut = op->op == LT_OP_TRUNCATE;
    bool wide_from = lt_decimal_wide(op->from), wide_to = lt_decimal_wide(op->to);
    const lt_col *col = k->args[0].col;
    LT_EACH(k, row)
    {
        uint32_t at = row & k->args[0].mask;
        int64_t digits = op->has_digits ? op->digits : lt_k_i32(k, 1, row);
        if (is_float(op->from)) {
            if (!isfinite(load_float(col, at))) {
                lt_k_fail(k, row, "bad-number", "%s of a number that is not finite",
                          cut ? "TRUNCATE" : "ROUND");
                continue;
            }
            store_float(k->out, row, round_float(load_float(col, at), digits, cut));
            continue;
        }
        lt_i128 x = op->from->kind == LT_TYPE_DECIMAL ? lt_decimal_load(col->data, wide_from, at)
                                                      : (lt_i128)load_int(col, at);
        int scale = op->from->kind == LT_TYPE_DECIMAL ? op->from->scale : 0;
        int64_t drop = digits < scale ? scale - LT_MAX(digits, (int64_t)-60) : 0;
        lt_i128 whole = round_decimal(x, (int)drop, cut);
        if (op->from->kind != LT_TYPE_DECIMAL) {
            whole = drop > 0 && drop <= 19 ? whole * lt_pow10((int)drop) : whole;
            store_int(k->out, row, (int64_t)whole);
        } else if (lt_decimal_rescale(whole, (int)(scale - drop) < 0 ? 0 : (int)(scale - drop),
                                      op->to->scale, 38, &x)) {
            if (scale - drop < 0 &&
                !lt_decimal_mul(x, lt_pow10((int)LT_MIN(drop - scale, (int64_t)38)), 0, 38, &x)) {
                lt_k_null(k, row);
                continue;
            }
            lt_decimal_store(k->out->data, wide_to, row, x);
        } else {
            lt_k_null(k, row);
        }
    }
    return LT_OK;
}

lt_status lt_infer_round(lt_infer *in, lt_error *err)
{
    const lt_type *type = in->args[0]->type;
    const lt_value *literal = NULL;
    int64_t digits = 0;
    if (!lt_type_is_numeric(type)) {
        return lt_in_refuse(in, err);
    }
    if (in->count > 1) {
        LT_TRY(lt_in_int(in, 1, err));
        literal = lt_in_literal(in, 1);
        digits = literal != NULL ? literal->u.i : 0;
    }
    bool known = in->count == 1 || literal != NULL;
    bool nullable = lt_in_nullable(in);
    in->type = lt_type_with_nullable(in->b->arena, type, nullable);
    if (type->kind == LT_TYPE_DECIMAL && known && digits < type->scale) {
        int whole = type->precision - type->scale;
        int precision = digits < 0 ? LT_MIN(38, whole + 1) : LT_MIN(38, whole + (int)digits + 1);
        in->type = lt_type_decimal(in->b->arena, (uint8_t)precision,
                                   (uint8_t)(digits < 0 ? 0 : digits), nullable);
    }
    in->kernel = round_kernel;
    LT_TRY(new_op(in, in->func->op, err));
    number_op *data = (number_op *)(uintptr_t)in->data;
    data->has_digits = known;
    data->digits = (int)LT_MAX(LT_MIN(digits, (int64_t)100), (int64_t)-100);
    return LT_OK;
}

/* ---- FLOOR, CEIL of numbers ---- */

static lt_status floor_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    const number_op *op = (const number_op *)k->data;
    bool up = op->op == LT_OP_CEIL;
    const lt_col *col = k->args[0].col;
    bool wide_from = lt_decimal_wide(op->from), wide_to = lt_decimal_wide(op->to);
    lt_i128 unit = lt_pow10(op->from->kind == LT_TYPE_DECIMAL ? op->from->scale : 0);
    LT_EACH(k, row)
    {
        if (is_float(op->from)) {
            double x = load_float(col, row);
            store_float(k->out, row, up ? ceil(x) : floor(x));
            continue;
        }
        lt_i128 x = lt_decimal_load(col->data, wide_from, row);
        lt_i128 whole = x / unit, rest = x % unit;
        whole += up ? rest > 0 : -(rest < 0);
        lt_decimal_store(k->out->data, wide_to, row, whole);
    }
    return LT_OK;
}

lt_status lt_infer_floor(lt_infer *in, lt_error *err)
{
    if (in->count == 2) {
        return lt_infer_floor_time(in, err);
    }
    const lt_type *type = in->args[0]->type;
    if (lt_type_is_integer(type)) {
        in->replace = in->args[0];
        return LT_OK;
    }
    if (!lt_type_is_numeric(type)) {
        return lt_in_refuse(in, err);
    }
    in->type = type;
    if (type->kind == LT_TYPE_DECIMAL) {
        in->type = lt_type_decimal(in->b->arena, type->precision, 0, type->nullable);
    }
    in->kernel = floor_kernel;
    return new_op(in, in->func->op, err);
}

/* ---- random numbers ---- */

/* java.util.Random: a 48-bit linear congruential generator, so that a seed gives Flink's sequence.
 */
typedef struct {
    lt_mem *mem;
    uint64_t state;
} java_random;

static void random_free(void *ptr)
{
    java_random *r = (java_random *)ptr;
    lt_mem_free(r->mem, r, sizeof *r);
}

static uint32_t random_bits(java_random *r, int bits)
{
    r->state = (r->state * 0x5deece66dULL + 0xb) & ((1ULL << 48) - 1);
    return (uint32_t)(r->state >> (48 - bits));
}

static java_random *random_of(lt_kctx *k, bool seeded, int32_t seed)
{
    java_random *r = (java_random *)lt_k_kept(k);
    if (r != NULL) {
        return r;
    }
    r = lt_mem_zalloc(k->mem, sizeof *r);
    if (r == NULL) {
        k->nomem = true;
        return NULL;
    }
    r->mem = k->mem;
    uint64_t start =
        seeded ? (uint64_t)(int64_t)seed : k->session->env->random_u64(k->session->env);
    r->state = (start ^ 0x5deece66dULL) & ((1ULL << 48) - 1);
    lt_k_keep(k, r, random_free);
    return r;
}

static lt_status rand_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        java_random *r = random_of(k, k->arg_count > 0, k->arg_count > 0 ? lt_k_i32(k, 0, row) : 0);
        if (r == NULL) {
            break;
        }
        uint64_t high = (uint64_t)random_bits(r, 26) << 27;
        LT_OUT(k, double)[row] = (double)(high + random_bits(r, 27)) * 0x1.0p-53;
    }
    return LT_OK;
}

static int32_t random_below(java_random *r, int32_t bound)
{
    uint32_t x = random_bits(r, 31);
    uint32_t m = (uint32_t)bound - 1;
    if (((uint32_t)bound & m) == 0) {
        return (int32_t)(((uint64_t)(uint32_t)bound * x) >> 31);
    }
    for (uint32_t u = x; u - (x = u % (uint32_t)bound) + m > INT32_MAX; u = random_bits(r, 31)) {
    }
    return (int32_t)x;
}

static lt_status rand_integer_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    uint32_t bound_arg = k->arg_count - 1;
    LT_EACH(k, row)
    {
        int32_t bound = lt_k_i32(k, bound_arg, row);
        java_random *r = random_of(k, k->arg_count > 1, k->arg_count > 1 ? lt_k_i32(k, 0, row) : 0);
        if (r == NULL) {
            break;
        }
        if (bound <= 0) {
            lt_k_fail(k, row, "bad-bound", "RAND_INTEGER takes a bound above 0, not %d", bound);
            continue;
        }
        LT_OUT(k, int32_t)[row] = random_below(r, bound);
    }
    return LT_OK;
}

lt_status lt_infer_rand(lt_infer *in, lt_error *err)
{
    static const lt_simple simple = {"i", 'D', false, rand_kernel};
    return lt_in_simple(in, &simple, err);
}

lt_status lt_infer_rand_integer(lt_infer *in, lt_error *err)
{
    static const lt_simple simple = {"ii", 'I', false, rand_integer_kernel};
    return lt_in_simple(in, &simple, err);
}

static lt_status uuid_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    static const char hex[] = "0123456789abcdef";
    LT_EACH(k, row)
    {
        uint64_t bits[2] = {k->session->env->random_u64(k->session->env),
                            k->session->env->random_u64(k->session->env)};
        char text[36];
        size_t len = 0;
        bits[0] = (bits[0] & ~0xf000ULL) | 0x4000ULL; /* version 4, variant 10 */
        bits[1] = (bits[1] & ~(3ULL << 62)) | (2ULL << 62);
        for (int i = 0; i < 32; i++) {
            if (i == 8 || i == 12 || i == 16 || i == 20) {
                text[len++] = '-';
            }
            text[len++] = hex[(bits[i / 16] >> (60 - 4 * (i % 16))) & 15];
        }
        lt_k_put_copy(k, row, text, len);
    }
    return LT_OK;
}

lt_status lt_infer_uuid(lt_infer *in, lt_error *err)
{
    (void)err;
    in->type = lt_type_sized(in->b->arena, LT_TYPE_CHAR, 36, false);
    in->kernel = uuid_kernel;
    return LT_OK;
}

/* ---- digits ---- */

static size_t radix_text(uint64_t value, unsigned bits, char *to)
{
    static const char digits[] = "0123456789ABCDEF";
    unsigned count = 1;
    while (count * bits < 64 && value >> (count * bits) != 0) {
        count++;
    }
    for (unsigned i = 0; i < count; i++) {
        to[i] = digits[(value >> ((count - 1 - i) * bits)) & ((1u << bits) - 1)];
    }
    return count;
}

static lt_status bin_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        char text[64];
        lt_k_put_copy(k, row, text, radix_text((uint64_t)lt_k_i64(k, 0, row), 1, text));
    }
    return LT_OK;
}

static lt_status hex_number_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        char text[64];
        lt_k_put_copy(k, row, text, radix_text((uint64_t)lt_k_i64(k, 0, row), 4, text));
    }
    return LT_OK;
}

static lt_status hex_string_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    static const char digits[] = "0123456789ABCDEF";
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        char *to = lt_k_bytes(k, s.len * 2);
        if (to == NULL) {
            break;
        }
        for (size_t i = 0; i < s.len; i++) {
            to[2 * i] = digits[(unsigned char)s.ptr[i] >> 4];
            to[2 * i + 1] = digits[(unsigned char)s.ptr[i] & 15];
        }
        lt_k_put_view(k, row, to, s.len * 2);
    }
    return LT_OK;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* An odd first digit stands alone; anything else than digits gives NULL. */
static lt_status unhex_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        size_t len = (s.len + 1) / 2, at = 0;
        char *to = lt_k_bytes(k, len);
        bool good = true;
        if (to == NULL) {
            break;
        }
        for (size_t i = 0; good && i < s.len;) {
            if (i == 0 &&
                s.len % 2 != 0) { /* Flink makes nothing of a first digit without its pair */
                good = hex_digit(s.ptr[i++]) >= 0;
                to[at++] = '\0';
                continue;
            }
            int high = hex_digit(s.ptr[i++]);
            int low = hex_digit(s.ptr[i++]);
            good = high >= 0 && low >= 0;
            to[at++] = (char)(high * 16 + low);
        }
        if (!good) {
            lt_k_null(k, row);
            continue;
        }
        lt_k_put_view(k, row, to, len);
    }
    return LT_OK;
}

lt_status lt_infer_bin(lt_infer *in, lt_error *err)
{
    static const lt_simple simple = {"l", 'S', false, bin_kernel};
    return lt_in_simple(in, &simple, err);
}

lt_status lt_infer_hex(lt_infer *in, lt_error *err)
{
    static const lt_simple number = {"l", 'S', false, hex_number_kernel};
    static const lt_simple text = {"s", 'S', false, hex_string_kernel};
    return lt_in_simple(in, lt_type_is_integer(in->args[0]->type) ? &number : &text, err);
}

lt_status lt_infer_unhex(lt_infer *in, lt_error *err)
{
    static const lt_simple simple = {"s", 'Y', true, unhex_kernel};
    return lt_in_simple(in, &simple, err);
}
