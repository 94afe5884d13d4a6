/* The connector 'feed': rows that the host program pushes (leat_push), in any format, of any row
 * kind. As a sink it appends to the same feed, for another job of the process to read. */
#include <string.h>

#include "connector/connector_int.h"
#include "connector/host/feeds.h"

typedef struct {
    lt_source src;
    const lt_format *format;
    lt_format_ctx fctx;
    char prefix[32];
    lt_decoder *decoder;
    lt_host_feed *feed;
    uint64_t seen_rejected;
} host_source;

extern const lt_connector lt_conn_feed;

static lt_status host_open(lt_source *src, lt_error *err)
{
    host_source *self = (host_source *)src;
    if (src->ctx->feeds == NULL) {
        return lt_error_set(err, LT_ERR_USAGE,
                            "connector 'feed' needs a host program that pushes rows");
    }
    LT_TRY(lt_ctx_format(src->ctx, true, &self->format, err));
    lt_ctx_format_ctx(src->ctx, self->format, self->prefix, sizeof self->prefix, &self->fctx);
    LT_TRY(self->format->decoder_new(&self->fctx, &self->decoder, err));
    return lt_host_feed_attach(src->ctx->feeds, src->ctx->table, &self->feed, err);
}

/* Marks rows [from, batch->row_count) with a kind; the array is made when the first row that is not
 * an insert comes. */
static bool set_kinds(lt_batch *batch, uint32_t from, uint8_t kind)
{
    if (batch->kinds == NULL) {
        if (kind == LT_INSERT) {
            return true;
        }
        batch->kinds = lt_arena_zalloc(batch->arena, batch->row_cap, 1);
        if (batch->kinds == NULL) {
            return false;
        }
    }
    memset(batch->kinds + from, kind, batch->row_count - from);
    return true;
}

static lt_status decode_chunk(host_source *self, lt_host_chunk *chunk, lt_batch *batch,
                              lt_error *err)
{
    lt_decode_in in = {.buf = chunk->buf,
                       .pos = chunk->pos,
                       .end = chunk->buf->len,
                       .last = true,
                       .where = self->src.ctx->table};
    uint32_t from = batch->row_count;
    lt_status st = self->format->decode(self->decoder, &in, batch, err);
    self->src.bytes += in.pos - chunk->pos;
    chunk->pos = in.pos;
    const lt_decode_stats *stats = lt_decoder_stats(self->decoder);
    self->src.rejected += stats->rejected - self->seen_rejected;
    self->seen_rejected = stats->rejected;
    if (!set_kinds(batch, from, chunk->kind)) {
        return lt_error_nomem(err, "row kinds");
    }
    return st;
}

/* Were the rows pushed for the table as it is now? It may have been altered or made anew since. */
static lt_status check_schema(const lt_table_ctx *ctx, const lt_schema *pushed, lt_error *err)
{
    const lt_schema *now = ctx->record_schema;
    bool same = pushed->count == now->count;
    for (uint32_t i = 0; same && i < now->count; i++) {
        const lt_field *a = &pushed->fields[i];
        const lt_field *b = &now->fields[i];
        same = lt_str_eq(a->name, b->name) && lt_type_eq_unnull(a->type, b->type) &&
               a->type->nullable == b->type->nullable;
    }
    return same ? LT_OK
                : lt_error_set(err, LT_ERR_USAGE,
                               "rows were pushed to '" LT_STR_FMT
                               "' when it had other columns than it has now",
                               LT_STR_ARG(ctx->table));
}

/* All rows of a pushed batch as they are: its columns, in the order wanted. */
static lt_batch *share_rows(const lt_table_ctx *ctx, lt_batch *pushed)
{
    lt_batch *batch = lt_batch_derive(ctx->pool, pushed, ctx->schema);
    for (uint32_t c = 0; batch != NULL && c < ctx->schema->count; c++) {
        batch->cols[c] = pushed->cols[ctx->record_index[c]];
        batch->cols[c].type = ctx->schema->fields[c].type;
    }
    return batch;
}

