/* The simulated environment: env.h's table over a sim_disk, a virtual clock and seeded generators.
 *
 * Three generators, so that one kind of use does not shift another: what the product draws, which
 * calls fail, and what a crash keeps. Time moves only by lt_sim_advance_us and wait().
 * Single-threaded, except wake().
 *
 * The chance of faults applies to files; the standard streams fail only through lt_sim_fail_nth. A
 * failed sync makes the handle fail for good, while the file's later syncs report success and keep
 * nothing, as the page cache does. A failed rename has either not happened or happened without its
 * sync. */
#include "os/env_sim.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/assert.h"
#include "os/os_error.h"
#include "os/sim_disk.h"

#define MONO_START_NS INT64_C(1000000000)
#define STREAM_COUNT  3

enum { FAULT_READ, FAULT_WRITE, FAULT_SYNC, FAULT_RENAME, FAULT_KINDS };

typedef struct {
    lt_env base;
    lt_sim_options options;
    sim_disk disk;
    int64_t wall_us;
    int64_t mono_ns;
    uint64_t random_product;
    uint64_t random_faults;
    int64_t fail_in[FAULT_KINDS]; /* calls until the one that fails; 0 = none */
    uint64_t boot;                /* crashes so far */
    atomic_bool woken;
    lt_text streams[STREAM_COUNT];
    size_t stdin_read; /* bytes of streams[0] that were delivered */
} sim_env;

typedef struct {
    sim_env *env;
    sim_node *node; /* NULL for a standard stream */
    sim_node *dir;  /* where the name may not be durable yet; NULL when it is */
    int stream;
    lt_open_mode mode;
    uint64_t boot; /* of its opening; a handle does not survive a crash */
    size_t at;
    bool sync_failed;
    size_t size; /* of this block */
    char path[];
} sim_file;

/* ---- Faults ---- */

static bool chance(sim_env *self, uint32_t per_mille)
{
    return per_mille > 0 && sim_random(&self->random_faults) % 1000 < per_mille;
}

static bool nth_fails(sim_env *self, int kind)
{
    return self->fail_in[kind] > 0 && --self->fail_in[kind] == 0;
}

/* Whether this call on a handle fails. */
static bool fault(sim_file *file, int kind)
{
    const lt_sim_options *options = &file->env->options;
    uint32_t per_mille = kind == FAULT_READ    ? options->fail_read_per_mille
                         : kind == FAULT_WRITE ? options->fail_write_per_mille
                                               : options->fail_sync_per_mille;
    bool planned = nth_fails(file->env, kind);
    return planned || (file->node && chance(file->env, per_mille));
}

static lt_status check_alive(const sim_file *file, const char *verb, lt_error *err)
{
    return file->boot == file->env->boot ? LT_OK : lt_os_error(err, EBADF, verb, file->path);
}

/* ---- Clocks ---- */

static int64_t sim_wall_us(lt_env *env)
{
    return ((sim_env *)env)->wall_us;
}

static int64_t sim_mono_ns(lt_env *env)
{
    return ((sim_env *)env)->mono_ns;
}

static uint64_t sim_random_u64(lt_env *env)
{
    return sim_random(&((sim_env *)env)->random_product);
}

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0 ? 1 : 0);
}

static void advance_ns(sim_env *self, int64_t ns)
{
    LT_ASSERT(ns >= 0);
    int64_t before_us = self->mono_ns / 1000;
    self->mono_ns += ns;
    self->wall_us += self->mono_ns / 1000 - before_us;
    self->disk.now_ms = floor_div(self->wall_us, 1000);
}

static void sim_wait(lt_env *env, int64_t deadline_mono_ns, lt_file *const *files, size_t count)
{
    sim_env *self = (sim_env *)env;
    bool ready = atomic_exchange(&self->woken, false);
    for (size_t i = 0; i < count; i++) {
        const sim_file *file = (const sim_file *)files[i];
        ready = ready || !file->node;
    }
    /* Nothing else happens in this world: without a deadline there is nothing to wait for. */
    if (!ready && deadline_mono_ns > self->mono_ns && deadline_mono_ns < INT64_MAX) {
        advance_ns(self, deadline_mono_ns - self->mono_ns);
    }
}

