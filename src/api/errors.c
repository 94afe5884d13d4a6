/* From engine errors to the public status and one text for people. */
#include <string.h>

#include "api/api_int.h"
#include "base/option.h"
#include "expr/utf8.h"
#include "sql/parse.h"

#define KEY_BYTES_MAX 256

leat_status lt_api_status(lt_status st)
{
    switch (st) {
    case LT_OK:
        return LEAT_OK;
    case LT_FULL:
    case LT_AGAIN:
        return LEAT_FULL;
    case LT_END:
        return LEAT_END;
    case LT_ERR_NOMEM:
        return LEAT_NOMEM;
    case LT_ERR_USAGE:
        return LEAT_USAGE;
    case LT_ERR_SQL:
    case LT_ERR_UNSUPPORTED:
    case LT_ERR_LIMIT:
        return LEAT_SQL;
    case LT_ERR_IO:
    case LT_ERR_CONNECT:
        return LEAT_CONNECT;
    case LT_ERR_DATA:
        return LEAT_DATA;
    case LT_ERR_STATE:
        return LEAT_STATE;
    case LT_ERR_PERMISSION:
        return LEAT_PERMISSION;
    case LT_ERR_INTERRUPTED:
        return LEAT_INTERRUPTED;
    case LT_ERR_INTERNAL:
        break;
    }
    return LEAT_INTERNAL;
}

/* The string literal that starts at text[at]: the offset behind it, also when it has no end. */
static size_t literal_end(lt_str text, size_t at)
{
    size_t i = at + 1;
    while (i < text.len && (text.ptr[i] != '\'' || (i + 1 < text.len && text.ptr[i + 1] == '\''))) {
        i += text.ptr[i] == '\'' ? 2 : 1;
    }
    return LT_MIN(i + 1, text.len);
}

static size_t skip_to_value(lt_str text, size_t at)
{
    bool equals = false;
    while (at < text.len &&
           (strchr(" \t\r\n", text.ptr[at]) != NULL || (text.ptr[at] == '=' && !equals))) {
        equals = equals || text.ptr[at] == '=';
        at++;
    }
    return equals && at < text.len && text.ptr[at] == '\'' ? at : text.len;
}

/* Stars over the values of secret options, 'password' = '****': the line that an error quotes must
 * not carry them to a log. Every quote is tried as the beginning of a key, so that an apostrophe in
 * a comment cannot hide one. Lengths stay, and with them the caret's place. */
void lt_api_mask_secrets(char *sql, size_t len)
{
    lt_str text = {sql, len};
    for (size_t at = 0; at < len; at++) {
        if (sql[at] != '\'') {
            continue;
        }
        size_t end = literal_end((lt_str){sql, LT_MIN(len, at + KEY_BYTES_MAX)}, at);
        lt_str key = {sql + at + 1, end - at - 1};
        size_t value = lt_option_is_secret(key, NULL) ? skip_to_value(text, end) : len;
        if (value < len) {
            at = literal_end(text, value) - 1;
            for (size_t i = value + 1; i <= at; i++) {
                bool closes = i == at && sql[i] == '\'';
                sql[i] = closes || sql[i] == '\n' ? sql[i] : '*';
            }
        }
    }
}

/* A question mark for each byte that is not UTF-8, so that the message is text in any case. */
static void mend_text(char *sql, size_t len)
{
    const char *p = sql, *end = sql + len;
    while (p < end) {
        const char *before = p;
        if (lt_utf8_next(&p, end) == 0xfffd && p - before != 3) {
            memset(sql + (before - sql), '?', (size_t)(p - before));
        }
    }
}

static void render_at(leat *db, const lt_error *err, lt_str script)
{
    char *copy = lt_mem_alloc(&db->mem, script.len + 1);
    if (copy == NULL) {
        lt_text_puts(&db->error_text, err->text);
        return;
    }
    memcpy(copy, script.ptr, script.len);
    copy[script.len] = '\0';
    lt_api_mask_secrets(copy, script.len);
    mend_text(copy, script.len);
    lt_sql_error_render(err, (lt_str){copy, script.len}, &db->error_text);
    lt_mem_free(&db->mem, copy, script.len + 1);
}

leat_status lt_api_fail(leat *db, const lt_error *err, lt_str script, uint32_t offset)
{
    lt_error shown = *err;
    lt_text_clear(&db->error_text);
    if (shown.has_sql_pos && script.ptr != NULL) {
        shown.sql_pos += offset;
        render_at(db, &shown, script);
    } else {
        lt_text_puts(&db->error_text, shown.text);
        if (shown.hint[0] != '\0') {
            lt_text_printf(&db->error_text, "\nhint: %s", shown.hint);
        }
    }
    while (db->error_text.len > 0 && db->error_text.ptr[db->error_text.len - 1] == '\n') {
        db->error_text.ptr[--db->error_text.len] = '\0';
    }
    db->error = *err;
    return lt_api_status(err->code);
}
