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
 * wake() is a self-pipe: it is remembered until the next wait(). When several threads wait, all
 * that are in wait() return, and the first clears it.
 *
 * Names become durable with the file: the first sync of a file that was opened for writing, rename
 * and mkdirs all sync the directory too. */
#include "os/env.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/hash.h"
#include "os/os_error.h"

#define IO_BYTES_MAX    ((size_t)1 << 30) /* of one system call; Linux stops at 2 GiB - 4 KiB */
#define WAIT_FILES_FAST 31                /* waited for without allocating */
#define WAIT_CROWDED_NS INT64_C(10000000) /* longest wait when not all files could be watched */

typedef struct {
    lt_env base;
    int wake_read;
    int wake_write;
    lt_text unread; /* standard input's bytes to be delivered again, from unread_at */
    size_t unread_at;
} real_env;

typedef struct {
    real_env *env;
    int fd;
    lt_file_kind kind;
    bool socket;
    bool owned;       /* close() closes the descriptor */
    bool name_synced; /* the directory entry is known to be durable, or not ours to care about */
    bool sync_failed;
    size_t size; /* of this block */
    char path[]; /* for messages */
} real_file;

/* ---- Clocks, randomness, waiting ---- */

static int64_t real_wall_us(lt_env *env)
{
    struct timespec now;
    (void)env;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t real_mono_ns(lt_env *env)
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

static bool is_pollable(const real_file *file)
{
    return file->kind == LT_FILE_PIPE || file->kind == LT_FILE_OTHER;
}

static void drain_wakes(real_env *self)
{
    char dump[64];
    while (read(self->wake_read, dump, sizeof dump) > 0) {
    }
}

static void poll_until(struct pollfd *fds, size_t count, int64_t wait_ns)
{
#ifdef __APPLE__
    int64_t wait_ms = wait_ns < INT32_MAX ? (wait_ns + 999999) / 1000000 : INT32_MAX;
    (void)poll(fds, (nfds_t)count, (int)wait_ms);
#else
    struct timespec timeout = {.tv_sec = (time_t)(wait_ns / 1000000000),
                               .tv_nsec = (long)(wait_ns % 1000000000)};
    (void)ppoll(fds, (nfds_t)count, &timeout, NULL);
#endif
}

static void real_wait(lt_env *env, int64_t deadline_mono_ns, lt_file *const *files, size_t count)
{
    real_env *self = (real_env *)env;
    struct pollfd few[1 + WAIT_FILES_FAST];
    struct pollfd *fds = few;
    size_t room = LT_COUNT_OF(few);
    size_t many_size = (count + 1) * sizeof *fds;
    if (count > WAIT_FILES_FAST) {
        struct pollfd *many = lt_mem_alloc(env->mem, many_size);
        fds = many ? many : few;
        room = many ? count + 1 : room;
    }
    fds[0] = (struct pollfd){.fd = self->wake_read, .events = POLLIN};
    size_t used = 1;
    bool crowded = false;
    for (size_t i = 0; i < count; i++) {
        const real_file *file = (const real_file *)files[i];
        if (!file->owned && file->fd == LT_STDIN && self->unread_at < self->unread.len) {
            deadline_mono_ns = 0; /* bytes are at hand already */
        }
        if (is_pollable(file)) {
            crowded = crowded || used == room;
            if (used < room) {
                fds[used++] = (struct pollfd){.fd = file->fd, .events = POLLIN};
            }
        }
    }
    int64_t now = real_mono_ns(env);
    int64_t wait_ns = deadline_mono_ns > now ? deadline_mono_ns - now : 0;
    poll_until(fds, used, crowded ? LT_MIN(wait_ns, WAIT_CROWDED_NS) : wait_ns);
    drain_wakes(self);
    if (fds != few) {
        lt_mem_free(env->mem, fds, many_size);
    }
}

static void real_wake(lt_env *env)
{
    int errno_before = errno; /* may run in a signal handler */
    ssize_t wrote = write(((real_env *)env)->wake_write, "w", 1);
    (void)wrote; /* a full pipe wakes as well */
    errno = errno_before;
}

/* ---- Opening ---- */

static lt_file_kind kind_of(mode_t mode, int fd)
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

static lt_status new_file(real_env *self, const char *path, real_file **out, lt_error *err)
{
    size_t len = strlen(path);
    size_t size = sizeof(real_file) + len + 1;
    real_file *file = lt_mem_zalloc(self->base.mem, size);
    if (!file) {
        return lt_error_nomem(err, "file handle");
    }
    file->env = self;
    file->fd = -1;
    file->size = size;
    memcpy(file->path, path, len + 1);
    *out = file;
    return LT_OK;
}

static void real_close(lt_file *handle)
{
    real_file *file = (real_file *)handle;
    if (!file) {
        return;
    }
    if (file->owned && file->fd >= 0) {
        (void)close(file->fd); /* not repeated on EINTR: the descriptor is gone on Linux */
    }
    lt_mem_free(file->env->base.mem, file, file->size);
}

/* A process started without standard streams must not take a file of ours for one. -1 with errno on
 * failure; fd is closed then. */
static int above_std(int fd)
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

static int open_retry(const char *path, int flags)
{
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC | O_NOCTTY, 0666);
    } while (fd < 0 && errno == EINTR);
    return above_std(fd);
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
    int fd = open_retry(path, open_flags(mode) | O_NONBLOCK);
    if (fd >= 0 && mode == LT_OPEN_CREATE && fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode)) {
        /* As its own reader it would never see that the real one has gone. */
        (void)close(fd);
        fd = open_retry(path, O_WRONLY | O_NONBLOCK);
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
    file->kind = kind_of(info.st_mode, file->fd);
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
    LT_TRY(new_file((real_env *)env, path, &file, err));
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
    LT_TRY(new_file((real_env *)env, names[number], &file, err));
    file->fd = number;
    file->kind = kind_of(info.st_mode, number);
    file->socket = S_ISSOCK(info.st_mode);
    file->name_synced = true;
    *out = (lt_file *)file;
    return LT_OK;
}

