/* State that is larger than memory: the limit holds and the contents are right, a full disk is an
 * error that leaves everything in place, and memory comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "os/env_sim.h"
#include "os/thread.h"
#include "state/spill.h"

#define BATCH  1024
#define VALUES 12

typedef struct {
    uint64_t numbers[VALUES];
    lt_cell text;
} record;

static const uint32_t record_cells[] = {offsetof(record, text)};
static const lt_type long_type = {.kind = LT_TYPE_BIGINT, .nullable = false};

typedef struct {
    lt_mem mem;
    lt_env *env;
    lt_arena *arena;
    lt_spill *spill;
    lt_state *state;
    lt_table *plain; /* key -> numbers */
    lt_table *texts; /* key -> numbers and a text */
    uint64_t keys[BATCH];
    uint64_t hashes[BATCH];
    void *values[BATCH];
    long resident_most; /* bytes */
} fixture;

static lt_status declare(fixture *fix, lt_error *err)
{
    const lt_type *type = &long_type;
    const lt_rowcodec *codec = lt_rowcodec_new(fix->arena, &type, 1, false);
    lt_table_decl decl = {
        .name = "plain", .key = codec, .value_size = sizeof(uint64_t) * VALUES, .group_fields = 1};
    fix->state = lt_state_new(&fix->mem, fix->env);
    if (!codec || !fix->state) {
        return LT_ERR_NOMEM;
    }
    if (fix->spill) {
        LT_TRY(lt_state_spill_to(fix->state, fix->spill, err));
    }
    LT_TRY(lt_state_table(fix->state, &decl, &fix->plain, err));
    decl.name = "texts";
    decl.value_size = sizeof(record);
    decl.cell_offsets = record_cells;
    decl.cell_count = 1;
    return lt_state_table(fix->state, &decl, &fix->texts, err);
}

static lt_status fixture_open(fixture *fix, lt_env *env, int64_t limit, lt_error *err)
{
    fix->env = env;
    fix->arena = lt_arena_new(&fix->mem, 1 << 20);
    if (!fix->arena) {
        return LT_ERR_NOMEM;
    }
    if (limit >= 0) {
        const char *dir = getenv("TMPDIR");
        LT_TRY(lt_spill_new(&fix->mem, env, dir ? dir : "/tmp", limit, &fix->spill, err));
    }
    return declare(fix, err);
}

static void fixture_close(fixture *fix)
{
    lt_state_free(fix->state);
    lt_spill_free(fix->spill);
    lt_arena_free(fix->arena);
}

static long resident(void)
{
    char text[128] = "";
    long size = 0;
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        size_t got = fread(text, 1, sizeof text - 1, file);
        (void)fclose(file);
        text[got] = '\0';
        char *end;
        size = strtol(text, &end, 10);
        pages = strtol(end, NULL, 10);
    }
    return size > 0 ? pages * sysconf(_SC_PAGESIZE) : 0;
}

static lt_status probe(fixture *fix, lt_table *table, uint32_t count, bool create, lt_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        fix->hashes[i] = lt_hash_u64(fix->keys[i]);
    }
    const lt_rows rows = {count, 8, (const uint8_t *)fix->keys, NULL, fix->hashes};
    return lt_table_probe(table, &rows, create, fix->values, NULL, err);
}

static lt_status tend(fixture *fix, lt_error *err)
{
    LT_TRY(lt_state_tend(fix->state, err));
    long now = resident();
    fix->resident_most = LT_MAX(fix->resident_most, now);
    return LT_OK;
}

static uint32_t text_of(uint64_t key, uint64_t round, char *to)
{
    uint32_t len = (uint32_t)(20 + key % 700);
    memset(to, (int)('a' + (key + round) % 26), len);
    return len;
}

static lt_status put(fixture *fix, lt_table *table, uint64_t first, uint32_t count, uint64_t round,
                     lt_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        fix->keys[i] = first + i;
    }
    LT_TRY(probe(fix, table, count, true, err));
    for (uint32_t i = 0; i < count; i++) {
        record *r = fix->values[i];
        for (unsigned k = 0; k < VALUES; k++) {
            r->numbers[k] = fix->keys[i] * 31 + k + round;
        }
        char text[1024];
        uint32_t len = text_of(fix->keys[i], round, text);
        if (table == fix->texts && !lt_cells_set(lt_table_cells(table), &r->text, text, len)) {
            return LT_ERR_NOMEM;
        }
    }
    return tend(fix, err);
}

