/* `leat test`: runs test files, each in a world of its own, under one or all settings of the
 * matrix. The results do not depend on the settings; that is what the matrix shows. */
#include <stdio.h>

#include "cli/test_int.h"

#define ARENA_MAX      ((size_t)1 << 30)
#define FILE_BYTES_MAX ((size_t)16 << 20)

/* Every trial with every batch size, on one lane and on four. */
#define TRIALS(rows, lanes, name)                                                             \
    {name, rows, lanes, LT_TRIAL_NONE, false, false, false, false},                           \
        {name ", restarts", rows, lanes, LT_TRIAL_SNAPSHOT, false, false, false, false},      \
        {name ", checkpoints", rows, lanes, LT_TRIAL_CHECKPOINT, false, false, false, false}, \
    {                                                                                         \
        name ", crashes", rows, lanes, LT_TRIAL_CRASH, false, false, false, false             \
    }

static const lt_test_setting matrix[] = {
    TRIALS(1, 1, "1 row"),
    TRIALS(7, 1, "7 rows"),
    TRIALS(1024, 1, "1024 rows"),
    TRIALS(1, 4, "1 row, 4 lanes"),
    TRIALS(7, 4, "7 rows, 4 lanes"),
    TRIALS(1024, 4, "1024 rows, 4 lanes"),
    {"1 row, rescale", 1, 0, LT_TRIAL_CHECKPOINT, true, false, false, false},
    {"7 rows, rescale", 7, 0, LT_TRIAL_CHECKPOINT, true, false, false, false},
    {"7 rows, rescale, crashes", 7, 0, LT_TRIAL_CRASH, true, false, false, false},
    {"1024 rows, rescale", 1024, 0, LT_TRIAL_CHECKPOINT, true, false, false, false},
    {"1024 rows, reparse", 1024, 1, LT_TRIAL_NONE, false, true, false, false},
    {"7 rows, 4 lanes, threads", 7, 4, LT_TRIAL_NONE, false, false, true, false},
    {"7 rows, 4 lanes, threads, forced spill", 7, 4, LT_TRIAL_NONE, false, false, true, true},
    {"7 rows, forced spill", 7, 1, LT_TRIAL_NONE, false, false, false, true},
    {"1024 rows, forced spill", 1024, 1, LT_TRIAL_NONE, false, false, false, true},
    {"7 rows, 4 lanes, forced spill, checkpoints", 7, 4, LT_TRIAL_CHECKPOINT, false, false, false,
     true},
};

typedef struct {
    lt_cli *cli;
    lt_arena *arena;
    LT_ARRAY(lt_str) files;
    const lt_test_setting *settings;
    uint32_t setting_count;
    const char *only;   /* part of the names of the settings that are run; NULL = all are */
    const char *native; /* directories of libraries that are allowed; NULL = none */
    bool update;
    bool verbose;
    bool is_matrix;
    uint32_t passed;
    uint32_t failed;
    uint32_t skipped;
    uint32_t unordered; /* expectations left out */
} command;

/* ---- finding files ---- */

typedef struct {
    command *self;
    const char *path;
    lt_error *err;
} walk;

static lt_status walk_folder(command *self, const char *path, lt_error *err);

static lt_status walk_entry(void *arg, const lt_dirent *entry)
{
    walk *at = arg;
    lt_str name = lt_str_of(entry->name);
    bool is_test = name.len > 4 && strcmp(entry->name + name.len - 4, ".slt") == 0;
    if (entry->name[0] == '.' || (entry->kind != LT_FILE_DIR && !is_test)) {
        return LT_OK;
    }
    char *path = lt_arena_printf(at->self->arena, "%s/%s", at->path, entry->name);
    if (path == NULL) {
        return lt_error_nomem(at->err, "a path");
    }
    if (entry->kind == LT_FILE_DIR) {
        return walk_folder(at->self, path, at->err);
    }
    return lt_array_push(&at->self->files, at->self->cli->mem, lt_str_of(path))
               ? LT_OK
               : lt_error_nomem(at->err, "paths");
}

static lt_status walk_folder(command *self, const char *path, lt_error *err)
{
    walk at = {self, path, err};
    return self->cli->env->list(self->cli->env, path, walk_entry, &at, err);
}

