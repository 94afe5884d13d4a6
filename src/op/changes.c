/* See changes.h. A -U and the +U behind it go into one batch; watermarks stand between the changes
 * of the rows before and after them. */
#include "op/changes.h"

#include <string.h>

lt_status lt_changes_init(lt_op *op, lt_changes *changes, const lt_rowcodec *codec, bool kinds,
                          lt_error *err)
{
    changes->codec = codec;
    changes->ranked = op->out_schema->count > lt_rowcodec_count(codec);
    LT_ASSERT(op->out_schema->count == lt_rowcodec_count(codec) + changes->ranked);
    lt_outbox_init(op, &changes->box, kinds);
    LT_TRY(lt_op_chunk_new(op, &changes->batch_arena, err));
    return lt_op_chunk_new(op, &changes->round_arena, err);
}

void lt_changes_deinit(lt_changes *changes)
{
    lt_outbox_deinit(&changes->box);
    lt_batch_unref(changes->pending);
    lt_arena_free(changes->batch_arena);
    lt_arena_free(changes->round_arena);
}

static void round_clear(lt_changes *changes)
{
    lt_arena_reset(changes->round_arena, LT_OP_CHUNK_KEEP);
    changes->rows = NULL;
    changes->marks = NULL;
    changes->count = changes->cap = changes->at = 0;
    changes->mark_count = changes->mark_cap = changes->mark_at = 0;
}

/* ---- listing ---- */

static void *grown(lt_changes *changes, const void *from, uint32_t cap, size_t size)
{
    uint8_t *to = lt_arena_alloc(changes->round_arena, (size_t)cap * size, 8);
    if (to && changes->count > 0) {
        memcpy(to, from, (size_t)changes->count * size);
    }
    return to;
}

static lt_status make_room(lt_changes *changes, lt_error *err)
{
    uint32_t cap = changes->cap ? changes->cap * 2 : 64;
    changes->rows = grown(changes, changes->rows, cap, sizeof *changes->rows);
    changes->lens = grown(changes, changes->lens, cap, sizeof *changes->lens);
    changes->ranks = grown(changes, changes->ranks, cap, sizeof *changes->ranks);
    changes->kinds = grown(changes, changes->kinds, cap, sizeof *changes->kinds);
    if (!changes->rows || !changes->lens || !changes->ranks || !changes->kinds) {
        return lt_error_nomem(err, "changes");
    }
    changes->cap = cap;
    return LT_OK;
}

lt_status lt_changes_add(lt_changes *changes, lt_row_kind kind, lt_str row, int64_t rank,
                         lt_error *err)
{
    if (kind == LT_UPDATE_BEFORE && changes->drop_before) {
        return LT_OK;
    }
    if (changes->count == changes->cap) {
        LT_TRY(make_room(changes, err));
    }
    changes->rows[changes->count] = (const uint8_t *)row.ptr;
    changes->lens[changes->count] = (uint32_t)row.len;
    changes->ranks[changes->count] = rank;
    changes->kinds[changes->count++] = (uint8_t)kind;
    return LT_OK;
}

lt_status lt_changes_keep(lt_changes *changes, lt_str row, lt_str *out, lt_error *err)
{
    char *copy = lt_arena_alloc(changes->round_arena, row.len + 1, 8);
    if (!copy) {
        return lt_error_nomem(err, "changes");
    }
    memcpy(copy, row.ptr, row.len);
    *out = (lt_str){copy, row.len};
    return LT_OK;
}

static lt_status add_mark(lt_changes *changes, int64_t watermark, lt_error *err)
{
    if (changes->mark_count > 0 && changes->marks[changes->mark_count - 1].at == changes->count) {
        changes->marks[changes->mark_count - 1].watermark = watermark;
        return LT_OK;
    }
    if (changes->mark_count == changes->mark_cap) {
        uint32_t cap = changes->mark_cap ? changes->mark_cap * 2 : 16;
        lt_change_mark *marks = LT_NEW_ARRAY(changes->round_arena, lt_change_mark, cap);
        if (!marks) {
            return lt_error_nomem(err, "watermark marks");
        }
        if (changes->mark_count > 0) {
            memcpy(marks, changes->marks, changes->mark_count * sizeof *marks);
        }
        changes->marks = marks;
        changes->mark_cap = cap;
    }
    changes->marks[changes->mark_count++] = (lt_change_mark){changes->count, watermark};
    return LT_OK;
}

/* ---- output ---- */

/* Changes that go into the batch at hand. */
static uint32_t fitting(const lt_changes *changes)
{
    uint32_t count = LT_MIN(changes->count - changes->at, lt_outbox_room(&changes->box));
    if (count > 0 && changes->kinds[changes->at + count - 1] == LT_UPDATE_BEFORE) {
        count--;
    }
    return count;
}

