/* filesystem, reading: a file, a directory or a glob, once (bounded) or for ever
 * (`source.monitor-interval`).
 *
 * Files are read one after another in order of path, rotated ones first. Each has an entry that
 * says who it is (device, inode, a hash of its first bytes) and up to where its rows were given out
 * (a record's start, counted in unpacked bytes). That is the whole position, so a restart needs
 * nothing else; in bounded mode the entry of the file at hand is enough, since the order is fixed.
 *
 * In unbounded mode a scan of the path, one every interval, finds new files, growth, truncation
 * (the file starts anew) and rotation (another inode under the name: the old file is read to its
 * end first, by the handle kept open or by finding its inode beside the path). An incomplete last
 * line of a file that may still grow waits. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "connector/feed.h"
#include "connector/filesystem/files.h"
#include "connector/filesystem/filesystem_int.h"

#define POSITION_VERSION 1
#define PRINT_BYTES      256 /* of a file's start that identify it */
#define HANDLES_MAX      64  /* followed files kept open */
#define BLOCKS_PER_POLL  16
#define ARENA_MAX        (64u << 20)
#define NONE             SIZE_MAX

typedef struct {
    char *path; /* owned; path_size bytes */
    size_t path_size;
    uint64_t device;
    uint64_t inode;
    int64_t offset;
    bool skipping;  /* offset lies inside a record that was refused */
    uint64_t print; /* hash of the first print_len bytes */
    uint32_t print_len;
    int64_t read_size; /* size and time when the end was last reached; -1 = never */
    int64_t read_mtime_ms;
    bool complete;   /* nothing more will be read */
    bool pending;    /* there is something to read */
    bool rotated;    /* no longer under its name */
    bool last_round; /* rotated, and silent since the scan before: an incomplete last line counts */
    bool seen;       /* by the scan at hand */
    bool is_pipe;
    lt_file *file;
} entry;

typedef struct {
    lt_source base;
    lt_arena *arena;
    const char *path;
    lt_path_regex *regex;
    lt_file_list list;
    bool bounded;
    int64_t interval_ns;
    int64_t next_scan_ns;
    bool scan_failing;
    LT_ARRAY(entry) entries;
    size_t handles;
    size_t current;    /* index of the entry being read, or NONE */
    size_t next_entry; /* bounded: where to look on */
    lt_unpack *unpack;
    int64_t discard; /* unpacked bytes before the position still to be passed over */
    lt_stat stat;    /* of the current file when it was opened */
    lt_feed feed;
    lt_fs_layout layout;
    lt_fs_extra *extras;
    uint32_t extra_count;
    lt_fs_facts facts; /* of the file that was opened last; its path is borrowed from the entry */
    lt_status failed;  /* comes after the rows before it */
    lt_error failure;
} fs_source;

LT_PRINTF(2, 3) static void note_event(fs_source *self, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(self->base.event_text, sizeof self->base.event_text, fmt, args);
    va_end(args);
    self->base.events++;
}

/* By presence: at plan time the value may still be a ${..}. */
static bool is_bounded(const lt_table_ctx *ctx)
{
    return !lt_options_has(&ctx->options, "source.monitor-interval");
}

/* ---- entries ---- */

static void close_handle(fs_source *self, entry *e)
{
    if (e->file != NULL) {
        self->base.ctx->env->close(e->file);
        e->file = NULL;
        self->handles--;
    }
}

static void entry_deinit(fs_source *self, entry *e)
{
    close_handle(self, e);
    lt_mem_free(self->base.ctx->mem, e->path, e->path_size);
    e->path = NULL;
}

static lt_status entry_set_path(fs_source *self, entry *e, lt_str path, lt_error *err)
{
    lt_mem *mem = self->base.ctx->mem;
    char *copy = lt_mem_alloc(mem, path.len + 1);
    if (copy == NULL) {
        return lt_error_nomem(err, "a path");
    }
    memcpy(copy, path.ptr, path.len);
    copy[path.len] = '\0';
    lt_mem_free(mem, e->path, e->path_size);
    e->path = copy;
    e->path_size = path.len + 1;
    return LT_OK;
}

static lt_status entry_add(fs_source *self, const lt_found *found, lt_error *err)
{
    entry e = {.read_size = -1, .pending = true, .seen = true};
    e.device = found->stat.device;
    e.inode = found->stat.inode;
    e.is_pipe = found->stat.kind != LT_FILE_REGULAR;
    LT_TRY(entry_set_path(self, &e, lt_str_of(found->path), err));
    if (!lt_array_push(&self->entries, self->base.ctx->mem, e)) {
        entry_deinit(self, &e);
        return lt_error_nomem(err, "a list of files");
    }
    return LT_OK;
}

