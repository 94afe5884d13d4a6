/* leat replay: is what a job wrote still what comes out? Repeats the stretch that led to a
 * checkpoint and compares; the engine does both (leat_config.replay). Here it is found out which
 * checkpoints are meant and which statements made them.
 *
 * A checkpoint keeps its job's statements, so that a file is needed only where secrets were
 * masked in them. Each checkpoint gets an engine of its own. */
#include <leat/leat.h>
#include <stdio.h>

#include "base/array.h"
#include "base/option.h"
#include "cli/place.h"
#include "cli/scan.h"
#include "cli/session.h"
#include "cli/signals.h"

#define ARENA_MAX   ((size_t)256 << 20)
#define STEP_BUDGET 64
#define WAIT_MAX_MS 1000

/* A row of what leat_inspect lists of a folder; all but the path may be "" or 0. */
typedef struct {
    const char *id;
    const char *time;
    const char *job;
    const char *path;
    int64_t lanes;
} point;

typedef struct {
    lt_cli *cli;
    lt_arena *arena;
    lt_cli_args args;
    lt_cli_session session;
    bool has_file;
    uint32_t parallelism;   /* 0 = as the run was */
    LT_ARRAY(point) points; /* to be repeated, the oldest first */
    lt_error out_error;     /* the first failure to write to stdout */
} replayer;

/* Of one script. */
typedef struct {
    unsigned seen;
    unsigned repeated;
} tally;

/* ---- which checkpoints ---- */

static bool is_manifest(const char *path)
{
    static const char suffix[] = ".manifest";
    size_t len = strlen(path);
    return len >= sizeof suffix && strcmp(path + len - (sizeof suffix - 1), suffix) == 0;
}

/* A folder or manifest that is there, else the folder of the job that is meant. */
static lt_status resolve(replayer *self, const char *word, const char **out, lt_error *err)
{
    lt_cli *cli = self->cli;
    lt_place place;
    lt_stat stat;
    *out = word;
    if (cli->env->stat(cli->env, word, &stat, NULL) == LT_OK &&
        (stat.kind == LT_FILE_DIR || is_manifest(word))) {
        return LT_OK;
    }
    if (is_manifest(word)) {
        return lt_error_set(err, LT_ERR_IO, "there is no checkpoint '%s'", word);
    }
    const char *state_dir =
        lt_place_state_dir(cli, self->arena, lt_cli_arg(&self->args, "state-dir"));
    LT_TRY(lt_place_find(cli, self->arena, state_dir, word, false, &place, err));
    *out = place.dir;
    return LT_OK;
}

static lt_status cell(const replayer *self, leat_rows *rows, uint32_t row, uint32_t column,
                      const char **out)
{
    size_t size;
    const char *text = leat_rows_text(rows, row, column, LEAT_TEXT_SQL, &size);
    *out = text != NULL ? lt_arena_strndup(self->arena, text, size)
                        : lt_arena_strndup(self->arena, "", 0);
    return *out != NULL && (text != NULL || size == 0) ? LT_OK : LT_ERR_NOMEM;
}

static lt_status add_point(replayer *self, leat_rows *rows, uint32_t row)
{
    enum { ID = 0, TIME = 2, LANES = 6, JOB = 7, PATH = 8 };
    const char *lanes;
    point one = {.lanes = 0};
    LT_TRY(cell(self, rows, row, ID, &one.id));
    LT_TRY(cell(self, rows, row, TIME, &one.time));
    LT_TRY(cell(self, rows, row, JOB, &one.job));
    LT_TRY(cell(self, rows, row, PATH, &one.path));
    LT_TRY(cell(self, rows, row, LANES, &lanes));
    (void)lt_str_to_i64(lt_str_of(lanes), &one.lanes);
    return lt_array_push(&self->points, self->cli->mem, one) ? LT_OK : LT_ERR_NOMEM;
}

static lt_status take_points(replayer *self, leat_job *job, lt_error *err)
{
    leat_rows *rows;
    uint32_t count;
    lt_status st = LT_OK;
    while (st == LT_OK && (rows = leat_take(job, &count)) != NULL) {
        for (uint32_t i = 0; st == LT_OK && i < count; i++) {
            st = add_point(self, rows, i);
        }
        leat_rows_free(rows);
    }
    for (size_t i = 0; i < self->points.count / 2; i++) {
        point swapped = self->points.items[i];
        self->points.items[i] = self->points.items[self->points.count - 1 - i];
        self->points.items[self->points.count - 1 - i] = swapped;
    }
    return st == LT_OK ? LT_OK : lt_error_nomem(err, "the checkpoints");
}

/* What the engine shows of a path, for `use` to read. Errors of the engine are complained of here:
 * *exit_code. */
