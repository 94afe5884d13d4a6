/* Shared by checkpoint.c, which makes checkpoints, and restore.c, which starts from them. */
#pragma once

#include "run/job_int.h"

typedef enum { CKPT_IDLE, CKPT_BARRIERS, CKPT_WRITING } lt_ckpt_phase;

/* Only the thread that steps checkpoints touches what is neither atomic nor under the lock. */
typedef struct lt_ckpt_run {
    const lt_ckpt_settings *settings;
    lt_ckpt_store *store;
    lt_text plan; /* signatures, one a line */
    lt_ckpt_phase phase;
    uint64_t id; /* under way */
    _Atomic uint64_t requested;
    _Atomic uint64_t committed;
    _Atomic uint32_t acks;
    _Atomic bool part_failed;
    _Atomic bool full;
    _Atomic int64_t pause_ns; /* longest of the one under way */
    bool is_savepoint;
    bool is_last; /* after it the job ends or stops */
    bool ended;
    _Atomic bool last_done;
    int64_t begun_ns;
    int64_t begun_wall_ms;
    int64_t aligned_ns;
    int64_t next_ns;
    int64_t retry_ns; /* of a last one that failed */
    uint32_t failed_in_row;
    lt_ckpt_reader *target; /* replay: what is to come out */
    lt_ckpt_writer *writer;
    uint32_t part; /* task being written */
    bool part_begun;
    lt_mutex *lock; /* what follows */
    lt_ckpt_stats stats;
    bool asked;
    bool savepoint_asked;
    char savepoint_dir[240];
} lt_ckpt_run;

/* Does a part of this name, "<signature>/<task>", belong to the signature? */
bool lt_part_is_of(const char *name, lt_str signature);
/* A line for people, where somebody listens. */
void lt_ckpt_say(const lt_job *job, const char *line);

/* Loads every task; the checkpoint must fit the plan. */
lt_status lt_ckpt_restore(lt_job *job, lt_ckpt_reader *reader, lt_error *err);

/* Ends the snapshots of all tasks. */
void lt_ckpt_drop_parts(lt_job *job, bool committed);