static int entry_cmp(const void *a, const void *b)
{
    const entry *x = a;
    const entry *y = b;
    int order = strcmp(x->path, y->path);
    return order != 0 ? order : (int)y->rotated - (int)x->rotated;
}

static void entries_sort(fs_source *self)
{
    LT_ASSERT(self->current == NONE);
    if (self->entries.count > 1) {
        qsort(self->entries.items, self->entries.count, sizeof(entry), entry_cmp);
    }
}

/* ---- who a file is ---- */

static lt_status hash_start(fs_source *self, lt_file *file, uint32_t len, uint64_t *out,
                            uint32_t *got_len, lt_error *err)
{
    char bytes[PRINT_BYTES];
    size_t have = 0;
    while (have < len) {
        size_t got = 0;
        LT_TRY(
            self->base.ctx->env->pread(file, bytes + have, len - have, (int64_t)have, &got, err));
        if (got == 0) {
            break;
        }
        have += got;
    }
    *out = lt_hash_bytes(bytes, have, 0);
    *got_len = (uint32_t)have;
    return LT_OK;
}

/* Compares the open file with what is known of it and learns more. *changed: it is another content
 * than the one read so far. */
static lt_status identify(fs_source *self, entry *e, bool *changed, lt_error *err)
{
    *changed = false;
    uint64_t print;
    uint32_t got;
    if (e->print_len > 0) {
        LT_TRY(hash_start(self, e->file, e->print_len, &print, &got, err));
        *changed = got < e->print_len || print != e->print;
    }
    if (lt_pack_of(lt_str_of(e->path)) == LT_PACK_NONE && self->stat.size < e->offset) {
        *changed = true;
    }
    if (*changed || e->print_len < PRINT_BYTES) {
        LT_TRY(hash_start(self, e->file, PRINT_BYTES, &print, &got, err));
        e->print = print;
        e->print_len = got;
    }
    return LT_OK;
}

/* ---- the current file ---- */

static void stop_current(fs_source *self, bool keep_handle)
{
    entry *e = &self->entries.items[self->current];
    lt_feed_stop(&self->feed);
    lt_unpack_free(self->unpack);
    self->unpack = NULL;
    if (!keep_handle || (self->handles > HANDLES_MAX && !e->rotated)) {
        close_handle(self, e);
    }
    self->current = NONE;
}

static void complete_current(fs_source *self)
{
    entry *e = &self->entries.items[self->current];
    e->offset = lt_feed_offset(&self->feed);
    e->skipping = false;
    e->complete = true;
    e->pending = false;
    e->read_size = self->stat.size;
    e->read_mtime_ms = self->stat.mtime_ms;
    stop_current(self, false);
}

/* The end of a file that may grow: remember where to go on. */
static void park_current(fs_source *self)
{
    entry *e = &self->entries.items[self->current];
    e->offset = lt_feed_offset(&self->feed);
    e->skipping = self->feed.skipping || self->feed.dropping;
    e->pending = false;
    e->read_size = self->stat.size;
    e->read_mtime_ms = self->stat.mtime_ms;
    stop_current(self, self->unpack == NULL);
}

static lt_status changed_file(fs_source *self, entry *e, lt_error *err)
{
    if (self->bounded) {
        return lt_error_set(err, LT_ERR_STATE,
                            "%s is no longer the file whose position was saved (at byte %lld)",
                            e->path, (long long)e->offset);
    }
    note_event(self, "truncation: %s starts anew, %lld bytes had been read", e->path,
               (long long)e->offset);
    e->offset = 0;
    e->skipping = false;
    return LT_OK;
}

static lt_status open_entry(fs_source *self, entry *e, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    lt_pack pack = lt_pack_of(lt_str_of(e->path));
    if (pack == LT_PACK_UNKNOWN) {
        return lt_error_set(err, LT_ERR_UNSUPPORTED, "%s: only gzip and zstd files are unpacked",
                            e->path);
    }
    if (e->file == NULL) {
        LT_TRY(env->open(env, e->path, LT_OPEN_READ, &e->file, err));
        self->handles++;
    }
    LT_TRY(env->fstat(e->file, &self->stat, err));
    e->device = self->stat.device;
    e->inode = self->stat.inode;
    if (!e->is_pipe) {
        bool changed;
        LT_TRY(identify(self, e, &changed, err));
        if (changed) {
            LT_TRY(changed_file(self, e, err));
        }
        LT_TRY(env->seek(e->file, pack == LT_PACK_NONE ? e->offset : 0, err));
    }
    self->facts.path = lt_str_of(e->path);
    self->facts.size = self->stat.size;
    self->facts.mtime_ms = self->stat.mtime_ms;
    self->discard = 0;
    if (pack != LT_PACK_NONE) {
        LT_TRY(lt_unpack_new(self->base.ctx->mem, pack, &self->unpack, err));
        self->discard = e->offset;
    }
    return lt_feed_start(&self->feed, lt_str_of(e->path), e->offset, e->skipping, err);
}

