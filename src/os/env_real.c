/* The process's environment on POSIX systems.
 *
 * Reading never blocks on a pipe, and O_NONBLOCK is never set on a stream that others share (it is
 * a property of the open file, so it would reach the shell's other programs): poll() tells before
 * each read. Files that are opened here may carry the flag.
 *
 * SIGPIPE: the disposition belongs to the program (the command line ignores it); the library keeps
 * its promise without touching that: sockets are written with MSG_NOSIGNAL, pipes with the signal
 * blocked in the writing thread and taken away when this write caused it.
 *
 * Several threads: see env_real_int.h. The system's calls that are used here are safe for threads;
 * getenv is as long as nobody changes the environment, which nothing here does. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/hash.h"
#include "os/env_real_int.h"
#include "os/os_error.h"

#define IO_BYTES_MAX ((size_t)1 << 30) /* of one system call; Linux stops at 2 GiB - 4 KiB */

/* ---- Clocks, randomness ---- */

static int64_t real_wall_us(lt_env *env)
{
    struct timespec now;
    (void)env;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t real_mono_ns(lt_env *env)
{
    struct timespec now;
    (void)env;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint64_t real_random_u64(lt_env *env)
{
    uint64_t value = 0;
    if (getentropy(&value, sizeof value) != 0) {
        /* Sandboxes may forbid it; nothing here needs secrecy. */
        value = lt_hash_combine((uint64_t)real_mono_ns(env), (uint64_t)getpid());
    }
    return value;
}

static int64_t real_process_id(lt_env *env)
{
    (void)env;
    return (int64_t)getpid();
}

bool real_is_pollable(const real_file *file)
{
    return file->kind == LT_FILE_PIPE || file->kind == LT_FILE_OTHER;
}

/* ---- Opening ---- */

lt_file_kind real_kind_of(mode_t mode, int fd)
{
    if (S_ISREG(mode)) {
        return LT_FILE_REGULAR;
    }
    if (S_ISDIR(mode)) {
        return LT_FILE_DIR;
    }
    if (S_ISFIFO(mode) || S_ISSOCK(mode) || (fd >= 0 && S_ISCHR(mode) && isatty(fd))) {
        return LT_FILE_PIPE;
    }
    return LT_FILE_OTHER;
}

lt_status real_file_new(real_env *self, const char *path, real_file **out, lt_error *err)
{
    size_t len = strlen(path);
    size_t size = sizeof(real_file) + len + 1;
    real_file *file = lt_mem_zalloc(self->base.mem, size);
    if (!file) {
        return lt_error_nomem(err, "file handle");
    }
    file->env = self;
    file->fd = -1;
    file->spare_fd = -1;
    file->size = size;
    memcpy(file->path, path, len + 1);
    *out = file;
    return LT_OK;
}

void real_close(lt_file *handle)
{
    real_file *file = (real_file *)handle;
    if (!file) {
        return;
    }
    if (file->named_inode != 0) {
        real_socket_unname(file); /* before the close, so that nobody finds a name without us */
    }
    if (file->spare_fd >= 0) {
        (void)close(file->spare_fd);
    }
    if (file->owned && file->fd >= 0) {
        (void)close(file->fd); /* not repeated on EINTR: the descriptor is gone on Linux */
    }
    lt_mem_free(file->env->base.mem, file, file->size);
}

int real_above_std(int fd)
{
    if (fd < 0 || fd > LT_STDERR) {
        return fd;
    }
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, LT_STDERR + 1);
    int errno_dup = errno;
    (void)close(fd);
    errno = errno_dup;
    return moved;
}

int real_open_fd(const char *path, int flags)
{
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC | O_NOCTTY, 0666);
    } while (fd < 0 && errno == EINTR);
    return real_above_std(fd);
}

static int open_flags(lt_open_mode mode)
{
    switch (mode) {
    case LT_OPEN_READ:
        return O_RDONLY;
    case LT_OPEN_CREATE:
        return O_RDWR | O_CREAT | O_TRUNC;
    case LT_OPEN_APPEND:
        return O_WRONLY | O_CREAT | O_APPEND;
    case LT_OPEN_EXCL:
        return O_RDWR | O_CREAT | O_EXCL;
    }
    return O_RDONLY;
}

/* Non-blocking, so that a named pipe without a partner does not hold the caller. */
static int open_mode(const char *path, lt_open_mode mode)
{
    struct stat info;
    int fd = real_open_fd(path, open_flags(mode) | O_NONBLOCK);
    if (fd >= 0 && mode == LT_OPEN_CREATE && fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode)) {
        /* As its own reader it would never see that the real one has gone. */
        (void)close(fd);
        fd = real_open_fd(path, O_WRONLY | O_NONBLOCK);
    }
    return fd;
}

