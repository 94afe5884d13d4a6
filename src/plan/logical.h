/* Private to src/plan: the logical graph between the bound tree and the physical plan.
 *
 * Nodes are hash-consed: building a node that equals an existing one gives the existing one, so
 * that a table or view which several INSERTs of a statement set read becomes one node with several
 * consumers (the shared scan). The steps are: translate (bound tree -> graph, recognising
 * patterns), merge (neighbouring calcs), prune (which columns are needed), emit (physical nodes),
 * changelog (what flows on each edge). */
#pragma once

#include "plan/plan.h"

typedef enum {
    LT_LOG_SOURCE,
    LT_LOG_VALUES,
    LT_LOG_CALC,
    LT_LOG_WATERMARK,
    LT_LOG_NORMALIZE,  /* a full changelog of an upsert source; keys: its primary key */
    LT_LOG_WINDOWS,    /* windowing table function alone */
    LT_LOG_EXPAND,     /* grouping sets: input columns, keys, the set's number */
    LT_LOG_WINDOW_AGG, /* output: keys, aggregates, window_start, window_end, window_time */
    LT_LOG_GROUP_AGG,
    LT_LOG_UNNEST, /* output: input columns, an element's values, the ordinality */
    LT_LOG_UNION,
    LT_LOG_JOIN, /* output: left input's columns, right input's columns (of SEMI and ANTI nobody
                    needs those) */
    LT_LOG_TEMPORAL_JOIN, /* likewise; as of a time */
    LT_LOG_LIMIT,
    LT_LOG_TOPN,      /* within windows */
    LT_LOG_RANK,      /* Top-N, deduplication, ORDER BY .. LIMIT */
    LT_LOG_TIME_SORT, /* ORDER BY a time attribute */
    LT_LOG_OVER,      /* output: input columns, one per aggregate */
    LT_LOG_SINK
} lt_log_kind;

typedef struct lt_log lt_log;

struct lt_log {
    lt_log_kind kind;
    uint32_t id; /* order of creation: inputs come before their consumers */
    uint32_t pos;
    const lt_schema *schema;
    lt_log **inputs;
    uint32_t input_count;
    uint32_t consumers;
    bool *needed;   /* prune.c: per column */
    uint32_t *map;  /* emit.c: column -> column of the physical node; UINT32_MAX = pruned */
    uint32_t node;  /* emit.c: physical id + 1; 0 = not emitted yet */
    lt_log *merged; /* merge.c: what replaces this node; NULL = not looked at yet */
    /* payload by kind */
    const lt_rel *rel;  /* SOURCE, VALUES, WATERMARK, SINK: the bound node */
    lt_expr *condition; /* CALC, NORMALIZE; JOIN: over its output */
    lt_expr **exprs;    /* CALC: one per column */
    lt_window window;   /* WINDOWS, WINDOW_AGG */
    /* WINDOW_AGG, GROUP_AGG, OVER, EXPAND; WINDOWS: session keys; TOPN: partition without the
     * bounds; JOIN: of the left input */
    const uint32_t *keys;
    uint32_t key_count;
    lt_join_type join_type; /* JOIN */
    lt_join_how join_how;
    lt_join_interval interval; /* LT_JOIN_INTERVAL: columns of the inputs */
    uint32_t ends[2];          /* LT_JOIN_WINDOW: window ends, columns of the inputs */
    bool ltz;
    bool has_ttl[2]; /* JOIN: hints of its inputs; GROUP_AGG: the first */
    int64_t ttl_ms[2];
    bool lookup;       /* JOIN: the right side is looked up */
    bool alone;        /* SOURCE: shared with nobody */
    uint32_t times[2]; /* TEMPORAL_JOIN: of the left row and of the right version */
    const uint32_t *right_keys;
    const bool *null_safe;
    const lt_type *const *key_types;
    const uint64_t *sets; /* EXPAND */
    uint32_t set_count;
    lt_agg **aggs;
    uint32_t agg_count;
    int64_t offset, count;    /* LIMIT */
    lt_window_topn_spec topn; /* TOPN: rank range, order, bounds */
    lt_topn_spec rank;        /* RANK; TIME_SORT: its order */
    lt_sort_key over_order;   /* OVER; its partition is `keys` */
    lt_frame frame;           /* OVER */
};

