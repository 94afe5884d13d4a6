/* What the benchmarks of running jobs share: a clock, samples and their quantiles, the line that a
 * figure is. Included by one program each. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/compiler.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

LT_INLINE int64_t now_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* A figure: `limit` says what bounds it. */
typedef struct {
    const char *name;
    double value;
    const char *unit;
    bool higher; /* is better */
    const char *limit;
} figure;

LT_INLINE void report(const figure *f)
{
    (void)printf("{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\", \"better\": \"%s\", "
                 "\"limit\": \"%s\"}\n",
                 f->name, f->value, f->unit, f->higher ? "higher" : "lower",
                 f->limit != NULL ? f->limit : "");
    (void)fflush(stdout);
}

LT_INLINE void must(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "benchmark: %s\n", what);
        exit(1);
    }
}

/* ---- samples ---- */

typedef struct {
    int64_t *at;
    size_t count;
    size_t cap;
    bool sorted;
} samples;

LT_INLINE void samples_add(samples *s, int64_t value)
{
    if (s->count == s->cap) {
        s->cap = s->cap == 0 ? 4096 : s->cap * 2;
        s->at = realloc(s->at, s->cap * sizeof *s->at);
        must(s->at != NULL, "out of memory");
    }
    s->at[s->count++] = value;
    s->sorted = false;
}

LT_INLINE int samples_order(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The value that a share q of the samples does not exceed. */
LT_INLINE int64_t samples_at(samples *s, double q)
{
    if (s->count == 0) {
        return 0;
    }
    if (!s->sorted) {
        qsort(s->at, s->count, sizeof *s->at, samples_order);
        s->sorted = true;
    }
    size_t index = (size_t)(q * (double)s->count);
    return s->at[index < s->count ? index : s->count - 1];
}

LT_INLINE void samples_free(samples *s)
{
    free(s->at);
    *s = (samples){0};
}

/* p50, p99, p99.9 and the maximum of nanoseconds, in microseconds, as figures `name.p50` .. */
LT_INLINE void report_times(const char *name, samples *s, const char *limit)
{
    static const struct {
        const char *name;
        double q;
    } shown[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1.0}};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "%s.%s", name, shown[i].name);
        report(&(figure){text, (double)samples_at(s, shown[i].q) / 1e3, "us", false, limit});
    }
}