static lt_status find_files(command *self, const lt_cli_args *args, lt_error *err)
{
    lt_env *env = self->cli->env;
    for (size_t i = 0; i < args->word_count; i++) {
        lt_str path = lt_str_of(args->words[i]);
        while (path.len > 1 && path.ptr[path.len - 1] == '/') {
            path.len--;
        }
        lt_stat info;
        LT_TRY(env->stat(env, args->words[i], &info, err));
        if (info.kind == LT_FILE_DIR) {
            const char *folder = lt_arena_strndup(self->arena, path.ptr, path.len);
            if (folder == NULL) {
                return lt_error_nomem(err, "a path");
            }
            LT_TRY(walk_folder(self, folder, err));
        } else if (!lt_array_push(&self->files, self->cli->mem, path)) {
            return lt_error_nomem(err, "paths");
        }
    }
    lt_test_sort(self->files.items, (uint32_t)self->files.count);
    if (self->files.count == 0) {
        (void)lt_error_set(err, LT_ERR_USAGE, "no test files were found");
        lt_error_hint(err, "give .slt files, or folders that hold some");
        return LT_ERR_USAGE;
    }
    return LT_OK;
}

/* ---- one file ---- */

static lt_status write_edits(const lt_world *world, lt_error *err)
{
    lt_str old = world->file->text;
    lt_text text;
    lt_text_init(&text, world->mem);
    size_t at = 0;
    for (size_t i = 0; i < world->edits.count; i++) {
        const lt_test_edit *edit = &world->edits.items[i];
        lt_text_append(&text, old.ptr + at, edit->from - at);
        lt_text_append(&text, edit->text.ptr, edit->text.len);
        at = edit->to;
    }
    lt_text_append(&text, old.ptr + at, old.len - at);
    lt_status st = text.failed ? lt_error_nomem(err, "a test file")
                               : lt_env_write_file(world->cli->env, world->file->path, text.ptr,
                                                   text.len, err);
    lt_text_deinit(&text);
    return st;
}

/* Counts the file under one setting; the report gets what is wrong. */
static lt_status run_setting(command *self, const lt_test_file *file,
                             const lt_test_setting *setting, lt_text *report, lt_error *err)
{
    lt_arena *arena = lt_arena_new(self->cli->mem, ARENA_MAX);
    if (arena == NULL) {
        return lt_error_nomem(err, "a test");
    }
    lt_world world = {.cli = self->cli,
                      .mem = self->cli->mem,
                      .arena = arena,
                      .file = file,
                      .setting = setting,
                      .update = self->update,
                      .native = self->native,
                      .report = report};
    lt_status st = lt_world_open(&world, err);
    for (uint32_t i = 0; i < file->count && st == LT_OK; i++) {
        lt_test_block(&world, &file->blocks[i]);
    }
    if (st == LT_OK && world.edits.count > 0) {
        st = write_edits(&world, err);
    }
    if (st == LT_OK && world.failures == 0) {
        self->passed++;
    } else {
        self->failed++;
    }
    self->unordered += world.unordered;
    lt_world_close(&world);
    lt_arena_free(arena);
    return st;
}

static bool is_skipped(const command *self, const lt_test_file *file,
                       const lt_test_setting *setting)
{
    if (file->needs_native && self->native == NULL) {
        return true;
    }
    return self->is_matrix && (file->skip_matrix || (setting->threads && file->skip_threads) ||
                               (setting->trial != LT_TRIAL_NONE && file->skip_restarts));
}

static lt_status run_file(command *self, const char *path, lt_text *report, lt_error *err)
{
    lt_text text;
    lt_test_file file;
    lt_arena *arena = lt_arena_new(self->cli->mem, ARENA_MAX);
    if (arena == NULL) {
        return lt_error_nomem(err, "a test");
    }
    lt_text_init(&text, self->cli->mem);
    lt_status st = lt_env_read_file(self->cli->env, path, FILE_BYTES_MAX, &text, err);
    if (st == LT_OK) {
        st = lt_test_parse(arena, path, lt_text_str(&text), &file, err);
    }
    if (st != LT_OK) {
        self->failed++;
    }
    for (uint32_t i = 0; i < self->setting_count && st == LT_OK; i++) {
        const lt_test_setting *setting = &self->settings[i];
        if (self->only != NULL && strstr(setting->name, self->only) == NULL) {
            continue;
        }
        if (is_skipped(self, &file, setting)) {
            self->skipped++;
            continue;
        }
        st = run_setting(self, &file, setting, report, err);
    }
    lt_text_deinit(&text);
    lt_arena_free(arena);
    return st;
}

