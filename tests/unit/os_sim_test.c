/* The simulated environment: what it promises to tests, above all what a crash may and may not do.
 */
#include <stdio.h>
#include <string.h>

#include "os_sim_fixture.h"

static void clocks(void **state)
{
    (void)state;
    world w;
    world_seed(&w, 1);
    lt_env *env = w.env;
    assert_string_equal(env->name, "sim");
    int64_t wall = env->wall_us(env);
    int64_t mono = env->mono_ns(env);
    assert_int_equal(wall, INT64_C(1700000000000000));
    lt_sim_advance_us(env, 1500);
    assert_int_equal(env->wall_us(env), wall + 1500);
    assert_int_equal(env->mono_ns(env), mono + 1500000);
    env->wait(env, mono + 2000000, NULL, 0);
    assert_int_equal(env->mono_ns(env), mono + 2000000);
    assert_int_equal(env->wall_us(env), wall + 2000);
    for (int i = 1; i <= 10; i++) { /* parts of a microsecond add up */
        env->wait(env, mono + 2000000 + i * 300, NULL, 0);
    }
    assert_int_equal(env->wall_us(env), wall + 2003);
    env->wait(env, mono, NULL, 0);
    env->wait(env, INT64_MAX, NULL, 0);
    assert_int_equal(env->mono_ns(env), mono + 2003000);
    env->wake(env);
    env->wait(env, mono + 9000000, NULL, 0);
    assert_int_equal(env->mono_ns(env), mono + 2003000);
    env->wait(env, mono + 9000000, NULL, 0);
    assert_int_equal(env->mono_ns(env), mono + 9000000);
    assert_null(env->getenv(env, "PATH"));
    world_deinit(&w);
}

static void files_behave_as_real_ones(void **state)
{
    (void)state;
    world w;
    char bytes[64];
    size_t got;
    lt_stat info;
    world_seed(&w, 1);
    lt_env *env = w.env;
    lt_file *file;
    assert_int_equal(env->open(env, "/a", LT_OPEN_READ, &file, &w.err), LT_ERR_IO);
    assert_non_null(strstr(w.err.text, "no such file"));
    assert_int_equal(env->open(env, "/d/a", LT_OPEN_CREATE, &file, &w.err), LT_ERR_IO);
    assert_int_equal(env->mkdirs(env, "/d//e/../f/", &w.err), LT_OK);
    assert_int_equal(env->mkdirs(env, "/d/f", &w.err), LT_OK);
    assert_int_equal(env->stat(env, "/d/e", &info, &w.err), LT_OK);
    assert_int_equal(info.kind, LT_FILE_DIR);
    assert_int_equal(env->open(env, "/d", LT_OPEN_READ, &file, &w.err), LT_ERR_IO);
    assert_non_null(strstr(w.err.text, "is a directory"));
    file = open_ok(&w, "d/./f/x", LT_OPEN_CREATE);
    assert_int_equal(env->write(file, "0123456789", 10, &w.err), LT_OK);
    assert_int_equal(env->seek(file, 12, &w.err), LT_OK);
    assert_int_equal(env->write(file, "z", 1, &w.err), LT_OK);
    assert_int_equal(env->pread(file, bytes, sizeof bytes, 8, &got, &w.err), LT_OK);
    assert_int_equal(got, 5);
    assert_memory_equal(bytes, "89\0\0z", 5);
    assert_int_equal(env->truncate(file, 4, &w.err), LT_OK);
    assert_int_equal(env->fstat(file, &info, &w.err), LT_OK);
    assert_int_equal(info.size, 4);
    assert_int_equal(info.mtime_ms, INT64_C(1700000000000));
    env->close(file);
    assert_true(holds(&w, "/d/f/x", "0123"));
    assert_int_equal(env->open(env, "/d/f/x", LT_OPEN_EXCL, &file, &w.err), LT_ERR_IO);
    assert_int_equal(env->open(env, "/d/f/x/y", LT_OPEN_CREATE, &file, &w.err), LT_ERR_IO);
    assert_int_equal(env->open(env, "/d/f/x/", LT_OPEN_READ, &file, &w.err), LT_ERR_IO);
    file = open_ok(&w, "/d/f/x", LT_OPEN_APPEND);
    assert_int_equal(env->write(file, "ab", 2, &w.err), LT_OK);
    assert_int_equal(env->read(file, bytes, 1, &got, &w.err), LT_ERR_IO);
    assert_int_equal(env->unlink(env, "/d/f/x", &w.err), LT_OK);
    assert_int_equal(env->write(file, "c", 1, &w.err), LT_OK); /* unlinked, still open */
    env->close(file);
    assert_null(lt_sim_get(env, "/d/f/x", &got));
    assert_int_equal(env->unlink(env, "/d", &w.err), LT_ERR_IO);
    assert_int_equal(env->unlink(env, "/d/f", &w.err), LT_OK);
    assert_int_equal(env->unlink(env, "/", &w.err), LT_ERR_IO);
    assert_int_equal(env->unlink(env, "/d/f", &w.err), LT_ERR_IO);
    world_deinit(&w);
}

