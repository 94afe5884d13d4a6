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
static lt_env *clock_env;
static int64_t stop_ns; /* of the first one; other signals wait while a handler runs */

#define TWICE_NS     INT64_C(250000000)
#define EXIT_SIGTERM 143

static void wake(void)
{
    leat *db = watched;
    if (db != NULL) {
        leat_wake(db);
    }
}

static void on_stop(int number)
{
    bool is_interrupt = number == SIGINT;
    if (watched == NULL) {
        _exit(is_interrupt ? LT_EXIT_INTERRUPT : LT_EXIT_OK);
    }
    int64_t now_ns = clock_env->mono_ns(clock_env);
    if (stop_seen == LT_STOP_NONE) {
        stop_seen = is_interrupt ? LT_STOP_INTERRUPT : LT_STOP_TERMINATE;
        stop_ns = now_ns;
    } else if (number != SIGHUP && now_ns - stop_ns > TWICE_NS) {
        _exit(is_interrupt ? LT_EXIT_INTERRUPT : EXIT_SIGTERM);
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
    (void)sigfillset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

static bool is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void lt_signals_install(struct lt_env *env)
{
    clock_env = env;
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
