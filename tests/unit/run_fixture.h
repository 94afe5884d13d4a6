/* What the tests of whole jobs share: an environment, statements made a plan, a job of it that is
 * stepped, and what its file sinks show. In statements and paths `@` stands for the test's folder.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bind/bind.h"
#include "os/env_sim.h"
#include "run/job.h"
#include "sql/parse.h"

#define RIG_LINES_MAX 20000

typedef struct {
    lt_mem mem;
    lt_env *env;
    bool is_real;
    char base[64];
    lt_catalog *catalog;
    lt_arena *arena;
    lt_plan *plan;
    lt_job *job;
    lt_job_options options; /* of the next start */
    lt_text said;           /* start-up and warning lines */
    lt_text shown;          /* by rig_output */
    lt_error err;
} rig;

LT_UNUSED static void rig_say(void *arg, const char *line)
{
    rig *self = arg;
    lt_text_printf(&self->said, "%s\n", line);
}

LT_UNUSED static void rig_init(rig *self, bool is_real)
{
    memset(self, 0, sizeof *self);
    lt_mem_init(&self->mem, NULL, "test", 0);
    self->is_real = is_real;
    if (is_real) {
        (void)snprintf(self->base, sizeof self->base, "/tmp/leat-run-test.XXXXXX");
        assert_non_null(mkdtemp(self->base));
        self->env = lt_env_real_new(&self->mem);
    } else {
        const lt_sim_options options = {.seed = 1, .start_wall_us = 1700000000000000};
        self->env = lt_env_sim_new(&self->mem, &options);
    }
    assert_non_null(self->env);
    lt_text_init(&self->said, &self->mem);
    lt_text_init(&self->shown, &self->mem);
    self->options = (lt_job_options){.env = self->env, .mem = &self->mem, .name = "test"};
}

LT_UNUSED static void rig_close(rig *self)
{
    lt_job_free(self->job);
    self->job = NULL;
    lt_arena_free(self->arena);
    lt_catalog_free(self->catalog);
    self->arena = NULL;
    self->catalog = NULL;
    self->plan = NULL;
}

LT_UNUSED static void rig_deinit(rig *self)
{
    rig_close(self);
    lt_text_deinit(&self->said);
    lt_text_deinit(&self->shown);
    if (self->is_real) {
        char command[128];
        (void)snprintf(command, sizeof command, "rm -rf '%s'", self->base);
        assert_int_equal(system(command), 0); /* NOLINT: a test's folder */
        lt_env_real_free(self->env);
    } else {
        lt_env_sim_free(self->env);
    }
    lt_mem_deinit(&self->mem);
}

LT_UNUSED static void rig_put(rig *self, const char *name, const char *content)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s%s", self->base, name);
    *strrchr(path, '/') = '\0';
    if (path[0] != '\0') {
        assert_int_equal(self->env->mkdirs(self->env, path, &self->err), LT_OK);
    }
    (void)snprintf(path, sizeof path, "%s%s", self->base, name);
    lt_status st = self->is_real
                       ? lt_env_write_file(self->env, path, content, strlen(content), &self->err)
                       : lt_sim_put(self->env, path, content, strlen(content), &self->err);
    assert_int_equal(st, LT_OK);
}

LT_UNUSED static lt_status rig_bind(rig *self, lt_str text, const lt_plan_options *options)
{
    lt_ast_stmt *stmt;
    lt_bound bound;
    LT_TRY(lt_sql_parse_statement(&stmt, self->arena, text, &self->err));
    LT_TRY(lt_bind_statement(self->catalog, stmt, text, NULL, self->arena, &bound, &self->err));
    if (bound.kind != LT_BOUND_INSERT && bound.kind != LT_BOUND_QUERY) {
        return LT_OK;
    }
    return lt_plan_build(self->catalog, bound.rels, bound.rel_count, bound.kind == LT_BOUND_QUERY,
                         options, self->arena, &self->plan, &self->err);
}

/* Statements, each ended by a semicolon and a newline, for so many lanes. */
LT_UNUSED static void rig_plan(rig *self, const char *sql, uint32_t lanes)
{
    rig_close(self);
    self->catalog = lt_catalog_new(&self->mem, self->env);
    self->arena = lt_arena_new(&self->mem, (size_t)1 << 26);
    assert_non_null(self->catalog);
    assert_non_null(self->arena);
    lt_text text;
    lt_text_init(&text, &self->mem);
    for (; *sql != '\0'; sql++) {
        if (*sql == '@') {
            lt_text_puts(&text, self->base);
        } else {
            lt_text_putc(&text, *sql);
        }
    }
    lt_text_putc(&text, '\0');
    const lt_plan_options options = {.parallelism = lanes, .local_agg_lanes = 2};
    char *copy = lt_arena_strndup(self->arena, text.ptr, text.len);
    lt_text_deinit(&text);
    for (const char *at = copy, *end = strstr(at, ";\n"); end != NULL;
         at = end + 2, end = strstr(at, ";\n")) {
        lt_error_clear(&self->err);
        if (rig_bind(self, (lt_str){at, (size_t)(end - at)}, &options) != LT_OK) {
            fail_msg("%.*s: %s", (int)(end - at), at, self->err.text);
        }
    }
    assert_non_null(self->plan);
    self->options.session = lt_catalog_session(self->catalog);
    self->options.parallelism = lanes;
    self->options.ckpt.say = rig_say;
    self->options.ckpt.arg = self;
}

LT_UNUSED static lt_status rig_try_start(rig *self)
{
    lt_job_free(self->job);
    self->job = NULL;
    lt_text_clear(&self->said);
    lt_error_clear(&self->err);
    return lt_job_new(self->plan, &self->options, &self->job, &self->err);
}

