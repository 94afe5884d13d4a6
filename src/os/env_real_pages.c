/* Memory whose contents may go to a file.
 *
 *   addresses   base ............................................ base + size
 *   memory      [ private, zero at first ][ moved ][ private ] ..
 *   file                                  [ same offset ]            unlinked; holes elsewhere
 *
 * The range is reserved once. Where pages are moved, their bytes are written to the file at the
 * offset that they have in the range, and the file is mapped over them: addresses stay, and the
 * system takes such pages out of memory when it needs the room. Room in the file is reserved
 * (fallocate) before that, because a page of a mapped file that finds no room on the disk kills the
 * process. Equal offsets let neighbours share one mapping of the system's.
 *
 * When the bytes are written to the disk is left to the system: what does not live long never is.
 *
 * The file has no name from the moment it is made: whatever becomes of the process, nothing stays
 * behind. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* fallocate */
#endif
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "os/env_real_int.h"
#include "os/os_error.h"

#define RANGE_LEAST ((size_t)1 << 30)
#define NAME_TRIES  16

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif
#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

typedef struct {
    lt_pages base;
    lt_env *env;
    lt_mutex *lock; /* of making the file */
    _Atomic(int) fd;
    int statm; /* /proc/self/statm, or -1 */
    size_t block_size;
    char dir[];
} real_pages;

static lt_status pages_error(const real_pages *self, int code, lt_error *err)
{
    lt_status st = lt_os_error(err, code, "move state to a file in", self->dir);
    if (code == ENOSPC) {
        lt_error_hint(err, "free space there, or raise 'state.backend.memory.limit'");
    }
    return st;
}

lt_status real_pages_open(lt_env *env, const char *dir, size_t size_max, lt_pages **out,
                          lt_error *err)
{
    size_t len = strlen(dir) + 1;
    real_pages *self = lt_mem_zalloc(env->mem, sizeof *self + len);
    lt_mutex *lock = self ? lt_mutex_new(env->mem) : NULL;
    *out = NULL;
    if (!lock) {
        lt_mem_free(env->mem, self, sizeof *self + len);
        return lt_error_nomem(err, "memory that can be moved to a file");
    }
    memcpy(self->dir, dir, len);
    self->env = env;
    self->lock = lock;
    self->block_size = sizeof *self + len;
    atomic_init(&self->fd, -1);
    long page = sysconf(_SC_PAGESIZE);
    self->base.page = page > 0 ? (size_t)page : 4096;
    void *range = MAP_FAILED;
    size_t size = size_max & ~(self->base.page - 1);
    for (; size >= RANGE_LEAST || size == size_max; size /= 2) {
        range = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (range != MAP_FAILED) {
            break;
        }
    }
    if (range == MAP_FAILED) {
        int code = errno;
        lt_mutex_free(lock);
        lt_mem_free(env->mem, self, self->block_size);
        return lt_os_error(err, code, "reserve addresses for state of", dir);
    }
    self->base.base = range;
    self->base.size = size;
    self->statm = real_open_fd("/proc/self/statm", O_RDONLY);
    *out = &self->base;
    return LT_OK;
}

void real_pages_close(lt_pages *pages)
{
    real_pages *self = (real_pages *)pages;
    if (!self) {
        return;
    }
    (void)munmap(pages->base, pages->size);
    if (atomic_load(&self->fd) >= 0) {
        (void)close(atomic_load(&self->fd));
    }
    if (self->statm >= 0) {
        (void)close(self->statm);
    }
    lt_mutex_free(self->lock);
    lt_mem_free(self->env->mem, self, self->block_size);
}

