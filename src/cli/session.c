/* SQL text and engine of one invocation. Settings of the command line become SET statements, so
 * that they are judged exactly as those of a file. */
#include "cli/session.h"

#include "base/option.h"
#include "cli/signals.h"

#define SQL_BYTES_MAX ((size_t)64 << 20)

static lt_status join_statements(lt_cli_session *self, lt_error *err)
{
    lt_text text;
    const char *sql;
    lt_text_init(&text, self->cli->mem);
    for (size_t n = 0; (sql = lt_cli_arg_at(self->args, "execute", n)) != NULL; n++) {
        lt_text_puts(&text, n > 0 ? "\n;\n" : "");
        lt_text_puts(&text, sql);
    }
    self->title = "";
    self->sql = text.failed
                    ? NULL
                    : lt_arena_strndup(self->arena, text.ptr != NULL ? text.ptr : "", text.len);
    lt_text_deinit(&text);
    return self->sql != NULL ? LT_OK : lt_error_nomem(err, "the statements");
}

static lt_status read_stdin(lt_cli *cli, lt_text *text, lt_error *err)
{
    size_t got = 1;
    if (cli->in == NULL) {
        return lt_error_set(err, LT_ERR_IO, "standard input is closed");
    }
    while (got > 0) {
        if (text->len > SQL_BYTES_MAX || !lt_text_reserve(text, 65536)) {
            return lt_error_nomem(err, "the statements");
        }
        lt_status st = cli->env->read(cli->in, text->ptr + text->len, 65536, &got, err);
        if (st == LT_AGAIN) {
            cli->env->wait(cli->env, cli->env->mono_ns(cli->env) + INT64_C(1000000000), &cli->in,
                           1);
            got = 1;
            continue;
        }
        LT_TRY(st);
        text->len += got;
        text->ptr[text->len] = '\0';
    }
    return LT_OK;
}

static lt_status keep_script(lt_cli_session *self, const lt_text *text, lt_error *err)
{
    lt_str sql = lt_text_str(text);
    if (memchr(sql.ptr, '\0', sql.len) != NULL) {
        (void)lt_error_set(err, LT_ERR_SQL, "the file is not text: it holds a zero byte");
        lt_error_hint(err, "leat reads SQL in UTF-8");
        return LT_ERR_SQL;
    }
    if (lt_str_starts(sql, LT_STR("\xef\xbb\xbf"))) {
        sql = (lt_str){sql.ptr + 3, sql.len - 3};
    }
    self->sql = lt_arena_strndup(self->arena, sql.ptr, sql.len);
    return self->sql != NULL ? LT_OK : lt_error_nomem(err, "the statements");
}

lt_status lt_session_read(lt_cli_session *self, size_t word, lt_error *err)
{
    const lt_cli_args *args = self->args;
    bool has_sql = lt_cli_arg(args, "execute") != NULL;
    self->title = "";
    if (has_sql && args->word_count > 0) {
        (void)lt_error_set(err, LT_ERR_USAGE, "both -e and the file '%s' were given",
                           args->words[0]);
        lt_error_hint(err, "give one of them; quote the statement if the shell has split it");
        return LT_ERR_USAGE;
    }
    if (has_sql) {
        return join_statements(self, err);
    }
    if (word >= args->word_count) {
        (void)lt_error_set(err, LT_ERR_USAGE, "nothing to run");
        lt_error_hint(err, "name a file, or give statements with -e");
        return LT_ERR_USAGE;
    }
    self->title = args->words[word];
    lt_text text;
    lt_text_init(&text, self->cli->mem);
    lt_status st = strcmp(self->title, "-") == 0
                       ? read_stdin(self->cli, &text, err)
                       : lt_env_read_file(self->cli->env, self->title, SQL_BYTES_MAX, &text, err);
    if (st == LT_OK) {
        st = keep_script(self, &text, err);
    } else {
        self->title = ""; /* the error names it */
    }
    lt_text_deinit(&text);
    return st;
}

lt_status lt_session_duration(const lt_cli_session *self, const char *option, int64_t fallback_ms,
                              int64_t *out, lt_error *err)
{
    const char *text = lt_cli_arg(self->args, option);
    *out = fallback_ms;
    if (text == NULL) {
        return LT_OK;
    }
    if (strcmp(text, "0") == 0 || strcmp(text, "off") == 0) {
        *out = 0;
        return LT_OK;
    }
    if (!lt_parse_duration_ms(lt_str_of(text), out) || *out < 0) {
        (void)lt_error_set(err, LT_ERR_USAGE, "--%s: '%s' is not a time", option, text);
        lt_error_hint(err, "write it as 500ms, 5s, 1min, 1h or 1d");
        return LT_ERR_USAGE;
    }
    return LT_OK;
}

