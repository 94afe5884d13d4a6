/* Sockets and the lock of the real environment. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/env.h"

#define SECOND_NS INT64_C(1000000000)

typedef struct {
    lt_mem mem;
    lt_env *env;
    char dir[64];
    char path[128];    /* in dir */
    char address[160]; /* unix: and path */
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
    (void)snprintf(fx->dir, sizeof fx->dir, "/tmp/leat_socket_XXXXXX");
    if (!fx->env || !mkdtemp(fx->dir)) {
        return -1;
    }
    (void)snprintf(fx->path, sizeof fx->path, "%s/name", fx->dir);
    (void)snprintf(fx->address, sizeof fx->address, "unix:%s", fx->path);
    return 0;
}

static int teardown(void **state)
{
    fixture *fx = *state;
    (void)fx->env->unlink(fx->env, fx->path, NULL);
    lt_status st = fx->env->unlink(fx->env, fx->dir, NULL);
    lt_env_real_free(fx->env);
    int64_t left = fx->mem.bytes;
    lt_mem_deinit(&fx->mem);
    free(fx);
    return st == LT_OK && left == 0 ? 0 : -1;
}

static lt_file *accept_ok(fixture *fx, lt_file *listener)
{
    lt_env *env = fx->env;
    lt_file *file = NULL;
    env->wait(env, env->mono_ns(env) + 20 * SECOND_NS, &listener, 1);
    assert_int_equal(env->accept(listener, &file, &fx->err), LT_OK);
    return file;
}

static void read_ok(fixture *fx, lt_file *file, const char *text)
{
    lt_env *env = fx->env;
    char bytes[64];
    size_t got = 0;
    env->wait(env, env->mono_ns(env) + 20 * SECOND_NS, &file, 1);
    assert_int_equal(env->read(file, bytes, sizeof bytes, &got, &fx->err), LT_OK);
    assert_int_equal(got, strlen(text));
    assert_memory_equal(bytes, text, got);
}

/* A conversation on a listener that is reachable by `address`. */
static void talk(fixture *fx, lt_file *listener, const char *address)
{
    lt_env *env = fx->env;
    lt_file *client;
    lt_file *server;
    char bytes[8];
    size_t got;
    lt_stat info;
    assert_int_equal(env->accept(listener, &server, &fx->err), LT_AGAIN);
    assert_null(server);
    if (env->connect(env, address, &client, &fx->err) != LT_OK) {
        fail_msg("%s", fx->err.text);
    }
    server = accept_ok(fx, listener);
    assert_int_equal(env->fstat(server, &info, &fx->err), LT_OK);
    assert_int_equal(info.kind, LT_FILE_PIPE);
    assert_int_equal(env->read(server, bytes, sizeof bytes, &got, &fx->err), LT_AGAIN);
    assert_int_equal(env->write(client, "stop\n", 5, &fx->err), LT_OK);
    read_ok(fx, server, "stop\n");
    assert_int_equal(env->write(server, "yes", 3, &fx->err), LT_OK);
    env->close(server);
    read_ok(fx, client, "yes");
    read_ok(fx, client, "");
    (void)env->write(client, "a", 1, &fx->err);
    assert_int_equal(env->write(client, "b", 1, &fx->err), LT_ERR_IO);
    assert_non_null(strstr(fx->err.text, "broken pipe"));
    env->close(client);
}

