/* An engine behind leat.h that knows just enough to test the command line: a statement's first word
 * says what it does, its number how much.
 *
 *   ROWS n        query of n rows (id BIGINT, name STRING), `row 1` ..; every third name is NULL
 *   CHANGES       updating query: +I -U +U -D
 *   SHOW n        listing of n names
 *   EXPLAIN       one text of two lines
 *   INSERT n      job without a result that reads n rows, one a step
 *   BAD           fails to bind;  BREAK n: a query that fails with status n
 *   FOREVER       waits until it is stopped
 *   CREATE, SET   take effect at once
 *
 * Include it in one file of a test program. */
#pragma once

#include <leat/leat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum {
    FAKE_ROWS,
    FAKE_CHANGES,
    FAKE_SHOW,
    FAKE_EXPLAIN,
    FAKE_INSERT,
    FAKE_BREAK,
    FAKE_FOREVER,
    FAKE_CHECKPOINTS, /* what leat_inspect shows of a folder */
    FAKE_STATEMENTS   /* and as `$statements` */
} fake_kind;

struct leat {
    char error[200];
    leat_config config;
    char settings[2000]; /* the SET statements, as they came */
    int open_jobs;
};

struct leat_job {
    leat *db;
    fake_kind kind;
    uint32_t count;
    uint32_t done;
    bool stopped;
    leat_status status;
};

struct leat_rows {
    const leat_job *job;
    uint32_t first;
    uint32_t count;
    char text[200];
};

static leat *fake_last; /* the engine opened last, for asserts; it may be closed */
static char fake_settings[2000];
static leat_config fake_config;
static char fake_name[100];       /* config.name */
static char fake_replayed[400];   /* config.replay of every engine, each before a blank */
static char fake_file[300];       /* config.file; "" = NULL */
static uint32_t fake_checkpoints; /* in every folder; 0: leat_inspect shows two names */
static const char *fake_statements = "CREATE t; INSERT 2";
static void (*fake_on_wait)(leat_job *job); /* what happens while a job waits */

const char *leat_version(void)
{
    return LEAT_VERSION;
}

leat_status leat_open(const leat_config *config, leat **out)
{
    leat *db = calloc(1, sizeof *db);
    db->config = *config;
    fake_config = *config;
    snprintf(fake_name, sizeof fake_name, "%s", config->name != NULL ? config->name : "");
    snprintf(fake_file, sizeof fake_file, "%s", config->file != NULL ? config->file : "");
    if (config->replay != NULL) {
        size_t len = strlen(fake_replayed);
        snprintf(fake_replayed + len, sizeof fake_replayed - len, "%s ", config->replay);
    }
    fake_settings[0] = '\0';
    fake_last = db;
    *out = db;
    return LEAT_OK;
}

void leat_close(leat *db)
{
    free(db);
}

const char *leat_error(const leat *db)
{
    return db->error;
}

static leat_status fake_statement(leat *db, const char *text, leat_job **out)
{
    static const char *const words[] = {"ROWS",   "CHANGES", "SHOW",   "EXPLAIN",
                                        "INSERT", "BREAK",   "FOREVER"};
    if (strncmp(text, "SET", 3) == 0 || strncmp(text, "CREATE", 6) == 0) {
        strncat(fake_settings, text, sizeof fake_settings - strlen(fake_settings) - 1);
        return LEAT_OK;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strncmp(text, words[i], strlen(words[i])) == 0) {
            /* The job that a fake checkpoint is of is the one that reads two rows. */
            bool skips = db->config.replay != NULL && db->config.file != NULL &&
                         strcmp(text, "INSERT 2") != 0;
            if (out == NULL || skips) {
                return LEAT_OK;
            }
            leat_job *job = calloc(1, sizeof *job);
            job->db = db;
            job->kind = (fake_kind)i;
            job->count = (uint32_t)strtoul(text + strlen(words[i]), NULL, 10);
            job->count = job->kind == FAKE_CHANGES ? 4 : job->kind == FAKE_EXPLAIN ? 1 : job->count;
            *out = job;
            return LEAT_OK;
        }
    }
    snprintf(db->error, sizeof db->error, "line 1, column 1: unexpected '%.20s'", text);
    return LEAT_SQL;
}

leat_status leat_execute(leat *db, const char *sql, size_t *offset, leat_job **job)
{
    char text[500];
    size_t at = *offset + strspn(sql + *offset, " \n;");
    size_t len = strcspn(sql + at, ";");
    if (sql[at] == '\0') {
        return LEAT_END;
    }
    snprintf(text, sizeof text, "%.*s", (int)len, sql + at);
    *offset = at + len + (sql[at + len] == ';' ? 1 : 0);
    return fake_statement(db, text, job);
}

