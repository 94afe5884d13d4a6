/* Whole jobs without input or output that costs anything (job_rig.h): a keyed aggregate over 10 M
 * keys, the exchange, and checkpoints of 1 GB of state while rows come in. One JSON line per
 * figure. Usage: bench_spine [--quick] [keyed|exchange [CASE]|checkpoints [loss]]. The state of the
 * last goes to a folder below $LEAT_BENCH_STATE or the current one. */
#include <dirent.h>
#include <ftw.h>

#include "job_rig.h"

#define COUNT_SUM "INSERT INTO nowhere SELECT k, COUNT(*), SUM(v), 0 FROM `rows` GROUP BY k"
#define COUNT_SUM_MAX \
    "INSERT INTO nowhere SELECT k, COUNT(*), SUM(v), MAX(v) FROM `rows` GROUP BY k"
#define PASS      "INSERT INTO nowhere SELECT k, v, v, v FROM `rows`"
#define LANES_MAX 2

static bool quick;
static const char *only_case; /* of the exchange's; NULL = all */

static void rate(const char *name, double rows, int64_t ns, const char *limit)
{
    report(&(figure){name, rows * 1e3 / (double)ns, "Mrows/s", true, limit});
}

/* Processor time of all threads: what a crowded machine does not falsify. */
static int64_t cpu_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static void cpu_rate(const char *name, double rows, int64_t ns)
{
    char text[80];
    (void)snprintf(text, sizeof text, "%s.cpu", name);
    report(&(figure){text, (double)ns / rows, "ns/row", false, "processor time of all lanes"});
}

/* ---- 10 M keys ---- */

static void keyed(void)
{
    uint64_t keys = quick ? 10000 : 10000000;
    uint64_t updates = quick ? 100000 : 60000000;
    double one = 0;
    for (uint32_t lanes = 1; lanes <= LANES_MAX; lanes++) {
        rig r;
        char name[64];
        rig_rows_set(keys, PHASE_FILL);
        rows_of.end_after_fill = true;
        rows_of.after_fill = PHASE_UNIFORM;
        rows_of.rows_max = updates;
        rig_open(&r, &(rig_job){.insert = COUNT_SUM, .lanes = lanes});
        int64_t start = now_ns();
        while (rows_of.filled_ns == 0 && rig_turn(&r, NS_PER_MS)) {
        }
        int64_t cpu = cpu_ns();
        rig_run(&r);
        int64_t end = now_ns();
        cpu = cpu_ns() - cpu;
        (void)snprintf(name, sizeof name, "keyed_10m.insert_%u_lanes", lanes);
        rate(name, (double)keys, rows_of.filled_ns - start, "first touch of memory");
        (void)snprintf(name, sizeof name, "keyed_10m.update_%u_lanes", lanes);
        rate(name, (double)updates, end - rows_of.filled_ns, "cache misses of the table");
        cpu_rate(name, (double)updates, cpu);
        double per_s = (double)updates / (double)(end - rows_of.filled_ns);
        if (lanes == 1) {
            one = per_s;
        } else {
            report(&(figure){"keyed_10m.2_lanes_over_1", per_s / one, "x", true,
                             "cores; what the exchange adds"});
        }
        rig_close(&r);
    }
}

/* ---- the exchange ---- */

typedef struct {
    const char *name;
    const char *insert;
    const char *strategy;
    rig_phase_kind phase;
    uint32_t lanes;
    const char *limit;
} exchange_case;

static void exchange(void)
{
    static const exchange_case cases[] = {
        {"source_1_lane", PASS, NULL, PHASE_UNIFORM, 1, "making the rows"},
        {"source_2_lanes", PASS, NULL, PHASE_UNIFORM, 2, "gathering in the order of the source"},
        {"keyed_1_lane", COUNT_SUM, "ONE_PHASE", PHASE_UNIFORM, 1, "no exchange: the operator"},
        {"keyed_2_lanes", COUNT_SUM, "ONE_PHASE", PHASE_UNIFORM, 2, "dealing rows by key"},
        {"keyed_2_lanes_local", COUNT_SUM, "TWO_PHASE", PHASE_UNIFORM, 2, "folding before dealing"},
        {"hot_key_1_lane", COUNT_SUM, "ONE_PHASE", PHASE_HOT, 1, "no exchange: the operator"},
        {"hot_key_2_lanes", COUNT_SUM, "ONE_PHASE", PHASE_HOT, 2, "the hot key's lane"},
        {"hot_key_2_lanes_local", COUNT_SUM, "TWO_PHASE", PHASE_HOT, 2, "folding before dealing"},
    };
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        const exchange_case *c = &cases[i];
        if (only_case != NULL && strcmp(only_case, c->name) != 0) {
            continue;
        }
        rig r;
        char name[64];
        rig_rows_set(1000, c->phase);
        rows_of.rows_max = quick ? 100000 : 40000000;
        rig_open(&r, &(rig_job){c->insert, c->strategy, NULL, c->lanes, 0});
        int64_t start = now_ns();
        int64_t cpu = cpu_ns();
        rig_run(&r);
        cpu = cpu_ns() - cpu;
        (void)snprintf(name, sizeof name, "exchange.%s", c->name);
        cpu_rate(name, (double)rows_of.rows_max, cpu);
        rate(name, (double)rows_of.rows_max, now_ns() - start, c->limit);
        rig_close(&r);
    }
}