static void put_literal(lt_text *to, lt_str value)
{
    lt_text_putc(to, '\'');
    for (size_t i = 0; i < value.len; i++) {
        lt_text_puts(to, value.ptr[i] == '\'' ? "'" : "");
        lt_text_putc(to, value.ptr[i]);
    }
    lt_text_putc(to, '\'');
}

static void put_setting(lt_text *to, lt_str key, lt_str value)
{
    lt_text_puts(to, "SET ");
    put_literal(to, key);
    lt_text_puts(to, " = ");
    put_literal(to, value);
    lt_text_puts(to, ";\n");
}

static lt_status make_prelude(lt_cli_session *self, lt_text *to, lt_error *err)
{
    const char *given;
    for (size_t n = 0; (given = lt_cli_arg_at(self->args, "set", n)) != NULL; n++) {
        const char *equals = strchr(given, '=');
        if (equals == NULL || equals == given) {
            return lt_error_set(err, LT_ERR_USAGE, "--set: '%s' is not KEY=VALUE", given);
        }
        put_setting(to, lt_str_trim((lt_str){given, (size_t)(equals - given)}),
                    lt_str_trim(lt_str_of(equals + 1)));
    }
    const char *zone = lt_cli_arg(self->args, "time-zone");
    if (zone != NULL) {
        put_setting(to, LT_STR("table.local-time-zone"), lt_str_of(zone));
    }
    lt_str text = lt_text_str(to);
    self->prelude = to->failed ? NULL : lt_arena_strndup(self->arena, text.ptr, text.len);
    return self->prelude != NULL ? LT_OK : lt_error_nomem(err, "the settings");
}

/* The job's name: that of the file, without folders and suffix. */
static const char *job_name(const lt_cli_session *self)
{
    const char *slash = strrchr(self->title, '/');
    const char *name = slash != NULL ? slash + 1 : self->title;
    size_t len = strlen(name);
    if (len > 4 && strcmp(name + len - 4, ".sql") == 0) {
        len -= 4;
    }
    return len > 0 && strcmp(name, "-") != 0 ? lt_arena_strndup(self->arena, name, len) : "leat";
}

lt_status lt_session_config(lt_cli_session *self, lt_error *err)
{
    lt_text text;
    lt_text_init(&text, self->cli->mem);
    lt_status st = make_prelude(self, &text, err);
    lt_text_deinit(&text);
    LT_TRY(st);
    self->config = (leat_config){
        .struct_size = sizeof self->config, .name = job_name(self), .inferred_tables = true};
    self->config.event_time = lt_cli_arg(self->args, "event-time");
    LT_TRY(lt_cli_arg_list(self->args, "allow-native-functions", self->arena,
                           &self->config.native_functions, err));
    LT_TRY(lt_session_duration(self, "delay", 0, &self->config.event_delay_ms, err));
    if (self->config.event_time == NULL && lt_cli_arg(self->args, "delay") != NULL) {
        return lt_error_set(err, LT_ERR_USAGE, "--delay needs --event-time");
    }
    return LT_OK;
}

int lt_session_complain(const lt_cli_session *self, leat_status status)
{
    lt_cli_complain(self->cli, self->title,
                    self->db != NULL ? leat_error(self->db) : "out of memory");
    return lt_cli_exit_of((int)status);
}

static leat_status apply_prelude(lt_cli_session *self)
{
    size_t offset = 0;
    for (;;) {
        leat_status status = leat_execute(self->db, self->prelude, &offset, NULL);
        if (status != LEAT_OK) {
            return status == LEAT_END ? LEAT_OK : status;
        }
    }
}

int lt_session_open(lt_cli_session *self)
{
    leat_status status = leat_open(&self->config, &self->db);
    if (status == LEAT_OK) {
        status = apply_prelude(self);
    }
    if (status != LEAT_OK) {
        self->title = "";
        return lt_session_complain(self, status);
    }
    lt_signals_watch(self->db);
    return LT_EXIT_OK;
}

void lt_session_close(lt_cli_session *self)
{
    lt_signals_watch(NULL);
    leat_close(self->db);
    self->db = NULL;
}