static lt_status start_entry(fs_source *self, size_t index, lt_error *err)
{
    self->current = index;
    lt_status st = open_entry(self, &self->entries.items[index], err);
    if (st != LT_OK) {
        stop_current(self, false);
    }
    return st;
}

/* A file that cannot be unpacked further is one reject; its rows so far stand. */
static lt_status broken_file(fs_source *self, const lt_error *cause, lt_error *err)
{
    entry *e = &self->entries.items[self->current];
    const char *code = lt_unpack_code(self->unpack);
    if (!self->bounded && strcmp(code, "truncated-compression") == 0) {
        park_current(self); /* still being written */
        return LT_OK;
    }
    lt_reject reject = {
        .stage = LT_STAGE_PARSE,
        .code = code,
        .detail = lt_str_of(cause->text),
        .table = self->base.ctx->table,
        .where = lt_str_of(e->path),
        .position = (int64_t)lt_unpack_bytes_in(self->unpack),
        .event_ms = LT_WATERMARK_MIN,
        .raw = {"", 0},
    };
    self->base.rejected++;
    lt_reject_sink *rejects = self->base.ctx->rejects;
    lt_status st = LT_ERR_DATA;
    if (rejects != NULL) {
        st = rejects->put(rejects, &reject, err);
    } else {
        (void)lt_error_set(err, LT_ERR_DATA, "%s: %s", e->path, cause->text);
    }
    complete_current(self);
    return st;
}

/* Bytes before the position, which an unpacked stream cannot jump over. */
static size_t pass_over(fs_source *self, char *bytes, size_t got)
{
    if (self->discard >= (int64_t)got) {
        self->discard -= (int64_t)got;
        return 0;
    }
    size_t skip = (size_t)self->discard;
    self->discard = 0;
    memmove(bytes, bytes + skip, got - skip);
    return got - skip;
}

static lt_status read_block(fs_source *self, lt_wait *wait, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    entry *e = &self->entries.items[self->current];
    char *to;
    size_t size;
    size_t got = 0;
    lt_status st;
    LT_TRY(lt_feed_room(&self->feed, &to, &size, err));
    if (self->unpack != NULL) {
        uint64_t before = lt_unpack_bytes_in(self->unpack);
        lt_error cause;
        lt_error_clear(&cause);
        st = lt_unpack_read(self->unpack, env, e->file, to, size, &got, &cause);
        self->base.bytes += lt_unpack_bytes_in(self->unpack) - before;
        if (st == LT_ERR_DATA) {
            return broken_file(self, &cause, err);
        }
        if (st != LT_OK && st != LT_AGAIN && err != NULL) {
            *err = cause;
        }
    } else {
        st = env->read(e->file, to, size, &got, err);
        self->base.bytes += got;
    }
    if (st == LT_AGAIN) {
        *wait = (lt_wait){.wake_mono_ns = INT64_MAX, .file = e->file};
    }
    if (st != LT_OK) {
        return st;
    }
    if (got > 0) {
        lt_feed_filled(&self->feed, self->discard > 0 ? pass_over(self, to, got) : got);
    } else if (self->bounded || e->is_pipe || e->last_round) {
        lt_feed_end(&self->feed);
    } else {
        park_current(self);
    }
    return LT_OK;
}

/* ---- unbounded: the scan ---- */

static bool same_file(const entry *e, const lt_stat *stat)
{
    return e->device == stat->device && e->inode == stat->inode;
}

static void look_at(fs_source *self, entry *e, const lt_found *found)
{
    (void)self;
    e->seen = true;
    if (e->read_size != found->stat.size || e->read_mtime_ms != found->stat.mtime_ms) {
        e->pending = true;
        e->complete = false;
    }
}

