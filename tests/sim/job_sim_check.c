/* What must hold: the accumulated content of every sink at a committed epoch is the query over the
 * epoch's prefix of the input and its watermark, no matter how the job got there.
 *
 * The epoch's prefix and watermark are read from the tasks: from what they handed over for the
 * checkpoint, or from what they restored. The content is what is visible, and of hidden files as
 * much as the checkpoint covers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "job_sim.h"

#define LINES_MAX  (2 * SIM_EMISSIONS_MAX)
#define SLOTS      16384 /* power of two, above 2 * SIM_EMISSIONS_MAX */
#define SHOWN_MAX  6
#define MARKER_END ".committed"

/* ---- bytes of a task ---- */

typedef struct {
    const uint8_t *ptr;
    size_t left;
} bytes;

static uint64_t take(const sim_world *world, bytes *from, unsigned count)
{
    uint64_t value = 0;
    SIM_CHECK(world, from->left >= count, "a task's part is too short");
    for (unsigned i = 0; i < count; i++) {
        value |= (uint64_t)from->ptr[i] << (8 * i);
    }
    from->ptr += count;
    from->left -= count;
    return value;
}

static void pass(const sim_world *world, bytes *from, size_t count)
{
    SIM_CHECK(world, from->left >= count, "a task's part is too short");
    from->ptr += count;
    from->left -= count;
}

static lt_str take_str(const sim_world *world, bytes *from)
{
    uint64_t len = take(world, from, 8);
    SIM_CHECK(world, from->left >= len, "a task's part is too short");
    lt_str str = {(const char *)from->ptr, (size_t)len};
    from->ptr += len;
    from->left -= (size_t)len;
    return str;
}

static bytes part_of(const lt_node *node)
{
    return (bytes){(const uint8_t *)node->part.scalars.ptr, node->part.scalars.len};
}

/* ---- the epoch ---- */

typedef struct {
    uint32_t rows[SIM_SOURCES];
    int64_t watermark; /* ms since SIM_START_MS, INT64_MIN, INT64_MAX */
    bool has_watermark;
} epoch;

static bool keeps_windows(const lt_node *node)
{
    return node->op != NULL &&
           (node->op->cls == &lt_op_window_agg || node->op->cls == &lt_op_session_agg ||
            node->op->cls == &lt_op_first_event || node->op->cls == &lt_op_temporal_join);
}

static unsigned source_of(const lt_node *node, const lt_node **first)
{
    lt_str name = node->plan->u.table.table->name;
    bool second = name.ptr[name.len - 1] == '1' || (*first != NULL && (*first)->plan != node->plan);
    if (!second) {
        *first = node;
    }
    return second;
}

static void add_watermark(const sim_world *world, epoch *at, int64_t watermark)
{
    int64_t ms = watermark == LT_WATERMARK_MAX   ? INT64_MAX
                 : watermark == LT_WATERMARK_MIN ? INT64_MIN
                                                 : watermark - SIM_START_MS;
    SIM_CHECK(world, !at->has_watermark || at->watermark == ms,
              "tasks of one operator have watermarks %lld and %lld", (long long)at->watermark,
              (long long)ms);
    at->watermark = ms;
    at->has_watermark = true;
}

/* from_parts: of the checkpoint just committed; else of the tasks as they are. */
static epoch look(const sim_world *world, const lt_job *job, bool from_parts)
{
    epoch at = {.watermark = INT64_MIN};
    const lt_node *first = NULL;
    bool two = false;
    for (uint32_t i = 0; i < job->node_count; i++) {
        const lt_node *node = &job->nodes[i];
        int64_t watermark = node->watermark;
        uint64_t rows = node->rows_out;
        if (from_parts) {
            bytes part = part_of(node);
            watermark = (int64_t)take(world, &part, 8);
            (void)take(world, &part, 1);
            rows = take(world, &part, 8);
        }
        if (node->plan->kind == LT_PLAN_SOURCE) {
            unsigned source = source_of(node, &first);
            at.rows[source] += (uint32_t)rows;
            two = two || source == 1;
        } else if (keeps_windows(node)) {
            add_watermark(world, &at, watermark);
        }
    }
    if (!two) {
        at.rows[1] = at.rows[0];
    }
    return at;
}

