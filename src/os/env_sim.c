/* The simulated environment: env.h's table over a sim_disk, a virtual clock and seeded generators.
 * Faults, clocks and what tests call are in env_sim_fault.c. Single-threaded, except wake() and the
 * signals of wakers.
 *
 * Every operation on the disk begins with sim_io_begin and ends with sim_io_end: between them it
 * may be the one at which the power goes.
 *
 * The chance of faults applies to files; the standard streams fail only through lt_sim_fail_nth. A
 * failed sync makes the handle fail for good, while the file's later syncs report success and do
 * not keep what that one should have kept, as the page cache does. A failed rename has either not
 * happened or happened without its sync. */
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "os/env_sim_int.h"
#include "os/os_error.h"

typedef struct {
    lt_mem *mem;
    atomic_bool signalled;
} sim_waker;

/* ---- Handles ---- */

static lt_status check_alive(const sim_file *file, const char *verb, lt_error *err)
{
    LT_TRY(sim_check_power(file->env, err));
    return file->boot == file->env->boot ? LT_OK : lt_os_error(err, EBADF, verb, file->path);
}

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
        if (file->locks && file->boot == file->env->boot) {
            file->node->locked = false;
        }
        sim_node_unref(&file->env->disk, file->node);
        sim_node_unref(&file->env->disk, file->dir);
        lt_mem_free(file->env->base.mem, file, file->size);
    }
}

int sim_open_node(sim_disk *disk, sim_place *place, lt_open_mode mode)
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

static lt_status open_file(sim_file *file, lt_open_mode mode, lt_error *err)
{
    sim_env *self = file->env;
    sim_place place;
    bool writes = mode != LT_OPEN_READ;
    LT_TRY(writes ? sim_io_begin(self, err) : sim_check_power(self, err));
    int code = sim_disk_find(&self->disk, file->path, &place);
    if (code == 0) {
        code = sim_open_node(&self->disk, &place, mode);
    }
    if (code != 0) {
        return sim_io_end(self, lt_os_error(err, code, "open", file->path), err);
    }
    file->mode = mode;
    file->node = place.node;
    sim_node_ref(file->node);
    if (writes) {
        file->dir = place.dir;
        sim_node_ref(file->dir);
    }
    return sim_io_end(self, LT_OK, err);
}

