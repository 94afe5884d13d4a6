/* Checkpoints on disk: which files there are, which can be trusted, which may go.
 *
 *   <dir>/
 *     chk-<id>.manifest     names and hashes everything that checkpoint <id> is made of
 *     blocks-<id>.data      the blocks that were new in checkpoint <id>; later manifests refer to
 *                           those that did not change since
 *     blocks-<id>.<n>.data  the same from the n-th attempt at <id>
 *     *.damaged             what was found damaged, kept for people
 *     finished              present: the job's input ended and all was published
 *   <savepoint>/            a directory of its own in the same form, with nothing referred to
 *                           outside of it
 *
 * A checkpoint is a list of named parts (one per task of an operator, source, sink); a part is a
 * few scalar bytes and a sequence of state blocks with ids (state.h). It counts once its manifest
 * has its final name: data are written and synced first, then the manifest (temporary name, sync,
 * rename, directory sync). What of ours it does not need is removed when the store opens; other
 * files are left alone. The bytes: docs/internals/checkpoint.md. */
#pragma once

#include "base/status.h"
#include "base/str.h"
#include "os/env.h"

typedef struct lt_ckpt_store lt_ckpt_store;
typedef struct lt_ckpt_writer lt_ckpt_writer;
typedef struct lt_ckpt_reader lt_ckpt_reader;

typedef struct {
    uint32_t retain;         /* complete checkpoints kept; at least 1 */
    int compression;         /* zstd level; 0 = none */
    uint32_t data_files_max; /* of earlier checkpoints that a manifest refers to; the oldest one's
                                blocks are written anew beyond; 0 = 16 */
    /* One line for people: a damaged checkpoint was passed over, and why. NULL = nobody listens. */
    void (*say)(void *arg, const char *line);
    void *arg;
} lt_ckpt_options;

/* What the manifest says beside its parts. Texts are opaque to this layer. */
typedef struct {
    uint64_t id; /* ascending from 1 */
    bool savepoint;
    bool ended;          /* all input had ended: only publishing was left */
    int64_t wall_ms;     /* when it was triggered */
    int64_t duration_us; /* until the commit; given to write_begin: what had passed before */
    lt_str job;          /* the job's name */
    lt_str plan;         /* what identifies the plan: operator signatures, one per line */
    lt_str sql;          /* the statements */
    uint32_t parallelism;
    uint32_t part_count;
    int64_t bytes_new; /* stored bytes written for this checkpoint */
    int64_t bytes_all; /* stored bytes that it is made of */
} lt_ckpt_info;

/* Makes the directory when absent, removes what no manifest refers to. */
lt_status lt_ckpt_store_open(lt_env *env, lt_mem *mem, const char *dir,
                             const lt_ckpt_options *options, lt_ckpt_store **out, lt_error *err);
void lt_ckpt_store_close(lt_ckpt_store *store); /* accepts NULL */

/* ---- writing: by one thread; every call may wait for the disk ---- */

/* savepoint_dir NULL: into the store. info: all but the figures; texts are copied. */
lt_status lt_ckpt_write_begin(lt_ckpt_store *store, const lt_ckpt_info *info,
                              const char *savepoint_dir, lt_ckpt_writer **out, lt_error *err);
lt_status lt_ckpt_write_part(lt_ckpt_writer *writer, const char *name, lt_str scalars,
                             lt_error *err); /* begins a part; names are unique */
lt_status lt_ckpt_write_block(lt_ckpt_writer *writer, uint64_t id, const void *bytes, size_t len,
                              lt_error *err);
/* The block of this part and id in the last committed checkpoint. LT_ERR_INTERNAL: there is none.
 * In a savepoint its bytes are copied. */
lt_status lt_ckpt_write_same(lt_ckpt_writer *writer, uint64_t id, lt_error *err);
/* Makes it durable; frees the writer in every case. After LT_OK it is the last committed one (not
 * a savepoint), and what fell out of retention has been removed (an error there is only said). The
 * texts of *out are empty. */
lt_status lt_ckpt_write_commit(lt_ckpt_writer *writer, lt_ckpt_info *out, lt_error *err);
void lt_ckpt_write_abort(lt_ckpt_writer *writer); /* removes what was written; accepts NULL */
/* Must a snapshot come whole? True before the first commit of this process and after a failure. */
bool lt_ckpt_wants_full(const lt_ckpt_store *store);
/* The id for the next checkpoint: larger than any that was ever seen here, damaged ones included.
 * write_begin takes this one or a larger one; that of an aborted checkpoint may be used again. */
uint64_t lt_ckpt_next_id(const lt_ckpt_store *store);

/* Everything was published: the next start begins anew (open_latest finds nothing, the first
 * write_begin clears). */
lt_status lt_ckpt_store_finish(lt_ckpt_store *store, lt_error *err);
bool lt_ckpt_store_finished(const lt_ckpt_store *store);
/* Forgets everything that is there (`--fresh`). */
lt_status lt_ckpt_store_clear(lt_ckpt_store *store, lt_error *err);

/* ---- reading ---- */

/* The newest checkpoint that is whole: every byte of it has been read and agrees with its hash.
 * Damaged ones are passed over with a line to `say`; *out NULL when there is none at all. When
 * there were some and none is whole: LT_ERR_STATE. */
lt_status lt_ckpt_open_latest(lt_ckpt_store *store, lt_ckpt_reader **out, lt_error *err);
/* A savepoint's directory, or a manifest by its path; verified the same way. */
lt_status lt_ckpt_open_path(lt_env *env, lt_mem *mem, const char *path, lt_ckpt_reader **out,
                            lt_error *err);
void lt_ckpt_reader_close(lt_ckpt_reader *reader); /* accepts NULL */
const lt_ckpt_info *lt_ckpt_reader_info(const lt_ckpt_reader *reader);

typedef struct {
    const char *name;
    lt_str scalars;
    uint64_t block_count;
    int64_t bytes; /* of its blocks, unpacked */
} lt_ckpt_part;

bool lt_ckpt_part_at(const lt_ckpt_reader *reader, uint32_t index, lt_ckpt_part *out);
/* Calls fn for every block of the part, in order, unpacked. Parts may be read by several threads
 * at a time. */
lt_status lt_ckpt_read_part(lt_ckpt_reader *reader, uint32_t index,
                            lt_status (*fn)(void *arg, uint64_t id, const uint8_t *bytes,
                                            size_t len, lt_error *err),
                            void *arg, lt_error *err);

/* All checkpoints of a store, newest first, without looking at their data. */
lt_status lt_ckpt_list(lt_env *env, lt_mem *mem, const char *dir,
                       lt_status (*fn)(void *arg, const char *path, const lt_ckpt_info *info),
                       void *arg, lt_error *err);
