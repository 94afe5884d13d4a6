/* Discovery: a walk over directories, in sorted order, of what a path or glob names. Flink promises
 * no order between files; sorted order makes a bounded read the same every time. */
#include "connector/filesystem/files.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/assert.h"

#define PATH_ARENA_MAX  (512u << 20)
#define REGEX_MATCH_MAX 100000 /* backtracking steps; a pattern that needs more does not match */

lt_status lt_file_list_init(lt_file_list *list, lt_mem *mem, lt_error *err)
{
    memset(list, 0, sizeof *list);
    list->mem = mem;
    list->arena = lt_arena_new(mem, PATH_ARENA_MAX);
    return list->arena != NULL ? LT_OK : lt_error_nomem(err, "a list of files");
}

void lt_file_list_deinit(lt_file_list *list)
{
    if (list->mem != NULL) {
        lt_array_deinit(&list->found, list->mem);
        lt_arena_free(list->arena);
        list->arena = NULL;
    }
}

/* ---- regular expressions on whole paths ---- */

struct lt_path_regex {
    lt_mem *mem;
    pcre2_general_context *general;
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
};

#define HEAD_BYTES 16

static void *regex_alloc(size_t size, void *mem)
{
    char *block = lt_mem_alloc(mem, size + HEAD_BYTES);
    if (block == NULL) {
        return NULL;
    }
    size_t whole = size + HEAD_BYTES;
    memcpy(block, &whole, sizeof whole);
    return block + HEAD_BYTES;
}

static void regex_dealloc(void *ptr, void *mem)
{
    if (ptr != NULL) {
        char *block = (char *)ptr - HEAD_BYTES;
        size_t whole;
        memcpy(&whole, block, sizeof whole);
        lt_mem_free(mem, block, whole);
    }
}

void lt_path_regex_free(lt_path_regex *regex)
{
    if (regex == NULL) {
        return;
    }
    pcre2_match_data_free(regex->match);
    pcre2_match_context_free(regex->context);
    pcre2_code_free(regex->code);
    pcre2_general_context_free(regex->general);
    lt_mem_free(regex->mem, regex, sizeof *regex);
}

lt_status lt_path_regex_new(lt_mem *mem, lt_str pattern, lt_path_regex **out, lt_error *err)
{
    *out = NULL;
    lt_path_regex *regex = lt_mem_zalloc(mem, sizeof *regex);
    if (regex == NULL) {
        return lt_error_nomem(err, "a path pattern");
    }
    regex->mem = mem;
    int code = 0;
    size_t at = 0;
    regex->general = pcre2_general_context_create(regex_alloc, regex_dealloc, mem);
    pcre2_compile_context *compile =
        regex->general ? pcre2_compile_context_create(regex->general) : NULL;
    if (compile != NULL) {
        regex->code = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len,
                                    PCRE2_ANCHORED | PCRE2_ENDANCHORED, &code, &at, compile);
        regex->match = pcre2_match_data_create(1, regex->general);
        regex->context = pcre2_match_context_create(regex->general);
        pcre2_compile_context_free(compile);
    }
    if (regex->code == NULL && code != 0 && code != PCRE2_ERROR_HEAP_FAILED) {
        unsigned char text[128] = "";
        (void)pcre2_get_error_message(code, text, sizeof text);
        lt_path_regex_free(regex);
        return lt_error_set(
            err, code == 121 ? LT_ERR_NOMEM : LT_ERR_SQL,
            "'source.path.regex-pattern' is not a regular expression: %s at character %zu", text,
            at);
    }
    if (regex->code == NULL || regex->match == NULL || regex->context == NULL) {
        lt_path_regex_free(regex);
        return lt_error_nomem(err, "a path pattern");
    }
    (void)pcre2_set_match_limit(regex->context, REGEX_MATCH_MAX);
    *out = regex;
    return LT_OK;
}

static bool regex_fits(const lt_path_regex *regex, lt_str path)
{
    return regex == NULL || pcre2_match(regex->code, (PCRE2_SPTR)path.ptr, path.len, 0, 0,
                                        regex->match, regex->context) >= 0;
}

/* ---- paths and globs ---- */

