/* The queries and their oracle: plain loops over the rows in their order, which share nothing with
 * the engine. A window is complete when the running watermark (the greatest time so far less five
 * seconds) has reached its last millisecond; a row is late when every window that it belongs to is
 * complete before it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "job_sim.h"

#define STEP_MS     5000
#define WINDOWS_MAX 400
#define GAP_MS      4000
#define THRESHOLD   10

void sim_key_name(uint32_t key, char *to, size_t size)
{
    /* Some are longer than what a string view holds inline. */
    snprintf(to, size, key % 3 == 2 ? "a-rather-long-key-%u" : "k%u", key);
}

/* ---- lines ---- */

typedef struct {
    char *ptr;
    size_t len;
} line;

LT_PRINTF(2, 3)
static void put(line *to, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    to->len += (size_t)vsnprintf(to->ptr + to->len, SIM_LINE_MAX - to->len, fmt, args);
    va_end(args);
}

static void put_time(line *to, int64_t ms)
{
    put(to, "\"2026-01-01 %02d:%02d:%02d", (int)(ms / 3600000), (int)(ms / 60000 % 60),
        (int)(ms / 1000 % 60));
    if (ms % 1000 != 0) {
        put(to, ".%03d", (int)(ms % 1000));
        while (to->ptr[to->len - 1] == '0') {
            to->len--;
        }
    }
    put(to, "\"");
}

static void put_field(const sim_world *world, char kind, int64_t value, line *to)
{
    char key[32];
    if (kind == 'T') {
        put_time(to, value);
    } else if (kind == 'I') {
        put(to, "%lld", (long long)value);
    } else {
        sim_key_name((uint32_t)value, key, sizeof key);
        const char *quote = world->json_out ? "\"" : "";
        put(to, "%s%s%s", quote, key, quote);
    }
}

/* One of "w:T k:S n:I"; false: there was no further one. */
typedef struct {
    const char *name;
    int name_len;
    char kind;
} column;

static bool next_column(const char **at, column *out)
{
    const char *colon = strchr(*at, ':');
    if (colon == NULL) {
        return false;
    }
    *out = (column){*at, (int)(colon - *at), colon[1]};
    *at = colon + 2 + (colon[2] == ' ');
    return true;
}

static bool is_key(const column *c)
{
    return c->name_len == 1 && c->name[0] == 'k';
}

/* The row as the sink writes it; its partition's name stands before it. */
static void put_line(const sim_world *world, unsigned sink, const int64_t *values, line *to)
{
    bool partitioned = world->partitioned && sink == 0;
    const char *at = world->query->columns[sink];
    column c;
    for (unsigned i = 0; partitioned && next_column(&at, &c); i++) {
        if (is_key(&c)) {
            char key[32];
            sim_key_name((uint32_t)values[i], key, sizeof key);
            put(to, "k=%s/", key);
        }
    }
    at = world->query->columns[sink];
    const char *before = world->json_out ? "{" : "";
    for (unsigned i = 0; next_column(&at, &c); i++) {
        if (partitioned && is_key(&c)) {
            continue;
        }
        put(to, "%s", before);
        if (world->json_out) {
            put(to, "\"%.*s\":", c.name_len, c.name);
        }
        put_field(world, c.kind, values[i], to);
        before = ",";
    }
    put(to, "%s", world->json_out ? "}" : "");
}

/* From where on a row of output is there. */
typedef struct {
    uint32_t rows[SIM_SOURCES];
    int64_t watermark;
} when;

static when after_rows(uint32_t rows0, uint32_t rows1)
{
    return (when){{rows0, rows1}, INT64_MIN};
}

static when after_watermark(int64_t watermark)
{
    return (when){{0, 0}, watermark};
}

static void emit(sim_world *world, unsigned sink, when from, const int64_t *values)
{
    sim_expected *expected = &world->expected[sink];
    SIM_CHECK(world, expected->count < SIM_EMISSIONS_MAX, "too many rows of output");
    line text = {expected->text + expected->text_len, 0};
    put_line(world, sink, values, &text);
    SIM_CHECK(world, text.len < SIM_LINE_MAX, "a line of output is too long");
    expected->items[expected->count++] =
        (sim_emission){.rows = {from.rows[0], from.rows[1]},
                       .watermark = from.watermark,
                       .text = (uint32_t)expected->text_len,
                       .hash = lt_hash_bytes(text.ptr, text.len, 0)};
    expected->text_len += text.len + 1;
}

