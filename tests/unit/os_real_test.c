/* The real environment against a scratch directory, pipes and sockets. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/env.h"
#include "os/os_error.h"

#define SECOND_NS INT64_C(1000000000)

typedef struct {
    lt_mem mem;
    lt_env *env;
    char dir[64];
    char path[128];
    char path2[128];
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
    (void)snprintf(fx->dir, sizeof fx->dir, "/tmp/leat_os_XXXXXX");
    if (!fx->env || !mkdtemp(fx->dir)) {
        return -1;
    }
    (void)snprintf(fx->path, sizeof fx->path, "%s/file", fx->dir);
    (void)snprintf(fx->path2, sizeof fx->path2, "%s/other", fx->dir);
    return 0;
}

typedef struct {
    lt_env *env;
    const char *dir;
    int count;
} lister;

static lt_status remove_entry(void *arg, const lt_dirent *entry)
{
    lister *self = arg;
    char path[600];
    (void)snprintf(path, sizeof path, "%s/%s", self->dir, entry->name);
    if (entry->kind == LT_FILE_DIR) {
        lister below = {self->env, path, 0};
        LT_TRY(self->env->list(self->env, path, remove_entry, &below, NULL));
    }
    self->count++;
    return self->env->unlink(self->env, path, NULL);
}

static int teardown(void **state)
{
    fixture *fx = *state;
    lister self = {fx->env, fx->dir, 0};
    (void)fx->env->list(fx->env, fx->dir, remove_entry, &self, NULL);
    lt_status st = fx->env->unlink(fx->env, fx->dir, NULL);
    lt_env_real_free(fx->env);
    int64_t left = fx->mem.bytes;
    lt_mem_deinit(&fx->mem);
    free(fx);
    return st == LT_OK && left == 0 ? 0 : -1;
}

static void modes_and_positions(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    lt_file *file;
    char bytes[32];
    size_t got;
    lt_stat info;
    assert_int_equal(env->open(env, fx->path, LT_OPEN_READ, &file, &fx->err), LT_ERR_IO);
    assert_null(file);
    assert_non_null(strstr(fx->err.text, fx->path));
    assert_non_null(strstr(fx->err.text, "no such file"));
    assert_true(fx->err.hint[0] != '\0');
    assert_int_equal(env->open(env, fx->path, LT_OPEN_CREATE, &file, &fx->err), LT_OK);
    assert_int_equal(env->write(file, "0123456789", 10, &fx->err), LT_OK);
    assert_int_equal(env->sync(file, &fx->err), LT_OK);
    assert_int_equal(env->sync(file, &fx->err), LT_OK);
    assert_int_equal(env->pread(file, bytes, sizeof bytes, 4, &got, &fx->err), LT_OK);
    assert_int_equal(got, 6);
    assert_memory_equal(bytes, "456789", 6);
    assert_int_equal(env->pread(file, bytes, 5, 100, &got, &fx->err), LT_OK);
    assert_int_equal(got, 0);
    assert_int_equal(env->pread(file, bytes, 5, -1, &got, &fx->err), LT_ERR_IO);
    assert_int_equal(env->seek(file, 2, &fx->err), LT_OK);
    assert_int_equal(env->read(file, bytes, 3, &got, &fx->err), LT_OK);
    assert_memory_equal(bytes, "234", 3);
    assert_int_equal(env->truncate(file, 7, &fx->err), LT_OK);
    assert_int_equal(env->fstat(file, &info, &fx->err), LT_OK);
    assert_int_equal(info.kind, LT_FILE_REGULAR);
    assert_int_equal(info.size, 7);
    assert_true(llabs(info.mtime_ms - env->wall_us(env) / 1000) < 60000);
    env->close(file);
    assert_int_equal(env->open(env, fx->path, LT_OPEN_EXCL, &file, &fx->err), LT_ERR_IO);
    assert_int_equal(env->open(env, fx->path, LT_OPEN_APPEND, &file, &fx->err), LT_OK);
    assert_int_equal(env->write(file, "xyz", 3, &fx->err), LT_OK);
    assert_int_equal(env->write(file, NULL, 0, &fx->err), LT_OK);
    assert_int_equal(env->read(file, bytes, 3, &got, &fx->err), LT_ERR_IO);
    env->close(file);
    assert_int_equal(env->open(env, fx->path, LT_OPEN_READ, &file, &fx->err), LT_OK);
    assert_int_equal(env->read(file, bytes, sizeof bytes, &got, &fx->err), LT_OK);
    assert_int_equal(got, 10);
    assert_memory_equal(bytes, "0123456xyz", 10);
    assert_int_equal(env->read(file, bytes, sizeof bytes, &got, &fx->err), LT_OK);
    assert_int_equal(got, 0);
    assert_int_equal(env->write(file, "a", 1, &fx->err), LT_ERR_IO);
    assert_false(env->is_terminal(file, NULL, NULL));
    env->close(file);
    env->close(NULL);
    assert_int_equal(env->open(env, fx->path, LT_OPEN_CREATE, &file, &fx->err), LT_OK);
    assert_int_equal(env->fstat(file, &info, &fx->err), LT_OK);
    assert_int_equal(info.size, 0);
    env->close(file);
}

static void directories_are_not_files(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    lt_file *file;
    for (int mode = LT_OPEN_READ; mode <= LT_OPEN_APPEND; mode++) {
        assert_int_equal(env->open(env, fx->dir, (lt_open_mode)mode, &file, &fx->err), LT_ERR_IO);
        assert_non_null(strstr(fx->err.text, "is a directory"));
        assert_true(fx->err.hint[0] != '\0');
        assert_null(file);
    }
    assert_int_equal(env->list(env, "/nonexistent", remove_entry, NULL, &fx->err), LT_ERR_IO);
}

static lt_status stop_listing(void *arg, const lt_dirent *entry)
{
    (void)entry;
    (*(int *)arg)++;
    return LT_END;
}

static lt_status count_kinds(void *arg, const lt_dirent *entry)
{
    int *counts = arg;
    counts[entry->kind]++;
    return LT_OK;
}

static void names(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    char deep[256];
    lt_stat info;
    (void)snprintf(deep, sizeof deep, "%s/a//b/c/", fx->dir);
    assert_int_equal(env->mkdirs(env, deep, &fx->err), LT_OK);
    assert_int_equal(env->mkdirs(env, deep, &fx->err), LT_OK);
    assert_int_equal(env->stat(env, deep, &info, &fx->err), LT_OK);
    assert_int_equal(info.kind, LT_FILE_DIR);
    (void)snprintf(deep, sizeof deep, "%s/a/b/c/final", fx->dir);
    assert_int_equal(lt_env_write_file(env, fx->path, "one", 3, &fx->err), LT_OK);
    assert_int_equal(lt_env_write_file(env, fx->path2, "two", 3, &fx->err), LT_OK);
    assert_int_equal(env->rename(env, fx->path, deep, &fx->err), LT_OK);
    assert_int_equal(env->stat(env, fx->path, &info, &fx->err), LT_ERR_IO);
    assert_int_equal(env->rename(env, fx->path, deep, &fx->err), LT_ERR_IO);
    assert_non_null(strstr(fx->err.text, fx->path));
    assert_int_equal(env->rename(env, fx->path2, "/nonexistent/x", &fx->err), LT_ERR_IO);
    assert_non_null(strstr(fx->err.text, "/nonexistent/x"));
    assert_int_equal(env->mkdirs(env, fx->path2, &fx->err), LT_ERR_IO);
    assert_non_null(strstr(fx->err.text, "not a directory"));
    (void)snprintf(deep, sizeof deep, "%s/link", fx->dir);
    assert_int_equal(symlink("nowhere", deep), 0);
    (void)snprintf(deep, sizeof deep, "%s/fifo", fx->dir);
    assert_int_equal(mkfifo(deep, 0600), 0);
    int counts[4] = {0};
    assert_int_equal(env->list(env, fx->dir, count_kinds, counts, &fx->err), LT_OK);
    assert_int_equal(counts[LT_FILE_REGULAR], 1);
    assert_int_equal(counts[LT_FILE_DIR], 1);
    assert_int_equal(counts[LT_FILE_PIPE], 1);
    assert_int_equal(counts[LT_FILE_OTHER], 1);
    int calls = 0;
    assert_int_equal(env->list(env, fx->dir, stop_listing, &calls, &fx->err), LT_END);
    assert_int_equal(calls, 1);
    (void)snprintf(deep, sizeof deep, "%s/a", fx->dir);
    assert_int_equal(env->unlink(env, deep, &fx->err), LT_ERR_IO);
    assert_non_null(strstr(fx->err.text, "not empty"));
    assert_int_equal(env->unlink(env, fx->path, &fx->err), LT_ERR_IO);
    /* A name without a directory lies in the working directory. */
    char before[512];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(fx->dir), 0);
    assert_int_equal(lt_env_write_file(env, "plain", "x", 1, &fx->err), LT_OK);
    assert_int_equal(env->mkdirs(env, "rel/dir", &fx->err), LT_OK);
    assert_int_equal(chdir(before), 0);
}

