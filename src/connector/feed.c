/* See feed.h. */
#include "connector/feed.h"

#include <string.h>

#include "base/assert.h"

#define ROOM_MIN 4096 /* reads smaller than this start a new block */

void lt_feed_init(lt_feed *feed, const lt_table_ctx *ctx, const lt_format *format,
                  const lt_format_ctx *fctx)
{
    feed->ctx = ctx;
    feed->format = format;
    feed->fctx = *fctx;
    if (feed->fctx.record_bytes_max == 0) {
        feed->fctx.record_bytes_max = LT_FEED_RECORD_MAX;
    }
}

static void drop_decoder(lt_feed *feed)
{
    if (feed->decoder != NULL) {
        feed->format->decoder_free(feed->decoder);
        feed->decoder = NULL;
    }
    feed->seen = (lt_decode_stats){0, 0, 0};
}

void lt_feed_stop(lt_feed *feed)
{
    drop_decoder(feed);
    lt_buf_unref(feed->buf);
    feed->buf = NULL;
    feed->pos = 0;
    feed->len = 0;
}

void lt_feed_deinit(lt_feed *feed)
{
    if (feed->ctx == NULL) {
        return;
    }
    lt_feed_stop(feed);
    for (size_t i = 0; i < LT_FEED_RING; i++) {
        lt_buf_unref(feed->ring[i]);
        feed->ring[i] = NULL;
    }
}

lt_status lt_feed_start(lt_feed *feed, lt_str where, int64_t offset, bool skipping, lt_error *err)
{
    lt_feed_stop(feed);
    LT_TRY(feed->format->decoder_new(&feed->fctx, &feed->decoder, err));
    feed->base = offset;
    feed->where = where;
    feed->ended = false;
    feed->at_start = offset == 0;
    feed->skipping = skipping;
    feed->dropping = skipping;
    feed->quoted = false;
    feed->drop_quotes = false;
    return LT_OK;
}

/* A block that nobody else holds, of the usual size, or a new one. */
static lt_buf *take_block(lt_feed *feed, size_t cap)
{
    if (cap > LT_FEED_BLOCK) {
        return lt_buf_new(feed->ctx->mem, cap);
    }
    for (uint32_t i = 0; i < LT_FEED_RING; i++) {
        lt_buf *buf = feed->ring[i];
        if (buf != NULL && atomic_load_explicit(&buf->refs, memory_order_acquire) == 1) {
            return lt_buf_ref(buf);
        }
    }
    lt_buf *buf = lt_buf_new(feed->ctx->mem, LT_FEED_BLOCK);
    if (buf != NULL) {
        lt_buf_unref(feed->ring[feed->ring_next]);
        feed->ring[feed->ring_next] = lt_buf_ref(buf);
        feed->ring_next = (feed->ring_next + 1) % LT_FEED_RING;
    }
    return buf;
}

lt_status lt_feed_room(lt_feed *feed, char **to, size_t *size, lt_error *err)
{
    LT_ASSERT(!feed->ended);
    size_t rest = feed->len - feed->pos;
    bool fits = feed->buf != NULL && feed->buf->cap - feed->len >= ROOM_MIN;
    if (!fits) {
        /* A format refuses a record before it is held as a whole twice over; this is the backstop.
         */
        if ((int64_t)rest > feed->fctx.record_bytes_max + 2 * LT_FEED_BLOCK) {
            return lt_error_set(err, LT_ERR_LIMIT,
                                LT_STR_FMT ": a record at byte %lld is longer than %lld bytes",
                                LT_STR_ARG(feed->where), (long long)lt_feed_offset(feed),
                                (long long)feed->fctx.record_bytes_max);
        }
        size_t cap = LT_FEED_BLOCK;
        while (cap < rest + LT_FEED_BLOCK / 2) {
            cap *= 2;
        }
        cap = LT_MIN(cap, (size_t)feed->fctx.record_bytes_max + 3 * (size_t)LT_FEED_BLOCK);
        cap = LT_MAX(cap, rest + ROOM_MIN);
        lt_buf *buf = take_block(feed, cap);
        if (buf == NULL) {
            return lt_error_nomem(err, "a block of input");
        }
        if (rest > 0) {
            memcpy(buf->ptr, feed->buf->ptr + feed->pos, rest);
        }
        lt_buf_unref(feed->buf);
        feed->buf = buf;
        feed->base += (int64_t)feed->pos;
        feed->pos = 0;
        feed->len = rest;
    }
    *to = feed->buf->ptr + feed->len;
    *size = feed->buf->cap - feed->len;
    return LT_OK;
}

void lt_feed_filled(lt_feed *feed, size_t got)
{
    feed->len += got;
    LT_ASSERT(feed->buf != NULL && feed->len <= feed->buf->cap);
    feed->buf->len = feed->len;
    size_t pad = LT_MIN((size_t)LT_BUF_PADDING, feed->buf->cap - feed->len);
    memset(feed->buf->ptr + feed->len, 0, pad);
}

/* Drops the byte order mark and starts dropping the header line. false: more bytes are needed to
 * tell. */
static bool begin_stream(lt_feed *feed)
{
    static const unsigned char mark[3] = {0xef, 0xbb, 0xbf};
    const char *ptr = feed->buf->ptr + feed->pos;
    size_t rest = feed->len - feed->pos;
    size_t same = 0;
    while (same < 3 && same < rest && (unsigned char)ptr[same] == mark[same]) {
        same++;
    }
    if (same == 3) {
        feed->pos += 3;
    } else if (same == rest && !feed->ended) {
        return false;
    }
    feed->at_start = false;
    feed->dropping = feed->ctx->has_header;
    feed->drop_quotes = true;
    return true;
}

static void drop_line(lt_feed *feed)
{
    const char *ptr = feed->buf->ptr;
    while (feed->dropping && feed->pos < feed->len) {
        char ch = ptr[feed->pos++];
        if (ch == '"' && feed->drop_quotes) {
            feed->quoted = !feed->quoted;
        } else if (ch == '\n' && !feed->quoted) {
            feed->dropping = false;
            feed->skipping = false;
        }
    }
}

lt_status lt_feed_decode(lt_feed *feed, lt_batch *batch, lt_error *err)
{
    if (feed->buf == NULL || feed->pos == feed->len) {
        return LT_OK;
    }
    if (feed->at_start && !begin_stream(feed)) {
        return LT_OK;
    }
    drop_line(feed);
    if (feed->pos == feed->len) {
        return LT_OK;
    }
    size_t from = feed->pos;
    lt_decode_in in = {
        .buf = feed->buf,
        .pos = feed->pos,
        .end = feed->len,
        .last = feed->ended,
        .base_offset = feed->base,
        .where = feed->where,
    };
    lt_status st = feed->format->decode(feed->decoder, &in, batch, err);
    LT_ASSERT(in.pos >= from && in.pos <= feed->len);
    feed->pos = in.pos;
    if (feed->pos > from) {
        /* Everything was taken, but the last line is not over: the decoder is passing over a record
         * that it refused. */
        feed->skipping =
            feed->pos == feed->len && !feed->ended && feed->buf->ptr[feed->pos - 1] != '\n';
    }
    const lt_decode_stats *stats = lt_decoder_stats(feed->decoder);
    feed->rejected += stats->rejected - feed->seen.rejected;
    feed->seen = *stats;
    return st;
}