/* The running watermark of so many rows; of several sources the least, an ended one has no say. */
static void check_watermark(const sim_world *world, const epoch *at)
{
    if (!at->has_watermark) {
        return;
    }
    bool two = (world->query->flags & SIM_TWO_SOURCES) != 0;
    int64_t least = INT64_MAX;
    int64_t without_ended = INT64_MAX;
    bool all = true;
    for (unsigned s = 0; s < (two ? 2U : 1U); s++) {
        const sim_stream *stream = &world->streams[s];
        int64_t after = stream->after[at->rows[s]];
        least = LT_MIN(least, after);
        if (at->rows[s] < stream->count) {
            without_ended = LT_MIN(without_ended, after);
            all = false;
        }
    }
    bool other = two && (at->watermark == without_ended ||
                         at->watermark == world->streams[0].after[at->rows[0]] ||
                         at->watermark == world->streams[1].after[at->rows[1]]);
    SIM_CHECK(world,
              at->watermark == least || (all && at->watermark == INT64_MAX) ||
                  (other && at->watermark >= least),
              "the watermark after %u/%u rows is %lld, not %lld", at->rows[0], at->rows[1],
              (long long)at->watermark, (long long)least);
}

static bool is_due(const sim_emission *row, const epoch *at)
{
    return row->rows[0] <= at->rows[0] && row->rows[1] <= at->rows[1] &&
           row->watermark <= at->watermark;
}

/* ---- what is there ---- */

typedef struct {
    const sim_world *world;
    uint64_t hashes[LINES_MAX];
    uint64_t hash; /* sum */
    int64_t sum;   /* of the last fields */
    uint32_t count;
} content;

static content found; /* too large for the stack */

static int64_t last_number(const char *line, size_t len)
{
    char digits[24];
    size_t end = len > 0 && line[len - 1] == '}' ? len - 1 : len;
    size_t at = end;
    while (at > 0 && line[at - 1] != ',' && line[at - 1] != ':') {
        at--;
    }
    size_t count = LT_MIN(end - at, sizeof digits - 1);
    memcpy(digits, line + at, count);
    digits[count] = '\0';
    return strtoll(digits, NULL, 10);
}

static void add_line(content *to, lt_str prefix, const char *line, size_t len)
{
    char whole[256];
    SIM_CHECK(to->world, prefix.len + len < sizeof whole && to->count < LINES_MAX,
              "a line of output is too long, or there are too many");
    memcpy(whole, prefix.ptr, prefix.len);
    memcpy(whole + prefix.len, line, len);
    uint64_t hash = lt_hash_bytes(whole, prefix.len + len, 0);
    to->hashes[to->count++] = hash;
    to->hash += hash;
    if ((to->world->query->flags & SIM_ZERO_SUM) != 0) {
        to->sum += last_number(line, len);
    }
}

/* Lines of the first `size` bytes of a file; prefix: its partition. */
static void add_file(content *to, const char *path, lt_str prefix, int64_t size)
{
    size_t have = 0;
    const char *ptr = lt_sim_get(to->world->env, path, &have);
    SIM_CHECK(to->world, ptr != NULL || size <= 0, "%s is not there", path);
    size_t end = size >= 0 ? (size_t)size : have;
    SIM_CHECK(to->world, end <= have, "%s has %zu bytes, %zu are covered", path, have, end);
    for (size_t at = 0; at < end;) {
        const char *line_end = memchr(ptr + at, '\n', end - at);
        SIM_CHECK(to->world, line_end != NULL, "%s ends within a line", path);
        add_line(to, prefix, ptr + at, (size_t)(line_end - ptr) - at);
        at = (size_t)(line_end - ptr) + 1;
    }
}

typedef struct {
    content *to;
    char dir[64];
    char prefix[64];  /* "k=v/" */
    bool hidden;      /* those too, whole */
    bool none_hidden; /* there must be none */
} walk;

static lt_status see(void *arg, const lt_dirent *entry)
{
    walk *at = arg;
    char path[400];
    size_t len = strlen(entry->name);
    size_t end = sizeof MARKER_END - 1;
    bool is_hidden = entry->name[0] == '.' || entry->name[0] == '_';
    bool is_marker = len > end && strcmp(entry->name + len - end, MARKER_END) == 0;
    if (entry->kind == LT_FILE_DIR) {
        walk inner = *at;
        lt_error err;
        snprintf(inner.dir, sizeof inner.dir, "%.30s/%.30s", at->dir, entry->name);
        snprintf(inner.prefix, sizeof inner.prefix, "%.60s/", entry->name);
        return at->to->world->env->list(at->to->world->env, inner.dir, see, &inner, &err);
    }
    if (is_marker) {
        return LT_OK;
    }
    bool is_temp = is_hidden && strstr(entry->name, MARKER_END) != NULL;
    bool is_probe = is_hidden && strncmp(entry->name, ".part-", 6) != 0;
    SIM_CHECK(at->to->world, !is_hidden || is_temp || is_probe || !at->none_hidden, "%s/%s is left",
              at->dir, entry->name);
    if (!is_hidden || (at->hidden && !is_temp && !is_probe)) {
        snprintf(path, sizeof path, "%s/%s", at->dir, entry->name);
        add_file(at->to, path, lt_str_of(at->prefix), -1);
    }
    return LT_OK;
}

