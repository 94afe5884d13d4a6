/* Families come from three tables: of the process, of jobs, of their operators. A value that is not
 * there (no watermark yet, no checkpoint yet) gives no line. */
#include "cli/metrics.h"

#include <stdio.h>

#include "cli/server.h"

#define STATUS_BYTES_MAX ((size_t)64 << 10)

typedef enum { COUNTER, GAUGE } metric_type;

void lt_metrics_label(lt_text *to, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"') {
            lt_text_putc(to, '\\');
            lt_text_putc(to, *value);
        } else if (*value == '\n') {
            lt_text_puts(to, "\\n");
        } else {
            lt_text_putc(to, *value);
        }
    }
}

static void family(lt_text *to, const char *name, metric_type type, const char *help)
{
    lt_text_printf(to, "# HELP leat_%s %s\n# TYPE leat_%s %s\n", name, help, name,
                   type == COUNTER ? "counter" : "gauge");
}

static void value(lt_text *to, double number)
{
    bool is_whole = number >= -9e15 && number <= 9e15 && number == (double)(int64_t)number;
    if (is_whole) {
        lt_text_printf(to, " %lld\n", (long long)number);
    } else {
        lt_text_printf(to, " %.9g\n", number);
    }
}

static bool seconds_of(int64_t ms, double *out)
{
    *out = (double)ms / 1000;
    return ms != LEAT_TIME_MIN && ms != LEAT_TIME_MAX;
}

/* ---- jobs ---- */

typedef enum {
    JOB_UP,
    JOB_IN,
    JOB_OUT,
    JOB_LATE,
    JOB_HELD,
    JOB_MEMORY,
    JOB_PEAK,
    JOB_SPILLED,
    JOB_RESIDENT,
    JOB_WATERMARK,
    JOB_EVENT,
    JOB_PARALLELISM,
    JOB_CHECKPOINTS,
    JOB_FAILED,
    JOB_AGE,
    JOB_DURATION,
    JOB_PAUSE,
    JOB_BYTES,
    JOB_NEW_BYTES
} job_metric;

static const struct {
    job_metric what;
    metric_type type;
    const char *name;
    const char *help;
} job_metrics[] = {
    {JOB_UP, GAUGE, "job_up", "1 while the job runs, 0 once it has ended"},
    {JOB_PARALLELISM, GAUGE, "job_parallelism", "Lanes of the job"},
    {JOB_IN, COUNTER, "rows_in_total", "Rows decoded by the job's sources"},
    {JOB_OUT, COUNTER, "rows_out_total", "Rows taken by the job's sinks"},
    {JOB_LATE, COUNTER, "late_rows_total", "Rows that came after their window had closed"},
    {JOB_HELD, GAUGE, "held_rows", "Rows in state that are not yet decided"},
    {JOB_MEMORY, GAUGE, "memory_bytes", "Memory of the job"},
    {JOB_PEAK, GAUGE, "memory_peak_bytes", "Most memory the job has had"},
    {JOB_SPILLED, GAUGE, "state_spilled_bytes", "State that was moved to a file"},
    {JOB_RESIDENT, GAUGE, "state_resident_bytes", "Of that, in memory at the moment"},
    {JOB_WATERMARK, GAUGE, "watermark_timestamp_seconds",
     "Event time up to which input is complete"},
    {JOB_EVENT, GAUGE, "event_timestamp_seconds", "Largest event time that was read"},
    {JOB_CHECKPOINTS, COUNTER, "checkpoints_completed_total", "Checkpoints and savepoints made"},
    {JOB_FAILED, COUNTER, "checkpoints_failed_total", "Checkpoints and savepoints that failed"},
    {JOB_AGE, GAUGE, "checkpoint_age_seconds", "Time since the last checkpoint was triggered"},
    {JOB_DURATION, GAUGE, "checkpoint_duration_seconds",
     "Of the last checkpoint, from its trigger until it was durable"},
    {JOB_PAUSE, GAUGE, "checkpoint_pause_seconds",
     "Longest time that a task stood still for the last checkpoint"},
    {JOB_BYTES, GAUGE, "checkpoint_bytes", "Bytes that the last checkpoint is made of"},
    {JOB_NEW_BYTES, GAUGE, "checkpoint_new_bytes", "Bytes written for the last checkpoint"},
};

