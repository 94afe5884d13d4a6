/* filesystem, writing: rows into files of a directory, each under a hidden name until it is whole.
 *
 * Without checkpoints a file is published when it reaches its size or age (rolling policy), at
 * flush and at the end; with them it is closed then, and published by the commit of a checkpoint
 * that covers it (sink_commit.c). A file whose write or sync failed is given up: after a failed
 * fsync the kernel may have dropped the very pages that it reports clean later. */
#include <string.h>

#include "base/hash.h"
#include "connector/filesystem/files.h"
#include "connector/filesystem/sink_int.h"
#include "format/text.h"

#define BUFFER_BYTES (256 * 1024)
/* Partitions written at the same time; the one idle for longest is rolled to make room. */
#define WRITERS_MAX    128
#define NAME_BYTES_MAX 255 /* of a directory's name, as file systems have it */
#define ARENA_MAX      (64u << 20)

/* ---- which writer a row goes to ---- */

/* Rolls the writer that has been idle for longest and is not in use by the batch at hand. */
static lt_status make_room(lt_fs_sink *self, lt_error *err)
{
    size_t oldest = SIZE_MAX;
    for (size_t i = 0; i < self->writers.count; i++) {
        const lt_fs_writer *w = self->writers.items[i];
        if (w->first_row == LT_FS_NO_ROW &&
            (oldest == SIZE_MAX || w->written_ns < self->writers.items[oldest]->written_ns)) {
            oldest = i;
        }
    }
    if (oldest == SIZE_MAX) {
        return LT_OK; /* every one is in use: one batch may go above the number */
    }
    LT_TRY(lt_fs_writer_roll(self, self->writers.items[oldest], err));
    lt_fs_writer_free(self, self->writers.items[oldest]);
    self->writers.items[oldest] = self->writers.items[self->writers.count - 1];
    self->writers.count--;
    return LT_OK;
}

static lt_status writer_of_dir(lt_fs_sink *self, lt_str dir, lt_fs_writer **out, lt_error *err)
{
    for (size_t i = self->writers.count; i > 0; i--) {
        if (lt_str_eq(self->writers.items[i - 1]->dir, dir)) {
            *out = self->writers.items[i - 1];
            return LT_OK;
        }
    }
    if (self->writers.count >= WRITERS_MAX) {
        LT_TRY(make_room(self, err));
    }
    *out = lt_fs_writer_new(self, dir);
    return *out != NULL ? LT_OK : lt_error_nomem(err, "a file writer");
}

/* `k=v/` of one partition column into self->dir. Values never reach the path unescaped. */
static lt_status add_partition_name(lt_fs_sink *self, const lt_batch *batch, uint32_t row,
                                    uint32_t index, lt_text *scratch, lt_error *err)
{
    const lt_table_ctx *ctx = self->base.ctx;
    const lt_col *col = &batch->cols[self->partition_columns[index]];
    size_t start = self->dir.len;
    lt_partition_escape(&self->dir, ctx->schema->fields[self->partition_columns[index]].name);
    lt_text_putc(&self->dir, '=');
    lt_text_clear(scratch);
    if (!lt_col_is_null(col, row)) {
        lt_text_value(scratch, col, row, LT_TEXT_JAVA);
    }
    lt_partition_escape(&self->dir, scratch->len > 0 ? lt_text_str(scratch) : self->default_name);
    if (self->dir.len - start > NAME_BYTES_MAX) {
        return lt_error_set(err, LT_ERR_DATA,
                            "table " LT_STR_FMT ": a value of partition column " LT_STR_FMT
                            " is too long for a directory's name (%zu bytes)",
                            LT_STR_ARG(ctx->table),
                            LT_STR_ARG(ctx->schema->fields[self->partition_columns[index]].name),
                            self->dir.len - start);
    }
    lt_text_putc(&self->dir, '/');
    return LT_OK;
}

static lt_status reject_row(lt_fs_sink *self, const lt_batch *batch, uint32_t row,
                            const lt_error *cause, lt_error *err)
{
    const lt_table_ctx *ctx = self->base.ctx;
    lt_reject reject = {
        .stage = LT_STAGE_SINK,
        .code = "partition-name-too-long",
        .detail = lt_str_of(cause->text),
        .table = ctx->table,
        .where = {"", 0},
        .position = -1,
        .event_ms = LT_WATERMARK_MIN,
        .kind = lt_batch_kind(batch, row),
        .batch = batch,
        .row = row,
    };
    if (ctx->rejects != NULL) {
        return ctx->rejects->put(ctx->rejects, &reject, err);
    }
    if (err != NULL) {
        *err = *cause;
    }
    return LT_ERR_DATA;
}

