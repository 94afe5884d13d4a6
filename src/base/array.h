/* A typed growing array: LT_ARRAY(T) name; zero-initialise, push, deinit. Accounted, doubling. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

#define LT_ARRAY(T)   \
    struct {          \
        T *items;     \
        size_t count; \
        size_t cap;   \
    }

/* Makes room for `more` further items; false when out of memory. */
#define lt_array_reserve(arr, mem, more)                                                           \
    lt_array_grow_((void **)&(arr)->items, (arr)->count, &(arr)->cap, sizeof *(arr)->items, (mem), \
                   (more))

/* Appends a copy of item; false when out of memory. */
#define lt_array_push(arr, mem, item) \
    (lt_array_reserve((arr), (mem), 1) ? ((arr)->items[(arr)->count++] = (item), true) : false)

#define lt_array_deinit(arr, mem)                                            \
    do {                                                                     \
        lt_mem_free((mem), (arr)->items, (arr)->cap * sizeof *(arr)->items); \
        (arr)->items = NULL;                                                 \
        (arr)->count = 0;                                                    \
        (arr)->cap = 0;                                                      \
    } while (0)

bool lt_array_grow_(void **items, size_t count, size_t *cap, size_t item_size, lt_mem *mem,
                    size_t more);
