/* The connector 'feed': rows that the host program pushes (leat_push), in any format, of any row kind. */
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
        return lt_error_set(err, LT_ERR_USAGE, "connector 'feed' needs a host program that pushes rows");
    }
    LT_TRY(lt_ctx_format(src->ctx, true, &self->format, err));
    lt_ctx_format_ctx(src->ctx, self->format, self->prefix, sizeof self->prefix, &self->fctx);
    LT_TRY(self->format->decoder_new(&self->fctx, &self->decoder, err));
    return lt_host_feed_attach(src->ctx->feeds, src->ctx->table, &self->feed, err);
}

/* Marks rows [from, batch->row_count) with a kind; the array is made when the first row that is not an insert comes. */
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

static lt_status decode_chunk(host_source *self, lt_host_chunk *chunk, lt_batch *batch, lt_error *err)
{
    lt_decode_in in = {.buf = chunk->buf, .pos = chunk->pos, .end = chunk->buf->len, .last = true, .where = self->src.ctx->table};
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

static lt_status host_poll(lt_source *src, lt_batch **out, lt_wait *wait, lt_error *err)
{
    host_source *self = (host_source *)src;
    (void)wait; /* the host pushes between steps: nothing to wait for */
    if (lt_host_feed_front(self->feed) == NULL) {
        return lt_host_feed_ended(self->feed) ? LT_END : LT_AGAIN;
    }
    lt_batch *batch = lt_batch_new(src->ctx->pool, src->ctx->schema, src->ctx->batch_rows);
    if (batch == NULL) {
        return lt_error_nomem(err, "a batch");
    }
    lt_status st = LT_OK;
    lt_host_chunk *chunk;
    while (st == LT_OK && batch->row_count < batch->row_cap && (chunk = lt_host_feed_front(self->feed)) != NULL) {
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
    .close = host_close,
};

static const lt_option_def options[] = {
    {.name = "bounded", .kind = LT_OPT_BOOL, .fallback = "false", .help = "the host will say when the input ends, and wants final rows then"},
    {.name = "changelog", .kind = LT_OPT_STRING, .fallback = "I", .help = "row kinds the host pushes, of I,UB,UA,D"},
};

const lt_connector lt_conn_feed = {
    .name = "feed",
    .help = "rows pushed by the host program (leat_push, tests)",
    .options = options,
    .option_count = LT_COUNT_OF(options),
    .needs_format = true,
    .source = &source_class,
};