static void sim_wake(lt_env *env)
{
    atomic_store(&((sim_env *)env)->woken, true);
}

/* ---- Handles ---- */

static lt_status new_file(sim_env *self, const char *path, sim_file **out, lt_error *err)
{
    size_t len = strlen(path);
    size_t size = sizeof(sim_file) + len + 1;
    sim_file *file = lt_mem_zalloc(self->base.mem, size);
    if (!file) {
        return lt_error_nomem(err, "file handle");
    }
    file->env = self;
    file->boot = self->boot;
    file->size = size;
    memcpy(file->path, path, len + 1);
    *out = file;
    return LT_OK;
}

static void sim_close(lt_file *handle)
{
    sim_file *file = (sim_file *)handle;
    if (file) {
        sim_node_unref(&file->env->disk, file->node);
        sim_node_unref(&file->env->disk, file->dir);
        lt_mem_free(file->env->base.mem, file, file->size);
    }
}

/* Finds, creates or empties the node that a mode asks for. */
static int open_node(sim_disk *disk, sim_place *place, lt_open_mode mode)
{
    if (place->node && place->node->kind == LT_FILE_DIR) {
        return mode == LT_OPEN_EXCL ? EEXIST : EISDIR;
    }
    if (!place->node) {
        return mode == LT_OPEN_READ ? ENOENT
                                    : sim_disk_create(disk, place, LT_FILE_REGULAR, &place->node);
    }
    if (mode == LT_OPEN_EXCL) {
        return EEXIST;
    }
    return mode == LT_OPEN_CREATE ? sim_node_truncate(disk, place->node, 0) : 0;
}

static lt_status sim_open(lt_env *env, const char *path, lt_open_mode mode, lt_file **out,
                          lt_error *err)
{
    sim_env *self = (sim_env *)env;
    sim_file *file = NULL;
    sim_place place;
    *out = NULL;
    LT_TRY(new_file(self, path, &file, err));
    int code = sim_disk_find(&self->disk, path, &place);
    if (code == 0) {
        code = open_node(&self->disk, &place, mode);
    }
    if (code != 0) {
        sim_close((lt_file *)file);
        return lt_os_error(err, code, "open", path);
    }
    file->mode = mode;
    file->node = place.node;
    sim_node_ref(file->node);
    if (mode != LT_OPEN_READ) {
        file->dir = place.dir;
        sim_node_ref(file->dir);
    }
    *out = (lt_file *)file;
    return LT_OK;
}

static lt_status sim_file_std(lt_env *env, int number, lt_file **out, lt_error *err)
{
    static const char *const names[] = {"standard input", "standard output", "standard error"};
    sim_file *file = NULL;
    LT_ASSERT(number >= LT_STDIN && number <= LT_STDERR);
    *out = NULL;
    LT_TRY(new_file((sim_env *)env, names[number], &file, err));
    file->stream = number;
    file->mode = number == LT_STDIN ? LT_OPEN_READ : LT_OPEN_APPEND;
    *out = (lt_file *)file;
    return LT_OK;
}

/* ---- Reading and writing ---- */

static size_t read_stdin(sim_env *self, void *to, size_t size)
{
    const lt_text *content = &self->streams[LT_STDIN];
    size_t count = LT_MIN(size, content->len - self->stdin_read);
    if (count > 0) {
        memcpy(to, content->ptr + self->stdin_read, count);
    }
    self->stdin_read += count;
    return count;
}

static lt_status sim_unread(lt_file *handle, const void *bytes, size_t size, lt_error *err)
{
    const sim_file *file = (const sim_file *)handle;
    sim_env *self = file->env;
    LT_ASSERT(!file->node && file->stream == LT_STDIN);
    lt_text all;
    lt_text_init(&all, self->base.mem);
    lt_text_append(&all, bytes, size);
    lt_str rest = lt_text_str(&self->streams[LT_STDIN]);
    lt_text_append(&all, rest.ptr + self->stdin_read, rest.len - self->stdin_read);
    if (all.failed) {
        lt_text_deinit(&all);
        return lt_error_nomem(err, "simulated input");
    }
    lt_text_deinit(&self->streams[LT_STDIN]);
    self->streams[LT_STDIN] = all;
    self->stdin_read = 0;
    return LT_OK;
}

