/* Aggregate functions of libraries. The record of a group is
 *
 *   u64   1 once the function's own init() has run: records start zeroed
 *   the function's state_size bytes, rounded up to 8
 *
 * and is copied, merged and kept like any other; the functions see only their part of it. There is
 * nobody to reject a row any more when an aggregate fails: the job does. */
#include <inttypes.h>
#include <stdio.h>

#include "expr/native_int.h"

#define HEAD_SIZE ((uint32_t)sizeof(uint64_t))
#define ARENA_MAX ((size_t)256 << 20)

typedef struct {
    leat_udf_ctx pub;
    lt_arena *arena; /* for bytes of results; NULL: there are no results now */
    lt_col *out;     /* finish() */
    uint32_t out_cap;
    bool nomem;
    bool failed;
    char why[200];
} agg_ctx;

static void *agg_alloc(leat_udf_ctx *ctx, size_t size)
{
    agg_ctx *self = (agg_ctx *)ctx;
    void *bytes = self->arena == NULL ? NULL : lt_arena_alloc(self->arena, size > 0 ? size : 1, 1);
    self->nomem = self->nomem || (self->arena != NULL && bytes == NULL);
    return bytes;
}

static uint64_t *agg_validity(leat_udf_ctx *ctx)
{
    agg_ctx *self = (agg_ctx *)ctx;
    if (self->out == NULL) {
        return NULL;
    }
    uint64_t *valid = lt_col_need_valid(self->out, self->out_cap, self->arena);
    self->nomem = self->nomem || valid == NULL;
    return valid;
}

static void agg_fail(leat_udf_ctx *ctx, const char *why)
{
    agg_ctx *self = (agg_ctx *)ctx;
    if (!self->failed) {
        self->failed = true;
        (void)snprintf(self->why, sizeof self->why, "%s", why != NULL ? why : "it failed");
    }
}

static void agg_fail_row(leat_udf_ctx *ctx, uint32_t row, const char *why)
{
    (void)row;
    agg_fail(ctx, why);
}

static void agg_bad(void *arg, uint32_t row, const char *why)
{
    agg_ctx *self = (agg_ctx *)arg;
    (void)row;
    if (!self->failed) {
        self->failed = true;
        (void)snprintf(self->why, sizeof self->why, "it gave %s", why);
    }
}

static void init_ctx(agg_ctx *ctx, const lt_native *native)
{
    memset(ctx, 0, sizeof *ctx);
    ctx->pub.abi = LEAT_UDF_ABI;
    ctx->pub.size = (uint32_t)sizeof ctx->pub;
    ctx->pub.name = native->name;
    ctx->pub.alloc = agg_alloc;
    ctx->pub.validity = agg_validity;
    ctx->pub.fail_row = agg_fail_row;
    ctx->pub.fail = agg_fail;
}

static lt_status result_of(const agg_ctx *ctx, int32_t code, lt_error *err)
{
    if (ctx->nomem) {
        return lt_error_nomem(err, "an aggregate");
    }
    if (ctx->failed) {
        return lt_error_set(err, LT_ERR_DATA, "%s: %s", ctx->pub.name, ctx->why);
    }
    return code == 0 ? LT_OK
                     : lt_error_set(err, LT_ERR_DATA, "%s: it failed with code %" PRId32,
                                    ctx->pub.name, code);
}

/* The function's part of a record, ready for it. */
static void *state_of(const lt_native *native, uint8_t *record)
{
    uint64_t head;
    memcpy(&head, record, sizeof head);
    if (head == 0) {
        head = 1;
        memcpy(record, &head, sizeof head);
        if (native->udf.init != NULL) {
            native->udf.init(record + HEAD_SIZE);
        }
    }
    return record + HEAD_SIZE;
}

/* ---- rows ---- */

typedef struct {
    lt_arena *scratch;
    leat_udf_column *columns;
    uint32_t *rows;
    void **states;
    uint32_t count;
} batch;

static bool is_counted(const lt_agg *agg, const lt_col *args, uint32_t row)
{
    bool nulls = (agg->native->udf.flags & LEAT_UDF_CALLED_ON_NULL) != 0;
    for (uint32_t a = 0; a < agg->arg_count && !nulls; a++) {
        if (lt_col_is_null(&args[a], row)) {
            return false;
        }
    }
    return true;
}

static lt_status make_batch(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                            const uint32_t *rows, uint32_t count, batch *b, lt_error *err)
{
    uint32_t row_max = 0;
    b->columns = LT_NEW_ARRAY(b->scratch, leat_udf_column, agg->arg_count + 1);
    b->rows = LT_NEW_ARRAY(b->scratch, uint32_t, (size_t)count + 1);
    b->states = LT_NEW_ARRAY(b->scratch, void *, (size_t)count + 1);
    if (b->columns == NULL || b->rows == NULL || b->states == NULL) {
        return lt_error_nomem(err, "an aggregate");
    }
    for (uint32_t i = 0; i < count; i++) {
        if (is_counted(agg, args, rows[i])) {
            row_max = LT_MAX(row_max, rows[i]);
            b->rows[b->count] = rows[i];
            b->states[b->count++] = state_of(agg->native, states[i]);
        }
    }
    const leat_udf_rows all = {b->rows, b->count, row_max + 1};
    for (uint32_t a = 0; a < agg->arg_count; a++) {
        if (!lt_native_column(&b->columns[a], &args[a], UINT32_MAX, &all, b->scratch)) {
            return lt_error_nomem(err, "an aggregate");
        }
    }
    return LT_OK;
}

