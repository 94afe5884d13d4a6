/* Session options (SET, RESET): Flink's key names. One table says for each key its kind of value,
 * its default and what leat makes of it:
 *
 *   ACTS     has an effect here
 *   KEPT     is checked, stored and listed, but changes nothing that can be seen in results
 * (optimizer and deployment options)
 *
 * Keys under PREFIXES are accepted unchecked, so that files written for a cluster run unchanged.
 * Everything else is refused: a silently ignored typing mistake in a time zone or a state TTL would
 * change results. docs/sql/settings.md is the same list for people. */
#include "bind/catalog_int.h"
#include "expr/timezone.h"

typedef enum { ACTS, KEPT } setting_effect;

typedef struct {
    lt_option_def def;
    setting_effect effect;
} setting;

#define S(key, kind, fallback, choices, effect, help)              \
    {                                                              \
        {key, kind, false, false, fallback, choices, help}, effect \
    }

static const setting settings[] = {
    /* time and semantics */
    S("table.local-time-zone", LT_OPT_STRING, "UTC", NULL, ACTS, "session time zone"),
    S("table.exec.state.ttl", LT_OPT_DURATION, "0 ms", NULL, ACTS,
      "drop idle state after; 0 = never"),
    S("table.exec.interval-join.min-cleanup-interval", LT_OPT_DURATION, "0 ms", NULL, ACTS,
      "rows of interval joins stay so much longer"),
    S("table.exec.source.idle-timeout", LT_OPT_DURATION, "0 ms", NULL, ACTS,
      "a silent source stops holding watermarks back after; 0 = never"),
    S("table.exec.source.cdc-events-duplicate", LT_OPT_BOOL, "false", NULL, ACTS,
      "normalise change events by primary key"),
    S("table.exec.sink.not-null-enforcer", LT_OPT_ENUM, "ERROR", "ERROR|DROP", ACTS,
      "NULL for a NOT NULL column"),
    S("table.exec.sink.type-length-enforcer", LT_OPT_ENUM, "IGNORE", "IGNORE|TRIM_PAD|ERROR", ACTS,
      "text longer or shorter than its column"),
    S("table.exec.sink.nested-constraint-enforcer", LT_OPT_ENUM, "IGNORE",
      "IGNORE|ROWS|ROWS_AND_COLLECTIONS", ACTS, "constraints inside rows"),
    S("table.exec.sink.upsert-materialize", LT_OPT_ENUM, "AUTO", "NONE|AUTO|FORCE", ACTS,
      "order updates by key before a sink"),
    S("table.exec.sink.keyed-shuffle", LT_OPT_ENUM, "AUTO", "NONE|AUTO|FORCE", KEPT,
      "distribution before a sink"),
    S("table.exec.sink.rowtime-inserter", LT_OPT_ENUM, "ENABLED", "ENABLED|DISABLED", KEPT,
      "record timestamps at sinks"),
    S("table.exec.sink.require-on-conflict", LT_OPT_BOOL, "false", NULL, KEPT,
      "demand ON CONFLICT (later versions)"),
    S("table.exec.legacy-cast-behaviour", LT_OPT_ENUM, "DISABLED", "DISABLED|ENABLED", ACTS,
      "only DISABLED"),
    S("table.exec.legacy-bytes-to-string-cast", LT_OPT_BOOL, "false", NULL, KEPT, "bytes to text"),
    S("table.legacy-nested-row-nullability", LT_OPT_BOOL, "false", NULL, KEPT,
      "NOT NULL inside rows"),
    S("table.column-expansion-strategy", LT_OPT_STRING, "", NULL, KEPT, "what * leaves out"),
    S("table.dynamic-table-options.enabled", LT_OPT_BOOL, "true", NULL, ACTS, "OPTIONS hints"),
    S("table.dml-sync", LT_OPT_BOOL, "false", NULL, ACTS, "wait for each INSERT to end"),
    S("table.sql-dialect", LT_OPT_STRING, "default", NULL, ACTS, "only default"),
    S("table.plan.compile.catalog-objects", LT_OPT_ENUM, "ALL", "ALL|SCHEMA|IDENTIFIER", KEPT,
      "compiled plans"),
    S("table.plan.force-recompile", LT_OPT_BOOL, "false", NULL, KEPT, "compiled plans"),
    S("table.plan.restore.catalog-objects", LT_OPT_ENUM, "ALL", "ALL|ALL_ENFORCED|IDENTIFIER", KEPT,
      "compiled plans"),
    S("table.display.max-column-width", LT_OPT_INT, "30", NULL, ACTS,
      "widest column of printed results"),
    S("table.builtin-catalog-name", LT_OPT_STRING, "default_catalog", NULL, KEPT,
      "name of the first catalog"),
    S("table.builtin-database-name", LT_OPT_STRING, "default_database", NULL, KEPT,
      "name of the first database"),
    S("table.resources.download-dir", LT_OPT_STRING, NULL, NULL, KEPT, "jars"),
    S("table.rtas-ctas.atomicity-enabled", LT_OPT_BOOL, "false", NULL, KEPT, "CREATE TABLE AS"),
    /* execution */
    S("execution.runtime-mode", LT_OPT_ENUM, "STREAMING", "STREAMING|BATCH|AUTOMATIC", ACTS,
      "only streaming"),
    S("execution.checkpointing.interval", LT_OPT_DURATION, NULL, NULL, ACTS,
      "time between checkpoints; 0 = only at a stop"),
    S("execution.checkpointing.min-pause", LT_OPT_DURATION, "0 ms", NULL, ACTS,
      "least time from the end of a checkpoint to the next"),
    S("execution.checkpointing.timeout", LT_OPT_DURATION, "10 min", NULL, ACTS,
      "a checkpoint that takes longer is given up; 0 = never"),
    S("execution.checkpointing.tolerable-failed-checkpoints", LT_OPT_INT, NULL, NULL, ACTS,
      "failed checkpoints in a row that the job bears; unset: any number"),
    S("execution.checkpointing.num-retained", LT_OPT_INT, NULL, NULL, ACTS,
      "complete checkpoints that are kept (1)"),
    S("state.checkpoints.num-retained", LT_OPT_INT, NULL, NULL, ACTS,
      "older name of execution.checkpointing.num-retained"),
    S("execution.checkpointing.dir", LT_OPT_STRING, NULL, NULL, ACTS,
      "directory under which jobs keep their state"),
    S("state.checkpoints.dir", LT_OPT_STRING, NULL, NULL, ACTS,
      "older name of execution.checkpointing.dir"),
    S("execution.checkpointing.savepoint-dir", LT_OPT_STRING, NULL, NULL, ACTS,
      "directory under which savepoints without a path are made"),
    S("state.savepoints.dir", LT_OPT_STRING, NULL, NULL, ACTS,
      "older name of execution.checkpointing.savepoint-dir"),
    S("execution.checkpointing.compression", LT_OPT_INT, "1", NULL, ACTS,
      "zstd level of checkpoints, 0 (none) to 19; leat's own"),
    S("execution.checkpointing.mode", LT_OPT_ENUM, "EXACTLY_ONCE", "EXACTLY_ONCE|AT_LEAST_ONCE",
      ACTS, "always exactly once, which is at least once too"),
    S("execution.state-recovery.path", LT_OPT_STRING, NULL, NULL, ACTS,
      "savepoint or checkpoint to start from"),
    S("execution.savepoint.path", LT_OPT_STRING, NULL, NULL, ACTS,
      "older name of execution.state-recovery.path"),
    S("restart-strategy.type", LT_OPT_STRING, NULL, NULL, ACTS,
      "none, fixed-delay or exponential-delay: a job that keeps checkpoints starts again after "
      "failures of files, devices and connections"),
    S("restart-strategy", LT_OPT_STRING, NULL, NULL, ACTS, "older name of restart-strategy.type"),
    S("restart-strategy.fixed-delay.attempts", LT_OPT_INT, "1", NULL, ACTS, "restarts at most"),
    S("restart-strategy.fixed-delay.delay", LT_OPT_DURATION, "1 s", NULL, ACTS, "before each"),
    S("restart-strategy.exponential-delay.initial-backoff", LT_OPT_DURATION, "1 s", NULL, ACTS,
      "the first delay"),
    S("restart-strategy.exponential-delay.max-backoff", LT_OPT_DURATION, "1 min", NULL, ACTS,
      "the longest delay"),
    S("restart-strategy.exponential-delay.backoff-multiplier", LT_OPT_DOUBLE, "1.5", NULL, ACTS,
      "how delays grow"),
    S("restart-strategy.exponential-delay.jitter-factor", LT_OPT_DOUBLE, "0.1", NULL, ACTS,
      "share by which delays vary"),
    S("restart-strategy.exponential-delay.reset-backoff-threshold", LT_OPT_DURATION, "1 h", NULL,
      ACTS, "after so long without a failure the first delay counts again"),
    S("restart-strategy.exponential-delay.attempts-before-reset-backoff", LT_OPT_INT, NULL, NULL,
      ACTS, "restarts at most in that time; unset: any number"),
    S("execution.attached", LT_OPT_BOOL, "true", NULL, KEPT, "client stays attached"),
    S("execution.target", LT_OPT_STRING, NULL, NULL, KEPT, "cluster"),
    S("execution.shutdown-on-attached-exit", LT_OPT_BOOL, "false", NULL, KEPT, "client"),
    S("execution.buffer-timeout", LT_OPT_DURATION, "100 ms", NULL, KEPT, "network buffers"),
    S("execution.batch-shuffle-mode", LT_OPT_STRING, NULL, NULL, KEPT, "batch"),
    S("state.backend.type", LT_OPT_ENUM, "hashmap", "hashmap|rocksdb|forst", ACTS,
      "hashmap: state is in memory; rocksdb, forst: what is too much for memory is moved to a "
      "file"),
    S("state.backend", LT_OPT_ENUM, NULL, "hashmap|filesystem|rocksdb|forst", ACTS,
      "older name of state.backend.type"),
    S("state.backend.memory.limit", LT_OPT_SIZE, NULL, NULL, ACTS,
      "with rocksdb or forst: state of a job that is kept in memory; unset: half of the memory "
      "that "
      "the process may use; leat's own"),
    S("io.tmp.dirs", LT_OPT_STRING, NULL, NULL, ACTS,
      "where the state of jobs without a state directory is moved to; the first of several counts"),
    S("parallelism.default", LT_OPT_INT, NULL, NULL, ACTS, "tasks per operator"),
    S("table.exec.resource.default-parallelism", LT_OPT_INT, "-1", NULL, ACTS,
      "tasks per operator; -1 = parallelism.default"),
    S("pipeline.name", LT_OPT_STRING, NULL, NULL, ACTS, "name of the job"),
    S("pipeline.auto-watermark-interval", LT_OPT_DURATION, "200 ms", NULL, ACTS,
      "bounds idle emission of watermarks"),
    S("pipeline.object-reuse", LT_OPT_BOOL, "false", NULL, KEPT, "JVM"),
    S("pipeline.max-parallelism", LT_OPT_INT, "-1", NULL, KEPT, "key groups (leat has 128)"),
    S("pipeline.operator-chaining.enabled", LT_OPT_BOOL, "true", NULL, KEPT, "chaining"),
    S("pipeline.operator-chaining", LT_OPT_BOOL, "true", NULL, KEPT, "chaining"),
    S("pipeline.jars", LT_OPT_STRING, NULL, NULL, KEPT, "jars"),
    S("pipeline.classpaths", LT_OPT_STRING, NULL, NULL, KEPT, "jars"),
    S("pipeline.generic-types", LT_OPT_BOOL, "true", NULL, KEPT, "JVM"),
    S("pipeline.watermark-alignment.allow-unaligned-source-splits", LT_OPT_BOOL, "false", NULL,
      KEPT, "alignment"),
    /* operators: how, not what */
    S("table.optimizer.non-deterministic-update.strategy", LT_OPT_ENUM, "IGNORE",
      "IGNORE|TRY_RESOLVE", ACTS, "functions that differ each time over updated rows"),
    S("table.optimizer.agg-phase-strategy", LT_OPT_ENUM, "AUTO", "AUTO|TWO_PHASE|ONE_PHASE", ACTS,
      "aggregate before rows are dealt to tasks, where results stay the same"),
    S("table.exec.mini-batch.enabled", LT_OPT_BOOL, "false", NULL, KEPT,
      "fewer intermediate updates"),
    S("table.exec.mini-batch.allow-latency", LT_OPT_DURATION, "0 ms", NULL, KEPT, "mini-batch"),
    S("table.exec.mini-batch.size", LT_OPT_INT, "-1", NULL, KEPT, "mini-batch"),
    S("table.exec.deduplicate.insert-update-after-sensitive-enabled", LT_OPT_BOOL, "true", NULL,
      KEPT, "deduplication"),
    S("table.exec.deduplicate.mini-batch.compact-changes-enabled", LT_OPT_BOOL, "false", NULL, KEPT,
      "deduplication"),
    S("table.exec.rank.topn-cache-size", LT_OPT_INT, "10000", NULL, KEPT, "Top-N"),
    S("table.exec.unbounded-over.version", LT_OPT_INT, "2", NULL, KEPT, "OVER"),
    S("table.exec.window-agg.buffer-size-limit", LT_OPT_INT, "100000", NULL, KEPT,
      "window aggregates"),
    S("table.exec.async-state.enabled", LT_OPT_BOOL, "false", NULL, KEPT, "state"),
    S("table.exec.simplify-operator-name-enabled", LT_OPT_BOOL, "true", NULL, KEPT,
      "names of operators"),
    S("table.exec.operator-fusion-codegen.enabled", LT_OPT_BOOL, "false", NULL, KEPT,
      "code generation"),
    S("table.exec.spill-compression.enabled", LT_OPT_BOOL, "true", NULL, KEPT, "spilling"),
    S("table.exec.spill-compression.block-size", LT_OPT_SIZE, "64 kb", NULL, KEPT, "spilling"),
    S("table.exec.disabled-operators", LT_OPT_STRING, NULL, NULL, KEPT, "batch"),
    S("table.exec.sort.default-limit", LT_OPT_INT, "-1", NULL, KEPT, "batch"),
    S("table.exec.local-hash-agg.adaptive.enabled", LT_OPT_BOOL, "true", NULL, KEPT, "batch"),
    S("table.exec.uid.generation", LT_OPT_STRING, "PLAN_ONLY", NULL, KEPT, "compiled plans"),
    S("table.exec.uid.format", LT_OPT_STRING, NULL, NULL, KEPT, "compiled plans"),
    /* the client */
    S("sql-client.execution.result-mode", LT_OPT_ENUM, "table", "table|changelog|tableau", ACTS,
      "how results are printed"),
    S("sql-client.execution.max-table-result.rows", LT_OPT_INT, "1000000", NULL, KEPT,
      "rows kept for display"),
    S("sql-client.display.print-time-cost", LT_OPT_BOOL, "true", NULL, KEPT, "timing of results"),
    S("sql-client.display.color-schema", LT_OPT_STRING, "DEFAULT", NULL, KEPT, "colours"),
    S("sql-client.display.show-line-numbers", LT_OPT_BOOL, "false", NULL, KEPT, "editor"),
    S("sql-client.verbose", LT_OPT_BOOL, "false", NULL, ACTS, "longer errors"),
};