typedef struct {
    lt_catalog *catalog;
    lt_arena *arena;
    lt_expr_builder builder;
    const lt_plan_options *options;
    bool is_query;
    bool in_source; /* translate.c: below a table's watermark */
    bool alone; /* what is looked up is translated: it must not wait for other readers of its tables
                 */
    lt_log **nodes;
    uint32_t node_count, node_cap;
    lt_plan *plan;
    uint32_t plan_cap;
} lt_planner;

/* logical.c */
lt_log *lt_log_new(lt_planner *p, lt_log_kind kind, const lt_schema *schema, lt_log *const *inputs,
                   uint32_t count); /* not interned yet; NULL = out of memory */
lt_status lt_log_intern(lt_planner *p, lt_log *node, lt_log **out, lt_error *err);
lt_status lt_log_calc(lt_planner *p, lt_log *input, lt_expr *condition, lt_expr **exprs,
                      const lt_schema *schema, lt_log **out, lt_error *err);
lt_status lt_log_identity(lt_planner *p, const lt_schema *schema, lt_expr ***out,
                          lt_error *err); /* column references */
bool lt_calc_is_identity(const lt_log *calc);
lt_status lt_plan_and(lt_planner *p, lt_expr *a, lt_expr *b, lt_expr **out,
                      lt_error *err); /* either may be NULL */

/* translate.c */
lt_status lt_plan_translate(lt_planner *p, lt_rel *rel, lt_log **out, lt_error *err);

/* Grouping sets: rel's over another input with rel's input columns; schema: input columns, keys,
 * the set's number. */
lt_status lt_log_expand(lt_planner *p, const lt_rel *rel, lt_log *input, const lt_schema *schema,
                        lt_log **out, lt_error *err);

/* rules_window.c: AGGREGATE over windowed rows. *out NULL when it is an ordinary group aggregate.
 */
lt_status lt_rule_window_agg(lt_planner *p, lt_rel *agg, lt_log **out, lt_error *err);
/* rules_topn.c: FILTER on a ROW_NUMBER. *out NULL when the pattern is not there. */
lt_status lt_rule_topn(lt_planner *p, lt_rel *filter, lt_log **out, lt_error *err);

/* A view that has the last row of each key in event time,
 *
 *   SELECT .. FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) AS rn ..)
 *   WHERE rn = 1
 *
 * is a versioned table with the primary key k and the time ts. Columns of the view; *is false when
 * it is something else, or when k or ts do not come out. Its changes come from an lt_op_keep with
 * LT_KEEP_LAST_EVENT, if its input is insert-only, with the plan's upsert key k. */
typedef struct {
    const uint32_t *keys;
    uint32_t key_count;
    uint32_t time_col;
} lt_versioned;
lt_status lt_rule_versioned(lt_planner *p, lt_rel *rel, lt_versioned *out, bool *is, lt_error *err);
/* rules_over.c: aggregates with OVER; a ROW_NUMBER that is no Top-N. */
lt_status lt_rule_over(lt_planner *p, lt_rel *over, lt_log **out, lt_error *err);
/* FILTER on a RANK or DENSE_RANK: refused. */
lt_status lt_rule_over_filter(lt_planner *p, lt_rel *filter, lt_error *err);
/* What comes out of a physical one, and which operator it is. */
lt_status lt_plan_infer_over(lt_planner *p, lt_plan_node *node, lt_error *err);

/* ORDER BY, with or without LIMIT. */
lt_status lt_rule_sort(lt_planner *p, lt_rel *sort, lt_log **out, lt_error *err);

