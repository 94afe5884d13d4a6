/* Threads, locks and wakers: nothing is lost between two threads. Run with a thread sanitizer too.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/env.h"
#include "os/env_virtual.h"
#include "os/thread.h"

#define SECOND_NS INT64_C(1000000000)
#define ROUNDS    100000

typedef struct {
    lt_mem mem;
    lt_env *env;
    lt_error err;
} fixture;

static int setup(void **state)
{
    fixture *fx = calloc(1, sizeof *fx);
    if (!fx) {
        return -1;
    }
    *state = fx;
    lt_mem_init(&fx->mem, NULL, "root", 0);
    fx->env = lt_env_real_new(&fx->mem);
    return fx->env ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *fx = *state;
    lt_env_real_free(fx->env);
    int64_t left = fx->mem.bytes;
    lt_mem_deinit(&fx->mem);
    free(fx);
    return left == 0 ? 0 : -1;
}

typedef struct {
    lt_mutex *lock;
    int64_t count;
} counter;

static void count_up(void *arg)
{
    counter *self = arg;
    for (int i = 0; i < ROUNDS; i++) {
        lt_mutex_lock(self->lock);
        self->count++;
        lt_mutex_unlock(self->lock);
    }
}

static void mutexes_exclude(void **state)
{
    fixture *fx = *state;
    lt_thread *threads[4];
    counter self = {.lock = lt_mutex_new(&fx->mem)};
    assert_non_null(self.lock);
    for (size_t i = 0; i < LT_COUNT_OF(threads); i++) {
        assert_int_equal(lt_thread_start(&fx->mem, "a-name-that-is-too-long", count_up, &self,
                                         &threads[i], &fx->err),
                         LT_OK);
    }
    for (size_t i = 0; i < LT_COUNT_OF(threads); i++) {
        lt_thread_join(threads[i]);
    }
    assert_int_equal(self.count, ROUNDS * (int64_t)LT_COUNT_OF(threads));
    lt_mutex_free(self.lock);
    lt_mutex_free(NULL);
    lt_thread_join(NULL);
}

typedef struct {
    sigset_t blocked;
    char name[16];
} self_view;

static void look_at_self(void *arg)
{
    self_view *view = arg;
    (void)pthread_sigmask(SIG_BLOCK, NULL, &view->blocked);
    (void)pthread_getname_np(pthread_self(), view->name, sizeof view->name);
}

static void threads_get_no_signals(void **state)
{
    fixture *fx = *state;
    lt_thread *thread;
    self_view view;
    sigset_t mine;
    assert_int_equal(lt_thread_start(&fx->mem, "looker", look_at_self, &view, &thread, &fx->err),
                     LT_OK);
    lt_thread_join(thread);
    assert_string_equal(view.name, "looker");
    assert_int_equal(sigismember(&view.blocked, SIGINT), 1);
    assert_int_equal(sigismember(&view.blocked, SIGTERM), 1);
    assert_int_equal(sigismember(&view.blocked, SIGUSR1), 1);
    assert_int_equal(sigismember(&view.blocked, SIGSEGV), 0);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mine), 0);
    assert_int_equal(sigismember(&mine, SIGTERM), 0);
}

static void failures(void **state)
{
    fixture *fx = *state;
    lt_thread *thread;
    fx->mem.fail_at = fx->mem.alloc_count;
    assert_int_equal(lt_thread_start(&fx->mem, "x", count_up, NULL, &thread, &fx->err),
                     LT_ERR_NOMEM);
    assert_null(thread);
    fx->mem.fail_at = fx->mem.alloc_count;
    assert_null(lt_mutex_new(&fx->mem));
    fx->mem.fail_at = fx->mem.alloc_count;
    assert_null(fx->env->waker_new(fx->env));
    fx->mem.fail_at = -1;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit tight = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    lt_waker *waker = fx->env->waker_new(fx->env);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_null(waker);
    fx->env->waker_free(NULL);
}

/* One side of a game in which nobody moves before the other has: `plain` is no atomic, so a
 * sanitizer sees whether the ball hands over what was written before it. */
typedef struct {
    lt_env *env;
    lt_waker *mine;
    lt_waker *other;
    _Atomic int64_t *ball; /* rounds played; even: the first player's turn */
    int64_t *plain;
    int64_t parity;
    int64_t late; /* waits that ended by the deadline */
} player;

