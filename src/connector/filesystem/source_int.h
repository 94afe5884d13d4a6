/* What the files of the file source share: source.c (life, rows, positions), follow.c (which files
 * there are and what became of them), claim.c (bytes in blocks), lane.c (blocks to rows).
 *
 *   files -> claim: numbered blocks of whole records -> lanes -> rows
 *
 * Everything in fs_source is touched by whoever claims (one at a time). A lane touches its own
 * struct, the block it was given, and of fs_source only what does not change after open: layout,
 * extras and ctx. poll() is a claim and a lane of its own in turn. */
#pragma once

#include <stdatomic.h>

#include "connector/filesystem/files.h"
#include "connector/filesystem/filesystem_int.h"
#include "connector/ring.h"

#define LT_FS_PRINT_BYTES 256 /* of a file's start that identify it */
#define LT_FS_HANDLES_MAX 64  /* followed files kept open */
#define LT_FS_NONE        SIZE_MAX
#define LT_FS_RECORD_MAX  (8LL << 20) /* when the format context says 0 */

/* An open file; blocks that are still to be read hold it too. */
typedef struct {
    atomic_uint refs;
    lt_mem *mem;
    lt_env *env;
    lt_file *file;
} fs_handle;

/* Where a block came from: shared by the blocks of one opening of one file. */
typedef struct {
    atomic_uint refs;
    lt_mem *mem;
    size_t size;       /* of this allocation */
    fs_handle *handle; /* a reference */
    lt_fs_facts facts; /* path lies behind this struct, NUL-terminated */
} fs_origin;

typedef struct {
    char *path; /* owned; path_size bytes */
    size_t path_size;
    uint64_t device;
    uint64_t inode;
    int64_t offset;
    bool skipping;  /* offset lies inside a record that was refused */
    uint64_t print; /* hash of the first print_len bytes */
    uint32_t print_len;
    int64_t read_size; /* size and time when the end was last reached; -1 = never */
    int64_t read_mtime_ms;
    bool complete;   /* nothing more will be read */
    bool pending;    /* there is something to read */
    bool rotated;    /* no longer under its name */
    bool last_round; /* rotated, and silent since the scan before: an incomplete last line counts */
    bool seen;       /* by the scan at hand */
    int64_t
        limit; /* fs_source.limited: where the run that is repeated was; INT64_MAX = at the end */
    bool limit_inside;   /* .. in a record that was refused */
    bool limit_complete; /* .. and had met the end */
    bool is_pipe;
    fs_handle *handle;
} fs_entry;

/* Why a file cannot be unpacked further: its last block brings the reject. */
typedef struct {
    const char *code;
    int64_t position; /* packed bytes read */
    lt_error cause;
} fs_trouble;

struct lt_source_block {
    lt_mem *mem;
    uint64_t id;         /* no two of a source have the same */
    fs_origin *origin;   /* a reference */
    lt_buf *buf;         /* a reference; NULL: [base, base + end) of the file is still to be read */
    size_t pos;          /* first byte not decoded */
    size_t end;          /* at most buf->cap */
    int64_t base;        /* stream offset of buf->ptr[0] */
    bool last;           /* its end need not be a record's */
    bool cut_off;        /* the file ended before it */
    fs_trouble *trouble; /* comes behind the rows; NULL = none */
};

/* Bytes of a buffer that become a block. */
typedef struct {
    size_t pos;
    size_t end;
    size_t advance; /* from pos to where the next block begins */
    bool last;
} fs_range;

/* Where to put bytes of a file. */
typedef struct {
    char *to;
    size_t size;
    int64_t offset;
} fs_span;

/* A stream that cannot be read at an offset: what was read and not handed out. */
typedef struct {
    lt_buf *buf;
    size_t pos; /* stands at fs_source.next */
    size_t len;
    bool ended; /* nothing more will come */
} fs_rest;

typedef struct fs_lane fs_lane;

typedef struct {
    lt_source base;
    lt_arena *arena;
    const char *path;
    lt_path_regex *regex;
    lt_file_list list;
    bool bounded;
    bool limited; /* a run is repeated: each file up to its entry's limit, then the end */
    int64_t interval_ns;
    int64_t next_scan_ns;
    bool scan_failing;
    LT_ARRAY(fs_entry) entries;
    size_t handles;
    size_t current;    /* index of the entry being read, or NONE */
    size_t next_entry; /* bounded: where to look on */

    /* ---- the current file ---- */
    fs_origin *origin;
    int64_t next;     /* stream offset of the first byte not handed out */
    bool at_start;    /* a byte order mark and a header line are still to be dropped */
    bool dropping;    /* up to the next line end: a header line, or the rest of a refused record */
    bool drop_quotes; /* that line may hold quoted line ends */
    bool quoted;      /* dropping: inside quotes */
    bool streamed;    /* a pipe, a packed file or one without a size: read in order, through rest */
    fs_rest rest;
    fs_trouble *trouble;
    lt_unpack *unpack;
    int64_t discard; /* unpacked bytes before the position still to be passed over */
    lt_stat stat;    /* of the current file, when last looked at */

    /* ---- blocks ---- */
    const lt_format *format;
    lt_format_ctx fctx;
    char prefix[64];
    lt_ring ring; /* blocks that are read by claim */
    size_t block_bytes;
    uint32_t block_rows; /* for lanes: a block is to hold about so many; 0 = block_bytes is fixed */
    size_t block_min;
    size_t block_max;
    uint64_t block_count;

    /* ---- rows ---- */
    lt_fs_layout layout;
    lt_fs_extra *extras;
    uint32_t extra_count;
    lt_str default_name;
    fs_lane *lane; /* poll's own */
    lt_source_block *block;
    lt_status failed; /* comes after the rows before it */
    lt_error failure;
} fs_source;

