/* Session windows: which session each row belongs to, when sessions merge, and when they are over.
 * Used by the session aggregate and by SESSION as a table function; each says through
 * lt_session_class what a session holds.
 *
 *   keys      key -> list of its open sessions (start, end, number), by start
 *   sessions  number -> lt_session, then what the user keeps
 *   timers    (watermark that closes it, number)
 *
 * Numbers are given in order of creation, so results do not depend on hashing; their low bits are
 * the key group, by which sessions move when the parallelism changes. A timer may be
 * early: a session that grew keeps its old one, and is put off when it comes due. */
#pragma once

#include <stddef.h>

#include "op/window_math.h"

#define LT_SESSIONS_DUE_MAX 256

/* The head of a session's record. */
typedef struct {
    int64_t id;    /* number << LT_GROUP_NUMBER_BITS | key group */
    int64_t start; /* local; see window_math.h */
    int64_t end;
    int64_t timer; /* where its timer stands */
    int64_t held;  /* input rows in it */
    int64_t rows;  /* rows added minus rows taken away */
    lt_cell key;   /* encoded */
} lt_session_head;

typedef struct lt_sessions lt_sessions;

typedef struct {
    /* Evaluates what is needed of the batch; takes refused rows off the list (see
     * lt_op_errors_reject, which also tells what to return). */
    lt_status (*prepare)(lt_sessions *s, lt_batch *in, uint32_t *rows, uint32_t *count, bool refuse,
                         lt_error *err);
    /* Adds rows[i] to heads[i]. */
    lt_status (*add)(lt_sessions *s, lt_session_head *const *heads, const uint32_t *rows,
                     uint32_t count, lt_error *err);
    /* dst takes over what src holds. */
    lt_status (*merge)(lt_sessions *s, lt_session_head *dst, lt_session_head *src, lt_error *err);
    /* Writes results of s->due[s->due_at ..] into s->box, advancing due_at; LT_FULL as usual. */
    lt_status (*emit)(lt_sessions *s, lt_emit *out, lt_error *err);
    /* Before a session that was emitted is removed; may be NULL. */
    lt_status (*forget)(lt_sessions *s, lt_session_head *head, lt_error *err);
} lt_session_class;

struct lt_sessions {
    lt_op *op;
    const lt_session_class *cls;
    lt_window_math math;
    const uint32_t *key_cols;
    uint32_t key_count;
    const lt_type **key_types;
    lt_rowcodec *key_codec;
    lt_rowcodec *id_codec;
    lt_table *keys;
    lt_table *table;
    lt_timers *timers;
    int64_t next_id; /* saved */
    lt_outbox box;
    lt_arena *chunk;
    int64_t unsent; /* a watermark passed but not sent on; LT_WATERMARK_MIN = none */
    /* Rows placed but not added yet; in scratch. */
    lt_session_head **add_heads;
    uint32_t *add_rows;
    uint32_t add_count;
    /* Cursor: only set while a callback has not finished. */
    lt_batch *pending;
    uint32_t row_at;
    uint32_t rows_end;
    uint32_t mark_at;
    uint32_t marks_end;
    bool checked;
    lt_status refused;
    lt_error refused_why;
    lt_session_head *due[LT_SESSIONS_DUE_MAX];
    uint32_t due_count;
    uint32_t due_at;
};

typedef struct {
    const lt_session_class *cls;
    const lt_window *window;
    const uint32_t *key_cols;
    uint32_t key_count;
    uint32_t record_size;         /* lt_session_head included */
    const uint32_t *cell_offsets; /* lt_session_head.key included */
    uint32_t cell_count;
} lt_sessions_spec;

/* Of everything that is kept by session numbers: lt_table_decl. */
LT_INLINE uint32_t lt_sessions_group_fields(uint32_t key_count)
{
    return key_count > 0 ? LT_GROUP_NUMBER : 0;
}

lt_status lt_sessions_open(lt_sessions *s, lt_op *op, const lt_sessions_spec *spec, lt_error *err);
void lt_sessions_close(lt_sessions *s);
lt_status lt_sessions_on_batch(lt_sessions *s, lt_batch *in, lt_emit *out, lt_error *err);
lt_status lt_sessions_on_timer(lt_sessions *s, lt_emit *out, lt_error *err);
lt_status lt_sessions_resume(lt_sessions *s, lt_emit *out, lt_error *err);
