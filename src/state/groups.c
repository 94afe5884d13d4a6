/* Which key group a record belongs to. When the whole key decided it, the key's hash does; else the
 * leading fields are decoded and encoded again as the exchange did. */
#include <string.h>

#include "base/hash.h"
#include "state/load_int.h"

#define ARENA_BYTES ((size_t)64 << 20)

lt_status lt_group_finder_init_(group_finder *finder, const state_item *item, lt_mem *mem,
                                lt_error *err)
{
    const lt_table_decl *decl = lt_item_decl_(item);
    *finder = (group_finder){.mem = mem, .decl = decl, .timers = item->kind == ITEM_TIMERS};
    uint32_t fields = decl->key ? lt_rowcodec_count(decl->key) : 0;
    if (decl->group_fields == 0 || decl->group_fields == fields ||
        (decl->group_fields == LT_GROUP_NUMBER && finder->timers)) {
        return LT_OK;
    }
    uint32_t lead = decl->group_fields == LT_GROUP_NUMBER ? 1 : decl->group_fields;
    if (lead > fields) {
        return lt_error_set(err, LT_ERR_INTERNAL, "state table '%s' is dealt by fields it lacks",
                            item->name);
    }
    finder->arena = lt_arena_new(mem, ARENA_BYTES);
    const lt_type **types =
        finder->arena ? LT_NEW_ARRAY(finder->arena, const lt_type *, lead) : NULL;
    if (!types) {
        lt_group_finder_deinit_(finder);
        return lt_error_nomem(err, item->name);
    }
    for (uint32_t f = 0; f < lead; f++) {
        types[f] = lt_rowcodec_type(decl->key, f);
    }
    finder->prefix = lt_rowcodec_new(finder->arena, types, lead, false);
    if (!finder->prefix) {
        lt_group_finder_deinit_(finder);
        return lt_error_nomem(err, item->name);
    }
    return LT_OK;
}

void lt_group_finder_deinit_(group_finder *finder)
{
    lt_arena_free(finder->arena);
    finder->arena = NULL;
}

/* Decodes the keys in an arena of their own, for one call. */
static lt_status by_prefix(group_finder *finder, const uint8_t *const *keys, const uint32_t *lens,
                           uint32_t count, lt_arena *arena, uint32_t *groups, lt_error *err)
{
    const lt_rowcodec *codec = finder->decl->key;
    uint32_t fields = lt_rowcodec_count(codec);
    lt_col *cols = LT_NEW_ARRAY(arena, lt_col, fields);
    lt_col **refs = LT_NEW_ARRAY(arena, lt_col *, fields);
    if (!cols || !refs) {
        return lt_error_nomem(err, finder->decl->name);
    }
    for (uint32_t f = 0; f < fields; f++) {
        refs[f] = &cols[f];
        if (!lt_col_init(&cols[f], lt_rowcodec_type(codec, f), count, arena)) {
            return lt_error_nomem(err, finder->decl->name);
        }
    }
    LT_TRY(lt_rowcodec_decode(codec, keys, lens, count, count, false, arena, refs, err));
    if (finder->decl->group_fields == LT_GROUP_NUMBER) {
        const int64_t *numbers = LT_COL_DATA(&cols[0], int64_t);
        for (uint32_t i = 0; i < count; i++) {
            groups[i] = (uint32_t)((uint64_t)numbers[i] & (LT_KEY_GROUPS - 1));
        }
        return LT_OK;
    }
    lt_rows rows;
    LT_TRY(lt_rowcodec_encode(finder->prefix, (const lt_col *const *)refs, NULL, count, arena,
                              &rows, err));
    for (uint32_t i = 0; i < count; i++) {
        groups[i] = lt_key_group(rows.hashes[i]);
    }
    return LT_OK;
}

lt_status lt_group_finder_run_(group_finder *finder, const uint8_t *const *keys,
                               const uint32_t *lens, uint32_t count, uint32_t *groups,
                               lt_error *err)
{
    const uint8_t *ptrs[GROUP_ROWS];
    uint32_t sizes[GROUP_ROWS];
    uint32_t skip = finder->timers ? TIMER_KEY_HEAD : 0;
    for (uint32_t i = 0; i < count; i++) {
        if (lens[i] < skip) {
            return lt_load_damaged_(err, "a timer has no time");
        }
        ptrs[i] = keys[i] + skip;
        sizes[i] = lens[i] - skip;
    }
    if (finder->prefix) {
        lt_arena *arena = lt_arena_new(finder->mem, ARENA_BYTES);
        lt_status st = arena ? by_prefix(finder, ptrs, sizes, count, arena, groups, err)
                             : lt_error_nomem(err, finder->decl->name);
        lt_arena_free(arena);
        return st;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (finder->decl->group_fields == LT_GROUP_NUMBER) {
            groups[i] = sizes[i] > 0 ? ptrs[i][sizes[i] - 1] & (LT_KEY_GROUPS - 1) : 0;
        } else {
            groups[i] = lt_key_group(lt_row_hash(ptrs[i], sizes[i]));
        }
    }
    return LT_OK;
}
