/* Operators: const classes over columnar batches. One file per operator. The framework (run) owns
 * queues, watermark merging, snapshots and accounting; an operator owns nothing that outlives a
 * callback but its declared state tables and a few scalars.
 *
 * Time. op->watermark is the operator's merged event-time clock (minimum over its active inputs)
 * before the callback. LT_WATERMARK_MAX is the end of bounded input: fire everything. How a class
 * sees marks is its `marks` policy:
 *
 *   LT_MARKS_PASS   the output is derived from the input batch and carries its marks along
 *                   (filter, projection): the class does nothing about time. It must send the
 *                   marks on even when no row is left.
 *   LT_MARKS_SPLIT  the framework cuts the batch at its marks: on_batch sees segments without
 *                   marks, on_watermark(merged) comes between them, and the framework sends the
 *                   watermark on after it, less op->hold_ms. The simple way.
 *   LT_MARKS_OWN    on_batch sees the whole batch and handles its marks itself, the sending on
 *                   included, and sets op->watermark. Single input only. For operators that have
 *                   a fast path when nothing fires between marks. */
#pragma once

#include "base/status.h"
#include "data/batch.h"
#include "data/reject.h"
#include "expr/expr.h"
#include "state/state.h"

typedef struct lt_op lt_op;
typedef struct lt_op_class lt_op_class;
typedef struct lt_emit lt_emit;

typedef enum { LT_MARKS_PASS, LT_MARKS_SPLIT, LT_MARKS_OWN } lt_marks_policy;

/* Where an operator's output goes. */
struct lt_emit {
    /* Moves the caller's reference on LT_OK and on errors; LT_FULL: the caller keeps it, remembers
     * where it was and returns LT_FULL; resume() is called when there is room. The framework calls
     * on_batch only when at least LT_EMIT_SLOTS batches fit, so an operator that emits no more than
     * that per callback never sees LT_FULL. */
    lt_status (*put)(lt_emit *out, lt_batch *batch, lt_error *err);
};
#define LT_EMIT_SLOTS 2

LT_INLINE lt_status lt_emit_batch(lt_emit *out, lt_batch *batch, lt_error *err)
{
    return out->put(out, batch, err);
}
/* Sends a batch that carries only the mark (0, watermark). */
lt_status lt_emit_watermark(lt_op *op, lt_emit *out, int64_t watermark, lt_error *err);

/* Words of the ledger: in = used + filtered + late + expired + rejected + held, at every operator,
 * always. Counted in input rows. */
typedef struct {
    uint64_t in;       /* counted by the framework: live rows given to on_batch */
    uint64_t used;     /* contributed to what was emitted or kept for good */
    uint64_t filtered; /* condition not TRUE, beyond LIMIT, not in the top N */
    uint64_t late;     /* behind the watermark, dropped */
    uint64_t expired;  /* state TTL */
    uint64_t rejected; /* refused with a reason */
    uint64_t held;     /* in state, not decided yet */
    uint64_t out;      /* counted by the framework: rows emitted (not part of the balance) */
} lt_ledger;

struct lt_op {
    const lt_op_class *cls;
    const void *spec;  /* the class's lt_*_spec from specs.h */
    const char *label; /* for messages: name and ordinal */
    const lt_session *session;
    lt_env *env;
    lt_mem *mem;         /* the operator's account */
    lt_arena *arena;     /* lives as long as the operator */
    lt_arena *scratch;   /* reset by the framework before every callback */
    lt_batch_pool *pool; /* for output batches */
    lt_state *state;
    lt_reject_sink *rejects;
    const lt_schema *const *in_schemas;
    uint32_t in_count;
    const lt_schema *out_schema;
    uint32_t batch_rows;  /* rows per output batch at most */
    int64_t watermark;    /* merged, before this callback; LT_WATERMARK_MIN at first */
    int64_t hold_ms;      /* set in open: watermarks go out so much earlier, except MIN and MAX */
    int64_t wake_mono_ns; /* set by the operator: call on_timer then; INT64_MAX = never */
    lt_ledger ledger;
};

