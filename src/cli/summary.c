/* What a run did: a line per job, with -v a table of its operators, or all of it as JSON. */
#include "cli/grid.h"
#include "cli/human.h"
#include "cli/jobs.h"

static int64_t elapsed_of(const lt_cli_job *job, const lt_summary_options *options)
{
    return job->live ? options->elapsed_ns : job->end_ns - job->start_ns;
}

static double rate_of(uint64_t rows, int64_t elapsed_ns)
{
    return elapsed_ns > 0 ? (double)rows * 1e9 / (double)elapsed_ns : 0;
}

const char *lt_cli_job_state(const lt_cli_job *job)
{
    switch (job->state) {
    case LEAT_RUNNING:
    case LEAT_WAITING:
        return "running";
    case LEAT_DONE:
        return "done";
    case LEAT_STOPPED:
        return "stopped";
    case LEAT_FAILED:
        return "failed";
    }
    return "failed";
}

static void put_count(lt_text *to, const char *name, uint64_t value)
{
    if (value > 0) {
        lt_text_puts(to, ", ");
        lt_human_count(to, value);
        lt_text_putc(to, ' ');
        lt_text_puts(to, name);
    }
}

static void job_line(lt_text *to, const lt_cli_job *job, const leat_stats *stats,
                     const lt_summary_options *options)
{
    int64_t elapsed_ns = elapsed_of(job, options);
    lt_text_puts(to, "leat: ");
    if (options->title[0] != '\0') {
        lt_text_printf(to, "%s: ", options->title);
    }
    lt_text_printf(to, "%s %s, ", job->name, lt_cli_job_state(job));
    lt_human_elapsed(to, elapsed_ns);
    lt_text_puts(to, ": ");
    lt_human_count(to, stats->rows_in);
    lt_text_puts(to, stats->rows_in == 1 ? " row in (" : " rows in (");
    lt_human_short(to, rate_of(stats->rows_in, elapsed_ns));
    lt_text_puts(to, "/s), ");
    lt_human_count(to, stats->rows_out);
    lt_text_puts(to, " out");
    put_count(to, "late", stats->late);
    put_count(to, "rejected", stats->rejected);
    put_count(to, "held", stats->held);
    lt_text_puts(to, ", peak ");
    lt_human_bytes(to, (double)stats->memory_peak_bytes);
    put_count(to, stats->checkpoints.completed == 1 ? "checkpoint" : "checkpoints",
              stats->checkpoints.completed);
    put_count(to, "failed", stats->checkpoints.failed);
    lt_text_putc(to, '\n');
    if (stats->checkpoints.failed > 0 && stats->checkpoints.error[0] != '\0') {
        lt_text_printf(to, "leat: last checkpoint: %s\n", stats->checkpoints.error);
    }
    if (stats->rejected > 0 && stats->rejects_path != NULL) {
        lt_text_printf(to, "leat: rejected rows are in %s\n", stats->rejects_path);
    }
    if (stats->rejected > 0 && stats->last_reject != NULL && stats->last_reject[0] != '\0') {
        lt_text_printf(to, "leat: last reject: %s\n", stats->last_reject);
    }
}

static void grid_count(lt_grid *grid, lt_text *scratch, uint64_t value)
{
    lt_text_clear(scratch);
    lt_human_count(scratch, value);
    lt_grid_cell(grid, lt_text_str(scratch));
}

static void node_row(lt_grid *grid, lt_text *scratch, const leat_node_stats *node)
{
    const uint64_t counts[] = {node->in,       node->out,  node->used,
                               node->filtered, node->late, node->expired,
                               node->rejected, node->held, node->state_rows};
    lt_grid_cell(grid, lt_str_of(node->name));
    for (size_t i = 0; i < LT_COUNT_OF(counts); i++) {
        grid_count(grid, scratch, counts[i]);
    }
    lt_text_clear(scratch);
    lt_human_bytes(scratch, (double)(node->bytes > 0 ? (int64_t)node->bytes : node->state_bytes));
    lt_grid_cell(grid, lt_text_str(scratch));
    lt_grid_cell(grid, lt_str_of(node->event != NULL ? node->event : ""));
}