/* ---- Reading and writing ---- */

static bool has_unread(const real_file *file)
{
    return !file->owned && file->fd == LT_STDIN && file->env->unread_at < file->env->unread.len;
}

static size_t take_unread(real_env *self, void *to, size_t size)
{
    size_t count = LT_MIN(size, self->unread.len - self->unread_at);
    memcpy(to, self->unread.ptr + self->unread_at, count);
    self->unread_at += count;
    if (self->unread_at == self->unread.len) {
        lt_text_deinit(&self->unread);
        lt_text_init(&self->unread, self->base.mem);
        self->unread_at = 0;
    }
    return count;
}

static lt_status real_unread(lt_file *handle, const void *bytes, size_t size, lt_error *err)
{
    const real_file *file = (const real_file *)handle;
    real_env *self = file->env;
    LT_ASSERT(!file->owned && file->fd == LT_STDIN);
    lt_text all;
    lt_text_init(&all, self->base.mem);
    lt_text_append(&all, bytes, size);
    if (has_unread(file)) {
        lt_text_append(&all, self->unread.ptr + self->unread_at,
                       self->unread.len - self->unread_at);
    }
    if (all.failed) {
        lt_text_deinit(&all);
        return lt_error_nomem(err, "input that was looked at");
    }
    lt_text_deinit(&self->unread);
    self->unread = all;
    self->unread_at = 0;
    return LT_OK;
}

