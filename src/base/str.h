/* Borrowed strings (lt_str) and a growing text buffer (lt_text). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"
#include "base/mem.h"

/* A borrowed byte string; not NUL-terminated unless said so. */
typedef struct {
    const char *ptr;
    size_t len;
} lt_str;

#define LT_STR(literal) ((lt_str){(literal), sizeof(literal) - 1})
#define LT_STR_FMT      "%.*s"
#define LT_STR_ARG(s)   (int)(s).len, (s).ptr

LT_INLINE lt_str lt_str_of(const char *cstr)
{
    return (lt_str){cstr, cstr ? strlen(cstr) : 0};
}

bool lt_str_eq(lt_str a, lt_str b);
bool lt_str_eq_ci(lt_str a, lt_str b); /* ASCII case-insensitive */
bool lt_str_starts(lt_str s, lt_str prefix);
int lt_str_cmp(lt_str a, lt_str b); /* bytewise, as memcmp */
lt_str lt_str_trim(lt_str s);       /* ASCII blanks at both ends */
bool lt_str_to_i64(lt_str s,
                   int64_t *out); /* optional sign, decimal digits, whole string, in range */
bool lt_str_to_f64(lt_str s, double *out); /* C locale; whole string */

/* Shortest edit distance (Damerau-Levenshtein, ASCII case-insensitive), for did-you-mean.
 * Gives the nearest of names[] within a third of the length, or NULL. */
const char *lt_str_nearest(lt_str name, const char *const *names, size_t count);

/* Growing text. A failed allocation is sticky: later appends do nothing, `failed` stays set and
 * the owner checks it once at the end. The content is always NUL-terminated when ptr is set. */
typedef struct {
    lt_mem *mem;
    char *ptr;
    size_t len;
    size_t cap;
    size_t len_max; /* 0 = 1 GiB */
    bool failed;
} lt_text;

void lt_text_init(lt_text *text, lt_mem *mem);
void lt_text_deinit(lt_text *text);
void lt_text_clear(lt_text *text);                /* keeps the memory */
bool lt_text_reserve(lt_text *text, size_t more); /* room for `more` bytes beyond len */
void lt_text_append(lt_text *text, const char *ptr, size_t len);
void lt_text_puts(lt_text *text, const char *cstr);
void lt_text_putc(lt_text *text, char ch);
void lt_text_printf(lt_text *text, const char *fmt, ...) LT_PRINTF(2, 3);
void lt_text_json(lt_text *text,
                  lt_str s); /* as a JSON string with quotes; bad UTF-8 becomes U+FFFD */
LT_INLINE lt_str lt_text_str(const lt_text *text)
{
    return (lt_str){text->ptr ? text->ptr : "", text->len};
}