static size_t read_node(const sim_node *node, void *to, size_t size, size_t offset)
{
    size_t count = offset < node->size ? LT_MIN(size, node->size - offset) : 0;
    if (count > 0) {
        memcpy(to, node->bytes + offset, count);
    }
    return count;
}

static lt_status check_readable(sim_file *file, lt_error *err)
{
    LT_TRY(check_alive(file, "read", err));
    if (file->mode == LT_OPEN_APPEND) {
        return lt_os_error(err, EBADF, "read", file->path);
    }
    return fault(file, FAULT_READ) ? lt_os_error(err, EIO, "read", file->path) : LT_OK;
}

static lt_status sim_read(lt_file *handle, void *to, size_t size, size_t *got, lt_error *err)
{
    sim_file *file = (sim_file *)handle;
    sim_env *self = file->env;
    *got = 0;
    LT_TRY(check_readable(file, err));
    if (size > 1 && chance(self, self->options.short_read_per_mille)) {
        size = 1 + (size_t)(sim_random(&self->random_faults) % (size - 1));
    }
    if (!file->node) {
        if (self->streams[LT_STDIN].failed) {
            return lt_error_nomem(err, "simulated input");
        }
        *got = read_stdin(self, to, size);
        return LT_OK;
    }
    *got = read_node(file->node, to, size, file->at);
    file->at += *got;
    return LT_OK;
}

static lt_status sim_pread(lt_file *handle, void *to, size_t size, int64_t offset, size_t *got,
                           lt_error *err)
{
    sim_file *file = (sim_file *)handle;
    *got = 0;
    LT_TRY(check_readable(file, err));
    if (!file->node || offset < 0) {
        return lt_os_error(err, file->node ? EINVAL : ESPIPE, "read", file->path);
    }
    *got = read_node(file->node, to, size, (size_t)offset);
    return LT_OK;
}

static lt_status sim_seek(lt_file *handle, int64_t offset, lt_error *err)
{
    sim_file *file = (sim_file *)handle;
    LT_TRY(check_alive(file, "seek in", err));
    if (!file->node || offset < 0) {
        return lt_os_error(err, file->node ? EINVAL : ESPIPE, "seek in", file->path);
    }
    file->at = (size_t)offset;
    return LT_OK;
}

static lt_status write_stream(sim_file *file, const void *from, size_t size, lt_error *err)
{
    lt_text *to = &file->env->streams[file->stream];
    lt_text_append(to, from, size);
    return to->failed ? lt_error_nomem(err, "captured output") : LT_OK;
}

static lt_status sim_write(lt_file *handle, const void *from, size_t size, lt_error *err)
{
    sim_file *file = (sim_file *)handle;
    size_t wrote = 0;
    LT_TRY(check_alive(file, "write", err));
    if (file->mode == LT_OPEN_READ) {
        return lt_os_error(err, EBADF, "write", file->path);
    }
    bool fails = fault(file, FAULT_WRITE);
    if (!file->node) {
        return fails ? lt_os_error(err, EIO, "write", file->path)
                     : write_stream(file, from, size, err);
    }
    if (fails) {
        /* A failed write may have done a part of its work. */
        size = (size_t)(sim_random(&file->env->random_faults) % (size + 1));
    }
    size_t at = file->mode == LT_OPEN_APPEND ? file->node->size : file->at;
    int code = sim_node_write(&file->env->disk, file->node, from, size, at, &wrote);
    file->at = at + wrote;
    if (code != 0 || fails) {
        return lt_os_error(err, fails ? EIO : code, "write", file->path);
    }
    return LT_OK;
}