static void unix_sockets(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    lt_file *listener;
    lt_file *second;
    lt_file *client;
    struct stat info;
    assert_int_equal(env->connect(env, fx->address, &client, &fx->err), LT_ERR_CONNECT);
    assert_null(client);
    mode_t before = umask(0);
    assert_int_equal(env->listen(env, fx->address, &listener, &fx->err), LT_OK);
    (void)umask(before);
    assert_int_equal(stat(fx->path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(env->port_of(listener), 0);
    talk(fx, listener, fx->address);
    talk(fx, listener, fx->address);
    assert_int_equal(env->listen(env, fx->address, &second, &fx->err), LT_ERR_STATE);
    assert_non_null(strstr(fx->err.text, "in use"));
    assert_null(second);
    env->close(accept_ok(fx, listener)); /* the second one had a look whether somebody is there */
    talk(fx, listener, fx->address);
    env->close(listener);
    assert_int_equal(stat(fx->path, &info), -1);
}

static void stale_names_are_replaced_and_files_are_not(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    lt_file *listener;
    lt_file *other;
    struct stat info;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, fx->path, strlen(fx->path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    (void)close(fd); /* as a process leaves it that was killed */
    assert_int_equal(env->connect(env, fx->address, &other, &fx->err), LT_ERR_CONNECT);
    assert_int_equal(env->listen(env, fx->address, &listener, &fx->err), LT_OK);
    talk(fx, listener, fx->address);
    /* A listener removes only what is still its own. */
    assert_int_equal(unlink(fx->path), 0);
    assert_int_equal(lt_env_write_file(env, fx->path, "data", 4, &fx->err), LT_OK);
    env->close(listener);
    assert_int_equal(env->listen(env, fx->address, &listener, &fx->err), LT_ERR_STATE);
    assert_int_equal(stat(fx->path, &info), 0);
    assert_int_equal(info.st_size, 4);
}

static void tcp_sockets(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; i < LT_COUNT_OF(hosts); i++) {
        char address[64];
        lt_file *listener;
        lt_file *second;
        (void)snprintf(address, sizeof address, "tcp:%s:0", hosts[i]);
        lt_status st = env->listen(env, address, &listener, &fx->err);
        if (st != LT_OK && i > 0) {
            continue; /* this machine has no such address */
        }
        assert_int_equal(st, LT_OK);
        int port = env->port_of(listener);
        assert_in_range(port, 1, 65535);
        (void)snprintf(address, sizeof address, "tcp:%s:%d", hosts[i], port);
        talk(fx, listener, address);
        assert_int_equal(env->listen(env, address, &second, &fx->err), LT_ERR_STATE);
        env->close(listener);
        assert_int_equal(env->connect(env, address, &second, &fx->err), LT_ERR_CONNECT);
        assert_true(fx->err.retriable);
        /* At once again, though connections of before are in their last state. */
        assert_int_equal(env->listen(env, address, &listener, &fx->err), LT_OK);
        env->close(listener);
    }
}

static void bad_addresses(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    static const char *const bad[] = {
        "",           "unix:",          "tcp:",           "tcp:host",    "tcp::80",     "tcp:host:",
        "tcp:host:x", "tcp:host:65536", "tcp:::1:8",      "http://host", "tcp:host:-1", "tcp:[]:80",
        "/a/path",    "tcp:h:+80",      "tcp:h:00000080", "udp:h:80"};
    lt_file *file;
    for (size_t i = 0; i < LT_COUNT_OF(bad); i++) {
        assert_int_equal(env->listen(env, bad[i], &file, &fx->err), LT_ERR_USAGE);
        assert_null(file);
        assert_int_equal(env->connect(env, bad[i], &file, &fx->err), LT_ERR_USAGE);
        assert_true(fx->err.hint[0] != '\0');
    }
    char address[300] = "unix:/";
    memset(address + 6, 'x', 200);
    assert_int_equal(env->listen(env, address, &file, &fx->err), LT_ERR_LIMIT);
    (void)snprintf(address, sizeof address, "unix:%s/none/name", fx->dir);
    assert_int_equal(env->listen(env, address, &file, &fx->err), LT_ERR_IO);
    assert_int_equal(env->listen(env, "tcp:192.0.2.1:0", &file, &fx->err), LT_ERR_USAGE);
    for (int64_t nth = 0; nth < 3; nth++) {
        fx->mem.fail_at = fx->mem.alloc_count + nth;
        lt_status st = env->listen(env, fx->address, &file, &fx->err);
        assert_int_equal(st, nth == 0 ? LT_ERR_NOMEM : LT_OK);
        env->close(file);
    }
    fx->mem.fail_at = -1;
}

static void a_peer_that_does_not_read_is_given_up(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    lt_file *listener;
    lt_file *client;
    size_t size = (size_t)8 << 20;
    char *bytes = calloc(1, size);
    assert_non_null(bytes);
    assert_int_equal(env->listen(env, fx->address, &listener, &fx->err), LT_OK);
    assert_int_equal(env->connect(env, fx->address, &client, &fx->err), LT_OK);
    lt_file *server = accept_ok(fx, listener);
    int64_t start = env->mono_ns(env);
    assert_int_equal(env->write(client, bytes, size, &fx->err), LT_ERR_IO);
    assert_non_null(strstr(fx->err.text, "does not read"));
    int64_t took = env->mono_ns(env) - start;
    assert_true(took >= 4 * SECOND_NS && took < 30 * SECOND_NS);
    env->close(server);
    env->close(client);
    env->close(listener);
    free(bytes);
}

/* Out of descriptors: the connection is taken and closed, so that the listener is quiet again. */
static void no_descriptors_turn_peers_away(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    lt_file *listener;
    lt_file *client;
    lt_file *server;
    struct rlimit before;
    assert_int_equal(env->listen(env, fx->address, &listener, &fx->err), LT_OK);
    assert_int_equal(env->connect(env, fx->address, &client, &fx->err), LT_OK);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC); /* every number below it is taken */
    (void)close(next);
    struct rlimit tight = {.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    lt_status st = env->accept(listener, &server, &fx->err);
    lt_status st_again = env->accept(listener, &server, NULL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(st, LT_ERR_IO);
    assert_true(fx->err.retriable);
    assert_int_equal(st_again, LT_AGAIN);
    read_ok(fx, client, "");
    env->close(client);
    talk(fx, listener, fx->address);
    env->close(listener);
}

static void locks(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    lt_file *first;
    lt_file *second;
    char holder[32];
    char small[4];
    assert_int_equal(lt_env_write_file(env, fx->path, "old news", 8, &fx->err), LT_OK);
    assert_int_equal(env->lock(env, fx->path, &first, holder, sizeof holder, &fx->err), LT_OK);
    assert_string_equal(holder, "");
    assert_int_equal(env->lock(env, fx->path, &second, holder, sizeof holder, &fx->err),
                     LT_ERR_STATE);
    assert_string_equal(holder, ""); /* what an earlier holder wrote is gone */
    assert_int_equal(env->write(first, "pid 123\n", 8, &fx->err), LT_OK);
    assert_int_equal(env->lock(env, fx->path, &second, holder, sizeof holder, &fx->err),
                     LT_ERR_STATE);
    assert_null(second);
    assert_string_equal(holder, "pid 123");
    assert_non_null(strstr(fx->err.text, fx->path));
    assert_int_equal(env->lock(env, fx->path, &second, small, sizeof small, &fx->err),
                     LT_ERR_STATE);
    assert_string_equal(small, "pid");
    assert_int_equal(env->lock(env, fx->path, &second, NULL, 0, &fx->err), LT_ERR_STATE);
    env->close(first);
    assert_int_equal(env->lock(env, fx->path, &first, NULL, 0, &fx->err), LT_OK);
    env->close(first);
    char absent[160];
    (void)snprintf(absent, sizeof absent, "%s/none/lock", fx->dir);
    assert_int_equal(env->lock(env, absent, &first, NULL, 0, &fx->err), LT_ERR_IO);
    assert_null(first);
}

/* A holder that is killed leaves no lock behind. */
static void a_lock_ends_with_its_process(void **state)
{
    fixture *fx = *state;
    lt_env *env = fx->env;
    lt_file *file;
    char holder[32];
    char byte;
    int told[2];
    int hold[2];
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(hold), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)close(hold[1]);
        bool ok = env->lock(env, fx->path, &file, NULL, 0, NULL) == LT_OK &&
                  env->write(file, "child", 5, NULL) == LT_OK;
        (void)!write(told[1], ok ? "y" : "n", 1);
        (void)!read(hold[0], &byte, 1); /* until the parent closes its end */
        _exit(0);
    }
    assert_true(child > 0);
    (void)close(hold[0]);
    assert_int_equal(read(told[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    assert_int_equal(env->lock(env, fx->path, &file, holder, sizeof holder, &fx->err),
                     LT_ERR_STATE);
    assert_string_equal(holder, "child");
    (void)close(hold[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(env->lock(env, fx->path, &file, NULL, 0, &fx->err), LT_OK);
    env->close(file);
    (void)close(told[0]);
    (void)close(told[1]);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(unix_sockets),
        CASE(stale_names_are_replaced_and_files_are_not),
        CASE(tcp_sockets),
        CASE(bad_addresses),
        CASE(a_peer_that_does_not_read_is_given_up),
        CASE(no_descriptors_turn_peers_away),
        CASE(locks),
        CASE(a_lock_ends_with_its_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
