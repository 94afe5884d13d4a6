/* filesystem, writing: rows into files of a directory, each under a hidden name until it is whole.
 *
 *   dir/[k=v/..]/.part-<run>-<task>-<n>.inprogress   written to
 *   dir/[k=v/..]/part-<run>-<task>-<n>               synced, then renamed: visible
 *
 * A file is published when it reaches its size or age (rolling policy), at flush (a checkpoint:
 * what the checkpoint covers is visible, so that nothing needs to be remembered in it) and at the
 * end. Names hold a random number of the run: no run writes over another's files. A file whose
 * write or sync failed is given up and removed: after a failed fsync the kernel may have dropped
 * the very pages that it reports clean later. */
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/map.h"
#include "connector/filesystem/files.h"
#include "connector/filesystem/filesystem_int.h"
#include "format/text.h"

#define BUFFER_BYTES (256 * 1024)
#define WRITERS_MAX                                                                                \
    128 /* partitions written at the same time; the one idle for longest is published to make room \
         */
#define NAME_BYTES_MAX 255 /* of a directory's name, as file systems have it */
#define ARENA_MAX      (64u << 20)
#define NO_ROW         UINT32_MAX

typedef struct {
    lt_str dir; /* escaped, ends with /; empty without partitions. Owned by the map of partitions */
    lt_file *file; /* NULL: no file is open */
    char *hidden;  /* its paths; owned, path_size bytes each */
    char *visible;
    size_t hidden_size;
    size_t visible_size;
    lt_text buffer;
    int64_t bytes; /* in the file and the buffer */
    uint64_t rows;
    int64_t opened_ns; /* when its first row came */
    int64_t written_ns;
    uint32_t first_row; /* rows of the batch at hand: a list through fs_sink.next_row */
    uint32_t last_row;
} writer;

/* A partition that has data in it, waiting for its success file. */
typedef struct {
    int64_t since_ns;
    char *dir;
    size_t dir_size;
} partition;

typedef struct {
    lt_sink base;
    lt_arena *arena;
    const char *path;
    lt_fs_layout layout;
    const lt_format *format;
    lt_encoder *encoder;
    char prefix[64];
    uint32_t *partition_columns; /* per partition column: index in ctx->schema */
    lt_str default_name;
    LT_ARRAY(writer *) writers;
    LT_ARRAY(partition) partitions;
    lt_map *partition_index; /* dir -> index + 1 */
    lt_text dir;             /* scratch */
    uint32_t *next_row;      /* room for the rows of a batch */
    uint32_t *rows;
    uint32_t row_cap;
    uint64_t run[2];
    uint64_t file_no;
    int64_t size_max;
    int64_t rollover_ns;
    int64_t inactivity_ns;
    int64_t check_ns;
    int64_t next_check_ns;
    bool success_file;
    int64_t commit_delay_ns;
    lt_str success_name;
    bool broken; /* a write failed: nothing more is taken */
} fs_sink;

static int64_t now_ns(const fs_sink *self)
{
    return self->base.ctx->env->mono_ns(self->base.ctx->env);
}

static lt_mem *mem_of(const fs_sink *self)
{
    return self->base.ctx->mem;
}

/* ---- one file ---- */

static void writer_forget_file(fs_sink *self, writer *w)
{
    lt_mem_free(mem_of(self), w->hidden, w->hidden_size);
    lt_mem_free(mem_of(self), w->visible, w->visible_size);
    w->hidden = NULL;
    w->visible = NULL;
    w->file = NULL;
    w->bytes = 0;
    w->rows = 0;
    lt_text_clear(&w->buffer);
}

/* Removes the unfinished file. */
static void writer_discard(fs_sink *self, writer *w)
{
    lt_env *env = self->base.ctx->env;
    if (w->file != NULL) {
        lt_error ignored;
        env->close(w->file);
        (void)env->unlink(env, w->hidden, &ignored);
    }
    writer_forget_file(self, w);
}

