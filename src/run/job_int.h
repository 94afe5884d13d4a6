/* Private to src/run: the runtime structures.
 *
 *   plan node ──> one or several tasks (lt_node), each on a lane; a lane is stepped by one thread
 *   task ──edge──> channels: one bounded ring from each producing task to each consuming task
 *   input = the channels that carry one input of the operator; clock = what has a watermark */
#pragma once

#include <stdatomic.h>

#include "base/array.h"
#include "base/hash.h"
#include "connector/connector.h"
#include "op/watermark.h"
#include "os/thread.h"
#include "run/job.h"
#include "state/checkpoint.h"
#include "state/spill.h"

typedef enum {
    LT_MSG_BATCH, /* after IDLE it says that its sender is active again */
    LT_MSG_IDLE,
    LT_MSG_NEXT,    /* a numbered block ends (sequenced channels) */
    LT_MSG_END,     /* no rows will follow; barriers may */
    LT_MSG_BARRIER, /* number = checkpoint id */
    LT_MSG_NONE
} lt_msg_kind;

typedef struct {
    lt_msg_kind kind;
    lt_batch *batch; /* LT_MSG_BATCH; the ring owns the reference */
    uint64_t number; /* sequenced channels: block; barriers: checkpoint */
} lt_msg;

#define LT_NODE_SCALARS_MAX 8
#define LT_LANES_MAX        LT_KEY_GROUPS /* further ones would get no keys */

#define LT_RING_SLOTS 16 /* power of two, at least 2 * LT_EMIT_SLOTS + 2 */

/* Bounded single-producer single-consumer ring. Each side's index is on a cache line of its own. */
typedef struct {
    LT_ALIGNED(64) _Atomic uint32_t head; /* next to take; written by the consumer */
    LT_ALIGNED(64) _Atomic uint32_t tail; /* next to fill; written by the producer */
    uint32_t cap;                         /* slots in use: fewer in the simulator */
    lt_msg slots[LT_RING_SLOTS];
} lt_ring;

typedef struct lt_node lt_node;
typedef struct lt_lane lt_lane;
typedef struct lt_sequence lt_sequence;

typedef struct {
    lt_ring ring;
    lt_node *producer;
    lt_node *consumer;
    uint32_t input_no;
    uint32_t clock;
    bool ended;
    bool barred; /* its barrier was taken: nothing more until all channels are */
} lt_channel;

/* One input of the operator. */
typedef struct {
    uint32_t first; /* channel */
    uint32_t count;
    lt_sequence *sequence; /* channels carry numbered blocks: taken in their order */
    _Atomic uint64_t next_block;
} lt_input;

/* Something whose event time moves on its own: an input in block order, or a channel. */
typedef struct {
    int64_t watermark;
    uint32_t open; /* channels that have not ended */
    bool idle;
    bool timeless; /* of what is looked up: has no say in the merged time */
} lt_clock;

/* Where a node's output goes: the channels of one input of one consumer. */
typedef struct {
    const lt_exchange *exchange;
    lt_channel **targets;
    uint32_t target_count;
    lt_rowcodec *codec; /* LT_EXCHANGE_HASH over several targets */
} lt_edge;

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

/* Batches given out since the last checkpoint (record.c). */
typedef struct {
    lt_text bytes;
    uint64_t start;    /* the source's bytes at the last checkpoint */
    uint64_t position; /* of the last batch, from there */
    int64_t clock_us;
} lt_replay_record;

typedef struct {
    uint64_t position;
    int64_t clock_us;
} lt_replay_clock;

/* What a task hands over at its barrier. */
typedef struct {
    lt_text record; /* sources */
    lt_text scalars;
    lt_text syncs; /* paths that must be durable, each with its NUL */
    lt_state_snap *snap;
} lt_node_part;

#define LT_SEQUENCE_WINDOW 1024 /* blocks under way at most; power of two */

