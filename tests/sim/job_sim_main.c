/* job_sim: which seeds, in how many processes, and what came of them.
 *
 *   job_sim random FIRST COUNT [PROCESSES]   until COUNT seeds counted
 *   job_sim seed N                           that one (SIM_TRACE=1: what happens, line by line)
 *   job_sim exhaustive [QUERY]               a power loss before and after every operation
 *   job_sim slice FILE LOG TARGET SECONDS [PROCESSES]   goes on where FILE says
 *   job_sim mutants [NAME]                   (built with LT_MUTANTS) each named fault is found
 *
 * A seed counts when its job had at least two tasks, a stateful operator, three checkpoints and one
 * restart; the others are run and reported all the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mutant.h"
#include "job_sim.h"

#define PROCESSES_MAX    16
#define MUTANT_SEEDS     1000
#define BASE_SEEDS       200 /* without any, to begin with */
#define EXHAUSTIVE_SEED  7
#define EXHAUSTIVE_KINDS 3 /* sinks: csv, json, partitioned */
#define SLICE_SEEDS      2000
#define UNCOUNTED_FACTOR 20

static sim_world the_world;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool run_seed(uint64_t seed, sim_totals *totals)
{
    sim_world *world = &the_world;
    world->stats = totals;
    world->trace = getenv("SIM_TRACE") != NULL;
    sim_world_init(world, seed, NULL);
    bool counts = sim_live(world);
    sim_world_deinit(world);
    return counts;
}

/* ---- what happened ---- */

static const char *const fault_names[] = {
#define X(name) #name,
    SIM_FAULTS(X)
#undef X
};

static void add_totals(sim_totals *to, const sim_totals *from)
{
    _Static_assert(sizeof(sim_totals) % sizeof(uint64_t) == 0, "only counts");
    uint64_t *sum = (uint64_t *)(void *)to;
    const uint64_t *part = (const uint64_t *)(const void *)from;
    for (size_t i = 0; i < sizeof *to / sizeof *sum; i++) {
        sum[i] += part[i];
    }
}

static void print_totals(const sim_totals *totals, double took)
{
    printf("faults:");
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        printf(" %s %llu", fault_names[i], (unsigned long long)totals->faults[i]);
    }
    printf("\nqueries:");
    for (unsigned q = 0; q < sim_query_count; q++) {
        printf(" %s %llu", sim_queries[q].name, (unsigned long long)totals->queries[q]);
    }
    printf(
        "\nlives %llu: power losses %llu, failures %llu, stops %llu; restarts %llu, with another "
        "parallelism %llu, from a savepoint %llu\n",
        (unsigned long long)totals->lives, (unsigned long long)totals->crashes,
        (unsigned long long)totals->failures, (unsigned long long)totals->stops,
        (unsigned long long)totals->restored, (unsigned long long)totals->rescaled,
        (unsigned long long)totals->savepoints_used);
    printf(
        "checkpoints %llu, given up %llu, savepoints %llu; epochs compared %llu; rows %llu, late "
        "%llu; steps %llu\n",
        (unsigned long long)totals->checkpoints, (unsigned long long)totals->given_up,
        (unsigned long long)totals->savepoints, (unsigned long long)totals->epochs_checked,
        (unsigned long long)totals->rows, (unsigned long long)totals->late,
        (unsigned long long)totals->steps);
    printf("%llu seeds counted of %llu, all well; %.1f s, %.0f seeds/s\n",
           (unsigned long long)totals->counted, (unsigned long long)totals->seeds, took,
           took > 0 ? (double)totals->seeds / took : 0.0);
}

/* ---- random seeds, in several processes ---- */

/* Process number `no` takes every n-th seed until `count` of its own counted. */
static void run_share(uint64_t first, uint64_t count, unsigned no, unsigned of, sim_totals *totals)
{
    uint64_t most = count * UNCOUNTED_FACTOR + 100;
    for (uint64_t i = 0; totals->counted < count; i++) {
        if (i >= most) {
            fprintf(stderr, "job_sim: too few seeds count: %llu of %llu\n",
                    (unsigned long long)totals->counted, (unsigned long long)totals->seeds);
            _Exit(1);
        }
        (void)run_seed(first + i * of + no, totals);
    }
}