static void advise(int fd)
{
#ifdef POSIX_FADV_SEQUENTIAL
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
#else
    (void)fd;
#endif
}

static lt_status open_into(real_file *file, lt_open_mode mode, lt_error *err)
{
    struct stat info;
    file->owned = true;
    file->fd = open_mode(file->path, mode);
    if (file->fd < 0) {
        return lt_os_error(err, errno, "open", file->path);
    }
    if (fstat(file->fd, &info) != 0) {
        return lt_os_error(err, errno, "open", file->path);
    }
    if (S_ISDIR(info.st_mode)) {
        return lt_os_error(err, EISDIR, "open", file->path);
    }
    file->kind = real_kind_of(info.st_mode, file->fd);
    file->socket = S_ISSOCK(info.st_mode);
    if (mode == LT_OPEN_READ) {
        file->name_synced = true;
        if (file->kind == LT_FILE_REGULAR) {
            advise(file->fd);
        }
        return LT_OK;
    }
    file->name_synced = file->kind != LT_FILE_REGULAR;
    int flags = fcntl(file->fd, F_GETFL);
    if (flags < 0 || fcntl(file->fd, F_SETFL, flags & ~O_NONBLOCK) != 0) {
        return lt_os_error(err, errno, "open", file->path);
    }
    return LT_OK;
}

static lt_status real_open(lt_env *env, const char *path, lt_open_mode mode, lt_file **out,
                           lt_error *err)
{
    real_file *file = NULL;
    *out = NULL;
    LT_TRY(real_file_new((real_env *)env, path, &file, err));
    lt_status st = open_into(file, mode, err);
    if (st != LT_OK) {
        real_close((lt_file *)file);
        return st;
    }
    *out = (lt_file *)file;
    return LT_OK;
}

static lt_status real_file_std(lt_env *env, int number, lt_file **out, lt_error *err)
{
    static const char *const names[] = {"standard input", "standard output", "standard error"};
    struct stat info;
    real_file *file = NULL;
    LT_ASSERT(number >= LT_STDIN && number <= LT_STDERR);
    *out = NULL;
    if (fstat(number, &info) != 0) {
        return lt_os_error(err, errno, "use", names[number]);
    }
    if (S_ISDIR(info.st_mode)) {
        return lt_os_error(err, EISDIR, "use", names[number]);
    }
    LT_TRY(real_file_new((real_env *)env, names[number], &file, err));
    file->fd = number;
    file->kind = real_kind_of(info.st_mode, number);
    file->socket = S_ISSOCK(info.st_mode);
    file->name_synced = true;
    *out = (lt_file *)file;
    return LT_OK;
}

/* ---- Reading and writing ---- */

static bool is_stdin(const real_file *file)
{
    return !file->owned && file->fd == LT_STDIN;
}

bool real_has_unread(const real_file *file)
{
    real_env *self = file->env;
    if (!is_stdin(file)) {
        return false;
    }
    lt_mutex_lock(self->unread_lock);
    bool has = self->unread_at < self->unread.len;
    lt_mutex_unlock(self->unread_lock);
    return has;
}

/* The bytes given back that fit; 0 = there are none. */
static size_t take_unread(real_env *self, void *to, size_t size)
{
    lt_mutex_lock(self->unread_lock);
    size_t count = LT_MIN(size, self->unread.len - self->unread_at);
    if (count > 0) {
        memcpy(to, self->unread.ptr + self->unread_at, count);
        self->unread_at += count;
        if (self->unread_at == self->unread.len) {
            lt_text_deinit(&self->unread);
            lt_text_init(&self->unread, self->base.mem);
            self->unread_at = 0;
        }
    }
    lt_mutex_unlock(self->unread_lock);
    return count;
}

static lt_status real_unread(lt_file *handle, const void *bytes, size_t size, lt_error *err)
{
    const real_file *file = (const real_file *)handle;
    real_env *self = file->env;
    lt_status st = LT_OK;
    lt_text all;
    LT_ASSERT(is_stdin(file));
    lt_text_init(&all, self->base.mem);
    lt_text_append(&all, bytes, size);
    lt_mutex_lock(self->unread_lock);
    if (self->unread_at < self->unread.len) {
        lt_text_append(&all, self->unread.ptr + self->unread_at,
                       self->unread.len - self->unread_at);
    }
    if (all.failed) {
        lt_text_deinit(&all);
        st = lt_error_nomem(err, "input that was looked at");
    } else {
        lt_text_deinit(&self->unread);
        self->unread = all;
        self->unread_at = 0;
    }
    lt_mutex_unlock(self->unread_lock);
    return st;
}

