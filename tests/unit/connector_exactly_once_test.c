/* filesystem, writing with checkpoints: whatever stops the sink, each row ends up in a visible file
 * once, and what is visible or covered is the input up to the checkpoint. The test plays the
 * framework: it writes batches, saves, syncs, keeps the bytes as its manifest, commits; and it cuts
 * the power, or only kills the process, before and after every operation on the disk. */
#include "connector_sink_fixture.h"

#define ROWS       36
#define BATCH_ROWS 2
#define KEYS       3

/* ---- a world that stops ---- */

typedef enum { STOP_NEVER, STOP_KILL, STOP_POWER } stop_kind;

/* The table's functions get no pointer of their own: one world at a time. */
static struct {
    lt_env real;
    lt_env *env;
    int64_t left; /* operations until the stop */
    bool after;   /* the operation is done first */
    stop_kind kind;
    bool dead;
} stop;

static lt_status no_more(lt_error *err)
{
    return lt_error_set(err, LT_ERR_IO, "stopped");
}

static void stop_now(void)
{
    stop.dead = true;
    if (stop.kind == STOP_POWER) {
        lt_sim_crash(stop.env);
    }
}

/* Before an operation: may it happen? */
static bool enter(void)
{
    if (!stop.dead && stop.kind != STOP_NEVER && --stop.left == 0 && !stop.after) {
        stop_now();
    }
    return !stop.dead;
}

static lt_status leave(lt_status st, lt_error *err)
{
    if (stop.kind != STOP_NEVER && stop.left == 0 && !stop.dead) {
        stop_now();
        return no_more(err);
    }
    return st;
}

static lt_status stop_open(lt_env *env, const char *path, lt_open_mode mode, lt_file **out,
                           lt_error *err)
{
    *out = NULL;
    if (!enter()) {
        return no_more(err);
    }
    lt_status st = leave(stop.real.open(env, path, mode, out, err), err);
    if (st != LT_OK) {
        stop.real.close(*out);
        *out = NULL;
    }
    return st;
}

static lt_status stop_write(lt_file *file, const void *from, size_t size, lt_error *err)
{
    return enter() ? leave(stop.real.write(file, from, size, err), err) : no_more(err);
}

static lt_status stop_truncate(lt_file *file, int64_t size, lt_error *err)
{
    return enter() ? leave(stop.real.truncate(file, size, err), err) : no_more(err);
}

static lt_status stop_sync(lt_file *file, lt_error *err)
{
    return enter() ? leave(stop.real.sync(file, err), err) : no_more(err);
}

static lt_status stop_rename(lt_env *env, const char *from, const char *to, lt_error *err)
{
    return enter() ? leave(stop.real.rename(env, from, to, err), err) : no_more(err);
}

static lt_status stop_unlink(lt_env *env, const char *path, lt_error *err)
{
    return enter() ? leave(stop.real.unlink(env, path, err), err) : no_more(err);
}

static lt_status stop_mkdirs(lt_env *env, const char *path, lt_error *err)
{
    return enter() ? leave(stop.real.mkdirs(env, path, err), err) : no_more(err);
}

static lt_status stop_stat(lt_env *env, const char *path, lt_stat *out, lt_error *err)
{
    return stop.dead ? no_more(err) : stop.real.stat(env, path, out, err);
}

static void stop_install(lt_env *env)
{
    memset(&stop, 0, sizeof stop);
    stop.real = *env;
    stop.env = env;
    env->open = stop_open;
    env->write = stop_write;
    env->truncate = stop_truncate;
    env->sync = stop_sync;
    env->rename = stop_rename;
    env->unlink = stop_unlink;
    env->mkdirs = stop_mkdirs;
    env->stat = stop_stat;
}

static void stop_at(stop_kind kind, int64_t left, bool after)
{
    stop.kind = kind;
    stop.left = left;
    stop.after = after;
    stop.dead = false;
}

/* ---- the framework ---- */

typedef struct {
    fixture f;
    lt_sink *sink;
    lt_text manifest; /* of the last durable checkpoint */
    lt_text text;
    bool has_manifest;
    int64_t covered; /* rows in front of it */
    int64_t written; /* rows since the beginning, this run */
    uint64_t checkpoint;
    uint64_t manifest_checkpoint;
} world;

static const char *const keys[KEYS] = {"x", "y", "z"};

/* Rows go to x and y in turn, and now and then to z, whose files are closed for inactivity. */
static const char *key_of(int64_t row)
{
    return row % 12 == 5 ? keys[2] : keys[row % 2];
}

