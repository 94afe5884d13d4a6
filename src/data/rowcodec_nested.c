/* The row codec value by value: strings and nested types, whose shape varies from value to value.
 *
 *   plain    STR     u32 length, bytes
 *            LIST    u32 count, then per child column: null mask (1 bit an element, set = NULL),
 * the values that are not NULL STRUCT  null mask (1 bit a field), the values that are not NULL
 *   ordered  STR     bytes with 0x00 written as 0x00 0xFF, then 0x00 0x00
 *            LIST    per element: 0x01, the element (MAP: key, value); then 0x00
 *            STRUCT  the fields
 *
 * Entries of MAP and MULTISET are written in the order in which they stand: two maps are the same
 * key when they have the same entries in the same order. Recursion is as deep as the type. */
#include "data/rowcodec_int.h"

static uint32_t mask_bytes(uint32_t count)
{
    return count / 8 + (count % 8 != 0);
}

/* ---- plain ---- */

static uint64_t list_size(const lt_col *col, lt_span span)
{
    uint64_t size = 4;
    for (uint32_t i = 0; i < col->child_count; i++) {
        const lt_col *child = &col->children[i];
        size += mask_bytes(span.count);
        for (uint32_t k = 0; k < span.count; k++) {
            if (!lt_col_is_null(child, span.start + k)) {
                size += lt_codec_plain_size(child, span.start + k);
            }
        }
    }
    return size;
}

uint64_t lt_codec_plain_size(const lt_col *col, uint32_t row)
{
    if (col->phys == LT_PHYS_STR) {
        return 4 + (uint64_t)LT_COL_DATA(col, lt_strv)[row].len;
    }
    if (col->phys == LT_PHYS_LIST) {
        return list_size(col, LT_COL_DATA(col, lt_span)[row]);
    }
    if (col->phys != LT_PHYS_STRUCT) {
        return lt_codec_kernel(col->phys, false)->size;
    }
    uint64_t size = mask_bytes(col->child_count);
    for (uint32_t i = 0; i < col->child_count; i++) {
        if (!lt_col_is_null(&col->children[i], row)) {
            size += lt_codec_plain_size(&col->children[i], row);
        }
    }
    return size;
}

static uint8_t *write_str(uint8_t *to, const lt_strv *view)
{
    lt_codec_store32(to, view->len);
    memcpy(to + 4, lt_strv_ptr(view), view->len);
    return to + 4 + view->len;
}

static uint8_t *write_list(uint8_t *to, const lt_col *col, lt_span span)
{
    lt_codec_store32(to, span.count);
    to += 4;
    for (uint32_t i = 0; i < col->child_count; i++) {
        const lt_col *child = &col->children[i];
        uint8_t *mask = to;
        memset(mask, 0, mask_bytes(span.count));
        to += mask_bytes(span.count);
        for (uint32_t k = 0; k < span.count; k++) {
            if (lt_col_is_null(child, span.start + k)) {
                mask[k >> 3] = (uint8_t)(mask[k >> 3] | 1U << (k & 7));
            } else {
                to = lt_codec_plain_write(to, child, span.start + k);
            }
        }
    }
    return to;
}

uint8_t *lt_codec_plain_write(uint8_t *to, const lt_col *col, uint32_t row)
{
    if (col->phys == LT_PHYS_STR) {
        return write_str(to, &LT_COL_DATA(col, lt_strv)[row]);
    }
    if (col->phys == LT_PHYS_LIST) {
        return write_list(to, col, LT_COL_DATA(col, lt_span)[row]);
    }
    if (col->phys != LT_PHYS_STRUCT) {
        const codec_kernel *kernel = lt_codec_kernel(col->phys, false);
        kernel->one(to, col->data, row);
        return to + kernel->size;
    }
    uint8_t *mask = to;
    memset(mask, 0, mask_bytes(col->child_count));
    to += mask_bytes(col->child_count);
    for (uint32_t i = 0; i < col->child_count; i++) {
        if (lt_col_is_null(&col->children[i], row)) {
            mask[i >> 3] = (uint8_t)(mask[i >> 3] | 1U << (i & 7));
        } else {
            to = lt_codec_plain_write(to, &col->children[i], row);
        }
    }
    return to;
}

/* Takes size bytes; NULL when they are not there. */
static const uint8_t *reader_take(codec_reader *reader, uint64_t size)
{
    if (size > (uint64_t)(reader->end - reader->at)) {
        return NULL;
    }
    const uint8_t *bytes = reader->at;
    reader->at += size;
    return bytes;
}

static lt_status read_str(codec_reader *reader, lt_strv *to)
{
    const uint8_t *head = reader_take(reader, 4);
    uint32_t len = head ? lt_codec_load32(head) : 0;
    const char *bytes = head ? (const char *)reader_take(reader, len) : NULL;
    if (!bytes) {
        return LT_ERR_STATE;
    }
    if (reader->copy_bytes && len > LT_STRV_INLINE_MAX) {
        bytes = lt_arena_strndup(reader->arena, bytes, len);
        if (!bytes) {
            return LT_ERR_NOMEM;
        }
    }
    *to = lt_strv_make(bytes, len);
    return LT_OK;
}

