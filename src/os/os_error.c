/* errno values in words. The words are leat's own for the codes that users meet, so that they do
 * not change with the C library or the locale; hints say what to do. */
#include "os/os_error.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Of a longer path the end is shown: it tells files apart. */
#define PATH_SHOWN_MAX 300

typedef struct {
    int code;
    lt_status status;
    bool retriable;
    const char *text;
    const char *hint; /* NULL = none */
} reason;

static const reason reasons[] = {
    {ENOENT, LT_ERR_IO, false, "no such file or directory",
     "check the path; a relative path starts at the working directory"},
    {EACCES, LT_ERR_PERMISSION, false, "permission denied",
     "check the permissions of the file and of the directories above it"},
    {EPERM, LT_ERR_PERMISSION, false, "operation not permitted",
     "check the owner, the attributes and the mount options of the file"},
    {ENOSPC, LT_ERR_IO, false, "no space left on the device", "free space on the device"},
#ifdef EDQUOT
    {EDQUOT, LT_ERR_IO, false, "disk quota exceeded", "free space or raise the quota"},
#endif
    {EROFS, LT_ERR_IO, false, "the file system is read-only",
     "choose another directory or remount the file system for writing"},
    {EMFILE, LT_ERR_IO, true, "too many open files in this process",
     "raise the limit of open files (ulimit -n)"},
    {ENFILE, LT_ERR_IO, true, "too many open files in the system",
     "raise the system's limit of open files (fs.file-max)"},
    {EISDIR, LT_ERR_IO, false, "it is a directory", "name a file in it"},
    {ENOTDIR, LT_ERR_IO, false, "a part of the path is not a directory", "check the path"},
    {EEXIST, LT_ERR_IO, false, "it exists already", NULL},
    {ENOTEMPTY, LT_ERR_IO, false, "the directory is not empty", NULL},
    {ENAMETOOLONG, LT_ERR_IO, false, "the name is too long", NULL},
    {ELOOP, LT_ERR_IO, false, "too many symbolic links", "look for a link that leads to itself"},
    {EXDEV, LT_ERR_IO, false, "source and target are on different devices",
     "keep temporary and final files on one file system"},
    {EPIPE, LT_ERR_IO, false, "broken pipe", NULL},
    {ECONNRESET, LT_ERR_IO, false, "broken pipe", NULL},
    {ENXIO, LT_ERR_IO, false, "no device or no reader at the other end",
     "start the reader of a named pipe first"},
    {ESPIPE, LT_ERR_IO, false, "a pipe has no positions", NULL},
    {EIO, LT_ERR_IO, false, "the device failed", "look into the system's log"},
    {EFBIG, LT_ERR_IO, false, "the file would be too large", NULL},
    {EBADF, LT_ERR_IO, false, "it is not open", NULL},
    {EBUSY, LT_ERR_IO, false, "it is in use", NULL},
    {EINVAL, LT_ERR_IO, false, "not possible with this kind of file", NULL},
    {ENOMEM, LT_ERR_NOMEM, true, "out of memory", NULL},
};

static const reason *find_reason(int code)
{
    for (size_t i = 0; i < LT_COUNT_OF(reasons); i++) {
        if (reasons[i].code == code) {
            return &reasons[i];
        }
    }
    return NULL;
}

lt_status lt_os_error(lt_error *err, int code, const char *verb, const char *path)
{
    const reason *known = find_reason(code);
    size_t len = strlen(path);
    const char *cut = len > PATH_SHOWN_MAX ? "..." : "";
    const char *shown = len > PATH_SHOWN_MAX ? path + len - PATH_SHOWN_MAX : path;
    if (!known) {
        return lt_error_set(err, LT_ERR_IO, "cannot %s '%s%s': system error %d", verb, cut, shown,
                            code);
    }
    (void)lt_error_set(err, known->status, "cannot %s '%s%s': %s", verb, cut, shown, known->text);
    if (known->hint) {
        lt_error_hint(err, "%s", known->hint);
    }
    if (err) {
        err->retriable = known->retriable;
    }
    return known->status;
}