/* Says what the failure costs, and stops the sink: what is not visible is lost to this run. */
static lt_status broken(fs_sink *self, lt_status st, lt_error *err)
{
    long long rows = 0;
    long long bytes = 0;
    for (size_t i = 0; i < self->writers.count; i++) {
        rows += (long long)self->writers.items[i]->rows;
        bytes += (long long)self->writers.items[i]->bytes;
    }
    self->broken = true;
    if (err != NULL) {
        lt_error cause = *err;
        (void)lt_error_set(err, st, "%.300s; %lld rows (%lld bytes) were not made visible",
                           cause.text, rows, bytes);
        lt_error_hint(err, "%s", cause.hint);
    }
    return st;
}

static char *make_path(const fs_sink *self, const writer *w, const char *head, const char *tail,
                       size_t *size)
{
    lt_text path;
    lt_text_init(&path, mem_of(self));
    lt_text_printf(&path, "%s/" LT_STR_FMT "%spart-%016llx%016llx-0-%llu%s", self->path,
                   LT_STR_ARG(w->dir), head, (unsigned long long)self->run[0],
                   (unsigned long long)self->run[1], (unsigned long long)self->file_no, tail);
    char *copy = path.failed ? NULL : lt_mem_alloc(mem_of(self), path.len + 1);
    if (copy != NULL) {
        memcpy(copy, path.ptr, path.len + 1);
        *size = path.len + 1;
    }
    lt_text_deinit(&path);
    return copy;
}

static lt_status writer_open(fs_sink *self, writer *w, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    if (w->dir.len > 0) {
        lt_text dir;
        lt_text_init(&dir, mem_of(self));
        lt_text_printf(&dir, "%s/" LT_STR_FMT, self->path, (int)w->dir.len - 1, w->dir.ptr);
        lt_status st = dir.failed ? lt_error_nomem(err, "a path") : env->mkdirs(env, dir.ptr, err);
        lt_text_deinit(&dir);
        LT_TRY(st);
    }
    w->hidden = make_path(self, w, ".", ".inprogress", &w->hidden_size);
    w->visible = make_path(self, w, "", "", &w->visible_size);
    self->file_no++;
    lt_status st = w->hidden == NULL || w->visible == NULL
                       ? lt_error_nomem(err, "a path")
                       : env->open(env, w->hidden, LT_OPEN_EXCL, &w->file, err);
    if (st != LT_OK) {
        w->file = NULL;
        lt_mem_free(mem_of(self), w->hidden, w->hidden_size);
        lt_mem_free(mem_of(self), w->visible, w->visible_size);
        w->hidden = NULL;
        w->visible = NULL;
        return st;
    }
    return LT_OK;
}

static lt_status writer_out(fs_sink *self, writer *w, lt_error *err)
{
    if (w->buffer.len == 0) {
        return LT_OK;
    }
    if (w->file == NULL) {
        LT_TRY(writer_open(self, w, err));
    }
    LT_TRY(self->base.ctx->env->write(w->file, w->buffer.ptr, w->buffer.len, err));
    self->base.bytes += w->buffer.len;
    lt_text_clear(&w->buffer);
    return LT_OK;
}

static lt_status note_partition(fs_sink *self, const writer *w, lt_error *err)
{
    if (!self->success_file || lt_map_get(self->partition_index, w->dir) != NULL) {
        return LT_OK;
    }
    partition p = {.since_ns = w->opened_ns, .dir_size = w->dir.len + 1};
    p.dir = lt_mem_alloc(mem_of(self), p.dir_size);
    if (p.dir == NULL) {
        return lt_error_nomem(err, "a partition");
    }
    memcpy(p.dir, w->dir.ptr, w->dir.len);
    p.dir[w->dir.len] = '\0';
    if (!lt_array_push(&self->partitions, mem_of(self), p)) {
        lt_mem_free(mem_of(self), p.dir, p.dir_size);
        return lt_error_nomem(err, "a partition");
    }
    /* Any address that is not NULL will do: only presence is asked for. */
    return lt_map_put(self->partition_index, w->dir, self) ? LT_OK
                                                           : lt_error_nomem(err, "a partition");
}

