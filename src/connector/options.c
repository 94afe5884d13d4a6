/* Options that every table may have, their check against the joined tables, and ${env:..} /
 * ${file:..}. */
#include <stdio.h>
#include <string.h>

#include "connector/connector_int.h"

#define PREFIX_BYTES    64
#define SECRET_FILE_MAX 65536 /* what a ${file:..} may hold */
#define REFERENCE_MAX   4096

/* 'format' stands first: connectors without a format are checked without that row. */
const lt_option_def lt_table_options[] = {
    {.name = "format",
     .kind = LT_OPT_STRING,
     .help = "how records are written, such as 'json' or 'csv'"},
    {.name = "connector",
     .kind = LT_OPT_STRING,
     .help = "where the table's rows come from or go to"},
    {.name = "error.policy",
     .kind = LT_OPT_ENUM,
     .choices = "fail|skip|reject",
     .help = "what to do with data that is refused"},
    {.name = "late.policy",
     .kind = LT_OPT_ENUM,
     .choices = "drop|side-output|update",
     .help = "what windows do with rows behind the watermark"},
    {.name = "late.allowed",
     .kind = LT_OPT_DURATION,
     .help = "how late a row may be under 'update'"},
    {.name = "scan.parallelism", .kind = LT_OPT_INT, .help = "readers of this table"},
    {.name = "sink.parallelism", .kind = LT_OPT_INT, .help = "writers of this table"},
    {.name = "scan.watermark.emit.strategy",
     .kind = LT_OPT_ENUM,
     .choices = "on-periodic|on-event",
     .help = "when watermarks go out"},
    {.name = "scan.watermark.emit.on-event.gap",
     .kind = LT_OPT_INT,
     .fallback = "1",
     .help = "rows between watermarks under 'on-event'"},
    {.name = "scan.rate-limit",
     .kind = LT_OPT_INT,
     .help = "rows per second that a source gives out at most"},
    {.name = "scan.watermark.idle-timeout",
     .kind = LT_OPT_DURATION,
     .help = "a source silent for so long no longer holds the watermark back"},
    {.name = "scan.watermark.max-future-skew",
     .kind = LT_OPT_DURATION,
     .help = "rows further ahead of the clock are rejected; 0 = off"},
    {.name = "scan.watermark.alignment.group",
     .kind = LT_OPT_STRING,
     .help = "sources to keep in step"},
    {.name = "scan.watermark.alignment.max-drift",
     .kind = LT_OPT_DURATION,
     .help = "how far a source may run ahead of its group"},
    {.name = "scan.watermark.alignment.update-interval",
     .kind = LT_OPT_DURATION,
     .fallback = "1 s",
     .help = "how often a group compares notes"},
    {.name = "scan.watermark.idle-advance",
     .kind = LT_OPT_BOOL,
     .fallback = "false",
     .help = "the watermark of an idle source follows the clock"},
    {.name = "scan.watermark.quantile",
     .kind = LT_OPT_STRING,
     .fallback = "0.999",
     .help = "share of the rows that SOURCE_WATERMARK() waits for"},
};
const uint32_t lt_table_option_count = LT_COUNT_OF(lt_table_options);

void lt_connector_owner(const lt_connector *connector, char *to, size_t size)
{
    (void)snprintf(to, size, "connector '%s'", connector->name);
}

static lt_status format_missing(const char *owner, lt_error *err)
{
    char list[200] = "";
    size_t used = 0;
    const lt_format *format;
    for (uint32_t i = 0; (format = lt_format_at(i)) != NULL && used + 32 < sizeof list; i++) {
        used += (size_t)snprintf(list + used, sizeof list - used, "%s'%s'", i ? ", " : "",
                                 format->name);
    }
    lt_status st = lt_error_set(err, LT_ERR_SQL, "%s needs the option 'format'", owner);
    lt_error_hint(err, "formats: %s", list);
    return st;
}

lt_status lt_connector_check_options(const lt_connector *connector, const lt_format *format,
                                     const lt_options *options, lt_error *err)
{
    char owner[96];
    lt_connector_owner(connector, owner, sizeof owner);
    if (connector->needs_format && format == NULL) {
        return format_missing(owner, err);
    }
    uint32_t skip = connector->needs_format ? 0 : 1;
    lt_option_table tables[3] = {
        {connector->options, connector->option_count, NULL},
        {lt_table_options + skip, lt_table_option_count - skip, NULL},
    };
    uint32_t count = 2;
    char prefix[PREFIX_BYTES];
    if (connector->needs_format) {
        (void)snprintf(prefix, sizeof prefix, "%s.", format->name);
        tables[count++] = (lt_option_table){format->options, format->option_count, prefix};
    }
    return lt_options_check(options, tables, count, owner, err);
}

/* ---- ${env:NAME} and ${file:path} ---- */

static lt_status resolve_env(lt_env *env, const lt_option *option, const char *name, lt_text *to,
                             lt_error *err)
{
    const char *value = env->getenv(env, name);
    if (value == NULL) {
        lt_status st = lt_error_set_at(err, LT_ERR_USAGE, option->pos,
                                       "option '" LT_STR_FMT
                                       "' names the environment variable %s, which is not set",
                                       LT_STR_ARG(option->key), name);
        lt_error_hint(err, "set it before the start: export %s=..", name);
        return st;
    }
    lt_text_puts(to, value);
    return LT_OK;
}

