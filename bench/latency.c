/* How long a row takes from the process's input to its output, seen from outside.
 *
 *   stream        50,000 events a second into standard input, rows out of standard output, each a
 *                 socket pair; checkpoints every second. One thread paces and listens. A row's time
 *                 runs from the first attempt to write it, so that a job which stops reading is not
 *                 excused, until its line was read. The driver shares the processors with the job.
 *   exactly_once  rows are appended to a followed file; time until a row is in a visible file, less
 *                 the checkpoint interval (which a row has to wait for in the worst case)
 *
 * Usage: bench_latency [--quick] [stream|exactly_once]. One JSON line per figure. */
#include <errno.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#include "child.h"

#define KEYS     100000
#define EVENTS_S 50000
#define WARM_S   3

static bool quick;

/* ---- stream ---- */

typedef struct {
    const char *name;
    const char *lanes;
    const char *sink;
    const char *query;
    bool json; /* lines of the output */
} stream_case;

typedef struct {
    size_t count;
    char *text; /* all events */
    size_t *ends;
    int64_t *stamps; /* first attempt to write */
    size_t stamped;
    size_t sent; /* bytes */
    int64_t start;
    int fd_in;
    int fd_out;
    bool out_ended;
    char line[1 << 16];
    size_t line_len;
    size_t seen;
    size_t warm;
    bool json;
    samples times;
    samples late; /* the driver behind its own schedule */
} stream;

static void make_events(stream *s)
{
    size_t len = 0;
    uint64_t rng = 42;
    s->text = malloc(s->count * 64);
    s->ends = malloc(s->count * sizeof *s->ends);
    s->stamps = malloc(s->count * sizeof *s->stamps);
    must(s->text != NULL && s->ends != NULL && s->stamps != NULL, "out of memory");
    for (size_t i = 0; i < s->count; i++) {
        rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
        len += (size_t)snprintf(s->text + len, 64, "{\"k\":%u,\"seq\":%zu,\"v\":%u}\n",
                                (unsigned)((rng >> 33) % KEYS), i, (unsigned)(rng >> 40 & 1023));
        s->ends[i] = len;
    }
}

static void note_line(stream *s, const char *line, size_t len, int64_t now)
{
    const char *at = s->json ? strstr(line, "\"seq\":") : NULL;
    if (s->json) {
        at = at != NULL ? at + 6 : NULL;
    } else if (len > 4 && line[0] == '+') {
        at = line + len;
        while (at > line && at[-1] != ' ') {
            at--;
        }
    }
    if (at == NULL) {
        return;
    }
    size_t seq = strtoull(at, NULL, 10);
    must(seq < s->stamped, "a row that was not sent");
    s->seen++;
    if (seq >= s->warm) {
        samples_add(&s->times, now - s->stamps[seq]);
    }
}

/* True when something came. */
static bool listen_once(stream *s)
{
    ssize_t got =
        recv(s->fd_out, s->line + s->line_len, sizeof s->line - 1 - s->line_len, MSG_DONTWAIT);
    if (got <= 0) {
        s->out_ended = got == 0 || (errno != EAGAIN && errno != EINTR);
        return false;
    }
    int64_t now = now_ns();
    s->line_len += (size_t)got;
    char *from = s->line;
    char *to = s->line + s->line_len;
    for (char *end = memchr(from, '\n', (size_t)(to - from)); end != NULL;
         end = memchr(from, '\n', (size_t)(to - from))) {
        *end = '\0';
        note_line(s, from, (size_t)(end - from), now);
        from = end + 1;
    }
    s->line_len = (size_t)(to - from);
    memmove(s->line, from, s->line_len);
    return true;
}

static int64_t due_ns(const stream *s, size_t event)
{
    return s->start + (int64_t)event * (NS_PER_S / EVENTS_S);
}

/* Writes what is due. True when the job's input took something. */
static bool send_due(stream *s)
{
    int64_t now = now_ns();
    while (s->stamped < s->count && due_ns(s, s->stamped) <= now) {
        if (s->stamped >= s->warm) {
            samples_add(&s->late, now - due_ns(s, s->stamped));
        }
        s->stamps[s->stamped++] = now;
    }
    size_t end = s->stamped > 0 ? s->ends[s->stamped - 1] : 0;
    if (end == s->sent) {
        return false;
    }
    ssize_t put = send(s->fd_in, s->text + s->sent, end - s->sent, MSG_DONTWAIT);
    must(put > 0 || errno == EAGAIN || errno == EINTR, "the job's input is closed");
    s->sent += put > 0 ? (size_t)put : 0;
    return put > 0;
}

