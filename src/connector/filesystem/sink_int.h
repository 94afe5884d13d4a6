/* What the files of the filesystem sink share: sink.c (the class, rows to files), sink_files.c (one
 * file, success files), sink_commit.c (checkpoints). */
#pragma once

#include "base/array.h"
#include "base/map.h"
#include "connector/filesystem/filesystem_int.h"

#define LT_FS_NO_ROW     UINT32_MAX
#define LT_FS_NOT_SAVED  UINT64_MAX
#define LT_FS_NAME_BYTES 96 /* room for `.part-<token>-<run>.` and more */

/* A file under its hidden name. */
typedef struct {
    char *hidden; /* whole paths, owned; below lt_fs_sink.path */
    char *visible;
    size_t hidden_size; /* of the memory */
    size_t visible_size;
    int64_t bytes; /* of a file being written: with those still in the buffer */
    uint64_t rows;
    int64_t opened_ns; /* when its first row came; monotonic, may be negative after a restart */
    /* With checkpoints: what somebody else has made durable. */
    int64_t durable;    /* so many bytes, and the name, are; -1 = nothing */
    int64_t listed;     /* bytes it had when save() last asked for it */
    uint64_t listed_in; /* in which checkpoint; 0 = never */
    uint64_t ready_in;  /* closed: the first checkpoint that covers it whole, or LT_FS_NOT_SAVED */
} lt_fs_part;

/* A directory that is being written to. */
typedef struct {
    lt_str dir;    /* escaped, ends with /; empty without partitions; owned, NUL-terminated */
    lt_file *file; /* NULL: no file is open, and part has no names */
    lt_fs_part part;
    lt_text buffer;
    int64_t written_ns;
    uint32_t first_row; /* rows of the batch at hand: a list through lt_fs_sink.next_row */
    uint32_t last_row;
} lt_fs_writer;

/* A partition that has visible data in it, waiting for its success file. */
typedef struct {
    int64_t since_ns;
    char *dir;
    size_t dir_size;
} lt_fs_partition;

typedef struct {
    lt_sink base;
    lt_arena *arena;
    const char *path;
    lt_fs_layout layout;
    const lt_format *format;
    lt_encoder *encoder;
    char prefix[64];
    uint32_t *partition_columns; /* per partition column: index in ctx->schema */
    lt_str default_name;
    LT_ARRAY(lt_fs_writer *) writers;
    LT_ARRAY(lt_fs_part) ready; /* closed, to be renamed by commit(); only with checkpoints */
    LT_ARRAY(lt_fs_partition) partitions;
    lt_map *partition_index; /* dir -> anything */
    lt_text dir;             /* scratch */
    uint32_t *next_row;      /* room for the rows of a batch */
    uint32_t *rows;
    uint32_t row_cap;
    uint64_t token;  /* hash of the owner: marks its hidden files; 0 = no checkpoints */
    uint64_t run[2]; /* random: no run writes over another's files */
    uint64_t file_no;
    int64_t size_max;
    int64_t rollover_ns;
    int64_t inactivity_ns;
    int64_t check_ns;
    int64_t next_check_ns;
    bool success_file;
    int64_t commit_delay_ns;
    lt_str success_name;
    bool broken;          /* a write failed: nothing more is taken */
    bool cleaned;         /* leftovers of an earlier run were looked for */
    bool finished;        /* the input has ended */
    bool done;            /* and everything is visible */
    uint64_t finished_in; /* the first checkpoint that says so, or LT_FS_NOT_SAVED */
    uint64_t committed;   /* what the commit marker found by load() says */
} lt_fs_sink;

LT_INLINE int64_t lt_fs_now_ns(const lt_fs_sink *self)
{
    return self->base.ctx->env->mono_ns(self->base.ctx->env);
}

LT_INLINE lt_mem *lt_fs_mem(const lt_fs_sink *self)
{
    return self->base.ctx->mem;
}

/* ---- sink_files.c ---- */

lt_fs_writer *lt_fs_writer_new(lt_fs_sink *self, lt_str dir); /* NULL = out of memory */
/* Without checkpoints an unfinished file is removed, with them it stays for load(). */
void lt_fs_writer_free(lt_fs_sink *self, lt_fs_writer *w);
/* Hands the buffer to the system. After an error the sink must be broken (lt_fs_broken). */
lt_status lt_fs_writer_out(lt_fs_sink *self, lt_fs_writer *w, lt_error *err);
/* Closes the file: visible at once, or with checkpoints ready for the next save(). */
lt_status lt_fs_writer_roll(lt_fs_sink *self, lt_fs_writer *w, lt_error *err);
/* Closes the files that have reached their age or were silent long enough. */
lt_status lt_fs_roll_due(lt_fs_sink *self, lt_error *err);
/* Opens and removes a file at the top: can it be written to? */
lt_status lt_fs_probe(lt_fs_sink *self, lt_error *err);
/* Stops the sink; says what the failure costs. Gives st. */
lt_status lt_fs_broken(lt_fs_sink *self, lt_status st, lt_error *err);
lt_status lt_fs_refuse_broken(const lt_fs_sink *self, lt_error *err);
void lt_fs_part_free(lt_fs_sink *self, lt_fs_part *part);
/* Data in this directory became visible; the first row came at since_ns. */
lt_status lt_fs_note_partition(lt_fs_sink *self, lt_str dir, int64_t since_ns, lt_error *err);
/* Writes success files of partitions that have waited long enough, or of all. */
lt_status lt_fs_commit_partitions(lt_fs_sink *self, bool all, lt_error *err);

/* ---- sink_commit.c ---- */

/* Before the first file: removes hidden files that an earlier run of this owner left, unless load()
 * did. Does nothing without checkpoints. */
lt_status lt_fs_clean(lt_fs_sink *self, lt_error *err);
lt_status lt_fs_save(lt_sink *sink, uint64_t checkpoint, lt_text *to, lt_text *syncs,
                     lt_error *err);
lt_status lt_fs_commit(lt_sink *sink, uint64_t checkpoint, lt_error *err);
lt_status lt_fs_load(lt_sink *sink, lt_str from, lt_error *err);
/* Removes the commit marker. */
void lt_fs_forget_marker(lt_fs_sink *self);
