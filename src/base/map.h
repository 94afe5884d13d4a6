/* A hash map from byte strings to pointers, for names (catalogs, options); not for rows. Keys are
 * borrowed or copied into the map's arena by the caller's choice; iteration is in order of
 * insertion. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/str.h"

typedef struct lt_map lt_map;

lt_map *lt_map_new(lt_mem *mem);                 /* NULL when out of memory */
void lt_map_free(lt_map *map);                   /* frees no values; accepts NULL */
void *lt_map_get(const lt_map *map, lt_str key); /* NULL when absent */
bool lt_map_put(lt_map *map, lt_str key,
                void *value);                 /* copies the key, replaces; false = out of memory */
void *lt_map_remove(lt_map *map, lt_str key); /* the value removed, or NULL */
size_t lt_map_count(const lt_map *map);
/* index counts live entries from 0 in order of insertion; false past the end */
bool lt_map_at(const lt_map *map, size_t index, lt_str *key, void **value);
