/* The simulated environment's faults that a test steers: power that goes at a chosen operation,
 * slow disks, clocks that are set wrong, syncs that fail, disks that fill and are freed; and its
 * wakers and locks. */
#include <stdio.h>
#include <string.h>

#include "os_sim_fixture.h"

static void operations_are_counted(void **state)
{
    (void)state;
    world w;
    char byte;
    size_t got;
    lt_stat info;
    lt_file *std;
    world_seed(&w, 1);
    lt_env *env = w.env;
    assert_int_equal(lt_sim_put(env, "/d/f", "abc", 3, &w.err), LT_OK);
    assert_int_equal(lt_sim_ops(env), 0);
    lt_file *file = open_ok(&w, "/d/f", LT_OPEN_READ);
    assert_int_equal(lt_sim_ops(env), 0);
    assert_int_equal(env->read(file, &byte, 1, &got, &w.err), LT_OK);
    assert_int_equal(env->pread(file, &byte, 1, 2, &got, &w.err), LT_OK);
    env->close(file);
    assert_int_equal(lt_sim_ops(env), 2);
    file = open_ok(&w, "/d/g", LT_OPEN_CREATE);
    assert_int_equal(env->write(file, "x", 1, &w.err), LT_OK);
    assert_int_equal(env->sync(file, &w.err), LT_OK);
    assert_int_equal(env->truncate(file, 0, &w.err), LT_OK);
    env->close(file);
    assert_int_equal(lt_sim_ops(env), 6);
    assert_int_equal(env->rename(env, "/d/g", "/d/h", &w.err), LT_OK);
    assert_int_equal(env->unlink(env, "/d/h", &w.err), LT_OK);
    assert_int_equal(env->mkdirs(env, "/e/f", &w.err), LT_OK);
    assert_int_equal(lt_sim_ops(env), 9);
    assert_int_equal(env->stat(env, "/e/f", &info, &w.err), LT_OK);
    assert_int_equal(env->file_std(env, LT_STDOUT, &std, &w.err), LT_OK);
    assert_int_equal(env->write(std, "x", 1, &w.err), LT_OK);
    env->close(std);
    assert_int_equal(lt_sim_ops(env), 9);
    world_deinit(&w);
}

static lt_status no_entry(void *arg, const lt_dirent *entry)
{
    (void)arg;
    (void)entry;
    return LT_OK;
}

static void expect_dark(world *w, lt_status st)
{
    assert_int_equal(st, LT_ERR_IO);
    assert_string_equal(w->err.text, "simulated power loss");
    lt_error_clear(&w->err);
}

