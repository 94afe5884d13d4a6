/* How two inputs are joined: said by the binder, carried by the plan, done by operators. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    LT_JOIN_TYPE_INNER,
    LT_JOIN_TYPE_LEFT,  /* left rows without a partner come with NULLs */
    LT_JOIN_TYPE_RIGHT, /* likewise right rows */
    LT_JOIN_TYPE_FULL,  /* likewise both */
    LT_JOIN_TYPE_SEMI,  /* left rows that have a partner, once; only the left columns */
    LT_JOIN_TYPE_ANTI   /* left rows that have none; only the left columns */
} lt_join_type;

typedef enum {
    LT_JOIN_REGULAR,
    LT_JOIN_INTERVAL, /* time attributes of both sides bound each other */
    LT_JOIN_WINDOW    /* rows of equal windows */
} lt_join_how;

/* right + lower <= left <= right + upper, of these columns of the sides. */
typedef struct {
    uint32_t left_time, right_time;
    int64_t lower_ms, upper_ms;
    bool proctime; /* by arrival; else by the columns' values */
} lt_join_interval;
