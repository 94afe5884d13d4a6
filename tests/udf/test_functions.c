/* Functions that tests call through LANGUAGE C: each type there and back, failures of every kind,
 * and descriptors that must be refused. */
#include <leat/udf.h>

#include <stdlib.h>
#include <string.h>

#define SCALAR(NAME, ARGS, RESULT, FLAGS)                                                          \
    LEAT_UDF_EXPORT const leat_udf NAME##_udf = {                                                  \
        LEAT_UDF_HEAD,       .flags = (FLAGS),        .arg_count = sizeof(ARGS) / sizeof(ARGS)[0], \
        .arg_types = (ARGS), .result_type = (RESULT), .name = #NAME,                               \
        .eval = NAME}

/* ---- each type there and back ---- */

#define SAME(NAME, T, SQL)                                                                         \
    static int32_t NAME(leat_udf_ctx *ctx, const leat_udf_rows *rows, const leat_udf_column *args, \
                        void *out)                                                                 \
    {                                                                                              \
        (void)ctx;                                                                                 \
        for (uint32_t i = 0; i < rows->count; i++) {                                               \
            uint32_t row = leat_udf_row(rows, i);                                                  \
            ((T *)out)[row] = ((const T *)args[0].data)[row & args[0].mask];                       \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
    static const char *const NAME##_args[] = {SQL};                                                \
    SCALAR(NAME, NAME##_args, SQL, LEAT_UDF_DETERMINISTIC)

SAME(same_boolean, uint8_t, "BOOLEAN");
SAME(same_tinyint, int8_t, "TINYINT");
SAME(same_smallint, int16_t, "SMALLINT");
SAME(same_int, int32_t, "INT");
SAME(same_bigint, int64_t, "BIGINT");
SAME(same_float, float, "FLOAT");
SAME(same_double, double, "DOUBLE");
SAME(same_decimal, int64_t, "DECIMAL(10, 2)");
SAME(same_wide, leat_udf_i128, "DECIMAL(38, 4)");
SAME(same_string, leat_udf_str, "STRING");
SAME(same_bytes, leat_udf_str, "BYTES");
SAME(same_date, int32_t, "DATE");
SAME(same_time, int32_t, "TIME(3)");
SAME(same_ts3, int64_t, "TIMESTAMP(3)");
SAME(same_ts6, int64_t, "TIMESTAMP(6)");
SAME(same_ts9, leat_udf_ts9, "TIMESTAMP(9)");
SAME(same_ltz, int64_t, "TIMESTAMP_LTZ(3)");
SAME(same_months, int32_t, "INTERVAL YEAR TO MONTH");
SAME(same_span, int64_t, "INTERVAL DAY TO SECOND(3)");

/* ---- NULL ---- */

static int32_t null_count(leat_udf_ctx *ctx, const leat_udf_rows *rows, const leat_udf_column *args,
                          void *out)
{
    (void)ctx;
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t row = leat_udf_row(rows, i);
        ((int32_t *)out)[row] = leat_udf_is_null(&args[0], row) + leat_udf_is_null(&args[1], row);
    }
    return 0;
}
static const char *const null_count_args[] = {"INT", "STRING"};
SCALAR(null_count, null_count_args, "INT NOT NULL",
       LEAT_UDF_DETERMINISTIC | LEAT_UDF_CALLED_ON_NULL);

static int32_t even_or_null(leat_udf_ctx *ctx, const leat_udf_rows *rows,
                            const leat_udf_column *args, void *out)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t row = leat_udf_row(rows, i);
        int32_t value = leat_udf_get_i32(&args[0], row);
        ((int32_t *)out)[row] = value;
        if (value % 2 != 0 && !leat_udf_set_null(ctx, row)) {
            return 1;
        }
    }
    return 0;
}
static const char *const int_args[] = {"INT"};
SCALAR(even_or_null, int_args, "INT", LEAT_UDF_DETERMINISTIC);

LEAT_UDF_EXPORT const leat_udf never_null_udf = {
    LEAT_UDF_HEAD,         .flags = LEAT_UDF_DETERMINISTIC, .arg_count = 1,
    .arg_types = int_args, .result_type = "INT NOT NULL",   .eval = even_or_null};

/* ---- failures ---- */

static int32_t fail_odd(leat_udf_ctx *ctx, const leat_udf_rows *rows, const leat_udf_column *args,
                        void *out)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t row = leat_udf_row(rows, i);
        ((int32_t *)out)[row] = leat_udf_get_i32(&args[0], row);
        if (leat_udf_get_i32(&args[0], row) % 2 != 0) {
            ctx->fail_row(ctx, row, "an odd number");
        }
    }
    return 0;
}
SCALAR(fail_odd, int_args, "INT", LEAT_UDF_DETERMINISTIC);

static int32_t fail_all(leat_udf_ctx *ctx, const leat_udf_rows *rows, const leat_udf_column *args,
                        void *out)
{
    (void)rows;
    (void)args;
    (void)out;
    ctx->fail(ctx, "nothing works today");
    return 1;
}
SCALAR(fail_all, int_args, "INT", LEAT_UDF_DETERMINISTIC);