static bool job_value(const lt_cli *cli, const lt_cli_job *job, const leat_stats *stats,
                      job_metric what, double *out)
{
    const leat_checkpoint_stats *made = &stats->checkpoints;
    bool keeps = stats->state_dir != NULL;
    switch (what) {
    case JOB_UP:
        *out = job->live;
        return true;
    case JOB_PARALLELISM:
        *out = stats->parallelism;
        return true;
    case JOB_IN:
        *out = (double)stats->rows_in;
        return true;
    case JOB_OUT:
        *out = (double)stats->rows_out;
        return true;
    case JOB_LATE:
        *out = (double)stats->late;
        return true;
    case JOB_HELD:
        *out = (double)stats->held;
        return true;
    case JOB_MEMORY:
        *out = (double)stats->memory_bytes;
        return true;
    case JOB_PEAK:
        *out = (double)stats->memory_peak_bytes;
        return true;
    case JOB_SPILLED:
        *out = (double)stats->state_spilled_bytes;
        return true;
    case JOB_RESIDENT:
        *out = (double)stats->state_resident_bytes;
        return true;
    case JOB_WATERMARK:
        return seconds_of(stats->watermark_ms, out);
    case JOB_EVENT:
        return seconds_of(stats->event_max_ms, out);
    case JOB_CHECKPOINTS:
        *out = (double)made->completed;
        return keeps;
    case JOB_FAILED:
        *out = (double)made->failed;
        return keeps;
    case JOB_AGE:
        *out = (double)lt_checkpoint_age_ms(cli, stats) / 1000;
        return *out >= 0;
    case JOB_DURATION:
        *out = (double)made->last_duration_us / 1e6;
        return made->completed > 0;
    case JOB_PAUSE:
        *out = (double)made->last_pause_us / 1e6;
        return made->completed > 0;
    case JOB_BYTES:
        *out = (double)made->last_bytes_all;
        return made->completed > 0;
    case JOB_NEW_BYTES:
        *out = (double)made->last_bytes_new;
        return made->completed > 0;
    }
    return false;
}

/* Jobs without state may share a name: an index tells them apart. */
static void job_labels(lt_text *to, const char *name, const leat_stats *stats, size_t index)
{
    lt_text_printf(to, "leat_%s{job=\"", name);
    lt_metrics_label(to, stats->name);
    lt_text_printf(to, "\",job_index=\"%zu\"", index + 1);
}

static void job_families(lt_text *to, const lt_cli *cli, const lt_cli_job *jobs, size_t count)
{
    for (size_t m = 0; m < LT_COUNT_OF(job_metrics); m++) {
        family(to, job_metrics[m].name, job_metrics[m].type, job_metrics[m].help);
        for (size_t i = 0; i < count; i++) {
            leat_stats stats;
            double number = 0;
            leat_get_stats(jobs[i].job, &stats);
            if (jobs[i].shown && job_value(cli, &jobs[i], &stats, job_metrics[m].what, &number)) {
                job_labels(to, job_metrics[m].name, &stats, i);
                lt_text_putc(to, '}');
                value(to, number);
            }
        }
    }
}

static void reject_family(lt_text *to, const lt_cli_job *jobs, size_t count)
{
    static const char name[] = "rejected_rows_total";
    family(to, name, COUNTER, "Rows that were refused, by where");
    for (size_t i = 0; i < count; i++) {
        leat_stats stats;
        leat_get_stats(jobs[i].job, &stats);
        for (uint32_t s = 0; jobs[i].shown && s < stats.reject_stage_count; s++) {
            job_labels(to, name, &stats, i);
            lt_text_printf(to, ",stage=\"%s\"}", stats.rejects[s].stage);
            value(to, (double)stats.rejects[s].rows);
        }
    }
}

