/* How far rows come behind the newest event time before them: a histogram with log-linear buckets.
 *
 *   bucket   0  1 .. 7   8 .. 15   16 .. 23   24 ..
 *   ms       0  1 .. 7   8 .. 15   16,18 .. 30   32,36 ..     eight buckets per doubling
 *
 * So a quantile is at most an eighth too large, never too small, and the whole is 2.5 KB whatever
 * it counts. The scheme is that of HdrHistogram with three bits of mantissa. */
#pragma once

#include <stdint.h>

#define LT_LATENESS_BUCKETS 312     /* up to 2^41 ms, 69 years; later rows count in the last one */
#define LT_LATENESS_ONE     1000000 /* a quantile of 1, in millionths */

typedef struct {
    uint64_t rows;
    uint64_t buckets[LT_LATENESS_BUCKETS];
} lt_lateness;

uint32_t lt_lateness_bucket(int64_t behind_ms);  /* behind_ms <= 0: bucket 0 */
int64_t lt_lateness_bucket_max(uint32_t bucket); /* the largest ms that falls into it */
void lt_lateness_add(lt_lateness *self, int64_t behind_ms, uint64_t rows);
void lt_lateness_merge(lt_lateness *self, const lt_lateness *other);
/* The least bucket that, with those before it, holds the share of rows; below gets their rows. 0
 * when there are no rows. */
uint32_t lt_lateness_rank(const lt_lateness *self, uint32_t millionths, uint64_t *below);
/* ms that so many of the rows are not further behind than; 0 when there are no rows. */
int64_t lt_lateness_quantile(const lt_lateness *self, uint32_t millionths);
/* Of so many rows the share, rounded up. */
uint64_t lt_lateness_share(uint64_t rows, uint32_t millionths);