static void world_init(world *w, uint64_t seed)
{
    static const char *const options[] = {"path",
                                          "/out",
                                          "format",
                                          "json",
                                          "sink.rolling-policy.file-size",
                                          "24 bytes",
                                          "sink.rolling-policy.inactivity-interval",
                                          "5 s",
                                          "sink.rolling-policy.check-interval",
                                          "1 s",
                                          "sink.partition-commit.policy.kind",
                                          "success-file",
                                          NULL};
    lt_sim_options sim = {.seed = seed, .start_wall_us = 1700000000000000};
    memset(w, 0, sizeof *w);
    fixture_init_with(&w->f, &sim);
    lt_text_init(&w->manifest, &w->f.side);
    lt_text_init(&w->text, &w->f.side);
    fixture_table(&w->f, two, 2, options);
    w->f.partitions[0] = 1;
    w->f.ctx.partition_count = 1;
    w->f.ctx.checkpoints = true;
    w->f.ctx.owner = "job/t/0";
    stop_install(w->f.env);
}

static void world_deinit(world *w)
{
    lt_sink_free(w->sink);
    lt_text_deinit(&w->manifest);
    lt_text_deinit(&w->text);
    assert_int_equal(atomic_load(&w->f.mem.bytes), 0);
    fixture_deinit(&w->f);
}

/* Without success files, and with one option. */
static void world_table(world *w, const char *key, const char *value)
{
    table(&w->f, key, value);
    w->f.ctx.partition_count = 1;
    w->f.ctx.checkpoints = true;
    w->f.ctx.owner = "job/t/0";
}

static lt_status start(world *w)
{
    w->sink = open_sink(&w->f);
    if (w->sink == NULL) {
        return LT_ERR_IO;
    }
    w->written = w->has_manifest ? w->covered : 0;
    w->checkpoint = w->manifest_checkpoint;
    return w->has_manifest ? w->sink->cls->load(w->sink, lt_text_str(&w->manifest), &w->f.err)
                           : LT_OK;
}

static void die(world *w)
{
    lt_sink_free(w->sink);
    w->sink = NULL;
    stop_at(STOP_NEVER, 0, false);
}

static lt_status sync_paths(world *w, const lt_text *syncs)
{
    lt_env *env = w->f.env;
    for (size_t at = 0; at < syncs->len; at += strlen(syncs->ptr + at) + 1) {
        lt_file *file;
        LT_TRY(env->open(env, syncs->ptr + at, LT_OPEN_APPEND, &file, &w->f.err));
        lt_status st = env->sync(file, &w->f.err);
        env->close(file);
        LT_TRY(st);
    }
    return LT_OK;
}

/* lost: the manifest is never written, as when the disk of the checkpoints is full. */
static lt_status save(world *w, bool lost)
{
    lt_text to;
    lt_text syncs;
    lt_text_init(&to, &w->f.side);
    lt_text_init(&syncs, &w->f.side);
    lt_status st = w->sink->cls->save(w->sink, ++w->checkpoint, &to, &syncs, &w->f.err);
    if (st == LT_OK && !lost) {
        st = sync_paths(w, &syncs);
    }
    if (st == LT_OK && !lost) {
        lt_text_clear(&w->manifest);
        lt_text_append(&w->manifest, to.ptr, to.len);
        w->has_manifest = true;
        w->covered = w->written;
        w->manifest_checkpoint = w->checkpoint;
    }
    lt_text_deinit(&to);
    lt_text_deinit(&syncs);
    return st;
}

static lt_status checkpoint(world *w)
{
    LT_TRY(save(w, false));
    return w->sink->cls->commit(w->sink, w->checkpoint, &w->f.err);
}

static lt_status write_some(world *w, uint32_t count)
{
    const char *batch_keys[ROWS];
    for (uint32_t i = 0; i < count; i++) {
        batch_keys[i] = key_of(w->written + i);
    }
    LT_TRY(write_rows(&w->f, w->sink, w->written, count, batch_keys));
    w->written += count;
    int64_t wake;
    lt_sim_advance_us(w->f.env, 1500000);
    return w->sink->cls->tick(w->sink, &wake, &w->f.err);
}

static lt_status end(world *w)
{
    LT_TRY(w->sink->cls->finish(w->sink, &w->f.err));
    LT_TRY(checkpoint(w));
    lt_sink_free(w->sink);
    w->sink = NULL;
    return LT_OK;
}

/* From where the sink is to the end of the input. */
static lt_status run(world *w)
{
    while (w->written < ROWS) {
        LT_TRY(write_some(w, BATCH_ROWS));
        if (w->written % (3 * BATCH_ROWS) != 0) {
            continue;
        }
        bool lost = w->written % (9 * BATCH_ROWS) == 0;
        LT_TRY(save(w, lost));
        if (!lost) {
            uint64_t id = w->checkpoint;
            LT_TRY(write_some(w, BATCH_ROWS)); /* a commit may come later */
            LT_TRY(w->sink->cls->commit(w->sink, id, &w->f.err));
        }
    }
    return end(w);
}

/* ---- what is there ---- */

