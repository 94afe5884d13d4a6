/* The world outside: clocks, randomness, files, standard streams, dynamic libraries, behind one
 * table, so that a simulator can stand in for it. Product code above this layer never calls libc
 * for any of these. Implementations: env_real.c and env_sim.c (env_sim.h).
 *
 * Calls do not block for long, except file I/O and wait(). All functions are thread-safe in the
 * real environment; a file or socket is used by one thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/str.h"

typedef struct lt_env lt_env;
typedef struct lt_file lt_file;
typedef struct lt_waker lt_waker;
typedef struct lt_library lt_library;

/* A range of addresses for memory whose contents may be moved to a file, so that there may be more
 * of it than memory. Addresses stay. Offsets and lengths below are multiples of `page`. */
typedef struct {
    uint8_t *base;
    size_t size;
    size_t page;
} lt_pages;

typedef enum {
    LT_OPEN_READ,   /* must exist */
    LT_OPEN_CREATE, /* create or truncate, read and write */
    LT_OPEN_APPEND, /* create or open, writes go to the end */
    LT_OPEN_EXCL    /* create; LT_ERR_IO when it exists */
} lt_open_mode;

typedef enum {
    LT_FILE_REGULAR,
    LT_FILE_DIR,
    LT_FILE_PIPE /* FIFO, socket, terminal */,
    LT_FILE_OTHER
} lt_file_kind;

typedef struct {
    lt_file_kind kind;
    uint64_t device;
    uint64_t inode;
    int64_t size;     /* bytes */
    int64_t mtime_ms; /* wall clock */
} lt_stat;

typedef struct {
    char name[256]; /* one path component */
    lt_file_kind kind;
} lt_dirent;

/* Fixed numbers of the standard streams for file_std. */
enum { LT_STDIN = 0, LT_STDOUT = 1, LT_STDERR = 2 };