/* First by name, then by inode among what is left; what no entry knows is new. */
static lt_status match_found(fs_source *self, lt_error *err)
{
    size_t known = self->entries.count;
    size_t at = 0;
    for (size_t i = 0; i < self->list.found.count; i++) {
        lt_found *found = &self->list.found.items[i];
        while (at < known && strcmp(self->entries.items[at].path, found->path) < 0) {
            at++;
        }
        for (size_t k = at; k < known && strcmp(self->entries.items[k].path, found->path) == 0;
             k++) {
            entry *e = &self->entries.items[k];
            if (!e->rotated && same_file(e, &found->stat)) {
                look_at(self, e, found);
                found->path = NULL;
                break;
            }
        }
    }
    LT_ARRAY(size_t) unseen = {NULL, 0, 0};
    lt_status st = LT_OK;
    for (size_t k = 0; k < known && st == LT_OK; k++) {
        if (!self->entries.items[k].seen && !lt_array_push(&unseen, self->base.ctx->mem, k)) {
            st = lt_error_nomem(err, "a list of files");
        }
    }
    for (size_t i = 0; i < self->list.found.count && st == LT_OK; i++) {
        const lt_found *found = &self->list.found.items[i];
        entry *moved = NULL;
        for (size_t k = 0; found->path != NULL && k < unseen.count && moved == NULL; k++) {
            entry *e = &self->entries.items[unseen.items[k]];
            moved = !e->seen && same_file(e, &found->stat) ? e : NULL;
        }
        if (moved != NULL) {
            note_event(self, "rotation: %s is now %s", moved->path, found->path);
            moved->rotated = false;
            st = entry_set_path(self, moved, lt_str_of(found->path), err);
            look_at(self, moved, found);
        } else if (found->path != NULL) {
            st = entry_add(self, found, err);
        }
    }
    lt_array_deinit(&unseen, self->base.ctx->mem);
    return st;
}

typedef struct {
    fs_source *self;
    const entry *e;
    lt_str dir;
    lt_text path;
    bool found;
} inode_search;

static lt_status search_name(void *arg, const lt_dirent *dirent)
{
    inode_search *search = arg;
    lt_env *env = search->self->base.ctx->env;
    lt_text_clear(&search->path);
    lt_text_append(&search->path, search->dir.ptr, search->dir.len);
    lt_text_puts(&search->path, dirent->name);
    lt_stat stat;
    lt_error ignored;
    if (search->path.failed) {
        return LT_ERR_NOMEM;
    }
    if (dirent->kind == LT_FILE_DIR) {
        return LT_OK;
    }
    if (env->stat(env, search->path.ptr, &stat, &ignored) == LT_OK && same_file(search->e, &stat)) {
        search->found = true;
        return LT_END;
    }
    return LT_OK;
}

/* The number may have been given to another file since. */
static bool is_still(fs_source *self, entry *e)
{
    uint64_t print;
    uint32_t got;
    lt_error ignored;
    return hash_start(self, e->file, e->print_len, &print, &got, &ignored) == LT_OK &&
           got == e->print_len && print == e->print;
}

/* Opens the file of an entry under whatever name it has now in its directory; e->file stays NULL
 * when there is none. */
static lt_status reopen_by_inode(fs_source *self, entry *e, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    const char *slash = strrchr(e->path, '/');
    inode_search search = {
        .self = self, .e = e, .dir = {e->path, slash ? (size_t)(slash - e->path) + 1 : 0}};
    lt_text_init(&search.path, self->base.ctx->mem);
    lt_text dir;
    lt_text_init(&dir, self->base.ctx->mem);
    lt_text_append(&dir, search.dir.len > 0 ? search.dir.ptr : ".",
                   LT_MAX(search.dir.len, (size_t)1));
    lt_error ignored;
    lt_status st = LT_ERR_NOMEM;
    if (!dir.failed) {
        st = env->list(env, dir.ptr, search_name, &search, &ignored);
    }
    if (search.found && lt_pack_of(lt_text_str(&search.path)) == LT_PACK_NONE) {
        st = env->open(env, search.path.ptr, LT_OPEN_READ, &e->file, &ignored);
        self->handles += st == LT_OK;
    }
    if (e->file != NULL && !is_still(self, e)) {
        close_handle(self, e);
    }
    lt_text_deinit(&dir);
    lt_text_deinit(&search.path);
    return st == LT_ERR_NOMEM ? lt_error_nomem(err, "a path") : LT_OK;
}

static void note_removal(fs_source *self, const entry *e)
{
    note_event(self, "removal: %s is gone; %lld bytes of it had been read", e->path,
               (long long)e->offset);
}

/* A file that has lost its name: read on by its handle, one more round after it fell silent; then
 * forget it. */
static lt_status keep_nameless(fs_source *self, entry *e, bool *keep, lt_error *err)
{
    lt_stat stat;
    lt_error ignored;
    *keep = false;
    if (e->complete) {
        return LT_OK;
    }
    if (e->file == NULL && !e->rotated) {
        LT_TRY(reopen_by_inode(self, e, err));
    }
    if (e->file == NULL || self->base.ctx->env->fstat(e->file, &stat, &ignored) != LT_OK) {
        note_removal(self, e);
        return LT_OK;
    }
    if (!e->rotated) {
        e->rotated = true;
        note_event(self,
                   "rotation: %s was replaced or removed; the rest of the old file comes first",
                   e->path);
    } else {
        e->last_round = e->read_size == stat.size;
    }
    e->pending = true;
    *keep = true;
    return LT_OK;
}

