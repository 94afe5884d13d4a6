/* From the command line, the script's own settings and the environment to what the engine is opened
 * with. */
#include "base/option.h"
#include "cli/place.h"
#include "cli/run_int.h"

#define INTERVAL_MS    10000 /* between checkpoints */
#define BATCH_ROWS_MAX 4096

/* ---- what the script says ---- */

lt_str lt_run_setting(const lt_runner *self, size_t offset, const char *key)
{
    lt_str value = lt_scan_setting((lt_str){self->session.sql, offset}, key);
    return value.ptr != NULL ? value : lt_scan_setting(lt_str_of(self->session.prelude), key);
}

bool lt_run_setting_is(const lt_runner *self, size_t offset, const char *key, const char *wanted)
{
    return lt_str_eq_ci(lt_run_setting(self, offset, key), lt_str_of(wanted));
}

/* Does the script, at any place, ask for changes as Flink's client shows them? The engine must know
 * when it opens. */
lt_output lt_run_script_format(const lt_runner *self, size_t offset)
{
    lt_output format = self->output.format;
    lt_str mode = lt_run_setting(self, offset, "sql-client.execution.result-mode");
    if (!self->output_given && mode.ptr != NULL) {
        (void)lt_output_find(mode, &format);
    }
    return format;
}

static bool shows_changes(lt_output format)
{
    return format == LT_OUTPUT_CHANGELOG || format == LT_OUTPUT_TABLEAU;
}

static lt_status parse_count(const lt_runner *self, const char *option, int64_t max, uint32_t *out,
                             lt_error *err)
{
    const char *text = lt_cli_arg(self->session.args, option);
    int64_t value = 0;
    if (text == NULL) {
        return LT_OK;
    }
    if (!lt_str_to_i64(lt_str_of(text), &value) || value < 1 || value > max) {
        return lt_error_set(err, LT_ERR_USAGE, "--%s: '%s' is not a number from 1 to %lld", option,
                            text, (long long)max);
    }
    *out = (uint32_t)value;
    return LT_OK;
}

static lt_status parse_replay(lt_runner *self, lt_error *err)
{
    const char *text = lt_cli_arg(self->session.args, "replay");
    double speed = 0;
    if (text == NULL || strcmp(text, "max") == 0) {
        return LT_OK;
    }
    lt_str number = lt_str_of(text);
    number.len -= number.len > 1 && number.ptr[number.len - 1] == 'x' ? 1 : 0;
    if (!lt_str_to_f64(number, &speed) || !(speed > 0) || speed > 1e12) {
        (void)lt_error_set(err, LT_ERR_USAGE, "--replay: '%s' is not a speed", text);
        lt_error_hint(
            err,
            "1 is the pace of the events themselves, 60 a minute per second, max does not wait");
        return LT_ERR_USAGE;
    }
    if (!self->cli->out_terminal) {
        lt_cli_say(self->cli,
                   "--replay has no effect: standard output is no terminal, so nothing is paced");
        return LT_OK;
    }
    self->session.config.replay_speed = speed;
    return LT_OK;
}

/* As many lanes as there are processors, unless somebody says otherwise. */
static lt_status choose_parallelism(lt_runner *self, lt_error *err)
{
    static const char *const keys[] = {"parallelism.default",
                                       "table.exec.resource.default-parallelism"};
    leat_config *config = &self->session.config;
    size_t end = strlen(self->session.sql);
    LT_TRY(parse_count(self, "parallelism", LT_CLI_LANES_MAX, &config->parallelism, err));
    bool said = config->parallelism > 0;
    for (size_t i = 0; i < LT_COUNT_OF(keys); i++) {
        said = said || lt_run_setting(self, end, keys[i]).ptr != NULL;
    }
    if (!said) {
        unsigned processors = self->cli->env->cpu_count(self->cli->env);
        config->parallelism = LT_MIN(LT_MAX(processors, 1U), (unsigned)LT_CLI_LANES_MAX);
    }
    return LT_OK;
}

/* A file's jobs keep state, found again by its path; those of -e only under a name of their own. */
static lt_status choose_state(lt_runner *self, lt_error *err)
{
    const lt_cli_args *args = self->session.args;
    leat_config *config = &self->session.config;
    const char *title = self->session.title;
    config->state_dir =
        lt_place_state_dir(self->cli, self->session.arena, lt_cli_arg(args, "state-dir"));
    if (title[0] != '\0' && strcmp(title, "-") != 0) {
        config->file = lt_place_absolute(self->cli, self->session.arena, title);
        config->checkpoint_interval_ms = INTERVAL_MS;
    }
    config->fresh = lt_cli_arg(args, "fresh") != NULL;
    config->allow_drop = lt_cli_arg(args, "allow-drop");
    config->restore = lt_cli_arg(args, "restore");
    if (config->fresh && config->restore != NULL) {
        return lt_error_set(err, LT_ERR_USAGE, "--fresh and --restore exclude each other");
    }
    return LT_OK;
}

/* As named, else where the XDG base directory specification puts a program's state; a process
 * without a home only counts its rejects. The engine makes the folder with the first one. */
static lt_status choose_rejects_dir(lt_runner *self, lt_error *err)
{
    lt_env *env = self->cli->env;
    const char *given = lt_cli_arg(self->session.args, "rejects");
    if (given != NULL) {
        self->session.config.rejects_dir = given;
        return env->mkdirs(env, given, err);
    }
    self->session.config.rejects_dir = lt_place_state_dir(self->cli, self->session.arena, NULL);
    return LT_OK;
}

lt_status lt_run_configure(lt_runner *self, lt_error *err)
{
    const lt_cli_args *args = self->session.args;
    leat_config *config = &self->session.config;
    const char *memory = lt_cli_arg(args, "memory");
    const char *output = lt_cli_arg(args, "output");
    LT_TRY(lt_session_config(&self->session, err));
    LT_TRY(lt_session_duration(&self->session, "idle-timeout", LT_IDLE_TIMEOUT_MS,
                               &config->idle_timeout_ms, err));
    LT_TRY(lt_session_duration(&self->session, "future-skew", LT_FUTURE_SKEW_MS,
                               &config->future_skew_ms, err));
    LT_TRY(parse_count(self, "batch-rows", BATCH_ROWS_MAX, &config->batch_rows, err));
    LT_TRY(parse_replay(self, err));
    if (memory != NULL && (!lt_parse_size(lt_str_of(memory), &config->memory_bytes_max) ||
                           config->memory_bytes_max <= 0)) {
        return lt_error_set(err, LT_ERR_USAGE, "--memory: '%s' is not a size such as 512mb",
                            memory);
    }
    LT_TRY(choose_rejects_dir(self, err));
    LT_TRY(choose_parallelism(self, err));
    LT_TRY(choose_state(self, err));
    config->threads = true;
    self->metrics = lt_cli_arg(args, "metrics");
    self->quiet = lt_cli_arg(args, "quiet") != NULL;
    self->verbose = lt_cli_arg(args, "verbose") != NULL;
    bool is_file = lt_cli_arg(args, "execute") == NULL;
    self->output.format = is_file && !self->cli->out_terminal ? LT_OUTPUT_JSONL : LT_OUTPUT_TABLE;
    self->output.utf8 = self->cli->utf8 && self->cli->out_terminal;
    self->output.raw = !self->cli->out_terminal;
    self->output_given = output != NULL && lt_output_find(lt_str_of(output), &self->output.format);
    config->final_rows = !shows_changes(lt_run_script_format(self, strlen(self->session.sql)));
    self->terminal_shared = self->cli->out_terminal && self->cli->err_terminal;
    return LT_OK;
}