/* ---- operators ---- */

typedef enum {
    NODE_IN,
    NODE_OUT,
    NODE_FILTERED,
    NODE_LATE,
    NODE_EXPIRED,
    NODE_REJECTED,
    NODE_HELD,
    NODE_BYTES,
    NODE_STATE_BYTES,
    NODE_STATE_ROWS,
    NODE_MEMORY,
    NODE_TASKS,
    NODE_BUSY,
    NODE_BUSY_RATIO,
    NODE_BLOCKED,
    NODE_IDLE,
    NODE_BOTTLENECK,
    NODE_WATERMARK,
    NODE_BEHIND,
    NODE_BEHIND_P99,
    NODE_BEHIND_P999,
    NODE_BEHIND_P9999
} node_metric;

static const struct {
    node_metric what;
    metric_type type;
    const char *name;
    const char *help;
} node_metrics[] = {
    {NODE_IN, COUNTER, "node_rows_in_total", "Rows that came in"},
    {NODE_OUT, COUNTER, "node_rows_out_total", "Rows that went out"},
    {NODE_FILTERED, COUNTER, "node_filtered_rows_total", "Rows that a condition left out"},
    {NODE_LATE, COUNTER, "node_late_rows_total", "Rows that came after their window had closed"},
    {NODE_EXPIRED, COUNTER, "node_expired_rows_total", "Rows dropped with idle state"},
    {NODE_REJECTED, COUNTER, "node_rejected_rows_total", "Rows that were refused"},
    {NODE_HELD, GAUGE, "node_held_rows", "Rows in state that are not yet decided"},
    {NODE_BYTES, COUNTER, "node_bytes_total", "Bytes that a source read or a sink wrote"},
    {NODE_STATE_BYTES, GAUGE, "node_state_bytes", "Memory of the operator's state"},
    {NODE_STATE_ROWS, GAUGE, "node_state_rows", "Records in the operator's state"},
    {NODE_MEMORY, GAUGE, "node_memory_bytes", "Memory of state, batches and buffers"},
    {NODE_TASKS, GAUGE, "node_tasks", "Instances of the operator"},
    {NODE_BUSY, COUNTER, "node_busy_seconds_total", "Time spent working, all tasks"},
    {NODE_BUSY_RATIO, GAUGE, "node_busy_ratio", "Share of the last second spent working"},
    {NODE_BLOCKED, GAUGE, "node_backpressured", "1 while a full queue holds the operator back"},
    {NODE_IDLE, GAUGE, "node_idle", "1 while the source is idle"},
    {NODE_BOTTLENECK, GAUGE, "node_bottleneck", "1 while the operator holds others back"},
    {NODE_WATERMARK, GAUGE, "node_watermark_timestamp_seconds", "Merged watermark of its inputs"},
    {NODE_BEHIND, COUNTER, "node_behind_rows_total",
     "Rows of a source behind the newest event time before them"},
    {NODE_BEHIND_P99, GAUGE, "node_behind_p99_seconds",
     "How far behind it 99 % of the rows are at most"},
    {NODE_BEHIND_P999, GAUGE, "node_behind_p999_seconds", "The same of 99.9 %"},
    {NODE_BEHIND_P9999, GAUGE, "node_behind_p9999_seconds", "The same of 99.99 %"},
};

static bool behind(const leat_node_stats *node, node_metric what, double *out)
{
    *out = (double)node->behind_ms[what - NODE_BEHIND_P99] / 1e3;
    return node->behind_ms[0] >= 0;
}