/* rules_join.c: a JOIN with the conditions of a WHERE around it (over its output; NULL = none). */
lt_status lt_rule_join(lt_planner *p, lt_rel *join, lt_expr *where, lt_log **out, lt_error *err);
/* FILTER above a JOIN, through renaming projections. *out NULL when it is something else. */
lt_status lt_rule_join_filter(lt_planner *p, lt_rel *filter, lt_log **out, lt_error *err);

/* A chain of projections and filters seen from its bottom: what each column on top is in terms of
 * the bottom's output. */
typedef struct {
    lt_rel *bottom;
    lt_expr **exprs;    /* one per column of the top */
    lt_expr *condition; /* all filters of the chain, over the bottom's output; NULL = none */
} lt_chain;
/* Follows PROJECT and FILTER nodes down from `top` until a node of another kind. */
lt_status lt_chain_collapse(lt_planner *p, lt_rel *top, lt_chain *out, lt_error *err);

/* normalize.c: kinds that a text such as I,UB,UA,D lists (+I always); kinds that a source declares.
 */
uint8_t lt_plan_kinds_of(lt_str text);
uint8_t lt_plan_source_kinds(const lt_table_def *table, const lt_options *options);
/* Puts a NORMALIZE over a translated table (rel: its scan, or its watermark) if it needs one. */
lt_status lt_plan_normalize(lt_planner *p, const lt_rel *rel, lt_log **node, lt_error *err);
/* A CALC with a condition over a NORMALIZE that nobody else reads: the condition goes into it, and
 * below it as far as it is on the key. */
lt_status lt_plan_push_condition(lt_planner *p, lt_log *calc, lt_log **out, lt_error *err);

/* merge.c, prune.c, emit.c, changelog.c */
lt_status lt_plan_merge(lt_planner *p, lt_log *node, lt_log **out, lt_error *err);
lt_status lt_plan_prune(lt_planner *p, lt_log *const *roots, uint32_t count, lt_error *err);
lt_status lt_plan_emit(lt_planner *p, lt_log *root, lt_error *err);
lt_status lt_plan_changelog(lt_planner *p, lt_error *err);
/* table.exec.state.ttl; 0 = never. */
int64_t lt_plan_ttl_ms(const lt_planner *p);
/* before.c: which edges carry -U rows, and the nodes that follow from it. */
lt_status lt_plan_before(lt_planner *p, lt_error *err);
uint8_t lt_plan_sink_kinds(const lt_plan_node *sink);
/* repeatable.c: what is not the same each time, over rows that are taken away. */
lt_status lt_plan_repeatable(lt_planner *p, lt_error *err);
/* rules_local.c: aggregates in two phases, where options->local_agg_lanes says so. */
lt_status lt_plan_local(lt_planner *p, lt_error *err);
/* spread.c: tasks and exchanges. */
lt_status lt_plan_spread(lt_planner *p, lt_error *err);
/* Determinism as several lanes leave it. */
lt_status lt_plan_order(lt_planner *p, lt_error *err);
/* rank.c: which operator a physical Top-N becomes, and what it gives out. */
lt_status lt_plan_infer_rank(lt_planner *p, lt_plan_node *node, lt_error *err);
/* LIMIT over rows that may be taken away. */
lt_status lt_plan_infer_limit(lt_planner *p, lt_plan_node *node, lt_error *err);
/* rank.c: two rows of a partition of this Top-N never stand equal in its order. */
bool lt_plan_rank_has_no_ties(const lt_plan_node *node, const lt_plan_node *in);
/* rules_over.c: what is left of an OVER aggregate's determinism when rows of different keys come in
 * any order. */
lt_determinism lt_plan_over_mixed(const lt_plan_node *node, const lt_plan_node *in);
bool lt_plan_aggs_need_order(lt_agg *const *aggs, uint32_t count); /* changelog.c */
/* sign.c: signatures of nodes that keep something over a restart. */
lt_status lt_plan_sign(lt_planner *p, lt_error *err);
