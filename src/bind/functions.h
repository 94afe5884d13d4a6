/* The names of the built-in functions, for SHOW FUNCTIONS. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* The next name in upper case, from *cursor (0 at first) on; NULL at the end. */
const char *lt_function_name(uint32_t *cursor);

typedef struct {
    bool aggregate, deterministic, folds;
    const char *signature;
    const char *doc; /* what it gives */
} lt_function_info;
/* Of a built-in function, by its name in any case; false: there is none. */
bool lt_function_builtin(lt_str name, lt_function_info *out);