static void play(void *arg)
{
    player *self = arg;
    for (;;) {
        int64_t at = atomic_load_explicit(self->ball, memory_order_acquire);
        if (at >= 2 * ROUNDS) {
            break;
        }
        if (at % 2 != self->parity) {
            int64_t deadline = self->env->mono_ns(self->env) + 20 * SECOND_NS;
            self->env->wait_on(self->env, self->mine, deadline, NULL, 0);
            self->late += self->env->mono_ns(self->env) >= deadline ? 1 : 0;
            continue;
        }
        (*self->plain)++;
        atomic_store_explicit(self->ball, at + 1, memory_order_release);
        self->env->waker_signal(self->other);
    }
    self->env->waker_signal(self->other);
}

static void no_wake_is_lost(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    _Atomic int64_t ball = 0;
    int64_t plain = 0;
    lt_thread *threads[2];
    lt_waker *wakers[2] = {env->waker_new(env), env->waker_new(env)};
    player players[2];
    assert_non_null(wakers[0]);
    assert_non_null(wakers[1]);
    for (int i = 0; i < 2; i++) {
        players[i] = (player){env, wakers[i], wakers[1 - i], &ball, &plain, i, 0};
        assert_int_equal(
            lt_thread_start(&fx->mem, "player", play, &players[i], &threads[i], &fx->err), LT_OK);
    }
    lt_thread_join(threads[0]);
    lt_thread_join(threads[1]);
    assert_int_equal(plain, 2 * ROUNDS);
    assert_int_equal(players[0].late + players[1].late, 0);
    env->waker_free(wakers[0]);
    env->waker_free(wakers[1]);
}

/* A queue whose consumer sleeps on a waker whenever it has emptied it. */
typedef struct {
    lt_env *env;
    lt_waker *waker;
    lt_mutex *lock;
    int queued;
    bool done;
} queue;

static void produce(void *arg)
{
    queue *self = arg;
    for (int i = 0; i < ROUNDS; i++) {
        lt_mutex_lock(self->lock);
        self->queued++;
        self->done = i == ROUNDS - 1;
        lt_mutex_unlock(self->lock);
        self->env->waker_signal(self->waker);
    }
}

static void a_queue_runs_dry_and_fills(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    queue self = {.env = env, .waker = env->waker_new(env), .lock = lt_mutex_new(&fx->mem)};
    lt_thread *thread;
    int taken = 0;
    bool done = false;
    assert_non_null(self.waker);
    assert_non_null(self.lock);
    assert_int_equal(lt_thread_start(&fx->mem, "producer", produce, &self, &thread, &fx->err),
                     LT_OK);
    while (!done) {
        int64_t deadline = env->mono_ns(env) + 20 * SECOND_NS;
        env->wait_on(env, self.waker, deadline, NULL, 0);
        assert_true(env->mono_ns(env) < deadline);
        lt_mutex_lock(self.lock);
        taken += self.queued;
        self.queued = 0;
        done = self.done;
        lt_mutex_unlock(self.lock);
    }
    lt_thread_join(thread);
    assert_int_equal(taken, ROUNDS);
    env->waker_free(self.waker);
    lt_mutex_free(self.lock);
}

static void signals_are_remembered_once(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    lt_waker *waker = env->waker_new(env);
    lt_waker *other = env->waker_new(env);
    assert_non_null(waker);
    assert_non_null(other);
    int64_t start = env->mono_ns(env);
    for (int i = 0; i < 1000; i++) {
        env->waker_signal(waker);
    }
    env->wait_on(env, waker, start + 60 * SECOND_NS, NULL, 0);
    assert_true(env->mono_ns(env) < start + 30 * SECOND_NS);
    start = env->mono_ns(env);
    env->waker_signal(other);
    env->wake(env);
    env->wait_on(env, waker, start + SECOND_NS / 50, NULL, 0);
    assert_true(env->mono_ns(env) >= start + SECOND_NS / 50);
    start = env->mono_ns(env);
    env->wait_on(env, waker, start - 1, NULL, 0);
    env->wait_on(env, waker, 0, NULL, 0);
    env->wait_on(env, other, INT64_MAX, NULL, 0);
    assert_true(env->mono_ns(env) < start + 30 * SECOND_NS);
    env->waker_free(waker);
    env->waker_free(other);
}