static lt_status real_read(lt_file *handle, void *to, size_t size, size_t *got, lt_error *err)
{
    const real_file *file = (const real_file *)handle;
    *got = 0;
    if (size == 0) {
        return LT_OK;
    }
    if (is_stdin(file)) {
        *got = take_unread(file->env, to, size);
        if (*got > 0) {
            return LT_OK;
        }
    }
    for (;;) {
        if (real_is_pollable(file) && !file->ours) {
            struct pollfd ready = {.fd = file->fd, .events = POLLIN};
            int count = poll(&ready, 1, 0);
            if (count == 0) {
                return LT_AGAIN;
            }
            if (count < 0 && errno != EINTR) {
                return lt_os_error(err, errno, "read", file->path);
            }
            if (count < 0) {
                continue;
            }
        }
        ssize_t count = read(file->fd, to, LT_MIN(size, IO_BYTES_MAX));
        if (count >= 0) {
            *got = (size_t)count;
            return LT_OK;
        }
        if (errno == EAGAIN) {
            return LT_AGAIN;
        }
        if (errno != EINTR) {
            return lt_os_error(err, errno, "read", file->path);
        }
    }
}

static lt_status real_pread(lt_file *handle, void *to, size_t size, int64_t offset, size_t *got,
                            lt_error *err)
{
    const real_file *file = (const real_file *)handle;
    size_t done = 0;
    *got = 0;
    while (done < size) {
        ssize_t count = pread(file->fd, (char *)to + done, LT_MIN(size - done, IO_BYTES_MAX),
                              (off_t)(offset + (int64_t)done));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return lt_os_error(err, errno, "read", file->path);
        }
        if (count == 0) {
            break;
        }
        done += (size_t)count;
    }
    *got = done;
    return LT_OK;
}

static lt_status real_seek(lt_file *handle, int64_t offset, lt_error *err)
{
    const real_file *file = (const real_file *)handle;
    if (lseek(file->fd, (off_t)offset, SEEK_SET) < 0) {
        return lt_os_error(err, errno, "seek in", file->path);
    }
    return LT_OK;
}

/* write() to a pipe without SIGPIPE for this thread: blocked during the call, and taken out of the
 * queue when it was this call that raised it. */
