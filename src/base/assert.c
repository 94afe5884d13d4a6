/* The end of the process after a broken invariant: state in memory can no longer be trusted, so
 * nothing is flushed or saved; a restart from the last checkpoint is the recovery. */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void lt_assert_fail(const char *cond, const char *file, int line)
{
    (void)fprintf(stderr, "leat: internal error: %s:%d: assertion failed: %s\n", file, line, cond);
    abort();
}