static void drive(stream *s)
{
    s->start = now_ns() + NS_PER_S / 2;
    while (s->sent < s->ends[s->count - 1]) {
        bool moved = send_due(s);
        moved = listen_once(s) || moved;
        must(!s->out_ended, "the job ended early");
        if (moved) {
            continue;
        }
        int64_t wait = s->stamped < s->count ? due_ns(s, s->stamped) - now_ns() : NS_PER_MS;
        bool held = s->stamped > 0 && s->sent < s->ends[s->stamped - 1];
        struct pollfd files[2] = {{.fd = s->fd_out, .events = POLLIN},
                                  {.fd = s->fd_in, .events = held ? POLLOUT : 0}};
        const struct timespec ts = {0, LT_MIN(wait, NS_PER_S - 1)};
        if (wait > 0) {
            (void)ppoll(files, 2, &ts, NULL);
        }
    }
    (void)shutdown(s->fd_in, SHUT_WR);
    while (!s->out_ended) {
        struct pollfd file = {.fd = s->fd_out, .events = POLLIN};
        (void)poll(&file, 1, 1000);
        (void)listen_once(s);
    }
}

static void write_script(const stream_case *c)
{
    char text[2048];
    (void)snprintf(text, sizeof text,
                   "SET 'pipeline.name' = 'latency';\n"
                   "SET 'execution.checkpointing.interval' = '%s';\n"
                   "CREATE TABLE events (k BIGINT, seq BIGINT, v BIGINT) WITH "
                   "('connector' = 'stdin', 'format' = 'json');\n"
                   "CREATE TABLE answers (k BIGINT, n BIGINT, seq BIGINT) WITH (%s);\n"
                   "INSERT INTO answers %s;\n",
                   quick ? "100 ms" : "1 s", c->sink, c->query);
    child_write("latency.sql", text);
}

static void report_stream(const stream_case *c, stream *s, double cpu)
{
    char name[96];
    (void)snprintf(name, sizeof name, "latency.%s", c->name);
    report_times(name, &s->times, "two wakes through sockets; 2 processors for driver and job");
    (void)snprintf(name, sizeof name, "latency.%s.cpu", c->name);
    report(&(figure){name, 100 * cpu, "% of a core", false, "system calls for each event"});
    (void)snprintf(name, sizeof name, "latency.%s.driver_late.p99", c->name);
    report(&(figure){name, (double)samples_at(&s->late, 0.99) / 1e3, "us", false,
                     "the driver's own lag: not in the figures above"});
}

static void stream_run(const stream_case *c)
{
    const char *const args[] = {"run",     "latency.sql", "--no-progress", "--parallelism",
                                c->lanes,  "--state-dir", "state",         "--fresh",
                                "--quiet", NULL};
    stream *s = calloc(1, sizeof *s);
    int in[2];
    int out[2];
    must(s != NULL, "out of memory");
    s->count = (size_t)EVENTS_S * (quick ? 1 : 20 + WARM_S);
    s->warm = quick ? EVENTS_S / 10 : (size_t)EVENTS_S * WARM_S;
    s->json = c->json;
    make_events(s);
    write_script(c);
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) == 0 &&
             socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out) == 0,
         "no sockets");
    pid_t pid = child_start(args, in[1], out[1]);
    (void)close(in[1]);
    (void)close(out[1]);
    s->fd_in = in[0];
    s->fd_out = out[0];
    drive(s);
    double seconds = (double)(now_ns() - s->start) / 1e9;
    (void)close(in[0]);
    (void)close(out[0]);
    double cpu = child_join(pid, false);
    must(s->seen == s->count, "rows are missing in the output");
    report_stream(c, s, cpu / seconds);
    samples_free(&s->times);
    samples_free(&s->late);
    free(s->text);
    free(s->ends);
    free(s->stamps);
    free(s);
}

static void streams(void)
{
    static const char out_json[] = "'connector' = 'stdout', 'format' = 'json'";
    static const char out_print[] = "'connector' = 'print'";
    static const char filter[] = "SELECT k, v, seq FROM events WHERE v >= 0";
    static const char group[] = "SELECT k, COUNT(*), MAX(seq) FROM events GROUP BY k";
    static const stream_case cases[] = {
        {"filter_1_lane", "1", out_json, filter, true},
        {"filter_2_lanes", "2", out_json, filter, true},
        {"keyed_1_lane", "1", out_print, group, false},
        {"keyed_2_lanes", "2", out_print, group, false},
    };
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stream_run(&cases[i]);
    }
}

/* ---- exactly once ---- */

#define ROWS_S 200

typedef struct {
    int64_t *stamps;
    size_t count;
    size_t seen;
    char folder[32]; /* of the output */
    samples times;
} arrivals;

static void read_part(arrivals *a, const char *name, int64_t now)
{
    char path[PATH_BYTES];
    char line[256];
    (void)snprintf(path, sizeof path, "%s/%s", a->folder, name);
    FILE *file = fopen(path, "r");
    must(file != NULL, "a visible file cannot be read");
    while (fgets(line, sizeof line, file) != NULL) {
        size_t seq = strtoull(line, NULL, 10);
        must(seq < a->count && a->stamps[seq] != 0, "a row that was not written");
        samples_add(&a->times, now - a->stamps[seq]);
        a->seen++;
    }
    (void)fclose(file);
}

