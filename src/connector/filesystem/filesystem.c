/* filesystem: the option table and what is refused at plan time. The source is source.c, the sink
 * sink.c. */
#include "connector/filesystem/filesystem_int.h"

#include <string.h>

#include "connector/filesystem/files.h"

static const lt_option_def options[] = {
    {.name = "path",
     .kind = LT_OPT_STRING,
     .required = true,
     .help = "file, directory or glob; a directory for a sink"},
    {.name = "source.monitor-interval",
     .kind = LT_OPT_DURATION,
     .help = "read for ever: look for new files and growth this often"},
    {.name = "source.path.regex-pattern",
     .kind = LT_OPT_STRING,
     .help = "read only files whose whole path matches"},
    {.name = "source.record-size.max",
     .kind = LT_OPT_SIZE,
     .fallback = "8mb",
     .help = "longer records are rejected"},
    {.name = "source.report-statistics",
     .kind = LT_OPT_ENUM,
     .choices = "NONE|ALL",
     .fallback = "ALL",
     .help = "accepted for compatibility; nothing depends on it"},
    {.name = "partition.default-name",
     .kind = LT_OPT_STRING,
     .fallback = "__DEFAULT_PARTITION__",
     .help = "directory value that stands for NULL or an empty string"},
    {.name = "partition.time-extractor.kind",
     .kind = LT_OPT_STRING,
     .help = "only with the trigger partition-time"},
    {.name = "partition.time-extractor.class",
     .kind = LT_OPT_STRING,
     .help = "refused: a Java class"},
    {.name = "partition.time-extractor.timestamp-pattern",
     .kind = LT_OPT_STRING,
     .help = "only with the trigger partition-time"},
    {.name = "partition.time-extractor.timestamp-formatter",
     .kind = LT_OPT_STRING,
     .help = "only with the trigger partition-time"},
    {.name = "sink.rolling-policy.file-size",
     .kind = LT_OPT_SIZE,
     .fallback = "128mb",
     .help = "close a file of this size and begin another"},
    {.name = "sink.rolling-policy.rollover-interval",
     .kind = LT_OPT_DURATION,
     .fallback = "30 min",
     .help = "close a file open for so long"},
    {.name = "sink.rolling-policy.inactivity-interval",
     .kind = LT_OPT_DURATION,
     .fallback = "30 min",
     .help = "close a file not written to for so long"},
    {.name = "sink.rolling-policy.check-interval",
     .kind = LT_OPT_DURATION,
     .fallback = "1 min",
     .help = "how often the intervals are looked at"},
    {.name = "auto-compaction",
     .kind = LT_OPT_BOOL,
     .fallback = "false",
     .help = "only false: files are not merged"},
    {.name = "compaction.file-size", .kind = LT_OPT_SIZE, .help = "refused: files are not merged"},
    {.name = "compaction.parallelism", .kind = LT_OPT_INT, .help = "refused: files are not merged"},
    {.name = "sink.partition-commit.trigger",
     .kind = LT_OPT_ENUM,
     .choices = "process-time|partition-time",
     .fallback = "process-time",
     .help = "when a partition gets its success file; only process-time"},
    {.name = "sink.partition-commit.delay",
     .kind = LT_OPT_DURATION,
     .fallback = "0 s",
     .help = "how long after its first row a partition is committed"},
    {.name = "sink.partition-commit.watermark-time-zone",
     .kind = LT_OPT_STRING,
     .help = "only with the trigger partition-time"},
    {.name = "sink.partition-commit.policy.kind",
     .kind = LT_OPT_STRING,
     .help = "success-file: put an empty file into committed partitions"},
    {.name = "sink.partition-commit.policy.class",
     .kind = LT_OPT_STRING,
     .help = "refused: a Java class"},
    {.name = "sink.partition-commit.policy.class.parameters",
     .kind = LT_OPT_STRING,
     .help = "refused: a Java class"},
    {.name = "sink.partition-commit.success-file.name",
     .kind = LT_OPT_STRING,
     .fallback = "_SUCCESS",
     .help = "name of the success file"},
    {.name = "sink.shuffle-by-partition.enable",
     .kind = LT_OPT_BOOL,
     .fallback = "false",
     .help = "accepted: one writer a partition needs no shuffle"},
};

static const lt_metadata_def metadata[] = {
    {"file.path", "STRING NOT NULL", false},
    {"file.name", "STRING NOT NULL", false},
    {"file.size", "BIGINT NOT NULL", false},
    {"file.modification-time", "TIMESTAMP_LTZ(3) NOT NULL", false},
};