static void find(const sim_world *world, unsigned sink, bool hidden, bool none_hidden)
{
    walk at = {.to = &found, .hidden = hidden, .none_hidden = none_hidden};
    lt_error err;
    lt_stat stat;
    found.world = world;
    found.count = 0;
    found.hash = 0;
    found.sum = 0;
    snprintf(at.dir, sizeof at.dir, "/out%u", sink);
    if (world->env->stat(world->env, at.dir, &stat, &err) == LT_OK) {
        SIM_CHECK(world, world->env->list(world->env, at.dir, see, &at, &err) == LT_OK, "%s",
                  err.text);
    }
}

/* ---- comparing ---- */

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Only for the message: rows that are missing, and how many are too many. */
static void show_difference(const sim_world *world, unsigned sink, const epoch *at)
{
    const sim_expected *expected = &world->expected[sink];
    static bool used[LINES_MAX];
    unsigned shown = 0;
    uint32_t left = found.count;
    memset(used, 0, sizeof used);
    qsort(found.hashes, found.count, sizeof *found.hashes, by_value);
    for (uint32_t i = 0; i < expected->count; i++) {
        const sim_emission *row = &expected->items[i];
        uint32_t f = 0;
        while (f < found.count && (used[f] || found.hashes[f] != row->hash)) {
            f++;
        }
        bool is_there = f < found.count;
        bool due = is_due(row, at);
        if (is_there && due) {
            used[f] = true;
            left--;
        }
        if (is_there != due && shown++ < SHOWN_MAX) {
            fprintf(stderr, "  %s: %s (after %u/%u rows, watermark %lld)\n",
                    due ? "missing" : "too early", expected->text + row->text, row->rows[0],
                    row->rows[1], (long long)row->watermark);
        }
    }
    fprintf(stderr, "  %u rows are not expected or there twice\n", left);
}

static void compare(const sim_world *world, unsigned sink, const epoch *at, const char *what)
{
    const sim_expected *expected = &world->expected[sink];
    uint64_t hash = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < expected->count; i++) {
        if (is_due(&expected->items[i], at)) {
            hash += expected->items[i].hash;
            count++;
        }
    }
    if (hash != found.hash || count != found.count) {
        show_difference(world, sink, at);
        sim_fail(world, "%s: sink %u has %u rows, %u expected after %u/%u rows, watermark %lld",
                 what, sink, found.count, count, at->rows[0], at->rows[1],
                 (long long)at->watermark);
    }
    SIM_CHECK(world, found.sum == 0, "%s: the accounts add up to %lld", what, (long long)found.sum);
}

/* ---- a commit ---- */

/* An epoch that was reached before, in this life or another, had the same rows in the sink. */
static void check_hash(sim_world *world, unsigned sink, const epoch *at, uint64_t hash)
{
    sim_mark *marks = world->marks[sink];
    unsigned i = 0;
    while (i < world->mark_count[sink] && (memcmp(marks[i].rows, at->rows, sizeof at->rows) != 0 ||
                                           marks[i].watermark != at->watermark)) {
        i++;
    }
    if (i < world->mark_count[sink]) {
        SIM_CHECK(world, marks[i].hash == hash,
                  "sink %u has another hash than before at %u/%u rows", sink, at->rows[0],
                  at->rows[1]);
    } else if (i < SIM_MARKS_MAX) {
        marks[i] = (sim_mark){{at->rows[0], at->rows[1]}, at->watermark, hash};
        world->mark_count[sink]++;
    }
}