static void permissions(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    lt_file *file;
    assert_int_equal(lt_os_error(&fx->err, EACCES, "open", "/x"), LT_ERR_PERMISSION);
    assert_int_equal(lt_os_error(&fx->err, EPERM, "open", "/x"), LT_ERR_PERMISSION);
    assert_int_equal(lt_os_error(&fx->err, ENOMEM, "open", "/x"), LT_ERR_NOMEM);
    assert_int_equal(lt_os_error(&fx->err, 9999, "open", "/x"), LT_ERR_IO);
    assert_int_equal(lt_os_error(NULL, ENOSPC, "open", "/x"), LT_ERR_IO);
    char path_long[1000];
    memset(path_long, 'p', sizeof path_long);
    path_long[sizeof path_long - 1] = '\0';
    assert_int_equal(lt_os_error(&fx->err, ENOSPC, "write", path_long), LT_ERR_IO);
    assert_non_null(strstr(fx->err.text, "no space left"));
    if (geteuid() != 0) {
        assert_int_equal(lt_env_write_file(env, fx->path, "x", 1, &fx->err), LT_OK);
        assert_int_equal(chmod(fx->path, 0), 0);
        assert_int_equal(env->open(env, fx->path, LT_OPEN_READ, &file, &fx->err),
                         LT_ERR_PERMISSION);
    }
}

