/* Sockets of the real environment: "unix:/path" and "tcp:HOST:PORT".
 *
 * Descriptors never block. A connect waits for its peer at most CONNECT_NS, a write at most
 * WRITE_NS in all, so that nobody can hold a thread of ours by not reading.
 *
 * A unix socket's mode is set before it is bound: the umask belongs to the whole process and could
 * not be changed without touching files that other threads make. The name of a listener whose
 * process has gone refuses connections; only then it is replaced, and only when it is a socket. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "os/env_real_int.h"
#include "os/os_error.h"

#define CONNECT_NS    INT64_C(5000000000)
#define WRITE_NS      INT64_C(5000000000)
#define BACKLOG       64
#define HOST_SIZE     256
#define PORT_SIZE     8
#define WRITE_MAX     ((size_t)1 << 20) /* of one system call */
#define NS_PER_MS     INT64_C(1000000)
#define UNIX_MODE     0600
#define MODE_OF_NAMED 07777

typedef struct {
    bool is_unix;
    struct sockaddr_un path; /* of a unix socket */
    char host[HOST_SIZE];
    char port[PORT_SIZE];
} socket_address;

/* What open_tcp does with one resolved address. */
typedef enum { SOCKET_LISTEN, SOCKET_CONNECT } socket_use;

/* ---- Addresses ---- */

static lt_status bad_address(lt_error *err, const char *address)
{
    (void)lt_error_set(err, LT_ERR_USAGE, "'%s' is not the address of a socket", address);
    lt_error_hint(err, "write unix:/path or tcp:HOST:PORT, an IPv6 host in [brackets]");
    return LT_ERR_USAGE;
}

static lt_status parse_unix(const char *address, const char *path, socket_address *out,
                            lt_error *err)
{
    size_t len = strlen(path);
    if (len == 0) {
        return bad_address(err, address);
    }
    if (len >= sizeof out->path.sun_path) {
        (void)lt_error_set(err, LT_ERR_LIMIT,
                           "the path of a socket has at most %zu bytes, '%s' has %zu",
                           sizeof out->path.sun_path - 1, path, len);
        lt_error_hint(err, "choose a directory with a shorter path");
        return LT_ERR_LIMIT;
    }
    out->is_unix = true;
    out->path.sun_family = AF_UNIX;
    memcpy(out->path.sun_path, path, len + 1);
    return LT_OK;
}

