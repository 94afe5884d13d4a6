/* Values that came from ${env:..} and ${file:..}: errors, rejects and status lines show the
 * reference in their place. Data is never masked: what a query selects is the user's choice. */
#pragma once

#include "base/arena.h"
#include "base/str.h"

#define LT_MASK_BYTES_MIN 4 /* shorter values are no secrets, and would blot out half a message */

typedef struct {
    lt_str value;
    lt_str shown;
} lt_mask;

typedef struct {
    lt_arena *arena; /* pays for the list and the copies */
    lt_mask *items;
    uint32_t count;
    uint32_t cap;
} lt_masks;

/* Copies both. False: out of memory. */
bool lt_masks_add(lt_masks *masks, lt_str value, lt_str shown);

/* Appends from with every value replaced. */
void lt_masks_append(const lt_masks *masks, lt_str from, lt_text *to);

/* The same in place, in a buffer of size bytes that holds a NUL-terminated text; what no longer
 * fits is cut. */
void lt_masks_apply(const lt_masks *masks, char *text, size_t size);