/* The file becomes visible. */
static lt_status writer_publish(fs_sink *self, writer *w, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    lt_status st = writer_out(self, w, err);
    if (st == LT_OK && w->file == NULL) {
        return LT_OK;
    }
    if (st == LT_OK) {
        st = note_partition(self, w, err);
    }
    if (st == LT_OK) {
        st = env->sync(w->file, err);
    }
    if (st == LT_OK) {
        st = env->rename(env, w->hidden, w->visible, err);
    }
    if (st != LT_OK) {
        return broken(self, st, err);
    }
    env->close(w->file);
    writer_forget_file(self, w);
    return LT_OK;
}

/* ---- success files ---- */

static lt_status write_success_file(fs_sink *self, const partition *p, lt_error *err)
{
    lt_text_clear(&self->dir);
    lt_text_printf(&self->dir, "%s/%s" LT_STR_FMT, self->path, p->dir,
                   LT_STR_ARG(self->success_name));
    if (self->dir.failed) {
        return lt_error_nomem(err, "a path");
    }
    return lt_env_write_file(self->base.ctx->env, self->dir.ptr, "", 0, err);
}

/* Data that comes to a committed partition later commits it anew. */
static lt_status commit_partitions(fs_sink *self, bool all, lt_error *err)
{
    int64_t now = now_ns(self);
    for (size_t i = self->partitions.count; i > 0; i--) {
        partition *p = &self->partitions.items[i - 1];
        if (!all && now - p->since_ns < self->commit_delay_ns) {
            continue;
        }
        LT_TRY(write_success_file(self, p, err));
        (void)lt_map_remove(self->partition_index, lt_str_of(p->dir));
        lt_mem_free(mem_of(self), p->dir, p->dir_size);
        *p = self->partitions.items[--self->partitions.count];
    }
    return LT_OK;
}

/* ---- which writer a row goes to ---- */

static void writer_free(fs_sink *self, writer *w)
{
    writer_discard(self, w);
    lt_text_deinit(&w->buffer);
    lt_mem_free(mem_of(self), (char *)(uintptr_t)w->dir.ptr, w->dir.len + 1);
    lt_mem_free(mem_of(self), w, sizeof *w);
}

/* Publishes the writer that has been idle for longest and is not in use by the batch at hand. */
static lt_status make_room(fs_sink *self, lt_error *err)
{
    size_t oldest = SIZE_MAX;
    for (size_t i = 0; i < self->writers.count; i++) {
        const writer *w = self->writers.items[i];
        if (w->first_row == NO_ROW &&
            (oldest == SIZE_MAX || w->written_ns < self->writers.items[oldest]->written_ns)) {
            oldest = i;
        }
    }
    if (oldest == SIZE_MAX) {
        return LT_OK; /* every one is in use: one batch may go above the number */
    }
    LT_TRY(writer_publish(self, self->writers.items[oldest], err));
    writer_free(self, self->writers.items[oldest]);
    self->writers.items[oldest] = self->writers.items[self->writers.count - 1];
    self->writers.count--;
    return LT_OK;
}

static lt_status writer_of_dir(fs_sink *self, lt_str dir, writer **out, lt_error *err)
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
    writer *w = lt_mem_zalloc(mem_of(self), sizeof *w);
    char *copy = lt_mem_alloc(mem_of(self), dir.len + 1);
    if (w == NULL || copy == NULL || !lt_array_push(&self->writers, mem_of(self), w)) {
        lt_mem_free(mem_of(self), copy, dir.len + 1);
        lt_mem_free(mem_of(self), w, sizeof *w);
        return lt_error_nomem(err, "a file writer");
    }
    if (dir.len > 0) {
        memcpy(copy, dir.ptr, dir.len);
    }
    copy[dir.len] = '\0';
    w->dir = (lt_str){copy, dir.len};
    w->first_row = NO_ROW;
    w->last_row = NO_ROW;
    lt_text_init(&w->buffer, mem_of(self));
    *out = w;
    return LT_OK;
}

