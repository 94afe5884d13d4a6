/* Assertions are for our own mistakes only; user input never trips one. */
#pragma once

#include "base/compiler.h"

LT_NORETURN void lt_assert_fail(const char *cond, const char *file, int line);

/* Always on, cheap. */
#define LT_ASSERT(cond)                                \
    do {                                               \
        if (LT_UNLIKELY(!(cond))) {                    \
            lt_assert_fail(#cond, __FILE__, __LINE__); \
        }                                              \
    } while (0)

/* Debug builds only, may be costly. */
#ifdef LT_DEBUG
#define LT_DCHECK(cond) LT_ASSERT(cond)
#else
#define LT_DCHECK(cond) ((void)sizeof(cond))
#endif