static void whole_files(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    lt_text text;
    size_t size = 300000;
    char *bytes = malloc(size);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)(i % 251);
    }
    lt_text_init(&text, &fx->mem);
    lt_text_puts(&text, "head");
    assert_int_equal(lt_env_write_file(env, fx->path, bytes, size, &fx->err), LT_OK);
    assert_int_equal(lt_env_read_file(env, fx->path, size, &text, &fx->err), LT_OK);
    assert_int_equal(text.len, size + 4);
    assert_memory_equal(text.ptr + 4, bytes, size);
    text.len = 4;
    assert_int_equal(lt_env_read_file(env, fx->path, size - 1, &text, &fx->err), LT_ERR_LIMIT);
    assert_string_equal(text.ptr, "head");
    assert_int_equal(lt_env_write_file(env, fx->path, "", 0, &fx->err), LT_OK);
    assert_int_equal(lt_env_read_file(env, fx->path, 0, &text, &fx->err), LT_OK);
    assert_string_equal(text.ptr, "head");
    lt_text_deinit(&text);
    for (int64_t nth = 0; nth < 20; nth++) {
        fx->mem.fail_at = fx->mem.alloc_count + nth;
        lt_status st = lt_env_write_file(env, fx->path, bytes, 100, &fx->err);
        lt_text_init(&text, &fx->mem);
        if (st == LT_OK) {
            st = lt_env_read_file(env, fx->path, 100, &text, &fx->err);
        }
        assert_true(st == LT_OK || st == LT_ERR_NOMEM);
        lt_text_deinit(&text);
    }
    fx->mem.fail_at = -1;
    free(bytes);
}

