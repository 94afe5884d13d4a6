/* Connectors: a const descriptor each (option table, source class, sink class). They know nothing
 * of operators; `run` wraps sources and sinks as operators. Callbacks do not block: a source that
 * has nothing says LT_AGAIN and when or on what to wake it. */
#pragma once

#include "base/option.h"
#include "base/status.h"
#include "connector/mask.h"
#include "data/batch.h"
#include "data/reject.h"
#include "format/format.h"
#include "os/env.h"

/* What a source can do after a restart, what a sink promises. */
typedef enum { LT_SOURCE_REPLAYABLE, LT_SOURCE_ACK, LT_SOURCE_EPHEMERAL } lt_source_guarantee;
typedef enum { LT_SINK_EXACTLY_ONCE, LT_SINK_IDEMPOTENT, LT_SINK_AT_LEAST_ONCE } lt_sink_guarantee;

typedef struct lt_connector lt_connector;
typedef struct lt_source lt_source;
typedef struct lt_sink lt_sink;

/* One declared metadata column that a connector offers. */
typedef struct {
    const char *key;  /* "file.path" */
    const char *type; /* SQL type text, "STRING NOT NULL" */
    bool writable;
} lt_metadata_def;

/* A table as a connector sees it. Everything outlives the source or sink. */
typedef struct {
    lt_mem *mem;
    lt_env *env;
    lt_str table;                   /* full path for messages */
    const lt_schema *schema;        /* source: columns wanted (projected); sink: columns written */
    const lt_schema *record_schema; /* all physical columns of the table, in order */
    const uint32_t *
        record_index; /* per schema column: index in record_schema; UINT32_MAX: a metadata column */
    const char *const *metadata_keys; /* per schema column: the metadata key, or NULL */
    const uint32_t *partition_by;     /* indexes into record_schema */
    uint32_t partition_count;
    lt_options options;  /* ${..} resolved */
    lt_batch_pool *pool; /* sources build their batches here */
    uint32_t batch_rows; /* rows per batch at most (4096; smaller in tests and when pacing) */
    lt_reject_sink *rejects;
    bool inferred;   /* the table's schema was inferred: be lenient, header lines are known */
    bool has_header; /* inferred CSV: the first line of every file is a header */
    struct lt_host_feeds *feeds; /* in-process input (connector/feed/feeds.h); NULL = none */
    bool checkpoints;  /* sinks: publish by commit() alone; false: at roll, flush and finish */
    const char *owner; /* sinks: who writes, stable over restarts ("<job>/<sink>/<task>"), for names
                          of files and transactions; NULL = nobody that could come back */
} lt_table_ctx;

/* What to do when poll gave LT_AGAIN. */
typedef struct {
    int64_t wake_mono_ns; /* INT64_MAX = only on `file` */
    lt_file *file;        /* wait until readable; NULL = none */
} lt_wait;

typedef struct lt_source_block lt_source_block; /* a run of whole records; a connector's own */
typedef struct lt_source_lane lt_source_lane;

