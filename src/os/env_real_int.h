/* What the files of the real environment share: env_real.c (clocks, opening, reading and writing,
 * the table), env_real_wait.c (sleeping and waking), env_real_name.c (names, directories, the
 * lock), env_real_socket.c, env_real_library.c.
 *
 * Threads: a handle belongs to one thread at a time. What handles share is constant after
 * lt_env_real_new, but for the bytes of `unread`, which unread_lock protects. */
#pragma once

#include <sys/stat.h>

#include "os/env.h"
#include "os/thread.h"

typedef struct {
    lt_env base;
    int wake_read;
    int wake_write;
    lt_mutex *unread_lock;
    lt_text unread; /* standard input's bytes to be delivered again, from unread_at */
    size_t unread_at;
} real_env;

typedef struct {
    real_env *env;
    int fd;
    int spare_fd; /* of a listener: given up to turn somebody away when descriptors run out; or -1
                   */
    lt_file_kind kind;
    bool socket;
    bool ours;        /* a socket made here: it does not block, and write gives up on its peer */
    bool owned;       /* close() closes the descriptor */
    bool name_synced; /* the directory entry is known to be durable, or not ours to care about */
    bool sync_failed;
    uint64_t named_device; /* of a listener's name, which close() removes; 0 and 0 = has none */
    uint64_t named_inode;
    size_t size; /* of this block */
    char path[]; /* for messages */
} real_file;

/* Handles. The descriptor of a new one is -1. */
lt_status real_file_new(real_env *self, const char *path, real_file **out, lt_error *err);
void real_close(lt_file *handle);

/* A process started without standard streams must not take a file of ours for one. -1 with errno on
 * failure; fd is closed then. */
int real_above_std(int fd);
/* open() again after signals, closed on exec; -1 with errno. */
int real_open_fd(const char *path, int flags);
bool real_is_pollable(const real_file *file);
/* Whether bytes were given back that this handle will read first. */
bool real_has_unread(const real_file *file);
lt_file_kind real_kind_of(mode_t mode, int fd);
void real_fill_stat(const struct stat *info, lt_file_kind kind, lt_stat *out);
int64_t real_mono_ns(lt_env *env);

/* env_real_wait.c */
bool real_wake_pipe(int fds[2]);
void real_wait(lt_env *env, int64_t deadline_mono_ns, lt_file *const *files, size_t count);
void real_wake(lt_env *env);
lt_waker *real_waker_new(lt_env *env);
void real_waker_free(lt_waker *waker);
void real_waker_signal(lt_waker *waker);
void real_wait_on(lt_env *env, lt_waker *waker, int64_t deadline_mono_ns, lt_file *const *files,
                  size_t count);
unsigned real_cpu_count(lt_env *env);
int64_t real_memory_bytes(lt_env *env);

/* env_real_name.c */
lt_status real_sync_dir_of(lt_env *env, const char *path, lt_error *err);
lt_status real_stat(lt_env *env, const char *path, lt_stat *out, lt_error *err);
lt_status real_list(lt_env *env, const char *path,
                    lt_status (*fn)(void *arg, const lt_dirent *entry), void *arg, lt_error *err);
lt_status real_rename(lt_env *env, const char *from, const char *to, lt_error *err);
lt_status real_unlink(lt_env *env, const char *path, lt_error *err);
lt_status real_mkdirs(lt_env *env, const char *path, lt_error *err);
lt_status real_lock(lt_env *env, const char *path, lt_file **out, char *holder, size_t holder_size,
                    lt_error *err);

/* env_real_socket.c */
lt_status real_listen(lt_env *env, const char *address, lt_file **out, lt_error *err);
lt_status real_accept(lt_file *listener, lt_file **out, lt_error *err);
lt_status real_connect(lt_env *env, const char *address, lt_file **out, lt_error *err);
int real_port_of(lt_file *listener);
/* Of a socket that is `ours`. */
lt_status real_socket_write(const real_file *file, const void *from, size_t size, lt_error *err);
/* Removes the name of a listener, when it is still its own. */
void real_socket_unname(const real_file *file);

/* env_real_library.c */
lt_status real_real_path(lt_env *env, const char *path, char *to, size_t size, lt_error *err);
lt_status real_library_open(lt_env *env, const char *path, lt_library **out, lt_error *err);
void *real_library_symbol(lt_library *library, const char *name);
void real_library_close(lt_library *library);

/* env_real_pages.c */
lt_status real_pages_open(lt_env *env, const char *dir, size_t size_max, lt_pages **out,
                          lt_error *err);
void real_pages_close(lt_pages *pages);
lt_status real_pages_move(lt_pages *pages, size_t at, size_t len, lt_error *err);
void real_pages_drop(lt_pages *pages, size_t at, size_t len);
void real_pages_free(lt_pages *pages, size_t at, size_t len, bool moved);
int64_t real_pages_resident(lt_pages *pages);
