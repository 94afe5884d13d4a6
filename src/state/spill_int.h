/* What tables and snapshots need of spilling; see spill.c. */
#pragma once

#include "base/array.h"
#include "os/thread.h"
#include "state/spill.h"

typedef struct spill_part spill_part; /* one state's */

/* Accounts whose large pieces can be moved; NULL = the state does not spill. */
lt_mem *lt_spill_records_(spill_part *part);
/* Of indexes, which every look-up needs: they are moved after everything else. */
lt_mem *lt_spill_index_(spill_part *part);

/* The calling thread, which is not the state's, looks at pieces or changes them: none is moved
 * meanwhile. part may be NULL. */
void lt_spill_hold_(spill_part *part);
void lt_spill_release_(spill_part *part);
/* Lets go of moved pieces that were brought back into memory, when there are too many. From the
 * state's thread or the reader of its snapshot; part may be NULL. */
void lt_spill_ebb_(spill_part *part);
void lt_spill_part_free_(spill_part *part); /* accepts NULL */
