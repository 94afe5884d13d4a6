/* The LOOKUP hint: its options are checked. What is looked up is read whole before the first row is
 * joined, so a look-up neither waits nor misses what a second one would find: retries and
 * asynchronous look-ups give the rows that a single one gives, in order. */
#include "bind/bind_int.h"

typedef enum { LOOKUP_NAME, LOOKUP_BOOL, LOOKUP_COUNT, LOOKUP_DURATION, LOOKUP_ONE_OF } lookup_kind;

typedef struct {
    const char *key;
    lookup_kind kind;
    const char *values[2]; /* LOOKUP_ONE_OF */
    bool retries;
} lookup_option;

static const lookup_option options[] = {
    {"table", LOOKUP_NAME, {NULL, NULL}, false},
    {"async", LOOKUP_BOOL, {NULL, NULL}, false},
    {"output-mode", LOOKUP_ONE_OF, {"ordered", "allow_unordered"}, false},
    {"capacity", LOOKUP_COUNT, {NULL, NULL}, false},
    {"timeout", LOOKUP_DURATION, {NULL, NULL}, false},
    {"shuffle", LOOKUP_BOOL, {NULL, NULL}, false},
    {"retry-predicate", LOOKUP_ONE_OF, {"lookup_miss", NULL}, true},
    {"retry-strategy", LOOKUP_ONE_OF, {"fixed_delay", NULL}, true},
    {"fixed-delay", LOOKUP_DURATION, {NULL, NULL}, true},
    {"max-attempts", LOOKUP_COUNT, {NULL, NULL}, true},
};
#define RETRY_OPTIONS 4

static bool is_count(lt_str text)
{
    bool positive = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
        positive = positive || text.ptr[i] != '0';
    }
    return positive && text.len < 10;
}

static lt_status wrong(const lookup_option *option, const lt_ast_hint_arg *arg, const char *what,
                       lt_error *err)
{
    return lt_error_set_at(err, LT_ERR_SQL, arg->pos, "LOOKUP: '%s' is %s, not '" LT_STR_FMT "'",
                           option->key, what, LT_STR_ARG(arg->value));
}

static lt_status check_value(const lookup_option *option, const lt_ast_hint_arg *arg, lt_error *err)
{
    lt_str value = arg->value;
    int64_t ms;
    switch (option->kind) {
    case LOOKUP_NAME:
        break;
    case LOOKUP_BOOL:
        if (!lt_str_eq_ci(value, LT_STR("true")) && !lt_str_eq_ci(value, LT_STR("false"))) {
            return wrong(option, arg, "true or false", err);
        }
        break;
    case LOOKUP_COUNT:
        if (!is_count(value)) {
            return wrong(option, arg, "a number above 0", err);
        }
        break;
    case LOOKUP_DURATION:
        if (!lt_parse_duration_ms(value, &ms) || ms < 0) {
            return wrong(option, arg, "a duration such as 10 s", err);
        }
        break;
    case LOOKUP_ONE_OF:
        for (int i = 0; i < 2 && option->values[i]; i++) {
            if (lt_str_eq_ci(value, lt_str_of(option->values[i]))) {
                return LT_OK;
            }
        }
        return wrong(option, arg,
                     option->values[1] ? "ordered or allow_unordered" : option->values[0], err);
    }
    return LT_OK;
}

static lt_status check_hint(const lt_ast_hint *hint, lt_error *err)
{
    bool named = false;
    uint32_t seen = 0; /* a bit per option */
    uint32_t retries = 0;
    for (uint32_t i = 0; i < hint->arg_count; i++) {
        const lt_ast_hint_arg *arg = &hint->args[i];
        uint32_t at = 0;
        while (at < LT_COUNT_OF(options) &&
               !(arg->key.ptr && lt_str_eq_ci(arg->key, lt_str_of(options[at].key)))) {
            at++;
        }
        if (at == LT_COUNT_OF(options)) {
            return lt_error_set_at(err, LT_ERR_SQL, arg->pos,
                                   "the LOOKUP hint has no option '" LT_STR_FMT "'",
                                   LT_STR_ARG(arg->key.ptr ? arg->key : arg->value));
        }
        LT_TRY(check_value(&options[at], arg, err));
        named = named || options[at].kind == LOOKUP_NAME;
        retries += options[at].retries && (seen >> at & 1U) == 0;
        seen |= 1U << at;
    }
    if (!named) {
        return lt_error_set_at(err, LT_ERR_SQL, hint->name.pos,
                               "the LOOKUP hint needs the option 'table'");
    }
    if (retries != 0 && retries != RETRY_OPTIONS) {
        return lt_error_set_at(err, LT_ERR_SQL, hint->name.pos,
                               "LOOKUP: retries need 'retry-predicate', 'retry-strategy', "
                               "'fixed-delay' and 'max-attempts'");
    }
    return LT_OK;
}

lt_status lt_hint_lookup_check(const lt_ast_hints *hints, lt_error *err)
{
    for (uint32_t h = 0; h < hints->count; h++) {
        if (lt_str_eq_ci(hints->items[h].name.text, LT_STR("LOOKUP"))) {
            LT_TRY(check_hint(&hints->items[h], err));
        }
    }
    return LT_OK;
}