/* Counts each row among the visible files; a row in the wrong directory or below 0 fails. */
static walk count_rows(world *w, unsigned counts[ROWS])
{
    walk seen = look(&w->f, "/out", &w->text);
    memset(counts, 0, sizeof *counts * ROWS);
    const char *dir = "";
    for (const char *at = w->text.ptr; at != NULL && *at != '\0'; at++) {
        if (strncmp(at, "/k=", 3) == 0) {
            dir = at + 3;
        }
        if (strncmp(at, "{\"a\":", 5) != 0) {
            continue;
        }
        int64_t row = 0;
        for (at += 5; *at >= '0' && *at <= '9'; at++) {
            row = row * 10 + (*at - '0');
        }
        assert_true(row < ROWS);
        assert_int_equal(strncmp(at, "}\n", 2), 0);
        assert_int_equal(dir[0], key_of(row)[0]);
        counts[row]++;
    }
    return seen;
}

static void expect_rows(world *w, int64_t end_row, const char *what, int64_t at)
{
    unsigned counts[ROWS];
    walk seen = count_rows(w, counts);
    for (int64_t row = 0; row < ROWS; row++) {
        if (counts[row] != (row < end_row)) {
            fail_msg("%s %lld: row %lld is there %u times; %lld were covered", what, (long long)at,
                     (long long)row, counts[row], (long long)end_row);
        }
    }
    assert_int_equal(seen.hidden, 0);
}

/* At any moment: nothing twice, nothing that is not covered. */
static void expect_no_more(world *w)
{
    unsigned counts[ROWS];
    (void)count_rows(w, counts);
    for (int64_t row = 0; row < ROWS; row++) {
        assert_true(counts[row] <= (row < w->covered));
    }
}

static void expect_success_files(world *w)
{
    char path[64];
    size_t size;
    for (size_t i = 0; i < KEYS; i++) {
        (void)snprintf(path, sizeof path, "/out/k=%s/_SUCCESS", keys[i]);
        assert_non_null(lt_sim_get(w->f.env, path, &size));
    }
}

typedef struct {
    lt_env *env;
    char dir[512];
    char hidden[1024]; /* the last one found */
    char visible[1024];
} find;

static lt_status find_entry(void *arg, const lt_dirent *entry)
{
    find *found = arg;
    if (entry->kind != LT_FILE_REGULAR) {
        return LT_OK;
    }
    if (strstr(entry->name, ".inprogress") != NULL) {
        (void)snprintf(found->hidden, sizeof found->hidden, "%s/%s", found->dir, entry->name);
    } else if (entry->name[0] == 'p') {
        (void)snprintf(found->visible, sizeof found->visible, "%s/%s", found->dir, entry->name);
    }
    return LT_OK;
}

static find find_in(world *w, const char *dir)
{
    find found = {.env = w->f.env};
    (void)snprintf(found.dir, sizeof found.dir, "%s", dir);
    assert_int_equal(w->f.env->list(w->f.env, dir, find_entry, &found, NULL), LT_OK);
    return found;
}

/* ---- the tests ---- */

/* Stops at operation `at`; then either everything is written again, or the input ends where the
 * checkpoint is, so that what is covered becomes visible. Gives false when the run was over. */
static bool stop_once(uint64_t seed, int64_t at, bool after, bool replay)
{
    stop_kind kind = seed == 0 ? STOP_KILL : STOP_POWER;
    world w;
    world_init(&w, (uint64_t)at * 7 + seed);
    stop_at(kind, at, after);
    lt_status st = start(&w);
    st = st == LT_OK ? run(&w) : st;
    bool stopped = stop.dead;
    if (!stopped) {
        assert_int_equal(st, LT_OK);
    }
    die(&w);
    expect_no_more(&w);
    int64_t covered = w.covered;
    st = start(&w);
    st = st != LT_OK ? st : replay ? run(&w) : end(&w);
    if (st != LT_OK) {
        fail_msg("after a stop at %lld: %s", (long long)at, w.f.err.text);
    }
    expect_rows(&w, replay ? ROWS : covered, "operation", at);
    if (replay) {
        expect_success_files(&w);
    }
    world_deinit(&w);
    return stopped;
}

static void test_stop_everywhere(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        int64_t at = 1;
        while (stop_once(i >> 2, at, (i & 1) != 0, (i & 2) != 0)) {
            at++;
        }
        assert_true(at > 100);
    }
}

/* Stops of every kind one after the other, in the middle of recovery too. */
static void test_stop_often(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        world w;
        world_init(&w, seed);
        lt_status st = LT_ERR_IO;
        for (unsigned i = 0; st != LT_OK; i++) {
            uint64_t draw = w.f.env->random_u64(w.f.env);
            stop_kind kind = i > 12 ? STOP_NEVER : draw & 1 ? STOP_POWER : STOP_KILL;
            stop_at(kind, 1 + (int64_t)(draw >> 8) % 70, (draw & 2) != 0);
            if (i <= 12 && (draw & 12) == 12) {
                /* Not a stop but an error. A rename that fails has happened half of the time,
                 * without its sync. */
                stop_at(STOP_NEVER, 0, false);
                lt_sim_fail_nth(w.f.env, "mws"[(draw >> 4) % 3], 1 + (int64_t)(draw >> 8) % 9);
            }
            st = start(&w);
            st = st == LT_OK ? run(&w) : st;
            st = stop.dead ? LT_ERR_IO : st; /* closing cannot fail */
            if (i > 12 && st != LT_OK) {
                fail_msg("seed %llu: %s", (unsigned long long)seed, w.f.err.text);
            }
            lt_sim_fail_nth(w.f.env, 'm', 0);
            lt_sim_fail_nth(w.f.env, 'w', 0);
            lt_sim_fail_nth(w.f.env, 's', 0);
            die(&w);
            expect_no_more(&w);
        }
        expect_rows(&w, ROWS, "seed", (int64_t)seed);
        expect_success_files(&w);
        world_deinit(&w);
    }
}

