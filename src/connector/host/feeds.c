/* See feeds.h. Chunks of a table form a growing queue whose bytes, not count, are bounded. Pushing
 * and reading may be work of different threads: a lock is over the queues, and a chunk stays where
 * it is until its reader pops it. */
#include "connector/host/feeds.h"

#include <string.h>

#include "base/array.h"
#include "base/assert.h"
#include "base/map.h"
#include "os/thread.h"

#define BATCHES_KEPT 4

struct lt_host_feed {
    lt_host_feeds *owner;
    LT_ARRAY(lt_host_chunk *) chunks;
    size_t front; /* index of the first unread chunk */
    size_t bytes; /* unread */
    bool attached;
    bool ended;
};

struct lt_host_feeds {
    lt_mem *mem;
    lt_mutex *lock;
    lt_batch_pool *pool; /* of pushed batches */
    lt_map *tables;
};

lt_host_feeds *lt_host_feeds_new(lt_mem *mem)
{
    lt_host_feeds *feeds = lt_mem_zalloc(mem, sizeof *feeds);
    if (feeds == NULL) {
        return NULL;
    }
    feeds->mem = mem;
    feeds->tables = lt_map_new(mem);
    feeds->pool = lt_batch_pool_new(mem, BATCHES_KEPT);
    feeds->lock = lt_mutex_new(mem);
    if (feeds->tables == NULL || feeds->pool == NULL || feeds->lock == NULL) {
        lt_host_feeds_free(feeds);
        return NULL;
    }
    return feeds;
}

static void chunk_free(lt_host_feeds *feeds, lt_host_chunk *chunk)
{
    lt_buf_unref(chunk->buf);
    lt_batch_unref(chunk->batch);
    lt_mem_free(feeds->mem, chunk, sizeof *chunk);
}

void lt_host_feeds_free(lt_host_feeds *feeds)
{
    if (feeds == NULL) {
        return;
    }
    lt_str name;
    void *value;
    for (size_t i = 0; feeds->tables != NULL && lt_map_at(feeds->tables, i, &name, &value); i++) {
        lt_host_feed *feed = value;
        for (size_t c = feed->front; c < feed->chunks.count; c++) {
            chunk_free(feeds, feed->chunks.items[c]);
        }
        lt_array_deinit(&feed->chunks, feeds->mem);
        lt_mem_free(feeds->mem, feed, sizeof *feed);
    }
    lt_map_free(feeds->tables);
    lt_batch_pool_free(feeds->pool);
    lt_mutex_free(feeds->lock);
    lt_mem_free(feeds->mem, feeds, sizeof *feeds);
}

static lt_status get(lt_host_feeds *feeds, lt_str table, lt_host_feed **out, lt_error *err)
{
    *out = lt_map_get(feeds->tables, table);
    if (*out != NULL) {
        return LT_OK;
    }
    lt_host_feed *feed = lt_mem_zalloc(feeds->mem, sizeof *feed);
    if (feed == NULL) {
        return lt_error_nomem(err, "a feed");
    }
    feed->owner = feeds;
    if (!lt_map_put(feeds->tables, table, feed)) {
        lt_mem_free(feeds->mem, feed, sizeof *feed);
        return lt_error_nomem(err, "a feed");
    }
    *out = feed;
    return LT_OK;
}

/* Moves the unread chunks to the front once most of the array is behind us. */
static void close_gap(lt_host_feed *feed)
{
    if (feed->front < 64 || feed->front * 2 < feed->chunks.count) {
        return;
    }
    size_t left = feed->chunks.count - feed->front;
    memmove(feed->chunks.items, feed->chunks.items + feed->front,
            left * sizeof *feed->chunks.items);
    feed->chunks.count = left;
    feed->front = 0;
}

/* May `size` more bytes be pushed? */
static lt_status admit(lt_host_feed *feed, lt_str table, size_t size, lt_error *err)
{
    if (feed->ended) {
        return lt_error_set(err, LT_ERR_USAGE,
                            "rows were pushed to '" LT_STR_FMT "' after its end of input",
                            LT_STR_ARG(table));
    }
    return feed->bytes > 0 && feed->bytes + size > LT_HOST_FEED_BYTES_MAX ? LT_FULL : LT_OK;
}