/* A value that may be NULL, as its parent's mask says. */
static lt_status read_masked(codec_reader *reader, const uint8_t *mask, uint32_t index, lt_col *col,
                             uint32_t row, uint32_t cap)
{
    if (!((mask[index >> 3] >> (index & 7)) & 1)) {
        if (col->valid) {
            lt_bit_set(col->valid, row);
        }
        return lt_codec_plain_read(reader, col, row, cap);
    }
    if (!lt_col_need_valid(col, cap, reader->arena)) {
        return LT_ERR_NOMEM;
    }
    lt_bit_clear(col->valid, row);
    return LT_OK;
}

static lt_status read_list(codec_reader *reader, lt_col *col, uint32_t row)
{
    const uint8_t *head = reader_take(reader, 4);
    uint32_t count = head ? lt_codec_load32(head) : 0;
    if (!head || mask_bytes(count) > (uint64_t)(reader->end - reader->at)) {
        return LT_ERR_STATE;
    }
    if (!lt_col_reserve_children(col, count, reader->arena)) {
        return LT_ERR_NOMEM;
    }
    uint32_t start = col->child_len;
    for (uint32_t i = 0; i < col->child_count; i++) {
        const uint8_t *mask = reader_take(reader, mask_bytes(count));
        if (!mask) {
            return LT_ERR_STATE;
        }
        for (uint32_t k = 0; k < count; k++) {
            LT_TRY(read_masked(reader, mask, k, &col->children[i], start + k, col->child_cap));
        }
    }
    col->child_len = start + count;
    LT_COL_DATA(col, lt_span)[row] = (lt_span){start, count};
    return LT_OK;
}

static lt_status read_struct(codec_reader *reader, lt_col *col, uint32_t row, uint32_t cap)
{
    const uint8_t *mask = reader_take(reader, mask_bytes(col->child_count));
    if (!mask) {
        return LT_ERR_STATE;
    }
    for (uint32_t i = 0; i < col->child_count; i++) {
        LT_TRY(read_masked(reader, mask, i, &col->children[i], row, cap));
    }
    return LT_OK;
}

lt_status lt_codec_plain_read(codec_reader *reader, lt_col *col, uint32_t row, uint32_t cap)
{
    if (col->phys == LT_PHYS_STR) {
        return read_str(reader, &LT_COL_DATA(col, lt_strv)[row]);
    }
    if (col->phys == LT_PHYS_LIST) {
        return read_list(reader, col, row);
    }
    if (col->phys == LT_PHYS_STRUCT) {
        return read_struct(reader, col, row, cap);
    }
    const codec_kernel *kernel = lt_codec_kernel(col->phys, false);
    const uint8_t *bytes = reader_take(reader, kernel->size);
    if (!bytes) {
        return LT_ERR_STATE;
    }
    kernel->load(bytes, col->data, row);
    return LT_OK;
}

/* ---- ordered ---- */

static uint64_t escaped_size(const lt_strv *view)
{
    const char *bytes = lt_strv_ptr(view);
    uint64_t size = (uint64_t)view->len + 2;
    for (uint32_t i = 0; i < view->len; i++) {
        size += bytes[i] == 0;
    }
    return size;
}

static uint8_t *write_escaped(uint8_t *to, const lt_strv *view)
{
    const char *bytes = lt_strv_ptr(view);
    for (uint32_t i = 0; i < view->len; i++) {
        *to++ = (uint8_t)bytes[i];
        if (bytes[i] == 0) {
            *to++ = 0xFF;
        }
    }
    *to++ = 0;
    *to++ = 0;
    return to;
}

uint64_t lt_codec_ordered_size(const lt_col *col, uint32_t row)
{
    uint64_t size = 1;
    if (lt_col_is_null(col, row)) {
        return size;
    }
    if (col->phys == LT_PHYS_STR) {
        return size + escaped_size(&LT_COL_DATA(col, lt_strv)[row]);
    }
    if (col->phys == LT_PHYS_STRUCT) {
        for (uint32_t i = 0; i < col->child_count; i++) {
            size += lt_codec_ordered_size(&col->children[i], row);
        }
        return size;
    }
    if (col->phys != LT_PHYS_LIST) {
        return size + lt_codec_kernel(col->phys, true)->size;
    }
    lt_span span = LT_COL_DATA(col, lt_span)[row];
    size += (uint64_t)span.count + 1;
    for (uint32_t i = 0; i < col->child_count; i++) {
        for (uint32_t k = 0; k < span.count; k++) {
            size += lt_codec_ordered_size(&col->children[i], span.start + k);
        }
    }
    return size;
}

uint8_t *lt_codec_ordered_write(uint8_t *to, const lt_col *col, uint32_t row)
{
    bool is_null = lt_col_is_null(col, row);
    *to++ = !is_null;
    if (is_null) {
        return to;
    }
    if (col->phys == LT_PHYS_STR) {
        return write_escaped(to, &LT_COL_DATA(col, lt_strv)[row]);
    }
    if (col->phys == LT_PHYS_STRUCT) {
        for (uint32_t i = 0; i < col->child_count; i++) {
            to = lt_codec_ordered_write(to, &col->children[i], row);
        }
        return to;
    }
    if (col->phys != LT_PHYS_LIST) {
        const codec_kernel *kernel = lt_codec_kernel(col->phys, true);
        kernel->one(to, col->data, row);
        return to + kernel->size;
    }
    lt_span span = LT_COL_DATA(col, lt_span)[row];
    for (uint32_t k = 0; k < span.count; k++) {
        *to++ = 1;
        for (uint32_t i = 0; i < col->child_count; i++) {
            to = lt_codec_ordered_write(to, &col->children[i], span.start + k);
        }
    }
    *to++ = 0;
    return to;
}
