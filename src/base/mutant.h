/* Named faults of the product, to see that the simulator finds them. They exist only in the one
 * build of it that defines LT_MUTANTS; everywhere else LT_MUTANT(..) is false at compile time and
 * nothing of them remains. */
#pragma once

#include <stdbool.h>

#define LT_MUTANT_LIST(X)                                                                     \
    X(SKIP_DATA_SYNC)     /* a checkpoint's data are not synced */                            \
    X(SKIP_MANIFEST_SYNC) /* nor its manifest */                                              \
    X(SKIP_SINK_SYNC)     /* nor what the sinks wrote */                                      \
    X(EARLY_PUBLISH)      /* sinks publish before the manifest is durable */                  \
    X(STALE_MANIFEST)     /* a restart takes an older checkpoint than the newest */           \
    X(POSITION_BLOCK)     /* a position is that of the block's end, not of its last row */    \
    X(POSITION_LATE)      /* the lane that comes last to the cut saves the position */        \
    X(BARRIER_OVERTAKES)  /* a barrier passes the rest of a block */                          \
    X(BARRIER_LEAKS)      /* a channel whose barrier was taken goes on */                     \
    X(WATERMARK_LOST)     /* running watermarks are not restored */                           \
    X(TIMERS_LOST)        /* nor timers */                                                    \
    X(SLICES_LOST)        /* nor window slices */                                             \
    X(RANGE_GAP)          /* after rescaling nobody has the last key group of a task */       \
    X(RANGE_OVERLAP)      /* two tasks have a key group */                                    \
    X(UNCHANGED_WRONGLY)  /* a block that changed since the last checkpoint is referred to */ \
    X(ORDER_IGNORED)      /* numbered blocks are taken as they come */                        \
    X(SINK_NOT_CUT)       /* a file keeps what was written after the checkpoint */            \
    X(PENDING_LOST)       /* files waiting for their commit are forgotten */                  \
    X(SAVE_UNFLUSHED)     /* the noted length counts bytes that are still in a buffer */      \
    X(LEFTOVERS_KEPT)     /* hidden files that no checkpoint knows stay */                    \
    X(DATA_SWEPT)         /* blocks that the newest checkpoint refers to are removed */       \
    X(END_FIRST)          /* a lane sends the end before the barrier that it is behind */     \
    X(STOP_IS_END)        /* a stop's checkpoint counts as one that covers the end */

typedef enum {
    LT_MUTANT_NONE,
#define X(name) LT_MUTANT_##name,
    LT_MUTANT_LIST(X)
#undef X
} lt_mutant;

#if defined(LT_MUTANTS)
extern lt_mutant lt_mutant_on; /* the test program has it */
#define LT_MUTANT(name) (lt_mutant_on == LT_MUTANT_##name)
#else
#define LT_MUTANT(name) false
#endif