/* A source read by several lanes: numbered blocks, and whose they are. */
struct lt_sequence {
    lt_job *job;
    lt_mutex *lock;     /* claim, position, idleness */
    lt_node *reader;    /* task 0 of the source: owns the connector's source */
    lt_node **tasks;    /* all of them */
    lt_input **readers; /* inputs of consumers that take blocks in order */
    uint32_t reader_count;
    bool has_watermarks;
    _Atomic uint64_t claimed; /* blocks handed out; owner[] of each is set before */
    _Atomic uint64_t turn;    /* the block whose rows get their watermarks now */
    _Atomic bool ended;       /* no further block will come */
    _Atomic uint8_t owner[LT_SEQUENCE_WINDOW]; /* task of a block */
    int64_t before[LT_SEQUENCE_WINDOW];        /* watermark before a block; written in turn */
    int64_t clock;                             /* running watermark; whose turn it is has it */
    lt_watermark_clock newest;                 /* as clock */
    int64_t advanced_ns;                       /* scan.watermark.idle-advance: last reading */
    bool idle;
    int64_t last_row_ns;
    uint64_t cut_id;    /* checkpoint whose cut was made last */
    uint64_t cut;       /* first block behind it */
    uint64_t cut_bytes; /* read until then */
    bool cut_ended;     /* the input's end was met before it */
    lt_text position;   /* of the source, at the cut */
};

struct lt_node {
    const lt_plan_node *plan;
    lt_job *job;
    lt_lane *lane;
    uint32_t task;       /* which of the plan node's */
    uint32_t task_count; /* of the plan node */
    lt_channel *channels;
    uint32_t channel_count;
    lt_input *inputs;
    uint32_t input_count;
    lt_clock *clocks;
    uint32_t clock_count;
    int64_t scalars[LT_NODE_SCALARS_MAX]; /* of the operator, from the parts of a restore so far */
    lt_edge *edges;
    uint32_t edge_count;
    lt_sequence *sequence; /* this task works on numbered blocks */
    uint64_t block;        /* the one at hand */
    bool has_block;
    lt_node_emit emit;
    lt_node_rejects rejects;
    lt_mem mem;
    lt_batch_pool *pool;
    lt_arena *scratch;                 /* of the exchange */
    uint64_t wakes[LT_LANES_MAX / 64]; /* lanes to be woken, a bit each */
    int64_t watermark;                 /* merged over active inputs */
    bool idle;                         /* all inputs idle */
    bool ended;                        /* END came on all inputs */
    bool looks_up;                     /* input 1 goes first .. */
    bool loads;                        /* .. and has not ended: nothing is taken of input 0 */
    bool end_sent;
    uint32_t barred;       /* channels that are */
    uint64_t barrier_done; /* sources: the last one sent */
    lt_node_part part;
    const char *part_name; /* "<signature>/<task>"; NULL without checkpoints */
    bool failed;           /* runs no more */
    bool opened;
    uint64_t rows_out;
    int64_t busy_ns;
    int64_t pause_ns; /* spent in the last barrier */
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
    lt_source *source;   /* task 0 only */
    lt_source_lane *source_lane;
    lt_source_block *source_block;
    char event_text[160]; /* the source's last event, masked */
    lt_wait wait;
    bool source_ended;
    uint64_t block_bytes; /* the source's bytes when the block at hand was claimed */
    lt_replay_record record;
    LT_ARRAY(lt_replay_clock) clocks_then; /* replay, task 0: ascending by position */
    bool limited;                          /* replay: ends where the run that is repeated was */
    int64_t idle_timeout_ns;
    bool idle_advance;   /* an idle source sends readings of the clock */
    int64_t advanced_ns; /* the last one */
    int64_t last_row_ns;
    int64_t rate_next_ns; /* scan.rate-limit: when the next rows may come */
    int64_t rate_per_s;   /* 0 = no limit */
    int align_group;      /* scan.watermark.alignment: -1 = none */
    lt_ledger ledger;     /* of sources and sinks */
    uint32_t values_next;
    /* sink */
    lt_sink *sink;
    int64_t sink_wake_ns;
    lt_batch *sink_pending; /* LT_FULL was answered for it */
    bool sink_finished;
    _Atomic uint64_t sink_committed; /* checkpoint */
    lt_rowcodec *hash_codec;
    uint64_t hash;  /* of all rows written, whatever their order */
    uint64_t chain; /* of `hash` at every checkpoint so far */
};

