/* Sleeping and waking in the real environment, and what tells how many threads are worth having.
 *
 * wake() is a self-pipe: it is remembered until the next wait(). When several threads wait, all
 * that are in wait() return, and the first clears it.
 *
 * A waker has one sleeper and a state, which makes a signal nobody sleeps through free of system
 * calls, and loses none:
 *
 *   IDLE --signal--> SIGNALLED --wait_on: returns at once--> IDLE
 *   IDLE --wait_on--> ASLEEP --signal: writes the descriptor--> SIGNALLED --wait_on ends--> IDLE
 *
 * Every step is one atomic exchange. The signal that finds ASLEEP may write the descriptor only
 * after the sleeper has left for another reason; then the next wait_on returns early, once. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/eventfd.h>
#endif

#include "base/assert.h"
#include "os/env_real_int.h"

#define WAIT_FILES_FAST 31                /* waited for without allocating */
#define WAIT_CROWDED_NS INT64_C(10000000) /* longest wait when not all files could be watched */

enum { WAKER_IDLE, WAKER_ASLEEP, WAKER_SIGNALLED };

typedef struct {
    lt_mem *mem;
    int read_fd;
    int write_fd; /* the same with an event descriptor */
    atomic_int state;
} real_waker;

/* ---- Sleeping ---- */

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

/* Until fd or one of the files is readable, or the deadline. Tells whether fd is. */
static bool sleep_until(lt_env *env, int fd, int64_t deadline_mono_ns, lt_file *const *files,
                        size_t count)
{
    struct pollfd few[1 + WAIT_FILES_FAST];
    struct pollfd *fds = few;
    size_t room = LT_COUNT_OF(few);
    size_t many_size = (count + 1) * sizeof *fds;
    if (count > WAIT_FILES_FAST) {
        struct pollfd *many = lt_mem_alloc(env->mem, many_size);
        fds = many ? many : few;
        room = many ? count + 1 : room;
    }
    fds[0] = (struct pollfd){.fd = fd, .events = POLLIN};
    size_t used = 1;
    bool crowded = false;
    for (size_t i = 0; i < count; i++) {
        const real_file *file = (const real_file *)files[i];
        if (real_has_unread(file)) {
            deadline_mono_ns = 0; /* bytes are at hand already */
        }
        if (real_is_pollable(file)) {
            crowded = crowded || used == room;
            if (used < room) {
                fds[used++] = (struct pollfd){.fd = file->fd, .events = POLLIN};
            }
        }
    }
    int64_t now = deadline_mono_ns > 0 ? real_mono_ns(env) : 0;
    int64_t wait_ns = deadline_mono_ns > now ? deadline_mono_ns - now : 0;
    poll_until(fds, used, crowded ? LT_MIN(wait_ns, WAIT_CROWDED_NS) : wait_ns);
    bool poked = fds[0].revents != 0;
    if (fds != few) {
        lt_mem_free(env->mem, fds, many_size);
    }
    return poked;
}

static void drain(int fd)
{
    char dump[64];
    while (read(fd, dump, sizeof dump) > 0) {
    }
}

/* ---- One for all ---- */

bool real_wake_pipe(int fds[2])
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
    fds[0] = real_above_std(fds[0]);
    fds[1] = real_above_std(fds[1]);
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

void real_wait(lt_env *env, int64_t deadline_mono_ns, lt_file *const *files, size_t count)
{
    int fd = ((real_env *)env)->wake_read;
    if (sleep_until(env, fd, deadline_mono_ns, files, count)) {
        drain(fd);
    }
}

/* Both kinds of wake may run in a signal handler. */
static void poke(int fd)
{
    static const uint64_t one = 1; /* eight bytes are what an event descriptor takes */
    int errno_before = errno;
    ssize_t wrote = write(fd, &one, sizeof one);
    (void)wrote; /* a full one wakes as well */
    errno = errno_before;
}

void real_wake(lt_env *env)
{
    poke(((real_env *)env)->wake_write);
}

/* ---- Wakers ---- */

