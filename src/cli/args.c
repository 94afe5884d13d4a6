/* Option parsing by the command's table. Nothing is known here about any option. */
#include "cli/cli.h"

typedef struct {
    const lt_cli_command *command;
    int argc;
    char **argv;
    int next; /* of argv */
    lt_cli_given *given;
    size_t given_count;
    const char **words;
    size_t word_count;
} parser;

#define NAMES_MAX 48

static const char *nearest_option(const lt_cli_command *command, lt_str name)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < command->option_count && count < NAMES_MAX; i++) {
        names[count++] = command->options[i].name;
    }
    return lt_str_nearest(name, names, count);
}

static lt_status unknown_option(const parser *self, const char *shown, lt_str name, lt_error *err)
{
    const char *near = name.len > 1 ? nearest_option(self->command, name) : NULL;
    (void)lt_error_set(err, LT_ERR_USAGE, "unknown option '%s'", shown);
    if (near != NULL) {
        lt_error_hint(err, "did you mean --%s?", near);
    } else {
        lt_error_hint(err, "`leat help %s` lists the options", self->command->name);
    }
    return LT_ERR_USAGE;
}

static bool choice_allows(const char *choices, const char *value)
{
    lt_str wanted = lt_str_of(value);
    while (*choices != '\0') {
        const char *end = strchr(choices, '|');
        size_t len = end != NULL ? (size_t)(end - choices) : strlen(choices);
        if (lt_str_eq((lt_str){choices, len}, wanted)) {
            return true;
        }
        choices += len + (end != NULL ? 1 : 0);
    }
    return false;
}

static lt_status add(parser *self, const lt_cli_option *option, const char *value, lt_error *err)
{
    if (option->choices != NULL && !choice_allows(option->choices, value)) {
        (void)lt_error_set(err, LT_ERR_USAGE, "--%s does not know '%s'", option->name, value);
        lt_error_hint(err, "one of %s", option->choices);
        return LT_ERR_USAGE;
    }
    self->given[self->given_count++] = (lt_cli_given){option, value};
    return LT_OK;
}

/* The option's value: what follows it in the same word (attached, may be NULL), else the next word.
 */
static lt_status add_with_value(parser *self, const lt_cli_option *option, const char *attached,
                                lt_error *err)
{
    if (option->value == NULL) {
        if (attached != NULL) {
            return lt_error_set(err, LT_ERR_USAGE, "--%s takes no value", option->name);
        }
        return add(self, option, "", err);
    }
    if (attached == NULL) {
        if (self->next >= self->argc) {
            return lt_error_set(err, LT_ERR_USAGE, "--%s needs a value: --%s %s", option->name,
                                option->name, option->value);
        }
        attached = self->argv[self->next++];
    }
    return add(self, option, attached, err);
}

static const lt_cli_option *by_letter(const lt_cli_command *command, char letter)
{
    for (size_t i = 0; i < command->option_count; i++) {
        if (command->options[i].letter == letter) {
            return &command->options[i];
        }
    }
    return NULL;
}

static lt_status parse_long(parser *self, const char *word, lt_error *err)
{
    const char *equals = strchr(word + 2, '=');
    lt_str name = {word + 2, equals != NULL ? (size_t)(equals - word) - 2 : strlen(word + 2)};
    for (size_t i = 0; i < self->command->option_count; i++) {
        const lt_cli_option *option = &self->command->options[i];
        if (lt_str_eq(name, lt_str_of(option->name))) {
            return add_with_value(self, option, equals != NULL ? equals + 1 : NULL, err);
        }
    }
    return unknown_option(self, word, name, err);
}

static lt_status parse_letters(parser *self, const char *word, lt_error *err)
{
    for (const char *at = word + 1; *at != '\0'; at++) {
        const lt_cli_option *option = by_letter(self->command, *at);
        if (option == NULL) {
            char shown[3] = {'-', *at, '\0'};
            /* `-output` was meant as a name. */
            bool is_first = at == word + 1;
            return unknown_option(self, is_first ? word : shown, lt_str_of(is_first ? at : ""),
                                  err);
        }
        if (option->value != NULL) {
            return add_with_value(self, option, at[1] != '\0' ? at + 1 : NULL, err);
        }
        LT_TRY(add(self, option, "", err));
    }
    return LT_OK;
}

static bool asks_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

static lt_status parse_words(parser *self, lt_error *err)
{
    bool options_over = false;
    while (self->next < self->argc) {
        const char *word = self->argv[self->next++];
        if (options_over || word[0] != '-' || word[1] == '\0') {
            self->words[self->word_count++] = word;
        } else if (strcmp(word, "--") == 0) {
            options_over = true;
        } else if (word[1] == '-') {
            LT_TRY(parse_long(self, word, err));
        } else {
            LT_TRY(parse_letters(self, word, err));
        }
    }
    return LT_OK;
}

/* A short word gives one option per letter at most, another word one. */
static size_t given_max(int argc, char **argv)
{
    size_t total = 0;
    for (int i = 1; i < argc; i++) {
        bool is_short = argv[i][0] == '-' && argv[i][1] != '-';
        total += is_short ? strlen(argv[i]) : 1;
    }
    return total;
}

lt_status lt_cli_parse(const lt_cli_command *command, int argc, char **argv, lt_arena *arena,
                       lt_cli_args *out, lt_error *err)
{
    *out = (lt_cli_args){.help = asks_help(argc, argv)};
    if (out->help || argc <= 1) {
        return LT_OK;
    }
    parser self = {.command = command, .argc = argc, .argv = argv, .next = 1};
    self.given = LT_NEW_ARRAY(arena, lt_cli_given, given_max(argc, argv));
    self.words = LT_NEW_ARRAY(arena, const char *, argc);
    if (self.given == NULL || self.words == NULL) {
        return lt_error_nomem(err, "the arguments");
    }
    LT_TRY(parse_words(&self, err));
    out->given = self.given;
    out->given_count = self.given_count;
    out->words = self.words;
    out->word_count = self.word_count;
    return LT_OK;
}

const char *lt_cli_arg_at(const lt_cli_args *args, const char *name, size_t n)
{
    for (size_t i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i].option->name, name) == 0 && n-- == 0) {
            return args->given[i].value;
        }
    }
    return NULL;
}

const char *lt_cli_arg(const lt_cli_args *args, const char *name)
{
    const char *last = NULL;
    const char *value;
    for (size_t n = 0; (value = lt_cli_arg_at(args, name, n)) != NULL; n++) {
        last = value;
    }
    return last;
}

lt_status lt_cli_arg_list(const lt_cli_args *args, const char *name, lt_arena *arena,
                          const char **out, lt_error *err)
{
    const char *value;
    *out = NULL;
    for (size_t n = 0; (value = lt_cli_arg_at(args, name, n)) != NULL; n++) {
        *out = *out == NULL ? value : lt_arena_printf(arena, "%s:%s", *out, value);
        if (*out == NULL) {
            return lt_error_nomem(err, "the arguments");
        }
    }
    return LT_OK;
}