struct lt_lane {
    lt_job *job;
    uint32_t no;
    lt_node **nodes; /* in order of the plan */
    uint32_t node_count;
    lt_waker *waker;
    lt_thread *thread;
    lt_mutex *busy;         /* held by its thread during a step */
    lt_mutex *gate;         /* held by who wants to look between two steps .. */
    _Atomic bool looked_at; /* .. and has said so */
};

/* Sources that must not run away from each other. */
typedef struct {
    lt_str name;
    int64_t drift_ms;
    _Atomic int64_t *watermarks; /* by plan id; LT_WATERMARK_MAX = has no say */
} lt_align_group;

#define LT_ALIGN_GROUPS_MAX 16

struct lt_ckpt_run; /* checkpoint.c */

struct lt_job {
    const lt_plan *plan;
    lt_job_options options;
    char *name;
    lt_env *env;
    lt_mem mem;
    lt_arena *arena;
    lt_node *nodes; /* all tasks, in order of the plan */
    uint32_t node_count;
    uint32_t *first;        /* per plan id: its first task in nodes[] */
    lt_sequence *sequences; /* per plan id; those of sources spread over blocks are in use */
    lt_lane *lanes;
    uint32_t lane_count;
    uint32_t lane_next; /* to be stepped */
    lt_job_state state;
    lt_mutex *lock; /* error, rejects */
    lt_error error;
    _Atomic bool failing; /* a task has failed; what lies behind it is being finished */
    _Atomic bool halted;  /* threads are to end */
    bool running;         /* threads are there; changes only while none is */
    bool may_run;         /* threads are wanted and were not ended for good */
    lt_thread *ckpt_thread;
    lt_waker *ckpt_waker;
    _Atomic bool stopping;
    _Atomic uint32_t
        loads_left; /* tasks that still read what they look up: no barriers until then */
    _Atomic bool draining;
    _Atomic uint32_t sinks_left;
    _Atomic int64_t event_max;
    uint64_t random; /* buggify */
    lt_masks masks;  /* not to be shown */
    lt_align_group align[LT_ALIGN_GROUPS_MAX];
    uint32_t align_count;
    struct lt_ckpt_run *ckpt; /* NULL = no checkpoints */
    lt_spill *spill;          /* NULL = all state stays in memory */
    /* collected results of a query: single producer, single consumer */
    lt_batch **collected;
    _Atomic uint32_t collected_head, collected_tail;
    uint32_t collected_cap;
    /* rejects */
    lt_file *rejects_file;
    lt_text reject_line;
    _Atomic uint64_t rejects_by_stage[LT_STAGE_COUNT];
    _Atomic uint64_t rejected;
    char last_reject[240];
};

/* ---- channel.c ---- */
/* The watermark as it goes out: some operators hold it back, but for the first and the last. */
LT_INLINE int64_t lt_node_mark_out(const lt_node *node)
{
    int64_t hold = node->op->hold_ms;
    bool fixed = node->watermark == LT_WATERMARK_MAX || node->watermark < LT_WATERMARK_MIN + hold;
    return fixed ? node->watermark : node->watermark - hold;
}
LT_INLINE uint32_t lt_ring_count(const lt_ring *ring)
{
    return atomic_load_explicit(&ring->tail, memory_order_acquire) -
           atomic_load_explicit(&ring->head, memory_order_acquire);
}
LT_INLINE uint32_t lt_ring_room(const lt_ring *ring)
{
    return ring->cap - lt_ring_count(ring);
}
/* The message at the head; .kind LT_MSG_NONE when there is none. */
LT_INLINE lt_msg lt_ring_peek(const lt_ring *ring)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (atomic_load_explicit(&ring->tail, memory_order_acquire) == head) {
        return (lt_msg){LT_MSG_NONE, NULL, 0};
    }
    return ring->slots[head % LT_RING_SLOTS];
}
void lt_channel_pop(lt_channel *channel); /* wakes the producer's lane if it may have waited */
void lt_node_emit_init(lt_node *node);
uint32_t lt_node_room(const lt_node *node); /* messages that fit at every consumer */
/* To every consumer; room was checked. Takes the batch over, also on errors. */
lt_status lt_node_send(lt_node *node, lt_msg msg, lt_error *err);
/* The lane is to be woken after the node's turn; its own is awake. */
void lt_node_wants_awake(lt_node *node, const lt_lane *lane);
void lt_node_wake(lt_node *node); /* after a turn: wakes the lanes that are wanted */
lt_status lt_node_send_mark(lt_node *node, int64_t watermark, lt_error *err);

