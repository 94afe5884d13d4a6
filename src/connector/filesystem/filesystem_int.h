/* What the files of this folder share. */
#pragma once

#include "connector/connector_int.h"

extern const lt_connector lt_conn_filesystem;
extern const lt_source_class lt_filesystem_source;
extern const lt_sink_class lt_filesystem_sink;

/* The record without its partition columns: files do not hold those. */
typedef struct {
    const lt_schema *record; /* physical columns in the file */
    const lt_schema *wanted; /* those of ctx->schema that come from (go into) the file */
    uint32_t *record_index;  /* per wanted column: index in record */
    uint32_t *column;        /* per wanted column: index in ctx->schema */
} lt_fs_layout;

lt_status lt_fs_layout_new(const lt_table_ctx *ctx, lt_arena *arena, lt_fs_layout *out,
                           lt_error *err);
bool lt_fs_is_partition(const lt_table_ctx *ctx, uint32_t record_index);

/* Columns whose value is one for a whole file: metadata and partition columns. */
typedef struct {
    uint32_t column;      /* index in ctx->schema */
    const char *metadata; /* key, or NULL: a partition column */
    lt_str partition;
} lt_fs_extra;

typedef struct {
    lt_str path;
    int64_t size;
    int64_t mtime_ms;
    lt_str default_name; /* partition.default-name: NULL */
} lt_fs_facts;

/* Is the type of a partition column one that a directory name can spell? */
bool lt_fs_partition_type_ok(const lt_type *type);

/* Fills the extra column of a batch that has the columns of ctx->schema. LT_ERR_DATA when the path
 * has no such partition or it does not fit. */
lt_status lt_fs_fill_extra(const lt_table_ctx *ctx, const lt_fs_extra *extra,
                           const lt_fs_facts *facts, lt_batch *batch, lt_error *err);
