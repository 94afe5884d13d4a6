/* The only place that names compiler extensions. Everything else is plain C17. */
#pragma once

#define LT_NODISCARD                      __attribute__((warn_unused_result))
#define LT_PRINTF(fmt_index, first_index) __attribute__((format(printf, fmt_index, first_index)))
#define LT_LIKELY(cond)                   __builtin_expect(!!(cond), 1)
#define LT_UNLIKELY(cond)                 __builtin_expect(!!(cond), 0)
#define LT_UNUSED                         __attribute__((unused))
#define LT_NOINLINE                       __attribute__((noinline))
#define LT_INLINE                         static inline __attribute__((always_inline))
#define LT_ALIGNED(bytes)                 __attribute__((aligned(bytes)))
#define LT_PREFETCH(ptr)                  __builtin_prefetch((ptr), 0, 3)
#define LT_PREFETCH_WRITE(ptr)            __builtin_prefetch((ptr), 1, 3)
#define LT_API                            __attribute__((visibility("default")))
#define LT_NORETURN                       __attribute__((noreturn))

/* A large local array that is written before it is read: the build would zero it. */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define LT_UNINITIALIZED __attribute__((uninitialized))
#endif
#endif
#ifndef LT_UNINITIALIZED
#define LT_UNINITIALIZED
#endif

/* 128-bit integers hold DECIMAL values of more than 18 digits. */
__extension__ typedef __int128 lt_i128;
__extension__ typedef unsigned __int128 lt_u128;

#define LT_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define LT_MIN(a, b)       ((a) < (b) ? (a) : (b))
#define LT_MAX(a, b)       ((a) > (b) ? (a) : (b))

/* Trailing zero bits of a 64-bit number that is not 0. */
#define LT_CTZ64(x) ((unsigned)__builtin_ctzll(x))
/* Leading zero bits, likewise. */
#define LT_CLZ64(x) ((unsigned)__builtin_clzll(x))

/* Overflow-checked arithmetic: true when the result did not fit. */
#define LT_ADD_OVERFLOW(a, b, out) __builtin_add_overflow((a), (b), (out))
#define LT_SUB_OVERFLOW(a, b, out) __builtin_sub_overflow((a), (b), (out))
#define LT_MUL_OVERFLOW(a, b, out) __builtin_mul_overflow((a), (b), (out))

/* Code for one processor extension, to be called only where LT_CPU_HAS says so (a string literal,
 * as "avx2"). */
#if defined(__x86_64__)
#define LT_HAVE_X86_64      1
#define LT_TARGET(isa)      __attribute__((target(isa)))
#define LT_CPU_HAS(feature) (__builtin_cpu_supports(feature) != 0)
#else
#define LT_HAVE_X86_64 0
#define LT_TARGET(isa)
#define LT_CPU_HAS(feature) 0
#endif

/* Byte order, for the places that store bytes in a fixed one. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LT_LITTLE_ENDIAN 0
#else
#define LT_LITTLE_ENDIAN 1
#endif
#define LT_BSWAP16(x) __builtin_bswap16(x)
#define LT_BSWAP32(x) __builtin_bswap32(x)
#define LT_BSWAP64(x) __builtin_bswap64(x)