static lt_status write_part(lt_op *op, lt_changes *changes, uint32_t count, lt_error *err)
{
    lt_outbox *box = &changes->box;
    uint32_t at = changes->at;
    uint32_t width = lt_rowcodec_count(changes->codec);
    LT_TRY(lt_outbox_begin(op, box, count, changes->round_arena, err));
    uint32_t base = box->batch->row_count;
    lt_col **cols = LT_NEW_ARRAY(changes->round_arena, lt_col *, (size_t)width + 1);
    if (!cols) {
        return lt_error_nomem(err, "changes");
    }
    for (uint32_t c = 0; c < width; c++) {
        cols[c] = &box->cols[c];
    }
    if (changes->ranked) {
        memcpy(box->cols[width].data, changes->ranks + at, count * sizeof(int64_t));
    }
    LT_TRY(lt_rowcodec_decode(changes->codec, changes->rows + at, changes->lens + at, count,
                              box->capacity, true, box->batch->arena, cols, err));
    if (box->batch->kinds) {
        memcpy(box->batch->kinds + base, changes->kinds + at, count);
    }
    for (;
         changes->mark_at < changes->mark_count && changes->marks[changes->mark_at].at < at + count;
         changes->mark_at++) {
        const lt_change_mark *mark = &changes->marks[changes->mark_at];
        if (!lt_batch_add_mark(box->batch, base + (mark->at - at), mark->watermark)) {
            return lt_error_nomem(err, "watermark marks");
        }
    }
    changes->at += count;
    return lt_outbox_commit(op, box, count, err);
}

lt_status lt_changes_emit(lt_op *op, lt_changes *changes, lt_emit *out, lt_error *err)
{
    while (changes->at < changes->count) {
        uint32_t count = fitting(changes);
        if (count == 0) {
            LT_TRY(lt_outbox_flush(&changes->box, out, err));
            continue;
        }
        LT_TRY(write_part(op, changes, count, err));
    }
    for (; changes->mark_at < changes->mark_count; changes->mark_at++) {
        LT_TRY(lt_outbox_mark(op, &changes->box, changes->marks[changes->mark_at].watermark, err));
    }
    round_clear(changes);
    return LT_OK;
}

bool lt_changes_is_full(const lt_changes *changes)
{
    return changes->count >= LT_MAX(changes->box.capacity, 64U);
}

/* ---- a batch ---- */

void lt_changes_begin(lt_changes *changes)
{
    LT_ASSERT(changes->pending == NULL);
    lt_arena_reset(changes->batch_arena, LT_OP_CHUNK_KEEP);
    round_clear(changes);
}

void lt_changes_start(lt_op *op, lt_changes *changes, lt_batch *in, const uint32_t *rows,
                      uint32_t count)
{
    op->ledger.held += count;
    changes->pending = lt_batch_ref(in);
    changes->box.arrival_us = in->arrival_us;
    changes->input = rows;
    changes->input_count = count;
    changes->input_at = 0;
    changes->input_mark = 0;
}

/* Marks that stand before a physical row. */
static lt_status marks_before(lt_changes *changes, uint32_t row, lt_error *err)
{
    const lt_batch *in = changes->pending;
    for (; changes->input_mark < in->mark_count && in->marks[changes->input_mark].first_row <= row;
         changes->input_mark++) {
        LT_TRY(add_mark(changes, in->marks[changes->input_mark].watermark, err));
    }
    return LT_OK;
}

static lt_status run_rounds(lt_op *op, lt_changes *changes, lt_change_step step, lt_emit *out,
                            lt_error *err)
{
    for (;;) {
        LT_TRY(lt_changes_emit(op, changes, out, err));
        if (changes->input_at == changes->input_count &&
            changes->input_mark == changes->pending->mark_count) {
            return lt_outbox_flush(&changes->box, out, err);
        }
        while (changes->input_at < changes->input_count && !lt_changes_is_full(changes)) {
            uint32_t index = changes->input_at++;
            op->ledger.held--;
            LT_TRY(marks_before(changes, changes->input[index], err));
            LT_TRY(step(op, index, err));
        }
        if (changes->input_at == changes->input_count) {
            LT_TRY(marks_before(changes, UINT32_MAX, err));
        }
    }
}

lt_status lt_changes_run(lt_op *op, lt_changes *changes, lt_change_step step, lt_emit *out,
                         lt_error *err)
{
    LT_ASSERT(changes->pending != NULL);
    lt_status st = run_rounds(op, changes, step, out, err);
    if (st == LT_FULL) {
        return st;
    }
    const lt_batch *in = changes->pending;
    if (in->mark_count > 0) {
        op->watermark = LT_MAX(op->watermark, in->marks[in->mark_count - 1].watermark);
    }
    lt_batch_unref(changes->pending);
    changes->pending = NULL;
    return st;
}
