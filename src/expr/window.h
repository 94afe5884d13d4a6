/* Windows and sort keys as the binder understands them and the operators run them: plain data. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    LT_WINDOW_TUMBLE,
    LT_WINDOW_HOP,
    LT_WINDOW_CUMULATE,
    LT_WINDOW_SESSION
} lt_window_kind;

/* A window assigner. Times are wall-clock ms of the session zone for LTZ attributes (aligned to
 * local time), event ms otherwise. */
typedef struct {
    lt_window_kind kind;
    int64_t size_ms; /* TUMBLE, HOP, CUMULATE size; SESSION gap */
    int64_t step_ms; /* HOP slide, CUMULATE step; else 0 */
    int64_t offset_ms;
    uint32_t time_col;           /* TIMESTAMP or LTZ column of the input, precision 3 */
    bool ltz;                    /* time_col is TIMESTAMP_LTZ */
    bool proctime;               /* the clock counts, not the column's values */
    bool attached;               /* input rows already carry their window: */
    uint32_t start_col, end_col; /* TIMESTAMP(3) columns, when attached */
} lt_window;

typedef struct {
    uint32_t col;
    bool descending;
    bool nulls_first;
} lt_sort_key;

/* The rows that an OVER aggregate sees at a row; the last is always the row itself, with its peers
 * (rows that are equal in the order) where it is not by rows. */
typedef struct {
    bool rows;         /* ROWS; else RANGE */
    bool bounded;      /* else UNBOUNDED PRECEDING */
    int64_t preceding; /* bounded: rows before the row, or ms before its time */
} lt_frame;

const char *lt_window_kind_name(lt_window_kind kind); /* "TUMBLE" .. */