static lt_status refuse(const lt_table_ctx *ctx, const char *name, const char *why, lt_error *err)
{
    for (uint32_t i = 0; i < ctx->options.count; i++) {
        const lt_option *option = &ctx->options.items[i];
        if (lt_str_eq(option->key, lt_str_of(name))) {
            return lt_error_set_at(err, LT_ERR_UNSUPPORTED, option->pos,
                                   "option '%s' of connector 'filesystem': %s", name, why);
        }
    }
    return LT_OK;
}

/* Options that Flink has and this build does not do: better refused than passed over. */
static lt_status refuse_missing(const lt_table_ctx *ctx, lt_error *err)
{
    static const char *const never[][2] = {
        {"compaction.file-size", "files are not merged"},
        {"compaction.parallelism", "files are not merged"},
        {"partition.time-extractor.class", "Java classes cannot be loaded"},
        {"sink.partition-commit.policy.class", "Java classes cannot be loaded"},
        {"sink.partition-commit.policy.class.parameters", "Java classes cannot be loaded"},
    };
    for (size_t i = 0; i < LT_COUNT_OF(never); i++) {
        LT_TRY(refuse(ctx, never[i][0], never[i][1], err));
    }
    if (lt_ctx_bool(ctx, &lt_conn_filesystem, "auto-compaction")) {
        return refuse(ctx, "auto-compaction", "files are not merged; leave it out", err);
    }
    lt_str trigger = lt_ctx_text(ctx, &lt_conn_filesystem, "sink.partition-commit.trigger");
    if (lt_str_eq_ci(trigger, LT_STR("partition-time"))) {
        return refuse(
            ctx, "sink.partition-commit.trigger",
            "partitions are committed by 'process-time' and at the end, not by 'partition-time'",
            err);
    }
    lt_str policy = lt_ctx_text(ctx, &lt_conn_filesystem, "sink.partition-commit.policy.kind");
    if (policy.ptr != NULL && !lt_str_eq_ci(policy, LT_STR("success-file"))) {
        return refuse(ctx, "sink.partition-commit.policy.kind", "only 'success-file' is done", err);
    }
    lt_str name = lt_ctx_text(ctx, &lt_conn_filesystem, "sink.partition-commit.success-file.name");
    if (name.len == 0 || memchr(name.ptr, '/', name.len) != NULL) {
        return refuse(ctx, "sink.partition-commit.success-file.name",
                      "a file name without / is needed", err);
    }
    return LT_OK;
}

static lt_status check(const lt_table_ctx *ctx, bool as_source, lt_error *err)
{
    if (!as_source) {
        LT_TRY(refuse_missing(ctx, err));
    }
    for (uint32_t i = 0; i < ctx->partition_count; i++) {
        const lt_field *field = &ctx->record_schema->fields[ctx->partition_by[i]];
        if (as_source && !lt_fs_partition_type_ok(field->type)) {
            return lt_error_set(
                err, LT_ERR_UNSUPPORTED,
                "partition column " LT_STR_FMT
                ": a directory's name is read as STRING, BOOLEAN, DATE, an integer, "
                "FLOAT or DOUBLE only",
                LT_STR_ARG(field->name));
        }
    }
    if (ctx->partition_count == ctx->record_schema->count && ctx->partition_count > 0) {
        return lt_error_set(err, LT_ERR_SQL,
                            "table " LT_STR_FMT " has partition columns only; files would be empty",
                            LT_STR_ARG(ctx->table));
    }
    lt_arena *arena = lt_arena_new(ctx->mem, 16u << 20);
    if (arena == NULL) {
        return lt_error_nomem(err, "a table's layout");
    }
    lt_fs_layout layout;
    const lt_format *format;
    lt_format_ctx fctx;
    char prefix[64];
    lt_status st = lt_fs_layout_new(ctx, arena, &layout, err);
    if (st == LT_OK) {
        st = lt_ctx_format(ctx, as_source, &format, err);
    }
    if (st == LT_OK && format->check != NULL) {
        lt_ctx_format_ctx(ctx, format, prefix, sizeof prefix, &fctx);
        fctx.schema = layout.wanted;
        fctx.record_schema = layout.record;
        fctx.record_index = layout.record_index;
        st = format->check(&fctx, as_source, err);
    }
    lt_arena_free(arena);
    return st;
}

const lt_connector lt_conn_filesystem = {
    .name = "filesystem",
    .help = "files of a directory, read and written",
    .options = options,
    .option_count = LT_COUNT_OF(options),
    .needs_format = true,
    .metadata = metadata,
    .metadata_count = LT_COUNT_OF(metadata),
    .source = &lt_filesystem_source,
    .sink = &lt_filesystem_sink,
    .check = check,
};