typedef struct {
    size_t self_size; /* bytes of the source's own struct, which begins with lt_source */
    lt_source_guarantee guarantee;
    bool (*bounded)(const lt_table_ctx *ctx); /* known at plan time; NULL = unbounded */
    lt_status (*open)(lt_source *src, lt_error *err);
    /* *out = a batch that belongs to the caller (no marks; rows in order of arrival). LT_AGAIN:
     * nothing now, *wait filled. LT_END: no more rows ever. LT_ERR_DATA: after the rows before the
     * bad one were given out. */
    lt_status (*poll)(lt_source *src, lt_batch **out, lt_wait *wait, lt_error *err);
    /* Position after the last batch given out, as bytes (documented, versioned); load is called
     * before the first poll. NULL = no position. */
    lt_status (*save)(const lt_source *src, lt_text *to, lt_error *err);
    lt_status (*load)(lt_source *src, lt_str from, lt_error *err);
    /* Gives out nothing behind this position, which save() gave in another run: LT_END there. For
     * repeating a run; called after load, before the first poll. NULL: cannot be repeated. */
    lt_status (*limit)(lt_source *src, lt_str position, lt_error *err);
    /* Human-readable position for status and start-up lines; NULL = nothing to say. */
    void (*describe)(const lt_source *src, lt_text *to);
    void (*close)(lt_source *src);
    /* ---- reading by several lanes; all of these or none ----
     * The framework calls claim under a lock: it hands out the source's records as numbered blocks,
     * in order. Lanes decode blocks side by side, each with its own lane object; the framework puts
     * the rows back in order. save() then means: behind the last block that was claimed. */
    bool (*can_split)(const lt_table_ctx *ctx); /* with these options; no I/O */
    /* LT_OK: *out belongs to the caller. LT_AGAIN (wait filled), LT_END, errors as poll. */
    lt_status (*claim)(lt_source *src, lt_source_block **out, lt_wait *wait, lt_error *err);
    /* ctx: the lane's own memory account, pool and reject sink. */
    lt_status (*lane_new)(lt_source *src, const lt_table_ctx *ctx, lt_source_lane **out,
                          lt_error *err);
    /* The next rows of the block; LT_END: it is used up (free it). LT_ERR_DATA: after the rows
     * before the bad one were given out. */
    lt_status (*decode)(lt_source_lane *lane, lt_source_block *block, lt_batch **out,
                        lt_error *err);
    void (*block_free)(lt_source_block *block); /* from any lane; accepts NULL */
    void (*lane_free)(lt_source_lane *lane);    /* accepts NULL */
} lt_source_class;

/* First member of a connector's own lane. */
struct lt_source_lane {
    lt_source *src;
    const lt_table_ctx *ctx;
    uint64_t rows; /* decoded by this lane; src->rows and src->rejected stay 0 then */
    uint64_t rejected;
};

struct lt_source {
    const lt_source_class *cls;
    const lt_table_ctx *ctx;
    uint64_t rows;        /* decoded and given out */
    uint64_t rejected;    /* refused before they became rows */
    uint64_t bytes;       /* read */
    uint64_t events;      /* named events such as rotations */
    char event_text[160]; /* the last of them */
};

typedef struct {
    size_t self_size;
    lt_sink_guarantee guarantee;
    uint8_t kinds; /* bit mask of row kinds taken: 1 = inserts only, 0xf = all, 0xd = upserts (+I +U
                      -D: a -U that comes all the same is given as -D) */
    bool immediate; /* output is visible at once and may repeat after a restore (print, stdout) */
    bool upsert_with_key; /* takes upserts when the table has a primary key */
    lt_status (*open)(lt_sink *sink, lt_error *err);
    /* Writes the live rows. LT_FULL: no room now, nothing was taken; call again later. */
    lt_status (*write)(lt_sink *sink, const lt_batch *batch, lt_error *err);
    /* Called between batches so that time-based rolling and flushing happens; *wake = when to call
     * again. NULL = never needed. */
    lt_status (*tick)(lt_sink *sink, int64_t *wake_mono_ns, lt_error *err);
    lt_status (*flush)(
        lt_sink *sink,
        lt_error *err); /* everything written becomes visible where it can; NULL = nothing */
    /* End of input: publish. With ctx->checkpoints: everything written becomes ready for the next
     * save and commit instead. Not called after a failure; close is always called, and with
     * ctx->checkpoints leaves everything where load() finds it. */
    lt_status (*finish)(lt_sink *sink, lt_error *err);
    void (*close)(lt_sink *sink);
    /* ---- exactly-once; all three or none; called when ctx->checkpoints ----
     * At a barrier: hands what is buffered to the system (without waiting for the disk) and appends
     * to `to` what a restart needs. `syncs` gets the paths (NUL-terminated, one after the other)
     * that must be durable before the checkpoint counts: somebody else syncs them. */
    lt_status (*save)(lt_sink *sink, uint64_t checkpoint, lt_text *to, lt_text *syncs,
                      lt_error *err);
    /* The checkpoint is durable: publish what save() noted for it and for earlier ones. */
    lt_status (*commit)(lt_sink *sink, uint64_t checkpoint, lt_error *err);
    /* After open, before the first write: publishes what the checkpoint covers (again, if that
     * was done before), takes back what was written after it. */
    lt_status (*load)(lt_sink *sink, lt_str from, lt_error *err);
} lt_sink_class;

