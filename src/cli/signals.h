/* Signals of the process, as flags that a loop reads.
 *
 * Handlers set a flag and wake the engine, nothing else; the second SIGINT leaves at once. SIGPIPE
 * is ignored: writing tells. */
#pragma once

#include <stdbool.h>

struct leat;

typedef enum {
    LT_STOP_NONE = 0,
    LT_STOP_INTERRUPT /* SIGINT */,
    LT_STOP_TERMINATE /* SIGTERM, SIGHUP */
} lt_stop_signal;

void lt_signals_install(void);
/* Whom to wake; NULL = nobody. Stays borrowed until replaced. */
void lt_signals_watch(struct leat *db);
lt_stop_signal lt_signals_stop(void); /* the first one that asked to stop */
bool lt_signals_summary(void);        /* SIGUSR1 since the last call */
