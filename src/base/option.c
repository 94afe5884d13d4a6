/* Option tables at work: which definition a key belongs to, whether a value fits it, and the typed
 * reads.
 *
 * A key is matched in three pieces without building it anew: the table's prefix, then the
 * definition's name, in which one `#` stands for any non-empty text (a column's name, which may
 * itself have dots when the column is nested). Values that still hold ${env:..} or ${file:..} are
 * not judged by kind: they are checked again once resolved. When a key is given twice the last one
 * counts, as in Flink. */
#include "base/option.h"

#include <stdio.h>
#include <string.h>

#define NAMES_MAX  160 /* candidates looked at for did-you-mean */
#define NAME_BYTES 96
#define LIST_BYTES 400

/* Does `key` fit `pattern`, with one optional # in it? */
static bool pattern_fits(lt_str key, const char *pattern)
{
    const char *hash = strchr(pattern, '#');
    if (hash == NULL) {
        return lt_str_eq(key, lt_str_of(pattern));
    }
    lt_str head = {pattern, (size_t)(hash - pattern)};
    lt_str tail = lt_str_of(hash + 1);
    if (key.len <= head.len + tail.len || !lt_str_starts(key, head)) {
        return false;
    }
    return tail.len == 0 || memcmp(key.ptr + key.len - tail.len, tail.ptr, tail.len) == 0;
}

static bool strip_prefix(lt_str *key, const char *prefix)
{
    if (prefix == NULL) {
        return true;
    }
    lt_str head = lt_str_of(prefix);
    if (!lt_str_starts(*key, head)) {
        return false;
    }
    key->ptr += head.len;
    key->len -= head.len;
    return true;
}

/* The definition in one table, exact names before patterns. */
static const lt_option_def *def_find(const lt_option_def *defs, uint32_t count, lt_str name)
{
    const lt_option_def *found = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (strchr(defs[i].name, '#') == NULL) {
            if (lt_str_eq(name, lt_str_of(defs[i].name))) {
                return &defs[i];
            }
        } else if (found == NULL && pattern_fits(name, defs[i].name)) {
            found = &defs[i];
        }
    }
    return found;
}

static const lt_option_def *tables_find(const lt_option_table *tables, uint32_t table_count,
                                        lt_str key)
{
    for (uint32_t t = 0; t < table_count; t++) {
        lt_str name = key;
        if (strip_prefix(&name, tables[t].prefix)) {
            const lt_option_def *def = def_find(tables[t].defs, tables[t].count, name);
            if (def != NULL) {
                return def;
            }
        }
    }
    return NULL;
}

/* ---- values ---- */

typedef struct {
    const char *name;
    int64_t factor;
} unit;

static bool unit_find(lt_str text, const unit *units, size_t count, int64_t *factor)
{
    for (size_t i = 0; i < count; i++) {
        if (lt_str_eq_ci(text, lt_str_of(units[i].name))) {
            *factor = units[i].factor;
            return true;
        }
    }
    return false;
}

/* Splits `123 unit`; false when there is no number in front or it is out of range. */
static bool split_number(lt_str text, int64_t *number, lt_str *rest)
{
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9') {
        digits++;
    }
    *rest = lt_str_trim((lt_str){text.ptr + digits, text.len - digits});
    return digits > 0 && lt_str_to_i64((lt_str){text.ptr, digits}, number);
}

/* ISO-8601: PnDTnHnMn.nS, each part optional, at least one there. */
static bool parse_iso_duration(lt_str text, int64_t *ms)
{
    int64_t total = 0;
    bool in_time = false;
    size_t parts = 0;
    size_t at = 1;
    while (at < text.len) {
        if ((text.ptr[at] == 'T' || text.ptr[at] == 't') && !in_time) {
            in_time = true;
            at++;
            continue;
        }
        size_t start = at;
        while (at < text.len &&
               ((text.ptr[at] >= '0' && text.ptr[at] <= '9') || text.ptr[at] == '.')) {
            at++;
        }
        double number;
        if (at == start || at == text.len ||
            !lt_str_to_f64((lt_str){text.ptr + start, at - start}, &number)) {
            return false;
        }
        char ch = (char)(text.ptr[at] & ~0x20);
        double factor = in_time ? (ch == 'H'   ? 3600e3
                                   : ch == 'M' ? 60e3
                                   : ch == 'S' ? 1e3
                                               : 0)
                                : (ch == 'D' ? 86400e3 : 0);
        double value = number * factor;
        if (factor <= 0 || value > 9e15) {
            return false;
        }
        total += (int64_t)(value + 0.5);
        parts++;
        at++;
    }
    *ms = total;
    return parts > 0;
}