static bool run_many(uint64_t first, uint64_t count, unsigned processes, sim_totals *totals)
{
    int ends[PROCESSES_MAX];
    pid_t children[PROCESSES_MAX];
    bool well = true;
    fflush(stdout);
    for (unsigned p = 0; p < processes; p++) {
        int pair[2];
        if (pipe(pair) != 0 || (children[p] = fork()) < 0) {
            perror("job_sim");
            return false;
        }
        if (children[p] == 0) {
            sim_totals own = {0};
            close(pair[0]);
            run_share(first, (count + processes - 1 - p) / processes, p, processes, &own);
            bool sent = write(pair[1], &own, sizeof own) == (ssize_t)sizeof own;
            _Exit(sent ? 0 : 1);
        }
        close(pair[1]);
        ends[p] = pair[0];
    }
    for (unsigned p = 0; p < processes; p++) {
        sim_totals part;
        int status = 0;
        bool got = read(ends[p], &part, sizeof part) == (ssize_t)sizeof part;
        close(ends[p]);
        waitpid(children[p], &status, 0);
        if (!got || status != 0) {
            if (WIFSIGNALED(status)) {
                fprintf(stderr, "job_sim: process %u died of signal %d\n", p, WTERMSIG(status));
            }
            well = false;
            continue;
        }
        add_totals(totals, &part);
    }
    return well;
}

static int random_mode(uint64_t first, uint64_t count, unsigned processes)
{
    sim_totals totals = {0};
    double start = seconds();
    bool well = run_many(first, count, processes, &totals);
    if (well) {
        printf("from seed %llu on\n", (unsigned long long)first);
        print_totals(&totals, seconds() - start);
    }
    return well ? 0 : 1;
}

/* ---- the long run in slices ---- */

typedef struct {
    uint64_t next;
    sim_totals totals;
} progress;

static void load_progress(const char *path, progress *at)
{
    FILE *file = fopen(path, "rb");
    *at = (progress){.next = 1};
    if (file != NULL) {
        if (fread(at, sizeof *at, 1, file) != 1) {
            *at = (progress){.next = 1};
        }
        fclose(file);
    }
}

static bool save_progress(const char *path, const progress *at)
{
    FILE *file = fopen(path, "wb");
    bool well = file != NULL && fwrite(at, sizeof *at, 1, file) == 1;
    return file != NULL && fclose(file) == 0 && well;
}

static void log_slice(const char *path, const progress *at, uint64_t target, double took)
{
    FILE *log = fopen(path, "a");
    if (log != NULL) {
        fprintf(log,
                "up to seed %llu: %llu of %llu counted (%llu run), %llu lives, %llu power losses, "
                "%llu checkpoints, %llu epochs compared; this slice %.0f s\n",
                (unsigned long long)at->next, (unsigned long long)at->totals.counted,
                (unsigned long long)target, (unsigned long long)at->totals.seeds,
                (unsigned long long)at->totals.lives, (unsigned long long)at->totals.crashes,
                (unsigned long long)at->totals.checkpoints,
                (unsigned long long)at->totals.epochs_checked, took);
        fclose(log);
    }
}

static int slice_mode(char **args, unsigned processes)
{
    progress at;
    const char *path = args[0];
    uint64_t target = strtoull(args[2], NULL, 10);
    double limit = strtod(args[3], NULL);
    double start = seconds();
    load_progress(path, &at);
    while (at.totals.counted < target && seconds() - start < limit) {
        if (!run_many(at.next, SLICE_SEEDS, processes, &at.totals)) {
            return 1;
        }
        /* No process can have gone further. */
        at.next += (uint64_t)SLICE_SEEDS * UNCOUNTED_FACTOR + 100 * processes;
        if (!save_progress(path, &at)) {
            perror(path);
            return 1;
        }
    }
    log_slice(args[1], &at, target, seconds() - start);
    print_totals(&at.totals, seconds() - start);
    printf("%llu of %llu counted\n", (unsigned long long)at.totals.counted,
           (unsigned long long)target);
    return at.totals.counted >= target ? 0 : 3;
}

/* ---- every operation ---- */

/* One world of this query and kind of sink, cut off at that operation. Gives how many there were.
 */
static int64_t run_crash(sim_world *world, const sim_query *query, sim_totals *totals)
{
    world->stats = totals;
    world->trace = getenv("SIM_TRACE") != NULL;
    world->exhaustive = true;
    sim_world_init(world, EXHAUSTIVE_SEED + world->kind, query);
    int64_t before = lt_sim_ops(world->env);
    (void)sim_live(world);
    int64_t ops = lt_sim_ops(world->env) - before;
    sim_world_deinit(world);
    return ops;
}

static void crash_everywhere(sim_world *world, const sim_query *query, sim_totals *totals)
{
    int64_t ops = world->ops;
    for (int64_t op = 1; op <= ops; op++) {
        world->crash_op = op;
        world->crash_after = false;
        (void)run_crash(world, query, totals);
        world->crash_after = true;
        (void)run_crash(world, query, totals);
    }
}

