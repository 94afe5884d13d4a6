/* Functions for leat, written in C (or anything that can export a C symbol).
 *
 *   static int32_t count_char(leat_udf_ctx *ctx, const leat_udf_rows *rows,
 *                             const leat_udf_column *args, void *out)
 *   {
 *       int64_t *result = (int64_t *)out;
 *       (void)ctx;
 *       for (uint32_t i = 0; i < rows->count; i++) {
 *           uint32_t row = leat_udf_row(rows, i);
 *           leat_udf_str text = leat_udf_get_str(&args[0], row);
 *           ..
 *           result[row] = count;
 *       }
 *       return 0;
 *   }
 *   static const char *const count_char_args[] = {"STRING", "STRING"};
 *   LEAT_UDF_EXPORT const leat_udf count_char_udf = {
 *       LEAT_UDF_HEAD, .name = "count_char", .arg_types = count_char_args, .arg_count = 2,
 *       .result_type = "BIGINT", .flags = LEAT_UDF_DETERMINISTIC, .eval = count_char};
 *
 *   CREATE FUNCTION count_char AS 'libtext.so#count_char_udf' LANGUAGE C;
 *
 * This header stands alone, in C and C++. A library exports one constant of type leat_udf for each
 * function; nothing of it is called before a statement uses the function. Calls see whole batches:
 * columns of values, and which rows count.
 *
 * Versions. `abi` and `size` say what the library was built with. Members are only ever added, at
 * the end; what a library of the same ABI does not know is taken as zero, and a library that uses
 * members which the engine does not know is refused. A changed meaning is another LEAT_UDF_ABI.
 *
 * Values lie in arrays, one element a row:
 *
 *   BOOLEAN                      uint8_t, 0 or 1
 *   TINYINT .. BIGINT            int8_t, int16_t, int32_t, int64_t
 *   FLOAT, DOUBLE                float, double
 *   DECIMAL(p, s), p <= 18       int64_t, the value times 10^s
 *                  p > 18        leat_udf_i128, the same
 *   STRING, BYTES                leat_udf_str; STRING is UTF-8
 *   DATE                         int32_t, days since 1970-01-01
 *   TIME(p)                      int32_t, milliseconds of the day
 *   TIMESTAMP(p), TIMESTAMP_LTZ(p)
 *                  p <= 3        int64_t, milliseconds since 1970-01-01 (LTZ: UTC)
 *                  p <= 6        int64_t, microseconds
 *                  p <= 9        leat_udf_ts9
 *   INTERVAL YEAR TO MONTH       int32_t, months
 *   INTERVAL DAY TO SECOND       int64_t, milliseconds
 *
 * Threads. Every place of a call has a context of its own in every thread that runs it; calls with
 * one context never overlap, calls with different ones do. A function must not keep what it was
 * given behind its return, and must not change its arguments. It may be asked about a row again. */
