/* filesystem, writing: the life of one file, and success files.
 *
 *   dir/[k=v/..]/.part-[<owner>-]<run>-0-<n>.inprogress   written to
 *   dir/[k=v/..]/part-<run>-0-<n>                         synced, then renamed: visible
 *
 * <owner> is there with checkpoints only: 16 digits by which a restart knows its leftovers. <run>
 * is random, of 128 bits: no run writes over another's files. A restart goes on with the <run> in
 * its checkpoint, and passes over numbers whose file is visible already (of a run that went further
 * than the checkpoint). */
#include <string.h>

#include "connector/filesystem/sink_int.h"

/* ---- names ---- */

void lt_fs_part_free(lt_fs_sink *self, lt_fs_part *part)
{
    lt_mem_free(lt_fs_mem(self), part->hidden, part->hidden_size);
    lt_mem_free(lt_fs_mem(self), part->visible, part->visible_size);
    memset(part, 0, sizeof *part);
    part->durable = -1;
    part->ready_in = LT_FS_NOT_SAVED;
}

static char *make_path(const lt_fs_sink *self, lt_str dir, bool hidden, size_t *size)
{
    lt_text path;
    lt_text_init(&path, lt_fs_mem(self));
    lt_text_printf(&path, "%s/" LT_STR_FMT "%spart-", self->path, LT_STR_ARG(dir),
                   hidden ? "." : "");
    if (hidden && self->token != 0) {
        lt_text_printf(&path, "%016llx-", (unsigned long long)self->token);
    }
    lt_text_printf(&path, "%016llx%016llx-0-%llu%s", (unsigned long long)self->run[0],
                   (unsigned long long)self->run[1], (unsigned long long)self->file_no,
                   hidden ? ".inprogress" : "");
    char *copy = path.failed ? NULL : lt_mem_alloc(lt_fs_mem(self), path.len + 1);
    if (copy != NULL) {
        memcpy(copy, path.ptr, path.len + 1);
        *size = path.len + 1;
    }
    lt_text_deinit(&path);
    return copy;
}

/* The next pair of names. */
static lt_status name_part(lt_fs_sink *self, lt_str dir, lt_fs_part *part, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    for (;;) {
        part->hidden = make_path(self, dir, true, &part->hidden_size);
        part->visible = make_path(self, dir, false, &part->visible_size);
        self->file_no++;
        if (part->hidden == NULL || part->visible == NULL) {
            return lt_error_nomem(err, "a path");
        }
        lt_stat stat;
        if (self->token == 0 || env->stat(env, part->visible, &stat, NULL) != LT_OK) {
            return LT_OK;
        }
        lt_mem_free(lt_fs_mem(self), part->hidden, part->hidden_size);
        lt_mem_free(lt_fs_mem(self), part->visible, part->visible_size);
        part->hidden = NULL;
        part->visible = NULL;
    }
}

/* ---- one file ---- */

lt_fs_writer *lt_fs_writer_new(lt_fs_sink *self, lt_str dir)
{
    lt_fs_writer *w = lt_mem_zalloc(lt_fs_mem(self), sizeof *w);
    char *copy = lt_mem_alloc(lt_fs_mem(self), dir.len + 1);
    if (w == NULL || copy == NULL || !lt_array_push(&self->writers, lt_fs_mem(self), w)) {
        lt_mem_free(lt_fs_mem(self), copy, dir.len + 1);
        lt_mem_free(lt_fs_mem(self), w, sizeof *w);
        return NULL;
    }
    if (dir.len > 0) {
        memcpy(copy, dir.ptr, dir.len);
    }
    copy[dir.len] = '\0';
    w->dir = (lt_str){copy, dir.len};
    w->first_row = LT_FS_NO_ROW;
    w->last_row = LT_FS_NO_ROW;
    lt_text_init(&w->buffer, lt_fs_mem(self));
    lt_fs_part_free(self, &w->part);
    return w;
}

static void forget_file(lt_fs_sink *self, lt_fs_writer *w)
{
    w->file = NULL;
    lt_fs_part_free(self, &w->part);
    lt_text_clear(&w->buffer);
}