static void files_end_a_wait_too(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    char dir[] = "/tmp/leat_thread_XXXXXX";
    char path[64];
    lt_file *files[2];
    lt_file *out;
    lt_waker *waker = env->waker_new(env);
    assert_non_null(waker);
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/fifo", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(env->open(env, path, LT_OPEN_READ, &files[0], &fx->err), LT_OK);
    assert_int_equal(env->open(env, path, LT_OPEN_APPEND, &out, &fx->err), LT_OK);
    char plain[64];
    (void)snprintf(plain, sizeof plain, "%s/plain", dir);
    assert_int_equal(env->open(env, plain, LT_OPEN_CREATE, &files[1], &fx->err), LT_OK);
    int64_t start = env->mono_ns(env);
    env->wait_on(env, waker, start + SECOND_NS / 50, files, 2); /* a regular file does not end it */
    assert_true(env->mono_ns(env) >= start + SECOND_NS / 50);
    assert_int_equal(env->write(out, "x", 1, &fx->err), LT_OK);
    env->wait_on(env, waker, start + 60 * SECOND_NS, files, 2);
    assert_true(env->mono_ns(env) < start + 30 * SECOND_NS);
    env->close(out);
    env->close(files[0]);
    env->close(files[1]);
    assert_int_equal(env->unlink(env, path, NULL), LT_OK);
    assert_int_equal(env->unlink(env, plain, NULL), LT_OK);
    assert_int_equal(env->unlink(env, dir, NULL), LT_OK);
    env->waker_free(waker);
}

/* Several threads on one environment at once. */
static void hammer(void *arg)
{
    fixture *fx = arg;
    lt_env *env = fx->env;
    lt_file *in;
    char bytes[8];
    size_t got;
    if (env->file_std(env, LT_STDIN, &in, NULL) != LT_OK) {
        return;
    }
    for (int i = 0; i < 2000; i++) {
        (void)env->random_u64(env);
        env->wake(env);
        env->wait(env, env->mono_ns(env) + 1000, &in, 1);
        if (env->unread(in, "abcd", 4, NULL) == LT_OK) {
            (void)env->read(in, bytes, 4, &got, NULL);
        }
    }
    env->close(in);
}

static void one_environment_many_threads(void **state)
{
    fixture *fx = *state;
    lt_thread *threads[3];
    for (size_t i = 0; i < LT_COUNT_OF(threads); i++) {
        assert_int_equal(lt_thread_start(&fx->mem, "hammer", hammer, fx, &threads[i], &fx->err),
                         LT_OK);
    }
    for (size_t i = 0; i < LT_COUNT_OF(threads); i++) {
        lt_thread_join(threads[i]);
    }
}

static void signal_later(void *arg)
{
    queue *self = arg;
    (void)usleep(2000);
    self->env->waker_signal(self->waker);
}

static void virtual_time_waits_for_real_threads(void **state)
{
    fixture *fx = *state;
    lt_env *real = lt_env_real_new(&fx->mem);
    assert_non_null(real);
    lt_env *env = lt_env_virtual_new(real);
    assert_non_null(env);
    queue self = {.env = env, .waker = env->waker_new(env)};
    lt_thread *thread;
    assert_non_null(self.waker);
    lt_env_virtual_set(env, 1000);
    lt_env_virtual_set(env, 500);
    assert_int_equal(env->wall_us(env), 1000000);
    assert_int_equal(lt_thread_start(&fx->mem, "signal", signal_later, &self, &thread, &fx->err),
                     LT_OK);
    int64_t start = real->mono_ns(real);
    env->wait_on(env, self.waker, INT64_MAX, NULL, 0);
    env->wait_on(env, self.waker, env->mono_ns(env) + SECOND_NS, NULL, 0);
    env->wait_on(env, self.waker, 0, NULL, 0);
    assert_true(real->mono_ns(real) < start + 10 * SECOND_NS);
    lt_thread_join(thread);
    assert_int_equal(env->process_id(env), getpid());
    assert_int_equal(env->cpu_count(env), real->cpu_count(real));
    env->waker_free(self.waker);
    lt_env_virtual_free(env);
}

static void processors(void **state)
{
    fixture *fx = *state;
    unsigned count = fx->env->cpu_count(fx->env);
    assert_true(count >= 1 && (long)count <= sysconf(_SC_NPROCESSORS_CONF));
    assert_int_equal(fx->env->process_id(fx->env), getpid());
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(mutexes_exclude),
        CASE(threads_get_no_signals),
        CASE(failures),
        CASE(no_wake_is_lost),
        CASE(a_queue_runs_dry_and_fills),
        CASE(signals_are_remembered_once),
        CASE(files_end_a_wait_too),
        CASE(one_environment_many_threads),
        CASE(virtual_time_waits_for_real_threads),
        CASE(processors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
