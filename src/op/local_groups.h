/* Numbers the rows of a batch by (key, slice), in order of each group's first row: the hash table
 * of the local aggregate. Lives for one batch, in the caller's arena. */
#pragma once

#include "data/rowcodec.h"

typedef struct {
    const lt_col *const *keys;
    uint32_t key_count;
    const lt_rowcodec *codec; /* for nested keys; NULL: none of them is */
    const uint32_t *rows;     /* physical, ascending */
    const int64_t *ends;      /* slice of each row; NULL = all in one */
    uint32_t count;
    const uint32_t *cuts; /* physical rows, ascending: from there on groups begin anew */
    uint32_t cut_count;
    uint32_t expected; /* groups, a guess */
    lt_arena *arena;
} lt_local_rows;

typedef struct {
    uint64_t hash;
    int64_t end;
    int64_t rows;
    uint32_t first; /* physical row */
    uint32_t at;    /* the same as a position among the rows */
} lt_local_group;

typedef struct {
    lt_local_group *groups;
    uint32_t count;
    uint32_t *of_row; /* group of each row */
} lt_local_groups;

lt_status lt_local_groups_find(const lt_local_rows *rows, lt_local_groups *out, lt_error *err);
