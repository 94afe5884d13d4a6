/* Status by return, text by a caller-owned struct: reportable even when memory is gone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

typedef enum {
    LT_OK = 0,
    LT_FULL,            /* not an error: no room downstream; keep a cursor and wait for resume() */
    LT_AGAIN,           /* not an error: nothing to do right now */
    LT_END,             /* not an error: the input has ended */
    LT_ERR_NOMEM,       /* an allocation failed or an account's maximum was reached */
    LT_ERR_USAGE,       /* wrong call, flag or option */
    LT_ERR_SQL,         /* syntax, name or type error in a statement */
    LT_ERR_UNSUPPORTED, /* valid Flink SQL that leat does not run (yet); refused at plan time */
    LT_ERR_IO,          /* a file or device failed */
    LT_ERR_CONNECT,     /* a remote system could not be reached */
    LT_ERR_DATA,        /* bad input data under the 'fail' policy, or an expression that failed */
    LT_ERR_STATE,       /* checkpoint or state unusable */
    LT_ERR_PERMISSION,  /* refused by the operating system or by policy */
    LT_ERR_LIMIT,       /* a documented maximum was exceeded */
    LT_ERR_INTERRUPTED, /* stopped by a signal or the host */
    LT_ERR_INTERNAL,    /* a bug in leat */
} lt_status;

#define LT_ERROR_TEXT_MAX 480
#define LT_ERROR_HINT_MAX 240

/* The first cause writes the text; callers on the way up add nothing. */
typedef struct {
    lt_status code;
    bool retriable;               /* the runtime may call again after back-off */
    bool has_sql_pos;             /* sql_pos is meaningful */
    uint32_t sql_pos;             /* byte offset in the statement text */
    char text[LT_ERROR_TEXT_MAX]; /* what went wrong and why, one line, no trailing newline */
    char hint[LT_ERROR_HINT_MAX]; /* how to fix it; empty when there is nothing to say */
} lt_error;

#define LT_TRY(call)               \
    do {                           \
        lt_status lt_st_ = (call); \
        if (lt_st_ != LT_OK) {     \
            return lt_st_;         \
        }                          \
    } while (0)

/* Clears *err. NULL is accepted everywhere below. */
void lt_error_clear(lt_error *err);

/* Writes code and formatted text (cut to fit, always at a UTF-8 boundary); clears hint and
 * position. Returns code. */
lt_status lt_error_set(lt_error *err, lt_status code, const char *fmt, ...) LT_PRINTF(3, 4);

/* As lt_error_set, with a position in the statement's text. */
lt_status lt_error_set_at(lt_error *err, lt_status code, uint32_t sql_pos, const char *fmt, ...)
    LT_PRINTF(4, 5);

/* Adds how to fix it. */
void lt_error_hint(lt_error *err, const char *fmt, ...) LT_PRINTF(2, 3);

/* Shorthand for out of memory; `what` names what was being allocated. Returns LT_ERR_NOMEM. */
lt_status lt_error_nomem(lt_error *err, const char *what);

/* Stable lower-case name of a code, such as "sql". Never NULL. */
const char *lt_status_name(lt_status code);