/* ---- checkpoints ---- */

static int64_t state_bytes(const rig *r)
{
    int64_t bytes = 0;
    lt_node_stats stats;
    for (uint32_t i = 0; lt_job_node_stats(r->job, i, &stats); i++) {
        bytes += stats.state_bytes;
    }
    return bytes;
}

/* Rows that the keyed operators have taken. */
static bool is_filled(const rig *r)
{
    lt_node_stats stats;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; lt_job_node_stats(r->job, i, &stats); i++) {
        if (stats.state_rows > 0) {
            least = LT_MIN(least, (uint64_t)stats.state_rows);
        }
    }
    return least != UINT64_MAX && least >= rows_of.keys;
}

/* One checkpoint from asking to commit. */
static lt_ckpt_stats checkpoint_once(rig *r)
{
    lt_error err;
    lt_error_clear(&err);
    lt_ckpt_stats before;
    lt_ckpt_stats after;
    lt_job_ckpt_stats(r->job, &before);
    while (lt_job_checkpoint(r->job, NULL, &err) == LT_AGAIN) {
        must(rig_turn(r, NS_PER_MS), "the job ended");
    }
    do {
        must(rig_turn(r, 2 * NS_PER_MS), "the job ended");
        lt_job_ckpt_stats(r->job, &after);
        must(after.failed == 0, after.last_error);
    } while (after.completed == before.completed);
    return after;
}

static void many_checkpoints(rig *r, const char *place)
{
    samples pauses = {0};
    samples durations = {0};
    uint32_t wanted = quick ? 10 : 1000;
    int64_t give_up = now_ns() + 180 * NS_PER_S;
    rows_of.rate = 20000;
    atomic_store(&rows_of.phase, PHASE_TRICKLE);
    while (pauses.count < wanted && now_ns() < give_up) {
        lt_ckpt_stats stats = checkpoint_once(r);
        samples_add(&pauses, stats.last_pause_us * 1000);
        samples_add(&durations, stats.last_duration_us * 1000);
    }
    report(&(figure){"checkpoint_1gb.made", (double)pauses.count, "checkpoints", true, place});
    report_times("checkpoint_1gb.barrier_pause", &pauses,
                 "the longest of all tasks in the barrier");
    report_times("checkpoint_1gb.duration", &durations, "the manifest and what changed");
    samples_free(&pauses);
    samples_free(&durations);
}

/* Processor time of the threads that run the job's tasks, without the one that writes checkpoints:
 * what others do to a crowded machine is not in it. */
static int64_t lanes_cpu_ns(void)
{
    int64_t sum = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (const struct dirent *at; tasks != NULL && (at = readdir(tasks)) != NULL;) {
        char path[300];
        char name[32] = "";
        long long ns = 0;
        (void)snprintf(path, sizeof path, "/proc/self/task/%.200s/comm", at->d_name);
        FILE *file = fopen(path, "r");
        bool is_lane = file != NULL && fgets(name, sizeof name, file) != NULL &&
                       strncmp(name, "leat-lane", 9) == 0;
        if (file != NULL) {
            (void)fclose(file);
        }
        (void)snprintf(path, sizeof path, "/proc/self/task/%.200s/schedstat", at->d_name);
        file = is_lane ? fopen(path, "r") : NULL;
        if (file != NULL) {
            sum += fscanf(file, "%lld", &ns) == 1 ? ns : 0;
            (void)fclose(file);
        }
    }
    if (tasks != NULL) {
        (void)closedir(tasks);
    }
    return sum;
}

typedef struct {
    double rate;     /* millions of rows a second */
    double rate_cpu; /* a second of the lanes' processor time */
    uint32_t made;
} rewrite_figures;