static lt_status count_entries(void *arg, const lt_dirent *entry)
{
    (void)entry;
    (*(int *)arg)++;
    return LT_OK;
}

static void renames(void **state)
{
    (void)state;
    world w;
    int count = 0;
    world_seed(&w, 1);
    lt_env *env = w.env;
    assert_int_equal(lt_sim_put(env, "/a/b/one", "1", 1, &w.err), LT_OK);
    assert_int_equal(lt_sim_put(env, "/a/two", "2", 1, &w.err), LT_OK);
    assert_int_equal(env->rename(env, "/a/b/one", "/a/two", &w.err), LT_OK);
    assert_true(holds(&w, "/a/two", "1"));
    assert_int_equal(env->rename(env, "/a/b/one", "/a/two", &w.err), LT_ERR_IO);
    assert_int_equal(env->rename(env, "/a/two", "/a/b", &w.err), LT_ERR_IO);
    assert_int_equal(env->rename(env, "/a/two", "/a/two", &w.err), LT_OK);
    assert_int_equal(env->rename(env, "/a", "/a/b/c", &w.err), LT_ERR_IO);
    assert_int_equal(env->rename(env, "/a", "/z", &w.err), LT_OK);
    assert_true(holds(&w, "/z/b/../two", "1"));
    assert_int_equal(env->list(env, "/z", count_entries, &count, &w.err), LT_OK);
    assert_int_equal(count, 2);
    assert_int_equal(env->list(env, "/z/two", count_entries, &count, &w.err), LT_ERR_IO);
    assert_int_equal(env->list(env, "/q", count_entries, &count, &w.err), LT_ERR_IO);
    lt_sim_crash(env);
    assert_true(holds(&w, "/z/two", "1"));
    world_deinit(&w);
}

static void streams(void **state)
{
    (void)state;
    world w;
    char bytes[64];
    size_t got;
    world_seed(&w, 1);
    lt_env *env = w.env;
    lt_file *in;
    lt_file *out;
    lt_sim_set_stdin(env, "hello", 5);
    assert_int_equal(env->file_std(env, LT_STDIN, &in, &w.err), LT_OK);
    assert_int_equal(env->file_std(env, LT_STDOUT, &out, &w.err), LT_OK);
    assert_int_equal(env->read(in, bytes, 2, &got, &w.err), LT_OK);
    assert_true(lt_str_eq(lt_sim_std(env, LT_STDIN), LT_STR("llo")));
    assert_int_equal(env->read(in, bytes, 64, &got, &w.err), LT_OK);
    assert_int_equal(got, 3);
    assert_int_equal(env->read(in, bytes, 64, &got, &w.err), LT_OK);
    assert_int_equal(got, 0);
    int64_t before = env->mono_ns(env);
    env->wait(env, before + 1000, &in, 1);
    assert_int_equal(env->mono_ns(env), before);
    assert_int_equal(env->seek(in, 0, &w.err), LT_ERR_IO);
    assert_int_equal(env->write(in, "x", 1, &w.err), LT_ERR_IO);
    assert_int_equal(env->write(out, "ab", 2, &w.err), LT_OK);
    lt_sim_fail_nth(env, 'w', 2);
    assert_int_equal(env->write(out, "cd", 2, &w.err), LT_OK);
    assert_int_equal(env->write(out, "ef", 2, &w.err), LT_ERR_IO);
    assert_int_equal(env->sync(out, &w.err), LT_OK);
    assert_true(lt_str_eq(lt_sim_std(env, LT_STDOUT), LT_STR("abcd")));
    assert_int_equal(lt_sim_std(env, LT_STDERR).len, 0);
    assert_false(env->is_terminal(out, NULL, NULL));
    env->close(in);
    env->close(out);
    world_deinit(&w);
}