/* Whole families that tune or deploy a cluster. */
static const char *const prefixes[] = {
    "$internal.",
    "akka.",
    "blob.",
    "classloader.",
    "client.",
    "cluster.",
    "env.",
    "execution.batch.",
    "execution.checkpointing.",
    "execution.state-recovery.",
    "fs.",
    "heartbeat.",
    "high-availability.",
    "historyserver.",
    "io.",
    "job-event.",
    "jobmanager.",
    "jobstore.",
    "kubernetes.",
    "metrics.",
    "parallelism.",
    "pekko.",
    "pipeline.default-",
    "plugin.",
    "process.",
    "python.",
    "query.",
    "queryable-state.",
    "rest.",
    "restart-strategy",
    "s3.",
    "security.",
    "slot.",
    "slotmanager.",
    "sql-gateway.",
    "state.",
    "table.catalog-store.",
    "table.exec.async-",
    "table.exec.emit.",
    "table.exec.hive.",
    "table.optimizer.",
    "taskmanager.",
    "user.",
    "web.",
    "yarn.",
    "zookeeper.",
};

static const setting *setting_find(lt_str key)
{
    for (size_t i = 0; i < LT_COUNT_OF(settings); i++) {
        if (lt_str_eq(key, lt_str_of(settings[i].def.name))) {
            return &settings[i];
        }
    }
    return NULL;
}

