/* See mask.h. Lists are as long as a job has references: a plain search per byte will do. */
#include "connector/mask.h"

#include <string.h>

#include "base/status.h"

bool lt_masks_add(lt_masks *masks, lt_str value, lt_str shown)
{
    if (value.len < LT_MASK_BYTES_MIN) {
        return true;
    }
    if (masks->count == masks->cap) {
        uint32_t cap = masks->cap > 0 ? masks->cap * 2 : 4;
        lt_mask *items = LT_NEW_ARRAY(masks->arena, lt_mask, cap);
        if (items == NULL) {
            return false;
        }
        if (masks->count > 0) {
            memcpy(items, masks->items, masks->count * sizeof *items);
        }
        masks->items = items;
        masks->cap = cap;
    }
    lt_mask mask = {lt_arena_str(masks->arena, value), lt_arena_str(masks->arena, shown)};
    if (mask.value.ptr == NULL || mask.shown.ptr == NULL) {
        return false;
    }
    masks->items[masks->count++] = mask;
    return true;
}

/* The longest value that text begins with: one may be the beginning of another. */
static const lt_mask *find(const lt_masks *masks, lt_str text)
{
    const lt_mask *found = NULL;
    for (uint32_t i = 0; i < masks->count; i++) {
        const lt_mask *mask = &masks->items[i];
        if (lt_str_starts(text, mask->value) &&
            (found == NULL || mask->value.len > found->value.len)) {
            found = mask;
        }
    }
    return found;
}

void lt_masks_append(const lt_masks *masks, lt_str from, lt_text *to)
{
    size_t done = 0;
    for (size_t at = 0; at < from.len && masks->count > 0;) {
        const lt_mask *mask = find(masks, (lt_str){from.ptr + at, from.len - at});
        if (mask == NULL) {
            at++;
            continue;
        }
        lt_text_append(to, from.ptr + done, at - done);
        lt_text_append(to, mask->shown.ptr, mask->shown.len);
        at += mask->value.len;
        done = at;
    }
    lt_text_append(to, from.ptr + done, from.len - done);
}

void lt_masks_apply(const lt_masks *masks, char *text, size_t size)
{
    char made[LT_ERROR_TEXT_MAX];
    size_t room = LT_MIN(size, sizeof made) - 1;
    size_t used = 0;
    lt_str rest = lt_str_of(text);
    if (masks->count == 0) {
        return;
    }
    while (rest.len > 0 && used < room) {
        const lt_mask *mask = find(masks, rest);
        lt_str piece = mask != NULL ? mask->shown : (lt_str){rest.ptr, 1};
        size_t fits = LT_MIN(piece.len, room - used);
        memcpy(made + used, piece.ptr, fits);
        used += fits;
        size_t taken = mask != NULL ? mask->value.len : 1;
        rest = (lt_str){rest.ptr + taken, rest.len - taken};
    }
    memcpy(text, made, used);
    text[used] = '\0';
}