static void fifo_never_blocks(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    lt_file *in;
    lt_file *out;
    char bytes[16];
    size_t got;
    lt_stat info;
    assert_int_equal(mkfifo(fx->path, 0600), 0);
    assert_int_equal(env->open(env, fx->path, LT_OPEN_APPEND, &out, &fx->err), LT_ERR_IO);
    assert_non_null(strstr(fx->err.text, "no reader"));
    assert_int_equal(env->open(env, fx->path, LT_OPEN_READ, &in, &fx->err), LT_OK);
    assert_int_equal(env->fstat(in, &info, &fx->err), LT_OK);
    assert_int_equal(info.kind, LT_FILE_PIPE);
    assert_int_equal(env->read(in, bytes, sizeof bytes, &got, &fx->err), LT_AGAIN);
    assert_int_equal(got, 0);
    int64_t start = env->mono_ns(env);
    env->wait(env, start + SECOND_NS / 50, &in, 1);
    assert_true(env->mono_ns(env) >= start + SECOND_NS / 50);
    assert_int_equal(env->open(env, fx->path, LT_OPEN_CREATE, &out, &fx->err), LT_OK);
    assert_int_equal(env->read(in, bytes, sizeof bytes, &got, &fx->err), LT_AGAIN);
    assert_int_equal(env->write(out, "abc", 3, &fx->err), LT_OK);
    assert_int_equal(env->sync(out, &fx->err), LT_OK);
    start = env->mono_ns(env);
    env->wait(env, start + 60 * SECOND_NS, &in, 1);
    assert_true(env->mono_ns(env) < start + 30 * SECOND_NS);
    assert_int_equal(env->read(in, bytes, sizeof bytes, &got, &fx->err), LT_OK);
    assert_int_equal(got, 3);
    assert_int_equal(env->pread(in, bytes, 1, 0, &got, &fx->err), LT_ERR_IO);
    assert_int_equal(env->seek(in, 0, &fx->err), LT_ERR_IO);
    env->close(out);
    assert_int_equal(env->read(in, bytes, sizeof bytes, &got, &fx->err), LT_OK);
    assert_int_equal(got, 0);
    env->close(in);
}

static void broken_pipe_is_an_error_not_a_signal(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    lt_file *in;
    lt_file *out;
    sigset_t pending;
    assert_int_equal(mkfifo(fx->path, 0600), 0);
    assert_int_equal(env->open(env, fx->path, LT_OPEN_READ, &in, &fx->err), LT_OK);
    assert_int_equal(env->open(env, fx->path, LT_OPEN_APPEND, &out, &fx->err), LT_OK);
    env->close(in);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(env->write(out, "abc", 3, &fx->err), LT_ERR_IO);
        assert_non_null(strstr(fx->err.text, "broken pipe"));
        assert_int_equal(sigpending(&pending), 0);
        assert_int_equal(sigismember(&pending, SIGPIPE), 0);
    }
    env->close(out);
}

/* Runs fn with a descriptor in place of a standard stream. */
static void with_std(fixture *fx, int number, int fd, void (*fn)(fixture *fx, lt_file *file))
{
    lt_file *file;
    int saved = dup(number);
    assert_true(saved >= 0);
    assert_int_equal(dup2(fd, number), number);
    lt_status st = fx->env->file_std(fx->env, number, &file, &fx->err);
    if (st == LT_OK) {
        fn(fx, file);
        fx->env->close(file);
    }
    int still_open = fcntl(number, F_GETFD);
    (void)dup2(saved, number);
    (void)close(saved);
    assert_int_equal(st, LT_OK);
    assert_true(still_open >= 0);
}

static void read_pipe_stdin(fixture *fx, lt_file *file)
{
    char bytes[16];
    size_t got;
    assert_int_equal(fx->env->read(file, bytes, sizeof bytes, &got, &fx->err), LT_OK);
    assert_int_equal(got, 2);
    assert_int_equal(fx->env->read(file, bytes, sizeof bytes, &got, &fx->err), LT_AGAIN);
    assert_int_equal(fcntl(LT_STDIN, F_GETFL) & O_NONBLOCK, 0);
}

static void read_file_stdin(fixture *fx, lt_file *file)
{
    char bytes[16];
    size_t got;
    lt_stat info;
    assert_int_equal(fx->env->fstat(file, &info, &fx->err), LT_OK);
    assert_int_equal(info.kind, LT_FILE_REGULAR);
    assert_int_equal(fx->env->read(file, bytes, sizeof bytes, &got, &fx->err), LT_OK);
    assert_int_equal(got, 3);
    assert_int_equal(fx->env->read(file, bytes, sizeof bytes, &got, &fx->err), LT_OK);
    assert_int_equal(got, 0);
}

static void read_null_stdin(fixture *fx, lt_file *file)
{
    char byte;
    size_t got;
    assert_int_equal(fx->env->read(file, &byte, 1, &got, &fx->err), LT_OK);
    assert_int_equal(got, 0);
}

static void write_closed_socket(fixture *fx, lt_file *file)
{
    assert_int_equal(fx->env->write(file, "x", 1, &fx->err), LT_ERR_IO);
    assert_non_null(strstr(fx->err.text, "broken pipe"));
}

