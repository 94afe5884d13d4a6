/* Errors as plain text in a struct of the caller. Nothing here allocates: an error must be
 * reportable when memory is gone. Text is formatted aside and copied, because an argument may point
 * into the very struct that is written; it is kept to one line, because it may quote user input. */
#include "base/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Cuts back to the last whole UTF-8 character; len bytes are what fitted of a longer text. */
static size_t utf8_floor(const char *text, size_t len)
{
    size_t start = len;
    size_t back = 0;
    while (start > 0 && back < 4) {
        start--;
        back++;
        unsigned char ch = (unsigned char)text[start];
        if ((ch & 0xC0) == 0x80) {
            continue;
        }
        size_t need = ch < 0x80 ? 1 : ch < 0xE0 ? 2 : ch < 0xF0 ? 3 : 4;
        return back < need ? start : len;
    }
    return len; /* not UTF-8 to begin with */
}

static void format_line(char *to, size_t size, const char *fmt, va_list args) LT_PRINTF(3, 0);

static void format_line(char *to, size_t size, const char *fmt, va_list args)
{
    char line[LT_ERROR_TEXT_MAX];
    size_t room = LT_MIN(size, sizeof line);
    int want = vsnprintf(line, room, fmt, args);
    size_t len = want > 0 ? (size_t)want : 0;
    if (len >= room) {
        len = utf8_floor(line, room - 1);
    }
    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r')) {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char ch = (unsigned char)line[i];
        to[i] = ch < 0x20 || ch == 0x7F ? ' ' : line[i];
    }
    to[len] = '\0';
}

void lt_error_clear(lt_error *err)
{
    if (err) {
        err->code = LT_OK;
        err->retriable = false;
        err->has_sql_pos = false;
        err->sql_pos = 0;
        err->text[0] = '\0';
        err->hint[0] = '\0';
    }
}

static void error_start(lt_error *err, lt_status code)
{
    err->code = code;
    err->retriable = false;
    err->has_sql_pos = false;
    err->sql_pos = 0;
}

lt_status lt_error_set(lt_error *err, lt_status code, const char *fmt, ...)
{
    if (err) {
        va_list args;
        va_start(args, fmt);
        error_start(err, code);
        format_line(err->text, sizeof err->text, fmt, args);
        va_end(args);
        err->hint[0] = '\0';
    }
    return code;
}

lt_status lt_error_set_at(lt_error *err, lt_status code, uint32_t sql_pos, const char *fmt, ...)
{
    if (err) {
        va_list args;
        va_start(args, fmt);
        error_start(err, code);
        format_line(err->text, sizeof err->text, fmt, args);
        va_end(args);
        err->hint[0] = '\0';
        err->has_sql_pos = true;
        err->sql_pos = sql_pos;
    }
    return code;
}

void lt_error_hint(lt_error *err, const char *fmt, ...)
{
    if (err) {
        va_list args;
        va_start(args, fmt);
        format_line(err->hint, sizeof err->hint, fmt, args);
        va_end(args);
    }
}

lt_status lt_error_nomem(lt_error *err, const char *what)
{
    (void)lt_error_set(err, LT_ERR_NOMEM, "out of memory: %s", what);
    return LT_ERR_NOMEM;
}

const char *lt_status_name(lt_status code)
{
    switch (code) {
    case LT_OK:
        return "ok";
    case LT_FULL:
        return "full";
    case LT_AGAIN:
        return "again";
    case LT_END:
        return "end";
    case LT_ERR_NOMEM:
        return "nomem";
    case LT_ERR_USAGE:
        return "usage";
    case LT_ERR_SQL:
        return "sql";
    case LT_ERR_UNSUPPORTED:
        return "unsupported";
    case LT_ERR_IO:
        return "io";
    case LT_ERR_CONNECT:
        return "connect";
    case LT_ERR_DATA:
        return "data";
    case LT_ERR_STATE:
        return "state";
    case LT_ERR_PERMISSION:
        return "permission";
    case LT_ERR_LIMIT:
        return "limit";
    case LT_ERR_INTERRUPTED:
        return "interrupted";
    case LT_ERR_INTERNAL:
        return "internal";
    }
    return "unknown";
}
