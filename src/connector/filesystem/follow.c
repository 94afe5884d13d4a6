/* The file source's entries: which files there are, who they are, and in unbounded mode what became
 * of them.
 *
 * In unbounded mode a scan of the path, one every interval, finds new files, growth, truncation
 * (the file starts anew) and rotation (another inode under the name: the old file is read to its
 * end first, by the handle kept open or by finding its inode beside the path). */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "connector/filesystem/source_int.h"

/* ---- entries ---- */

void lt_fs_close_handle(fs_source *self, fs_entry *e)
{
    if (e->handle != NULL) {
        lt_fs_handle_unref(e->handle);
        e->handle = NULL;
        self->handles--;
    }
}

lt_status lt_fs_open_handle(fs_source *self, fs_entry *e, const char *path, lt_error *err)
{
    const lt_table_ctx *ctx = self->base.ctx;
    fs_handle *handle = lt_mem_zalloc(ctx->mem, sizeof *handle);
    if (handle == NULL) {
        return lt_error_nomem(err, "an open file");
    }
    lt_status st = ctx->env->open(ctx->env, path, LT_OPEN_READ, &handle->file, err);
    if (st != LT_OK) {
        lt_mem_free(ctx->mem, handle, sizeof *handle);
        return st;
    }
    atomic_init(&handle->refs, 1);
    handle->mem = ctx->mem;
    handle->env = ctx->env;
    e->handle = handle;
    self->handles++;
    return LT_OK;
}

void lt_fs_entry_deinit(fs_source *self, fs_entry *e)
{
    lt_fs_close_handle(self, e);
    lt_mem_free(self->base.ctx->mem, e->path, e->path_size);
    e->path = NULL;
}

lt_status lt_fs_entry_set_path(fs_source *self, fs_entry *e, lt_str path, lt_error *err)
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

lt_status lt_fs_entry_add(fs_source *self, const lt_found *found, lt_error *err)
{
    fs_entry e = {.read_size = -1, .pending = true, .seen = true};
    e.device = found->stat.device;
    e.inode = found->stat.inode;
    e.is_pipe = found->stat.kind != LT_FILE_REGULAR;
    LT_TRY(lt_fs_entry_set_path(self, &e, lt_str_of(found->path), err));
    if (!lt_array_push(&self->entries, self->base.ctx->mem, e)) {
        lt_fs_entry_deinit(self, &e);
        return lt_error_nomem(err, "a list of files");
    }
    return LT_OK;
}

static int entry_cmp(const void *a, const void *b)
{
    const fs_entry *x = a;
    const fs_entry *y = b;
    int order = strcmp(x->path, y->path);
    return order != 0 ? order : (int)y->rotated - (int)x->rotated;
}

void lt_fs_entries_sort(fs_source *self)
{
    LT_ASSERT(self->current == LT_FS_NONE);
    if (self->entries.count > 1) {
        qsort(self->entries.items, self->entries.count, sizeof(fs_entry), entry_cmp);
    }
}

/* ---- who a file is ---- */

static lt_status hash_start(fs_source *self, lt_file *file, uint32_t len, uint64_t *out,
                            uint32_t *got_len, lt_error *err)
{
    char bytes[LT_FS_PRINT_BYTES];
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
lt_status lt_fs_identify(fs_source *self, fs_entry *e, bool *changed, lt_error *err)
{
    *changed = false;
    uint64_t print;
    uint32_t got;
    if (e->print_len > 0) {
        LT_TRY(hash_start(self, e->handle->file, e->print_len, &print, &got, err));
        *changed = got < e->print_len || print != e->print;
    }
    if (lt_pack_of(lt_str_of(e->path)) == LT_PACK_NONE && self->stat.size < e->offset) {
        *changed = true;
    }
    if (*changed || e->print_len < LT_FS_PRINT_BYTES) {
        LT_TRY(hash_start(self, e->handle->file, LT_FS_PRINT_BYTES, &print, &got, err));
        e->print = print;
        e->print_len = got;
    }
    return LT_OK;
}

/* ---- unbounded: the scan ---- */

static bool same_file(const fs_entry *e, const lt_stat *stat)
{
    return e->device == stat->device && e->inode == stat->inode;
}

static void look_at(fs_source *self, fs_entry *e, const lt_found *found)
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
            fs_entry *e = &self->entries.items[k];
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
        fs_entry *moved = NULL;
        for (size_t k = 0; found->path != NULL && k < unseen.count && moved == NULL; k++) {
            fs_entry *e = &self->entries.items[unseen.items[k]];
            moved = !e->seen && same_file(e, &found->stat) ? e : NULL;
        }
        if (moved != NULL) {
            lt_fs_note_event(self, "rotation: %s is now %s", moved->path, found->path);
            moved->rotated = false;
            st = lt_fs_entry_set_path(self, moved, lt_str_of(found->path), err);
            look_at(self, moved, found);
        } else if (found->path != NULL) {
            st = lt_fs_entry_add(self, found, err);
        }
    }
    lt_array_deinit(&unseen, self->base.ctx->mem);
    return st;
}