/* One trailing newline is the editor's, not the secret's. */
static lt_status resolve_file(lt_env *env, const lt_option *option, const char *path, lt_text *to,
                              lt_error *err)
{
    lt_text content;
    lt_text_init(&content, to->mem);
    lt_error cause;
    lt_error_clear(&cause);
    lt_status st = lt_env_read_file(env, path, SECRET_FILE_MAX, &content, &cause);
    if (st != LT_OK) {
        st = lt_error_set_at(err, st, option->pos, "option '" LT_STR_FMT "': %s",
                             LT_STR_ARG(option->key), cause.text);
        lt_error_hint(err, "%s", cause.hint);
    } else {
        size_t len = content.len;
        if (len > 0 && content.ptr[len - 1] == '\n') {
            len--;
        }
        if (len > 0 && content.ptr[len - 1] == '\r') {
            len--;
        }
        lt_text_append(to, content.ptr, len);
    }
    lt_text_deinit(&content);
    return st;
}

static lt_status resolve_reference(lt_env *env, const lt_option *option, lt_str reference,
                                   lt_text *to, lt_error *err)
{
    char name[REFERENCE_MAX];
    bool is_env = lt_str_starts(reference, LT_STR("env:"));
    size_t head = is_env ? 4 : 5;
    size_t len = reference.len - head;
    if (len == 0 || len >= sizeof name || memchr(reference.ptr, '\0', reference.len) != NULL) {
        return lt_error_set_at(
            err, LT_ERR_USAGE, option->pos, "option '" LT_STR_FMT "': ${%s..} needs a %s",
            LT_STR_ARG(option->key), is_env ? "env:" : "file:", is_env ? "name" : "path");
    }
    memcpy(name, reference.ptr + head, len);
    name[len] = '\0';
    return is_env ? resolve_env(env, option, name, to, err)
                  : resolve_file(env, option, name, to, err);
}

static lt_status note_reference(lt_masks *masks, lt_str shown, const lt_text *value, size_t from,
                                lt_error *err)
{
    lt_str whole = lt_text_str(value);
    bool noted =
        value->failed || lt_masks_add(masks, (lt_str){whole.ptr + from, whole.len - from}, shown);
    return noted ? LT_OK : lt_error_nomem(err, "an option's value");
}

static lt_status resolve_value(lt_env *env, lt_masks *masks, const lt_option *option, lt_text *to,
                               lt_error *err)
{
    lt_str rest = option->value;
    while (rest.len > 0) {
        bool starts =
            lt_str_starts(rest, LT_STR("${env:")) || lt_str_starts(rest, LT_STR("${file:"));
        if (!starts) {
            lt_text_putc(to, rest.ptr[0]);
            rest = (lt_str){rest.ptr + 1, rest.len - 1};
            continue;
        }
        const char *close = memchr(rest.ptr, '}', rest.len);
        if (close == NULL) {
            return lt_error_set_at(err, LT_ERR_USAGE, option->pos,
                                   "option '" LT_STR_FMT "': a ${ has no closing }",
                                   LT_STR_ARG(option->key));
        }
        lt_str reference = {rest.ptr + 2, (size_t)(close - rest.ptr) - 2};
        size_t used = (size_t)(close - rest.ptr) + 1;
        size_t from = to->len;
        LT_TRY(resolve_reference(env, option, reference, to, err));
        LT_TRY(note_reference(masks, (lt_str){rest.ptr, used}, to, from, err));
        rest = (lt_str){rest.ptr + used, rest.len - used};
    }
    return to->failed ? lt_error_nomem(err, "an option's value") : LT_OK;
}

lt_status lt_options_resolve(lt_env *env, lt_arena *arena, const lt_options *in, lt_options *out,
                             lt_error *err)
{
    lt_masks masks = {.arena = arena};
    return lt_options_resolve_masked(env, &masks, in, out, err);
}

lt_status lt_options_resolve_masked(lt_env *env, lt_masks *masks, const lt_options *in,
                                    lt_options *out, lt_error *err)
{
    lt_arena *arena = masks->arena;
    *out = (lt_options){NULL, 0};
    lt_option *items = LT_NEW_ARRAY(arena, lt_option, in->count + 1);
    if (items == NULL) {
        return lt_error_nomem(err, "a table's options");
    }
    lt_text value;
    lt_text_init(&value, env->mem);
    lt_status st = LT_OK;
    for (uint32_t i = 0; i < in->count && st == LT_OK; i++) {
        items[i] = in->items[i];
        lt_text_clear(&value);
        st = resolve_value(env, masks, &in->items[i], &value, err);
        if (st == LT_OK) {
            items[i].value = lt_arena_str(arena, lt_text_str(&value));
            if (items[i].value.ptr == NULL) {
                st = lt_error_nomem(err, "a table's options");
            }
        }
    }
    lt_text_deinit(&value);
    if (st == LT_OK) {
        *out = (lt_options){items, in->count};
    }
    return st;
}