/* ---- windows ---- */

/* Windows begin every STEP_MS and are `steps` steps long. */
typedef struct {
    sim_total totals[WINDOWS_MAX][SIM_KEYS_MAX];
    unsigned steps;
    int64_t first, last; /* window numbers with rows */
} windows;

static windows the_windows;

static windows *windows_begin(unsigned steps)
{
    windows *all = &the_windows;
    if (all->steps != 0) {
        for (int64_t w = all->first; w <= all->last; w++) {
            memset(all->totals[w], 0, sizeof all->totals[w]);
        }
    }
    all->steps = steps;
    all->first = WINDOWS_MAX;
    all->last = -1;
    return all;
}

static int64_t window_end(const windows *all, int64_t w)
{
    return (w - (int64_t)all->steps + 1) * STEP_MS + (int64_t)all->steps * STEP_MS;
}

/* Window number w begins at (w - steps + 1) * STEP_MS, so that none is negative. False: late. */
static bool windows_add(windows *all, int64_t ms, uint32_t key, int64_t v, int64_t watermark)
{
    bool taken = false;
    int64_t newest = ms / STEP_MS + (int64_t)all->steps - 1;
    /* Tumbling windows stand at multiples of their own size. */
    for (unsigned i = 0; i < all->steps; i++) {
        int64_t w = newest - i;
        if (window_end(all, w) - 1 <= watermark) {
            continue;
        }
        sim_total *total = &all->totals[w][key];
        total->max = total->count == 0 || v > total->max ? v : total->max;
        total->count++;
        total->sum += v;
        all->first = w < all->first ? w : all->first;
        all->last = w > all->last ? w : all->last;
        taken = true;
    }
    return taken;
}

static void windows_emit(sim_world *world, const windows *all, unsigned sink, bool only_sum)
{
    for (int64_t w = all->first; w <= all->last; w++) {
        int64_t end = window_end(all, w);
        int64_t start = end - (int64_t)all->steps * STEP_MS;
        for (uint32_t k = 0; k < world->keys; k++) {
            const sim_total *total = &all->totals[w][k];
            if (total->count > 0 && only_sum) {
                emit(world, sink, after_watermark(end - 1), (int64_t[]){start, k, total->sum});
            } else if (total->count > 0) {
                emit(world, sink, after_watermark(end - 1),
                     (int64_t[]){start, k, total->count, total->sum, total->max});
            }
        }
    }
}

static void aggregate(sim_world *world, unsigned steps)
{
    const sim_stream *stream = &world->streams[0];
    windows *all = windows_begin(steps);
    uint32_t late = 0;
    for (uint32_t i = 0; i < stream->count; i++) {
        const sim_row *row = &stream->rows[i];
        if (row->v >= THRESHOLD) {
            late += !windows_add(all, row->ms, row->key, row->v, stream->after[i]);
        }
        world->late_after[i + 1] = late;
    }
    windows_emit(world, all, 0, false);
}

static void oracle_tumble(sim_world *world)
{
    aggregate(world, 1);
}

static void oracle_hop(sim_world *world)
{
    aggregate(world, 3);
}

static void oracle_union_window(sim_world *world)
{
    windows *all = windows_begin(1);
    for (unsigned s = 0; s < SIM_SOURCES; s++) {
        const sim_stream *stream = &world->streams[s];
        for (uint32_t i = 0; i < stream->count; i++) {
            const sim_row *row = &stream->rows[i];
            windows_add(all, row->ms, row->key, row->v, INT64_MIN);
        }
    }
    windows_emit(world, all, 0, false);
}

/* What one account gives another takes: the sums of all accounts of a window are nothing. */
static void oracle_bank(sim_world *world)
{
    const sim_stream *stream = &world->streams[0];
    windows *all = windows_begin(1);
    for (uint32_t i = 0; i < stream->count; i++) {
        const sim_row *row = &stream->rows[i];
        windows_add(all, row->ms, row->key, -row->v, INT64_MIN);
        windows_add(all, row->ms, row->other, row->v, INT64_MIN);
    }
    windows_emit(world, all, 0, true);
}

/* ---- sessions ---- */

typedef struct {
    int64_t start, end;
    sim_total total;
} session;

typedef struct {
    session items[SIM_ROWS_MAX];
    uint32_t count;
} sessions;