leat_status leat_explain(leat *db, const char *sql, leat_write write, void *arg)
{
    size_t offset = 0;
    leat_status status;
    while ((status = leat_execute(db, sql, &offset, NULL)) == LEAT_OK) {
    }
    if (status == LEAT_END && write != NULL) {
        write(arg, "plan\n", 5);
    }
    return status == LEAT_END ? LEAT_OK : status;
}

const char *leat_ddl(leat *db, const char *table)
{
    snprintf(db->error, sizeof db->error, "no table '%s'", table);
    return strcmp(table, "stdin") == 0 ? "CREATE TABLE stdin (a INT)" : NULL;
}

static bool fake_is_query(const leat_job *job)
{
    return job->kind != FAKE_INSERT && job->kind != FAKE_FOREVER;
}

leat_state leat_step(leat_job *job, uint32_t budget)
{
    (void)budget;
    if (job->kind == FAKE_BREAK) {
        job->status = (leat_status)job->count;
        snprintf(job->db->error, sizeof job->db->error, "it broke");
        return LEAT_FAILED;
    }
    if (job->stopped) {
        return LEAT_STOPPED;
    }
    if (job->kind == FAKE_FOREVER) {
        return LEAT_WAITING;
    }
    if (job->kind == FAKE_INSERT && job->done < job->count) {
        job->done++;
        return LEAT_RUNNING;
    }
    return LEAT_DONE;
}

void leat_wait(leat_job *job, int64_t timeout_ms)
{
    (void)timeout_ms;
    if (fake_on_wait != NULL) {
        fake_on_wait(job);
    }
}

void leat_wake(leat *db)
{
    (void)db;
}

static leat_status fake_control; /* what leat_control answers to checkpoints and savepoints */
static char fake_path[300];      /* of the last verb; "" = NULL */
static int fake_verb = -1;       /* the last one */
static uint64_t fake_completed;  /* checkpoints */
static uint64_t fake_failed;
static char fake_savepoint[300];   /* the last one made */
static const char *fake_state_dir; /* of INSERT jobs */
static const char *fake_node_name; /* of the source; NULL = "Source: in" */

leat_status leat_control(leat_job *job, leat_verb verb, const char *path)
{
    fake_verb = (int)verb;
    snprintf(fake_path, sizeof fake_path, "%s", path != NULL ? path : "");
    if (verb == LEAT_STOP || verb == LEAT_DRAIN) {
        job->stopped = true;
        return LEAT_OK;
    }
    if (fake_control != LEAT_OK && fake_control != LEAT_FULL) {
        snprintf(job->db->error, sizeof job->db->error, "it keeps no state");
    }
    return fake_control;
}

leat_status leat_inspect(leat *db, const char *path, const char *table, leat_job **job)
{
    size_t offset = 0;
    snprintf(fake_path, sizeof fake_path, "%s|%s", path, table != NULL ? table : "");
    bool statements = table != NULL && strcmp(table, "$statements") == 0;
    if (statements || (table == NULL && fake_checkpoints > 0)) {
        *job = calloc(1, sizeof **job);
        (*job)->db = db;
        (*job)->kind = statements ? FAKE_STATEMENTS : FAKE_CHECKPOINTS;
        (*job)->count = statements ? 1 : fake_checkpoints;
        return LEAT_OK;
    }
    return leat_execute(db, "SHOW 2", &offset, job);
}

void leat_job_free(leat_job *job)
{
    free(job);
}

bool leat_job_column(const leat_job *job, uint32_t i, leat_column *out)
{
    static const leat_column columns[] = {{"id", "BIGINT NOT NULL", true, false},
                                          {"name", "STRING", false, false}};
    static const leat_column listing = {"result", "STRING", false, false};
    bool is_listing = job->kind == FAKE_SHOW || job->kind == FAKE_EXPLAIN;
    if (job->kind == FAKE_CHECKPOINTS && i > 1) {
        return false;
    }
    if (!fake_is_query(job) || i >= (is_listing ? 1U : 2U)) {
        return false;
    }
    *out = is_listing ? listing : columns[i];
    return true;
}

