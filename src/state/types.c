/* Types from the row codec's description of a key, as far as they are plain scalars. The result is
 * held against the text: what does not print as it was written was not understood. */
#include <string.h>

#include "state/describe_int.h"

typedef struct {
    const char *word;
    lt_type_kind kind;
} type_word;

static const type_word words[] = {
    {"BOOLEAN", LT_TYPE_BOOLEAN},
    {"TINYINT", LT_TYPE_TINYINT},
    {"SMALLINT", LT_TYPE_SMALLINT},
    {"INT", LT_TYPE_INT},
    {"BIGINT", LT_TYPE_BIGINT},
    {"FLOAT", LT_TYPE_FLOAT},
    {"DOUBLE", LT_TYPE_DOUBLE},
    {"DECIMAL", LT_TYPE_DECIMAL},
    {"CHAR", LT_TYPE_CHAR},
    {"VARCHAR", LT_TYPE_VARCHAR},
    {"STRING", LT_TYPE_VARCHAR},
    {"BINARY", LT_TYPE_BINARY},
    {"VARBINARY", LT_TYPE_VARBINARY},
    {"BYTES", LT_TYPE_VARBINARY},
    {"DATE", LT_TYPE_DATE},
    {"TIME", LT_TYPE_TIME},
    {"TIMESTAMP", LT_TYPE_TIMESTAMP},
    {"TIMESTAMP_LTZ", LT_TYPE_TIMESTAMP_LTZ},
    {"INTERVAL MONTH", LT_TYPE_INTERVAL_MONTH},
    {"INTERVAL SECOND", LT_TYPE_INTERVAL_SECOND},
};

/* A number of at most nine digits, or -1. */
static int32_t number_at(lt_str text, size_t *at)
{
    int32_t value = 0;
    size_t start = *at;
    while (*at < text.len && text.ptr[*at] >= '0' && text.ptr[*at] <= '9' && *at - start < 10) {
        if (value > (LT_LENGTH_MAX - 9) / 10) {
            return -1;
        }
        value = value * 10 + (text.ptr[(*at)++] - '0');
    }
    return *at > start ? value : -1;
}

static bool strip(lt_str *text, const char *tail)
{
    size_t len = strlen(tail);
    if (text->len < len || memcmp(text->ptr + text->len - len, tail, len) != 0) {
        return false;
    }
    text->len -= len;
    return true;
}

static bool args_are_sound(lt_type_kind kind, const int32_t args[2])
{
    if (kind == LT_TYPE_DECIMAL) {
        return args[0] >= 1 && args[0] <= 38 && args[1] >= 0 && args[1] <= args[0];
    }
    bool is_time =
        kind == LT_TYPE_TIME || kind == LT_TYPE_TIMESTAMP || kind == LT_TYPE_TIMESTAMP_LTZ;
    return !is_time || (args[0] >= 0 && args[0] <= 9);
}

static const lt_type *make(lt_arena *arena, lt_type_kind kind, const int32_t args[2], bool nullable)
{
    switch ((int)kind) {
    case LT_TYPE_DECIMAL:
        return lt_type_decimal(arena, (uint8_t)args[0], (uint8_t)args[1], nullable);
    case LT_TYPE_CHAR:
    case LT_TYPE_VARCHAR:
    case LT_TYPE_BINARY:
    case LT_TYPE_VARBINARY:
        return lt_type_sized(arena, kind, args[0] > 0 ? args[0] : LT_LENGTH_MAX, nullable);
    case LT_TYPE_TIME:
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMP_LTZ:
        return lt_type_time(arena, kind, (uint8_t)args[0], nullable);
    default:
        return lt_type_new(arena, kind, nullable);
    }
}

static bool prints_as(const lt_type *type, lt_str text, lt_mem *mem, bool *failed)
{
    lt_text again;
    lt_text_init(&again, mem);
    lt_type_print(type, &again);
    *failed = again.failed;
    bool same = lt_str_eq(lt_text_str(&again), text);
    lt_text_deinit(&again);
    return same;
}

lt_status lt_described_type_(lt_str text, lt_mem *mem, lt_arena *arena, const lt_type **out)
{
    lt_str whole = text;
    bool nullable = !strip(&text, " NOT NULL");
    size_t open = 0;
    while (open < text.len && text.ptr[open] != '(') {
        open++;
    }
    int32_t args[2] = {-1, -1};
    size_t at = open + 1;
    for (int i = 0; i < 2 && at < text.len; i++) {
        args[i] = number_at(text, &at);
        at += at + 1 < text.len && text.ptr[at] == ',' ? 2 : 0;
    }
    *out = NULL;
    for (size_t i = 0; i < LT_COUNT_OF(words); i++) {
        if (!lt_str_eq(lt_str_of(words[i].word), (lt_str){text.ptr, open}) ||
            !args_are_sound(words[i].kind, args)) {
            continue;
        }
        const lt_type *type = make(arena, words[i].kind, args, nullable);
        bool failed = !type;
        if (type && prints_as(type, whole, mem, &failed)) {
            *out = type;
        }
        return failed ? LT_ERR_NOMEM : LT_OK;
    }
    return LT_OK;
}

lt_status lt_described_types_(lt_str key, lt_mem *mem, lt_arena *arena, const lt_type **types,
                              uint32_t *count)
{
    static const char head[] = "plain(";
    uint32_t found = 0;
    *count = NOT_SCALARS;
    if (key.len < sizeof head || memcmp(key.ptr, head, sizeof head - 1) != 0) {
        return LT_OK;
    }
    size_t start = sizeof head - 1;
    int depth = 0;
    for (size_t at = start; at < key.len; at++) {
        char c = key.ptr[at];
        depth += (c == '(' || c == '<') - (c == ')' || c == '>');
        bool last = at + 1 == key.len;
        if (!last && !(c == ',' && depth == 0)) {
            continue;
        }
        if (at > start) {
            if (found == DESCRIBED_TYPES_MAX) {
                return LT_OK;
            }
            const lt_str text = {key.ptr + start, at - start};
            LT_TRY(lt_described_type_(text, mem, arena, &types[found]));
            if (!types[found++]) {
                return LT_OK;
            }
        }
        start = at + 2;
    }
    *count = found;
    return LT_OK;
}
