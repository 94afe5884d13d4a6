/* The row codec, column by column: the form and the kernels are chosen once per column and batch,
 * never per row.
 *
 *   plain fixed   value value value .. [null mask] [zero padding]         one stride for all rows
 *   plain var     null mask, values that are not NULL, zero padding       written through one
 * cursor per row ordered       (null byte, value) per field, zero padding              fixed stride
 * when every field has a fixed size
 *
 * A mask bit is set where the field is NULL. In the ordered form every encoding tells where it
 * ends, so that the padding never decides a comparison.
 *
 * The hash depends on the bytes and their number alone, whichever form wrote them: one word is
 * mixed, two words are combined, anything else goes through XXH3. */
#include "data/rowcodec.h"

#include "base/hash.h"
#include "data/rowcodec_int.h"

static uint32_t round8(uint32_t size)
{
    return (size + 7) & ~7U;
}

/* Gives fixed-size fields their places. */
static void lay_out(lt_rowcodec *codec)
{
    bool any_nullable = false;
    uint32_t at = 0;
    for (uint32_t f = 0; f < codec->count; f++) {
        codec_field *field = &codec->fields[f];
        if (field->size == 0) {
            return; /* var form */
        }
        any_nullable = any_nullable || field->type->nullable;
        field->offset = at + (codec->ordered ? 1 : 0);
        at = field->offset + field->size;
    }
    if (any_nullable && !codec->ordered) {
        codec->mask_offset = at;
        at += (codec->count + 7) / 8;
    }
    codec->stride = LT_MAX(round8(at), 8);
}

lt_rowcodec *lt_rowcodec_new(lt_arena *arena, const lt_type *const *types, uint32_t count,
                             bool ordered)
{
    lt_rowcodec *codec = LT_NEW(arena, lt_rowcodec);
    if (!codec) {
        return NULL;
    }
    codec->count = count;
    codec->ordered = ordered;
    codec->mask_bytes = (count + 7) / 8;
    codec->fields = LT_NEW_ARRAY(arena, codec_field, count > 0 ? count : 1);
    if (!codec->fields) {
        return NULL;
    }
    for (uint32_t f = 0; f < count; f++) {
        codec_field *field = &codec->fields[f];
        field->type = types[f];
        field->phys = lt_type_phys(types[f]);
        field->size = lt_codec_kernel(field->phys, ordered)->size;
    }
    lay_out(codec);
    return codec;
}

uint32_t lt_rowcodec_stride(const lt_rowcodec *codec)
{
    return codec->stride;
}

uint32_t lt_rowcodec_count(const lt_rowcodec *codec)
{
    return codec->count;
}

const lt_type *lt_rowcodec_type(const lt_rowcodec *codec, uint32_t field)
{
    return codec->fields[field].type;
}

void lt_rowcodec_describe(const lt_rowcodec *codec, lt_text *to)
{
    lt_text_puts(to, codec->ordered ? "ordered(" : "plain(");
    for (uint32_t f = 0; f < codec->count; f++) {
        lt_type type = *codec->fields[f].type;
        type.attr = LT_TIME_NONE; /* says nothing about the bytes */
        lt_text_puts(to, f > 0 ? ", " : "");
        lt_type_print(&type, to);
    }
    lt_text_putc(to, ')');
}

/* ---- hashes ---- */

LT_INLINE uint64_t hash_row(const uint8_t *bytes, size_t len)
{
    if (len == 8) {
        return lt_hash_u64(lt_codec_load64(bytes));
    }
    if (len == 16) {
        return lt_hash_combine(lt_hash_u64(lt_codec_load64(bytes)), lt_codec_load64(bytes + 8));
    }
    return lt_hash_bytes(bytes, len, 0);
}

uint64_t lt_row_hash(const uint8_t *bytes, size_t len)
{
    return hash_row(bytes, len);
}

static void hash_fixed(const uint8_t *bytes, uint32_t stride, uint32_t count, uint64_t *hashes)
{
    if (stride == 8) {
        for (uint32_t i = 0; i < count; i++) {
            hashes[i] = hash_row(bytes + (size_t)i * 8, 8);
        }
    } else if (stride == 16) {
        for (uint32_t i = 0; i < count; i++) {
            hashes[i] = hash_row(bytes + (size_t)i * 16, 16);
        }
    } else {
        for (uint32_t i = 0; i < count; i++) {
            hashes[i] = hash_row(bytes + (size_t)i * stride, stride);
        }
    }
}

/* ---- encoding ---- */

typedef struct {
    const lt_rowcodec *codec;
    const lt_col *const *cols;
    const uint32_t *rows;
    uint32_t count;
    lt_arena *arena;
} encode_job;

