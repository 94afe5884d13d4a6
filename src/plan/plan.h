/* The physical plan: plain data. Nodes are operators by class and spec, edges say what flows:
 * schema, row kinds, key, determinism. Built from bound trees by the rewrites in rules_*.c; run/
 * makes it live; EXPLAIN prints it. One plan is one job: several sinks share scans through fan-out
 * (a node with several consumers). */
#pragma once

#include "bind/rel.h"
#include "op/op.h"
#include "op/specs.h"

typedef enum { LT_PLAN_SOURCE, LT_PLAN_VALUES, LT_PLAN_OPERATOR, LT_PLAN_SINK } lt_plan_node_kind;

/* What a result promises when the job runs again or differently; tests compare what the class
 * promises. */
typedef enum {
    LT_EXACT,          /* the same changelog */
    LT_FINAL,          /* the same final rows */
    LT_FINAL_NO_LATE,  /* the same final rows if nothing is late */
    LT_ORDER_DEPENDENT /* LIMIT, FIRST_VALUE, LISTAGG, ties .. */
} lt_determinism;

const char *lt_determinism_name(lt_determinism d);

#define LT_KINDS_INSERT 1u /* bit k set: rows of lt_row_kind k may occur */

/* How deep NOT NULL is looked after in the values that a sink is given. */
typedef enum { LT_NULLS_COLUMNS, LT_NULLS_ROWS, LT_NULLS_COLLECTIONS } lt_nulls_depth;

/* How many tasks carry a node out, and what each of them sees. */
typedef enum {
    LT_SPREAD_ONE,    /* one task */
    LT_SPREAD_BLOCKS, /* a task per lane; the source's numbered blocks go round, in no fixed way */
    LT_SPREAD_KEYS    /* a task per lane, each with its own key groups */
} lt_spread;

/* How rows get from the tasks of an input to those of a node. */
typedef enum {
    LT_EXCHANGE_FORWARD, /* task i to task i */
    LT_EXCHANGE_GATHER,  /* all to the one */
    LT_EXCHANGE_HASH     /* by the key group of the input's `keys` */
} lt_exchange_kind;

typedef struct {
    lt_exchange_kind kind;
    const uint32_t *keys; /* columns of the input */
    uint32_t key_count;
    const lt_type *const *key_types; /* what they are encoded as: both sides of a join agree */
} lt_exchange;

typedef struct lt_plan_node lt_plan_node;

struct lt_plan_node {
    lt_plan_node_kind kind;
    uint32_t id; /* index in plan->nodes; inputs have smaller ids */
    uint32_t *inputs;
    uint32_t input_count;
    const lt_schema *schema;
    /* the output edge */
    uint8_t kinds;    /* LT_KINDS_* */
    bool drop_before; /* nobody needs -U rows */
    bool net_ok;      /* every consumer is net-safe (design: only net changes per batch matter) */
    const uint32_t *key; /* upsert key columns; NULL = none */
    uint32_t key_count;
    lt_determinism determinism;
    lt_spread spread;
    lt_exchange *exchanges; /* one per input */
    lt_str label;           /* "Source: clicks", "WindowAggregate" .. */
    lt_str signature;       /* what makes state of this node usable by another plan: lt_plan_sign */
    union {
        struct {
            const lt_op_class *cls;
            const void *spec;
        } op;
        struct {
            const lt_table_def *table;    /* NULL for the top-level SELECT's collector (sink) */
            const uint32_t *columns;      /* schema column -> table column */
            const uint32_t *record_index; /* schema column -> index among the physical columns;
                                             UINT32_MAX = metadata */
            const char *const *metadata_keys;
            const lt_schema *record_schema;
            lt_options options;
            bool bounded;    /* source */
            bool splittable; /* source: several lanes can read it */
            bool drop_nulls; /* sink: rows with NULL in a NOT NULL column are dropped, else they
                                fail the job */
            const uint32_t *sink_key;   /* sink: its primary key, columns of the schema */
            uint32_t sink_key_count;    /* 0 = none, or not all of it is written */
            bool drop_before;           /* sink: it takes no -U, but they come: as -D */
            lt_nulls_depth nulls_depth; /* sink */
            int watermark_node;         /* source: id of its lt_op_watermark, or -1 */
        } table;
        struct {
            lt_expr ***rows;
            uint32_t row_count;
        } values;
    } u;
};

typedef struct {
    lt_plan_node **nodes;
    uint32_t node_count;
    uint32_t *sinks; /* ids */
    uint32_t sink_count;
    bool bounded;         /* every source is */
    uint32_t parallelism; /* lanes */
    bool is_query;        /* a top-level SELECT: sinks[0] collects */
} lt_plan;

typedef struct {
    uint32_t parallelism;   /* lanes; 0 = 1 */
    double pace_speed;      /* --replay: 0 = off */
    int64_t future_skew_ms; /* far-future guard of unbounded sources without an option of their own;
                               0 = off */
    uint32_t local_agg_lanes; /* from so many lanes on batches are aggregated before their rows are
                                 dealt to tasks, where results stay the same; 0 = never.
                                 'table.optimizer.agg-phase-strategy' may say otherwise */
    bool final_rows; /* a query's consumer keeps only the final rows: intermediate updates need not
                        reach it */
} lt_plan_options;

/* Plans rels as one job. For a query, rels[0] gets a collector sink that takes all kinds. */
lt_status lt_plan_build(lt_catalog *catalog, lt_rel *const *rels, uint32_t rel_count, bool is_query,
                        const lt_plan_options *options, lt_arena *arena, lt_plan **out,
                        lt_error *err);

/* EXPLAIN. */
void lt_plan_explain(const lt_plan *plan, lt_text *to);