static void without_power_nothing_works(void **state)
{
    (void)state;
    world w;
    char byte;
    size_t got;
    lt_stat info;
    lt_file *other = NULL;
    lt_file *std;
    world_seed(&w, 1);
    lt_env *env = w.env;
    assert_int_equal(lt_sim_put(env, "/f", "abc", 3, &w.err), LT_OK);
    assert_int_equal(env->file_std(env, LT_STDOUT, &std, &w.err), LT_OK);
    lt_file *file = open_ok(&w, "/f", LT_OPEN_APPEND);
    lt_sim_crash_at(env, 1, false);
    assert_false(lt_sim_crashed(env));
    expect_dark(&w, env->sync(file, &w.err));
    assert_true(lt_sim_crashed(env));
    int64_t ops = lt_sim_ops(env);
    expect_dark(&w, env->write(file, "x", 1, &w.err));
    expect_dark(&w, env->sync(file, &w.err));
    expect_dark(&w, env->truncate(file, 0, &w.err));
    expect_dark(&w, env->read(file, &byte, 1, &got, &w.err));
    expect_dark(&w, env->pread(file, &byte, 1, 0, &got, &w.err));
    expect_dark(&w, env->seek(file, 0, &w.err));
    expect_dark(&w, env->fstat(file, &info, &w.err));
    expect_dark(&w, env->open(env, "/f", LT_OPEN_READ, &other, &w.err));
    expect_dark(&w, env->open(env, "/g", LT_OPEN_CREATE, &other, &w.err));
    expect_dark(&w, env->lock(env, "/l", &other, NULL, 0, &w.err));
    expect_dark(&w, env->file_std(env, LT_STDOUT, &other, &w.err));
    assert_null(other);
    expect_dark(&w, env->write(std, "x", 1, &w.err));
    expect_dark(&w, env->stat(env, "/f", &info, &w.err));
    expect_dark(&w, env->list(env, "/", no_entry, NULL, &w.err));
    expect_dark(&w, env->rename(env, "/f", "/g", &w.err));
    expect_dark(&w, env->unlink(env, "/f", &w.err));
    expect_dark(&w, env->mkdirs(env, "/d", &w.err));
    assert_int_equal(lt_sim_ops(env), ops);
    assert_int_equal(env->wall_us(env), START_US);
    env->wait(env, env->mono_ns(env) + 1000000, NULL, 0);
    assert_int_equal(env->wall_us(env), START_US + 1000);
    lt_sim_crash(env);
    assert_false(lt_sim_crashed(env));
    assert_true(holds(&w, "/f", "abc"));
    assert_int_equal(env->sync(file, &w.err), LT_ERR_IO); /* the handle is of before */
    assert_non_null(strstr(w.err.text, "not open"));
    env->close(file);
    env->close(std);
    file = open_ok(&w, "/f", LT_OPEN_APPEND);
    assert_int_equal(env->sync(file, &w.err), LT_OK);
    env->close(file);
    world_deinit(&w);
}

/* Replaces the manifest twice and prunes a file; stops at the first error. */
static int work(world *w)
{
    lt_env *env = w->env;
    if (lt_env_write_file(env, "/s/m", "manifest 1", 10, &w->err) != LT_OK) {
        return 0;
    }
    if (env->mkdirs(env, "/s/new", &w->err) != LT_OK ||
        lt_env_write_file(env, "/s/new/m", "another", 7, &w->err) != LT_OK ||
        lt_env_write_file(env, "/s/m", "manifest two", 12, &w->err) != LT_OK) {
        return 1;
    }
    return env->unlink(env, "/s/old", &w->err) == LT_OK ? 3 : 2;
}

/* The power goes before and after every single operation: what was reported as done is there, and
 * what is there is whole. */
static void power_goes_at_every_operation(void **state)
{
    (void)state;
    world w;
    world_seed(&w, 0);
    assert_int_equal(lt_sim_put(w.env, "/s/m", "start", 5, &w.err), LT_OK);
    assert_int_equal(lt_sim_put(w.env, "/s/old", "o", 1, &w.err), LT_OK);
    assert_int_equal(work(&w), 3);
    int64_t ops = lt_sim_ops(w.env);
    assert_true(ops >= 14);
    world_deinit(&w);
    for (int64_t at = 1; at <= ops * 2; at++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            world_seed(&w, seed);
            assert_int_equal(lt_sim_put(w.env, "/s/m", "start", 5, &w.err), LT_OK);
            assert_int_equal(lt_sim_put(w.env, "/s/old", "o", 1, &w.err), LT_OK);
            lt_sim_crash_at(w.env, (at + 1) / 2, at % 2 == 0);
            int done = work(&w);
            assert_true(lt_sim_crashed(w.env));
            assert_int_equal(lt_sim_ops(w.env), (at + 1) / 2);
            lt_sim_crash(w.env);
            bool start = holds(&w, "/s/m", "start");
            bool one = holds(&w, "/s/m", "manifest 1");
            bool two = holds(&w, "/s/m", "manifest two");
            assert_true(start || one || two);
            assert_true(done < 1 || !start);
            assert_true(done < 2 || two);
            assert_true(!two || holds(&w, "/s/new/m", "another"));
            assert_true(two || holds(&w, "/s/old", "o"));
            world_deinit(&w);
        }
    }
}

