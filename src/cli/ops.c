/* leat ps, status, savepoint, stop: look at jobs' folders and talk to those that run. */
#include <leat/leat.h>

#include "cli/flat.h"
#include "cli/grid.h"
#include "cli/human.h"
#include "cli/place.h"

#define ARENA_MAX  ((size_t)64 << 20)
#define ANSWER_MAX ((size_t)16 << 20)
#define QUICK_NS   INT64_C(3000000000)  /* for what is answered at once */
#define GOODBYE_NS INT64_C(10000000000) /* for a stopped process to end */
#define FOREVER_NS (INT64_MAX / 4)
#define READ_BYTES 4096

typedef struct {
    lt_cli *cli;
    lt_arena *arena;
    lt_cli_args args;
    const char *state_dir; /* NULL = not known */
} ops;

/* ---- asking a job ---- */

static lt_status say_nothing(const lt_place *place, lt_error *err)
{
    lt_error_set(err, LT_ERR_CONNECT, "job '%s' does not answer", place->name);
    lt_error_hint(err, "pid %lld holds %s/lock", (long long)place->pid, place->dir);
    return LT_ERR_CONNECT;
}

static lt_status connect_to(const ops *self, const lt_place *place, lt_file **out, lt_error *err)
{
    lt_env *env = self->cli->env;
    const char *address = lt_arena_printf(self->arena, "unix:%s/control.sock", place->dir);
    if (address == NULL) {
        return lt_error_nomem(err, "an address");
    }
    if (env->connect(env, address, out, NULL) == LT_OK) {
        return LT_OK;
    }
    if (place->state != LT_PLACE_RUNNING) {
        lt_error_set(err, LT_ERR_STATE, "job '%s' does not run: it has %s", place->name,
                     lt_place_state_name(place->state));
        lt_error_hint(err, "`leat ps` lists the jobs");
        return LT_ERR_STATE;
    }
    lt_error_set(err, LT_ERR_CONNECT, "job '%s' runs without a control socket", place->name);
    lt_error_hint(err, "pid %lld: SIGTERM stops it with a checkpoint", (long long)place->pid);
    return LT_ERR_CONNECT;
}

/* Reads until the line has ended, or the peer (to_end). */
static lt_status receive(const ops *self, const lt_place *place, lt_file *file, bool to_end,
                         int64_t limit_ns, lt_text *to, lt_error *err)
{
    lt_env *env = self->cli->env;
    int64_t deadline = env->mono_ns(env) + limit_ns;
    for (;;) {
        size_t got = 0;
        if (to->len > ANSWER_MAX || !lt_text_reserve(to, READ_BYTES)) {
            return lt_error_nomem(err, "an answer");
        }
        lt_status st = env->read(file, to->ptr + to->len, READ_BYTES, &got, NULL);
        to->len += got;
        to->ptr[to->len] = '\0';
        bool is_line = !to_end && to->len > 0 && to->ptr[to->len - 1] == '\n';
        if (is_line || (to_end && st != LT_AGAIN && got == 0)) {
            return LT_OK;
        }
        if (st == LT_AGAIN && env->mono_ns(env) < deadline) {
            env->wait(env, deadline, &file, 1);
        } else if (st != LT_OK || got == 0) {
            return say_nothing(place, err);
        }
    }
}

static lt_status judge(const lt_place *place, lt_str answer, lt_mem *mem, lt_error *err)
{
    static const lt_status codes[] = {
        [LT_EXIT_OK] = LT_ERR_INTERNAL,
        [LT_EXIT_USAGE] = LT_ERR_USAGE,
        [LT_EXIT_SQL] = LT_ERR_SQL,
        [LT_EXIT_IO] = LT_ERR_IO,
        [LT_EXIT_DATA] = LT_ERR_DATA,
        [LT_EXIT_STATE] = LT_ERR_STATE,
        [LT_EXIT_PERMISSION] = LT_ERR_PERMISSION,
    };
    int64_t code = 0;
    if (!lt_flat_is_object(answer)) {
        return say_nothing(place, err);
    }
    if (lt_flat_is_true(answer, "ok")) {
        return LT_OK;
    }
    lt_text text;
    lt_text_init(&text, mem);
    (void)lt_flat_text(answer, "error", &text);
    (void)lt_flat_int(answer, "code", &code);
    bool known = code > 0 && code < (int64_t)LT_COUNT_OF(codes);
    lt_error_set(err, known ? codes[code] : LT_ERR_INTERNAL, "%s: " LT_STR_FMT, place->name,
                 LT_STR_ARG(lt_text_str(&text)));
    lt_text_deinit(&text);
    return err->code;
}