static lt_status scan(fs_source *self, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    lt_error cause;
    lt_error_clear(&cause);
    lt_status st = lt_file_list_scan(&self->list, env, self->path, self->regex, &cause);
    self->next_scan_ns = env->mono_ns(env) + self->interval_ns;
    if (st != LT_OK) {
        if (st == LT_ERR_NOMEM) {
            return lt_error_nomem(err, "a list of files");
        }
        if (!self->scan_failing) {
            note_event(self, "unavailable: %s", cause.text);
        }
        self->scan_failing = true;
        return LT_OK; /* tried again after the interval: a rename may leave the name free for a
                         moment */
    }
    self->scan_failing = false;
    entries_sort(self);
    for (size_t i = 0; i < self->entries.count; i++) {
        self->entries.items[i].seen = false;
    }
    LT_TRY(match_found(self, err));
    size_t kept = 0;
    lt_status kept_st = LT_OK;
    for (size_t i = 0; i < self->entries.count; i++) {
        entry *e = &self->entries.items[i];
        bool keep = e->seen || kept_st != LT_OK;
        if (!keep) {
            kept_st = keep_nameless(self, e, &keep, err);
            keep = keep || kept_st != LT_OK;
        }
        if (keep) {
            self->entries.items[kept++] = *e;
        } else {
            entry_deinit(self, e);
        }
    }
    self->entries.count = kept;
    entries_sort(self);
    return kept_st;
}

/* The new file under a rotated file's name waits for the old one. */
static bool is_blocked(const fs_source *self, size_t index)
{
    const entry *e = &self->entries.items[index];
    if (e->rotated || index == 0) {
        return false;
    }
    const entry *before = &self->entries.items[index - 1];
    return before->rotated && !before->complete && strcmp(before->path, e->path) == 0;
}

static lt_status next_followed(fs_source *self, lt_wait *wait, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < self->entries.count; i++) {
            const entry *e = &self->entries.items[i];
            if (e->pending && !e->complete && !is_blocked(self, i)) {
                return start_entry(self, i, err);
            }
        }
        if (round == 0 && env->mono_ns(env) >= self->next_scan_ns) {
            LT_TRY(scan(self, err));
        }
    }
    *wait = (lt_wait){.wake_mono_ns = self->next_scan_ns};
    return LT_AGAIN;
}

static lt_status next_file(fs_source *self, lt_wait *wait, lt_error *err)
{
    if (!self->bounded) {
        return next_followed(self, wait, err);
    }
    while (self->next_entry < self->entries.count) {
        size_t index = self->next_entry++;
        if (!self->entries.items[index].complete) {
            return start_entry(self, index, err);
        }
    }
    return LT_END;
}

/* ---- rows ---- */

static lt_status fill(fs_source *self, lt_batch **batch, lt_wait *wait, lt_error *err)
{
    const lt_table_ctx *ctx = self->base.ctx;
    unsigned blocks = BLOCKS_PER_POLL;
    for (;;) {
        if (self->current == NONE) {
            /* File-wide columns have one value a batch. */
            if (*batch != NULL && (*batch)->row_count > 0 && self->extra_count > 0) {
                return LT_OK;
            }
            LT_TRY(next_file(self, wait, err));
        }
        if (*batch == NULL) {
            *batch = lt_batch_new(ctx->pool, self->layout.wanted, ctx->batch_rows);
            if (*batch == NULL) {
                return lt_error_nomem(err, "a batch");
            }
        }
        size_t before = self->feed.pos;
        uint32_t rows = (*batch)->row_count;
        LT_TRY(lt_feed_decode(&self->feed, *batch, err));
        if ((*batch)->row_count == (*batch)->row_cap) {
            return LT_OK;
        }
        if (lt_feed_done(&self->feed)) {
            complete_current(self);
            continue;
        }
        if (self->feed.ended) {
            if (self->feed.pos == before && (*batch)->row_count == rows) {
                return lt_error_set(err, LT_ERR_INTERNAL,
                                    "%s: the decoder left the end of the file",
                                    self->entries.items[self->current].path);
            }
            continue;
        }
        if (blocks-- == 0) {
            *wait = (lt_wait){.wake_mono_ns = ctx->env->mono_ns(ctx->env)};
            return LT_AGAIN;
        }
        LT_TRY(read_block(self, wait, err));
    }
}

