/* Private to src/run: the runtime structures. */
#pragma once

#include "connector/connector.h"
#include "run/job.h"

/* A batch after IDLE says that its sender is active again. */
typedef enum { LT_MSG_BATCH, LT_MSG_IDLE, LT_MSG_END } lt_msg_kind;

typedef struct {
    lt_msg_kind kind;
    lt_batch *batch; /* LT_MSG_BATCH; the ring owns the reference */
} lt_msg;

#define LT_RING_SLOTS 8 /* power of two, at least 2 * LT_EMIT_SLOTS */

/* Bounded single-producer single-consumer ring. */
typedef struct {
    uint32_t head; /* next to take */
    uint32_t tail; /* next to fill */
    lt_msg slots[LT_RING_SLOTS];
} lt_ring;

typedef struct {
    uint32_t node;
    uint32_t input_no;
} lt_edge;

typedef struct {
    lt_ring ring;
    int64_t watermark;
    bool idle;
    bool ended;
} lt_input;

typedef struct lt_node lt_node;

/* The emit that an operator sees: fans out to every consumer. */
typedef struct {
    lt_emit emit;
    lt_node *node;
} lt_node_emit;

/* Counts, keeps and judges refused rows of one table or operator. */
typedef struct {
    lt_reject_sink sink;
    lt_job *job;
    lt_node *node;
    lt_str table; /* of the source whose policy counts; empty = none */
    enum { LT_POLICY_FAIL, LT_POLICY_SKIP, LT_POLICY_REJECT } policy;
} lt_node_rejects;

struct lt_node {
    const lt_plan_node *plan;
    lt_job *job;
    lt_input *inputs;
    uint32_t input_count;
    lt_edge *consumers;
    uint32_t consumer_count;
    lt_node_emit emit;
    lt_node_rejects rejects;
    lt_mem mem;
    lt_batch_pool *pool;
    int64_t watermark; /* merged over active inputs */
    bool idle;         /* all inputs idle */
    bool ended;        /* END came on all inputs */
    bool end_sent;
    uint64_t rows_out;
    /* operator */
    lt_op *op;
    bool must_resume; /* LT_FULL was answered; on_batch may not be called */
    /* the batch being cut at its marks (LT_MARKS_SPLIT), and where we are */
    lt_batch *cut;
    uint32_t cut_input;
    uint32_t cut_row;
    uint32_t cut_mark;
    bool mark_pending; /* node->watermark was not sent on yet (LT_MARKS_SPLIT) */
    bool fire_pending; /* on_watermark answered LT_FULL */
    /* source */
    lt_table_ctx *ctx;
    lt_options resolved; /* options with ${..} replaced */
    lt_source *source;
    char event_text[160]; /* the source's last event, masked */
    lt_wait wait;
    bool source_ended;
    int64_t idle_timeout_ns;
    int64_t last_row_ns;
    lt_ledger ledger; /* of sources and sinks */
    uint32_t values_next;
    /* sink */
    lt_sink *sink;
    int64_t sink_wake_ns;
    lt_batch *sink_pending; /* LT_FULL was answered for it */
    bool sink_finished;
};

struct lt_job {
    const lt_plan *plan;
    lt_job_options options;
    char *name;
    lt_env *env;
    lt_mem mem;
    lt_arena *arena;
    lt_node *nodes; /* by plan id */
    lt_job_state state;
    lt_error error;
    bool failing; /* a node has failed; what lies behind it is being finished */
    uint32_t failed_node;
    bool stopping;
    bool draining;
    int64_t event_max;
    lt_masks masks; /* not to be shown */
    /* collected results of a query */
    lt_batch **collected;
    uint32_t collected_head, collected_count, collected_cap;
    /* rejects */
    lt_file *rejects_file;
    lt_text reject_line;
    uint64_t rejects_by_stage[LT_STAGE_COUNT];
    uint64_t rejected;
    char last_reject[240];
};

/* ring.c */
LT_INLINE uint32_t lt_ring_count(const lt_ring *ring)
{
    return ring->tail - ring->head;
}
LT_INLINE uint32_t lt_ring_room(const lt_ring *ring)
{
    return LT_RING_SLOTS - lt_ring_count(ring);
}

/* Results that nobody took yet hold a query's last node up; only a query has a collector. */
LT_INLINE bool lt_collector_is_full(const lt_job *job)
{
    return job->plan->is_query && job->collected_count == job->collected_cap;
}

/* emit.c */
void lt_node_emit_init(lt_node *node);
uint32_t lt_node_room(const lt_node *node);   /* batches that fit at every consumer */
void lt_node_send(lt_node *node, lt_msg msg); /* room was checked */

/* node.c: an operator node handles one message or resumes. LT_AGAIN = nothing to do. */
lt_status lt_node_run_op(lt_node *node, lt_error *err);
lt_status lt_node_open_op(lt_node *node, lt_error *err);
void lt_node_close_op(lt_node *node);

/* source_node.c */
lt_status lt_node_open_source(lt_node *node, lt_error *err);
lt_status lt_node_run_source(lt_node *node, lt_error *err);
void lt_node_close_source(lt_node *node);

/* sink_node.c */
lt_status lt_node_open_sink(lt_node *node, lt_error *err);
lt_status lt_node_run_sink(lt_node *node, lt_error *err);
void lt_node_close_sink(lt_node *node);

/* table_ctx.c: the connector's view of a plan node's table */
lt_status lt_node_table_ctx(lt_node *node, lt_error *err);

/* rejects.c */
void lt_rejects_init(lt_node *node);
void lt_rejects_close(lt_job *job);