typedef struct {
    fs_source *self;
    const fs_entry *e;
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
static bool is_still(fs_source *self, fs_entry *e)
{
    uint64_t print;
    uint32_t got;
    lt_error ignored;
    return hash_start(self, e->handle->file, e->print_len, &print, &got, &ignored) == LT_OK &&
           got == e->print_len && print == e->print;
}

lt_status lt_fs_reopen_by_inode(fs_source *self, fs_entry *e, lt_error *err)
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
        st = lt_fs_open_handle(self, e, search.path.ptr, &ignored);
    }
    if (e->handle != NULL && !is_still(self, e)) {
        lt_fs_close_handle(self, e);
    }
    lt_text_deinit(&dir);
    lt_text_deinit(&search.path);
    return st == LT_ERR_NOMEM ? lt_error_nomem(err, "a path") : LT_OK;
}

static void note_removal(fs_source *self, const fs_entry *e)
{
    lt_fs_note_event(self, "removal: %s is gone; %lld bytes of it had been read", e->path,
                     (long long)e->offset);
}

/* A file that has lost its name: read on by its handle, one more round after it fell silent; then
 * forget it. */
static lt_status keep_nameless(fs_source *self, fs_entry *e, bool *keep, lt_error *err)
{
    lt_stat stat;
    lt_error ignored;
    *keep = false;
    if (e->complete) {
        return LT_OK;
    }
    if (e->handle == NULL && !e->rotated) {
        LT_TRY(lt_fs_reopen_by_inode(self, e, err));
    }
    if (e->handle == NULL ||
        self->base.ctx->env->fstat(e->handle->file, &stat, &ignored) != LT_OK) {
        note_removal(self, e);
        return LT_OK;
    }
    if (!e->rotated) {
        e->rotated = true;
        lt_fs_note_event(
            self, "rotation: %s was replaced or removed; the rest of the old file comes first",
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
            lt_fs_note_event(self, "unavailable: %s", cause.text);
        }
        self->scan_failing = true;
        return LT_OK; /* tried again after the interval: a rename may leave the name free for a
                         moment */
    }
    self->scan_failing = false;
    lt_fs_entries_sort(self);
    for (size_t i = 0; i < self->entries.count; i++) {
        self->entries.items[i].seen = false;
    }
    LT_TRY(match_found(self, err));
    size_t kept = 0;
    lt_status kept_st = LT_OK;
    for (size_t i = 0; i < self->entries.count; i++) {
        fs_entry *e = &self->entries.items[i];
        bool keep = e->seen || kept_st != LT_OK;
        if (!keep) {
            kept_st = keep_nameless(self, e, &keep, err);
            keep = keep || kept_st != LT_OK;
        }
        if (keep) {
            self->entries.items[kept++] = *e;
        } else {
            lt_fs_entry_deinit(self, e);
        }
    }
    self->entries.count = kept;
    lt_fs_entries_sort(self);
    return kept_st;
}

/* The new file under a rotated file's name waits for the old one. */
static bool is_blocked(const fs_source *self, size_t index)
{
    const fs_entry *e = &self->entries.items[index];
    if (e->rotated || index == 0) {
        return false;
    }
    const fs_entry *before = &self->entries.items[index - 1];
    return before->rotated && !before->complete && strcmp(before->path, e->path) == 0;
}

lt_status lt_fs_next_followed(fs_source *self, size_t *index, lt_wait *wait, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < self->entries.count; i++) {
            const fs_entry *e = &self->entries.items[i];
            if (e->pending && !e->complete && !is_blocked(self, i)) {
                *index = i;
                return LT_OK;
            }
        }
        if (round == 0 && env->mono_ns(env) >= self->next_scan_ns) {
            LT_TRY(scan(self, err));
        }
    }
    *wait = (lt_wait){.wake_mono_ns = self->next_scan_ns};
    return LT_AGAIN;
}
