/* The file source, repeating a run: reads from where it stands (the beginning, or a loaded
 * position) up to a position that another run saved, and nothing else.
 *
 * A bounded position names one file: those before it in order of path are read to their ends, those
 * behind it not at all. A position of followed files names them all; what it does not name was not
 * read. Which file is which is told by inode, and by its first bytes where it was copied. A file
 * that does not reach up to its limit, or begins otherwise, or that was read and forgotten between
 * the two positions, cannot be repeated. */
#include <string.h>

#include "connector/filesystem/source_int.h"

lt_status lt_fs_refuse_repeat(const fs_entry *e, const char *why, lt_error *err)
{
    if (e->limit == INT64_MAX) {
        return lt_error_set(err, LT_ERR_STATE, "%s cannot be read again: %s", e->path, why);
    }
    return lt_error_set(err, LT_ERR_STATE, "%s cannot be read again up to byte %lld: %s", e->path,
                        (long long)e->limit, why);
}

/* What the other run knew of the file. */
static void set_limit(fs_entry *e, const fs_entry *saved)
{
    e->limit = saved->offset;
    e->limit_inside = saved->skipping;
    e->limit_complete = saved->complete;
    if (saved->print_len >= e->print_len) {
        e->print = saved->print;
        e->print_len = saved->print_len;
    }
    e->complete = e->offset == e->limit && (!saved->complete || e->complete);
}

static lt_status check_order(const fs_entry *e, const fs_entry *saved, lt_error *err)
{
    if (saved->offset < e->offset) {
        return lt_error_set(err, LT_ERR_STATE,
                            "%s cannot be read again: it is to end at byte %lld and to begin at "
                            "byte %lld",
                            saved->path, (long long)saved->offset, (long long)e->offset);
    }
    return LT_OK;
}

/* ---- read once ---- */

static lt_status limit_to_entry(fs_source *self, const fs_entry *saved, lt_error *err)
{
    size_t at = 0;
    while (at < self->entries.count && strcmp(self->entries.items[at].path, saved->path) != 0) {
        at++;
    }
    if (at == self->entries.count) {
        return lt_error_set(err, LT_ERR_STATE, "%s is gone; it was read up to byte %lld",
                            saved->path, (long long)saved->offset);
    }
    fs_entry *e = &self->entries.items[at];
    LT_TRY(check_order(e, saved, err));
    if (self->next_entry > at + 1) {
        return lt_error_set(err, LT_ERR_STATE,
                            "%s was read before the position that the run is to begin at",
                            saved->path);
    }
    for (size_t i = 0; i < self->entries.count; i++) {
        self->entries.items[i].limit = INT64_MAX;
        self->entries.items[i].complete = self->entries.items[i].complete || i > at;
    }
    set_limit(e, saved);
    return LT_OK;
}

static lt_status limit_bounded(fs_source *self, lt_pos_reader *reader, lt_error *err)
{
    lt_pos_reader peek = *reader;
    if (lt_pos_get_str(&peek).len == 0 && !peek.bad) {
        self->next_entry = self->entries.count; /* nothing had been read */
        return LT_OK;
    }
    fs_entry saved;
    LT_TRY(lt_fs_get_entry(self, reader, &saved, err));
    lt_status st = limit_to_entry(self, &saved, err);
    lt_fs_entry_deinit(self, &saved);
    return st;
}

/* ---- followed ---- */

static fs_entry *find_same(fs_source *self, const fs_entry *saved)
{
    for (size_t i = 0; i < self->entries.count; i++) {
        fs_entry *e = &self->entries.items[i];
        if (!e->seen && e->device == saved->device && e->inode == saved->inode) {
            return e;
        }
    }
    return NULL;
}

/* Takes over saved's path. */
static lt_status limit_followed_file(fs_source *self, fs_entry *saved, lt_error *err)
{
    fs_entry *e = find_same(self, saved);
    if (e == NULL) {
        fs_entry fresh = *saved;
        fresh.offset = 0;
        fresh.skipping = false;
        fresh.complete = false;
        if (!lt_array_push(&self->entries, self->base.ctx->mem, fresh)) {
            return lt_error_nomem(err, "a list of files");
        }
        e = &self->entries.items[self->entries.count - 1];
    } else {
        LT_TRY(check_order(e, saved, err));
        if (e->print_len == saved->print_len && e->print != saved->print) {
            return lt_error_set(err, LT_ERR_STATE,
                                "%s cannot be read again: it was written anew in between",
                                saved->path);
        }
        LT_TRY(lt_fs_entry_set_path(self, e, lt_str_of(saved->path), err));
        e->rotated = saved->rotated;
        lt_fs_entry_deinit(self, saved);
    }
    saved->path = NULL;
    e->seen = true;
    set_limit(e, saved);
    return LT_OK;
}