static void show(command *self, const char *path, lt_text *report)
{
    lt_text line;
    lt_text_init(&line, self->cli->mem);
    if (report->len > 0) {
        lt_text_printf(&line, "FAIL  %s\n", path);
        lt_text_append(&line, report->ptr, report->len);
    } else if (self->verbose) {
        lt_text_printf(&line, "ok    %s\n", path);
    }
    (void)lt_cli_out_write(self->cli, lt_text_str(&line), NULL);
    lt_text_deinit(&line);
}

static int run_all(command *self)
{
    for (size_t i = 0; i < self->files.count; i++) {
        lt_error err;
        lt_error_clear(&err);
        lt_text report;
        lt_text_init(&report, self->cli->mem);
        const char *path =
            lt_arena_strndup(self->arena, self->files.items[i].ptr, self->files.items[i].len);
        if (path == NULL) {
            return LT_EXIT_SOFTWARE;
        }
        if (run_file(self, path, &report, &err) != LT_OK) {
            lt_text_printf(&report, "  %s%s%s\n", err.text, err.hint[0] != '\0' ? "\n  " : "",
                           err.hint);
        }
        show(self, path, &report);
        lt_text_deinit(&report);
    }
    char line[160];
    if (self->unordered > 0) {
        int size = snprintf(line, sizeof line,
                            "%u expectations not compared: with several lanes the result depends "
                            "on the order of rows\n",
                            self->unordered);
        (void)lt_cli_out_write(self->cli, (lt_str){line, (size_t)size}, NULL);
    }
    int len = snprintf(line, sizeof line, "%u passed, %u failed, %u skipped\n", self->passed,
                       self->failed, self->skipped);
    (void)lt_cli_out_write(self->cli, (lt_str){line, (size_t)len}, NULL);
    return self->failed == 0 ? LT_EXIT_OK : LT_EXIT_DATA;
}

/* ---- the command ---- */

static lt_status read_options(command *self, const lt_cli_args *args, lt_test_setting *plain,
                              lt_error *err)
{
    const char *batch_rows = lt_cli_arg(args, "batch-rows");
    self->update = lt_cli_arg(args, "update") != NULL;
    self->verbose = lt_cli_arg(args, "verbose") != NULL;
    self->is_matrix = lt_cli_arg(args, "matrix") != NULL;
    self->only = lt_cli_arg(args, "only");
    LT_TRY(lt_cli_arg_list(args, "allow-native-functions", self->arena, &self->native, err));
    if (self->only != NULL && !self->is_matrix) {
        return lt_error_set(err, LT_ERR_USAGE, "--only chooses among the settings of --matrix");
    }
    self->settings = self->is_matrix ? matrix : plain;
    self->setting_count = self->is_matrix ? (uint32_t)LT_COUNT_OF(matrix) : 1;
    int64_t rows = 0;
    if (batch_rows != NULL &&
        (!lt_str_to_i64(lt_str_of(batch_rows), &rows) || rows < 1 || rows > 4096)) {
        return lt_error_set(err, LT_ERR_USAGE, "--batch-rows takes a number from 1 to 4096");
    }
    plain->batch_rows = (uint32_t)rows;
    if (self->is_matrix && (self->update || batch_rows != NULL)) {
        return lt_error_set(err, LT_ERR_USAGE,
                            "--matrix has its own settings: leave out --update and --batch-rows");
    }
    return find_files(self, args, err);
}

int lt_cmd_test(lt_cli *cli, int argc, char **argv)
{
    lt_test_setting plain = {.name = ""};
    command self = {.cli = cli, .arena = lt_arena_new(cli->mem, ARENA_MAX)};
    lt_cli_args args;
    lt_error err;
    lt_error_clear(&err);
    int exit_code = LT_EXIT_OK;
    if (lt_cli_begin(cli, "test", argc, argv, self.arena, &args, &exit_code)) {
        exit_code = read_options(&self, &args, &plain, &err) == LT_OK
                        ? run_all(&self)
                        : lt_cli_fail(cli, "test", &err);
    }
    lt_array_deinit(&self.files, cli->mem);
    lt_arena_free(self.arena);
    return exit_code;
}
