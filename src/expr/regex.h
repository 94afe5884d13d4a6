/* Java-like regular expressions on PCRE2, with limits on the work one match may do. */
#pragma once

#include "base/mem.h"
#include "base/status.h"
#include "base/str.h"
#include "expr/regexjava.h"

typedef struct lt_regex lt_regex;

typedef enum { LT_REGEX_NO = 0, LT_REGEX_HIT = 1, LT_REGEX_LIMIT = -1 } lt_regex_result;

/* NULL and *nomem false: bad pattern (then text, when given, tells what). */
lt_regex *lt_regex_new(lt_mem *mem, lt_str pattern, bool *nomem, char text[128]);
/* The same of a pattern as Java writes it. NULL and *verdict: what is the matter. */
lt_regex *lt_regex_new_java(lt_mem *mem, lt_str pattern, lt_regex_verdict *verdict, char text[128]);
void lt_regex_free(lt_regex *regex); /* accepts NULL */
/* Searches from byte `from`. After a hit, groups are read with lt_regex_group. */
lt_regex_result lt_regex_find(lt_regex *regex, lt_str s, size_t from);
uint32_t lt_regex_group_count(const lt_regex *regex); /* without group 0 */
/* false: the group took no part. */
bool lt_regex_group(const lt_regex *regex, uint32_t group, size_t *start, size_t *end);
