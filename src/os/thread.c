/* Threads and locks on POSIX threads.
 *
 * A thread is born with every signal blocked that somebody sends, so that signals reach the thread
 * that expects them; those that report a fault of the thread itself stay open, because a blocked
 * one would end the process without its handler. */
#include "os/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#ifdef __linux__
#include <sys/resource.h>
#endif

#include "base/assert.h"

#define NAME_SIZE     16 /* of the system */
#define GIVE_WAY_NICE 10

struct lt_thread {
    lt_mem *mem;
    pthread_t id;
    void (*run)(void *arg);
    void *arg;
    char name[NAME_SIZE];
};

struct lt_mutex {
    lt_mem *mem;
    pthread_mutex_t lock;
};

static void *thread_main(void *arg)
{
    const lt_thread *thread = arg;
    /* From within: before the start returns, the starter must not need the id. */
#ifdef __APPLE__
    (void)pthread_setname_np(thread->name);
#else
    (void)pthread_setname_np(pthread_self(), thread->name);
#endif
    thread->run(thread->arg);
    return NULL;
}

/* Linux has a niceness per thread: who 0 is the calling one. */
void lt_thread_give_way(void)
{
#ifdef __linux__
    (void)setpriority(PRIO_PROCESS, 0, GIVE_WAY_NICE);
#endif
}

static void block_signals(sigset_t *before)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    sigset_t blocked;
    (void)sigfillset(&blocked);
    for (size_t i = 0; i < LT_COUNT_OF(faults); i++) {
        (void)sigdelset(&blocked, faults[i]);
    }
    int code = pthread_sigmask(SIG_SETMASK, &blocked, before);
    LT_ASSERT(code == 0);
}

lt_status lt_thread_start(lt_mem *mem, const char *name, void (*run)(void *arg), void *arg,
                          lt_thread **out, lt_error *err)
{
    sigset_t before;
    *out = NULL;
    LT_ASSERT(run != NULL);
    lt_thread *thread = lt_mem_zalloc(mem, sizeof *thread);
    if (!thread) {
        return lt_error_nomem(err, "thread");
    }
    *thread = (lt_thread){.mem = mem, .run = run, .arg = arg};
    memcpy(thread->name, name, strnlen(name, NAME_SIZE - 1));
    block_signals(&before);
    int code = pthread_create(&thread->id, NULL, thread_main, thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0) {
        lt_mem_free(mem, thread, sizeof *thread);
        (void)lt_error_set(err, LT_ERR_LIMIT, "cannot start a thread: the system refused (%d)",
                           code);
        lt_error_hint(err, "raise the limits of threads and memory (ulimit -u, the pids and memory "
                           "limits of the container) or lower the parallelism");
        if (err) {
            err->retriable = code == EAGAIN;
        }
        return LT_ERR_LIMIT;
    }
    *out = thread;
    return LT_OK;
}

void lt_thread_join(lt_thread *thread)
{
    if (!thread) {
        return;
    }
    LT_ASSERT(!pthread_equal(thread->id, pthread_self()));
    int code = pthread_join(thread->id, NULL);
    LT_ASSERT(code == 0);
    lt_mem_free(thread->mem, thread, sizeof *thread);
}

lt_mutex *lt_mutex_new(lt_mem *mem)
{
    lt_mutex *mutex = lt_mem_zalloc(mem, sizeof *mutex);
    if (!mutex) {
        return NULL;
    }
    mutex->mem = mem;
    if (pthread_mutex_init(&mutex->lock, NULL) != 0) {
        lt_mem_free(mem, mutex, sizeof *mutex);
        return NULL;
    }
    return mutex;
}

void lt_mutex_free(lt_mutex *mutex)
{
    if (mutex) {
        int code = pthread_mutex_destroy(&mutex->lock);
        LT_ASSERT(code == 0); /* nobody holds it */
        lt_mem_free(mutex->mem, mutex, sizeof *mutex);
    }
}

void lt_mutex_lock(lt_mutex *mutex)
{
    int code = pthread_mutex_lock(&mutex->lock);
    LT_ASSERT(code == 0);
}

bool lt_mutex_try(lt_mutex *mutex)
{
    int code = pthread_mutex_trylock(&mutex->lock);
    LT_ASSERT(code == 0 || code == EBUSY);
    return code == 0;
}

void lt_mutex_unlock(lt_mutex *mutex)
{
    int code = pthread_mutex_unlock(&mutex->lock);
    LT_ASSERT(code == 0);
}
