/* Help and completion scripts, made from the table of commands. */
#include "cli/cli.h"

#define HELP_COLUMN 28

static void pad_to(lt_text *to, size_t line_start, size_t column)
{
    size_t used = to->len - line_start;
    if (used >= column) {
        lt_text_puts(to, "  ");
    }
    for (; used < column; used++) {
        lt_text_putc(to, ' ');
    }
}

static void option_line(lt_text *to, const lt_cli_option *option)
{
    size_t start = to->len;
    if (option->letter != 0) {
        lt_text_printf(to, "  -%c, --%s", option->letter, option->name);
    } else {
        lt_text_printf(to, "      --%s", option->name);
    }
    if (option->value != NULL) {
        lt_text_printf(to, " %s", option->value);
    }
    pad_to(to, start, HELP_COLUMN);
    lt_text_puts(to, option->help);
    if (option->choices != NULL) {
        lt_text_printf(to, ":\n%*s%s", HELP_COLUMN, "", option->choices);
    }
    lt_text_putc(to, '\n');
}

static void examples(lt_text *to, const lt_cli_command *command)
{
    for (size_t i = 0; i < LT_COUNT_OF(command->examples) && command->examples[i] != NULL; i++) {
        lt_text_printf(to, "%s  %s\n", i == 0 ? "\nExamples:\n" : "", command->examples[i]);
    }
}

static void command_help(lt_text *to, const lt_cli_command *command)
{
    lt_text_printf(to, "leat %s: %s\n\nUsage: leat %s %s%s\n", command->name, command->help,
                   command->name, command->option_count > 0 ? "[OPTION...] " : "", command->args);
    if (command->option_count > 0) {
        lt_text_puts(to, "\nOptions:\n");
        for (size_t i = 0; i < command->option_count; i++) {
            option_line(to, &command->options[i]);
        }
    }
    examples(to, command);
}

void lt_cli_help_text(lt_text *to, const lt_cli_command *command)
{
    if (command != NULL) {
        command_help(to, command);
        return;
    }
    lt_text_puts(to, "leat: Flink SQL over live data, in one program\n\n"
                     "Usage: leat COMMAND [OPTION...]\n"
                     "       leat -e SQL [OPTION...]      as leat run -e\n\n"
                     "Commands:\n");
    for (size_t i = 0; i < lt_cli_command_count; i++) {
        const lt_cli_command *each = &lt_cli_commands[i];
        if (each->run != NULL) {
            size_t start = to->len;
            lt_text_printf(to, "  %s %s", each->name, each->args);
            pad_to(to, start, HELP_COLUMN);
            lt_text_printf(to, "%s\n", each->help);
        }
    }
    examples(to, lt_cli_find("run"));
    lt_text_puts(to, "\nExit codes: 0 ok, 1 usage, 2 SQL, 3 connection or file, 4 data, 5 state,\n"
                     "6 permission, 70 out of memory or a bug of leat, 130 interrupt.\n"
                     "`leat help COMMAND` tells the options.\n");
}

/* ---- completion ---- */

static void command_words(lt_text *to)
{
    const char *between = "";
    for (size_t i = 0; i < lt_cli_command_count; i++) {
        if (lt_cli_commands[i].run != NULL) {
            lt_text_printf(to, "%s%s", between, lt_cli_commands[i].name);
            between = " ";
        }
    }
}

static void option_words(lt_text *to, const lt_cli_command *command)
{
    lt_text_puts(to, "--help");
    for (size_t i = 0; i < command->option_count; i++) {
        const lt_cli_option *option = &command->options[i];
        lt_text_printf(to, " --%s", option->name);
        if (option->letter != 0) {
            lt_text_printf(to, " -%c", option->letter);
        }
    }
}

static void choice_words(lt_text *to, const char *choices)
{
    for (; *choices != '\0'; choices++) {
        lt_text_putc(to, (char)(*choices == '|' ? ' ' : *choices));
    }
}

static void bash_choices(lt_text *to, const lt_cli_command *command)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const lt_cli_option *option = &command->options[i];
        if (option->choices != NULL) {
            lt_text_printf(to, "    --%s", option->name);
            if (option->letter != 0) {
                lt_text_printf(to, "|-%c", option->letter);
            }
            lt_text_puts(to, ") COMPREPLY=($(compgen -W \"");
            choice_words(to, option->choices);
            lt_text_puts(to, "\" -- \"$cur\")); return;;\n");
        }
    }
}

static void bash_text(lt_text *to)
{
    lt_text_puts(to,
                 "_leat() {\n"
                 "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n"
                 "    COMPREPLY=()\n"
                 "    case $prev in\n");
    bash_choices(to, lt_cli_find("run"));
    lt_text_puts(to, "    esac\n"
                     "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                     "        COMPREPLY=($(compgen -W \"");
    command_words(to);
    lt_text_puts(to, " -e --help --version\" -- \"$cur\"))\n"
                     "        return\n"
                     "    fi\n"
                     "    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < lt_cli_command_count; i++) {
        const lt_cli_command *each = &lt_cli_commands[i];
        if (each->run != NULL) {
            lt_text_printf(to, "    %s%s) words=\"", each->name,
                           strcmp(each->name, "run") == 0 ? "|-*" : "");
            option_words(to, each);
            if (strcmp(each->name, "help") == 0) {
                lt_text_putc(to, ' ');
                command_words(to);
            } else if (strcmp(each->name, "completion") == 0) {
                lt_text_puts(to, " bash zsh fish");
            }
            lt_text_puts(to, "\";;\n");
        }
    }
    lt_text_puts(to,
                 "    esac\n"
                 "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\") $(compgen -f -- \"$cur\"))\n"
                 "}\n"
                 "complete -o filenames -F _leat leat\n");
}

static void fish_option(lt_text *to, const lt_cli_command *command, const lt_cli_option *option)
{
    lt_text_printf(to, "complete -c leat -n '__fish_seen_subcommand_from %s' -l %s", command->name,
                   option->name);
    if (option->letter != 0) {
        lt_text_printf(to, " -s %c", option->letter);
    }
    if (option->value != NULL) {
        lt_text_puts(to, " -r");
    }
    if (option->choices != NULL) {
        lt_text_puts(to, " -f -a '");
        choice_words(to, option->choices);
        lt_text_putc(to, '\'');
    }
    lt_text_puts(to, " -d \"");
    lt_text_puts(to, option->help);
    lt_text_puts(to, "\"\n");
}

static void fish_text(lt_text *to)
{
    for (size_t i = 0; i < lt_cli_command_count; i++) {
        const lt_cli_command *each = &lt_cli_commands[i];
        if (each->run == NULL) {
            continue;
        }
        lt_text_printf(to, "complete -c leat -n __fish_use_subcommand -a %s -d '%s'\n", each->name,
                       each->help);
        for (size_t k = 0; k < each->option_count; k++) {
            fish_option(to, each, &each->options[k]);
        }
    }
}

bool lt_cli_completion_text(lt_text *to, const char *shell)
{
    if (strcmp(shell, "bash") == 0) {
        bash_text(to);
    } else if (strcmp(shell, "zsh") == 0) {
        lt_text_puts(to, "#compdef leat\nautoload -U +X bashcompinit && bashcompinit\n");
        bash_text(to);
    } else if (strcmp(shell, "fish") == 0) {
        fish_text(to);
    } else {
        return false;
    }
    return true;
}