/* 1 to 5 digits, at most 65535. */
static bool is_port(const char *text)
{
    unsigned value = 0;
    size_t len = strlen(text);
    if (len == 0 || len > 5 || strspn(text, "0123456789") != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    return value <= 65535;
}

static lt_status parse_tcp(const char *address, const char *at, socket_address *out, lt_error *err)
{
    const char *colon = strrchr(at, ':');
    if (!colon || !is_port(colon + 1)) {
        return bad_address(err, address);
    }
    size_t len = (size_t)(colon - at);
    if (len >= 2 && at[0] == '[' && at[len - 1] == ']') {
        at++;
        len -= 2;
    } else if (memchr(at, ':', len)) {
        return bad_address(err, address);
    }
    if (len == 0 || len >= sizeof out->host) {
        return bad_address(err, address);
    }
    memcpy(out->host, at, len);
    memcpy(out->port, colon + 1, strlen(colon + 1) + 1);
    return LT_OK;
}

static lt_status parse_address(const char *address, socket_address *out, lt_error *err)
{
    memset(out, 0, sizeof *out);
    if (strncmp(address, "unix:", 5) == 0) {
        return parse_unix(address, address + 5, out, err);
    }
    if (strncmp(address, "tcp:", 4) == 0) {
        return parse_tcp(address, address + 4, out, err);
    }
    return bad_address(err, address);
}

/* ---- Descriptors ---- */

#ifndef __linux__
static bool set_flags(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}
#endif

/* A new socket with our flags; -1 with errno. */
static int new_socket(int family)
{
#ifdef __linux__
    return real_above_std(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
#else
    int fd = real_above_std(socket(family, SOCK_STREAM, 0));
    if (fd >= 0 && !set_flags(fd)) {
        (void)close(fd);
        return -1;
    }
    return fd;
#endif
}

static int accept_fd(int listener)
{
    int fd;
    do {
#ifdef __linux__
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
#else
        fd = accept(listener, NULL, NULL);
#endif
    } while (fd < 0 && errno == EINTR);
    fd = real_above_std(fd);
#ifndef __linux__
    if (fd >= 0 && !set_flags(fd)) {
        (void)close(fd);
        return -1;
    }
#endif
    return fd;
}

/* Answers are short and wanted now. Fails on unix sockets, which is fine. */
static void set_nodelay(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Waits for events until the deadline: 1 = ready, 0 = too late, -1 with errno. */
static int await(int fd, short events, int64_t deadline_ns)
{
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = events};
        int64_t left_ns = deadline_ns - real_mono_ns(NULL);
        int64_t left_ms = left_ns > 0 ? (left_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
        int count = poll(&ready, 1, (int)left_ms);
        if (count >= 0 || errno != EINTR) {
            return count;
        }
    }
}

/* 0, or an errno: what became of a connection that was begun. */
static int finish_connect(int fd)
{
    int code = 0;
    socklen_t size = sizeof code;
    int ready = await(fd, POLLOUT, real_mono_ns(NULL) + CONNECT_NS);
    if (ready <= 0) {
        return ready == 0 ? ETIMEDOUT : errno;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno;
}

/* 0 or an errno. */
static int connect_fd(int fd, const struct sockaddr *to, socklen_t size)
{
    if (connect(fd, to, size) == 0) {
        return 0;
    }
    return errno == EINPROGRESS || errno == EINTR ? finish_connect(fd) : errno;
}

static lt_status connect_error(lt_error *err, const char *address, int code)
{
    switch (code) {
    case EACCES:
    case EPERM:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return lt_os_error(err, code, "connect to", address);
    case ENOENT:
    case ECONNREFUSED:
        (void)lt_error_set(err, LT_ERR_CONNECT, "cannot connect to '%s': nobody listens there",
                           address);
        break;
    case ETIMEDOUT:
    case EAGAIN: /* a unix listener that has not accepted for long */
        (void)lt_error_set(err, LT_ERR_CONNECT, "cannot connect to '%s': no answer", address);
        break;
    default:
        (void)lt_error_set(err, LT_ERR_CONNECT, "cannot connect to '%s': system error %d", address,
                           code);
        break;
    }
    if (err) {
        err->retriable = true;
    }
    return LT_ERR_CONNECT;
}

static lt_status listen_error(lt_error *err, const char *address, int code)
{
    if (code == EADDRINUSE) {
        return lt_error_set(err, LT_ERR_STATE, "cannot listen on '%s': the address is in use",
                            address);
    }
    if (code == EADDRNOTAVAIL) {
        return lt_error_set(err, LT_ERR_USAGE,
                            "cannot listen on '%s': it is no address of this machine", address);
    }
    return lt_os_error(err, code, "listen on", address);
}

/* ---- unix: ---- */

static int connect_unix(int fd, const struct sockaddr_un *path)
{
    return connect_fd(fd, (const struct sockaddr *)path, sizeof *path);
}

/* Whether the name is a socket's and nobody answers it. */
static bool is_stale(const struct sockaddr_un *path)
{
    struct stat info;
    if (lstat(path->sun_path, &info) != 0 || !S_ISSOCK(info.st_mode)) {
        return false; /* connecting to any other kind of file is refused as well */
    }
    int fd = new_socket(AF_UNIX);
    if (fd < 0) {
        return false;
    }
    bool refused = connect_unix(fd, path) == ECONNREFUSED;
    (void)close(fd);
    return refused;
}

static int bind_unix(int fd, const struct sockaddr_un *path)
{
    int rc = bind(fd, (const struct sockaddr *)path, sizeof *path);
    if (rc != 0 && errno == EADDRINUSE) {
        if (!is_stale(path)) {
            return EADDRINUSE;
        }
        (void)unlink(path->sun_path);
        rc = bind(fd, (const struct sockaddr *)path, sizeof *path);
    }
    return rc == 0 ? 0 : errno;
}

/* 0 or an errno. */
static int listen_unix(real_file *file, const struct sockaddr_un *path)
{
    struct stat info;
    file->fd = new_socket(AF_UNIX);
    if (file->fd < 0) {
        return errno;
    }
    /* Linux makes the name with this mode; elsewhere it counts from chmod on, which still comes
     * before anybody can connect. */
    (void)fchmod(file->fd, UNIX_MODE);
    int code = bind_unix(file->fd, path);
    if (code != 0) {
        return code;
    }
    if (lstat(path->sun_path, &info) != 0) {
        return errno;
    }
    file->named_device = (uint64_t)info.st_dev;
    file->named_inode = (uint64_t)info.st_ino;
    if ((info.st_mode & MODE_OF_NAMED) != UNIX_MODE && chmod(path->sun_path, UNIX_MODE) != 0) {
        return errno;
    }
    return listen(file->fd, BACKLOG) == 0 ? 0 : errno;
}

void real_socket_unname(const real_file *file)
{
    struct sockaddr_un path;
    socklen_t size = sizeof path;
    struct stat info;
    memset(&path, 0, sizeof path);
    if (getsockname(file->fd, (struct sockaddr *)&path, &size) != 0 || path.sun_family != AF_UNIX) {
        return;
    }
    if (lstat(path.sun_path, &info) == 0 && (uint64_t)info.st_dev == file->named_device &&
        (uint64_t)info.st_ino == file->named_inode) {
        (void)unlink(path.sun_path);
    }
}

/* ---- tcp: ---- */

static int use_tcp(int fd, const struct addrinfo *at, socket_use use)
{
    int on = 1;
    if (use == SOCKET_CONNECT) {
        set_nodelay(fd);
        return connect_fd(fd, at->ai_addr, at->ai_addrlen);
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        return errno;
    }
    return 0;
}

static lt_status resolve_error(lt_error *err, const char *host, int code)
{
    if (code == EAI_MEMORY) {
        return lt_error_nomem(err, "address of a host");
    }
    (void)lt_error_set(err, LT_ERR_CONNECT, "cannot find the host '%s': %s", host,
                       gai_strerror(code));
    lt_error_hint(err, "check the name, /etc/hosts and the name servers");
    if (err) {
        err->retriable = code == EAI_AGAIN;
    }
    return LT_ERR_CONNECT;
}

/* Tries the host's addresses in order until one works. */
static lt_status open_tcp(real_file *file, const socket_address *to, socket_use use, lt_error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(to->host, to->port, &hints, &found);
    if (code != 0) {
        return resolve_error(err, to->host, code);
    }
    code = EADDRNOTAVAIL;
    for (const struct addrinfo *at = found; at && file->fd < 0; at = at->ai_next) {
        int fd = new_socket(at->ai_family);
        code = fd < 0 ? errno : use_tcp(fd, at, use);
        if (fd >= 0 && code != 0) {
            (void)close(fd);
        } else {
            file->fd = fd;
        }
    }
    freeaddrinfo(found);
    if (file->fd >= 0) {
        return LT_OK;
    }
    return use == SOCKET_LISTEN ? listen_error(err, file->path, code)
                                : connect_error(err, file->path, code);
}

/* ---- The table's calls ---- */

static lt_status new_handle(real_env *self, const char *address, real_file **out, lt_error *err)
{
    LT_TRY(real_file_new(self, address, out, err));
    (*out)->kind = LT_FILE_PIPE;
    (*out)->socket = true;
    (*out)->ours = true;
    (*out)->owned = true;
    (*out)->name_synced = true;
    return LT_OK;
}

static lt_status listen_into(real_file *file, const socket_address *at, lt_error *err)
{
    if (at->is_unix) {
        int code = listen_unix(file, &at->path);
        if (code != 0) {
            return listen_error(err, file->path, code);
        }
    } else {
        LT_TRY(open_tcp(file, at, SOCKET_LISTEN, err));
    }
    file->spare_fd = real_above_std(fcntl(file->fd, F_DUPFD_CLOEXEC, LT_STDERR + 1));
    return file->spare_fd >= 0 ? LT_OK : lt_os_error(err, errno, "listen on", file->path);
}

static lt_status connect_into(real_file *file, const socket_address *to, lt_error *err)
{
    if (!to->is_unix) {
        return open_tcp(file, to, SOCKET_CONNECT, err);
    }
    file->fd = new_socket(AF_UNIX);
    int code = file->fd < 0 ? errno : connect_unix(file->fd, &to->path);
    return code == 0 ? LT_OK : connect_error(err, file->path, code);
}

static lt_status open_socket(lt_env *env, const char *address, socket_use use, lt_file **out,
                             lt_error *err)
{
    socket_address parsed;
    real_file *file = NULL;
    *out = NULL;
    LT_TRY(parse_address(address, &parsed, err));
    LT_TRY(new_handle((real_env *)env, address, &file, err));
    lt_status st =
        use == SOCKET_LISTEN ? listen_into(file, &parsed, err) : connect_into(file, &parsed, err);
    if (st != LT_OK) {
        real_close((lt_file *)file);
        return st;
    }
    *out = (lt_file *)file;
    return LT_OK;
}

lt_status real_listen(lt_env *env, const char *address, lt_file **out, lt_error *err)
{
    return open_socket(env, address, SOCKET_LISTEN, out, err);
}

lt_status real_connect(lt_env *env, const char *address, lt_file **out, lt_error *err)
{
    return open_socket(env, address, SOCKET_CONNECT, out, err);
}

/* Out of descriptors, the listener would stay ready and keep its thread busy: the spare one is
 * given up to take the connection and close it, which tells the peer. False when there was none to
 * take; the system looks for a descriptor first. */
static bool turn_away(real_file *listener)
{
    if (listener->spare_fd >= 0) {
        (void)close(listener->spare_fd);
    }
    int fd = accept_fd(listener->fd);
    bool none = fd < 0 && errno == EAGAIN;
    if (fd >= 0) {
        (void)close(fd);
    }
    listener->spare_fd = fcntl(listener->fd, F_DUPFD_CLOEXEC, LT_STDERR + 1);
    return !none;
}

lt_status real_accept(lt_file *handle, lt_file **out, lt_error *err)
{
    real_file *listener = (real_file *)handle;
    real_file *file = NULL;
    *out = NULL;
    LT_ASSERT(listener->ours);
    LT_TRY(new_handle(listener->env, listener->path, &file, err));
    file->fd = accept_fd(listener->fd);
    if (file->fd >= 0) {
        set_nodelay(file->fd);
        *out = (lt_file *)file;
        return LT_OK;
    }
    int code = errno;
    real_close((lt_file *)file);
    switch (code) {
    case EAGAIN:
    case ECONNABORTED: /* the peer left while it stood in the queue; Linux may tell other such */
    case EPROTO:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENETUNREACH:
    case EHOSTUNREACH:
        return LT_AGAIN;
    case EMFILE:
    case ENFILE:
        if (!turn_away(listener)) {
            return LT_AGAIN;
        }
        return lt_os_error(err, code, "accept a connection on", listener->path);
    default:
        return lt_os_error(err, code, "accept a connection on", listener->path);
    }
}

int real_port_of(lt_file *handle)
{
    const real_file *listener = (const real_file *)handle;
    struct sockaddr_storage at;
    socklen_t size = sizeof at;
    memset(&at, 0, sizeof at);
    if (getsockname(listener->fd, (struct sockaddr *)&at, &size) != 0) {
        return 0;
    }
    if (at.ss_family == AF_INET) {
        return ntohs(((const struct sockaddr_in *)&at)->sin_port);
    }
    return at.ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)&at)->sin6_port) : 0;
}

lt_status real_socket_write(const real_file *file, const void *from, size_t size, lt_error *err)
{
    const char *at = from;
    int64_t deadline_ns = 0; /* set by the first wait */
    while (size > 0) {
        ssize_t count = send(file->fd, at, LT_MIN(size, WRITE_MAX), MSG_NOSIGNAL);
        if (count > 0) {
            at += count;
            size -= (size_t)count;
            continue;
        }
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count == 0 || errno != EAGAIN) {
            return lt_os_error(err, count == 0 ? EIO : errno, "write", file->path);
        }
        deadline_ns = deadline_ns > 0 ? deadline_ns : real_mono_ns(NULL) + WRITE_NS;
        int ready = await(file->fd, POLLOUT, deadline_ns);
        if (ready < 0) {
            return lt_os_error(err, errno, "write", file->path);
        }
        if (ready == 0) {
            return lt_error_set(err, LT_ERR_IO, "cannot write '%s': the other side does not read",
                                file->path);
        }
    }
    return LT_OK;
}