/* How far out of order the rows of each source come. */
static void lateness_lines(lt_text *to, const leat_stats *stats)
{
    static const char *const shares[] = {"99 %", "99.9 %", "99.99 %", "all"};
    const char *source = "";
    for (uint32_t i = 0; i < stats->node_count; i++) {
        const leat_node_stats *node = &stats->nodes[i];
        source = strcmp(node->kind, "source") == 0 ? node->name : source;
        if (node->behind_ms[0] < 0 || node->behind_rows == 0) {
            continue;
        }
        lt_text_printf(to, "%s: ", source);
        lt_human_count(to, node->behind_rows);
        lt_text_puts(to, " rows behind the newest event time;");
        for (size_t k = 0; k < LT_COUNT_OF(shares); k++) {
            lt_text_printf(to, "%s %s within ", k > 0 ? "," : "", shares[k]);
            lt_human_elapsed(to, LT_MIN(node->behind_ms[k], INT64_MAX / 1000000) * 1000000);
        }
        lt_text_putc(to, '\n');
    }
}

void lt_summary_nodes(lt_text *to, const leat_stats *stats, lt_mem *mem)
{
    static const char *const names[] = {"in",      "out",      "used", "filtered",   "late",
                                        "expired", "rejected", "held", "state rows", "bytes"};
    lt_grid grid;
    lt_text scratch;
    lt_text_init(&scratch, mem);
    lt_grid_init(&grid, mem, LT_GRID_PLAIN);
    lt_grid_column_add(&grid, "node", false, 0);
    for (size_t i = 0; i < LT_COUNT_OF(names); i++) {
        lt_grid_column_add(&grid, names[i], true, 0);
    }
    lt_grid_column_add(&grid, "event", false, 0);
    for (uint32_t i = 0; i < stats->node_count; i++) {
        node_row(&grid, &scratch, &stats->nodes[i]);
    }
    (void)lt_grid_print(&grid, to);
    lt_grid_deinit(&grid);
    lt_text_deinit(&scratch);
    lateness_lines(to, stats);
}

void lt_summary_text(lt_text *to, const lt_cli_job *jobs, size_t count,
                     const lt_summary_options *options, lt_mem *mem)
{
    for (size_t i = 0; i < count; i++) {
        leat_stats stats;
        if (!jobs[i].shown) {
            continue;
        }
        leat_get_stats(jobs[i].job, &stats);
        job_line(to, &jobs[i], &stats, options);
        if (options->verbose) {
            lt_summary_nodes(to, &stats, mem);
        }
    }
}

/* ---- JSON ---- */

static void member_text(lt_text *to, const char *key, const char *value)
{
    lt_text_printf(to, ",\"%s\":", key);
    if (value != NULL) {
        lt_text_json(to, lt_str_of(value));
    } else {
        lt_text_puts(to, "null");
    }
}

static void member_count(lt_text *to, const char *key, uint64_t value)
{
    lt_text_printf(to, ",\"%s\":%llu", key, (unsigned long long)value);
}

static void member_int(lt_text *to, const char *key, int64_t value)
{
    lt_text_printf(to, ",\"%s\":%lld", key, (long long)value);
}

static void member_time(lt_text *to, const char *key, int64_t ms)
{
    if (ms == LEAT_TIME_MIN || ms == LEAT_TIME_MAX) {
        lt_text_printf(to, ",\"%s\":%s", key, ms == LEAT_TIME_MIN ? "null" : "\"end\"");
    } else {
        member_int(to, key, ms);
    }
}

static void node_json(lt_text *to, const leat_node_stats *node)
{
    lt_text_puts(to, "{\"name\":");
    lt_text_json(to, lt_str_of(node->name));
    member_text(to, "kind", node->kind);
    member_count(to, "in", node->in);
    member_count(to, "out", node->out);
    member_count(to, "used", node->used);
    member_count(to, "filtered", node->filtered);
    member_count(to, "late", node->late);
    member_count(to, "expired", node->expired);
    member_count(to, "rejected", node->rejected);
    member_count(to, "held", node->held);
    member_count(to, "bytes", node->bytes);
    member_count(to, "state_rows", node->state_rows);
    member_int(to, "state_bytes", node->state_bytes);
    member_time(to, "watermark_ms", node->watermark_ms);
    if (node->behind_ms[0] >= 0) {
        static const char *const shares[] = {"0.99", "0.999", "0.9999", "1"};
        member_time(to, "newest_ms", node->newest_ms);
        member_count(to, "behind_rows", node->behind_rows);
        for (size_t i = 0; i < LT_COUNT_OF(shares); i++) {
            lt_text_printf(to, "%s\"%s\":%lld", i == 0 ? ",\"behind_ms\":{" : ",", shares[i],
                           (long long)node->behind_ms[i]);
        }
        lt_text_putc(to, '}');
    }
    member_count(to, "tasks", node->tasks);
    member_int(to, "busy_ms", node->busy_ns / 1000000);
    member_int(to, "memory_bytes", node->memory_bytes);
    lt_text_printf(to, ",\"blocked\":%s,\"idle\":%s,\"bottleneck\":%s",
                   node->blocked ? "true" : "false", node->idle ? "true" : "false",
                   node->bottleneck ? "true" : "false");
    member_text(to, "event", node->event);
    lt_text_putc(to, '}');
}