/* Removes the unfinished file. */
static void discard_file(lt_fs_sink *self, lt_fs_writer *w)
{
    lt_env *env = self->base.ctx->env;
    if (w->file != NULL) {
        env->close(w->file);
        (void)env->unlink(env, w->part.hidden, NULL);
    }
    forget_file(self, w);
}

void lt_fs_writer_free(lt_fs_sink *self, lt_fs_writer *w)
{
    if (self->token != 0) {
        self->base.ctx->env->close(w->file);
        forget_file(self, w);
    } else {
        discard_file(self, w);
    }
    lt_text_deinit(&w->buffer);
    lt_mem_free(lt_fs_mem(self), (char *)(uintptr_t)w->dir.ptr, w->dir.len + 1);
    lt_mem_free(lt_fs_mem(self), w, sizeof *w);
}

lt_status lt_fs_refuse_broken(const lt_fs_sink *self, lt_error *err)
{
    return lt_error_set(err, LT_ERR_IO,
                        "table " LT_STR_FMT ": an earlier write failed; nothing more is written",
                        LT_STR_ARG(self->base.ctx->table));
}

lt_status lt_fs_broken(lt_fs_sink *self, lt_status st, lt_error *err)
{
    long long rows = 0;
    long long bytes = 0;
    for (size_t i = 0; i < self->writers.count; i++) {
        rows += (long long)self->writers.items[i]->part.rows;
        bytes += (long long)self->writers.items[i]->part.bytes;
    }
    self->broken = true;
    /* With checkpoints nothing is lost: the restart writes those rows again. */
    if (err != NULL && self->token == 0) {
        lt_error cause = *err;
        (void)lt_error_set(err, st, "%.300s; %lld rows (%lld bytes) were not made visible",
                           cause.text, rows, bytes);
        lt_error_hint(err, "%s", cause.hint);
    }
    return st;
}

static lt_status make_dir(lt_fs_sink *self, lt_str dir, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    if (dir.len == 0) {
        return LT_OK;
    }
    lt_text path;
    lt_text_init(&path, lt_fs_mem(self));
    lt_text_printf(&path, "%s/" LT_STR_FMT, self->path, (int)dir.len - 1, dir.ptr);
    lt_status st = path.failed ? lt_error_nomem(err, "a path") : env->mkdirs(env, path.ptr, err);
    lt_text_deinit(&path);
    return st;
}

/* A new file under a hidden name; on failure part has no names. */
static lt_status open_part(lt_fs_sink *self, lt_str dir, lt_fs_part *part, lt_file **out,
                           lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    *out = NULL;
    lt_status st = make_dir(self, dir, err);
    if (st == LT_OK) {
        st = name_part(self, dir, part, err);
    }
    if (st == LT_OK) {
        st = env->open(env, part->hidden, LT_OPEN_EXCL, out, err);
    }
    if (st != LT_OK) {
        *out = NULL;
        lt_mem_free(lt_fs_mem(self), part->hidden, part->hidden_size);
        lt_mem_free(lt_fs_mem(self), part->visible, part->visible_size);
        part->hidden = NULL;
        part->visible = NULL;
    }
    return st;
}

lt_status lt_fs_probe(lt_fs_sink *self, lt_error *err)
{
    lt_fs_writer probe = {.dir = {"", 0}};
    LT_TRY(open_part(self, probe.dir, &probe.part, &probe.file, err));
    discard_file(self, &probe);
    return LT_OK;
}

lt_status lt_fs_writer_out(lt_fs_sink *self, lt_fs_writer *w, lt_error *err)
{
    if (w->buffer.len == 0) {
        return LT_OK;
    }
    if (w->file == NULL) {
        LT_TRY(open_part(self, w->dir, &w->part, &w->file, err));
    }
    LT_TRY(self->base.ctx->env->write(w->file, w->buffer.ptr, w->buffer.len, err));
    self->base.bytes += w->buffer.len;
    lt_text_clear(&w->buffer);
    return LT_OK;
}

static lt_status publish(lt_fs_sink *self, lt_fs_writer *w, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    LT_TRY(lt_fs_note_partition(self, w->dir, w->part.opened_ns, err));
    LT_TRY(env->sync(w->file, err));
    return env->rename(env, w->part.hidden, w->part.visible, err);
}

