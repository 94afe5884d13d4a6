/* stdin: records from standard input until it ends. What was read is gone, so there is no position;
 * a regular file behind the stream is bounded, a pipe may go on for ever. */
#include "connector/feed.h"
#include "connector/stdio/stdio_int.h"

#define BLOCKS_PER_POLL 16

typedef struct {
    lt_source base;
    lt_file *file;
    lt_feed feed;
    lt_status failed; /* comes after the rows before it */
    lt_error failure;
} stdin_source;

static bool stdin_bounded(const lt_table_ctx *ctx)
{
    lt_str bounded = lt_ctx_text(ctx, &lt_conn_stdin, "bounded");
    if (bounded.ptr != NULL) {
        return lt_str_eq_ci(lt_str_trim(bounded), LT_STR("true"));
    }
    lt_file *file = NULL;
    lt_stat stat;
    bool is_file = ctx->env->file_std(ctx->env, LT_STDIN, &file, NULL) == LT_OK &&
                   ctx->env->fstat(file, &stat, NULL) == LT_OK && stat.kind == LT_FILE_REGULAR;
    if (file != NULL) {
        ctx->env->close(file);
    }
    return is_file;
}

static lt_status stdin_check(const lt_table_ctx *ctx, bool as_source, lt_error *err)
{
    (void)as_source;
    const lt_format *format;
    LT_TRY(lt_ctx_format(ctx, true, &format, err));
    if (format->check == NULL) {
        return LT_OK;
    }
    lt_format_ctx fctx;
    char prefix[64];
    lt_ctx_format_ctx(ctx, format, prefix, sizeof prefix, &fctx);
    return format->check(&fctx, true, err);
}

static lt_status stdin_open(lt_source *src, lt_error *err)
{
    stdin_source *self = (stdin_source *)src;
    const lt_table_ctx *ctx = src->ctx;
    const lt_format *format;
    LT_TRY(lt_ctx_format(ctx, true, &format, err));
    lt_format_ctx fctx;
    lt_ctx_format_ctx(ctx, format, self->feed.prefix, sizeof self->feed.prefix, &fctx);
    fctx.record_bytes_max = lt_ctx_int(ctx, &lt_conn_stdin, "source.record-size.max", NULL);
    lt_feed_init(&self->feed, ctx, format, &fctx);
    LT_TRY(ctx->env->file_std(ctx->env, LT_STDIN, &self->file, err));
    return lt_feed_start(&self->feed, LT_STR("stdin"), 0, false, err);
}

static lt_status fill(stdin_source *self, lt_batch *batch, lt_wait *wait, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    unsigned blocks = BLOCKS_PER_POLL;
    for (;;) {
        LT_TRY(lt_feed_decode(&self->feed, batch, err));
        if (batch->row_count == batch->row_cap) {
            return LT_OK;
        }
        if (self->feed.ended) {
            return LT_END;
        }
        if (blocks-- == 0) {
            *wait = (lt_wait){.wake_mono_ns = env->mono_ns(env)};
            return LT_AGAIN;
        }
        char *to;
        size_t size;
        size_t got = 0;
        LT_TRY(lt_feed_room(&self->feed, &to, &size, err));
        lt_status st = env->read(self->file, to, size, &got, err);
        if (st == LT_AGAIN) {
            *wait = (lt_wait){.wake_mono_ns = INT64_MAX, .file = self->file};
        }
        if (st != LT_OK) {
            return st;
        }
        if (got > 0) {
            lt_feed_filled(&self->feed, got);
            self->base.bytes += got;
        } else {
            lt_feed_end(&self->feed);
        }
    }
}

static lt_status stdin_poll(lt_source *src, lt_batch **out, lt_wait *wait, lt_error *err)
{
    stdin_source *self = (stdin_source *)src;
    const lt_table_ctx *ctx = src->ctx;
    *out = NULL;
    if (self->failed != LT_OK) {
        lt_status st = self->failed;
        if (err != NULL) {
            *err = self->failure;
        }
        self->failed = LT_OK;
        return st;
    }
    lt_batch *batch = lt_batch_new(ctx->pool, ctx->schema, ctx->batch_rows);
    if (batch == NULL) {
        return lt_error_nomem(err, "a batch");
    }
    lt_error cause;
    lt_error_clear(&cause);
    lt_status st = fill(self, batch, wait, &cause);
    src->rejected = self->feed.rejected;
    if (batch->row_count == 0) {
        lt_batch_unref(batch);
        if (err != NULL && st > LT_END) {
            *err = cause;
        }
        return st;
    }
    if (st > LT_END) {
        self->failed = st;
        self->failure = cause;
    }
    batch->sel_count = batch->row_count;
    batch->arrival_us = ctx->env->wall_us(ctx->env);
    src->rows += batch->row_count;
    *out = batch;
    return LT_OK;
}

static void stdin_describe(const lt_source *src, lt_text *to)
{
    const stdin_source *self = (const stdin_source *)src;
    lt_text_printf(to, "stdin at byte %lld", (long long)lt_feed_offset(&self->feed));
}

static void stdin_close(lt_source *src)
{
    stdin_source *self = (stdin_source *)src;
    lt_feed_deinit(&self->feed);
    if (self->file != NULL) {
        src->ctx->env->close(self->file);
    }
}

static const lt_option_def options[] = {
    {.name = "bounded",
     .kind = LT_OPT_BOOL,
     .help = "treat the input as finite (final results only); by default a file is, a pipe is not"},
    {.name = "source.record-size.max",
     .kind = LT_OPT_SIZE,
     .fallback = "8mb",
     .help = "longer records are rejected"},
};

static const lt_source_class source_class = {
    .self_size = sizeof(stdin_source),
    .guarantee = LT_SOURCE_EPHEMERAL,
    .bounded = stdin_bounded,
    .open = stdin_open,
    .poll = stdin_poll,
    .describe = stdin_describe,
    .close = stdin_close,
};

const lt_connector lt_conn_stdin = {
    .name = "stdin",
    .help = "records from standard input",
    .options = options,
    .option_count = LT_COUNT_OF(options),
    .needs_format = true,
    .source = &source_class,
    .check = stdin_check,
};