static lt_status sim_truncate(lt_file *handle, int64_t size, lt_error *err)
{
    sim_file *file = (sim_file *)handle;
    LT_TRY(check_alive(file, "truncate", err));
    int code = !file->node || size < 0 || file->mode == LT_OPEN_READ
                   ? EINVAL
                   : sim_node_truncate(&file->env->disk, file->node, (size_t)size);
    return code == 0 ? LT_OK : lt_os_error(err, code, "truncate", file->path);
}

static lt_status sim_sync(lt_file *handle, lt_error *err)
{
    sim_file *file = (sim_file *)handle;
    LT_TRY(check_alive(file, "sync", err));
    if (!file->node) {
        return LT_OK;
    }
    if (file->sync_failed || fault(file, FAULT_SYNC)) {
        file->sync_failed = true;
        file->node->sync_lost = true;
        return lt_os_error(err, EIO, "sync", file->path);
    }
    sim_node_sync(file->node);
    if (file->dir) {
        sim_disk_sync_dir(&file->env->disk, file->dir);
        sim_node_unref(&file->env->disk, file->dir);
        file->dir = NULL;
    }
    return LT_OK;
}

/* ---- Names ---- */

static void fill_stat(const sim_node *node, lt_stat *out)
{
    *out = (lt_stat){.kind = node->kind,
                     .device = 1,
                     .inode = node->inode,
                     .size = (int64_t)node->size,
                     .mtime_ms = node->mtime_ms};
}

static lt_status sim_fstat(lt_file *handle, lt_stat *out, lt_error *err)
{
    sim_file *file = (sim_file *)handle;
    LT_TRY(check_alive(file, "examine", err));
    if (file->node) {
        fill_stat(file->node, out);
    } else {
        *out = (lt_stat){.kind = LT_FILE_PIPE, .mtime_ms = file->env->disk.now_ms};
    }
    return LT_OK;
}

static bool sim_is_terminal(lt_file *file, int *columns, int *lines)
{
    (void)file;
    (void)columns;
    (void)lines;
    return false;
}

static lt_status sim_stat(lt_env *env, const char *path, lt_stat *out, lt_error *err)
{
    sim_place place;
    int code = sim_disk_find(&((sim_env *)env)->disk, path, &place);
    if (code == 0 && !place.node) {
        code = ENOENT;
    }
    if (code != 0) {
        return lt_os_error(err, code, "examine", path);
    }
    fill_stat(place.node, out);
    return LT_OK;
}

static lt_status list_entries(const sim_node *dir,
                              lt_status (*fn)(void *arg, const lt_dirent *entry), void *arg)
{
    void *value;
    for (size_t i = 0; lt_map_at(dir->entries, i, NULL, &value); i++) {
        const sim_entry *entry = value;
        if (entry->live) {
            lt_dirent item = {.kind = entry->live->kind};
            memcpy(item.name, entry->name, entry->name_len + 1);
            LT_TRY(fn(arg, &item));
        }
    }
    return LT_OK;
}

static lt_status sim_list(lt_env *env, const char *path,
                          lt_status (*fn)(void *arg, const lt_dirent *entry), void *arg,
                          lt_error *err)
{
    sim_env *self = (sim_env *)env;
    sim_place place;
    int code = sim_disk_find(&self->disk, path, &place);
    if (code == 0) {
        code = !place.node ? ENOENT : place.node->kind != LT_FILE_DIR ? ENOTDIR : 0;
    }
    if (code != 0) {
        return lt_os_error(err, code, "list", path);
    }
    sim_node_ref(place.node); /* fn may remove it */
    lt_status st = list_entries(place.node, fn, arg);
    sim_node_unref(&self->disk, place.node);
    return st;
}

static lt_status sim_rename(lt_env *env, const char *from_path, const char *to_path, lt_error *err)
{
    sim_env *self = (sim_env *)env;
    sim_place from;
    sim_place to;
    int code = sim_disk_find(&self->disk, from_path, &from);
    if (code != 0 || !from.node) {
        return lt_os_error(err, code != 0 ? code : ENOENT, "rename", from_path);
    }
    code = sim_disk_find(&self->disk, to_path, &to);
    bool planned = code == 0 && nth_fails(self, FAULT_RENAME);
    if (planned && (sim_random(&self->random_faults) & 1) != 0) {
        code = EIO;
    }
    if (code == 0) {
        code = sim_disk_rename(&self->disk, &from, &to);
    }
    if (code != 0) {
        return lt_os_error(err, code, "rename to", to_path);
    }
    if (planned || chance(self, self->options.fail_sync_per_mille)) {
        return lt_os_error(err, EIO, "sync the directory of", to_path);
    }
    sim_disk_sync_dir(&self->disk, to.dir);
    sim_disk_sync_dir(&self->disk, from.dir);
    return LT_OK;
}