static lt_status encode_nulls_fixed(const encode_job *job, uint32_t f, uint8_t *bytes,
                                    lt_error *err)
{
    const lt_rowcodec *codec = job->codec;
    const codec_field *field = &codec->fields[f];
    const lt_col *col = job->cols[f];
    for (uint32_t i = 0; i < job->count; i++) {
        if (lt_bit_get(col->valid, job->rows ? job->rows[i] : i)) {
            continue;
        }
        uint8_t *row = bytes + (size_t)i * codec->stride;
        memset(row + field->offset, 0, field->size);
        if (codec->ordered) {
            row[field->offset - 1] = 0;
        } else if (codec->mask_offset > 0) {
            uint8_t *mask = row + codec->mask_offset + (f >> 3);
            *mask = (uint8_t)(*mask | 1U << (f & 7));
        } else {
            return lt_error_set(err, LT_ERR_INTERNAL,
                                "field %u of a stored row is NULL but was planned as NOT NULL", f);
        }
    }
    return LT_OK;
}

static lt_status encode_fixed(const encode_job *job, uint8_t *bytes, lt_error *err)
{
    const lt_rowcodec *codec = job->codec;
    uint32_t stride = codec->stride;
    /* A row of one 8-byte value has no byte that is not written below. */
    if (codec->count != 1 || codec->fields[0].size != stride) {
        memset(bytes, 0, (size_t)stride * job->count);
    }
    for (uint32_t f = 0; f < codec->count; f++) {
        const codec_field *field = &codec->fields[f];
        const codec_kernel *kernel = lt_codec_kernel(field->phys, codec->ordered);
        if (codec->ordered) {
            for (uint32_t i = 0; i < job->count; i++) {
                bytes[(size_t)i * stride + field->offset - 1] = 1;
            }
        }
        kernel->strided(bytes + field->offset, stride, job->cols[f]->data, job->rows, job->count);
        if (job->cols[f]->valid) {
            LT_TRY(encode_nulls_fixed(job, f, bytes, err));
        }
    }
    return LT_OK;
}

static void add_sizes(const encode_job *job, uint32_t f, uint64_t *sizes)
{
    const lt_rowcodec *codec = job->codec;
    const codec_field *field = &codec->fields[f];
    const lt_col *col = job->cols[f];
    for (uint32_t i = 0; i < job->count; i++) {
        uint32_t row = job->rows ? job->rows[i] : i;
        if (codec->ordered) {
            sizes[i] += field->size && !lt_col_is_null(col, row) ? field->size + 1
                                                                 : lt_codec_ordered_size(col, row);
        } else if (!lt_col_is_null(col, row)) {
            sizes[i] += field->size ? field->size : lt_codec_plain_size(col, row);
        }
    }
}

/* Offsets of all rows, each padded to 8 bytes. */
static lt_status var_offsets(const encode_job *job, uint32_t *offsets, lt_error *err)
{
    uint64_t *sizes = LT_NEW_ARRAY(job->arena, uint64_t, (size_t)job->count + 1);
    if (!sizes) {
        return lt_error_nomem(err, "row sizes");
    }
    for (uint32_t f = 0; f < job->codec->count; f++) {
        add_sizes(job, f, sizes);
    }
    uint64_t at = 0;
    uint64_t head = job->codec->ordered ? 0 : job->codec->mask_bytes;
    for (uint32_t i = 0; i < job->count; i++) {
        offsets[i] = (uint32_t)at;
        at += (sizes[i] + head + 7) & ~7ULL;
        if (at > UINT32_MAX) {
            return lt_error_set(err, LT_ERR_LIMIT,
                                "the rows of one batch take more than 4 GiB when stored");
        }
    }
    offsets[job->count] = (uint32_t)at;
    return LT_OK;
}

static void write_field_plain(const encode_job *job, uint32_t f, const lt_rows *out, uint8_t **at)
{
    const codec_field *field = &job->codec->fields[f];
    const lt_col *col = job->cols[f];
    const codec_kernel *kernel = lt_codec_kernel(field->phys, false);
    if (field->size > 0) {
        kernel->cursors(at, col, job->rows, job->count);
    }
    for (uint32_t i = 0; i < job->count && (field->size == 0 || col->valid); i++) {
        uint32_t row = job->rows ? job->rows[i] : i;
        if (lt_col_is_null(col, row)) {
            uint8_t *mask = (uint8_t *)(uintptr_t)lt_rows_ptr(out, i) + (f >> 3);
            *mask = (uint8_t)(*mask | 1U << (f & 7));
        } else if (field->size == 0) {
            at[i] = lt_codec_plain_write(at[i], col, row);
        }
    }
}