static void sessions_fire(sim_world *world, sessions *open, uint32_t key, int64_t watermark)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < open->count; i++) {
        const session *s = &open->items[i];
        if (s->end - 1 > watermark) {
            open->items[kept++] = *s;
        } else {
            emit(world, 0, after_watermark(s->end - 1),
                 (int64_t[]){s->start, s->end, key, s->total.count, s->total.sum});
        }
    }
    open->count = kept;
}

/* Sessions that touch become one. False: late. */
static bool sessions_add(sessions *open, const sim_row *row, int64_t watermark)
{
    session all = {row->ms, row->ms + GAP_MS, {1, row->v, row->v}};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < open->count; i++) {
        const session *s = &open->items[i];
        /* Compared with the row's own stretch: open sessions of a key never touch each other. */
        if (s->end < row->ms || s->start > row->ms + GAP_MS) {
            open->items[kept++] = *s;
            continue;
        }
        all.start = s->start < all.start ? s->start : all.start;
        all.end = s->end > all.end ? s->end : all.end;
        all.total.count += s->total.count;
        all.total.sum += s->total.sum;
    }
    open->count = kept;
    if (all.end - 1 <= watermark) {
        return false;
    }
    open->items[open->count++] = all;
    return true;
}

static void oracle_session(sim_world *world)
{
    static sessions open[SIM_KEYS_MAX];
    const sim_stream *stream = &world->streams[0];
    uint32_t late = 0;
    for (uint32_t k = 0; k < world->keys; k++) {
        open[k].count = 0;
    }
    for (uint32_t i = 0; i < stream->count; i++) {
        const sim_row *row = &stream->rows[i];
        late += !sessions_add(&open[row->key], row, stream->after[i]);
        world->late_after[i + 1] = late;
        for (uint32_t k = 0; stream->after[i + 1] > stream->after[i] && k < world->keys; k++) {
            sessions_fire(world, &open[k], k, stream->after[i + 1]);
        }
    }
    for (uint32_t k = 0; k < world->keys; k++) {
        sessions_fire(world, &open[k], k, INT64_MAX);
    }
}

/* ---- without time ---- */

static void filter_into(sim_world *world, unsigned sink)
{
    const sim_stream *stream = &world->streams[0];
    for (uint32_t i = 0; i < stream->count; i++) {
        const sim_row *row = &stream->rows[i];
        if (row->v >= THRESHOLD) {
            emit(world, sink, after_rows(i + 1, 0), (int64_t[]){i, row->key, 2 * row->v});
        }
    }
}

static void oracle_filter(sim_world *world)
{
    filter_into(world, 0);
}

static void oracle_set(sim_world *world)
{
    oracle_tumble(world);
    filter_into(world, 1);
}

static void oracle_union(sim_world *world)
{
    for (unsigned s = 0; s < SIM_SOURCES; s++) {
        const sim_stream *stream = &world->streams[s];
        for (uint32_t i = 0; i < stream->count; i++) {
            const sim_row *row = &stream->rows[i];
            emit(world, 0, after_rows(s == 0 ? i + 1 : 0, s == 1 ? i + 1 : 0),
                 (int64_t[]){i, row->key, row->v});
        }
    }
}

static void oracle_join(sim_world *world)
{
    const sim_stream *left = &world->streams[0];
    const sim_stream *right = &world->streams[1];
    for (uint32_t i = 0; i < left->count; i++) {
        for (uint32_t j = 0; j < right->count; j++) {
            if (left->rows[i].key == right->rows[j].key) {
                emit(world, 0, after_rows(i + 1, j + 1),
                     (int64_t[]){left->rows[i].key, i, j, left->rows[i].v + right->rows[j].v});
            }
        }
    }
}

static void add_to(sim_total *total, int64_t value)
{
    total->max = total->count == 0 || value > total->max ? value : total->max;
    total->count++;
    total->sum += value;
}

static void oracle_full_join(sim_world *world)
{
    const sim_stream *streams = world->streams;
    memset(world->totals, 0, sizeof world->totals);
    for (unsigned s = 0; s < 2; s++) {
        for (uint32_t i = 0; i < streams[s].count; i++) {
            const sim_row *row = &streams[s].rows[i];
            bool alone = true;
            for (uint32_t j = 0; j < streams[1 - s].count; j++) {
                const sim_row *other = &streams[1 - s].rows[j];
                bool fits = s == 0 ? row->v < other->v : other->v < row->v;
                if (row->key == other->key && fits) {
                    alone = false;
                    if (s == 0) {
                        add_to(&world->totals[row->key], row->v + other->v);
                    }
                }
            }
            if (alone) {
                add_to(&world->totals[row->key], row->v);
            }
        }
    }
}