static void synced_content_survives(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        world w;
        world_seed(&w, seed);
        lt_env *env = w.env;
        lt_file *file = open_ok(&w, "/log", LT_OPEN_CREATE);
        assert_int_equal(env->write(file, "durable", 7, &w.err), LT_OK);
        assert_int_equal(env->sync(file, &w.err), LT_OK);
        lt_sim_crash(env);
        assert_true(holds(&w, "/log", "durable"));
        assert_int_equal(env->write(file, "x", 1, &w.err), LT_ERR_IO); /* the handle has died */
        assert_int_equal(env->sync(file, &w.err), LT_ERR_IO);
        env->close(file);
        assert_int_equal(lt_env_write_file(env, "/m", "manifest", 8, &w.err), LT_OK);
        lt_sim_crash(env);
        assert_true(holds(&w, "/m", "manifest"));
        world_deinit(&w);
    }
}

/* Appending to a synced file: what was there stays, the size lies between, new sectors are there or
 * zero. */
static void unsynced_sectors_tear(void **state)
{
    (void)state;
    enum { OLD = 5 * SECTOR + 100, NEW = 9 * SECTOR + 7 };
    char old_bytes[OLD];
    char new_bytes[NEW];
    int kept = 0;
    int lost = 0;
    int torn = 0;
    memset(old_bytes, 'o', sizeof old_bytes);
    memset(new_bytes, 'n', sizeof new_bytes);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        world w;
        size_t size;
        world_seed(&w, seed);
        assert_int_equal(lt_sim_put(w.env, "/f", old_bytes, OLD, &w.err), LT_OK);
        lt_file *file = open_ok(&w, "/f", LT_OPEN_APPEND);
        assert_int_equal(w.env->write(file, new_bytes, NEW - OLD, &w.err), LT_OK);
        lt_sim_crash(w.env);
        w.env->close(file);
        const char *got = lt_sim_get(w.env, "/f", &size);
        assert_in_range(size, OLD, NEW);
        assert_true(size == OLD || size == NEW || size % SECTOR == 0);
        for (size_t i = 0; i < size; i++) {
            assert_true(i < OLD ? got[i] == 'o' : got[i] == 'n' || got[i] == '\0');
        }
        bool all_new = size == NEW && !memchr(got + OLD, '\0', NEW - OLD);
        kept += all_new ? 1 : 0;
        lost += size == OLD ? 1 : 0;
        torn += !all_new && size != OLD ? 1 : 0;
        world_deinit(&w);
    }
    assert_true(kept > SEEDS / 20 && lost > SEEDS / 20 && torn > SEEDS / 20);
}

static void overwrites_tear_by_sector(void **state)
{
    (void)state;
    enum { SIZE = 6 * SECTOR };
    char old_bytes[SIZE];
    char new_bytes[SIZE];
    int mixed = 0;
    memset(old_bytes, 'o', sizeof old_bytes);
    memset(new_bytes, 'n', sizeof new_bytes);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        world w;
        size_t size;
        world_seed(&w, seed);
        lt_file *file = open_ok(&w, "/f", LT_OPEN_CREATE);
        assert_int_equal(w.env->write(file, old_bytes, SIZE, &w.err), LT_OK);
        assert_int_equal(w.env->sync(file, &w.err), LT_OK);
        assert_int_equal(w.env->seek(file, SECTOR + 10, &w.err), LT_OK);
        assert_int_equal(w.env->write(file, new_bytes, 3 * SECTOR, &w.err), LT_OK);
        lt_sim_crash(w.env);
        w.env->close(file);
        const char *got = lt_sim_get(w.env, "/f", &size);
        assert_int_equal(size, SIZE);
        int new_sectors = 0;
        for (size_t s = 0; s < SIZE / SECTOR; s++) {
            bool is_new = memchr(got + s * SECTOR, 'n', SECTOR) != NULL;
            new_sectors += is_new ? 1 : 0;
            for (size_t i = s * SECTOR; i < (s + 1) * SECTOR; i++) {
                bool written = i >= SECTOR + 10 && i < 4 * SECTOR + 10;
                assert_int_equal(got[i], is_new && written ? 'n' : 'o');
            }
        }
        mixed += new_sectors > 0 && new_sectors < 4 ? 1 : 0;
        world_deinit(&w);
    }
    assert_true(mixed > SEEDS / 20);
}

