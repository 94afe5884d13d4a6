/* Jobs that are killed and jobs that wait, as processes of their own.
 *
 *   recovery  1 GiB of keyed state in a checkpoint, kill -9, then the time from starting the
 *             process to its first row: rows of known keys were appended to its input meanwhile.
 *             The files of the checkpoint are in the page cache; the memory is new to the process.
 *   idle      a job that follows a file to which nothing is added, 2 lanes, a checkpoint every 10
 * s: processor time over time; ten such jobs in one process likewise
 *
 * Usage: bench_lifecycle [--quick] [recovery|idle]. One JSON line per figure. */
#include <dirent.h>

#include "base/compiler.h"
#include "child.h"

#define IDLE_JOBS 10

static bool quick;

/* Processor time of all its threads. */
static int64_t child_cpu_ns(pid_t pid)
{
    char path[PATH_BYTES];
    int64_t sum = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    must(dir != NULL, "/proc is missing");
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        (void)snprintf(path, sizeof path, "/proc/%d/task/%.32s/schedstat", (int)pid, entry->d_name);
        FILE *file = entry->d_name[0] != '.' ? fopen(path, "r") : NULL;
        long long ns = 0;
        if (file != NULL) {
            sum += fscanf(file, "%lld", &ns) == 1 ? ns : 0;
            (void)fclose(file);
        }
    }
    (void)closedir(dir);
    return sum;
}

/* The first number behind `"name":` in what `leat status JOB --json` says; -1 = none yet. */
static long long child_status(const char *job, const char *name)
{
    static char text[1 << 16];
    const char *const args[] = {"status", job, "--json", "--state-dir", "state", NULL};
    int ends[2];
    must(pipe(ends) == 0, "no pipe");
    pid_t pid = child_start(args, -1, ends[1]);
    (void)close(ends[1]);
    size_t len = 0;
    for (ssize_t got = 1; got > 0 && len < sizeof text - 1; len += (size_t)(got > 0 ? got : 0)) {
        got = read(ends[0], text + len, sizeof text - 1 - len);
    }
    text[len] = '\0';
    (void)close(ends[0]);
    (void)waitpid(pid, NULL, 0);
    char key[64];
    (void)snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(text, key);
    return at != NULL ? strtoll(at + strlen(key), NULL, 10) : -1;
}

/* ---- recovery ---- */

static void put_keys(const char *mode, unsigned keys)
{
    FILE *file = fopen("keys.csv", mode);
    must(file != NULL, "a file cannot be written");
    for (unsigned i = 0; i < keys; i++) {
        (void)fprintf(file, "%u,%u\n", i, i & 255);
    }
    must(fclose(file) == 0, "a file cannot be written");
}

static pid_t start_recovery(const char *lanes, int *out)
{
    const char *const args[] = {"run",           "recovery.sql", "--no-progress",
                                "--parallelism", lanes,          "--quiet",
                                "--state-dir",   "state",        NULL};
    int ends[2];
    must(pipe(ends) == 0, "no pipe");
    pid_t pid = child_start(args, -1, ends[1]);
    (void)close(ends[1]);
    *out = ends[0];
    return pid;
}

/* Until all rows are in a checkpoint: one that began after they had been read. */
static void await_checkpoint(pid_t pid, long long rows)
{
    long long done = -1;
    for (int i = 0; i < 6000; i++) {
        must(waitpid(pid, NULL, WNOHANG) == 0, "leat ended; see err");
        long long completed = child_status("recovery", "completed");
        if (done < 0 && child_status("recovery", "rows_in") >= rows) {
            done = completed;
        }
        if (done >= 0 && completed >= done + 2) {
            return;
        }
        sleep_ms(100);
    }
    must(false, "no checkpoint");
}