bool lt_parse_duration_ms(lt_str text, int64_t *ms)
{
    static const unit units[] = {
        {"", 1000000},
        {"d", 86400000000000},
        {"day", 86400000000000},
        {"days", 86400000000000},
        {"h", 3600000000000},
        {"hour", 3600000000000},
        {"hours", 3600000000000},
        {"m", 60000000000},
        {"min", 60000000000},
        {"minute", 60000000000},
        {"minutes", 60000000000},
        {"s", 1000000000},
        {"sec", 1000000000},
        {"secs", 1000000000},
        {"second", 1000000000},
        {"seconds", 1000000000},
        {"ms", 1000000},
        {"milli", 1000000},
        {"millis", 1000000},
        {"millisecond", 1000000},
        {"milliseconds", 1000000},
        {"\xc2\xb5s", 1000},
        {"us", 1000},
        {"micro", 1000},
        {"micros", 1000},
        {"microsecond", 1000},
        {"microseconds", 1000},
        {"ns", 1},
        {"nano", 1},
        {"nanos", 1},
        {"nanosecond", 1},
        {"nanoseconds", 1},
    };
    text = lt_str_trim(text);
    if (text.len > 1 && (text.ptr[0] == 'P' || text.ptr[0] == 'p')) {
        return parse_iso_duration(text, ms);
    }
    int64_t number;
    int64_t factor;
    lt_str rest;
    if (!split_number(text, &number, &rest) ||
        !unit_find(rest, units, LT_COUNT_OF(units), &factor)) {
        return false;
    }
    if (factor < 1000000) {
        *ms = number / (1000000 / factor);
        return true;
    }
    return !LT_MUL_OVERFLOW(number, factor / 1000000, ms);
}

bool lt_parse_size(lt_str text, int64_t *bytes)
{
    static const unit units[] = {
        {"", 1},          {"b", 1},          {"byte", 1},        {"bytes", 1},
        {"k", 1LL << 10}, {"kb", 1LL << 10}, {"kib", 1LL << 10}, {"kibibytes", 1LL << 10},
        {"m", 1LL << 20}, {"mb", 1LL << 20}, {"mib", 1LL << 20}, {"mebibytes", 1LL << 20},
        {"g", 1LL << 30}, {"gb", 1LL << 30}, {"gib", 1LL << 30}, {"gibibytes", 1LL << 30},
        {"t", 1LL << 40}, {"tb", 1LL << 40}, {"tib", 1LL << 40}, {"tebibytes", 1LL << 40},
    };
    int64_t number;
    int64_t factor;
    lt_str rest;
    return split_number(lt_str_trim(text), &number, &rest) &&
           unit_find(rest, units, LT_COUNT_OF(units), &factor) &&
           !LT_MUL_OVERFLOW(number, factor, bytes);
}

static bool parse_bool(lt_str text, bool *out)
{
    text = lt_str_trim(text);
    *out = lt_str_eq_ci(text, LT_STR("true"));
    return *out || lt_str_eq_ci(text, LT_STR("false"));
}

static bool choice_fits(const char *choices, lt_str value)
{
    for (const char *at = choices; at != NULL;) {
        const char *bar = strchr(at, '|');
        lt_str choice = {at, bar ? (size_t)(bar - at) : strlen(at)};
        if (lt_str_eq_ci(choice, value)) {
            return true;
        }
        at = bar ? bar + 1 : NULL;
    }
    return false;
}

static bool value_fits(const lt_option_def *def, lt_str value)
{
    int64_t number;
    double real;
    bool flag;
    switch (def->kind) {
    case LT_OPT_STRING:
        return true;
    case LT_OPT_INT:
        return lt_str_to_i64(lt_str_trim(value), &number);
    case LT_OPT_DOUBLE:
        return lt_str_to_f64(lt_str_trim(value), &real);
    case LT_OPT_BOOL:
        return parse_bool(value, &flag);
    case LT_OPT_DURATION:
        return lt_parse_duration_ms(value, &number);
    case LT_OPT_SIZE:
        return lt_parse_size(value, &number);
    case LT_OPT_ENUM:
        return choice_fits(def->choices, lt_str_trim(value));
    }
    return false;
}

static const char *kind_accepts(lt_option_kind kind)
{
    switch (kind) {
    case LT_OPT_STRING:
        return "a string";
    case LT_OPT_INT:
        return "a whole number";
    case LT_OPT_DOUBLE:
        return "a number";
    case LT_OPT_BOOL:
        return "'true' or 'false'";
    case LT_OPT_DURATION:
        return "a duration such as '10s', '1 min', '500ms' or '1d'";
    case LT_OPT_SIZE:
        return "a size such as '64mb', '128 kb' or a number of bytes";
    case LT_OPT_ENUM:
        return "one of its choices";
    }
    return "";
}