LT_PRINTF(2, 3) void lt_fs_note_event(fs_source *self, const char *fmt, ...);

/* ---- follow.c: entries ---- */
void lt_fs_close_handle(fs_source *self, fs_entry *e);
lt_status lt_fs_open_handle(fs_source *self, fs_entry *e, const char *path, lt_error *err);
void lt_fs_entry_deinit(fs_source *self, fs_entry *e);
lt_status lt_fs_entry_set_path(fs_source *self, fs_entry *e, lt_str path, lt_error *err);
lt_status lt_fs_entry_add(fs_source *self, const lt_found *found, lt_error *err);
/* Compares the open file with what is known of it and learns more. *changed: it is another content
 * than the one read so far. */
lt_status lt_fs_identify(fs_source *self, fs_entry *e, bool *changed, lt_error *err);
/* Unbounded: *index = the entry to read from now on; LT_AGAIN with *wait filled. */
lt_status lt_fs_next_followed(fs_source *self, size_t *index, lt_wait *wait, lt_error *err);
void lt_fs_entries_sort(fs_source *self);
/* Opens the file of an entry under whatever name it has now in its directory; e->handle stays
 * NULL when there is none. */
lt_status lt_fs_reopen_by_inode(fs_source *self, fs_entry *e, lt_error *err);

/* ---- source.c: a position's parts ---- */
lt_status lt_fs_get_head(const fs_source *self, lt_pos_reader *reader, lt_error *err);
lt_status lt_fs_get_entry(fs_source *self, lt_pos_reader *reader, fs_entry *e, lt_error *err);

/* ---- limit.c: repeating a run ---- */
lt_status lt_fs_limit(lt_source *src, lt_str position, lt_error *err);
lt_status lt_fs_open_limited(fs_source *self, fs_entry *e, lt_error *err);
/* A file that can be read at an offset, by its size. */
lt_status lt_fs_check_limit(const fs_source *self, const fs_entry *e, lt_error *err);
lt_status lt_fs_refuse_repeat(const fs_entry *e, const char *why, lt_error *err);

/* ---- claim.c ---- */
void lt_fs_handle_unref(fs_handle *handle); /* accepts NULL */
fs_origin *lt_fs_origin_ref(fs_origin *origin);
void lt_fs_origin_unref(fs_origin *origin); /* accepts NULL */
/* All of it, less only at the end of the file. */
lt_status lt_fs_read_at(lt_env *env, lt_file *file, fs_span span, size_t *got, lt_error *err);
lt_status lt_fs_claim(lt_source *src, lt_source_block **out, lt_wait *wait, lt_error *err);
void lt_fs_block_free(lt_source_block *block);
void lt_fs_stop_current(fs_source *self, bool keep_handle);

/* ---- lane.c ---- */
/* For the framework: from now on blocks are as large as lanes like them. */
lt_status lt_fs_lane_new(lt_source *src, const lt_table_ctx *ctx, lt_source_lane **out,
                         lt_error *err);
void lt_fs_lane_free(lt_source_lane *lane); /* accepts NULL */
lt_status lt_fs_decode(lt_source_lane *lane, lt_source_block *block, lt_batch **out, lt_error *err);
/* What decode is made of, for poll. */
lt_status lt_fs_poll_lane_new(fs_source *self, lt_error *err);
lt_batch *lt_fs_batch_new(fs_lane *lane); /* for the columns in the file; NULL = out of memory */
/* Rows of the block into the batch until it is full; LT_END: the block is used up. */
lt_status lt_fs_fill(fs_lane *lane, lt_source_block *block, lt_batch *batch, lt_error *err);
/* Makes of rows from origin's blocks what decode gives. Takes the reference to rows. */
lt_status lt_fs_finish(fs_lane *lane, lt_batch *rows, const fs_origin *origin, lt_batch **out,
                       lt_error *err);
void lt_fs_lane_counts(const fs_lane *lane, lt_source *src);