/* A version takes the place of the one before it unless it is older. */
static void oracle_temporal_join(sim_world *world)
{
    const sim_stream *left = &world->streams[0];
    const sim_stream *right = &world->streams[1];
    for (uint32_t i = 0; i < left->count; i++) {
        const sim_row *row = &left->rows[i];
        const sim_row *valid = NULL;
        int64_t newest = INT64_MIN;
        for (uint32_t j = 0; j < right->count; j++) {
            const sim_row *version = &right->rows[j];
            if (version->key == row->key && version->ms >= newest) {
                newest = version->ms;
                valid = version->ms <= row->ms ? version : valid;
            }
        }
        if (valid != NULL) {
            emit(world, 0, after_watermark(row->ms), (int64_t[]){i, row->key, valid->v});
        }
    }
}

static void oracle_self_join(sim_world *world)
{
    const sim_stream *stream = &world->streams[0];
    for (uint32_t i = 0; i < stream->count; i++) {
        const sim_row *row = &stream->rows[i];
        emit(world, 0, after_rows(i + 1, i + 1),
             (int64_t[]){i, row->key, row->other, row->v, -row->v});
    }
}

static void oracle_group(sim_world *world)
{
    const sim_stream *stream = &world->streams[0];
    memset(world->totals, 0, sizeof world->totals);
    for (uint32_t i = 0; i < stream->count; i++) {
        const sim_row *row = &stream->rows[i];
        sim_total *total = &world->totals[row->key];
        total->max = total->count == 0 || row->v > total->max ? row->v : total->max;
        total->count++;
        total->sum += row->v;
    }
}

static void oracle_accounts(sim_world *world)
{
    const sim_stream *stream = &world->streams[0];
    memset(world->totals, 0, sizeof world->totals);
    for (uint32_t i = 0; i < stream->count; i++) {
        const sim_row *row = &stream->rows[i];
        sim_total *from = &world->totals[row->key];
        from->max = from->count == 0 || -row->v > from->max ? -row->v : from->max;
        from->count++;
        from->sum -= row->v;
        sim_total *to = &world->totals[row->other];
        to->max = to->count == 0 || row->v > to->max ? row->v : to->max;
        to->count++;
        to->sum += row->v;
    }
}

/* The three greatest values of each key. */
static void oracle_top3(sim_world *world)
{
    const sim_stream *stream = &world->streams[0];
    static int64_t best[SIM_KEYS_MAX][3];
    memset(world->totals, 0, sizeof world->totals);
    for (uint32_t i = 0; i < stream->count; i++) {
        const sim_row *row = &stream->rows[i];
        sim_total *total = &world->totals[row->key];
        int64_t v = row->v;
        for (int64_t at = 0; at < 3; at++) {
            if (at == total->count) {
                best[row->key][total->count++] = v;
                break;
            }
            if (v > best[row->key][at]) {
                int64_t down = best[row->key][at];
                best[row->key][at] = v;
                v = down;
            }
        }
    }
    for (uint32_t k = 0; k < world->keys; k++) {
        sim_total *total = &world->totals[k];
        for (int64_t at = 0; at < total->count; at++) {
            total->sum += best[k][at];
        }
        total->max = total->count > 0 ? best[k][0] : 0;
    }
}

/* The last row of each key in event time; of equal times the one that came last. */
static void oracle_last(sim_world *world)
{
    const sim_stream *stream = &world->streams[0];
    const sim_row *last[SIM_KEYS_MAX] = {NULL};
    memset(world->totals, 0, sizeof world->totals);
    for (uint32_t i = 0; i < stream->count; i++) {
        const sim_row *row = &stream->rows[i];
        if (last[row->key] == NULL || row->ms >= last[row->key]->ms) {
            last[row->key] = row;
            world->totals[row->key] = (sim_total){1, row->v, row->v};
        }
    }
}