static bool open_waker(real_waker *waker)
{
#ifdef __linux__
    int fd = real_above_std(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    waker->read_fd = fd;
    waker->write_fd = fd;
    return fd >= 0;
#else
    int fds[2];
    if (!real_wake_pipe(fds)) {
        return false;
    }
    waker->read_fd = fds[0];
    waker->write_fd = fds[1];
    return true;
#endif
}

lt_waker *real_waker_new(lt_env *env)
{
    real_waker *waker = lt_mem_zalloc(env->mem, sizeof *waker);
    if (!waker) {
        return NULL;
    }
    waker->mem = env->mem;
    atomic_init(&waker->state, WAKER_IDLE);
    if (!open_waker(waker)) {
        lt_mem_free(env->mem, waker, sizeof *waker);
        return NULL;
    }
    return (lt_waker *)waker;
}

void real_waker_free(lt_waker *handle)
{
    real_waker *waker = (real_waker *)handle;
    if (!waker) {
        return;
    }
    LT_ASSERT(atomic_load(&waker->state) != WAKER_ASLEEP);
    (void)close(waker->read_fd);
    if (waker->write_fd != waker->read_fd) {
        (void)close(waker->write_fd);
    }
    lt_mem_free(waker->mem, waker, sizeof *waker);
}

void real_waker_signal(lt_waker *handle)
{
    real_waker *waker = (real_waker *)handle;
    if (atomic_exchange(&waker->state, WAKER_SIGNALLED) == WAKER_ASLEEP) {
        poke(waker->write_fd);
    }
}

void real_wait_on(lt_env *env, lt_waker *handle, int64_t deadline_mono_ns, lt_file *const *files,
                  size_t count)
{
    real_waker *waker = (real_waker *)handle;
    int expected = WAKER_IDLE;
    if (atomic_compare_exchange_strong(&waker->state, &expected, WAKER_ASLEEP)) {
        if (sleep_until(env, waker->read_fd, deadline_mono_ns, files, count)) {
            drain(waker->read_fd);
        }
    } else {
        LT_ASSERT(expected == WAKER_SIGNALLED); /* a waker has one sleeper */
    }
    (void)atomic_exchange(&waker->state, WAKER_IDLE);
}

/* ---- Processors ---- */

#ifdef __linux__
#define CGROUP_ROOT  "/sys/fs/cgroup"
#define CGROUP_CPU   "/cpu.max"
#define CGROUP_MEM   "/memory.max"
#define CGROUP_BYTES 4096

static size_t read_small(const char *path, char *to, size_t size)
{
    size_t len = 0;
    int fd = real_open_fd(path, O_RDONLY);
    if (fd >= 0) {
        ssize_t got;
        while (len + 1 < size && (got = read(fd, to + len, size - 1 - len)) > 0) {
            len += (size_t)got;
        }
        (void)close(fd);
    }
    to[len] = '\0';
    return len;
}

/* Processors that "QUOTA PERIOD" (cpu.max) allows, rounded up; "max PERIOD" allows all of them. */
static uint64_t parse_quota(const char *text, uint64_t most)
{
    char *end = NULL;
    unsigned long long quota = strtoull(text, &end, 10);
    if (end == text || quota == 0) {
        return most;
    }
    unsigned long long period = strtoull(end, NULL, 10);
    if (period == 0 || quota / period >= most) {
        return most;
    }
    return LT_MAX((uint64_t)1, quota / period + (quota % period != 0 ? 1 : 0));
}

/* Bytes (memory.max), or "max". */
static uint64_t parse_bytes(const char *text, uint64_t most)
{
    char *end = NULL;
    unsigned long long bytes = strtoull(text, &end, 10);
    return end == text ? most : LT_MIN(most, (uint64_t)bytes);
}

/* The tightest limit of this process's group and those above it. */
static uint64_t cgroup_limit(const char *file, uint64_t (*parse)(const char *, uint64_t),
                             uint64_t most)
{
    char groups[CGROUP_BYTES];
    char path[sizeof CGROUP_ROOT + CGROUP_BYTES + 32];
    char quota[64];
    const char *group = "";
    size_t len = 0;
    if (read_small("/proc/self/cgroup", groups, sizeof groups) > 0) {
        const char *line = strncmp(groups, "0::", 3) == 0 ? groups : strstr(groups, "\n0::");
        if (line) {
            group = strchr(line, '/');
            group = group ? group : "";
            len = strcspn(group, "\n");
        }
    }
    for (;;) {
        while (len > 0 && group[len - 1] == '/') {
            len--;
        }
        (void)snprintf(path, sizeof path, "%s%.*s%s", CGROUP_ROOT, (int)len, group, file);
        if (read_small(path, quota, sizeof quota) > 0) {
            most = parse(quota, most);
        }
        if (len == 0) {
            return most;
        }
        while (len > 0 && group[len - 1] != '/') {
            len--;
        }
    }
}

static unsigned affinity_count(void)
{
    cpu_set_t sets[8]; /* 8192 processors; one set is too small for the largest machines */
    if (sched_getaffinity(0, sizeof sets, sets) != 0) {
        return 0;
    }
    int count = CPU_COUNT_S(sizeof sets, sets);
    return count > 0 ? (unsigned)count : 0;
}
#else
static unsigned affinity_count(void)
{
    return 0;
}
#endif

unsigned real_cpu_count(lt_env *env)
{
    (void)env;
    unsigned count = affinity_count();
    if (count == 0) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        count = online > 0 ? (unsigned)online : 1;
    }
#ifdef __linux__
    count = (unsigned)cgroup_limit(CGROUP_CPU, parse_quota, count);
#endif
    return count;
}

int64_t real_memory_bytes(lt_env *env)
{
    (void)env;
    long pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);
    uint64_t bytes = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : (uint64_t)1 << 30;
#ifdef __linux__
    bytes = cgroup_limit(CGROUP_MEM, parse_bytes, bytes);
#endif
    return (int64_t)LT_MIN(bytes, (uint64_t)INT64_MAX);
}
