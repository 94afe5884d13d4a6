/* A small JSON tree for the path functions: parsed per row into an arena, walked by a compiled
 * path, written back with sorted keys as Flink does. */
#pragma once

#include "base/arena.h"
#include "base/str.h"

typedef enum {
    LT_JSON_NULL,
    LT_JSON_TRUE,
    LT_JSON_FALSE,
    LT_JSON_NUMBER,
    LT_JSON_STRING,
    LT_JSON_ARRAY,
    LT_JSON_OBJECT
} lt_json_kind;

typedef struct lt_json lt_json;
struct lt_json {
    lt_json_kind kind;
    uint32_t count; /* items */
    lt_str text;    /* NUMBER: as written; STRING: decoded */
    lt_str key;     /* decoded, when a member of an object */
    lt_json *first; /* ARRAY, OBJECT */
    lt_json *next;
};

#define LT_JSON_DEPTH_MAX 500

/* The first value of the text; what follows it is not looked at. NULL: malformed (or, with *nomem,
 * out of memory). */
lt_json *lt_json_parse(lt_str text, lt_arena *arena, bool *nomem);
void lt_json_write(const lt_json *value, lt_text *to);
/* A number as Java's BigDecimal.toString gives it: plain text stays, an exponent is normalised. */
void lt_json_put_number(lt_str text, lt_text *to);
/* A scalar as plain text: strings without quotes, numbers as Java's BigDecimal prints them. */
void lt_json_scalar(const lt_json *value, lt_text *to);

#define LT_JSON_STEPS_MAX 32

typedef struct {
    enum { LT_STEP_KEY, LT_STEP_INDEX, LT_STEP_ALL, LT_STEP_SLICE, LT_STEP_DEEP_KEY } kind;
    lt_str key;
    int64_t from, to; /* INDEX: from; SLICE: INT64_MIN, INT64_MAX = open */
} lt_json_step;

typedef struct {
    bool strict;
    bool definite; /* at most one value */
    uint32_t count;
    lt_json_step steps[LT_JSON_STEPS_MAX];
} lt_json_path;

/* `[lax|strict] $.a.b['c'][0][*][1:2]..d`. Keys borrow from the text. false: not understood. */
bool lt_json_path_parse(lt_str text, lt_json_path *path);
/* Can lt_json_scan follow it? Names and indexes from the front alone. */
bool lt_json_path_scans(const lt_json_path *path);
/* As parsing the text and walking the path, without a tree: *hit is the value as it is written, ptr
 * NULL for none. false: malformed, as lt_json_parse judges. */
bool lt_json_scan(lt_str text, const lt_json_path *path, lt_str *hit);
/* Is that the content of a string, its escapes not yet decoded, of this name? */
bool lt_json_name_is(lt_str name, lt_str key);
/* Decodes the content of a well-formed string into `to` (room for raw.len bytes); gives the length.
 */
size_t lt_json_unescape(lt_str raw, char *to);

/* The value a path leads to, NULL for none; an indefinite path gives a new array of its values. */
lt_json *lt_json_path_walk(const lt_json_path *path, lt_json *root, lt_arena *arena, bool *nomem);
