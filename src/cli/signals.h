/* Signals of the process, as flags that a loop reads.
 *
 * Handlers set a flag and wake the engine, nothing else; the second SIGINT or SIGTERM leaves at
 * once. Two within a quarter of a second count as one: some senders signal a process and its group.
 * SIGPIPE is ignored: writing tells. */
#pragma once

#include <stdbool.h>

struct leat;

typedef enum {
    LT_STOP_NONE = 0,
    LT_STOP_INTERRUPT /* SIGINT */,
    LT_STOP_TERMINATE /* SIGTERM, SIGHUP */
} lt_stop_signal;

struct lt_env;

/* The environment is borrowed, for its clock. */
void lt_signals_install(struct lt_env *env);
/* Whom to wake; NULL = nobody. Stays borrowed until replaced. */
void lt_signals_watch(struct leat *db);
lt_stop_signal lt_signals_stop(void); /* the first one that asked to stop */
bool lt_signals_summary(void);        /* SIGUSR1 since the last call */