static const char *setting_near(lt_str key)
{
    const char *names[LT_COUNT_OF(settings)];
    for (size_t i = 0; i < LT_COUNT_OF(settings); i++) {
        names[i] = settings[i].def.name;
    }
    return lt_str_nearest(key, names, LT_COUNT_OF(settings));
}

static bool has_known_prefix(lt_str key)
{
    for (size_t i = 0; i < LT_COUNT_OF(prefixes); i++) {
        if (lt_str_starts(key, lt_str_of(prefixes[i]))) {
            return true;
        }
    }
    return false;
}

lt_str lt_setting_default(const char *key)
{
    const setting *found = setting_find(lt_str_of(key));
    return found ? lt_str_of(found->def.fallback) : (lt_str){NULL, 0};
}

lt_str lt_catalog_option(const lt_catalog *catalog, const char *key)
{
    const lt_str *value = lt_map_get(catalog->settings, lt_str_of(key));
    return value ? *value : lt_setting_default(key);
}

/* Gives what is bound from now on another zone. */
static lt_status use_zone(lt_catalog *catalog, lt_str name, lt_error *err)
{
    const struct lt_zone *zone = lt_map_get(catalog->zones, name);
    lt_session *session = LT_NEW(catalog->arena, lt_session);
    lt_str copy = lt_arena_str(catalog->arena, name);
    if (!session || !copy.ptr) {
        return lt_error_nomem(err, "session");
    }
    if (!zone) {
        LT_TRY(lt_zone_load(catalog->env, copy, catalog->arena, &zone, err));
        if (!lt_map_put(catalog->zones, copy, (void *)(uintptr_t)zone)) {
            return lt_error_nomem(err, "time zone");
        }
    }
    *session = *catalog->session;
    session->time_zone = copy;
    session->zone = zone;
    catalog->session = session;
    return LT_OK;
}