/* `k=v/` of one partition column into self->dir. Values never reach the path unescaped. */
static lt_status add_partition_name(fs_sink *self, const lt_batch *batch, uint32_t row,
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

static lt_status reject_row(fs_sink *self, const lt_batch *batch, uint32_t row,
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
static lt_status route_rows(fs_sink *self, const lt_batch *batch, lt_text *scratch, lt_error *err)
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
        writer *w = NULL;
        LT_TRY(writer_of_dir(self, lt_text_str(&self->dir), &w, err));
        self->next_row[i] = NO_ROW;
        if (w->first_row == NO_ROW) {
            w->first_row = i;
        } else {
            self->next_row[w->last_row] = i;
        }
        w->last_row = i;
    }
    return LT_OK;
}

/* ---- the class ---- */

static lt_status encode_rows(fs_sink *self, writer *w, const lt_batch *view, uint32_t count,
                             lt_error *err)
{
    size_t before = w->buffer.len;
    lt_status st = self->format->encode(self->encoder, view, self->rows, count, &w->buffer, err);
    if (st == LT_OK && w->buffer.failed) {
        st = lt_error_nomem(err, "encoded rows");
    }
    if (st != LT_OK) {
        return st;
    }
    w->written_ns = now_ns(self);
    if (w->rows == 0) {
        w->opened_ns = w->written_ns;
    }
    w->bytes += (int64_t)(w->buffer.len - before);
    w->rows += count;
    self->base.rows += count;
    if (w->bytes >= self->size_max) {
        return writer_publish(self, w, err);
    }
    if (w->buffer.len >= BUFFER_BYTES) {
        st = writer_out(self, w, err);
        return st == LT_OK ? LT_OK : broken(self, st, err);
    }
    return LT_OK;
}

static lt_status encode_lists(fs_sink *self, const lt_batch *batch, const lt_batch *view,
                              lt_error *err)
{
    for (size_t k = 0; k < self->writers.count; k++) {
        writer *w = self->writers.items[k];
        uint32_t count = 0;
        for (uint32_t i = w->first_row; i != NO_ROW; i = self->next_row[i]) {
            self->rows[count++] = lt_batch_row(batch, i);
        }
        if (count > 0) {
            LT_TRY(encode_rows(self, w, view, count, err));
        }
    }
    return LT_OK;
}

static lt_status reserve_rows(fs_sink *self, uint32_t count, lt_error *err)
{
    if (count <= self->row_cap) {
        return LT_OK;
    }
    uint32_t cap = LT_MAX(count, 1024U);
    size_t size = sizeof(uint32_t) * cap;
    uint32_t *next_row = lt_mem_alloc(mem_of(self), size);
    uint32_t *rows = lt_mem_alloc(mem_of(self), size);
    if (next_row == NULL || rows == NULL) {
        lt_mem_free(mem_of(self), next_row, size);
        lt_mem_free(mem_of(self), rows, size);
        return lt_error_nomem(err, "a file sink");
    }
    lt_mem_free(mem_of(self), self->next_row, sizeof(uint32_t) * self->row_cap);
    lt_mem_free(mem_of(self), self->rows, sizeof(uint32_t) * self->row_cap);
    self->next_row = next_row;
    self->rows = rows;
    self->row_cap = cap;
    return LT_OK;
}

static lt_status refuse_broken(const fs_sink *self, lt_error *err)
{
    return lt_error_set(err, LT_ERR_IO,
                        "table " LT_STR_FMT ": an earlier write failed; nothing more is written",
                        LT_STR_ARG(self->base.ctx->table));
}

static lt_status fs_write(lt_sink *sink, const lt_batch *batch, lt_error *err)
{
    fs_sink *self = (fs_sink *)sink;
    uint32_t live = lt_batch_live(batch);
    if (self->broken) {
        return refuse_broken(self, err);
    }
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
    lt_col *cols = lt_mem_alloc(mem_of(self), sizeof *cols * (view.col_count + 1));
    if (cols == NULL) {
        return lt_error_nomem(err, "a file sink");
    }
    for (uint32_t i = 0; i < view.col_count; i++) {
        cols[i] = batch->cols[self->layout.column[i]];
    }
    view.cols = cols;
    lt_text scratch;
    lt_text_init(&scratch, mem_of(self));
    lt_status st = route_rows(self, batch, &scratch, err);
    if (st == LT_OK) {
        st = encode_lists(self, batch, &view, err);
    }
    for (size_t k = 0; k < self->writers.count; k++) {
        self->writers.items[k]->first_row = NO_ROW;
    }
    lt_text_deinit(&scratch);
    lt_mem_free(mem_of(self), cols, sizeof *cols * (view.col_count + 1));
    return st;
}