static void write_field_ordered(const encode_job *job, uint32_t f, uint8_t **at)
{
    const codec_field *field = &job->codec->fields[f];
    const lt_col *col = job->cols[f];
    for (uint32_t i = 0; i < job->count; i++) {
        uint32_t row = job->rows ? job->rows[i] : i;
        if (field->size == 0) {
            at[i] = lt_codec_ordered_write(at[i], col, row);
        } else {
            *at[i]++ = !lt_col_is_null(col, row);
        }
    }
    if (field->size > 0) {
        lt_codec_kernel(field->phys, true)->cursors(at, col, job->rows, job->count);
    }
}

static lt_status encode_var(const encode_job *job, lt_rows *out, lt_error *err)
{
    uint32_t *offsets = LT_NEW_ARRAY(job->arena, uint32_t, (size_t)job->count + 1);
    uint8_t **at = LT_NEW_ARRAY(job->arena, uint8_t *, (size_t)job->count + 1);
    if (!offsets || !at) {
        return lt_error_nomem(err, "row offsets");
    }
    LT_TRY(var_offsets(job, offsets, err));
    uint8_t *bytes = lt_arena_zalloc(job->arena, (size_t)offsets[job->count] + 8, 64);
    if (!bytes) {
        return lt_error_nomem(err, "encoded rows");
    }
    out->bytes = bytes;
    out->offsets = offsets;
    uint32_t head = job->codec->ordered ? 0 : job->codec->mask_bytes;
    for (uint32_t i = 0; i < job->count; i++) {
        at[i] = bytes + offsets[i] + head;
    }
    for (uint32_t f = 0; f < job->codec->count; f++) {
        if (job->codec->ordered) {
            write_field_ordered(job, f, at);
        } else {
            write_field_plain(job, f, out, at);
        }
    }
    for (uint32_t i = 0; i < job->count; i++) {
        LT_DCHECK(at[i] <= bytes + offsets[i + 1] && at[i] + 8 > bytes + offsets[i + 1]);
    }
    return LT_OK;
}

lt_status lt_rowcodec_encode(const lt_rowcodec *codec, const lt_col *const *cols,
                             const uint32_t *rows, uint32_t count, lt_arena *arena, lt_rows *out,
                             lt_error *err)
{
    for (uint32_t f = 0; f < codec->count; f++) {
        LT_ASSERT(cols[f]->phys == codec->fields[f].phys);
    }
    const encode_job job = {codec, cols, rows, count, arena};
    uint64_t *hashes = lt_arena_alloc(arena, sizeof *hashes * ((size_t)count + 1), 64);
    if (!hashes) {
        return lt_error_nomem(err, "row hashes");
    }
    *out = (lt_rows){.count = count, .stride = codec->stride, .hashes = hashes};
    if (codec->stride == 0) {
        LT_TRY(encode_var(&job, out, err));
        for (uint32_t i = 0; i < count; i++) {
            hashes[i] = hash_row(lt_rows_ptr(out, i), lt_rows_len(out, i));
        }
        return LT_OK;
    }
    uint8_t *bytes = lt_arena_alloc(arena, (size_t)codec->stride * ((size_t)count + 1), 64);
    if (!bytes) {
        return lt_error_nomem(err, "encoded rows");
    }
    LT_TRY(encode_fixed(&job, bytes, err));
    out->bytes = bytes;
    hash_fixed(bytes, codec->stride, count, hashes);
    return LT_OK;
}

/* One 8-byte number without NULLs: the row is the number, with a null mask of zeroes behind it. */
static bool is_plain_number(const lt_rowcodec *codec, const lt_col *const *cols)
{
    return codec->count == 1 && !codec->ordered && codec->fields[0].phys == LT_PHYS_I64 &&
           codec->fields[0].offset == 0 && cols[0]->valid == NULL &&
           (codec->stride == 8 || codec->stride == 16);
}

lt_status lt_rowcodec_hash(const lt_rowcodec *codec, const lt_col *const *cols,
                           const uint32_t *rows, uint32_t count, lt_arena *arena,
                           const uint64_t **out, lt_error *err)
{
    if (!is_plain_number(codec, cols)) {
        lt_rows encoded;
        LT_TRY(lt_rowcodec_encode(codec, cols, rows, count, arena, &encoded, err));
        *out = encoded.hashes;
        return LT_OK;
    }
    uint64_t *hashes = lt_arena_alloc(arena, sizeof *hashes * ((size_t)count + 1), 64);
    if (!hashes) {
        return lt_error_nomem(err, "row hashes");
    }
    const int64_t *values = LT_COL_DATA(cols[0], const int64_t);
    for (uint32_t i = 0; i < count; i++) {
        hashes[i] = lt_hash_u64((uint64_t)values[rows ? rows[i] : i]);
    }
    for (uint32_t i = 0; i < count && codec->stride == 16; i++) {
        hashes[i] = lt_hash_combine(hashes[i], 0);
    }
    *out = hashes;
    return LT_OK;
}

