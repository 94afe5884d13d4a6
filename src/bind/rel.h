/* The bound query: a tree of typed relational nodes. The binder resolves names and types and
 * refuses what is not executable, naming the feature; the planner (plan/) rewrites the tree and
 * turns it into operators. Column references in expressions are indexes into the node's input
 * schema (for a join: left columns, then right ones). Everything lives in the statement's arena. */
#pragma once

#include "bind/catalog.h"
#include "expr/aggregate.h"
#include "expr/join.h"
#include "expr/window.h"

typedef enum {
    LT_REL_SCAN,   /* a table: its physical and non-computed metadata columns, then computed columns
                      and watermark are further nodes above */
    LT_REL_VALUES, /* constant rows */
    LT_REL_FILTER,
    LT_REL_PROJECT,
    LT_REL_WATERMARK, /* the declared rowtime: assigns watermarks (lt_watermark_spec) */
    LT_REL_WINDOW,    /* windowing table function: input columns + window_start, window_end,
                         window_time */
    LT_REL_AGGREGATE, /* GROUP BY; the planner recognises window aggregation by window_start and
                         window_end among the keys */
    LT_REL_EXPAND,    /* grouping sets: every row once per set; input columns, copies of the keys
                         that some set lacks, NULL where it does, the set's number */
    LT_REL_UNION,     /* UNION ALL; n inputs of one schema */
    LT_REL_LIMIT,
    LT_REL_SORT,   /* ORDER BY, with LIMIT in `limit` when there is one */
    LT_REL_RANK,   /* ROW_NUMBER() OVER (PARTITION BY .. ORDER BY ..): input columns + the number,
                      BIGINT NOT NULL */
    LT_REL_OVER,   /* aggregates with OVER: input columns + one per call; arguments are columns or
                      constants */
    LT_REL_JOIN,   /* two inputs: left columns, then right ones; SEMI and ANTI: left columns alone.
                      Only interval and window joins keep time attributes. Outer joins make the
                      other side's columns nullable */
    LT_REL_UNNEST, /* every row once per element of a collection: input columns + an element's
                      values (fields of a ROW; key and value of a MAP) + the ordinality, INT */
    LT_REL_SINK    /* INSERT INTO: input columns match the sink's written columns exactly */
} lt_rel_kind;

typedef struct lt_rel lt_rel;

/* Which of the schema's columns are the bounds of which window, so that GROUP BY on them is
 * recognised through projections and sub-queries. Kept by FILTER, PROJECT (when the columns are
 * passed on unchanged), LIMIT, UNION of equal windows; set by WINDOW and by a window aggregate. -1
 * = not there. */
typedef struct {
    bool present;
    bool ltz; /* from a TIMESTAMP_LTZ attribute: bounds are local wall-clock */
    lt_window_kind kind;
    lt_window window; /* as declared; time_col refers to the WINDOW node's input */
    int start_col, end_col, time_col;
    /* Of an inner window join the right side's columns, equal to these; plus one, 0 = none. */
    int start_also, end_also, time_also;
} lt_window_props;

struct lt_rel {
    lt_rel_kind kind;
    uint32_t pos;
    const lt_schema *schema; /* output; types carry time attributes */
    lt_window_props window;
    lt_rel **inputs;
    uint32_t input_count;
    union {
        struct {
            const lt_table_def *table;
            const uint32_t *columns; /* schema column -> index in table->columns */
            lt_options options;      /* the table's, with OPTIONS hints applied */
            lt_str alias;
        } scan;
        struct {
            lt_expr ***rows; /* rows[r][c], constant */
            uint32_t row_count;
        } values;
        struct {
            lt_expr *condition;
        } filter;
        struct {
            lt_expr **exprs; /* one per schema column */
        } project;
        struct {
            uint32_t time_col;
            lt_expr *expr; /* NULL = SOURCE_WATERMARK() */
            const lt_table_def *table;
            lt_options options;
        } watermark;
        struct {
            lt_window window;
            const uint32_t *session_keys;
            uint32_t session_key_count;
        } window_tvf;
        struct {
            const uint32_t *keys; /* input columns; output = keys, then aggregates */
            uint32_t key_count;
            lt_agg **aggs; /* bound with retracts = false; the planner rebinds */
            uint32_t agg_count;
            bool has_ttl; /* a STATE_TTL hint */
            int64_t ttl_ms;
        } aggregate;
        struct {
            const uint32_t *keys; /* input columns */
            uint32_t key_count;   /* at most 63 */
            const uint64_t *sets; /* bit k: keys[k] is in the set */
            uint32_t set_count;
        } expand;
        struct {
            int64_t offset;
            int64_t count; /* < 0 = unlimited */
        } limit;
        struct {
            const lt_sort_key *keys;
            uint32_t key_count;
            int64_t offset;
            int64_t count; /* < 0 = no LIMIT */
        } sort;
        struct {
            const uint32_t *partition;
            uint32_t partition_count;
            const lt_sort_key *order;
            uint32_t order_count;
        } rank;
        struct {
            uint32_t column; /* of the input: ARRAY, MAP, MULTISET; BIGINT: copies of the row */
            bool outer;      /* a row without elements comes once, with NULLs */
            bool ordinality; /* the last column counts the elements from 1 */
        } unnest;
        struct {
            const uint32_t *partition;
            uint32_t partition_count;
            lt_sort_key order; /* ascending */
            lt_frame frame;
            lt_agg **aggs; /* bound with retracts = false; the planner rebinds */
            uint32_t agg_count;
        } over;
        struct {
            lt_join_type type;
            lt_expr *condition; /* over left columns, then right ones, whatever the type; NULL =
                                   none (comma, CROSS JOIN) */
            bool has_ttl[2];    /* STATE_TTL hints, of the left and the right input */
            int64_t ttl_ms[2];
            bool temporal;   /* FOR SYSTEM_TIME AS OF: the right side is what it was at a time */
            uint32_t as_of;  /* .. a time attribute of the left side, whose attributes are kept */
            lt_join_how how; /* decided when the SELECT's WHERE is bound */
            lt_join_interval interval; /* LT_JOIN_INTERVAL; its conditions stay where they are */
            bool settled;              /* it was decided */
        } join;
        struct {
            const lt_table_def *table;
            const uint32_t *columns; /* input column -> index in table->columns */
            lt_options options;
            bool overwrite;
        } sink;
    } u;
};

/* What one condition says of the time attributes of both sides of a join. */
typedef struct {
    bool lower, upper;         /* which of the bounds it gives */
    lt_join_interval interval; /* with those bounds */
} lt_time_bounds;

/* Is the condition, over the join's left columns, then its right ones, nothing but such bounds?
 * (join_how.c) */
bool lt_time_bounds_of(const lt_rel *join, const lt_expr *conjunct, lt_time_bounds *out);
/* Of a window join: does the condition say nothing but that the windows are equal? Starts of
 * sessions do not follow from their ends. */
bool lt_window_equality(const lt_rel *join, const lt_expr *conjunct);