/* Every key of the table has what round `round` gave it. */
static lt_status check(fixture *fix, lt_table *table, uint64_t count, uint64_t round, lt_error *err)
{
    for (uint64_t first = 0; first < count; first += BATCH) {
        uint32_t rows = (uint32_t)LT_MIN(count - first, (uint64_t)BATCH);
        for (uint32_t i = 0; i < rows; i++) {
            fix->keys[i] = first + i;
        }
        LT_TRY(probe(fix, table, rows, false, err));
        for (uint32_t i = 0; i < rows; i++) {
            const record *r = fix->values[i];
            char text[1024];
            uint32_t len = text_of(fix->keys[i], round, text);
            bool good = r != NULL;
            for (unsigned k = 0; good && k < VALUES; k++) {
                good = r->numbers[k] == fix->keys[i] * 31 + k + round;
            }
            good = good && (table != fix->texts ||
                            (r->text.len == len && memcmp(r->text.ptr, text, len) == 0));
            if (!good) {
                return lt_error_set(err, LT_ERR_DATA, "key %llu is wrong",
                                    (unsigned long long)fix->keys[i]);
            }
        }
        LT_TRY(tend(fix, err));
    }
    return LT_OK;
}

typedef struct {
    lt_state_snap *snap;
    uint64_t bytes;
    lt_status st;
    _Atomic(bool) done;
} reader;

static void read_all(void *arg)
{
    reader *r = arg;
    lt_state_block block;
    lt_error err;
    while ((r->st = lt_state_snap_next(r->snap, &block, &err)) == LT_OK) {
        r->bytes += block.len;
    }
    lt_state_snap_end(r->snap, r->st == LT_END);
    atomic_store(&r->done, true);
}

/* Rewrites keys while another thread reads a snapshot. */
static lt_status under_snapshot(fixture *fix, uint64_t count, uint64_t round, reader *r,
                                lt_error *err)
{
    lt_thread *thread;
    LT_TRY(lt_state_snap_begin(fix->state, false, &r->snap, err));
    LT_TRY(lt_thread_start(&fix->mem, "reader", read_all, r, &thread, err));
    lt_status st = LT_OK;
    for (uint64_t first = 0; st == LT_OK && first < count; first += BATCH) {
        uint32_t rows = (uint32_t)LT_MIN(count - first, (uint64_t)BATCH);
        st = put(fix, fix->texts, first, rows, round, err);
    }
    while (st == LT_OK && !atomic_load(&r->done)) {
        st = tend(fix, err);
        fix->env->wait(fix->env, fix->env->mono_ns(fix->env) + 1000000, NULL, 0);
    }
    lt_thread_join(thread);
    return st != LT_OK ? st : r->st == LT_END ? LT_OK : LT_ERR_INTERNAL;
}

/* ---- the limit ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PLAIN_ROWS 100000
#define TEXT_ROWS  20000
#define LIMIT      (8 << 20)
#define MAY_WEIGH  false /* the sanitizers' own memory counts too */
#else
#define PLAIN_ROWS 2400000 /* of 112 bytes and 28 of index and links: some 330 MB */
#define TEXT_ROWS  140000  /* and 75 MB */
#define LIMIT      (64 << 20)
#define MAY_WEIGH  true
#endif
#define OVER_LIMIT (24 << 20) /* the program, copies for the snapshot, small pieces */

static lt_status fill_and_check(fixture *fix, lt_error *err)
{
    reader r = {.bytes = 0};
    for (uint64_t first = 0; first < PLAIN_ROWS; first += BATCH) {
        LT_TRY(put(fix, fix->plain, first, (uint32_t)LT_MIN(PLAIN_ROWS - first, BATCH), 0, err));
    }
    for (uint64_t first = 0; first < TEXT_ROWS; first += BATCH) {
        LT_TRY(put(fix, fix->texts, first, (uint32_t)LT_MIN(TEXT_ROWS - first, BATCH), 0, err));
    }
    LT_TRY(check(fix, fix->plain, PLAIN_ROWS, 0, err));
    LT_TRY(check(fix, fix->texts, TEXT_ROWS, 0, err));
    LT_TRY(under_snapshot(fix, TEXT_ROWS / 8, 1, &r, err));
    LT_TRY(check(fix, fix->texts, TEXT_ROWS / 8, 1, err));
    if (r.bytes < (uint64_t)PLAIN_ROWS * sizeof(uint64_t) * VALUES) {
        return lt_error_set(err, LT_ERR_DATA, "the snapshot is too small");
    }
    lt_spill_stats stats;
    lt_spill_get_stats(fix->spill, &stats);
    print_message("    %lld MB in memory, %lld MB moved; resident %ld MB at most\n",
                  (long long)stats.memory_bytes >> 20, (long long)stats.spilled_bytes >> 20,
                  fix->resident_most >> 20);
    if (stats.memory_bytes > LIMIT || stats.spilled_bytes == 0) {
        return lt_error_set(err, LT_ERR_DATA, "%lld bytes are in memory",
                            (long long)stats.memory_bytes);
    }
    if (MAY_WEIGH && fix->resident_most > LIMIT + OVER_LIMIT) {
        return lt_error_set(err, LT_ERR_DATA, "%ld bytes are resident", fix->resident_most);
    }
    return LT_OK;
}

