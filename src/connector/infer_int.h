/* Inference: what was seen of a column's values, and the type that holds them all. */
#pragma once

#include "connector/connector_int.h"

#define LT_INFER_SAMPLE  (1 << 20) /* bytes looked at */
#define LT_INFER_RECORDS 10000     /* records looked at */
#define LT_INFER_FIELDS  2000      /* columns, or members of one object */
#define LT_INFER_DEPTH   32

enum {
    LT_SEEN_BOOL = 1,
    LT_SEEN_INT = 2, /* fits BIGINT */
    LT_SEEN_BIG = 4, /* a whole number of up to 38 digits */
    LT_SEEN_REAL = 8,
    LT_SEEN_DATE = 16,
    LT_SEEN_TIME = 32,  /* TIMESTAMP(3) */
    LT_SEEN_ZONED = 64, /* TIMESTAMP_LTZ(3) */
    LT_SEEN_TEXT = 128,
    LT_SEEN_OBJECT = 256,
    LT_SEEN_ARRAY = 512,
    LT_SEEN_EPOCH = 1024, /* a whole number that may be a time of this century, see infer.c */
};

typedef struct lt_seen lt_seen;
typedef struct lt_seen_field lt_seen_field;

struct lt_seen {
    unsigned kinds;        /* LT_SEEN_.. */
    lt_seen_field *fields; /* of an object, in order of first appearance */
    lt_seen_field *fields_last;
    uint32_t field_count;
    lt_seen *element; /* of an array */
};

struct lt_seen_field {
    lt_str name;
    lt_seen value;
    lt_seen_field *next;
};

/* LT_SEEN_DATE, _TIME, _ZONED or _TEXT. */
unsigned lt_seen_text(lt_str text);
/* LT_SEEN_INT, _BIG, _REAL; LT_SEEN_TEXT when it is no plain number. */
unsigned lt_seen_number(lt_str text);
/* name: of the column or member, may be empty; it decides whether epoch numbers are times. NULL
 * when out of memory. */
const lt_type *lt_seen_type(const lt_seen *seen, lt_str name, lt_arena *arena);
/* The member of that name, made when it is new; NULL: out of memory (failed set) or too many. */
lt_seen_field *lt_seen_member(lt_seen *seen, lt_str name, lt_arena *arena, bool *failed);

/* whole: the sample ends where the input ends. LT_ERR_DATA when no record was understood. */
lt_status lt_infer_json(lt_str sample, bool whole, lt_arena *arena, lt_inferred *out,
                        lt_error *err);
lt_status lt_infer_csv(lt_str sample, bool whole, char delimiter /* 0 = find out */,
                       lt_arena *arena, lt_inferred *out, lt_error *err);