/* One request and its answer. leaves: then the other side is watched until it is gone. */
static lt_status ask(const ops *self, const lt_place *place, const char *request, bool quick,
                     bool leaves, lt_text *answer, lt_error *err)
{
    lt_env *env = self->cli->env;
    lt_file *file = NULL;
    LT_TRY(connect_to(self, place, &file, err));
    lt_status st = env->write(file, request, strlen(request), NULL);
    st = st == LT_OK ? receive(self, place, file, false, quick ? QUICK_NS : FOREVER_NS, answer, err)
                     : say_nothing(place, err);
    lt_str line = lt_str_trim(lt_text_str(answer));
    if (st == LT_OK) {
        st = judge(place, line, self->cli->mem, err);
    }
    if (st == LT_OK && leaves) {
        lt_text rest;
        lt_text_init(&rest, self->cli->mem);
        (void)receive(self, place, file, true, GOODBYE_NS, &rest, NULL);
        lt_text_deinit(&rest);
    }
    env->close(file);
    return st;
}

static int print(const ops *self, lt_text *text, lt_status st, lt_error *err)
{
    if (st == LT_OK && text->failed) {
        st = lt_error_nomem(err, "text");
    }
    if (st == LT_OK) {
        st = lt_cli_out_write(self->cli, lt_text_str(text), err);
    }
    return st == LT_OK ? LT_EXIT_OK : lt_cli_fail(self->cli, "", err);
}

/* ---- begin and end ---- */

static bool begin(ops *self, const char *name, int argc, char **argv, int *exit_code)
{
    self->arena = lt_arena_new(self->cli->mem, ARENA_MAX);
    if (!lt_cli_begin(self->cli, name, argc, argv, self->arena, &self->args, exit_code)) {
        return false;
    }
    self->state_dir =
        lt_place_state_dir(self->cli, self->arena, lt_cli_arg(&self->args, "state-dir"));
    return true;
}

/* The job named by the first word. */
static lt_status find(ops *self, bool must_run, size_t words_max, lt_place *out, lt_error *err)
{
    if (self->args.word_count == 0) {
        lt_error_set(err, LT_ERR_USAGE, "which job?");
        lt_error_hint(err, "its name, its file or its folder; `leat ps` lists the jobs");
        return LT_ERR_USAGE;
    }
    if (self->args.word_count > words_max) {
        return lt_error_set(err, LT_ERR_USAGE, "what is '%s'?", self->args.words[words_max]);
    }
    return lt_place_find(self->cli, self->arena, self->state_dir, self->args.words[0], must_run,
                         out, err);
}

/* ---- ps ---- */

/* What only the process knows: the answer to `ps`; empty when it does not run or answer. */
static void ask_figures(const ops *self, const lt_place *place, lt_text *answer)
{
    lt_error err;
    lt_error_clear(&err);
    lt_text_clear(answer);
    if (place->state == LT_PLACE_RUNNING &&
        ask(self, place, "{\"do\":\"ps\"}\n", true, false, answer, &err) != LT_OK) {
        lt_text_clear(answer);
    }
}

static int64_t checkpoint_age(const ops *self, const lt_place *place, lt_str figures)
{
    int64_t age_ms = -1;
    if (!lt_flat_int(figures, "checkpoint_age_ms", &age_ms) || age_ms < 0) {
        int64_t now_ms = self->cli->env->wall_us(self->cli->env) / 1000;
        age_ms = place->checkpoint_ms == INT64_MIN ? -1 : LT_MAX(now_ms - place->checkpoint_ms, 0);
    }
    return age_ms;
}