static void truncation_is_lost_or_kept(void **state)
{
    (void)state;
    enum { SIZE = 4 * SECTOR };
    char bytes[SIZE];
    int kept = 0;
    memset(bytes, 'o', sizeof bytes);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        world w;
        size_t size;
        world_seed(&w, seed);
        assert_int_equal(lt_sim_put(w.env, "/f", bytes, SIZE, &w.err), LT_OK);
        lt_file *file = open_ok(&w, "/f", LT_OPEN_APPEND);
        assert_int_equal(w.env->truncate(file, SECTOR + 20, &w.err), LT_OK);
        lt_sim_crash(w.env);
        w.env->close(file);
        const char *got = lt_sim_get(w.env, "/f", &size);
        assert_true(size == SIZE || size == SECTOR + 20);
        kept += size < SIZE ? 1 : 0;
        for (size_t i = 0; i < size; i++) {
            bool in_cut_sector = i >= SECTOR + 20 && i < 2 * SECTOR;
            assert_true(got[i] == 'o' || (in_cut_sector && got[i] == '\0'));
        }
        world_deinit(&w);
    }
    assert_in_range(kept, SEEDS / 10, SEEDS - SEEDS / 10);
}

static void unsynced_names_may_vanish(void **state)
{
    (void)state;
    int created = 0;
    int removed = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        world w;
        size_t size;
        world_seed(&w, seed);
        assert_int_equal(lt_sim_put(w.env, "/d/old", "o", 1, &w.err), LT_OK);
        w.env->close(open_ok(&w, "/d/new", LT_OPEN_CREATE));
        assert_int_equal(w.env->unlink(w.env, "/d/old", &w.err), LT_OK);
        lt_sim_crash(w.env);
        created += lt_sim_get(w.env, "/d/new", &size) ? 1 : 0;
        removed += lt_sim_get(w.env, "/d/old", &size) ? 0 : 1;
        assert_true(!lt_sim_get(w.env, "/d/old", &size) || holds(&w, "/d/old", "o"));
        /* What a crash left is what the next one starts from. */
        bool was = lt_sim_get(w.env, "/d/new", &size) != NULL;
        lt_sim_crash(w.env);
        assert_int_equal(lt_sim_get(w.env, "/d/new", &size) != NULL, was);
        world_deinit(&w);
    }
    assert_in_range(created, SEEDS / 4, SEEDS * 3 / 4);
    assert_in_range(removed, SEEDS / 4, SEEDS * 3 / 4);
}

static void failed_rename_is_whole_or_not(void **state)
{
    (void)state;
    int moved = 0;
    int visible = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        world w;
        size_t size;
        world_seed(&w, seed);
        assert_int_equal(lt_sim_put(w.env, "/a", "new", 3, &w.err), LT_OK);
        assert_int_equal(lt_sim_put(w.env, "/b", "old", 3, &w.err), LT_OK);
        lt_sim_fail_nth(w.env, 'm', 1);
        assert_int_equal(w.env->rename(w.env, "/a", "/b", &w.err), LT_ERR_IO);
        visible += holds(&w, "/b", "new") ? 1 : 0;
        lt_sim_crash(w.env);
        bool is_moved = holds(&w, "/b", "new");
        moved += is_moved ? 1 : 0;
        assert_true(is_moved || holds(&w, "/b", "old"));
        assert_int_equal(lt_sim_get(w.env, "/a", &size) == NULL, is_moved);
        assert_int_equal(w.env->rename(w.env, is_moved ? "/b" : "/a", "/c", &w.err), LT_OK);
        world_deinit(&w);
    }
    assert_in_range(visible, SEEDS / 4, SEEDS * 3 / 4);
    assert_in_range(moved, SEEDS / 10, SEEDS / 2);
}

