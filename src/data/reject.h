/* Rejects: data that was refused, with its reason. One schema for all stages (parse, constraint,
 * expression, late, sink). */
#pragma once

#include <stdint.h>

#include "base/str.h"
#include "data/batch.h"

typedef enum {
    LT_STAGE_PARSE,      /* bytes -> row */
    LT_STAGE_ROWTIME,    /* NULL or far-future event time */
    LT_STAGE_EXPRESSION, /* a kernel failed */
    LT_STAGE_CONSTRAINT, /* NOT NULL, length, key */
    LT_STAGE_LATE,       /* behind the watermark, where the policy captures it */
    LT_STAGE_SINK,       /* could not be encoded or was refused by the target */
    LT_STAGE_COUNT
} lt_stage;

const char *lt_stage_name(lt_stage stage);

typedef struct {
    lt_stage stage;
    const char *code; /* stable reason code in lower case with dashes, such as "bad-json"; static */
    lt_str detail;    /* text for people */
    lt_str table;     /* borrowed */
    lt_str where;     /* file name or the like; may be empty */
    int64_t position; /* byte offset, record number; -1 = unknown */
    int64_t event_ms; /* LT_WATERMARK_MIN = unknown */
    uint8_t kind;     /* lt_row_kind */
    lt_str raw;       /* raw bytes as they came in; empty when the row is given instead */
    const lt_batch *batch; /* NULL, or the batch whose row was refused; the sink renders it */
    uint32_t row;          /* physical row of batch */
} lt_reject;

/* Whoever refuses data hands it to the sink he was given, which counts it, applies the table's
 * error policy and keeps it. Returns LT_OK to go on, or LT_ERR_DATA (with err filled) when the
 * policy is 'fail'. */
typedef struct lt_reject_sink lt_reject_sink;
struct lt_reject_sink {
    lt_status (*put)(lt_reject_sink *sink, const lt_reject *reject, lt_error *err);
};
