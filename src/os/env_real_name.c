/* Names, directories and the lock of the real environment.
 *
 * Names become durable with the file: the first sync of a file that was opened for writing, rename
 * and mkdirs all sync the directory too.
 *
 * The lock is flock(2)'s: of the open file, so that it ends with the handle or the process, however
 * that ends, and that two handles of one process exclude each other too. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "os/env_real_int.h"
#include "os/os_error.h"

#define LOCK_TRIES 16 /* others may remove the file between our open and lock */

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
    int fd = real_open_fd(dir, O_RDONLY | O_DIRECTORY);
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

lt_status real_sync_dir_of(lt_env *env, const char *path, lt_error *err)
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

lt_status real_stat(lt_env *env, const char *path, lt_stat *out, lt_error *err)
{
    struct stat info;
    (void)env;
    if (stat(path, &info) != 0) {
        return lt_os_error(err, errno, "examine", path);
    }
    real_fill_stat(&info, real_kind_of(info.st_mode, -1), out);
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
    return real_kind_of(info.st_mode, -1);
}

lt_status real_list(lt_env *env, const char *path,
                    lt_status (*fn)(void *arg, const lt_dirent *entry), void *arg, lt_error *err)
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

lt_status real_rename(lt_env *env, const char *from, const char *to, lt_error *err)
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

lt_status real_unlink(lt_env *env, const char *path, lt_error *err)
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
        return real_sync_dir_of(env, path, err);
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

lt_status real_mkdirs(lt_env *env, const char *path, lt_error *err)
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

/* ---- The lock ---- */

/* The content of a lock file that somebody else holds, without the line's end. */
static void read_holder(int fd, char *holder, size_t size)
{
    size_t len = 0;
    if (!holder || size == 0) {
        return;
    }
    while (len + 1 < size) {
        ssize_t got = pread(fd, holder + len, size - 1 - len, (off_t)len);
        if (got <= 0) {
            break;
        }
        len += (size_t)got;
    }
    while (len > 0 && (holder[len - 1] == '\n' || holder[len - 1] == '\0')) {
        len--;
    }
    holder[len] = '\0';
}

/* 0 when fd is locked and still what the path names, EAGAIN to open it anew, or another errno. */
static int lock_fd(int fd, const char *path)
{
    struct stat held;
    struct stat named;
    int rc;
    do {
        rc = flock(fd, LOCK_EX | LOCK_NB);
    } while (rc != 0 && errno == EINTR);
    if (rc != 0) {
        return errno == EWOULDBLOCK ? EBUSY : errno;
    }
    if (fstat(fd, &held) != 0) {
        return errno;
    }
    if (stat(path, &named) != 0 || named.st_ino != held.st_ino || named.st_dev != held.st_dev) {
        return EAGAIN;
    }
    /* What an earlier holder wrote is no longer true. */
    return ftruncate(fd, 0) == 0 ? 0 : errno;
}

static lt_status lock_into(real_file *file, char *holder, size_t holder_size, lt_error *err)
{
    int code = EAGAIN;
    file->owned = true;
    file->kind = LT_FILE_REGULAR;
    file->name_synced = true; /* it means nothing after the process */
    for (int i = 0; i < LOCK_TRIES && code == EAGAIN; i++) {
        if (file->fd >= 0) {
            (void)close(file->fd);
        }
        file->fd = real_open_fd(file->path, O_RDWR | O_CREAT);
        if (file->fd < 0) {
            return lt_os_error(err, errno, "open the lock", file->path);
        }
        code = lock_fd(file->fd, file->path);
    }
    if (code == EBUSY || code == EAGAIN) {
        read_holder(file->fd, holder, holder_size);
        return lt_error_set(err, LT_ERR_STATE, "'%s' is locked by another process", file->path);
    }
    return code == 0 ? LT_OK : lt_os_error(err, code, "lock", file->path);
}

lt_status real_lock(lt_env *env, const char *path, lt_file **out, char *holder, size_t holder_size,
                    lt_error *err)
{
    real_file *file = NULL;
    *out = NULL;
    if (holder && holder_size > 0) {
        holder[0] = '\0';
    }
    LT_TRY(real_file_new((real_env *)env, path, &file, err));
    lt_status st = lock_into(file, holder, holder_size, err);
    if (st != LT_OK) {
        real_close((lt_file *)file);
        return st;
    }
    *out = (lt_file *)file;
    return LT_OK;
}
