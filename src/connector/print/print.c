/* print: one line a row on standard output or error, `+I[a, b]`, as Flink's print connector with
 * parallelism 1. The lines of a batch go out in one write. */
#include "connector/connector_int.h"
#include "format/text.h"

extern const lt_connector lt_conn_print;

#define KEEP_BYTES \
    (256 * 1024) /* written out early above this, so that one batch of long rows needs no more */

typedef struct {
    lt_sink base;
    lt_file *file;
    lt_text text;
    lt_str identifier;
} print_sink;

static lt_status print_open(lt_sink *sink, lt_error *err)
{
    print_sink *self = (print_sink *)sink;
    lt_env *env = sink->ctx->env;
    lt_text_init(&self->text, sink->ctx->mem);
    self->identifier = lt_ctx_text(sink->ctx, &lt_conn_print, "print-identifier");
    bool to_error = lt_ctx_bool(sink->ctx, &lt_conn_print, "standard-error");
    return env->file_std(env, to_error ? LT_STDERR : LT_STDOUT, &self->file, err);
}

static lt_status print_out(print_sink *self, lt_error *err)
{
    if (self->text.failed) {
        return lt_error_nomem(err, "printed rows");
    }
    lt_env *env = self->base.ctx->env;
    if (self->text.len > 0) {
        LT_TRY(env->write(self->file, self->text.ptr, self->text.len, err));
        self->base.bytes += self->text.len;
        lt_text_clear(&self->text);
    }
    return LT_OK;
}

static lt_status print_write(lt_sink *sink, const lt_batch *batch, lt_error *err)
{
    print_sink *self = (print_sink *)sink;
    uint32_t live = lt_batch_live(batch);
    for (uint32_t i = 0; i < live; i++) {
        if (self->identifier.len > 0) {
            lt_text_append(&self->text, self->identifier.ptr, self->identifier.len);
            lt_text_puts(&self->text, "> ");
        }
        lt_text_row(&self->text, batch, lt_batch_row(batch, i));
        lt_text_putc(&self->text, '\n');
        if (self->text.len > KEEP_BYTES) {
            LT_TRY(print_out(self, err));
        }
    }
    sink->rows += live;
    return print_out(self, err);
}

static void print_close(lt_sink *sink)
{
    print_sink *self = (print_sink *)sink;
    if (self->file != NULL) {
        sink->ctx->env->close(self->file);
        lt_text_deinit(&self->text);
    }
}

static const lt_option_def print_options[] = {
    {.name = "print-identifier", .kind = LT_OPT_STRING, .help = "put before every line, as `id> `"},
    {.name = "standard-error",
     .kind = LT_OPT_BOOL,
     .fallback = "false",
     .help = "print on standard error instead of standard output"},
};

static const lt_sink_class print_sink_class = {
    .self_size = sizeof(print_sink),
    .guarantee = LT_SINK_AT_LEAST_ONCE,
    .kinds = 0xf,
    .immediate = true,
    .open = print_open,
    .write = print_write,
    .close = print_close,
};

const lt_connector lt_conn_print = {
    .name = "print",
    .help = "prints rows with their kind",
    .options = print_options,
    .option_count = LT_COUNT_OF(print_options),
    .sink = &print_sink_class,
};
