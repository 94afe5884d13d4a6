/* What the operator benchmarks share: seeded numbers, a clock, a counting end of the pipeline.
 * Included by one program each. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "expr/aggregate.h"
#include "op/op.h"
#include "op/specs.h"

#define BATCH_ROWS 4096
#define KEYS       10000
#define BATCHES    64 /* different ones, used in turn */

static uint64_t rng = 88172645463325252ULL;

/* xorshift64 (Marsaglia 2003). */
static uint64_t rnd(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "benchmark: %s\n", what);
        exit(1);
    }
}

static uint64_t rows_out;

static lt_status count_put(lt_emit *out, lt_batch *batch, lt_error *err)
{
    (void)out;
    (void)err;
    rows_out += lt_batch_live(batch);
    lt_batch_unref(batch);
    return LT_OK;
}
