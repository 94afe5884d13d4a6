/* Java's regular expressions in the words of PCRE2. */
#pragma once

#include "base/str.h"

typedef enum {
    LT_REGEX_FINE,
    LT_REGEX_BAD,         /* Java refuses it too */
    LT_REGEX_UNSUPPORTED, /* Java knows it; there is no counterpart here */
    LT_REGEX_NOMEM
} lt_regex_verdict;

/* Rewrites what the two write differently: `&&` and nested classes, POSIX and Unicode properties,
 * `\uXXXX`, `\0` octals, back references. `why`, when given, names what is wrong. */
lt_regex_verdict lt_regex_from_java(lt_str pattern, lt_text *to, char why[128]);
