/* Bytes in blocks through a decoder: what every source of records in a byte stream shares.
 *
 *   block      [ rest of a record | whole records ..................... | start of a record ]
 *                base offset                                          pos                 len
 *
 * The owner reads bytes into lt_feed_room and says lt_feed_filled; lt_feed_decode turns them into
 * rows. An incomplete record at the end of a block is carried to the front of the next, which
 * doubles up to the longest record allowed; blocks are used again once no batch borrows from them.
 * A byte order mark and a header line (inferred CSV) at offset 0 are dropped here. */
#pragma once

#include "connector/connector_int.h"

#define LT_FEED_BLOCK      (256 * 1024)
#define LT_FEED_RING       8
#define LT_FEED_RECORD_MAX (8LL << 20) /* when the format context says 0 */

typedef struct {
    const lt_table_ctx *ctx;
    const lt_format *format;
    lt_format_ctx fctx;
    char prefix[64];
    lt_decoder *decoder;  /* one a stream, so that nothing of one file's end reaches the next */
    lt_decode_stats seen; /* what was counted of its statistics */
    lt_buf *ring[LT_FEED_RING];
    uint32_t ring_next;
    lt_buf *buf; /* in the ring or not: an own reference */
    size_t pos;
    size_t len;
    int64_t base;
    bool ended;    /* no more bytes will be filled in */
    bool at_start; /* byte order mark and header are still to be dropped */
    bool skipping; /* the next byte lies inside a record that was refused: up to the line's end it
                      belongs to no row */
    bool dropping; /* drop bytes up to the next line end (header line, or restored in the middle of
                      a refused record) */
    bool quoted;   /* dropping a header: inside quotes */
    bool drop_quotes;  /* the line being dropped may hold quoted line ends */
    lt_str where;      /* borrowed: the stream's name for rejects */
    uint64_t rejected; /* records refused so far, all streams */
} lt_feed;

/* fctx as filled by lt_ctx_format_ctx, with the schemas of the decoder. feed was zeroed. */
void lt_feed_init(lt_feed *feed, const lt_table_ctx *ctx, const lt_format *format,
                  const lt_format_ctx *fctx);
void lt_feed_deinit(lt_feed *feed);

/* A new stream, of which the first byte to come stands at `offset`; skipping: that byte lies inside
 * a refused record. */
lt_status lt_feed_start(lt_feed *feed, lt_str where, int64_t offset, bool skipping, lt_error *err);
void lt_feed_stop(lt_feed *feed); /* forgets the stream and what is left of it */

/* Where to put bytes; at least 1. */
lt_status lt_feed_room(lt_feed *feed, char **to, size_t *size, lt_error *err);
void lt_feed_filled(lt_feed *feed, size_t got);
LT_INLINE void lt_feed_end(lt_feed *feed)
{
    feed->ended = true;
}

/* Rows into the batch until it is full or more bytes are needed. */
lt_status lt_feed_decode(lt_feed *feed, lt_batch *batch, lt_error *err);
/* The stream is over and everything was decoded. */
LT_INLINE bool lt_feed_done(const lt_feed *feed)
{
    return feed->ended && feed->pos == feed->len;
}
/* Offset of the first byte not decoded. */
LT_INLINE int64_t lt_feed_offset(const lt_feed *feed)
{
    return feed->base + (int64_t)feed->pos;
}
