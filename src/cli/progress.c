/* The live status area on stderr.
 *
 * The area is whole lines above the cursor, so that a line printed while it is hidden scrolls above
 * it. One write draws a frame; terminals that know synchronized updates (mode 2026) show it at
 * once, others ignore the mode. */
#include "cli/grid.h"
#include "cli/human.h"
#include "cli/jobs.h"

#define FRAME_NS      INT64_C(100000000)
#define FIRST_NS      INT64_C(500000000) /* short runs show nothing */
#define SAMPLE_NS     INT64_C(50000000)
#define JOBS_SHOWN    3
#define COLUMNS_LEAST 20
#define LAG_MS_MAX    INT64_C(1000000000000)

#define SYNC_BEGIN "\033[?2026h"
#define SYNC_END   "\033[?2026l"
#define BOLD       "\033[1m"
#define DIM        "\033[2m"
#define YELLOW     "\033[33m"
#define PLAIN      "\033[0m"

void lt_progress_init(lt_progress *self, lt_cli *cli, const char *title, bool enabled)
{
    *self = (lt_progress){.cli = cli, .title = title, .enabled = enabled && cli->redraw};
    self->start_ns = cli->env->mono_ns(cli->env);
    lt_text_init(&self->content, cli->mem);
    lt_text_init(&self->frame, cli->mem);
}

void lt_progress_deinit(lt_progress *self)
{
    lt_progress_hide(self);
    lt_text_deinit(&self->content);
    lt_text_deinit(&self->frame);
}

static uint32_t terminal_size(const lt_progress *self, uint32_t *lines)
{
    int columns = 80;
    int rows = 24;
    (void)self->cli->env->is_terminal(self->cli->err, &columns, &rows);
    *lines = rows > 1 ? (uint32_t)rows : 2;
    return columns > COLUMNS_LEAST ? (uint32_t)columns : COLUMNS_LEAST;
}

/* Lines that the area takes now: a terminal that became narrower has wrapped it. */
static void erase(lt_progress *self, lt_text *to)
{
    uint32_t screen_lines;
    uint32_t columns = terminal_size(self, &screen_lines);
    uint32_t up = 0;
    for (uint32_t i = 0; i < self->line_count; i++) {
        up += self->widths[i] > columns ? (self->widths[i] + columns - 1) / columns : 1;
    }
    lt_text_putc(to, '\r');
    if (up > 0) {
        lt_text_printf(to, "\033[%uA", LT_MIN(up, screen_lines));
    }
    lt_text_puts(to, "\033[J");
}

void lt_progress_hide(lt_progress *self)
{
    if (!self->visible) {
        return;
    }
    lt_text_clear(&self->frame);
    erase(self, &self->frame);
    lt_cli_err_write(self->cli, lt_text_str(&self->frame));
    self->visible = false;
}

/* Cells of a line with colours in it. */
static uint32_t visible_width(lt_str line)
{
    uint32_t low = 0;
    uint32_t high = (uint32_t)LT_MIN(line.len, (size_t)4096);
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (lt_text_fit(line, mid) < line.len) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

void lt_progress_show(lt_progress *self)
{
    if (!self->enabled || self->drawn_ns == 0) {
        return;
    }
    lt_text_clear(&self->frame);
    lt_text_puts(&self->frame, SYNC_BEGIN);
    if (self->visible) {
        erase(self, &self->frame);
    }
    self->line_count = 0;
    lt_str rest = lt_text_str(&self->content);
    while (rest.len > 0 && self->line_count < LT_PROGRESS_LINES_MAX) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
        self->widths[self->line_count++] = visible_width((lt_str){rest.ptr, len});
        lt_text_append(&self->frame, rest.ptr, len);
        lt_text_putc(&self->frame, '\n');
        size_t used = len + (end != NULL ? 1 : 0);
        rest = (lt_str){rest.ptr + used, rest.len - used};
    }
    lt_text_puts(&self->frame, SYNC_END);
    lt_cli_err_write(self->cli, lt_text_str(&self->frame));
    self->visible = self->line_count > 0;
}