/* Visible is what was closed and covered; a stop leaves the rest hidden; a restart goes on with the
 * same file. */
static void test_stop_and_resume(void **state)
{
    (void)state;
    world w;
    world_init(&w, 1);
    world_table(&w, "sink.rolling-policy.file-size", "40 bytes");
    w.f.ctx.partition_count = 0;
    assert_int_equal(start(&w), LT_OK);
    assert_int_equal(write_rows(&w.f, w.sink, 0, 2, keys), LT_OK);
    w.written = 2;
    assert_int_equal(w.sink->cls->flush(w.sink, &w.f.err), LT_OK);
    assert_int_equal(checkpoint(&w), LT_OK);
    assert_int_equal(look(&w.f, "/out", &w.text).visible, 0);
    die(&w);
    walk seen = look(&w.f, "/out", &w.text);
    assert_int_equal(seen.hidden, 1);
    assert_int_equal(start(&w), LT_OK);
    assert_int_equal(w.sink->rows, 2);
    assert_int_equal(write_rows(&w.f, w.sink, 2, 1, keys), LT_OK);
    w.written = 3;
    assert_int_equal(look(&w.f, "/out", &w.text).visible, 0); /* rolled, not covered */
    assert_int_equal(save(&w, false), LT_OK);
    assert_int_equal(look(&w.f, "/out", &w.text).visible, 0); /* covered, not committed */
    assert_int_equal(w.sink->cls->commit(w.sink, w.checkpoint, &w.f.err), LT_OK);
    assert_int_equal(w.sink->cls->commit(w.sink, w.checkpoint, &w.f.err), LT_OK);
    seen = look(&w.f, "/out", &w.text);
    assert_int_equal(seen.visible, 1);
    assert_non_null(strstr(w.text.ptr, "{\"a\":0,\"k\":\"x\"}\n{\"a\":1,\"k\":\"y\"}\n{\"a\":2,"));
    assert_int_equal(w.sink->rows, 3);
    assert_int_equal(end(&w), LT_OK);
    seen = look(&w.f, "/out", &w.text);
    assert_int_equal(seen.visible, 1);
    assert_int_equal(seen.hidden, 0);
    world_deinit(&w);
}

/* A name that was there when its commit was repeated stays, though the next checkpoint does not
 * know it any more. */
static void test_unsynced_rename(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 64; seed++) {
        world w;
        world_init(&w, seed);
        world_table(&w, "sink.rolling-policy.file-size", "8 bytes");
        assert_int_equal(start(&w), LT_OK);
        assert_int_equal(write_some(&w, 1), LT_OK);
        assert_int_equal(save(&w, false), LT_OK);
        lt_sim_fail_nth(w.f.env, 'm', 1);
        assert_int_equal(w.sink->cls->commit(w.sink, w.checkpoint, &w.f.err), LT_ERR_IO);
        die(&w);
        assert_int_equal(start(&w), LT_OK);
        assert_int_equal(checkpoint(&w), LT_OK);
        die(&w);
        lt_sim_crash(w.f.env);
        assert_int_equal(start(&w), LT_OK);
        assert_int_equal(end(&w), LT_OK);
        expect_rows(&w, 1, "seed", (int64_t)seed);
        world_deinit(&w);
    }
}

/* What was cut off does not come back when the power fails, even if it had reached the disk. */
static void test_unsynced_cut(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 64; seed++) {
        world w;
        world_init(&w, seed);
        world_table(&w, NULL, NULL);
        assert_int_equal(start(&w), LT_OK);
        assert_int_equal(write_some(&w, 1), LT_OK);
        assert_int_equal(checkpoint(&w), LT_OK);
        w.written = 2;
        assert_int_equal(write_some(&w, 1), LT_OK);
        assert_int_equal(save(&w, true), LT_OK);
        lt_file *file;
        assert_int_equal(
            w.f.env->open(w.f.env, find_in(&w, "/out/k=x").hidden, LT_OPEN_APPEND, &file, &w.f.err),
            LT_OK);
        assert_int_equal(w.f.env->sync(file, &w.f.err), LT_OK);
        w.f.env->close(file);
        die(&w);
        assert_int_equal(start(&w), LT_OK);
        assert_int_equal(end(&w), LT_OK);
        lt_sim_crash(w.f.env);
        assert_int_equal(start(&w), LT_OK);
        die(&w);
        expect_rows(&w, 1, "seed", (int64_t)seed);
        world_deinit(&w);
    }
}

