/* Option tables: one const table per connector, format and command drives validation, defaults,
 * docs and help. Values given in SQL are strings. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

typedef enum {
    LT_OPT_STRING,
    LT_OPT_INT,
    LT_OPT_DOUBLE,
    LT_OPT_BOOL,
    LT_OPT_DURATION, /* `10s`, `1 min`, `500ms`, `1d`, ISO-8601 `PT10S` -> ms */
    LT_OPT_SIZE,     /* `64mb`, `128 kb`, plain bytes -> bytes; binary multiples as in Flink */
    LT_OPT_ENUM      /* one of `choices`, case-insensitive */
} lt_option_kind;

typedef struct {
    const char *name; /* `fields.#.kind`: # stands for a column name (nested: `a.element`) */
    lt_option_kind kind;
    bool required;
    bool secret;          /* masked in every output */
    const char *fallback; /* default as text; NULL = none */
    const char *choices;  /* ENUM: "a|b|c" */
    const char *help;     /* one line */
} lt_option_def;

typedef struct {
    lt_str key;
    lt_str value; /* as written; ${env:..} and ${file:..} not yet resolved */
    uint32_t pos; /* byte offset in the statement */
} lt_option;

/* The options of one table as written. A view: arrays live in the catalog's arena. */
typedef struct {
    const lt_option *items;
    uint32_t count;
} lt_options;

/* Checks keys against the tables (several may be joined: connector, format with prefix, common) and
 * values against their kinds. Unknown key: LT_ERR_SQL with position, did-you-mean and the supported
 * list; bad value: says what is accepted. `prefix` is put before every name of the table ("json."),
 * NULL = none. */
typedef struct {
    const lt_option_def *defs;
    uint32_t count;
    const char *prefix;
} lt_option_table;

lt_status lt_options_check(const lt_options *options, const lt_option_table *tables,
                           uint32_t table_count, const char *owner /* "connector 'filesystem'" */,
                           lt_error *err);

/* The second half of lt_options_check alone, for values that were resolved since: known keys are
 * judged by kind, others ignored. */
lt_status lt_options_check_values(const lt_options *options, const lt_option_table *tables,
                                  uint32_t table_count, const char *owner, lt_error *err);

/* The value as text, else the def's default, else {NULL, 0}. prefix as above. Options were checked.
 */
lt_str lt_options_get(const lt_options *options, const char *prefix, const lt_option_def *defs,
                      uint32_t def_count, const char *name);
/* Typed; the default when absent; 0/false when there is no default (has tells). */
int64_t lt_options_int(const lt_options *options, const char *prefix, const lt_option_def *defs,
                       uint32_t def_count, const char *name,
                       bool *has); /* INT, DURATION (ms), SIZE (bytes) */
double lt_options_double(const lt_options *options, const char *prefix, const lt_option_def *defs,
                         uint32_t def_count, const char *name, bool *has);
bool lt_options_bool(const lt_options *options, const char *prefix, const lt_option_def *defs,
                     uint32_t def_count, const char *name);
bool lt_options_has(const lt_options *options, const char *name);

bool lt_parse_duration_ms(lt_str text, int64_t *ms);
bool lt_parse_size(lt_str text, int64_t *bytes);

/* Secrets: a value is masked as ****** when its option is secret, or its key contains password,
 * secret, token, credential, api-key or similar. */
bool lt_option_is_secret(lt_str key, const lt_option_def *def /* may be NULL */);
