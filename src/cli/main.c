/* The process: environment, standard streams, then the command line. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/signals.h"

static lt_file *std_stream(lt_env *env, int number)
{
    lt_file *file = NULL;
    return env->file_std(env, number, &file, NULL) == LT_OK ? file : NULL;
}

static bool has_text(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static bool locale_is_utf8(lt_env *env)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < LT_COUNT_OF(names); i++) {
        const char *value = env->getenv(env, names[i]);
        if (has_text(value)) {
            return strstr(value, "UTF-8") != NULL || strstr(value, "utf8") != NULL ||
                   strstr(value, "utf-8") != NULL || strstr(value, "UTF8") != NULL;
        }
    }
    return false;
}

static void open_streams(lt_cli *cli)
{
    lt_env *env = cli->env;
    const char *term = env->getenv(env, "TERM");
    cli->in = std_stream(env, LT_STDIN);
    cli->out = std_stream(env, LT_STDOUT);
    cli->err = std_stream(env, LT_STDERR);
    cli->out_terminal = cli->out != NULL && env->is_terminal(cli->out, NULL, NULL);
    cli->err_terminal = cli->err != NULL && env->is_terminal(cli->err, NULL, NULL);
    cli->redraw = cli->err_terminal && has_text(term) && strcmp(term, "dumb") != 0;
    cli->color = cli->redraw && !has_text(env->getenv(env, "NO_COLOR"));
    cli->utf8 = locale_is_utf8(env);
}

/* At most so long: what a deeper process does needs no names. */
#define CWD_MAX 4096

int main(int argc, char **argv)
{
    char cwd[CWD_MAX];
    lt_mem mem;
    lt_mem_init(&mem, NULL, "leat", 0);
    lt_cli cli = {.mem = &mem, .env = lt_env_real_new(&mem)};
    if (cli.env == NULL) {
        return LT_EXIT_SOFTWARE;
    }
    cli.start_ns = cli.env->mono_ns(cli.env);
    cli.cwd = getcwd(cwd, sizeof cwd);
    open_streams(&cli);
    lt_signals_install(cli.env);
    int exit_code = lt_cli_main(&cli, argc, argv);
    cli.env->close(cli.in);
    cli.env->close(cli.out);
    cli.env->close(cli.err);
    lt_env_real_free(cli.env);
    lt_mem_deinit(&mem);
    return exit_code;
}