static void the_last_write_tears(void **state)
{
    (void)state;
    enum { SIZE = 6 * SECTOR };
    char bytes[SIZE];
    int none = 0;
    int some = 0;
    int all = 0;
    memset(bytes, 'n', sizeof bytes);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        world w;
        size_t size;
        world_seed(&w, seed);
        assert_int_equal(lt_sim_put(w.env, "/f", "", 0, &w.err), LT_OK);
        lt_file *file = open_ok(&w, "/f", LT_OPEN_APPEND);
        lt_sim_crash_at(w.env, 1, seed % 2 == 0);
        expect_dark(&w, w.env->write(file, bytes, SIZE, &w.err));
        (void)lt_sim_get(w.env, "/f", &size);
        assert_true(seed % 2 != 0 || size == SIZE); /* after: it took effect, but is not synced */
        lt_sim_crash(w.env);
        w.env->close(file);
        const char *got = lt_sim_get(w.env, "/f", &size);
        assert_true(size <= SIZE);
        size_t kept = 0;
        for (size_t i = 0; i < size; i++) {
            kept += got[i] == 'n' ? 1 : 0;
            assert_true(got[i] == 'n' || got[i] == '\0');
        }
        none += kept == 0 ? 1 : 0;
        all += kept == SIZE ? 1 : 0;
        some += kept > 0 && kept < SIZE ? 1 : 0;
        world_deinit(&w);
    }
    assert_true(none > SEEDS / 10 && some > SEEDS / 10 && all > SEEDS / 20);
}

static void syncs_and_renames_take_effect_or_not(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        world w;
        size_t size;
        world_seed(&w, seed);
        assert_int_equal(lt_sim_put(w.env, "/a", "a", 1, &w.err), LT_OK);
        lt_file *file = open_ok(&w, "/f", LT_OPEN_CREATE);
        assert_int_equal(w.env->write(file, "data", 4, &w.err), LT_OK);
        lt_sim_crash_at(w.env, 1, true);
        expect_dark(&w, w.env->sync(file, &w.err));
        lt_sim_crash(w.env);
        w.env->close(file);
        assert_true(holds(&w, "/f", "data"));
        lt_sim_crash_at(w.env, 1, seed % 2 == 0);
        expect_dark(&w, w.env->rename(w.env, "/a", "/b", &w.err));
        lt_sim_crash(w.env);
        assert_true(holds(&w, seed % 2 == 0 ? "/b" : "/a", "a"));
        assert_null(lt_sim_get(w.env, seed % 2 == 0 ? "/a" : "/b", &size));
        lt_sim_crash_at(w.env, 1, false);
        lt_sim_crash_at(w.env, 0, false); /* taken back */
        assert_int_equal(w.env->mkdirs(w.env, "/d", &w.err), LT_OK);
        world_deinit(&w);
    }
}

static void slow_disks_take_time(void **state)
{
    (void)state;
    world w;
    lt_sim_options options = {.seed = 5, .start_wall_us = START_US, .slow_disk_us_max = 1000};
    world_init(&w, &options);
    lt_env *env = w.env;
    lt_file *file = open_ok(&w, "/f", LT_OPEN_CREATE);
    int64_t start = env->mono_ns(env);
    for (int i = 0; i < 1000; i++) {
        int64_t before = env->mono_ns(env);
        assert_int_equal(env->write(file, "x", 1, &w.err), LT_OK);
        assert_in_range(env->mono_ns(env) - before, 0, 1000000);
    }
    assert_in_range(env->mono_ns(env) - start, INT64_C(400000000), INT64_C(600000000));
    assert_int_equal(env->wall_us(env) - START_US, (env->mono_ns(env) - 1000000000) / 1000);
    options.slow_disk_us_max = 0;
    lt_sim_set_faults(env, &options);
    start = env->mono_ns(env);
    assert_int_equal(env->write(file, "x", 1, &w.err), LT_OK);
    assert_int_equal(env->mono_ns(env), start);
    env->close(file);
    world_deinit(&w);
}