static void find_covered(sim_world *world, const lt_node *sink, unsigned number, const epoch *at)
{
    bytes part = part_of(sink);
    pass(world, &part, 8 + 1 + 8 + 8);
    uint64_t clocks = take(world, &part, 4);
    pass(world, &part, (size_t)clocks * 13);
    uint64_t channels = take(world, &part, 4);
    pass(world, &part, (size_t)channels * 5 + 8 * 8);
    check_hash(world, number, at, take(world, &part, 8));
    pass(world, &part, 8);
    SIM_CHECK(world, take(world, &part, 4) == part.left, "a sink's part has another form");
    pass(world, &part, 9 * 8);
    for (unsigned list = 0; list < 2; list++) {
        for (uint64_t count = take(world, &part, 8); count > 0; count--) {
            char path[300];
            size_t size;
            lt_str hidden = take_str(world, &part);
            lt_str visible = take_str(world, &part);
            int64_t covered = (int64_t)take(world, &part, 8);
            pass(world, &part, 3 * 8);
            snprintf(path, sizeof path, "/out%u/%.*s", number, (int)visible.len, visible.ptr);
            if (lt_sim_get(world->env, path, &size) != NULL) {
                continue; /* published by now */
            }
            snprintf(path, sizeof path, "/out%u/%.*s", number, (int)hidden.len, hidden.ptr);
            const char *slash = memchr(hidden.ptr, '/', hidden.len);
            lt_str prefix = {hidden.ptr, slash != NULL ? (size_t)(slash - hidden.ptr) + 1 : 0};
            add_file(&found, path, prefix, covered);
        }
    }
}

static void advance_epoch(sim_world *world, uint64_t id, const epoch *at, const char *what)
{
    for (unsigned s = 0; s < SIM_SOURCES; s++) {
        SIM_CHECK(world, at->rows[s] >= world->epoch_rows[s],
                  "%s: checkpoint %llu is at row %u, the one before at %u", what,
                  (unsigned long long)id, at->rows[s], world->epoch_rows[s]);
        world->epoch_rows[s] = at->rows[s];
    }
    world->epoch = id;
    world->stats->epochs_checked++;
}

static unsigned number_of(const lt_node *sink)
{
    lt_str name = sink->plan->u.table.table->name;
    return (unsigned)(name.ptr[name.len - 1] - '0');
}

void sim_check_commit(sim_world *world, lt_job *job)
{
    epoch at = look(world, job, true);
    uint64_t id = lt_ckpt_committed(job);
    SIM_TRACE(world, "checkpoint %llu committed at %u/%u rows, watermark %lld",
              (unsigned long long)id, at.rows[0], at.rows[1], (long long)at.watermark);
    SIM_CHECK(world, id > world->epoch, "checkpoint %llu after %llu", (unsigned long long)id,
              (unsigned long long)world->epoch);
    check_watermark(world, &at);
    advance_epoch(world, id, &at, "commit");
    for (uint32_t i = 0; i < job->plan->sink_count; i++) {
        const lt_node *sink = lt_job_task(job, job->plan->sinks[i], 0);
        if (sink->sink != NULL) {
            unsigned number = number_of(sink);
            find(world, number, false, false);
            find_covered(world, sink, number, &at);
            compare(world, number, &at, "commit");
        }
    }
}

/* ---- after a restart ---- */

static void check_late(const sim_world *world, const lt_job *job, const epoch *at)
{
    unsigned flags = world->query->flags;
    if ((flags & SIM_WINDOWED) != 0 && (flags & SIM_NO_LATE) == 0) {
        lt_job_stats stats;
        lt_job_get_stats(job, &stats);
        SIM_CHECK(world, stats.late == world->late_after[at->rows[0]],
                  "%llu late rows, %u expected after %u rows", (unsigned long long)stats.late,
                  world->late_after[at->rows[0]], at->rows[0]);
    }
}

void sim_check_restored(sim_world *world, lt_job *job)
{
    lt_ckpt_stats stats;
    lt_job_ckpt_stats(job, &stats);
    uint64_t least = world->savepoint[0] != '\0' ? world->savepoint_id : world->epoch;
    epoch at = look(world, job, false);
    SIM_TRACE(world, "restored checkpoint %llu, %u/%u rows, watermark %lld",
              (unsigned long long)stats.restored_id, at.rows[0], at.rows[1],
              (long long)at.watermark);
    SIM_CHECK(world, stats.restored_id >= least, "checkpoint %llu was committed, but %llu restored",
              (unsigned long long)least, (unsigned long long)stats.restored_id);
    SIM_CHECK(world,
              stats.restored_id != world->epoch || world->savepoint[0] != '\0' ||
                  memcmp(at.rows, world->epoch_rows, sizeof at.rows) == 0,
              "checkpoint %llu was made at row %u/%u and restored at %u/%u",
              (unsigned long long)least, world->epoch_rows[0], world->epoch_rows[1], at.rows[0],
              at.rows[1]);
    check_watermark(world, &at);
    check_late(world, job, &at);
    advance_epoch(world, LT_MAX(stats.restored_id, world->epoch), &at, "restart");
    for (uint32_t i = 0; i < job->plan->sink_count; i++) {
        const lt_node *sink = lt_job_task(job, job->plan->sinks[i], 0);
        if (sink->sink != NULL) {
            check_hash(world, number_of(sink), &at, sink->hash);
        }
    }
    for (unsigned s = 0; s < world->query->sink_count; s++) {
        /* Without a checkpoint hidden files are of no account, and go with the first write. */
        find(world, s, stats.restored_id > 0, false);
        compare(world, s, &at, "restart");
    }
}