lt_status lt_local_path(lt_arena *arena, lt_str path, const char **out, lt_error *err)
{
    *out = NULL;
    if (lt_str_starts(path, LT_STR("file:"))) {
        path = (lt_str){path.ptr + 5, path.len - 5};
        if (lt_str_starts(path, LT_STR("//"))) {
            const char *slash = path.len > 2 ? memchr(path.ptr + 2, '/', path.len - 2) : NULL;
            size_t skip = slash != NULL ? (size_t)(slash - path.ptr) : path.len;
            path = (lt_str){path.ptr + skip, path.len - skip};
        }
    } else {
        for (size_t i = 0; i + 2 < path.len && path.ptr[i] != '/'; i++) {
            if (memcmp(path.ptr + i, "://", 3) == 0) {
                return lt_error_set(err, LT_ERR_UNSUPPORTED,
                                    "path '" LT_STR_FMT
                                    "': only local files are read and written, not " LT_STR_FMT
                                    "://",
                                    LT_STR_ARG(path), (int)i, path.ptr);
            }
        }
    }
    if (path.len == 0 || memchr(path.ptr, '\0', path.len) != NULL) {
        return lt_error_set(err, LT_ERR_SQL, "the option 'path' is empty");
    }
    while (path.len > 1 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    *out = lt_arena_strndup(arena, path.ptr, path.len);
    return *out != NULL ? LT_OK : lt_error_nomem(err, "a path");
}

bool lt_path_is_glob(lt_str path)
{
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] == '*' || path.ptr[i] == '?' || path.ptr[i] == '[') {
            return true;
        }
    }
    return false;
}

/* `[..]` at pattern[0]: does it take ch? Gives its length, 0 when it is not closed. */
static size_t class_match(lt_str pattern, char ch, bool *fits)
{
    size_t at = 1;
    bool negated = at < pattern.len && (pattern.ptr[at] == '!' || pattern.ptr[at] == '^');
    at += negated;
    bool hit = false;
    for (size_t first = at; at < pattern.len; at++) {
        if (pattern.ptr[at] == ']' && at > first) {
            *fits = hit != negated;
            return at + 1;
        }
        unsigned char low = (unsigned char)pattern.ptr[at];
        unsigned char high = low;
        if (at + 2 < pattern.len && pattern.ptr[at + 1] == '-' && pattern.ptr[at + 2] != ']') {
            high = (unsigned char)pattern.ptr[at + 2];
            at += 2;
        }
        hit = hit || ((unsigned char)ch >= low && (unsigned char)ch <= high);
    }
    return 0;
}

bool lt_glob_match(lt_str pattern, lt_str name)
{
    /* One level of backtracking is enough: a later * makes an earlier one's choice final. */
    size_t p = 0;
    size_t n = 0;
    size_t star_p = SIZE_MAX;
    size_t star_n = 0;
    while (n < name.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star_p = p++;
            star_n = n;
            continue;
        }
        if (p < pattern.len) {
            bool fits = pattern.ptr[p] == '?' || pattern.ptr[p] == name.ptr[n];
            size_t used = 1;
            if (pattern.ptr[p] == '[') {
                size_t len =
                    class_match((lt_str){pattern.ptr + p, pattern.len - p}, name.ptr[n], &fits);
                used = len > 0 ? len : 1;
            }
            if (fits) {
                p += used;
                n++;
                continue;
            }
        }
        if (star_p == SIZE_MAX) {
            return false;
        }
        p = star_p + 1;
        n = ++star_n;
    }
    while (p < pattern.len && pattern.ptr[p] == '*') {
        p++;
    }
    return p == pattern.len;
}

/* ---- the walk ---- */

typedef struct {
    lt_file_list *list;
    lt_env *env;
    const lt_path_regex *regex;
    lt_error *err;
} walk;

typedef struct {
    walk *w;
    LT_ARRAY(char *) names;
} listing;

