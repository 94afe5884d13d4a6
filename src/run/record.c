/* The replay record: for every batch that a source gave out since the last checkpoint its end
 * position, its size and the clock it was given. It lies in the checkpoint as blocks of the
 * source's part; a repetition gives its batches the same clocks, so that what was judged by the
 * clock then (a row too far in the future) is judged alike.
 *
 *   record  varint rows, varint bytes since the record before, zigzag varint microseconds since it
 *
 * Positions are bytes read since the checkpoint before. A stretch without checkpoints is recorded
 * up to RECORD_BYTES_MAX; later batches count as its last one. */
#include <stdlib.h>

#include "base/assert.h"
#include "run/checkpoint_int.h"

#define RECORD_BYTES_MAX   ((size_t)8 << 20)
#define RECORD_BLOCK_BYTES ((size_t)64 << 10)

static void put_varint(lt_text *to, uint64_t value)
{
    while (value >= 0x80) {
        lt_text_putc(to, (char)(uint8_t)(value | 0x80));
        value >>= 7;
    }
    lt_text_putc(to, (char)(uint8_t)value);
}

void lt_record_batch(lt_node *node, uint32_t rows, int64_t clock_us, uint64_t position)
{
    lt_replay_record *record = &node->record;
    if (node->job->ckpt == NULL || record->bytes.len > RECORD_BYTES_MAX || rows == 0) {
        return;
    }
    int64_t passed = clock_us - record->clock_us;
    put_varint(&record->bytes, rows);
    put_varint(&record->bytes, position - record->position);
    put_varint(&record->bytes, ((uint64_t)passed << 1) ^ (uint64_t)(passed >> 63));
    record->clock_us = clock_us;
    record->position = position;
}

void lt_record_cut(lt_node *node, uint64_t position)
{
    lt_text_clear(&node->part.record);
    lt_text_append(&node->part.record, node->record.bytes.ptr, node->record.bytes.len);
    lt_text_clear(&node->record.bytes);
    node->record.clock_us = 0;
    node->record.position = 0;
    node->record.start = position;
}

lt_status lt_record_write(const lt_node *node, lt_ckpt_writer *writer, lt_error *err)
{
    const lt_text *bytes = &node->part.record;
    uint64_t id = 0;
    for (size_t at = 0; at < bytes->len; at += RECORD_BLOCK_BYTES) {
        size_t len = LT_MIN(bytes->len - at, RECORD_BLOCK_BYTES);
        LT_TRY(lt_ckpt_write_block(writer, id++, bytes->ptr + at, len, err));
    }
    return LT_OK;
}

/* ---- reading ---- */

static lt_status collect(void *arg, uint64_t id, const uint8_t *bytes, size_t len, lt_error *err)
{
    lt_text *to = arg;
    (void)id;
    lt_text_append(to, (const char *)bytes, len);
    return to->failed ? lt_error_nomem(err, "a replay") : LT_OK;
}

static uint64_t take_varint(const lt_text *from, size_t *at)
{
    uint64_t value = 0;
    for (unsigned shift = 0; *at < from->len && shift < 64; shift += 7) {
        uint8_t byte = (uint8_t)from->ptr[(*at)++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            break;
        }
    }
    return value;
}

static int by_position(const void *a, const void *b)
{
    const lt_replay_clock *x = a;
    const lt_replay_clock *y = b;
    return x->position < y->position ? -1 : x->position > y->position;
}

static lt_status add_clocks(lt_node *node, const lt_text *bytes, lt_error *err)
{
    lt_replay_clock last = {0, 0};
    for (size_t at = 0; at < bytes->len;) {
        (void)take_varint(bytes, &at);
        last.position += take_varint(bytes, &at);
        uint64_t zigzag = take_varint(bytes, &at);
        last.clock_us += (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
        if (!lt_array_push(&node->clocks_then, &node->job->mem, last)) {
            return lt_error_nomem(err, "a replay");
        }
    }
    return LT_OK;
}

lt_status lt_record_read(lt_node *node, lt_ckpt_reader *reader, uint32_t part, lt_error *err)
{
    lt_text bytes;
    lt_text_init(&bytes, &node->job->mem);
    lt_status st = lt_ckpt_read_part(reader, part, collect, &bytes, err);
    if (st == LT_OK) {
        st = add_clocks(node, &bytes, err);
    }
    lt_text_deinit(&bytes);
    if (node->clocks_then.count > 0) {
        qsort(node->clocks_then.items, node->clocks_then.count, sizeof(lt_replay_clock),
              by_position);
    }
    return st;
}

int64_t lt_record_clock(const lt_node *reader, uint64_t position)
{
    size_t low = 0;
    size_t high = reader->clocks_then.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (reader->clocks_then.items[middle].position < position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (reader->clocks_then.count == 0) {
        return 0;
    }
    return reader->clocks_then.items[LT_MIN(low, reader->clocks_then.count - 1)].clock_us;
}