/* What the sink asks to be synced: nothing twice, unless the checkpoint did not become durable. */
static void test_syncs(void **state)
{
    (void)state;
    world w;
    lt_text to;
    lt_text syncs;
    world_init(&w, 1);
    lt_text_init(&to, &w.f.side);
    lt_text_init(&syncs, &w.f.side);
    assert_int_equal(start(&w), LT_OK);
    assert_int_equal(write_some(&w, 2), LT_OK);
    const size_t counts[] = {2, 2, 0, 1, 1, 1, 0};
    for (uint64_t id = 1; id <= LT_COUNT_OF(counts); id++) {
        if (id == 4 || id == 5) {
            assert_int_equal(write_rows(&w.f, w.sink, 2, 1, keys), LT_OK);
        }
        lt_text_clear(&to);
        lt_text_clear(&syncs);
        assert_int_equal(w.sink->cls->save(w.sink, id, &to, &syncs, &w.f.err), LT_OK);
        size_t count = 0;
        for (size_t at = 0; at < syncs.len; at += strlen(syncs.ptr + at) + 1) {
            assert_int_equal(strncmp(syncs.ptr + at, "/out/k=", 7), 0);
            count++;
        }
        assert_int_equal(count, counts[id - 1]);
        /* The first one failed; the commit of the fourth comes after the save of the fifth. */
        if (id == 2 || id == 6) {
            assert_int_equal(w.sink->cls->commit(w.sink, id, &w.f.err), LT_OK);
        } else if (id == 5) {
            assert_int_equal(w.sink->cls->commit(w.sink, 4, &w.f.err), LT_OK);
        }
    }
    lt_text_deinit(&to);
    lt_text_deinit(&syncs);
    world_deinit(&w);
}

/* Two tasks write into one directory; one of them is killed before its first checkpoint. */
static void test_owners(void **state)
{
    (void)state;
    world w;
    world_init(&w, 1);
    lt_table_ctx other = w.f.ctx;
    other.owner = "job/t/1";
    assert_int_equal(start(&w), LT_OK);
    assert_int_equal(write_some(&w, 4), LT_OK);
    assert_int_equal(checkpoint(&w), LT_OK);
    die(&w);
    unsigned hidden = look(&w.f, "/out", &w.text).hidden;
    assert_int_equal(hidden, 2);
    lt_table_ctx first = w.f.ctx;
    lt_text manifest = w.manifest;
    lt_text_init(&w.manifest, &w.f.side);
    w.f.ctx = other;
    w.has_manifest = false;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(start(&w), LT_OK);
        assert_int_equal(write_some(&w, 4), LT_OK);
        assert_int_equal(save(&w, true), LT_OK);
        assert_int_equal(look(&w.f, "/out", &w.text).hidden, hidden + 2);
        die(&w);
    }
    /* Its files are there, the run that made them is forgotten: gone with the next first row. */
    assert_int_equal(look(&w.f, "/out", &w.text).hidden, hidden + 2);
    assert_int_equal(start(&w), LT_OK);
    assert_int_equal(look(&w.f, "/out", &w.text).hidden, hidden + 2);
    w.written = 4;
    assert_int_equal(end(&w), LT_OK);
    assert_int_equal(look(&w.f, "/out", &w.text).hidden, hidden);
    lt_text_deinit(&w.manifest);
    w.manifest = manifest;
    w.has_manifest = true;
    w.covered = 4;
    w.f.ctx = first;
    assert_int_equal(start(&w), LT_OK);
    assert_int_equal(end(&w), LT_OK);
    expect_rows(&w, 4, "owners", 0);
    world_deinit(&w);
}

/* Fewer tasks than before: one loads what both saved. */
static void test_fewer_tasks(void **state)
{
    (void)state;
    world w;
    lt_text manifests[2];
    world_init(&w, 1);
    static const char *const owners[] = {"job/t/0", "job/t/1"};
    for (int i = 0; i < 2; i++) {
        w.f.ctx.owner = owners[i];
        w.has_manifest = false;
        assert_int_equal(start(&w), LT_OK);
        w.written = 7 * i;
        assert_int_equal(write_some(&w, 7), LT_OK);
        assert_int_equal(save(&w, false), LT_OK);
        assert_int_equal(write_some(&w, 3), LT_OK);
        assert_int_equal(save(&w, true), LT_OK);
        manifests[i] = w.manifest;
        lt_text_init(&w.manifest, &w.f.side);
        die(&w);
    }
    w.f.ctx.owner = owners[0];
    w.has_manifest = false;
    for (int power = 0; power < 2; power++) {
        assert_int_equal(start(&w), LT_OK);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(w.sink->cls->load(w.sink, lt_text_str(&manifests[i]), &w.f.err),
                             LT_OK);
        }
        assert_int_equal(w.sink->rows, 14);
        if (power == 0) {
            die(&w);
            lt_sim_crash(w.f.env);
        }
    }
    w.written = 14;
    w.covered = 14;
    w.checkpoint = 5;
    assert_int_equal(write_some(&w, 4), LT_OK);
    assert_int_equal(checkpoint(&w), LT_OK);
    assert_int_equal(end(&w), LT_OK);
    unsigned counts[ROWS];
    (void)count_rows(&w, counts);
    for (int64_t row = 0; row < ROWS; row++) {
        assert_int_equal(counts[row], row < 18);
    }
    lt_text_deinit(&manifests[0]);
    lt_text_deinit(&manifests[1]);
    world_deinit(&w);
}

