/* SQL types and schemas: immutable, allocated in an arena, compared by value.
 * The physical form of each type (what a column's array holds) follows from the type alone:
 *
 *   SQL type                         phys             array element
 *   BOOLEAN                          LT_PHYS_BOOL     uint8_t 0/1
 *   TINYINT .. BIGINT                LT_PHYS_I8 ..    int8_t .. int64_t
 *   FLOAT, DOUBLE                    LT_PHYS_F32, F64 float, double
 *   DECIMAL p <= 18                  LT_PHYS_I64      unscaled value
 *   DECIMAL p <= 38                  LT_PHYS_I128     unscaled value
 *   CHAR, VARCHAR (STRING)           LT_PHYS_STR      lt_strv, UTF-8
 *   BINARY, VARBINARY (BYTES)        LT_PHYS_STR      lt_strv
 *   DATE                             LT_PHYS_I32      days since 1970
 *   TIME                             LT_PHYS_I32      ms of the day
 *   INTERVAL YEAR TO MONTH           LT_PHYS_I32      months
 *   INTERVAL DAY TO SECOND           LT_PHYS_I64      ms
 *   TIMESTAMP, TIMESTAMP_LTZ p <= 3  LT_PHYS_I64      ms since 1970
 *                            p <= 6  LT_PHYS_I64      us since 1970
 *                            p <= 9  LT_PHYS_TS9      lt_ts9
 *   ARRAY, MAP, MULTISET             LT_PHYS_LIST     lt_span into the children
 *   ROW, STRUCTURED                  LT_PHYS_STRUCT   none; one child per field
 *   VARIANT                          LT_PHYS_STR      canonical JSON text (expr/variant.h)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

typedef enum {
    LT_TYPE_NULL = 0, /* type of a bare NULL literal; never a column's */
    LT_TYPE_BOOLEAN,
    LT_TYPE_TINYINT,
    LT_TYPE_SMALLINT,
    LT_TYPE_INT,
    LT_TYPE_BIGINT,
    LT_TYPE_FLOAT,
    LT_TYPE_DOUBLE,
    LT_TYPE_DECIMAL,
    LT_TYPE_CHAR,
    LT_TYPE_VARCHAR,
    LT_TYPE_BINARY,
    LT_TYPE_VARBINARY,
    LT_TYPE_DATE,
    LT_TYPE_TIME,
    LT_TYPE_TIMESTAMP,
    LT_TYPE_TIMESTAMP_LTZ,
    LT_TYPE_INTERVAL_MONTH,  /* year-month family */
    LT_TYPE_INTERVAL_SECOND, /* day-time family */
    LT_TYPE_ARRAY,
    LT_TYPE_MAP,
    LT_TYPE_MULTISET,
    LT_TYPE_ROW,
    LT_TYPE_VARIANT,
    LT_TYPE_DESCRIPTOR, /* argument of table functions only */
    LT_TYPE_SYMBOL,     /* a keyword argument such as a time unit; expressions only */
    LT_TYPE_KIND_COUNT
} lt_type_kind;

typedef enum {
    LT_PHYS_NONE = 0,
    LT_PHYS_BOOL,
    LT_PHYS_I8,
    LT_PHYS_I16,
    LT_PHYS_I32,
    LT_PHYS_I64,
    LT_PHYS_I128,
    LT_PHYS_F32,
    LT_PHYS_F64,
    LT_PHYS_STR,
    LT_PHYS_TS9,
    LT_PHYS_LIST,
    LT_PHYS_STRUCT,
} lt_phys;

/* Is the type a time attribute? Part of a relation's schema, lost by any expression. */
typedef enum { LT_TIME_NONE = 0, LT_TIME_ROWTIME, LT_TIME_PROCTIME } lt_time_attr;

#define LT_LENGTH_MAX 2147483647 /* STRING and BYTES */

typedef struct lt_type lt_type;

typedef struct {
    lt_str name; /* empty in ARRAY, MAP, MULTISET and anonymous ROW */
    const lt_type *type;
} lt_field;

struct lt_type {
    lt_type_kind kind;
    bool nullable;
    uint8_t precision;    /* DECIMAL 1..38; TIME, TIMESTAMP, LTZ 0..9 fraction digits */
    uint8_t scale;        /* DECIMAL 0..precision */
    lt_time_attr attr;    /* TIMESTAMP and LTZ of precision 3 only */
    int32_t length;       /* CHAR, VARCHAR in code points; BINARY, VARBINARY in bytes */
    uint32_t field_count; /* ARRAY 1; MAP 2; MULTISET 1; ROW n */
    const lt_field *fields;
    lt_str class_name; /* ROW that is a STRUCTURED type: its class; else empty */
};

/* Constructors allocate in the arena; NULL when out of memory. */
const lt_type *lt_type_new(lt_arena *arena, lt_type_kind kind, bool nullable);
const lt_type *lt_type_decimal(lt_arena *arena, uint8_t precision, uint8_t scale, bool nullable);
const lt_type *lt_type_sized(lt_arena *arena, lt_type_kind kind, int32_t length, bool nullable);
const lt_type *lt_type_time(lt_arena *arena, lt_type_kind kind, uint8_t precision, bool nullable);
const lt_type *lt_type_array(lt_arena *arena, const lt_type *element, bool nullable);
const lt_type *lt_type_map(lt_arena *arena, const lt_type *key, const lt_type *value,
                           bool nullable);
const lt_type *lt_type_multiset(lt_arena *arena, const lt_type *element, bool nullable);
const lt_type *lt_type_row(lt_arena *arena, const lt_field *fields, uint32_t count, bool nullable);
/* A ROW with a class name, which makes it another type; the same form in all else. */
const lt_type *lt_type_structured(lt_arena *arena, lt_str class_name, const lt_field *fields,
                                  uint32_t count, bool nullable);

/* The same type with another nullability / attribute (returns `type` itself when nothing changes).
 */
const lt_type *lt_type_with_nullable(lt_arena *arena, const lt_type *type, bool nullable);
const lt_type *lt_type_with_attr(lt_arena *arena, const lt_type *type, lt_time_attr attr);

lt_phys lt_type_phys(const lt_type *type);
size_t lt_phys_size(lt_phys phys); /* bytes per element; 0 for STRUCT */

/* Equality by value; the second ignores nullability at every depth. Attributes and field names:
 * ignored by neither / attributes ignored by both. */
bool lt_type_eq(const lt_type *a, const lt_type *b);
bool lt_type_eq_unnull(const lt_type *a, const lt_type *b);

bool lt_type_is_numeric(const lt_type *type); /* TINYINT .. DECIMAL */
bool lt_type_is_integer(const lt_type *type);
bool lt_type_is_string(const lt_type *type); /* CHAR, VARCHAR */
bool lt_type_is_binary(const lt_type *type);
bool lt_type_is_timestamp(const lt_type *type); /* TIMESTAMP, LTZ */

/* As Flink writes it: `DECIMAL(10, 2) NOT NULL`, `STRING`, `ROW<`a` INT>`, `TIMESTAMP(3) *ROWTIME*`
 * with attrs. */
void lt_type_print(const lt_type *type, lt_text *to);

/* ---- schema of a relation ---- */
typedef struct {
    uint32_t count;
    const lt_field *fields;
} lt_schema;

const lt_schema *lt_schema_new(lt_arena *arena, const lt_field *fields,
                               uint32_t count);           /* copies fields and names */
int lt_schema_find(const lt_schema *schema, lt_str name); /* case-sensitive index, or -1 */