/* Whole numbers that make sense within limits only. */
static lt_status check_range(const char *key, lt_str value, lt_error *err)
{
    static const struct {
        const char *key;
        int64_t least, most;
    } ranges[] = {
        {"execution.checkpointing.tolerable-failed-checkpoints", 0, INT32_MAX},
        {"execution.checkpointing.num-retained", 1, 1000},
        {"state.checkpoints.num-retained", 1, 1000},
        {"execution.checkpointing.compression", 0, 19},
        {"parallelism.default", 1, INT32_MAX},
        {"table.exec.resource.default-parallelism", -1, INT32_MAX},
    };
    int64_t number = 0;
    for (size_t i = 0; i < LT_COUNT_OF(ranges); i++) {
        if (strcmp(key, ranges[i].key) == 0 && lt_str_to_i64(lt_str_trim(value), &number) &&
            (number < ranges[i].least || number > ranges[i].most)) {
            return lt_error_set(
                err, LT_ERR_SQL, "'%s' = '" LT_STR_FMT "': a number from %lld to %lld is taken",
                key, LT_STR_ARG(value), (long long)ranges[i].least, (long long)ranges[i].most);
        }
    }
    return LT_OK;
}

/* State lies in local directories; `file:` is how Flink writes them. */
static lt_status check_directory(const char *key, lt_str value, lt_error *err)
{
    static const char *const keys[] = {
        "execution.checkpointing.dir", "execution.checkpointing.savepoint-dir",
        "state.checkpoints.dir",       "state.savepoints.dir",
        "execution.savepoint.path",    "execution.state-recovery.path",
    };
    for (size_t i = 0; i < LT_COUNT_OF(keys); i++) {
        size_t scheme = 0;
        while (scheme < value.len && value.ptr[scheme] != ':' && value.ptr[scheme] != '/') {
            scheme++;
        }
        bool has_scheme = scheme + 2 < value.len && memcmp(value.ptr + scheme, "://", 3) == 0;
        bool is_file = lt_str_starts(value, LT_STR("file://"));
        if (strcmp(key, keys[i]) == 0 && has_scheme && !is_file) {
            lt_error_set(err, LT_ERR_UNSUPPORTED, "'%s' = '" LT_STR_FMT "' is no local directory",
                         key, LT_STR_ARG(value));
            lt_error_hint(err, "state is kept in local directories: write a path or file:///path");
            return LT_ERR_UNSUPPORTED;
        }
    }
    return LT_OK;
}