static void expect_refused(world *w, const char *text, const char *path)
{
    lt_error_clear(&w->f.err);
    assert_int_equal(start(w), LT_ERR_STATE);
    if (strstr(w->f.err.text, text) == NULL || strstr(w->f.err.text, path) == NULL) {
        fail_msg("%s", w->f.err.text);
    }
    assert_true(w->f.err.hint[0] != '\0');
    const char *const key = "x";
    assert_int_equal(write_rows(&w->f, w->sink, 0, 1, &key), LT_ERR_IO); /* nothing goes on */
    die(w);
}

/* What the checkpoint covers is gone. */
static void test_gone(void **state)
{
    (void)state;
    world w;
    world_init(&w, 1);
    assert_int_equal(start(&w), LT_OK);
    assert_int_equal(write_some(&w, 4), LT_OK);
    assert_int_equal(checkpoint(&w), LT_OK);
    die(&w);
    find found = find_in(&w, "/out/k=x");
    size_t size;
    const char *bytes = lt_sim_get(w.f.env, found.hidden, &size);
    assert_int_equal(size, 16);
    char copy[16];
    memcpy(copy, bytes, sizeof copy);
    assert_int_equal(lt_sim_put(w.f.env, found.hidden, copy, 15, &w.f.err), LT_OK);
    expect_refused(&w, "has 15 bytes, but checkpoint 1 covers 16", found.hidden);
    assert_int_equal(w.f.env->unlink(w.f.env, found.hidden, &w.f.err), LT_OK);
    expect_refused(&w, "is missing; it has 2 rows that checkpoint 1 covers", found.hidden);
    assert_int_equal(lt_sim_put(w.f.env, found.hidden, copy, 16, &w.f.err), LT_OK);
    assert_int_equal(start(&w), LT_OK);

    /* The same for a file that is only to be renamed. */
    assert_int_equal(w.sink->cls->finish(w.sink, &w.f.err), LT_OK);
    assert_int_equal(save(&w, false), LT_OK);
    die(&w);
    found = find_in(&w, "/out/k=x");
    assert_int_equal(lt_sim_put(w.f.env, found.hidden, copy, 15, &w.f.err), LT_OK);
    expect_refused(&w, "has 15 bytes, but checkpoint 2 covers 16", found.hidden);
    assert_int_equal(w.f.env->unlink(w.f.env, found.hidden, &w.f.err), LT_OK);
    expect_refused(&w, "is missing; it has 2 rows that checkpoint 2 covers", found.hidden);
    assert_int_equal(lt_sim_put(w.f.env, found.hidden, copy, 16, &w.f.err), LT_OK);
    assert_int_equal(start(&w), LT_OK);
    assert_int_equal(end(&w), LT_OK);
    expect_rows(&w, 4, "gone", 0);
    world_deinit(&w);
}

/* Published files may be taken away by who reads them; a restart does not miss them. */
static void test_taken_away(void **state)
{
    (void)state;
    world w;
    world_init(&w, 1);
    assert_int_equal(start(&w), LT_OK);
    assert_int_equal(write_some(&w, 12), LT_OK);
    assert_int_equal(checkpoint(&w), LT_OK);
    die(&w);
    find found = find_in(&w, "/out/k=x");
    assert_int_equal(w.f.env->unlink(w.f.env, found.visible, &w.f.err), LT_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(start(&w), LT_OK);
        die(&w);
        lt_sim_crash(w.f.env);
    }
    world_deinit(&w);
}

