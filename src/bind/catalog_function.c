/* Functions in the catalog, and the libraries behind those in C.
 *
 * A library is code that runs as this process. It is loaded only from directories that whoever
 * started the engine has named; what a statement says is looked for in them and, links resolved,
 * must still lie in one of them. A library is loaded once and stays until the catalog goes. */
#include "bind/catalog_int.h"

#define PATH_BYTES_MAX 4096

void lt_catalog_allow_native(lt_catalog *catalog, const char *directories)
{
    catalog->native_dirs = directories;
}

/* ---- names ---- */

lt_function_def *lt_catalog_function(lt_catalog *catalog, bool temporary, lt_str catalog_name,
                                     lt_str database, lt_str name)
{
    if (!temporary) {
        lt_database *found = lt_database_find(catalog, catalog_name, database);
        return found ? lt_map_get(found->functions, name) : NULL;
    }
    if (!catalog_name.ptr) {
        return lt_map_get(catalog->functions, name);
    }
    lt_function_def *def = NULL;
    lt_text key;
    lt_text_init(&key, catalog->mem);
    if (lt_catalog_key(&key, catalog_name, database, name)) {
        def = lt_map_get(catalog->functions, lt_text_str(&key));
    }
    lt_text_deinit(&key);
    return def;
}

lt_status lt_catalog_function_store(lt_catalog *catalog, lt_function_def *def, lt_error *err)
{
    bool ok;
    if (!def->catalog.ptr) {
        ok = lt_map_put(catalog->functions, def->name, def);
    } else if (def->temporary) {
        lt_text key;
        lt_text_init(&key, catalog->mem);
        ok = lt_catalog_key(&key, def->catalog, def->database, def->name) &&
             lt_map_put(catalog->functions, lt_text_str(&key), def);
        lt_text_deinit(&key);
    } else {
        lt_database *database = lt_database_find(catalog, def->catalog, def->database);
        LT_ASSERT(database); /* the path was resolved */
        ok = lt_map_put(database->functions, def->name, def);
    }
    return ok ? LT_OK : lt_error_nomem(err, "catalog");
}

void lt_catalog_function_remove(lt_catalog *catalog, const lt_function_def *def)
{
    if (!def->catalog.ptr) {
        (void)lt_map_remove(catalog->functions, def->name);
    } else if (!def->temporary) {
        lt_database *database = lt_database_find(catalog, def->catalog, def->database);
        (void)lt_map_remove(database->functions, def->name);
    } else {
        lt_text key;
        lt_text_init(&key, catalog->mem);
        if (lt_catalog_key(&key, def->catalog, def->database, def->name)) {
            (void)lt_map_remove(catalog->functions, lt_text_str(&key));
        }
        lt_text_deinit(&key);
    }
}

void lt_catalog_each_function(lt_catalog *catalog, lt_str catalog_name, lt_str database,
                              void (*fn)(void *arg, lt_function_def *def), void *arg)
{
    lt_str key;
    void *value;
    for (size_t i = 0; lt_map_at(catalog->functions, i, &key, &value); i++) {
        lt_function_def *def = value;
        if (!def->catalog.ptr ||
            (lt_str_eq(def->catalog, catalog_name) && lt_str_eq(def->database, database))) {
            fn(arg, def);
        }
    }
    lt_database *found = lt_database_find(catalog, catalog_name, database);
    for (size_t i = 0; found && lt_map_at(found->functions, i, &key, &value); i++) {
        const lt_function_def *def = value;
        if (!lt_catalog_function(catalog, true, def->catalog, def->database, def->name)) {
            fn(arg, value);
        }
    }
}

/* ---- libraries ---- */

static lt_status not_allowed(lt_error *err)
{
    lt_status st = lt_error_set(err, LT_ERR_PERMISSION,
                                "functions in C are not allowed: a library runs as this process, "
                                "with all its rights");
    lt_error_hint(err, "to allow those of a directory: --allow-native-functions DIR (a program: "
                       "leat_config.native_functions)");
    return st;
}

/* The next of the directories; false: there is none. */
static bool next_dir(const char **at, lt_str *out)
{
    while (**at == ':') {
        (*at)++;
    }
    const char *end = strchr(*at, ':');
    *out = (lt_str){*at, end ? (size_t)(end - *at) : strlen(*at)};
    *at += out->len;
    return out->len > 0;
}