static lt_status take_name(void *arg, const lt_dirent *entry)
{
    listing *dir = arg;
    char *name = lt_arena_strndup(dir->w->list->arena, entry->name, strlen(entry->name));
    if (name == NULL || !lt_array_push(&dir->names, dir->w->list->mem, name)) {
        return lt_error_nomem(dir->w->err, "a directory listing");
    }
    return LT_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_hidden(const char *name)
{
    return name[0] == '.' || name[0] == '_';
}

static lt_status add_file(walk *w, char *path, const lt_stat *stat)
{
    if (!regex_fits(w->regex, lt_str_of(path))) {
        return LT_OK;
    }
    if (w->list->found.count >= LT_FILES_MAX) {
        return lt_error_set(w->err, LT_ERR_LIMIT, "more than %d files in one table", LT_FILES_MAX);
    }
    lt_found found = {.path = path, .stat = *stat};
    return lt_array_push(&w->list->found, w->list->mem, found)
               ? LT_OK
               : lt_error_nomem(w->err, "a list of files");
}

static char *join(walk *w, const char *dir, const char *name)
{
    bool slash = dir[0] != '\0' && dir[strlen(dir) - 1] != '/';
    return lt_arena_printf(w->list->arena, "%s%s%s", dir, slash ? "/" : "", name);
}

static lt_str first_component(lt_str pattern, lt_str *rest)
{
    const char *slash = memchr(pattern.ptr, '/', pattern.len);
    size_t len = slash != NULL ? (size_t)(slash - pattern.ptr) : pattern.len;
    size_t skip = len;
    while (skip < pattern.len && pattern.ptr[skip] == '/') {
        skip++;
    }
    *rest = (lt_str){pattern.ptr + skip, pattern.len - skip};
    return (lt_str){pattern.ptr, len};
}

static lt_status walk_dir(walk *w, const char *dir, lt_str pattern, unsigned depth);

/* One entry of a directory. An empty pattern takes everything. */
static lt_status walk_entry(walk *w, const char *dir, const char *name, lt_str pattern,
                            unsigned depth)
{
    lt_str rest = {pattern.ptr, 0};
    lt_str part = pattern.len > 0 ? first_component(pattern, &rest) : LT_STR("*");
    bool any_depth = lt_str_eq(part, LT_STR("**"));
    bool spelled = part.len > 0 && is_hidden(part.ptr);
    if ((is_hidden(name) && !spelled) || (!any_depth && !lt_glob_match(part, lt_str_of(name)))) {
        return LT_OK;
    }
    char *path = join(w, dir, name);
    if (path == NULL) {
        return lt_error_nomem(w->err, "a path");
    }
    lt_stat stat;
    lt_error gone;
    lt_error_clear(&gone);
    if (w->env->stat(w->env, path, &stat, &gone) != LT_OK) {
        return LT_OK; /* removed since it was listed, or a link to nothing */
    }
    if (stat.kind == LT_FILE_DIR) {
        /* `**` stays in force below; what follows it was tried at this level by walk_dir. */
        return walk_dir(w, path, any_depth ? pattern : rest, depth + 1);
    }
    bool last = pattern.len == 0 || rest.len == 0;
    return last && stat.kind == LT_FILE_REGULAR ? add_file(w, path, &stat) : LT_OK;
}

static lt_status walk_dir(walk *w, const char *dir, lt_str pattern, unsigned depth)
{
    if (depth > LT_FILES_DEPTH_MAX) {
        return lt_error_set(w->err, LT_ERR_LIMIT,
                            "%s: directories are nested deeper than %d (a loop of links?)", dir,
                            LT_FILES_DEPTH_MAX);
    }
    lt_str rest;
    lt_str part = first_component(pattern, &rest);
    if (lt_str_eq(part, LT_STR("**")) && rest.len > 0) {
        LT_TRY(walk_dir(w, dir, rest, depth + 1)); /* `**` may stand for no directory at all */
    }
    listing entries = {.w = w};
    lt_status st = w->env->list(w->env, dir[0] != '\0' ? dir : ".", take_name, &entries, w->err);
    if (st == LT_OK && entries.names.count > 1) {
        qsort(entries.names.items, entries.names.count, sizeof *entries.names.items, by_name);
    }
    for (size_t i = 0; st == LT_OK && i < entries.names.count; i++) {
        st = walk_entry(w, dir, entries.names.items[i], pattern, depth);
    }
    lt_array_deinit(&entries.names, w->list->mem);
    return st;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const lt_found *)a)->path, ((const lt_found *)b)->path);
}

