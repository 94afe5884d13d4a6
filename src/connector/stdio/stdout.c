/* stdout: records on standard output in a format, one write a batch. */
#include "connector/stdio/stdio_int.h"

typedef struct {
    lt_sink base;
    lt_file *file;
    const lt_format *format;
    lt_encoder *encoder;
    char prefix[64];
    lt_text text;
    uint32_t *rows;
    uint32_t row_cap;
} stdout_sink;

static lt_status stdout_check(const lt_table_ctx *ctx, bool as_source, lt_error *err)
{
    (void)as_source;
    const lt_format *format;
    LT_TRY(lt_ctx_format(ctx, false, &format, err));
    if (format->check == NULL) {
        return LT_OK;
    }
    lt_format_ctx fctx;
    char prefix[64];
    lt_ctx_format_ctx(ctx, format, prefix, sizeof prefix, &fctx);
    return format->check(&fctx, false, err);
}

static lt_status stdout_open(lt_sink *sink, lt_error *err)
{
    stdout_sink *self = (stdout_sink *)sink;
    const lt_table_ctx *ctx = sink->ctx;
    lt_text_init(&self->text, ctx->mem);
    LT_TRY(lt_ctx_format(ctx, false, &self->format, err));
    lt_format_ctx fctx;
    lt_ctx_format_ctx(ctx, self->format, self->prefix, sizeof self->prefix, &fctx);
    LT_TRY(self->format->encoder_new(&fctx, &self->encoder, err));
    return ctx->env->file_std(ctx->env, LT_STDOUT, &self->file, err);
}

static lt_status list_rows(stdout_sink *self, const lt_batch *batch, uint32_t live, lt_error *err)
{
    lt_mem *mem = self->base.ctx->mem;
    if (live > self->row_cap) {
        uint32_t *rows =
            lt_mem_realloc(mem, self->rows, sizeof *rows * self->row_cap, sizeof *rows * live);
        if (rows == NULL) {
            return lt_error_nomem(err, "a sink");
        }
        self->rows = rows;
        self->row_cap = live;
    }
    for (uint32_t i = 0; i < live; i++) {
        self->rows[i] = lt_batch_row(batch, i);
    }
    return LT_OK;
}

static lt_status stdout_write(lt_sink *sink, const lt_batch *batch, lt_error *err)
{
    stdout_sink *self = (stdout_sink *)sink;
    lt_env *env = sink->ctx->env;
    uint32_t live = lt_batch_live(batch);
    if (live == 0) {
        return LT_OK;
    }
    LT_TRY(list_rows(self, batch, live, err));
    lt_text_clear(&self->text);
    lt_status st = self->format->encode(self->encoder, batch, self->rows, live, &self->text, err);
    if (st == LT_OK && self->text.failed) {
        st = lt_error_nomem(err, "encoded rows");
    }
    if (st == LT_OK && self->text.len > 0) {
        st = env->write(self->file, self->text.ptr, self->text.len, err);
    }
    if (st == LT_OK) {
        sink->rows += live;
        sink->bytes += self->text.len;
    }
    return st;
}

static void stdout_close(lt_sink *sink)
{
    stdout_sink *self = (stdout_sink *)sink;
    if (self->encoder != NULL) {
        self->format->encoder_free(self->encoder);
    }
    if (self->file != NULL) {
        sink->ctx->env->close(self->file);
    }
    if (self->text.mem != NULL) {
        lt_text_deinit(&self->text);
    }
    lt_mem_free(sink->ctx->mem, self->rows, sizeof *self->rows * self->row_cap);
}

static const lt_sink_class sink_class = {
    .self_size = sizeof(stdout_sink),
    .guarantee = LT_SINK_AT_LEAST_ONCE,
    .kinds = 1,
    .immediate = true,
    .open = stdout_open,
    .write = stdout_write,
    .close = stdout_close,
};

const lt_connector lt_conn_stdout = {
    .name = "stdout",
    .help = "records on standard output",
    .needs_format = true,
    .sink = &sink_class,
    .check = stdout_check,
};