static lt_status limit_followed(fs_source *self, lt_pos_reader *reader, lt_error *err)
{
    uint64_t count = lt_pos_get_u64(reader);
    for (size_t i = 0; i < self->entries.count; i++) {
        self->entries.items[i].seen = false;
    }
    for (uint64_t i = 0; i < count && !reader->bad; i++) {
        fs_entry saved;
        LT_TRY(lt_fs_get_entry(self, reader, &saved, err));
        lt_status st = limit_followed_file(self, &saved, err);
        if (saved.path != NULL) {
            lt_fs_entry_deinit(self, &saved);
        }
        if (st != LT_OK) {
            return st;
        }
    }
    for (size_t i = 0; i < self->entries.count; i++) {
        const fs_entry *e = &self->entries.items[i];
        if (!e->seen && !e->complete) {
            return lt_error_set(err, LT_ERR_STATE,
                                "%s cannot be read again: it was removed in between, and nobody "
                                "knows what of it was read behind byte %lld",
                                e->path, (long long)e->offset);
        }
    }
    lt_fs_entries_sort(self);
    self->next_entry = 0;
    return LT_OK;
}

lt_status lt_fs_limit(lt_source *src, lt_str position, lt_error *err)
{
    fs_source *self = (fs_source *)src;
    lt_pos_reader reader = {.rest = position};
    LT_TRY(lt_fs_get_head(self, &reader, err));
    self->limited = true;
    LT_TRY(self->bounded ? limit_bounded(self, &reader, err) : limit_followed(self, &reader, err));
    return reader.bad ? lt_error_set(err, LT_ERR_STATE,
                                     "the saved position of table " LT_STR_FMT " is damaged",
                                     LT_STR_ARG(src->ctx->table))
                      : LT_OK;
}

/* ---- opening ---- */

static lt_status is_known(const fs_source *self, const fs_entry *e, bool *known, lt_error *err)
{
    lt_stat stat;
    LT_TRY(self->base.ctx->env->fstat(e->handle->file, &stat, err));
    *known = stat.device == e->device && stat.inode == e->inode;
    return LT_OK;
}

lt_status lt_fs_open_limited(fs_source *self, fs_entry *e, lt_error *err)
{
    lt_error cause;
    bool known = self->bounded;
    if (e->is_pipe) {
        return lt_fs_refuse_repeat(e, "it is a pipe", err);
    }
    if (e->handle == NULL) {
        lt_error_clear(&cause);
        lt_status st = lt_fs_open_handle(self, e, e->path, &cause);
        if (st == LT_ERR_NOMEM) {
            return lt_error_nomem(err, "an open file");
        }
    }
    if (e->handle != NULL && !known) {
        LT_TRY(is_known(self, e, &known, err));
    }
    if (known && e->handle != NULL) {
        return LT_OK;
    }
    if (!self->bounded) {
        /* Another file has its name: it may still be there under a new one. */
        lt_fs_close_handle(self, e);
        LT_TRY(lt_fs_reopen_by_inode(self, e, err));
    }
    if (e->handle == NULL && !e->rotated) {
        lt_error_clear(&cause); /* a copy: its first bytes and its size tell */
        lt_status st = lt_fs_open_handle(self, e, e->path, &cause);
        if (st == LT_ERR_NOMEM) {
            return lt_error_nomem(err, "an open file");
        }
    }
    return e->handle != NULL ? LT_OK : lt_fs_refuse_repeat(e, "it is gone", err);
}

lt_status lt_fs_check_limit(const fs_source *self, const fs_entry *e, lt_error *err)
{
    bool is_short = self->limited && e->limit != INT64_MAX && self->stat.size < e->limit;
    return is_short ? lt_fs_refuse_repeat(e, "it became shorter", err) : LT_OK;
}
