/* Rows as bytes: keys of state tables and anything that is stored. Two forms, both
 * machine-independent and versioned (LT_ROWCODEC_VERSION is part of every snapshot):
 *
 *   plain, fixed size   all fields have a fixed size: little-endian values back to back in
 *                       column order, then a null mask (1 bit a field, only if any field is
 *                       nullable), zero padding to a multiple of 8. NULL values are zero bytes.
 *   plain, variable     null mask (always), then per field that is not NULL: its fixed-size
 *                       value, or u32 length and bytes; nested values recursively with masks of
 *                       their own. Padding to 8.
 *   ordered             memcmp order = SQL order (NULL lowest): sign-flipped big-endian integers,
 *                       IEEE floats made monotone, strings escaped 0x00 -> 0x00 0xFF and ended
 *                       by 0x00 0x00, each field after a null byte.
 *
 * The hash of a row depends on its bytes and their number alone: 8 bytes lt_hash_u64(word), 16
 * bytes lt_hash_combine(lt_hash_u64(word 0), word 1) of the little-endian words, any other length
 * lt_hash_bytes with seed 0. MAP and MULTISET entries are written as they stand: the same entries
 * in another order are another key.
 *
 * Equal rows have equal bytes and the other way round (-0.0 is written as 0.0, every NaN as one
 * NaN): keys compare by memcmp. */
#pragma once

#include "base/arena.h"
#include "base/status.h"
#include "data/batch.h"

#define LT_ROWCODEC_VERSION 1

typedef struct lt_rowcodec lt_rowcodec;

/* Encoded rows of one batch, in order of the live rows. Memory: the arena that was passed to
 * lt_rowcodec_encode. */
typedef struct {
    uint32_t count;
    uint32_t stride;         /* fixed form: bytes per row, a multiple of 8; 0 = var form */
    const uint8_t *bytes;    /* 8-byte aligned */
    const uint32_t *offsets; /* var form: count + 1 offsets into bytes */
    const uint64_t *hashes;  /* one a row, by LT_HASH_VERSION */
} lt_rows;

LT_INLINE const uint8_t *lt_rows_ptr(const lt_rows *rows, uint32_t i)
{
    return rows->bytes + (rows->stride ? (size_t)i * rows->stride : rows->offsets[i]);
}
LT_INLINE uint32_t lt_rows_len(const lt_rows *rows, uint32_t i)
{
    return rows->stride ? rows->stride : rows->offsets[i + 1] - rows->offsets[i];
}
LT_INLINE lt_str lt_rows_str(const lt_rows *rows, uint32_t i)
{
    return (lt_str){(const char *)lt_rows_ptr(rows, i), lt_rows_len(rows, i)};
}

/* A codec for these field types; it lives in the arena. */
lt_rowcodec *lt_rowcodec_new(lt_arena *arena, const lt_type *const *types, uint32_t count,
                             bool ordered);
uint32_t lt_rowcodec_stride(const lt_rowcodec *codec); /* 0 = var form */
uint32_t lt_rowcodec_count(const lt_rowcodec *codec);  /* fields */
const lt_type *lt_rowcodec_type(const lt_rowcodec *codec, uint32_t field);

/* Encodes count rows: row i takes its fields from cols[f] at rows[i] (rows NULL = 0 .. count-1),
 * with hashes. */
lt_status lt_rowcodec_encode(const lt_rowcodec *codec, const lt_col *const *cols,
                             const uint32_t *rows, uint32_t count, lt_arena *arena, lt_rows *out,
                             lt_error *err);

/* Only the hashes of the encoded rows, in the arena: cheaper where the key is one number. */
lt_status lt_rowcodec_hash(const lt_rowcodec *codec, const lt_col *const *cols,
                           const uint32_t *rows, uint32_t count, lt_arena *arena,
                           const uint64_t **out, lt_error *err);

/* Decodes count rows back into columns at rows 0 .. count-1; the columns were initialised by
 * lt_col_init with capacity cap >= count. Strings longer than 12 bytes borrow from the encoded
 * bytes unless copy_bytes. LT_ERR_STATE on malformed bytes (never reads past len). Plain form only.
 */
lt_status lt_rowcodec_decode(const lt_rowcodec *codec, const uint8_t *const *ptrs,
                             const uint32_t *lens, uint32_t count, uint32_t cap, bool copy_bytes,
                             lt_arena *arena, lt_col *const *cols, lt_error *err);

/* Self-describing type list for snapshots; two codecs are compatible when these are equal. */
void lt_rowcodec_describe(const lt_rowcodec *codec, lt_text *to);

uint64_t lt_row_hash(const uint8_t *bytes, size_t len); /* the hash that encode gives */
