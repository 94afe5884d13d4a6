/* What the run loop, the status area, the summary and those who ask from outside know of a job. */
#pragma once

#include <leat/leat.h>

#include "cli/cli.h"
#include "cli/spark.h"
#include "cli/writer.h"

typedef struct {
    leat *db;
    leat_job *job;
    const char *name;  /* of its sinks, or "query" */
    lt_writer *writer; /* NULL when it is no query */
    leat_state state;
    bool live;       /* not yet done, stopped or failed */
    bool prints;     /* a sink of it writes to a standard stream */
    bool unsettled;  /* rows wait in the writer for widths */
    int64_t took_ns; /* when rows came last */
    bool shown;      /* a part of the script's work: neither SHOW nor EXPLAIN */
    int64_t start_ns;
    int64_t end_ns;
    lt_spark spark;
    /* Over the last second or so, for those who ask; see lt_cli_job_sample. */
    int64_t sampled_ns;
    uint64_t sampled_rows;
    double rows_per_s;
    struct lt_cli_busy *busy; /* one per node */
    uint32_t busy_count;
    struct {
        int64_t look_ns;  /* when to look next */
        int64_t since_ns; /* rows were there; 0 = none yet */
        uint64_t rows;    /* at the last look */
        bool done;        /* it has spoken or never will */
    } silence;            /* of a job that gives no rows */
} lt_cli_job;

typedef struct lt_cli_busy {
    int64_t busy_ns; /* when it was sampled */
    double ratio;    /* of the time that its tasks had */
} lt_cli_busy;

const char *lt_cli_job_state(const lt_cli_job *job); /* "running", "done", .. */
/* Takes a sample where the last one is a second old; without memory the ratios stay away. */
void lt_cli_job_sample(lt_cli_job *job, lt_mem *mem, int64_t now_ns);
void lt_cli_job_sample_free(lt_cli_job *job, lt_mem *mem);
double lt_cli_job_rate(const lt_cli_job *job);
/* Since the last checkpoint was triggered; -1 = there was none. */
int64_t lt_checkpoint_age_ms(const lt_cli *cli, const leat_stats *stats);

/* What `leat status` shows of a running job. */
void lt_status_text(lt_text *to, const lt_cli *cli, const lt_cli_job *job);
void lt_status_json(lt_text *to, const lt_cli *cli, const lt_cli_job *job);

/* Status area at the bottom of the terminal: hidden while something else writes there, redrawn at
 * most ten times a second. */
#define LT_PROGRESS_LINES_MAX    12
#define LT_PROGRESS_RATE_SAMPLES 16

typedef struct {
    lt_cli *cli;
    bool enabled;
    const char *title;
    int64_t start_ns;
    int64_t drawn_ns; /* when its content was last made */
    int64_t sampled_ns;
    bool visible;
    uint32_t widths[LT_PROGRESS_LINES_MAX]; /* of the lines on the screen */
    uint32_t line_count;
    lt_text content; /* the lines, newline after each */
    lt_text frame;   /* scratch for one write */
    struct {
        int64_t ns;
        uint64_t rows;
        uint64_t bytes;
    } samples[LT_PROGRESS_RATE_SAMPLES];
    uint64_t sample_count;
} lt_progress;

void lt_progress_init(lt_progress *progress, lt_cli *cli, const char *title, bool enabled);
void lt_progress_deinit(lt_progress *progress); /* hides it */
void lt_progress_hide(lt_progress *progress);
/* Puts the last content back at once. */
void lt_progress_show(lt_progress *progress);
/* Takes samples and redraws what is due; call it after each round of steps. Returns the time until
 * it is due again, in ms; -1 = never. */
int64_t lt_progress_tick(lt_progress *progress, lt_cli_job *jobs, size_t count);

/* What flows through a job now. Under --replay the sources are far ahead of what they have let go:
 * then the stages that pace tell. */
typedef struct {
    uint64_t rows;
    uint64_t bytes; /* 0 when paced */
    int64_t event_ms;
    int64_t watermark_ms;
    bool paced;
} lt_cli_flow;

void lt_stats_flow(const leat_stats *stats, lt_cli_flow *out);

/* ---- summary ---- */
typedef struct {
    const char *title; /* file name, "" for -e */
    int64_t elapsed_ns;
    int exit_code;
    bool finished; /* false: asked for in between */
    bool verbose;
} lt_summary_options;

void lt_summary_text(lt_text *to, const lt_cli_job *jobs, size_t count,
                     const lt_summary_options *options, lt_mem *mem);
void lt_summary_json(lt_text *to, const lt_cli_job *jobs, size_t count,
                     const lt_summary_options *options);
/* The table of a job's operators, as -v shows it, and one job as an object of lt_summary_json. */
void lt_summary_nodes(lt_text *to, const leat_stats *stats, lt_mem *mem);
void lt_summary_job_json(lt_text *to, const lt_cli_job *job, int64_t elapsed_ns);
/* Bytes that the job's sources have read. */
uint64_t lt_stats_bytes_in(const leat_stats *stats);