static bool has_reference(lt_str value)
{
    for (size_t i = 0; i + 6 <= value.len; i++) {
        lt_str rest = {value.ptr + i, value.len - i};
        if (lt_str_starts(rest, LT_STR("${env:")) || lt_str_starts(rest, LT_STR("${file:"))) {
            return true;
        }
    }
    return false;
}

static lt_status value_error(const lt_option *option, const lt_option_def *def, const char *owner,
                             lt_error *err)
{
    lt_str shown = lt_option_is_secret(option->key, def) ? LT_STR("******") : option->value;
    if (def->kind == LT_OPT_ENUM) {
        return lt_error_set_at(err, LT_ERR_SQL, option->pos,
                               "option '" LT_STR_FMT "' of %s does not take '" LT_STR_FMT
                               "'; it takes one of %s",
                               LT_STR_ARG(option->key), owner, LT_STR_ARG(shown), def->choices);
    }
    return lt_error_set_at(
        err, LT_ERR_SQL, option->pos,
        "option '" LT_STR_FMT "' of %s does not take '" LT_STR_FMT "'; it takes %s",
        LT_STR_ARG(option->key), owner, LT_STR_ARG(shown), kind_accepts(def->kind));
}

/* ---- unknown keys ---- */

/* prefix + name into `out`; the # of a pattern becomes what stands there in the key, or stays. */
static void spell_candidate(char *out, const char *prefix, const char *name, lt_str key)
{
    const char *hash = strchr(name, '#');
    lt_str part = LT_STR("#");
    lt_str rest = key;
    if (hash != NULL && strip_prefix(&rest, prefix)) {
        lt_str head = {name, (size_t)(hash - name)};
        if (lt_str_starts(rest, head)) {
            rest.ptr += head.len;
            rest.len -= head.len;
            size_t end = rest.len;
            while (hash[1] == '.' && end > 0 && rest.ptr[end - 1] != '.') {
                end--;
            }
            if (end > 1) {
                part = (lt_str){rest.ptr, hash[1] == '.' ? end - 1 : end};
            }
        }
    }
    if (hash == NULL) {
        (void)snprintf(out, NAME_BYTES, "%s%s", prefix ? prefix : "", name);
    } else {
        (void)snprintf(out, NAME_BYTES, "%s" LT_STR_FMT LT_STR_FMT "%s", prefix ? prefix : "",
                       (int)(hash - name), name, LT_STR_ARG(part), hash + 1);
    }
}

static lt_status unknown_error(const lt_option *option, const lt_option_table *tables,
                               uint32_t table_count, const char *owner, lt_error *err)
{
    char spelled[NAMES_MAX][NAME_BYTES];
    const char *names[NAMES_MAX] = {NULL};
    size_t count = 0;
    char list[LIST_BYTES] = "";
    size_t used = 0;
    bool cut = false;
    for (uint32_t t = 0; t < table_count; t++) {
        for (uint32_t i = 0; i < tables[t].count && count < NAMES_MAX; i++) {
            const char *prefix = tables[t].prefix;
            const char *name = tables[t].defs[i].name;
            spell_candidate(spelled[count], prefix, name, option->key);
            names[count] = spelled[count];
            count++;
            size_t more = strlen(name) + (prefix ? strlen(prefix) : 0) + 2;
            cut = cut || used + more + 4 >= sizeof list;
            if (!cut) {
                used += (size_t)snprintf(list + used, sizeof list - used, "%s%s%s",
                                         used ? ", " : "", prefix ? prefix : "", name);
            }
        }
    }
    const char *near = lt_str_nearest(option->key, names, count);
    lt_status st = lt_error_set_at(err, LT_ERR_SQL, option->pos,
                                   "unknown option '" LT_STR_FMT "' of %s; supported are: %s%s",
                                   LT_STR_ARG(option->key), owner, list, cut ? ", ..." : "");
    if (near != NULL) {
        lt_error_hint(err, "did you mean '%s'?", near);
    }
    return st;
}

static bool key_is(lt_str key, const char *prefix, const char *name)
{
    return strip_prefix(&key, prefix) && lt_str_eq(key, lt_str_of(name));
}

static const lt_option *option_find(const lt_options *options, const char *prefix, const char *name)
{
    for (uint32_t i = options->count; i > 0; i--) {
        if (key_is(options->items[i - 1].key, prefix, name)) {
            return &options->items[i - 1];
        }
    }
    return NULL;
}

