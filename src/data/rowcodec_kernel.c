/* The row codec's kernels: one set per physical form of a fixed size, for the plain (little-endian)
 * and the ordered (big-endian, made monotone) encoding. Bytes are swapped where the machine's order
 * is another, so that the encoding does not depend on it. */
#include "data/rowcodec_int.h"

/* ---- bytes ---- */

#define LT_BSWAP8(x) (x)

#define LT_DEFINE_BYTES(BITS, T)                                     \
    LT_INLINE void store_le##BITS(uint8_t *to, T value)              \
    {                                                                \
        value = LT_LITTLE_ENDIAN ? value : (T)LT_BSWAP##BITS(value); \
        memcpy(to, &value, sizeof value);                            \
    }                                                                \
    LT_INLINE void store_be##BITS(uint8_t *to, T value)              \
    {                                                                \
        value = LT_LITTLE_ENDIAN ? (T)LT_BSWAP##BITS(value) : value; \
        memcpy(to, &value, sizeof value);                            \
    }                                                                \
    LT_INLINE T load_le##BITS(const uint8_t *from)                   \
    {                                                                \
        T value;                                                     \
        memcpy(&value, from, sizeof value);                          \
        return LT_LITTLE_ENDIAN ? value : (T)LT_BSWAP##BITS(value);  \
    }
LT_DEFINE_BYTES(8, uint8_t)
LT_DEFINE_BYTES(16, uint16_t)
LT_DEFINE_BYTES(32, uint32_t)
LT_DEFINE_BYTES(64, uint64_t)

LT_INLINE void store_le128(uint8_t *to, lt_u128 value)
{
    store_le64(to, (uint64_t)value);
    store_le64(to + 8, (uint64_t)(value >> 64));
}

LT_INLINE void store_be128(uint8_t *to, lt_u128 value)
{
    store_be64(to, (uint64_t)(value >> 64));
    store_be64(to + 8, (uint64_t)value);
}

LT_INLINE lt_u128 load_le128(const uint8_t *from)
{
    return (lt_u128)load_le64(from + 8) << 64 | load_le64(from);
}

/* ---- one value ---- */

#define LT_DEFINE_INT(NAME, BITS, T, U)                                               \
    LT_INLINE void plain_##NAME(uint8_t *to, const void *data, uint32_t row)          \
    {                                                                                 \
        store_le##BITS(to, (U)((const T *)data)[row]);                                \
    }                                                                                 \
    LT_INLINE void ordered_##NAME(uint8_t *to, const void *data, uint32_t row)        \
    {                                                                                 \
        store_be##BITS(to, (U)((U)((const T *)data)[row] ^ (U)((U)1 << (BITS - 1)))); \
    }                                                                                 \
    LT_INLINE void load_##NAME(const uint8_t *from, void *data, uint32_t row)         \
    {                                                                                 \
        ((T *)data)[row] = (T)load_le##BITS(from);                                    \
    }
LT_DEFINE_INT(i8, 8, int8_t, uint8_t)
LT_DEFINE_INT(i16, 16, int16_t, uint16_t)
LT_DEFINE_INT(i32, 32, int32_t, uint32_t)
LT_DEFINE_INT(i64, 64, int64_t, uint64_t)
LT_DEFINE_INT(i128, 128, lt_i128, lt_u128)

LT_INLINE void plain_bool(uint8_t *to, const void *data, uint32_t row)
{
    to[0] = ((const uint8_t *)data)[row] != 0;
}

LT_INLINE void ordered_bool(uint8_t *to, const void *data, uint32_t row)
{
    plain_bool(to, data, row);
}

LT_INLINE void load_bool(const uint8_t *from, void *data, uint32_t row)
{
    ((uint8_t *)data)[row] = from[0] != 0;
}

/* Equal values have equal bits: one zero, one not-a-number (positive, so that it sorts last).
 * Ordered: negative numbers are inverted whole, the others get their sign flipped. */
#define LT_DEFINE_FLOAT(NAME, BITS, T, U, NAN_BITS)                            \
    LT_INLINE U bits_##NAME(const void *data, uint32_t row)                    \
    {                                                                          \
        T value = ((const T *)data)[row];                                      \
        U bits;                                                                \
        memcpy(&bits, &value, sizeof bits);                                    \
        bits = value == (T)0 ? 0 : bits;                                       \
        return value != value ? (U)(NAN_BITS) : bits;                          \
    }                                                                          \
    LT_INLINE void plain_##NAME(uint8_t *to, const void *data, uint32_t row)   \
    {                                                                          \
        store_le##BITS(to, bits_##NAME(data, row));                            \
    }                                                                          \
    LT_INLINE void ordered_##NAME(uint8_t *to, const void *data, uint32_t row) \
    {                                                                          \
        U bits = bits_##NAME(data, row);                                       \
        U sign = (U)1 << (BITS - 1);                                           \
        store_be##BITS(to, bits &sign ? ~bits : bits | sign);                  \
    }                                                                          \
    LT_INLINE void load_##NAME(const uint8_t *from, void *data, uint32_t row)  \
    {                                                                          \
        U bits = load_le##BITS(from);                                          \
        memcpy((T *)data + row, &bits, sizeof bits);                           \
    }
LT_DEFINE_FLOAT(f32, 32, float, uint32_t, 0x7fc00000U)
LT_DEFINE_FLOAT(f64, 64, double, uint64_t, 0x7ff8000000000000ULL)