/* Hangs every live row on its writer's list. */
static lt_status route_rows(lt_fs_sink *self, const lt_batch *batch, lt_text *scratch,
                            lt_error *err)
{
    uint32_t live = lt_batch_live(batch);
    for (uint32_t i = 0; i < live; i++) {
        uint32_t row = lt_batch_row(batch, i);
        lt_text_clear(&self->dir);
        lt_status st = LT_OK;
        lt_error cause;
        for (uint32_t p = 0; st == LT_OK && p < self->base.ctx->partition_count; p++) {
            st = add_partition_name(self, batch, row, p, scratch, &cause);
        }
        if (st != LT_OK) {
            LT_TRY(reject_row(self, batch, row, &cause, err));
            continue;
        }
        if (self->dir.failed || scratch->failed) {
            return lt_error_nomem(err, "a path");
        }
        lt_fs_writer *w = NULL;
        LT_TRY(writer_of_dir(self, lt_text_str(&self->dir), &w, err));
        self->next_row[i] = LT_FS_NO_ROW;
        if (w->first_row == LT_FS_NO_ROW) {
            w->first_row = i;
        } else {
            self->next_row[w->last_row] = i;
        }
        w->last_row = i;
    }
    return LT_OK;
}

/* ---- the class ---- */

static lt_status encode_rows(lt_fs_sink *self, lt_fs_writer *w, const lt_batch *view,
                             uint32_t count, lt_error *err)
{
    size_t before = w->buffer.len;
    lt_status st = self->format->encode(self->encoder, view, self->rows, count, &w->buffer, err);
    if (st == LT_OK && w->buffer.failed) {
        st = lt_error_nomem(err, "encoded rows");
    }
    if (st != LT_OK) {
        return st;
    }
    w->written_ns = lt_fs_now_ns(self);
    if (w->part.rows == 0) {
        w->part.opened_ns = w->written_ns;
    }
    w->part.bytes += (int64_t)(w->buffer.len - before);
    w->part.rows += count;
    self->base.rows += count;
    if (w->part.bytes >= self->size_max) {
        return lt_fs_writer_roll(self, w, err);
    }
    if (w->buffer.len >= BUFFER_BYTES) {
        st = lt_fs_writer_out(self, w, err);
        return st == LT_OK ? LT_OK : lt_fs_broken(self, st, err);
    }
    return LT_OK;
}

static lt_status encode_lists(lt_fs_sink *self, const lt_batch *batch, const lt_batch *view,
                              lt_error *err)
{
    for (size_t k = 0; k < self->writers.count; k++) {
        lt_fs_writer *w = self->writers.items[k];
        uint32_t count = 0;
        for (uint32_t i = w->first_row; i != LT_FS_NO_ROW; i = self->next_row[i]) {
            self->rows[count++] = lt_batch_row(batch, i);
        }
        if (count > 0) {
            LT_TRY(encode_rows(self, w, view, count, err));
        }
    }
    return LT_OK;
}

static lt_status reserve_rows(lt_fs_sink *self, uint32_t count, lt_error *err)
{
    if (count <= self->row_cap) {
        return LT_OK;
    }
    uint32_t cap = LT_MAX(count, 1024U);
    size_t size = sizeof(uint32_t) * cap;
    uint32_t *next_row = lt_mem_alloc(lt_fs_mem(self), size);
    uint32_t *rows = lt_mem_alloc(lt_fs_mem(self), size);
    if (next_row == NULL || rows == NULL) {
        lt_mem_free(lt_fs_mem(self), next_row, size);
        lt_mem_free(lt_fs_mem(self), rows, size);
        return lt_error_nomem(err, "a file sink");
    }
    lt_mem_free(lt_fs_mem(self), self->next_row, sizeof(uint32_t) * self->row_cap);
    lt_mem_free(lt_fs_mem(self), self->rows, sizeof(uint32_t) * self->row_cap);
    self->next_row = next_row;
    self->rows = rows;
    self->row_cap = cap;
    return LT_OK;
}

