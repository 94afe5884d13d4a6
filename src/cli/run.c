/* leat run, leat -e: the statements of a script in order, and one loop that steps every job they
 * started.
 *
 * An INSERT is a job of its own and runs on while the next statement starts (`table.dml-sync` waits
 * for it); a query's result is printed before the next statement. The loop steps each live job,
 * prints what queries gave, redraws the status area, and sleeps only when all wait. Signals set
 * flags and wake it. */
#include "cli/grid.h"
#include "cli/run_int.h"
#include "cli/server.h"
#include "cli/signals.h"

#define ARENA_MAX   ((size_t)256 << 20)
#define STEP_BUDGET 64
#define FLUSH_BYTES ((size_t)64 << 10)
#define FLUSH_NS    INT64_C(20000000)
#define SETTLE_NS   INT64_C(30000000) /* tables decide their widths after so much silence */
#define WAIT_MAX_MS 1000              /* a wake that was lost must not hang us */
#define SERVE_NS    INT64_C(20000000)
#define TURN_MS_MAX 10 /* several jobs wait: each is looked at this often */

/* ---- stopping ---- */

static void stop_all(lt_runner *self)
{
    if (self->stopping) {
        return;
    }
    self->stopping = true;
    for (size_t i = 0; i < self->jobs.count; i++) {
        if (self->jobs.items[i].live) {
            (void)leat_control(self->jobs.items[i].job, LEAT_STOP, NULL);
        }
    }
}

static void fail_with(lt_runner *self, int exit_code)
{
    if (self->exit_code == LT_EXIT_OK) {
        self->exit_code = exit_code;
    }
    stop_all(self);
}

static void fail_own(lt_runner *self, const lt_error *err)
{
    lt_progress_hide(&self->progress);
    fail_with(self, lt_cli_fail(self->cli, self->session.title, err));
}

static void fail_engine(lt_runner *self, leat_status status)
{
    const char *text = leat_error(self->session.db);
    if (lt_cli_is_broken_pipe(text)) {
        self->cli->out_closed = true;
        stop_all(self);
        return;
    }
    lt_progress_hide(&self->progress);
    fail_with(self, lt_session_complain(&self->session, status));
}

static void print_summary(lt_runner *self, bool finished)
{
    lt_text text;
    lt_text_init(&text, self->cli->mem);
    lt_summary_options options = {
        .title = self->session.title,
        .elapsed_ns = self->cli->env->mono_ns(self->cli->env) - self->cli->start_ns,
        .exit_code = self->exit_code,
        .finished = finished,
        .verbose = self->verbose || !finished,
    };
    lt_summary_text(&text, self->jobs.items, self->jobs.count, &options, self->cli->mem);
    lt_progress_hide(&self->progress);
    lt_cli_err_write(self->cli, lt_text_str(&text));
    lt_text_deinit(&text);
}

static void heed_signals(lt_runner *self)
{
    lt_stop_signal stop = lt_signals_stop();
    if (stop != LT_STOP_NONE && !self->stopping) {
        if (stop == LT_STOP_INTERRUPT && self->exit_code == LT_EXIT_OK) {
            self->exit_code = LT_EXIT_INTERRUPT;
        }
        stop_all(self);
    }
    if (lt_signals_summary()) {
        print_summary(self, false);
    }
}

/* What the engine has to say: from where a job goes on, what is wrong with a checkpoint. */
static void say_line(void *arg, const char *line)
{
    lt_runner *self = arg;
    if (!self->quiet) {
        lt_progress_hide(&self->progress);
        lt_cli_say(self->cli, "%s", line);
    }
}

/* ---- results ---- */

static void put_out(lt_runner *self, lt_writer *writer, int64_t now_ns)
{
    lt_text *text = lt_writer_text(writer);
    lt_error err;
    lt_error_clear(&err);
    self->flushed_ns = now_ns;
    if (text->len == 0) {
        return;
    }
    if (self->terminal_shared) {
        lt_progress_hide(&self->progress);
    }
    if (lt_cli_out_write(self->cli, lt_text_str(text), &err) != LT_OK) {
        fail_own(self, &err);
    }
    lt_text_clear(text);
    if (self->cli->out_closed) {
        stop_all(self);
    }
}

