/* The file source's rows: a lane has a decoder of its own, reads the blocks that were handed out
 * unread into buffers of its own, and decodes.
 *
 * Every block holds whole records and is decoded as if the stream ended with it, so a decoder takes
 * nothing from one block to the next but what it learned of the records' shape. A decoder that
 * failed, or that was taken off a block before its end, is made anew. */
#include <string.h>

#include "connector/filesystem/source_int.h"

/* For lanes a block is about one batch, within these limits; fewer rows a batch, smaller blocks. */
#define BLOCK_MIN (256 * 1024)
#define BLOCK_MAX (512 * 1024)

struct fs_lane {
    lt_source_lane base;
    const fs_source *source;
    lt_format_ctx fctx;
    char prefix[64];
    lt_decoder *decoder;
    lt_decode_stats seen; /* what was counted of its statistics */
    uint64_t block;       /* the one begun and not used up; 0 = none */
    lt_ring ring;
    lt_status failed; /* comes after the rows before it */
    lt_error failure;
};

static lt_status lane_new(fs_source *self, const lt_table_ctx *ctx, fs_lane **out, lt_error *err)
{
    fs_lane *lane = lt_mem_zalloc(ctx->mem, sizeof *lane);
    if (lane == NULL) {
        return lt_error_nomem(err, "a file reader");
    }
    lane->base.src = &self->base;
    lane->base.ctx = ctx;
    lane->source = self;
    lt_ctx_format_ctx(ctx, self->format, lane->prefix, sizeof lane->prefix, &lane->fctx);
    lane->fctx.schema = self->fctx.schema;
    lane->fctx.record_schema = self->fctx.record_schema;
    lane->fctx.record_index = self->fctx.record_index;
    lane->fctx.record_bytes_max = self->fctx.record_bytes_max;
    lt_ring_init(&lane->ring, ctx->mem, LT_MAX(self->block_bytes, self->block_max));
    *out = lane;
    return LT_OK;
}

lt_status lt_fs_poll_lane_new(fs_source *self, lt_error *err)
{
    return lane_new(self, self->base.ctx, &self->lane, err);
}

lt_status lt_fs_lane_new(lt_source *src, const lt_table_ctx *ctx, lt_source_lane **out,
                         lt_error *err)
{
    fs_source *self = (fs_source *)src;
    fs_lane *lane;
    *out = NULL;
    self->block_rows = ctx->batch_rows;
    self->block_min = LT_MIN((size_t)BLOCK_MIN, (size_t)ctx->batch_rows * 64);
    self->block_max = LT_MIN((size_t)BLOCK_MAX, (size_t)ctx->batch_rows * 256);
    self->block_bytes = self->block_max;
    LT_TRY(lane_new(self, ctx, &lane, err));
    *out = &lane->base;
    return LT_OK;
}

static void drop_decoder(fs_lane *lane)
{
    if (lane->decoder != NULL) {
        lane->source->format->decoder_free(lane->decoder);
        lane->decoder = NULL;
    }
    lane->seen = (lt_decode_stats){0, 0, 0};
    lane->block = 0;
}

void lt_fs_lane_free(lt_source_lane *base)
{
    if (base != NULL) {
        fs_lane *lane = (fs_lane *)(void *)base;
        lt_mem *mem = base->ctx->mem;
        drop_decoder(lane);
        lt_ring_deinit(&lane->ring);
        lt_mem_free(mem, lane, sizeof *lane);
    }
}

void lt_fs_lane_counts(const fs_lane *lane, lt_source *src)
{
    src->rows = lane->base.rows;
    src->rejected = lane->base.rejected;
}

static lt_status put_reject(fs_lane *lane, const lt_source_block *block, const char *code,
                            lt_str detail, int64_t position, lt_error *err)
{
    const lt_table_ctx *ctx = lane->base.ctx;
    lt_str where = block->origin->facts.path;
    lt_reject reject = {
        .stage = LT_STAGE_PARSE,
        .code = code,
        .detail = detail,
        .table = ctx->table,
        .where = where,
        .position = position,
        .event_ms = LT_WATERMARK_MIN,
        .raw = {"", 0},
    };
    lane->base.rejected++;
    if (ctx->rejects != NULL) {
        return ctx->rejects->put(ctx->rejects, &reject, err);
    }
    return lt_error_set(err, LT_ERR_DATA, LT_STR_FMT ": " LT_STR_FMT, LT_STR_ARG(where),
                        LT_STR_ARG(detail));
}

/* Reads a block that was handed out unread. Of a file that was cut off since, the lines that are
 * still there. */
static lt_status read_block(fs_lane *lane, lt_source_block *block, lt_error *err)
{
    lt_env *env = lane->base.ctx->env;
    lt_buf *buf = lt_ring_take(&lane->ring, block->end);
    if (buf == NULL) {
        return lt_error_nomem(err, "a block of input");
    }
    size_t got;
    fs_span span = {buf->ptr, block->end, block->base};
    lt_status st = lt_fs_read_at(env, block->origin->handle->file, span, &got, err);
    if (st != LT_OK) {
        lt_buf_unref(buf);
        return st;
    }
    size_t wanted = block->end;
    if (got < wanted && !block->last) {
        got = lt_format_whole_lines(&lane->fctx, buf->ptr, got);
    }
    memset(buf->ptr + got, 0, LT_BUF_PADDING);
    buf->len = got;
    block->buf = buf;
    block->end = got;
    block->cut_off = got < wanted && !block->last;
    return LT_OK;
}