static void checkpoints_json(lt_text *to, const leat_checkpoint_stats *stats)
{
    lt_text_printf(to, ",\"checkpoints\":{\"completed\":%llu",
                   (unsigned long long)stats->completed);
    member_count(to, "failed", stats->failed);
    member_count(to, "last_id", stats->last_id);
    member_time(to, "last_ms", stats->last_ms);
    member_int(to, "last_duration_us", stats->last_duration_us);
    member_int(to, "last_barrier_us", stats->last_barrier_us);
    member_int(to, "last_pause_us", stats->last_pause_us);
    member_int(to, "last_bytes_new", stats->last_bytes_new);
    member_int(to, "last_bytes_all", stats->last_bytes_all);
    member_count(to, "restored_id", stats->restored_id);
    member_text(to, "savepoint", stats->savepoint[0] != '\0' ? stats->savepoint : NULL);
    member_text(to, "error", stats->error[0] != '\0' ? stats->error : NULL);
    lt_text_putc(to, '}');
}

void lt_summary_job_json(lt_text *to, const lt_cli_job *job, int64_t elapsed_ns)
{
    leat_stats stats;
    leat_get_stats(job->job, &stats);
    lt_text_puts(to, "{\"name\":");
    lt_text_json(to, lt_str_of(job->name));
    member_text(to, "job", stats.name);
    member_text(to, "state", lt_cli_job_state(job));
    member_int(to, "elapsed_ms", elapsed_ns / 1000000);
    member_count(to, "rows_in", stats.rows_in);
    member_count(to, "rows_out", stats.rows_out);
    member_count(to, "late", stats.late);
    member_count(to, "rejected", stats.rejected);
    member_count(to, "held", stats.held);
    member_count(to, "bytes_in", lt_stats_bytes_in(&stats));
    member_time(to, "watermark_ms", stats.watermark_ms);
    member_time(to, "event_max_ms", stats.event_max_ms);
    member_int(to, "memory_peak_bytes", stats.memory_peak_bytes);
    member_int(to, "state_spilled_bytes", stats.state_spilled_bytes);
    member_int(to, "state_resident_bytes", stats.state_resident_bytes);
    member_text(to, "rejects_path", stats.rejects_path);
    member_text(to, "state_dir", stats.state_dir);
    member_count(to, "parallelism", stats.parallelism);
    checkpoints_json(to, &stats.checkpoints);
    lt_text_puts(to, ",\"nodes\":[");
    for (uint32_t i = 0; i < stats.node_count; i++) {
        lt_text_puts(to, i > 0 ? "," : "");
        node_json(to, &stats.nodes[i]);
    }
    lt_text_puts(to, "]}");
}

void lt_summary_json(lt_text *to, const lt_cli_job *jobs, size_t count,
                     const lt_summary_options *options)
{
    const char *between = "";
    lt_text_printf(to, "{\"exit_code\":%d", options->exit_code);
    member_text(to, "file", options->title[0] != '\0' ? options->title : NULL);
    member_int(to, "elapsed_ms", options->elapsed_ns / 1000000);
    lt_text_puts(to, ",\"jobs\":[");
    for (size_t i = 0; i < count; i++) {
        if (jobs[i].shown) {
            lt_text_puts(to, between);
            lt_summary_job_json(to, &jobs[i], elapsed_of(&jobs[i], options));
            between = ",";
        }
    }
    lt_text_puts(to, "]}\n");
}