static lt_status fs_write(lt_sink *sink, const lt_batch *batch, lt_error *err)
{
    lt_fs_sink *self = (lt_fs_sink *)sink;
    uint32_t live = lt_batch_live(batch);
    if (self->broken) {
        return lt_fs_refuse_broken(self, err);
    }
    LT_TRY(lt_fs_clean(self, err));
    LT_TRY(reserve_rows(self, live, err));
    /* The same rows without the partition columns, which are in the path. */
    lt_batch view;
    memset(&view, 0, sizeof view);
    view.row_count = batch->row_count;
    view.row_cap = batch->row_count;
    view.col_count = self->layout.wanted->count;
    view.sel = batch->sel;
    view.sel_count = batch->sel_count;
    view.kinds = batch->kinds;
    view.schema = self->layout.wanted;
    lt_col *cols = lt_mem_alloc(lt_fs_mem(self), sizeof *cols * (view.col_count + 1));
    if (cols == NULL) {
        return lt_error_nomem(err, "a file sink");
    }
    for (uint32_t i = 0; i < view.col_count; i++) {
        cols[i] = batch->cols[self->layout.column[i]];
    }
    view.cols = cols;
    lt_text scratch;
    lt_text_init(&scratch, lt_fs_mem(self));
    lt_status st = route_rows(self, batch, &scratch, err);
    if (st == LT_OK) {
        st = encode_lists(self, batch, &view, err);
    }
    for (size_t k = 0; k < self->writers.count; k++) {
        self->writers.items[k]->first_row = LT_FS_NO_ROW;
    }
    lt_text_deinit(&scratch);
    lt_mem_free(lt_fs_mem(self), cols, sizeof *cols * (view.col_count + 1));
    return st;
}

static lt_status roll_all(lt_fs_sink *self, lt_error *err)
{
    if (self->broken) {
        return lt_fs_refuse_broken(self, err);
    }
    for (size_t i = 0; i < self->writers.count; i++) {
        LT_TRY(lt_fs_writer_roll(self, self->writers.items[i], err));
    }
    return LT_OK;
}

static lt_status fs_tick(lt_sink *sink, int64_t *wake_mono_ns, lt_error *err)
{
    lt_fs_sink *self = (lt_fs_sink *)sink;
    int64_t now = lt_fs_now_ns(self);
    if (now >= self->next_check_ns && !self->broken) {
        LT_TRY(lt_fs_roll_due(self, err));
        LT_TRY(lt_fs_commit_partitions(self, false, err));
        self->next_check_ns = now + self->check_ns;
    }
    *wake_mono_ns = self->next_check_ns;
    return LT_OK;
}

static lt_status fs_flush(lt_sink *sink, lt_error *err)
{
    lt_fs_sink *self = (lt_fs_sink *)sink;
    if (self->token != 0) {
        return self->broken ? lt_fs_refuse_broken(self, err) : LT_OK; /* only commit() publishes */
    }
    LT_TRY(roll_all(self, err));
    return lt_fs_commit_partitions(self, false, err);
}

static lt_status fs_finish(lt_sink *sink, lt_error *err)
{
    lt_fs_sink *self = (lt_fs_sink *)sink;
    LT_TRY(roll_all(self, err));
    if (self->token != 0) {
        self->finished = true;
        return LT_OK;
    }
    return lt_fs_commit_partitions(self, true, err);
}

static int64_t ms_option(const lt_fs_sink *self, const char *name)
{
    int64_t ms = lt_ctx_int(self->base.ctx, &lt_conn_filesystem, name, NULL);
    return LT_MIN(ms, INT64_MAX / 4000000) * 1000000;
}

static void read_options(lt_fs_sink *self)
{
    const lt_table_ctx *ctx = self->base.ctx;
    self->size_max =
        LT_MAX(lt_ctx_int(ctx, &lt_conn_filesystem, "sink.rolling-policy.file-size", NULL), 1);
    self->rollover_ns = ms_option(self, "sink.rolling-policy.rollover-interval");
    self->inactivity_ns = ms_option(self, "sink.rolling-policy.inactivity-interval");
    self->check_ns = LT_MAX(ms_option(self, "sink.rolling-policy.check-interval"), 1000000);
    self->default_name = lt_ctx_text(ctx, &lt_conn_filesystem, "partition.default-name");
    self->success_file =
        lt_ctx_text(ctx, &lt_conn_filesystem, "sink.partition-commit.policy.kind").ptr != NULL;
    self->commit_delay_ns = ms_option(self, "sink.partition-commit.delay");
    self->success_name =
        lt_ctx_text(ctx, &lt_conn_filesystem, "sink.partition-commit.success-file.name");
}

static lt_status find_partition_columns(lt_fs_sink *self, lt_error *err)
{
    const lt_table_ctx *ctx = self->base.ctx;
    self->partition_columns = LT_NEW_ARRAY(self->arena, uint32_t, ctx->partition_count + 1);
    if (self->partition_columns == NULL) {
        return lt_error_nomem(err, "a table's layout");
    }
    for (uint32_t p = 0; p < ctx->partition_count; p++) {
        uint32_t i = 0;
        while (i < ctx->schema->count && ctx->record_index[i] != ctx->partition_by[p]) {
            i++;
        }
        if (i == ctx->schema->count) {
            return lt_error_set(err, LT_ERR_INTERNAL, "a partition column is not written");
        }
        self->partition_columns[p] = i;
    }
    return LT_OK;
}