static bool node_value(const lt_cli_job *job, const leat_node_stats *node, uint32_t index,
                       node_metric what, double *out)
{
    switch (what) {
    case NODE_IN:
        *out = (double)node->in;
        return true;
    case NODE_OUT:
        *out = (double)node->out;
        return true;
    case NODE_FILTERED:
        *out = (double)node->filtered;
        return true;
    case NODE_LATE:
        *out = (double)node->late;
        return true;
    case NODE_EXPIRED:
        *out = (double)node->expired;
        return true;
    case NODE_REJECTED:
        *out = (double)node->rejected;
        return true;
    case NODE_HELD:
        *out = (double)node->held;
        return true;
    case NODE_BYTES:
        *out = (double)node->bytes;
        return strcmp(node->kind, "operator") != 0;
    case NODE_STATE_BYTES:
        *out = (double)node->state_bytes;
        return strcmp(node->kind, "operator") == 0;
    case NODE_STATE_ROWS:
        *out = (double)node->state_rows;
        return strcmp(node->kind, "operator") == 0;
    case NODE_MEMORY:
        *out = (double)node->memory_bytes;
        return true;
    case NODE_TASKS:
        *out = (double)node->tasks;
        return true;
    case NODE_BUSY:
        *out = (double)node->busy_ns / 1e9;
        return true;
    case NODE_BUSY_RATIO:
        *out = index < job->busy_count ? job->busy[index].ratio : 0;
        return index < job->busy_count;
    case NODE_BLOCKED:
        *out = node->blocked;
        return true;
    case NODE_IDLE:
        *out = node->idle;
        return strcmp(node->kind, "source") == 0;
    case NODE_BOTTLENECK:
        *out = node->bottleneck;
        return true;
    case NODE_WATERMARK:
        return strcmp(node->kind, "source") != 0 && seconds_of(node->watermark_ms, out);
    case NODE_BEHIND:
        *out = (double)node->behind_rows;
        return node->behind_ms[0] >= 0;
    case NODE_BEHIND_P99:
    case NODE_BEHIND_P999:
    case NODE_BEHIND_P9999:
        return behind(node, what, out);
    }
    return false;
}

static void node_family(lt_text *to, const lt_cli_job *jobs, size_t count, size_t m)
{
    family(to, node_metrics[m].name, node_metrics[m].type, node_metrics[m].help);
    for (size_t i = 0; i < count; i++) {
        leat_stats stats;
        leat_get_stats(jobs[i].job, &stats);
        for (uint32_t n = 0; jobs[i].shown && n < stats.node_count; n++) {
            const leat_node_stats *node = &stats.nodes[n];
            double number = 0;
            if (node_value(&jobs[i], node, n, node_metrics[m].what, &number)) {
                job_labels(to, node_metrics[m].name, &stats, i);
                lt_text_puts(to, ",node=\"");
                lt_metrics_label(to, node->name);
                lt_text_printf(to, "\",node_index=\"%u\"}", n);
                value(to, number);
            }
        }
    }
}

/* ---- the process ---- */

/* Resident memory as Linux tells it; false elsewhere. */
static bool resident_bytes(const lt_cli *cli, double *out)
{
    lt_text text;
    int64_t kib = 0;
    lt_text_init(&text, cli->mem);
    bool is_read =
        lt_env_read_file(cli->env, "/proc/self/status", STATUS_BYTES_MAX, &text, NULL) == LT_OK;
    const char *line = is_read && text.ptr != NULL ? strstr(text.ptr, "VmRSS:") : NULL;
    bool found = false;
    if (line != NULL) {
        const char *digits = line + strcspn(line, "0123456789");
        found = lt_str_to_i64((lt_str){digits, strspn(digits, "0123456789")}, &kib);
    }
    lt_text_deinit(&text);
    *out = (double)kib * 1024;
    return found;
}