/* An older checkpoint than the last one that was committed. */
static void test_older_checkpoint(void **state)
{
    (void)state;
    world w;
    world_init(&w, 1);
    world_table(&w, "sink.rolling-policy.file-size", "40 bytes");
    w.f.ctx.partition_count = 0;
    assert_int_equal(start(&w), LT_OK);
    assert_int_equal(checkpoint(&w), LT_OK);
    lt_text oldest = w.manifest; /* nothing written yet */
    lt_text_init(&w.manifest, &w.f.side);
    assert_int_equal(write_rows(&w.f, w.sink, 0, 2, keys), LT_OK);
    assert_int_equal(checkpoint(&w), LT_OK);
    lt_text older = w.manifest;
    lt_text_init(&w.manifest, &w.f.side);
    assert_int_equal(write_rows(&w.f, w.sink, 2, 1, keys), LT_OK);
    assert_int_equal(checkpoint(&w), LT_OK);
    die(&w);
    find found = find_in(&w, "/out");
    lt_text newest = w.manifest;
    w.manifest = older;
    w.manifest_checkpoint = 2;
    expect_refused(&w, "was published after checkpoint 2", found.visible);
    /* A published file is never written over: the number is passed over. */
    w.manifest = oldest;
    w.manifest_checkpoint = 1;
    lt_text first;
    lt_text_init(&first, &w.f.side);
    lt_text_append(&first, oldest.ptr, oldest.len);
    size_t size;
    char before[64] = "";
    const char *bytes = lt_sim_get(w.f.env, found.visible, &size);
    assert_in_range(size, 1, sizeof before - 1);
    memcpy(before, bytes, size);
    assert_int_equal(start(&w), LT_OK);
    assert_int_equal(write_rows(&w.f, w.sink, 5, 3, keys), LT_OK);
    w.checkpoint = 7;
    assert_int_equal(checkpoint(&w), LT_OK);
    die(&w);
    assert_memory_equal(lt_sim_get(w.f.env, found.visible, &size), before, strlen(before));
    assert_int_equal(look(&w.f, "/out", &w.text).visible, 2);
    /* That later commits were there once says nothing of what is covered now. */
    w.manifest_checkpoint = 1;
    lt_text_clear(&w.manifest);
    lt_text_append(&w.manifest, first.ptr, first.len);
    assert_int_equal(start(&w), LT_OK);
    assert_int_equal(write_rows(&w.f, w.sink, 0, 3, keys), LT_OK);
    assert_int_equal(save(&w, false), LT_OK);
    found = find_in(&w, "/out");
    assert_int_equal(w.f.env->unlink(w.f.env, found.hidden, &w.f.err), LT_OK);
    assert_int_equal(w.sink->cls->commit(w.sink, w.checkpoint, &w.f.err), LT_ERR_STATE);
    die(&w);
    expect_refused(&w, "is missing; it has 3 rows that checkpoint 2 covers", found.hidden);
    lt_text_deinit(&newest);
    lt_text_deinit(&older);
    lt_text_deinit(&first);
    world_deinit(&w);
}

/* Every byte of what was saved is under the checksum. */
static void test_damaged(void **state)
{
    (void)state;
    world w;
    world_init(&w, 1);
    assert_int_equal(start(&w), LT_OK);
    assert_int_equal(write_some(&w, 12), LT_OK);
    assert_int_equal(save(&w, false), LT_OK);
    die(&w);
    for (size_t i = 0; i < w.manifest.len; i++) {
        w.manifest.ptr[i] ^= 4;
        assert_int_equal(start(&w), LT_ERR_STATE);
        assert_non_null(strstr(w.f.err.text, "is damaged"));
        die(&w);
        w.manifest.ptr[i] ^= 4;
    }
    size_t len = w.manifest.len;
    for (w.manifest.len = 0; w.manifest.len < len; w.manifest.len++) {
        assert_int_equal(start(&w), LT_ERR_STATE);
        die(&w);
    }
    assert_int_equal(start(&w), LT_OK);
    assert_int_equal(end(&w), LT_OK);
    expect_rows(&w, 12, "damaged", 0);
    world_deinit(&w);
}

/* No room: the error says so, the sink takes nothing more, and a restart with room goes on. */
static void test_disk_full(void **state)
{
    (void)state;
    world w;
    world_init(&w, 1);
    assert_int_equal(start(&w), LT_OK);
    assert_int_equal(write_some(&w, 4), LT_OK);
    assert_int_equal(checkpoint(&w), LT_OK);
    assert_int_equal(write_some(&w, 2), LT_OK);
    lt_sim_set_disk_max(w.f.env, 1);
    assert_int_equal(save(&w, false), LT_ERR_IO);
    assert_non_null(strstr(w.f.err.text, "no space left"));
    assert_null(strstr(w.f.err.text, "not made visible")); /* they will be */
    assert_int_equal(save(&w, false), LT_ERR_IO);
    assert_non_null(strstr(w.f.err.text, "an earlier write failed"));
    assert_int_equal(w.sink->cls->commit(w.sink, 1, &w.f.err), LT_ERR_IO);
    assert_int_equal(w.sink->cls->flush(w.sink, &w.f.err), LT_ERR_IO);
    assert_int_equal(write_some(&w, 2), LT_ERR_IO);
    die(&w);
    lt_sim_set_disk_max(w.f.env, 0);
    assert_int_equal(start(&w), LT_OK);
    assert_int_equal(run(&w), LT_OK);
    expect_rows(&w, ROWS, "disk full", 0);
    world_deinit(&w);
}