/* A directory that cannot be written to is found now, not at the first full buffer. */
static lt_status prepare_directory(lt_fs_sink *self, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    lt_stat stat;
    lt_error ignored;
    if (env->stat(env, self->path, &stat, &ignored) == LT_OK && stat.kind != LT_FILE_DIR) {
        lt_status st = lt_error_set(err, LT_ERR_IO, "%s is not a directory", self->path);
        lt_error_hint(err,
                      "the filesystem sink writes part files into a directory; name one in 'path'");
        return st;
    }
    LT_TRY(env->mkdirs(env, self->path, err));
    return lt_fs_probe(self, err);
}

/* With checkpoints: by what its hidden files are known. */
static lt_status choose_token(lt_fs_sink *self, lt_error *err)
{
    const lt_table_ctx *ctx = self->base.ctx;
    self->finished_in = LT_FS_NOT_SAVED;
    if (!ctx->checkpoints) {
        return LT_OK;
    }
    if (ctx->owner == NULL) {
        return lt_error_set(err, LT_ERR_INTERNAL, "a file sink with checkpoints has no owner");
    }
    uint64_t token = lt_hash_bytes(ctx->owner, strlen(ctx->owner), 0);
    self->token = token != 0 ? token : 1;
    return LT_OK;
}

static lt_status fs_open(lt_sink *sink, lt_error *err)
{
    lt_fs_sink *self = (lt_fs_sink *)sink;
    const lt_table_ctx *ctx = sink->ctx;
    self->arena = lt_arena_new(ctx->mem, ARENA_MAX);
    self->partition_index = lt_map_new(ctx->mem);
    if (self->arena == NULL || self->partition_index == NULL) {
        return lt_error_nomem(err, "a file sink");
    }
    lt_text_init(&self->dir, ctx->mem);
    read_options(self);
    LT_TRY(choose_token(self, err));
    self->run[0] = ctx->env->random_u64(ctx->env);
    self->run[1] = ctx->env->random_u64(ctx->env);
    self->next_check_ns = lt_fs_now_ns(self) + self->check_ns;
    LT_TRY(lt_local_path(self->arena, lt_ctx_text(ctx, &lt_conn_filesystem, "path"), &self->path,
                         err));
    LT_TRY(lt_fs_layout_new(ctx, self->arena, &self->layout, err));
    LT_TRY(find_partition_columns(self, err));
    LT_TRY(lt_ctx_format(ctx, false, &self->format, err));
    lt_format_ctx fctx;
    lt_ctx_format_ctx(ctx, self->format, self->prefix, sizeof self->prefix, &fctx);
    fctx.schema = self->layout.wanted;
    fctx.record_schema = self->layout.record;
    fctx.record_index = self->layout.record_index;
    LT_TRY(self->format->encoder_new(&fctx, &self->encoder, err));
    return prepare_directory(self, err);
}

static void fs_close(lt_sink *sink)
{
    lt_fs_sink *self = (lt_fs_sink *)sink;
    lt_mem *mem = sink->ctx->mem;
    for (size_t i = 0; i < self->writers.count; i++) {
        lt_fs_writer_free(self, self->writers.items[i]);
    }
    lt_array_deinit(&self->writers, mem);
    for (size_t i = 0; i < self->ready.count; i++) {
        lt_fs_part_free(self, &self->ready.items[i]);
    }
    lt_array_deinit(&self->ready, mem);
    if (self->done) {
        lt_fs_forget_marker(self);
    }
    for (size_t i = 0; i < self->partitions.count; i++) {
        lt_mem_free(mem, self->partitions.items[i].dir, self->partitions.items[i].dir_size);
    }
    lt_array_deinit(&self->partitions, mem);
    lt_map_free(self->partition_index);
    lt_mem_free(mem, self->next_row, sizeof(uint32_t) * self->row_cap);
    lt_mem_free(mem, self->rows, sizeof(uint32_t) * self->row_cap);
    if (self->dir.mem != NULL) {
        lt_text_deinit(&self->dir);
    }
    if (self->encoder != NULL) {
        self->format->encoder_free(self->encoder);
    }
    lt_arena_free(self->arena);
}

const lt_sink_class lt_filesystem_sink = {
    .self_size = sizeof(lt_fs_sink),
    .guarantee = LT_SINK_EXACTLY_ONCE,
    .kinds = 1,
    .open = fs_open,
    .write = fs_write,
    .tick = fs_tick,
    .flush = fs_flush,
    .finish = fs_finish,
    .close = fs_close,
    .save = lt_fs_save,
    .commit = lt_fs_commit,
    .load = lt_fs_load,
};