void lt_metrics_text(lt_text *to, const lt_cli *cli, const lt_cli_job *jobs, size_t count)
{
    double bytes;
    family(to, "build_info", GAUGE, "Version of the program");
    lt_text_printf(to, "leat_build_info{version=\"%s\"} 1\n", leat_version());
    family(to, "process_uptime_seconds", GAUGE, "Time since the program began");
    lt_text_puts(to, "leat_process_uptime_seconds");
    value(to, (double)((cli->env->mono_ns(cli->env) - cli->start_ns) / 1000000) / 1000);
    if (resident_bytes(cli, &bytes)) {
        family(to, "process_resident_memory_bytes", GAUGE, "Resident memory of the process");
        lt_text_puts(to, "leat_process_resident_memory_bytes");
        value(to, bytes);
    }
    job_families(to, cli, jobs, count);
    reject_family(to, jobs, count);
    for (size_t m = 0; m < LT_COUNT_OF(node_metrics); m++) {
        node_family(to, jobs, count, m);
    }
}

/* ---- HTTP ---- */

static void respond(lt_text *to, const char *status, const char *type, lt_str body, bool head_only)
{
    lt_text_printf(to,
                   "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                   "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
                   status, type, body.len);
    if (!head_only) {
        lt_text_append(to, body.ptr, body.len);
    }
}

static void respond_plain(lt_text *to, const char *status)
{
    char body[64];
    (void)snprintf(body, sizeof body, "%s\n", status);
    respond(to, status, "text/plain; charset=utf-8", lt_str_of(body), false);
}

static bool header_ends(lt_str request)
{
    for (size_t i = 0; i + 1 < request.len; i++) {
        bool crlf = i + 3 < request.len && memcmp(request.ptr + i, "\r\n\r\n", 4) == 0;
        if (crlf || memcmp(request.ptr + i, "\n\n", 2) == 0) {
            return true;
        }
    }
    return false;
}

/* The next word of the request line. */
static lt_str word(lt_str *line)
{
    size_t len = 0;
    while (len < line->len && line->ptr[len] != ' ') {
        len++;
    }
    lt_str found = {line->ptr, len};
    size_t used = LT_MIN(len + 1, line->len);
    *line = (lt_str){line->ptr + used, line->len - used};
    return found;
}

bool lt_http_answer(lt_str request, const lt_cli *cli, lt_cli_job *jobs, size_t count, lt_text *to)
{
    if (!header_ends(request)) {
        if (request.len < LT_SERVER_LINE_MAX) {
            return false;
        }
        respond_plain(to, "431 Request Header Fields Too Large");
        return true;
    }
    const char *end = memchr(request.ptr, '\n', request.len);
    lt_str line = lt_str_trim((lt_str){request.ptr, (size_t)(end - request.ptr)});
    lt_str method = word(&line);
    lt_str path = word(&line);
    const char *query = memchr(path.ptr, '?', path.len);
    path.len = query != NULL ? (size_t)(query - path.ptr) : path.len;
    bool is_head = lt_str_eq(method, LT_STR("HEAD"));
    if (!lt_str_starts(line, LT_STR("HTTP/1.")) || path.len == 0 || path.ptr[0] != '/') {
        respond_plain(to, "400 Bad Request");
    } else if (!is_head && !lt_str_eq(method, LT_STR("GET"))) {
        respond_plain(to, "405 Method Not Allowed");
    } else if (lt_str_eq(path, LT_STR("/healthz"))) {
        respond(to, "200 OK", "text/plain; charset=utf-8", LT_STR("ok\n"), is_head);
    } else if (lt_str_eq(path, LT_STR("/metrics"))) {
        lt_text body;
        lt_text_init(&body, cli->mem);
        lt_metrics_text(&body, cli, jobs, count);
        to->failed = to->failed || body.failed;
        respond(to, "200 OK", "text/plain; version=0.0.4; charset=utf-8", lt_text_str(&body),
                is_head);
        lt_text_deinit(&body);
    } else {
        respond_plain(to, "404 Not Found");
    }
    return true;
}
