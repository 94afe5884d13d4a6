/* What the planner tells each operator: plain data, printed by EXPLAIN, compared by jobs.
 * Everything lives in the plan's arena. */
#pragma once

#include "expr/aggregate.h"
#include "expr/expr.h"
#include "expr/window.h"

/* Filter and projection in one. */
typedef struct {
    lt_expr *condition; /* NULL = all rows */
    lt_expr **exprs;    /* one per output column */
    uint32_t expr_count;
} lt_calc_spec;

/* Assigns watermarks at the source: evaluates `watermark` for every row, keeps the running maximum
 * (starting at 0 as Flink does: nothing at or before 1970 is emitted) and attaches the marks. A row
 * whose rowtime is NULL is a ROWTIME reject. */
typedef struct {
    uint32_t time_col;
    lt_expr *watermark;         /* TIMESTAMP(3) or LTZ(3) over the input schema */
    int64_t future_skew_max_ms; /* rows further ahead of the wall clock are rejected; 0 = off */
} lt_watermark_spec;

/* Output schema: input columns, window_start, window_end, window_time. */
typedef struct {
    lt_window window;
    const uint32_t *session_keys; /* SESSION: PARTITION BY columns */
    uint32_t session_key_count;
} lt_window_expand_spec;

typedef enum { LT_LATE_DROP } lt_late_policy;

/* Output schema: keys, aggregates, window_start, window_end, window_time (TIMESTAMP(3),
 * TIMESTAMP(3), type of the time attribute). */
typedef struct {
    lt_window window;
    const uint32_t *keys; /* input columns */
    uint32_t key_count;
    lt_agg **aggs;
    uint32_t agg_count;
    bool input_updates; /* rows may come as -U, +U, -D */
    lt_late_policy late;
    const char *late_name; /* name of what the operator feeds first, for messages; may be NULL */
} lt_window_agg_spec;

/* Output schema: keys, aggregates. Without keys: a global aggregate (emits nothing before the first
 * row). */
typedef struct {
    const uint32_t *keys;
    uint32_t key_count;
    lt_agg **aggs; /* agg_count 0 = DISTINCT over the keys */
    uint32_t agg_count;
    bool input_updates;
    bool emit_before; /* -U rows are wanted downstream */
    bool net_ok; /* consumers are net-safe: only the last change of a key per batch need be emitted
                  */
    int64_t ttl_ms; /* table.exec.state.ttl; 0 = never */
} lt_group_agg_spec;

typedef struct {
    int64_t offset;
    int64_t count; /* < 0 = unlimited */
} lt_limit_spec;

/* Rows ranked within (partition, window); emitted when the window closes. Output schema: input
 * columns, then the rank (BIGINT NOT NULL) if rank_output. */
typedef struct {
    const uint32_t *partition; /* without the window columns */
    uint32_t partition_count;
    uint32_t start_col, end_col; /* window bounds, TIMESTAMP(3) */
    bool ltz;                    /* bounds are local wall-clock of an LTZ attribute */
    const lt_sort_key *order;
    uint32_t order_count;
    int64_t rank_min, rank_max; /* inclusive, from 1 */
    bool rank_output;
} lt_window_topn_spec;

/* Lets rows through when their event time is due: event ms / speed after the first row's. */
typedef struct {
    uint32_t time_col;
    double speed; /* 60 = one minute of event time a second */
} lt_pace_spec;