/* First the life from the beginning, then those that begin with a restore. */
static int exhaustive_mode(const char *only)
{
    sim_world *world = &the_world;
    sim_totals totals = {0};
    double start = seconds();
    for (unsigned q = 0; q < sim_query_count; q++) {
        const sim_query *query = &sim_queries[q];
        for (unsigned kind = 0; kind < EXHAUSTIVE_KINDS; kind++) {
            if (only != NULL && strcmp(only, query->name) != 0) {
                continue;
            }
            world->kind = kind;
            world->first_op = 0;
            world->crash_op = 0;
            world->ops = run_crash(world, query, &totals);
            printf("%s: %lld operations\n", query->name, (long long)world->ops);
            crash_everywhere(world, query, &totals);
            world->first_op = world->ops / 2;
            crash_everywhere(world, query, &totals);
        }
    }
    print_totals(&totals, seconds() - start);
    return 0;
}

/* ---- mutants ---- */

#if defined(LT_MUTANTS)
lt_mutant lt_mutant_on = LT_MUTANT_NONE;

static const char *const mutant_names[] = {
#define X(name) #name,
    LT_MUTANT_LIST(X)
#undef X
};

/* In a process of its own: it may end by an assertion, or hang. Gives the seed that found it, or 0.
 */
static uint64_t hunt(lt_mutant mutant, uint64_t seeds)
{
    int pair[2];
    if (pipe(pair) != 0) {
        return 0;
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        sim_totals totals = {0};
        lt_mutant_on = mutant;
        if (freopen("/dev/null", "w", stderr) == NULL) {
            _Exit(0); /* not found: whoever looks sees that something is wrong */
        }
        for (uint64_t seed = 1; seed <= seeds; seed++) {
            if (write(pair[1], &seed, sizeof seed) != (ssize_t)sizeof seed) {
                _Exit(2);
            }
            (void)run_seed(seed, &totals);
        }
        _Exit(0);
    }
    close(pair[1]);
    uint64_t seed = 0;
    uint64_t last = 0;
    while (read(pair[0], &seed, sizeof seed) == (ssize_t)sizeof seed) {
        last = seed;
    }
    close(pair[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return status != 0 ? last : 0;
}

static int mutants_mode(const char *only)
{
    unsigned survived = 0;
    if (hunt(LT_MUTANT_NONE, BASE_SEEDS) != 0) {
        printf("something is found without any mutant\n");
        return 1;
    }
    for (unsigned m = 0; m < LT_COUNT_OF(mutant_names); m++) {
        if (only != NULL && strcmp(only, mutant_names[m]) != 0) {
            continue;
        }
        uint64_t seed = hunt((lt_mutant)(m + 1), MUTANT_SEEDS);
        if (seed > 0) {
            printf("%-24s found by seed %llu\n", mutant_names[m], (unsigned long long)seed);
        } else {
            printf("%-24s SURVIVED %d seeds\n", mutant_names[m], MUTANT_SEEDS);
            survived++;
        }
    }
    return survived > 0 ? 1 : 0;
}

/* SIM_MUTANT=NAME: the other modes run with that fault. */
static void choose_mutant(void)
{
    const char *name = getenv("SIM_MUTANT");
    for (unsigned m = 0; name != NULL && m < LT_COUNT_OF(mutant_names); m++) {
        if (strcmp(name, mutant_names[m]) == 0) {
            lt_mutant_on = (lt_mutant)(m + 1);
        }
    }
}
#endif

static unsigned processes_of(const char *text)
{
    unsigned count = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 1;
    return count < 1 ? 1 : count > PROCESSES_MAX ? PROCESSES_MAX : count;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    /* Line by line, so that what was found is seen at once and no process prints it twice. */
    setvbuf(stdout, NULL, _IOLBF, 0);
#if defined(LT_MUTANTS)
    choose_mutant();
    if (strcmp(mode, "mutants") == 0) {
        return mutants_mode(argc > 2 ? argv[2] : NULL);
    }
#endif
    if (strcmp(mode, "random") == 0 && argc >= 4) {
        return random_mode(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10),
                           processes_of(argc > 4 ? argv[4] : NULL));
    }
    if (strcmp(mode, "seed") == 0 && argc >= 3) {
        sim_totals totals = {0};
        double start = seconds();
        (void)run_seed(strtoull(argv[2], NULL, 10), &totals);
        print_totals(&totals, seconds() - start);
        return 0;
    }
    if (strcmp(mode, "exhaustive") == 0) {
        return exhaustive_mode(argc > 2 ? argv[2] : NULL);
    }
    if (strcmp(mode, "slice") == 0 && argc >= 6) {
        return slice_mode(argv + 2, processes_of(argc > 6 ? argv[6] : NULL));
    }
    fprintf(stderr, "usage: job_sim random FIRST COUNT [PROCESSES] | seed N | exhaustive [QUERY] | "
                    "slice FILE LOG TARGET SECONDS [PROCESSES]\n");
    return 2;
}