static void ps_row(const ops *self, const lt_place *place, lt_grid *grid, lt_text *figures)
{
    lt_text cell;
    int64_t number = 0;
    lt_text_init(&cell, self->cli->mem);
    ask_figures(self, place, figures);
    lt_str answer = lt_text_str(figures);
    bool runs = place->state == LT_PLACE_RUNNING;
    lt_grid_cell(grid, lt_str_of(place->name));
    lt_grid_cell(grid, lt_str_of(lt_place_state_name(place->state)));
    if (runs) {
        lt_text_printf(&cell, "%lld", (long long)place->pid);
    }
    lt_grid_cell(grid, lt_text_str(&cell));
    lt_text_clear(&cell);
    if (lt_flat_int(answer, "rows_per_s", &number)) {
        lt_human_short(&cell, (double)number);
    }
    lt_grid_cell(grid, lt_text_str(&cell));
    lt_text_clear(&cell);
    int64_t age_ms = checkpoint_age(self, place, answer);
    if (age_ms >= 0) {
        lt_human_elapsed(&cell, age_ms < INT64_MAX / 1000000 ? age_ms * 1000000 : INT64_MAX);
        lt_text_puts(&cell, " ago");
    }
    lt_grid_cell(grid, lt_text_str(&cell));
    lt_grid_cell(grid, lt_str_of(place->file));
    grid->failed = grid->failed || cell.failed;
    lt_text_deinit(&cell);
}

static void ps_json(const ops *self, const lt_place *place, lt_text *to, lt_text *figures)
{
    static const char *const numbers[] = {"elapsed_ms", "rows_in", "rows_out", "rows_per_s",
                                          "checkpoints"};
    ask_figures(self, place, figures);
    lt_str answer = lt_text_str(figures);
    lt_text_puts(to, "{\"name\":");
    lt_text_json(to, lt_str_of(place->name));
    lt_text_printf(to, ",\"state\":\"%s\",\"pid\":", lt_place_state_name(place->state));
    if (place->state == LT_PLACE_RUNNING) {
        lt_text_printf(to, "%lld", (long long)place->pid);
    } else {
        lt_text_puts(to, "null");
    }
    lt_text_printf(to, ",\"started_ms\":%lld,\"file\":", (long long)place->started_ms);
    if (place->file[0] != '\0') {
        lt_text_json(to, lt_str_of(place->file));
    } else {
        lt_text_puts(to, "null");
    }
    lt_text_puts(to, ",\"dir\":");
    lt_text_json(to, lt_str_of(place->dir));
    int64_t age_ms = checkpoint_age(self, place, answer);
    lt_text_puts(to, ",\"checkpoint_age_ms\":");
    if (age_ms >= 0) {
        lt_text_printf(to, "%lld", (long long)age_ms);
    } else {
        lt_text_puts(to, "null");
    }
    for (size_t i = 0; i < LT_COUNT_OF(numbers); i++) {
        int64_t number = 0;
        if (lt_flat_int(answer, numbers[i], &number)) {
            lt_text_printf(to, ",\"%s\":%lld", numbers[i], (long long)number);
        }
    }
    lt_text_puts(to, "}\n");
}

static void ps_table(const ops *self, const lt_places *places, lt_text *to, lt_text *figures)
{
    lt_grid grid;
    lt_grid_init(&grid, self->cli->mem, LT_GRID_PLAIN);
    lt_grid_column_add(&grid, "name", false, 0);
    lt_grid_column_add(&grid, "state", false, 0);
    lt_grid_column_add(&grid, "pid", true, 0);
    lt_grid_column_add(&grid, "rows/s", true, 0);
    lt_grid_column_add(&grid, "checkpoint", true, 0);
    lt_grid_column_add(&grid, "file", false, 0);
    for (size_t i = 0; i < places->count; i++) {
        ps_row(self, &places->items[i], &grid, figures);
    }
    to->failed = !lt_grid_print(&grid, to) || to->failed;
    lt_grid_deinit(&grid);
}