/* The first row of each key in event time that is not behind the watermark. */
static void oracle_first(sim_world *world)
{
    const sim_stream *stream = &world->streams[0];
    uint32_t first[SIM_KEYS_MAX] = {0}; /* 1 + the row that waits */
    bool decided[SIM_KEYS_MAX] = {false};
    uint32_t late = 0;
    for (uint32_t i = 0; i <= stream->count; i++) {
        int64_t watermark = i < stream->count ? stream->after[i] : INT64_MAX;
        for (uint32_t k = 0; k < world->keys; k++) {
            const sim_row *row = first[k] > 0 ? &stream->rows[first[k] - 1] : NULL;
            if (row != NULL && row->ms <= watermark) {
                emit(world, 0, after_watermark(row->ms), (int64_t[]){first[k] - 1, k, row->v});
                decided[k] = true;
                first[k] = 0;
            }
        }
        if (i == stream->count) {
            break;
        }
        const sim_row *row = &stream->rows[i];
        uint32_t *waits = &first[row->key];
        late += row->ms < watermark;
        world->late_after[i + 1] = late;
        if (row->ms >= watermark && !decided[row->key] &&
            (*waits == 0 || row->ms < stream->rows[*waits - 1].ms)) {
            *waits = i + 1;
        }
    }
}

#define BANK_VIEW                                            \
    "CREATE VIEW entries AS SELECT ts, k, -v AS v FROM ev0 " \
    "UNION ALL SELECT ts, d AS k, v FROM ev0"
#define TUMBLE_SELECT                                         \
    "SELECT window_start, k, COUNT(*), SUM(v), MAX(v) FROM "  \
    "TUMBLE(TABLE ev0, DESCRIPTOR(ts), INTERVAL '5' SECOND) " \
    "WHERE v >= 10 GROUP BY window_start, window_end, k"
#define FILTER_SELECT "SELECT id, k, v * 2 FROM ev0 WHERE v >= 10"
#define TOTALS        "w:T k:S n:I s:I m:I"