struct lt_op_class {
    const char *name; /* as EXPLAIN shows it */
    size_t self_size; /* the operator's struct begins with lt_op; zeroed */
    lt_marks_policy marks;
    lt_status (*open)(lt_op *op, lt_error *err); /* declares state tables, compiles programs */
    /* `in` is borrowed: take a reference (or derive) to keep it. */
    lt_status (*on_batch)(lt_op *op, int input_no, lt_batch *in, lt_emit *out, lt_error *err);
    lt_status (*resume)(lt_op *op, lt_emit *out,
                        lt_error *err); /* after LT_FULL; NULL only if the class never returns it */
    lt_status (*on_watermark)(lt_op *op, int64_t event_ms, lt_emit *out,
                              lt_error *err); /* NULL: nothing to fire */
    lt_status (*on_timer)(lt_op *op, int64_t mono_ns, lt_emit *out, lt_error *err);
    /* Scalars only, under 4 KiB, little-endian bytes; state tables save themselves. op->watermark
     * and the ledger are saved by the framework. NULL = nothing. */
    lt_status (*save)(const lt_op *op, lt_text *to, lt_error *err);
    lt_status (*load)(lt_op *op, lt_str from, lt_error *err);
    void (*close)(lt_op *op);
    /* For people: the watermark that lets the next of the held rows go; LT_WATERMARK_MAX = unknown.
     * Called between callbacks. NULL = not told. */
    int64_t (*fires_at)(const lt_op *op);
};

/* Registry: every class by its X-macro entry in classes.c. */
extern const lt_op_class lt_op_calc;      /* lt_calc_spec */
extern const lt_op_class lt_op_watermark; /* lt_watermark_spec */
extern const lt_op_class
    lt_op_window_expand; /* lt_window_expand_spec: a windowing table function used alone */
extern const lt_op_class lt_op_expand; /* lt_expand_spec: grouping sets */
extern const lt_op_class
    lt_op_window_agg; /* lt_window_agg_spec: TUMBLE, HOP, CUMULATE and attached windows on slices */
extern const lt_op_class lt_op_local_agg;   /* lt_local_agg_spec; before window_agg or group_agg */
extern const lt_op_class lt_op_session_agg; /* lt_window_agg_spec with LT_WINDOW_SESSION */
extern const lt_op_class lt_op_group_agg;   /* lt_group_agg_spec; also SELECT DISTINCT */
extern const lt_op_class lt_op_unnest;      /* lt_unnest_spec */
extern const lt_op_class lt_op_union;       /* no spec; any number of inputs */
extern const lt_op_class lt_op_join;        /* lt_join_spec; input 0 left, input 1 right */
extern const lt_op_class lt_op_temporal_join; /* lt_temporal_join_spec; inputs as for join */
extern const lt_op_class lt_op_limit;         /* lt_limit_spec */
extern const lt_op_class lt_op_window_topn;   /* lt_window_topn_spec */
extern const lt_op_class lt_op_topn;          /* lt_topn_spec: Top-N outside of windows */
extern const lt_op_class lt_op_keep;          /* lt_keep_spec: one row per key, the best or last */
extern const lt_op_class lt_op_first_rows;    /* lt_first_rows_spec */
extern const lt_op_class lt_op_first_event;   /* lt_first_event_spec */
extern const lt_op_class lt_op_time_sort;     /* lt_time_sort_spec */
extern const lt_op_class lt_op_drop_before;   /* no spec: takes -U rows out */
extern const lt_op_class lt_op_normalize;     /* lt_normalize_spec: of an upsert source */
extern const lt_op_class lt_op_materialize;   /* lt_materialize_spec: before a sink */
extern const lt_op_class lt_op_over;          /* lt_over_spec: in the order of a time attribute */
extern const lt_op_class lt_op_over_sorted;   /* lt_over_spec: in another order */
extern const lt_op_class lt_op_pace;          /* lt_pace_spec: replay in event time */

extern const lt_op_class lt_op_interval_join; /* lt_interval_join_spec */
extern const lt_op_class lt_op_window_join;   /* lt_window_join_spec */