/* ---- at any time, and at the end ---- */

typedef struct {
    uint64_t hash;
    uint32_t left;
} slot;

void sim_check_visible(sim_world *world)
{
    static slot slots[SLOTS];
    for (unsigned s = 0; s < world->query->sink_count; s++) {
        const sim_expected *expected = &world->expected[s];
        find(world, s, false, false);
        if (found.count == 0) {
            continue;
        }
        memset(slots, 0, sizeof slots);
        for (uint32_t i = 0; i < expected->count; i++) {
            uint32_t at = (uint32_t)expected->items[i].hash % SLOTS;
            while (slots[at].left > 0 && slots[at].hash != expected->items[i].hash) {
                at = (at + 1) % SLOTS;
            }
            slots[at].hash = expected->items[i].hash;
            slots[at].left++;
        }
        for (uint32_t i = 0; i < found.count; i++) {
            uint32_t at = (uint32_t)found.hashes[i] % SLOTS;
            while (slots[at].hash != 0 && slots[at].hash != found.hashes[i]) {
                at = (at + 1) % SLOTS;
            }
            SIM_CHECK(world, slots[at].hash != 0 && slots[at].left > 0,
                      "after a crash: a visible row of sink %u is wrong or there twice", s);
            slots[at].left--;
        }
    }
}

static void check_rows(const sim_world *world)
{
    int64_t sum = 0;
    for (uint32_t k = 0; k < world->keys; k++) {
        const sim_total *total = &world->totals[k];
        const sim_total *seen = &world->seen[k];
        SIM_CHECK(world,
                  total->count == seen->count && total->sum == seen->sum && total->max == seen->max,
                  "key %u: count %lld sum %lld max %lld, expected %lld, %lld, %lld", k,
                  (long long)seen->count, (long long)seen->sum, (long long)seen->max,
                  (long long)total->count, (long long)total->sum, (long long)total->max);
        sum += seen->sum;
    }
    SIM_CHECK(world, (world->query->flags & SIM_ZERO_SUM) == 0 || sum == 0,
              "the accounts add up to %lld", (long long)sum);
}

void sim_check_end(sim_world *world, lt_job *job)
{
    epoch at = {.watermark = INT64_MAX};
    for (unsigned s = 0; s < SIM_SOURCES; s++) {
        at.rows[s] = world->streams[s].count;
    }
    if ((world->query->flags & SIM_TWO_SOURCES) == 0) {
        at.rows[1] = at.rows[0];
    }
    if (job != NULL) {
        check_late(world, job, &at);
    }
    for (unsigned s = 0; s < world->query->sink_count; s++) {
        /* A start that was cut off may have left the file with which it tries the directory. */
        find(world, s, false, job != NULL);
        compare(world, s, &at, "the end");
    }
    if ((world->query->flags & SIM_UPDATING) != 0) {
        check_rows(world);
    }
}

/* ---- a query's rows ---- */

static uint32_t key_of(const sim_world *world, lt_str name)
{
    char key[32];
    for (uint32_t k = 0; k < world->keys; k++) {
        sim_key_name(k, key, sizeof key);
        if (lt_str_eq(name, lt_str_of(key))) {
            return k;
        }
    }
    sim_fail(world, "an unknown key came out");
}

static void take_row(sim_world *world, const lt_batch *batch, uint32_t row)
{
    const lt_strv *name = &LT_COL_DATA(&batch->cols[0], lt_strv)[row];
    sim_total *seen = &world->seen[key_of(world, lt_strv_str(name))];
    if (lt_kind_is_add(lt_batch_kind(batch, row))) {
        seen->count = LT_COL_DATA(&batch->cols[1], int64_t)[row];
        seen->sum = LT_COL_DATA(&batch->cols[2], int64_t)[row];
        seen->max = LT_COL_DATA(&batch->cols[3], int64_t)[row];
    }
}

void sim_take_rows(sim_world *world, lt_job *job)
{
    for (lt_batch *batch = lt_job_take(job); batch != NULL; batch = lt_job_take(job)) {
        for (uint32_t i = 0; i < lt_batch_live(batch); i++) {
            take_row(world, batch, lt_batch_row(batch, i));
        }
        lt_batch_unref(batch);
    }
}