const sim_query sim_queries[] = {
    {.name = "filter",
     .weight = 1,
     .flags = SIM_STATELESS | SIM_KEYED_SINK,
     .sink_count = 1,
     .columns = {"id:I k:S v:I"},
     .select = {FILTER_SELECT},
     .oracle = oracle_filter},
    {.name = "tumble",
     .weight = 5,
     .flags = SIM_WINDOWED | SIM_KEYED_SINK,
     .sink_count = 1,
     .columns = {TOTALS},
     .select = {TUMBLE_SELECT},
     .oracle = oracle_tumble},
    {.name = "hop",
     .weight = 4,
     .flags = SIM_WINDOWED | SIM_KEYED_SINK,
     .sink_count = 1,
     .columns = {TOTALS},
     .select = {"SELECT window_start, k, COUNT(*), SUM(v), MAX(v) FROM HOP(TABLE ev0, "
                "DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '15' SECOND) WHERE v >= 10 GROUP "
                "BY window_start, window_end, k"},
     .oracle = oracle_hop},
    {.name = "session",
     .weight = 4,
     .flags = SIM_WINDOWED | SIM_KEYED_SINK,
     .sink_count = 1,
     .columns = {"w:T e:T k:S n:I s:I"},
     .select = {"SELECT window_start, window_end, k, COUNT(*), SUM(v) FROM SESSION(TABLE ev0 "
                "PARTITION BY k, DESCRIPTOR(ts), INTERVAL '4' SECOND) GROUP BY window_start, "
                "window_end, k"},
     .oracle = oracle_session},
    {.name = "group",
     .weight = 3,
     .flags = SIM_UPDATING,
     .select = {"SELECT k, COUNT(*), SUM(v), MAX(v) FROM ev0 GROUP BY k"},
     .oracle = oracle_group},
    {.name = "join",
     .weight = 3,
     .flags = SIM_TWO_SOURCES | SIM_FEW_ROWS,
     .sink_count = 1,
     .columns = {"k:S a:I b:I v:I"},
     .select = {"SELECT a.k, a.id, b.id, a.v + b.v FROM ev0 a JOIN ev1 b ON a.k = b.k"},
     .oracle = oracle_join},
    {.name = "full-join",
     .weight = 3,
     .flags = SIM_TWO_SOURCES | SIM_FEW_ROWS | SIM_UPDATING,
     .select = {"SELECT COALESCE(a.k, b.k), COUNT(*), SUM(COALESCE(a.v, 0) + COALESCE(b.v, 0)), "
                "MAX(COALESCE(a.v, 0) + COALESCE(b.v, 0)) FROM ev0 a FULL JOIN ev1 b ON a.k = b.k "
                "AND a.v < b.v GROUP BY COALESCE(a.k, b.k)"},
     .oracle = oracle_full_join},
    {.name = "temporal-join",
     .weight = 3,
     .flags = SIM_TWO_SOURCES | SIM_NO_LATE | SIM_WINDOWED | SIM_KEYED_SINK,
     .sink_count = 1,
     .columns = {"id:I k:S v:I"},
     .view = "CREATE VIEW newest AS SELECT k, v, ts FROM (SELECT *, ROW_NUMBER() OVER (PARTITION "
             "BY k ORDER BY ts DESC) AS rn FROM ev1) WHERE rn = 1",
     .select = {"SELECT a.id, a.k, r.v FROM ev0 a JOIN newest FOR SYSTEM_TIME AS OF a.ts AS r ON "
                "a.k = r.k"},
     .oracle = oracle_temporal_join},
    {.name = "self-join",
     .weight = 3,
     .flags = SIM_FEW_ROWS,
     .sink_count = 1,
     .columns = {"id:I k:S d:S v:I s:I"},
     .select = {"SELECT a.id, a.k, b.d, a.v, -b.v FROM ev0 a JOIN ev0 b ON a.id = b.id"},
     .oracle = oracle_self_join},
    {.name = "bank",
     .weight = 3,
     .flags = SIM_WINDOWED | SIM_NO_LATE | SIM_ZERO_SUM,
     .sink_count = 1,
     .columns = {"w:T k:S s:I"},
     .view = BANK_VIEW,
     .select = {"SELECT window_start, k, SUM(v) FROM TUMBLE(TABLE entries, DESCRIPTOR(ts), "
                "INTERVAL '5' SECOND) GROUP BY window_start, window_end, k"},
     .oracle = oracle_bank},
    {.name = "accounts",
     .weight = 2,
     .flags = SIM_UPDATING | SIM_ZERO_SUM,
     .view = BANK_VIEW,
     .select = {"SELECT k, COUNT(*), SUM(v), MAX(v) FROM entries GROUP BY k"},
     .oracle = oracle_accounts},
    {.name = "top3",
     .weight = 3,
     .flags = SIM_UPDATING,
     .select =
         {"SELECT k, COUNT(*), SUM(v), MAX(v) FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION "
          "BY k ORDER BY v DESC, id) AS rn FROM ev0) WHERE rn <= 3 GROUP BY k"},
     .oracle = oracle_top3},
    {.name = "last",
     .weight = 2,
     .flags = SIM_UPDATING,
     .select =
         {"SELECT k, COUNT(*), SUM(v), MAX(v) FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION "
          "BY k ORDER BY ts DESC) AS rn FROM ev0) WHERE rn = 1 GROUP BY k"},
     .oracle = oracle_last},
    {.name = "first",
     .weight = 3,
     .flags = SIM_WINDOWED | SIM_KEYED_SINK,
     .sink_count = 1,
     .columns = {"id:I k:S v:I"},
     .select = {"SELECT id, k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS "
                "rn FROM ev0) WHERE rn = 1"},
     .oracle = oracle_first},
    {.name = "set",
     .weight = 3,
     .flags = SIM_WINDOWED | SIM_KEYED_SINK,
     .sink_count = 2,
     .columns = {TOTALS, "id:I k:S v:I"},
     .select = {TUMBLE_SELECT, FILTER_SELECT},
     .oracle = oracle_set},
    {.name = "union",
     .weight = 1,
     .flags = SIM_TWO_SOURCES | SIM_STATELESS | SIM_KEYED_SINK,
     .sink_count = 1,
     .columns = {"id:I k:S v:I"},
     .select = {"SELECT id, k, v FROM ev0 UNION ALL SELECT id, k, v FROM ev1"},
     .oracle = oracle_union},
    {.name = "union-window",
     .weight = 3,
     .flags = SIM_TWO_SOURCES | SIM_WINDOWED | SIM_NO_LATE,
     .sink_count = 1,
     .columns = {TOTALS},
     .view = "CREATE VIEW both_of AS SELECT ts, k, v FROM ev0 UNION ALL SELECT ts, k, v FROM ev1",
     .select = {"SELECT window_start, k, COUNT(*), SUM(v), MAX(v) FROM TUMBLE(TABLE both_of, "
                "DESCRIPTOR(ts), INTERVAL '5' SECOND) GROUP BY window_start, window_end, k"},
     .oracle = oracle_union_window},
};
const unsigned sim_query_count = LT_COUNT_OF(sim_queries);
