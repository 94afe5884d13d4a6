/* The snapshot's byte layout, shared by writer and reader; docs/internals/state.md describes it. */
#pragma once

#include <stdint.h>

#define SNAPSHOT_MAGIC     "LEATSNAP"
#define SNAPSHOT_MAGIC_LEN 8
#define SNAPSHOT_VERSION   1
#define SNAPSHOT_HEAD_BYTES \
    28 /* magic, versions of snapshot, hash and row codec, item count, CRC */
#define SNAPSHOT_BLOCK_HEAD   12 /* kind, payload length, CRC */
#define SNAPSHOT_BLOCK_TARGET ((size_t)256 << 10)
#define SNAPSHOT_NO_CELL      UINT32_MAX

typedef enum {
    BLOCK_ITEM = 1,    /* the description of a table, of slices or of timers */
    BLOCK_RECORDS = 2, /* of the item, or of its last slice */
    BLOCK_SLICE = 3,   /* a slice begins */
    BLOCK_TIMERS = 4,
    BLOCK_END = 5
} block_kind;