/* Adds the columns that the file does not hold. Takes the reference to rows. */
static lt_status widen(fs_source *self, lt_batch *rows, lt_batch **out, lt_error *err)
{
    const lt_table_ctx *ctx = self->base.ctx;
    lt_batch *wide = lt_batch_derive(ctx->pool, rows, ctx->schema);
    if (wide == NULL) {
        lt_batch_unref(rows);
        return lt_error_nomem(err, "a batch");
    }
    for (uint32_t i = 0; i < self->layout.wanted->count; i++) {
        wide->cols[self->layout.column[i]] = rows->cols[i];
    }
    lt_batch_unref(rows);
    for (uint32_t i = 0; i < self->extra_count; i++) {
        lt_status st = lt_fs_fill_extra(ctx, &self->extras[i], &self->facts, wide, err);
        if (st != LT_OK) {
            lt_batch_unref(wide);
            return st;
        }
    }
    *out = wide;
    return LT_OK;
}

static lt_status fs_poll(lt_source *src, lt_batch **out, lt_wait *wait, lt_error *err)
{
    fs_source *self = (fs_source *)src;
    *out = NULL;
    if (self->failed != LT_OK) {
        lt_status st = self->failed;
        if (err != NULL) {
            *err = self->failure;
        }
        self->failed = LT_OK;
        return st;
    }
    lt_batch *batch = NULL;
    lt_error cause;
    lt_error_clear(&cause);
    uint64_t refused = self->feed.rejected;
    lt_status st = fill(self, &batch, wait, &cause);
    src->rejected += self->feed.rejected - refused;
    if (batch == NULL || batch->row_count == 0) {
        lt_batch_unref(batch);
        if (err != NULL && st > LT_END) {
            *err = cause;
        }
        return st == LT_OK ? LT_ERR_INTERNAL : st;
    }
    if (st > LT_END) {
        self->failed = st;
        self->failure = cause;
    }
    batch->sel_count = batch->row_count;
    batch->arrival_us = src->ctx->env->wall_us(src->ctx->env);
    src->rows += batch->row_count;
    if (self->extra_count == 0) {
        *out = batch;
        return LT_OK;
    }
    return widen(self, batch, out, err);
}

/* ---- open and close ---- */

static lt_status find_extras(fs_source *self, lt_error *err)
{
    const lt_table_ctx *ctx = self->base.ctx;
    self->extras = LT_NEW_ARRAY(self->arena, lt_fs_extra, ctx->schema->count + 1);
    if (self->extras == NULL) {
        return lt_error_nomem(err, "a table's layout");
    }
    for (uint32_t i = 0; i < ctx->schema->count; i++) {
        lt_fs_extra extra = {.column = i};
        if (ctx->record_index[i] == UINT32_MAX) {
            extra.metadata = ctx->metadata_keys != NULL ? ctx->metadata_keys[i] : NULL;
            LT_ASSERT(extra.metadata != NULL);
        } else if (lt_fs_is_partition(ctx, ctx->record_index[i])) {
            extra.partition = ctx->record_schema->fields[ctx->record_index[i]].name;
        } else {
            continue;
        }
        self->extras[self->extra_count++] = extra;
    }
    return LT_OK;
}

static lt_status first_scan(fs_source *self, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    LT_TRY(lt_file_list_scan(&self->list, env, self->path, self->regex, err));
    if (!self->bounded) {
        self->next_scan_ns = env->mono_ns(env); /* the first poll looks again, after load() */
        return LT_OK;
    }
    if (self->list.found.count == 0) {
        lt_status st = lt_error_set(err, LT_ERR_IO, "no file to read: %s", self->path);
        lt_error_hint(err, "names that begin with . or _ are passed over; "
                           "'source.monitor-interval' waits for files to come");
        return st;
    }
    for (size_t i = 0; i < self->list.found.count; i++) {
        LT_TRY(entry_add(self, &self->list.found.items[i], err));
    }
    return LT_OK;
}

