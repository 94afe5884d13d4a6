/* The histogram of lateness: buckets from bits, quantiles by adding up. */
#include "base/lateness.h"

#include "base/assert.h"

#define MANTISSA_BITS 3
#define PER_DOUBLING  (1U << MANTISSA_BITS)

uint32_t lt_lateness_bucket(int64_t behind_ms)
{
    if (behind_ms < (int64_t)PER_DOUBLING) {
        return behind_ms > 0 ? (uint32_t)behind_ms : 0;
    }
    uint32_t top = MANTISSA_BITS;
    while (top < 62 && behind_ms >> (top + 1) > 0) {
        top++;
    }
    uint32_t shift = top - MANTISSA_BITS;
    uint32_t within = (uint32_t)(behind_ms >> shift) & (PER_DOUBLING - 1);
    uint32_t bucket = (shift + 1) * PER_DOUBLING + within;
    return bucket < LT_LATENESS_BUCKETS ? bucket : LT_LATENESS_BUCKETS - 1;
}

int64_t lt_lateness_bucket_max(uint32_t bucket)
{
    LT_ASSERT(bucket < LT_LATENESS_BUCKETS);
    if (bucket < 2 * PER_DOUBLING) {
        return bucket;
    }
    uint32_t shift = bucket / PER_DOUBLING - 1;
    int64_t mantissa = (int64_t)(PER_DOUBLING + bucket % PER_DOUBLING);
    return ((mantissa + 1) << shift) - 1;
}

void lt_lateness_add(lt_lateness *self, int64_t behind_ms, uint64_t rows)
{
    self->buckets[lt_lateness_bucket(behind_ms)] += rows;
    self->rows += rows;
}

void lt_lateness_merge(lt_lateness *self, const lt_lateness *other)
{
    for (uint32_t i = 0; i < LT_LATENESS_BUCKETS; i++) {
        self->buckets[i] += other->buckets[i];
    }
    self->rows += other->rows;
}

uint64_t lt_lateness_share(uint64_t rows, uint32_t millionths)
{
    /* In two parts, so that no product overflows. */
    uint64_t rest = (rows % LT_LATENESS_ONE) * millionths;
    return rows / LT_LATENESS_ONE * millionths + (rest + LT_LATENESS_ONE - 1) / LT_LATENESS_ONE;
}

uint32_t lt_lateness_rank(const lt_lateness *self, uint32_t millionths, uint64_t *below)
{
    uint64_t wanted = lt_lateness_share(self->rows, millionths);
    uint32_t bucket = 0;
    uint64_t sum = self->buckets[0];
    while (sum < wanted && bucket + 1 < LT_LATENESS_BUCKETS) {
        sum += self->buckets[++bucket];
    }
    LT_ASSERT(sum >= wanted);
    *below = sum;
    return bucket;
}

int64_t lt_lateness_quantile(const lt_lateness *self, uint32_t millionths)
{
    uint64_t below;
    return lt_lateness_bucket_max(lt_lateness_rank(self, millionths, &below));
}