struct lt_sink {
    const lt_sink_class *cls;
    const lt_table_ctx *ctx;
    uint64_t rows;
    uint64_t bytes;
};

struct lt_connector {
    const char *name; /* 'connector' = name */
    const char *help;
    const lt_option_def *options;
    uint32_t option_count;
    bool needs_format; /* 'format' option is required and its options are accepted */
    const lt_metadata_def *metadata;
    uint32_t metadata_count;
    const lt_source_class *source; /* NULL = not usable as a source */
    const lt_sink_class *sink;     /* NULL = not usable as a sink */
    /* Further checks at plan time, no I/O; NULL = none. */
    lt_status (*check)(const lt_table_ctx *ctx, bool as_source, lt_error *err);
};

/* LT_CONNECTORS in registry.c is the one list. */
const lt_connector *lt_connector_find(lt_str name);  /* NULL when unknown */
const lt_connector *lt_connector_at(uint32_t index); /* NULL past the end */

/* Options every table may have beside its connector's: 'connector', 'format', 'error.policy',
 * 'late.policy', 'late.allowed', scan.watermark.*, 'scan.parallelism', 'sink.parallelism', .. */
extern const lt_option_def lt_table_options[];
extern const uint32_t lt_table_option_count;

/* Validates a table's options against connector, format and common tables. */
lt_status lt_connector_check_options(const lt_connector *connector, const lt_format *format,
                                     const lt_options *options, lt_error *err);

/* Replaces ${env:NAME} and ${file:path} in every value, when the connector opens. Copies live in
 * the arena. */
lt_status lt_options_resolve(lt_env *env, lt_arena *arena, const lt_options *in, lt_options *out,
                             lt_error *err);
/* The same with masks' arena, and notes there what stood behind each reference. */
lt_status lt_options_resolve_masked(lt_env *env, lt_masks *masks, const lt_options *in,
                                    lt_options *out, lt_error *err);

/* Make / free the instances; ctx must outlive them. New allocates and checks the resolved option
 * values, without I/O: the caller calls cls->open next (then load, if there is a position), and
 * free in every case, also after open failed. */
lt_status lt_source_new(const lt_connector *connector, const lt_table_ctx *ctx, lt_source **out,
                        lt_error *err);
void lt_source_free(lt_source *src); /* closes; accepts NULL */
lt_status lt_sink_new(const lt_connector *connector, const lt_table_ctx *ctx, lt_sink **out,
                      lt_error *err);
void lt_sink_free(lt_sink *sink);

/* What `datagen` is when a query names it without having declared it: a CREATE TABLE statement. */
extern const char lt_datagen_default_ddl[];

/* ---- schema inference (our own: stdin, 'file.jsonl', 'file.csv') ---- */
typedef struct {
    const char *format; /* "json" or "csv" */
    bool has_header;
    const lt_schema *schema; /* physical columns, all nullable */
    lt_str delimiter;        /* csv */
} lt_inferred;

/* Looks at up to sample_max bytes at the start of the file (gzip and zstd by suffix) or of stdin.
 * stdin's bytes are kept and will be delivered again by the stdin connector. Path: a file, a
 * directory or a glob (its first file with data). Times become TIMESTAMP(3) / TIMESTAMP_LTZ(3);
 * numbers stay BIGINT also where they are epochs (docs/sql/inference.md). */
lt_status lt_infer_file(lt_env *env, lt_mem *mem, const char *path /* "-" = stdin */,
                        lt_arena *arena, lt_inferred *out, lt_error *err);
