/* A sparkline of rows per event-time minute (coarser when time runs fast, per wall second when rows
 * carry no event time), fed with running totals. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define LT_SPARK_CELLS 48

typedef struct {
    bool begun;
    bool by_event;
    size_t unit;      /* index into the table of units */
    int64_t begun_ms; /* wall time */
    int64_t last;     /* newest bucket: time / unit */
    int64_t first;    /* oldest bucket that was seen */
    uint64_t rows_before;
    double counts[LT_SPARK_CELLS]; /* of bucket b at b modulo the size */
} lt_spark;

/* event_ms LEAT_TIME_MIN: no event time; then now_ms counts. */
void lt_spark_add(lt_spark *spark, int64_t event_ms, int64_t now_ms, uint64_t rows_total);
/* The last `cells` buckets, oldest first. Nothing when nothing was seen. */
void lt_spark_draw(const lt_spark *spark, lt_text *to, uint32_t cells, bool utf8);
const char *lt_spark_unit(const lt_spark *spark); /* "min", "s" .. */
