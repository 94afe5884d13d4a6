/* The simulated environment: a virtual clock, seeded randomness and an in-memory file system that
 * can fail, tear and lose unsynced writes. Everything that happens follows from the seed. */
#pragma once

#include "os/env.h"

typedef struct {
    uint64_t seed;
    int64_t start_wall_us;        /* the virtual clock's first value */
    uint32_t fail_read_per_mille; /* chance of an I/O error per call, in 1/1000 */
    uint32_t fail_write_per_mille;
    uint32_t fail_sync_per_mille;
    uint32_t short_read_per_mille; /* read fewer bytes than asked for */
    int64_t disk_bytes_max;        /* ENOSPC above; 0 = unlimited */
    uint32_t slow_disk_us_max;     /* each operation on the disk takes 0 to that much */
    /* Chance, per operation on the disk and per wait, that the wall clock is set wrong: off by up
     * to wall_jump_s_max in either direction from what it should show, until the next jump. The
     * monotonic clock never jumps. */
    uint32_t wall_jump_per_mille;
    uint32_t wall_jump_s_max;
} lt_sim_options;

lt_env *lt_env_sim_new(lt_mem *mem, const lt_sim_options *options); /* NULL = out of memory */
void lt_env_sim_free(lt_env *env);

void lt_sim_advance_us(lt_env *env,
                       int64_t us); /* moves both clocks; wait() moves them to its deadline */

/* Power loss: every open handle dies; writes, creations and renames since the last sync of the file
 * or directory survive, vanish or are torn at a 512-byte sector, as the seed decides. */
void lt_sim_crash(lt_env *env);

/* Operations on the disk so far: opens for writing, reads, writes, truncations, syncs, renames,
 * unlinks, mkdirs and locks. Standard streams, stat and list are none. */
int64_t lt_sim_ops(lt_env *env);

/* The power goes at the nth operation from now (1 = the next; 0 = never): after its effect, or
 * before, when a write may still have left a prefix of its bytes. That call and every later one on
 * files, streams and names fails with LT_ERR_IO, "simulated power loss", until lt_sim_crash; clocks
 * and waits go on. */
void lt_sim_crash_at(lt_env *env, int64_t nth_op, bool after);
bool lt_sim_crashed(lt_env *env); /* the power has gone that way */

/* Changes rates and times from now on: fail_*, short_read_*, slow_*, wall_jump_*. The other members
 * of options are not looked at. A wall clock that is off stays so. */
void lt_sim_set_faults(lt_env *env, const lt_sim_options *options);
void lt_sim_set_disk_max(lt_env *env, int64_t bytes); /* as disk_bytes_max */

/* The n-th call from now (1 = the next) of read/write/sync/rename fails; 0 = none. kind: 'r', 'w',
 * 's', 'm'. */
void lt_sim_fail_nth(lt_env *env, char kind, int64_t nth);

/* Direct access for tests: creates or replaces a synced file; reads one (NULL when absent; borrowed
 * until the next change). */
lt_status lt_sim_put(lt_env *env, const char *path, const void *bytes, size_t size, lt_error *err);
const char *lt_sim_get(lt_env *env, const char *path, size_t *size);
/* What was written to the standard streams (captured), and what stdin will deliver. */
lt_str lt_sim_std(lt_env *env, int number);
void lt_sim_set_stdin(lt_env *env, const void *bytes, size_t size);

/* Makes a library: a file of that path, whose only symbol is this. Both strings are copied. */
lt_status lt_sim_library(lt_env *env, const char *path, const char *symbol, const void *address,
                         lt_error *err);