/* A dense copy of rows [from, from + count) for a source with smaller batches. */
static lt_batch *copy_rows(const lt_table_ctx *ctx, lt_batch *pushed, uint32_t from, uint32_t count)
{
    lt_batch *batch = lt_batch_new(ctx->pool, ctx->schema, count);
    if (batch == NULL) {
        return NULL;
    }
    uint32_t *rows = LT_NEW_ARRAY(batch->arena, uint32_t, count);
    bool ok = rows != NULL && lt_batch_pin_batch(batch, pushed);
    for (uint32_t i = 0; ok && i < count; i++) {
        rows[i] = from + i;
    }
    for (uint32_t c = 0; ok && c < ctx->schema->count; c++) {
        ok = lt_col_gather(&batch->cols[c], &pushed->cols[ctx->record_index[c]], rows, count, false,
                           batch->arena);
    }
    if (!ok) {
        lt_batch_unref(batch);
        return NULL;
    }
    batch->kinds = pushed->kinds != NULL ? pushed->kinds + from : NULL;
    batch->row_count = count;
    return batch;
}

/* The next rows of a chunk that is a batch already. */
static lt_status take_rows(host_source *self, lt_host_chunk *chunk, lt_batch **out, lt_error *err)
{
    const lt_table_ctx *ctx = self->src.ctx;
    lt_batch *pushed = chunk->batch;
    LT_TRY(check_schema(ctx, pushed->schema, err));
    uint32_t from = (uint32_t)chunk->pos;
    uint32_t count = LT_MIN(pushed->row_count - from, ctx->batch_rows);
    lt_batch *batch =
        count == pushed->row_count ? share_rows(ctx, pushed) : copy_rows(ctx, pushed, from, count);
    if (batch == NULL) {
        return lt_error_nomem(err, "a batch");
    }
    batch->sel_count = count;
    chunk->pos += count;
    self->src.rows += count;
    if (chunk->pos == pushed->row_count) {
        self->src.bytes += chunk->size;
        lt_host_feed_pop(self->feed);
    }
    *out = batch;
    return LT_OK;
}

static lt_status host_poll(lt_source *src, lt_batch **out, lt_wait *wait, lt_error *err)
{
    host_source *self = (host_source *)src;
    (void)wait; /* the host pushes between steps: nothing to wait for */
    lt_host_chunk *chunk = lt_host_feed_front(self->feed);
    if (chunk == NULL) {
        return lt_host_feed_ended(self->feed) ? LT_END : LT_AGAIN;
    }
    if (chunk->batch != NULL) {
        return take_rows(self, chunk, out, err);
    }
    lt_batch *batch = lt_batch_new(src->ctx->pool, src->ctx->schema, src->ctx->batch_rows);
    if (batch == NULL) {
        return lt_error_nomem(err, "a batch");
    }
    lt_status st = LT_OK;
    while (st == LT_OK && batch->row_count < batch->row_cap &&
           (chunk = lt_host_feed_front(self->feed)) != NULL && chunk->batch == NULL) {
        st = decode_chunk(self, chunk, batch, err);
        if (st == LT_OK && chunk->pos >= chunk->buf->len) {
            lt_host_feed_pop(self->feed);
        } else if (batch->row_count < batch->row_cap) {
            break;
        }
    }
    if (batch->row_count == 0) {
        lt_batch_unref(batch);
        return st == LT_OK ? LT_AGAIN : st;
    }
    src->rows += batch->row_count;
    *out = batch;
    return LT_OK; /* an error comes again with the next poll, after these rows */
}

/* Bytes read: a host that can push again what it pushed learns from them where to go on. */
static lt_status host_save(const lt_source *src, lt_text *to, lt_error *err)
{
    lt_pos_put_u64(to, src->bytes);
    return to->failed ? lt_error_nomem(err, "a position") : LT_OK;
}

static lt_status host_load(lt_source *src, lt_str from, lt_error *err)
{
    lt_pos_reader reader = {.rest = from};
    src->bytes = lt_pos_get_u64(&reader);
    return reader.bad ? lt_error_set(err, LT_ERR_STATE, "not a position of a feed") : LT_OK;
}

static bool host_bounded(const lt_table_ctx *ctx)
{
    return lt_ctx_bool(ctx, &lt_conn_feed, "bounded");
}

static void host_close(lt_source *src)
{
    host_source *self = (host_source *)src;
    lt_host_feed_detach(self->feed);
    if (self->decoder != NULL) {
        self->format->decoder_free(self->decoder);
    }
}

static const lt_source_class source_class = {
    .self_size = sizeof(host_source),
    .guarantee = LT_SOURCE_EPHEMERAL,
    .bounded = host_bounded,
    .open = host_open,
    .poll = host_poll,
    .save = host_save,
    .load = host_load,
    .close = host_close,
};