/* `**` can reach a file in two ways. */
static void sort_unique(lt_file_list *list)
{
    if (list->found.count < 2) {
        return;
    }
    qsort(list->found.items, list->found.count, sizeof *list->found.items, by_path);
    size_t kept = 1;
    for (size_t i = 1; i < list->found.count; i++) {
        if (strcmp(list->found.items[kept - 1].path, list->found.items[i].path) != 0) {
            list->found.items[kept++] = list->found.items[i];
        }
    }
    list->found.count = kept;
}

static lt_status scan_glob(walk *w, const char *path)
{
    /* The directory in front of the first component with a wildcard. */
    size_t base = 0;
    size_t at = 0;
    lt_str whole = lt_str_of(path);
    while (at < whole.len) {
        lt_str rest;
        lt_str part = first_component((lt_str){whole.ptr + at, whole.len - at}, &rest);
        if (lt_path_is_glob(part)) {
            break;
        }
        at = (size_t)(rest.ptr - whole.ptr);
        base = at;
    }
    char *dir = lt_arena_strndup(w->list->arena, path, base > 1 ? base - 1 : base);
    if (dir == NULL) {
        return lt_error_nomem(w->err, "a path");
    }
    return walk_dir(w, dir, (lt_str){path + base, whole.len - base}, 0);
}

lt_status lt_file_list_scan(lt_file_list *list, lt_env *env, const char *path,
                            const lt_path_regex *regex, lt_error *err)
{
    lt_arena_reset(list->arena, 1 << 20);
    list->found.count = 0;
    list->is_file = false;
    walk w = {.list = list, .env = env, .regex = regex, .err = err};
    lt_stat stat;
    lt_error cause;
    lt_error_clear(&cause);
    lt_status st = env->stat(env, path, &stat, &cause);
    if (st != LT_OK && lt_path_is_glob(lt_str_of(path))) {
        LT_TRY(scan_glob(&w, path));
        sort_unique(list);
        return LT_OK;
    }
    if (st != LT_OK) {
        if (err != NULL) {
            *err = cause;
        }
        return st;
    }
    if (stat.kind == LT_FILE_DIR) {
        LT_TRY(walk_dir(&w, path, (lt_str){"", 0}, 0));
        sort_unique(list);
        return LT_OK;
    }
    list->is_file = true;
    char *copy = lt_arena_strndup(list->arena, path, strlen(path));
    if (copy == NULL) {
        return lt_error_nomem(err, "a path");
    }
    w.regex = NULL;
    return add_file(&w, copy, &stat);
}

/* ---- partition names ---- */

static bool must_escape(unsigned char ch)
{
    return ch < 0x20 || ch == 0x7f || strchr("\"#%'*/:=?\\{[]^", ch) != NULL;
}

void lt_partition_escape(lt_text *to, lt_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char ch = (unsigned char)name.ptr[i];
        if (must_escape(ch)) {
            lt_text_printf(to, "%%%02X", ch);
        } else {
            lt_text_putc(to, (char)ch);
        }
    }
}

static int hex_digit(char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }
    char lower = (char)(ch | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

void lt_partition_unescape(lt_text *to, lt_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        int high = name.ptr[i] == '%' && i + 2 < name.len ? hex_digit(name.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(name.ptr[i + 2]) : -1;
        if (low >= 0) {
            lt_text_putc(to, (char)(high * 16 + low));
            i += 2;
        } else {
            lt_text_putc(to, name.ptr[i]);
        }
    }
}

bool lt_partition_find(lt_str path, lt_str key, lt_str *value)
{
    bool found = false;
    lt_str rest = path;
    while (rest.len > 0) {
        lt_str next;
        lt_str part = first_component(rest, &next);
        bool is_dir = part.len < rest.len;
        if (is_dir && part.len > key.len && part.ptr[key.len] == '=' && lt_str_starts(part, key)) {
            *value = (lt_str){part.ptr + key.len + 1, part.len - key.len - 1};
            found = true; /* the deepest one counts */
        }
        rest = next;
    }
    return found;
}