static lt_status sim_open(lt_env *env, const char *path, lt_open_mode mode, lt_file **out,
                          lt_error *err)
{
    sim_file *file = NULL;
    *out = NULL;
    LT_TRY(new_file((sim_env *)env, path, &file, err));
    lt_status st = open_file(file, mode, err);
    if (st != LT_OK) {
        sim_close((lt_file *)file);
        return st;
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
    LT_TRY(sim_check_power((sim_env *)env, err));
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
    if (file->node) {
        LT_TRY(sim_io_end(file->env, sim_io_begin(file->env, err), err));
    }
    return sim_fault(file, FAULT_READ) ? lt_os_error(err, EIO, "read", file->path) : LT_OK;
}

static lt_status sim_read(lt_file *handle, void *to, size_t size, size_t *got, lt_error *err)
{
    sim_file *file = (sim_file *)handle;
    sim_env *self = file->env;
    *got = 0;
    LT_TRY(check_readable(file, err));
    if (size > 1 && sim_chance(self, self->options.short_read_per_mille)) {
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

static lt_status write_file(sim_file *file, const void *from, size_t size, lt_error *err)
{
    sim_env *self = file->env;
    size_t wrote = 0;
    lt_status st = sim_io_begin(self, err);
    bool fails = st == LT_OK && sim_fault(file, FAULT_WRITE);
    if (st != LT_OK || fails) {
        /* A write that failed, or that the power cut short, may have done a part of its work. */
        size = (size_t)(sim_random(&self->random_faults) % (size + 1));
    }
    size_t at = file->mode == LT_OPEN_APPEND ? file->node->size : file->at;
    int code = sim_node_write(&self->disk, file->node, from, size, at, &wrote);
    file->at = at + wrote;
    if (st == LT_OK && (code != 0 || fails)) {
        st = lt_os_error(err, fails ? EIO : code, "write", file->path);
    }
    return sim_io_end(self, st, err);
}

static lt_status sim_write(lt_file *handle, const void *from, size_t size, lt_error *err)
{
    sim_file *file = (sim_file *)handle;
    LT_TRY(check_alive(file, "write", err));
    if (file->mode == LT_OPEN_READ) {
        return lt_os_error(err, EBADF, "write", file->path);
    }
    if (file->node) {
        return write_file(file, from, size, err);
    }
    return sim_fault(file, FAULT_WRITE) ? lt_os_error(err, EIO, "write", file->path)
                                        : write_stream(file, from, size, err);
}

static lt_status sim_truncate(lt_file *handle, int64_t size, lt_error *err)
{
    sim_file *file = (sim_file *)handle;
    LT_TRY(check_alive(file, "truncate", err));
    if (!file->node || size < 0 || file->mode == LT_OPEN_READ) {
        return lt_os_error(err, EINVAL, "truncate", file->path);
    }
    LT_TRY(sim_io_begin(file->env, err));
    int code = sim_node_truncate(&file->env->disk, file->node, (size_t)size);
    lt_status st = code == 0 ? LT_OK : lt_os_error(err, code, "truncate", file->path);
    return sim_io_end(file->env, st, err);
}

static lt_status sync_file(sim_file *file, lt_error *err)
{
    if (file->sync_failed || sim_fault(file, FAULT_SYNC)) {
        if (!file->sync_failed) {
            sim_node_sync_fails(&file->env->disk, file->node);
        }
        file->sync_failed = true;
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

static lt_status sim_sync(lt_file *handle, lt_error *err)
{
    sim_file *file = (sim_file *)handle;
    LT_TRY(check_alive(file, "sync", err));
    if (!file->node) {
        return LT_OK;
    }
    LT_TRY(sim_io_begin(file->env, err));
    return sim_io_end(file->env, sync_file(file, err), err);
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
    sim_env *self = (sim_env *)env;
    sim_place place;
    LT_TRY(sim_check_power(self, err));
    int code = sim_disk_find(&self->disk, path, &place);
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
    LT_TRY(sim_check_power(self, err));
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

static lt_status rename_file(sim_env *self, const char *from_path, const char *to_path,
                             lt_error *err)
{
    sim_place from;
    sim_place to;
    int code = sim_disk_find(&self->disk, from_path, &from);
    if (code != 0 || !from.node) {
        return lt_os_error(err, code != 0 ? code : ENOENT, "rename", from_path);
    }
    code = sim_disk_find(&self->disk, to_path, &to);
    bool planned = code == 0 && sim_nth_fails(self, FAULT_RENAME);
    if (planned && (sim_random(&self->random_faults) & 1) != 0) {
        code = EIO;
    }
    if (code == 0) {
        code = sim_disk_rename(&self->disk, &from, &to);
    }
    if (code != 0) {
        return lt_os_error(err, code, "rename to", to_path);
    }
    if (planned || sim_chance(self, self->options.fail_sync_per_mille)) {
        return lt_os_error(err, EIO, "sync the directory of", to_path);
    }
    sim_disk_sync_dir(&self->disk, to.dir);
    sim_disk_sync_dir(&self->disk, from.dir);
    return LT_OK;
}

static lt_status sim_rename(lt_env *env, const char *from, const char *to, lt_error *err)
{
    sim_env *self = (sim_env *)env;
    LT_TRY(sim_io_begin(self, err));
    return sim_io_end(self, rename_file(self, from, to, err), err);
}

static lt_status sim_unlink(lt_env *env, const char *path, lt_error *err)
{
    sim_env *self = (sim_env *)env;
    sim_place place;
    LT_TRY(sim_io_begin(self, err));
    int code = sim_disk_find(&self->disk, path, &place);
    if (code == 0) {
        code = sim_disk_unlink(&self->disk, &place);
    }
    lt_status st = code == 0 ? LT_OK : lt_os_error(err, code, "remove", path);
    return sim_io_end(self, st, err);
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

lt_status sim_make_dirs(sim_env *self, const char *path, lt_error *err)
{
    size_t len = strlen(path);
    char *copy = lt_mem_alloc(self->base.mem, len + 1);
    if (!copy) {
        return lt_error_nomem(err, "directory name");
    }
    memcpy(copy, path, len + 1);
    int code = make_dirs(&self->disk, copy, len);
    lt_mem_free(self->base.mem, copy, len + 1);
    return code == 0 ? LT_OK : lt_os_error(err, code, "create the directory", path);
}

static lt_status sim_mkdirs(lt_env *env, const char *path, lt_error *err)
{
    sim_env *self = (sim_env *)env;
    LT_TRY(sim_io_begin(self, err));
    return sim_io_end(self, sim_make_dirs(self, path, err), err);
}

/* The host's variables would make a run depend on more than its seed. */
static const char *sim_getenv(lt_env *env, const char *name)
{
    (void)env;
    (void)name;
    return NULL;
}

/* ---- The lock ---- */

static void read_holder(const sim_node *node, char *holder, size_t size)
{
    if (holder && size > 0) {
        size_t len = read_node(node, holder, size - 1, 0);
        while (len > 0 && holder[len - 1] == '\n') {
            len--;
        }
        holder[len] = '\0';
    }
}

static lt_status lock_file(sim_file *file, char *holder, size_t holder_size, lt_error *err)
{
    LT_TRY(open_file(file, LT_OPEN_APPEND, err));
    if (file->node->locked) {
        read_holder(file->node, holder, holder_size);
        return lt_error_set(err, LT_ERR_STATE, "'%s' is locked by another process", file->path);
    }
    file->node->locked = true;
    file->locks = true;
    file->mode = LT_OPEN_CREATE; /* reads as well, and writes from the start */
    int code = sim_node_truncate(&file->env->disk, file->node, 0);
    return code == 0 ? LT_OK : lt_os_error(err, code, "lock", file->path);
}

static lt_status sim_lock(lt_env *env, const char *path, lt_file **out, char *holder,
                          size_t holder_size, lt_error *err)
{
    sim_file *file = NULL;
    *out = NULL;
    if (holder && holder_size > 0) {
        holder[0] = '\0';
    }
    LT_TRY(new_file((sim_env *)env, path, &file, err));
    lt_status st = lock_file(file, holder, holder_size, err);
    if (st != LT_OK) {
        sim_close((lt_file *)file);
        return st;
    }
    *out = (lt_file *)file;
    return LT_OK;
}

/* ---- Wakers, processors ---- */

static lt_waker *sim_waker_new(lt_env *env)
{
    sim_waker *waker = lt_mem_zalloc(env->mem, sizeof *waker);
    if (waker) {
        waker->mem = env->mem;
        atomic_init(&waker->signalled, false);
    }
    return (lt_waker *)waker;
}

static void sim_waker_free(lt_waker *handle)
{
    sim_waker *waker = (sim_waker *)handle;
    if (waker) {
        lt_mem_free(waker->mem, waker, sizeof *waker);
    }
}

static void sim_waker_signal(lt_waker *handle)
{
    atomic_store(&((sim_waker *)handle)->signalled, true);
}

static void sim_wait_on(lt_env *env, lt_waker *handle, int64_t deadline_mono_ns,
                        lt_file *const *files, size_t count)
{
    bool ready = atomic_exchange(&((sim_waker *)handle)->signalled, false);
    sim_sleep((sim_env *)env, ready, deadline_mono_ns, files, count);
}

static unsigned sim_cpu_count(lt_env *env)
{
    (void)env;
    return 2;
}

static int64_t sim_process_id(lt_env *env)
{
    return (int64_t)((sim_env *)env)->boot + 1; /* a new one after each power loss */
}

/* ---- Sockets: this world has no network ---- */

static lt_status no_network(lt_error *err, const char *address)
{
    return lt_error_set(err, LT_ERR_UNSUPPORTED, "the simulator has no network: '%s'", address);
}

static lt_status sim_listen(lt_env *env, const char *address, lt_file **out, lt_error *err)
{
    (void)env;
    *out = NULL;
    return no_network(err, address);
}

static lt_status sim_connect(lt_env *env, const char *address, lt_file **out, lt_error *err)
{
    (void)env;
    *out = NULL;
    return no_network(err, address);
}

static lt_status sim_accept(lt_file *listener, lt_file **out, lt_error *err)
{
    *out = NULL;
    return no_network(err, ((const sim_file *)listener)->path);
}

static int sim_port_of(lt_file *listener)
{
    (void)listener;
    return 0;
}

static int64_t sim_memory_bytes(lt_env *env)
{
    (void)env;
    return (int64_t)1 << 30;
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
        .waker_new = sim_waker_new,
        .waker_free = sim_waker_free,
        .waker_signal = sim_waker_signal,
        .wait_on = sim_wait_on,
        .cpu_count = sim_cpu_count,
        .process_id = sim_process_id,
        .lock = sim_lock,
        .listen = sim_listen,
        .accept = sim_accept,
        .connect = sim_connect,
        .port_of = sim_port_of,
        .real_path = sim_real_path,
        .library_open = sim_library_open,
        .library_symbol = sim_library_symbol,
        .library_close = sim_library_close,
        .pages_open = sim_pages_open,
        .pages_close = sim_pages_close,
        .pages_move = sim_pages_move,
        .pages_drop = sim_pages_drop,
        .pages_free = sim_pages_free,
        .pages_resident = sim_pages_resident,
        .memory_bytes = sim_memory_bytes,
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
    self->mono_ns = SIM_MONO_START_NS;
    uint64_t seed = options->seed;
    self->random_product = sim_random(&seed);
    self->random_faults = sim_random(&seed);
    self->disk.random = sim_random(&seed);
    self->random_clock = sim_random(&seed);
    self->disk.bytes_max = options->disk_bytes_max;
    self->disk.now_ms = sim_floor_div(options->start_wall_us, 1000);
    atomic_init(&self->woken, false);
    for (int i = 0; i < SIM_STREAMS; i++) {
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
    for (int i = 0; i < SIM_STREAMS; i++) {
        lt_text_deinit(&self->streams[i]);
    }
    sim_disk_deinit(&self->disk);
    sim_libraries_free(self);
    lt_mem_free(env->mem, self, sizeof *self);
}
