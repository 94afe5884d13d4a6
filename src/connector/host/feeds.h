/* In-process input: what the host pushed for tables with 'connector' = 'feed', until a job's source
 * reads it. One reader a table; it may be another thread than the one that pushes. */
#pragma once

#include "base/status.h"
#include "data/batch.h"

typedef struct lt_host_feeds lt_host_feeds;
typedef struct lt_host_feed lt_host_feed;

#define LT_HOST_FEED_BYTES_MAX ((size_t)16 << 20) /* pushed and not yet read, per table */

lt_host_feeds *lt_host_feeds_new(lt_mem *mem); /* NULL = out of memory */
void lt_host_feeds_free(lt_host_feeds *feeds); /* accepts NULL */

/* Appends whole records, all of one row kind; the bytes are copied. LT_FULL when the table holds
 * too much; LT_ERR_USAGE after its end. */
lt_status lt_host_feeds_push(lt_host_feeds *feeds, lt_str table, uint8_t kind, const void *bytes,
                             size_t size, lt_error *err);
lt_status lt_host_feeds_end(lt_host_feeds *feeds, lt_str table,
                            lt_error *err); /* no more will be pushed */

/* An empty batch without columns for decoded rows; the caller makes its schema and columns in
 * batch->arena. NULL = out of memory. */
lt_batch *lt_host_feeds_batch(lt_host_feeds *feeds);
/* Appends the rows of a batch whose schema is all physical columns of the table, without selection
 * and marks. On LT_OK the feed has the caller's reference; LT_FULL and LT_ERR_USAGE as above. */
lt_status lt_host_feeds_push_batch(lt_host_feeds *feeds, lt_str table, lt_batch *batch,
                                   lt_error *err);

/* ---- for the source ---- */
typedef struct {
    lt_buf *buf;     /* records in the table's format, or */
    lt_batch *batch; /* rows */
    size_t size;     /* bytes that count against the feed's maximum */
    size_t pos;      /* of the first unread byte or row */
    uint8_t kind;    /* of records */
} lt_host_chunk;

/* Attaches the one reader; LT_ERR_USAGE when there is one already. */
lt_status lt_host_feed_attach(lt_host_feeds *feeds, lt_str table, lt_host_feed **out,
                              lt_error *err);
void lt_host_feed_detach(lt_host_feed *feed);          /* accepts NULL; unread chunks stay */
lt_host_chunk *lt_host_feed_front(lt_host_feed *feed); /* NULL = nothing to read */
void lt_host_feed_pop(lt_host_feed *feed);
bool lt_host_feed_ended(const lt_host_feed *feed); /* ended and all read */
