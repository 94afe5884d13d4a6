/* A running job as `leat status` shows it, and the samples behind its rates. */
#include "cli/human.h"
#include "cli/jobs.h"

#define SAMPLE_NS  INT64_C(1000000000)
#define AGE_MS_MAX INT64_C(1000000000000)

/* ---- samples ---- */

static void sample_nodes(lt_cli_job *job, lt_mem *mem, const leat_stats *stats, int64_t elapsed_ns)
{
    if (job->busy == NULL && stats->node_count > 0) {
        job->busy = lt_mem_zalloc(mem, stats->node_count * sizeof *job->busy);
        job->busy_count = job->busy != NULL ? stats->node_count : 0;
    }
    for (uint32_t i = 0; i < LT_MIN(job->busy_count, stats->node_count); i++) {
        const leat_node_stats *node = &stats->nodes[i];
        double had = (double)elapsed_ns * LT_MAX(node->tasks, 1U);
        double ratio = (double)(node->busy_ns - job->busy[i].busy_ns) / had;
        job->busy[i].ratio = ratio < 0 ? 0 : LT_MIN(ratio, 1.0);
        job->busy[i].busy_ns = node->busy_ns;
    }
}

void lt_cli_job_sample(lt_cli_job *job, lt_mem *mem, int64_t now_ns)
{
    int64_t since_ns = job->sampled_ns > 0 ? job->sampled_ns : job->start_ns;
    int64_t elapsed_ns = now_ns - since_ns;
    if (!job->live || elapsed_ns < SAMPLE_NS) {
        return;
    }
    leat_stats stats;
    leat_get_stats(job->job, &stats);
    job->rows_per_s = (double)(stats.rows_in - job->sampled_rows) * 1e9 / (double)elapsed_ns;
    job->sampled_rows = stats.rows_in;
    job->sampled_ns = now_ns;
    sample_nodes(job, mem, &stats, elapsed_ns);
}

void lt_cli_job_sample_free(lt_cli_job *job, lt_mem *mem)
{
    lt_mem_free(mem, job->busy, job->busy_count * sizeof *job->busy);
    job->busy = NULL;
    job->busy_count = 0;
}

double lt_cli_job_rate(const lt_cli_job *job)
{
    return job->live ? job->rows_per_s : 0;
}

int64_t lt_checkpoint_age_ms(const lt_cli *cli, const leat_stats *stats)
{
    if (stats->checkpoints.last_ms == LEAT_TIME_MIN || stats->checkpoints.last_id == 0) {
        return -1;
    }
    int64_t age_ms = cli->env->wall_us(cli->env) / 1000 - stats->checkpoints.last_ms;
    return age_ms > 0 ? LT_MIN(age_ms, AGE_MS_MAX) : 0;
}

/* ---- text ---- */

static void begin_line(lt_text *to, const char *name)
{
    lt_text_printf(to, "  %-12s", name);
}

static void count(lt_text *to, const char *before, uint64_t value, const char *after)
{
    lt_text_puts(to, before);
    lt_human_count(to, value);
    lt_text_puts(to, after);
}

static void rows_line(lt_text *to, const lt_cli_job *job, const leat_stats *stats)
{
    begin_line(to, "rows");
    count(to, "", stats->rows_in, " in (");
    lt_human_short(to, lt_cli_job_rate(job));
    count(to, "/s), ", stats->rows_out, " out, ");
    count(to, "", stats->late, " late, ");
    count(to, "", stats->rejected, " rejected, ");
    count(to, "", stats->held, " held\n");
}

static void clock_line(lt_text *to, const leat_stats *stats)
{
    begin_line(to, "watermark");
    lt_human_time(to, stats->watermark_ms);
    lt_text_puts(to, " UTC, newest event ");
    lt_human_time(to, stats->event_max_ms);
    lt_text_puts(to, " UTC\n");
}

static void checkpoint_line(lt_text *to, const lt_cli *cli, const leat_stats *stats)
{
    const leat_checkpoint_stats *made = &stats->checkpoints;
    int64_t age_ms = lt_checkpoint_age_ms(cli, stats);
    begin_line(to, "checkpoints");
    count(to, "", made->completed, " made, ");
    count(to, "", made->failed, " failed");
    if (age_ms >= 0) {
        lt_text_printf(to, "; last: %llu, ", (unsigned long long)made->last_id);
        lt_human_elapsed(to, age_ms * 1000000);
        lt_text_puts(to, " ago, took ");
        lt_human_elapsed(to, made->last_duration_us * 1000);
        lt_text_puts(to, ", ");
        lt_human_bytes(to, (double)made->last_bytes_new);
        lt_text_puts(to, " new of ");
        lt_human_bytes(to, (double)made->last_bytes_all);
    }
    if (made->restored_id > 0) {
        lt_text_printf(to, "; started from %llu", (unsigned long long)made->restored_id);
    }
    lt_text_putc(to, '\n');
    if (made->error[0] != '\0') {
        begin_line(to, "");
        lt_text_printf(to, "the last one failed: %s\n", made->error);
    }
}

static void holder_line(lt_text *to, const leat_stats *stats)
{
    for (uint32_t i = 0; i < stats->node_count; i++) {
        if (stats->nodes[i].bottleneck) {
            begin_line(to, "held back");
            lt_text_printf(to, "by %s\n", stats->nodes[i].name);
        }
    }
}

void lt_status_text(lt_text *to, const lt_cli *cli, const lt_cli_job *job)
{
    leat_stats stats;
    leat_get_stats(job->job, &stats);
    lt_text_printf(to, "%s: %s for ", stats.name, lt_cli_job_state(job));
    lt_human_elapsed(to, cli->env->mono_ns(cli->env) - job->start_ns);
    lt_text_printf(to, ", pid %lld, %u %s\n", (long long)cli->env->process_id(cli->env),
                   stats.parallelism, stats.parallelism == 1 ? "lane" : "lanes");
    rows_line(to, job, &stats);
    clock_line(to, &stats);
    begin_line(to, "memory");
    lt_human_bytes(to, (double)stats.memory_bytes);
    lt_text_puts(to, ", peak ");
    lt_human_bytes(to, (double)stats.memory_peak_bytes);
    lt_text_putc(to, '\n');
    if (stats.state_spilled_bytes > 0) {
        begin_line(to, "on disk");
        lt_human_bytes(to, (double)stats.state_spilled_bytes);
        lt_text_puts(to, " of state, ");
        lt_human_bytes(to, (double)stats.state_resident_bytes);
        lt_text_puts(to, " of it in memory too\n");
    }
    if (stats.state_dir != NULL) {
        checkpoint_line(to, cli, &stats);
        begin_line(to, "state");
        lt_text_printf(to, "%s\n", stats.state_dir);
    }
    holder_line(to, &stats);
    lt_text_putc(to, '\n');
    lt_summary_nodes(to, &stats, cli->mem);
}

void lt_status_json(lt_text *to, const lt_cli *cli, const lt_cli_job *job)
{
    lt_summary_job_json(to, job, cli->env->mono_ns(cli->env) - job->start_ns);
}
