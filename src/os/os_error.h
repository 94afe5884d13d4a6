/* One wording for the system's errors, real or simulated. */
#pragma once

#include "base/status.h"

/* Writes "cannot <verb> '<path>': <reason>" with a hint where there is something to do. Gives
 * LT_ERR_PERMISSION, LT_ERR_NOMEM or LT_ERR_IO by the code, an errno value. */
lt_status lt_os_error(lt_error *err, int code, const char *verb, const char *path);