/* Takes the chunk's contents over on LT_OK only. */
static lt_status append(lt_host_feeds *feeds, lt_str table, lt_host_chunk chunk, lt_error *err)
{
    lt_host_feed *feed;
    LT_TRY(get(feeds, table, &feed, err));
    LT_TRY(admit(feed, table, chunk.size, err));
    close_gap(feed);
    lt_host_chunk *own = lt_mem_alloc(feeds->mem, sizeof *own);
    if (own == NULL) {
        return lt_error_nomem(err, "pushed rows");
    }
    *own = chunk;
    if (!lt_array_push(&feed->chunks, feeds->mem, own)) {
        lt_mem_free(feeds->mem, own, sizeof *own);
        return lt_error_nomem(err, "pushed rows");
    }
    feed->bytes += chunk.size;
    return LT_OK;
}

static lt_status locked_append(lt_host_feeds *feeds, lt_str table, lt_host_chunk chunk,
                               lt_error *err)
{
    lt_mutex_lock(feeds->lock);
    lt_status st = append(feeds, table, chunk, err);
    lt_mutex_unlock(feeds->lock);
    return st;
}

lt_status lt_host_feeds_push(lt_host_feeds *feeds, lt_str table, uint8_t kind, const void *bytes,
                             size_t size, lt_error *err)
{
    lt_buf *buf = lt_buf_new(feeds->mem, size);
    if (buf == NULL) {
        return lt_error_nomem(err, "pushed rows");
    }
    if (size > 0) {
        memcpy(buf->ptr, bytes, size);
    }
    buf->len = size;
    lt_host_chunk chunk = {.buf = buf, .size = size, .kind = kind};
    lt_status st = locked_append(feeds, table, chunk, err);
    if (st != LT_OK) {
        lt_buf_unref(buf);
    }
    return st;
}

lt_batch *lt_host_feeds_batch(lt_host_feeds *feeds)
{
    return lt_batch_new(feeds->pool, NULL, 0);
}

lt_status lt_host_feeds_push_batch(lt_host_feeds *feeds, lt_str table, lt_batch *batch,
                                   lt_error *err)
{
    LT_ASSERT(batch->sel == NULL && batch->mark_count == 0);
    lt_host_chunk chunk = {.batch = batch, .size = lt_arena_bytes(batch->arena)};
    return locked_append(feeds, table, chunk, err);
}

lt_status lt_host_feeds_end(lt_host_feeds *feeds, lt_str table, lt_error *err)
{
    lt_host_feed *feed;
    lt_mutex_lock(feeds->lock);
    lt_status st = get(feeds, table, &feed, err);
    if (st == LT_OK) {
        feed->ended = true;
    }
    lt_mutex_unlock(feeds->lock);
    return st;
}

static lt_status attach(lt_host_feeds *feeds, lt_str table, lt_host_feed **out, lt_error *err)
{
    lt_host_feed *feed;
    LT_TRY(get(feeds, table, &feed, err));
    if (feed->attached) {
        return lt_error_set(err, LT_ERR_USAGE,
                            "table '" LT_STR_FMT
                            "' is fed by the host and read by another job already",
                            LT_STR_ARG(table));
    }
    feed->attached = true;
    *out = feed;
    return LT_OK;
}

lt_status lt_host_feed_attach(lt_host_feeds *feeds, lt_str table, lt_host_feed **out, lt_error *err)
{
    lt_mutex_lock(feeds->lock);
    lt_status st = attach(feeds, table, out, err);
    lt_mutex_unlock(feeds->lock);
    return st;
}

void lt_host_feed_detach(lt_host_feed *feed)
{
    if (feed != NULL) {
        lt_mutex_lock(feed->owner->lock);
        feed->attached = false;
        lt_mutex_unlock(feed->owner->lock);
    }
}

lt_host_chunk *lt_host_feed_front(lt_host_feed *feed)
{
    lt_mutex_lock(feed->owner->lock);
    lt_host_chunk *chunk =
        feed->front < feed->chunks.count ? feed->chunks.items[feed->front] : NULL;
    lt_mutex_unlock(feed->owner->lock);
    return chunk;
}

void lt_host_feed_pop(lt_host_feed *feed)
{
    lt_mutex_lock(feed->owner->lock);
    lt_host_chunk *chunk = feed->chunks.items[feed->front++];
    feed->bytes -= chunk->size;
    lt_mutex_unlock(feed->owner->lock);
    chunk_free(feed->owner, chunk);
}

bool lt_host_feed_ended(const lt_host_feed *feed)
{
    lt_mutex_lock(feed->owner->lock);
    bool ended = feed->ended && feed->front == feed->chunks.count;
    lt_mutex_unlock(feed->owner->lock);
    return ended;
}
