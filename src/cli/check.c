/* leat check, leat explain: as far as the plan, nothing runs; --suggest-watermark is in suggest.c.
 */
#include "cli/session.h"

#define ARENA_MAX ((size_t)256 << 20)

typedef struct {
    lt_cli *cli;
    lt_status status;
    bool line_open;
    lt_error error;
} to_stdout;

static void write_stdout(void *arg, const char *bytes, size_t size)
{
    to_stdout *self = arg;
    if (self->status == LT_OK) {
        self->line_open = size > 0 && bytes[size - 1] != '\n';
        self->status = lt_cli_out_write(self->cli, (lt_str){bytes, size}, &self->error);
    }
}

static int check_one(lt_cli_session *session)
{
    leat_status status = leat_explain(session->db, session->sql, NULL, NULL);
    if (status != LEAT_OK) {
        return lt_session_complain(session, status);
    }
    lt_cli_say(session->cli, "%s%sok", session->title, session->title[0] != '\0' ? ": " : "");
    return LT_EXIT_OK;
}

static int explain_one(lt_cli_session *session)
{
    to_stdout out = {.cli = session->cli};
    leat_status status = leat_explain(session->db, session->sql, write_stdout, &out);
    if (status != LEAT_OK) {
        return lt_session_complain(session, status);
    }
    if (out.line_open) {
        write_stdout(&out, "\n", 1);
    }
    return out.status == LT_OK ? LT_EXIT_OK : lt_cli_fail(session->cli, "", &out.error);
}

static int check_or_suggest(lt_cli_session *session)
{
    bool suggest = lt_cli_arg(session->args, "suggest-watermark") != NULL;
    return suggest ? lt_suggest_watermarks(session) : check_one(session);
}

/* One engine per file: files do not see each other's tables. */
static int each_file(lt_cli_session *session, size_t word, int (*one)(lt_cli_session *))
{
    lt_error err;
    lt_error_clear(&err);
    lt_status st = lt_session_read(session, word, &err);
    if (st == LT_OK) {
        st = lt_session_config(session, &err);
    }
    if (st != LT_OK) {
        return lt_cli_fail(session->cli, session->title, &err);
    }
    int exit_code = lt_session_open(session);
    if (exit_code == LT_EXIT_OK) {
        exit_code = one(session);
    }
    lt_session_close(session);
    return exit_code;
}

static int walk_files(lt_cli *cli, const char *name, int argc, char **argv,
                      int (*one)(lt_cli_session *))
{
    lt_cli_args args;
    int exit_code = LT_EXIT_OK;
    lt_arena *arena = lt_arena_new(cli->mem, ARENA_MAX);
    if (lt_cli_begin(cli, name, argc, argv, arena, &args, &exit_code)) {
        lt_cli_session session = {.cli = cli, .arena = arena, .args = &args};
        size_t word = 0;
        do {
            int code = each_file(&session, word, one);
            exit_code = exit_code == LT_EXIT_OK ? code : exit_code;
        } while (++word < args.word_count);
    }
    lt_arena_free(arena);
    return exit_code;
}

int lt_cmd_check(lt_cli *cli, int argc, char **argv)
{
    return walk_files(cli, "check", argc, argv, check_or_suggest);
}

int lt_cmd_explain(lt_cli *cli, int argc, char **argv)
{
    return walk_files(cli, "explain", argc, argv, explain_one);
}