lt_status lt_options_check_values(const lt_options *options, const lt_option_table *tables,
                                  uint32_t table_count, const char *owner, lt_error *err)
{
    for (uint32_t i = 0; i < options->count; i++) {
        const lt_option *option = &options->items[i];
        const lt_option_def *def = tables_find(tables, table_count, option->key);
        if (def != NULL && !has_reference(option->value) && !value_fits(def, option->value)) {
            return value_error(option, def, owner, err);
        }
    }
    return LT_OK;
}

lt_status lt_options_check(const lt_options *options, const lt_option_table *tables,
                           uint32_t table_count, const char *owner, lt_error *err)
{
    for (uint32_t i = 0; i < options->count; i++) {
        if (tables_find(tables, table_count, options->items[i].key) == NULL) {
            return unknown_error(&options->items[i], tables, table_count, owner, err);
        }
    }
    LT_TRY(lt_options_check_values(options, tables, table_count, owner, err));
    for (uint32_t t = 0; t < table_count; t++) {
        for (uint32_t i = 0; i < tables[t].count; i++) {
            const lt_option_def *def = &tables[t].defs[i];
            if (def->required && option_find(options, tables[t].prefix, def->name) == NULL) {
                lt_status st = lt_error_set(err, LT_ERR_SQL, "%s needs the option '%s%s'", owner,
                                            tables[t].prefix ? tables[t].prefix : "", def->name);
                lt_error_hint(err, "add '%s%s' = '..' to WITH (..): %s",
                              tables[t].prefix ? tables[t].prefix : "", def->name,
                              def->help ? def->help : kind_accepts(def->kind));
                return st;
            }
        }
    }
    return LT_OK;
}

/* ---- reads ---- */

lt_str lt_options_get(const lt_options *options, const char *prefix, const lt_option_def *defs,
                      uint32_t def_count, const char *name)
{
    const lt_option *option = option_find(options, prefix, name);
    if (option != NULL) {
        return option->value;
    }
    const lt_option_def *def = def_find(defs, def_count, lt_str_of(name));
    return def != NULL ? lt_str_of(def->fallback) : (lt_str){NULL, 0};
}

int64_t lt_options_int(const lt_options *options, const char *prefix, const lt_option_def *defs,
                       uint32_t def_count, const char *name, bool *has)
{
    lt_str text = lt_options_get(options, prefix, defs, def_count, name);
    const lt_option_def *def = def_find(defs, def_count, lt_str_of(name));
    int64_t value = 0;
    bool ok = false;
    if (text.ptr != NULL && def != NULL) {
        if (def->kind == LT_OPT_DURATION) {
            ok = lt_parse_duration_ms(text, &value);
        } else if (def->kind == LT_OPT_SIZE) {
            ok = lt_parse_size(text, &value);
        } else {
            ok = lt_str_to_i64(lt_str_trim(text), &value);
        }
    }
    if (has != NULL) {
        *has = ok;
    }
    return ok ? value : 0;
}

double lt_options_double(const lt_options *options, const char *prefix, const lt_option_def *defs,
                         uint32_t def_count, const char *name, bool *has)
{
    lt_str text = lt_options_get(options, prefix, defs, def_count, name);
    double value = 0;
    bool ok = text.ptr != NULL && lt_str_to_f64(lt_str_trim(text), &value);
    if (has != NULL) {
        *has = ok;
    }
    return ok ? value : 0;
}

bool lt_options_bool(const lt_options *options, const char *prefix, const lt_option_def *defs,
                     uint32_t def_count, const char *name)
{
    lt_str text = lt_options_get(options, prefix, defs, def_count, name);
    bool value = false;
    return text.ptr != NULL && parse_bool(text, &value) && value;
}

bool lt_options_has(const lt_options *options, const char *name)
{
    return option_find(options, NULL, name) != NULL;
}

/* ---- secrets ---- */

static bool contains_ci(lt_str text, lt_str part)
{
    for (size_t i = 0; i + part.len <= text.len; i++) {
        if (lt_str_eq_ci((lt_str){text.ptr + i, part.len}, part)) {
            return true;
        }
    }
    return false;
}

bool lt_option_is_secret(lt_str key, const lt_option_def *def)
{
    static const char *const words[] = {
        "password",    "passwd",      "passphrase",  "secret",        "token",       "credential",
        "api-key",     "apikey",      "api_key",     "api.key",       "access-key",  "access.key",
        "accesskey",   "account-key", "account.key", "private-key",   "private.key", "auth-params",
        "jaas.config", "service-key", "user-info",   "authorization",
    };
    if (def != NULL && def->secret) {
        return true;
    }
    for (size_t i = 0; i < LT_COUNT_OF(words); i++) {
        if (contains_ci(key, lt_str_of(words[i]))) {
            return true;
        }
    }
    return false;
}