static int run_ps(ops *self)
{
    lt_places places = {NULL, 0, 0};
    lt_text text, figures;
    lt_error err;
    lt_error_clear(&err);
    lt_text_init(&text, self->cli->mem);
    lt_text_init(&figures, self->cli->mem);
    bool is_json = lt_cli_arg(&self->args, "json") != NULL;
    lt_status st = LT_OK;
    if (self->args.word_count > 0) {
        st = lt_error_set(&err, LT_ERR_USAGE, "what is '%s'? ps takes no names",
                          self->args.words[0]);
    } else if (self->state_dir != NULL) {
        st = lt_places_list(self->cli, self->arena, self->state_dir, &places, &err);
    }
    for (size_t i = 0; i < places.count; i++) {
        lt_place_look(self->cli, self->arena, &places.items[i]);
        if (is_json) {
            ps_json(self, &places.items[i], &text, &figures);
        }
    }
    if (st == LT_OK && !is_json && places.count > 0) {
        ps_table(self, &places, &text, &figures);
    } else if (st == LT_OK && places.count == 0 && !is_json) {
        lt_cli_say(self->cli, "no jobs in %s",
                   self->state_dir != NULL ? self->state_dir : "an unknown place: HOME is not set");
    }
    int exit_code = print(self, &text, st, &err);
    lt_text_deinit(&figures);
    lt_text_deinit(&text);
    lt_array_deinit(&places, self->cli->mem);
    return exit_code;
}

/* ---- status ---- */

static void status_at_rest(const ops *self, const lt_place *place, bool is_json, lt_text *to)
{
    lt_text none;
    lt_text_init(&none, self->cli->mem);
    if (is_json) {
        ps_json(self, place, to, &none);
    } else {
        lt_text_printf(to, "%s: %s\n", place->name, lt_place_state_name(place->state));
        lt_text_puts(to, "  started     ");
        lt_human_time(to, place->started_ms);
        lt_text_puts(to, " UTC\n  checkpoint  ");
        lt_human_time(to, place->checkpoint_ms == INT64_MIN ? LEAT_TIME_MIN : place->checkpoint_ms);
        lt_text_printf(to, " UTC\n  file        %s\n  state       %s\n",
                       place->file[0] != '\0' ? place->file : "-", place->dir);
    }
    lt_text_deinit(&none);
}

static lt_status status_of(ops *self, bool is_json, lt_text *to, lt_error *err)
{
    lt_place place;
    lt_str raw;
    lt_text answer;
    LT_TRY(find(self, true, 1, &place, err));
    if (place.state != LT_PLACE_RUNNING) {
        status_at_rest(self, &place, is_json, to);
        return LT_OK;
    }
    lt_text_init(&answer, self->cli->mem);
    lt_status st = ask(self, &place,
                       is_json ? "{\"do\":\"status\",\"as\":\"json\"}\n"
                               : "{\"do\":\"status\",\"as\":\"text\"}\n",
                       true, false, &answer, err);
    lt_str line = lt_str_trim(lt_text_str(&answer));
    if (st == LT_OK && is_json && lt_flat_raw(line, "status", &raw)) {
        lt_text_append(to, raw.ptr, raw.len);
        lt_text_putc(to, '\n');
    } else if (st == LT_OK && !lt_flat_text(line, "text", to)) {
        st = say_nothing(&place, err);
    }
    lt_text_deinit(&answer);
    return st;
}

/* ---- savepoint, stop ---- */

static lt_status add_path(const ops *self, const char *path, lt_text *to, lt_error *err)
{
    if (path == NULL) {
        return LT_OK;
    }
    const char *absolute = lt_place_absolute(self->cli, self->arena, path);
    if (absolute == NULL) {
        return lt_error_set(err, LT_ERR_IO, "the working directory is not known");
    }
    lt_text_puts(to, ",\"path\":");
    lt_text_json(to, lt_str_of(absolute));
    return LT_OK;
}

static lt_status savepoint(ops *self, lt_text *to, lt_error *err)
{
    lt_place place;
    lt_text request, answer;
    LT_TRY(find(self, true, 2, &place, err));
    lt_text_init(&request, self->cli->mem);
    lt_text_init(&answer, self->cli->mem);
    lt_text_puts(&request, "{\"do\":\"savepoint\"");
    lt_status st =
        add_path(self, self->args.word_count > 1 ? self->args.words[1] : NULL, &request, err);
    lt_text_puts(&request, "}\n");
    if (st == LT_OK) {
        st = request.failed ? lt_error_nomem(err, "a request")
                            : ask(self, &place, request.ptr, false, false, &answer, err);
    }
    if (st == LT_OK) {
        (void)lt_flat_text(lt_str_trim(lt_text_str(&answer)), "path", to);
        lt_text_putc(to, '\n');
    }
    lt_text_deinit(&answer);
    lt_text_deinit(&request);
    return st;
}