struct lt_env {
    const char *name; /* "real" or "sim" */
    /* Clocks. */
    int64_t (*wall_us)(lt_env *env); /* since 1970, may jump */
    int64_t (*mono_ns)(lt_env *env); /* monotonic */
    uint64_t (*random_u64)(lt_env *env);
    /* Sleeps until mono_ns reaches the deadline, or wake() is called, or one of the files becomes
     * ready (readable for pipes; regular files never make it return). A signal ends it too. count
     * may be 0. */
    void (*wait)(lt_env *env, int64_t deadline_mono_ns, lt_file *const *files, size_t count);
    void (*wake)(lt_env *env); /* async-signal-safe */
    /* Files. Paths are NUL-terminated. Errors name the path and the system's reason; ENOENT,
     * EACCES, ENOSPC, EROFS, EMFILE .. get a hint; EACCES/EPERM give LT_ERR_PERMISSION, the others
     * LT_ERR_IO. */
    lt_status (*open)(lt_env *env, const char *path, lt_open_mode mode, lt_file **out,
                      lt_error *err);
    lt_status (*file_std)(lt_env *env, int number, lt_file **out,
                          lt_error *err); /* close() leaves the stream open */
    /* Bytes read, 0 at end of file. LT_AGAIN (got = 0) when a pipe has nothing now. */
    lt_status (*read)(lt_file *file, void *to, size_t size, size_t *got, lt_error *err);
    /* Reads all of it, less only at the end of the file. */
    /* Standard input only: these bytes will be read again, before what follows, by any handle of
     * file_std(LT_STDIN). For looks ahead. */
    lt_status (*unread)(lt_file *file, const void *bytes, size_t size, lt_error *err);
    lt_status (*pread)(lt_file *file, void *to, size_t size, int64_t offset, size_t *got,
                       lt_error *err);
    lt_status (*seek)(lt_file *file, int64_t offset, lt_error *err);
    /* Writes all of it or fails; a pipe that is full blocks. A closed pipe gives LT_ERR_IO with
     * text "... broken pipe", never SIGPIPE. */
    lt_status (*write)(lt_file *file, const void *from, size_t size, lt_error *err);
    lt_status (*truncate)(lt_file *file, int64_t size, lt_error *err);
    /* fdatasync; the first one of a file opened for writing makes its name durable too. After an
     * error the file must be given up (fsyncgate): the handle answers with an error from then on.
     */
    lt_status (*sync)(lt_file *file, lt_error *err);
    lt_status (*fstat)(lt_file *file, lt_stat *out, lt_error *err);
    void (*close)(lt_file *file);                                 /* accepts NULL */
    bool (*is_terminal)(lt_file *file, int *columns, int *lines); /* sizes may be NULL */
    /* Directories and names. */
    lt_status (*stat)(lt_env *env, const char *path, lt_stat *out, lt_error *err);
    /* Calls fn for each entry (not . and ..) in no particular order; a non-OK return of fn stops
     * and is returned. */
    lt_status (*list)(lt_env *env, const char *path,
                      lt_status (*fn)(void *arg, const lt_dirent *entry), void *arg, lt_error *err);
    /* Then syncs the directories; after an error the rename may or may not have happened. */
    lt_status (*rename)(lt_env *env, const char *from, const char *to, lt_error *err);
    lt_status (*unlink)(lt_env *env, const char *path,
                        lt_error *err); /* a file or an empty directory; not synced */
    lt_status (*mkdirs)(lt_env *env, const char *path,
                        lt_error *err);                   /* with parents, durably; exists = fine */
    const char *(*getenv)(lt_env *env, const char *name); /* borrowed; NULL when absent */
    /* ---- several threads (os/thread.h starts them) ----
     * A waker is what one thread sleeps on. signal: from any thread, async-signal-safe, cheap when
     * nobody sleeps; it is remembered until the next wait_on, so that no wake is lost. */
    lt_waker *(*waker_new)(lt_env *env); /* NULL = out of memory or descriptors */
    void (*waker_free)(lt_waker *waker); /* accepts NULL */
    void (*waker_signal)(lt_waker *waker);
    /* As wait(), ended by waker_signal() of this waker instead of wake(). */
    void (*wait_on)(lt_env *env, lt_waker *waker, int64_t deadline_mono_ns, lt_file *const *files,
                    size_t count);
    unsigned (*cpu_count)(lt_env *env); /* that this process may use; the simulator says 2 */
    int64_t (*process_id)(lt_env *env);
    /* ---- one holder ----
     * Takes the exclusive lock of a file (made when absent), held until close or the process's end.
     * LT_ERR_STATE when somebody else has it; the file's content is then in `holder` (may be NULL).
     * What is written to *out tells others who holds it. */
    lt_status (*lock)(lt_env *env, const char *path, lt_file **out, char *holder,
                      size_t holder_size, lt_error *err);
    /* ---- sockets ----
     * Addresses: "unix:/path" (made with mode 0600; a stale one is replaced) or "tcp:HOST:PORT"
     * (PORT 0 = any). read gives LT_AGAIN when nothing is there, 0 at the other side's end; write
     * waits at most 5 s for a peer that does not read. In wait files: readable or acceptable.
     * A listener's close removes its unix name. connect gives LT_ERR_CONNECT when nobody answers
     * (for TCP within 5 s), listen LT_ERR_STATE when somebody else listens there. Looking up a
     * host's name may block. The simulator has no network: LT_ERR_UNSUPPORTED. */
    lt_status (*listen)(lt_env *env, const char *address, lt_file **out, lt_error *err);
    lt_status (*accept)(lt_file *listener, lt_file **out, lt_error *err); /* LT_AGAIN: nobody */
    lt_status (*connect)(lt_env *env, const char *address, lt_file **out, lt_error *err);
    int (*port_of)(lt_file *listener); /* of a TCP listener */
    /* ---- dynamic libraries ----
     * The path without links, `.` and `..`, as the system sees it now; what it names must exist. */
    lt_status (*real_path)(lt_env *env, const char *path, char *to, size_t size, lt_error *err);
    /* Loads a library; its constructors run. path: from real_path. One that everybody may write is
     * refused with LT_ERR_PERMISSION, one that does not load is LT_ERR_IO with the loader's reason.
     * Its code stays in the process for good: closing gives back the handle. */
    lt_status (*library_open)(lt_env *env, const char *path, lt_library **out, lt_error *err);
    void *(*library_symbol)(lt_library *library, const char *name); /* NULL when it has none */
    void (*library_close)(lt_library *library);                     /* accepts NULL */
    /* ---- memory that may be moved to a file ----
     * open: a range of size_max or less, all of it usable as memory at once; what is not used takes
     * none. The file lies in dir, is made with the first move, has no name and ends with the range.
     * Calls on different parts of a range may come from several threads. */
    lt_status (*pages_open)(lt_env *env, const char *dir, size_t size_max, lt_pages **out,
                            lt_error *err);
    void (*pages_close)(lt_pages *pages); /* accepts NULL */
    /* Moves what is in memory to the file; nobody may write to it meanwhile. From then on it is
     * brought back page by page when it is used. After an error (ENOSPC: the disk is full) it is in
     * memory as before. Room on the disk is reserved: using moved pages never fails. */
    lt_status (*pages_move)(lt_pages *pages, size_t at, size_t len, lt_error *err);
    /* Lets go of moved pages that were brought back; they may be in use. */
    void (*pages_drop)(lt_pages *pages, size_t at, size_t len);
    /* Gives memory and room back; the contents are undefined. moved: all of it was, else none. */
    void (*pages_free)(lt_pages *pages, size_t at, size_t len, bool moved);
    /* Bytes of mapped files that the process has in memory, moved pages of all ranges among them;
     * 0 = not known. */
    int64_t (*pages_resident)(lt_pages *pages);
    int64_t (*memory_bytes)(lt_env *env); /* that this process may use; the simulator says 1 GiB */
    lt_mem *mem;                          /* what the environment itself allocates */
};

/* The process's environment; mem pays for files. Close with lt_env_real_free. NULL when out of
 * memory. */
lt_env *lt_env_real_new(lt_mem *mem);
void lt_env_real_free(lt_env *env); /* accepts NULL */

/* Reads a whole file of at most size_max bytes into text (appended). */
lt_status lt_env_read_file(lt_env *env, const char *path, size_t size_max, lt_text *to,
                           lt_error *err);
/* Writes a whole file durably: temp name, sync, rename. */
lt_status lt_env_write_file(lt_env *env, const char *path, const void *bytes, size_t size,
                            lt_error *err);