/* The page cache after a failed sync: the file's later syncs succeed and mean nothing. */
static void failed_sync_cannot_be_repeated(void **state)
{
    (void)state;
    int lost = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        world w;
        world_seed(&w, seed);
        assert_int_equal(lt_sim_put(w.env, "/f", "", 0, &w.err), LT_OK);
        lt_file *file = open_ok(&w, "/f", LT_OPEN_APPEND);
        assert_int_equal(w.env->write(file, "data", 4, &w.err), LT_OK);
        lt_sim_fail_nth(w.env, 's', 1);
        assert_int_equal(w.env->sync(file, &w.err), LT_ERR_IO);
        assert_int_equal(w.env->sync(file, &w.err), LT_ERR_IO);
        w.env->close(file);
        file = open_ok(&w, "/f", LT_OPEN_APPEND);
        assert_int_equal(w.env->sync(file, &w.err), LT_OK);
        w.env->close(file);
        /* A new file is the way out. */
        assert_int_equal(lt_env_write_file(w.env, "/g", "data", 4, &w.err), LT_OK);
        lt_sim_crash(w.env);
        lost += holds(&w, "/f", "data") ? 0 : 1;
        assert_true(holds(&w, "/g", "data"));
        world_deinit(&w);
    }
    assert_true(lost > SEEDS / 10);
}

static void atomic_replacement_holds_under_faults(void **state)
{
    (void)state;
    int failed = 0;
    for (uint64_t seed = 0; seed < SEEDS * 3; seed++) {
        world w;
        char text[2000];
        int last_done = 0;
        lt_sim_options options = {.seed = seed,
                                  .fail_write_per_mille = 100,
                                  .fail_sync_per_mille = 100,
                                  .short_read_per_mille = 500};
        world_init(&w, &options);
        assert_int_equal(lt_sim_put(w.env, "/s/m", "0", 1, &w.err), LT_OK);
        int tried = 1;
        for (; tried <= 5; tried++) {
            memset(text, '0' + tried, sizeof text);
            size_t size = (size_t)tried * 399;
            if (lt_env_write_file(w.env, "/s/m", text, size, &w.err) != LT_OK) {
                failed++;
                break;
            }
            last_done = tried;
        }
        lt_sim_crash(w.env);
        lt_text content;
        lt_text_init(&content, &w.mem);
        assert_int_equal(lt_env_read_file(w.env, "/s/m", 5000, &content, &w.err), LT_OK);
        /* Whole, and the last that succeeded or the one that failed after its rename. */
        int which = content.ptr[0] - '0';
        assert_true(which == last_done || which == tried);
        assert_int_equal(content.len, which == 0 ? 1 : which * 399);
        for (size_t i = 0; i < content.len; i++) {
            assert_int_equal(content.ptr[i], content.ptr[0]);
        }
        lt_text_deinit(&content);
        world_deinit(&w);
    }
    assert_true(failed > SEEDS / 2);
}

static void full_disk(void **state)
{
    (void)state;
    world w;
    size_t size;
    lt_sim_options options = {.seed = 1, .disk_bytes_max = 1000};
    world_init(&w, &options);
    lt_env *env = w.env;
    lt_file *file = open_ok(&w, "/a", LT_OPEN_CREATE);
    char bytes[800];
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(env->write(file, bytes, 800, &w.err), LT_OK);
    assert_int_equal(env->write(file, bytes, 800, &w.err), LT_ERR_IO);
    assert_non_null(strstr(w.err.text, "no space left"));
    assert_non_null(lt_sim_get(env, "/a", &size));
    assert_int_equal(size, 1000); /* as much as fitted */
    assert_int_equal(env->seek(file, 0, &w.err), LT_OK);
    assert_int_equal(env->write(file, bytes, 800, &w.err), LT_OK); /* nothing new is needed */
    assert_int_equal(env->truncate(file, 1001, &w.err), LT_ERR_IO);
    assert_int_equal(lt_env_write_file(env, "/b", bytes, 10, &w.err), LT_ERR_IO);
    assert_null(lt_sim_get(env, "/b.tmp", &size));
    env->close(file);
    assert_int_equal(env->unlink(env, "/a", &w.err), LT_OK);
    file = open_ok(&w, "/c", LT_OPEN_CREATE); /* syncs the directory, so that /a is gone for good */
    assert_int_equal(env->sync(file, &w.err), LT_OK);
    assert_int_equal(env->write(file, bytes, 800, &w.err), LT_OK);
    env->close(file);
    world_deinit(&w);
}