static void tell_stopped(const ops *self, const lt_place *place, lt_str answer, lt_text *to)
{
    int64_t checkpoint = 0;
    lt_text path;
    lt_text_init(&path, self->cli->mem);
    (void)lt_flat_int(answer, "checkpoint", &checkpoint);
    if (lt_cli_arg(&self->args, "savepoint") != NULL && lt_flat_text(answer, "path", &path)) {
        lt_text_append(to, path.ptr, path.len);
        lt_text_putc(to, '\n');
    }
    if (lt_cli_arg(&self->args, "drain") != NULL) {
        lt_cli_say(self->cli, "%s has finished", place->name);
    } else {
        lt_cli_say(self->cli, "%s has stopped at checkpoint %lld", place->name,
                   (long long)checkpoint);
    }
    lt_text_deinit(&path);
}

static lt_status stop(ops *self, lt_text *to, lt_error *err)
{
    lt_place place;
    lt_text request, answer;
    const char *path = lt_cli_arg(&self->args, "savepoint");
    bool drain = lt_cli_arg(&self->args, "drain") != NULL;
    if (drain && path != NULL) {
        lt_error_set(err, LT_ERR_USAGE, "--drain and --savepoint exclude each other");
        lt_error_hint(err, "a drained job has fired its open windows: nothing is left to resume");
        return LT_ERR_USAGE;
    }
    LT_TRY(find(self, true, 1, &place, err));
    lt_text_init(&request, self->cli->mem);
    lt_text_init(&answer, self->cli->mem);
    lt_text_printf(&request, "{\"do\":\"stop\",\"drain\":%s", drain ? "true" : "false");
    lt_status st = add_path(self, path, &request, err);
    lt_text_puts(&request, "}\n");
    if (st == LT_OK) {
        st = request.failed ? lt_error_nomem(err, "a request")
                            : ask(self, &place, request.ptr, false, true, &answer, err);
    }
    if (st == LT_OK) {
        tell_stopped(self, &place, lt_str_trim(lt_text_str(&answer)), to);
    }
    lt_text_deinit(&answer);
    lt_text_deinit(&request);
    return st;
}

/* ---- the commands ---- */

int lt_cmd_ps(lt_cli *cli, int argc, char **argv)
{
    ops self = {.cli = cli};
    int exit_code = LT_EXIT_OK;
    if (begin(&self, "ps", argc, argv, &exit_code)) {
        exit_code = run_ps(&self);
    }
    lt_arena_free(self.arena);
    return exit_code;
}

int lt_cmd_status(lt_cli *cli, int argc, char **argv)
{
    ops self = {.cli = cli};
    int exit_code = LT_EXIT_OK;
    if (begin(&self, "status", argc, argv, &exit_code)) {
        lt_text text;
        lt_error err;
        lt_error_clear(&err);
        lt_text_init(&text, cli->mem);
        lt_status st = status_of(&self, lt_cli_arg(&self.args, "json") != NULL, &text, &err);
        exit_code = print(&self, &text, st, &err);
        lt_text_deinit(&text);
    }
    lt_arena_free(self.arena);
    return exit_code;
}

int lt_cmd_savepoint(lt_cli *cli, int argc, char **argv)
{
    ops self = {.cli = cli};
    int exit_code = LT_EXIT_OK;
    if (begin(&self, "savepoint", argc, argv, &exit_code)) {
        lt_text text;
        lt_error err;
        lt_error_clear(&err);
        lt_text_init(&text, cli->mem);
        lt_status st = savepoint(&self, &text, &err);
        exit_code = print(&self, &text, st, &err);
        lt_text_deinit(&text);
    }
    lt_arena_free(self.arena);
    return exit_code;
}

int lt_cmd_stop(lt_cli *cli, int argc, char **argv)
{
    ops self = {.cli = cli};
    int exit_code = LT_EXIT_OK;
    if (begin(&self, "stop", argc, argv, &exit_code)) {
        lt_text text;
        lt_error err;
        lt_error_clear(&err);
        lt_text_init(&text, cli->mem);
        lt_status st = stop(&self, &text, &err);
        exit_code = print(&self, &text, st, &err);
        lt_text_deinit(&text);
    }
    lt_arena_free(self.arena);
    return exit_code;
}
