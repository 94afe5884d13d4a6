/* Shared by the files of the row codec: its structure, and the kernels that write and read values
 * of one physical form. */
#pragma once

#include "data/rowcodec.h"

typedef struct {
    const lt_type *type;
    lt_phys phys;
    uint32_t size;   /* encoded bytes, without a null byte; 0 = varies */
    uint32_t offset; /* fixed form: of the value, behind its null byte */
} codec_field;

struct lt_rowcodec {
    uint32_t count;
    uint32_t stride;      /* 0 = var form */
    uint32_t mask_offset; /* plain fixed form: of the null mask; 0 = none */
    uint32_t mask_bytes;  /* plain var form: always (count + 7) / 8 */
    bool ordered;
    codec_field *fields;
};

/* A value of a fixed size: one value, a strided column (NULLs are written like any value and
 * overwritten by the caller), and a column into cursors that move on (NULLs are left out). */
typedef struct {
    uint32_t size;
    void (*one)(uint8_t *to, const void *data, uint32_t row);
    void (*strided)(uint8_t *to, size_t stride, const void *data, const uint32_t *rows,
                    uint32_t count);
    void (*cursors)(uint8_t **at, const lt_col *col, const uint32_t *rows, uint32_t count);
    void (*load)(const uint8_t *from, void *data, uint32_t row); /* plain only */
    void (*load_rows)(const uint8_t *const *from, uint32_t offset, void *data, uint32_t count);
} codec_kernel;

/* size 0 for STR, LIST and STRUCT. */
const codec_kernel *lt_codec_kernel(lt_phys phys, bool ordered);

/* Sizes and bytes of a value of any form, without its null mark; value is not NULL. */
uint64_t lt_codec_plain_size(const lt_col *col, uint32_t row);
uint8_t *lt_codec_plain_write(uint8_t *to, const lt_col *col, uint32_t row);
/* With its null byte; value may be NULL. */
uint64_t lt_codec_ordered_size(const lt_col *col, uint32_t row);
uint8_t *lt_codec_ordered_write(uint8_t *to, const lt_col *col, uint32_t row);

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    bool copy_bytes;
    lt_arena *arena;
} codec_reader;

/* Reads one value that is not NULL into col[row] of a column for cap rows. LT_ERR_STATE or
 * LT_ERR_NOMEM without a text. */
lt_status lt_codec_plain_read(codec_reader *reader, lt_col *col, uint32_t row, uint32_t cap);

/* Little-endian, whatever the machine. */
LT_INLINE uint64_t lt_codec_load64(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return LT_LITTLE_ENDIAN ? value : LT_BSWAP64(value);
}

LT_INLINE uint32_t lt_codec_load32(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return LT_LITTLE_ENDIAN ? value : LT_BSWAP32(value);
}

LT_INLINE void lt_codec_store32(uint8_t *to, uint32_t value)
{
    value = LT_LITTLE_ENDIAN ? value : LT_BSWAP32(value);
    memcpy(to, &value, sizeof value);
}