/* Results that nobody took yet hold a query's last node up; only a query has a collector. */
LT_INLINE uint32_t lt_collected(const lt_job *job)
{
    return atomic_load_explicit(&job->collected_tail, memory_order_acquire) -
           atomic_load_explicit(&job->collected_head, memory_order_acquire);
}
LT_INLINE bool lt_collector_is_full(const lt_job *job)
{
    return job->plan->is_query && lt_collected(job) >= job->collected_cap;
}

/* layout.c: tasks, lanes, channels of a plan. */
lt_status lt_job_layout(lt_job *job, lt_error *err);
LT_INLINE lt_node *lt_job_task(const lt_job *job, uint32_t plan_id, uint32_t task)
{
    return &job->nodes[job->first[plan_id] + task];
}

#define LT_WAIT_FILES_MAX 64

typedef struct {
    int64_t deadline; /* monotonic ns */
    lt_file *files[LT_WAIT_FILES_MAX];
    size_t file_count;
} lt_wait_set;

/* lane.c: one message for one of the lane's tasks; LT_AGAIN = none can run. Errors were noted. */
lt_status lt_lane_step(lt_lane *lane);
void lt_lane_wait(lt_lane *lane, int64_t max_ns);
void lt_job_mask_error(const lt_job *job, lt_error *err); /* no secrets in what is shown */
void lt_job_fail(lt_job *job, lt_node *node, const lt_error *err);
uint64_t lt_job_random(lt_job *job); /* buggify: 0 when off */
/* Where the simulator puts things off or breaks them off: true one time in so many. */
LT_INLINE bool lt_buggify(lt_job *job, uint32_t one_in)
{
    return job->options.buggify != 0 && lt_job_random(job) % one_in == 0;
}

/* threads.c */
lt_status lt_threads_start(lt_job *job, lt_error *err);
void lt_threads_stop(lt_job *job);
/* Sources stop reading. Not before everything that is looked up was read: rows that wait for it
 * could neither be joined nor be part of a checkpoint. */
LT_INLINE bool lt_job_stops(const lt_job *job)
{
    return atomic_load_explicit(&job->stopping, memory_order_relaxed) &&
           atomic_load_explicit(&job->loads_left, memory_order_acquire) == 0;
}
void lt_lanes_wake(lt_job *job);
/* Between hold and release no lane is in a step: its counters may be read. */
void lt_lanes_hold(const lt_job *job);
void lt_lanes_release(const lt_job *job);
void lt_job_notify(lt_job *job); /* the job's owner and the checkpoints' thread look again */

/* input.c: which message comes next, and what it does to the clocks. */
lt_channel *lt_node_next(lt_node *node); /* NULL = none now */
/* The marks of a batch from one clock as marks of the merged time: *batch is replaced where they
 * differ. Moves the clock on; node->watermark is left to the caller. */
lt_status lt_node_merge_marks(lt_node *node, uint32_t clock, lt_batch **batch, lt_error *err);
int64_t lt_node_merged(const lt_node *node);

/* node.c: an operator node handles one message or resumes. LT_AGAIN = nothing to do. */
lt_status lt_node_run_op(lt_node *node, lt_error *err);
lt_status lt_node_open_op(lt_node *node, lt_error *err);
void lt_node_close_op(lt_node *node);

/* source_node.c, sequence.c */
/* Messages that must fit before a source runs: a batch, a mark, an end. */
#define LT_SOURCE_ROOM 3
lt_status lt_node_open_source(lt_node *node, lt_error *err);
lt_status lt_node_run_source(lt_node *node, lt_error *err);
void lt_node_close_source(lt_node *node);
/* When an idle source that follows the clock is to send its next reading; INT64_MAX = never. */
int64_t lt_source_advance_due(const lt_node *node, bool idle, int64_t advanced_ns);
lt_status lt_source_note_rows(lt_node *node, lt_batch *batch, int64_t now_ns);
int64_t lt_source_held_until(lt_node *node, int64_t now_ns); /* rate limit, alignment; 0 = free */
lt_status lt_sequence_open(lt_node *node, lt_error *err);
lt_status lt_sequence_run(lt_node *node, lt_error *err);
bool lt_sequence_is_turn(const lt_node *node, const lt_msg *msg); /* watermark tasks */
void lt_sequence_pass(lt_node *node, uint64_t block);             /* the block's marks are done */
void lt_sequence_close(lt_sequence *sequence);