/* ---- content ---- */

uint64_t lt_stats_bytes_in(const leat_stats *stats)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < stats->node_count; i++) {
        if (strcmp(stats->nodes[i].kind, "source") == 0) {
            bytes += stats->nodes[i].bytes;
        }
    }
    return bytes;
}

void lt_stats_flow(const leat_stats *stats, lt_cli_flow *out)
{
    uint64_t paced_rows = 0;
    int64_t paced_ms = LEAT_TIME_MIN;
    *out = (lt_cli_flow){.rows = stats->rows_in,
                         .event_ms = stats->event_max_ms,
                         .watermark_ms = stats->watermark_ms};
    for (uint32_t i = 0; i < stats->node_count; i++) {
        const leat_node_stats *node = &stats->nodes[i];
        if (strcmp(node->name, "Pace") == 0) {
            out->paced = true;
            paced_rows += node->out;
        } else if (out->paced) {
            /* Nothing behind a pacing stage has a later clock than what that let go. */
            paced_ms = LT_MAX(paced_ms, node->watermark_ms);
        }
    }
    if (out->paced) {
        out->rows = paced_rows;
        out->watermark_ms = paced_ms;
    } else {
        out->bytes = lt_stats_bytes_in(stats);
    }
}

static void sample(lt_progress *self, lt_cli_job *jobs, size_t count, int64_t now_ns)
{
    uint64_t rows = 0;
    uint64_t bytes = 0;
    int64_t now_ms = self->cli->env->wall_us(self->cli->env) / 1000;
    for (size_t i = 0; i < count; i++) {
        leat_stats stats;
        lt_cli_flow flow;
        leat_get_stats(jobs[i].job, &stats);
        lt_stats_flow(&stats, &flow);
        rows += flow.rows;
        bytes += flow.bytes;
        if (jobs[i].live) {
            lt_spark_add(&jobs[i].spark, flow.event_ms, now_ms, flow.rows);
        }
    }
    size_t at = self->sample_count++ % LT_PROGRESS_RATE_SAMPLES;
    self->samples[at].ns = now_ns;
    self->samples[at].rows = rows;
    self->samples[at].bytes = bytes;
    self->sampled_ns = now_ns;
}

/* Per second over the samples kept, about the last second. */
static void rates(const lt_progress *self, double *rows, double *bytes)
{
    *rows = 0;
    *bytes = 0;
    if (self->sample_count < 2) {
        return;
    }
    size_t last = (self->sample_count - 1) % LT_PROGRESS_RATE_SAMPLES;
    size_t first = self->sample_count > LT_PROGRESS_RATE_SAMPLES
                       ? self->sample_count % LT_PROGRESS_RATE_SAMPLES
                       : 0;
    double seconds = (double)(self->samples[last].ns - self->samples[first].ns) / 1e9;
    if (seconds > 0) {
        *rows = (double)(self->samples[last].rows - self->samples[first].rows) / seconds;
        *bytes = (double)(self->samples[last].bytes - self->samples[first].bytes) / seconds;
    }
}

/* Ends the line that began at start: cut to the screen, without colour left open. */
static void end_line(lt_progress *self, lt_text *to, size_t start, uint32_t columns)
{
    size_t fit = lt_text_fit((lt_str){to->ptr + start, to->len - start}, columns - 1);
    if (to->len > start + fit) {
        to->len = start + fit;
        to->ptr[to->len] = '\0';
    }
    lt_text_puts(to, self->cli->color ? PLAIN "\n" : "\n");
}

static void colour(const lt_progress *self, lt_text *to, const char *code)
{
    if (self->cli->color) {
        lt_text_puts(to, code);
    }
}

static void label(const lt_progress *self, lt_text *to, const char *name)
{
    lt_text_puts(to, "  ");
    colour(self, to, DIM);
    lt_text_puts(to, name);
    colour(self, to, PLAIN);
    lt_text_putc(to, ' ');
}

static void alarm_count(const lt_progress *self, lt_text *to, const char *name, uint64_t value)
{
    label(self, to, name);
    colour(self, to, value > 0 ? YELLOW : "");
    lt_human_count(to, value);
    colour(self, to, value > 0 ? PLAIN : "");
}