static void nth_and_chance(void **state)
{
    (void)state;
    world w;
    char byte;
    size_t got;
    lt_sim_options options = {.seed = 3, .fail_read_per_mille = 250};
    world_init(&w, &options);
    assert_int_equal(lt_sim_put(w.env, "/f", "abc", 3, &w.err), LT_OK);
    lt_file *file = open_ok(&w, "/f", LT_OPEN_READ);
    int failed = 0;
    for (int i = 0; i < 1000; i++) {
        failed += w.env->pread(file, &byte, 1, 1, &got, &w.err) == LT_OK ? 0 : 1;
    }
    assert_in_range(failed, 180, 320);
    w.env->close(file);
    world_deinit(&w);

    world_seed(&w, 3);
    assert_int_equal(lt_sim_put(w.env, "/f", "abc", 3, &w.err), LT_OK);
    file = open_ok(&w, "/f", LT_OPEN_READ);
    lt_sim_fail_nth(w.env, 'r', 3);
    for (int i = 1; i <= 6; i++) {
        lt_status st = w.env->pread(file, &byte, 1, 1, &got, &w.err);
        assert_int_equal(st, i == 3 ? LT_ERR_IO : LT_OK);
    }
    lt_sim_fail_nth(w.env, 'r', 1);
    lt_sim_fail_nth(w.env, 'r', 0);
    assert_int_equal(w.env->pread(file, &byte, 1, 1, &got, &w.err), LT_OK);
    w.env->close(file);
    world_deinit(&w);
}

/* A random walk over all operations; gives a digest of everything seen. */
static uint64_t random_walk(uint64_t seed, bool check_memory)
{
    static const char *const paths[] = {"/a", "/b", "/d/a", "/d/b", "/d/e/a", "/d", "/d/e", "/x/y"};
    world w;
    lt_file *file = NULL;
    uint64_t digest = seed;
    lt_sim_options options = {.seed = seed,
                              .fail_read_per_mille = 20,
                              .fail_write_per_mille = 20,
                              .fail_sync_per_mille = 100,
                              .short_read_per_mille = 100,
                              .disk_bytes_max = 20000};
    world_init(&w, &options);
    lt_env *env = w.env;
    for (int i = 0; i < 400; i++) {
        uint64_t draw = env->random_u64(env);
        const char *path = paths[draw % LT_COUNT_OF(paths)];
        const char *other = paths[(draw >> 8) % LT_COUNT_OF(paths)];
        size_t size = (size_t)(draw >> 16) % 3000;
        char bytes[3000];
        size_t got = 0;
        lt_status st = LT_OK;
        memset(bytes, (int)(draw >> 24 & 0xFF), sizeof bytes);
        if (check_memory && draw >> 60 == 0) {
            w.mem.fail_at = w.mem.alloc_count + (int64_t)(draw >> 50 & 3);
        }
        switch (draw >> 32 & 15) {
        case 0:
        case 1:
        case 2:
            env->close(file);
            st = env->open(env, path, (lt_open_mode)(draw >> 40 & 3), &file, &w.err);
            break;
        case 3:
            st = env->mkdirs(env, path, &w.err);
            break;
        case 4:
        case 5:
            st = env->rename(env, path, other, &w.err);
            break;
        case 6:
            st = env->unlink(env, path, &w.err);
            break;
        case 7:
            st = file ? env->truncate(file, (int64_t)size, &w.err) : LT_OK;
            break;
        case 8:
            st = file ? env->sync(file, &w.err) : LT_OK;
            break;
        case 9:
            st = file ? env->seek(file, (int64_t)(size / 2), &w.err) : LT_OK;
            break;
        case 10:
            st = file ? env->pread(file, bytes, size, 10, &got, &w.err) : LT_OK;
            break;
        case 11:
            if ((draw >> 45 & 3) == 0) {
                lt_sim_crash(env);
            }
            break;
        default:
            st = file ? env->write(file, bytes, size, &w.err) : LT_OK;
            break;
        }
        digest = digest * 31 + (uint64_t)st + got;
        for (size_t k = 0; k < LT_COUNT_OF(paths); k++) {
            const char *content = lt_sim_get(env, paths[k], &size);
            digest = digest * 31 + (content ? size + 1 : 0);
            digest = digest * 31 + (size > 0 ? (uint64_t)(unsigned char)content[size / 2] : 0);
        }
    }
    env->close(file);
    world_deinit(&w);
    return digest;
}

static void seeds_repeat(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        assert_true(random_walk(seed, false) == random_walk(seed, false));
        (void)random_walk(seed, true);
    }
    assert_true(random_walk(1, false) != random_walk(2, false));
}