static lt_status publish_all(fs_sink *self, lt_error *err)
{
    if (self->broken) {
        return refuse_broken(self, err);
    }
    for (size_t i = 0; i < self->writers.count; i++) {
        LT_TRY(writer_publish(self, self->writers.items[i], err));
    }
    return LT_OK;
}

static lt_status fs_tick(lt_sink *sink, int64_t *wake_mono_ns, lt_error *err)
{
    fs_sink *self = (fs_sink *)sink;
    int64_t now = now_ns(self);
    if (now >= self->next_check_ns && !self->broken) {
        for (size_t i = 0; i < self->writers.count; i++) {
            writer *w = self->writers.items[i];
            bool has_rows = w->rows > 0;
            if (has_rows && (now - w->opened_ns >= self->rollover_ns ||
                             now - w->written_ns >= self->inactivity_ns)) {
                LT_TRY(writer_publish(self, w, err));
            }
        }
        LT_TRY(commit_partitions(self, false, err));
        self->next_check_ns = now + self->check_ns;
    }
    *wake_mono_ns = self->next_check_ns;
    return LT_OK;
}

static lt_status fs_flush(lt_sink *sink, lt_error *err)
{
    fs_sink *self = (fs_sink *)sink;
    LT_TRY(publish_all(self, err));
    return commit_partitions(self, false, err);
}

static lt_status fs_finish(lt_sink *sink, lt_error *err)
{
    fs_sink *self = (fs_sink *)sink;
    LT_TRY(publish_all(self, err));
    return commit_partitions(self, true, err);
}

static int64_t ms_option(const fs_sink *self, const char *name)
{
    int64_t ms = lt_ctx_int(self->base.ctx, &lt_conn_filesystem, name, NULL);
    return LT_MIN(ms, INT64_MAX / 4000000) * 1000000;
}

static void read_options(fs_sink *self)
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

static lt_status find_partition_columns(fs_sink *self, lt_error *err)
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
static lt_status prepare_directory(fs_sink *self, lt_error *err)
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
    writer probe = {.dir = {"", 0}};
    LT_TRY(writer_open(self, &probe, err));
    writer_discard(self, &probe);
    return LT_OK;
}

static lt_status fs_open(lt_sink *sink, lt_error *err)
{
    fs_sink *self = (fs_sink *)sink;
    const lt_table_ctx *ctx = sink->ctx;
    self->arena = lt_arena_new(ctx->mem, ARENA_MAX);
    self->partition_index = lt_map_new(ctx->mem);
    if (self->arena == NULL || self->partition_index == NULL) {
        return lt_error_nomem(err, "a file sink");
    }
    lt_text_init(&self->dir, ctx->mem);
    read_options(self);
    self->run[0] = ctx->env->random_u64(ctx->env);
    self->run[1] = ctx->env->random_u64(ctx->env);
    self->next_check_ns = now_ns(self) + self->check_ns;
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
    fs_sink *self = (fs_sink *)sink;
    lt_mem *mem = sink->ctx->mem;
    for (size_t i = 0; i < self->writers.count; i++) {
        writer_free(self, self->writers.items[i]);
    }
    lt_array_deinit(&self->writers, mem);
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
    .self_size = sizeof(fs_sink),
    .guarantee = LT_SINK_AT_LEAST_ONCE,
    .kinds = 1,
    .open = fs_open,
    .write = fs_write,
    .tick = fs_tick,
    .flush = fs_flush,
    .finish = fs_finish,
    .close = fs_close,
};