/* Rows that the job has ready. They go out at once when they are the first or nothing else is at
 * hand, else in larger pieces. */
static void take_rows(lt_runner *self, lt_cli_job *job)
{
    lt_error err;
    lt_error_clear(&err);
    leat_rows *rows;
    uint32_t count;
    lt_status st = LT_OK;
    bool is_first = lt_writer_count(job->writer) == 0;
    while (st == LT_OK && !self->cli->out_closed && (rows = leat_take(job->job, &count)) != NULL) {
        job->unsettled = true;
        job->took_ns = self->cli->env->mono_ns(self->cli->env);
        st = lt_writer_rows(job->writer, rows, count, &err);
        leat_rows_free(rows);
        if (lt_writer_text(job->writer)->len >= FLUSH_BYTES) {
            put_out(self, job->writer, self->cli->env->mono_ns(self->cli->env));
        }
    }
    int64_t now_ns = self->cli->env->mono_ns(self->cli->env);
    bool is_idle = job->state == LEAT_WAITING;
    /* The job's threads may be at work while nothing is ready: only silence says that these rows
     * are all for now. */
    if (st == LT_OK && is_idle && job->unsettled && now_ns - job->took_ns >= SETTLE_NS) {
        job->unsettled = false;
        st = lt_writer_settle(job->writer, &err);
    }
    if (st != LT_OK) {
        fail_own(self, &err);
        return;
    }
    if (is_first || is_idle || now_ns - self->flushed_ns >= FLUSH_NS) {
        put_out(self, job->writer, now_ns);
    }
}

static void finish_job(lt_runner *self, lt_cli_job *job)
{
    lt_error err;
    lt_error_clear(&err);
    job->live = false;
    job->end_ns = self->cli->env->mono_ns(self->cli->env);
    if (job->state == LEAT_FAILED) {
        leat_stats stats;
        leat_get_stats(job->job, &stats);
        fail_engine(self, stats.status != LEAT_OK ? stats.status : LEAT_INTERNAL);
    }
    if (job->writer == NULL) {
        return;
    }
    if (job->state != LEAT_FAILED && !self->cli->out_closed &&
        lt_writer_finish(job->writer, &err) != LT_OK) {
        fail_own(self, &err);
    }
    put_out(self, job->writer, job->end_ns);
    lt_writer_free(job->writer);
    job->writer = NULL;
}

/* ---- the loop ---- */

static void step_job(lt_runner *self, lt_cli_job *job)
{
    if (job->prints && self->terminal_shared) {
        lt_progress_hide(&self->progress);
    }
    job->state = leat_step(job->job, STEP_BUDGET);
    if (job->writer != NULL && job->state != LEAT_FAILED) {
        take_rows(self, job);
    }
    switch (job->state) {
    case LEAT_RUNNING:
    case LEAT_WAITING:
        lt_run_explain_silence(self, job);
        break;
    case LEAT_DONE:
    case LEAT_STOPPED:
    case LEAT_FAILED:
        finish_job(self, job);
        break;
    }
}

/* Sleeps for the one waiting job; with several, in short turns, as one wait watches one job's
 * input. */
static void rest(lt_runner *self, size_t live, int64_t tick_ms)
{
    int64_t limit_ms = tick_ms >= 0 && tick_ms < WAIT_MAX_MS ? tick_ms : WAIT_MAX_MS;
    if (lt_server_is_open(self->server)) {
        limit_ms = LT_MIN(limit_ms, (int64_t)LT_SERVER_POLL_MS);
    }
    if (live > 1) {
        self->turn_ms = LT_MIN(self->turn_ms > 0 ? self->turn_ms * 2 : 1, TURN_MS_MAX);
        limit_ms = LT_MIN(limit_ms, self->turn_ms);
    }
    for (size_t i = 0; i < self->jobs.count; i++) {
        if (self->jobs.items[i].live && self->jobs.items[i].unsettled) {
            limit_ms = LT_MIN(limit_ms, (int64_t)(SETTLE_NS / 1000000));
        }
    }
    for (size_t i = 0; i < self->jobs.count; i++) {
        if (self->jobs.items[i].live) {
            leat_wait(self->jobs.items[i].job, limit_ms);
            return;
        }
    }
}

