/* What a kernel sees. A kernel computes one call for a batch: args[i].col holds the evaluated
 * arguments, out is allocated (unless LT_FUNC_ALIAS), its validity is the AND of the arguments'
 * (unless LT_FUNC_NULLS). A constant argument is a column of one row with mask 0, so `data[row &
 * mask]` reads both forms, and hot kernels have a loop for each.
 *
 * Dense kernels (LT_FUNC_DENSE) write rows 0 .. rows-1. All others visit LT_EACH(k, row): live rows
 * whose arguments are neither NULL nor failed. Errors are marked per row with lt_k_fail: the
 * framework carries them to the rows of the result that depend on them. */
#pragma once

#include "base/cpu.h"
#include "data/batch.h"
#include "expr/program.h"
#include "expr/registry.h"

typedef struct {
    const char *code;
    char text[256];
} lt_kfail;

typedef struct {
    const lt_col *col;
    uint32_t mask;        /* 0: one constant in row 0; UINT32_MAX: a value per row */
    const uint64_t *err;  /* failed rows; NULL = none */
    const lt_kfail *fail; /* what failed first */
} lt_karg;

struct lt_kctx {
    const lt_expr *call;
    const void *data; /* what infer() prepared */
    lt_karg *args;
    uint32_t arg_count;
    uint32_t rows;       /* physical rows */
    uint32_t cap;        /* rows rounded up to 64: what arrays hold */
    const uint32_t *sel; /* rows to visit, ascending; NULL = 0 .. rows-1 */
    uint32_t count;
    lt_col *out;
    lt_arena *arena;   /* for arrays of the result */
    lt_arena *bytes;   /* for bytes that result strings point to */
    lt_arena *scratch; /* dies with the batch's evaluation */
    char *room;        /* of `bytes`, taken for many rows at once; see lt_k_bytes */
    size_t room_left;
    lt_mem *mem;
    const lt_session *session;
    int64_t watermark;
    lt_cpu_level cpu;
    uint64_t *err;     /* failed rows; made by lt_k_fail */
    uint32_t err_rows; /* bits in it */
    const lt_kfail *fail;
    bool nomem; /* sticky; the framework turns it into LT_ERR_NOMEM */
    struct lt_program *program;
    uint32_t node;
};

