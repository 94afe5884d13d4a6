/* Inside the casts: what a kernel gets as data, and the pickers per family. */
#pragma once

#include "expr/kernel.h"

typedef struct lt_cast lt_cast;

struct lt_cast {
    const lt_type *from;
    const lt_type *to;
    bool try_cast;
    lt_kernel kernel;
    uint32_t flags;
    const lt_cast *children; /* nested types: one per field; kernel NULL = nothing to do */
};

/* Each picks a kernel and its flags for a pair of types, or leaves kernel NULL. */
void lt_cast_pick_number(lt_cast *cast);
void lt_cast_pick_text(lt_cast *cast); /* to and from strings and bytes */
void lt_cast_pick_time(lt_cast *cast);
void lt_cast_pick_nested(lt_cast *cast);
void lt_cast_pick_variant(lt_cast *cast);
void lt_cast_pick_length(lt_cast *cast); /* fails what has not the length of the type */

/* A value that cannot be cast: NULL under TRY_CAST, else the row fails. */
void lt_cast_fail(lt_kctx *k, uint32_t row, lt_str text);

/* Fills cast->kernel for from -> to, children included. false = out of memory. */
bool lt_cast_prepare(lt_cast *cast, lt_arena *arena);
/* Do the two types have the same physical values, so that a cast changes nothing? */
bool lt_cast_is_noop(const lt_type *from, const lt_type *to);

LT_INLINE const lt_cast *lt_k_cast(const lt_kctx *k)
{
    return (const lt_cast *)k->data;
}