static void libraries(void **state)
{
    (void)state;
    world w;
    char path[64];
    lt_library *library;
    world_seed(&w, 1);
    lt_env *env = w.env;
    int value = 7;
    assert_int_equal(lt_sim_library(env, "/lib/a/x.so", "value", &value, &w.err), LT_OK);
    assert_int_equal(env->real_path(env, "/lib/./a/../a//x.so", path, sizeof path, &w.err), LT_OK);
    assert_string_equal(path, "/lib/a/x.so");
    assert_int_equal(env->real_path(env, "/", path, sizeof path, &w.err), LT_OK);
    assert_string_equal(path, "/");
    assert_int_equal(env->real_path(env, "/lib/b", path, sizeof path, &w.err), LT_ERR_IO);
    assert_int_equal(env->real_path(env, "/lib/a/x.so", path, 11, &w.err), LT_ERR_IO);
    assert_int_equal(env->library_open(env, "/lib/a/x.so", &library, &w.err), LT_OK);
    assert_ptr_equal(env->library_symbol(library, "value"), &value);
    assert_null(env->library_symbol(library, "other"));
    env->library_close(library);
    env->library_close(NULL);
    assert_int_equal(env->library_open(env, "/lib/a", &library, &w.err), LT_ERR_IO);
    assert_null(library);
    world_deinit(&w);
}

/* Moved pages take room on the disk until they are freed, or the power goes. */
static void pages_take_room(void **state)
{
    (void)state;
    lt_sim_options options = {.seed = 1, .disk_bytes_max = 10000};
    world w;
    lt_pages *pages = NULL;
    world_init(&w, &options);
    lt_env *env = w.env;
    assert_int_equal(env->pages_open(env, "/", 1 << 20, &pages, &w.err), LT_OK);
    size_t page = pages->page;
    pages->base[page] = 42;
    assert_int_equal(env->pages_move(pages, 0, 2 * page, &w.err), LT_OK);
    assert_int_equal(env->pages_resident(pages), 2 * page);
    assert_int_equal(env->pages_move(pages, 2 * page, page, &w.err), LT_ERR_IO);
    assert_non_null(strstr(w.err.text, "no space left"));
    lt_file *file = open_ok(&w, "/f", LT_OPEN_CREATE);
    static const char bytes[8000] = "x";
    assert_int_equal(env->write(file, bytes, sizeof bytes, &w.err), LT_ERR_IO);
    env->close(file);
    assert_int_equal(pages->base[page], 42);
    env->pages_free(pages, 0, page, true);
    assert_int_equal(env->pages_move(pages, 2 * page, page, &w.err), LT_OK);
    lt_sim_crash(env);
    env->pages_close(pages);
    /* Writes that fail at random fail here too. */
    assert_int_equal(env->pages_open(env, "/", 1 << 20, &pages, &w.err), LT_OK);
    lt_sim_fail_nth(env, 'w', 1);
    assert_int_equal(env->pages_move(pages, 0, page, &w.err), LT_ERR_IO);
    assert_int_equal(env->pages_move(pages, 0, page, &w.err), LT_OK);
    lt_sim_crash_at(env, 1, false);
    assert_int_equal(env->pages_move(pages, page, page, &w.err), LT_ERR_IO);
    lt_sim_crash(env);
    env->pages_close(pages);
    world_deinit(&w);
}

static void no_memory_no_world(void **state)
{
    (void)state;
    lt_mem mem;
    lt_sim_options options = {.seed = 1};
    lt_mem_init(&mem, NULL, "root", 0);
    for (int64_t nth = 0; nth < 3; nth++) {
        mem.fail_at = mem.alloc_count + nth;
        assert_null(lt_env_sim_new(&mem, &options));
        assert_int_equal(mem.bytes, 0);
    }
    lt_env_sim_free(NULL);
    lt_mem_deinit(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks),
        cmocka_unit_test(files_behave_as_real_ones),
        cmocka_unit_test(renames),
        cmocka_unit_test(streams),
        cmocka_unit_test(synced_content_survives),
        cmocka_unit_test(unsynced_sectors_tear),
        cmocka_unit_test(overwrites_tear_by_sector),
        cmocka_unit_test(truncation_is_lost_or_kept),
        cmocka_unit_test(unsynced_names_may_vanish),
        cmocka_unit_test(failed_rename_is_whole_or_not),
        cmocka_unit_test(failed_sync_cannot_be_repeated),
        cmocka_unit_test(atomic_replacement_holds_under_faults),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(nth_and_chance),
        cmocka_unit_test(seeds_repeat),
        cmocka_unit_test(libraries),
        cmocka_unit_test(pages_take_room),
        cmocka_unit_test(no_memory_no_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