static void head_line(lt_progress *self, lt_text *to, uint64_t rows_in, uint64_t rows_out,
                      int64_t memory)
{
    double rows;
    double bytes;
    rates(self, &rows, &bytes);
    colour(self, to, BOLD);
    lt_text_puts(to, self->title[0] != '\0' ? self->title : "leat");
    colour(self, to, PLAIN);
    lt_text_puts(to, "  ");
    lt_human_elapsed(to, self->cli->env->mono_ns(self->cli->env) - self->start_ns);
    label(self, to, "in");
    lt_human_count(to, rows_in);
    label(self, to, "out");
    lt_human_count(to, rows_out);
    lt_text_puts(to, "  ");
    lt_human_short(to, rows);
    lt_text_puts(to, " rows/s");
    if (bytes > 0) {
        lt_text_puts(to, "  ");
        lt_human_bytes(to, bytes);
        lt_text_puts(to, "/s");
    }
    label(self, to, "mem");
    lt_human_bytes(to, (double)memory);
}

/* Of two times in the text, the second keeps its date only where that differs. */
static void drop_same_day(lt_text *to, size_t first, size_t second)
{
    size_t day = sizeof "2026-01-31";
    if (!to->failed && to->len > second + day &&
        memcmp(to->ptr + first, to->ptr + second, day) == 0) {
        memmove(to->ptr + second, to->ptr + second + day, to->len - second - day + 1);
        to->len -= day;
    }
}

static void clocks(const lt_progress *self, lt_text *to, const lt_cli_flow *flow, bool bounded)
{
    size_t first = 0;
    if (!flow->paced) {
        label(self, to, "event");
        first = to->len;
        lt_human_time(to, flow->event_ms);
    }
    label(self, to, "watermark");
    size_t at = to->len;
    lt_human_time(to, flow->watermark_ms);
    if (first > 0) {
        drop_same_day(to, first, at);
    }
    lt_text_puts(to, " UTC");
    if (flow->event_ms == LEAT_TIME_MAX || (bounded && flow->watermark_ms == LEAT_TIME_MIN)) {
        return;
    }
    /* Live input trails the clock on the wall; a recording's results trail its newest row. */
    int64_t lag_ms = bounded ? flow->event_ms - flow->watermark_ms
                             : self->cli->env->wall_us(self->cli->env) / 1000 - flow->event_ms;
    label(self, to, "lag");
    lt_human_elapsed(to, (lag_ms > 0 ? LT_MIN(lag_ms, LAG_MS_MAX) : 0) * 1000000);
}

static void time_line(const lt_progress *self, lt_text *to, const lt_cli_job *job,
                      const leat_stats *stats)
{
    lt_cli_flow flow;
    lt_stats_flow(stats, &flow);
    lt_text_puts(to, "  ");
    lt_text_puts(to, job->name);
    if (flow.event_ms != LEAT_TIME_MIN) {
        clocks(self, to, &flow, stats->bounded);
    }
    alarm_count(self, to, "late", stats->late);
    alarm_count(self, to, "rejected", stats->rejected);
    label(self, to, "held");
    lt_human_count(to, stats->held);
    int64_t age_ms = lt_checkpoint_age_ms(self->cli, stats);
    if (age_ms >= 0) {
        label(self, to, "checkpoint");
        lt_human_elapsed(to, LT_MIN(age_ms, LAG_MS_MAX) * 1000000);
        lt_text_puts(to, " ago");
    }
    if (stats->checkpoints.error[0] != '\0') {
        alarm_count(self, to, "failed", stats->checkpoints.failed);
    }
}