static bool is_inside(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    while (len > 0 && dir[len - 1] == '/') {
        len--;
    }
    return strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* Does the text step out of its directory? */
static bool has_parent(lt_str path)
{
    for (size_t at = 0; at < path.len;) {
        size_t end = at;
        while (end < path.len && path.ptr[end] != '/') {
            end++;
        }
        if (end - at == 2 && path.ptr[at] == '.' && path.ptr[at + 1] == '.') {
            return true;
        }
        at = end + 1;
    }
    return false;
}

/* Where the library is, if the directory has it: *found. Missing files and directories are no
 * errors, as the next directory may have it. */
static lt_status look_into(lt_catalog *catalog, lt_str dir, lt_str file, char *out, bool *found,
                           lt_error *err)
{
    lt_env *env = catalog->env;
    char root[PATH_BYTES_MAX];
    char *folder = lt_arena_strndup(catalog->arena, dir.ptr, dir.len);
    char *path = file.ptr[0] == '/' ? lt_arena_strndup(catalog->arena, file.ptr, file.len)
                                    : lt_arena_printf(catalog->arena, LT_STR_FMT "/" LT_STR_FMT,
                                                      LT_STR_ARG(dir), LT_STR_ARG(file));
    *found = false;
    if (!folder || !path) {
        return lt_error_nomem(err, "a path");
    }
    lt_error ignored;
    if (env->real_path(env, folder, root, sizeof root, &ignored) != LT_OK ||
        env->real_path(env, path, out, PATH_BYTES_MAX, &ignored) != LT_OK) {
        return LT_OK;
    }
    if (!is_inside(out, root)) {
        lt_status st = lt_error_set(err, LT_ERR_PERMISSION, "the library '%s' lies outside of '%s'",
                                    path, folder);
        lt_error_hint(err, "libraries are only loaded from the directories that were allowed");
        return file.ptr[0] == '/' ? LT_OK : st;
    }
    *found = true;
    return LT_OK;
}

static lt_status find_library(lt_catalog *catalog, lt_str file, char *out, lt_error *err)
{
    const char *at = catalog->native_dirs;
    lt_str dir;
    bool found = false, any = false;
    if (!at) {
        return not_allowed(err);
    }
    if (has_parent(file)) {
        return lt_error_set(err, LT_ERR_PERMISSION,
                            "'..' is not allowed in the path of a library: '" LT_STR_FMT "'",
                            LT_STR_ARG(file));
    }
    while (!found && next_dir(&at, &dir)) {
        any = true;
        LT_TRY(look_into(catalog, dir, file, out, &found, err));
    }
    if (found) {
        return LT_OK;
    }
    if (!any) {
        return not_allowed(err);
    }
    lt_status st = lt_error_set(err, LT_ERR_SQL, "there is no library '" LT_STR_FMT "' in '%s'",
                                LT_STR_ARG(file), catalog->native_dirs);
    lt_error_hint(err, "libraries are only loaded from the directories that were allowed");
    return st;
}

static lt_status load(lt_catalog *catalog, const char *path, lt_catalog_library **out,
                      lt_error *err)
{
    for (lt_catalog_library *at = catalog->libraries; at; at = at->next) {
        if (strcmp(at->path, path) == 0) {
            *out = at;
            return LT_OK;
        }
    }
    lt_catalog_library *made = LT_NEW(catalog->arena, lt_catalog_library);
    if (!made) {
        return lt_error_nomem(err, "a library");
    }
    made->path = lt_arena_strndup(catalog->arena, path, strlen(path));
    if (!made->path) {
        return lt_error_nomem(err, "a library");
    }
    LT_TRY(catalog->env->library_open(catalog->env, path, &made->library, err));
    made->next = catalog->libraries;
    catalog->libraries = made;
    *out = made;
    return LT_OK;
}

lt_status lt_catalog_native_symbol(lt_catalog *catalog, lt_str text, const void **symbol,
                                   const char **path, lt_error *err)
{
    const char *hash = text.len > 0 ? memchr(text.ptr, '#', text.len) : NULL;
    size_t file_len = hash ? (size_t)(hash - text.ptr) : 0;
    char resolved[PATH_BYTES_MAX];
    lt_catalog_library *library;
    if (!catalog->native_dirs) {
        return not_allowed(err);
    }
    if (!hash || file_len == 0 || file_len + 1 == text.len) {
        lt_status st = lt_error_set(err, LT_ERR_SQL,
                                    "a function in C is written AS 'library.so#symbol', and not "
                                    "'" LT_STR_FMT "'",
                                    LT_STR_ARG(text));
        lt_error_hint(err, "the symbol is the constant of type leat_udf that the library exports");
        return st;
    }
    const char *name = lt_arena_strndup(catalog->arena, hash + 1, text.len - file_len - 1);
    if (!name) {
        return lt_error_nomem(err, "a library");
    }
    LT_TRY(find_library(catalog, (lt_str){text.ptr, file_len}, resolved, err));
    LT_TRY(load(catalog, resolved, &library, err));
    *path = library->path;
    *symbol = catalog->env->library_symbol(library->library, name);
    if (!*symbol) {
        lt_status st =
            lt_error_set(err, LT_ERR_SQL, "'%s' has no symbol '%s'", library->path, name);
        lt_error_hint(err, "it must be exported: LEAT_UDF_EXPORT const leat_udf %s = {..}", name);
        return st;
    }
    return LT_OK;
}

void lt_catalog_libraries_close(lt_catalog *catalog)
{
    for (lt_catalog_library *at = catalog->libraries; at; at = at->next) {
        catalog->env->library_close(at->library);
    }
    catalog->libraries = NULL;
}