static int child(void)
{
    static fixture fix;
    lt_error err;
    lt_error_clear(&err);
    lt_mem_init(&fix.mem, NULL, "test", 0);
    lt_env *env = lt_env_real_new(&fix.mem);
    lt_status st = fixture_open(&fix, env, LIMIT, &err);
    st = st == LT_OK ? fill_and_check(&fix, &err) : st;
    if (st != LT_OK) {
        print_message("    %s\n", err.text);
    }
    fixture_close(&fix);
    lt_env_real_free(env);
    return st == LT_OK && atomic_load(&fix.mem.bytes) == 0 ? 0 : 1;
}

/* In a process of its own: what others have used is not in its memory. */
static void stays_below_the_limit(void **state)
{
    (void)state;
    (void)fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(child());
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- simulated ---- */

#define SIM_ROWS 20000

static void sim_open(fixture *fix, int64_t limit, int64_t disk_max)
{
    const lt_sim_options options = {
        .seed = 7, .start_wall_us = 1000000, .disk_bytes_max = disk_max};
    lt_error err;
    memset(fix, 0, sizeof *fix);
    lt_mem_init(&fix->mem, NULL, "test", 0);
    lt_env *env = lt_env_sim_new(&fix->mem, &options);
    assert_non_null(env);
    assert_int_equal(fixture_open(fix, env, limit, &err), LT_OK);
}

static void sim_close(fixture *fix)
{
    lt_env *env = fix->env;
    fixture_close(fix);
    lt_env_sim_free(env);
    assert_int_equal(fix->mem.bytes, 0);
}

static void full_disk(void **state)
{
    (void)state;
    fixture fix;
    lt_error err;
    sim_open(&fix, 1 << 20, 256 << 10);
    lt_status st = LT_OK;
    uint64_t rows = 0;
    for (; st == LT_OK && rows < SIM_ROWS; rows += BATCH) {
        st = put(&fix, fix.plain, rows, BATCH, 0, &err);
    }
    assert_int_equal(st, LT_ERR_IO);
    assert_non_null(strstr(err.text, "no space left"));
    /* Nothing is lost, and with room on the disk it goes on. */
    lt_sim_set_disk_max(fix.env, 0);
    assert_int_equal(lt_state_tend(fix.state, &err), LT_OK);
    assert_int_equal(check(&fix, fix.plain, rows, 0, &err), LT_OK);
    sim_close(&fix);
}

/* With limit 0 everything goes, small pieces too, and what is given back is used again. */
static void moves_everything(void **state)
{
    (void)state;
    fixture fix;
    lt_error err;
    lt_spill_stats stats;
    sim_open(&fix, 0, 0);
    for (uint64_t round = 0; round < 6; round++) {
        for (uint64_t first = 0; first < 3 * BATCH; first += BATCH) {
            assert_int_equal(put(&fix, fix.plain, first, BATCH, round, &err), LT_OK);
            assert_int_equal(put(&fix, fix.texts, first, BATCH, round, &err), LT_OK);
            lt_spill_get_stats(fix.spill, &stats);
            assert_int_equal(stats.memory_bytes, 0);
            assert_true(stats.spilled_bytes > 0);
        }
        assert_int_equal(check(&fix, fix.plain, 3 * BATCH, round, &err), LT_OK);
        assert_int_equal(check(&fix, fix.texts, 3 * BATCH, round, &err), LT_OK);
        if (round % 2 == 1) {
            lt_table_clear(fix.plain);
            lt_table_clear(fix.texts);
        }
    }
    sim_close(&fix);
}

static lt_status fault_steps(fixture *fix, lt_env *env, lt_error *err)
{
    LT_TRY(fixture_open(fix, env, 0, err));
    for (uint64_t first = 0; first < 2 * BATCH; first += BATCH) {
        LT_TRY(put(fix, fix->texts, first, BATCH, 0, err));
    }
    return check(fix, fix->texts, 2 * BATCH, 0, err);
}

static void survives_failed_allocations(void **state)
{
    (void)state;
    bool last = false;
    for (int64_t nth = 0; !last; nth++) {
        static const lt_sim_options options = {.seed = 7};
        fixture fix;
        lt_error err;
        memset(&fix, 0, sizeof fix);
        lt_mem_init(&fix.mem, NULL, "test", 0);
        lt_env *env = lt_env_sim_new(&fix.mem, &options);
        assert_non_null(env);
        fix.mem.alloc_count = 0;
        fix.mem.fail_at = nth;
        lt_status st = fault_steps(&fix, env, &err);
        assert_true(st == LT_OK || st == LT_ERR_NOMEM);
        last = fix.mem.alloc_count <= nth;
        fix.mem.fail_at = -1;
        fixture_close(&fix);
        lt_env_sim_free(env);
        assert_int_equal(fix.mem.bytes, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stays_below_the_limit),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(moves_everything),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
