/* Reads members of one JSON object as this program writes them: requests and answers of the control
 * socket, job.json. Values may be nested; only the outer object's members are found. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Is the text one object and nothing else, at most 32 levels deep? The others below answer false
 * for what is not, as for an absent member. */
bool lt_flat_is_object(lt_str text);
/* The value as it is written. */
bool lt_flat_raw(lt_str object, const char *key, lt_str *out);
/* A string, unescaped and appended to `to`. */
bool lt_flat_text(lt_str object, const char *key, lt_text *to);
bool lt_flat_int(lt_str object, const char *key, int64_t *out);
bool lt_flat_is_true(lt_str object, const char *key);
