/* What the planner tells each operator: plain data, printed by EXPLAIN, compared by jobs.
 * Everything lives in the plan's arena. */
#pragma once

#include "expr/aggregate.h"
#include "expr/expr.h"
#include "expr/join.h"
#include "expr/window.h"
#include "state/state.h"

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
    lt_expr *watermark;         /* TIMESTAMP(3) or LTZ(3) over the input schema; NULL = the source's
                                   own: the newest event time less a quantile of the lateness */
    uint32_t quantile;          /* of it, in millionths */
    bool follows_clock;         /* the input's marks are the wall clock's time, in ms */
    int64_t future_skew_max_ms; /* rows further ahead of the wall clock are rejected; 0 = off */
} lt_watermark_spec;

/* Output schema: input columns, window_start, window_end, window_time. */
typedef struct {
    lt_window window;
    const uint32_t *session_keys; /* SESSION: PARTITION BY columns */
    uint32_t session_key_count;
} lt_window_expand_spec;

/* Grouping sets: every row once per set. Output schema: the columns `cols` of the input, its
 * columns `keys`, NULL where the set lacks them, the set's number (BIGINT). */
typedef struct {
    const uint32_t *cols;
    uint32_t col_count;
    const uint32_t *keys;
    uint32_t key_count;   /* at most 63 */
    const uint64_t *sets; /* bit k: key k is in the set */
    uint32_t set_count;
} lt_expand_spec;

/* Aggregates the rows of one batch before they are dealt to the tasks that keep state; see
 * local_agg.h. Output schema: keys, slice end (BIGINT, windows only), rows (BIGINT), accumulators
 * (BYTES), then the different arguments and filters of the aggregates. lt_local_agg_plan fills in
 * what lies behind `rows`. */
typedef struct {
    bool windowed;        /* rows go into the slices of `window` */
    lt_window window;     /* columns of the input */
    const uint32_t *keys; /* input columns; an attached session's start is the last of them */
    uint32_t key_count;
    lt_agg **aggs; /* lt_local_agg_allows */
    uint32_t agg_count;
    uint32_t tasks;        /* that the rows are dealt to; 0 = unknown */
    const lt_schema *rows; /* schema of the input */
    uint32_t end_col;      /* columns of the output; end_col: windows only */
    uint32_t count_col;
    uint32_t state_col;
    uint32_t arg_col; /* first argument or filter */
    uint32_t arg_count;
    const uint32_t *arg_of; /* of each argument and filter, call by call: which of them it is */
} lt_local_agg_spec;

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
    /* The input is the output of a local aggregate with this spec: keys and an attached window's
     * columns are columns of that, the aggregates' arguments still refer to partials->rows. Not for
     * sessions that the operator makes itself. NULL = the input is rows. */
    const lt_local_agg_spec *partials;
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
    int64_t ttl_ms;                    /* table.exec.state.ttl; 0 = never */
    const lt_local_agg_spec *partials; /* as for windows; needs net_ok, or no aggregates */
} lt_group_agg_spec;

/* What one side of a join keeps of its rows. */
typedef struct {
    lt_lists_form form;
    const uint32_t *ids; /* LT_LISTS_KEYED: input columns that, with the join's keys, are unique */
    uint32_t id_count;
    int64_t ttl_ms; /* table.exec.state.ttl; 0 = never */
} lt_join_rows;

/* A join of two inputs, both kept in state. A pair of rows has the columns left_cols of the left
 * row, then right_cols of the right one. */
typedef struct {
    lt_join_type type;
    const uint32_t *left_keys, *right_keys; /* input columns; both sides' values have one form */
    const lt_type *const *key_types;        /* nullable: with these, equal keys have equal bytes */
    const bool *null_safe;                  /* NULL equals NULL (IS NOT DISTINCT FROM) */
    uint32_t key_count;                     /* 0: every row with every row, in one task */
    const uint32_t *left_cols, *right_cols; /* input columns that are kept */
    uint32_t left_count, right_count;
    const lt_schema *pair; /* columns of a side that may be missing are nullable */
    lt_expr *condition;    /* over pairs; NULL = none */
    const uint32_t *out;   /* output column -> column of the pair; SEMI, ANTI: left ones alone */
    bool updates;          /* rows of more kinds than +I come out */
    bool lookup; /* INNER, LEFT: left rows are not kept, they meet what the right side has then */
    bool loads;  /* .. which is all of it: the framework reads it to its end first */
    lt_join_rows rows[2]; /* of the left and of the right side */
} lt_join_spec;

/* Rows once per element of a collection. Values of an element: the fields of a ROW, else the
 * element itself; key and value of a MAP. */
typedef struct {
    uint32_t column;      /* of the input: ARRAY, MAP, MULTISET, or BIGINT: copies of the row */
    uint32_t value_count; /* of an element */
    const uint32_t *out;  /* output column -> input column, or behind these: value, then ordinal */
    bool outer;           /* rows without elements come once, with NULLs */
} lt_unnest_spec;

/* A left row with the version of the right side that was valid at its time. INNER and LEFT; `join`
 * says what comes out, its rows[1].ttl_ms how long versions of an idle key are kept. */
typedef struct {
    lt_join_spec join;
    uint32_t left_time, right_time; /* input columns: event times of rows and of versions */
} lt_temporal_join_spec;

