/* A checkpoint's state as tables, for people: what an operator had, without the operator. The
 * blocks of one part are loaded into tables made from their own descriptions. */
#pragma once

#include "data/batch.h"
#include "state/state.h"

typedef struct lt_state_reader lt_state_reader;

typedef struct {
    lt_str name;
    const char *kind; /* "table", "slices", "timers", "lists", "ordered map" */
    lt_str key;       /* as the row codec describes it; empty without a key */
    /* slice_end or time (TIMESTAMP(3)), the key's fields as key_1, key_2, .. (one column `key` of
     * bytes when their types are not plain scalars), `row` of lists, `order` of ordered maps, then
     * the record: the fields that the operator named, else `value` with its bytes and cell_1, ..
     * with what varies in length. */
    const lt_schema *schema;
    uint64_t records; /* rows, where a record has several (lists) */
    int64_t bytes;    /* of its blocks */
} lt_state_item;

/* The reader has no clock: nothing expires in it. */
lt_status lt_state_reader_new(lt_mem *mem, lt_state_reader **out, lt_error *err);
void lt_state_reader_free(lt_state_reader *reader); /* accepts NULL */
/* All blocks of the part, in order; reader is a lt_state_reader (as lt_ckpt_read_part calls it). */
lt_status lt_state_reader_block(void *reader, uint64_t id, const uint8_t *bytes, size_t len,
                                lt_error *err);
/* After the last block. LT_ERR_STATE: it was not the last. */
lt_status lt_state_reader_ready(lt_state_reader *reader, lt_error *err);

uint32_t lt_state_reader_count(const lt_state_reader *reader); /* items */
void lt_state_reader_item(const lt_state_reader *reader, uint32_t index, lt_state_item *out);
/* Begins the rows of an item: slices by time, records in order of creation or of the map. */
void lt_state_reader_open(lt_state_reader *reader, uint32_t index);
/* The next rows, at most 1024; *out NULL = that was all. The caller unrefs; bytes are copies. */
lt_status lt_state_reader_rows(lt_state_reader *reader, lt_batch **out, lt_error *err);