static lt_status refuse_value(const setting *found, lt_str value, lt_error *err)
{
    const char *key = found->def.name;
    if (strcmp(key, "execution.runtime-mode") == 0 && !lt_str_eq_ci(value, LT_STR("streaming"))) {
        lt_status st = lt_error_set(
            err, LT_ERR_UNSUPPORTED,
            "'execution.runtime-mode' = '" LT_STR_FMT "' is not supported yet", LT_STR_ARG(value));
        lt_error_hint(err, "streaming mode also runs bounded inputs to their end");
        return st;
    }
    if (strcmp(key, "table.sql-dialect") == 0 && !lt_str_eq_ci(value, LT_STR("default"))) {
        return lt_error_set(err, LT_ERR_UNSUPPORTED,
                            "'table.sql-dialect' = '" LT_STR_FMT
                            "' is not supported; only 'default' is",
                            LT_STR_ARG(value));
    }
    if (strcmp(key, "table.exec.legacy-cast-behaviour") == 0 &&
        !lt_str_eq_ci(value, LT_STR("disabled"))) {
        return lt_error_set(err, LT_ERR_UNSUPPORTED,
                            "'table.exec.legacy-cast-behaviour' = 'ENABLED' is not supported");
    }
    return LT_OK;
}

static lt_status check_value(lt_str key, lt_str value, lt_error *err)
{
    const setting *found = setting_find(key);
    if (found) {
        const lt_option option = {key, value, 0};
        const lt_options options = {&option, 1};
        const lt_option_table table = {&found->def, 1, NULL};
        lt_status st = lt_options_check_values(&options, &table, 1, "SET", err);
        if (st != LT_OK) {
            if (err) {
                err->has_sql_pos = false;
            }
            return st;
        }
        LT_TRY(check_range(found->def.name, value, err));
        LT_TRY(check_directory(found->def.name, value, err));
        return refuse_value(found, value, err);
    }
    if (has_known_prefix(key)) {
        return LT_OK;
    }
    lt_status st =
        lt_error_set(err, LT_ERR_SQL, "unknown option '" LT_STR_FMT "'", LT_STR_ARG(key));
    const char *near = setting_near(key);
    if (near) {
        lt_error_hint(err, "did you mean '%s'?", near);
    } else {
        lt_error_hint(err, "docs/sql/settings.md lists the options that SET takes");
    }
    return st;
}