static void wall_clocks_jump(void **state)
{
    (void)state;
    world w;
    int jumps = 0;
    int back = 0;
    lt_sim_options options = {
        .seed = 5, .start_wall_us = START_US, .wall_jump_per_mille = 200, .wall_jump_s_max = 3600};
    world_init(&w, &options);
    lt_env *env = w.env;
    int64_t mono = env->mono_ns(env);
    int64_t wall = env->wall_us(env);
    for (int i = 1; i <= 1000; i++) {
        env->wait(env, mono + i * INT64_C(1000000), NULL, 0);
        assert_int_equal(env->mono_ns(env), mono + i * INT64_C(1000000));
        int64_t now = env->wall_us(env);
        jumps += now != wall + 1000 ? 1 : 0;
        back += now < wall ? 1 : 0;
        wall = now;
        int64_t off = wall - (START_US + i * 1000);
        assert_true(off >= -INT64_C(3600000000) && off <= INT64_C(3600000000));
    }
    assert_in_range(jumps, 140, 260);
    assert_in_range(back, 60, 140);
    options.wall_jump_per_mille = 0;
    lt_sim_set_faults(env, &options);
    env->wait(env, mono + INT64_C(1001000000), NULL, 0);
    assert_int_equal(env->wall_us(env), wall + 1000);
    world_deinit(&w);
}

/* The sectors that a failed sync did not write are believed written; those that are written later
 * are kept by later syncs, through another handle. */
static void a_failed_sync_loses_what_it_should_have_written(void **state)
{
    (void)state;
    enum { OLD = 2 * SECTOR, LOST = 2 * SECTOR, NEW = 3 * SECTOR };
    char bytes[OLD + LOST + NEW];
    int lost = 0;
    int kept = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        world w;
        size_t size;
        world_seed(&w, seed);
        memset(bytes, 'o', OLD);
        assert_int_equal(lt_sim_put(w.env, "/f", bytes, OLD, &w.err), LT_OK);
        lt_file *file = open_ok(&w, "/f", LT_OPEN_APPEND);
        memset(bytes, 'l', LOST);
        assert_int_equal(w.env->write(file, bytes, LOST, &w.err), LT_OK);
        lt_sim_fail_nth(w.env, 's', 1);
        assert_int_equal(w.env->sync(file, &w.err), LT_ERR_IO);
        assert_int_equal(w.env->sync(file, &w.err), LT_ERR_IO);
        w.env->close(file);
        file = open_ok(&w, "/f", LT_OPEN_APPEND);
        assert_int_equal(w.env->sync(file, &w.err), LT_OK);
        memset(bytes, 'n', NEW);
        assert_int_equal(w.env->write(file, bytes, NEW, &w.err), LT_OK);
        assert_int_equal(w.env->sync(file, &w.err), LT_OK);
        w.env->close(file);
        lt_sim_crash(w.env);
        const char *got = lt_sim_get(w.env, "/f", &size);
        assert_int_equal(size, OLD + LOST + NEW);
        for (size_t i = 0; i < size; i++) {
            char ch = got[i];
            bool in_lost = i >= OLD && i < OLD + LOST;
            assert_true(in_lost ? ch == 'l' || ch == '\0' : ch == (i < OLD ? 'o' : 'n'));
        }
        bool is_kept = !memchr(got, '\0', size);
        kept += is_kept ? 1 : 0;
        lost += is_kept ? 0 : 1;
        world_deinit(&w);
    }
    assert_true(lost > SEEDS / 4 && kept > SEEDS / 10);
}