leat_rows *leat_take(leat_job *job, uint32_t *count)
{
    *count = 0;
    if (!fake_is_query(job) || job->done == job->count || job->kind == FAKE_BREAK) {
        return NULL;
    }
    leat_rows *rows = calloc(1, sizeof *rows);
    rows->job = job;
    rows->first = job->done;
    rows->count = job->count - job->done < 100 ? job->count - job->done : 100;
    job->done += rows->count;
    *count = rows->count;
    return rows;
}

void leat_rows_free(leat_rows *rows)
{
    free(rows);
}

leat_kind leat_rows_kind(const leat_rows *rows, uint32_t row)
{
    return rows->job->kind == FAKE_CHANGES ? (leat_kind)(rows->first + row) : LEAT_INSERT;
}

/* The newest first, as the engine lists them. */
static void fake_checkpoint_text(leat_rows *rows, uint32_t row, uint32_t column)
{
    enum { TIME = 2, LANES = 6, JOB = 7, PATH = 8 };
    unsigned id = rows->job->count - rows->first - row;
    const char *folder = fake_path[0] == '|' ? "" : "d/";
    if (column == TIME) {
        snprintf(rows->text, sizeof rows->text, "2026-01-01 00:00:%02u", id);
    } else if (column == JOB) {
        snprintf(rows->text, sizeof rows->text, "visits");
    } else if (column == PATH) {
        snprintf(rows->text, sizeof rows->text, "%schk-%u.manifest", folder, id);
    } else {
        snprintf(rows->text, sizeof rows->text, "%u", column == LANES ? 3 : id);
    }
}

const char *leat_rows_text(leat_rows *rows, uint32_t row, uint32_t column, leat_text_style style,
                           size_t *size)
{
    uint32_t number = rows->first + row + 1;
    const char *quote = style == LEAT_TEXT_JSON ? "\"" : "";
    if (rows->job->kind == FAKE_STATEMENTS) {
        snprintf(rows->text, sizeof rows->text, "%s", fake_statements);
    } else if (rows->job->kind == FAKE_CHECKPOINTS) {
        fake_checkpoint_text(rows, row, column);
    } else if (rows->job->kind == FAKE_EXPLAIN) {
        snprintf(rows->text, sizeof rows->text, "plan\n  scan");
    } else if (rows->job->kind == FAKE_SHOW) {
        snprintf(rows->text, sizeof rows->text, "%st%u%s", quote, number, quote);
    } else if (column == 0) {
        snprintf(rows->text, sizeof rows->text, "%u", number);
    } else if (number % 3 == 0) {
        return NULL;
    } else {
        snprintf(rows->text, sizeof rows->text, "%srow %u%s", quote, number, quote);
    }
    *size = strlen(rows->text);
    return rows->text;
}

void leat_get_stats(const leat_job *job, leat_stats *out)
{
    memset(out, 0, sizeof *out);
    out->rows_in = job->done;
    out->rows_out = job->done;
    out->watermark_ms = LEAT_TIME_MIN;
    out->event_max_ms = LEAT_TIME_MIN;
    out->bounded = job->kind != FAKE_FOREVER;
    out->is_query = fake_is_query(job);
    out->updating = job->kind == FAKE_CHANGES;
    out->status = job->status;
    out->last_reject = "";
    out->message = "";
    out->name = "fake \"job\"";
    out->parallelism = 1;
    out->state_dir = job->kind == FAKE_INSERT ? fake_state_dir : NULL;
    out->checkpoints = (leat_checkpoint_stats){
        .completed = fake_completed,
        .failed = fake_failed,
        .last_id = fake_completed,
        .last_ms = fake_completed > 0 ? INT64_C(1699999990000) : LEAT_TIME_MIN,
        .last_duration_us = 12500,
        .last_bytes_all = 4096,
        .savepoint = fake_savepoint,
        .error = fake_failed > 0 ? "the disk is full" : "",
    };
    static const leat_reject_stats rejects[] = {{"parse", 2}, {"sink", 0}};
    out->rejects = rejects;
    out->reject_stage_count = 2;
    static leat_node_stats nodes[2];
    for (uint32_t node = 0; node < 2; node++) {
        nodes[node] = (leat_node_stats){
            .name = node != 0                ? "Sink: out"
                    : fake_node_name != NULL ? fake_node_name
                                             : "Source: in",
            .tasks = 1,
            .kind = node == 0 ? "source" : "sink",
            .in = job->done,
            .out = job->done,
            .watermark_ms = LEAT_TIME_MIN,
            .event = "",
        };
    }
    out->nodes = nodes;
    out->node_count = job->kind == FAKE_INSERT ? 2 : 0;
}