lt_status lt_catalog_set(lt_catalog *catalog, lt_str key, lt_str value, lt_error *err)
{
    LT_TRY(check_value(key, value, err));
    if (lt_str_eq(key, LT_STR("table.local-time-zone"))) {
        LT_TRY(use_zone(catalog, value, err));
    }
    lt_str *copy = LT_NEW(catalog->arena, lt_str);
    if (!copy) {
        return lt_error_nomem(err, "option");
    }
    *copy = lt_arena_str(catalog->arena, value);
    if (!copy->ptr || !lt_map_put(catalog->settings, key, copy)) {
        return lt_error_nomem(err, "option");
    }
    return LT_OK;
}

lt_status lt_catalog_reset(lt_catalog *catalog, lt_str key, lt_error *err)
{
    if (!key.ptr) {
        lt_map *fresh = lt_map_new(catalog->mem);
        if (!fresh) {
            return lt_error_nomem(err, "options");
        }
        lt_map_free(catalog->settings);
        catalog->settings = fresh;
        return use_zone(catalog, lt_setting_default("table.local-time-zone"), err);
    }
    lt_map_remove(catalog->settings, key);
    if (lt_str_eq(key, LT_STR("table.local-time-zone"))) {
        return use_zone(catalog, lt_setting_default("table.local-time-zone"), err);
    }
    return LT_OK;
}