/* A join of rows whose times lie near each other. Insert-only; join.rows is not used. */
typedef struct {
    lt_join_spec join;
    lt_join_interval interval; /* columns of the inputs; none in processing time */
    int64_t cleanup_ms; /* table.exec.interval-join.min-cleanup-interval: rows go so much later */
} lt_interval_join_spec;

/* A join of rows of equal windows, when these close. Insert-only; join.rows is not used. */
typedef struct {
    lt_join_spec join;
    uint32_t end_cols[2]; /* of the inputs: window ends, TIMESTAMP(3) */
    bool ltz;             /* bounds are local wall-clock of an LTZ attribute */
} lt_window_join_spec;

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

/* How a Top-N outside of windows keeps up with its input. */
typedef enum {
    LT_TOPN_APPEND, /* rows are only added: the best N are kept */
    LT_TOPN_UPDATE, /* rows of a key only ever move up: likewise */
    LT_TOPN_RETRACT /* anything may be taken away: all rows are kept */
} lt_topn_strategy;

/* Rows ranked within a partition; the output follows every change. Output schema: input columns,
 * then the rank (BIGINT NOT NULL) if rank_output. */
typedef struct {
    const uint32_t *partition;
    uint32_t partition_count; /* 0: one partition, in one task */
    const lt_sort_key *order;
    uint32_t order_count;       /* 0: order of arrival */
    int64_t rank_min, rank_max; /* inclusive, from 1; an empty range lets nothing through */
    bool variable;              /* rank_max is what end_col of a partition's first row says .. */
    uint32_t end_col;           /* an integer column; NULL = 0 */
    bool end_less;              /* .. less one */
    bool rank_output;
    bool is_limit; /* ORDER BY .. LIMIT */
    lt_topn_strategy strategy;
    bool drop_before; /* nobody needs -U rows */
    int64_t ttl_ms;   /* table.exec.state.ttl; 0 = never */
} lt_topn_spec;

/* One row per partition. Output schema: input columns. */
typedef enum {
    LT_KEEP_BEST,        /* the first in the order; equals do not replace it */
    LT_KEEP_LAST_EVENT,  /* the last in event time; equals do */
    LT_KEEP_LAST_ARRIVED /* whatever comes last */
} lt_keep_mode;

typedef struct {
    const uint32_t *partition;
    uint32_t partition_count;
    lt_keep_mode mode;
    const lt_sort_key *order; /* not for LT_KEEP_LAST_ARRIVED */
    uint32_t order_count;
    bool updates;     /* the input has -U and +U, of a key that is more than the partition */
    bool quiet;       /* LT_KEEP_LAST_ARRIVED: a row equal to the one before says nothing */
    bool drop_before; /* nobody needs -U rows */
    int64_t ttl_ms;
} lt_keep_spec;

/* The first rows of each partition in order of arrival. Output schema: input columns, then the rank
 * if rank_output. Insert-only. */
typedef struct {
    const uint32_t *partition;
    uint32_t partition_count;
    int64_t rank_min, rank_max; /* as for Top-N */
    bool rank_output;
    int64_t ttl_ms;
} lt_first_rows_spec;

/* The row of the least event time of each partition, once the watermark has reached it.
 * Insert-only. */
typedef struct {
    const uint32_t *partition;
    uint32_t partition_count;
    uint32_t time_col;
    int64_t ttl_ms; /* of partitions whose row has gone out */
} lt_first_event_spec;

/* ORDER BY a time attribute: rows wait until the watermark has reached them, or, in processing
 * time, until the clock has moved on. Insert-only. */
typedef struct {
    const lt_sort_key *order; /* order[0] is the time attribute, ascending */
    uint32_t order_count;
    bool proctime;
} lt_time_sort_spec;

/* Aggregates with OVER. Output schema: input columns, then one per call. In the order of a time
 * attribute rows are only inserted, and come out once; in another order (lt_op_over_sorted, frames
 * from the first row) the output follows every change. Arguments are columns and constants. */
typedef struct {
    const uint32_t *partition;
    uint32_t partition_count; /* 0: one partition, in one task */
    lt_sort_key order;
    lt_frame frame;
    bool proctime;
    lt_agg **aggs; /* with a bounded frame: such that rows can be taken away */
    uint32_t agg_count;
    int64_t ttl_ms; /* table.exec.state.ttl; 0 = never */
} lt_over_spec;

/* Lets rows through when their event time is due: event ms / speed after the first row's. */
typedef struct {
    uint32_t time_col;
    double speed; /* 60 = one minute of event time a second */
} lt_pace_spec;

/* Makes a full changelog of rows that only say what is new about a key. Output schema: that of the
 * input. */
typedef struct {
    const uint32_t *keys;
    uint32_t key_count;
    lt_expr *condition; /* only rows that pass it are shown; NULL = all */
    bool drop_before;   /* nobody needs -U rows */
    int64_t ttl_ms;
} lt_normalize_spec;

/* Which row a sink shows for its primary key, when the query's rows have another key. Output
 * schema: that of the input. */
typedef struct {
    const uint32_t *keys; /* the sink's primary key */
    uint32_t key_count;
    const uint32_t *ids; /* the query's key */
    uint32_t id_count;   /* 0: a row is known by all its columns */
    int64_t ttl_ms;
} lt_materialize_spec;