/* Success files wait for their delay and for what they stand for to be visible, over restarts. */
static void test_success_files(void **state)
{
    (void)state;
    world w;
    world_init(&w, 1);
    static const char *const options[] = {"path",
                                          "/out",
                                          "format",
                                          "json",
                                          "sink.rolling-policy.file-size",
                                          "8 bytes",
                                          "sink.rolling-policy.check-interval",
                                          "1 s",
                                          "sink.partition-commit.delay",
                                          "10 s",
                                          "sink.partition-commit.policy.kind",
                                          "success-file",
                                          NULL};
    fixture_table(&w.f, two, 2, options);
    w.f.ctx.partition_count = 1;
    w.f.ctx.checkpoints = true;
    w.f.ctx.owner = "job/t/0";
    size_t size;
    int64_t wake;
    assert_int_equal(start(&w), LT_OK);
    assert_int_equal(write_some(&w, 1), LT_OK);
    lt_sim_advance_us(w.f.env, 20000000);
    assert_int_equal(w.sink->cls->tick(w.sink, &wake, &w.f.err), LT_OK);
    assert_null(lt_sim_get(w.f.env, "/out/k=x/_SUCCESS", &size)); /* not visible yet */
    assert_int_equal(checkpoint(&w), LT_OK);
    assert_non_null(lt_sim_get(w.f.env, "/out/k=x/_SUCCESS", &size));
    assert_int_equal(write_some(&w, 1), LT_OK);
    assert_int_equal(checkpoint(&w), LT_OK);
    assert_int_equal(checkpoint(&w), LT_OK); /* waiting is in this one too */
    assert_null(lt_sim_get(w.f.env, "/out/k=y/_SUCCESS", &size));
    die(&w);
    assert_int_equal(start(&w), LT_OK);
    lt_sim_advance_us(w.f.env, 9000000);
    assert_int_equal(w.sink->cls->tick(w.sink, &wake, &w.f.err), LT_OK);
    assert_non_null(lt_sim_get(w.f.env, "/out/k=y/_SUCCESS", &size));
    /* The end of the input waits for nothing, also when a restart commits it. */
    w.written = 5;
    assert_int_equal(write_some(&w, 1), LT_OK);
    assert_int_equal(w.sink->cls->finish(w.sink, &w.f.err), LT_OK);
    assert_int_equal(save(&w, false), LT_OK);
    assert_null(lt_sim_get(w.f.env, "/out/k=z/_SUCCESS", &size));
    die(&w);
    assert_int_equal(start(&w), LT_OK);
    assert_non_null(lt_sim_get(w.f.env, "/out/k=z/_SUCCESS", &size));
    die(&w);
    assert_int_equal(look(&w.f, "/out", &w.text).hidden, 0);
    world_deinit(&w);
}

static void test_no_memory(void **state)
{
    (void)state;
    bool reached = true;
    for (int64_t n = 0; reached; n++) {
        world w;
        world_init(&w, 1);
        int64_t at = atomic_load(&w.f.root.alloc_count) + n;
        atomic_store(&w.f.root.fail_at, at);
        lt_status st = LT_OK;
        lt_sink *sink = NULL;
        for (int i = 0; i < 2 && st == LT_OK; i++) {
            st = lt_sink_new(lt_connector_find(LT_STR("filesystem")), &w.f.ctx, &sink, &w.f.err);
            st = st == LT_OK ? sink->cls->open(sink, &w.f.err) : st;
            w.sink = sink;
            if (st == LT_OK && i == 1) {
                st = sink->cls->load(sink, lt_text_str(&w.manifest), &w.f.err);
            }
            lt_batch *batch = st == LT_OK ? lt_batch_new(w.f.pool, w.f.ctx.schema, 8) : NULL;
            if (batch != NULL) {
                for (uint32_t r = 0; r < 8; r++) {
                    LT_COL_DATA(&batch->cols[0], int64_t)[r] = (int64_t)r + 8 * i;
                    LT_COL_DATA(&batch->cols[1], lt_strv)[r] = lt_strv_make(keys[r % 2], 1);
                }
                batch->row_count = batch->sel_count = 8;
                st = sink->cls->write(sink, batch, &w.f.err);
                lt_batch_unref(batch);
            } else if (st == LT_OK) {
                st = LT_ERR_NOMEM;
            }
            w.written += 8;
            st = st == LT_OK ? checkpoint(&w) : st;
            lt_sink_free(sink);
            w.sink = NULL;
        }
        reached = atomic_load(&w.f.root.alloc_count) > at;
        atomic_store(&w.f.root.fail_at, -1);
        if (st != LT_OK) {
            assert_true(reached);
            assert_int_equal(st, LT_ERR_NOMEM);
        }
        int64_t covered = w.covered;
        assert_int_equal(start(&w), LT_OK);
        assert_int_equal(end(&w), LT_OK);
        unsigned visible = look(&w.f, "/out", &w.text).visible;
        assert_true(covered == 0 ? visible == 0 : visible >= 4);
        world_deinit(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop_everywhere),
        cmocka_unit_test(test_stop_often),
        cmocka_unit_test(test_stop_and_resume),
        cmocka_unit_test(test_unsynced_rename),
        cmocka_unit_test(test_unsynced_cut),
        cmocka_unit_test(test_syncs),
        cmocka_unit_test(test_owners),
        cmocka_unit_test(test_fewer_tasks),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_taken_away),
        cmocka_unit_test(test_older_checkpoint),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_success_files),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