#define TS9_BYTES 12

LT_INLINE void plain_ts9(uint8_t *to, const void *data, uint32_t row)
{
    const lt_ts9 *value = (const lt_ts9 *)data + row;
    store_le64(to, (uint64_t)value->ms);
    store_le32(to + 8, (uint32_t)value->ns_of_ms);
}

LT_INLINE void ordered_ts9(uint8_t *to, const void *data, uint32_t row)
{
    const lt_ts9 *value = (const lt_ts9 *)data + row;
    store_be64(to, (uint64_t)value->ms ^ 1ULL << 63);
    store_be32(to + 8, (uint32_t)value->ns_of_ms ^ 1U << 31);
}

LT_INLINE void load_ts9(const uint8_t *from, void *data, uint32_t row)
{
    ((lt_ts9 *)data)[row] = (lt_ts9){(int64_t)load_le64(from), (int32_t)load_le32(from + 8), 0};
}

/* ---- columns ---- */

#define LT_DEFINE_WRITERS(NAME, SIZE)                                                              \
    static void one_##NAME(uint8_t *to, const void *data, uint32_t row)                            \
    {                                                                                              \
        NAME(to, data, row);                                                                       \
    }                                                                                              \
    static void strided_##NAME(uint8_t *to, size_t stride, const void *data, const uint32_t *rows, \
                               uint32_t count)                                                     \
    {                                                                                              \
        if (!rows) {                                                                               \
            for (uint32_t i = 0; i < count; i++) {                                                 \
                NAME(to + stride * i, data, i);                                                    \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
        for (uint32_t i = 0; i < count; i++) {                                                     \
            NAME(to + stride * i, data, rows[i]);                                                  \
        }                                                                                          \
    }                                                                                              \
    static void cursors_##NAME(uint8_t **at, const lt_col *col, const uint32_t *rows,              \
                               uint32_t count)                                                     \
    {                                                                                              \
        for (uint32_t i = 0; i < count; i++) {                                                     \
            uint32_t row = rows ? rows[i] : i;                                                     \
            if (!lt_col_is_null(col, row)) {                                                       \
                NAME(at[i], col->data, row);                                                       \
                at[i] += (SIZE);                                                                   \
            }                                                                                      \
        }                                                                                          \
    }

#define LT_DEFINE_KERNEL(NAME, SIZE)                                                      \
    LT_DEFINE_WRITERS(plain_##NAME, SIZE)                                                 \
    LT_DEFINE_WRITERS(ordered_##NAME, SIZE)                                               \
    static void one_load_##NAME(const uint8_t *from, void *data, uint32_t row)            \
    {                                                                                     \
        load_##NAME(from, data, row);                                                     \
    }                                                                                     \
    static void rows_load_##NAME(const uint8_t *const *from, uint32_t offset, void *data, \
                                 uint32_t count)                                          \
    {                                                                                     \
        for (uint32_t i = 0; i < count; i++) {                                            \
            load_##NAME(from[i] + offset, data, i);                                       \
        }                                                                                 \
    }
LT_DEFINE_KERNEL(bool, 1)
LT_DEFINE_KERNEL(i8, 1)
LT_DEFINE_KERNEL(i16, 2)
LT_DEFINE_KERNEL(i32, 4)
LT_DEFINE_KERNEL(i64, 8)
LT_DEFINE_KERNEL(i128, 16)
LT_DEFINE_KERNEL(f32, 4)
LT_DEFINE_KERNEL(f64, 8)
LT_DEFINE_KERNEL(ts9, TS9_BYTES)

#define KERNEL(FORM, NAME, SIZE)                                                        \
    {                                                                                   \
        .size = (SIZE), .one = one_##FORM##_##NAME, .strided = strided_##FORM##_##NAME, \
        .cursors = cursors_##FORM##_##NAME, .load = one_load_##NAME,                    \
        .load_rows = rows_load_##NAME,                                                  \
    }
#define KERNELS(FORM)                                                                  \
    {                                                                                  \
        [LT_PHYS_BOOL] = KERNEL(FORM, bool, 1), [LT_PHYS_I8] = KERNEL(FORM, i8, 1),    \
        [LT_PHYS_I16] = KERNEL(FORM, i16, 2), [LT_PHYS_I32] = KERNEL(FORM, i32, 4),    \
        [LT_PHYS_I64] = KERNEL(FORM, i64, 8), [LT_PHYS_I128] = KERNEL(FORM, i128, 16), \
        [LT_PHYS_F32] = KERNEL(FORM, f32, 4), [LT_PHYS_F64] = KERNEL(FORM, f64, 8),    \
        [LT_PHYS_TS9] = KERNEL(FORM, ts9, TS9_BYTES), [LT_PHYS_STRUCT] = {.size = 0},  \
    }

static const codec_kernel plain_kernels[LT_PHYS_STRUCT + 1] = KERNELS(plain);
static const codec_kernel ordered_kernels[LT_PHYS_STRUCT + 1] = KERNELS(ordered);

const codec_kernel *lt_codec_kernel(lt_phys phys, bool ordered)
{
    LT_ASSERT(phys > LT_PHYS_NONE && phys <= LT_PHYS_STRUCT);
    return ordered ? &ordered_kernels[phys] : &plain_kernels[phys];
}