/* ---- sink ---- */

typedef struct {
    lt_sink base;
    const lt_format *format;
    lt_encoder *encoder;
    char prefix[32];
    lt_text text;
    uint32_t *rows;
    uint32_t row_cap;
    uint32_t taken; /* rows of the batch that were pushed before the feed was full */
} host_sink;

static lt_status host_sink_open(lt_sink *sink, lt_error *err)
{
    host_sink *self = (host_sink *)sink;
    lt_format_ctx fctx;
    lt_text_init(&self->text, sink->ctx->mem);
    if (sink->ctx->feeds == NULL) {
        return lt_error_set(err, LT_ERR_USAGE, "connector 'feed' needs a host program");
    }
    LT_TRY(lt_ctx_format(sink->ctx, false, &self->format, err));
    lt_ctx_format_ctx(sink->ctx, self->format, self->prefix, sizeof self->prefix, &fctx);
    return self->format->encoder_new(&fctx, &self->encoder, err);
}

static lt_status reserve_rows(host_sink *self, uint32_t count, lt_error *err)
{
    if (count <= self->row_cap) {
        return LT_OK;
    }
    uint32_t *rows = lt_mem_realloc(self->base.ctx->mem, self->rows, sizeof *rows * self->row_cap,
                                    sizeof *rows * count);
    if (rows == NULL) {
        return lt_error_nomem(err, "a sink");
    }
    self->rows = rows;
    self->row_cap = count;
    return LT_OK;
}

/* A chunk has one row kind: the batch goes in runs of equal kind. */
static lt_status host_sink_write(lt_sink *sink, const lt_batch *batch, lt_error *err)
{
    host_sink *self = (host_sink *)sink;
    const lt_table_ctx *ctx = sink->ctx;
    uint32_t live = lt_batch_live(batch);
    LT_TRY(reserve_rows(self, live, err));
    while (self->taken < live) {
        uint8_t kind = lt_batch_kind(batch, lt_batch_row(batch, self->taken));
        uint32_t count = 0;
        while (self->taken + count < live &&
               lt_batch_kind(batch, lt_batch_row(batch, self->taken + count)) == kind) {
            self->rows[count] = lt_batch_row(batch, self->taken + count);
            count++;
        }
        lt_text_clear(&self->text);
        LT_TRY(self->format->encode(self->encoder, batch, self->rows, count, &self->text, err));
        if (self->text.failed) {
            return lt_error_nomem(err, "encoded rows");
        }
        LT_TRY(
            lt_host_feeds_push(ctx->feeds, ctx->table, kind, self->text.ptr, self->text.len, err));
        self->taken += count;
        sink->rows += count;
        sink->bytes += self->text.len;
    }
    self->taken = 0;
    return LT_OK;
}

static void host_sink_close(lt_sink *sink)
{
    host_sink *self = (host_sink *)sink;
    if (self->encoder != NULL) {
        self->format->encoder_free(self->encoder);
    }
    if (self->text.mem != NULL) {
        lt_text_deinit(&self->text);
    }
    lt_mem_free(sink->ctx->mem, self->rows, sizeof *self->rows * self->row_cap);
}

static const lt_sink_class sink_class = {
    .self_size = sizeof(host_sink),
    .guarantee = LT_SINK_AT_LEAST_ONCE,
    .kinds = 15,
    .immediate = true,
    .open = host_sink_open,
    .write = host_sink_write,
    .close = host_sink_close,
};

static const lt_option_def options[] = {
    {.name = "bounded",
     .kind = LT_OPT_BOOL,
     .fallback = "false",
     .help = "the host will say when the input ends, and wants final rows then"},
    {.name = "changelog",
     .kind = LT_OPT_STRING,
     .fallback = "I",
     .help = "row kinds the host pushes, of I,UB,UA,D"},
    {.name = "sink.changelog",
     .kind = LT_OPT_STRING,
     .fallback = "I,UB,UA,D",
     .help = "row kinds the host takes, of I,UB,UA,D; without UB it upserts by the primary key"},
};

const lt_connector lt_conn_feed = {
    .name = "feed",
    .help = "rows pushed by the host program (leat_push, tests)",
    .options = options,
    .option_count = LT_COUNT_OF(options),
    .needs_format = true,
    .source = &source_class,
    .sink = &sink_class,
};