static lt_status decode_some(fs_lane *lane, lt_source_block *block, lt_batch *batch, lt_error *err)
{
    const lt_format *format = lane->source->format;
    if (lane->decoder == NULL) {
        LT_TRY(format->decoder_new(&lane->fctx, &lane->decoder, err));
    }
    lt_decode_in in = {
        .buf = block->buf,
        .pos = block->pos,
        .end = block->end,
        .last = true,
        .base_offset = block->base,
        .where = block->origin->facts.path,
    };
    uint32_t rows = batch->row_count;
    lt_status st = format->decode(lane->decoder, &in, batch, err);
    const lt_decode_stats *stats = lt_decoder_stats(lane->decoder);
    lane->base.rejected += stats->rejected - lane->seen.rejected;
    lane->seen = *stats;
    if (st == LT_OK && in.pos == block->pos && batch->row_count == rows) {
        st = lt_error_set(err, LT_ERR_INTERNAL,
                          LT_STR_FMT ": the decoder left the end of the block at byte %lld",
                          LT_STR_ARG(in.where), (long long)(block->base + (int64_t)in.pos));
    }
    block->pos = in.pos;
    return st;
}

/* What is to be said behind the block's rows, once. */
static lt_status tell_trouble(fs_lane *lane, lt_source_block *block, lt_error *err)
{
    fs_trouble *trouble = block->trouble;
    if (block->cut_off) {
        block->cut_off = false;
        return put_reject(lane, block, "truncated-file",
                          LT_STR("the file was cut off while it was read"),
                          block->base + (int64_t)block->end, err);
    }
    if (trouble != NULL && trouble->code != NULL) {
        const char *code = trouble->code;
        trouble->code = NULL;
        return put_reject(lane, block, code, lt_str_of(trouble->cause.text), trouble->position,
                          err);
    }
    return LT_OK;
}

lt_status lt_fs_fill(fs_lane *lane, lt_source_block *block, lt_batch *batch, lt_error *err)
{
    if (lane->block != 0 && lane->block != block->id) {
        drop_decoder(lane);
    }
    lane->block = block->id;
    if (block->buf == NULL && block->end > 0) {
        LT_TRY(read_block(lane, block, err));
    }
    while (block->pos < block->end && batch->row_count < batch->row_cap) {
        lt_status st = decode_some(lane, block, batch, err);
        if (st != LT_OK) {
            drop_decoder(lane);
            return st;
        }
    }
    if (block->pos < block->end) {
        return LT_OK;
    }
    lane->block = 0;
    LT_TRY(tell_trouble(lane, block, err));
    return LT_END;
}

lt_batch *lt_fs_batch_new(fs_lane *lane)
{
    const lt_table_ctx *ctx = lane->base.ctx;
    return lt_batch_new(ctx->pool, lane->source->layout.wanted, ctx->batch_rows);
}

/* Adds the columns that the file does not hold. Takes the reference to rows. */
static lt_status widen(fs_lane *lane, lt_batch *rows, const lt_fs_facts *facts, lt_batch **out,
                       lt_error *err)
{
    const lt_table_ctx *ctx = lane->base.ctx;
    const fs_source *source = lane->source;
    lt_batch *wide = lt_batch_derive(ctx->pool, rows, ctx->schema);
    if (wide == NULL) {
        lt_batch_unref(rows);
        return lt_error_nomem(err, "a batch");
    }
    for (uint32_t i = 0; i < source->layout.wanted->count; i++) {
        wide->cols[source->layout.column[i]] = rows->cols[i];
    }
    lt_batch_unref(rows);
    for (uint32_t i = 0; i < source->extra_count; i++) {
        lt_status st = lt_fs_fill_extra(ctx, &source->extras[i], facts, wide, err);
        if (st != LT_OK) {
            lt_batch_unref(wide);
            return st;
        }
    }
    *out = wide;
    return LT_OK;
}

lt_status lt_fs_finish(fs_lane *lane, lt_batch *rows, const fs_origin *origin, lt_batch **out,
                       lt_error *err)
{
    lt_env *env = lane->base.ctx->env;
    rows->sel_count = rows->row_count;
    rows->arrival_us = env->wall_us(env);
    lane->base.rows += rows->row_count;
    if (lane->source->extra_count == 0) {
        *out = rows;
        return LT_OK;
    }
    return widen(lane, rows, &origin->facts, out, err);
}

lt_status lt_fs_decode(lt_source_lane *base, lt_source_block *block, lt_batch **out, lt_error *err)
{
    fs_lane *lane = (fs_lane *)(void *)base;
    *out = NULL;
    if (lane->failed != LT_OK) {
        lt_status st = lane->failed;
        if (err != NULL) {
            *err = lane->failure;
        }
        lane->failed = LT_OK;
        return st;
    }
    lt_batch *batch = lt_fs_batch_new(lane);
    if (batch == NULL) {
        return lt_error_nomem(err, "a batch");
    }
    lt_error cause;
    lt_error_clear(&cause);
    lt_status st = lt_fs_fill(lane, block, batch, &cause);
    if (batch->row_count == 0) {
        lt_batch_unref(batch);
        if (err != NULL && st > LT_END) {
            *err = cause;
        }
        return st;
    }
    if (st > LT_END) {
        lane->failed = st;
        lane->failure = cause;
    }
    return lt_fs_finish(lane, batch, block->origin, out, err);
}