static void standard_streams(void **state)
{
    fixture *fx = *state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "ab", 2), 2);
    with_std(fx, LT_STDIN, fds[0], read_pipe_stdin);
    (void)close(fds[0]);
    (void)close(fds[1]);
    assert_int_equal(lt_env_write_file(fx->env, fx->path, "abc", 3, &fx->err), LT_OK);
    int fd = open(fx->path, O_RDONLY | O_CLOEXEC);
    with_std(fx, LT_STDIN, fd, read_file_stdin);
    (void)close(fd);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    with_std(fx, LT_STDIN, fd, read_null_stdin);
    (void)close(fd);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    (void)close(fds[1]);
    with_std(fx, LT_STDIN, fds[0], write_closed_socket);
    (void)close(fds[0]);
}

static void closed_standard_streams_stay_free(void **state)
{
    fixture *fx = *state;
    lt_file *file;
    lt_file *std;
    int saved = dup(LT_STDIN);
    assert_true(saved >= 0);
    (void)close(LT_STDIN);
    lt_status st_std = fx->env->file_std(fx->env, LT_STDIN, &std, &fx->err);
    lt_status st = fx->env->open(fx->env, fx->path, LT_OPEN_CREATE, &file, &fx->err);
    int taken = fcntl(LT_STDIN, F_GETFD);
    fx->env->close(file);
    (void)dup2(saved, LT_STDIN);
    (void)close(saved);
    assert_int_equal(st_std, LT_ERR_IO);
    assert_int_equal(st, LT_OK);
    assert_int_equal(taken, -1);
}

static void *wake_later(void *arg)
{
    lt_env *env = arg;
    (void)usleep(20000);
    env->wake(env);
    return NULL;
}

