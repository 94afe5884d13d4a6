/* The outbox: collects rows and marks into output batches. See op_int.h for the contract.
 *
 * The first rows of a batch are written straight into its columns; later ones go through temporary
 * columns and are copied, because kernels fill columns from row 0. Bytes always belong to the
 * batch, so the copy moves fixed-size values only. */
#include "op/op_int.h"

void lt_outbox_init(const lt_op *op, lt_outbox *box, bool kinds)
{
    /* -U and +U of a key share a batch, so a batch with kinds has room for two. */
    uint32_t least = kinds ? 2 : 1;
    box->capacity = LT_MIN(LT_MAX(op->batch_rows, least), (uint32_t)LT_BATCH_ROWS_MAX);
    box->kinds = kinds;
}

void lt_outbox_deinit(lt_outbox *box)
{
    lt_batch_unref(box->batch);
    box->batch = NULL;
}

lt_status lt_outbox_need(lt_op *op, lt_outbox *box, lt_error *err)
{
    if (box->batch) {
        return LT_OK;
    }
    lt_batch *batch = lt_batch_new(op->pool, op->out_schema, box->capacity);
    if (!batch) {
        return lt_error_nomem(err, "an output batch");
    }
    batch->arrival_us = box->arrival_us;
    if (box->kinds) {
        batch->kinds = lt_arena_zalloc(batch->arena, box->capacity, 8);
        if (!batch->kinds) {
            lt_batch_unref(batch);
            return lt_error_nomem(err, "row kinds");
        }
    }
    box->batch = batch;
    return LT_OK;
}

lt_status lt_outbox_begin(lt_op *op, lt_outbox *box, uint32_t count, lt_arena *temp, lt_error *err)
{
    LT_TRY(lt_outbox_need(op, box, err));
    LT_ASSERT(count <= lt_outbox_room(box));
    if (box->batch->row_count == 0) {
        box->cols = box->batch->cols;
        return LT_OK;
    }
    box->cols = LT_NEW_ARRAY(temp, lt_col, op->out_schema->count + 1);
    if (!box->cols) {
        return lt_error_nomem(err, "output columns");
    }
    for (uint32_t i = 0; i < op->out_schema->count; i++) {
        if (!lt_col_init(&box->cols[i], op->out_schema->fields[i].type, box->capacity, temp)) {
            return lt_error_nomem(err, "output columns");
        }
    }
    return LT_OK;
}

lt_status lt_outbox_commit(lt_op *op, lt_outbox *box, uint32_t count, lt_error *err)
{
    lt_batch *batch = box->batch;
    LT_ASSERT(batch->row_count + count <= box->capacity);
    for (uint32_t i = 0; box->cols != batch->cols && i < op->out_schema->count; i++) {
        if (!lt_col_put(&batch->cols[i], batch->row_count, box->capacity, &box->cols[i], NULL,
                        count, false, batch->arena)) {
            return lt_error_nomem(err, "output rows");
        }
    }
    batch->row_count += count;
    batch->sel_count = batch->row_count;
    return LT_OK;
}

lt_status lt_outbox_mark(lt_op *op, lt_outbox *box, int64_t watermark, lt_error *err)
{
    LT_TRY(lt_outbox_need(op, box, err));
    if (!lt_batch_add_mark(box->batch, box->batch->row_count, watermark)) {
        return lt_error_nomem(err, "watermark marks");
    }
    return LT_OK;
}

lt_status lt_outbox_flush(lt_outbox *box, lt_emit *out, lt_error *err)
{
    lt_batch *batch = box->batch;
    if (!batch) {
        return LT_OK;
    }
    if (batch->row_count == 0 && batch->mark_count == 0) {
        lt_outbox_deinit(box);
        return LT_OK;
    }
    lt_status st = lt_emit_batch(out, batch, err);
    if (st != LT_FULL) {
        box->batch = NULL;
    }
    return st;
}

/* ---- copying values between columns ---- */

static void put_fixed(lt_col *dst, uint32_t dst_row, const lt_col *src, const uint32_t *rows,
                      uint32_t count, size_t size)
{
    uint8_t *to = (uint8_t *)dst->data + (size_t)dst_row * size;
    const uint8_t *from = src->data;
    if (!rows) {
        memcpy(to, from, (size_t)count * size);
        return;
    }
    if (size == 8) {
        for (uint32_t i = 0; i < count; i++) {
            memcpy(to + (size_t)i * 8, from + (size_t)rows[i] * 8, 8);
        }
        return;
    }
    if (size == 16) {
        for (uint32_t i = 0; i < count; i++) {
            memcpy(to + (size_t)i * 16, from + (size_t)rows[i] * 16, 16);
        }
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        memcpy(to + (size_t)i * size, from + (size_t)rows[i] * size, size);
    }
}

static bool put_valid(lt_col *dst, uint32_t dst_row, uint32_t dst_cap, const lt_col *src,
                      const uint32_t *rows, uint32_t count, lt_arena *arena)
{
    if (!src->valid && !dst->valid) {
        return true;
    }
    uint64_t *valid = lt_col_need_valid(dst, dst_cap, arena);
    if (!valid) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (lt_col_is_null(src, rows ? rows[i] : i)) {
            lt_bit_clear(valid, dst_row + i);
        } else {
            lt_bit_set(valid, dst_row + i);
        }
    }
    return true;
}

/* Long strings get bytes of the arena, all in one piece; a row that is named twice in a row (as -U
 * and +U of a key do) has them once. */
static bool put_strings(lt_col *dst, uint32_t dst_row, const lt_col *src, const uint32_t *rows,
                        uint32_t count, lt_arena *arena)
{
    lt_strv *to = LT_COL_DATA(dst, lt_strv) + dst_row;
    const lt_strv *from = LT_COL_DATA(src, const lt_strv);
    size_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = rows ? rows[i] : i;
        bool null = lt_col_is_null(src, row); /* its view may point anywhere */
        to[i] = null ? (lt_strv){0} : from[row];
        bool again = rows && i > 0 && rows[i - 1] == row;
        total += to[i].len > LT_STRV_INLINE_MAX && !again ? to[i].len : 0;
    }
    if (total == 0) {
        return true;
    }
    char *at = lt_arena_alloc(arena, total, 1);
    if (!at) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t len = to[i].len;
        if (len <= LT_STRV_INLINE_MAX) {
            continue;
        }
        if (rows && i > 0 && rows[i - 1] == rows[i]) {
            to[i] = to[i - 1];
            continue;
        }
        memcpy(at, lt_strv_ptr(&to[i]), len);
        to[i] = lt_strv_make(at, len);
        at += len;
    }
    return true;
}

bool lt_col_put(lt_col *dst, uint32_t dst_row, uint32_t dst_cap, const lt_col *src,
                const uint32_t *rows, uint32_t count, bool copy_bytes, lt_arena *arena)
{
    LT_ASSERT(dst->phys == src->phys);
    bool nested = src->phys == LT_PHYS_LIST || src->phys == LT_PHYS_STRUCT;
    if (nested) {
        for (uint32_t i = 0; i < count; i++) {
            if (!lt_col_copy_value(dst, dst_row + i, dst_cap, src, rows ? rows[i] : i, copy_bytes,
                                   arena)) {
                return false;
            }
        }
        return true;
    }
    if (copy_bytes && src->phys == LT_PHYS_STR) {
        if (!put_strings(dst, dst_row, src, rows, count, arena)) {
            return false;
        }
    } else if (count > 0) {
        put_fixed(dst, dst_row, src, rows, count, lt_phys_size(src->phys));
    }
    return put_valid(dst, dst_row, dst_cap, src, rows, count, arena);
}