static ssize_t write_pipe(int fd, const void *from, size_t size)
{
    sigset_t pipe_only;
    sigset_t before;
    sigset_t pending;
    int sig = 0;
    (void)sigemptyset(&pipe_only);
    (void)sigaddset(&pipe_only, SIGPIPE);
    (void)sigemptyset(&pending);
    (void)sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    if (pthread_sigmask(SIG_BLOCK, &pipe_only, &before) != 0) {
        errno = EINVAL;
        return -1;
    }
    ssize_t count = write(fd, from, size);
    int errno_write = errno;
    if (count < 0 && errno_write == EPIPE && !was_pending) {
        (void)sigemptyset(&pending);
        (void)sigpending(&pending);
        if (sigismember(&pending, SIGPIPE) == 1) {
            (void)sigwait(&pipe_only, &sig);
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = errno_write;
    return count;
}

static ssize_t write_some(const real_file *file, const void *from, size_t size)
{
    size = LT_MIN(size, IO_BYTES_MAX);
    if (file->socket) {
        return send(file->fd, from, size, MSG_NOSIGNAL);
    }
    if (file->kind == LT_FILE_PIPE) {
        return write_pipe(file->fd, from, size);
    }
    return write(file->fd, from, size);
}

static lt_status real_write(lt_file *handle, const void *from, size_t size, lt_error *err)
{
    const real_file *file = (const real_file *)handle;
    const char *at = from;
    if (file->ours) {
        return real_socket_write(file, from, size, err);
    }
    while (size > 0) {
        ssize_t count = write_some(file, at, size);
        if (count > 0) {
            at += count;
            size -= (size_t)count;
        } else if (count < 0 && errno == EAGAIN) {
            /* Somebody else made a shared stream non-blocking. */
            struct pollfd ready = {.fd = file->fd, .events = POLLOUT};
            (void)poll(&ready, 1, -1);
        } else if (count == 0 || errno != EINTR) {
            return lt_os_error(err, count == 0 ? EIO : errno, "write", file->path);
        }
    }
    return LT_OK;
}

static lt_status real_truncate(lt_file *handle, int64_t size, lt_error *err)
{
    const real_file *file = (const real_file *)handle;
    int rc;
    do {
        rc = ftruncate(file->fd, (off_t)size);
    } while (rc != 0 && errno == EINTR);
    return rc == 0 ? LT_OK : lt_os_error(err, errno, "truncate", file->path);
}

static int sync_data(int fd)
{
    int rc;
    do {
#ifdef __APPLE__
        rc = fcntl(fd, F_FULLFSYNC);
#else
        rc = fdatasync(fd);
#endif
    } while (rc != 0 && errno == EINTR);
    return rc;
}

static lt_status real_sync(lt_file *handle, lt_error *err)
{
    real_file *file = (real_file *)handle;
    if (real_is_pollable(file)) {
        return LT_OK; /* nothing is kept back */
    }
    /* The system forgets a failed page after telling once; asking again must not look like success.
     */
    if (file->sync_failed) {
        return lt_os_error(err, EIO, "sync", file->path);
    }
    if (sync_data(file->fd) != 0) {
        file->sync_failed = true;
        return lt_os_error(err, errno, "sync", file->path);
    }
    if (!file->name_synced) {
        LT_TRY(real_sync_dir_of(&file->env->base, file->path, err));
        file->name_synced = true;
    }
    return LT_OK;
}

void real_fill_stat(const struct stat *info, lt_file_kind kind, lt_stat *out)
{
#ifdef __APPLE__
    struct timespec mtime = info->st_mtimespec;
#else
    struct timespec mtime = info->st_mtim;
#endif
    *out = (lt_stat){.kind = kind,
                     .device = (uint64_t)info->st_dev,
                     .inode = (uint64_t)info->st_ino,
                     .size = (int64_t)info->st_size,
                     .mtime_ms = (int64_t)mtime.tv_sec * 1000 + mtime.tv_nsec / 1000000};
}

static lt_status real_fstat(lt_file *handle, lt_stat *out, lt_error *err)
{
    const real_file *file = (const real_file *)handle;
    struct stat info;
    if (fstat(file->fd, &info) != 0) {
        return lt_os_error(err, errno, "examine", file->path);
    }
    real_fill_stat(&info, file->kind, out);
    return LT_OK;
}

static bool real_is_terminal(lt_file *handle, int *columns, int *lines)
{
    const real_file *file = (const real_file *)handle;
    struct winsize window;
    if (!isatty(file->fd)) {
        return false;
    }
    bool known = ioctl(file->fd, TIOCGWINSZ, &window) == 0 && window.ws_col > 0;
    if (columns) {
        *columns = known ? window.ws_col : 80;
    }
    if (lines) {
        *lines = known && window.ws_row > 0 ? window.ws_row : 24;
    }
    return true;
}

static const char *real_getenv(lt_env *env, const char *name)
{
    (void)env;
    return getenv(name);
}

/* ---- Life ---- */

lt_env *lt_env_real_new(lt_mem *mem)
{
    static const lt_env table = {
        .name = "real",
        .wall_us = real_wall_us,
        .mono_ns = real_mono_ns,
        .random_u64 = real_random_u64,
        .wait = real_wait,
        .wake = real_wake,
        .open = real_open,
        .file_std = real_file_std,
        .read = real_read,
        .unread = real_unread,
        .pread = real_pread,
        .seek = real_seek,
        .write = real_write,
        .truncate = real_truncate,
        .sync = real_sync,
        .fstat = real_fstat,
        .close = real_close,
        .is_terminal = real_is_terminal,
        .stat = real_stat,
        .list = real_list,
        .rename = real_rename,
        .unlink = real_unlink,
        .mkdirs = real_mkdirs,
        .getenv = real_getenv,
        .waker_new = real_waker_new,
        .waker_free = real_waker_free,
        .waker_signal = real_waker_signal,
        .wait_on = real_wait_on,
        .cpu_count = real_cpu_count,
        .process_id = real_process_id,
        .lock = real_lock,
        .listen = real_listen,
        .accept = real_accept,
        .connect = real_connect,
        .port_of = real_port_of,
        .real_path = real_real_path,
        .library_open = real_library_open,
        .library_symbol = real_library_symbol,
        .library_close = real_library_close,
        .pages_open = real_pages_open,
        .pages_close = real_pages_close,
        .pages_move = real_pages_move,
        .pages_drop = real_pages_drop,
        .pages_free = real_pages_free,
        .pages_resident = real_pages_resident,
        .memory_bytes = real_memory_bytes,
    };
    int fds[2];
    real_env *self = lt_mem_zalloc(mem, sizeof *self);
    if (!self) {
        return NULL;
    }
    self->unread_lock = lt_mutex_new(mem);
    if (!self->unread_lock || !real_wake_pipe(fds)) {
        lt_mutex_free(self->unread_lock);
        lt_mem_free(mem, self, sizeof *self);
        return NULL;
    }
    self->base = table;
    self->base.mem = mem;
    self->wake_read = fds[0];
    self->wake_write = fds[1];
    lt_text_init(&self->unread, mem);
    return &self->base;
}

void lt_env_real_free(lt_env *env)
{
    real_env *self = (real_env *)env;
    if (self) {
        (void)close(self->wake_read);
        (void)close(self->wake_write);
        lt_text_deinit(&self->unread);
        lt_mutex_free(self->unread_lock);
        lt_mem_free(env->mem, self, sizeof *self);
    }
}