/* -1 with errno. */
static int make_file(const real_pages *self)
{
    size_t size = strlen(self->dir) + 64;
    char *path = lt_mem_alloc(self->env->mem, size);
    int fd = -1;
    if (!path) {
        errno = ENOMEM;
        return -1;
    }
    for (unsigned i = 0; i < NAME_TRIES; i++) {
        (void)snprintf(path, size, "%s/leat-spill-%016" PRIx64 ".tmp", self->dir,
                       self->env->random_u64(self->env));
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0 || (errno != EEXIST && errno != EINTR)) {
            break;
        }
    }
    if (fd >= 0) {
        (void)unlink(path);
        fd = real_above_std(fd);
    }
    int code = errno;
    lt_mem_free(self->env->mem, path, size);
    errno = code;
    return fd;
}

static int file_of(real_pages *self)
{
    int fd = atomic_load(&self->fd);
    if (fd < 0) {
        lt_mutex_lock(self->lock);
        fd = atomic_load(&self->fd);
        if (fd < 0) {
            fd = make_file(self);
            int code = errno;
            atomic_store(&self->fd, fd);
            errno = code;
        }
        lt_mutex_unlock(self->lock);
    }
    return fd;
}

/* 0 or an errno. */
static int reserve_room(int fd, size_t at, size_t len)
{
    int code;
#ifdef __linux__
    do {
        code = fallocate(fd, 0, (off_t)at, (off_t)len) == 0 ? 0 : errno;
    } while (code == EINTR);
#else
    do {
        code = posix_fallocate(fd, (off_t)at, (off_t)len);
    } while (code == EINTR);
#endif
    return code;
}

static int write_out(int fd, const uint8_t *from, size_t at, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t wrote = pwrite(fd, from + done, len - done, (off_t)(at + done));
        if (wrote < 0 && errno != EINTR) {
            return errno;
        }
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return 0;
}

static void give_back_room(int fd, size_t at, size_t len)
{
#ifdef __linux__
    (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)len);
#else
    (void)fd;
    (void)at;
    (void)len;
#endif
}

static bool is_sound(const lt_pages *pages, size_t at, size_t len)
{
    return at % pages->page == 0 && len % pages->page == 0 && len > 0 && len <= pages->size &&
           at <= pages->size - len;
}

lt_status real_pages_move(lt_pages *pages, size_t at, size_t len, lt_error *err)
{
    real_pages *self = (real_pages *)pages;
    LT_ASSERT(is_sound(pages, at, len));
    int fd = file_of(self);
    if (fd < 0) {
        return pages_error(self, errno, err);
    }
    int code = reserve_room(fd, at, len);
    code = code == 0 ? write_out(fd, pages->base + at, at, len) : code;
    if (code == 0) {
        const void *got = mmap(pages->base + at, len, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_FIXED, fd, (off_t)at);
        code = got == MAP_FAILED ? errno : 0;
    }
    if (code != 0) {
        give_back_room(fd, at, len);
        return pages_error(self, code, err);
    }
    return LT_OK;
}

void real_pages_drop(lt_pages *pages, size_t at, size_t len)
{
    LT_ASSERT(is_sound(pages, at, len));
    (void)madvise(pages->base + at, len, MADV_DONTNEED);
}

void real_pages_free(lt_pages *pages, size_t at, size_t len, bool moved)
{
    const real_pages *self = (const real_pages *)pages;
    LT_ASSERT(is_sound(pages, at, len));
    if (!moved) {
        (void)madvise(pages->base + at, len, MADV_DONTNEED);
        return;
    }
    const void *got = mmap(pages->base + at, len, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (got != MAP_FAILED) {
        give_back_room(atomic_load(&self->fd), at, len);
    } /* else the file stays behind these addresses, which are good all the same */
}

int64_t real_pages_resident(lt_pages *pages)
{
    const real_pages *self = (const real_pages *)pages;
    char text[128];
    if (self->statm < 0) {
        return 0;
    }
    ssize_t got = pread(self->statm, text, sizeof text - 1, 0);
    if (got <= 0) {
        return 0;
    }
    text[got] = '\0';
    char *at = text;
    (void)strtoll(at, &at, 10);              /* size */
    (void)strtoll(at, &at, 10);              /* resident */
    long long shared = strtoll(at, &at, 10); /* of it backed by files */
    return (int64_t)shared * (int64_t)pages->page;
}
