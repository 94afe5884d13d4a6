/* Any bytes as a checkpoint's manifest, as they are and once more with length and checksums made
 * right, so that what lies behind these is reached: nothing crashes, nothing leaks, what is
 * accepted is consistent in itself and gives the same bytes when it is written again. */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "state/checkpoint_int.h"

static void check_refs(const ckpt_manifest *m)
{
    size_t refs = 0;
    for (size_t p = 0; p < m->parts.count; p++) {
        const ckpt_part *part = &m->parts.items[p];
        LT_ASSERT(part->first == refs);
        refs += part->count;
    }
    LT_ASSERT(refs == m->refs.count);
    for (size_t i = 0; i < refs; i++) {
        const ckpt_ref *ref = &m->refs.items[i];
        LT_ASSERT(ref->file < m->files.count && ref->part < m->parts.count);
        LT_ASSERT(ref->stored <= ref->plain && ref->plain <= CKPT_BLOCK_MAX);
        LT_ASSERT(ref->offset + CKPT_BLOCK_HEAD + ref->stored <= m->files.items[ref->file].size);
    }
}

static void run(const uint8_t *data, size_t size)
{
    lt_mem mem;
    lt_error err = {0};
    ckpt_manifest *m = NULL;
    lt_mem_init(&mem, NULL, "fuzz", 0);
    lt_status st = lt_ckpt_manifest_parse_(&mem, data, size, &m, &err);
    LT_ASSERT(st == LT_OK || st == LT_ERR_STATE || st == LT_ERR_UNSUPPORTED);
    LT_ASSERT((st == LT_OK) == (m != NULL));
    if (m) {
        lt_text again;
        check_refs(m);
        lt_text_init(&again, &mem);
        LT_ASSERT(lt_ckpt_manifest_encode_(m, &again, &err) == LT_OK);
        LT_ASSERT(again.len == size);
        /* The features are worked out anew; they and the checksums over them may differ. */
        size_t body = size - CKPT_MANIFEST_HEAD - CKPT_MANIFEST_TAIL;
        LT_ASSERT(memcmp(again.ptr + CKPT_MANIFEST_HEAD, data + CKPT_MANIFEST_HEAD, body) == 0);
        lt_text_deinit(&again);
    }
    lt_ckpt_manifest_free_(m);
    lt_mem_deinit(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t sealed[4096];
    run(data, size);
    if (size < CKPT_MANIFEST_HEAD + CKPT_MANIFEST_TAIL || size > sizeof sealed) {
        return 0;
    }
    memcpy(sealed, data, size);
    memcpy(sealed, "LEATCKPT", 8);
    ckpt_put_u32(sealed + 8, CKPT_VERSION);
    ckpt_put_u32(sealed + 12, ckpt_get_u32(sealed + 12) & CKPT_FEATURES_KNOWN);
    ckpt_put_u32(sealed + 24, LT_HASH_VERSION);
    lt_ckpt_manifest_seal_(sealed, size);
    run(sealed, size);
    return 0;
}
