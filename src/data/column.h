/* A column of values: one array in the type's physical form, a validity bitmap, children for nested
 * types. A column owns nothing: its memory belongs to the batch (or arena) it was allocated in. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/assert.h"
#include "data/type.h"

/* 16-byte string view: up to 12 bytes inline, else a 4-byte prefix and a pointer. Unused inline
 * bytes are zero, so that equality of inline strings is equality of the 16 bytes. */
typedef struct {
    uint32_t len;
    union {
        char inlined[12];
        struct {
            char prefix[4];
            char ptr_bytes[8]; /* a const char * as bytes: the struct stays 4-aligned inside */
        } ref;
    } u;
} lt_strv;

#define LT_STRV_INLINE_MAX 12

LT_INLINE lt_strv lt_strv_make(const char *ptr, size_t len)
{
    lt_strv view;
    memset(&view, 0, sizeof view);
    view.len = (uint32_t)len;
    /* Pieces that overlap: a call of memcpy for so little costs more than all of this. */
    if (len <= LT_STRV_INLINE_MAX) {
        if (len >= 8) {
            memcpy(view.u.inlined, ptr, 8);
            memcpy(view.u.inlined + len - 4, ptr + len - 4, 4);
        } else if (len >= 4) {
            memcpy(view.u.inlined, ptr, 4);
            memcpy(view.u.inlined + len - 4, ptr + len - 4, 4);
        } else if (len > 0) {
            view.u.inlined[0] = ptr[0];
            view.u.inlined[len / 2] = ptr[len / 2];
            view.u.inlined[len - 1] = ptr[len - 1];
        }
    } else {
        memcpy(view.u.ref.prefix, ptr, 4);
        memcpy(view.u.ref.ptr_bytes, &ptr, sizeof ptr);
    }
    return view;
}

/* Borrowed: for an inline string the pointer points into *view. */
LT_INLINE const char *lt_strv_ptr(const lt_strv *view)
{
    if (view->len <= LT_STRV_INLINE_MAX) {
        return view->u.inlined;
    }
    const char *ptr;
    memcpy(&ptr, view->u.ref.ptr_bytes, sizeof ptr);
    return ptr;
}

LT_INLINE lt_str lt_strv_str(const lt_strv *view)
{
    return (lt_str){lt_strv_ptr(view), view->len};
}

LT_INLINE bool lt_strv_eq(const lt_strv *a, const lt_strv *b)
{
    uint64_t a_head, b_head; /* length and prefix */
    memcpy(&a_head, a, 8);
    memcpy(&b_head, b, 8);
    if (a_head != b_head) {
        return false;
    }
    uint64_t a_tail, b_tail;
    memcpy(&a_tail, (const char *)a + 8, 8);
    memcpy(&b_tail, (const char *)b + 8, 8);
    if (a_tail == b_tail) {
        return true; /* same inline bytes or same pointer */
    }
    if (a->len <= LT_STRV_INLINE_MAX) {
        return false;
    }
    return memcmp(lt_strv_ptr(a), lt_strv_ptr(b), a->len) == 0;
}

int lt_strv_cmp(const lt_strv *a, const lt_strv *b); /* bytewise, shorter first */

typedef struct {
    int64_t ms;       /* since 1970-01-01 */
    int32_t ns_of_ms; /* 0 .. 999,999 */
    int32_t unused;   /* zero, so that equality is equality of bytes */
} lt_ts9;

typedef struct {
    uint32_t start; /* first element in the children */
    uint32_t count;
} lt_span;

_Static_assert(sizeof(lt_strv) == 16, "string views are 16 bytes");
_Static_assert(sizeof(lt_ts9) == 16, "nanosecond timestamps are 16 bytes");

typedef struct lt_col lt_col;

struct lt_col {
    const lt_type *type;
    lt_phys phys;
    uint32_t child_count;
    uint64_t *valid; /* bit set = not NULL; NULL pointer = all valid. Bits past the last row: any */
    void *data;      /* array of the physical form; NULL for STRUCT. Values of NULL rows: any, but
                        readable */
    lt_col *children;   /* LIST: element (ARRAY), key and value (MAP), element and count (MULTISET);
                           STRUCT: fields */
    uint32_t child_len; /* LIST: elements used in the children */
    uint32_t child_cap; /* LIST: elements allocated */
};

/* Allocates the arrays for `capacity` rows (nested ones too), validity NULL. Strings are zeroed (=
 * ''). false = no memory. */
bool lt_col_init(lt_col *col, const lt_type *type, uint32_t capacity, lt_arena *arena);

/* Makes sure there is a bitmap (all set) for `capacity` rows; NULL when out of memory. */
uint64_t *lt_col_need_valid(lt_col *col, uint32_t capacity, lt_arena *arena);

/* LIST: makes room for `more` elements in the children (amortised doubling in the arena; copies).
 */
bool lt_col_reserve_children(lt_col *col, uint32_t more, lt_arena *arena);

LT_INLINE bool lt_bit_get(const uint64_t *bits, uint32_t row)
{
    return (bits[row >> 6] >> (row & 63)) & 1;
}
LT_INLINE void lt_bit_set(uint64_t *bits, uint32_t row)
{
    bits[row >> 6] |= 1ULL << (row & 63);
}
LT_INLINE void lt_bit_clear(uint64_t *bits, uint32_t row)
{
    bits[row >> 6] &= ~(1ULL << (row & 63));
}
LT_INLINE bool lt_col_is_null(const lt_col *col, uint32_t row)
{
    return col->valid != NULL && !lt_bit_get(col->valid, row);
}
LT_INLINE size_t lt_bits_bytes(uint32_t rows)
{
    return ((size_t)rows + 63) / 64 * 8;
}

#define LT_COL_DATA(col, T) ((T *)(col)->data)

/* Copies value `src_row` of `src` (same type up to nullability) into row `dst_row` of `dst`.
 * Strings longer than 12 bytes are copied into the arena when copy_bytes, else borrowed. Nested
 * values append to dst's children. false = out of memory. */
bool lt_col_copy_value(lt_col *dst, uint32_t dst_row, uint32_t dst_capacity, const lt_col *src,
                       uint32_t src_row, bool copy_bytes, lt_arena *arena);

/* dst[i] = src[rows[i]] for count rows; dst was initialised with a capacity >= count. Bytes are
 * borrowed unless copy_bytes. */
bool lt_col_gather(lt_col *dst, const lt_col *src, const uint32_t *rows, uint32_t count,
                   bool copy_bytes, lt_arena *arena);

/* SQL equality of two values, NULL equal to NULL (as in GROUP BY), nested by depth. */
bool lt_col_value_eq(const lt_col *a, uint32_t a_row, const lt_col *b, uint32_t b_row);
/* Order: NULL lowest, then the type's order (decimals, timestamps by value, strings bytewise, false
 * < true); ROW and ARRAY lexicographic. */
int lt_col_value_cmp(const lt_col *a, uint32_t a_row, const lt_col *b, uint32_t b_row);
