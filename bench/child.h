/* `leat` as a process of its own, for benchmarks that look at it from outside: starting it,
 * waiting for its end, a folder to work in. The program is $LEAT, or `leat` in the folder above
 * the benchmark's. */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "figures.h"

#define CHILD_ARGS_MAX 16
#define PATH_BYTES     1024

static char child_program[PATH_BYTES];
static char child_folder[PATH_BYTES];

static int child_remove(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void child_cleanup(void)
{
    if (child_folder[0] != '\0') {
        must(chdir("/") == 0, "there is no /");
        (void)nftw(child_folder, child_remove, 16, FTW_DEPTH | FTW_PHYS);
    }
}

/* Finds the program and goes to a new folder below $LEAT_BENCH_STATE or the current one, which is
 * removed at exit. */
static void child_setup(const char *argv0)
{
    char text[PATH_BYTES];
    const char *set = getenv("LEAT");
    if (set != NULL) {
        (void)snprintf(text, sizeof text, "%s", set);
    } else {
        const char *slash = strrchr(argv0, '/');
        int len = slash != NULL ? (int)(slash - argv0) : 1;
        (void)snprintf(text, sizeof text, "%.*s/../leat", len, slash != NULL ? argv0 : ".");
    }
    char *found = realpath(text, NULL);
    must(found != NULL && strlen(found) < sizeof child_program, "there is no program leat");
    (void)snprintf(child_program, sizeof child_program, "%s", found);
    free(found);
    const char *place = getenv("LEAT_BENCH_STATE");
    if (place != NULL) {
        (void)mkdir(place, 0700);
        must(chdir(place) == 0, "$LEAT_BENCH_STATE cannot be used");
    }
    char pattern[] = "bench.XXXXXX";
    must(mkdtemp(pattern) != NULL && chdir(pattern) == 0 &&
             getcwd(child_folder, sizeof child_folder) != NULL,
         "no folder to work in");
    (void)atexit(child_cleanup);
    (void)signal(SIGPIPE, SIG_IGN);
}

static void child_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    must(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, "a file cannot be written");
}

/* Starts `leat ARGS..`; in, out: descriptors that become its standard streams; -1 = /dev/null.
 * Standard error goes to ./err. */
static pid_t child_start(const char *const *args, int in, int out)
{
    char *argv[CHILD_ARGS_MAX + 2] = {child_program};
    for (size_t i = 0; i < CHILD_ARGS_MAX && args[i] != NULL; i++) {
        argv[i + 1] = (char *)(uintptr_t)args[i];
    }
    pid_t pid = fork();
    must(pid >= 0, "no process");
    if (pid > 0) {
        return pid;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing is left behind when a figure fails */
    int null = open("/dev/null", O_RDWR);
    int err = open("err", O_WRONLY | O_CREAT | O_APPEND, 0600);
    bool ok = dup2(in >= 0 ? in : null, 0) >= 0 && dup2(out >= 0 ? out : null, 1) >= 0 &&
              dup2(err, 2) >= 0;
    for (int fd = 3; fd < 64; fd++) {
        (void)close(fd);
    }
    if (ok) {
        (void)execv(child_program, argv);
    }
    _exit(127);
}

static void child_complain(const char *what)
{
    char line[512];
    FILE *file = fopen("err", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        (void)fputs(line, stderr);
    }
    must(false, what);
}

/* Waits for its end; seconds of processor time that it used. */
static double child_join(pid_t pid, bool killed)
{
    int status = 0;
    struct rusage used;
    must(wait4(pid, &status, 0, &used) == pid, "wait4");
    if (!killed && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
        child_complain("leat failed");
    }
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void sleep_ms(int64_t ms)
{
    const struct timespec ts = {ms / 1000, ms % 1000 * NS_PER_MS};
    (void)nanosleep(&ts, NULL);
}
