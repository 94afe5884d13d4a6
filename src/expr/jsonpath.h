/* JSON paths as Flink takes them, which are Jayway's: `[lax|strict] $.a['b'][0]..c[?(@.d > 1)]`.
 *
 *   .name ['name']        a member             [0] [-1]      an element
 *   ['a','b']             several members      [0,2]         several elements
 *   .* [*]                all of them          [1:3] [-2:]   a slice
 *   ..name ..* ..[..]     the same step at every depth
 *   [?(filter)]           the elements for which the filter holds
 *   .length() ..          a function of the value before it, see path_functions
 *
 * Filters: || && ! ( ), a path alone (does it exist), and comparisons == != < <= > >= =~ in nin
 * contains size empty anyof noneof subsetof between paths (`@` the element, `$` the document),
 * numbers, strings, true, false, null, lists and /regular expressions/. */
#pragma once

#include "base/arena.h"
#include "expr/jsontree.h"

#define LT_JSON_REGEX_MAX 8 /* regular expressions in one path */

typedef struct lt_json_filter lt_json_filter;
typedef struct lt_json_step lt_json_step;

typedef struct {
    bool strict;   /* the default */
    bool definite; /* at most one value */
    uint32_t count;
    lt_json_step *steps;
    uint32_t regex_count;
    lt_str regexes[LT_JSON_REGEX_MAX]; /* whole patterns */
} lt_json_path;

/* Compiles into the arena; names borrow from the text. false: *why tells what is not understood
 * (NULL: out of memory). */
bool lt_json_path_parse(lt_str text, lt_arena *arena, lt_json_path *path, const char **why);

/* Can lt_json_scan follow it? Single names and indexes from the front alone. */
bool lt_json_path_scans(const lt_json_path *path);
/* As parsing the text and walking the path, without a tree: *hit is the value as it is written, ptr
 * NULL for none. false: malformed, as lt_json_parse judges. */
bool lt_json_scan(lt_str text, const lt_json_path *path, lt_str *hit);

/* What walking needs beside the path: one a kernel call. */
typedef struct {
    lt_mem *mem;
    lt_arena *arena; /* for the values found; reset by the caller between documents */
    lt_json *root;
    const lt_json_path *path;
    struct lt_regex *regexes[LT_JSON_REGEX_MAX]; /* compiled at their first use */
    bool missing; /* the document lacks what the path asks for: an error in strict mode */
    bool nomem;
} lt_json_walk;

/* The value a path leads to; NULL for none. An indefinite path gives a new array of its values. */
lt_json *lt_json_path_walk(lt_json_walk *walk, const lt_json_path *path, lt_json *root);
void lt_json_walk_deinit(lt_json_walk *walk);