static int32_t fail_code(leat_udf_ctx *ctx, const leat_udf_rows *rows, const leat_udf_column *args,
                         void *out)
{
    (void)ctx;
    (void)rows;
    (void)args;
    (void)out;
    return 42;
}
SCALAR(fail_code, int_args, "INT", LEAT_UDF_DETERMINISTIC);

static int32_t bad_text(leat_udf_ctx *ctx, const leat_udf_rows *rows, const leat_udf_column *args,
                        void *out)
{
    (void)args;
    for (uint32_t i = 0; i < rows->count; i++) {
        char *bytes = ctx->alloc(ctx, 2);
        if (bytes == NULL) {
            return 1;
        }
        memcpy(bytes, "\xff\xfe", 2);
        ((leat_udf_str *)out)[leat_udf_row(rows, i)] = (leat_udf_str){bytes, 2};
    }
    return 0;
}
SCALAR(bad_text, int_args, "STRING", LEAT_UDF_DETERMINISTIC);

static int32_t as_is_i64(leat_udf_ctx *ctx, const leat_udf_rows *rows, const leat_udf_column *args,
                         void *out)
{
    (void)ctx;
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t row = leat_udf_row(rows, i);
        ((int64_t *)out)[row] = leat_udf_get_i64(&args[0], row);
    }
    return 0;
}
static const char *const bigint_args[] = {"BIGINT"};
LEAT_UDF_EXPORT const leat_udf to_decimal_udf = {LEAT_UDF_HEAD, .arg_count = 1,
                                                 .arg_types = bigint_args,
                                                 .result_type = "DECIMAL(3, 0)", .eval = as_is_i64};
LEAT_UDF_EXPORT const leat_udf to_time_udf = {
    LEAT_UDF_HEAD,         .flags = LEAT_UDF_DETERMINISTIC, .arg_count = 1,
    .arg_types = int_args, .result_type = "TIME",           .eval = same_int};

/* ---- state of a call: the first argument must be a literal ---- */

static int32_t prefix_open(leat_udf_ctx *ctx, const leat_udf_column *args)
{
    if (args[0].data == NULL) {
        ctx->fail(ctx, "the prefix must be the same for every row");
        return 1;
    }
    leat_udf_str text = leat_udf_get_str(&args[0], 0);
    leat_udf_str *kept = malloc(sizeof *kept + text.len);
    if (kept == NULL) {
        return 1;
    }
    memcpy(kept + 1, text.ptr, text.len);
    *kept = (leat_udf_str){(const char *)(kept + 1), text.len};
    ctx->user = kept;
    return 0;
}

static void prefix_close(leat_udf_ctx *ctx)
{
    free(ctx->user);
}

static int32_t prefix(leat_udf_ctx *ctx, const leat_udf_rows *rows, const leat_udf_column *args,
                      void *out)
{
    const leat_udf_str *kept = ctx->user;
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t row = leat_udf_row(rows, i);
        leat_udf_str text = leat_udf_get_str(&args[1], row);
        char *bytes = ctx->alloc(ctx, kept->len + text.len);
        if (bytes == NULL) {
            return 1;
        }
        memcpy(bytes, kept->ptr, kept->len);
        memcpy(bytes + kept->len, text.ptr, text.len);
        ((leat_udf_str *)out)[row] = (leat_udf_str){bytes, kept->len + text.len};
    }
    return 0;
}
static const char *const prefix_args[] = {"STRING", "STRING"};
LEAT_UDF_EXPORT const leat_udf prefix_udf = {
    LEAT_UDF_HEAD,           .flags = LEAT_UDF_DETERMINISTIC,
    .arg_count = 2,          .arg_types = prefix_args,
    .result_type = "STRING", .open = prefix_open,
    .close = prefix_close,   .eval = prefix};

/* Another number at every call of a row. */
static int32_t ticket(leat_udf_ctx *ctx, const leat_udf_rows *rows, const leat_udf_column *args,
                      void *out)
{
    uintptr_t next = (uintptr_t)ctx->user;
    (void)args;
    for (uint32_t i = 0; i < rows->count; i++) {
        ((int64_t *)out)[leat_udf_row(rows, i)] = (int64_t)++next;
    }
    ctx->user = (void *)next;
    return 0;
}
LEAT_UDF_EXPORT const leat_udf ticket_udf = {LEAT_UDF_HEAD, .result_type = "BIGINT NOT NULL",
                                             .eval = ticket};

/* ---- an aggregate that takes rows back ---- */

static int32_t total_add(const leat_udf_rows *rows, const leat_udf_column *args,
                         void *const *states, int64_t sign)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        int64_t *state = states[i];
        state[0] += sign * leat_udf_get_i64(&args[0], leat_udf_row(rows, i));
        state[1] += sign;
    }
    return 0;
}

