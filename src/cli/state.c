/* leat state: what checkpoints and savepoints hold, as rows. The engine reads them; here they are
 * only printed. */
#include <leat/leat.h>

#include "cli/place.h"
#include "cli/writer.h"

#define ARENA_MAX   ((size_t)64 << 20)
#define FLUSH_BYTES ((size_t)64 << 10)

typedef struct {
    lt_cli *cli;
    lt_arena *arena;
    lt_cli_args args;
    leat *db;
} viewer;

static int complain(const viewer *self, leat_status status)
{
    lt_cli_complain(self->cli, "", self->db != NULL ? leat_error(self->db) : "out of memory");
    return lt_cli_exit_of((int)status);
}

static lt_status flush(const viewer *self, lt_writer *writer, size_t least, lt_error *err)
{
    lt_text *text = lt_writer_text(writer);
    if (text->len < least) {
        return LT_OK;
    }
    lt_status st = lt_cli_out_write(self->cli, lt_text_str(text), err);
    lt_text_clear(text);
    return st;
}

static lt_status print_rows(const viewer *self, leat_job *job, lt_writer *writer, lt_error *err)
{
    leat_rows *rows;
    uint32_t count;
    lt_status st = LT_OK;
    while (st == LT_OK && !self->cli->out_closed && (rows = leat_take(job, &count)) != NULL) {
        st = lt_writer_rows(writer, rows, count, err);
        leat_rows_free(rows);
        if (st == LT_OK) {
            st = flush(self, writer, FLUSH_BYTES, err);
        }
    }
    if (st == LT_OK) {
        st = lt_writer_finish(writer, err);
    }
    return st == LT_OK ? flush(self, writer, 0, err) : st;
}

static int show(viewer *self, const char *path, const char *table, lt_output format)
{
    leat_job *job = NULL;
    lt_writer *writer = NULL;
    lt_error err;
    lt_error_clear(&err);
    leat_config config = {.struct_size = sizeof config};
    leat_status status = leat_open(&config, &self->db);
    if (status == LEAT_OK) {
        status = leat_inspect(self->db, path, table, &job);
    }
    if (status != LEAT_OK) {
        int exit_code = complain(self, status);
        leat_close(self->db);
        return exit_code;
    }
    lt_writer_options options = {.format = format, .utf8 = self->cli->utf8};
    lt_status st = lt_writer_new(self->cli->mem, job, &options, &writer, &err);
    if (st == LT_OK) {
        st = print_rows(self, job, writer, &err);
    }
    lt_writer_free(writer);
    leat_job_free(job);
    leat_close(self->db);
    return st == LT_OK ? LT_EXIT_OK : lt_cli_fail(self->cli, "", &err);
}

/* A path that is there, else the folder of the job of that name. */
static lt_status resolve(viewer *self, const char *word, const char **out, lt_error *err)
{
    lt_cli *cli = self->cli;
    lt_place place;
    lt_stat stat;
    *out = word;
    if (cli->env->stat(cli->env, word, &stat, NULL) == LT_OK &&
        (strchr(word, '/') != NULL || stat.kind == LT_FILE_DIR)) {
        return LT_OK;
    }
    const char *state_dir =
        lt_place_state_dir(cli, self->arena, lt_cli_arg(&self->args, "state-dir"));
    LT_TRY(lt_place_find(cli, self->arena, state_dir, word, false, &place, err));
    *out = place.dir;
    return LT_OK;
}

typedef struct {
    const char *name;
    size_t least; /* words behind it */
    size_t most;
    const char *usage;
} verb;

static const verb verbs[] = {
    {"ls", 1, 1, "leat state ls JOB|PATH"},
    {"show", 1, 2, "leat state show JOB|PATH [TABLE]"},
    {"export", 2, 2, "leat state export JOB|PATH TABLE -o csv|jsonl"},
};

static lt_status find_verb(const lt_cli_args *args, const verb **out, lt_error *err)
{
    const char *word = args->word_count > 0 ? args->words[0] : "";
    for (size_t i = 0; i < LT_COUNT_OF(verbs); i++) {
        if (strcmp(verbs[i].name, word) == 0) {
            *out = &verbs[i];
            if (args->word_count - 1 >= verbs[i].least && args->word_count - 1 <= verbs[i].most) {
                return LT_OK;
            }
            return lt_error_set(err, LT_ERR_USAGE, "usage: %s", verbs[i].usage);
        }
    }
    lt_error_set(err, LT_ERR_USAGE,
                 word[0] != '\0' ? "unknown `leat state %s`" : "what about state?%s", word);
    lt_error_hint(err, "ls, show or export; `leat help state` tells more");
    return LT_ERR_USAGE;
}

static int run(viewer *self)
{
    const verb *wanted;
    const char *path;
    lt_error err;
    lt_error_clear(&err);
    const char *given = lt_cli_arg(&self->args, "output");
    lt_status st = find_verb(&self->args, &wanted, &err);
    if (st == LT_OK) {
        st = resolve(self, self->args.words[1], &path, &err);
    }
    if (st != LT_OK) {
        return lt_cli_fail(self->cli, "state", &err);
    }
    lt_output format = wanted->least == 2 ? LT_OUTPUT_JSONL : LT_OUTPUT_TABLE;
    if (given != NULL) {
        (void)lt_output_find(lt_str_of(given), &format);
    }
    return show(self, path, self->args.word_count > 2 ? self->args.words[2] : NULL, format);
}

int lt_cmd_state(lt_cli *cli, int argc, char **argv)
{
    viewer self = {.cli = cli, .arena = lt_arena_new(cli->mem, ARENA_MAX)};
    int exit_code = LT_EXIT_OK;
    if (lt_cli_begin(cli, "state", argc, argv, self.arena, &self.args, &exit_code)) {
        exit_code = run(&self);
    }
    lt_arena_free(self.arena);
    return exit_code;
}
