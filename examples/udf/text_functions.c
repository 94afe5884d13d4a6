/* Two functions for leat, as one library:
 *
 *   cc -std=c17 -O2 -shared -fPIC -I../../include text_functions.c -o libtext_functions.so
 *
 *   count_char(s, c)   how often the character c stands in s (c longer than one character: how
 *                      often that text does)
 *   longest(s)         the longest text of a group; the first of equally long ones
 *
 * See README.md beside this file, and leat/udf.h for the interface. */
#include <leat/udf.h>

#include <string.h>

/* ---- count_char: a scalar function, called with whole batches ---- */

static int64_t count_in(leat_udf_str text, leat_udf_str what)
{
    int64_t count = 0;
    const char *at = text.ptr;
    const char *end = text.ptr + text.len;
    while (what.len > 0 && (size_t)(end - at) >= what.len) {
        at = memchr(at, what.ptr[0], (size_t)(end - at) - what.len + 1);
        if (at == NULL) {
            break;
        }
        if (memcmp(at, what.ptr, what.len) == 0) {
            count++;
            at += what.len;
        } else {
            at++;
        }
    }
    return count;
}

static int32_t count_char(leat_udf_ctx *ctx, const leat_udf_rows *rows, const leat_udf_column *args,
                          void *out)
{
    int64_t *result = (int64_t *)out;
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t row = leat_udf_row(rows, i);
        leat_udf_str what = leat_udf_get_str(&args[1], row);
        if (what.len == 0) {
            ctx->fail_row(ctx, row, "the character to count is empty");
            continue;
        }
        result[row] = count_in(leat_udf_get_str(&args[0], row), what);
    }
    return 0;
}

static const char *const count_char_args[] = {"STRING", "STRING"};

LEAT_UDF_EXPORT const leat_udf count_char_udf = {
    LEAT_UDF_HEAD,
    .kind = LEAT_UDF_SCALAR,
    .flags = LEAT_UDF_DETERMINISTIC,
    .version = 1,
    .arg_count = 2,
    .arg_types = count_char_args,
    .result_type = "BIGINT",
    .name = "count_char",
    .eval = count_char,
};

/* ---- longest: an aggregate function, whose accumulator is a record without pointers ---- */

enum { LONGEST_MAX = 120 };

typedef struct {
    uint32_t seen; /* 0: no row yet */
    uint32_t len;
    char text[LONGEST_MAX];
} longest_state;

static void longest_take(longest_state *state, const char *text, size_t len)
{
    if (!state->seen || len > state->len) {
        state->seen = 1;
        state->len = (uint32_t)len;
        memcpy(state->text, text, len);
    }
}

static int32_t longest_update(leat_udf_ctx *ctx, const leat_udf_rows *rows,
                              const leat_udf_column *args, void *const *states)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        leat_udf_str text = leat_udf_get_str(&args[0], leat_udf_row(rows, i));
        if (text.len > LONGEST_MAX) {
            ctx->fail(ctx, "a text is longer than 120 bytes");
            return 1;
        }
        longest_take((longest_state *)states[i], text.ptr, text.len);
    }
    return 0;
}

static int32_t longest_merge(leat_udf_ctx *ctx, void *const *to, const void *const *from,
                             uint32_t count)
{
    (void)ctx;
    for (uint32_t i = 0; i < count; i++) {
        const longest_state *more = (const longest_state *)from[i];
        if (more->seen) {
            longest_take((longest_state *)to[i], more->text, more->len);
        }
    }
    return 0;
}

static int32_t longest_finish(leat_udf_ctx *ctx, const void *const *states, uint32_t count,
                              void *out)
{
    leat_udf_str *result = (leat_udf_str *)out;
    for (uint32_t i = 0; i < count; i++) {
        const longest_state *state = (const longest_state *)states[i];
        char *copy = state->seen ? ctx->alloc(ctx, state->len) : NULL;
        if (!state->seen) {
            if (!leat_udf_set_null(ctx, i)) {
                return 1;
            }
            continue;
        }
        if (copy == NULL) {
            return 1;
        }
        memcpy(copy, state->text, state->len);
        result[i] = (leat_udf_str){copy, state->len};
    }
    return 0;
}

static const char *const longest_args[] = {"STRING"};

LEAT_UDF_EXPORT const leat_udf longest_udf = {
    LEAT_UDF_HEAD,
    .kind = LEAT_UDF_AGGREGATE,
    .flags = LEAT_UDF_DETERMINISTIC,
    .version = 1,
    .arg_count = 1,
    .arg_types = longest_args,
    .result_type = "STRING",
    .name = "longest",
    .state_size = sizeof(longest_state),
    .update = longest_update,
    .merge = longest_merge,
    .finish = longest_finish,
};