/* Those who ask are looked after at the pace of people, however busy the jobs are. */
static void turn_server(lt_runner *self)
{
    if (!lt_server_is_open(self->server)) {
        return;
    }
    int64_t now_ns = self->cli->env->mono_ns(self->cli->env);
    if (now_ns - self->served_ns >= SERVE_NS) {
        self->served_ns = now_ns;
        lt_server_turn(self->server, self->jobs.items, self->jobs.count);
    }
}

/* One round: every live job gets a step. False when none is left. */
static bool round_of_steps(lt_runner *self)
{
    size_t live = 0;
    bool is_running = false;
    bool was_visible = self->progress.visible;
    heed_signals(self);
    for (size_t i = 0; i < self->jobs.count; i++) {
        lt_cli_job *job = &self->jobs.items[i];
        if (job->live) {
            step_job(self, job);
            live += job->live;
            is_running = is_running || job->state == LEAT_RUNNING;
        }
    }
    turn_server(self);
    if (live == 0) {
        return false;
    }
    int64_t tick_ms = lt_progress_tick(&self->progress, self->jobs.items, self->jobs.count);
    if (is_running) {
        self->turn_ms = 0;
        return true;
    }
    if (was_visible && !self->progress.visible) {
        lt_progress_show(&self->progress);
    }
    rest(self, live, tick_ms);
    return true;
}

static bool is_live(const lt_runner *self, size_t index)
{
    return self->jobs.items[index].live;
}

/* ---- statements ---- */

static bool is_listing(lt_str verb)
{
    static const char *const verbs[] = {"show", "describe", "desc", "explain",
                                        "set",  "reset",    "help"};
    for (size_t i = 0; i < LT_COUNT_OF(verbs); i++) {
        if (lt_str_eq_ci(verb, lt_str_of(verbs[i]))) {
            return true;
        }
    }
    return false;
}

static lt_writer_options writer_options(const lt_runner *self, const leat_job *job, size_t offset)
{
    lt_writer_options options = self->output;
    lt_str second;
    lt_str verb = lt_scan_verb(lt_str_of(self->session.sql), offset, &second);
    leat_stats stats;
    leat_get_stats(job, &stats);
    options.format = lt_run_script_format(self, offset);
    bool listing = is_listing(verb);
    bool is_batch = lt_run_setting_is(self, offset, "execution.runtime-mode", "batch");
    options.op = stats.updating || (options.format == LT_OUTPUT_TABLEAU && !listing && !is_batch);
    int64_t width = 0;
    if (lt_str_to_i64(lt_run_setting(self, offset, "table.display.max-column-width"), &width) ||
        lt_str_to_i64(lt_run_setting(self, offset, "sql-client.display.max-column-width"),
                      &width)) {
        options.width_max = width > 0 && width < 1000000 ? (uint32_t)width : 0;
    }
    bool is_text = lt_str_eq_ci(verb, LT_STR("explain")) ||
                   (lt_str_eq_ci(verb, LT_STR("show")) && lt_str_eq_ci(second, LT_STR("create")));
    leat_column column;
    bool is_people = options.format == LT_OUTPUT_TABLE || options.format == LT_OUTPUT_TABLEAU;
    if (is_text && is_people && !leat_job_column(job, 1, &column)) {
        options.format = LT_OUTPUT_PLAIN;
    }
    if (options.format == LT_OUTPUT_CHANGELOG && listing) {
        options.format = LT_OUTPUT_TABLE;
    }
    return options;
}

