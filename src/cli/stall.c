/* A live job that takes rows and gives none: after five seconds `leat run` says why on stderr,
 * once. The first operator that has taken rows and given none is the one to speak of: what it did
 * with them is in its ledger, and what an open window waits for in the watermarks. */
#include "base/array.h"
#include "cli/human.h"
#include "cli/run_int.h"

#define LOOK_NS  INT64_C(500000000)
#define AFTER_NS INT64_C(5000000000)
#define BUSY     1000 /* rows between two looks: a file is read, it is no pipe that people fill */

static void put_rows(lt_text *to, uint64_t rows)
{
    lt_human_count(to, rows);
    lt_text_puts(to, rows == 1 ? " row" : " rows");
}

static void put_time(lt_text *to, int64_t ms)
{
    lt_human_time(to, ms);
    lt_text_printf(to, ".%03d UTC", (int)((ms % 1000 + 1000) % 1000));
}

/* The first that keeps all it gets; NULL: rows are only under way, or wait for a replay's clock. */
static const leat_node_stats *silent_node(const leat_stats *stats)
{
    for (uint32_t i = 0; i < stats->node_count; i++) {
        const leat_node_stats *node = &stats->nodes[i];
        if (strcmp(node->kind, "operator") == 0 && node->in > 0 && node->out == 0) {
            return strcmp(node->name, "Pace") != 0 ? node : NULL;
        }
    }
    return NULL;
}

typedef struct {
    const char *name;             /* "Source: t"; NULL = no table has a watermark */
    const leat_node_stats *marks; /* where its rows get their watermarks */
    bool is_idle;
} split_behind;

/* Which of the sources has the least watermark. */
static split_behind last_split(const leat_stats *stats)
{
    split_behind last = {NULL, NULL, false};
    const leat_node_stats *source = NULL;
    for (uint32_t i = 0; i < stats->node_count; i++) {
        const leat_node_stats *node = &stats->nodes[i];
        source = strcmp(node->kind, "source") == 0 ? node : source;
        bool assigns = node->behind_ms[0] >= 0 && source != NULL && !source->ended;
        if (assigns && (last.marks == NULL || node->watermark_ms < last.marks->watermark_ms)) {
            last = (split_behind){source->name, node, source->idle};
        }
    }
    return last;
}

static void put_split(lt_text *to, const split_behind *split, int64_t fires_ms)
{
    const leat_node_stats *marks = split->marks;
    lt_text_printf(to, "leat: %s holds it back: ", split->name);
    if (marks->newest_ms == LEAT_TIME_MIN) {
        lt_text_puts(to,
                     "no row has come from it yet\n"
                     "leat: 'scan.watermark.idle-timeout' = '10 s' on it lets the other sources "
                     "go on without it\n");
        return;
    }
    lt_text_puts(to, "its newest event is of ");
    put_time(to, marks->newest_ms);
    if (marks->watermark_ms == LEAT_TIME_MIN) {
        lt_text_puts(to,
                     ", and there is no watermark yet\n"
                     "leat: a watermark begins behind 1970-01-01 and is never NULL: look at the "
                     "WATERMARK of the table and at the unit of its times\n");
        return;
    }
    int64_t delay_ms = marks->newest_ms - marks->watermark_ms;
    lt_text_puts(to, ", its watermark ");
    put_time(to, marks->watermark_ms);
    lt_text_putc(to, '\n');
    if (fires_ms != LEAT_TIME_MAX && marks->newest_ms >= fires_ms) {
        lt_text_puts(to, "leat: events are new enough, but the watermark stays ");
        lt_human_elapsed(to, LT_MIN(delay_ms, INT64_MAX / 1000000) * 1000000);
        lt_text_puts(to, " behind them: a smaller delay in WATERMARK lets windows close sooner "
                         "(leat check --suggest-watermark)\n");
    } else if (fires_ms != LEAT_TIME_MAX) {
        lt_text_puts(to, "leat: an event of ");
        put_time(to, fires_ms + LT_MAX(delay_ms, 0));
        lt_text_puts(to, " or later moves it on; where none may come, "
                         "'scan.watermark.idle-advance' = 'true' lets the clock do it\n");
    } else {
        lt_text_puts(to, "leat: later events move it on; where none may come, "
                         "'scan.watermark.idle-advance' = 'true' lets the clock do it\n");
    }
}

