/* The real environment with a clock that stands still until it is moved: for tests of pipelines
 * (leat test), where files are real and time is not. */
#pragma once

#include "os/env.h"

/* Owns `real`. NULL when out of memory (then `real` is still the caller's). */
lt_env *lt_env_virtual_new(lt_env *real);
void lt_env_virtual_free(lt_env *env); /* frees the real one too; accepts NULL */

/* Moves both clocks forward to wall_ms since 1970; earlier times are ignored. */
void lt_env_virtual_set(lt_env *env, int64_t wall_ms);