static void take_notices(arrivals *a, int notices)
{
    static union {
        struct inotify_event event;
        char bytes[1 << 16];
    } buffer;
    ssize_t got = read(notices, buffer.bytes, sizeof buffer.bytes);
    int64_t now = now_ns();
    for (ssize_t at = 0; at < got;) {
        const struct inotify_event *event = (const void *)(buffer.bytes + at);
        if (event->len > 0 && strncmp(event->name, "part-", 5) == 0) {
            read_part(a, event->name, now);
        }
        at += (ssize_t)(sizeof *event + event->len);
    }
}

static void append_rows(arrivals *a, int file, int notices)
{
    int64_t start = now_ns();
    int64_t give_up = start + (int64_t)a->count * (NS_PER_S / ROWS_S) + 20 * NS_PER_S;
    size_t next = 0;
    while (a->seen < a->count && now_ns() < give_up) {
        int64_t wait = start + (int64_t)next * (NS_PER_S / ROWS_S) - now_ns();
        if (next < a->count && wait <= 0) {
            char line[64];
            int len = snprintf(line, sizeof line, "%zu\n", next);
            a->stamps[next++] = now_ns();
            must(write(file, line, (size_t)len) == len, "a row cannot be written");
            continue;
        }
        struct pollfd notice = {.fd = notices, .events = POLLIN};
        struct timespec ts = {0, next < a->count ? LT_MIN(wait, NS_PER_S - 1) : 100 * NS_PER_MS};
        if (ppoll(&notice, 1, &ts, NULL) > 0) {
            take_notices(a, notices);
        }
    }
}

static void exactly_once_run(int interval_ms)
{
    static const char *const args[] = {"run",   "once.sql", "--no-progress", "--state-dir",
                                       "state", "--fresh",  "--quiet",       NULL};
    char text[2048];
    arrivals a = {.count = (size_t)ROWS_S * (quick ? 1 : 20)};
    a.stamps = calloc(a.count, sizeof *a.stamps);
    must(a.stamps != NULL, "out of memory");
    (void)snprintf(text, sizeof text,
                   "SET 'pipeline.name' = 'once';\n"
                   "SET 'execution.checkpointing.interval' = '%d ms';\n"
                   "CREATE TABLE events (seq BIGINT) WITH ('connector' = 'filesystem', 'path' = "
                   "'in.csv', 'format' = 'csv', 'source.monitor-interval' = '1 ms');\n"
                   "CREATE TABLE seen (seq BIGINT) WITH ('connector' = 'filesystem', 'path' = "
                   "'out-%d', 'format' = 'csv', 'sink.rolling-policy.rollover-interval' = '1 ms', "
                   "'sink.rolling-policy.check-interval' = '1 ms');\n"
                   "INSERT INTO seen SELECT seq FROM events;\n",
                   interval_ms, interval_ms);
    child_write("once.sql", text);
    child_write("in.csv", "");
    (void)snprintf(a.folder, sizeof a.folder, "out-%d", interval_ms);
    (void)mkdir(a.folder, 0700);
    int notices = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    int file = open("in.csv", O_WRONLY | O_APPEND | O_CLOEXEC);
    must(notices >= 0 && inotify_add_watch(notices, a.folder, IN_MOVED_TO) >= 0 && file >= 0,
         "no notices of files");
    pid_t pid = child_start(args, -1, -1);
    sleep_ms(quick ? 300 : 1000);
    append_rows(&a, file, notices);
    (void)kill(pid, SIGTERM);
    child_join(pid, false);
    must(a.seen == a.count, "rows are missing in the output");
    static const double shares[] = {0.5, 0.99};
    for (size_t i = 0; i < 2; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "exactly_once.%d_ms.p%.0f_less_interval", interval_ms,
                       shares[i] * 100);
        double ms = (double)samples_at(&a.times, shares[i]) / 1e6 - interval_ms;
        report(&(figure){name, ms, "ms", false, "closing and syncing files; the manifest"});
    }
    samples_free(&a.times);
    free(a.stamps);
    (void)close(file);
    (void)close(notices);
}

static void exactly_once(void)
{
    exactly_once_run(100);
    if (!quick) {
        exactly_once_run(1000);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"stream", streams}, {"exactly_once", exactly_once}};
    const char *only = NULL;
    for (int i = 1; i < argc; i++) {
        bool is_flag = strcmp(argv[i], "--quick") == 0;
        quick = quick || is_flag;
        only = is_flag ? only : argv[i];
    }
    child_setup(argv[0]);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (only == NULL || strcmp(only, parts[i].name) == 0) {
            parts[i].run();
        }
    }
    return 0;
}
