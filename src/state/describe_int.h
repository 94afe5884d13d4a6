/* Reading blocks: a cursor that never leaves its block, and what an item's description says. */
#pragma once

#include "state/snap_int.h"

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    bool short_read; /* sticky: something did not fit the block */
} block_reader;

LT_INLINE const uint8_t *take_bytes(block_reader *from, size_t size)
{
    if (from->short_read || size > (size_t)(from->end - from->at)) {
        from->short_read = true;
        return NULL;
    }
    const uint8_t *bytes = from->at;
    from->at += size;
    return bytes;
}

LT_INLINE uint32_t take32(block_reader *from)
{
    const uint8_t *bytes = take_bytes(from, 4);
    return bytes ? image_get32(bytes) : 0;
}

LT_INLINE uint64_t take64(block_reader *from)
{
    const uint8_t *bytes = take_bytes(from, 8);
    return bytes ? image_get64(bytes) : 0;
}

LT_INLINE lt_str take_text(block_reader *from)
{
    uint32_t len = take32(from);
    const uint8_t *bytes = take_bytes(from, len);
    return bytes ? (lt_str){(const char *)bytes, len} : LT_STR("");
}

typedef struct {
    uint32_t stride;
    uint32_t chunk_shift;
    uint32_t block_shift;
    uint32_t saved_size;
} described_table;

/* Texts point into the block. */
typedef struct {
    uint32_t kind;
    lt_str name;
    lt_str key; /* lt_rowcodec_describe; empty without a key */
    uint32_t value_size;
    bool has_stamps;
    uint32_t group_fields;
    uint32_t cell_count;
    const uint8_t *cell_offsets; /* u32 each */
    uint32_t table_count;
    described_table tables[ITEM_TABLES_MAX];
    uint32_t field_count;
    block_reader fields; /* at the first: text name, text type, u32 offset each */
} item_description;

/* The reader stands behind the block's head. false: malformed. */
bool lt_description_parse_(block_reader *from, item_description *out);

/* A scalar type from its text; *out NULL = not understood. LT_ERR_NOMEM without a text. */
lt_status lt_described_type_(lt_str text, lt_mem *mem, lt_arena *arena, const lt_type **out);
/* A key's types from its description; *count NOT_SCALARS = not all of them are, or
 * too many. */
lt_status lt_described_types_(lt_str key, lt_mem *mem, lt_arena *arena, const lt_type **types,
                              uint32_t *count);
#define DESCRIBED_TYPES_MAX 64
#define NOT_SCALARS         UINT32_MAX