#define LT_EACH(k, row)                                                                  \
    for (uint32_t i_##row = 0, row = 0;                                                  \
         i_##row < (k)->count && ((row = (k)->sel ? (k)->sel[i_##row] : i_##row), true); \
         i_##row++)

#define LT_ARG(k, i, T) ((const T *)(k)->args[i].col->data)
#define LT_OUT(k, T)    ((T *)(k)->out->data)

/* A kernel that is one plain loop over k, compiled for the registers that every processor has and
 * for wider ones. Both give the same bits: no operation is contracted or reordered. */
#define LT_WIDE_KERNEL(NAME, ...)                    \
    LT_INLINE void NAME##_rows(lt_kctx *k)           \
    {                                                \
        __VA_ARGS__;                                 \
    }                                                \
    LT_TARGET("avx2")                                \
    static void NAME##_avx2(lt_kctx *k)              \
    {                                                \
        NAME##_rows(k);                              \
    }                                                \
    static lt_status NAME(lt_kctx *k, lt_error *err) \
    {                                                \
        (void)err;                                   \
        if (k->cpu >= LT_CPU_AVX2) {                 \
            NAME##_avx2(k);                          \
        } else {                                     \
            NAME##_rows(k);                          \
        }                                            \
        return LT_OK;                                \
    }

/* Marks a row as failed, with a stable reason code (static) and a message. */
void lt_k_fail(lt_kctx *k, uint32_t row, const char *code, const char *fmt, ...) LT_PRINTF(4, 5);
/* Makes the result NULL in this row. */
void lt_k_null_slow(lt_kctx *k);
LT_INLINE void lt_k_null(lt_kctx *k, uint32_t row)
{
    if (LT_UNLIKELY(k->out->valid == NULL)) {
        lt_k_null_slow(k);
        if (k->nomem) {
            return;
        }
    }
    lt_bit_clear(k->out->valid, row);
}
/* Room for len bytes that live as long as the result; NULL and k->nomem when there is none. */
char *lt_k_bytes_slow(lt_kctx *k, size_t len);
LT_INLINE char *lt_k_bytes(lt_kctx *k, size_t len)
{
    if (LT_UNLIKELY(len > k->room_left || k->room == NULL)) {
        return lt_k_bytes_slow(k, len);
    }
    char *ptr = k->room;
    k->room += len;
    k->room_left -= len;
    return ptr;
}
/* Gives back the last len bytes, which end at `end`, of what lt_k_bytes gave last. */
LT_INLINE void lt_k_bytes_unused(lt_kctx *k, char *end, size_t len)
{
    if (end == k->room) {
        k->room -= len;
        k->room_left += len;
    } else {
        lt_arena_give_back(k->bytes, end, len);
    }
}
/* Sets a string result by copying bytes (or by pointing to them, when they outlive the result). */
LT_INLINE void lt_k_put_copy(lt_kctx *k, uint32_t row, const char *ptr, size_t len)
{
    if (len > LT_STRV_INLINE_MAX) {
        char *copy = lt_k_bytes(k, len);
        if (copy == NULL) {
            return;
        }
        memcpy(copy, ptr, len);
        ptr = copy;
    }
    LT_OUT(k, lt_strv)[row] = lt_strv_make(ptr, len);
}
LT_INLINE void lt_k_put_view(lt_kctx *k, uint32_t row, const char *ptr, size_t len)
{
    LT_OUT(k, lt_strv)[row] = lt_strv_make(ptr, len);
}
LT_INLINE bool lt_k_is_null(const lt_kctx *k, uint32_t arg, uint32_t row)
{
    return lt_col_is_null(k->args[arg].col, row & k->args[arg].mask);
}
/* Borrowed; for an inline string it points into the column. */
LT_INLINE lt_str lt_k_str(const lt_kctx *k, uint32_t arg, uint32_t row)
{
    return lt_strv_str(&LT_ARG(k, arg, lt_strv)[row & k->args[arg].mask]);
}
LT_INLINE int32_t lt_k_i32(const lt_kctx *k, uint32_t arg, uint32_t row)
{
    return LT_ARG(k, arg, int32_t)[row & k->args[arg].mask];
}
LT_INLINE int64_t lt_k_i64(const lt_kctx *k, uint32_t arg, uint32_t row)
{
    return LT_ARG(k, arg, int64_t)[row & k->args[arg].mask];
}
LT_INLINE double lt_k_f64(const lt_kctx *k, uint32_t arg, uint32_t row)
{
    return LT_ARG(k, arg, double)[row & k->args[arg].mask];
}

/* Something this call keeps from batch to batch; NULL at first. lt_k_keep frees what was kept
 * before; the program frees the last. */
void *lt_k_kept(const lt_kctx *k);
void lt_k_keep(lt_kctx *k, void *ptr, void (*free_fn)(void *ptr));

/* LAZY kernels: evaluates argument `arg` for (at least) these rows and fills k->args[arg]. The
 * first argument is there already. */
lt_status lt_k_branch(lt_kctx *k, uint32_t arg, const uint32_t *sel, uint32_t count, lt_error *err);
/* Adds the errors of an argument at these rows to the call's own (sel NULL: at all rows). */
lt_status lt_k_inherit(lt_kctx *k, uint32_t arg, const uint32_t *sel, uint32_t count,
                       lt_error *err);
/* Does evaluating this argument cost enough to narrow the selection first? */
bool lt_k_branch_heavy(const lt_kctx *k, uint32_t arg);
/* Selection arrays of k->rows entries; NULL and nomem. */
uint32_t *lt_k_sel(lt_kctx *k);
/* dst[rows[i]] = src[rows[i] & mask]; dst is the initialised out column. */
lt_status lt_k_scatter(lt_kctx *k, const lt_karg *src, const uint32_t *rows, uint32_t count,
                       lt_error *err);

/* A column of `rows` copies of row 0 of src, in the arena. false = out of memory. */
bool lt_col_broadcast(lt_col *dst, const lt_col *src, uint32_t rows, lt_arena *arena);

/* Eight 0/1 bytes to eight bits. */
LT_INLINE uint64_t lt_pack8(const uint8_t *bytes)
{
    uint64_t x;
    memcpy(&x, bytes, 8);
    return ((x & 0x0101010101010101ULL) * 0x0102040810204080ULL) >> 56;
}
/* 64 0/1 bytes to 64 bits. */
LT_INLINE uint64_t lt_pack64(const uint8_t *bytes)
{
    uint64_t word = 0;
    for (int i = 0; i < 8; i++) {
        word |= lt_pack8(bytes + 8 * i) << (8 * i);
    }
    return word;
}

/* The batch being evaluated, for its marks. */
const lt_batch *lt_k_batch(const lt_kctx *k);
