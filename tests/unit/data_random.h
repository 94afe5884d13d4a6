/* Random types and columns from a seed, for the tests of src/data and src/state. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "data/batch.h"

typedef struct {
    uint64_t state;
} test_rng;

static inline uint64_t rng_next(test_rng *rng)
{
    rng->state += 0x9e3779b97f4a7c15ULL;
    return lt_hash_u64(rng->state);
}

static inline uint32_t rng_below(test_rng *rng, uint32_t bound)
{
    return (uint32_t)(rng_next(rng) % bound);
}

static inline const lt_type *random_scalar(test_rng *rng, lt_arena *arena, bool nullable)
{
    static const lt_type_kind kinds[] = {
        LT_TYPE_BOOLEAN, LT_TYPE_TINYINT,   LT_TYPE_SMALLINT,        LT_TYPE_INT,
        LT_TYPE_BIGINT,  LT_TYPE_FLOAT,     LT_TYPE_DOUBLE,          LT_TYPE_VARCHAR,
        LT_TYPE_DATE,    LT_TYPE_VARBINARY, LT_TYPE_INTERVAL_SECOND, LT_TYPE_INTERVAL_MONTH,
    };
    uint32_t pick = rng_below(rng, LT_COUNT_OF(kinds) + 4);
    if (pick < LT_COUNT_OF(kinds)) {
        return lt_type_new(arena, kinds[pick], nullable);
    }
    switch (pick - LT_COUNT_OF(kinds)) {
    case 0:
        return lt_type_decimal(arena, 12, 3, nullable);
    case 1:
        return lt_type_decimal(arena, 38, 10, nullable);
    case 2:
        return lt_type_time(arena, LT_TYPE_TIMESTAMP, 3, nullable);
    default:
        return lt_type_time(arena, LT_TYPE_TIMESTAMP_LTZ, 9, nullable);
    }
}

static inline const lt_type *random_type(test_rng *rng, lt_arena *arena, int depth)
{
    bool nullable = rng_below(rng, 2) != 0;
    uint32_t pick = depth > 0 ? rng_below(rng, 8) : 7;
    if (pick == 0) {
        return lt_type_array(arena, random_type(rng, arena, depth - 1), nullable);
    }
    if (pick == 1) {
        const lt_type *key = random_type(rng, arena, depth - 1);
        return lt_type_map(arena, key, random_type(rng, arena, depth - 1), nullable);
    }
    if (pick == 2) {
        return lt_type_multiset(arena, random_type(rng, arena, depth - 1), nullable);
    }
    if (pick == 3) {
        lt_field fields[3];
        uint32_t count = 1 + rng_below(rng, 3);
        for (uint32_t i = 0; i < count; i++) {
            fields[i] = (lt_field){LT_STR("f"), random_type(rng, arena, depth - 1)};
        }
        return lt_type_row(arena, fields, count, nullable);
    }
    return random_scalar(rng, arena, nullable);
}

/* Small ranges, so that equal values and long common prefixes occur, and the awkward values of each
 * type. */
static inline void random_fixed(test_rng *rng, lt_col *col, uint32_t row)
{
    static const double doubles[] = {0.0, -0.0, 1.5, -1.5, 1e300, -1e300, 1e-310};
    uint64_t wide = rng_below(rng, 3) ? rng_below(rng, 5) : rng_next(rng);
    uint64_t bits = rng_below(rng, 2) ? wide : 0 - wide;
    double number = doubles[rng_below(rng, LT_COUNT_OF(doubles))];
    if (rng_below(rng, 9) == 0) {
        uint64_t nan = 0x7ff8000000000000ULL | bits;
        memcpy(&number, &nan, sizeof number);
    }
    switch (col->phys) {
    case LT_PHYS_BOOL:
        LT_COL_DATA(col, uint8_t)[row] = bits & 1;
        break;
    case LT_PHYS_I8:
        LT_COL_DATA(col, int8_t)[row] = (int8_t)bits;
        break;
    case LT_PHYS_I16:
        LT_COL_DATA(col, int16_t)[row] = (int16_t)bits;
        break;
    case LT_PHYS_I32:
        LT_COL_DATA(col, int32_t)[row] = (int32_t)bits;
        break;
    case LT_PHYS_I64:
        LT_COL_DATA(col, int64_t)[row] = (int64_t)bits;
        break;
    case LT_PHYS_I128:
        LT_COL_DATA(col, lt_i128)
        [row] = (lt_i128)(int64_t)bits * (rng_below(rng, 2) ? 1 : 1LL << 60);
        break;
    case LT_PHYS_F32:
        LT_COL_DATA(col, float)[row] = number > 1e30 || number < -1e30 ? 7.0F : (float)number;
        break;
    case LT_PHYS_F64:
        LT_COL_DATA(col, double)[row] = number;
        break;
    case LT_PHYS_TS9:
        LT_COL_DATA(col, lt_ts9)
        [row] = (lt_ts9){(int64_t)bits, (int32_t)rng_below(rng, 1000000), 0};
        break;
    case LT_PHYS_NONE:
    case LT_PHYS_STR:
    case LT_PHYS_LIST:
    case LT_PHYS_STRUCT:
        break;
    }
}

static inline bool random_value(test_rng *rng, lt_col *col, uint32_t row, uint32_t cap,
                                lt_arena *arena)
{
    if (col->type->nullable && rng_below(rng, 4) == 0) {
        uint64_t *valid = lt_col_need_valid(col, cap, arena);
        if (valid) {
            lt_bit_clear(valid, row);
        }
        return valid != NULL;
    }
    if (col->phys == LT_PHYS_STR) {
        uint32_t len = rng_below(rng, 4) ? rng_below(rng, 5) : rng_below(rng, 40);
        char *bytes = lt_arena_alloc(arena, len + 1, 1);
        for (uint32_t i = 0; bytes && i < len; i++) {
            bytes[i] = (char)(rng_below(rng, 3) ? rng_below(rng, 2) : rng_below(rng, 256));
        }
        LT_COL_DATA(col, lt_strv)[row] = bytes ? lt_strv_make(bytes, len) : lt_strv_make("", 0);
        return bytes != NULL;
    }
    if (col->phys == LT_PHYS_LIST) {
        uint32_t count = rng_below(rng, 4);
        if (!lt_col_reserve_children(col, count, arena)) {
            return false;
        }
        for (uint32_t i = 0; i < col->child_count; i++) {
            for (uint32_t k = 0; k < count; k++) {
                if (!random_value(rng, &col->children[i], col->child_len + k, col->child_cap,
                                  arena)) {
                    return false;
                }
            }
        }
        LT_COL_DATA(col, lt_span)[row] = (lt_span){col->child_len, count};
        col->child_len += count;
        return true;
    }
    for (uint32_t i = 0; col->phys == LT_PHYS_STRUCT && i < col->child_count; i++) {
        if (!random_value(rng, &col->children[i], row, cap, arena)) {
            return false;
        }
    }
    random_fixed(rng, col, row);
    return true;
}