static void recovery_run(const char *lanes)
{
    unsigned keys = quick ? 5000 : 16000000;
    char name[64];
    int out;
    put_keys("w", keys);
    pid_t pid = start_recovery(lanes, &out);
    await_checkpoint(pid, keys);
    double gb = (double)child_status("recovery", "last_bytes_all") / 1e9;
    (void)kill(pid, SIGKILL);
    (void)child_join(pid, true);
    (void)close(out);
    put_keys("a", 100);
    samples times = {0};
    for (int i = 0; i < (quick ? 1 : 3); i++) {
        int64_t start = now_ns();
        pid = start_recovery(lanes, &out);
        char row[3] = ""; /* +U[: the group was known */
        if (read(out, row, sizeof row) != sizeof row || memcmp(row, "+U[", sizeof row) != 0) {
            child_complain("no row came after the restart");
        }
        samples_add(&times, now_ns() - start);
        (void)kill(pid, SIGKILL);
        (void)child_join(pid, true);
        (void)close(out);
    }
    (void)snprintf(name, sizeof name, "recovery_1gib.%s_lanes.stored", lanes);
    report(&(figure){name, gb, "GB", false, "16 M keys, COUNT SUM MAX; zstd 1"});
    (void)snprintf(name, sizeof name, "recovery_1gib.%s_lanes.best", lanes);
    report(&(figure){name, (double)samples_at(&times, 0) / 1e6, "ms", false,
                     "hashing and unpacking the blocks; first touch of memory"});
    (void)snprintf(name, sizeof name, "recovery_1gib.%s_lanes.worst", lanes);
    report(&(figure){name, (double)samples_at(&times, 1) / 1e6, "ms", false,
                     "hashing and unpacking the blocks; first touch of memory"});
    samples_free(&times);
    (void)nftw("state", child_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static void recovery(void)
{
    char text[2048];
    (void)snprintf(
        text, sizeof text,
        "SET 'pipeline.name' = 'recovery';\n"
        "SET 'execution.checkpointing.interval' = '%s';\n"
        "CREATE TABLE pairs (k BIGINT, v BIGINT) WITH ('connector' = 'filesystem', 'path' = "
        "'keys.csv', 'format' = 'csv', 'source.monitor-interval' = '100 ms');\n"
        "CREATE TABLE again (k BIGINT, n BIGINT, s BIGINT, m BIGINT) WITH ('connector' = "
        "'print');\n"
        "INSERT INTO again SELECT k, COUNT(*), SUM(v), MAX(v) FROM pairs GROUP BY k HAVING "
        "COUNT(*) > 1;\n",
        quick ? "200 ms" : "3 s");
    child_write("recovery.sql", text);
    recovery_run("1");
    recovery_run("2");
}

/* ---- idle ---- */

static void idle_run(unsigned jobs, const char *what)
{
    static const char *const args[] = {"run",     "idle.sql", "--no-progress", "--parallelism",
                                       "2",       "--quiet",  "--state-dir",   "state",
                                       "--fresh", NULL};
    char name[64];
    FILE *file = fopen("idle.sql", "w");
    must(file != NULL, "a file cannot be written");
    (void)fprintf(file, "SET 'execution.checkpointing.interval' = '10 s';\n");
    for (unsigned i = 0; i < jobs; i++) {
        (void)fprintf(file,
                      "CREATE TABLE in%u (k BIGINT) WITH ('connector' = 'filesystem', 'path' = "
                      "'idle.csv', 'format' = 'csv', 'source.monitor-interval' = '1 s');\n"
                      "CREATE TABLE out%u (k BIGINT, n BIGINT) WITH ('connector' = 'print');\n"
                      "SET 'pipeline.name' = 'idle-%u';\n"
                      "INSERT INTO out%u SELECT k, COUNT(*) FROM in%u GROUP BY k;\n",
                      i, i, i, i, i);
    }
    must(fclose(file) == 0, "a file cannot be written");
    child_write("idle.csv", "1\n2\n3\n");
    pid_t pid = child_start(args, -1, -1);
    sleep_ms(quick ? 300 : 3000);
    int64_t start = now_ns();
    int64_t cpu = child_cpu_ns(pid);
    sleep_ms(quick ? 500 : 20000);
    cpu = child_cpu_ns(pid) - cpu;
    double share = (double)cpu / (double)(now_ns() - start);
    (void)kill(pid, SIGTERM);
    (void)child_join(pid, false);
    (void)snprintf(name, sizeof name, "idle.%s.cpu", what);
    report(&(figure){name, 100 * share, "% of a core", false,
                     "looking at the file every second; checkpoints; timers"});
}

static void idle(void)
{
    idle_run(1, "1_job");
    idle_run(IDLE_JOBS, "10_jobs");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"recovery", recovery}, {"idle", idle}};
    const char *only = NULL;
    for (int i = 1; i < argc; i++) {
        bool is_flag = strcmp(argv[i], "--quick") == 0;
        quick = quick || is_flag;
        only = is_flag ? only : argv[i];
    }
    child_setup(argv[0]);
    for (size_t i = 0; i < LT_COUNT_OF(parts); i++) {
        if (only == NULL || strcmp(only, parts[i].name) == 0) {
            parts[i].run();
        }
    }
    return 0;
}
