/* The names of the built-in functions, for SHOW FUNCTIONS. */
#pragma once

#include <stdint.h>

/* The next name in upper case, from *cursor (0 at first) on; NULL at the end. */
const char *lt_function_name(uint32_t *cursor);