static bool inspect(replayer *self, const char *path, const char *table, leat **db, leat_job **job,
                    int *exit_code)
{
    leat_config config = {.struct_size = sizeof config};
    leat_status status = leat_open(&config, db);
    if (status == LEAT_OK) {
        status = leat_inspect(*db, path, table, job);
    }
    if (status != LEAT_OK) {
        lt_cli_complain(self->cli, "replay", *db != NULL ? leat_error(*db) : "out of memory");
        *exit_code = lt_cli_exit_of((int)status);
        leat_close(*db);
        return false;
    }
    return true;
}

/* Checkpoints of a folder, the oldest first; a savepoint is a single one. */
static int list_points(replayer *self, const char *dir, lt_error *err)
{
    leat *db = NULL;
    leat_job *job = NULL;
    int exit_code = LT_EXIT_OK;
    if (!inspect(self, dir, NULL, &db, &job, &exit_code)) {
        return exit_code;
    }
    leat_column first;
    bool is_list = leat_job_column(job, 0, &first) && strcmp(first.name, "id") == 0;
    lt_status st = LT_OK;
    if (is_list) {
        st = take_points(self, job, err);
    } else {
        const point one = {.id = "", .time = "", .job = "", .path = dir};
        st = lt_array_push(&self->points, self->cli->mem, one)
                 ? LT_OK
                 : lt_error_nomem(err, "the checkpoints");
    }
    leat_job_free(job);
    leat_close(db);
    return st == LT_OK ? LT_EXIT_OK : lt_cli_fail(self->cli, "replay", err);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* Leaves those in the list that are to be repeated. */
static lt_status choose(replayer *self, const char *path, lt_error *err)
{
    size_t count = self->points.count;
    bool all = lt_cli_arg(&self->args, "all") != NULL;
    if (is_manifest(path)) {
        point one = {.id = "", .time = "", .job = ""};
        for (size_t i = 0; i < count; i++) {
            const point *each = &self->points.items[i];
            one = strcmp(last_part(each->path), last_part(path)) == 0 ? *each : one;
        }
        one.path = path;
        self->points.count = 1;
        self->points.items[0] = one;
        return LT_OK;
    }
    if (count == 0) {
        return lt_error_set(err, LT_ERR_STATE, "there is no checkpoint in '%s' yet", path);
    }
    if (all && count < 2) {
        lt_error_set(err, LT_ERR_STATE, "'%s' has only one checkpoint, and none before it", path);
        lt_error_hint(err, "SET 'execution.checkpointing.num-retained' keeps more; without --all "
                           "it is repeated from the beginning of the input");
        return LT_ERR_STATE;
    }
    size_t first = all ? 1 : count - 1;
    memmove(self->points.items, self->points.items + first,
            (count - first) * sizeof *self->points.items);
    self->points.count = count - first;
    return LT_OK;
}

static int find_points(replayer *self, const char **path, lt_error *err)
{
    const lt_cli_args *args = &self->args;
    if (resolve(self, args->words[0], path, err) != LT_OK) {
        return lt_cli_fail(self->cli, "replay", err);
    }
    const char *dir = *path;
    if (is_manifest(dir)) {
        const char *last = last_part(dir);
        dir = last == dir ? "." : lt_arena_strndup(self->arena, dir, (size_t)(last - dir));
    }
    if (dir == NULL) {
        (void)lt_error_nomem(err, "a path");
        return lt_cli_fail(self->cli, "replay", err);
    }
    int exit_code = list_points(self, dir, err);
    if (exit_code == LT_EXIT_OK && choose(self, *path, err) != LT_OK) {
        exit_code = lt_cli_fail(self->cli, "replay", err);
    }
    return exit_code;
}

/* ---- which statements ---- */

/* 'password' = '****': its value was a secret and is not there. */
static bool is_masked(lt_str sql, lt_str *key)
{
    lt_scan scan = {.sql = sql};
    lt_str before[2] = {{NULL, 0}, {NULL, 0}}; /* the last two tokens */
    while (lt_scan_next(&scan)) {
        size_t stars = 0;
        while (scan.kind == LT_SCAN_STRING && stars < scan.text.len &&
               scan.text.ptr[stars] == '*') {
            stars++;
        }
        if (stars > 0 && stars == scan.text.len && lt_str_eq(before[1], LT_STR("=")) &&
            lt_option_is_secret(before[0], NULL)) {
            *key = before[0];
            return true;
        }
        before[0] = before[1];
        before[1] = scan.text;
    }
    return false;
}

static int statements_of(replayer *self, const char *path, lt_error *err)
{
    leat *db = NULL;
    leat_job *job = NULL;
    int exit_code = LT_EXIT_OK;
    if (!inspect(self, path, "$statements", &db, &job, &exit_code)) {
        return exit_code;
    }
    uint32_t count = 0;
    leat_rows *rows = leat_take(job, &count);
    self->session.sql = NULL;
    lt_status st =
        rows != NULL && count > 0 ? cell(self, rows, 0, 0, &self->session.sql) : LT_ERR_NOMEM;
    leat_rows_free(rows);
    leat_job_free(job);
    leat_close(db);
    lt_str key = {NULL, 0};
    if (st != LT_OK) {
        (void)lt_error_nomem(err, "the statements");
    } else if (is_masked(lt_str_of(self->session.sql), &key)) {
        lt_error_set(err, LT_ERR_USAGE,
                     "the checkpoint keeps its statements without secrets such as '" LT_STR_FMT "'",
                     LT_STR_ARG(key));
        lt_error_hint(err, "name the file too: leat replay %s FILE.sql", self->args.words[0]);
        st = LT_ERR_USAGE;
    }
    return st == LT_OK ? LT_EXIT_OK : lt_cli_fail(self->cli, "replay", err);
}

/* ---- repeating ---- */

static void print_line(void *arg, const char *line)
{
    replayer *self = arg;
    lt_text text;
    lt_text_init(&text, self->cli->mem);
    lt_text_printf(&text, "%s\n", line);
    if (self->out_error.code == LT_OK) {
        (void)(text.failed ? lt_error_nomem(&self->out_error, "text")
                           : lt_cli_out_write(self->cli, lt_text_str(&text), &self->out_error));
    }
    lt_text_deinit(&text);
}

static void print_heading(replayer *self, const point *target)
{
    lt_text line;
    if (target->id[0] == '\0') {
        return;
    }
    lt_text_init(&line, self->cli->mem);
    lt_text_printf(&line, "checkpoint %s of %s, %s UTC", target->id, target->job, target->time);
    print_line(self, line.failed ? "" : line.ptr);
    lt_text_deinit(&line);
}

static int step(replayer *self, leat_job *job)
{
    for (;;) {
        leat_state state = leat_step(job, STEP_BUDGET);
        if (state == LEAT_DONE) {
            return LT_EXIT_OK;
        }
        if (state == LEAT_FAILED || state == LEAT_STOPPED) {
            leat_stats stats;
            leat_get_stats(job, &stats);
            bool told = state == LEAT_FAILED && stats.status != LEAT_OK;
            return lt_session_complain(&self->session, told ? stats.status : LEAT_INTERNAL);
        }
        if (lt_signals_stop() != LT_STOP_NONE || self->cli->out_closed) {
            return LT_EXIT_INTERRUPT;
        }
        if (state == LEAT_WAITING) {
            leat_wait(job, WAIT_MAX_MS);
        }
    }
}

static bool makes_job(const replayer *self, size_t offset)
{
    static const char *const verbs[] = {"insert", "execute", "begin"};
    lt_str verb = lt_scan_verb(lt_str_of(self->session.sql), offset, NULL);
    bool found = false;
    for (size_t i = 0; i < LT_COUNT_OF(verbs); i++) {
        found = found || lt_str_eq_ci(verb, lt_str_of(verbs[i]));
    }
    return found;
}

static int run_statements(replayer *self, tally *jobs)
{
    size_t offset = 0;
    for (;;) {
        leat_job *job = NULL;
        size_t start = offset;
        leat_status status = leat_execute(self->session.db, self->session.sql, &offset, &job);
        if (status == LEAT_END) {
            return LT_EXIT_OK;
        }
        if (status != LEAT_OK) {
            int exit_code = lt_session_complain(&self->session, status);
            if (!self->has_file && exit_code == LT_EXIT_SQL) {
                lt_cli_say(self->cli,
                           "these are the statements that the checkpoint keeps; "
                           "`leat replay %s FILE.sql` takes those of a file",
                           self->args.words[0]);
            }
            return exit_code;
        }
        jobs->seen += makes_job(self, start);
        if (job != NULL) {
            jobs->repeated++;
            int exit_code = step(self, job);
            leat_job_free(job);
            return exit_code;
        }
    }
}

/* by_name: in a file of several jobs the engine finds out which of them is meant. */
static lt_status configure(replayer *self, const point *target, bool by_name, lt_error *err)
{
    leat_config *config = &self->session.config;
    LT_TRY(lt_session_config(&self->session, err));
    LT_TRY(lt_session_duration(&self->session, "idle-timeout", LT_IDLE_TIMEOUT_MS,
                               &config->idle_timeout_ms, err));
    LT_TRY(lt_session_duration(&self->session, "future-skew", LT_FUTURE_SKEW_MS,
                               &config->future_skew_ms, err));
    config->replay = target->path;
    config->parallelism = self->parallelism > 0
                              ? self->parallelism
                              : (uint32_t)LT_MIN(LT_MAX(target->lanes, 0), LT_CLI_LANES_MAX);
    config->say = print_line;
    config->say_arg = self;
    if (by_name) {
        config->file = lt_place_absolute(self->cli, self->arena, self->session.title);
        return config->file != NULL ? LT_OK : lt_error_nomem(err, "a path");
    }
    config->name = target->job[0] != '\0' ? target->job : config->name;
    return LT_OK;
}

static int replay_with(replayer *self, const point *target, bool by_name, tally *jobs)
{
    lt_error err;
    lt_error_clear(&err);
    *jobs = (tally){0, 0};
    if (configure(self, target, by_name, &err) != LT_OK) {
        return lt_cli_fail(self->cli, "replay", &err);
    }
    int exit_code = lt_session_open(&self->session);
    if (exit_code == LT_EXIT_OK) {
        exit_code = run_statements(self, jobs);
    }
    lt_session_close(&self->session);
    return exit_code;
}

static int replay(replayer *self, const point *target)
{
    tally jobs;
    lt_error err;
    lt_error_clear(&err);
    int exit_code = self->has_file ? LT_EXIT_OK : statements_of(self, target->path, &err);
    if (exit_code != LT_EXIT_OK) {
        return exit_code;
    }
    print_heading(self, target);
    exit_code = replay_with(self, target, self->has_file, &jobs);
    if (exit_code == LT_EXIT_OK && jobs.repeated == 0 && jobs.seen == 1) {
        /* The only job of a file is it, also where the file has been renamed. */
        exit_code = replay_with(self, target, false, &jobs);
    }
    if (exit_code == LT_EXIT_OK && jobs.repeated == 0) {
        lt_error_set(&err, LT_ERR_USAGE, "the statements have no job '%s'", target->job);
        lt_error_hint(&err, "jobs are named by SET 'pipeline.name', else by their file");
        exit_code = lt_cli_fail(self->cli, self->session.title, &err);
    }
    return exit_code;
}

static lt_status read_options(replayer *self, lt_error *err)
{
    const lt_cli_args *args = &self->args;
    if (args->word_count == 0 || args->word_count > 2) {
        lt_error_set(err, LT_ERR_USAGE,
                     args->word_count == 0 ? "which checkpoint?%s" : "what is '%s'?",
                     args->word_count == 0 ? "" : args->words[2]);
        lt_error_hint(err, "a manifest, a savepoint, or a job: its name, file or folder; "
                           "`leat state ls JOB` lists the checkpoints of one");
        return LT_ERR_USAGE;
    }
    const char *text = lt_cli_arg(&self->args, "parallelism");
    int64_t lanes = 0;
    if (text != NULL &&
        (!lt_str_to_i64(lt_str_of(text), &lanes) || lanes < 1 || lanes > LT_CLI_LANES_MAX)) {
        return lt_error_set(err, LT_ERR_USAGE, "--parallelism: '%s' is not a number from 1 to %d",
                            text, LT_CLI_LANES_MAX);
    }
    self->parallelism = (uint32_t)lanes;
    self->session =
        (lt_cli_session){.cli = self->cli, .arena = self->arena, .args = &self->args, .title = ""};
    self->has_file = self->args.word_count > 1;
    return self->has_file ? lt_session_read(&self->session, 1, err) : LT_OK;
}

static int run(replayer *self)
{
    const char *path;
    lt_error err;
    lt_error_clear(&err);
    if (read_options(self, &err) != LT_OK) {
        return lt_cli_fail(self->cli, "replay", &err);
    }
    int exit_code = find_points(self, &path, &err);
    size_t agree = 0;
    bool goes_on = exit_code == LT_EXIT_OK;
    for (size_t i = 0; goes_on && i < self->points.count; i++) {
        int one = replay(self, &self->points.items[i]);
        agree += one == LT_EXIT_OK;
        exit_code = one != LT_EXIT_OK ? one : exit_code;
        goes_on = one == LT_EXIT_OK || one == LT_EXIT_STATE;
    }
    if (goes_on && self->points.count > 1) {
        char line[80];
        (void)snprintf(line, sizeof line, "%zu of %zu checkpoints agree", agree,
                       self->points.count);
        print_line(self, line);
    }
    if (self->out_error.code != LT_OK) {
        return lt_cli_fail(self->cli, "", &self->out_error);
    }
    return exit_code;
}

int lt_cmd_replay(lt_cli *cli, int argc, char **argv)
{
    replayer self = {.cli = cli, .arena = lt_arena_new(cli->mem, ARENA_MAX)};
    int exit_code = LT_EXIT_OK;
    lt_error_clear(&self.out_error);
    if (lt_cli_begin(cli, "replay", argc, argv, self.arena, &self.args, &exit_code)) {
        exit_code = run(&self);
    }
    lt_array_deinit(&self.points, cli->mem);
    lt_arena_free(self.arena);
    return exit_code;
}