static int32_t total_update(leat_udf_ctx *ctx, const leat_udf_rows *rows,
                            const leat_udf_column *args, void *const *states)
{
    (void)ctx;
    return total_add(rows, args, states, 1);
}

static int32_t total_retract(leat_udf_ctx *ctx, const leat_udf_rows *rows,
                             const leat_udf_column *args, void *const *states)
{
    (void)ctx;
    return total_add(rows, args, states, -1);
}

static int32_t total_merge(leat_udf_ctx *ctx, void *const *to, const void *const *from,
                           uint32_t count)
{
    (void)ctx;
    for (uint32_t i = 0; i < count; i++) {
        int64_t *sum = to[i];
        const int64_t *more = from[i];
        /* Both begin at 1000, which counts once. */
        sum[0] += more[0] - 1000;
        sum[1] += more[1];
    }
    return 0;
}

static void total_init(void *state)
{
    ((int64_t *)state)[0] = 1000;
}

static int32_t total_finish(leat_udf_ctx *ctx, const void *const *states, uint32_t count, void *out)
{
    for (uint32_t i = 0; i < count; i++) {
        const int64_t *state = states[i];
        if (state[0] < 0) {
            ctx->fail(ctx, "the total is negative");
            return 1;
        }
        ((int64_t *)out)[i] = state[0];
    }
    return 0;
}

LEAT_UDF_EXPORT const leat_udf total_udf = {LEAT_UDF_HEAD,
                                            .kind = LEAT_UDF_AGGREGATE,
                                            .flags = LEAT_UDF_DETERMINISTIC | LEAT_UDF_ANY_ORDER,
                                            .arg_count = 1,
                                            .arg_types = bigint_args,
                                            .result_type = "BIGINT NOT NULL",
                                            .state_size = 16,
                                            .init = total_init,
                                            .update = total_update,
                                            .retract = total_retract,
                                            .merge = total_merge,
                                            .finish = total_finish};

/* ---- what must be refused ---- */

#define MAGIC .magic = {'l', 'e', 'a', 't', 'u', 'd', 'f', '\0'}

LEAT_UDF_EXPORT const leat_udf other_abi_udf = {MAGIC,
                                                .abi = 99,
                                                .size = sizeof(leat_udf),
                                                .arg_count = 1,
                                                .arg_types = int_args,
                                                .result_type = "INT",
                                                .eval = same_int};
LEAT_UDF_EXPORT const leat_udf short_udf = {MAGIC, .abi = LEAT_UDF_ABI, .size = 16};
LEAT_UDF_EXPORT const char no_descriptor[64] = "something else";
LEAT_UDF_EXPORT const leat_udf no_eval_udf = {LEAT_UDF_HEAD, .arg_count = 1, .arg_types = int_args,
                                              .result_type = "INT"};
LEAT_UDF_EXPORT const leat_udf no_result_udf = {LEAT_UDF_HEAD, .eval = ticket};
LEAT_UDF_EXPORT const leat_udf odd_type_udf = {LEAT_UDF_HEAD, .arg_count = 1, .arg_types = int_args,
                                               .result_type = "INTT", .eval = same_int};
LEAT_UDF_EXPORT const leat_udf nested_udf = {LEAT_UDF_HEAD, .arg_count = 1, .arg_types = int_args,
                                             .result_type = "ARRAY<INT>", .eval = same_int};
LEAT_UDF_EXPORT const leat_udf flags_udf = {LEAT_UDF_HEAD,        .flags = 64,
                                            .arg_count = 1,       .arg_types = int_args,
                                            .result_type = "INT", .eval = same_int};
LEAT_UDF_EXPORT const leat_udf no_merge_udf = {LEAT_UDF_HEAD,           .kind = LEAT_UDF_AGGREGATE,
                                               .arg_count = 1,          .arg_types = bigint_args,
                                               .result_type = "BIGINT", .state_size = 16,
                                               .update = total_update,  .finish = total_finish};

LEAT_UDF_EXPORT const leat_udf moody_udf = {LEAT_UDF_HEAD,           .kind = LEAT_UDF_AGGREGATE,
                                            .arg_count = 1,          .arg_types = bigint_args,
                                            .result_type = "BIGINT", .state_size = 16,
                                            .update = total_update,  .merge = total_merge,
                                            .finish = total_finish};

/* A later leat/udf.h, of the same ABI: fine while what it adds is zero. */
typedef struct {
    leat_udf known;
    uint64_t added;
} later_udf;

LEAT_UDF_EXPORT const later_udf later_unused_udf = {
    {MAGIC, .abi = LEAT_UDF_ABI, .size = sizeof(later_udf), .arg_count = 1, .arg_types = int_args,
     .result_type = "INT", .eval = same_int},
    .added = 0};
LEAT_UDF_EXPORT const later_udf later_used_udf = {
    {MAGIC, .abi = LEAT_UDF_ABI, .size = sizeof(later_udf), .arg_count = 1, .arg_types = int_args,
     .result_type = "INT", .eval = same_int},
    .added = 1};