static bool table_prints(lt_runner *self, const char *name)
{
    const char *ddl = leat_ddl(self->session.db, name);
    return ddl == NULL || strstr(ddl, "'print'") != NULL || strstr(ddl, "'stdout'") != NULL ||
           strstr(ddl, "/dev/") != NULL;
}

/* Names the job by its sink, and finds out whether it writes to the terminal. */
static lt_status describe_job(lt_runner *self, lt_cli_job *job, lt_error *err)
{
    leat_stats stats;
    unsigned sinks = 0;
    leat_get_stats(job->job, &stats);
    for (uint32_t i = 0; job->writer == NULL && i < stats.node_count; i++) {
        leat_node_stats node = stats.nodes[i];
        if (strcmp(node.kind, "sink") != 0) {
            continue;
        }
        const char *colon = strstr(node.name, ": ");
        const char *table = colon != NULL ? colon + 2 : node.name;
        job->name = lt_arena_strndup(self->session.arena, table, strlen(table));
        if (job->name == NULL) {
            return lt_error_nomem(err, "a job");
        }
        job->prints = job->prints || (self->terminal_shared && table_prints(self, table));
        sinks++;
    }
    if (sinks > 1) {
        job->name = lt_arena_printf(self->session.arena, "%u sinks", sinks);
    }
    return job->name != NULL ? LT_OK : lt_error_nomem(err, "a job");
}

/* Takes the job over; on failure it is freed. */
static lt_status add_job(lt_runner *self, leat_job *handle, size_t offset, lt_error *err)
{
    lt_cli_job job = {.db = self->session.db,
                      .job = handle,
                      .state = LEAT_RUNNING,
                      .live = true,
                      .name = "query"};
    leat_column column;
    lt_status st = LT_OK;
    job.start_ns = self->cli->env->mono_ns(self->cli->env);
    job.end_ns = job.start_ns;
    job.shown = !is_listing(lt_scan_verb(lt_str_of(self->session.sql), offset, NULL));
    if (leat_job_column(handle, 0, &column)) {
        lt_writer_options options = writer_options(self, handle, offset);
        st = lt_writer_new(self->cli->mem, handle, &options, &job.writer, err);
    }
    if (st == LT_OK) {
        st = describe_job(self, &job, err);
    }
    if (st == LT_OK && !lt_array_push(&self->jobs, self->cli->mem, job)) {
        st = lt_error_nomem(err, "a job");
    }
    if (st != LT_OK) {
        lt_writer_free(job.writer);
        leat_job_free(handle);
    }
    return st;
}

/* Without a socket the job runs all the same; it is then stopped by signals alone. */
static void open_control(lt_runner *self, size_t index)
{
    leat_stats stats;
    lt_error err;
    lt_error_clear(&err);
    leat_get_stats(self->jobs.items[index].job, &stats);
    if (stats.state_dir == NULL) {
        return;
    }
    lt_status st = self->server != NULL ? LT_OK : lt_server_new(self->cli, &self->server, &err);
    if (st == LT_OK) {
        st = lt_server_control(self->server, index, stats.state_dir, &err);
    }
    if (st != LT_OK && !self->quiet) {
        lt_cli_say(self->cli, "%s cannot be asked or stopped from outside: %s", stats.name,
                   err.text);
    }
}

/* False: the script is over, for good or bad. */
static bool run_statement(lt_runner *self, size_t *offset)
{
    lt_error err;
    lt_error_clear(&err);
    leat_job *handle = NULL;
    size_t start = *offset;
    leat_status status = leat_execute(self->session.db, self->session.sql, offset, &handle);
    if (status == LEAT_END) {
        return false;
    }
    if (status != LEAT_OK) {
        fail_engine(self, status);
        return false;
    }
    if (handle == NULL) {
        return true;
    }
    if (add_job(self, handle, start, &err) != LT_OK) {
        fail_own(self, &err);
        return false;
    }
    size_t index = self->jobs.count - 1;
    open_control(self, index);
    bool waits = self->jobs.items[index].writer != NULL ||
                 lt_run_setting_is(self, start, "table.dml-sync", "true");
    while (waits && is_live(self, index) && round_of_steps(self)) {
    }
    return true;
}