/* Sinks, what sources say, and the operator that holds the others back. */
static void node_line(const lt_progress *self, lt_text *to, const leat_stats *stats)
{
    const char *holder = NULL;
    lt_text_puts(to, "  ");
    for (uint32_t i = 0; i < stats->node_count; i++) {
        leat_node_stats node = stats->nodes[i];
        if (node.bottleneck) {
            holder = node.name;
        }
        if (strcmp(node.kind, "sink") == 0) {
            const char *colon = strstr(node.name, ": ");
            label(self, to, colon != NULL ? colon + 2 : node.name);
            lt_human_count(to, node.in);
        }
        if (strcmp(node.kind, "source") == 0 && node.event != NULL && node.event[0] != '\0') {
            label(self, to, node.name);
            lt_text_puts(to, node.event);
        }
        if (strcmp(node.kind, "source") == 0 && node.idle) {
            label(self, to, node.name);
            lt_text_puts(to, "idle");
        }
    }
    if (holder != NULL) {
        label(self, to, "held back by");
        lt_text_puts(to, holder);
    }
}

static void spark_line(const lt_progress *self, lt_text *to, const lt_cli_job *job,
                       uint32_t columns)
{
    lt_text_puts(to, "    ");
    colour(self, to, DIM);
    lt_text_printf(to, "rows/%s ", lt_spark_unit(&job->spark));
    colour(self, to, PLAIN);
    uint32_t room = columns > 24 ? columns - 20 : 4;
    lt_spark_draw(&job->spark, to, LT_MIN(room, (uint32_t)LT_SPARK_CELLS), self->cli->utf8);
}

static void job_lines(lt_progress *self, lt_text *to, const lt_cli_job *job, uint32_t columns)
{
    leat_stats stats;
    leat_get_stats(job->job, &stats);
    size_t start = to->len;
    time_line(self, to, job, &stats);
    end_line(self, to, start, columns);
    start = to->len;
    node_line(self, to, &stats);
    if (to->len - start > 2) {
        end_line(self, to, start, columns);
    } else {
        to->len = start;
    }
    start = to->len;
    spark_line(self, to, job, columns);
    end_line(self, to, start, columns);
}

static void make_content(lt_progress *self, const lt_cli_job *jobs, size_t count)
{
    uint32_t screen_lines;
    uint32_t columns = terminal_size(self, &screen_lines);
    uint64_t rows_in = 0;
    uint64_t rows_out = 0;
    int64_t memory = 0;
    size_t hidden = 0;
    lt_text *to = &self->content;
    for (size_t i = 0; i < count; i++) {
        leat_stats stats;
        lt_cli_flow flow;
        leat_get_stats(jobs[i].job, &stats);
        lt_stats_flow(&stats, &flow);
        rows_in += flow.rows;
        rows_out += stats.rows_out;
        memory += jobs[i].live ? stats.memory_bytes : 0;
    }
    lt_text_clear(to);
    head_line(self, to, rows_in, rows_out, memory);
    end_line(self, to, 0, columns);
    size_t room = screen_lines > 5 ? (screen_lines - 2) / 3 : 0;
    size_t shown = 0;
    for (size_t i = 0; i < count; i++) {
        if (!jobs[i].live) {
            continue;
        }
        if (shown < LT_MIN(room, (size_t)JOBS_SHOWN)) {
            job_lines(self, to, &jobs[i], columns);
            shown++;
        } else {
            hidden++;
        }
    }
    if (hidden > 0 && room > 0) {
        size_t start = to->len;
        lt_text_printf(to, "  and %zu more", hidden);
        end_line(self, to, start, columns);
    }
}

int64_t lt_progress_tick(lt_progress *self, lt_cli_job *jobs, size_t count)
{
    if (!self->enabled) {
        return -1;
    }
    int64_t now_ns = self->cli->env->mono_ns(self->cli->env);
    if (now_ns - self->sampled_ns >= SAMPLE_NS) {
        sample(self, jobs, count, now_ns);
    }
    int64_t due_ns = self->drawn_ns == 0 ? self->start_ns + FIRST_NS : self->drawn_ns + FRAME_NS;
    if (now_ns >= due_ns) {
        make_content(self, jobs, count);
        self->drawn_ns = now_ns;
        if (!self->content.failed) {
            lt_progress_show(self);
        }
        due_ns = now_ns + FRAME_NS;
    }
    return (due_ns - now_ns) / 1000000 + 1;
}