#ifndef LEAT_UDF_H
#define LEAT_UDF_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define LEAT_UDF_VISIBLE __attribute__((visibility("default")))
#else
#define LEAT_UDF_VISIBLE
#endif
#ifdef __cplusplus
#define LEAT_UDF_EXPORT extern "C" LEAT_UDF_VISIBLE
extern "C" {
#else
#define LEAT_UDF_EXPORT LEAT_UDF_VISIBLE
#endif

#define LEAT_UDF_ABI 1u

typedef struct {
    const char *ptr; /* not terminated; never NULL in arguments */
    size_t len;      /* bytes */
} leat_udf_str;

typedef struct {
    uint64_t low;
    int64_t high;
} leat_udf_i128;

typedef struct {
    int64_t ms;       /* since 1970-01-01 */
    int32_t ns_of_ms; /* 0 .. 999999 */
    int32_t zero;
} leat_udf_ts9;

/* One argument. Row r's value is element (r & mask) of data: mask is 0 when one value stands for
 * all rows, as of a literal, else all ones. Values of rows that do not count are readable (empty
 * strings) and mean nothing. */
typedef struct {
    const void *data;
    const uint64_t *valid; /* bit (r & mask) set: not NULL; no bitmap: no NULLs */
    uint32_t mask;
    uint32_t reserved;
} leat_udf_column;

/* The rows to look at: rows[0 .. count), ascending; without a list, 0 .. count - 1. Arrays of
 * results have `capacity` elements. */
typedef struct {
    const uint32_t *rows;
    uint32_t count;
    uint32_t capacity;
} leat_udf_rows;

typedef struct leat_udf_ctx leat_udf_ctx;

/* What the engine offers to a call. */
struct leat_udf_ctx {
    uint32_t abi;
    uint32_t size;
    void *user;       /* what open() puts here; starts as NULL */
    const char *name; /* as the function is called in SQL */
    /* Bytes for results of STRING and BYTES, which live as long as they must. NULL: no memory, give
     * up with any code. A result may also point into an argument's bytes; never elsewhere. */
    void *(*alloc)(leat_udf_ctx *ctx, size_t size);
    /* The result's bitmap, one bit for each row, all set but where an argument is NULL (unless
     * LEAT_UDF_CALLED_ON_NULL): clear a bit to make the result NULL. NULL: no memory. */
    uint64_t *(*validity)(leat_udf_ctx *ctx);
    /* This row has failed, and why (copied, in UTF-8): the job fails, or the row is rejected, as
     * the source's 'error.policy' says. Aggregates cannot reject: the job fails. */
    void (*fail_row)(leat_udf_ctx *ctx, uint32_t row, const char *why);
    /* Why everything asked for has failed; return a code other than 0 too. */
    void (*fail)(leat_udf_ctx *ctx, const char *why);
};

enum {
    /* Equal arguments give equal results, for ever: calls may be shared, or left out. Without it
     * the function is called for every row that needs it, and results over it are not exact when
     * they come again. */
    LEAT_UDF_DETERMINISTIC = 1,
    /* NULL arguments are shown. Without it any NULL argument makes the result NULL, and such rows
     * are not among those to look at (aggregates leave them out). */
    LEAT_UDF_CALLED_ON_NULL = 2,
    /* Aggregates: the result is the same whatever the order of the rows. Without it EXPLAIN
     * promises less when several threads take part. */
    LEAT_UDF_ANY_ORDER = 4
};

enum { LEAT_UDF_SCALAR = 0, LEAT_UDF_AGGREGATE = 1 };

/* A function. Codes returned: 0 = fine, all else = failed. */
typedef struct {
    char magic[8]; /* the first three members: LEAT_UDF_HEAD */
    uint32_t abi;
    uint32_t size;
    uint32_t kind; /* LEAT_UDF_SCALAR or LEAT_UDF_AGGREGATE */
    uint32_t flags;
    /* What is computed, as a number of yours. State of jobs that was made by another version of an
     * aggregate, or grouped by another version of a scalar function, is not taken for this one's.
     */
    uint32_t version;
    uint32_t arg_count;           /* at most 64 */
    const char *const *arg_types; /* as in SQL: "INT", "STRING", "DECIMAL(10, 2)" */
    const char *result_type;      /* with NOT NULL behind it: never NULL */
    const char *name;             /* for people */
    /* May be NULL. Before the first eval() of a context; arguments that are the same for every row
     * are there already (row 0, mask 0), the others have no data. Scalar functions only. */
    int32_t (*open)(leat_udf_ctx *ctx, const leat_udf_column *args);
    void (*close)(leat_udf_ctx *ctx); /* may be NULL; after an open() that gave 0, or without one */

    /* Scalar functions: writes the rows' results into the array out. */
    int32_t (*eval)(leat_udf_ctx *ctx, const leat_udf_rows *rows, const leat_udf_column *args,
                    void *out);

    /* Aggregate functions. An accumulator is `state_size` bytes (8-aligned) without pointers, which
     * the engine copies, keeps in checkpoints and frees as it likes. */
    uint32_t state_size; /* 1 .. 4096 */
    uint32_t reserved;
    void (*init)(void *state); /* NULL: all bytes zero */
    /* states[i] takes the rows' i-th row in; retract takes one back that was taken in. retract
     * NULL: the function is refused where input rows may be taken back. */
    int32_t (*update)(leat_udf_ctx *ctx, const leat_udf_rows *rows, const leat_udf_column *args,
                      void *const *states);
    int32_t (*retract)(leat_udf_ctx *ctx, const leat_udf_rows *rows, const leat_udf_column *args,
                       void *const *states);
    /* to[i] takes in all that from[i] has, which came after it. */
    int32_t (*merge)(leat_udf_ctx *ctx, void *const *to, const void *const *from, uint32_t count);
    /* Writes the result of states[i] into element i of out. */
    int32_t (*finish)(leat_udf_ctx *ctx, const void *const *states, uint32_t count, void *out);
} leat_udf;

#define LEAT_UDF_HEAD                                                        \
    .magic = {'l', 'e', 'a', 't', 'u', 'd', 'f', '\0'}, .abi = LEAT_UDF_ABI, \
    .size = (uint32_t)sizeof(leat_udf)

/* ---- reading and writing ---- */

static inline uint32_t leat_udf_row(const leat_udf_rows *rows, uint32_t i)
{
    return rows->rows != NULL ? rows->rows[i] : i;
}

static inline int leat_udf_is_null(const leat_udf_column *arg, uint32_t row)
{
    uint32_t at = row & arg->mask;
    return arg->valid != NULL && ((arg->valid[at >> 6] >> (at & 63u)) & 1u) == 0;
}

static inline leat_udf_str leat_udf_get_str(const leat_udf_column *arg, uint32_t row)
{
    return ((const leat_udf_str *)arg->data)[row & arg->mask];
}

static inline int32_t leat_udf_get_i32(const leat_udf_column *arg, uint32_t row)
{
    return ((const int32_t *)arg->data)[row & arg->mask];
}

static inline int64_t leat_udf_get_i64(const leat_udf_column *arg, uint32_t row)
{
    return ((const int64_t *)arg->data)[row & arg->mask];
}

static inline double leat_udf_get_f64(const leat_udf_column *arg, uint32_t row)
{
    return ((const double *)arg->data)[row & arg->mask];
}

/* Gives 0 when there is no memory. */
static inline int leat_udf_set_null(leat_udf_ctx *ctx, uint32_t row)
{
    uint64_t *valid = ctx->validity(ctx);
    if (valid == NULL) {
        return 0;
    }
    valid[row >> 6] &= ~((uint64_t)1 << (row & 63u));
    return 1;
}

#ifdef __cplusplus
}
#endif
#endif
