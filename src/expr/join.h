/* How two inputs are joined: said by the binder, carried by the plan, done by operators. */
#pragma once

typedef enum {
    LT_JOIN_TYPE_INNER,
    LT_JOIN_TYPE_LEFT,  /* left rows without a partner come with NULLs */
    LT_JOIN_TYPE_RIGHT, /* likewise right rows */
    LT_JOIN_TYPE_FULL,  /* likewise both */
    LT_JOIN_TYPE_SEMI,  /* left rows that have a partner, once; only the left columns */
    LT_JOIN_TYPE_ANTI   /* left rows that have none; only the left columns */
} lt_join_type;
