/* One value outside a column: literals, defaults, test rows. */
#pragma once

#include "base/status.h"
#include "data/column.h"

typedef struct lt_value lt_value;

struct lt_value {
    const lt_type *type;
    bool is_null;
    union {
        bool b;
        int64_t i;    /* every integer form: I8 .. I64 */
        lt_i128 wide; /* I128 */
        double f;     /* F32 and F64 */
        lt_str s;     /* STR */
        lt_ts9 ts;    /* TS9 */
        struct {
            const lt_value *items; /* ARRAY: elements; MAP: key, value, key, value ..; MULTISET:
                                      element, count, ..; ROW: fields */
            uint32_t count;        /* number of items */
        } list;
    } u;
};

/* Writes the value into a row of a column of the same type (up to nullability). Bytes are borrowed.
 * false = out of memory. */
bool lt_value_store(const lt_value *value, lt_col *col, uint32_t row, uint32_t row_cap,
                    lt_arena *arena);
/* Reads a value; nested items are allocated in the arena, bytes borrowed from the column unless
 * copy_bytes. false = out of memory. */
bool lt_value_load(lt_value *value, const lt_col *col, uint32_t row, bool copy_bytes,
                   lt_arena *arena);
