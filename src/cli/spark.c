/* Buckets of equal time in a ring. When time runs faster than the ring can show, two units become
 * one coarser unit and counts are added up, so that nothing seen is lost. */
#include "cli/spark.h"

#include <leat/leat.h>

/* Time that passes faster than this in one sample asks for a coarser unit. */
#define JUMP_MAX 12
/* A full line that took less time than this to fill would be too restless to read. */
#define FILL_MS_LEAST 10000

typedef struct {
    int64_t ms;
    const char *name;
} unit;

static const unit event_units[] = {
    {60000, "min"},
    {300000, "5 min"},
    {900000, "15 min"},
    {3600000, "hour"},
    {21600000, "6 hours"},
    {86400000, "day"},
    {604800000, "week"},
    {INT64_C(2629746000), "month"},
    {INT64_C(31556952000), "year"},
};
static const unit wall_unit = {1000, "s"};

static const unit *unit_of(const lt_spark *spark)
{
    return spark->by_event ? &event_units[spark->unit] : &wall_unit;
}

const char *lt_spark_unit(const lt_spark *spark)
{
    return unit_of(spark)->name;
}

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0 ? 1 : 0);
}

static double *cell(lt_spark *spark, int64_t bucket)
{
    int64_t at = bucket % LT_SPARK_CELLS;
    return &spark->counts[at < 0 ? at + LT_SPARK_CELLS : at];
}

static void move_to(lt_spark *spark, int64_t bucket)
{
    int64_t from = spark->last + 1 > bucket - LT_SPARK_CELLS + 1 ? spark->last + 1
                                                                 : bucket - LT_SPARK_CELLS + 1;
    for (; from <= bucket; from++) {
        *cell(spark, from) = 0;
    }
    spark->last = bucket;
}

static int64_t oldest(const lt_spark *spark)
{
    int64_t kept = spark->last - LT_SPARK_CELLS + 1;
    return spark->first > kept ? spark->first : kept;
}

static void coarsen(lt_spark *spark)
{
    lt_spark old = *spark;
    int64_t old_ms = unit_of(&old)->ms;
    spark->unit++;
    int64_t ms = unit_of(spark)->ms;
    memset(spark->counts, 0, sizeof spark->counts);
    spark->first = floor_div(oldest(&old) * old_ms, ms);
    spark->last = floor_div(old.last * old_ms, ms);
    for (int64_t bucket = oldest(&old); bucket <= old.last; bucket++) {
        *cell(spark, floor_div(bucket * old_ms, ms)) += *cell(&old, bucket);
    }
}

static bool too_fast(const lt_spark *spark, int64_t bucket, int64_t now_ms)
{
    bool fills = bucket - spark->first >= LT_SPARK_CELLS;
    return bucket - spark->last > JUMP_MAX || (fills && now_ms - spark->begun_ms < FILL_MS_LEAST);
}

void lt_spark_add(lt_spark *spark, int64_t event_ms, int64_t now_ms, uint64_t rows_total)
{
    bool by_event = event_ms != LEAT_TIME_MIN && event_ms != LEAT_TIME_MAX;
    int64_t time_ms = by_event ? event_ms : now_ms;
    if (!spark->begun || spark->by_event != by_event) {
        *spark = (lt_spark){.begun = true, .by_event = by_event, .begun_ms = now_ms};
        spark->last = floor_div(time_ms, unit_of(spark)->ms);
        spark->first = spark->last;
        *cell(spark, spark->last) = (double)rows_total;
        spark->rows_before = rows_total;
        return;
    }
    int64_t bucket = floor_div(time_ms, unit_of(spark)->ms);
    while (by_event && too_fast(spark, bucket, now_ms) &&
           spark->unit + 1 < LT_COUNT_OF(event_units)) {
        coarsen(spark);
        bucket = floor_div(time_ms, unit_of(spark)->ms);
    }
    double more = rows_total > spark->rows_before ? (double)(rows_total - spark->rows_before) : 0;
    spark->rows_before = rows_total;
    if (bucket <= spark->last) {
        *cell(spark, spark->last) += more;
        return;
    }
    /* Which rows fell into which of the buckets passed since is not known: they get equal parts. */
    int64_t from = spark->last + 1;
    int64_t since = bucket - from + 1;
    move_to(spark, bucket);
    for (int64_t b = from > oldest(spark) ? from : oldest(spark); b <= bucket; b++) {
        *cell(spark, b) += more / (double)since;
    }
}

void lt_spark_draw(const lt_spark *spark, lt_text *to, uint32_t cells, bool utf8)
{
    static const char *const blocks[] = {" ",
                                         "\xe2\x96\x81",
                                         "\xe2\x96\x82",
                                         "\xe2\x96\x83",
                                         "\xe2\x96\x84",
                                         "\xe2\x96\x85",
                                         "\xe2\x96\x86",
                                         "\xe2\x96\x87",
                                         "\xe2\x96\x88"};
    static const char *const ascii[] = {" ", ".", ".", ":", ":", "+", "+", "#", "#"};
    lt_spark copy = *spark;
    double top = 0;
    if (!spark->begun) {
        return;
    }
    int64_t from = oldest(spark);
    if (spark->last - from + 1 > (int64_t)cells) {
        from = spark->last - (int64_t)cells + 1;
    }
    for (int64_t b = from; b <= spark->last; b++) {
        top = *cell(&copy, b) > top ? *cell(&copy, b) : top;
    }
    for (int64_t b = from; b <= spark->last; b++) {
        double value = *cell(&copy, b);
        int level = value > 0 && top > 0 ? 1 + (int)(value / top * 7.0) : 0;
        lt_text_puts(to, (utf8 ? blocks : ascii)[level]);
    }
}
