/* Which files a path means, and what a file's name says. */
#pragma once

#include "base/array.h"
#include "connector/connector_int.h"
#include "connector/unpack.h"

#define LT_FILES_DEPTH_MAX 64
#define LT_FILES_MAX       1000000

typedef struct {
    char *path; /* in the list's arena */
    lt_stat stat;
} lt_found;

typedef struct {
    lt_mem *mem;
    lt_arena *arena;          /* paths; reset by every scan */
    LT_ARRAY(lt_found) found; /* in order of path, byte by byte */
    bool is_file;             /* the path named one file (or pipe) */
} lt_file_list;

lt_status lt_file_list_init(lt_file_list *list, lt_mem *mem, lt_error *err);
void lt_file_list_deinit(lt_file_list *list);

/* A compiled source.path.regex-pattern, or NULL. */
typedef struct lt_path_regex lt_path_regex;
lt_status lt_path_regex_new(lt_mem *mem, lt_str pattern, lt_path_regex **out, lt_error *err);
void lt_path_regex_free(lt_path_regex *regex); /* accepts NULL */

/* The path as the operating system wants it: `file://` is taken off; other schemes are refused.
 * NUL-terminated, in the arena. */
lt_status lt_local_path(lt_arena *arena, lt_str path, const char **out, lt_error *err);

/* Does it hold *, ? or [? */
bool lt_path_is_glob(lt_str path);
bool lt_glob_match(lt_str pattern, lt_str name); /* one component: * ? [a-z] [!a] */

/* Fills the list with the files that `path` names: the file itself, everything below a directory,
 * or what a glob matches (`**` = any depth). Names that begin with . or _ are passed over, as Flink
 * does, except where the path spells them. A missing path is an error, an empty directory is not.
 */
lt_status lt_file_list_scan(lt_file_list *list, lt_env *env, const char *path,
                            const lt_path_regex *regex, lt_error *err);

/* ---- partition directories: key=value, escaped as Hive and Flink do ---- */
void lt_partition_escape(lt_text *to, lt_str name);
void lt_partition_unescape(lt_text *to, lt_str name);
/* The still escaped value of `key=` among the directories of path; false when there is none. */
bool lt_partition_find(lt_str path, lt_str key, lt_str *value);