LT_UNUSED static void rig_start(rig *self)
{
    if (rig_try_start(self) != LT_OK) {
        fail_msg("start: %s", self->err.text);
    }
}

LT_UNUSED static lt_job_state rig_step(rig *self)
{
    lt_job_state state = lt_job_step(self->job, 1);
    for (lt_batch *batch = lt_job_take(self->job); batch != NULL; batch = lt_job_take(self->job)) {
        lt_batch_unref(batch);
    }
    if (state == LT_JOB_WAITING) {
        lt_job_wait(self->job, INT64_C(1000000000));
    }
    return state;
}

/* Until it ends. */
LT_UNUSED static lt_job_state rig_run(rig *self)
{
    for (unsigned steps = 0; steps < 2000000; steps++) {
        lt_job_state state = rig_step(self);
        if (state != LT_JOB_RUNNING && state != LT_JOB_WAITING) {
            return state;
        }
    }
    fail_msg("the job does not end");
    return LT_JOB_FAILED;
}

LT_UNUSED static void rig_expect(rig *self, lt_job_state want)
{
    lt_job_state got = rig_run(self);
    if (got != want) {
        fail_msg("state %d, not %d: %s", (int)got, (int)want, lt_job_error(self->job)->text);
    }
    if (got != LT_JOB_FAILED && lt_job_check_ledger(self->job, &self->err) != LT_OK) {
        fail_msg("%s", self->err.text);
    }
}

typedef struct {
    char names[512][160];
    unsigned count;
} rig_names;

LT_UNUSED static lt_status rig_note_name(void *arg, const lt_dirent *entry)
{
    rig_names *names = arg;
    if (entry->name[0] != '.') {
        assert_true(names->count < LT_COUNT_OF(names->names));
        (void)snprintf(names->names[names->count++], sizeof names->names[0], "%.159s", entry->name);
    }
    return LT_OK;
}

LT_UNUSED static int rig_line_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines of the visible files of a folder, sorted; "" when there are none. Borrowed until the
 * next call. */
LT_UNUSED static const char *rig_output(rig *self, const char *name)
{
    static rig_names names;
    static char *lines[RIG_LINES_MAX];
    char path[512];
    lt_error ignored;
    lt_text all;
    lt_text_init(&all, &self->mem);
    names.count = 0;
    (void)snprintf(path, sizeof path, "%s%s", self->base, name);
    (void)self->env->list(self->env, path, rig_note_name, &names, &ignored);
    for (unsigned i = 0; i < names.count; i++) {
        (void)snprintf(path, sizeof path, "%s%s/%s", self->base, name, names.names[i]);
        assert_int_equal(lt_env_read_file(self->env, path, 64 << 20, &all, &self->err), LT_OK);
    }
    lt_text_putc(&all, '\0');
    unsigned count = 0;
    for (char *at = all.ptr, *end = strchr(at, '\n'); end != NULL;
         at = end + 1, end = strchr(at, '\n')) {
        *end = '\0';
        assert_true(count < RIG_LINES_MAX);
        lines[count++] = at;
    }
    if (count > 1) {
        qsort(lines, count, sizeof lines[0], rig_line_order);
    }
    lt_text_clear(&self->shown);
    for (unsigned i = 0; i < count; i++) {
        lt_text_printf(&self->shown, "%s\n", lines[i]);
    }
    lt_text_putc(&self->shown, '\0');
    lt_text_deinit(&all);
    return self->shown.ptr;
}

/* Rows of {id, ts, k, v}, 50 a second of event time, a little out of order. */
LT_UNUSED static void rig_events(rig *self, const char *name, unsigned count)
{
    lt_text text;
    lt_text_init(&text, &self->mem);
    uint64_t random = 88172645463325252;
    for (unsigned i = 0; i < count; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        unsigned ms = i * 20 + (unsigned)(random >> 20) % 3000;
        lt_text_printf(
            &text, "{\"id\":%u,\"ts\":\"2024-01-01 00:%02u:%02u.%03u\",\"k\":\"k%u\",\"v\":%u}\n",
            i, ms / 60000 % 60, ms / 1000 % 60, ms % 1000, (unsigned)(random >> 40) % 7,
            (unsigned)(random >> 30) % count);
    }
    lt_text_putc(&text, '\0');
    rig_put(self, name, text.ptr);
    lt_text_deinit(&text);
}

#define RIG_SOURCE_WITH(more)                                                                    \
    "CREATE TABLE ev (id BIGINT, ts TIMESTAMP(3), k STRING, v BIGINT, WATERMARK FOR ts AS ts - " \
    "INTERVAL '2' SECOND) WITH ('connector'='filesystem','path'='@/in','format'='json'" more     \
    ");\n"
#define RIG_SOURCE        RIG_SOURCE_WITH("")
#define RIG_SINK(columns) RIG_SINK_WITH(columns, "")
#define RIG_SINK_WITH(columns, more) \
    "CREATE TABLE o (" columns       \
    ") WITH ('connector'='filesystem','path'='@/out','format'='csv'" more ");\n"
#define RIG_TUMBLE                                                                  \
    RIG_SINK("w TIMESTAMP(3), k STRING, n BIGINT, s BIGINT")                        \
    "INSERT INTO o SELECT window_start, k, COUNT(*), SUM(v) FROM TUMBLE(TABLE ev, " \
    "DESCRIPTOR(ts), "                                                              \
    "INTERVAL '5' SECOND) GROUP BY window_start, window_end, k;\n"
