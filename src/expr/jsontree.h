/* A small JSON tree for the path functions: parsed per row into an arena, walked by a compiled
 * path (jsonpath.h), written back with sorted keys as Flink does. */
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
/* Is that the content of a string, its escapes not yet decoded, of this name? */
bool lt_json_name_is(lt_str name, lt_str key);
/* Decodes the content of a well-formed string into `to` (room for raw.len bytes); gives the length.
 */
size_t lt_json_unescape(lt_str raw, char *to);