static void run_script(lt_runner *self)
{
    size_t offset = 0;
    heed_signals(self);
    while (!self->stopping && run_statement(self, &offset)) {
        heed_signals(self);
    }
    while (round_of_steps(self)) {
    }
}

/* ---- before and after ---- */

/* Mistakes anywhere in a file are found before its first job starts. Not when it reads stdin: a
 * look at its schema takes bytes that a second engine would miss. */
static int check_first(lt_runner *self)
{
    lt_scan scan = {.sql = lt_str_of(self->session.sql)};
    while (lt_scan_next(&scan)) {
        if (scan.kind != LT_SCAN_SIGN && lt_str_eq_ci(scan.text, LT_STR("stdin"))) {
            return LT_EXIT_OK;
        }
    }
    lt_cli_session trial = self->session;
    int exit_code = lt_session_open(&trial);
    if (exit_code == LT_EXIT_OK) {
        leat_status status = leat_explain(trial.db, trial.sql, NULL, NULL);
        exit_code = status == LEAT_OK ? LT_EXIT_OK : lt_session_complain(&trial, status);
    }
    lt_session_close(&trial);
    return exit_code;
}

static bool text_has(const lt_text *text, lt_str part)
{
    for (size_t at = 0; at + part.len <= text->len; at++) {
        if (memcmp(text->ptr + at, part.ptr, part.len) == 0) {
            return true;
        }
    }
    return false;
}

static int show_ddl(lt_runner *self)
{
    lt_scan scan = {.sql = lt_str_of(self->session.sql)};
    lt_text text;
    lt_error err;
    size_t shown = 0;
    int exit_code = LT_EXIT_OK;
    lt_error_clear(&err);
    lt_text_init(&text, self->cli->mem);
    while (exit_code == LT_EXIT_OK && lt_scan_table(&scan)) {
        bool is_inferred = scan.kind == LT_SCAN_STRING || lt_str_eq_ci(scan.text, LT_STR("stdin"));
        char *name = lt_arena_strndup(self->session.arena, scan.text.ptr, scan.text.len);
        const char *ddl = name != NULL ? leat_ddl(self->session.db, name) : NULL;
        lt_str one = lt_str_trim(lt_str_of(ddl));
        if (ddl != NULL && !text_has(&text, one)) {
            lt_text_printf(&text, LT_STR_FMT ";\n", LT_STR_ARG(one));
            shown++;
        } else if (ddl == NULL && is_inferred) {
            exit_code = lt_session_complain(&self->session, LEAT_CONNECT);
        }
    }
    if (exit_code == LT_EXIT_OK && shown == 0) {
        lt_cli_say(self->cli, "the statements name no table that is inferred");
    } else if (exit_code == LT_EXIT_OK &&
               lt_cli_out_write(self->cli, lt_text_str(&text), &err) != LT_OK) {
        exit_code = lt_cli_fail(self->cli, "", &err);
    }
    lt_text_deinit(&text);
    return exit_code;
}

static void write_json_stats(lt_runner *self)
{
    const char *path = lt_cli_arg(self->session.args, "json-stats");
    lt_text text;
    lt_error err;
    if (path == NULL) {
        return;
    }
    lt_error_clear(&err);
    lt_text_init(&text, self->cli->mem);
    lt_summary_options options = {
        .title = self->session.title,
        .elapsed_ns = self->cli->env->mono_ns(self->cli->env) - self->cli->start_ns,
        .exit_code = self->exit_code,
        .finished = true,
    };
    lt_summary_json(&text, self->jobs.items, self->jobs.count, &options);
    lt_status st = text.failed ? lt_error_nomem(&err, "the summary")
                   : strcmp(path, "-") == 0
                       ? lt_cli_out_write(self->cli, lt_text_str(&text), &err)
                       : lt_env_write_file(self->cli->env, path, text.ptr, text.len, &err);
    lt_text_deinit(&text);
    if (st != LT_OK) {
        fail_own(self, &err);
    }
}