/* What recovery does: cut off what is in doubt, write it anew, sync: then all of it is there. */
static void cutting_back_and_writing_anew_is_safe(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        world w;
        char bytes[1500];
        size_t size;
        size_t cut = 700 + (size_t)(seed % 5) * 81;
        world_seed(&w, seed);
        memset(bytes, 'o', sizeof bytes);
        assert_int_equal(lt_sim_put(w.env, "/f", bytes, cut, &w.err), LT_OK);
        lt_file *file = open_ok(&w, "/f", LT_OPEN_APPEND);
        memset(bytes, 'l', sizeof bytes);
        assert_int_equal(w.env->write(file, bytes, sizeof bytes, &w.err), LT_OK);
        lt_sim_fail_nth(w.env, 's', 1);
        assert_int_equal(w.env->sync(file, &w.err), LT_ERR_IO);
        w.env->close(file);
        file = open_ok(&w, "/f", LT_OPEN_APPEND);
        assert_int_equal(w.env->truncate(file, (int64_t)cut, &w.err), LT_OK);
        memset(bytes, 'n', sizeof bytes);
        assert_int_equal(w.env->write(file, bytes, sizeof bytes, &w.err), LT_OK);
        assert_int_equal(w.env->sync(file, &w.err), LT_OK);
        w.env->close(file);
        lt_sim_crash(w.env);
        const char *got = lt_sim_get(w.env, "/f", &size);
        assert_int_equal(size, cut + sizeof bytes);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(got[i], i < cut ? 'o' : 'n');
        }
        world_deinit(&w);
    }
}

static void truncation_counts_once_synced(void **state)
{
    (void)state;
    int lost = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        world w;
        world_seed(&w, seed);
        assert_int_equal(lt_sim_put(w.env, "/f", "0123456789", 10, &w.err), LT_OK);
        lt_file *file = open_ok(&w, "/f", LT_OPEN_APPEND);
        assert_int_equal(w.env->truncate(file, 4, &w.err), LT_OK);
        assert_int_equal(w.env->sync(file, &w.err), LT_OK);
        assert_int_equal(w.env->truncate(file, 0, &w.err), LT_OK);
        lt_sim_crash(w.env);
        w.env->close(file);
        assert_true(holds(&w, "/f", "0123") || holds(&w, "/f", ""));
        lost += holds(&w, "/f", "0123") ? 1 : 0;
        assert_int_equal(lt_sim_put(w.env, "/f", "0123", 4, &w.err), LT_OK);
        w.env->close(open_ok(&w, "/f", LT_OPEN_CREATE)); /* empties it, unsynced */
        lt_sim_crash(w.env);
        assert_true(holds(&w, "/f", "0123") || holds(&w, "/f", ""));
        world_deinit(&w);
    }
    assert_in_range(lost, SEEDS / 10, SEEDS - SEEDS / 10);
}

static void full_disks_can_be_freed(void **state)
{
    (void)state;
    world w;
    char bytes[800];
    world_seed(&w, 1);
    lt_env *env = w.env;
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(lt_env_write_file(env, "/a", bytes, sizeof bytes, &w.err), LT_OK);
    lt_sim_set_disk_max(env, 1000);
    assert_int_equal(lt_env_write_file(env, "/b", bytes, sizeof bytes, &w.err), LT_ERR_IO);
    assert_non_null(strstr(w.err.text, "no space left"));
    lt_sim_set_disk_max(env, 100); /* less than there is */
    assert_int_equal(lt_env_write_file(env, "/b", "y", 1, &w.err), LT_ERR_IO);
    lt_sim_options options = {.disk_bytes_max = 5, .fail_write_per_mille = 1000};
    lt_sim_set_faults(env, &options);
    lt_sim_set_disk_max(env, 0);
    assert_int_equal(lt_env_write_file(env, "/b", bytes, sizeof bytes, &w.err), LT_ERR_IO);
    assert_non_null(strstr(w.err.text, "device failed"));
    options.fail_write_per_mille = 0;
    lt_sim_set_faults(env, &options); /* not the size of the disk */
    assert_int_equal(lt_env_write_file(env, "/b", bytes, sizeof bytes, &w.err), LT_OK);
    world_deinit(&w);
}