/* sink_node.c */
lt_status lt_node_open_sink(lt_node *node, lt_error *err);
lt_status lt_node_run_sink(lt_node *node, lt_error *err);
void lt_node_close_sink(lt_node *node);

/* table_ctx.c: the connector's view of a plan node's table */
lt_status lt_node_table_ctx(lt_node *node, lt_error *err);

/* rejects.c */
void lt_rejects_init(lt_node *node);
void lt_rejects_close(lt_job *job);

/* align.c */
lt_status lt_align_open(lt_node *node, lt_error *err);
bool lt_align_holds(lt_node *node);
void lt_align_note(const lt_node *node); /* the source's watermark has moved */

/* barrier.c: the task's part of a checkpoint, and sending the barrier on. Room was checked. */
lt_status lt_node_barrier(lt_node *node, uint64_t id, lt_error *err);
/* A channel's barrier came; with the last channel's the task's part is taken. */
lt_status lt_node_take_barrier(lt_node *node, lt_channel *channel, uint64_t id, lt_error *err);

/* checkpoint.c */
lt_status lt_ckpt_open(lt_job *job, lt_error *err); /* before the first step: restores */
void lt_ckpt_close(lt_job *job);
lt_status lt_ckpt_step(lt_job *job); /* LT_AGAIN = nothing to do now */
int64_t lt_ckpt_deadline(const lt_job *job);
uint64_t lt_ckpt_requested(const lt_job *job); /* the barrier that sources are to send; 0 = none */
uint64_t lt_ckpt_committed(const lt_job *job);
void lt_ckpt_ack(lt_node *node, uint64_t id,
                 const lt_error *failed); /* failed: its part is missing */
bool lt_ckpt_is_full(const lt_job *job);  /* the snapshot under way is to come whole */
bool lt_ckpt_settled(const lt_job *job);  /* ended or stopped: the last checkpoint is done too */
bool lt_ckpt_has_end(const lt_job *job);  /* and it covers all of the output; no threads */
lt_status lt_ckpt_finish(lt_job *job, lt_error *err); /* ended and published: nothing to resume */

/* snapshot.c: a task's scalars; in order of fields, little-endian */
lt_status lt_node_save(const lt_node *node, uint64_t checkpoint, lt_text *to, lt_text *syncs,
                       lt_error *err);

typedef enum {
    LT_PART_SAME,  /* of the task with the same number, with as many tasks as now */
    LT_PART_FIRST, /* of the first of another number of tasks */
    LT_PART_MORE   /* of a further one */
} lt_part_fit;

lt_status lt_node_load(lt_node *node, lt_str from, lt_part_fit fit, lt_error *err);

/* What a part says without loading it. */
typedef struct {
    bool source_ended;
    lt_str position; /* sources */
    uint64_t hash;   /* sinks */
    uint64_t chain;
    uint64_t rows_out;
} lt_part_facts;

lt_status lt_part_read(const lt_plan_node *plan, lt_str from, lt_part_facts *out, lt_error *err);

/* record.c */
void lt_record_batch(lt_node *node, uint32_t rows, int64_t clock_us, uint64_t position);
void lt_record_cut(lt_node *node, uint64_t position); /* at the barrier */
lt_status lt_record_write(const lt_node *node, lt_ckpt_writer *writer, lt_error *err);
/* Adds a part's record to what the source's first task knows. */
lt_status lt_record_read(lt_node *node, lt_ckpt_reader *reader, uint32_t part, lt_error *err);
int64_t lt_record_clock(const lt_node *reader, uint64_t position); /* 0 = unknown */

/* replay.c */
lt_status lt_replay_open(lt_job *job, lt_error *err);
bool lt_replay_is_over(const lt_job *job);
lt_status lt_replay_compare(lt_job *job, lt_error *err);
LT_INLINE bool lt_job_replays(const lt_job *job)
{
    return job->options.ckpt.replay != NULL;
}