/* A run of a file tells what it did; -e only what must not be missed. */
static bool wants_summary(const lt_runner *self)
{
    if (self->quiet || self->cli->out_closed) {
        return false;
    }
    bool wants = self->verbose || self->session.title[0] != '\0';
    for (size_t i = 0; i < self->jobs.count && !wants; i++) {
        leat_stats stats;
        leat_get_stats(self->jobs.items[i].job, &stats);
        wants = self->jobs.items[i].shown && (stats.late > 0 || stats.rejected > 0);
    }
    return wants;
}

static bool open_metrics(lt_runner *self)
{
    lt_error err;
    lt_error_clear(&err);
    if (self->metrics == NULL) {
        return true;
    }
    lt_status st = lt_server_new(self->cli, &self->server, &err);
    if (st == LT_OK) {
        st = lt_server_metrics(self->server, self->metrics, &err);
    }
    if (st != LT_OK) {
        fail_own(self, &err);
    } else if (!self->quiet) {
        lt_cli_say(self->cli, "metrics on port %d", lt_server_metrics_port(self->server));
    }
    return st == LT_OK;
}

static void run_opened(lt_runner *self)
{
    bool wants_progress = lt_cli_arg(self->session.args, "no-progress") == NULL;
    lt_progress_init(&self->progress, self->cli, self->session.title, wants_progress);
    if (open_metrics(self)) {
        run_script(self);
    }
    if (self->server != NULL) {
        lt_server_turn(self->server, self->jobs.items, self->jobs.count);
    }
    lt_progress_hide(&self->progress);
    if (wants_summary(self)) {
        print_summary(self, true);
    }
    write_json_stats(self);
    lt_server_close(self->server);
    for (size_t i = 0; i < self->jobs.count; i++) {
        leat_job_free(self->jobs.items[i].job);
        lt_cli_job_sample_free(&self->jobs.items[i], self->cli->mem);
    }
    /* To those who stopped a job, the end of the connection says that its lock is free. */
    lt_server_free(self->server);
    lt_array_deinit(&self->jobs, self->cli->mem);
    lt_progress_deinit(&self->progress);
}

static void run_session(lt_runner *self)
{
    lt_error err;
    lt_error_clear(&err);
    lt_status st = lt_session_read(&self->session, 0, &err);
    if (st == LT_OK && self->session.args->word_count > 1) {
        st = lt_error_set(&err, LT_ERR_USAGE, "one file at a time: what is '%s'?",
                          self->session.args->words[1]);
    }
    if (st == LT_OK) {
        st = lt_run_configure(self, &err);
        self->session.config.say = say_line;
        self->session.config.say_arg = self;
    }
    if (st != LT_OK) {
        self->exit_code = lt_cli_fail(self->cli, self->session.title, &err);
        return;
    }
    bool is_ddl = lt_cli_arg(self->session.args, "show-ddl") != NULL;
    if (self->session.title[0] != '\0' && !is_ddl) {
        self->exit_code = check_first(self);
    }
    if (self->exit_code == LT_EXIT_OK) {
        self->exit_code = lt_session_open(&self->session);
    }
    if (self->exit_code == LT_EXIT_OK && is_ddl) {
        self->exit_code = show_ddl(self);
    } else if (self->exit_code == LT_EXIT_OK) {
        run_opened(self);
    }
    lt_session_close(&self->session);
}

int lt_cmd_run(lt_cli *cli, int argc, char **argv)
{
    lt_cli_args args;
    int exit_code = LT_EXIT_OK;
    lt_arena *arena = lt_arena_new(cli->mem, ARENA_MAX);
    if (lt_cli_begin(cli, "run", argc, argv, arena, &args, &exit_code)) {
        lt_runner self = {.session = {.cli = cli, .arena = arena, .args = &args}, .cli = cli};
        run_session(&self);
        exit_code = self.exit_code;
    }
    lt_arena_free(arena);
    return exit_code;
}