static lt_status sim_unlink(lt_env *env, const char *path, lt_error *err)
{
    sim_env *self = (sim_env *)env;
    sim_place place;
    int code = sim_disk_find(&self->disk, path, &place);
    if (code == 0) {
        code = sim_disk_unlink(&self->disk, &place);
    }
    return code == 0 ? LT_OK : lt_os_error(err, code, "remove", path);
}

/* Makes the directory of path[0..len); fine when it is there. The path is cut for the call. */
static int make_dir(sim_disk *disk, char *path, size_t len)
{
    sim_place place;
    char after = path[len];
    path[len] = '\0';
    int code = sim_disk_find(disk, path, &place);
    path[len] = after;
    if (code != 0 || place.node) {
        return code != 0 ? code : place.node->kind == LT_FILE_DIR ? 0 : ENOTDIR;
    }
    code = sim_disk_create(disk, &place, LT_FILE_DIR, &place.node);
    if (code == 0) {
        sim_disk_sync_dir(disk, place.dir);
    }
    return code;
}

static int make_dirs(sim_disk *disk, char *path, size_t len)
{
    for (size_t at = 1; at < len; at++) {
        if (path[at] == '/' && path[at - 1] != '/') {
            int code = make_dir(disk, path, at);
            if (code != 0) {
                return code;
            }
        }
    }
    return make_dir(disk, path, len);
}

static lt_status sim_mkdirs(lt_env *env, const char *path, lt_error *err)
{
    sim_env *self = (sim_env *)env;
    size_t len = strlen(path);
    char *copy = lt_mem_alloc(env->mem, len + 1);
    if (!copy) {
        return lt_error_nomem(err, "directory name");
    }
    memcpy(copy, path, len + 1);
    int code = make_dirs(&self->disk, copy, len);
    lt_mem_free(env->mem, copy, len + 1);
    return code == 0 ? LT_OK : lt_os_error(err, code, "create the directory", path);
}

/* The host's variables would make a run depend on more than its seed. */
static const char *sim_getenv(lt_env *env, const char *name)
{
    (void)env;
    (void)name;
    return NULL;
}

/* ---- For tests ---- */

void lt_sim_advance_us(lt_env *env, int64_t us)
{
    advance_ns((sim_env *)env, us * 1000);
}

void lt_sim_crash(lt_env *env)
{
    sim_env *self = (sim_env *)env;
    self->boot++;
    memset(self->fail_in, 0, sizeof self->fail_in);
    atomic_store(&self->woken, false);
    sim_disk_crash(&self->disk);
}

void lt_sim_fail_nth(lt_env *env, char kind, int64_t nth)
{
    static const char kinds[FAULT_KINDS] = {'r', 'w', 's', 'm'};
    const char *at = memchr(kinds, kind, sizeof kinds);
    LT_ASSERT(at != NULL);
    LT_ASSERT(nth >= 0);
    ((sim_env *)env)->fail_in[at - kinds] = nth;
}

/* Makes the directories above the last component. */
static lt_status put_parents(lt_env *env, const char *path, lt_error *err)
{
    size_t len = strlen(path);
    while (len > 0 && path[len - 1] != '/') {
        len--;
    }
    if (len <= 1) {
        return LT_OK;
    }
    lt_text dir;
    lt_text_init(&dir, env->mem);
    lt_text_append(&dir, path, len);
    lt_status st =
        dir.failed ? lt_error_nomem(err, "directory name") : sim_mkdirs(env, dir.ptr, err);
    lt_text_deinit(&dir);
    return st;
}