/* ---- decoding ---- */

typedef struct {
    const lt_rowcodec *codec;
    const uint8_t *const *ptrs;
    const uint32_t *lens;
    uint32_t count;
    uint32_t cap;
    bool copy_bytes;
    lt_arena *arena;
} decode_job;

static lt_status malformed(lt_error *err)
{
    return lt_error_set(err, LT_ERR_STATE,
                        "a stored row is damaged: its fields do not fit its size");
}

LT_INLINE bool mask_get(const decode_job *job, uint32_t i, uint32_t f)
{
    return (job->ptrs[i][job->codec->mask_offset + (f >> 3)] >> (f & 7)) & 1;
}

/* Sets a column's bitmap from the rows' masks; the bitmap comes to be with the first NULL. */
static lt_status decode_nulls(const decode_job *job, uint32_t f, lt_col *col, lt_error *err)
{
    for (uint32_t i = 0; i < job->count; i++) {
        if (mask_get(job, i, f)) {
            if (!lt_col_need_valid(col, job->cap, job->arena)) {
                return lt_error_nomem(err, "validity bitmap");
            }
            lt_bit_clear(col->valid, i);
        } else if (col->valid) {
            lt_bit_set(col->valid, i);
        }
    }
    return LT_OK;
}

static lt_status decode_fixed(const decode_job *job, lt_col *const *cols, lt_error *err)
{
    const lt_rowcodec *codec = job->codec;
    for (uint32_t i = 0; i < job->count; i++) {
        if (job->lens[i] != codec->stride) {
            return malformed(err);
        }
    }
    for (uint32_t f = 0; f < codec->count; f++) {
        const codec_field *field = &codec->fields[f];
        lt_codec_kernel(field->phys, false)
            ->load_rows(job->ptrs, field->offset, cols[f]->data, job->count);
        if (codec->mask_offset > 0) {
            LT_TRY(decode_nulls(job, f, cols[f], err));
        }
    }
    return LT_OK;
}

static lt_status decode_field_var(const decode_job *job, uint32_t f, const uint8_t **at,
                                  lt_col *col, lt_error *err)
{
    const codec_field *field = &job->codec->fields[f];
    const codec_kernel *kernel = lt_codec_kernel(field->phys, false);
    for (uint32_t i = 0; i < job->count; i++) {
        if (mask_get(job, i, f)) {
            continue;
        }
        codec_reader reader = {at[i], job->ptrs[i] + job->lens[i], job->copy_bytes, job->arena};
        lt_status st = LT_OK;
        if (field->size == 0) {
            st = lt_codec_plain_read(&reader, col, i, job->cap);
        } else if (field->size <= (size_t)(reader.end - reader.at)) {
            kernel->load(reader.at, col->data, i);
            reader.at += field->size;
        } else {
            st = LT_ERR_STATE;
        }
        if (st != LT_OK) {
            return st == LT_ERR_NOMEM ? lt_error_nomem(err, "decoded row") : malformed(err);
        }
        at[i] = reader.at;
    }
    return LT_OK;
}

static lt_status decode_var(const decode_job *job, lt_col *const *cols, lt_error *err)
{
    const lt_rowcodec *codec = job->codec;
    const uint8_t **at = LT_NEW_ARRAY(job->arena, const uint8_t *, (size_t)job->count + 1);
    if (!at) {
        return lt_error_nomem(err, "row cursors");
    }
    for (uint32_t i = 0; i < job->count; i++) {
        if (job->lens[i] < codec->mask_bytes) {
            return malformed(err);
        }
        at[i] = job->ptrs[i] + codec->mask_bytes;
    }
    for (uint32_t f = 0; f < codec->count; f++) {
        LT_TRY(decode_nulls(job, f, cols[f], err));
        LT_TRY(decode_field_var(job, f, at, cols[f], err));
    }
    return LT_OK;
}

lt_status lt_rowcodec_decode(const lt_rowcodec *codec, const uint8_t *const *ptrs,
                             const uint32_t *lens, uint32_t count, uint32_t cap, bool copy_bytes,
                             lt_arena *arena, lt_col *const *cols, lt_error *err)
{
    LT_ASSERT(!codec->ordered && count <= cap);
    for (uint32_t f = 0; f < codec->count; f++) {
        LT_ASSERT(cols[f]->phys == codec->fields[f].phys);
    }
    const decode_job job = {codec, ptrs, lens, count, cap, copy_bytes, arena};
    return codec->stride > 0 ? decode_fixed(&job, cols, err) : decode_var(&job, cols, err);
}