static lt_status native_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                               const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                               lt_error *err)
{
    const lt_native *native = agg->native;
    (void)cells;
    batch b = {.scratch = lt_arena_new((lt_mem *)(uintptr_t)agg->bound, ARENA_MAX)};
    if (b.scratch == NULL) {
        return lt_error_nomem(err, "an aggregate");
    }
    lt_status st = make_batch(agg, states, args, rows, count, &b, err);
    if (st == LT_OK && b.count > 0) {
        const leat_udf_rows taken = {b.rows, b.count, b.count};
        agg_ctx ctx;
        init_ctx(&ctx, native);
        LT_ASSERT(sign > 0 || native->udf.retract != NULL);
        int32_t code = sign > 0 ? native->udf.update(&ctx.pub, &taken, b.columns, b.states)
                                : native->udf.retract(&ctx.pub, &taken, b.columns, b.states);
        st = result_of(&ctx, code, err);
    }
    lt_arena_free(b.scratch);
    return st;
}

static lt_status native_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                              uint32_t count, lt_cells *cells, lt_error *err)
{
    enum { PART = 64 };
    const lt_native *native = agg->native;
    void *to[PART];
    const void *from[PART];
    (void)cells;
    for (uint32_t done = 0; done < count;) {
        uint32_t used = 0;
        for (; done < count && used < PART; done++) {
            uint64_t head;
            memcpy(&head, src[done], sizeof head);
            if (head != 0) { /* else it has taken nothing in */
                to[used] = state_of(native, dst[done]);
                from[used++] = src[done] + HEAD_SIZE;
            }
        }
        agg_ctx ctx;
        init_ctx(&ctx, native);
        int32_t code = used > 0 ? native->udf.merge(&ctx.pub, to, from, used) : 0;
        LT_TRY(result_of(&ctx, code, err));
    }
    return LT_OK;
}

/* States of groups that took no row in: a fresh one, which all of them share. */
static lt_status collect_states(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                                const void **out, lt_arena *arena, lt_error *err)
{
    uint8_t *fresh = NULL;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t head;
        memcpy(&head, states[i], sizeof head);
        if (head == 0 && fresh == NULL) {
            fresh = lt_arena_zalloc(arena, agg->state_size, 8);
            if (fresh == NULL) {
                return lt_error_nomem(err, "an aggregate");
            }
        }
        out[i] = head != 0 ? states[i] + HEAD_SIZE : state_of(agg->native, fresh);
    }
    return LT_OK;
}

static lt_status native_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                               lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    const lt_native *native = agg->native;
    const void **all = LT_NEW_ARRAY(arena, const void *, (size_t)count + 1);
    void *results = lt_native_results(out, out_cap, arena);
    if (all == NULL || results == NULL) {
        return lt_error_nomem(err, "an aggregate");
    }
    LT_TRY(collect_states(agg, states, count, all, arena, err));
    agg_ctx ctx;
    init_ctx(&ctx, native);
    ctx.arena = arena;
    ctx.out = out;
    ctx.out_cap = out_cap;
    int32_t code = native->udf.finish(&ctx.pub, all, count, results);
    LT_TRY(result_of(&ctx, code, err));
    const leat_udf_rows rows = {.rows = NULL, .count = count, .capacity = out_cap};
    const lt_native_take take = {.native = native,
                                 .rows = &rows,
                                 .out = out,
                                 .results = results,
                                 .bad = agg_bad,
                                 .arg = &ctx};
    lt_native_take_results(&take);
    return result_of(&ctx, 0, err);
}

lt_status lt_native_bind_class(lt_native *native, lt_error *err)
{
    (void)err;
    native->cls = (lt_agg_class){.name = native->name,
                                 .update = native_update,
                                 .merge = native_merge,
                                 .finish = native_finish};
    return LT_OK;
}

lt_status lt_native_agg_bind(lt_expr_builder *b, const lt_native *native,
                             const lt_native_agg_call *call, lt_agg **out, lt_error *err)
{
    lt_agg *agg = LT_NEW(b->arena, lt_agg);
    LT_ASSERT(lt_native_is_aggregate(native));
    if (agg == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    if (call->retracts && native->udf.retract == NULL) {
        lt_status st =
            lt_error_set_at(err, LT_ERR_UNSUPPORTED, call->pos,
                            "%s cannot take rows back, which its input does", native->name);
        lt_error_hint(err, "give the function a retract()");
        return st;
    }
    if (call->filter != NULL && call->filter->type->kind != LT_TYPE_BOOLEAN) {
        return lt_error_set_at(err, LT_ERR_SQL, call->filter->pos,
                               "FILTER takes a BOOLEAN condition");
    }
    agg->args = LT_NEW_ARRAY(b->arena, lt_expr *, call->arg_count + 1);
    if (agg->args == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    for (uint32_t i = 0; i < call->arg_count; i++) {
        agg->args[i] = call->args[i];
    }
    LT_TRY(lt_native_cast_args(b, native, agg->args, call->arg_count, call->pos, err));
    agg->cls = &native->cls;
    agg->native = native;
    agg->bound = b->session->mem;
    agg->arg_count = call->arg_count;
    agg->distinct = call->distinct;
    agg->filter = call->filter;
    agg->retracts = call->retracts;
    agg->result = native->types[native->udf.arg_count];
    agg->state_size = HEAD_SIZE + (native->udf.state_size + 7) / 8 * 8;
    *out = agg;
    return LT_OK;
}