static void wakers_and_waits(void **state)
{
    (void)state;
    world w;
    world_seed(&w, 1);
    lt_env *env = w.env;
    lt_waker *waker = env->waker_new(env);
    lt_waker *other = env->waker_new(env);
    assert_non_null(waker);
    assert_non_null(other);
    int64_t mono = env->mono_ns(env);
    env->waker_signal(waker);
    env->waker_signal(waker);
    env->wait_on(env, waker, mono + 1000, NULL, 0);
    assert_int_equal(env->mono_ns(env), mono);
    env->waker_signal(other);
    env->wake(env);
    env->wait_on(env, waker, mono + 1000, NULL, 0);
    assert_int_equal(env->mono_ns(env), mono + 1000);
    env->wait_on(env, waker, INT64_MAX, NULL, 0);
    env->wait_on(env, other, mono + 2000, NULL, 0);
    assert_int_equal(env->mono_ns(env), mono + 1000);
    env->waker_free(waker);
    env->waker_free(other);
    env->waker_free(NULL);
    w.mem.fail_at = w.mem.alloc_count;
    assert_null(env->waker_new(env));
    w.mem.fail_at = -1;
    assert_int_equal(env->cpu_count(env), 2);
    int64_t before = env->process_id(env);
    lt_sim_crash(env);
    assert_true(env->process_id(env) != before);
    lt_file *file;
    assert_int_equal(env->listen(env, "tcp:localhost:0", &file, &w.err), LT_ERR_UNSUPPORTED);
    assert_int_equal(env->connect(env, "unix:/x", &file, &w.err), LT_ERR_UNSUPPORTED);
    assert_null(file);
    world_deinit(&w);
}

static void locks(void **state)
{
    (void)state;
    world w;
    char holder[16];
    lt_file *first;
    lt_file *second;
    world_seed(&w, 1);
    lt_env *env = w.env;
    assert_int_equal(lt_sim_put(env, "/l", "old", 3, &w.err), LT_OK);
    assert_int_equal(env->lock(env, "/l", &first, holder, sizeof holder, &w.err), LT_OK);
    assert_int_equal(env->write(first, "pid 7\n", 6, &w.err), LT_OK);
    assert_int_equal(env->lock(env, "/l", &second, holder, sizeof holder, &w.err), LT_ERR_STATE);
    assert_null(second);
    assert_string_equal(holder, "pid 7");
    assert_int_equal(env->lock(env, "/l", &second, holder, 3, &w.err), LT_ERR_STATE);
    assert_string_equal(holder, "pi");
    assert_int_equal(env->lock(env, "/l", &second, NULL, 0, &w.err), LT_ERR_STATE);
    assert_int_equal(env->lock(env, "/no/l", &second, NULL, 0, &w.err), LT_ERR_IO);
    env->close(first);
    assert_int_equal(env->lock(env, "/l", &first, NULL, 0, &w.err), LT_OK);
    lt_sim_crash(env);
    assert_int_equal(env->lock(env, "/l", &second, NULL, 0, &w.err), LT_OK);
    env->close(first); /* its lock went with the power: the new holder keeps it */
    assert_int_equal(env->lock(env, "/l", &first, NULL, 0, &w.err), LT_ERR_STATE);
    env->close(second);
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_are_counted),
        cmocka_unit_test(without_power_nothing_works),
        cmocka_unit_test(power_goes_at_every_operation),
        cmocka_unit_test(the_last_write_tears),
        cmocka_unit_test(syncs_and_renames_take_effect_or_not),
        cmocka_unit_test(slow_disks_take_time),
        cmocka_unit_test(wall_clocks_jump),
        cmocka_unit_test(a_failed_sync_loses_what_it_should_have_written),
        cmocka_unit_test(cutting_back_and_writing_anew_is_safe),
        cmocka_unit_test(truncation_counts_once_synced),
        cmocka_unit_test(full_disks_can_be_freed),
        cmocka_unit_test(wakers_and_waits),
        cmocka_unit_test(locks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