static lt_status real_read(lt_file *handle, void *to, size_t size, size_t *got, lt_error *err)
{
    const real_file *file = (const real_file *)handle;
    *got = 0;
    if (size == 0) {
        return LT_OK;
    }
    if (has_unread(file)) {
        *got = take_unread(file->env, to, size);
        return LT_OK;
    }
    for (;;) {
        if (is_pollable(file)) {
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

/* "dir" of "dir/name", "." of "name", "/" of "/name"; to has room for path and two bytes more. */
static void dir_of(const char *path, char *to)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    while (len > 0 && path[len - 1] != '/') {
        len--;
    }
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    if (len == 0) {
        memcpy(to, ".", 2);
    } else {
        memcpy(to, path, len);
        to[len] = '\0';
    }
}

static lt_status sync_dir(const char *dir, lt_error *err)
{
    int fd = open_retry(dir, O_RDONLY | O_DIRECTORY);
    if (fd < 0) {
        return lt_os_error(err, errno, "sync the directory", dir);
    }
    int rc;
    do {
        rc = fsync(fd);
    } while (rc != 0 && errno == EINTR);
    int code = errno;
    (void)close(fd);
    /* Some network file systems have no such operation and are durable on return. */
    if (rc != 0 && code != EINVAL && code != ENOTSUP) {
        return lt_os_error(err, code, "sync the directory", dir);
    }
    return LT_OK;
}

static lt_status sync_dir_of(lt_env *env, const char *path, lt_error *err)
{
    size_t size = strlen(path) + 2;
    char *dir = lt_mem_alloc(env->mem, size);
    if (!dir) {
        return lt_error_nomem(err, "directory name");
    }
    dir_of(path, dir);
    lt_status st = sync_dir(dir, err);
    lt_mem_free(env->mem, dir, size);
    return st;
}

static lt_status real_sync(lt_file *handle, lt_error *err)
{
    real_file *file = (real_file *)handle;
    if (is_pollable(file)) {
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
        LT_TRY(sync_dir_of(&file->env->base, file->path, err));
        file->name_synced = true;
    }
    return LT_OK;
}

/* ---- Names ---- */

static void fill_stat(const struct stat *info, lt_file_kind kind, lt_stat *out)
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
    fill_stat(&info, file->kind, out);
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

static lt_status real_stat(lt_env *env, const char *path, lt_stat *out, lt_error *err)
{
    struct stat info;
    (void)env;
    if (stat(path, &info) != 0) {
        return lt_os_error(err, errno, "examine", path);
    }
    fill_stat(&info, kind_of(info.st_mode, -1), out);
    return LT_OK;
}

/* Links are followed; a dangling one is LT_FILE_OTHER. */
static lt_file_kind entry_kind(DIR *dir, const struct dirent *entry)
{
    struct stat info;
    switch (entry->d_type) {
    case DT_REG:
        return LT_FILE_REGULAR;
    case DT_DIR:
        return LT_FILE_DIR;
    case DT_FIFO:
    case DT_SOCK:
        return LT_FILE_PIPE;
    default:
        break;
    }
    if (fstatat(dirfd(dir), entry->d_name, &info, 0) != 0) {
        return LT_FILE_OTHER;
    }
    return kind_of(info.st_mode, -1);
}

static lt_status real_list(lt_env *env, const char *path,
                           lt_status (*fn)(void *arg, const lt_dirent *entry), void *arg,
                           lt_error *err)
{
    (void)env;
    lt_status st = LT_OK;
    DIR *dir = opendir(path);
    if (!dir) {
        return lt_os_error(err, errno, "list", path);
    }
    while (st == LT_OK) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            st = errno == 0 ? LT_OK : lt_os_error(err, errno, "list", path);
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        lt_dirent item = {.kind = entry_kind(dir, entry)};
        size_t len = strlen(entry->d_name);
        if (len >= sizeof item.name) {
            st = lt_os_error(err, ENAMETOOLONG, "list", path);
            break;
        }
        memcpy(item.name, entry->d_name, len + 1);
        st = fn(arg, &item);
    }
    (void)closedir(dir);
    return st;
}

static lt_status rename_and_sync(const char *from, const char *to, char *from_dir, char *to_dir,
                                 lt_error *err)
{
    dir_of(from, from_dir);
    dir_of(to, to_dir);
    if (rename(from, to) != 0) {
        int code = errno;
        struct stat info;
        /* ENOENT may be about either; the reader should look at the right one. */
        bool about_from = code == ENOENT && lstat(from, &info) != 0;
        return lt_os_error(err, code, about_from ? "rename" : "rename to", about_from ? from : to);
    }
    LT_TRY(sync_dir(to_dir, err));
    return strcmp(from_dir, to_dir) == 0 ? LT_OK : sync_dir(from_dir, err);
}

static lt_status real_rename(lt_env *env, const char *from, const char *to, lt_error *err)
{
    size_t from_size = strlen(from) + 2;
    size_t to_size = strlen(to) + 2;
    char *dirs = lt_mem_alloc(env->mem, from_size + to_size);
    if (!dirs) {
        return lt_error_nomem(err, "directory name");
    }
    lt_status st = rename_and_sync(from, to, dirs, dirs + from_size, err);
    lt_mem_free(env->mem, dirs, from_size + to_size);
    return st;
}

static lt_status real_unlink(lt_env *env, const char *path, lt_error *err)
{
    (void)env;
    /* remove() is unlink() or, for a directory, rmdir(). */
    if (remove(path) != 0) {
        return lt_os_error(err, errno == EEXIST ? ENOTEMPTY : errno, "remove", path);
    }
    return LT_OK;
}

/* Makes one directory durably; fine when it is there. */
static lt_status make_dir(lt_env *env, const char *path, lt_error *err)
{
    struct stat info;
    if (mkdir(path, 0777) == 0) {
        return sync_dir_of(env, path, err);
    }
    int code = errno;
    if (stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode)) {
            return LT_OK;
        }
        code = ENOTDIR;
    }
    return lt_os_error(err, code, "create the directory", path);
}

static lt_status real_mkdirs(lt_env *env, const char *path, lt_error *err)
{
    size_t len = strlen(path);
    lt_status st = LT_OK;
    char *part = lt_mem_alloc(env->mem, len + 1);
    if (!part) {
        return lt_error_nomem(err, "directory name");
    }
    memcpy(part, path, len + 1);
    for (size_t at = 1; at < len && st == LT_OK; at++) {
        if (part[at] == '/' && part[at - 1] != '/') {
            part[at] = '\0';
            st = make_dir(env, part, err);
            part[at] = '/';
        }
    }
    if (st == LT_OK) {
        st = make_dir(env, part, err);
    }
    lt_mem_free(env->mem, part, len + 1);
    return st;
}

static const char *real_getenv(lt_env *env, const char *name)
{
    (void)env;
    return getenv(name);
}

/* ---- Life ---- */

static bool open_wake_pipe(int fds[2])
{
#ifdef __APPLE__
    if (pipe(fds) != 0) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        (void)fcntl(fds[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(fds[i], F_SETFL, O_NONBLOCK);
    }
#else
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        return false;
    }
#endif
    fds[0] = above_std(fds[0]);
    fds[1] = above_std(fds[1]);
    if (fds[0] >= 0 && fds[1] >= 0) {
        return true;
    }
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    return false;
}

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
    };
    int fds[2];
    real_env *self = lt_mem_zalloc(mem, sizeof *self);
    if (!self) {
        return NULL;
    }
    if (!open_wake_pipe(fds)) {
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
        lt_mem_free(env->mem, self, sizeof *self);
    }
}
