/* See env_virtual.h: everything but time is handed on to the real environment. The clock and the
 * generator are atomic, because several threads may use the environment. */
#include "os/env_virtual.h"

#include <stdatomic.h>

#define WAIT_NS  INT64_C(100000000) /* for something that really happens */
#define PAUSE_NS INT64_C(1000000)   /* before a deadline that only the clock's mover can reach */

typedef struct {
    lt_env env;
    lt_env *real;
    _Atomic int64_t wall_us;
    _Atomic uint64_t random;
} virtual_env;

static lt_env *real_of(lt_env *env)
{
    return ((virtual_env *)env)->real;
}

static int64_t virtual_wall_us(lt_env *env)
{
    return atomic_load(&((virtual_env *)env)->wall_us);
}

static int64_t virtual_mono_ns(lt_env *env)
{
    return atomic_load(&((virtual_env *)env)->wall_us) * 1000;
}

/* Repeatable: splitmix64 (Steele, Lea, Flood 2014) from a fixed start. */
static uint64_t virtual_random(lt_env *env)
{
    virtual_env *self = (virtual_env *)env;
    const uint64_t step = 0x9e3779b97f4a7c15ULL;
    uint64_t z = atomic_fetch_add(&self->random, step) + step;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* Nobody moves the clock while we wait, so waiting would be for ever. */
static void virtual_wait(lt_env *env, int64_t deadline_mono_ns, lt_file *const *files, size_t count)
{
    (void)deadline_mono_ns;
    if (count > 0) {
        lt_env *real = real_of(env);
        real->wait(real, real->mono_ns(real) + WAIT_NS, files, count);
    }
}

static void virtual_wake(lt_env *env)
{
    real_of(env)->wake(real_of(env));
}

static lt_status virtual_open(lt_env *env, const char *path, lt_open_mode mode, lt_file **out,
                              lt_error *err)
{
    return real_of(env)->open(real_of(env), path, mode, out, err);
}

static lt_status virtual_file_std(lt_env *env, int number, lt_file **out, lt_error *err)
{
    return real_of(env)->file_std(real_of(env), number, out, err);
}

static lt_status virtual_stat(lt_env *env, const char *path, lt_stat *out, lt_error *err)
{
    return real_of(env)->stat(real_of(env), path, out, err);
}

static lt_status virtual_list(lt_env *env, const char *path,
                              lt_status (*fn)(void *arg, const lt_dirent *entry), void *arg,
                              lt_error *err)
{
    return real_of(env)->list(real_of(env), path, fn, arg, err);
}

static lt_status virtual_rename(lt_env *env, const char *from, const char *to, lt_error *err)
{
    return real_of(env)->rename(real_of(env), from, to, err);
}

static lt_status virtual_unlink(lt_env *env, const char *path, lt_error *err)
{
    return real_of(env)->unlink(real_of(env), path, err);
}

static lt_status virtual_mkdirs(lt_env *env, const char *path, lt_error *err)
{
    return real_of(env)->mkdirs(real_of(env), path, err);
}

static const char *virtual_getenv(lt_env *env, const char *name)
{
    return real_of(env)->getenv(real_of(env), name);
}

static lt_waker *virtual_waker_new(lt_env *env)
{
    return real_of(env)->waker_new(real_of(env));
}

/* Another thread may signal, so this waits, but never long: with a deadline in virtual time it may
 * be this very thread that moves the clock. */
static void virtual_wait_on(lt_env *env, lt_waker *waker, int64_t deadline_mono_ns,
                            lt_file *const *files, size_t count)
{
    lt_env *real = real_of(env);
    int64_t wait_ns = deadline_mono_ns <= virtual_mono_ns(env)     ? 0
                      : deadline_mono_ns == INT64_MAX || count > 0 ? WAIT_NS
                                                                   : PAUSE_NS;
    real->wait_on(real, waker, real->mono_ns(real) + wait_ns, files, count);
}

static unsigned virtual_cpu_count(lt_env *env)
{
    return real_of(env)->cpu_count(real_of(env));
}

static int64_t virtual_process_id(lt_env *env)
{
    return real_of(env)->process_id(real_of(env));
}

static lt_status virtual_lock(lt_env *env, const char *path, lt_file **out, char *holder,
                              size_t holder_size, lt_error *err)
{
    return real_of(env)->lock(real_of(env), path, out, holder, holder_size, err);
}

static lt_status virtual_listen(lt_env *env, const char *address, lt_file **out, lt_error *err)
{
    return real_of(env)->listen(real_of(env), address, out, err);
}

static lt_status virtual_connect(lt_env *env, const char *address, lt_file **out, lt_error *err)
{
    return real_of(env)->connect(real_of(env), address, out, err);
}

static lt_status virtual_real_path(lt_env *env, const char *path, char *to, size_t size,
                                   lt_error *err)
{
    return real_of(env)->real_path(real_of(env), path, to, size, err);
}

static lt_status virtual_library_open(lt_env *env, const char *path, lt_library **out,
                                      lt_error *err)
{
    return real_of(env)->library_open(real_of(env), path, out, err);
}

static lt_status virtual_pages_open(lt_env *env, const char *dir, size_t size_max, lt_pages **out,
                                    lt_error *err)
{
    return real_of(env)->pages_open(real_of(env), dir, size_max, out, err);
}

static int64_t virtual_memory_bytes(lt_env *env)
{
    return real_of(env)->memory_bytes(real_of(env));
}

lt_env *lt_env_virtual_new(lt_env *real)
{
    virtual_env *self = lt_mem_zalloc(real->mem, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    self->env = *real; /* calls on handles need no environment: they stay */
    self->env.name = "virtual";
    self->env.wall_us = virtual_wall_us;
    self->env.mono_ns = virtual_mono_ns;
    self->env.random_u64 = virtual_random;
    self->env.wait = virtual_wait;
    self->env.wake = virtual_wake;
    self->env.open = virtual_open;
    self->env.file_std = virtual_file_std;
    self->env.stat = virtual_stat;
    self->env.list = virtual_list;
    self->env.rename = virtual_rename;
    self->env.unlink = virtual_unlink;
    self->env.mkdirs = virtual_mkdirs;
    self->env.getenv = virtual_getenv;
    self->env.waker_new = virtual_waker_new;
    self->env.wait_on = virtual_wait_on;
    self->env.cpu_count = virtual_cpu_count;
    self->env.process_id = virtual_process_id;
    self->env.lock = virtual_lock;
    self->env.listen = virtual_listen;
    self->env.connect = virtual_connect;
    self->env.real_path = virtual_real_path;
    self->env.library_open = virtual_library_open;
    self->env.pages_open = virtual_pages_open;
    self->env.memory_bytes = virtual_memory_bytes;
    self->real = real;
    return &self->env;
}

void lt_env_virtual_free(lt_env *env)
{
    if (env == NULL) {
        return;
    }
    virtual_env *self = (virtual_env *)env;
    lt_env *real = self->real;
    lt_mem_free(real->mem, self, sizeof *self);
    lt_env_real_free(real);
}

void lt_env_virtual_set(lt_env *env, int64_t wall_ms)
{
    virtual_env *self = (virtual_env *)env;
    int64_t now = atomic_load(&self->wall_us);
    while (now < wall_ms * 1000 &&
           !atomic_compare_exchange_weak(&self->wall_us, &now, wall_ms * 1000)) {
    }
}
