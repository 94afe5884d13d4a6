/* Dynamic libraries of the simulation: files on its disk that a test made, each with one symbol.
 * There are no links; a path is resolved by its text. */
#include <errno.h>
#include <string.h>

#include "os/env_sim_int.h"
#include "os/os_error.h"

typedef struct sim_library {
    struct sim_library *next;
    lt_mem *mem;
    const void *address;
    size_t path_len;
    size_t size; /* of this block */
    char text[]; /* path, symbol, both with their NUL */
} sim_library;

static const char *symbol_of(const sim_library *library)
{
    return library->text + library->path_len + 1;
}

/* Appends one part of a path to the `len` bytes in `to`; false: no room. */
static bool add_part(char *to, size_t size, size_t *len, lt_str part)
{
    if (part.len == 0 || (part.len == 1 && part.ptr[0] == '.')) {
        return true;
    }
    if (part.len == 2 && part.ptr[0] == '.' && part.ptr[1] == '.') {
        while (*len > 0 && to[--*len] != '/') {
        }
        return true;
    }
    if (*len + 1 + part.len + 1 > size) {
        return false;
    }
    to[(*len)++] = '/';
    memcpy(to + *len, part.ptr, part.len);
    *len += part.len;
    return true;
}

lt_status sim_real_path(lt_env *env, const char *path, char *to, size_t size, lt_error *err)
{
    lt_stat info;
    size_t len = 0;
    LT_TRY(env->stat(env, path, &info, err));
    for (const char *at = path; *at != '\0';) {
        const char *end = strchr(at, '/');
        size_t part = end != NULL ? (size_t)(end - at) : strlen(at);
        if (!add_part(to, size, &len, (lt_str){at, part})) {
            return lt_os_error(err, ENAMETOOLONG, "find", path);
        }
        at += part + (end != NULL ? 1 : 0);
    }
    if (len == 0) {
        to[len++] = '/';
    }
    to[len] = '\0';
    return LT_OK;
}

lt_status sim_library_open(lt_env *env, const char *path, lt_library **out, lt_error *err)
{
    sim_env *self = (sim_env *)env;
    *out = NULL;
    LT_TRY(sim_check_power(self, err));
    for (sim_library *at = self->libraries; at != NULL; at = at->next) {
        if (strcmp(at->text, path) == 0) {
            *out = (lt_library *)at;
            return LT_OK;
        }
    }
    return lt_error_set(err, LT_ERR_IO, "cannot load '%s': it is no library", path);
}

void *sim_library_symbol(lt_library *library, const char *name)
{
    const sim_library *self = (const sim_library *)library;
    return strcmp(symbol_of(self), name) == 0 ? (void *)(uintptr_t)self->address : NULL;
}

void sim_library_close(lt_library *library)
{
    (void)library; /* belongs to the environment */
}

void sim_libraries_free(sim_env *self)
{
    while (self->libraries != NULL) {
        sim_library *next = self->libraries->next;
        lt_mem_free(self->libraries->mem, self->libraries, self->libraries->size);
        self->libraries = next;
    }
}

lt_status lt_sim_library(lt_env *env, const char *path, const char *symbol, const void *address,
                         lt_error *err)
{
    sim_env *self = (sim_env *)env;
    size_t path_len = strlen(path);
    size_t size = sizeof(sim_library) + path_len + strlen(symbol) + 2;
    LT_TRY(lt_sim_put(env, path, "library", 7, err));
    sim_library *made = lt_mem_zalloc(env->mem, size);
    if (made == NULL) {
        return lt_error_nomem(err, "a library");
    }
    made->mem = env->mem;
    made->size = size;
    made->address = address;
    made->path_len = path_len;
    memcpy(made->text, path, path_len + 1);
    memcpy(made->text + path_len + 1, symbol, strlen(symbol) + 1);
    made->next = self->libraries;
    self->libraries = made;
    return LT_OK;
}
