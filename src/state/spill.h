/* State that is larger than memory: the large pieces that tables are made of lie in a range of
 * addresses whose contents can be moved to a file (os/env.h, pages). Addresses stay, so that tables
 * know nothing of it. docs/decisions/0001-state-larger-than-memory.md says why it is done this way.
 *
 * One lt_spill for all states of a job, from any thread. */
#pragma once

#include "state/state.h"

typedef struct lt_spill lt_spill;

typedef struct {
    int64_t memory_bytes;   /* pieces that were not moved */
    int64_t spilled_bytes;  /* moved to the file */
    int64_t resident_bytes; /* of those, in memory at the moment; an estimate */
    uint64_t moves;         /* pieces moved so far */
} lt_spill_stats;

/* dir: where the file lies; it is made when first needed and has no name. limit: bytes of state
 * that are to be in memory; 0 = as few as possible, for tests. */
lt_status lt_spill_new(lt_mem *mem, lt_env *env, const char *dir, int64_t limit, lt_spill **out,
                       lt_error *err);
void lt_spill_free(lt_spill *spill); /* after all its states; accepts NULL */
void lt_spill_get_stats(lt_spill *spill, lt_spill_stats *out);

/* The state's tables, which are not declared yet, take their memory there. */
lt_status lt_state_spill_to(lt_state *state, lt_spill *spill, lt_error *err);

/* Between callbacks, on the state's thread: moves what is too much to the file. One comparison when
 * nothing is. An error (a full disk) leaves everything where it was. */
lt_status lt_state_tend(lt_state *state, lt_error *err);
