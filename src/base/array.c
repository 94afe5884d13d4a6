/* Growth for the typed arrays of array.h: doubling, with every multiplication checked. */
#include "base/array.h"

#include "base/assert.h"

#define ITEMS_MIN 8

bool lt_array_grow_(void **items, size_t count, size_t *cap, size_t item_size, lt_mem *mem,
                    size_t more)
{
    LT_ASSERT(count <= *cap);
    if (more <= *cap - count) {
        return true;
    }
    size_t need;
    if (LT_ADD_OVERFLOW(count, more, &need)) {
        return false;
    }
    size_t next = *cap <= SIZE_MAX / 2 ? LT_MAX(*cap * 2, need) : need;
    next = LT_MAX(next, ITEMS_MIN);
    size_t bytes;
    if (LT_MUL_OVERFLOW(next, item_size, &bytes)) {
        return false;
    }
    void *grown = lt_mem_realloc(mem, *items, *cap * item_size, bytes);
    if (!grown) {
        return false;
    }
    *items = grown;
    *cap = next;
    return true;
}