static void rate_for(rig *r, int64_t ns, bool with_checkpoints, rewrite_figures *out)
{
    uint64_t rows = atomic_load(&rows_of.decoded);
    int64_t start = now_ns();
    int64_t cpu = lanes_cpu_ns();
    do {
        if (with_checkpoints) {
            (void)checkpoint_once(r);
            out->made++;
        } else {
            must(rig_turn(r, 10 * NS_PER_MS), "the job ended");
        }
    } while (now_ns() - start < ns);
    double made = (double)(atomic_load(&rows_of.decoded) - rows) * 1e3;
    out->rate += made / (double)(now_ns() - start) / 2;
    out->rate_cpu += made / (double)LT_MAX(lanes_cpu_ns() - cpu, INT64_C(1)) / 2;
}

/* All keys are written again and again, with a checkpoint always under way and without any. */
static void under_checkpoints(rig *r, uint32_t lanes)
{
    char name[64];
    rewrite_figures alone = {0};
    rewrite_figures with = {0};
    int64_t ns = quick ? 50 * NS_PER_MS : 3 * NS_PER_S;
    atomic_store(&rows_of.phase, PHASE_UNIFORM);
    for (int round = 0; round < 2; round++) {
        rate_for(r, ns, false, &alone);
        rate_for(r, ns, true, &with);
    }
    (void)snprintf(name, sizeof name, "checkpoint_1gb.rewrite_alone_%u_lanes", lanes);
    report(&(figure){name, alone.rate, "Mrows/s", true, "cache misses of the table"});
    (void)snprintf(name, sizeof name, "checkpoint_1gb.rewrite_during_%u_lanes", lanes);
    report(
        &(figure){name, with.rate, "Mrows/s", true, "copies before the first change of a block"});
    (void)snprintf(name, sizeof name, "checkpoint_1gb.loss_%u_lanes", lanes);
    report(&(figure){name, 100 * (1 - with.rate / alone.rate), "%", false,
                     lanes == 1 ? "copies of blocks; memory bandwidth"
                                : "the writer takes a core from the lanes"});
    (void)snprintf(name, sizeof name, "checkpoint_1gb.loss_%u_lanes.cpu", lanes);
    report(&(figure){name, 100 * (1 - with.rate_cpu / alone.rate_cpu), "%", false,
                     "rows for the lanes' own processor time"});
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void checkpoints(void)
{
    const char *set = getenv("LEAT_BENCH_STATE");
    const char *place = set != NULL ? set : "the working directory's disk";
    char dir[1024];
    (void)snprintf(dir, sizeof dir, "%s/spine.tmp", set != NULL ? set : ".");
    for (uint32_t lanes = 1; lanes <= LANES_MAX; lanes++) {
        rig r;
        rig_rows_set(quick ? 10000 : 16000000, PHASE_FILL);
        rig_open(&r, &(rig_job){COUNT_SUM_MAX, NULL, dir, lanes, 0});
        while (!is_filled(&r)) {
            must(rig_turn(&r, 50 * NS_PER_MS), "the job ended");
        }
        if (lanes == 1) {
            report(&(figure){"checkpoint_1gb.state", (double)state_bytes(&r) / 1e9, "GB", true,
                             "16 M keys of 8 bytes"});
            lt_ckpt_stats first = checkpoint_once(&r);
            report(&(figure){"checkpoint_1gb.full", (double)first.last_duration_us / 1e3, "ms",
                             false, place});
            report(&(figure){"checkpoint_1gb.full_rate",
                             (double)first.last_bytes_new / 1e3 / (double)first.last_duration_us,
                             "GB/s", true, place});
            if (only_case == NULL) {
                many_checkpoints(&r, place);
            }
        }
        under_checkpoints(&r, lanes);
        atomic_store(&rows_of.phase, PHASE_END);
        rig_run(&r);
        rig_close(&r);
        (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"keyed", keyed}, {"exchange", exchange}, {"checkpoints", checkpoints}};
    const char *only = NULL;
    for (int i = 1; i < argc; i++) {
        bool is_flag = strcmp(argv[i], "--quick") == 0;
        quick = quick || is_flag;
        only_case = !is_flag && only != NULL ? argv[i] : only_case;
        only = !is_flag && only == NULL ? argv[i] : only;
    }
    for (size_t i = 0; i < LT_COUNT_OF(parts); i++) {
        if (only == NULL || strcmp(only, parts[i].name) == 0) {
            parts[i].run();
        }
    }
    return 0;
}