static void put_waiting(lt_text *to, const leat_stats *stats, const leat_node_stats *node)
{
    lt_text_printf(to, "%s holds ", node->name);
    put_rows(to, node->held);
    split_behind split = last_split(stats);
    if (split.marks == NULL) {
        lt_text_puts(to, "\nleat: no table that it reads has a watermark: declare one, such as "
                         "WATERMARK FOR ts AS ts - INTERVAL '5' SECOND\n");
        return;
    }
    if (node->fires_ms != LEAT_TIME_MAX) {
        lt_text_puts(to, " in windows, the first of which ends when the watermark reaches ");
        put_time(to, node->fires_ms);
    } else {
        lt_text_puts(to, " until the watermark has passed them");
    }
    lt_text_putc(to, '\n');
    put_split(to, &split, node->fires_ms);
}

static void put_reason(lt_text *to, const leat_stats *stats, const leat_node_stats *node)
{
    if (node->held > 0) {
        put_waiting(to, stats, node);
        return;
    }
    if (node->late > 0 && node->late >= node->filtered) {
        lt_text_printf(to, "%s dropped ", node->name);
        put_rows(to, node->late);
        lt_text_puts(to, " as late\nleat: a larger delay in WATERMARK waits for them (leat check "
                         "--suggest-watermark)\n");
        return;
    }
    if (node->rejected > 0) {
        lt_text_printf(to, "%s refused ", node->name);
        put_rows(to, node->rejected);
        lt_text_printf(to, "\nleat: the last one: %s\n", stats->last_reject);
        return;
    }
    lt_text_printf(to,
                   node->filtered > 0 ? "no row meets the condition of %s\n"
                                      : "%s has taken rows and given none\n",
                   node->name);
}

/* Input that ends gives its results at the end: only where it comes in drops, as from a pipe, is
 * somebody waiting. */
static bool is_live(const lt_cli_job *job, const leat_stats *stats)
{
    bool open = false;
    for (uint32_t i = 0; i < stats->node_count; i++) {
        open = open || (strcmp(stats->nodes[i].kind, "source") == 0 && !stats->nodes[i].ended);
    }
    return open && (!stats->bounded || stats->rows_in - job->silence.rows < BUSY);
}

void lt_run_explain_silence(lt_runner *self, lt_cli_job *job)
{
    int64_t now_ns = self->cli->env->mono_ns(self->cli->env);
    if (job->silence.done || now_ns < job->silence.look_ns) {
        return;
    }
    leat_stats stats;
    leat_get_stats(job->job, &stats);
    uint64_t out = job->writer != NULL ? lt_writer_count(job->writer) : stats.rows_out;
    job->silence.look_ns = now_ns + LOOK_NS;
    job->silence.done = self->quiet || out > 0;
    bool live = is_live(job, &stats);
    job->silence.rows = stats.rows_in;
    if (job->silence.done || stats.rows_in == 0) {
        return;
    }
    if (job->silence.since_ns == 0 || !live) {
        job->silence.since_ns = now_ns;
    }
    const leat_node_stats *node = silent_node(&stats);
    if (now_ns - job->silence.since_ns < AFTER_NS || node == NULL) {
        return;
    }
    job->silence.done = true;
    lt_text text;
    lt_text_init(&text, self->cli->mem);
    lt_text_printf(&text, "leat: %s: ", job->name);
    put_rows(&text, stats.rows_in);
    lt_text_puts(&text, " in, none out yet: ");
    put_reason(&text, &stats, node);
    lt_progress_hide(&self->progress);
    lt_cli_err_write(self->cli, lt_text_str(&text));
    lt_text_deinit(&text);
}