static lt_status fs_open(lt_source *src, lt_error *err)
{
    fs_source *self = (fs_source *)src;
    const lt_table_ctx *ctx = src->ctx;
    self->current = NONE;
    self->arena = lt_arena_new(ctx->mem, ARENA_MAX);
    if (self->arena == NULL) {
        return lt_error_nomem(err, "a file source");
    }
    bool monitored;
    int64_t interval_ms =
        lt_ctx_int(ctx, &lt_conn_filesystem, "source.monitor-interval", &monitored);
    self->bounded = !monitored;
    self->interval_ns = LT_MAX(LT_MIN(interval_ms, INT64_MAX / 2000000), 1) * 1000000;
    self->facts.default_name = lt_ctx_text(ctx, &lt_conn_filesystem, "partition.default-name");
    LT_TRY(lt_local_path(self->arena, lt_ctx_text(ctx, &lt_conn_filesystem, "path"), &self->path,
                         err));
    lt_str pattern = lt_ctx_text(ctx, &lt_conn_filesystem, "source.path.regex-pattern");
    if (pattern.ptr != NULL) {
        LT_TRY(lt_path_regex_new(ctx->mem, pattern, &self->regex, err));
    }
    LT_TRY(lt_file_list_init(&self->list, ctx->mem, err));
    LT_TRY(lt_fs_layout_new(ctx, self->arena, &self->layout, err));
    LT_TRY(find_extras(self, err));
    const lt_format *format;
    LT_TRY(lt_ctx_format(ctx, true, &format, err));
    lt_format_ctx fctx;
    lt_ctx_format_ctx(ctx, format, self->feed.prefix, sizeof self->feed.prefix, &fctx);
    fctx.schema = self->layout.wanted;
    fctx.record_schema = self->layout.record;
    fctx.record_index = self->layout.record_index;
    fctx.record_bytes_max = lt_ctx_int(ctx, &lt_conn_filesystem, "source.record-size.max", NULL);
    lt_feed_init(&self->feed, ctx, format, &fctx);
    return first_scan(self, err);
}

static void fs_close(lt_source *src)
{
    fs_source *self = (fs_source *)src;
    if (self->arena == NULL) {
        return;
    }
    lt_feed_deinit(&self->feed);
    lt_unpack_free(self->unpack);
    for (size_t i = 0; i < self->entries.count; i++) {
        entry_deinit(self, &self->entries.items[i]);
    }
    lt_array_deinit(&self->entries, src->ctx->mem);
    lt_file_list_deinit(&self->list);
    lt_path_regex_free(self->regex);
    lt_arena_free(self->arena);
}

/* ---- position ----
 * All numbers are u64, strings are length + bytes.
 *   version, 0 (bounded), entry of the file at hand or the last one read (an empty path: none yet)
 *   version, 1 (followed), count, entries
 *   entry: path, device, inode, offset, print, print_len, read_size, read_mtime_ms, flags (1
 * skipping, 2 complete, 4 rotated) */

static void put_entry(const fs_source *self, size_t index, lt_text *to)
{
    const entry *e = &self->entries.items[index];
    bool is_current = index == self->current;
    bool skipping = is_current ? self->feed.skipping || self->feed.dropping : e->skipping;
    lt_pos_put_str(to, lt_str_of(e->path));
    lt_pos_put_u64(to, e->device);
    lt_pos_put_u64(to, e->inode);
    lt_pos_put_u64(to, (uint64_t)(is_current ? lt_feed_offset(&self->feed) : e->offset));
    lt_pos_put_u64(to, e->print);
    lt_pos_put_u64(to, e->print_len);
    lt_pos_put_u64(to, (uint64_t)(is_current ? -1 : e->read_size));
    lt_pos_put_u64(to, (uint64_t)e->read_mtime_ms);
    lt_pos_put_u64(to,
                   (uint64_t)(skipping ? 1 : 0) | (e->complete ? 2U : 0) | (e->rotated ? 4U : 0));
}

static lt_status damaged(const fs_source *self, lt_error *err)
{
    return lt_error_set(err, LT_ERR_STATE,
                        "the saved position of table " LT_STR_FMT
                        " is damaged or newer than this build",
                        LT_STR_ARG(self->base.ctx->table));
}

static lt_status get_entry(fs_source *self, lt_pos_reader *reader, entry *e, lt_error *err)
{
    memset(e, 0, sizeof *e);
    lt_str path = lt_pos_get_str(reader);
    e->device = lt_pos_get_u64(reader);
    e->inode = lt_pos_get_u64(reader);
    e->offset = (int64_t)lt_pos_get_u64(reader);
    e->print = lt_pos_get_u64(reader);
    uint64_t print_len = lt_pos_get_u64(reader);
    e->read_size = (int64_t)lt_pos_get_u64(reader);
    e->read_mtime_ms = (int64_t)lt_pos_get_u64(reader);
    uint64_t flags = lt_pos_get_u64(reader);
    if (reader->bad || e->offset < 0 || print_len > PRINT_BYTES || flags > 7 ||
        memchr(path.ptr, '\0', path.len) != NULL) {
        return damaged(self, err);
    }
    e->print_len = (uint32_t)print_len;
    e->skipping = (flags & 1) != 0;
    e->complete = (flags & 2) != 0;
    e->rotated = (flags & 4) != 0;
    return entry_set_path(self, e, path, err);
}