lt_status lt_sim_put(lt_env *env, const char *path, const void *bytes, size_t size, lt_error *err)
{
    sim_env *self = (sim_env *)env;
    sim_place place;
    size_t wrote = 0;
    LT_TRY(put_parents(env, path, err));
    int code = sim_disk_find(&self->disk, path, &place);
    if (code == 0) {
        code = open_node(&self->disk, &place, LT_OPEN_CREATE);
    }
    if (code == 0) {
        code = sim_node_write(&self->disk, place.node, bytes, size, 0, &wrote);
    }
    if (code != 0) {
        return lt_os_error(err, code, "put", path);
    }
    sim_node_sync(place.node);
    sim_disk_sync_dir(&self->disk, place.dir);
    return LT_OK;
}

const char *lt_sim_get(lt_env *env, const char *path, size_t *size)
{
    sim_place place;
    *size = 0;
    if (sim_disk_find(&((sim_env *)env)->disk, path, &place) != 0 || !place.node ||
        place.node->kind != LT_FILE_REGULAR) {
        return NULL;
    }
    *size = place.node->size;
    return place.node->bytes ? place.node->bytes : "";
}

lt_str lt_sim_std(lt_env *env, int number)
{
    const sim_env *self = (const sim_env *)env;
    LT_ASSERT(number >= LT_STDIN && number <= LT_STDERR);
    lt_str all = lt_text_str(&self->streams[number]);
    if (number == LT_STDIN) {
        all.ptr += self->stdin_read;
        all.len -= self->stdin_read;
    }
    return all;
}

void lt_sim_set_stdin(lt_env *env, const void *bytes, size_t size)
{
    sim_env *self = (sim_env *)env;
    lt_text *content = &self->streams[LT_STDIN];
    lt_text_clear(content);
    lt_text_append(content, bytes, size);
    self->stdin_read = 0; /* out of memory shows when it is read */
}

/* ---- Life ---- */

lt_env *lt_env_sim_new(lt_mem *mem, const lt_sim_options *options)
{
    static const lt_env table = {
        .name = "sim",
        .wall_us = sim_wall_us,
        .mono_ns = sim_mono_ns,
        .random_u64 = sim_random_u64,
        .wait = sim_wait,
        .wake = sim_wake,
        .open = sim_open,
        .file_std = sim_file_std,
        .read = sim_read,
        .unread = sim_unread,
        .pread = sim_pread,
        .seek = sim_seek,
        .write = sim_write,
        .truncate = sim_truncate,
        .sync = sim_sync,
        .fstat = sim_fstat,
        .close = sim_close,
        .is_terminal = sim_is_terminal,
        .stat = sim_stat,
        .list = sim_list,
        .rename = sim_rename,
        .unlink = sim_unlink,
        .mkdirs = sim_mkdirs,
        .getenv = sim_getenv,
    };
    sim_env *self = lt_mem_zalloc(mem, sizeof *self);
    if (!self) {
        return NULL;
    }
    if (sim_disk_init(&self->disk, mem) != 0) {
        lt_mem_free(mem, self, sizeof *self);
        return NULL;
    }
    self->base = table;
    self->base.mem = mem;
    self->options = *options;
    self->wall_us = options->start_wall_us;
    self->mono_ns = MONO_START_NS;
    uint64_t seed = options->seed;
    self->random_product = sim_random(&seed);
    self->random_faults = sim_random(&seed);
    self->disk.random = sim_random(&seed);
    self->disk.bytes_max = options->disk_bytes_max;
    self->disk.now_ms = floor_div(options->start_wall_us, 1000);
    atomic_init(&self->woken, false);
    for (int i = 0; i < STREAM_COUNT; i++) {
        lt_text_init(&self->streams[i], mem);
    }
    return &self->base;
}

void lt_env_sim_free(lt_env *env)
{
    sim_env *self = (sim_env *)env;
    if (!self) {
        return;
    }
    for (int i = 0; i < STREAM_COUNT; i++) {
        lt_text_deinit(&self->streams[i]);
    }
    sim_disk_deinit(&self->disk);
    lt_mem_free(env->mem, self, sizeof *self);
}