static void waking(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    pthread_t thread;
    int64_t start = env->mono_ns(env);
    assert_int_equal(pthread_create(&thread, NULL, wake_later, env), 0);
    env->wait(env, INT64_MAX, NULL, 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (int i = 0; i < 100000; i++) {
        env->wake(env); /* more than the pipe holds */
    }
    env->wait(env, start + 60 * SECOND_NS, NULL, 0); /* remembered */
    assert_true(env->mono_ns(env) < start + 30 * SECOND_NS);
    start = env->mono_ns(env);
    env->wait(env, start - 5, NULL, 0);
    env->wait(env, start + SECOND_NS / 100, NULL, 0); /* forgotten */
    assert_true(env->mono_ns(env) >= start + SECOND_NS / 100);
}

static void waiting_for_many(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    lt_file *files[60];
    lt_file *out;
    assert_int_equal(mkfifo(fx->path, 0600), 0);
    for (size_t i = 0; i < LT_COUNT_OF(files); i++) {
        assert_int_equal(env->open(env, fx->path, LT_OPEN_READ, &files[i], &fx->err), LT_OK);
    }
    int64_t start = env->mono_ns(env);
    env->wait(env, start + SECOND_NS / 50, files, LT_COUNT_OF(files));
    assert_true(env->mono_ns(env) >= start + SECOND_NS / 50);
    /* Out of memory it still returns, and soon. */
    fx->mem.fail_at = fx->mem.alloc_count;
    env->wait(env, start + 60 * SECOND_NS, files, LT_COUNT_OF(files));
    assert_true(env->mono_ns(env) < start + 30 * SECOND_NS);
    fx->mem.fail_at = -1;
    assert_int_equal(env->open(env, fx->path, LT_OPEN_APPEND, &out, &fx->err), LT_OK);
    assert_int_equal(env->write(out, "x", 1, &fx->err), LT_OK);
    env->wait(env, start + 60 * SECOND_NS, files, LT_COUNT_OF(files));
    assert_true(env->mono_ns(env) < start + 30 * SECOND_NS);
    env->close(out);
    for (size_t i = 0; i < LT_COUNT_OF(files); i++) {
        env->close(files[i]);
    }
}

static void too_many_files(void **state)
{
    fixture *fx = *state;
    lt_file *file;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit tight = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    lt_status st = fx->env->open(fx->env, fx->path, LT_OPEN_CREATE, &file, &fx->err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(st, LT_ERR_IO);
    assert_true(fx->err.retriable);
    assert_non_null(strstr(fx->err.hint, "ulimit"));
}

static void small_things(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    assert_string_equal(env->name, "real");
    assert_true(env->random_u64(env) != env->random_u64(env));
    assert_true(env->wall_us(env) > INT64_C(1600000000000000));
    assert_int_equal(setenv("LEAT_TEST_VALUE", "7", 1), 0);
    assert_string_equal(env->getenv(env, "LEAT_TEST_VALUE"), "7");
    assert_null(env->getenv(env, "LEAT_TEST_ABSENT"));
    lt_env_real_free(NULL);
    fx->mem.fail_at = fx->mem.alloc_count;
    assert_null(lt_env_real_new(&fx->mem));
    fx->mem.fail_at = -1;
}

/* The C library itself is one that can be loaded. */
static void libraries(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    lt_library *library = NULL;
    char path[4096];
    assert_int_equal(env->real_path(env, "/nowhere/x.so", path, sizeof path, &fx->err), LT_ERR_IO);
    assert_int_equal(env->real_path(env, "/usr/./../usr", path, sizeof path, &fx->err), LT_OK);
    assert_string_equal(path, "/usr");
    assert_int_equal(env->real_path(env, "/usr", path, 4, &fx->err), LT_ERR_IO);
    assert_int_equal(env->library_open(env, "/usr", &library, &fx->err), LT_ERR_IO);
    assert_int_equal(env->library_open(env, "/nowhere/x.so", &library, &fx->err), LT_ERR_IO);
    assert_int_equal(env->library_open(env, "/etc/passwd", &library, &fx->err), LT_ERR_IO);
    assert_non_null(strstr(fx->err.text, "cannot load '/etc/passwd'"));
    assert_null(library);
    env->library_close(NULL);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static lt_status count_entry(void *arg, const lt_dirent *entry)
{
    (void)entry;
    ((lister *)arg)->count++;
    return LT_OK;
}

/* Bytes stay at their addresses, whether they are in memory, in the file or brought back. */
static void pages_move_behind_their_addresses(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    lt_pages *pages = NULL;
    assert_int_equal(env->pages_open(env, fx->dir, (size_t)1 << 36, &pages, &fx->err), LT_OK);
    size_t page = pages->page;
    size_t len = 64 * page;
    assert_true(pages->size >= (size_t)1 << 30);
    uint8_t *at = pages->base + 3 * page;
    assert_int_equal(at[0] | at[len - 1], 0);
    for (size_t i = 0; i < len; i++) {
        at[i] = (uint8_t)(i * 7 >> 3);
    }
    for (int round = 0; round < 3; round++) {
        if (round == 0) {
            assert_int_equal(env->pages_move(pages, 3 * page, len, &fx->err), LT_OK);
        } else {
            env->pages_drop(pages, 3 * page, len);
        }
        for (size_t i = 0; i < len; i++) {
            assert_int_equal(at[i], (uint8_t)((i * 7 >> 3) + (size_t)round));
            at[i]++;
        }
    }
    assert_true(env->pages_resident(pages) >= 0);
    env->pages_free(pages, 3 * page, len, true);
    at[0] = 1; /* memory again */
    env->pages_free(pages, 3 * page, len, false);
    assert_int_equal(at[0], 0);
    /* The file has no name, and goes. */
    lister list = {env, fx->dir, 0};
    assert_int_equal(env->list(env, fx->dir, count_entry, &list, &fx->err), LT_OK);
    assert_int_equal(list.count, 0);
    env->pages_close(pages);
    env->pages_close(NULL);
    assert_true(env->memory_bytes(env) > 0);
    /* Where no file can be made nothing is lost. */
    (void)snprintf(fx->path, sizeof fx->path, "%s/absent", fx->dir);
    assert_int_equal(env->pages_open(env, fx->path, (size_t)1 << 30, &pages, &fx->err), LT_OK);
    pages->base[0] = 42;
    assert_int_equal(env->pages_move(pages, 0, page, &fx->err), LT_ERR_IO);
    assert_non_null(strstr(fx->err.text, "no such file"));
    assert_int_equal(pages->base[0], 42);
    env->pages_close(pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(modes_and_positions),
        CASE(directories_are_not_files),
        CASE(names),
        CASE(permissions),
        CASE(whole_files),
        CASE(fifo_never_blocks),
        CASE(broken_pipe_is_an_error_not_a_signal),
        CASE(standard_streams),
        CASE(closed_standard_streams_stay_free),
        CASE(waking),
        CASE(waiting_for_many),
        CASE(too_many_files),
        CASE(small_things),
        CASE(libraries),
        CASE(pages_move_behind_their_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
