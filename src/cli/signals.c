/* Handlers have no argument of ours, so this file keeps the only variables of the program that are
 * not on a stack: flags and the engine to wake. Without a running engine (reading a file, printing
 * help) SIGINT ends the process as usual. */
#include "cli/signals.h"

#include <leat/leat.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static volatile sig_atomic_t stop_seen;
static volatile sig_atomic_t summary_seen;
static leat *volatile watched;

static void wake(void)
{
    leat *db = watched;
    if (db != NULL) {
        leat_wake(db);
    }
}

static void on_stop(int number)
{
    if (number == SIGINT && (stop_seen == LT_STOP_INTERRUPT || watched == NULL)) {
        _exit(LT_EXIT_INTERRUPT);
    }
    if (number != SIGINT && watched == NULL) {
        _exit(LT_EXIT_OK);
    }
    if (stop_seen == LT_STOP_NONE || number == SIGINT) {
        stop_seen = number == SIGINT ? LT_STOP_INTERRUPT : LT_STOP_TERMINATE;
    }
    wake();
}

static void on_summary(int number)
{
    (void)number;
    summary_seen = 1;
    wake();
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

static bool is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void lt_signals_install(void)
{
    /* nohup and shells' background jobs ask for these to be ignored. */
    if (!is_ignored(SIGINT)) {
        handle(SIGINT, on_stop);
    }
    if (!is_ignored(SIGHUP)) {
        handle(SIGHUP, on_stop);
    }
    handle(SIGTERM, on_stop);
    handle(SIGUSR1, on_summary);
    handle(SIGPIPE, SIG_IGN);
    handle(SIGXFSZ, SIG_IGN); /* a file at the limit of its size is an error of that file */
}

void lt_signals_watch(struct leat *db)
{
    watched = db;
}

lt_stop_signal lt_signals_stop(void)
{
    return (lt_stop_signal)stop_seen;
}

bool lt_signals_summary(void)
{
    if (summary_seen == 0) {
        return false;
    }
    summary_seen = 0;
    return true;
}