static lt_status fs_save(const lt_source *src, lt_text *to, lt_error *err)
{
    const fs_source *self = (const fs_source *)src;
    lt_pos_put_u64(to, POSITION_VERSION);
    lt_pos_put_u64(to, self->bounded ? 0 : 1);
    if (!self->bounded) {
        lt_pos_put_u64(to, self->entries.count);
        for (size_t i = 0; i < self->entries.count; i++) {
            put_entry(self, i, to);
        }
    } else if (self->current == NONE && self->next_entry < self->entries.count &&
               self->entries.items[self->next_entry].offset > 0) {
        put_entry(self, self->next_entry, to); /* loaded, not yet opened */
    } else if (self->next_entry > 0) {
        put_entry(self, self->next_entry - 1, to);
    } else {
        lt_pos_put_str(to, LT_STR(""));
    }
    return to->failed ? lt_error_nomem(err, "a position") : LT_OK;
}

static lt_status load_bounded(fs_source *self, lt_pos_reader *reader, lt_error *err)
{
    lt_pos_reader peek = *reader;
    if (lt_pos_get_str(&peek).len == 0 && !peek.bad) {
        return LT_OK; /* nothing had been read */
    }
    entry saved;
    LT_TRY(get_entry(self, reader, &saved, err));
    bool found = false;
    for (size_t i = 0; i < self->entries.count; i++) {
        entry *e = &self->entries.items[i];
        int order = strcmp(e->path, saved.path);
        e->complete = order < 0;
        if (order == 0) {
            found = true;
            e->complete = saved.complete;
            e->offset = saved.offset;
            e->skipping = saved.skipping;
            e->print = saved.print;
            e->print_len = saved.print_len;
            self->next_entry = i + (saved.complete ? 1 : 0);
        } else if (order < 0) {
            self->next_entry = i + 1;
        }
    }
    lt_status st = LT_OK;
    if (!found && !saved.complete) {
        st = lt_error_set(err, LT_ERR_STATE, "%s is gone; it had been read up to byte %lld",
                          saved.path, (long long)saved.offset);
    }
    entry_deinit(self, &saved);
    return st;
}

static lt_status load_followed(fs_source *self, lt_pos_reader *reader, lt_error *err)
{
    uint64_t count = lt_pos_get_u64(reader);
    for (uint64_t i = 0; i < count && !reader->bad; i++) {
        entry e;
        LT_TRY(get_entry(self, reader, &e, err));
        e.rotated = false; /* found again by its inode, or not */
        if (!lt_array_push(&self->entries, self->base.ctx->mem, e)) {
            entry_deinit(self, &e);
            return lt_error_nomem(err, "a list of files");
        }
    }
    return LT_OK;
}

static lt_status fs_load(lt_source *src, lt_str from, lt_error *err)
{
    fs_source *self = (fs_source *)src;
    lt_pos_reader reader = {.rest = from};
    uint64_t version = lt_pos_get_u64(&reader);
    uint64_t mode = lt_pos_get_u64(&reader);
    if (reader.bad || version != POSITION_VERSION || mode > 1) {
        return damaged(self, err);
    }
    if ((mode == 0) != self->bounded) {
        return lt_error_set(err, LT_ERR_STATE,
                            "table " LT_STR_FMT
                            " was read %s before; 'source.monitor-interval' was %s",
                            LT_STR_ARG(src->ctx->table), mode == 0 ? "once" : "for ever",
                            mode == 0 ? "added" : "removed");
    }
    LT_TRY(mode == 0 ? load_bounded(self, &reader, err) : load_followed(self, &reader, err));
    return reader.bad ? damaged(self, err) : LT_OK;
}

static void fs_describe(const lt_source *src, lt_text *to)
{
    const fs_source *self = (const fs_source *)src;
    if (self->current != NONE) {
        lt_text_printf(to, "%s at byte %lld", self->entries.items[self->current].path,
                       (long long)lt_feed_offset(&self->feed));
    } else if (self->bounded && self->next_entry < self->entries.count) {
        const entry *e = &self->entries.items[self->next_entry];
        lt_text_printf(to, "%s at byte %lld", e->path, (long long)e->offset);
    } else {
        lt_text_printf(to, "%zu file%s read, %s", self->entries.count,
                       self->entries.count == 1 ? "" : "s",
                       self->bounded ? "at the end" : "following");
    }
}

const lt_source_class lt_filesystem_source = {
    .self_size = sizeof(fs_source),
    .guarantee = LT_SOURCE_REPLAYABLE,
    .bounded = is_bounded,
    .open = fs_open,
    .poll = fs_poll,
    .save = fs_save,
    .load = fs_load,
    .describe = fs_describe,
    .close = fs_close,
};
