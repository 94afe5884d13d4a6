/* Dynamic libraries of the real environment: dlopen(3).
 *
 * Symbols are bound at once, so that a missing one is an error here and not a crash later, and kept
 * local, so that two libraries do not see each other's. NODELETE: code that has run may have left
 * pointers to itself in the process (exit handlers, thread-specific data), so it stays. */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "os/env_real_int.h"
#include "os/os_error.h"

typedef struct {
    lt_mem *mem;
    void *handle;
} real_library;

lt_status real_real_path(lt_env *env, const char *path, char *to, size_t size, lt_error *err)
{
    char resolved[PATH_MAX];
    (void)env;
    if (realpath(path, resolved) == NULL) {
        return lt_os_error(err, errno, "find", path);
    }
    size_t len = strlen(resolved);
    if (len + 1 > size) {
        return lt_os_error(err, ENAMETOOLONG, "find", path);
    }
    memcpy(to, resolved, len + 1);
    return LT_OK;
}

lt_status real_library_open(lt_env *env, const char *path, lt_library **out, lt_error *err)
{
    struct stat info;
    *out = NULL;
    if (stat(path, &info) != 0) {
        return lt_os_error(err, errno, "load", path);
    }
    if (!S_ISREG(info.st_mode)) {
        return lt_error_set(err, LT_ERR_IO, "cannot load '%s': it is no file", path);
    }
    if ((info.st_mode & S_IWOTH) != 0) {
        lt_error_set(err, LT_ERR_PERMISSION, "cannot load '%s': everybody may write to it", path);
        lt_error_hint(err, "chmod o-w '%s'", path);
        return LT_ERR_PERMISSION;
    }
    real_library *self = lt_mem_zalloc(env->mem, sizeof *self);
    if (self == NULL) {
        return lt_error_nomem(err, "a library");
    }
    self->mem = env->mem;
    self->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (self->handle == NULL) {
        const char *why = dlerror();
        lt_mem_free(env->mem, self, sizeof *self);
        return lt_error_set(err, LT_ERR_IO, "cannot load '%s': %s", path,
                            why != NULL ? why : "the loader refuses it");
    }
    *out = (lt_library *)self;
    return LT_OK;
}

void *real_library_symbol(lt_library *library, const char *name)
{
    return dlsym(((real_library *)library)->handle, name);
}

void real_library_close(lt_library *library)
{
    real_library *self = (real_library *)library;
    if (self != NULL) {
        (void)dlclose(self->handle);
        lt_mem_free(self->mem, self, sizeof *self);
    }
}