lt_status lt_fs_writer_roll(lt_fs_sink *self, lt_fs_writer *w, lt_error *err)
{
    lt_status st = lt_fs_writer_out(self, w, err);
    if (st == LT_OK && w->file == NULL) {
        return LT_OK;
    }
    if (st == LT_OK && self->token == 0) {
        st = publish(self, w, err);
    } else if (st == LT_OK) {
        if (lt_array_push(&self->ready, lt_fs_mem(self), w->part)) {
            w->part = (lt_fs_part){0}; /* its names moved */
        } else {
            st = lt_error_nomem(err, "a list of files");
        }
    }
    if (st != LT_OK) {
        return lt_fs_broken(self, st, err);
    }
    self->base.ctx->env->close(w->file);
    forget_file(self, w);
    return LT_OK;
}

lt_status lt_fs_roll_due(lt_fs_sink *self, lt_error *err)
{
    int64_t now = lt_fs_now_ns(self);
    for (size_t i = 0; i < self->writers.count; i++) {
        lt_fs_writer *w = self->writers.items[i];
        bool has_rows = w->part.rows > 0;
        if (has_rows && (now - w->part.opened_ns >= self->rollover_ns ||
                         now - w->written_ns >= self->inactivity_ns)) {
            LT_TRY(lt_fs_writer_roll(self, w, err));
        }
    }
    return LT_OK;
}

/* ---- success files ---- */

lt_status lt_fs_note_partition(lt_fs_sink *self, lt_str dir, int64_t since_ns, lt_error *err)
{
    if (!self->success_file || lt_map_get(self->partition_index, dir) != NULL) {
        return LT_OK;
    }
    lt_fs_partition p = {.since_ns = since_ns, .dir_size = dir.len + 1};
    p.dir = lt_mem_alloc(lt_fs_mem(self), p.dir_size);
    if (p.dir == NULL) {
        return lt_error_nomem(err, "a partition");
    }
    memcpy(p.dir, dir.ptr, dir.len);
    p.dir[dir.len] = '\0';
    if (!lt_array_push(&self->partitions, lt_fs_mem(self), p)) {
        lt_mem_free(lt_fs_mem(self), p.dir, p.dir_size);
        return lt_error_nomem(err, "a partition");
    }
    /* Any address that is not NULL will do: only presence is asked for. */
    return lt_map_put(self->partition_index, dir, self) ? LT_OK
                                                        : lt_error_nomem(err, "a partition");
}

/* By a temporary name of its own: several tasks may commit one partition at the same time. */
static lt_status write_success_file(lt_fs_sink *self, const lt_fs_partition *p, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    lt_text_clear(&self->dir);
    lt_text_printf(&self->dir, "%s/%s" LT_STR_FMT, self->path, p->dir,
                   LT_STR_ARG(self->success_name));
    if (self->dir.failed) {
        return lt_error_nomem(err, "a path");
    }
    lt_fs_part part = {0};
    lt_file *file;
    LT_TRY(open_part(self, lt_str_of(p->dir), &part, &file, err));
    lt_status st = env->sync(file, err);
    env->close(file);
    if (st == LT_OK) {
        st = env->rename(env, part.hidden, self->dir.ptr, err);
    }
    if (st != LT_OK) {
        (void)env->unlink(env, part.hidden, NULL);
    }
    lt_fs_part_free(self, &part);
    return st;
}

/* Data that comes to a committed partition later commits it anew. */
lt_status lt_fs_commit_partitions(lt_fs_sink *self, bool all, lt_error *err)
{
    int64_t now = lt_fs_now_ns(self);
    for (size_t i = self->partitions.count; i > 0; i--) {
        lt_fs_partition *p = &self->partitions.items[i - 1];
        if (!all && now - p->since_ns < self->commit_delay_ns) {
            continue;
        }
        LT_TRY(write_success_file(self, p, err));
        (void)lt_map_remove(self->partition_index, lt_str_of(p->dir));
        lt_mem_free(lt_fs_mem(self), p->dir, p->dir_size);
        *p = self->partitions.items[--self->partitions.count];
    }
    return LT_OK;
}
